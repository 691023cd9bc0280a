//! API keys over HTTP: made, listed, rolled with an overlap, revoked. A key's secret is shown once.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::Method, web};
use afterword_domain::{
    ids::{CandidateId, KeyId},
    time::Instant,
    values::{Label, Line},
};
use afterword_store::{ApiKeyRow, Beside};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    api::{Api, Operation},
    edge::{
        api_key::ApiKey,
        body,
        codes::Code,
        duration, etag,
        keys::Authenticator,
        problem::Problem,
        query::{NoParameters, Query},
        scopes::{Caller, Scope, Scopes},
    },
    reading::Answered,
    recording::path_id,
    service::{Shared, tenant, unavailable},
    writing::{Changed, Writing},
};

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeyToMake {
    /// What the key may do.
    #[schema(value_type = Vec<ScopeName>, min_items = 1, example = json!(["candidates:read"]))]
    scopes: Vec<Scope>,
    /// What the key is for.
    #[serde(default)]
    #[schema(nullable = false)]
    name: Option<Line>,
    /// The one candidate that it reaches, as for a candidate's own app.
    #[serde(default)]
    #[schema(nullable = false)]
    candidate: Option<CandidateId>,
    /// The group of candidates that it reaches, as for a coach.
    #[serde(default)]
    #[schema(nullable = false)]
    group: Option<Label>,
}

/// A key to replace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeyToRoll {
    /// How long the old key stays valid, as an ISO 8601 duration in hours, minutes and seconds, up to 30 days; left out: not at all.
    #[serde(default, deserialize_with = "duration::maybe")]
    #[schema(value_type = Option<String>, nullable = false, example = "PT24H")]
    overlap: Option<SignedDuration>,
}

/// What a key may do.
#[derive(Debug, Serialize, ToSchema)]
#[expect(dead_code, reason = "only its schema is used; the edge has the enum")]
enum ScopeName {
    /// Everything.
    #[serde(rename = "admin")]
    Admin,
    /// Read candidates and everything about them.
    #[serde(rename = "candidates:read")]
    CandidatesRead,
    /// Record facts.
    #[serde(rename = "candidates:write")]
    CandidatesWrite,
    /// See the candid parts of debriefs.
    #[serde(rename = "debriefs:read")]
    DebriefsRead,
    /// Read the feed.
    #[serde(rename = "events:read")]
    EventsRead,
    /// Manage webhooks.
    #[serde(rename = "webhooks:manage")]
    WebhooksManage,
}

/// A key; its secret is not kept.
#[derive(Debug, Serialize, ToSchema)]
struct Key {
    /// The key's id.
    id: KeyId,
    /// The secret, shown once: when the key is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    key: Option<String>,
    /// What the key is for.
    name: Option<String>,
    /// What the key may do.
    #[schema(value_type = Vec<ScopeName>)]
    scopes: Vec<Scope>,
    /// The one candidate that it reaches.
    candidate: Option<CandidateId>,
    /// The group of candidates that it reaches.
    group: Option<String>,
    /// When it was made.
    created_at: Instant,
    /// When it stops being valid.
    expires_at: Option<Instant>,
}

/// All keys.
#[derive(Debug, Serialize, ToSchema)]
struct Keys {
    /// The keys that are not revoked.
    data: Vec<Key>,
    /// Always `null`: keys come all at once.
    next_cursor: Option<String>,
}

impl Key {
    fn of(row: &ApiKeyRow, secret: Option<&ApiKey>) -> Self {
        let instant = |at| Timestamp::from_microsecond(at).map_or(Instant::from(Timestamp::MAX), Instant::from);
        Self {
            id: KeyId::new(row.key_id),
            key: secret.map(|key| key.expose().to_owned()),
            name: row.name.clone(),
            scopes: row.scopes.split(' ').filter_map(|scope| scope.parse().ok()).collect(),
            candidate: row.candidate.map(CandidateId::new),
            group: row.group.clone(),
            created_at: instant(row.created_at),
            expires_at: row.expires_at.map(instant),
        }
    }
}

