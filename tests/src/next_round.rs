//! The next round: asked about within a day, and each item of its outline prepared in time.

use serde_json::json;

use crate::{client::id, harness::World, scenes::Scene, stories};

stories![
    what_comes_next_is_asked_about_and_prepared,
    the_latest_announcement_counts_and_can_be_taken_back,
    what_a_next_round_cannot_be,
];

async fn what_comes_next_is_asked_about_and_prepared(world: World) {
    let scene = Scene::interviewed(world).await;
    assert_eq!(
        scene.task("ask_next_round").await["due_at"],
        "2026-03-03T15:00:00+01:00"
    );
    let asked = json!({"channel": "email", "contact": id(&scene.anna)});
    let question = scene
        .makes(&format!("{}/next-round-questions", scene.acme), asked)
        .await;
    assert_eq!(scene.sees(&question).await["status"], "asked");
    assert_eq!(scene.task("ask_next_round").await["state"], "done");
    scene.at("2026-03-04T10:00:00+01:00");
    let announced = json!({"expected_on": "2026-03-12", "format": "onsite", "said_by": id(&scene.anna),
        "outline": [{"item": "A case study"}, {"item": "Two samples of work", "due_on": "2026-03-06"}]});
    let rounds = format!("{}/next-rounds", scene.acme);
    let round = scene.makes(&rounds, announced).await;
    let due: Vec<_> = scene.tasks("prepare_next_round").await;
    let due: Vec<_> = due.iter().map(|task| task["due_at"].as_str().unwrap()).collect();
    assert_eq!(due, ["2026-03-06T17:00:00+01:00", "2026-03-11T17:00:00+01:00"]);
    let prepared = format!("{round}/prepared");
    let done = scene.records(&prepared, json!({"item": "A case study"})).await;
    assert_eq!(done["tasks"]["closed"][0]["play"], "prepare_next_round");
    scene
        .post(&prepared, json!({"item": "A case study"}))
        .await
        .refuses(409, "already_recorded");
    scene
        .post(&prepared, json!({"item": "Tea"}))
        .await
        .refuses(422, "invalid")
        .names("/item");
    scene.records(&prepared, json!({"item": "Two samples of work"})).await;
    let seen = scene.sees(&round).await;
    assert_eq!(
        (&seen["status"], &seen["format"]),
        (&json!("prepared"), &json!("onsite"))
    );
    assert_eq!(
        scene.lists(&rounds).await,
        scene.lists(&format!("{}/next-rounds", scene.ada)).await
    );
}

async fn the_latest_announcement_counts_and_can_be_taken_back(world: World) {
    let scene = Scene::interviewed(world).await;
    let rounds = format!("{}/next-rounds", scene.acme);
    scene.records(&rounds, json!({"outline": [{"item": "A talk"}]})).await;
    scene.at("2026-03-04T10:00:00+01:00");
    let second = scene
        .records(&rounds, json!({"outline": [{"item": "A case study"}]}))
        .await;
    let states = async || {
        let tasks = scene.tasks("prepare_next_round").await;
        let mut states: Vec<_> = tasks
            .iter()
            .map(|task| (task["title"].to_string(), task["state"].as_str().unwrap().to_owned()))
            .collect();
        states.sort();
        states.into_iter().map(|(_, state)| state).collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["open", "void"], "a case study, and no talk any more");
    let event = second["event"]["id"].as_str().unwrap();
    scene
        .records(
            &format!("{}/events/{event}/retracted", scene.ada),
            json!({"reason": "That was another firm."}),
        )
        .await;
    assert_eq!(states().await, ["void", "open"]);
}

async fn what_a_next_round_cannot_be(world: World) {
    let scene = Scene::interviewed(world).await;
    let rounds = format!("{}/next-rounds", scene.acme);
    for (body, pointer) in [
        (json!({"outline": [{"item": "A"}, {"item": "A"}]}), "/outline/1/item"),
        (json!({"outline": [{"item": ""}]}), "/outline/0/item"),
        (json!({"outline": [{"items": "A"}]}), "/outline/0/items"),
        (json!({"expected_on": "soon"}), "/expected_on"),
        (json!({"format": "dance"}), "/format"),
    ] {
        scene.post(&rounds, body).await.refuses(422, "invalid").names(pointer);
    }
    scene
        .post(&rounds, json!({"said_by": "con_01k9ze3n8qfq7s5b1x5n0v3gk2"}))
        .await
        .refuses(422, "unknown_reference")
        .names("/said_by");
    scene
        .post(
            &format!("{}/next-rounds/nxt_01k9ze3n8qfq7s5b1x5n0v3gk2/prepared", scene.ada),
            json!({"item": "A"}),
        )
        .await
        .refuses(404, "not_found");
}
