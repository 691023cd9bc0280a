//! What may be asked of the service, in terms of a few candidates and their things; and the facts that it means.

use afterword_domain::{
    catalogue::{AnyFact, Reader},
    decide::Proposal,
    fact::Fact,
    ids::{ApplicationId, CandidateId, EventId, Kind, Subject},
};
use jiff::{SignedDuration, Timestamp};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use uuid::Uuid;

/// One thing that is asked.
#[derive(Debug, Clone)]
pub enum Ask {
    /// A fact of a candidate is to be recorded, if the candidate is at a version.
    Record { what: What, named: bool, at: Version },
    /// Several facts of a candidate are to be recorded: all or none, or each for itself.
    Several { what: Vec<What>, named: bool, atomic: bool },
    /// An earlier request comes again, as it was.
    Again(usize),
    /// An earlier fact comes again, under a name of its own.
    Renamed(usize),
    /// Another fact under the name of an earlier request.
    Misnamed(usize, What),
    /// Another fact with the id of an earlier one.
    Mistaken(usize, What),
    /// So many hours pass.
    Pass(i64),
    /// Whoever sees to time announces what has come due.
    Look,
    /// The service is started anew: it remembers nothing.
    Restart,
}

/// What the client believes of the candidate's version.
#[derive(Debug, Clone, Copy)]
pub enum Version {
    Any,
    Newest,
    Old,
}

/// A fact, in terms of whose it is and a few numbers.
#[derive(Debug, Clone)]
pub struct What {
    pub who: u8,
    pub fact: &'static str,
    /// Of which application, and which thing of it.
    pub of: (u8, u8),
    pub odd: bool,
}

pub const FACTS: [&str; 26] = [
    "CandidateRegistered",
    "CandidateRegistered",
    "ProfileRevised",
    "ApplicationOpened",
    "ApplicationOpened",
    "ApplicationOpened",
    "ContactCollected",
    "ContactCollected",
    "InterviewScheduled",
    "InterviewScheduled",
    "InterviewHeld",
    "InterviewHeld",
    "InterviewCancelled",
    "NoteDrafted",
    "NoteSent",
    "DocumentRequested",
    "DocumentSent",
    "DecisionDatePromised",
    "StatusEnquired",
    "RejectionReceived",
    "RejectionClosed",
    "OfferReceived",
    "ApplicationWithdrawn",
    "FactRetracted",
    "ContactErased",
    "CandidateErased",
];

fn what() -> impl Strategy<Value = What> {
    (0..3u8, select(FACTS.as_slice()), (0..2u8, 0..2u8), any::<bool>()).prop_map(|(who, fact, of, odd)| What {
        who,
        fact,
        of,
        odd,
    })
}

/// Some asks, after what most stories begin with.
pub fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let version = prop_oneof![6 => Just(Version::Any), 2 => Just(Version::Newest), 1 => Just(Version::Old)];
    let record = (what(), any::<bool>(), version).prop_map(|(what, named, at)| Ask::Record { what, named, at });
    // Whoever is erased is erased alone.
    let lives = what().prop_filter("erased", |what| what.fact != "CandidateErased");
    let several = (0..3u8, prop::collection::vec(lives, 2..8), any::<bool>(), any::<bool>());
    let several = several.prop_map(|(who, what, named, atomic)| {
        let what = what.into_iter().map(|what| What { who, ..what }).collect();
        Ask::Several { what, named, atomic }
    });
    let ask = prop_oneof![
        12 => record,
        3 => several,
        3 => (0..40usize).prop_map(Ask::Again),
        1 => (0..40usize).prop_map(Ask::Renamed),
        1 => (0..40usize, what()).prop_map(|(which, what)| Ask::Misnamed(which, what)),
        1 => (0..40usize, what()).prop_map(|(which, what)| Ask::Mistaken(which, what)),
        3 => (1..200i64).prop_map(Ask::Pass),
        2 => Just(Ask::Look),
        1 => Just(Ask::Restart),
    ];
    let beginning = [
        ("CandidateRegistered", 0),
        ("ApplicationOpened", 0),
        ("ContactCollected", 0),
        ("CandidateRegistered", 1),
    ];
    let beginning = beginning.map(|(fact, who)| Ask::Record {
        what: What {
            who,
            fact,
            of: (0, 0),
            odd: false,
        },
        named: true,
        at: Version::Any,
    });
    prop::collection::vec(ask, 0..50).prop_map(move |asks| beginning.iter().cloned().chain(asks).collect())
}

pub fn candidate(who: u8) -> CandidateId {
    CandidateId::new(uuid(who, 0, 0))
}

