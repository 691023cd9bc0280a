//! The debrief: the candidate's own, candid assessment. The rule: within four hours, while it is fresh; an answer that
//! was received poorly is made good, in the follow-up within its day or in the next interview; and what was learned is
//! practised. Answers and lessons are for readers of debriefs alone.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    applications::Application,
    candidate::Candidate,
    fact::At,
    ids::{ApplicationId, EventId, InterviewId, QuestionId, RepairId},
    interviews::Interview,
    notes::{Letter, NoteKind, round_of, suggest},
    play::{Action, Owed, Owing, Play},
    time::{Period, Stamp},
    values::{Line, Text},
};

mod facts;
mod practice;
pub use facts::{DebriefCompleted, QuestionRecorded, RepairMade, RepairPlanned};
pub use practice::{Debrief, Practice, PractisedQuestion};

/// Look back while it is fresh.
pub const DEBRIEF: Play = Play {
    name: "debrief",
    title: "Look back at the interview at {organisation}",
    why: "The questions, your answers and what was left unsaid are forgotten within the day, and an answer that is not looked at is given again.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Hours(4),
    numbers: &[],
    closed_by: &["DebriefCompleted"],
    by_hand: false,
    outlives_outcome: true,
    action: |candidate, owed| {
        let interview = owed.interview.map(|id| id.to_string()).unwrap_or_default();
        Action::post(
            candidate,
            "record_debrief_completed",
            format!("interviews/{interview}/debriefed"),
            json!({}),
        )
    },
};

/// Plan how an answer is made good.
pub const PLAN_REPAIR: Play = Play {
    name: "plan_repair",
    title: "Decide how to make an answer good that was received poorly at {organisation}",
    why: "A weak answer can still be put right while they decide; the thank-you is the natural place.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Hours(24),
    numbers: &[],
    closed_by: &["RepairPlanned"],
    by_hand: false,
    outlives_outcome: true,
    action: |candidate, owed| {
        let question = owed.about.map(|id| id.to_string()).unwrap_or_default();
        Action::post(
            candidate,
            "record_repair_planned",
            format!("questions/{question}/repairs"),
            json!({"by": "follow_up"}),
        )
    },
};

/// Make an answer good as planned.
pub const MAKE_REPAIR: Play = Play {
    name: "make_repair",
    title: "Make an answer good at {organisation}, as you planned",
    why: "A correction in the follow-up shows that you went on thinking; later it is only an excuse.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Hours(24),
    numbers: &[],
    closed_by: &["NoteSent", "RepairMade"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| {
        let repair = owed.about.map(|id| id.to_string()).unwrap_or_default();
        let planned = owed.about.and_then(|id| candidate.repair(id.try_into().ok()?));
        if planned.is_some_and(|it| it.by == RepairBy::FollowUp) {
            return suggest(candidate, owed, NoteKind::Other);
        }
        Action::post(
            candidate,
            "record_repair_made",
            format!("repairs/{repair}/made"),
            json!({}),
        )
    },
};

/// One task per interview that was held.
pub(crate) fn debrief(application: &Application, owing: &mut Owing<'_>) {
    for interview in application.interviews.values() {
        let Some(held) = &interview.held else { continue };
        let mut owed = owing.raise(&DEBRIEF, interview.id, held.event, held.stamp.at);
        owed.interview = Some(interview.id);
        owed.zone = interview.time_zone.get().clone();
        let done = interview.debriefed.as_ref().map(|it| (it.event, it.stamp));
        owing.owe(owed.done(done));
    }
}

/// One task per answer that was received poorly, due with the thank-you.
pub(crate) fn plan_repair(application: &Application, owing: &mut Owing<'_>) {
    let poorly = |question: &&Arc<Question>| question.reception == Reception::Poorly;
    for question in application.questions.values().filter(poorly) {
        let Some(interview) = application.interviews.get(&question.interview) else {
            continue;
        };
        let (event, recorded) = question.recorded;
        let mut owed = owing.raise(&PLAN_REPAIR, question.id, event, recorded.at);
        owed.about = Some(question.id.into());
        with_the_thank_you(&mut owed, interview, owing);
        let plans = application.repairs.values().filter(|it| it.question == question.id);
        let first = plans.map(|it| it.planned).min_by_key(|(_, stamp)| *stamp);
        owing.owe(owed.done(first));
    }
}

/// One task per plan: due with the thank-you, or when the next interview begins.
pub(crate) fn make_repair(application: &Application, owing: &mut Owing<'_>) {
    for repair in application.repairs.values() {
        let Some(interview) = application.interviews.get(&repair.interview) else {
            continue;
        };
        let (event, planned) = repair.planned;
        let mut owed = owing.raise(&MAKE_REPAIR, repair.id, event, planned.at);
        owed.about = Some(repair.id.into());
        with_the_thank_you(&mut owed, interview, owing);
        let mut done = repair.made;
        match repair.by {
            RepairBy::FollowUp => {
                let letters = application.letters.iter();
                let goes_there = letters.filter(|it| it.stamp > planned && goes_to(application, it, interview));
                let first = goes_there.map(|it| (it.event, it.stamp)).next();
                done = done.into_iter().chain(first).min_by_key(|(_, stamp)| *stamp);
                owing.owe(owed.done(done));
            }
            RepairBy::NextInterview => {
                let later = application.interviews.values().filter(|it| it.cancelled.is_none());
                let next = later
                    .map(|it| it.starts_at.timestamp())
                    .filter(|at| *at > planned.at)
                    .min();
                owed.due_at = next;
                owing.owe_beyond(owed.done(done));
            }
        }
    }
}

/// What belongs into the follow-up is due with it.
fn with_the_thank_you(owed: &mut Owed, interview: &Interview, owing: &Owing<'_>) {
    let ended_at = interview.ended_at().unwrap_or_else(|| interview.ends_at.timestamp());
    owed.interview = Some(interview.id);
    owed.zone = interview.time_zone.get().clone();
    owed.due_at = Some(owing.due_after(owing.due(owed.play), ended_at, &owed.zone));
}

/// Whether a letter belongs to an interview: it says so, or thanks for that round.
fn goes_to(application: &Application, letter: &Letter, interview: &Interview) -> bool {
    let thanks = || {
        let mut recipients = letter.recipients.iter();
        letter.kind == NoteKind::ThankYou
            && recipients.any(|to| round_of(application, letter, *to) == Some(interview.round))
    };
    match letter.interview {
        Some(id) => id == interview.id,
        None => thanks(),
    }
}

/// What kind of question it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = QuestionCategory)]
pub enum Category {
    /// What the candidate did in such a case.
    Behavioural,
    /// What the candidate knows.
    Technical,
    /// What the candidate would do.
    Situational,
    /// Why this job, why here.
    Motivation,
    /// What the candidate has done.
    Experience,
    /// When, where, for how much.
    Logistics,
    /// Anything else.
    Other,
}

/// How an answer was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reception {
    /// They liked it.
    Well,
    /// Neither.
    Neutral,
    /// They did not.
    Poorly,
}

