//! The facts about rejections.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Door, Rejection, asked_before};
use crate::{
    applications::{Status, organisation},
    candidate::Candidate,
    fact::{At, Departure, Fact, Place, mention_if},
    ids::{ContactId, RejectionId, Subject},
    outcome,
    refusal::Refusal,
    status::What,
    time::Date,
    values::{Channel, Text},
};

/// The organisation chose somebody else: everything pending for this application stops, and its handling begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectionReceived {
    /// How they said so.
    pub channel: Channel,
    /// The reason they gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Text>,
    /// What they wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<Text>,
    /// Who said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub from_contact: Option<ContactId>,
}

/// The candidate asks for feedback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackRequested {
    /// How.
    pub channel: Channel,
}

/// The organisation gives feedback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackReceived {
    /// What they said.
    pub text: Text,
}

/// The door stays open, with a date to come back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DoorKeptOpen {
    /// The day to come back.
    pub revisit_on: Date,
    /// Anything to remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<Text>,
}

/// The rejection is done with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectionClosed {
    /// What was learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub lesson: Option<Text>,
}

impl Fact for RejectionReceived {
    const NAME: &'static str = "RejectionReceived";
    type Subject = RejectionId;
    const PLACE: Place = Place::NewWithin;
    const THEIRS: bool = true;

    fn mentions(&self) -> Vec<(String, Subject)> {
        mention_if("/from_contact", self.from_contact).into_iter().collect()
    }

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        outcome::refuse_again(candidate, at, Status::Rejected, "The rejection was recorded already.")
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = RejectionId::try_from(at.subject) else {
            return;
        };
        let Some(application) = candidate.application_of(at) else {
            return;
        };
        let Self {
            channel,
            reason,
            message,
            from_contact,
        } = self.clone();
        let rejection = Rejection {
            id,
            application: application.id,
            version: at.version,
            received: (at.event, at.stamp()),
            channel,
            reason,
            message,
            from_contact,
            requests: Vec::new(),
            feedback: Vec::new(),
            doors: Vec::new(),
            closed: None,
        };
        application.rejections.insert(id, Arc::new(rejection));
        application.happened(at, What::Rejected(id));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!("{} chose somebody else.", organisation(candidate, at.application))
    }
}

impl Fact for FeedbackRequested {
    const NAME: &'static str = "FeedbackRequested";
    type Subject = RejectionId;
    const PLACE: Place = Place::StepWithin;

    fn departures(&self, candidate: &Candidate, at: &At) -> Vec<Departure> {
        asked_before(candidate, at, Some(at.subject))
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.change_rejection(at, |rejection| rejection.requests.push((at.event, at.stamp())));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!(
            "Asked {} {} for feedback.",
            organisation(candidate, at.application),
            self.channel.in_words()
        )
    }
}

impl Fact for FeedbackReceived {
    const NAME: &'static str = "FeedbackReceived";
    type Subject = RejectionId;
    const PLACE: Place = Place::StepWithin;
    const THEIRS: bool = true;

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.change_rejection(at, |rejection| {
            let place = rejection.feedback.partition_point(|(stamp, _)| *stamp <= at.stamp());
            rejection.feedback.insert(place, (at.stamp(), self.text.clone()));
        });
        if let Some(application) = candidate.application_of(at) {
            application.happened(at, What::Spoke);
        }
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!(
            "{} gave feedback: {}",
            organisation(candidate, at.application),
            self.text
        )
    }
}

impl Fact for DoorKeptOpen {
    const NAME: &'static str = "DoorKeptOpen";
    type Subject = RejectionId;
    const PLACE: Place = Place::StepWithin;

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.change_rejection(at, |rejection| {
            let place = rejection.doors.partition_point(|door| door.stamp <= at.stamp());
            rejection.doors.insert(
                place,
                Door {
                    event: at.event,
                    stamp: at.stamp(),
                    revisit_on: self.revisit_on,
                },
            );
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        format!(
            "Kept the door to {organisation} open, to come back on {}.",
            self.revisit_on.in_words()
        )
    }
}

impl Fact for RejectionClosed {
    const NAME: &'static str = "RejectionClosed";
    type Subject = RejectionId;
    const PLACE: Place = Place::StepWithin;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        match candidate
            .rejection_at(at)
            .and_then(|rejection| rejection.closed.as_ref())
        {
            Some(_) => Err(Refusal::already_recorded("The rejection was closed already.")),
            None => Ok(()),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.change_rejection(at, |rejection| {
            rejection.closed = Some((at.event, at.stamp(), self.lesson.clone()))
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!("Closed the rejection by {}.", organisation(candidate, at.application))
    }
}
