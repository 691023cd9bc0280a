//! Phrases to look for, as data. One a line: the words, and after a bar what to say instead. `a/b` is either word,
//! `word?` may be missing, `_` is any one word; a line that begins with `!` is a reading that is right, and takes back
//! what lies inside it.

use std::{collections::HashMap, ops::Range};

use crate::words::Word;

/// A list of phrases, indexed by their first words.
pub(crate) struct Phrases {
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
pub(crate) fn rows(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines()
        .map(str::trim)
        .filter(|row| !row.is_empty() && !row.starts_with("# "))
}

impl Phrases {
    pub(crate) fn read(list: &'static str) -> Self {
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

    /// Every phrase in a row of words, the longest at each place; none reaches over the end of a sentence.
    pub(crate) fn find(&self, words: &[&Word<'_>]) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::new();
        let mut right: Vec<Range<usize>> = Vec::new();
        for start in 0..words.len() {
            if words[start].foreign {
                continue;
            }
            let begin = |word: &str| self.begins.get(word).into_iter().flatten();
            let mut longest: Option<Hit> = None;
            for phrase in begin(&words[start].lower).chain(begin("_")).map(|i| &self.phrases[*i]) {
                let Some(length) = phrase.length_at(&words[start..]) else {
                    continue;
                };
                if phrase.right {
                    right.push(start..start + length);
                } else if longest.as_ref().is_none_or(|hit| hit.words.len() < length) {
                    longest = Some(Hit {
                        words: start..start + length,
                        instead: phrase.instead,
                    });
                }
            }
            hits.extend(longest);
        }
        hits.retain(|hit| {
            !right
                .iter()
                .any(|right| right.start <= hit.words.start && hit.words.end <= right.end)
        });
        let mut end = 0;
        hits.retain(|hit| {
            let fresh = hit.words.start >= end;
            end = if fresh { hit.words.end } else { end };
            fresh
        });
        hits
    }
}

impl Phrase {
    fn length_at(&self, words: &[&Word<'_>]) -> Option<usize> {
        steps(&self.words, words, 0).filter(|length| *length > 0)
    }
}

fn steps(steps_left: &[Step], words: &[&Word<'_>], taken: usize) -> Option<usize> {
    let Some((step, rest)) = steps_left.split_first() else {
        return Some(taken);
    };
    let word = words.get(taken).filter(|word| taken == 0 || !word.begins);
    let matches = word.is_some_and(|word| step.either.iter().any(|either| *either == "_" || *either == word.lower));
    matches
        .then(|| steps(rest, words, taken + 1))
        .flatten()
        .or_else(|| step.maybe.then(|| steps(rest, words, taken)).flatten())
}
