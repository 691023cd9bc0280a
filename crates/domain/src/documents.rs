//! Document requests. The rule: a request is answered within 24 hours. If the document takes longer, a
//! progress message goes out within those 24 hours, and again whenever the promised day has come,
//! until the document is sent. Only sending it, or a recorded progress message, satisfies the clock.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    applications::{Application, organisation},
    candidate::Candidate,
    decide,
    fact::{At, Departure, Fact, Place, mention_if},
    ids::{ApplicationId, ContactId, DocumentRequestId, EventId, Subject},
    notes::{NoteKind, suggest},
    outcome,
    play::{Action, Ending, Owing, Play},
    refusal::Refusal,
    status::What,
    time::{Date, Period, Stamp, closing},
    values::{Channel, Line, Text},
};

/// The 24-hour rule.
pub const ANSWER_DOCUMENT_REQUEST: Play = Play {
    name: "answer_document_request",
    title: "Send {about} to {organisation}, or tell them how it is coming along",
    why: "A request answered within a day shows how you would work; silence while a document takes its time looks like doubt.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Hours(24),
    numbers: &[],
    closed_by: &["DocumentSent", "DocumentRequestWithdrawn"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| {
        let request = owed.about.map(|id| id.to_string()).unwrap_or_default();
        let asked = owed
            .about
            .and_then(|id| candidate.document_request(id.try_into().ok()?));
        // It was known from the start that it takes longer, and they were not told yet.
        if asked.is_some_and(|it| it.delays.is_empty() && it.expected_on.is_some()) {
            return suggest(candidate, owed, NoteKind::DocumentProgress);
        }
        Action::post(
            candidate,
            "record_document_sent",
            format!("document-requests/{request}/sent"),
            json!({"channel": "email"}),
        )
    },
};

/// One task per request, due 24 hours after it or on the day it is needed by, if that is sooner; a
/// progress message moves it to the day it promises.
pub(crate) fn answer_document_request(application: &Application, owing: &mut Owing<'_>) {
    let zone = application.zone(owing.candidate);
    for request in application.document_requests.values() {
        let (event, requested) = request.requested;
        let mut owed = owing.raise(&ANSWER_DOCUMENT_REQUEST, request.id, event, requested.at);
        owed.about = Some(request.id.into());
        owed.words = request.document.as_str().into();
        let needed = request.needed_by.map(|date| closing(date.civil(), &zone));
        owed.due_at = match request.delays.last() {
            Some(Delay {
                expected_on: Some(date),
                ..
            }) => Some(closing(date.civil(), &zone)),
            Some(Delay { stamp, .. }) => Some(owing.due_after(owing.due(&ANSWER_DOCUMENT_REQUEST), stamp.at, &zone)),
            None => owed.due_at.map(|due| needed.map_or(due, |needed| due.min(needed))),
        };
        let done = request.sent.into_iter().chain(request.withdrawn);
        let done = done.min_by_key(|(_, stamp)| *stamp);
        owing.owe(owed.done(done));
    }
}

/// The organisation asks for a document. It is owed within 24 hours, or a word on its progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentRequested {
    /// What they want to see.
    pub document: Line,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub requested_by: Option<ContactId>,
    /// The day by which they need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub needed_by: Option<Date>,
    /// The day by which the candidate expects to have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expected_on: Option<Date>,
}

/// The candidate tells them that the document takes longer, and until when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentDelayReported {
    /// The day by which they were told to expect it: the task is due then.
    pub expected_on: Date,
    /// How they were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channel: Option<Channel>,
    /// Anything to remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<Text>,
}

/// The document goes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentSent {
    /// How it was sent.
    pub channel: Channel,
    /// Anything to remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<Text>,
}

/// The organisation no longer wants the document.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentRequestWithdrawn {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Text>,
}

/// A document that the organisation asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DocumentRequest {
    /// Its id.
    pub id: DocumentRequestId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Where it stands.
    pub status: DocumentRequestStatus,
    /// What they want to see.
    pub document: Line,
    /// Who asked.
    pub requested_by: Option<ContactId>,
    /// The day by which they need it.
    pub needed_by: Option<Date>,
    /// The day by which they can expect it, as last told.
    pub expected_on: Option<Date>,
    #[serde(skip)]
    pub(crate) requested: (EventId, Stamp),
    #[serde(skip)]
    pub(crate) delays: Vec<Delay>,
    #[serde(skip)]
    pub(crate) sent: Option<(EventId, Stamp)>,
    #[serde(skip)]
    pub(crate) withdrawn: Option<(EventId, Stamp)>,
}

/// A word on the document's progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delay {
    stamp: Stamp,
    expected_on: Option<Date>,
}

/// Where a document request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentRequestStatus {
    /// It is owed.
    Open,
    /// They were told that it takes longer.
    Delayed,
    /// It was sent.
    Sent,
    /// They no longer want it.
    Withdrawn,
}

impl DocumentRequest {
    /// When it was asked for.
    pub const fn requested_at(&self) -> Timestamp {
        self.requested.1.at
    }

    /// A word on its progress went out, with the day it promised.
    pub(crate) fn delayed(&mut self, stamp: Stamp, expected_on: Option<Date>) {
        let place = self.delays.partition_point(|other| other.stamp <= stamp);
        self.delays.insert(place, Delay { stamp, expected_on });
        self.expected_on = self
            .delays
            .iter()
            .rev()
            .find_map(|delay| delay.expected_on)
            .or(self.expected_on);
        self.settle();
    }

