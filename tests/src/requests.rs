//! What every request may rely on: one effect per name, conditions on what the client knows, tags, places, ids.

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder, header::CONTENT_TYPE};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::{Answer, Client, id},
    harness::World,
    scenes::{Scene, registers},
    stories,
};
use afterword::app::Options;
use afterword_domain::ids::{ContactId, EventId};

stories![
    a_named_request_has_one_effect_and_one_answer,
    a_name_is_for_one_request,
    only_a_success_is_kept_under_a_name,
    a_name_is_looked_up_before_the_condition,
    the_same_request_sent_at_once_is_answered_once_and_told_again,
    a_name_belongs_to_its_tenant,
    a_name_is_one_key_of_visible_characters,
    a_fact_sent_again_by_its_id_is_answered_as_before,
    an_id_stands_for_one_fact,
    a_write_on_an_older_version_is_stale,
    what_the_client_has_is_not_sent_again,
    every_answer_says_where_the_thing_can_be_read,
    an_empty_body_needs_no_content_type,
    every_answer_carries_its_request_id,
];

/// The request under a name.
fn named(request: RequestBuilder, name: &str) -> RequestBuilder {
    request.header("Idempotency-Key", name)
}

fn posts(client: &Client, path: &str, body: &Value) -> RequestBuilder {
    client.request(Method::POST, path).json(body)
}

#[track_caller]
fn same(first: &Answer, again: &Answer) {
    assert_eq!(first.maybe_header("idempotency-replayed"), None, "{first}");
    assert_eq!(again.maybe_header("idempotency-replayed"), Some("true"), "{again}");
    assert_eq!(first.status, again.status, "{first}\n{again}");
    for header in ["etag", "location", "content-type"] {
        assert_eq!(first.maybe_header(header), again.maybe_header(header), "{first}\n{again}");
    }
    assert_eq!(String::from_utf8_lossy(&first.body), String::from_utf8_lossy(&again.body));
}

async fn a_named_request_has_one_effect_and_one_answer(world: World) {
    let scene = Scene::interviewed(world).await;
    let (ada, acme, anna) = (&scene.ada, &scene.acme, &scene.anna);
    let elsewhere = scene.another(scene.clock.clone(), Options::default());
    let merge = |client: &Client, path: &str, body: Value| {
        client.request(Method::PATCH, path).header(CONTENT_TYPE, "application/merge-patch+json").body(body.to_string())
    };
    let requests: Vec<(&str, Box<dyn Fn(&Client) -> RequestBuilder>)> = vec![
        ("register", Box::new(|it: &Client| posts(it, "/v1/candidates", &json!({"name": "Grace Hopper", "time_zone": "America/New_York"})))),
        ("request", Box::new(|it: &Client| posts(it, &format!("{acme}/document-requests"), &json!({"document": "transcript"})))),
        ("note", Box::new(|it: &Client| {
            posts(it, &format!("{ada}/notes"), &json!({"kind": "other", "recipients": [id(anna)], "channel": "email"}))
        })),
        ("promise", Box::new(|it: &Client| posts(it, &format!("{acme}/decision-dates"), &json!({"decide_by": "2026-03-09"})))),
        ("reject", Box::new(|it: &Client| posts(it, &format!("{acme}/rejection"), &json!({"channel": "email"})))),
        ("facts", Box::new(|it: &Client| {
            let facts = json!([
                {"type": "StatusEnquired", "application": id(acme), "data": {"channel": "phone"}},
                {"type": "StatusEnquired", "application": "app_01k9ze3n8qfq7s5b1x5n0v3gk2", "data": {"channel": "phone"}},
                {"type": "Nonsense", "data": {}},
            ]);
            posts(it, &format!("{ada}/facts"), &json!({"facts": facts}))
        })),
        ("profile", Box::new(|it: &Client| merge(it, ada, json!({"phone": "+49 30 123456", "email": null})))),
        ("contact", Box::new(|it: &Client| merge(it, anna, json!({"phone": "+49 30 654321"})))),
        ("erase contact", Box::new(|it: &Client| it.request(Method::DELETE, anna))),
        ("erase", Box::new(|it: &Client| it.request(Method::DELETE, ada))),
    ];
    for (name, request) in &requests {
        let key = name.replace(' ', "-");
        let first = scene.send(named(request(&scene), &key)).await;
        assert!(first.status < 300, "{first}");
        let feed = scene.lists_feed().await.len();
        // The answer does not depend on what came after, on the clock, or on the instance.
        if *name != "erase" {
            scene.records(&format!("{acme}/document-requests"), json!({"document": format!("after {name}")})).await;
        }
        scene.clock.advance(jiff::SignedDuration::from_mins(7));
        let again = scene.send(named(request(&scene), &key)).await;
        let there = elsewhere.send(named(request(&elsewhere), &format!("\"{key}\""))).await;
        same(&first, &again);
        same(&first, &there);
        let more = usize::from(*name != "erase");
        assert_eq!(scene.lists_feed().await.len(), feed + more, "{name} had an effect again");
    }
}

