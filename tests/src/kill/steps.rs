//! The process dies between every two steps of the write path, one after another: at a fact, at several at once, at a first
//! registration, at an erasure of a candidate and of a contact, at an application that is taken back, and at a change of what
//! lies beside the log. Started again and asked again under the same name, it has done the thing once. So it dies where
//! nobody asks: while what has come due is announced, and while deliveries are settled. Started again, it does the rest by
//! itself. `afterword_store`'s `crash::point` marks the steps; this walks whatever points there are.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use afterword_domain::ids::{CandidateId, WebhookId};
use afterword_store::{DeliveryRow, EventRow, Place, Store, StoreOptions, TenantId, Told};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{
    load::{Ask, What, is_the_same},
    process::{Process, prepared, serve},
};
use crate::{
    client::{Client, id},
    harness::{Kind, behind, open, options, verify},
    scenes::{applies, registers},
    webhooks::receiver::{Receiver, Reply},
};

/// What no walk may miss, whatever it is called on either store.
const SURELY: [&str; 14] = [
    "it is decided",
    "the new key has not been kept",
    "the new key is kept",
    "the head is locked",
    "the batch is checked",
    "rows that are replaced are taken away",
    "a line beside the log is written",
    "all is written",
    "the batch is committed",
    "a stream is erased",
    "the keys of the erased are there yet",
    "it is kept who is erased",
    "the keys of the erased are destroyed",
    "it is not answered yet",
];

struct Walk {
    process: Process,
    client: Client,
    key: String,
    /// Through it the points are armed, and the one at which the process died is told.
    file: PathBuf,
    /// The same store, looked at from outside.
    store: Store,
    tenant: TenantId,
    options: StoreOptions,
}

impl Walk {
    async fn begins(kind: Kind) -> Option<Self> {
        let options = options(kind).await?;
        let key = prepared(&options);
        let file = tempfile::tempdir().expect("a folder").keep().join("point");
        let mut process = Process::run(armed(&options, &file));
        let (address, own) = process.listening();
        let key = key.or(own).expect("a key");
        let store = open(options.clone()).await;
        let tenants = {
            let store = store.clone();
            behind(async move { store.tenants().await }).await.expect("done")
        };
        Some(Self {
            process,
            client: Client::new(address, key.clone()),
            key,
            file,
            tenant: tenants.expect("the store answers")[0].id,
            store,
            options,
        })
    }

    fn starts_again(&mut self) {
        self.process.child.wait().expect("gone");
        self.process = Process::run(armed(&self.options, &self.file));
        let (address, _) = self.process.listening();
        self.client = Client::new(address, self.key.clone());
    }

    async fn head(&self) -> i64 {
        let (store, tenant) = (self.store.clone(), self.tenant);
        let head = behind(async move { store.head_position(tenant).await });
        head.await.expect("done").expect("the store answers")
    }

    /// Whether the key store has a key of a candidate's.
    async fn has_key(&self, candidate: &str) -> bool {
        let candidate: CandidateId = id(candidate).parse().expect("an id");
        let (store, tenant) = (self.store.clone(), self.tenant);
        let key = behind(async move {
            store.keys().forget(tenant, candidate.uuid());
            store.keys().get(tenant, candidate.uuid()).await
        });
        key.await.expect("done").expect("the key store answers").is_some()
    }

