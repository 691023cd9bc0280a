//! The master key is changed while the service serves: no request fails, nothing is lost, and the old key opens nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};

use super::service::Place;
use crate::{
    client::Client,
    harness::{Kind, behind},
    scenes::{applies, registers},
    soak::rounds,
    webhooks::receiver::Receiver,
};

/// Writes and reads until it is told to stop; every answer must be good.
async fn uses(client: Client, application: String, stop: Arc<AtomicBool>, done: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        client
            .records(
                &format!("{application}/document-requests"),
                json!({"document": "references"}),
            )
            .await;
        let candidate = registers(&client, "Somebody New").await;
        client.get(&candidate).await.is(200);
        client.get(&application).await.is(200);
        done.fetch_add(1, Ordering::Relaxed);
    }
}

async fn the_master_key_changes_under_load(kind: Kind) {
    let Some(mut place) = Place::new(kind).await else {
        return;
    };
    let (process, client) = place.begin(false);
    let receiver = Receiver::new().await;
    let webhook = client
        .makes("/v1/webhooks", json!({"url": receiver.url, "types": ["DocumentSent"]}))
        .await;
    let ada = client
        .makes(
            "/v1/candidates",
            json!({"name": "Ada", "time_zone": "UTC", "external_id": "crm-1"}),
        )
        .await;
    let acme = applies(&client, &ada, "Acme").await;
    let mail = json!({"host": "127.0.0.1", "port": 25, "security": "none", "username": "ada", "password": "secret"});
    client
        .send(client.request(Method::PUT, "/v1/mail").json(&mail))
        .await
        .is(200);
    let named = |client: &Client| {
        let request = client.request(Method::POST, &format!("{acme}/document-requests"));
        request
            .header("Idempotency-Key", "once")
            .json(&json!({"document": "diploma"}))
    };
    let first = client.send(named(&client)).await.is(201).body.clone();
    let page = client.sees(&format!("{ada}/events?limit=1")).await["next_cursor"].clone();
    let calendar = client.post(&format!("{ada}/calendars"), json!({})).await.is(201)["url"].clone();
    let calendar = calendar.as_str().expect("an address").replace(client.base(), "");

    // A second instance, where there can be one.
    let second = (kind == Kind::Postgres).then(|| place.start());
    let other = second.as_ref().map_or_else(
        || client.clone(),
        |it| Client::new(it.address.clone(), client.key().to_owned()),
    );
    let (stop, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let load: Vec<_> = [&client, &other]
        .into_iter()
        .cycle()
        .take(4)
        .map(|client| behind(uses(client.clone(), acme.clone(), Arc::clone(&stop), Arc::clone(&done))))
        .collect();
    let old = place.folder().join("old.key");
    std::fs::copy(&place.master_key, &old).expect("copied");
    let rounds = rounds(2, 200);
    for round in 0..rounds {
        let next = place.folder().join(format!("next-{round}.key"));
        let next = next.to_str().expect("a name").to_owned();
        let before = done.load(Ordering::Relaxed);
        let told: Value = serde_json::from_str(&place.says(&["keys", "rotate-master", "--to", &next])).expect("JSON");
        assert_eq!(told["rotated"], true);
        // Asked again, as after a crash, it has nothing to do.
        let told: Value = serde_json::from_str(&place.says(&["keys", "rotate-master", "--to", &next])).expect("JSON");
        assert_eq!(told["rotated"], false);
        place.master_key = next.into();
        while done.load(Ordering::Relaxed) < before + 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for load in load {
        load.await.expect("no request failed");
    }
    for process in second.into_iter().chain([process]) {
        // One that was killed would keep the webhook for some seconds.
        process.stop();
    }

    // The old key opens nothing, and a file with both opens the store.
    let newest = std::mem::replace(&mut place.master_key, old);
    assert!(!place.does(&["verify"]), "the old key opens the store");
    let both = place.folder().join("both.key");
    let text = |file: &std::path::Path| std::fs::read_to_string(file).expect("text");
    std::fs::write(&both, text(&place.master_key) + &text(&newest)).expect("written");
    place.master_key = both;
    assert!(place.does(&["verify"]), "either key may stand in the file");
    place.master_key = newest;

    // Whatever follows from the keys is as it was.
    let process = place.start();
    let client = Client::new(process.address.clone(), client.key().to_owned());
    client.get(&acme).await.is(200);
    assert_eq!(
        client.lists("/v1/candidates?external_id=crm-1").await.len(),
        1,
        "hashes of external ids"
    );
    let again = client.send(named(&client)).await;
    assert_eq!(
        (again.is(201).header("idempotency-replayed"), &again.body),
        ("true", &first),
        "hashes of requests"
    );
    if let Some(cursor) = page.as_str() {
        client
            .get(&format!("{ada}/events?limit=1&cursor={cursor}"))
            .await
            .is(200);
    }
    assert_eq!(
        client.sees("/v1/mail").await["password_set"],
        true,
        "the mail server's settings"
    );
    client.get(&webhook).await.is(200);
    client.with_key("").get(&calendar).await.is(200);
    let asked = client
        .makes(&format!("{acme}/document-requests"), json!({"document": "letter"}))
        .await;
    client
        .records(&format!("{asked}/sent"), json!({"channel": "email"}))
        .await;
    let mut heard = Vec::new();
    for _ in 0..400 {
        heard.extend(receiver.heard());
        if !heard.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(heard.len(), 1, "the webhook's address and secret");
    process.stop();
    assert!(place.does(&["verify"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_master_key_changes_under_load_on_sqlite() {
    the_master_key_changes_under_load(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_master_key_changes_under_load_on_postgres() {
    the_master_key_changes_under_load(Kind::Postgres).await;
}
