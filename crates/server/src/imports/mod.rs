//! Files that people have, as facts: invitations and business cards. A file is read against what is known
//! of the candidate, so that a second import of it, or of a newer one, records only what is new.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, http::header, web};
use afterword_domain::{
    decide::Decided,
    ids::{ApplicationId, CandidateId},
};
use afterword_store::Recorded;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    api::{Api, Operation, reference},
    edge::{
        body,
        codes::Code,
        etag::ETag,
        problem::Problem,
        query::Query,
        scopes::{Caller, Scope},
    },
    events::Event,
    facts::FactResult,
    reading::Answered,
    recording::path_id,
    service::{Shared, reaches, recorded_by, tenant, unavailable},
    writing::{Writing, refused},
};

mod attendees;
mod calendar;
mod ics;
mod place;
mod reading;
#[cfg(test)]
mod tests;
mod vcf;

pub use reading::{Known, Planned, Row, read};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// iCalendar: invitations.
    Ics,
    /// vCard: business cards.
    Vcf,
}

impl Format {
    /// What its entries are called.
    const fn entry(self) -> &'static str {
        match self {
            Format::Ics => "BEGIN:VEVENT",
            Format::Vcf => "BEGIN:VCARD",
        }
    }

    /// The file's own media types, beside `application/octet-stream`.
    const fn media_types(self) -> &'static [&'static str] {
        match self {
            Format::Ics => &["text/calendar", "application/ics"],
            Format::Vcf => &["text/vcard", "text/x-vcard", "text/directory"],
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    format: Format,
    application: Option<ApplicationId>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    atomic: bool,
}

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
struct Imported {
    line: usize,
    status: Status,
    facts: Vec<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Value>,
}

pub(crate) fn endpoints(api: &mut Api) {
    let result = api.schema_of("ImportResult", json!({
        "type": "object",
        "description": "What became of one entry of a file.",
        "required": ["line", "status", "facts"],
        "properties": {
            "line": {"type": "integer", "format": "int32", "minimum": 1, "description": "The line at which the entry begins."},
            "status": {"type": "string", "enum": ["recorded", "already_recorded", "proposed", "refused"],
                       "description": "What became of it; `proposed`: nothing was recorded, and the facts are as they would be."},
            "facts": {"type": "array", "items": reference("Event"), "description": "The facts that it amounts to."},
            "problem": {"allOf": [reference("Problem")], "description": "Why it was refused."},
        },
    }));
    let answer = api.schema_of("ImportResults", json!({
        "type": "object",
        "description": "What became of a file, entry by entry.",
        "required": ["results"],
        "properties": {"results": {"type": "array", "items": result, "description": "Each entry's result, in the order of the file."}},
    }));
    api.add(Operation {
        description: "An invitation's attendees other than the candidate become contacts and interviewers; a later \
                      message of the same UID moves or cancels the interview. A card with the e-mail address of a \
                      known contact revises it. The same file twice records nothing twice. An entry that is refused \
                      is reported with its line and the rest goes in, or, with `atomic=true`, nothing does."
            .to_owned(),
        query: &["format", "application", "dry_run", "atomic"],
        body: Some(("application/octet-stream", json!({"type": "string", "format": "binary", "description": "The file, up to 1 MiB.", "example": "BEGIN:VCALENDAR…"}))),
        answer: (200, answer),
        problems: vec![Code::CandidateErased, Code::Stale, Code::UnknownReference, Code::IdempotencyReused],
        route: Arc::new(|| web::post().to(import)),
        ..Operation::write(Method::POST, "C/imports", "import_file", "Import an invitation or business cards")
    });
}

async fn import(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    Query(asked): Query<Asked>,
) -> Answered {
    caller.require(Scope::CandidatesWrite)?;
    let id: CandidateId = path_id(&request, "candidate")?;
    let file = body::read_bytes(&request, payload, body::LIMIT).await?;
    if !file.is_empty() {
        admit_type(&request, asked.format)?;
    }
    let writing = Writing::of_bytes(&service, &caller, &request, &file)?;
    let candidate = service
        .recorder
        .candidate(tenant(&caller), id)
        .await
        .map_err(unavailable)?;
    if candidate.version == 0 || !reaches(&caller, &candidate) {
        return Err(Problem::not_found());
    }
    if candidate.erased_at.is_some() {
        return Err(Problem::refused("candidate_erased", "The candidate was erased."));
    }
    if asked
        .application
        .is_some_and(|application| candidate.application(application).is_none())
    {
        return Err(Problem::unknown_reference(
            "?application",
            "is not the id of one of this candidate's applications",
        ));
    }
    let mut known = Known {
        candidate: (*candidate).clone(),
        application: asked.application,
        now: service.now(&caller).await?,
        by: recorded_by(&caller),
    };
    let mut rows = read(asked.format, &file, known.clone())?;
    if asked.dry_run {
        let results: Vec<Imported> = rows.iter().map(Imported::proposed).collect();
        return Ok(HttpResponse::Ok().json(json!({"results": results})));
    }
    if asked.atomic
        && let Some((line, problem)) = rows.iter().find_map(|row| Some((row.line, row.result.as_ref().err()?)))
    {
        return Err(problem.clone().at(
            format!("line {line}"),
            "This entry is refused, so nothing of the file was recorded.",
        ));
    }
    let proposals: Vec<_> = rows
        .iter()
        .flat_map(|row| row.result.iter().flatten())
        .map(|planned| planned.proposal.clone())
        .collect();
    let mut response = HttpResponse::Ok();
    let mut recorded = None;
    if !proposals.is_empty() {
        let done = writing
            .record(&service, &caller, id, false, proposals, asked.atomic)
            .await?;
        let version = i64::try_from(done.candidate.version).unwrap_or(i64::MAX);
        response.insert_header((header::ETAG, ETag::of_candidate(id.uuid(), version).to_header()));
        if done.replayed {
            response.insert_header(("Idempotency-Replayed", "true"));
            // The entries are told apart as they were when the file came first.
            known.candidate = before(&done);
            rows = read(asked.format, &file, known)?;
        }
        recorded = Some(done);
    }
    let mut steps = recorded.iter().flat_map(|done| &done.results);
    let results: Vec<Imported> = rows.iter().map(|row| Imported::recorded(row, &mut steps)).collect();
    Ok(response.json(json!({"results": results})))
}

/// The candidate as a command found it.
fn before(done: &Recorded) -> afterword_domain::candidate::Candidate {
    let recorded = done.results.iter().flatten().filter_map(|step| match &step.decided {
        Decided::Recorded(envelope) => Some(envelope.at.version),
        Decided::Already(_) => None,
    });
    let first = recorded.min().unwrap_or(done.candidate.version + 1);
    done.candidate.at_version(first - 1)
}

fn admit_type(request: &HttpRequest, format: Format) -> Result<(), Problem> {
    let given = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|given| given.to_str().ok())
        .unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/octet-stream" || format.media_types().contains(&essence.as_str()) {
        return Ok(());
    }
    let right = format.media_types()[0];
    Err(Problem::new(
        Code::UnsupportedMediaType,
        format!("Send the file as `Content-Type: application/octet-stream` or `{right}`."),
    ))
}

impl Imported {
    fn proposed(row: &Row) -> Self {
        match &row.result {
            Err(problem) => Self::refused(row.line, problem),
            Ok(planned) => Self::of(row.line, planned.iter().map(|it| &it.decided), Status::Proposed),
        }
    }

    fn recorded<'a>(
        row: &Row,
        steps: &mut impl Iterator<Item = &'a Result<afterword_store::Step, afterword_domain::refusal::Refusal>>,
    ) -> Self {
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
            problem: None,
        }
    }

    fn refused(line: usize, problem: &Problem) -> Self {
        Self {
            line,
            status: Status::Refused,
            facts: Vec::new(),
            problem: FactResult::refused(problem).problem,
        }
    }
}
