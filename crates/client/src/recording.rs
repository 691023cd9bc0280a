//! Recording a fact: any fact by its type, through the one endpoint that takes them all.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
};

use afterword_domain::{
    fact::Fact,
    ids::{ApplicationId, EventId, Subject},
    time::Instant,
};
use reqwest::{Method, header::ETAG};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Candidate, Error, ErrorAt, Event, fresh};

/// A fact from JSON, of which only what is known need be said. It is read by the service's own rules.
pub fn fact<F: Fact>(said: Value) -> Result<F, Error> {
    Ok(serde_json::from_value(said)?)
}

/// A fact that is about to be recorded: awaiting it sends it. Sent again, a clone of it has one effect and the same
/// answer, since its id and its `Idempotency-Key` were chosen when it was made.
#[derive(Debug, Clone)]
#[must_use = "it is sent when it is awaited"]
pub struct Recording<'a, F> {
    to: Candidate<'a>,
    fact: F,
    envelope: Map<String, Value>,
    name: String,
    if_match: Option<String>,
}

/// A fact that was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The fact in the log, with the tasks that it moved.
    pub event: Event,
    /// Whether it stood in the log already.
    pub already: bool,
    /// Whether the answer is that of an earlier request of the same name.
    pub replayed: bool,
    /// The candidate's new tag, for [`Recording::if_match`].
    pub etag: Option<String>,
}

impl<'a, F: Fact> Recording<'a, F> {
    pub(crate) fn new(to: Candidate<'a>, fact: F) -> Self {
        let mut envelope = Map::new();
        envelope.insert("id".into(), json!(EventId::new(fresh())));
        Self {
            to,
            fact,
            envelope,
            name: fresh().to_string(),
            if_match: None,
        }
    }

    /// What it is about; for a fact that makes a thing, the id that the thing will have, else a fresh one.
    pub fn about(self, subject: impl Into<Subject>) -> Self {
        self.with("subject", json!(subject.into()))
    }

    /// The application it belongs to, where what it is about does not say so.
    pub fn within(self, application: ApplicationId) -> Self {
        self.with("application", json!(application))
    }

    /// When it happened; else now, or when the fact itself says.
    pub fn at(self, occurred_at: Instant) -> Self {
        self.with("occurred_at", json!(occurred_at))
    }

    /// The id that the fact will have, where the client keeps facts of its own.
    pub fn id(self, id: EventId) -> Self {
        self.with("id", json!(id))
    }

    /// The request's `Idempotency-Key`, where the client keeps requests of its own: the same request under the same key
    /// has one effect.
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Only if the candidate has not moved on since this tag.
    pub fn if_match(mut self, etag: &str) -> Self {
        self.if_match = Some(etag.to_owned());
        self
    }

    fn with(mut self, field: &str, value: Value) -> Self {
        self.envelope.insert(field.to_owned(), value);
        self
    }

    async fn send(self) -> Result<Recorded, Error> {
        let mut fact = self.envelope;
        fact.insert("type".into(), F::NAME.into());
        fact.insert("data".into(), serde_json::to_value(&self.fact)?);
        let request = self.to.client.request(Method::POST, &self.to.path("facts"));
        let mut request = request.header("Idempotency-Key", self.name);
        if let Some(etag) = self.if_match {
            request = request.header("If-Match", etag);
        }
        let response = request.json(&json!({"atomic": true, "facts": [fact]})).send().await?;
        if !response.status().is_success() {
            return Err(within_the_fact(Error::of(response).await));
        }
        let header = |name| response.headers().get(name)?.to_str().ok().map(ToOwned::to_owned);
        let etag = header(ETAG.as_str());
        let replayed = header("Idempotency-Replayed").is_some();
        let FactResults { results: [result] } = serde_json::from_slice(&response.bytes().await?)?;
        Ok(Recorded {
            event: result.event,
            already: result.status == "already_recorded",
            replayed,
            etag,
        })
    }
}

impl<'a, F: Fact + Send + 'a> IntoFuture for Recording<'a, F> {
    type Output = Result<Recorded, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

#[derive(Deserialize)]
struct FactResults {
    results: [FactResult; 1],
}

#[derive(Deserialize)]
struct FactResult {
    status: String,
    event: Event,
}

/// A problem of the one fact that was sent points into it.
fn within_the_fact(error: Error) -> Error {
    let Error::Refused(mut problem) = error else {
        return error;
    };
    for ErrorAt { pointer, .. } in &mut problem.errors {
        if let Some(within) = pointer.strip_prefix("/facts/0") {
            *pointer = within.strip_prefix("/data").unwrap_or(within).to_owned();
        }
    }
    Error::Refused(problem)
}
