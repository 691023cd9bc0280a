//! Reviewing notes. The rule: before a note goes out, somebody has looked at it: names, spelling, tone, length, what was
//! left over from another letter. Every revision with text is reviewed; an error is mended or waived with a reason. A
//! note that went out unreviewed, or with open errors, is recorded all the same, as a departure. A review is a fact:
//! what it found is in the log, and is never looked for again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{Note, NoteKind};
use crate::{
    candidate::Candidate,
    documents::ANSWER_DOCUMENT_REQUEST,
    fact::Departure,
    ids::{ApplicationId, ContactId, EventId, InterviewId, NoteId, Subject},
    play::{Action, Ending, Owed, Owing, Play},
    rejection::{ASK_FEEDBACK, THANK_FOR_REJECTION},
    status::ENQUIRE_STATUS,
    time::{Instant, Period, Stamp},
    values::{Line, Text},
};

mod facts;
pub use facts::{FindingWaived, NoteReviewed};

/// The review rule. Due when what the note serves is due.
pub const REVIEW_NOTE: Play = Play {
    name: "review_note",
    title: "Review the {about} before it goes out",
    why: "A wrong name, another organisation's, or a misspelled word undoes what the letter was for; a second look costs a minute.",
    source: None,
    opens: Period::AtOnce,
    due: Period::AtOnce,
    numbers: &[],
    closed_by: &[
        "NoteReviewed",
        "FindingWaived",
        "NoteSent",
        "NoteDiscarded",
        "NoteRevised",
    ],
    by_hand: false,
    outlives_outcome: true,
    action: |candidate, owed| {
        let note = owed.about.map(|id| id.to_string()).unwrap_or_default();
        Action::post(
            candidate,
            "record_note_reviewed",
            format!("notes/{note}/reviewed"),
            json!({}),
        )
    },
};

/// Rules whose findings say that a reply was not gracious.
pub const UNGRACIOUS: &[&str] = &["argument", "complaint", "desperation"];

/// One task per revision with text, until it is reviewed without open errors, goes out, is discarded or revised. An
/// outcome that came later takes the reason away, except from letters that follow a rejection.
pub(crate) fn review_note(note: &Note, owing: &mut Owing<'_>) {
    let application = note
        .application(owing.candidate)
        .and_then(|id| owing.candidate.application(id));
    let follows_rejection = matches!(note.kind, NoteKind::RejectionThanks | NoteKind::FeedbackRequest);
    let mut has_body = false;
    for (i, writing) in note.writings.iter().enumerate() {
        has_body = writing.body.unwrap_or(has_body);
        if !has_body {
            continue;
        }
        let revision = u32::try_from(i + 1).unwrap_or(u32::MAX);
        let key = format_args!("{}|{revision}", note.id);
        let mut owed = owing.raise(&REVIEW_NOTE, key, writing.event, writing.stamp.at);
        owed.application = application.map(|it| it.id);
        owed.interview = *note.interview.get();
        owed.contact = match note.recipients.get().as_slice() {
            [one] => Some(*one),
            _ => None,
        };
        owed.about = Some(note.id.into());
        owed.words = in_words(note.kind).into();
        owed.due_at = due_of_what_it_serves(owing.candidate, note, writing.stamp);
        if let Some(application) = application {
            owed.zone = application.zone(owing.candidate);
        }
        let next = note.writings.get(i + 1).map(|next| (next.event, next.stamp));
        let ends = [note.approved(revision), next, note.gone];
        let outcome = application.and_then(|it| it.outcome());
        let outcome = outcome.filter(|outcome| outcome.stamp > writing.stamp && !follows_rejection);
        let owed = owed.done(ends.into_iter().flatten().min_by_key(|(_, stamp)| *stamp));
        owing.owe_beyond(owed.void_if(outcome.is_some(), outcome.map(|outcome| outcome.event)));
    }
}

const fn in_words(kind: NoteKind) -> &'static str {
    match kind {
        NoteKind::ThankYou => "thank-you note",
        NoteKind::StatusEnquiry => "status enquiry",
        NoteKind::DocumentProgress => "progress message",
        NoteKind::ReferenceNotice => "word to your reference",
        NoteKind::ConnectionNotice => "word to your connection",
        NoteKind::RejectionThanks => "thanks for their answer",
        NoteKind::FeedbackRequest => "request for feedback",
        NoteKind::Other => "note",
    }
}

/// When the task that the note will close is due.
fn due_of_what_it_serves(candidate: &Candidate, note: &Note, since: Stamp) -> Option<jiff::Timestamp> {
    let purpose = Purpose {
        kind: note.kind,
        application: note.application(candidate)?,
        interview: *note.interview.get(),
        about: *note.about.get(),
        recipients: note.recipients.get(),
    };
    purpose.serves(candidate, since.at)?.due_at
}

/// What a note is for, and to whom.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    /// Its kind.
    pub kind: NoteKind,
    /// The application that it belongs to.
    pub application: ApplicationId,
    /// The interview that it follows.
    pub interview: Option<InterviewId>,
    /// The thing that it serves.
    pub about: Option<Subject>,
    /// Who it goes to.
    pub recipients: &'a [ContactId],
}

