//! Titles: the one on record, before the surname.

use afterword_domain::notes::Field;

use super::{FIRST, Name, PARTICLES, near};
use crate::{
    Context, Person,
    findings::Findings,
    rules,
    words::{Word, fold, folded_words, words},
};

const DOCTORS: &[&str] = &["dr", "doctor", "phd", "md", "dphil", "dm"];
const PROFESSORS: &[&str] = &["prof", "professor"];
const PLAIN: &[&str] = &["mr", "mrs", "ms", "miss", "mx", "herr", "frau"];

/// "Mr Li", where the card says Dr; "Ms Anna".
pub(super) fn titled(
    context: &Context,
    recipients: &[Name<'_>],
    title: &Word<'_>,
    next: &Word<'_>,
    findings: &mut Findings<'_>,
) {
    let folded = fold(next.owner());
    let title_words = fold(title.text);
    let Some((person, name)) = context
        .recipients
        .iter()
        .zip(recipients)
        .find(|(_, name)| name.has(&folded))
    else {
        return;
    };
    let holds = |titles: &[&str]| held(person, name).iter().any(|held| titles.contains(&held.as_str()));
    let plain = PLAIN.contains(&title_words.as_str());
    let doctor = DOCTORS.contains(&title_words.as_str());
    let professor = PROFESSORS.contains(&title_words.as_str());
    let mut wrong = |right: &str| {
        let told = format!("On record the title is “{right}”.");
        findings.at(&rules::WRONG_TITLE, &title.place(), told, vec![right.to_owned()]);
    };
    if plain && holds(PROFESSORS)
        || doctor
            && name.honorifics.iter().any(|it| PROFESSORS.contains(&it.as_str()))
            && !name.honorifics.iter().any(|it| DOCTORS.contains(&it.as_str()))
    {
        wrong("Prof.");
    } else if plain && holds(DOCTORS) || professor && !holds(PROFESSORS) && holds(DOCTORS) {
        wrong("Dr.");
    } else if let Some(other) = name.honorifics.iter().find(|it| {
        plain
            && PLAIN.contains(&it.as_str())
            && gender(it) != gender(&title_words)
            && gender(it) != 0
            && gender(&title_words) != 0
    }) {
        wrong(if other == "mr" { "Mr" } else { "Ms" });
    } else if (doctor || professor) && !holds(DOCTORS) && !holds(PROFESSORS) && !learned(person) {
        let told = format!(
            "Nothing on record says that {} is {}.",
            person.name,
            if doctor { "a doctor" } else { "a professor" }
        );
        findings.at(&rules::TITLE_NOT_ON_RECORD, &title.place(), told, Vec::new());
    }
    // "Ms Anna": the surname belongs here.
    let given = name.folded.len() >= 2 && name.given() == Some(&folded) && name.surname() != Some(&folded);
    let first = FIRST.contains(&folded.as_str());
    if (plain || doctor || professor) && given && !first && !goes_on(name, next, findings) {
        let right = name.parts.last().map(|part| (*part).to_owned());
        findings.at(
            &rules::NAME_ORDER,
            &next.place(),
            "With a title stands the surname.".to_owned(),
            right.into_iter().collect(),
        );
    }
}

/// "Ms Anna Berg" is fine: the text goes on with the surname.
fn goes_on(name: &Name<'_>, given: &Word<'_>, findings: &Findings<'_>) -> bool {
    let after = findings.body_after(given.bytes.end);
    let following = words(after, Field::Body);
    following.first().is_some_and(|word| {
        word.bytes.start <= 2
            && name.folded[1..].iter().any(|part| {
                *part == fold(word.owner())
                    || near(part, &fold(word.owner()))
                    || PARTICLES.contains(&fold(word.text).as_str())
            })
    }) || after.trim_start().chars().next().is_some_and(|c| c.is_uppercase())
}

fn gender(title: &str) -> u8 {
    match title {
        "mr" | "herr" | "sir" => 1,
        "mrs" | "ms" | "miss" | "frau" | "madam" => 2,
        _ => 0,
    }
}

/// The titles that a card holds.
fn held(person: &Person, name: &Name<'_>) -> Vec<String> {
    let mut held = name.honorifics.clone();
    held.extend(person.title.iter().flat_map(|title| folded_words(title)));
    held.extend(folded_words(&person.name));
    held
}

/// Whose trade is one of doctors.
fn learned(person: &Person) -> bool {
    const TRADES: [&str; 14] = [
        "physician",
        "surgeon",
        "consultant",
        "lecturer",
        "chair",
        "dean",
        "paediatrician",
        "pediatrician",
        "medical",
        "clinical",
        "registrar",
        "dentist",
        "veterinary",
        "psychologist",
    ];
    let title = person.title.as_deref().unwrap_or_default();
    folded_words(title).iter().any(|word| TRADES.contains(&word.as_str()))
}
