//! What a story is told on: a store to begin with, whose writes can break off at any row, a receiver that is not always
//! kind, and the lots that a seed draws.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
};

use afterword::{app::Options, edge::clock::Clock, outgoing::Outgoing, service::Service};
use afterword_store::{Place, StoreOptions, TenantId};
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::sync::{Notify, watch};

use crate::{
    client::Client,
    harness::{BEGINNING, Kind, World, behind, moment, open, serve},
    webhooks::receiver::{Receiver, Reply},
};

/// Numbers that follow from a seed (SplitMix64).
pub struct Lots(pub u64);

impl Lots {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn upto(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    pub fn coin(&mut self) -> bool {
        self.below(2) == 1
    }
}

/// What a receiver has taken, and how often each message came.
#[derive(Default)]
pub struct Taken {
    pub seed: u64,
    /// From now on every message is taken and answered.
    pub kind: bool,
    pub came: HashMap<String, u64>,
    /// Each message once, when it was first taken.
    pub taken: Vec<String>,
    pub refused: u64,
    /// While it is there, messages are answered when it says so;
    pub holds: Option<watch::Receiver<bool>>,
    /// so many wait for that,
    pub held: i64,
    /// and this tells of each.
    pub holds_one: Arc<Notify>,
}

impl Taken {
    fn comes(&mut self, event: &str) -> Reply {
        let times = self.came.entry(event.to_owned()).or_default();
        *times += 1;
        let lot = event.bytes().fold(self.seed ^ (*times << 32), |lot, byte| {
            Lots(lot ^ u64::from(byte)).next()
        }) % 10;
        let reply = match lot {
            _ if self.kind => Reply::Status(204),
            0 => Reply::Status(500),
            1 => Reply::Drop,
            _ => Reply::Status(204),
        };
        if matches!(reply, Reply::Status(500)) {
            self.refused += 1;
        } else if !self.taken.iter().any(|taken| taken == event) {
            self.taken.push(event.to_owned());
        }
        let Some(told) = &self.holds else { return reply };
        self.held += 1;
        self.holds_one.notify_one();
        Reply::Later(Box::new(reply), told.clone())
    }
}

/// A store with a tenant, a webhook and the triggers, to begin each story with.
pub struct Stage {
    pub folder: TempDir,
    pub tenant: TenantId,
    pub taken: Arc<Mutex<Taken>>,
    /// It listens as long as the stage stands.
    _receiver: Receiver,
}

/// In memory, where the machine has such a place.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    made.expect("a folder")
}

pub fn options_of(folder: &Path) -> StoreOptions {
    StoreOptions {
        place: Place::Folder(folder.to_owned()),
        keys_url: None,
        master_key_file: None,
    }
}

pub async fn database(folder: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(folder.join("data.db"))
        .disable_statement_logging();
    SqliteConnection::connect_with(&options).await.expect("the database")
}

impl Stage {
    pub async fn set() -> Self {
        let (folder, taken) = (folder(), Arc::<Mutex<Taken>>::default());
        let receiver = Receiver::new().await;
        let own = Arc::clone(&taken);
        receiver.answers(move |message| own.lock().expect("no panic").comes(message.event()));
        let options = options_of(folder.path());
        let store = open(options.clone()).await;
        let world = World::new(Kind::Sqlite, options, store.clone(), Clock::fixed(moment(BEGINNING))).await;
        let service = Service::new(store.clone(), world.clock.clone()).reaching(Outgoing::new(true));
        let hooks = Client::new(serve(service, Options::default()), world.key().to_owned());
        hooks.post("/v1/webhooks", json!({"url": receiver.url})).await.is(201);
        behind(async move { store.close().await }).await.expect("closed");
        let mut database = database(folder.path()).await;
        let named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        let tables: Vec<String> = sqlx::query_scalar(named)
            .fetch_all(&mut database)
            .await
            .expect("tables");
        sqlx::raw_sql("CREATE TABLE fault (after INTEGER NOT NULL); INSERT INTO fault VALUES (0)")
            .execute(&mut database)
            .await
            .expect("a table");
        for table in tables {
            for what in ["INSERT", "UPDATE", "DELETE"] {
                let trigger = format!(
                    "CREATE TRIGGER fault_{what}_{table} BEFORE {what} ON {table} WHEN (SELECT after FROM fault) > 0 \
                     BEGIN UPDATE fault SET after = after - 1; \
                     SELECT RAISE(ABORT, 'broken off') WHERE (SELECT after FROM fault) = 0; END"
                );
                sqlx::raw_sql(AssertSqlSafe(trigger))
                    .execute(&mut database)
                    .await
                    .expect("a trigger");
            }
        }
        database.close().await.expect("closed");
        Self {
            folder,
            tenant: world.tenant,
            taken,
            _receiver: receiver,
        }
    }
}
