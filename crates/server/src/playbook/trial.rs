//! A playbook on trial: what candidates' queues would be under it.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use afterword_domain::{
    candidate::Candidate,
    ids::CandidateId,
    play::{State, Task},
    playbook::{PlaybookRules, adopt},
    time::Instant,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::read;
use crate::{
    edge::{
        body, headers,
        problem::Problem,
        query::{NoParameters, Query},
        scopes::{Caller, Scope},
    },
    reading::Answered,
    service::{Shared, reaches, tenant, unavailable},
};

/// A playbook on trial.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaybookTrial {
    /// Whose queues are to be shown, up to a hundred.
    #[schema(min_items = 1, max_items = 100)]
    pub candidates: Vec<CandidateId>,
    /// The playbook, as `PUT` takes it.
    pub playbook: PlaybookRules,
}

/// What came of a trial.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlaybookTried {
    /// Each candidate's queue, in the order asked for.
    pub data: Vec<QueueTried>,
}

/// What a candidate's queue would be.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueueTried {
    /// Whose.
    pub candidate: CandidateId,
    /// The tasks that would wait, be open or overdue, by due time.
    pub tasks: Vec<Task>,
}

pub(super) async fn try_out(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    caller.require(Scope::CandidatesRead)?;
    // There is nothing to repeat; a name that is none is refused as everywhere.
    headers::idempotency_key(&request)?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let trial: PlaybookTrial = body::into_typed(Value::Object(body))?;
    if !(1..=100).contains(&trial.candidates.len()) {
        return Err(Problem::invalid(
            "/candidates",
            "must name between 1 and 100 candidates",
        ));
    }
    let (playbook, ..) = read(&trial.playbook, u32::MAX, "/playbook")?;
    let playbook = Arc::new(playbook);
    let now = service.now(&caller).await?;
    let mut data = Vec::with_capacity(trial.candidates.len());
    for (nth, id) in trial.candidates.into_iter().enumerate() {
        let known = service
            .recorder
            .candidate(tenant(&caller), id)
            .await
            .map_err(unavailable)?;
        if known.version == 0 || known.erased_at.is_some() || !reaches(&caller, &known) {
            return Err(Problem::unknown_reference(
                format!("/candidates/{nth}"),
                "is not the id of a candidate",
            ));
        }
        let mut candidate = (*known).clone();
        adopt(&mut candidate, &playbook, now);
        data.push(QueueTried {
            candidate: id,
            tasks: queue(&candidate, now),
        });
    }
    Ok(HttpResponse::Ok().json(PlaybookTried { data }))
}

/// What waits, is open or overdue, by due time.
fn queue(candidate: &Candidate, now: jiff::Timestamp) -> Vec<Task> {
    let tasks = candidate.tasks.values().map(|owed| candidate.task(owed, now));
    let mut live: Vec<Task> = tasks
        .filter(|task| matches!(task.state, State::Waiting | State::Open | State::Overdue))
        .collect();
    live.sort_by_key(|task| (task.due_at.map_or(jiff::Timestamp::MAX, Instant::timestamp), task.id));
    live
}
