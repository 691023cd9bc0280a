//! Killed at a random moment under mixed load, over and over: what was acknowledged is there once, what was not can be sent
//! again, the log has no gap, and who reads it by a cursor or is told of it by webhook misses nothing. The same where it is
//! PostgreSQL that crashes, and the service lives on.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use afterword_store::{Place, StoreOptions, testing::PrivatePostgres};
use serde_json::json;
use tokio::task::{JoinHandle, block_in_place};

use super::{
    load::{Ask, Dice, Writer},
    model::{Consumer, Heard, Model, answered_as_before, leads_to},
    process::{Process, first, verifies},
};
use crate::{
    client::Client,
    harness::{Kind, behind, options},
    scenes::{applies, registers},
    soak::rounds,
    webhooks::receiver::Receiver,
};

const WRITERS: u64 = 8;
/// After a crash of anything it is ready again, and a write is acknowledged, within this.
pub const READY: Duration = Duration::from_secs(10);

/// A service under load, and all that is known of it.
pub struct Trial {
    store: StoreOptions,
    pub process: Process,
    key: String,
    pub client: Client,
    pub dice: Dice,
    model: Arc<Mutex<Model>>,
    writers: Vec<Writer>,
    /// Applications that all writers record facts of.
    shared: Arc<[String]>,
    consumer: Consumer,
    receiver: Receiver,
    heard: Heard,
    webhook: String,
    /// Requests that were answered, sent again.
    repeated: usize,
    /// Requests that were cut off, sent again, and how many of them had been done.
    cut_off: usize,
    done_unheard: usize,
}

/// The load while it runs.
pub struct Load {
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Writer>>,
    consumer: JoinHandle<Consumer>,
}

impl Trial {
    pub async fn new(of: &str, store: StoreOptions) -> Self {
        let mut dice = Dice::printed(of);
        let (process, address, key) = first(&store);
        let client = Client::new(address, key.clone());
        let receiver = Receiver::new().await;
        let webhook = leads_to(&client, &receiver).await;
        let shared = shared(&client).await;
        let model = Arc::<Mutex<Model>>::default();
        let mut consumer = Consumer::default();
        assert!(consumer.reads(&client).await);
        model.lock().expect("no panic").begins_with(&consumer);
        let writers = (0..WRITERS)
            .map(|nth| {
                let webhook = (nth == 0).then(|| webhook.clone());
                Writer::new(dice.throw(), Arc::clone(&shared), webhook, Arc::clone(&model))
            })
            .collect();
        Self {
            store,
            process,
            key,
            client,
            dice,
            model,
            writers,
            shared,
            consumer,
            receiver,
            heard: Heard::default(),
            webhook,
            repeated: 0,
            cut_off: 0,
            done_unheard: 0,
        }
    }