/// Where an answer is to be made good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepairBy {
    /// In a note that goes to that interview.
    FollowUp,
    /// In the next interview.
    NextInterview,
}

/// A question that was asked in an interview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Question {
    /// Its id.
    pub id: QuestionId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The interview in which it was asked.
    pub interview: InterviewId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Whether the answer is to be made good, and was.
    pub status: QuestionStatus,
    /// What was asked.
    pub question: Text,
    /// What kind of question it was.
    pub category: Category,
    /// What the candidate said. Left out for readers without `debriefs:read`.
    #[schema(required = false, nullable = false)]
    pub answer: Text,
    /// How it was received.
    pub reception: Reception,
    /// What would have been better. Left out for readers without `debriefs:read`.
    #[schema(required = false)]
    pub better_answer: Option<Text>,
    #[serde(skip)]
    recorded: (EventId, Stamp),
}

/// Whether an answer is to be made good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuestionStatus {
    /// It was recorded.
    Recorded,
    /// A repair is planned.
    RepairPlanned,
    /// It was made good.
    Repaired,
}

/// How an answer is to be made good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Repair {
    /// Its id.
    pub id: RepairId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The interview in which the question was asked.
    pub interview: InterviewId,
    /// The question.
    pub question: QuestionId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Whether it was made.
    pub status: RepairStatus,
    /// Where it is to be made.
    pub by: RepairBy,
    /// What is to be said.
    pub text: Text,
    #[serde(skip)]
    planned: (EventId, Stamp),
    #[serde(skip)]
    made: Option<(EventId, Stamp)>,
}

/// Whether a repair was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepairStatus {
    /// It is planned.
    Planned,
    /// It was made.
    Made,
}

/// That the candidate looked back, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Debriefed {
    event: EventId,
    stamp: Stamp,
    version: u64,
    overall: u8,
    unsaid_strengths: Vec<Line>,
    lessons: Vec<Text>,
}

impl Candidate {
    /// A question.
    pub fn question(&self, id: QuestionId) -> Option<Question> {
        let application = self.application(self.place_of(id.into())?)?;
        Some(application.questions.get(&id)?.seen(application))
    }

    /// A repair.
    pub fn repair(&self, id: RepairId) -> Option<Repair> {
        let application = self.application(self.place_of(id.into())?)?;
        Some(application.repairs.get(&id)?.seen(application))
    }
}

impl Question {
    /// The question with its status.
    pub fn seen(&self, application: &Application) -> Self {
        let repairs = application.repairs.values().filter(|it| it.question == self.id);
        let repairs: Vec<_> = repairs.map(|it| it.seen(application).status).collect();
        let status = if repairs.contains(&RepairStatus::Made) {
            QuestionStatus::Repaired
        } else if repairs.is_empty() {
            QuestionStatus::Recorded
        } else {
            QuestionStatus::RepairPlanned
        };
        Self { status, ..self.clone() }
    }
}

impl Repair {
    /// The repair with its status: a letter may have made it.
    pub fn seen(&self, application: &Application) -> Self {
        let interview = application.interviews.get(&self.interview);
        let by_letter = self.by == RepairBy::FollowUp
            && interview.is_some_and(|interview| {
                let mut letters = application.letters.iter();
                letters.any(|it| it.stamp > self.planned.1 && goes_to(application, it, interview))
            });
        let status = if self.made.is_some() || by_letter {
            RepairStatus::Made
        } else {
            RepairStatus::Planned
        };
        Self { status, ..self.clone() }
    }
}

/// The moment from which an interview can be looked back at.
fn began(candidate: &Candidate, interview: InterviewId, at: &At) -> Option<(bool, Timestamp)> {
    let interview = candidate.interview(interview)?;
    let starts_at = interview.starts_at.timestamp();
    Some((at.occurred_at >= starts_at, starts_at))
}

#[cfg(test)]
mod tests;
