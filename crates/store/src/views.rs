//! Reading across candidates: pages of the queue and the boards, and the feed. Rows come sealed and are
//! opened here, with the key of the candidate that each belongs to.

use std::{collections::HashMap, sync::Arc};

use afterword_domain::fact::{At, Envelope};
use uuid::Uuid;

use crate::{
    Aad, ApplicationQuery, CandidateQuery, DataKey, EventRow, FeedQuery, Recorder, RejectionQuery, StoreError,
    TaskQuery, TaskRow, TenantId,
    envelopes::{at, erasure, moment, open},
    projection::external_hash,
    rendered::{place_of, whole_task, with_status, with_version},
};

/// A row of a list: what is shown, and where the next page goes on.
pub struct Listed<Place> {
    /// The row, rendered as JSON; none where its candidate was erased while it was read.
    pub json: Option<String>,
    /// Its place in the order of the list.
    pub place: Place,
}

/// A part of the feed.
pub struct Feed {
    /// The facts, in the order that was asked for.
    pub entries: Vec<FeedEntry>,
    /// Whether it is shorter than was asked for because its facts are long.
    pub cut: bool,
}

/// A fact of the feed.
pub enum FeedEntry {
    /// A fact.
    Fact {
        /// Its place in the tenant's log.
        position: i64,
        /// The fact.
        envelope: Box<Envelope>,
    },
    /// A fact of a candidate who was erased: it keeps its place.
    Erased {
        /// Its place in the tenant's log.
        position: i64,
        /// What can be read without a key.
        at: Box<At>,
    },
}

impl FeedEntry {
    /// Its place in the tenant's log.
    pub const fn position(&self) -> i64 {
        match self {
            FeedEntry::Fact { position, .. } | FeedEntry::Erased { position, .. } => *position,
        }
    }
}

/// So many bytes of sealed facts are read in one part of the feed: then it is shorter than was asked for.
const BYTES: usize = 4 << 20;

/// How many of the rows fit; the first one always does.
fn fitting(rows: &[EventRow]) -> usize {
    let mut bytes = 0;
    let fit = rows.iter().take_while(|row| {
        bytes += row.sealed.as_ref().map_or(0, Vec::len);
        bytes <= BYTES
    });
    fit.count().max(1)
}

type Opened = HashMap<Uuid, Arc<DataKey>>;

fn open_row(
    keys: &Opened,
    tenant: TenantId,
    candidate: Uuid,
    purpose: &str,
    id: Uuid,
    sealed: &[u8],
) -> Option<Vec<u8>> {
    let aad = Aad {
        tenant,
        candidate,
        purpose,
        id,
    };
    keys.get(&candidate)?.open(&aad, sealed).ok()
}

/// A candidate may be erased between the reading of a row and of its key: such a row keeps its place only.
fn listed<Place>(json: Option<String>, place: Place) -> Listed<Place> {
    Listed { json, place }
}

