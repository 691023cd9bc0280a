//! Answers, less what must differ from one tenant to the next: what is left is compared whole.

use std::{collections::BTreeSet, time::Duration};

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::client::{Answer, Client};

/// An answer as anybody would be given it: status, headers and body, with whatever was sent, every id and every secret
/// by its kind alone. Lists stand in no order, since ids decide it.
pub fn shown(answer: &Answer, sent: &[String]) -> Value {
    let mut headers = Map::new();
    for (name, value) in &answer.headers {
        let value = value.to_str().unwrap_or_default();
        let told = match name.as_str() {
            // The last is about the connection: whether a body had come by the time that nobody wanted it.
            "date" | "x-request-id" | "content-length" | "connection" => continue,
            // Tags and links are made of what they stand for: that they are there, and for which version.
            "etag" => value
                .rsplit_once('.')
                .map_or("a tag", |(_, version)| version)
                .to_owned(),
            "link" => "a link".to_owned(),
            _ => plain(value, sent),
        };
        headers.insert(name.to_string(), json!(told));
    }
    let body = match &answer.json {
        Value::Null => json!(plain(&String::from_utf8_lossy(&answer.body), sent)),
        json => less(json.clone(), sent),
    };
    json!({"status": answer.status, "headers": headers, "body": body})
}

fn less(value: Value, sent: &[String]) -> Value {
    match value {
        Value::String(text) => json!(plain(&text, sent)),
        Value::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(|item| less(item, sent)).collect();
            items.sort_by_key(ToString::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => {
            let told = fields.into_iter().filter(|(name, _)| name != "request_id");
            let told = told.map(|(name, value)| {
                let secret = ["key", "secret", "next_cursor"].contains(&name.as_str()) && value.is_string();
                let value = if secret { json!("a secret") } else { less(value, sent) };
                (name, value)
            });
            Value::Object(told.collect())
        }
        other => other,
    }
}

/// A text with `§` for what was sent, and ids by their kind.
fn plain(text: &str, sent: &[String]) -> String {
    let mut text = sent
        .iter()
        .filter(|it| it.len() > 3)
        .fold(text.to_owned(), |text, sent| text.replace(sent, "§"));
    if let Some((before, _)) = text.split_once("/v1/calendars/awc_") {
        return format!("{before}/v1/calendars/a secret");
    }
    for id in ids(&text) {
        let (prefix, _) = id.split_once('_').unwrap_or_default();
        text = text.replace(&id, &format!("{prefix}_…"));
    }
    text
}

/// Every id in an answer.
pub fn ids_in(answer: &Answer) -> BTreeSet<String> {
    let headers = answer.headers.values().filter_map(|value| value.to_str().ok());
    let body = String::from_utf8_lossy(&answer.body);
    headers.chain([body.as_ref()]).flat_map(ids).collect()
}

/// Every id in a text.
fn ids(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let marks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_');
    let of = |(at, _): (usize, &u8)| {
        let start = bytes[..at]
            .iter()
            .rposition(|byte| !byte.is_ascii_lowercase())
            .map_or(0, |before| before + 1);
        let end = at + 27;
        let suffix = bytes.get(at + 1..end)?;
        let whole = !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
        let is_one = suffix
            .iter()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
        (whole && is_one && start < at).then(|| text[start..end].to_owned())
    };
    marks.filter_map(of).collect()
}

/// The id of the first message of a stream, by which a reader comes back.
pub async fn first_message(client: &Client) -> String {
    let response = client
        .request(Method::GET, "/v1/events/stream")
        .send()
        .await
        .expect("answered");
    let (mut stream, mut text) = (response.bytes_stream(), String::new());
    let reading = async {
        while !text.contains("\n\n") {
            text += &String::from_utf8_lossy(&stream.next().await.expect("more").expect("bytes"));
        }
        let line = text.lines().find_map(|line| line.strip_prefix("id:")).expect("an id");
        line.trim().to_owned()
    };
    tokio::time::timeout(Duration::from_secs(10), reading)
        .await
        .expect("a message")
}

#[test]
fn an_answer_is_told_without_what_is_its_tenants_own() {
    let text = "/v1/candidates/cnd_01k9ze3n8qfq7s5b1x5n0v3gk2?x=aw_live_1";
    assert_eq!(ids(text), ["cnd_01k9ze3n8qfq7s5b1x5n0v3gk2"]);
    assert_eq!(plain(text, &[]), "/v1/candidates/cnd_…?x=aw_live_1");
    assert_eq!(
        plain(text, &["cnd_01k9ze3n8qfq7s5b1x5n0v3gk2".to_owned()]),
        "/v1/candidates/§?x=aw_live_1"
    );
    assert!(ids("no_id and cnd_01k9ze3n8qfq7s5b1x5n0v3gk2x").is_empty());
}
