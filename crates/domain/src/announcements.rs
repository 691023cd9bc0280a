//! Time that passes. A task opens or falls due, an employer goes quiet: nothing happens but that a moment has come. The
//! service announces it as a fact, so that whoever listens hears of it.
//!
//! - An announcement's `occurred_at` is the moment itself, however late it is written; its id follows from the task or
//!   the application, the moment and the kind. So being a week late is harmless, and two runs give the same log. Where
//!   some fact has that id already, it is another one, which nobody could foresee (`ids_of_the_service`).
//! - No state depends on it: states follow from the clock of the reader. No client records it, nobody takes it back.
//! - Every write first announces what has come due; the time worker is a write with nothing else in it. So what a
//!   moment finds is what it would have found in time, and nothing is announced twice.
//! - What happened before a moment may be told after it was announced. The log keeps what was said; a timeline leaves out
//!   what has turned out otherwise.
//! - Not announced: what is snoozed at its moment, and what was done, dismissed or void by then. A task with another
//!   date may be announced again, for that date.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    applications::{Application, Status, organisation},
    candidate::Candidate,
    catalogue::AnyFact,
    decide::Moved,
    derive,
    fact::{At, Envelope, Fact, Place, TaskRefs},
    giving_way,
    ids::{ApplicationId, EventId, Subject, TaskId},
    outcome,
    play::{Ending, Owed},
    refusal::Refusal,
    status::silence,
};

/// Who records what the clock says, where others give their API key.
pub const CLOCK: &str = "clock";

/// A task that had to wait may be done from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskOpened {
    /// The task.
    pub task: TaskId,
}

/// A task's due time has passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskOverdue {
    /// The task.
    pub task: TaskId,
}

/// An organisation has been silent for so long that it has another name. It is never called a rejection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceNoticed {
    /// The application that waits for a word.
    pub application: ApplicationId,
    /// What the silence is called now.
    pub stage: SilenceStage,
}

/// What a silence is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SilenceStage {
    /// They have been quiet for a while.
    Quiet,
    /// They leave enquiries unanswered, or have been quiet for long.
    Silent,
    /// The application is presumed closed, until they say otherwise.
    PresumedClosed,
}

impl SilenceStage {
    const fn status(self) -> Status {
        match self {
            Self::Quiet => Status::Quiet,
            Self::Silent => Status::Silent,
            Self::PresumedClosed => Status::PresumedClosed,
        }
    }
}

/// A moment that will be announced, unless something happens before; in the order of announcing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    at: Timestamp,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Opened(TaskId),
    Overdue(TaskId),
    Silence(SilenceStage, ApplicationId),
}

impl Due {
    const fn opened(task: TaskId, at: Timestamp) -> Self {
        let what = What::Opened(task);
        Self { at, what }
    }

    const fn overdue(task: TaskId, at: Timestamp) -> Self {
        let what = What::Overdue(task);
        Self { at, what }
    }

    const fn silence(application: ApplicationId, stage: SilenceStage, at: Timestamp) -> Self {
        let what = What::Silence(stage, application);
        Self { at, what }
    }

    /// What it is about, and what makes it one of several about that.
    fn key(self) -> (Uuid, String) {
        let (about, name) = match self.what {
            What::Opened(task) => (task.uuid(), TaskOpened::NAME),
            What::Overdue(task) => (task.uuid(), TaskOverdue::NAME),
            What::Silence(stage, application) => (application.uuid(), stage.status().name()),
        };
        (about, format!("{name}|{}", self.at.as_microsecond()))
    }

    /// The ids that the announcement may have, the first one in every run.
    fn ids(self, recorded_at: Timestamp) -> [EventId; 2] {
        let (about, key) = self.key();
        ids_of_the_service(about, &key, recorded_at)
    }

