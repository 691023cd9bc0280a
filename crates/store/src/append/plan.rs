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
    /// Candidate, version, position.
    pub(super) events: HashMap<Uuid, (Uuid, i64, i64)>,
    pub(super) external: HashMap<Vec<u8>, Uuid>,
    /// The tokens of leases.
    pub(super) leases: HashMap<String, i64>,
}

/// One event with its place.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub(super) position: i64,
    pub(super) candidate: Uuid,
    pub(super) version: i64,
    pub(super) event: &'a EventRow,
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
    event: Option<(Uuid, i64)>,
    request: Option<IdempotencyRow>,
}

impl Landed {
    /// Whether the database shows what this transaction wrote.
    pub(super) fn is_in(&self, known: &Known) -> bool {
        match (&self.event, &self.request) {
            (Some((id, position)), _) => known.events.get(id).is_some_and(|there| there.2 == *position),
            (None, Some(request)) => known.requests.get(&request.key_hash) == Some(request),
            // A rebuild, or a change beside the log without a name: doing it twice does no harm.
            (None, None) => false,
        }
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
            event: self.events.first().map(|first| (first.event.event_id, first.position)),
            request: self.requests.first().map(|request| (*request).clone()),
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
        let (event_id, own_place) = (event.event_id, (commit.candidate, expected, 0));
        let there = known
            .events
            .get(&event_id)
            .copied()
            .or_else(|| own.insert(event_id, own_place));
        taken.extend(there.map(|(candidate, version, _)| Taken {
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
        known.events.insert(event.event_id, (candidate, version, plan.position));
        plan.events.push(Placed {
            position: plan.position,
            candidate,
            version,
            event,
        });
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