pub(crate) fn endpoints(api: &mut Api) {
    let key = api.schema::<Key>();
    let keys = api.schema::<Keys>();
    let to_make = api.schema::<KeyToMake>();
    let to_roll = api.schema::<KeyToRoll>();
    let admin = Some(Scope::Admin);
    api.add(Operation {
        scope: admin,
        body: Some(("application/json", to_make)),
        answer: (201, key.clone()),
        problems: vec![Code::CandidateErased, Code::UnknownReference, Code::IdempotencyReused],
        route: Arc::new(|| web::post().to(make)),
        ..Operation::write(
            Method::POST,
            "/v1/keys",
            "create_key",
            "Make a key; its secret is shown once",
        )
    });
    api.add(Operation {
        scope: admin,
        answer: (200, keys),
        route: Arc::new(|| web::get().to(list)),
        ..Operation::get("/v1/keys", "list_keys", "All keys that are not revoked")
    });
    api.add(Operation {
        scope: admin,
        body: Some(("application/json", to_roll)),
        answer: (201, key.clone()),
        problems: vec![Code::IdempotencyReused],
        route: Arc::new(|| web::post().to(roll)),
        ..Operation::write(
            Method::POST,
            "/v1/keys/{key}/rolled",
            "roll_key",
            "Replace a key by a new one, with an overlap",
        )
    });
    api.add(Operation {
        scope: admin,
        answer: (200, key),
        route: Arc::new(|| web::delete().to(revoke)),
        ..Operation::write(
            Method::DELETE,
            "/v1/keys/{key}",
            "revoke_key",
            "Revoke a key, within one second",
        )
    });
}

/// Keys are managed by those who may do everything, everywhere.
fn may_manage(caller: &Caller) -> Result<(), Problem> {
    caller.require_whole("manages no keys")
}

async fn make(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    may_manage(&caller)?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let wanted: KeyToMake = body::into_typed(Value::Object(body))?;
    if let Some(known) = earlier(&service, &caller, &writing, writing.fresh(0)).await? {
        return Ok(again(HttpResponse::Created(), &known));
    }
    if wanted.scopes.is_empty() {
        return Err(Problem::invalid("/scopes", "must name at least one scope"));
    }
    if wanted.candidate.is_some() && wanted.group.is_some() {
        return Err(Problem::invalid(
            "/group",
            "must not stand beside candidate: a key is bound to one of them",
        ));
    }
    if let Some(candidate) = wanted.candidate {
        let known = service
            .recorder
            .candidate(tenant(&caller), candidate)
            .await
            .map_err(unavailable)?;
        if known.version == 0 {
            return Err(Problem::unknown_reference("/candidate", "is not the id of a candidate"));
        }
        if known.erased_at.is_some() {
            return Err(Problem::refused("candidate_erased", "The candidate was erased."));
        }
    }
    let scopes: Scopes = wanted.scopes.into_iter().collect();
    let row = ApiKeyRow {
        key_id: writing.fresh(0),
        hash: Vec::new(),
        scopes: scopes.iter().map(Scope::name).collect::<Vec<_>>().join(" "),
        name: wanted.name.map(|name| name.to_string()),
        candidate: wanted.candidate.map(|id| id.uuid()),
        group: wanted.group.map(|group| group.to_string()),
        created_at: service.clock.now().as_microsecond(),
        expires_at: None,
        revoked_at: None,
    };
    put(&service, &caller, &writing, row, None).await
}

/// Stores a new key, and what else goes with it; its secret is in the one answer to the request that made it.
async fn put(
    service: &Shared,
    caller: &Caller,
    writing: &Writing,
    mut row: ApiKeyRow,
    with: Option<Beside>,
) -> Answered {
    let secret = ApiKey::generate(caller.tenant, caller.test).map_err(Problem::internal)?;
    row.hash = secret.hash().to_vec();
    let mut made = Beside::api_key(tenant(caller), &row);
    if let Some(with) = with {
        made = made.and(with);
    }
    if matches!(writing.change(service, caller, made).await?, Changed::Done) {
        return Ok(HttpResponse::Created()
            .insert_header(("Location", "/v1/keys"))
            .json(Key::of(&row, Some(&secret))));
    }
    // The same request, sent twice at once: the other one was quicker.
    let known = earlier(service, caller, writing, row.key_id).await?;
    Ok(again(HttpResponse::Created(), &known.ok_or_else(Problem::not_found)?))
}

