//! The next round. The rule: ask within a day what it will be; each item that they name is prepared by its own
//! date, else on the day before the round. The latest announcement counts.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    applications::{Application, organisation},
    candidate::Candidate,
    contacts::name_of,
    fact::{At, Fact, Place, mention_if},
    ids::{ApplicationId, ContactId, EventId, InterviewId, NextRoundId, NextRoundQuestionId, Subject},
    interviews::{Format, Interview},
    play::{Action, Ending, Owed, Owing, Play, of_application},
    refusal::Refusal,
    status::What,
    time::{Date, Period, Stamp, Zone, closing, day},
    values::{Channel, Line, few},
};

/// Ask what the next round will be.
pub const ASK_NEXT_ROUND: Play = Play {
    name: "ask_next_round",
    title: "Ask {organisation} what the next round will be",
    why: "Whoever knows early what comes next has the time to prepare for it.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Hours(24),
    numbers: &[],
    closed_by: &["NextRoundAsked", "NextRoundAnnounced", "InterviewScheduled"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| {
        Action::post(
            candidate,
            "record_next_round_asked",
            of_application(owed, "next-round-questions"),
            json!({"channel": "email"}),
        )
    },
};

/// Prepare an item of the next round.
pub const PREPARE_NEXT_ROUND: Play = Play {
    name: "prepare_next_round",
    title: "Prepare for the next round at {organisation}: {about}",
    why: "They said what they will look at: what is prepared a day ahead leaves the night before for sleep.",
    source: None,
    opens: Period::AtOnce,
    due: Period::AtOnce,
    numbers: &[],
    closed_by: &["RequirementPrepared"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| {
        let round = owed.about.map(|id| id.to_string()).unwrap_or_default();
        Action::post(
            candidate,
            "record_requirement_prepared",
            format!("next-rounds/{round}/prepared"),
            json!({"item": &*owed.words}),
        )
    },
};

/// One task per application, from the last interview that was held with no next round known and none ahead.
pub(crate) fn ask_next_round(application: &Application, owing: &mut Owing<'_>) {
    let mut known: Option<Timestamp> = None;
    let mut ahead: Vec<InterviewId> = Vec::new();
    let mut owed: Option<Owed> = None;
    for moment in &application.moments {
        match moment.what {
            What::Scheduled(interview) => ahead.push(interview),
            What::Held(interview) => {
                ahead.retain(|other| *other != interview);
                let began = application
                    .interviews
                    .get(&interview)
                    .map(|it| it.starts_at.timestamp());
                known = known.filter(|known| began.is_none_or(|began| began <= *known));
                if known.is_none() && ahead.is_empty() {
                    let mut task = owing.raise(&ASK_NEXT_ROUND, application.id, moment.event, moment.stamp.at);
                    task.interview = Some(interview);
                    owed = Some(task);
                }
            }
            What::CancelledByThem(interview) | What::CancelledByCandidate(interview) => {
                ahead.retain(|other| *other != interview);
            }
            What::AnnouncedNextRound(_) => known = Some(moment.stamp.at),
            _ => {}
        }
        if matches!(
            moment.what,
            What::AskedNextRound | What::AnnouncedNextRound(_) | What::Scheduled(_)
        ) {
            owed = owed.map(|task| match task.ending {
                Ending::Live => task.done(Some((moment.event, moment.stamp))),
                Ending::Done(..) | Ending::Void(_) => task,
            });
        }
    }
    owed.into_iter().for_each(|task| owing.owe(task));
}

/// One task per item of each announcement; those of an earlier one have lost their reason.
pub(crate) fn prepare_next_round(application: &Application, owing: &mut Owing<'_>) {
    let zone = application.zone(owing.candidate);
    let latest = application.latest_next_round();
    let latest = latest.map(|round| (round.id, round.announced.0));
    for round in application.next_rounds.values() {
        let (event, announced) = round.announced;
        let superseded = latest.filter(|(id, _)| *id != round.id).map(|(_, event)| event);
        let before = day_before(application, round, &zone);
        for (nth, part) in round.outline.iter().enumerate() {
            let key = format_args!("{}|{nth}", round.id);
            let mut owed = owing.raise(&PREPARE_NEXT_ROUND, key, event, announced.at);
            owed.about = Some(round.id.into());
            owed.words = part.item.as_str().into();
            owed.due_at = part.due_on.map(|date| closing(date.civil(), &zone)).or(before);
            let done = part.prepared.map(|(stamp, event)| (event, stamp));
            owing.owe(owed.done(done).void_if(superseded.is_some(), superseded));
        }
    }
}

/// The end of the day before the round: of the interview that was arranged for it, else of the day they named.
fn day_before(application: &Application, round: &NextRound, zone: &Zone) -> Option<Timestamp> {
    let arranged = arranged_for(application, round)
        .map(|interview| day(interview.starts_at.timestamp(), &interview.time_zone))
        .min();
    let date = arranged.or(round.expected_on.map(Date::civil))?;
    Some(closing(date.yesterday().ok()?, zone))
}

/// The interviews that may be the round which they announced.
fn arranged_for<'a>(application: &'a Application, round: &NextRound) -> impl Iterator<Item = &'a Arc<Interview>> {
    let announced = round.announced.1.at;
    let interviews = application.interviews.values();
    interviews.filter(move |interview| interview.cancelled.is_none() && interview.starts_at.timestamp() > announced)
}

