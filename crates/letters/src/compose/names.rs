//! How a reader is greeted. No title is made up, and no name taken apart that could be read in more than one way.

use crate::{
    names::{is_honorific, stands_first},
    templates::{Tone, tidy_line},
    words::{fold, is_latin},
};

/// The name of a reader as it stands in a greeting.
pub(super) fn greeted(full: &str, tone: Tone) -> String {
    let name = in_order(full);
    let words: Vec<&str> = name.split(' ').collect();
    let plain =
        |word: &&str| is_latin(word) && word.chars().count() > 1 && word.chars().all(|c| c.is_alphabetic() || c == '-');
    match words.as_slice() {
        [given, surname]
            if tone == Tone::Warm
                && plain(given)
                && plain(surname)
                && !is_honorific(&fold(given))
                && !stands_first(&fold(given)) =>
        {
            (*given).to_owned()
        }
        _ => name,
    }
}

/// "Berg, Anna (People)" is how directories write Anna Berg.
fn in_order(full: &str) -> String {
    let name = tidy_line(full.split('(').next().unwrap_or(full));
    let name = if name.is_empty() { tidy_line(full) } else { name };
    match name.split_once(',') {
        Some((surname, given))
            if !given.contains(',') && !given.trim().is_empty() && !surname.trim().is_empty() && !is_degree(given) =>
        {
            format!("{} {}", given.trim(), surname.trim())
        }
        _ => name,
    }
}

/// "Anna Berg, PhD" is in order.
fn is_degree(text: &str) -> bool {
    const DEGREES: [&str; 12] = [
        "phd", "md", "msc", "bsc", "mba", "rn", "esq", "jr", "sr", "ii", "iii", "dds",
    ];
    let folded: String = fold(text).chars().filter(|c| c.is_alphanumeric()).collect();
    DEGREES.contains(&folded.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_greeted_by_the_name_on_record() {
        for (full, formal, warm) in [
            ("Dana Whitfield", "Dana Whitfield", "Dana"),
            ("Berg, Anna (People)", "Anna Berg", "Anna"),
            ("Dr Li Wei", "Dr Li Wei", "Dr Li Wei"),
            ("Li Wei", "Li Wei", "Li Wei"),
            ("Nguyễn Văn An", "Nguyễn Văn An", "Nguyễn Văn An"),
            ("山田太郎", "山田太郎", "山田太郎"),
            ("Anna Berg, PhD", "Anna Berg, PhD", "Anna Berg, PhD"),
            ("(Anna)", "(Anna)", "(Anna)"),
        ] {
            assert_eq!(
                (greeted(full, Tone::Formal).as_str(), greeted(full, Tone::Warm).as_str()),
                (formal, warm)
            );
        }
    }
}
