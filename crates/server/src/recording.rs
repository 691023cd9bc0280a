//! Recording one fact: every endpoint that records one is this handler, told apart by the fact's type.
//! The body is the fact itself, beside up to three fields of the envelope.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{Method, header},
    web,
};
use afterword_domain::{
    candidate::Candidate,
    catalogue::{AnyFact, Reader},
    decide::{Proposal, moved},
    fact::{Envelope, Fact, Place},
    ids::{ApplicationId, CandidateId, EventId, Kind, Subject, ThingId},
    play::Task,
};
use afterword_store::{Around, Recorded, Step};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    api::{Api, Operation, reference},
    candid,
    edge::{
        body,
        codes::Code,
        etag::ETag,
        problem::{ErasureReceipt, Problem},
        query,
        scopes::{Caller, Scope},
    },
    service::{Shared, reaches, tenant, unavailable},
    writing::Writing,
};

/// The tasks that a fact moved, whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct TasksMoved {
    /// Tasks that came to be.
    pub raised: Vec<Task>,
    /// Tasks whose dates or texts moved.
    pub changed: Vec<Task>,
    /// Tasks that are done, dismissed or void now.
    pub closed: Vec<Task>,
}

/// The answer to a recorded fact.
#[derive(Serialize)]
pub struct Answer<'a> {
    /// The fact in the log.
    pub event: &'a Envelope,
    /// The tasks that it moved.
    pub tasks: TasksMoved,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<ErasureReceipt>,
}

impl<'a> Answer<'a> {
    /// The answer that a step of a command has: the same again whenever it is asked for. None of a step that was not
    /// alone in its command.
    pub fn of(step: &'a Step) -> Option<Self> {
        let Around { before, after } = step.around.as_ref()?;
        let event = &**step.decided.envelope();
        let now = event.at.recorded_at;
        let moved = moved(before, after, now);
        let whole = |tasks: &[Arc<_>]| tasks.iter().map(|task| after.task(task, now)).collect();
        let receipt = after.erased_at.map(ErasureReceipt::of);
        let tasks = TasksMoved {
            raised: whole(&moved.raised),
            changed: whole(&moved.changed),
            closed: whole(&moved.closed),
        };
        Some(Self { event, tasks, receipt })
    }
}

/// Fills in a fact about a thing of a candidate's, at a moment; `None`: there is no such thing.
pub type Fill<F> = fn(&Candidate, Subject, Timestamp) -> Option<F>;

/// Reads the data of a request as a fact.
pub struct FromBody;

impl Reader for FromBody {
    type Error = Problem;
    fn read<F: Fact>(&mut self, data: Value) -> Result<F, Problem> {
        body::into_typed(data)
    }
}

impl Api {
    /// `POST` records this fact.
    pub fn records<F: Fact + Into<AnyFact> + 'static>(&mut self, path: &str) {
        self.recording::<F>(Method::POST, path, None);
    }

    /// `POST` records this fact, which the service fills in from the candidate's record: the request says nothing.
    pub fn records_filled<F: Fact + Into<AnyFact> + 'static>(&mut self, path: &str, fill: Fill<F>) {
        self.recording(Method::POST, path, Some(fill));
    }

    /// `PATCH` records this fact.
    pub fn patches<F: Fact + Into<AnyFact> + 'static>(&mut self, path: &str) {
        self.recording::<F>(Method::PATCH, path, None);
    }

    /// `DELETE` records this fact.
    pub fn deletes<F: Fact + Into<AnyFact> + 'static>(&mut self, path: &str) {
        self.recording::<F>(Method::DELETE, path, None);
    }

    fn recording<F: Fact + Into<AnyFact> + 'static>(&mut self, method: Method, path: &str, fill: Option<Fill<F>>) {
        self.schema::<F>();
        self.schema::<TasksMoved>();
        let fact = self.known(F::NAME);
        let told = fact["description"].as_str().unwrap_or_default().to_owned();
        let (summary, description) = told
            .split_once(": ")
            .map_or((told.as_str(), ""), |(first, _)| (first, told.as_str()));
        let summary = summary.split(". ").next().unwrap_or(summary).trim_end_matches('.');
        let takes_body = method != Method::DELETE;
        // What the service fills in is not asked for.
        let nothing = json!({"type": "object", "description": fact["description"], "additionalProperties": false});
        let said = if fill.is_some() { &nothing } else { &fact };
        let body = takes_body.then(|| {
            self.schema_of(
                &format!("Record{}", F::NAME),
                with_envelope(said, F::PLACE, F::Subject::KIND),
            )
        });
        if !F::CANDID.is_empty() {
            self.replace(F::NAME, candid::as_read(&fact, F::CANDID));
        }
        let event = reference(&format!("{}Event", F::NAME));
        let mut properties = json!({
            "event": event,
            "tasks": {"allOf": [reference("TasksMoved")], "description": "The tasks that it moved."},
        });
        let mut required = vec!["event", "tasks"];
        if F::NAME == "CandidateErased" {
            properties["receipt"] = self.schema::<ErasureReceipt>();
            required.push("receipt");
        }
        let answer = self.schema_of(
            &format!("{}Recorded", F::NAME),
            json!({"type": "object", "description": format!("The recorded {}, and the tasks that it moved.", F::NAME),
                   "required": required, "properties": properties}),
        );
        let id = format!("record_{}", snake(F::NAME));
        let content = if method == Method::PATCH {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let mut operation = Operation::write(method.clone(), path, &id, summary);
        operation.description = description.to_owned();
        operation.body = body.map(|body| (content, body));
        operation.answer.1 = answer;
        operation.problems = vec![
            Code::IdTaken,
            Code::CandidateErased,
            Code::Stale,
            Code::UnknownReference,
            Code::IdempotencyReused,
        ];
        operation.route = Arc::new(move || {
            web::method(method.clone()).to(
                move |caller: Caller,
                      request: HttpRequest,
                      service: Shared,
                      payload: web::Payload,
                      _: query::Query<query::NoParameters>| {
                    record(caller, request, service, payload, fill)
                },
            )
        });
        self.add(operation);
    }
}

