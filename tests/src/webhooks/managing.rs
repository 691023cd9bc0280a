//! Making, listing, changing and trying webhooks, whose they are, and what they cannot be.

use afterword_domain::{catalogue::AnyFact, ids::CandidateId};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Receiver, Reply, Stage};
use crate::{
    client::id,
    harness::World,
    scenes::{Scene, registers},
    stories,
};

stories![
    a_webhook_is_made_listed_changed_and_taken_away,
    a_secret_is_shown_once,
    a_sample_is_sent_and_answered_for,
    there_is_a_sample_per_type,
    a_bound_key_has_webhooks_of_its_own_alone,
    what_a_key_of_the_whole_tenant_tells_of_a_group_is_not_the_groups,
    tenants_do_not_see_one_anothers_webhooks,
    addresses_that_are_not_public_are_refused,
    what_a_webhook_cannot_be,
];

const PUBLIC: &str = "https://hooks.example.com/afterword";

async fn a_webhook_is_made_listed_changed_and_taken_away(world: World) {
    let made = world
        .post(
            "/v1/webhooks",
            json!({"url": PUBLIC, "types": ["NoteSent", "NoteSent", "InterviewHeld"], "group": "spring"}),
        )
        .await;
    let webhook = made.is(201).header("location").to_owned();
    assert!(made["id"].as_str().unwrap().starts_with("whk_"));
    let mut expected = json!({
        "id": made["id"], "url": PUBLIC, "types": ["NoteSent", "InterviewHeld"], "group": "spring", "candidate": null,
        "payload": "thin", "state": "enabled", "disabled_reason": null, "failing_since": null, "behind": 0,
        "created_at": made["created_at"], "made_by": world.lists("/v1/keys").await[0]["id"],
    });
    assert_eq!(world.sees(&webhook).await, expected);
    let other = world
        .post("/v1/webhooks", json!({"url": format!("{PUBLIC}/2"), "payload": "full"}))
        .await;
    other.is(201);
    assert_eq!(world.lists("/v1/webhooks").await.len(), 2);
    // As REST-hook platforms look for what they have made.
    let found = world.lists(&format!("/v1/webhooks?url={PUBLIC}")).await;
    assert_eq!(found, [expected.clone()]);
    assert!(
        world
            .lists("/v1/webhooks?url=https://elsewhere.example/")
            .await
            .is_empty()
    );
    let page = world.sees("/v1/webhooks?limit=1").await;
    let rest = world
        .sees(&format!(
            "/v1/webhooks?limit=1&cursor={}",
            page["next_cursor"].as_str().unwrap()
        ))
        .await;
    assert_eq!(
        (&page["data"][0]["id"], &rest["data"][0]["id"]),
        (&made["id"], &other["id"])
    );
    assert_eq!(rest["next_cursor"], Value::Null);
    let tag = world.get(&webhook).await.header("etag").to_owned();
    let request = world.request(Method::GET, &webhook).header("If-None-Match", tag);
    world.send(request).await.is(304);
    // Changed in part; `null` clears.
    let changed = world
        .patch(
            &webhook,
            json!({"types": null, "group": null, "payload": "full", "state": "disabled"}),
        )
        .await;
    expected["types"] = Value::Null;
    expected["group"] = Value::Null;
    expected["payload"] = json!("full");
    expected["state"] = json!("disabled");
    expected["disabled_reason"] = json!("by_request");
    assert_eq!(changed.is(200).json, expected);
    world
        .patch(&webhook, json!({"url": format!("{PUBLIC}/3"), "state": "enabled"}))
        .await
        .is(200);
    assert_eq!(world.sees(&webhook).await["disabled_reason"], Value::Null);
    assert_eq!(world.lists(&format!("/v1/webhooks?url={PUBLIC}/3")).await.len(), 1);
    assert!(world.lists(&format!("/v1/webhooks?url={PUBLIC}")).await.is_empty());
    assert_eq!(world.delete(&webhook).await.is(200)["id"], made["id"]);
    world.get(&webhook).await.refuses(404, "not_found");
    world.delete(&webhook).await.refuses(404, "not_found");
    assert_eq!(world.lists("/v1/webhooks").await.len(), 1);
}