    /// Goes through all points that a kind of request passes, which records so many facts.
    async fn walks(&mut self, facts: i64, ask: impl AsyncFn(&Client) -> Ask) -> Vec<String> {
        let mut points = Vec::new();
        for nth in 1.. {
            let ask = ask(&self.client).await;
            let before = self.head().await;
            std::fs::write(&self.file, nth.to_string()).expect("armed");
            let lost = ask.send(&self.client).await;
            let left = std::fs::read_to_string(&self.file).expect("the point");
            std::fs::remove_file(&self.file).expect("disarmed");
            if let Ok(answer) = lost {
                assert!(left.parse::<u32>().is_ok(), "it answered and died at {left}: {answer}");
                return points;
            }
            self.starts_again();
            let first = ask.send(&self.client).await.expect("answered");
            assert!((200..300).contains(&first.status), "after {left}: {first}");
            let again = ask.send(&self.client).await.expect("answered");
            is_the_same(&ask, &first, &again);
            let what = ask.what;
            assert_eq!(
                self.head().await,
                before + facts,
                "{what:?} has one effect after {left}"
            );
            assert_eq!(
                verify(&self.store, self.tenant).await,
                Vec::<Told>::new(),
                "after {left}"
            );
            if what == What::Erases {
                assert!(
                    !self.has_key(&ask.candidate).await,
                    "its key is still there after {left}"
                );
            }
            if ask.method == Method::DELETE {
                let feed = json!(self.client.lists_feed().await).to_string();
                assert!(!feed.contains("Turing"), "a name is still there after {left}");
            }
            points.push(left);
        }
        points
    }

