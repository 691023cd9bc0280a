//! Interviews: one round of an application. Everything that follows is dated from the moment an
//! interview ended, in its own zone, so the first thing owed is to record that it was held, and with whom.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    applications::Application,
    candidate::Candidate,
    debrief::Debriefed,
    fact::At,
    ids::{ApplicationId, ContactId, EventId, InterviewId},
    play::{Action, Owing, Play},
    playbook::Numbered,
    refusal::Refusal,
    status::What,
    time::{Dated, Instant, Period, Stamp, Zone},
    values::{Line, Text},
};

mod facts;
pub use facts::{InterviewCancelled, InterviewHeld, InterviewRescheduled, InterviewScheduled, InterviewersNamed};

/// Bring along what is to be asked.
pub const BRING_QUESTIONS: Play = Play {
    name: "bring_questions",
    title: "Bring your questions to {organisation}",
    why: "Ask when they decide, how each likes to be contacted and what the next round asks, and tell a large firm that you know it takes a while: what was asked in the room need not be guessed afterwards.",
    source: None,
    opens: Period::AtOnce,
    due: Period::AtOnce,
    numbers: &[BEFORE],
    closed_by: &[],
    by_hand: true,
    outlives_outcome: false,
    action: |candidate, owed| {
        Action::post(
            candidate,
            "record_task_completed",
            format!("tasks/{}/completed", owed.id),
            json!({}),
        )
    },
};

/// How long before the interview its questions are packed.
const BEFORE: Numbered = Numbered::period(
    "before",
    Period::Days(1),
    "how long before the interview its questions are packed",
);

/// Record the interview as soon as it is over.
pub const RECORD_INTERVIEW: Play = Play {
    name: "record_interview",
    title: "Record how the interview at {organisation} went",
    why: "Every deadline that follows counts from the moment the interview ended.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Hours(4),
    numbers: &[],
    closed_by: &["InterviewHeld", "InterviewCancelled"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| {
        let ended_at = Instant::in_zone(owed.opens_at, &owed.zone);
        step(
            candidate,
            owed.interview,
            "record_interview_held",
            "held",
            json!({"ended_at": ended_at}),
        )
    },
};

/// Name everyone who was there.
pub const NAME_INTERVIEWERS: Play = Play {
    name: "name_interviewers",
    title: "Name everyone who interviewed you at {organisation}",
    why: "A thank-you is owed to each of them by name, and a name is soonest forgotten.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Hours(12),
    numbers: &[],
    closed_by: &["InterviewersNamed"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| {
        step(
            candidate,
            owed.interview,
            "record_interviewers_named",
            "interviewers",
            json!({"interviewers": []}),
        )
    },
};

fn step(
    candidate: &Candidate,
    interview: Option<InterviewId>,
    operation: &'static str,
    step: &str,
    body: serde_json::Value,
) -> Action {
    let interview = interview.map(|id| id.to_string()).unwrap_or_default();
    Action::post(candidate, operation, format!("interviews/{interview}/{step}"), body)
}

/// One task per interview, from the day before until it begins.
pub(crate) fn bring_questions(application: &Application, owing: &mut Owing<'_>) {
    for interview in application.interviews.values() {
        let starts_at = interview.starts_at.timestamp();
        let (scheduled, arranged) = interview.scheduled;
        if arranged.at >= starts_at {
            // It was written down afterwards.
            continue;
        }
        let mut owed = owing.raise(&BRING_QUESTIONS, interview.id, scheduled, starts_at);
        owed.interview = Some(interview.id);
        owed.zone = interview.time_zone.get().clone();
        let before = owing.period(&BRING_QUESTIONS, &BEFORE);
        owed.opens_at = before.before(starts_at, &owed.zone, &owing.candidate.playbook.holidays);
        owed.due_at = Some(starts_at);
        let held = interview.held.as_ref().map(|held| held.event);
        let over = held.or(interview.cancelled.as_ref().map(|it| it.event));
        owing.owe(owed.void_if(over.is_some(), over));
    }
}

/// One task per interview, from its end.
pub(crate) fn record_interview(application: &Application, owing: &mut Owing<'_>) {
    for interview in application.interviews.values() {
        let ends_at = interview.ends_at.timestamp();
        let mut owed = owing.raise(&RECORD_INTERVIEW, interview.id, interview.scheduled.0, ends_at);
        owed.interview = Some(interview.id);
        owed.zone = interview.time_zone.get().clone();
        let held = interview.held.as_ref().map(|held| (held.event, held.stamp));
        let cancelled = interview.cancelled.as_ref().map(|it| (it.event, it.stamp));
        owing.owe(owed.done(held.or(cancelled)));
    }
}

/// One task per interview that was held with nobody named.
pub(crate) fn name_interviewers(application: &Application, owing: &mut Owing<'_>) {
    for interview in application.interviews.values() {
        let Some(held) = &interview.held else { continue };
        if !interview.interviewers_at(held.stamp).is_empty() {
            continue;
        }
        let mut owed = owing.raise(&NAME_INTERVIEWERS, interview.id, held.event, held.stamp.at);
        owed.interview = Some(interview.id);
        let named = interview
            .named
            .iter()
            .find(|named| named.stamp > held.stamp && !named.interviewers.is_empty());
        owing.owe(owed.done(named.and_then(|named| named.event.map(|event| (event, named.stamp)))));
    }
}

/// How an interview is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = InterviewFormat)]
pub enum Format {
    /// At the organisation.
    Onsite,
    /// In a video call.
    Video,
    /// On the telephone.
    Phone,
    /// A test or an assessment centre.
    Assessment,
}

/// Which side cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The candidate.
    Candidate,
    /// The organisation.
    Organisation,
}

/// One round of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interview {
    /// Its id.
    pub id: InterviewId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Which round it is.
    pub round: u16,
    /// When it begins.
    pub starts_at: Dated<Instant>,
    /// When it ends.
    pub ends_at: Dated<Instant>,
    /// The zone it takes place in.
    pub time_zone: Dated<Zone>,
    /// How it is held.
    pub format: Dated<Format>,
    /// Where it takes place.
    pub location: Dated<Option<Line>>,
    pub(crate) scheduled: (EventId, Stamp),
    pub(crate) named: Vec<Named>,
    pub(crate) held: Option<Held>,
    pub(crate) cancelled: Option<Cancelled>,
    pub(crate) debriefed: Option<Debriefed>,
}

