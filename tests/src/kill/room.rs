//! A store without room: a full disk, a file that may not grow, nothing that may be written. Who writes is told to come back,
//! who reads is served; nothing is half done, and with the room comes the service, without being started again.
//!
//! A file system of some megabytes needs the right to mount one, which not everybody has; a limit on the size of files
//! needs none. PostgreSQL has its own disk: there a table refuses to grow as it does on a full one.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use afterword_store::{Place, testing::PrivatePostgres};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    load::{Ask, What, is_the_same},
    process::{Process, command, first, serve, verifies, within},
};
use crate::{
    client::Client,
    harness::{Kind, options},
    scenes::{applies, registers},
};

/// A service that will run out of room, and what it had before.
struct Cramped {
    process: Process,
    client: Client,
    candidate: String,
    application: String,
    /// Facts that were acknowledged.
    recorded: usize,
}

impl Cramped {
    async fn new(mut process: Process) -> Self {
        let (address, key) = process.listening();
        Self::of((process, address, key.expect("the first start shows a key"))).await
    }

    async fn of((process, address, key): (Process, String, String)) -> Self {
        let client = Client::new(address, key);
        let candidate = registers(&client, "Ada Lovelace").await;
        let application = applies(&client, &candidate, "Acme").await;
        Self {
            process,
            client,
            candidate,
            application,
            recorded: 2,
        }
    }

    fn ask(&self, what: What) -> Ask {
        let (method, path, body) = match what {
            What::Registers => (
                Method::POST,
                "/v1/candidates".to_owned(),
                json!({"name": "Grace Hopper", "time_zone": "UTC"}),
            ),
            What::Erases => (Method::DELETE, self.candidate.clone(), Value::Null),
            _ => (
                Method::POST,
                format!("{}/document-requests", self.application),
                json!({"document": "references"}),
            ),
        };
        Ask::named(what, &self.candidate, method, &path, body)
    }

    /// There is no room any more, at the latest after some requests: what is asked then, and gets no effect.
    async fn is_told_to_come_back(&mut self) -> Vec<Ask> {
        let mut turned_away = Vec::new();
        // Where there is no room for the one there may still be some for the other.
        for what in [What::Records, What::Registers] {
            turned_away.push(self.until_turned_away(what).await);
        }
        for what in [What::Records, What::Erases] {
            let ask = self.ask(what);
            let answer = ask.send(&self.client).await.expect("answered");
            answer.refuses(503, "overloaded").header("retry-after");
            turned_away.push(ask);
        }
        turned_away
    }

    async fn until_turned_away(&mut self, what: What) -> Ask {
        for _ in 0..2_000 {
            let ask = self.ask(what.clone());
            let answer = ask.send(&self.client).await.expect("answered");
            if answer.status != 201 {
                answer.refuses(503, "overloaded").header("retry-after");
                return ask;
            }
            self.recorded += 1;
        }
        panic!("there is always room");
    }

    /// Who reads is served, and finds what was acknowledged.
    async fn is_read(&self) {
        self.client.get("/healthz").await.is(200);
        self.client.get("/readyz").await.is(200);
        self.client.sees(&self.candidate).await;
        self.client.sees("/v1/tasks").await;
        let facts = self.client.lists_feed().await;
        let of_requests = facts.iter().filter(|fact| fact["recorded_by"] != "clock");
        assert_eq!(of_requests.count(), self.recorded, "nothing half done");
    }

    /// There is room again: what was turned away is done, once.
    async fn goes_on(&mut self, turned_away: Vec<Ask>) {
        for ask in turned_away {
            let first = ask.send(&self.client).await.expect("answered");
            assert!((200..300).contains(&first.status), "{first}");
            self.recorded += 1;
            let again = ask.send(&self.client).await.expect("answered");
            if ask.what == What::Erases {
                self.candidate = registers(&self.client, "Alan Turing").await;
                self.application = applies(&self.client, &self.candidate, "Acme").await;
                self.recorded += 2;
            }
            is_the_same(&ask, &first, &again);
        }
        self.is_read().await;
    }
}

fn length(file: &Path) -> u64 {
    file.metadata().expect("a file").len()
}

/// What the service may write: files up to a size.
fn limit(process: &Process, bytes: &str) {
    let pid = process.child.id().to_string();
    let set = Command::new("prlimit")
        .args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")])
        .status();
    assert!(set.expect("util-linux is there").success(), "the limit is set");
}

/// Too large a file is an error to the service, and not its end.
const NOT_THE_END: [&str; 3] = ["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""];

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn where_nothing_can_be_written_it_says_so_reads_on_and_recovers_by_itself() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let mut cramped = Cramped::new(Process::run(within(&NOT_THE_END, &serve(&store)))).await;
    let Place::Folder(folder) = &store.place else {
        unreachable!()
    };
    let log = folder.join("data.db-wal");
    // Nothing at all, as in a folder that has become read-only; and then files that may not grow, so that some of what a
    // request writes goes in and some does not.
    let some = length(&log);
    for bytes in [0, some] {
        // What was erased is taken from the log a moment later, which gives room.
        let mut before = None;
        while before.replace(length(&log)) != Some(length(&log)) {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        limit(&cramped.process, &bytes.to_string());
        let turned_away = cramped.is_told_to_come_back().await;
        cramped.is_read().await;
        limit(&cramped.process, "unlimited");
        cramped.goes_on(turned_away).await;
    }
    drop(cramped);
    verifies(&store);
}

/// A folder that is a file system of some megabytes to whoever is started by this command, and to nobody else.
fn small_disk(folder: &Path) -> Option<Vec<String>> {
    let mount = format!(
        "mount -t tmpfs -o size=6m tmpfs '{}' && exec \"$0\" \"$@\"",
        folder.display()
    );
    let ways: [&[&str]; 2] = [
        &["unshare", "--mount"],
        &["unshare", "--user", "--map-root-user", "--mount"],
    ];
    ways.into_iter().find_map(|way| {
        let words: Vec<String> = way
            .iter()
            .copied()
            .chain(["sh", "-c", &mount])
            .map(ToOwned::to_owned)
            .collect();
        let tried = Command::new(&words[0])
            .args(&words[1..])
            .arg("true")
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success()).then_some(words)
    })
}

