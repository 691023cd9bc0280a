//! A message as it was sent: who wrote it, when, about what, in which words, with which invitations. Pure.

use afterword_domain::values::Email;
use jiff::Timestamp;
use mail_parser::{Address, Message as Parsed, MessageParser};

use super::{
    own_words,
    parts::{self, Kind, Part},
};
use crate::edge::problem::Problem;

/// As many invitations are looked at.
const MOST_CALENDARS: usize = 10;

/// A message.
pub(super) struct Message {
    /// What tells it from all others.
    pub(super) id: String,
    /// The name before the sender's address.
    pub(super) name: String,
    pub(super) email: Option<Email>,
    pub(super) subject: String,
    pub(super) sent_at: Option<Timestamp>,
    /// What its writer wrote: neither what is quoted nor the signature.
    pub(super) text: String,
    /// The invitations in it, each with the line at which it begins.
    pub(super) calendars: Vec<(usize, String)>,
    /// Whether a machine answered in somebody's absence.
    pub(super) is_automatic_reply: bool,
}

impl Message {
    /// Reads it.
    ///
    /// # Errors
    /// When it is no message.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let none = || Problem::malformed("The file is no e-mail message: it has no sender and no date.");
        // The mark of UTF-8, and the first line of a mailbox, are no headers.
        let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let mailbox = bytes[start..].starts_with(b"From ");
        let first_line = || {
            bytes[start..]
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1)
        };
        let start = start + if mailbox { first_line() } else { 0 };
        let bytes = &bytes[start..];
        let parsed = MessageParser::default().parse_headers(bytes).ok_or_else(none)?;
        if parsed.from().is_none() && parsed.date().is_none() {
            return Err(none());
        }
        let sender = parsed.from().and_then(Address::first);
        let email = sender.and_then(|it| it.address.as_deref());
        let subject = parsed.subject().map(one_line).unwrap_or_default();
        let sent_at = parsed
            .date()
            .and_then(|date| Timestamp::from_second(date.to_timestamp()).ok());
        let parts = parts::of(bytes);
        let text = own_words::of(&body(&parts));
        let id = parsed.message_id().map_or_else(
            || {
                let sender = email.unwrap_or_default();
                let at = sent_at.map(|at| at.to_string()).unwrap_or_default();
                [sender, &at, &subject, &text].join("\u{1f}")
            },
            ToOwned::to_owned,
        );
        Ok(Self {
            id,
            name: sender
                .and_then(|it| it.name.as_deref())
                .map(one_line)
                .unwrap_or_default(),
            email: email.and_then(|text| Email::try_from(text.trim()).ok()),
            subject,
            sent_at,
            text,
            calendars: calendars(&parts, bytes, usize::from(mailbox)),
            is_automatic_reply: is_automatic_reply(&parsed),
        })
    }

    /// The domain that it was sent from.
    pub(super) fn domain(&self) -> Option<String> {
        let (_, domain) = self.email.as_ref()?.as_str().rsplit_once('@')?;
        Some(domain.trim_end_matches('.').to_lowercase())
    }
}

/// Text without line breaks and what cannot be seen.
pub(super) fn one_line(text: &str) -> String {
    let text: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
    )
}

/// What the texts say, else what the pages say.
fn body(parts: &[Part]) -> String {
    let of = |kind: Kind| {
        parts
            .iter()
            .filter(move |part| part.kind == kind)
            .map(|part| part.text.as_str())
    };
    let text = of(Kind::Text).collect::<Vec<_>>().join("\n\n");
    if text.trim().is_empty() {
        return of(Kind::Page).map(own_words::of_page).collect::<Vec<_>>().join("\n\n");
    }
    text
}

/// Alternatives and attachments of the same content are one invitation.
fn calendars(parts: &[Part], bytes: &[u8], lines_before: usize) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for part in parts.iter().filter(|part| part.kind == Kind::Calendar) {
        let same = |other: &(usize, String)| other.1.split_whitespace().eq(part.text.split_whitespace());
        if found.len() < MOST_CALENDARS && !found.iter().any(same) {
            let before = bytes[..part.start.min(bytes.len())]
                .iter()
                .filter(|byte| **byte == b'\n');
            found.push((1 + lines_before + before.count(), part.text.clone()));
        }
    }
    found
}

fn is_automatic_reply(parsed: &Parsed<'_>) -> bool {
    let says = |sought: &str| {
        let mut headers = parsed.headers_raw();
        let found = headers.find(|(name, _)| name.eq_ignore_ascii_case(sought));
        found.map(|(_, value)| value.trim().to_lowercase()).unwrap_or_default()
    };
    says("Auto-Submitted").starts_with("auto-replied")
        || ["X-Autoreply", "X-Autorespond"]
            .iter()
            .any(|name| !says(name).is_empty())
}
