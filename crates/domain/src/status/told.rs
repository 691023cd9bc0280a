//! What was asked and told about where an application stands: promised dates, enquiries, reports.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    ids::{ApplicationId, ContactId, DecisionDateId, StatusEnquiryId, StatusReportId},
    time::{Date, Stamp},
    values::{Channel, Text},
};

/// A decision date that the organisation promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DecisionDate {
    /// Its id.
    pub id: DecisionDateId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Always `promised`: the latest one counts.
    pub status: DecisionDateStatus,
    /// The last day of the time they gave themselves.
    pub decide_by: Date,
    /// Who said so.
    pub promised_by: Option<ContactId>,
    /// How.
    pub channel: Option<Channel>,
    #[serde(skip)]
    pub(crate) promised: Stamp,
}

/// Where a promised decision date stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionDateStatus {
    /// It was promised.
    Promised,
}

/// A status enquiry that the candidate made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StatusEnquiry {
    /// Its id.
    pub id: StatusEnquiryId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Whether they have spoken since.
    pub status: StatusEnquiryStatus,
    /// How.
    pub channel: Channel,
    /// Whom.
    pub contact: Option<ContactId>,
    /// Anything to remember.
    pub remark: Option<Text>,
}

/// Where a status enquiry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusEnquiryStatus {
    /// It was made.
    Made,
}

/// What the organisation said about where things stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StatusReport {
    /// Its id.
    pub id: StatusReportId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Always `received`.
    pub status: StatusReportStatus,
    /// What they said.
    pub summary: Text,
    /// A date by which they will decide.
    pub decide_by: Option<Date>,
    /// Who said so.
    pub contact: Option<ContactId>,
}

/// Where a status report stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusReportStatus {
    /// It was received.
    Received,
}
