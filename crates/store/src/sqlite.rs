//! How a SQLite file is opened: one writer, some readers, everything durable at commit.

use crate::error::OpenError;
use crate::statement::Statement;
use sqlx::ConnectOptions;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Handle;

/// Older versions can corrupt a database when the write-ahead log is reset.
const OLDEST: [u32; 3] = [3, 51, 3];

/// So long a statement waits for a connection; a caller is told rather than left hanging.
const PATIENCE: Duration = Duration::from_secs(5);

/// The writer's one connection, and readers that cannot write.
#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
    options: Box<SqliteConnectOptions>,
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
        let writer = pool().max_connections(1).connect_with(options.clone()).await?;
        let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&writer).await?;
        if !is_new_enough(&version) {
            return Err(OpenError::SqliteTooOld(version));
        }
        let readers = pool()
            .max_connections(4)
            .connect_with(options.clone().pragma("query_only", "ON"))
            .await?;
        Ok(Self {
            writer,
            readers,
            options: Box::new(options),
            home: Handle::try_current().ok(),
        })
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

    /// Empties the write-ahead log, where pages lie as they were before something was erased. False: somebody was reading
    /// or writing, and it is to be tried again.
    pub(crate) async fn scrub(&self) -> Result<bool, sqlx::Error> {
        // On a connection of its own, with little patience: writers wait while it waits for readers.
        let mut connection = self
            .options
            .as_ref()
            .clone()
            .busy_timeout(Duration::from_millis(50))
            .connect()
            .await?;
        let checkpoint = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection);
        let (busy, _, _): (i64, i64, i64) = checkpoint.await?;
        sqlx::Connection::close(connection).await?;
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
            .connect_with(options.clone())
            .await?;
        Ok(Self {
            writer: readers.clone(),
            readers,
            options: Box::new(options),
            home: Handle::try_current().ok(),
        })
    }
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
    async fn the_bundled_version_is_new_enough_at_run_time() {
        let folder = tempfile::tempdir().expect("a folder");
        Sqlite::open(&folder.path().join("a.db"))
            .await
            .expect("SQLite 3.51.3 or newer");
    }
}
