//! The adapter to `cqrs-es`: a candidate as its aggregate, an envelope as its event. Given, when, then
//! in tests run through it; the service runs load, decide, append itself (see ARCHITECTURE.md for why).

use std::sync::Arc;

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

use crate::{
    announcements::announce,
    candidate::Candidate,
    catalogue::AnyFact,
    decide::{Decided, Proposal, decide},
    fact::{At, Departure, Envelope, TaskRefs},
    ids::{ApplicationId, CandidateId, EventId, Subject},
    refusal::Refusal,
};

/// The type of the aggregate's streams.
pub const TYPE: &str = "candidate";

/// A command: record this fact, at this moment, for this key; without a fact, what time has brought about by then.
#[derive(Debug, Clone)]
pub struct Record {
    /// The candidate whose stream it is.
    pub candidate: CandidateId,
    /// What is to be recorded.
    pub proposal: Option<Proposal>,
    /// The moment of recording.
    pub now: Timestamp,
    /// The API key.
    pub by: Arc<str>,
}

impl Default for Candidate {
    fn default() -> Self {
        Self::unknown(CandidateId::new(Uuid::nil()))
    }
}

impl Aggregate for Candidate {
    const TYPE: &'static str = TYPE;
    type Command = Record;
    type Event = Envelope;
    type Error = Refusal;
    type Services = ();

    async fn handle(&mut self, command: Record, (): &(), sink: &EventSink<Self>) -> Result<(), Refusal> {
        let mut decided = self.clone();
        if decided.version == 0 {
            decided.id = command.candidate;
        }
        let Some(proposal) = command.proposal else {
            for fact in announce(&mut decided, command.now) {
                sink.write(Arc::unwrap_or_clone(fact), self).await;
            }
            return Ok(());
        };
        match decide(&mut decided, proposal, command.now, &command.by)? {
            Decided::Recorded(envelope) => sink.write(Arc::unwrap_or_clone(envelope), self).await,
            Decided::Already(_) => {}
        }
        Ok(())
    }

    fn apply(&mut self, event: Envelope) {
        self.id = event.at.candidate;
        self.record(Arc::new(event));
    }
}

impl DomainEvent for Envelope {
    fn event_type(&self) -> String {
        self.data.name().to_owned()
    }
    fn event_version(&self) -> String {
        self.schema.to_string()
    }
}

/// A candidate is written as its stream, and read by folding it.
impl Serialize for Candidate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.history().iter().map(Arc::as_ref))
    }
}

impl<'de> Deserialize<'de> for Candidate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stream = Vec::<Arc<Envelope>>::deserialize(deserializer)?;
        let id = stream
            .first()
            .map_or(CandidateId::new(Uuid::nil()), |fact| fact.at.candidate);
        Ok(Self::unknown(id).fold(stream))
    }
}

/// An envelope as it is written outside: in exports, in the feed, in tests.
impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Written {
            id: EventId,
            #[serde(rename = "type")]
            name: String,
            schema: u32,
            candidate: CandidateId,
            version: u64,
            #[serde(default)]
            application: Option<ApplicationId>,
            subject: Subject,
            occurred_at: Timestamp,
            recorded_at: Timestamp,
            recorded_by: Arc<str>,
            departures: Vec<Departure>,
            tasks: TaskRefs,
            data: serde_json::Value,
        }
        let written = Written::deserialize(deserializer)?;
        let data = AnyFact::read(&written.name, written.schema, &written.data.to_string()).map_err(D::Error::custom)?;
        let Written {
            id,
            schema,
            candidate,
            version,
            application,
            subject,
            occurred_at,
            recorded_at,
            recorded_by,
            departures,
            tasks,
            ..
        } = written;
        let at = At {
            event: id,
            candidate,
            version,
            application,
            subject,
            occurred_at,
            recorded_at,
            recorded_by,
        };
        Ok(Self {
            at,
            schema,
            departures,
            tasks,
            data,
        })
    }
}
