//! The cells of one row, as the values that facts have. Pure.

use std::collections::BTreeMap;

use afterword_domain::{
    time::{Date, Zone},
    values::{Email, Line, Text, WebAddress},
};
use jiff::{SignedDuration, Timestamp, civil, fmt::strtime};

use super::{
    columns::{ColumnMap, Field},
    reading::{lacks, line},
};
use crate::edge::problem::Problem;

/// A row of a table, by a column map.
pub(super) struct Cells<'a> {
    pub(super) map: &'a ColumnMap,
    /// The columns of each field, in the order in which they count.
    pub(super) columns: &'a BTreeMap<Field, Vec<usize>>,
    pub(super) cells: &'a [String],
}

/// When something was, by a table: a day at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct When {
    pub(super) day: civil::Date,
    /// The moment, where the table tells it; else noon.
    pub(super) at: Timestamp,
}

impl Cells<'_> {
    /// What stands in the field's columns, blanks and all that follows a separator taken off.
    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = &str> {
        let columns = self.columns.get(&field).into_iter().flatten();
        columns.filter_map(|column| {
            let cell = self.cells.get(*column)?.as_str();
            let first = match &self.map.separator {
                Some(separator) => cell.split(separator.as_str()).next().unwrap_or(cell),
                None => cell,
            };
            let first = first.trim();
            (!first.is_empty()).then_some(first)
        })
    }

    /// The first of the field's columns that is filled.
    pub(super) fn text(&self, field: Field) -> Option<&str> {
        self.all(field).next()
    }

    /// The same as one line.
    pub(super) fn line(&self, field: Field) -> Option<Line> {
        self.text(field).and_then(line)
    }

    /// A line that a fact cannot be without.
    pub(super) fn needed(&self, field: Field, pointer: &str) -> Result<Line, Problem> {
        self.line(field)
            .ok_or_else(|| lacks(pointer, format!("The row has no {}.", field.name().replace('_', " "))))
    }

    pub(super) fn email(&self) -> Result<Option<Email>, Problem> {
        let text = self.text(Field::Email).map(|text| text.trim_start_matches("mailto:"));
        text.map(Email::try_from)
            .transpose()
            .map_err(|told| lacks("/email", format!("The e-mail address {told}.")))
    }

    /// A web address; what is none is a gap.
    pub(super) fn address(&self, field: Field) -> Option<WebAddress> {
        let text = self.text(field)?;
        WebAddress::try_from(text)
            .or_else(|_| WebAddress::try_from(format!("https://{text}")).map_err(drop))
            .ok()
            .filter(|address| address.as_str().contains('.'))
    }

    /// When it was. What is written and cannot be read is a problem, since it would be dated wrongly.
    pub(super) fn when(&self, field: Field, zone: &Zone, now: Timestamp) -> Result<Option<When>, Problem> {
        let Some(when) = self.read_when(field, zone)? else {
            return Ok(None);
        };
        // What another zone calls today may be tomorrow here.
        if when.at > now.saturating_add(SignedDuration::from_hours(36)).unwrap_or(now) {
            return Err(lacks("/occurred_at", format!("{} lies ahead.", when.day)));
        }
        let at = when.at.min(now);
        Ok(Some(When { at, ..when }))
    }

    /// A day, past or to come.
    pub(super) fn day(&self, field: Field, zone: &Zone, pointer: &str) -> Result<Option<Date>, Problem> {
        let when = self.read_when(field, zone).map_err(|problem| {
            let told = problem
                .errors()
                .first()
                .map_or_else(String::new, |error| error.detail.clone());
            lacks(pointer, told)
        })?;
        Ok(when.map(|when| when.day.into()))
    }

    fn read_when(&self, field: Field, zone: &Zone) -> Result<Option<When>, Problem> {
        let Some(text) = self.text(field) else {
            return Ok(None);
        };
        let when = read(text, &self.map.dates, zone).filter(|when| (1900..=2200).contains(&when.day.year()));
        when.map(Some).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            let forms: String = self.map.dates.iter().map(|form| format!(" or `{form}`")).collect();
            let right = format!("{shown:?} cannot be read as a date; it is read as ISO 8601{forms}.");
            lacks("/occurred_at", right)
        })
    }

    /// Several cells as one text.
    pub(super) fn remark(&self, fields: &[Field]) -> Option<Text> {
        let parts: Vec<&str> = fields.iter().flat_map(|field| self.all(*field)).collect();
        let text: String = parts.join("\n").chars().take(5000).collect();
        Text::try_from(text.replace('\0', "")).ok()
    }
}

/// A date as ISO 8601 has it, or in one of the formats.
fn read(text: &str, formats: &[String], zone: &Zone) -> Option<When> {
    // Newer programs write narrow blanks before AM.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.len() > 80 {
        return None;
    }
    let on = |day: civil::Date| {
        let noon = zone.time_zone().to_timestamp(day.at(12, 0, 0, 0)).ok()?;
        Some(When { day, at: noon })
    };
    let at = |at: Timestamp| When {
        day: at.to_zoned(zone.time_zone().clone()).date(),
        at,
    };
    let local = |local: civil::DateTime| zone.time_zone().to_timestamp(local).ok().map(at);
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(at(moment));
    }
    if text.len() == 10
        && let Ok(day) = text.parse::<civil::Date>()
    {
        return on(day);
    }
    if text.len() > 10
        && text.as_bytes()[0].is_ascii_digit()
        && let Ok(moment) = text.parse::<civil::DateTime>()
    {
        return local(moment);
    }
    // `GMT+0100 (Central European Time)`
    let text = text.split(" (").next().unwrap_or_default();
    formats.iter().find_map(|format| {
        let told = strtime::parse(format, text).ok()?;
        told.to_timestamp()
            .map(at)
            .ok()
            .or_else(|| {
                told.to_datetime()
                    .ok()
                    .filter(|_| told.hour().is_some())
                    .and_then(local)
            })
            .or_else(|| told.to_date().ok().and_then(on))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_programs_write_them() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        for (text, format, at) in [
            ("12 Mar 2024", "%d %b %Y", "2024-03-12T11:00:00Z"),
            ("2 Mar 2024", "%d %b %Y", "2024-03-02T11:00:00Z"),
            ("11/20/24, 8:15 AM", "%m/%d/%y, %I:%M %p", "2024-11-20T07:15:00Z"),
            ("1/5/24, 12:05\u{202f}PM", "%m/%d/%y, %I:%M %p", "2024-01-05T11:05:00Z"),
            ("2024-03-12T09:15:00.000Z", "", "2024-03-12T09:15:00Z"),
            ("2024-03-12 09:15:00", "", "2024-03-12T08:15:00Z"),
            ("2024-03-12", "", "2024-03-12T11:00:00Z"),
            ("12.03.2024", "%d.%m.%Y", "2024-03-12T11:00:00Z"),
            ("March 12, 2024", "%B %d, %Y", "2024-03-12T11:00:00Z"),
            (
                "Tue Mar 12 2024 09:15:00 GMT+0100 (Central European Standard Time)",
                "%a %b %d %Y %H:%M:%S GMT%z",
                "2024-03-12T08:15:00Z",
            ),
        ] {
            let when = read(text, &[format.to_owned()], &zone).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(when.at.to_string(), at, "{text}");
        }
        for text in ["soon", "2024", "31 Feb 2024", "2024-13-01", "", &"1".repeat(100)] {
            assert_eq!(read(text, &["%d %b %Y".to_owned()], &zone), None, "{text}");
        }
    }
}
