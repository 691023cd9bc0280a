//! A tenant that has something of everything, and requests to it with something else in one place.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, LazyLock},
};

use afterword::{
    app::Options,
    mail::Post,
    outgoing::{LookUp, Outgoing},
    service::Service,
    webhooks::worker::WebhookWorker,
};
use afterword_domain::ids::{CandidateId, Kind};
use futures_util::FutureExt;
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};
use uuid::Uuid;

use super::document::Operation;
use crate::{
    client::{Answer, Client, id},
    contract::body_of,
    harness::{World, behind, serve},
    lists::full,
    scenes::Scene,
};

/// The one server of a matrix: whatever name it looks up leads to a port here that nobody listens on.
pub fn server(world: &World) -> (Service, String) {
    static OUT: LazyLock<Outgoing> = LazyLock::new(|| {
        let here: LookUp = Arc::new(|_| async { Ok(vec![Ipv4Addr::LOCALHOST.into()]) }.boxed());
        Outgoing::looking_up(true, here)
    });
    let service = Service::new(world.store.clone(), world.clock.clone())
        .reaching(OUT.clone())
        .with_mail(Post::new(OUT.clone()));
    let base = serve(service.clone(), Options::default());
    (service, base)
}

/// A tenant, its admin at the server of the matrix, and a thing of every kind by its name in paths.
pub struct Town {
    pub scene: Scene,
    pub client: Client,
    /// What its labels, addresses and the client's own ids end with.
    pub mark: &'static str,
    things: BTreeMap<&'static str, String>,
}

impl Town {
    pub async fn new(world: World, service: &Service, base: &str, mark: &'static str) -> Self {
        let scene = full(world).await;
        let client = Client::new(base.to_owned(), scene.key().to_owned());
        let marks = json!({"groups": [format!("class-{mark}")], "external_id": format!("crm-{mark}")});
        client.patch(&scene.ada, marks).await.is(200);
        let hook = json!({"url": format!("https://hooks.example.com:1/{mark}"), "types": ["DocumentRequested"]});
        let webhook = client.makes("/v1/webhooks", hook).await;
        let asked = json!({"document": "diploma"});
        client
            .records(&format!("{}/document-requests", scene.acme), asked)
            .await;
        let (worker, tenant) = (WebhookWorker::new(service), scene.tenant);
        behind(async move { worker.round(tenant).await })
            .await
            .expect("done")
            .expect("the store answers");
        let key = client.post("/v1/keys", json!({"scopes": ["candidates:read"]})).await;
        let calendar = client.post(&format!("{}/calendars", scene.ada), json!({})).await;
        let address = calendar.is(201)["url"].as_str().expect("an address").to_owned();
        let token = id(&address).strip_suffix(".ics").expect("a calendar").to_owned();
        let mut town = Self {
            scene,
            client,
            mark,
            things: BTreeMap::new(),
        };
        let delivery = town.first(&format!("{webhook}/deliveries")).await;
        for (name, thing) in [
            ("candidate", id(&town.scene.ada)),
            ("application", id(&town.scene.acme)),
            ("interview", id(&town.scene.interview)),
            ("contact", id(&town.scene.anna)),
            ("key", key.is(201)["id"].as_str().expect("an id")),
            ("webhook", id(&webhook)),
            ("delivery", delivery.as_str()),
            ("token", token.as_str()),
            ("version", "1"),
            ("kind", "thank_you"),
            ("tone", "warm"),
        ] {
            town.things.insert(name, thing.to_owned());
        }
        town.looks_around().await;
        town
    }

    /// One of everything else that a path can name.
    async fn looks_around(&mut self) {
        let ada = self.scene.ada.clone();
        for note in self.client.lists(&format!("{ada}/notes")).await {
            let note = note["id"].as_str().expect("an id");
            for delivery in self.client.lists(&format!("{ada}/notes/{note}/deliveries")).await {
                self.things.insert("note", note.to_owned());
                self.things
                    .insert("note_delivery", delivery["id"].as_str().expect("an id").to_owned());
            }
        }
        let reported = self.client.sees("/v1/events?types=StatusReported").await;
        self.things
            .insert("event", reported["data"][0]["id"].as_str().expect("a fact").to_owned());
        // A rejection is found under its application, and no path names it.
        let rejected = self.client.sees("/v1/events?types=RejectionReceived").await;
        let rejection = rejected["data"][0]["subject"].as_str().expect("a rejection");
        self.things.insert("rejection", rejection.to_owned());
        for kind in Kind::ALL {
            let name = kind.name();
            if self.things.contains_key(name) {
                continue;
            }
            let list = match name {
                "status_enquiry" => format!("{ada}/status-enquiries"),
                "search_activity" => format!("{ada}/search-activities"),
                "research_note" => format!("{ada}/research"),
                name => format!("{ada}/{}s", name.replace('_', "-")),
            };
            let thing = self.first(&list).await;
            self.things.insert(name, thing);
        }
    }

