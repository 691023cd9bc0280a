//! The facts about references.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Agreed, Heard, Reference, ReferenceStatus, who};
use crate::{
    applications::organisation,
    candidate::Candidate,
    contacts::name_of,
    fact::{At, Fact, Place, mention},
    ids::{ApplicationId, ContactId, InterviewId, ReferenceId, Subject},
    refusal::Refusal,
    status::What,
    time::{Date, day},
    values::{Channel, Line, Text},
};

/// Somebody is named as a reference: they are to be asked and told what for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceNamed {
    /// Who.
    pub contact: ContactId,
    /// How they know the candidate.
    pub relationship: Line,
    /// What they would rather not speak about, or when not to call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub limits: Option<Text>,
}

/// A reference agrees to speak for the candidate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceAgreed {
    /// What they would rather not speak about, or when not to call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub limits: Option<Text>,
    /// The last day on which they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub until_on: Option<Date>,
}

/// A reference would rather not.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceDeclined {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Text>,
}

/// A reference is told of an interview: a call may come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceNotified {
    /// The interview.
    pub interview: InterviewId,
    /// How.
    pub channel: Channel,
    /// Anything to remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<Text>,
}

/// The organisation asked a reference about the candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceContacted {
    /// For which application.
    pub application: ApplicationId,
    /// How it went, as the reference tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub impression: Option<Text>,
}

/// A reference is thanked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceThanked {
    /// For which application.
    pub application: ApplicationId,
    /// How.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channel: Option<Channel>,
}

/// A reference is no longer named.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceRetired {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Text>,
}

/// Nothing more is asked of a reference who is no longer named.
fn admit_named(candidate: &Candidate, at: &At) -> Result<(), Refusal> {
    match candidate.reference_at(at).and_then(|it| it.retired) {
        Some(_) => Err(Refusal::new("reference_retired", "The reference is no longer named.")),
        None => Ok(()),
    }
}

impl Fact for ReferenceNamed {
    const NAME: &'static str = "ReferenceNamed";
    type Subject = ReferenceId;
    const PLACE: Place = Place::New;

    fn mentions(&self) -> Vec<(String, Subject)> {
        vec![mention("/contact", self.contact)]
    }

    fn admit(&self, candidate: &Candidate, _: &At) -> Result<(), Refusal> {
        let mut named = candidate.references.values();
        if named.any(|other| other.contact == self.contact && other.retired.is_none()) {
            let told = "The contact is named as a reference already.";
            return Err(Refusal::already_recorded(told).at("/contact", "must not be a reference already"));
        }
        Ok(())
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = ReferenceId::try_from(at.subject) else {
            return;
        };
        let reference = Reference {
            id,
            version: at.version,
            status: ReferenceStatus::Named,
            contact: self.contact,
            relationship: self.relationship.clone(),
            limits: self.limits.clone(),
            until_on: None,
            reason: None,
            notices: Vec::new(),
            named: (at.event, at.stamp()),
            agreed: None,
            declined: None,
            retired: None,
        };
        candidate.references.insert(id, Arc::new(reference));
    }

    fn tell(&self, candidate: &Candidate, _: &At) -> String {
        format!("Named {} as a reference.", name_of(candidate, self.contact))
    }
}

impl Fact for ReferenceAgreed {
    const NAME: &'static str = "ReferenceAgreed";
    type Subject = ReferenceId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_named(candidate, at)?;
        let from = day(at.occurred_at, &candidate.zone());
        match candidate.reference_at(at) {
            Some(it) if it.agreed.is_some() => Err(Refusal::already_recorded("The reference agreed already.")),
            _ if self.until_on.is_some_and(|until| until.civil() < from) => Err(Refusal::invalid(
                "/until_on",
                "must not be before the day on which they agree",
            )),
            _ => Ok(()),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.change_reference(at, |reference| {
            reference.limits = self.limits.clone().or(reference.limits.take());
            reference.agreed = Some(Agreed {
                event: at.event,
                stamp: at.stamp(),
                until_on: self.until_on,
            });
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!("{} agreed to be a reference.", who(candidate, at))
    }
}

impl Fact for ReferenceDeclined {
    const NAME: &'static str = "ReferenceDeclined";
    type Subject = ReferenceId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_named(candidate, at)?;
        match candidate.reference_at(at).and_then(|it| it.declined) {
            Some(_) => Err(Refusal::already_recorded("The reference declined already.")),
            None => Ok(()),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.change_reference(at, |reference| {
            reference.declined = Some((at.event, at.stamp()));
            reference.reason = reference.reason.take().or(self.reason.clone());
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!("{} would rather not be a reference.", who(candidate, at))
    }
}

impl Fact for ReferenceNotified {
    const NAME: &'static str = "ReferenceNotified";
    type Subject = ReferenceId;
    const PLACE: Place = Place::Step;

    fn application(&self, candidate: &Candidate) -> Option<ApplicationId> {
        candidate.place_of(self.interview.into())
    }

    fn mentions(&self) -> Vec<(String, Subject)> {
        vec![mention("/interview", self.interview)]
    }

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_named(candidate, at)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.reference_hears(at, Heard::Notice(Some(self.interview)), true);
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        format!(
            "Told {} {} that {organisation} may call.",
            who(candidate, at),
            self.channel.in_words()
        )
    }
}

impl Fact for ReferenceContacted {
    const NAME: &'static str = "ReferenceContacted";
    type Subject = ReferenceId;
    const PLACE: Place = Place::Step;
    const THEIRS: bool = true;

    fn application(&self, _: &Candidate) -> Option<ApplicationId> {
        Some(self.application)
    }

    fn mentions(&self) -> Vec<(String, Subject)> {
        vec![mention("/application", self.application)]
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.reference_hears(at, Heard::Check, false);
        if let Some(application) = candidate.application_of(at) {
            application.happened(at, What::Spoke);
        }
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        format!("{organisation} called {}.", who(candidate, at))
    }
}

impl Fact for ReferenceThanked {
    const NAME: &'static str = "ReferenceThanked";
    type Subject = ReferenceId;
    const PLACE: Place = Place::Step;

    fn application(&self, _: &Candidate) -> Option<ApplicationId> {
        Some(self.application)
    }

    fn mentions(&self) -> Vec<(String, Subject)> {
        vec![mention("/application", self.application)]
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.reference_hears(at, Heard::Thanks, true);
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!("Thanked {} for being a reference.", who(candidate, at))
    }
}

impl Fact for ReferenceRetired {
    const NAME: &'static str = "ReferenceRetired";
    type Subject = ReferenceId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        match candidate.reference_at(at).and_then(|it| it.retired) {
            Some(_) => Err(Refusal::already_recorded("The reference is no longer named already.")),
            None => Ok(()),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.change_reference(at, |reference| {
            reference.retired = Some((at.event, at.stamp()));
            reference.reason = self.reason.clone().or(reference.reason.take());
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!("{} is no longer a reference.", who(candidate, at))
    }
}
