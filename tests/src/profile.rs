//! A candidate: registered, revised, found by the id that another system has for them.

use serde_json::{Value, json};

use crate::{client::id, harness::World, stories};

stories![
    a_candidate_is_registered_and_read,
    a_profile_is_revised_field_by_field,
    an_external_id_is_one_candidates,
    a_new_thing_may_bring_its_own_id,
    an_application_is_revised,
];

async fn a_candidate_is_registered_and_read(world: World) {
    let address =
        json!({"lines": ["Hauptstr. 1", "c/o Byron"], "city": "Berlin", "postal_code": "10115", "country": "DE"});
    let ada = json!({"name": "Ada Lovelace", "time_zone": "Europe/Berlin", "email": "ada@example.com", "phone": "+49 30 1",
        "postal_address": address, "locale": "de-DE", "strengths": ["Patience"], "external_id": "crm-1", "groups": ["spring"]});
    let answer = world.post("/v1/candidates", ada.clone()).await;
    let path = answer.is(201).header("location").to_owned();
    let event = &answer["event"];
    assert_eq!(
        (&event["type"], &event["version"], &event["schema"]),
        (&json!("CandidateRegistered"), &json!(1), &json!(1))
    );
    assert_eq!(
        (&event["candidate"], &event["subject"]),
        (&json!(id(&path)), &json!(id(&path)))
    );
    assert_eq!(
        (&event["occurred_at"], &event["recorded_at"]),
        (&json!("2026-03-02T08:00:00Z"), &json!("2026-03-02T08:00:00Z"))
    );
    assert!(event["recorded_by"].as_str().is_some_and(|key| key.starts_with("key_")));
    assert_eq!((&event["data"], &event["departures"]), (&ada, &json!([])));
    let seen = world.sees(&path).await;
    assert!(
        ada.as_object()
            .unwrap()
            .iter()
            .all(|(field, value)| seen[field] == *value),
        "{seen}"
    );
    assert_eq!((&seen["id"], &seen["version"]), (&json!(id(&path)), &json!(1)));
    assert_eq!(world.lists("/v1/candidates").await, [seen]);
}

async fn a_profile_is_revised_field_by_field(world: World) {
    let ada = json!({"name": "Ada", "time_zone": "Europe/Berlin", "email": "ada@example.com", "phone": "1", "groups": ["spring"]});
    let path = world.makes("/v1/candidates", ada).await;
    let revised = world.patch(&path, json!({"phone": null, "name": "Ada Lovelace"})).await;
    assert_eq!(
        revised.is(200)["event"]["data"],
        json!({"phone": null, "name": "Ada Lovelace"}),
        "the named fields, no others"
    );
    let seen = world.sees(&path).await;
    assert_eq!(
        (&seen["name"], &seen["phone"], &seen["email"]),
        (&json!("Ada Lovelace"), &Value::Null, &json!("ada@example.com"))
    );
    world.patch(&path, json!({"groups": null})).await.is(200);
    assert_eq!(world.sees(&path).await["groups"], json!([]));
    for (body, pointer) in [
        (json!({"name": null}), "/name"),
        (json!({"time_zone": null}), "/time_zone"),
        (json!({"version": 3}), "/version"),
    ] {
        world.patch(&path, body).await.refuses(422, "invalid").names(pointer);
    }
}

async fn an_external_id_is_one_candidates(world: World) {
    let register = async |name: &str, external: &str| {
        let body = json!({"name": name, "time_zone": "UTC", "external_id": external});
        world.post("/v1/candidates", body).await
    };
    let ada = register("Ada", "crm-1").await.is(201).header("location").to_owned();
    register("Grace", "crm-1")
        .await
        .refuses(409, "external_id_taken")
        .names("/external_id");
    let grace = register("Grace", "crm-2").await.is(201).header("location").to_owned();
    world
        .patch(&grace, json!({"external_id": "crm-1"}))
        .await
        .refuses(409, "external_id_taken")
        .names("/external_id");
    let found = async |external: &str| {
        let rows = world.lists(&format!("/v1/candidates?external_id={external}")).await;
        rows.iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (found("crm-1").await, found("crm-2").await),
        (vec![id(&ada).to_owned()], vec![id(&grace).to_owned()])
    );
    assert!(found("crm-3").await.is_empty());
    // Given up, it is free again.
    world.patch(&ada, json!({"external_id": null})).await.is(200);
    assert!(found("crm-1").await.is_empty());
    world.patch(&grace, json!({"external_id": "crm-1"})).await.is(200);
    assert_eq!(found("crm-1").await, [id(&grace)]);
    assert!(found("crm-2").await.is_empty());
}

async fn a_new_thing_may_bring_its_own_id(world: World) {
    let own = "cnd_01k9ze3n8qfq7s5b1x5n0v3gk2";
    let body = json!({"name": "Ada", "time_zone": "UTC", "subject": own, "id": "evt_01k9ze3n8qfq7s5b1x5n0v3gk2"});
    let first = world.post("/v1/candidates", body.clone()).await;
    assert_eq!(first.is(201).header("location"), format!("/v1/candidates/{own}"));
    let again = world.post("/v1/candidates", body).await;
    assert_eq!(again.is(201).json, first.json, "the same fact again is the same answer");
    let other = json!({"name": "Ada", "time_zone": "UTC", "subject": own});
    world.post("/v1/candidates", other).await.refuses(409, "id_taken");
    let wrong = json!({"name": "Ada", "time_zone": "UTC", "subject": "app_01k9ze3n8qfq7s5b1x5n0v3gk2"});
    world
        .post("/v1/candidates", wrong)
        .await
        .refuses(422, "invalid")
        .names("/subject");
    let read_only = json!({"name": "Ada", "time_zone": "UTC", "version": 1});
    world
        .post("/v1/candidates", read_only)
        .await
        .refuses(422, "invalid")
        .names("/version");
}

async fn an_application_is_revised(world: World) {
    let ada = world
        .makes("/v1/candidates", json!({"name": "Ada", "time_zone": "UTC"}))
        .await;
    let body = json!({"organisation": {"name": "Acme", "size": "small", "website": "https://acme.example"}, "position": "Engineer",
        "posting_url": "https://acme.example/jobs/1", "applied_on": "2026-02-20", "source": "A friend"});
    let acme = world.makes(&format!("{ada}/applications"), body.clone()).await;
    let seen = world.sees(&acme).await;
    assert!(
        body.as_object()
            .unwrap()
            .iter()
            .all(|(field, value)| seen[field] == *value),
        "{seen}"
    );
    assert_eq!(seen["status"], "opened");
    world
        .patch(&acme, json!({"position": "Lead", "source": null}))
        .await
        .is(200);
    let seen = world.sees(&acme).await;
    assert_eq!(
        (&seen["position"], &seen["source"], &seen["applied_on"]),
        (&json!("Lead"), &Value::Null, &json!("2026-02-20"))
    );
    assert_eq!(world.lists(&format!("{ada}/applications")).await, [seen]);
}
