//! How much a command has the service fold: the facts it adds, what it takes back (each a fold of all that came before),
//! and what is derived again. Where that is much, it is done beside the threads that serve requests.

use afterword_domain::{candidate::Candidate, catalogue::AnyFact, decide::Proposal, refusal::Refusal};

/// So many facts may be folded again for one request.
const MOST: usize = 2_000_000;

/// About how many facts' worth of work it is to decide on these. What is touched is derived anew: at most all tasks.
pub(super) fn worth(proposals: &[Proposal], before: &Candidate) -> usize {
    let again = folds(proposals, before.history().len());
    again.max(proposals.len()).max(before.tasks.len())
}

/// How many facts are folded again for these: what is taken back, and whoever is erased from a history.
pub(super) fn folds(proposals: &[Proposal], known: usize) -> usize {
    let again = proposals
        .iter()
        .filter(|it| matches!(it.fact, AnyFact::FactRetracted(_) | AnyFact::ContactErased(_)))
        .count();
    again.saturating_mul(known + proposals.len())
}

/// Whether that is too much for one request.
pub(super) fn too_many(folds: usize) -> Option<Refusal> {
    (folds > MOST).then(|| {
        let told = "So many facts of so long a history cannot be taken back at once: send them in several requests.";
        Refusal::new("too_large", told)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_folds_no_more_than_its_measure() {
        assert!(too_many(MOST).is_none());
        assert_eq!(too_many(MOST + 1).map(|it| it.code), Some("too_large".into()));
    }
}
