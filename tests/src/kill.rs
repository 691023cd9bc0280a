//! The service as a process. Killed in the middle of load, it loses no fact that it acknowledged, and what was not
//! acknowledged may be sent again; told to stop, it finishes what it has begun.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

use afterword_domain::ids::EventId;
use afterword_store::{Place, StoreOptions};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::{Client, id},
    harness::{Kind, behind, options},
    scenes::{applies, registers},
    soak::rounds,
};

const WRITERS: usize = 8;

/// The program, built where it is not newer than its sources.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let exe = std::env::current_exe().expect("the test's own program");
        let folder = exe.parent().and_then(Path::parent).expect("target/debug");
        let program = folder.join(format!("afterword{}", std::env::consts::EXE_SUFFIX));
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let made = |path: &Path| {
            path.metadata()
                .and_then(|it| it.modified())
                .unwrap_or(SystemTime::UNIX_EPOCH)
        };
        let sources = [
            "crates/domain/src",
            "crates/store/src",
            "crates/server/src",
            "migrations",
        ]
        .map(|it| newest(&root.join(it)));
        if sources.iter().any(|source| *source > made(&program)) {
            let mut build = Command::new(env!("CARGO"));
            build
                .args(["build", "--quiet", "-p", "afterword", "--bin", "afterword"])
                .current_dir(&root);
            build.env("CARGO_TARGET_DIR", folder.parent().expect("target"));
            if folder.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.status().expect("cargo runs").success(), "the program is built");
        }
        program
    })
}

fn newest(folder: &Path) -> SystemTime {
    let entries = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let moments = entries.map(|path| {
        if path.is_dir() {
            newest(&path)
        } else {
            path.metadata().and_then(|it| it.modified()).expect("a moment")
        }
    });
    moments.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A command of the program on a store; nothing of the test's own environment reaches it.
pub fn command(store: &StoreOptions, words: &[&str]) -> Command {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AFTERWORD_")) {
        command.env_remove(name);
    }
    command.args(words).stderr(Stdio::null()).stdin(Stdio::null());
    match &store.place {
        Place::Folder(folder) => command.arg("--data").arg(folder),
        Place::Postgres(url) => command.arg("--database-url").arg(url),
    };
    if let Some(file) = &store.master_key_file {
        command.env("AFTERWORD_MASTER_KEY_FILE", file);
    }
    command
}