async fn a_name_is_for_one_request(world: World) {
    let scene = Scene::interviewed(world).await;
    let path = format!("{}/document-requests", scene.acme);
    let body = json!({"document": "references"});
    scene.send(named(posts(&scene, &path, &body), "one")).await.is(201);
    let others = [
        posts(&scene, &path, &json!({"document": "diploma"})),
        posts(&scene, &format!("{}/status-enquiries", scene.acme), &json!({"channel": "phone"})),
        posts(&scene, &format!("{}/withdrawn", scene.acme), &json!({})),
        posts(&scene, "/v1/candidates", &json!({"name": "Grace Hopper", "time_zone": "UTC"})),
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
    let spaced = scene.request(Method::POST, &path).header(CONTENT_TYPE, "application/json").body(" { \"document\" :\n\"references\" } ");
    assert_eq!(scene.send(named(spaced, "one")).await.is(201).header("idempotency-replayed"), "true");
}

async fn only_a_success_is_kept_under_a_name(world: World) {
    let scene = Scene::invited(world).await;
    let held = format!("{}/held", scene.interview);
    let body = json!({"ended_at": "2026-03-02T15:00:00+01:00"});
    let too_early = json!({"ended_at": "2026-03-02T08:00:00+01:00"});
    scene.send(named(posts(&scene, &held, &too_early), "held")).await.is(409);
    scene.send(named(posts(&scene, &held, &json!({"ended_at": "soon"})), "held")).await.refuses(422, "invalid");
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
    let request = || named(posts(&scene, &path, &json!({"document": "references"})), "conditional").header("If-Match", &tag);
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
    answers.iter().for_each(|answer| { answer.is(201); });
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
}

async fn the_same_request_sent_at_once_is_answered_once_and_told_again(world: World) {
    let scene = Scene::interviewed(world).await;
    let elsewhere = scene.another(scene.clock.clone(), Options::default());
    let requests: Vec<(&str, String, Value)> = vec![
        ("a", "/v1/candidates".into(), json!({"name": "Grace Hopper", "time_zone": "UTC"})),
        ("b", format!("{}/document-requests", scene.acme), json!({"document": "references"})),
        ("c", format!("{}/rejection", scene.acme), json!({"channel": "phone"})),
        ("d", format!("{}/facts", scene.ada), json!({"atomic": true, "facts": [
            {"type": "FeedbackRequested", "application": id(&scene.acme), "data": {"channel": "email"}},
            {"type": "FeedbackReceived", "application": id(&scene.acme), "data": {"text": "Be bolder."}},
        ]})),
    ];
    for (name, path, body) in requests {
        let before = scene.lists_feed().await.len();
        let asks = (0..16).map(|nth| {
            let client: &Client = if nth % 2 == 0 { &scene } else { &elsewhere };
            let (request, client) = (named(posts(client, &path, &body), name), client.clone());
            async move { client.send(request).await }
        });
        let answers = join_all(asks).await;
        let told = answers.iter().filter(|answer| answer.maybe_header("idempotency-replayed").is_none()).count();
        assert_eq!(told, 1, "{name}: {}", answers[0]);
        assert!(answers.iter().all(|answer| answer.status == answers[0].status && answer.body == answers[0].body), "{name}");
        assert!(answers[0].status < 300, "{}", answers[0]);
        let effect = if name == "d" { 2 } else { 1 };
        assert_eq!(scene.lists_feed().await.len(), before + effect, "{name}");
    }
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
        world.send(named(posts(&world, "/v1/candidates", &body), wrong)).await.refuses(400, "malformed").names("Idempotency-Key");
    }
    let twice = named(named(posts(&world, "/v1/candidates", &body), "a"), "b");
    world.send(twice).await.refuses(400, "malformed").names("Idempotency-Key");
    assert!(world.lists("/v1/candidates").await.is_empty());
}

