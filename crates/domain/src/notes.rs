//! Notes: any letter or message that goes out. The rule of the thank-you: one per interviewer per round,
//! due 24 hours after the interview ended; the sooner the better. A note that was sent can itself be the
//! act (an enquiry, a progress message, a request for feedback): it is recorded once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    applications::Application,
    candidate::Candidate,
    contacts::ContactStatus,
    fact::At,
    ids::{ApplicationId, ContactId, DocumentRequestId, EventId, InterviewId, NoteId, Subject},
    play::{Action, Owed, Owing, Play},
    references::{Heard, Helper},
    refusal::Refusal,
    status::What,
    time::{Date, Dated, Period, Stamp, closing, day, working_day_until},
    values::{Channel, Line, Text},
};

mod delivery;
mod facts;
mod review;
pub use facts::{NoteDiscarded, NoteDrafted, NoteRevised, NoteSent};
pub(crate) use review::review_note;
pub use review::{
    Field, Finding, FindingWaived, NoteReview, NoteReviewed, Purpose, REVIEW_NOTE, Severity, Span, UNGRACIOUS, Waiver,
};
use review::{Reviewed, Writing};

/// The thank-you rule.
pub const WRITE_THANK_YOU: Play = Play {
    name: "write_thank_you",
    title: "Thank {contact} for the interview at {organisation}",
    why: "A thank-you within a day, to each interviewer by name, is remembered when they decide.",
    source: Some(
        "Accountemps, November 2017: 80 % of US HR managers find thank-you notes helpful, 24 % get them from applicants.",
    ),
    opens: Period::AtOnce,
    due: Period::Hours(24),
    numbers: &[],
    closed_by: &["NoteSent"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| suggest(candidate, owed, NoteKind::ThankYou),
};

/// The call that begins a note: its text is composed from what is on record. What is not known is left out.
pub(crate) fn suggest(candidate: &Candidate, owed: &Owed, kind: NoteKind) -> Action {
    let mut body =
        json!({"kind": kind, "application": owed.application, "interview": owed.interview, "about": owed.about});
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        if let Some(contact) = owed.contact {
            fields.insert("recipients".into(), json!([contact]));
        }
    }
    Action::post(candidate, "suggest_notes", "notes/suggestions", body)
}

/// One task per round and interviewer, from the moment the interview ended.
pub(crate) fn write_thank_you(application: &Application, owing: &mut Owing<'_>) {
    let mut rounds: Vec<_> = application.interviews.values().filter(|it| it.held.is_some()).collect();
    rounds.sort_by_key(|interview| interview.ended_at());
    let mut owed_to: Vec<(u16, ContactId)> = Vec::new();
    for interview in rounds {
        let (Some(held), Some(ended_at)) = (&interview.held, interview.ended_at()) else {
            continue;
        };
        for contact in interview.interviewers() {
            let known = owing
                .candidate
                .contacts
                .get(contact)
                .is_some_and(|card| card.status == ContactStatus::Known);
            if !known || owed_to.contains(&(interview.round, *contact)) {
                continue;
            }
            owed_to.push((interview.round, *contact));
            let key = format_args!("{}|{}|{contact}", application.id, interview.round);
            let mut owed = owing.raise(&WRITE_THANK_YOU, key, held.event, ended_at);
            owed.interview = Some(interview.id);
            owed.contact = Some(*contact);
            owed.zone = interview.time_zone.get().clone();
            owed.due_at = Some(owing.due_after(owing.due(&WRITE_THANK_YOU), ended_at, &owed.zone));
            let holidays = &owing.candidate.playbook.holidays;
            owed.post_by = owed
                .due_at
                .map(|due| closing(working_day_until(day(due, &owed.zone), holidays), &owed.zone).min(due));
            let thanked = |letter: &&Letter| {
                letter.kind == NoteKind::ThankYou
                    && letter.recipients.contains(contact)
                    && round_of(application, letter, *contact) == Some(interview.round)
            };
            let letter = application.letters.iter().find(thanked);
            owing.owe(owed.done(letter.map(|letter| (letter.event, letter.stamp))));
        }
    }
}

