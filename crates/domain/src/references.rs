//! References. The rule: ask before naming somebody to an employer; tell those who agreed within a day of each interview
//! that a call may come, unless they were in the room; thank them when it is decided.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    applications::Application,
    candidate::Candidate,
    contacts::{ContactStatus, name_of},
    fact::At,
    ids::{ApplicationId, ConnectionId, ContactId, EventId, InterviewId, ReferenceId},
    notes::{NoteKind, suggest},
    play::{Action, Owing, Play},
    time::{Date, Period, Stamp, day},
    values::{Line, Text},
};

mod facts;
pub use facts::{
    ReferenceAgreed, ReferenceContacted, ReferenceDeclined, ReferenceNamed, ReferenceNotified, ReferenceRetired,
    ReferenceThanked,
};

/// Ask whether they will speak for you.
pub const BRIEF_REFERENCE: Play = Play {
    name: "brief_reference",
    title: "Ask {contact} whether they will be your reference, and tell them what for",
    why: "A reference who is called unprepared says less than they could, and may say what you would rather not hear.",
    source: Some(
        "Accountemps, 2019, n = 2,800 managers: 34 % of candidates were dropped after checks of their references.",
    ),
    opens: Period::AtOnce,
    due: Period::Days(3),
    numbers: &[],
    closed_by: &["ReferenceAgreed", "ReferenceDeclined"],
    by_hand: false,
    outlives_outcome: true,
    action: |candidate, owed| {
        let reference = owed.about.map(|id| id.to_string()).unwrap_or_default();
        Action::post(
            candidate,
            "record_reference_agreed",
            format!("references/{reference}/agreed"),
            json!({}),
        )
    },
};

/// Tell them that a call may come.
pub const NOTIFY_REFERENCE: Play = Play {
    name: "notify_reference",
    title: "Tell {contact} that {organisation} may call",
    why: "A reference who knows what was talked about can speak to it.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Hours(24),
    numbers: &[],
    closed_by: &["ReferenceNotified", "NoteSent"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| suggest(candidate, owed, NoteKind::ReferenceNotice),
};

/// One task per reference, due in three days, or when the next interview begins if that is sooner.
pub(crate) fn brief_reference(reference: &Reference, owing: &mut Owing<'_>) {
    let (event, named) = reference.named;
    let mut owed = owing.raise(&BRIEF_REFERENCE, reference.id, event, named.at);
    owed.about = Some(reference.id.into());
    owed.contact = Some(reference.contact);
    let next = owing
        .candidate
        .ties
        .next_interview(named.at)
        .map(|(starts_at, _)| starts_at);
    owed.due_at = owed.due_at.into_iter().chain(next).min();
    let answered = [
        reference.agreed.as_ref().map(|it| (it.event, it.stamp)),
        reference.declined,
    ];
    let answered = answered.into_iter().flatten().min_by_key(|(_, stamp)| *stamp);
    let gone = reference.gone(owing.candidate);
    owing.owe(owed.done(answered).void_if(gone.is_some(), gone.flatten()));
}

/// One task per interview and reference who speaks for the candidate and was not in the room, dated from the later of the
/// two. Whoever agrees afterwards hears of the latest interview alone.
pub(crate) fn notify_reference(application: &Application, owing: &mut Owing<'_>) {
    let candidate = owing.candidate;
    for interview in application.interviews.values() {
        let Some(held) = &interview.held else { continue };
        for reference in candidate.references.values() {
            let Some(agreed) = &reference.agreed else { continue };
            let afterwards = agreed.stamp.at > held.stamp.at;
            let since = held.stamp.max(agreed.stamp);
            let speaks = reference.speaks_at(since, day(since.at, &interview.time_zone).into());
            let told_of_another = afterwards && latest_held(application, agreed.stamp.at) != Some(interview.id);
            if !speaks || told_of_another || interview.interviewers().contains(&reference.contact) {
                continue;
            }
            let key = format_args!("{}|{}", interview.id, reference.id);
            let mut owed = owing.raise(&NOTIFY_REFERENCE, key, held.event, since.at);
            owed.raised_by.extend(afterwards.then_some(agreed.event));
            owed.interview = Some(interview.id);
            owed.contact = Some(reference.contact);
            owed.about = Some(reference.id.into());
            owed.zone = interview.time_zone.get().clone();
            let told = application.helped.iter().find(|helped| {
                let of_this = match helped.heard {
                    Heard::Notice(Some(of)) => of == interview.id,
                    // A note that names no interview is about the latest one held before it.
                    Heard::Notice(None) => latest_held(application, helped.stamp.at) == Some(interview.id),
                    Heard::Check | Heard::Thanks => false,
                };
                helped.helper == Helper::Reference(reference.id) && of_this
            });
            let gone = reference.gone(candidate);
            let owed = owed.done(told.map(|it| (it.event, it.stamp)));
            owing.owe(owed.void_if(gone.is_some(), gone.flatten()));
        }
    }
}

fn latest_held(application: &Application, by: Timestamp) -> Option<InterviewId> {
    let held = application
        .interviews
        .values()
        .filter_map(|it| Some((it.ended_at()?, it.id)));
    held.filter(|(ended_at, _)| *ended_at <= by).max().map(|(_, id)| id)
}

/// Somebody who helps: by speaking for the candidate, or with whom they know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Helper {
    Reference(ReferenceId),
    Connection(ConnectionId),
}

