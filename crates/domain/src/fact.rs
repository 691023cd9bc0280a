//! What a fact is: one struct that is the body of a request, the payload in the log and the schema in
//! the OpenAPI document, and beside it what may stop it, what it changes and how it is told.
//!
//! To add one: the struct with its `impl Fact` in its slice, one line in `catalogue.rs`, and one line
//! in the endpoints of the same slice in the server.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned, ser::SerializeMap};
use utoipa::ToSchema;

use crate::{
    candidate::Candidate,
    catalogue::AnyFact,
    ids::{ApplicationId, CandidateId, EventId, Kind, Subject, TaskId, ThingId},
    play::State as TaskState,
    refusal::Refusal,
    time::{Instant, Stamp},
};

/// One fact about one thing.
pub trait Fact: Clone + PartialEq + std::fmt::Debug + Serialize + DeserializeOwned + ToSchema {
    /// Its name, in the past tense.
    const NAME: &'static str;
    /// The version of its shape.
    const SCHEMA: u32 = 1;
    /// What it is about.
    type Subject: ThingId;
    /// Where it stands in the tree of things.
    const PLACE: Place;
    /// Whether it is the organisation's doing: that departs from no play.
    const THEIRS: bool = false;
    /// Whether only the clock brings it about: no client records it.
    const BY_THE_CLOCK: bool = false;
    /// Whether the service itself records it: no client does.
    const BY_THE_SERVICE: bool = false;
    /// Its fields that only readers of debriefs see.
    const CANDID: &'static [&'static str] = &[];

    /// The application that the fact's own fields tie it to; the place of its subject ties the others.
    fn application(&self, _candidate: &Candidate) -> Option<ApplicationId> {
        None
    }

    /// When it happened, if the fact says so itself.
    fn happened_at(&self) -> Option<(&'static str, Timestamp)> {
        None
    }

    /// For a thing of another thing: the other one, which its own field names.
    fn parent(&self) -> Option<Subject> {
        None
    }

    /// The things that its fields name, each with its JSON pointer.
    fn mentions(&self) -> Vec<(String, Subject)> {
        Vec::new()
    }

    /// Fills in what the request left to the service; what is in the log is complete.
    fn complete(&mut self, _candidate: &Candidate, _at: &At) {}

    /// Whether the same fact was sent again: `recorded` is what the log holds.
    fn repeats(&self, recorded: &Self) -> bool {
        self == recorded
    }

    /// Refuses the impossible. What is unwise is not refused.
    fn admit(&self, _candidate: &Candidate, _at: &At) -> Result<(), Refusal> {
        Ok(())
    }

    /// The rule of the playbook that the fact goes against, where that does not follow from a task's dates.
    fn departures(&self, _candidate: &Candidate, _at: &At) -> Vec<Departure> {
        Vec::new()
    }

    /// Changes the state. Must give the same in whatever order facts are recorded.
    fn apply(&self, candidate: &mut Candidate, at: &At);

    /// The fact as a plain sentence on the timeline.
    fn tell(&self, candidate: &Candidate, at: &At) -> String;

    /// The fact without the person that it is about. What the plays look at stays: that there was an
    /// address, not which.
    #[must_use]
    fn without_contact(&self) -> Self {
        self.clone()
    }
}

/// Where a fact stands in the tree of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It makes a thing of the candidate's (the candidate itself, a contact, a note).
    New,
    /// It makes a thing within an application.
    NewWithin,
    /// It makes a thing of another thing, which its field of that kind's name tells: over HTTP, the path does.
    NewOf(Kind),
    /// It is a step of a thing that is there.
    Step,
    /// It is a step of the newest thing of its kind within an application, such as its rejection.
    StepWithin,
}

impl Place {
    /// Whether the fact makes a new thing.
    pub const fn is_new(self) -> bool {
        matches!(self, Place::New | Place::NewWithin | Place::NewOf(_))
    }
}

/// Where and when a fact stands: the envelope, less what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct At {
    /// The fact's id.
    pub event: EventId,
    /// The stream.
    pub candidate: CandidateId,
    /// The place in the stream: 1, 2, 3 …
    pub version: u64,
    /// The application it belongs to.
    pub application: Option<ApplicationId>,
    /// What it is about.
    pub subject: Subject,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The API key that recorded it.
    pub recorded_by: Arc<str>,
}

impl At {
    /// Where it stands among the candidate's facts.
    pub const fn stamp(&self) -> Stamp {
        Stamp {
            at: self.occurred_at,
            version: self.version,
        }
    }
}

/// A fact recorded against the playbook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Departure {
    /// The play that was departed from.
    pub play: String,
    /// What the play would have had, as a sentence.
    pub reason: String,
    /// When the play would have allowed it, where it came too early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub opens_at: Option<Instant>,
    /// When the play wanted it, where it came too late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub due_at: Option<Instant>,
}

