//! Periods as plays count them: hours, days at the same time of day, working days with holidays; and the nine in the
//! morning and five in the afternoon of a day.

use std::{borrow::Cow, collections::BTreeSet};

use jiff::{
    Span, Timestamp, Zoned,
    civil::{self, Weekday},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::{Date, Zone};
use crate::values::string_schema;

/// A length of time as plays count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// None at all.
    AtOnce,
    /// Hours on the clock that never changes: `PT24H`.
    Hours(i16),
    /// Calendar days, at the same wall-clock time: `P3D`.
    Days(i16),
    /// Days from Monday to Friday: `{"working_days": 5}`.
    WorkingDays(i16),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Duration(String),
    WorkingDays(WorkingDays),
}

/// A number of working days.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkingDays {
    /// How many days from Monday to Friday, less holidays.
    #[schema(minimum = 1, maximum = 700)]
    working_days: i16,
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Period::AtOnce => serializer.serialize_str("PT0S"),
            Period::Hours(hours) => serializer.collect_str(&format_args!("PT{hours}H")),
            Period::Days(days) => serializer.collect_str(&format_args!("P{days}D")),
            Period::WorkingDays(working_days) => {
                let working_days = *working_days;
                WorkingDays { working_days }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const TOLD: &str =
            "must be a duration in hours, days or weeks such as `PT24H`, `P3D` or `P2W`, or `{\"working_days\": 5}`";
        let wrong = || D::Error::custom(TOLD);
        let text = match Written::deserialize(deserializer).map_err(|_| wrong())? {
            Written::WorkingDays(WorkingDays { working_days }) if working_days >= 0 => {
                return Ok(Period::WorkingDays(working_days));
            }
            Written::WorkingDays(_) => return Err(wrong()),
            Written::Duration(text) => text,
        };
        let span: Span = text.parse().map_err(|_| wrong())?;
        let (hours, days, weeks) = (span.get_hours(), span.get_days(), span.get_weeks());
        let only = Span::new().hours(hours).days(days).weeks(weeks);
        if span.is_negative() || span.fieldwise() != only.fieldwise() {
            return Err(wrong());
        }
        let days = i64::from(days) + 7 * i64::from(weeks);
        let short = |count: i64| i16::try_from(count).map_err(|_| wrong());
        match (i64::from(hours), days) {
            (0, 0) => Ok(Period::AtOnce),
            (hours, 0) => Ok(Period::Hours(short(hours)?)),
            (0, days) => Ok(Period::Days(short(days)?)),
            (_, _) => Err(wrong()),
        }
    }
}

impl PartialSchema for Period {
    fn schema() -> RefOr<Schema> {
        let duration = string_schema("Hours, days or weeks, as an ISO 8601 duration.", Some("duration"))
            .pattern(Some("^P([0-9]+[DW]|T[0-9]+H|T0S)$"))
            .examples(["PT24H"]);
        utoipa::openapi::OneOfBuilder::new()
            .item(duration)
            .item(utoipa::openapi::Ref::from_schema_name("WorkingDays"))
            .description(Some("A length of time: an ISO 8601 duration, or working days."))
            .examples(["PT24H"])
            .into()
    }
}
impl ToSchema for Period {
    fn name() -> Cow<'static, str> {
        "Period".into()
    }
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((WorkingDays::name().into_owned(), WorkingDays::schema()));
    }
}

/// What opens on a date opens at nine.
pub(super) const OPENS: civil::Time = civil::time(9, 0, 0, 0);
/// What is due on a date ends at five in the afternoon.
pub(super) const ENDS: civil::Time = civil::time(17, 0, 0, 0);

/// Nine in the morning of a date.
pub(crate) fn opening(date: civil::Date, zone: &Zone) -> Timestamp {
    on(date, OPENS, zone)
}

/// Five in the afternoon of a date.
pub(crate) fn closing(date: civil::Date, zone: &Zone) -> Timestamp {
    on(date, ENDS, zone)
}

/// A wall-clock time that daylight saving skips is the first moment after the gap; one that comes
/// twice is the first of the two.
fn on(date: civil::Date, time: civil::Time, zone: &Zone) -> Timestamp {
    date.to_datetime(time)
        .to_zoned(zone.0.clone())
        .map_or(Timestamp::MAX, |at| at.timestamp())
}

