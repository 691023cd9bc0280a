//! What is asked of the appender, and what it answers. One commit is decided on one version of one candidate; all of it
//! goes in, or nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::KEY_BACKUPS;
use crate::beside::Beside;
use crate::keys::WrappedKey;
use crate::rows::{ApplicationRow, EventRow, IdempotencyRow, StreamRow, TaskRow, TenantId};
use crate::timers::Fence;
use uuid::Uuid;

/// One decision, ready to be appended.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Whose log.
    pub tenant: TenantId,
    /// Whose stream.
    pub candidate: Uuid,
    /// The version it was decided on; 0 for a new stream.
    pub expected_version: i64,
    /// The key a new candidate's rows were sealed with. Another key there already makes the commit a conflict.
    pub new_key: Option<WrappedKey>,
    /// The facts, in order.
    pub events: Vec<EventRow>,
    /// The stream's row; none leaves all of it but version, `recorded_at` and `next_at`.
    pub stream: Option<StreamRow>,
    /// When something will next happen to the candidate by itself.
    pub next_at: Option<i64>,
    /// The version of the playbook that the candidate has adopted.
    pub playbook_version: i64,
    /// Tasks that are not there yet.
    pub new_tasks: Vec<TaskRow>,
    /// Tasks to insert or overwrite.
    pub tasks: Vec<TaskRow>,
    /// Applications to insert or overwrite.
    pub applications: Vec<ApplicationRow>,
    /// Take the candidate's tasks and applications away first: a rebuild.
    pub replace_rows: bool,
    /// The request that made it.
    pub idempotency: Option<IdempotencyRow>,
    /// A change of what lies beside the log. Where it finds something else than it rests on, the commit is a conflict. Such
    /// a commit has a transaction of its own; what would do harm twice needs the name of its request beside it, by which
    /// it is recognised where the answer to COMMIT was lost.
    pub beside: Option<Beside>,
    /// Payloads to rewrite: version and new sealed payload.
    pub redactions: Vec<(i64, Vec<u8>)>,
    /// Erase the candidate, after everything else in here.
    pub erase: Option<Erasure>,
    /// The groups that the candidate was in, by keyed hash: who hears of them hears of the erasure.
    pub of_groups: BTreeSet<Vec<u8>>,
    /// The lease that the writer must still hold.
    pub fence: Option<Fence>,
}

impl Commit {
    /// A commit with nothing in it.
    #[must_use]
    pub fn new(tenant: TenantId, candidate: Uuid, expected_version: i64) -> Self {
        Self {
            tenant,
            candidate,
            expected_version,
            new_key: None,
            events: Vec::new(),
            stream: None,
            next_at: None,
            playbook_version: 0,
            new_tasks: Vec::new(),
            tasks: Vec::new(),
            applications: Vec::new(),
            replace_rows: false,
            idempotency: None,
            beside: None,
            redactions: Vec::new(),
            erase: None,
            of_groups: BTreeSet::new(),
            fence: None,
        }
    }

    /// How long its facts are, sealed.
    pub(crate) fn bytes(&self) -> usize {
        self.events.iter().flat_map(|event| &event.sealed).map(Vec::len).sum()
    }

    /// Whether it touches its candidate at all; a request's name and what lies beside the log may also go in alone.
    pub(crate) fn touches_stream(&self) -> bool {
        !self.events.is_empty()
            || self.stream.is_some()
            || !self.new_tasks.is_empty()
            || !self.tasks.is_empty()
            || !self.applications.is_empty()
            || self.replace_rows
            || !self.redactions.is_empty()
            || self.erase.is_some()
    }
}

/// When a candidate was erased, and when the last backup of its key ages out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// When.
    pub at: i64,
    /// When the last backup of the key ages out.
    pub keys_gone_by: i64,
}

impl Erasure {
    /// One that is made at a moment.
    pub(crate) fn made(at: Timestamp) -> Self {
        let keys_gone_by = at.checked_add(KEY_BACKUPS).unwrap_or(Timestamp::MAX);
        Self {
            at: at.as_microsecond(),
            keys_gone_by: keys_gone_by.as_microsecond(),
        }
    }
}

/// An id that an event of the tenant has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The event's id.
    pub event_id: Uuid,
    /// Whose it is.
    pub candidate: Uuid,
    /// At which version.
    pub version: i64,
}

/// The appender's answer. Everything but `Done` means that nothing of the commit is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// It is durable.
    Done {
        /// The position of its first event; where it has none, the next position of the log.
        first_position: i64,
    },
    /// The stream or what lies beside the log has moved on, or another writer's key is in the key store: load again (key
    /// included) and decide again.
    Conflict,
    /// Events of these ids are in the tenant's log already; in the commit's own order.
    IdsTaken(Vec<Taken>),
    /// The idempotency key was used before, for what the row says.
    KeyUsed(IdempotencyRow),
    /// Another candidate of the tenant has the external id.
    ExternalIdTaken,
    /// The candidate is erased.
    Erased,
    /// The writer's lease has been taken over.
    Fenced,
}
