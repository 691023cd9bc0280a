//! Phrases to look for, as data. One a line: the words, and after a bar what to say instead. `a/b` is either word,
//! `word?` may be missing, `_` is any one word, `~` any words of degree (very,
//! really, a bit); a line that begins with `!` is a reading that is right, and takes back
//! what lies inside it.

use std::{collections::HashMap, ops::Range};

use afterword_domain::notes::Field;

use crate::words::{Word, words};

/// A list of phrases, indexed by their first words.
pub struct Phrases {
    phrases: Vec<Phrase>,
    begins: HashMap<&'static str, Vec<usize>>,
}

struct Phrase {
    words: Vec<Step>,
    instead: Option<&'static str>,
    right: bool,
}

struct Step {
    either: Vec<&'static str>,
    maybe: bool,
}

/// A phrase that was found: which words, and what to say instead.
pub(crate) struct Hit {
    pub(crate) words: Range<usize>,
    pub(crate) instead: Option<&'static str>,
}

/// The rows of a list, without blank ones and comments.
pub fn rows(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines()
        .map(str::trim)
        .filter(|row| !row.is_empty() && !row.starts_with("# "))
}

impl Phrases {
    /// Reads a list.
    pub fn read(list: &'static str) -> Self {
        let mut phrases = Vec::new();
        let mut begins: HashMap<&'static str, Vec<usize>> = HashMap::new();
        for row in rows(list) {
            let (words, instead) = row
                .split_once(" | ")
                .map_or((row, None), |(words, instead)| (words, Some(instead)));
            let (right, words) = words.strip_prefix('!').map_or((false, words), |words| (true, words));
            let words: Vec<Step> = words
                .split_whitespace()
                .map(|word| {
                    let maybe = word.ends_with('?');
                    let either = word.split('/').map(|word| word.trim_end_matches('?')).collect();
                    Step { either, maybe }
                })
                .collect();
            for step in &words {
                for word in &step.either {
                    begins.entry(word).or_default().push(phrases.len());
                }
                if !step.maybe {
                    break;
                }
            }
            phrases.push(Phrase { words, instead, right });
        }
        Self { phrases, begins }
    }

    /// Where phrases stand in a text, in bytes, and what their rows say beside them. What is quoted is not looked at.
    pub fn places(&self, text: &str) -> Vec<(Range<usize>, Option<&'static str>)> {
        let words = words(text, Field::Body);
        let row: Vec<&Word<'_>> = words.iter().collect();
        let hits = self.find(&row).into_iter();
        hits.map(|hit| {
            let (first, last) = (&words[hit.words.start], &words[hit.words.end - 1]);
            (first.bytes.start..last.bytes.end, hit.instead)
        })
        .collect()
    }

    /// Every phrase in a row of words, the longest at each place; none reaches over the end of a sentence. "I'm" is
    /// looked at as it stands and as "I am".
    pub(crate) fn find(&self, words: &[&Word<'_>]) -> Vec<Hit> {
        let as_they_stand: Vec<Token<'_>> = words.iter().enumerate().map(|(at, word)| Token::of(word, at)).collect();
        let mut hits = self.look(&as_they_stand);
        let written_out: Vec<Token<'_>> = as_they_stand.iter().flat_map(Token::written_out).collect();
        if written_out.len() > as_they_stand.len() {
            hits.extend(self.look(&written_out));
        }
        hits.sort_by_key(|hit| (hit.words.start, std::cmp::Reverse(hit.words.end)));
        let mut end = 0;
        hits.retain(|hit| {
            let fresh = hit.words.start >= end;
            end = if fresh { hit.words.end } else { end };
            fresh
        });
        hits
    }

    fn look(&self, tokens: &[Token<'_>]) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::new();
        let mut right: Vec<Range<usize>> = Vec::new();
        for start in 0..tokens.len() {
            if tokens[start].word.foreign {
                continue;
            }
            let begin = |word: &str| self.begins.get(word).into_iter().flatten();
            let mut longest: Option<Hit> = None;
            for phrase in begin(tokens[start].text).chain(begin("_")).map(|i| &self.phrases[*i]) {
                let length = steps(&phrase.words, &tokens[start..], 0).filter(|length| *length > 0);
                let Some(length) = length else { continue };
                let words = tokens[start].at..tokens[start + length - 1].at + 1;
                if phrase.right {
                    right.push(words);
                } else if longest.as_ref().is_none_or(|hit| hit.words.len() < words.len()) {
                    longest = Some(Hit {
                        words,
                        instead: phrase.instead,
                    });
                }
            }
            hits.extend(longest);
        }
        let is_right = |hit: &Hit| {
            right
                .iter()
                .any(|right| right.start <= hit.words.start && hit.words.end <= right.end)
        };
        hits.retain(|hit| !is_right(hit));
        hits
    }
}

/// A word, or half of a contraction.
#[derive(Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    word: &'a Word<'a>,
    at: usize,
    begins: bool,
}

impl<'a> Token<'a> {
    fn of(word: &'a Word<'a>, at: usize) -> Self {
        Self {
            text: &word.lower,
            word,
            at,
            begins: word.begins,
        }
    }

