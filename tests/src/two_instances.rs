//! Two instances on one PostgreSQL database, each with a store of its own, write about the same candidates at once:
//! nothing is lost, nothing is doubled, and what one wrote the other shows at once.

use std::collections::{BTreeMap, BTreeSet};

use afterword::{app::Options, edge::clock::Clock, service::Service};
use afterword_domain::ids::EventId;
use afterword_store::{FeedQuery, Told};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::{
    client::{Client, id},
    harness::{Kind, World, behind, open, options, serve, verify},
    scenes::{applies, registers},
};

const CANDIDATES: usize = 5;
const WRITERS: usize = 24;
const EACH: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_instances_lose_and_double_nothing() {
    let Some(options) = options(Kind::Postgres).await else {
        return;
    };
    let (store, second) = (open(options.clone()).await, open(options.clone()).await);
    let world = World::new(Kind::Postgres, options, store.clone(), Clock::system()).await;
    let base = serve(Service::new(second.clone(), Clock::system()), Options::default());
    let instances = [(*world).clone(), Client::new(base, world.key().to_owned())];

    let mut applications = Vec::new();
    for nth in 0..CANDIDATES {
        let candidate = registers(&instances[nth % 2], &format!("Candidate {nth}")).await;
        // What one wrote the other shows at once, and builds on.
        applications.push(applies(&instances[(nth + 1) % 2], &candidate, "Acme").await);
        instances[nth % 2].get(&applications[nth]).await.is(200);
    }
    let doomed = registers(&instances[0], "Doomed").await;
    let doomed_application = applies(&instances[1], &doomed, "Acme").await;

    let writers = (0..WRITERS).map(|nth| {
        let (one, other) = (instances[nth % 2].clone(), instances[(nth + 1) % 2].clone());
        let path = format!("{}/document-requests", applications[nth % CANDIDATES]);
        behind(async move {
            let mut recorded = Vec::new();
            for each in 0..EACH {
                let document = json!(format!("{nth}/{each}"));
                let event = match each % 3 {
                    // Sent to both at once under one name.
                    0 => {
                        let named = |client: &Client| {
                            let request = client
                                .request(Method::POST, &path)
                                .header("Idempotency-Key", format!("{nth}-{each}"));
                            let (request, client) = (request.json(&json!({"document": document})), client.clone());
                            async move { client.send(request).await }
                        };
                        let (here, there) = tokio::join!(named(&one), named(&other));
                        assert_eq!(here.is(201).body, there.is(201).body);
                        here["event"]["id"].clone()
                    }
                    // Sent to both at once with the same id.
                    1 => {
                        let event = EventId::new(Uuid::now_v7()).to_string();
                        let body = json!({"id": event, "document": document});
                        let (here, there) = tokio::join!(one.post(&path, body.clone()), other.post(&path, body));
                        assert_eq!(here.is(201)["event"]["version"], there.is(201)["event"]["version"]);
                        json!(event)
                    }
                    _ => one.records(&path, json!({"document": document})).await["event"]["id"].clone(),
                };
                let event = event.as_str().expect("an id").to_owned();
                let candidate = path.split("/applications").next().expect("the candidate").to_owned();
                assert_eq!(
                    other.sees(&format!("{candidate}/events/{event}")).await["data"]["document"],
                    document
                );
                recorded.push(event);
            }
            recorded
        })
    });
    let erasing = {
        let clients = instances.clone();
        let (doomed, path) = (doomed.clone(), format!("{doomed_application}/document-requests"));
        behind(async move {
            for nth in 0..8 {
                clients[nth % 2].records(&path, json!({"document": "references"})).await;
            }
            let late = clients[1].post(&path, json!({"document": "late"}));
            let (erased, late) = tokio::join!(clients[0].delete(&doomed), late);
            erased.is(200);
            assert!([201, 409].contains(&late.status), "{late}");
            for client in &clients {
                client.get(&doomed).await.refuses(410, "candidate_erased");
                client
                    .post(&path, json!({"document": "too late"}))
                    .await
                    .refuses(409, "candidate_erased");
            }
        })
    };
    let mut recorded = Vec::new();
    for writer in join_all(writers).await {
        recorded.extend(writer.expect("written"));
    }
    erasing.await.expect("erased");

    assert_eq!(recorded.len(), WRITERS * EACH);
    let facts = instances[0].lists_feed().await;
    assert_eq!(facts, instances[1].lists_feed().await);
    let told: Vec<&str> = facts
        .iter()
        .filter(|fact| fact["type"] == "DocumentRequested")
        .map(|fact| fact["id"].as_str().unwrap())
        .collect();
    assert_eq!(told.len(), recorded.len(), "lost or doubled");
    assert_eq!(
        told.iter().copied().collect::<BTreeSet<_>>(),
        recorded.iter().map(String::as_str).collect()
    );
    let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
    for fact in &facts {
        let version = versions.entry(fact["candidate"].as_str().unwrap()).or_default();
        *version += 1;
        assert_eq!(fact["version"].as_u64(), Some(*version), "{fact}");
    }
    assert_eq!(versions.len(), CANDIDATES + 1);
    let tenant = world.tenant;
    let query = FeedQuery {
        limit: 100_000,
        ..FeedQuery::default()
    };
    let rows = behind(async move { second.feed(tenant, query).await })
        .await
        .expect("done")
        .expect("the log");
    assert!(
        rows.iter().zip(1..).all(|(row, position)| row.position == position),
        "positions have a gap"
    );
    assert_eq!(rows.len(), facts.len());
    for application in &applications {
        let candidate = application.split("/applications").next().unwrap();
        let tasks: Vec<_> = instances[0]
            .lists_all(&format!("/v1/tasks?candidate={}&limit=100", id(candidate)))
            .await;
        assert_eq!(
            instances[1]
                .lists_all(&format!("{candidate}/tasks?limit=100"))
                .await
                .len(),
            tasks.len()
        );
    }
    assert_eq!(verify(&store, tenant).await, Vec::<Told>::new());
}
