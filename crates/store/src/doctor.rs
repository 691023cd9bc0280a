//! Whether a store is in order, for `afterword doctor`: what is looked at, what was found, and what is to be done about it.
//! It only reads; what it cannot read is a finding too.

mod postgres;
mod sqlite;
mod work;

use std::path::{Path, PathBuf};

use sqlx::migrate::Migrator;

use crate::db::Db;
use crate::error::OpenError;
use crate::master;
use crate::store::{Place, StoreOptions, keys_file, master_key_file};

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Good,
    /// It works, and something ought to be done.
    Warning,
    /// It does not work, or not safely.
    Fault,
}

/// What was looked at, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How serious it is.
    pub health: Health,
    /// What was found, in a sentence without a secret.
    pub says: String,
    /// What to do about it; nothing where all is well.
    pub todo: Option<&'static str>,
}

impl Finding {
    /// All is well.
    pub fn good(check: &'static str, says: impl Into<String>) -> Self {
        Self {
            check,
            health: Health::Good,
            says: says.into(),
            todo: None,
        }
    }

    /// Something ought to be done.
    pub fn warning(check: &'static str, says: impl Into<String>, todo: &'static str) -> Self {
        Self {
            check,
            health: Health::Warning,
            says: says.into(),
            todo: Some(todo),
        }
    }

    /// Something must be done.
    pub fn fault(check: &'static str, says: impl Into<String>, todo: &'static str) -> Self {
        Self {
            check,
            health: Health::Fault,
            says: says.into(),
            todo: Some(todo),
        }
    }
}

impl StoreOptions {
    /// The files and folders that the store has on this machine, those apart that hold keys: to look at their modes.
    #[must_use]
    pub fn files(&self) -> Files {
        let (folder, keys) = match &self.place {
            Place::Folder(folder) => (Some(folder.clone()), Some(keys_file(folder, self.keys_url.as_deref()))),
            Place::Postgres(_) => (None, None),
        };
        Files {
            master: master_key_file(self),
            folder,
            keys,
        }
    }
}

/// Where a store's files are.
#[derive(Debug, Clone)]
pub struct Files {
    /// The folder of a SQLite store.
    pub folder: Option<PathBuf>,
    /// Its key store.
    pub keys: Option<PathBuf>,
    /// The master key; none where it must be named and is not.
    pub master: Option<PathBuf>,
}

/// Looks at a store, at a moment that `now` tells.
pub async fn examine(options: &StoreOptions, now: impl Fn() -> i64) -> Vec<Finding> {
    let mut found = Vec::new();
    let opened = match &options.place {
        Place::Folder(folder) => sqlite::examine(folder, options.keys_url.as_deref(), &mut found).await,
        Place::Postgres(url) => postgres::examine(url, options.keys_url.as_deref(), &now, &mut found).await,
    };
    let Some((data, keys)) = opened else { return found };
    match master_key_file(options) {
        Some(file) => found.push(master_key(&file, &keys).await),
        None => found.push(Finding::fault(
            "master_key",
            sentence(&OpenError::MasterKeyNotNamed.to_string()),
            "Name the file by --master-key-file or AFTERWORD_MASTER_KEY_FILE.",
        )),
    }
    work::examine(&data, now(), &mut found).await;
    data.close().await;
    keys.close().await;
    found
}

async fn master_key(file: &Path, keys: &Db) -> Finding {
    match master::inspect(file, keys).await {
        Ok(true) => Finding::good(
            "master_key",
            "The master key is the one that the key store was made with.",
        ),
        Ok(false) => Finding::good(
            "master_key",
            "There is no master key yet, and nothing that was sealed: the first start makes one.",
        ),
        Err(error) => Finding::fault(
            "master_key",
            sentence(&error.to_string()),
            "Bring back the master key that belongs to this key store, from its own backup; nothing can be read without it.",
        ),
    }
}

/// What has been applied, against what this program knows.
fn schema(check: &'static str, applied: Option<Vec<(i64, Vec<u8>)>>, known: &Migrator, pending_is: Health) -> Finding {
    const MIGRATE: &str = "Run `afterword migrate` with this program.";
    let all = known.iter().count();
    let Some(mut applied) = applied else {
        return Finding {
            health: pending_is,
            ..Finding::fault(check, "There is no schema yet.", MIGRATE)
        };
    };
    let mut pending = 0;
    for one in known.iter() {
        match applied.iter().position(|(version, _)| *version == one.version) {
            Some(place) if applied[place].1 == *one.checksum => drop(applied.swap_remove(place)),
            Some(_) => {
                return Finding::fault(
                    check,
                    format!(
                        "Migration {} was applied in another form than this program knows.",
                        one.version
                    ),
                    "Use the program that this database was migrated with, or one that was released after it.",
                );
            }
            None => pending += 1,
        }
    }
    match (pending, applied.len()) {
        (0, 0) => Finding::good(check, format!("The schema is up to date, at migration {all}.")),
        (0, newer) => Finding::fault(
            check,
            format!("The schema is newer than this program, by {newer} migrations."),
            "Use the newer program; instances of this one that run already may go on until they are replaced.",
        ),
        (pending, _) => Finding {
            health: pending_is,
            ..Finding::fault(check, format!("{pending} of {all} migrations are pending."), MIGRATE)
        },
    }
}

/// A text as a sentence of its own.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// What a database says when it cannot be used.
fn unavailable(check: &'static str, error: &OpenError, todo: &'static str) -> Finding {
    Finding::fault(check, sentence(&error.to_string()), todo)
}
