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

mod cards;
mod invitations;
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