    /// Goes through all points that the service passes by itself, once something has happened.
    async fn walks_along(
        &mut self,
        happens: impl AsyncFn(&Client) -> String,
        is_done: impl AsyncFn(&Self, &str) -> bool,
    ) -> Vec<String> {
        // Whoever was quicker than the test has passed all of them before they were armed: it is tried again.
        const QUICKER: u32 = 3;
        let (mut points, mut missed) = (Vec::new(), 0);
        while missed < QUICKER {
            let what = happens(&self.client).await;
            std::fs::write(&self.file, (points.len() + 1).to_string()).expect("armed");
            let began = Instant::now();
            let mut done = false;
            let died = loop {
                if self.process.child.try_wait().expect("asked").is_some() {
                    break true;
                }
                if done {
                    break false;
                }
                done = is_done(self, &what).await;
                // What comes after it takes no longer than this.
                let pause = if done { 300 } else { 10 };
                tokio::time::sleep(Duration::from_millis(pause)).await;
                assert!(began.elapsed() < Duration::from_secs(60), "{what} is not done");
            };
            let left = std::fs::read_to_string(&self.file).expect("the point");
            std::fs::remove_file(&self.file).expect("disarmed");
            if !died {
                missed += 1;
                continue;
            }
            missed = 0;
            self.leases_run_out().await;
            self.starts_again();
            let began = Instant::now();
            while !is_done(self, &what).await {
                assert!(
                    began.elapsed() < Duration::from_secs(60),
                    "{what} is not done after {left}"
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(
                verify(&self.store, self.tenant).await,
                Vec::<Told>::new(),
                "after {left}"
            );
            points.push(left);
        }
        points
    }

    /// Who died has held its leases for so long. On SQLite it holds them yet.
    async fn leases_run_out(&self) {
        if let Place::Postgres(url) = &self.options.place {
            let url = url.clone();
            let running_out = behind(async move {
                let mut database = PgConnection::connect(&url).await?;
                sqlx::query("UPDATE leases SET until_at = 0")
                    .execute(&mut database)
                    .await
            });
            running_out.await.expect("done").expect("the database answers");
        }
    }

    /// What is in the log about a candidate.
    async fn stream(&self, candidate: &str) -> Vec<EventRow> {
        let candidate: CandidateId = id(candidate).parse().expect("an id");
        let (store, tenant) = (self.store.clone(), self.tenant);
        let rows = behind(async move { store.stream(tenant, candidate.uuid(), 0).await });
        rows.await.expect("done").expect("the store answers")
    }

    /// What became of the delivery of the first fact about a candidate.
    async fn delivery(&self, webhook: Uuid, candidate: &str) -> Option<DeliveryRow> {
        let event = self.stream(candidate).await.first().expect("a fact").event_id;
        let (store, tenant) = (self.store.clone(), self.tenant);
        let row = behind(async move { store.delivery(tenant, webhook, event).await });
        row.await.expect("done").expect("the store answers")
    }
}

fn armed(options: &StoreOptions, file: &Path) -> Command {
    let mut command = serve(options);
    command.env("AFTERWORD_CRASH_FILE", file);
    command
}

async fn every_step(kind: Kind) {
    let Some(mut walk) = Walk::begins(kind).await else {
        return;
    };
    let candidate = registers(&walk.client, "Ada Lovelace").await;
    let application = applies(&walk.client, &candidate, "Acme").await;
    let of_a_fact = walk
        .walks(1, async |_| {
            let path = format!("{application}/document-requests");
            let body = json!({"document": "references"});
            Ask::named(What::Records, &candidate, Method::POST, &path, body)
        })
        .await;
    let of_a_registration = walk
        .walks(1, async |_| {
            let body = json!({"name": "Grace Hopper", "time_zone": "America/New_York"});
            Ask::named(What::Registers, "", Method::POST, "/v1/candidates", body)
        })
        .await;
    let of_an_erasure = walk
        .walks(1, async |client| {
            let candidate = registers(client, "Alan Turing").await;
            applies(client, &candidate, "Acme").await;
            Ask::named(What::Erases, &candidate, Method::DELETE, &candidate, Value::Null)
        })
        .await;
    let of_several = walk
        .walks(3, async |_| {
            let fact = json!({"type": "ContactCollected", "data": {"name": "Grace Hopper"}});
            let body = json!({"atomic": true, "facts": [fact, fact, fact]});
            Ask::named(
                What::Records,
                &candidate,
                Method::POST,
                &format!("{candidate}/facts"),
                body,
            )
        })
        .await;
    let of_a_contact = walk
        .walks(1, async |client| {
            let alan = json!({"name": "Alan Turing"});
            let contact = client.makes(&format!("{candidate}/contacts"), alan).await;
            let note =
                json!({"kind": "other", "channel": "email", "recipients": [id(&contact)], "body": "Dear Mr Turing"});
            client.makes(&format!("{candidate}/notes"), note).await;
            Ask::named(What::Records, &candidate, Method::DELETE, &contact, Value::Null)
        })
        .await;
    let of_what_is_taken_back = walk
        .walks(1, async |client| {
            let acme = json!({"organisation": {"name": "Acme"}, "position": "Engineer"});
            let opened = client.records(&format!("{candidate}/applications"), acme).await;
            let event = opened["event"]["id"].as_str().expect("an id");
            let path = format!("{candidate}/events/{event}/retracted");
            Ask::named(
                What::Records,
                &candidate,
                Method::POST,
                &path,
                json!({"reason": "Another one."}),
            )
        })
        .await;
    let of_settings = walk
        .walks(0, async |_| {
            let body = json!({"host": "smtp.example.com", "port": 587, "security": "starttls"});
            Ask::named(What::Mail, "", Method::PUT, "/v1/mail", body)
        })
        .await;
    let walks = [
        of_a_fact,
        of_a_registration,
        of_an_erasure,
        of_several,
        of_a_contact,
        of_what_is_taken_back,
        of_settings,
    ];
    eprintln!("{kind:?}: {walks:?}");
    let all: BTreeSet<&str> = walks.iter().flatten().map(String::as_str).collect();
    let missed: Vec<_> = SURELY.iter().filter(|point| !all.contains(**point)).collect();
    assert!(missed.is_empty(), "nobody died at {missed:?}");
    assert!(all.iter().any(|point| point.ends_with("redacted")), "{all:?}");
    let least = match kind {
        Kind::Sqlite => [14, 17, 26, 14, 16, 17, 12],
        Kind::Postgres => [7, 9, 19, 7, 8, 9, 6],
    };
    for (points, least) in walks.iter().zip(least) {
        assert!(points.len() >= least, "{} of {least} points: {points:?}", points.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn dying_between_any_two_steps_it_does_a_thing_once_on_sqlite() {
    every_step(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn dying_between_any_two_steps_it_does_a_thing_once_on_postgres() {
    every_step(Kind::Postgres).await;
}

/// What has come due is announced by the time worker, in a commit of its own.
async fn every_step_of_time(kind: Kind) {
    let Some(mut walk) = Walk::begins(kind).await else {
        return;
    };
    let happens = async |client: &Client| {
        let candidate = registers(client, "Ada Lovelace").await;
        let acme = applies(client, &candidate, "Acme").await;
        // Nobody writes after this; what follows from it is the worker's.
        let long_ago = json!({"starts_at": "2026-03-02T14:00:00+01:00", "ends_at": "2026-03-02T15:00:00+01:00",
            "time_zone": "Europe/Berlin", "format": "onsite"});
        client.makes(&format!("{acme}/interviews"), long_ago).await;
        candidate
    };
    let is_done = async |walk: &Walk, candidate: &str| {
        let rows = walk.stream(candidate).await;
        let said: Vec<_> = rows.iter().filter(|row| row.recorded_by == "clock").collect();
        let once: BTreeSet<_> = said.iter().map(|row| (&row.kind, &row.subject)).collect();
        assert_eq!(said.len(), once.len(), "it was announced twice");
        said.iter().any(|row| row.kind == "TaskOverdue")
    };
    let points = walk.walks_along(happens, is_done).await;
    eprintln!("{kind:?}: {points:?}");
    let least = if kind == Kind::Sqlite { 13 } else { 6 };
    assert!(points.len() >= least, "{} of {least} points", points.len());
}

/// Deliveries are taken in, sent and settled, or fail.
async fn every_step_of_a_delivery(kind: Kind) {
    let Some(mut walk) = Walk::begins(kind).await else {
        return;
    };
    let receiver = Receiver::new().await;
    let webhook = walk.client.makes("/v1/webhooks", json!({"url": receiver.url})).await;
    let webhook = id(&webhook).parse::<WebhookId>().expect("an id").uuid();
    let happens = async |client: &Client| registers(client, "Ada Lovelace").await;
    let is_settled = async |walk: &Walk, candidate: &str| {
        let delivery = walk.delivery(webhook, candidate).await;
        delivery.is_some_and(|it| it.state == "delivered")
    };
    let settled = walk.walks_along(happens, is_settled).await;
    receiver.answers(|_| Reply::With(500, "retry-after: 7200\r\n"));
    let has_failed = async |walk: &Walk, candidate: &str| {
        let delivery = walk.delivery(webhook, candidate).await;
        delivery.is_some_and(|it| it.attempts > 0 && it.state == "pending")
    };
    let failed = walk.walks_along(happens, has_failed).await;
    eprintln!("{kind:?}: {settled:?} {failed:?}");
    let all: BTreeSet<&str> = settled.iter().chain(&failed).map(String::as_str).collect();
    for point in [
        "deliveries wait",
        "deliveries are lined up",
        "the webhook is moved on",
        "deliveries are sent and not settled",
        "deliveries are settled",
        "a delivery has failed",
        "how a webhook fares is kept",
    ] {
        assert!(all.contains(point), "nobody died at {point:?}");
    }
    // Each fact was heard of; where nobody knew that it was, more than once.
    let mut heard: HashMap<String, u64> = HashMap::new();
    for message in receiver.heard() {
        *heard.entry(message.event().to_owned()).or_default() += 1;
    }
    let facts = walk.client.lists_feed().await;
    assert!(
        facts
            .iter()
            .all(|fact| heard.contains_key(fact["id"].as_str().expect("an id")))
    );
    assert!(heard.values().any(|times| *times > 1), "none was sent again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn dying_between_any_two_steps_it_announces_once_on_sqlite() {
    every_step_of_time(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn dying_between_any_two_steps_it_announces_once_on_postgres() {
    every_step_of_time(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn dying_between_any_two_steps_it_delivers_on_sqlite() {
    every_step_of_a_delivery(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn dying_between_any_two_steps_it_delivers_on_postgres() {
    every_step_of_a_delivery(Kind::Postgres).await;
}
