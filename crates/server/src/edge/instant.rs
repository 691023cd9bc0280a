//! Instants as clients write them: RFC 3339, always with an offset. A time without one means something else in every
//! zone, so it is refused rather than guessed.

use jiff::Timestamp;

use super::clock::to_microseconds;

/// The instant a text names, or a sentence that says what would be right.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    let shown: String = text.chars().take(40).collect();
    match offset(text.as_bytes()) {
        None => Err(format!(
            "`{shown}` is not an instant; write it as 2026-03-01T10:00:00+01:00 or 2026-03-01T09:00:00Z (RFC 3339)."
        )),
        Some("") => Err(format!(
            "`{shown}` has no offset; add Z or one like +01:00, so that the instant is certain."
        )),
        Some(_) => text
            .parse()
            .map(to_microseconds)
            .map_err(|_| format!("`{shown}` is not a moment that the calendar has.")),
    }
}

/// What follows `YYYY-MM-DDTHH:MM:SS[.fraction]`, when the text has that shape. jiff reads more forms than RFC 3339
/// has (basic dates, zone annotations), and what is accepted once must be accepted for ever.
fn offset(text: &[u8]) -> Option<&str> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let like = |shape: &[u8], text: &[u8]| {
        shape.len() == text.len()
            && shape.iter().zip(text).all(|(shape, byte)| match shape {
                b'0' => byte.is_ascii_digit(),
                other => byte.eq_ignore_ascii_case(other),
            })
    };
    let (head, mut rest) = text.split_at_checked(SHAPE.len())?;
    if !like(SHAPE, head) {
        return None;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        rest = &fraction[digits..];
    }
    let known = rest.is_empty() || like(b"Z", rest) || like(b"+00:00", rest) || like(b"-00:00", rest);
    known.then(|| std::str::from_utf8(rest).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_an_offset() {
        let moment: Timestamp = "2026-01-01T10:00:00Z".parse().expect("a moment");
        for text in [
            "2026-01-01T10:00:00Z",
            "2026-01-01t11:00:00+01:00",
            "2026-01-01T05:00:00.000-05:00",
            "2026-01-01T10:00:00.0000001Z",
        ] {
            assert_eq!(parse(text), Ok(moment), "{text}");
        }
        let refused = parse("2026-01-01T10:00:00").expect_err("refused");
        assert!(refused.contains("no offset"), "{refused}");
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "now",
            "2026-01-01",
            "20260101T100000Z",
            "2026-01-01 10:00:00Z",
            "2026-01-01T10:00Z",
            "2026-01-01T10:00:00Z[UTC]",
            "2026-01-01T10:00:00+01",
            "2026-01-01T10:00:00.Z",
            "2026-01-01T10:00:00,5Z",
            "２026-01-01T10:00:00Z",
            "-002026-01-01T10:00:00Z",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in [
            "2026-02-30T10:00:00Z",
            "2026-01-01T25:00:00Z",
            "2026-01-01T10:00:00+99:00",
        ] {
            assert!(parse(text).is_err_and(|detail| detail.contains("calendar")), "{text}");
        }
    }
}
