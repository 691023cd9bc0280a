//! Taking back what was wrong: the state is as if it had never been said, and the log keeps both.

use serde_json::{Value, json};

use crate::{
    client::id,
    harness::World,
    scenes::{Scene, applies},
    stories,
};

stories![
    an_interview_marked_as_held_by_mistake_is_taken_back,
    a_correction_is_one_step,
    a_correction_that_cannot_be_changes_nothing,
    what_later_facts_rest_on_stays,
    some_facts_are_final,
];

async fn retract(scene: &Scene, event: &Value) -> crate::client::Answer {
    let path = format!(
        "{}/events/{}/retracted",
        scene.ada,
        event.as_str().expect("an event's id")
    );
    scene.post(&path, json!({"reason": "It was another one."})).await
}

async fn held(scene: &Scene) -> Value {
    scene.at("2026-03-02T15:10:00+01:00");
    let told = scene
        .records(
            &format!("{}/held", scene.interview),
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
        .await;
    told["event"]["id"].clone()
}

async fn an_interview_marked_as_held_by_mistake_is_taken_back(world: World) {
    let scene = Scene::invited(world).await;
    let tasks = format!("{}/tasks", scene.ada);
    let held = held(&scene).await;
    let then = scene.clock.now();
    assert_eq!(scene.task("record_interview").await["state"], "done");
    scene.at("2026-03-02T15:20:00+01:00");
    retract(&scene, &held).await.is(201);
    let plays: Vec<_> = scene.lists(&tasks).await.iter().map(|it| it["play"].clone()).collect();
    assert_eq!(
        plays,
        ["bring_questions", "refresh_research", "record_interview"],
        "as before it was recorded"
    );
    assert_eq!(scene.task("write_thank_you").await["state"], "void");
    assert_eq!(scene.sees(&scene.interview).await["status"], "scheduled");
    let timeline = format!("{}/timeline", scene.ada);
    let told = |entries: Vec<Value>| entries.into_iter().find(|entry| entry["event"] == held);
    assert!(told(scene.lists(&timeline).await).is_none());
    assert!(
        told(scene.lists(&format!("{timeline}?retracted=true")).await).is_some_and(|entry| entry["retracted"] == true)
    );
    // What was known then was wrong, and was known.
    assert!(told(scene.lists(&format!("{timeline}?as_of={then}")).await).is_some());
    assert_eq!(
        scene.sees(&format!("{}?as_of={then}", scene.interview)).await["status"],
        "held"
    );
    retract(&scene, &held).await.refuses(409, "already_recorded");
    // Recorded again, the tasks are the same ones.
    scene
        .records(
            &format!("{}/held", scene.interview),
            json!({"ended_at": "2026-03-02T15:15:00+01:00"}),
        )
        .await;
    assert_eq!(
        scene.task("write_thank_you").await["due_at"],
        "2026-03-03T15:15:00+01:00"
    );
}

async fn a_correction_is_one_step(world: World) {
    let scene = Scene::invited(world).await;
    let held = held(&scene).await;
    let other = scene
        .schedules(
            "2026-03-02T12:00:00+01:00",
            "2026-03-02T13:00:00+01:00",
            &[id(&scene.anna)],
        )
        .await;
    let facts = json!({"atomic": true, "facts": [
        {"type": "FactRetracted", "subject": held, "data": {"reason": "It was the other one."}},
        {"type": "InterviewHeld", "subject": id(&other), "data": {"ended_at": "2026-03-02T13:00:00+01:00"}},
    ]});
    let answer = scene.post(&format!("{}/facts", scene.ada), facts).await;
    let statuses: Vec<_> = answer.is(200)["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["status"].clone())
        .collect();
    assert_eq!(statuses, ["recorded", "recorded"]);
    assert_eq!(scene.sees(&scene.interview).await["status"], "scheduled");
    assert_eq!(scene.sees(&other).await["status"], "held");
    let thanks = scene.lists(&format!("{}/tasks?play=write_thank_you", scene.ada)).await;
    assert_eq!(
        (thanks.len(), &thanks[0]["due_at"]),
        (1, &json!("2026-03-03T13:00:00+01:00"))
    );
}

async fn a_correction_that_cannot_be_changes_nothing(world: World) {
    let scene = Scene::invited(world).await;
    let held = held(&scene).await;
    let before = scene.sees(&scene.ada).await["version"].clone();
    let facts = json!({"atomic": true, "facts": [
        {"type": "FactRetracted", "subject": held, "data": {"reason": "It was the other one."}},
        {"type": "InterviewHeld", "subject": id(&scene.interview), "data": {"ended_at": "2026-03-02T13:00:00+01:00"}},
    ]});
    scene
        .post(&format!("{}/facts", scene.ada), facts)
        .await
        .refuses(409, "interview_not_begun")
        .names("/facts/1/data/ended_at");
    assert_eq!(scene.sees(&scene.ada).await["version"], before);
    assert_eq!(scene.sees(&scene.interview).await["status"], "held");
}

async fn what_later_facts_rest_on_stays(world: World) {
    let scene = Scene::interviewed(world).await;
    let asked = scene
        .post(
            &format!("{}/document-requests", scene.acme),
            json!({"document": "references"}),
        )
        .await;
    let request = asked.is(201).header("location").to_owned();
    let sent = scene
        .records(&format!("{request}/sent"), json!({"channel": "email"}))
        .await;
    let refused = retract(&scene, &asked["event"]["id"]).await;
    refused.refuses(409, "still_needed");
    let sent = &sent["event"]["id"];
    let listed = refused["errors"].as_array().unwrap();
    assert_eq!(listed.len(), 1, "{refused}");
    assert!(
        listed[0]["detail"].as_str().unwrap().contains(sent.as_str().unwrap()),
        "{refused}"
    );
    retract(&scene, sent).await.is(201);
    assert_eq!(scene.task("answer_document_request").await["state"], "open");
    retract(&scene, &asked["event"]["id"]).await.is(201);
    scene.get(&request).await.refuses(404, "not_found");
    assert!(
        scene
            .lists(&format!("{}/document-requests", scene.ada))
            .await
            .is_empty()
    );
}

async fn some_facts_are_final(world: World) {
    let scene = Scene::applied(world).await;
    applies(&scene, &scene.ada, "Globex").await;
    let events = scene.sees("/v1/events?limit=100").await;
    let events = events["data"].as_array().unwrap();
    let registered = &events[0]["id"];
    retract(&scene, registered).await.refuses(409, "not_retractable");
    let opened = &events.last().unwrap()["id"];
    let retraction = retract(&scene, opened).await;
    retract(&scene, &retraction.is(201)["event"]["id"])
        .await
        .refuses(409, "not_retractable");
    retract(&scene, &json!("evt_01k9ze3n8qfq7s5b1x5n0v3gk2"))
        .await
        .refuses(404, "not_found");
}
