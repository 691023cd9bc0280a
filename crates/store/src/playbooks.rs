//! A tenant's playbooks: immutable rows, put together with the log where a fact says that one was adopted.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use afterword_domain::{
    catalogue::AnyFact,
    fact::{Envelope, Fact},
    playbook::{Playbook, PlaybookAdopted, PlaybookRules},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    Beside, DataKey, EventRow, Recorder, Store, StoreError, TenantId,
    envelopes::open,
    reads::in_group,
    rows::PlaybookRow,
    statement::{Statement, Value},
};

/// The playbooks of a tenant, by version: those that can be read and are what their hash says. Nobody follows the others.
/// And, of those that its candidates adopted elsewhere, before they were brought in, the ones that are asked for, by hash.
/// Such a copy has no version here: the tenant's own playbook is newer, whatever its number.
#[derive(Debug, Clone, Default)]
pub struct Playbooks {
    own: BTreeMap<u32, Arc<Playbook>>,
    copies: BTreeMap<String, Arc<Playbook>>,
}

/// So many of them a history may follow that is brought in: all that a tenant may have,
pub(crate) const MOST_COPIES: usize = 1024;
/// and of so many bytes in all.
pub(crate) const BYTES_OF_COPIES: usize = 4 << 20;

impl Playbooks {
    /// The one that candidates are to adopt.
    pub fn current(&self) -> Arc<Playbook> {
        self.own
            .last_key_value()
            .map_or_else(Arc::default, |(_, playbook)| Arc::clone(playbook))
    }

    /// The playbook that a fact says was adopted.
    fn adopted(&self, fact: &PlaybookAdopted) -> Option<&Arc<Playbook>> {
        let own = self.own.get(&fact.playbook_version);
        own.filter(|playbook| *playbook.hash == *fact.hash)
            .or_else(|| self.copies.get(&fact.hash))
    }

    /// Takes up the rules of one that was adopted elsewhere; false where they are known, or cannot be followed.
    pub(crate) fn copy(&mut self, hash: &str, rules: &PlaybookRules) -> bool {
        if self.copies.contains_key(hash) {
            return false;
        }
        let Ok(playbook) = rules.read(0, hash) else {
            return false;
        };
        self.copies.insert(hash.to_owned(), Arc::new(playbook));
        true
    }

    /// Whether the playbook that a fact says was adopted is known.
    pub(crate) fn knows(&self, fact: &PlaybookAdopted) -> bool {
        self.adopted(fact).is_some()
    }
}

/// The SHA-256 of a playbook's rules, in hexadecimal, and the rules as they are kept.
pub fn written(rules: &PlaybookRules) -> (String, String) {
    let text = serde_json::to_string(rules).unwrap_or_default();
    (sha256(&text), text)
}

