//! Deriving rows anew from the log, beside live traffic: after a release that derives otherwise, or when somebody asks.
//! Each candidate is one commit on the version it was folded to; where it moved on meanwhile, it is folded again.

use std::time::Duration;

use afterword_domain::ids::CandidateId;
use afterword_domain::play::DERIVATION;
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use uuid::Uuid;

use crate::projection::{Projection, Rows};
use crate::statement::Statement;
use crate::verify::replay;
use crate::{Appended, Commit, Recorder, Store, StoreError, TenantId};

/// Candidates that are derived at once; the appender puts them into one transaction.
const AT_ONCE: usize = 16;
const PAGE: i64 = 256;
const ATTEMPTS: u32 = 100;

impl Recorder {
    /// Derives the rows of all candidates of a tenant anew, and says how many that were.
    ///
    /// # Errors
    /// When the store does not answer, or holds what this release cannot read.
    pub async fn rebuild(&self, tenant: TenantId, mut tell: impl FnMut()) -> Result<u64, StoreError> {
        let (mut rebuilt, mut after) = (0, None);
        loop {
            let page = self.store().stream_ids(tenant, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(rebuilt) };
            after = Some(*last);
            let mut written = iter(page).map(|id| self.rebuild_one(tenant, id)).buffer_unordered(AT_ONCE);
            while let Some(is_written) = written.try_next().await? {
                rebuilt += u64::from(is_written);
                tell();
            }
        }
    }

    /// Derives anew what an earlier release derived, and says how many candidates that were.
    ///
    /// # Errors
    /// As [`Recorder::rebuild`].
    pub async fn rebuild_outdated(&self, tenant: TenantId) -> Result<u64, StoreError> {
        let (mut rebuilt, mut after) = (0, None);
        loop {
            let page = self.store().outdated(tenant, after).await?;
            let Some(last) = page.last() else { return Ok(rebuilt) };
            after = Some(*last);
            for id in page {
                rebuilt += u64::from(self.rebuild_one(tenant, id).await?);
            }
        }
    }

    /// False where there is nothing to derive: the candidate is erased.
    async fn rebuild_one(&self, tenant: TenantId, id: Uuid) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS {
            let head = self.store().stream_head(tenant, id).await?;
            if head.is_none_or(|head| head.erased_at.is_some()) {
                return Ok(false);
            }
            let events = self.store().stream(tenant, id, 0).await?;
            let key = self.store().keys().get(tenant, id).await?;
            let candidate = match key.as_ref().map(|key| replay(tenant, CandidateId::new(id), key, &events)) {
                Some(Ok(candidate)) => candidate,
                // Erased between the reads, as the next look at its head will tell; otherwise it is as it is.
                _ if self.store().stream_head(tenant, id).await?.is_some_and(|head| head.erased_at.is_some()) => return Ok(false),
                _ => return Err(StoreError::Unreadable),
            };
            let Some(key) = key else { return Err(StoreError::Unreadable) };
            let Rows { stream, tasks, applications } = Projection { tenant, key: &key, secret: self.secret() }.all(&candidate);
            let version = i64::try_from(candidate.version).unwrap_or(i64::MAX);
            let commit = Commit {
                stream: Some(stream),
                tasks,
                applications,
                replace_rows: true,
                ..Commit::new(tenant, id, version)
            };
            match self.store().append(commit).await {
                Ok(Appended::Done { .. }) => return Ok(true),
                Ok(Appended::Erased) => return Ok(false),
                // It has moved on, or live traffic comes first.
                Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(StoreError::Overloaded) => tokio::time::sleep(Duration::from_millis(200)).await,
                Err(error) => return Err(error),
            }
        }
        tracing::error!(candidate = %CandidateId::new(id), "its rows could not be derived anew");
        Err(StoreError::Overloaded)
    }
}

impl Store {
    /// How many candidates a tenant has, erased ones too.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stream_count(&self, tenant: TenantId) -> Result<u64, StoreError> {
        let statement = Statement::of("SELECT COUNT(*) FROM streams WHERE tenant_id = $1", [tenant.into()]);
        let count = self.db().fetch_one(tenant, statement, |row| row.int(0)).await?;
        Ok(count.map_or(0, i64::unsigned_abs))
    }

    /// The next candidates whose rows an earlier release derived. Those of a later one are left to it.
    async fn outdated(&self, tenant: TenantId, after: Option<Uuid>) -> Result<Vec<Uuid>, StoreError> {
        let mut statement = Statement::new("SELECT candidate_id FROM streams WHERE tenant_id = ");
        statement.bind(tenant).push(" AND erased_at IS NULL AND derivation < ").bind(DERIVATION);
        if let Some(after) = after {
            statement.push(" AND candidate_id > ").bind(after);
        }
        statement.push(" ORDER BY candidate_id LIMIT ").bind(PAGE);
        self.db().fetch(tenant, statement, |row| row.id(0)).await
    }
}