async fn a_fact_sent_again_by_its_id_is_answered_as_before(world: World) {
    let scene = Scene::interviewed(world).await;
    let elsewhere = scene.another(scene.clock.clone(), Options::default());
    let fresh = || EventId::new(Uuid::now_v7()).to_string();
    let now = "2026-03-02T15:10:20.123456789+01:00";
    let requests = [
        ("/v1/candidates".to_owned(), json!({"id": fresh(), "name": "Grace Hopper", "time_zone": "UTC", "external_id": "g-1"})),
        (format!("{}/document-requests", scene.acme), json!({"id": fresh(), "document": "references"})),
        (format!("{}/document-requests", scene.acme), json!({"id": fresh(), "document": "diploma", "occurred_at": now})),
        (format!("{}/contacts", scene.ada), json!({"id": fresh(), "name": "Bo Li", "subject": ContactId::new(Uuid::now_v7()).to_string()})),
        (format!("{}/status-reports", scene.acme), json!({"id": fresh(), "summary": "Soon", "decide_by": "2026-03-09"})),
        (format!("{}/rejection", scene.acme), json!({"id": fresh(), "channel": "email"})),
        (format!("{}/rejection/feedback-requests", scene.acme), json!({"id": fresh(), "channel": "email"})),
        (format!("{}/withdrawn", scene.acme), json!({"id": fresh()})),
    ];
    for (path, body) in requests {
        let first = scene.post(&path, body.clone()).await;
        first.is(201);
        let facts = scene.lists_feed().await.len();
        scene.clock.advance(jiff::SignedDuration::from_mins(1));
        for client in [&*scene.world, &elsewhere] {
            let again = client.post(&path, body.clone()).await;
            assert_eq!(String::from_utf8_lossy(&again.is(201).body), String::from_utf8_lossy(&first.body));
            assert_eq!(again.header("location"), first.header("location"));
        }
        assert_eq!(scene.lists_feed().await.len(), facts);
    }
}

async fn an_id_stands_for_one_fact(world: World) {
    let scene = Scene::interviewed(world).await;
    let event = EventId::new(Uuid::now_v7()).to_string();
    let path = format!("{}/document-requests", scene.acme);
    scene.post(&path, json!({"id": event, "document": "references"})).await.is(201);
    scene.post(&path, json!({"id": event, "document": "diploma"})).await.refuses(409, "id_taken").names("/id");
    let at = json!({"id": event, "document": "references", "occurred_at": "2026-03-02T15:00:00+01:00"});
    scene.post(&path, at).await.refuses(409, "id_taken").names("/id");
    scene.post(&format!("{}/withdrawn", scene.acme), json!({"id": event})).await.refuses(409, "id_taken").names("/id");
    // The ids of facts are the tenant's: another candidate cannot have it either.
    let grace = registers(&scene, "Grace Hopper").await;
    scene.post(&format!("{grace}/contacts"), json!({"id": event, "name": "Bo Li"})).await.refuses(409, "id_taken").names("/id");
    scene.post("/v1/candidates", json!({"id": event, "name": "Ada Lovelace", "time_zone": "UTC"})).await.refuses(409, "id_taken").names("/id");
    // And the ids of things.
    let anna = id(&scene.anna);
    scene.post(&format!("{}/contacts", scene.ada), json!({"subject": anna, "name": "Bo Li"})).await.refuses(409, "id_taken").names("/subject");
    let ada = id(&scene.ada);
    scene.post("/v1/candidates", json!({"subject": ada, "name": "Ada", "time_zone": "UTC"})).await.refuses(409, "id_taken").names("/subject");
    scene.post(&path, json!({"id": "evt_1", "document": "x"})).await.refuses(422, "invalid").names("/id");
    scene.post(&path, json!({"id": id(&scene.ada), "document": "x"})).await.refuses(422, "invalid").names("/id");
    scene.post(&path, json!({"subject": anna, "document": "x"})).await.refuses(422, "invalid").names("/subject");
    // Another tenant may use the very same.
    let other = scene.neighbour().await;
    let ada = json!({"subject": ada, "id": event, "name": "Ada", "time_zone": "UTC"});
    other.post("/v1/candidates", ada).await.is(201);
}

