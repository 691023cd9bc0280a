//! What the candidates of the bench do: one application after another, from the invitation to the rejection, two facts
//! at a time. Over a whole application a command moves three tasks on average.

use std::sync::Arc;

use afterword_domain::{
    catalogue::{AnyFact, Reader},
    decide::Proposal,
    fact::Fact,
    ids::{ApplicationId, CandidateId, EventId, Kind, Subject},
};
use afterword_store::Command;
use jiff::{SignedDuration, Timestamp, Unit, Zoned, tz::TimeZone};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Failure, place::TENANT};

/// Now, as precise as the log.
pub fn now() -> Timestamp {
    Timestamp::now()
        .round(Unit::Microsecond)
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The dates of all interviews: yesterday's, and a decision in some days.
pub struct Dates {
    starts_at: String,
    ends_at: String,
    decide_by: String,
}

impl Dates {
    /// Seen from now.
    pub fn of_today() -> Result<Self, Failure> {
        let berlin = TimeZone::get("Europe/Berlin")?;
        let yesterday = (now() - SignedDuration::from_hours(30))
            .to_zoned(berlin)
            .round(Unit::Hour)?;
        let written = |at: &Zoned| at.strftime("%FT%T%:z").to_string();
        Ok(Self {
            starts_at: written(&yesterday),
            ends_at: written(&(&yesterday + SignedDuration::from_hours(1))),
            decide_by: (&yesterday + SignedDuration::from_hours(7 * 24))
                .strftime("%F")
                .to_string(),
        })
    }
}

/// A candidate, and what is under way.
#[derive(Clone)]
pub struct Person {
    /// The stream.
    pub candidate: CandidateId,
    /// The newest application.
    pub application: Uuid,
    contact: Uuid,
    interview: Uuid,
    document: Uuid,
    step: u8,
}

impl Person {
    /// Somebody new, who registers and applies.
    pub fn begins() -> (Self, Vec<Proposal>) {
        let person = Self {
            candidate: CandidateId::new(Uuid::now_v7()),
            application: Uuid::now_v7(),
            contact: Uuid::nil(),
            interview: Uuid::nil(),
            document: Uuid::nil(),
            step: 0,
        };
        let registered = json!({"name": "Ada Lovelace", "time_zone": "Europe/Berlin", "email": "ada@example.com",
            "strengths": ["patience", "proofs"]});
        let proposals = vec![
            propose("CandidateRegistered", registered, None, Some(person.candidate.into())),
            person.applies(),
        ];
        (person, proposals)
    }

    /// The next two facts.
    pub fn goes_on(&mut self, dates: &Dates) -> Vec<Proposal> {
        let application = ApplicationId::new(self.application);
        let within = |name, data, kind: Kind, id| propose(name, data, Some(application), Some(kind.with(id)));
        let of = |name, data, kind: Kind, id| propose(name, data, None, Some(kind.with(id)));
        let contact = Kind::Contact.with(self.contact).to_string();
        self.step = self.step % 5 + 1;
        match self.step {
            1 => {
                (self.contact, self.interview) = (Uuid::now_v7(), Uuid::now_v7());
                let contact = Kind::Contact.with(self.contact);
                let card = json!({"name": "Anna Berg", "title": "Head of Engineering", "organisation_name": "Acme GmbH",
                    "email": "anna.berg@acme.example", "phone": "+49 30 1234567"});
                let invitation = json!({"starts_at": dates.starts_at, "ends_at": dates.ends_at,
                    "time_zone": "Europe/Berlin", "format": "onsite", "location": "Unter den Linden 1, Berlin",
                    "interviewers": [contact.to_string()]});
                vec![
                    propose("ContactCollected", card, None, Some(contact)),
                    within("InterviewScheduled", invitation, Kind::Interview, self.interview),
                ]
            }
            2 => {
                self.document = Uuid::now_v7();
                let held = json!({"ended_at": dates.ends_at, "impression": "Friendly, and curious about the proofs."});
                let asked = json!({"document": "Certificate of employment"});
                vec![
                    of("InterviewHeld", held, Kind::Interview, self.interview),
                    within("DocumentRequested", asked, Kind::DocumentRequest, self.document),
                ]
            }
            3 => vec![
                within(
                    "DecisionDatePromised",
                    json!({"decide_by": dates.decide_by}),
                    Kind::DecisionDate,
                    Uuid::now_v7(),
                ),
                of(
                    "DocumentSent",
                    json!({"channel": "email", "remark": "As a PDF."}),
                    Kind::DocumentRequest,
                    self.document,
                ),
            ],
            4 => {
                let note = Uuid::now_v7();
                let interview = Kind::Interview.with(self.interview).to_string();
                let body = "Thank you for the conversation yesterday. What you said about proofs stayed with me, and I \
                    look forward to hearing from you.";
                let draft = json!({"kind": "thank_you", "recipients": [contact], "channel": "email", "body": body,
                    "application": application.to_string(), "interview": interview});
                vec![
                    of("NoteDrafted", draft, Kind::Note, note),
                    of("NoteSent", json!({}), Kind::Note, note),
                ]
            }
            _ => {
                let rejected = json!({"channel": "email", "reason": "Somebody else was closer to what they do."});
                let rejected = within("RejectionReceived", rejected, Kind::Rejection, Uuid::now_v7());
                self.application = Uuid::now_v7();
                vec![rejected, self.applies()]
            }
        }
    }

    /// A hundred facts: ten applications, of which some still wait.
    pub fn whole_life(dates: &Dates) -> (Self, Vec<Proposal>) {
        let (mut person, mut proposals) = Self::begins();
        while proposals.len() < 100 {
            // Of every second application nothing is heard after the interview: its tasks stay.
            if person.step == 2 && proposals.len() / 10 % 2 == 0 {
                person.step = 0;
                person.application = Uuid::now_v7();
                proposals.push(person.applies());
            }
            proposals.extend(person.goes_on(dates));
        }
        (person, proposals)
    }

    /// An interview by video between two moments.
    pub fn is_invited(&self, starts_at: Timestamp, ends_at: Timestamp) -> Proposal {
        let invitation =
            json!({"starts_at": starts_at, "ends_at": ends_at, "time_zone": "Europe/Berlin", "format": "video"});
        let application = Some(ApplicationId::new(self.application));
        propose(
            "InterviewScheduled",
            invitation,
            application,
            Some(Kind::Interview.with(Uuid::now_v7())),
        )
    }

    fn applies(&self) -> Proposal {
        let data = json!({"organisation": {"name": "Acme GmbH", "size": "medium"}, "position": "Engineer, proofs",
            "source": "a friend"});
        propose(
            "ApplicationOpened",
            data,
            None,
            Some(Kind::Application.with(self.application)),
        )
    }
}

/// Somebody whom nothing else depends on.
pub fn another_card() -> Proposal {
    propose(
        "ContactCollected",
        json!({"name": "Carl Ohm"}),
        None,
        Some(Kind::Contact.with(Uuid::now_v7())),
    )
}

/// A command with these facts.
pub fn command(candidate: CandidateId, fresh: bool, proposals: Vec<Proposal>, by: &Arc<str>) -> Command<'static> {
    Command {
        tenant: TENANT,
        candidate,
        fresh,
        proposals,
        atomic: true,
        by: Arc::clone(by),
        now: now(),
        condition: None,
        idempotency: None,
        fence: None,
    }
}

struct Plainly;

impl Reader for Plainly {
    type Error = serde_json::Error;
    fn read<F: Fact>(&mut self, data: Value) -> Result<F, Self::Error> {
        serde_json::from_value(data)
    }
}

/// A fact as a client sends it.
#[expect(clippy::panic, reason = "the stories above are the bench's own")]
fn propose(name: &str, data: Value, application: Option<ApplicationId>, subject: Option<Subject>) -> Proposal {
    let fact = match AnyFact::parse(name, data, &mut Plainly) {
        Some(Ok(fact)) => fact,
        refused => panic!("{name}: {refused:?}"),
    };
    Proposal {
        event: EventId::new(Uuid::now_v7()),
        application,
        subject,
        occurred_at: None,
        fact,
    }
}
