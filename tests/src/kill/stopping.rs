//! Told to stop, the service finishes what it has begun.

use std::{
    collections::BTreeSet,
    process::Command,
    time::{Duration, Instant},
};

use afterword_domain::ids::EventId;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::process::{Process, first, serve};
use crate::{
    client::Client,
    harness::{Kind, behind, options},
    scenes::{applies, registers},
};

const WRITERS: usize = 8;

/// Records facts until the service goes away; those that were acknowledged.
async fn write(client: Client, path: String) -> Vec<String> {
    let mut acknowledged = Vec::new();
    loop {
        let event = EventId::new(Uuid::now_v7()).to_string();
        let request = client
            .request(Method::POST, &path)
            .json(&json!({"id": event, "document": "references"}));
        match request.send().await {
            Ok(answer) if answer.status() == 201 => acknowledged.push(event),
            Ok(answer) if answer.status() == 503 => {}
            Ok(answer) => panic!("{answer:?}"),
            Err(_) => return acknowledged,
        }
    }
}

/// Every fact of a fact's kind in the feed, which must hold each once.
async fn recorded(client: &Client) -> BTreeSet<String> {
    let facts = client.lists_feed().await;
    let of_writers: Vec<String> = facts
        .iter()
        .filter(|fact| fact["type"] == "DocumentRequested")
        .map(|fact| fact["id"].as_str().unwrap().to_owned())
        .collect();
    let once: BTreeSet<String> = of_writers.iter().cloned().collect();
    assert_eq!(once.len(), of_writers.len(), "a fact is there twice");
    once
}

fn tells_to_stop(process: &Process) {
    let told = Command::new("kill")
        .args(["-TERM", &process.child.id().to_string()])
        .status();
    assert!(told.expect("told").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn told_to_stop_it_finishes_what_it_has_begun() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let (mut process, address, key) = first(&store);
    let client = Client::new(address, key.clone());
    let candidate = registers(&client, "Ada Lovelace").await;
    let application = applies(&client, &candidate, "Acme").await;
    let metrics = client.with_key("").get("/metrics").await;
    let text = String::from_utf8(metrics.is(200).body.clone()).expect("text");
    for name in [
        "http_requests_total",
        "http_request_seconds",
        "append_seconds",
        "append_batch_size",
        "append_queue_depth",
        "candidate_cache_total",
        "time_behind_seconds",
    ] {
        assert!(
            text.contains(&format!("afterword_{name}")),
            "no afterword_{name} in\n{text}"
        );
    }
    assert!(text.contains("afterword_pool"), "nothing of the pools in\n{text}");
    assert!(
        !text.contains("cnd_") && !text.contains("Ada"),
        "personal data in the metrics:\n{text}"
    );
    let path = format!("{application}/document-requests");
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| behind(write(client.clone(), path.clone())))
        .collect();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let at = Instant::now();
    tells_to_stop(&process);
    let mut acknowledged = BTreeSet::new();
    for writer in writers {
        acknowledged.extend(writer.await.expect("written"));
    }
    let ended = process.child.wait().expect("ended");
    assert!(
        ended.success() && at.elapsed() < Duration::from_secs(30),
        "{ended} after {:?}",
        at.elapsed()
    );
    let mut process = Process::start(&store);
    let (address, shown) = process.listening();
    assert_eq!(shown, None, "the key is shown once");
    let found = recorded(&Client::new(address, key)).await;
    assert!(acknowledged.is_subset(&found), "acknowledged facts are gone");
    assert!(!acknowledged.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn with_time_to_drain_nobody_who_looks_whether_it_is_ready_is_cut_off() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let (first, _, key) = first(&store);
    drop(first);
    let mut command = serve(&store);
    command.args(["--drain", "3"]);
    let mut process = Process::run(command);
    let client = Client::new(process.listening().0, key);
    let candidate = registers(&client, "Ada Lovelace").await;
    let ask = || json!({"organisation": {"name": "Acme"}, "position": "Engineer"});
    let path = format!("{candidate}/applications");
    let kept = client.post(&path, ask()).await;
    assert_eq!(kept.is(201).maybe_header("connection"), None);
    tells_to_stop(&process);
    let at = Instant::now();
    while client.with_key("").get("/readyz").await.status == 200 {
        assert!(
            at.elapsed() < Duration::from_secs(2),
            "it is ready although it will stop"
        );
    }
    let told = client.with_key("").get("/readyz").await;
    told.refuses(503, "overloaded").header("retry-after");
    client.with_key("").get("/healthz").await.is(200);
    for _ in 0..20 {
        let served = client.post(&path, ask()).await;
        assert_eq!(served.is(201).maybe_header("connection"), Some("close"));
    }
    assert_eq!(process.child.try_wait().expect("looked"), None, "it stays for a while");
    tells_to_stop(&process);
    let ended = process.child.wait().expect("ended");
    assert!(
        ended.success() && at.elapsed() < Duration::from_secs(3),
        "told again, it goes"
    );
}
