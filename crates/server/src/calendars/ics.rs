//! A calendar as iCalendar (RFC 5545, RFC 7986). Times are UTC, so that no zone has to be spelled out and none can be
//! wrong; days are days.

use afterword_domain::time::Date;
use calcard::{
    common::PartialDateTime,
    icalendar::{
        ICalendar, ICalendarAction, ICalendarComponent, ICalendarComponentType, ICalendarDuration, ICalendarParameter,
        ICalendarParameterName, ICalendarProperty, ICalendarStatus, ICalendarTransparency, ICalendarValue,
        ICalendarValueType,
    },
};
use jiff::{Timestamp, tz::TimeZone};

use super::entries::{Entry, What};

/// How often calendars are asked to look again.
const REFRESH: ICalendarDuration = ICalendarDuration {
    neg: false,
    weeks: 0,
    days: 0,
    hours: 1,
    minutes: 0,
    seconds: 0,
};

/// The calendar of somebody, with these entries.
pub fn written(name: &str, entries: &[Entry]) -> Vec<u8> {
    let mut calendar = ICalendarComponent::new(ICalendarComponentType::VCalendar);
    text(&mut calendar, ICalendarProperty::Version, "2.0");
    text(
        &mut calendar,
        ICalendarProperty::Prodid,
        "-//Afterword//Afterword calendar//EN",
    );
    text(&mut calendar, ICalendarProperty::Calscale, "GREGORIAN");
    text(&mut calendar, ICalendarProperty::Method, "PUBLISH");
    text(&mut calendar, ICalendarProperty::Name, name);
    text(&mut calendar, ICalendarProperty::Other("X-WR-CALNAME".to_owned()), name);
    calendar.add_property_with_params(
        ICalendarProperty::RefreshInterval,
        [kind(ICalendarValueType::Duration)],
        REFRESH,
    );
    text(
        &mut calendar,
        ICalendarProperty::Other("X-PUBLISHED-TTL".to_owned()),
        "PT1H",
    );
    let mut all = ICalendar {
        components: vec![calendar],
    };
    for entry in entries {
        add(&mut all, entry);
    }
    let mut told = String::new();
    // Writing to a string does not fail.
    all.write_to(&mut told).unwrap_or_default();
    told.into_bytes()
}

fn add(all: &mut ICalendar, entry: &Entry) {
    let component = match entry.what {
        What::Meeting { .. } | What::Day { .. } => ICalendarComponentType::VEvent,
        What::Task { .. } => ICalendarComponentType::VTodo,
    };
    let mut it = ICalendarComponent::new(component);
    it.add_uid(&entry.uid);
    it.add_dtstamp(utc(entry.changed_at));
    it.add_property(ICalendarProperty::LastModified, utc(entry.changed_at));
    it.add_sequence(i64::try_from(entry.sequence).unwrap_or(i64::MAX));
    text(&mut it, ICalendarProperty::Summary, &entry.summary);
    text(&mut it, ICalendarProperty::Description, &entry.description);
    let mut alarms = Vec::new();
    match &entry.what {
        What::Meeting {
            starts_at,
            ends_at,
            location,
            cancelled,
        } => {
            it.add_property(ICalendarProperty::Dtstart, utc(*starts_at));
            it.add_property(ICalendarProperty::Dtend, utc(*ends_at));
            if let Some(location) = location {
                text(&mut it, ICalendarProperty::Location, location);
            }
            stands(&mut it, *cancelled, ICalendarStatus::Confirmed);
        }
        What::Day {
            date,
            tentative,
            cancelled,
        } => {
            let civil = date.civil();
            let next = Date::from(civil.tomorrow().unwrap_or(civil));
            for (name, date) in [(ICalendarProperty::Dtstart, *date), (ICalendarProperty::Dtend, next)] {
                it.add_property_with_params(name, [kind(ICalendarValueType::Date)], of_day(date));
            }
            let status = if *tentative {
                ICalendarStatus::Tentative
            } else {
                ICalendarStatus::Confirmed
            };
            stands(&mut it, *cancelled, status);
            it.add_property(ICalendarProperty::Transp, ICalendarTransparency::Transparent);
        }
        What::Task {
            opens_at,
            due_at,
            done_at,
            alarms: at,
        } => {
            // What is due must be due after it begins.
            if due_at.is_none_or(|due_at| due_at > *opens_at) {
                it.add_property(ICalendarProperty::Dtstart, utc(*opens_at));
            }
            if let Some(due_at) = due_at {
                it.add_property(ICalendarProperty::Due, utc(*due_at));
            }
            match done_at {
                Some(done_at) => {
                    it.add_property(ICalendarProperty::Status, ICalendarStatus::Completed);
                    it.add_property(ICalendarProperty::Completed, utc(*done_at));
                    it.add_property(ICalendarProperty::PercentComplete, 100_i64);
                }
                None => it.add_property(ICalendarProperty::Status, ICalendarStatus::NeedsAction),
            }
            alarms.extend(at.iter().map(|at| alarm(*at, &entry.summary)));
        }
    }
    let place = |all: &ICalendar| u32::try_from(all.components.len()).unwrap_or(u32::MAX);
    let own = place(all);
    for nth in 0..alarms.len() {
        it.component_ids.push(own + 1 + u32::try_from(nth).unwrap_or(u32::MAX));
    }
    all.components[0].component_ids.push(own);
    all.components.push(it);
    all.components.extend(alarms);
}

