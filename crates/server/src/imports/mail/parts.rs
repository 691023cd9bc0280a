//! The parts of a message (MIME): texts, pages and calendars, decoded. Messages within messages are left alone: they are
//! others' words, and the library that reads mail nests them as deep as anybody writes. Depth and number are bounded. Pure.

use encoding_rs::Encoding;
use mail_parser::{
    Message, MessageParser, MimeHeaders,
    decoders::{base64::base64_decode, quoted_printable::quoted_printable_decode},
};

use crate::imports::text::decoded;

const DEEPEST: usize = 6;
const MOST_PARTS: usize = 50;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Page,
    Calendar,
}

/// A part.
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) text: String,
    /// Where it begins in the message, in bytes.
    pub(super) start: usize,
}

/// Reads the parts of a message, in its order.
pub(super) fn of(message: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    walk(message, 0, 0, &mut parts);
    parts
}

fn walk(bytes: &[u8], start: usize, depth: usize, parts: &mut Vec<Part>) {
    if parts.len() >= MOST_PARTS {
        return;
    }
    let body = body_of(bytes);
    let headers = if body == 0 || bytes.starts_with(b"\n") || bytes.starts_with(b"\r\n") {
        None
    } else {
        MessageParser::default().parse_headers(&bytes[..body])
    };
    let head = headers.as_ref().and_then(|headers| headers.parts.first());
    let kind = head.and_then(|head| head.content_type());
    let (main, sub) = kind.map_or(("text", "plain"), |kind| {
        (kind.ctype(), kind.subtype().unwrap_or_default())
    });
    let body = bytes.get(body..).unwrap_or_default();
    if main.eq_ignore_ascii_case("multipart") {
        let boundary = kind
            .and_then(|kind| kind.attribute("boundary"))
            .filter(|it| !it.is_empty());
        if let Some(boundary) = boundary.filter(|_| depth < DEEPEST && !sub.eq_ignore_ascii_case("digest")) {
            let from = start + (bytes.len() - body.len());
            for (at, part) in split(body, boundary.as_bytes()) {
                walk(part, from + at, depth + 1, parts);
            }
        }
        return;
    }
    let name = head
        .and_then(|head| head.attachment_name())
        .unwrap_or_default()
        .to_lowercase();
    let attached = head
        .and_then(|head| head.content_disposition())
        .is_some_and(|disposition| disposition.is_attachment());
    let kind = match (main.to_ascii_lowercase().as_str(), sub.to_ascii_lowercase().as_str()) {
        ("text", "calendar") | ("application", "ics") => Kind::Calendar,
        ("text" | "application", _) if name.ends_with(".ics") => Kind::Calendar,
        ("text", "plain") if !attached => Kind::Text,
        ("text", "html") if !attached => Kind::Page,
        _ => return,
    };
    let encoding = head
        .and_then(|head| head.content_transfer_encoding())
        .unwrap_or_default();
    let body = match encoding.to_ascii_lowercase().as_str() {
        "base64" => base64_decode(body).unwrap_or_default(),
        "quoted-printable" => quoted_printable_decode(body).unwrap_or_else(|| body.to_vec()),
        _ => body.to_vec(),
    };
    let charset = headers.as_ref().and_then(charset_of);
    if let Some(text) = text_of(&body, charset) {
        parts.push(Part { kind, text, start });
    }
}

fn charset_of(headers: &Message<'_>) -> Option<&'static Encoding> {
    let kind = headers.parts.first()?.content_type()?;
    Encoding::for_label(kind.attribute("charset")?.as_bytes())
}

/// By the character set that is named, unless the text is plainly UTF-8, as mislabelled text often is.
fn text_of(body: &[u8], charset: Option<&'static Encoding>) -> Option<String> {
    match charset {
        Some(charset) if charset == encoding_rs::UTF_8 || std::str::from_utf8(body).is_ok() && !stateful(charset) => {
            decoded(body).ok()
        }
        Some(charset) => Some(charset.decode(body).0.into_owned()),
        None => decoded(body).ok(),
    }
}

/// Character sets that write all in seven bits.
fn stateful(charset: &Encoding) -> bool {
    charset == encoding_rs::ISO_2022_JP
}

/// Where the body begins: after the first blank line.
fn body_of(bytes: &[u8]) -> usize {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            return at;
        }
    }
    at
}

/// The parts between lines of `--boundary`.
fn split<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<(usize, &'a [u8])> {
    let mut parts = Vec::new();
    let mut open: Option<usize> = None;
    let mut at = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let rest = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary));
        if let Some(rest) = rest.map(<[u8]>::trim_ascii).filter(|rest| matches!(*rest, b"" | b"--")) {
            if let Some(start) = open.take() {
                parts.push((start, &body[start..at]));
            }
            if rest == b"--" || parts.len() >= MOST_PARTS {
                return parts;
            }
            open = Some(at + line.len());
        }
        at += line.len();
    }
    parts.extend(open.map(|start| (start, &body[start..])));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_and_decoded_and_messages_within_are_left_alone() {
        let message = "Content-Type: multipart/mixed; boundary=\"a b\"\r\n\r\npreamble\r\n--a b\r\n\
            Content-Type: multipart/alternative; boundary=c\r\n\r\n\
            --c\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=\r\n=DFe\r\n\
            --c\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPHA+SGk8L3A+\r\n--c--\r\n\
            --a b\r\n\r\nNo header.\r\n\
            --a b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nOld words.\r\n\
            --a b\r\nContent-Type: application/octet-stream; name=invite.ics\r\n\r\nBEGIN:VCALENDAR\r\n--a b--\r\nepilogue";
        let parts: Vec<(Kind, String)> = of(message.as_bytes())
            .into_iter()
            .map(|part| (part.kind, part.text.trim().to_owned()))
            .collect();
        let told = |kind, text: &str| (kind, text.to_owned());
        assert_eq!(
            parts,
            [
                told(Kind::Text, "Grüße"),
                told(Kind::Page, "<p>Hi</p>"),
                told(Kind::Text, "No header."),
                told(Kind::Calendar, "BEGIN:VCALENDAR"),
            ]
        );
    }

    #[test]
    fn what_is_nested_without_end_is_given_up() {
        let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(30_000);
        assert!(of(nested.as_bytes()).is_empty());
        let nested = "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n".repeat(20_000);
        assert!(of(nested.as_bytes()).len() <= MOST_PARTS);
    }
}
