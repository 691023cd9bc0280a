//! The keys of candidates. They lie in a database of their own, so that a backup of the data cannot bring an erased
//! candidate back. A key is committed there before the first row that it seals.

use crate::commit::Erasure;
use crate::crash::point;
use crate::db::Db;
use crate::error::StoreError;
use crate::rows::TenantId;
use crate::sealing::{DataKey, Ring};
use crate::statement::{Cells, Statement};
use moka::sync::Cache;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

/// How long to wait before asking again, and again: a second at first, a minute at last.
pub(crate) fn pauses() -> impl Iterator<Item = Duration> {
    (0..).map(|nth: u32| Duration::from_secs(1 << nth.min(6)).min(Duration::from_secs(60)))
}

/// A key store that answers at all answers within this.
const SOON: Duration = Duration::from_secs(2);

/// A key as the key store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey(pub(crate) Vec<u8>);

/// An erasure on another instance must reach this memory too: no key stays longer, however often it is used.
const CACHED_FOR: Duration = Duration::from_secs(300);

/// The key store, and what of it is in memory.
#[derive(Debug)]
pub struct Keys {
    db: Db,
    ring: Ring,
    cache: Cache<(TenantId, Uuid), Arc<DataKey>>,
    /// Wakes who takes from the files what was destroyed.
    pub(crate) destroyed: Arc<Notify>,
}

impl Keys {
    pub(crate) fn new(db: Db, ring: Ring) -> Self {
        let cache = Cache::builder().max_capacity(100_000).time_to_live(CACHED_FOR).build();
        let destroyed = Arc::default();
        Self {
            db,
            ring,
            cache,
            destroyed,
        }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) fn secret(&self, purpose: &str) -> [u8; 32] {
        self.ring.secret(purpose)
    }

    /// A key for a new candidate, in memory only: the commit that carries it brings it to the key store.
    #[must_use]
    pub fn new_key(&self, tenant: TenantId, candidate: Uuid) -> (DataKey, WrappedKey) {
        let key = DataKey::random();
        let wrapped = WrappedKey(self.ring.wrap(tenant, candidate, &key));
        (key, wrapped)
    }

    /// A candidate's key, if it has one.
    ///
    /// A candidate without a stream may have one already: a registration got this far and no further. Then that key is to
    /// be used, with no `new_key` in the commit.
    ///
    /// # Errors
    /// When the key store does not answer, or the key was wrapped by another ring.
    pub async fn get(&self, tenant: TenantId, candidate: Uuid) -> Result<Option<Arc<DataKey>>, StoreError> {
        Ok(self.get_many(tenant, &[candidate]).await?.remove(&candidate))
    }

    /// The keys of several candidates; those without one are left out.
    ///
    /// # Errors
    /// As [`Keys::get`].
    pub async fn get_many(
        &self,
        tenant: TenantId,
        candidates: &[Uuid],
    ) -> Result<HashMap<Uuid, Arc<DataKey>>, StoreError> {
        let mut found = HashMap::with_capacity(candidates.len());
        let mut missing = HashSet::new();
        for &candidate in candidates {
            match self.cache.get(&(tenant, candidate)) {
                Some(key) => drop(found.insert(candidate, key)),
                None => drop(missing.insert(candidate)),
            }
        }
        let missing: Vec<Uuid> = missing.into_iter().collect();
        for (candidate, wrapped) in self.stored(tenant, &missing).await? {
            let key = Arc::new(self.ring.unwrap(tenant, candidate, &wrapped)?);
            self.cache.insert((tenant, candidate), Arc::clone(&key));
            found.insert(candidate, key);
        }
        Ok(found)
    }

    /// Forgets a key that is in memory; the key store keeps it.
    pub fn forget(&self, tenant: TenantId, candidate: Uuid) {
        self.cache.invalidate(&(tenant, candidate));
    }

    /// One look-up for each: a list to be `IN` may have a young table read whole and compared with it.
    async fn stored(&self, tenant: TenantId, candidates: &[Uuid]) -> Result<HashMap<Uuid, Vec<u8>>, StoreError> {
        let mut all = HashMap::with_capacity(candidates.len());
        for some in candidates.chunks(256) {
            let mut statement = Statement::new("WITH asked (candidate_id) AS (VALUES ");
            statement
                .bind_each(some.iter().copied())
                .push(
                    ") SELECT candidate_id, (SELECT wrapped FROM candidate_keys k WHERE k.candidate_id = asked.candidate_id \
                     AND k.tenant_id = ",
                )
                .bind(tenant)
                .push(") FROM asked");
            let found = |row: &dyn Cells| Ok((row.id(0)?, row.maybe_bytes(1)?));
            let rows = self.db.fetch(tenant, statement, found).await?;
            all.extend(
                rows.into_iter()
                    .filter_map(|(candidate, wrapped)| Some((candidate, wrapped?))),
            );
        }
        Ok(all)
    }

