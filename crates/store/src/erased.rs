//! The sweep: two databases that do not agree on who is erased are made to. A crash between the erasure and the destruction
//! of its key leaves a key; a key store that was brought back from a backup brings keys back; data that was brought back
//! brings candidates back. What was erased is so again: the keys of whoever the log says was erased are destroyed, and
//! whoever the key store remembers as erased is erased from the log.

use afterword_domain::announcements::CLOCK;
use afterword_domain::fact::Fact;
use afterword_domain::ids::CandidateId;
use afterword_domain::profile::CandidateErased;
use uuid::Uuid;

use crate::keys::erasure;
use crate::statement::Statement;
use crate::{Appended, Commit, Erasure, EventRow, Store, StoreError, StreamHead, TenantId};

/// How many had to be erased again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Keys that were there although their candidates are erased.
    pub keys: u64,
    /// Candidates that were there although they had been erased.
    pub candidates: u64,
}

impl Store {
    /// Erases again who is erased in one of the two databases only. At every start, and from time to time.
    ///
    /// # Errors
    /// When one of the databases does not answer.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        for tenant in self.tenants().await? {
            swept.candidates += self.erase_again(tenant.id).await?;
            swept.keys += self.destroy_again(tenant.id).await?;
        }
        if swept != Swept::default() {
            let Swept { keys, candidates } = swept;
            tracing::warn!(keys, candidates, "what was erased had come back, and is erased again");
        }
        Ok(swept)
    }

    /// Destroys the keys of whoever the log says was erased.
    async fn destroy_again(&self, tenant: TenantId) -> Result<u64, StoreError> {
        let (mut after, mut keys) = (Uuid::nil(), 0);
        loop {
            let statement = Statement::of(
                "SELECT candidate_id, erased_at, COALESCE(keys_gone_by, erased_at) FROM streams WHERE tenant_id = $1 \
                 AND erased_at IS NOT NULL AND candidate_id > $2 ORDER BY candidate_id LIMIT 256",
                [tenant.into(), after.into()],
            );
            let erased = self.db().fetch(tenant, statement, erasure).await?;
            let Some((last, _)) = erased.last() else {
                return Ok(keys);
            };
            after = *last;
            let unfinished = self.keys().unfinished(tenant, erased).await?;
            keys += self.keys().destroy(tenant, &unfinished).await?;
        }
    }

    /// Erases from the log whoever the key store remembers as erased.
    async fn erase_again(&self, tenant: TenantId) -> Result<u64, StoreError> {
        let (mut after, mut candidates) = (Uuid::nil(), 0);
        loop {
            let remembered = self.keys().erased(tenant, after).await?;
            let Some((last, _)) = remembered.last() else {
                return Ok(candidates);
            };
            after = *last;
            let mut statement = Statement::new("SELECT candidate_id FROM streams WHERE tenant_id = ");
            statement
                .bind(tenant)
                .push(" AND erased_at IS NOT NULL AND candidate_id IN ");
            statement.bind_list(remembered.iter().map(|(candidate, _)| *candidate));
            let known = self.db().fetch(tenant, statement, |row| row.id(0)).await?;
            for (candidate, erasure) in remembered {
                if !known.contains(&candidate) && self.erase_one(tenant, candidate, erasure).await? {
                    candidates += 1;
                }
            }
        }
    }

    /// Records an erasure once more, after whatever the log holds of the candidate.
    async fn erase_one(&self, tenant: TenantId, candidate: Uuid, erasure: Erasure) -> Result<bool, StoreError> {
        let head = self.stream_head(tenant, candidate).await?;
        let (version, recorded_at) = match head {
            Some(StreamHead { erased_at: Some(_), .. }) => return Ok(false),
            Some(head) => (head.version, head.recorded_at.max(erasure.at)),
            None => (0, erasure.at),
        };
        // The same on every instance: of two that sweep at once, one has nothing to do.
        let event = Uuid::new_v5(&candidate, b"erased again");
        let row = erasure_row(candidate, version + 1, event, [erasure.at, recorded_at], CLOCK);
        let commit = self.erasing(tenant, row, erasure).await?;
        Ok(matches!(self.append(commit).await?, Appended::Done { .. }))
    }

    /// What an erasure writes, whatever the stream says that it ends.
    pub(crate) async fn erasing(
        &self,
        tenant: TenantId,
        row: EventRow,
        erasure: Erasure,
    ) -> Result<Commit, StoreError> {
        let candidate = row.candidate;
        let mut commit = Commit::new(tenant, candidate, row.version - 1);
        commit.events = vec![row];
        commit.erase = Some(erasure);
        let labels = Statement::of(
            "SELECT group_label FROM stream_groups WHERE tenant_id = $1 AND candidate_id = $2",
            [tenant.into(), candidate.into()],
        );
        let labels = self.db().fetch(tenant, labels, |row| row.text(0)).await?;
        commit.of_groups = labels.iter().map(|label| self.group_hash(tenant, label)).collect();
        Ok(commit)
    }
}

