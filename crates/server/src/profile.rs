//! Candidates over HTTP.

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use afterword_domain::profile::{CandidateErased, CandidateRegistered, Profile, ProfileRevised};
use afterword_store::CandidateQuery;

use crate::{
    api::{Api, Operation},
    edge::{query::Query, scopes::Caller},
    lists::{Turn, reach},
    reading::{Answered, Asked},
    service::{Shared, tenant, unavailable},
};

const LIST: &[&str] = &["limit", "cursor", "group", "external_id"];

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<CandidateRegistered>("/v1/candidates");
    api.patches::<ProfileRevised>("C");
    api.deletes::<CandidateErased>("C");
    api.reads("C", "get_candidate", "A candidate", |view, _| {
        Profile::of(&view.candidate)
    });
    let page = api.page_of("Candidate");
    api.add(Operation {
        query: LIST,
        answer: (200, page),
        route: Arc::new(|| web::get().to(list)),
        ..Operation::get("/v1/candidates", "list_candidates", "All candidates")
    });
}

async fn list(caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>) -> Answered {
    let turn = Turn::of(&request, &caller, &service, &asked.0, LIST).await?;
    let Some((candidate, group)) = reach(&caller, &asked.0) else {
        return turn.answer(&request, &caller, &service, Vec::new());
    };
    let external_hash = asked
        .0
        .external_id
        .as_deref()
        .map(|id| service.recorder.external_hash(tenant(&caller), id));
    let query = CandidateQuery {
        group,
        candidate,
        external_hash,
        after: turn.after,
        limit: turn.fetch,
    };
    let rows = service
        .recorder
        .list_candidates(tenant(&caller), query)
        .await
        .map_err(unavailable)?;
    turn.answer(&request, &caller, &service, rows)
}
