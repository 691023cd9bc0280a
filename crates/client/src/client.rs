//! The connection: an address, a key, and what is the same for every request.

use std::{fmt, sync::Arc};

use afterword_domain::{
    boards::{BoardApplication, BoardRejection, QueuedTask},
    ids::CandidateId,
    profile::CandidateRegistered,
};
use reqwest::{Method, RequestBuilder, Url};
use serde::de::DeserializeOwned;

use crate::{Candidate, Error, Event, Recording, Rows, fresh};

/// The API as one key sees it. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Arc<str>,
    key: Arc<str>,
}

// A key does not belong into anybody's log.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the service at an address, with a key. `https` wants the feature of that name.
    pub fn new(base: &str, key: &str) -> Result<Self, Error> {
        let http = reqwest::Client::builder();
        #[cfg(feature = "https")]
        let http = http.tls_backend_preconfigured(crate::https::trusting_the_system()?);
        Self::over(http.build()?, base, key)
    }

    /// The same over an HTTP client that is there: with a proxy, a time limit, certificates of its own.
    pub fn over(http: reqwest::Client, base: &str, key: &str) -> Result<Self, Error> {
        let url = Url::parse(base).map_err(|error| Error::Address(format!("{base}: {error}")))?;
        Ok(Self {
            http,
            base: url.as_str().trim_end_matches('/').into(),
            key: key.into(),
        })
    }

    /// Any request of the API, with the key; [`Self::answer`] sends it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.key)
    }

    /// Sends a request and reads the answer.
    pub async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let response = request.send().await?;
        if !response.status().is_success() {
            return Err(Error::of(response).await);
        }
        Ok(serde_json::from_slice(&response.bytes().await?)?)
    }

    /// What a path shows. Views of the service are in [`crate::domain`]; a [`serde_json::Value`] takes everything.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, Error> {
        self.answer(self.request(Method::GET, &with_query(path, query)?)).await
    }

    /// A candidate, by id. Nothing is asked for yet.
    pub fn candidate(&self, id: CandidateId) -> Candidate<'_> {
        Candidate { client: self, id }
    }

    /// Registers a candidate, with a fresh id.
    #[must_use = "it is sent when it is awaited"]
    pub fn register(&self, fact: CandidateRegistered) -> Recording<'_, CandidateRegistered> {
        self.candidate(CandidateId::new(fresh())).record(fact)
    }

    /// The task queue across candidates: `candidate`, `group`, `state`, `play`, `due_before` and more narrow it.
    pub fn tasks(&self, query: &[(&str, &str)]) -> Rows<QueuedTask> {
        self.list("/v1/tasks", query)
    }

    /// The applications board across candidates.
    pub fn applications(&self, query: &[(&str, &str)]) -> Rows<BoardApplication> {
        self.list("/v1/applications", query)
    }

    /// The rejections across candidates.
    pub fn rejections(&self, query: &[(&str, &str)]) -> Rows<BoardRejection> {
        self.list("/v1/rejections", query)
    }

    /// The feed of facts, to its present end; `types` and `candidate` narrow it. [`Self::page`] of `/v1/events` gives the
    /// place to go on from, and with `wait` stays until there is news.
    pub fn events(&self, query: &[(&str, &str)]) -> Rows<Event> {
        self.list("/v1/events", query)
    }
}

/// A path with its query.
pub(crate) fn with_query(path: &str, query: &[(&str, &str)]) -> Result<String, Error> {
    if query.is_empty() {
        return Ok(path.to_owned());
    }
    let url = Url::parse_with_params(&format!("http://localhost{path}"), query)
        .map_err(|error| Error::Address(format!("{path}: {error}")))?;
    Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_does_not_show_its_key() {
        let client = Client::new("http://localhost:8080", "aw_live_secret").expect("a client");
        let shown = format!("{client:?} {:?}", client.candidate(CandidateId::new(fresh())));
        assert!(shown.contains("localhost") && !shown.contains("secret"), "{shown}");
    }
}
