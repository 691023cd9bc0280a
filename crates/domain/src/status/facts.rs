//! The facts about status enquiries and what they ask about.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    DecisionDate, DecisionDateStatus, StatusEnquiry, StatusEnquiryStatus, StatusReport, StatusReportStatus, What,
    unwise_enquiry,
};
use crate::{
    applications::organisation,
    candidate::Candidate,
    contacts::name_of,
    fact::{At, Departure, Fact, Place, mention_if},
    ids::{ContactId, DecisionDateId, StatusEnquiryId, StatusReportId, Subject},
    time::Date,
    values::{Channel, Text},
};

/// The organisation names the date by which they will decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionDatePromised {
    /// The last day of the time they gave themselves.
    pub decide_by: Date,
    /// Who said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub promised_by: Option<ContactId>,
    /// How.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channel: Option<Channel>,
}

/// The candidate asks where things stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusEnquired {
    /// How.
    pub channel: Channel,
    /// Whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<ContactId>,
    /// Anything to remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<Text>,
}

/// The organisation says where things stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusReported {
    /// What they said.
    pub summary: Text,
    /// A date by which they will decide: it counts as a promise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub decide_by: Option<Date>,
    /// Who said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<ContactId>,
}

impl Fact for DecisionDatePromised {
    const NAME: &'static str = "DecisionDatePromised";
    type Subject = DecisionDateId;
    const PLACE: Place = Place::NewWithin;

    fn mentions(&self) -> Vec<(String, Subject)> {
        mention_if("/promised_by", self.promised_by).into_iter().collect()
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = DecisionDateId::try_from(at.subject) else {
            return;
        };
        let Some(application) = candidate.application_of(at) else {
            return;
        };
        let promise = DecisionDate {
            id,
            application: application.id,
            version: at.version,
            status: DecisionDateStatus::Promised,
            decide_by: self.decide_by,
            promised_by: self.promised_by,
            channel: self.channel,
            promised: at.stamp(),
        };
        application.decision_dates.insert(id, Arc::new(promise));
        application.happened(at, What::Promised(self.decide_by));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let who = self
            .promised_by
            .map_or_else(|| organisation(candidate, at.application), |id| name_of(candidate, id));
        format!("{who} promised a decision by {}.", self.decide_by.in_words())
    }
}

impl Fact for StatusEnquired {
    const NAME: &'static str = "StatusEnquired";
    type Subject = StatusEnquiryId;
    const PLACE: Place = Place::NewWithin;

    fn mentions(&self) -> Vec<(String, Subject)> {
        mention_if("/contact", self.contact).into_iter().collect()
    }

    fn departures(&self, candidate: &Candidate, at: &At) -> Vec<Departure> {
        unwise_enquiry(candidate, at)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = StatusEnquiryId::try_from(at.subject) else {
            return;
        };
        let Some(application) = candidate.application_of(at) else {
            return;
        };
        let enquiry = StatusEnquiry {
            id,
            application: application.id,
            version: at.version,
            status: StatusEnquiryStatus::Made,
            channel: self.channel,
            contact: self.contact,
            remark: self.remark.clone(),
        };
        application.status_enquiries.insert(id, Arc::new(enquiry));
        application.happened(at, What::Enquired);
        self.contact
            .into_iter()
            .for_each(|contact| candidate.touched(contact, at));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let whom = self
            .contact
            .map_or_else(|| organisation(candidate, at.application), |id| name_of(candidate, id));
        format!("Asked {whom} {} where things stand.", self.channel.in_words())
    }
}

impl Fact for StatusReported {
    const NAME: &'static str = "StatusReported";
    type Subject = StatusReportId;
    const PLACE: Place = Place::NewWithin;
    const THEIRS: bool = true;

    fn mentions(&self) -> Vec<(String, Subject)> {
        mention_if("/contact", self.contact).into_iter().collect()
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = StatusReportId::try_from(at.subject) else {
            return;
        };
        let Some(application) = candidate.application_of(at) else {
            return;
        };
        let report = StatusReport {
            id,
            application: application.id,
            version: at.version,
            status: StatusReportStatus::Received,
            summary: self.summary.clone(),
            decide_by: self.decide_by,
            contact: self.contact,
        };
        application.status_reports.insert(id, Arc::new(report));
        application.happened(at, What::Reported(self.decide_by));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let who = self
            .contact
            .map_or_else(|| organisation(candidate, at.application), |id| name_of(candidate, id));
        match self.decide_by {
            Some(date) => format!(
                "{who} said where things stand: {} They will decide by {}.",
                self.summary,
                date.in_words()
            ),
            None => format!("{who} said where things stand: {}", self.summary),
        }
    }
}
