//! A request that is sent again has one effect: by the name that the client gives it, or by the id of its fact.

use std::time::{Duration, Instant};

use afterword::app::Options;
use afterword_domain::ids::{ContactId, EventId};
use afterword_store::{Appended, Commit, IdempotencyRow};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder, header::CONTENT_TYPE};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::{Answer, Client, id},
    harness::{Kind, World, behind, open, options},
    kill::process::{Process, first},
    scenes::{Scene, registers},
    stories,
};

stories![
    a_named_request_has_one_effect_and_one_answer,
    a_name_is_for_one_request,
    only_a_success_is_kept_under_a_name,
    a_name_is_looked_up_before_the_condition,
    the_same_request_sent_at_once_is_answered_once_and_told_again,
    what_is_no_fact_is_changed_once_too,
    a_name_belongs_to_its_tenant,
    a_name_is_one_key_of_visible_characters,
    a_fact_sent_again_by_its_id_is_answered_as_before,
    an_id_stands_for_one_fact,
];

/// Makes a request for a client.
type Request<'a> = Box<dyn Fn(&Client) -> RequestBuilder + 'a>;

/// The request under a name.
fn named(request: RequestBuilder, name: &str) -> RequestBuilder {
    request.header("Idempotency-Key", name)
}

pub fn posts(client: &Client, path: &str, body: &Value) -> RequestBuilder {
    client.request(Method::POST, path).json(body)
}

#[track_caller]
fn same(first: &Answer, again: &Answer) {
    assert_eq!(first.maybe_header("idempotency-replayed"), None, "{first}");
    assert_eq!(again.maybe_header("idempotency-replayed"), Some("true"), "{again}");
    assert_eq!(first.status, again.status, "{first}\n{again}");
    for header in ["etag", "location", "content-type"] {
        assert_eq!(
            first.maybe_header(header),
            again.maybe_header(header),
            "{first}\n{again}"
        );
    }
    assert_eq!(
        String::from_utf8_lossy(&first.body),
        String::from_utf8_lossy(&again.body)
    );
}

async fn a_named_request_has_one_effect_and_one_answer(world: World) {
    let scene = Scene::interviewed(world).await;
    let (ada, acme, anna) = (&scene.ada, &scene.acme, &scene.anna);
    let elsewhere = scene.another(scene.clock.clone(), Options::default());
    let merge = |client: &Client, path: &str, body: Value| {
        client
            .request(Method::PATCH, path)
            .header(CONTENT_TYPE, "application/merge-patch+json")
            .body(body.to_string())
    };
    let requests: Vec<(&str, Request)> = vec![
        (
            "register",
            Box::new(|it: &Client| {
                posts(
                    it,
                    "/v1/candidates",
                    &json!({"name": "Grace Hopper", "time_zone": "America/New_York"}),
                )
            }),
        ),
        (
            "request",
            Box::new(|it: &Client| {
                posts(
                    it,
                    &format!("{acme}/document-requests"),
                    &json!({"document": "transcript"}),
                )
            }),
        ),
        (
            "note",
            Box::new(|it: &Client| {
                posts(
                    it,
                    &format!("{ada}/notes"),
                    &json!({"kind": "other", "recipients": [id(anna)], "channel": "email"}),
                )
            }),
        ),
        (
            "promise",
            Box::new(|it: &Client| {
                posts(
                    it,
                    &format!("{acme}/decision-dates"),
                    &json!({"decide_by": "2026-03-09"}),
                )
            }),
        ),
        (
            "reject",
            Box::new(|it: &Client| posts(it, &format!("{acme}/rejection"), &json!({"channel": "email"}))),
        ),
        (
            "facts",
            Box::new(|it: &Client| {
                let facts = json!([
                    {"type": "StatusEnquired", "application": id(acme), "data": {"channel": "phone"}},
                    {"type": "StatusEnquired", "application": "app_01k9ze3n8qfq7s5b1x5n0v3gk2", "data": {"channel": "phone"}},
                    {"type": "Nonsense", "data": {}},
                ]);
                posts(it, &format!("{ada}/facts"), &json!({"facts": facts}))
            }),
        ),
        (
            "profile",
            Box::new(|it: &Client| merge(it, ada, json!({"phone": "+49 30 123456", "email": null}))),
        ),
        (
            "contact",
            Box::new(|it: &Client| merge(it, anna, json!({"phone": "+49 30 654321"}))),
        ),
        (
            "erase contact",
            Box::new(|it: &Client| it.request(Method::DELETE, anna)),
        ),
        ("erase", Box::new(|it: &Client| it.request(Method::DELETE, ada))),
    ];
    for (name, request) in &requests {
        let key = name.replace(' ', "-");
        let first = scene.send(named(request(&scene), &key)).await;
        assert!(first.status < 300, "{first}");
        let feed = scene.lists_feed().await.len();
        // The answer does not depend on what came after, on the clock, or on the instance.
        if *name != "erase" {
            scene
                .records(
                    &format!("{acme}/document-requests"),
                    json!({"document": format!("after {name}")}),
                )
                .await;
        }
        scene.clock.advance(jiff::SignedDuration::from_mins(7));
        let again = scene.send(named(request(&scene), &key)).await;
        let there = elsewhere.send(named(request(&elsewhere), &format!("\"{key}\""))).await;
        same(&first, &again);
        same(&first, &there);
        let more = usize::from(*name != "erase");
        assert_eq!(
            scene.lists_feed().await.len(),
            feed + more,
            "{name} had an effect again"
        );
    }
}

