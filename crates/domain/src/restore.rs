//! Bringing a stream in as it was: from an export, into a store that does not have it. Each fact keeps its place, its
//! times, who recorded it and how it was judged then, so that every view is what it was, at any `as_of`. It is decided
//! on all the same: what this release would have refused then is refused now.

use std::sync::Arc;

use crate::{
    announcements::{self, CLOCK},
    candidate::Candidate,
    catalogue::AnyFact,
    decide::{Proposal, decide},
    fact::{Envelope, Place},
    refusal::Refusal,
};

/// Folds one more fact of an export onto the state, or says why it cannot be the next one.
pub fn restore(candidate: &mut Candidate, fact: Envelope) -> Result<(), Refusal> {
    let at = &fact.at;
    if at.candidate != candidate.id {
        return Err(Refusal::invalid(
            "/candidate",
            "must be the candidate of the whole archive",
        ));
    }
    if at.version != candidate.version + 1 {
        return Err(Refusal::invalid(
            "/version",
            format!(
                "must be {}: versions follow one another without a gap",
                candidate.version + 1
            ),
        ));
    }
    if candidate.fact(at.event).is_some() {
        return Err(Refusal::new("id_taken", "Another fact of the archive has this id.").at("/id", "must be new"));
    }
    if at.recorded_at < candidate.recorded_at {
        return Err(Refusal::invalid(
            "/recorded_at",
            "must not be before that of the fact before",
        ));
    }
    if let AnyFact::CandidateErased(_) = fact.data {
        return Err(Refusal::invalid("/type", "of an erased candidate there is no export"));
    }
    if candidate.version == 0 && !matches!(fact.data, AnyFact::CandidateRegistered(_)) {
        return Err(Refusal::invalid(
            "/type",
            "must be CandidateRegistered: with it a stream begins",
        ));
    }
    let kind = fact.data.kind();
    if kind.by_the_clock && !announcements::is_its_own(&fact) {
        return Err(Refusal::invalid(
            "/id",
            "is not the one that follows from what is announced",
        ));
    }
    if !(kind.by_the_clock || kind.by_the_service) && &*at.recorded_by == CLOCK {
        return Err(Refusal::invalid(
            "/recorded_by",
            "must be the id of a key: `clock` records only what comes about by itself",
        ));
    }
    if kind.by_the_clock || kind.by_the_service {
        candidate.record(Arc::new(fact));
        return Ok(());
    }
    let mut after = candidate.clone();
    let decided = decide(&mut after, proposed(&fact), at.recorded_at, &at.recorded_by)?;
    let again = decided.envelope();
    if again.at != *at || again.data != fact.data {
        return Err(Refusal::invalid(
            "",
            "is not as it would have been recorded: its application, its times or its data are others",
        ));
    }
    after.complete_newest(Arc::new(fact));
    *candidate = after;
    Ok(())
}

/// A fact of an export, as a client would have it recorded.
pub fn proposed(fact: &Envelope) -> Proposal {
    let at = &fact.at;
    Proposal {
        event: at.event,
        // Others follow from their subjects; an application has none before it is opened.
        application: at.application.filter(|_| fact.data.kind().place == Place::NewWithin),
        subject: Some(at.subject),
        occurred_at: Some(at.occurred_at),
        fact: fact.data.clone(),
    }
}
