//! From one release to the next. What the release before wrote is read: copies of its stores, made by its own program from a
//! whole story, lie in `tests/releases`. And under load one program takes the other's place: `.ci/upgrade/run` builds the
//! release before and tells the stories that want it.

use std::{
    collections::BTreeSet,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use afterword_domain::ids::EventId;
use afterword_store::{Place, StoreOptions, testing::PrivatePostgres};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use zip::ZipArchive;

use crate::{
    client::Client,
    harness::{Kind, behind, options},
    kill::process::{Process, command, told},
    scenes::{applies, registers},
};

/// The release before, whose stores were kept.
const KEPT: &str = "ad082e5";
/// Where its program is, for the stories that need it to run.
const PREVIOUS: &str = "AFTERWORD_PREVIOUS";

const WRITERS: usize = 8;

/// A file of a kept store.
fn kept(kind: &str, name: &str) -> Vec<u8> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("releases/{KEPT}.zip"));
    let mut archive = ZipArchive::new(fs::File::open(archive).expect("it is kept")).expect("an archive");
    let mut bytes = Vec::new();
    archive
        .by_name(&format!("{kind}/{name}"))
        .expect("a file")
        .read_to_end(&mut bytes)
        .expect("read");
    bytes
}

fn kept_text(kind: &str, name: &str) -> String {
    String::from_utf8(kept(kind, name)).expect("text")
}