fn local(at: Timestamp, zone: &Zone) -> Zoned {
    at.to_zoned(zone.0.clone())
}

/// The day of a moment in a zone.
pub(crate) fn day(at: Timestamp, zone: &Zone) -> civil::Date {
    local(at, zone).date()
}

/// The days on which nobody works, beside weekends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holidays(BTreeSet<civil::Date>);

impl Holidays {
    /// Whether people work on a day.
    pub(super) fn works(&self, date: civil::Date) -> bool {
        !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) && !self.0.contains(&date)
    }

    /// The days, in order.
    pub fn iter(&self) -> impl Iterator<Item = Date> {
        self.0.iter().copied().map(Date)
    }
}

impl FromIterator<Date> for Holidays {
    fn from_iter<I: IntoIterator<Item = Date>>(dates: I) -> Self {
        Self(dates.into_iter().map(Date::civil).collect())
    }
}

/// The day that many working days after another; none: the day itself, or the next working day.
pub(crate) fn working_days_after(mut date: civil::Date, days: i16, holidays: &Holidays) -> civil::Date {
    let works = |date: civil::Date| holidays.works(date);
    let mut left = days;
    while left > 0 || !works(date) {
        let Ok(next) = date.tomorrow() else { return date };
        date = next;
        if works(date) {
            left -= 1;
        }
    }
    date
}

/// The last working day on or before a day.
pub(crate) fn working_day_until(mut date: civil::Date, holidays: &Holidays) -> civil::Date {
    while !holidays.works(date) {
        let Ok(before) = date.yesterday() else { return date };
        date = before;
    }
    date
}

impl Period {
    /// The moment this long after another. Working days end at a wall-clock time of their own,
    /// which `day_time` gives: a task opens in the morning and is due in the afternoon.
    fn after(
        self,
        from: Timestamp,
        zone: &Zone,
        holidays: &Holidays,
        day_time: fn(civil::Date, &Zone) -> Timestamp,
    ) -> Timestamp {
        match self {
            Period::AtOnce => from,
            Period::Hours(hours) => from
                .checked_add(Span::new().hours(i64::from(hours)))
                .unwrap_or(Timestamp::MAX),
            Period::Days(days) => local(from, zone)
                .checked_add(Span::new().days(i64::from(days)))
                .map_or(Timestamp::MAX, |at| at.timestamp()),
            Period::WorkingDays(days) => day_time(working_days_after(day(from, zone), days, holidays), zone),
        }
    }

    /// When something opens that waits this long.
    pub fn opens_after(self, from: Timestamp, zone: &Zone, holidays: &Holidays) -> Timestamp {
        self.after(from, zone, holidays, opening)
    }

    /// When something is due that has this long.
    pub fn due_after(self, from: Timestamp, zone: &Zone, holidays: &Holidays) -> Timestamp {
        self.after(from, zone, holidays, closing)
    }

    /// The moment this long before another.
    pub(crate) fn before(self, until: Timestamp, zone: &Zone, holidays: &Holidays) -> Timestamp {
        match self {
            Period::AtOnce => until,
            Period::Hours(hours) => until
                .checked_sub(Span::new().hours(i64::from(hours)))
                .unwrap_or(Timestamp::MIN),
            Period::Days(days) => local(until, zone)
                .checked_sub(Span::new().days(i64::from(days)))
                .map_or(Timestamp::MIN, |at| at.timestamp()),
            Period::WorkingDays(days) => {
                let mut date = day(until, zone);
                for _ in 0..days {
                    date = working_day_until(date.yesterday().unwrap_or(date), holidays);
                }
                opening(working_day_until(date, holidays), zone)
            }
        }
    }

    /// As it stands in a sentence: "5 working days".
    pub fn in_words(self) -> String {
        match self {
            Period::AtOnce => "at once".into(),
            Period::Hours(1) => "1 hour".into(),
            Period::Hours(hours) => format!("{hours} hours"),
            Period::Days(1) => "1 day".into(),
            Period::Days(days) => format!("{days} days"),
            Period::WorkingDays(1) => "1 working day".into(),
            Period::WorkingDays(days) => format!("{days} working days"),
        }
    }
}
