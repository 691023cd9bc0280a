//! Texts as their letters count when two spellings are compared: composed or not, with accents or without, however cased;
//! and where each stands.

use std::ops::Range;

use unicode_normalization::char::{canonical_combining_class, decompose_compatible, is_combining_mark};

/// A letter or a digit.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    /// As it counts. One character may be several: ß is ss.
    pub(super) folded: char,
    /// The character that it is of, with its marks.
    pub(super) bytes: Range<usize>,
    /// Whether it is the first of its character, and the last.
    pub(super) opens: bool,
    pub(super) closes: bool,
    pub(super) after: After,
}

/// What stands before a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum After {
    Letter,
    /// A blank, a hyphen, the text's beginning.
    Gap,
    /// The end of a sentence, or of what is quoted.
    End,
}

impl Letter {
    pub(super) const fn is_digit(&self) -> bool {
        self.folded.is_ascii_digit()
    }

    /// Whether no blank stands between this letter and the one before.
    pub(super) fn adjoins(&self) -> bool {
        self.after == After::Letter
    }
}

/// The letters and digits of a text.
pub(super) fn letters(text: &str) -> Vec<Letter> {
    let mut letters: Vec<Letter> = Vec::with_capacity(text.len());
    let mut after = After::Gap;
    let mut chars = text.char_indices().peekable();
    while let Some((from, base)) = chars.next() {
        let mut to = from + base.len_utf8();
        while let Some((at, mark)) = chars.next_if(|(_, next)| joins(*next)) {
            to = at + mark.len_utf8();
        }
        if !base.is_alphanumeric() {
            let ends = matches!(base, '!' | '?' | ';' | ':' | '[' | ']');
            after = after.max(if ends { After::End } else { After::Gap });
            // A vowel may be written behind what is no letter.
            if !text[from..to].chars().any(char::is_alphanumeric) {
                continue;
            }
        }
        let first = letters.len();
        for part in text[from..to].chars() {
            if completes(part)
                && let Some(begun) = letters.get_mut(first..).and_then(<[_]>::last_mut)
            {
                begun.closes = false;
            }
            fold(part, |folded| {
                letters.push(Letter {
                    folded,
                    bytes: from..to,
                    opens: letters.len() == first,
                    closes: false,
                    after,
                });
                after = After::Letter;
            });
            if let Some(last) = letters.last_mut() {
                last.closes = true;
            }
        }
    }
    letters
}

/// The words of a text, each as its letters.
pub(super) fn words(letters: &[Letter]) -> impl Iterator<Item = &[Letter]> {
    letters.chunk_by(|_, next| next.adjoins())
}

/// Letters as they count, with a blank between words.
pub(super) fn folded(letters: &[Letter]) -> String {
    let mut folded = String::with_capacity(letters.len());
    for word in words(letters) {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.iter().map(|letter| letter.folded));
    }
    folded
}

/// Whether a character belongs to the one before it.
fn joins(c: char) -> bool {
    !c.is_ascii() && (is_combining_mark(c) || completes(c))
}

/// Whether it is the later part of a Korean syllable.
const fn completes(c: char) -> bool {
    matches!(c, '\u{1160}'..='\u{11FF}' | '\u{D7B0}'..='\u{D7FB}')
}

/// What a character counts as.
fn fold(c: char, mut each: impl FnMut(char)) {
    if c.is_ascii_alphanumeric() {
        each(c.to_ascii_lowercase());
        return;
    }
    decompose_compatible(c, |part| {
        if counts(part) {
            // ß, ẞ and ς have one form only when they have been both small and large.
            let cased = part.to_lowercase().flat_map(char::to_uppercase);
            cased.flat_map(char::to_lowercase).for_each(&mut each);
        }
    });
}

/// Accents and points do not count. Vowels that are written as marks do, and so do the marks that make another kana.
fn counts(c: char) -> bool {
    let is_accent = || matches!(canonical_combining_class(c), 1..=36 | 200..);
    c.is_ascii_alphanumeric() || c.is_alphanumeric() && !is_accent() || matches!(c, '\u{3099}' | '\u{309A}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    use super::*;

    fn of(text: &str) -> String {
        folded(&letters(text))
    }

    #[test]
    fn spellings_of_one_word_count_alike() {
        for (one, other) in [
            ("José Núñez", "Jose\u{301} Nu\u{301}n\u{303}ez"),
            ("José Núñez", "JOSE NUNEZ"),
            ("Weiß", "WEISS"),
            ("WEIẞ", "weiss"),
            ("Γιώργος", "ΓΙΏΡΓΟΣ"),
            ("Γιώργος", "ΓΙΩΡΓΟΣ"),
            ("Işık", "ISIK"),
            ("İpek", "ipek"),
            ("ﬁnn", "FINN"),
            ("Ａｎｎａ", "anna"),
            ("김", "\u{1100}\u{1175}\u{11B7}"),
            ("ガク", "ｶﾞｸ"),
            ("שָׁלוֹם", "שלום"),
            ("Андрей", "АНДРЕИ\u{306}"),
        ] {
            assert_eq!(of(one), of(other), "{one} {other}");
        }
    }

    #[test]
    fn other_words_do_not() {
        for (one, other) in [
            ("Müller", "Mueller"),
            ("Søren", "Soren"),
            ("か", "が"),
            ("राम", "रोम"),
            ("กิน", "กุน"),
        ] {
            assert_ne!(of(one), of(other), "{one} {other}");
        }
    }

    #[test]
    fn every_character_counts_the_same_in_any_form() {
        // Beyond lie no letters.
        for c in '\0'..'\u{40000}' {
            let text = format!("a{c}a");
            let counted = of(&text);
            assert_eq!(of(&counted), counted, "{c:?}");
            assert_eq!(of(&text.nfd().to_string()), counted, "{c:?}");
            assert_eq!(of(&text.nfc().to_string()), counted, "{c:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn letters_stand_in_order_on_whole_characters(text in "\\PC*|[aßé\u{301}\u{345}\u{1100}\u{1175}\u{11B7}가𐐀 .!ाﬁ]{0,12}") {
            let letters = letters(&text);
            let mut end = 0;
            for letter in &letters {
                let whole = text.get(letter.bytes.clone());
                prop_assert!(whole.is_some_and(|whole| !whole.is_empty()));
                prop_assert!(!text[letter.bytes.end..].chars().next().is_some_and(is_combining_mark));
                prop_assert_eq!(letter.opens, letter.bytes.start >= end);
                end = letter.bytes.end;
            }
            for (letter, next) in letters.iter().zip(letters.iter().skip(1)) {
                prop_assert!(letter.closes || !next.opens);
            }
            prop_assert_eq!(of(&text.nfd().to_string()), folded(&letters));
        }
    }
}
