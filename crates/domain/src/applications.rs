//! Applications: one candidate's way through one job at one organisation. Where an application stands
//! (its status) is derived; nobody sets it. Silence is counted here too, and is never called a rejection.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    candidate::{Candidate, Things},
    debrief::{Question, Repair},
    documents::DocumentRequest,
    fact::At,
    ids::{
        ApplicationId, DecisionDateId, DocumentRequestId, EventId, InterviewId, NextRoundId, NextRoundQuestionId,
        OfferId, OpeningId, QuestionId, RejectionId, RepairId, ResearchId, StatusEnquiryId, StatusReportId,
    },
    interviews::Interview,
    next_round::{NextRound, NextRoundQuestion},
    notes::Letter,
    outcome::{self, Offer, Outcome},
    references::Helped,
    rejection::Rejection,
    research::Research,
    status::{self, DecisionDate, Moment, Silence, StatusEnquiry, StatusReport, What},
    time::{Date, Dated, Stamp, Zone},
    values::{Line, PostalAddress, WebAddress},
};

mod facts;
pub use facts::{ApplicationOpened, ApplicationRevised, ApplicationWithdrawn};

/// How large an organisation is; a large one takes longer to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OrganisationSize)]
pub enum Size {
    /// Fewer than fifty people.
    Small,
    /// Up to a thousand.
    Medium,
    /// More.
    Large,
}

/// An organisation as it is known from an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Its name, as it wants to be written.
    pub name: Line,
    /// Where its letters go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub address: Option<PostalAddress>,
    /// Its website.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub website: Option<WebAddress>,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub industry: Option<Line>,
    /// How large it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub size: Option<Size>,
}

/// One candidate's way through one job at one organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its id.
    pub id: ApplicationId,
    /// The version of the newest fact that touched it.
    pub version: u64,
    /// The fact that opened it, and when.
    pub opened: (EventId, Stamp),
    /// The organisation.
    pub organisation: Dated<Organisation>,
    /// The position.
    pub position: Dated<Line>,
    /// The opening that it came from.
    pub opening: Option<OpeningId>,
    pub(crate) posting_url: Dated<Option<WebAddress>>,
    pub(crate) source: Dated<Option<Line>>,
    pub(crate) applied_on: Dated<Option<Date>>,
    /// Its interviews.
    pub interviews: Things<InterviewId, Interview>,
    /// What the organisation asked to see.
    pub document_requests: Things<DocumentRequestId, DocumentRequest>,
    /// The decision dates that were promised.
    pub decision_dates: Things<DecisionDateId, DecisionDate>,
    /// The status enquiries that were made.
    pub status_enquiries: Things<StatusEnquiryId, StatusEnquiry>,
    /// What the organisation said about where things stand.
    pub status_reports: Things<StatusReportId, StatusReport>,
    /// What was asked about the next round.
    pub next_round_questions: Things<NextRoundQuestionId, NextRoundQuestion>,
    /// What was said about the next round; the latest counts.
    pub next_rounds: Things<NextRoundId, NextRound>,
    /// What was learned about the organisation and its industry.
    pub research: Things<ResearchId, Research>,
    /// When the candidate decided to go on in spite of it.
    pub(crate) reconsidered: Vec<(Stamp, EventId)>,
    /// The questions that were asked in its interviews.
    pub questions: Things<QuestionId, Question>,
    /// How answers are to be made good.
    pub repairs: Things<RepairId, Repair>,
    /// What references and connections heard of it, by when they did.
    pub(crate) helped: Vec<Helped>,
    /// The offers.
    pub offers: Things<OfferId, Offer>,
    /// The rejections; more than one where an application was reopened.
    pub rejections: Things<RejectionId, Rejection>,
    /// What happened between the two sides, by when it happened.
    pub(crate) moments: Vec<Moment>,
    /// The notes that went out for it, by when they did.
    pub(crate) letters: Vec<Letter>,
    pub(crate) settled: Settled,
}

/// What follows from an application's moments, kept so that others need not walk them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Settled {
    outcome: Option<Outcome>,
    silence: Option<Silence>,
}

/// Where an application stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ApplicationStatus)]
pub enum Status {
    /// Nothing has been heard but that it was sent.
    Opened,
    /// An interview lies ahead.
    Interviewing,
    /// It is the organisation's turn.
    Awaiting,
    /// They have been quiet for ten working days.
    Quiet,
    /// They leave enquiries unanswered. Never called a rejection.
    Silent,
    /// Nothing for 45 days: presumed closed, until they say otherwise.
    PresumedClosed,
    /// There is an offer to answer.
    Offered,
    /// The offer was accepted.
    Accepted,
    /// The offer was declined.
    Declined,
    /// The candidate withdrew.
    Withdrawn,
    /// The organisation chose somebody else.
    Rejected,
    /// The position is gone.
    PositionClosed,
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 12] = [
        Status::Opened,
        Status::Interviewing,
        Status::Awaiting,
        Status::Quiet,
        Status::Silent,
        Status::PresumedClosed,
        Status::Offered,
        Status::Accepted,
        Status::Declined,
        Status::Withdrawn,
        Status::Rejected,
        Status::PositionClosed,
    ];

    /// Whether it is a final outcome; such applications stay out of the default lists.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Status::Accepted | Status::Declined | Status::Withdrawn | Status::Rejected | Status::PositionClosed
        )
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Opened => "opened",
            Status::Interviewing => "interviewing",
            Status::Awaiting => "awaiting",
            Status::Quiet => "quiet",
            Status::Silent => "silent",
            Status::PresumedClosed => "presumed_closed",
            Status::Offered => "offered",
            Status::Accepted => "accepted",
            Status::Declined => "declined",
            Status::Withdrawn => "withdrawn",
            Status::Rejected => "rejected",
            Status::PositionClosed => "position_closed",
        }
    }
}

