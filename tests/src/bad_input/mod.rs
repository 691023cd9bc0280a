//! Whatever is wrong with a request is a problem document that names it, and nothing is recorded.

use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    harness::World,
};

mod bodies;
mod fields;
mod ids;
mod lists_of_facts;
mod queries;
mod requests;
mod times;

/// A valid id of any kind, less its prefix, which nobody has.
const NOBODY: &str = "01k9ze3n8qfq7s5b1x5n0v3gk2";

/// Runs attempts, after which the log must be as long as before.
async fn records_nothing(world: &World, attempts: impl AsyncFnOnce()) {
    let before = world.head().await;
    attempts().await;
    assert_eq!(world.head().await, before, "something was recorded");
}

async fn sends(client: &Client, method: Method, path: &str, content: &str, body: impl Into<Vec<u8>>) -> Answer {
    let request = client.request(method, path).header(CONTENT_TYPE, content);
    client.send(request.body(body.into())).await
}

async fn posts(client: &Client, path: &str, body: impl Into<Vec<u8>>) -> Answer {
    sends(client, Method::POST, path, "application/json", body).await
}

/// A registration with something else in it.
fn ada(field: &str, value: Value) -> Value {
    let mut ada = json!({"name": "Ada Lovelace", "time_zone": "Europe/Berlin"});
    ada[field] = value;
    ada
}

/// Posts bodies that must be refused, one a line: the pointer that must be named, a blank, and JSON. A registration
/// needs only the fields that make it wrong.
async fn refuses(client: &Client, path: &str, table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (pointer, body) = line.split_once(' ').expect("a pointer and a body");
        let mut body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{line}: {error}"));
        if path == "/v1/candidates" {
            for field in ["name", "time_zone"] {
                let right = ada("name", json!("Ada"))[field].clone();
                let body = body.as_object_mut().expect("an object");
                body.entry(field).or_insert(right);
            }
        }
        client.post(path, body).await.refuses(422, "invalid").names(pointer);
    }
}
