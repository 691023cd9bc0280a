//! Webhooks over HTTP: made, listed, changed, taken away; their secrets rolled. An address is told of facts as they are
//! recorded; `webhooks/worker.rs` sees to it.
//!
//! A key that is bound to a candidate or a group makes webhooks that hear of no others, and sees no others. What is candid
//! goes out only where the key that named the address may read it.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::Method, web};
use afterword_domain::{catalogue::AnyFact, ids::WebhookId, values::Label};
use afterword_store::{Beside, WebhookRow};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    api::{Api, Operation},
    edge::{
        body,
        codes::Code,
        etag,
        problem::Problem,
        query::{self, Limit, NoParameters, Query},
        scopes::{Bound, Caller, Scope},
        webhook_secret::WebhookSecret,
    },
    outgoing,
    reading::{Answered, Page},
    recording::path_id,
    service::{Service, Shared, tenant, unavailable},
    writing::{Changed, Writing},
};

mod deliveries;
mod samples;
mod schedule;
mod sending;
mod shown;
pub mod worker;

use sending::Sealed;
use shown::{Payload, SecretToRoll, Webhook, WebhookDeleted, WebhookState, WebhookToChange, WebhookToMake};

const LIST: &[&str] = &["url", "limit", "cursor"];
/// More than these a tenant does not have.
const MOST: usize = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedOfWebhooks {
    limit: Option<Limit>,
    cursor: Option<String>,
    url: Option<String>,
}

pub(crate) fn endpoints(api: &mut Api) {
    let webhook = api.schema::<Webhook>();
    let page = api.page_of("Webhook");
    let deleted = api.schema::<WebhookDeleted>();
    let (to_make, to_change) = (api.schema::<WebhookToMake>(), api.schema::<WebhookToChange>());
    let to_roll = api.schema::<SecretToRoll>();
    let scope = Some(Scope::WebhooksManage);
    api.add(Operation {
        scope,
        body: Some(("application/json", to_make)),
        answer: (201, webhook.clone()),
        problems: vec![Code::IdempotencyReused, Code::TooManyWebhooks],
        description: "Facts that are recorded from now on are posted to the address, as CloudEvents 1.0 signed as \
                      Standard Webhooks has it. The secret is shown once."
            .to_owned(),
        route: Arc::new(|| web::post().to(make)),
        ..Operation::write(Method::POST, "/v1/webhooks", "create_webhook", "Be told of facts")
    });
    api.add(Operation {
        scope,
        query: LIST,
        answer: (200, page),
        route: Arc::new(|| web::get().to(list)),
        ..Operation::get("/v1/webhooks", "list_webhooks", "Who is told of facts")
    });
    samples::endpoints(api);
    api.add(Operation {
        scope,
        answer: (200, webhook.clone()),
        route: Arc::new(|| web::get().to(get)),
        ..Operation::get("/v1/webhooks/{webhook}", "get_webhook", "A webhook")
    });
    api.add(Operation {
        scope,
        body: Some(("application/merge-patch+json", to_change)),
        answer: (200, webhook.clone()),
        problems: vec![Code::IdempotencyReused],
        route: Arc::new(|| web::patch().to(change)),
        ..Operation::write(
            Method::PATCH,
            "/v1/webhooks/{webhook}",
            "change_webhook",
            "Change a webhook, or enable it again",
        )
    });
    api.add(Operation {
        scope,
        answer: (200, deleted),
        problems: vec![Code::IdempotencyReused],
        route: Arc::new(|| web::delete().to(delete)),
        ..Operation::write(
            Method::DELETE,
            "/v1/webhooks/{webhook}",
            "delete_webhook",
            "Take a webhook away",
        )
    });
    api.add(Operation {
        scope,
        body: Some(("application/json", to_roll)),
        answer: (201, webhook),
        problems: vec![Code::IdempotencyReused],
        route: Arc::new(|| web::post().to(roll)),
        ..Operation::write(
            Method::POST,
            "/v1/webhooks/{webhook}/secret/rolled",
            "roll_webhook_secret",
            "Replace the secret; for a while both sign",
        )
    });
    deliveries::endpoints(api);
}

/// Whether a webhook is one of the caller's: a bound key sees those of keys that are bound like itself. What a key of the
/// whole tenant has told of a group is that key's all the same.
fn is_of(caller: &Caller, row: &WebhookRow) -> bool {
    match &caller.bound {
        Bound::Everything => true,
        Bound::Candidate(own) => row.candidate == Some(*own),
        Bound::Group(own) => !row.whole && row.candidate.is_none() && row.group.as_ref() == Some(own),
    }
}

