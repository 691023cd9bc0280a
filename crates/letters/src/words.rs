//! Words as a reader sees them, in any script, with their places; and what counts when two of them are compared.

use std::ops::Range;

use afterword_domain::notes::Field;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::findings::Place;

/// A word: letters and digits, apostrophes and hyphens between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    /// In lower case, with straight apostrophes.
    pub(crate) lower: String,
    pub(crate) field: Field,
    pub(crate) bytes: Range<usize>,
    /// Whether a sentence begins with it.
    pub(crate) begins: bool,
    /// Whether it stands in quotation marks, an address of the web, or the like: somebody else's words.
    pub(crate) foreign: bool,
    /// Whether only blanks stand between the word before and this one.
    pub(crate) adjoins: bool,
}

impl Word<'_> {
    pub(crate) fn place(&self) -> Place {
        Place {
            field: self.field,
            bytes: self.bytes.clone(),
        }
    }

    pub(crate) fn is_capitalised(&self) -> bool {
        self.text.chars().next().is_some_and(char::is_uppercase)
    }

    pub(crate) fn is_shouted(&self) -> bool {
        let letters = self.text.chars().filter(|c| c.is_alphabetic());
        letters.clone().count() > 1 && letters.clone().all(char::is_uppercase)
    }

    pub(crate) fn has_digit(&self) -> bool {
        self.text.chars().any(|c| c.is_ascii_digit())
    }

    /// The word without a possessive ending.
    pub(crate) fn owner(&self) -> &str {
        without_possessive(self.text)
    }
}

pub(crate) fn without_possessive(text: &str) -> &str {
    ["'s", "’s", "'S", "’S", "'", "’"]
        .iter()
        .find_map(|ending| text.strip_suffix(ending))
        .unwrap_or(text)
}

const fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | 'ʼ' | '‘')
}

const fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}' | '\u{2011}')
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// Every word of a text.
pub(crate) fn words(text: &str, field: Field) -> Vec<Word<'_>> {
    let foreign = foreign(text);
    let mut words = Vec::new();
    let mut chars = text.char_indices().peekable();
    let mut begins = true;
    let mut adjoins = false;
    let mut blank_lines = 0;
    while let Some((start, c)) = chars.next() {
        if !is_letter(c) {
            match c {
                '.' | '!' | '?' | ':' | '…' | '。' | '！' | '？' | '•' => begins = true,
                '\n' => {
                    blank_lines += 1;
                    begins = begins || blank_lines > 1;
                }
                _ => {}
            }
            adjoins = adjoins && c.is_whitespace();
            continue;
        }
        blank_lines = 0;
        let mut end = start + c.len_utf8();
        while let Some(&(at, c)) = chars.peek() {
            let joins =
                (is_apostrophe(c) || is_hyphen(c)) && text[at + c.len_utf8()..].chars().next().is_some_and(is_letter);
            if !is_letter(c) && !joins {
                break;
            }
            end = at + c.len_utf8();
            chars.next();
        }
        let word = &text[start..end];
        words.push(Word {
            text: word,
            lower: straight(&word.to_lowercase()),
            field,
            bytes: start..end,
            begins,
            foreign: is_within(&foreign, start),
            adjoins,
        });
        // "Dr. Berg": the point ends no sentence.
        let abbreviates = text[end..].starts_with('.') && is_abbreviation(word);
        if abbreviates {
            chars.next();
        }
        begins = false;
        adjoins = true;
    }
    words
}

/// Whether a place lies in one of these ranges, which are in order and apart.
fn is_within(ranges: &[Range<usize>], at: usize) -> bool {
    let next = ranges.partition_point(|range| range.end <= at);
    ranges.get(next).is_some_and(|range| range.start <= at)
}