impl Application {
    /// What they said last about the next round.
    fn latest_next_round(&self) -> Option<&NextRound> {
        let rounds = self.next_rounds.values().map(Arc::as_ref);
        rounds.max_by_key(|round| round.announced.1)
    }

    /// The day on which they expect the next round, as long as no interview is arranged for it.
    pub fn expected_round(&self) -> Option<(&NextRound, Date)> {
        let round = self.latest_next_round()?;
        let expected_on = round.expected_on?;
        arranged_for(self, round)
            .next()
            .is_none()
            .then_some((round, expected_on))
    }
}

/// The candidate asks what the next round will be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NextRoundAsked {
    /// How.
    pub channel: Channel,
    /// Whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<ContactId>,
}

/// The organisation says what the next round will be: each item of the outline is to be prepared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NextRoundAnnounced {
    /// The day on which they expect it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expected_on: Option<Date>,
    /// How it will be held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub format: Option<Format>,
    /// Who said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub said_by: Option<ContactId>,
    /// What is to be prepared for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "few")]
    #[schema(required = false, max_items = 100)]
    pub outline: Vec<OutlineItem>,
}

/// One thing to prepare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutlineItem {
    /// What.
    pub item: Line,
    /// By which day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub due_on: Option<Date>,
}

/// An item of the next round is prepared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequirementPrepared {
    /// Which item of the outline, as it is written there.
    pub item: Line,
}

/// A question about the next round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextRoundQuestion {
    /// Its id.
    pub id: NextRoundQuestionId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Always `asked`.
    pub status: NextRoundQuestionStatus,
    /// How.
    pub channel: Channel,
    /// Whom.
    pub contact: Option<ContactId>,
}

/// Where a question about the next round stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextRoundQuestionStatus {
    /// It was asked.
    Asked,
}

/// What the organisation said about the next round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextRound {
    /// Its id.
    pub id: NextRoundId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Whether anything is left to prepare.
    pub status: NextRoundStatus,
    /// The day on which they expect it.
    pub expected_on: Option<Date>,
    /// How it will be held.
    pub format: Option<Format>,
    /// Who said so.
    pub said_by: Option<ContactId>,
    /// What is to be prepared.
    pub outline: Vec<Requirement>,
    #[serde(skip)]
    pub(crate) announced: (EventId, Stamp),
}

/// Whether anything is left to prepare for a next round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextRoundStatus {
    /// Something is.
    Announced,
    /// All of its outline is prepared.
    Prepared,
}

/// One thing to prepare, and whether it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Requirement {
    /// What.
    pub item: Line,
    /// By which day.
    pub due_on: Option<Date>,
    /// Whether it is prepared.
    pub is_prepared: bool,
    #[serde(skip)]
    prepared: Option<(Stamp, EventId)>,
}

impl Candidate {
    /// What was said about a next round.
    pub fn next_round(&self, id: NextRoundId) -> Option<&NextRound> {
        let application = self.application(self.place_of(id.into())?)?;
        application.next_rounds.get(&id).map(Arc::as_ref)
    }
}

