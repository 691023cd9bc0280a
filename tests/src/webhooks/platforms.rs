//! Programs as automation platforms run them: Zapier, which subscribes and unsubscribes by itself and polls newest first
//! for what it has not seen; and n8n, which looks whether its webhook is there before it makes one, and verifies what
//! comes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Receiver, Reply, Stage};
use crate::{client::Client, harness::World, stories};

stories![a_zap_by_rest_hook, a_zap_that_polls, an_n8n_workflow];

/// <https://docs.zapier.com/platform/build/hook-trigger>: `performList` gives samples while a Zap is set up,
/// `performSubscribe` is run when it is turned on and its answer is kept, `performUnsubscribe` when it is turned off.
async fn a_zap_by_rest_hook(world: World) {
    let stage = Stage::new(world).await;
    let catch = Receiver::new().await;
    let connection = stage.client("webhooks:manage events:read", None, None).await;
    let connection = stage.hooks.with_key(connection.key());
    // Set up: a sample has the fields that will come.
    let samples = connection.sees("/v1/webhooks/samples").await;
    let of_type = |kind: &str| {
        let all = samples["data"].as_array().expect("samples");
        all.iter().find(|it| it["type"] == kind).cloned().expect("a sample")
    };
    let sample = of_type("DocumentRequested");
    // Turned on.
    let subscribe = json!({"url": catch.url, "types": ["DocumentRequested"], "payload": "full"});
    let subscription = connection.post("/v1/webhooks", subscribe).await.is(201).json.clone();
    let fact = stage.asks_for("work samples").await;
    stage.round().await;
    let heard = catch.heard();
    assert_eq!(heard.len(), 1);
    let fields = |value: &Value| {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    let mut expected = fields(&sample);
    expected.remove("sample");
    assert_eq!(fields(&heard[0].json), expected);
    assert_eq!(heard[0].json["data"]["data"]["document"], fact["data"]["document"]);
    // Turned off: by the id that the subscription gave.
    let path = format!("/v1/webhooks/{}", subscription["id"].as_str().expect("an id"));
    connection.delete(&path).await.is(200);
    stage.asks_for("references").await;
    stage.round().await;
    assert!(catch.heard().is_empty());
    // A Zap that was deleted answers 410, and is left alone from then on.
    let subscribe = json!({"url": catch.url, "types": ["DocumentRequested"]});
    let path = connection.makes("/v1/webhooks", subscribe).await;
    catch.answers(|_| Reply::Status(410));
    stage.asks_for("diploma").await;
    stage.round().await;
    assert_eq!(connection.sees(&path).await["state"], "disabled");
}

/// <https://docs.zapier.com/platform/build/deduplication>: a polling trigger answers with an array, newest first, whose
/// items have an `id`; those whose id was seen before are passed over, and those of the first poll start nothing.
async fn a_zap_that_polls(world: World) {
    let stage = Stage::new(world).await;
    let connection = stage.client("events:read", None, None).await;
    let mut seen = BTreeSet::new();
    let poll = async |client: &Client, seen: &mut BTreeSet<String>| {
        let page = client
            .sees("/v1/events?order=desc&limit=100&types=DocumentRequested,InterviewHeld")
            .await;
        let items = page["data"].as_array().expect("an array").clone();
        let fresh = items
            .into_iter()
            .filter(|it| seen.insert(it["id"].as_str().expect("an id").to_owned()));
        fresh.collect::<Vec<_>>()
    };
    stage.asks_for("before").await;
    assert_eq!(poll(&connection, &mut seen).await.len(), 1);
    assert!(poll(&connection, &mut seen).await.is_empty());
    let first = stage.asks_for("first").await;
    let second = stage.asks_for("second").await;
    assert_eq!(poll(&connection, &mut seen).await, [second, first], "newest first");
    assert!(poll(&connection, &mut seen).await.is_empty());
}

/// n8n's trigger nodes have `checkExists`, `create` and `delete`; the node keeps what `create` gave, the secret too.
async fn an_n8n_workflow(world: World) {
    let stage = Stage::new(world).await;
    let node = Receiver::new().await;
    let credentials = stage.client("webhooks:manage", None, None).await;
    let credentials = stage.hooks.with_key(credentials.key());
    let types = json!(["DocumentRequested", "TaskOverdue"]);
    let path_by_url = format!(
        "/v1/webhooks?url={}",
        node.url
            .replace(':', "%3A")
            .replace('/', "%2F")
            .replace('?', "%3F")
            .replace('=', "%3D")
    );
    let activate = async || {
        // checkExists: the same address with the same types.
        let there = credentials.lists(&path_by_url).await;
        if let Some(found) = there.iter().find(|it| it["types"] == types) {
            return (found["id"].as_str().expect("an id").to_owned(), None);
        }
        let body = json!({"url": node.url, "types": types, "payload": "full"});
        let made = credentials.post("/v1/webhooks", body).await.is(201).json.clone();
        let secret = made["secret"].as_str().map(ToOwned::to_owned);
        (made["id"].as_str().expect("an id").to_owned(), secret)
    };
    let (webhook, secret) = activate().await;
    let secret = secret.expect("shown once");
    assert_eq!(activate().await, (webhook.clone(), None), "it is there already");
    // The workflow fails at first; the message comes again, with the same id, and is verified and counted once.
    node.answers(|_| Reply::Status(500));
    let fact = stage.asks_for("work samples").await;
    stage.round().await;
    node.answers(|_| Reply::Status(200));
    stage.passes(6);
    stage.round().await;
    let heard = node.heard();
    assert_eq!(heard.len(), 2);
    assert!(heard.iter().all(|it| it.is_signed_with(&secret)));
    let executions: BTreeSet<&str> = heard.iter().map(|it| it.headers["webhook-id"].as_str()).collect();
    assert_eq!(
        executions.into_iter().collect::<Vec<_>>(),
        [fact["id"].as_str().unwrap()]
    );
    credentials.delete(&format!("/v1/webhooks/{webhook}")).await.is(200);
    assert!(credentials.lists(&path_by_url).await.is_empty());
}
