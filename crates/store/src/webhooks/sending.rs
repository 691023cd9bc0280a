//! What whoever sends reads and keeps, under the lease `webhooks` of the tenant.

use uuid::Uuid;

use super::{DELIVERY, DeliveryRow, delivery};
use crate::{
    Fence, Store, StoreError, TenantId,
    crash::point,
    statement::{Statement, Value},
};

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
pub(super) fn line_up(tenant: TenantId, webhook: Uuid, candidates: &[Uuid], now: i64) -> [Statement; 2] {
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

impl Store {
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
}