    async fn first(&self, list: &str) -> String {
        let mut rows = self.client.lists_all(list).await;
        // Of tasks that are due at once the order is that of their ids, which differ from town to town.
        rows.sort_by_key(|row| row["play"].as_str().map(ToOwned::to_owned));
        let thing = rows.first().unwrap_or_else(|| panic!("there is nothing in {list}"));
        thing["id"].as_str().expect("an id").to_owned()
    }

    /// The thing of a name in paths.
    pub fn thing(&self, name: &str) -> &str {
        let thing = self.things.get(name);
        thing.unwrap_or_else(|| panic!("nothing of the town is a {name}: make one, so that it can be tried elsewhere"))
    }

    /// The path of an operation with this town's things, but for what stands elsewhere.
    pub fn path(&self, operation: &Operation, instead: &[(&str, &str)]) -> String {
        let own = |name: &str| {
            let other = instead.iter().find(|(other, _)| *other == name);
            other.map_or_else(|| self.thing(name).to_owned(), |(_, value)| (*value).to_owned())
        };
        let parts = operation.parts.iter();
        parts.fold(operation.path.clone(), |path, name| {
            path.replace(&format!("{{{name}}}"), &own(name))
        })
    }

    /// A body that does, with this town's things.
    pub fn body(&self, operation: &Operation) -> Value {
        let (ada, acme) = (self.thing("candidate"), self.thing("application"));
        match operation.path.as_str() {
            "/v1/candidates" => json!({"name": "Grace Hopper", "time_zone": "UTC"}),
            "/v1/keys" => json!({"scopes": ["candidates:read"]}),
            "/v1/webhooks" => json!({"url": "https://hooks.example.com:1/more"}),
            "/v1/webhooks/{webhook}" => json!({"payload": "full"}),
            "/v1/webhooks/{webhook}/redeliveries" => json!({"since": "2026-03-02T09:00:00Z"}),
            "/v1/mail" => json!({"host": "127.0.0.1", "port": 1, "security": "none"}),
            "/v1/playbook" => json!({"plays": [{"play": "write_thank_you", "due": "PT12H"}]}),
            "/v1/playbook/trial" => json!({"candidates": [ada], "playbook": {}}),
            "/v1/templates/{kind}/{tone}" => json!({"variants": [{"subject_line": "x", "body": "Thank you."}]}),
            "/v1/test-clock" => json!({"now": "2026-03-02T15:00:00Z"}),
            "/v1/test-clock/advanced" => json!({"to_next": true}),
            "/v1/facts" => {
                json!({"candidate": ada, "type": "DocumentRequested", "application": acme, "data": {"document": "x"}})
            }
            path => body_of(path, &self.scene),
        }
    }

    /// Sends a request as this town's admin.
    pub async fn asks(&self, operation: &Operation, to: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        self.asks_as(&self.client, operation, to, headers, body).await
    }

    /// Sends a request with another key.
    pub async fn asks_as(
        &self,
        client: &Client,
        operation: &Operation,
        to: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let needs = match operation.path.as_str() {
            "/v1/imports" => "format=export",
            path if path.ends_with("/imports") => "format=vcf",
            _ => "",
        };
        let to = match (needs.is_empty(), to.contains('?')) {
            (true, _) => to.to_owned(),
            (false, true) => format!("{to}&{needs}"),
            (false, false) => format!("{to}?{needs}"),
        };
        let mut request = client.request(operation.method.clone(), &to);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some((content, _)) = &operation.body {
            request = request.header(CONTENT_TYPE, content);
            request = match (content.as_str(), body) {
                ("application/octet-stream", _) => request.body(CARD),
                ("application/x-ndjson", body) => request.body(format!("{}\n", body.unwrap_or_default())),
                (_, body) => request.body(body.unwrap_or_else(|| json!({})).to_string()),
            };
        }
        if operation.streams {
            return begins(request).await;
        }
        client.send(request).await
    }
}

const CARD: &str = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Bo Li\r\nEND:VCARD\r\n";

/// How a stream begins: nothing else of it can be waited for.
async fn begins(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("answered");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = if status == 200 {
        Vec::new()
    } else {
        response.bytes().await.expect("a body").to_vec()
    };
    Answer::of("a stream", status, headers, body)
}

/// An id of a kind that never was.
pub fn never(prefix: &str) -> String {
    let id = CandidateId::new(Uuid::now_v7()).to_string();
    id.replacen("cnd", if prefix.is_empty() { "doc" } else { prefix }, 1)
}

/// The name in paths of what an id begins with.
pub fn named(prefix: &str) -> &'static str {
    let kind = Kind::ALL.iter().find(|kind| kind.prefix() == prefix);
    kind.map_or("document_request", |kind| kind.name())
}

/// What the ids of a name in paths begin with.
pub fn prefix(name: &str) -> &'static str {
    let kind = Kind::ALL.iter().find(|kind| kind.name() == name);
    kind.unwrap_or_else(|| panic!("{name} is no kind of thing")).prefix()
}

/// Whether an operation changes something.
pub fn writes(operation: &Operation) -> bool {
    operation.method != Method::GET && operation.headers.iter().any(|name| name == "Idempotency-Key")
}
