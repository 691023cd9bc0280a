//! Spans of time as clients write them: ISO 8601, in hours, minutes and seconds. The time library reads more forms, and
//! tells what it misses in its own words.

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de::Error as _};

/// For fields that may be left out.
///
/// # Errors
/// Where it is no such span.
pub fn maybe<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SignedDuration>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| parse(&text).map_err(D::Error::custom)).transpose()
}

fn parse(text: &str) -> Result<SignedDuration, &'static str> {
    const TOLD: &str = "must be an ISO 8601 duration in hours, minutes and seconds, such as `PT24H`";
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if !unsigned.starts_with("PT") {
        return Err(TOLD);
    }
    text.parse().map_err(|_| TOLD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_as_iso_8601_has_it() {
        assert_eq!(parse("PT1H30M"), Ok(SignedDuration::from_mins(90)));
        assert_eq!(parse("-PT5S"), Ok(SignedDuration::from_secs(-5)));
        for text in [
            "",
            "P",
            "PT",
            "24h",
            "2 hours",
            "P1D",
            "P1Y",
            "PT1",
            "pt1h",
            "PT99999999999999999999H",
            "PT1H ",
        ] {
            let told = parse(text).expect_err(text);
            assert!(told.contains("PT24H") && !told.contains("iff"), "{told}");
        }
    }
}
