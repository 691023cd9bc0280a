//! What the owners of webhooks change: each a part of a batch, which is kept whole or not at all.

use uuid::Uuid;

use super::{DeliveryRow, WebhookRow, sending::line_up};
use crate::{
    Beside, TenantId,
    statement::{Statement, Value},
};

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
