//! Erasing somebody whose history cannot be read: a key is lost, or the rules of a playbook are not what was adopted. Who is to
//! be forgotten is all the same, and where the stream ends is enough to know for that.

use afterword_domain::{candidate::Candidate, catalogue::AnyFact, ids::CandidateId, refusal::Refusal};

use super::{ATTEMPTS, Command, RecordError, Recorded, Recorder};
use crate::{Appended, Erasure, StoreError, StreamHead, envelopes::moment, erased::erasure_row};

impl Recorder {
    /// Carries an erasure out that could not be decided on, for this reason; of everything else that is the answer.
    pub(super) async fn erase_unread(
        &self,
        command: &Command<'_>,
        reason: StoreError,
    ) -> Result<Recorded, RecordError> {
        let (tenant, id) = (command.tenant, command.candidate);
        let event = match &command.proposals[..] {
            [only] if matches!(only.fact, AnyFact::CandidateErased(_)) => only.event.uuid(),
            _ => return Err(reason.into()),
        };
        let _turn = self.turn(tenant, id.uuid()).await?;
        for _ in 0..ATTEMPTS {
            let Some(head) = self.store.stream_head(tenant, id.uuid()).await? else {
                break;
            };
            if head.erased_at.is_some() {
                let refusal = Refusal::new("candidate_erased", "The candidate was erased.");
                return Err(RecordError::Refused { index: 0, refusal });
            }
            let unread = unread(id, &head);
            if command.condition.is_some_and(|holds| !holds(&unread)) {
                return Err(RecordError::Stale(Box::new(unread)));
            }
            let at = moment(head.recorded_at).max(command.now);
            let version = head.version + 1;
            let row = erasure_row(id.uuid(), version, event, [at.as_microsecond(); 2], &command.by);
            let mut commit = self.store.erasing(tenant, row, Erasure::made(at)).await?;
            let named = command.idempotency.as_ref();
            commit.idempotency = named.map(|named| named.row(id, version, 1));
            commit.fence = command.fence;
            match self.store.append(commit).await? {
                Appended::Done { .. } => {
                    self.cache.invalidate(&(tenant, id.uuid()));
                    self.store.keys().forget(tenant, id.uuid());
                    let erased = Candidate::erased(id, unread.version + 1, at);
                    let replayed = false;
                    let told = self.tell_erasure(tenant, &erased, Some(version)).await?;
                    return Ok(Recorded { replayed, ..told });
                }
                Appended::KeyUsed(row) => {
                    let Some(named) = &command.idempotency else { break };
                    return self.replay(command, named, &row).await;
                }
                Appended::IdsTaken(_) => {
                    let refusal = Refusal::new("id_taken", "Another fact has this id.");
                    return Err(RecordError::Refused { index: 0, refusal });
                }
                Appended::Fenced => return Err(RecordError::Fenced),
                Appended::Conflict | Appended::Erased | Appended::ExternalIdTaken => {}
            }
        }
        Err(reason.into())
    }
}

/// What is known of a candidate without reading a fact.
fn unread(id: CandidateId, head: &StreamHead) -> Candidate {
    let mut candidate = Candidate::unknown(id);
    candidate.version = head.version.unsigned_abs();
    candidate.recorded_at = moment(head.recorded_at);
    candidate
}
