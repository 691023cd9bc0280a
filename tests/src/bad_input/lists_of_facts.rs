//! Several facts in one request: each wrong one is named by its place.

use serde_json::{Value, json};

use super::{NOBODY, records_nothing, refuses};
use crate::{client::id, harness::World, scenes::Scene, stories};

stories![in_a_list_of_facts_each_is_named_by_its_place];

/// The field that is wrong, and the fact; `APP` is an application that nobody has, `OTHER` one that is none of the kind.
const BAD: &str = r#"
    /data/name {"type": "ContactCollected", "data": {"name": 5}}
    /data/nickname {"type": "ContactCollected", "data": {"nickname": "Benny", "name": "Ben"}}
    /type {"type": "Gossip", "data": {}}
    /type {"data": {}}
    /type {"type": "CandidateErased", "data": {}}
    /mood {"type": "ContactCollected", "data": {"name": "Ben"}, "mood": "good"}
    /occurred_at {"type": "ContactCollected", "data": {"name": "Ben"}, "occurred_at": "2026-03-02T09:00:00"}
    /occurred_at {"type": "ContactCollected", "data": {"name": "Ben"}, "occurred_at": "2027-03-02T09:00:00Z"}
    /id {"type": "ContactCollected", "data": {"name": "Ben"}, "id": "evt_x"}
    /subject {"type": "ContactCollected", "data": {"name": "Ben"}, "subject": "OTHER"}
    /application {"type": "DocumentRequested", "data": {"document": "x"}, "application": "app_x"}
    /application {"type": "DocumentRequested", "data": {"document": "x"}}
    /application {"type": "DocumentRequested", "data": {"document": "x"}, "application": "app_NOBODY"}
    /subject {"type": "NoteSent", "data": {}, "subject": "note_NOBODY"}
    / "ContactCollected"
"#;

async fn in_a_list_of_facts_each_is_named_by_its_place(world: World) {
    let scene = Scene::applied(world).await;
    let facts = format!("{}/facts", scene.ada);
    let good = json!({"type": "ContactCollected", "data": {"name": "Ben"}});
    let table = BAD.replace("NOBODY", NOBODY).replace("OTHER", id(&scene.acme));
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    let bad: Vec<(String, Value)> = lines
        .map(|line| line.split_once(' ').expect("a pointer and a fact"))
        .map(|(pointer, fact)| {
            (
                pointer.trim_end_matches('/').to_owned(),
                serde_json::from_str(fact).unwrap(),
            )
        })
        .collect();
    records_nothing(&scene, async || {
        for (pointer, fact) in &bad {
            let answer = scene.post(&facts, json!({"atomic": true, "facts": [good, fact]})).await;
            answer.is(422).names(&format!("/facts/1{pointer}"));
        }
        let bodies = r#"
            /facts {}
            /facts {"facts": []}
            /facts {"facts": {}}
            /atomic {"facts": [{}], "atomic": "yes"}
            /then {"facts": [{}], "then": 1}
        "#;
        refuses(&scene, &facts, bodies).await;
        let many = scene.post(&facts, json!({"facts": vec![good.clone(); 1001]})).await;
        many.refuses(422, "invalid").names("/facts");
    })
    .await;
    // Without `atomic` the good ones go in, and the bad ones say why.
    let all: Vec<Value> = bad.iter().map(|(_, fact)| fact.clone()).chain([good]).collect();
    let answer = scene.post(&facts, json!({"facts": all})).await;
    let results = answer.is(200)["results"].as_array().unwrap().clone();
    for (nth, (result, (pointer, _))) in results.iter().zip(&bad).enumerate() {
        let problem = &result["problem"];
        assert_eq!(
            (&result["status"], &problem["status"]),
            (&json!("refused"), &json!(422)),
            "{result}"
        );
        assert_eq!(
            problem["errors"][0]["pointer"],
            format!("/facts/{nth}{pointer}"),
            "{result}"
        );
    }
    assert_eq!(results.last().unwrap()["status"], "recorded");
}
