//! What a review of a note finds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It must not go out like this.
    Error,
    /// It had better not go out like this.
    Warning,
    /// It could be better.
    Advice,
}

/// Which text of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NoteField)]
pub enum Field {
    /// What it says.
    Body,
    /// Its subject line.
    SubjectLine,
}

/// A place in a note's text, from its first unit up to, and without, its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Span {
    /// Which text.
    pub field: Field,
    /// Where it begins, in UTF-16 code units.
    pub start: u32,
    /// Where it ends, in UTF-16 code units.
    pub end: u32,
    /// Where it begins, in bytes of UTF-8.
    pub byte_start: u32,
    /// Where it ends, in bytes of UTF-8.
    pub byte_end: u32,
}

/// One thing that a review found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Its id: the same whenever this text is reviewed.
    #[schema(example = "fnd_5d1c1f0e2b9a5f6c8d7e6f5a4b3c2d1e")]
    pub id: String,
    /// The rule that found it; `/rules/{rule}` is its page.
    #[schema(example = "name_misspelled")]
    pub rule: String,
    /// How much it weighs.
    pub severity: Severity,
    /// Where it is; left out where it concerns the note as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub span: Option<Span>,
    /// What it is, in a sentence.
    pub message: String,
    /// What could stand there instead.
    #[serde(default)]
    pub suggestions: Vec<String>,
    /// Why it matters.
    pub why: String,
}
