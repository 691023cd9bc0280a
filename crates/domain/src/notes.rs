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
    contacts::{ContactStatus, names_of},
    documents,
    fact::{At, Departure, Fact, Place, mention_all, mention_if},
    ids::{ApplicationId, ContactId, DocumentRequestId, EventId, InterviewId, NoteId, Subject},
    play::{Action, Owing, Play},
    refusal::Refusal,
    rejection,
    status::{self, What},
    time::{Date, Dated, Period, Stamp, closing, day, working_day_until},
    values::{Line, Patch, Text},
};

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
    closed_by: &["NoteSent"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| {
        let body = json!({
            "kind": "thank_you", "recipients": owed.contact, "channel": "email",
            "application": owed.application, "interview": owed.interview,
        });
        draft(candidate, body)
    },
};

/// The call that begins a note; the fields that are not known are left out.
pub(crate) fn draft(candidate: &Candidate, mut body: serde_json::Value) -> Action {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        if let Some(recipients) = fields.get_mut("recipients") {
            *recipients = match recipients.take() {
                one @ serde_json::Value::String(_) => json!([one]),
                other => other,
            };
        }
        fields.entry("recipients").or_insert_with(|| json!([]));
    }
    Action::post(candidate, "record_note_drafted", "notes", body)
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
            owed.due_at = Some(WRITE_THANK_YOU.due.due_after(ended_at, &owed.zone));
            owed.post_by = owed
                .due_at
                .map(|due| closing(working_day_until(day(due, &owed.zone)), &owed.zone).min(due));
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
fn round_of(application: &Application, letter: &Letter, to: ContactId) -> Option<u16> {
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
    const fn in_words(self) -> &'static str {
        match self {
            NoteChannel::Email => "by e-mail",
            NoteChannel::Post => "by post",
            NoteChannel::Message => "by message",
        }
    }
}

/// A note is begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteDrafted {
    /// What it is for.
    pub kind: NoteKind,
    /// Who it goes to.
    #[schema(max_items = 100)]
    pub recipients: Vec<ContactId>,
    /// How it goes out.
    pub channel: NoteChannel,
    /// What it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub body: Option<Text>,
    /// Its subject line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub subject_line: Option<Line>,
    /// The application it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub application: Option<ApplicationId>,
    /// The interview it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub interview: Option<InterviewId>,
    /// The thing it serves, such as a document request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub about: Option<Subject>,
    /// For a progress message: the day by which they can expect the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expected_on: Option<Date>,
}

/// A note changes: the named fields are set, `null` clears.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteRevised {
    /// Who it goes to: the whole list.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::values::not_null"
    )]
    #[schema(nullable = false, max_items = 100)]
    pub recipients: Option<Vec<ContactId>>,
    /// How it goes out.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::values::not_null"
    )]
    #[schema(nullable = false)]
    pub channel: Option<NoteChannel>,
    /// What it says.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Text>)]
    pub body: Patch<Text>,
    /// Its subject line.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Line>)]
    pub subject_line: Patch<Line>,
    /// The application it belongs to.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<ApplicationId>)]
    pub application: Patch<ApplicationId>,
    /// The interview it follows.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<InterviewId>)]
    pub interview: Patch<InterviewId>,
    /// The thing it serves.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Subject>)]
    pub about: Patch<Subject>,
    /// For a progress message: the day by which they can expect the document.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Date>)]
    pub expected_on: Patch<Date>,
}

/// A note goes out. Where its kind is an act (an enquiry, a progress message, a request for feedback),
/// this counts as that act.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteSent {
    /// How it went out; left out: as it was meant to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channel: Option<NoteChannel>,
    /// Who it went to; left out: everyone it was meant for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub recipients: Option<Vec<ContactId>>,
    /// Which revision of the note went out; left out: the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub revision: Option<u32>,
}

/// A note will not go out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteDiscarded {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Text>,
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
    pub(crate) kind: NoteKind,
    pub(crate) recipients: Vec<ContactId>,
    pub(crate) interview: Option<InterviewId>,
    pub(crate) about: Option<Subject>,
}

