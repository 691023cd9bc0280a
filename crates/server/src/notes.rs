//! Notes over HTTP. Reviewing happens here, at the edge of the command, as ids and moments enter here: the fact holds what
//! was found, and nothing behind it looks again.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use afterword_domain::{
    candidate::Candidate,
    catalogue::AnyFact,
    decide::admit,
    fact::At,
    ids::{EventId, NoteId, Subject},
    notes::{Finding, FindingWaived, Note, NoteDiscarded, NoteDrafted, NoteReviewed, NoteRevised, NoteSent},
    values::Line,
};
use afterword_letters::{RULESET, review_note};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    api::{Api, Operation, reference},
    edge::{
        body,
        codes::Code,
        query::{NoParameters, Query},
        scopes::Caller,
    },
    reading::{Answered, LIST, View},
    recording::path_id,
    service::{Shared, recorded_by},
    writing::refused,
};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<NoteDrafted>("C/notes");
    api.patches::<NoteRevised>("C/notes/{note}");
    api.records_filled::<NoteReviewed>("C/notes/{note}/reviewed", reviewed);
    api.records::<FindingWaived>("C/notes/{note}/waivers");
    api.records::<NoteSent>("C/notes/{note}/sent");
    api.records::<NoteDiscarded>("C/notes/{note}/discarded");
    checks(api);
    crate::rendering::endpoints(api);
    api.lists(
        "C/notes",
        "list_notes",
        "A candidate's letters and messages",
        LIST,
        list,
    );
    api.reads("C/notes/{note}", "get_note", "A note", |view, request| {
        view.candidate
            .notes
            .get(&path_id::<NoteId>(request, "note").ok()?)
            .map(|note| (**note).clone())
    });
}

fn list(view: &View) -> Vec<Note> {
    view.candidate.notes.values().map(|note| (**note).clone()).collect()
}

/// Reviews the newest revision of a note, as of when it went out, if it did.
fn reviewed(candidate: &Candidate, note: Subject, now: Timestamp) -> Option<NoteReviewed> {
    let note = candidate.notes.get(&NoteId::try_from(note).ok()?)?;
    let review = review_note(candidate, &note.draft(), Some(note.id), note.sent_at.unwrap_or(now));
    Some(NoteReviewed {
        revision: note.revision,
        ruleset: Line::try_from(review.ruleset).ok()?,
        findings: review.findings,
    })
}

/// What a review of a text found that is not stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoteChecked {
    /// The version of the rules.
    #[schema(example = "2026.12")]
    pub ruleset: &'static str,
    /// What was found.
    pub findings: Vec<Finding>,
}

fn checks(api: &mut Api) {
    let answer = api.schema::<NoteChecked>();
    let mut operation = Operation::get("C/notes/check", "check_note", "Review a text without storing it");
    operation.method = Method::POST;
    operation.description =
        "Review a text as the note that it would be: the same fields as a note's, and nothing is stored.".to_owned();
    operation.body = Some(("application/json", reference("NoteDrafted")));
    operation.answer = (200, answer);
    operation.problems = vec![Code::UnknownReference, Code::CandidateErased];
    operation.route = Arc::new(|| web::post().to(check));
    api.add(operation);
}

async fn check(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    let candidate = service.candidate(&caller, path_id(&request, "candidate")?).await?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let draft: NoteDrafted = body::into_typed(Value::Object(body))?;
    let now = service.now(&caller).await?;
    // A check refuses what drafting would refuse.
    let at = At {
        event: EventId::new(Uuid::nil()),
        candidate: candidate.id,
        version: candidate.version + 1,
        application: None,
        subject: NoteId::new(Uuid::nil()).into(),
        occurred_at: now,
        recorded_at: now,
        recorded_by: recorded_by(&caller),
    };
    let fact = AnyFact::from(draft.clone());
    admit(&candidate, &fact, &at).map_err(refused)?;
    let reviewing = service
        .heavy
        .short(&request, &caller, move || review_note(&candidate, &draft, None, now));
    let review = reviewing.await?;
    Ok(HttpResponse::Ok().json(NoteChecked {
        ruleset: RULESET,
        findings: review.findings,
    }))
}
