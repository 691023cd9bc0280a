//! What an iCalendar file says (RFC 5545): its zones and methods, and of each event which message it is and
//! when, where and with whom the interview takes place.

use std::str::FromStr;

use afterword_domain::{
    interviews::Format,
    time::{Instant, Zone},
    values::Line,
};
use calcard::{
    Entry, Parser,
    common::{PartialDateTime, timezone::Tz},
    icalendar::{ICalendar, ICalendarComponent, ICalendarEntry, ICalendarProperty, ICalendarStatus, ICalendarValue},
};
use jiff::{SignedDuration, Timestamp, civil, tz::Offset};

use super::{
    attendees::{self, Attendee},
    place,
    reading::{Component, Known, lacks},
};
use crate::edge::problem::{Code, Problem};

/// What a calendar says of all its events.
pub(super) struct Calendar {
    method: String,
    /// The zone of times that name none.
    zone: Zone,
    zones: Vec<(String, Zone)>,
}

impl Calendar {
    /// Reads what stands around the events. Times that name no zone are in the calendar's, else in the candidate's.
    pub(super) fn read(text: &str, events: &[Component<'_>], candidates: &Zone) -> Self {
        let mut rest = String::with_capacity(text.len());
        let mut at = 0;
        for event in events {
            rest.push_str(&text[at..event.start]);
            at = event.start + event.text.len();
        }
        rest.push_str(&text[at..]);
        let calendar = parse(&rest).unwrap_or_default();
        let head = calendar.components.first();
        let of_head = |name: &ICalendarProperty| head.and_then(|head| text_of(head, name));
        let method = of_head(&ICalendarProperty::Method)
            .unwrap_or_default()
            .to_ascii_uppercase();
        let zone = of_head(&ICalendarProperty::Other("X-WR-TIMEZONE".to_owned())).and_then(named_zone);
        let defined = calendar.timezones().filter_map(ICalendarComponent::timezone);
        let zones = defined
            .filter_map(|(id, tz)| Some((id.to_owned(), tz.name()?.parse().ok()?)))
            .collect();
        Self {
            method,
            zone: zone.unwrap_or_else(|| candidates.clone()),
            zones,
        }
    }

    fn zone(&self, id: &str) -> Option<Zone> {
        let defined = || {
            self.zones
                .iter()
                .find(|(known, _)| known == id)
                .map(|(_, zone)| zone.clone())
        };
        named_zone(id).or_else(defined)
    }

    /// Which one of a series, the same in whatever zone it is written.
    fn occurrence(&self, entry: &ICalendarEntry) -> String {
        let zone = entry.tz_id().and_then(|id| self.zone(id));
        let at = date_time(entry).and_then(|at| {
            let day = || Some(format!("{}-{}-{}", at.year?, at.month?, at.day?));
            let moment = moment(at, zone.as_ref().unwrap_or(&self.zone));
            moment.map(|moment| moment.to_string()).or_else(day)
        });
        at.unwrap_or_default()
    }
}

/// A zone by its IANA name, or by one of the names that calendars have for it.
fn named_zone(id: &str) -> Option<Zone> {
    let known = |id: &str| id.parse().ok().or_else(|| Tz::from_str(id).ok()?.name()?.parse().ok());
    // "/freeassociation.sourceforge.net/Europe/Berlin", "tzone://Microsoft/Utc"
    let below = || id.match_indices('/').find_map(|(at, _)| id[at + 1..].parse().ok());
    known(id).or_else(below).or_else(|| fixed(id))
}

/// "UTC+11", "GMT-0500": the zones of fixed offsets have their signs the other way round.
fn fixed(id: &str) -> Option<Zone> {
    let rest = ["UTC", "GMT"].iter().find_map(|name| id.strip_prefix(name))?;
    let (sign, rest) = match rest.split_at_checked(1)? {
        ("+", rest) => ('-', rest),
        ("-", rest) => ('+', rest),
        _ => return None,
    };
    let hours = rest
        .strip_suffix(":00")
        .or_else(|| rest.strip_suffix("00").filter(|hours| !hours.is_empty()));
    let hours: u8 = hours.unwrap_or(rest).parse().ok()?;
    format!("Etc/GMT{sign}{hours}").parse().ok()
}

/// Reads one component.
pub(super) fn parse(text: &str) -> Option<ICalendar> {
    match Parser::new(text).entry() {
        Entry::ICalendar(calendar) => Some(calendar),
        _ => None,
    }
}

/// A property's text, where there is any.
pub(super) fn text_of<'a>(component: &'a ICalendarComponent, name: &ICalendarProperty) -> Option<&'a str> {
    let text = component.property(name)?.values.first()?.as_text()?.trim();
    (!text.is_empty()).then_some(text)
}

