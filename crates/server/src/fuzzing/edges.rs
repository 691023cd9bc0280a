//! What stands in addresses and headers: cursors, ids, keys, names of requests, times.

use std::{fmt::Display, str::FromStr};

use actix_web::{http::header, http::header::HeaderValue, test::TestRequest};
use afterword_domain::{
    ids::{CandidateId, EventId, NoteId, Subject, TaskId},
    time::{Date, Instant, Period, Zone},
    values::{Days, Email, Label, Line, Locale, Text, WebAddress},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::chosen;
use crate::edge::{
    api_key::ApiKey,
    calendar_token::CalendarToken,
    cursor::Cursors,
    etag::{self, ETag, IfMatch},
    headers::{IDEMPOTENCY_KEY, idempotency_key},
    instant,
    query::{self, AsOf, Limit},
    webhook_secret::WebhookSecret,
};

/// A cursor leads back to its position, and to nothing when it was changed, or made by hand.
pub fn cursors(bytes: &[u8]) {
    let cursors = Cursors::new([7; 32]);
    let text = String::from_utf8_lossy(bytes);
    let made = cursors.open::<Value>(1, "/v1/tasks?", &text);
    assert!(made.is_err(), "a cursor was made by hand: {text:?}");
    let (change, position) = chosen(bytes);
    let position = (change as i64, String::from_utf8_lossy(position).into_owned());
    let Ok(cursor) = cursors.seal(1, &text, &position) else {
        return;
    };
    let back = cursors.open::<(i64, String)>(1, &text, &cursor);
    assert_eq!(back.ok(), Some(position));
    assert!(cursors.open::<Value>(2, &text, &cursor).is_err(), "of another tenant");
    let other = format!("{text}&");
    assert!(cursors.open::<Value>(1, &other, &cursor).is_err(), "of another query");
    let mut changed = cursor.into_bytes();
    let at = change % changed.len();
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8_lossy(&changed);
    assert!(cursors.open::<Value>(1, &text, &changed).is_err(), "changed");
}

/// There is one way to write an id.
pub fn ids(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    same::<Subject>(text);
    same::<CandidateId>(text);
    same::<EventId>(text);
    same::<NoteId>(text);
    same::<TaskId>(text);
}

fn same<I: FromStr + Display>(text: &str) {
    if let Ok(id) = text.parse::<I>() {
        assert_eq!(id.to_string(), text);
    }
}

/// A key that is read is written as it was, and says nothing of itself where it is shown.
pub fn keys(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(key) = ApiKey::parse(text) {
        assert_eq!(key.expose(), text);
        assert!(!format!("{key:?}").contains(text), "a key is told");
        assert!((0..=i64::from(u32::MAX)).contains(&key.tenant()));
    }
    if let Some(token) = CalendarToken::parse(text) {
        assert_eq!(token.expose(), text);
        assert!(!format!("{token:?}").contains(text), "an address is told");
    }
    if let Some(secret) = WebhookSecret::parse(text) {
        let again = WebhookSecret::parse(&secret.expose()).map(|again| again.expose());
        assert_eq!(again, Some(secret.expose()));
    }
}

/// The name of a request is the same bare and quoted; conditions are read or refused.
pub fn headers(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let request = |value: HeaderValue| {
        TestRequest::post()
            .insert_header((IDEMPOTENCY_KEY, value))
            .to_http_request()
    };
    if let Ok(Some(key)) = idempotency_key(&request(value.clone())) {
        assert!((1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
        let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
        let again = HeaderValue::from_str(&quoted)
            .ok()
            .map(|quoted| idempotency_key(&request(quoted)).ok());
        assert_eq!(again, Some(Some(Some(key))));
    }
    let of = |name: header::HeaderName| {
        TestRequest::get()
            .insert_header((name, value.clone()))
            .to_http_request()
    };
    let tag = ETag::of_bytes(b"what is there");
    if let Ok(condition) = IfMatch::of(&of(header::IF_MATCH)) {
        condition.check(&tag).ok();
    }
    etag::has_already(&of(header::IF_NONE_MATCH), &tag);
    let request = of(header::HeaderName::from_static("x-anything"));
    query::canonical(&request);
}

/// What is read as a time, or as another value, is written so that it is read again as the same.
pub fn times(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(at) = instant::parse(text) {
        assert_eq!(instant::parse(&at.to_string()), Ok(at));
    }
    if let Ok(at) = text.parse::<Instant>() {
        assert_eq!(at.to_string().parse(), Ok(at), "{text}");
        assert!(
            instant::parse(text).is_ok_and(|same| same == at.timestamp()),
            "two ways to read {text}"
        );
    }
    let value = Value::from(text);
    again::<Instant>(&value);
    again::<Date>(&value);
    if let Ok(date) = Date::deserialize(&value) {
        assert_eq!(date.to_string(), text, "two ways to write a day");
    }
    again::<Zone>(&value);
    again::<Days>(&value);
    again::<Period>(&value);
    again::<Email>(&value);
    again::<Label>(&value);
    again::<Line>(&value);
    again::<Locale>(&value);
    again::<Text>(&value);
    again::<WebAddress>(&value);
    if let Ok(object) = serde_json::from_str::<Value>(text) {
        again::<Period>(&object);
    }
    query::parse::<Asked>(text).ok();
}

fn again<T: DeserializeOwned + Serialize>(value: &Value) {
    if let Ok(read) = T::deserialize(value) {
        let written = serde_json::to_value(&read).ok();
        let twice = written.as_ref().and_then(|written| T::deserialize(written).ok());
        let twice = twice.and_then(|read| serde_json::to_value(&read).ok());
        assert!(
            written.is_some() && written == twice,
            "{value} is {written:?}, then {twice:?}"
        );
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
struct Asked {
    #[serde(default)]
    limit: Limit,
    cursor: Option<String>,
    as_of: Option<AsOf>,
    #[serde(default)]
    snoozed: bool,
    states: Option<Vec<String>>,
    wait: Option<u8>,
}
