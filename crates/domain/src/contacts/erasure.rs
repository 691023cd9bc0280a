//! What an erasure takes out of the log: every mention of a name, an e-mail address, a phone number or an address, however
//! its letters are cased and whatever stands between them; and where a fact is about the contact, or about something the
//! contact has a part in, each part of the name too: a thank-you begins with *Dear Ms Berg*. That there was a person stays,
//! so that no task of the past moves.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    candidate::Candidate,
    catalogue::AnyFact,
    fact::{Departure, Envelope},
    ids::{ContactId, Subject},
    notes::REVIEW_NOTE,
    values::{Email, Line},
};

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
    /// Every name, e-mail, phone number and address line that the log ever gave, longest first; empty once they are
    /// redacted.
    words: Vec<Word>,
    /// The parts of the names.
    parts: Vec<String>,
    /// What the contact has a part in: its interviews, the notes to it, its references and connections.
    circle: BTreeSet<Subject>,
}

/// A text to look for: its letters and digits, folded.
struct Word {
    text: String,
    letters: Vec<char>,
}

impl Person {
    pub(super) fn of(candidate: &Candidate, id: ContactId) -> Self {
        let (mut texts, mut names): (Vec<String>, Vec<String>) = Default::default();
        let subject = Subject::from(id);
        let mut circle = BTreeSet::from([subject]);
        for fact in candidate.history() {
            let Ok(data) = serde_json::to_value(&fact.data) else {
                continue;
            };
            let own = !matches!(
                fact.at.subject,
                Subject::Candidate(_) | Subject::Application(_) | Subject::Contact(_)
            );
            if own && mentions(&data, &subject.to_string()) {
                circle.insert(fact.at.subject);
            }
            if fact.at.subject != subject {
                continue;
            }
            let said = |field: &str| data.get(field).and_then(Value::as_str).map(str::to_owned);
            names.extend(["name", "pronunciation"].into_iter().filter_map(said));
            texts.extend(["email", "phone"].into_iter().filter_map(said));
            let lines = data
                .get("postal_address")
                .and_then(|address| address.get("lines"))
                .and_then(Value::as_array);
            texts.extend(lines.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        }
        texts.retain(|text| text.chars().count() > 2);
        texts.extend(names.iter().map(|name| without_title(name)));
        texts.retain(|text| ![Line::REDACTED, Email::REDACTED].contains(&text.as_str()));
        texts.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        texts.dedup();
        let words = texts.into_iter().map(Word::of).filter(|word| !word.letters.is_empty());
        Self {
            id,
            words: words.collect(),
            parts: parts_of(candidate, &names),
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
                let words: Vec<String> = self.words.iter().map(|word| word.text.clone()).collect();
                AnyFact::NoteReviewed(review.without(&words))
            }
            other => other.clone(),
        };
        let as_it_was = serde_json::to_value(&fact.data).ok()?;
        let data = serde_json::to_value(&kept).ok()?;
        let near = self.circle.contains(&fact.at.subject)
            || self.circle.iter().any(|subject| mentions(&data, &subject.to_string()));
        let read = |data: &Value| AnyFact::read(fact.data.name(), fact.schema, &data.to_string()).ok();
        let mut redacted = data.clone();
        for (place, text) in texts(&data, String::new()) {
            // An organisation may be called like somebody who works there; that is its own name.
            let near = near && !place.contains("organisation");
            // What a date or an enumeration spells by chance cannot be redacted; an e-mail address only by another one;
            // and a text that is as long as it may be by something short.
            for with in [Line::REDACTED, Email::REDACTED, SHORT] {
                let attempt = self.redact(text, with, near);
                if attempt == text {
                    break;
                }
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
        (redacted != as_it_was).then(|| read(&redacted)).flatten()
    }

    /// Departures say why in a sentence, which may name somebody, or quote what a review said of a name.
    fn taken_out_of_departure(&self, departure: &Departure) -> Departure {
        let told = departure.reason.to_lowercase();
        let quotes =
            departure.play == REVIEW_NOTE.name && self.parts.iter().any(|part| told.contains(&part.to_lowercase()));
        let reason = if quotes {
            "It went out with open errors.".to_owned()
        } else {
            self.redact(&departure.reason, Line::REDACTED, true)
        };
        Departure {
            reason,
            ..departure.clone()
        }
    }

    fn redact(&self, text: &str, with: &str, near: bool) -> String {
        let mut text = text.to_owned();
        for word in &self.words {
            text = word.replaced(&text, with);
        }
        for part in self.parts.iter().filter(|_| near) {
            text = without_part(&text, part, with);
            text = without_part(&text, &part.to_uppercase(), with);
        }
        text
    }
}

impl Word {
    fn of(text: String) -> Self {
        let letters = text
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase);
        Self {
            letters: letters.collect(),
            text,
        }
    }

    /// A text with something else in this one's place, wherever it stands.
    fn replaced(&self, text: &str, with: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = None;
        while let Some(first) = rest.chars().next() {
            // Within a word of letters with blanks between words, nothing begins.
            let begins = !first.is_ascii_alphanumeric() || !before.is_some_and(char::is_alphanumeric);
            match self.length_at(rest).filter(|_| begins) {
                Some(length) => {
                    out.push_str(with);
                    before = rest[..length].chars().next_back();
                    rest = &rest[length..];
                }
                None => {
                    out.push(first);
                    before = Some(first);
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
        out
    }

    /// How much of a text it takes, where the text begins with it.
    fn length_at(&self, text: &str) -> Option<usize> {
        let mut wanted = self.letters.iter();
        let mut next = wanted.next();
        let mut chars = text.char_indices().peekable();
        while let Some((at, letter)) = chars.next() {
            if !letter.is_alphanumeric() {
                // Nothing begins with what does not count, and a name does not go on in the next sentence.
                if at == 0 || matches!(letter, '!' | '?' | ';' | ':' | '[' | ']') {
                    return None;
                }
                continue;
            }
            for folded in letter.to_lowercase() {
                if next != Some(&folded) {
                    return None;
                }
                next = wanted.next();
            }
            if next.is_none() {
                let end = at + letter.len_utf8();
                let goes_on = chars.peek().is_some_and(|(_, after)| after.is_ascii_alphanumeric());
                // Short ones are found in many words.
                return (!goes_on || self.letters.len() > 4).then_some(end);
            }
        }
        None
    }
}

/// A name as others use it: *Anna Berg* of *Dr Anna Berg*.
fn without_title(name: &str) -> String {
    let words = name.split_whitespace();
    let is_title = |word: &&str| TITLES.contains(&word.trim_end_matches('.'));
    let own: Vec<&str> = words.skip_while(is_title).collect();
    if own.is_empty() { name.to_owned() } else { own.join(" ") }
}

/// The parts of a person's names that mean the person where the person is spoken of, longest first; none that the candidate
/// is called too.
fn parts_of(candidate: &Candidate, names: &[String]) -> Vec<String> {
    let own = candidate.profile.as_ref().map(|profile| profile.name.to_string());
    let own: BTreeSet<String> = own.iter().flat_map(|name| split(name)).map(str::to_lowercase).collect();
    let mut parts: Vec<String> = names
        .iter()
        .flat_map(|name| split(name))
        .filter(|part| part.chars().count() > 1 && part.chars().next().is_some_and(|first| !first.is_lowercase()))
        .filter(|part| !TITLES.contains(part) && !own.contains(&part.to_lowercase()))
        .map(str::to_owned)
        .collect();
    parts.retain(|part| part != "erased");
    parts.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    parts.dedup();
    parts
}

fn split(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
}

/// A text without a word, written just so; `s` may follow, for what is the person's.
fn without_part(text: &str, part: &str, with: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(part) {
        let (before, after) = (&rest[..at], &rest[at + part.len()..]);
        let begins = !before.chars().next_back().is_some_and(char::is_alphanumeric);
        let after_s = after.strip_prefix('s').unwrap_or(after);
        let ends = [after, after_s]
            .iter()
            .any(|it| !it.chars().next().is_some_and(char::is_alphanumeric));
        out.push_str(before);
        out.push_str(if begins && ends { with } else { part });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Whether a value names something by its id.
fn mentions(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => text == id,
        Value::Array(items) => items.iter().any(|item| mentions(item, id)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, id)),
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
mod tests {
    use super::*;

    fn replaced(word: &str, text: &str) -> String {
        Word::of(word.to_owned()).replaced(text, "[erased]")
    }

    #[test]
    fn a_name_is_found_however_it_is_written() {
        for (text, left) in [
            ("Dear Anna Berg, thank you.", "Dear [erased], thank you."),
            ("ANNA BERG and anna  berg", "[erased] and [erased]"),
            ("Anna\nBerg", "[erased]"),
            ("https://example.org/in/anna-berg", "https://example.org/in/[erased]"),
            (
                "Anna Berg's talk, Anna Bergs Vortrag",
                "[erased]'s talk, [erased]s Vortrag",
            ),
            ("(Anna Berg)", "([erased])"),
            ("Johanna Bergner", "Johanna Bergner"),
            ("Anna? Berg!", "Anna? Berg!"),
            ("Anna", "Anna"),
        ] {
            assert_eq!(replaced("Anna Berg", text), left, "{text}");
        }
        assert_eq!(replaced("田中太郎", "昨日、田中太郎さんに"), "昨日、[erased]さんに");
        assert_eq!(replaced("Bo", "Bo knows Bob, Bo."), "[erased] knows Bob, [erased].");
        assert_eq!(
            replaced("+49 30 1234", "call 49301234 or +49-30-12 34"),
            "call [erased] or +[erased]"
        );
        assert_eq!(replaced("İpek Öz", "İPEK ÖZ"), "[erased]");
        assert_eq!(replaced("Anna Berg", ""), "");
    }

    #[test]
    fn a_part_of_a_name_is_a_word_of_its_own() {
        let without = |text| without_part(text, "Berg", "[erased]");
        assert_eq!(without("Dear Ms Berg,"), "Dear Ms [erased],");
        assert_eq!(without("Bergs und Berg's"), "[erased]s und [erased]'s");
        assert_eq!(without("Bergheim am Heidelberg"), "Bergheim am Heidelberg");
    }
}
