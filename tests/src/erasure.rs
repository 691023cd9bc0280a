//! A candidate who wants to be forgotten is: every view is gone, every fact is an empty place in the log.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{client::id, harness::World, scenes::Scene, stories};

mod backups;
mod canaries;
mod contacts;
mod destroyed;
mod files;
mod full;
mod retention;
mod rotation;
mod service;
mod ways_out;
mod words;

stories![
    an_erased_candidate_is_gone_from_every_view,
    the_log_keeps_the_places_and_nothing_else,
    nothing_can_be_recorded_of_an_erased_candidate,
    others_stay_as_they_are,
];

async fn an_erased_candidate_is_gone_from_every_view(world: World) {
    let scene = Scene::interviewed(world).await;
    scene
        .patch(&scene.ada, json!({"external_id": "crm-1", "groups": ["spring"]}))
        .await
        .is(200);
    scene
        .records(&format!("{}/rejection", scene.acme), json!({"channel": "email"}))
        .await;
    let erased = scene.delete(&scene.ada).await;
    let receipt = &erased.is(200)["receipt"];
    assert_eq!(receipt["erased_at"], "2026-03-02T14:10:00Z");
    assert!(receipt["keys_gone_by"].as_str() > receipt["erased_at"].as_str());
    assert_eq!(
        (&erased["event"]["type"], &erased["event"]["data"]),
        (&json!("CandidateErased"), &json!({}))
    );
    for path in [
        "",
        "/tasks",
        "/timeline",
        "/applications",
        "/contacts",
        "/notes",
        "/interviews",
    ] {
        scene
            .get(&format!("{}{path}", scene.ada))
            .await
            .refuses(410, "candidate_erased");
    }
    for path in [
        &scene.acme,
        &scene.anna,
        &scene.interview,
        &format!("{}/rejection", scene.acme),
    ] {
        scene.get(path).await.refuses(410, "candidate_erased");
    }
    scene
        .get(&format!("{}?as_of=2026-03-02T14:00:00Z", scene.ada))
        .await
        .refuses(410, "candidate_erased");
    let states = "state=waiting,open,overdue,done,dismissed,void&snoozed=true";
    let statuses = "status=opened,interviewing,awaiting,rejected,withdrawn";
    let lists = [
        "/v1/candidates".to_owned(),
        "/v1/candidates?group=spring".to_owned(),
        "/v1/candidates?external_id=crm-1".to_owned(),
        format!("/v1/tasks?{states}"),
        format!("/v1/tasks?candidate={}&{states}", id(&scene.ada)),
        format!("/v1/applications?{statuses}"),
        "/v1/rejections".to_owned(),
    ];
    for list in lists {
        assert!(scene.lists(&list).await.is_empty(), "{list}");
    }
    // The other system's id may be somebody else's now.
    let next = json!({"name": "Grace", "time_zone": "UTC", "external_id": "crm-1"});
    scene.post("/v1/candidates", next).await.is(201);
}

async fn the_log_keeps_the_places_and_nothing_else(world: World) {
    let scene = Scene::interviewed(world).await;
    let before = scene.sees("/v1/events?limit=100").await;
    let before = before["data"].as_array().unwrap();
    scene.delete(&scene.ada).await.is(200);
    let feed = scene.sees("/v1/events?limit=100").await;
    let after = feed["data"].as_array().unwrap();
    assert_eq!(after.len(), before.len() + 1);
    for (then, now) in before.iter().zip(after) {
        assert_eq!((&now["type"], &now["data"]), (&json!("FactErased"), &Value::Null));
        assert_eq!(
            (&now["id"], &now["version"], &now["candidate"]),
            (&then["id"], &then["version"], &then["candidate"])
        );
    }
    for word in ["Lovelace", "Anna", "Acme", "Engineer"] {
        assert!(!feed.to_string().contains(word), "{word}");
    }
    let own = scene
        .sees(&format!("/v1/events?limit=100&candidate={}", id(&scene.ada)))
        .await;
    assert_eq!(own["data"], feed["data"]);
}

async fn nothing_can_be_recorded_of_an_erased_candidate(world: World) {
    let scene = Scene::interviewed(world).await;
    let named = |client: &crate::client::Client| {
        let request = client.request(Method::POST, &format!("{}/contacts", scene.ada));
        request
            .header("Idempotency-Key", "a-card")
            .json(&json!({"name": "Ben Cole"}))
    };
    scene.send(named(&scene)).await.is(201);
    scene.delete(&scene.ada).await.is(200);
    let writes = [
        (format!("{}/contacts", scene.ada), json!({"name": "Ben Cole"})),
        (
            format!("{}/document-requests", scene.acme),
            json!({"document": "references"}),
        ),
        (format!("{}/cancelled", scene.interview), json!({"by": "candidate"})),
    ];
    for (path, body) in writes {
        scene.post(&path, body).await.refuses(409, "candidate_erased");
    }
    scene
        .patch(&scene.ada, json!({"name": "Ada"}))
        .await
        .refuses(409, "candidate_erased");
    scene.delete(&scene.ada).await.refuses(409, "candidate_erased");
    scene.send(named(&scene)).await.refuses(409, "candidate_erased");
    // The id is not free for anybody.
    let again = json!({"name": "Ada", "time_zone": "UTC", "subject": id(&scene.ada)});
    scene
        .post("/v1/candidates", again)
        .await
        .refuses(409, "candidate_erased");
    // Another instance, which still has the candidate in mind, knows it too.
    let facts = json!({"facts": [{"type": "ContactCollected", "data": {"name": "Ben Cole"}}]});
    let late = scene.post(&format!("{}/facts", scene.ada), facts).await;
    assert!(!late.to_string().contains("\"recorded\""), "{late}");
}

async fn others_stay_as_they_are(world: World) {
    let scene = Scene::interviewed(world).await;
    let grace = crate::scenes::registers(&scene, "Grace Hopper").await;
    crate::scenes::applies(&scene, &grace, "Globex").await;
    let before = scene.sees(&grace).await;
    scene.delete(&scene.ada).await.is(200);
    assert_eq!(scene.sees(&grace).await, before);
    assert_eq!(scene.lists("/v1/candidates").await, [before]);
    assert_eq!(scene.lists("/v1/applications").await.len(), 1);
    crate::scenes::applies(&scene, &grace, "Initech").await;
}
