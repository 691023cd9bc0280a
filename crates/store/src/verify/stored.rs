//! What is stored of a tenant and of its candidates, read row by row for a verification.

use uuid::Uuid;

use super::PAGE;
use crate::statement::Statement;
use crate::{ApplicationRow, EventRow, Store, StoreError, TaskRow, TenantId};

/// A candidate's row in `streams`, with its groups.
#[derive(PartialEq)]
pub(super) struct StoredStream {
    pub(super) version: i64,
    pub(super) recorded_at: i64,
    pub(super) external_hash: Option<Vec<u8>>,
    pub(super) erased_at: Option<i64>,
    pub(super) keys_gone_by: Option<i64>,
    pub(super) derivation: i64,
    pub(super) next_at: Option<i64>,
    pub(super) playbook_version: i64,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) groups: Vec<String>,
}

/// Everything stored of a candidate at one moment.
pub(super) struct Stored {
    pub(super) stream: StoredStream,
    pub(super) events: Vec<EventRow>,
    pub(super) tasks: Vec<TaskRow>,
    pub(super) applications: Vec<ApplicationRow>,
}

impl Stored {
    /// None where the candidate moved on between the first read and the last: every commit on it, a rebuild too, seals
    /// its stream's row anew.
    pub(super) async fn read(store: &Store, tenant: TenantId, id: Uuid) -> Result<Option<Self>, StoreError> {
        let Some(stream) = store.stored_stream(tenant, id).await? else {
            return Ok(None);
        };
        let events = store.stream(tenant, id, 0).await?;
        let tasks = store.tasks_of(tenant, id).await?;
        let applications = store.applications_of(tenant, id).await?;
        let still = store
            .stored_stream(tenant, id)
            .await?
            .is_some_and(|after| after == stream);
        Ok(still.then_some(Self {
            stream,
            events,
            tasks,
            applications,
        }))
    }

    /// What is out of order in the stream itself.
    pub(super) fn order(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let (versions, count) = (self.events.iter().map(|event| event.version), self.events.len());
        if !versions.eq(1..=self.stream.version) {
            wrong.push(format!(
                "its stream has {count} facts and should have versions 1 to {}",
                self.stream.version
            ));
        }
        if !self
            .events
            .is_sorted_by(|one, next| one.position < next.position && one.recorded_at <= next.recorded_at)
        {
            wrong.push("its facts were not recorded in the order of their versions".to_owned());
        }
        wrong
    }

    /// What is left of an erased candidate and should not be.
    pub(super) fn remains(&self, key: bool) -> Vec<String> {
        let stream = &self.stream;
        let remains = [
            (key, "its key"),
            (self.events.iter().any(|event| event.sealed.is_some()), "payloads"),
            (stream.sealed.is_some(), "a summary"),
            (stream.next_at.is_some(), "a moment to come"),
            (stream.external_hash.is_some(), "its external id's hash"),
            (!stream.groups.is_empty(), "groups"),
            (!self.tasks.is_empty(), "tasks"),
            (!self.applications.is_empty(), "applications"),
            (
                stream.keys_gone_by.is_none(),
                "no word of when its key is gone from backups",
            ),
        ];
        remains
            .into_iter()
            .filter(|(is_left, _)| *is_left)
            .map(|(_, what)| format!("it is erased, and there is {what}"))
            .collect()
    }
}

impl Store {
    async fn stored_stream(&self, tenant: TenantId, id: Uuid) -> Result<Option<StoredStream>, StoreError> {
        let mut statement = Statement::new("SELECT group_label FROM stream_groups WHERE tenant_id = ");
        statement.bind(tenant).push(" AND candidate_id = ").bind(id);
        let mut groups = self.db().fetch(tenant, statement, |row| row.text(0)).await?;
        groups.sort_unstable();
        let statement = Statement::of(
            "SELECT version, recorded_at, external_hash, erased_at, keys_gone_by, derivation, sealed, next_at, \
             playbook_version FROM streams \
             WHERE tenant_id = $1 AND candidate_id = $2",
            [tenant.into(), id.into()],
        );
        let stream = self.db().fetch_one(tenant, statement, |row| {
            Ok(StoredStream {
                version: row.int(0)?,
                recorded_at: row.int(1)?,
                external_hash: row.maybe_bytes(2)?,
                erased_at: row.maybe_int(3)?,
                keys_gone_by: row.maybe_int(4)?,
                derivation: row.int(5)?,
                sealed: row.maybe_bytes(6)?,
                next_at: row.maybe_int(7)?,
                playbook_version: row.int(8)?,
                groups: Vec::new(),
            })
        });
        Ok(stream.await?.map(|stream| StoredStream { groups, ..stream }))
    }

    /// The next places of the log: position, candidate and version.
    pub(super) async fn places(&self, tenant: TenantId, after: i64) -> Result<Vec<(i64, Uuid, i64)>, StoreError> {
        let mut statement = Statement::new("SELECT position, candidate_id, version FROM events WHERE tenant_id = ");
        statement
            .bind(tenant)
            .push(" AND position > ")
            .bind(after)
            .push(" ORDER BY position LIMIT ")
            .bind(8 * PAGE);
        self.db()
            .fetch(tenant, statement, |row| Ok((row.int(0)?, row.id(1)?, row.int(2)?)))
            .await
    }

    /// Some of the candidates that have rows and no stream.
    pub(super) async fn strays(&self, tenant: TenantId) -> Result<Vec<(&'static str, Uuid)>, StoreError> {
        let mut strays = Vec::new();
        for (table, sql) in [
            (
                "tasks",
                "SELECT DISTINCT r.candidate_id FROM tasks r WHERE r.tenant_id = ",
            ),
            (
                "applications",
                "SELECT DISTINCT r.candidate_id FROM applications r WHERE r.tenant_id = ",
            ),
            (
                "groups",
                "SELECT DISTINCT r.candidate_id FROM stream_groups r WHERE r.tenant_id = ",
            ),
            (
                "calendars",
                "SELECT DISTINCT r.candidate_id FROM calendars r WHERE r.tenant_id = ",
            ),
        ] {
            let mut statement = Statement::new(sql).patiently();
            statement
                .bind(tenant)
                .push(" AND NOT EXISTS (SELECT 1 FROM streams s WHERE s.tenant_id = r.tenant_id");
            statement
                .push(" AND s.candidate_id = r.candidate_id) LIMIT ")
                .bind(PAGE);
            let found = self.db().fetch(tenant, statement, |row| row.id(0)).await?;
            strays.extend(found.into_iter().map(|id| (table, id)));
        }
        Ok(strays)
    }
}
