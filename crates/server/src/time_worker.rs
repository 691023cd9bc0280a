//! The time worker: sees to it that what happens by itself is announced in time, in every tenant that lives by the wall's
//! clock. What it does is a write with nothing in it per candidate; the facts are the domain's (`announcements.rs`).
//!
//! Several instances share one store. Each tenant's work is done under a lease of its own: whoever holds it works, the
//! others look again later. A holder that dies is followed by another once its lease has run out, and finds every
//! candidate that is still due; one that was only slow cannot write any more, since its lease is fenced. And what a
//! candidate's log holds is not announced again, whoever tries.
//!
//! An idle store is left alone: a tenant is looked at when its log has news, when the next moment has come that was
//! seen there, and now and then in case that news was lost.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use afterword_domain::ids::CandidateId;
use afterword_store::{Fence, RecordError, Recorder, StoreError, TenantId, TenantRow};
use futures_util::stream::{StreamExt, iter};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    edge::clock::{Clock, stopwatch},
    service::Service,
};

/// The lease under which a tenant's deadlines are announced.
const LEASE: &str = "time";
/// How long it holds unless renewed: so long a dead instance's work waits for another.
const HELD: SignedDuration = SignedDuration::from_secs(15);
/// It looks around at most this often, and at least when the next moment has come.
const PACE: Duration = Duration::from_secs(1);
/// News may be lost; so often every tenant is looked at.
const SURELY: Duration = Duration::from_secs(30);
/// A candidate whose announcements could not be written is left alone for so long,
const SET_ASIDE: Duration = Duration::from_secs(60);
/// and one that was due by its row and not by its log for so long: as a rule a client's write came first.
const FORESTALLED: Duration = Duration::from_secs(2);
/// What another instance does, or what was set aside, is looked at again after this.
const AGAIN: SignedDuration = SignedDuration::from_secs(1);
/// Candidates that are read, and written, at once.
const PAGE: i64 = 512;
const AT_ONCE: usize = 64;

/// Announces what has come due.
pub struct TimeWorker {
    service: Service,
    clock: Clock,
    holder: Uuid,
    tenants: HashMap<TenantId, Known>,
    /// The playbook that every candidate of a tenant had adopted when that was last looked at.
    adopted: HashMap<TenantId, (u32, Instant)>,
    /// Candidates to be left alone, since when and for how long.
    set_aside: HashMap<(TenantId, Uuid), (Instant, Duration)>,
}

/// What the worker knows of a tenant.
struct Known {
    news: watch::Receiver<i64>,
    /// When something will next happen there, as far as it has seen.
    next: Option<Timestamp>,
    looked: Instant,
}

/// What a round has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// How many facts were announced.
    pub announced: u64,
    /// When something will next happen by itself.
    pub next: Option<Timestamp>,
}

impl TimeWorker {
    /// A worker of its own name.
    pub fn new(service: &Service) -> Self {
        Self {
            clock: service.clock.clone(),
            holder: service.holder(),
            service: service.clone(),
            tenants: HashMap::new(),
            adopted: HashMap::new(),
            set_aside: HashMap::new(),
        }
    }

    /// Works until the service stops.
    pub async fn run(mut self) {
        while !self.service.is_stopping() {
            let pause = match self.round().await {
                Ok(Round { next, .. }) => next.map_or(PACE, |next| until(next, self.clock.now()).min(PACE)),
                Err(error) => {
                    tracing::warn!(%error, "what has come due could not be looked up");
                    PACE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.service.until_stopping() => {}
            }
        }
    }

    /// Looks once at every tenant where something may have come due, and announces it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn round(&mut self) -> Result<Round, StoreError> {
        let mut round = Round::default();
        let tenants = self.recorder().store().tenants().await?;
        self.tenants
            .retain(|known, _| tenants.iter().any(|tenant| tenant.id == *known));
        self.set_aside.retain(|_, (since, long)| since.elapsed() < *long);
        let mut behind: f64 = 0.0;
        for tenant in tenants {
            if self.service.is_stopping() {
                break;
            }
            let (done, late) = self.round_of(&tenant).await?;
            round.announced += done.announced;
            round.next = [round.next, done.next].into_iter().flatten().min();
            behind = behind.max(late);
        }
        metrics::gauge!("afterword_time_behind_seconds").set(behind);
        Ok(round)
    }

