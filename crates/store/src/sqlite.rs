//! How a SQLite file is opened: one writer, some readers, everything durable at commit.

use crate::error::OpenError;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use std::time::Duration;

/// Older versions can corrupt a database when the write-ahead log is reset.
const OLDEST: [u32; 3] = [3, 51, 3];

/// The writer's one connection, and readers that cannot write.
#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
}

impl Sqlite {
    pub(crate) async fn open(file: &Path) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("cache_size", "-32000")
            .pragma("temp_store", "MEMORY")
            .disable_statement_logging();
        let pool = || {
            SqlitePoolOptions::new()
                .max_lifetime(None)
                .idle_timeout(None)
                .test_before_acquire(false)
        };
        let writer = pool().max_connections(1).connect_with(options.clone()).await?;
        let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&writer).await?;
        if !is_new_enough(&version) {
            return Err(OpenError::SqliteTooOld(version));
        }
        let readers = pool()
            .max_connections(4)
            .connect_with(options.pragma("query_only", "ON"))
            .await?;
        Ok(Self { writer, readers })
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