/// This program over a store of the release before: every fact is what it was, and everything stored is what the log says.
async fn goes_on(store: &StoreOptions, kind: &str) {
    let told_then: Value = serde_json::from_slice(&kept(kind, "told.json")).expect("JSON");
    let mut process = Process::start(store);
    let (address, _) = process.listening();
    let client = Client::new(address, kept_text(kind, "key"));
    let facts = client.lists_feed().await;
    let then = told_then["feed"].as_array().expect("facts");
    assert_eq!(&facts[..then.len()], &then[..]);
    let candidate = told_then["candidate"].as_str().expect("a path");
    for view in ["", "/timeline", "/tasks", "/notes", "/interviews", "/contacts"] {
        client.get(&format!("{candidate}{view}")).await.is(200);
    }
    let erased = told_then["erased"].as_str().expect("a path");
    client.get(erased).await.refuses(410, "candidate_erased");
    client.sees("/v1/mail").await;
    client.sees("/v1/webhooks").await;
    let contact = json!({"name": "Somebody new"});
    client.makes(&format!("{candidate}/contacts"), contact).await;
    drop(process);
    assert_eq!(told(store, &["verify"])["differences"], 0);
    let doctor = command(store, &["doctor"]).output().expect("run");
    assert!(doctor.status.success(), "{doctor:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_store_of_the_release_before_is_taken_over_on_sqlite() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let Place::Folder(folder) = &store.place else {
        unreachable!()
    };
    for name in ["data.db", "keys.db", "master.key"] {
        fs::write(folder.join(name), kept("sqlite", name)).expect("written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(folder.join(name), mode).expect("its mode");
    }
    goes_on(&store, "sqlite").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_store_of_the_release_before_is_taken_over_on_postgres() {
    let Some(store) = options(Kind::Postgres).await else {
        return;
    };
    let Place::Postgres(url) = store.place.clone() else {
        unreachable!()
    };
    let server = PrivatePostgres::shared().expect("it is there");
    let master = store.master_key_file.as_ref().expect("named");
    fs::write(master, kept("postgres", "master.key")).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(master, mode).expect("its mode");
    // The role is of the whole server: a dump of one database names it and does not make it.
    server
        .run_sql(
            &url,
            "DO $$ BEGIN CREATE ROLE afterword_app NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
        )
        .await;
    server
        .run_sql(
            &url,
            &format!("CREATE DATABASE \"{}_keys\"", url.rsplit('/').next().unwrap()),
        )
        .await;
    server.run_sql(&url, &kept_text("postgres", "data.sql")).await;
    server
        .run_sql(&format!("{url}_keys"), &kept_text("postgres", "keys.sql"))
        .await;
    told(&store, &["migrate"]);
    goes_on(&store, "postgres").await;
}

/// A command of this program, by another one.
fn by(program: &Path, command: &Command) -> Command {
    let mut other = Command::new(program);
    other
        .args(command.get_args())
        .stderr(Stdio::null())
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other
}

/// A program on a store, at an address of its own, that is told to stop and waited for.
fn serves(program: &Path, store: &StoreOptions, listen: &str) -> (Process, String, Option<String>) {
    let serve = by(program, &command(store, &["serve", "--listen", listen]));
    let mut process = Process::run(serve);
    let (address, key) = process.listening();
    (process, address, key)
}

fn stops(mut process: Process) {
    let told = Command::new("kill")
        .args(["-TERM", &process.child.id().to_string()])
        .status();
    assert!(told.expect("told").success());
    let began = Instant::now();
    assert!(process.child.wait().expect("ended").success(), "it ends well");
    assert!(began.elapsed() < Duration::from_secs(30));
}

fn previous() -> PathBuf {
    let named = std::env::var_os(PREVIOUS);
    PathBuf::from(named.unwrap_or_else(|| panic!("{PREVIOUS} names the program of the release before")))
}

fn runs_previous(store: &StoreOptions, words: &[&str]) -> Value {
    let output = by(&previous(), &command(store, words)).output().expect("run");
    assert!(output.status.success(), "{words:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// What writers share: where the instances are, and whether they have done enough.
struct Load {
    addresses: [String; 2],
    key: String,
    enough: AtomicBool,
    acknowledged: AtomicUsize,
    reset: AtomicUsize,
}

/// Whether a connection was reset before it was answered: the system had taken it for a program that then ended.
fn is_reset(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        let io = one.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionReset) {
            return true;
        }
        cause = one.source();
    }
    false
}

/// Records one request of a document after another, each at the next instance; goes to the other one, with the same id, where
/// a connection is refused or reset, and does nothing else about what goes wrong. An answer is always a good one.
async fn writes(load: Arc<Load>, path: String, nth: usize) -> Vec<String> {
    // A connection for each request, as many clients have them; and none that an instance closes while it idles.
    let http = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client");
    let mut recorded = Vec::new();
    let mut turn = nth;
    while !load.enough.load(Ordering::Relaxed) {
        let event = EventId::new(Uuid::now_v7()).to_string();
        let mut refused = 0;
        let answer = loop {
            turn += 1;
            let url = format!("{}{path}", load.addresses[turn % 2]);
            let body = json!({"id": event, "document": "references"});
            match http.post(url).bearer_auth(&load.key).json(&body).send().await {
                Ok(answer) => break answer,
                Err(error) if error.is_connect() && refused < 200 => {
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) if is_reset(&error) => {
                    load.reset.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => panic!("cut off: {error:?}"),
            }
        };
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap_or_default());
        load.acknowledged.fetch_add(1, Ordering::Relaxed);
        recorded.push(event);
    }
    recorded
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "wants the program of the release before: .ci/upgrade/run builds it"]
async fn instances_are_replaced_one_after_the_other_under_load_without_a_failure() {
    let store = options(Kind::Postgres).await.expect("PostgreSQL");
    let (old, new) = (previous(), crate::kill::process::program());
    runs_previous(&store, &["migrate"]);
    runs_previous(&store, &["tenants", "create", "default"]);
    let made = runs_previous(&store, &["keys", "create", "--tenant", "default", "--scopes", "admin"]);
    let key = made["key"].as_str().expect("a key").to_owned();
    let (first, one, _) = serves(&old, &store, "127.0.0.1:0");
    let (second, other, _) = serves(&old, &store, "127.0.0.1:0");
    let client = Client::new(one.clone(), key.clone());
    let mut applications = Vec::new();
    for nth in 0..4 {
        let candidate = registers(&client, &format!("Candidate {nth}")).await;
        applications.push(applies(&client, &candidate, "Acme").await);
    }
    let load = Arc::new(Load {
        addresses: [one.clone(), other.clone()],
        key: key.clone(),
        enough: AtomicBool::new(false),
        acknowledged: AtomicUsize::new(0),
        reset: AtomicUsize::new(0),
    });
    let writers: Vec<_> = (0..WRITERS)
        .map(|nth| {
            let path = format!("{}/document-requests", applications[nth % applications.len()]);
            behind(writes(Arc::clone(&load), path, nth))
        })
        .collect();
    // Everything is done while they write, and each stretch sees them go on.
    let go_on = async |what: &str| {
        let before = load.acknowledged.load(Ordering::Relaxed);
        let began = Instant::now();
        while load.acknowledged.load(Ordering::Relaxed) < before + 100 {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "hardly anything is recorded {what}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    go_on("by the old ones").await;
    told(&store, &["migrate"]);
    go_on("by the old ones on the new schema").await;
    let replaced = |process: Process, address: &str| {
        stops(process);
        serves(new, &store, address.trim_start_matches("http://")).0
    };
    let first = tokio::task::block_in_place(|| replaced(first, &one));
    go_on("by an old and a new one").await;
    let second = tokio::task::block_in_place(|| replaced(second, &other));
    go_on("by the new ones").await;
    load.enough.store(true, Ordering::Relaxed);
    let mut acknowledged = BTreeSet::new();
    for writer in writers {
        acknowledged.extend(writer.await.expect("not one failed"));
    }
    let reset = load.reset.load(Ordering::Relaxed);
    assert!(
        reset <= 2 * WRITERS,
        "{reset} connections were reset: more than could wait to be taken"
    );
    let facts = client.lists_feed().await;
    let found: Vec<&str> = facts
        .iter()
        .filter(|fact| fact["type"] == "DocumentRequested")
        .map(|fact| fact["id"].as_str().expect("an id"))
        .collect();
    assert_eq!(found.len(), acknowledged.len(), "lost or doubled");
    assert_eq!(
        found.into_iter().map(ToOwned::to_owned).collect::<BTreeSet<_>>(),
        acknowledged
    );
    drop((first, second));
    assert_eq!(told(&store, &["verify"])["differences"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "wants the program of the release before: .ci/upgrade/run builds it"]
async fn the_new_program_goes_on_where_the_old_one_stopped_on_sqlite() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let (process, address, key) = serves(&previous(), &store, "127.0.0.1:0");
    let client = Client::new(address, key.expect("the first start shows a key"));
    let candidate = registers(&client, "Ada Lovelace").await;
    let application = applies(&client, &candidate, "Acme").await;
    let path = format!("{application}/document-requests");
    for nth in 0..20 {
        client
            .records(&path, json!({"document": format!("references {nth}")}))
            .await;
    }
    let then = client.lists_feed().await;
    stops(process);
    let (process, address, none) = serves(crate::kill::process::program(), &store, "127.0.0.1:0");
    assert_eq!(none, None, "the key is shown once");
    let client = Client::new(address, client.key().to_owned());
    let now = client.lists_feed().await;
    assert_eq!(now[..then.len()], then[..]);
    client
        .send(client.request(Method::POST, &path).json(&json!({"document": "more"})))
        .await
        .is(201);
    stops(process);
    assert_eq!(told(&store, &["verify"])["differences"], 0);
}
