//! Spelling, by Hunspell's dictionaries of American and British English. What is on record is right; so are names,
//! and words of other languages and scripts. A word is wrong only where no reading makes it right.

mod dictionaries;

use spellbook::Dictionary;

use crate::{
    findings::Findings,
    letter::{Letter, is_known},
    rules,
    words::{Word, distance, fold, is_latin, straight, without_possessive},
};

pub(crate) use dictionaries::warm_up;
use dictionaries::{RAREST, american, british, known, lists, lists_word};

/// For at most so many words of a letter suggestions are looked for far and wide: that is slow.
const FAR_AND_WIDE: usize = 1;

/// Of so many words of a letter it is asked at all what was meant.
const ASKED: usize = 40;

/// Suggestions to a word, at most.
const SUGGESTIONS: usize = 3;

/// Which English is at home where the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Region {
    American,
    British,
    Either,
}

/// How words are spelled.
pub(crate) struct Spelling {
    region: Region,
    /// Whether the candidate's language is English, or not known.
    english: bool,
}

/// What a word is.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    /// Right elsewhere; how it is spelled here.
    Elsewhere(String),
    Wrong,
}

/// How British and American spelling differ, as parts of words.
const PAIRS: &[(&str, &str)] = &[
    ("our", "or"),
    ("isation", "ization"),
    ("ise", "ize"),
    ("ising", "izing"),
    ("yse", "yze"),
    ("ysing", "yzing"),
    ("tre", "ter"),
    ("bre", "ber"),
    ("ll", "l"),
    ("ogue", "og"),
    ("ence", "ense"),
    ("ae", "e"),
    ("oe", "e"),
    ("amme", "am"),
    ("grey", "gray"),
    ("lfil", "lfill"),
    ("rol", "roll"),
    ("tyre", "tire"),
    ("kerb", "curb"),
    ("cheque", "check"),
    ("plough", "plow"),
    ("sceptic", "skeptic"),
    ("jewellery", "jewelry"),
    ("moul", "mol"),
    ("gement", "gment"),
    ("ageing", "aging"),
];

impl Spelling {
    pub(crate) fn of(locale: Option<&str>) -> Self {
        let locale = locale.unwrap_or_default().to_lowercase();
        let (language, country) = locale.split_once('-').unwrap_or((&locale, ""));
        let country = country.rsplit('-').next().unwrap_or_default();
        let region = match (language, country) {
            ("en", "us" | "ph" | "pr") => Region::American,
            ("en", "gb" | "uk" | "au" | "nz" | "ie" | "za" | "in" | "sg" | "hk" | "ke" | "ng" | "mt") => {
                Region::British
            }
            _ => Region::Either,
        };
        Self {
            region,
            english: matches!(language, "" | "en"),
        }
    }

    /// Whether American English is spelled.
    pub(crate) fn is_american(&self) -> bool {
        self.region == Region::American
    }

    /// Whether any English dictionary has the word, as it stands or in lower case.
    pub(crate) fn knows(&self, word: &str) -> bool {
        let lower = word.to_lowercase();
        !lists().misspellings.contains_key(lower.as_str()) && (known(word) || known(&lower))
    }

    /// Whether it is a common word, that is, no name.
    pub(crate) fn is_common(&self, lower: &str) -> bool {
        let has = |dictionary: Option<&Dictionary>| dictionary.is_some_and(|it| it.check(lower));
        has(american()) || has(british())
    }

    fn verdict(&self, word: &str) -> Verdict {
        if lists().misspellings.contains_key(word) {
            return Verdict::Wrong;
        }
        let (us, gb) = (
            american().is_none_or(|it| it.check(word)),
            british().is_none_or(|it| it.check(word)),
        );
        let elsewhere = match self.region {
            Region::American => gb && !us,
            // Oxford spells British English with -ize.
            Region::British => us && !gb && !word.contains("iz"),
            Region::Either => false,
        };
        if elsewhere {
            return self.here(word).map_or(Verdict::Right, Verdict::Elsewhere);
        }
        if us || gb || known(word) || is_derived(word) {
            return Verdict::Right;
        }
        Verdict::Wrong
    }

