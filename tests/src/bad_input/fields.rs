//! Fields: of the wrong type, unknown, missing, too long.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ada, records_nothing, refuses, sends};
use crate::{client::id, harness::World, scenes::Scene, stories};

stories![
    a_field_of_the_wrong_type_is_named,
    unknown_and_read_only_fields_are_named,
    a_missing_field_is_named,
    texts_and_lists_have_their_measure,
];

async fn a_field_of_the_wrong_type_is_named(world: World) {
    let scene = Scene::invited(world).await;
    let registrations = r#"
        /name {"name": 1}
        /name {"name": ["Ada"]}
        /email {"email": "anna at acme"}
        /groups {"groups": "spring"}
        /groups/1 {"groups": ["spring", 2]}
        /groups/1 {"groups": ["spring", "two words"]}
        /postal_address {"postal_address": "Hauptstr. 1"}
        /postal_address/lines {"postal_address": {"lines": [], "city": "B", "postal_code": "1", "country": "DE"}}
        /postal_address/lines/0 {"postal_address": {"lines": [1], "city": "B", "postal_code": "1", "country": "DE"}}
        /locale {"locale": "German!"}
        /time_zone {"time_zone": "Europe/Atlantis"}
        /time_zone {"time_zone": "+01:00"}
        /time_zone {"time_zone": ""}
        /time_zone {"time_zone": "../../etc/passwd"}
        /occurred_at {"occurred_at": 1772000000}
        /id {"id": 7}
        /subject {"subject": {}}
    "#;
    let applications = r#"
        /organisation {"organisation": "Acme", "position": "x"}
        /organisation/size {"organisation": {"name": "A", "size": "huge"}, "position": "x"}
        /organisation/website {"organisation": {"name": "A", "website": "javascript:alert(1)"}, "position": "x"}
    "#;
    let steps = [
        (
            "document-requests",
            r#"/needed_by {"document": "x", "needed_by": "2026-02-30"}"#,
        ),
        (
            "document-requests",
            r#"/needed_by {"document": "x", "needed_by": "2026-03-02T10:00:00Z"}"#,
        ),
        ("decision-dates", r#"/decide_by {"decide_by": "tomorrow"}"#),
        ("decision-dates", r#"/decide_by {"decide_by": 20260302}"#),
        ("status-enquiries", r#"/channel {"channel": "fax"}"#),
    ];
    records_nothing(&scene, async || {
        refuses(&scene, "/v1/candidates", registrations).await;
        refuses(&scene, &format!("{}/applications", scene.ada), applications).await;
        for (step, line) in steps {
            refuses(&scene, &format!("{}/{step}", scene.acme), line).await;
        }
        refuses(
            &scene,
            &format!("{}/cancelled", scene.interview),
            r#"/by {"by": "weather"}"#,
        )
        .await;
        refuses(
            &scene,
            &format!("{}/held", scene.interview),
            r#"/ended_at {"ended_at": {}}"#,
        )
        .await;
        let interviewers = format!("{}/interviewers", scene.interview);
        refuses(&scene, &interviewers, r#"/interviewers {"interviewers": {}}"#).await;
        let patch = scene.patch(&scene.anna, json!({"preferred_channel": 5})).await;
        patch.refuses(422, "invalid").names("/preferred_channel");
    })
    .await;
}

async fn unknown_and_read_only_fields_are_named(world: World) {
    let scene = Scene::invited(world).await;
    records_nothing(&scene, async || {
        for field in [
            "nickname",
            "status",
            "version",
            "recorded_at",
            "type",
            "candidate",
            "a/b",
        ] {
            let pointer = format!("/{}", field.replace('/', "~1"));
            let answer = scene.post("/v1/candidates", ada(field, json!("x"))).await;
            answer.refuses(422, "invalid").names(&pointer);
        }
        let address = json!({"lines": ["1"], "city": "B", "postal_code": "1", "country": "DE", "planet": "Earth"});
        let nested = scene.post("/v1/candidates", ada("postal_address", address)).await;
        nested.refuses(422, "invalid").names("/postal_address/planet");
        // A step is about what its path names.
        let held = json!({"ended_at": "2026-03-02T08:00:00Z", "subject": id(&scene.interview)});
        let answer = scene.post(&format!("{}/held", scene.interview), held).await;
        answer.refuses(422, "invalid").names("/subject");
        for field in ["id", "status", "interview", "application"] {
            let mut body = json!({"by": "candidate"});
            body[field] = json!("x");
            let answer = scene.post(&format!("{}/cancelled", scene.interview), body).await;
            answer.refuses(422, "invalid").names(&format!("/{field}"));
        }
        let patch = scene.patch(&scene.anna, json!({"touches": 3})).await;
        patch.refuses(422, "invalid").names("/touches");
        let delete = sends(
            &scene,
            Method::DELETE,
            &scene.anna,
            "application/json",
            r#"{"really": true}"#,
        )
        .await;
        delete.refuses(422, "invalid").names("/really");
    })
    .await;
}

async fn a_missing_field_is_named(world: World) {
    let scene = Scene::invited(world).await;
    records_nothing(&scene, async || {
        let answer = scene.post("/v1/candidates", json!({"name": "Ada"})).await;
        answer.refuses(422, "invalid").names("/time_zone");
        // Absent and null mean the same.
        let answer = scene.post("/v1/candidates", ada("name", Value::Null)).await;
        answer.refuses(422, "invalid").names("/name");
        let applications = format!("{}/applications", scene.ada);
        refuses(
            &scene,
            &applications,
            r#"/organisation/name {"organisation": {}, "position": "x"}"#,
        )
        .await;
        let empty = scene.request(Method::POST, &format!("{}/held", scene.interview));
        scene.send(empty).await.refuses(422, "invalid").names("/ended_at");
    })
    .await;
    scene.post("/v1/candidates", ada("email", Value::Null)).await.is(201);
    let empty = scene.request(Method::POST, &format!("{}/withdrawn", scene.acme));
    scene.send(empty).await.is(201);
}

async fn texts_and_lists_have_their_measure(world: World) {
    let scene = Scene::applied(world).await;
    let crowd: Vec<_> = (0..101).map(|nth| format!("group-{nth}")).collect();
    records_nothing(&scene, async || {
        for (field, value) in [
            ("name", json!("")),
            ("name", json!("   ")),
            ("name", json!("x".repeat(501))),
            ("email", json!(format!("{}@example.org", "x".repeat(250)))),
            ("external_id", json!("x".repeat(501))),
            ("groups", json!(crowd)),
            ("strengths", json!(vec!["x"; 101])),
            ("strengths", json!(["x".repeat(50_001)])),
        ] {
            let answer = scene.post("/v1/candidates", ada(field, value)).await;
            let named = answer.refuses(422, "invalid")["errors"][0]["pointer"]
                .as_str()
                .unwrap_or_default();
            assert!(named.starts_with(&format!("/{field}")), "{answer}");
        }
        let patch = scene.patch(&scene.ada, json!({"groups": crowd})).await;
        patch.refuses(422, "invalid").names("/groups");
        let note = json!({"kind": "other", "channel": "email", "recipients": vec![id(&scene.anna); 101]});
        let note = scene.post(&format!("{}/notes", scene.ada), note).await;
        note.refuses(422, "invalid").names("/recipients");
    })
    .await;
    scene
        .post("/v1/candidates", ada("name", json!("é".repeat(500))))
        .await
        .is(201);
    scene
        .post("/v1/candidates", ada("groups", json!(crowd[..100])))
        .await
        .is(201);
}
