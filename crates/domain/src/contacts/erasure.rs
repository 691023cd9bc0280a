//! What an erasure takes out of the log: every mention of a name, an e-mail address, a phone number or an address, however
//! its letters are written and whatever stands between them; and where a fact is about the contact, or about something the
//! contact has a part in, each part of the name too: a thank-you begins with *Dear Ms Berg*. That there was a person stays,
//! so that no task of the past moves.

use std::{
    collections::{BTreeSet, HashSet},
    ops::Range,
};

use aho_corasick::AhoCorasick;
use serde_json::Value;

use crate::{
    candidate::Candidate,
    catalogue::AnyFact,
    fact::{Departure, Envelope},
    ids::{ContactId, Subject},
    notes::REVIEW_NOTE,
    values::{Email, Line},
};

mod letters;
mod sought;

use letters::{Letter, folded, letters};
use sought::{Numbers, Words, replaced};

/// What stands where nothing longer has room.
const SHORT: &str = "…";

/// Words that stand before names and are nobody's.
const TITLES: [&str; 12] = [
    "Dr",
    "Prof",
    "Professor",
    "Mr",
    "Mrs",
    "Ms",
    "Miss",
    "Herr",
    "Frau",
    "Sir",
    "Mx",
    "Dame",
];

/// Somebody who is to be forgotten: by what they are called, and where they stand.
pub(super) struct Person {
    id: ContactId,
    /// Every name, e-mail, phone number and address line that the log ever gave; empty once they are redacted.
    words: Words,
    /// The names in other orders of their words.
    turned: Words,
    /// The phone numbers once more, for other ways to write them.
    numbers: Numbers,
    /// The parts of the names.
    parts: HashSet<String>,
    /// What a review may say of the names, and of everything else that the log gave.
    quoted: Quoted,
    /// What the contact has a part in, by its ids: the contact, its interviews, the notes to it, its references and
    /// connections.
    circle: HashSet<String>,
}

/// Pieces of texts, as their letters count, that are not to be told anywhere, within words neither.
struct Quoted {
    parts: Option<AhoCorasick>,
    all: Option<AhoCorasick>,
}

