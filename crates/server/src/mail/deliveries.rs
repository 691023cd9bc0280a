//! Deliveries over HTTP: asking for one, seeing what was tried, and saying what became of one that broke off.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use afterword_domain::{
    fact::Envelope,
    ids::{CandidateId, ContactId, NoteDeliveryId, NoteId},
    notes::Note,
    time::Instant,
};
use afterword_store::{NoteDeliveryRow, NoteDeliveryState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    fate::{Reason, Stage},
    sending::{Delivered, Order, deliver},
    settling::resolve,
};
use crate::{
    api::{Api, Operation, reference},
    edge::{
        body,
        codes::Code,
        etag,
        problem::Problem,
        query::{self, NoParameters, Query},
        scopes::{Caller, Scope},
    },
    reading::{Answered, Asked, Page, allow},
    recording::{Answer, TasksMoved, path_id, writable},
    service::{Shared, tenant, unavailable},
    writing::{Writing, tag_of},
};

const LIST: &[&str] = &["limit", "cursor"];

/// Sends a note by e-mail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoteToDeliver {
    /// The revision that is meant; where another one is the newest, nothing is sent. Left out: the newest.
    #[serde(default)]
    #[schema(nullable = false, minimum = 1)]
    revision: Option<u32>,
}

/// Says what became of a delivery that broke off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoteDeliveryToResolve {
    /// Whether the mail server took the letter, as far as somebody could find out.
    #[schema(example = true)]
    accepted: bool,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NoteDeliveryState)]
enum State {
    /// It is under way.
    Sending,
    /// The mail server took the letter: it is recorded as sent.
    Accepted,
    /// The mail server refused it for good: nothing was sent. Mend what `reply` says, and ask again.
    Refused,
    /// It was not sent: ask again later.
    Failed,
    /// It broke off after the text went out: whether it was sent is not known. It is never sent again by itself.
    Unknown,
}

/// A mail server's reply. Its words are not kept: they quote addresses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailReply)]
struct Reply {
    /// The reply code (RFC 5321).
    #[schema(example = 250)]
    code: u16,
    /// The enhanced status code (RFC 3463), where the server gave one.
    #[schema(example = "2.0.0")]
    enhanced: Option<String>,
}

/// One attempt to send a note by mail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NoteDelivery)]
struct Delivery {
    /// Its id.
    id: NoteDeliveryId,
    /// The note.
    note: NoteId,
    /// The note's revision.
    #[schema(minimum = 1)]
    revision: u32,
    /// Who it goes to.
    recipients: Vec<ContactId>,
    /// Where it stands.
    #[schema(example = "accepted")]
    state: State,
    /// How far it came.
    #[schema(example = "text")]
    stage: Stage,
    /// The mail server's last word.
    reply: Option<Reply>,
    /// Why it ended, where it was not by the server's word.
    reason: Option<Reason>,
    /// What somebody said became of it, where that was not known.
    resolved: Option<bool>,
    /// When it began.
    started_at: Instant,
    /// When it ended.
    finished_at: Option<Instant>,
}

/// A delivery, and the fact that it made.
#[derive(Serialize)]
struct Made<'a> {
    delivery: Delivery,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a Envelope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks: Option<TasksMoved>,
}

impl From<NoteDeliveryState> for State {
    fn from(state: NoteDeliveryState) -> Self {
        match state {
            NoteDeliveryState::Sending => Self::Sending,
            NoteDeliveryState::Accepted => Self::Accepted,
            NoteDeliveryState::Refused => Self::Refused,
            NoteDeliveryState::Failed => Self::Failed,
            NoteDeliveryState::Unknown => Self::Unknown,
        }
    }
}

/// A word of a row as the value that it names.
fn word<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(Value::String(word.to_owned())).ok()
}

impl Delivery {
    fn of(row: &NoteDeliveryRow) -> Self {
        let instant = |at| Timestamp::from_microsecond(at).map_or(Instant::from(Timestamp::MAX), Instant::from);
        let reply = |code| Reply {
            code: u16::try_from(code).unwrap_or_default(),
            enhanced: row.enhanced.clone(),
        };
        Self {
            id: NoteDeliveryId::new(row.delivery_id),
            note: NoteId::new(row.note),
            revision: u32::try_from(row.revision).unwrap_or_default(),
            recipients: row.recipients.split(' ').filter_map(|id| id.parse().ok()).collect(),
            state: row.state.into(),
            stage: word(&row.stage).unwrap_or(Stage::Connect),
            reply: row.code.map(reply),
            reason: row.reason.as_deref().and_then(word),
            resolved: row.resolved,
            started_at: instant(row.started_at),
            finished_at: row.finished_at.map(instant),
        }
    }
}