/// A task that a fact moved, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskRef {
    /// The task.
    pub id: TaskId,
    /// The play that raised it.
    pub play: String,
    /// When it opens.
    pub opens_at: Instant,
    /// When it is due; `null` where it is not due at any time.
    pub due_at: Option<Instant>,
    /// Its state at the time of recording.
    pub state: TaskState,
}

/// The tasks that a fact moved.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct TaskRefs {
    /// Tasks that came to be.
    pub raised: Vec<TaskRef>,
    /// Tasks whose dates or texts moved.
    pub changed: Vec<TaskRef>,
    /// Tasks that are done, dismissed or void now.
    pub closed: Vec<TaskRef>,
}

/// A fact in the log, with everything that surrounds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// Where and when.
    pub at: At,
    /// The version of the fact's shape as it was written.
    pub schema: u32,
    /// Judged on what was known when it was recorded, never rejudged.
    pub departures: Vec<Departure>,
    /// The tasks that it moved.
    pub tasks: TaskRefs,
    /// The fact itself.
    pub data: AnyFact,
}

/// What of an envelope is sealed at rest.
#[derive(Serialize, Deserialize)]
struct Sealed<D> {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    departures: Vec<Departure>,
    #[serde(default)]
    tasks: TaskRefs,
    data: D,
}

/// A payload in the log that this release cannot read.
#[derive(Debug, thiserror::Error)]
#[error("the log holds a {name} of schema {schema} that this release cannot read: {reason}")]
pub struct UnreadableFact {
    /// The fact's type.
    pub name: String,
    /// The version of its shape.
    pub schema: u32,
    /// What was wrong.
    pub reason: String,
}

impl Envelope {
    /// What of the envelope is sealed at rest, as JSON.
    pub fn payload(&self) -> Vec<u8> {
        let sealed = Sealed {
            departures: self.departures.clone(),
            tasks: self.tasks.clone(),
            data: &self.data,
        };
        serde_json::to_vec(&sealed).unwrap_or_default()
    }

    /// The fact in a plain sentence.
    pub fn tell(&self, candidate: &Candidate) -> String {
        self.data.tell(candidate, &self.at)
    }

    /// Reads an envelope back from the log.
    pub fn read(at: At, name: &str, schema: u32, payload: &[u8]) -> Result<Self, UnreadableFact> {
        let unreadable = |error: serde_json::Error| UnreadableFact {
            name: name.to_owned(),
            schema,
            reason: error.to_string(),
        };
        let sealed: Sealed<&serde_json::value::RawValue> = serde_json::from_slice(payload).map_err(unreadable)?;
        let data = AnyFact::read(name, schema, sealed.data.get()).map_err(unreadable)?;
        Ok(Self {
            at,
            schema,
            departures: sealed.departures,
            tasks: sealed.tasks,
            data,
        })
    }
}

impl Serialize for Envelope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.at.event)?;
        map.serialize_entry("type", self.data.name())?;
        map.serialize_entry("schema", &self.schema)?;
        map.serialize_entry("candidate", &self.at.candidate)?;
        map.serialize_entry("version", &self.at.version)?;
        if let Some(application) = &self.at.application {
            map.serialize_entry("application", application)?;
        }
        map.serialize_entry("subject", &self.at.subject)?;
        map.serialize_entry("occurred_at", &self.at.occurred_at)?;
        map.serialize_entry("recorded_at", &self.at.recorded_at)?;
        map.serialize_entry("recorded_by", &*self.at.recorded_by)?;
        map.serialize_entry("departures", &self.departures)?;
        map.serialize_entry("tasks", &self.tasks)?;
        map.serialize_entry("data", &self.data)?;
        map.end()
    }
}

/// A mention of a thing in a field.
pub(crate) fn mention(pointer: &str, id: impl Into<Subject>) -> (String, Subject) {
    (pointer.to_owned(), id.into())
}

/// A mention of a thing in a field that may be missing.
pub(crate) fn mention_if<I: Into<Subject>>(pointer: &str, id: Option<I>) -> Option<(String, Subject)> {
    id.map(|id| mention(pointer, id))
}

/// Mentions of things in a list.
pub(crate) fn mention_all<I: Copy + Into<Subject>>(pointer: &str, ids: &[I]) -> Vec<(String, Subject)> {
    ids.iter()
        .enumerate()
        .map(|(i, id)| (format!("{pointer}/{i}"), (*id).into()))
        .collect()
}

/// A kind of fact, told apart from all others: what endpoints, documents and bulk writers need to know.
#[derive(Debug, Clone, Copy)]
pub struct FactKind {
    /// Its name.
    pub name: &'static str,
    /// The kind of thing that it is about.
    pub about: Kind,
    /// Where it stands.
    pub place: Place,
    /// Whether only the clock brings it about: no client records it.
    pub by_the_clock: bool,
    /// Whether the service itself records it: no client does.
    pub by_the_service: bool,
    /// Its fields that only readers of debriefs see.
    pub candid: &'static [&'static str],
}
