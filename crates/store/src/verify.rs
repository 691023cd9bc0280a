//! Replay is law: whatever is stored beside the log must be what the log says. Every stream is folded again from its
//! first fact, past all caches, and held against every row; what differs is named by ids and fields, never by what they
//! say. Runs beside live traffic: a candidate that moves on meanwhile is read again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use afterword_domain::candidate::Candidate;
use afterword_domain::ids::{ApplicationId, CandidateId, TaskId};
use futures_util::stream::{StreamExt, iter};
use serde_json::Value;
use uuid::Uuid;

use crate::projection::{Projection, Rows};
use crate::recorder::open;
use crate::statement::Statement;
use crate::{Aad, ApplicationRow, DataKey, EventRow, Recorder, Store, StoreError, StreamRow, TaskRow, TenantId};

/// Candidates that are read at once.
const AT_ONCE: usize = 8;
/// Candidates, or places of the log, in one read.
const PAGE: i64 = 1024;
/// How often a candidate is read before its rows count as they are: it may move on between two reads, and an erasure
/// destroys its key a moment after it is recorded.
const LOOKS: u32 = 50;
/// Differences that stay for so many looks are there.
const SURE: u32 = 4;

/// What was looked at, and how much of it is not as the log says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verified {
    /// The candidates, erased ones too.
    pub candidates: u64,
    /// Their facts.
    pub events: u64,
    /// What differs.
    pub differences: u64,
}

/// What a verification tells on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A candidate has been looked at.
    Candidate,
    /// Something differs.
    Difference {
        /// Whose it is; none where it is the tenant's.
        candidate: Option<CandidateId>,
        /// What, without a word of what is sealed.
        what: String,
    },
}

struct Report<F> {
    verified: Verified,
    tell: F,
}

impl<F: FnMut(Told)> Report<F> {
    fn differs(&mut self, candidate: Option<Uuid>, what: impl Into<String>) {
        self.verified.differences += 1;
        (self.tell)(Told::Difference { candidate: candidate.map(CandidateId::new), what: what.into() });
    }
}

