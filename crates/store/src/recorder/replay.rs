//! The same answer again: an idempotency row says which facts a request made, and the log says the rest.

use std::sync::Arc;

use afterword_domain::{
    candidate::Candidate,
    catalogue::AnyFact,
    decide::Decided,
    fact::Envelope,
    ids::{CandidateId, EventId},
    refusal::Refusal,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Around, Command, Idempotency, RecordError, Recorded, Recorder, Step};
use crate::{Aad, DataKey, IdempotencyRow, StoreError, TenantId, envelopes::erasure};

/// What an idempotency row keeps of each fact, to give the same answer again.
#[derive(Serialize, Deserialize)]
enum Kept {
    Recorded(u64),
    Already(EventId),
    Refused(Refusal),
}

impl Recorder {
    /// The answer that the request had, built again from the log.
    pub(super) async fn replay(
        &self,
        command: &Command<'_>,
        named: &Idempotency,
        row: &IdempotencyRow,
    ) -> Result<Recorded, RecordError> {
        if row.request_hash != named.request {
            return Err(RecordError::IdempotencyReused);
        }
        let Some(id) = row.candidate.map(CandidateId::new) else {
            return Err(RecordError::IdempotencyReused);
        };
        let candidate = self.candidate(command.tenant, id).await?;
        let first = row.first_version.unsigned_abs();
        let kept: Vec<Kept> = match &row.sealed {
            None => (0..row.facts.unsigned_abs())
                .map(|nth| Kept::Recorded(first + nth))
                .collect(),
            Some(sealed) => {
                let key = self
                    .store
                    .keys()
                    .get(command.tenant, id.uuid())
                    .await?
                    .ok_or(StoreError::Unreadable)?;
                let aad = Aad {
                    tenant: command.tenant,
                    candidate: id.uuid(),
                    purpose: "idempotency",
                    id: id.uuid(),
                };
                let plain = key.open(&aad, sealed).map_err(|_| StoreError::Unreadable)?;
                serde_json::from_slice(&plain).map_err(|_| StoreError::Unreadable)?
            }
        };
        if candidate.erased_at.is_some() {
            // Of facts that are gone with the candidate nothing can be told.
            let version = (row.facts > 0).then_some(row.first_version);
            return self.tell_erasure(command.tenant, &candidate, version).await;
        }
        // The states around a fact, and the one after it, are as many folds as the history, and as many once more.
        let facts = 2 * candidate.folds();
        let telling = move || told_again(&candidate, first, kept);
        Ok(self.processors.fold(command.tenant, facts, telling).await??)
    }

    /// Of an erased candidate only the erasure itself can be told again, if it is what has this version.
    pub(super) async fn tell_erasure(
        &self,
        tenant: TenantId,
        candidate: &Candidate,
        version: Option<i64>,
    ) -> Result<Recorded, RecordError> {
        let rows = match version {
            Some(version) => self.store.stream(tenant, candidate.id.uuid(), version - 1).await?,
            None => Vec::new(),
        };
        let Some(envelope) = rows.first().and_then(erasure) else {
            let refusal = Refusal::new("candidate_erased", "The candidate was erased.");
            return Err(RecordError::Refused { index: 0, refusal });
        };
        let decided = Decided::Recorded(Arc::new(envelope));
        let step = Step {
            decided,
            around: Some(Around {
                before: Candidate::unknown(candidate.id),
                after: candidate.clone(),
            }),
        };
        Ok(Recorded {
            results: vec![Ok(step)],
            announced: Vec::new(),
            candidate: candidate.clone(),
            replayed: true,
        })
    }
}

/// The answer to facts of which this is kept, the first of them in this place.
fn told_again(candidate: &Candidate, first: u64, kept: Vec<Kept>) -> Result<Recorded, StoreError> {
    let mut past = Past::of(candidate, kept.len() == 1);
    let mut results = Vec::with_capacity(kept.len());
    let mut last = first.saturating_sub(1);
    for kept in kept {
        results.push(match kept {
            Kept::Recorded(version) => {
                last = last.max(version);
                Ok(past.step(version, Decided::Recorded).ok_or(StoreError::Unreadable)?)
            }
            Kept::Already(event) => {
                let version = candidate.fact(event).map_or(0, |fact| fact.at.version);
                Ok(past.step(version, Decided::Already).ok_or(StoreError::Unreadable)?)
            }
            Kept::Refused(refusal) => Err(refusal),
        });
    }
    // Who was registered has adopted the playbook in the same commit, behind the facts.
    let place = usize::try_from(last).unwrap_or(usize::MAX);
    if first == 1
        && let (Some(registered), Some(next)) = (candidate.history().get(0), candidate.history().get(place))
        && matches!(next.data, AnyFact::PlaybookAdopted(_))
        && next.at.recorded_at == registered.at.recorded_at
    {
        last += 1;
    }
    Ok(Recorded {
        results,
        announced: Vec::new(),
        candidate: candidate.at_version(last),
        replayed: true,
    })
}

/// Looking back at facts of a stream, each with the states around it. Going forward, it folds each fact once.
pub(super) struct Past {
    pub(super) now: Candidate,
    state: Candidate,
    /// Whether the states are asked for.
    around: bool,
}

impl Past {
    pub(super) fn of(now: &Candidate, around: bool) -> Self {
        Self {
            now: now.clone(),
            state: Candidate::unknown(now.id),
            around,
        }
    }

    pub(super) fn step(&mut self, version: u64, decided: fn(Arc<Envelope>) -> Decided) -> Option<Step> {
        let place = |version: u64| usize::try_from(version).ok();
        let last = place(version.checked_sub(1)?)?;
        let history = self.now.history();
        let envelope = Arc::clone(history.get(last)?);
        if !self.around {
            return Some(Step {
                decided: decided(envelope),
                around: None,
            });
        }
        if self.state.version >= version {
            self.state = Candidate::unknown(self.now.id);
        }
        let between = history.iter().take(last).skip(place(self.state.version)?).cloned();
        let before = std::mem::replace(&mut self.state, Candidate::unknown(self.now.id)).fold(between);
        let after = before.clone().fold([Arc::clone(&envelope)]);
        self.state = after.clone();
        Some(Step {
            decided: decided(envelope),
            around: Some(Around { before, after }),
        })
    }
}

pub(super) fn keep(tenant: TenantId, key: &DataKey, id: Uuid, results: &[Result<Step, Refusal>]) -> Vec<u8> {
    let kept: Vec<Kept> = results
        .iter()
        .map(|result| match result {
            Ok(Step {
                decided: Decided::Recorded(envelope),
                ..
            }) => Kept::Recorded(envelope.at.version),
            Ok(Step {
                decided: Decided::Already(envelope),
                ..
            }) => Kept::Already(envelope.at.event),
            Err(refusal) => Kept::Refused(refusal.clone()),
        })
        .collect();
    let aad = Aad {
        tenant,
        candidate: id,
        purpose: "idempotency",
        id,
    };
    key.seal(&aad, &serde_json::to_vec(&kept).unwrap_or_default())
}
