//! Addresses that a client names: those that the service connects to, and those that it only keeps. A corpus of hostile
//! ones, `crates/server/src/outgoing/hostile.json`, is tried wherever one of the former is taken; of the latter none is
//! ever asked for anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use afterword::{
    app::Options,
    mail::Post,
    outgoing::{LookUp, Outgoing},
    service::Service,
    webhooks::worker::WebhookWorker,
};
use futures_util::{FutureExt, StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    document::{Document, Operation},
    probes::put,
    town::{Town, server},
};
use crate::{
    client::{Answer, Client, id},
    harness::{World, behind, serve},
    scenes::{Scene, clears},
    stories,
};

stories![
    a_hostile_target_is_refused_wherever_one_is_taken,
    a_name_that_leads_inside_is_never_connected_to,
    what_was_kept_when_it_was_allowed_is_refused_when_it_is_not,
    an_address_that_is_only_kept_is_never_asked,
];

/// Fields whose address the service connects to: the operation that takes it, the field, and what connects.
const CONNECTED: &[(&str, &str, &str)] = &[
    ("create_webhook", "/url", "deliveries, tests and redeliveries"),
    ("change_webhook", "/url", "deliveries, tests and redeliveries"),
    ("put_mail", "/host", "deliveries of notes"),
];

/// Fields whose address is kept, and shown to whoever reads it: by the name of their fact.
const KEPT: &[(&str, &str)] = &[
    ("record_application_opened", "/organisation/website"),
    ("record_application_opened", "/posting_url"),
    ("record_application_revised", "/organisation/website"),
    ("record_application_revised", "/posting_url"),
    ("record_opening_found", "/url"),
    ("record_research_noted", "/source_url"),
];

/// Fields that are called like an address and are none, and why.
const NONE: &[(&str, &str)] = &[
    ("/postal_address", "where letters go"),
    ("/organisation/address", "where letters go"),
    (
        "/from/address",
        "an e-mail address: mail goes by the tenant's server alone",
    ),
];

fn corpus(of: &str) -> Vec<Value> {
    let corpus = include_str!("../../../crates/server/src/outgoing/hostile.json");
    let corpus: Value = serde_json::from_str(corpus).expect("JSON");
    corpus[of].as_array().expect("a list").clone()
}

fn text(entry: &Value, field: &str) -> String {
    entry[field]
        .as_str()
        .expect("a text")
        .replace("{long}", &"x".repeat(3000))
}

/// Every field of the contract in which an address can stand is one of those above.
#[test]
fn every_address_is_connected_to_or_only_kept() {
    const WORDS: [&str; 11] = [
        "url", "uri", "host", "website", "site", "link", "href", "endpoint", "server", "address", "callback",
    ];
    let document = Document::read();
    let mut found = BTreeSet::new();
    for operation in document.operations() {
        let Some((_, schema)) = &operation.body else { continue };
        for place in document.texts(schema) {
            let format = place.schema["format"].as_str().unwrap_or_default();
            let by_format = ["uri", "uri-reference", "iri", "url", "hostname", "ipv4", "ipv6"].contains(&format);
            let by_name = WORDS.iter().any(|word| {
                place
                    .pointer
                    .split('/')
                    .any(|part| part.split('_').any(|it| it == *word))
            });
            let none = NONE.iter().any(|(pointer, _)| place.pointer.starts_with(pointer));
            if by_format || (by_name && !none) {
                found.insert((operation.id.clone(), place.pointer.clone()));
            }
        }
    }
    let connected = CONNECTED.iter().map(|(id, pointer, _)| (*id, *pointer));
    let known = connected
        .chain(KEPT.iter().copied())
        .map(|(id, pointer)| (id.to_owned(), pointer.to_owned()));
    assert_eq!(
        found,
        known.collect::<BTreeSet<_>>(),
        "is it connected to, or only kept? Say so, and it is tried"
    );
}

/// Who connects here is counted, and sent on to where nobody may be sent.
struct Ear {
    port: u16,
    heard: Arc<AtomicUsize>,
}

