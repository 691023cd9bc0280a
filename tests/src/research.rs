//! Research goes on, and what is unfavourable is decided upon.

use serde_json::{Value, json};

use crate::{harness::World, scenes::Scene, stories};

stories![
    research_is_refreshed_before_an_interview_and_every_week,
    an_unfavourable_find_wants_a_decision,
    what_research_cannot_be,
];

fn find(stance: &str) -> Value {
    json!({"about": "organisation", "headline": "Acme closes a plant", "stance": stance,
        "source_url": "https://news.example/acme", "published_on": "2026-03-01", "worth_mentioning": true})
}

async fn research_is_refreshed_before_an_interview_and_every_week(world: World) {
    let scene = Scene::applied(world).await;
    scene
        .schedules("2026-03-06T14:00:00+01:00", "2026-03-06T15:00:00+01:00", &[])
        .await;
    let task = scene.task("refresh_research").await;
    assert_eq!(
        (&task["opens_at"], &task["due_at"]),
        (&json!("2026-03-04T14:00:00+01:00"), &json!("2026-03-06T14:00:00+01:00"))
    );
    scene.at("2026-03-05T10:00:00+01:00");
    let research = format!("{}/research", scene.acme);
    let noted = scene.makes(&research, find("favourable")).await;
    let moved = scene.task("refresh_research").await;
    assert_eq!(
        (&moved["id"], &moved["opens_at"]),
        (&task["id"], &json!("2026-03-12T10:00:00+01:00"))
    );
    let seen = scene.sees(&noted).await;
    assert_eq!(
        (&seen["stance"], &seen["worth_mentioning"]),
        (&json!("favourable"), &json!(true))
    );
    assert_eq!(scene.lists(&research).await, [seen]);
}

async fn an_unfavourable_find_wants_a_decision(world: World) {
    let scene = Scene::interviewed(world).await;
    let research = format!("{}/research", scene.acme);
    scene.records(&research, find("unfavourable")).await;
    let task = scene.task("reconsider").await;
    assert_eq!(task["due_at"], "2026-03-05T15:10:00+01:00");
    assert_eq!(
        task["title"],
        "Decide whether to go on with Acme, after what you read: Acme closes a plant"
    );
    scene.at("2026-03-06T10:00:00+01:00");
    let late = scene
        .records(
            &format!("{}/reconsidered", scene.acme),
            json!({"reason": "Not my site."}),
        )
        .await;
    assert_eq!(late["event"]["departures"][0]["play"], "reconsider");
    assert_eq!(scene.task("reconsider").await["state"], "done");
    scene.records(&research, find("unfavourable")).await;
    scene.records(&format!("{}/withdrawn", scene.acme), json!({})).await;
    let states: Vec<_> = scene
        .tasks("reconsider")
        .await
        .iter()
        .map(|it| it["state"].clone())
        .collect();
    assert_eq!(states, ["done", "done"]);
}

async fn what_research_cannot_be(world: World) {
    let scene = Scene::applied(world).await;
    let research = format!("{}/research", scene.acme);
    for (field, value) in [
        ("about", json!("weather")),
        ("stance", json!("grim")),
        ("headline", json!("")),
        ("source_url", json!("ftp//x")),
        ("published_on", json!("2026-13-01")),
        ("worth_mentioning", json!("yes")),
    ] {
        let mut body = find("neutral");
        body[field] = value;
        scene
            .post(&research, body)
            .await
            .refuses(422, "invalid")
            .names(&format!("/{field}"));
    }
    scene
        .post(&format!("{}/reconsidered", scene.acme), json!({}))
        .await
        .refuses(422, "invalid")
        .names("/reason");
}
