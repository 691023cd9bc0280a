//! The timeline: what happened, as plain sentences in the order in which it happened, with departures
//! marked, and then what lies ahead.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    announcements::Moves,
    applications::{Application, organisation},
    candidate::Candidate,
    fact::{Departure, Envelope},
    giving_way,
    ids::{ApplicationId, EventId},
    interviews::Interview,
    play::{Owed, State},
    status,
    time::{Date, Instant, closing, in_words},
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

/// The timeline of a candidate, or of one application, at a moment. Each line is put into words when it is asked for.
pub fn timeline(
    candidate: &Candidate,
    of: Option<ApplicationId>,
    retracted: bool,
    now: Timestamp,
) -> impl Iterator<Item = TimelineEntry> {
    let zone = of
        .and_then(|id| candidate.application(id))
        .map_or_else(|| candidate.zone(), |it| it.zone(candidate));
    let past = happened(candidate, of, retracted).into_iter().map({
        let zone = zone.clone();
        move |fact| TimelineEntry {
            at: Instant::in_zone(fact.at.occurred_at, &zone),
            event: Some(fact.at.event),
            kind: fact.data.name().to_owned(),
            text: fact.tell(candidate),
            departures: fact.departures.clone(),
            retracted: candidate.is_retracted(fact.at.event),
            ahead: false,
        }
    });
    let ahead = lies_ahead(candidate, of, now).into_iter().map(move |(at, what)| {
        let (kind, text) = what.tell(candidate, at);
        TimelineEntry {
            at: Instant::in_zone(at, &zone),
            event: None,
            kind: kind.to_owned(),
            text,
            departures: Vec::new(),
            retracted: false,
            ahead: true,
        }
    });
    past.chain(ahead)
}

/// The facts, in the order in which they happened, less what the clock said and has turned out otherwise.
fn happened(candidate: &Candidate, of: Option<ApplicationId>, retracted: bool) -> Vec<&Arc<Envelope>> {
    let moves = Moves::of(candidate);
    let mut facts: Vec<_> = candidate
        .history()
        .iter()
        .filter(|fact| of.is_none() || fact.at.application == of)
        .filter(|fact| retracted || !candidate.is_retracted(fact.at.event))
        .filter(|fact| !fact.data.kind().by_the_clock || moves.leave_standing(candidate, fact))
        .collect();
    facts.sort_by_key(|fact| fact.at.stamp());
    facts
}

/// What lies ahead.
enum Ahead<'a> {
    Interview(&'a Application, &'a Interview),
    Decision(&'a Application, Date),
    Opening(&'a Owed),
    Due(&'a Owed),
}

fn lies_ahead(candidate: &Candidate, of: Option<ApplicationId>, now: Timestamp) -> Vec<(Timestamp, Ahead<'_>)> {
    let within = |application: Option<ApplicationId>| of.is_none() || application == of;
    let mut ahead = Vec::new();
    for application in candidate.applications.values().filter(|it| within(Some(it.id))) {
        for interview in application.interviews.values().filter(|interview| interview.is_ahead()) {
            let starts_at = interview.starts_at.timestamp();
            if starts_at > now {
                ahead.push((starts_at, Ahead::Interview(application, interview)));
            }
        }
        if let Some(date) = status::promised_date(application) {
            let by = closing(date.civil(), &application.zone(candidate));
            if by > now && application.outcome().is_none() {
                ahead.push((by, Ahead::Decision(application, date)));
            }
        }
    }
    for task in candidate.tasks.values().filter(|task| within(task.application)) {
        giving_way::step();
        match candidate.state_of(task, now) {
            State::Waiting => ahead.push((task.opens_at, Ahead::Opening(task))),
            State::Open => ahead.extend(task.due_at.map(|due| (due, Ahead::Due(task)))),
            State::Overdue | State::Done | State::Dismissed | State::Void => {}
        }
    }
    ahead.sort_by_key(|(at, _)| *at);
    ahead
}

impl Ahead<'_> {
    /// Its kind, and a plain sentence.
    fn tell(&self, candidate: &Candidate, at: Timestamp) -> (&'static str, String) {
        let name = |application: &Application| organisation(candidate, Some(application.id));
        match self {
            Self::Interview(application, interview) => {
                let when = in_words(at, &interview.time_zone);
                ("interview", format!("An interview at {}: {when}.", name(application)))
            }
            Self::Decision(application, date) => {
                let text = format!("{} will have decided by {}.", name(application), date.in_words());
                ("decision_date", text)
            }
            Self::Opening(task) => (task.play.name, format!("{}: opens.", candidate.title(task))),
            Self::Due(task) => (task.play.name, format!("{}: due.", candidate.title(task))),
        }
    }
}

#[cfg(test)]
mod tests;
