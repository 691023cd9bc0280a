//! What a row holds, the same on both stores. Nothing in here can be read without a candidate's key but ids, types,
//! times, numbers and labels.

use uuid::Uuid;

/// A tenant: a random positive number of 31 bits, chosen by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub i64);

/// A tenant as the command line lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Its id.
    pub id: TenantId,
    /// Its name, unique in the store.
    pub name: String,
    /// Whether it is a test tenant.
    pub test: bool,
}

/// One fact of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its place in the tenant's log, from 1 without a gap. Given by the appender.
    pub position: i64,
    /// Whose fact it is. In a commit, the commit's candidate is taken.
    pub candidate: Uuid,
    /// Its place in the candidate's stream, from 1. In a commit, counted from `expected_version`.
    pub version: i64,
    /// Its id, unique in the tenant.
    pub event_id: Uuid,
    /// The fact's name.
    pub kind: String,
    /// The schema its payload was written with.
    pub schema_version: i64,
    /// The application it belongs to.
    pub application: Option<Uuid>,
    /// What it is about, as text.
    pub subject: String,
    /// When it happened.
    pub occurred_at: i64,
    /// When it was appended.
    pub recorded_at: i64,
    /// Which API key appended it.
    pub recorded_by: String,
    /// The sealed payload; none once the candidate is erased.
    pub sealed: Option<Vec<u8>>,
}

/// A version of a tenant's playbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaybookRow {
    /// Its version, from 1.
    pub version: i64,
    /// The SHA-256 of its rules, in hexadecimal.
    pub hash: String,
    /// Its rules, as JSON.
    pub rules: String,
    /// When it was put.
    pub recorded_at: i64,
    /// The API key that put it.
    pub recorded_by: String,
}

/// A version of a tenant's template for one kind of note and one tone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteTemplateRow {
    /// The kind of note.
    pub kind: String,
    /// The tone.
    pub tone: String,
    /// Its version, from 1.
    pub version: i64,
    /// Its variants, as JSON; none goes back to the default.
    pub variants: Option<String>,
    /// When it was put.
    pub recorded_at: i64,
    /// The API key that put it.
    pub recorded_by: String,
}

/// What is kept of a candidate beside the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRow {
    /// When its newest event was appended.
    pub recorded_at: i64,
    /// A keyed hash of the candidate's id in the client's own system, unique in the tenant.
    pub external_hash: Option<Vec<u8>>,
    /// The labels that group-bound keys see it by.
    pub groups: Vec<String>,
    /// The version of the derivation that made the derived rows.
    pub derivation: i64,
    /// The rendered summary.
    pub sealed: Vec<u8>,
}

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamHead {
    /// The version of its newest event.
    pub version: i64,
    /// When its newest event was appended.
    pub recorded_at: i64,
    /// When the candidate was erased.
    pub erased_at: Option<i64>,
    /// When the last backup of the candidate's key ages out.
    pub keys_gone_by: Option<i64>,
    /// The version of the derivation that made the derived rows.
    pub derivation: i64,
}

/// Where a task stands, less what the time decides: a live one is waiting, open or overdue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// Still to be done.
    Live,
    /// Answered by a fact.
    Done,
    /// Waved away.
    Dismissed,
    /// Its ground is gone.
    Void,
}

impl TaskState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Done => "done",
            Self::Dismissed => "dismissed",
            Self::Void => "void",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Live, Self::Done, Self::Dismissed, Self::Void]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// One row of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Whose task it is. In a commit, the commit's candidate is taken.
    pub candidate: Uuid,
    /// Its id, unique in the candidate.
    pub task_id: Uuid,
    /// The application it belongs to.
    pub application: Option<Uuid>,
    /// The play that asks for it.
    pub play: String,
    /// Where it stands.
    pub state: TaskState,
    /// When it may first be done.
    pub opens_at: i64,
    /// When it should be done by; `i64::MAX` where there is no such time.
    pub due_at: i64,
    /// Until when the candidate does not want to see it.
    pub snoozed_until: Option<i64>,
    /// The version of the stream it was derived at.
    pub version: i64,
    /// The rest of the rendered task; empty where it was not asked for.
    pub sealed: Vec<u8>,
}

/// One row of the boards of applications and rejections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationRow {
    /// Whose application it is. In a commit, the commit's candidate is taken.
    pub candidate: Uuid,
    /// Its id, unique in the candidate.
    pub application: Uuid,
    /// Its status less what the time decides.
    pub status: String,
    /// When an awaited answer counts as quiet.
    pub quiet_at: Option<i64>,
    /// When an awaited answer counts as silent.
    pub silent_at: Option<i64>,
    /// When an awaited answer counts as a closed application.
    pub presumed_closed_at: Option<i64>,
    /// How far the rejection has been worked through.
    pub rejection_stage: Option<String>,
    /// When the rejection came.
    pub rejection_received_at: Option<i64>,
    /// The version of the stream it was derived at.
    pub version: i64,
    /// The rendered application.
    pub sealed: Vec<u8>,
    /// The rendered rejection.
    pub rejection_sealed: Option<Vec<u8>>,
}

/// A request that was answered, so that it is answered once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRow {
    /// A keyed hash of the client's key.
    pub key_hash: Vec<u8>,
    /// A keyed hash of the request.
    pub request_hash: Vec<u8>,
    /// Whom the request was about.
    pub candidate: Option<Uuid>,
    /// The version of the first fact it made.
    pub first_version: i64,
    /// How many facts it made.
    pub facts: i64,
    /// What else the answer needs; none once the candidate is erased.
    pub sealed: Option<Vec<u8>>,
    /// When it was answered.
    pub recorded_at: i64,
}

/// An API key, hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Its id.
    pub key_id: Uuid,
    /// The hash of its secret, unique in the tenant.
    pub hash: Vec<u8>,
    /// Its scopes, separated by spaces.
    pub scopes: String,
    /// What its owner calls it.
    pub name: Option<String>,
    /// The one candidate it sees.
    pub candidate: Option<Uuid>,
    /// The one group it sees.
    pub group: Option<String>,
    /// When it was made.
    pub created_at: i64,
    /// When it ends by itself, having been rolled.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}

/// A secret address of a candidate's calendar, hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarRow {
    /// Its id.
    pub calendar_id: Uuid,
    /// Whose dates it shows.
    pub candidate: Uuid,
    /// The hash of its secret, unique in the tenant.
    pub hash: Vec<u8>,
    /// When it was made.
    pub created_at: i64,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}
