//! A tenant's mail settings: one row, sealed whole with a key of the service's own and bound to the tenant.

use uuid::Uuid;

use crate::{Aad, Store, StoreError, TenantId, statement::Statement};

const fn place(tenant: TenantId) -> Aad<'static> {
    Aad {
        tenant,
        candidate: Uuid::nil(),
        purpose: "mail",
        id: Uuid::nil(),
    }
}

impl Store {
    /// A tenant's mail settings as they were put, and when.
    ///
    /// # Errors
    /// When the database does not answer, or what it holds was sealed with another master key.
    pub async fn mail(&self, tenant: TenantId) -> Result<Option<(Vec<u8>, i64)>, StoreError> {
        let statement = Statement::of(
            "SELECT sealed, updated_at FROM mail_settings WHERE tenant_id = $1",
            [tenant.into()],
        );
        let row = self
            .db()
            .fetch_one(tenant, statement, |row| Ok((row.bytes(0)?, row.int(1)?)));
        let Some((sealed, updated_at)) = row.await? else {
            return Ok(None);
        };
        Ok(Some((
            self.sealing_key("mail").open(&place(tenant), &sealed)?,
            updated_at,
        )))
    }

    /// Puts a tenant's mail settings in place of those before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mail_put(&self, tenant: TenantId, settings: &[u8], now: i64) -> Result<(), StoreError> {
        let statement = Statement::of(
            "INSERT INTO mail_settings (tenant_id, sealed, updated_at) VALUES ($1, $2, $3) \
             ON CONFLICT (tenant_id) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at",
            [
                tenant.into(),
                self.sealing_key("mail").seal(&place(tenant), settings).into(),
                now.into(),
            ],
        );
        self.db().execute(tenant, statement).await?;
        Ok(())
    }

    /// Takes a tenant's mail settings away. False where there were none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mail_delete(&self, tenant: TenantId) -> Result<bool, StoreError> {
        let statement = Statement::of("DELETE FROM mail_settings WHERE tenant_id = $1", [tenant.into()]);
        Ok(self.db().execute(tenant, statement).await? > 0)
    }
}
