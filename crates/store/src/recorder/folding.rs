//! Folding many facts: reading a candidate with thousands of them, deciding on hundreds, taking facts back, of which each
//! is a fold of all that came before. That is done beside the threads that serve requests, on half of the processors, and bounded.

use std::sync::Arc;
use std::time::Duration;

use afterword_domain::{catalogue::AnyFact, decide::Proposal, refusal::Refusal};
use tokio::sync::Semaphore;

use crate::StoreError;

/// To fold fewer facts than this takes less time than to hand them over.
pub(super) const FEW: usize = 300;
/// So many facts may be folded again for one request.
const MOST: usize = 2_000_000;
/// So long a fold waits for a processor.
const PATIENCE: Duration = Duration::from_secs(10);

/// Processors for long folds.
#[derive(Clone)]
pub(super) struct Folding {
    places: Arc<Semaphore>,
    patience: Duration,
}

impl Default for Folding {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            places: Arc::new(Semaphore::new((processors / 2).max(1))),
            patience: PATIENCE,
        }
    }
}

impl Folding {
    /// Does what folds so many facts.
    pub(super) async fn of<T: Send + 'static>(
        &self,
        facts: usize,
        fold: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        if facts < FEW {
            return Ok(fold());
        }
        let place = tokio::time::timeout(self.patience, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_| StoreError::Overloaded)?;
        // Whoever asked may have gone; the place is free only when the work is done.
        let folding = tokio::task::spawn_blocking(move || {
            let _place = place;
            fold()
        });
        folding
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    }
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

    #[tokio::test]
    async fn a_fold_that_gets_no_processor_in_time_is_told() {
        let folding = Folding {
            places: Arc::new(Semaphore::new(0)),
            patience: Duration::from_millis(10),
        };
        assert_eq!(folding.of(FEW - 1, || 1).await.expect("at once"), 1);
        assert!(matches!(folding.of(FEW, || 1).await, Err(StoreError::Overloaded)));
        folding.places.add_permits(1);
        assert_eq!(folding.of(FEW, || 2).await.expect("folded"), 2);
        assert_eq!(folding.places.available_permits(), 1);
    }

    #[test]
    fn a_request_folds_no_more_than_its_measure() {
        assert!(too_many(MOST).is_none());
        assert_eq!(too_many(MOST + 1).map(|it| it.code), Some("too_large".into()));
    }
}
