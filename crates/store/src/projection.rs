//! What is kept beside the log for questions that cross candidates: rows of tasks and applications, and
//! a summary of each candidate. They are derived from the state alone, so that a rebuild gives the same.

use afterword_domain::{
    applications::Application,
    candidate::Candidate,
    catalogue::AnyFact,
    decide::moved,
    play::{DERIVATION, Owed, State},
};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    Aad, ApplicationRow, Commit, DataKey, StreamRow, TaskRow, TaskState, TenantId,
    rendered::{json, rest_of_task, without},
};

/// The rows of one candidate that a commit writes.
pub(crate) struct Rows {
    /// None where nothing but the version has moved.
    pub(crate) stream: Option<StreamRow>,
    /// Tasks that came to be.
    pub(crate) new_tasks: Vec<TaskRow>,
    /// All others.
    pub(crate) tasks: Vec<TaskRow>,
    pub(crate) applications: Vec<ApplicationRow>,
    /// When something will next happen by itself.
    pub(crate) next_at: Option<i64>,
    /// The version of the playbook that was adopted.
    pub(crate) playbook_version: i64,
}

impl Rows {
    /// Puts them into a commit.
    pub(crate) fn go_with(self, commit: &mut Commit) {
        commit.stream = self.stream;
        commit.new_tasks = self.new_tasks;
        commit.tasks = self.tasks;
        commit.applications = self.applications;
        commit.next_at = self.next_at;
        commit.playbook_version = self.playbook_version;
    }
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
            stream: Some(self.stream(candidate)),
            new_tasks: Vec::new(),
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
            next_at: next_at(candidate),
            playbook_version: i64::from(candidate.playbook.version),
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
            stream: before.profile.is_none().then(|| self.stream(after)),
            new_tasks: moved.raised.iter().map(|owed| self.task(after, owed)).collect(),
            tasks: moved
                .changed
                .iter()
                .chain(&moved.closed)
                .map(|owed| self.task(after, owed))
                .collect(),
            applications: touched
                .map(|application| self.application(after, application))
                .collect(),
            next_at: next_at(after),
            playbook_version: i64::from(after.playbook.version),
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
            sealed: self.seal(
                candidate,
                "summary",
                candidate.id.uuid(),
                &without("version", json(&profile)),
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
            sealed: self.seal(candidate, "task", owed.id.uuid(), &rest_of_task(&row)),
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

fn next_at(candidate: &Candidate) -> Option<i64> {
    candidate.next_moment().map(Timestamp::as_microsecond)
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
