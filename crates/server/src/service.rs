//! What every endpoint has at hand, and the one place where a caller's reach meets a candidate.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::web;
use afterword_domain::{
    candidate::Candidate,
    ids::{CandidateId, KeyId},
};
use afterword_store::{Measure, Recorder, Store, StoreError, TenantId, Turns};
use futures_util::future::{BoxFuture, FutureExt};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

use crate::edge::{
    clock::Clock,
    codes::Code,
    cursor::Cursors,
    keys::{StoredKey, StoredKeys},
    problem::{ErasureReceipt, Problem},
    room::Room,
    scopes::{Bound, Caller, Scope, Scopes},
};
use crate::{bulk::Bulks, events::Streams, heavy::Heavy, mail::Post, outgoing::Outgoing};

/// The service, shared by all workers.
#[derive(Clone)]
pub struct Service {
    /// Records facts and reads candidates.
    pub recorder: Recorder,
    /// Seals and opens cursors.
    pub cursors: Arc<Cursors>,
    /// The one source of time and fresh ids.
    pub clock: Clock,
    /// The streams of events that are open.
    pub(crate) streams: Arc<Streams>,
    /// The readers of events that wait.
    pub(crate) long_polls: Arc<Streams>,
    /// The requests with many lines.
    pub(crate) bulks: Bulks,
    /// Requests that are carried out, by key.
    pub(crate) turns: Turns<Uuid>,
    /// Memory for bodies, by key.
    pub(crate) room: Room,
    /// Places for work that keeps a processor busy, by tenant.
    pub(crate) heavy: Heavy,
    /// Addresses of calendars that are looked up at once: whoever asks shows no key.
    pub(crate) look_ups: Arc<Semaphore>,
    /// The way to addresses that somebody else named.
    pub outgoing: Outgoing,
    /// The way out for letters.
    pub mail: Post,
    requests: [u8; 32],
    /// Whether whoever asks is to ask another instance: this one will stop, and serves until then.
    pub leaving: Arc<AtomicBool>,
    stopping: Arc<AtomicBool>,
    stop: Arc<Notify>,
    webhooks: Arc<Notify>,
}

/// Requests that are carried out at once. A key that is alone has as many as make the appender quick; in company they
/// share what keeps the processors busy and answers short.
fn requests() -> Measure {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Measure {
        in_all: 128.max(16 * processors),
        alone: 64,
        together: 4 * processors,
        line: 2048,
        patience: Duration::from_secs(2),
    }
}

/// See `look_ups`.
const LOOK_UPS: usize = 8;

/// The service, as handlers take it.
pub type Shared = web::Data<Service>;

impl Service {
    /// A service over a store.
    pub fn new(store: Store, clock: Clock) -> Self {
        let recorder = Recorder::new(store);
        let store = recorder.store();
        Self {
            cursors: Arc::new(Cursors::new(store.secret("cursors"))),
            streams: Arc::new(Streams::of_streams()),
            long_polls: Arc::new(Streams::of_long_polls()),
            bulks: Bulks::default(),
            turns: Turns::new(requests()),
            room: Room::default(),
            heavy: Heavy::on(recorder.processors().clone()),
            look_ups: Arc::new(Semaphore::new(LOOK_UPS)),
            requests: store.secret("requests"),
            leaving: Arc::default(),
            stopping: Arc::default(),
            stop: Arc::default(),
            webhooks: Arc::default(),
            outgoing: Outgoing::new(false),
            recorder,
            clock,
            mail: Post::new(Outgoing::new(false)),
        }
    }

    /// The same, with another way out.
    #[must_use]
    pub fn reaching(self, outgoing: Outgoing) -> Self {
        Self { outgoing, ..self }
    }

    /// Webhooks, or what they are to be told, have changed by request: whoever serves them looks at once.
    pub fn webhooks_have_changed(&self) {
        self.webhooks.notify_one();
    }

    /// Waits until webhooks have changed.
    pub async fn webhooks_changed(&self) {
        self.webhooks.notified().await;
    }

    /// The same with another way out for letters.
    #[must_use]
    pub fn with_mail(self, mail: Post) -> Self {
        Self { mail, ..self }
    }

    /// Readers that wait for news are to be answered with what there is: the service is about to stop.
    pub fn stop_waiting(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.stop.notify_waiters();
    }

    /// Whether the service is about to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Waits until the service is about to stop.
    pub async fn until_stopping(&self) {
        let stop = self.stop.notified();
        if !self.is_stopping() {
            stop.await;
        }
    }

