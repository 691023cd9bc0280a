//! The appender: takes whatever waits, and brings it in with one transaction per tenant. Several tenants at once on
//! PostgreSQL, one after another on SQLite; one tenant's batches never overlap on this instance, and between instances
//! the tenant's head row orders them. Nothing waits for a timer: while a batch is being written, the next one gathers.
//!
//! A commit of a new candidate goes through the key store first, on a lane of its own (`new_keys`): a key is durable before
//! the log holds what it sealed, and the log does not wait for it.

mod new_keys;
mod plan;
mod postgres;
mod sqlite;

use crate::commit::{Appended, Commit};
use crate::crash::{Fault, held, point};
use crate::error::{StoreError, describe};
use crate::keys::Keys;
use crate::lanes::Lanes;
use crate::rows::TenantId;
use crate::sqlite::{Sqlite, is_read_only};
use crate::turns::after_others;
use crate::wake::Wake;
use plan::{Known, Landed, Plan};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{Id, JoinSet};
use uuid::Uuid;

/// So many commits may wait or be under way; one more is told to come back.
const WAITING: usize = 4096;
/// So many commits share a transaction, of so many events together (one commit may have more by itself).
const BATCH: usize = 256;
const BATCH_EVENTS: usize = 4096;
/// Of those that may wait, one tenant has so many.
const OF_A_TENANT: usize = WAITING / 2;
const ATTEMPTS: u32 = 16;
/// The longest pause between two of them: when the database is there again, so is the log.
const PAUSE: Duration = Duration::from_millis(500);
/// After so long no other attempt is made: whoever waits is told.
const TRYING: Duration = Duration::from_secs(20);
/// So long a caller waits for its commit, in the queue and in its batch.
const LONGEST: Duration = Duration::from_secs(30);

/// Where batches go.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Sqlite(Sqlite),
    Postgres(Arc<Lanes>),
}

impl Place {
    fn at_once(&self) -> usize {
        match self {
            Self::Sqlite(_) => 1,
            Self::Postgres(_) => 4,
        }
    }

    /// A batch takes milliseconds: a connection that says nothing for so long is dead. On SQLite it may be another process
    /// that writes, for which it waits ten seconds.
    fn patience(&self) -> Duration {
        Duration::from_secs(match self {
            Self::Sqlite(_) => 12,
            Self::Postgres(_) => 6,
        })
    }

    /// After a connection was found dead.
    fn renew(&self) {
        if let Self::Postgres(lanes) = self {
            lanes.renew();
        }
    }
}

struct Job {
    commit: Commit,
    answer: oneshot::Sender<Result<Appended, StoreError>>,
    _room: (OwnedSemaphorePermit, OfTenant),
}

impl Job {
    /// Whether somebody still waits for it. A request that has gone before its batch began is not carried out.
    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }
}

/// How many commits of each tenant wait or are under way.
#[derive(Debug, Default)]
struct Tenants(Mutex<HashMap<TenantId, usize>>);

/// One of them.
#[derive(Debug)]
struct OfTenant(Arc<Tenants>, TenantId);

impl Tenants {
    fn one_more(self: &Arc<Self>, tenant: TenantId) -> Option<OfTenant> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = waiting.entry(tenant).or_default();
        if *own >= OF_A_TENANT {
            return None;
        }
        *own += 1;
        Some(OfTenant(Arc::clone(self), tenant))
    }
}

