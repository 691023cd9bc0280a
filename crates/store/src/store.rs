//! Opening a store, and what it holds together: two databases, the keys, the appender, and the waking.

use crate::append::Appender;
use crate::commit::{Appended, Commit};
use crate::db::Db;
use crate::error::{OpenError, StoreError};
use crate::keys::Keys;
use crate::lanes::Lanes;
use crate::projection::external_hash;
use crate::rows::TenantId;
use crate::sealing::DataKey;
use crate::sqlite::Sqlite;
use crate::statement::Statement;
use crate::wake::{Between, Wake};
use crate::{Erasure, StreamHead, master, master::Rotated, migrate};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use uuid::Uuid;

/// Which store, and where its keys are.
#[derive(Clone)]
pub struct StoreOptions {
    /// Where the data is.
    pub place: Place,
    /// Where the key store is; none for `keys.db` in the folder, or the database `<name>_keys` beside the data's.
    pub keys_url: Option<String>,
    /// Where the master key is; none for `master.key` in the folder. On PostgreSQL it must be named.
    pub master_key_file: Option<PathBuf>,
}

/// Where the data is.
#[derive(Clone)]
pub enum Place {
    /// SQLite, in a folder.
    Folder(PathBuf),
    /// PostgreSQL, by its URL.
    Postgres(String),
}

// URLs may carry passwords.
impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOptions")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => f.debug_tuple("Folder").field(folder).finish(),
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

/// The log, the rows beside it, and the keys. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

// The connections' settings hold passwords.
impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store(…)")
    }
}

#[derive(Debug)]
struct Inner {
    db: Arc<Db>,
    keys: Arc<Keys>,
    appender: Appender,
    wake: Arc<Wake>,
    between: Option<Between>,
    scrubbing: AbortHandle,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.scrubbing.abort();
    }
}

impl Store {
    /// Makes what is missing of the schema.
    ///
    /// # Errors
    /// When a database cannot be reached, or its user may not make what is missing.
    pub async fn migrate(options: &StoreOptions) -> Result<(), OpenError> {
        match &options.place {
            Place::Folder(folder) => {
                let (data, keys) = open_folder(folder, options.keys_url.as_deref()).await?;
                data.close().await;
                keys.close().await;
                Ok(())
            }
            Place::Postgres(url) => {
                let keys = options.keys_url.as_deref().map(migrate::parse).transpose()?;
                migrate::postgres(&migrate::parse(url)?, keys.as_ref()).await
            }
        }
    }

    /// Puts another master key in the place of the one that opens the store, beside live traffic: see `master::rotate`. The
    /// new key is made where its file is not there.
    ///
    /// # Errors
    /// When the key store cannot be reached, or the old key is not the one it was made with.
    pub async fn rotate_master(options: &StoreOptions, new: &Path) -> Result<Rotated, OpenError> {
        let (keys, old) = match &options.place {
            Place::Folder(folder) => {
                let (data, keys) = open_folder(folder, options.keys_url.as_deref()).await?;
                data.close().await;
                let old = master_key_file(options).ok_or(OpenError::MasterKeyNotNamed)?;
                (keys, old)
            }
            Place::Postgres(url) => {
                let old = options.master_key_file.clone().ok_or(OpenError::MasterKeyNotNamed)?;
                let data = migrate::parse(url)?;
                let keys = match &options.keys_url {
                    Some(url) => migrate::parse(url)?,
                    None => migrate::beside(&data),
                };
                migrate::check_postgres(&data, &keys).await?;
                (Db::Postgres(Box::new(Lanes::new(keys, 1))), old)
            }
        };
        let rotated = master::rotate(&old, new, &keys).await;
        if rotated.is_ok() {
            until_scrubbed(&keys).await;
        }
        keys.close().await;
        rotated
    }

