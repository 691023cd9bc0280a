//! How much a command has the service fold: the facts it adds, what it takes back (each a fold of all that came before),
//! and what is derived again. Where that is much, it is done beside the threads that serve requests.

use std::collections::BTreeMap;

use afterword_domain::{
    candidate::Candidate, catalogue::AnyFact, contacts::ContactErased, decide::Proposal, fact::Fact, ids::EventId,
    refusal::Refusal, undo::FactRetracted,
};

use super::Recorder;

/// So many facts may be folded again for one request, and for all that was ever taken back of one candidate or derived anew:
/// whoever reads the log from its beginning folds as many.
const MOST: usize = 2_000_000;

/// What facts will have folded again: for what is taken back, all that came before and what it derived anew, and for whoever is
/// erased from a history, as many as for the whole of it. Told before anything is decided, from the state before.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Folds {
    /// For them.
    pub(super) now: usize,
    /// For all that was ever taken back, or derived anew.
    ever: usize,
    /// For how many of them.
    facts: usize,
    /// For what is derived anew, whenever all that came before is folded again.
    anew: usize,
}

impl Folds {
    /// For nothing yet.
    pub(super) fn of(before: &Candidate) -> Self {
        Self {
            ever: before.folds() - before.history().len(),
            anew: before.folds_to_retract() - before.history().len(),
            ..Self::default()
        }
    }

    /// For one more, which comes after so many facts; or why it cannot come.
    pub(super) fn add(&mut self, fact: &AnyFact, known: usize) -> Result<(), Refusal> {
        let others = known + self.anew;
        self.now += match fact {
            AnyFact::FactRetracted(_) if self.ever + others > MOST => {
                let told = "So much of so long a history was taken back already that no more of it can be.";
                return Err(Refusal::new("too_large", told));
            }
            AnyFact::FactRetracted(_) => {
                self.ever += others;
                others
            }
            AnyFact::ContactErased(_) => self.ever + known,
            // Who is to be forgotten is, whatever came before.
            AnyFact::CandidateErased(_) => return Ok(()),
            _ => return self.goes_on(),
        };
        self.facts += 1;
        Ok(())
    }

    fn goes_on(self) -> Result<(), Refusal> {
        if self.ever > MOST {
            let told = "So much of so long a history was worked out anew already that nothing more can be added.";
            return Err(Refusal::new("too_large", told));
        }
        Ok(())
    }

    /// The same, where other facts have come in between.
    pub(super) fn seen_from(self, state: &Candidate) -> Self {
        let anew = Self::of(state).anew;
        Self { anew, ..self }
    }

    /// Whether a state that is brought in has had too much derived anew. One that was recorded fact by fact may be beyond the
    /// measure by what was last sent at once.
    pub(super) fn of_another(state: &Candidate) -> Result<(), Refusal> {
        if Self::of(state).ever > 2 * MOST {
            let told = "Too much of so long a history is worked out anew in it.";
            return Err(Refusal::new("too_large", told));
        }
        Ok(())
    }

    /// Whether that is too much at once, where it is done so many times. One of them always can be.
    pub(super) fn too_many(self, times: usize) -> Option<Refusal> {
        (self.now.saturating_mul(times) > MOST && self.facts > 1).then(too_much_at_once)
    }
}

/// What facts have folded in truth, as they are decided on one after another: what one derives anew is known when it is there.
#[derive(Debug)]
pub(super) struct Spent {
    /// As many as the state had cost when it was last looked at.
    seen: usize,
    /// Since the beginning.
    in_all: usize,
    /// The first of those that fold all others again always can be, and is not counted.
    first: bool,
    most: usize,
}

impl Spent {
    /// Nothing yet, of what one request may that is decided on so many times.
    pub(super) fn of_a_request(before: &Candidate, times: usize) -> Self {
        Self::of(before, MOST / times)
    }

    /// Nothing yet, of what a history may that is brought in: one that was recorded request by request may be beyond the
    /// measure by what was last sent at once.
    pub(super) fn of_a_history(before: &Candidate) -> Self {
        Self::of(before, 2 * MOST)
    }

    fn of(before: &Candidate, most: usize) -> Self {
        Self {
            seen: before.folds(),
            in_all: 0,
            first: true,
            most,
        }
    }

