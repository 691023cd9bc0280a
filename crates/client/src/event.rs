//! Facts as they are read: what surrounds them, and what they say.

use afterword_domain::{
    catalogue::{AnyFact, Reader},
    fact::{Departure, Fact, TaskRefs},
    ids::{ApplicationId, CandidateId, EventId, Subject},
    time::Instant,
};
use serde::Deserialize;
use serde_json::Value;

/// A fact of any type in the log.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Event {
    /// The fact's id.
    pub id: EventId,
    /// The fact's name.
    #[serde(rename = "type")]
    pub kind: String,
    /// The version of its shape.
    pub schema: u32,
    /// The stream.
    pub candidate: CandidateId,
    /// The place in the stream: 1, 2, 3 …, no gap.
    pub version: u64,
    /// The application it belongs to.
    pub application: Option<ApplicationId>,
    /// What it is about.
    pub subject: Subject,
    /// When it happened.
    pub occurred_at: Instant,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// The API key that recorded it.
    pub recorded_by: String,
    /// The rules of the playbook that it departed from.
    pub departures: Vec<Departure>,
    /// The tasks that it moved, in short.
    pub tasks: TaskRefs,
    /// What it says, as it came.
    pub data: Value,
}

/// What a fact says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// A fact that this release knows; match on it.
    Fact(Box<AnyFact>),
    /// Its candidate was erased: nothing of it can be read.
    Erased,
    /// A fact of a later release, or one of which the key may not see all.
    Other,
}

impl Event {
    /// What it says, whatever it is.
    pub fn said(&self) -> Said {
        if self.data.is_null() {
            return Said::Erased;
        }
        match AnyFact::parse(&self.kind, self.data.clone(), &mut FromAnswer) {
            Some(Ok(fact)) => Said::Fact(Box::new(fact)),
            _ => Said::Other,
        }
    }

    /// What it says, where it is a fact of this type and all of it can be seen.
    pub fn says<F: Fact>(&self) -> Option<F> {
        let same = self.kind == F::NAME;
        same.then(|| serde_json::from_value(self.data.clone()).ok()).flatten()
    }
}

struct FromAnswer;

impl Reader for FromAnswer {
    type Error = serde_json::Error;
    fn read<F: Fact>(&mut self, data: Value) -> Result<F, serde_json::Error> {
        serde_json::from_value(data)
    }
}
