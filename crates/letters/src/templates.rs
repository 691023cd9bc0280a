//! Templates: the plain texts that letters are composed with, as data. `templates/` holds the default ones, one file for
//! each kind and tone; a tenant may replace each. A template is written in as little of Jinja as a letter needs, the
//! documented variables and conditions on them, so that it can read nothing else, and always ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use afterword_domain::notes::NoteKind;
use minijinja::{AutoEscape, Environment, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mod language;
mod variables;
pub use variables::{VARIABLES, Variable};

/// How a letter sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NoteTone)]
pub enum Tone {
    /// As one writes to somebody one hardly knows.
    #[default]
    Formal,
    /// As one writes to somebody one got on with.
    Warm,
    /// In few words.
    Brief,
}

impl Tone {
    /// Every tone.
    pub const ALL: [Tone; 3] = [Tone::Formal, Tone::Warm, Tone::Brief];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Tone::Formal => "formal",
            Tone::Warm => "warm",
            Tone::Brief => "brief",
        }
    }
}

/// Every kind of note, and its name.
pub const KINDS: [(NoteKind, &str); 8] = [
    (NoteKind::ThankYou, "thank_you"),
    (NoteKind::StatusEnquiry, "status_enquiry"),
    (NoteKind::DocumentProgress, "document_progress"),
    (NoteKind::ReferenceNotice, "reference_notice"),
    (NoteKind::ConnectionNotice, "connection_notice"),
    (NoteKind::RejectionThanks, "rejection_thanks"),
    (NoteKind::FeedbackRequest, "feedback_request"),
    (NoteKind::Other, "other"),
];

/// The name of a kind of note.
pub fn kind_name(kind: NoteKind) -> &'static str {
    KINDS
        .iter()
        .find(|(it, _)| *it == kind)
        .map_or("other", |(_, name)| name)
}

/// One way to write a letter: of a panel, each reader gets another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TemplateVariant)]
pub struct Variant {
    /// The subject line.
    #[schema(max_length = 500, example = "Thank you for {{ interview_on }}")]
    pub subject_line: String,
    /// The body, from the greeting to the signature; a blank line parts paragraphs.
    #[schema(
        max_length = 5000,
        example = "Dear {{ recipient }},\n\nThank you for {{ interview_on }}.{% if topic %} I enjoyed “{{ topic }}”.{% endif %}\n\nKind regards,\n{{ sender }}"
    )]
    pub body: String,
}

/// A template that was read, and is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    variants: Vec<Variant>,
    uses: BTreeSet<&'static str>,
}

/// What is wrong with a template: where, as a JSON pointer, and what would be right.
pub type Wrong = (String, String);

const MOST_VARIANTS: usize = 8;
const LONGEST_SUBJECT_LINE: usize = 500;
const LONGEST_BODY: usize = 5_000;

/// Steps that one rendering may take: a letter takes some hundred.
const FUEL: u64 = 20_000;

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(variants: Vec<Variant>) -> Result<Self, Vec<Wrong>> {
        let mut wrong: Vec<Wrong> = Vec::new();
        if !(1..=MOST_VARIANTS).contains(&variants.len()) {
            wrong.push((
                "/variants".to_owned(),
                format!("must hold between 1 and {MOST_VARIANTS} variants"),
            ));
        }
        let mut uses = BTreeSet::new();
        for (nth, variant) in variants.iter().take(MOST_VARIANTS).enumerate() {
            for (field, text, most) in [
                ("subject_line", &variant.subject_line, LONGEST_SUBJECT_LINE),
                ("body", &variant.body, LONGEST_BODY),
            ] {
                let pointer = format!("/variants/{nth}/{field}");
                if text.chars().count() > most {
                    wrong.push((pointer, format!("must not be longer than {most} characters")));
                } else if text.trim().is_empty() {
                    wrong.push((pointer, "must not be empty".to_owned()));
                } else if text.contains('\0') || field == "subject_line" && text.contains(['\n', '\r']) {
                    wrong.push((pointer, "must be one line without control characters".to_owned()));
                } else {
                    match language::uses(text) {
                        Ok(used) => uses.extend(used),
                        Err(told) => wrong.push((pointer, told)),
                    }
                }
            }
        }
        if wrong.is_empty() {
            Ok(Self { variants, uses })
        } else {
            Err(wrong)
        }
    }

    /// The default template for a kind of note and a tone.
    pub fn default_for(kind: NoteKind, tone: Tone) -> &'static Self {
        static READ: OnceLock<Vec<(NoteKind, Tone, Template)>> = OnceLock::new();
        static EMPTY: Template = Template {
            variants: Vec::new(),
            uses: BTreeSet::new(),
        };
        let all = READ.get_or_init(|| {
            let files = FILES.iter();
            let read = files.map(|(kind, tone, text)| {
                let template = Template::read(variants_of(text)).unwrap_or_else(|_| EMPTY.clone());
                (*kind, *tone, template)
            });
            read.collect()
        });
        let found = all.iter().find(|(of, sounds, _)| (*of, *sounds) == (kind, tone));
        found.map_or(&EMPTY, |(.., template)| template)
    }

    /// Its variants.
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// Whether it uses any of these variables.
    pub(crate) fn uses(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.uses.contains(name))
    }

    /// The subject line and the body of a variant, with these values; empty where a value is missing.
    pub(crate) fn render(&self, variant: usize, values: &BTreeMap<&'static str, Value>) -> (String, String) {
        let Some(variant) = self.variants.get(variant % self.variants.len().max(1)) else {
            return Default::default();
        };
        let mut environment = Environment::empty();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        let filled = |text: &str| environment.render_str(text, values.clone());
        let subject_line = filled(&variant.subject_line).unwrap_or_default();
        let body = filled(&variant.body).unwrap_or_default();
        (tidy_line(&subject_line), tidy(&body))
    }
}

/// Words of a line, with one blank between them.
pub(crate) fn tidy_line(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a condition left out leaves no gap.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    for line in text.lines().map(tidy_line) {
        if line.is_empty() && (tidied.is_empty() || tidied.ends_with("\n\n")) {
            continue;
        }
        tidied.push_str(&line);
        tidied.push('\n');
    }
    tidied.truncate(tidied.trim_end().len());
    tidied
}

/// The variants of a file: a subject line, a blank line, the body; `===` between two of them.
fn variants_of(file: &str) -> Vec<Variant> {
    let variants = file.split("\n===\n").map(|text| {
        let (subject_line, body) = text.trim().split_once('\n').unwrap_or_default();
        Variant {
            subject_line: subject_line.trim_start_matches("Subject:").trim().to_owned(),
            body: body.trim().to_owned(),
        }
    });
    variants.collect()
}

macro_rules! files {
    ($($kind:ident $folder:literal;)+) => {
        const FILES: &[(NoteKind, Tone, &str)] = &[$(
            (NoteKind::$kind, Tone::Formal, include_str!(concat!("../templates/", $folder, "/formal.txt"))),
            (NoteKind::$kind, Tone::Warm, include_str!(concat!("../templates/", $folder, "/warm.txt"))),
            (NoteKind::$kind, Tone::Brief, include_str!(concat!("../templates/", $folder, "/brief.txt"))),
        )+];
    };
}

files! {
    ThankYou "thank_you";
    StatusEnquiry "status_enquiry";
    DocumentProgress "document_progress";
    ReferenceNotice "reference_notice";
    ConnectionNotice "connection_notice";
    RejectionThanks "rejection_thanks";
    FeedbackRequest "feedback_request";
    Other "other";
}

#[cfg(test)]
mod tests;
