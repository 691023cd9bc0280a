//! Connections to PostgreSQL that remember which tenant they are set to.
//!
//! Row-level security reads the tenant from a setting of the session. A transaction around every read, or sqlx's pool
//! with its ping at each return, would cost three round trips more than the read itself; a lane that is already set to
//! the tenant costs none. A lane goes back only after a statement that ended well: whatever was cancelled or failed
//! closes its connection, and with it any half-done transaction.

use crate::db::is_connection;
use crate::rows::TenantId;
use crate::statement::Statement;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Longer than any healthy queue; a caller is told rather than left hanging.
const PATIENCE: Duration = Duration::from_secs(5);
/// A read takes milliseconds; a server that says nothing for so long is gone, and with it whatever was asked of it.
const SILENCE: Duration = Duration::from_secs(6);
/// What ages out goes a thousand rows at a time, and whole tables are looked through: that may take longer.
const LONG_SILENCE: Duration = Duration::from_secs(60);
/// PostgreSQL itself gives up on what takes longer, in milliseconds: a statement, a lock, and a transaction that says nothing.
/// A connection that is dropped while its statement waits for a lock would wait on in the server, and hold its place there.
const LIMITS: [(&str, &str); 3] = [
    ("statement_timeout", "60000"),
    ("lock_timeout", "5000"),
    ("idle_in_transaction_session_timeout", "30000"),
];

#[derive(Debug)]
pub(crate) struct Lanes {
    options: PgConnectOptions,
    idle: Mutex<Vec<Parked>>,
    permits: Semaphore,
    size: usize,
    /// Where connections are opened: they live as long as the runtime that watches over them, and threads that serve end
    /// before the store does.
    home: Option<Handle>,
}

#[derive(Debug)]
struct Parked {
    connection: PgConnection,
    tenant: Option<TenantId>,
}

impl Lanes {
    /// Up to `size` connections as `afterword_app`. Nothing connects before it is needed.
    pub(crate) fn new(options: PgConnectOptions, size: usize) -> Self {
        // Every statement here has its index. A plan that was made while a table was small must not outlive that.
        Self::with(options.options([("enable_seqscan", "off")]).options(LIMITS), size)
    }

    fn with(options: PgConnectOptions, size: usize) -> Self {
        let options = options.disable_statement_logging();
        Self {
            options,
            idle: Mutex::default(),
            permits: Semaphore::new(size),
            size,
            home: Handle::try_current().ok(),
        }
    }

    /// The same for the appender, whose few statements are planned once and not for every batch: with a look-up in an
    /// index for each row, whatever the tables hold by then. A batch whose machine has vanished in the middle of it must not
    /// hold the tenant's head until TCP gives up: the server lets go of it by itself.
    pub(crate) fn of_appender(options: PgConnectOptions, size: usize) -> Self {
        // Of two settings of one name, the later holds.
        let own = [
            ("enable_seqscan", "off"),
            ("plan_cache_mode", "force_generic_plan"),
            ("idle_in_transaction_session_timeout", "5s"),
        ];
        Self::with(options.options(LIMITS).options(own), size)
    }

    pub(crate) fn in_use(&self) -> usize {
        self.size.saturating_sub(self.permits.available_permits())
    }

    /// A lane set to the tenant; without one, a lane set to none, which shows no tenant's rows.
    pub(crate) async fn lane(&self, tenant: Option<TenantId>) -> Result<Lane<'_>, sqlx::Error> {
        let waited = tokio::time::timeout(PATIENCE, self.permits.acquire()).await;
        let permit = waited
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)?;
        let parked = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            match idle.iter().rposition(|parked| parked.tenant == tenant) {
                Some(index) => Some(idle.swap_remove(index)),
                None => idle.pop(),
            }
        };
        let mut parked = match parked {
            Some(parked) => parked,
            None => Parked {
                connection: self.connect().await?,
                tenant: None,
            },
        };
        if parked.tenant != tenant {
            let number = tenant.map(|tenant| tenant.0.to_string()).unwrap_or_default();
            let set = sqlx::raw_sql(AssertSqlSafe(format!("SET afterword.tenant = '{number}'")));
            within(SILENCE, set.execute(&mut parked.connection)).await?;
            parked.tenant = tenant;
        }
        Ok(Lane {
            lanes: self,
            parked,
            _permit: permit,
        })
    }

    async fn living(&self, tenant: Option<TenantId>) -> Result<Lane<'_>, sqlx::Error> {
        let mut lane = self.lane(tenant).await?;
        within(SILENCE, sqlx::raw_sql("SELECT 1").execute(&mut *lane)).await?;
        Ok(lane)
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let options = self.options.clone();
        let connecting = tokio::time::timeout(PATIENCE, async move {
            let mut connection = options.connect().await?;
            sqlx::raw_sql("SET ROLE afterword_app").execute(&mut connection).await?;
            Ok(connection)
        });
        let connected = match &self.home {
            Some(home) => home.spawn(connecting).await.map_err(|_| sqlx::Error::WorkerCrashed)?,
            None => connecting.await,
        };
        connected.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    /// One read on one lane.
    pub(crate) async fn fetch(
        &self,
        tenant: Option<TenantId>,
        statement: Statement,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let mut lane = self.lane(tenant).await?;
        let patience = if statement.takes_long() { LONG_SILENCE } else { SILENCE };
        let rows = within(patience, statement.fetch_postgres(&mut lane)).await?;
        lane.park();
        Ok(rows)
    }

    /// One write on one lane. It is not done twice, so its connection is asked for a sign of life first: one that idled does
    /// not notice that its server was restarted.
    pub(crate) async fn execute(&self, tenant: Option<TenantId>, statement: Statement) -> Result<u64, sqlx::Error> {
        let mut lane = match self.living(tenant).await {
            Err(error) if is_connection(&error) => {
                self.renew();
                self.living(tenant).await?
            }
            living => living?,
        };
        let rows = within(LONG_SILENCE, statement.run_postgres(&mut lane)).await?;
        lane.park();
        Ok(rows)
    }

    /// Drops what is idle, after one connection was found dead: the others are likely dead too.
    pub(crate) fn renew(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Lets nobody in any more, waits for those inside, and closes.
    pub(crate) async fn close(&self) {
        let everyone = u32::try_from(self.size).unwrap_or(u32::MAX);
        let _inside = tokio::time::timeout(PATIENCE, self.permits.acquire_many(everyone)).await;
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for parked in idle {
            parked.connection.close().await.ok();
        }
    }
}

/// A server that is silent for too long counts as one that has hung up.
async fn within<T>(patience: Duration, asking: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let silent = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    tokio::time::timeout(patience, asking).await.map_err(silent)?
}

/// A connection for one use.
#[derive(Debug)]
pub(crate) struct Lane<'a> {
    lanes: &'a Lanes,
    parked: Parked,
    _permit: SemaphorePermit<'a>,
}

impl Lane<'_> {
    /// Gives the connection back, whole. A lane that is dropped instead closes it.
    pub(crate) fn park(self) {
        self.lanes
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self.parked);
    }
}

impl Deref for Lane<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.parked.connection
    }
}

impl DerefMut for Lane<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.parked.connection
    }
}