    /// The announcement, as the newest fact of a candidate.
    fn announced(self, candidate: &Candidate, recorded_at: Timestamp, taken: &HashSet<EventId>) -> Envelope {
        let event = candidate.free(self.ids(recorded_at), taken);
        let (subject, application, task, data) = match self.what {
            What::Opened(task) => (task.into(), None, Some(task), TaskOpened { task }.into()),
            What::Overdue(task) => (task.into(), None, Some(task), TaskOverdue { task }.into()),
            What::Silence(stage, application) => {
                let data = SilenceNoticed { application, stage }.into();
                (Subject::from(application), Some(application), None, data)
            }
        };
        let task = task.and_then(|task| candidate.tasks.get(&task));
        let tasks = task.map_or_else(TaskRefs::default, |task| {
            let moved = Moved {
                changed: vec![Arc::clone(task)],
                ..Moved::default()
            };
            moved.refs(candidate, self.at)
        });
        let at = At {
            event,
            candidate: candidate.id,
            version: candidate.version + 1,
            application: application.or(task.and_then(|task| task.application)),
            subject,
            occurred_at: self.at,
            recorded_at,
            recorded_by: CLOCK.into(),
        };
        Envelope {
            at,
            schema: 1,
            departures: Vec::new(),
            tasks,
            data,
        }
    }
}

/// Announces what has come due by now: each at its own moment, in order.
pub fn announce(candidate: &mut Candidate, now: Timestamp) -> Vec<Arc<Envelope>> {
    announce_under_others(candidate, now, &HashSet::new())
}

/// The same, where other candidates' facts have these ids.
pub fn announce_under_others(
    candidate: &mut Candidate,
    now: Timestamp,
    taken: &HashSet<EventId>,
) -> Vec<Arc<Envelope>> {
    let recorded_at = now.max(candidate.recorded_at);
    let mut announced = Vec::new();
    while let Some(due) = candidate.due.get_min().copied().filter(|due| due.at <= now) {
        let fact = Arc::new(due.announced(candidate, recorded_at, taken));
        candidate.record(Arc::clone(&fact));
        announced.push(fact);
    }
    announced
}

/// Whether an announcement has an id that its kind, its moment and what it is about give it.
pub(crate) fn is_its_own(fact: &Envelope) -> bool {
    let at = fact.at.occurred_at;
    let due = if let AnyFact::TaskOpened(said) = &fact.data {
        Due::opened(said.task, at)
    } else if let AnyFact::TaskOverdue(said) = &fact.data {
        Due::overdue(said.task, at)
    } else if let AnyFact::SilenceNoticed(said) = &fact.data {
        Due::silence(said.application, said.stage, at)
    } else {
        return false;
    };
    due.ids(fact.at.recorded_at).contains(&fact.at.event) && at <= fact.at.recorded_at
}

/// The ids that a fact of the service's own may have: one that follows from what it says and, where some fact has that one,
/// one that follows from when it is recorded, too. Clients choose the ids of facts and know those of tasks: what they can
/// foresee they can take.
pub(crate) fn ids_of_the_service(about: Uuid, key: &str, recorded_at: Timestamp) -> [EventId; 2] {
    let first = Uuid::new_v5(&about, key.as_bytes());
    let second = Uuid::new_v5(&first, recorded_at.as_microsecond().to_string().as_bytes());
    [first, second].map(EventId::new)
}

impl Candidate {
    /// The first of these ids that no fact has, as far as is known; the last, where all are taken.
    pub(crate) fn free(&self, ids: [EventId; 2], taken: &HashSet<EventId>) -> EventId {
        let [first, second] = ids;
        let is_free = self.fact(first).is_none() && !taken.contains(&first);
        if is_free { first } else { second }
    }

    /// Takes note of what has been announced.
    fn has_announced(&mut self, due: Due) {
        self.due.remove(&due);
        self.announced.insert(due);
    }

    /// When something will next happen by itself. In the past where it waits to be announced.
    pub fn next_moment(&self) -> Option<Timestamp> {
        self.due.get_min().map(|due| due.at)
    }

