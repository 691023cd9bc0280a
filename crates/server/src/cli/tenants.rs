//! `afterword tenants` and `afterword keys`: what an operator makes before anybody can call the API.

use std::path::{Path, PathBuf};

use afterword_domain::ids::{CandidateId, KeyId};
use afterword_domain::values::{Label, Line};
use afterword_store::{ApiKeyRow, RetentionRow, Rotated, Store, StoreError, TenantId, TenantRow};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Failure, output, stores::Stores};
use crate::edge::api_key::ApiKey;
use crate::edge::clock::Clock;
use crate::edge::scopes::{Scope, Scopes};
use crate::retention::Period;

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
    /// Show how long a tenant keeps candidates, or set it: whoever nobody told anything of for so long is erased
    ///
    /// What is erased never comes back. Without a period, shows what was set, when, the newest last.
    Retention {
        /// Whose
        #[arg(long, value_name = "NAME")]
        tenant: String,
        /// How long, as P2Y, P18M or P90D; from P30D to P100Y
        #[arg(long, value_name = "PERIOD")]
        period: Option<Period>,
        /// For ever, as it is unless something else was set
        #[arg(long, conflicts_with = "period")]
        forever: bool,
    },
}

impl Tenants {
    pub(super) async fn run(self, stores: &Stores) -> Result<(), Failure> {
        match self {
            Self::Create { name, test } => {
                let store = Store::open(&stores.options()?).await?;
                create_tenant(&store, &Clock::system(), name.as_str(), test).await?;
                store.close().await;
                Ok(output::one(&json!({"tenant": name, "test": test}))?)
            }
            Self::Retention {
                tenant,
                period,
                forever,
            } => {
                let store = stores.open().await?;
                let tenant = the_tenant(&store, &tenant).await?;
                if forever || period.is_some() {
                    retain(&store, &tenant, period).await?;
                }
                let mut rows = output::Rows::new();
                for row in store.retentions(tenant.id).await? {
                    let set_at = Timestamp::from_microsecond(row.recorded_at).unwrap_or_default();
                    let (version, by) = (row.version, row.recorded_by);
                    let shown = json!({"version": version, "period": row.period, "set_at": set_at, "set_by": by});
                    rows.add(&shown)?;
                }
                store.close().await;
                Ok(rows.end()?)
            }
        }
    }
}

/// Sets how long a tenant keeps candidates. What was set before stays on record.
async fn retain(store: &Store, tenant: &TenantRow, period: Option<Period>) -> Result<(), Failure> {
    let period = period.map(|period| period.to_string());
    loop {
        let newest = store.retentions(tenant.id).await?.pop();
        if newest.as_ref().is_some_and(|newest| newest.period == period) {
            return Ok(());
        }
        let row = RetentionRow {
            version: newest.map_or(1, |newest| newest.version + 1),
            period: period.clone(),
            recorded_at: Clock::system().now().as_microsecond(),
            recorded_by: "operator".to_owned(),
        };
        if store.retention_put(tenant.id, &row).await? {
            tracing::info!(tenant = tenant.name, period, "how long candidates are kept was set");
            return Ok(());
        }
    }
}

/// What to do with keys.
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
    /// Put another master key in the old one's place, while the service goes on; --master-key-file names the old one
    ///
    /// From then on the store opens with the new key alone. A file that holds both, one a line, opens it before and after:
    /// give it to every instance first, and let every instance start once; then change the key; then take the old one out.
    RotateMaster {
        /// The file of the new master key; it is made where it is not there
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

impl Keys {
    pub(super) async fn run(self, stores: &Stores) -> Result<(), Failure> {
        let (tenant, scopes, candidate, group, name) = match self {
            Self::RotateMaster { to } => return rotate_master(stores, &to).await,
            Self::Create {
                tenant,
                scopes,
                candidate,
                group,
                name,
            } => (tenant, scopes, candidate, group, name),
        };
        let store = stores.open().await?;
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

/// `afterword keys rotate-master`
async fn rotate_master(stores: &Stores, to: &Path) -> Result<(), Failure> {
    let rotated = Store::rotate_master(&stores.there()?, to).await?;
    let rotated = rotated == Rotated::Now;
    Ok(output::one(
        &json!({"master_key_file": to.display().to_string(), "rotated": rotated}),
    )?)
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
