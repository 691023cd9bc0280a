//! The service as a process of its own, built like the tests and free of their environment.

use std::{
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::OnceLock,
    time::SystemTime,
};

use afterword_store::{Place, StoreOptions};
use serde_json::Value;

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
        Place::Postgres(url) => command.env("AFTERWORD_DATABASE_URL", url),
    };
    if let Some(url) = &store.keys_url {
        command.env("AFTERWORD_KEYS_URL", url);
    }
    if let Some(file) = &store.master_key_file {
        command.env("AFTERWORD_MASTER_KEY_FILE", file);
    }
    command
}

/// The same command as an argument of another one, such as one that sets limits.
pub fn within(outer: &[&str], inner: &Command) -> Command {
    let mut command = Command::new(outer[0]);
    command
        .args(&outer[1..])
        .arg(inner.get_program())
        .args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stderr(Stdio::null()).stdin(Stdio::null());
    command
}

/// What serves on a store.
pub fn serve(store: &StoreOptions) -> Command {
    let mut command = command(store, &["serve", "--listen", "127.0.0.1:0"]);
    command.env("AFTERWORD_ALLOW_PRIVATE_WEBHOOKS", "true");
    command
}

/// What a command of the program prints, as JSON.
pub fn told(store: &StoreOptions, words: &[&str]) -> Value {
    let output = command(store, words).output().expect("run");
    assert!(output.status.success(), "{words:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Everything stored is what the log says.
pub fn verifies(store: &StoreOptions) {
    let verified = told(store, &["verify"]);
    assert_eq!(verified["differences"], 0, "{verified}");
}

/// A running service, killed when it goes out of sight.
pub struct Process {
    pub child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    pub fn start(store: &StoreOptions) -> Self {
        Self::run(serve(store))
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

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A key of the tenant `default` on PostgreSQL, whose schema, tenant and key are an operator's to make. On SQLite the
/// first start makes them, and shows the key.
pub fn prepared(store: &StoreOptions) -> Option<String> {
    matches!(store.place, Place::Postgres(_)).then(|| {
        told(store, &["migrate"]);
        told(store, &["tenants", "create", "default"]);
        let made = told(store, &["keys", "create", "--tenant", "default", "--scopes", "admin"]);
        made["key"].as_str().expect("a key").to_owned()
    })
}

/// The service for the first time: itself, its address and a key.
pub fn first(store: &StoreOptions) -> (Process, String, String) {
    let key = prepared(store);
    let mut process = Process::start(store);
    let (address, own) = process.listening();
    let key = key.or(own).expect("the first start shows a key");
    (process, address, key)
}