/// The round that a letter to somebody belongs to: its interview's, else that of the last interview with
/// them that was held before it.
pub(crate) fn round_of(application: &Application, letter: &Letter, to: ContactId) -> Option<u16> {
    let named = letter.interview.and_then(|id| application.interviews.get(&id));
    let before = || {
        let held = application
            .interviews
            .values()
            .filter(|it| it.ended_at().is_some_and(|ended| ended <= letter.stamp.at));
        held.filter(|it| it.interviewers().contains(&to))
            .max_by_key(|interview| interview.ended_at())
    };
    named.or_else(before).map(|interview| interview.round)
}

/// What a note is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// Thanks for an interview.
    ThankYou,
    /// A question where things stand.
    StatusEnquiry,
    /// A word on how a document is coming along.
    DocumentProgress,
    /// Word to a reference that a call may come.
    ReferenceNotice,
    /// Word to a connection about an interview.
    ConnectionNotice,
    /// Thanks for an answer that was no.
    RejectionThanks,
    /// A request for feedback after a rejection.
    FeedbackRequest,
    /// Anything else.
    Other,
}

/// How a note goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoteChannel {
    /// By e-mail: it arrives first.
    Email,
    /// On paper: it is remembered best.
    Post,
    /// As a chat or text message.
    Message,
}

impl NoteChannel {
    /// The way to write to somebody who likes to be contacted so; none where that is no way to write.
    pub const fn like(channel: Channel) -> Option<Self> {
        match channel {
            Channel::Email => Some(NoteChannel::Email),
            Channel::Post => Some(NoteChannel::Post),
            Channel::Message => Some(NoteChannel::Message),
            Channel::Phone | Channel::InPerson | Channel::Video | Channel::Portal | Channel::Other => None,
        }
    }

    const fn in_words(self) -> &'static str {
        match self {
            NoteChannel::Email => "by e-mail",
            NoteChannel::Post => "by post",
            NoteChannel::Message => "by message",
        }
    }
}

/// A letter or message that goes out.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Note {
    /// Its id.
    pub id: NoteId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Where it stands.
    pub status: NoteStatus,
    /// How often it was written: 1, and one more with each change.
    pub revision: u32,
    /// What it is for.
    pub kind: NoteKind,
    /// Who it goes to.
    #[schema(value_type = Vec<ContactId>)]
    pub recipients: Dated<Vec<ContactId>>,
    /// How it goes out.
    #[schema(value_type = NoteChannel)]
    pub channel: Dated<NoteChannel>,
    /// What it says.
    #[schema(value_type = Option<Text>)]
    pub body: Dated<Option<Text>>,
    /// Its subject line.
    #[schema(value_type = Option<Line>)]
    pub subject_line: Dated<Option<Line>>,
    /// The application it belongs to, where that was said.
    #[schema(value_type = Option<ApplicationId>)]
    pub application: Dated<Option<ApplicationId>>,
    /// The interview it follows.
    #[schema(value_type = Option<InterviewId>)]
    pub interview: Dated<Option<InterviewId>>,
    /// The thing it serves.
    #[schema(value_type = Option<Subject>)]
    pub about: Dated<Option<Subject>>,
    /// For a progress message: the day by which they can expect the document.
    #[schema(value_type = Option<Date>)]
    pub expected_on: Dated<Option<Date>>,
    /// When it went out.
    #[schema(value_type = Option<crate::time::Instant>)]
    pub sent_at: Option<jiff::Timestamp>,
    /// The newest review of its newest reviewed revision.
    pub review: Option<NoteReview>,
    /// Findings that may stand.
    pub waivers: Vec<Waiver>,
    /// Its revisions, by when they were written.
    #[serde(skip)]
    #[schema(ignore)]
    pub(crate) writings: Vec<Writing>,
    /// Its reviews, by when they were made.
    #[serde(skip)]
    #[schema(ignore)]
    pub(crate) reviews: Vec<Reviewed>,
    /// The fact by which it went out or was discarded.
    #[serde(skip)]
    #[schema(ignore)]
    pub(crate) gone: Option<(EventId, Stamp)>,
}

/// Where a note stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoteStatus {
    /// It is being written.
    Draft,
    /// It went out.
    Sent,
    /// It will not go out.
    Discarded,
}

/// A note that went out, as the plays of its application see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) event: EventId,
    pub(crate) stamp: Stamp,
    pub(crate) note: NoteId,
    pub(crate) revision: u32,
    pub(crate) kind: NoteKind,
    pub(crate) recipients: Vec<ContactId>,
    pub(crate) interview: Option<InterviewId>,
    pub(crate) about: Option<Subject>,
}