/// The fact's schema with the fields of the envelope that a request may carry.
fn with_envelope(fact: &Value, place: Place, kind: Kind) -> Value {
    let mut schema = fact.clone();
    let Some(properties) = schema
        .as_object_mut()
        .map(|it| it.entry("properties").or_insert_with(|| json!({})))
    else {
        return schema;
    };
    properties["occurred_at"] = json!({"allOf": [reference("Instant")], "description": "When it happened; left out: now, or when the fact itself says."});
    properties["id"] = json!({"allOf": [reference("EventId")], "description": "The id that the fact will have: sent again, it has one effect."});
    if let (Place::NewOf(of), Some(properties)) = (place, properties.as_object_mut()) {
        properties.shift_remove(of.name());
    }
    if place.is_new() {
        let name = kind.name().replace('_', " ");
        let what = format!("The id that the {name} will have; left out: a fresh one.");
        let prefix = kind.prefix();
        properties["subject"] = json!({"type": "string", "description": what, "pattern": format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"),
                                       "examples": [format!("{prefix}_01k9ze3n8qfq7s5b1x5n0v3gk2")]});
    }
    schema
}

/// `InterviewHeld` is `interview_held`.
pub fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// A path parameter as an id; one that is no id is as unknown as one that never was.
pub fn path_id<I: std::str::FromStr>(request: &HttpRequest, name: &str) -> Result<I, Problem> {
    request
        .match_info()
        .get(name)
        .and_then(|text| text.parse().ok())
        .ok_or_else(Problem::not_found)
}

async fn record<F: Fact + Into<AnyFact> + DeserializeOwned + 'static>(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    fill: Option<Fill<F>>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::CandidatesWrite)?;
    let mut body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let registers = matches!(F::PLACE, Place::New) && F::Subject::KIND == Kind::Candidate;
    let creates = F::PLACE.is_new();
    let own_subject = if creates { None } else { body.shift_remove("subject") };
    let lifted = body::lift_envelope(&mut body)?;
    if let Some(subject) = own_subject {
        body.insert("subject".to_owned(), subject);
    }
    let event = id_in_body::<EventId>(lifted.id.as_deref(), "/id")?.unwrap_or_else(|| EventId::new(writing.fresh(0)));
    let named = subject_in_body(lifted.subject.as_deref(), F::Subject::KIND)?;
    let fresh = registers && named.is_none() && lifted.id.is_none() && writing.idempotency.is_none();
    let candidate = match (registers, named) {
        (true, Some(Subject::Candidate(id))) => id,
        // A registration sent again by its event's id must meet the candidate that it made.
        (true, _) if lifted.id.is_some() => CandidateId::new(Uuid::new_v5(&event.uuid(), b"candidate")),
        (true, _) => CandidateId::new(writing.fresh(1)),
        (false, _) => path_id(&request, "candidate")?,
    };
    let subject = match F::PLACE {
        Place::New | Place::NewWithin | Place::NewOf(_) if registers => Some(candidate.into()),
        Place::New | Place::NewWithin | Place::NewOf(_) => {
            Some(named.unwrap_or_else(|| F::Subject::KIND.with(writing.fresh(1))))
        }
        Place::Step if F::Subject::KIND == Kind::Candidate => Some(candidate.into()),
        Place::Step => Some(path_id::<F::Subject>(&request, F::Subject::KIND.name())?.into()),
        Place::StepWithin => None,
    };
    let application = match request.match_info().get("application") {
        Some(_) => Some(path_id::<ApplicationId>(&request, "application")?),
        None => None,
    };
    if let Place::NewOf(of) = F::PLACE {
        let parent = path_id::<Subject>(&request, of.name())?;
        let parent = Value::String(parent.to_string());
        let told = body.insert(of.name().to_owned(), parent.clone());
        if told.is_some_and(|told| told != parent) {
            let what = of.name().replace('_', " ");
            return Err(Problem::invalid(
                format!("/{}", of.name()),
                format!("must be the {what} of the address, or be left out"),
            ));
        }
    }
    let fact: AnyFact = match fill {
        None => body::into_typed::<F>(Value::Object(body))?.into(),
        Some(fill) => {
            let Nothing {} = body::into_typed(Value::Object(body))?;
            filled(fill, &request, &caller, &service, candidate, subject).await?
        }
    };
    let proposal = Proposal {
        event,
        application,
        subject,
        occurred_at: lifted.occurred_at,
        fact,
    };
    let recorded = writing
        .record(&service, &caller, candidate, fresh, vec![proposal], true)
        .await?;
    let Some(Ok(step)) = recorded.results.first() else {
        return Err(Problem::internal("a recorded command without a result"));
    };
    Ok(answer(&request, &recorded, step))
}

