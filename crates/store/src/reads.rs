//! Reading the log: one candidate's stream, and the tenant's feed.

use crate::error::StoreError;
use crate::rows::{EventRow, IdempotencyRow, StreamHead, TenantId};
use crate::statement::{Cells, Statement};
use crate::store::Store;
use uuid::Uuid;

/// What of a tenant's log to read.
#[derive(Debug, Clone, Default)]
pub struct FeedQuery {
    /// After this position; 0 for all.
    pub after_position: i64,
    /// Before this position.
    pub before_position: Option<i64>,
    /// Of these types only.
    pub types: Option<Vec<String>>,
    /// Of this candidate only.
    pub candidate: Option<Uuid>,
    /// Of this group only.
    pub group: Option<String>,
    /// Newest first.
    pub desc: bool,
    /// At most so many.
    pub limit: i64,
}

/// Facts of a stream that are read together: a server may not be silent for as long as a whole one may take over a slow line.
const TOGETHER: i64 = 4096;
const EVENT: &str = "SELECT e.position, e.candidate_id, e.version, e.event_id, e.type, e.schema_version, \
     e.application_id, e.subject, e.occurred_at, e.recorded_at, e.recorded_by, e.sealed FROM events e ";

fn event(row: &dyn Cells) -> Result<EventRow, sqlx::Error> {
    Ok(EventRow {
        position: row.int(0)?,
        candidate: row.id(1)?,
        version: row.int(2)?,
        event_id: row.id(3)?,
        kind: row.text(4)?,
        schema_version: row.int(5)?,
        application: row.maybe_id(6)?,
        subject: row.text(7)?,
        occurred_at: row.int(8)?,
        recorded_at: row.int(9)?,
        recorded_by: row.text(10)?,
        sealed: row.maybe_bytes(11)?,
    })
}

pub(crate) const IDEMPOTENCY: &str =
    "SELECT key_hash, request_hash, candidate_id, first_version, facts, sealed, recorded_at FROM idempotency ";

pub(crate) fn idempotency(row: &dyn Cells) -> Result<IdempotencyRow, sqlx::Error> {
    Ok(IdempotencyRow {
        key_hash: row.bytes(0)?,
        request_hash: row.bytes(1)?,
        candidate: row.maybe_id(2)?,
        first_version: row.int(3)?,
        facts: row.int(4)?,
        sealed: row.maybe_bytes(5)?,
        recorded_at: row.int(6)?,
    })
}

