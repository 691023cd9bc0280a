//! What the appender writes for facts that were decided: each sealed as it stands after all of them, the rows that lists are
//! read from, and the name of the request.

use std::sync::Arc;

use afterword_domain::{candidate::Candidate, decide::Decided, fact::Envelope, refusal::Refusal};

use super::{Command, Recorder, Step, replay::keep};
use crate::{
    Commit, DataKey, Erasure, IdempotencyRow, StoreError, TenantId,
    envelopes::{seal, seal_payload, signed},
    projection::Projection,
};

impl Recorder {
    /// What the appender writes for a decided command.
    pub(super) async fn commit(
        &self,
        command: &Command<'_>,
        before: &Candidate,
        after: &Candidate,
        [announced, adopted]: [&[Arc<Envelope>]; 2],
        results: &[Result<Step, Refusal>],
    ) -> Result<Commit, StoreError> {
        let (tenant, id) = (command.tenant, command.candidate.uuid());
        let recorded = results.iter().flatten().filter_map(|step| match &step.decided {
            Decided::Recorded(envelope) => Some(envelope),
            Decided::Already(_) => None,
        });
        let mut facts: Vec<_> = announced.iter().chain(recorded).chain(adopted).collect();
        if after.erased_at.is_none() {
            // As they stand after all of them: one that erases a contact rewrites those before it, too.
            let newest = after.history().iter().rev().zip(facts.iter_mut().rev());
            newest.for_each(|(now, fact)| *fact = now);
        }
        let (mut commit, key) = self.written(tenant, command.fresh, before, after, &facts).await?;
        commit.fence = command.fence;
        let asked = command.idempotency.is_some() && after.erased_at.is_none();
        let kept = (asked && facts.len() != announced.len() + results.len() + adopted.len())
            .then(|| keep(tenant, &key, id, results));
        let first = signed(before.version + 1 + announced.len() as u64);
        commit.idempotency = command.idempotency.as_ref().map(|named| IdempotencyRow {
            sealed: kept,
            ..named.row(command.candidate, first, results.len())
        });
        Ok(commit)
    }

    /// A commit of facts that lead from one state to another, and the key they are sealed with.
    pub(super) async fn written(
        &self,
        tenant: TenantId,
        fresh: bool,
        before: &Candidate,
        after: &Candidate,
        facts: &[&Arc<Envelope>],
    ) -> Result<(Commit, Arc<DataKey>), StoreError> {
        let id = after.id.uuid();
        let mut commit = Commit::new(tenant, id, signed(before.version));
        let found = if fresh {
            None
        } else {
            self.store.keys().get(tenant, id).await?
        };
        let key = found.unwrap_or_else(|| {
            let (key, wrapped) = self.store.keys().new_key(tenant, id);
            commit.new_key = Some(wrapped);
            Arc::new(key)
        });
        let projection = Projection {
            tenant,
            key: &key,
            secret: &self.secret,
        };
        commit.events = facts.iter().map(|envelope| seal(tenant, &key, envelope)).collect();
        if let Some(erased_at) = after.erased_at {
            commit.erase = Some(Erasure::made(erased_at));
            let groups = before.profile.iter().flat_map(|profile| profile.groups.get());
            let hashed = groups.map(|label| self.store.group_hash(tenant, label.as_str()));
            commit.of_groups = hashed.collect();
        } else if after.version > before.version {
            // What a retraction takes away leaves no row.
            commit.replace_rows = before
                .applications
                .keys()
                .any(|known| !after.applications.contains_key(known));
            let rows = if commit.replace_rows {
                projection.all(after)
            } else {
                projection.changed(before, after)
            };
            rows.go_with(&mut commit);
            let rewritten = before
                .history()
                .iter()
                .zip(after.history())
                .filter(|(then, now)| !Arc::ptr_eq(then, now));
            commit.redactions = rewritten
                .map(|(_, now)| (signed(now.at.version), seal_payload(tenant, &key, now)))
                .collect();
        }
        Ok((commit, key))
    }
}
