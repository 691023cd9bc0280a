//! The parts of a letter: what stands above the greeting, the greeting, the paragraphs, the closing and what
//! stands below it.

use std::{collections::HashSet, ops::Range};

use afterword_domain::notes::Field;

use crate::{
    Context, Written,
    spelling::{self, Spelling},
    words::{self, Word, fold},
};

mod frame;
use frame::{closing, greeting};

/// The width of a printed line of a letter, in characters: about ninety, and a little grace.
pub(crate) const MEASURE: usize = 96;

/// A letter, read.
pub(crate) struct Letter<'a> {
    pub(crate) body: &'a str,
    pub(crate) subject_line: Option<&'a str>,
    /// The words of the subject line and the body.
    pub(crate) words: Vec<Word<'a>>,
    /// Addresses, dates: what stands above the greeting.
    pub(crate) head: Range<usize>,
    /// "Dear Ms Berg,".
    pub(crate) greeting: Option<Range<usize>>,
    pub(crate) paragraphs: Vec<Range<usize>>,
    /// "Kind regards,".
    pub(crate) closing: Option<Range<usize>>,
    pub(crate) spelling: Spelling,
    /// Whether it is English, as far as one can tell from its words.
    pub(crate) english: bool,
    /// Folded words of names, organisations, positions and terms on record.
    pub(crate) known: HashSet<String>,
    /// The words on record just as they are written.
    pub(crate) exact: HashSet<String>,
}

impl<'a> Letter<'a> {
    pub(crate) fn read(context: &Context, written: Written<'a>) -> Self {
        let body = written.body;
        let mut words = written
            .subject_line
            .map_or_else(Vec::new, |line| words::words(line, Field::SubjectLine));
        words.extend(words::words(body, Field::Body));
        let spelling = Spelling::of(context.locale.as_deref());
        let english = spelling::is_english(&words, &spelling);
        let lines = lines(body);
        let (known, exact) = known(context);
        let (head, greeting) = greeting(body, &lines, context);
        let from = greeting.as_ref().map_or(head.end, |range| range.end);
        let (closing, end) = closing(body, &lines, from, context);
        Self {
            body,
            subject_line: written.subject_line,
            words,
            head,
            greeting,
            paragraphs: paragraphs(body, from..end),
            closing,
            spelling,
            english,
            known,
            exact,
        }
    }

    /// The words of a range of the body.
    pub(crate) fn within(&self, range: Range<usize>) -> impl Iterator<Item = &Word<'a>> {
        self.words.iter().filter(move |word| {
            word.field == Field::Body && range.start <= word.bytes.start && word.bytes.end <= range.end
        })
    }

    /// The words of the greeting.
    pub(crate) fn greeted(&self) -> Vec<&Word<'a>> {
        self.greeting
            .clone()
            .map_or_else(Vec::new, |range| self.within(range).collect())
    }
}

/// The lines of a text with their places, without the blanks around them.
fn lines(text: &str) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at + (line.len() - line.trim_start().len());
        let trimmed = line.trim();
        if !trimmed.is_empty() {
            lines.push(start..start + trimmed.len());
        }
        at += line.len();
    }
    lines
}

/// Blank lines part paragraphs; where there is none, every line is one.
fn paragraphs(body: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let range = range.start..range.end.max(range.start);
    let text = &body[range.clone()];
    let trimmed = text.trim();
    let blank = trimmed.split('\n').any(|line| line.trim().is_empty());
    let mut paragraphs: Vec<Range<usize>> = Vec::new();
    let mut open = false;
    let mut at = range.start;
    for line in text.split_inclusive('\n') {
        let words = line.trim();
        let start = at + (line.len() - line.trim_start().len());
        at += line.len();
        if words.trim_start_matches([',', '.']).is_empty() {
            open = false;
            continue;
        }
        let wrapped = paragraphs.last().is_some_and(|last| {
            let before = body[last.clone()].lines().next_back().unwrap_or_default();
            before.chars().count() > 55 && !before.ends_with(['.', '!', '?', '”', '"', ':'])
        });
        match paragraphs.last_mut() {
            Some(last) if open && (blank || wrapped) => last.end = start + words.len(),
            _ => paragraphs.push(start..start + words.len()),
        }
        open = true;
    }
    paragraphs
}

/// How many printed lines a paragraph takes.
pub(crate) fn printed_lines(paragraph: &str) -> usize {
    // Lines that were broken by hand flow together, items of a list do not.
    let mut lines = 0;
    let mut width = 0;
    for line in paragraph.lines() {
        let item = line.trim_start().starts_with(['-', '•', '*', '·']);
        if item {
            width = 0;
        }
        for word in line.split_whitespace() {
            let letters = word.chars().count();
            if width == 0 || width + 1 + letters > MEASURE {
                lines += 1;
                width = letters;
            } else {
                width += 1 + letters;
            }
        }
    }
    lines
}

fn known(context: &Context) -> (HashSet<String>, HashSet<String>) {
    let people = context.recipients.iter().chain(&context.people);
    let of_people = people.flat_map(|person| [Some(&person.name), person.title.as_ref(), person.organisation.as_ref()]);
    let addresses = context
        .recipients
        .iter()
        .filter_map(|person| person.address.as_ref())
        .chain(context.organisation.as_ref().and_then(|it| it.address.as_ref()))
        .chain(&context.sender.address);
    let of_addresses = addresses.flat_map(|address| address.lines.iter().chain([&address.city]).map(Some));
    let texts = of_people
        .chain(of_addresses)
        .flatten()
        .chain([&context.sender.name])
        .chain(context.organisation.as_ref().map(|it| &it.name))
        .chain(&context.other_organisations)
        .chain(&context.position)
        .chain(&context.sender.strengths)
        .chain(&context.terms)
        .chain(&context.unreached);
    let mut known = HashSet::new();
    let mut exact = HashSet::new();
    for text in texts {
        for word in words::words(text, Field::Body) {
            let folded = fold(word.text);
            known.extend(folded.split('-').map(str::to_owned));
            known.insert(folded);
            exact.insert(words::composed(word.text));
        }
    }
    (known, exact)
}

/// Whether a word, or what owns it, is on record.
pub(crate) fn is_known(known: &HashSet<String>, word: &str) -> bool {
    known.contains(&fold(word)) || known.contains(&fold(words::without_possessive(word)))
}
