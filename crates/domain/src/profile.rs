//! The candidate: who it is whose search this is, and where their days begin and end. The strengths
//! named here are what a thank-you note can bring up when the interview did not reach them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    candidate::Candidate,
    fact::{At, Fact, Place},
    ids::CandidateId,
    refusal::Refusal,
    time::{Dated, Zone},
    values::{Email, Label, Line, Locale, Patch, PostalAddress, Text, few, not_null},
};

/// A candidate joins: from now on facts can be recorded about their search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CandidateRegistered {
    /// The candidate's full name.
    pub name: Line,
    /// The zone in which the candidate's own days count.
    pub time_zone: Zone,
    /// The candidate's e-mail address; an invitation's attendee of this address is the candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub email: Option<Email>,
    /// The candidate's telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub phone: Option<Line>,
    /// Where the candidate's letters come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub postal_address: Option<PostalAddress>,
    /// The candidate's language and country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub locale: Option<Locale>,
    /// What the candidate is good at.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "few")]
    #[schema(required = false, max_items = 100)]
    pub strengths: Vec<Text>,
    /// The candidate's id in the client's own system, unique within the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub external_id: Option<Line>,
    /// Labels by which coaches and centres find their candidates. Not for personal data.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "few")]
    #[schema(required = false, max_items = 100)]
    pub groups: Vec<Label>,
}

/// The candidate's particulars change: the named fields are set, `null` clears.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileRevised {
    /// The candidate's full name.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(nullable = false)]
    pub name: Option<Line>,
    /// The zone in which the candidate's own days count; open tasks of the person move with it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(nullable = false)]
    pub time_zone: Option<Zone>,
    /// The candidate's e-mail address.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Email>)]
    pub email: Patch<Email>,
    /// The candidate's telephone number.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Line>)]
    pub phone: Patch<Line>,
    /// Where the candidate's letters come from.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<PostalAddress>)]
    pub postal_address: Patch<PostalAddress>,
    /// The candidate's language and country.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Locale>)]
    pub locale: Patch<Locale>,
    /// What the candidate is good at: the whole list.
    #[serde(default, skip_serializing_if = "Patch::is_keep", deserialize_with = "few")]
    #[schema(value_type = Option<Vec<Text>>, max_items = 100)]
    pub strengths: Patch<Vec<Text>>,
    /// The candidate's id in the client's own system.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Line>)]
    pub external_id: Patch<Line>,
    /// Labels by which coaches and centres find their candidates: the whole list.
    #[serde(default, skip_serializing_if = "Patch::is_keep", deserialize_with = "few")]
    #[schema(value_type = Option<Vec<Label>>, max_items = 100)]
    pub groups: Patch<Vec<Label>>,
}

/// The candidate is forgotten: the key to everything recorded is destroyed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CandidateErased {}

/// Who the candidate is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Candidate)]
pub struct Profile {
    /// The candidate's id.
    pub id: CandidateId,
    /// The version of the newest fact about the candidate.
    pub version: u64,
    /// The candidate's full name.
    #[schema(value_type = Line)]
    pub name: Dated<Line>,
    /// The zone in which the candidate's own days count.
    #[schema(value_type = Zone)]
    pub time_zone: Dated<Zone>,
    /// The candidate's e-mail address.
    #[schema(value_type = Option<Email>)]
    pub email: Dated<Option<Email>>,
    /// The candidate's telephone number.
    #[schema(value_type = Option<Line>)]
    pub phone: Dated<Option<Line>>,
    /// Where the candidate's letters come from.
    #[schema(value_type = Option<PostalAddress>)]
    pub postal_address: Dated<Option<PostalAddress>>,
    /// The candidate's language and country.
    #[schema(value_type = Option<Locale>)]
    pub locale: Dated<Option<Locale>>,
    /// What the candidate is good at.
    #[schema(value_type = Vec<Text>)]
    pub strengths: Dated<Vec<Text>>,
    /// The candidate's id in the client's own system.
    #[schema(value_type = Option<Line>)]
    pub external_id: Dated<Option<Line>>,
    /// Labels by which coaches and centres find their candidates.
    #[schema(value_type = Vec<Label>)]
    pub groups: Dated<Vec<Label>>,
    /// Whether the candidate is active.
    pub status: ProfileStatus,
}

