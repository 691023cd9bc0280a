//! A lane: the deliveries to one webhook about one candidate, in order, and what becomes of them.

use std::collections::HashMap;

use afterword_domain::ids::EventId;
use afterword_store::{DeliveryRow, FeedEntry, FeedQuery, Fence, StoreError, TenantId, WebhookRow};
use jiff::Timestamp;
use uuid::Uuid;

use super::{PAGE, WebhookWorker};
use crate::webhooks::{
    schedule,
    sending::{Outcome, Sealed, body, send},
};

/// Deliveries about one candidate that go out before their outcomes are written.
const IN_A_ROW: i64 = 32;

/// What a lane has done for its candidate.
pub(super) struct Done {
    pub(super) candidate: Uuid,
    delivered: Vec<(i64, u16)>,
    skipped: Vec<i64>,
    /// The delivery at which it came to a stop.
    failed: Option<(DeliveryRow, Outcome)>,
}

impl WebhookWorker {
    /// Sends a candidate's deliveries in order, until there are no more or one of them fails.
    pub(super) async fn lane(&self, tenant: TenantId, row: WebhookRow, head: DeliveryRow) -> Result<Done, StoreError> {
        let mut done = Done {
            candidate: head.candidate,
            delivered: Vec::new(),
            skipped: Vec::new(),
            failed: None,
        };
        let store = self.service.recorder.store();
        let Some(to) = Sealed::open(&self.service, tenant, &row) else {
            tracing::error!("a webhook cannot be read");
            return Err(StoreError::Unreadable);
        };
        let (from, limit) = (head.position, IN_A_ROW);
        let rows = store.deliveries_of(tenant, row.id, head.candidate, from, limit).await?;
        // What the webhook is not told any more, it is not told: the fact was erased, the candidate has left its group.
        let reaches = row.candidate.is_none_or(|own| own == head.candidate);
        let query = FeedQuery {
            after_position: from - 1,
            before_position: rows.last().map(|last| last.position + 1),
            candidate: Some(head.candidate),
            limit: PAGE,
            ..Self::told_to(&row)
        };
        let (entries, cut) = if reaches {
            let feed = self.service.recorder.feed(tenant, query).await?;
            (feed.entries, feed.cut)
        } else {
            (Vec::new(), false)
        };
        let cut_off = cut || i64::try_from(entries.len()).unwrap_or(PAGE) >= PAGE;
        let seen = entries.last().filter(|_| cut_off).map_or(i64::MAX, FeedEntry::position);
        let entries: HashMap<i64, &FeedEntry> = entries.iter().map(|entry| (entry.position(), entry)).collect();
        for delivery in rows.into_iter().take_while(|it| it.position <= seen) {
            if self.service.is_stopping() {
                break;
            }
            let Some(entry) = entries.get(&delivery.position) else {
                done.skipped.push(delivery.position);
                continue;
            };
            let Ok(_place) = self.places.acquire().await else { break };
            let now = self.clock.now();
            let id = EventId::new(delivery.event).to_string();
            match send(&self.service.outgoing, &to, &id, body(&row, entry, false), now).await {
                Outcome::Delivered(status) => {
                    let recorded = match entry {
                        FeedEntry::Fact { envelope, .. } => envelope.at.recorded_at,
                        FeedEntry::Erased { at, .. } => at.recorded_at,
                    };
                    let lag = self.clock.now().duration_since(recorded).as_secs_f64();
                    metrics::histogram!("afterword_webhook_lag_seconds").record(lag.max(0.0));
                    done.delivered.push((delivery.position, status));
                }
                failed => {
                    done.failed = Some((delivery, failed));
                    break;
                }
            }
        }
        Ok(done)
    }

