//! Holding stored rows against those that the log gives. Texts are opened on both sides, since no text is ever sealed the
//! same way twice; of a difference only the names of fields are told.

use std::collections::BTreeMap;

use afterword_domain::ids::{ApplicationId, TaskId};
use serde_json::Value;
use uuid::Uuid;

use super::stored::{Stored, StoredStream};
use crate::projection::Rows;
use crate::{Aad, ApplicationRow, DataKey, StreamRow, TaskRow, TenantId};

/// Holds stored rows against those that the log gives.
pub(super) struct Comparison<'a> {
    pub(super) tenant: TenantId,
    pub(super) id: Uuid,
    pub(super) key: &'a DataKey,
}

impl Comparison<'_> {
    pub(super) fn all(&self, stored: &Stored, derived: &Rows) -> Vec<String> {
        let mut differences = Vec::new();
        if let Some(derived) = &derived.stream {
            differ(&mut differences, "its stream", self.stream(&stored.stream, derived));
        }
        let next = unequal([
            ("next_at", stored.stream.next_at == derived.next_at),
            (
                "playbook_version",
                stored.stream.playbook_version == derived.playbook_version,
            ),
        ]);
        differ(&mut differences, "its stream", next);
        let tasks = |rows: &[TaskRow]| rows.iter().map(|row| (row.task_id, row.clone())).collect();
        for (id, stored, derived) in pairs(tasks(&stored.tasks), tasks(&derived.tasks)) {
            let name = TaskId::new(id).to_string();
            differ(
                &mut differences,
                &name,
                both(stored, derived, |one, other| self.task(one, other)),
            );
        }
        let applications = |rows: &[ApplicationRow]| rows.iter().map(|row| (row.application, row.clone())).collect();
        for (id, stored, derived) in pairs(applications(&stored.applications), applications(&derived.applications)) {
            let name = ApplicationId::new(id).to_string();
            differ(
                &mut differences,
                &name,
                both(stored, derived, |one, other| self.application(one, other)),
            );
        }
        differences
    }

    fn stream(&self, stored: &StoredStream, derived: &StreamRow) -> Vec<String> {
        let mut groups = derived.groups.clone();
        groups.sort_unstable();
        groups.dedup();
        let mut fields = unequal([
            ("recorded_at", stored.recorded_at == derived.recorded_at),
            ("external_hash", stored.external_hash == derived.external_hash),
            ("groups", stored.groups == groups),
            ("derivation", stored.derivation == derived.derivation),
        ]);
        fields.extend(self.text("summary", self.id, stored.sealed.as_deref(), Some(&derived.sealed)));
        fields
    }

    fn task(&self, stored: &TaskRow, derived: &TaskRow) -> Vec<String> {
        let mut fields = unequal([
            ("application_id", stored.application == derived.application),
            ("play", stored.play == derived.play),
            ("state", stored.state == derived.state),
            ("opens_at", stored.opens_at == derived.opens_at),
            ("due_at", stored.due_at == derived.due_at),
            ("snoozed_until", stored.snoozed_until == derived.snoozed_until),
            // A row keeps the version that it was last written at.
            ("version", (1..=derived.version).contains(&stored.version)),
        ]);
        fields.extend(self.text("task", derived.task_id, Some(&stored.sealed), Some(&derived.sealed)));
        fields
    }

    fn application(&self, stored: &ApplicationRow, derived: &ApplicationRow) -> Vec<String> {
        let id = derived.application;
        let mut fields = unequal([
            ("status", stored.status == derived.status),
            ("quiet_at", stored.quiet_at == derived.quiet_at),
            ("silent_at", stored.silent_at == derived.silent_at),
            (
                "presumed_closed_at",
                stored.presumed_closed_at == derived.presumed_closed_at,
            ),
            ("rejection_stage", stored.rejection_stage == derived.rejection_stage),
            (
                "rejection_received_at",
                stored.rejection_received_at == derived.rejection_received_at,
            ),
            ("version", stored.version == derived.version),
        ]);
        fields.extend(self.text("application", id, Some(&stored.sealed), Some(&derived.sealed)));
        let (stored, derived) = (stored.rejection_sealed.as_deref(), derived.rejection_sealed.as_deref());
        fields.extend(self.text("rejection", id, stored, derived));
        fields
    }

    /// The fields in which two sealed texts differ.
    fn text(&self, purpose: &str, id: Uuid, stored: Option<&[u8]>, derived: Option<&[u8]>) -> Vec<String> {
        let aad = Aad {
            tenant: self.tenant,
            candidate: self.id,
            purpose,
            id,
        };
        let open = |sealed: Option<&[u8]>| sealed.map(|sealed| self.key.open(&aad, sealed)).transpose();
        match (open(stored), open(derived)) {
            (Ok(stored), Ok(derived)) if stored == derived => Vec::new(),
            (Ok(Some(stored)), Ok(Some(derived))) => fields(&stored, &derived)
                .map(|field| format!("{purpose}.{field}"))
                .collect(),
            (Ok(_), Ok(_)) => vec![purpose.to_owned()],
            (Err(_), _) | (_, Err(_)) => vec![format!("{purpose} (unreadable)")],
        }
    }
}

fn differ(differences: &mut Vec<String>, what: &str, fields: Vec<String>) {
    if !fields.is_empty() {
        differences.push(format!("{what} differs in {}", fields.join(", ")));
    }
}

fn both<R>(stored: Option<R>, derived: Option<R>, compare: impl Fn(&R, &R) -> Vec<String>) -> Vec<String> {
    match (stored, derived) {
        (Some(stored), Some(derived)) => compare(&stored, &derived),
        (None, _) => vec!["being there: it is missing".to_owned()],
        (_, None) => vec!["being there: it is too many".to_owned()],
    }
}

type Pair<R> = (Uuid, Option<R>, Option<R>);

/// Rows of both sides by their ids.
fn pairs<R>(mut stored: BTreeMap<Uuid, R>, derived: BTreeMap<Uuid, R>) -> Vec<Pair<R>> {
    let mut pairs: Vec<Pair<R>> = derived
        .into_iter()
        .map(|(id, row)| (id, stored.remove(&id), Some(row)))
        .collect();
    pairs.extend(stored.into_iter().map(|(id, row)| (id, Some(row), None)));
    pairs
}

fn unequal<const N: usize>(columns: [(&str, bool); N]) -> Vec<String> {
    columns
        .into_iter()
        .filter(|(_, is_equal)| !is_equal)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The names of the fields in which two JSON objects differ.
fn fields(one: &[u8], other: &[u8]) -> impl Iterator<Item = String> {
    let read = |text| serde_json::from_slice::<Value>(text).unwrap_or_default();
    let (one, other) = (read(one), read(other));
    let names: Vec<String> = [&one, &other]
        .into_iter()
        .filter_map(Value::as_object)
        .flat_map(|it| it.keys().cloned())
        .collect();
    let mut changed: Vec<String> = names
        .into_iter()
        .filter(|name| one.get(name) != other.get(name))
        .collect();
    changed.sort_unstable();
    changed.dedup();
    if changed.is_empty() {
        changed.push("order".to_owned());
    }
    changed.into_iter()
}