/// What a helper heard of an application, or was told for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// That an interview was held.
    Notice(Option<InterviewId>),
    /// The organisation's questions.
    Check,
    /// Thanks.
    Thanks,
}

/// When.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Helped {
    pub(crate) stamp: Stamp,
    pub(crate) event: EventId,
    pub(crate) helper: Helper,
    pub(crate) heard: Heard,
}

impl Application {
    /// A helper heard of it.
    pub(crate) fn hears(&mut self, at: &At, helper: Helper, heard: Heard) {
        let place = self.helped.partition_point(|other| other.stamp <= at.stamp());
        let helped = Helped {
            stamp: at.stamp(),
            event: at.event,
            helper,
            heard,
        };
        self.helped.insert(place, helped);
    }
}

/// A contact who speaks for the candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reference {
    /// Its id.
    pub id: ReferenceId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Where it stands.
    pub status: ReferenceStatus,
    /// Who it is.
    pub contact: ContactId,
    /// How they know the candidate.
    pub relationship: Line,
    /// What they would rather not speak about, or when not to call.
    pub limits: Option<Text>,
    /// The last day on which they speak for the candidate.
    pub until_on: Option<Date>,
    /// Why they declined, or why they are no longer named.
    pub reason: Option<Text>,
    /// What they were told, and by whom they were asked.
    pub notices: Vec<ReferenceNotice>,
    #[serde(skip)]
    named: (EventId, Stamp),
    #[serde(skip)]
    agreed: Option<Agreed>,
    #[serde(skip)]
    declined: Option<(EventId, Stamp)>,
    #[serde(skip)]
    retired: Option<(EventId, Stamp)>,
}

/// That somebody agreed to speak for the candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Agreed {
    event: EventId,
    stamp: Stamp,
    until_on: Option<Date>,
}

/// Where a reference stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceStatus {
    /// They have not been asked yet, or have not answered.
    Named,
    /// They speak for the candidate.
    Agreed,
    /// They would rather not.
    Declined,
    /// They are no longer named.
    Retired,
}

/// What a reference heard of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReferenceNotice {
    /// What happened.
    pub kind: ReferenceNoticeKind,
    /// The application.
    pub application: ApplicationId,
    /// The interview, where it was about one.
    pub interview: Option<InterviewId>,
    /// When.
    #[schema(value_type = crate::time::Instant)]
    pub at: Timestamp,
}

/// What happened between a reference and an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceNoticeKind {
    /// They were told that a call may come.
    Notified,
    /// The organisation asked them.
    Contacted,
    /// They were thanked.
    Thanked,
}

impl Reference {
    /// Whether they have not answered yet.
    pub(crate) const fn is_asked(&self) -> bool {
        self.agreed.is_none() && self.declined.is_none() && self.retired.is_none()
    }

