//! What is kept beside the log for questions that cross candidates: rows of tasks and applications, and
//! a summary of each candidate. They are derived from the state alone, so that a rebuild gives the same.

use afterword_domain::{
    applications::{Application, Status},
    candidate::Candidate,
    catalogue::AnyFact,
    decide::moved,
    play::{DERIVATION, Owed, State},
    profile::Profile,
};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::Serialize;
use sha2::Sha256;
use uuid::Uuid;

use crate::{Aad, ApplicationRow, DataKey, StreamRow, TaskRow, TaskState, TenantId};

/// The rows of one candidate that a commit writes.
pub(crate) struct Rows {
    pub(crate) stream: StreamRow,
    pub(crate) tasks: Vec<TaskRow>,
    pub(crate) applications: Vec<ApplicationRow>,
}

/// Renders rows of a candidate, sealed with the candidate's key.
pub(crate) struct Projection<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) key: &'a DataKey,
    /// For keyed hashes of external ids.
    pub(crate) secret: &'a [u8; 32],
}

impl Projection<'_> {
    /// Every row of the candidate.
    pub(crate) fn all(&self, candidate: &Candidate) -> Rows {
        Rows {
            stream: self.stream(candidate),
            tasks: candidate
                .tasks
                .values()
                .map(|owed| self.task(candidate, owed))
                .collect(),
            applications: candidate
                .applications
                .values()
                .map(|it| self.application(candidate, it))
                .collect(),
        }
    }

    /// The rows that differ between two states of the candidate.
    pub(crate) fn changed(&self, before: &Candidate, after: &Candidate) -> Rows {
        let new = after.history().iter().skip(before.history().len());
        if new.clone().any(|fact| names_change(&fact.data)) {
            return self.all(after);
        }
        let touched = after.applications.values().filter(|now| {
            before
                .applications
                .get(&now.id)
                .is_none_or(|then| !std::sync::Arc::ptr_eq(then, now))
        });
        let moved = moved(before, after, after.recorded_at);
        Rows {
            stream: self.stream(after),
            tasks: moved.all().map(|owed| self.task(after, owed)).collect(),
            applications: touched
                .map(|application| self.application(after, application))
                .collect(),
        }
    }

    fn seal(&self, candidate: &Candidate, purpose: &str, id: Uuid, plain: &[u8]) -> Vec<u8> {
        let aad = Aad {
            tenant: self.tenant,
            candidate: candidate.id.uuid(),
            purpose,
            id,
        };
        self.key.seal(&aad, plain)
    }

    fn stream(&self, candidate: &Candidate) -> StreamRow {
        let profile = candidate.profile.as_deref();
        let external_id = profile.and_then(|profile| profile.external_id.get().as_ref());
        let groups = profile
            .map(|profile| profile.groups.get().as_slice())
            .unwrap_or_default();
        StreamRow {
            recorded_at: candidate.recorded_at.as_microsecond(),
            external_hash: external_id.map(|id| external_hash(self.secret, self.tenant, id.as_str())),
            groups: groups.iter().map(ToString::to_string).collect(),
            derivation: DERIVATION,
            next_at: candidate.next_moment().map(Timestamp::as_microsecond),
            sealed: self.seal(
                candidate,
                "summary",
                candidate.id.uuid(),
                &json(&Profile::of(candidate)),
            ),
        }
    }

    fn task(&self, candidate: &Candidate, owed: &Owed) -> TaskRow {
        // The state of a live task follows from the clock of the reader, who fills it in.
        let row = candidate.queued(owed, candidate.recorded_at);
        TaskRow {
            candidate: candidate.id.uuid(),
            task_id: owed.id.uuid(),
            application: owed.application.map(|application| application.uuid()),
            play: owed.play.name.to_owned(),
            state: match row.task.state {
                State::Done => TaskState::Done,
                State::Dismissed => TaskState::Dismissed,
                State::Void => TaskState::Void,
                State::Waiting | State::Open | State::Overdue => TaskState::Live,
            },
            opens_at: owed.opens_at.as_microsecond(),
            due_at: owed.due_at.map_or(i64::MAX, Timestamp::as_microsecond),
            snoozed_until: candidate.snoozed_until(owed).map(Timestamp::as_microsecond),
            version: i64::try_from(candidate.version).unwrap_or(i64::MAX),
            sealed: self.seal(candidate, "task", owed.id.uuid(), &without("state", json(&row))),
        }
    }

    fn application(&self, candidate: &Candidate, application: &Application) -> ApplicationRow {
        let silence = application.silence();
        let rejection = application.newest_rejection();
        let id = application.id.uuid();
        ApplicationRow {
            candidate: candidate.id.uuid(),
            application: id,
            status: application.base_status().name().to_owned(),
            quiet_at: silence.map(|silence| silence.quiet_at.as_microsecond()),
            silent_at: silence.map(|silence| silence.silent_at.as_microsecond()),
            presumed_closed_at: silence.map(|silence| silence.presumed_closed_at.as_microsecond()),
            rejection_stage: rejection.map(|rejection| rejection.stage(application).name().to_owned()),
            rejection_received_at: rejection.map(|rejection| rejection.received.1.at.as_microsecond()),
            version: i64::try_from(application.version).unwrap_or(i64::MAX),
            sealed: self.seal(
                candidate,
                "application",
                id,
                &without("status", json(&candidate.board(application))),
            ),
            rejection_sealed: rejection.map(|rejection| {
                self.seal(
                    candidate,
                    "rejection",
                    id,
                    &json(&candidate.board_rejection(application, rejection)),
                )
            }),
        }
    }
}

