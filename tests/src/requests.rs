//! What every request may rely on: conditions on what the client knows, tags, places, ids of requests.

use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::json;

use crate::{
    client::id,
    harness::World,
    idempotency::posts,
    scenes::{Scene, registers},
    stories,
};

stories![
    a_write_on_an_older_version_is_stale,
    what_the_client_has_is_not_sent_again,
    every_answer_says_where_the_thing_can_be_read,
    an_empty_body_needs_no_content_type,
    every_answer_carries_its_request_id,
];

async fn a_write_on_an_older_version_is_stale(world: World) {
    let scene = Scene::interviewed(world).await;
    let path = format!("{}/document-requests", scene.acme);
    let old = scene.get(&scene.ada).await.header("etag").to_owned();
    let if_match =
        |tag: &str| posts(&scene, &path, &json!({"document": "references"})).header("If-Match", tag.to_owned());
    let recorded = scene.send(if_match(&old)).await;
    let new = recorded.is(201).header("etag").to_owned();
    assert_ne!(old, new);
    assert_eq!(scene.get(&scene.ada).await.header("etag"), new);
    let stale = scene.send(if_match(&old)).await;
    assert_eq!(stale.refuses(412, "stale").header("etag"), new);
    scene.send(if_match(&format!("\"x\", {new}"))).await.is(201);
    scene.send(if_match("*")).await.is(201);
    scene
        .send(if_match("7"))
        .await
        .refuses(400, "malformed")
        .names("If-Match");
    let patch = scene
        .request(Method::PATCH, &scene.ada)
        .json(&json!({"phone": "1"}))
        .header("If-Match", &old);
    scene.send(patch).await.refuses(412, "stale");
    scene
        .send(scene.request(Method::DELETE, &scene.ada).header("If-Match", &old))
        .await
        .refuses(412, "stale");
    let grace = registers(&scene, "Grace Hopper").await;
    let tag = scene.get(&grace).await.header("etag").to_owned();
    scene.send(if_match(&tag)).await.refuses(412, "stale");
    // What is not there has not moved on.
    let nobody = "/v1/candidates/cnd_01k9ze3n8qfq7s5b1x5n0v3gk2/contacts";
    scene
        .send(posts(&scene, nobody, &json!({"name": "Bo"})).header("If-Match", &old))
        .await
        .refuses(404, "not_found");
    // Without a condition the service decides on the newest state.
    scene.post(&path, json!({"document": "references"})).await.is(201);
    scene.delete(&grace).await.is(200);
    let late = posts(&scene, &format!("{grace}/contacts"), &json!({"name": "Bo"})).header("If-Match", &tag);
    scene.send(late).await.refuses(409, "candidate_erased");
}

async fn what_the_client_has_is_not_sent_again(world: World) {
    let scene = Scene::interviewed(world).await;
    scene
        .records(&format!("{}/rejection", scene.acme), json!({"channel": "email"}))
        .await;
    let of_ada = [
        "",
        "/tasks",
        "/timeline",
        "/contacts",
        "/interviews",
        "/events",
        "/applications?status=rejected",
    ];
    let mut paths: Vec<String> = of_ada.iter().map(|path| format!("{}{path}", scene.ada)).collect();
    let lists = [
        "/v1/candidates",
        "/v1/tasks",
        "/v1/applications",
        "/v1/rejections",
        "/v1/events",
        "/v1/keys",
    ];
    paths.extend(lists.map(ToOwned::to_owned));
    paths.extend([
        scene.acme.clone(),
        scene.anna.clone(),
        scene.interview.clone(),
        format!("{}/rejection", scene.acme),
    ]);
    let mut tags = Vec::new();
    for path in &paths {
        let first = scene.get(path).await;
        let tag = first.is(200).header("etag").to_owned();
        let known = scene
            .send(scene.request(Method::GET, path).header("If-None-Match", &tag))
            .await;
        assert_eq!(
            (known.is(304).header("etag"), known.body.len()),
            (tag.as_str(), 0),
            "{path}"
        );
        let weak = scene
            .send(
                scene
                    .request(Method::GET, path)
                    .header("If-None-Match", format!("\"x\", W/{tag}")),
            )
            .await;
        weak.is(304);
        scene
            .send(scene.request(Method::GET, path).header("If-None-Match", "\"x\""))
            .await
            .is(200);
        let head = scene.send(scene.request(Method::HEAD, path)).await;
        assert_eq!(
            (head.is(200).header("etag"), head.body.len()),
            (tag.as_str(), 0),
            "{path}"
        );
        tags.push(tag);
    }
    scene
        .records(
            &format!("{}/document-requests", scene.acme),
            json!({"document": "references"}),
        )
        .await;
    for (path, tag) in paths
        .iter()
        .zip(&tags)
        .filter(|(path, _)| ["/timeline", "/events"].iter().any(|end| path.ends_with(end)))
    {
        scene
            .send(scene.request(Method::GET, path).header("If-None-Match", tag))
            .await
            .is(200);
    }
    scene
        .send(scene.request(Method::GET, &scene.ada).header("If-None-Match", &tags[0]))
        .await
        .is(200);
}

