//! Keys of new candidates, brought to the key store before the log holds anything that they sealed. Whatever waits goes
//! together; a key that lost to another one there makes its commit a conflict, since what it sealed could not be read.

use super::Job;
use crate::commit::Appended;
use crate::crash;
use crate::error::StoreError;
use crate::keys::{Keys, WrappedKey};
use crate::rows::TenantId;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use uuid::Uuid;

/// Keeps the keys of commits and passes the commits on. Ends when the appender is dropped.
pub(super) async fn keep(mut jobs: UnboundedReceiver<Job>, keys: Arc<Keys>, log: UnboundedSender<Job>) {
    let mut waiting = Vec::new();
    while jobs.recv_many(&mut waiting, super::BATCH).await > 0 {
        let mut tenants: BTreeMap<TenantId, Vec<Job>> = BTreeMap::new();
        for job in waiting.drain(..).filter(Job::is_wanted) {
            tenants.entry(job.commit.tenant).or_default().push(job);
        }
        for (tenant, jobs) in tenants {
            let new: Vec<(Uuid, &WrappedKey, i64)> = jobs
                .iter()
                .filter_map(|Job { commit, .. }| {
                    let now = commit.events.first().map_or(0, |event| event.recorded_at);
                    Some((commit.candidate, commit.new_key.as_ref()?, now))
                })
                .collect();
            crash::point("the new key has not been kept");
            let kept = keys.keep(tenant, &new).await;
            crash::point("the new key is kept");
            for job in jobs {
                match (&kept, &job.commit.new_key) {
                    (Ok(lost), Some(key)) if lost.contains(&key.0) => drop(job.answer.send(Ok(Appended::Conflict))),
                    // The log is there for as long as the appender is; when it is gone, so is who asked.
                    (Ok(_), _) => drop(log.send(job)),
                    (Err(error), _) => drop(job.answer.send(Err(StoreError::Unavailable(error.to_string())))),
                }
            }
        }
    }
}
