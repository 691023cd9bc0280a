//! Making and checking the schema. The migrations are embedded, so that no file is needed at run time.

use crate::error::{OpenError, code};
use include_dir::{Dir, File, include_dir};
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr};
use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

static MIGRATIONS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations");
pub(crate) static SQLITE: LazyLock<Migrator> = LazyLock::new(|| in_folder("sqlite"));
pub(crate) static SQLITE_KEYS: LazyLock<Migrator> = LazyLock::new(|| in_folder("keys-sqlite"));
pub(crate) static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| in_folder("postgres"));
pub(crate) static POSTGRES_KEYS: LazyLock<Migrator> = LazyLock::new(|| in_folder("keys-postgres"));

/// Where sqlx notes what it has applied.
const APPLIED: &str = "_sqlx_migrations";

/// Two migrations at once meet at a unique key or a catalogue row; the loser looks again.
const ATTEMPTS: u32 = 8;

/// So long a migration stands in line for a table on PostgreSQL: whoever wants it meanwhile stands behind.
const IN_LINE: &str = "1s";
/// Then it lets them go first, and stands in line again, so many times: somebody may read the table for minutes, as backups do.
const LETS_GO_FIRST: Duration = Duration::from_secs(2);
const TIMES_IN_LINE: u32 = 300;
/// Its code for having stood in line for too long.
const STOOD_TOO_LONG: &str = "55P03";

/// What `sqlx::migrate!` would embed: with its macros, all of sqlx and SQLite is built a second time, for the compiler.
fn in_folder(name: &str) -> Migrator {
    let files = MIGRATIONS.get_dir(name).into_iter().flat_map(Dir::files);
    Migrator::with_migrations(files.filter_map(migration).collect())
}

/// `VERSION_WHAT_IT_DOES.sql`, in UTF-8; whatever else a file's name says, it is none. It is carried out in a transaction.
fn migration(file: &'static File<'_>) -> Option<Migration> {
    let name = file.path().file_name()?.to_str()?.strip_suffix(".sql")?;
    let (version, does) = name.split_once('_').expect("a version and what it does");
    let version = version.parse().expect("a migration's version is a number");
    let sql = file.contents_utf8().expect("a migration is UTF-8").into_sql_str();
    let does = does.replace('_', " ").into();
    Some(Migration::new(version, does, MigrationType::Simple, sql, false))
}

/// A URL with a database in it.
pub(crate) fn parse(url: &str) -> Result<PgConnectOptions, OpenError> {
    let options: PgConnectOptions = url.parse().map_err(|_| OpenError::Url)?;
    if options.get_database().is_none_or(str::is_empty) {
        return Err(OpenError::Url);
    }
    Ok(options.application_name("afterword").disable_statement_logging())
}

/// The key store that stands beside the data when none is named.
pub(crate) fn beside(data: &PgConnectOptions) -> PgConnectOptions {
    let name = format!("{}_keys", data.get_database().unwrap_or_default());
    data.clone().database(&name)
}

pub(crate) async fn sqlite(pool: &sqlx::SqlitePool, migrator: &Migrator) -> Result<(), OpenError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match migrator.run(pool).await {
            Ok(()) => return Ok(()),
            Err(error) if attempt == ATTEMPTS => return Err(failed(error)),
            // The command line may open a new folder at the same moment as the server.
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) => pause(attempt).await,
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Makes what is missing: the role, the key store's database where none is named, and both schemas.
pub(crate) async fn postgres(data: &PgConnectOptions, keys: Option<&PgConnectOptions>) -> Result<(), OpenError> {
    if keys.is_none() {
        make_database(data, &beside(data)).await?;
    }
    one(data, &POSTGRES).await?;
    one(keys.unwrap_or(&beside(data)), &POSTGRES_KEYS).await
}

/// Whether both schemas are what this program knows.
pub(crate) async fn check_postgres(data: &PgConnectOptions, keys: &PgConnectOptions) -> Result<(), OpenError> {
    check(data, &POSTGRES).await?;
    check(keys, &POSTGRES_KEYS).await
}

async fn one(options: &PgConnectOptions, migrator: &'static Migrator) -> Result<(), OpenError> {
    // Without sqlx's own lock, which is an advisory one.
    let migrator = {
        let mut unlocked = Migrator::with_migrations(migrator.iter().cloned().collect());
        unlocked.set_locking(false);
        unlocked
    };
    let options = options.clone().options([("lock_timeout", IN_LINE)]);
    let mut connection = options.connect().await?;
    let (mut attempt, mut in_line) = (0, 0);
    loop {
        let failure = match make_role(&mut connection).await {
            Ok(()) => match migrator.run(&mut connection).await {
                Ok(()) => break,
                Err(error) if stood_too_long(&error) && in_line < TIMES_IN_LINE => {
                    if in_line == 0 {
                        tracing::info!("a table is in use: the migration waits until it is let go");
                    }
                    in_line += 1;
                    tokio::time::sleep(LETS_GO_FIRST).await;
                    continue;
                }
                Err(error) => failed(error),
            },
            Err(error) if code(&error).as_deref() == Some("42501") => return Err(OpenError::RoleNotAllowed),
            Err(error) => error.into(),
        };
        attempt += 1;
        if attempt == ATTEMPTS || !matches!(failure, OpenError::Unavailable(_)) {
            return Err(failure);
        }
        pause(attempt).await;
    }
    connection.close().await.ok();
    Ok(())
}