async fn a_secret_is_shown_once(world: World) {
    let make = async |key: &str| {
        let request = world
            .request(Method::POST, "/v1/webhooks")
            .header("Idempotency-Key", key.to_owned());
        world.send(request.json(&json!({"url": PUBLIC}))).await
    };
    let made = make("once").await;
    let secret = made.is(201)["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 6 + 44);
    let again = make("once").await;
    assert_eq!(again.is(201).header("idempotency-replayed"), "true");
    assert_eq!((&again["id"], &again["secret"]), (&made["id"], &Value::Null));
    assert_eq!(again.header("location"), made.header("location"));
    assert_eq!(world.lists("/v1/webhooks").await.len(), 1);
    let path = made.header("location");
    assert_eq!(world.sees(path).await["secret"], Value::Null);
    assert_ne!(make("twice").await.is(201)["secret"], json!(secret));
    // Taking away under one name answers the same again.
    let delete = async || {
        let request = world.request(Method::DELETE, path).header("Idempotency-Key", "away");
        world.send(request).await
    };
    delete().await.is(200);
    assert_eq!(delete().await.is(200).header("idempotency-replayed"), "true");
}

async fn a_sample_is_sent_and_answered_for(world: World) {
    let stage = Stage::new(world).await;
    let receiver = Receiver::new().await;
    let (webhook, secret) = stage
        .told(
            &receiver,
            json!({"payload": "full", "types": ["OfferReceived", "NoteSent"]}),
        )
        .await;
    let test = async |body: Value| stage.hooks.post(&format!("{webhook}/test"), body).await;
    let tested = test(json!({})).await;
    assert_eq!(
        (&tested.is(200)["delivered"], &tested["status"]),
        (&json!(true), &json!(204))
    );
    let heard = receiver.heard();
    assert_eq!(
        (heard[0].kind(), heard[0].event()),
        ("OfferReceived", tested["event"].as_str().unwrap())
    );
    assert!(heard[0].is_signed_with(&secret));
    assert_eq!(heard[0].json["sample"], true);
    test(json!({"type": "InterviewHeld"})).await.is(200);
    assert_eq!(receiver.heard()[0].kind(), "InterviewHeld");
    receiver.answers(|_| Reply::Status(500));
    let tested = test(json!({})).await;
    assert_eq!(
        (&tested.is(200)["delivered"], &tested["status"]),
        (&json!(false), &json!(500))
    );
    stage
        .hooks
        .patch(&webhook, json!({"url": "http://127.0.0.1:1/"}))
        .await
        .is(200);
    let tested = test(json!({})).await;
    assert_eq!(
        (&tested.is(200)["status"], &tested["error"]),
        (&Value::Null, &json!("connection"))
    );
    // Nothing else has become of it.
    assert!(stage.deliveries(&webhook, "").await.is_empty());
    assert_eq!(stage.hooks.sees(&webhook).await["failing_since"], Value::Null);
    test(json!({"type": "Nonsense"}))
        .await
        .refuses(422, "invalid")
        .names("/type");
    // An instance that may not reach private networks says so.
    let tested = stage.post(&format!("{webhook}/test"), json!({})).await;
    assert_eq!(tested.is(200)["error"], "not_permitted");
}

async fn there_is_a_sample_per_type(world: World) {
    let page = world.sees("/v1/webhooks/samples").await;
    let samples = page["data"].as_array().unwrap();
    assert_eq!(samples.len(), AnyFact::KINDS.len());
    for sample in samples {
        assert_eq!(sample["sample"], true);
        assert_eq!(sample["data"]["type"], sample["type"]);
    }
}

async fn a_bound_key_has_webhooks_of_its_own_alone(world: World) {
    let scene = Scene::applied(world).await;
    let grace = registers(&scene, "Grace Hopper").await;
    let everybody = scene.post("/v1/webhooks", json!({"url": PUBLIC})).await;
    let everybody = everybody.is(201).header("location");
    let uuid = |path: &str| id(path).parse::<CandidateId>().unwrap().uuid();
    let ada = scene.client("webhooks:manage", Some(uuid(&scene.ada)), None).await;
    let other = scene.client("webhooks:manage", Some(uuid(&grace)), None).await;
    let coach = scene.client("webhooks:manage", None, Some("spring")).await;
    let of_ada = ada.post("/v1/webhooks", json!({"url": PUBLIC})).await;
    assert_eq!(of_ada.is(201)["candidate"], id(&scene.ada));
    let of_group = coach.post("/v1/webhooks", json!({"url": PUBLIC})).await;
    assert_eq!(of_group.is(201)["group"], "spring");
    coach
        .post("/v1/webhooks", json!({"url": PUBLIC, "group": "autumn"}))
        .await
        .refuses(422, "invalid")
        .names("/group");
    coach
        .patch(of_group.header("location"), json!({"group": "autumn"}))
        .await
        .refuses(422, "invalid")
        .names("/group");
    let cleared = coach.patch(of_group.header("location"), json!({"group": null})).await;
    assert_eq!(cleared.is(200)["group"], "spring", "it hears of no others");
    assert_eq!(scene.lists("/v1/webhooks").await.len(), 3);
    for key in [&ada, &coach] {
        assert_eq!(key.lists("/v1/webhooks").await.len(), 1);
    }
    assert!(other.lists("/v1/webhooks").await.is_empty());
    for path in [everybody, of_ada.header("location"), of_group.header("location")] {
        other.get(path).await.refuses(404, "not_found");
        other
            .patch(path, json!({"state": "disabled"}))
            .await
            .refuses(404, "not_found");
        other.delete(path).await.refuses(404, "not_found");
        other.get(&format!("{path}/deliveries")).await.refuses(404, "not_found");
        for action in ["test", "secret/rolled"] {
            other
                .post(&format!("{path}/{action}"), json!({}))
                .await
                .refuses(404, "not_found");
        }
    }
    let reader = scene.client("candidates:read events:read", None, None).await;
    reader.get("/v1/webhooks").await.refuses(403, "insufficient_scope");
    reader
        .post("/v1/webhooks", json!({"url": PUBLIC}))
        .await
        .refuses(403, "insufficient_scope");
}

async fn what_a_key_of_the_whole_tenant_tells_of_a_group_is_not_the_groups(world: World) {
    let coach = world.client("webhooks:manage", None, Some("spring")).await;
    let of_crm = world
        .post("/v1/webhooks", json!({"url": PUBLIC, "group": "spring"}))
        .await;
    let of_coach = coach.post("/v1/webhooks", json!({"url": PUBLIC})).await;
    let (of_crm, of_coach) = (
        of_crm.is(201).header("location").to_owned(),
        of_coach.is(201).header("location").to_owned(),
    );
    assert_eq!(coach.lists("/v1/webhooks").await.len(), 1);
    let makers: Vec<Value> = world
        .lists("/v1/webhooks")
        .await
        .iter()
        .map(|it| it["made_by"].clone())
        .collect();
    let keys = world.lists("/v1/keys").await;
    let is_known = |maker: &Value| keys.iter().any(|key| key["id"] == *maker);
    assert!(makers.iter().all(is_known) && makers[0] != makers[1], "{makers:?}");
    let not_the_coachs = async |path: &str| {
        for part in ["", "/deliveries"] {
            coach.get(&format!("{path}{part}")).await.refuses(404, "not_found");
        }
        for action in ["test", "secret/rolled"] {
            let path = format!("{path}/{action}");
            coach.post(&path, json!({})).await.refuses(404, "not_found");
        }
        coach
            .patch(path, json!({"url": PUBLIC}))
            .await
            .refuses(404, "not_found");
        coach.delete(path).await.refuses(404, "not_found");
    };
    not_the_coachs(&of_crm).await;
    coach.get(&of_coach).await.is(200);
    // What it was told of others before is not for the keys of the group that it is led to.
    world.patch(&of_coach, json!({"group": "spring"})).await.is(200);
    not_the_coachs(&of_coach).await;
}

async fn tenants_do_not_see_one_anothers_webhooks(world: World) {
    let other = world.neighbour().await;
    let made = world.post("/v1/webhooks", json!({"url": PUBLIC})).await;
    let path = made.is(201).header("location");
    assert!(other.lists("/v1/webhooks").await.is_empty());
    let since = json!({"since": "2026-03-02T09:00:00Z"});
    for answer in [
        other.get(path).await,
        other.get(&format!("{path}/deliveries")).await,
        other.patch(path, json!({"state": "disabled"})).await,
        other.delete(path).await,
        other.post(&format!("{path}/test"), json!({})).await,
        other.post(&format!("{path}/secret/rolled"), json!({})).await,
        other.post(&format!("{path}/redeliveries"), since).await,
        other
            .post(
                &format!("{path}/deliveries/dlv_01k9ze3n8qfq7s5b1x5n0v3gk2/redelivered"),
                json!({}),
            )
            .await,
    ] {
        answer.refuses(404, "not_found");
    }
    assert_eq!(world.sees(path).await["state"], "enabled");
}

async fn addresses_that_are_not_public_are_refused(world: World) {
    for url in [
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00:ec2::254]/",
        "https://user:pass@hooks.example.com/",
        "ftp://hooks.example.com/",
        "hooks.example.com",
        "",
        &format!("https://hooks.example.com/{}", "x".repeat(2048)),
    ] {
        let refused = world.post("/v1/webhooks", json!({"url": url})).await;
        refused.refuses(422, "invalid").names("/url");
    }
    let made = world.post("/v1/webhooks", json!({"url": PUBLIC})).await;
    world
        .patch(made.is(201).header("location"), json!({"url": "https://127.0.0.1/"}))
        .await
        .refuses(422, "invalid")
        .names("/url");
    assert_eq!(world.lists("/v1/webhooks").await.len(), 1);
}

