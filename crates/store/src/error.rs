//! What can go wrong, one clear sentence each. No sentence carries a URL, a password or a payload.

use std::path::PathBuf;

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// PostgreSQL has no folder to keep a key in.
    #[error("on PostgreSQL the master key file must be named (AFTERWORD_MASTER_KEY_FILE)")]
    MasterKeyNotNamed,
    /// Data was sealed with a key that is no longer there.
    #[error("the master key file {0} is missing, and the key store was made with a master key: bring the file back")]
    MasterKeyMissing(PathBuf),
    /// Data was sealed with another key.
    #[error("the master key is not the one that this key store was made with")]
    WrongMasterKey,
    /// The new key is the old one.
    #[error("the new master key is the old one")]
    SameMasterKey,
    /// The file is not what it should be.
    #[error("the master key file {path} cannot be used: {reason}")]
    MasterKeyFile {
        /// Which file.
        path: PathBuf,
        /// What is the matter with it.
        reason: String,
    },
    /// The schema is older than this program.
    #[error("the schema of the database is behind this program: run `afterword migrate`")]
    SchemaBehind,
    /// The schema is newer than this program.
    #[error("the schema of the database is newer than this program: use the newer program")]
    SchemaAhead,
    /// The user may not make the role.
    #[error(
        "the role afterword_app cannot be made by this database user: let an administrator run \
         CREATE ROLE afterword_app NOLOGIN; GRANT afterword_app TO the user of the service"
    )]
    RoleNotAllowed,
    /// The user may not make the key store.
    #[error("the key store's database cannot be made by this user: make it, or name one (AFTERWORD_KEYS_URL)")]
    KeyStoreNotAllowed,
    /// The URL cannot be read.
    #[error("the database URL is not a PostgreSQL URL with a database in it")]
    Url,
    /// SQLite before 3.51.3 can corrupt a database when its write-ahead log is reset.
    #[error("SQLite {0} is too old: 3.51.3 or newer is needed")]
    SqliteTooOld(String),
    /// Anything the machine says.
    #[error("the store cannot be opened: {0}")]
    Unavailable(String),
}

/// Why an operation on an open store fails.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The queue is full; try again later.
    #[error("too much is waiting to be appended")]
    Overloaded,
    /// The database does not answer, or refuses. The text is for logs only.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Something sealed cannot be opened with the key at hand.
    #[error("sealed data cannot be read")]
    Unreadable,
    /// A candidate has adopted a version of the playbook whose rules are gone, or are not what they were.
    #[error("version {0} of the playbook, which the candidate has adopted, cannot be read or was changed")]
    UnreadablePlaybook(u32),
    /// Another tenant has the name.
    #[error("a tenant of this name exists")]
    NameTaken,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(describe(&error))
    }
}

impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(describe(&error))
    }
}

/// A database's message without its details, which quote values.
pub(crate) fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(inner) => match inner.code() {
            Some(code) => format!("{} ({code})", inner.message()),
            None => inner.message().to_owned(),
        },
        sqlx::Error::Configuration(_) => "the connection's settings cannot be read".to_owned(),
        other => other.to_string(),
    }
}

/// The code a database gave, if it was the database that failed.
pub(crate) fn code(error: &sqlx::Error) -> Option<String> {
    error
        .as_database_error()
        .and_then(|inner| inner.code())
        .map(|code| code.into_owned())
}