    fn settle(&mut self) {
        self.status = match (self.sent, self.withdrawn, self.delays.is_empty()) {
            (Some(_), ..) => DocumentRequestStatus::Sent,
            (None, Some(_), _) => DocumentRequestStatus::Withdrawn,
            (None, None, false) => DocumentRequestStatus::Delayed,
            (None, None, true) => DocumentRequestStatus::Open,
        };
    }
}

impl Candidate {
    /// A document request.
    pub fn document_request(&self, id: DocumentRequestId) -> Option<&DocumentRequest> {
        let application = self.application(self.place_of(id.into())?)?;
        application.document_requests.get(&id).map(Arc::as_ref)
    }

    pub(crate) fn document_request_mut(&mut self, id: Subject, at: &At) -> Option<&mut DocumentRequest> {
        let id = DocumentRequestId::try_from(id).ok()?;
        let application = self.application_mut(self.place_of(id.into())?, at)?;
        let request = Arc::make_mut(application.document_requests.get_mut(&id)?);
        request.version = at.version;
        Some(request)
    }
}

fn named(candidate: &Candidate, at: &At) -> String {
    let request = DocumentRequestId::try_from(at.subject)
        .ok()
        .and_then(|id| candidate.document_request(id));
    request.map_or_else(|| "the document".to_owned(), |request| request.document.to_string())
}

impl Fact for DocumentRequested {
    const NAME: &'static str = "DocumentRequested";
    type Subject = DocumentRequestId;
    const PLACE: Place = Place::NewWithin;
    const THEIRS: bool = true;

    fn mentions(&self) -> Vec<(String, Subject)> {
        mention_if("/requested_by", self.requested_by).into_iter().collect()
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = DocumentRequestId::try_from(at.subject) else {
            return;
        };
        let Some(application) = candidate.application_of(at) else {
            return;
        };
        let request = DocumentRequest {
            id,
            application: application.id,
            version: at.version,
            status: DocumentRequestStatus::Open,
            document: self.document.clone(),
            requested_by: self.requested_by,
            needed_by: self.needed_by,
            expected_on: self.expected_on,
            requested: (at.event, at.stamp()),
            delays: Vec::new(),
            sent: None,
            withdrawn: None,
        };
        application.document_requests.insert(id, Arc::new(request));
        application.happened(at, What::Spoke);
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!(
            "{} asked for {}.",
            organisation(candidate, at.application),
            self.document
        )
    }
}

/// A word on a document's progress departs from the playbook once it was due, and after the end.
pub(crate) fn late_word(candidate: &Candidate, at: &At, request: Subject) -> Vec<Departure> {
    let owed = at.application.into_iter().flat_map(|id| candidate.tasks_of(id));
    let live = owed
        .filter(|task| task.play == &ANSWER_DOCUMENT_REQUEST && task.about == Some(request))
        .filter(|task| task.ending == Ending::Live);
    live.filter_map(|task| decide::late(task, at))
        .chain(outcome::answered_after_the_end(candidate, at, &ANSWER_DOCUMENT_REQUEST))
        .collect()
}

impl Fact for DocumentDelayReported {
    const NAME: &'static str = "DocumentDelayReported";
    type Subject = DocumentRequestId;
    const PLACE: Place = Place::Step;

    fn departures(&self, candidate: &Candidate, at: &At) -> Vec<Departure> {
        late_word(candidate, at, at.subject)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        if let Some(request) = candidate.document_request_mut(at.subject, at) {
            request.delayed(at.stamp(), Some(self.expected_on));
        }
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        format!(
            "Told {organisation} to expect {} by {}.",
            named(candidate, at),
            self.expected_on.in_words()
        )
    }
}

impl Fact for DocumentSent {
    const NAME: &'static str = "DocumentSent";
    type Subject = DocumentRequestId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        once(candidate, at, |request| request.sent, "The document was sent already.")
    }

    fn departures(&self, candidate: &Candidate, at: &At) -> Vec<Departure> {
        outcome::answered_after_the_end(candidate, at, &ANSWER_DOCUMENT_REQUEST)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        if let Some(request) = candidate.document_request_mut(at.subject, at) {
            request.sent = Some((at.event, at.stamp()));
            request.settle();
        }
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        format!(
            "Sent {} to {organisation} {}.",
            named(candidate, at),
            self.channel.in_words()
        )
    }
}

impl Fact for DocumentRequestWithdrawn {
    const NAME: &'static str = "DocumentRequestWithdrawn";
    type Subject = DocumentRequestId;
    const PLACE: Place = Place::Step;
    const THEIRS: bool = true;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        once(
            candidate,
            at,
            |request| request.withdrawn,
            "The request was withdrawn already.",
        )
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        if let Some(request) = candidate.document_request_mut(at.subject, at) {
            request.withdrawn = Some((at.event, at.stamp()));
            request.settle();
        }
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!(
            "{} no longer asks for {}.",
            organisation(candidate, at.application),
            named(candidate, at)
        )
    }
}

fn once(
    candidate: &Candidate,
    at: &At,
    before: fn(&DocumentRequest) -> Option<(EventId, Stamp)>,
    told: &str,
) -> Result<(), Refusal> {
    let request = DocumentRequestId::try_from(at.subject)
        .ok()
        .and_then(|id| candidate.document_request(id));
    match request.and_then(before) {
        Some(_) => Err(Refusal::already_recorded(told)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
