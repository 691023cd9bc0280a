//! Several facts about one candidate in one request: all of them or each for itself. This is how an
//! offline app catches up, and how a correction (a retraction and the right fact) is one step.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, http::header, web};
use afterword_domain::{
    catalogue::AnyFact,
    decide::{Decided, Proposal},
    fact::Place,
    ids::{ApplicationId, CandidateId, EventId, Kind, Subject},
    refusal::Refusal,
};
use afterword_store::Step;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    api::{Api, Operation, reference},
    edge::{
        body,
        codes::Code,
        etag::ETag,
        pointer,
        problem::Problem,
        query::{NoParameters, Query},
        scopes::{Caller, Scope},
    },
    events::Event,
    reading::Answered,
    recording::{FromBody, path_id},
    service::{Service, Shared, reaches, tenant, unavailable},
    writing::{Writing, refused},
};

/// Facts that are recorded by requests of their own alone: an erasure, and what the service itself fills in.
const NOT_HERE: [&str; 2] = ["CandidateErased", "NoteReviewed"];

/// The most facts that one request may carry.
const MOST: usize = 1000;

/// What became of one fact.
#[derive(Debug, Serialize)]
pub struct FactResult {
    /// `recorded`, `already_recorded` or `refused`.
    pub status: &'static str,
    /// The fact in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Value>,
}

impl FactResult {
    /// The result of a step of a command.
    pub fn of(step: &Step) -> Self {
        let status = match step.decided {
            Decided::Recorded(_) => "recorded",
            Decided::Already(_) => "already_recorded",
        };
        Self {
            status,
            event: Some(Event::of(step.decided.envelope())),
            problem: None,
        }
    }

    /// A refusal.
    pub fn refused(problem: &Problem) -> Self {
        let problem = serde_json::from_slice(&problem.to_json("", None)).unwrap_or_default();
        Self {
            status: "refused",
            event: None,
            problem: Some(problem),
        }
    }
}

pub(crate) fn endpoints(api: &mut Api) {
    let names: Vec<&str> = AnyFact::KINDS
        .iter()
        .filter(|kind| !kind.by_the_clock && !NOT_HERE.contains(&kind.name))
        .map(|kind| kind.name)
        .collect();
    let fact = api.schema_of("FactToRecord", json!({
        "type": "object",
        "description": "A fact to record.",
        "required": ["type", "data"],
        "additionalProperties": false,
        "properties": {
            "type": {"type": "string", "enum": names, "description": "The fact's name.", "examples": ["DocumentSent"]},
            "id": {"allOf": [reference("EventId")], "description": "The id that the fact will have: sent again, it has one effect."},
            "application": {"allOf": [reference("ApplicationId")], "description": "The application it belongs to, where its subject does not say so."},
            "subject": {"allOf": [reference("Subject")], "description": "What it is about; for a fact that makes a thing, the id that the thing will have."},
            "occurred_at": {"allOf": [reference("Instant")], "description": "When it happened; left out: now."},
            "data": {"type": "object", "description": "The fact itself, as in the request that records it alone.", "examples": [{"channel": "email"}]},
        },
    }));
    let body = api.schema_of("FactsToRecord", json!({
        "type": "object",
        "description": "Several facts about one candidate.",
        "required": ["facts"],
        "additionalProperties": false,
        "properties": {
            "atomic": {"type": "boolean", "default": false, "description": "Whether all of them are recorded, or none."},
            "facts": {"type": "array", "minItems": 1, "maxItems": MOST, "items": fact, "description": "The facts, in order: a later one may build on an earlier one."},
        },
    }));
    let result = api.schema_of("FactResult", json!({
        "type": "object",
        "description": "What became of one fact.",
        "required": ["status"],
        "properties": {
            "status": {"type": "string", "enum": ["recorded", "already_recorded", "refused"], "description": "What became of it."},
            "event": {"allOf": [reference("Event")], "description": "The fact in the log."},
            "problem": {"allOf": [reference("Problem")], "description": "Why it was refused."},
        },
    }));
    let answer = api.schema_of(
        "FactResults",
        json!({
            "type": "object",
            "description": "What became of several facts, in order.",
            "required": ["results"],
            "properties": {"results": {"type": "array", "items": result, "description": "Each fact's result."}},
        }),
    );
    api.add(Operation {
        body: Some(("application/json", body)),
        answer: (200, answer),
        problems: vec![
            Code::CandidateErased,
            Code::Stale,
            Code::UnknownReference,
            Code::IdempotencyReused,
        ],
        route: Arc::new(|| web::post().to(record)),
        ..Operation::write(
            Method::POST,
            "C/facts",
            "record_facts",
            "Record several facts, all or each for itself",
        )
    });
}

