//! One message to one webhook: what it says, how it is signed, and what the answer means.

use std::time::Duration;

use afterword_store::{Aad, DataKey, FeedEntry, TenantId, WebhookRow};
use bytes::Bytes;
use hyper::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::schedule;
use crate::{
    candid,
    edge::webhook_secret::WebhookSecret,
    events::CloudEvent,
    outgoing::{Outgoing, Unreachable},
    service::Service,
};

/// A receiver that has not answered after so long has failed.
const PATIENCE: Duration = Duration::from_secs(15);
const STRUCTURED: HeaderValue = HeaderValue::from_static("application/cloudevents+json");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("Afterword/", env!("CARGO_PKG_VERSION")));

/// What of a webhook is sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sealed {
    /// Where it is.
    pub url: String,
    /// Its secrets, the newest first.
    pub secrets: Vec<Secret>,
}

/// A secret, and until when messages are signed with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Secret {
    secret: String,
    until: Option<i64>,
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Delivered(u16),
    /// It was not; perhaps it will be.
    Failed {
        /// What was answered, if anything was.
        status: Option<u16>,
        /// Why nothing was.
        error: Option<&'static str>,
        /// For how long the receiver wants no more.
        retry_after: Option<SignedDuration>,
    },
    /// There is nobody any more, and there will not be.
    Gone,
}

fn key(service: &Service) -> DataKey {
    service.recorder.store().sealing_key("webhooks")
}

const fn place(tenant: TenantId, webhook: Uuid) -> Aad<'static> {
    Aad {
        tenant,
        candidate: Uuid::nil(),
        purpose: "webhook",
        id: webhook,
    }
}

impl Sealed {
    /// For an address, with its first secret.
    pub fn new(url: String, secret: &WebhookSecret) -> Self {
        let secret = Secret {
            secret: secret.expose(),
            until: None,
        };
        Self {
            url,
            secrets: vec![secret],
        }
    }

    /// Reads what is sealed.
    pub fn open(service: &Service, tenant: TenantId, row: &WebhookRow) -> Option<Self> {
        let plain = key(service).open(&place(tenant, row.id), &row.sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// Seals it.
    pub fn seal(&self, service: &Service, tenant: TenantId, webhook: Uuid) -> Vec<u8> {
        let plain = serde_json::to_vec(self).unwrap_or_default();
        key(service).seal(&place(tenant, webhook), &plain)
    }

    /// Signs with a new secret from now on, and with those before it until a moment.
    pub fn roll(&mut self, secret: &WebhookSecret, now: Timestamp, until: Timestamp) {
        const MOST: usize = 4;
        let until = until.as_microsecond();
        for old in &mut self.secrets {
            old.until = Some(old.until.map_or(until, |before| before.min(until)));
        }
        let now = now.as_microsecond();
        self.secrets.retain(|old| old.until.is_none_or(|until| until > now));
        self.secrets.truncate(MOST);
        let secret = Secret {
            secret: secret.expose(),
            until: None,
        };
        self.secrets.insert(0, secret);
    }

    /// The signatures of a message, with blanks between.
    fn sign(&self, id: &str, now: Timestamp, body: &[u8]) -> String {
        let valid = |secret: &&Secret| secret.until.is_none_or(|until| until > now.as_microsecond());
        let secrets = self.secrets.iter().filter(valid);
        let signatures: Vec<String> = secrets
            .filter_map(|secret| WebhookSecret::parse(&secret.secret))
            .map(|secret| secret.sign(id, now.as_second(), body))
            .collect();
        signatures.join(" ")
    }
}

/// What a webhook is told of a fact: `thin` holds ids and times alone, and what is candid is told only where it may be.
pub fn body(row: &WebhookRow, entry: &FeedEntry, is_sample: bool) -> Bytes {
    let event = if row.payload == "full" {
        CloudEvent::of(entry)
    } else {
        CloudEvent::thin(entry)
    };
    let event = if is_sample { event.marked_as_sample() } else { event };
    let body = serde_json::to_vec(&event).unwrap_or_default();
    let kept = if row.candid { None } else { candid::pruned(&body) };
    kept.unwrap_or(body).into()
}

/// Sends a message and waits for the answer.
pub async fn send(outgoing: &Outgoing, to: &Sealed, id: &str, body: Bytes, now: Timestamp) -> Outcome {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, STRUCTURED);
    headers.insert(USER_AGENT, AGENT);
    for (name, value) in [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", now.as_second().to_string()),
        ("webhook-signature", to.sign(id, now, &body)),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let outcome = match outgoing.post(&to.url, headers, body, PATIENCE).await {
        Ok(answer) if answer.status.is_success() => Outcome::Delivered(answer.status.as_u16()),
        Ok(answer) if answer.status == StatusCode::GONE => Outcome::Gone,
        Ok(answer) => {
            let asked = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            Outcome::Failed {
                status: Some(answer.status.as_u16()),
                error: None,
                retry_after: asked.and_then(|value| schedule::retry_after(value, now)),
            }
        }
        Err(error) => Outcome::Failed {
            status: None,
            error: Some(named(&error)),
            retry_after: None,
        },
    };
    let told = match outcome {
        Outcome::Delivered(_) => "delivered",
        Outcome::Failed { .. } => "failed",
        Outcome::Gone => "gone",
    };
    metrics::counter!("afterword_webhook_attempts_total", "outcome" => told).increment(1);
    outcome
}

/// A reason in one word, as it is kept and listed.
fn named(error: &Unreachable) -> &'static str {
    match error {
        Unreachable::NoAddress | Unreachable::Scheme | Unreachable::UserInfo | Unreachable::Refused => "not_permitted",
        Unreachable::Unknown => "unknown_host",
        Unreachable::Connection => "connection",
        Unreachable::Timeout => "timeout",
    }
}
