//! Fitting a draft: it is written, reviewed, and written again without what the review minded, until it passes or only
//! what is to be told remains.

use std::collections::BTreeSet;

use afterword_domain::{
    candidate::Candidate,
    notes::{Field, Finding, NoteChannel, NoteDrafted, NoteKind, Severity},
    values::{Line, Text},
};
use jiff::Timestamp;

use super::{
    Missing, Suggestion, What,
    purpose::{Purpose, Reader},
    record::{Record, Values},
};
use crate::{Context, Other, Written, review, rules, templates::Template};

/// What a letter can do without, the least needed first.
const LEAST_NEEDED: &[&str] = &[
    "news",
    "outline",
    "respond_by",
    "strength",
    "topic",
    "unsaid_strength",
    "repair_question",
    "repair",
    "decide_by",
    "expected_on",
    "introduced_to",
    "position",
];

/// A subject line that is longer is cut off where mail is listed.
const LONGEST_SUBJECT_LINE: usize = 120;

/// One draft is written at most so often with one variant; together they are looked at at most so often.
const ATTEMPTS: usize = 12;
const REVIEWS: usize = 60;
const REVIEWS_EACH: usize = 6;

/// The drafts to all readers of a note.
pub(super) struct Drafts<'a> {
    pub(super) candidate: &'a Candidate,
    pub(super) purpose: &'a Purpose,
    pub(super) record: Record<'a>,
    pub(super) template: &'a Template,
    now: Timestamp,
    /// The letters written so far, to the others of the panel.
    panel: Vec<Other>,
    reviews_left: usize,
}

/// A draft as it was written.
struct Attempt {
    subject_line: Option<String>,
    body: String,
    values: Values,
    /// What its review minds.
    minded: Vec<Finding>,
}

impl<'a> Drafts<'a> {
    pub(super) fn new(
        candidate: &'a Candidate,
        purpose: &'a Purpose,
        record: Record<'a>,
        template: &'a Template,
        now: Timestamp,
    ) -> Self {
        Self {
            candidate,
            purpose,
            record,
            template,
            now,
            panel: Vec::new(),
            reviews_left: REVIEWS + REVIEWS_EACH * purpose.readers.len(),
        }
    }

    pub(super) fn all(mut self) -> Vec<Suggestion> {
        let readers = self.purpose.readers.iter();
        readers.filter_map(|reader| self.to(reader)).collect()
    }

    /// The draft to one reader; none where the template says nothing.
    fn to(&mut self, reader: &Reader) -> Option<Suggestion> {
        let channel = self.record.channel_to(reader);
        let mut context = Context::on_record(self.candidate, &self.note(reader, channel), None, self.now);
        if matches!(self.purpose.kind, NoteKind::ThankYou | NoteKind::RejectionThanks) {
            context.panel.extend(self.panel.iter().cloned());
        }
        let variants = self.template.variants().len().max(1);
        let mut best: Option<Attempt> = None;
        for nth in 0..variants {
            let attempt = self.fit(reader, channel, &context, reader.seat + nth);
            let alike = attempt.minded.iter().any(|it| it.rule == rules::NEARLY_THE_SAME.id);
            if best
                .as_ref()
                .is_none_or(|best| attempt.minded.len() < best.minded.len())
            {
                best = Some(attempt);
            }
            // Another variant helps against letters that are nearly the same, and nothing else.
            if !alike {
                break;
            }
        }
        let attempt = best?;
        let told = |name: &str| attempt.values.tell(name);
        let mut missing = self.missing(reader.contact.is_none(), &told);
        missing.extend(attempt.minded.iter().map(minded));
        missing.sort_by_key(|it| it.what);
        missing.dedup_by(|next, before| next.what == before.what && next.why == before.why);
        let names = reader.contact.and_then(|id| self.candidate.contacts.get(&id));
        self.panel.push(Other {
            to: names.iter().map(|it| it.name.to_string()).collect(),
            body: attempt.body.clone(),
        });
        Some(Suggestion {
            recipients: reader.contact.into_iter().collect(),
            channel,
            subject_line: attempt.subject_line.and_then(|line| Line::try_from(line).ok()),
            body: Text::try_from(attempt.body).ok()?,
            missing,
        })
    }