/// The webhook in the path.
async fn find(service: &Shared, caller: &Caller, request: &HttpRequest) -> Result<WebhookRow, Problem> {
    caller.require(Scope::WebhooksManage)?;
    let id: WebhookId = path_id(request, "webhook")?;
    let row = service.recorder.store().webhook(tenant(caller), id.uuid()).await;
    row.map_err(unavailable)?
        .filter(|row| is_of(caller, row))
        .ok_or_else(Problem::not_found)
}

async fn head(service: &Shared, caller: &Caller) -> Result<i64, Problem> {
    let store = service.recorder.store();
    store.head_position(tenant(caller)).await.map_err(unavailable)
}

/// An address that messages may be sent to, as far as it can be told before one is.
fn checked_url(service: &Service, url: &str) -> Result<(), Problem> {
    if url.len() > outgoing::LONGEST {
        return Err(Problem::invalid(
            "/url",
            format!("must not be longer than {} bytes", outgoing::LONGEST),
        ));
    }
    let target = service.outgoing.target(url);
    target
        .map(drop)
        .map_err(|error| Problem::invalid("/url", error.to_string()))
}

fn url_hash(service: &Service, caller: &Caller, url: &str) -> Vec<u8> {
    service.hash(&[b"webhook", &caller.tenant.to_be_bytes(), url.as_bytes()])
}

fn checked_types(types: Option<&Vec<String>>) -> Result<Option<String>, Problem> {
    let Some(types) = types else { return Ok(None) };
    if types.is_empty() {
        return Err(Problem::invalid(
            "/types",
            "must name at least one type; leave it out for all",
        ));
    }
    let mut known: Vec<&str> = Vec::new();
    for (index, name) in types.iter().enumerate() {
        if !AnyFact::KINDS.iter().any(|kind| kind.name == name) && name != "FactErased" {
            let told = format!("`{}` is not a type of fact", name.escape_debug());
            return Err(Problem::invalid(format!("/types/{index}"), told));
        }
        if !known.contains(&name.as_str()) {
            known.push(name);
        }
    }
    Ok(Some(known.join(" ")))
}

/// The group of a webhook: a key of a group has no other.
fn checked_group(caller: &Caller, group: Option<&Label>) -> Result<Option<String>, Problem> {
    let group = group.map(ToString::to_string);
    match &caller.bound {
        Bound::Group(own) if group.as_ref().is_some_and(|group| group != own) => {
            Err(Problem::invalid("/group", "must be the group of the key"))
        }
        Bound::Group(own) => Ok(Some(own.clone())),
        Bound::Everything | Bound::Candidate(_) => Ok(group),
    }
}

async fn make(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    caller.require(Scope::WebhooksManage)?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let wanted: WebhookToMake = body::into_typed(Value::Object(body))?;
    let store = service.recorder.store();
    let id = writing.fresh(0);
    if writing.was_made(&service, &caller).await?
        && let Some(known) = store.webhook(tenant(&caller), id).await.map_err(unavailable)?
    {
        let known = Webhook::of(&service, &caller, &known, head(&service, &caller).await?, None)?;
        return Ok(again(HttpResponse::Created(), known));
    }
    checked_url(&service, &wanted.url)?;
    let types = checked_types(wanted.types.as_ref())?;
    let group = checked_group(&caller, wanted.group.as_ref())?;
    if store.webhooks(tenant(&caller)).await.map_err(unavailable)?.len() >= MOST {
        return Err(Problem::new(
            Code::TooManyWebhooks,
            format!("There are {MOST} webhooks; take one away first."),
        ));
    }
    let secret = WebhookSecret::generate().ok_or_else(|| Problem::internal("no random numbers"))?;
    let position = head(&service, &caller).await?;
    let row = WebhookRow {
        id,
        url_hash: url_hash(&service, &caller, &wanted.url),
        sealed: Sealed::new(wanted.url, &secret).seal(&service, tenant(&caller), id),
        types,
        candidate: match caller.bound {
            Bound::Candidate(own) => Some(own),
            Bound::Everything | Bound::Group(_) => None,
        },
        group,
        payload: match wanted.payload {
            Some(Payload::Full) => "full".to_owned(),
            Some(Payload::Thin) | None => "thin".to_owned(),
        },
        candid: caller.scopes.allows(Scope::DebriefsRead),
        state: "enabled".to_owned(),
        disabled_reason: None,
        failing_since: None,
        quiet_until: 0,
        position,
        revision: 0,
        created_at: service.clock.now().as_microsecond(),
        made_by: Some(caller.key_id),
        whole: matches!(caller.bound, Bound::Everything),
    };
    let made = Beside::webhook(tenant(&caller), &row);
    if !matches!(writing.change(&service, &caller, made).await?, Changed::Done) {
        // The same request, sent twice at once: the other one was quicker, and was told the secret.
        let known = store.webhook(tenant(&caller), id).await.map_err(unavailable)?;
        let known = known.ok_or_else(Problem::not_found)?;
        let known = Webhook::of(&service, &caller, &known, position, None)?;
        return Ok(again(HttpResponse::Created(), known));
    }
    service.webhooks_have_changed();
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/v1/webhooks/{}", WebhookId::new(id))))
        .json(Webhook::of(&service, &caller, &row, position, Some(&secret))?))
}

