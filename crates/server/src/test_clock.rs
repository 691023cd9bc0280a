//! The clock of a test tenant. It stands still until it is moved, and runs forward only; every deadline that it passes
//! is announced at its own moment, in the order of moments and then of candidates, across the whole tenant. So two years
//! pass within one request, and the log is the same every time.
//!
//! Whatever the tenant writes and reads takes its now from this clock. Keys, rate limits and the age of idempotency keys
//! keep to the wall's.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use afterword_domain::{
    announcements::{SilenceNoticed, TaskOpened, TaskOverdue},
    ids::{CandidateId, EventId},
    time::Instant,
};
use afterword_store::{
    Appended, Beside, Commit, Fence, Idempotency, IdempotencyRow, RecordError, Silent, Store, TenantId,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    api::{Api, Operation, reference},
    edge::{
        body,
        codes::Code,
        problem::Problem,
        query::{NoParameters, Query},
        scopes::{Caller, Scope},
    },
    events::Event,
    reading::Answered,
    retention,
    service::{Service, Shared, reused, tenant, unavailable},
    writing::Writing,
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
const SHOWN: usize = 1000;
/// The last moment that a test clock may show: facts name no later ones.
const LAST: Timestamp = Timestamp::constant(7_289_654_399, 0);

/// A test clock.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestClock {
    /// What it shows.
    #[schema(value_type = Instant)]
    pub now: Timestamp,
    /// When something will next happen by itself; `null`: never.
    #[schema(value_type = Option<Instant>)]
    pub next: Option<Timestamp>,
}

/// Sets a test clock.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestClockToSet {
    /// What it is to show. Not before what it shows already, or before what is on record.
    pub now: Instant,
}

/// Moves a test clock: to a moment, or to the next at which something happens.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestClockToAdvance {
    /// Where to.
    #[serde(default)]
    #[schema(nullable = false)]
    pub to: Option<Instant>,
    /// To the next moment at which something happens by itself; where nothing is to come, the clock stays.
    #[serde(default)]
    #[schema(nullable = false, example = false)]
    pub to_next: Option<bool>,
}

/// What a moved clock has brought about, as it is kept for a request that is sent again: times and places alone.
#[derive(Serialize, Deserialize)]
struct Moved {
    now: Timestamp,
    /// Candidates and versions.
    fired: Vec<(CandidateId, u64)>,
    fired_in_all: usize,
    next: Option<Timestamp>,
}

pub(crate) fn endpoints(api: &mut Api) {
    // What only the clock records has no endpoint of its own.
    api.schema::<TaskOpened>();
    api.schema::<TaskOverdue>();
    api.schema::<SilenceNoticed>();
    let clock = api.schema::<TestClock>();
    let (set, advance) = (api.schema::<TestClockToSet>(), api.schema::<TestClockToAdvance>());
    let instant = reference("Instant");
    let moved = api.schema_of("TestClockMoved", json!({
        "type": "object",
        "description": "What a moved clock has brought about.",
        "required": ["now", "fired", "fired_in_all", "next"],
        "properties": {
            "now": {"allOf": [instant], "description": "What the clock shows."},
            "fired": {"type": "array", "maxItems": SHOWN, "items": reference("Event"),
                "description": "What was announced, in order: the first 1,000; all of it is in the feed."},
            "fired_in_all": {"type": "integer", "format": "int64", "minimum": 0, "description": "How many announcements there were.", "examples": [1]},
            "next": {"oneOf": [{"allOf": [instant], "description": "When something will next happen by itself; `null`: never."}, {"type": "null"}]},
        },
    }));
    // A clock that was never set is not there.
    let problems = vec![Code::NotATestTenant, Code::ClockRunsForward, Code::NotFound];
    let told = "Test tenants only (`afterword tenants create NAME --test`). Every deadline that is passed is announced at its \
                own moment, in order.";
    api.add(Operation {
        scope: Some(Scope::Admin),
        answer: (200, clock),
        problems: vec![Code::NotATestTenant, Code::NotFound],
        route: Arc::new(|| web::get().to(get)),
        ..Operation::get("/v1/test-clock", "get_test_clock", "What the test clock shows")
    });
    let write = |path, id, summary, body: Value| Operation {
        scope: Some(Scope::Admin),
        description: told.to_owned(),
        body: Some(("application/json", body)),
        answer: (200, moved.clone()),
        problems: problems.clone(),
        ..Operation::write(Method::POST, path, id, summary)
    };
    api.add(Operation {
        route: Arc::new(|| web::post().to(set_to)),
        ..write("/v1/test-clock", "set_test_clock", "Set the test clock", set)
    });
    api.add(Operation {
        route: Arc::new(|| web::post().to(advance_to)),
        ..write(
            "/v1/test-clock/advanced",
            "advance_test_clock",
            "Let time pass",
            advance,
        )
    });
}