async fn a_write_on_an_older_version_is_stale(world: World) {
    let scene = Scene::interviewed(world).await;
    let path = format!("{}/document-requests", scene.acme);
    let old = scene.get(&scene.ada).await.header("etag").to_owned();
    let if_match = |tag: &str| posts(&scene, &path, &json!({"document": "references"})).header("If-Match", tag.to_owned());
    let recorded = scene.send(if_match(&old)).await;
    let new = recorded.is(201).header("etag").to_owned();
    assert_ne!(old, new);
    assert_eq!(scene.get(&scene.ada).await.header("etag"), new);
    let stale = scene.send(if_match(&old)).await;
    assert_eq!(stale.refuses(412, "stale").header("etag"), new);
    scene.send(if_match(&format!("\"x\", {new}"))).await.is(201);
    scene.send(if_match("*")).await.is(201);
    scene.send(if_match("7")).await.refuses(400, "malformed").names("If-Match");
    let patch = scene.request(Method::PATCH, &scene.ada).json(&json!({"phone": "1"})).header("If-Match", &old);
    scene.send(patch).await.refuses(412, "stale");
    scene.send(scene.request(Method::DELETE, &scene.ada).header("If-Match", &old)).await.refuses(412, "stale");
    let grace = registers(&scene, "Grace Hopper").await;
    let tag = scene.get(&grace).await.header("etag").to_owned();
    scene.send(if_match(&tag)).await.refuses(412, "stale");
    // What is not there has not moved on.
    let nobody = "/v1/candidates/cnd_01k9ze3n8qfq7s5b1x5n0v3gk2/contacts";
    scene.send(posts(&scene, nobody, &json!({"name": "Bo"})).header("If-Match", &old)).await.refuses(404, "not_found");
    // Without a condition the service decides on the newest state.
    scene.post(&path, json!({"document": "references"})).await.is(201);
    scene.delete(&grace).await.is(200);
    let late = posts(&scene, &format!("{grace}/contacts"), &json!({"name": "Bo"})).header("If-Match", &tag);
    scene.send(late).await.refuses(409, "candidate_erased");
}

async fn what_the_client_has_is_not_sent_again(world: World) {
    let scene = Scene::interviewed(world).await;
    scene.records(&format!("{}/rejection", scene.acme), json!({"channel": "email"})).await;
    let of_ada = ["", "/tasks", "/timeline", "/contacts", "/interviews", "/events", "/applications?status=rejected"];
    let mut paths: Vec<String> = of_ada.iter().map(|path| format!("{}{path}", scene.ada)).collect();
    let lists = ["/v1/candidates", "/v1/tasks", "/v1/applications", "/v1/rejections", "/v1/events", "/v1/keys"];
    paths.extend(lists.map(ToOwned::to_owned));
    paths.extend([scene.acme.clone(), scene.anna.clone(), scene.interview.clone(), format!("{}/rejection", scene.acme)]);
    let mut tags = Vec::new();
    for path in &paths {
        let first = scene.get(path).await;
        let tag = first.is(200).header("etag").to_owned();
        let known = scene.send(scene.request(Method::GET, path).header("If-None-Match", &tag)).await;
        assert_eq!((known.is(304).header("etag"), known.body.len()), (tag.as_str(), 0), "{path}");
        let weak = scene.send(scene.request(Method::GET, path).header("If-None-Match", format!("\"x\", W/{tag}"))).await;
        weak.is(304);
        scene.send(scene.request(Method::GET, path).header("If-None-Match", "\"x\"")).await.is(200);
        let head = scene.send(scene.request(Method::HEAD, path)).await;
        assert_eq!((head.is(200).header("etag"), head.body.len()), (tag.as_str(), 0), "{path}");
        tags.push(tag);
    }
    scene.records(&format!("{}/document-requests", scene.acme), json!({"document": "references"})).await;
    for (path, tag) in paths.iter().zip(&tags).filter(|(path, _)| ["/tasks", "/timeline", "/events"].iter().any(|end| path.ends_with(end))) {
        scene.send(scene.request(Method::GET, path).header("If-None-Match", tag)).await.is(200);
    }
    scene.send(scene.request(Method::GET, &scene.ada).header("If-None-Match", &tags[0])).await.is(200);
}

