//! What every request and answer has in common: its id, its problem document when something is refused, the headers
//! that keep browsers and caches careful, one span in the log and two metrics. Neither path nor query is ever logged
//! or counted, only the route's pattern: paths and queries hold personal data.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};
use futures_util::FutureExt;
use tracing::{Instrument, Span, field};

use super::admission::give_turn_back;
use super::answer::{self, Fetched};
use super::careful::careful;
use super::clock::{Clock, stopwatch};
use super::connection::Connection;
use super::cors::Origins;
use super::problem::{Code, PROBLEM_JSON, Problem};
use super::rate_limit::Allowance;
use super::room::{Held, Room};
use super::scopes::{Caller, Scope};
use crate::candid;

/// What the middleware knows of its service. Put into the app as `web::Data`.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    /// Makes the ids of requests.
    pub clock: Clock,
    /// The service's public address without a slash at the end, or nothing when it is not known.
    pub base: String,
    /// Which web pages of other origins may read answers.
    pub origins: Arc<Origins>,
    /// Whether the service is spoken to over TLS.
    pub tls: bool,
    /// Whether clients are to go to another instance.
    pub leaving: Arc<AtomicBool>,
}

/// The id of a request, in `X-Request-Id`, in problem documents and in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// No request takes longer, its body's way to the service included. What one waits for has limits of its own, far below.
const LONGEST: Duration = Duration::from_secs(900);

/// So long whoever asked for too much waits to be told: asking again at once gains nothing, and costs others little.
const HELD_BACK: Duration = Duration::from_millis(500);

/// Wraps the whole app: `App::new().wrap(from_fn(middleware::edge))`.
pub async fn edge(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = stopwatch();
    let edge = request
        .app_data::<web::Data<Edge>>()
        .map(|edge| edge.get_ref().clone())
        .unwrap_or_default();
    let id = RequestId(trace_id(request.headers()).unwrap_or_else(|| edge.clock.uuid_v7().to_string()));
    let method = method_label(request.method());
    request.extensions_mut().insert(id.clone());
    let origin = edge.origins.of(request.headers());
    if request.method() == Method::HEAD {
        // HTTP wants HEAD wherever there is GET; the connection leaves the body out by itself.
        request.head_mut().method = Method::GET;
    }
    let span = tracing::info_span!(
        "request",
        request_id = id.0,
        method,
        route = field::Empty,
        tenant = field::Empty
    );
    if let Some(may) = edge.origins.preflight(request.method(), request.headers()) {
        let answer = finished(may, &edge, origin, &id, false, None);
        told(&span, started, method, None, None, answer.status());
        return Ok(request.into_response(answer));
    }
    let carried = request.conn_data::<Connection>().map(Connection::one_more);
    if let Some(None) = carried {
        let answer = finished(
            HttpResponse::from_error(Problem::overloaded(1)),
            &edge,
            origin,
            &id,
            false,
            None,
        );
        told(&span, started, method, None, None, answer.status());
        return Ok(request.into_response(answer));
    }
    let answering = AssertUnwindSafe(async { next.call(request).await })
        .catch_unwind()
        .instrument(span.clone());
    let Ok(answered) = tokio::time::timeout(LONGEST, answering).await else {
        let problem = HttpResponse::from_error(Problem::overloaded(5));
        return Err(without_request(problem, &edge, origin, &id, &span, started, method));
    };
    match answered {
        Ok(Ok(response)) => {
            let (request, mut response) = response.map_into_boxed_body().into_parts();
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                give_turn_back(&request);
                tokio::time::sleep(HELD_BACK).await;
            }
            let candid = |caller: &Caller| caller.scopes.allows(Scope::DebriefsRead);
            if !request.extensions().get::<Caller>().is_none_or(candid) {
                response = candid::without(response).await;
            }
            let room = match room_for(&request, response.body()) {
                Ok(room) => room,
                Err(full) => {
                    response = HttpResponse::from_error(full);
                    None
                }
            };
            let tenant = request.extensions().get::<Caller>().map(|caller| caller.tenant);
            let allowance = request.extensions().get::<Allowance>().cloned();
            let mut response = finished(response, &edge, origin, &id, tenant.is_some(), allowance);
            if edge.leaving.load(Ordering::Relaxed) {
                // The client's next request opens a connection to somebody who stays.
                response.head_mut().set_connection_type(ConnectionType::Close);
            }
            told(
                &span,
                started,
                method,
                request.match_pattern().as_deref(),
                tenant,
                response.status(),
            );
            let carried = carried.flatten();
            let response = response.map_body(|_, body| BoxBody::new(Fetched::new(body, room, carried)));
            Ok(ServiceResponse::new(request, response))
        }
        Ok(Err(error)) => Err(without_request(
            HttpResponse::from_error(error),
            &edge,
            origin,
            &id,
            &span,
            started,
            method,
        )),
        Err(_panic) => {
            // What it said may hold personal data; where it happened is told by the hook.
            let problem = Problem::new(
                Code::Internal,
                "The service could not answer; the request's id leads to the reason in its log.",
            );
            Err(without_request(
                HttpResponse::from_error(problem),
                &edge,
                origin,
                &id,
                &span,
                started,
                method,
            ))
        }
    }
}