impl Ear {
    async fn new() -> Self {
        let heard = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&heard);
        let opening = behind(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = listener.local_addr().expect("its address").port();
            behind(async move {
                while let Ok((mut connection, _)) = listener.accept().await {
                    counted.fetch_add(1, Ordering::SeqCst);
                    behind(async move {
                        let _some = connection.read(&mut [0; 4096]).await;
                        connection
                            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                            .await
                            .ok();
                    });
                }
            });
            port
        });
        Self {
            port: opening.await.expect("done"),
            heard,
        }
    }

    fn heard(&self) -> usize {
        self.heard.load(Ordering::SeqCst)
    }
}

/// A server whose way out is this, for webhooks and letters.
fn reaching(scene: &World, outgoing: Outgoing) -> (Service, Client) {
    let service = Service::new(scene.store.clone(), scene.clock.clone())
        .reaching(outgoing.clone())
        .with_mail(Post::new(outgoing));
    let client = Client::new(serve(service.clone(), Options::default()), scene.key().to_owned());
    (service, client)
}

fn asked_for_nothing() -> LookUp {
    Arc::new(|name| async move { panic!("{name} was looked up") }.boxed())
}

/// Sends an address to an operation that takes one.
async fn takes(client: &Client, operation: &str, webhook: &str, address: &str) -> Answer {
    let (method, path, body) = match operation {
        "create_webhook" => (Method::POST, "/v1/webhooks", json!({"url": address})),
        "change_webhook" => (Method::PATCH, webhook, json!({"url": address})),
        "put_mail" => (
            Method::PUT,
            "/v1/mail",
            json!({"host": address, "port": 25, "security": "starttls"}),
        ),
        other => panic!("{other} takes an address: how is it asked?"),
    };
    let content = if method == Method::PATCH {
        "application/merge-patch+json"
    } else {
        "application/json"
    };
    let request = client.request(method, path).header("Content-Type", content);
    client.send(request.body(body.to_string())).await
}

/// An operation, the field in which it takes an address, one that is hostile, and what is told of it.
type Try = (&'static str, &'static str, String, Value);

async fn a_hostile_target_is_refused_wherever_one_is_taken(world: World) {
    let strict = reaching(&world, Outgoing::looking_up(false, asked_for_nothing())).1;
    let open = reaching(&world, Outgoing::looking_up(true, asked_for_nothing())).1;
    let webhook = strict
        .makes("/v1/webhooks", json!({"url": "https://hooks.example.com/"}))
        .await;
    let before = strict.sees("/v1/webhooks").await;
    let mut tries: Vec<Try> = Vec::new();
    for (operation, pointer, _) in CONNECTED {
        let (of, field) = if *operation == "put_mail" {
            ("hosts", "host")
        } else {
            ("targets", "target")
        };
        tries.extend(
            corpus(of)
                .into_iter()
                .map(|entry| (*operation, *pointer, text(&entry, field), entry)),
        );
    }
    assert!(tries.len() > 300, "{}", tries.len());
    let told = |entry: &Value, field: &str| entry[field].as_str().is_some_and(|it| !it.is_empty());
    assert!(
        tries
            .iter()
            .all(|(.., entry)| told(entry, "name") && told(entry, "why"))
    );
    assert_eq!(
        wrongly_answered(&strict, &webhook, &tries, false).await,
        Vec::<String>::new()
    );
    assert_eq!(strict.sees("/v1/webhooks").await, before);
    strict.get("/v1/mail").await.refuses(404, "not_found");
    // Where private networks are allowed, they are, and nothing else is.
    assert_eq!(
        wrongly_answered(&open, &webhook, &tries, true).await,
        Vec::<String>::new()
    );
}

/// What was taken and should not have been, or the other way round.
async fn wrongly_answered(client: &Client, webhook: &str, tries: &[Try], private: bool) -> Vec<String> {
    let trying = tries.iter().map(|(operation, pointer, address, entry)| async move {
        let answer = takes(client, operation, webhook, address).await;
        let right = if private && entry["private"] == "taken" {
            [200, 201].contains(&answer.status)
        } else {
            answer.status == 422 && answer["code"] == "invalid" && answer["errors"][0]["pointer"] == *pointer
        };
        (!right).then(|| format!("{operation} of {entry}: {}", answer.status))
    });
    let answered: Vec<Option<String>> = stream::iter(trying).buffer_unordered(8).collect().await;
    answered.into_iter().flatten().collect()
}

