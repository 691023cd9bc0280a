//! Bringing the candidate of an export in.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use afterword_domain::{
    candidate::Candidate,
    catalogue::AnyFact,
    decide::{Decided, Proposal},
    fact::Envelope,
    ids::CandidateId,
    restore::proposed,
};
use afterword_store::{RecordError, Restoration, Restored};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    ARCHIVE,
    archive::{self, Archive, wrong},
};
use crate::{
    edge::{
        body,
        codes::Code,
        etag::ETag,
        problem::Problem,
        scopes::{Caller, Scope},
    },
    facts::{FactResult, in_fact},
    reading::Answered,
    service::{Shared, reaches, reused, tenant, unavailable},
    writing::Writing,
};

/// The largest archive.
const LIMIT: usize = 16 << 20;
/// So long a name in `recorded_by` may be.
const BY: usize = 100;

/// A fact of the archive, and what became of it. It is not told again: the client has it.
#[derive(Serialize)]
struct Row {
    line: usize,
    status: &'static str,
    facts: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Value>,
}

/// Brings a candidate in, who must be the one of the address where that names one.
pub(crate) async fn bring_in(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    named: Option<CandidateId>,
) -> Answered {
    caller.require(Scope::CandidatesWrite)?;
    let file = body::read_bytes(&request, payload, LIMIT).await?;
    admit_type(&request, &file)?;
    let restoring = Writing::of_bytes(&service, &caller, &request, &file)?;
    // Under one name, but told apart: sent again, it is answered as it was carried out.
    let mut merging = restoring.clone();
    if let Some(named) = &mut merging.idempotency {
        named.request = service.hash(&[b"merge", &named.request]);
    }
    let repeated = async || {
        let restored = restoring.repeated(&service, &caller).await?.is_some();
        Ok::<_, Problem>(restored || merging.repeated(&service, &caller).await?.is_some())
    };
    if let Some(id) = named {
        there(&service, &caller, id, false, repeated().await?).await?;
    }
    // From here on until it is recorded: what an archive holds is unpacked, folded and written.
    let place = service.heavy.long(&request, &caller).await?;
    let archive = service.heavy.within(&place, move || archive::read(&file)).await??;
    let id = archive.candidate;
    if named.is_some_and(|named| named != id) {
        let told = "it is of another candidate than the address";
        return Err(wrong("manifest.json", told.to_owned()));
    }
    admit(&archive, service.now(&caller).await?)?;
    there(&service, &caller, id, true, repeated().await?).await?;
    let facts = Arc::new(archive.facts);
    let reached = |candidate: &Candidate| reaches(&caller, candidate);
    let stands = |candidate: &Candidate| {
        (candidate.version == 0 || reached(candidate)) && restoring.meets_candidate(candidate).is_ok()
    };
    let wanted = Restoration {
        tenant: tenant(&caller),
        candidate: id,
        facts: Arc::clone(&facts),
        playbooks: archive.playbooks,
        before: &stands,
        after: &reached,
        idempotency: restoring.idempotency.clone(),
        merged: merging.idempotency.as_ref().map(|named| named.request.clone()),
    };
    let restore = async || {
        let restored = service.recorder.restore(&wanted).await;
        restored.map_err(|error| match error {
            RecordError::Stale(newest) if newest.version == 0 || reached(&newest) => {
                let told = "This key may only bring in candidates that it will reach.";
                let beyond = || Problem::new(Code::InsufficientScope, told);
                restoring.meets_candidate(&newest).err().unwrap_or_else(beyond)
            }
            error => problem_of(error),
        })
    };
    let mut restored = restore().await?;
    if matches!(restored, Restored::Diverged) {
        match merge(&service, &caller, merging, id, &facts).await {
            Err(problem) => restoring.made_meanwhile(&service, &caller, problem).await?,
            merged => return merged,
        }
        restored = restore().await?;
    }
    let Restored::Done {
        version,
        from,
        replayed,
    } = restored
    else {
        return Err(reused());
    };
    let rows = facts.iter().enumerate().map(|(nth, fact)| {
        let new = fact.at.version >= from;
        Row::new(nth + 1, if new { "recorded" } else { "already_recorded" })
    });
    Ok(answer(id, version, replayed, rows.collect()))
}

