//! A client as small as the stories need: it sends JSON, and an answer that is not the expected one shows itself whole.

use std::{fmt, ops::Index};

use reqwest::{
    Method, RequestBuilder,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde_json::Value;

/// The API as one key sees it.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
}

/// A request that nobody answered.
#[derive(Debug)]
pub struct Unanswered {
    what: String,
    /// Whether it was on its way; else there was nobody to ask.
    pub was_sent: bool,
}

/// What came back.
#[derive(Clone)]
pub struct Answer {
    asked: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The body, if it is JSON.
    pub json: Value,
}

impl Client {
    /// A client of a server, with a key.
    pub fn new(base: String, key: String) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self {
            http: http.build().expect("a client"),
            base,
            key,
        }
    }

    /// The same server with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    /// A request to be added to; `send` sends it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.key)
    }

    /// Sends a request.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request)
            .await
            .unwrap_or_else(|error| panic!("{}", error.what))
    }

    /// Sends a request to a service that may go away.
    pub async fn try_send(&self, request: RequestBuilder) -> Result<Answer, Unanswered> {
        let request = request.build().expect("a request");
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
        let body = String::from_utf8_lossy(&body[..body.len().min(2000)]).into_owned();
        let asked = format!("{} {} {body}", request.method(), request.url());
        let failed = |error: reqwest::Error| Unanswered {
            what: format!("{asked}: {error}"),
            was_sent: !error.is_connect(),
        };
        let response = self.http.execute(request).await.map_err(failed)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(failed)?.to_vec();
        Ok(Answer::of(&asked, status, headers, body))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        let request = self
            .request(Method::PATCH, path)
            .header(CONTENT_TYPE, "application/merge-patch+json");
        self.send(request.body(body.to_string())).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Records a fact; gives the answer's JSON: `event` and `tasks`.
    pub async fn records(&self, path: &str, body: Value) -> Value {
        self.post(path, body).await.is(201).json.clone()
    }

    /// Records a fact that makes a thing, and gives the thing's path.
    pub async fn makes(&self, path: &str, body: Value) -> String {
        self.post(path, body).await.is(201).header("location").to_owned()
    }

    /// What a path shows.
    pub async fn sees(&self, path: &str) -> Value {
        self.get(path).await.is(200).json.clone()
    }

    /// The rows of a list's first page, which must be its only one.
    pub async fn lists(&self, path: &str) -> Vec<Value> {
        let page = self.sees(path).await;
        assert_eq!(page["next_cursor"], Value::Null, "{path} has more than one page");
        page["data"]
            .as_array()
            .unwrap_or_else(|| panic!("{path} is no list: {page}"))
            .clone()
    }

    /// Every fact of the tenant, by the feed.
    pub async fn lists_feed(&self) -> Vec<Value> {
        let (mut facts, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.sees(&format!("/v1/events?limit=100{cursor}")).await;
            let new = page["data"].as_array().expect("facts").clone();
            if new.is_empty() {
                return facts;
            }
            facts.extend(new);
            cursor = format!("&cursor={}", page["next_cursor"].as_str().expect("never null"));
        }
    }

    /// The rows of all pages of a list.
    pub async fn lists_all(&self, path: &str) -> Vec<Value> {
        let join = if path.contains('?') { '&' } else { '?' };
        let (mut rows, mut next) = (Vec::new(), path.to_owned());
        loop {
            let page = self.sees(&next).await;
            rows.extend(
                page["data"]
                    .as_array()
                    .unwrap_or_else(|| panic!("{path} is no list: {page}"))
                    .clone(),
            );
            let Some(cursor) = page["next_cursor"].as_str() else {
                return rows;
            };
            next = format!("{path}{join}cursor={cursor}");
        }
    }
}

impl Answer {
    pub fn of(asked: &str, status: u16, headers: HeaderMap, body: Vec<u8>) -> Self {
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Self {
            asked: asked.to_owned(),
            status,
            headers,
            body,
            json,
        }
    }

    /// Demands a status.
    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Demands a problem document that is whole: this status and code, and what every problem must say.
    #[track_caller]
    pub fn refuses(&self, status: u16, code: &str) -> &Self {
        self.is(status);
        assert_eq!(self.header("content-type"), "application/problem+json", "{self}");
        assert_eq!(self["code"], code, "{self}");
        assert_eq!(self["status"], status, "{self}");
        assert!(
            self["type"]
                .as_str()
                .is_some_and(|page| page.ends_with(&format!("/problems/{code}"))),
            "{self}"
        );
        assert!(
            ["title", "detail", "request_id"]
                .iter()
                .all(|name| self[name].as_str().is_some_and(|it| !it.is_empty())),
            "{self}"
        );
        assert_eq!(self["request_id"], self.header("x-request-id"), "{self}");
        let leaks = ["SELECT", "INSERT", ".rs:", "sqlx", "panicked", "/home", "/root", "/tmp"];
        let body = String::from_utf8_lossy(&self.body);
        assert!(!leaks.iter().any(|leak| body.contains(leak)), "{self}");
        self
    }

    /// Demands that the problem names a value that was not accepted.
    #[track_caller]
    pub fn names(&self, pointer: &str) -> &Self {
        let mut errors = self["errors"].as_array().into_iter().flatten();
        assert!(
            errors.any(|error| error["pointer"] == pointer && error["detail"].is_string()),
            "not {pointer}: {self}"
        );
        self
    }

    /// A header, which must be there.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.maybe_header(name).unwrap_or_else(|| panic!("no {name}: {self}"))
    }

    pub fn maybe_header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Index<&str> for Answer {
    type Output = Value;
    fn index(&self, name: &str) -> &Value {
        &self.json[name]
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\n→ {} {:?}\n{}",
            self.asked,
            self.status,
            self.headers,
            String::from_utf8_lossy(&self.body)
        )
    }
}

/// The id at the end of a thing's path.
pub fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}
