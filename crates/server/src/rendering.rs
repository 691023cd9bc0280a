//! Notes as letters: plain text, a page, PDF. Views of the record like all others, in other forms than JSON.

use std::sync::Arc;

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderName, HeaderValue},
    web,
};
use afterword_domain::ids::NoteId;
use afterword_letters::render::{Layout, NotALetter, NotPrintable};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    api::{Api, Operation},
    edge::{codes::Code, etag, problem::Problem, query::Query, scopes::Caller},
    reading::{Answered, Asked, allow, view},
    recording::path_id,
    service::Shared,
};

/// A form that letters are written in.
struct Form {
    /// The last part of its address, and its file's extension.
    extension: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    media: &'static str,
    schema: fn() -> Value,
    write: fn(&Layout) -> Result<Written, Problem>,
}

/// A letter, written.
struct Written {
    bytes: Vec<u8>,
    /// What a browser may do with it.
    policy: Option<HeaderValue>,
}

/// What all forms have in common, for the document.
const COMMON: &str = "On it stand the sender, the date on which the note went out (until then, today), the recipients, the \
subject line, the text, room to sign and the sender's name. A note to several people names them all, and with `recipient` one \
of them. Date and paper follow the candidate's locale.";

const FORMS: [Form; 3] = [
    Form {
        extension: "pdf",
        id: "get_letter_pdf",
        summary: "A note as a letter that prints",
        description: "A4, or US Letter where that is used. Fonts are embedded; the same letter is the same file, byte for \
                      byte. The font has Latin, Greek, Cyrillic and Hebrew.",
        media: "application/pdf",
        schema: || json!({"type": "string", "format": "binary", "description": "The file.", "example": "%PDF-1.7 …"}),
        write: |letter| match letter.to_pdf() {
            Ok(bytes) => Ok(Written { bytes, policy: None }),
            Err(NotPrintable::NotCovered(missing)) => Err(not_covered(&missing)),
            Err(NotPrintable::Failed(why)) => Err(Problem::internal(why)),
        },
    },
    Form {
        extension: "html",
        id: "get_letter_html",
        summary: "A note as a page that prints",
        description: "One file that needs no other, and prints as the PDF does. It may be in any script.",
        media: "text/html; charset=utf-8",
        schema: || json!({"type": "string", "description": "The page.", "example": "<!DOCTYPE html>\n<html lang=\"en-GB\">…"}),
        write: |letter| {
            let page = letter.to_html();
            let policy = policy(&page.style).map_err(Problem::internal)?;
            Ok(Written {
                bytes: page.html.into_bytes(),
                policy: Some(policy),
            })
        },
    },
    Form {
        extension: "txt",
        id: "get_letter_txt",
        summary: "A note as a letter in plain text",
        description: "UTF-8. Lines end where the writer ended them, and nowhere else.",
        media: "text/plain; charset=utf-8",
        schema: || json!({"type": "string", "description": "The text.", "example": "Ada Lovelace\n\n2 March 2026\n\n…"}),
        write: |letter| {
            Ok(Written {
                bytes: letter.to_text().into_bytes(),
                policy: None,
            })
        },
    },
];

pub(crate) fn endpoints(api: &mut Api) {
    for form in &FORMS {
        let path = format!("C/notes/{{note}}/letter.{}", form.extension);
        let mut operation = Operation::get(&path, form.id, form.summary);
        operation.description = format!("{COMMON}\n\n{}", form.description);
        operation.query = &["as_of", "recipient"];
        operation.media = form.media.split(';').next().unwrap_or_default();
        operation.answer.1 = (form.schema)();
        operation.problems = vec![Code::NoteWithoutBody];
        if form.media == "application/pdf" {
            operation.problems.push(Code::ScriptNotCovered);
        }
        operation.route = Arc::new(move || {
            web::get().to(
                move |caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>| async move {
                    letter(form, &caller, &request, &service, asked.0).await
                },
            )
        });
        api.add(operation);
    }
}

async fn letter(
    form: &'static Form,
    caller: &Caller,
    request: &HttpRequest,
    service: &Shared,
    asked: Asked,
) -> Answered {
    allow(request, &["as_of", "recipient"])?;
    let view = view(caller, request, service, asked).await?;
    let note = path_id::<NoteId>(request, "note")?;
    let note = view
        .candidate
        .notes
        .get(&note)
        .cloned()
        .ok_or_else(Problem::not_found)?;
    let writing = move || {
        let layout = Layout::of(&view.candidate, &note, view.asked.recipient, view.now).map_err(|why| match why {
            NotALetter::NoBody => Problem::new(Code::NoteWithoutBody, "The note has no text yet."),
            NotALetter::NotARecipient => Problem::invalid("?recipient", "must be one of the note's recipients"),
        })?;
        Ok::<_, Problem>((layout.date, (form.write)(&layout)?))
    };
    let (date, written) = service.heavy.short(request, caller, writing).await??;
    // Named by its day: whose letter it is, is nobody's business where files lie.
    let name = format!("inline; filename=\"letter-{date}.{}\"", form.extension);
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
    headers.extend(
        HeaderValue::try_from(name)
            .ok()
            .map(|name| (header::CONTENT_DISPOSITION, name)),
    );
    headers.extend(written.policy.map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
    Ok(etag::answer_as(request, form.media, headers, written.bytes))
}

/// Nothing but the page's own style and the fonts within it.
fn policy(style: &str) -> Result<HeaderValue, header::InvalidHeaderValue> {
    let hash = STANDARD.encode(Sha256::digest(style.as_bytes()));
    HeaderValue::try_from(format!(
        "default-src 'none'; style-src 'sha256-{hash}'; font-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    ))
}

/// How many characters a problem names.
const NAMED: usize = 20;

fn not_covered(missing: &[(String, Vec<char>)]) -> Problem {
    let named = |chars: &[char]| {
        let named = chars
            .iter()
            .take(NAMED)
            .map(|c| format!("{c} (U+{:04X})", u32::from(*c)));
        named.collect::<Vec<_>>().join(", ")
    };
    let all: Vec<char> = missing.iter().flat_map(|(_, chars)| chars).copied().collect();
    let problem = Problem::new(Code::ScriptNotCovered, format!("The font lacks {}.", named(&all)));
    missing.iter().fold(problem, |problem, (pointer, chars)| {
        problem.at(pointer, format!("has characters that the font lacks: {}", named(chars)))
    })
}
