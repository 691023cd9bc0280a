//! What the recorder is asked for, and what became of it.

use std::sync::Arc;

use afterword_domain::{
    candidate::Candidate,
    decide::{Decided, Proposal},
    fact::Envelope,
    ids::CandidateId,
    refusal::Refusal,
};
use jiff::Timestamp;

use crate::{Fence, IdempotencyRow, StoreError, TenantId};

/// Facts that somebody wants recorded about one candidate. What has come due by itself is announced before them; with no
/// fact at all, that is all that is recorded.
pub struct Command<'a> {
    /// Whose log.
    pub tenant: TenantId,
    /// Whose stream.
    pub candidate: CandidateId,
    /// Whether the candidate's id has just been made, so that there is nothing to load.
    pub fresh: bool,
    /// The facts, in order.
    pub proposals: Vec<Proposal>,
    /// Whether all of them are recorded, or none.
    pub atomic: bool,
    /// The API key.
    pub by: Arc<str>,
    /// The moment of recording.
    pub now: Timestamp,
    /// What must hold of the newest state.
    pub condition: Option<&'a (dyn Fn(&Candidate) -> bool + Send + Sync)>,
    /// Where the client names the request, so that a repetition has one effect.
    pub idempotency: Option<Idempotency>,
    /// The lease that the writer must still hold.
    pub fence: Option<Fence>,
}

/// A client's name for a request, and the request, as keyed hashes.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The key.
    pub key: Vec<u8>,
    /// The request.
    pub request: Vec<u8>,
    /// When it came, by the wall's clock: by this the name ages out.
    pub at: Timestamp,
}

impl Idempotency {
    /// What is kept under the name: so many facts about a candidate, from this version on.
    pub(super) fn row(&self, candidate: CandidateId, first_version: i64, facts: usize) -> IdempotencyRow {
        IdempotencyRow {
            key_hash: self.key.clone(),
            request_hash: self.request.clone(),
            candidate: Some(candidate.uuid()),
            first_version,
            facts: i64::try_from(facts).unwrap_or(i64::MAX),
            sealed: None,
            recorded_at: self.at.as_microsecond(),
        }
    }
}

/// What became of one fact of a command.
pub struct Step {
    /// Whether it was recorded now or before, and the fact in the log.
    pub decided: Decided,
    /// The states around it. Kept where it was alone in its command: ten thousand facts would hold as many states.
    pub around: Option<Around>,
}

/// The states around a fact.
pub struct Around {
    /// The state before it.
    pub before: Candidate,
    /// The state after it.
    pub after: Candidate,
}

/// What became of a command.
pub struct Recorded {
    /// Each fact's result, in order.
    pub results: Vec<Result<Step, Refusal>>,
    /// What was announced before them.
    pub announced: Vec<Arc<Envelope>>,
    /// The candidate as the command left it.
    pub candidate: Candidate,
    /// Whether the answer is that of an earlier request of the same name.
    pub replayed: bool,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A fact of it is impossible.
    #[error("fact {index}: {refusal}")]
    Refused {
        /// Which.
        index: usize,
        /// Why.
        refusal: Refusal,
    },
    /// The candidate has moved on from what the client knows.
    #[error("the candidate has moved on")]
    Stale(Box<Candidate>),
    /// The name was used for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyReused,
    /// The writer's lease has been taken over.
    #[error("the lease has been taken over")]
    Fenced,
    /// The store cannot carry it out now.
    #[error(transparent)]
    Store(#[from] StoreError),
}