    /// The note that the draft would be.
    fn note(&self, reader: &Reader, channel: NoteChannel) -> NoteDrafted {
        NoteDrafted {
            kind: self.purpose.kind,
            recipients: reader.contact.into_iter().collect(),
            channel,
            body: None,
            subject_line: None,
            application: self.purpose.application,
            interview: self.purpose.interview,
            about: reader.about,
            expected_on: None,
        }
    }

    /// Writes one variant, and again without what the review minded.
    fn fit(&mut self, reader: &Reader, channel: NoteChannel, context: &Context, variant: usize) -> Attempt {
        let mut left_out: BTreeSet<&'static str> = BTreeSet::new();
        let mut attempt = self.write(reader, channel, context, variant, &left_out);
        for _ in 1..ATTEMPTS {
            if self.reviews_left == 0 {
                break;
            }
            match self.culprit(&attempt) {
                Some(Culprit::Text(name, text)) => {
                    if !self.record.give_up(name, &text) {
                        left_out.insert(name);
                    }
                }
                Some(Culprit::Place(name)) => {
                    left_out.insert(name);
                }
                None => break,
            }
            attempt = self.write(reader, channel, context, variant, &left_out);
        }
        attempt
    }

    fn write(
        &mut self,
        reader: &Reader,
        channel: NoteChannel,
        context: &Context,
        variant: usize,
        left_out: &BTreeSet<&'static str>,
    ) -> Attempt {
        let values = self.record.values(reader, left_out);
        let (subject_line, body) = self.template.render(variant, &values.all);
        let subject_line = Some(subject_line).filter(|line| channel != NoteChannel::Message && !line.is_empty());
        self.reviews_left = self.reviews_left.saturating_sub(1);
        let written = Written {
            subject_line: subject_line.as_deref(),
            body: &body,
        };
        let found = review(context, written).findings;
        let minded = found.into_iter().filter(|it| it.severity != Severity::Advice).collect();
        Attempt {
            subject_line,
            body,
            values,
            minded,
        }
    }

    /// What is to be left out next.
    fn culprit(&self, attempt: &Attempt) -> Option<Culprit> {
        let pieces = &attempt.values.pieces;
        let least = |within: &str| {
            let name = LEAST_NEEDED.iter().find(|name| {
                let mut named = pieces.iter().filter(|(it, _)| it == *name);
                named.any(|(_, text)| within.contains(text.as_str()))
            });
            name.map(|name| Culprit::Place(name))
        };
        let subject_line = attempt.subject_line.as_deref().unwrap_or_default();
        if subject_line.chars().count() > LONGEST_SUBJECT_LINE
            && let Some(culprit) = least(subject_line)
        {
            return Some(culprit);
        }
        attempt.minded.iter().find_map(|finding| {
            let span = finding.span.as_ref()?;
            let text = match span.field {
                Field::Body => attempt.body.as_str(),
                Field::SubjectLine => subject_line,
            };
            let (from, to) = (span.byte_start as usize, span.byte_end as usize);
            if [rules::LONG_PARAGRAPH.id, rules::TOO_MANY_PARAGRAPHS.id].contains(&finding.rule.as_str()) {
                return least(text.get(from..to)?);
            }
            let meets = |piece: &&(&'static str, String)| {
                let mut places = text.match_indices(piece.1.as_str());
                places.any(|(at, _)| at < to && from < at + piece.1.len())
            };
            let (name, text) = pieces.iter().filter(meets).min_by_key(|(_, text)| text.len())?;
            Some(Culprit::Text(name, text.clone()))
        })
    }
}

/// What stands in the way of a draft.
enum Culprit {
    /// A text that the review minds: another one may do.
    Text(&'static str, String),
    /// A variable for which there is no room.
    Place(&'static str),
}

/// What the review still minds, as something that is missing.
fn minded(finding: &Finding) -> Missing {
    let rule = finding.rule.as_str();
    let (what, helps) = if rule == rules::NEARLY_THE_SAME.id {
        (
            What::Difference,
            " Record more questions that were asked, or strengths that did not come up.",
        )
    } else if [rules::LATE.id, rules::POST_TOO_LATE.id].contains(&rule) {
        (What::Time, "")
    } else {
        (What::Review, "")
    };
    Missing {
        what,
        why: format!("{}{helps}", finding.message),
        action: None,
    }
}
