//! One database of either kind, for statements that both understand: all reads, and administration.

use crate::error::StoreError;
use crate::lanes::Lanes;
use crate::rows::TenantId;
use crate::sqlite::{Sqlite, is_read_only};
use crate::statement::{Cells, Statement};
use crate::turns::after_others;
use sqlx::postgres::PgRow;

#[derive(Debug)]
pub(crate) enum Db {
    Sqlite(Sqlite),
    Postgres(Box<Lanes>),
}

impl Db {
    /// Reads rows. The tenant is named twice: in the statement, and to row-level security. None is for the tables that
    /// stand above tenants.
    pub(crate) async fn fetch<T>(
        &self,
        tenant: impl Into<Option<TenantId>>,
        statement: Statement,
        read: impl Fn(&dyn Cells) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let rows: Result<Vec<T>, sqlx::Error> = match self {
            Self::Sqlite(sqlite) => {
                let rows = sqlite.fetch(statement).await?;
                after_others().await;
                rows.iter().map(|row| read(row)).collect()
            }
            Self::Postgres(lanes) => {
                let rows = again(lanes, tenant.into(), statement).await?;
                after_others().await;
                rows.iter().map(|row| read(row)).collect()
            }
        };
        rows.map_err(StoreError::from)
    }

    /// The first row, if there is one.
    pub(crate) async fn fetch_one<T>(
        &self,
        tenant: impl Into<Option<TenantId>>,
        statement: Statement,
        read: impl Fn(&dyn Cells) -> Result<T, sqlx::Error>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.fetch(tenant, statement, read).await?.into_iter().next())
    }

    /// Writes, as a transaction of its own, and says how many rows.
    pub(crate) async fn execute(
        &self,
        tenant: impl Into<Option<TenantId>>,
        statement: Statement,
    ) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(sqlite) => {
                let mut writer = sqlite.writer.acquire().await?;
                match statement.clone().run_sqlite(&mut writer).await {
                    Err(error) if is_read_only(&error) => {
                        sqlite.open_anew(writer).await;
                        statement.run_sqlite(&mut *sqlite.writer.acquire().await?).await
                    }
                    done => done,
                }
            }
            Self::Postgres(lanes) => {
                let done = lanes.execute(tenant.into(), statement).await;
                // Whether it was done is not known, and it is not done twice; the next one finds a connection that lives.
                if done.as_ref().is_err_and(is_connection) {
                    lanes.renew();
                }
                done
            }
        }
    }

    /// Writes, as a transaction of its own, and reads what the statement returns. Only for what may be done twice.
    pub(crate) async fn write<T>(
        &self,
        tenant: TenantId,
        statement: Statement,
        read: impl Fn(&dyn Cells) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let rows: Result<Vec<T>, sqlx::Error> = match self {
            Self::Sqlite(sqlite) => {
                let mut writer = sqlite.writer.acquire().await?;
                let rows = match statement.clone().fetch_sqlite(&mut writer).await {
                    Err(error) if is_read_only(&error) => {
                        sqlite.open_anew(writer).await;
                        statement.fetch_sqlite(&mut *sqlite.writer.acquire().await?).await?
                    }
                    rows => rows?,
                };
                rows.iter().map(|row| read(row)).collect()
            }
            Self::Postgres(lanes) => again(lanes, Some(tenant), statement)
                .await?
                .iter()
                .map(|row| read(row))
                .collect(),
        };
        rows.map_err(StoreError::from)
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(lanes) => lanes.close().await,
        }
    }

    /// Takes from the files what was deleted or written over. False: it is to be tried again. With PostgreSQL that is its own
    /// affair: its vacuum's, and its write-ahead log's.
    pub(crate) async fn scrub(&self) -> Result<bool, sqlx::Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.scrub().await,
            Self::Postgres(_) => Ok(true),
        }
    }

    /// Connections in use now.
    pub(crate) fn in_use(&self) -> usize {
        match self {
            Self::Sqlite(sqlite) => (sqlite.readers.size() as usize).saturating_sub(sqlite.readers.num_idle()),
            Self::Postgres(lanes) => lanes.in_use(),
        }
    }
}

/// What may be asked again is: idle connections do not notice that the server was restarted, or is another one now.
async fn again(lanes: &Lanes, tenant: Option<TenantId>, statement: Statement) -> Result<Vec<PgRow>, sqlx::Error> {
    let rows = lanes.fetch(tenant, statement.clone()).await;
    if !rows.as_ref().is_err_and(is_connection) {
        return rows;
    }
    lanes.renew();
    lanes.fetch(tenant, statement).await
}

/// Whether it is the connection that failed, or the server that is going or coming.
pub(crate) fn is_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => true,
        // Class 57P: shutdown, crash, cannot connect now. Class 08: connection exceptions. 25006: a server that takes no
        // writes; the one that does is elsewhere by now. 25P03: it had given the transaction up.
        _ => crate::error::code(error).is_some_and(|code| {
            code.starts_with("57P") || code.starts_with("08") || code == "25006" || code == "25P03"
        }),
    }
}
