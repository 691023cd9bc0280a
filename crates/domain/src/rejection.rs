//! Rejection. Only one person is chosen. The rule: take it with grace. Everything pending for that
//! application stops at once, a thank-you goes out within 48 hours, feedback is asked for once and not
//! argued with, what was learned is kept, and the door stays open with a date to come back.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    applications::Application,
    candidate::Candidate,
    fact::{At, Departure},
    ids::{ApplicationId, ContactId, EventId, RejectionId, Subject},
    notes::{Letter, NoteKind, suggest},
    play::{Action, Owing, Play, of_application},
    status::What,
    time::{Date, Period, Stamp, opening},
    values::{Channel, Text, organisation_key},
};

mod facts;
mod view;
pub use facts::{DoorKeptOpen, FeedbackReceived, FeedbackRequested, RejectionClosed, RejectionReceived};
pub use view::RejectionView;

/// Thank them for their answer.
pub const THANK_FOR_REJECTION: Play = Play {
    name: "thank_for_rejection",
    title: "Thank {organisation} for their answer",
    why: "Whoever takes a no with grace is the one they think of when their first choice falls through.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Hours(48),
    numbers: &[],
    closed_by: &["NoteSent"],
    by_hand: false,
    outlives_outcome: true,
    action: |candidate, owed| suggest(candidate, owed, NoteKind::RejectionThanks),
};

/// Ask for feedback, once.
pub const ASK_FEEDBACK: Play = Play {
    name: "ask_feedback",
    title: "Ask {organisation} for feedback",
    why: "What they saw and you did not is worth more than any guess; asked for once, and never argued with.",
    source: None,
    opens: Period::Hours(48),
    due: Period::Days(5),
    numbers: &[],
    closed_by: &["FeedbackRequested", "NoteSent"],
    by_hand: false,
    outlives_outcome: true,
    action: |candidate, owed| suggest(candidate, owed, NoteKind::FeedbackRequest),
};

/// Decide whether and when to come back.
pub const KEEP_DOOR_OPEN: Play = Play {
    name: "keep_door_open",
    title: "Keep the door to {organisation} open, with a date to come back, or close it",
    why: "Teams change and positions come up again; a date makes coming back more than a good intention.",
    source: None,
    opens: Period::Hours(48),
    due: Period::Days(7),
    numbers: &[],
    closed_by: &["DoorKeptOpen", "RejectionClosed"],
    by_hand: false,
    outlives_outcome: true,
    action: |candidate, owed| {
        Action::post(
            candidate,
            "record_door_kept_open",
            of_application(owed, "rejection/door-kept-open"),
            json!({}),
        )
    },
};

/// Come back on the day.
pub const REVISIT: Play = Play {
    name: "revisit",
    title: "Look in on {organisation} again",
    why: "This is the day you set yourself when you kept the door open.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Days(7),
    numbers: &[],
    closed_by: &["ApplicationOpened", "RejectionClosed", "NoteSent"],
    by_hand: false,
    outlives_outcome: true,
    action: |candidate, owed| {
        let application = owed.application.and_then(|id| candidate.application(id));
        let body = application.map_or_else(
            || json!({}),
            |it| json!({"organisation": it.organisation, "position": it.position}),
        );
        Action::post(candidate, "record_application_opened", "applications", body)
    },
};