async fn a_name_is_for_one_request(world: World) {
    let scene = Scene::interviewed(world).await;
    let path = format!("{}/document-requests", scene.acme);
    let body = json!({"document": "references"});
    scene.send(named(posts(&scene, &path, &body), "one")).await.is(201);
    let others = [
        posts(&scene, &path, &json!({"document": "diploma"})),
        posts(
            &scene,
            &format!("{}/status-enquiries", scene.acme),
            &json!({"channel": "phone"}),
        ),
        posts(&scene, &format!("{}/withdrawn", scene.acme), &json!({})),
        posts(
            &scene,
            "/v1/candidates",
            &json!({"name": "Grace Hopper", "time_zone": "UTC"}),
        ),
        posts(&scene, "/v1/keys", &json!({"scopes": ["candidates:read"]})),
        scene.request(Method::DELETE, &scene.ada),
        scene.request(Method::PATCH, &scene.ada).json(&body),
    ];
    let before = scene.lists_feed().await.len();
    for other in others {
        let answer = scene.send(named(other, "one")).await;
        if answer.status == 422 && answer["code"] == "invalid" {
            continue; // The body does not fit the other endpoint at all.
        }
        answer.refuses(422, "idempotency_reused").names("Idempotency-Key");
    }
    assert_eq!(scene.lists_feed().await.len(), before);
    // The same JSON written otherwise is the same request.
    let spaced = scene
        .request(Method::POST, &path)
        .header(CONTENT_TYPE, "application/json")
        .body(" { \"document\" :\n\"references\" } ");
    assert_eq!(
        scene
            .send(named(spaced, "one"))
            .await
            .is(201)
            .header("idempotency-replayed"),
        "true"
    );
}

