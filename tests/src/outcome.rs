//! Offers and other ends of an application.

use serde_json::json;

use crate::{
    client::id,
    harness::World,
    scenes::{Scene, applies},
    stories,
};

stories![
    who_accepts_an_offer_withdraws_elsewhere,
    an_offer_is_answered_in_time,
    an_offer_is_answered_once,
    an_application_that_ended_can_be_reopened,
    an_outcome_voids_what_was_owed,
];

async fn who_accepts_an_offer_withdraws_elsewhere(world: World) {
    let scene = Scene::interviewed(world).await;
    let globex = applies(&scene, &scene.ada, "Globex").await;
    let initech = applies(&scene, &scene.ada, "Initech").await;
    scene
        .records(
            &format!("{initech}/position-closed"),
            json!({"reason": "The budget is gone."}),
        )
        .await;
    let offer = scene
        .makes(&format!("{}/offers", scene.acme), json!({"terms": "60,000 a year"}))
        .await;
    assert_eq!(scene.status().await, "offered");
    scene.at("2026-03-03T09:00:00+01:00");
    scene
        .records(&format!("{offer}/accepted"), json!({"remark": "By phone."}))
        .await;
    assert_eq!(
        (scene.status().await.as_str(), &scene.sees(&offer).await["status"]),
        ("accepted", &json!("accepted"))
    );
    let task = scene.task("withdraw_others").await;
    assert_eq!(
        (&task["application"], &task["due_at"]),
        (&json!(id(&globex)), &json!("2026-03-05T09:00:00+01:00"))
    );
    scene
        .records(
            &format!("{globex}/withdrawn"),
            json!({"reason": "I accepted another offer."}),
        )
        .await;
    assert_eq!(scene.task("withdraw_others").await["state"], "done");
    assert!(scene.lists("/v1/applications").await.is_empty(), "all have ended");
    let statuses = "/v1/applications?status=accepted,withdrawn,position_closed";
    assert_eq!(scene.lists(statuses).await.len(), 3);
    assert_eq!(
        scene
            .lists(&format!("{}/applications?status=withdrawn", scene.ada))
            .await[0]["id"],
        id(&globex)
    );
}

async fn an_offer_is_answered_in_time(world: World) {
    let scene = Scene::interviewed(world).await;
    let offers = format!("{}/offers", scene.acme);
    let offer = scene.records(&offers, json!({"respond_by": "2026-03-06"})).await;
    assert_eq!(offer["tasks"]["raised"][0]["due_at"], "2026-03-06T17:00:00+01:00");
    let open = scene.records(&offers, json!({})).await;
    assert_eq!(open["tasks"]["raised"][0]["due_at"], "2026-03-05T15:10:00+01:00");
    assert_eq!(scene.lists(&format!("{}/offers", scene.ada)).await.len(), 2);
}

async fn an_offer_is_answered_once(world: World) {
    let scene = Scene::interviewed(world).await;
    let offer = scene.makes(&format!("{}/offers", scene.acme), json!({})).await;
    scene
        .records(&format!("{offer}/declined"), json!({"reason": "Too far."}))
        .await;
    assert_eq!(scene.status().await, "declined");
    scene
        .post(&format!("{offer}/accepted"), json!({}))
        .await
        .refuses(409, "offer_answered");
    scene
        .post(&format!("{offer}/declined"), json!({}))
        .await
        .refuses(409, "already_recorded");
}

async fn an_application_that_ended_can_be_reopened(world: World) {
    let scene = Scene::interviewed(world).await;
    let reopened = format!("{}/reopened", scene.acme);
    let why = json!({"reason": "They called again."});
    scene
        .post(&reopened, why.clone())
        .await
        .refuses(409, "nothing_to_reopen");
    scene.records(&format!("{}/withdrawn", scene.acme), json!({})).await;
    assert_eq!(scene.status().await, "withdrawn");
    scene.records(&reopened, why).await;
    assert_eq!(scene.status().await, "awaiting");
}

async fn an_outcome_voids_what_was_owed(world: World) {
    let scene = Scene::interviewed(world).await;
    scene
        .records(
            &format!("{}/document-requests", scene.acme),
            json!({"document": "references"}),
        )
        .await;
    scene.records(&format!("{}/withdrawn", scene.acme), json!({})).await;
    let left = scene.lists(&format!("{}/tasks", scene.ada)).await;
    assert!(left.iter().all(|task| task["play"] == "debrief"), "{left:#?}");
    for play in [
        "write_thank_you",
        "ask_decision_date",
        "enquire_status",
        "answer_document_request",
        "ask_next_round",
        "refresh_research",
        "bring_questions",
    ] {
        assert_eq!(scene.task(play).await["state"], "void", "{play}");
    }
    assert_eq!(scene.lists("/v1/tasks?state=void").await.len(), 7);
    // No fact is refused for it, and a call made after it is a departure.
    let call = scene
        .records(&format!("{}/status-enquiries", scene.acme), json!({"channel": "phone"}))
        .await;
    assert_eq!(call["event"]["departures"][0]["play"], "enquire_status");
}
