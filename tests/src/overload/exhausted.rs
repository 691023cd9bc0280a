//! A store that has no connection left: all of PostgreSQL's wait for a lock, and another program writes to SQLite's file.
//! Whoever asks is told to come back, in time, nothing is half done, and the service goes on by itself.

use std::time::{Duration, Instant};

use afterword_store::{Place, Told};
use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, PgConnection, sqlite::SqliteConnectOptions};

use crate::{
    client::{Answer, Client},
    harness::{Kind, World, behind, options, tell_alone, verify},
    kill::process::{first, verifies},
    scenes::{applies, registers},
};

/// Connections of the appender, each of which brings in one tenant's batch, and those for reading.
const WRITING: i64 = 4;
const READING: i64 = 16;

/// Who wants to write, each in a tenant of its own, and who wants to read.
const WRITERS: usize = 6;
const READERS: usize = 40;

/// A statement waits for a connection for five seconds, and then for a lock for five; a batch likewise.
const IN_TIME: Duration = Duration::from_secs(15);

/// Both at once, since what they wait for is only time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_without_a_free_connection_says_so_in_time_and_goes_on_by_itself() {
    tokio::join!(
        tell_alone(Kind::Postgres, locks_of_another_program),
        another_program_writes()
    );
}

fn asks_for(client: &Client, application: &str, document: &str) -> RequestBuilder {
    let request = client.request(Method::POST, &format!("{application}/document-requests"));
    request
        .header("Idempotency-Key", document)
        .json(&json!({"document": document}))
}

/// The documents that the log says were asked for.
async fn asked_for(client: &Client) -> Vec<Value> {
    let facts = client.lists_feed().await;
    let asked = facts.iter().filter(|fact| fact["type"] == "DocumentRequested");
    asked.map(|fact| fact["data"]["document"].clone()).collect()
}

/// What was turned away is done when it is asked for again, and once.
async fn is_done_once(client: &Client, application: &str, document: &str) {
    for replayed in [None, Some("true")] {
        let answer = client.send(asks_for(client, application, document)).await;
        assert_eq!(
            answer.is(201).maybe_header("idempotency-replayed"),
            replayed,
            "{answer}"
        );
    }
}

fn is_turned_away(answer: &Answer, after: Duration, within: Duration) {
    answer.refuses(503, "overloaded").header("retry-after");
    assert!(after < within, "after {after:?}: {answer}");
}

async fn locks_of_another_program(world: World) {
    let Place::Postgres(url) = &world.options.place else {
        unreachable!()
    };
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let writer = world.neighbour().await;
        let ada = registers(&writer, "Ada").await;
        let acme = applies(&writer, &ada, "Acme").await;
        is_done_once(&writer, &acme, "before").await;
        writers.push((writer, acme));
    }
    world.sees("/v1/candidates").await;
    let mut holder = PgConnection::connect(url).await.expect("connected");
    let mut watcher = PgConnection::connect(url).await.expect("connected");
    let mut wait = async |many: i64| {
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let in_time = tokio::time::timeout(Duration::from_secs(4), async {
            while sqlx::query_scalar::<_, i64>(waiting)
                .fetch_one(&mut watcher)
                .await
                .expect("it answers")
                != many
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        in_time.await.expect("all that there are wait");
    };
    sqlx::raw_sql("BEGIN; LOCK TABLE heads, streams IN ACCESS EXCLUSIVE MODE")
        .execute(&mut holder)
        .await
        .expect("locked");
    let began = Instant::now();
    let writing = join_all(writers.iter().map(async |(writer, acme)| {
        let answer = writer.send(asks_for(writer, acme, "while-locked")).await;
        (answer, began.elapsed())
    }));
    let reading = async {
        wait(WRITING).await;
        let one = async || (world.get("/v1/candidates").await, began.elapsed());
        let reading = join_all((0..READERS).map(|_| one()));
        tokio::join!(reading, wait(WRITING + READING)).0
    };
    let (written, read) = tokio::join!(writing, reading);
    for (answer, after) in written.iter().chain(&read) {
        is_turned_away(answer, *after, IN_TIME);
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.expect("let go");

    world.sees("/v1/candidates").await;
    for (writer, acme) in &writers {
        assert_eq!(asked_for(writer).await, ["before"], "nothing is half done");
        is_done_once(writer, acme, "while-locked").await;
        assert_eq!(asked_for(writer).await, ["before", "while-locked"]);
        assert_eq!(verify(&writer.store, writer.tenant).await, Vec::<Told>::new());
    }
}

/// The service waits for whoever writes: twenty seconds, and who asks is told.
async fn another_program_writes() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let Place::Folder(folder) = &store.place else {
        unreachable!()
    };
    let (process, address, key) = first(&store);
    let client = Client::new(address, key);
    let ada = registers(&client, "Ada").await;
    let acme = applies(&client, &ada, "Acme").await;
    let file = SqliteConnectOptions::new().filename(folder.join("data.db"));
    let mut other = file.connect().await.expect("opened");
    sqlx::raw_sql("BEGIN EXCLUSIVE")
        .execute(&mut other)
        .await
        .expect("locked");

    let began = Instant::now();
    let asks = |document: &'static str| {
        let (client, acme) = (client.clone(), acme.clone());
        behind(async move { client.send(asks_for(&client, &acme, document)).await })
    };
    let turned_away = asks("while-locked");
    // Who reads is served, from what is there.
    client.get("/readyz").await.is(200);
    client.sees(&ada).await;
    client.sees("/v1/tasks").await;
    assert!(asked_for(&client).await.is_empty());
    tokio::time::sleep(Duration::from_secs(15)).await;
    let waiting = asks("in-line");
    let answer = turned_away.await.expect("answered");
    is_turned_away(&answer, began.elapsed(), Duration::from_secs(30));
    assert!(asked_for(&client).await.is_empty(), "nothing is half done");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("let go");

    // Who was in line has an answer by itself.
    waiting.await.expect("answered").is(201);
    assert_eq!(asked_for(&client).await, ["in-line"]);
    is_done_once(&client, &acme, "while-locked").await;
    assert_eq!(asked_for(&client).await, ["in-line", "while-locked"]);
    other.close().await.expect("closed");
    drop(process);
    verifies(&store);
}