/// A list of interviewers, and since when it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) stamp: Stamp,
    pub(crate) event: Option<EventId>,
    pub(crate) interviewers: Arc<[ContactId]>,
}

/// That it was held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) event: EventId,
    pub(crate) stamp: Stamp,
    pub(crate) ended_at: Instant,
    impression: Option<Text>,
}

/// That it was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cancelled {
    event: EventId,
    stamp: Stamp,
    by: Side,
    reason: Option<Text>,
}

/// Where an interview stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InterviewStatus {
    /// It lies ahead, or nobody has said yet that it was held.
    Scheduled,
    /// It was held.
    Held,
    /// It did not take place.
    Cancelled,
}

/// An interview as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Interview)]
pub struct InterviewView {
    /// Its id.
    pub id: InterviewId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Where it stands.
    pub status: InterviewStatus,
    /// Which round it is.
    pub round: u16,
    /// When it begins.
    pub starts_at: Instant,
    /// When it ends, as arranged.
    pub ends_at: Instant,
    /// The zone it takes place in.
    pub time_zone: Zone,
    /// How it is held.
    pub format: Format,
    /// Where it takes place.
    pub location: Option<Line>,
    /// Who interviews, or did.
    pub interviewers: Vec<ContactId>,
    /// When it really ended.
    pub ended_at: Option<Instant>,
    /// The first impression.
    pub impression: Option<Text>,
    /// Which side cancelled it.
    pub cancelled_by: Option<Side>,
    /// Why it was cancelled.
    pub reason: Option<Text>,
}

impl Interview {
    /// Whether it was neither held nor cancelled.
    pub const fn is_ahead(&self) -> bool {
        self.held.is_none() && self.cancelled.is_none()
    }

