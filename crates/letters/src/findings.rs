//! Collecting findings: spans that any editor can mark, and ids that stay while the text does.

use std::collections::HashMap;
use std::ops::Range;

use afterword_domain::notes::{Field, Finding, Severity, Span};
use uuid::Uuid;

use crate::{Written, rules::Rule};

/// Ids of findings are derived in a space of their own.
const SPACE: Uuid = Uuid::from_u128(0x6166_7465_7277_6f72_645f_6669_6e64_696e);

/// A place in the letter, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) field: Field,
    pub(crate) bytes: Range<usize>,
}

/// Of a letter of which everything is wrong, not everything is told.
const MOST: usize = 200;

pub(crate) struct Findings<'a> {
    written: Written<'a>,
    found: Vec<Finding>,
    alike: HashMap<(&'static str, String), u32>,
}

impl<'a> Findings<'a> {
    pub(crate) fn of(written: Written<'a>) -> Self {
        Self {
            written,
            found: Vec::new(),
            alike: HashMap::new(),
        }
    }

    /// What the rule says of the letter as a whole.
    pub(crate) fn whole(&mut self, rule: &'static Rule, message: String) {
        self.add(rule, None, message, Vec::new());
    }

    /// What the rule says of a place.
    pub(crate) fn at(&mut self, rule: &'static Rule, place: &Place, message: String, suggestions: Vec<String>) {
        self.add(rule, Some(place), message, suggestions);
    }

    /// Whether a rule has marked something there already.
    pub(crate) fn marked(&self, rules: &[&Rule], place: &Place) -> bool {
        self.found.iter().any(|finding| {
            rules.iter().any(|rule| rule.id == finding.rule)
                && finding.span.as_ref().is_some_and(|span| {
                    span.field == place.field
                        && (span.byte_start as usize) < place.bytes.end
                        && place.bytes.start < span.byte_end as usize
                })
        })
    }

    /// The body from there on.
    pub(crate) fn body_after(&self, at: usize) -> &'a str {
        self.written.body.get(at..).unwrap_or_default()
    }

    fn add(&mut self, rule: &'static Rule, place: Option<&Place>, message: String, suggestions: Vec<String>) {
        if self.found.len() >= MOST {
            return;
        }
        let span = place.map(|place| self.span(place));
        let words = place.map_or_else(
            || message.clone(),
            |place| {
                self.text(place.field)
                    .get(place.bytes.clone())
                    .unwrap_or_default()
                    .to_owned()
            },
        );
        // The same words marked twice by one rule are told apart by their order.
        let nth = self.alike.entry((rule.id, words.clone())).or_default();
        *nth += 1;
        let name = format!("{}|{:?}|{words}|{nth}", rule.id, place.map(|place| place.field));
        self.found.push(Finding {
            id: format!("fnd_{}", Uuid::new_v5(&SPACE, name.as_bytes()).simple()),
            rule: rule.id.to_owned(),
            severity: rule.severity,
            span,
            message,
            suggestions,
            why: rule.why.to_owned(),
        });
    }

    fn text(&self, field: Field) -> &'a str {
        match field {
            Field::Body => self.written.body,
            Field::SubjectLine => self.written.subject_line.unwrap_or_default(),
        }
    }

    fn span(&self, place: &Place) -> Span {
        let text = self.text(place.field);
        let units = |until: usize| -> u32 {
            let before = text.get(..until).unwrap_or(text);
            u32::try_from(before.encode_utf16().count()).unwrap_or(u32::MAX)
        };
        let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span {
            field: place.field,
            start: units(place.bytes.start),
            end: units(place.bytes.end),
            byte_start: byte(place.bytes.start),
            byte_end: byte(place.bytes.end),
        }
    }

    /// The whole letter first, then the subject line, then the body from its beginning.
    pub(crate) fn in_order(mut self) -> Vec<Finding> {
        let weight = |severity: Severity| match severity {
            Severity::Error => 0,
            Severity::Warning => 1,
            Severity::Advice => 2,
        };
        self.found.sort_by_key(|finding| {
            let span = finding.span.as_ref();
            (
                span.map(|span| (span.field == Field::Body, span.byte_start)),
                weight(finding.severity),
            )
        });
        self.found
    }
}
