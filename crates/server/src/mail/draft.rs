//! A note as a draft that a mail program opens: for sending by hand, with or without a mail server of the tenant's own.

use std::sync::Arc;

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderValue},
    web,
};
use afterword_domain::ids::NoteId;
use afterword_letters::eml::Message;
use serde_json::json;

use crate::{
    api::{Api, Operation},
    edge::{codes::Code, etag, problem::Problem, query::Query, scopes::Caller},
    reading::{Answered, Asked, allow, view},
    recording::path_id,
    service::Shared,
    writing::refused,
};

const MEDIA: &str = "message/rfc822";

pub(super) fn endpoints(api: &mut Api) {
    let mut operation = Operation::get(
        "C/notes/{note}/letter.eml",
        "get_letter_eml",
        "A note as an e-mail that a mail program opens as a draft",
    );
    operation.description =
        "From the candidate to the note's recipients, dated when the note was written or sent. The same \
                             revision is the same message, with the same Message-ID."
            .to_owned();
    operation.query = &["as_of"];
    operation.media = MEDIA;
    operation.answer.1 = json!({"type": "string", "format": "binary", "description": "The message.", "example": "X-Unsent: 1\r\nFrom: …"});
    operation.problems = vec![Code::NoteWithoutBody, Code::NotAddressable];
    operation.route = Arc::new(|| web::get().to(draft));
    api.add(operation);
}

async fn draft(caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>) -> Answered {
    allow(&request, &["as_of"])?;
    let view = view(&caller, &request, &service, asked.0).await?;
    let note = path_id::<NoteId>(&request, "note")?;
    let note = view.candidate.notes.get(&note).ok_or_else(Problem::not_found)?;
    let message = Message::of(&view.candidate, note).map_err(refused)?;
    let name = HeaderValue::from_static("attachment; filename=\"letter.eml\"");
    let headers = vec![(header::CONTENT_DISPOSITION, name)];
    Ok(etag::answer_as(&request, MEDIA, headers, message.draft()))
}
