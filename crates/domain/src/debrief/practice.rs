//! What is seen of debriefs: one interview's, and all questions by their kind, to be practised.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use utoipa::ToSchema;

use super::{Category, Question, Reception};
use crate::{
    candidate::Candidate,
    ids::{ApplicationId, InterviewId, QuestionId},
    time::Instant,
    values::{Line, Text},
};

/// A debrief as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Debrief {
    /// The interview it is of.
    pub interview: InterviewId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// How it went on the whole, from 1 (badly) to 5 (very well).
    pub overall: u8,
    /// Strengths that did not come up: for the thank-you.
    pub unsaid_strengths: Vec<Line>,
    /// What was learned. Left out for readers without `debriefs:read`.
    #[schema(required = false)]
    pub lessons: Vec<Text>,
    /// When the candidate looked back.
    pub completed_at: Instant,
}

/// One kind of question over all interviews.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Practice {
    /// The kind.
    pub category: Category,
    /// How often it was asked.
    pub asked: u32,
    /// How often the answer was received well.
    pub well: u32,
    /// How often neither.
    pub neutral: u32,
    /// How often poorly.
    pub poorly: u32,
    /// The questions, the latest first.
    pub questions: Vec<PractisedQuestion>,
}

/// A question to practise.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PractisedQuestion {
    /// Its id.
    pub id: QuestionId,
    /// The interview in which it was asked.
    pub interview: InterviewId,
    /// What was asked.
    pub question: Text,
    /// How the answer was received.
    pub reception: Reception,
    /// What would have been better. Left out for readers without `debriefs:read`.
    #[schema(required = false)]
    pub better_answer: Option<Text>,
}

impl Candidate {
    /// The debrief of an interview.
    pub fn debrief(&self, id: InterviewId) -> Option<Debrief> {
        let interview = self.interview(id)?;
        let told = interview.debriefed.as_ref()?;
        Some(Debrief {
            interview: id,
            application: interview.application,
            version: told.version,
            overall: told.overall,
            unsaid_strengths: told.unsaid_strengths.clone(),
            lessons: told.lessons.clone(),
            completed_at: Instant::in_zone(told.stamp.at, &interview.time_zone),
        })
    }

    /// The kinds of questions over all interviews, those that went worst first.
    pub fn practice(&self) -> Vec<Practice> {
        let questions = self.applications.values().flat_map(|it| it.questions.values());
        let mut by_kind: BTreeMap<Category, Vec<&Arc<Question>>> = BTreeMap::new();
        questions.for_each(|question| by_kind.entry(question.category).or_default().push(question));
        let practice = by_kind.into_iter().map(|(category, mut questions)| {
            questions.sort_by_key(|question| std::cmp::Reverse((question.recorded.1, question.id)));
            let count = |of: Reception| {
                let such = questions.iter().filter(|question| question.reception == of).count();
                u32::try_from(such).unwrap_or(u32::MAX)
            };
            Practice {
                category,
                asked: u32::try_from(questions.len()).unwrap_or(u32::MAX),
                well: count(Reception::Well),
                neutral: count(Reception::Neutral),
                poorly: count(Reception::Poorly),
                questions: questions
                    .iter()
                    .map(|question| PractisedQuestion {
                        id: question.id,
                        interview: question.interview,
                        question: question.question.clone(),
                        reception: question.reception,
                        better_answer: question.better_answer.clone(),
                    })
                    .collect(),
            }
        });
        let mut practice: Vec<_> = practice.collect();
        // The share of answers that went poorly, without division.
        practice.sort_by(|one, other| {
            let share = |it: &Practice, of: &Practice| u64::from(it.poorly) * u64::from(of.asked);
            share(other, one)
                .cmp(&share(one, other))
                .then(one.category.cmp(&other.category))
        });
        practice
    }
}