async fn every_answer_says_where_the_thing_can_be_read(world: World) {
    let scene = Scene::interviewed(world).await;
    let (ada, acme) = (&scene.ada, &scene.acme);
    let note = scene.makes(&format!("{ada}/notes"), json!({"kind": "other", "recipients": [id(&scene.anna)], "channel": "email"})).await;
    let request = scene.makes(&format!("{acme}/document-requests"), json!({"document": "references"})).await;
    let offer = scene.makes(&format!("{acme}/offers"), json!({})).await;
    let task = id(scene.task("write_thank_you").await["id"].as_str().unwrap()).to_owned();
    let event = scene.lists(&format!("{ada}/events")).await[2]["id"].as_str().unwrap().to_owned();
    let made = scene.makes(&format!("{ada}/contacts"), json!({"name": "Bo Li"})).await;
    let posts = [
        (format!("{acme}/decision-dates"), json!({"decide_by": "2026-03-09"})),
        (format!("{acme}/status-enquiries"), json!({"channel": "phone"})),
        (format!("{acme}/status-reports"), json!({"summary": "Soon"})),
        (format!("{request}/delays"), json!({"expected_on": "2026-03-09"})),
        (format!("{request}/sent"), json!({"channel": "email"})),
        (format!("{note}/sent"), json!({})),
        (format!("{ada}/tasks/{task}/dismissed"), json!({"reason": "We met for lunch."})),
        (format!("{offer}/declined"), json!({})),
        (format!("{acme}/reopened"), json!({"reason": "They called."})),
        (format!("{acme}/rejection"), json!({"channel": "email"})),
        (format!("{acme}/rejection/feedback-requests"), json!({"channel": "email"})),
        (format!("{}/interviewers", scene.interview), json!({"interviewers": [id(&scene.anna)]})),
    ];
    for (path, body) in posts {
        let answer = scene.post(&path, body).await;
        scene.get(answer.is(201).header("location")).await.is(200);
        assert_eq!(answer.header("etag"), scene.get(ada).await.header("etag"), "{answer}");
    }
    let patched = scene.patch(&made, json!({"phone": "1"})).await;
    assert_eq!(patched.is(200).header("location"), made);
    let taken_back = scene.post(&format!("{ada}/events/{event}/retracted"), json!({"reason": "A slip."})).await;
    if taken_back.status == 201 {
        scene.get(taken_back.header("location")).await.is(200);
    } else {
        taken_back.refuses(409, "still_needed");
    }
}

async fn an_empty_body_needs_no_content_type(world: World) {
    let scene = Scene::interviewed(world).await;
    let request = scene.makes(&format!("{}/document-requests", scene.acme), json!({"document": "references"})).await;
    scene.send(scene.request(Method::POST, &format!("{request}/withdrawn"))).await.is(201);
    let path = format!("{}/document-requests", scene.acme);
    for (content_type, right) in [(None, false), (Some("text/plain"), false), (Some("application/x-www-form-urlencoded"), false),
        (Some("application/json; charset=latin1"), false), (Some("application/json; charset=utf-8"), true), (Some("Application/JSON"), true)] {
        let asked = scene.request(Method::POST, &path).body(r#"{"document": "diploma"}"#);
        let asked = content_type.into_iter().fold(asked, |asked, content_type| asked.header(CONTENT_TYPE, content_type));
        let answer = scene.send(asked).await;
        if right { answer.is(201) } else { answer.refuses(415, "unsupported_media_type") };
    }
    let patch = |content_type: &str| scene.request(Method::PATCH, &scene.ada).header(CONTENT_TYPE, content_type.to_owned()).body(r#"{"phone": "1"}"#);
    scene.send(patch("application/merge-patch+json")).await.is(200);
    scene.send(patch("text/plain")).await.refuses(415, "unsupported_media_type");
}

async fn every_answer_carries_its_request_id(world: World) {
    let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    for path in ["/v1/candidates", "/v1/nothing", "/v1/candidates/cnd_1", "/healthz", "/v1/tasks?limit=0", "/openapi.json"] {
        let plain = world.get(path).await;
        let again = world.get(path).await;
        assert_ne!(plain.header("x-request-id"), again.header("x-request-id"), "{path}");
        let traced = world.request(Method::GET, path).header("traceparent", format!("00-{trace}-{span}-01"));
        let traced = world.send(traced).await;
        assert_eq!(traced.header("x-request-id"), trace);
        if traced.status >= 400 {
            assert_eq!(traced["request_id"], trace);
        }
        let broken = world.request(Method::GET, path).header("traceparent", "00-what-01");
        assert_ne!(world.send(broken).await.header("x-request-id"), trace);
        assert_eq!(plain.header("x-content-type-options"), "nosniff");
    }
}
