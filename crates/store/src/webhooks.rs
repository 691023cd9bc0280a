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
    Beside, Fence, Store, StoreError, TenantId,
    crash::point,
    statement::{Cells, Statement, Value},
};

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

/// Only while the lease is still this holder's.
fn fenced(statement: &mut Statement, tenant: TenantId, fence: Fence) {
    statement
        .push(" AND EXISTS (SELECT 1 FROM leases l WHERE l.tenant_id = ")
        .bind(tenant)
        .push(" AND l.name = ")
        .bind(fence.lease)
        .push(" AND l.token = ")
        .bind(fence.token)
        .push(")");
}

/// Takes the heads that are none any more from their place, and puts those there that are.
fn line_up(tenant: TenantId, webhook: Uuid, candidates: &[Uuid], now: i64) -> [Statement; 2] {
    const EARLIER: &str = "EXISTS (SELECT 1 FROM webhook_deliveries e WHERE e.tenant_id = d.tenant_id AND \
         e.webhook_id = d.webhook_id AND e.candidate_id = d.candidate_id AND e.state = 'pending' AND \
         e.position < d.position)";
    let of = |statement: &mut Statement| {
        statement
            .bind(tenant)
            .push(" AND d.webhook_id = ")
            .bind(webhook)
            .push(" AND d.state = 'pending'");
        if !candidates.is_empty() {
            statement
                .push(" AND d.candidate_id IN ")
                .bind_list(candidates.iter().copied());
        }
    };
    let mut back = Statement::new("UPDATE webhook_deliveries AS d SET next_at = NULL WHERE d.tenant_id = ");
    of(&mut back);
    back.push(" AND d.next_at IS NOT NULL AND ").push(EARLIER);
    let mut front = Statement::new("UPDATE webhook_deliveries AS d SET next_at = ");
    front.bind(now).push(" WHERE d.tenant_id = ");
    of(&mut front);
    front.push(" AND d.next_at IS NULL AND NOT ").push(EARLIER);
    [back, front]
}

impl Beside {
    /// Makes a webhook; a conflict where there is one of this id.
    #[must_use]
    pub fn webhook(tenant: TenantId, row: &WebhookRow) -> Self {
        let mut statement = Statement::new(
            "INSERT INTO webhooks (tenant_id, webhook_id, url_hash, sealed, types, candidate_id, group_label, payload, \
             candid, state, disabled_reason, failing_since, quiet_until, position, revision, created_at, \
             made_by, whole) VALUES ",
        );
        let values: [Value; 18] = [
            tenant.into(),
            row.id.into(),
            row.url_hash.as_slice().into(),
            row.sealed.as_slice().into(),
            row.types.clone().into(),
            row.candidate.into(),
            row.group.clone().into(),
            row.payload.as_str().into(),
            i64::from(row.candid).into(),
            row.state.as_str().into(),
            row.disabled_reason.clone().into(),
            row.failing_since.into(),
            row.quiet_until.into(),
            row.position.into(),
            row.revision.into(),
            row.created_at.into(),
            row.made_by.into(),
            i64::from(row.whole).into(),
        ];
        statement
            .bind_rows([values])
            .push(" ON CONFLICT (tenant_id, webhook_id) DO NOTHING");
        Self::must(statement)
    }

    /// Changes what a webhook's owner may change; a conflict where somebody else has changed it since it was read.
    #[must_use]
    pub fn webhook_changed(tenant: TenantId, row: &WebhookRow) -> Self {
        Self::must(Statement::of(
            "UPDATE webhooks SET url_hash = $4, sealed = $5, types = $6, group_label = $7, payload = $8, candid = $9, \
             state = $10, disabled_reason = $11, failing_since = $12, quiet_until = $13, whole = $14, \
             revision = revision + 1 \
             WHERE tenant_id = $1 AND webhook_id = $2 AND revision = $3",
            [
                tenant.into(),
                row.id.into(),
                row.revision.into(),
                row.url_hash.as_slice().into(),
                row.sealed.as_slice().into(),
                row.types.clone().into(),
                row.group.clone().into(),
                row.payload.as_str().into(),
                i64::from(row.candid).into(),
                row.state.as_str().into(),
                row.disabled_reason.clone().into(),
                row.failing_since.into(),
                row.quiet_until.into(),
                i64::from(row.whole).into(),
            ],
        ))
    }

