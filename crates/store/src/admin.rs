//! Tenants, API keys, and the age of idempotency rows.

use crate::beside::Beside;
use crate::error::{StoreError, code};
use crate::rows::{ApiKeyRow, TenantId, TenantRow};
use crate::statement::{Cells, Statement};
use crate::store::Store;
use uuid::Uuid;

const API_KEY: &str =
    "SELECT key_id, hash, scopes, name, candidate_id, group_label, created_at, expires_at, revoked_at FROM api_keys ";

fn tenant(row: &dyn Cells) -> Result<TenantRow, sqlx::Error> {
    Ok(TenantRow {
        id: TenantId(row.int(0)?),
        name: row.text(1)?,
        test: row.int(2)? != 0,
    })
}

fn api_key(row: &dyn Cells) -> Result<ApiKeyRow, sqlx::Error> {
    Ok(ApiKeyRow {
        key_id: row.id(0)?,
        hash: row.bytes(1)?,
        scopes: row.text(2)?,
        name: row.maybe_text(3)?,
        candidate: row.maybe_id(4)?,
        group: row.maybe_text(5)?,
        created_at: row.int(6)?,
        expires_at: row.maybe_int(7)?,
        revoked_at: row.maybe_int(8)?,
    })
}

fn key_made(tenant: TenantId, key: &ApiKeyRow) -> Statement {
    Statement::of(
        "INSERT INTO api_keys (tenant_id, key_id, hash, scopes, name, candidate_id, group_label, created_at, \
         expires_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [
            tenant.into(),
            key.key_id.into(),
            key.hash.as_slice().into(),
            key.scopes.as_str().into(),
            key.name.clone().into(),
            key.candidate.into(),
            key.group.clone().into(),
            key.created_at.into(),
            key.expires_at.into(),
            key.revoked_at.into(),
        ],
    )
}

impl Beside {
    /// Makes an API key.
    #[must_use]
    pub fn api_key(tenant: TenantId, key: &ApiKeyRow) -> Self {
        Self::must(key_made(tenant, key))
    }

    /// Revokes an API key. Revoked stays revoked since the first time.
    #[must_use]
    pub fn api_key_revoked(tenant: TenantId, key_id: Uuid, now: i64) -> Self {
        Self::must(Statement::of(
            "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $3) WHERE tenant_id = $1 AND key_id = $2",
            [tenant.into(), key_id.into(), now.into()],
        ))
    }

    /// Lets an API key end at a moment, and not later than it would have.
    #[must_use]
    pub fn api_key_expires(tenant: TenantId, key_id: Uuid, at: i64) -> Self {
        Self::must(Statement::of(
            "UPDATE api_keys SET expires_at = CASE WHEN expires_at < $3 THEN expires_at ELSE $3 END \
             WHERE tenant_id = $1 AND key_id = $2",
            [tenant.into(), key_id.into(), at.into()],
        ))
    }
}

impl Store {
    /// Makes a tenant.
    ///
    /// # Errors
    /// `NameTaken` when the name (or the id) is another's.
    pub async fn tenant_create(&self, id: TenantId, name: &str, test: bool, now: i64) -> Result<(), StoreError> {
        let statement = Statement::of(
            "INSERT INTO tenants (tenant_id, name, test, created_at) VALUES ($1, $2, $3, $4)",
            [id.into(), name.into(), i64::from(test).into(), now.into()],
        );
        match self.db().execute(id, statement).await {
            Ok(_) => Ok(()),
            // Unique violations: PostgreSQL's, and SQLite's of a unique index and of a primary key.
            Err(error) if matches!(code(&error).as_deref(), Some("23505" | "2067" | "1555")) => {
                Err(StoreError::NameTaken)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// All tenants, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tenants(&self) -> Result<Vec<TenantRow>, StoreError> {
        let statement = Statement::new("SELECT tenant_id, name, test FROM tenants ORDER BY name");
        self.db().fetch(None, statement, tenant).await
    }

    /// The tenant of a name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tenant_by_name(&self, name: &str) -> Result<Option<TenantRow>, StoreError> {
        let statement = Statement::of(
            "SELECT tenant_id, name, test FROM tenants WHERE name = $1",
            [name.into()],
        );
        self.db().fetch_one(None, statement, tenant).await
    }

    /// Makes an API key.
    ///
    /// # Errors
    /// When the database does not answer, or the id or the hash is there already.
    pub async fn api_key_put(&self, tenant: TenantId, key: &ApiKeyRow) -> Result<(), StoreError> {
        self.db().execute(tenant, key_made(tenant, key)).await?;
        Ok(())
    }

    /// All API keys of a tenant, oldest first, the revoked ones too.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn api_keys(&self, tenant: TenantId) -> Result<Vec<ApiKeyRow>, StoreError> {
        let mut statement = Statement::new(API_KEY);
        statement
            .push("WHERE tenant_id = ")
            .bind(tenant)
            .push(" ORDER BY created_at, key_id");
        self.db().fetch(tenant, statement, api_key).await
    }

    /// The API key with this hash, ended or not: that is for the caller to judge.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn api_key_by_hash(&self, tenant: TenantId, hash: &[u8]) -> Result<Option<ApiKeyRow>, StoreError> {
        let mut statement = Statement::new(API_KEY);
        statement
            .push("WHERE tenant_id = ")
            .bind(tenant)
            .push(" AND hash = ")
            .bind(hash);
        self.db().fetch_one(tenant, statement, api_key).await
    }

    /// Takes idempotency rows away that were made before a moment, and says how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn idempotency_purge(&self, before: i64) -> Result<u64, StoreError> {
        let mut gone = 0;
        for tenant in self.tenants().await? {
            // Bit by bit: nobody waits long behind it.
            loop {
                let statement = Statement::of(
                    "DELETE FROM idempotency WHERE tenant_id = $1 AND key_hash IN (SELECT key_hash FROM idempotency \
                     WHERE tenant_id = $1 AND recorded_at < $2 ORDER BY recorded_at LIMIT 1000)",
                    [tenant.id.into(), before.into()],
                );
                let some = self.db().execute(tenant.id, statement).await?;
                gone += some;
                if some == 0 {
                    break;
                }
            }
        }
        Ok(gone)
    }
}