impl Profile {
    /// The candidate as shown: their own version is that of the newest fact about anything of theirs.
    #[must_use]
    pub fn of(candidate: &Candidate) -> Option<Self> {
        let profile = candidate.profile.as_deref()?.clone();
        Some(Self {
            version: candidate.version,
            ..profile
        })
    }
}

/// Where a candidate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProfileStatus {
    /// Facts can be recorded.
    Active,
}

impl Fact for CandidateRegistered {
    const NAME: &'static str = "CandidateRegistered";
    type Subject = CandidateId;
    const PLACE: Place = Place::New;

    fn admit(&self, candidate: &Candidate, _: &At) -> Result<(), Refusal> {
        if candidate.profile.is_some() {
            return Err(Refusal::new(
                "id_taken",
                "A candidate of this id is registered already.",
            ));
        }
        Ok(())
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.profile = Some(Arc::new(Profile {
            id: candidate.id,
            version: at.version,
            name: Dated::base(self.name.clone()),
            time_zone: Dated::base(self.time_zone.clone()),
            email: Dated::base(self.email.clone()),
            phone: Dated::base(self.phone.clone()),
            postal_address: Dated::base(self.postal_address.clone()),
            locale: Dated::base(self.locale.clone()),
            strengths: Dated::base(self.strengths.clone()),
            external_id: Dated::base(self.external_id.clone()),
            groups: Dated::base(self.groups.clone()),
            status: ProfileStatus::Active,
        }));
    }

    fn tell(&self, _: &Candidate, _: &At) -> String {
        format!("{} joined.", self.name)
    }
}

impl Fact for ProfileRevised {
    const NAME: &'static str = "ProfileRevised";
    type Subject = CandidateId;
    const PLACE: Place = Place::Step;

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Some(profile) = &mut candidate.profile else { return };
        let profile = Arc::make_mut(profile);
        let since = at.stamp();
        profile.version = at.version;
        if let Some(name) = &self.name {
            profile.name.offer(since, name.clone());
        }
        if let Some(zone) = &self.time_zone {
            profile.time_zone.offer(since, zone.clone());
        }
        self.email
            .named()
            .into_iter()
            .for_each(|it| profile.email.offer(since, it));
        self.phone
            .named()
            .into_iter()
            .for_each(|it| profile.phone.offer(since, it));
        self.postal_address
            .named()
            .into_iter()
            .for_each(|it| profile.postal_address.offer(since, it));
        self.locale
            .named()
            .into_iter()
            .for_each(|it| profile.locale.offer(since, it));
        self.strengths
            .named()
            .into_iter()
            .for_each(|it| profile.strengths.offer(since, it.unwrap_or_default()));
        self.external_id
            .named()
            .into_iter()
            .for_each(|it| profile.external_id.offer(since, it));
        self.groups
            .named()
            .into_iter()
            .for_each(|it| profile.groups.offer(since, it.unwrap_or_default()));
    }

    fn tell(&self, _: &Candidate, _: &At) -> String {
        "The candidate's particulars were brought up to date.".into()
    }
}

impl Fact for CandidateErased {
    const NAME: &'static str = "CandidateErased";
    type Subject = CandidateId;
    const PLACE: Place = Place::Step;

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        *candidate = Candidate::erased(candidate.id, at.version, at.recorded_at);
    }

    fn tell(&self, _: &Candidate, _: &At) -> String {
        "The candidate was forgotten.".into()
    }
}

#[cfg(test)]
mod tests;
