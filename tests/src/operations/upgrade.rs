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
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;
use zip::ZipArchive;

use crate::{
    client::Client,
    harness::{Kind, behind, options},
    kill::process::{Process, command, program, told, verifies},
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
    verifies(store);
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
fn serves(program: &Path, store: &StoreOptions, listen: &str, drain: &[&str]) -> (Process, String, Option<String>) {
    let serve = by(
        program,
        &command(store, &[&["serve", "--listen", listen], drain].concat()),
    );
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

fn runs(program: &Path, store: &StoreOptions, words: &[&str]) -> Value {
    let output = by(program, &command(store, words)).output().expect("run");
    assert!(output.status.success(), "{words:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// How clients find an instance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A proxy leads them to those that are to be asked. Nothing may go wrong.
    Proxy,
    /// They know all. Where one refuses them or cuts them off without an answer, they ask another the same again.
    Straight,
}

/// An instance, as it is to those who ask.
struct Instance {
    address: String,
    /// Whether the proxy leads to it,
    is_asked: AtomicBool,
    /// and how much of what it led there is not answered yet.
    under_way: AtomicUsize,
}

/// Two instances, and what they are asked until it is enough.
struct Load {
    way: Way,
    instances: [Instance; 2],
    key: String,
    enough: AtomicBool,
    acknowledged: AtomicUsize,
    cut_off: AtomicUsize,
}

/// Whether a connection ended before it was answered: the system had taken it for a program that has stopped since. It is reset
/// where the request had come by then, and closed where it had not.
fn is_cut_off(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        let is_reset = one
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionReset);
        let is_closed = one
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_incomplete_message);
        if is_reset || is_closed {
            return true;
        }
        cause = one.source();
    }
    false
}

impl Load {
    /// Asks one instance after the other until there is an answer.
    async fn ask(&self, turn: &mut usize, request: impl Fn(&str) -> RequestBuilder) -> Response {
        let mut refused = 0;
        loop {
            *turn += 1;
            let instance = &self.instances[*turn % 2];
            instance.under_way.fetch_add(1, Ordering::SeqCst);
            let is_asked = self.way == Way::Straight || instance.is_asked.load(Ordering::SeqCst);
            let answer = if is_asked {
                Some(request(&instance.address).bearer_auth(&self.key).send().await)
            } else {
                None
            };
            instance.under_way.fetch_sub(1, Ordering::SeqCst);
            match answer {
                None => tokio::task::yield_now().await,
                Some(Ok(answer)) => return answer,
                Some(Err(error)) if self.way == Way::Straight && error.is_connect() && refused < 200 => {
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Some(Err(error)) if self.way == Way::Straight && is_cut_off(&error) => {
                    self.cut_off.fetch_add(1, Ordering::Relaxed);
                }
                Some(Err(error)) => panic!("it is not answered: {error:?}"),
            }
        }
    }

    /// Records one request of a document after another and reads what there is, until it is enough. Every answer is a good one.
    async fn works(self: Arc<Self>, application: String, nth: usize) -> Vec<String> {
        // A connection for each request, as many clients have them; and none that an instance closes while it idles.
        let http = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client");
        let (mut recorded, mut turn) = (Vec::new(), nth);
        while !self.enough.load(Ordering::Relaxed) {
            let event = EventId::new(Uuid::now_v7()).to_string();
            let body = json!({"id": event, "document": "references"});
            let request = |at: &str| http.post(format!("{at}{application}/document-requests")).json(&body);
            let answer = self.ask(&mut turn, request).await;
            assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap_or_default());
            recorded.push(event);
            for path in ["/v1/tasks?limit=5", "/v1/events?limit=5", &application] {
                let answer = self.ask(&mut turn, |at| http.get(format!("{at}{path}"))).await;
                assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap_or_default());
            }
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        recorded
    }

