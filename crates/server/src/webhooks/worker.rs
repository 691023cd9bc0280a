//! Serving webhooks: what of the log is for each, sent at least once and in order per candidate.
//!
//! Each webhook has a task of its own while there is something to do for it, so that one that hangs holds up no other. The
//! task does two things in turn, and never both at once: it *takes in* a page of the log, as rows that wait; and it keeps
//! some *lanes* busy, each with the oldest deliveries of one candidate, until one of them fails. So a failing delivery
//! holds back its candidate alone.
//!
//! A tenant's webhooks are served by one instance at a time, under a lease. One that dies is followed by another when the
//! lease has run out; what it had sent and not written yet is sent again.

mod lane;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use afterword_store::{FeedQuery, Fence, StoreError, TenantId, WEBHOOKS, WebhookRow};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
};
use uuid::Uuid;

use lane::Done;

use crate::{
    edge::clock::{Clock, stopwatch},
    service::Service,
};

/// How long a lease holds unless renewed: so long a dead instance's webhooks wait for another.
const HELD: SignedDuration = SignedDuration::from_secs(15);
const RENEWED: Duration = Duration::from_secs(4);
/// It looks whether there is news this often, in memory,
const PACE: Duration = Duration::from_millis(200);
/// for new tenants so often,
const TENANTS: Duration = Duration::from_secs(2);
/// and at every tenant, since news may be lost.
const SURELY: Duration = Duration::from_secs(10);
/// What another instance does is looked at again after this.
const AGAIN: Duration = Duration::from_secs(1);
/// Facts that are taken in at once.
const PAGE: i64 = 100;
/// Candidates that one webhook is told of at once.
const LANES: usize = 8;
/// Messages that are under way at once from this instance.
const AT_ONCE: usize = 64;
/// When the service stops, what is under way has so long.
const GRACE: Duration = Duration::from_secs(2);

/// Sends what webhooks are to be told.
#[derive(Clone)]
pub struct WebhookWorker {
    service: Service,
    clock: Clock,
    holder: Uuid,
    seed: Uuid,
    places: Arc<Semaphore>,
}

/// What the worker knows of a tenant.
struct Known {
    news: watch::Receiver<i64>,
    /// When a delivery is due next.
    next: Option<Timestamp>,
    looked: Option<Instant>,
    /// When it was found that another instance sees to it, or that the store does not answer.
    others: Option<Instant>,
    /// How many facts the one that is furthest behind has yet to pass by.
    behind: i64,
}

/// Tasks that serve webhooks. They say whether they could.
type Working = HashMap<(TenantId, Uuid), JoinHandle<bool>>;

/// Lanes are tasks of their own: each may hold a connection to the store, which must not wait for whoever started it.
type Lanes = JoinSet<Result<Done, StoreError>>;

