//! What the test knows of the log: what was acknowledged, what a reader of the feed has read by its cursor, and what a
//! receiver of webhooks has heard.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::load::{Ask, What, is_the_same};
use crate::{
    client::{Answer, Client, id},
    webhooks::receiver::Receiver,
};

/// What was acknowledged.
#[derive(Default)]
pub struct Model {
    /// Facts, each with its candidate's path.
    pub recorded: BTreeMap<String, String>,
    erased: BTreeSet<String>,
    /// Requests of this round that have a name, with their answers.
    recent: Vec<(Ask, Answer)>,
    set_up: SetUp,
}

/// What was set up last.
#[derive(Default, Clone)]
pub struct SetUp {
    rules: Option<Value>,
    payload: Option<Value>,
    mail: Option<Value>,
}

/// The facts of an answer.
fn facts(answer: &Answer) -> impl Iterator<Item = &Value> {
    let several = answer["results"].as_array().into_iter().flatten();
    several
        .map(|result| &result["event"])
        .chain([&answer["event"]])
        .filter(|event| event.is_object())
}

impl Model {
    /// Takes a request that was answered.
    pub fn takes(&mut self, ask: Ask, answer: Answer) {
        for fact in facts(&answer) {
            let (event, candidate) = (text(fact, "id"), format!("/v1/candidates/{}", text(fact, "candidate")));
            let before = self.recorded.insert(event, candidate);
            assert!(before.is_none(), "a fact was acknowledged twice: {answer}");
        }
        match ask.what {
            What::Erases => drop(self.erased.insert(ask.candidate.clone())),
            What::Playbook => self.set_up.rules = Some(ask.body["plays"].clone()),
            What::Mail => self.set_up.mail = Some(ask.body["host"].clone()),
            What::Webhook => self.set_up.payload = Some(ask.body["payload"].clone()),
            What::Registers | What::Applies | What::Records => {}
        }
        if ask.name.is_some() {
            self.recent.push((ask, answer));
        }
    }

    /// Whether a candidate lives, as far as is known.
    fn lives(&self, candidate: &str) -> bool {
        !self.erased.contains(candidate)
    }

    /// So many facts the load has recorded, beside what was there before it.
    pub fn by_load(&self) -> usize {
        self.recorded.values().filter(|candidate| !candidate.is_empty()).count()
    }

    /// Some requests that were answered before the crash, for which the answer must be the same after it.
    pub fn remembered(&mut self) -> Vec<(Ask, Answer)> {
        let mut recent = std::mem::take(&mut self.recent);
        recent.retain(|(ask, _)| ask.what == What::Erases || self.lives(&ask.candidate));
        let every = (recent.len() / 8).max(1);
        recent.into_iter().rev().step_by(every).collect()
    }

    pub fn set_up(&self) -> SetUp {
        self.set_up.clone()
    }

    /// What is there before the load.
    pub fn begins_with(&mut self, consumer: &Consumer) {
        for event in &consumer.recorded {
            self.recorded.entry(event.clone()).or_default();
        }
    }
}

impl SetUp {
    /// What was set up last is what is shown.
    pub async fn is_shown(&self, client: &Client, webhook: &str) {
        if let Some(rules) = &self.rules {
            assert_eq!(client.sees("/v1/playbook").await["rules"]["plays"], *rules);
        }
        if let Some(payload) = &self.payload {
            assert_eq!(client.sees(webhook).await["payload"], *payload);
        }
        if let Some(host) = &self.mail {
            assert_eq!(client.sees("/v1/mail").await["host"], *host);
        }
    }
}

/// Sends again what was answered before.
pub async fn answered_as_before(client: &Client, remembered: Vec<(Ask, Answer)>) -> usize {
    let many = remembered.len();
    for (ask, first) in remembered {
        let again = ask.send(client).await.expect("answered");
        // A registration whose candidate was erased meanwhile has nothing to be told again.
        if ask.what == What::Registers && again.status == 409 {
            again.refuses(409, "candidate_erased");
        } else {
            is_the_same(&ask, &first, &again);
        }
    }
    many
}

