//! Undoing: a fact is taken back by another one. The state is the fold without it; the log keeps both.
//! A correction is a retraction and the right fact, recorded together.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    candidate::Candidate,
    catalogue::AnyFact,
    decide,
    fact::{At, Envelope, Fact, Place},
    ids::EventId,
    refusal::Refusal,
    values::Text,
};

/// A fact is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FactRetracted {
    /// Why it was wrong.
    pub reason: Text,
}

/// So many of the facts that rest on one are named, and of the others how many they are: there may be thousands.
const NAMED: usize = 20;

/// What can never be taken back: the candidate's beginning, erasures, what the clock said, and taking back itself.
const fn is_final(fact: &AnyFact) -> bool {
    matches!(
        fact,
        AnyFact::CandidateRegistered(_)
            | AnyFact::CandidateErased(_)
            | AnyFact::ContactErased(_)
            | AnyFact::PlaybookAdopted(_)
            | AnyFact::FactRetracted(_)
            | AnyFact::TaskOpened(_)
            | AnyFact::TaskOverdue(_)
            | AnyFact::SilenceNoticed(_)
    )
}

impl Fact for FactRetracted {
    const NAME: &'static str = "FactRetracted";
    type Subject = EventId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        let Ok(id) = EventId::try_from(at.subject) else {
            return Ok(());
        };
        let Some(fact) = candidate.fact(id) else { return Ok(()) };
        if is_final(&fact.data) {
            return Err(Refusal::new(
                "not_retractable",
                format!("A {} cannot be taken back.", fact.data.name()),
            ));
        }
        if candidate.is_retracted(id) {
            return Err(Refusal::already_recorded("The fact was taken back already."));
        }
        let needed_by = needed_by(candidate, fact);
        if needed_by.is_empty() {
            return Ok(());
        }
        let refusal = Refusal::new(
            "still_needed",
            "Later facts would become impossible without this one: take them back first.",
        );
        let named = needed_by.iter().take(NAMED);
        let refusal = named.fold(refusal, |refusal, (event, told)| {
            refusal.at("", format!("{event}: {told}"))
        });
        Err(match needed_by.len().saturating_sub(NAMED) {
            0 => refusal,
            more => refusal.at("", format!("and {more} more")),
        })
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        if let Ok(id) = EventId::try_from(at.subject) {
            candidate.retract(id);
        }
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let fact = EventId::try_from(at.subject).ok().and_then(|id| candidate.fact(id));
        match fact {
            Some(fact) => format!("Took back {}: {}", fact.data.name(), self.reason),
            None => format!("Took back a fact: {}", self.reason),
        }
    }
}

/// The later facts that would become impossible without one, and why: the stream is admitted again.
fn needed_by(candidate: &Candidate, without: &Envelope) -> Vec<(EventId, String)> {
    let mut again = Candidate::unknown(candidate.id);
    let mut needed_by = Vec::new();
    for fact in candidate.history() {
        let id = fact.at.event;
        if id == without.at.event || candidate.is_retracted(id) || matches!(fact.data, AnyFact::FactRetracted(_)) {
            continue;
        }
        // What was done to a task by hand or said of it by the clock may outlive the task; and an erasure the card, which
        // was taken back before it.
        let outlives = fact.data.kind().by_the_clock
            || match fact.data {
                AnyFact::TaskSnoozed(_) | AnyFact::TaskDismissed(_) | AnyFact::TaskCompleted(_) => true,
                AnyFact::ContactErased(_) => fact.at.subject != without.at.subject,
                _ => false,
            };
        let may_fall = fact.at.version > without.at.version && !outlives;
        match decide::admit(&again, &fact.data, &fact.at) {
            Err(refusal) if may_fall => needed_by.push((id, format!("{} ({})", fact.data.name(), refusal.detail))),
            Ok(()) | Err(_) => again.record(fact.clone()),
        }
    }
    needed_by
}

#[cfg(test)]
mod tests;