/// The beginning of a text, up to so many bytes.
pub(crate) fn beginning(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn is_abbreviation(word: &str) -> bool {
    const KNOWN: [&str; 22] = [
        "dr", "prof", "mr", "mrs", "ms", "mx", "st", "jr", "sr", "vs", "etc", "eg", "ie", "no", "dept", "ext",
        "approx", "rev", "hon", "capt", "sgt", "ing",
    ];
    word.chars().count() == 1 || KNOWN.contains(&word.to_lowercase().as_str())
}

/// Ranges of text that are not the writer's own words: quotations, addresses of the web and of mail, handles, code.
fn foreign(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for (open, close) in [('“', '”'), ('«', '»'), ('„', '“'), ('「', '」'), ('`', '`'), ('"', '"')] {
        let mut from = 0;
        while let Some(start) = text[from..].find(open).map(|at| from + at) {
            let inside = start + open.len_utf8();
            let Some(end) = text[inside..].find(close).map(|at| inside + at) else {
                break;
            };
            // A quotation ends within its paragraph.
            if !text[inside..end].contains("\n\n") {
                ranges.push(start..end);
            }
            from = end + close.len_utf8();
        }
    }
    // ‘single’ and 'single': they open after a blank, and close before none.
    for (open, close) in [('‘', '’'), ('\'', '\'')] {
        for (start, _) in text.match_indices(open) {
            let after_blank = text[..start]
                .chars()
                .next_back()
                .is_none_or(|c| c.is_whitespace() || c == '(');
            let inside = start + open.len_utf8();
            if !after_blank || text[inside..].starts_with(char::is_whitespace) {
                continue;
            }
            let within = beginning(&text[inside..], 121);
            let closes = within.match_indices(close).find(|(at, _)| {
                let next = text[inside + at + close.len_utf8()..].chars().next();
                next.is_none_or(|c| !c.is_alphanumeric())
            });
            if let Some((at, _)) = closes.filter(|(at, _)| *at < 120 && !text[inside..inside + at].contains('\n')) {
                ranges.push(start..inside + at);
            }
        }
    }
    let mut at = 0;
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let dotted = word.trim_end_matches(['.', ',', ')', ';', ':', '!', '?']);
        let inner = dotted.find('.').is_some_and(|dot| {
            let (before, after) = (&dotted[..dot], &dotted[dot + 1..]);
            before.chars().next_back().is_some_and(char::is_alphanumeric)
                && after
                    .chars()
                    .next()
                    .is_some_and(|c| c.is_lowercase() || c.is_ascii_digit())
                && before.chars().count() > 1
        });
        if word.contains("://") || word.contains('@') || word.starts_with('#') || word.starts_with("www.") || inner {
            ranges.push(at..at + word.len());
        }
        at += piece.len();
    }
    ranges.sort_by_key(|range| range.start);
    ranges.dedup_by(|next, before| {
        let meets = next.start <= before.end;
        if meets {
            before.end = before.end.max(next.end);
        }
        meets
    });
    ranges
}

/// With straight apostrophes and plain hyphens.
pub(crate) fn straight(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if is_apostrophe(c) => '\'',
            c if is_hyphen(c) => '-',
            c => c,
        })
        .collect()
}

/// What counts when names are compared: not case, diacritics, or how a letter is composed.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        match c {
            'ß' | 'ẞ' => folded.push_str("ss"),
            'ø' | 'Ø' => folded.push('o'),
            'æ' | 'Æ' => folded.push_str("ae"),
            'œ' | 'Œ' => folded.push_str("oe"),
            'ł' | 'Ł' => folded.push('l'),
            'đ' | 'Đ' | 'ð' | 'Ð' => folded.push('d'),
            'ı' => folded.push('i'),
            'þ' | 'Þ' => folded.push_str("th"),
            c if is_apostrophe(c) => folded.push('\''),
            c => folded.extend(c.to_lowercase()),
        }
    }
    folded
}

/// The same text, however its letters are composed.
pub(crate) fn composed(text: &str) -> String {
    straight(&text.nfc().collect::<String>())
}

/// Whether the letters are of the Latin script.
pub(crate) fn is_latin(text: &str) -> bool {
    text.nfd()
        .filter(|c| c.is_alphabetic())
        .all(|c| c.is_ascii() || ('\u{80}'..='\u{24f}').contains(&c) || ('\u{1e00}'..='\u{1eff}').contains(&c))
}

/// How many letters one has to change, add, leave out or swap.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    strsim::damerau_levenshtein(one, other)
}

/// The words of a name or title, folded.
pub(crate) fn folded_words(text: &str) -> Vec<String> {
    words(text, Field::Body).iter().map(|word| fold(word.text)).collect()
}
