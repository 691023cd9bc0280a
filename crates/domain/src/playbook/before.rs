//! What an adoption leaves as it was. A task that was done stays so, with its dates and the fact that closed it, and
//! what had no task gets none, until a fact recorded after the adoption raises it: then it is owed like any other.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::Playbook;
use crate::{
    candidate::Candidate,
    fact::At,
    ids::{EventId, TaskId},
    play::{Ending, Owed},
};

/// What was, when the playbook was adopted that a candidate follows now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Before {
    /// The version of the fact that says so; 0 where none was adopted.
    adopted: u64,
    /// What was done, and under which playbook.
    done: OrdMap<TaskId, (Arc<Owed>, Arc<Playbook>)>,
    /// What the new playbook would raise from older facts.
    spared: OrdSet<TaskId>,
}

impl Candidate {
    /// Adopts a playbook.
    pub(crate) fn take_up(&mut self, playbook: &Arc<Playbook>, at: &At) {
        let by_hand = |task: TaskId| self.marks.get(&task).is_some_and(|marks| marks.completed.is_some());
        let done = self
            .tasks
            .iter()
            .filter(|(id, task)| matches!(task.ending, Ending::Done(..)) || by_hand(**id))
            .map(|(id, task)| (*id, (Arc::clone(task), Arc::clone(self.playbook_of(task)))))
            .collect();
        self.before = Before {
            adopted: at.version,
            done,
            spared: OrdSet::new(),
        };
        self.playbook = Arc::clone(playbook);
    }

    /// The playbook that a task follows: of what was done, that of then.
    pub fn playbook_of(&self, task: &Owed) -> &Arc<Playbook> {
        match self.before.done.get(&task.id) {
            Some((done, playbook)) if **done == *task => playbook,
            _ => &self.playbook,
        }
    }

    /// Whether a fact was recorded before the playbook was adopted.
    pub(crate) fn is_older(&self, fact: EventId) -> bool {
        self.version_of(fact)
            .is_some_and(|version| version < self.before.adopted)
    }

    fn is_raised_from_older(&self, task: &Owed) -> bool {
        task.raised_by.iter().all(|fact| self.is_older(*fact))
    }

    /// A task as it was when it was done, before the playbook was adopted.
    pub(crate) fn done_before(&self, task: TaskId) -> Option<&Arc<Owed>> {
        self.before.done.get(&task).map(|(done, _)| done)
    }

    /// The same, unless a newer fact raises the task again.
    pub(crate) fn stands(&self, task: &Owed) -> Option<&Arc<Owed>> {
        self.done_before(task.id).filter(|_| self.is_raised_from_older(task))
    }

    /// Whether a task is not raised, since its facts are older than the playbook.
    pub(crate) fn is_spared(&self, task: &Owed) -> bool {
        self.before.spared.contains(&task.id) && self.is_raised_from_older(task)
    }

    /// Has a task wait for a newer fact.
    pub(crate) fn spare(&mut self, task: TaskId) {
        self.before.spared.insert(task);
    }
}