/// The fact that is asked for as the `nth`.
pub fn event(nth: usize) -> EventId {
    one_of_several(nth, 0)
}

/// The same, of several.
pub fn one_of_several(nth: usize, which: usize) -> EventId {
    EventId::new(Uuid::from_u64_pair(0xe + which as u64, nth as u64 + 1))
}

fn uuid(who: u8, kind: u8, number: u8) -> Uuid {
    Uuid::from_u64_pair(0xc, u64::from_be_bytes([1, who, kind, number, 0, 0, 0, 1]))
}

fn thing(kind: Kind, who: u8, (a, k): (u8, u8)) -> Subject {
    kind.with(uuid(who, 1 + kind as u8, 2 * a + k))
}

struct Plainly;

impl Reader for Plainly {
    type Error = serde_json::Error;
    fn read<F: Fact>(&mut self, data: Value) -> Result<F, Self::Error> {
        serde_json::from_value(data)
    }
}

impl What {
    /// The fact as it is proposed at a moment, under an id.
    pub fn proposal(&self, event: EventId, now: Timestamp) -> Proposal {
        let (who, (a, k), odd) = (self.who, self.of, self.odd);
        let app = thing(Kind::Application, who, (a, 0));
        let con = thing(Kind::Contact, who, (0, k)).to_string();
        let within = Some(ApplicationId::try_from(app).expect("an application"));
        let of = |kind| Some(thing(kind, who, (a, k)));
        let later = |hours| now + SignedDuration::from_hours(hours);
        let date = later(24 * 5).strftime("%Y-%m-%d").to_string();
        let (application, subject, data) = match self.fact {
            "CandidateRegistered" => {
                let external_id = odd.then_some("x-1");
                (
                    None,
                    None,
                    json!({"name": format!("Candidate {who}"), "time_zone": "Europe/Berlin", "external_id": external_id}),
                )
            }
            "ProfileRevised" => (
                None,
                None,
                json!({"phone": if odd { "+49 30 123456" } else { "+49 30 654321" }}),
            ),
            "ApplicationOpened" => (
                None,
                Some(app),
                json!({"organisation": {"name": "Acme"}, "position": "Engineer"}),
            ),
            "ContactCollected" => {
                let card = json!({"name": "Anna Berg", "email": "anna@acme.example", "preferred_channel": "email"});
                (None, Some(thing(Kind::Contact, who, (0, k))), card)
            }
            "InterviewScheduled" => {
                let times = json!({"starts_at": later(if odd { 2 } else { 48 }), "ends_at": later(if odd { 3 } else { 50 }),
                    "time_zone": "Europe/Berlin", "format": "video", "round": 1, "interviewers": [con]});
                (within, of(Kind::Interview), times)
            }
            "InterviewHeld" => (None, of(Kind::Interview), json!({"ended_at": now})),
            "InterviewCancelled" => (None, of(Kind::Interview), json!({"by": "organisation"})),
            "NoteDrafted" => {
                let note = json!({"kind": "thank_you", "recipients": [con], "channel": "email", "application": app.to_string()});
                (None, of(Kind::Note), note)
            }
            "NoteSent" => (None, of(Kind::Note), json!({})),
            "DocumentRequested" => (within, of(Kind::DocumentRequest), json!({"document": "your CV"})),
            "DocumentSent" => (None, of(Kind::DocumentRequest), json!({"channel": "email"})),
            "DecisionDatePromised" => (within, of(Kind::DecisionDate), json!({"decide_by": date})),
            "StatusEnquired" => (within, of(Kind::StatusEnquiry), json!({"channel": "phone"})),
            "RejectionReceived" => (within, of(Kind::Rejection), json!({"channel": "email"})),
            "RejectionClosed" => (None, of(Kind::Rejection), json!({})),
            "OfferReceived" => (within, of(Kind::Offer), json!({})),
            "ApplicationWithdrawn" => (None, Some(app), json!({})),
            // One of the first facts: what rests on it stands in the way, or not.
            "FactRetracted" => (
                None,
                Some(self::event(usize::from(4 + 2 * a + k)).into()),
                json!({"reason": "Wrong."}),
            ),
            "ContactErased" => (None, Some(thing(Kind::Contact, who, (0, k))), json!({})),
            _ => (None, None, json!({})),
        };
        let mut data = data;
        if let Some(fields) = data.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        let fact = AnyFact::parse(self.fact, data, &mut Plainly);
        Proposal {
            event,
            application,
            subject,
            occurred_at: None,
            fact: fact.expect("a fact of the catalogue").expect("data of the fact"),
        }
    }
}
