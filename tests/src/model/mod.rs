//! The recorder against a model of it. The same random commands, retries, version conflicts, hours and erasures go to a
//! list in memory, to SQLite and to PostgreSQL; answers, logs, views, queues and boards must be equal. A case that fails is
//! made as short as it can be, and comes again with `AFTERWORD_SEED=…`.

pub mod asks;
mod reference;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    sync::Arc,
};

use afterword_domain::{
    candidate::Candidate, decide::Decided, fact::Envelope, ids::CandidateId, refusal::Refusal, timeline::timeline,
};
use afterword_store::{
    ApplicationQuery, CandidateQuery, Command, FeedEntry, FeedQuery, Idempotency, RecordError, Recorder,
    RejectionQuery, Step, Store, TaskFilter, TaskQuery, TenantId,
};
use jiff::{SignedDuration, Timestamp};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use serde_json::{Value, to_value};
use tokio::runtime::Runtime;

use self::{
    asks::{Ask, Version, asks, candidate, event, one_of_several},
    reference::{Answer, Model, One, Request},
};
use crate::{
    harness::{BEGINNING, Kind, moment, options, verify},
    soak,
};

const ALL: [TaskFilter; 6] = [
    TaskFilter::Waiting,
    TaskFilter::Open,
    TaskFilter::Overdue,
    TaskFilter::Done,
    TaskFilter::Dismissed,
    TaskFilter::Void,
];

#[test]
fn memory_sqlite_and_postgresql_agree() {
    let runtime = Runtime::new().expect("a runtime");
    let stores: Vec<Store> = runtime.block_on(async {
        let mut stores = Vec::new();
        for kind in [Kind::Sqlite, Kind::Postgres] {
            if let Some(options) = options(kind).await {
                Store::migrate(&options).await.expect("a schema");
                stores.push(Store::open(&options).await.expect("a store"));
            }
        }
        stores
    });
    let (tenant, told) = (Cell::new(0), RefCell::default());
    for seed in soak::seeds(30, 4000) {
        let mut runner = TestRunner::new(Config {
            cases: 1,
            rng_seed: RngSeed::Fixed(seed),
            failure_persistence: None,
            max_shrink_iters: 400,
            ..Config::default()
        });
        let outcome = runner.run(&asks(), |asks| {
            tenant.set(tenant.get() + 1);
            runtime
                .block_on(agree(&stores, TenantId(tenant.get()), &asks, &told))
                .map_err(TestCaseError::fail)
        });
        if let Err(error) = outcome {
            panic!("AFTERWORD_SEED={seed}: {error}");
        }
    }
    eprintln!("{} cases: {:?}", tenant.get(), told.borrow());
}

/// How often each kind of answer was given.
type Told = RefCell<BTreeMap<&'static str, u64>>;

/// The service over a store, as far as recording goes.
struct Subject {
    name: &'static str,
    tenant: TenantId,
    recorder: Recorder,
}

/// Says where they differ.
async fn agree(stores: &[Store], tenant: TenantId, asks: &[Ask], told: &Told) -> Result<(), String> {
    let mut subjects = Vec::new();
    for store in stores {
        let name = if store.is_postgres() { "PostgreSQL" } else { "SQLite" };
        store
            .tenant_create(tenant, &format!("model-{}", tenant.0), true, 1)
            .await
            .expect("a tenant");
        let recorder = Recorder::new(store.clone());
        subjects.push(Subject { name, tenant, recorder });
    }
    let mut model = Model::default();
    let mut now = moment(BEGINNING);
    let mut requests: Vec<Request> = Vec::new();
    for (nth, ask) in asks.iter().enumerate() {
        let request = match ask {
            Ask::Pass(hours) => {
                now += SignedDuration::from_hours(*hours);
                continue;
            }
            Ask::Restart => {
                for subject in &mut subjects {
                    subject.recorder = Recorder::new(subject.recorder.store().clone());
                }
                continue;
            }
            Ask::Look => {
                let expected = model.look(now);
                for subject in &subjects {
                    same("what is due", subject.name, ask, &expected, &subject.look(now).await)?;
                }
                continue;
            }
            Ask::Record { what, named, at } => {
                let newest = model.candidate(candidate(what.who)).version;
                let version = match at {
                    Version::Any => None,
                    Version::Newest => Some(newest),
                    Version::Old => Some(newest.saturating_sub(1)),
                };
                Request {
                    candidate: candidate(what.who),
                    proposals: vec![what.proposal(event(nth), now)],
                    atomic: true,
                    name: named.then_some(nth),
                    text: format!("{nth}"),
                    version,
                }
            }
            Ask::Several { what, named, atomic } => Request {
                candidate: candidate(what[0].who),
                proposals: (0..)
                    .zip(what)
                    .map(|(which, what)| what.proposal(one_of_several(nth, which), now))
                    .collect(),
                atomic: *atomic,
                name: named.then_some(nth),
                text: format!("{nth}"),
                version: None,
            },
            Ask::Again(_) | Ask::Renamed(_) | Ask::Misnamed(..) | Ask::Mistaken(..) if requests.is_empty() => continue,
            Ask::Again(which) => requests[which % requests.len()].clone(),
            Ask::Renamed(which) => Request {
                name: Some(nth),
                text: format!("{nth}"),
                version: None,
                ..requests[which % requests.len()].clone()
            },
            Ask::Misnamed(which, what) => Request {
                candidate: candidate(what.who),
                proposals: vec![what.proposal(event(nth), now)],
                atomic: true,
                text: format!("{nth}"),
                ..requests[which % requests.len()].clone()
            },
            Ask::Mistaken(which, what) => Request {
                candidate: candidate(what.who),
                proposals: vec![what.proposal(requests[which % requests.len()].proposals[0].event, now)],
                atomic: true,
                name: None,
                text: format!("{nth}"),
                version: None,
            },
        };
        let expected = model.record(&request, now);
        *told.borrow_mut().entry(expected.name()).or_default() += 1;
        for subject in &subjects {
            same(
                "an answer",
                subject.name,
                ask,
                &expected,
                &subject.record(&request, now).await,
            )?;
        }
        requests.push(request);
    }
    for subject in &subjects {
        subject.is(&model, now).await?;
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    whose: &str,
    of: &dyn std::fmt::Debug,
    expected: &T,
    found: &T,
) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!(
        "{what} of {whose}, {of:?}\n  should be {expected:?}\n  and is    {found:?}"
    ))
}

