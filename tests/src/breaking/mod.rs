//! What breaks a client that was generated from the last release's OpenAPI document, `openapi/released.json`: it must be
//! able to send what it sent, to read what it is answered, and its source must still compile when it is generated anew.
//!
//! A check of our own, since none of npm or PyPI reads OpenAPI 3.1 with its unions; the well-known ones are programs in Go.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

mod schemas;
mod tests;

use schemas::{Direction, Schemas};

/// Every way in which a document breaks clients of an older one, as sentences.
pub fn breaks(old: &Value, new: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut schemas = Schemas::new(old, new);
    for name in fields(&old["components"]["schemas"]).map(|(name, _)| name) {
        if new["components"]["schemas"].get(name).is_none() {
            found.insert(format!(
                "{name}: the schema is gone, and the class of that name with it"
            ));
        }
    }
    for (path, methods) in fields(&old["paths"]) {
        for (method, was) in fields(methods) {
            let name = was["operationId"].as_str().unwrap_or_default();
            match new["paths"].get(path).and_then(|methods| methods.get(method)) {
                None => {
                    found.insert(format!("{name}: {method} {path} is gone"));
                }
                Some(is) => operation(name, was, is, &mut schemas, &mut found),
            }
        }
    }
    found.extend(schemas.found);
    found
}

fn operation<'a>(name: &str, was: &'a Value, is: &'a Value, schemas: &mut Schemas<'a>, found: &mut BTreeSet<String>) {
    let mut tell = |told: String| {
        found.insert(format!("{name}: {told}"));
    };
    if was["operationId"] != is["operationId"] {
        tell(format!("is called {} now", is["operationId"]));
    }
    if was["tags"] != is["tags"] {
        tell(format!(
            "is filed under {} now, where Python clients look for it",
            is["tags"]
        ));
    }
    let parameters = |operation: &'a Value| -> BTreeMap<String, &'a Value> {
        let all = operation["parameters"].as_array().into_iter().flatten();
        all.map(|it| (it["name"].to_string(), it)).collect()
    };
    let (before, now) = (parameters(was), parameters(is));
    for (parameter, was) in &before {
        let Some(is) = now.get(parameter) else {
            tell(format!("does not take {parameter} any more"));
            continue;
        };
        if ["in", "style", "explode"].iter().any(|it| was[it] != is[it]) {
            tell(format!("takes {parameter} otherwise"));
        }
        schemas.compare(
            &format!("{name} {parameter}"),
            &was["schema"],
            &is["schema"],
            Direction::Sent,
        );
    }
    for (parameter, is) in &now {
        let was = before.get(parameter).is_some_and(|was| was["required"] == true);
        if is["required"] == true && !was {
            tell(format!("demands {parameter} now"));
        }
    }
    body(name, &was["requestBody"], &is["requestBody"], schemas, &mut tell);
    for (status, was) in fields(&was["responses"]) {
        match is["responses"].get(status) {
            Some(is) => contents(
                &format!("{name} {status}"),
                was,
                is,
                Direction::Read,
                schemas,
                &mut tell,
            ),
            // Problems are all of one form.
            None if status.starts_with('2') => tell(format!("does not answer {status} any more")),
            None => {}
        }
    }
    for (status, _) in fields(&is["responses"]) {
        if status.starts_with('2') && was["responses"].get(status).is_none() {
            tell(format!("answers {status} too"));
        }
    }
}

fn body<'a>(name: &str, was: &'a Value, is: &'a Value, schemas: &mut Schemas<'a>, tell: &mut impl FnMut(String)) {
    if is["required"] == true && was["required"] != true {
        tell("demands a body now".into());
    }
    if was.is_object() && !is.is_object() {
        tell("does not take a body any more".into());
        return;
    }
    contents(&format!("{name} body"), was, is, Direction::Sent, schemas, tell);
}

fn contents<'a>(
    place: &str,
    was: &'a Value,
    is: &'a Value,
    direction: Direction,
    schemas: &mut Schemas<'a>,
    tell: &mut impl FnMut(String),
) {
    for (media, was) in fields(&was["content"]) {
        match is["content"].get(media) {
            None => tell(format!("has no {media} any more, where it had {place}")),
            Some(is) => schemas.compare(place, &was["schema"], &is["schema"], direction),
        }
    }
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// A document without its words and examples: what a client is made of.
pub fn shape(value: &Value) -> Value {
    const WORDS: [&str; 8] = [
        "description",
        "summary",
        "example",
        "examples",
        "info",
        "servers",
        "headers",
        "default",
    ];
    match value {
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(all) => {
            // Of a schema's properties, and of the schemas, every name counts.
            let names = |parent: &str| ["properties", "schemas", "paths", "mapping"].contains(&parent);
            let kept = all.iter().filter(|(name, _)| !WORDS.contains(&name.as_str()));
            kept.map(|(name, value)| match value {
                Value::Object(named) if names(name) => {
                    let named = named.iter().map(|(name, value)| (name.clone(), shape(value)));
                    (name.clone(), Value::Object(named.collect()))
                }
                value => (name.clone(), shape(value)),
            })
            .collect::<Map<_, _>>()
            .into()
        }
        other => other.clone(),
    }
}
