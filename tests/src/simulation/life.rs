//! An instance of the service from its start to its end. It does something only while somebody drives it, and what it has
//! begun then may come to a stop on the way: at a batch that is held, or at a receiver that does not answer yet. Meanwhile
//! the other instance goes on. Where it dies, all that it has in memory dies with it.

use std::{path::Path, sync::Arc};

use afterword::{
    edge::clock::Clock,
    outgoing::Outgoing,
    service::Service,
    time_worker::{Round, TimeWorker},
    webhooks::worker::WebhookWorker,
};
use afterword_store::{
    Command, RecordError, Recorded, Store, StoreError, TenantId,
    testing::{Fault, Faults},
};
use jiff::Timestamp;
use sqlx::SqliteConnection;
use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
    task::JoinHandle,
};
use uuid::Uuid;

use super::stage::{Stage, database, options_of};

/// What an instance has done.
pub enum Done {
    /// A request is answered, or not: which one, and whether the answer goes astray.
    Asked(usize, bool, Box<Result<Recorded, RecordError>>),
    Looked(Box<TimeWorker>, Result<Round, StoreError>),
    Served(Result<Option<Timestamp>, StoreError>),
}

pub struct Life {
    pub service: Service,
    /// By this name its leases are told from another instance's.
    pub name: Uuid,
    /// None while its round is held.
    time: Option<TimeWorker>,
    webhooks: WebhookWorker,
    faults: Arc<Faults>,
    /// The row that is not written, counted from where it is driven next. 0: all is well.
    breaks_after: u64,
    /// What stands still at a batch: nobody writes on this instance then.
    writing: Option<JoinHandle<Done>>,
    /// What stands still at a receiver, and by what that is told to answer.
    delivering: Option<(JoinHandle<Done>, watch::Sender<bool>)>,
    database: SqliteConnection,
    /// By this it is looked after: on its own runtime, what it has begun would go on.
    beside: Runtime,
    // The last to go.
    pub runtime: Runtime,
}

impl Life {
    pub fn begins(folder: &Path, clock: &Clock, name: Uuid) -> Self {
        let [runtime, beside] =
            [(); 2].map(|()| Builder::new_current_thread().enable_all().build().expect("a runtime"));
        let (service, database) = runtime.block_on(async {
            let store = Store::open(&options_of(folder)).await.expect("a store");
            let service = Service::new(store, clock.clone()).reaching(Outgoing::new(true));
            (service, database(folder).await)
        });
        Self {
            time: Some(TimeWorker::new(&service)),
            webhooks: WebhookWorker::new(&service),
            service,
            name,
            faults: Arc::default(),
            breaks_after: 0,
            writing: None,
            delivering: None,
            database,
            beside,
            runtime,
        }
    }

    /// The row with this number is not written, nor what goes in with it, where it is driven next.
    pub fn breaks_off(&mut self, after: u64) {
        self.breaks_after = after;
    }

    /// What goes wrong with its next batches.
    pub fn meets(&self, faults: Vec<Fault>) {
        self.faults.are(faults);
    }

    /// What has gone wrong with its batches.
    pub fn met(&self) -> Vec<Fault> {
        self.faults.met()
    }

    pub fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    pub fn is_delivering(&self) -> bool {
        self.delivering.is_some()
    }

    /// Carries a request out. None: it is held.
    pub fn asks(&mut self, which: usize, astray: bool, command: Command<'static>) -> Option<Done> {
        let recorder = self.service.recorder.clone();
        let asking = self.runtime.spawn(async move {
            let answer = recorder.record(command).await;
            Done::Asked(which, astray, Box::new(answer))
        });
        self.writes(asking)
    }

    /// Whoever sees to time has a turn: the one who was here before, or another who knows nothing yet. None: it is held.
    pub fn looks(&mut self, another: bool) -> Option<Done> {
        let known = self.time.take().filter(|_| !another);
        let mut worker = known.unwrap_or_else(|| TimeWorker::new(&self.service));
        let looking = self.runtime.spawn(async move {
            let round = worker.round().await;
            Done::Looked(Box::new(worker), round)
        });
        self.writes(looking)
    }

    /// Whoever looked knows what it has seen.
    pub fn has_looked(&mut self, worker: TimeWorker) {
        self.time = Some(worker);
    }

