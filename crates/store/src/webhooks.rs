//! Webhooks and their deliveries, as they lie in the store.
//!
//! A webhook stands at a position of its tenant's log. What it passes by and must tell becomes a row per fact; the
//! candidate's oldest row that is still pending is the *head*, and only a head has a moment at which it is due, so that
//! facts about one candidate go out in order. Rows hold ids, states and times.
//!
//! Whoever sends works under the lease `webhooks` of the tenant. What it writes names the lease's token, and does nothing
//! once somebody else has taken over; the position moves only from where the writer has seen it.

use uuid::Uuid;

use crate::{
    Store, StoreError, TenantId,
    statement::{Cells, Statement},
};

mod owners;
mod sending;

/// The lease under which a tenant's webhooks are served.
pub const WEBHOOKS: &str = "webhooks";

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// Its id.
    pub id: Uuid,
    /// A keyed hash of its address, to find it by.
    pub url_hash: Vec<u8>,
    /// Its address and secrets.
    pub sealed: Vec<u8>,
    /// The types of facts that it is told, separated by spaces; none: all.
    pub types: Option<String>,
    /// The one candidate that it hears of.
    pub candidate: Option<Uuid>,
    /// The one group that it hears of.
    pub group: Option<String>,
    /// `thin` or `full`.
    pub payload: String,
    /// Whether it is told what is candid.
    pub candid: bool,
    /// `enabled` or `disabled`.
    pub state: String,
    /// Why it was disabled.
    pub disabled_reason: Option<String>,
    /// Since when nothing could be delivered.
    pub failing_since: Option<i64>,
    /// Until when it asked to be left alone.
    pub quiet_until: i64,
    /// The last position of the log that it has passed by.
    pub position: i64,
    /// How often it was changed.
    pub revision: i64,
    /// When it was made.
    pub created_at: i64,
    /// The key that made it; none: nobody knows.
    pub made_by: Option<Uuid>,
    /// Whether a key of the whole tenant made it, or said which group it hears of.
    pub whole: bool,
}

/// A fact on its way to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The fact's place in the log.
    pub position: i64,
    /// The fact.
    pub event: Uuid,
    /// Whom it is about.
    pub candidate: Uuid,
    /// `pending`, `delivered`, `failed` or `skipped`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub next_at: Option<i64>,
    /// When it was tried first,
    pub first_at: Option<i64>,
    /// and last.
    pub last_at: Option<i64>,
    /// What the last attempt was answered with.
    pub status: Option<i64>,
    /// Why there was no answer.
    pub error: Option<String>,
}

const WEBHOOK: &str = "SELECT webhook_id, url_hash, sealed, types, candidate_id, group_label, payload, candid, state, \
     disabled_reason, failing_since, quiet_until, position, revision, created_at, made_by, whole FROM webhooks WHERE \
     tenant_id = ";
const DELIVERY: &str = "SELECT position, event_id, candidate_id, state, attempts, next_at, first_at, last_at, status, \
     error FROM webhook_deliveries WHERE tenant_id = ";

fn webhook(row: &dyn Cells) -> Result<WebhookRow, sqlx::Error> {
    Ok(WebhookRow {
        id: row.id(0)?,
        url_hash: row.bytes(1)?,
        sealed: row.bytes(2)?,
        types: row.maybe_text(3)?,
        candidate: row.maybe_id(4)?,
        group: row.maybe_text(5)?,
        payload: row.text(6)?,
        candid: row.int(7)? != 0,
        state: row.text(8)?,
        disabled_reason: row.maybe_text(9)?,
        failing_since: row.maybe_int(10)?,
        quiet_until: row.int(11)?,
        position: row.int(12)?,
        revision: row.int(13)?,
        created_at: row.int(14)?,
        made_by: row.maybe_id(15)?,
        whole: row.int(16)? != 0,
    })
}

fn delivery(row: &dyn Cells) -> Result<DeliveryRow, sqlx::Error> {
    Ok(DeliveryRow {
        position: row.int(0)?,
        event: row.id(1)?,
        candidate: row.id(2)?,
        state: row.text(3)?,
        attempts: row.int(4)?,
        next_at: row.maybe_int(5)?,
        first_at: row.maybe_int(6)?,
        last_at: row.maybe_int(7)?,
        status: row.maybe_int(8)?,
        error: row.maybe_text(9)?,
    })
}

impl Store {
    /// All webhooks of a tenant, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn webhooks(&self, tenant: TenantId) -> Result<Vec<WebhookRow>, StoreError> {
        let mut statement = Statement::new(WEBHOOK);
        statement.bind(tenant).push(" ORDER BY created_at, webhook_id");
        self.db().fetch(tenant, statement, webhook).await
    }

    /// A webhook.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn webhook(&self, tenant: TenantId, id: Uuid) -> Result<Option<WebhookRow>, StoreError> {
        let mut statement = Statement::new(WEBHOOK);
        statement.bind(tenant).push(" AND webhook_id = ").bind(id);
        self.db().fetch_one(tenant, statement, webhook).await
    }

    /// A page of a webhook's deliveries in some states, or in all where none is named, the newest facts first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deliveries(
        &self,
        tenant: TenantId,
        webhook: Uuid,
        states: &[&str],
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let mut statement = Statement::new(DELIVERY);
        statement.bind(tenant).push(" AND webhook_id = ").bind(webhook);
        if !states.is_empty() {
            statement.push(" AND state IN ").bind_list(states.iter().copied());
        }
        if let Some(before) = before {
            statement.push(" AND position < ").bind(before);
        }
        statement.push(" ORDER BY position DESC LIMIT ").bind(limit);
        self.db().fetch(tenant, statement, delivery).await
    }

    /// The delivery of a fact.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delivery(
        &self,
        tenant: TenantId,
        webhook: Uuid,
        event: Uuid,
    ) -> Result<Option<DeliveryRow>, StoreError> {
        let mut statement = Statement::new(DELIVERY);
        statement
            .bind(tenant)
            .push(" AND webhook_id = ")
            .bind(webhook)
            .push(" AND event_id = ")
            .bind(event);
        self.db().fetch_one(tenant, statement, delivery).await
    }

    /// The position before the first fact that was recorded at a moment or later; the newest where there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn position_before(&self, tenant: TenantId, moment: i64) -> Result<i64, StoreError> {
        // Moments of recording rise with positions, so the place is found by halving.
        let (mut before, mut behind) = (0, self.head_position(tenant).await? + 1);
        while behind - before > 1 {
            let middle = before + (behind - before) / 2;
            let statement = Statement::of(
                "SELECT recorded_at FROM events WHERE tenant_id = $1 AND position = $2",
                [tenant.into(), middle.into()],
            );
            let recorded_at = self.db().fetch_one(tenant, statement, |row| row.int(0)).await?;
            if recorded_at.is_some_and(|at| at < moment) {
                before = middle;
            } else {
                behind = middle;
            }
        }
        Ok(before)
    }
}
