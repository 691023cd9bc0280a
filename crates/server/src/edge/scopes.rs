//! What a caller may do and whom it may see.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::problem::{Code, Problem};

/// One right of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Scope {
    /// Everything, the keys themselves included.
    #[serde(rename = "admin")]
    Admin,
    /// Reading candidates and all views.
    #[serde(rename = "candidates:read")]
    CandidatesRead,
    /// Recording facts.
    #[serde(rename = "candidates:write")]
    CandidatesWrite,
    /// Reading what a candidate said in debriefs.
    #[serde(rename = "debriefs:read")]
    DebriefsRead,
    /// Reading the feed of events.
    #[serde(rename = "events:read")]
    EventsRead,
    /// Managing webhooks.
    #[serde(rename = "webhooks:manage")]
    WebhooksManage,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] = [
        Self::Admin,
        Self::CandidatesRead,
        Self::CandidatesWrite,
        Self::DebriefsRead,
        Self::EventsRead,
        Self::WebhooksManage,
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::CandidatesRead => "candidates:read",
            Self::CandidatesWrite => "candidates:write",
            Self::DebriefsRead => "debriefs:read",
            Self::EventsRead => "events:read",
            Self::WebhooksManage => "webhooks:manage",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|scope| scope.name() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|scope| scope.name()).collect();
            format!("`{text}` is not a scope; scopes are {}.", known.join(", "))
        })
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct Scopes(u8);

impl Scopes {
    /// Whether a caller with these scopes may do what `scope` stands for; `admin` may do all.
    pub fn allows(self, scope: Scope) -> bool {
        self.0 & (bit(scope) | bit(Scope::Admin)) != 0
    }

    /// The scopes in the set, `admin` as just itself.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & bit(*scope) != 0)
    }
}

fn bit(scope: Scope) -> u8 {
    1 << scope as u8
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | bit(scope)))
    }
}

impl From<Vec<Scope>> for Scopes {
    fn from(scopes: Vec<Scope>) -> Self {
        scopes.into_iter().collect()
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.iter().collect()
    }
}

/// Whose facts a key reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Every candidate of the tenant.
    Everything,
    /// One candidate, as in that candidate's own app.
    Candidate(Uuid),
    /// The candidates of one group, as a coach has them.
    Group(String),
}

impl Bound {
    /// Whether the candidate exists for this key; if not, the answer is `404`.
    pub fn admits(&self, candidate: Uuid, groups: &[String]) -> bool {
        match self {
            Self::Everything => true,
            Self::Candidate(own) => *own == candidate,
            Self::Group(own) => groups.contains(own),
        }
    }
}

/// Who asks: proof that the request carried a valid key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant, which every look-up names.
    pub tenant: i64,
    /// Whether it is a test key.
    pub test: bool,
    /// The key, as `recorded_by` names it.
    pub key_id: Uuid,
    /// What it may do.
    pub scopes: Scopes,
    /// Whom it may see.
    pub bound: Bound,
}

impl Caller {
    /// Refuses with `403` what the key may not do.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.allows(scope) {
            return Ok(());
        }
        Err(Problem::new(
            Code::InsufficientScope,
            format!("This needs a key with the scope `{scope}`."),
        ))
    }

    /// Refuses with `403` what is the whole tenant's to a key that is bound, or is no admin's: what such a key does not do
    /// is told.
    pub fn require_whole(&self, does_not: &str) -> Result<(), Problem> {
        self.require(Scope::Admin)?;
        match self.bound {
            Bound::Everything => Ok(()),
            Bound::Candidate(_) | Bound::Group(_) => Err(Problem::new(
                Code::InsufficientScope,
                format!("A key that is bound to a candidate or a group {does_not}."),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_may_do_everything_and_others_their_own() {
        let admin: Scopes = [Scope::Admin].into_iter().collect();
        let reader: Scopes = [Scope::CandidatesRead].into_iter().collect();
        assert!(Scope::ALL.into_iter().all(|scope| admin.allows(scope)));
        assert!(reader.allows(Scope::CandidatesRead));
        assert!(!reader.allows(Scope::CandidatesWrite) && !reader.allows(Scope::Admin));
        assert!(!Scopes::default().allows(Scope::CandidatesRead));
    }

    #[test]
    fn a_scope_is_written_as_it_is_read() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(scope));
            assert_eq!(serde_json::to_value(scope).expect("JSON"), scope.name());
        }
        assert!(
            "candidates"
                .parse::<Scope>()
                .is_err_and(|said| said.contains("candidates:read"))
        );
        let set: Scopes = serde_json::from_str(r#"["events:read", "admin"]"#).expect("scopes");
        assert_eq!(serde_json::to_string(&set).expect("JSON"), r#"["admin","events:read"]"#);
    }

    #[test]
    fn a_bound_key_sees_only_its_own() {
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let groups = ["spring".to_owned()];
        assert!(Bound::Everything.admits(other, &[]));
        assert!(Bound::Candidate(own).admits(own, &[]) && !Bound::Candidate(own).admits(other, &groups));
        assert!(
            Bound::Group("spring".to_owned()).admits(other, &groups)
                && !Bound::Group("autumn".to_owned()).admits(other, &groups)
        );
    }
}
