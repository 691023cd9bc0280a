//! The feed: every fact of the tenant's log, in order, each once per cursor and none left out. A reader
//! may wait for the next one; polling is the guarantee, being woken only makes it quick.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpRequest, web};
use afterword_domain::{
    catalogue::AnyFact,
    fact::{At, Envelope},
};
use afterword_store::{FeedEntry, FeedQuery};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema},
};

use crate::{
    api::{Api, Operation},
    edge::{
        etag,
        problem::Problem,
        query::{self, Query},
        scopes::{Caller, Scope},
    },
    lists::reach,
    reading::{Answered, Asked, Order, Page, allow},
    service::{Shared, tenant, unavailable},
};

const FEED: &[&str] = &["cursor", "limit", "types", "candidate", "wait", "order"];
/// How long a waiting reader sleeps at most between two looks.
const POLL: Duration = Duration::from_millis(500);
/// How long a reader may wait, in seconds.
const LONGEST: u8 = 60;

/// A fact as clients see it.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Event(Box<RawValue>);

impl Event {
    /// A fact with everything that surrounds it.
    pub fn of(envelope: &Envelope) -> Self {
        Self(serde_json::value::to_raw_value(envelope).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// A fact of somebody who was erased: it keeps its place, and nothing else can be read.
    pub fn erased(at: &At) -> Self {
        let event = json!({
            "id": at.event, "type": "FactErased", "schema": 1, "candidate": at.candidate, "version": at.version,
            "subject": at.subject, "occurred_at": at.occurred_at, "recorded_at": at.recorded_at,
            "recorded_by": &*at.recorded_by, "departures": [],
            "tasks": {"raised": [], "changed": [], "closed": []}, "data": null,
        });
        Self(serde_json::value::to_raw_value(&event).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl From<&FeedEntry> for Event {
    fn from(entry: &FeedEntry) -> Self {
        match entry {
            FeedEntry::Fact { envelope, .. } => Self::of(envelope),
            FeedEntry::Erased { at, .. } => Self::erased(at),
        }
    }
}

/// The union of all facts; `openapi` fills it in.
impl PartialSchema for Event {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().into()
    }
}
impl ToSchema for Event {
    fn name() -> std::borrow::Cow<'static, str> {
        "Event".into()
    }
}

/// Where a reader stands in the log.
#[derive(Serialize, Deserialize)]
struct Standing {
    position: i64,
}

pub(crate) fn endpoints(api: &mut Api) {
    api.schema::<Event>();
    let page = api.schema_of(
        "Feed",
        json!({
            "type": "object",
            "description": "A part of the feed.",
            "required": ["data", "next_cursor"],
            "properties": {
                "data": {"type": "array", "items": crate::api::reference("Event"), "description": "The facts."},
                "next_cursor": {"type": "string", "description": "Where to read on; never null."},
            },
        }),
    );
    api.add(Operation {
        query: FEED,
        answer: (200, page),
        scope: Some(Scope::EventsRead),
        description: "Every fact of the tenant in the order of the log, each once per cursor. `cursor=now` begins at \
                      the end; `wait` lets the answer wait until there is something to tell. Name the `types` that \
                      you know: later releases add others."
            .to_owned(),
        route: Arc::new(|| web::get().to(feed)),
        ..Operation::get("/v1/events", "list_events", "The feed of facts")
    });
}

async fn feed(caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>) -> Answered {
    caller.require(Scope::EventsRead)?;
    allow(&request, FEED)?;
    let asked = asked.0;
    let known = |name: &String| AnyFact::KINDS.iter().any(|kind| kind.name == name) || name == "FactErased";
    if let Some(unknown) = asked.types.iter().flatten().find(|name| !known(name)) {
        return Err(Problem::invalid(
            "?types",
            format!("`{}` is not a type of fact", unknown.escape_debug()),
        ));
    }
    if asked.wait.is_some_and(|wait| wait > LONGEST) {
        return Err(Problem::invalid(
            "?wait",
            format!("must be between 0 and {LONGEST} seconds"),
        ));
    }
    let desc = asked.order == Some(Order::Desc);
    let limit = i64::from(asked.limit.unwrap_or_default().get());
    let key = query::canonical(&request);
    let store = service.recorder.store();
    let standing = match asked.cursor.as_deref() {
        None => None,
        Some("now") if desc => None,
        Some("now") => Some(store.head_position(tenant(&caller)).await.map_err(unavailable)?),
        Some(cursor) => Some(service.cursors.open::<Standing>(caller.tenant, &key, cursor)?.position),
    };
    let within = reach(&caller, &asked);
    let (candidate, group) = within.clone().unwrap_or_default();
    let mut query = FeedQuery {
        after_position: if desc { 0 } else { standing.unwrap_or(0) },
        before_position: if desc { standing } else { None },
        types: asked.types.clone(),
        candidate,
        group,
        desc,
        limit,
    };
    let mut woken = store.watch(tenant(&caller));
    let until = tokio::time::Instant::now() + Duration::from_secs(u64::from(asked.wait.unwrap_or(0)));
    let narrowed = !desc && (query.types.is_some() || query.candidate.is_some() || query.group.is_some());
    let entries = loop {
        let head = if narrowed {
            store.head_position(tenant(&caller)).await.map_err(unavailable)?
        } else {
            0
        };
        let feed = match within {
            Some(_) => service
                .recorder
                .feed(tenant(&caller), query.clone())
                .await
                .map_err(unavailable)?,
            None => afterword_store::Feed { entries: Vec::new() },
        };
        if feed.entries.is_empty() {
            // Nothing up to there is for this reader: the next look begins behind it.
            query.after_position = query.after_position.max(head);
        }
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        if !feed.entries.is_empty() || left.is_zero() || desc || service.is_stopping() {
            break feed.entries;
        }
        // Woken, or not: the next look tells.
        let _ = tokio::time::timeout(left.min(POLL), woken.changed()).await;
    };
    let standing = if desc {
        standing.unwrap_or(0)
    } else {
        query.after_position
    };
    let position = entries.last().map_or(standing, FeedEntry::position);
    let next = service.cursors.seal(caller.tenant, &key, &Standing { position })?;
    let data: Vec<Event> = entries.iter().map(Event::from).collect();
    let page = Page {
        data,
        next_cursor: Some(next.clone()),
    };
    etag::answer(&request, None, Some(&next), &page)
}

/// The names of the variants of the union of facts, by type.
pub(crate) fn variants() -> impl Iterator<Item = (&'static str, String)> {
    AnyFact::KINDS
        .iter()
        .map(|kind| (kind.name, format!("{}Event", kind.name)))
}

/// The envelope of a fact of one type, as a schema.
pub(crate) fn envelope_schema(name: &str, data: Value) -> Value {
    use crate::api::reference;
    let told = |schema: Value, text: &str| json!({"allOf": [schema], "description": text});
    json!({
        "type": "object",
        "description": format!("{name}, with everything that surrounds it."),
        "required": ["id", "type", "schema", "candidate", "version", "subject", "occurred_at", "recorded_at", "recorded_by", "departures", "tasks", "data"],
        "properties": {
            "id": told(reference("EventId"), "The fact's id."),
            "type": {"type": "string", "enum": [name], "description": "The fact's name."},
            "schema": {"type": "integer", "format": "int32", "minimum": 1, "description": "The version of its shape."},
            "candidate": told(reference("CandidateId"), "The stream."),
            "version": {"type": "integer", "format": "int64", "minimum": 1, "description": "The place in the stream: 1, 2, 3 …, no gap."},
            "application": told(reference("ApplicationId"), "The application it belongs to."),
            "subject": told(reference("Subject"), "What it is about."),
            "occurred_at": told(reference("Instant"), "When it happened."),
            "recorded_at": told(reference("Instant"), "When it was recorded."),
            "recorded_by": {"type": "string", "description": "The API key that recorded it."},
            "departures": {"type": "array", "items": reference("Departure"), "description": "The rules of the playbook that it departed from."},
            "tasks": told(reference("TaskRefs"), "The tasks that it moved, in short."),
            "data": data,
        },
    })
}