    /// How a word from elsewhere is spelled here.
    fn here(&self, word: &str) -> Option<String> {
        let here = if self.region == Region::American {
            american()
        } else {
            british()
        }?;
        PAIRS
            .iter()
            .map(|(gb, us)| {
                if self.region == Region::American {
                    (*gb, *us)
                } else {
                    (*us, *gb)
                }
            })
            .flat_map(|(from, to)| word.match_indices(from).map(move |(at, _)| (at, from, to)))
            .map(|(at, from, to)| format!("{}{to}{}", &word[..at], &word[at + from.len()..]))
            .find(|spelled| here.check(spelled))
    }

    /// Words that one slip turns into this one: letters swapped, doubled, left out, mistaken.
    fn near(&self, word: &str) -> Vec<String> {
        let dictionary = if self.region == Region::British {
            british()
        } else {
            american()
        };
        let Some(dictionary) = dictionary else {
            return Vec::new();
        };
        let letters: Vec<char> = word.chars().collect();
        let mut near: Vec<String> = Vec::new();
        let mut offer = |candidate: String| {
            if !near.contains(&candidate) && dictionary.check(&candidate) {
                near.push(candidate);
            }
        };
        let with = |at: usize, cut: usize, put: &[char]| -> String {
            letters[..at].iter().chain(put).chain(&letters[at + cut..]).collect()
        };
        let n = letters.len();
        (0..n.saturating_sub(1)).for_each(|at| offer(with(at, 2, &[letters[at + 1], letters[at]])));
        (0..n).for_each(|at| offer(with(at, 0, &[letters[at]])));
        (0..n).for_each(|at| offer(with(at, 1, &[])));
        for c in 'a'..='z' {
            (1..n).for_each(|at| offer(with(at, 1, &[c])));
            (1..=n).for_each(|at| offer(with(at, 0, &[c])));
        }
        for c in 'a'..='z' {
            offer(with(0, 1, &[c]));
            offer(with(0, 0, &[c]));
        }
        near
    }

    /// What may have been meant; `wide` tells whether to look far and wide.
    fn suggest(&self, word: &str, wide: &mut usize) -> Vec<String> {
        if word == "i" {
            return vec!["I".to_owned()];
        }
        if let Some(right) = lists().misspellings.get(word) {
            return vec![(*right).to_owned()];
        }
        if word.chars().count() > 24 {
            return Vec::new();
        }
        let mut suggestions = self.near(word);
        if suggestions.is_empty() && word.chars().count() >= 8 {
            suggestions = often_missed(word);
        }
        if suggestions.is_empty() && *wide < FAR_AND_WIDE {
            *wide += 1;
            let dictionary = if self.region == Region::British {
                british()
            } else {
                american()
            };
            if let Some(dictionary) = dictionary {
                dictionary.suggest(word, &mut suggestions);
            }
        }
        suggestions.truncate(SUGGESTIONS);
        suggestions
    }
}