    /// All that says whether they speak for the candidate.
    pub(crate) fn speaks(&self) -> (ReferenceStatus, Option<Date>, Option<Stamp>) {
        let agreed = self.agreed.as_ref();
        (
            self.status,
            agreed.and_then(|it| it.until_on),
            agreed.map(|it| it.stamp),
        )
    }

    /// Whether they had agreed by then, and for long enough.
    fn speaks_at(&self, stamp: Stamp, today: Date) -> bool {
        let ended = [self.declined, self.retired].into_iter().flatten();
        self.agreed.as_ref().is_some_and(|agreed| {
            let over = ended
                .map(|(_, ended)| ended)
                .any(|ended| ended > agreed.stamp && ended.at <= stamp.at);
            agreed.stamp.at <= stamp.at && !over && agreed.until_on.is_none_or(|until| today <= until)
        })
    }

    /// Whether nothing can be asked of them any more, and the fact that says so.
    fn gone(&self, candidate: &Candidate) -> Option<Option<EventId>> {
        let card = candidate.contacts.get(&self.contact);
        let erased = card.is_none_or(|card| card.status == ContactStatus::Erased);
        match self.retired {
            Some((event, _)) => Some(Some(event)),
            None => erased.then_some(None),
        }
    }

    fn settle(&mut self) {
        let answers = [
            self.agreed.as_ref().map(|it| (it.stamp, ReferenceStatus::Agreed)),
            self.declined.map(|(_, stamp)| (stamp, ReferenceStatus::Declined)),
            self.retired.map(|(_, stamp)| (stamp, ReferenceStatus::Retired)),
        ];
        let latest = answers.into_iter().flatten().max_by_key(|(stamp, _)| *stamp);
        self.status = latest.map_or(ReferenceStatus::Named, |(_, status)| status);
        self.until_on = self.agreed.as_ref().and_then(|agreed| agreed.until_on);
    }
}

impl Candidate {
    /// A reference as clients see it, with what it heard of applications.
    pub fn reference(&self, id: ReferenceId) -> Option<Reference> {
        let mut reference = (**self.references.get(&id)?).clone();
        let heard = self.applications.values().flat_map(|application| {
            let of_it = application
                .helped
                .iter()
                .filter(|it| it.helper == Helper::Reference(id));
            of_it.map(|it| ReferenceNotice {
                kind: match it.heard {
                    Heard::Notice(_) => ReferenceNoticeKind::Notified,
                    Heard::Check => ReferenceNoticeKind::Contacted,
                    Heard::Thanks => ReferenceNoticeKind::Thanked,
                },
                application: application.id,
                interview: match it.heard {
                    Heard::Notice(interview) => interview,
                    Heard::Check | Heard::Thanks => None,
                },
                at: it.stamp.at,
            })
        });
        reference.notices = heard.collect();
        reference
            .notices
            .sort_by_key(|notice| (notice.at, notice.application, notice.kind));
        Some(reference)
    }

    fn reference_at(&self, at: &At) -> Option<&Arc<Reference>> {
        self.references.get(&ReferenceId::try_from(at.subject).ok()?)
    }

    fn change_reference(&mut self, at: &At, change: impl FnOnce(&mut Reference)) {
        let Ok(id) = ReferenceId::try_from(at.subject) else {
            return;
        };
        if let Some(reference) = self.references.get_mut(&id).map(Arc::make_mut) {
            reference.version = at.version;
            change(reference);
            reference.settle();
        }
    }

    /// A reference heard of the fact's application.
    fn reference_hears(&mut self, at: &At, heard: Heard, touches: bool) {
        let Ok(id) = ReferenceId::try_from(at.subject) else {
            return;
        };
        self.change_reference(at, |_| ());
        if let Some(application) = self.application_of(at) {
            application.hears(at, Helper::Reference(id), heard);
        }
        let contact = self.references.get(&id).map(|it| it.contact);
        contact
            .filter(|_| touches)
            .into_iter()
            .for_each(|it| self.touched(it, at));
    }
}

fn who(candidate: &Candidate, at: &At) -> String {
    candidate
        .reference_at(at)
        .map_or_else(|| "a reference".to_owned(), |it| name_of(candidate, it.contact))
}

#[cfg(test)]
mod tests;
