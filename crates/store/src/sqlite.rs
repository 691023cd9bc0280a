//! How a SQLite file is opened: one writer, some readers, everything durable at commit; and a connection that brings the
//! write-ahead log into the file while they go on.

use crate::error::OpenError;
use crate::statement::Statement;
use sqlx::ConnectOptions;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Older versions can corrupt a database when the write-ahead log is reset.
const OLDEST: [u32; 3] = [3, 51, 3];

/// So long a statement waits for a connection; a caller is told rather than left hanging.
const PATIENCE: Duration = Duration::from_secs(5);

/// So often it is looked whether the last connection is closed, every five milliseconds.
const LEFT_AFTER: u32 = 100;

/// After so many commits it is looked how long the write-ahead log is, and from so many pages it is brought into the file.
const LOOKED_AT: u32 = 32;
const LONG: i64 = 1000;
/// At so many pages the commit that finds them does it, and takes as long as that: nothing else kept up.
const TOO_LONG: i64 = 4000;

/// The writer's one connection, and readers that cannot write.
#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
    /// For the write-ahead log, with little patience: writers wait while it waits for readers.
    log: SqlitePool,
    /// Where rows are gathered: each wakes whoever waits for it, and the threads that serve are to be woken once.
    home: Option<Handle>,
}

impl Sqlite {
    pub(crate) async fn open(file: &Path) -> Result<Self, OpenError> {
        make(file).map_err(|error| OpenError::Unavailable(format!("{}: {error}", file.display())))?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("cache_size", "-32000")
            .pragma("temp_store", "MEMORY")
            // What is deleted or written over is overwritten: an erased key must not lie on in a free page.
            .pragma("secure_delete", "ON")
            .disable_statement_logging();
        let pool = || {
            SqlitePoolOptions::new()
                .max_lifetime(None)
                .idle_timeout(None)
                .acquire_timeout(PATIENCE)
                .test_before_acquire(false)
        };
        let (committed, commits) = mpsc::channel(1);
        let writer = pool()
            .max_connections(1)
            .after_connect(move |connection, _| {
                let (committed, mut since) = (committed.clone(), 0);
                Box::pin(async move {
                    connection.lock_handle().await?.set_commit_hook(move || {
                        since = (since + 1) % LOOKED_AT;
                        if since == 0 {
                            // Where it was told already, it has not looked yet.
                            committed.try_send(()).ok();
                        }
                        true
                    });
                    Ok(())
                })
            })
            .connect_with(options.clone().pragma("wal_autocheckpoint", TOO_LONG.to_string()))
            .await?;
        let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&writer).await?;
        if !is_new_enough(&version) {
            return Err(OpenError::SqliteTooOld(version));
        }
        let readers = pool()
            .max_connections(4)
            .connect_with(options.clone().pragma("query_only", "ON"))
            .await?;
        let log = pool()
            .max_connections(1)
            .connect_lazy_with(options.busy_timeout(Duration::from_millis(50)));
        tokio::spawn(keep_short(log.clone(), commits));
        Ok(Self {
            writer,
            readers,
            log,
            home: Handle::try_current().ok(),
        })
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.log.close().await;
        self.writer.close().await;
    }

    /// Reads rows.
    pub(crate) async fn fetch(&self, statement: Statement) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let readers = self.readers.clone();
        let reading = async move { statement.fetch_sqlite(&mut *readers.acquire().await?).await };
        match &self.home {
            Some(home) => home.spawn(reading).await.map_err(|_| sqlx::Error::WorkerCrashed)?,
            None => reading.await,
        }
    }

    /// After a write that was not allowed: the file could only be read when it was opened, because its folder or its disk was
    /// read-only. It is opened anew, since by now it may be otherwise.
    pub(crate) async fn open_anew(&self, writer: PoolConnection<sqlx::Sqlite>) {
        writer.close().await.ok();
        // They share what they know of the file: for a moment none may be left. Somebody may be reading yet.
        let pools = [&self.writer, &self.readers, &self.log];
        for _ in 0..LEFT_AFTER {
            for pool in pools {
                while let Some(connection) = pool.try_acquire() {
                    connection.close().await.ok();
                }
            }
            if pools.iter().all(|pool| pool.size() == 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Empties the write-ahead log, where pages lie as they were before something was erased. False: somebody was reading
    /// or writing, and it is to be tried again.
    pub(crate) async fn scrub(&self) -> Result<bool, sqlx::Error> {
        let (busy, _, _) = checkpoint(&self.log, "PRAGMA wal_checkpoint(TRUNCATE)").await?;
        Ok(busy == 0)
    }

    /// To look at a file that is there, and change nothing of it.
    pub(crate) async fn read_only(file: &Path) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .read_only(true)
            .busy_timeout(Duration::from_secs(10))
            .disable_statement_logging();
        let readers = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await?;
        Ok(Self {
            writer: readers.clone(),
            log: readers.clone(),
            readers,
            home: Handle::try_current().ok(),
        })
    }
}

/// Brings what was written into the file bit by bit, beside those who write: the commit that fills the log up would take
/// milliseconds longer than others. Ends with the writer.
async fn keep_short(log: SqlitePool, mut commits: mpsc::Receiver<()>) {
    while commits.recv().await.is_some() {
        let brought_in = async {
            let (_, pages, done) = checkpoint(&log, "PRAGMA wal_checkpoint(NOOP)").await?;
            if pages - done >= LONG {
                checkpoint(&log, "PRAGMA wal_checkpoint(PASSIVE)").await?;
            }
            Ok::<_, sqlx::Error>(())
        };
        if let Err(error) = brought_in.await {
            // The writer does it, later.
            tracing::debug!(
                error = crate::error::describe(&error),
                "the write-ahead log stays as it is"
            );
        }
    }
}

/// What SQLite says of the log: whether somebody was in the way, how many pages it has, and how many of them are in the file.
async fn checkpoint(log: &SqlitePool, how: &'static str) -> Result<(i64, i64, i64), sqlx::Error> {
    sqlx::query_as(how).fetch_one(log).await
}

/// Whether the file cannot be written to: SQLite's code for that, or one of its relatives.
pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    let code = crate::error::code(error).and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == 8)
}

