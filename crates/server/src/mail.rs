//! Sending letters by a tenant's own mail server. Here are the settings; what is sent, and how, is in the modules below.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use afterword_domain::time::Instant;
use afterword_store::{Beside, IdempotencyRow};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    api::{Api, Operation},
    edge::{
        body,
        codes::Code,
        etag::{self, ETag},
        problem::Problem,
        query::{NoParameters, Query},
        scopes::{Caller, Scope},
    },
    reading::Answered,
    service::{Service, Shared, tenant, unavailable},
    writing::{Changed, Writing},
};

mod deliveries;
mod draft;
mod fate;
mod places;
mod sending;
mod settings;
mod settling;
mod smtp;

pub use smtp::{Patience, Post};

use settings::{Settings, SettingsView};

/// The mail server was taken away.
#[derive(Debug, Serialize, ToSchema)]
struct MailRemoved {
    /// When.
    removed_at: Instant,
}

pub(crate) fn endpoints(api: &mut Api) {
    let (view, put_body, removed) = (
        api.schema::<SettingsView>(),
        api.schema::<Settings>(),
        api.schema::<MailRemoved>(),
    );
    let admin = Some(Scope::Admin);
    api.add(Operation {
        scope: admin,
        answer: (200, view.clone()),
        problems: vec![Code::NotFound],
        route: Arc::new(|| web::get().to(get)),
        ..Operation::get("/v1/mail", "get_mail", "The mail server that letters go out by")
    });
    api.add(Operation {
        scope: admin,
        description: "Replaces the settings whole. Candidates' letters go out by this server, each only on request."
            .to_owned(),
        body: Some(("application/json", put_body)),
        answer: (200, view),
        problems: vec![Code::Stale, Code::IdempotencyReused],
        route: Arc::new(|| web::put().to(put)),
        ..Operation::write(
            Method::PUT,
            "/v1/mail",
            "put_mail",
            "Set the mail server that letters go out by",
        )
    });
    api.add(Operation {
        scope: admin,
        answer: (200, removed),
        problems: vec![Code::NotFound, Code::Stale, Code::IdempotencyReused],
        route: Arc::new(|| web::delete().to(delete)),
        ..Operation::write(
            Method::DELETE,
            "/v1/mail",
            "delete_mail",
            "Take the mail server away, with its password",
        )
    });
    draft::endpoints(api);
    deliveries::endpoints(api);
}

fn may_manage(caller: &Caller) -> Result<(), Problem> {
    caller.require_whole("does not see the mail server")
}

/// A tenant's settings, and when they were put.
async fn on_record(service: &Service, caller: &Caller) -> Result<Option<(Settings, Instant)>, Problem> {
    let kept = service
        .recorder
        .store()
        .mail(tenant(caller))
        .await
        .map_err(unavailable)?;
    let Some((bytes, at)) = kept else { return Ok(None) };
    let settings =
        serde_json::from_slice(&bytes).map_err(|_| Problem::internal("mail settings that cannot be read"))?;
    let at = Timestamp::from_microsecond(at).map_err(Problem::internal)?;
    Ok(Some((settings, Instant::from(at))))
}

/// When the same request was made before.
fn made_at(before: &IdempotencyRow) -> Result<Timestamp, Problem> {
    Timestamp::from_microsecond(before.recorded_at).map_err(Problem::internal)
}

fn tag(kept: Option<&(Settings, Instant)>) -> Result<ETag, Problem> {
    let view = kept.map(|(settings, at)| settings.view(*at));
    Ok(ETag::of_bytes(&serde_json::to_vec(&view).map_err(Problem::internal)?))
}

async fn get(caller: Caller, request: HttpRequest, service: Shared, _: Query<NoParameters>) -> Answered {
    may_manage(&caller)?;
    let kept = on_record(&service, &caller).await?;
    let (settings, at) = kept.ok_or_else(Problem::not_found)?;
    etag::answer(&request, None, None, &settings.view(at))
}

async fn put(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    may_manage(&caller)?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let wanted: Settings = body::into_typed(Value::Object(body))?;
    let store = service.recorder.store();
    loop {
        // Looked at first: what the same request does meanwhile does not stand in its way.
        let before = on_record(&service, &caller).await?;
        if let Some(made) = writing.before(&service, &caller).await? {
            return Ok(answered(&wanted, made_at(&made)?, true));
        }
        writing.meets(&tag(before.as_ref())?)?;
        let (before, since) = (before.as_ref().map(|(settings, _)| settings), since(before.as_ref()));
        let settings = wanted.clone().checked(before, service.mail.outgoing())?;
        let bytes = serde_json::to_vec(&settings).map_err(Problem::internal)?;
        let change = store.mail_put(tenant(&caller), &bytes, writing.at.as_microsecond(), since);
        match writing.change(&service, &caller, change).await? {
            Changed::Done => return Ok(answered(&settings, writing.at, false)),
            // Of two at once the slower one looks again.
            Changed::Before | Changed::Conflict => {}
        }
    }
}

/// When settings were put, as the store keeps it.
fn since(kept: Option<&(Settings, Instant)>) -> Option<i64> {
    kept.map(|(_, at)| at.timestamp().as_microsecond())
}

fn answered(settings: &Settings, at: Timestamp, replayed: bool) -> HttpResponse {
    let view = settings.view(Instant::from(at));
    let tag = ETag::of_bytes(&serde_json::to_vec(&view).unwrap_or_default());
    let mut response = HttpResponse::Ok();
    response.insert_header(("ETag", tag.to_header()));
    response.insert_header(("Location", "/v1/mail"));
    if replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    response.json(view)
}

async fn delete(caller: Caller, request: HttpRequest, service: Shared, _: Query<NoParameters>) -> Answered {
    may_manage(&caller)?;
    let writing = Writing::of_bytes(&service, &caller, &request, &[])?;
    loop {
        let before = on_record(&service, &caller).await?;
        if let Some(made) = writing.before(&service, &caller).await? {
            return Ok(removed(made_at(&made)?, true));
        }
        let since = since(before.as_ref()).ok_or_else(Problem::not_found)?;
        writing.meets(&tag(before.as_ref())?)?;
        let change = Beside::mail_deleted(tenant(&caller), since);
        match writing.change(&service, &caller, change).await? {
            Changed::Done => return Ok(removed(writing.at, false)),
            Changed::Before | Changed::Conflict => {}
        }
    }
}

fn removed(at: Timestamp, replayed: bool) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    response.json(MailRemoved {
        removed_at: Instant::from(at),
    })
}
