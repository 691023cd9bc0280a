//! The catalogue of facts: every fact that this release knows, one line each.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{
    announcements::*,
    applications::*,
    candidate::Candidate,
    connections::*,
    contacts::*,
    debrief::*,
    documents::*,
    fact::{At, Departure, Fact, FactKind},
    ids::{ApplicationId, Subject, ThingId},
    interviews::*,
    next_round::*,
    notes::*,
    outcome::*,
    playbook::PlaybookAdopted,
    profile::*,
    references::*,
    refusal::Refusal,
    rejection::*,
    research::*,
    search::*,
    status::*,
    tasks::*,
    undo::*,
};

macro_rules! catalogue {
    ($($fact:ident),+ $(,)?) => {
        /// A fact of any kind.
        #[derive(Debug, Clone, PartialEq)]
        pub enum AnyFact {
            $(#[doc = stringify!($fact)] $fact($fact),)+
        }

        $(impl From<$fact> for AnyFact {
            fn from(fact: $fact) -> Self {
                Self::$fact(fact)
            }
        })+

        macro_rules! each {
            ($any:expr, $one:ident => $body:expr) => {
                match $any { $(AnyFact::$fact($one) => $body,)+ }
            };
        }

        impl AnyFact {
            /// Every kind of fact.
            pub const KINDS: &[FactKind] = &[$(FactKind {
                name: $fact::NAME,
                about: <$fact as Fact>::Subject::KIND,
                place: $fact::PLACE,
                by_the_clock: $fact::BY_THE_CLOCK,
                by_the_service: $fact::BY_THE_SERVICE,
                candid: $fact::CANDID,
            },)+];

            /// The fact's kind.
            pub fn kind(&self) -> &'static FactKind {
                let name = self.name();
                Self::KINDS.iter().find(|kind| kind.name == name).unwrap_or(&Self::KINDS[0])
            }

            /// Reads a fact from the log, of any schema that was ever released.
            pub(crate) fn read(name: &str, _schema: u32, json: &str) -> serde_json::Result<Self> {
                match name {
                    $($fact::NAME => serde_json::from_str::<$fact>(json).map(Self::$fact),)+
                    _ => Err(serde::de::Error::custom("the type is not known")),
                }
            }

            /// Whether the same fact was sent again.
            pub(crate) fn repeats(&self, recorded: &Self) -> bool {
                match (self, recorded) {
                    $((AnyFact::$fact(one), AnyFact::$fact(other)) => one.repeats(other),)+
                    _ => false,
                }
            }

            /// Reads a fact from a request with the reader given, which reports errors its own way;
            /// `None` where no fact has that name.
            pub fn parse<E>(name: &str, data: Value, reader: &mut impl Reader<Error = E>) -> Option<Result<Self, E>> {
                match name {
                    $($fact::NAME => Some(reader.read::<$fact>(data).map(Self::$fact)),)+
                    _ => None,
                }
            }
        }
    };
}

/// Reads the data of a request as one kind of fact.
pub trait Reader {
    /// How it reports what is wrong.
    type Error;
    /// Reads it.
    fn read<F: Fact>(&mut self, data: Value) -> Result<F, Self::Error>;
}

catalogue! {
    CandidateRegistered, ProfileRevised, CandidateErased,
    PlaybookAdopted,
    FactRetracted,
    ApplicationOpened, ApplicationRevised, ApplicationWithdrawn,
    InterviewScheduled, InterviewRescheduled, InterviewCancelled, InterviewHeld, InterviewersNamed,
    ContactCollected, ContactRevised, ContactErased,
    NoteDrafted, NoteRevised, NoteReviewed, FindingWaived, NoteSent, NoteDiscarded,
    DecisionDatePromised, StatusEnquired, StatusReported,
    DocumentRequested, DocumentDelayReported, DocumentSent, DocumentRequestWithdrawn,
    NextRoundAsked, NextRoundAnnounced, RequirementPrepared,
    OpeningFound, OpeningDismissed, SearchActivityLogged, SearchPaused, SearchResumed,
    ResearchNoted, ApplicationReconsidered,
    ReferenceNamed, ReferenceAgreed, ReferenceDeclined, ReferenceNotified, ReferenceContacted, ReferenceThanked,
    ReferenceRetired,
    QuestionRecorded, RepairPlanned, RepairMade, DebriefCompleted,
    ConnectionNamed, ConnectionNotified, ConnectionTouched, IntroductionOffered,
    OfferReceived, OfferAccepted, OfferDeclined, PositionClosed, ApplicationReopened,
    RejectionReceived, FeedbackRequested, FeedbackReceived, DoorKeptOpen, RejectionClosed,
    TaskCompleted, TaskSnoozed, TaskDismissed,
    TaskOpened, TaskOverdue, SilenceNoticed,
}

fn name_of<F: Fact>(_: &F) -> &'static str {
    F::NAME
}

fn schema_of<F: Fact>(_: &F) -> u32 {
    F::SCHEMA
}

fn theirs<F: Fact>(_: &F) -> bool {
    F::THEIRS
}

impl AnyFact {
    /// Its name.
    pub fn name(&self) -> &'static str {
        each!(self, fact => name_of(fact))
    }
    /// The version of the shape that this release writes.
    pub fn schema(&self) -> u32 {
        each!(self, fact => schema_of(fact))
    }
    pub(crate) fn is_theirs(&self) -> bool {
        each!(self, fact => theirs(fact))
    }
    pub(crate) fn application(&self, candidate: &Candidate) -> Option<ApplicationId> {
        each!(self, fact => fact.application(candidate))
    }
    pub(crate) fn happened_at(&self) -> Option<(&'static str, jiff::Timestamp)> {
        each!(self, fact => fact.happened_at())
    }
    pub(crate) fn parent(&self) -> Option<Subject> {
        each!(self, fact => fact.parent())
    }
    pub(crate) fn mentions(&self) -> Vec<(String, Subject)> {
        each!(self, fact => fact.mentions())
    }
    pub(crate) fn complete(&mut self, candidate: &Candidate, at: &At) {
        each!(self, fact => fact.complete(candidate, at));
    }
    pub(crate) fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        each!(self, fact => fact.admit(candidate, at))
    }
    pub(crate) fn departures(&self, candidate: &Candidate, at: &At) -> Vec<Departure> {
        each!(self, fact => fact.departures(candidate, at))
    }
    pub(crate) fn apply(&self, candidate: &mut Candidate, at: &At) {
        each!(self, fact => fact.apply(candidate, at));
    }
    pub(crate) fn tell(&self, candidate: &Candidate, at: &At) -> String {
        each!(self, fact => fact.tell(candidate, at))
    }
    pub(crate) fn without_contact(&self) -> Self {
        each!(self, fact => fact.without_contact().into())
    }
}

impl Serialize for AnyFact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        each!(self, fact => fact.serialize(serializer))
    }
}
