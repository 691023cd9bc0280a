//! Secret addresses of calendars.

use crate::beside::Beside;
use crate::error::StoreError;
use crate::rows::{CalendarRow, TenantId};
use crate::statement::{Cells, Statement};
use crate::store::Store;
use uuid::Uuid;

const CALENDAR: &str = "SELECT calendar_id, candidate_id, hash, created_at, revoked_at FROM calendars ";

fn calendar(row: &dyn Cells) -> Result<CalendarRow, sqlx::Error> {
    Ok(CalendarRow {
        calendar_id: row.id(0)?,
        candidate: row.id(1)?,
        hash: row.bytes(2)?,
        created_at: row.int(3)?,
        revoked_at: row.maybe_int(4)?,
    })
}

impl Beside {
    /// Makes a calendar; a conflict where it is there already, or its candidate is erased.
    #[must_use]
    pub fn calendar(tenant: TenantId, row: &CalendarRow) -> Self {
        Self::must(Statement::of(
            "INSERT INTO calendars (tenant_id, calendar_id, candidate_id, hash, created_at, revoked_at) \
             SELECT $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT 1 FROM streams WHERE tenant_id = $1 \
             AND candidate_id = $3 AND erased_at IS NOT NULL) ON CONFLICT DO NOTHING",
            [
                tenant.into(),
                row.calendar_id.into(),
                row.candidate.into(),
                row.hash.as_slice().into(),
                row.created_at.into(),
                row.revoked_at.into(),
            ],
        ))
    }

    /// Revokes a calendar. Revoked stays revoked since the first time.
    #[must_use]
    pub fn calendar_revoked(tenant: TenantId, row: &CalendarRow, now: i64) -> Self {
        Self::must(Statement::of(
            "UPDATE calendars SET revoked_at = COALESCE(revoked_at, $4) \
             WHERE tenant_id = $1 AND candidate_id = $2 AND calendar_id = $3",
            [tenant.into(), row.candidate.into(), row.calendar_id.into(), now.into()],
        ))
    }
}

impl Store {
    /// A candidate's calendars, oldest first, the revoked ones too.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn calendars(&self, tenant: TenantId, candidate: Uuid) -> Result<Vec<CalendarRow>, StoreError> {
        let mut statement = Statement::new(CALENDAR);
        statement
            .push("WHERE tenant_id = ")
            .bind(tenant)
            .push(" AND candidate_id = ")
            .bind(candidate)
            .push(" ORDER BY created_at, calendar_id");
        self.db().fetch(tenant, statement, calendar).await
    }

    /// The calendar with this hash, revoked or not: that is for the caller to judge.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn calendar_by_hash(&self, tenant: TenantId, hash: &[u8]) -> Result<Option<CalendarRow>, StoreError> {
        let mut statement = Statement::new(CALENDAR);
        statement
            .push("WHERE tenant_id = ")
            .bind(tenant)
            .push(" AND hash = ")
            .bind(hash);
        self.db().fetch_one(tenant, statement, calendar).await
    }
}
