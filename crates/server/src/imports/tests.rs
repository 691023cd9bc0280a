use std::sync::Arc;

use afterword_domain::{
    candidate::Candidate,
    catalogue::AnyFact,
    contacts::Contact,
    decide::{Decided, Proposal, decide},
    ids::{ApplicationId, CandidateId, EventId, InterviewId, Kind},
    interviews::{Format as Held, InterviewStatus, InterviewView},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Format, Known, Row, read};
use crate::{
    edge::{codes::Code, problem::Problem},
    recording::FromBody,
};

mod mail;
mod odd_ics;
mod properties;
mod tables;

const INVITATION: &str = include_str!("../../../../examples/invitation.ics");
const PRIYA: &str = include_str!("../../../../examples/priya-raman.vcf");
const TOMAS: &str = include_str!("../../../../examples/tomas-ortega.vcf");

/// A candidate with one application, and files imported one after another.
struct Mara {
    candidate: Candidate,
    application: ApplicationId,
    facts: u128,
}

impl Mara {
    fn new() -> Self {
        let id = CandidateId::new(Uuid::from_u128(1));
        let application = ApplicationId::new(Uuid::from_u128(2));
        let mut mara = Self {
            candidate: Candidate::unknown(id),
            application,
            facts: 100,
        };
        let profile =
            json!({"name": "Mara Lindqvist", "time_zone": "Europe/Stockholm", "email": "Mara.Lindqvist@example.net"});
        mara.record("CandidateRegistered", profile, Some(Kind::Candidate.with(id.uuid())));
        let opened = json!({"organisation": {"name": "Northwind Robotics"}, "position": "Staff Engineer"});
        mara.record("ApplicationOpened", opened, Some(application.into()));
        mara
    }

    fn record(&mut self, name: &str, data: Value, subject: Option<afterword_domain::ids::Subject>) -> EventId {
        self.facts += 1;
        let event = EventId::new(Uuid::from_u128(self.facts));
        let fact = AnyFact::parse(name, data, &mut FromBody).unwrap().unwrap();
        let proposal = Proposal {
            event,
            application: None,
            subject,
            occurred_at: None,
            fact,
        };
        decide(&mut self.candidate, proposal, now(), &"key".into()).unwrap();
        event
    }

    fn plan(&self, format: Format, text: &str) -> Result<Vec<Row>, Problem> {
        let known = Known {
            candidate: self.candidate.clone(),
            application: Some(self.application),
            now: now(),
            by: "key".into(),
        };
        read(format, None, text.as_bytes(), known)
    }

    /// Records what a file amounts to, and tells each row as its line and the names of its new facts.
    fn import(&mut self, format: Format, text: &str) -> Vec<(usize, Result<Vec<&'static str>, String>)> {
        let rows = self.plan(format, text).unwrap();
        let mut told = Vec::new();
        for Row { line, result, .. } in rows {
            let result = result.map_err(|problem| problem.to_string()).map(|planned| {
                let decide = |proposal| decide(&mut self.candidate, proposal, now(), &"key".into()).unwrap();
                let decided = planned.into_iter().map(|it| it.proposal).map(decide);
                let new = decided.filter_map(|decided| match decided {
                    Decided::Recorded(fact) => Some(fact.data.name()),
                    Decided::Already(_) => None,
                });
                new.collect()
            });
            told.push((line, result));
        }
        told
    }