    /// Takes a webhook away; a conflict where there is none. Its deliveries are shown to nobody from then on, and are purged:
    /// there may be more of them than one statement should take.
    #[must_use]
    pub fn webhook_deleted(tenant: TenantId, id: Uuid) -> Self {
        let webhook = "DELETE FROM webhooks WHERE tenant_id = $1 AND webhook_id = $2";
        Self::must(Statement::of(webhook, [tenant.into(), id.into()]))
    }

    /// Sets a webhook back to a position, so that all behind it is delivered again.
    #[must_use]
    pub fn webhook_set_back(tenant: TenantId, id: Uuid, position: i64) -> Self {
        Self::may(Statement::of(
            "UPDATE webhooks SET position = $3 WHERE tenant_id = $1 AND webhook_id = $2 AND position > $3",
            [tenant.into(), id.into(), position.into()],
        ))
    }

    /// Has a delivery made again: at once, unless another of its candidate is to come before it. A conflict where there is
    /// none.
    #[must_use]
    pub fn delivery_again(tenant: TenantId, webhook: Uuid, row: &DeliveryRow, now: i64) -> Self {
        // The candidate's head is held meanwhile: settled between what is looked at and what is written here, it would leave
        // nobody to put this delivery in its place.
        let held = Self::may(Statement::of(
            "UPDATE webhook_deliveries SET next_at = next_at WHERE tenant_id = $1 AND webhook_id = $2 \
             AND candidate_id = $3 AND state = 'pending' AND next_at IS NOT NULL",
            [tenant.into(), webhook.into(), row.candidate.into()],
        ));
        let again = Self::must(Statement::of(
            "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, first_at = NULL, \
             next_at = CASE WHEN next_at IS NULL THEN NULL ELSE $4 END \
             WHERE tenant_id = $1 AND webhook_id = $2 AND position = $3",
            [tenant.into(), webhook.into(), row.position.into(), now.into()],
        ));
        let lined_up = line_up(tenant, webhook, &[row.candidate], now);
        lined_up.into_iter().map(Self::may).fold(held.and(again), Self::and)
    }

    /// Makes all that is pending due at once and as if it had never been tried.
    #[must_use]
    pub fn deliveries_afresh(tenant: TenantId, webhook: Uuid, now: i64) -> Self {
        Self::may(Statement::of(
            "UPDATE webhook_deliveries SET attempts = 0, first_at = NULL, \
             next_at = CASE WHEN next_at IS NULL THEN NULL ELSE $3 END \
             WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'pending'",
            [tenant.into(), webhook.into(), now.into()],
        ))
    }
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

