//! Time that passes, as it lies in the store: which candidates something is about to happen to, leases for whoever sees
//! to it, and the clocks of test tenants.
//!
//! A lease is fenced: taking it over raises its token, and a commit that names an older token is refused under the lock
//! of its batch. So a holder that was only slow, and thinks it still has the lease, cannot write.

use uuid::Uuid;

use crate::{Beside, Store, StoreError, TenantId, statement::Statement};

/// The right to write that a lease gives, as a commit names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The lease.
    pub lease: &'static str,
    /// Its token when it was taken.
    pub token: i64,
}

fn clock_set(tenant: TenantId, now: i64) -> Statement {
    Statement::of(
        "INSERT INTO test_clocks (tenant_id, now_at) VALUES ($1, $2) \
         ON CONFLICT (tenant_id) DO UPDATE SET now_at = excluded.now_at WHERE test_clocks.now_at <= excluded.now_at",
        [tenant.into(), now.into()],
    )
}

impl Beside {
    /// Sets a tenant's test clock; a conflict where it shows a later moment already.
    #[must_use]
    pub fn test_clock(tenant: TenantId, now: i64) -> Self {
        Self::must(clock_set(tenant, now))
    }
}

impl Store {
    /// When something will next happen by itself to a candidate of the tenant.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn next_moment(&self, tenant: TenantId) -> Result<Option<i64>, StoreError> {
        let next = self.due(tenant, i64::MAX, None, 1).await?;
        Ok(next.first().map(|(at, _)| *at))
    }

    /// The candidates to whom something has happened by a moment and is not written yet: when, and to whom, in that
    /// order, after a place in it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due(
        &self,
        tenant: TenantId,
        until: i64,
        after: Option<(i64, Uuid)>,
        limit: i64,
    ) -> Result<Vec<(i64, Uuid)>, StoreError> {
        let mut statement = Statement::new("SELECT next_at, candidate_id FROM streams WHERE tenant_id = ");
        statement
            .bind(tenant)
            .push(" AND next_at IS NOT NULL AND next_at <= ")
            .bind(until);
        if let Some((at, candidate)) = after {
            statement
                .push(" AND (next_at, candidate_id) > (")
                .bind(at)
                .push(", ")
                .bind(candidate)
                .push(")");
        }
        statement.push(" ORDER BY next_at, candidate_id LIMIT ").bind(limit);
        self.db()
            .fetch(tenant, statement, |row| Ok((row.int(0)?, row.id(1)?)))
            .await
    }

    /// Takes a lease, or renews it: the fence to write with, or none while it is another's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lease(
        &self,
        tenant: TenantId,
        lease: &'static str,
        holder: Uuid,
        now: i64,
        until: i64,
    ) -> Result<Option<Fence>, StoreError> {
        let take = Statement::of(
            "INSERT INTO leases (tenant_id, name, token, holder, until_at) VALUES ($1, $2, 1, $3, $4) \
             ON CONFLICT (tenant_id, name) DO UPDATE SET holder = excluded.holder, until_at = excluded.until_at, \
             token = leases.token + CASE WHEN leases.holder = excluded.holder THEN 0 ELSE 1 END \
             WHERE leases.holder = excluded.holder OR leases.until_at <= $5",
            [tenant.into(), lease.into(), holder.into(), until.into(), now.into()],
        );
        if self.db().execute(tenant, take).await? == 0 {
            return Ok(None);
        }
        // Somebody may have taken it over since; then it is not this holder's any more.
        let held = Statement::of(
            "SELECT token FROM leases WHERE tenant_id = $1 AND name = $2 AND holder = $3",
            [tenant.into(), lease.into(), holder.into()],
        );
        let token = self.db().fetch_one(tenant, held, |row| row.int(0)).await?;
        Ok(token.map(|token| Fence { lease, token }))
    }

    /// Gives a lease back before its time, unless somebody has taken it over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn release(&self, tenant: TenantId, fence: Fence, holder: Uuid) -> Result<(), StoreError> {
        let give = Statement::of(
            "UPDATE leases SET until_at = 0 WHERE tenant_id = $1 AND name = $2 AND token = $3 AND holder = $4",
            [tenant.into(), fence.lease.into(), fence.token.into(), holder.into()],
        );
        self.db().execute(tenant, give).await?;
        Ok(())
    }

    /// What a tenant's test clock shows, where it has one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn test_clock(&self, tenant: TenantId) -> Result<Option<i64>, StoreError> {
        let statement = Statement::of("SELECT now_at FROM test_clocks WHERE tenant_id = $1", [tenant.into()]);
        self.db().fetch_one(tenant, statement, |row| row.int(0)).await
    }

    /// Sets a tenant's test clock. False where it shows a later moment already: it runs forward only.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn test_clock_set(&self, tenant: TenantId, now: i64) -> Result<bool, StoreError> {
        Ok(self.db().execute(tenant, clock_set(tenant, now)).await? > 0)
    }

    /// When the newest fact of a tenant was recorded.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn newest_recording(&self, tenant: TenantId) -> Result<Option<i64>, StoreError> {
        let statement = Statement::of(
            "SELECT recorded_at FROM events WHERE tenant_id = $1 ORDER BY position DESC LIMIT 1",
            [tenant.into()],
        );
        self.db().fetch_one(tenant, statement, |row| row.int(0)).await
    }
}