impl Note {
    /// The application that the note belongs to: said so, or by its interview or the thing it serves.
    pub(crate) fn application(&self, candidate: &Candidate) -> Option<ApplicationId> {
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

impl Fact for NoteDrafted {
    const NAME: &'static str = "NoteDrafted";
    type Subject = NoteId;
    const PLACE: Place = Place::New;

    fn application(&self, candidate: &Candidate) -> Option<ApplicationId> {
        belongs_to(candidate, self.application, self.interview, self.about)
    }

    fn mentions(&self) -> Vec<(String, Subject)> {
        let mut mentions = mention_all("/recipients", &self.recipients);
        mentions.extend(mention_if("/application", self.application));
        mentions.extend(mention_if("/interview", self.interview));
        mentions.extend(mention_if("/about", self.about));
        mentions
    }

    fn admit(&self, candidate: &Candidate, _: &At) -> Result<(), Refusal> {
        admit_ties(candidate, self.application, self.interview, self.about)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = NoteId::try_from(at.subject) else { return };
        let note = Note {
            id,
            version: at.version,
            status: NoteStatus::Draft,
            revision: 1,
            kind: self.kind,
            recipients: Dated::base(self.recipients.clone()),
            channel: Dated::base(self.channel),
            body: Dated::base(self.body.clone()),
            subject_line: Dated::base(self.subject_line.clone()),
            application: Dated::base(self.application),
            interview: Dated::base(self.interview),
            about: Dated::base(self.about),
            expected_on: Dated::base(self.expected_on),
            sent_at: None,
        };
        candidate.notes.insert(id, Arc::new(note));
    }

    fn tell(&self, candidate: &Candidate, _: &At) -> String {
        match names_of(candidate, &self.recipients) {
            Some(names) => format!("Began a note to {names}."),
            None => "Began a note.".into(),
        }
    }
}

impl Fact for NoteRevised {
    const NAME: &'static str = "NoteRevised";
    type Subject = NoteId;
    const PLACE: Place = Place::Step;

    fn mentions(&self) -> Vec<(String, Subject)> {
        let mut mentions = mention_all("/recipients", self.recipients.as_deref().unwrap_or_default());
        mentions.extend(mention_if("/application", self.application.named().flatten()));
        mentions.extend(mention_if("/interview", self.interview.named().flatten()));
        mentions.extend(mention_if("/about", self.about.named().flatten()));
        mentions
    }

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_change(candidate, at)?;
        let Some(note) = note(candidate, at) else { return Ok(()) };
        admit_ties(
            candidate,
            self.application.named().unwrap_or(*note.application.get()),
            self.interview.named().unwrap_or(*note.interview.get()),
            self.about.named().unwrap_or(*note.about.get()),
        )
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = NoteId::try_from(at.subject) else { return };
        let Some(note) = candidate.notes.get_mut(&id) else {
            return;
        };
        let note = Arc::make_mut(note);
        let since = at.stamp();
        note.version = at.version;
        note.revision += 1;
        if let Some(recipients) = &self.recipients {
            note.recipients.offer(since, recipients.clone());
        }
        if let Some(channel) = self.channel {
            note.channel.offer(since, channel);
        }
        self.body.named().into_iter().for_each(|it| note.body.offer(since, it));
        self.subject_line
            .named()
            .into_iter()
            .for_each(|it| note.subject_line.offer(since, it));
        self.application
            .named()
            .into_iter()
            .for_each(|it| note.application.offer(since, it));
        self.interview
            .named()
            .into_iter()
            .for_each(|it| note.interview.offer(since, it));
        self.about
            .named()
            .into_iter()
            .for_each(|it| note.about.offer(since, it));
        self.expected_on
            .named()
            .into_iter()
            .for_each(|it| note.expected_on.offer(since, it));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let names = note(candidate, at).and_then(|note| names_of(candidate, note.recipients.get()));
        names.map_or_else(
            || "Worked on a note.".into(),
            |names| format!("Worked on the note to {names}."),
        )
    }
}

impl Fact for NoteSent {
    const NAME: &'static str = "NoteSent";
    type Subject = NoteId;
    const PLACE: Place = Place::Step;