impl Note {
    /// The note as it would be drafted now.
    pub fn draft(&self) -> NoteDrafted {
        NoteDrafted {
            kind: self.kind,
            recipients: self.recipients.get().clone(),
            channel: *self.channel.get(),
            body: self.body.get().clone(),
            subject_line: self.subject_line.get().clone(),
            application: *self.application.get(),
            interview: *self.interview.get(),
            about: *self.about.get(),
            expected_on: *self.expected_on.get(),
        }
    }

    /// The application that the note belongs to: said so, or by its interview or the thing it serves.
    pub fn application(&self, candidate: &Candidate) -> Option<ApplicationId> {
        belongs_to(
            candidate,
            *self.application.get(),
            *self.interview.get(),
            *self.about.get(),
        )
    }
}

fn belongs_to(
    candidate: &Candidate,
    application: Option<ApplicationId>,
    interview: Option<InterviewId>,
    about: Option<Subject>,
) -> Option<ApplicationId> {
    application
        .or_else(|| interview.and_then(|id| candidate.place_of(id.into())))
        .or_else(|| {
            about
                .filter(|about| !matches!(about, Subject::Note(_)))
                .and_then(|about| candidate.place_of(about))
        })
}

/// A note's application, interview and purpose must belong together.
fn admit_ties(
    candidate: &Candidate,
    application: Option<ApplicationId>,
    interview: Option<InterviewId>,
    about: Option<Subject>,
) -> Result<(), Refusal> {
    let Some(place) = belongs_to(candidate, application, interview, about) else {
        return Ok(());
    };
    let elsewhere = |subject: Subject| candidate.place_of(subject).is_some_and(|other| other != place);
    if interview.is_some_and(|interview| elsewhere(interview.into())) {
        return Err(Refusal::invalid("/interview", "must belong to the note's application"));
    }
    if about.is_some_and(elsewhere) {
        return Err(Refusal::invalid("/about", "must belong to the note's application"));
    }
    Ok(())
}

fn note<'a>(candidate: &'a Candidate, at: &At) -> Option<&'a Note> {
    candidate
        .notes
        .get(&NoteId::try_from(at.subject).ok()?)
        .map(Arc::as_ref)
}

/// A note that went out, or was discarded, stays as it is.
fn admit_change(candidate: &Candidate, at: &At) -> Result<(), Refusal> {
    match note(candidate, at).map(|note| note.status) {
        Some(NoteStatus::Sent) => Err(Refusal::new("note_already_sent", "The note went out already.")),
        Some(NoteStatus::Discarded) => Err(Refusal::new("note_discarded", "The note was discarded.")),
        Some(NoteStatus::Draft) | None => Ok(()),
    }
}

/// What a note that went out does: it is kept with its application, and counts as the act it carries.
fn act(candidate: &mut Candidate, at: &At, note: &Note, revision: u32, recipients: Vec<ContactId>) {
    let Some(place) = note.application(candidate) else {
        return;
    };
    let Some(application) = candidate.application_mut(place, at) else {
        return;
    };
    let about = *note.about.get();
    let letter = Letter {
        event: at.event,
        stamp: at.stamp(),
        note: note.id,
        revision,
        kind: note.kind,
        recipients,
        interview: *note.interview.get(),
        about,
    };
    let order = application.letters.partition_point(|other| other.stamp <= letter.stamp);
    application.letters.insert(order, letter);
    match note.kind {
        NoteKind::StatusEnquiry => application.happened(at, What::Enquired),
        NoteKind::DocumentProgress => {
            let request = about.and_then(|about| DocumentRequestId::try_from(about).ok());
            if let Some(request) = request.and_then(|id| candidate.document_request_mut(id.into(), at)) {
                request.delayed(at.stamp(), *note.expected_on.get());
            }
        }
        // Their plays look at the letters themselves.
        NoteKind::ThankYou | NoteKind::RejectionThanks | NoteKind::FeedbackRequest => {}
        NoteKind::ReferenceNotice | NoteKind::ConnectionNotice => {
            let helper = match about {
                Some(Subject::Reference(id)) if note.kind == NoteKind::ReferenceNotice => Helper::Reference(id),
                Some(Subject::Connection(id)) if note.kind == NoteKind::ConnectionNotice => Helper::Connection(id),
                _ => return,
            };
            application.hears(at, helper, Heard::Notice(*note.interview.get()));
        }
        NoteKind::Other => {}
    }
}

#[cfg(test)]
mod tests;