    /// Serves the webhooks. With a receiver that does not answer before it is told to, that may be held: none.
    pub fn serves(&mut self, stage: &Stage, held: bool) -> Option<Done> {
        let (worker, tenant) = (self.webhooks.clone(), stage.tenant);
        let mut serving = self
            .runtime
            .spawn(async move { Done::Served(worker.round(tenant).await) });
        let (tells, told) = watch::channel(false);
        {
            let mut taken = stage.taken.lock().expect("no panic");
            (taken.holds, taken.held) = (held.then_some(told), 0);
        }
        let now = self.service.clock.now().as_microsecond();
        let done = self.driven(|runtime, database, _| {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    done = &mut serving => Some(done.expect("no panic")),
                    () = at_rest(stage, database, now) => None,
                }
            })
        });
        stage.taken.lock().expect("no panic").holds = None;
        if done.is_none() {
            self.delivering = Some((serving, tells));
        }
        done
    }

    /// The receiver answers, and whoever has waited for it goes on.
    pub fn is_answered(&mut self) -> Option<Done> {
        let (serving, tells) = self.delivering.take()?;
        tells.send(true).ok();
        Some(self.driven(|runtime, _, _| runtime.block_on(serving).expect("no panic")))
    }

    /// The batch that is held goes on. None: it is held again.
    pub fn goes_on_writing(&mut self) -> Option<Done> {
        let writing = self.writing.take()?;
        self.faults.let_go();
        self.writes(writing)
    }

    fn writes(&mut self, mut writing: JoinHandle<Done>) -> Option<Done> {
        let done = self.driven(|runtime, _, faults| {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    done = &mut writing => Some(done.expect("no panic")),
                    () = faults.hold_one() => None,
                }
            })
        });
        if done.is_none() {
            self.writing = Some(writing);
        }
        done
    }

    /// Only while it is driven it breaks off, meets its faults, and has its leases under the name that it knows itself by.
    fn driven<T>(&mut self, drives: impl FnOnce(&Runtime, &mut SqliteConnection, &Faults) -> T) -> T {
        self.changes_its_name();
        self.arms(self.breaks_after);
        Faults::of_this_thread(Some(Arc::clone(&self.faults)));
        let done = drives(&self.runtime, &mut self.database, &self.faults);
        Faults::of_this_thread(None);
        self.arms(0);
        self.changes_its_name();
        done
    }

    fn arms(&mut self, after: u64) {
        let armed = sqlx::query("UPDATE fault SET after = $1")
            .bind(after.cast_signed())
            .execute(&mut self.database);
        self.beside.block_on(armed).expect("armed");
    }

    /// On SQLite every instance goes by the same name, since there is to be one. Here there are two.
    fn changes_its_name(&mut self) {
        let changed = sqlx::query(
            "UPDATE leases SET holder = CASE WHEN holder = $1 THEN $2 ELSE $1 END WHERE holder IN ($1, $2)",
        )
        .bind(Uuid::nil())
        .bind(self.name)
        .execute(&mut self.database);
        self.beside.block_on(changed).expect("changed");
    }

    /// Whether another instance has taken a lease over that was this one's.
    pub fn has_lost(&mut self, tenant: TenantId, lease: &str) -> bool {
        let others =
            sqlx::query_scalar("SELECT COUNT(*) FROM leases WHERE tenant_id = $1 AND name = $2 AND holder <> $3")
                .bind(tenant.0)
                .bind(lease)
                .bind(self.name)
                .fetch_one(&mut self.database);
        let others: i64 = self.beside.block_on(others).expect("it answers");
        others > 0
    }
}

/// Until all that is due has come to the receiver, one message for each candidate, and nothing else is under way.
async fn at_rest(stage: &Stage, database: &mut SqliteConnection, now: i64) {
    const SURELY: u32 = 100_000;
    let holds_one = Arc::clone(&stage.taken.lock().expect("no panic").holds_one);
    loop {
        holds_one.notified().await;
        for nth in 0.. {
            let (due, all): (i64, bool) = sqlx::query_as(
                "SELECT (SELECT COUNT(*) FROM webhook_deliveries WHERE next_at <= $1), \
                 (SELECT MIN(position) FROM webhooks) >= (SELECT position FROM heads WHERE tenant_id = $2)",
            )
            .bind(now)
            .bind(stage.tenant.0)
            .fetch_one(&mut *database)
            .await
            .expect("it answers");
            let held = stage.taken.lock().expect("no panic").held;
            if held == 0 {
                // It told of an earlier one.
                break;
            }
            if all && held == due {
                return;
            }
            assert!(nth < SURELY, "it does not come to rest");
        }
    }
}
