//! A rejection is handled gracefully: thanks, a question, an open door, and only then the end.

use serde_json::{Value, json};

use crate::{
    client::id,
    harness::World,
    scenes::{Scene, applies},
    stories,
};

stories![
    a_rejection_is_handled_from_the_thanks_to_the_open_door,
    without_an_interview_there_is_nothing_to_ask_about,
    steps_may_be_skipped_and_are_never_unsaid,
    what_follows_a_rejection_needs_one,
    a_second_question_is_a_departure,
];

async fn stage(scene: &Scene) -> Value {
    scene.sees(&format!("{}/rejection", scene.acme)).await["stage"].clone()
}

async fn a_rejection_is_handled_from_the_thanks_to_the_open_door(world: World) {
    let scene = Scene::interviewed(world).await;
    let rejection = format!("{}/rejection", scene.acme);
    scene.get(&rejection).await.refuses(404, "not_found");
    scene.at("2026-03-04T10:00:00+01:00");
    let letter =
        json!({"channel": "email", "reason": "Somebody with more experience.", "from_contact": id(&scene.anna)});
    let received = scene.post(&rejection, letter).await;
    assert_eq!(received.is(201).header("location"), rejection);
    let seen = scene.sees(&rejection).await;
    assert_eq!((&seen["stage"], &seen["gracious"]), (&json!("received"), &Value::Null));
    assert_eq!(seen["received_at"], "2026-03-04T10:00:00+01:00");
    let plays = |tasks: &Value| {
        let mut plays: Vec<_> = tasks
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["play"].as_str().unwrap().to_owned())
            .collect();
        plays.sort();
        plays
    };
    assert_eq!(
        plays(&seen["voided"]),
        [
            "ask_decision_date",
            "ask_next_round",
            "enquire_status",
            "refresh_research",
            "write_thank_you"
        ]
    );
    assert_eq!(
        plays(&seen["owed"]),
        ["ask_feedback", "keep_door_open", "thank_for_rejection"]
    );
    assert_eq!(
        scene.task("thank_for_rejection").await["due_at"],
        "2026-03-06T10:00:00+01:00"
    );
    assert_eq!(scene.task("ask_feedback").await["state"], "waiting", "thanks first");
    assert_eq!(scene.status().await, "rejected");

    scene.at("2026-03-05T10:00:00+01:00");
    scene.writes("rejection_thanks").await;
    assert_eq!(stage(&scene).await, "thanked");
    let ask = scene.task("ask_feedback").await;
    let dates = (&ask["state"], &ask["opens_at"], &ask["due_at"]);
    assert_eq!(
        dates,
        (
            &json!("open"),
            &json!("2026-03-05T10:00:00+01:00"),
            &json!("2026-03-10T10:00:00+01:00")
        )
    );
    scene.writes("feedback_request").await;
    assert_eq!(stage(&scene).await, "feedback_requested");
    assert_eq!(scene.task("ask_feedback").await["state"], "done");
    scene
        .records(&format!("{rejection}/feedback"), json!({"text": "More system design."}))
        .await;
    assert_eq!(stage(&scene).await, "feedback_received");
    scene
        .records(
            &format!("{rejection}/door-kept-open"),
            json!({"revisit_on": "2026-09-01"}),
        )
        .await;
    let seen = scene.sees(&rejection).await;
    assert_eq!(
        (&seen["stage"], &seen["revisit_on"]),
        (&json!("door_open"), &json!("2026-09-01"))
    );
    assert_eq!(seen["feedback"], json!(["More system design."]));
    let revisit = scene.task("revisit").await;
    let dates = (&revisit["state"], &revisit["opens_at"], &revisit["due_at"]);
    assert_eq!(
        dates,
        (
            &json!("waiting"),
            &json!("2026-09-01T09:00:00+02:00"),
            &json!("2026-09-08T09:00:00+02:00")
        )
    );

    let board = scene.lists("/v1/rejections?stage=door_open").await;
    assert_eq!(
        (board.len(), &board[0]["application"], &board[0]["organisation_name"]),
        (1, &json!(id(&scene.acme)), &json!("Acme"))
    );
    assert!(
        scene
            .lists("/v1/rejections?stage=received,thanked,closed")
            .await
            .is_empty()
    );
    assert!(
        scene.lists("/v1/applications").await.is_empty(),
        "closed applications stay out"
    );
    assert_eq!(scene.lists("/v1/applications?status=rejected").await.len(), 1);

    scene.at("2026-09-02T10:00:00+02:00");
    assert_eq!(scene.task("revisit").await["state"], "open");
    applies(&scene, &scene.ada, "ACME Inc.").await;
    assert_eq!(
        scene.task("revisit").await["state"],
        "done",
        "names are compared as people do"
    );
    scene
        .records(&format!("{rejection}/closed"), json!({"lesson": "Draw first."}))
        .await;
    assert_eq!(stage(&scene).await, "closed");
    let then = scene.sees(&format!("{rejection}?as_of=2026-03-05T10:00:00Z")).await;
    assert_eq!(then["stage"], "door_open");
}