/// Which message about which event it is.
pub(super) struct Message {
    /// The event's UID.
    pub(super) uid: String,
    /// Which one of a series it is; empty where there is no series.
    pub(super) recurrence: String,
    /// The message's place among those about the event, and when it says that it was written.
    pub(super) sequence: [String; 2],
    /// When it was written.
    pub(super) written_at: Option<Timestamp>,
    /// Whether it cancels the event.
    pub(super) cancels: bool,
}

/// What an event says of an interview.
pub(super) struct Arranged {
    pub(super) starts_at: Instant,
    pub(super) ends_at: Instant,
    pub(super) time_zone: Zone,
    pub(super) format: Format,
    pub(super) location: Option<Line>,
    pub(super) attendees: Vec<Attendee>,
}

impl Message {
    /// Reads it, unless it is no invitation.
    pub(super) fn read(event: &ICalendarComponent, calendar: &Calendar, now: Timestamp) -> Result<Self, Problem> {
        let cancelled = event.status() == Some(&ICalendarStatus::Cancelled);
        match calendar.method.as_str() {
            "" | "PUBLISH" | "REQUEST" | "ADD" | "CANCEL" => {}
            "COUNTER" => {
                let told = "METHOD:COUNTER proposes another time; it stands once the organiser has sent it.";
                return Err(Problem::new(Code::Invalid, told));
            }
            other => {
                let told = format!("METHOD:{other} answers an invitation; import the invitation itself.");
                return Err(Problem::new(Code::Invalid, told));
            }
        }
        let uid = text_of(event, &ICalendarProperty::Uid).ok_or_else(|| lacks("/subject", "The event has no UID."))?;
        let recurrence = event.property(&ICalendarProperty::RecurrenceId);
        if recurrence.is_none() && event.is_recurrent() && !is_once(event) {
            return Err(lacks(
                "/starts_at",
                "The event repeats (RRULE or RDATE); an interview takes place once.",
            ));
        }
        // When the message was written is when it happened: that is what orders messages, in whatever order
        // they are imported. A writer whose clock runs ahead counts as now.
        let written = [ICalendarProperty::LastModified, ICalendarProperty::Dtstamp];
        let written = written
            .iter()
            .filter_map(|name| moment(date_time(event.property(name)?)?, &Zone::UTC))
            .find(|at| *at > Timestamp::UNIX_EPOCH);
        let sequence = event
            .property(&ICalendarProperty::Sequence)
            .and_then(|it| it.values.first()?.as_integer())
            .unwrap_or(0);
        Ok(Self {
            uid: uid.to_owned(),
            recurrence: recurrence.map(|entry| calendar.occurrence(entry)).unwrap_or_default(),
            sequence: [
                sequence.to_string(),
                written.map(|at| at.to_string()).unwrap_or_default(),
            ],
            written_at: written.map(|at| at.min(now)),
            cancels: cancelled || calendar.method == "CANCEL",
        })
    }
}

