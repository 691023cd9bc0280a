//! The log and what is kept beside it, sealed, on SQLite and PostgreSQL.
//!
//! This is the raw layer: it knows tenants, streams, positions and keys, and nothing of facts. Payloads are opaque bytes
//! that were sealed before they came here. Moments are microseconds since the epoch and are given by the caller; nothing
//! here reads a clock. Randomness is used in `sealing` alone, for keys and nonces.

mod admin;
mod append;
mod backup;
mod beside;
mod calendars;
mod commit;
mod crash;
mod db;
mod doctor;
mod envelopes;
mod erased;
mod error;
mod keys;
mod lanes;
mod mail;
mod master;
mod migrate;
mod note_deliveries;
mod note_templates;
mod playbooks;
mod processors;
mod projection;
mod queues;
mod reads;
mod rebuild;
mod recorder;
mod rendered;
mod retention;
mod rows;
mod sealing;
#[cfg(all(test, feature = "testing"))]
mod second_wall;
mod sqlite;
mod statement;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod timers;
mod turns;
mod verify;
mod views;
mod wake;
mod webhooks;

pub use backup::{Copied, back_up_data, back_up_keys};
pub use beside::Beside;
pub use commit::{Appended, Commit, Erasure, Taken};
pub use doctor::{Files, Finding, Health, examine};
pub use erased::Swept;
pub use error::{OpenError, StoreError};
pub use keys::{Keys, WrappedKey};
pub use master::Rotated;
pub use note_deliveries::{NoteDeliveryEnd, NoteDeliveryRow, NoteDeliveryState};
pub use playbooks::{Playbooks, written};
pub use processors::Processors;
pub use queues::{ApplicationQuery, CandidateQuery, RejectionQuery, TaskFilter, TaskQuery};
pub use reads::FeedQuery;
pub use rebuild::Rebuilt;
pub use recorder::{
    Around, Command, Idempotency, KEY_BACKUPS, RecordError, Recorded, Recorder, Restoration, Restored, Step,
};
pub use retention::{RetentionRow, Silent};
pub use rows::{
    ApiKeyRow, ApplicationRow, CalendarRow, EventRow, IdempotencyRow, NoteTemplateRow, PlaybookRow, StreamHead,
    StreamRow, TaskRow, TaskState, TenantId, TenantRow,
};
pub use sealing::{Aad, DataKey, Unreadable};
pub use store::{Place, Store, StoreOptions};
pub use timers::Fence;
pub use turns::{Measure, Turn, Turns, after_others};
pub use verify::{Told, Verified};
pub use views::{Feed, FeedEntry, Listed};
pub use webhooks::{DeliveryRow, WEBHOOKS, WebhookRow};