/// A reader of the feed, who keeps its cursor and its own account.
#[derive(Default)]
pub struct Consumer {
    cursor: Option<String>,
    seen: BTreeSet<String>,
    versions: HashMap<String, u64>,
    /// Facts that a key recorded, and not time.
    recorded: BTreeSet<String>,
}

impl Consumer {
    /// Reads on to the end, or until the service is not there any more.
    pub async fn reads(&mut self, client: &Client) -> bool {
        loop {
            let cursor = self
                .cursor
                .as_ref()
                .map(|it| format!("&cursor={it}"))
                .unwrap_or_default();
            let request = client.request(reqwest::Method::GET, &format!("/v1/events?limit=100{cursor}"));
            let Ok(page) = client.try_send(request).await else {
                return false;
            };
            if page.status == 503 {
                page.refuses(503, "overloaded").header("retry-after");
                return false;
            }
            let facts = page.is(200)["data"].as_array().expect("facts");
            for fact in facts {
                let (event, candidate) = (text(fact, "id"), text(fact, "candidate"));
                let version = fact["version"].as_u64().expect("a version");
                let before = self.versions.insert(candidate, version).unwrap_or(0);
                assert_eq!(version, before + 1, "after version {before} came {fact}");
                if fact["recorded_by"] != "clock" {
                    self.recorded.insert(event.clone());
                }
                assert!(self.seen.insert(event), "it came twice: {fact}");
            }
            self.cursor = Some(text(&page.json, "next_cursor"));
            if facts.is_empty() {
                return true;
            }
        }
    }

    /// What it has read is what was acknowledged, no less and no more.
    pub fn agrees_with(&self, model: &Model) {
        let acknowledged: BTreeSet<&String> = model.recorded.keys().collect();
        let read: BTreeSet<&String> = self.recorded.iter().collect();
        let lost: Vec<_> = acknowledged.difference(&read).collect();
        assert!(lost.is_empty(), "acknowledged facts are gone: {lost:?}");
        let strange: Vec<_> = read.difference(&acknowledged).collect();
        assert!(strange.is_empty(), "facts that no answer told of: {strange:?}");
    }

    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Another reader, who begins anew, finds the same; what comes due meanwhile is read by both.
    pub async fn agrees_with_a_new_one(&mut self, client: &Client) {
        let mut new = Self::default();
        for _ in 0..50 {
            assert!(new.reads(client).await && self.reads(client).await);
            if new.len() == self.len() {
                break;
            }
        }
        assert_eq!(self.seen, new.seen);
        assert_eq!(self.versions, new.versions);
    }
}

/// What a receiver of webhooks has heard.
#[derive(Default)]
pub struct Heard {
    events: BTreeSet<String>,
    versions: HashMap<String, u64>,
    pub again: usize,
}

impl Heard {
    /// Takes what has come since; what is new of a candidate comes in its order.
    pub fn takes(&mut self, receiver: &Receiver) {
        for message in receiver.heard() {
            if !self.events.insert(message.event().to_owned()) {
                self.again += 1;
                continue;
            }
            let version = message.json["candidateversion"].as_u64().expect("a version");
            let before = self
                .versions
                .insert(message.candidate().to_owned(), version)
                .unwrap_or(0);
            assert!(
                version > before,
                "after version {before} of its candidate came {:?}",
                message.json
            );
        }
    }

    /// Facts of candidates who live that it has not heard of.
    pub fn lacks(&self, model: &Model) -> usize {
        let living = model.recorded.iter().filter(|(_, candidate)| model.lives(candidate));
        living.filter(|(event, _)| !self.events.contains(*event)).count()
    }

    pub fn len(&self) -> usize {
        self.events.len()
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
        .to_owned()
}

/// The webhook that leads to a receiver; its path.
pub async fn leads_to(client: &Client, receiver: &Receiver) -> String {
    let made = client
        .post("/v1/webhooks", serde_json::json!({"url": receiver.url}))
        .await;
    format!("/v1/webhooks/{}", id(made.is(201).header("location")))
}
