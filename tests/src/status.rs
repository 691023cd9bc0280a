//! Waiting for their decision: when asking is wise, what asking too early is, and how silence grows.

use serde_json::{Value, json};

use crate::{client::id, harness::World, scenes::Scene, stories};

stories![
    nobody_asks_before_the_promised_date_has_passed,
    an_early_enquiry_is_recorded_as_a_departure_and_leaves_the_task_waiting,
    an_unanswered_enquiry_is_followed_by_one_more_and_then_by_silence,
    silence_grows_with_the_days_and_ends_with_their_word,
    a_large_organisation_is_given_ten_working_days,
    a_date_is_asked_for_where_none_is_known,
];

async fn advice(scene: &Scene) -> Value {
    scene.sees(&format!("{}/status-enquiry-advice", scene.acme)).await
}

async fn nobody_asks_before_the_promised_date_has_passed(world: World) {
    let scene = Scene::interviewed(world).await;
    // Friday the 13th: the first working day after it is Monday.
    let promise = json!({"decide_by": "2026-03-13", "promised_by": id(&scene.anna), "channel": "email"});
    let promise = scene.makes(&format!("{}/decision-dates", scene.acme), promise).await;
    assert_eq!(scene.sees(&promise).await["decide_by"], "2026-03-13");
    assert_eq!(scene.sees(&scene.acme).await["decide_by"], "2026-03-13");
    let task = scene.task("enquire_status").await;
    let dates = (&task["state"], &task["opens_at"], &task["due_at"]);
    assert_eq!(
        dates,
        (
            &json!("waiting"),
            &json!("2026-03-16T09:00:00+01:00"),
            &json!("2026-03-18T17:00:00+01:00")
        )
    );
    for moment in ["2026-03-13T16:00:00+01:00", "2026-03-16T08:59:59+01:00"] {
        scene.at(moment);
        let told = advice(&scene).await;
        assert_eq!(
            (&told["allowed"], &told["earliest_at"]),
            (&json!(false), &json!("2026-03-16T09:00:00+01:00")),
            "{told}"
        );
    }
    scene.at("2026-03-16T09:00:00+01:00");
    let told = advice(&scene).await;
    assert_eq!(
        (&told["allowed"], &told["contact"], &told["channel"]),
        (&json!(true), &json!(id(&scene.anna)), &json!("email")),
        "{told}"
    );
    assert!(told["why"].as_str().is_some_and(|why| !why.is_empty()));
    assert_eq!(scene.task("enquire_status").await["state"], "open");
}

async fn an_early_enquiry_is_recorded_as_a_departure_and_leaves_the_task_waiting(world: World) {
    let scene = Scene::interviewed(world).await;
    scene
        .records(
            &format!("{}/decision-dates", scene.acme),
            json!({"decide_by": "2026-03-13"}),
        )
        .await;
    scene.at("2026-03-10T10:00:00+01:00");
    let early = scene
        .records(&format!("{}/status-enquiries", scene.acme), json!({"channel": "phone"}))
        .await;
    let departure = &early["event"]["departures"][0];
    assert_eq!(
        (&departure["play"], &departure["opens_at"]),
        (&json!("enquire_status"), &json!("2026-03-16T09:00:00+01:00"))
    );
    assert_eq!(early["tasks"]["closed"], json!([]));
    let task = scene.task("enquire_status").await;
    assert_eq!(
        (&task["state"], &task["opens_at"]),
        (&json!("waiting"), &json!("2026-03-16T09:00:00+01:00"))
    );
}

