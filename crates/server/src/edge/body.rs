//! Reading a request's body: bytes within a limit and in time, a JSON object, then a typed value.

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{HttpMessage, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::admission::{KeyInUse, give_turn_back, take_turn};
use super::pace::Pace;
use super::problem::{Code, Problem};
use super::room::Room;
use super::scopes::Caller;
use super::{instant, json, pointer};

/// The largest JSON body.
pub const LIMIT: usize = 1 << 20;

/// The request's JSON object. An empty body is an empty object and needs no Content-Type.
pub async fn read_json(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
) -> Result<Map<String, Value>, Problem> {
    let bytes = read_bytes(request, payload, limit).await?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let merge_patch = *request.method() == Method::PATCH && has_type(request, "application/merge-patch+json");
    if !merge_patch && !has_type(request, "application/json") {
        let right = if *request.method() == Method::PATCH {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            format!("Send the body as `Content-Type: {right}` in UTF-8."),
        ));
    }
    json::parse(&bytes)
}

/// The body as it is, whatever its type.
pub async fn read_bytes(request: &HttpRequest, payload: web::Payload, limit: usize) -> Result<Bytes, Problem> {
    if request
        .headers()
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "Send the body without a Content-Encoding.",
        ));
    }
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    // Whoever sends slowly keeps nobody's turn.
    give_turn_back(request);
    let body = collect(request, payload, limit).await?;
    KeyInUse::of(request)?.still_counts().await?;
    take_turn(request).await?;
    Ok(body)
}

async fn collect(request: &HttpRequest, payload: web::Payload, limit: usize) -> Result<Bytes, Problem> {
    let key = request.extensions().get::<Caller>().map(|caller| caller.key_id);
    let room = request.app_data::<web::Data<Room>>();
    let mut held = room.zip(key).map(|(room, key)| room.of(key));
    let mut payload = Pace::of(payload);
    let mut body = BytesMut::new();
    while let Some(part) = payload.next().await? {
        if body.len() + part.len() > limit {
            return Err(too_large(limit));
        }
        if let Some(held) = &mut held {
            held.grow(body.len() + part.len())?;
        }
        body.extend_from_slice(&part);
    }
    if let Some(held) = held {
        // Until the request is answered.
        request.extensions_mut().insert(held);
    }
    Ok(body.freeze())
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::TooLarge, format!("A body may have up to {limit} bytes."))
}

fn has_type(request: &HttpRequest, expected: &str) -> bool {
    let Some(given) = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|given| given.to_str().ok())
    else {
        return false;
    };
    let mut parts = given.split(';').map(str::trim);
    parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case(expected))
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// The typed value, or `422` at the field that stands against it.
pub fn into_typed<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    pointer::read(value).map_err(|error| Problem::invalid(error.pointer, error.detail))
}

/// What a recording request says about its fact's envelope.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lifted {
    /// When it happened; else now.
    pub occurred_at: Option<Timestamp>,
    /// The event's own id, which makes repeating it harmless.
    pub id: Option<String>,
    /// The id of the new thing.
    pub subject: Option<String>,
}

/// Takes the envelope's fields out of a request's body; what remains is the fact's data.
pub fn lift_envelope(body: &mut Map<String, Value>) -> Result<Lifted, Problem> {
    let mut text = |name: &str| match body.shift_remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Problem::invalid(pointer::below("", name), "Expected a string.")),
    };
    let occurred_at = text("occurred_at")?.map(|text| instant::parse(&text)).transpose();
    let occurred_at = occurred_at.map_err(|detail| Problem::invalid("/occurred_at", detail))?;
    Ok(Lifted {
        occurred_at,
        id: text("id")?,
        subject: text("subject")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::edge::json::parse;

    #[test]
    fn the_envelope_is_lifted_and_the_data_remains() {
        let mut body =
            parse(br#"{"name": "A", "occurred_at": "2026-01-01T10:00:00+01:00", "id": "evt_1", "subject": null}"#)
                .expect("read");
        let lifted = lift_envelope(&mut body).expect("lifted");
        let moment = "2026-01-01T09:00:00Z".parse().expect("a moment");
        assert_eq!(
            lifted,
            Lifted {
                occurred_at: Some(moment),
                id: Some("evt_1".to_owned()),
                subject: None
            }
        );
        assert_eq!(Value::Object(body), json!({"name": "A"}));
    }

    #[test]
    fn a_time_without_offset_is_refused_at_its_field() {
        let mut body = parse(br#"{"occurred_at": "2026-01-01T10:00:00"}"#).expect("read");
        let problem = lift_envelope(&mut body).expect_err("refused");
        assert_eq!(problem.errors()[0].pointer, "/occurred_at");
        assert!(problem.errors()[0].detail.contains("no offset"));
        let mut body = parse(br#"{"id": 7}"#).expect("read");
        assert_eq!(
            lift_envelope(&mut body).expect_err("refused").errors()[0].pointer,
            "/id"
        );
    }
}