    /// All that is done is done while they work, and each stretch sees them go on.
    async fn goes_on(&self, what: &str) {
        let (before, began) = (self.acknowledged.load(Ordering::Relaxed), Instant::now());
        while self.acknowledged.load(Ordering::Relaxed) < before + 50 {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "hardly anything is done {what}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A proxy that is told to leave an instance alone, and waits until it has answered whatever it was asked.
    fn leaves(&self, nth: usize) {
        let instance = &self.instances[nth];
        instance.is_asked.store(false, Ordering::SeqCst);
        let began = Instant::now();
        while instance.under_way.load(Ordering::SeqCst) > 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "it does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A proxy that looks ten times a second which instances are ready, and leads to these.
    async fn looks(self: Arc<Self>) {
        let http = reqwest::Client::new();
        while !self.enough.load(Ordering::Relaxed) {
            for instance in &self.instances {
                let answer = http.get(format!("{}/readyz", instance.address)).send().await;
                let is_ready = answer.is_ok_and(|answer| answer.status() == 200);
                instance.is_asked.store(is_ready, Ordering::SeqCst);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Two instances on PostgreSQL, and those who ask them.
struct Stage {
    store: StoreOptions,
    processes: [Option<Process>; 2],
    load: Arc<Load>,
    workers: Vec<JoinHandle<Vec<String>>>,
}

impl Stage {
    async fn set(program: &Path, drain: &[&str], way: Way) -> Self {
        let store = options(Kind::Postgres).await.expect("PostgreSQL");
        runs(program, &store, &["migrate"]);
        runs(program, &store, &["tenants", "create", "default"]);
        let made = runs(
            program,
            &store,
            &["keys", "create", "--tenant", "default", "--scopes", "admin"],
        );
        let key = made["key"].as_str().expect("a key").to_owned();
        let [(first, one, _), (second, other, _)] = [(); 2].map(|()| serves(program, &store, "127.0.0.1:0", drain));
        let client = Client::new(one.clone(), key.clone());
        let mut applications = Vec::new();
        for nth in 0..4 {
            let candidate = registers(&client, &format!("Candidate {nth}")).await;
            applications.push(applies(&client, &candidate, "Acme").await);
        }
        let instances = [one, other].map(|address| Instance {
            address,
            is_asked: AtomicBool::new(true),
            under_way: AtomicUsize::new(0),
        });
        let load = Arc::new(Load {
            way,
            instances,
            key,
            enough: AtomicBool::new(false),
            acknowledged: AtomicUsize::new(0),
            cut_off: AtomicUsize::new(0),
        });
        let workers = (0..WRITERS)
            .map(|nth| behind(Arc::clone(&load).works(applications[nth % applications.len()].clone(), nth)))
            .collect();
        Self {
            store,
            processes: [Some(first), Some(second)],
            load,
            workers,
        }
    }

    /// This program takes the place of an instance.
    fn replaces(&mut self, nth: usize, drain: &[&str]) {
        tokio::task::block_in_place(|| {
            stops(self.processes[nth].take().expect("it runs"));
            let instance = &self.load.instances[nth];
            let listen = instance.address.trim_start_matches("http://");
            self.processes[nth] = Some(serves(program(), &self.store, listen, drain).0);
            instance.is_asked.store(true, Ordering::SeqCst);
        });
    }

    /// It is enough: what was acknowledged is in the log, each once. How many requests were cut off.
    async fn ends(self) -> usize {
        self.load.enough.store(true, Ordering::Relaxed);
        let mut acknowledged = BTreeSet::new();
        for worker in self.workers {
            acknowledged.extend(worker.await.expect("not one failed"));
        }
        let client = Client::new(self.load.instances[0].address.clone(), self.load.key.clone());
        let facts = client.lists_feed().await;
        let found: Vec<String> = facts
            .iter()
            .filter(|fact| fact["type"] == "DocumentRequested")
            .map(|fact| fact["id"].as_str().expect("an id").to_owned())
            .collect();
        assert_eq!(found.len(), acknowledged.len(), "lost or doubled");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), acknowledged);
        drop(self.processes);
        verifies(&self.store);
        self.load.cut_off.load(Ordering::Relaxed)
    }
}

const DRAIN: [&str; 2] = ["--drain", "2"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_drain_are_replaced_under_load_without_a_failure() {
    let mut stage = Stage::set(program(), &DRAIN, Way::Proxy).await;
    let looking = behind(Arc::clone(&stage.load).looks());
    for nth in 0..2 {
        stage.load.goes_on("by both").await;
        stage.replaces(nth, &DRAIN);
    }
    stage.load.goes_on("by those that came").await;
    stage.ends().await;
    looking.await.expect("it looked to the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "wants the program of the release before: .ci/upgrade/run builds it"]
async fn instances_are_replaced_one_after_the_other_under_load_without_a_failure() {
    let mut stage = Stage::set(&previous(), &[], Way::Proxy).await;
    stage.load.goes_on("by the old ones").await;
    told(&stage.store, &["migrate"]);
    for nth in 0..2 {
        stage.load.goes_on("on the new schema").await;
        // The release before does not drain: its proxy is told.
        tokio::task::block_in_place(|| stage.load.leaves(nth));
        stage.replaces(nth, &DRAIN);
    }
    stage.load.goes_on("by the new ones").await;
    stage.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "wants the program of the release before: .ci/upgrade/run builds it"]
async fn who_is_cut_off_by_an_instance_that_stops_at_once_asks_another_with_one_effect() {
    let mut stage = Stage::set(&previous(), &[], Way::Straight).await;
    told(&stage.store, &["migrate"]);
    for nth in 0..2 {
        stage.load.goes_on("on the new schema").await;
        stage.replaces(nth, &[]);
    }
    stage.load.goes_on("by the new ones").await;
    let cut_off = stage.ends().await;
    eprintln!("{cut_off} requests were cut off");
    assert!(cut_off <= 2 * WRITERS, "{cut_off}: more than waited to be taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "wants the program of the release before: .ci/upgrade/run builds it"]
async fn the_new_program_goes_on_where_the_old_one_stopped_on_sqlite() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let (process, address, key) = serves(&previous(), &store, "127.0.0.1:0", &[]);
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
    let (process, address, none) = serves(program(), &store, "127.0.0.1:0", &[]);
    assert_eq!(none, None, "the key is shown once");
    let client = Client::new(address, client.key().to_owned());
    let now = client.lists_feed().await;
    assert_eq!(now[..then.len()], then[..]);
    client
        .send(client.request(Method::POST, &path).json(&json!({"document": "more"})))
        .await
        .is(201);
    stops(process);
    verifies(&store);
}
