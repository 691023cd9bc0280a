//! The shape of a letter: short, whole, addressed and signed, and no form with gaps.

use afterword_domain::notes::{Field, NoteChannel, NoteKind};

use crate::{
    Context,
    findings::{Findings, Place},
    letter::{Letter, printed_lines},
    phrases::Phrases,
    rules,
    words::{Word, beginning, fold, folded_words},
};
use std::sync::OnceLock;

/// A letter has at most so many paragraphs, and each at most so many printed lines.
const PARAGRAPHS: usize = 3;
const LINES: usize = 2;

pub(crate) fn look(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
    if letter.body.trim().is_empty() {
        findings.whole(&rules::NOTHING_WRITTEN, "The letter has no text yet.".to_owned());
        return;
    }
    let message = context.channel == NoteChannel::Message;
    if letter.paragraphs.len() > PARAGRAPHS {
        let told = format!("There are {} paragraphs; three are read.", letter.paragraphs.len());
        findings.at(
            &rules::TOO_MANY_PARAGRAPHS,
            &body(letter.paragraphs[PARAGRAPHS].clone()),
            told,
            Vec::new(),
        );
    }
    for paragraph in &letter.paragraphs {
        let lines = printed_lines(&letter.body[paragraph.clone()]);
        if lines > LINES {
            let told = format!("This paragraph takes {lines} printed lines; two are read at a glance.");
            findings.at(&rules::LONG_PARAGRAPH, &body(paragraph.clone()), told, Vec::new());
        }
    }
    if letter.greeting.is_none() && !message {
        findings.whole(&rules::NO_GREETING, "The letter begins without a greeting.".to_owned());
    }
    if letter.closing.is_none() && !message {
        findings.whole(&rules::NO_CLOSING, "The letter ends without a closing.".to_owned());
    }
    if context.channel == NoteChannel::Email && letter.subject_line.is_none_or(|line| line.trim().is_empty()) {
        findings.whole(
            &rules::SUBJECT_LINE_MISSING,
            "The e-mail has no subject line.".to_owned(),
        );
    }
    placeholders(letter, findings);
    if letter.english {
        content(context, letter, findings);
    }
}

const fn body(bytes: std::ops::Range<usize>) -> Place {
    Place {
        field: Field::Body,
        bytes,
    }
}

/// What the letter must say.
fn content(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
    static LISTS: OnceLock<[Phrases; 3]> = OnceLock::new();
    let [thanks, interview, strengths] = LISTS.get_or_init(|| {
        [
            Phrases::read(include_str!("../data/thanks.txt")),
            Phrases::read(include_str!("../data/interview.txt")),
            Phrases::read(include_str!("../data/strengths.txt")),
        ]
    });
    let told: Vec<&Word<'_>> = letter.words.iter().filter(|word| word.field == Field::Body).collect();
    let says = |phrases: &Phrases| !phrases.find(&told).is_empty();
    let thanking = matches!(context.kind, NoteKind::ThankYou | NoteKind::RejectionThanks);
    if thanking && !says(thanks) {
        findings.whole(&rules::NO_THANKS, "The letter does not thank its reader.".to_owned());
    }
    if context.kind != NoteKind::ThankYou {
        return;
    }
    if !says(interview) && !touches(&told, &context.talked_about) {
        findings.whole(
            &rules::NOTHING_FROM_THE_INTERVIEW,
            "The letter mentions nothing that was talked about.".to_owned(),
        );
    }
    if !says(strengths) && !touches(&told, &context.sender.strengths) {
        findings.whole(
            &rules::NO_STRENGTH,
            "The letter does not say what you bring.".to_owned(),
        );
    }
}