impl Recorder {
    /// Holds everything stored for a tenant against its log.
    ///
    /// # Errors
    /// When the store does not answer. What cannot be read is a difference.
    pub async fn verify(&self, tenant: TenantId, tell: impl FnMut(Told)) -> Result<Verified, StoreError> {
        let mut report = Report { verified: Verified::default(), tell };
        let mut logged = self.walk(tenant, &mut report).await?;
        let mut after = None;
        loop {
            let page = self.store().stream_ids(tenant, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(*last);
            let mut looks = iter(page).map(async |id| (id, self.look(tenant, id).await)).buffer_unordered(AT_ONCE);
            while let Some((id, looked)) = looks.next().await {
                let (events, differences) = looked?;
                if logged.remove(&id).is_some_and(|versions| versions > events) {
                    report.differs(Some(id), "the log holds more facts than the stream");
                }
                for what in differences {
                    report.differs(Some(id), what);
                }
                report.verified.candidates += 1;
                report.verified.events += events.unsigned_abs();
                (report.tell)(Told::Candidate);
            }
        }
        for id in logged.into_keys() {
            report.differs(Some(id), "the log holds facts of a candidate without a stream");
        }
        for (table, id) in self.store().strays(tenant).await? {
            report.differs(Some(id), format!("{table} of a candidate without a stream"));
        }
        Ok(report.verified)
    }

    /// Walks the tenant's log: positions have no gap, and each candidate's facts come in their order. Gives how many
    /// facts of each candidate it holds.
    async fn walk<F: FnMut(Told)>(&self, tenant: TenantId, report: &mut Report<F>) -> Result<HashMap<Uuid, i64>, StoreError> {
        let begun_at = self.store().head_position(tenant).await?;
        let (mut last, mut versions) = (0, HashMap::new());
        loop {
            let page = self.store().places(tenant, last).await?;
            if page.is_empty() {
                break;
            }
            for (position, candidate, version) in page {
                if position != last + 1 {
                    report.differs(None, format!("the log has no fact at position {}", last + 1));
                }
                last = position;
                let before = versions.insert(candidate, version).unwrap_or(0);
                if version != before + 1 {
                    report.differs(Some(candidate), format!("at position {position} version {version} follows {before}"));
                }
            }
        }
        let head = self.store().head_position(tenant).await?;
        if last < begun_at || last > head {
            report.differs(None, format!("the log ends at position {last}, its head says {head}"));
        }
        Ok(versions)
    }

    /// Looks at one candidate until it stands still: how many facts it has, and what differs.
    async fn look(&self, tenant: TenantId, id: Uuid) -> Result<(i64, Vec<String>), StoreError> {
        let mut told = 0;
        let mut looked = (0, Vec::new());
        for _ in 0..LOOKS {
            let Some(stored) = Stored::read(self.store(), tenant, id).await? else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            looked = (stored.stream.version, self.judge(tenant, id, &stored).await?);
            told += 1;
            if looked.1.is_empty() || told == SURE {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(looked)
    }

    async fn judge(&self, tenant: TenantId, id: Uuid, stored: &Stored) -> Result<Vec<String>, StoreError> {
        let mut differences = stored.order();
        self.store().keys().forget(tenant, id);
        let key = match self.store().keys().get(tenant, id).await {
            Err(StoreError::Unreadable) => {
                differences.push("its key is not of this master key".to_owned());
                return Ok(differences);
            }
            key => key?,
        };
        if stored.stream.erased_at.is_some() {
            differences.extend(stored.remains(key.is_some()));
            return Ok(differences);
        }
        let Some(key) = key else {
            differences.push("it has no key".to_owned());
            return Ok(differences);
        };
        match replay(tenant, CandidateId::new(id), &key, &stored.events) {
            Ok(candidate) => {
                let rows = Projection { tenant, key: &key, secret: self.secret() }.all(&candidate);
                differences.extend(Comparison { tenant, id, key: &key }.all(stored, &rows));
            }
            Err(_) => differences.push("a fact of its stream cannot be read".to_owned()),
        }
        Ok(differences)
    }
}

/// The state that rows of the log add up to.
pub(crate) fn replay(tenant: TenantId, id: CandidateId, key: &DataKey, rows: &[EventRow]) -> Result<Candidate, StoreError> {
    let facts = rows.iter().map(|row| open(tenant, key, row).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    Ok(Candidate::unknown(id).fold(facts))
}

/// A candidate's row in `streams`, with its groups.
#[derive(PartialEq)]
struct StoredStream {
    version: i64,
    recorded_at: i64,
    external_hash: Option<Vec<u8>>,
    erased_at: Option<i64>,
    keys_gone_by: Option<i64>,
    derivation: i64,
    sealed: Option<Vec<u8>>,
    groups: Vec<String>,
}

/// Everything stored of a candidate at one moment.
struct Stored {
    stream: StoredStream,
    events: Vec<EventRow>,
    tasks: Vec<TaskRow>,
    applications: Vec<ApplicationRow>,
}

impl Stored {
    /// None where the candidate moved on between the first read and the last: every commit on it, a rebuild too, seals
    /// its stream's row anew.
    async fn read(store: &Store, tenant: TenantId, id: Uuid) -> Result<Option<Self>, StoreError> {
        let Some(stream) = store.stored_stream(tenant, id).await? else { return Ok(None) };
        let events = store.stream(tenant, id, 0).await?;
        let tasks = store.tasks_of(tenant, id).await?;
        let applications = store.applications_of(tenant, id).await?;
        let still = store.stored_stream(tenant, id).await?.is_some_and(|after| after == stream);
        Ok(still.then_some(Self { stream, events, tasks, applications }))
    }

    /// What is out of order in the stream itself.
    fn order(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let (versions, count) = (self.events.iter().map(|event| event.version), self.events.len());
        if !versions.eq(1..=self.stream.version) {
            wrong.push(format!("its stream has {count} facts and should have versions 1 to {}", self.stream.version));
        }
        if !self.events.is_sorted_by(|one, next| one.position < next.position && one.recorded_at <= next.recorded_at) {
            wrong.push("its facts were not recorded in the order of their versions".to_owned());
        }
        wrong
    }

    /// What is left of an erased candidate and should not be.
    fn remains(&self, key: bool) -> Vec<String> {
        let stream = &self.stream;
        let remains = [
            (key, "its key"),
            (self.events.iter().any(|event| event.sealed.is_some()), "payloads"),
            (stream.sealed.is_some(), "a summary"),
            (stream.external_hash.is_some(), "its external id's hash"),
            (!stream.groups.is_empty(), "groups"),
            (!self.tasks.is_empty(), "tasks"),
            (!self.applications.is_empty(), "applications"),
            (stream.keys_gone_by.is_none(), "no word of when its key is gone from backups"),
        ];
        remains.into_iter().filter(|(is_left, _)| *is_left).map(|(_, what)| format!("it is erased, and there is {what}")).collect()
    }
}

/// Holds stored rows against those that the log gives.
struct Comparison<'a> {
    tenant: TenantId,
    id: Uuid,
    key: &'a DataKey,
}

impl Comparison<'_> {
    fn all(&self, stored: &Stored, derived: &Rows) -> Vec<String> {
        let mut differences = Vec::new();
        differ(&mut differences, "its stream", self.stream(&stored.stream, &derived.stream));
        let tasks = |rows: &[TaskRow]| rows.iter().map(|row| (row.task_id, row.clone())).collect();
        for (id, stored, derived) in pairs(tasks(&stored.tasks), tasks(&derived.tasks)) {
            let name = TaskId::new(id).to_string();
            differ(&mut differences, &name, both(stored, derived, |one, other| self.task(one, other)));
        }
        let applications = |rows: &[ApplicationRow]| rows.iter().map(|row| (row.application, row.clone())).collect();
        for (id, stored, derived) in pairs(applications(&stored.applications), applications(&derived.applications)) {
            let name = ApplicationId::new(id).to_string();
            differ(&mut differences, &name, both(stored, derived, |one, other| self.application(one, other)));
        }
        differences
    }

    fn stream(&self, stored: &StoredStream, derived: &StreamRow) -> Vec<String> {
        let mut groups = derived.groups.clone();
        groups.sort_unstable();
        groups.dedup();
        let mut fields = unequal([
            ("recorded_at", stored.recorded_at == derived.recorded_at),
            ("external_hash", stored.external_hash == derived.external_hash),
            ("groups", stored.groups == groups),
            ("derivation", stored.derivation == derived.derivation),
        ]);
        fields.extend(self.text("summary", self.id, stored.sealed.as_deref(), Some(&derived.sealed)));
        fields
    }

    fn task(&self, stored: &TaskRow, derived: &TaskRow) -> Vec<String> {
        let mut fields = unequal([
            ("application_id", stored.application == derived.application),
            ("play", stored.play == derived.play),
            ("state", stored.state == derived.state),
            ("opens_at", stored.opens_at == derived.opens_at),
            ("due_at", stored.due_at == derived.due_at),
            ("snoozed_until", stored.snoozed_until == derived.snoozed_until),
            // A row keeps the version that it was last written at.
            ("version", (1..=derived.version).contains(&stored.version)),
        ]);
        fields.extend(self.text("task", derived.task_id, Some(&stored.sealed), Some(&derived.sealed)));
        fields
    }

    fn application(&self, stored: &ApplicationRow, derived: &ApplicationRow) -> Vec<String> {
        let id = derived.application;
        let mut fields = unequal([
            ("status", stored.status == derived.status),
            ("quiet_at", stored.quiet_at == derived.quiet_at),
            ("silent_at", stored.silent_at == derived.silent_at),
            ("presumed_closed_at", stored.presumed_closed_at == derived.presumed_closed_at),
            ("rejection_stage", stored.rejection_stage == derived.rejection_stage),
            ("rejection_received_at", stored.rejection_received_at == derived.rejection_received_at),
            ("version", stored.version == derived.version),
        ]);
        fields.extend(self.text("application", id, Some(&stored.sealed), Some(&derived.sealed)));
        let (stored, derived) = (stored.rejection_sealed.as_deref(), derived.rejection_sealed.as_deref());
        fields.extend(self.text("rejection", id, stored, derived));
        fields
    }

    /// The fields in which two sealed texts differ.
    fn text(&self, purpose: &str, id: Uuid, stored: Option<&[u8]>, derived: Option<&[u8]>) -> Vec<String> {
        let aad = Aad { tenant: self.tenant, candidate: self.id, purpose, id };
        let open = |sealed: Option<&[u8]>| sealed.map(|sealed| self.key.open(&aad, sealed)).transpose();
        match (open(stored), open(derived)) {
            (Ok(stored), Ok(derived)) if stored == derived => Vec::new(),
            (Ok(Some(stored)), Ok(Some(derived))) => fields(&stored, &derived).map(|field| format!("{purpose}.{field}")).collect(),
            (Ok(_), Ok(_)) => vec![purpose.to_owned()],
            (Err(_), _) | (_, Err(_)) => vec![format!("{purpose} (unreadable)")],
        }
    }
}

fn differ(differences: &mut Vec<String>, what: &str, fields: Vec<String>) {
    if !fields.is_empty() {
        differences.push(format!("{what} differs in {}", fields.join(", ")));
    }
}

fn both<R>(stored: Option<R>, derived: Option<R>, compare: impl Fn(&R, &R) -> Vec<String>) -> Vec<String> {
    match (stored, derived) {
        (Some(stored), Some(derived)) => compare(&stored, &derived),
        (None, _) => vec!["being there: it is missing".to_owned()],
        (_, None) => vec!["being there: it is too many".to_owned()],
    }
}

type Pair<R> = (Uuid, Option<R>, Option<R>);

/// Rows of both sides by their ids.
fn pairs<R>(mut stored: BTreeMap<Uuid, R>, derived: BTreeMap<Uuid, R>) -> Vec<Pair<R>> {
    let mut pairs: Vec<Pair<R>> = derived.into_iter().map(|(id, row)| (id, stored.remove(&id), Some(row))).collect();
    pairs.extend(stored.into_iter().map(|(id, row)| (id, Some(row), None)));
    pairs
}

fn unequal<const N: usize>(columns: [(&str, bool); N]) -> Vec<String> {
    columns.into_iter().filter(|(_, is_equal)| !is_equal).map(|(name, _)| name.to_owned()).collect()
}

/// The names of the fields in which two JSON objects differ.
fn fields(one: &[u8], other: &[u8]) -> impl Iterator<Item = String> {
    let read = |text| serde_json::from_slice::<Value>(text).unwrap_or_default();
    let (one, other) = (read(one), read(other));
    let names: Vec<String> = [&one, &other].into_iter().filter_map(Value::as_object).flat_map(|it| it.keys().cloned()).collect();
    let mut changed: Vec<String> = names.into_iter().filter(|name| one.get(name) != other.get(name)).collect();
    changed.sort_unstable();
    changed.dedup();
    if changed.is_empty() {
        changed.push("order".to_owned());
    }
    changed.into_iter()
}

impl Store {
    async fn stored_stream(&self, tenant: TenantId, id: Uuid) -> Result<Option<StoredStream>, StoreError> {
        let mut statement = Statement::new("SELECT group_label FROM stream_groups WHERE tenant_id = ");
        statement.bind(tenant).push(" AND candidate_id = ").bind(id);
        let mut groups = self.db().fetch(tenant, statement, |row| row.text(0)).await?;
        groups.sort_unstable();
        let statement = Statement::of(
            "SELECT version, recorded_at, external_hash, erased_at, keys_gone_by, derivation, sealed FROM streams \
             WHERE tenant_id = $1 AND candidate_id = $2",
            [tenant.into(), id.into()],
        );
        let stream = self.db().fetch_one(tenant, statement, |row| {
            Ok(StoredStream {
                version: row.int(0)?,
                recorded_at: row.int(1)?,
                external_hash: row.maybe_bytes(2)?,
                erased_at: row.maybe_int(3)?,
                keys_gone_by: row.maybe_int(4)?,
                derivation: row.int(5)?,
                sealed: row.maybe_bytes(6)?,
                groups: Vec::new(),
            })
        });
        Ok(stream.await?.map(|stream| StoredStream { groups, ..stream }))
    }

    /// The next places of the log: position, candidate and version.
    async fn places(&self, tenant: TenantId, after: i64) -> Result<Vec<(i64, Uuid, i64)>, StoreError> {
        let mut statement = Statement::new("SELECT position, candidate_id, version FROM events WHERE tenant_id = ");
        statement.bind(tenant).push(" AND position > ").bind(after).push(" ORDER BY position LIMIT ").bind(8 * PAGE);
        self.db().fetch(tenant, statement, |row| Ok((row.int(0)?, row.id(1)?, row.int(2)?))).await
    }

    /// Some of the candidates that have rows and no stream.
    async fn strays(&self, tenant: TenantId) -> Result<Vec<(&'static str, Uuid)>, StoreError> {
        let mut strays = Vec::new();
        for (table, sql) in [
            ("tasks", "SELECT DISTINCT r.candidate_id FROM tasks r WHERE r.tenant_id = "),
            ("applications", "SELECT DISTINCT r.candidate_id FROM applications r WHERE r.tenant_id = "),
            ("groups", "SELECT DISTINCT r.candidate_id FROM stream_groups r WHERE r.tenant_id = "),
        ] {
            let mut statement = Statement::new(sql);
            statement.bind(tenant).push(" AND NOT EXISTS (SELECT 1 FROM streams s WHERE s.tenant_id = r.tenant_id");
            statement.push(" AND s.candidate_id = r.candidate_id) LIMIT ").bind(PAGE);
            let found = self.db().fetch(tenant, statement, |row| row.id(0)).await?;
            strays.extend(found.into_iter().map(|id| (table, id)));
        }
        Ok(strays)
    }
}
