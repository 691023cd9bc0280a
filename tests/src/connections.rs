//! Connections: told in time, followed up, kept warm, and not asked too often.

use serde_json::json;

use crate::{client::id, harness::World, scenes::Scene, stories, time::sure};

stories![
    whoever_knows_the_organisation_is_told_and_hears_how_it_ended,
    a_connection_is_kept_warm_and_not_asked_too_often,
    an_introduction_is_followed_up,
    what_a_connection_cannot_be,
];

/// Carl knows Acme.
async fn named(scene: &Scene) -> String {
    let card = json!({"name": "Carl Holm", "email": "carl@holm.example", "preferred_channel": "message"});
    let carl = scene.makes(&format!("{}/contacts", scene.ada), card).await;
    let connection =
        json!({"contact": id(&carl), "organisation_names": ["ACME Inc."], "cadence": "P30D", "origin": "University"});
    scene.makes(&format!("{}/connections", scene.ada), connection).await
}

async fn whoever_knows_the_organisation_is_told_and_hears_how_it_ended(world: World) {
    let scene = Scene::invited(world).await;
    let connection = named(&scene).await;
    scene.at("2026-03-02T15:10:00+01:00");
    scene
        .records(
            &format!("{}/held", scene.interview),
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
        .await;
    assert_eq!(
        scene.task("notify_connection").await["due_at"],
        "2026-03-04T15:00:00+01:00"
    );
    // A note is the act.
    let contact = scene.sees(&connection).await["contact"].clone();
    let note = json!({"kind": "connection_notice", "recipients": [contact], "channel": "message",
        "application": id(&scene.acme), "about": id(&connection)});
    let note = scene.makes(&format!("{}/notes", scene.ada), note).await;
    let sent = scene.records(&format!("{note}/sent"), json!({})).await;
    assert_eq!(scene.task("notify_connection").await["state"], "done");
    scene.at("2026-03-04T10:00:00+01:00");
    scene
        .records(&format!("{}/rejection", scene.acme), json!({"channel": "email"}))
        .await;
    assert_eq!(scene.task("thank_helpers").await["state"], "open");
    scene
        .records(&format!("{connection}/touches"), json!({"channel": "phone"}))
        .await;
    assert_eq!(scene.task("thank_helpers").await["state"], "done");
    // Had the note never gone out, there would be nobody to thank.
    let event = sent["event"]["id"].as_str().unwrap();
    scene
        .records(
            &format!("{}/events/{event}/retracted", scene.ada),
            json!({"reason": "It lay in the drafts."}),
        )
        .await;
    assert_eq!(scene.task("thank_helpers").await["state"], "void");
}

async fn a_connection_is_kept_warm_and_not_asked_too_often(world: World) {
    let scene = Scene::applied(world.on_a_test_clock().await).await;
    let connection = named(&scene).await;
    let task = scene.task("keep_in_touch").await;
    assert_eq!(
        (&task["opens_at"], &task["due_at"]),
        (&json!("2026-04-01T09:00:00+02:00"), &json!("2026-04-08T09:00:00+02:00")),
        "at the same time of day, across the change of clocks"
    );
    let notices = format!("{connection}/notices");
    let ask = json!({"application": id(&scene.acme), "channel": "email", "ask": "good_word"});
    let first = scene.records(&notices, ask.clone()).await;
    assert_eq!(first["event"]["departures"], json!([]));
    scene.until("2026-03-16T08:59:00+01:00").await;
    let second = scene.records(&notices, ask.clone()).await;
    let departure = &second["event"]["departures"][0];
    assert_eq!(
        (&departure["play"], &departure["opens_at"]),
        (&json!("keep_in_touch"), &json!("2026-03-16T09:00:00+01:00"))
    );
    let timeline = scene.lists(&format!("{}/timeline", scene.ada)).await;
    let told = timeline
        .iter()
        .find(|entry| entry["event"] == second["event"]["id"])
        .unwrap();
    assert_eq!(told["departures"][0]["play"], "keep_in_touch");
    scene.until("2026-03-30T09:00:00+02:00").await;
    let rested = scene.records(&notices, ask).await;
    assert_eq!(rested["event"]["departures"], json!([]));
    scene.until("2026-05-20T09:00:00+02:00").await;
    assert_eq!(scene.task("keep_in_touch").await["state"], "overdue");
    scene
        .records(&format!("{connection}/touches"), json!({"channel": "in_person"}))
        .await;
    let moved = scene.task("keep_in_touch").await;
    assert_eq!((&moved["id"], &moved["state"]), (&task["id"], &json!("waiting")));
    assert_eq!(
        scene.sees(&connection).await["last_touched_at"],
        "2026-05-20T09:00:00+02:00"
    );
    sure(&scene).await;
}

async fn an_introduction_is_followed_up(world: World) {
    let scene = Scene::applied(world).await;
    let connection = named(&scene).await;
    let offered = json!({"organisation_name": "Globex", "to_contact": id(&scene.anna)});
    let introductions = format!("{connection}/introductions");
    let introduction = scene.makes(&introductions, offered).await;
    assert_eq!(
        scene.task("follow_introduction").await["due_at"],
        "2026-03-05T09:00:00+01:00"
    );
    assert_eq!(scene.sees(&introduction).await["status"], "offered");
    scene.at("2026-03-03T09:00:00+01:00");
    let globex = json!({"organisation": {"name": "GLOBEX"}, "position": "Chemist"});
    scene.records(&format!("{}/applications", scene.ada), globex).await;
    assert_eq!(scene.task("follow_introduction").await["state"], "done");
    assert_eq!(scene.sees(&introduction).await["status"], "followed");
    assert_eq!(
        scene.lists(&introductions).await,
        scene.lists(&format!("{}/introductions", scene.ada)).await
    );
}

async fn what_a_connection_cannot_be(world: World) {
    let scene = Scene::applied(world).await;
    let connections = format!("{}/connections", scene.ada);
    let anna = id(&scene.anna);
    for cadence in [json!("P0D"), json!("PT24H"), json!("P1M"), json!("monthly"), json!(60)] {
        scene
            .post(&connections, json!({"contact": anna, "cadence": cadence}))
            .await
            .refuses(422, "invalid")
            .names("/cadence");
    }
    let connection = scene
        .makes(&connections, json!({"contact": anna, "cadence": "P2W"}))
        .await;
    assert_eq!(scene.sees(&connection).await["cadence"], "P14D");
    scene
        .post(&connections, json!({"contact": anna}))
        .await
        .refuses(409, "already_recorded")
        .names("/contact");
    let notices = format!("{connection}/notices");
    scene
        .post(
            &notices,
            json!({"application": id(&scene.acme), "channel": "email", "ask": "money"}),
        )
        .await
        .refuses(422, "invalid")
        .names("/ask");
    scene
        .post(&format!("{connection}/introductions"), json!({}))
        .await
        .refuses(422, "invalid")
        .names("/organisation_name");
    let nobody = format!("{connections}/cxn_01k9ze3n8qfq7s5b1x5n0v3gk2/touches");
    scene
        .post(&nobody, json!({"channel": "phone"}))
        .await
        .refuses(404, "not_found");
}
