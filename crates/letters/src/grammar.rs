//! Grammar beyond patterns of our own, by `harper-core`: only in a service that was built with the feature `grammar`. It is
//! asked for grammar alone. What a letter needs in spelling, style and tone our own rules know better, and they go first.

use std::sync::{Mutex, OnceLock, PoisonError};

use afterword_domain::notes::Field;
use harper_core::{
    Dialect, Document,
    linting::{Lint, LintGroup, LintKind, Linter, Suggestion},
    parsers::PlainEnglish,
    spell::FstDictionary,
};

use crate::{
    findings::{Findings, Place},
    letter::Letter,
    rules,
};

/// What of its remarks is about grammar.
const KINDS: [LintKind; 6] = [
    LintKind::Agreement,
    LintKind::BoundaryError,
    LintKind::Eggcorn,
    LintKind::Grammar,
    LintKind::Malapropism,
    LintKind::WordOrder,
];

/// Rules that stay silent: spelling is ours, and one word can cost theirs seconds; terms are split by one, and one prints to
/// the service's output.
const SILENT: [&str; 3] = ["SpellCheck", "SplitWords", "LookingForwardTo"];

/// A paragraph longer than this is no part of a letter, and takes too long.
const LONGEST: usize = 2000;
/// Nor is a longer word.
const LONGEST_WORD: usize = 40;
/// Of so many paragraphs it is asked.
const PARAGRAPHS: usize = 12;
/// Suggestions to a remark, at most.
const SUGGESTIONS: usize = 3;

/// The rules, by dialect. They remember sentences that they have seen, and so one letter at a time is read by them.
struct Groups {
    american: LintGroup,
    british: LintGroup,
}

fn groups() -> &'static Mutex<Groups> {
    static READ: OnceLock<Mutex<Groups>> = OnceLock::new();
    READ.get_or_init(|| {
        let of = |dialect| {
            let mut group = LintGroup::new_curated(FstDictionary::curated(), dialect);
            for rule in SILENT {
                group.config.set_rule_enabled(rule, false);
            }
            group
        };
        Mutex::new(Groups {
            american: of(Dialect::American),
            british: of(Dialect::British),
        })
    })
}

pub(crate) fn warm_up() {
    groups();
}

pub(crate) fn look(letter: &Letter<'_>, findings: &mut Findings<'_>) {
    if !letter.english {
        return;
    }
    for paragraph in letter.paragraphs.iter().take(PARAGRAPHS) {
        let text = &letter.body[paragraph.clone()];
        if text.len() > LONGEST || text.split_whitespace().any(|word| word.len() > LONGEST_WORD) {
            continue;
        }
        // It counts characters, and findings count bytes.
        let bytes: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        for lint in lints(text, letter.spelling.is_american()) {
            let (Some(from), Some(to)) = (bytes.get(lint.span.start), bytes.get(lint.span.end)) else {
                continue;
            };
            let place = Place {
                field: Field::Body,
                bytes: paragraph.start + from..paragraph.start + to,
            };
            if !is_name(letter, &place) && !findings.marked(rules::RULES, &place) {
                let suggestions = lint.suggestions.iter().take(SUGGESTIONS);
                let instead = suggestions.map(|it| instead(it, &text[*from..*to])).collect();
                findings.at(&rules::GRAMMAR, &place, lint.message, instead);
            }
        }
    }
}

fn lints(text: &str, american: bool) -> Vec<Lint> {
    let document = Document::new_curated(text, &PlainEnglish);
    let mut groups = groups().lock().unwrap_or_else(PoisonError::into_inner);
    let group = if american {
        &mut groups.american
    } else {
        &mut groups.british
    };
    let mut lints = group.lint(&document);
    lints.retain(|lint| KINDS.contains(&lint.lint_kind));
    // The same in every run: the rules come from a map.
    lints.sort_by(|a, b| (a.span.start, a.span.end, &a.message).cmp(&(b.span.start, b.span.end, &b.message)));
    lints
}

/// Whether a name on record stands there.
fn is_name(letter: &Letter<'_>, place: &Place) -> bool {
    letter
        .within(place.bytes.clone())
        .any(|word| word.is_capitalised() && letter.exact.contains(word.text))
}

fn instead(suggestion: &Suggestion, text: &str) -> String {
    match suggestion {
        Suggestion::ReplaceWith(other) => other.iter().collect(),
        Suggestion::InsertAfter(more) => text.chars().chain(more.iter().copied()).collect(),
        Suggestion::Remove => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Written, review};

    fn told(sentence: &str) -> Vec<(String, Vec<String>)> {
        let context = serde_json::json!({"kind": "thank_you", "channel": "email", "locale": "en-GB",
            "sender": {"name": "Sam Okafor"}, "recipients": [{"name": "Dave O'Neill"}]});
        let context: Context = serde_json::from_value(context).expect("a context");
        let body = format!("Dear Dave,\n\nThank you for showing me the site. {sentence}\n\nKind regards,\nSam Okafor");
        let written = Written {
            subject_line: Some("Thank you"),
            body: &body,
        };
        let found = review(&context, written).findings.into_iter();
        found
            .filter(|finding| finding.rule == rules::GRAMMAR.id)
            .map(|finding| {
                let span = finding.span.expect("a place");
                (
                    body[span.byte_start as usize..span.byte_end as usize].to_owned(),
                    finding.suggestions,
                )
            })
            .collect()
    }

    #[test]
    fn grammar_that_no_pattern_of_ours_knows_is_found() {
        for (wrong, right) in [
            ("I did saw the plant.", "I did see the plant."),
            ("The work was did by me.", "The work was done by me."),
        ] {
            assert_eq!(told(wrong).len(), 1, "{wrong}");
            assert_eq!(told(right), [], "{right}");
        }
    }

    #[test]
    fn a_suggestion_stands_in_the_place_of_what_is_marked() {
        assert_eq!(
            told("Zoë’s “plan” was did by me."),
            [("did".to_owned(), vec!["done".to_owned()])]
        );
    }

    #[test]
    fn the_same_text_gets_the_same_review_however_often() {
        let text = "The work was did by me, and I did saw the plant.";
        let once = told(text);
        assert!(!once.is_empty());
        for _ in 0..5 {
            assert_eq!(told(text), once);
        }
    }

    #[test]
    fn every_silent_rule_is_one_that_there_is() {
        let group = LintGroup::new_curated(FstDictionary::curated(), Dialect::American);
        for rule in SILENT {
            assert!(group.contains_key(rule), "{rule}");
        }
    }

    #[test]
    fn what_is_no_letter_is_not_read() {
        for text in ["O'NeillDear".repeat(4), "I did saw it. ".repeat(200)] {
            assert_eq!(told(&text), []);
        }
    }
}
