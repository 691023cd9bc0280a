//! Deciding on the facts of a command, one after another, and on whom to refuse where the rest of the log stands in the way.

use std::{collections::BTreeMap, sync::Arc};

use afterword_domain::{
    announcements::announce,
    candidate::Candidate,
    catalogue::AnyFact,
    decide::{Decided, Proposal, decide},
    fact::Envelope,
    playbook::{Playbook, adopt},
    refusal::Refusal,
    values::Patch,
};
use jiff::Timestamp;

use super::{Around, Step, replay::Past};
use crate::Taken;

/// What comes of a command.
pub(super) struct Outcome {
    /// What came due, and the playbook that was adopted, before its facts.
    pub(super) announced: Vec<Arc<Envelope>>,
    pub(super) results: Vec<Result<Step, Refusal>>,
    /// The playbook that a new candidate adopts, after them.
    pub(super) adopted: Vec<Arc<Envelope>>,
    pub(super) after: Candidate,
}

/// Announces what has come due, adopts the tenant's playbook, and decides on the facts of a command one after another.
/// Where none of them is recorded, nothing is.
pub(super) fn decide_all(
    before: &Candidate,
    proposals: &[Proposal],
    now: Timestamp,
    by: &Arc<str>,
    playbook: &Arc<Playbook>,
    taken: &BTreeMap<usize, Refusal>,
) -> Outcome {
    let mut state = before.clone();
    let mut announced = announce(&mut state, now);
    if let Some(adopted) = adopt(&mut state, playbook, now) {
        announced.push(adopted);
        announced.extend(announce(&mut state, now));
    }
    let version = state.version;
    let alone = proposals.len() == 1;
    let mut past = Past::of(before, alone);
    let mut results = Vec::with_capacity(proposals.len());
    for (index, proposal) in proposals.iter().enumerate() {
        if let Some(refusal) = taken.get(&index) {
            results.push(Err(refusal.clone()));
            continue;
        }
        let before = alone.then(|| state.clone());
        let decided = decide(&mut state, proposal.clone(), now, by);
        results.push(match decided {
            Ok(decided @ Decided::Already(_)) => {
                let version = decided.envelope().at.version;
                past.now = state.clone();
                past.step(version, Decided::Already)
                    .ok_or_else(|| Refusal::new("id_taken", "Another fact has this id."))
            }
            Ok(decided) => Ok(Step {
                decided,
                around: before.map(|before| Around {
                    before,
                    after: state.clone(),
                }),
            }),
            Err(refusal) => Err(refusal),
        });
    }
    if state.version == version && !proposals.is_empty() {
        return Outcome {
            announced: Vec::new(),
            results,
            adopted: Vec::new(),
            after: before.clone(),
        };
    }
    let adopted = adopt(&mut state, playbook, now).into_iter().collect();
    Outcome {
        announced,
        results,
        adopted,
        after: state,
    }
}

/// What refuses them all, where it is all or none.
pub(super) fn first_refused(results: &[Result<Step, Refusal>]) -> Option<(usize, Refusal)> {
    let mut refusals = results
        .iter()
        .enumerate()
        .filter_map(|(index, result)| result.as_ref().err().map(|it| (index, it)));
    refusals.next().map(|(index, refusal)| (index, refusal.clone()))
}

/// Who is refused where ids are another candidate's facts'.
pub(super) fn ids_taken(proposals: &[Proposal], ids: &[Taken]) -> Vec<(usize, Refusal)> {
    let refusal =
        Refusal::new("id_taken", "Another fact has this id.").at("/id", "must be new, or repeat the same fact");
    let is_taken = |proposal: &Proposal| ids.iter().any(|it| it.event_id == proposal.event.uuid());
    let those = (0..).zip(proposals).filter(|(_, proposal)| is_taken(proposal));
    those.map(|(index, _)| (index, refusal.clone())).collect()
}

/// Who is refused where another candidate has the external id that this one has after the proposals: those that give it; or,
/// where it is an earlier one that comes back, the last by which something is taken back.
pub(super) fn external_id_taken(
    proposals: &[Proposal],
    after: &Candidate,
    refused: &BTreeMap<usize, Refusal>,
) -> Vec<(usize, Refusal)> {
    let refusal = Refusal::new("external_id_taken", "Another candidate has this external id.");
    let id = after
        .profile
        .as_ref()
        .and_then(|profile| profile.external_id.get().as_ref());
    let gives = |fact: &AnyFact| match fact {
        AnyFact::CandidateRegistered(fact) => fact.external_id.as_ref() == id,
        AnyFact::ProfileRevised(fact) => matches!(&fact.external_id, Patch::Set(given) if Some(given) == id),
        _ => false,
    };
    let open = || (0..).zip(proposals).filter(|(index, _)| !refused.contains_key(index));
    let given = refusal
        .clone()
        .at("/external_id", "must be unique among the tenant's candidates");
    let those = open().filter(|(_, it)| gives(&it.fact));
    let those: Vec<_> = those.map(|(index, _)| (index, given.clone())).collect();
    if !those.is_empty() {
        return those;
    }
    let back = open()
        .filter(|(_, it)| matches!(it.fact, AnyFact::FactRetracted(_)))
        .last();
    let last = back.or_else(|| open().last());
    last.map(|(index, _)| (index, refusal)).into_iter().collect()
}
