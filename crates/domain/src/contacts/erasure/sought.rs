//! What is looked for in a text: words, and telephone numbers.

use std::ops::Range;

use super::letters::{After, Letter, letters};

/// A telephone number is known by so many of its last digits.
const DIGITS: usize = 7;

/// And so many stand at most before those that it has in common with another way to write it: `0049` and a `0`.
const PREFIX: usize = 5;

/// A name of so many words and characters at most is looked for in other orders of them.
const TURNED: (usize, usize) = (6, 100);

/// Texts to look for, each as its letters and digits; in their order, so that a text is read once for all of them.
pub(super) struct Words {
    texts: Vec<Vec<char>>,
    /// Whether none of them may end within a word.
    whole: bool,
}

/// Telephone numbers, each as its digits from the last to the first, in their order.
pub(super) struct Numbers(Vec<Vec<char>>);

impl Words {
    pub(super) fn of(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let counted = |text: &str| letters(text).iter().map(|letter| letter.folded).collect();
        Self {
            texts: in_order(texts.into_iter().map(|text| counted(text.as_ref()))),
            whole: false,
        }
    }

    /// Names as some lists have them, with any of their later words first: *Berg, Anna*.
    pub(super) fn turned<'a>(names: impl IntoIterator<Item = &'a String>) -> Self {
        Self {
            whole: true,
            ..Self::of(names.into_iter().flat_map(|name| turned(name)))
        }
    }

    /// Where any of these stands, by where it begins.
    pub(super) fn found(&self, text: &[Letter]) -> impl Iterator<Item = Range<usize>> {
        let beginnings = (0..text.len()).filter(|nth| begins(text, *nth));
        beginnings.filter_map(|nth| Some(text[nth].bytes.start..self.end(&text[nth..])?))
    }

    /// Where the longest of them ends in a text that begins with it.
    fn end(&self, text: &[Letter]) -> Option<usize> {
        let (mut among, mut longest) = (self.texts.as_slice(), None);
        for (depth, letter) in text.iter().enumerate() {
            // A name does not go on in the next sentence.
            if depth > 0 && letter.after == After::End {
                break;
            }
            among = going_on(among, depth, letter.folded);
            let Some(first) = among.first() else { break };
            let length = depth + 1;
            let next = text.get(length);
            let goes_on = next.is_some_and(|next| next.adjoins() && next.folded.is_ascii_alphanumeric());
            // Short ones are found in many words.
            let may_go_on = !self.whole && length > 4;
            if first.len() == length && letter.closes && (!goes_on || may_go_on) {
                longest = Some(letter.bytes.end);
            }
        }
        longest
    }
}

impl Numbers {
    pub(super) fn of(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let numbers = |text: &str| -> Vec<Vec<char>> {
            let letters = letters(text);
            let runs = letters.split(|letter| !letter.is_digit());
            runs.map(|run| run.iter().rev().map(|digit| digit.folded).collect())
                .collect()
        };
        let all = texts.into_iter().flat_map(|text| numbers(text.as_ref()));
        Self(in_order(all.filter(|number| number.len() >= DIGITS)))
    }

    /// Where any of these stands, with the code of the country or without, by where it ends.
    pub(super) fn found(&self, text: &[Letter]) -> impl Iterator<Item = Range<usize>> {
        let goes_on = |nth: usize| text.get(nth).is_some_and(|next| next.adjoins() && next.is_digit());
        let ends = (1..=text.len()).filter(move |end| !self.0.is_empty() && text[end - 1].is_digit() && !goes_on(*end));
        ends.filter_map(|end| Some(self.start(&text[..end])?..text[end - 1].bytes.end))
    }

    /// Where a number begins in a text that ends with it.
    fn start(&self, text: &[Letter]) -> Option<usize> {
        let mut among = self.0.as_slice();
        let mut from = text.len();
        for letter in text.iter().rev() {
            let ended = text.get(from).is_some_and(|next| next.after == After::End);
            among = going_on(among, text.len() - from, letter.folded);
            if ended || among.is_empty() {
                break;
            }
            from -= 1;
        }
        if text.len() - from < DIGITS {
            return None;
        }
        // What stands before without a blank is of the number, or makes it another.
        let mut start = from;
        while start > 0 && text[start].adjoins() && text[start - 1].is_digit() {
            start -= 1;
            if from - start > PREFIX {
                return None;
            }
        }
        Some(text[start].bytes.start)
    }
}

/// A name with each of its later words first.
fn turned(name: &str) -> Vec<String> {
    let mut words: Vec<&str> = name.split_whitespace().collect();
    let is_long = words.len() > TURNED.0 || name.chars().count() > TURNED.1;
    let turns = if is_long { 1 } else { words.len() };
    let turned = (1..turns).map(|_| {
        words.rotate_left(1);
        words.join(" ")
    });
    turned.collect()
}

/// A text with something else in the place of each of these, and once where they run into one another.
pub(super) fn replaced(text: &str, found: &[Range<usize>], with: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for place in found {
        if place.start >= end {
            out.push_str(&text[end..place.start]);
            out.push_str(with);
        }
        end = end.max(place.end);
    }
    out.push_str(&text[end..]);
    out
}

fn in_order(all: impl Iterator<Item = Vec<char>>) -> Vec<Vec<char>> {
    let mut all: Vec<_> = all.filter(|it| !it.is_empty()).collect();
    all.sort();
    all.dedup();
    all
}

/// Those of some that have the same beginning which go on with this.
fn going_on(among: &[Vec<char>], depth: usize, with: char) -> &[Vec<char>] {
    // Those that end here stand before all that go on.
    let from = among.partition_point(|it| it.get(depth).is_none_or(|next| *next < with));
    let to = from + among[from..].partition_point(|it| it.get(depth).is_none_or(|next| *next <= with));
    &among[from..to]
}

/// Whether something may begin there: not within a word, where words have blanks between them.
fn begins(text: &[Letter], nth: usize) -> bool {
    let letter = &text[nth];
    let before = nth.checked_sub(1).and_then(|before| text.get(before));
    let within = || before.is_some_and(|it| it.folded.is_lowercase() || it.folded.is_numeric());
    letter.opens && !(letter.adjoins() && letter.folded.is_ascii_alphanumeric() && within())
}
