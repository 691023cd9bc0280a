//! What people do to tasks by hand. A task is done by the fact that closes it; by hand it can be hidden
//! for a while, put aside with a reason, or, where its play says so, completed.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    candidate::Candidate,
    fact::{At, Fact, Place},
    ids::{EventId, TaskId},
    refusal::Refusal,
    time::{Dated, Instant, Stamp, within_reach},
    values::Text,
};

/// A task that no fact closes is done.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskCompleted {
    /// Anything to remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<Text>,
}

/// A task is hidden from the queue for a while; its state and due time stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskSnoozed {
    /// Until when.
    #[serde(deserialize_with = "within_reach")]
    pub until_at: Instant,
}

/// A task is put aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskDismissed {
    /// Why it will not be done.
    pub reason: Text,
}

/// What was done to a task by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    pub(crate) snoozed: Dated<Option<Timestamp>>,
    /// By when it happened; a standing task that has moved on may be put aside again.
    dismissed: Vec<(EventId, Stamp)>,
    pub(crate) completed: Option<(EventId, Stamp)>,
}

impl Marks {
    /// The first time that the task was put aside, as it stands since then.
    pub(crate) fn dismissed(&self, since: Option<Timestamp>) -> Option<(EventId, Stamp)> {
        let mut dismissed = self.dismissed.iter().copied();
        dismissed.find(|(_, stamp)| since.is_none_or(|since| stamp.at >= since))
    }

    /// Whether the task was completed or put aside by hand.
    pub(crate) fn ended_by_hand(&self, since: Option<Timestamp>) -> bool {
        self.completed.is_some() || self.dismissed(since).is_some()
    }
}

impl Candidate {
    fn mark(&mut self, at: &At, change: impl FnOnce(&mut Marks)) {
        let Ok(id) = TaskId::try_from(at.subject) else { return };
        let none = || {
            Arc::new(Marks {
                snoozed: Dated::base(None),
                dismissed: Vec::new(),
                completed: None,
            })
        };
        change(Arc::make_mut(self.marks.entry(id).or_insert_with(none)));
        // Other tasks of the application may open with this one's end: its new version has them derived again.
        self.application_of(at);
    }
}

/// A task that has ended stays as it is.
fn admit_live(candidate: &Candidate, at: &At) -> Result<(), Refusal> {
    let task = TaskId::try_from(at.subject)
        .ok()
        .and_then(|id| candidate.tasks.get(&id));
    let Some(task) = task else { return Ok(()) };
    let state = candidate.state_of(task, at.recorded_at);
    if state.is_live() {
        return Ok(());
    }
    Err(Refusal::new(
        "task_closed",
        format!("The task is {} already.", state.name()),
    ))
}

fn title(candidate: &Candidate, at: &At) -> String {
    let task = TaskId::try_from(at.subject)
        .ok()
        .and_then(|id| candidate.tasks.get(&id));
    task.map_or_else(|| "a task".to_owned(), |task| format!("“{}”", candidate.title(task)))
}

impl Fact for TaskCompleted {
    const NAME: &'static str = "TaskCompleted";
    type Subject = TaskId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_live(candidate, at)?;
        let task = TaskId::try_from(at.subject)
            .ok()
            .and_then(|id| candidate.tasks.get(&id));
        match task {
            Some(task) if !task.play.by_hand => {
                let facts = task.play.closed_by.join(" or ");
                Err(Refusal::new(
                    "needs_its_fact",
                    format!("The task is done by what it asks for: record {facts}."),
                ))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.mark(at, |marks| {
            marks.completed = marks.completed.or(Some((at.event, at.stamp())))
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!("Did {}.", title(candidate, at))
    }
}

impl Fact for TaskSnoozed {
    const NAME: &'static str = "TaskSnoozed";
    type Subject = TaskId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_live(candidate, at)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.mark(at, |marks| {
            marks.snoozed.offer(at.stamp(), Some(self.until_at.timestamp()))
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!("Put {} off until {}.", title(candidate, at), self.until_at)
    }
}

impl Fact for TaskDismissed {
    const NAME: &'static str = "TaskDismissed";
    type Subject = TaskId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_live(candidate, at)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let dismissed = (at.event, at.stamp());
        candidate.mark(at, |marks| {
            let place = marks.dismissed.partition_point(|(_, stamp)| *stamp <= dismissed.1);
            marks.dismissed.insert(place, dismissed);
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!("Put {} aside: {}", title(candidate, at), self.reason)
    }
}

#[cfg(test)]
mod tests;