    /// Brings new keys to the key store, all in one statement, and tells which of them lost to a key that was there.
    pub(crate) async fn keep(
        &self,
        tenant: TenantId,
        new: &[(Uuid, &WrappedKey, i64)],
    ) -> Result<HashSet<Vec<u8>>, StoreError> {
        let mut kept: HashMap<Uuid, Vec<u8>> = HashMap::with_capacity(new.len());
        for some in new.chunks(256) {
            let mut statement =
                Statement::new("INSERT INTO candidate_keys (tenant_id, candidate_id, wrapped, created_at) VALUES ");
            statement.bind_rows(some.iter().map(|(candidate, wrapped, now)| {
                [
                    tenant.into(),
                    (*candidate).into(),
                    wrapped.0.as_slice().into(),
                    (*now).into(),
                ]
            }));
            statement.push(" ON CONFLICT (tenant_id, candidate_id) DO NOTHING RETURNING candidate_id, wrapped");
            kept.extend(
                self.db
                    .write(tenant, statement, |row| Ok((row.id(0)?, row.bytes(1)?)))
                    .await?,
            );
        }
        let others: Vec<Uuid> = new
            .iter()
            .map(|(candidate, ..)| *candidate)
            .filter(|it| !kept.contains_key(it))
            .collect();
        kept.extend(self.stored(tenant, &others).await?);
        let mut lost = HashSet::new();
        for (candidate, wrapped, _) in new {
            if kept.get(candidate) == Some(&wrapped.0) {
                let key = self.ring.unwrap(tenant, *candidate, &wrapped.0)?;
                self.cache.insert((tenant, *candidate), Arc::new(key));
            } else {
                lost.insert(wrapped.0.clone());
            }
        }
        Ok(lost)
    }

    /// Destroys the keys of candidates whose erasure is recorded. Where the key store does not answer soon, it is asked again
    /// until it does, and nobody waits for that; opening a store destroys what is left after a crash.
    pub(crate) async fn destroy_surely(self: &Arc<Self>, tenant: TenantId, erased: Vec<(Uuid, Erasure)>) {
        let destroying = tokio::time::timeout(SOON, self.destroy(tenant, &erased)).await;
        let error = match destroying {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::error!(%error, "keys of erased candidates are still to be destroyed");
        let keys = Arc::downgrade(self);
        tokio::spawn(async move {
            for pause in pauses() {
                tokio::time::sleep(pause).await;
                let Some(keys) = keys.upgrade() else { return };
                if keys.destroy(tenant, &erased).await.is_ok() {
                    tracing::info!("keys of erased candidates are destroyed");
                    return;
                }
            }
        });
    }

    /// Destroys the keys of erased candidates, and keeps that they were erased. What the keys sealed is gone with them. Says
    /// how many keys there were.
    pub(crate) async fn destroy(&self, tenant: TenantId, erased: &[(Uuid, Erasure)]) -> Result<u64, StoreError> {
        let mut destroyed = 0;
        for some in erased.chunks(256) {
            let mut statement = Statement::new(
                "INSERT INTO erased_candidates (tenant_id, candidate_id, erased_at, keys_gone_by) VALUES ",
            );
            statement.bind_rows(some.iter().map(|(candidate, erasure)| {
                [
                    tenant.into(),
                    (*candidate).into(),
                    erasure.at.into(),
                    erasure.keys_gone_by.into(),
                ]
            }));
            statement.push(" ON CONFLICT (tenant_id, candidate_id) DO NOTHING");
            self.db.execute(tenant, statement).await?;
            point("it is kept who is erased");
            let mut statement = Statement::new("DELETE FROM candidate_keys WHERE tenant_id = ");
            statement
                .bind(tenant)
                .push(" AND candidate_id IN ")
                .bind_list(some.iter().map(|(candidate, _)| *candidate));
            destroyed += self.db.execute(tenant, statement).await?;
        }
        for (candidate, _) in erased {
            self.forget(tenant, *candidate);
        }
        if destroyed > 0 {
            self.destroyed.notify_one();
        }
        Ok(destroyed)
    }

    /// Those of the erased who have a key all the same, or whom the key store does not remember.
    pub(crate) async fn unfinished(
        &self,
        tenant: TenantId,
        mut erased: Vec<(Uuid, Erasure)>,
    ) -> Result<Vec<(Uuid, Erasure)>, StoreError> {
        let mut with_key = Statement::new("SELECT candidate_id FROM candidate_keys WHERE tenant_id = ");
        let mut remembered = Statement::new("SELECT candidate_id FROM erased_candidates WHERE tenant_id = ");
        for statement in [&mut with_key, &mut remembered] {
            statement
                .bind(tenant)
                .push(" AND candidate_id IN ")
                .bind_list(erased.iter().map(|(candidate, _)| *candidate));
        }
        let with_key = self.db.fetch(tenant, with_key, |row| row.id(0)).await?;
        let remembered = self.db.fetch(tenant, remembered, |row| row.id(0)).await?;
        erased.retain(|(candidate, _)| with_key.contains(candidate) || !remembered.contains(candidate));
        Ok(erased)
    }

    /// Who was erased, as the key store remembers it: in the order of their ids, after one of them.
    pub(crate) async fn erased(&self, tenant: TenantId, after: Uuid) -> Result<Vec<(Uuid, Erasure)>, StoreError> {
        let statement = Statement::of(
            "SELECT candidate_id, erased_at, keys_gone_by FROM erased_candidates WHERE tenant_id = $1 \
             AND candidate_id > $2 ORDER BY candidate_id LIMIT 256",
            [tenant.into(), after.into()],
        );
        self.db.fetch(tenant, statement, erasure).await
    }
}

/// A candidate, and when it was erased.
pub(crate) fn erasure(row: &dyn Cells) -> Result<(Uuid, Erasure), sqlx::Error> {
    let erasure = Erasure {
        at: row.int(1)?,
        keys_gone_by: row.int(2)?,
    };
    Ok((row.id(0)?, erasure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_stays_in_memory_longer_than_five_minutes() {
        let lanes = crate::lanes::Lanes::new(sqlx::postgres::PgConnectOptions::new(), 1);
        let keys = Keys::new(Db::Postgres(Box::new(lanes)), Ring::random());
        let policy = keys.cache.policy();
        assert_eq!(policy.time_to_live(), Some(Duration::from_secs(300)));
    }
}
