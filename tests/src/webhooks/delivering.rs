//! What a webhook hears when all goes well, and what it does not hear.

use serde_json::{Value, json};

use super::{Receiver, Reply, Stage, ids, told};
use crate::{
    client::id,
    harness::World,
    scenes::{applies, registers},
    stories,
};

stories![
    a_webhook_hears_of_facts_signed_and_in_order,
    a_thin_webhook_hears_ids_alone,
    a_webhook_hears_of_its_types_and_group_alone,
    what_is_candid_goes_where_the_key_may_read_it,
    an_erased_fact_is_not_told,
    what_was_told_is_told_again_when_asked,
    two_secrets_sign_while_one_is_rolled,
];

async fn a_webhook_hears_of_facts_signed_and_in_order(world: World) {
    let stage = Stage::new(world).await;
    let receiver = Receiver::new().await;
    let (webhook, secret) = stage.told(&receiver, json!({"payload": "full"})).await;
    stage.round().await;
    assert!(receiver.heard().is_empty(), "what was before is not told");
    let mut facts = Vec::new();
    for nth in 0..150 {
        facts.push(stage.asks_for(&format!("document {nth}")).await);
    }
    assert_eq!(stage.hooks.sees(&webhook).await["behind"], 150);
    assert_eq!(stage.round().await, None);
    let heard = receiver.heard();
    assert_eq!(ids(&heard), told(&facts));
    for (message, fact) in heard.iter().zip(&facts) {
        assert_eq!(message.headers["content-type"], "application/cloudevents+json");
        assert_eq!(message.headers["webhook-id"], fact["id"]);
        assert!(message.headers["user-agent"].starts_with("Afterword/"));
        assert!(message.is_signed_with(&secret));
        assert_eq!(message.signatures().len(), 1);
        assert_eq!(message.json["specversion"], "1.0");
        assert_eq!(&message.json["data"], fact);
    }
    assert_eq!(stage.hooks.sees(&webhook).await["behind"], 0);
    let deliveries = stage.deliveries(&webhook, "").await;
    assert_eq!(deliveries.len(), 150);
    for (delivery, fact) in deliveries.iter().zip(&facts) {
        assert_eq!(delivery["event"], fact["id"]);
        assert_eq!(
            (&delivery["state"], &delivery["attempts"], &delivery["status"]),
            (&json!("delivered"), &json!(1), &json!(204))
        );
    }
    // Taken away, it hears no more.
    stage.hooks.delete(&webhook).await.is(200);
    stage.asks_for("references").await;
    stage.round().await;
    assert!(receiver.heard().is_empty());
    stage.hooks.get(&webhook).await.refuses(404, "not_found");
}

async fn a_thin_webhook_hears_ids_alone(world: World) {
    let stage = Stage::new(world).await;
    let receiver = Receiver::new().await;
    let (webhook, _) = stage.told(&receiver, json!({})).await;
    let fact = stage.asks_for("SECRET").await;
    let grace = registers(&stage, "Grace Hopper").await;
    stage.round().await;
    let heard = receiver.heard();
    assert_eq!(heard.len(), 2);
    for message in &heard {
        let text = String::from_utf8_lossy(&message.raw);
        assert!(!text.contains("SECRET") && !text.contains("Grace"), "{text}");
    }
    let message = &heard.iter().find(|it| it.event() == fact["id"]).expect("told").json;
    for (attribute, field) in [
        ("application", "application"),
        ("subject", "subject"),
        ("time", "occurred_at"),
    ] {
        assert_eq!(message[attribute], fact[field]);
    }
    assert!(heard.iter().any(|it| it.candidate() == id(&grace)));
    let listed = json!(stage.deliveries(&webhook, "").await).to_string();
    assert!(!listed.contains("SECRET") && !listed.contains("Grace"));
}