    /// Before one more is decided on; or why it cannot be.
    pub(super) fn admit(&mut self, state: &Candidate, fact: &AnyFact) -> Result<(), Refusal> {
        let folds = state.folds();
        self.in_all += folds.saturating_sub(self.seen);
        self.seen = folds;
        let costs = match fact {
            AnyFact::CandidateErased(_) => return Ok(()),
            AnyFact::FactRetracted(_) => state.folds_to_retract(),
            AnyFact::ContactErased(_) => folds,
            _ if self.in_all > self.most => return Err(too_much_at_once()),
            _ => return Ok(()),
        };
        if !self.first {
            if self.in_all + costs > self.most {
                return Err(too_much_at_once());
            }
            self.in_all += costs;
        }
        self.first = false;
        // It is counted, and will be seen in the state.
        self.seen += costs;
        Ok(())
    }
}

fn too_much_at_once() -> Refusal {
    let told = "So many facts of so long a history cannot be taken back or worked out anew at once: send them in several requests.";
    Refusal::new("too_large", told)
}

impl Recorder {
    /// Whether facts can be added to a candidate yet. To be asked before what cannot be taken back is done, so that it can be
    /// recorded.
    ///
    /// # Errors
    /// When too much of the history was worked out anew.
    pub fn goes_on(candidate: &Candidate) -> Result<(), Refusal> {
        Folds::of(candidate).goes_on()
    }
}

/// Whether nothing will be folded for a proposal: it was recorded before, or is about what was taken back.
pub(super) fn is_idle(proposal: &Proposal, state: &Candidate) -> bool {
    let is_retracted = |subject| EventId::try_from(subject).is_ok_and(|id| state.is_retracted(id));
    state.fact(proposal.event).is_some() || proposal.subject.is_some_and(is_retracted)
}

/// About how many facts' worth of work it is to decide on these. What is touched is derived anew: at most all tasks. What was
/// recorded before is told again with the states around it, where it is alone.
pub(super) fn worth(folds: Folds, proposals: &[Proposal], before: &Candidate) -> usize {
    let told_again = match proposals {
        [one] if before.fact(one.event).is_some() => before.folds(),
        _ => 0,
    };
    let decided = folds.now.max(proposals.len()).max(before.tasks.len());
    decided.max(told_again)
}

/// What a command has folded again, and which of its facts cannot be recorded because of it. What was recorded before is
/// told again, and taken back once.
pub(super) fn folds(proposals: &[Proposal], before: &Candidate) -> (Folds, BTreeMap<usize, Refusal>) {
    let known = before.history().len();
    let (mut folds, mut beyond) = (Folds::of(before), BTreeMap::new());
    for (nth, proposal) in proposals.iter().enumerate() {
        if is_idle(proposal, before) {
            continue;
        }
        if let Err(refusal) = folds.add(&proposal.fact, known + nth) {
            beyond.insert(nth, refusal);
        }
    }
    (folds, beyond)
}