    /// Moves a webhook on. False where it stands elsewhere by now, or the lease is another's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn webhook_move(
        &self,
        tenant: TenantId,
        id: Uuid,
        from: i64,
        to: i64,
        fence: Fence,
    ) -> Result<bool, StoreError> {
        let mut statement = Statement::of(
            "UPDATE webhooks SET position = $4 WHERE tenant_id = $1 AND webhook_id = $2 AND position = $3",
            [tenant.into(), id.into(), from.into(), to.into()],
        );
        fenced(&mut statement, tenant, fence);
        let moved = self.db().execute(tenant, statement).await? > 0;
        point("the webhook is moved on");
        Ok(moved)
    }

    /// Keeps since when a webhook fails, and until when it wants to be left alone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn webhook_fares(
        &self,
        tenant: TenantId,
        id: Uuid,
        failing_since: Option<i64>,
        quiet_until: i64,
        fence: Fence,
    ) -> Result<(), StoreError> {
        let mut statement = Statement::of(
            "UPDATE webhooks SET failing_since = $3, quiet_until = $4 WHERE tenant_id = $1 AND webhook_id = $2",
            [tenant.into(), id.into(), failing_since.into(), quiet_until.into()],
        );
        fenced(&mut statement, tenant, fence);
        self.db().execute(tenant, statement).await?;
        point("how a webhook fares is kept");
        Ok(())
    }

    /// Disables a webhook for a reason.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn webhook_disable(
        &self,
        tenant: TenantId,
        id: Uuid,
        reason: &str,
        fence: Fence,
    ) -> Result<(), StoreError> {
        let mut statement = Statement::of(
            "UPDATE webhooks SET state = 'disabled', disabled_reason = $3, revision = revision + 1 \
             WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'enabled'",
            [tenant.into(), id.into(), reason.into()],
        );
        fenced(&mut statement, tenant, fence);
        self.db().execute(tenant, statement).await?;
        Ok(())
    }

    /// Makes facts wait for their delivery: place, fact, candidate. What is pending already stays as it is; what was
    /// delivered, given up or skipped is to be delivered again, unless the webhook has passed it by meanwhile.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deliveries_put(
        &self,
        tenant: TenantId,
        webhook: Uuid,
        facts: &[(i64, Uuid, Uuid)],
    ) -> Result<(), StoreError> {
        if facts.is_empty() {
            return Ok(());
        }
        let mut statement = Statement::new(
            "INSERT INTO webhook_deliveries (tenant_id, webhook_id, position, event_id, candidate_id, state, attempts) \
             VALUES ",
        );
        statement.bind_rows(facts.iter().map(|(position, event, candidate)| -> [Value; 7] {
            [
                tenant.into(),
                webhook.into(),
                (*position).into(),
                (*event).into(),
                (*candidate).into(),
                "pending".into(),
                0_i64.into(),
            ]
        }));
        statement.push(
            " ON CONFLICT (tenant_id, webhook_id, position) DO UPDATE SET state = 'pending', attempts = 0, \
             next_at = NULL, first_at = NULL WHERE webhook_deliveries.state <> 'pending' AND EXISTS (SELECT 1 FROM \
             webhooks w WHERE w.tenant_id = webhook_deliveries.tenant_id AND \
             w.webhook_id = webhook_deliveries.webhook_id AND w.position < webhook_deliveries.position)",
        );
        self.db().execute(tenant, statement).await?;
        point("deliveries wait");
        Ok(())
    }

    /// Makes heads of the oldest pending deliveries, and of no other: of these candidates, or of all where none is named.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deliveries_line_up(
        &self,
        tenant: TenantId,
        webhook: Uuid,
        candidates: &[Uuid],
        now: i64,
    ) -> Result<(), StoreError> {
        for statement in line_up(tenant, webhook, candidates, now) {
            self.db().execute(tenant, statement).await?;
            point("deliveries are lined up");
        }
        Ok(())
    }

    /// The heads that are due by a moment, the longest due first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deliveries_due(
        &self,
        tenant: TenantId,
        webhook: Uuid,
        until: i64,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let mut statement = Statement::new(DELIVERY);
        statement
            .bind(tenant)
            .push(" AND webhook_id = ")
            .bind(webhook)
            .push(" AND next_at IS NOT NULL AND next_at <= ")
            .bind(until)
            .push(" ORDER BY next_at, position LIMIT ")
            .bind(limit);
        self.db().fetch(tenant, statement, delivery).await
    }

    /// A candidate's pending deliveries from a place on, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deliveries_of(
        &self,
        tenant: TenantId,
        webhook: Uuid,
        candidate: Uuid,
        from: i64,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let mut statement = Statement::new(DELIVERY);
        statement
            .bind(tenant)
            .push(" AND webhook_id = ")
            .bind(webhook)
            .push(" AND state = 'pending' AND candidate_id = ")
            .bind(candidate)
            .push(" AND position >= ")
            .bind(from)
            .push(" ORDER BY position LIMIT ")
            .bind(limit);
        self.db().fetch(tenant, statement, delivery).await
    }

    /// Keeps what became of deliveries: `delivered` or `skipped`, all with one answer. False: none of them waits any
    /// more, or the lease is another's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deliveries_settle(
        &self,
        tenant: TenantId,
        webhook: Uuid,
        positions: &[i64],
        state: &str,
        (status, now): (Option<i64>, i64),
        fence: Fence,
    ) -> Result<bool, StoreError> {
        point("deliveries are sent and not settled");
        let mut statement = Statement::of(
            "UPDATE webhook_deliveries SET state = $3, attempts = attempts + 1, next_at = NULL, \
             first_at = COALESCE(first_at, $5), last_at = $5, status = $4, error = NULL \
             WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'pending'",
            [tenant.into(), webhook.into(), state.into(), status.into(), now.into()],
        );
        statement.push(" AND position IN ").bind_list(positions.iter().copied());
        fenced(&mut statement, tenant, fence);
        let settled = self.db().execute(tenant, statement).await? > 0;
        point("deliveries are settled");
        Ok(settled)
    }

    /// Keeps that an attempt has failed: the row says what is to become of the delivery. False: it does not wait any more, or
    /// the lease is another's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delivery_failed(
        &self,
        tenant: TenantId,
        webhook: Uuid,
        row: &DeliveryRow,
        fence: Fence,
    ) -> Result<bool, StoreError> {
        point("deliveries are sent and not settled");
        let mut statement = Statement::of(
            "UPDATE webhook_deliveries SET state = $4, attempts = $5, next_at = $6, first_at = $7, last_at = $8, \
             status = $9, error = $10 WHERE tenant_id = $1 AND webhook_id = $2 AND position = $3 AND state = 'pending'",
            [
                tenant.into(),
                webhook.into(),
                row.position.into(),
                row.state.as_str().into(),
                row.attempts.into(),
                row.next_at.into(),
                row.first_at.into(),
                row.last_at.into(),
                row.status.into(),
                row.error.clone().into(),
            ],
        );
        fenced(&mut statement, tenant, fence);
        let settled = self.db().execute(tenant, statement).await? > 0;
        point("a delivery has failed");
        Ok(settled)
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

    /// When each webhook of a tenant has its next delivery due, where it has one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deliveries_next(&self, tenant: TenantId) -> Result<Vec<(Uuid, i64)>, StoreError> {
        let statement = Statement::of(
            "SELECT webhook_id, MIN(next_at) FROM webhook_deliveries WHERE tenant_id = $1 AND next_at IS NOT NULL \
             GROUP BY webhook_id",
            [tenant.into()],
        );
        self.db()
            .fetch(tenant, statement, |row| Ok((row.id(0)?, row.int(1)?)))
            .await
    }

    /// Forgets deliveries that were over before a moment, and says how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deliveries_purge(&self, before: i64) -> Result<u64, StoreError> {
        let mut gone = 0;
        for tenant in self.tenants().await? {
            // Bit by bit: nobody waits long behind it.
            loop {
                let over = Statement::of(
                    "DELETE FROM webhook_deliveries WHERE tenant_id = $1 AND (webhook_id, position) IN \
                     (SELECT webhook_id, position FROM webhook_deliveries WHERE tenant_id = $1 AND state <> 'pending' \
                     AND last_at < $2 ORDER BY last_at LIMIT 1000)",
                    [tenant.id.into(), before.into()],
                );
                let some = self.db().execute(tenant.id, over).await?;
                gone += some;
                if some == 0 {
                    break;
                }
            }
            // What its webhook left behind when it was taken away, or was made to wait meanwhile.
            loop {
                let nobodys = Statement::of(
                    "DELETE FROM webhook_deliveries WHERE tenant_id = $1 AND (webhook_id, position) IN \
                     (SELECT d.webhook_id, d.position FROM webhook_deliveries d WHERE d.tenant_id = $1 AND NOT EXISTS \
                     (SELECT 1 FROM webhooks w WHERE w.tenant_id = $1 AND w.webhook_id = d.webhook_id) LIMIT 1000)",
                    [tenant.id.into()],
                );
                let some = self.db().execute(tenant.id, nobodys).await?;
                gone += some;
                if some == 0 {
                    break;
                }
            }
        }
        Ok(gone)
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