/// The answer to a request that was made before.
fn again(mut response: HttpResponseBuilder, webhook: Webhook) -> HttpResponse {
    response
        .insert_header(("Location", format!("/v1/webhooks/{}", webhook.id)))
        .insert_header(("Idempotency-Replayed", "true"))
        .json(webhook)
}

async fn list(caller: Caller, request: HttpRequest, service: Shared, asked: Query<AskedOfWebhooks>) -> Answered {
    caller.require(Scope::WebhooksManage)?;
    let asked = asked.0;
    let key = query::canonical(&request);
    let after: Option<(i64, Uuid)> = match &asked.cursor {
        Some(cursor) => Some(service.cursors.open(caller.tenant, &key, cursor)?),
        None => None,
    };
    let url = asked.url.map(|url| url_hash(&service, &caller, &url));
    let rows = service.recorder.store().webhooks(tenant(&caller)).await;
    let wanted = |row: &WebhookRow| {
        is_of(&caller, row)
            && url.as_ref().is_none_or(|url| *url == row.url_hash)
            && after.is_none_or(|after| (row.created_at, row.id) > after)
    };
    let mut rows: Vec<_> = rows.map_err(unavailable)?.into_iter().filter(wanted).collect();
    let limit = usize::from(asked.limit.unwrap_or_default().get());
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = match rows.last().filter(|_| more) {
        Some(last) => Some(service.cursors.seal(caller.tenant, &key, &(last.created_at, last.id))?),
        None => None,
    };
    let head = head(&service, &caller).await?;
    let shown = |row: &WebhookRow| Webhook::of(&service, &caller, row, head, None);
    let page = Page {
        data: rows.iter().map(shown).collect::<Result<Vec<_>, _>>()?,
        next_cursor: next_cursor.clone(),
    };
    etag::answer(&request, None, next_cursor.as_deref(), &page)
}

async fn get(caller: Caller, request: HttpRequest, service: Shared, _: Query<NoParameters>) -> Answered {
    let row = find(&service, &caller, &request).await?;
    let head = head(&service, &caller).await?;
    let webhook = Webhook::of(&service, &caller, &row, head, None)?;
    etag::answer(&request, None, None, &webhook)
}

