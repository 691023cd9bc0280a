//! Instants, dates, zones and periods, and the arithmetic that plays need: working days, wall-clock
//! times across daylight saving, nine in the morning and five in the afternoon. Nothing here reads a clock.

use std::{borrow::Cow, fmt, str::FromStr};

use jiff::{
    Timestamp, civil,
    tz::{Offset, TimeZone},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::values::string_schema;

mod period;
pub use period::{Holidays, Period, WorkingDays};
pub(crate) use period::{closing, day, opening, working_day_until, working_days_after};

/// The months by their English names, in small letters, as texts are searched for them.
pub const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The days of the week likewise.
pub const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// An instant as somebody wrote it: a moment in time and the offset it was given in (RFC 3339).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    at: Timestamp,
    offset: Offset,
}

impl Instant {
    /// The moment itself.
    pub const fn timestamp(self) -> Timestamp {
        self.at
    }

    /// The moment, written in this zone.
    pub fn in_zone(at: Timestamp, zone: &Zone) -> Self {
        Self {
            at,
            offset: offset_in(at, zone),
        }
    }

    /// Whether the zone uses the written offset at that moment; `Z` is accepted everywhere.
    pub fn suits(self, zone: &Zone) -> bool {
        self.offset == Offset::UTC || offset_in(self.at, zone) == self.offset
    }
}

impl From<Timestamp> for Instant {
    fn from(at: Timestamp) -> Self {
        Self {
            at,
            offset: Offset::UTC,
        }
    }
}

impl FromStr for Instant {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const TOLD: &str = "must be an RFC 3339 instant with an offset, such as `2026-03-02T15:00:00+01:00`";
        if !is_like_rfc3339(text.as_bytes()) {
            return Err(TOLD);
        }
        let at: Timestamp = text.parse().map_err(|_| TOLD)?;
        let offset = match &text.as_bytes()[text.len() - 6..] {
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let two = |a: &u8, b: &u8| i32::from(a - b'0') * 10 + i32::from(b - b'0');
                let seconds = two(h1, h2) * 3600 + two(m1, m2) * 60;
                Offset::from_seconds(if *sign == b'-' { -seconds } else { seconds }).map_err(|_| TOLD)?
            }
            [.., b'Z' | b'z'] => Offset::UTC,
            _ => return Err(TOLD),
        };
        // The log counts microseconds.
        let at = Timestamp::from_microsecond(at.as_microsecond()).map_err(|_| TOLD)?;
        Ok(Self { at, offset })
    }
}

/// The zone's offset in whole minutes: RFC 3339 knows no others, and what is written must be readable. Zones had
/// seconds before there was standard time, some until the 1970s.
fn offset_in(at: Timestamp, zone: &Zone) -> Offset {
    let seconds = zone.0.to_offset(at).seconds();
    Offset::from_seconds(seconds - seconds % 60).unwrap_or(Offset::UTC)
}

/// Whether a text begins with `0000-00-00T00:00:00`; the time library reads more forms than the RFC has, and what is
/// accepted once must be accepted for ever.
fn is_like_rfc3339(text: &[u8]) -> bool {
    let mut shape = b"0000-00-00T00:00:00".iter().zip(text);
    let like = |(shape, byte): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        other => byte.eq_ignore_ascii_case(other),
    };
    let follows = |byte: u8| matches!(byte, b'.' | b'Z' | b'z' | b'+' | b'-');
    text.len() >= 20 && shape.all(like) && follows(text[19]) && !text.contains(&b'[')
}

/// For instants of facts: far outside any search the arithmetic of plays would overflow.
pub(crate) fn within_reach<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
    let instant = Instant::deserialize(deserializer)?;
    if YEARS.contains(&instant.at.to_zoned(TimeZone::UTC).year()) {
        return Ok(instant);
    }
    Err(D::Error::custom("must be between the years 1900 and 2200"))
}

/// The years that facts may name.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2200;

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.offset == Offset::UTC {
            return fmt::Display::fmt(&self.at, f);
        }
        fmt::Display::fmt(&self.at.display_with_offset(self.offset), f)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

