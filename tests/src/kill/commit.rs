//! A connection that is lost at COMMIT leaves it open whether the commit is there. The answer is right in any case: what
//! was asked for is done once, and the client does not learn that anything happened.

use std::time::{Duration, Instant};

use afterword::edge::clock::Clock;
use afterword_domain::ids::CandidateId;
use afterword_store::{Place, StoreOptions, Told};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    load::{Ask, What, is_the_same},
    proxy::{Fate, Proxy},
};
use crate::{
    client::{Client, id},
    harness::{BEGINNING, Kind, World, behind, moment, open, options, verify},
    scenes::{applies, registers},
};

/// A world whose way to PostgreSQL can be cut.
async fn world() -> Option<(World, Proxy)> {
    let there = options(Kind::Postgres).await?;
    let Place::Postgres(url) = &there.place else {
        return None;
    };
    let (proxy, by_it) = Proxy::to(url).await;
    let options = StoreOptions {
        place: Place::Postgres(by_it),
        ..there
    };
    let store = open(options.clone()).await;
    let world = World::new(Kind::Postgres, options, store, Clock::fixed(moment(BEGINNING))).await;
    Some((world, proxy))
}

/// Requests of every kind of commit: a fact, a first registration, an erasure, and one without any fact.
async fn asks(client: &Client, hours: usize) -> Vec<(Ask, i64)> {
    let candidate = registers(client, "Ada Lovelace").await;
    let application = applies(client, &candidate, "Acme").await;
    let ask = |what, method, path: &str, body| Ask::named(what, &candidate, method, path, body);
    let asked_for = format!("{application}/document-requests");
    let rules = json!({"plays": [{"play": "write_thank_you", "due": format!("PT{hours}H")}]});
    vec![
        (
            ask(
                What::Records,
                Method::POST,
                &asked_for,
                json!({"document": "references"}),
            ),
            1,
        ),
        (
            ask(
                What::Registers,
                Method::POST,
                "/v1/candidates",
                json!({"name": "Grace Hopper", "time_zone": "UTC"}),
            ),
            1,
        ),
        (ask(What::Playbook, Method::PUT, "/v1/playbook", rules), 0),
        // Who is erased adopts nothing any more.
        (ask(What::Erases, Method::DELETE, &candidate, Value::Null), 1),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_connection_lost_at_commit_changes_nothing_for_the_client() {
    let Some((world, proxy)) = world().await else { return };
    for (nth, fate) in [Fate::Lost, Fate::Unanswered, Fate::Torn].into_iter().enumerate() {
        for (ask, facts) in asks(&world, 12 + nth).await {
            let before = world.head().await;
            proxy.next_commit_is(fate);
            let first = ask.send(&world).await.expect("answered");
            assert!(proxy.has_come(), "no COMMIT was sent: {first}");
            assert!((200..300).contains(&first.status), "{fate:?}: {first}");
            assert_eq!(first.maybe_header("idempotency-replayed"), None, "{fate:?}: {first}");
            let again = ask.send(&world).await.expect("answered");
            is_the_same(&ask, &first, &again);
            let adopted = i64::from(ask.what == What::Registers || ask.what == What::Erases);
            let after = world.head().await - before;
            assert!(
                (facts..=facts + adopted).contains(&after),
                "{fate:?}: {after} facts, {first}"
            );
        }
        // Without a name nobody could tell a second fact from a repetition, and there is none.
        let candidate = registers(&world, "Alan Turing").await;
        let before = world.head().await;
        proxy.next_commit_is(fate);
        let path = format!("{candidate}/contacts");
        world.post(&path, json!({"name": "Anna Berg"})).await.is(201);
        assert!(proxy.has_come());
        assert_eq!(world.head().await, before + 1);
        assert_eq!(world.lists(&path).await.len(), 1);
    }
    assert_eq!(verify(&world.store, world.tenant).await, Vec::<Told>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_that_vanishes_without_a_word_is_looked_for_anew() {
    let Some((world, proxy)) = world().await else { return };
    let candidate = registers(&world, "Ada Lovelace").await;
    let path = format!("{candidate}/contacts");
    let before = world.head().await;
    let began = Instant::now();
    // In the middle of a transaction: the server must let go of the head that it has locked.
    proxy.next_commit_is(Fate::Swallowed);
    let writes = async {
        world.post(&path, json!({"name": "Anna Berg"})).await.is(201);
        began.elapsed()
    };
    // And where nothing is under way.
    let reads = async {
        while !proxy.has_come() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        proxy.falls_silent();
        world.get("/readyz").await.is(200);
        world.sees(&candidate).await;
        began.elapsed()
    };
    let (written, read) = tokio::join!(writes, reads);
    assert!(written < Duration::from_secs(10), "{written:?}");
    assert!(read < Duration::from_secs(10), "{read:?}");
    assert_eq!(world.head().await, before + 1);
    assert_eq!(verify(&world.store, world.tenant).await, Vec::<Told>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_erasure_that_nobody_heard_of_destroys_its_key_all_the_same() {
    let Some((world, proxy)) = world().await else { return };
    let candidate = registers(&world, "Ada Lovelace").await;
    let owner: CandidateId = id(&candidate).parse().expect("an id");
    proxy.next_commit_is(Fate::Unanswered);
    let erasing = world.delete(&candidate);
    let closing = async {
        while !proxy.has_come() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        proxy.is_closed(true);
    };
    let (erased, ()) = tokio::join!(erasing, closing);
    erased.refuses(503, "overloaded");
    proxy.is_closed(false);
    let began = Instant::now();
    loop {
        let (store, tenant) = (world.store.clone(), world.tenant);
        let key = behind(async move {
            store.keys().forget(tenant, owner.uuid());
            store.keys().get(tenant, owner.uuid()).await
        });
        if key.await.expect("done").expect("the key store answers").is_none() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "its key is still there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.get(&candidate).await.refuses(410, "candidate_erased");
}