impl Subject {
    async fn record(&self, request: &Request, now: Timestamp) -> Answer {
        let version = request.version;
        let condition = |newest: &Candidate| version.is_none_or(|version| version == newest.version);
        let named = request.name.map(|name| Idempotency {
            key: format!("{name}").into_bytes(),
            request: request.text.clone().into_bytes(),
            at: now,
        });
        let command = Command {
            tenant: self.tenant,
            candidate: request.candidate,
            fresh: false,
            proposals: request.proposals.clone(),
            atomic: request.atomic,
            by: "key".into(),
            now,
            condition: version.is_some().then_some(&condition),
            idempotency: named,
            fence: None,
        };
        let owned = |facts: Vec<Arc<Envelope>>| facts.iter().map(|fact| (**fact).clone()).collect();
        match self.recorder.record(command).await {
            Ok(recorded) => {
                let one = |result: Result<Step, Refusal>| match result.map(|step| step.decided) {
                    Ok(Decided::Recorded(fact)) => One::Recorded((*fact).clone()),
                    Ok(Decided::Already(fact)) => One::Already((*fact).clone()),
                    Err(refusal) => One::Refused(refusal.code.into()),
                };
                Answer::Done {
                    facts: recorded.results.into_iter().map(one).collect(),
                    announced: owned(recorded.announced),
                    replayed: recorded.replayed,
                }
            }
            Err(RecordError::Refused { index, refusal }) => Answer::Refused(index, refusal.code.into()),
            Err(RecordError::Stale(newest)) => Answer::Stale(newest.version),
            Err(RecordError::IdempotencyReused) => Answer::Misnamed,
            Err(error) => panic!("{}: {error}", self.name),
        }
    }

    async fn look(&self, now: Timestamp) -> Vec<(Timestamp, CandidateId)> {
        let due = self
            .recorder
            .store()
            .due(self.tenant, now.as_microsecond(), None, 100)
            .await;
        let mut told = Vec::new();
        for (at, id) in due.expect("it answers") {
            let id = CandidateId::new(id);
            self.recorder
                .announce(self.tenant, id, now, None)
                .await
                .expect("it answers");
            told.push((Timestamp::from_microsecond(at).expect("a moment"), id));
        }
        told
    }

    /// Whether all that can be read is what the model says.
    async fn is(&self, model: &Model, now: Timestamp) -> Result<(), String> {
        same("the log", self.name, &"", &log(model), &self.log().await)?;
        let cold = Recorder::new(self.recorder.store().clone());
        for recorder in [&self.recorder, &cold] {
            for expected in model.candidates.values() {
                let found = recorder.candidate(self.tenant, expected.id).await.expect("it answers");
                same("a candidate", self.name, &"", &seen(expected, now), &seen(&found, now))?;
            }
        }
        let expected = lists(model, now);
        let found = self.lists(now).await;
        for (name, expected) in &expected {
            same(name, self.name, &"", expected, &found[name])?;
        }
        same(
            "verify",
            self.name,
            &"",
            &Vec::new(),
            &verify(self.recorder.store(), self.tenant).await,
        )
    }