async fn what_a_webhook_cannot_be(world: World) {
    for (body, name) in [
        (json!({}), "/url"),
        (json!({"url": 7}), "/url"),
        (json!({"url": PUBLIC, "types": []}), "/types"),
        (
            json!({"url": PUBLIC, "types": ["InterviewHeld", "Nonsense"]}),
            "/types/1",
        ),
        (json!({"url": PUBLIC, "types": "InterviewHeld"}), "/types"),
        (json!({"url": PUBLIC, "payload": "fat"}), "/payload"),
        (json!({"url": PUBLIC, "group": ""}), "/group"),
        (json!({"url": PUBLIC, "state": "disabled"}), "/state"),
        (json!({"url": PUBLIC, "secret": "whsec_x"}), "/secret"),
    ] {
        world
            .post("/v1/webhooks", body)
            .await
            .refuses(422, "invalid")
            .names(name);
    }
    let made = world.post("/v1/webhooks", json!({"url": PUBLIC})).await;
    let path = made.is(201).header("location");
    for (body, name) in [
        (json!({"url": null}), "/url"),
        (json!({"state": "paused"}), "/state"),
        (json!({"state": null}), "/state"),
        (json!({"types": []}), "/types"),
        (json!({"id": "whk_01k9ze3n8qfq7s5b1x5n0v3gk2"}), "/id"),
    ] {
        world.patch(path, body).await.refuses(422, "invalid").names(name);
    }
    for (query, name) in [
        ("limit=0", "?limit"),
        ("cursor=x", "?cursor"),
        ("name=x", "?name"),
        ("url=", "?url"),
    ] {
        world
            .get(&format!("/v1/webhooks?{query}"))
            .await
            .refuses(422, "invalid")
            .names(name);
    }
    for (query, name) in [
        ("state=lost", "?state"),
        ("cursor=x", "?cursor"),
        ("limit=101", "?limit"),
    ] {
        world
            .get(&format!("{path}/deliveries?{query}"))
            .await
            .refuses(422, "invalid")
            .names(name);
    }
    world.get("/v1/webhooks/whk_1").await.refuses(404, "not_found");
    world
        .get("/v1/webhooks/whk_01k9ze3n8qfq7s5b1x5n0v3gk2")
        .await
        .refuses(404, "not_found");
}