/// The thanks, the question and the open door of each rejection. The question and the door open with the
/// thanks, its dismissal, or after 48 hours.
pub(crate) fn handle_rejection(application: &Application, owing: &mut Owing<'_>) {
    let interviewed = application
        .interviews
        .values()
        .any(|interview| interview.held.is_some());
    for rejection in application.rejections.values() {
        let (event, received) = rejection.received;
        let thanked = rejection.thanked(application);
        // An offer or a reopening after it takes the reason away.
        let reopened = application
            .moments
            .iter()
            .find(|moment| moment.stamp > received && matches!(moment.what, What::Offered(_) | What::Reopened));
        let reopened = reopened.map(|moment| moment.event);
        let mut thank = owing.raise(&THANK_FOR_REJECTION, rejection.id, event, received.at);
        thank.about = Some(rejection.id.into());
        thank.contact = rejection.from_contact;
        let spared = owing
            .candidate
            .marks
            .get(&thank.id)
            .and_then(|marks| marks.dismissed(None));
        owing.owe(thank.done(thanked).void_if(reopened.is_some(), reopened));

        let zone = application.zone(owing.candidate);
        let latest = |play| owing.opens_after(owing.opens(play), received.at, &zone);
        let latest = [&ASK_FEEDBACK, &KEEP_DOOR_OPEN].map(latest);
        let sooner = [thanked, spared]
            .into_iter()
            .flatten()
            .map(|(_, stamp)| stamp.at.max(received.at))
            .min();
        let mut follow_up = |play: &'static Play, latest: Timestamp, done: Option<(EventId, Stamp)>| {
            let opens_at = sooner.map_or(latest, |sooner| sooner.min(latest));
            let mut owed = owing.raise(play, rejection.id, event, received.at);
            owed.opens_at = opens_at;
            owed.due_at = Some(owing.due_after(owing.due(play), opens_at, &owed.zone));
            owed.about = Some(rejection.id.into());
            owed.contact = rejection.from_contact;
            owing.owe(owed.done(done).void_if(reopened.is_some(), reopened));
        };
        if interviewed {
            follow_up(&ASK_FEEDBACK, latest[0], rejection.asked(application).first().copied());
        }
        let door = rejection.doors.first().map(|door| (door.event, door.stamp));
        let closed = rejection.closed.as_ref().map(|(event, stamp, _)| (*event, *stamp));
        follow_up(
            &KEEP_DOOR_OPEN,
            latest[1],
            [door, closed].into_iter().flatten().min_by_key(|(_, stamp)| *stamp),
        );
    }
}

/// One task per rejection whose door was kept open, on the day to come back.
pub(crate) fn revisit(application: &Application, owing: &mut Owing<'_>) {
    let zone = application.zone(owing.candidate);
    for rejection in application.rejections.values() {
        let Some(door) = rejection.doors.last() else { continue };
        let mut owed = owing.raise(&REVISIT, rejection.id, door.event, door.stamp.at);
        owed.about = Some(rejection.id.into());
        owed.opens_at = opening(door.revisit_on.civil(), &zone);
        owed.due_at = Some(owing.due_after(owing.due(&REVISIT), owed.opens_at, &zone));
        let closed = rejection.closed.as_ref().map(|(event, stamp, _)| (*event, *stamp));
        let back = back_there(owing.candidate, application, door.stamp);
        let done = closed.filter(|(_, stamp)| *stamp > door.stamp).into_iter().chain(back);
        owing.owe(owed.done(done.min_by_key(|(_, stamp)| *stamp)));
    }
}

/// The first new application there, or touch of somebody there, after the door was kept open.
fn back_there(candidate: &Candidate, application: &Application, since: Stamp) -> Option<(EventId, Stamp)> {
    let name = application.organisation.name.as_str();
    let there = organisation_key(name);
    let applications = candidate
        .ties
        .applications_at(name)
        .filter_map(|id| candidate.application(id));
    let again = applications
        .filter(|other| other.id != application.id && organisation_key(other.organisation.name.as_str()) == there)
        .map(|other| other.opened);
    let contacts = candidate
        .ties
        .contacts_at(name)
        .filter_map(|id| candidate.contacts.get(&id));
    let touches = contacts
        .filter(|contact| contact.works_at(&there))
        .flat_map(|contact| contact.touches.iter().map(|(stamp, event)| (*event, *stamp)));
    again
        .chain(touches)
        .filter(|(_, stamp)| *stamp > since)
        .min_by_key(|(_, stamp)| *stamp)
}

/// A rejection, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Its id.
    pub id: RejectionId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// The fact that brought it, and when.
    pub received: (EventId, Stamp),
    channel: Channel,
    reason: Option<Text>,
    message: Option<Text>,
    from_contact: Option<ContactId>,
    requests: Vec<(EventId, Stamp)>,
    feedback: Vec<(Stamp, Text)>,
    doors: Vec<Door>,
    closed: Option<(EventId, Stamp, Option<Text>)>,
}

/// A date to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Door {
    event: EventId,
    stamp: Stamp,
    revisit_on: Date,
}