impl PartialSchema for Instant {
    fn schema() -> RefOr<Schema> {
        string_schema("A moment: RFC 3339 with an offset.", Some("date-time"))
            .examples(["2026-03-02T15:00:00+01:00"])
            .into()
    }
}
impl ToSchema for Instant {
    fn name() -> Cow<'static, str> {
        "Instant".into()
    }
}

/// A calendar date.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(civil::Date);

impl Date {
    /// The calendar date inside.
    pub const fn civil(self) -> civil::Date {
        self.0
    }
    /// The day as it stands in a sentence.
    pub fn in_words(self) -> String {
        self.0.strftime("%-d %B %Y").to_string()
    }
}

impl From<civil::Date> for Date {
    fn from(date: civil::Date) -> Self {
        Self(date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const TOLD: &str = "must be a date such as `2026-03-02`";
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        // Dates far outside any search would overflow the arithmetic of plays.
        let date: civil::Date = if text.len() == 10 {
            text.parse().map_err(|_| D::Error::custom(TOLD))?
        } else {
            return Err(D::Error::custom(TOLD));
        };
        if !YEARS.contains(&date.year()) {
            return Err(D::Error::custom("must be a date between the years 1900 and 2200"));
        }
        Ok(Self(date))
    }
}

impl PartialSchema for Date {
    fn schema() -> RefOr<Schema> {
        string_schema("A calendar date.", Some("date"))
            .examples(["2026-03-06"])
            .into()
    }
}
impl ToSchema for Date {
    fn name() -> Cow<'static, str> {
        "Date".into()
    }
}

/// A time zone by its IANA name.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// UTC.
    pub const UTC: Zone = Zone(TimeZone::UTC);

    /// The IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The zone of the time library.
    pub const fn time_zone(&self) -> &TimeZone {
        &self.0
    }
}

impl FromStr for Zone {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const TOLD: &str = "must be the IANA name of a time zone, such as `Europe/Berlin`";
        let zone = jiff::tz::db().get(text).map_err(|_| TOLD)?;
        zone.iana_name().ok_or(TOLD)?;
        Ok(Self(zone))
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

impl PartialSchema for Zone {
    fn schema() -> RefOr<Schema> {
        string_schema("A time zone by its IANA name.", None)
            .examples(["Europe/Berlin"])
            .into()
    }
}
impl ToSchema for Zone {
    fn name() -> Cow<'static, str> {
        "Zone".into()
    }
}

/// Where a moment stands among a candidate's facts: by when it happened, then by when it was recorded.
/// "The latest" always means the greatest of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// When it happened.
    pub at: Timestamp,
    /// The fact's place in the stream.
    pub version: u64,
}

impl Stamp {
    /// Before every fact: what a thing was made with.
    pub const BASE: Stamp = Stamp {
        at: Timestamp::MIN,
        version: 0,
    };
}

/// A field that later facts may change: the value that happened last stands, in whatever order the
/// facts were recorded.
#[derive(Clone, PartialEq, Eq)]
pub struct Dated<T> {
    since: Stamp,
    value: T,
}

impl<T> Dated<T> {
    /// What the thing was made with.
    pub const fn base(value: T) -> Self {
        Self {
            since: Stamp::BASE,
            value,
        }
    }
    /// Takes the value unless a later one stands already.
    pub fn offer(&mut self, since: Stamp, value: T) {
        if since > self.since {
            *self = Self { since, value };
        }
    }
    /// The value that stands.
    pub const fn get(&self) -> &T {
        &self.value
    }
    /// Since when it stands.
    pub const fn since(&self) -> Stamp {
        self.since
    }
}

impl<T> std::ops::Deref for Dated<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Dated<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Serialize> Serialize for Dated<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// A moment as it stands in a sentence, in a zone: "Friday 6 March 2026, 09:00".
pub(crate) fn in_words(at: Timestamp, zone: &Zone) -> String {
    at.to_zoned(zone.time_zone().clone())
        .strftime("%A %-d %B %Y, %H:%M")
        .to_string()
}

#[cfg(test)]
mod tests;