    /// The tenant's now: its test clock's, where it has one, else the wall's.
    pub async fn now(&self, caller: &Caller) -> Result<Timestamp, Problem> {
        let shown = if caller.test {
            self.test_clock(tenant(caller)).await?
        } else {
            None
        };
        Ok(shown.unwrap_or_else(|| self.clock.now()))
    }

    /// What a tenant's test clock shows, where it has one.
    pub async fn test_clock(&self, tenant: TenantId) -> Result<Option<Timestamp>, Problem> {
        let shown = self.recorder.store().test_clock(tenant).await.map_err(unavailable)?;
        Ok(shown.and_then(|at| Timestamp::from_microsecond(at).ok()))
    }

    /// Who holds the leases of a worker of this instance.
    pub fn holder(&self) -> Uuid {
        // On SQLite there is one process: what it left undone when it was killed is its own.
        if self.recorder.store().is_postgres() {
            self.clock.uuid_v7()
        } else {
            Uuid::nil()
        }
    }

    /// A keyed hash, for what is compared and never read.
    pub fn hash(&self, parts: &[&[u8]]) -> Vec<u8> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.requests) else {
            return Vec::new();
        };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    }

    /// A candidate that the caller may read.
    pub async fn candidate(&self, caller: &Caller, id: CandidateId) -> Result<Arc<Candidate>, Problem> {
        caller.require(Scope::CandidatesRead)?;
        let candidate = self.recorder.candidate(tenant(caller), id).await.map_err(unavailable)?;
        if candidate.version == 0 || !reaches(caller, &candidate) {
            return Err(Problem::not_found());
        }
        if let Some(erased_at) = candidate.erased_at {
            let receipt = ErasureReceipt::of(erased_at);
            return Err(Problem::refused("candidate_erased", "The candidate was erased.").gone(receipt));
        }
        Ok(candidate)
    }
}

/// Whether a key reaches a candidate; to others it is as if the candidate were not there.
pub fn reaches(caller: &Caller, candidate: &Candidate) -> bool {
    let groups = candidate
        .profile
        .as_ref()
        .map(|profile| profile.groups.iter().map(ToString::to_string).collect());
    let groups: Vec<String> = groups.unwrap_or_default();
    caller.bound.admits(candidate.id.uuid(), &groups)
}

/// The tenant of a caller.
pub const fn tenant(caller: &Caller) -> TenantId {
    TenantId(caller.tenant)
}

/// What a failing store looks like from outside.
pub fn unavailable(error: StoreError) -> Problem {
    match error {
        StoreError::Overloaded => Problem::overloaded(1),
        StoreError::Unavailable(cause) => {
            tracing::error!(%cause, "the store is unavailable");
            Problem::overloaded(5)
        }
        StoreError::UnreadablePlaybook(version) => unreadable_playbook(version.into()),
        unreadable => Problem::internal(unreadable),
    }
}

/// The rules of a version are gone, or are not what they were when it was put.
pub fn unreadable_playbook(version: i64) -> Problem {
    Problem::new(
        Code::PlaybookUnreadable,
        format!("Version {version} of the playbook cannot be read, or its rules are not those of its hash."),
    )
}

impl StoredKeys for Service {
    fn find(&self, tenant: i64, hash: [u8; 32]) -> BoxFuture<'_, Result<Option<StoredKey>, Problem>> {
        async move {
            let store = self.recorder.store();
            let row = store
                .api_key_by_hash(TenantId(tenant), &hash)
                .await
                .map_err(unavailable)?;
            let Some(row) = row.filter(|row| row.revoked_at.is_none()) else {
                return Ok(None);
            };
            let scopes: Scopes = row
                .scopes
                .split(' ')
                .filter_map(|scope| scope.parse::<Scope>().ok())
                .collect();
            let bound = match (row.candidate, row.group) {
                (Some(candidate), _) => Bound::Candidate(candidate),
                (None, Some(group)) => Bound::Group(group),
                (None, None) => Bound::Everything,
            };
            let expires_at = row.expires_at.and_then(|at| jiff::Timestamp::from_microsecond(at).ok());
            let caller = Caller {
                tenant,
                test: false,
                key_id: row.key_id,
                scopes,
                bound,
            };
            Ok(Some(StoredKey { caller, expires_at }))
        }
        .boxed()
    }
}

/// How a key is named in `recorded_by`.
pub fn recorded_by(caller: &Caller) -> Arc<str> {
    KeyId::new(caller.key_id).to_string().into()
}

/// A refusal that only this edge makes.
pub fn reused() -> Problem {
    Problem::about(
        Code::IdempotencyReused,
        "Idempotency-Key",
        "was used for another request: use a new key for a new request",
    )
}