pub(super) fn endpoints(api: &mut Api) {
    let delivery = api.schema::<Delivery>();
    let page = api.page_of("NoteDelivery");
    let (to_deliver, to_resolve) = (api.schema::<NoteToDeliver>(), api.schema::<NoteDeliveryToResolve>());
    let made = api.schema_of("NoteDeliveryMade", json!({
        "type": "object",
        "description": "A delivery; where the mail server took the letter, also the fact that it was sent, and the tasks that this moved.",
        "required": ["delivery"],
        "properties": {
            "delivery": {"allOf": [delivery], "description": "The delivery. Its `state` says whether the note was sent."},
            "event": {"allOf": [reference("NoteSentEvent")], "description": "The fact that the note was sent; left out where it was not."},
            "tasks": {"allOf": [reference("TasksMoved")], "description": "The tasks that it moved."},
        },
    }));
    api.add(Operation {
        description: DELIVERING.to_owned(),
        body: Some(("application/json", to_deliver)),
        answer: (201, made.clone()),
        problems: vec![
            Code::NoteAlreadySent,
            Code::NoteDiscarded,
            Code::NoteNotByEmail,
            Code::NoteWithoutBody,
            Code::NoteNotReviewed,
            Code::NoteHasOpenErrors,
            Code::NotAddressable,
            Code::MailNotConfigured,
            Code::DeliveryUnderWay,
            Code::DeliveryUnknown,
            Code::CandidateErased,
            Code::Stale,
            Code::IdempotencyReused,
        ],
        route: Arc::new(|| web::post().to(send)),
        ..Operation::write(
            Method::POST,
            "C/notes/{note}/deliveries",
            "deliver_note",
            "Send a note by e-mail",
        )
    });
    api.add(Operation {
        query: LIST,
        answer: (200, page),
        route: Arc::new(|| web::get().to(list)),
        ..Operation::get(
            "C/notes/{note}/deliveries",
            "list_note_deliveries",
            "What was tried to send a note",
        )
    });
    api.add(Operation {
        answer: (200, delivery),
        route: Arc::new(|| web::get().to(get)),
        ..Operation::get(
            "C/notes/{note}/deliveries/{note_delivery}",
            "get_note_delivery",
            "A delivery",
        )
    });
    api.add(Operation {
        description:
            "Only a delivery whose state is `unknown` needs it. Where the letter was taken, it is recorded as sent \
                      when the delivery began; where it was not, the note can be sent again."
                .to_owned(),
        body: Some(("application/json", to_resolve)),
        answer: (201, made),
        problems: vec![
            Code::DeliverySettled,
            Code::DeliveryUnderWay,
            Code::CandidateErased,
            Code::Stale,
            Code::IdempotencyReused,
        ],
        route: Arc::new(|| web::post().to(resolved)),
        ..Operation::write(
            Method::POST,
            "C/notes/{note}/deliveries/{note_delivery}/resolved",
            "resolve_note_delivery",
            "Say what became of a delivery that broke off",
        )
    });
}

const DELIVERING: &str = "Sends the newest revision of a note by the tenant's mail server, to all its recipients at once or \
    to nobody. The note must be reviewed, without errors that are neither mended nor waived. The answer waits for the mail \
    server and is `201` whatever it says: `delivery.state` tells, and only `accepted` records that the note was sent. Nothing \
    is sent twice: with the same Idempotency-Key the same delivery is answered, and while the fate of a delivery is open no \
    other is made.";

async fn send(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    caller.require(Scope::CandidatesWrite)?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let wanted: NoteToDeliver = body::into_typed(Value::Object(body))?;
    let order = Order {
        candidate: path_id(&request, "candidate")?,
        note: path_id(&request, "note")?,
        revision: wanted.revision,
    };
    let (delivered, replayed) = deliver(&service, &caller, &writing, &order, &request).await?;
    Ok(answered(&delivered, replayed))
}