/// Words that are often misspelled, two slips away.
fn often_missed(word: &str) -> Vec<String> {
    let first = word.chars().next();
    let alike = |right: &&&str| {
        right.chars().next() == first && right.len().abs_diff(word.len()) <= 2 && distance(right, word) <= 2
    };
    let mut found: Vec<String> = lists()
        .misspellings
        .values()
        .filter(alike)
        .map(|it| (*it).to_owned())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether it is a known word with a prefix that any word may have.
fn is_derived(word: &str) -> bool {
    const PREFIXES: [&str; 26] = [
        "un", "re", "pre", "non", "over", "under", "mis", "out", "co", "multi", "inter", "micro", "sub", "super",
        "tele", "cyber", "bio", "neuro", "hydro", "electro", "photo", "thermo", "geo", "nano", "macro", "counter",
    ];
    PREFIXES
        .iter()
        .filter_map(|prefix| word.strip_prefix(prefix))
        .any(|rest| rest.chars().count() >= 5 && (known(rest) && !lists().misspellings.contains_key(rest)))
}

/// Whether a text is English, as far as one can tell: most of its words are.
pub(crate) fn is_english(words: &[Word<'_>], spelling: &Spelling) -> bool {
    let mut latin = 0;
    let mut known = 0;
    let mut other = 0;
    for word in words.iter().filter(|word| !word.has_digit()) {
        if !is_latin(word.text) {
            other += word.text.chars().count().div_ceil(4);
        } else if !word.is_capitalised() {
            latin += 1;
            known += usize::from(spelling.knows(&word.lower));
        }
    }
    if latin + other < 6 {
        return other <= latin && (spelling.english || known == latin);
    }
    let share = if spelling.english { 55 } else { 70 };
    latin > other && known * 100 >= latin * share
}

/// Looks at every word of the candidate's own.
pub(crate) fn look(letter: &Letter<'_>, findings: &mut Findings<'_>) {
    if !letter.english {
        findings.whole(
            &rules::NOT_ENGLISH,
            "This does not seem to be English: spelling and wording were not reviewed.".to_owned(),
        );
        return;
    }
    let (mut wide, mut asked) = (0, 0);
    for (i, word) in letter.words.iter().enumerate() {
        if !is_own(letter, word) {
            continue;
        }
        let next = letter.words.get(i + 1).filter(|next| next.adjoins);
        let verdict = judge(letter, word, next, &mut asked);
        match verdict {
            Verdict::Right => {}
            Verdict::Elsewhere(here) => {
                let told = format!("“{}” is spelled “{here}” here.", word.text);
                findings.at(
                    &rules::REGIONAL_SPELLING,
                    &word.place(),
                    told,
                    vec![like(word.text, &here)],
                );
            }
            Verdict::Wrong => {
                let word_alone = without_possessive(&word.lower);
                asked += 1;
                let suggestions = if asked <= ASKED {
                    letter.spelling.suggest(word_alone, &mut wide)
                } else {
                    Vec::new()
                };
                let slip = is_slip(word_alone, &suggestions);
                let suggestions = suggestions.iter().map(|it| like(word.text, it)).collect();
                let marked = [&rules::NAME_MISSPELLED, &rules::ORGANISATION_MISSPELLED];
                if findings.marked(&marked, &word.place()) {
                    continue;
                }
                if slip {
                    let told = format!("“{}” is in no dictionary.", word.text);
                    findings.at(&rules::SPELLING, &word.place(), told, suggestions);
                } else {
                    let told = format!("“{}” is in no ordinary dictionary.", word.text);
                    findings.at(&rules::UNKNOWN_WORD, &word.place(), told, suggestions);
                }
            }
        }
    }
}

/// Whether a word that no dictionary has is another one with a slip in it, rather than a word of a trade: it is listed as
/// one, or near enough to a word. Two words written as one are a term more often than a slip.
fn is_slip(word: &str, suggestions: &[String]) -> bool {
    if lists().misspellings.contains_key(word) || word == "i" {
        return true;
    }
    let most = if word.chars().count() >= 8 { 2 } else { 1 };
    let near = suggestions
        .iter()
        .any(|it| !it.contains([' ', '-']) && distance(&it.to_lowercase(), word) <= most);
    let compound = (4..word.len().saturating_sub(3))
        .filter(|at| word.is_char_boundary(*at))
        .any(|at| {
            [&word[..at], &word[at..]]
                .iter()
                .all(|part| american().is_some_and(|it| it.check(part)))
        });
    near && !compound && !lists_word(RAREST, word)
}

/// Whether a word is one that the writer spelled: no address, no quotation, no signature, nothing on record.
fn is_own(letter: &Letter<'_>, word: &Word<'_>) -> bool {
    let body = word.field == afterword_domain::notes::Field::Body;
    let aside = body
        && (letter.head.contains(&word.bytes.start) || {
            let closes = letter.closing.as_ref().map_or(letter.body.len(), |range| range.end);
            word.bytes.start >= closes
        });
    !(aside || word.foreign || word.has_digit() || !is_latin(word.text) || is_known(&letter.known, word.text))
}

fn judge(letter: &Letter<'_>, word: &Word<'_>, next: Option<&Word<'_>>, asked: &mut usize) -> Verdict {
    let text = without_possessive(word.text);
    let spelling = &letter.spelling;
    let lower = without_possessive(&word.lower);
    let wrong = lists().misspellings.contains_key(lower);
    // "don't", "Monday".
    // The pronoun is a capital.
    if word.text == "i" && next.is_some() {
        return Verdict::Wrong;
    }
    let contracted = word.lower.contains('\'') && known(&word.lower);
    let proper = word.is_capitalised() && !known(lower) && known(&straight(text));
    if !(2..=40).contains(&lower.chars().count()) || !wrong && (contracted || proper) {
        return Verdict::Right;
    }
    if lower.contains('-') {
        return hyphenated(letter, word);
    }
    let inner_capital = text.chars().skip(1).any(char::is_uppercase);
    if inner_capital && !wrong {
        // Acronyms and names such as GitHub.
        return Verdict::Right;
    }
    if word.is_capitalised() && !wrong {
        if !word.begins && word.field == afterword_domain::notes::Field::Body {
            return Verdict::Right;
        }
        let verdict = spelling.verdict(lower);
        if verdict != Verdict::Wrong {
            return verdict;
        }
        // A name may begin a sentence.
        let named = next.is_some_and(Word::is_capitalised) || word.owner() != word.text;
        let elsewhere = letter
            .words
            .iter()
            .any(|other| other.text == word.text && other.bytes != word.bytes);
        if named || elsewhere || lower.chars().count() < 6 {
            return Verdict::Right;
        }
        let first = lower.chars().next();
        *asked += 1;
        let near = *asked <= ASKED && spelling.near(lower).iter().any(|near| near.chars().next() == first);
        return if near { Verdict::Wrong } else { Verdict::Right };
    }
    // "dbt", "kg".
    let abbreviation = lower.chars().count() <= 4 && !lower.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    if abbreviation && !wrong {
        return Verdict::Right;
    }
    let folded = fold(lower);
    if folded != lower && !wrong {
        // A word of another language, or one that kept its accents.
        return Verdict::Right;
    }
    spelling.verdict(lower)
}

/// Each part of a hyphenated word is a word, or a part that words are made with.
fn hyphenated(letter: &Letter<'_>, word: &Word<'_>) -> Verdict {
    const PARTS: [&str; 24] = [
        "co", "re", "pre", "anti", "ex", "non", "multi", "post", "mid", "ultra", "inter", "intra", "micro", "de", "un",
        "sub", "semi", "bi", "tri", "hyper", "pro", "vis", "eco", "th",
    ];
    let lower = without_possessive(&word.lower);
    if known(lower) {
        return Verdict::Right;
    }
    let capitals: Vec<bool> = word
        .text
        .split(['-', '\u{2010}', '\u{2011}'])
        .map(|part| part.chars().next().is_some_and(char::is_uppercase))
        .collect();
    for (part, capital) in lower.split('-').zip(capitals) {
        let fine = part.chars().count() < 2
            || capital && !lists().misspellings.contains_key(part)
            || PARTS.contains(&part)
            || is_known(&letter.known, part)
            || fold(part) != part;
        if fine {
            continue;
        }
        match letter.spelling.verdict(part) {
            Verdict::Right => {}
            Verdict::Elsewhere(here) => return Verdict::Elsewhere(lower.replacen(part, &here, 1)),
            Verdict::Wrong => return Verdict::Wrong,
        }
    }
    Verdict::Right
}

/// A suggestion with the capital of the word that it replaces.
fn like(word: &str, suggestion: &str) -> String {
    if !word.chars().next().is_some_and(char::is_uppercase) {
        return suggestion.to_owned();
    }
    let mut letters = suggestion.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