/// What a webhook's test and its deliveries, and a letter's delivery, say of an address.
async fn connects(world: &Scene, worker: &WebhookWorker, client: &Client, webhook: &str, note: &str) -> Vec<Value> {
    let tested = client.post(&format!("{webhook}/test"), json!({})).await;
    let asked = json!({"document": "references"});
    client
        .records(&format!("{}/document-requests", world.acme), asked)
        .await;
    let tenant = world.tenant;
    let round = async || {
        let worker = worker.clone();
        behind(async move { worker.round(tenant).await })
            .await
            .expect("done")
            .expect("the store answers");
    };
    round().await;
    let delivery = client.lists(&format!("{webhook}/deliveries")).await[0].clone();
    let again = format!(
        "{webhook}/deliveries/{}/redelivered",
        delivery["id"].as_str().expect("an id")
    );
    client.post(&again, json!({})).await.is(200);
    round().await;
    let since = json!({"since": "2026-03-02T09:00:00Z"});
    client.post(&format!("{webhook}/redeliveries"), since).await.is(200);
    round().await;
    let redelivered = client.lists(&format!("{webhook}/deliveries")).await[0].clone();
    assert_ne!(redelivered["attempts"], 0, "{redelivered}");
    let letter = client.post(&format!("{note}/deliveries"), json!({})).await;
    client.delete(webhook).await.is(200);
    vec![
        tested.is(200)["error"].clone(),
        delivery["error"].clone(),
        redelivered["error"].clone(),
        letter.is(201)["delivery"]["reason"].clone(),
    ]
}

/// A note that may go out.
async fn note(scene: &Scene) -> String {
    scene
        .patch(&scene.ada, json!({"email": "ada@post.example"}))
        .await
        .is(200);
    let draft = json!({"kind": "other", "recipients": [id(&scene.anna)], "channel": "email", "subject_line": "Hello",
        "body": "Dear Anna,\n\nThank you for the talk.\n\nKind regards,\nAda Lovelace"});
    let note = scene.makes(&format!("{}/notes", scene.ada), draft).await;
    clears(scene, &note).await;
    note
}

async fn a_name_that_leads_inside_is_never_connected_to(world: World) {
    let scene = Scene::interviewed(world).await;
    let note = note(&scene).await;
    let ear = Ear::new().await;
    // The first time a name is looked up it leads to its first answer, and from the last one on to that.
    let asked = Arc::new(Mutex::new(BTreeMap::<String, usize>::new()));
    let names = corpus("names");
    let answers: BTreeMap<String, Vec<Vec<IpAddr>>> = names
        .iter()
        .map(|entry| {
            let host = text(entry, "host");
            let name = match url::Host::parse(&host).expect("a name") {
                url::Host::Domain(name) => name,
                other => other.to_string(),
            };
            (
                name,
                serde_json::from_value(entry["leads_to"].clone()).expect("addresses"),
            )
        })
        .collect();
    let look_up: LookUp = {
        let asked = Arc::clone(&asked);
        Arc::new(move |name| {
            let answers = answers.get(&name).unwrap_or_else(|| panic!("{name} was looked up"));
            let mut asked = asked.lock().expect("no panic");
            let times = asked.entry(name).or_default();
            let found = answers[(*times).min(answers.len() - 1)].clone();
            *times += 1;
            async move { Ok(found) }.boxed()
        })
    };
    let outgoing = Outgoing::looking_up(false, look_up);
    let (service, client) = reaching(&scene, outgoing.clone());
    let worker = WebhookWorker::new(&service);
    for entry in &names {
        let host = text(entry, "host");
        // Somebody looks at it, and finds what is shown to whoever looks.
        for first in &entry["leads_to"].as_array().expect("answers")[1..] {
            assert!(outgoing.resolve(&host, ear.port).await.is_ok(), "{entry}: {first}");
        }
        let url = json!({"url": format!("https://{host}:{}/", ear.port), "types": ["DocumentRequested"]});
        let webhook = client.makes("/v1/webhooks", url).await;
        let server = json!({"host": host, "port": ear.port, "security": "starttls"});
        client
            .send(client.request(Method::PUT, "/v1/mail").json(&server))
            .await
            .is(200);
        let told = connects(&scene, &worker, &client, &webhook, &note).await;
        let expected = match entry["leads_to"]
            .as_array()
            .and_then(|it| it.last()?.as_array())
            .is_some_and(Vec::is_empty)
        {
            true => ["unknown_host", "unknown_host", "unknown_host", "host_unknown"],
            false => ["not_permitted", "not_permitted", "not_permitted", "host_refused"],
        };
        assert_eq!(told, expected, "{entry}");
    }
    assert!(
        asked.lock().expect("no panic").values().all(|times| *times >= 4),
        "each connection looks the name up"
    );
    assert_eq!(ear.heard(), 0);
}

