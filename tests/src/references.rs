//! References: asked before they are named to anybody, told of each interview, and thanked.

use serde_json::{Value, json};

use crate::{client::id, harness::World, scenes::Scene, stories};

stories![
    a_reference_agrees_is_told_and_is_thanked,
    whoever_no_longer_speaks_is_not_told,
    what_a_reference_cannot_be,
];

/// Rosa is named, and agrees.
async fn agreed(scene: &Scene) -> String {
    let card = json!({"name": "Rosa Diaz", "email": "rosa@past.example"});
    let rosa = scene.makes(&format!("{}/contacts", scene.ada), card).await;
    let named = json!({"contact": id(&rosa), "relationship": "My last manager", "limits": "Not on Mondays."});
    let reference = scene.makes(&format!("{}/references", scene.ada), named).await;
    assert_eq!(
        scene.task("brief_reference").await["due_at"],
        "2026-03-02T14:00:00+01:00",
        "before the interview"
    );
    scene
        .records(&format!("{reference}/agreed"), json!({"until_on": "2026-12-31"}))
        .await;
    assert_eq!(scene.task("brief_reference").await["state"], "done");
    reference
}

async fn held(scene: &Scene) {
    scene.at("2026-03-02T15:10:00+01:00");
    scene
        .records(
            &format!("{}/held", scene.interview),
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
        .await;
}

async fn a_reference_agrees_is_told_and_is_thanked(world: World) {
    let scene = Scene::invited(world).await;
    let reference = agreed(&scene).await;
    held(&scene).await;
    let task = scene.task("notify_reference").await;
    assert_eq!(task["due_at"], "2026-03-03T15:00:00+01:00");
    // What the task proposes is a note about the reference; a call does it too.
    assert_eq!(task["action"]["operation"], "suggest_notes");
    assert_eq!(task["action"]["body"]["about"], id(&reference));
    let call = json!({"interview": id(&scene.interview), "channel": "phone"});
    let told = scene.records(&format!("{reference}/notices"), call).await;
    assert_eq!(told["event"]["type"], "ReferenceNotified");
    assert_eq!(
        told["event"]["application"],
        id(&scene.acme),
        "it stands on Acme's timeline"
    );
    assert_eq!(scene.task("notify_reference").await["state"], "done");
    scene
        .records(
            &format!("{reference}/checks"),
            json!({"application": id(&scene.acme), "impression": "Friendly."}),
        )
        .await;
    scene.at("2026-03-04T10:00:00+01:00");
    scene
        .records(&format!("{}/rejection", scene.acme), json!({"channel": "email"}))
        .await;
    assert_eq!(scene.task("thank_helpers").await["due_at"], "2026-03-11T10:00:00+01:00");
    scene
        .records(
            &format!("{reference}/thanked"),
            json!({"application": id(&scene.acme), "channel": "post"}),
        )
        .await;
    assert_eq!(scene.task("thank_helpers").await["state"], "done");
    let seen = scene.sees(&reference).await;
    let kinds: Vec<_> = seen["notices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["kind"].clone())
        .collect();
    assert_eq!(kinds, ["notified", "contacted", "thanked"]);
    assert_eq!(
        (&seen["status"], &seen["until_on"]),
        (&json!("agreed"), &json!("2026-12-31"))
    );
    let timeline = scene.lists(&format!("{}/timeline", scene.acme)).await;
    assert!(timeline.iter().any(|entry| entry["text"] == "Acme called Rosa Diaz."));
}

async fn whoever_no_longer_speaks_is_not_told(world: World) {
    let scene = Scene::invited(world).await;
    let reference = agreed(&scene).await;
    let retired = scene
        .records(&format!("{reference}/retired"), json!({"reason": "She moved."}))
        .await;
    held(&scene).await;
    assert!(scene.tasks("notify_reference").await.is_empty());
    let event = retired["event"]["id"].as_str().unwrap();
    scene
        .records(
            &format!("{}/events/{event}/retracted", scene.ada),
            json!({"reason": "She did not."}),
        )
        .await;
    assert_eq!(scene.task("notify_reference").await["state"], "open");
    // Who was erased is asked for nothing, and named no more.
    let contact = scene.sees(&reference).await["contact"].as_str().unwrap().to_owned();
    scene.delete(&format!("{}/contacts/{contact}", scene.ada)).await.is(200);
    assert_eq!(scene.task("notify_reference").await["state"], "void");
    let feed = serde_json::to_string(&scene.lists_feed().await).unwrap();
    assert!(!feed.contains("Rosa"));
}

async fn what_a_reference_cannot_be(world: World) {
    let scene = Scene::invited(world).await;
    let references = format!("{}/references", scene.ada);
    let named = json!({"contact": id(&scene.anna), "relationship": "A friend"});
    let reference = scene.makes(&references, named.clone()).await;
    scene
        .post(&references, named)
        .await
        .refuses(409, "already_recorded")
        .names("/contact");
    let unknown = json!({"contact": "con_01k9ze3n8qfq7s5b1x5n0v3gk2", "relationship": "A friend"});
    scene
        .post(&references, unknown)
        .await
        .refuses(422, "unknown_reference")
        .names("/contact");
    for (step, body, pointer) in [
        ("agreed", json!({"until_on": "2026-03-01"}), "/until_on"),
        ("notices", json!({"channel": "email"}), "/interview"),
        (
            "notices",
            json!({"interview": id(&scene.interview), "channel": "pigeon"}),
            "/channel",
        ),
        ("checks", json!({}), "/application"),
        ("thanked", json!({"application": "app_1"}), "/application"),
    ] {
        let answer = scene.post(&format!("{reference}/{step}"), body).await;
        answer.refuses(422, "invalid").names(pointer);
    }
    let nowhere: Value = json!({"application": "app_01k9ze3n8qfq7s5b1x5n0v3gk2"});
    scene
        .post(&format!("{reference}/checks"), nowhere)
        .await
        .refuses(422, "unknown_reference")
        .names("/application");
    scene
        .records(&format!("{reference}/declined"), json!({"reason": "No time."}))
        .await;
    scene
        .post(&format!("{reference}/declined"), json!({}))
        .await
        .refuses(409, "already_recorded");
    scene.records(&format!("{reference}/retired"), json!({})).await;
    scene
        .post(&format!("{reference}/agreed"), json!({}))
        .await
        .refuses(409, "reference_retired");
}
