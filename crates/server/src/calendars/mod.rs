//! Calendars: secret addresses under which any calendar program shows a candidate's interviews, days and tasks. Whoever
//! knows an address reads it without a key, until it is revoked; it is shown once, and kept as a hash.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    http::{
        Method,
        header::{self, HeaderValue},
    },
    web,
};
use afterword_domain::{
    candidate::Candidate,
    ids::{CalendarId, CandidateId},
    time::Instant,
};
use afterword_store::{Beside, CalendarRow, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use crate::{
    api::{Api, Operation},
    edge::{
        body,
        calendar_token::CalendarToken,
        codes::Code,
        etag,
        middleware::Edge,
        problem::Problem,
        query::{NoParameters, Query},
        rate_limit::RateLimits,
        scopes::{Caller, Scope},
    },
    reading::Answered,
    recording::path_id,
    service::{Shared, reaches, tenant, unavailable},
    writing::{Changed, Writing},
};

mod entries;
mod ics;

/// What calendars are served as.
pub(crate) const CALENDAR: &str = "text/calendar; charset=utf-8";
/// So long an address waits to be looked up.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many addresses a candidate may have at a time.
const MOST: usize = 50;

/// A calendar that is made with nothing more said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CalendarToMake {}

/// A secret address of a candidate's calendar.
#[derive(Debug, Serialize, ToSchema)]
struct Calendar {
    /// Its id.
    id: CalendarId,
    /// The address, shown once: when it is made. Whoever knows it reads the calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://afterword.example/v1/calendars/awc_….ics")]
    url: Option<String>,
    /// When it was made.
    created_at: Instant,
}

/// A candidate's calendars.
#[derive(Debug, Serialize, ToSchema)]
struct Calendars {
    /// Those that are not revoked.
    data: Vec<Calendar>,
    /// Always `null`: calendars come all at once.
    next_cursor: Option<String>,
}

impl Calendar {
    fn of(row: &CalendarRow, url: Option<String>) -> Self {
        Self {
            id: CalendarId::new(row.calendar_id),
            url,
            created_at: Timestamp::from_microsecond(row.created_at)
                .unwrap_or(Timestamp::MAX)
                .into(),
        }
    }
}

/// The calendar of a candidate as a file, at a moment.
pub(crate) fn file(candidate: &Candidate, now: Timestamp) -> Vec<u8> {
    let name = candidate.profile.as_ref().map(|profile| profile.name.to_string());
    let name = format!("Afterword: {}", name.unwrap_or_default());
    ics::written(&name, &entries::of(candidate, now))
}

pub(crate) fn endpoints(api: &mut Api) {
    let calendar = api.schema::<Calendar>();
    let calendars = api.schema::<Calendars>();
    let to_make = api.schema::<CalendarToMake>();
    api.add(Operation {
        description: "Calendar programs subscribe to the address: interviews (cancelled ones too), the days by which \
                      organisations decide and expect the next round, and tasks with alarms. The address is all that \
                      is needed to read it, so the key must also have the scope `candidates:read`. Nothing candid of \
                      debriefs stands in it."
            .to_owned(),
        body: Some(("application/json", to_make)),
        answer: (201, calendar.clone()),
        problems: vec![Code::CandidateErased, Code::Stale, Code::IdempotencyReused],
        route: Arc::new(|| web::post().to(make)),
        ..Operation::write(
            Method::POST,
            "C/calendars",
            "create_calendar",
            "Make a secret address of the candidate's calendar; it is shown once",
        )
    });
    api.add(Operation {
        answer: (200, calendars),
        route: Arc::new(|| web::get().to(list)),
        ..Operation::get(
            "C/calendars",
            "list_calendars",
            "The candidate's calendars that are not revoked",
        )
    });
    api.add(Operation {
        answer: (200, calendar),
        problems: vec![Code::CandidateErased, Code::Stale, Code::IdempotencyReused],
        route: Arc::new(|| web::delete().to(revoke)),
        ..Operation::write(
            Method::DELETE,
            "C/calendars/{calendar}",
            "revoke_calendar",
            "Revoke a calendar's address, at once",
        )
    });
    api.add(Operation {
        description:
            "For calendar programs: the address that `create_calendar` gave. It needs no key. An address that \
                      was revoked, or never was, gets `404`."
                .to_owned(),
        scope: None,
        answer: (
            200,
            json!({"type": "string", "description": "The calendar, as iCalendar.", "example": "BEGIN:VCALENDAR…"}),
        ),
        media: "text/calendar",
        route: Arc::new(|| web::get().to(serve)),
        ..Operation::get(
            "/v1/calendars/{token}.ics",
            "get_calendar",
            "A calendar, by its secret address",
        )
    });
}

/// A candidate whom the caller may write about.
async fn writable(service: &Shared, caller: &Caller, writing: &Writing, id: CandidateId) -> Result<(), Problem> {
    let candidate = service
        .recorder
        .candidate(tenant(caller), id)
        .await
        .map_err(unavailable)?;
    if candidate.version == 0 || !reaches(caller, &candidate) {
        return Err(Problem::not_found());
    }
    if candidate.erased_at.is_some() {
        return Err(Problem::refused("candidate_erased", "The candidate was erased."));
    }
    writing.meets_candidate(&candidate)
}

async fn rows(service: &Shared, caller: &Caller, id: CandidateId) -> Result<Vec<CalendarRow>, Problem> {
    let rows = service.recorder.store().calendars(tenant(caller), id.uuid()).await;
    rows.map_err(unavailable)
}

/// Whether the candidate may have one more.
async fn has_room(service: &Shared, caller: &Caller, writing: &Writing, id: CandidateId) -> Result<(), Problem> {
    writable(service, caller, writing, id).await?;
    caller.require(Scope::CandidatesRead)?;
    let known = rows(service, caller, id).await?;
    if known.iter().filter(|row| row.revoked_at.is_none()).count() < MOST {
        return Ok(());
    }
    let told = format!("A candidate has at most {MOST} calendars: revoke one of them first.");
    Err(Problem::new(Code::Refused, told))
}

async fn make(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    caller.require(Scope::CandidatesWrite)?;
    let id: CandidateId = path_id(&request, "candidate")?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let CalendarToMake {} = body::into_typed(Value::Object(body))?;
    let calendar_id = writing.fresh(0);
    let made_before = || {
        let calendar = CalendarId::new(calendar_id);
        again(&service, &caller, id, calendar, HttpResponse::Created())
    };
    if writing.was_made(&service, &caller).await? {
        return made_before().await;
    }
    if let Err(problem) = has_room(&service, &caller, &writing, id).await {
        writing.made_meanwhile(&service, &caller, problem).await?;
        return made_before().await;
    }
    let token = CalendarToken::generate(caller.tenant).map_err(Problem::internal)?;
    let row = CalendarRow {
        calendar_id,
        candidate: id.uuid(),
        hash: token.hash().to_vec(),
        created_at: service.clock.now().as_microsecond(),
        revoked_at: None,
    };
    let made = Beside::calendar(tenant(&caller), &row);
    if !matches!(writing.change(&service, &caller, made).await?, Changed::Done) {
        // The same request, sent twice at once, of which the other one was quicker; or the candidate was erased meanwhile.
        return made_before().await;
    }
    let url = address(&request, &token);
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/v1/candidates/{id}/calendars")))
        .json(Calendar::of(&row, Some(url))))
}

