//! Who of a batch goes in: a pure decision on what was read under the lock. A loser is answered and dropped, and does not
//! hold up the others; survivors get positions without a gap, and see what survivors before them did.

use crate::beside::Beside;
use crate::commit::{Appended, Commit, Erasure, Taken};
use crate::rows::{ApplicationRow, EventRow, IdempotencyRow, StreamRow, TaskRow};
use crate::timers::Fence;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// What the database knows of the batch's candidates, keys and ids.
#[derive(Debug, Default, Clone)]
pub(super) struct Known {
    /// Version, and whether erased.
    pub(super) streams: HashMap<Uuid, (i64, bool)>,
    pub(super) requests: HashMap<Vec<u8>, IdempotencyRow>,
    pub(super) events: HashMap<Uuid, There>,
    pub(super) external: HashMap<Vec<u8>, Uuid>,
    /// The tokens of leases.
    pub(super) leases: HashMap<String, i64>,
}

/// An event that is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct There {
    pub(super) candidate: Uuid,
    pub(super) version: i64,
    pub(super) position: i64,
    pub(super) recorded_at: i64,
}

/// One event with its place.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub(super) position: i64,
    pub(super) candidate: Uuid,
    pub(super) version: i64,
    pub(super) event: &'a EventRow,
}

impl Placed<'_> {
    fn there(&self) -> There {
        There {
            candidate: self.candidate,
            version: self.version,
            position: self.position,
            recorded_at: self.event.recorded_at,
        }
    }
}

/// What becomes of one stream's row.
#[derive(Debug, Default)]
pub(super) struct StreamChange<'a> {
    pub(super) version: i64,
    pub(super) recorded_at: i64,
    pub(super) next_at: Option<i64>,
    pub(super) playbook_version: i64,
    pub(super) row: Option<&'a StreamRow>,
}

/// What to write, each row once, and what to answer when it is written.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    pub(super) answers: Vec<Appended>,
    pub(super) position: i64,
    pub(super) events: Vec<Placed<'a>>,
    pub(super) streams: BTreeMap<Uuid, StreamChange<'a>>,
    pub(super) replaced: Vec<Uuid>,
    pub(super) new_tasks: BTreeMap<(Uuid, Uuid), &'a TaskRow>,
    pub(super) tasks: BTreeMap<(Uuid, Uuid), &'a TaskRow>,
    pub(super) applications: BTreeMap<(Uuid, Uuid), &'a ApplicationRow>,
    pub(super) requests: Vec<&'a IdempotencyRow>,
    pub(super) beside: Vec<&'a Beside>,
    pub(super) redactions: BTreeMap<(Uuid, i64), &'a [u8]>,
    pub(super) erased: Vec<(Uuid, Erasure)>,
    /// The groups of those, and where in the log they hear of it.
    pub(super) of_groups: Vec<(&'a [u8], i64)>,
}

/// What a transaction did, once it is in: the answers, and by what to recognise it.
#[derive(Debug)]
pub(super) struct Landed {
    pub(super) answers: Vec<Appended>,
    pub(super) position: i64,
    pub(super) moved: bool,
    pub(super) erased: Vec<(Uuid, Erasure)>,
    /// Whether rows were deleted or written over that nobody may find any more.
    pub(super) scrub: bool,
    events: Vec<(Uuid, There)>,
    requests: Vec<IdempotencyRow>,
}

impl Landed {
    /// Whether the database shows what this transaction wrote: all of it, since another instance may have announced the
    /// same at the same place, under the same id.
    pub(super) fn is_in(&self, known: &Known) -> bool {
        let is_there = |(id, own): &(Uuid, There)| known.events.get(id) == Some(own);
        // An erasure may have taken from the row what is sealed in it.
        let is_named = |own: &IdempotencyRow| {
            let there = known.requests.get(&own.key_hash);
            there.is_some_and(|it| (&it.request_hash, it.recorded_at) == (&own.request_hash, own.recorded_at))
        };
        // A rebuild, or a change beside the log without a name: doing it twice does no harm.
        let may_be_known = !self.events.is_empty() || !self.requests.is_empty();
        may_be_known && self.events.iter().all(is_there) && self.requests.iter().all(is_named)
    }
}

impl Plan<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.requests.is_empty() && self.beside.is_empty()
    }

    pub(super) fn landed(&self) -> Landed {
        Landed {
            answers: self.answers.clone(),
            position: self.position,
            moved: !self.events.is_empty(),
            erased: self.erased.clone(),
            scrub: !self.erased.is_empty() || !self.redactions.is_empty(),
            events: self
                .events
                .iter()
                .map(|placed| (placed.event.event_id, placed.there()))
                .collect(),
            requests: self.requests.iter().map(|request| (*request).clone()).collect(),
        }
    }

    /// The answers where what lies beside the log is not what the batch, one commit, rests on.
    pub(super) fn in_conflict(&self) -> Landed {
        Landed {
            answers: vec![Appended::Conflict; self.answers.len()],
            moved: false,
            erased: Vec::new(),
            ..self.landed()
        }
    }
}

/// `again`: an index has refused the batch, and no task is taken to be new.
pub(super) fn plan<'a>(commits: &'a [Commit], position: i64, known: &Known, again: bool) -> Plan<'a> {
    let mut known = known.clone();
    let mut plan = Plan {
        position,
        ..Plan::default()
    };
    for commit in commits {
        let answer = match refused(commit, &known) {
            Some(refusal) => refusal,
            None => {
                let first_position = plan.position + 1;
                admit(commit, &mut plan, &mut known);
                Appended::Done { first_position }
            }
        };
        plan.answers.push(answer);
    }
    if again {
        let new = std::mem::take(&mut plan.new_tasks);
        plan.tasks.extend(new);
    }
    plan
}