/// A keyed hash of an external id: looked up without being readable.
pub(crate) fn external_hash(secret: &[u8; 32], tenant: TenantId, id: &str) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return Vec::new();
    };
    mac.update(&tenant.0.to_be_bytes());
    mac.update(id.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Facts after which titles and prefilled calls read otherwise: every row is rendered anew.
const fn names_change(fact: &AnyFact) -> bool {
    matches!(
        fact,
        AnyFact::ProfileRevised(_)
            | AnyFact::ApplicationRevised(_)
            | AnyFact::ContactRevised(_)
            | AnyFact::ContactErased(_)
            | AnyFact::FactRetracted(_)
    )
}

fn json(row: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(row).unwrap_or_default()
}

/// A rendered row without the field that depends on the moment of reading; `splice` puts it back. Inside a text a
/// quotation mark is escaped, so what reads like the field is the field, and the row's own comes before any within it.
fn without(field: &str, mut row: Vec<u8>) -> Vec<u8> {
    let name = format!("\"{field}\":\"");
    if let Some(from) = row.windows(name.len()).position(|some| some == name.as_bytes()) {
        let value = from + name.len();
        // The value is a plain word, and another field follows.
        if let Some(length) = row[value..].iter().position(|byte| *byte == b',') {
            row.drain(from..=value + length);
        }
    }
    row
}

/// A task's row with its state at the moment of reading, as JSON.
pub(crate) fn with_state(row: &TaskRow, plain: &[u8], now: Timestamp) -> String {
    let now = now.as_microsecond();
    let state = match row.state {
        TaskState::Done => State::Done,
        TaskState::Dismissed => State::Dismissed,
        TaskState::Void => State::Void,
        TaskState::Live if row.opens_at > now => State::Waiting,
        TaskState::Live if row.due_at <= now => State::Overdue,
        TaskState::Live => State::Open,
    };
    splice("state", state.name(), plain)
}

/// An application's row with its status at the moment of reading, as JSON.
pub(crate) fn with_status(row: &ApplicationRow, plain: &[u8], now: Timestamp) -> String {
    let passed = |at: Option<i64>| at.is_some_and(|at| at <= now.as_microsecond());
    let status = match row.status.as_str() {
        "awaiting" if passed(row.presumed_closed_at) => Status::PresumedClosed.name(),
        "awaiting" if passed(row.silent_at) => Status::Silent.name(),
        "awaiting" if passed(row.quiet_at) => Status::Quiet.name(),
        status => status,
    };
    splice("status", status, plain)
}

/// Puts a field before the others of an object that was rendered before.
fn splice(field: &str, value: &str, plain: &[u8]) -> String {
    let rest = String::from_utf8_lossy(plain.get(1..).unwrap_or(b"}"));
    format!("{{\"{field}\":\"{value}\",{rest}")
}