    fn mentions(&self) -> Vec<(String, Subject)> {
        mention_all("/recipients", self.recipients.as_deref().unwrap_or_default())
    }

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_change(candidate, at)?;
        let newest = note(candidate, at).map_or(1, |note| note.revision);
        if self.revision.is_some_and(|revision| !(1..=newest).contains(&revision)) {
            return Err(Refusal::invalid(
                "/revision",
                format!("must be between 1 and {newest}, the newest revision"),
            ));
        }
        Ok(())
    }

    fn departures(&self, candidate: &Candidate, at: &At) -> Vec<Departure> {
        let Some(note) = note(candidate, at) else {
            return Vec::new();
        };
        match (note.kind, *note.about.get()) {
            (NoteKind::StatusEnquiry, _) => status::unwise_enquiry(candidate, at),
            (NoteKind::FeedbackRequest, about) => rejection::asked_before(candidate, at, about),
            (NoteKind::DocumentProgress, Some(request)) => documents::late_word(candidate, at, request),
            (NoteKind::DocumentProgress, None) => Vec::new(),
            (NoteKind::ThankYou | NoteKind::RejectionThanks | NoteKind::Other, _) => Vec::new(),
            (NoteKind::ReferenceNotice | NoteKind::ConnectionNotice, _) => Vec::new(),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = NoteId::try_from(at.subject) else { return };
        let Some(note) = candidate.notes.get_mut(&id) else {
            return;
        };
        let note = Arc::make_mut(note);
        note.version = at.version;
        note.status = NoteStatus::Sent;
        note.sent_at = Some(at.occurred_at);
        if let Some(channel) = self.channel {
            note.channel.offer(at.stamp(), channel);
        }
        if let Some(recipients) = &self.recipients {
            note.recipients.offer(at.stamp(), recipients.clone());
        }
        let note = note.clone();
        let recipients = self.recipients.clone().unwrap_or_else(|| note.recipients.get().clone());
        recipients.iter().for_each(|contact| candidate.touched(*contact, at));
        act(candidate, at, &note, recipients);
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let Some(note) = note(candidate, at) else {
            return "A note went out.".into();
        };
        let channel = self.channel.unwrap_or(*note.channel.get()).in_words();
        let recipients = self.recipients.as_ref().unwrap_or(note.recipients.get());
        let to = names_of(candidate, recipients).unwrap_or_else(|| "nobody in particular".into());
        match note.kind {
            NoteKind::ThankYou => format!("Thanked {to} {channel}."),
            NoteKind::StatusEnquiry => format!("Asked {to} {channel} where things stand."),
            NoteKind::DocumentProgress => format!("Told {to} {channel} how the document is coming along."),
            NoteKind::ReferenceNotice => format!("Told {to} {channel} that a call may come."),
            NoteKind::ConnectionNotice => format!("Told {to} {channel} about the interview."),
            NoteKind::RejectionThanks => format!("Thanked {to} {channel} for their answer."),
            NoteKind::FeedbackRequest => format!("Asked {to} {channel} for feedback."),
            NoteKind::Other => format!("Wrote to {to} {channel}."),
        }
    }
}

/// What a note that went out does: it is kept with its application, and counts as the act it carries.
fn act(candidate: &mut Candidate, at: &At, note: &Note, recipients: Vec<ContactId>) {
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
        NoteKind::ReferenceNotice | NoteKind::ConnectionNotice | NoteKind::Other => {}
    }
}

impl Fact for NoteDiscarded {
    const NAME: &'static str = "NoteDiscarded";
    type Subject = NoteId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_change(candidate, at)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = NoteId::try_from(at.subject) else { return };
        let Some(note) = candidate.notes.get_mut(&id) else {
            return;
        };
        let note = Arc::make_mut(note);
        note.version = at.version;
        note.status = NoteStatus::Discarded;
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let names = note(candidate, at).and_then(|note| names_of(candidate, note.recipients.get()));
        names.map_or_else(
            || "Discarded a note.".into(),
            |names| format!("Discarded the note to {names}."),
        )
    }
}

#[cfg(test)]
mod tests;
