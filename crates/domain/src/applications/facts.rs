//! The facts about applications.

use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Application, Organisation, Settled, Status, organisation};
use crate::{
    candidate::Candidate,
    fact::{At, Fact, Place, mention_if},
    ids::{ApplicationId, OpeningId, Subject},
    outcome::{self},
    refusal::Refusal,
    status::What,
    time::{Date, Dated},
    values::{Line, Patch, Text, WebAddress, not_null},
};

/// An application goes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationOpened {
    /// The organisation that the job is at.
    pub organisation: Organisation,
    /// The position, as the organisation names it.
    pub position: Line,
    /// The opening that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub opening: Option<OpeningId>,
    /// The posting's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub posting_url: Option<WebAddress>,
    /// Where the candidate heard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub source: Option<Line>,
    /// The day the application was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub applied_on: Option<Date>,
}

/// An application's particulars change: the named fields are set, `null` clears.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationRevised {
    /// The organisation, whole.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(nullable = false)]
    pub organisation: Option<Organisation>,
    /// The position.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(nullable = false)]
    pub position: Option<Line>,
    /// The posting's address.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<WebAddress>)]
    pub posting_url: Patch<WebAddress>,
    /// Where the candidate heard of it.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Line>)]
    pub source: Patch<Line>,
    /// The day the application was sent.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Date>)]
    pub applied_on: Patch<Date>,
}

/// The candidate withdraws the application: everything still pending for it stops.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationWithdrawn {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Text>,
}

impl Fact for ApplicationOpened {
    const NAME: &'static str = "ApplicationOpened";
    type Subject = ApplicationId;
    const PLACE: Place = Place::New;

    fn mentions(&self) -> Vec<(String, Subject)> {
        mention_if("/opening", self.opening).into_iter().collect()
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = ApplicationId::try_from(at.subject) else {
            return;
        };
        let application = Application {
            id,
            version: at.version,
            opened: (at.event, at.stamp()),
            organisation: Dated::base(self.organisation.clone()),
            position: Dated::base(self.position.clone()),
            opening: self.opening,
            posting_url: Dated::base(self.posting_url.clone()),
            source: Dated::base(self.source.clone()),
            applied_on: Dated::base(self.applied_on),
            interviews: OrdMap::new(),
            document_requests: OrdMap::new(),
            decision_dates: OrdMap::new(),
            status_enquiries: OrdMap::new(),
            status_reports: OrdMap::new(),
            next_round_questions: OrdMap::new(),
            next_rounds: OrdMap::new(),
            research: OrdMap::new(),
            reconsidered: Vec::new(),
            questions: OrdMap::new(),
            repairs: OrdMap::new(),
            helped: Vec::new(),
            offers: OrdMap::new(),
            rejections: OrdMap::new(),
            moments: Vec::new(),
            letters: Vec::new(),
            settled: Settled::default(),
        };
        candidate.applications.insert(id, Arc::new(application));
        candidate.looked(at, false);
    }

    fn tell(&self, _: &Candidate, _: &At) -> String {
        format!("Applied to {} as {}.", self.organisation.name, self.position)
    }
}

impl Fact for ApplicationRevised {
    const NAME: &'static str = "ApplicationRevised";
    type Subject = ApplicationId;
    const PLACE: Place = Place::Step;

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Some(application) = candidate.application_of(at) else {
            return;
        };
        let since = at.stamp();
        if let Some(organisation) = &self.organisation {
            application.organisation.offer(since, organisation.clone());
        }
        if let Some(position) = &self.position {
            application.position.offer(since, position.clone());
        }
        self.posting_url
            .named()
            .into_iter()
            .for_each(|it| application.posting_url.offer(since, it));
        self.source
            .named()
            .into_iter()
            .for_each(|it| application.source.offer(since, it));
        self.applied_on
            .named()
            .into_iter()
            .for_each(|it| application.applied_on.offer(since, it));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!(
            "The application to {} was brought up to date.",
            organisation(candidate, at.application)
        )
    }
}

impl Fact for ApplicationWithdrawn {
    const NAME: &'static str = "ApplicationWithdrawn";
    type Subject = ApplicationId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        outcome::refuse_again(
            candidate,
            at,
            Status::Withdrawn,
            "The application is withdrawn already.",
        )
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        if let Some(application) = candidate.application_of(at) {
            application.happened(at, What::Ended(Status::Withdrawn));
        }
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!(
            "Withdrew the application to {}.",
            organisation(candidate, at.application)
        )
    }
}
