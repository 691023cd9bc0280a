//! Tasks over HTTP: one candidate's queue, and the queue across candidates.

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use afterword_domain::{
    boards::QueuedTask,
    candidate::Candidate,
    ids::{EventId, TaskId},
    play::{Owed, State, Task},
    tasks::{TaskCompleted, TaskDismissed, TaskSnoozed},
    time::Instant,
};
use afterword_store::{TaskFilter, TaskQuery};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{Api, Operation},
    edge::{query::Query, scopes::Caller},
    lists::{Turn, reach},
    playbook::PlayView,
    reading::{Answered, Asked, View},
    recording::{path_id, snake},
    service::{Shared, tenant, unavailable},
};

const OF_CANDIDATE: &[&str] = &[
    "limit",
    "cursor",
    "as_of",
    "state",
    "play",
    "application",
    "due_before",
    "snoozed",
];
const QUEUE: &[&str] = &[
    "limit",
    "cursor",
    "state",
    "play",
    "application",
    "candidate",
    "group",
    "due_before",
    "snoozed",
];

/// Unless a state is asked for: what is to be done.
const DEFAULT: [State; 2] = [State::Open, State::Overdue];

/// A task that explains itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedTask {
    #[serde(flatten)]
    task: Task,
    /// Why it is there, and what would close it.
    explanation: TaskExplanation,
}

/// Why a task is there, and what would close it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskExplanation {
    /// The facts that raised it, as the timeline tells them.
    pub facts: Vec<RaisingFact>,
    /// The rule, with the numbers of the playbook that the task follows: the one that the candidate has adopted, or of
    /// what was done before, the one of then.
    pub rule: PlayView,
    /// The version of that playbook.
    pub playbook_version: u32,
    /// What would close it: any of these.
    pub closes: Vec<ClosingFact>,
}

/// A fact that raised a task.
#[derive(Debug, Serialize, ToSchema)]
pub struct RaisingFact {
    /// The fact.
    pub event: EventId,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "InterviewHeld")]
    pub kind: &'static str,
    /// When it happened.
    pub occurred_at: Instant,
    /// The fact in a sentence.
    pub text: String,
}

/// A fact that closes a task.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClosingFact {
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "NoteSent")]
    pub kind: &'static str,
    /// The operation that records it.
    #[schema(example = "record_note_sent")]
    pub operation: String,
}

impl ExplainedTask {
    fn of(candidate: &Candidate, owed: &Owed, now: Timestamp) -> Self {
        let facts = owed.raised_by.iter().filter_map(|event| candidate.fact(*event));
        let facts = facts.map(|fact| RaisingFact {
            event: fact.at.event,
            kind: fact.data.name(),
            occurred_at: Instant::in_zone(fact.at.occurred_at, &owed.zone),
            text: fact.tell(candidate),
        });
        let by_hand = owed.play.by_hand.then_some("TaskCompleted");
        let closes = owed.play.closed_by.iter().copied().chain(by_hand);
        Self {
            task: candidate.task(owed, now),
            explanation: TaskExplanation {
                facts: facts.collect(),
                rule: PlayView::of(owed.play, candidate.playbook_of(owed)),
                playbook_version: candidate.playbook_of(owed).version,
                closes: closes
                    .map(|kind| ClosingFact {
                        kind,
                        operation: format!("record_{}", snake(kind)),
                    })
                    .collect(),
            },
        }
    }
}

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<TaskCompleted>("C/tasks/{task}/completed");
    api.records::<TaskSnoozed>("C/tasks/{task}/snoozed");
    api.records::<TaskDismissed>("C/tasks/{task}/dismissed");
    api.lists(
        "C/tasks",
        "list_tasks_of_candidate",
        "What a candidate is to do, by due time",
        OF_CANDIDATE,
        list,
    );
    api.reads(
        "C/tasks/{task}",
        "get_task",
        "A task, with what raised it and how it is closed",
        |view, request| {
            let owed = view.candidate.tasks.get(&path_id::<TaskId>(request, "task").ok()?)?;
            Some(ExplainedTask::of(&view.candidate, owed, view.now))
        },
    );
    api.schema::<QueuedTask>();
    let page = api.page_of("QueuedTask");
    api.add(Operation {
        query: QUEUE,
        answer: (200, page),
        route: Arc::new(|| web::get().to(queue)),
        ..Operation::get("/v1/tasks", "list_tasks", "What all candidates are to do, by due time")
    });
}

fn list(view: &View) -> Vec<Task> {
    let View {
        candidate, now, asked, ..
    } = view;
    let states = asked.state.as_deref().unwrap_or(&DEFAULT);
    let mut owed: Vec<_> = candidate
        .tasks
        .values()
        .filter(|task| states.contains(&candidate.state_of(task, *now)))
        .filter(|task| asked.play.as_ref().is_none_or(|play| play == task.play.name))
        .filter(|task| asked.application.is_none_or(|id| task.application == Some(id)))
        .filter(|task| {
            asked
                .due_before
                .as_ref()
                .is_none_or(|before| task.due_at.is_some_and(|due| due < before.0))
        })
        .filter(|task| asked.snoozed == Some(true) || candidate.snoozed_until(task).is_none_or(|until| until <= *now))
        .collect();
    owed.sort_by_key(|task| (task.due_at.unwrap_or(Timestamp::MAX), task.id));
    owed.into_iter().map(|task| candidate.task(task, *now)).collect()
}

async fn queue(caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>) -> Answered {
    let turn = Turn::of(&request, &caller, &service, &asked.0, QUEUE).await?;
    let Some((candidate, group)) = reach(&caller, &asked.0) else {
        return turn.answer(&request, &caller, &service, Vec::new());
    };
    let filter = |state: &State| match state {
        State::Waiting => TaskFilter::Waiting,
        State::Open => TaskFilter::Open,
        State::Overdue => TaskFilter::Overdue,
        State::Done => TaskFilter::Done,
        State::Dismissed => TaskFilter::Dismissed,
        State::Void => TaskFilter::Void,
    };
    let query = TaskQuery {
        now: turn.now.as_microsecond(),
        states: asked
            .0
            .state
            .as_deref()
            .unwrap_or(&DEFAULT)
            .iter()
            .map(filter)
            .collect(),
        play: asked.0.play.clone(),
        application: asked.0.application.map(|id| id.uuid()),
        candidate,
        group,
        due_before: asked.0.due_before.as_ref().map(|before| before.0.as_microsecond()),
        snoozed: asked.0.snoozed.unwrap_or(false),
        after: turn.after,
        limit: turn.fetch,
        without_texts: false,
    };
    let rows = service
        .recorder
        .list_tasks(tenant(&caller), query)
        .await
        .map_err(unavailable)?;
    turn.answer(&request, &caller, &service, rows)
}
