//! A debrief is candid: its answers and lessons are for readers of debriefs. What is candid is said by the facts
//! themselves (`Fact::CANDID`); it is taken out of every answer in one place, on its way out, so that no endpoint can
//! forget it. Views call their fields as the facts do.

use std::{pin::Pin, sync::LazyLock};

use actix_web::{
    HttpResponse,
    body::{BodyStream, BoxBody, MessageBody, to_bytes},
    http::header,
};
use afterword_domain::catalogue::AnyFact;
use bytes::Bytes;
use futures_util::Stream;
use serde_json::Value;

/// The names of candid fields.
static CANDID: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let facts = AnyFact::KINDS.iter();
    facts.flat_map(|kind| kind.candid).copied().collect()
});

/// The names of candid fields.
pub fn names() -> impl Iterator<Item = &'static str> {
    CANDID.iter().copied()
}

/// Lines of JSON that are answered one by one.
pub const LINES: &str = "application/x-ndjson";

/// An answer without what is candid.
pub async fn without(response: HttpResponse) -> HttpResponse {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.as_bytes().windows(4).any(|some| some == b"json"));
    if !is_json {
        return response;
    }
    if kind.is_some_and(|kind| kind == LINES) {
        // Its end may be far off, or never come: whoever writes it writes whole lines.
        return response.map_body(|_, body| BoxBody::new(BodyStream::new(kept(body))));
    }
    let (response, body) = response.into_parts();
    // What cannot be read cannot be looked through.
    let bytes = to_bytes(body).await.unwrap_or_default();
    let kept = pruned(&bytes).map_or_else(|| BoxBody::new(bytes), BoxBody::new);
    response.set_body(kept)
}

/// The parts of a body, each without what is candid.
fn kept(mut body: BoxBody) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    futures_util::stream::poll_fn(move |context| {
        let part = Pin::new(&mut body).poll_next(context);
        part.map(|part| {
            part.map(|part| match part {
                Ok(bytes) => Ok(pruned(&bytes).map_or(bytes, |mut kept| {
                    kept.push(b'\n');
                    kept.into()
                })),
                Err(error) => Err(actix_web::error::ErrorInternalServerError(error)),
            })
        })
    })
}

/// JSON without candid fields; none where there are none. Lines of JSON are looked through one by one.
pub fn pruned(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let named = |name: &&str| text.contains(&format!("\"{name}\""));
    if !CANDID.iter().any(named) {
        return None;
    }
    let mut kept = Vec::with_capacity(bytes.len());
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let mut value = value.unwrap_or_default();
        prune(&mut value);
        if !kept.is_empty() {
            kept.push(b'\n');
        }
        serde_json::to_writer(&mut kept, &value).unwrap_or_default();
    }
    Some(kept)
}

/// Takes candid fields out of a value.
pub fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !CANDID.contains(&name.as_str()));
            fields.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The schema of a fact as it is read: what is candid may be missing.
pub fn as_read(fact: &Value, candid: &[&str]) -> Value {
    let mut schema = fact.clone();
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_none_or(|name| !candid.contains(&name)));
    }
    for name in candid {
        let field = &mut schema["properties"][*name];
        let told = field["description"].as_str().unwrap_or_default();
        field["description"] = format!("{told} Left out for readers without `debriefs:read`.").into();
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candid_fields_are_taken_out_at_every_depth_and_from_every_line() {
        let told = pruned(br#"{"data": [{"answer": "secret", "question": "Why?"}]}"#).expect("pruned");
        assert_eq!(told, br#"{"data":[{"question":"Why?"}]}"#);
        let lines = pruned(b"{\"lessons\": []}\n{\"a\": 1}\n").expect("pruned");
        assert_eq!(lines, b"{}\n{\"a\":1}");
        assert_eq!(pruned(br#"{"text": "my answer"}"#), None, "only fields are candid");
    }
}
