//! A message, sentence by sentence. What a sentence says holds for it alone. Pure.

/// The largest sentence that is looked at, in bytes.
const LONGEST: usize = 2000;

/// A sentence, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    /// `subject` or `body`.
    pub(super) field: &'static str,
    /// In one line.
    pub(super) text: String,
}

impl Sentence {
    pub(super) fn is_question(&self) -> bool {
        self.text.trim_end_matches(['"', '\'', ')', '”']).ends_with('?')
    }
}

/// The sentences of a message.
pub(super) fn of(subject: &str, body: &str) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut push = |field, text: &str| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() && text.len() <= LONGEST {
            sentences.push(Sentence { field, text });
        }
    };
    push("subject", subject);
    for paragraph in paragraphs(body) {
        for sentence in split(&paragraph) {
            push("body", sentence);
        }
    }
    sentences
}

/// Paragraphs end at blank lines, and at lines that begin an item of a list.
fn paragraphs(body: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in body.lines() {
        let line = line.trim();
        let item = line.starts_with(['-', '*', '•', '·', '–'])
            || line
                .split_once(['.', ')'])
                .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        if line.is_empty() || item {
            paragraphs.push(String::new());
        }
        if let Some(last) = paragraphs.last_mut().filter(|_| !line.is_empty()) {
            last.push_str(line);
            last.push(' ');
        }
    }
    paragraphs
}

fn split(paragraph: &str) -> Vec<&str> {
    const SHORT: [&str; 14] = [
        "dr", "mr", "mrs", "ms", "mx", "prof", "st", "jr", "sr", "e.g", "i.e", "approx", "no", "inc",
    ];
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut chars = paragraph.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let blank_follows = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        if !matches!(c, '.' | '!' | '?') || !blank_follows {
            continue;
        }
        let word = paragraph[start..at]
            .rsplit(char::is_whitespace)
            .next()
            .unwrap_or_default();
        let word = word.trim_start_matches('(').to_lowercase();
        let next = paragraph[at + c.len_utf8()..].trim_start().chars().next();
        // "Dr. Berg", "13. March": the point ends nothing.
        let goes_on = c == '.'
            && (SHORT.contains(&word.as_str())
                || (word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit()))
                || next.is_some_and(char::is_lowercase));
        if !goes_on {
            sentences.push(&paragraph[start..=at]);
            start = at + c.len_utf8();
        }
    }
    sentences.push(&paragraph[start..]);
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        let body = "Dear Ada, thank you for\nmeeting Dr. Berg on 13. March. Could you send us:\n- your CV\n- references?\n\nWe decide by Friday!";
        let texts: Vec<String> = of("Next steps", body).into_iter().map(|it| it.text).collect();
        assert_eq!(
            texts,
            [
                "Next steps",
                "Dear Ada, thank you for meeting Dr. Berg on 13. March.",
                "Could you send us:",
                "- your CV",
                "- references?",
                "We decide by Friday!"
            ]
        );
    }
}
