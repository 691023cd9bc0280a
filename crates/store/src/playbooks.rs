//! A tenant's playbooks: immutable rows, put together with the log where a fact says that one was adopted.

use std::{collections::BTreeMap, sync::Arc};

use afterword_domain::{
    catalogue::AnyFact,
    fact::{Envelope, Fact},
    playbook::{Playbook, PlaybookAdopted, PlaybookRules},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{EventRow, Recorder, Store, StoreError, TenantId, rows::PlaybookRow, statement::Statement};

/// The playbooks of a tenant, by version.
#[derive(Debug, Clone, Default)]
pub struct Playbooks(BTreeMap<u32, Arc<Playbook>>);

impl Playbooks {
    /// The one that candidates are to adopt.
    pub fn current(&self) -> Arc<Playbook> {
        self.0
            .last_key_value()
            .map_or_else(Arc::default, |(_, playbook)| Arc::clone(playbook))
    }

    fn holds(&self, version: u32) -> bool {
        self.0.contains_key(&version)
    }
}

/// The SHA-256 of a playbook's rules, in hexadecimal, and the rules as they are kept.
pub fn written(rules: &PlaybookRules) -> (String, String) {
    let text = serde_json::to_string(rules).unwrap_or_default();
    let hash = Sha256::digest(text.as_bytes());
    (hash.iter().map(|byte| format!("{byte:02x}")).collect(), text)
}

impl Store {
    /// All playbooks of a tenant, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn playbooks(&self, tenant: TenantId) -> Result<Vec<PlaybookRow>, StoreError> {
        let statement = Statement::of(
            "SELECT version, hash, rules, recorded_at, recorded_by FROM playbooks WHERE tenant_id = $1 ORDER BY version",
            [tenant.into()],
        );
        self.db()
            .fetch(tenant, statement, |row| {
                Ok(PlaybookRow {
                    version: row.int(0)?,
                    hash: row.text(1)?,
                    rules: row.text(2)?,
                    recorded_at: row.int(3)?,
                    recorded_by: row.text(4)?,
                })
            })
            .await
    }

    /// Keeps a new version. False where another one of that number is there: somebody was quicker.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn playbook_put(&self, tenant: TenantId, row: &PlaybookRow) -> Result<bool, StoreError> {
        let statement = Statement::of(
            "INSERT INTO playbooks (tenant_id, version, hash, rules, recorded_at, recorded_by) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, version) DO NOTHING",
            [
                tenant.into(),
                row.version.into(),
                row.hash.as_str().into(),
                row.rules.as_str().into(),
                row.recorded_at.into(),
                row.recorded_by.as_str().into(),
            ],
        );
        Ok(self.db().execute(tenant, statement).await? > 0)
    }

    /// Candidates that have not adopted a version yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unadopted(&self, tenant: TenantId, version: i64, limit: i64) -> Result<Vec<Uuid>, StoreError> {
        let statement = Statement::of(
            "SELECT candidate_id FROM streams WHERE tenant_id = $1 AND playbook_version < $2 AND erased_at IS NULL \
             ORDER BY playbook_version, candidate_id LIMIT $3",
            [tenant.into(), version.into(), limit.into()],
        );
        self.db().fetch(tenant, statement, |row| row.id(0)).await
    }

    /// How many candidates have adopted a version, and how many there are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn adoption(&self, tenant: TenantId, version: i64) -> Result<(i64, i64), StoreError> {
        let statement = Statement::of(
            "SELECT COALESCE(SUM(CASE WHEN playbook_version >= $2 THEN 1 ELSE 0 END), 0), COUNT(*) FROM streams \
             WHERE tenant_id = $1 AND erased_at IS NULL",
            [tenant.into(), version.into()],
        );
        let counted = self
            .db()
            .fetch_one(tenant, statement, |row| Ok((row.int(0)?, row.int(1)?)));
        Ok(counted.await?.unwrap_or_default())
    }
}

impl Recorder {
    /// The playbooks of a tenant, as they were known within the last second.
    ///
    /// # Errors
    /// When the store does not answer, or holds rules that this release cannot read.
    pub async fn playbooks(&self, tenant: TenantId) -> Result<Arc<Playbooks>, StoreError> {
        match self.known_playbooks().get(&tenant) {
            Some(known) => Ok(known),
            None => self.newest_playbooks(tenant).await,
        }
    }

    /// The same, as they are now.
    ///
    /// # Errors
    /// As above.
    pub async fn newest_playbooks(&self, tenant: TenantId) -> Result<Arc<Playbooks>, StoreError> {
        let read = |row: PlaybookRow| {
            let version = u32::try_from(row.version).ok()?;
            let rules: PlaybookRules = serde_json::from_str(&row.rules).ok()?;
            Some((version, Arc::new(rules.read(version, &row.hash).ok()?)))
        };
        let rows = self.store().playbooks(tenant).await?;
        let playbooks = rows.into_iter().map(read).collect::<Option<_>>();
        let playbooks = Arc::new(Playbooks(playbooks.ok_or(StoreError::Unreadable)?));
        self.known_playbooks().insert(tenant, Arc::clone(&playbooks));
        Ok(playbooks)
    }

    /// The playbooks that rows of the log speak of.
    pub(crate) async fn playbooks_of(&self, tenant: TenantId, rows: &[EventRow]) -> Result<Arc<Playbooks>, StoreError> {
        if rows.iter().any(|row| row.kind == PlaybookAdopted::NAME) {
            // What was adopted a moment ago on another instance is not among those known here.
            return self.newest_playbooks(tenant).await;
        }
        Ok(Arc::default())
    }
}

/// Puts a playbook to the fact that says it was adopted.
pub(crate) fn put_together(envelope: &mut Envelope, playbooks: &Playbooks) -> Result<(), StoreError> {
    if let AnyFact::PlaybookAdopted(adopted) = &mut envelope.data {
        if !playbooks.holds(adopted.playbook_version) {
            return Err(StoreError::Unreadable);
        }
        adopted.playbook = playbooks.0.get(&adopted.playbook_version).cloned();
    }
    Ok(())
}