impl Person {
    pub(super) fn of(candidate: &Candidate, id: ContactId) -> Self {
        let (mut texts, mut names, mut phones): (Vec<String>, Vec<String>, Vec<String>) = Default::default();
        let subject = Subject::from(id);
        let named = HashSet::from([subject.to_string()]);
        let mut circle = named.clone();
        for fact in candidate.history() {
            let Ok(data) = serde_json::to_value(&fact.data) else {
                continue;
            };
            let own = !matches!(
                fact.at.subject,
                Subject::Candidate(_) | Subject::Application(_) | Subject::Contact(_)
            );
            if own && mentions_any(&data, &named) {
                circle.insert(fact.at.subject.to_string());
            }
            if fact.at.subject != subject {
                continue;
            }
            let said = |field: &str| data.get(field).and_then(Value::as_str).map(str::to_owned);
            names.extend(["name", "pronunciation"].into_iter().filter_map(said));
            phones.extend(said("phone"));
            texts.extend(said("email"));
            let lines = data
                .get("postal_address")
                .and_then(|address| address.get("lines"))
                .and_then(Value::as_array);
            texts.extend(lines.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        }
        texts.extend(phones.iter().cloned());
        texts.retain(|text| text.chars().count() > 2 && ![Line::REDACTED, Email::REDACTED].contains(&text.as_str()));
        names.retain(|name| name != Line::REDACTED);
        let parts = parts_of(candidate, &names);
        let called: Vec<String> = names.iter().map(|name| without_title(name)).collect();
        let all = texts.iter().chain(&called).flat_map(|text| split(text));
        Self {
            id,
            quoted: Quoted {
                parts: any_of(parts.iter().cloned()),
                all: any_of(all.map(|(_, part)| part).filter(|part| part.chars().count() > 2)),
            },
            turned: Words::turned(&called),
            words: Words::of(texts.into_iter().chain(called)),
            numbers: Numbers::of(phones),
            parts,
            circle,
        }
    }

    /// A fact without the person. `None`: nothing to take out.
    pub(super) fn taken_out_of(&self, fact: &Envelope) -> Option<Envelope> {
        let data = self.taken_out_of_data(fact);
        let departures: Vec<Departure> = fact
            .departures
            .iter()
            .map(|it| self.taken_out_of_departure(it))
            .collect();
        (data.is_some() || departures != fact.departures).then(|| Envelope {
            data: data.unwrap_or_else(|| fact.data.clone()),
            departures,
            ..fact.clone()
        })
    }

    /// Those about the contact keep no particulars, others lose every mention.
    fn taken_out_of_data(&self, fact: &Envelope) -> Option<AnyFact> {
        if fact.at.subject == self.id.into() {
            return Some(fact.data.without_contact());
        }
        // What a review says of a name need not hold the whole name.
        let kept = match &fact.data {
            AnyFact::NoteReviewed(review) => {
                AnyFact::NoteReviewed(review.without(|told| tells(self.quoted.all.as_ref(), told)))
            }
            other => other.clone(),
        };
        let as_it_was = serde_json::to_value(&fact.data).ok()?;
        let data = serde_json::to_value(&kept).ok()?;
        let near = self.circle.contains(&fact.at.subject.to_string()) || mentions_any(&data, &self.circle);
        let read = |data: &Value| AnyFact::read(fact.data.name(), fact.schema, &data.to_string()).ok();
        let mut redacted = data.clone();
        for (place, text) in texts(&data, String::new()) {
            // An organisation may be called like somebody who works there; that is its own name.
            let near = near && !place.contains("organisation");
            let found = self.found(text, near);
            // What a date or an enumeration spells by chance cannot be redacted; an e-mail address only by another one;
            // and a text that is as long as it may be by something short.
            for with in [Line::REDACTED, Email::REDACTED, SHORT] {
                let attempt = replaced(text, &found, with);
                if attempt == text {
                    break;
                }
                let mut with = redacted.clone();
                if let Some(field) = with.pointer_mut(&place) {
                    // The id in another system is one of a kind: there is none, rather than a word that others have too.
                    let unique = place == "/external_id";
                    *field = if unique { Value::Null } else { Value::String(attempt) };
                }
                if read(&with).is_some() {
                    redacted = with;
                    break;
                }
            }
        }
        (redacted != as_it_was).then(|| read(&redacted)).flatten()
    }

    /// Departures say why in a sentence, which may name somebody, or quote what a review said of a name.
    fn taken_out_of_departure(&self, departure: &Departure) -> Departure {
        let quotes = departure.play == REVIEW_NOTE.name && tells(self.quoted.parts.as_ref(), &departure.reason);
        let reason = if quotes {
            "It went out with open errors.".to_owned()
        } else {
            replaced(&departure.reason, &self.found(&departure.reason, true), Line::REDACTED)
        };
        Departure {
            reason,
            ..departure.clone()
        }
    }

    /// Where a text tells of the person.
    fn found(&self, text: &str, near: bool) -> Vec<Range<usize>> {
        let letters = letters(text);
        let words = self.words.found(&letters).chain(self.turned.found(&letters));
        let mut found: Vec<_> = words.chain(self.numbers.found(&letters)).collect();
        if near {
            found.extend(parts_in(text, &letters, &self.parts));
        }
        found.sort_by_key(|place| place.start);
        found
    }
}

/// Something that finds any of these; none where there are none.
fn any_of(pieces: impl Iterator<Item = String>) -> Option<AhoCorasick> {
    let pieces: BTreeSet<String> = pieces.filter(|piece| !piece.is_empty()).collect();
    AhoCorasick::new(pieces).ok().filter(|any| any.patterns_len() > 0)
}

/// Whether a text tells any of these, however it is written.
fn tells(any: Option<&AhoCorasick>, text: &str) -> bool {
    any.is_some_and(|any| any.is_match(&folded(&letters(text))))
}

/// A name as others use it: *Anna Berg* of *Dr Anna Berg*.
fn without_title(name: &str) -> String {
    let words = name.split_whitespace();
    let is_title = |word: &&str| TITLES.contains(&word.trim_end_matches('.'));
    let own: Vec<&str> = words.skip_while(is_title).collect();
    if own.is_empty() { name.to_owned() } else { own.join(" ") }
}

/// The parts of a person's names that mean the person where the person is spoken of; none that the candidate is called too.
fn parts_of(candidate: &Candidate, names: &[String]) -> HashSet<String> {
    let own = candidate.profile.as_ref().map(|profile| profile.name.to_string());
    let own: HashSet<String> = own
        .iter()
        .flat_map(|name| split(name))
        .map(|(_, folded)| folded)
        .collect();
    let parts = names.iter().flat_map(|name| split(name));
    parts
        .filter(|(part, folded)| folded.chars().count() > 1 && is_name(part) && !TITLES.contains(part))
        .map(|(_, folded)| folded)
        .filter(|folded| folded != "erased" && !own.contains(folded))
        .collect()
}

/// The words of a text, as they are written and as their letters count.
fn split(text: &str) -> Vec<(&str, String)> {
    let letters = letters(text);
    let words = letters::words(&letters);
    words
        .filter_map(|word| Some((written(text, word)?, folded(word))))
        .collect()
}

fn written<'a>(text: &'a str, word: &[Letter]) -> Option<&'a str> {
    text.get(word.first()?.bytes.start..word.last()?.bytes.end)
}

/// Whether a word is written as a name: with no small letter first.
fn is_name(word: &str) -> bool {
    word.chars().next().is_some_and(|first| !first.is_lowercase())
}

/// Where some words stand, written as names are; `s` may follow, for what is the person's.
fn parts_in(text: &str, letters: &[Letter], parts: &HashSet<String>) -> Vec<Range<usize>> {
    let place = |word: &[Letter]| -> Option<Range<usize>> {
        if !written(text, word).is_some_and(is_name) {
            return None;
        }
        let whole = folded(word);
        let own = if parts.contains(&whole) {
            word
        } else {
            parts
                .contains(whole.strip_suffix('s')?)
                .then(|| &word[..word.len() - 1])?
        };
        let last = own.last().filter(|last| last.closes)?;
        Some(own.first()?.bytes.start..last.bytes.end)
    };
    letters::words(letters).filter_map(place).collect()
}

/// Whether a value names any of these by its id.
fn mentions_any(value: &Value, ids: &HashSet<String>) -> bool {
    match value {
        Value::String(text) => ids.contains(text),
        Value::Array(items) => items.iter().any(|item| mentions_any(item, ids)),
        Value::Object(fields) => fields.values().any(|field| mentions_any(field, ids)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
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

#[cfg(test)]
mod tests;