/// A new database begins as an empty file that nobody else reads; what SQLite puts beside it takes its mode.
pub(crate) fn make(file: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

fn is_new_enough(version: &str) -> bool {
    let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    parts.is_some_and(|parts| parts.as_slice() >= OLDEST.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_3_51_3_are_refused() {
        assert!(!is_new_enough("3.46.0"));
        assert!(!is_new_enough("3.51.2"));
        assert!(is_new_enough("3.51.3"));
        assert!(is_new_enough("3.52.0"));
        assert!(is_new_enough("4.0.0"));
        assert!(!is_new_enough("soon"));
    }

    #[tokio::test]
    async fn a_long_log_is_brought_into_the_file_beside_the_writer() {
        let folder = tempfile::tempdir().expect("a folder");
        let sqlite = Sqlite::open(&folder.path().join("a.db")).await.expect("a store");
        let write = async |sql: &'static str| {
            let written = sqlx::query(sql).execute(&sqlite.writer).await;
            written.expect("written");
        };
        let told = async || {
            let told = checkpoint(&sqlite.log, "PRAGMA wal_checkpoint(NOOP)").await;
            told.expect("told")
        };
        write("CREATE TABLE long (value BLOB)").await;
        let (_, _, before) = told().await;
        for _ in 0..2 * LOOKED_AT {
            write("INSERT INTO long VALUES (randomblob(100000))").await;
        }
        let (_, pages, _) = told().await;
        assert!(
            (LONG..TOO_LONG).contains(&pages),
            "{pages}: the writer has no cause yet"
        );
        let brought_in = async {
            while told().await.2 <= before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), brought_in).await;
        in_time.expect("brought in");
        sqlite.close().await;
    }

    #[tokio::test]
    async fn the_bundled_version_is_new_enough_at_run_time() {
        let folder = tempfile::tempdir().expect("a folder");
        Sqlite::open(&folder.path().join("a.db"))
            .await
            .expect("SQLite 3.51.3 or newer");
    }
}