    pub fn load(&mut self) -> Load {
        let stop = Arc::<AtomicBool>::default();
        let writers = std::mem::take(&mut self.writers);
        let mut consumer = std::mem::take(&mut self.consumer);
        let (client, until) = (self.client.clone(), Arc::clone(&stop));
        let reading = behind(async move {
            while !until.load(Ordering::Relaxed) {
                consumer.reads(&client).await;
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            consumer
        });
        let writing = writers
            .into_iter()
            .map(|writer| behind(writer.writes(self.client.clone(), Arc::clone(&stop))));
        Load {
            writers: writing.collect(),
            consumer: reading,
            stop,
        }
    }

    /// Ends the load, which leaves open what was under way.
    pub async fn ends(&mut self, load: Load) {
        load.stop.store(true, Ordering::Relaxed);
        for writer in load.writers {
            self.writers.push(writer.await.expect("written"));
        }
        self.consumer = load.consumer.await.expect("read");
    }

    /// Others to record facts of: a history that every crash makes longer takes longer each time.
    async fn turns_to_others(&mut self) {
        let shared = shared(&self.client).await;
        assert!(self.consumer.reads(&self.client).await);
        self.model.lock().expect("no panic").begins_with(&self.consumer);
        for writer in &mut self.writers {
            writer.turns_to(&shared);
        }
        self.shared = shared;
    }

    pub fn kills(&mut self) {
        self.process.kill();
    }

    pub fn starts_again(&mut self) {
        self.process = Process::start(&self.store);
        let (address, _) = self.process.listening();
        self.client = Client::new(address, self.key.clone());
    }

    pub fn verifies(&self) {
        verifies(&self.store);
    }

    /// Asks for one thing until it is acknowledged, beside whoever else writes; how long that was after a crash.
    pub async fn writes_again(&self, crash: Instant, within: Duration) -> Duration {
        let ask = Ask::for_a_document(&self.shared[0], json!({"document": "references"}));
        loop {
            let answer = ask.send(&self.client).await.expect("answered");
            let took = crash.elapsed();
            assert!(took < within, "{took:?} after the crash: {answer}");
            if answer.status == 201 {
                self.model.lock().expect("no panic").takes(ask, answer);
                return took;
            }
            answer.refuses(503, "overloaded").header("retry-after");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends again what was open, and holds what is there against the model.
    pub async fn settles(&mut self) {
        for writer in &mut self.writers {
            if let Some(settled) = writer.settles(&self.client).await {
                self.cut_off += 1;
                self.done_unheard += usize::from(settled.was_done);
            }
        }
        let remembered = self.model.lock().expect("no panic").remembered();
        self.repeated += answered_as_before(&self.client, remembered).await;
        assert!(self.consumer.reads(&self.client).await);
        self.heard.takes(&self.receiver);
        let expected = {
            let model = self.model.lock().expect("no panic");
            self.consumer.agrees_with(&model);
            model.set_up()
        };
        expected.is_shown(&self.client, &self.webhook).await;
    }

    /// The service was killed so often in the middle of requests, and not beside them.
    fn was_hit(&self, kills: usize) {
        let recorded = self.model.lock().expect("no panic").by_load();
        eprintln!(
            "{} requests were cut off, {} of them done; {} facts in {kills} kills",
            self.cut_off, self.done_unheard, recorded
        );
        assert!(recorded >= 2 * kills, "{recorded} facts were recorded in {kills} kills");
        assert!(
            self.cut_off >= kills,
            "{} requests were cut off by {kills} kills",
            self.cut_off
        );
        assert!(self.repeated > 0, "nothing was sent again");
    }

    /// Everything stored is what the log says, from its beginning, and the receiver has heard of everything.
    pub async fn ends_whole(mut self, what: &str) {
        self.consumer.agrees_with_a_new_one(&self.client).await;
        let began = Instant::now();
        loop {
            self.heard.takes(&self.receiver);
            let lacks = self.heard.lacks(&self.model.lock().expect("no panic"));
            if lacks == 0 {
                break;
            }
            // A lease of who was killed holds for 15 seconds.
            assert!(
                began.elapsed() < Duration::from_secs(rounds(60, 900)),
                "{lacks} facts were not told of"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        eprintln!(
            "{what}: {} facts in the log, {} of them by requests; {} requests repeated; {} messages heard, {} twice",
            self.consumer.len(),
            self.model.lock().expect("no panic").recorded.len(),
            self.repeated,
            self.heard.len(),
            self.heard.again,
        );
        drop(self.process);
        verifies(&self.store);
    }
}

/// Two applications of two candidates, of whom all writers record facts.
async fn shared(client: &Client) -> Arc<[String]> {
    let mut shared = Vec::new();
    for name in ["Grace Hopper", "Alan Turing"] {
        let candidate = registers(client, name).await;
        shared.push(applies(client, &candidate, "Acme").await);
    }
    shared.into()
}

async fn killed(kind: Kind) {
    let Some(store) = options(kind).await else { return };
    let mut trial = Trial::new(&format!("killed on {kind:?}"), store).await;
    let kills = rounds(20, 1_000);
    for kill in 1..=kills {
        let load = trial.load();
        tokio::time::sleep(Duration::from_millis(40 + trial.dice.below(rounds(120, 300)))).await;
        trial.kills();
        trial.ends(load).await;
        trial.starts_again();
        trial.settles().await;
        if kill % 20 == 0 {
            trial.turns_to_others().await;
        }
        if kill % 100 == 0 {
            trial.kills();
            trial.verifies();
            trial.starts_again();
            eprintln!("{kill} kills");
        }
    }
    trial.was_hit(kills as usize);
    trial.ends_whole(&format!("{kills} kills on {kind:?}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_in_the_middle_of_load_it_loses_no_acknowledged_fact_on_sqlite() {
    killed(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_in_the_middle_of_load_it_loses_no_acknowledged_fact_on_postgres() {
    killed(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn where_postgres_crashes_the_service_lives_on_and_loses_nothing() {
    let Some(server) = block_in_place(PrivatePostgres::start).filter(PrivatePostgres::is_own) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let store = StoreOptions {
        place: Place::Postgres(server.fresh_database().await),
        keys_url: None,
        master_key_file: Some(folder.path().join("master.key")),
    };
    let mut trial = Trial::new("PostgreSQL crashes", store).await;
    let crashes = rounds(3, 1_000);
    let (mut ready_after, mut written_after) = (Duration::ZERO, Duration::ZERO);
    for crash in 1..=crashes {
        let load = trial.load();
        tokio::time::sleep(Duration::from_millis(40 + trial.dice.below(300))).await;
        let began = Instant::now();
        block_in_place(|| server.stop_immediate());
        let unready = trial.client.get("/readyz").await;
        unready.refuses(503, "overloaded").header("retry-after");
        trial.client.get("/healthz").await.is(200);
        block_in_place(|| server.restart());
        // PostgreSQL itself takes some seconds of it, on a busy machine most.
        let within = READY.max(began.elapsed() + READY / 2);
        let (ready, written) = tokio::join!(ready_again(&trial.client), trial.writes_again(began, within));
        ready_after = ready_after.max(ready);
        written_after = written_after.max(written);
        tokio::time::sleep(Duration::from_millis(50)).await;
        trial.ends(load).await;
        trial.settles().await;
        if crash % 20 == 0 {
            trial.turns_to_others().await;
        }
    }
    eprintln!(
        "ready {ready_after:?} after PostgreSQL was there again, and a write acknowledged {written_after:?} after the crash, at the latest"
    );
    trial.ends_whole(&format!("{crashes} crashes of PostgreSQL")).await;
}

/// Waits until the service says that it is ready; how long that took.
pub async fn ready_again(client: &Client) -> Duration {
    let began = Instant::now();
    while client.get("/readyz").await.status != 200 {
        assert!(began.elapsed() < READY, "not ready after {:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}
