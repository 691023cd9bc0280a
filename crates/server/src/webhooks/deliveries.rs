//! What became of each delivery, and delivering again: one by one, or all since a moment.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use afterword_domain::{
    ids::{CandidateId, DeliveryId, EventId},
    time::Instant,
};
use afterword_store::{Beside, DeliveryRow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Webhook, find, head};
use crate::{
    api::{Api, Operation},
    edge::{
        body,
        codes::Code,
        etag,
        problem::Problem,
        query::{self, Limit, NoParameters, Query},
        scopes::{Caller, Scope},
    },
    reading::{Answered, Page},
    recording::path_id,
    service::{Shared, tenant, unavailable},
    writing::{Changed, Writing},
};

const LIST: &[&str] = &["state", "limit", "cursor"];

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeliveryState {
    /// It is yet to be tried, or to be tried again.
    Pending,
    /// It was taken.
    Delivered,
    /// It was tried for 75 hours and given up.
    Failed,
    /// When its turn came, the fact was no longer for this webhook.
    Skipped,
}

/// A fact on its way to a webhook.
#[derive(Debug, Serialize, ToSchema)]
struct Delivery {
    /// Its id.
    id: DeliveryId,
    /// The fact: the `webhook-id` of the message.
    event: EventId,
    /// Whom the fact is about.
    candidate: CandidateId,
    /// Where it stands.
    state: DeliveryState,
    /// How often it was tried.
    #[schema(minimum = 0)]
    attempts: i64,
    /// The HTTP status that the last attempt was answered with; `null`: there was no answer.
    #[schema(minimum = 100, example = 503)]
    status: Option<i64>,
    /// Why there was no answer: `connection`, `timeout`, `unknown_host` or `not_permitted`.
    error: Option<String>,
    /// When it was tried first.
    first_attempt_at: Option<Instant>,
    /// When it was tried last.
    last_attempt_at: Option<Instant>,
    /// When it is tried next; `null` while it waits behind another of its candidate, and when it is over.
    next_attempt_at: Option<Instant>,
}

/// From when on to deliver again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Redeliveries {
    /// Facts that were recorded at this moment or later.
    since: Instant,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedOfDeliveries {
    limit: Option<Limit>,
    cursor: Option<String>,
    state: Option<Vec<DeliveryState>>,
}

pub(super) fn endpoints(api: &mut Api) {
    let delivery = api.schema::<Delivery>();
    let page = api.page_of("Delivery");
    let webhook = api.schema::<Webhook>();
    let redeliveries = api.schema::<Redeliveries>();
    let scope = Some(Scope::WebhooksManage);
    api.add(Operation {
        scope,
        query: LIST,
        answer: (200, page),
        description: "Deliveries, those of the newest facts first. Those that are over are kept for 30 days."
            .to_owned(),
        route: Arc::new(|| web::get().to(list)),
        ..Operation::get(
            "/v1/webhooks/{webhook}/deliveries",
            "list_deliveries",
            "What became of each delivery",
        )
    });
    api.add(Operation {
        scope,
        answer: (200, delivery),
        problems: vec![Code::IdempotencyReused],
        route: Arc::new(|| web::post().to(redeliver)),
        ..Operation::write(
            Method::POST,
            "/v1/webhooks/{webhook}/deliveries/{delivery}/redelivered",
            "redeliver",
            "Deliver a fact again",
        )
    });
    api.add(Operation {
        scope,
        body: Some(("application/json", redeliveries)),
        answer: (200, webhook),
        problems: vec![Code::IdempotencyReused],
        description: "The webhook is set back to the moment, and is told of all that follows again, in order."
            .to_owned(),
        route: Arc::new(|| web::post().to(redeliver_since)),
        ..Operation::write(
            Method::POST,
            "/v1/webhooks/{webhook}/redeliveries",
            "redeliver_since",
            "Deliver again all facts since a moment",
        )
    });
}

