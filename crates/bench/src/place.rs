//! Where the service is measured: a store of its own on PostgreSQL or SQLite, with a tenant and a key.

use std::path::PathBuf;

use afterword::edge::api_key::ApiKey;
use afterword_store::{ApiKeyRow, Place, Store, StoreOptions, TenantId, testing::PrivatePostgres};
use jiff::Timestamp;
use tempfile::TempDir;
use uuid::Uuid;

use crate::Failure;

/// The tenant of every measurement.
pub const TENANT: TenantId = TenantId(1);

/// A store and how to open it.
pub struct Stand {
    folder: TempDir,
    place: Place,
    /// An admin's key.
    pub key: String,
}

impl Stand {
    /// A new database on the server.
    pub async fn postgres(server: &PrivatePostgres) -> Result<Self, Failure> {
        Self::new(tempfile::tempdir()?, Place::Postgres(server.fresh_database().await)).await
    }

    /// A new folder.
    pub async fn sqlite() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        Self::new(folder, Place::Folder(data)).await
    }

    async fn new(folder: TempDir, place: Place) -> Result<Self, Failure> {
        let mut stand = Self {
            folder,
            place,
            key: String::new(),
        };
        Store::migrate(&stand.options()).await?;
        let store = stand.open().await?;
        let now = Timestamp::now().as_microsecond();
        store.tenant_create(TENANT, "bench", false, now).await?;
        let key = ApiKey::generate(TENANT.0, false).map_err(|fault| fault.to_string())?;
        let row = ApiKeyRow {
            key_id: Uuid::now_v7(),
            hash: key.hash().to_vec(),
            scopes: "admin".to_owned(),
            name: None,
            candidate: None,
            group: None,
            created_at: now,
            expires_at: None,
            revoked_at: None,
        };
        store.api_key_put(TENANT, &row).await?;
        store.close().await;
        stand.key = key.expose().to_owned();
        Ok(stand)
    }

    fn master_key(&self) -> PathBuf {
        self.folder.path().join("master.key")
    }

    fn options(&self) -> StoreOptions {
        StoreOptions {
            place: self.place.clone(),
            keys_url: None,
            master_key_file: Some(self.master_key()),
        }
    }

    /// The store, opened here.
    pub async fn open(&self) -> Result<Store, Failure> {
        Ok(Store::open(&self.options()).await?)
    }

    /// The URL of a store on PostgreSQL.
    pub fn url(&self) -> &str {
        match &self.place {
            Place::Postgres(url) => url,
            Place::Folder(_) => "",
        }
    }

    /// What to call the service with, for this store, beside the URL.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = match &self.place {
            Place::Postgres(_) => Vec::new(),
            Place::Folder(folder) => vec!["--data".to_owned(), folder.display().to_string()],
        };
        arguments.extend(["--master-key-file".to_owned(), self.master_key().display().to_string()]);
        arguments
    }

    /// A file beside the store.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
