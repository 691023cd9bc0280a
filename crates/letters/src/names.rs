//! Names: every recipient is named, and everybody's name stands as it stands on record.

mod lists;
mod titles;

use afterword_domain::{
    notes::Field,
    time::{MONTHS, WEEKDAYS},
};

use crate::{
    Context,
    findings::Findings,
    letter::Letter,
    rules,
    words::{Word, composed, distance, fold, is_latin, words},
};

use lists::{FIRST, HONORIFICS, PARTICLES, SHORT};
pub(crate) use lists::{is_honorific, stands_first};

/// A name in its parts.
struct Name<'a> {
    /// As each part is written.
    parts: Vec<&'a str>,
    /// The same, folded.
    folded: Vec<String>,
    honorifics: Vec<String>,
}

impl<'a> Name<'a> {
    fn of(full: &'a str) -> Self {
        // "Berg, Anna (People)" is how directories write it.
        let full = full.split('(').next().unwrap_or(full);
        let mut name = Self {
            parts: Vec::new(),
            folded: Vec::new(),
            honorifics: Vec::new(),
        };
        for word in words(full, Field::Body) {
            let folded = fold(word.text);
            if HONORIFICS.contains(&folded.as_str()) {
                name.honorifics.push(folded);
            } else if !PARTICLES.contains(&folded.as_str()) && word.text.chars().count() > 1 {
                name.parts.push(word.text);
                name.folded.push(folded);
            }
        }
        if let Some((surname, _)) = full.split_once(',') {
            let first = words(surname, Field::Body)
                .iter()
                .map(|word| fold(word.text))
                .collect::<Vec<_>>();
            let surnames = name
                .folded
                .iter()
                .filter(|part| first.contains(part))
                .count()
                .min(name.parts.len());
            name.parts.rotate_left(surnames);
            name.folded.rotate_left(surnames);
        }
        name
    }

    fn given(&self) -> Option<&str> {
        self.folded.first().map(String::as_str)
    }

    fn surname(&self) -> Option<&str> {
        self.folded.get(1..).and_then(<[String]>::last).map(String::as_str)
    }

    fn has(&self, folded: &str) -> bool {
        self.folded.iter().any(|part| {
            part == folded || part.split('-').any(|half| half == folded) || folded.split('-').any(|half| half == part)
        })
    }

    /// "Tom" is Thomas, "Alex" is Alexandra.
    fn goes_by(&self, folded: &str) -> bool {
        // All but the surname.
        let given = match self.folded.split_last() {
            Some((_, given)) if !given.is_empty() => given.iter(),
            _ => self.folded.iter(),
        };
        given
            .clone()
            .any(|part| part.starts_with(folded) && folded.chars().count() >= 3)
            || given.clone().any(|part| SHORT.contains(&(folded, part.as_str())))
    }
}

pub(crate) fn look(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
    if letter.body.trim().is_empty() {
        return;
    }
    let recipients: Vec<Name<'_>> = context.recipients.iter().map(|person| Name::of(&person.name)).collect();
    let others = context.people.iter().map(|person| Name::of(&person.name));
    let sender = Name::of(&context.sender.name);
    let others: Vec<Name<'_>> = others.chain([sender]).collect();
    misspelled(letter, &recipients, &others, findings);
    greeted(context, letter, &recipients, &others, findings);
    not_named(context, letter, &recipients, findings);
}

/// Whoever the letter goes to stands in it.
fn not_named(context: &Context, letter: &Letter<'_>, recipients: &[Name<'_>], findings: &mut Findings<'_>) {
    let whole = fold(letter.body);
    for (person, name) in context.recipients.iter().zip(recipients) {
        let written = letter.words.iter().any(|word| {
            let owner = fold(word.owner());
            name.has(&owner) || word.is_capitalised() && name.goes_by(&owner)
        });
        // Scripts that part no words.
        let inside = name
            .parts
            .iter()
            .any(|part| !is_latin(part) && whole.contains(&fold(part)))
            || !is_latin(&person.name) && whole.contains(&fold(&person.name).replace(' ', ""));
        let misspelled = letter.words.iter().any(|word| {
            findings.marked(&[&rules::NAME_MISSPELLED], &word.place())
                && name.folded.iter().any(|part| near(&fold(word.owner()), part))
        });
        let latin = name.parts.iter().any(|part| is_latin(part));
        // A name in one script may be written in another: that cannot be compared.
        let transcribed =
            !latin
                && letter.greeted().iter().skip(1).any(|word| {
                    is_latin(word.text) && word.is_capitalised() && !HONORIFICS.contains(&word.lower.as_str())
                });
        if !written && !inside && !misspelled && !transcribed && !name.parts.is_empty() {
            findings.whole(
                &rules::RECIPIENT_NOT_NAMED,
                format!("{} is not named in the letter.", person.name),
            );
        }
    }
}