/// An application as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Application)]
pub struct ApplicationView {
    /// Its id.
    pub id: ApplicationId,
    /// The version of the newest fact that touched it.
    pub version: u64,
    /// Where it stands at the moment of reading.
    pub status: Status,
    /// The organisation.
    pub organisation: Organisation,
    /// The position.
    pub position: Line,
    /// The opening that it came from.
    pub opening: Option<OpeningId>,
    /// The posting's address.
    pub posting_url: Option<WebAddress>,
    /// Where the candidate heard of it.
    pub source: Option<Line>,
    /// The day the application was sent.
    pub applied_on: Option<Date>,
    /// When the application was opened.
    #[schema(value_type = crate::time::Instant)]
    pub opened_at: Timestamp,
    /// The date by which they promised to decide, where one stands.
    pub decide_by: Option<Date>,
}

impl Application {
    /// The zone of its wall-clock times: its latest interview's, else the candidate's.
    pub fn zone(&self, candidate: &Candidate) -> Zone {
        self.interviews
            .values()
            .max_by_key(|interview| (interview.starts_at.timestamp(), interview.id))
            .map_or_else(|| candidate.zone(), |interview| interview.time_zone.get().clone())
    }

    /// The final outcome, where there is one.
    pub const fn outcome(&self) -> Option<&Outcome> {
        self.settled.outcome.as_ref()
    }

    /// Since when they have been silent, and what that means when.
    pub const fn silence(&self) -> Option<&Silence> {
        self.settled.silence.as_ref()
    }

    /// Whether an interview lies ahead: scheduled, and neither held nor cancelled.
    pub fn interview_ahead(&self) -> bool {
        self.interviews.values().any(|interview| interview.is_ahead())
    }

    /// Where it stands, before silence is counted.
    pub fn base_status(&self) -> Status {
        if let Some(outcome) = self.outcome() {
            return outcome.status;
        }
        if self.offers.values().any(|offer| offer.is_open()) {
            return Status::Offered;
        }
        if self.interview_ahead() {
            return Status::Interviewing;
        }
        if self.silence().is_some() {
            Status::Awaiting
        } else {
            Status::Opened
        }
    }

    /// Where it stands at a moment.
    pub fn status(&self, now: Timestamp) -> Status {
        match (self.base_status(), self.silence()) {
            (Status::Awaiting, Some(silence)) => silence.at(now),
            (status, _) => status,
        }
    }

    /// The application as clients see it at a moment.
    pub fn view(&self, now: Timestamp) -> ApplicationView {
        ApplicationView {
            id: self.id,
            version: self.version,
            status: self.status(now),
            organisation: self.organisation.get().clone(),
            position: self.position.get().clone(),
            opening: self.opening,
            posting_url: self.posting_url.get().clone(),
            source: self.source.get().clone(),
            applied_on: *self.applied_on.get(),
            opened_at: self.opened.1.at,
            decide_by: status::promised_date(self),
        }
    }

    /// The newest rejection.
    pub fn newest_rejection(&self) -> Option<&Rejection> {
        self.rejections
            .values()
            .map(Arc::as_ref)
            .max_by_key(|rejection| rejection.received.1)
    }

    /// The newest rejection that had come by then.
    pub(crate) fn rejection_before(&self, stamp: Stamp) -> Option<RejectionId> {
        let come = self.rejections.values().filter(|it| it.received.1 < stamp);
        come.max_by_key(|rejection| rejection.received.1)
            .map(|rejection| rejection.id)
    }

    /// Puts a moment in its place among those that happened before and after.
    pub(crate) fn happened(&mut self, at: &At, what: What) {
        self.happened_by(at, at.occurred_at, what);
    }

    /// The same, of what must have happened by a moment, whenever it was told.
    pub(crate) fn happened_by(&mut self, at: &At, latest: Timestamp, what: What) {
        let moment = Moment {
            stamp: Stamp {
                at: at.occurred_at.min(latest),
                version: at.version,
            },
            event: at.event,
            what,
        };
        let place = self.moments.partition_point(|other| other.stamp <= moment.stamp);
        self.moments.insert(place, moment);
    }

    /// What follows from its moments.
    pub(crate) fn settled(&self, candidate: &Candidate) -> Settled {
        Settled {
            outcome: outcome::of(self),
            silence: status::silence(self, &self.zone(candidate), &candidate.playbook),
        }
    }
}

/// A path under an application, as actions name it.
pub(crate) fn path(application: Option<ApplicationId>, rest: &str) -> String {
    application.map_or_else(
        || rest.to_owned(),
        |application| format!("applications/{application}/{rest}"),
    )
}

/// The organisation's name, for sentences.
pub(crate) fn organisation(candidate: &Candidate, application: Option<ApplicationId>) -> String {
    application.and_then(|id| candidate.application(id)).map_or_else(
        || "the organisation".to_owned(),
        |application| application.organisation.name.to_string(),
    )
}
