//! The command line as a process: what it prints where, and what it exits with.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::StatusCode;
use serde_json::{Value, json};

/// A folder of one test, with an environment that holds nothing of ours.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "afterword-cli-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn data(&self) -> PathBuf {
        self.0.join("afterword-data")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_afterword"));
        command.args(words).current_dir(&self.0).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AFTERWORD_")) {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = self.command(words).output().expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ran {
            code: status.code().expect("an exit code"),
            out: text(stdout),
            err: text(stderr),
        }
    }

    fn serve(&self) -> Served {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let out = BufReader::new(process.stdout.take().expect("its stdout"));
        let mut served = Served {
            process,
            out,
            lines: Vec::new(),
            url: String::new(),
        };
        while served.url.is_empty() {
            let mut line = String::new();
            served.out.read_line(&mut line).expect("a line");
            let line: Value = serde_json::from_str(&line).expect("JSON");
            served.url = line["listening"].as_str().unwrap_or_default().to_owned();
            served.lines.push(line);
        }
        served
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn lines(&self) -> Vec<Value> {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    fn refused(&self, code: i32, sentence: &str) {
        assert_eq!(self.code, code, "{}", self.err);
        assert!(self.err.contains(sentence), "{}", self.err);
        assert_eq!(self.out, "");
    }
}

struct Served {
    process: Child,
    out: BufReader<ChildStdout>,
    lines: Vec<Value>,
    url: String,
}

impl Served {
    fn key(&self) -> &str {
        self.lines[0]["admin_key"].as_str().expect("a key")
    }

    async fn register(&self, client: &reqwest::Client, name: &str) -> reqwest::Result<(StatusCode, Value)> {
        let request = client
            .post(format!("{}/v1/candidates", self.url))
            .bearer_auth(self.key());
        let body = json!({"name": name, "time_zone": "Europe/Berlin"}).to_string();
        let answer = request
            .header("Content-Type", "application/json")
            .body(body)
            .send()
            .await?;
        let status = answer.status();
        let body = answer.text().await?;
        Ok((status, serde_json::from_str(&body).unwrap_or(Value::Null)))
    }

    fn tell(&self, signal: &str) {
        let told = Command::new("kill")
            .args([signal, &self.process.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(told.success());
    }

    /// Stops it, and gives what else it printed.
    fn stop(self) -> String {
        self.tell("-TERM");
        self.ended()
    }

    fn ended(mut self) -> String {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("the rest");
        assert_eq!(self.process.wait().expect("it ends").code(), Some(0));
        rest
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn the_first_start_shows_a_key_once() {
    let place = Place::new();
    let first = place.serve();
    assert_eq!(first.lines.len(), 2);
    assert_eq!(first.lines[0]["tenant"], "default");
    assert!(first.key().starts_with("aw_live_"));
    assert!(first.url.starts_with("http://127.0.0.1:"));
    assert_eq!(first.stop(), "");
    assert_eq!(place.serve().lines.len(), 1);
    #[cfg(unix)]
    {
        let key = fs::metadata(place.data().join("master.key")).expect("a master key");
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777,
            0o600
        );
    }
}

#[test]
fn another_master_key_is_refused() {
    let place = Place::new();
    place.serve().stop();
    fs::write(place.0.join("other.key"), "ab".repeat(32)).expect("written");
    place
        .run(&["serve", "--listen", "127.0.0.1:0", "--master-key-file", "other.key"])
        .refused(1, "master key");
    place
        .run(&["serve", "--listen", "127.0.0.1:0", "--master-key-file", "none.key"])
        .refused(1, "none.key");
}

#[test]
fn a_master_key_gives_way_to_another_one() {
    let place = Place::new();
    place.serve().stop();
    let rotate = |to| place.run(&["keys", "rotate-master", "--to", to]);
    assert_eq!(rotate("next.key").lines()[0]["rotated"], true);
    assert_eq!(rotate("next.key").lines()[0]["rotated"], false);
    place.run(&["verify"]).refused(1, "master key");
    place.run(&["verify", "--master-key-file", "next.key"]).lines();
    let old = place.data().join("master.key");
    fs::rename(place.0.join("next.key"), &old).expect("moved");
    rotate(old.to_str().expect("a name")).refused(2, "the old one");
    place.run(&["verify"]).lines();
}

#[test]
fn how_long_candidates_are_kept_is_on_record() {
    let place = Place::new();
    place.serve().stop();
    let kept = |words: &[&str]| place.run(&[&["tenants", "retention", "--tenant", "default"], words].concat());
    assert!(kept(&[]).lines().is_empty());
    assert_eq!(kept(&["--period", "P2Y"]).lines().len(), 1);
    assert_eq!(kept(&["--period", "P2Y"]).lines().len(), 1);
    let lines = kept(&["--forever"]).lines();
    let periods: Vec<_> = lines.iter().map(|line| line["period"].clone()).collect();
    assert_eq!(periods, [json!("P2Y"), Value::Null]);
    assert_eq!(lines[1]["set_by"], "operator");
    kept(&["--period", "P2D"]).refused(2, "P30D");
    kept(&["--period", "P2Y", "--forever"]).refused(2, "cannot be used with");
}

#[test]
fn a_wrong_call_is_not_a_refusal() {
    let place = Place::new();
    for (words, sentence) in [
        (
            &["verify", "--data", "a", "--database-url", "postgres://h/d"][..],
            "exclude each other",
        ),
        (
            &["--data", "a", "verify", "--database-url", "postgres://h/d"],
            "exclude each other",
        ),
        (
            &["serve", "--database-url", "postgres://localhost/d"],
            "AFTERWORD_MASTER_KEY_FILE",
        ),
        (
            &[
                "serve",
                "--database-url",
                "mysql://localhost/d",
                "--master-key-file",
                "k",
            ],
            "PostgreSQL URL",
        ),
        (&["serve", "--listen", "nowhere"], "127.0.0.1:8080"),
        (&["serve", "--rate-limit", "many"], "600/min"),
        (
            &["keys", "create", "--tenant", "a", "--scopes", "everything"],
            "candidates:read",
        ),
        (
            &[
                "keys",
                "create",
                "--tenant",
                "a",
                "--scopes",
                "admin",
                "--candidate",
                "cnd_1",
            ],
            "cnd_",
        ),
        (&["nothing"], "nothing"),
    ] {
        place.run(words).refused(2, sentence);
    }
    assert!(
        !place.data().exists() && !place.0.join("a").exists(),
        "nothing was made"
    );
    place.run(&["verify"]).refused(1, "no store");
}

#[test]
fn what_it_is_called_and_how_it_is_used_is_told() {
    let place = Place::new();
    assert_eq!(
        place.run(&["--version"]).out,
        concat!("afterword ", env!("CARGO_PKG_VERSION"), "\n")
    );
    let help = place.run(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(help.out.contains("Examples:"));
    let openapi: Value = serde_json::from_str(&place.run(&["openapi"]).out).expect("JSON");
    assert_eq!(openapi["openapi"], "3.1.0");
    assert_eq!(place.run(&["openapi"]).out, place.run(&["openapi"]).out);
}

#[test]
fn a_flag_counts_more_than_the_environment() {
    let place = Place::new();
    let url = "postgres://nobody@127.0.0.1:1/none";
    let ran = place
        .command(&["tenants", "create", "acme", "--data", "flag"])
        .env("AFTERWORD_DATABASE_URL", url)
        .output();
    assert!(ran.expect("it runs").status.success());
    assert!(place.0.join("flag").join("data.db").exists());
    let ran = place
        .command(&["tenants", "create", "acme"])
        .env("AFTERWORD_DATA", "env")
        .output();
    assert!(ran.expect("it runs").status.success());
    assert!(place.0.join("env").join("data.db").exists());
}

#[tokio::test]
async fn everything_works_beside_a_running_server() {
    let place = Place::new();
    let served = place.serve();
    let client = reqwest::Client::new();
    let (status, answer) = served.register(&client, "Ada").await.expect("an answer");
    assert_eq!(status, StatusCode::CREATED);
    let candidate = answer["event"]["candidate"].as_str().expect("an id").to_owned();
    served.register(&client, "Grace").await.expect("an answer");

    let clean = json!({"tenant": "default", "candidates": 2, "events": 2, "differences": 0});
    assert_eq!(place.run(&["verify"]).lines(), std::slice::from_ref(&clean));
    assert_eq!(
        place.run(&["rebuild"]).lines(),
        [json!({"tenant": "default", "candidates": 2})]
    );
    assert_eq!(place.run(&["verify", "--tenant", "default"]).lines(), [clean]);
    place
        .run(&["verify", "--tenant", "other"])
        .refused(1, "no tenant other");

    let events = place.run(&["events", "--tenant", "default"]).lines();
    let positions: Vec<_> = events.iter().map(|event| event["position"].as_i64()).collect();
    assert_eq!(positions, [Some(1), Some(2)]);
    assert_eq!(events[0]["type"], "CandidateRegistered");
    assert_eq!(events[0]["data"]["name"], "Ada");
    let of_one = place
        .run(&["events", "--tenant", "default", "--candidate", &candidate])
        .lines();
    assert_eq!(of_one, &events[..1]);

    assert_eq!(
        place.run(&["tenants", "create", "acme", "--test"]).lines(),
        [json!({"tenant": "acme", "test": true})]
    );
    place.run(&["tenants", "create", "acme"]).refused(1, "acme already");
    let key = &place
        .run(&[
            "keys",
            "create",
            "--tenant",
            "acme",
            "--scopes",
            "candidates:write,candidates:read",
        ])
        .lines()[0];
    assert_eq!(key["tenant"], "acme");
    assert_eq!(key["scopes"], json!(["candidates:read", "candidates:write"]));
    assert!(key["id"].as_str().is_some_and(|id| id.starts_with("key_")));
    let key = key["key"].as_str().expect("a key");
    assert!(key.starts_with("aw_test_"));
    let list = client
        .get(format!("{}/v1/candidates", served.url))
        .bearer_auth(key)
        .send()
        .await
        .expect("an answer");
    assert_eq!(list.status(), StatusCode::OK, "a new key works at once");
    let other = &[
        "keys",
        "create",
        "--tenant",
        "acme",
        "--scopes",
        "admin",
        "--candidate",
        &candidate,
    ];
    place.run(other).refused(1, "no candidate");

    let erased = client
        .delete(format!("{}/v1/candidates/{candidate}", served.url))
        .bearer_auth(served.key());
    assert!(erased.send().await.expect("an answer").status().is_success());
    let events = place
        .run(&["events", "--tenant", "default", "--candidate", &candidate])
        .lines();
    assert_eq!(
        (&events[0]["type"], &events[0]["data"]),
        (&json!("FactErased"), &Value::Null)
    );
    assert_eq!(events[1]["type"], "CandidateErased");
    assert_eq!(place.run(&["verify"]).lines().len(), 2);
}

#[test]
fn results_that_nobody_reads_on_are_no_failure() {
    let place = Place::new();
    let mut command = place.command(&["openapi"]);
    let mut process = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(process.stdout.take());
    let mut err = String::new();
    process
        .stderr
        .take()
        .expect("its stderr")
        .read_to_string(&mut err)
        .expect("read");
    assert_eq!((process.wait().expect("it ends").code(), err.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_told_to_stop_loses_nothing_that_it_acknowledged() {
    let place = Place::new();
    let served = place.serve();
    let client = reqwest::Client::new();
    let acknowledged = std::sync::atomic::AtomicUsize::new(0);
    let writers = futures_util::future::join_all((0..16).map(async |writer| {
        for turn in 0.. {
            match served.register(&client, &format!("Ada {writer} {turn}")).await {
                Ok((StatusCode::CREATED, _)) => acknowledged.fetch_add(1, Ordering::Relaxed),
                Ok(_) | Err(_) => break,
            };
        }
    }));
    let told = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        served.tell("-TERM");
    };
    tokio::join!(writers, told);
    served.ended();
    let acknowledged = acknowledged.into_inner();
    assert!(acknowledged > 0);
    let logged = place.run(&["events", "--tenant", "default"]).lines().len();
    assert!(
        (acknowledged..=acknowledged + 16).contains(&logged),
        "{acknowledged} acknowledged, {logged} in the log"
    );
    assert_eq!(place.run(&["verify"]).lines()[0]["differences"], 0);
}

#[test]
fn a_taken_address_is_told_before_anything_is_made() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    place
        .run(&["serve", "--listen", &address])
        .refused(1, "cannot listen on");
    assert!(!Path::new(&place.data()).exists());
}