impl Store {
    /// A candidate's events after a version, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stream(
        &self,
        tenant: TenantId,
        candidate: Uuid,
        after_version: i64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let (mut all, mut after) = (Vec::new(), after_version);
        loop {
            let mut statement = Statement::new(EVENT);
            statement
                .push("WHERE e.tenant_id = ")
                .bind(tenant)
                .push(" AND e.candidate_id = ")
                .bind(candidate);
            statement
                .push(" AND e.version > ")
                .bind(after)
                .push(" ORDER BY e.version LIMIT ")
                .bind(TOGETHER);
            let page = self.db().fetch(tenant, statement, event).await?;
            let last = page.last().map(|row| row.version);
            let more = i64::try_from(page.len()).is_ok_and(|rows| rows == TOGETHER);
            all.extend(page);
            match last {
                Some(last) if more => after = last,
                _ => return Ok(all),
            }
        }
    }

    /// Where a candidate's stream stands.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stream_head(&self, tenant: TenantId, candidate: Uuid) -> Result<Option<StreamHead>, StoreError> {
        let statement = Statement::of(
            "SELECT version, recorded_at, erased_at, keys_gone_by, derivation FROM streams \
             WHERE tenant_id = $1 AND candidate_id = $2",
            [tenant.into(), candidate.into()],
        );
        let head = |row: &dyn Cells| {
            Ok(StreamHead {
                version: row.int(0)?,
                recorded_at: row.int(1)?,
                erased_at: row.maybe_int(2)?,
                keys_gone_by: row.maybe_int(3)?,
                derivation: row.int(4)?,
            })
        };
        self.db().fetch_one(tenant, statement, head).await
    }

    /// The ids of a tenant's candidates, erased ones too, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stream_ids(&self, tenant: TenantId, after: Option<Uuid>, limit: i64) -> Result<Vec<Uuid>, StoreError> {
        let mut statement = Statement::new("SELECT candidate_id FROM streams WHERE tenant_id = ");
        statement.bind(tenant);
        if let Some(after) = after {
            statement.push(" AND candidate_id > ").bind(after);
        }
        statement.push(" ORDER BY candidate_id LIMIT ").bind(limit);
        self.db().fetch(tenant, statement, |row| row.id(0)).await
    }

    /// A tenant's log, by position.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn feed(&self, tenant: TenantId, query: FeedQuery) -> Result<Vec<EventRow>, StoreError> {
        let mut statement = Statement::new(EVENT);
        statement
            .push("WHERE e.tenant_id = ")
            .bind(tenant)
            .push(" AND e.position > ")
            .bind(query.after_position);
        if let Some(before) = query.before_position {
            statement.push(" AND e.position < ").bind(before);
        }
        if let Some(types) = query.types {
            // A fact of somebody who was erased has another type than its row: it shows as FactErased.
            let erased = types.iter().any(|name| name == "FactErased");
            statement.push(" AND (e.type IN ").bind_list(types);
            statement.push(" AND (e.sealed IS NOT NULL OR e.type = 'CandidateErased')");
            if erased {
                statement.push(" OR e.sealed IS NULL AND e.type <> 'CandidateErased'");
            }
            statement.push(")");
        }
        if let Some(candidate) = query.candidate {
            statement.push(" AND e.candidate_id = ").bind(candidate);
        }
        if let Some(group) = query.group {
            statement.push(" AND (").member(tenant, "e.candidate_id", &group);
            // Whoever was in it when they were erased is in none now.
            statement
                .push(" OR EXISTS (SELECT 1 FROM erased_of_groups o WHERE o.tenant_id = ")
                .bind(tenant)
                .push(" AND o.group_hash = ")
                .bind(self.group_hash(tenant, &group))
                .push(" AND o.position = e.position))");
        }
        statement.push(if query.desc {
            " ORDER BY e.position DESC"
        } else {
            " ORDER BY e.position"
        });
        statement.push(" LIMIT ").bind(query.limit);
        self.db().fetch(tenant, statement, event).await
    }

    /// The newest position of a tenant's log; 0 when it is empty.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn head_position(&self, tenant: TenantId) -> Result<i64, StoreError> {
        let statement = Statement::of("SELECT position FROM heads WHERE tenant_id = $1", [tenant.into()]);
        Ok(self
            .db()
            .fetch_one(tenant, statement, |row| row.int(0))
            .await?
            .unwrap_or(0))
    }

    /// The event of an id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_event(&self, tenant: TenantId, event_id: Uuid) -> Result<Option<EventRow>, StoreError> {
        let mut statement = Statement::new(EVENT);
        statement
            .push("WHERE e.tenant_id = ")
            .bind(tenant)
            .push(" AND e.event_id = ")
            .bind(event_id);
        self.db().fetch_one(tenant, statement, event).await
    }

    /// What an idempotency key was used for.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn idempotent(&self, tenant: TenantId, key_hash: &[u8]) -> Result<Option<IdempotencyRow>, StoreError> {
        let mut statement = Statement::new(IDEMPOTENCY);
        statement
            .push("WHERE tenant_id = ")
            .bind(tenant)
            .push(" AND key_hash = ")
            .bind(key_hash);
        self.db().fetch_one(tenant, statement, idempotency).await
    }
}

/// Only candidates with the label.
pub(crate) fn in_group(statement: &mut Statement, tenant: TenantId, candidate: &'static str, group: &str) {
    statement.push(" AND ").member(tenant, candidate, group);
}

impl Statement {
    /// Whether a candidate has the label.
    fn member(&mut self, tenant: TenantId, candidate: &'static str, group: &str) -> &mut Self {
        self.push("EXISTS (SELECT 1 FROM stream_groups g WHERE g.tenant_id = ")
            .bind(tenant)
            .push(" AND g.group_label = ")
            .bind(group)
            .push(" AND g.candidate_id = ")
            .push(candidate)
            .push(")")
    }
}