impl Drop for OfTenant {
    fn drop(&mut self) {
        let mut waiting = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = waiting.get_mut(&self.1) {
            *own -= 1;
            if *own == 0 {
                waiting.remove(&self.1);
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct Appender {
    queue: mpsc::UnboundedSender<Job>,
    /// Those that bring a key go this way.
    new_keys: mpsc::UnboundedSender<Job>,
    room: Arc<Semaphore>,
    tenants: Arc<Tenants>,
    place: Place,
}

impl Appender {
    /// `scrub` is told when something was erased, and `doubts` of whom it is not known whether it was.
    pub(crate) fn start(
        place: Place,
        keys: Arc<Keys>,
        wake: Arc<Wake>,
        scrub: Arc<Notify>,
        doubts: mpsc::UnboundedSender<(TenantId, Uuid)>,
    ) -> Self {
        let (queue, jobs) = mpsc::unbounded_channel();
        let (new_keys, keyed) = mpsc::unbounded_channel();
        tokio::spawn(new_keys::keep(keyed, Arc::clone(&keys), queue.clone()));
        let writer = Writer {
            place: place.clone(),
            keys,
            wake,
            scrub,
            doubts,
        };
        tokio::spawn(dispatch(jobs, Arc::new(writer)));
        Self {
            queue,
            new_keys,
            room: Arc::new(Semaphore::new(WAITING)),
            tenants: Arc::default(),
            place,
        }
    }

    pub(crate) async fn append(&self, commit: Commit) -> Result<Appended, StoreError> {
        let closed = || StoreError::Unavailable("the store is closed".to_owned());
        let room = match Arc::clone(&self.room).try_acquire_owned() {
            Ok(room) => room,
            Err(_) if self.room.is_closed() => return Err(closed()),
            Err(_) => return Err(StoreError::Overloaded),
        };
        let own = self.tenants.one_more(commit.tenant).ok_or(StoreError::Overloaded)?;
        metrics::gauge!("afterword_append_queue_depth").set((WAITING - self.room.available_permits()) as f64);
        #[expect(clippy::disallowed_methods, reason = "only how long it takes is measured")]
        let began = Instant::now();
        let (answer, answered) = oneshot::channel();
        let way = if commit.new_key.is_some() {
            &self.new_keys
        } else {
            &self.queue
        };
        way.send(Job {
            commit,
            answer,
            _room: (room, own),
        })
        .map_err(|_| closed())?;
        let appended = match tokio::time::timeout(LONGEST, answered).await {
            Ok(appended) => appended.unwrap_or_else(|_| Err(StoreError::Unavailable("the batch was lost".to_owned()))),
            Err(_) => Err(StoreError::Unavailable("not appended in time".to_owned())),
        };
        metrics::histogram!("afterword_append_seconds").record(began.elapsed().as_secs_f64());
        after_others().await;
        appended
    }

    /// Takes nothing more, and waits for what was taken.
    pub(crate) async fn close(&self) {
        let all = u32::try_from(WAITING).unwrap_or(u32::MAX);
        drop(self.room.acquire_many(all).await);
        self.room.close();
        if let Place::Postgres(lanes) = &self.place {
            lanes.close().await;
        }
    }
}

/// Gathers commits per tenant and starts batches. Ends when the appender is dropped and all is written.
async fn dispatch(mut jobs: mpsc::UnboundedReceiver<Job>, writer: Arc<Writer>) {
    let mut waiting: HashMap<TenantId, VecDeque<Job>> = HashMap::new();
    let mut ready: VecDeque<TenantId> = VecDeque::new();
    let mut busy: HashMap<Id, TenantId> = HashMap::new();
    let mut batches: JoinSet<()> = JoinSet::new();
    let mut open = true;
    while open || !batches.is_empty() || !ready.is_empty() {
        while busy.len() < writer.place.at_once() {
            let Some(tenant) = ready.pop_front() else { break };
            let batch = waiting.get_mut(&tenant).map(take_batch).unwrap_or_default();
            let writer = Arc::clone(&writer);
            let handle = batches.spawn(async move { writer.write(tenant, batch).await });
            busy.insert(handle.id(), tenant);
        }
        tokio::select! {
            job = jobs.recv(), if open => {
                let Some(job) = job else {
                    open = false;
                    continue;
                };
                let mut next = Some(job);
                while let Some(job) = next {
                    let tenant = job.commit.tenant;
                    let line = waiting.entry(tenant).or_default();
                    line.push_back(job);
                    if line.len() == 1 && !busy.values().any(|busy| *busy == tenant) {
                        ready.push_back(tenant);
                    }
                    next = jobs.try_recv().ok();
                }
            }
            Some(ended) = batches.join_next_with_id(), if !batches.is_empty() => {
                // A batch that panicked has dropped its callers, which tells them; the tenant goes on.
                let id = match ended {
                    Ok((id, ())) => id,
                    Err(panic) => panic.id(),
                };
                if let Some(tenant) = busy.remove(&id) {
                    match waiting.get(&tenant) {
                        Some(line) if !line.is_empty() => ready.push_back(tenant),
                        _ => drop(waiting.remove(&tenant)),
                    }
                }
            }
        }
    }
}

fn take_batch(line: &mut VecDeque<Job>) -> Vec<Job> {
    let mut events = 0;
    let mut batch = Vec::new();
    while let Some(job) = line.front() {
        if !job.is_wanted() {
            line.pop_front();
            continue;
        }
        events += job.commit.events.len();
        // What lies beside the log is changed alone, so that a conflict there takes no others along.
        let alone = job.commit.beside.is_some();
        if !batch.is_empty() && (alone || batch.len() == BATCH || events > BATCH_EVENTS) {
            break;
        }
        batch.extend(line.pop_front());
        if alone {
            break;
        }
    }
    batch
}

struct Writer {
    place: Place,
    keys: Arc<Keys>,
    wake: Arc<Wake>,
    scrub: Arc<Notify>,
    doubts: mpsc::UnboundedSender<(TenantId, Uuid)>,
}

impl Writer {
    async fn write(&self, tenant: TenantId, batch: Vec<Job>) {
        if batch.is_empty() {
            return;
        }
        metrics::histogram!("afterword_append_batch_size").record(batch.len() as f64);
        let (commits, answers): (Vec<Commit>, Vec<_>) = batch
            .into_iter()
            .map(|job| (job.commit, (job.answer, job._room)))
            .unzip();
        match self.bring_in(tenant, &commits).await {
            Ok(appended) => {
                for ((answer, _room), appended) in answers.into_iter().zip(appended) {
                    // Nobody waits any more where a request was cancelled.
                    answer.send(Ok(appended)).ok();
                }
            }
            Err(error) => {
                tracing::warn!(commits = commits.len(), %error, "a batch was not appended");
                for commit in commits.iter().filter(|commit| commit.erase.is_some()) {
                    self.doubts.send((tenant, commit.candidate)).ok();
                }
                for (answer, _room) in answers {
                    answer.send(Err(StoreError::Unavailable(error.clone()))).ok();
                }
            }
        }
    }

    async fn bring_in(&self, tenant: TenantId, commits: &[Commit]) -> Result<Vec<Appended>, String> {
        let landed = self.until_it_lands(tenant, commits).await?;
        held(Fault::Late).await;
        if landed.moved {
            self.wake.appended(tenant, landed.position);
        }
        if !landed.erased.is_empty() {
            point("the keys of the erased are there yet");
            self.keys.destroy_surely(tenant, landed.erased).await;
            point("the keys of the erased are destroyed");
        }
        if landed.scrub {
            self.scrub.notify_one();
        }
        Ok(landed.answers)
    }

    async fn until_it_lands(&self, tenant: TenantId, commits: &[Commit]) -> Result<Landed, String> {
        // What an earlier attempt sent COMMIT for without hearing the answer. The next attempt looks for it under the
        // lock of the head row, which the lost transaction has let go of by then, one way or the other.
        let mut perhaps = None;
        let mut attempt = 0;
        #[expect(clippy::disallowed_methods, reason = "only how long it takes is measured")]
        let began = Instant::now();
        loop {
            attempt += 1;
            held(Fault::Held).await;
            let asked = Asked {
                tenant,
                commits,
                again: attempt > 1,
            };
            let tried = tokio::time::timeout(self.place.patience(), async {
                match &self.place {
                    Place::Sqlite(sqlite) => sqlite::attempt(sqlite, &asked, &mut perhaps).await,
                    Place::Postgres(lanes) => postgres::attempt(lanes, &asked, &mut perhaps).await,
                }
            });
            let error = match tried.await {
                Ok(Ok(landed)) => return Ok(landed),
                // The next attempt looks whose it is.
                Ok(Err(error)) if is_taken(&error) && attempt == 1 => continue,
                // Everything has been opened anew.
                Ok(Err(error)) if is_read_only(&error) && attempt == 1 => continue,
                Ok(Err(error)) if !is_worth_another(&error) => return Err(describe(&error)),
                Ok(Err(error)) => {
                    if crate::db::is_connection(&error) {
                        self.place.renew();
                    }
                    describe(&error)
                }
                Err(_) => {
                    self.place.renew();
                    "no answer in time".to_owned()
                }
            };
            if attempt == ATTEMPTS || began.elapsed() > TRYING {
                return Err(error);
            }
            tracing::debug!(attempt, %error, "a batch runs again");
            tokio::time::sleep(PAUSE.min(Duration::from_millis(10 << (2 * attempt.min(4))))).await;
        }
    }
}

/// One tenant's batch.
struct Asked<'a> {
    tenant: TenantId,
    commits: &'a [Commit],
    /// The first attempt takes it that ids of events and new tasks are new; where one was not, its index has refused
    /// the batch.
    again: bool,
}

impl Asked<'_> {
    /// The leases that some of its commits rest on.
    fn leases(&self) -> Vec<&'static str> {
        let mut leases: Vec<_> = self.commits.iter().filter_map(|it| Some(it.fence?.lease)).collect();
        leases.sort_unstable();
        leases.dedup();
        leases
    }

    fn plan(&self, position: i64, known: &Known) -> Plan<'_> {
        plan::plan(self.commits, position, known, self.again)
    }
}

