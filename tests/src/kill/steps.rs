//! The process dies between every two steps of the write path, one after another: at a fact, at several at once, at a first
//! registration, at an erasure of a candidate and of a contact, and at a change of what lies beside the log. Started again and asked again under the same name, it has done the thing once. `afterword_store`'s
//! `crash::point` marks the steps; this walks whatever points there are.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use afterword_domain::ids::CandidateId;
use afterword_store::{Store, StoreOptions, TenantId, Told};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    load::{Ask, What, is_the_same},
    process::{Process, prepared, serve},
};
use crate::{
    client::{Client, id},
    harness::{Kind, behind, open, options, verify},
    scenes::{applies, registers},
};

/// What no walk may miss, whatever it is called on either store.
const SURELY: [&str; 10] = [
    "it is decided",
    "the new key has not been kept",
    "the new key is kept",
    "the head is locked",
    "the batch is checked",
    "a line beside the log is written",
    "all is written",
    "the batch is committed",
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
        of_settings,
    ];
    eprintln!("{kind:?}: {walks:?}");
    let all: BTreeSet<&str> = walks.iter().flatten().map(String::as_str).collect();
    let missed: Vec<_> = SURELY.iter().filter(|point| !all.contains(**point)).collect();
    assert!(missed.is_empty(), "nobody died at {missed:?}");
    assert!(all.iter().any(|point| point.ends_with("redacted")), "{all:?}");
    let least = match kind {
        Kind::Sqlite => [12, 14, 20, 12, 14, 3],
        Kind::Postgres => [7, 9, 15, 7, 8, 3],
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