/// Where the calendar is served: the service's own address, as it is configured or as the caller knows it.
fn address(request: &HttpRequest, token: &CalendarToken) -> String {
    let edge = request.app_data::<web::Data<Edge>>();
    let base = edge.map(|edge| edge.base.clone()).filter(|base| !base.is_empty());
    let base = base.unwrap_or_else(|| {
        let connection = request.connection_info();
        format!("{}://{}", connection.scheme(), connection.host())
    });
    format!("{base}/v1/calendars/{}.ics", token.expose())
}

/// The answer to a request that was made before: the address is not shown again.
async fn again(
    service: &Shared,
    caller: &Caller,
    candidate: CandidateId,
    id: CalendarId,
    mut response: actix_web::HttpResponseBuilder,
) -> Answered {
    let known = rows(service, caller, candidate).await?;
    let row = known
        .iter()
        .find(|row| row.calendar_id == id.uuid())
        .ok_or_else(Problem::not_found)?;
    Ok(response
        .insert_header(("Idempotency-Replayed", "true"))
        .json(Calendar::of(row, None)))
}

async fn list(caller: Caller, request: HttpRequest, service: Shared, _: Query<NoParameters>) -> Answered {
    let candidate = service.candidate(&caller, path_id(&request, "candidate")?).await?;
    let rows = rows(&service, &caller, candidate.id).await?;
    let data = rows
        .iter()
        .filter(|row| row.revoked_at.is_none())
        .map(|row| Calendar::of(row, None))
        .collect();
    etag::answer(
        &request,
        None,
        None,
        &Calendars {
            data,
            next_cursor: None,
        },
    )
}