impl Arranged {
    /// Reads it.
    pub(super) fn read(event: &ICalendarComponent, calendar: &Calendar, known: &Known) -> Result<Self, Problem> {
        let start = event
            .property(&ICalendarProperty::Dtstart)
            .ok_or_else(|| lacks("/starts_at", "The event has no DTSTART."))?;
        let (starts_at, time_zone) = time(start, calendar, "/starts_at")?;
        let ends_at = if let Some(end) = event.property(&ICalendarProperty::Dtend) {
            time(end, calendar, "/ends_at")?.0
        } else {
            let length = event.property(&ICalendarProperty::Duration).and_then(length);
            let end = length.and_then(|length| starts_at.checked_add(length).ok());
            end.ok_or_else(|| {
                lacks(
                    "/ends_at",
                    "The event has neither a DTEND nor a DURATION that can be read.",
                )
            })?
        };
        let (format, location) = place::of(event);
        Ok(Self {
            starts_at: Instant::in_zone(starts_at, &time_zone),
            ends_at: Instant::in_zone(ends_at, &time_zone),
            time_zone,
            format,
            location,
            attendees: attendees::of(event, &known.candidate),
        })
    }
}

/// Whether an event repeats only in name: some programs write a series of one.
fn is_once(event: &ICalendarComponent) -> bool {
    let count = |entry: &ICalendarEntry| match entry.values.first() {
        Some(ICalendarValue::RecurrenceRule(rule)) => rule.count,
        _ => None,
    };
    let rule = event.property(&ICalendarProperty::Rrule).and_then(count);
    rule == Some(1) && event.property(&ICalendarProperty::Rdate).is_none()
}

fn date_time(entry: &ICalendarEntry) -> Option<&PartialDateTime> {
    entry.values.first()?.as_partial_date_time()
}

fn length(entry: &ICalendarEntry) -> Option<SignedDuration> {
    let ICalendarValue::Duration(it) = entry.values.first()? else {
        return None;
    };
    let hours = (i64::from(it.weeks) * 7 + i64::from(it.days)) * 24 + i64::from(it.hours);
    let seconds = hours * 3600 + i64::from(it.minutes) * 60 + i64::from(it.seconds);
    Some(SignedDuration::from_secs(if it.neg { -seconds } else { seconds }))
}

/// A property's moment, and the zone it takes place in.
fn time(entry: &ICalendarEntry, calendar: &Calendar, pointer: &str) -> Result<(Timestamp, Zone), Problem> {
    let name = entry.name.as_str();
    let at = date_time(entry).filter(|at| at.has_date());
    let at = at.ok_or_else(|| lacks(pointer, format!("{name} cannot be read as a date and a time.")))?;
    if !at.has_time() {
        return Err(lacks(
            pointer,
            format!("{name} is a whole day; an interview begins and ends at a time of day."),
        ));
    }
    let zone = match entry.tz_id() {
        None => calendar.zone.clone(),
        Some(id) => calendar.zone(id).ok_or_else(|| {
            lacks(
                "/time_zone",
                format!("{name} is in a zone that cannot be told: {id:?}."),
            )
        })?,
    };
    let at = moment(at, &zone).ok_or_else(|| lacks(pointer, format!("{name} is not a time that the calendar has.")))?;
    Ok((at, zone))
}

/// A date and a time, in its own offset where it has one (UTC, as a rule), else in the zone.
fn moment(at: &PartialDateTime, zone: &Zone) -> Option<Timestamp> {
    let small = |value: Option<u8>| i8::try_from(value?).ok();
    let (year, month, day) = (i16::try_from(at.year?).ok()?, small(at.month)?, small(at.day)?);
    // RFC 5545 has leap seconds; the clock here does not.
    let second = small(at.second.or(Some(0)))?.min(59);
    let local = civil::DateTime::new(year, month, day, small(at.hour)?, small(at.minute)?, second, 0).ok()?;
    let Some(hours) = at.tz_hour else {
        return zone.time_zone().to_timestamp(local).ok();
    };
    let seconds = i32::from(hours) * 3600 + i32::from(at.tz_minute.unwrap_or(0)) * 60;
    let offset = Offset::from_seconds(if at.tz_minus { -seconds } else { seconds }).ok()?;
    offset.to_timestamp(local).ok()
}