async fn only_a_success_is_kept_under_a_name(world: World) {
    let scene = Scene::invited(world).await;
    let held = format!("{}/held", scene.interview);
    let body = json!({"ended_at": "2026-03-02T15:00:00+01:00"});
    let too_early = json!({"ended_at": "2026-03-02T08:00:00+01:00"});
    scene
        .send(named(posts(&scene, &held, &too_early), "held"))
        .await
        .is(409);
    scene
        .send(named(posts(&scene, &held, &json!({"ended_at": "soon"})), "held"))
        .await
        .refuses(422, "invalid");
    scene.send(named(posts(&scene, &held, &body), "held")).await.is(422);
    scene.at("2026-03-02T16:00:00+01:00");
    let first = scene.send(named(posts(&scene, &held, &body), "held")).await;
    assert_eq!(first.is(201).maybe_header("idempotency-replayed"), None);
    same(&first, &scene.send(named(posts(&scene, &held, &body), "held")).await);
    scene.post(&held, body).await.refuses(409, "already_recorded");
}

async fn a_name_is_looked_up_before_the_condition(world: World) {
    let scene = Scene::interviewed(world).await;
    let path = format!("{}/document-requests", scene.acme);
    let tag = scene.get(&scene.ada).await.is(200).header("etag").to_owned();
    let request =
        || named(posts(&scene, &path, &json!({"document": "references"})), "conditional").header("If-Match", &tag);
    let first = scene.send(request()).await;
    first.is(201);
    same(&first, &scene.send(request()).await);
    let unnamed = posts(&scene, &path, &json!({"document": "references"})).header("If-Match", &tag);
    scene.send(unnamed).await.refuses(412, "stale");
    // Two at once: the second waits for the first, and does not stumble over what it did.
    let tag = scene.get(&scene.ada).await.header("etag").to_owned();
    let elsewhere = scene.another(scene.clock.clone(), Options::default());
    let request = |client: &Client| {
        let request = posts(client, &path, &json!({"document": "diploma"})).header("If-Match", &tag);
        let (request, client) = (named(request, "at-once"), client.clone());
        async move { client.send(request).await }
    };
    let answers = join_all((0..12).map(|nth| request(if nth % 2 == 0 { &scene } else { &elsewhere }))).await;
    answers.iter().for_each(|answer| {
        answer.is(201);
    });
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
}

async fn the_same_request_sent_at_once_is_answered_once_and_told_again(world: World) {
    let scene = Scene::interviewed(world).await;
    let elsewhere = scene.another(scene.clock.clone(), Options::default());
    let requests: Vec<(&str, String, Value)> = vec![
        (
            "a",
            "/v1/candidates".into(),
            json!({"name": "Grace Hopper", "time_zone": "UTC"}),
        ),
        (
            "b",
            format!("{}/document-requests", scene.acme),
            json!({"document": "references"}),
        ),
        ("c", format!("{}/rejection", scene.acme), json!({"channel": "phone"})),
        (
            "d",
            format!("{}/facts", scene.ada),
            json!({"atomic": true, "facts": [
                {"type": "FeedbackRequested", "application": id(&scene.acme), "data": {"channel": "email"}},
                {"type": "FeedbackReceived", "application": id(&scene.acme), "data": {"text": "Be bolder."}},
            ]}),
        ),
    ];
    for (name, path, body) in requests {
        let before = scene.lists_feed().await.len();
        let asks = (0..16).map(|nth| {
            let client: &Client = if nth % 2 == 0 { &scene } else { &elsewhere };
            let (request, client) = (named(posts(client, &path, &body), name), client.clone());
            async move { client.send(request).await }
        });
        let answers = join_all(asks).await;
        let told = answers
            .iter()
            .filter(|answer| answer.maybe_header("idempotency-replayed").is_none())
            .count();
        assert_eq!(told, 1, "{name}: {}", answers[0]);
        assert!(
            answers
                .iter()
                .all(|answer| answer.status == answers[0].status && answer.body == answers[0].body),
            "{name}"
        );
        assert!(answers[0].status < 300, "{}", answers[0]);
        let effect = if name == "d" { 2 } else { 1 };
        assert_eq!(scene.lists_feed().await.len(), before + effect, "{name}");
    }
}

