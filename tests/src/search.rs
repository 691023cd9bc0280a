//! The search goes on: something is done for it every three days, and what was found is applied for in time.

use serde_json::json;

use crate::{
    client::id,
    harness::World,
    scenes::{Scene, registers},
    stories,
    time::sure,
};

stories![
    an_opening_becomes_an_application,
    looking_goes_on_until_an_offer_is_accepted,
    a_pause_has_its_day,
    what_a_search_cannot_be,
];

async fn an_opening_becomes_an_application(world: World) {
    let ada = registers(&world, "Ada").await;
    let openings = format!("{ada}/openings");
    let found = json!({"organisation_name": "Globex", "position": "Chemist", "closes_on": "2026-03-20",
        "url": "https://globex.example/jobs/7", "source": "A friend"});
    let opening = world.makes(&openings, found).await;
    let tasks = world.lists(&format!("{ada}/tasks?play=apply_to_opening")).await;
    assert_eq!(tasks[0]["due_at"], "2026-03-19T17:00:00+01:00");
    // The task's action is the application, prefilled.
    let action = &tasks[0]["action"];
    let application = world
        .makes(action["href"].as_str().unwrap(), action["body"].clone())
        .await;
    let seen = world.sees(&opening).await;
    assert_eq!(
        (&seen["status"], &seen["application"]),
        (&json!("applied"), &json!(id(&application)))
    );
    assert_eq!(world.sees(&application).await["opening"], id(&opening));
    let other = world
        .makes(&openings, json!({"organisation_name": "Initech", "position": "Clerk"}))
        .await;
    world
        .records(&format!("{other}/dismissed"), json!({"reason": "Too far."}))
        .await;
    world
        .post(&format!("{other}/dismissed"), json!({}))
        .await
        .refuses(409, "already_recorded");
    assert_eq!(world.sees(&other).await["status"], "dismissed");
    assert_eq!(world.lists(&openings).await.len(), 2);
    assert!(
        world
            .lists(&format!("{ada}/tasks?play=apply_to_opening"))
            .await
            .is_empty()
    );
}

async fn looking_goes_on_until_an_offer_is_accepted(world: World) {
    let scene = Scene::interviewed(world).await;
    let task = scene.task("keep_looking").await;
    assert_eq!(
        (&task["state"], &task["opens_at"], &task["application"]),
        (&json!("waiting"), &json!("2026-03-05T15:00:00+01:00"), &json!(null))
    );
    scene.at("2026-03-06T16:00:00+01:00");
    assert_eq!(scene.task("keep_looking").await["state"], "overdue");
    let logged = scene
        .records(
            &format!("{}/search-activities", scene.ada),
            json!({"kind": "networked", "remark": "At the fair."}),
        )
        .await;
    assert_eq!(logged["event"]["departures"], json!([]), "a standing task moves on");
    let moved = scene.task("keep_looking").await;
    assert_eq!((&moved["id"], &moved["state"]), (&task["id"], &json!("waiting")));
    let offer = scene.makes(&format!("{}/offers", scene.acme), json!({})).await;
    scene.records(&format!("{offer}/accepted"), json!({})).await;
    assert_eq!(scene.task("keep_looking").await["state"], "void");
    let search = scene.sees(&format!("{}/search", scene.ada)).await;
    assert_eq!(search["last_activity_at"], "2026-03-06T16:00:00+01:00");
}

async fn a_pause_has_its_day(world: World) {
    let scene = Scene::invited(world.on_a_test_clock().await).await;
    scene.until("2026-03-02T15:10:00+01:00").await;
    scene
        .records(
            &format!("{}/held", scene.interview),
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
        .await;
    let search = format!("{}/search", scene.ada);
    scene
        .records(
            &format!("{search}/paused"),
            json!({"until_on": "2026-03-16", "reason": "A wedding."}),
        )
        .await;
    let seen = scene.sees(&search).await;
    assert_eq!(
        (&seen["status"], &seen["paused_until"]),
        (&json!("paused"), &json!("2026-03-16"))
    );
    let moved = scene.until("2026-03-18T00:00:00+01:00").await;
    let opened = moved["fired"]
        .as_array()
        .unwrap()
        .iter()
        .find(|fact| fact["type"] == "TaskOpened" && fact["tasks"]["changed"][0]["play"] == "keep_looking");
    assert_eq!(opened.expect("it opens")["occurred_at"], "2026-03-16T08:00:00Z");
    assert_eq!(scene.sees(&search).await["status"], "looking");
    scene
        .post(&format!("{search}/resumed"), json!({}))
        .await
        .refuses(409, "search_not_paused");
    scene.records(&format!("{search}/paused"), json!({})).await;
    assert_eq!(scene.task("keep_looking").await["state"], "void");
    scene.records(&format!("{search}/resumed"), json!({})).await;
    assert_eq!(scene.task("keep_looking").await["state"], "waiting");
    sure(&scene).await;
}

async fn what_a_search_cannot_be(world: World) {
    let ada = registers(&world, "Ada").await;
    for (path, body, pointer) in [
        ("openings", json!({"position": "Cook"}), "/organisation_name"),
        (
            "openings",
            json!({"organisation_name": "A", "position": "B", "url": "no address"}),
            "/url",
        ),
        ("search-activities", json!({"kind": "slept"}), "/kind"),
        ("search/paused", json!({"until_on": "2026-03-01"}), "/until_on"),
        ("search/resumed", json!({"remark": "x"}), "/remark"),
    ] {
        let answer = world.post(&format!("{ada}/{path}"), body).await;
        answer.refuses(422, "invalid").names(pointer);
    }
    let application =
        json!({"organisation": {"name": "A"}, "position": "B", "opening": "opn_01k9ze3n8qfq7s5b1x5n0v3gk2"});
    world
        .post(&format!("{ada}/applications"), application)
        .await
        .refuses(422, "unknown_reference")
        .names("/opening");
}
