//! A request for a document is answered within 24 hours: by the document, or by a word on its progress.

use serde_json::json;

use crate::{client::id, harness::World, scenes::Scene, stories};

stories![
    a_request_is_answered_within_24_hours,
    a_word_on_progress_moves_the_task_to_the_day_it_promises,
    a_document_that_is_late_is_recorded_as_a_departure,
    a_request_is_due_sooner_where_it_is_needed_sooner,
    what_happens_once_is_recorded_once,
];

/// Acme asks for references on Tuesday, 3 March, at ten.
async fn asked(world: World) -> (Scene, String) {
    let scene = Scene::interviewed(world).await;
    scene.at("2026-03-03T10:00:00+01:00");
    let body = json!({"document": "your references", "requested_by": id(&scene.anna)});
    let request = scene.makes(&format!("{}/document-requests", scene.acme), body).await;
    (scene, request)
}

async fn a_request_is_answered_within_24_hours(world: World) {
    let scene = Scene::interviewed(world).await;
    scene.at("2026-03-03T10:00:00+01:00");
    let requests = format!("{}/document-requests", scene.acme);
    let answer = scene.post(&requests, json!({"document": "your references"})).await;
    let raised = &answer.is(201)["tasks"]["raised"];
    assert_eq!(raised.as_array().map(Vec::len), Some(1), "{answer}");
    let task = scene.task("answer_document_request").await;
    assert_eq!(task, raised[0]);
    assert_eq!(
        (&task["state"], &task["due_at"]),
        (&json!("open"), &json!("2026-03-04T10:00:00+01:00"))
    );
    assert_eq!(task["raised_by"], json!([answer["event"]["id"]]));
    scene.at("2026-03-04T10:00:00+01:00");
    assert_eq!(scene.task("answer_document_request").await["state"], "overdue");

    let sent = scene
        .records(
            &format!("{}/sent", answer.header("location")),
            json!({"channel": "email", "occurred_at": "2026-03-04T09:00:00+01:00"}),
        )
        .await;
    assert_eq!(sent["event"]["departures"], json!([]), "sent in time, recorded later");
    assert_eq!(sent["tasks"]["closed"][0]["id"], task["id"]);
    let done = scene.task("answer_document_request").await;
    assert_eq!(
        (&done["state"], &done["closed_with"]),
        (&json!("done"), &sent["event"]["id"])
    );
}

async fn a_word_on_progress_moves_the_task_to_the_day_it_promises(world: World) {
    let (scene, request) = asked(world).await;
    let delays = format!("{request}/delays");
    let told = scene
        .records(&delays, json!({"expected_on": "2026-03-10", "channel": "phone"}))
        .await;
    assert_eq!(told["tasks"]["changed"][0]["due_at"], "2026-03-10T17:00:00+01:00");
    let seen = scene.sees(&request).await;
    assert_eq!(
        (&seen["status"], &seen["expected_on"]),
        (&json!("delayed"), &json!("2026-03-10"))
    );
    scene.at("2026-03-10T16:00:00+01:00");
    scene.records(&delays, json!({"expected_on": "2026-03-12"})).await;
    scene.at("2026-03-12T16:59:00+01:00");
    assert_eq!(scene.task("answer_document_request").await["state"], "open");
    scene.at("2026-03-12T17:00:00+01:00");
    assert_eq!(scene.task("answer_document_request").await["state"], "overdue");
    scene
        .records(&format!("{request}/withdrawn"), json!({"reason": "They found it."}))
        .await;
    assert_eq!(scene.task("answer_document_request").await["state"], "done");
    assert_eq!(scene.sees(&request).await["status"], "withdrawn");
}

async fn a_document_that_is_late_is_recorded_as_a_departure(world: World) {
    let (scene, request) = asked(world).await;
    scene.at("2026-03-05T10:00:00+01:00");
    let late = scene
        .records(&format!("{request}/sent"), json!({"channel": "post"}))
        .await;
    let departure = &late["event"]["departures"][0];
    assert_eq!(departure["play"], "answer_document_request");
    assert_eq!(departure["due_at"], "2026-03-04T10:00:00+01:00");
    let timeline = scene.lists(&format!("{}/timeline", scene.acme)).await;
    let told = timeline
        .iter()
        .find(|entry| entry["event"] == late["event"]["id"])
        .expect("told");
    assert_eq!(told["departures"][0]["play"], "answer_document_request");
}

async fn a_request_is_due_sooner_where_it_is_needed_sooner(world: World) {
    let scene = Scene::applied(world).await;
    let requests = format!("{}/document-requests", scene.acme);
    let near = scene
        .records(
            &requests,
            json!({"document": "your diploma", "needed_by": "2026-03-02"}),
        )
        .await;
    assert_eq!(near["tasks"]["raised"][0]["due_at"], "2026-03-02T17:00:00+01:00");
    let far = scene
        .records(
            &requests,
            json!({"document": "your licence", "needed_by": "2026-03-20"}),
        )
        .await;
    assert_eq!(far["tasks"]["raised"][0]["due_at"], "2026-03-03T09:00:00+01:00");
    let of_acme = scene.lists(&requests).await;
    assert_eq!(of_acme, scene.lists(&format!("{}/document-requests", scene.ada)).await);
    let documents: Vec<_> = of_acme.iter().map(|it| it["document"].as_str().unwrap()).collect();
    assert_eq!(documents, ["your diploma", "your licence"]);
}

async fn what_happens_once_is_recorded_once(world: World) {
    let (scene, request) = asked(world).await;
    let sent = format!("{request}/sent");
    scene.records(&sent, json!({"channel": "email"})).await;
    let version = scene.sees(&scene.ada).await["version"].clone();
    scene
        .post(&sent, json!({"channel": "email"}))
        .await
        .refuses(409, "already_recorded");
    scene
        .post(&format!("{request}/delays"), json!({"expected_on": "2026-03-01"}))
        .await
        .is(201);
    let elsewhere = format!("{}/document-requests/doc_01k9ze3n8qfq7s5b1x5n0v3gk2/sent", scene.ada);
    scene
        .post(&elsewhere, json!({"channel": "email"}))
        .await
        .refuses(404, "not_found");
    assert_eq!(
        scene.sees(&scene.ada).await["version"].as_u64(),
        version.as_u64().map(|it| it + 1)
    );
}