/// Sends a request to two instances, four times to each at once, under one name: one of them carries it out, and all get
/// the same answer, less what is shown once.
async fn at_once(clients: [&Client; 2], method: Method, path: &str, body: Value, name: &str) -> Value {
    let asks = (0..8).map(|nth| {
        let client = clients[nth % 2].clone();
        let request = client.request(method.clone(), path);
        let request = match (&body, method == Method::PATCH) {
            (Value::Null, _) => request,
            (body, true) => request
                .header(CONTENT_TYPE, "application/merge-patch+json")
                .body(body.to_string()),
            (body, false) => request.json(body),
        };
        let request = named(request, name);
        async move { client.send(request).await }
    });
    let answers = join_all(asks).await;
    let is_first = |answer: &&Answer| answer.maybe_header("idempotency-replayed").is_none();
    let first: Vec<&Answer> = answers.iter().filter(is_first).collect();
    assert_eq!(first.len(), 1, "{path}: {}", answers[0]);
    let told = |answer: &Answer| {
        let mut json = answer.json.clone();
        for shown_once in ["secret", "key", "url"] {
            json.as_object_mut().expect("an object").remove(shown_once);
        }
        (answer.status, json)
    };
    for answer in &answers {
        assert!(answer.status < 300, "{path}: {answer}");
        assert_eq!(told(answer), told(&answers[0]), "{path}");
    }
    first[0].json.clone()
}

async fn what_is_no_fact_is_changed_once_too(world: World) {
    let scene = Scene::interviewed(world).await;
    let elsewhere = scene.another(scene.clock.clone(), Options::default());
    let at_once = async |method: Method, path: &str, body: Value, name: &str| {
        at_once([&scene, &elsewhere], method, path, body, name).await
    };
    let host = json!({"host": "smtp.centre.example", "port": 465, "security": "tls"});
    at_once(Method::PUT, "/v1/mail", host, "mail").await;
    scene.clock.advance(SignedDuration::from_mins(1));
    at_once(Method::DELETE, "/v1/mail", Value::Null, "no-mail").await;
    scene.get("/v1/mail").await.refuses(404, "not_found");

    let hook = json!({"url": "https://hooks.centre.example/in"});
    let made = at_once(Method::POST, "/v1/webhooks", hook, "hook").await;
    assert_eq!(scene.lists("/v1/webhooks").await.len(), 1);
    let hook = format!("/v1/webhooks/{}", made["id"].as_str().expect("an id"));
    at_once(Method::PATCH, &hook, json!({"payload": "full"}), "full").await;
    let since = json!({"since": scene.clock.now().to_string()});
    at_once(Method::POST, &format!("{hook}/redeliveries"), since, "again").await;
    let rolled = at_once(Method::POST, &format!("{hook}/secret/rolled"), json!({}), "roll").await;
    assert!(rolled["secret"].is_string() && rolled["secret"] != made["secret"]);
    at_once(Method::DELETE, &hook, Value::Null, "no-hook").await;
    scene.get(&hook).await.refuses(404, "not_found");

    let keys = scene.lists("/v1/keys").await.len();
    let key = at_once(Method::POST, "/v1/keys", json!({"scopes": ["candidates:read"]}), "key").await;
    let path = format!("/v1/keys/{}", key["id"].as_str().expect("an id"));
    at_once(
        Method::POST,
        &format!("{path}/rolled"),
        json!({"overlap": "PT1H"}),
        "roll-key",
    )
    .await;
    assert_eq!(scene.lists("/v1/keys").await.len(), keys + 2);
    at_once(Method::DELETE, &path, Value::Null, "no-key").await;
    assert_eq!(scene.lists("/v1/keys").await.len(), keys + 1);

    let calendars = format!("{}/calendars", scene.ada);
    let calendar = at_once(Method::POST, &calendars, json!({}), "calendar").await;
    assert_eq!(scene.lists(&calendars).await.len(), 1);
    let path = format!("{calendars}/{}", calendar["id"].as_str().expect("an id"));
    at_once(Method::DELETE, &path, Value::Null, "no-calendar").await;
    assert!(scene.lists(&calendars).await.is_empty());
}

