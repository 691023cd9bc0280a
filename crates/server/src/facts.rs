//! Several facts about one candidate in one request: all of them or each for itself. This is how an
//! offline app catches up, and how a correction (a retraction and the right fact) is one step.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, http::header, web};
use afterword_domain::{
    catalogue::AnyFact,
    decide::{Decided, Proposal},
    fact::Place,
    ids::{ApplicationId, CandidateId, EventId, Subject},
};
use afterword_store::{Recorded, Step};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    api::{Api, Operation, reference},
    edge::{
        body,
        codes::Code,
        etag::ETag,
        problem::Problem,
        query::{NoParameters, Query},
        scopes::{Caller, Scope},
    },
    events::Event,
    reading::Answered,
    recording::{FromBody, Writing, path_id, refused},
    service::Shared,
};

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
        Self { status, event: Some(Event::of(step.decided.envelope())), problem: None }
    }

    /// A refusal.
    pub fn refused(problem: &Problem) -> Self {
        let problem = serde_json::from_slice(&problem.to_json("", None)).unwrap_or_default();
        Self { status: "refused", event: None, problem: Some(problem) }
    }
}

pub(crate) fn endpoints(api: &mut Api) {
    let names: Vec<&str> = AnyFact::KINDS.iter().map(|kind| kind.name).filter(|name| *name != "CandidateErased").collect();
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
    let answer = api.schema_of("FactResults", json!({
        "type": "object",
        "description": "What became of several facts, in order.",
        "required": ["results"],
        "properties": {"results": {"type": "array", "items": result, "description": "Each fact's result."}},
    }));
    api.add(Operation {
        body: Some(("application/json", body)),
        answer: (200, answer),
        problems: vec![Code::CandidateErased, Code::Stale, Code::UnknownReference, Code::IdempotencyReused],
        route: Arc::new(|| web::post().to(record)),
        ..Operation::write(Method::POST, "C/facts", "record_facts", "Record several facts, all or each for itself")
    });
}

/// One fact of a request, read; problems name the field within the fact.
pub(crate) fn read(fact: Value, candidate: CandidateId, fresh: [uuid::Uuid; 2]) -> Result<Proposal, Problem> {
    let Value::Object(mut fact) = fact else { return Err(Problem::invalid("", "must be an object")) };
    let lifted = body::lift_envelope(&mut fact)?;
    let name = match fact.shift_remove("type") {
        Some(Value::String(name)) => name,
        Some(_) => return Err(Problem::invalid("/type", "must be the name of a fact")),
        None => return Err(Problem::invalid("/type", "is missing: the name of a fact")),
    };
    let application = match fact.shift_remove("application") {
        None | Some(Value::Null) => None,
        Some(id) => Some(id.as_str().and_then(|id| id.parse::<ApplicationId>().ok()).ok_or_else(|| Problem::unknown_reference("/application", "is not the id of one of this candidate's applications"))?),
    };
    let data = fact.shift_remove("data").unwrap_or_else(|| Value::Object(Map::new()));
    if let Some(unknown) = fact.keys().next() {
        return Err(Problem::invalid(format!("/{unknown}"), "is not a field of a fact to record"));
    }
    let unknown = || Problem::invalid("/type", "is not the name of a fact that can be recorded here");
    if name == "CandidateErased" {
        return Err(unknown());
    }
    let fact = AnyFact::parse(&name, data, &mut FromBody).ok_or_else(unknown)?.map_err(|problem| below(problem, "/data"))?;
    let event = match lifted.id {
        None => EventId::new(fresh[0]),
        Some(id) => id.parse().map_err(|error: afterword_domain::ids::NotAnId| Problem::invalid("/id", error.to_string()))?,
    };
    let kind = fact.kind();
    let subject = match lifted.subject {
        None if kind.about == afterword_domain::ids::Kind::Candidate => Some(candidate.into()),
        None if matches!(kind.place, Place::New | Place::NewWithin) => Some(kind.about.with(fresh[1])),
        None => None,
        Some(subject) => Some(subject.parse::<Subject>().ok().filter(|it| it.kind() == kind.about).ok_or_else(|| {
            Problem::invalid("/subject", format!("must be an id that begins with `{}_`", kind.about.prefix()))
        })?),
    };
    Ok(Proposal { event, application, subject, occurred_at: lifted.occurred_at, fact })
}

