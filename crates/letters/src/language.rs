//! The tone of a letter, and the slips that no dictionary finds.

use std::sync::OnceLock;

use afterword_domain::notes::{Field, NoteKind};

use crate::{
    Context,
    findings::{Findings, Place},
    letter::Letter,
    phrases::Phrases,
    rules::{self, Rule},
    words::Word,
};

mod marks;
mod slips;
use marks::marks;
use slips::{articles, contractions, doubled, numbers, shouting};

struct Lists {
    said: Vec<(&'static Rule, Phrases)>,
    argument: Phrases,
}

fn lists() -> &'static Lists {
    static READ: OnceLock<Lists> = OnceLock::new();
    READ.get_or_init(|| Lists {
        said: vec![
            (&rules::INFORMAL, Phrases::read(include_str!("../data/informal.txt"))),
            (
                &rules::CONFUSED_WORD,
                Phrases::read(include_str!("../data/confused.txt")),
            ),
            (&rules::AGREEMENT, Phrases::read(include_str!("../data/agreement.txt"))),
            (
                &rules::SELF_DOUBT,
                Phrases::read(include_str!("../data/self_doubt.txt")),
            ),
            (&rules::APOLOGY, Phrases::read(include_str!("../data/apology.txt"))),
            (&rules::COMPLAINT, Phrases::read(include_str!("../data/complaint.txt"))),
            (
                &rules::DESPERATION,
                Phrases::read(include_str!("../data/desperation.txt")),
            ),
        ],
        argument: Phrases::read(include_str!("../data/argument.txt")),
    })
}

pub(crate) fn look(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
    marks(letter, findings);
    if !letter.english {
        return;
    }
    let signed = letter.closing.as_ref().map_or(letter.body.len(), |range| range.end);
    let own = |word: &&Word<'_>| {
        word.field == Field::SubjectLine || !letter.head.contains(&word.bytes.start) && word.bytes.start < signed
    };
    for field in [Field::SubjectLine, Field::Body] {
        let words: Vec<&Word<'_>> = letter
            .words
            .iter()
            .filter(|word| word.field == field)
            .filter(own)
            .collect();
        for (rule, phrases) in &lists().said {
            said(rule, phrases, &words, letter, findings);
        }
        if matches!(context.kind, NoteKind::RejectionThanks | NoteKind::FeedbackRequest) {
            said(&rules::ARGUMENT, &lists().argument, &words, letter, findings);
        }
        doubled(&words, findings);
        articles(&words, letter, findings);
        numbers(&words, letter, findings);
        contractions(&words, findings);
        shouting(&words, letter, findings);
    }
}

fn across(words: &[&Word<'_>]) -> Option<Place> {
    let (first, last) = (words.first()?, words.last()?);
    Some(Place {
        field: first.field,
        bytes: first.bytes.start..last.bytes.end,
    })
}

/// What a list of phrases finds. A name that reads like one of its words is none.
fn said(rule: &'static Rule, phrases: &Phrases, words: &[&Word<'_>], letter: &Letter<'_>, findings: &mut Findings<'_>) {
    for hit in phrases.find(words) {
        let here = &words[hit.words];
        let name = here.len() == 1 && here[0].is_capitalised() && !here[0].begins;
        let on_record = here
            .iter()
            .all(|word| word.is_capitalised() && letter.exact.contains(word.text));
        if name || on_record {
            continue;
        }
        if let Some(place) = across(here) {
            let text = here.iter().map(|word| word.text).collect::<Vec<_>>().join(" ");
            // What stands for more than itself can be told, and not put in.
            let (told, exact): (Vec<&str>, Vec<&str>) = hit
                .instead
                .into_iter()
                .flat_map(|instead| instead.split(", "))
                .partition(|it| it.contains('…'));
            let advice = match told[..] {
                [] => String::new(),
                _ => format!(" Better: “{}”.", told.join("” or “")),
            };
            let suggestions = exact.into_iter().map(|it| as_begun(here[0], it)).collect();
            findings.at(rule, &place, format!("{}: “{text}”.{advice}", rule.title), suggestions);
        }
    }
}

/// What stands at the beginning of a sentence is written so.
fn as_begun(first: &Word<'_>, instead: &str) -> String {
    let mut letters = instead.chars();
    match letters.next() {
        Some(letter) if first.begins && first.is_capitalised() => letter.to_uppercase().chain(letters).collect(),
        _ => instead.to_owned(),
    }
}