    /// Opens a store. SQLite's schema is brought up to date, PostgreSQL's is only checked.
    ///
    /// # Errors
    /// When a database cannot be reached, its schema is another, or the master key is not the one it was made with.
    pub async fn open(options: &StoreOptions) -> Result<Self, OpenError> {
        match &options.place {
            Place::Folder(folder) => {
                let (data, keys) = open_folder(folder, options.keys_url.as_deref()).await?;
                let file = master_key_file(options).ok_or(OpenError::MasterKeyNotNamed)?;
                let master = master::load(&file, &keys).await?;
                let wake = Arc::<Wake>::default();
                let keys = Arc::new(Keys::new(keys, master));
                let writer = crate::append::Place::Sqlite(match &data {
                    Db::Sqlite(sqlite) => sqlite.clone(),
                    Db::Postgres(_) => return Err(OpenError::Url),
                });
                Self::start(data, keys, writer, wake, None).await
            }
            Place::Postgres(url) => {
                let file = options.master_key_file.as_ref().ok_or(OpenError::MasterKeyNotNamed)?;
                let data = migrate::parse(url)?;
                let keys = match &options.keys_url {
                    Some(url) => migrate::parse(url)?,
                    None => migrate::beside(&data),
                };
                migrate::check_postgres(&data, &keys).await?;
                let keys = Db::Postgres(Box::new(Lanes::new(keys, 6)));
                let master = master::load(file, &keys).await?;
                let wake = Arc::<Wake>::default();
                let between = Between::start(&wake, &data);
                let writer = crate::append::Place::Postgres(Arc::new(Lanes::of_appender(data.clone(), 4)));
                let reads = Db::Postgres(Box::new(Lanes::new(data, 16)));
                Self::start(reads, Arc::new(Keys::new(keys, master)), writer, wake, Some(between)).await
            }
        }
    }

    async fn start(
        db: Db,
        keys: Arc<Keys>,
        writer: crate::append::Place,
        wake: Arc<Wake>,
        between: Option<Between>,
    ) -> Result<Self, OpenError> {
        let (db, erased) = (Arc::new(db), Arc::clone(&keys.destroyed));
        // What was erased just before a crash may lie in the files yet.
        erased.notify_one();
        let (doubts, doubtful) = mpsc::unbounded_channel();
        let appender = Appender::start(
            writer,
            Arc::clone(&keys),
            Arc::clone(&wake),
            Arc::clone(&erased),
            doubts,
        );
        let scrubbing = tokio::spawn(scrub(Arc::clone(&db), Arc::clone(&keys), erased)).abort_handle();
        let store = Self(Arc::new(Inner {
            db,
            keys,
            appender,
            wake,
            between,
            scrubbing,
        }));
        tokio::spawn(settle(Arc::downgrade(&store.0), doubtful));
        let swept = store.sweep().await;
        swept.map_err(|error| OpenError::Unavailable(error.to_string()))?;
        Ok(store)
    }

    /// Whether the store is on PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        matches!(*self.0.db, Db::Postgres(_))
    }

    /// Asks both databases for a sign of life.
    ///
    /// # Errors
    /// When one of them gives none.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let asked = || Statement::new("SELECT 1");
        let data = self.0.db.fetch(None, asked(), |_| Ok(()));
        let keys = self.0.keys.db().fetch(None, asked(), |_| Ok(()));
        tokio::try_join!(data, keys).map(drop)
    }

    /// Takes no more commits, finishes those that wait, and closes all connections.
    pub async fn close(&self) {
        self.0.appender.close().await;
        if let Some(between) = &self.0.between {
            between.stop();
        }
        self.0.scrubbing.abort();
        self.0.db.close().await;
        self.0.keys.db().close().await;
    }

    /// Appends, durably.
    ///
    /// # Errors
    /// When the queue is full or the database does not answer. Then nothing is known to be stored.
    pub async fn append(&self, commit: Commit) -> Result<Appended, StoreError> {
        let appended = self.0.appender.append(commit).await;
        metrics::gauge!("afterword_pool_connections_in_use", "pool" => "data").set(self.0.db.in_use() as f64);
        metrics::gauge!("afterword_pool_connections_in_use", "pool" => "keys").set(self.0.keys.db().in_use() as f64);
        appended
    }

    /// The newest position of a tenant's log, as far as this instance has heard since it began to watch. A hint to look,
    /// not a promise: it starts at 0, and news from other instances may be lost.
    ///
    /// Copy the value out of a borrow at once: a borrow that is held across an await holds up whoever has news.
    #[must_use]
    pub fn watch(&self, tenant: TenantId) -> watch::Receiver<i64> {
        self.0.wake.watch(tenant)
    }

    /// The keys of candidates.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// A secret derived from the ring of keys that the master key wraps for one purpose, such as keyed hashes or cursors.
    #[must_use]
    pub fn secret(&self, purpose: &str) -> [u8; 32] {
        self.0.keys.secret(purpose)
    }

    /// A group's label, as it is kept where it must not be read.
    pub(crate) fn group_hash(&self, tenant: TenantId, label: &str) -> Vec<u8> {
        external_hash(&self.secret("group"), tenant, label)
    }

    /// A key derived from that ring for one purpose, to seal what belongs to a tenant and to no candidate.
    #[must_use]
    pub fn sealing_key(&self, purpose: &str) -> DataKey {
        DataKey::from_secret(self.0.keys.secret(purpose))
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }
}

