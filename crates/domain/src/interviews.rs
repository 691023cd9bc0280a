//! Interviews: one round of an application. Everything that follows is dated from the moment an
//! interview ended, in its own zone, so the first thing owed is to record that it was held, and with whom.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    applications::{Application, organisation},
    candidate::Candidate,
    contacts::names_of,
    fact::{At, Fact, Place, mention_all},
    ids::{ApplicationId, ContactId, EventId, InterviewId, Subject},
    play::{Action, Owing, Play},
    refusal::Refusal,
    status::What,
    time::{Dated, Instant, Period, Stamp, Zone, in_words},
    values::{Line, Text},
};

/// Record the interview as soon as it is over.
pub const RECORD_INTERVIEW: Play = Play {
    name: "record_interview",
    title: "Record how the interview at {organisation} went",
    why: "Every deadline that follows counts from the moment the interview ended.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Hours(4),
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

/// An interview is arranged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InterviewScheduled {
    /// When it begins; may be past.
    pub starts_at: Instant,
    /// When it ends.
    pub ends_at: Instant,
    /// The zone it takes place in: deadlines that follow count there.
    pub time_zone: Zone,
    /// How it is held.
    pub format: Format,
    /// Which round it is, from 1; the next one where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 100)]
    pub round: Option<u16>,
    /// Where it takes place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub location: Option<Line>,
    /// Who will interview, as far as is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub interviewers: Vec<ContactId>,
}

/// The interview moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InterviewRescheduled {
    /// When it begins now.
    pub starts_at: Instant,
    /// When it ends now.
    pub ends_at: Instant,
    /// The zone it takes place in.
    pub time_zone: Zone,
    /// Where it takes place now; left out: where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub location: Option<Line>,
    /// How it is held now; left out: as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub format: Option<Format>,
}

/// The interview will not take place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InterviewCancelled {
    /// Which side cancelled.
    pub by: Side,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Text>,
}

/// The interview was held: what follows begins to count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InterviewHeld {
    /// When it ended.
    pub ended_at: Instant,
    /// Who was really there; left out: those who were named before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub interviewers: Option<Vec<ContactId>>,
    /// The first impression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub impression: Option<Text>,
}