/// Near enough to be meant.
fn near(one: &str, other: &str) -> bool {
    let length = one.chars().count().min(other.chars().count());
    let far = distance(one, other);
    match length {
        0 | 1 => false,
        2..=5 => far == 1,
        _ => far == 1 || far == 2,
    }
}

/// Words that nearly are a name on record.
fn misspelled(letter: &Letter<'_>, recipients: &[Name<'_>], others: &[Name<'_>], findings: &mut Findings<'_>) {
    let all: Vec<&Name<'_>> = recipients.iter().chain(others).collect();
    let all_words: Vec<&Word<'_>> = letter
        .words
        .iter()
        .filter(|word| !word.foreign && !word.has_digit())
        .collect();
    for (i, word) in all_words.iter().enumerate() {
        let text = word.owner();
        let folded = fold(text);
        let in_greeting = word.field == Field::Body
            && letter
                .greeting
                .as_ref()
                .is_some_and(|range| range.contains(&word.bytes.start));
        if HONORIFICS.contains(&folded.as_str()) || text.chars().count() < 2 {
            continue;
        }
        let exact = all.iter().find_map(|name| {
            name.folded
                .iter()
                .position(|part| *part == folded)
                .map(|at| name.parts[at])
        });
        if let Some(right) = exact {
            let as_written = all
                .iter()
                .any(|name| name.parts.iter().any(|part| composed(part) == composed(text)));
            let shouted = word.is_shouted() || right.chars().all(|c| !c.is_lowercase());
            let small = text.chars().all(char::is_lowercase);
            // "will", "mark": a word, where it is none in the greeting.
            let plain = small && !in_greeting
                || !word.is_capitalised() && letter.spelling.is_common(&word.lower) && !in_greeting;
            if !as_written && !shouted && !plain && !letter.known_as_written(text) {
                let told = format!("The name is written “{right}”.");
                findings.at(&rules::NAME_MISSPELLED, &word.place(), told, vec![right.to_owned()]);
            }
            continue;
        }
        if letter.known.contains(&folded) || letter.known.contains(&word.lower) || !letter.english && !in_greeting {
            continue;
        }
        // 山田様 holds the name.
        if !is_latin(text)
            && all
                .iter()
                .any(|name| name.folded.iter().any(|part| folded.contains(part.as_str())))
        {
            continue;
        }
        let upper =
            word.is_capitalised() || !is_latin(text) || in_greeting && i > 0 && !letter.spelling.is_common(&word.lower);
        if !upper {
            continue;
        }
        let beside = |at: Option<usize>| {
            at.and_then(|at| all_words.get(at))
                .filter(|other| other.field == word.field)
        };
        let before = beside(i.checked_sub(1)).filter(|_| word.adjoins || all_words[i - 1].lower.len() <= 4);
        let after = beside(Some(i + 1)).filter(|after| after.adjoins);
        let common = letter.spelling.is_common(&word.lower);
        for name in &all {
            let Some(at) = name
                .folded
                .iter()
                .position(|part| near(&folded, part) && is_latin(part) == is_latin(text))
            else {
                continue;
            };
            let (part, right) = (&name.folded[at], name.parts[at]);
            if *part == format!("{folded}s") || folded == format!("{part}s") || name.goes_by(&folded) {
                break;
            }
            let rest = |other: Option<&&Word<'_>>| {
                other.is_some_and(|other| {
                    name.folded
                        .iter()
                        .enumerate()
                        .any(|(j, part)| j != at && *part == fold(other.owner()))
                })
            };
            let titled = before.is_some_and(|before| HONORIFICS.contains(&before.lower.as_str()));
            let whole_name = rest(before) || rest(after) || titled && !word.begins;
            let of_another = after
                .is_some_and(|after| after.is_capitalised() && !name.has(&fold(after.owner())) && !after.begins)
                || before.is_some_and(|before| {
                    before.is_capitalised()
                        && !before.begins
                        && word.adjoins
                        && !name.has(&fold(before.owner()))
                        && !titled
                        && !in_greeting
                });
            let same_initial = part.chars().next() == folded.chars().next();
            let known_name = letter.spelling.knows(text);
            let far = distance(&folded, part);
            let letters = part.chars().count();
            let likely = if known_name {
                same_initial && far == 1 && letters >= 6
            } else {
                far <= 1 + usize::from(letters > 7) && (same_initial || far == 1 && letters > 4)
            };
            let greeted = in_greeting
                && (!common || word.is_capitalised())
                && letter
                    .greeting
                    .as_ref()
                    .is_some_and(|range| range.start < word.bytes.start);
            let sure = whole_name || greeted || !common && !of_another && likely;
            if sure && !is_place_or_day(&word.lower) {
                let told = format!("On record the name is “{right}”.");
                findings.at(&rules::NAME_MISSPELLED, &word.place(), told, vec![right.to_owned()]);
                break;
            }
        }
    }
}