/// A key that was used goes before everything: its request was answered, whatever happened since.
fn refused(commit: &Commit, known: &Known) -> Option<Appended> {
    if let Some(row) = commit
        .idempotency
        .as_ref()
        .and_then(|row| known.requests.get(&row.key_hash))
    {
        return Some(Appended::KeyUsed(row.clone()));
    }
    let holds = |fence: Fence| known.leases.get(fence.lease) == Some(&fence.token);
    if !commit.fence.is_none_or(holds) {
        return Some(Appended::Fenced);
    }
    if !commit.touches_stream() {
        return None;
    }
    let (version, erased) = known.streams.get(&commit.candidate).copied().unwrap_or_default();
    if erased {
        return Some(Appended::Erased);
    }
    let (mut own, mut taken) = (HashMap::new(), Vec::new());
    for (expected, event) in (commit.expected_version + 1..).zip(&commit.events) {
        let (event_id, own_place) = (event.event_id, (commit.candidate, expected));
        let found = known
            .events
            .get(&event_id)
            .map(|there| (there.candidate, there.version));
        let there = found.or_else(|| own.insert(event_id, own_place));
        taken.extend(there.map(|(candidate, version)| Taken {
            event_id,
            candidate,
            version,
        }));
    }
    if !taken.is_empty() {
        return Some(Appended::IdsTaken(taken));
    }
    let is_new_again = commit.new_key.is_some() && version > 0;
    if version != commit.expected_version || is_new_again {
        return Some(Appended::Conflict);
    }
    let external = commit.stream.as_ref().and_then(|stream| stream.external_hash.as_ref());
    let holder = external.and_then(|hash| known.external.get(hash));
    holder
        .filter(|holder| **holder != commit.candidate)
        .map(|_| Appended::ExternalIdTaken)
}

fn admit<'a>(commit: &'a Commit, plan: &mut Plan<'a>, known: &mut Known) {
    let candidate = commit.candidate;
    if let Some(row) = &commit.idempotency {
        known.requests.insert(row.key_hash.clone(), row.clone());
        plan.requests.push(row);
    }
    plan.beside.extend(&commit.beside);
    if !commit.touches_stream() {
        return;
    }
    let mut version = commit.expected_version;
    for event in &commit.events {
        version += 1;
        plan.position += 1;
        let placed = Placed {
            position: plan.position,
            candidate,
            version,
            event,
        };
        known.events.insert(event.event_id, placed.there());
        plan.events.push(placed);
    }
    let change = plan.streams.entry(candidate).or_default();
    change.version = version;
    let newest = commit.events.last().map(|event| event.recorded_at);
    let recorded_at = newest
        .or(commit.stream.as_ref().map(|row| row.recorded_at))
        .unwrap_or(0);
    change.recorded_at = change.recorded_at.max(recorded_at);
    change.next_at = commit.next_at;
    change.playbook_version = commit.playbook_version;
    if let Some(row) = &commit.stream {
        change.row = Some(row);
        if let Some(hash) = &row.external_hash {
            known.external.insert(hash.clone(), candidate);
        }
    }
    if commit.replace_rows {
        plan.new_tasks.retain(|(owner, _), _| *owner != candidate);
        plan.tasks.retain(|(owner, _), _| *owner != candidate);
        plan.applications.retain(|(owner, _), _| *owner != candidate);
        plan.replaced.push(candidate);
    }
    plan.new_tasks
        .extend(commit.new_tasks.iter().map(|task| ((candidate, task.task_id), task)));
    for task in &commit.tasks {
        let place = (candidate, task.task_id);
        match plan.new_tasks.get_mut(&place) {
            // It came with a commit before this one, in the same batch.
            Some(new) => *new = task,
            None => drop(plan.tasks.insert(place, task)),
        }
    }
    plan.applications.extend(
        commit
            .applications
            .iter()
            .map(|row| ((candidate, row.application), row)),
    );
    plan.redactions.extend(
        commit
            .redactions
            .iter()
            .map(|(version, sealed)| ((candidate, *version), sealed.as_slice())),
    );
    if let Some(erasure) = commit.erase {
        plan.erased.push((candidate, erasure));
        let groups = commit.of_groups.iter().map(|group| (group.as_slice(), plan.position));
        plan.of_groups.extend(groups);
    }
    known.streams.insert(candidate, (version, commit.erase.is_some()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u128) -> EventRow {
        EventRow {
            position: 0,
            candidate: Uuid::nil(),
            version: 0,
            event_id: Uuid::from_u128(id),
            kind: "Noted".to_owned(),
            schema_version: 1,
            application: None,
            subject: "cnd_x".to_owned(),
            occurred_at: 10,
            recorded_at: 20,
            recorded_by: "key".to_owned(),
            sealed: None,
        }
    }

    #[test]
    fn a_commit_is_recognised_by_all_that_it_wrote() {
        let commit = |ids: &[u128]| Commit {
            events: ids.iter().map(|id| event(*id)).collect(),
            ..Commit::new(crate::TenantId(1), Uuid::from_u128(9), 0)
        };
        let after = |commit: &Commit| {
            let mut known = Known::default();
            let mut plan = Plan::default();
            admit(commit, &mut plan, &mut known);
            known
        };
        // What was announced before a fact, and the fact.
        let own = [commit(&[1, 2])];
        let landed = plan(&own, 0, &Known::default(), false).landed();
        assert!(landed.is_in(&after(&own[0])));
        assert!(!landed.is_in(&Known::default()));
        assert!(
            !landed.is_in(&after(&commit(&[1]))),
            "another instance has announced it, and the fact is not there"
        );
        assert!(!landed.is_in(&after(&commit(&[2, 1]))), "they are elsewhere");
    }
}
