//! Files that people have, as facts: invitations, business cards, mail, tables. A file is read against what is known
//! of the candidate, so that a second import of it, or of a newer one, records only what is new.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    http::header::{self, ContentType},
    web,
};
use afterword_domain::{
    decide::Decided,
    ids::{ApplicationId, CandidateId},
};
use afterword_store::Recorded;
use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{Api, Operation},
    edge::{
        body,
        codes::Code,
        etag::ETag,
        problem::Problem,
        query::Query,
        scopes::{Caller, Scope},
    },
    facts::in_fact,
    reading::Answered,
    recording::path_id,
    service::{Shared, reaches, recorded_by, tenant, unavailable},
    writing::Writing,
};

mod attendees;
mod calendar;
mod cells;
mod columns;
mod formats;
mod ics;
mod jobs;
mod mail;
mod people;
mod place;
mod reading;
mod results;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod vcf;

use results::{Imported, told};

pub use columns::ColumnMap;
pub use formats::Format;
pub use reading::{Evidence, Known, Planned, Row, read};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    format: Format,
    application: Option<ApplicationId>,
    map: Option<String>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    atomic: bool,
}

pub(crate) fn endpoints(api: &mut Api) {
    let answer = results::schema(api);
    let formats: Vec<String> = Format::ALL
        .iter()
        .map(|format| format!("- `{}`: {}", format.name(), format.told()))
        .collect();
    let formats = formats.join("\n");
    api.add(Operation {
        description: format!(
            "An invitation's attendees other than the candidate become contacts and interviewers; a later message of the \
             same UID moves or cancels the interview. A card with the e-mail address of a known contact revises it. A \
             message of mail is a proposal of facts, with the words that it rests on: nothing of it is recorded until \
             its `proposal` is sent to `facts`. The same file twice records nothing twice, nor does a newer one. An \
             entry that is refused is reported with its line and the rest goes in, or, with `atomic=true`, nothing \
             does.\n\n{formats}"
        ),
        query: &["format", "application", "map", "dry_run", "atomic"],
        body: Some(("application/octet-stream", json!({"type": "string", "format": "binary", "description": "The file, up to 1 MiB.", "example": "BEGIN:VCALENDAR…"}))),
        answer: (200, answer),
        problems: vec![Code::CandidateErased, Code::Stale, Code::UnknownReference, Code::IdempotencyReused],
        route: Arc::new(|| web::post().to(import)),
        ..Operation::write(Method::POST, "C/imports", "import_file", "Import a file")
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
    if asked.format == Format::Export {
        return bring_in_export(caller, request, service, payload, id, &asked).await;
    }
    let map = match (&asked.map, asked.format) {
        (Some(map), Format::Csv) => Some(Arc::new(ColumnMap::read(map)?)),
        (Some(_), _) => return Err(Problem::invalid("?map", "is for `format=csv` alone")),
        (None, Format::Csv) => {
            return Err(Problem::invalid(
                "?map",
                "is required with `format=csv`: which column is what",
            ));
        }
        (None, _) => None,
    };
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
    let repeated = writing.repeated(&service, &caller).await?;
    let reached = candidate.version > 0 && reaches(&caller, &candidate);
    if !reached && repeated.is_none() {
        return Err(Problem::not_found());
    }
    if candidate.erased_at.is_some() {
        return Err(Problem::refused("candidate_erased", "The candidate was erased."));
    }
    let mut known = Known {
        candidate: (*candidate).clone(),
        application: asked.application,
        now: service.now(&caller).await?,
        by: recorded_by(&caller),
    };
    // What a file says depends on what is known: the same request again is read against what was known then.
    let then = async |known: Known, version: u64| {
        let facts = known.candidate.folds();
        let folding = move || known.back_to(version);
        service.heavy.folding(&request, &caller, facts, folding).await
    };
    if let Some(row) = &repeated {
        known = then(known, row.first_version.unsigned_abs().saturating_sub(1)).await?;
    }
    if asked
        .application
        .is_some_and(|application| known.candidate.application(application).is_none())
    {
        return Err(Problem::unknown_reference(
            "?application",
            "is not the id of one of this candidate's applications",
        ));
    }
    let reading = async |known: Known| {
        let (format, map, file) = (asked.format, map.clone(), file.clone());
        let reading = service
            .heavy
            .short(&request, &caller, move || read(format, map.as_deref(), &file, known));
        let mut rows = reading.await??;
        // Of what is skipped there is nothing to tell.
        rows.retain(|row| row.result.as_ref().map_or(true, |facts| !facts.is_empty()));
        Ok::<_, Problem>(rows)
    };
    let mut rows = reading(known.clone()).await?;
    if asked.dry_run || asked.format == Format::Eml {
        let telling = move || told(rows.iter().map(Imported::proposed).collect());
        let told = service.heavy.short(&request, &caller, telling).await??;
        return Ok(HttpResponse::Ok().content_type(ContentType::json()).body(told));
    }
    if asked.atomic
        && let Some((line, problem)) = rows.iter().find_map(|row| Some((row.line, row.result.as_ref().err()?)))
    {
        return Err(nothing_recorded(line, problem.clone()));
    }
    let proposals: Vec<_> = rows
        .iter()
        .flat_map(|row| row.result.iter().flatten())
        .map(|planned| planned.proposal.clone())
        .collect();
    let mut response = HttpResponse::Ok();
    let mut recorded = None;
    if !proposals.is_empty() {
        let lines = rows
            .iter()
            .flat_map(|row| row.result.iter().flatten().map(|_| row.line));
        let lines: Vec<usize> = lines.collect();
        let problem_of = |nth: usize, refusal| {
            let line = lines.get(nth).copied().unwrap_or_default();
            nothing_recorded(line, in_fact("", refusal))
        };
        let done = writing
            .record_or(&service, &caller, id, false, proposals, asked.atomic, &problem_of)
            .await?;
        let version = i64::try_from(done.candidate.version).unwrap_or(i64::MAX);
        response.insert_header((header::ETAG, ETag::of_candidate(id.uuid(), version).to_header()));
        if done.replayed {
            response.insert_header(("Idempotency-Replayed", "true"));
            // It was carried out meanwhile.
            if repeated.is_none() {
                known.candidate = done.candidate.clone();
                rows = reading(then(known, before(&done)).await?).await?;
            }
        }
        recorded = Some(done);
    }
    // It is recorded: nobody is told to come back for the answer.
    let telling = move || {
        let mut steps = recorded.iter().flat_map(|done| &done.results);
        told(rows.iter().map(|row| Imported::recorded(row, &mut steps)).collect())
    };
    let told = service.heavy.afterwards(telling).await??;
    Ok(response.content_type(ContentType::json()).body(told))
}

/// Why nothing of a file is recorded, where all of it was to be: one entry is refused.
fn nothing_recorded(line: usize, problem: Problem) -> Problem {
    problem.at(
        format!("line {line}"),
        "This entry is refused, so nothing of the file was recorded.",
    )
}

/// An export is brought in whole, or not at all.
async fn bring_in_export(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    id: CandidateId,
    asked: &Asked,
) -> Answered {
    let strange = [
        ("?application", asked.application.is_some()),
        ("?map", asked.map.is_some()),
        ("?dry_run", asked.dry_run),
    ];
    if let Some((name, _)) = strange.iter().find(|(_, given)| *given) {
        return Err(Problem::invalid(*name, "does not go with `format=export`"));
    }
    crate::exports::bring_in(caller, request, service, payload, Some(id)).await
}

/// The version of the candidate that a command found.
fn before(done: &Recorded) -> u64 {
    let recorded = done.results.iter().flatten().filter_map(|step| match &step.decided {
        Decided::Recorded(envelope) => Some(envelope.at.version),
        Decided::Already(_) => None,
    });
    let first = recorded.min().unwrap_or(done.candidate.version + 1);
    first - 1
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
