//! The write path: load the candidate, decide, seal, append, answer. Commands for one candidate queue
//! behind each other here; the appender collects what waits. A decision on a state that has moved on is
//! dropped by the appender and made again here, on the newest one.

use std::{collections::HashSet, sync::Arc};

use afterword_domain::{
    announcements::CLOCK,
    candidate::Candidate,
    decide::{Decided, Proposal},
    ids::{CandidateId, EventId},
    playbook::Playbook,
    refusal::Refusal,
    values::Line,
};
use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    Appended, Fence, Processors, Store, StoreError, TenantId,
    crash::point,
    playbooks::Playbooks,
    projection::external_hash,
    rendered,
    turns::{Measure, Turn, Turns},
};

mod command;
mod committing;
mod deciding;
mod folding;
mod held;
mod replay;
mod restore;
mod unread;
pub use command::{Around, Command, Idempotency, RecordError, Recorded, Step};
use deciding::{
    Elsewhere, Outcome, decide_all, external_id, external_id_taken, external_ids, first_refused, ids_taken,
};
use folding::{folds, worth};
use held::Held;
pub use restore::{Restoration, Restored};

/// How many bytes of tasks that were read last are held, in plain text.
const CACHED_TEXTS: u64 = 64 << 20;
/// How long a candidate stays in the cache unused, and so in memory in plain text.
const CACHED_FOR: std::time::Duration = std::time::Duration::from_secs(300);
/// So long a command waits for its turn among those for one candidate,
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// of which so many wait.
const LINE: usize = 2048;
/// Commands for one candidate are carried out one after another, and wait for nobody else's.
const ONE_BY_ONE: Measure = Measure {
    in_all: 1 << 20,
    alone: 1,
    together: 1 << 20,
    line: LINE,
    patience: PATIENCE,
};
/// See `feeds`.
const FEEDS: usize = 8;
/// How often a conflicting command is decided again before it is given up.
const ATTEMPTS: usize = 64;
/// So long another instance's new playbook may be unknown here.
const PLAYBOOKS_FOR: std::time::Duration = std::time::Duration::from_secs(1);
/// Backups of the key store are kept no longer than this.
pub const KEY_BACKUPS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Records facts, and holds the candidates that were used last.
#[derive(Clone)]
pub struct Recorder {
    store: Store,
    cache: Cache<(TenantId, Uuid), Held>,
    texts: Cache<rendered::Place, Arc<[u8]>>,
    playbooks: Cache<TenantId, Arc<Playbooks>>,
    /// Versions of playbooks that cannot be followed, as far as that was told.
    unfollowed: Arc<std::sync::Mutex<HashSet<(TenantId, i64)>>>,
    turns: Turns<(TenantId, Uuid)>,
    /// Parts of feeds that are read at once, each of a hundred facts of any length.
    feeds: Arc<Semaphore>,
    processors: Processors,
    secret: [u8; 32],
}

impl Recorder {
    /// A recorder over a store.
    pub fn new(store: Store) -> Self {
        Self {
            cache: held::cache(),
            texts: Cache::builder()
                .weigher(|_, text: &Arc<[u8]>| u32::try_from(text.len() + 64).unwrap_or(u32::MAX))
                .max_capacity(CACHED_TEXTS)
                .time_to_live(CACHED_FOR)
                .build(),
            playbooks: Cache::builder().time_to_live(PLAYBOOKS_FOR).build(),
            unfollowed: Arc::default(),
            turns: Turns::new(ONE_BY_ONE),
            feeds: Arc::new(Semaphore::new(FEEDS)),
            processors: Processors::default(),
            secret: store.secret("external_id"),
            store,
        }
    }

    /// The store underneath.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The playbooks of tenants, as they were read last.
    pub(crate) const fn known_playbooks(&self) -> &Cache<TenantId, Arc<Playbooks>> {
        &self.playbooks
    }

    /// Whether it was not told yet that a version of a playbook cannot be followed.
    pub(crate) fn is_news(&self, tenant: TenantId, version: i64) -> bool {
        let told = self.unfollowed.lock();
        told.is_ok_and(|mut told| told.insert((tenant, version)))
    }

    /// The texts of the tasks that were read last.
    pub(crate) const fn texts(&self) -> &Cache<rendered::Place, Arc<[u8]>> {
        &self.texts
    }