impl Letter<'_> {
    /// Whether a text on record has the word just so.
    fn known_as_written(&self, text: &str) -> bool {
        self.exact.contains(&composed(text))
    }
}

fn is_place_or_day(lower: &str) -> bool {
    WEEKDAYS.contains(&lower) || MONTHS.contains(&lower) || ["english", "dear"].contains(&lower)
}

/// Who is greeted, and how.
fn greeted(
    context: &Context,
    letter: &Letter<'_>,
    recipients: &[Name<'_>],
    others: &[Name<'_>],
    findings: &mut Findings<'_>,
) {
    let words = letter.greeted();
    for (i, word) in words.iter().enumerate() {
        let folded = fold(word.owner());
        let next = words.get(i + 1);
        if HONORIFICS.contains(&folded.as_str()) {
            if let Some(next) = next {
                titles::titled(context, recipients, word, next, findings);
            }
            continue;
        }
        let next_folded = next.map(|next| fold(next.owner()));
        // "Dear Berg Anna".
        let swapped = recipients.iter().find(|name| {
            name.folded.len() == 2
                && name.surname() == Some(&folded)
                && name.given() == next_folded.as_deref()
                && name.given() != name.surname()
        });
        if let (Some(name), Some(next)) = (swapped, next) {
            if FIRST.contains(&folded.as_str()) {
                continue;
            }
            let mut place = word.place();
            place.bytes.end = next.bytes.end;
            let right = name.parts.join(" ");
            findings.at(
                &rules::NAME_ORDER,
                &place,
                format!("On record the name is “{right}”."),
                vec![right],
            );
            continue;
        }
        if findings.marked(&[&rules::NAME_MISSPELLED], &word.place())
            || !word.is_capitalised()
            || recipients.iter().any(|name| name.has(&folded))
        {
            continue;
        }
        // "Dear Peter Berg", where she is Anna.
        let before_surname = recipients.iter().find(|name| {
            next_folded.is_some() && name.surname() == next_folded.as_deref() && next.is_some_and(|next| next.adjoins)
        });
        if let Some(name) = before_surname.filter(|name| i > 0 && !name.goes_by(&folded)) {
            let right = name.parts[0].to_owned();
            findings.at(
                &rules::NAME_OF_ANOTHER,
                &word.place(),
                format!("On record the first name is “{right}”."),
                vec![right],
            );
            continue;
        }
        // "Dear Tomas", where the letter goes to Anna.
        let other = others.iter().find(|name| name.has(&folded));
        let short = recipients.iter().any(|name| name.goes_by(&folded));
        if let Some(other) = other.filter(|_| !short && i > 0) {
            let told = format!("The letter does not go to {}.", other.parts.join(" "));
            let right = recipients
                .iter()
                .filter_map(|name| name.parts.first())
                .map(|part| (*part).to_owned())
                .collect();
            findings.at(&rules::NAME_OF_ANOTHER, &word.place(), told, right);
            continue;
        }
        // "Dear Hiroshi", whoever that is.
        let greets = i > 0
            && words[0].lower != "to"
            && words[..i]
                .iter()
                .all(|before| !before.is_capitalised() || before.begins);
        let alone = recipients.len() == 1 && greets && next.is_none();
        let addressed = letter.spelling.is_common(&word.lower) || letter.known.contains(&folded);
        if alone && !short && !addressed && recipients[0].parts.iter().any(|part| is_latin(part)) && is_latin(word.text)
        {
            let right = recipients[0].parts.join(" ");
            findings.at(
                &rules::NAME_OF_ANOTHER,
                &word.place(),
                format!("The letter goes to {right}."),
                vec![recipients[0].parts[0].to_owned()],
            );
        }
    }
}
