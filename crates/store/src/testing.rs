//! A private PostgreSQL for tests: started from the binaries that are installed, durable as in production, gone when the
//! tests are. Or the server that `AFTERWORD_TEST_POSTGRES_URL` names. And what goes wrong with batches, where a test wants it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a harness that cannot do its work ends the test"
)]

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub use crate::crash::{Fault, Faults};
pub use standby::Archive;

mod standby;

/// A server of our own, or a named one.
#[derive(Debug)]
pub struct PrivatePostgres {
    /// URL less the database.
    base: String,
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    binaries: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    user: Option<String>,
}

/// Folders of servers begin so, then the id of the process that made them.
const FOLDER: &str = "afterword-postgres-";

impl PrivatePostgres {
    /// Starts a server. None, said loudly, where there is no PostgreSQL; with `CI=true` that is a failure.
    #[must_use]
    pub fn start() -> Option<Self> {
        if let Ok(url) = std::env::var("AFTERWORD_TEST_POSTGRES_URL") {
            let options: PgConnectOptions = url.parse().expect("AFTERWORD_TEST_POSTGRES_URL is a PostgreSQL URL");
            let database = options.get_database().unwrap_or("postgres").to_owned();
            let base = url.split('?').next().unwrap_or(&url);
            let base = base.strip_suffix(&database).unwrap_or(base).trim_end_matches('/');
            return Some(Self {
                base: base.to_owned(),
                own: None,
            });
        }
        let Some(binaries) = binaries() else {
            let sentence = "NO POSTGRESQL: no server binaries were found, nothing is tested on PostgreSQL";
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{sentence}");
            // Not `eprintln!`, which the test harness keeps to itself where a test passes.
            writeln!(std::io::stderr(), "\n{sentence}\n").ok();
            return None;
        };
        sweep(FOLDER);
        let own = Own::new(binaries);
        done(
            own.command("initdb")
                .args([
                    "-U",
                    "afterword",
                    "-A",
                    "trust",
                    "-E",
                    "UTF8",
                    "--locale=C",
                    "--no-sync",
                    "-D",
                ])
                .arg(own.data()),
        );
        own.run();
        Some(Self::of(own))
    }

    fn of(own: Own) -> Self {
        Self {
            base: format!("postgres://afterword@127.0.0.1:{}", own.port),
            own: Some(own),
        }
    }

    /// The one server that the tests of this process share.
    #[must_use]
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<PrivatePostgres>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// The URL of a database of this server.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.base)
    }

    /// Makes a database, anew where there was one, and gives its URL.
    pub async fn create_database(&self, name: &str) -> String {
        let mut connection = PgConnection::connect(&self.url("postgres"))
            .await
            .expect("the server answers");
        for sql in [
            format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"),
            format!("DROP DATABASE IF EXISTS \"{name}_keys\" WITH (FORCE)"),
            format!("CREATE DATABASE \"{name}\""),
        ] {
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut connection)
                .await
                .expect("a database is made");
        }
        connection.close().await.ok();
        self.url(name)
    }

    /// A database for one test.
    pub async fn fresh_database(&self) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        self.create_database(&format!("afterword_{}_{number}", std::process::id()))
            .await
    }

    /// Runs statements in a database as its superuser: what nobody should, so that a test can see what comes of it.
    pub async fn run_sql(&self, url: &str, sql: &str) {
        let mut connection = PgConnection::connect(url).await.expect("the server answers");
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await
            .expect("the statements run");
        connection.close().await.ok();
    }

    /// The folder of the server's own programs, where the server is ours.
    #[must_use]
    pub fn programs(&self) -> Option<&Path> {
        self.own.as_ref().map(|own| own.binaries.as_path())
    }

    /// Where our server keeps its files.
    #[must_use]
    pub fn data_folder(&self) -> Option<PathBuf> {
        self.own.as_ref().map(Own::data)
    }

    /// A database as `pg_dump` writes it out, where the server is ours.
    #[must_use]
    pub fn dump(&self, database: &str) -> Option<Vec<u8>> {
        let own = self.own.as_ref()?;
        let mut dump = own.command("pg_dump");
        dump.args([
            "--inserts",
            "-h",
            "127.0.0.1",
            "-U",
            "afterword",
            "-p",
            &own.port.to_string(),
            database,
        ]);
        let written = dump.stdout(Stdio::piped()).output().expect("pg_dump runs");
        assert!(written.status.success(), "pg_dump: {written:?}");
        Some(written.stdout)
    }

    /// Whether the server is ours to stop.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Stops our server as a crash would, with no checkpoint and no goodbye.
    pub fn stop_immediate(&self) {
        if let Some(own) = &self.own {
            own.stop("immediate");
        }
    }

    /// Starts our server again after it was stopped.
    pub fn restart(&self) {
        if let Some(own) = &self.own {
            own.run();
        }
    }
}