/// Both have gone on since: what is missing here is recorded now, each fact for itself.
async fn merge(service: &Shared, caller: &Caller, writing: Writing, id: CandidateId, facts: &[Envelope]) -> Answered {
    let told_by_clients = |fact: &Envelope| {
        let kind = fact.data.kind();
        !kind.by_the_clock && !kind.by_the_service
    };
    let (lines, proposals): (Vec<usize>, Vec<Proposal>) = facts
        .iter()
        .enumerate()
        .filter(|(_, fact)| told_by_clients(fact))
        .map(|(nth, fact)| (nth + 1, proposed(fact)))
        .unzip();
    let done = writing.record(service, caller, id, false, proposals, false).await?;
    let rows = lines.into_iter().zip(&done.results).map(|(line, result)| match result {
        Ok(step) => match step.decided {
            Decided::Recorded(_) => Row::new(line, "recorded"),
            Decided::Already(_) => Row::new(line, "already_recorded"),
        },
        Err(refusal) => Row {
            problem: FactResult::refused(&in_fact("", refusal.clone())).problem,
            ..Row::new(line, "refused")
        },
    });
    Ok(answer(id, done.candidate.version, done.replayed, rows.collect()))
}

impl Row {
    const fn new(line: usize, status: &'static str) -> Self {
        Self {
            line,
            status,
            facts: [],
            problem: None,
        }
    }
}

fn tag(id: CandidateId, version: u64) -> ETag {
    ETag::of_candidate(id.uuid(), i64::try_from(version).unwrap_or(i64::MAX))
}

fn answer(id: CandidateId, version: u64, replayed: bool, results: Vec<Row>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::ETAG, tag(id, version).to_header()))
        .insert_header((header::LOCATION, format!("/v1/candidates/{id}")));
    if replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    response.json(json!({"results": results}))
}

/// Whether there is a candidate about whom the caller may write, or has written, and only asks again.
async fn there(
    service: &Shared,
    caller: &Caller,
    id: CandidateId,
    may_be_new: bool,
    repeated: bool,
) -> Result<(), Problem> {
    let candidate = service.recorder.candidate(tenant(caller), id).await;
    let candidate = candidate.map_err(unavailable)?;
    match candidate.version {
        0 if may_be_new => Ok(()),
        0 => Err(Problem::not_found()),
        _ if !repeated && !reaches(caller, &candidate) => Err(Problem::not_found()),
        _ if candidate.erased_at.is_some() => Err(Problem::refused(
            "candidate_erased",
            "The candidate was erased: nothing more can be recorded.",
        )),
        _ => Ok(()),
    }
}

/// What the facts of an archive say of their recording must be possible.
fn admit(archive: &Archive, now: Timestamp) -> Result<(), Problem> {
    let latest = now + SignedDuration::from_secs(60);
    for (nth, fact) in archive.facts.iter().enumerate() {
        let place = format!("facts.ndjson line {}", nth + 1);
        if fact.at.recorded_at > latest {
            return Err(wrong(&place, "recorded_at must not be in the future".to_owned()));
        }
        // Not among what is missing here either: nobody is erased but by a request of its own.
        if let AnyFact::CandidateErased(_) = fact.data {
            return Err(wrong(&place, "of an erased candidate there is no export".to_owned()));
        }
        let by = &fact.at.recorded_by;
        if by.is_empty() || by.len() > BY || !by.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(
                &place,
                "recorded_by must be the id of a key, or `clock`".to_owned(),
            ));
        }
    }
    Ok(())
}

fn admit_type(request: &HttpRequest, file: &[u8]) -> Result<(), Problem> {
    let given = request.headers().get(header::CONTENT_TYPE);
    let given = given.and_then(|given| given.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if file.is_empty() || ["application/octet-stream", ARCHIVE].contains(&essence.as_str()) {
        return Ok(());
    }
    Err(Problem::new(
        Code::UnsupportedMediaType,
        format!("Send the archive as `Content-Type: application/octet-stream` or `{ARCHIVE}`."),
    ))
}

fn problem_of(error: RecordError) -> Problem {
    match error {
        RecordError::Refused { index, refusal } => {
            let place = format!("facts.ndjson line {}", index + 1);
            let code = Code::named(&refusal.code).unwrap_or(Code::Refused);
            // Nothing in the body is an address.
            let code = if code == Code::NotFound {
                Code::UnknownReference
            } else {
                code
            };
            let problem = Problem::new(code, format!("{place} cannot be: {}", refusal.detail));
            let problem = problem.at(place.clone(), refusal.detail.clone());
            refusal.fields.iter().fold(problem, |problem, (pointer, told)| {
                problem.at(format!("{place}{pointer}"), told.clone())
            })
        }
        RecordError::Stale(_) => Problem::not_found(),
        RecordError::IdempotencyReused => reused(),
        fenced @ RecordError::Fenced => Problem::internal(fenced),
        RecordError::Store(error) => unavailable(error),
    }
}
