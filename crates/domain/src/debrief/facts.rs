//! The facts of a debrief.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Category, Debriefed, Question, QuestionStatus, Reception, Repair, RepairBy, RepairStatus, began};
use crate::{
    applications::organisation,
    candidate::Candidate,
    fact::{At, Fact, Place},
    ids::{InterviewId, Kind, QuestionId, RepairId, Subject},
    interviews::was_cancelled,
    refusal::Refusal,
    time::in_words,
    values::{Line, Text, few},
};

/// A question of an interview, and how it was answered: what was received poorly is to be made good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestionRecorded {
    /// The interview in which it was asked: where the path says so, it can be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub interview: Option<InterviewId>,
    /// What was asked.
    pub question: Text,
    /// What kind of question it was.
    pub category: Category,
    /// What the candidate said.
    pub answer: Text,
    /// How it was received.
    pub reception: Reception,
    /// What would have been better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub better_answer: Option<Text>,
}

/// It is decided where an answer is made good, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepairPlanned {
    /// The question: where the path says so, it can be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub question: Option<QuestionId>,
    /// Where it is made good.
    pub by: RepairBy,
    /// What is to be said.
    pub text: Text,
}

/// An answer was made good.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepairMade {
    /// Anything to remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<Text>,
}

/// The candidate has looked back at an interview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DebriefCompleted {
    /// How it went on the whole, from 1 (badly) to 5 (very well).
    #[schema(minimum = 1, maximum = 5)]
    pub overall: u8,
    /// Strengths that did not come up: for the thank-you.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "few")]
    #[schema(required = false, max_items = 100)]
    pub unsaid_strengths: Vec<Line>,
    /// What was learned.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "few")]
    #[schema(required = false, max_items = 100)]
    pub lessons: Vec<Text>,
}

/// What did not take place, or has not begun, cannot be looked back at.
fn admit_past(candidate: &Candidate, interview: InterviewId, at: &At) -> Result<(), Refusal> {
    let Some(known) = candidate.interview(interview) else {
        return Ok(());
    };
    if known.cancelled.is_some() {
        return Err(was_cancelled());
    }
    match began(candidate, interview, at) {
        Some((false, starts_at)) => Err(Refusal::new(
            "interview_not_begun",
            format!("The interview begins on {}.", in_words(starts_at, &known.time_zone)),
        )
        .at("/occurred_at", "must not be earlier than the interview's starts_at")),
        Some((true, _)) | None => Ok(()),
    }
}

impl Fact for QuestionRecorded {
    const NAME: &'static str = "QuestionRecorded";
    type Subject = QuestionId;
    const PLACE: Place = Place::NewOf(Kind::Interview);
    const CANDID: &'static [&'static str] = &["answer", "better_answer"];

    fn parent(&self) -> Option<Subject> {
        self.interview.map(Subject::from)
    }

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        self.interview.map_or(Ok(()), |id| admit_past(candidate, id, at))
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let (Ok(id), Some(interview)) = (QuestionId::try_from(at.subject), self.interview) else {
            return;
        };
        let Some(application) = candidate.application_of(at) else {
            return;
        };
        let question = Question {
            id,
            application: application.id,
            interview,
            version: at.version,
            status: QuestionStatus::Recorded,
            question: self.question.clone(),
            category: self.category,
            answer: self.answer.clone(),
            reception: self.reception,
            better_answer: self.better_answer.clone(),
            recorded: (at.event, at.stamp()),
        };
        application.questions.insert(id, Arc::new(question));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        format!("Wrote down a question from the interview at {organisation}.")
    }
}

impl Fact for RepairPlanned {
    const NAME: &'static str = "RepairPlanned";
    type Subject = RepairId;
    const PLACE: Place = Place::NewOf(Kind::Question);

    fn parent(&self) -> Option<Subject> {
        self.question.map(Subject::from)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let (Ok(id), Some(question)) = (RepairId::try_from(at.subject), self.question) else {
            return;
        };
        let Some(application) = candidate.application_of(at) else {
            return;
        };
        let Some(interview) = application.questions.get(&question).map(|it| it.interview) else {
            return;
        };
        let repair = Repair {
            id,
            application: application.id,
            interview,
            question,
            version: at.version,
            status: RepairStatus::Planned,
            by: self.by,
            text: self.text.clone(),
            planned: (at.event, at.stamp()),
            made: None,
        };
        application.repairs.insert(id, Arc::new(repair));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        match self.by {
            RepairBy::FollowUp => format!("Planned to make an answer good in the follow-up to {organisation}."),
            RepairBy::NextInterview => {
                format!("Planned to make an answer good in the next interview at {organisation}.")
            }
        }
    }
}

impl Fact for RepairMade {
    const NAME: &'static str = "RepairMade";
    type Subject = RepairId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        let repair = RepairId::try_from(at.subject).ok().and_then(|id| {
            let application = candidate.application(candidate.place_of(id.into())?)?;
            application.repairs.get(&id)
        });
        match repair.and_then(|repair| repair.made) {
            Some(_) => Err(Refusal::already_recorded("The repair was made already.")),
            None => Ok(()),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = RepairId::try_from(at.subject) else { return };
        let repair = candidate.application_of(at).and_then(|it| it.repairs.get_mut(&id));
        if let Some(repair) = repair.map(Arc::make_mut) {
            repair.version = at.version;
            repair.made = Some((at.event, at.stamp()));
        }
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        format!("Made an answer good at {organisation}.")
    }
}

impl Fact for DebriefCompleted {
    const NAME: &'static str = "DebriefCompleted";
    type Subject = InterviewId;
    const PLACE: Place = Place::Step;
    const CANDID: &'static [&'static str] = &["lessons"];

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        if !(1..=5).contains(&self.overall) {
            return Err(Refusal::invalid("/overall", "must be between 1 and 5"));
        }
        let Ok(id) = InterviewId::try_from(at.subject) else {
            return Ok(());
        };
        if candidate.interview(id).is_some_and(|it| it.debriefed.is_some()) {
            return Err(Refusal::already_recorded("The interview was looked back at already."));
        }
        admit_past(candidate, id, at)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.change_interview(at, |interview| {
            interview.debriefed = Some(Debriefed {
                event: at.event,
                stamp: at.stamp(),
                version: at.version,
                overall: self.overall,
                unsaid_strengths: self.unsaid_strengths.clone(),
                lessons: self.lessons.clone(),
            });
            None
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        format!("Looked back at the interview at {organisation}: {} of 5.", self.overall)
    }
}
