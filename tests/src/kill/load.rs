//! What the service is put under: writers that register, record, send many facts at once, erase and set up, each request
//! under a name or with the fact's own id, and never with an answer taken for granted. What was answered goes into the
//! model; what was not is sent again until it is.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use afterword_domain::ids::EventId;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::Model;
use crate::client::{Answer, Client, Unanswered, id};

/// So many candidates a writer has of its own; then it erases one.
const OWN: usize = 3;

/// A sequence of numbers that a seed stands for (SplitMix64).
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From the environment, where a run is to be gone through again; it is printed in any case.
    pub fn printed(of: &str) -> Self {
        let wanted = std::env::var("AFTERWORD_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = wanted.unwrap_or_else(|| Uuid::now_v7().as_u64_pair().1 >> 8);
        eprintln!("{of}: AFTERWORD_SEED={seed}");
        Self(seed)
    }

    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.throw() % end
    }
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Registers,
    Applies,
    Records,
    Erases,
    Playbook,
    Webhook,
    Mail,
}

/// A request that can be sent again.
#[derive(Debug, Clone)]
pub struct Ask {
    pub what: What,
    /// The candidate it is about, by its path.
    pub candidate: String,
    pub method: Method,
    pub path: String,
    pub body: Value,
    /// Its `Idempotency-Key`; without one its facts have ids.
    pub name: Option<String>,
}

impl Ask {
    /// A request with a name of its own.
    pub fn named(what: What, candidate: &str, method: Method, path: &str, body: Value) -> Self {
        Self {
            what,
            candidate: candidate.to_owned(),
            method,
            path: path.to_owned(),
            body,
            name: Some(Uuid::now_v7().to_string()),
        }
    }

    /// A fact of an application, told by its path.
    pub fn for_a_document(application: &str, body: Value) -> Self {
        let path = format!("{application}/document-requests");
        Self::named(What::Records, &of(application), Method::POST, &path, body)
    }

    pub async fn send(&self, client: &Client) -> Result<Answer, Unanswered> {
        let mut request = client.request(self.method.clone(), &self.path);
        if let Some(name) = &self.name {
            request = request.header("Idempotency-Key", name);
        }
        request = match self.method {
            Method::DELETE => request,
            Method::PATCH => request
                .header("content-type", "application/merge-patch+json")
                .body(self.body.to_string()),
            _ => request.json(&self.body),
        };
        client.try_send(request).await
    }
}

/// A candidate of a writer's own, with an application once there is one.
struct Own {
    candidate: String,
    application: Option<String>,
}

/// A request that was cut off, and was sent again.
pub struct Settled {
    /// Whether its answer alone had been lost, as far as its name tells.
    pub was_done: bool,
}

/// One of those who write. It is taken up again after each crash, with what it has open.
pub struct Writer {
    dice: Dice,
    own: VecDeque<Own>,
    /// Applications that all writers record facts of.
    shared: Arc<[String]>,
    /// Only one sets up, so that it is known what was set last.
    webhook: Option<String>,
    open: Option<Ask>,
    /// Whether what is open was on its way when the service went.
    was_sent: bool,
    model: Arc<Mutex<Model>>,
}