async fn a_name_belongs_to_its_tenant(world: World) {
    let other = world.neighbour().await;
    let body = json!({"name": "Grace Hopper", "time_zone": "UTC"});
    let one = world.send(named(posts(&world, "/v1/candidates", &body), "same")).await;
    let two = other.send(named(posts(&other, "/v1/candidates", &body), "same")).await;
    assert_eq!(two.is(201).maybe_header("idempotency-replayed"), None);
    assert_ne!(one.is(201).header("location"), two.header("location"));
}

async fn a_name_is_one_key_of_visible_characters(world: World) {
    let body = json!({"name": "Grace Hopper", "time_zone": "UTC"});
    let long = "x".repeat(256);
    for wrong in ["", "a b", "\"open", &long] {
        world
            .send(named(posts(&world, "/v1/candidates", &body), wrong))
            .await
            .refuses(400, "malformed")
            .names("Idempotency-Key");
    }
    let twice = named(named(posts(&world, "/v1/candidates", &body), "a"), "b");
    world
        .send(twice)
        .await
        .refuses(400, "malformed")
        .names("Idempotency-Key");
    assert!(world.lists("/v1/candidates").await.is_empty());
}

async fn a_fact_sent_again_by_its_id_is_answered_as_before(world: World) {
    let scene = Scene::interviewed(world).await;
    let elsewhere = scene.another(scene.clock.clone(), Options::default());
    let fresh = || EventId::new(Uuid::now_v7()).to_string();
    let now = "2026-03-02T15:10:20.123456789+01:00";
    let requests = [
        (
            "/v1/candidates".to_owned(),
            json!({"id": fresh(), "name": "Grace Hopper", "time_zone": "UTC", "external_id": "g-1"}),
        ),
        (
            format!("{}/document-requests", scene.acme),
            json!({"id": fresh(), "document": "references"}),
        ),
        (
            format!("{}/document-requests", scene.acme),
            json!({"id": fresh(), "document": "diploma", "occurred_at": now}),
        ),
        (
            format!("{}/contacts", scene.ada),
            json!({"id": fresh(), "name": "Bo Li", "subject": ContactId::new(Uuid::now_v7()).to_string()}),
        ),
        (
            format!("{}/status-reports", scene.acme),
            json!({"id": fresh(), "summary": "Soon", "decide_by": "2026-03-09"}),
        ),
        (
            format!("{}/rejection", scene.acme),
            json!({"id": fresh(), "channel": "email"}),
        ),
        (
            format!("{}/rejection/feedback-requests", scene.acme),
            json!({"id": fresh(), "channel": "email"}),
        ),
        (format!("{}/withdrawn", scene.acme), json!({"id": fresh()})),
    ];
    for (path, body) in requests {
        let first = scene.post(&path, body.clone()).await;
        first.is(201);
        let facts = scene.lists_feed().await.len();
        scene.clock.advance(jiff::SignedDuration::from_mins(1));
        for client in [&*scene.world, &elsewhere] {
            let again = client.post(&path, body.clone()).await;
            assert_eq!(
                String::from_utf8_lossy(&again.is(201).body),
                String::from_utf8_lossy(&first.body)
            );
            assert_eq!(again.header("location"), first.header("location"));
        }
        assert_eq!(scene.lists_feed().await.len(), facts);
    }
}

