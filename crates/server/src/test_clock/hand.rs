//! The hand that moves a tenant's clock, from one deadline to the next.

use std::{collections::BTreeSet, time::Duration};

use actix_web::HttpResponse;
use afterword_domain::ids::{CandidateId, EventId};
use afterword_store::{Appended, Beside, Commit, Fence, Idempotency, IdempotencyRow, RecordError, TenantId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::{Moved, backwards, next_moment, next_silent};
use crate::{
    edge::problem::Problem,
    events::Event,
    reading::Answered,
    service::{Service, reused, unavailable},
};

/// The lease under which a test clock is moved.
const LEASE: &str = "test-clock";
/// How long the lease holds; it is renewed with every page.
const HELD: SignedDuration = SignedDuration::from_secs(30);
/// How long one who moves the clock waits for another who does.
const PATIENCE: Duration = Duration::from_secs(10);
/// Candidates that are read at once.
const PAGE: i64 = 256;
/// The most announcements that an answer shows.
pub(super) const SHOWN: usize = 1000;

/// The one hand that moves a tenant's clock.
pub(super) struct Hand<'a> {
    service: &'a Service,
    tenant: TenantId,
    holder: Uuid,
    fence: Fence,
    named: Option<Idempotency>,
}

impl<'a> Hand<'a> {
    /// Takes hold of the clock, when nobody else has.
    pub(super) async fn take(
        service: &'a Service,
        tenant: TenantId,
        named: Option<Idempotency>,
    ) -> Result<Self, Problem> {
        let holder = service.clock.uuid_v7();
        let taken = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(fence) = lease(service, tenant, holder).await? {
                    return Ok(fence);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let fence = taken.await.map_err(|_| Problem::overloaded(1))??;
        Ok(Self {
            service,
            tenant,
            holder,
            fence,
            named,
        })
    }

    /// Moves the clock, unless the same request has done so before; and lets go of it, however that ends.
    pub(super) async fn moved(&self, moves: impl AsyncFnOnce() -> Result<Moved, Problem>) -> Answered {
        let moved = async {
            match self.earlier().await? {
                Some(moved) => Ok((moved, true)),
                None => Ok((moves().await?, false)),
            }
        };
        let moved = moved.await;
        let store = self.service.recorder.store();
        store
            .release(self.tenant, self.fence, self.holder)
            .await
            .map_err(unavailable)?;
        let (moved, again) = moved?;
        let mut response = HttpResponse::Ok();
        if again {
            response.insert_header(("Idempotency-Replayed", "true"));
        }
        let fired = self.told(&moved.fired).await?;
        let (now, next) = (moved.now, moved.next);
        Ok(response.json(json!({"now": now, "fired": fired, "fired_in_all": moved.fired_in_all, "next": next})))
    }

    /// What came of a request of the same name, if there was one.
    async fn earlier(&self) -> Result<Option<Moved>, Problem> {
        let Some(named) = &self.named else { return Ok(None) };
        let store = self.service.recorder.store();
        match store.idempotent(self.tenant, &named.key).await.map_err(unavailable)? {
            Some(row) if row.request_hash != named.request => Err(reused()),
            Some(row) => {
                let kept = row.sealed.unwrap_or_default();
                serde_json::from_slice(&kept).map(Some).map_err(Problem::internal)
            }
            None => Ok(None),
        }
    }

    /// The facts at these places. Of who was erased since, there is nothing to tell.
    async fn told(&self, places: &[(CandidateId, u64)]) -> Result<Vec<Event>, Problem> {
        let mut told = Vec::with_capacity(places.len());
        for (candidate, version) in places {
            let candidate = self
                .service
                .recorder
                .candidate(self.tenant, *candidate)
                .await
                .map_err(unavailable)?;
            let place = usize::try_from(version.saturating_sub(1)).unwrap_or(usize::MAX);
            told.extend(candidate.history().get(place).map(|fact| Event::of(fact)));
        }
        Ok(told)
    }

    /// Moves it to a moment.
    pub(super) async fn moves(&self, to: Timestamp, pointer: &str) -> Result<Moved, Problem> {
        let (fired, fired_in_all) = self.fire(to, pointer).await?;
        let store = self.service.recorder.store();
        let next = next_moment(store, self.tenant).await?;
        let moved = Moved {
            now: to,
            fired,
            fired_in_all,
            next,
        };
        // The clock shows the end and the request's name is kept, both or neither: sent again, `to_next` goes no farther.
        let mut commit = Commit::new(self.tenant, self.holder, 0);
        commit.beside = Some(Beside::test_clock(self.tenant, to.as_microsecond()));
        if let Some(named) = &self.named {
            commit.idempotency = Some(IdempotencyRow {
                key_hash: named.key.clone(),
                request_hash: named.request.clone(),
                candidate: None,
                first_version: 0,
                facts: 0,
                sealed: Some(serde_json::to_vec(&moved).map_err(Problem::internal)?),
                recorded_at: named.at.as_microsecond(),
            });
        }
        match store.append(commit).await.map_err(unavailable)? {
            Appended::Done { .. } => Ok(moved),
            Appended::KeyUsed(_) => Err(reused()),
            _ => Err(backwards(pointer, "must not be before what the clock shows")),
        }
    }

    async fn shows(&self, at: i64) -> Result<bool, Problem> {
        self.service
            .recorder
            .store()
            .test_clock_set(self.tenant, at)
            .await
            .map_err(unavailable)
    }

    /// Moves the clock from one erasure of somebody who was silent for long to the next, and so to a moment. The feed has
    /// them; of who is erased there is nothing else to tell.
    async fn fire(&self, to: Timestamp, pointer: &str) -> Result<(Vec<(CandidateId, u64)>, usize), Problem> {
        let (recorder, tenant) = (&self.service.recorder, self.tenant);
        let (mut fired, mut fired_in_all) = (Vec::new(), 0);
        loop {
            let shown = self.service.test_clock(tenant).await?.map_or(to, |shown| shown.min(to));
            let silent = next_silent(recorder.store(), tenant)
                .await?
                .filter(|(ends, _)| *ends <= to);
            let until = silent.map_or(to, |(ends, _)| ends.max(shown));
            let (some, many) = self.announce_until(until, pointer).await?;
            fired.extend(some);
            fired.truncate(SHOWN);
            fired_in_all += many;
            let Some((_, silent)) = silent else {
                return Ok((fired, fired_in_all));
            };
            let event = EventId::new(self.service.clock.uuid_v7());
            let erased = recorder.erase_silent(tenant, silent, event, until, Some(self.fence));
            erased.await.map_err(failed)?;
        }
    }

    /// Moves the clock from one deadline to the next. A page of candidates is worked off in the order of their moments;
    /// one to whom more happens within the page takes its next place in it.
    async fn announce_until(&self, to: Timestamp, pointer: &str) -> Result<(Vec<(CandidateId, u64)>, usize), Problem> {
        let (store, until) = (self.service.recorder.store(), to.as_microsecond());
        let shown = store.test_clock(self.tenant).await.map_err(unavailable)?;
        if shown.is_some_and(|shown| shown > until) {
            return Err(backwards(pointer, "must not be before what the clock shows"));
        }
        let (mut fired, mut fired_in_all) = (Vec::new(), 0);
        loop {
            let page = store.due(self.tenant, until, None, PAGE).await.map_err(unavailable)?;
            let Some(last) = page.last().copied() else { break };
            let full = i64::try_from(page.len()).is_ok_and(|found| found == PAGE);
            let horizon = if full { last } else { (until, Uuid::max()) };
            if shown.is_some_and(|shown| page[0].0 > shown) {
                self.shows(page[0].0).await?;
            }
            let mut waiting: BTreeSet<(i64, Uuid)> = page.into_iter().collect();
            while let Some((at, candidate)) = waiting.pop_first().filter(|next| *next <= horizon) {
                let moment = Timestamp::from_microsecond(at).map_err(Problem::internal)?;
                let recorder = &self.service.recorder;
                let announced = recorder.announce(self.tenant, CandidateId::new(candidate), moment, Some(self.fence));
                let recorded = announced.await.map_err(failed)?;
                let by_the_clock = recorded.announced.iter().filter(|fact| fact.data.kind().by_the_clock);
                fired_in_all += by_the_clock.clone().count();
                let room = SHOWN.saturating_sub(fired.len());
                let places = by_the_clock.map(|fact| (fact.at.candidate, fact.at.version));
                fired.extend(places.take(room));
                if let Some(next) = recorded.candidate.next_moment().map(Timestamp::as_microsecond)
                    && next > at
                    && next <= until
                {
                    waiting.insert((next, candidate));
                }
            }
            if lease(self.service, self.tenant, self.holder).await? != Some(self.fence) {
                return Err(Problem::overloaded(1));
            }
        }
        Ok((fired, fired_in_all))
    }
}

fn failed(error: RecordError) -> Problem {
    match error {
        RecordError::Store(error) => unavailable(error),
        RecordError::Fenced => Problem::overloaded(1),
        other => Problem::internal(other),
    }
}

/// Leases run by the wall's clock.
async fn lease(service: &Service, tenant: TenantId, holder: Uuid) -> Result<Option<Fence>, Problem> {
    let now = service.clock.now();
    let until = now.checked_add(HELD).unwrap_or(now);
    let store = service.recorder.store();
    let lease = store.lease(tenant, LEASE, holder, now.as_microsecond(), until.as_microsecond());
    lease.await.map_err(unavailable)
}