async fn an_unanswered_enquiry_is_followed_by_one_more_and_then_by_silence(world: World) {
    let scene = Scene::interviewed(world).await;
    let enquiries = format!("{}/status-enquiries", scene.acme);
    // Five working days after Monday is the next Monday.
    assert_eq!(
        scene.task("enquire_status").await["opens_at"],
        "2026-03-09T09:00:00+01:00"
    );
    scene.at("2026-03-09T09:00:00+01:00");
    let first = scene
        .records(&enquiries, json!({"channel": "email", "contact": id(&scene.anna)}))
        .await;
    assert_eq!(first["event"]["departures"], json!([]));
    assert_eq!(first["tasks"]["raised"][0]["opens_at"], "2026-03-16T09:00:00+01:00");
    scene.at("2026-03-16T10:00:00+01:00");
    let second = scene.records(&enquiries, json!({"channel": "email"})).await;
    assert_eq!(second["tasks"]["raised"], json!([]), "two at most until they speak");
    assert_eq!(scene.status().await, "silent");
    assert!(!advice(&scene).await["allowed"].as_bool().unwrap());
    let word = json!({"summary": "Still interviewing.", "decide_by": "2026-03-27"});
    let reported = scene.records(&format!("{}/status-reports", scene.acme), word).await;
    assert_eq!(reported["tasks"]["raised"][0]["opens_at"], "2026-03-30T09:00:00+02:00");
    assert_eq!(scene.status().await, "awaiting");
    let states: Vec<_> = scene
        .tasks("enquire_status")
        .await
        .iter()
        .map(|it| it["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["done", "done", "waiting"]);
    assert_eq!(scene.lists(&enquiries).await.len(), 2);
}

async fn silence_grows_with_the_days_and_ends_with_their_word(world: World) {
    let scene = Scene::interviewed(world).await;
    let story = [
        ("2026-03-13T10:00:00+01:00", "awaiting"),
        ("2026-03-17T10:00:00+01:00", "quiet"),
        ("2026-03-27T10:00:00+01:00", "quiet"),
        ("2026-03-31T10:00:00+02:00", "silent"),
        ("2026-04-15T10:00:00+02:00", "silent"),
        ("2026-04-17T10:00:00+02:00", "presumed_closed"),
    ];
    for (moment, status) in story {
        scene.at(moment);
        assert_eq!(scene.status().await, status, "at {moment}");
        // The board, which the store judges, says the same.
        let board = scene.lists(&format!("/v1/applications?status={status}")).await;
        assert_eq!(board.len(), 1, "{status} at {moment}");
        assert_eq!(board[0]["status"], status);
        for other in story.iter().filter(|(_, other)| *other != status) {
            assert!(
                scene
                    .lists(&format!("/v1/applications?status={}", other.1))
                    .await
                    .is_empty(),
                "{} at {moment}",
                other.1
            );
        }
    }
    // An earlier moment still shows what was so then, and silence is nobody's rejection.
    let then = scene
        .sees(&format!("{}?as_of=2026-03-17T10:00:00+01:00", scene.acme))
        .await;
    assert_eq!(then["status"], "quiet");
    scene
        .get(&format!("{}/rejection", scene.acme))
        .await
        .refuses(404, "not_found");
    scene
        .records(
            &format!("{}/status-reports", scene.acme),
            json!({"summary": "You are still in."}),
        )
        .await;
    assert_eq!(scene.status().await, "awaiting");
}

async fn a_large_organisation_is_given_ten_working_days(world: World) {
    let scene = Scene::interviewed(world).await;
    let large = json!({"organisation": {"name": "Acme", "size": "large"}});
    scene.patch(&scene.acme, large).await.is(200);
    assert_eq!(
        scene.task("enquire_status").await["opens_at"],
        "2026-03-16T09:00:00+01:00"
    );
}

async fn a_date_is_asked_for_where_none_is_known(world: World) {
    let scene = Scene::interviewed(world).await;
    let task = scene.task("ask_decision_date").await;
    assert_eq!(
        (&task["state"], &task["due_at"]),
        (&json!("open"), &json!("2026-03-03T15:00:00+01:00"))
    );
    scene
        .records(
            &format!("{}/decision-dates", scene.acme),
            json!({"decide_by": "2026-03-13"}),
        )
        .await;
    assert_eq!(scene.task("ask_decision_date").await["state"], "done");
    // The next round overtakes the date.
    let second = scene
        .schedules(
            "2026-03-12T10:00:00+01:00",
            "2026-03-12T11:00:00+01:00",
            &[id(&scene.anna)],
        )
        .await;
    assert_eq!(
        scene.task("enquire_status").await["state"],
        "void",
        "nobody asks while an interview lies ahead"
    );
    scene.at("2026-03-12T11:00:00+01:00");
    scene
        .records(
            &format!("{second}/held"),
            json!({"ended_at": "2026-03-12T11:00:00+01:00"}),
        )
        .await;
    assert!(scene.sees(&scene.acme).await["decide_by"].is_null());
}