/// About how much work it is to fold facts of these names after so many others.
pub(super) fn work<'a>(known: usize, names: impl Iterator<Item = &'a str>) -> usize {
    let again = |name: &str| [FactRetracted::NAME, ContactErased::NAME].contains(&name);
    let each = names.enumerate();
    each.map(|(nth, name)| if again(name) { 1 + known + nth } else { 1 })
        .sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use afterword_domain::{decide::decide, ids::CandidateId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_request_folds_no_more_than_its_measure() {
        let told = |now, facts, times| {
            let ever = 0;
            let anew = 0;
            Folds { now, ever, facts, anew }.too_many(times).map(|it| it.code)
        };
        assert_eq!(told(MOST, 2, 1), None);
        assert_eq!(told(MOST + 1, 1, 1), None, "one is always possible");
        assert_eq!(told(MOST + 1, 2, 1), Some("too_large".into()));
        assert_eq!(
            told(MOST, 2, 2),
            Some("too_large".into()),
            "done twice, it is twice as much"
        );
    }

    #[test]
    fn reading_a_stream_is_as_much_work_as_its_facts_have_folded() {
        assert_eq!(work(0, ["NoteSent", "NoteSent"].into_iter()), 2);
        assert_eq!(
            work(10, ["NoteSent", "FactRetracted", "ContactErased"].into_iter()),
            3 + 11 + 12
        );
    }

    #[test]
    fn what_is_taken_back_is_folded_again_by_whoever_comes_later() {
        let proposal = |fact: AnyFact| Proposal {
            event: EventId::new(Uuid::nil()),
            application: None,
            subject: None,
            occurred_at: None,
            fact,
        };
        let reason = "So.".to_owned().try_into().expect("a text");
        let retracted = proposal(FactRetracted { reason }.into());
        let erased = proposal(ContactErased {}.into());
        let mut proposals = vec![retracted.clone(); 3];
        proposals.push(erased);
        let wanted = Folds {
            now: 1 + 2 + 3 + 3,
            ever: 3,
            facts: 4,
            anew: 0,
        };
        let nobody = Candidate::unknown(CandidateId::new(Uuid::nil()));
        assert_eq!(folds(&proposals, &nobody), (wanted, BTreeMap::new()));
        // Until no more can be; what else is sent with it can.
        let (folds, beyond) = folds(&vec![retracted; 2001], &nobody);
        assert!(folds.ever <= MOST && folds.ever + 2000 > MOST, "{folds:?}");
        assert_eq!(beyond.into_keys().collect::<Vec<_>>(), [2000]);
    }

    #[test]
    fn what_facts_fold_in_truth_is_counted_as_they_are_decided_on() {
        let by = Arc::from("key");
        let event = |nth: usize| EventId::new(Uuid::from_u128(nth as u128 + 1));
        let retracted = || -> AnyFact {
            let reason = "So.".to_owned().try_into().expect("a text");
            FactRetracted { reason }.into()
        };
        let mut state = Candidate::unknown(CandidateId::new(Uuid::from_u128(1)));
        let mut spent = Spent::of(&state, 20);
        let decides = |state: &mut Candidate, spent: &mut Spent, of: Option<usize>, fact: AnyFact| {
            spent.admit(state, &fact).map_err(|refusal| refusal.code)?;
            let proposal = Proposal {
                event: event(state.history().len()),
                application: None,
                subject: of.map(|nth| event(nth).into()),
                occurred_at: None,
                fact,
            };
            decide(state, proposal, jiff::Timestamp::UNIX_EPOCH, &by)
                .map(drop)
                .map_err(|refusal| refusal.code)
        };
        let ada = serde_json::json!({"name": "Ada", "time_zone": "UTC"});
        let ada = AnyFact::CandidateRegistered(serde_json::from_value(ada).expect("a profile"));
        let grace = serde_json::json!({"name": "Grace"});
        let renamed = || AnyFact::ProfileRevised(serde_json::from_value(grace.clone()).expect("a name"));
        assert_eq!(decides(&mut state, &mut spent, None, ada), Ok(()));
        for _ in 1..8 {
            assert_eq!(decides(&mut state, &mut spent, None, renamed()), Ok(()));
        }
        // Eight, the first for nothing, and nine with the two themselves: more than that is too much.
        for nth in [3, 4] {
            assert_eq!(decides(&mut state, &mut spent, Some(nth), retracted()), Ok(()));
        }
        let about = |nth: usize| Proposal {
            event: event(100),
            application: None,
            subject: Some(event(nth).into()),
            occurred_at: None,
            fact: retracted(),
        };
        assert!(is_idle(&about(3), &state) && !is_idle(&about(5), &state));
        let too_large = Err("too_large".into());
        assert_eq!(decides(&mut state, &mut spent, Some(5), retracted()), too_large);
        assert_eq!(decides(&mut state, &mut spent, None, renamed()), too_large);
        assert_eq!(
            spent.admit(&state, &afterword_domain::profile::CandidateErased {}.into()),
            Ok(())
        );
        // In another request it can be.
        let mut spent = Spent::of(&state, 20);
        assert_eq!(decides(&mut state, &mut spent, None, renamed()), Ok(()));
        assert_eq!(decides(&mut state, &mut spent, Some(5), retracted()), Ok(()));
    }

    #[test]
    fn where_too_much_was_worked_out_anew_nothing_is_added_and_everybody_can_be_forgotten() {
        let mut folds = Folds {
            ever: MOST + 1,
            ..Folds::default()
        };
        let code = |refused: Result<(), Refusal>| refused.err().map(|refusal| refusal.code);
        let resumed = AnyFact::from(afterword_domain::search::SearchResumed {});
        assert_eq!(code(folds.add(&resumed, 10)), Some("too_large".into()));
        assert_eq!(code(folds.add(&ContactErased {}.into(), 10)), None);
        let erased = afterword_domain::profile::CandidateErased {};
        assert_eq!(code(folds.add(&erased.into(), 10)), None);
    }
}