/// A request that says nothing beside the envelope.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// A candidate about whom the caller may write, as it stands.
///
/// # Errors
/// When there is none for this caller, or it was erased.
pub async fn writable(caller: &Caller, service: &Shared, candidate: CandidateId) -> Result<Arc<Candidate>, Problem> {
    let state = service
        .recorder
        .candidate(tenant(caller), candidate)
        .await
        .map_err(unavailable)?;
    if state.version == 0 || !reaches(caller, &state) {
        return Err(Problem::not_found());
    }
    if state.erased_at.is_some() {
        return Err(Problem::refused(
            "candidate_erased",
            "The candidate was erased: nothing more can be recorded.",
        ));
    }
    Ok(state)
}

/// Has the service fill in a fact. Whether it may be recorded is decided as for any other.
async fn filled<F: Into<AnyFact> + 'static>(
    fill: Fill<F>,
    request: &HttpRequest,
    caller: &Caller,
    service: &Shared,
    candidate: CandidateId,
    subject: Option<Subject>,
) -> Result<AnyFact, Problem> {
    let state = writable(caller, service, candidate).await?;
    let now = service.now(caller).await?;
    let subject = subject.ok_or_else(Problem::not_found)?;
    let filling = service
        .heavy
        .short(request, caller, move || fill(&state, subject, now).map(Into::into));
    let filled: Option<AnyFact> = filling.await?;
    filled.ok_or_else(Problem::not_found)
}

fn answer(request: &HttpRequest, recorded: &Recorded, step: &Step) -> HttpResponse {
    let at = &step.decided.envelope().at;
    let mut response = if *request.method() == Method::POST {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    response.insert_header((header::LOCATION, location(at.candidate, at.application, at.subject)));
    let version = i64::try_from(recorded.candidate.version).unwrap_or(i64::MAX);
    response.insert_header((
        header::ETAG,
        ETag::of_candidate(at.candidate.uuid(), version).to_header(),
    ));
    if recorded.replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    match Answer::of(step) {
        Some(answer) => response.json(answer),
        None => Problem::internal("a fact without the states around it").error_response(),
    }
}

/// Where a thing can be read.
pub fn location(candidate: CandidateId, application: Option<ApplicationId>, subject: Subject) -> String {
    let collection = match subject {
        Subject::Candidate(_)
        | Subject::Calendar(_)
        | Subject::Key(_)
        | Subject::Webhook(_)
        | Subject::Delivery(_)
        | Subject::NoteDelivery(_) => return format!("/v1/candidates/{candidate}"),
        Subject::Rejection(_) => {
            let application = application.map(|id| id.to_string()).unwrap_or_default();
            return format!("/v1/candidates/{candidate}/applications/{application}/rejection");
        }
        Subject::Application(_) => "applications",
        Subject::Interview(_) => "interviews",
        Subject::Contact(_) => "contacts",
        Subject::Note(_) => "notes",
        Subject::DecisionDate(_) => "decision-dates",
        Subject::StatusEnquiry(_) => "status-enquiries",
        Subject::StatusReport(_) => "status-reports",
        Subject::DocumentRequest(_) => "document-requests",
        Subject::NextRoundQuestion(_) => "next-round-questions",
        Subject::NextRound(_) => "next-rounds",
        Subject::Opening(_) => "openings",
        Subject::SearchActivity(_) => "search-activities",
        Subject::Research(_) => "research",
        Subject::Question(_) => "questions",
        Subject::Repair(_) => "repairs",
        Subject::Reference(_) => "references",
        Subject::Connection(_) => "connections",
        Subject::Introduction(_) => "introductions",
        Subject::Offer(_) => "offers",
        Subject::Event(_) => "events",
        Subject::Task(_) => "tasks",
    };
    format!("/v1/candidates/{candidate}/{collection}/{subject}")
}

fn id_in_body<I: std::str::FromStr<Err = afterword_domain::ids::NotAnId>>(
    text: Option<&str>,
    pointer: &str,
) -> Result<Option<I>, Problem> {
    text.map(str::parse)
        .transpose()
        .map_err(|error: afterword_domain::ids::NotAnId| Problem::invalid(pointer, error.to_string()))
}

fn subject_in_body(text: Option<&str>, kind: Kind) -> Result<Option<Subject>, Problem> {
    let subject = id_in_body::<Subject>(text, "/subject")?;
    if subject.is_some_and(|subject| subject.kind() != kind) {
        return Err(Problem::invalid(
            "/subject",
            format!("must be an id that begins with `{}_`", kind.prefix()),
        ));
    }
    Ok(subject)
}
