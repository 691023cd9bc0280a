//! The timeline: what happened, as plain sentences in the order in which it happened, with departures
//! marked, and then what lies ahead.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    announcements::Moves,
    applications::organisation,
    candidate::Candidate,
    fact::Departure,
    ids::{ApplicationId, EventId},
    play::State,
    time::{Instant, closing, in_words},
};

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    /// When it happened, or will.
    pub at: Instant,
    /// The fact; `null` for what lies ahead.
    pub event: Option<EventId>,
    /// The fact's type; for what lies ahead the play or the kind of date.
    #[serde(rename = "type")]
    #[schema(example = "InterviewHeld")]
    pub kind: String,
    /// A plain sentence.
    pub text: String,
    /// The rules of the playbook that were departed from.
    pub departures: Vec<Departure>,
    /// Whether the fact was taken back.
    pub retracted: bool,
    /// Whether it lies ahead.
    pub ahead: bool,
}

/// The timeline of a candidate, or of one application, at a moment.
pub fn timeline(
    candidate: &Candidate,
    of: Option<ApplicationId>,
    retracted: bool,
    now: Timestamp,
) -> Vec<TimelineEntry> {
    let within = |application: Option<ApplicationId>| of.is_none() || application == of;
    let zone = of
        .and_then(|id| candidate.application(id))
        .map_or_else(|| candidate.zone(), |it| it.zone(candidate));
    let moves = Moves::of(candidate);
    let mut facts: Vec<_> = candidate
        .history()
        .iter()
        .filter(|fact| within(fact.at.application))
        .filter(|fact| retracted || !candidate.is_retracted(fact.at.event))
        .filter(|fact| !fact.data.kind().by_the_clock || moves.leave_standing(candidate, fact))
        .collect();
    facts.sort_by_key(|fact| fact.at.stamp());
    let past = facts.into_iter().map(|fact| TimelineEntry {
        at: Instant::in_zone(fact.at.occurred_at, &zone),
        event: Some(fact.at.event),
        kind: fact.data.name().to_owned(),
        text: fact.data.tell(candidate, &fact.at),
        departures: fact.departures.clone(),
        retracted: candidate.is_retracted(fact.at.event),
        ahead: false,
    });
    let mut ahead = Vec::new();
    let entry = |at: Timestamp, kind: &str, text: String| TimelineEntry {
        at: Instant::in_zone(at, &zone),
        event: None,
        kind: kind.to_owned(),
        text,
        departures: Vec::new(),
        retracted: false,
        ahead: true,
    };
    for application in candidate.applications.values().filter(|it| within(Some(it.id))) {
        let name = organisation(candidate, Some(application.id));
        let zone = application.zone(candidate);
        for interview in application.interviews.values().filter(|interview| interview.is_ahead()) {
            let starts_at = interview.starts_at.timestamp();
            if starts_at > now {
                let when = in_words(starts_at, &interview.time_zone);
                ahead.push(entry(
                    starts_at,
                    "interview",
                    format!("An interview at {name}: {when}."),
                ));
            }
        }
        if let Some(date) = application.view(now).decide_by {
            let by = closing(date.civil(), &zone);
            if by > now && application.outcome().is_none() {
                ahead.push(entry(
                    by,
                    "decision_date",
                    format!("{name} will have decided by {}.", date.in_words()),
                ));
            }
        }
    }
    for task in candidate.tasks.values().filter(|task| within(task.application)) {
        let title = candidate.title(task);
        match candidate.state_of(task, now) {
            State::Waiting => ahead.push(entry(task.opens_at, task.play.name, format!("{title}: opens."))),
            State::Open => ahead.extend(
                task.due_at
                    .map(|due| entry(due, task.play.name, format!("{title}: due."))),
            ),
            State::Overdue | State::Done | State::Dismissed | State::Void => {}
        }
    }
    ahead.sort_by_key(|entry| entry.at.timestamp());
    past.chain(ahead).collect()
}

#[cfg(test)]
mod tests;