    /// "I am" for "I'm".
    fn written_out(&self) -> Vec<Self> {
        const ENDINGS: [(&str, &str); 5] = [
            ("n't", "not"),
            ("'re", "are"),
            ("'ve", "have"),
            ("'ll", "will"),
            ("'m", "am"),
        ];
        const WHOLE: [(&str, &str, &str); 4] = [
            ("can't", "can", "not"),
            ("cannot", "can", "not"),
            ("won't", "will", "not"),
            ("i'd", "i", "would"),
        ];
        let halves = WHOLE
            .iter()
            .find(|(whole, ..)| *whole == self.text)
            .map(|(_, first, second)| (*first, *second))
            .or_else(|| {
                let ending = ENDINGS
                    .iter()
                    .find_map(|(ending, out)| Some((self.text.strip_suffix(ending)?, *out)))?;
                (!ending.0.is_empty()).then_some(ending)
            });
        halves.map_or_else(
            || vec![*self],
            |(first, second)| {
                vec![
                    Token { text: first, ..*self },
                    Token {
                        text: second,
                        begins: false,
                        ..*self
                    },
                ]
            },
        )
    }
}

/// Words that make another one stronger or weaker: any number of them may stand where a phrase has `~`.
const DEGREES: &[&str] = &[
    "very",
    "really",
    "so",
    "quite",
    "rather",
    "too",
    "a",
    "an",
    "bit",
    "little",
    "terribly",
    "awfully",
    "just",
    "only",
    "probably",
    "perhaps",
    "maybe",
    "complete",
    "completely",
    "total",
    "totally",
    "absolute",
    "absolutely",
    "big",
    "huge",
    "such",
    "extremely",
    "pretty",
    "truly",
    "clearly",
    "simply",
    "obviously",
    "always",
    "often",
    "still",
    "also",
    "all",
    "the",
    "somewhat",
    "fairly",
    "particularly",
    "especially",
    "quite",
    "even",
    "much",
    "more",
    "most",
    "real",
    "utterly",
    "deeply",
    "honestly",
    "certainly",
    "definitely",
    "sadly",
    "frankly",
    "urgently",
    "desperately",
    "badly",
    "that",
    "great",
    "grave",
    "serious",
    "terrible",
    "urgent",
    "dire",
];

fn steps(steps_left: &[Step], tokens: &[Token<'_>], taken: usize) -> Option<usize> {
    let Some((step, rest)) = steps_left.split_first() else {
        return Some(taken);
    };
    let token = tokens.get(taken).filter(|token| taken == 0 || !token.begins);
    if step.either == ["~"] {
        let more = token.is_some_and(|token| DEGREES.contains(&token.text));
        return more
            .then(|| steps(steps_left, tokens, taken + 1))
            .flatten()
            .or_else(|| steps(rest, tokens, taken));
    }
    let matches = token.is_some_and(|token| step.either.iter().any(|either| *either == "_" || *either == token.text));
    matches
        .then(|| steps(rest, tokens, taken + 1))
        .flatten()
        .or_else(|| step.maybe.then(|| steps(rest, tokens, taken)).flatten())
}