async fn a_webhook_hears_of_its_types_and_group_alone(world: World) {
    let stage = Stage::new(world).await;
    let (by_type, by_group) = (Receiver::new().await, Receiver::new().await);
    stage
        .told(&by_type, json!({"types": ["DocumentRequested", "InterviewHeld"]}))
        .await;
    stage.told(&by_group, json!({"group": "spring"})).await;
    let member = json!({"name": "Grace Hopper", "time_zone": "UTC", "groups": ["spring"]});
    let grace = stage.makes("/v1/candidates", member).await;
    let firm = applies(&stage, &grace, "Bolt").await;
    let asked = stage.asks_for("references").await;
    stage
        .records(&format!("{firm}/status-enquiries"), json!({"channel": "phone"}))
        .await;
    stage.round().await;
    assert_eq!(ids(&by_type.heard()), [asked["id"].as_str().unwrap()]);
    let heard = by_group.heard();
    assert_eq!(heard.len(), 3);
    assert!(heard.iter().all(|it| it.candidate() == id(&grace)));
    // Whoever was told of somebody is told to forget them.
    stage.delete(&grace).await.is(200);
    stage.delete(&stage.scene.ada).await.is(200);
    stage.round().await;
    let heard = by_group.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(
        (heard[0].candidate(), &heard[0].json["type"]),
        (id(&grace), &json!("CandidateErased"))
    );
}

async fn what_is_candid_goes_where_the_key_may_read_it(world: World) {
    let mut stage = Stage::new(world).await;
    stage.scene.interview = stage
        .schedules("2026-03-02T09:30:00+01:00", "2026-03-02T10:00:00+01:00", &[])
        .await;
    stage.at("2026-03-02T10:10:00+01:00");
    stage
        .records(
            &format!("{}/held", stage.interview),
            json!({"ended_at": "2026-03-02T10:00:00+01:00"}),
        )
        .await;
    let (open, closed, turned) = (Receiver::new().await, Receiver::new().await, Receiver::new().await);
    let full = json!({"payload": "full", "types": ["QuestionRecorded"]});
    stage.told(&open, full.clone()).await;
    let (to_turn, _) = stage.told(&turned, full.clone()).await;
    let manager = stage.client("webhooks:manage", None, None).await;
    let manager = stage.hooks.with_key(manager.key());
    let mut body = full;
    body["url"] = json!(closed.url);
    manager.post("/v1/webhooks", body).await.is(201);
    // Whoever may not read it may not have it sent elsewhere.
    let elsewhere = json!({"url": turned.url.replace("hook", "other")});
    manager.patch(&to_turn, elsewhere).await.is(200);
    let question = json!({"question": "Why?", "category": "other", "answer": "SECRET", "reception": "well"});
    stage.records(&format!("{}/questions", stage.interview), question).await;
    stage.round().await;
    let text = |receiver: &Receiver| {
        let heard = receiver.heard();
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].json["data"]["data"]["question"], "Why?");
        heard[0].json.to_string()
    };
    assert!(text(&open).contains("SECRET"));
    assert!(!text(&closed).contains("SECRET"));
    assert!(!text(&turned).contains("SECRET"));
}

async fn an_erased_fact_is_not_told(world: World) {
    let stage = Stage::new(world).await;
    let (all, some) = (Receiver::new().await, Receiver::new().await);
    for receiver in [&all, &some] {
        receiver.answers(|_| Reply::Status(500));
    }
    stage.told(&all, json!({"payload": "full"})).await;
    let (narrow, _) = stage
        .told(&some, json!({"payload": "full", "types": ["DocumentRequested"]}))
        .await;
    stage.asks_for("SECRET").await;
    stage.round().await;
    assert!(all.heard()[0].json.to_string().contains("SECRET"));
    some.heard();
    stage.delete(&stage.ada).await.is(200);
    for receiver in [&all, &some] {
        receiver.answers(|_| Reply::Status(200));
    }
    stage.passes(10);
    stage.round().await;
    let heard = all.heard();
    let kinds: Vec<&str> = heard.iter().map(super::Message::kind).collect();
    assert_eq!(kinds, ["FactErased", "CandidateErased"]);
    assert_eq!(heard[0].json["data"]["data"], Value::Null);
    // Who did not ask for erased facts hears nothing, and nothing is held back for it.
    assert!(some.heard().is_empty());
    assert_eq!(stage.deliveries(&narrow, "").await[0]["state"], "skipped");
}