/// How far a rejection's handling has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RejectionStage)]
pub enum Stage {
    /// It came.
    Received,
    /// They were thanked.
    Thanked,
    /// Feedback was asked for.
    FeedbackRequested,
    /// Feedback came.
    FeedbackReceived,
    /// The door stays open.
    DoorOpen,
    /// It is done with.
    Closed,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Stage; 6] = [
        Stage::Received,
        Stage::Thanked,
        Stage::FeedbackRequested,
        Stage::FeedbackReceived,
        Stage::DoorOpen,
        Stage::Closed,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Received => "received",
            Stage::Thanked => "thanked",
            Stage::FeedbackRequested => "feedback_requested",
            Stage::FeedbackReceived => "feedback_received",
            Stage::DoorOpen => "door_open",
            Stage::Closed => "closed",
        }
    }
}

impl Rejection {
    /// The letters of a kind that went out for it since it came.
    fn letters<'a>(&'a self, application: &'a Application, kind: NoteKind) -> impl Iterator<Item = &'a Letter> {
        application.letters.iter().filter(move |letter| {
            let said = letter.about.and_then(|about| RejectionId::try_from(about).ok());
            let meant = said.or_else(|| application.rejection_before(letter.stamp));
            letter.kind == kind && letter.stamp > self.received.1 && meant == Some(self.id)
        })
    }

    fn thanked(&self, application: &Application) -> Option<(EventId, Stamp)> {
        self.letters(application, NoteKind::RejectionThanks)
            .next()
            .map(|letter| (letter.event, letter.stamp))
    }

    /// The requests for feedback, by when they were made.
    fn asked(&self, application: &Application) -> Vec<(EventId, Stamp)> {
        let letters = self
            .letters(application, NoteKind::FeedbackRequest)
            .map(|letter| (letter.event, letter.stamp));
        let mut asked: Vec<_> = self.requests.iter().copied().chain(letters).collect();
        asked.sort_by_key(|(_, stamp)| *stamp);
        asked
    }

    /// How far its handling has come.
    pub fn stage(&self, application: &Application) -> Stage {
        let door = self.doors.last().map(|door| door.stamp);
        match (self.closed.as_ref().map(|(_, stamp, _)| *stamp), door) {
            (Some(closed), door) if door.is_none_or(|door| door < closed) => return Stage::Closed,
            (_, Some(_)) => return Stage::DoorOpen,
            (_, None) => {}
        }
        if !self.feedback.is_empty() {
            Stage::FeedbackReceived
        } else if !self.asked(application).is_empty() {
            Stage::FeedbackRequested
        } else if self.thanked(application).is_some() {
            Stage::Thanked
        } else {
            Stage::Received
        }
    }

    /// Who brought it, where that is known.
    pub const fn from_contact(&self) -> Option<ContactId> {
        self.from_contact
    }

    /// The day to come back.
    pub fn revisit_on(&self) -> Option<Date> {
        self.doors.last().map(|door| door.revisit_on)
    }
}

impl Candidate {
    /// A rejection.
    pub fn rejection(&self, id: RejectionId) -> Option<&Rejection> {
        self.application(self.place_of(id.into())?)?
            .rejections
            .get(&id)
            .map(Arc::as_ref)
    }

    fn rejection_at(&self, at: &At) -> Option<&Rejection> {
        self.rejection(at.subject.try_into().ok()?)
    }

    fn change_rejection(&mut self, at: &At, change: impl FnOnce(&mut Rejection)) {
        let Ok(id) = RejectionId::try_from(at.subject) else {
            return;
        };
        let Some(application) = self.application_of(at) else {
            return;
        };
        let Some(rejection) = application.rejections.get_mut(&id) else {
            return;
        };
        let rejection = Arc::make_mut(rejection);
        rejection.version = at.version;
        change(rejection);
    }
}

/// A second request for feedback departs from the playbook.
pub(crate) fn asked_before(candidate: &Candidate, at: &At, about: Option<Subject>) -> Vec<Departure> {
    let application = at.application.and_then(|id| candidate.application(id));
    let meant = about.and_then(|about| candidate.rejection(about.try_into().ok()?));
    let asked = application.and_then(|it| Some(meant.or(it.newest_rejection())?.asked(it)));
    let departure = Departure {
        play: ASK_FEEDBACK.name.into(),
        reason: "Feedback was asked for before; once is enough.".into(),
        opens_at: None,
        due_at: None,
    };
    asked
        .filter(|asked| !asked.is_empty())
        .map(|_| departure)
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests;
