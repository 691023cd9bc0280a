//! Texts of the record, shared out among readers; and how a text stands in a sentence.

use std::collections::BTreeSet;

use crate::templates::tidy_line;

/// A text of the record that is longer does not fit into two lines with a sentence around it.
pub(super) const LONGEST: usize = 130;

/// Texts of one sort, one for each reader.
#[derive(Debug, Default)]
pub(super) struct Pool {
    texts: Vec<Text>,
    /// What does not fit, or would not pass the review.
    unfit: BTreeSet<String>,
}

/// A text, and the question it answers.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) says: String,
    pub(super) to: Option<String>,
}

impl Pool {
    pub(super) fn add(&mut self, says: String, to: Option<String>) {
        let fits = |text: &String| !text.is_empty() && text.chars().count() <= LONGEST;
        if !fits(&says) || !to.iter().all(fits) {
            self.unfit.insert(says);
        } else if !self.texts.iter().any(|it| it.says == says) {
            self.texts.push(Text { says, to });
        }
    }

    pub(super) fn usable(&self) -> impl Iterator<Item = &Text> {
        self.texts.iter().filter(|it| !self.unfit.contains(&it.says))
    }

    /// Another one for each; where there are fewer than readers, the first again.
    pub(super) fn of_seat(&self, seat: usize) -> Option<&Text> {
        let usable: Vec<&Text> = self.usable().collect();
        usable.get(seat % usable.len().max(1)).copied()
    }

    /// Whether something was recorded that cannot be said.
    pub(super) fn has_unfit(&self) -> bool {
        !self.unfit.is_empty()
    }

    /// Never again says a text, or what answers it. False where it is none of these.
    pub(super) fn give_up(&mut self, text: &str) -> bool {
        let found = self
            .texts
            .iter()
            .find(|it| it.says == text || it.to.as_deref() == Some(text));
        let says = found.map(|it| it.says.clone());
        says.is_some_and(|says| self.unfit.insert(says))
    }

    /// Each is said to one reader alone.
    pub(super) fn once(&self, seat: usize) -> Option<&Text> {
        self.usable().nth(seat)
    }
}

/// Words that go on a sentence: on one line, without the point that ends it.
pub(super) fn plain(text: &str) -> String {
    let line = tidy_line(text);
    line.trim_end_matches(['.', ';', ',', ':', '!', ' ']).to_owned()
}

/// Words that stand in quotation marks: those within them are single ones.
pub(super) fn quoted(text: &str) -> String {
    let mut open = false;
    let single = |c| match c {
        '“' | '„' | '«' => '‘',
        '”' | '»' => '’',
        '"' => {
            open = !open;
            if open { '‘' } else { '’' }
        }
        c => c,
    };
    tidy_line(text).chars().map(single).collect()
}

/// "your diploma", as they say it, is "my diploma".
pub(super) fn my_own(document: &str) -> String {
    match document.split_once(' ') {
        Some((your, rest)) if your.eq_ignore_ascii_case("your") => format!("my {rest}"),
        _ => document.to_owned(),
    }
}

/// "a, b and c"; none where there is none.
pub(super) fn listed(items: &[String]) -> Option<String> {
    match items {
        [] => None,
        [one] => Some(one.clone()),
        [first @ .., last] => Some(format!("{} and {last}", first.join(", "))),
    }
}