/// One fact of a request, read; problems name the field within the fact.
pub(crate) fn read(fact: Value, candidate: CandidateId, fresh: [uuid::Uuid; 2]) -> Result<Proposal, Problem> {
    let Value::Object(mut fact) = fact else {
        return Err(Problem::invalid("", "must be an object"));
    };
    let mut lifted = body::lift_envelope(&mut fact)?;
    let name = match fact.shift_remove("type") {
        Some(Value::String(name)) => name,
        Some(_) => return Err(Problem::invalid("/type", "must be the name of a fact")),
        None => return Err(Problem::invalid("/type", "is missing: the name of a fact")),
    };
    let application = match fact.shift_remove("application") {
        None | Some(Value::Null) => None,
        Some(id) => Some(
            id.as_str()
                .and_then(|id| id.parse::<ApplicationId>().ok())
                .ok_or_else(|| {
                    Problem::unknown_reference("/application", "is not the id of one of this candidate's applications")
                })?,
        ),
    };
    let mut data = fact.shift_remove("data").unwrap_or_else(|| Value::Object(Map::new()));
    if let Some(unknown) = fact.keys().next() {
        return Err(Problem::invalid(
            pointer::below("", unknown),
            "is not a field of a fact to record",
        ));
    }
    let unknown = || Problem::invalid("/type", "is not the name of a fact that can be recorded here");
    if NOT_HERE.contains(&name.as_str()) {
        return Err(unknown());
    }
    // The subject of a fact that makes a thing of another thing may be the new thing or the other one.
    let place = AnyFact::KINDS
        .iter()
        .find(|kind| kind.name == name)
        .map(|kind| kind.place);
    if let (Some(Place::NewOf(of)), Some(fields)) = (place, data.as_object_mut())
        && let Some(subject) = lifted
            .subject
            .take_if(|it| it.parse::<Subject>().is_ok_and(|it| it.kind() == of))
    {
        fields.entry(of.name()).or_insert(Value::String(subject));
    }
    let fact = AnyFact::parse(&name, data, &mut FromBody)
        .ok_or_else(unknown)?
        .map_err(|problem| problem.below("/data"))?;
    let event = match lifted.id {
        None => EventId::new(fresh[0]),
        Some(id) => id
            .parse()
            .map_err(|error: afterword_domain::ids::NotAnId| Problem::invalid("/id", error.to_string()))?,
    };
    let kind = fact.kind();
    if kind.by_the_clock || kind.by_the_service {
        return Err(unknown());
    }
    let subject = match lifted.subject {
        Some(subject) if kind.about == Kind::Candidate && subject != candidate.to_string() => {
            return Err(Problem::invalid("/subject", "must be the candidate of the address"));
        }
        None if kind.about == Kind::Candidate => Some(candidate.into()),
        None if kind.place.is_new() => Some(kind.about.with(fresh[1])),
        None => None,
        Some(subject) => Some(
            subject
                .parse::<Subject>()
                .ok()
                .filter(|it| it.kind() == kind.about)
                .ok_or_else(|| {
                    Problem::invalid(
                        "/subject",
                        format!("must be an id that begins with `{}_`", kind.about.prefix()),
                    )
                })?,
        ),
    };
    Ok(Proposal {
        event,
        application,
        subject,
        occurred_at: lifted.occurred_at,
        fact,
    })
}