    async fn log(&self) -> Vec<(i64, String)> {
        let query = FeedQuery {
            limit: 10_000,
            ..FeedQuery::default()
        };
        let feed = self.recorder.feed(self.tenant, query).await.expect("it answers");
        let entries = feed.entries.iter().map(|entry| match entry {
            FeedEntry::Fact { position, envelope } => (*position, format!("{envelope:?}")),
            FeedEntry::Erased { position, .. } => (*position, "erased".to_owned()),
        });
        entries.collect()
    }

    async fn lists(&self, now: Timestamp) -> BTreeMap<&'static str, Vec<Value>> {
        let (recorder, tenant, now, limit) = (&self.recorder, self.tenant, now.as_microsecond(), 1000);
        let tasks = TaskQuery {
            now,
            states: ALL.to_vec(),
            snoozed: true,
            limit,
            ..TaskQuery::default()
        };
        let tasks = recorder.list_tasks(tenant, tasks).await.expect("it answers");
        let applications = ApplicationQuery {
            now,
            limit,
            ..ApplicationQuery::default()
        };
        let applications = recorder
            .list_applications(tenant, applications)
            .await
            .expect("it answers");
        let rejections = RejectionQuery {
            limit,
            ..RejectionQuery::default()
        };
        let rejections = recorder.list_rejections(tenant, rejections).await.expect("it answers");
        let candidates = CandidateQuery {
            limit,
            ..CandidateQuery::default()
        };
        let candidates = recorder.list_candidates(tenant, candidates).await.expect("it answers");
        let read = |json: Option<String>| serde_json::from_str(&json.expect("nobody is erased")).expect("JSON");
        BTreeMap::from([
            ("the queue", tasks.into_iter().map(|row| read(row.json)).collect()),
            (
                "the board",
                applications.into_iter().map(|row| read(row.json)).collect(),
            ),
            (
                "the rejections",
                rejections.into_iter().map(|row| read(row.json)).collect(),
            ),
            (
                "the candidates",
                candidates.into_iter().map(|row| read(row.json)).collect(),
            ),
        ])
    }
}

/// The model's log as a reader of the feed sees it: positions from 1, none left out.
fn log(model: &Model) -> Vec<(i64, String)> {
    let facts = model
        .log
        .iter()
        .map(|(candidate, version)| model.fact(*candidate, *version));
    let told = facts.map(|fact| fact.map_or_else(|| "erased".to_owned(), |fact| format!("{fact:?}")));
    (1..).zip(told).collect()
}

/// What is to be seen of a candidate.
fn seen(candidate: &Candidate, now: Timestamp) -> String {
    let tasks: Vec<_> = candidate.tasks.values().map(|task| candidate.task(task, now)).collect();
    let told: Vec<_> = timeline(candidate, None, true, now).collect();
    let (version, erased, next) = (candidate.version, candidate.erased_at, candidate.next_moment());
    format!(
        "{version} {erased:?} {next:?} {:?} {tasks:?} {told:?}",
        candidate.history()
    )
}

/// The model's queue and boards.
fn lists(model: &Model, now: Timestamp) -> BTreeMap<&'static str, Vec<Value>> {
    let (mut tasks, mut applications, mut rejections, mut candidates) = (vec![], vec![], vec![], vec![]);
    for candidate in model.candidates.values().filter(|it| it.erased_at.is_none()) {
        let id = candidate.id;
        for owed in candidate.tasks.values() {
            let due_at = owed.due_at.unwrap_or(Timestamp::MAX);
            tasks.push((
                (due_at, id, owed.id),
                to_value(candidate.queued(owed, now)).expect("JSON"),
            ));
        }
        for application in candidate.applications.values() {
            let mut row = candidate.board(application);
            row.application.status = application.status(now);
            applications.push(((id, application.id), to_value(row).expect("JSON")));
            if let Some(rejection) = application.newest_rejection() {
                let place = (rejection.received.1.at, id, application.id);
                rejections.push((
                    place,
                    to_value(candidate.board_rejection(application, rejection)).expect("JSON"),
                ));
            }
        }
        let mut row = to_value(&candidate.profile).expect("JSON");
        row["version"] = candidate.version.into();
        candidates.push((id, row));
    }
    tasks.sort_by_key(|(place, _)| *place);
    applications.sort_by_key(|(place, _)| *place);
    rejections.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
    BTreeMap::from([
        ("the queue", tasks.into_iter().map(|(_, row)| row).collect()),
        ("the board", applications.into_iter().map(|(_, row)| row).collect()),
        ("the rejections", rejections.into_iter().map(|(_, row)| row).collect()),
        ("the candidates", candidates.into_iter().map(|(_, row)| row).collect()),
    ])
}