impl WebhookWorker {
    /// A worker of its own name.
    pub fn new(service: &Service) -> Self {
        let clock = service.clock.clone();
        Self {
            // On SQLite there is one process: what it left undone when it was killed is its own.
            holder: if service.recorder.store().is_postgres() {
                clock.uuid_v7()
            } else {
                Uuid::nil()
            },
            seed: clock.uuid_v7(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            service: service.clone(),
            clock,
        }
    }

    /// Works until the service stops.
    pub async fn run(self) {
        let (mut known, mut working) = (HashMap::<TenantId, Known>::new(), Working::new());
        let mut listed = None::<Instant>;
        while !self.service.is_stopping() {
            if listed.is_none_or(|at| at.elapsed() >= TENANTS) {
                match self.service.recorder.store().tenants().await {
                    Ok(tenants) => {
                        known.retain(|id, _| tenants.iter().any(|tenant| tenant.id == *id));
                        for tenant in tenants {
                            known.entry(tenant.id).or_insert_with(|| Known {
                                news: self.service.recorder.store().watch(tenant.id),
                                next: None,
                                looked: None,
                                others: None,
                                behind: 0,
                            });
                        }
                        listed = Some(stopwatch());
                    }
                    Err(error) => tracing::warn!(%error, "tenants could not be looked up"),
                }
            }
            let ended: Vec<_> = working.extract_if(|_, task| task.is_finished()).collect();
            for ((tenant, _), task) in ended {
                let served = task.await.unwrap_or(false);
                if let Some(known) = known.get_mut(&tenant) {
                    known.looked = None;
                    known.others = if served { None } else { Some(stopwatch()) };
                }
            }
            for (tenant, known) in &mut known {
                if let Err(error) = self.look_at(*tenant, known, &mut working).await {
                    tracing::warn!(%error, "webhooks could not be looked up");
                }
            }
            let behind = known.values().map(|known| known.behind).max();
            metrics::gauge!("afterword_webhook_facts_behind").set(behind.unwrap_or(0) as f64);
            tokio::select! {
                () = tokio::time::sleep(PACE) => {}
                () = self.service.webhooks_changed() => known.values_mut().for_each(|known| known.looked = None),
                () = self.service.until_stopping() => {}
            }
        }
        let tenants: HashSet<TenantId> = working.keys().map(|(tenant, _)| *tenant).collect();
        join_all(working.into_values()).await;
        for tenant in tenants {
            self.give_back(tenant).await;
        }
    }

    /// Serves every webhook of one tenant until nothing is due, and says when something is next.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn round(&self, tenant: TenantId) -> Result<Option<Timestamp>, StoreError> {
        let webhooks = self.service.recorder.store().webhooks(tenant).await?;
        let enabled = webhooks.iter().filter(|row| row.state == "enabled");
        let served = join_all(enabled.map(|row| self.serve(tenant, row.id))).await;
        served.into_iter().collect::<Result<Vec<bool>, _>>()?;
        let next = self.service.recorder.store().deliveries_next(tenant).await?;
        let next = next.iter().map(|(_, at)| *at).min();
        Ok(next.and_then(|at| Timestamp::from_microsecond(at).ok()))
    }

    /// Starts a task for each webhook of a tenant for which there is something to do.
    async fn look_at(&self, tenant: TenantId, known: &mut Known, working: &mut Working) -> Result<(), StoreError> {
        if known.others.is_some_and(|at| at.elapsed() < AGAIN) {
            return Ok(());
        }
        let now = self.clock.now();
        let come = known.next.is_some_and(|next| next <= now);
        let news = known.news.has_changed().unwrap_or(false);
        if !news && !come && known.looked.is_some_and(|at| at.elapsed() < SURELY) {
            return Ok(());
        }
        known.news.mark_unchanged();
        known.looked = Some(stopwatch());
        known.next = None;
        let store = self.service.recorder.store();
        let webhooks = store.webhooks(tenant).await?;
        if !webhooks.iter().any(|row| row.state == "enabled") {
            return Ok(());
        }
        let head = store.head_position(tenant).await?;
        let due: HashMap<Uuid, i64> = store.deliveries_next(tenant).await?.into_iter().collect();
        let mut behind = 0;
        for row in webhooks.into_iter().filter(|row| row.state == "enabled") {
            behind = behind.max(head - row.position);
            if working.contains_key(&(tenant, row.id)) {
                continue;
            }
            let next = due.get(&row.id).map(|at| (*at).max(row.quiet_until));
            if row.position < head || next.is_some_and(|at| at <= now.as_microsecond()) {
                let worker = self.clone();
                let serving = async move {
                    let served = worker.serve(tenant, row.id).await;
                    served.unwrap_or_else(|error| {
                        tracing::warn!(%error, "a webhook could not be served");
                        false
                    })
                };
                working.insert((tenant, row.id), tokio::spawn(serving));
            } else {
                let next = next.and_then(|at| Timestamp::from_microsecond(at).ok());
                known.next = [known.next, next].into_iter().flatten().min();
            }
        }
        known.behind = behind;
        Ok(())
    }

    async fn lease(&self, tenant: TenantId) -> Result<Option<Fence>, StoreError> {
        let now = self.clock.now();
        let until = now.checked_add(HELD).unwrap_or(now);
        let store = self.service.recorder.store();
        store
            .lease(
                tenant,
                WEBHOOKS,
                self.holder,
                now.as_microsecond(),
                until.as_microsecond(),
            )
            .await
    }

    async fn give_back(&self, tenant: TenantId) {
        if let Ok(Some(fence)) = self.lease(tenant).await {
            let store = self.service.recorder.store();
            store.release(tenant, fence, self.holder).await.ok();
        }
    }