    /// Processors for work that keeps one busy.
    pub const fn processors(&self) -> &Processors {
        &self.processors
    }

    pub(crate) fn feeds(&self) -> &Semaphore {
        &self.feeds
    }

    pub(crate) const fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    async fn turn(&self, tenant: TenantId, candidate: Uuid) -> Result<Turn<(TenantId, Uuid)>, StoreError> {
        let turn = self.turns.take((tenant, candidate)).await;
        turn.ok_or(StoreError::Overloaded)
    }

    /// Records what a command asks for.
    ///
    /// # Errors
    /// When a fact is refused (of several that are not atomic, only in its result), the condition does not
    /// hold, the idempotency key was used otherwise, or the store cannot.
    pub async fn record(&self, command: Command<'_>) -> Result<Recorded, RecordError> {
        if let Some(earlier) = self.earlier(&command).await? {
            return Ok(earlier);
        }
        let outcome = match self.carry_out(&command).await {
            Err(RecordError::Store(reason @ (StoreError::Unreadable | StoreError::UnreadablePlaybook(_)))) => {
                self.erase_unread(&command, reason).await
            }
            outcome => outcome,
        };
        match outcome {
            // Perhaps it is only the same request, carried out meanwhile, that stands in its way.
            Err(error @ (RecordError::Refused { .. } | RecordError::Stale(_))) => {
                self.earlier(&command).await?.ok_or(error)
            }
            outcome => outcome,
        }
    }

    /// Announces what has come due by now, if anything has: a write with nothing else in it.
    ///
    /// # Errors
    /// When the store does not answer, or the lease has been taken over.
    pub async fn announce(
        &self,
        tenant: TenantId,
        candidate: CandidateId,
        now: Timestamp,
        fence: Option<Fence>,
    ) -> Result<Recorded, RecordError> {
        let command = Command {
            tenant,
            candidate,
            fresh: false,
            proposals: Vec::new(),
            atomic: true,
            by: CLOCK.into(),
            now,
            condition: None,
            idempotency: None,
            fence,
        };
        self.record(command).await
    }

