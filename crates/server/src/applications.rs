//! Applications over HTTP, one candidate's and the board across candidates.

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use afterword_domain::{
    applications::{ApplicationOpened, ApplicationRevised, ApplicationView, ApplicationWithdrawn, Status},
    boards::BoardApplication,
    timeline::{TimelineEntry, timeline},
};
use afterword_store::ApplicationQuery;

use crate::{
    api::{Api, Operation},
    edge::{query::Query, scopes::Caller},
    lists::{Turn, reach},
    reading::{Asked, Rows, View},
    service::{Shared, tenant, unavailable},
};

const OF_CANDIDATE: &[&str] = &["limit", "cursor", "as_of", "status"];
const BOARD: &[&str] = &["limit", "cursor", "status", "candidate", "group"];
const TIMELINE: &[&str] = &["limit", "cursor", "as_of", "retracted"];

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<ApplicationOpened>("C/applications");
    api.patches::<ApplicationRevised>("A");
    api.records::<ApplicationWithdrawn>("A/withdrawn");
    api.reads("A", "get_application", "An application", |view, _| application(view));
    api.lists(
        "C/applications",
        "list_applications_of_candidate",
        "A candidate's applications",
        OF_CANDIDATE,
        list,
    );
    api.lists_lazily(
        "A/timeline",
        "get_timeline_of_application",
        "What happened in an application, and what lies ahead",
        TIMELINE,
        told,
    );
    api.lists_lazily(
        "C/timeline",
        "get_timeline",
        "What happened, and what lies ahead",
        TIMELINE,
        told,
    );

    api.schema::<BoardApplication>();
    let page = api.page_of("BoardApplication");
    api.add(Operation {
        query: BOARD,
        answer: (200, page),
        route: Arc::new(|| web::get().to(board)),
        ..Operation::get(
            "/v1/applications",
            "list_applications",
            "The applications of all candidates",
        )
    });
}

fn application(view: &View) -> Option<ApplicationView> {
    view.application
        .and_then(|id| view.candidate.application(id))
        .map(|application| application.view(view.now))
}

/// Unless a status is asked for, those that have ended stay out.
fn wanted(asked: Option<&[Status]>) -> Vec<Status> {
    let live = || Status::ALL.into_iter().filter(|status| !status.is_final()).collect();
    asked.map_or_else(live, <[Status]>::to_vec)
}

fn list(view: &View) -> Vec<ApplicationView> {
    let wanted = wanted(view.asked.status.as_deref());
    view.applications()
        .map(|application| application.view(view.now))
        .filter(|it| wanted.contains(&it.status))
        .collect()
}

fn told(view: &View) -> Rows<'_, TimelineEntry> {
    Box::new(timeline(
        &view.candidate,
        view.application,
        view.asked.retracted.unwrap_or(false),
        view.now,
    ))
}

async fn board(caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>) -> crate::reading::Answered {
    let turn = Turn::of(&request, &caller, &service, &asked.0, BOARD).await?;
    let Some((candidate, group)) = reach(&caller, &asked.0) else {
        return turn.answer(&request, &caller, &service, Vec::new());
    };
    let statuses = wanted(asked.0.status.as_deref())
        .into_iter()
        .map(|status| status.name().to_owned())
        .collect();
    let query = ApplicationQuery {
        now: turn.now.as_microsecond(),
        statuses: Some(statuses),
        candidate,
        group,
        after: turn.after,
        limit: turn.fetch,
    };
    let rows = service
        .recorder
        .list_applications(tenant(&caller), query)
        .await
        .map_err(unavailable)?;
    turn.answer(&request, &caller, &service, rows)
}