/// The key that an earlier request of the same name left, revoked since or not.
async fn earlier(service: &Shared, caller: &Caller, writing: &Writing, id: Uuid) -> Result<Option<ApiKeyRow>, Problem> {
    if !writing.was_made(service, caller).await? {
        return Ok(None);
    }
    let keys = service.recorder.store().api_keys(tenant(caller)).await;
    Ok(keys.map_err(unavailable)?.into_iter().find(|key| key.key_id == id))
}

/// The answer to a request that was made before.
fn again(mut response: HttpResponseBuilder, known: &ApiKeyRow) -> HttpResponse {
    response
        .insert_header(("Location", "/v1/keys"))
        .insert_header(("Idempotency-Replayed", "true"));
    response.json(Key::of(known, None))
}

async fn find(service: &Shared, caller: &Caller, id: Uuid) -> Result<ApiKeyRow, Problem> {
    let keys = service
        .recorder
        .store()
        .api_keys(tenant(caller))
        .await
        .map_err(unavailable)?;
    keys.into_iter()
        .find(|key| key.key_id == id && key.revoked_at.is_none())
        .ok_or_else(Problem::not_found)
}

async fn list(caller: Caller, request: HttpRequest, service: Shared, _: Query<NoParameters>) -> Answered {
    may_manage(&caller)?;
    let keys = service
        .recorder
        .store()
        .api_keys(tenant(&caller))
        .await
        .map_err(unavailable)?;
    let data = keys
        .iter()
        .filter(|key| key.revoked_at.is_none())
        .map(|key| Key::of(key, None))
        .collect();
    etag::answer(
        &request,
        None,
        None,
        &Keys {
            data,
            next_cursor: None,
        },
    )
}

async fn roll(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    authenticator: web::Data<Authenticator>,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);
    may_manage(&caller)?;
    let id: KeyId = path_id(&request, "key")?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let wanted: KeyToRoll = body::into_typed(Value::Object(body))?;
    let overlap = wanted.overlap.unwrap_or(SignedDuration::ZERO);
    if overlap.is_negative() || overlap > LONGEST {
        return Err(Problem::invalid("/overlap", "must be between PT0S and PT720H"));
    }
    let now = service.clock.now();
    let until = now.checked_add(overlap).unwrap_or(Timestamp::MAX).as_microsecond();
    let answer = match earlier(&service, &caller, &writing, writing.fresh(0)).await? {
        Some(known) => again(HttpResponse::Created(), &known),
        None => {
            let old = find(&service, &caller, id.uuid()).await?;
            if old.expires_at.is_some_and(|end| end <= now.as_microsecond()) {
                // It is over: a new key is made, not rolled.
                return Err(Problem::not_found());
            }
            let row = ApiKeyRow {
                key_id: writing.fresh(0),
                created_at: now.as_microsecond(),
                expires_at: None,
                ..old
            };
            // Never later than it ends already.
            let ends = Beside::api_key_expires(tenant(&caller), id.uuid(), until);
            put(&service, &caller, &writing, row, Some(ends)).await?
        }
    };
    authenticator.look_again(caller.tenant);
    Ok(answer)
}

async fn revoke(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    authenticator: web::Data<Authenticator>,
    _: Query<NoParameters>,
) -> Answered {
    may_manage(&caller)?;
    let id: KeyId = path_id(&request, "key")?;
    let writing = Writing::of_bytes(&service, &caller, &request, &[])?;
    let now = service.clock.now().as_microsecond();
    // Looked at first: what the same request does meanwhile does not stand in its way.
    let found = find(&service, &caller, id.uuid()).await;
    let answer = match earlier(&service, &caller, &writing, id.uuid()).await? {
        Some(known) => again(HttpResponse::Ok(), &known),
        None => {
            let row = found?;
            let revoked = Beside::api_key_revoked(tenant(&caller), id.uuid(), now);
            match writing.change(&service, &caller, revoked).await? {
                Changed::Done => HttpResponse::Ok().json(Key::of(&row, None)),
                Changed::Before | Changed::Conflict => again(HttpResponse::Ok(), &row),
            }
        }
    };
    authenticator.look_again(caller.tenant);
    Ok(answer)
}
