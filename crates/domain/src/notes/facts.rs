//! The facts about notes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Note, NoteChannel, NoteKind, NoteStatus, act, admit_change, admit_ties, belongs_to, note, review};
use crate::{
    candidate::Candidate,
    contacts::names_of,
    documents,
    fact::{At, Departure, Fact, Place, mention_all, mention_if},
    ids::{ApplicationId, ContactId, InterviewId, NoteId, Subject},
    refusal::Refusal,
    rejection,
    status::{self},
    time::{Date, Dated},
    values::{Line, Patch, Text, few, few_not_null},
};

/// A note is begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteDrafted {
    /// What it is for.
    pub kind: NoteKind,
    /// Who it goes to.
    #[serde(deserialize_with = "few")]
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
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "few_not_null")]
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
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "few")]
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
        let mut note = Note {
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
            review: None,
            waivers: Vec::new(),
            writings: Vec::new(),
            reviews: Vec::new(),
            gone: None,
        };
        note.written(at.event, at.stamp(), Some(self.body.is_some()));
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
        note.written(at.event, since, self.body.named().map(|body| body.is_some()));
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
        let mut departures = match (note.kind, *note.about.get()) {
            (NoteKind::StatusEnquiry, _) => status::unwise_enquiry(candidate, at),
            (NoteKind::FeedbackRequest, about) => rejection::asked_before(candidate, at, about),
            (NoteKind::DocumentProgress, Some(request)) => documents::late_word(candidate, at, request),
            (NoteKind::DocumentProgress, None) => Vec::new(),
            (NoteKind::ThankYou | NoteKind::RejectionThanks | NoteKind::Other, _) => Vec::new(),
            (NoteKind::ReferenceNotice | NoteKind::ConnectionNotice, _) => Vec::new(),
        };
        departures.extend(review::unwise(note, self.revision));
        departures
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = NoteId::try_from(at.subject) else { return };
        let Some(note) = candidate.notes.get_mut(&id) else {
            return;
        };
        let note = Arc::make_mut(note);
        note.version = at.version;
        note.status = NoteStatus::Sent;
        note.gone = Some((at.event, at.stamp()));
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
        let revision = self.revision.unwrap_or(note.revision);
        act(candidate, at, &note, revision, recipients);
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
        note.gone = Some((at.event, at.stamp()));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let names = note(candidate, at).and_then(|note| names_of(candidate, note.recipients.get()));
        names.map_or_else(
            || "Discarded a note.".into(),
            |names| format!("Discarded the note to {names}."),
        )
    }
}