impl Fact for NextRoundAsked {
    const NAME: &'static str = "NextRoundAsked";
    type Subject = NextRoundQuestionId;
    const PLACE: Place = Place::NewWithin;

    fn mentions(&self) -> Vec<(String, Subject)> {
        mention_if("/contact", self.contact).into_iter().collect()
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = NextRoundQuestionId::try_from(at.subject) else {
            return;
        };
        let Some(application) = candidate.application_of(at) else {
            return;
        };
        let question = NextRoundQuestion {
            id,
            application: application.id,
            version: at.version,
            status: NextRoundQuestionStatus::Asked,
            channel: self.channel,
            contact: self.contact,
        };
        application.next_round_questions.insert(id, Arc::new(question));
        application.happened(at, What::AskedNextRound);
        self.contact
            .into_iter()
            .for_each(|contact| candidate.touched(contact, at));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let whom = self
            .contact
            .map_or_else(|| organisation(candidate, at.application), |id| name_of(candidate, id));
        format!("Asked {whom} {} what the next round will be.", self.channel.in_words())
    }
}

impl Fact for NextRoundAnnounced {
    const NAME: &'static str = "NextRoundAnnounced";
    type Subject = NextRoundId;
    const PLACE: Place = Place::NewWithin;
    const THEIRS: bool = true;

    fn mentions(&self) -> Vec<(String, Subject)> {
        mention_if("/said_by", self.said_by).into_iter().collect()
    }

    fn admit(&self, _: &Candidate, _: &At) -> Result<(), Refusal> {
        let twice = self
            .outline
            .iter()
            .enumerate()
            .find(|(nth, part)| self.outline.iter().take(*nth).any(|other| other.item == part.item));
        match twice {
            Some((nth, _)) => Err(Refusal::invalid(
                format!("/outline/{nth}/item"),
                "stands in the outline twice",
            )),
            None => Ok(()),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = NextRoundId::try_from(at.subject) else {
            return;
        };
        let Some(application) = candidate.application_of(at) else {
            return;
        };
        let requirement = |part: &OutlineItem| Requirement {
            item: part.item.clone(),
            due_on: part.due_on,
            is_prepared: false,
            prepared: None,
        };
        let round = NextRound {
            id,
            application: application.id,
            version: at.version,
            status: NextRoundStatus::Announced,
            expected_on: self.expected_on,
            format: self.format,
            said_by: self.said_by,
            outline: self.outline.iter().map(requirement).collect(),
            announced: (at.event, at.stamp()),
        };
        application.next_rounds.insert(id, Arc::new(round));
        application.happened(at, What::AnnouncedNextRound(id));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let who = self
            .said_by
            .map_or_else(|| organisation(candidate, at.application), |id| name_of(candidate, id));
        match self.expected_on {
            Some(date) => format!("{who} announced the next round, for {}.", date.in_words()),
            None => format!("{who} announced the next round."),
        }
    }
}

impl Fact for RequirementPrepared {
    const NAME: &'static str = "RequirementPrepared";
    type Subject = NextRoundId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        let round = NextRoundId::try_from(at.subject)
            .ok()
            .and_then(|id| candidate.next_round(id));
        let Some(round) = round else { return Ok(()) };
        match round.outline.iter().find(|part| part.item == self.item) {
            Some(part) if part.is_prepared => Err(Refusal::already_recorded("The item is prepared already.")),
            Some(_) => Ok(()),
            None => Err(Refusal::invalid(
                "/item",
                "must be an item of the outline, as it is written there",
            )),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = NextRoundId::try_from(at.subject) else {
            return;
        };
        let round = candidate.application_of(at).and_then(|it| it.next_rounds.get_mut(&id));
        let Some(round) = round.map(Arc::make_mut) else { return };
        round.version = at.version;
        if let Some(part) = round.outline.iter_mut().find(|part| part.item == self.item) {
            part.is_prepared = true;
            part.prepared = Some((at.stamp(), at.event));
        }
        if round.outline.iter().all(|part| part.is_prepared) {
            round.status = NextRoundStatus::Prepared;
        }
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        format!("Prepared for the next round at {organisation}: {}.", self.item)
    }
}

#[cfg(test)]
mod tests;
