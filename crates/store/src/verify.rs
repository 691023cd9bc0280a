//! Replay is law: whatever is stored beside the log must be what the log says. Every stream is folded again from its
//! first fact, past all caches, and held against every row; what differs is named by ids and fields, never by what they
//! say. Runs beside live traffic: a candidate that moves on meanwhile is read again.

mod compare;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use afterword_domain::candidate::Candidate;
use afterword_domain::ids::CandidateId;
use futures_util::stream::{StreamExt, iter};
use uuid::Uuid;

use self::compare::Comparison;
use self::stored::Stored;
use crate::envelopes::open;
use crate::playbooks::{Playbooks, put_together};
use crate::projection::Projection;
use crate::{DataKey, EventRow, Recorder, StoreError, TenantId};

/// Candidates that are read at once.
const AT_ONCE: usize = 8;
/// Candidates, or places of the log, in one read.
const PAGE: i64 = 1024;
/// How often a candidate is read until nobody writes to it between the first row and the last.
const LOOKS: u32 = 1000;
/// Differences that may pass by themselves are there when they stay for so many looks.
const SURE: u32 = 20;

/// What was looked at, and how much of it is not as the log says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verified {
    /// The candidates, erased ones too.
    pub candidates: u64,
    /// Their facts.
    pub events: u64,
    /// What differs.
    pub differences: u64,
}

/// What a verification tells on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A candidate has been looked at.
    Candidate,
    /// Something differs.
    Difference {
        /// Whose it is; none where it is the tenant's.
        candidate: Option<CandidateId>,
        /// What, without a word of what is sealed.
        what: String,
    },
}

struct Report<F> {
    verified: Verified,
    tell: F,
}

impl<F: FnMut(Told)> Report<F> {
    fn differs(&mut self, candidate: Option<Uuid>, what: impl Into<String>) {
        self.verified.differences += 1;
        (self.tell)(Told::Difference {
            candidate: candidate.map(CandidateId::new),
            what: what.into(),
        });
    }
}