/// The row of an erasure, with when it was made and when it is recorded.
pub(crate) fn erasure_row(
    candidate: Uuid,
    version: i64,
    event_id: Uuid,
    [occurred_at, recorded_at]: [i64; 2],
    by: &str,
) -> EventRow {
    EventRow {
        position: 0,
        candidate,
        version,
        event_id,
        kind: CandidateErased::NAME.to_owned(),
        schema_version: i64::from(CandidateErased::SCHEMA),
        application: None,
        subject: CandidateId::new(candidate).to_string(),
        occurred_at,
        recorded_at,
        recorded_by: by.to_owned(),
        sealed: None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::{Place, StoreOptions};

    const TENANT: TenantId = TenantId(1);

    /// Looks twice: what is moved from one file to another meanwhile may be seen in neither.
    fn holds(folder: &Path, wanted: &[u8]) -> bool {
        (0..2).any(|_| {
            let files = std::fs::read_dir(folder).expect("a folder").flatten();
            let mut bytes = files.map(|file| std::fs::read(file.path()).unwrap_or_default());
            bytes.any(|bytes| bytes.windows(wanted.len()).any(|some| some == wanted))
        })
    }

    /// What was erased is taken from the files a moment after.
    async fn goes(folder: &Path, what: &[u8]) -> bool {
        for _ in 0..100 {
            if !holds(folder, what) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }

    fn fact(candidate: Uuid, version: i64, sealed: Option<Vec<u8>>) -> EventRow {
        EventRow {
            position: 0,
            candidate,
            version,
            event_id: Uuid::new_v5(&candidate, &version.to_be_bytes()),
            kind: if sealed.is_some() {
                "ContactCollected"
            } else {
                CandidateErased::NAME
            }
            .to_owned(),
            schema_version: 1,
            application: None,
            subject: CandidateId::new(candidate).to_string(),
            occurred_at: version,
            recorded_at: version,
            recorded_by: "somebody".to_owned(),
            sealed,
        }
    }

    async fn with_two_facts(folder: &Path, candidate: Uuid) -> (Store, Vec<u8>, [Vec<u8>; 2]) {
        let options = StoreOptions {
            place: Place::Folder(folder.to_owned()),
            keys_url: None,
            master_key_file: None,
        };
        let store = Store::open(&options).await.expect("a store");
        store.tenant_create(TENANT, "kite", false, 0).await.expect("a tenant");
        let (key, wrapped) = store.keys().new_key(TENANT, candidate);
        let sealed =
            [1, 2].map(|version| key.seal(&crate::Aad::versioned(TENANT, candidate, "event", version), &[7; 300]));
        let mut commit = Commit::new(TENANT, candidate, 0);
        commit.events = vec![
            fact(candidate, 1, Some(sealed[0].clone())),
            fact(candidate, 2, Some(sealed[1].clone())),
        ];
        commit.new_key = Some(wrapped.clone());
        store.append(commit).await.expect("appended");
        (store, wrapped.0, sealed)
    }

    #[tokio::test]
    async fn a_destroyed_key_and_what_it_sealed_lie_in_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let candidate = Uuid::from_u128(5);
        let (store, wrapped, sealed) = with_two_facts(folder.path(), candidate).await;
        assert!(holds(folder.path(), &wrapped) && holds(folder.path(), &sealed[0]));
        let mut commit = Commit::new(TENANT, candidate, 2);
        commit.events = vec![fact(candidate, 3, None)];
        commit.erase = Some(Erasure { at: 3, keys_gone_by: 4 });
        store.append(commit).await.expect("appended");
        assert!(goes(folder.path(), &wrapped).await, "the key is still in a file");
        assert!(goes(folder.path(), &sealed[0]).await && goes(folder.path(), &sealed[1]).await);
        store.close().await;
        assert!(!holds(folder.path(), &wrapped));
    }

    #[tokio::test]
    async fn what_was_written_over_lies_in_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let candidate = Uuid::from_u128(5);
        let (store, _, sealed) = with_two_facts(folder.path(), candidate).await;
        let mut commit = Commit::new(TENANT, candidate, 2);
        commit.events = vec![fact(candidate, 3, Some(vec![9; 100]))];
        commit.redactions = vec![(1, vec![8; 120])];
        store.append(commit).await.expect("appended");
        assert!(
            goes(folder.path(), &sealed[0]).await,
            "what a redaction wrote over is still in a file"
        );
        assert!(holds(folder.path(), &sealed[1]), "and nothing else is gone");
    }

    #[tokio::test]
    async fn who_is_erased_in_one_database_is_erased_in_both() {
        let folder = tempfile::tempdir().expect("a folder");
        let (candidate, unknown) = (Uuid::from_u128(5), Uuid::from_u128(6));
        let (store, wrapped, _) = with_two_facts(folder.path(), candidate).await;
        assert_eq!(store.sweep().await.expect("swept"), Swept::default());
        // The key store remembers what the data does not: of a backup from before the erasure, or before the candidate.
        let erasure = Erasure {
            at: 10,
            keys_gone_by: 20,
        };
        let erased = [(candidate, erasure), (unknown, erasure)];
        store.keys().destroy(TENANT, &erased).await.expect("destroyed");
        let swept = store.sweep().await.expect("swept");
        assert_eq!(swept, Swept { keys: 0, candidates: 2 });
        let head = store
            .stream_head(TENANT, candidate)
            .await
            .expect("read")
            .expect("a stream");
        assert_eq!(
            (head.version, head.erased_at, head.keys_gone_by),
            (3, Some(10), Some(20))
        );
        let head = store
            .stream_head(TENANT, unknown)
            .await
            .expect("read")
            .expect("a stream");
        assert_eq!((head.version, head.erased_at), (1, Some(10)));
        // The data knows what the key store does not: of a backup from before the erasure.
        store
            .keys()
            .keep(TENANT, &[(candidate, &crate::WrappedKey(wrapped), 0)])
            .await
            .expect("kept");
        assert_eq!(store.sweep().await.expect("swept"), Swept { keys: 1, candidates: 0 });
        assert_eq!(store.sweep().await.expect("swept"), Swept::default());
        assert!(store.keys().get(TENANT, candidate).await.expect("read").is_none());
    }
}
