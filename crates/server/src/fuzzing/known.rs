//! The candidate to whom it all happens: one application with an interview that was held, one contact, one note.

use std::sync::{Arc, LazyLock};

use afterword_domain::{
    candidate::Candidate,
    catalogue::AnyFact,
    decide::{Decided, Proposal, decide},
    ids::{ApplicationId, CandidateId, ContactId, EventId, InterviewId, Kind, NoteId, Subject},
    refusal::Refusal,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::recording::FromBody;

pub(super) const CANDIDATE: CandidateId = CandidateId::new(Uuid::from_u128(1));
pub(super) const APPLICATION: ApplicationId = ApplicationId::new(Uuid::from_u128(2));
pub(super) const CONTACT: ContactId = ContactId::new(Uuid::from_u128(3));
pub(super) const INTERVIEW: InterviewId = InterviewId::new(Uuid::from_u128(4));
pub(super) const NOTE: NoteId = NoteId::new(Uuid::from_u128(5));

/// The moment at which everything is tried.
pub(super) fn now() -> Timestamp {
    Timestamp::constant(1_795_780_800, 0)
}

/// The candidate.
pub(super) fn mara() -> Candidate {
    static MARA: LazyLock<Candidate> = LazyLock::new(|| {
        let mut mara = Candidate::unknown(CANDIDATE);
        for (nth, (name, subject, application, data)) in story().into_iter().enumerate() {
            let event = EventId::new(Uuid::from_u128(100 + nth as u128));
            let recorded = record(&mut mara, event, name, data, Some(subject), application);
            assert!(
                matches!(recorded, Some(Ok(Decided::Recorded(_)))),
                "{name}: {recorded:?}"
            );
        }
        mara
    });
    MARA.clone()
}

fn story() -> [(&'static str, Subject, Option<ApplicationId>, Value); 6] {
    [
        (
            "CandidateRegistered",
            CANDIDATE.into(),
            None,
            json!({"name": "Mara Lindqvist", "time_zone": "Europe/Stockholm", "email": "mara.lindqvist@example.net",
                   "locale": "en-GB", "postal_address": {"lines": ["Storgatan 1"], "city": "Stockholm",
                   "postal_code": "111 22", "country": "Sweden"}}),
        ),
        (
            "ApplicationOpened",
            APPLICATION.into(),
            None,
            json!({"organisation": {"name": "Northwind Robotics"}, "position": "Staff Engineer"}),
        ),
        (
            "ContactCollected",
            CONTACT.into(),
            None,
            json!({"name": "Priya Raman", "title": "Head of Engineering", "email": "priya@northwind.example",
                   "organisation_name": "Northwind Robotics"}),
        ),
        (
            "InterviewScheduled",
            INTERVIEW.into(),
            Some(APPLICATION),
            json!({"starts_at": "2026-11-25T10:00:00+01:00", "ends_at": "2026-11-25T11:00:00+01:00",
                   "time_zone": "Europe/Stockholm", "format": "video", "interviewers": [CONTACT.to_string()]}),
        ),
        (
            "InterviewHeld",
            INTERVIEW.into(),
            Some(APPLICATION),
            json!({"ended_at": "2026-11-25T11:10:00+01:00"}),
        ),
        (
            "NoteDrafted",
            NOTE.into(),
            None,
            json!({"kind": "thank_you", "recipients": [CONTACT.to_string()], "channel": "email",
                   "application": APPLICATION.to_string(), "interview": INTERVIEW.to_string(),
                   "subject_line": "Thank you", "body": "Dear Priya,\n\nThank you for your time.\n\nKind regards,\nMara"}),
        ),
    ]
}

/// Records a fact as a request has it; none where no fact has that name, or the data is not one.
pub(super) fn record(
    candidate: &mut Candidate,
    event: EventId,
    name: &str,
    data: Value,
    subject: Option<Subject>,
    application: Option<ApplicationId>,
) -> Option<Result<Decided, Refusal>> {
    let fact = AnyFact::parse(name, data, &mut FromBody)?.ok()?;
    let proposal = Proposal {
        event,
        application,
        subject,
        occurred_at: None,
        fact,
    };
    Some(decide(candidate, proposal, now(), &by()))
}

/// What a fact of this kind may be about: what there is, else something new.
pub(super) fn subject_of(kind: Kind) -> Subject {
    match kind {
        Kind::Candidate => CANDIDATE.into(),
        Kind::Application => APPLICATION.into(),
        Kind::Contact => CONTACT.into(),
        Kind::Interview => INTERVIEW.into(),
        Kind::Note => NOTE.into(),
        other => other.with(Uuid::from_u128(6)),
    }
}

/// Who records.
pub(super) fn by() -> Arc<str> {
    "key".into()
}
