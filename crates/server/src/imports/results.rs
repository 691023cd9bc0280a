//! What became of a file, entry by entry: what was recorded, what would be, and what was refused.

use afterword_domain::{decide::Decided, refusal::Refusal};
use afterword_store::Step;
use serde::Serialize;
use serde_json::{Value, json};

use super::reading::{Evidence, Planned, Row};
use crate::{
    api::{Api, reference},
    edge::problem::Problem,
    events::Event,
    facts::FactResult,
    writing::refused,
};

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Recorded,
    AlreadyRecorded,
    Proposed,
    Refused,
}

/// An entry of the file, and what became of it.
#[derive(Serialize)]
pub(super) struct Imported {
    line: usize,
    status: Status,
    facts: Vec<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<Evidence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Value>,
}

/// The schema of an answer.
pub(super) fn schema(api: &mut Api) -> Value {
    let evidence = api.schema_of("ImportEvidence", json!({
        "type": "object",
        "description": "Words that a proposal rests on.",
        "required": ["about", "field", "quote"],
        "properties": {
            "about": {"type": "string", "description": "What they speak for: a fact by its name, a `date`, the `application`, …", "examples": ["RejectionReceived"]},
            "field": {"type": "string", "enum": ["from", "subject", "body", "calendar"], "description": "Where they stand in the message."},
            "quote": {"type": "string", "description": "The sentence or the line, as it stands there.", "examples": ["We have decided to move forward with other candidates."]},
            "words": {"type": "string", "description": "The words in it that say so.", "examples": ["decided to move forward with other candidates"]},
        },
    }));
    let result = api.schema_of("ImportResult", json!({
        "type": "object",
        "description": "What became of one entry of a file.",
        "required": ["line", "status", "facts"],
        "properties": {
            "line": {"type": "integer", "format": "int32", "minimum": 1, "description": "The line at which the entry begins."},
            "status": {"type": "string", "enum": ["recorded", "already_recorded", "proposed", "refused"],
                       "description": "What became of it; `proposed`: nothing was recorded, and the facts are as they would be."},
            "facts": {"type": "array", "items": reference("Event"), "description": "The facts that it amounts to."},
            // Not a reference to `FactsToRecord`: its types of facts become more, and in an answer that would break clients.
            "proposal": {"type": "object", "additionalProperties": true, "description": "Of what is proposed: the facts as a body for `record_facts`, which records them as it stands."},
            "evidence": {"type": "array", "items": evidence, "description": "Of mail: the words that the facts rest on."},
            "problem": {"allOf": [reference("Problem")], "description": "Why it was refused."},
        },
    }));
    api.schema_of("ImportResults", json!({
        "type": "object",
        "description": "What became of a file, entry by entry.",
        "required": ["results"],
        "properties": {"results": {"type": "array", "items": result, "description": "Each entry's result, in the order of the file."}},
    }))
}

/// The answer, as JSON.
pub(super) fn told(results: Vec<Imported>) -> Result<Vec<u8>, Problem> {
    #[derive(Serialize)]
    struct ImportResults {
        results: Vec<Imported>,
    }
    serde_json::to_vec(&ImportResults { results }).map_err(Problem::internal)
}

impl Imported {
    /// Of an entry of which nothing is recorded.
    pub(super) fn proposed(row: &Row) -> Self {
        match &row.result {
            Err(problem) => Self {
                evidence: row.evidence.clone(),
                ..Self::refused(row.line, problem)
            },
            Ok(planned) => Self {
                proposal: to_record(planned),
                evidence: row.evidence.clone(),
                ..Self::of(row.line, planned.iter().map(|it| &it.decided), Status::Proposed)
            },
        }
    }

    /// Of an entry whose facts are the next ones of a command.
    pub(super) fn recorded<'a>(row: &Row, steps: &mut impl Iterator<Item = &'a Result<Step, Refusal>>) -> Self {
        let planned = match &row.result {
            Err(problem) => return Self::refused(row.line, problem),
            Ok(planned) => planned,
        };
        // Refused here is what has become impossible since the file was read.
        let steps: Vec<_> = steps.take(planned.len()).map(Result::as_ref).collect();
        match steps.into_iter().collect::<Result<Vec<_>, _>>() {
            Err(refusal) => Self::refused(row.line, &refused(refusal.clone())),
            Ok(steps) => Self::of(row.line, steps.iter().map(|step| &step.decided), Status::Recorded),
        }
    }

    fn of<'a>(line: usize, facts: impl Iterator<Item = &'a Decided> + Clone, new: Status) -> Self {
        let any_new = facts.clone().any(|decided| matches!(decided, Decided::Recorded(_)));
        Self {
            line,
            status: if any_new { new } else { Status::AlreadyRecorded },
            facts: facts.map(|decided| Event::of(decided.envelope())).collect(),
            proposal: None,
            evidence: Vec::new(),
            problem: None,
        }
    }

    fn refused(line: usize, problem: &Problem) -> Self {
        Self {
            line,
            status: Status::Refused,
            facts: Vec::new(),
            proposal: None,
            evidence: Vec::new(),
            problem: FactResult::refused(problem).problem,
        }
    }
}

/// What is new of an entry, as a body for `C/facts`.
fn to_record(planned: &[Planned]) -> Option<Value> {
    let new = planned.iter().filter_map(|it| match &it.decided {
        Decided::Recorded(fact) => Some((fact, it.proposal.occurred_at)),
        Decided::Already(_) => None,
    });
    let facts: Vec<Value> = new
        .map(|(fact, occurred_at)| {
            let at = &fact.at;
            let mut told = json!({"type": fact.data.name(), "id": at.event, "subject": at.subject, "data": fact.data});
            if let Some(application) = at.application.filter(|id| at.subject != (*id).into()) {
                told["application"] = json!(application);
            }
            if occurred_at.is_some() {
                told["occurred_at"] = json!(at.occurred_at);
            }
            told
        })
        .collect();
    (!facts.is_empty()).then(|| json!({"atomic": true, "facts": facts}))
}
