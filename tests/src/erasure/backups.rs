//! Backups and erasure: the data's brings nobody back, the keys' brings keys back that are destroyed again, and only both
//! together undo an erasure, which is why backups of keys are gone in seven days.

use reqwest::Method;
use serde_json::json;

use super::service::Place;
use crate::{client::Client, harness::Kind, scenes::registers};

async fn is_there(client: &Client, candidate: &str) {
    assert_eq!(client.sees(candidate).await["name"], "Ada Lovelace");
}

async fn is_gone(client: &Client, candidate: &str) {
    client.get(candidate).await.refuses(410, "candidate_erased");
    client
        .patch(candidate, json!({"name": "Ada"}))
        .await
        .refuses(409, "candidate_erased");
    let feed = client.lists_feed().await;
    assert!(!json!(feed).to_string().contains("Lovelace"));
    assert!(
        client
            .lists("/v1/candidates")
            .await
            .iter()
            .all(|row| row["name"] != "Ada Lovelace")
    );
    let again = json!({"name": "Ada", "time_zone": "UTC", "subject": crate::client::id(candidate)});
    client
        .post("/v1/candidates", again)
        .await
        .refuses(409, "candidate_erased");
}

async fn backups_bring_nobody_back(kind: Kind) {
    let Some(mut place) = Place::new(kind).await else {
        return;
    };
    let (process, client) = place.begin(false);
    let empty = client.key().to_owned();
    process.stop();
    place.back_up(0, "data_of_before").await;
    place.back_up(1, "keys_of_before").await;
    let process = place.start();
    let client = Client::new(process.address.clone(), empty.clone());
    let ada = registers(&client, "Ada Lovelace").await;
    let grace = registers(&client, "Grace Hopper").await;
    client.patch(&ada, json!({"groups": ["spring"]})).await.is(200);
    let coach = json!({"scopes": ["events:read"], "group": "spring"});
    let coach = client.post("/v1/keys", coach).await.is(201).json["key"].clone();
    let coach = coach.as_str().expect("a key").to_owned();
    process.stop();
    place.back_up(0, "data").await;
    place.back_up(1, "keys").await;
    let process = place.start();
    let client = Client::new(process.address.clone(), empty.clone());
    is_there(&client, &ada).await;
    client.delete(&ada).await.is(200);
    process.stop();

    // Data from before the erasure, with today's keys: nobody comes back, and it is recorded so.
    for backup in ["data", "data_of_before"] {
        place.bring_back(0, backup).await;
        let process = place.start();
        let client = Client::new(process.address.clone(), empty.clone());
        is_gone(&client, &ada).await;
        if backup == "data" {
            client.get(&grace).await.is(200);
            // Whoever hears of the group hears of it, wherever the log stands now.
            let coach = Client::new(process.address.clone(), coach.clone());
            let heard = coach.lists_feed().await;
            assert_eq!(heard.last().expect("the erasure")["type"], "CandidateErased");
        }
        let erased = client
            .lists_feed()
            .await
            .iter()
            .filter(|fact| fact["type"] == "CandidateErased")
            .count();
        assert_eq!(erased, 1, "{backup}");
        process.stop();
        assert!(place.does(&["verify"]), "{backup}");
    }

    // Keys from before the erasure, with data that knows of it: the keys are destroyed again.
    place.bring_back(0, "data").await;
    place.start().stop();
    place.bring_back(1, "keys").await;
    let process = place.start();
    let client = Client::new(process.address.clone(), empty.clone());
    is_gone(&client, &ada).await;
    client.get(&grace).await.is(200);
    process.stop();
    assert!(place.does(&["verify"]));

    // Both from before: as if it had not been. So long as there is a backup of the keys, an erasure can be undone.
    place.bring_back(0, "data").await;
    place.bring_back(1, "keys").await;
    let process = place.start();
    is_there(&Client::new(process.address.clone(), empty.clone()), &ada).await;
    process.stop();

    // Keys from before the candidates: nobody can be read any more, and everybody can be forgotten.
    place.bring_back(1, "keys_of_before").await;
    let process = place.start();
    let client = Client::new(process.address.clone(), empty);
    client.get(&ada).await.refuses(500, "internal");
    let stale = client.request(Method::DELETE, &ada).header("If-Match", "\"x.1\"");
    client.send(stale).await.refuses(412, "stale");
    let send = async |candidate: &str| {
        let request = client.request(Method::DELETE, candidate);
        client.send(request.header("Idempotency-Key", candidate)).await
    };
    for candidate in [&ada, &grace] {
        let (erased, twin) = tokio::join!(send(candidate), send(candidate));
        assert_eq!(erased.is(200).json["event"]["type"], "CandidateErased");
        assert!(erased.json["receipt"]["keys_gone_by"].is_string());
        assert_eq!(twin.is(200).json, erased.json, "sent twice at once");
        let again = send(candidate).await;
        assert_eq!(again.is(200).json, erased.json);
        assert_eq!(again.header("idempotency-replayed"), "true");
        client.delete(candidate).await.refuses(409, "candidate_erased");
    }
    is_gone(&client, &ada).await;
    process.stop();
    assert!(place.does(&["verify"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn backups_bring_nobody_back_on_sqlite() {
    backups_bring_nobody_back(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn backups_bring_nobody_back_on_postgres() {
    backups_bring_nobody_back(Kind::Postgres).await;
}
