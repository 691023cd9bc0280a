//! Candidates that were used last, in memory: read from the log, and brought up to it.

use std::sync::Arc;

use afterword_domain::{candidate::Candidate, ids::CandidateId};
use moka::sync::Cache;
use uuid::Uuid;

use super::{CACHED_FOR, Recorder, folding::work};
use crate::{
    EventRow, StoreError, TenantId,
    envelopes::{moment, signed},
    verify::replay,
};

/// How many bytes of candidates are held in memory, about: 400,000 facts of the usual length.
const CACHED: u64 = 640 << 20;
/// What a fact takes beside its own text.
const OF_A_FACT: usize = 1024;

/// A candidate in memory.
#[derive(Clone)]
pub(super) struct Held {
    candidate: Arc<Candidate>,
    /// How long its facts are, sealed.
    bytes: usize,
}

/// What is held, and for how long.
pub(super) fn cache() -> Cache<(TenantId, Uuid), Held> {
    let weigh = |_: &(TenantId, Uuid), held: &Held| {
        let facts = held.candidate.history().len() + 8;
        u32::try_from(facts.saturating_mul(OF_A_FACT).saturating_add(held.bytes)).unwrap_or(u32::MAX)
    };
    Cache::builder()
        .weigher(weigh)
        .max_capacity(CACHED)
        .time_to_idle(CACHED_FOR)
        .build()
}

impl Recorder {
    /// The newest state of a candidate.
    ///
    /// # Errors
    /// When the store does not answer, or holds what this release cannot read.
    pub async fn candidate(&self, tenant: TenantId, id: CandidateId) -> Result<Arc<Candidate>, StoreError> {
        let from = self
            .cached(tenant, id)
            .unwrap_or_else(|| Arc::new(Candidate::unknown(id)));
        if from.erased_at.is_some() {
            return Ok(from);
        }
        let rows = self.store.stream(tenant, id.uuid(), signed(from.version)).await?;
        if rows.is_empty() {
            return Ok(from);
        }
        let bytes = rows.iter().flat_map(|row| &row.sealed).map(Vec::len).sum();
        let newest = Arc::new(self.read(tenant, (*from).clone(), rows).await?);
        self.remember(tenant, &newest, bytes);
        Ok(newest)
    }

    pub(super) fn cached(&self, tenant: TenantId, id: CandidateId) -> Option<Arc<Candidate>> {
        let known = self.cache.get(&(tenant, id.uuid()));
        metrics::counter!("afterword_candidate_cache_total", "hit" => if known.is_some() { "true" } else { "false" })
            .increment(1);
        known.map(|held| held.candidate)
    }

    /// Holds a state that is so many bytes longer than the one that was held.
    pub(super) fn remember(&self, tenant: TenantId, candidate: &Arc<Candidate>, longer: usize) {
        let key = (tenant, candidate.id.uuid());
        let known = self.cache.get(&key);
        if known
            .as_ref()
            .is_none_or(|known| known.candidate.version < candidate.version)
        {
            let held = Held {
                candidate: Arc::clone(candidate),
                bytes: known.map_or(0, |known| known.bytes) + longer,
            };
            self.cache.insert(key, held);
        }
    }

    /// Folds rows of the log onto a state.
    pub(super) async fn read(
        &self,
        tenant: TenantId,
        from: Candidate,
        rows: Vec<EventRow>,
    ) -> Result<Candidate, StoreError> {
        let id = from.id;
        let key = self.store.keys().get(tenant, id.uuid()).await?;
        let folded = match key {
            Some(key) => {
                let playbooks = self.playbooks_of(tenant, &key, &rows).await?;
                let facts = work(from.history().len(), rows.iter().map(|row| row.kind.as_str()));
                let replaying = move || replay(tenant, from, &key, &rows, &playbooks);
                Some(self.processors.fold(tenant, facts, replaying).await?)
            }
            None => None,
        };
        match folded {
            Some(Ok(candidate)) => Ok(candidate),
            unreadable => {
                let head = self.store.stream_head(tenant, id.uuid()).await?;
                match head.and_then(|head| head.erased_at.map(|at| (head.version, at))) {
                    Some((version, at)) => Ok(Candidate::erased(id, version.unsigned_abs(), moment(at))),
                    None => Err(unreadable.and_then(Result::err).unwrap_or(StoreError::Unreadable)),
                }
            }
        }
    }
}