/// A free port, of those that Linux gives away to nobody by itself: nobody gets it while its server is not there, or not yet.
fn port() -> u16 {
    const FIRST: u16 = 20_000;
    const MANY: u64 = 10_000;
    // Whoever tests beside us looks elsewhere.
    std::iter::repeat_with(|| RandomState::new().build_hasher().finish() % MANY)
        .take(1_000)
        .filter_map(|port| FIRST.checked_add(u16::try_from(port).ok()?))
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

impl Own {
    /// A folder and a port for a server that is not there yet.
    fn new(binaries: PathBuf) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("{FOLDER}{}-", std::process::id()))
            .tempdir()
            .expect("a temporary folder");
        let own = Self {
            binaries,
            folder,
            port: port(),
            user: other_user(),
        };
        own.owns(own.folder.path());
        own
    }

    /// What we make is the server's, where it runs as another user.
    fn owns(&self, path: &Path) {
        if let Some(user) = &self.user {
            done(Command::new("chown").arg(user).arg(path));
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// As another user where we are root: the server refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let program = self.binaries.join(program);
        let mut command = match &self.user {
            None => Command::new(program),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command
                    .args(["--reuid", user, "--regid", user, "--clear-groups", "--"])
                    .arg(program);
                command
            }
        };
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn run(&self) {
        // The server dies with the thread that started it (`--pdeathsig`), so that thread does nothing but wait.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]);
        if let Some(user) = &self.user {
            command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
        }
        command
            .arg("--")
            .arg(self.binaries.join("postgres"))
            .arg("-D")
            .arg(self.data());
        command
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-k"])
            .arg(self.folder.path());
        command.args(["-c", "max_connections=400"]);
        command
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        std::thread::spawn(move || command.spawn().and_then(|mut server| server.wait()));
        for _ in 0..600 {
            let mut ask = self.command("pg_isready");
            // At its socket nobody else answers.
            ask.args(["-q", "-t", "1", "-p", &self.port.to_string(), "-h"])
                .arg(self.folder.path());
            if ask.status().is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("PostgreSQL did not start within 15 seconds");
    }

    fn stop(&self, mode: &str) {
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "-s", "-w", "-m", mode, "-D"])
            .arg(self.data())
            .stderr(Stdio::null());
        stop.status().ok();
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.stop("immediate");
    }
}

/// The newest server binaries.
fn binaries() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let newest_first = versions.into_iter().rev().map(|(_, folder)| folder);
    newest_first.chain(std::env::split_paths(&path)).find(|folder| {
        ["initdb", "postgres", "pg_ctl", "pg_isready"]
            .iter()
            .all(|name| folder.join(name).exists())
    })
}

/// Whom to become where we are root.
fn other_user() -> Option<String> {
    let id = |args: &[&str]| {
        Command::new("id")
            .args(args)
            .output()
            .ok()
            .filter(|output| output.status.success())
    };
    let is_root = id(&["-u"]).is_some_and(|output| output.stdout.trim_ascii() == b"0");
    is_root.then(|| {
        if id(&["postgres"]).is_some() {
            "postgres"
        } else {
            "nobody"
        }
        .to_owned()
    })
}

/// Removes the temporary folders that begin so, and then with the id of a process that is no more.
pub fn sweep(prefix: &str) {
    // Elsewhere it cannot be told who lives.
    if !Path::new("/proc/self").exists() {
        return;
    }
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker = name
            .to_str()
            .and_then(|name| name.strip_prefix(prefix)?.split('-').next());
        if maker.is_some_and(|maker| !Path::new("/proc").join(maker).exists()) {
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
}

fn done(command: &mut Command) {
    let status = command.status();
    assert!(
        status.as_ref().is_ok_and(|status| status.success()),
        "{command:?}: {status:?}"
    );
}
