//! A task as clients see it: what a play asks for, why, where it stands at a moment, and the next call to make.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Ending, Owed};
use crate::{
    candidate::Candidate,
    contacts,
    ids::{ApplicationId, CandidateId, ContactId, EventId, InterviewId, TaskId},
    time::{Instant, Zone},
};

/// The state of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TaskState)]
pub enum State {
    /// Not yet allowed: it opens later.
    Waiting,
    /// To be done now.
    Open,
    /// Its due time has passed.
    Overdue,
    /// A fact closed it.
    Done,
    /// Put aside with a reason.
    Dismissed,
    /// Its reason is gone.
    Void,
}

impl State {
    /// Every state.
    pub const ALL: [State; 6] = [
        State::Waiting,
        State::Open,
        State::Overdue,
        State::Done,
        State::Dismissed,
        State::Void,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Open => "open",
            State::Overdue => "overdue",
            State::Done => "done",
            State::Dismissed => "dismissed",
            State::Void => "void",
        }
    }

    /// Whether the task still asks for something.
    pub const fn is_live(self) -> bool {
        matches!(self, State::Waiting | State::Open | State::Overdue)
    }
}

/// The next call to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = TaskAction)]
pub struct Action {
    /// The operation in the OpenAPI document.
    #[schema(example = "record_document_sent")]
    pub operation: Cow<'static, str>,
    /// The HTTP method.
    #[schema(example = "POST")]
    pub method: Cow<'static, str>,
    /// The path to call.
    pub href: String,
    /// The body, prefilled with what is known.
    #[schema(value_type = Object)]
    pub body: Value,
}

impl Action {
    /// A POST to a path under the candidate.
    pub(crate) fn post(
        candidate: &Candidate,
        operation: &'static str,
        path: impl std::fmt::Display,
        body: Value,
    ) -> Self {
        Self {
            operation: operation.into(),
            method: "POST".into(),
            href: format!("/v1/candidates/{}/{path}", candidate.id),
            body,
        }
    }
}

/// A task: what a play asks for, and why. What every task of a play has in common comes first, and what a
/// row of the queue says in its columns: only the rest of a rendered task has to be kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// Its id: the same after corrections and replays.
    pub id: TaskId,
    /// Whose task it is.
    pub candidate: CandidateId,
    /// The application it belongs to; `null` for tasks of the person.
    pub application: Option<ApplicationId>,
    /// The play that raised it.
    #[schema(example = "answer_document_request")]
    pub play: Cow<'static, str>,
    /// Its state at the moment of reading.
    pub state: State,
    /// The play's reason.
    pub why: Cow<'static, str>,
    /// The evidence behind the reason, where there is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub source: Option<Cow<'static, str>>,
    /// The types of facts that close it.
    pub closed_by: Vec<Cow<'static, str>>,
    /// The interview it follows.
    pub interview: Option<InterviewId>,
    /// The contact it concerns.
    pub contact: Option<ContactId>,
    /// What to do.
    pub title: String,
    /// The facts that raised it.
    pub raised_by: Vec<EventId>,
    /// When it opens.
    pub opens_at: Instant,
    /// When it is due; `null` where it is not due at any time.
    pub due_at: Option<Instant>,
    /// For letters: by when one on paper must be in the post.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub post_by: Option<Instant>,
    /// The zone of its wall-clock times.
    pub time_zone: Zone,
    /// The next call to make.
    pub action: Action,
    /// Until when it stays hidden from the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub snoozed_until: Option<Instant>,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub closed_at: Option<Instant>,
    /// The fact that closed it, or took its reason away.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub closed_with: Option<EventId>,
}

impl Candidate {
    /// A task's state at a moment.
    pub fn state_of(&self, owed: &Owed, now: Timestamp) -> State {
        let marks = self.marks.get(&owed.id);
        match owed.ending {
            Ending::Done(..) => State::Done,
            _ if marks.is_some_and(|marks| marks.completed.is_some()) => State::Done,
            _ if marks.is_some_and(|marks| marks.dismissed(owed.since).is_some()) => State::Dismissed,
            Ending::Void(_) => State::Void,
            Ending::Live if owed.opens_at > now => State::Waiting,
            Ending::Live if owed.due_at.is_some_and(|due| due <= now) => State::Overdue,
            Ending::Live => State::Open,
        }
    }

    /// Until when a task is hidden from the queue.
    pub fn snoozed_until(&self, owed: &Owed) -> Option<Timestamp> {
        self.marks.get(&owed.id).and_then(|marks| *marks.snoozed.get())
    }

    /// A task as clients see it at a moment.
    pub fn task(&self, owed: &Owed, now: Timestamp) -> Task {
        let place = |at| Instant::in_zone(at, &owed.zone);
        let marks = self.marks.get(&owed.id);
        let by_hand = marks.and_then(|marks| marks.completed.or(marks.dismissed(owed.since)));
        let (closed_with, closed_at) = match (owed.ending, by_hand) {
            (Ending::Done(event, at), _) => (Some(event), Some(at)),
            (_, Some((event, stamp))) => (Some(event), Some(stamp.at)),
            (Ending::Void(event), None) => (event, None),
            (Ending::Live, None) => (None, None),
        };
        Task {
            id: owed.id,
            candidate: self.id,
            application: owed.application,
            interview: owed.interview,
            contact: owed.contact,
            play: owed.play.name.into(),
            state: self.state_of(owed, now),
            title: self.title(owed),
            why: owed.play.why.into(),
            source: owed.play.source.map(Into::into),
            raised_by: owed.raised_by.clone(),
            opens_at: place(owed.opens_at),
            due_at: owed.due_at.map(place),
            post_by: owed.post_by.map(place),
            time_zone: owed.zone.clone(),
            closed_by: owed.play.closed_by.iter().copied().map(Cow::from).collect(),
            action: (owed.play.action)(self, owed),
            snoozed_until: self.snoozed_until(owed).map(place),
            closed_at: closed_at.map(place),
            closed_with,
        }
    }

    /// The title with names filled in.
    pub(crate) fn title(&self, owed: &Owed) -> String {
        let application = owed.application.and_then(|id| self.application(id));
        let organisation = application.map_or_else(String::new, |it| it.organisation.name.to_string());
        let position = application.map_or_else(String::new, |it| it.position.to_string());
        let contact = owed.contact.map_or_else(String::new, |id| contacts::name_of(self, id));
        owed.play
            .title
            .replace("{contact}", &contact)
            .replace("{organisation}", &organisation)
            .replace("{position}", &position)
            .replace("{about}", &owed.words)
    }
}
