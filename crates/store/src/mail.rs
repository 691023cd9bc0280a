//! A tenant's mail settings: one row, sealed whole with a key of the service's own and bound to the tenant.

use uuid::Uuid;

use crate::{Aad, Beside, Store, StoreError, TenantId, statement::Statement};

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

    /// Puts a tenant's mail settings in place of those before; a conflict where these are not from the moment named.
    #[must_use]
    pub fn mail_put(&self, tenant: TenantId, settings: &[u8], now: i64, before: Option<i64>) -> Beside {
        let sealed = self.sealing_key("mail").seal(&place(tenant), settings);
        Beside::must(match before {
            None => Statement::of(
                "INSERT INTO mail_settings (tenant_id, sealed, updated_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (tenant_id) DO NOTHING",
                [tenant.into(), sealed.into(), now.into()],
            ),
            Some(before) => Statement::of(
                "UPDATE mail_settings SET sealed = $2, updated_at = $3 WHERE tenant_id = $1 AND updated_at = $4",
                [tenant.into(), sealed.into(), now.into(), before.into()],
            ),
        })
    }
}

impl Beside {
    /// Takes a tenant's mail settings away; a conflict where they are not from the moment named.
    #[must_use]
    pub fn mail_deleted(tenant: TenantId, before: i64) -> Self {
        Self::must(Statement::of(
            "DELETE FROM mail_settings WHERE tenant_id = $1 AND updated_at = $2",
            [tenant.into(), before.into()],
        ))
    }
}
