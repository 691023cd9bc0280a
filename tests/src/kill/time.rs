//! Killed over and over while it announces what has come due, the service announces everything, and once.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::process::{Process, first, verifies};
use crate::{
    client::{Client, id},
    harness::{Kind, options},
    scenes::{applies, registers},
};

/// Many candidates to whom something is to be announced, and a service that is killed over and over while it does.
async fn killed_while_time_passes(kind: Kind) {
    const MANY: usize = 60;
    let Some(store) = options(kind).await else { return };
    let (mut process, mut address, key) = first(&store);
    let mut client = Client::new(address, key.clone());
    let mut candidates = BTreeSet::new();
    for nth in 1..=MANY {
        let candidate = registers(&client, &format!("Candidate {nth}")).await;
        let acme = applies(&client, &candidate, "Acme").await;
        // Nobody writes after this; what follows from it is the worker's.
        let long_ago = json!({"starts_at": "2026-03-02T14:00:00+01:00", "ends_at": "2026-03-02T15:00:00+01:00",
            "time_zone": "Europe/Berlin", "format": "onsite"});
        client.makes(&format!("{acme}/interviews"), long_ago).await;
        candidates.insert(id(&candidate).to_owned());
        if nth % 20 == 0 {
            process.kill();
            process = Process::start(&store);
            (address, _) = process.listening();
            client = Client::new(address, key.clone());
        }
    }
    let began = Instant::now();
    loop {
        let facts = client.lists_feed().await;
        let of_interviews =
            |fact: &&Value| fact["type"] == "TaskOverdue" && fact["tasks"]["changed"][0]["play"] == "record_interview";
        let overdue: Vec<_> = facts.iter().filter(of_interviews).collect();
        let of: BTreeSet<_> = overdue
            .iter()
            .filter_map(|fact| fact["candidate"].as_str().map(ToOwned::to_owned))
            .collect();
        assert_eq!(overdue.len(), of.len(), "announced once");
        if of == candidates {
            break;
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{} of {MANY} were announced",
            of.len()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    drop(process);
    verifies(&store);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_while_time_passes_it_announces_everything_once_on_sqlite() {
    killed_while_time_passes(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_while_time_passes_it_announces_everything_once_on_postgres() {
    killed_while_time_passes(Kind::Postgres).await;
}
