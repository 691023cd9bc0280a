//! `afterword tenants` and `afterword keys`: what an operator makes before anybody can call the API.

use afterword_domain::ids::{CandidateId, KeyId};
use afterword_domain::values::{Label, Line};
use afterword_store::{ApiKeyRow, Store, StoreError, StoreOptions, TenantId, TenantRow};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Failure, output};
use crate::edge::api_key::ApiKey;
use crate::edge::clock::Clock;
use crate::edge::scopes::{Scope, Scopes};

/// What to do with tenants.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Tenants {
    /// Make a tenant
    Create {
        /// Its name, unique in the store
        #[arg(value_parser = line)]
        name: Line,
        /// A test tenant: its keys begin with aw_test_
        #[arg(long)]
        test: bool,
    },
}

impl Tenants {
    pub(super) async fn run(self, options: &StoreOptions) -> Result<(), Failure> {
        let Self::Create { name, test } = self;
        let store = Store::open(options).await?;
        create_tenant(&store, &Clock::system(), name.as_str(), test).await?;
        store.close().await;
        Ok(output::one(&json!({"tenant": name, "test": test}))?)
    }
}

/// What to do with API keys.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Keys {
    /// Make an API key and show it, once
    Create {
        /// Whose key
        #[arg(long, value_name = "NAME")]
        tenant: String,
        /// What it may do: admin, or some of candidates:read, candidates:write, debriefs:read, events:read, webhooks:manage
        #[arg(long, required = true, value_delimiter = ',', value_name = "SCOPE,…")]
        scopes: Vec<Scope>,
        /// The one candidate that it reaches, as for a candidate's own app
        #[arg(long, value_name = "ID", conflicts_with = "group")]
        candidate: Option<CandidateId>,
        /// The group of candidates that it reaches, as for a coach
        #[arg(long, value_name = "LABEL", value_parser = label)]
        group: Option<Label>,
        /// What it is for
        #[arg(long, value_parser = line)]
        name: Option<Line>,
    },
}

impl Keys {
    pub(super) async fn run(self, store: Store) -> Result<(), Failure> {
        let Self::Create {
            tenant,
            scopes,
            candidate,
            group,
            name,
        } = self;
        let tenant = the_tenant(&store, &tenant).await?;
        if let Some(candidate) = candidate
            && store.stream_head(tenant.id, candidate.uuid()).await?.is_none()
        {
            return Err(Failure::Refused(format!(
                "the tenant {} has no candidate {candidate}",
                tenant.name
            )));
        }
        let reach = Reach {
            candidate,
            group: group.map(|group| group.to_string()),
            name: name.map(|name| name.to_string()),
        };
        let made = create_key(&store, &Clock::system(), &tenant, scopes.into_iter().collect(), reach).await?;
        store.close().await;
        Ok(output::one(&made.shown())?)
    }
}

fn line(text: &str) -> Result<Line, String> {
    Line::try_from(text)
}

fn label(text: &str) -> Result<Label, String> {
    Label::try_from(text)
}

/// Whom a key reaches, and what it is called.
#[derive(Debug, Default)]
pub struct Reach {
    candidate: Option<CandidateId>,
    group: Option<String>,
    name: Option<String>,
}

/// A key that was just made.
#[derive(Debug, Serialize)]
pub struct MadeKey {
    /// Its id.
    pub id: KeyId,
    /// The key, in clear this once.
    #[serde(skip)]
    pub key: ApiKey,
    /// The tenant's name.
    pub tenant: String,
    /// What it may do.
    pub scopes: Scopes,
}

impl MadeKey {
    fn shown(&self) -> Value {
        json!({"id": self.id, "key": self.key.expose(), "tenant": self.tenant, "scopes": self.scopes})
    }
}

/// The tenant of a name.
pub(super) async fn the_tenant(store: &Store, name: &str) -> Result<TenantRow, Failure> {
    let tenant = store.tenant_by_name(name).await?;
    tenant.ok_or_else(|| {
        Failure::Refused(format!(
            "there is no tenant {name}; `afterword tenants create` makes one"
        ))
    })
}

/// Makes a tenant.
///
/// # Errors
/// When the name is taken, or the store does not answer.
pub async fn create_tenant(store: &Store, clock: &Clock, name: &str, test: bool) -> Result<TenantRow, Failure> {
    loop {
        let id = TenantId(random_number()?);
        match store.tenant_create(id, name, test, clock.now().as_microsecond()).await {
            Ok(()) => {
                return Ok(TenantRow {
                    id,
                    name: name.to_owned(),
                    test,
                });
            }
            // One in two thousand million: the number is taken, and not the name.
            Err(StoreError::NameTaken) if store.tenant_by_name(name).await?.is_none() => {}
            Err(StoreError::NameTaken) => return Err(Failure::Refused(format!("there is a tenant {name} already"))),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Makes an API key.
///
/// # Errors
/// When the store does not answer.
pub async fn create_key(
    store: &Store,
    clock: &Clock,
    tenant: &TenantRow,
    scopes: Scopes,
    reach: Reach,
) -> Result<MadeKey, Failure> {
    let id = KeyId::new(clock.uuid_v7());
    let key = ApiKey::generate(tenant.id.0, tenant.test).map_err(|fault| Failure::Refused(fault.to_string()))?;
    let row = ApiKeyRow {
        key_id: id.uuid(),
        hash: key.hash().to_vec(),
        scopes: scopes.iter().map(Scope::name).collect::<Vec<_>>().join(" "),
        name: reach.name,
        candidate: reach.candidate.map(CandidateId::uuid),
        group: reach.group,
        created_at: clock.now().as_microsecond(),
        expires_at: None,
        revoked_at: None,
    };
    store.api_key_put(tenant.id, &row).await?;
    Ok(MadeKey {
        id,
        key,
        tenant: tenant.name.clone(),
        scopes,
    })
}

/// A random number of 31 bits, not 0: an API key has room for no more.
fn random_number() -> Result<i64, Failure> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|_| Failure::Refused("the system has no random numbers".to_owned()))?;
    Ok(i64::from(u32::from_be_bytes(bytes) >> 1).max(1))
}
