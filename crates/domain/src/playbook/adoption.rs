//! Adopting a playbook, candidate by candidate: open tasks are dated anew, those whose play went are void, and none is
//! raised from older facts. What is done stays as it was (`before.rs`).

use std::{collections::HashSet, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Playbook;
use crate::{
    announcements::{CLOCK, ids_of_the_service},
    candidate::Candidate,
    decide::moved,
    fact::{At, Envelope, Fact, Place, TaskRefs},
    ids::{CandidateId, EventId},
    refusal::Refusal,
};

/// The candidate's tasks follow another playbook from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaybookAdopted {
    /// The playbook's version.
    pub playbook_version: u32,
    /// The SHA-256 of its rules, in hexadecimal: they never change.
    pub hash: String,
    /// The playbook itself. The log holds its version, the tenant its rules: whoever reads a log puts them together.
    #[serde(skip)]
    pub playbook: Option<Arc<Playbook>>,
}

/// Has a candidate adopt a playbook that is newer than the candidate's own.
pub fn adopt(candidate: &mut Candidate, playbook: &Arc<Playbook>, now: Timestamp) -> Option<Arc<Envelope>> {
    adopt_under_others(candidate, playbook, now, &HashSet::new())
}

/// The same, where other candidates' facts have these ids.
pub fn adopt_under_others(
    candidate: &mut Candidate,
    playbook: &Arc<Playbook>,
    now: Timestamp,
    taken: &HashSet<EventId>,
) -> Option<Arc<Envelope>> {
    if candidate.profile.is_none() || candidate.playbook.version >= playbook.version {
        return None;
    }
    let recorded_at = now.max(candidate.recorded_at);
    let key = format!("{}|{}", PlaybookAdopted::NAME, playbook.version);
    // The first is taken, too, where another tenant's playbook of that number was adopted before the candidate was brought here.
    let event = candidate.free(ids_of_the_service(candidate.id.uuid(), &key, recorded_at), taken);
    let mut envelope = Envelope {
        at: At {
            event,
            candidate: candidate.id,
            version: candidate.version + 1,
            application: None,
            subject: candidate.id.into(),
            occurred_at: recorded_at,
            recorded_at,
            recorded_by: CLOCK.into(),
        },
        schema: PlaybookAdopted::SCHEMA,
        departures: Vec::new(),
        tasks: TaskRefs::default(),
        data: PlaybookAdopted {
            playbook_version: playbook.version,
            hash: playbook.hash.to_string(),
            playbook: Some(Arc::clone(playbook)),
        }
        .into(),
    };
    let before = candidate.clone();
    candidate.record(Arc::new(envelope.clone()));
    envelope.tasks = moved(&before, candidate, recorded_at).refs(candidate, recorded_at);
    let envelope = Arc::new(envelope);
    candidate.complete_newest(Arc::clone(&envelope));
    Some(envelope)
}

impl Fact for PlaybookAdopted {
    const NAME: &'static str = "PlaybookAdopted";
    const BY_THE_SERVICE: bool = true;
    type Subject = CandidateId;
    const PLACE: Place = Place::Step;

    fn admit(&self, _: &Candidate, _: &At) -> Result<(), Refusal> {
        Ok(())
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        if let Some(playbook) = &self.playbook {
            candidate.take_up(playbook, at);
        }
    }

    fn tell(&self, _: &Candidate, _: &At) -> String {
        format!("Adopted version {} of the playbook.", self.playbook_version)
    }
}