/// A problem with its fields moved below another.
pub(crate) fn below(problem: Problem, base: &str) -> Problem {
    let moved = Problem::new(problem.code(), problem.to_string());
    problem.errors().iter().fold(moved, |moved, error| moved.at(format!("{base}{}", error.pointer), error.detail.clone()))
}

async fn record(caller: Caller, request: HttpRequest, service: Shared, payload: web::Payload, _: Query<NoParameters>) -> Answered {
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
        Some(Value::Array(_)) => return Err(Problem::invalid("/facts", format!("must hold between 1 and {MOST} facts"))),
        _ => return Err(Problem::invalid("/facts", "must be a list of facts")),
    };
    if let Some(unknown) = body.keys().next() {
        return Err(Problem::invalid(format!("/{unknown}"), "is not a field of this request; known are atomic and facts"));
    }
    let mut read_all = Vec::with_capacity(facts.len());
    for (nth, fact) in (0u32..).zip(facts) {
        let fact = read(fact, candidate, [writing.fresh(2 * nth), writing.fresh(2 * nth + 1)]);
        read_all.push(match fact {
            Err(problem) if atomic => return Err(below(problem, &format!("/facts/{nth}"))),
            fact => fact,
        });
    }
    record_all(&service, &caller, writing, candidate, read_all, atomic).await.map(|(results, recorded)| {
        let mut response = HttpResponse::Ok();
        if let Some(recorded) = recorded {
            let version = i64::try_from(recorded.candidate.version).unwrap_or(i64::MAX);
            response.insert_header((header::ETAG, ETag::of_candidate(candidate.uuid(), version).to_header()));
            if recorded.replayed {
                response.insert_header(("Idempotency-Replayed", "true"));
            }
        }
        response.json(json!({"results": results}))
    })
}

/// Records what could be read, and puts the results in the order of the request.
pub(crate) async fn record_all(
    service: &Shared,
    caller: &Caller,
    writing: Writing,
    candidate: CandidateId,
    facts: Vec<Result<Proposal, Problem>>,
    atomic: bool,
) -> Result<(Vec<FactResult>, Option<Recorded>), Problem> {
    let proposals: Vec<Proposal> = facts.iter().flatten().cloned().collect();
    if proposals.is_empty() {
        service.candidate(caller, candidate).await?;
        let refused = facts.iter().filter_map(|fact| fact.as_ref().err());
        return Ok((refused.map(FactResult::refused).collect(), None));
    }
    let recorded = writing.record(service, caller, candidate, false, proposals, atomic).await?;
    let mut steps = recorded.results.iter();
    let results = facts.iter().map(|fact| match fact {
        Err(problem) => FactResult::refused(problem),
        Ok(_) => match steps.next() {
            Some(Ok(step)) => FactResult::of(step),
            Some(Err(refusal)) => FactResult::refused(&in_body(refused(refusal.clone()), refusal)),
            None => FactResult::refused(&Problem::internal("a fact without a result")),
        },
    });
    let results = results.collect();
    Ok((results, Some(recorded)))
}

/// In a body, a thing that is not there is an unknown reference.
fn in_body(problem: Problem, refusal: &afterword_domain::refusal::Refusal) -> Problem {
    if refusal.code != "not_found" {
        return problem;
    }
    let (pointer, told) = refusal.fields.first().cloned().unwrap_or_else(|| ("/subject".into(), "is not known".into()));
    Problem::unknown_reference(pointer, told)
}