impl Purpose<'_> {
    /// The task that such a note closes, and that was still to be done at a moment: the first that is due.
    pub fn serves<'c>(&self, candidate: &'c Candidate, since: jiff::Timestamp) -> Option<&'c Owed> {
        let play = match self.kind {
            NoteKind::ThankYou => &super::WRITE_THANK_YOU,
            NoteKind::StatusEnquiry => &ENQUIRE_STATUS,
            NoteKind::DocumentProgress => &ANSWER_DOCUMENT_REQUEST,
            NoteKind::RejectionThanks => &THANK_FOR_REJECTION,
            NoteKind::FeedbackRequest => &ASK_FEEDBACK,
            NoteKind::ReferenceNotice | NoteKind::ConnectionNotice | NoteKind::Other => return None,
        };
        let thanks = self.kind == NoteKind::ThankYou;
        let reaches = |task: &Owed| task.contact.is_some_and(|contact| self.recipients.contains(&contact));
        let tasks = candidate.tasks_of(self.application).map(Arc::as_ref);
        tasks
            .filter(|task| task.play == play && task.due_at.is_some())
            .filter(|task| match task.ending {
                Ending::Live => true,
                Ending::Done(_, at) => at >= since,
                Ending::Void(_) => false,
            })
            .filter(|task| !thanks || reaches(task))
            .filter(|task| !thanks || self.interview.is_none() || task.interview == self.interview)
            .filter(|task| thanks || self.about.is_none() || task.about.is_none() || task.about == self.about)
            .min_by_key(|task| (task.due_at, task.id))
    }
}

/// A note that goes out unreviewed, or with errors that are neither mended nor waived.
pub(super) fn unwise(note: &Note, revision: Option<u32>) -> Option<Departure> {
    let revision = revision.unwrap_or(note.revision);
    let length = usize::try_from(revision).unwrap_or(usize::MAX);
    let has_body = note
        .writings
        .iter()
        .take(length)
        .rev()
        .find_map(|it| it.body)
        .unwrap_or(false);
    let reason = match note.review_of(revision) {
        None if has_body => "It went out without a review.".to_owned(),
        None => return None,
        Some(review) => {
            let open: Vec<&str> = note
                .open_errors(review)
                .map(|finding| finding.message.as_str())
                .collect();
            match open.as_slice() {
                [] => return None,
                [one] => format!("It went out with an open error: {one}"),
                many => format!("It went out with {} open errors: {}", many.len(), many.join(" ")),
            }
        }
    };
    Some(Departure {
        play: REVIEW_NOTE.name.into(),
        reason,
        opens_at: None,
        due_at: None,
    })
}

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

/// A review of one revision of a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NoteReview {
    /// The revision that was reviewed.
    pub revision: u32,
    /// The version of the rules.
    pub ruleset: Line,
    /// When it was reviewed.
    pub reviewed_at: Instant,
    /// What was found.
    #[schema(value_type = Vec<Finding>)]
    pub findings: Arc<[Finding]>,
}

/// A finding that may stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Waiver {
    /// The finding.
    pub finding: Line,
    /// Why it may stand.
    pub reason: Text,
    #[serde(skip)]
    #[schema(ignore)]
    pub(crate) by: (EventId, Stamp),
}

/// One time that the note was written: a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Writing {
    pub(crate) event: EventId,
    pub(crate) stamp: Stamp,
    /// Whether it gave the note text, or took it away; none: neither.
    pub(crate) body: Option<bool>,
}

/// A review in its place among the facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reviewed {
    pub(crate) event: EventId,
    pub(crate) stamp: Stamp,
    pub(crate) review: NoteReview,
}

impl Note {
    /// One more revision, in its place by when it was written.
    pub(super) fn written(&mut self, event: EventId, stamp: Stamp, body: Option<bool>) {
        let place = self.writings.partition_point(|other| other.stamp <= stamp);
        self.writings.insert(place, Writing { event, stamp, body });
    }

    /// The newest review of a revision.
    pub fn review_of(&self, revision: u32) -> Option<&NoteReview> {
        let reviews = self.reviews.iter().rev().map(|reviewed| &reviewed.review);
        reviews.into_iter().find(|review| review.revision == revision)
    }

    fn waived<'a>(&'a self, finding: &'a Finding) -> impl Iterator<Item = &'a Waiver> {
        self.waivers
            .iter()
            .filter(move |waiver| waiver.finding.as_str() == finding.id)
    }

    /// The errors of a review that nobody waived.
    pub fn open_errors<'a>(&'a self, review: &'a NoteReview) -> impl Iterator<Item = &'a Finding> {
        let errors = review
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error);
        errors.filter(|finding| self.waived(finding).next().is_none())
    }

    /// The fact since which a revision may go out: a review without errors, or the last waiver of its errors.
    fn approved(&self, revision: u32) -> Option<(EventId, Stamp)> {
        let reviews = self
            .reviews
            .iter()
            .filter(|reviewed| reviewed.review.revision == revision);
        let approved = |reviewed: &Reviewed| {
            let mut by = (reviewed.event, reviewed.stamp);
            for finding in reviewed
                .review
                .findings
                .iter()
                .filter(|it| it.severity == Severity::Error)
            {
                let waiver = self
                    .waived(finding)
                    .map(|waiver| waiver.by)
                    .min_by_key(|(_, stamp)| *stamp)?;
                by = if waiver.1 > by.1 { waiver } else { by };
            }
            Some(by)
        };
        reviews.filter_map(approved).min_by_key(|(_, stamp)| *stamp)
    }

    /// Whether the note takes a rejection with grace, as far as it was reviewed.
    fn gracious(&self, revision: u32) -> Option<bool> {
        let review = self.review_of(revision)?;
        let mut told = review
            .findings
            .iter()
            .filter(|finding| UNGRACIOUS.contains(&finding.rule.as_str()));
        Some(!told.any(|finding| self.waived(finding).next().is_none()))
    }
}

impl Candidate {
    /// Whether a reply was gracious: the note of this id, as it went out or as it stands.
    pub(crate) fn gracious(&self, note: NoteId, revision: Option<u32>) -> Option<bool> {
        let note = self.notes.get(&note)?;
        note.gracious(revision.unwrap_or(note.revision))
    }
}

#[cfg(test)]
mod tests;
