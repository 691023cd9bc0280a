//! How much a command has the service fold: the facts it adds, what it takes back (each a fold of all that came before),
//! and what is derived again. Where that is much, it is done beside the threads that serve requests.

use afterword_domain::{
    candidate::Candidate, catalogue::AnyFact, contacts::ContactErased, decide::Proposal, fact::Fact, refusal::Refusal,
    undo::FactRetracted,
};

/// So many facts may be folded again for one request, and for what was ever taken back of one candidate: whoever reads the
/// log from its beginning folds as many.
const MOST: usize = 2_000_000;

/// What facts have folded again: for what is taken back, all that came before, and for whoever is erased from a history, as
/// many as for the whole of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Folds {
    /// For them.
    pub(super) now: usize,
    /// For all that was ever taken back,
    ever: usize,
    /// and for what was before them.
    before: usize,
    /// For how many of them.
    facts: usize,
}

impl Folds {
    /// For nothing yet.
    pub(super) fn of(before: &Candidate) -> Self {
        let ever = before.folds() - before.history().len();
        let before = ever;
        Self {
            ever,
            before,
            ..Self::default()
        }
    }

    /// For one more, which comes after so many facts.
    pub(super) fn add(&mut self, fact: &AnyFact, known: usize) {
        self.now += match fact {
            AnyFact::FactRetracted(_) => {
                self.ever += known;
                known
            }
            AnyFact::ContactErased(_) => self.ever + known,
            _ => return,
        };
        self.facts += 1;
    }

    /// Whether that is too much, where it is done so many times. Whoever is to be erased always can be.
    pub(super) fn too_many(self, times: usize) -> Option<Refusal> {
        let told = if self.ever > MOST.max(self.before) {
            "So much of so long a history was taken back already that no more of it can be."
        } else if self.now.saturating_mul(times) > MOST && self.facts > 1 {
            "So many facts of so long a history cannot be taken back at once: send them in several requests."
        } else {
            return None;
        };
        Some(Refusal::new("too_large", told))
    }
}

/// About how many facts' worth of work it is to decide on these. What is touched is derived anew: at most all tasks.
pub(super) fn worth(folds: Folds, proposals: usize, before: &Candidate) -> usize {
    folds.now.max(proposals).max(before.tasks.len())
}

/// What a command has folded again.
pub(super) fn folds(proposals: &[Proposal], before: &Candidate) -> Folds {
    let known = before.history().len();
    let mut folds = Folds::of(before);
    for (nth, proposal) in proposals.iter().enumerate() {
        folds.add(&proposal.fact, known + nth);
    }
    folds
}

/// Whether a fact of this name has others folded again.
pub(super) fn folds_again(name: &str) -> bool {
    [FactRetracted::NAME, ContactErased::NAME].contains(&name)
}

#[cfg(test)]
mod tests {
    use afterword_domain::ids::{CandidateId, EventId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_request_folds_no_more_than_its_measure() {
        let told = |now, ever, facts| {
            let folds = Folds {
                now,
                ever,
                facts,
                before: 0,
            };
            let refusal = folds.too_many(1)?;
            Some((refusal.code, refusal.detail.ends_with("several requests.")))
        };
        assert_eq!(told(MOST, MOST, 2), None);
        assert_eq!(told(MOST + 1, MOST, 1), None, "one erasure is always possible");
        assert_eq!(told(MOST + 1, MOST, 2), Some(("too_large".into(), true)));
        assert_eq!(told(0, MOST + 1, 1), Some(("too_large".into(), false)));
        let of_old = Folds {
            ever: MOST + 1,
            before: MOST + 1,
            ..Folds::default()
        };
        assert_eq!(of_old.too_many(1), None, "who adds nothing to it");
        let twice = Folds {
            now: MOST,
            facts: 2,
            ..Folds::default()
        };
        assert_eq!(
            (twice.too_many(1).is_some(), twice.too_many(2).is_some()),
            (false, true)
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
        let proposals = [retracted.clone(), retracted.clone(), retracted, erased];
        let wanted = Folds {
            now: 1 + 2 + 3 + 3,
            ever: 3,
            before: 0,
            facts: 4,
        };
        let nobody = Candidate::unknown(CandidateId::new(Uuid::nil()));
        assert_eq!(folds(&proposals, &nobody), wanted);
    }
}