fn stood_too_long(error: &MigrateError) -> bool {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            code(error).as_deref() == Some(STOOD_TOO_LONG)
        }
        _ => false,
    }
}

/// A role that owns nothing and cannot log in. The service's user becomes it on every connection.
async fn make_role(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let (there, member): (bool, bool) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'afterword_app'), \
         EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'afterword_app' AND pg_has_role(current_user, oid, 'MEMBER'))",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !there {
        match sqlx::raw_sql("CREATE ROLE afterword_app NOLOGIN")
            .execute(&mut *connection)
            .await
        {
            // Somebody else has just made it.
            Err(error) if matches!(code(&error).as_deref(), Some("42710" | "23505")) => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    if !there || !member {
        sqlx::raw_sql("GRANT afterword_app TO CURRENT_USER")
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn make_database(from: &PgConnectOptions, wanted: &PgConnectOptions) -> Result<(), OpenError> {
    let name = wanted.get_database().unwrap_or_default();
    let mut connection = from.connect().await?;
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(&mut connection)
        .await?;
    if !there {
        let create = format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""));
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await {
            match code(&error).as_deref() {
                // Somebody else has just made it.
                Some("42P04" | "23505") => {}
                Some("42501") => return Err(OpenError::KeyStoreNotAllowed),
                _ => return Err(error.into()),
            }
        }
    }
    connection.close().await.ok();
    Ok(())
}

async fn check(options: &PgConnectOptions, migrator: &Migrator) -> Result<(), OpenError> {
    let mut connection = match options.connect().await {
        // The key store's database is made by `migrate`.
        Err(error) if code(&error).as_deref() == Some("3D000") => return Err(OpenError::SchemaBehind),
        connection => connection?,
    };
    let applied = match connection.list_applied_migrations(APPLIED).await {
        Ok(applied) => applied,
        Err(MigrateError::Execute(error)) if code(&error).as_deref() == Some("42P01") => {
            return Err(OpenError::SchemaBehind);
        }
        Err(error) => return Err(failed(error)),
    };
    connection.close().await.ok();
    let mut applied: HashMap<i64, _> = applied.into_iter().map(|one| (one.version, one.checksum)).collect();
    for known in migrator.iter() {
        match applied.remove(&known.version) {
            Some(checksum) if checksum == known.checksum => {}
            Some(_) => return Err(failed(MigrateError::VersionMismatch(known.version))),
            None => return Err(OpenError::SchemaBehind),
        }
    }
    if applied.is_empty() {
        Ok(())
    } else {
        Err(OpenError::SchemaAhead)
    }
}

fn failed(error: MigrateError) -> OpenError {
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => OpenError::SchemaAhead,
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        other => OpenError::Unavailable(other.to_string()),
    }
}

async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(50 << attempt.min(5))).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::PrivatePostgres;

    #[test]
    fn every_file_is_a_migration_and_no_number_is_left_out() {
        let folders = [
            ("sqlite", &SQLITE),
            ("keys-sqlite", &SQLITE_KEYS),
            ("postgres", &POSTGRES),
            ("keys-postgres", &POSTGRES_KEYS),
        ];
        assert_eq!(MIGRATIONS.dirs().count(), folders.len());
        for (name, migrator) in folders {
            let files = std::fs::read_dir(format!("../../migrations/{name}")).expect("a folder");
            let versions: Vec<i64> = migrator.iter().map(|one| one.version).collect();
            let all: Vec<i64> = (1..).take(files.count()).collect();
            assert_eq!(versions, all, "{name}");
            let outside = migrator.iter().any(|one| one.sql.as_str().contains("no-transaction"));
            assert!(!outside, "{name}: each is carried out in a transaction");
        }
    }

    /// A backup reads every table for as long as it takes.
    #[tokio::test]
    async fn a_migration_behind_a_backup_holds_nobody_up() {
        let Some(server) = tokio::task::spawn_blocking(PrivatePostgres::shared)
            .await
            .expect("done")
        else {
            return;
        };
        let data = parse(&server.fresh_database().await).expect("a URL");
        let before = POSTGRES.iter().filter(|one| one.version < 9).cloned().collect();
        let before: &'static Migrator = Box::leak(Box::new(Migrator::with_migrations(before)));
        one(&data, before).await.expect("the schema as it was");
        let (mut backup, mut reader) = (data.connect().await.expect("open"), data.connect().await.expect("open"));
        sqlx::raw_sql("BEGIN; LOCK TABLE streams IN ACCESS SHARE MODE")
            .execute(&mut backup)
            .await
            .expect("it reads");
        let ended = std::cell::Cell::new(false);
        let migrating = async {
            one(&data, &POSTGRES).await.expect("migrated");
            ended.set(true);
        };
        let reading = async {
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_millis(250)).await;
                let read = sqlx::raw_sql("SELECT count(*) FROM streams").execute(&mut reader);
                let read = tokio::time::timeout(Duration::from_secs(3), read).await;
                read.expect("soon").expect("read");
            }
            assert!(!ended.get(), "the table is in use");
            sqlx::raw_sql("COMMIT").execute(&mut backup).await.expect("done");
        };
        let both = async { tokio::join!(migrating, reading) };
        tokio::time::timeout(Duration::from_secs(30), both)
            .await
            .expect("in time");
        check(&data, &POSTGRES).await.expect("the schema as it is");
    }
}