    /// Looks once at one tenant; and says by how many seconds it was late.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn round_of(&mut self, tenant: &TenantRow) -> Result<(Round, f64), StoreError> {
        self.adopt(tenant).await?;
        let (mut announced, mut behind) = (0, 0.0);
        if self.may_be_due(tenant).await? {
            let (done, late) = self.work_off(tenant.id).await?;
            (announced, behind) = (done.announced, late);
            if let Some(known) = self.tenants.get_mut(&tenant.id) {
                known.next = done.next;
            }
        }
        let next = self.tenants.get(&tenant.id).and_then(|known| known.next);
        Ok((Round { announced, next }, behind))
    }

    const fn recorder(&self) -> &Recorder {
        &self.service.recorder
    }

    /// Has the candidates of a tenant adopt its playbook. Whichever instance comes first writes it; a candidate that a
    /// client has written to meanwhile has adopted it then.
    async fn adopt(&mut self, tenant: &TenantRow) -> Result<(), StoreError> {
        let recorder = self.recorder().clone();
        let version = recorder.playbooks(tenant.id).await?.current().version;
        let known = self.adopted.get(&tenant.id);
        if version == 0 || known.is_some_and(|(done, since)| *done == version && since.elapsed() < SURELY) {
            return Ok(());
        }
        let shown = recorder.store().test_clock(tenant.id).await?;
        let shown = shown.and_then(|at| Timestamp::from_microsecond(at).ok());
        let (mut after, mut failed) = (None, 0);
        loop {
            // One that fails does not keep those behind it from being adopted.
            let page = recorder
                .store()
                .unadopted(tenant.id, version.into(), after, PAGE)
                .await?;
            after = page.last().copied();
            let now = shown.unwrap_or_else(|| self.clock.now());
            let last = page.is_empty();
            let tenant = tenant.id;
            let adopting = page.into_iter().map(|(_, id)| {
                let recorder = recorder.clone();
                async move { recorder.announce(tenant, CandidateId::new(id), now, None).await }
            });
            let written: Vec<_> = iter(adopting).buffer_unordered(AT_ONCE).collect().await;
            failed += written.iter().filter(|it| it.is_err()).count();
            if last {
                if failed > 0 {
                    tracing::warn!(tenant = tenant.0, failed, "candidates could not adopt the playbook");
                }
                // What failed is tried again in a while.
                self.adopted.insert(tenant, (version, stopwatch()));
            }
            if last || self.service.is_stopping() {
                return Ok(());
            }
        }
    }

    /// Whether something may have come due since the tenant was last looked at.
    async fn may_be_due(&mut self, tenant: &TenantRow) -> Result<bool, StoreError> {
        // Where a test clock shows the time, it is moved by hand.
        if tenant.test && self.recorder().store().test_clock(tenant.id).await?.is_some() {
            self.tenants.remove(&tenant.id);
            return Ok(false);
        }
        let now = self.clock.now();
        if let Some(known) = self.tenants.get_mut(&tenant.id) {
            let news = known.news.has_changed().unwrap_or(true);
            let come = known.next.is_some_and(|next| next <= now);
            if !news && !come && known.looked.elapsed() < SURELY {
                return Ok(false);
            }
            known.news.mark_unchanged();
            known.looked = stopwatch();
        } else {
            let known = Known {
                news: self.recorder().store().watch(tenant.id),
                next: None,
                looked: stopwatch(),
            };
            self.tenants.insert(tenant.id, known);
        }
        Ok(true)
    }

    /// Announces everything that has come due in a tenant, page by page; and says by how many seconds it was late.
    async fn work_off(&mut self, tenant: TenantId) -> Result<(Round, f64), StoreError> {
        let store = self.recorder().store().clone();
        let (mut fence, mut after, mut announced, mut behind) = (None::<Fence>, None, 0, 0.0);
        let in_a_while = |now: Timestamp| now.checked_add(AGAIN).ok();
        loop {
            let now = self.clock.now();
            let page = store.due(tenant, now.as_microsecond(), after, PAGE).await?;
            if after.is_none() {
                let oldest = page.first().and_then(|(at, _)| Timestamp::from_microsecond(*at).ok());
                behind = oldest.map_or(0.0, |at| now.duration_since(at).as_secs_f64());
            }
            after = page.last().copied();
            let due: Vec<_> = page
                .into_iter()
                .filter(|(_, id)| !self.set_aside.contains_key(&(tenant, *id)))
                .collect();
            if !due.is_empty() {
                let end = now.checked_add(HELD).unwrap_or(now);
                let lease = store.lease(tenant, LEASE, self.holder, now.as_microsecond(), end.as_microsecond());
                let Some(held) = lease.await? else {
                    // Another instance sees to it; whether it has is looked up in a while.
                    let next = in_a_while(now);
                    return Ok((Round { announced, next }, behind));
                };
                fence = Some(held);
                match self.announce(tenant, due, held, now).await {
                    Some(facts) => announced += facts,
                    None => {
                        let next = in_a_while(now);
                        return Ok((Round { announced, next }, behind));
                    }
                }
            }
            if after.is_none() || self.service.is_stopping() {
                break;
            }
        }
        if let Some(fence) = fence {
            store.release(tenant, fence, self.holder).await?;
        }
        let ahead = store.next_moment(tenant).await?;
        let next = ahead.and_then(|at| Timestamp::from_microsecond(at).ok());
        // What was set aside is still due, and is not tried again at once.
        let soonest = in_a_while(self.clock.now());
        let next = next.map(|next| soonest.map_or(next, |soonest| next.max(soonest)));
        Ok((Round { announced, next }, behind))
    }

    /// Announces what has come due for some candidates. None: the lease has been taken over.
    async fn announce(&mut self, tenant: TenantId, due: Vec<(i64, Uuid)>, fence: Fence, now: Timestamp) -> Option<u64> {
        let recorder = self.recorder().clone();
        let mut done = iter(due)
            .map(async |(at, id)| {
                (
                    at,
                    id,
                    recorder.announce(tenant, CandidateId::new(id), now, Some(fence)).await,
                )
            })
            .buffer_unordered(AT_ONCE);
        let (mut announced, mut aside, mut fenced) = (0, Vec::new(), false);
        while let Some((at, id, outcome)) = done.next().await {
            match outcome {
                Ok(recorded) => {
                    announced += recorded.announced.len() as u64;
                    metrics::counter!("afterword_time_announced_total").increment(recorded.announced.len() as u64);
                    let moment = Timestamp::from_microsecond(at).unwrap_or(now);
                    let late = self.clock.now().duration_since(moment).as_secs_f64();
                    metrics::histogram!("afterword_time_lag_seconds").record(late.max(0.0));
                    if recorded.announced.is_empty() {
                        aside.push((id, FORESTALLED));
                    }
                }
                Err(RecordError::Fenced) => fenced = true,
                Err(error) => {
                    tracing::warn!(candidate = %CandidateId::new(id), %error, "what has come due was not announced");
                    aside.push((id, SET_ASIDE));
                }
            }
        }
        drop(done);
        let since = stopwatch();
        self.set_aside
            .extend(aside.into_iter().map(|(id, long)| ((tenant, id), (since, long))));
        (!fenced).then_some(announced)
    }
}

/// How long until a moment; no time at all where it is past.
fn until(moment: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(moment.duration_since(now)).unwrap_or_default()
}