    fn imported(&mut self, format: Format, text: &str) -> Vec<&'static str> {
        let rows = self.import(format, text);
        rows.into_iter().flat_map(|(_, result)| result.unwrap()).collect()
    }

    fn interviews(&self) -> Vec<InterviewView> {
        let application = self.candidate.application(self.application).unwrap();
        application.interviews.values().map(|it| it.view()).collect()
    }

    fn interview(&self) -> InterviewView {
        let [interview] = <[_; 1]>::try_from(self.interviews()).unwrap();
        interview
    }

    fn contact(&self, email: &str) -> &Arc<Contact> {
        let is = |contact: &&Arc<Contact>| contact.email.get().as_ref().is_some_and(|own| own.as_str() == email);
        self.candidate.contacts.values().find(is).unwrap()
    }
}

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn event(lines: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:one\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

fn times(times: &str) -> String {
    event(&format!("DTSTAMP:20261101T080000Z\r\n{times}"))
}

#[test]
fn an_invitation_for_a_panel_schedules_the_interview_and_collects_the_panel() {
    let mut mara = Mara::new();
    assert_eq!(
        mara.import(Format::Ics, INVITATION),
        [(
            24,
            Ok(vec!["ContactCollected", "ContactCollected", "InterviewScheduled"])
        )]
    );
    let interview = mara.interview();
    assert_eq!(interview.starts_at.to_string(), "2026-09-23T16:30:00-07:00");
    assert_eq!(interview.ends_at.to_string(), "2026-09-23T17:45:00-07:00");
    assert_eq!(interview.time_zone.name(), "America/Los_Angeles");
    assert_eq!(interview.format, Held::Video);
    assert_eq!(
        interview.location.unwrap().as_str(),
        "https://meet.google.com/qwe-rtzu-iop"
    );
    let names: Vec<&str> = interview
        .interviewers
        .iter()
        .map(|id| mara.candidate.contacts[id].name.as_str())
        .collect();
    assert_eq!(names, ["Priya Raman", "Tomás Ortega"]);
    let invited = &mara.candidate.history()[4];
    assert_eq!(invited.at.occurred_at, "2026-09-16T17:14:10Z".parse().unwrap());
}

#[test]
fn the_same_file_twice_records_nothing_twice() {
    let mut mara = Mara::new();
    for file in [(Format::Ics, INVITATION), (Format::Vcf, PRIYA), (Format::Vcf, TOMAS)] {
        assert!(!mara.imported(file.0, file.1).is_empty());
        assert!(mara.imported(file.0, file.1).is_empty());
    }
    let version = mara.candidate.version;
    assert!(mara.imported(Format::Ics, INVITATION).is_empty());
    assert_eq!(mara.candidate.version, version);
    let rows = mara.plan(Format::Ics, INVITATION).unwrap();
    assert!(matches!(
        rows[0].result.as_ref().unwrap()[0].decided,
        Decided::Already(_)
    ));
}

#[test]
fn a_higher_sequence_moves_the_interview_and_an_older_message_does_not_move_it_back() {
    let mut mara = Mara::new();
    let first = times("SEQUENCE:0\r\nDTSTART:20261201T090000Z\r\nDTEND:20261201T100000Z");
    let second = times("SEQUENCE:1\r\nDTSTART:20261202T090000Z\r\nDTEND:20261202T100000Z");
    assert_eq!(mara.imported(Format::Ics, &first), ["InterviewScheduled"]);
    assert_eq!(mara.imported(Format::Ics, &second), ["InterviewRescheduled"]);
    for file in [&first, &second] {
        assert!(mara.imported(Format::Ics, file).is_empty());
        assert_eq!(
            mara.interview().starts_at.timestamp(),
            "2026-12-02T09:00:00Z".parse().unwrap()
        );
    }
    // An older one that was never seen.
    let lost = first
        .replace("20261101T080000Z", "20261031T080000Z")
        .replace("20261201T", "20261130T");
    assert!(mara.imported(Format::Ics, &lost).is_empty());
    // Back to the first times, in a newer message.
    let third = first.replace("SEQUENCE:0", "SEQUENCE:2");
    assert_eq!(mara.imported(Format::Ics, &third), ["InterviewRescheduled"]);
    assert_eq!(
        mara.interview().starts_at.timestamp(),
        "2026-12-01T09:00:00Z".parse().unwrap()
    );
}

#[test]
fn all_messages_of_an_interview_may_be_in_one_file() {
    let mut mara = Mara::new();
    let first = times("DTSTART:20261201T090000Z\r\nDTEND:20261201T100000Z");
    let second = times("SEQUENCE:1\r\nDTSTART:20261202T090000Z\r\nDTEND:20261202T100000Z");
    let off = first
        .replace("METHOD:REQUEST", "METHOD:CANCEL")
        .replace("UID:one", "UID:one\r\nSEQUENCE:2");
    let names = mara.imported(Format::Ics, &[first, second, off].concat());
    assert_eq!(
        names,
        ["InterviewScheduled", "InterviewRescheduled", "InterviewCancelled"]
    );
}

#[test]
fn a_cancellation_cancels_whether_the_method_or_the_status_says_so() {
    let invited = times("DTSTART:20261201T090000Z\r\nDTEND:20261201T100000Z");
    for off in [
        invited.replace("METHOD:REQUEST", "METHOD:CANCEL"),
        times("SEQUENCE:1\r\nSTATUS:CANCELLED\r\nDTSTART:20261201T090000Z"),
    ] {
        let mut mara = Mara::new();
        let unknown = mara.plan(Format::Ics, &off).unwrap();
        assert_eq!(unknown[0].result.as_ref().unwrap_err().code(), Code::UnknownReference);
        mara.imported(Format::Ics, &invited);
        assert_eq!(mara.imported(Format::Ics, &off), ["InterviewCancelled"]);
        assert_eq!(mara.interview().status, InterviewStatus::Cancelled);
        assert!(mara.imported(Format::Ics, &off).is_empty());
        assert!(mara.imported(Format::Ics, &invited).is_empty());
        // Arranged anew, it is another interview; the next cancellation is that one's.
        let anew = invited.replace("20261101T", "20261102T");
        assert_eq!(mara.imported(Format::Ics, &anew), ["InterviewScheduled"]);
        let off_again = anew.replace("METHOD:REQUEST", "METHOD:CANCEL");
        assert_eq!(mara.imported(Format::Ics, &off_again), ["InterviewCancelled"]);
        assert!(
            mara.interviews()
                .iter()
                .all(|it| it.status == InterviewStatus::Cancelled)
        );
    }
}

#[test]
fn what_was_taken_back_can_be_imported_again() {
    let mut mara = Mara::new();
    let invited = times("DTSTART:20261201T090000Z\r\nDTEND:20261201T100000Z");
    mara.imported(Format::Ics, &invited);
    let scheduled = mara.candidate.history().last().unwrap().at.event;
    mara.record(
        "FactRetracted",
        json!({"reason": "The wrong application."}),
        Some(scheduled.into()),
    );
    assert!(mara.interviews().is_empty());
    assert_eq!(mara.imported(Format::Ics, &invited), ["InterviewScheduled"]);
    assert!(mara.imported(Format::Ics, &invited).is_empty());
}

#[test]
fn a_new_panel_member_is_named_and_a_corrected_panel_is_left_alone_once_held() {
    let mut mara = Mara::new();
    mara.imported(Format::Ics, INVITATION);
    let newer = INVITATION
        .replace("20260916T1714", "20260917T1714")
        .replace("priya.raman", "paul.ito")
        .replace("CN=Priya Raman", "CN=Paul Ito");
    assert_eq!(
        mara.imported(Format::Ics, &newer),
        ["ContactCollected", "InterviewersNamed"]
    );
    let interview = mara.interview();
    mara.record(
        "InterviewHeld",
        json!({"ended_at": "2026-09-23T17:45:00-07:00"}),
        Some(interview.id.into()),
    );
    let later = INVITATION.replace("20260916T1714", "20260924T1714");
    assert!(mara.imported(Format::Ics, &later).is_empty());
}

#[test]
fn an_update_that_is_imported_late_still_moves_the_interview_and_a_panel_named_since_stands() {
    let mut mara = Mara::new();
    mara.imported(Format::Ics, INVITATION);
    let interview = mara.interview();
    let tomas = interview.interviewers[1];
    mara.record(
        "InterviewersNamed",
        json!({"interviewers": [tomas]}),
        Some(interview.id.into()),
    );
    let update = INVITATION
        .replace("20260916T1714", "20260917T1714")
        .replace("20260923T", "20260924T");
    mara.imported(Format::Ics, &update);
    assert_eq!(mara.interview().starts_at.to_string(), "2026-09-24T16:30:00-07:00");
    assert_eq!(mara.interview().interviewers, [tomas]);
    assert!(mara.imported(Format::Ics, &update).is_empty());
}

#[test]
fn one_of_a_series_is_the_same_in_whatever_zone_it_is_named() {
    let mut mara = Mara::new();
    let times = "DTSTART:20261201T090000Z\r\nDURATION:PT1H";
    let first = event(&format!("RECURRENCE-ID:20261130T090000Z\r\n{times}"));
    let other = event(&format!("RECURRENCE-ID:20261207T090000Z\r\n{times}"));
    assert_eq!(mara.imported(Format::Ics, &first), ["InterviewScheduled"]);
    assert_eq!(mara.imported(Format::Ics, &other), ["InterviewScheduled"]);
    let named = "RECURRENCE-ID;TZID=Europe/Stockholm:20261130T100000";
    let moved = event(&format!("{named}\r\nSEQUENCE:1\r\n{}", times.replace("1201", "1202")));
    assert_eq!(mara.imported(Format::Ics, &moved), ["InterviewRescheduled"]);
}

#[test]
fn times_are_read_in_utc_in_named_zones_and_in_the_zones_that_the_file_defines() {
    let zone = |id: &str, more: &str| {
        format!(
            "BEGIN:VTIMEZONE\r\nTZID:{id}\r\n{more}BEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nTZOFFSETFROM:-0500\r\nTZOFFSETTO:-0500\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
        )
    };
    let head = "METHOD:REQUEST\r\n";
    for (calendar, start, starts_at, name) in [
        (
            "",
            "DTSTART:20261201T090000Z",
            "2026-12-01T10:00:00+01:00",
            "Europe/Stockholm",
        ),
        (
            "X-WR-TIMEZONE:America/New_York\r\n",
            "DTSTART:20261201T140000Z",
            "2026-12-01T09:00:00-05:00",
            "America/New_York",
        ),
        (
            "",
            "DTSTART:20261201T090000",
            "2026-12-01T09:00:00+01:00",
            "Europe/Stockholm",
        ),
        (
            "",
            "DTSTART;TZID=America/New_York:20260601T090000",
            "2026-06-01T09:00:00-04:00",
            "America/New_York",
        ),
        (
            "",
            "DTSTART;TZID=\"Eastern Standard Time\":20261201T090000",
            "2026-12-01T09:00:00-05:00",
            "America/New_York",
        ),
        (
            "",
            "DTSTART;TZID=/freeassociation.sourceforge.net/Europe/Berlin:20261201T090000",
            "2026-12-01T09:00:00+01:00",
            "Europe/Berlin",
        ),
        (
            "",
            "DTSTART;TZID=UTC+11:20261201T090000",
            "2026-12-01T09:00:00+11:00",
            "Etc/GMT-11",
        ),
        (
            &zone("Lima here", "X-LIC-LOCATION:America/Lima\r\n"),
            "DTSTART;TZID=Lima here:20261201T090000",
            "2026-12-01T09:00:00-05:00",
            "America/Lima",
        ),
    ] {
        let mut mara = Mara::new();
        let file = event(&format!("{start}\r\nDURATION:PT45M")).replace(head, &format!("{head}{calendar}"));
        assert_eq!(mara.imported(Format::Ics, &file), ["InterviewScheduled"], "{start}");
        let interview = mara.interview();
        assert_eq!(
            (interview.starts_at.to_string().as_str(), interview.time_zone.name()),
            (starts_at, name)
        );
        assert_eq!(
            interview
                .ends_at
                .timestamp()
                .duration_since(interview.starts_at.timestamp())
                .as_mins(),
            45
        );
    }
}

#[test]
fn a_poisoned_row_says_what_is_wrong_and_the_rest_is_read() {
    let mara = Mara::new();
    for (lines, code, pointer) in [
        ("DTEND:20261201T100000Z", Code::Invalid, "/starts_at"),
        ("DTSTART:20261201T090000Z", Code::Invalid, "/ends_at"),
        (
            "DTSTART;VALUE=DATE:20261201\r\nDTEND;VALUE=DATE:20261202",
            Code::Invalid,
            "/starts_at",
        ),
        (
            "DTSTART:20260230T090000Z\r\nDTEND:20261201T100000Z",
            Code::Invalid,
            "/starts_at",
        ),
        ("DTSTART:soon\r\nDTEND:20261201T100000Z", Code::Invalid, "/starts_at"),
        (
            "DTSTART;TZID=Narnia/Lamp Post:20261201T090000\r\nDURATION:PT1H",
            Code::Invalid,
            "/time_zone",
        ),
        (
            "DTSTART:20261201T090000Z\r\nDTEND:20261201T080000Z",
            Code::EndsBeforeStart,
            "/ends_at",
        ),
        (
            "DTSTART:20261201T090000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY",
            Code::Invalid,
            "/starts_at",
        ),
    ] {
        let good = times("DTSTART:20261201T090000Z\r\nDTEND:20261201T100000Z").replace("UID:one", "UID:two");
        let rows = mara.plan(Format::Ics, &(event(lines) + &good)).unwrap();
        let problem = rows[0].result.as_ref().unwrap_err();
        assert_eq!(
            (problem.code(), problem.errors()[0].pointer.as_str()),
            (code, pointer),
            "{lines}"
        );
        assert!(rows[1].result.is_ok());
    }
    let cut = &INVITATION[..INVITATION.len() - 40];
    assert_eq!(
        mara.plan(Format::Ics, cut).unwrap()[0]
            .result
            .as_ref()
            .unwrap_err()
            .code(),
        Code::Malformed
    );
}

#[test]
fn a_new_invitation_needs_an_application_and_a_reply_is_no_invitation() {
    let mara = Mara::new();
    let known = |application| Known {
        candidate: mara.candidate.clone(),
        application,
        now: now(),
        by: "key".into(),
    };
    let refused = |text: &str, known| {
        read(Format::Ics, None, text.as_bytes(), known)
            .unwrap()
            .remove(0)
            .result
            .unwrap_err()
    };
    assert_eq!(refused(INVITATION, known(None)).errors()[0].pointer, "?application");
    let reply = INVITATION.replace("METHOD:REQUEST", "METHOD:REPLY");
    assert!(
        refused(&reply, known(Some(mara.application)))
            .to_string()
            .contains("REPLY")
    );
}

#[test]
fn rooms_resources_and_who_declined_interview_nobody() {
    let mut mara = Mara::new();
    let attendees = [
        "ATTENDEE;CUTYPE=ROOM;CN=Berlin 4.12:mailto:room412@northwind.example",
        "ATTENDEE;CUTYPE=RESOURCE;CN=Projector:mailto:c_1@resource.calendar.google.com",
        "ATTENDEE;PARTSTAT=DECLINED;CN=Otto:mailto:otto@northwind.example",
        "ATTENDEE;CN=M. Lindqvist:MAILTO:mara.lindqvist@EXAMPLE.net",
        "ATTENDEE;CN=Mara Lindqvist:mailto:mara@other.example",
        "ATTENDEE;CN=\"Raman, Priya\":mailto:priya.raman@northwind.example",
        "ATTENDEE:mailto:Priya.Raman@northwind.example",
        "ATTENDEE;CN=Conf:invalid:nomail",
    ];
    let file = times(&format!(
        "DTSTART:20261201T090000Z\r\nDURATION:PT1H\r\nORGANIZER:mailto:jonas@northwind.example\r\n{}",
        attendees.join("\r\n")
    ));
    mara.imported(Format::Ics, &file);
    let names: Vec<&str> = mara
        .candidate
        .contacts
        .values()
        .map(|contact| contact.name.as_str())
        .collect();
    assert_eq!(mara.interview().interviewers.len(), 2);
    assert!(names.contains(&"Raman, Priya") && names.contains(&"Conf"), "{names:?}");
}

#[test]
fn a_business_card_is_a_contact_with_everything_on_it() {
    let mut mara = Mara::new();
    assert_eq!(mara.import(Format::Vcf, PRIYA), [(1, Ok(vec!["ContactCollected"]))]);
    let priya = mara.contact("priya.raman@northwind.example");
    assert_eq!(priya.name.as_str(), "Dr. Priya Raman");
    assert_eq!(priya.title.as_ref().unwrap().as_str(), "Head of Platform Engineering");
    assert_eq!(priya.organisation_name.as_ref().unwrap().as_str(), "Northwind Robotics");
    assert_eq!(priya.phone.as_ref().unwrap().as_str(), "(415) 555-0170");
    let lines = ["1455 Market Street", "Suite 600"];
    let address = json!({"lines": lines, "city": "San Francisco", "region": "CA", "postal_code": "94103", "country": "United States"});
    assert_eq!(serde_json::to_value(priya.postal_address.get()).unwrap(), address);
    assert_eq!(*priya.preferred_channel.get(), None);
    // Android writes vCard 2.1.
    mara.imported(Format::Vcf, TOMAS);
    let tomas = mara.contact("tomas.ortega@northwind.example");
    assert_eq!((tomas.name.as_str(), tomas.phone.get()), ("Tomás Ortega", &None));
}

#[test]
fn a_card_of_a_known_contact_revises_only_what_differs() {
    let mut mara = Mara::new();
    mara.imported(Format::Ics, INVITATION);
    let id = mara.contact("priya.raman@northwind.example").id;
    let card = PRIYA.replace("priya.raman@", "Priya.Raman@");
    assert_eq!(
        mara.imported(Format::Vcf, &[&card, TOMAS].concat()),
        ["ContactRevised", "ContactRevised"]
    );
    assert_eq!(mara.candidate.contacts.len(), 2);
    assert_eq!(mara.candidate.contacts[&id].name.as_str(), "Dr. Priya Raman");
    let revised = serde_json::to_value(&mara.candidate.history().last().unwrap().data).unwrap();
    assert_eq!(revised, json!({"organisation_name": "Northwind Robotics"}));
    // Changed, and changed back.
    let other = card.replace("Head of", "VP of");
    for card in [&other, &card, &other] {
        assert_eq!(mara.imported(Format::Vcf, card), ["ContactRevised"]);
        assert!(mara.imported(Format::Vcf, card).is_empty());
    }
}

#[test]
fn cards_of_version_4_and_folded_lines_are_read() {
    let mut mara = Mara::new();
    let card = "BEGIN:VCARD\nVERSION:4.0\nN:Berg;Anna;;;\nORG:Acme;Lab\nTITLE:Chief of a department with a ra\n ther long name\n\
                TEL;VALUE=uri;TYPE=\"fax,work\":tel:+1-555-0100\nTEL;VALUE=uri;PREF=1;TYPE=\"voice,home\":tel:+1-555-0101\n\
                TEL;VALUE=uri;TYPE=\"voice,work\":tel:+1-555-0102\nEMAIL;TYPE=home:anna@home.example\nEMAIL;TYPE=work:anna@acme.example\n\
                ADR;TYPE=work:;Suite 5;1 Main St;Springfield;IL;62701;USA\nEND:VCARD\n";
    mara.imported(Format::Vcf, card);
    let anna = mara.contact("anna@acme.example");
    assert_eq!(anna.name.as_str(), "Anna Berg");
    assert_eq!(
        anna.title.as_ref().unwrap().as_str(),
        "Chief of a department with a rather long name"
    );
    assert_eq!(anna.phone.as_ref().unwrap().as_str(), "+1-555-0102");
    let lines: Vec<&str> = anna
        .postal_address
        .as_ref()
        .unwrap()
        .lines
        .iter()
        .map(|line| line.as_str())
        .collect();
    assert_eq!(lines, ["1 Main St", "Suite 5"]);
}

#[test]
fn a_bad_card_is_reported_with_its_line_and_the_next_is_read() {
    let mut mara = Mara::new();
    let file = format!(
        "BEGIN:VCARD\nVERSION:3.0\nEMAIL:nobody\nFN:A\nEND:VCARD\n{TOMAS}BEGIN:VCARD\nVERSION:3.0\nTEL:1\nEND:VCARD\nBEGIN:VCARD\nFN:Cut"
    );
    let rows = mara.import(Format::Vcf, &file);
    let lines: Vec<(usize, bool)> = rows.iter().map(|(line, result)| (*line, result.is_ok())).collect();
    assert_eq!(lines, [(1, false), (6, true), (13, false), (17, false)]);
}

#[test]
fn an_erased_contact_stays_erased() {
    let mut mara = Mara::new();
    mara.imported(Format::Vcf, PRIYA);
    let id = mara.contact("priya.raman@northwind.example").id;
    mara.record("ContactErased", json!({}), Some(id.into()));
    assert_eq!(
        mara.plan(Format::Vcf, PRIYA).unwrap()[0]
            .result
            .as_ref()
            .unwrap_err()
            .code(),
        Code::Refused
    );
    assert_eq!(
        mara.imported(Format::Ics, INVITATION),
        ["ContactCollected", "InterviewScheduled"]
    );
}

#[test]
fn garbage_is_a_problem_and_never_a_panic() {
    let mara = Mara::new();
    let known = || Known {
        candidate: mara.candidate.clone(),
        application: Some(mara.application),
        now: now(),
        by: "key".into(),
    };
    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    let mut roll = |below: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        usize::try_from(dice % below as u64).unwrap()
    };
    for (format, whole) in [(Format::Ics, INVITATION), (Format::Vcf, PRIYA), (Format::Vcf, TOMAS)] {
        for garbage in [
            &b""[..],
            b"\0",
            b"\xff\xfe",
            b"{\"a\": 1}",
            b"BEGIN:",
            b"END:VEVENT\nEND:VCARD",
        ] {
            assert_eq!(
                read(format, None, garbage, known()).unwrap_err().code(),
                Code::Malformed
            );
        }
        for _ in 0..300 {
            let mut bytes = whole.as_bytes().to_vec();
            for _ in 0..=roll(12) {
                let (at, length) = (roll(bytes.len()), roll(9));
                let with = [
                    &b"\r\n"[..],
                    b";",
                    b":",
                    b"\"",
                    b"\\",
                    b"=",
                    b" ",
                    b"99999999999999999999",
                    b"\xc3",
                    b"BEGIN:VEVENT\n",
                    b"END:VCARD\n",
                    b"",
                ];
                let end = (at + length).min(bytes.len());
                bytes.splice(at..end, with[roll(with.len())].iter().copied());
            }
            let _ = read(format, None, &bytes, known());
        }
    }
    let many = "BEGIN:VCARD\nFN:A\nEND:VCARD\n".repeat(1001);
    assert_eq!(mara.plan(Format::Vcf, &many).unwrap_err().code(), Code::Invalid);
}