async fn record(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    caller.require(Scope::CandidatesWrite)?;
    let candidate: CandidateId = path_id(&request, "candidate")?;
    let mut body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let atomic = match body.shift_remove("atomic") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(atomic)) => atomic,
        Some(_) => return Err(Problem::invalid("/atomic", "must be true or false")),
    };
    let facts = match body.shift_remove("facts") {
        Some(Value::Array(facts)) if (1..=MOST).contains(&facts.len()) => facts,
        Some(Value::Array(_)) => {
            return Err(Problem::invalid(
                "/facts",
                format!("must hold between 1 and {MOST} facts"),
            ));
        }
        _ => return Err(Problem::invalid("/facts", "must be a list of facts")),
    };
    if let Some(unknown) = body.keys().next() {
        return Err(Problem::invalid(
            pointer::below("", unknown),
            "is not a field of this request; known are atomic and facts",
        ));
    }
    let mut all = Vec::with_capacity(facts.len());
    for (nth, fact) in (0u32..).zip(facts) {
        let fact = read(fact, candidate, [writing.fresh(2 * nth), writing.fresh(2 * nth + 1)]);
        all.push(match fact.map_err(|problem| problem.below(&format!("/facts/{nth}"))) {
            Err(problem) if atomic => return Err(problem),
            fact => fact,
        });
    }
    let readable: Vec<(usize, Proposal)> = all
        .iter()
        .enumerate()
        .filter_map(|(nth, fact)| Some((nth, fact.as_ref().ok()?.clone())))
        .collect();
    let (places, proposals): (Vec<usize>, Vec<Proposal>) = readable.into_iter().unzip();
    if let Err(problem) = is_there(&service, &caller, candidate, &proposals).await
        && writing.repeated(&service, &caller).await?.is_none()
    {
        return Err(problem);
    }
    let mut response = HttpResponse::Ok();
    let mut recorded = None;
    if !proposals.is_empty() {
        let problem_of = |nth: usize, refusal| in_body(places.get(nth).copied().unwrap_or(nth), refusal);
        let done = writing
            .record_or(&service, &caller, candidate, false, proposals, atomic, &problem_of)
            .await?;
        let version = i64::try_from(done.candidate.version).unwrap_or(i64::MAX);
        response.insert_header((header::ETAG, ETag::of_candidate(candidate.uuid(), version).to_header()));
        if done.replayed {
            response.insert_header(("Idempotency-Replayed", "true"));
        }
        recorded = Some(done);
    }
    let mut steps = recorded.iter().flat_map(|done| &done.results);
    let results = all.iter().enumerate().map(|(nth, fact)| match fact {
        Err(problem) => FactResult::refused(problem),
        Ok(_) => match steps.next() {
            Some(Ok(step)) => FactResult::of(step),
            Some(Err(refusal)) => FactResult::refused(&in_body(nth, refusal.clone())),
            None => FactResult::refused(&Problem::internal("a fact without a result")),
        },
    });
    let results: Vec<FactResult> = results.collect();
    Ok(response.json(json!({"results": results})))
}

/// Facts are recorded about a candidate that is there, or is registered by the first of them.
async fn is_there(service: &Service, caller: &Caller, id: CandidateId, proposals: &[Proposal]) -> Result<(), Problem> {
    let registers = matches!(
        proposals.first(),
        Some(Proposal {
            fact: AnyFact::CandidateRegistered(_),
            ..
        })
    );
    let candidate = service
        .recorder
        .candidate(tenant(caller), id)
        .await
        .map_err(unavailable)?;
    match candidate.version {
        0 if registers => Ok(()),
        0 => Err(Problem::not_found()),
        _ if !reaches(caller, &candidate) => Err(Problem::not_found()),
        _ if candidate.erased_at.is_some() => Err(Problem::refused(
            "candidate_erased",
            "The candidate was erased: nothing more can be recorded.",
        )),
        _ => Ok(()),
    }
}

fn in_body(nth: usize, refusal: Refusal) -> Problem {
    in_fact(&format!("/facts/{nth}"), refusal)
}

/// A refusal of one fact of the body, which stands at `base`; a thing that is not there is an unknown reference.
pub(crate) fn in_fact(base: &str, refusal: Refusal) -> Problem {
    const OF_THE_ENVELOPE: [&str; 3] = ["/id", "/subject", "/occurred_at"];
    let missing = refusal.code == "not_found";
    let place = |pointer: &str| {
        let envelope = OF_THE_ENVELOPE.contains(&pointer) || (missing && pointer == "/application");
        format!("{base}{}{pointer}", if envelope { "" } else { "/data" })
    };
    let fields: Vec<(String, String)> = refusal
        .fields
        .iter()
        .map(|(pointer, told)| (place(pointer), told.clone()))
        .collect();
    if missing {
        let (pointer, told) = fields
            .into_iter()
            .next()
            .unwrap_or_else(|| (place("/subject"), "is not known".into()));
        return Problem::unknown_reference(pointer, told);
    }
    refused(Refusal { fields, ..refusal })
}