    /// Serves a webhook until nothing is due for it. False: another instance does.
    async fn serve(&self, tenant: TenantId, id: Uuid) -> Result<bool, StoreError> {
        let store = self.service.recorder.store();
        let Some(fence) = self.lease(tenant).await? else {
            return Ok(false);
        };
        let mut leased = stopwatch();
        // Whoever was here before may have died between two steps.
        let now = self.clock.now().as_microsecond();
        store.deliveries_line_up(tenant, id, &[], now).await?;
        let (mut lanes, mut busy) = (Lanes::new(), HashSet::new());
        loop {
            if leased.elapsed() >= RENEWED {
                match self.lease(tenant).await? {
                    Some(renewed) if renewed == fence => leased = stopwatch(),
                    // Another instance has taken over, be it for a moment: what it did is to be looked at anew.
                    Some(_) | None => return Ok(false),
                }
            }
            let row = store.webhook(tenant, id).await?.filter(|row| row.state == "enabled");
            let going = row.is_some() && !self.service.is_stopping();
            if let Some(row) = row.filter(|_| going && lanes.len() < LANES)
                && self.fill(tenant, &row, &mut busy, &mut lanes, fence).await?
            {
                continue;
            }
            if lanes.is_empty() {
                return Ok(true);
            }
            let patience = if going { RENEWED } else { GRACE };
            match tokio::time::timeout(patience, lanes.join_next()).await {
                Ok(Some(done)) => {
                    let Ok(done) = done else { return Ok(false) };
                    let done = done?;
                    busy.remove(&done.candidate);
                    if !self.settle(tenant, id, done, fence).await? {
                        // It would be sent again and again.
                        return Ok(false);
                    }
                }
                Ok(None) => {}
                // What is still under way is dropped, and sent again by whoever comes next.
                Err(_) if !going => return Ok(true),
                Err(_) => {}
            }
        }
    }

    /// Puts candidates on free lanes; where some stay free, takes in more of the log. True: there is more to look at.
    async fn fill(
        &self,
        tenant: TenantId,
        row: &WebhookRow,
        busy: &mut HashSet<Uuid>,
        lanes: &mut Lanes,
        fence: Fence,
    ) -> Result<bool, StoreError> {
        let store = self.service.recorder.store();
        let now = self.clock.now().as_microsecond();
        if row.quiet_until <= now {
            let enough = i64::try_from(busy.len() + LANES).unwrap_or(PAGE);
            let due = store.deliveries_due(tenant, row.id, now, enough).await?;
            for head in due {
                if lanes.len() < LANES && busy.insert(head.candidate) {
                    let (worker, row) = (self.clone(), row.clone());
                    lanes.spawn(async move { worker.lane(tenant, row, head).await });
                }
            }
        }
        Ok(lanes.len() < LANES && self.take_in(tenant, row, fence).await?)
    }

    /// Takes in a page of the log. False: there was nothing more of it.
    async fn take_in(&self, tenant: TenantId, row: &WebhookRow, fence: Fence) -> Result<bool, StoreError> {
        let store = self.service.recorder.store();
        let head = store.head_position(tenant).await?;
        if row.position >= head {
            return Ok(false);
        }
        let query = FeedQuery {
            after_position: row.position,
            limit: PAGE,
            ..Self::told_to(row)
        };
        let page = store.feed(tenant, query).await?;
        let facts: Vec<_> = page.iter().map(|it| (it.position, it.event_id, it.candidate)).collect();
        store.deliveries_put(tenant, row.id, &facts).await?;
        let mut candidates: Vec<Uuid> = facts.iter().map(|(_, _, candidate)| *candidate).collect();
        candidates.sort_unstable();
        candidates.dedup();
        let now = self.clock.now().as_microsecond();
        if !candidates.is_empty() {
            store.deliveries_line_up(tenant, row.id, &candidates, now).await?;
        }
        let last = page.last().map_or(row.position, |it| it.position);
        let whole = i64::try_from(page.len()).unwrap_or(PAGE) < PAGE;
        let to = if whole { head.max(last) } else { last };
        // Set back meanwhile, it is read again from there; taken over, the next renewal tells.
        store.webhook_move(tenant, row.id, row.position, to, fence).await
    }

    /// What of the log is for a webhook.
    fn told_to(row: &WebhookRow) -> FeedQuery {
        FeedQuery {
            types: row
                .types
                .as_ref()
                .map(|types| types.split(' ').map(ToOwned::to_owned).collect()),
            candidate: row.candidate,
            group: row.group.clone(),
            ..FeedQuery::default()
        }
    }
}
