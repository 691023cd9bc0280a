//! Who an invitation says will be there. Attendees other than the candidate are interviewers, and so
//! contacts; who only organises is not, unless invited too.

use afterword_domain::{
    candidate::Candidate,
    contacts::ContactCollected,
    decide::Proposal,
    ids::ContactId,
    values::{Email, Line},
};
use calcard::icalendar::{ICalendarComponent, ICalendarEntry, ICalendarParameterName, ICalendarProperty};
use jiff::Timestamp;

use super::reading::{Known, folded, line};

/// Somebody who is invited.
pub(super) struct Attendee {
    name: Line,
    email: Option<Email>,
}

/// The attendees of an event who are people, not the candidate, and have not declined.
pub(super) fn of(event: &ICalendarComponent, candidate: &Candidate) -> Vec<Attendee> {
    let mut attendees: Vec<Attendee> = Vec::new();
    for entry in event
        .properties(&ICalendarProperty::Attendee)
        .filter(|entry| is_expected(entry))
    {
        let Some(attendee) = Attendee::read(entry).filter(|attendee| !attendee.is(candidate)) else {
            continue;
        };
        if !attendees.iter().any(|other| other.key() == attendee.key()) {
            attendees.push(attendee);
        }
    }
    attendees
}

/// What an invitation says of its attendees, as one text.
pub(super) fn said(attendees: &[Attendee]) -> String {
    let mut keys: Vec<String> = attendees.iter().map(|attendee| attendee.key().concat()).collect();
    keys.sort();
    keys.join(" ")
}

/// The attendees as contacts, and the cards of those who are new.
pub(super) fn collected(
    known: &Known,
    attendees: &[Attendee],
    at: Option<Timestamp>,
) -> (Vec<ContactId>, Vec<Proposal>) {
    let mut ids = Vec::new();
    let mut new = Vec::new();
    for attendee in attendees {
        let contact = match &attendee.email {
            Some(email) => known.contact(email),
            None => known.new_contact(&["name", &folded(attendee.name.as_str())]),
        };
        if ids.contains(&contact) {
            continue;
        }
        ids.push(contact);
        if !known.candidate.has(contact.into()) {
            let Attendee { name, email } = attendee;
            new.push(Proposal {
                event: known.event(&["collected", &contact.to_string()]),
                application: None,
                subject: Some(contact.into()),
                occurred_at: at,
                fact: ContactCollected {
                    name: name.clone(),
                    pronunciation: None,
                    title: None,
                    organisation_name: None,
                    email: email.clone(),
                    phone: None,
                    postal_address: None,
                    preferred_channel: None,
                }
                .into(),
            });
        }
    }
    (ids, new)
}

impl Attendee {
    fn read(entry: &ICalendarEntry) -> Option<Self> {
        // Calendars that write another kind of address name the e-mail beside it (RFC 7986).
        let written = parameter(entry, &ICalendarParameterName::Email);
        let email = [entry.calendar_address(), written]
            .into_iter()
            .flatten()
            .find_map(|text| Email::try_from(text.trim()).ok());
        let name = parameter(entry, &ICalendarParameterName::Cn).and_then(line);
        // Nobody's name is guessed from an address.
        let name = name.or_else(|| line(email.as_ref()?.as_str()))?;
        Some(Self { name, email })
    }

    /// By the e-mail address; invitations also go to another address of the candidate's, under the same name.
    fn is(&self, candidate: &Candidate) -> bool {
        let Some(profile) = &candidate.profile else {
            return false;
        };
        let same = |one: &str, other: &str| folded(one) == folded(other);
        let by_email = |own: &Email| {
            self.email
                .as_ref()
                .is_some_and(|email| same(email.as_str(), own.as_str()))
        };
        profile.email.get().as_ref().is_some_and(by_email) || same(self.name.as_str(), profile.name.as_str())
    }

    fn key(&self) -> [String; 2] {
        match &self.email {
            Some(email) => ["email:".to_owned(), folded(email.as_str())],
            None => ["name:".to_owned(), folded(self.name.as_str())],
        }
    }
}

fn parameter<'a>(entry: &'a ICalendarEntry, name: &ICalendarParameterName) -> Option<&'a str> {
    entry.parameter(name).and_then(|value| value.as_text())
}

/// Rooms, resources and mailing lists interview nobody, nor does who has declined.
fn is_expected(entry: &ICalendarEntry) -> bool {
    let says = |name, values: &[&str]| {
        parameter(entry, &name).is_some_and(|text| values.iter().any(|value| text.eq_ignore_ascii_case(value)))
    };
    let room = entry
        .calendar_address()
        .is_some_and(|it| folded(it).ends_with("@resource.calendar.google.com"));
    !(room
        || says(ICalendarParameterName::Cutype, &["ROOM", "RESOURCE", "GROUP"])
        || says(ICalendarParameterName::Role, &["NON-PARTICIPANT"])
        || says(ICalendarParameterName::Partstat, &["DECLINED"]))
}