/// Whether an event takes place.
fn stands(it: &mut ICalendarComponent, cancelled: bool, otherwise: ICalendarStatus) {
    let status = if cancelled {
        ICalendarStatus::Cancelled
    } else {
        otherwise
    };
    it.add_property(ICalendarProperty::Status, status);
}

fn alarm(at: Timestamp, told: &str) -> ICalendarComponent {
    let mut alarm = ICalendarComponent::new(ICalendarComponentType::VAlarm);
    alarm.add_property(ICalendarProperty::Action, ICalendarAction::Display);
    text(&mut alarm, ICalendarProperty::Description, told);
    alarm.add_property_with_params(
        ICalendarProperty::Trigger,
        [kind(ICalendarValueType::DateTime)],
        utc(at),
    );
    alarm
}

/// Text without what a calendar cannot hold: control characters other than the end of a line.
fn text(it: &mut ICalendarComponent, name: ICalendarProperty, told: &str) {
    let told: String = told
        .replace("\r\n", "\n")
        .chars()
        .filter(|letter| *letter == '\n' || !letter.is_control())
        .collect();
    it.add_property(name, ICalendarValue::Text(told));
}

fn kind(of: ICalendarValueType) -> ICalendarParameter {
    ICalendarParameter::new(ICalendarParameterName::Value, of)
}

fn utc(at: Timestamp) -> PartialDateTime {
    let at = at.to_zoned(TimeZone::UTC);
    let small = |number: i8| u8::try_from(number).ok();
    PartialDateTime {
        hour: small(at.hour()),
        minute: small(at.minute()),
        second: small(at.second()),
        tz_hour: Some(0),
        tz_minute: Some(0),
        ..of_day(Date::from(at.date()))
    }
}

fn of_day(date: Date) -> PartialDateTime {
    let date = date.civil();
    PartialDateTime {
        year: u16::try_from(date.year()).ok(),
        month: u8::try_from(date.month()).ok(),
        day: u8::try_from(date.day()).ok(),
        ..PartialDateTime::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(summary: &str, what: What) -> Entry {
        Entry {
            uid: "int_1@afterword".to_owned(),
            sequence: 7,
            changed_at: "2026-03-01T09:00:00.5Z".parse().expect("a moment"),
            summary: summary.to_owned(),
            description: "One, two; three\\four\r\nfive\u{7}".to_owned(),
            what,
        }
    }

    #[test]
    fn lines_are_folded_and_escaped_and_any_letter_comes_back() {
        let long = "Zürich, 東京; 👩‍👩‍👧‍👦 ".repeat(12);
        let starts_at: Timestamp = "2026-03-29T00:30:00Z".parse().expect("a moment");
        let what = What::Meeting {
            starts_at,
            ends_at: starts_at + jiff::SignedDuration::from_hours(1),
            location: Some(long.clone()),
            cancelled: true,
        };
        let told = String::from_utf8(written("Ada\r\nBEGIN:VEVENT", &[entry(&long, what)])).expect("text");
        assert!(told.split("\r\n").all(|line| line.len() <= 75), "{told}");
        assert!(!told.replace("\r\n", "").contains(['\r', '\n', '\u{7}']), "{told}");
        let unfolded = told.replace("\r\n ", "");
        assert_eq!(unfolded.matches("\r\nBEGIN:VEVENT\r\n").count(), 1, "{told}");
        assert!(
            unfolded.contains(&format!("SUMMARY:{}\r\n", long.replace(',', "\\,").replace(';', "\\;"))),
            "{unfolded}"
        );
        assert!(
            unfolded.contains("DESCRIPTION:One\\, two\\; three\\\\four\\nfive\r\n"),
            "{unfolded}"
        );
        for line in [
            "DTSTART:20260329T003000Z",
            "DTEND:20260329T013000Z",
            "DTSTAMP:20260301T090000Z",
            "LAST-MODIFIED:20260301T090000Z",
            "SEQUENCE:7",
            "STATUS:CANCELLED",
            "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
            "X-PUBLISHED-TTL:PT1H",
            "METHOD:PUBLISH",
        ] {
            assert!(unfolded.contains(&format!("\r\n{line}\r\n")), "{line}: {unfolded}");
        }
    }

    #[test]
    fn a_day_ends_on_the_next_and_a_task_that_is_due_at_once_does_not_begin() {
        let date = Date::from(jiff::civil::date(2026, 2, 28));
        let day = What::Day {
            date,
            tentative: true,
            cancelled: false,
        };
        let at: Timestamp = "2026-03-01T10:00:00Z".parse().expect("a moment");
        let task = What::Task {
            opens_at: at,
            due_at: Some(at),
            done_at: None,
            alarms: vec![at],
        };
        let told = String::from_utf8(written("Ada", &[entry("Day", day), entry("Task", task)])).expect("text");
        for line in [
            "DTSTART;VALUE=DATE:20260228",
            "DTEND;VALUE=DATE:20260301",
            "STATUS:TENTATIVE",
            "DUE:20260301T100000Z",
            "TRIGGER;VALUE=DATE-TIME:20260301T100000Z",
        ] {
            assert!(told.contains(&format!("\r\n{line}\r\n")), "{line}: {told}");
        }
        assert!(!told.contains("DTSTART:"), "{told}");
        assert!(told.contains("END:VALARM\r\nEND:VTODO\r\n"), "{told}");
    }
}