async fn change(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    let mut row = find(&service, &caller, &request).await?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let wanted: WebhookToChange = body::into_typed(Value::Object(body))?;
    let head = head(&service, &caller).await?;
    if writing.was_made(&service, &caller).await? {
        // Read after that: what was made is to be seen.
        row = find(&service, &caller, &request).await?;
        let known = Webhook::of(&service, &caller, &row, head, None)?;
        return Ok(again(HttpResponse::Ok(), known));
    }
    let now = service.clock.now().as_microsecond();
    let types = wanted
        .types
        .named()
        .map(|types| checked_types(types.as_ref()))
        .transpose()?;
    let group = wanted
        .group
        .named()
        .map(|group| checked_group(&caller, group.as_ref()))
        .transpose()?;
    if let Some(url) = &wanted.url {
        checked_url(&service, url)?;
    }
    loop {
        if let Some(url) = &wanted.url {
            let sealed = Sealed::open(&service, tenant(&caller), &row);
            let mut sealed = sealed.ok_or_else(|| Problem::internal("a webhook cannot be read"))?;
            url.clone_into(&mut sealed.url);
            row.sealed = sealed.seal(&service, tenant(&caller), row.id);
            row.url_hash = url_hash(&service, &caller, url);
            // Whoever may not read what is candid may not have it sent elsewhere either.
            row.candid &= caller.scopes.allows(Scope::DebriefsRead);
        }
        if let Some(types) = &types {
            row.types.clone_from(types);
        }
        if let Some(group) = &group {
            row.group.clone_from(group);
            // What was told of others before is not for the keys of this group.
            row.whole |= matches!(caller.bound, Bound::Everything);
        }
        if let Some(payload) = wanted.payload {
            row.payload = if payload == Payload::Full { "full" } else { "thin" }.to_owned();
        }
        let enabled = row.state == "enabled";
        match wanted.state {
            Some(WebhookState::Enabled) if !enabled => {
                (row.state, row.disabled_reason) = ("enabled".to_owned(), None);
                (row.failing_since, row.quiet_until) = (None, 0);
            }
            Some(WebhookState::Disabled) if enabled => {
                (row.state, row.disabled_reason) = ("disabled".to_owned(), Some("by_request".to_owned()));
            }
            Some(_) | None => {}
        }
        let mut changed = Beside::webhook_changed(tenant(&caller), &row);
        if !enabled && row.state == "enabled" {
            changed = changed.and(Beside::deliveries_afresh(tenant(&caller), row.id, now));
        }
        let changed = writing.change(&service, &caller, changed).await?;
        if matches!(changed, Changed::Done) {
            break;
        }
        row = find(&service, &caller, &request).await?;
        if matches!(changed, Changed::Before) {
            let known = Webhook::of(&service, &caller, &row, head, None)?;
            return Ok(again(HttpResponse::Ok(), known));
        }
    }
    service.webhooks_have_changed();
    Ok(HttpResponse::Ok().json(Webhook::of(&service, &caller, &row, head, None)?))
}

async fn delete(caller: Caller, request: HttpRequest, service: Shared, _: Query<NoParameters>) -> Answered {
    caller.require(Scope::WebhooksManage)?;
    let writing = Writing::of_bytes(&service, &caller, &request, &[])?;
    let id: WebhookId = path_id(&request, "webhook")?;
    let mut response = HttpResponse::Ok();
    // Looked at first: what the same request does meanwhile does not stand in its way.
    let found = find(&service, &caller, &request).await;
    let mut replayed = writing.was_made(&service, &caller).await?;
    if !replayed {
        let deleted = Beside::webhook_deleted(tenant(&caller), found?.id);
        replayed = match writing.change(&service, &caller, deleted).await? {
            Changed::Done => false,
            Changed::Before => true,
            Changed::Conflict => return Err(Problem::not_found()),
        };
    }
    if replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    Ok(response.json(WebhookDeleted { id }))
}

async fn roll(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    const USUAL: SignedDuration = SignedDuration::from_hours(24);
    const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);
    let mut row = find(&service, &caller, &request).await?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let wanted: SecretToRoll = body::into_typed(Value::Object(body))?;
    let overlap = wanted.overlap.unwrap_or(USUAL);
    if overlap.is_negative() || overlap > LONGEST {
        return Err(Problem::invalid("/overlap", "must be between PT0S and PT720H"));
    }
    let head = head(&service, &caller).await?;
    let secret = WebhookSecret::generate().ok_or_else(|| Problem::internal("no random numbers"))?;
    let now = service.clock.now();
    let until = now.checked_add(overlap).unwrap_or(Timestamp::MAX);
    loop {
        let sealed = Sealed::open(&service, tenant(&caller), &row);
        let mut sealed = sealed.ok_or_else(|| Problem::internal("a webhook cannot be read"))?;
        sealed.roll(&secret, now, until);
        row.sealed = sealed.seal(&service, tenant(&caller), row.id);
        let rolled = Beside::webhook_changed(tenant(&caller), &row);
        let rolled = writing.change(&service, &caller, rolled).await?;
        if matches!(rolled, Changed::Done) {
            break;
        }
        row = find(&service, &caller, &request).await?;
        // Sent again, it does not roll again.
        if matches!(rolled, Changed::Before) {
            let known = Webhook::of(&service, &caller, &row, head, None)?;
            return Ok(again(HttpResponse::Created(), known));
        }
    }
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/v1/webhooks/{}", WebhookId::new(row.id))))
        .json(Webhook::of(&service, &caller, &row, head, Some(&secret))?))
}
