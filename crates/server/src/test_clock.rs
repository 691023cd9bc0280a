//! The clock of a test tenant. It stands still until it is moved, and runs forward only; every deadline that it passes
//! is announced at its own moment, in the order of moments and then of candidates, across the whole tenant. So two years
//! pass within one request, and the log is the same every time.
//!
//! Whatever the tenant writes and reads takes its now from this clock. Keys, rate limits and the age of idempotency keys
//! keep to the wall's.

mod hand;

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use afterword_domain::{
    announcements::{SilenceNoticed, TaskOpened, TaskOverdue},
    ids::CandidateId,
    time::Instant,
};
use afterword_store::{Silent, Store, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    api::{Api, Operation, reference},
    edge::{
        body,
        codes::Code,
        problem::Problem,
        query::{NoParameters, Query},
        scopes::{Caller, Scope},
    },
    reading::Answered,
    retention,
    service::{Service, Shared, tenant, unavailable},
    writing::Writing,
};

use hand::{Hand, SHOWN};

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
    caller.require_whole("has no hand in the test clock")?;
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
