//! Deriving rows anew from the log, beside live traffic: after a release that derives otherwise, or when somebody asks.
//! Each candidate is one commit on the version it was folded to; where it moved on meanwhile, it is folded again.

use std::time::Duration;

use afterword_domain::candidate::Candidate;
use afterword_domain::ids::CandidateId;
use afterword_domain::play::DERIVATION;
use futures_util::stream::{StreamExt, iter};
use uuid::Uuid;

use crate::envelopes::signed;
use crate::projection::Projection;
use crate::statement::Statement;
use crate::verify::replay;
use crate::{Appended, Commit, Recorder, Store, StoreError, TenantId};

const PAGE: i64 = 256;
const ATTEMPTS: u32 = 100;

/// What became of a rebuild.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// The candidates whose rows were derived anew. Erased ones have none.
    pub candidates: u64,
    /// Those whose rows stayed as they were: their streams cannot be read, or never stood still.
    pub failed: u64,
}

enum Outcome {
    Written,
    Erased,
    Failed,
}

impl Recorder {
    /// Derives the rows of all candidates of a tenant anew, and tells of each.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn rebuild(&self, tenant: TenantId, tell: impl FnMut()) -> Result<Rebuilt, StoreError> {
        // The appender puts them into one transaction.
        self.rebuild_those(tenant, i64::MAX, 16, tell).await
    }

    /// Derives anew what an earlier release derived; rows of a later one are left to it. Goes gently: clients come first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn rebuild_outdated(&self, tenant: TenantId) -> Result<Rebuilt, StoreError> {
        self.rebuild_those(tenant, DERIVATION, 2, || ()).await
    }

    async fn rebuild_those(
        &self,
        tenant: TenantId,
        older_than: i64,
        at_once: usize,
        mut tell: impl FnMut(),
    ) -> Result<Rebuilt, StoreError> {
        let (mut rebuilt, mut after) = (Rebuilt::default(), None);
        loop {
            let page = self.store().derived_before(tenant, older_than, after).await?;
            let Some(last) = page.last() else { return Ok(rebuilt) };
            after = Some(*last);
            let mut outcomes = iter(page)
                .map(async |id| (id, self.rebuild_one(tenant, id).await))
                .buffer_unordered(at_once);
            while let Some((id, outcome)) = outcomes.next().await {
                match outcome {
                    Ok(Outcome::Written) => rebuilt.candidates += 1,
                    Ok(Outcome::Erased) => {}
                    // One that cannot be read must not keep the others from being derived.
                    Ok(Outcome::Failed) | Err(StoreError::Unreadable | StoreError::UnreadablePlaybook(_)) => {
                        tracing::error!(candidate = %CandidateId::new(id), "its rows could not be derived anew");
                        rebuilt.failed += 1;
                    }
                    Err(error) => return Err(error),
                }
                tell();
            }
        }
    }

    async fn rebuild_one(&self, tenant: TenantId, id: Uuid) -> Result<Outcome, StoreError> {
        let mut candidate = Candidate::unknown(CandidateId::new(id));
        for _ in 0..ATTEMPTS {
            let events = self.store().stream(tenant, id, signed(candidate.version)).await?;
            let key = self.store().keys().get(tenant, id).await?;
            let head = self.store().stream_head(tenant, id).await?;
            // An erasure between two of the reads leaves no key, or facts that cannot be read: its head tells.
            if head.is_none_or(|head| head.erased_at.is_some()) {
                return Ok(Outcome::Erased);
            }
            let key = key.ok_or(StoreError::Unreadable)?;
            // After a conflict only what is new is folded, so that the next attempt comes sooner.
            let playbooks = self.playbooks_of(tenant, &key, &events).await?;
            candidate = replay(tenant, candidate, &key, &events, &playbooks)?;
            let secret = self.secret();
            let mut commit = Commit::new(tenant, id, signed(candidate.version));
            commit.replace_rows = true;
            let projection = Projection {
                tenant,
                key: &key,
                secret,
            };
            projection.all(&candidate).go_with(&mut commit);
            match self.store().append(commit).await {
                Ok(Appended::Done { .. }) => return Ok(Outcome::Written),
                Ok(Appended::Erased) => return Ok(Outcome::Erased),
                // It has moved on.
                Ok(_) => tokio::task::yield_now().await,
                // Live traffic comes first.
                Err(StoreError::Overloaded) => tokio::time::sleep(Duration::from_millis(200)).await,
                Err(error) => return Err(error),
            }
        }
        Ok(Outcome::Failed)
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

    /// The next candidates whose rows were derived by a derivation before this one. Erased ones have no rows.
    async fn derived_before(
        &self,
        tenant: TenantId,
        derivation: i64,
        after: Option<Uuid>,
    ) -> Result<Vec<Uuid>, StoreError> {
        let mut statement = Statement::new("SELECT candidate_id FROM streams WHERE tenant_id = ");
        statement
            .bind(tenant)
            .push(" AND erased_at IS NULL AND derivation < ")
            .bind(derivation);
        if let Some(after) = after {
            statement.push(" AND candidate_id > ").bind(after);
        }
        statement.push(" ORDER BY candidate_id LIMIT ").bind(PAGE);
        self.db().fetch(tenant, statement, |row| row.id(0)).await
    }
}
