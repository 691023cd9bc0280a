//! The feed: every fact of the tenant's log, in order, each once per cursor and none left out. A reader
//! may wait for the next one; polling is the guarantee, being woken only makes it quick.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpRequest, http::header, web};
use afterword_domain::{
    catalogue::AnyFact,
    fact::{At, Envelope},
};
use afterword_store::{FeedEntry, FeedQuery, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema},
};

use crate::{
    api::{Api, Operation},
    edge::{
        admission::{KeyInUse, give_turn_back},
        etag,
        problem::Problem,
        query::{self, Query},
        scopes::{Caller, Scope},
    },
    lists::reach,
    reading::{Answered, Asked, Order, Page, allow},
    service::{Service, Shared, tenant, unavailable},
};

mod cloud;
mod stream;

pub(crate) use cloud::CloudEvent;
pub(crate) use stream::Streams;

const PATH: &str = "/v1/events";
const STREAM: &str = "/v1/events/stream";
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
                      you know: later releases add others. With `Accept: application/cloudevents-batch+json` the \
                      facts come as CloudEvents 1.0, and the next cursor in `Link`."
            .to_owned(),
        route: Arc::new(|| web::get().to(feed)),
        ..Operation::get(PATH, "list_events", "The feed of facts")
    });
    stream::endpoints(api);
}

async fn feed(caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>) -> Answered {
    caller.require(Scope::EventsRead)?;
    allow(&request, FEED)?;
    let asked = asked.0;
    if asked.wait.is_some_and(|wait| wait > LONGEST) {
        return Err(Problem::invalid(
            "?wait",
            format!("must be between 0 and {LONGEST} seconds"),
        ));
    }
    // Asked before anything is read: whoever finds no place must cost nobody anything.
    let wait = asked.wait.unwrap_or(0);
    let _place = (wait > 0).then(|| service.long_polls.open(&caller)).transpose()?;
    let mut reading = Reading::of(&service, &caller, &request, &asked, asked.cursor.as_deref()).await?;
    let mut woken = service.recorder.store().watch(tenant(&caller));
    let until = tokio::time::Instant::now() + Duration::from_secs(u64::from(wait));
    let key = KeyInUse::of(&request)?;
    let entries = loop {
        let entries = reading.next(&service).await?;
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        if !entries.is_empty() || left.is_zero() || reading.query.desc || service.is_stopping() {
            break entries;
        }
        // Whoever waits keeps nobody from his turn.
        give_turn_back(&request);
        // Woken, or not: the next look tells.
        let _ = tokio::time::timeout(left.min(POLL), woken.changed()).await;
        key.still_counts().await?;
    };
    let next = reading.cursor(&service)?;
    if cloud::wanted(&request) {
        let batch: Vec<CloudEvent> = entries.iter().map(CloudEvent::of).collect();
        let bytes = serde_json::to_vec(&batch).map_err(Problem::internal)?;
        let answer = etag::answer_rendered(&request, None, Some(&next), bytes);
        return Ok(cloud::batch(answer));
    }
    let page = Page {
        data: entries.iter().map(Event::from).collect(),
        next_cursor: Some(next.clone()),
    };
    let mut answer = etag::answer(&request, None, Some(&next), &page)?;
    answer.headers_mut().insert(header::VARY, cloud::VARY);
    Ok(answer)
}

/// A reader of the feed: what is for it, and where it stands.
struct Reading {
    tenant: TenantId,
    query: FeedQuery,
    /// What its cursors are bound to.
    key: String,
    /// Whether there can be anything for it at all.
    reaches: bool,
    /// The place of the last fact that it was given; where nothing was for it, of the last that it passed by.
    position: i64,
}

impl Reading {
    async fn of(
        service: &Shared,
        caller: &Caller,
        request: &HttpRequest,
        asked: &Asked,
        from: Option<&str>,
    ) -> Result<Self, Problem> {
        let known = |name: &String| AnyFact::KINDS.iter().any(|kind| kind.name == name) || name == "FactErased";
        if let Some(unknown) = asked.types.iter().flatten().find(|name| !known(name)) {
            return Err(Problem::invalid(
                "?types",
                format!("`{}` is not a type of fact", unknown.escape_debug()),
            ));
        }
        let desc = asked.order == Some(Order::Desc);
        // A cursor of the feed is one of the stream too.
        let key = query::canonical(request).replacen(STREAM, PATH, 1);
        let store = service.recorder.store();
        let standing = match from {
            None => None,
            Some("now") if desc => None,
            Some("now") => Some(store.head_position(tenant(caller)).await.map_err(unavailable)?),
            Some(cursor) => Some(service.cursors.open::<Standing>(caller.tenant, &key, cursor)?.position),
        };
        let within = reach(caller, asked);
        let reaches = within.is_some();
        let (candidate, group) = within.unwrap_or_default();
        Ok(Self {
            tenant: tenant(caller),
            query: FeedQuery {
                after_position: if desc { 0 } else { standing.unwrap_or(0) },
                before_position: standing.filter(|_| desc),
                types: asked.types.clone(),
                candidate,
                group,
                desc,
                limit: i64::from(asked.limit.unwrap_or_default().get()),
            },
            key,
            reaches,
            position: standing.unwrap_or(0),
        })
    }

    /// What comes next, if there is anything yet.
    async fn next(&mut self, service: &Service) -> Result<Vec<FeedEntry>, Problem> {
        let query = &self.query;
        let narrowed = !query.desc && (query.types.is_some() || query.candidate.is_some() || query.group.is_some());
        let head = if narrowed || !self.reaches {
            let store = service.recorder.store();
            store.head_position(self.tenant).await.map_err(unavailable)?
        } else {
            0
        };
        let entries = if self.reaches {
            let feed = service.recorder.feed(self.tenant, self.query.clone());
            feed.await.map_err(unavailable)?.entries
        } else {
            Vec::new()
        };
        match entries.last() {
            Some(last) => self.position = last.position(),
            // Nothing up to there is for this reader: the next look begins behind it.
            None if !self.query.desc => self.position = self.position.max(head),
            None => {}
        }
        if self.query.desc {
            self.query.before_position = Some(self.position);
        } else {
            self.query.after_position = self.position;
        }
        Ok(entries)
    }

    /// Where it stands, to go on from.
    fn cursor(&self, service: &Service) -> Result<String, Problem> {
        self.cursor_at(service, self.position)
    }

    fn cursor_at(&self, service: &Service, position: i64) -> Result<String, Problem> {
        service.cursors.seal(self.tenant.0, &self.key, &Standing { position })
    }
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