    /// Writes what a lane has done, and lines up what its candidate has waiting. False: it could not, and somebody else sees
    /// to it.
    pub(super) async fn settle(
        &self,
        tenant: TenantId,
        id: Uuid,
        done: Done,
        fence: Fence,
    ) -> Result<bool, StoreError> {
        let store = self.service.recorder.store();
        let now = self.clock.now();
        let at = now.as_microsecond();
        let mut statuses: Vec<u16> = done.delivered.iter().map(|(_, status)| *status).collect();
        statuses.sort_unstable();
        statuses.dedup();
        for status in &statuses {
            let of = done.delivered.iter().filter(|(_, answered)| answered == status);
            let positions: Vec<i64> = of.map(|(position, _)| *position).collect();
            let told = (Some(i64::from(*status)), at);
            let settled = store.deliveries_settle(tenant, id, &positions, "delivered", told, fence);
            if !settled.await? {
                return Ok(false);
            }
        }
        if !done.skipped.is_empty() {
            let settled = store.deliveries_settle(tenant, id, &done.skipped, "skipped", (None, at), fence);
            if !settled.await? {
                return Ok(false);
            }
        }
        let Some(row) = store.webhook(tenant, id).await? else {
            return Ok(true);
        };
        if !statuses.is_empty() && row.failing_since.is_some() {
            store.webhook_fares(tenant, id, None, row.quiet_until, fence).await?;
        }
        if let Some((delivery, outcome)) = done.failed {
            let since = if statuses.is_empty() { row.failing_since } else { None };
            let settled = self.failed(tenant, &row, since, delivery, outcome, fence);
            if !settled.await? {
                return Ok(false);
            }
        }
        store.deliveries_line_up(tenant, id, &[done.candidate], at).await?;
        Ok(true)
    }

    /// Decides what is to become of a delivery that has failed, and of its webhook. False: that is another's by now.
    async fn failed(
        &self,
        tenant: TenantId,
        row: &WebhookRow,
        since: Option<i64>,
        mut delivery: DeliveryRow,
        outcome: Outcome,
        fence: Fence,
    ) -> Result<bool, StoreError> {
        let store = self.service.recorder.store();
        let now = self.clock.now();
        let at = now.as_microsecond();
        delivery.attempts += 1;
        delivery.first_at = delivery.first_at.or(Some(at));
        delivery.last_at = Some(at);
        let (status, error, retry_after) = match outcome {
            Outcome::Failed {
                status,
                error,
                retry_after,
            } => (status, error, retry_after),
            Outcome::Gone => (Some(410), None, None),
            Outcome::Delivered(status) => (Some(status), None, None),
        };
        delivery.status = status.map(i64::from);
        delivery.error = error.map(ToOwned::to_owned);
        let jitter = schedule::jitter(self.seed, delivery.event, delivery.attempts);
        let again = schedule::again(delivery.attempts, now, retry_after, jitter);
        delivery.next_at = again.map(Timestamp::as_microsecond);
        if again.is_none() {
            "failed".clone_into(&mut delivery.state);
            metrics::counter!("afterword_webhook_given_up_total").increment(1);
        }
        if !store.delivery_failed(tenant, row.id, &delivery, fence).await? {
            return Ok(false);
        }
        let overloaded = matches!(status, Some(429 | 503));
        let quiet_until = match retry_after.filter(|_| overloaded) {
            Some(asked) => schedule::quiet(now, asked).as_microsecond().max(row.quiet_until),
            None => row.quiet_until,
        };
        let since = since.unwrap_or(at);
        store
            .webhook_fares(tenant, row.id, Some(since), quiet_until, fence)
            .await?;
        let failing = Timestamp::from_microsecond(since).unwrap_or(now);
        let reason = match status {
            Some(410) => Some("gone"),
            _ if schedule::is_hopeless(failing, now) => Some("failing"),
            _ => None,
        };
        if let Some(reason) = reason {
            metrics::counter!("afterword_webhooks_disabled_total", "reason" => reason).increment(1);
            store.webhook_disable(tenant, row.id, reason, fence).await?;
        }
        Ok(true)
    }
}