impl From<&DeliveryRow> for Delivery {
    fn from(row: &DeliveryRow) -> Self {
        let instant = |at: Option<i64>| {
            at.and_then(|at| Timestamp::from_microsecond(at).ok())
                .map(Instant::from)
        };
        Self {
            id: DeliveryId::new(row.event),
            event: EventId::new(row.event),
            candidate: CandidateId::new(row.candidate),
            state: match row.state.as_str() {
                "pending" => DeliveryState::Pending,
                "delivered" => DeliveryState::Delivered,
                "skipped" => DeliveryState::Skipped,
                _ => DeliveryState::Failed,
            },
            attempts: row.attempts,
            status: row.status,
            error: row.error.clone(),
            first_attempt_at: instant(row.first_at),
            last_attempt_at: instant(row.last_at),
            next_attempt_at: instant(row.next_at),
        }
    }
}

impl DeliveryState {
    const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

async fn list(caller: Caller, request: HttpRequest, service: Shared, asked: Query<AskedOfDeliveries>) -> Answered {
    let webhook = find(&service, &caller, &request).await?;
    let asked = asked.0;
    let key = query::canonical(&request);
    let before: Option<i64> = match &asked.cursor {
        Some(cursor) => Some(service.cursors.open(caller.tenant, &key, cursor)?),
        None => None,
    };
    let states: Vec<&str> = asked.state.iter().flatten().map(|state| state.name()).collect();
    let limit = usize::from(asked.limit.unwrap_or_default().get());
    let fetch = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let rows = service
        .recorder
        .store()
        .deliveries(tenant(&caller), webhook.id, &states, before, fetch)
        .await;
    let mut rows = rows.map_err(unavailable)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = match rows.last().filter(|_| more) {
        Some(last) => Some(service.cursors.seal(caller.tenant, &key, &last.position)?),
        None => None,
    };
    let page = Page {
        data: rows.iter().map(Delivery::from).collect::<Vec<_>>(),
        next_cursor: next_cursor.clone(),
    };
    etag::answer(&request, None, next_cursor.as_deref(), &page)
}

async fn redeliver(caller: Caller, request: HttpRequest, service: Shared, _: Query<NoParameters>) -> Answered {
    let webhook = find(&service, &caller, &request).await?;
    let id: DeliveryId = path_id(&request, "delivery")?;
    let writing = Writing::of_bytes(&service, &caller, &request, &[])?;
    let (store, tenant) = (service.recorder.store(), tenant(&caller));
    let found = async || {
        let row = store.delivery(tenant, webhook.id, id.uuid()).await;
        row.map_err(unavailable)?.ok_or_else(Problem::not_found)
    };
    let row = found().await?;
    if writing.was_made(&service, &caller).await? {
        return Ok(HttpResponse::Ok()
            .insert_header(("Idempotency-Replayed", "true"))
            .json(Delivery::from(&found().await?)));
    }
    let now = service.clock.now().as_microsecond();
    let made = writing.change(&service, &caller, Beside::delivery_again(tenant, webhook.id, &row, now));
    let mut response = HttpResponse::Ok();
    match made.await? {
        Changed::Done => service.webhooks_have_changed(),
        Changed::Before => drop(response.insert_header(("Idempotency-Replayed", "true"))),
        Changed::Conflict => return Err(Problem::not_found()),
    }
    Ok(response.json(Delivery::from(&found().await?)))
}

async fn redeliver_since(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    let webhook = find(&service, &caller, &request).await?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let wanted: Redeliveries = body::into_typed(Value::Object(body))?;
    let mut replayed = writing.was_made(&service, &caller).await?;
    if !replayed {
        let (store, since) = (service.recorder.store(), wanted.since.timestamp().as_microsecond());
        let position = store
            .position_before(tenant(&caller), since)
            .await
            .map_err(unavailable)?;
        let back = Beside::webhook_set_back(tenant(&caller), webhook.id, position);
        let back = writing.change(&service, &caller, back).await?;
        replayed = matches!(back, Changed::Before);
        service.webhooks_have_changed();
    }
    let webhook = find(&service, &caller, &request).await?;
    let head = head(&service, &caller).await?;
    let mut response = HttpResponse::Ok();
    if replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    Ok(response.json(Webhook::of(&service, &caller, &webhook, head, None)?))
}