/// The answer, by a client that comes back when it is told to: on a busy machine what has come due is announced first.
async fn answered(ask: &Ask, client: &Client) -> Answer {
    for _ in 0..6 {
        let answer = ask.send(client).await.expect("answered");
        if answer.status != 503 {
            return answer;
        }
        answer.refuses(503, "overloaded").header("retry-after");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("the service stays busy");
}

impl Writer {
    pub fn new(seed: u64, shared: Arc<[String]>, webhook: Option<String>, model: Arc<Mutex<Model>>) -> Self {
        Self {
            dice: Dice::new(seed),
            own: VecDeque::new(),
            shared,
            webhook,
            open: None,
            was_sent: false,
            model,
        }
    }

    /// Records facts of other applications from now on.
    pub fn turns_to(&mut self, shared: &Arc<[String]>) {
        self.shared = Arc::clone(shared);
    }

    /// Writes until told to stop, or until the service is not there any more. Told to come back, it comes back.
    pub async fn writes(mut self, client: Client, stop: Arc<AtomicBool>) -> Self {
        while !stop.load(Ordering::Relaxed) {
            let ask = self.open.take().unwrap_or_else(|| self.next());
            match ask.send(&client).await {
                Ok(answer) if answer.status == 503 => {
                    answer.refuses(503, "overloaded").header("retry-after");
                    self.open = Some(ask);
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
                Ok(answer) => self.took(ask, answer),
                Err(unanswered) => {
                    self.open = Some(ask);
                    self.was_sent = unanswered.was_sent;
                    return self;
                }
            }
        }
        self
    }

    /// Sends again what was under way when the service went: it has one effect, and from now on one answer.
    pub async fn settles(&mut self, client: &Client) -> Option<Settled> {
        let ask = self.open.take()?;
        let first = answered(&ask, client).await;
        let again = answered(&ask, client).await;
        self.took(ask.clone(), first.clone());
        is_the_same(&ask, &first, &again);
        let was_sent = std::mem::take(&mut self.was_sent);
        was_sent.then(|| Settled {
            was_done: first.maybe_header("idempotency-replayed").is_some(),
        })
    }

    fn took(&mut self, ask: Ask, answer: Answer) {
        assert!((200..300).contains(&answer.status), "{answer}");
        match ask.what {
            What::Registers => self.own.push_back(Own {
                candidate: answer.header("location").to_owned(),
                application: None,
            }),
            What::Applies => {
                let made = Some(answer.header("location").to_owned());
                let mut own = self.own.iter_mut();
                own.find(|own| own.candidate == ask.candidate)
                    .expect("its own")
                    .application = made;
            }
            What::Erases => self.own.retain(|own| own.candidate != ask.candidate),
            What::Records | What::Playbook | What::Webhook | What::Mail => {}
        }
        self.model.lock().expect("no panic").takes(ask, answer);
    }

    fn next(&mut self) -> Ask {
        if self.own.len() > OWN {
            let candidate = self.own[0].candidate.clone();
            return Ask::named(What::Erases, &candidate, Method::DELETE, &candidate, Value::Null);
        }
        let without = self.own.iter().find(|own| own.application.is_none());
        if let Some(candidate) = without.map(|own| own.candidate.clone()) {
            let body = json!({"organisation": {"name": "Acme"}, "position": "Engineer"});
            let path = format!("{candidate}/applications");
            return Ask::named(What::Applies, &candidate, Method::POST, &path, body);
        }
        match self.dice.below(16) {
            0..3 => {
                let body = json!({"name": "Ada Lovelace", "time_zone": "Europe/Berlin"});
                Ask::named(What::Registers, "", Method::POST, "/v1/candidates", body)
            }
            3..8 => {
                let application = self.some();
                let body = json!({"id": event(), "document": "references"});
                let mut ask = Ask::for_a_document(&application, body);
                ask.name = None;
                ask
            }
            8..12 => {
                let application = self.some();
                Ask::for_a_document(&application, json!({"document": "transcript"}))
            }
            12 if self.webhook.is_some() => self.sets_up(),
            _ => {
                let application = self.some();
                let candidate = of(&application);
                let atomic = self.dice.below(2) == 0;
                let facts: Vec<Value> = (0..2 + self.dice.below(4))
                    .map(|_| {
                        json!({"type": "DocumentRequested", "id": event(), "application": id(&application),
                            "data": {"document": "work samples"}})
                    })
                    .collect();
                let path = format!("{candidate}/facts");
                let body = json!({"atomic": atomic, "facts": facts});
                Ask::named(What::Records, &candidate, Method::POST, &path, body)
            }
        }
    }

    fn sets_up(&mut self) -> Ask {
        let webhook = self.webhook.clone().unwrap_or_default();
        match self.dice.below(4) {
            0 => {
                let hours = 12 + self.dice.below(12);
                let body = json!({"plays": [{"play": "write_thank_you", "due": format!("PT{hours}H")}]});
                Ask::named(What::Playbook, "", Method::PUT, "/v1/playbook", body)
            }
            1 => {
                let host = format!("smtp{}.example.com", self.dice.below(1000));
                let body =
                    json!({"host": host, "port": 587, "security": "starttls", "username": "ada", "password": "secret"});
                Ask::named(What::Mail, "", Method::PUT, "/v1/mail", body)
            }
            _ => {
                let payload = ["thin", "full"][self.dice.below(2) as usize];
                Ask::named(What::Webhook, "", Method::PATCH, &webhook, json!({"payload": payload}))
            }
        }
    }

    /// An application, of all or of its own.
    fn some(&mut self) -> String {
        let own: Vec<&String> = self.own.iter().filter_map(|own| own.application.as_ref()).collect();
        let nth = self.dice.0 as usize % (own.len() + 2);
        self.dice.throw();
        match own.get(nth) {
            Some(application) => (*application).clone(),
            None => self.shared[nth % self.shared.len()].clone(),
        }
    }
}

fn event() -> String {
    EventId::new(Uuid::now_v7()).to_string()
}

/// The candidate in a path.
fn of(path: &str) -> String {
    path.split('/').take(4).collect::<Vec<_>>().join("/")
}

/// A request sent again is answered as before, and where it has a name the answer says that it was sent before.
#[track_caller]
pub fn is_the_same(ask: &Ask, first: &Answer, again: &Answer) {
    if ask.name.is_none() {
        assert_eq!(first["event"]["id"], again["event"]["id"], "{first}\n{again}");
        return;
    }
    assert_eq!(again.maybe_header("idempotency-replayed"), Some("true"), "{again}");
    assert_eq!(first.status, again.status, "{first}\n{again}");
    // How far behind a webhook is, its view tells of now.
    if ask.what != What::Webhook {
        assert_eq!(first.json, again.json, "{first}\n{again}");
        for header in ["etag", "location"] {
            assert_eq!(
                first.maybe_header(header),
                again.maybe_header(header),
                "{first}\n{again}"
            );
        }
    }
}