    /// Keeps the moments to announce in step with what a fact has changed, and touches no others.
    pub(crate) fn schedule(&mut self, before: &Self) {
        let mut tasks = derive::changed(&before.tasks, &self.tasks);
        tasks.extend(derive::changed(&before.marks, &self.marks));
        let gone = tasks
            .iter()
            .filter_map(|id| before.tasks.get(id))
            .flat_map(|task| of_task(task));
        let applications = derive::changed(&before.applications, &self.applications);
        let silences = applications.iter().filter_map(|id| before.application(*id));
        for due in gone.chain(silences.flat_map(of_silence)) {
            self.due.remove(&due);
        }
        let tasks = tasks
            .iter()
            .filter_map(|id| self.tasks.get(id))
            .flat_map(|task| self.dues_of_task(task));
        let silences = applications.iter().filter_map(|id| self.application(*id));
        let new: Vec<_> = tasks.chain(silences.flat_map(|it| self.dues_of_silence(it))).collect();
        self.due.extend(new);
    }

    /// The same from the beginning, where a fact has changed everything.
    pub(crate) fn schedule_all(&mut self) {
        let tasks = self.tasks.values().flat_map(|task| self.dues_of_task(task));
        let silences = self.applications.values().flat_map(|it| self.dues_of_silence(it));
        self.due = tasks.chain(silences).collect();
    }

    fn dues_of_task<'a>(&'a self, task: &'a Owed) -> impl Iterator<Item = Due> + 'a {
        let by_hand = self
            .marks
            .get(&task.id)
            .is_some_and(|marks| marks.ended_by_hand(task.since));
        let is_live = task.ending == Ending::Live && !by_hand;
        let snoozed = self.snoozed_until(task);
        of_task(task)
            .filter(move |due| is_live && snoozed.is_none_or(|until| until <= due.at))
            .filter(|due| !matches!(due.what, What::Opened(_)) || self.waited(task))
            .filter(|due| !self.announced.contains(due))
    }

    /// Whether a task opens later than it was raised.
    fn waited(&self, task: &Owed) -> bool {
        let raised = task.raised_by.iter().filter_map(|event| self.fact(*event));
        raised
            .map(|fact| fact.at.occurred_at)
            .max()
            .is_none_or(|raised| raised < task.opens_at)
    }

    fn dues_of_silence<'a>(&'a self, application: &'a Application) -> impl Iterator<Item = Due> + 'a {
        let waits = application.base_status() == Status::Awaiting;
        of_silence(application)
            .filter(move |due| match due.what {
                // What comes at the same moment as the next stage has no time of its own.
                What::Silence(stage, _) => waits && application.status(due.at) == stage.status(),
                What::Opened(_) | What::Overdue(_) => false,
            })
            .filter(|due| !self.announced.contains(due))
    }
}

/// Which facts moved which tasks: when they happened, and when they were told.
pub(crate) struct Moves(BTreeMap<TaskId, Vec<(Timestamp, u64)>>);

impl Moves {
    pub(crate) fn of(candidate: &Candidate) -> Self {
        let mut moves: BTreeMap<TaskId, Vec<_>> = BTreeMap::new();
        let facts = candidate.history().iter().filter(|fact| !fact.data.kind().by_the_clock);
        for fact in facts.filter(|fact| !candidate.is_retracted(fact.at.event)) {
            let TaskRefs {
                raised,
                changed,
                closed,
            } = &fact.tasks;
            giving_way::step();
            for task in raised.iter().chain(changed).chain(closed) {
                let told = (fact.at.occurred_at, fact.at.version);
                moves.entry(task.id).or_default().push(told);
            }
        }
        Self(moves)
    }

