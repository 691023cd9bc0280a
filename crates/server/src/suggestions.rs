//! Composing notes over HTTP: drafts from what is on record, of which nothing is stored. What was said in confidence goes
//! into a draft only for who may read debriefs: a composed text is a way out like any answer.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use afterword_domain::{
    catalogue::AnyFact,
    decide::admit,
    fact::At,
    ids::{EventId, NoteId},
    notes::{NoteChannel, NoteDrafted},
};
use afterword_letters::compose::{Suggestion, Wanted, suggest};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    api::{Api, Operation},
    edge::{
        body,
        codes::Code,
        problem::Problem,
        query::{NoParameters, Query},
        scopes::{Caller, Scope},
    },
    reading::Answered,
    recording::path_id,
    service::{Shared, recorded_by},
    templates,
    writing::refused,
};

/// At most so many readers, as of a note.
const READERS: usize = 100;

/// Drafts, one for each reader.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoteSuggestions {
    /// The drafts; none where everybody who is owed such a note has one.
    pub data: Vec<Suggestion>,
}

pub(crate) fn endpoints(api: &mut Api) {
    let (wanted, answer) = (api.schema::<Wanted>(), api.schema::<NoteSuggestions>());
    let mut operation = Operation::get(
        "C/notes/suggestions",
        "suggest_notes",
        "Compose drafts of a note, one for each reader",
    );
    operation.method = Method::POST;
    operation.description = "Drafts from what is on record, and nothing else; nothing is stored. Each passes its own \
        review, or says in `missing` what the record lacks, with the call that records it. Of a panel each reader gets \
        another text. Without the scope `debriefs:read` nothing of the debrief goes into them."
        .to_owned();
    operation.body = Some(("application/json", wanted));
    operation.answer = (200, answer);
    operation.problems = vec![Code::UnknownReference, Code::CandidateErased];
    operation.route = Arc::new(|| web::post().to(compose));
    api.add(operation);
}

async fn compose(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    let candidate = service.candidate(&caller, path_id(&request, "candidate")?).await?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let wanted: Wanted = body::into_typed(Value::Object(body))?;
    let recipients = wanted.recipients.clone().unwrap_or_default();
    if recipients.len() > READERS {
        let told = format!("must not name more than {READERS} contacts");
        return Err(Problem::invalid("/recipients", told));
    }
    let now = service.now(&caller).await?;
    // What drafting would refuse is refused here too: ids that nobody has, things that do not belong together.
    let draft = NoteDrafted {
        kind: wanted.kind,
        recipients,
        channel: wanted.channel.unwrap_or(NoteChannel::Email),
        body: None,
        subject_line: None,
        application: wanted.application,
        interview: wanted.interview,
        about: wanted.about,
        expected_on: None,
    };
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
    admit(&candidate, &AnyFact::from(draft), &at).map_err(refused)?;
    let template = templates::in_use(&service, &caller, wanted.kind, wanted.tone.unwrap_or_default()).await?;
    let debriefs = caller.scopes.allows(Scope::DebriefsRead);
    let composing = service.heavy.short(&request, &caller, move || {
        suggest(&candidate, &wanted, &template, debriefs, now)
    });
    let data = composing
        .await?
        .map_err(|unfit| Problem::invalid(unfit.pointer, unfit.detail))?;
    Ok(HttpResponse::Ok().json(NoteSuggestions { data }))
}
