//! What goes out under a candidate's name should be personal, right and well made. A letter is read as its reader
//! would read it, against what is on record: are the people named, and right; is it short, whole and polite; is
//! every word spelled; does it say what one would rather not have said; does it come in time?
//!
//! Pure: no network, no clock, no model. The same text in the same context always gets the same review. Rules are data
//! ([`rules::RULES`]), and the phrases that they look for are lists in `data/`. What is doubtful is left alone: a
//! reviewer who cries wolf is not heard.
//!
//! Letters are also composed ([`compose`]): by templates that are data ([`templates`]), from what is on record alone, and
//! looked at by the same review before they are shown.

mod around;
pub mod compose;
mod context;
pub mod eml;
mod findings;
#[cfg(feature = "grammar")]
mod grammar;
mod language;
mod letter;
mod names;
mod on_record;
pub mod phrases;
mod places;
pub mod render;
pub mod rules;
mod shape;
mod spelling;
pub mod templates;
mod words;

pub use context::{Address, Context, Organisation, Other, Person, Sender};
/// Reads the dictionaries now, so that no letter waits for them.
pub fn warm_up() {
    spelling::warm_up();
    #[cfg(feature = "grammar")]
    grammar::warm_up();
}

use afterword_domain::{
    candidate::Candidate,
    ids::NoteId,
    notes::{Finding, NoteDrafted},
    values::{Line, Text},
};
use jiff::Timestamp;

/// The version of the rules: recorded with each review, so that an old one can be told from a new one. A service that looks
/// at grammar too finds more, and says so.
pub const RULESET: &str = if cfg!(feature = "grammar") {
    "2026.12+grammar"
} else {
    "2026.12"
};

/// What a letter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<'a> {
    /// Its subject line.
    pub subject_line: Option<&'a str>,
    /// Its body.
    pub body: &'a str,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// The version of the rules.
    pub ruleset: &'static str,
    /// What was found, in the order of the text; what concerns the whole letter comes first.
    pub findings: Vec<Finding>,
}

/// Reviews a letter as it stands in a candidate's record, at a moment.
pub fn review_note(candidate: &Candidate, draft: &NoteDrafted, own: Option<NoteId>, now: Timestamp) -> Review {
    let context = Context::on_record(candidate, draft, own, now);
    let written = Written {
        subject_line: draft.subject_line.as_ref().map(Line::as_str),
        body: draft.body.as_ref().map(Text::as_str).unwrap_or_default(),
    };
    review(&context, written)
}

/// Reviews a letter.
pub fn review(context: &Context, written: Written<'_>) -> Review {
    let letter = letter::Letter::read(context, written);
    let mut findings = findings::Findings::of(written);
    names::look(context, &letter, &mut findings);
    places::look(context, &letter, &mut findings);
    shape::look(context, &letter, &mut findings);
    spelling::look(&letter, &mut findings);
    language::look(context, &letter, &mut findings);
    around::look(context, &letter, &mut findings);
    #[cfg(feature = "grammar")]
    grammar::look(&letter, &mut findings);
    Review {
        ruleset: RULESET,
        findings: findings.in_order(),
    }
}
