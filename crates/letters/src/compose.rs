//! Composing: a draft for each reader of a note, from what is on record and nothing else. A draft is reviewed before it
//! is shown: what of the record would not pass, or does not fit into two lines, is left out again. Whatever a good letter
//! would need and the record does not have is told beside the draft, with the call that records it.

use afterword_domain::{
    candidate::Candidate,
    ids::{ApplicationId, ContactId, InterviewId, Subject},
    notes::{NoteChannel, NoteKind},
    values::{Line, Text},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::templates::{Template, Tone};

mod draft;
mod missing;
mod names;
mod notices;
mod occasion;
mod pool;
mod purpose;
mod record;

pub use missing::{Missing, What};
pub use purpose::Unfit;

/// What is to be composed: what is left out follows from the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NoteSuggestionRequest)]
pub struct Wanted {
    /// What the note is for.
    pub kind: NoteKind,
    /// The application it belongs to; left out: by the interview, by what it is about, else the one whose interview was
    /// held last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub application: Option<ApplicationId>,
    /// The interview it follows; left out: the one that was held last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub interview: Option<InterviewId>,
    /// Who it goes to; left out: whoever is owed one, such as the interviewers who have no thank-you yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub recipients: Option<Vec<ContactId>>,
    /// The thing it serves, such as a document request or an offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub about: Option<Subject>,
    /// How it goes out; left out: as each reader likes it, else by e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channel: Option<NoteChannel>,
    /// How it sounds; left out: formal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tone: Option<Tone>,
}

/// A draft to one reader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = NoteSuggestion)]
pub struct Suggestion {
    /// Who it goes to; nobody where nobody is on record.
    pub recipients: Vec<ContactId>,
    /// How it goes out.
    pub channel: NoteChannel,
    /// Its subject line; `null` for a message.
    pub subject_line: Option<Line>,
    /// What it says.
    pub body: Text,
    /// What it would need and the record does not have. Empty: it passes its review.
    pub missing: Vec<Missing>,
}

/// Composes a draft for each reader. Without `debriefs` nothing of what was said in confidence goes into it.
///
/// # Errors
/// When there is nothing that such a note could be about.
pub fn suggest(
    candidate: &Candidate,
    wanted: &Wanted,
    template: &Template,
    debriefs: bool,
    now: Timestamp,
) -> Result<Vec<Suggestion>, Unfit> {
    let purpose = purpose::Purpose::of(candidate, wanted, now)?;
    let record = record::Record::of(candidate, &purpose, debriefs, now);
    Ok(draft::Drafts::new(candidate, &purpose, record, template, now).all())
}