async fn what_was_kept_when_it_was_allowed_is_refused_when_it_is_not(world: World) {
    let scene = Scene::interviewed(world).await;
    let note = note(&scene).await;
    let ear = Ear::new().await;
    let open = reaching(&scene, Outgoing::new(true)).1;
    let (service, strict) = reaching(&scene, Outgoing::new(false));
    let worker = WebhookWorker::new(&service);
    for scheme in ["http", "https"] {
        let url = json!({"url": format!("{scheme}://127.0.0.1:{}/", ear.port), "types": ["DocumentRequested"]});
        let webhook = open.makes("/v1/webhooks", url).await;
        let server = json!({"host": "127.0.0.1", "port": ear.port, "security": "none"});
        open.send(open.request(Method::PUT, "/v1/mail").json(&server))
            .await
            .is(200);
        let told = connects(&scene, &worker, &strict, &webhook, &note).await;
        assert_eq!(
            told,
            ["not_permitted", "not_permitted", "not_permitted", "host_refused"]
        );
    }
    assert_eq!(ear.heard(), 0);
}

async fn an_address_that_is_only_kept_is_never_asked(world: World) {
    let document = Document::read();
    let operations = document.operations();
    let (service, base) = server(&world);
    let town = Town::new(world, &service, &base, "own").await;
    let ear = Ear::new().await;
    // Private networks may be reached here: nothing but that nobody asks keeps the ear from hearing.
    let open = Client::new(
        reaching(&town.scene, Outgoing::new(true)).1.base().to_owned(),
        town.client.key().to_owned(),
    );
    for (kept, (operation, pointer)) in KEPT.iter().enumerate() {
        let operation = operations.iter().find(|it| it.id == *operation).expect("an operation");
        let mut body = town.body(operation);
        if operation.method == Method::PATCH && pointer.starts_with("/organisation") {
            body["organisation"] = json!({"name": "Acme"});
        }
        put(&mut body, pointer, &format!("http://127.0.0.1:{}/{kept}", ear.port));
        let answer = town
            .asks_as(&open, operation, &town.path(operation, &[]), &[], Some(body))
            .await;
        assert!([200, 201].contains(&answer.status), "{answer}");
    }
    let map = r#"{"target":"openings","columns":{"organisation":"Company","position":"Title","url":"Url"}}"#;
    let table = format!(
        "Company,Title,Url\r\nInitrode,Gardener,http://127.0.0.1:{}/csv\r\n",
        ear.port
    );
    let pairs = [("format", "csv"), ("map", map)];
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    let import = open
        .request(Method::POST, &format!("{}/imports?{query}", town.scene.ada))
        .header("Content-Type", "application/octet-stream");
    let imported = open.send(import.body(table)).await;
    assert_eq!(imported.is(200)["results"][0]["status"], "recorded", "{imported}");
    // Whatever shows them, suggests by them or writes them out, asks nobody.
    let reads = operations
        .iter()
        .filter(|it| !it.streams && (it.method == Method::GET || shows(it)));
    for operation in reads {
        let body = operation.body.as_ref().map(|_| town.body(operation));
        let answer = town
            .asks_as(&open, operation, &town.path(operation, &[]), &[], body)
            .await;
        assert!(answer.status < 500, "{answer}");
    }
    let shown = open.sees(&format!("{}/openings", town.scene.ada)).await.to_string();
    assert!(shown.contains(&format!("127.0.0.1:{}", ear.port)), "{shown}");
    assert_eq!(ear.heard(), 0);
    // The ear does hear: a webhook that may lead there is told.
    let hook = json!({"url": format!("http://127.0.0.1:{}/", ear.port)});
    let webhook = open.makes("/v1/webhooks", hook).await;
    assert_eq!(
        open.post(&format!("{webhook}/test"), json!({})).await.is(200)["delivered"],
        true
    );
    assert_eq!(ear.heard(), 1);
}

/// Whether a POST only shows something.
fn shows(operation: &Operation) -> bool {
    ["check_note", "suggest_notes"].contains(&operation.id.as_str())
}
