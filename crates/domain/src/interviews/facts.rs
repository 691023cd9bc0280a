//! The facts about interviews.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Cancelled, Format, Held, Interview, Named, Side, admit_ahead, admit_times, was_cancelled};
use crate::{
    applications::organisation,
    candidate::Candidate,
    contacts::names_of,
    fact::{At, Fact, Place, mention_all},
    ids::{ContactId, InterviewId, Subject},
    refusal::Refusal,
    status::What,
    time::{Dated, Instant, Stamp, Zone, in_words, within_reach},
    values::{Line, Text, few},
};

/// An interview is arranged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "starts_at": "2026-03-02T10:00:00+01:00",
    "ends_at": "2026-03-02T11:30:00+01:00",
    "time_zone": "Europe/Berlin",
    "format": "video"
}))]
pub struct InterviewScheduled {
    /// When it begins; may be past.
    #[serde(deserialize_with = "within_reach")]
    pub starts_at: Instant,
    /// When it ends.
    #[serde(deserialize_with = "within_reach")]
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
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "few")]
    #[schema(required = false, max_items = 100)]
    pub interviewers: Vec<ContactId>,
}

/// The interview moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "starts_at": "2026-03-03T10:00:00+01:00",
    "ends_at": "2026-03-03T11:30:00+01:00",
    "time_zone": "Europe/Berlin"
}))]
pub struct InterviewRescheduled {
    /// When it begins now.
    #[serde(deserialize_with = "within_reach")]
    pub starts_at: Instant,
    /// When it ends now.
    #[serde(deserialize_with = "within_reach")]
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
    #[serde(deserialize_with = "within_reach")]
    pub ended_at: Instant,
    /// Who was really there; left out: those who were named before.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "few")]
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
    #[serde(deserialize_with = "few")]
    #[schema(max_items = 100)]
    pub interviewers: Vec<ContactId>,
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
            debriefed: None,
        };
        application.interviews.insert(id, Arc::new(interview));
        // One that is written down afterwards was arranged before it began, at the latest.
        application.happened_by(at, self.starts_at.timestamp(), What::Scheduled(id));
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
        candidate.looked(at, true);
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
