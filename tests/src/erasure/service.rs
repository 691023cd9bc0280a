//! The service as a process over a store of its own, with everything it says kept: what it logs at its most talkative, and
//! where its data and its keys lie.

use std::{
    fs::File,
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use afterword_store::testing::PrivatePostgres;
use serde_json::Value;
use sqlx::{ConnectOptions, Connection, PgConnection, sqlite::SqliteConnectOptions};
use tokio::task::block_in_place;

use crate::{client::Client, harness::Kind, kill::process::program, operations::backup};

/// A store of a story's own, and what operators do to it.
pub struct Place {
    pub kind: Kind,
    folder: tempfile::TempDir,
    data: PathBuf,
    /// A server of its own, whose files hold nobody else's words.
    postgres: Option<PrivatePostgres>,
    /// The database with the data, and the one with the keys.
    pub databases: [String; 2],
    pub master_key: PathBuf,
}

impl Place {
    /// None where there is no PostgreSQL.
    pub async fn new(kind: Kind) -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("afterword-erasure-")
            .tempdir()
            .expect("a folder");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a folder");
        let postgres = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => {
                let postgres = block_in_place(PrivatePostgres::start)?;
                postgres.create_database("after").await;
                postgres.create_database("after_keys").await;
                Some(postgres)
            }
        };
        let master_key = data.join("master.key");
        Some(Self {
            kind,
            folder,
            data,
            postgres,
            databases: ["after".to_owned(), "after_keys".to_owned()],
            master_key,
        })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where SQLite's databases lie.
    pub fn data(&self) -> &Path {
        &self.data
    }

    fn logs(&self) -> PathBuf {
        self.folder().join("logs")
    }

    /// Everything that lies on disk.
    pub async fn folders(&self) -> Vec<PathBuf> {
        self.checkpoint().await;
        let mut folders = vec![self.folder().to_owned()];
        folders.extend(self.postgres.iter().filter_map(PrivatePostgres::data_folder));
        folders
    }

    /// Where PostgreSQL keeps tables, apart from its write-ahead log.
    pub fn table_files(&self) -> Option<PathBuf> {
        Some(self.postgres.as_ref()?.data_folder()?.join("base"))
    }

    /// What PostgreSQL has in memory goes to its files.
    pub async fn checkpoint(&self) {
        if let Some(postgres) = &self.postgres {
            postgres.run_sql(&postgres.url("postgres"), "CHECKPOINT").await;
        }
    }

    /// What the owner of the data does in PostgreSQL.
    pub async fn in_data(&self, sql: &str) {
        if let Some(postgres) = &self.postgres {
            postgres.run_sql(&postgres.url(&self.databases[0]), sql).await;
        }
    }

    /// What the owner of the key store does in it.
    pub async fn in_keys(&self, sql: &str) {
        if let Some(postgres) = &self.postgres {
            postgres.run_sql(&postgres.url(&self.databases[1]), sql).await;
        }
    }

    /// Answers that are kept since the log alone does not tell them, as they lie there.
    pub async fn kept_answers(&self) -> Vec<Vec<u8>> {
        let kept = "SELECT sealed FROM idempotency WHERE sealed IS NOT NULL";
        let rows = match &self.postgres {
            None => {
                let file = SqliteConnectOptions::new().filename(self.data().join("data.db"));
                let mut beside = file.read_only(true).connect().await.expect("a database");
                sqlx::query_scalar(kept).fetch_all(&mut beside).await
            }
            Some(postgres) => {
                let url = postgres.url(&self.databases[0]);
                let mut beside = PgConnection::connect(&url).await.expect("the server answers");
                sqlx::query_scalar(kept).fetch_all(&mut beside).await
            }
        };
        rows.expect("the answers")
    }

    /// Both databases as they are written out for a backup: by PostgreSQL's own program, or by the service's command.
    pub fn dumps(&self) -> Vec<Vec<u8>> {
        if let Some(postgres) = &self.postgres {
            return self.databases.iter().filter_map(|name| postgres.dump(name)).collect();
        }
        let folder = tempfile::tempdir().expect("a folder");
        let [data, keys] = ["data", "keys"].map(|name| folder.path().join(name));
        let [to, keys_to] = [&data, &keys].map(|it| it.to_str().expect("a path"));
        self.says(&["backup", "--to", to, "--keys-to", keys_to]);
        let files = [data.join("data.db"), keys.join("keys.db")];
        files.map(|file| std::fs::read(file).expect("a copy")).into()
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AFTERWORD_")) {
            command.env_remove(name);
        }
        match &self.postgres {
            None => command.arg("--data").arg(self.data()),
            Some(postgres) => command
                .args(["--database-url", &postgres.url(&self.databases[0])])
                .args(["--keys-url", &postgres.url(&self.databases[1])]),
        };
        command.arg("--master-key-file").arg(&self.master_key);
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.logs())
            .expect("a file");
        command.args(words).stdin(Stdio::null()).stderr(log);
        command.env("AFTERWORD_LOG", "trace");
        command
    }

    /// What a command says.
    pub fn says(&self, words: &[&str]) -> String {
        let output = self.command(words).output().expect("run");
        assert!(output.status.success(), "{words:?}: {output:?}\n{}", self.last_logs());
        String::from_utf8(output.stdout).expect("text")
    }

    /// Whether a command does what it should.
    pub fn does(&self, words: &[&str]) -> bool {
        self.command(words).output().expect("run").status.success()
    }

    /// Everything that was logged.
    pub fn logged(&self) -> Vec<u8> {
        std::fs::read(self.logs()).unwrap_or_default()
    }

    fn last_logs(&self) -> String {
        let logs = self.logged();
        String::from_utf8_lossy(&logs[logs.len().saturating_sub(3000)..]).into_owned()
    }

    /// Starts the service for the first time, with a tenant of its own; a test tenant lives by its test clock.
    pub fn begin(&self, test: bool) -> (Process, Client) {
        if self.kind == Kind::Postgres {
            self.says(&["migrate"]);
        }
        let mut words = vec!["tenants", "create", "kite"];
        words.extend(test.then_some("--test"));
        self.says(&words);
        let made = self.says(&["keys", "create", "--tenant", "kite", "--scopes", "admin"]);
        let made: Value = serde_json::from_str(&made).expect("JSON");
        let process = self.start();
        let client = Client::new(process.address.clone(), made["key"].as_str().expect("a key").to_owned());
        (process, client)
    }

    pub fn start(&self) -> Process {
        let words = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--allow-private-webhooks",
            "--allow-private-mail",
        ];
        let mut child = self.command(&words).stdout(Stdio::piped()).spawn().expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("it ended:\n{}", self.last_logs()));
        let line: Value = serde_json::from_str(&line.expect("text")).expect("JSON");
        Process {
            address: line["listening"].as_str().expect("an address").to_owned(),
            child,
            _lines: lines,
        }
    }

    /// Copies the data as docs/operations.md says, beside the service that runs. None where PostgreSQL's programs are not
    /// there.
    pub async fn copies_data(&self) -> Option<PathBuf> {
        let to = self.folder().join("copy");
        let Some(postgres) = &self.postgres else {
            self.says(&["backup", "--to", to.to_str().expect("a path")]);
            return Some(to.join("data.db"));
        };
        backup::dumps(postgres, postgres.programs()?, &postgres.url(&self.databases[0]), &to).await;
        Some(to)
    }

    /// Brings a copy of the data back in a place that is new, with today's keys, while the service is down.
    pub async fn restores_data(&mut self, copy: &Path) {
        let Some(postgres) = &self.postgres else {
            let again = self.folder().join("again");
            std::fs::create_dir(&again).expect("a folder");
            for file in self.files_of(1).iter().map(PathBuf::as_path).chain([copy]) {
                std::fs::copy(file, again.join(file.file_name().expect("a name"))).expect("copied");
            }
            self.data = again;
            return;
        };
        let url = postgres.create_database("again").await;
        backup::restores(postgres.programs().expect("they wrote the copy"), copy, &url);
        // As a rule a copy is older than a lease lasts: whoever was served then is not waited for.
        postgres.run_sql(&url, "UPDATE leases SET until_at = 0").await;
        "again".clone_into(&mut self.databases[0]);
    }

    /// Copies one of the two databases, 0 the data and 1 the keys, while the service is down.
    pub async fn back_up(&self, which: usize, name: &str) {
        match &self.postgres {
            None => {
                let kept = self.folder().join("backups").join(name);
                std::fs::create_dir_all(&kept).expect("a folder");
                for file in self.files_of(which) {
                    let to = kept.join(file.file_name().expect("a name"));
                    std::fs::copy(&file, to).expect("copied");
                }
            }
            Some(postgres) => {
                let sql = format!("CREATE DATABASE \"{name}\" TEMPLATE \"{}\"", self.databases[which]);
                postgres.run_sql(&postgres.url("postgres"), &sql).await;
            }
        }
    }

    /// Brings a backup back in the database's place, while the service is down.
    pub async fn bring_back(&mut self, which: usize, name: &str) {
        if self.postgres.is_some() {
            // A restored database has a name of its own, and the backup can be used again.
            let restored = format!("{name}_{which}_again");
            let [from, to] = [name, restored.as_str()];
            if let Some(postgres) = &self.postgres {
                postgres
                    .run_sql(
                        &postgres.url("postgres"),
                        &format!("DROP DATABASE IF EXISTS \"{to}\" WITH (FORCE)"),
                    )
                    .await;
                let sql = format!("CREATE DATABASE \"{to}\" TEMPLATE \"{from}\"");
                postgres.run_sql(&postgres.url("postgres"), &sql).await;
            }
            self.databases[which] = restored;
            return;
        }
        for file in self.files_of(which) {
            std::fs::remove_file(file).expect("removed");
        }
        for entry in std::fs::read_dir(self.folder().join("backups").join(name))
            .expect("the backup")
            .flatten()
        {
            std::fs::copy(entry.path(), self.data().join(entry.file_name())).expect("copied");
        }
    }

    fn files_of(&self, which: usize) -> Vec<PathBuf> {
        let name = ["data.db", "keys.db"][which];
        let files = std::fs::read_dir(self.data())
            .expect("a folder")
            .flatten()
            .map(|entry| entry.path());
        let own = |path: &PathBuf| {
            path.file_name()
                .is_some_and(|it| it.to_string_lossy().starts_with(name))
        };
        files.filter(own).collect()
    }
}

/// A running service, killed when it goes out of sight.
pub struct Process {
    pub address: String,
    child: Child,
    _lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Tells it to stop, and waits until it has.
    pub fn stop(mut self) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().expect("told");
        assert!(told.success());
        self.child.wait().expect("ended");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
