//! A copy of a SQLite store, each file whole as of one moment, made beside whoever writes to it. The data comes first and
//! its keys after it: a key is there before the first row that it seals, so no row of the copy lacks its key.

use std::path::{Path, PathBuf};
use std::{fs, io};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::time::Duration;

use crate::error::OpenError;
use crate::sqlite::make;
use crate::store::{keys_file, make_folder};

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The copy.
    pub file: PathBuf,
    /// How long it is.
    pub bytes: u64,
}

/// Copies the data of a folder into another.
///
/// # Errors
/// When there is a copy already, which is never written over, or the copy cannot be made whole.
pub async fn back_up_data(folder: &Path, to: &Path) -> Result<Copied, OpenError> {
    copy(&folder.join("data.db"), to).await
}

/// Copies the keys of a folder's store into another.
///
/// # Errors
/// As [`back_up_data`].
pub async fn back_up_keys(folder: &Path, keys_url: Option<&str>, to: &Path) -> Result<Copied, OpenError> {
    copy(&keys_file(folder, keys_url), to).await
}

async fn copy(from: &Path, to: &Path) -> Result<Copied, OpenError> {
    let failed = |what: &Path, error: io::Error| OpenError::Unavailable(format!("{}: {error}", what.display()));
    make_folder(to).map_err(|error| failed(to, error))?;
    let file = to.join(from.file_name().unwrap_or_default());
    if file.exists() {
        return Err(failed(&file, io::ErrorKind::AlreadyExists.into()));
    }
    let aside = file.with_extension("db-unfinished");
    fs::remove_file(&aside).ok();
    make(&aside).map_err(|error| failed(&aside, error))?;
    let copied = written(from, &aside).await.and_then(|()| {
        let whole = fs::File::open(&aside).and_then(|copy| {
            copy.sync_all()?;
            copy.metadata()
        });
        let bytes = whole.map_err(|error| failed(&aside, error))?.len();
        fs::rename(&aside, &file).map_err(|error| failed(&file, error))?;
        // The name must outlive a power cut as surely as the copy.
        fs::File::open(to).and_then(|folder| folder.sync_all()).ok();
        Ok(Copied { file, bytes })
    });
    if copied.is_err() {
        fs::remove_file(&aside).ok();
    }
    copied
}

/// `VACUUM INTO` reads in one transaction, waits for nobody, and leaves out what was deleted: no key that was destroyed lies
/// in a free page of the copy.
async fn written(from: &Path, to: &Path) -> Result<(), OpenError> {
    let options = SqliteConnectOptions::new()
        .create_if_missing(false)
        .busy_timeout(Duration::from_secs(30))
        .disable_statement_logging();
    let mut source = options.clone().filename(from).connect().await?;
    let written = sqlx::query("VACUUM INTO $1")
        .bind(to.to_string_lossy())
        .execute(&mut source)
        .await;
    source.close().await.ok();
    written?;
    let mut copy = options.filename(to).read_only(true).connect().await?;
    let wrong: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut copy).await?;
    copy.close().await.ok();
    match wrong.as_str() {
        "ok" => Ok(()),
        wrong => Err(OpenError::Unavailable(format!("the copy is not whole: {wrong}"))),
    }
}
