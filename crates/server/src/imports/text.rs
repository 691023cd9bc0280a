//! The text of a file, whatever it was written with: UTF-8 or UTF-16 with or without a mark, else as its own
//! `CHARSET` says or as Windows wrote it; lines that end as they did on an old Mac.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::edge::problem::Problem;

/// Reads a file as text.
///
/// # Errors
/// When it is none: an image, an archive, a spreadsheet.
pub(super) fn decoded(bytes: &[u8]) -> Result<String, Problem> {
    let (encoding, bytes) = encoding_of(bytes);
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    // Text has no control characters but these; what is no text is full of them.
    let odd = |c: &char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1a}' | '\u{1b}');
    let odd = text.chars().filter(odd).count();
    if text.contains('\0') || odd > 8 + text.len() / 100 {
        return Err(Problem::malformed("The file is not text."));
    }
    if text.contains('\r') && !text.contains('\n') {
        return Ok(text.replace('\r', "\n"));
    }
    Ok(text.into_owned())
}

fn encoding_of(bytes: &[u8]) -> (&'static Encoding, &[u8]) {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return (encoding, &bytes[mark..]);
    }
    // UTF-16 without a mark: of the letters of Europe every second byte is zero.
    let head = &bytes[..bytes.len().min(1000) & !1];
    let zeros = |nth: usize| head.iter().skip(nth).step_by(2).filter(|byte| **byte == 0).count();
    let mostly = |zeros: usize| head.len() >= 4 && zeros * 4 > head.len() / 2 * 3;
    if mostly(zeros(1)) && zeros(0) == 0 {
        return (UTF_16LE, bytes);
    }
    if mostly(zeros(0)) && zeros(1) == 0 {
        return (UTF_16BE, bytes);
    }
    if std::str::from_utf8(bytes).is_ok() {
        return (UTF_8, bytes);
    }
    (named(bytes).unwrap_or(WINDOWS_1252), bytes)
}

/// The character set that a card of version 2.1 names beside its values.
fn named(bytes: &[u8]) -> Option<&'static Encoding> {
    const PARAMETER: &[u8] = b"CHARSET=";
    let is = |window: &[u8]| window.eq_ignore_ascii_case(PARAMETER);
    let at = bytes.windows(PARAMETER.len()).position(is)? + PARAMETER.len();
    let name = bytes[at..]
        .split(|byte| matches!(byte, b':' | b';' | b'\r' | b'\n'))
        .next()?;
    Encoding::for_label(name).filter(|encoding| *encoding != UTF_8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_in_whatever_encoding() {
        let text = "Name;Stadt\r\nÖzlem Güneş;Köln\r\n";
        let utf_16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [&b"\xff\xfe"[..], &utf_16(u16::to_le_bytes)].concat(),
            [&b"\xfe\xff"[..], &utf_16(u16::to_be_bytes)].concat(),
            utf_16(u16::to_le_bytes),
            utf_16(u16::to_be_bytes),
        ] {
            assert_eq!(decoded(&bytes).unwrap(), text, "{bytes:?}");
        }
        assert_eq!(decoded(b"M\xfcller \x80 \x96").unwrap(), "Müller € –");
        assert_eq!(
            decoded(b"FN;CHARSET=windows-1251:\xcf\xb8\xf2\xf0").unwrap(),
            "FN;CHARSET=windows-1251:Пётр"
        );
        assert_eq!(decoded(b"a\rb\r").unwrap(), "a\nb\n");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for bytes in [
            &b"\0"[..],
            b"PK\x03\x04\x14\0\x06\0\x08\0",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            &[1, 2, 3, 4, 5, 6, 7, 8, 14, 15, 16, 17],
        ] {
            assert!(decoded(bytes).is_err(), "{bytes:?}");
        }
    }
}