async fn every_answer_says_where_the_thing_can_be_read(world: World) {
    let scene = Scene::interviewed(world).await;
    let (ada, acme) = (&scene.ada, &scene.acme);
    let note = scene
        .makes(
            &format!("{ada}/notes"),
            json!({"kind": "other", "recipients": [id(&scene.anna)], "channel": "email"}),
        )
        .await;
    let request = scene
        .makes(&format!("{acme}/document-requests"), json!({"document": "references"}))
        .await;
    let offer = scene.makes(&format!("{acme}/offers"), json!({})).await;
    let task = id(scene.task("write_thank_you").await["id"].as_str().unwrap()).to_owned();
    let event = scene.lists(&format!("{ada}/events")).await[2]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let made = scene.makes(&format!("{ada}/contacts"), json!({"name": "Bo Li"})).await;
    let posts = [
        (format!("{acme}/decision-dates"), json!({"decide_by": "2026-03-09"})),
        (format!("{acme}/status-enquiries"), json!({"channel": "phone"})),
        (format!("{acme}/status-reports"), json!({"summary": "Soon"})),
        (format!("{request}/delays"), json!({"expected_on": "2026-03-09"})),
        (format!("{request}/sent"), json!({"channel": "email"})),
        (format!("{note}/sent"), json!({})),
        (
            format!("{ada}/tasks/{task}/dismissed"),
            json!({"reason": "We met for lunch."}),
        ),
        (format!("{offer}/declined"), json!({})),
        (format!("{acme}/reopened"), json!({"reason": "They called."})),
        (format!("{acme}/rejection"), json!({"channel": "email"})),
        (
            format!("{acme}/rejection/feedback-requests"),
            json!({"channel": "email"}),
        ),
        (
            format!("{}/interviewers", scene.interview),
            json!({"interviewers": [id(&scene.anna)]}),
        ),
    ];
    for (path, body) in posts {
        let answer = scene.post(&path, body).await;
        scene.get(answer.is(201).header("location")).await.is(200);
        assert_eq!(answer.header("etag"), scene.get(ada).await.header("etag"), "{answer}");
    }
    let patched = scene.patch(&made, json!({"phone": "1"})).await;
    assert_eq!(patched.is(200).header("location"), made);
    let taken_back = scene
        .post(&format!("{ada}/events/{event}/retracted"), json!({"reason": "A slip."}))
        .await;
    if taken_back.status == 201 {
        scene.get(taken_back.header("location")).await.is(200);
    } else {
        taken_back.refuses(409, "still_needed");
    }
}

async fn an_empty_body_needs_no_content_type(world: World) {
    let scene = Scene::interviewed(world).await;
    let request = scene
        .makes(
            &format!("{}/document-requests", scene.acme),
            json!({"document": "references"}),
        )
        .await;
    scene
        .send(scene.request(Method::POST, &format!("{request}/withdrawn")))
        .await
        .is(201);
    let path = format!("{}/document-requests", scene.acme);
    for (content_type, right) in [
        (None, false),
        (Some("text/plain"), false),
        (Some("application/x-www-form-urlencoded"), false),
        (Some("application/json; charset=latin1"), false),
        (Some("application/json; charset=utf-8"), true),
        (Some("Application/JSON"), true),
    ] {
        let asked = scene.request(Method::POST, &path).body(r#"{"document": "diploma"}"#);
        let asked = content_type
            .into_iter()
            .fold(asked, |asked, content_type| asked.header(CONTENT_TYPE, content_type));
        let answer = scene.send(asked).await;
        if right {
            answer.is(201)
        } else {
            answer.refuses(415, "unsupported_media_type")
        };
    }
    let patch = |content_type: &str| {
        scene
            .request(Method::PATCH, &scene.ada)
            .header(CONTENT_TYPE, content_type.to_owned())
            .body(r#"{"phone": "1"}"#)
    };
    scene.send(patch("application/merge-patch+json")).await.is(200);
    scene
        .send(patch("text/plain"))
        .await
        .refuses(415, "unsupported_media_type");
}

async fn every_answer_carries_its_request_id(world: World) {
    let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    for path in [
        "/v1/candidates",
        "/v1/nothing",
        "/v1/candidates/cnd_1",
        "/healthz",
        "/v1/tasks?limit=0",
        "/openapi.json",
    ] {
        let plain = world.get(path).await;
        let again = world.get(path).await;
        assert_ne!(plain.header("x-request-id"), again.header("x-request-id"), "{path}");
        let traced = world
            .request(Method::GET, path)
            .header("traceparent", format!("00-{trace}-{span}-01"));
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