/// Whether words of a text on record come up: the telling ones, whatever their endings.
fn touches(told: &[&Word<'_>], texts: &[String]) -> bool {
    const SMALL: [&str; 18] = [
        "about", "with", "that", "this", "from", "their", "there", "would", "could", "which", "have", "been", "into",
        "your", "what", "when", "where", "years",
    ];
    let stem = |word: &str| word.chars().take(6).collect::<String>();
    let telling: Vec<String> = texts
        .iter()
        .flat_map(|text| folded_words(text))
        .filter(|word| word.chars().count() >= 4 && !SMALL.contains(&word.as_str()))
        .map(|word| stem(&word))
        .collect();
    told.iter()
        .any(|word| word.text.chars().count() >= 4 && telling.contains(&stem(&fold(word.text))))
}

/// `[Name]`, `{{company}}`, `XXX`, lorem ipsum.
fn placeholders(letter: &Letter<'_>, findings: &mut Findings<'_>) {
    static LIST: OnceLock<Phrases> = OnceLock::new();
    let phrases = LIST.get_or_init(|| Phrases::read(include_str!("../data/placeholders.txt")));
    for (field, text) in [
        (Field::SubjectLine, letter.subject_line.unwrap_or_default()),
        (Field::Body, letter.body),
    ] {
        let mut found: Vec<std::ops::Range<usize>> = Vec::new();
        for (open, close) in [
            ("{{", "}}"),
            ("[", "]"),
            ("{", "}"),
            ("<", ">"),
            ("%", "%"),
            ("«", "»"),
            ("(", ")"),
        ] {
            let mut from = 0;
            while let Some(start) = text[from..].find(open).map(|at| from + at) {
                from = start + open.len();
                // What waits to be filled in is short.
                let Some(length) = beginning(&text[from..], 120).find(close) else {
                    continue;
                };
                let inside = &text[from..from + length];
                if is_gap(open, inside) {
                    let end = from + length + close.len();
                    found.push(start..end);
                    from = end;
                }
            }
        }
        for run in ["___", "…………", ".....", "XXX", "xxx", "XX/XX", "???"] {
            let mut from = 0;
            while let Some(at) = text[from..].find(run).map(|at| from + at) {
                let rest = text[at..].trim_start_matches(['X', 'x', '_', '.', '?', '…', '/']);
                from = text.len() - rest.len();
                let alone = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
                if alone(text[..at].chars().next_back()) && alone(rest.chars().next()) {
                    found.push(at..from);
                }
            }
        }
        let words: Vec<&Word<'_>> = letter.words.iter().filter(|word| word.field == field).collect();
        for hit in phrases.find(&words) {
            found.push(words[hit.words.start].bytes.start..words[hit.words.end - 1].bytes.end);
        }
        found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let mut end = 0;
        for range in found {
            if range.start >= end {
                end = range.end;
                let told = format!("“{}” was to be filled in.", &text[range.clone()]);
                findings.at(&rules::PLACEHOLDER, &Place { field, bytes: range }, told, Vec::new());
            }
        }
    }
}

/// Whether what stands in brackets waits to be filled in.
fn is_gap(open: &str, inside: &str) -> bool {
    const WAITING: [&str; 24] = [
        "name",
        "company",
        "position",
        "date",
        "interviewer",
        "role",
        "title",
        "organisation",
        "organization",
        "topic",
        "project",
        "insert",
        "day",
        "time",
        "firstname",
        "first_name",
        "lastname",
        "last_name",
        "your",
        "recipient",
        "job",
        "skill",
        "link",
        "hiring",
    ];
    let letters = inside.chars().any(char::is_alphabetic);
    let short = inside.chars().count() <= 60 && !inside.contains('\n');
    let lower = inside.to_lowercase();
    let waiting = lower
        .split(|c: char| !c.is_alphabetic())
        .any(|word| WAITING.contains(&word));
    match open {
        "[" => letters && short && !["sic", "…", "..."].contains(&lower.trim()) || inside.trim().is_empty(),
        "{{" => short,
        "{" => short && letters,
        "<" => short && letters && !inside.contains(['@', '/', ':']) && !inside.starts_with('3'),
        "%" => short && letters && !inside.contains(' '),
        "«" => short && waiting && inside.split_whitespace().count() <= 3,
        _ => {
            short
                && waiting
                && inside.split_whitespace().count() <= 3
                && ["name", "company", "insert", "your", "position", "interviewer"]
                    .iter()
                    .any(|it| lower.starts_with(it))
        }
    }
}
