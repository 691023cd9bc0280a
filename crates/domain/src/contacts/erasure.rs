//! What an erasure takes out of the log: every mention of a name, an e-mail address, a phone number or an address, however
//! its letters are cased and whatever stands between them; and where a fact is about the contact, or about something the
//! contact has a part in, each part of the name too: a thank-you begins with *Dear Ms Berg*. That there was a person stays,
//! so that no task of the past moves.

use std::collections::{BTreeSet, HashSet};

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
    /// The parts of the names, as they are written and in capitals.
    parts: HashSet<String>,
    /// What a review may say of the names, and of everything else that the log gave.
    quoted: Quoted,
    /// What the contact has a part in, by its ids: the contact, its interviews, the notes to it, its references and
    /// connections.
    circle: HashSet<String>,
}

/// Texts to look for, each as its letters and digits, folded; in their order, so that a text is read once for all of them.
struct Words(Vec<Vec<char>>);

/// Pieces of texts, in small letters, that are not to be told anywhere, within words neither.
struct Quoted {
    parts: Option<AhoCorasick>,
    all: Option<AhoCorasick>,
}

impl Person {
    pub(super) fn of(candidate: &Candidate, id: ContactId) -> Self {
        let (mut texts, mut names): (Vec<String>, Vec<String>) = Default::default();
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
        let parts = parts_of(candidate, &names);
        Self {
            id,
            quoted: Quoted {
                parts: any_of(parts.iter().map(|part| part.to_lowercase())),
                all: any_of(
                    texts
                        .iter()
                        .flat_map(|text| split(text))
                        .filter(|it| it.chars().count() > 2)
                        .map(str::to_lowercase),
                ),
            },
            words: Words::of(&texts),
            parts: parts
                .iter()
                .flat_map(|part| [part.clone(), part.to_uppercase()])
                .collect(),
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
        let quotes = departure.play == REVIEW_NOTE.name && tells(self.quoted.parts.as_ref(), &departure.reason);
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
        let text = self.words.replaced(text, with);
        if near {
            without_parts(&text, &self.parts, with)
        } else {
            text
        }
    }
}

impl Words {
    fn of(texts: &[String]) -> Self {
        let letters = |text: &String| -> Vec<char> {
            let letters = text.chars().filter(|c| c.is_alphanumeric());
            letters.flat_map(char::to_lowercase).collect()
        };
        let mut words: Vec<_> = texts.iter().map(letters).filter(|word| !word.is_empty()).collect();
        words.sort();
        words.dedup();
        Self(words)
    }

    /// A text with something else in the place of each of these, wherever it stands, and once where they run into one another.
    fn replaced(&self, text: &str, with: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut before: Option<char> = None;
        // Up to here it is taken out.
        let mut end = 0;
        for (at, first) in text.char_indices() {
            // Within a word of letters with blanks between words, nothing begins.
            let begins = !first.is_ascii_alphanumeric() || !before.is_some_and(char::is_alphanumeric);
            if let Some(length) = self.length_at(&text[at..]).filter(|_| begins) {
                if at >= end {
                    out.push_str(with);
                }
                end = end.max(at + length);
            }
            if at >= end {
                out.push(first);
            }
            before = Some(first);
        }
        out
    }

    /// How much the longest of them takes of a text that begins with it.
    fn length_at(&self, text: &str) -> Option<usize> {
        let (mut among, mut depth, mut longest) = (self.0.as_slice(), 0, None);
        let mut chars = text.char_indices().peekable();
        while let Some((at, letter)) = chars.next() {
            if !letter.is_alphanumeric() {
                // Nothing begins with what does not count, and a name does not go on in the next sentence.
                if at == 0 || matches!(letter, '!' | '?' | ';' | ':' | '[' | ']') {
                    break;
                }
                continue;
            }
            for folded in letter.to_lowercase() {
                // Those that are as long as this already stand before all that go on.
                let from = among.partition_point(|word| word.get(depth).is_none_or(|next| *next < folded));
                let to = among.partition_point(|word| word.get(depth).is_none_or(|next| *next <= folded));
                among = &among[from..to];
                depth += 1;
            }
            let Some(first) = among.first() else { break };
            let goes_on = chars.peek().is_some_and(|(_, after)| after.is_ascii_alphanumeric());
            // Short ones are found in many words.
            if first.len() == depth && (!goes_on || depth > 4) {
                longest = Some(at + letter.len_utf8());
            }
        }
        longest
    }
}

/// Something that finds any of these; none where there are none.
fn any_of(pieces: impl Iterator<Item = String>) -> Option<AhoCorasick> {
    let pieces: BTreeSet<String> = pieces.filter(|piece| !piece.is_empty()).collect();
    AhoCorasick::new(pieces).ok().filter(|any| any.patterns_len() > 0)
}

/// Whether a text tells any of these, however it is cased.
fn tells(any: Option<&AhoCorasick>, text: &str) -> bool {
    any.is_some_and(|any| any.is_match(&text.to_lowercase()))
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

/// A text without some words, written just so; `s` may follow, for what is the person's.
fn without_parts(text: &str, parts: &HashSet<String>, with: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let word = piece.trim_end_matches(|c: char| !c.is_alphanumeric());
        let own = word.strip_suffix('s').filter(|_| !parts.contains(word)).unwrap_or(word);
        if parts.contains(own) {
            out.push_str(with);
            out.push_str(&piece[own.len()..]);
        } else {
            out.push_str(piece);
        }
    }
    out
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
mod tests {
    use super::*;

    fn replaced(word: &str, text: &str) -> String {
        Words::of(&[word.to_owned()]).replaced(text, "[erased]")
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
    fn of_many_words_the_longest_is_taken_and_what_runs_into_it() {
        let words = ["Anna Berg", "Anna", "anna@berg.example", "Berg Lane 12", "Annabel", "b"].map(str::to_owned);
        let replaced = |text| Words::of(&words).replaced(text, "[erased]");
        assert_eq!(
            replaced("Anna Berg and Anna, anna@berg.example!"),
            "[erased] and [erased], [erased]!"
        );
        assert_eq!(replaced("at Anna Berg Lane 12."), "at [erased].");
        assert_eq!(replaced("Annabel, Annab, Ann"), "[erased], Annab, Ann");
        assert_eq!(replaced("Annabella b. bb"), "[erased]la [erased]. bb");
    }

    #[test]
    fn a_text_is_read_once_for_all_words() {
        // As many names as a history holds, and texts as long as they may be: one by one that would be minutes.
        let words: Vec<String> = (0..20_000)
            .map(|nth| format!("Anna Berg the {nth}th of her name"))
            .collect();
        let text = "Anna Berg the 12345th of her name met Anna Berg the 99999th of hers. ".repeat(1_000);
        let left = Words::of(&words).replaced(&text, "[erased]");
        assert_eq!(left.matches("[erased] met Anna Berg the 99999th").count(), 1_000);
    }

    #[test]
    fn a_part_of_a_name_is_a_word_of_its_own() {
        let parts = HashSet::from(["Berg".to_owned()]);
        let without = |text| without_parts(text, &parts, "[erased]");
        assert_eq!(without("Dear Ms Berg,"), "Dear Ms [erased],");
        assert_eq!(without("Bergs und Berg's"), "[erased]s und [erased]'s");
        assert_eq!(without("Bergheim am Heidelberg"), "Bergheim am Heidelberg");
    }
}
