//! Deciding on the facts of a command, one after another, and on whom to refuse where the rest of the log stands in the way.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use afterword_domain::{
    announcements::announce_under_others,
    candidate::Candidate,
    catalogue::AnyFact,
    decide::{Decided, Proposal, decide},
    fact::Envelope,
    ids::EventId,
    playbook::{Playbook, adopt_under_others},
    refusal::Refusal,
    values::{Line, Patch},
};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Around, Step,
    folding::{Spent, is_idle},
    replay::Past,
};
use crate::Taken;

/// What comes of a command.
pub(super) struct Outcome {
    /// What came due, and the playbook that was adopted, before its facts.
    pub(super) announced: Vec<Arc<Envelope>>,
    pub(super) results: Vec<Result<Step, Refusal>>,
    /// The playbook that a new candidate adopts, after them.
    pub(super) adopted: Vec<Arc<Envelope>>,
    pub(super) after: Candidate,
    /// The last of its facts by which the candidate's external id is another one.
    pub(super) renamed_by: Option<usize>,
}

/// What stands elsewhere in the tenant's log, as far as it was found out.
#[derive(Clone, Default)]
pub(super) struct Elsewhere {
    /// Which facts of the command are refused because of it, or because more than that would be too much.
    pub(super) facts: BTreeMap<usize, Refusal>,
    /// Ids of other candidates' facts.
    pub(super) ids: HashSet<EventId>,
    /// How often something was found, and everything decided again.
    pub(super) found: usize,
}

/// Announces what has come due, adopts the tenant's playbook, and decides on the facts of a command one after another.
/// Where none of them is recorded, nothing is.
pub(super) fn decide_all(
    before: &Candidate,
    proposals: &[Proposal],
    now: Timestamp,
    by: &Arc<str>,
    playbook: &Arc<Playbook>,
    taken: &Elsewhere,
) -> Outcome {
    let mut state = before.clone();
    let mut announced = announce_under_others(&mut state, now, &taken.ids);
    if let Some(adopted) = adopt_under_others(&mut state, playbook, now, &taken.ids) {
        announced.push(adopted);
        announced.extend(announce_under_others(&mut state, now, &taken.ids));
    }
    let version = state.version;
    let alone = proposals.len() == 1;
    let mut past = Past::of(before, alone);
    let mut results = Vec::with_capacity(proposals.len());
    let (mut external, mut renamed_by) = (external_id(&state).cloned(), None);
    let mut spent = Spent::of_a_request(&state, 1 + taken.found);
    for (index, proposal) in proposals.iter().enumerate() {
        if let Some(refusal) = taken.facts.get(&index) {
            results.push(Err(refusal.clone()));
            continue;
        }
        if !is_idle(proposal, &state)
            && let Err(refusal) = spent.admit(&state, &proposal.fact)
        {
            results.push(Err(refusal));
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
        if external_id(&state) != external.as_ref() {
            (external, renamed_by) = (external_id(&state).cloned(), Some(index));
        }
    }
    if state.version == version && !proposals.is_empty() {
        return Outcome {
            announced: Vec::new(),
            results,
            adopted: Vec::new(),
            after: before.clone(),
            renamed_by: None,
        };
    }
    let adopted = adopt_under_others(&mut state, playbook, now, &taken.ids)
        .into_iter()
        .collect();
    Outcome {
        announced,
        results,
        adopted,
        after: state,
        renamed_by,
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
    let ids: HashSet<Uuid> = ids.iter().map(|it| it.event_id).collect();
    let those = (0..).zip(proposals).filter(|(_, it)| ids.contains(&it.event.uuid()));
    those.map(|(index, _)| (index, refusal.clone())).collect()
}

/// The external ids that the proposals give.
pub(super) fn external_ids(proposals: &[Proposal]) -> HashSet<&Line> {
    proposals.iter().filter_map(|proposal| given(&proposal.fact)).collect()
}

/// Who is refused where another candidate has the external id that this one has after the proposals: the one by which it has
/// it, and all that give it or another one that is `taken`.
pub(super) fn external_id_taken(
    proposals: &[Proposal],
    results: &[Result<Step, Refusal>],
    renamed_by: Option<usize>,
    taken: &HashSet<&Line>,
) -> Vec<(usize, Refusal)> {
    let refusal = Refusal::new("external_id_taken", "Another candidate has this external id.");
    let given_here = refusal
        .clone()
        .at("/external_id", "must be unique among the tenant's candidates");
    let is_recorded = |index: &usize| {
        let decided = results.get(*index).and_then(|result| result.as_ref().ok());
        decided.is_some_and(|step| matches!(step.decided, Decided::Recorded(_)))
    };
    let those = (0..).zip(proposals).filter(|(index, _)| is_recorded(index));
    those
        .filter_map(|(index, proposal)| match given(&proposal.fact) {
            Some(id) if taken.contains(id) => Some((index, given_here.clone())),
            _ => (Some(index) == renamed_by).then(|| (index, refusal.clone())),
        })
        .collect()
}

/// The id that the candidate has in the client's own system.
pub(super) fn external_id(candidate: &Candidate) -> Option<&Line> {
    candidate.profile.as_ref()?.external_id.get().as_ref()
}

/// The external id that a fact gives.
pub(super) fn given(fact: &AnyFact) -> Option<&Line> {
    match fact {
        AnyFact::CandidateRegistered(fact) => fact.external_id.as_ref(),
        AnyFact::ProfileRevised(fact) => match &fact.external_id {
            Patch::Set(id) => Some(id),
            _ => None,
        },
        _ => None,
    }
}
