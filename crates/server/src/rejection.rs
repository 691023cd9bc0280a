//! Rejections over HTTP: one application's, and the list across candidates.

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use afterword_domain::{
    boards::BoardRejection,
    rejection::{DoorKeptOpen, FeedbackReceived, FeedbackRequested, RejectionClosed, RejectionReceived, Stage},
};
use afterword_store::RejectionQuery;

use crate::{
    api::{Api, Operation},
    edge::{query::Query, scopes::Caller},
    lists::{Turn, reach},
    reading::{Answered, Asked},
    service::{Shared, tenant, unavailable},
};

const LIST: &[&str] = &["limit", "cursor", "stage", "candidate", "group"];

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<RejectionReceived>("A/rejection");
    api.records::<FeedbackRequested>("A/rejection/feedback-requests");
    api.records::<FeedbackReceived>("A/rejection/feedback");
    api.records::<DoorKeptOpen>("A/rejection/door-kept-open");
    api.records::<RejectionClosed>("A/rejection/closed");
    api.reads(
        "A/rejection",
        "get_rejection",
        "How a rejection is being handled",
        |view, _| {
            let application = view.candidate.application(view.application?)?;
            Some(
                application
                    .newest_rejection()?
                    .view(&view.candidate, application, view.now),
            )
        },
    );
    api.schema::<BoardRejection>();
    let page = api.page_of("BoardRejection");
    api.add(Operation {
        query: LIST,
        answer: (200, page),
        route: Arc::new(|| web::get().to(list)),
        ..Operation::get(
            "/v1/rejections",
            "list_rejections",
            "The rejections of all candidates, the newest first",
        )
    });
}

async fn list(caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>) -> Answered {
    let turn = Turn::of(&request, &caller, &service, &asked.0, LIST).await?;
    let Some((candidate, group)) = reach(&caller, &asked.0) else {
        return turn.answer(&request, &caller, &service, Vec::new());
    };
    let names = |stages: &[Stage]| stages.iter().map(|stage| stage.name().to_owned()).collect();
    let stages = asked.0.stage.as_deref().map(names);
    let query = RejectionQuery {
        stages,
        candidate,
        group,
        after: turn.after,
        limit: turn.fetch,
    };
    let rows = service
        .recorder
        .list_rejections(tenant(&caller), query)
        .await
        .map_err(unavailable)?;
    turn.answer(&request, &caller, &service, rows)
}
