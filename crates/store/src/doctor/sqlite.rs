//! Two SQLite files, opened to be read and nothing else.

use std::path::Path;

use sqlx::migrate::Migrator;

use super::{Finding, Health, schema, unavailable};
use crate::db::Db;
use crate::error::StoreError;
use crate::migrate::{SQLITE, SQLITE_KEYS};
use crate::sqlite::Sqlite;
use crate::statement::Statement;
use crate::store::keys_file;

pub(super) async fn examine(folder: &Path, keys_url: Option<&str>, found: &mut Vec<Finding>) -> Option<(Db, Db)> {
    let (data, keys) = (folder.join("data.db"), keys_file(folder, keys_url));
    if !data.exists() {
        found.push(Finding::fault(
            "store",
            format!("There is no store in the folder {}.", folder.display()),
            "Name its folder by --data or AFTERWORD_DATA; `afterword serve` makes one where there is none.",
        ));
        return None;
    }
    if !keys.exists() {
        found.push(Finding::fault(
            "key_store",
            format!(
                "The key store {} is missing: nothing in the data can be read.",
                keys.display()
            ),
            "Bring the newest backup of the key store back, or name it by --keys-url.",
        ));
        return None;
    }
    let data = one("store", &data, &SQLITE, found).await?;
    let keys = one("key_store", &keys, &SQLITE_KEYS, found).await?;
    // What lies in a schema of another release is that release's to read.
    let up_to_date = |it: &Finding| !it.check.ends_with("schema") || it.health == Health::Good;
    found.iter().all(up_to_date).then_some((data, keys))
}

async fn one(check: &'static str, file: &Path, known: &Migrator, found: &mut Vec<Finding>) -> Option<Db> {
    const DAMAGED: &str =
        "Stop the service, keep the damaged files, and restore the newest backup (docs/operations.md).";
    let db = match Sqlite::read_only(file).await {
        Ok(sqlite) => Db::Sqlite(sqlite),
        Err(error) => {
            found.push(unavailable(check, &error, DAMAGED));
            return None;
        }
    };
    match looked_at(&db).await {
        Ok(Looked {
            version,
            journal,
            wrong,
        }) => {
            if wrong != "ok" {
                let says = format!("{} is damaged: {wrong}.", file.display());
                found.push(Finding::fault(check, says, DAMAGED));
                return None;
            }
            if journal != "wal" {
                found.push(Finding::warning(
                    check,
                    format!("The journal of {} is {journal} and not wal.", file.display()),
                    "Start the service, which sets it; and let no other program change it.",
                ));
            }
            let says = format!("{} is whole (SQLite {version}).", file.display());
            found.push(Finding::good(check, says));
        }
        Err(error) => {
            let says = format!("{} is damaged, or no database: {error}.", file.display());
            found.push(Finding::fault(check, says, DAMAGED));
            return None;
        }
    }
    let applied = Statement::new("SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version");
    let applied = db.fetch(None, applied, |row| Ok((row.int(0)?, row.bytes(1)?))).await;
    // `serve` brings the schema up to date by itself.
    let check = if check == "store" { "schema" } else { "key_store_schema" };
    found.push(schema(check, applied.ok(), known, Health::Warning));
    Some(db)
}

struct Looked {
    version: String,
    journal: String,
    wrong: String,
}

async fn looked_at(db: &Db) -> Result<Looked, StoreError> {
    let text = async |statement| db.fetch_one(None, Statement::new(statement), |row| row.text(0)).await;
    Ok(Looked {
        version: text("SELECT sqlite_version()").await?.unwrap_or_default(),
        journal: text("PRAGMA journal_mode").await?.unwrap_or_default(),
        wrong: text("PRAGMA quick_check(1)").await?.unwrap_or_default(),
    })
}