/// Takes from the files what was erased, each time that something was.
async fn scrub(db: Arc<Db>, keys: Arc<Keys>, erased: Arc<Notify>) {
    loop {
        erased.notified().await;
        until_scrubbed(keys.db()).await;
        until_scrubbed(&db).await;
    }
}

async fn until_scrubbed(db: &Db) {
    let mut wait = Duration::from_millis(20);
    loop {
        match db.scrub().await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::warn!(
                error = crate::error::describe(&error),
                "what was erased is still in the files"
            ),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(10));
    }
}

async fn open_folder(folder: &Path, keys: Option<&str>) -> Result<(Db, Db), OpenError> {
    make_folder(folder).map_err(|error| OpenError::Unavailable(format!("the data folder: {error}")))?;
    let keys_file = keys_file(folder, keys);
    let data = Sqlite::open(&folder.join("data.db")).await?;
    let keys = Sqlite::open(&keys_file).await?;
    migrate::sqlite(&data.writer, &migrate::SQLITE).await?;
    migrate::sqlite(&keys.writer, &migrate::SQLITE_KEYS).await?;
    Ok((Db::Sqlite(data), Db::Sqlite(keys)))
}

/// A folder that nobody else looks into, where it is not there yet.
pub(crate) fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The key store of a folder.
pub(crate) fn keys_file(folder: &Path, keys_url: Option<&str>) -> PathBuf {
    match keys_url {
        Some(url) => PathBuf::from(
            url.strip_prefix("sqlite://")
                .or(url.strip_prefix("sqlite:"))
                .unwrap_or(url),
        ),
        None => folder.join("keys.db"),
    }
}

/// The master key's file, where it is known.
pub(crate) fn master_key_file(options: &StoreOptions) -> Option<PathBuf> {
    let named = options.master_key_file.clone();
    named.or_else(|| match &options.place {
        Place::Folder(folder) => Some(folder.join("master.key")),
        Place::Postgres(_) => None,
    })
}

/// Sees to erasures that may have been recorded although nobody heard so.
async fn settle(store: Weak<Inner>, mut doubtful: mpsc::UnboundedReceiver<(TenantId, Uuid)>) {
    let mut settling = JoinSet::new();
    loop {
        tokio::select! {
            doubt = doubtful.recv() => match doubt {
                Some((tenant, candidate)) => drop(settling.spawn(settled(Weak::clone(&store), tenant, candidate))),
                None => return,
            },
            Some(_) = settling.join_next() => {}
        }
    }
}

/// The key of a doubtful erasure goes as soon as that is seen; where it is not for half a minute in which the store answers, it
/// was not recorded.
async fn settled(store: Weak<Inner>, tenant: TenantId, candidate: Uuid) {
    let mut looks = 0;
    for pause in crate::keys::pauses() {
        tokio::time::sleep(pause).await;
        let Some(store) = store.upgrade().map(Store) else {
            return;
        };
        match store.stream_head(tenant, candidate).await {
            Ok(Some(StreamHead {
                erased_at: Some(at),
                keys_gone_by,
                ..
            })) => {
                let keys_gone_by = keys_gone_by.unwrap_or(at);
                let erased = vec![(candidate, Erasure { at, keys_gone_by })];
                return store.0.keys.destroy_surely(tenant, erased).await;
            }
            Ok(_) if looks == 5 => return,
            Ok(_) => looks += 1,
            Err(_) => {}
        }
    }
}