impl Recorder {
    /// Holds everything stored for a tenant against its log.
    ///
    /// # Errors
    /// When the store does not answer. What cannot be read is a difference.
    pub async fn verify(&self, tenant: TenantId, tell: impl FnMut(Told)) -> Result<Verified, StoreError> {
        let mut report = Report {
            verified: Verified::default(),
            tell,
        };
        let mut logged = self.walk(tenant, &mut report).await?;
        let mut after = None;
        loop {
            let page = self.store().stream_ids(tenant, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(*last);
            let mut looks = iter(page)
                .map(async |id| (id, self.look(tenant, id).await))
                .buffer_unordered(AT_ONCE);
            while let Some((id, looked)) = looks.next().await {
                let (events, differences) = looked?;
                if logged.remove(&id).is_some_and(|versions| versions > events) && differences.is_empty() {
                    report.differs(Some(id), "the log holds more facts than the stream");
                }
                for what in differences {
                    report.differs(Some(id), what);
                }
                report.verified.candidates += 1;
                report.verified.events += events.unsigned_abs();
                (report.tell)(Told::Candidate);
            }
        }
        for id in logged.into_keys() {
            report.differs(Some(id), "the log holds facts of a candidate without a stream");
        }
        let mut last = 0;
        for row in self.store().playbooks(tenant).await? {
            if row.version != last + 1 {
                report.differs(None, format!("the playbook has no version {}", last + 1));
            }
            last = row.version;
            if row.read().is_none() {
                let what = format!("version {last} of the playbook is not what its hash says, or cannot be read");
                report.differs(None, what);
            }
        }
        for (table, id) in self.store().strays(tenant).await? {
            report.differs(Some(id), format!("{table} of a candidate without a stream"));
        }
        Ok(report.verified)
    }

    /// Walks the tenant's log: positions have no gap, and each candidate's facts come in their order. Gives how many
    /// facts of each candidate it holds.
    async fn walk<F: FnMut(Told)>(
        &self,
        tenant: TenantId,
        report: &mut Report<F>,
    ) -> Result<HashMap<Uuid, i64>, StoreError> {
        let begun_at = self.store().head_position(tenant).await?;
        let (mut last, mut versions) = (0, HashMap::new());
        loop {
            let page = self.store().places(tenant, last).await?;
            if page.is_empty() {
                break;
            }
            for (position, candidate, version) in page {
                if position != last + 1 {
                    report.differs(None, format!("the log has no fact at position {}", last + 1));
                }
                last = position;
                let before = versions.insert(candidate, version).unwrap_or(0);
                if version != before + 1 {
                    report.differs(
                        Some(candidate),
                        format!("at position {position} version {version} follows {before}"),
                    );
                }
            }
        }
        let head = self.store().head_position(tenant).await?;
        if last < begun_at || last > head {
            report.differs(None, format!("the log ends at position {last}, its head says {head}"));
        }
        Ok(versions)
    }

    /// Looks at one candidate until it stands still: how many facts it has, and what differs.
    async fn look(&self, tenant: TenantId, id: Uuid) -> Result<(i64, Vec<String>), StoreError> {
        let mut looked = (0, vec!["it never stood still for long enough to be read".to_owned()]);
        let mut settled = 0;
        for _ in 0..LOOKS {
            if let Some(stored) = Stored::read(self.store(), tenant, id).await? {
                let differences = match self.judge(tenant, id, &stored).await? {
                    Ok(differences) => return Ok((stored.stream.version, differences)),
                    Err(passing) => passing,
                };
                looked = (stored.stream.version, differences);
                settled += 1;
                if settled == SURE {
                    break;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(looked)
    }

    /// What differs; as an error, what may pass by itself: an erasure destroys its key a moment after it is recorded.
    async fn judge(
        &self,
        tenant: TenantId,
        id: Uuid,
        stored: &Stored,
    ) -> Result<Result<Vec<String>, Vec<String>>, StoreError> {
        let mut differences = stored.order();
        self.store().keys().forget(tenant, id);
        let key = match self.store().keys().get(tenant, id).await {
            Err(StoreError::Unreadable) => {
                differences.push("its key is not of this master key".to_owned());
                return Ok(Ok(differences));
            }
            key => key?,
        };
        if stored.stream.erased_at.is_some() {
            differences.extend(stored.remains(key.is_some()));
            return Ok(if key.is_some() {
                Err(differences)
            } else {
                Ok(differences)
            });
        }
        let Some(key) = key else {
            differences.push("it has no key".to_owned());
            return Ok(Err(differences));
        };
        let playbooks = self.playbooks_of(tenant, &key, &stored.events).await?;
        match replay(
            tenant,
            Candidate::unknown(CandidateId::new(id)),
            &key,
            &stored.events,
            &playbooks,
        ) {
            Ok(candidate) => {
                let rows = Projection {
                    tenant,
                    key: &key,
                    secret: self.secret(),
                }
                .all(&candidate);
                differences.extend(Comparison { tenant, id, key: &key }.all(stored, &rows));
            }
            Err(error @ StoreError::UnreadablePlaybook(_)) => differences.push(error.to_string()),
            Err(_) => differences.push("a fact of its stream cannot be read".to_owned()),
        }
        Ok(Ok(differences))
    }
}

/// Folds rows of the log onto a state.
pub(crate) fn replay(
    tenant: TenantId,
    from: Candidate,
    key: &DataKey,
    rows: &[EventRow],
    playbooks: &Playbooks,
) -> Result<Candidate, StoreError> {
    let facts = rows
        .iter()
        .map(|row| {
            let mut envelope = open(tenant, key, row)?;
            put_together(&mut envelope, playbooks)?;
            Ok(Arc::new(envelope))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    Ok(from.fold(facts))
}