async fn revoke(caller: Caller, request: HttpRequest, service: Shared, _: Query<NoParameters>) -> Answered {
    caller.require(Scope::CandidatesWrite)?;
    let candidate: CandidateId = path_id(&request, "candidate")?;
    let id: CalendarId = path_id(&request, "calendar")?;
    let writing = Writing::of_bytes(&service, &caller, &request, &[])?;
    // Looked at first: what the same request does meanwhile does not stand in its way.
    let known = rows(&service, &caller, candidate).await?;
    let made_before = || again(&service, &caller, candidate, id, HttpResponse::Ok());
    if writing.was_made(&service, &caller).await? {
        return made_before().await;
    }
    if let Err(problem) = writable(&service, &caller, &writing, candidate).await {
        writing.made_meanwhile(&service, &caller, problem).await?;
        return made_before().await;
    }
    let row = known
        .iter()
        .find(|row| row.calendar_id == id.uuid() && row.revoked_at.is_none())
        .ok_or_else(Problem::not_found)?;
    let now = service.clock.now().as_microsecond();
    let revoked = Beside::calendar_revoked(tenant(&caller), row, now);
    match writing.change(&service, &caller, revoked).await? {
        Changed::Done => Ok(HttpResponse::Ok().json(Calendar::of(row, None))),
        Changed::Before | Changed::Conflict => made_before().await,
    }
}

/// The calendar behind an address. Whatever is wrong with the address gets the same answer.
async fn serve(request: HttpRequest, service: Shared, _: Query<NoParameters>) -> Answered {
    let token = request.match_info().get("token").and_then(CalendarToken::parse);
    let token = token.ok_or_else(Problem::not_found)?;
    let (of, hash) = (TenantId(token.tenant()), token.hash());
    let looking = tokio::time::timeout(PATIENCE, service.look_ups.acquire()).await;
    let looking = looking.map_err(|_| Problem::overloaded(2))?;
    let row = service.recorder.store().calendar_by_hash(of, &hash).await;
    let row = row
        .map_err(unavailable)?
        .filter(|row| row.revoked_at.is_none() && bool::from(row.hash.as_slice().ct_eq(&hash)))
        .ok_or_else(Problem::not_found)?;
    drop(looking);
    if let Some(limits) = request.app_data::<web::Data<RateLimits>>() {
        let (allowance, wait) = limits.take(row.calendar_id);
        request.extensions_mut().insert(allowance);
        if let Some(seconds) = wait {
            let problem = Problem::new(
                Code::RateLimited,
                format!("The calendar may be read again in {seconds} s."),
            );
            return Err(problem.header(header::RETRY_AFTER, seconds.into()));
        }
    }
    let candidate = service.recorder.candidate(of, CandidateId::new(row.candidate)).await;
    let candidate = candidate.map_err(unavailable)?;
    if candidate.version == 0 || candidate.erased_at.is_some() {
        return Err(Problem::not_found());
    }
    let now = service.test_clock(of).await?.unwrap_or_else(|| service.clock.now());
    // A copy may be kept, by its owner alone, and is asked for again each time.
    let kept = (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(etag::answer_as(&request, CALENDAR, vec![kept], file(&candidate, now)))
}