    /// What came of a request of the same name, if there was one.
    async fn earlier(&self, command: &Command<'_>) -> Result<Option<Recorded>, RecordError> {
        let Some(idempotency) = &command.idempotency else {
            return Ok(None);
        };
        match self.store.idempotent(command.tenant, &idempotency.key).await? {
            Some(row) => self.replay(command, idempotency, &row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn carry_out(&self, command: &Command<'_>) -> Result<Recorded, RecordError> {
        let tenant = command.tenant;
        let id = command.candidate;
        let _turn = self.turn(tenant, id.uuid()).await?;
        let known = if command.fresh {
            Some(Arc::new(Candidate::unknown(id)))
        } else if command.proposals.is_empty() {
            // Nothing in it could tell that a state is not the newest.
            None
        } else {
            self.cached(tenant, id)
        };
        let mut newest = known.is_none();
        let mut before = match known {
            Some(known) => known,
            None => self.candidate(tenant, id).await?,
        };
        let mut taken = Elsewhere::default();
        // At least one of the proposals falls each time, where another candidate has what it gives.
        for _ in 0..ATTEMPTS + command.proposals.len() {
            if let Some(condition) = command.condition
                && !condition(&before)
            {
                if newest {
                    return Err(RecordError::Stale(Box::new((*before).clone())));
                }
                (before, newest) = (self.candidate(tenant, id).await?, true);
                continue;
            }
            let playbook = self.playbooks(tenant).await?.current();
            let Outcome {
                announced,
                results,
                adopted,
                after,
                renamed_by,
            } = self.decided(&before, command, playbook, &taken).await?;
            // A state that is not known to be the newest refuses nothing, and repeats nothing.
            let sure = |result: &Result<Step, Refusal>| {
                matches!(
                    result,
                    Ok(Step {
                        decided: Decided::Recorded(_),
                        ..
                    })
                )
            };
            if !newest && !results.iter().all(sure) {
                (before, newest) = (self.candidate(tenant, id).await?, true);
                continue;
            }
            if command.atomic
                && let Some((index, refusal)) = first_refused(&results)
            {
                return Err(RecordError::Refused { index, refusal });
            }
            // Of who was erased nothing is kept, no name either: whatever is asked again is refused again.
            let nothing_to_keep = command.idempotency.is_none() || before.erased_at.is_some();
            if after.version == before.version && nothing_to_keep {
                return Ok(Recorded {
                    results,
                    announced,
                    candidate: after,
                    replayed: false,
                });
            }
            let commit = self
                .commit(command, &before, &after, [&announced, &adopted], &results)
                .await?;
            point("it is decided");
            let bytes = commit.bytes();
            match self.store.append(commit).await? {
                Appended::Done { .. } => {
                    point("it is not answered yet");
                    let after = Arc::new(after);
                    if after.erased_at.is_some() {
                        self.store.keys().forget(tenant, id.uuid());
                    }
                    self.remember(tenant, &after, bytes);
                    return Ok(Recorded {
                        results,
                        announced,
                        candidate: (*after).clone(),
                        replayed: false,
                    });
                }
                Appended::Conflict => {
                    metrics::counter!("afterword_append_conflicts_total").increment(1);
                    (before, newest) = (self.candidate(tenant, id).await?, true);
                }
                Appended::Erased => {
                    self.cache.invalidate(&(tenant, id.uuid()));
                    (before, newest) = (self.candidate(tenant, id).await?, true);
                }
                Appended::Fenced => return Err(RecordError::Fenced),
                Appended::KeyUsed(row) => {
                    let Some(idempotency) = &command.idempotency else { break };
                    return self.replay(command, idempotency, &row).await;
                }
                // Another instance recorded the very fact here.
                Appended::IdsTaken(ids) if ids.iter().any(|it| it.candidate == id.uuid()) => {
                    (before, newest) = (self.candidate(tenant, id).await?, true);
                }
                Appended::IdsTaken(ids) => {
                    let before = taken.facts.len() + taken.ids.len();
                    taken.facts.extend(ids_taken(&command.proposals, &ids));
                    taken.ids.extend(ids.iter().map(|it| EventId::new(it.event_id)));
                    if taken.facts.len() + taken.ids.len() == before {
                        break;
                    }
                    taken.found += 1;
                }
                Appended::ExternalIdTaken => {
                    let elsewhere = self.external_ids_elsewhere(tenant, &after, &command.proposals).await?;
                    let those = external_id_taken(&command.proposals, &results, renamed_by, &elsewhere);
                    if those.is_empty() {
                        break;
                    }
                    taken.facts.extend(those);
                    taken.found += 1;
                }
            }
        }
        Err(RecordError::Store(StoreError::Overloaded))
    }

    /// Which of the external ids that a candidate has or is to have are another candidate's.
    async fn external_ids_elsewhere<'a>(
        &self,
        tenant: TenantId,
        after: &'a Candidate,
        proposals: &'a [Proposal],
    ) -> Result<HashSet<&'a Line>, StoreError> {
        let hash = |id: &Line| external_hash(&self.secret, tenant, id.as_str());
        let mut ids = external_ids(proposals);
        let hashes = ids.iter().map(|id| hash(id)).collect();
        let found = self
            .store
            .external_ids_of_others(tenant, after.id.uuid(), hashes)
            .await?;
        ids.retain(|id| found.contains(&hash(id)));
        // It was when this was refused, though it may be free again.
        ids.extend(external_id(after));
        Ok(ids)
    }

    /// Decides, here or, where it is about many facts, beside.
    async fn decided(
        &self,
        before: &Candidate,
        command: &Command<'_>,
        playbook: Arc<Playbook>,
        taken: &Elsewhere,
    ) -> Result<Outcome, RecordError> {
        let mut taken = taken.clone();
        let (folds, beyond) = folds(&command.proposals, before);
        if let Some(refusal) = folds.too_many(1 + taken.found) {
            return Err(RecordError::Refused { index: 0, refusal });
        }
        taken.facts.extend(beyond);
        let facts = worth(folds, &command.proposals, before);
        let (before, now) = (before.clone(), command.now);
        let (proposals, by) = (command.proposals.clone(), Arc::clone(&command.by));
        let deciding = move || decide_all(&before, &proposals, now, &by, &playbook, &taken);
        Ok(self.processors.fold(command.tenant, facts, deciding).await?)
    }
}
