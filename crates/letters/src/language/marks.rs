//! Emoji, emoticons and exclamation marks.

use afterword_domain::notes::Field;

use crate::{
    findings::{Findings, Place},
    letter::Letter,
    rules,
};

const EMOTICONS: &[&str] = &[
    ":-)", ":)", ";-)", ";)", ":-D", ":D", ":-(", ":(", ":-P", ":P", ":-p", ":p", "=)", "=D", "<3", "^^", "^_^", ":'(",
    ":'-(", "xD", "XD", ":-/", ":-*", ":*", ":o)", ":-]", "(-:", "(:", ":-|", ":O", ":-O", "-_-", "8-)", ":3", "\\o/",
];

/// Emoji, emoticons and exclamation marks, in any language.
pub(super) fn marks(letter: &Letter<'_>, findings: &mut Findings<'_>) {
    for (field, text) in [
        (Field::SubjectLine, letter.subject_line.unwrap_or_default()),
        (Field::Body, letter.body),
    ] {
        let mut single = 0;
        let mut chars = text.char_indices().peekable();
        while let Some((start, c)) = chars.next() {
            if is_emoji(c) {
                let mut end = start + c.len_utf8();
                while let Some(&(at, c)) = chars.peek() {
                    if !is_emoji(c) && !matches!(c, '\u{200d}' | '\u{fe0f}' | '\u{20e3}' | '\u{1f3fb}'..='\u{1f3ff}') {
                        break;
                    }
                    end = at + c.len_utf8();
                    chars.next();
                }
                let told = "An emoji belongs into a chat.".to_owned();
                findings.at(
                    &rules::EMOJI,
                    &Place {
                        field,
                        bytes: start..end,
                    },
                    told,
                    Vec::new(),
                );
            } else if matches!(c, '!' | '！') {
                let mut end = start + c.len_utf8();
                let mut run = 1;
                while let Some(&(at, c)) = chars.peek() {
                    if !matches!(c, '!' | '?' | '！') {
                        break;
                    }
                    run += 1;
                    end = at + c.len_utf8();
                    chars.next();
                }
                // After a greeting it is usual in some places.
                let greets =
                    field == Field::Body && letter.greeting.as_ref().is_some_and(|range| range.contains(&start));
                single += usize::from(!greets);
                if run > 1 || single == 3 {
                    let told = if run > 1 {
                        "One mark is enough."
                    } else {
                        "This is the third exclamation mark."
                    };
                    findings.at(
                        &rules::EXCLAMATIONS,
                        &Place {
                            field,
                            bytes: start..end,
                        },
                        told.to_owned(),
                        vec![".".to_owned()],
                    );
                }
            } else if text[start..].starts_with("?!") || text[start..].starts_with("??") {
                findings.at(
                    &rules::EXCLAMATIONS,
                    &Place {
                        field,
                        bytes: start..start + 2,
                    },
                    "One mark is enough.".to_owned(),
                    vec!["?".to_owned()],
                );
            }
        }
        let mut taken = 0;
        for (start, _) in text.char_indices() {
            let Some(emoticon) = EMOTICONS
                .iter()
                .find(|it| start >= taken && text[start..].starts_with(**it))
            else {
                continue;
            };
            let end = start + emoticon.len();
            let before = text[..start].chars().next_back();
            let after = text[end..].chars().next();
            let opens = before.is_none_or(|c| {
                c.is_whitespace() || c.is_ascii_punctuation() && !matches!(c, '(' | '/' | ':' | '-') || is_emoji(c)
            });
            let closes = after.is_none_or(|c| c.is_whitespace() || matches!(c, '.' | ',' | '!' | '?' | ')'));
            let listed = emoticon.starts_with('(') && !before.is_none_or(char::is_whitespace);
            if opens && closes && !listed {
                taken = end;
                let told = "An emoticon belongs into a chat.".to_owned();
                findings.at(
                    &rules::EMOTICON,
                    &Place {
                        field,
                        bytes: start..end,
                    },
                    told,
                    Vec::new(),
                );
            }
        }
    }
}

const fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{26ff}' | '\u{2702}'..='\u{2712}' | '\u{2714}'..='\u{27bf}' | '\u{2b50}' | '\u{2b55}'
        | '\u{231a}'..='\u{231b}' | '\u{23e9}'..='\u{23f3}' | '\u{2b1b}'..='\u{2b1c}' | '\u{2934}'..='\u{2935}' | '\u{3030}')
}
