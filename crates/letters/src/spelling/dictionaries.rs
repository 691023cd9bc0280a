//! The dictionaries, and lists of words beside them.

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use spellbook::Dictionary;

/// Words beside the dictionaries.
pub(super) struct Lists {
    pub(super) misspellings: HashMap<&'static str, &'static str>,
    pub(super) terms: HashSet<&'static str>,
}

/// American English. Read when first needed, shared by all, as the others are.
pub(super) fn american() -> Option<&'static Dictionary> {
    static READ: OnceLock<Option<Dictionary>> = OnceLock::new();
    let read = || {
        Dictionary::new(
            include_str!("../../dictionaries/en_US.aff"),
            include_str!("../../dictionaries/en_US.dic"),
        )
    };
    READ.get_or_init(|| read().ok()).as_ref()
}

/// British English.
pub(super) fn british() -> Option<&'static Dictionary> {
    static READ: OnceLock<Option<Dictionary>> = OnceLock::new();
    let read = || {
        Dictionary::new(
            include_str!("../../dictionaries/en_GB.aff"),
            include_str!("../../dictionaries/en_GB.dic"),
        )
    };
    READ.get_or_init(|| read().ok()).as_ref()
}

/// What dictionaries do not have.
pub(super) fn lists() -> &'static Lists {
    static READ: OnceLock<Lists> = OnceLock::new();
    READ.get_or_init(|| Lists {
        misspellings: crate::phrases::rows(include_str!("../../data/misspellings.txt"))
            .filter_map(|row| row.split_once(" | "))
            .collect(),
        terms: crate::phrases::rows(include_str!("../../data/terms.txt"))
            .flat_map(str::split_whitespace)
            .collect(),
    })
}

/// Words that are right and hardly ever meant.
const RARE: &str = include_str!("../../dictionaries/en_rare.txt");

/// Words of a trade, of a dialect, of long ago: somebody may mean them.
pub(super) const RAREST: &str = include_str!("../../dictionaries/en_rarest.txt");

/// Whether a sorted list has a word: a search that takes no memory beside the list.
pub(super) fn lists_word(list: &str, word: &str) -> bool {
    let bytes = list.as_bytes();
    let (mut from, mut to) = (0, list.len());
    while from < to {
        let middle = from + (to - from) / 2;
        let start = bytes[..middle].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let end = bytes[middle..]
            .iter()
            .position(|b| *b == b'\n')
            .map_or(list.len(), |at| middle + at);
        match list.get(start..end).unwrap_or_default().cmp(word) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => from = end + 1,
            std::cmp::Ordering::Greater => to = start,
        }
    }
    false
}

pub(crate) fn warm_up() {
    american();
    british();
    lists();
}

/// Whether any dictionary or list has a word.
pub(super) fn known(word: &str) -> bool {
    let has = |dictionary: Option<&Dictionary>| dictionary.is_none_or(|it| it.check(word));
    let lists = lists();
    has(american())
        || has(british())
        || lists.terms.contains(word)
        || lists_word(RARE, word)
        || word.strip_suffix('s').is_some_and(|one| lists.terms.contains(one))
}
