//! Webhooks: told of facts at least once, signed, in order per candidate; who fails, hangs, sends elsewhere or is gone
//! holds up nobody else. Days of failing pass on a clock that is moved by hand.

mod delivering;
mod failing;
mod managing;
mod platforms;
pub mod receiver;

use std::ops::Deref;

use afterword::{app::Options, outgoing::Outgoing, service::Service, webhooks::worker::WebhookWorker};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    client::Client,
    harness::{World, behind, serve},
    scenes::Scene,
};

use receiver::{Message, Receiver, Reply};

/// A scene beside a server that may send to private addresses, and the worker that sends.
pub struct Stage {
    scene: Scene,
    /// The admin at that server.
    hooks: Client,
    service: Service,
    worker: WebhookWorker,
}

impl Deref for Stage {
    type Target = Scene;
    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl Stage {
    async fn new(world: World) -> Self {
        let scene = Scene::applied(world).await;
        let service = Service::new(scene.store.clone(), scene.clock.clone()).reaching(Outgoing::new(true));
        let hooks = Client::new(serve(service.clone(), Options::default()), scene.key().to_owned());
        Self {
            worker: WebhookWorker::new(&service),
            hooks,
            service,
            scene,
        }
    }

    /// Makes a webhook that leads to a receiver; its path, and its secret.
    async fn told(&self, receiver: &Receiver, mut more: Value) -> (String, String) {
        more["url"] = json!(receiver.url);
        let made = self.hooks.post("/v1/webhooks", more).await;
        let secret = made.is(201)["secret"].as_str().expect("a secret").to_owned();
        (made.header("location").to_owned(), secret)
    }

    /// Sends what is due, and says when something is next.
    async fn round(&self) -> Option<Timestamp> {
        let (worker, tenant) = (self.worker.clone(), self.tenant);
        let round = behind(async move { worker.round(tenant).await });
        round.await.expect("done").expect("the store answers")
    }

    async fn asks_for(&self, document: &str) -> Value {
        let path = format!("{}/document-requests", self.acme);
        self.records(&path, json!({"document": document})).await["event"].clone()
    }

    fn passes(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// Deliveries, the oldest first.
    async fn deliveries(&self, webhook: &str, query: &str) -> Vec<Value> {
        let mut rows = self.hooks.lists_all(&format!("{webhook}/deliveries{query}")).await;
        rows.reverse();
        rows
    }
}

fn ids(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(Message::event).collect()
}

fn told(facts: &[Value]) -> Vec<&str> {
    facts.iter().map(|fact| fact["id"].as_str().expect("an id")).collect()
}