pub fn told(store: &StoreOptions, words: &[&str]) -> Value {
    let output = command(store, words).output().expect("run");
    assert!(output.status.success(), "{words:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// A running service, killed when it goes out of sight.
pub struct Process {
    pub child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    pub fn start(store: &StoreOptions) -> Self {
        Self::run(command(store, &["serve", "--listen", "127.0.0.1:0"]))
    }

    /// Runs a command that serves.
    pub fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("started");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Self { child, lines }
    }

    fn says(&mut self) -> Value {
        let line = self.lines.next().expect("a line").expect("text");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line} is no JSON"))
    }

    /// Its address, and the key where it made one.
    pub fn listening(&mut self) -> (String, Option<String>) {
        let first = self.says();
        let key = first["admin_key"].as_str().map(ToOwned::to_owned);
        let listening = if key.is_some() { self.says() } else { first };
        (listening["listening"].as_str().expect("an address").to_owned(), key)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The service for the first time: itself, its address and a key.
pub fn first(store: &StoreOptions) -> (Process, String, String) {
    let mut key = None;
    if matches!(store.place, Place::Postgres(_)) {
        command(store, &["migrate"]).status().expect("migrated");
        told(store, &["tenants", "create", "default"]);
        let made = told(store, &["keys", "create", "--tenant", "default", "--scopes", "admin"]);
        key = Some(made["key"].as_str().expect("a key").to_owned());
    }
    let mut process = Process::start(store);
    let (address, own) = process.listening();
    let key = key.or(own).expect("the first start shows a key");
    (process, address, key)
}

/// The service as a process, for other stories too.
pub mod process {
    pub use super::{Process, command, first, program, told};
}

/// What a writer sent: the acknowledged facts, and the one that was under way when the service went away.
#[derive(Default)]
struct Sent {
    acknowledged: Vec<String>,
    open: Option<String>,
}

async fn write(client: Client, path: String) -> Sent {
    let mut sent = Sent::default();
    loop {
        let event = EventId::new(Uuid::now_v7()).to_string();
        let request = client
            .request(Method::POST, &path)
            .json(&json!({"id": event, "document": "references"}));
        match request.send().await {
            Ok(answer) if answer.status() == 201 => sent.acknowledged.push(event),
            Ok(answer) if answer.status() == 503 => sent.open = Some(event),
            Ok(answer) => panic!("{answer:?}"),
            Err(_) => {
                sent.open = Some(event);
                return sent;
            }
        }
    }
}

/// Every fact of a fact's kind in the feed, which must hold each once.
async fn recorded(client: &Client) -> BTreeSet<String> {
    let facts = client.lists_feed().await;
    let of_writers: Vec<String> = facts
        .iter()
        .filter(|fact| fact["type"] == "DocumentRequested")
        .map(|fact| fact["id"].as_str().unwrap().to_owned())
        .collect();
    let once: BTreeSet<String> = of_writers.iter().cloned().collect();
    assert_eq!(once.len(), of_writers.len(), "a fact is there twice");
    once
}

async fn killed_again_and_again(kind: Kind) {
    let Some(store) = options(kind).await else { return };
    let (mut process, mut address, key) = first(&store);
    let mut client = Client::new(address.clone(), key.clone());
    let mut applications = Vec::new();
    for nth in 0..4 {
        let candidate = registers(&client, &format!("Candidate {nth}")).await;
        applications.push(applies(&client, &candidate, "Acme").await);
    }
    let mut acknowledged = BTreeSet::new();
    let kills = rounds(5, 1_000);
    for kill in 0..kills {
        let writers: Vec<_> = (0..WRITERS)
            .map(|nth| {
                behind(write(
                    client.clone(),
                    format!("{}/document-requests", applications[nth % applications.len()]),
                ))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(120 + 90 * (kill % 5))).await;
        process.child.kill().expect("killed");
        process.child.wait().expect("gone");
        let mut open = Vec::new();
        for (nth, writer) in writers.into_iter().enumerate() {
            let sent = writer.await.expect("written");
            acknowledged.extend(sent.acknowledged);
            open.extend(sent.open.map(|event| (nth, event)));
        }
        process = Process::start(&store);
        (address, _) = process.listening();
        client = Client::new(address.clone(), key.clone());
        let found = recorded(&client).await;
        let lost: Vec<_> = acknowledged.difference(&found).collect();
        assert!(
            lost.is_empty(),
            "kill {kill}: {} acknowledged facts are gone",
            lost.len()
        );
        // What was under way may be there or not; sent again, it is there once.
        for (nth, event) in open {
            let path = format!("{}/document-requests", applications[nth % applications.len()]);
            client
                .post(&path, json!({"id": event, "document": "references"}))
                .await
                .is(201);
            acknowledged.insert(event);
        }
        let found = recorded(&client).await;
        assert!(acknowledged.is_subset(&found));
    }
    assert!(
        acknowledged.len() > WRITERS * kills as usize,
        "hardly any load: {} facts",
        acknowledged.len()
    );
    drop(process);
    let verified = told(&store, &["verify"]);
    assert_eq!(verified["differences"], 0, "{verified}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_in_the_middle_of_load_it_loses_no_acknowledged_fact_on_sqlite() {
    killed_again_and_again(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_in_the_middle_of_load_it_loses_no_acknowledged_fact_on_postgres() {
    killed_again_and_again(Kind::Postgres).await;
}

/// Many candidates to whom something is to be announced, and a service that is killed over and over while it does.
async fn killed_while_time_passes(kind: Kind) {
    const MANY: usize = 60;
    let Some(store) = options(kind).await else { return };
    let (mut process, mut address, key) = first(&store);
    let mut client = Client::new(address, key.clone());
    let mut candidates = BTreeSet::new();
    for nth in 1..=MANY {
        let candidate = registers(&client, &format!("Candidate {nth}")).await;
        let acme = applies(&client, &candidate, "Acme").await;
        // Nobody writes after this; what follows from it is the worker's.
        let long_ago = json!({"starts_at": "2026-03-02T14:00:00+01:00", "ends_at": "2026-03-02T15:00:00+01:00",
            "time_zone": "Europe/Berlin", "format": "onsite"});
        client.makes(&format!("{acme}/interviews"), long_ago).await;
        candidates.insert(id(&candidate).to_owned());
        if nth % 20 == 0 {
            process.child.kill().expect("killed");
            process.child.wait().expect("gone");
            process = Process::start(&store);
            (address, _) = process.listening();
            client = Client::new(address, key.clone());
        }
    }
    let began = Instant::now();
    loop {
        let facts = client.lists_feed().await;
        let of_interviews =
            |fact: &&Value| fact["type"] == "TaskOverdue" && fact["tasks"]["changed"][0]["play"] == "record_interview";
        let overdue: Vec<_> = facts.iter().filter(of_interviews).collect();
        let of: BTreeSet<_> = overdue
            .iter()
            .filter_map(|fact| fact["candidate"].as_str().map(ToOwned::to_owned))
            .collect();
        assert_eq!(overdue.len(), of.len(), "announced once");
        if of == candidates {
            break;
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{} of {MANY} were announced",
            of.len()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    drop(process);
    let verified = told(&store, &["verify"]);
    assert_eq!(verified["differences"], 0, "{verified}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_while_time_passes_it_announces_everything_once_on_sqlite() {
    killed_while_time_passes(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_while_time_passes_it_announces_everything_once_on_postgres() {
    killed_while_time_passes(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn told_to_stop_it_finishes_what_it_has_begun() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let (mut process, address, key) = first(&store);
    let client = Client::new(address, key.clone());
    let candidate = registers(&client, "Ada Lovelace").await;
    let application = applies(&client, &candidate, "Acme").await;
    let metrics = client.with_key("").get("/metrics").await;
    let text = String::from_utf8(metrics.is(200).body.clone()).expect("text");
    for name in [
        "http_requests_total",
        "http_request_seconds",
        "append_seconds",
        "append_batch_size",
        "append_queue_depth",
        "candidate_cache_total",
        "time_behind_seconds",
    ] {
        assert!(
            text.contains(&format!("afterword_{name}")),
            "no afterword_{name} in\n{text}"
        );
    }
    assert!(text.contains("afterword_pool"), "nothing of the pools in\n{text}");
    assert!(
        !text.contains("cnd_") && !text.contains("Ada"),
        "personal data in the metrics:\n{text}"
    );
    let path = format!("{application}/document-requests");
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| behind(write(client.clone(), path.clone())))
        .collect();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let at = Instant::now();
    let stopped = Command::new("kill")
        .args(["-TERM", &process.child.id().to_string()])
        .status()
        .expect("told");
    assert!(stopped.success());
    let mut acknowledged = BTreeSet::new();
    for writer in writers {
        acknowledged.extend(writer.await.expect("written").acknowledged);
    }
    let ended = process.child.wait().expect("ended");
    assert!(
        ended.success() && at.elapsed() < Duration::from_secs(30),
        "{ended} after {:?}",
        at.elapsed()
    );
    let mut process = Process::start(&store);
    let (address, shown) = process.listening();
    assert_eq!(shown, None, "the key is shown once");
    let found = recorded(&Client::new(address, key)).await;
    assert!(acknowledged.is_subset(&found), "acknowledged facts are gone");
    assert!(!acknowledged.is_empty());
}