/// The list of interviewers is replaced, before or after the interview was held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InterviewersNamed {
    /// Everyone who interviews, or did.
    #[schema(max_items = 100)]
    pub interviewers: Vec<ContactId>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
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
    fn change_interview(&mut self, at: &At, change: impl FnOnce(&mut Interview) -> Option<What>) {
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

fn was_cancelled() -> Refusal {
    Refusal::new("interview_cancelled", "The interview was cancelled: take that fact back first.")
}

impl Fact for InterviewScheduled {
    const NAME: &'static str = "InterviewScheduled";
    type Subject = InterviewId;
    const PLACE: Place = Place::NewWithin;
    const THEIRS: bool = true;

    fn mentions(&self) -> Vec<(String, Subject)> {
        mention_all("/interviewers", &self.interviewers)
    }

    fn complete(&mut self, candidate: &Candidate, at: &At) {
        let application = at.application.and_then(|id| candidate.application(id));
        let rounds = application
            .into_iter()
            .flat_map(|application| application.interviews.values());
        let taken = rounds
            .filter(|interview| interview.cancelled.is_none())
            .map(|interview| interview.round)
            .max();
        self.round = self.round.or(Some(taken.unwrap_or(0).saturating_add(1)));
    }

    fn repeats(&self, recorded: &Self) -> bool {
        Self {
            round: self.round.or(recorded.round),
            ..self.clone()
        } == *recorded
    }

    fn admit(&self, _: &Candidate, _: &At) -> Result<(), Refusal> {
        if self.round.is_some_and(|round| !(1..=100).contains(&round)) {
            return Err(Refusal::invalid("/round", "must be between 1 and 100"));
        }
        admit_times(self.starts_at, self.ends_at, &self.time_zone)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = InterviewId::try_from(at.subject) else {
            return;
        };
        let Some(application) = candidate.application_of(at) else {
            return;
        };
        let interview = Interview {
            id,
            application: application.id,
            version: at.version,
            round: self.round.unwrap_or(1),
            starts_at: Dated::base(self.starts_at),
            ends_at: Dated::base(self.ends_at),
            time_zone: Dated::base(self.time_zone.clone()),
            format: Dated::base(self.format),
            location: Dated::base(self.location.clone()),
            scheduled: (at.event, at.stamp()),
            named: vec![Named {
                stamp: Stamp::BASE,
                event: None,
                interviewers: self.interviewers.as_slice().into(),
            }],
            held: None,
            cancelled: None,
        };
        application.interviews.insert(id, Arc::new(interview));
        application.happened(at, What::Scheduled(id));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        let when = in_words(self.starts_at.timestamp(), &self.time_zone);
        match names_of(candidate, &self.interviewers) {
            Some(names) => format!("An interview at {organisation} was arranged for {when}, with {names}."),
            None => format!("An interview at {organisation} was arranged for {when}."),
        }
    }
}

impl Fact for InterviewRescheduled {
    const NAME: &'static str = "InterviewRescheduled";
    type Subject = InterviewId;
    const PLACE: Place = Place::Step;
    const THEIRS: bool = true;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_ahead(candidate, at)?;
        admit_times(self.starts_at, self.ends_at, &self.time_zone)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let since = at.stamp();
        candidate.change_interview(at, |interview| {
            interview.starts_at.offer(since, self.starts_at);
            interview.ends_at.offer(since, self.ends_at);
            interview.time_zone.offer(since, self.time_zone.clone());
            if let Some(location) = &self.location {
                interview.location.offer(since, Some(location.clone()));
            }
            if let Some(format) = self.format {
                interview.format.offer(since, format);
            }
            Some(What::Rescheduled)
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let when = in_words(self.starts_at.timestamp(), &self.time_zone);
        format!(
            "The interview at {} moved to {when}.",
            organisation(candidate, at.application)
        )
    }
}

impl Fact for InterviewCancelled {
    const NAME: &'static str = "InterviewCancelled";
    type Subject = InterviewId;
    const PLACE: Place = Place::Step;
    const THEIRS: bool = true;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        match candidate.interview_at(at).map(|interview| &interview.cancelled) {
            Some(Some(_)) => Err(Refusal::already_recorded("The interview was cancelled already.")),
            Some(None) | None => admit_ahead(candidate, at),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.change_interview(at, |interview| {
            let Self { by, reason } = self.clone();
            interview.cancelled = Some(Cancelled {
                event: at.event,
                stamp: at.stamp(),
                by,
                reason,
            });
            Some(match by {
                Side::Organisation => What::CancelledByThem(interview.id),
                Side::Candidate => What::CancelledByCandidate(interview.id),
            })
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        match self.by {
            Side::Candidate => format!("Cancelled the interview at {organisation}."),
            Side::Organisation => format!("{organisation} cancelled the interview."),
        }
    }
}

impl Fact for InterviewHeld {
    const NAME: &'static str = "InterviewHeld";
    type Subject = InterviewId;
    const PLACE: Place = Place::Step;

    fn happened_at(&self) -> Option<(&'static str, Timestamp)> {
        Some(("/ended_at", self.ended_at.timestamp()))
    }

    fn mentions(&self) -> Vec<(String, Subject)> {
        mention_all("/interviewers", self.interviewers.as_deref().unwrap_or_default())
    }

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        let Some(interview) = candidate.interview_at(at) else {
            return Ok(());
        };
        if interview.held.is_some() {
            return Err(Refusal::already_recorded("The interview was recorded as held already."));
        }
        if interview.cancelled.is_some() {
            return Err(was_cancelled());
        }
        if !self.ended_at.suits(&interview.time_zone) {
            let right = Instant::in_zone(self.ended_at.timestamp(), &interview.time_zone);
            let told = format!(
                "has an offset that {} does not use then: it would be {right}",
                interview.time_zone.name()
            );
            return Err(Refusal::invalid("/ended_at", told));
        }
        if self.ended_at.timestamp() < interview.starts_at.timestamp() {
            let told = format!(
                "The interview begins at {}: it cannot have ended before.",
                interview.starts_at.get()
            );
            return Err(Refusal::new("interview_not_begun", told)
                .at("/ended_at", "must not be earlier than the interview's starts_at"));
        }
        Ok(())
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.change_interview(at, |interview| {
            if let Some(interviewers) = &self.interviewers {
                interview.name(at.stamp(), at.event, interviewers);
            }
            let Self {
                ended_at, impression, ..
            } = self.clone();
            interview.held = Some(Held {
                event: at.event,
                stamp: at.stamp(),
                ended_at,
                impression,
            });
            Some(What::Held(interview.id))
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        let interviewers = candidate.interview_at(at).map_or(&[][..], Interview::interviewers);
        match names_of(candidate, interviewers) {
            Some(names) => format!("The interview at {organisation} was held, with {names}."),
            None => format!("The interview at {organisation} was held."),
        }
    }
}

impl Fact for InterviewersNamed {
    const NAME: &'static str = "InterviewersNamed";
    type Subject = InterviewId;
    const PLACE: Place = Place::Step;

    fn mentions(&self) -> Vec<(String, Subject)> {
        mention_all("/interviewers", &self.interviewers)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.change_interview(at, |interview| {
            interview.name(at.stamp(), at.event, &self.interviewers);
            None
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        match names_of(candidate, &self.interviewers) {
            Some(names) => format!("The interviewers at {organisation}: {names}."),
            None => format!("Nobody is named as interviewer at {organisation}."),
        }
    }
}

#[cfg(test)]
mod tests;
