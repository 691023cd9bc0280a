//! The same load on `postgres-es`, as its documentation sets it up: `postgres_cqrs`, the default pool, one view by
//! `GenericQuery`. A program of its own because it cannot be built beside the service (see its Cargo.toml).
//!
//! `afterword-bench-peer URL TASKS SECONDS BYTES` prints one line of JSON: commands per second, and latencies in
//! microseconds of the commands after the warm-up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cqrs_es::{Aggregate, DomainEvent, EventEnvelope, View, event_sink::EventSink, persist::GenericQuery};
use postgres_es::{PostgresViewRepository, default_postgress_pool, postgres_cqrs};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Aggregates that a task works on; one command in `NEW` begins another in place of one of them.
const KNOWN: u64 = 64;
const NEW: u64 = 10;
const WARM_UP: Duration = Duration::from_secs(2);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Account {
    facts: u64,
    newest: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Event {
    Happened { at: u64, text: String },
}

struct Happen {
    at: u64,
    text: String,
}

#[derive(Debug)]
struct Never;

impl std::fmt::Display for Never {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("never")
    }
}

impl std::error::Error for Never {}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "Happened".to_owned()
    }
    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = Happen;
    type Event = Event;
    type Error = Never;
    type Services = ();

    async fn handle(&mut self, command: Happen, (): &(), sink: &EventSink<Self>) -> Result<(), Never> {
        for _ in 0..2 {
            sink.write(
                Event::Happened {
                    at: command.at,
                    text: command.text.clone(),
                },
                self,
            )
            .await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        let Event::Happened { text, .. } = event;
        self.facts += 1;
        self.newest = text;
    }
}

/// One row per aggregate: how much there is, and what came last.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Summary {
    facts: u64,
    newest: String,
}

impl View<Account> for Summary {
    fn update(&mut self, event: &EventEnvelope<Account>) {
        let Event::Happened { text, .. } = &event.payload;
        self.facts += 1;
        self.newest.clone_from(text);
    }
}

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint CHECK (sequence >= 0) NOT NULL,
    event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence));
CREATE TABLE IF NOT EXISTS summary (
    view_id text NOT NULL, version bigint CHECK (version >= 0) NOT NULL, payload json NOT NULL, PRIMARY KEY (view_id));";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, url, tasks, seconds, bytes] = args.as_slice() else {
        return Err("usage: afterword-bench-peer URL TASKS SECONDS BYTES".into());
    };
    let (tasks, bytes): (u64, usize) = (tasks.parse()?, bytes.parse()?);
    let seconds = Duration::from_secs_f64(seconds.parse()?);
    let pool = default_postgress_pool(url).await;
    sqlx::raw_sql(TABLES).execute(&pool).await?;
    let views = Arc::new(PostgresViewRepository::<Summary, Account>::new("summary", pool.clone()));
    let cqrs = Arc::new(postgres_cqrs(pool, vec![Box::new(GenericQuery::new(views))], ()));

    // The text makes an event's payload as long as the service's.
    let text: Arc<str> = "x".repeat(bytes.saturating_sub(40)).into();
    let began = Instant::now();
    let from = began + WARM_UP;
    let until = from + seconds;
    let workers: Vec<_> = (0..tasks)
        .map(|number| {
            let (cqrs, text) = (Arc::clone(&cqrs), Arc::clone(&text));
            tokio::spawn(async move {
                let mut random = 0x9E37_79B9_7F4A_7C15_u64 ^ (number + 1);
                let mut known: Vec<String> = Vec::new();
                let mut took = Vec::new();
                while Instant::now() < until {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let place = (random >> 20) % KNOWN;
                    let place = usize::try_from(place).unwrap_or(0);
                    if place >= known.len() {
                        known.push(Uuid::now_v7().to_string());
                    } else if random % NEW == 0 {
                        known[place] = Uuid::now_v7().to_string();
                    }
                    let id = &known[place.min(known.len() - 1)];
                    let command = Happen {
                        at: random,
                        text: text.to_string(),
                    };
                    let asked = Instant::now();
                    let done = cqrs.execute(id, command).await.is_ok();
                    if done && asked >= from && Instant::now() <= until {
                        took.push(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX));
                    }
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for worker in workers {
        took.extend(worker.await?);
    }
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or(0);
    let rate = took.len() as f64 / seconds.as_secs_f64();
    println!("{}", serde_json::json!({"rate": rate, "p50": at(50), "p99": at(99)}));
    Ok(())
}