    /// Whether what the clock said is still so, as far as is known now.
    pub(crate) fn leave_standing(&self, candidate: &Candidate, said: &Envelope) -> bool {
        let At {
            occurred_at, version, ..
        } = said.at;
        match said.at.subject {
            Subject::Task(task) => {
                let mut moves = self.0.get(&task).into_iter().flatten();
                !moves.any(|(happened, told)| *told > version && *happened <= occurred_at)
            }
            Subject::Application(id) => candidate.application(id).is_none_or(|application| {
                let mut then = application.clone();
                then.moments.retain(|moment| moment.stamp.at <= occurred_at);
                let silence =
                    silence(&then, &application.zone(candidate), &candidate.playbook).map(|it| it.at(occurred_at));
                let AnyFact::SilenceNoticed(SilenceNoticed { stage, .. }) = &said.data else {
                    return true;
                };
                outcome::of(&then).is_none() && silence == Some(stage.status())
            }),
            _ => true,
        }
    }
}

/// The moments of a task, whether or not they are to be announced.
fn of_task(task: &Owed) -> impl Iterator<Item = Due> + use<> {
    let overdue = task.due_at.map(|at| Due::overdue(task.id, at));
    [Some(Due::opened(task.id, task.opens_at)), overdue]
        .into_iter()
        .flatten()
}

/// The moments of a silence, whether or not they are to be announced.
fn of_silence(application: &Application) -> impl Iterator<Item = Due> + use<> {
    let id = application.id;
    let stages = application.silence().map(|silence| {
        [
            Due::silence(id, SilenceStage::Quiet, silence.quiet_at),
            Due::silence(id, SilenceStage::Silent, silence.silent_at),
            Due::silence(id, SilenceStage::PresumedClosed, silence.presumed_closed_at),
        ]
    });
    stages.into_iter().flatten()
}

fn only_by_the_clock() -> Refusal {
    Refusal::new(
        "recorded_by_the_clock",
        "Only time itself brings this about: nobody records it.",
    )
}

fn title(candidate: &Candidate, task: TaskId) -> String {
    candidate
        .tasks
        .get(&task)
        .map_or_else(|| "A task".to_owned(), |task| candidate.title(task))
}

impl Fact for TaskOpened {
    const NAME: &'static str = "TaskOpened";
    const BY_THE_CLOCK: bool = true;
    type Subject = TaskId;
    const PLACE: Place = Place::Step;

    fn admit(&self, _: &Candidate, _: &At) -> Result<(), Refusal> {
        Err(only_by_the_clock())
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.has_announced(Due::opened(self.task, at.occurred_at));
    }

    fn tell(&self, candidate: &Candidate, _: &At) -> String {
        format!("{}: opened.", title(candidate, self.task))
    }
}

impl Fact for TaskOverdue {
    const NAME: &'static str = "TaskOverdue";
    const BY_THE_CLOCK: bool = true;
    type Subject = TaskId;
    const PLACE: Place = Place::Step;

    fn admit(&self, _: &Candidate, _: &At) -> Result<(), Refusal> {
        Err(only_by_the_clock())
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.has_announced(Due::overdue(self.task, at.occurred_at));
    }

    fn tell(&self, candidate: &Candidate, _: &At) -> String {
        format!("{}: overdue.", title(candidate, self.task))
    }
}

impl Fact for SilenceNoticed {
    const NAME: &'static str = "SilenceNoticed";
    const BY_THE_CLOCK: bool = true;
    type Subject = ApplicationId;
    const PLACE: Place = Place::Step;

    fn admit(&self, _: &Candidate, _: &At) -> Result<(), Refusal> {
        Err(only_by_the_clock())
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.has_announced(Due::silence(self.application, self.stage, at.occurred_at));
    }

    fn tell(&self, candidate: &Candidate, _: &At) -> String {
        let name = organisation(candidate, Some(self.application));
        match self.stage {
            SilenceStage::Quiet => format!("{name} has gone quiet."),
            SilenceStage::Silent => format!("{name} is silent."),
            SilenceStage::PresumedClosed => format!("{name} has said nothing for so long that it is presumed closed."),
        }
    }
}

#[cfg(test)]
mod tests;