fn allowed(caller: &Caller) -> Result<TenantId, Problem> {
    caller.require(Scope::Admin)?;
    if caller.test {
        return Ok(tenant(caller));
    }
    Err(Problem::new(
        Code::NotATestTenant,
        "This tenant lives by the wall's clock.",
    ))
}

async fn get(caller: Caller, service: Shared, _: Query<NoParameters>) -> Answered {
    let tenant = allowed(&caller)?;
    let now = service.test_clock(tenant).await?.ok_or_else(Problem::not_found)?;
    let next = next_moment(service.recorder.store(), tenant).await?;
    Ok(HttpResponse::Ok().json(TestClock { now, next }))
}

async fn set_to(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    let tenant = allowed(&caller)?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let named = Writing::of(&service, &caller, &request, &body)?.idempotency;
    let wanted: TestClockToSet = body::into_typed(Value::Object(body))?;
    let to = within_reach(wanted.now, "/now")?;
    let hand = Hand::take(&service, tenant, named).await?;
    hand.moved(async || {
        begins_late_enough(&service, tenant, to).await?;
        hand.moves(to, "/now").await
    })
    .await
}

/// The first moment that a test clock shows does not lie before what was recorded by the wall's clock.
async fn begins_late_enough(service: &Service, tenant: TenantId, to: Timestamp) -> Result<(), Problem> {
    let store = service.recorder.store();
    if service.test_clock(tenant).await?.is_none() {
        let newest = store.newest_recording(tenant).await.map_err(unavailable)?;
        if newest.is_some_and(|newest| newest > to.as_microsecond()) {
            return Err(backwards("/now", "must not be before what is on record for the tenant"));
        }
    }
    Ok(())
}

async fn advance_to(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    let tenant = allowed(&caller)?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let named = Writing::of(&service, &caller, &request, &body)?.idempotency;
    let wanted: TestClockToAdvance = body::into_typed(Value::Object(body))?;
    let to = match (wanted.to, wanted.to_next) {
        (Some(to), None | Some(false)) => Some(within_reach(to, "/to")?),
        (None, Some(true)) => None,
        (Some(_), Some(true)) => return Err(Problem::invalid("/to_next", "must not stand beside to")),
        (None, None | Some(false)) => {
            return Err(Problem::invalid("/to", "is missing: a moment, or to_next with true"));
        }
    };
    let hand = Hand::take(&service, tenant, named).await?;
    hand.moved(async || {
        let shown = service.test_clock(tenant).await?.ok_or_else(Problem::not_found)?;
        let next = next_moment(service.recorder.store(), tenant).await?;
        // Where nothing is to come, the clock stays.
        let to = to.unwrap_or_else(|| next.map_or(shown, |next| next.max(shown)));
        hand.moves(to, "/to").await
    })
    .await
}

fn within_reach(at: Instant, pointer: &str) -> Result<Timestamp, Problem> {
    let at = at.timestamp();
    if (Timestamp::UNIX_EPOCH..=LAST).contains(&at) {
        return Ok(at);
    }
    Err(Problem::invalid(pointer, "must be between the years 1970 and 2200"))
}

fn backwards(pointer: &str, told: &str) -> Problem {
    Problem::new(Code::ClockRunsForward, "A test clock runs forward only.").at(pointer, told)
}

async fn next_moment(store: &Store, tenant: TenantId) -> Result<Option<Timestamp>, Problem> {
    let next = store.next_moment(tenant).await.map_err(unavailable)?;
    let next = next.and_then(|at| Timestamp::from_microsecond(at).ok());
    let silent = next_silent(store, tenant).await?.map(|(ends, _)| ends);
    Ok([next, silent].into_iter().flatten().min())
}

/// Who will next have been kept for as long as the tenant keeps candidates, and when.
async fn next_silent(store: &Store, tenant: TenantId) -> Result<Option<(Timestamp, Silent)>, Problem> {
    let Some(period) = retention::period(store, tenant).await.map_err(unavailable)? else {
        return Ok(None);
    };
    retention::next(store, tenant, period).await.map_err(unavailable)
}

/// The one hand that moves a tenant's clock.
struct Hand<'a> {
    service: &'a Service,
    tenant: TenantId,
    holder: Uuid,
    fence: Fence,
    named: Option<Idempotency>,
}

impl<'a> Hand<'a> {
    async fn take(service: &'a Service, tenant: TenantId, named: Option<Idempotency>) -> Result<Self, Problem> {
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
    async fn moved(&self, moves: impl AsyncFnOnce() -> Result<Moved, Problem>) -> Answered {
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

    async fn moves(&self, to: Timestamp, pointer: &str) -> Result<Moved, Problem> {
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