async fn without_an_interview_there_is_nothing_to_ask_about(world: World) {
    let scene = Scene::applied(world).await;
    scene
        .records(&format!("{}/rejection", scene.acme), json!({"channel": "portal"}))
        .await;
    assert!(scene.tasks("ask_feedback").await.is_empty());
    // No thanks within two days: the door is to be kept open all the same.
    let task = scene.task("keep_door_open").await;
    let dates = (&task["opens_at"], &task["due_at"]);
    assert_eq!(
        dates,
        (&json!("2026-03-04T09:00:00+01:00"), &json!("2026-03-11T09:00:00+01:00"))
    );
    let thanks = scene.task("thank_for_rejection").await;
    let dismissed = format!("{}/tasks/{}/dismissed", scene.ada, thanks["id"].as_str().unwrap());
    scene.at("2026-03-03T09:00:00+01:00");
    scene.records(&dismissed, json!({"reason": "Nobody signed it."})).await;
    assert_eq!(
        scene.task("keep_door_open").await["opens_at"],
        "2026-03-03T09:00:00+01:00"
    );
    scene
        .records(&format!("{}/rejection/closed", scene.acme), json!({}))
        .await;
    assert_eq!(scene.task("keep_door_open").await["state"], "done");
}

async fn steps_may_be_skipped_and_are_never_unsaid(world: World) {
    let scene = Scene::interviewed(world).await;
    let rejection = format!("{}/rejection", scene.acme);
    scene.records(&rejection, json!({"channel": "phone"})).await;
    scene
        .records(
            &format!("{rejection}/door-kept-open"),
            json!({"revisit_on": "2026-09-01"}),
        )
        .await;
    scene.writes("rejection_thanks").await;
    assert_eq!(
        stage(&scene).await,
        "door_open",
        "thanks that come later take nothing back"
    );
    scene
        .post(&rejection, json!({"channel": "phone"}))
        .await
        .refuses(409, "already_recorded");
}

async fn what_follows_a_rejection_needs_one(world: World) {
    let scene = Scene::interviewed(world).await;
    let steps = [
        ("feedback-requests", json!({"channel": "email"})),
        ("feedback", json!({"text": "Well done."})),
        ("door-kept-open", json!({"revisit_on": "2026-09-01"})),
        ("closed", json!({})),
    ];
    for (step, body) in steps {
        scene
            .post(&format!("{}/rejection/{step}", scene.acme), body)
            .await
            .refuses(404, "not_found");
    }
}

async fn a_second_question_is_a_departure(world: World) {
    let scene = Scene::interviewed(world).await;
    let rejection = format!("{}/rejection", scene.acme);
    scene.records(&rejection, json!({"channel": "phone"})).await;
    scene.writes("rejection_thanks").await;
    let questions = format!("{rejection}/feedback-requests");
    let first = scene.records(&questions, json!({"channel": "email"})).await;
    assert_eq!(first["event"]["departures"], json!([]));
    let second = scene.records(&questions, json!({"channel": "email"})).await;
    assert_eq!(second["event"]["departures"][0]["play"], "ask_feedback");
}