async fn an_id_stands_for_one_fact(world: World) {
    let scene = Scene::interviewed(world).await;
    let event = EventId::new(Uuid::now_v7()).to_string();
    let path = format!("{}/document-requests", scene.acme);
    scene
        .post(&path, json!({"id": event, "document": "references"}))
        .await
        .is(201);
    scene
        .post(&path, json!({"id": event, "document": "diploma"}))
        .await
        .refuses(409, "id_taken")
        .names("/id");
    let at = json!({"id": event, "document": "references", "occurred_at": "2026-03-02T15:00:00+01:00"});
    scene.post(&path, at).await.refuses(409, "id_taken").names("/id");
    scene
        .post(&format!("{}/withdrawn", scene.acme), json!({"id": event}))
        .await
        .refuses(409, "id_taken")
        .names("/id");
    // The ids of facts are the tenant's: another candidate cannot have it either.
    let grace = registers(&scene, "Grace Hopper").await;
    scene
        .post(&format!("{grace}/contacts"), json!({"id": event, "name": "Bo Li"}))
        .await
        .refuses(409, "id_taken")
        .names("/id");
    scene
        .post(
            "/v1/candidates",
            json!({"id": event, "name": "Ada Lovelace", "time_zone": "UTC"}),
        )
        .await
        .refuses(409, "id_taken")
        .names("/id");
    // And the ids of things.
    let anna = id(&scene.anna);
    scene
        .post(
            &format!("{}/contacts", scene.ada),
            json!({"subject": anna, "name": "Bo Li"}),
        )
        .await
        .refuses(409, "id_taken")
        .names("/subject");
    let ada = id(&scene.ada);
    scene
        .post(
            "/v1/candidates",
            json!({"subject": ada, "name": "Ada", "time_zone": "UTC"}),
        )
        .await
        .refuses(409, "id_taken")
        .names("/subject");
    scene
        .post(&path, json!({"id": "evt_1", "document": "x"}))
        .await
        .refuses(422, "invalid")
        .names("/id");
    scene
        .post(&path, json!({"id": id(&scene.ada), "document": "x"}))
        .await
        .refuses(422, "invalid")
        .names("/id");
    scene
        .post(&path, json!({"subject": anna, "document": "x"}))
        .await
        .refuses(422, "invalid")
        .names("/subject");
    // Another tenant may use the very same.
    let other = scene.neighbour().await;
    let ada = json!({"subject": ada, "id": event, "name": "Ada", "time_zone": "UTC"});
    other.post("/v1/candidates", ada).await.is(201);
}

/// By the service as it runs: it looks for what is too old when it starts.
async fn a_name_is_kept_for_72_hours(kind: Kind) {
    let Some(there) = options(kind).await else { return };
    drop(first(&there));
    let store = open(there.clone()).await;
    let asking = store.clone();
    let tenants = behind(async move { asking.tenants().await }).await;
    let tenant = tenants.expect("done").expect("the store answers")[0].id;
    for hours in [71, 73] {
        let row = IdempotencyRow {
            key_hash: vec![hours],
            request_hash: vec![hours],
            candidate: None,
            first_version: 1,
            facts: 0,
            sealed: None,
            recorded_at: (Timestamp::now() - SignedDuration::from_hours(hours.into())).as_microsecond(),
        };
        let commit = Commit {
            idempotency: Some(row),
            ..Commit::new(tenant, Uuid::nil(), 0)
        };
        let store = store.clone();
        let kept = behind(async move { store.append(commit).await }).await;
        assert!(matches!(kept.expect("done"), Ok(Appended::Done { .. })));
    }
    let is_there = async |hours: u8| {
        let store = store.clone();
        let row = behind(async move { store.idempotent(tenant, &[hours]).await }).await;
        row.expect("done").expect("the store answers").is_some()
    };
    assert!(is_there(71).await && is_there(73).await);
    let mut process = Process::start(&there);
    process.listening();
    let began = Instant::now();
    while is_there(73).await {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "a name of 73 hours is still there"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(is_there(71).await, "a name of 71 hours is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_name_is_kept_for_72_hours_on_sqlite() {
    a_name_is_kept_for_72_hours(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_name_is_kept_for_72_hours_on_postgres() {
    a_name_is_kept_for_72_hours(Kind::Postgres).await;
}