/// Room for a key's answer until it is fetched. What only reads may be asked for again.
fn room_for(request: &HttpRequest, body: &BoxBody) -> Result<Option<Held>, Problem> {
    let key = request.extensions().get::<Caller>().map(|caller| caller.key_id);
    let room = request.app_data::<web::Data<Room>>();
    let (Some(key), Some(room), Some(length)) = (key, room, answer::long(body)) else {
        return Ok(None);
    };
    let mut held = room.of(key);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if request.method().is_safe() {
        held.answer(length)?;
    } else {
        held.must_answer(length);
    }
    Ok(Some(held))
}

/// Logs where a panic happened and not what it said.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "panicked");
    }));
}

/// After a panic, or an error outside any handler, the request is gone; its answer goes out as an error.
fn without_request(
    response: HttpResponse,
    edge: &Edge,
    origin: Option<HeaderValue>,
    id: &RequestId,
    span: &Span,
    started: Instant,
    method: &'static str,
) -> Error {
    let response = finished(response, edge, origin, id, false, None);
    told(span, started, method, None, None, response.status());
    InternalError::from_response("answered outside a handler", response).into()
}

/// The answer as it leaves: every refusal a problem document that carries the request's id, and the common headers.
fn finished(
    response: HttpResponse,
    edge: &Edge,
    origin: Option<HeaderValue>,
    id: &RequestId,
    authenticated: bool,
    allowance: Option<Allowance>,
) -> HttpResponse {
    let mut response = match problem_of(&response) {
        Some(problem) => {
            let mut response = response.set_body(BoxBody::new(problem.to_json(&edge.base, Some(&id.0))));
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
            response
        }
        None => response,
    };
    let refused = response.status().is_client_error() || response.status().is_server_error();
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(&id.0) {
        headers.insert(X_REQUEST_ID, id);
    }
    careful(headers, authenticated || refused, edge.tls);
    edge.origins.mark(origin, headers);
    if let Some(Allowance { policy, left }) = allowance {
        headers.insert(HeaderName::from_static("ratelimit-policy"), policy);
        headers.insert(HeaderName::from_static("ratelimit"), left);
    }
    response
}

/// The problem that a handler returned, or the one that stands for what the framework answered by itself.
fn problem_of(response: &HttpResponse) -> Option<Problem> {
    if let Some(problem) = response.error().and_then(|error| error.as_error::<Problem>()) {
        return Some(problem.clone());
    }
    let status = response.status();
    let named = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == PROBLEM_JSON);
    ((status.is_client_error() || status.is_server_error()) && !named).then(|| Problem::of_status(status))
}

fn told(
    span: &Span,
    started: Instant,
    method: &'static str,
    route: Option<&str>,
    tenant: Option<i64>,
    status: StatusCode,
) {
    let route = route.unwrap_or("none").to_owned();
    let seconds = started.elapsed().as_secs_f64();
    span.record("route", &route);
    if let Some(tenant) = tenant {
        span.record("tenant", tenant);
    }
    span.in_scope(|| tracing::info!(status = status.as_u16(), milliseconds = seconds * 1e3, "answered"));
    let labels = [
        ("method", method.into()),
        ("route", route.into()),
        ("status", status.as_str().to_owned().into()),
    ]
    .map(|(name, value): (&'static str, metrics::SharedString)| metrics::Label::new(name, value));
    metrics::histogram!("afterword_http_request_seconds", labels.iter()).record(seconds);
    metrics::counter!("afterword_http_requests_total", labels.iter()).increment(1);
}

/// A method as a metric's label: clients may invent methods, and labels must stay few.
fn method_label(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known
        .into_iter()
        .find(|name| *name == method.as_str())
        .unwrap_or("OTHER")
}

/// The trace id of a valid `traceparent` (W3C Trace Context).
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let mut parts = headers.get("traceparent")?.to_str().ok()?.trim().split('-');
    let mut hex = |length: usize| {
        let is_hex = |part: &&str| {
            part.len() == length
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        parts.next().filter(is_hex)
    };
    let (version, trace, span, _flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    let not_zero = |part: &str| part.bytes().any(|byte| byte != b'0');
    // Version 00 has these four parts; a later one may have more, ff is none.
    let whole = version != "ff" && (version != "00" || parts.next().is_none());
    (whole && not_zero(trace) && not_zero(span)).then(|| trace.to_owned())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_valid_traceparent_gives_its_trace_id() {
        let of = |value: &str| {
            trace_id(
                TestRequest::get()
                    .insert_header(("traceparent", value))
                    .to_http_request()
                    .headers(),
            )
        };
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(of(&format!("00-{trace}-00f067aa0ba902b7-01")).as_deref(), Some(trace));
        assert_eq!(
            of(&format!("cc-{trace}-00f067aa0ba902b7-01-what")).as_deref(),
            Some(trace)
        );
        for wrong in [
            String::new(),
            trace.to_owned(),
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("00-{trace}-00f067aa0ba902b7-01-what"),
            format!("00-{trace}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
        ] {
            assert_eq!(of(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_invented_method_has_no_label_of_its_own() {
        assert_eq!(method_label(&Method::PATCH), "PATCH");
        assert_eq!(method_label(&Method::from_bytes(b"BREW").expect("a method")), "OTHER");
    }
}