fn sha256(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl PlaybookRow {
    /// Its rules, and the playbook that they make; none where they cannot be read, or are not what the hash says.
    pub fn read(&self) -> Option<(PlaybookRules, Playbook)> {
        if sha256(&self.rules) != self.hash {
            return None;
        }
        let rules: PlaybookRules = serde_json::from_str(&self.rules).ok()?;
        let playbook = rules.read(u32::try_from(self.version).ok()?, &self.hash).ok()?;
        Some((rules, playbook))
    }
}

impl Beside {
    /// The next version of a tenant's playbook; a conflict where it is not the next.
    #[must_use]
    pub fn playbook(tenant: TenantId, row: &PlaybookRow) -> Self {
        Self::must(Statement::of(
            "INSERT INTO playbooks (tenant_id, version, hash, rules, recorded_at, recorded_by) \
             SELECT $1, $2, $3, $4, $5, $6 \
             WHERE (SELECT COALESCE(MAX(version), 0) FROM playbooks WHERE tenant_id = $1) = $2 - 1",
            [
                tenant.into(),
                row.version.into(),
                row.hash.as_str().into(),
                row.rules.as_str().into(),
                row.recorded_at.into(),
                row.recorded_by.as_str().into(),
            ],
        ))
    }
}

impl Beside {
    /// The rules of playbooks that were adopted elsewhere, each with its hash; none where there are none.
    pub(crate) fn playbook_copies<'a>(
        tenant: TenantId,
        copies: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Option<Self> {
        let rows: Vec<_> = copies
            .map(|(hash, rules)| [tenant.into(), hash.into(), rules.into()])
            .collect();
        let insert = |some: &[[Value; 3]]| {
            let mut statement = Statement::new("INSERT INTO playbook_copies (tenant_id, hash, rules) VALUES ");
            statement
                .bind_rows(some.iter().cloned())
                .push(" ON CONFLICT (tenant_id, hash) DO NOTHING");
            Self::may(statement)
        };
        rows.chunks(64).map(insert).reduce(Self::and)
    }
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

    /// Candidates that have not adopted a version yet, after one of them: the version that each follows, and its id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unadopted(
        &self,
        tenant: TenantId,
        version: i64,
        after: Option<(i64, Uuid)>,
        limit: i64,
    ) -> Result<Vec<(i64, Uuid)>, StoreError> {
        let (follows, id) = after.unwrap_or((-1, Uuid::nil()));
        let statement = Statement::of(
            "SELECT playbook_version, candidate_id FROM streams WHERE tenant_id = $1 AND playbook_version < $2 \
             AND erased_at IS NULL AND (playbook_version, candidate_id) > ($3, $4) \
             ORDER BY playbook_version, candidate_id LIMIT $5",
            [tenant.into(), version.into(), follows.into(), id.into(), limit.into()],
        );
        self.db()
            .fetch(tenant, statement, |row| Ok((row.int(0)?, row.id(1)?)))
            .await
    }

    /// Those of these hashes that candidates adopted elsewhere. They have no version here.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn playbook_copies(
        &self,
        tenant: TenantId,
        hashes: impl IntoIterator<Item = String>,
    ) -> Result<Vec<PlaybookRow>, StoreError> {
        let mut statement = Statement::new("SELECT hash, rules FROM playbook_copies WHERE tenant_id = ");
        statement.bind(tenant).push(" AND hash IN ").bind_list(hashes);
        self.db()
            .fetch(tenant, statement, |row| {
                Ok(PlaybookRow {
                    version: 0,
                    hash: row.text(0)?,
                    rules: row.text(1)?,
                    recorded_at: 0,
                    recorded_by: String::new(),
                })
            })
            .await
    }

    /// How long the rules of those are, by hash.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn playbook_copies_bytes(
        &self,
        tenant: TenantId,
        hashes: impl IntoIterator<Item = String>,
    ) -> Result<HashMap<String, usize>, StoreError> {
        let mut statement =
            Statement::new("SELECT hash, CAST(OCTET_LENGTH(rules) AS BIGINT) FROM playbook_copies WHERE tenant_id = ");
        statement.bind(tenant).push(" AND hash IN ").bind_list(hashes);
        let found = self.db().fetch(tenant, statement, |row| {
            let bytes = usize::try_from(row.int(1)?).unwrap_or_default();
            Ok((row.text(0)?, bytes))
        });
        Ok(found.await?.into_iter().collect())
    }

    /// How many candidates have adopted a version, and how many there are: of all, of one, or of a group.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn adoption(
        &self,
        tenant: TenantId,
        version: i64,
        candidate: Option<Uuid>,
        group: Option<&str>,
    ) -> Result<(i64, i64), StoreError> {
        let mut statement = Statement::new("SELECT COALESCE(SUM(CASE WHEN s.playbook_version >= ");
        statement
            .bind(version)
            .push(" THEN 1 ELSE 0 END), 0), COUNT(*) FROM streams s WHERE s.tenant_id = ")
            .bind(tenant)
            .push(" AND s.erased_at IS NULL");
        if let Some(candidate) = candidate {
            statement.push(" AND s.candidate_id = ").bind(candidate);
        }
        if let Some(group) = group {
            in_group(&mut statement, tenant, "s.candidate_id", group);
        }
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
    /// When the store does not answer.
    pub async fn playbooks(&self, tenant: TenantId) -> Result<Arc<Playbooks>, StoreError> {
        match self.known_playbooks().get(&tenant) {
            Some(known) => Ok(known),
            None => self.newest_playbooks(tenant).await,
        }
    }

    /// The same, as they are now. What cannot be followed is told once.
    ///
    /// # Errors
    /// As above.
    pub async fn newest_playbooks(&self, tenant: TenantId) -> Result<Arc<Playbooks>, StoreError> {
        let mut own = BTreeMap::new();
        for row in self.store().playbooks(tenant).await? {
            if let Some((_, playbook)) = row.read() {
                own.insert(playbook.version, Arc::new(playbook));
            } else if self.is_news(tenant, row.version) {
                tracing::error!(
                    tenant = tenant.0,
                    version = row.version,
                    "a playbook is not what its hash says, or cannot be read: nobody adopts it"
                );
            }
        }
        let copies = BTreeMap::new();
        let playbooks = Arc::new(Playbooks { own, copies });
        self.known_playbooks().insert(tenant, Arc::clone(&playbooks));
        Ok(playbooks)
    }

    /// The playbooks that rows of the log speak of.
    pub(crate) async fn playbooks_of(
        &self,
        tenant: TenantId,
        key: &DataKey,
        rows: &[EventRow],
    ) -> Result<Arc<Playbooks>, StoreError> {
        let adoptions = rows.iter().filter(|row| row.kind == PlaybookAdopted::NAME);
        // What cannot be read is told by whoever folds it.
        let facts: Vec<Envelope> = adoptions.filter_map(|row| open(tenant, key, row).ok()).collect();
        self.playbooks_adopted(tenant, &facts).await
    }

    /// The playbooks that facts say were adopted, as far as they are known.
    pub(crate) async fn playbooks_adopted(
        &self,
        tenant: TenantId,
        facts: &[Envelope],
    ) -> Result<Arc<Playbooks>, StoreError> {
        let adopted = facts.iter().filter_map(|fact| match &fact.data {
            AnyFact::PlaybookAdopted(adopted) => Some(adopted),
            _ => None,
        });
        let adopted: Vec<_> = adopted.collect();
        if adopted.is_empty() {
            return Ok(Arc::default());
        }
        // What was adopted a moment ago on another instance is not among those known here.
        let own = self.newest_playbooks(tenant).await?;
        let elsewhere = adopted.into_iter().filter(|fact| !own.knows(fact));
        let elsewhere: BTreeSet<String> = elsewhere.map(|fact| fact.hash.clone()).collect();
        if elsewhere.is_empty() {
            return Ok(own);
        }
        let rows = self.store().playbook_copies(tenant, elsewhere).await?;
        let copied = |row: PlaybookRow| row.read().map(|(_, playbook)| (row.hash, Arc::new(playbook)));
        let copies = rows.into_iter().filter_map(copied).collect();
        let own = own.own.clone();
        Ok(Arc::new(Playbooks { own, copies }))
    }
}

/// Puts a playbook to the fact that says it was adopted.
pub(crate) fn put_together(envelope: &mut Envelope, playbooks: &Playbooks) -> Result<(), StoreError> {
    if let AnyFact::PlaybookAdopted(adopted) = &mut envelope.data {
        let version = adopted.playbook_version;
        // Rules that were changed together with their row's hash are not those that were adopted.
        let playbook = playbooks.adopted(adopted);
        let playbook = playbook.ok_or(StoreError::UnreadablePlaybook(version))?;
        adopted.playbook = Some(Arc::clone(playbook));
    }
    Ok(())
}