/// Writes a file until there is no room for another byte.
fn fill(file: &Path) {
    let mut filler = File::create(file).expect("a file");
    for size in [64 << 10, 4 << 10, 1] {
        while filler.write_all(&vec![0; size]).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn with_a_full_disk_it_says_so_reads_on_and_recovers_by_itself() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let Place::Folder(folder) = &store.place else {
        unreachable!()
    };
    let Some(disk) = small_disk(folder) else {
        eprintln!("\nNO SMALL DISK: nobody here may mount one, a full disk is tried by a limit on files alone\n");
        return;
    };
    let disk: Vec<&str> = disk.iter().map(String::as_str).collect();
    let mut cramped = Cramped::new(Process::run(within(&disk, &serve(&store)))).await;
    let pid = cramped.process.child.id();
    // As the service sees its folder.
    let seen = PathBuf::from(format!("/proc/{pid}/root{}", folder.display()));
    let filler = seen.join("filler");
    for _ in 0..2 {
        fill(&filler);
        let turned_away = cramped.is_told_to_come_back().await;
        cramped.is_read().await;
        std::fs::remove_file(&filler).expect("removed");
        cramped.goes_on(turned_away).await;
    }
    // Its disk is gone when it is, so it is verified while it runs.
    let inside = inside(&cramped.process, &disk);
    let inside: Vec<&str> = inside.iter().map(String::as_str).collect();
    let verified = within(&inside, &command(&store, &["verify"])).output().expect("run");
    let verified: Value = serde_json::from_slice(&verified.stdout).expect("JSON");
    assert_eq!(verified["differences"], 0, "{verified}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn started_on_a_folder_that_it_may_only_read_it_reads_turns_writers_away_and_recovers_by_itself() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let Place::Folder(folder) = &store.place else {
        unreachable!()
    };
    let Some(mut mounting) = small_disk(folder) else {
        eprintln!("\nNO READ-ONLY FOLDER: nobody here may mount one\n");
        return;
    };
    let mut cramped = Cramped::new(Process::start(&store)).await;
    cramped.process.kill();
    let folder = folder.display();
    mounting.pop();
    mounting.push(format!(
        "mount --bind '{folder}' '{folder}' && mount -o remount,bind,ro '{folder}' && exec \"$0\" \"$@\""
    ));
    let mounting: Vec<&str> = mounting.iter().map(String::as_str).collect();
    cramped.process = Process::run(within(&mounting, &serve(&store)));
    let (address, _) = cramped.process.listening();
    cramped.client = Client::new(address, cramped.client.key().to_owned());
    let turned_away = cramped.is_told_to_come_back().await;
    cramped.is_read().await;
    let inside = inside(&cramped.process, &mounting);
    let remounted = Command::new(&inside[0])
        .args(&inside[1..])
        .args(["mount", "-o", "remount,bind,rw", &folder.to_string()])
        .status();
    assert!(remounted.expect("run").success(), "it may be written to");
    cramped.goes_on(turned_away).await;
    drop(cramped);
    verifies(&store);
}

/// What a command is started by to see what a process sees that was started so.
fn inside(process: &Process, started: &[&str]) -> Vec<String> {
    let pid = process.child.id().to_string();
    let mut words = vec!["nsenter", "--mount", "--target", &pid];
    if started.contains(&"--user") {
        words.extend(["--user", "--preserve-credentials"]);
    }
    words.into_iter().map(ToOwned::to_owned).collect()
}

/// What PostgreSQL says, and by which code, when a file of a table cannot be made longer. (Where there is no room for its
/// write-ahead log it stops, as in a crash.)
const FULL: &str = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
    'BEGIN RAISE EXCEPTION $$could not extend file: No space left on device$$ USING ERRCODE = $$disk_full$$; END'";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn where_a_table_of_postgres_has_no_room_it_says_so_reads_on_and_recovers_by_itself() {
    let Some(store) = options(Kind::Postgres).await else {
        return;
    };
    let Place::Postgres(url) = store.place.clone() else {
        unreachable!()
    };
    let mut cramped = Cramped::of(first(&store)).await;
    let server = PrivatePostgres::shared().expect("it is there");
    server.run_sql(&url, FULL).await;
    // Each table of a commit, whether or not a statement finds a row there.
    for (table, writes) in [
        ("events", "INSERT OR UPDATE"),
        ("tasks", "INSERT OR UPDATE OR DELETE"),
        ("idempotency", "INSERT OR UPDATE"),
        ("heads", "UPDATE"),
    ] {
        let full = format!("CREATE TRIGGER full_disk BEFORE {writes} ON {table} EXECUTE FUNCTION full_disk()");
        server.run_sql(&url, &full).await;
        let turned_away = cramped.is_told_to_come_back().await;
        cramped.is_read().await;
        server
            .run_sql(&url, &format!("DROP TRIGGER full_disk ON {table}"))
            .await;
        cramped.goes_on(turned_away).await;
    }
    drop(cramped);
    verifies(&store);
}
