//! Bodies of requests: facts of every kind, and changes to what there is.

use afterword_domain::{catalogue::AnyFact, fact::Envelope, ids::EventId, timeline::timeline};
use serde_json::Value;
use uuid::Uuid;

use super::{
    chosen,
    known::{APPLICATION, mara, now, record, subject_of},
};
use crate::{
    edge::{body, json},
    recording::FromBody,
};

/// `{"type": …, "data": {…}}`: a fact that is read is written so that it is read again as the same, from a request and
/// from the log; and it can be decided on and told.
pub fn facts(bytes: &[u8]) {
    let Ok(mut said) = json::parse(bytes) else {
        return;
    };
    let (Some(Value::String(name)), Some(data)) = (said.shift_remove("type"), said.shift_remove("data")) else {
        return;
    };
    body::lift_envelope(&mut said).ok();
    read_again(&name, &data);
    recorded(&name, data);
}

/// A byte that says of which fact, and its body.
pub fn patches(bytes: &[u8]) {
    const CHANGES: [&str; 4] = ["ProfileRevised", "ApplicationRevised", "ContactRevised", "NoteRevised"];
    let (which, bytes) = chosen(bytes);
    let Ok(mut body) = json::parse(bytes) else {
        return;
    };
    if body::lift_envelope(&mut body).is_err() {
        return;
    }
    let name = CHANGES[which % CHANGES.len()];
    let data = Value::Object(body);
    read_again(name, &data);
    recorded(name, data);
}

fn read_again(name: &str, data: &Value) {
    let Some(Ok(fact)) = AnyFact::parse(name, data.clone(), &mut FromBody) else {
        return;
    };
    let written = serde_json::to_value(&fact).unwrap_or_default();
    let again = AnyFact::parse(name, written.clone(), &mut FromBody).and_then(Result::ok);
    assert_eq!(again, Some(fact), "{name}: {data} was written as {written}");
}

fn recorded(name: &str, data: Value) {
    let Some(kind) = AnyFact::KINDS.iter().find(|kind| kind.name == name) else {
        return;
    };
    let new = kind.place.is_new();
    let subject = if new {
        kind.about.with(Uuid::from_u128(7))
    } else {
        subject_of(kind.about)
    };
    let mut candidate = mara();
    let event = EventId::new(Uuid::from_u128(1000));
    let before = candidate.version;
    match record(&mut candidate, event, name, data, Some(subject), Some(APPLICATION)) {
        Some(Ok(decided)) => {
            let fact = decided.envelope();
            let payload = fact.payload();
            let back = Envelope::read(fact.at.clone(), fact.data.name(), fact.schema, &payload);
            assert_eq!(
                back.ok().as_ref(),
                Some(&**fact),
                "the log does not give back what was recorded"
            );
            for entry in timeline(&candidate, None, true, now()) {
                assert!(!entry.text.trim().is_empty(), "{name} is told in no words");
            }
        }
        Some(Err(_)) => assert_eq!(candidate.version, before, "what was refused was recorded"),
        None => {}
    }
}