async fn what_was_told_is_told_again_when_asked(world: World) {
    let stage = Stage::new(world).await;
    let receiver = Receiver::new().await;
    let (webhook, _) = stage.told(&receiver, json!({"types": ["DocumentRequested"]})).await;
    let first = stage.asks_for("first").await;
    stage.passes(3600);
    let since = stage.clock.now();
    let second = stage.asks_for("second").await;
    stage.passes(3600);
    let third = stage.asks_for("third").await;
    stage.round().await;
    let all = [first.clone(), second.clone(), third.clone()];
    assert_eq!(ids(&receiver.heard()), told(&all));
    // One by one.
    let deliveries = stage.deliveries(&webhook, "").await;
    let path = format!(
        "{webhook}/deliveries/{}/redelivered",
        deliveries[0]["id"].as_str().unwrap()
    );
    let again = stage.hooks.post(&path, json!({})).await;
    assert_eq!(
        (&again.is(200)["state"], &again["attempts"]),
        (&json!("pending"), &json!(0))
    );
    stage.round().await;
    assert_eq!(ids(&receiver.heard()), told(&all[..1]));
    // All since a moment, in order.
    let back = stage
        .hooks
        .post(&format!("{webhook}/redeliveries"), json!({"since": since.to_string()}))
        .await;
    assert_eq!(back.is(200)["behind"], 2);
    stage.round().await;
    assert_eq!(ids(&receiver.heard()), told(&all[1..]));
    // Twice asked under one name is once done.
    let named = async || {
        let request = stage.hooks.request(reqwest::Method::POST, &path);
        stage.hooks.send(request.header("Idempotency-Key", "again")).await
    };
    named().await.is(200);
    stage.round().await;
    assert_eq!(named().await.is(200).header("idempotency-replayed"), "true");
    stage.round().await;
    assert_eq!(receiver.heard().len(), 1);
    for (path, body, name) in [
        ("redeliveries", json!({}), "/since"),
        ("redeliveries", json!({"since": "yesterday"}), "/since"),
    ] {
        stage
            .hooks
            .post(&format!("{webhook}/{path}"), body)
            .await
            .refuses(422, "invalid")
            .names(name);
    }
    stage
        .hooks
        .post(
            &format!("{webhook}/deliveries/dlv_01k9ze3n8qfq7s5b1x5n0v3gk2/redelivered"),
            json!({}),
        )
        .await
        .refuses(404, "not_found");
}

async fn two_secrets_sign_while_one_is_rolled(world: World) {
    let stage = Stage::new(world).await;
    let receiver = Receiver::new().await;
    let (webhook, old) = stage.told(&receiver, json!({})).await;
    let rolled = stage
        .hooks
        .post(&format!("{webhook}/secret/rolled"), json!({"overlap": "PT1H"}))
        .await;
    let new = rolled.is(201)["secret"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    stage.asks_for("references").await;
    stage.round().await;
    let heard = receiver.heard();
    assert_eq!(heard[0].signatures().len(), 2);
    assert!(heard[0].is_signed_with(&old) && heard[0].is_signed_with(&new));
    stage.passes(3601);
    stage.asks_for("diploma").await;
    stage.round().await;
    let heard = receiver.heard();
    assert_eq!(heard[0].signatures().len(), 1);
    assert!(heard[0].is_signed_with(&new));
    // Sent twice under one name, it is rolled once, and the secret is not shown again.
    let named = async || {
        let request = stage
            .hooks
            .request(reqwest::Method::POST, &format!("{webhook}/secret/rolled"));
        stage.hooks.send(request.header("Idempotency-Key", "roll")).await
    };
    let newest = named().await.is(201)["secret"].as_str().unwrap().to_owned();
    assert_eq!(named().await.is(201)["secret"], Value::Null);
    stage.asks_for("diploma").await;
    stage.round().await;
    let heard = receiver.heard();
    assert!(heard[0].is_signed_with(&newest) && heard[0].is_signed_with(&new));
    assert_eq!(heard[0].signatures().len(), 2);
    stage
        .hooks
        .post(&format!("{webhook}/secret/rolled"), json!({"overlap": "PT721H"}))
        .await
        .refuses(422, "invalid")
        .names("/overlap");
}