impl Recorder {
    /// A page of tasks, by due time.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list_tasks(
        &self,
        tenant: TenantId,
        query: TaskQuery,
    ) -> Result<Vec<Listed<(i64, Uuid, Uuid)>>, StoreError> {
        let now = moment(query.now);
        let page = |rows: &[TaskRow], texts: &[Option<Arc<[u8]>>]| {
            let both = rows.iter().zip(texts);
            both.map(|(row, text)| {
                let json = text.as_ref().map(|text| whole_task(row, text, now));
                listed(json, (row.due_at, row.candidate, row.task_id))
            })
            .collect()
        };
        // What was read before is in memory: then the index of the queue is enough.
        let short = TaskQuery {
            without_texts: true,
            ..query.clone()
        };
        let rows = self.store().tasks(tenant, short).await?;
        let known: Vec<_> = rows
            .iter()
            .map(|row| self.texts().get(&place_of(tenant, row)))
            .collect();
        if known.iter().all(Option::is_some) {
            return Ok(page(&rows, &known));
        }
        let rows = self.store().tasks(tenant, query).await?;
        let keys = self.keys_of(tenant, rows.iter().map(|row| row.candidate)).await?;
        let opened: Vec<_> = rows
            .iter()
            .map(|row| {
                let plain = open_row(&keys, tenant, row.candidate, "task", row.task_id, &row.sealed)?;
                let text: Arc<[u8]> = plain.into();
                self.texts().insert(place_of(tenant, row), Arc::clone(&text));
                Some(text)
            })
            .collect();
        Ok(page(&rows, &opened))
    }

    /// A page of applications.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list_applications(
        &self,
        tenant: TenantId,
        query: ApplicationQuery,
    ) -> Result<Vec<Listed<(Uuid, Uuid)>>, StoreError> {
        let now = moment(query.now);
        let rows = self.store().applications(tenant, query).await?;
        let keys = self.keys_of(tenant, rows.iter().map(|row| row.candidate)).await?;
        let page = rows.iter().map(|row| {
            let plain = open_row(
                &keys,
                tenant,
                row.candidate,
                "application",
                row.application,
                &row.sealed,
            );
            listed(
                plain.map(|plain| with_status(row, &plain, now)),
                (row.candidate, row.application),
            )
        });
        Ok(page.collect())
    }

    /// A page of rejections, the newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list_rejections(
        &self,
        tenant: TenantId,
        query: RejectionQuery,
    ) -> Result<Vec<Listed<(i64, Uuid, Uuid)>>, StoreError> {
        let rows = self.store().rejections(tenant, query).await?;
        let keys = self.keys_of(tenant, rows.iter().map(|row| row.candidate)).await?;
        let page = rows.iter().map(|row| {
            let sealed = row.rejection_sealed.as_deref().unwrap_or_default();
            let plain = open_row(&keys, tenant, row.candidate, "rejection", row.application, sealed);
            let received_at = row.rejection_received_at.unwrap_or_default();
            listed(
                plain.and_then(|plain| String::from_utf8(plain).ok()),
                (received_at, row.candidate, row.application),
            )
        });
        Ok(page.collect())
    }

    /// A page of candidates.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list_candidates(
        &self,
        tenant: TenantId,
        query: CandidateQuery,
    ) -> Result<Vec<Listed<Uuid>>, StoreError> {
        let rows = self.store().candidates(tenant, query).await?;
        let keys = self
            .keys_of(tenant, rows.iter().map(|(candidate, ..)| *candidate))
            .await?;
        let page = rows.iter().map(|(candidate, version, sealed)| {
            let plain = open_row(&keys, tenant, *candidate, "summary", *candidate, sealed);
            listed(plain.map(|plain| with_version(*version, &plain)), *candidate)
        });
        Ok(page.collect())
    }

    /// The keyed hash under which an external id is kept.
    pub fn external_hash(&self, tenant: TenantId, external_id: &str) -> Vec<u8> {
        external_hash(self.secret(), tenant, external_id)
    }

    /// A part of the tenant's log.
    ///
    /// # Errors
    /// When the store does not answer, or holds what this release cannot read.
    pub async fn feed(&self, tenant: TenantId, query: FeedQuery) -> Result<Feed, StoreError> {
        let _place = self.feeds().acquire().await;
        let mut rows = self.store().feed(tenant, query).await?;
        let fitting = fitting(&rows);
        let cut = fitting < rows.len();
        rows.truncate(fitting);
        let keys = self
            .keys_of(
                tenant,
                rows.iter().filter(|row| row.sealed.is_some()).map(|row| row.candidate),
            )
            .await?;
        let entries = rows
            .iter()
            .map(|row| self.entry(tenant, &keys, row))
            .collect::<Result<_, _>>()?;
        Ok(Feed { entries, cut })
    }

    fn entry(&self, tenant: TenantId, keys: &Opened, row: &EventRow) -> Result<FeedEntry, StoreError> {
        let position = row.position;
        if let Some(envelope) = erasure(row) {
            return Ok(FeedEntry::Fact {
                position,
                envelope: Box::new(envelope),
            });
        }
        match keys.get(&row.candidate).filter(|_| row.sealed.is_some()) {
            Some(key) => Ok(FeedEntry::Fact {
                position,
                envelope: Box::new(open(tenant, key, row)?),
            }),
            None => {
                let at = at(row).ok_or(StoreError::Unreadable)?;
                Ok(FeedEntry::Erased {
                    position,
                    at: Box::new(at),
                })
            }
        }
    }

    async fn keys_of(&self, tenant: TenantId, candidates: impl Iterator<Item = Uuid>) -> Result<Opened, StoreError> {
        let mut candidates: Vec<Uuid> = candidates.collect();
        candidates.sort_unstable();
        candidates.dedup();
        self.store().keys().get_many(tenant, &candidates).await
    }
}