#[test]
fn the_interviews_id_follows_from_the_invitation() {
    let ids: Vec<InterviewId> = (0..2)
        .map(|_| {
            let mut mara = Mara::new();
            mara.imported(Format::Ics, INVITATION);
            mara.interview().id
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn invitations_of_exchange_and_of_booking_tools_are_read() {
    let outlook = include_str!("../../tests/files/outlook.ics");
    let booking = include_str!("../../tests/files/booking.ics");
    let mut mara = Mara::new();
    assert_eq!(
        mara.imported(Format::Ics, outlook),
        ["ContactCollected", "InterviewScheduled"]
    );
    let interview = mara.interview();
    assert_eq!(interview.starts_at.to_string(), "2026-12-03T14:00:00+01:00");
    assert_eq!(
        (interview.time_zone.name(), interview.format),
        ("Europe/Berlin", Held::Video)
    );
    assert!(mara.imported(Format::Ics, outlook).is_empty());
    let mut mara = Mara::new();
    assert_eq!(mara.imported(Format::Ics, booking), ["InterviewScheduled"]);
    assert_eq!(mara.interview().format, Held::Phone);
    let cancelled = booking.replace("SUMMARY", "STATUS:CANCELLED\r\nSEQUENCE:1\r\nSUMMARY");
    assert_eq!(mara.imported(Format::Ics, &cancelled), ["InterviewCancelled"]);
}

#[test]
fn a_series_of_one_is_one_and_another_method_says_what_it_is() {
    let mara = Mara::new();
    let once = times("DTSTART:20261201T090000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;COUNT=1");
    assert!(mara.plan(Format::Ics, &once).unwrap()[0].result.is_ok());
    for (method, told) in [
        ("COUNTER", "another time"),
        ("REPLY", "answers"),
        ("DECLINECOUNTER", "answers"),
    ] {
        let file = INVITATION.replace("METHOD:REQUEST", &format!("METHOD:{method}"));
        let rows = mara.plan(Format::Ics, &file).unwrap();
        let problem = rows[0].result.as_ref().unwrap_err().to_string();
        assert!(problem.contains(told), "{problem}");
    }
}

#[test]
fn old_cards_in_old_character_sets_are_read() {
    let mut mara = Mara::new();
    let read_bytes = |mara: &Mara, bytes: &[u8]| {
        let known = Known {
            candidate: mara.candidate.clone(),
            application: None,
            now: now(),
            by: "key".into(),
        };
        read(Format::Vcf, None, bytes, known).unwrap()
    };
    for (bytes, name, title) in [
        (
            &include_bytes!("../../tests/files/old.vcf")[..],
            "İlknur Öz",
            Some("Geschäftsführerin der Gesellschaft für Robotik"),
        ),
        (&include_bytes!("../../tests/files/latin.vcf")[..], "Jörg Müller", None),
    ] {
        let rows = read_bytes(&mara, bytes);
        let planned = rows.into_iter().next().unwrap().result.unwrap().remove(0);
        let fact = serde_json::to_value(&planned.decided.envelope().data).unwrap();
        assert_eq!((&fact["name"], fact["title"].as_str()), (&json!(name), title));
        decide(&mut mara.candidate, planned.proposal, now(), &"key".into()).unwrap();
        let again = read_bytes(&mara, bytes);
        assert!(matches!(
            again[0].result.as_ref().unwrap()[0].decided,
            Decided::Already(_)
        ));
    }
}