fn is_worth_another(error: &sqlx::Error) -> bool {
    // Serialization failure, deadlock; SQLite's busy and its relatives.
    let again = ["40001", "40P01", "5", "261", "517", "6"];
    crate::db::is_connection(error)
        || matches!(error, sqlx::Error::PoolTimedOut)
        || crate::error::code(error).is_some_and(|code| again.contains(&code.as_str()))
}

/// A unique key was there already.
fn is_taken(error: &sqlx::Error) -> bool {
    let taken = ["23505", "1555", "2067"];
    crate::error::code(error).is_some_and(|code| taken.contains(&code.as_str()))
}

/// What erasing takes away beside the key: `$1` the tenant, `$2` the candidate.
const ERASE: [&str; 8] = [
    "DELETE FROM tasks WHERE tenant_id = $1 AND candidate_id = $2",
    "DELETE FROM applications WHERE tenant_id = $1 AND candidate_id = $2",
    "DELETE FROM stream_groups WHERE tenant_id = $1 AND candidate_id = $2",
    "DELETE FROM mail_deliveries WHERE tenant_id = $1 AND candidate_id = $2",
    // Of an answer that is gone nothing can be told again.
    "UPDATE idempotency SET sealed = NULL, facts = 0 WHERE tenant_id = $1 AND candidate_id = $2 AND sealed IS NOT NULL",
    "UPDATE events SET sealed = NULL WHERE tenant_id = $1 AND candidate_id = $2",
    "DELETE FROM calendars WHERE tenant_id = $1 AND candidate_id = $2",
    // A key that reaches the candidate alone may be named for the candidate.
    "UPDATE api_keys SET name = NULL WHERE tenant_id = $1 AND candidate_id = $2",
];
/// What its groups hear of it: `$2` the group, `$3` the position.
const OF_GROUP: &str = "INSERT INTO erased_of_groups (tenant_id, group_hash, position) VALUES ($1, $2, $3)";
/// And what is left to be known of the candidate: `$3` when, `$4` until when a backup may still have the key.
const ERASE_STREAM: &str = "UPDATE streams SET erased_at = $3, keys_gone_by = $4, sealed = NULL, \
     external_hash = NULL, next_at = NULL WHERE tenant_id = $1 AND candidate_id = $2";
