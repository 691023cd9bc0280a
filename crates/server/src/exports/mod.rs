//! Everything about one candidate in one archive, and bringing it in again: into another tenant, or into a store that
//! lost it. The archive holds the facts as they were recorded, so that every view is what it was.

use std::{collections::BTreeSet, sync::Arc};

use actix_web::{HttpRequest, http::Method, http::header, web};
use afterword_domain::{
    candidate::Candidate,
    catalogue::AnyFact,
    contacts::ContactStatus,
    notes::{Note, NoteStatus},
    time::Instant,
};
use afterword_store::PlaybookRow;
use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{Api, Operation, reference},
    calendars, candid, cards,
    edge::{
        codes::Code,
        etag,
        problem::Problem,
        query::Query,
        scopes::{Caller, Scope},
    },
    reading::{self, Answered, allow, view},
    service::{Shared, tenant, unavailable},
};

pub(crate) mod archive;
mod bringing_in;

pub(crate) use bringing_in::bring_in;

const AS_OF: &[&str] = &["as_of"];
/// What archives are.
const ARCHIVE: &str = "application/zip";

pub(crate) fn endpoints(api: &mut Api) {
    let file = json!({"type": "string", "format": "binary", "description": "The archive.", "example": "PK…"});
    api.add(Operation {
        description: "A zip file with every fact in its envelope (`facts.ndjson`), the playbooks that were adopted, \
                      letters as text, `calendar.ics`, `contacts.vcf` and a manifest. The same state makes the same \
                      bytes. For a key without `debriefs:read`, what is candid is left out; the manifest says so, and \
                      such an archive cannot be imported."
            .to_owned(),
        query: AS_OF,
        answer: (200, file),
        media: ARCHIVE,
        route: Arc::new(|| web::get().to(export)),
        ..Operation::get(
            "C/export",
            "export_candidate",
            "Everything about the candidate in one archive",
        )
    });
    let file = json!({"type": "string", "format": "binary", "description": "The archive of an export, up to 16 MiB.", "example": "PK…"});
    api.add(Operation {
        description: "Brings the candidate of an export in, under the same ids: each fact as it was recorded, with its \
                      times and by whom, so that every view is what it was, at any `as_of`. All of it is recorded, or \
                      nothing. Where the candidate is here already, what the archive has more is added; where both have \
                      gone on since, the facts that are missing here are recorded now, each for itself, and what the \
                      clock said is left to the clock here."
            .to_owned(),
        query: &["format"],
        body: Some(("application/octet-stream", file)),
        answer: (200, reference("ImportResults")),
        problems: vec![
            Code::CandidateErased,
            Code::ExternalIdTaken,
            Code::IdTaken,
            Code::Stale,
            Code::IdempotencyReused,
        ],
        route: Arc::new(|| web::post().to(import)),
        ..Operation::write(Method::POST, "/v1/imports", "import_export", "Bring a candidate in from an export")
    });
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[expect(dead_code, reason = "there is one format; asked for by its name, others can follow")]
    format: OnlyExport,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnlyExport {
    Export,
}

async fn import(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<Asked>,
) -> Answered {
    bring_in(caller, request, service, payload, None).await
}

async fn export(caller: Caller, request: HttpRequest, service: Shared, asked: Query<reading::Asked>) -> Answered {
    allow(&request, AS_OF)?;
    let candidate = view(&caller, &request, &service, asked.0).await?.candidate;
    let store = service.recorder.store();
    let own = store.playbooks(tenant(&caller)).await.map_err(unavailable)?;
    let copies = store.playbook_copies(tenant(&caller), adopted(&candidate)).await;
    let copies = copies.map_err(unavailable)?;
    let known: Vec<PlaybookRow> = own.into_iter().chain(copies).collect();
    let open = caller.scopes.allows(Scope::DebriefsRead);
    let name = candidate.id;
    let place = service.heavy.long(&request, &caller).await?;
    let packing = move || archive::written(&contents(&candidate, &known, open)?);
    let packed = service.heavy.within(&place, packing).await??;
    let name = header::HeaderValue::try_from(format!("attachment; filename=\"afterword-{name}.zip\""));
    let headers = name
        .map(|name| (header::CONTENT_DISPOSITION, name))
        .into_iter()
        .collect();
    Ok(etag::answer_as(&request, ARCHIVE, headers, packed))
}

/// The hashes of the playbooks that a candidate has followed.
fn adopted(candidate: &Candidate) -> BTreeSet<String> {
    let hashes = candidate.history().iter().filter_map(|fact| match &fact.data {
        AnyFact::PlaybookAdopted(adopted) => Some(adopted.hash.clone()),
        _ => None,
    });
    hashes.collect()
}

/// What the archive of a candidate holds.
fn contents(candidate: &Candidate, known: &[PlaybookRow], open: bool) -> Result<archive::Contents, Problem> {
    let mut facts = Vec::with_capacity(candidate.history().len());
    for fact in candidate.history() {
        let line = if open || fact.data.kind().candid.is_empty() {
            serde_json::to_vec(&**fact)
        } else {
            let mut line = serde_json::to_value(&**fact).map_err(Problem::internal)?;
            candid::prune(&mut line);
            serde_json::to_vec(&line)
        };
        facts.push(line.map_err(Problem::internal)?);
    }
    let mut playbooks = Vec::new();
    for hash in adopted(candidate) {
        let row = known.iter().find(|row| row.hash == hash);
        let (rules, _) = row
            .and_then(PlaybookRow::read)
            .ok_or_else(|| Problem::internal("an adopted playbook is not kept"))?;
        playbooks.push(serde_json::to_vec(&archive::Rules { hash, rules }).map_err(Problem::internal)?);
    }
    let letters = candidate.notes.values().filter_map(|note| letter(candidate, note));
    let contacts = candidate.contacts.values();
    Ok(archive::Contents {
        candidate: candidate.id,
        facts,
        playbooks,
        letters: letters.collect(),
        // As it was at the last fact: the archive does not depend on when it is made.
        calendar: calendars::file(candidate, candidate.recorded_at),
        cards: cards::file(candidate, cards::Version::default()),
        contacts: contacts
            .filter(|contact| contact.status == ContactStatus::Known)
            .count(),
        left_out: if open {
            Vec::new()
        } else {
            candid::names().map(str::to_owned).collect()
        },
    })
}

/// A letter as text; none of a note that says nothing.
fn letter(candidate: &Candidate, note: &Note) -> Option<(String, String)> {
    let body = note.body.as_ref()?;
    let to: Vec<String> = note
        .recipients
        .iter()
        .filter_map(|id| candidate.contacts.get(id).map(|contact| contact.name.to_string()))
        .collect();
    let kind = serde_json::to_value(note.kind).unwrap_or_default();
    let mut head = vec![format!("Kind: {}", kind.as_str().unwrap_or_default())];
    head.push(format!("To: {}", to.join(", ")));
    head.extend(note.subject_line.as_ref().map(|line| format!("Subject: {line}")));
    head.push(match (note.status, note.sent_at) {
        (NoteStatus::Sent, Some(at)) => format!("Sent: {}", Instant::in_zone(at, &candidate.zone())),
        (NoteStatus::Discarded, _) => "Discarded".to_owned(),
        (NoteStatus::Sent, None) | (NoteStatus::Draft, _) => "Draft".to_owned(),
    });
    Some((note.id.to_string(), format!("{}\n\n{body}\n", head.join("\n"))))
}