    /// When it really ended, once it was held.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.held.as_ref().map(|held| held.ended_at.timestamp())
    }

    /// Who interviews, or did, as far as is known now.
    pub fn interviewers(&self) -> &[ContactId] {
        self.named.last().map_or(&[], |named| &named.interviewers)
    }

    /// Who was named by then.
    pub(crate) fn interviewers_at(&self, stamp: Stamp) -> &[ContactId] {
        self.named
            .iter()
            .rev()
            .find(|named| named.stamp <= stamp)
            .map_or(&[], |named| &named.interviewers)
    }

    fn name(&mut self, stamp: Stamp, event: EventId, interviewers: &[ContactId]) {
        let place = self.named.partition_point(|other| other.stamp <= stamp);
        self.named.insert(
            place,
            Named {
                stamp,
                event: Some(event),
                interviewers: interviewers.into(),
            },
        );
    }

    /// The interview as clients see it.
    pub fn view(&self) -> InterviewView {
        InterviewView {
            id: self.id,
            application: self.application,
            version: self.version,
            status: match (&self.held, &self.cancelled) {
                (Some(_), _) => InterviewStatus::Held,
                (None, Some(_)) => InterviewStatus::Cancelled,
                (None, None) => InterviewStatus::Scheduled,
            },
            round: self.round,
            starts_at: *self.starts_at.get(),
            ends_at: *self.ends_at.get(),
            time_zone: self.time_zone.get().clone(),
            format: *self.format.get(),
            location: self.location.get().clone(),
            interviewers: self.interviewers().to_vec(),
            ended_at: self.held.as_ref().map(|held| held.ended_at),
            impression: self.held.as_ref().and_then(|held| held.impression.clone()),
            cancelled_by: self.cancelled.as_ref().map(|cancelled| cancelled.by),
            reason: self.cancelled.as_ref().and_then(|cancelled| cancelled.reason.clone()),
        }
    }
}

impl Candidate {
    /// An interview.
    pub fn interview(&self, id: InterviewId) -> Option<&Interview> {
        self.application(self.place_of(id.into())?)?
            .interviews
            .get(&id)
            .map(Arc::as_ref)
    }

    fn interview_at(&self, at: &At) -> Option<&Interview> {
        self.interview(at.subject.try_into().ok()?)
    }

    /// Changes an interview, and notes what happened.
    pub(crate) fn change_interview(&mut self, at: &At, change: impl FnOnce(&mut Interview) -> Option<What>) {
        let Ok(id) = InterviewId::try_from(at.subject) else {
            return;
        };
        let Some(application) = self.application_of(at) else {
            return;
        };
        let Some(interview) = application.interviews.get_mut(&id) else {
            return;
        };
        let interview = Arc::make_mut(interview);
        interview.version = at.version;
        if let Some(what) = change(interview) {
            application.happened(at, what);
        }
    }
}

/// A time in a place: the zone must know the offset, and the end must come after the start.
fn admit_times(starts_at: Instant, ends_at: Instant, zone: &Zone) -> Result<(), Refusal> {
    for (pointer, instant) in [("/starts_at", starts_at), ("/ends_at", ends_at)] {
        if !instant.suits(zone) {
            let right = Instant::in_zone(instant.timestamp(), zone);
            return Err(Refusal::invalid(
                pointer,
                format!(
                    "has an offset that {} does not use then: it would be {right}",
                    zone.name()
                ),
            ));
        }
    }
    if ends_at.timestamp() <= starts_at.timestamp() {
        return Err(
            Refusal::new("ends_before_start", "The interview would end before it starts.")
                .at("/ends_at", "must be later than starts_at"),
        );
    }
    Ok(())
}

/// An interview that was held or cancelled can be neither moved nor cancelled.
fn admit_ahead(candidate: &Candidate, at: &At) -> Result<(), Refusal> {
    let interview = candidate.interview_at(at);
    if interview.is_some_and(|interview| interview.held.is_some()) {
        let told = "The interview was held: take that fact back first.";
        return Err(Refusal::new("interview_already_held", told));
    }
    if interview.is_some_and(|interview| interview.cancelled.is_some()) {
        return Err(was_cancelled());
    }
    Ok(())
}

pub(crate) fn was_cancelled() -> Refusal {
    Refusal::new(
        "interview_cancelled",
        "The interview was cancelled: take that fact back first.",
    )
}

#[cfg(test)]
mod tests;
