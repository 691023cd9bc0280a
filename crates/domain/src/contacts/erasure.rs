//! What an erasure takes out of the log: every literal mention of a name, an e-mail address, a phone number
//! or an address. That there was one stays, so that no task of the past moves.

use serde_json::Value;

use crate::{
    candidate::Candidate,
    catalogue::AnyFact,
    fact::Envelope,
    ids::ContactId,
    values::{Email, Line},
};

/// Every name, e-mail, phone number and address line that the log ever gave the contact, longest first;
/// empty once they are redacted.
pub(super) fn words_of(candidate: &Candidate, id: ContactId) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for fact in candidate.history().iter().filter(|fact| fact.at.subject == id.into()) {
        let Ok(Value::Object(data)) = serde_json::to_value(&fact.data) else {
            continue;
        };
        for field in ["name", "pronunciation", "email", "phone"] {
            words.extend(data.get(field).and_then(Value::as_str).map(str::to_owned));
        }
        let lines = data
            .get("postal_address")
            .and_then(|address| address.get("lines"))
            .and_then(Value::as_array);
        words.extend(lines.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }
    words.retain(|word| ![Line::REDACTED, Email::REDACTED].contains(&word.as_str()) && word.chars().count() > 2);
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words
}

/// A fact without a person: those about the contact keep no particulars, others lose every literal
/// mention of a name, e-mail, phone number or address line. `None`: nothing to take out.
pub(super) fn without(fact: &Envelope, id: ContactId, words: &[String]) -> Option<Envelope> {
    if fact.at.subject == id.into() {
        return Some(Envelope {
            data: fact.data.without_contact(),
            ..fact.clone()
        });
    }
    // What a review says of a name need not hold the whole name.
    let kept = match &fact.data {
        AnyFact::NoteReviewed(review) => AnyFact::NoteReviewed(review.without(words)),
        other => other.clone(),
    };
    let as_it_was = serde_json::to_value(&fact.data).ok()?;
    let data = serde_json::to_value(&kept).ok()?;
    let read = |data: &Value| AnyFact::read(fact.data.name(), fact.schema, &data.to_string()).ok();
    let mut redacted = data.clone();
    for (place, text) in texts(&data, String::new()) {
        let redact = |with| {
            words
                .iter()
                .fold(text.to_owned(), |text, word| text.replace(word, with))
        };
        // What a date or an enumeration spells by chance cannot be redacted; an e-mail address only by another one.
        let attempts = [redact(Line::REDACTED), redact(Email::REDACTED)];
        for attempt in attempts.into_iter().filter(|attempt| attempt != text) {
            let mut with = redacted.clone();
            if let Some(field) = with.pointer_mut(&place) {
                *field = Value::String(attempt);
            }
            if read(&with).is_some() {
                redacted = with;
                break;
            }
        }
    }
    (redacted != as_it_was)
        .then(|| read(&redacted))
        .flatten()
        .map(|data| Envelope { data, ..fact.clone() })
}

/// Every text in a value, each with its JSON pointer. Names of fields need no escaping here.
fn texts(value: &Value, place: String) -> Vec<(String, &str)> {
    match value {
        Value::String(text) => vec![(place, text)],
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(i, item)| texts(item, format!("{place}/{i}")))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, field)| texts(field, format!("{place}/{name}")))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}