async fn resolved(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    caller.require(Scope::CandidatesWrite)?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let candidate: CandidateId = path_id(&request, "candidate")?;
    let state = writable(&caller, &service, candidate).await?;
    let mut replayed = writing.was_made(&service, &caller).await?;
    let row = found(&request, &service, &caller, candidate).await?;
    let wanted: NoteDeliveryToResolve = body::into_typed(Value::Object(body))?;
    if let Err(problem) = writing.meets_candidate(&state)
        && !replayed
    {
        writing.made_meanwhile(&service, &caller, problem).await?;
        replayed = true;
    }
    let delivered = resolve(&service, &caller, &writing, row, wanted.accepted).await?;
    Ok(answered(&delivered, replayed))
}

fn answered(delivered: &Delivered, replayed: bool) -> HttpResponse {
    let answer = delivered.step.as_ref().and_then(Answer::of);
    let delivery = Delivery::of(&delivered.row);
    let candidate = CandidateId::new(delivered.row.candidate);
    let mut response = HttpResponse::Created();
    let location = format!(
        "/v1/candidates/{candidate}/notes/{}/deliveries/{}",
        delivery.note, delivery.id
    );
    response.insert_header(("Location", location));
    if let Some(around) = delivered.step.as_ref().and_then(|step| step.around.as_ref()) {
        response.insert_header(("ETag", tag_of(&around.after).to_header()));
    }
    if replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    let (event, tasks) = answer.map_or((None, None), |answer| (Some(answer.event), Some(answer.tasks)));
    response.json(Made { delivery, event, tasks })
}

/// The note in the path, of a candidate that the caller may read.
async fn note(request: &HttpRequest, service: &Shared, caller: &Caller) -> Result<(CandidateId, Arc<Note>), Problem> {
    let candidate = service.candidate(caller, path_id(request, "candidate")?).await?;
    let note = candidate.notes.get(&path_id::<NoteId>(request, "note")?);
    Ok((candidate.id, note.cloned().ok_or_else(Problem::not_found)?))
}

/// The delivery in the path.
async fn found(
    request: &HttpRequest,
    service: &Shared,
    caller: &Caller,
    candidate: CandidateId,
) -> Result<NoteDeliveryRow, Problem> {
    let note: NoteId = path_id(request, "note")?;
    let id: NoteDeliveryId = path_id(request, "note_delivery")?;
    let store = service.recorder.store();
    let row = store.note_delivery(tenant(caller), candidate.uuid(), id.uuid());
    let row = row.await.map_err(unavailable)?.filter(|row| row.note == note.uuid());
    let now = service.clock.now().as_microsecond();
    row.map(|row| row.as_of(now)).ok_or_else(Problem::not_found)
}

async fn get(caller: Caller, request: HttpRequest, service: Shared, _: Query<Asked>) -> Answered {
    let (candidate, _) = note(&request, &service, &caller).await?;
    let row = found(&request, &service, &caller, candidate).await?;
    allow(&request, &[])?;
    etag::answer(&request, None, None, &Delivery::of(&row))
}

/// Where a list goes on.
#[derive(Serialize, Deserialize)]
struct Onwards {
    skip: usize,
}

async fn list(caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>) -> Answered {
    let (candidate, note) = note(&request, &service, &caller).await?;
    allow(&request, LIST)?;
    let key = query::canonical(&request);
    let skip = match &asked.0.cursor {
        Some(cursor) => service.cursors.open::<Onwards>(caller.tenant, &key, cursor)?.skip,
        None => 0,
    };
    let limit = usize::from(asked.0.limit.unwrap_or_default().get());
    let rows = service
        .recorder
        .store()
        .note_deliveries(tenant(&caller), candidate.uuid(), note.id.uuid());
    let now = service.clock.now().as_microsecond();
    let rows = rows
        .await
        .map_err(unavailable)?
        .into_iter()
        .map(|row| Delivery::of(&row.as_of(now)));
    let mut data: Vec<Delivery> = rows.skip(skip).take(limit + 1).collect();
    let more = data.len() > limit;
    data.truncate(limit);
    let onwards = Onwards { skip: skip + limit };
    let next_cursor = more
        .then(|| service.cursors.seal(caller.tenant, &key, &onwards))
        .transpose()?;
    let body = Page {
        data,
        next_cursor: next_cursor.clone(),
    };
    etag::answer(&request, None, next_cursor.as_deref(), &body)
}
