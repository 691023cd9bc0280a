//! Offers and outcomes. A final outcome stops everything still pending for its application at once and
//! leaves other applications alone; it refuses no fact, and an offer or a reply reopens what was closed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    applications::{Application, Status, organisation},
    candidate::Candidate,
    fact::{At, Departure, Fact, Place},
    ids::{ApplicationId, EventId, OfferId},
    play::{Action, Owing, Play, of_application},
    refusal::Refusal,
    status::{Moment, What},
    time::{Date, Period, Stamp, closing},
    values::Text,
};

/// Answer an offer.
pub const ANSWER_OFFER: Play = Play {
    name: "answer_offer",
    title: "Answer {organisation}'s offer",
    why: "An offer waits only so long, and an answer in good time is the first thing they see of you as a colleague.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Days(3),
    numbers: &[],
    closed_by: &["OfferAccepted", "OfferDeclined"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| {
        let offer = owed.about.map(|id| id.to_string()).unwrap_or_default();
        Action::post(
            candidate,
            "record_offer_accepted",
            format!("offers/{offer}/accepted"),
            json!({}),
        )
    },
};

/// Withdraw what no longer matters.
pub const WITHDRAW_OTHERS: Play = Play {
    name: "withdraw_others",
    title: "Withdraw the application to {organisation}",
    why: "Once you have accepted elsewhere, an early word lets others have the chance and keeps the door open.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Days(2),
    numbers: &[],
    closed_by: &[
        "ApplicationWithdrawn",
        "RejectionReceived",
        "PositionClosed",
        "OfferAccepted",
        "OfferDeclined",
    ],
    by_hand: false,
    outlives_outcome: true,
    action: |candidate, owed| {
        Action::post(
            candidate,
            "record_application_withdrawn",
            of_application(owed, "withdrawn"),
            json!({}),
        )
    },
};

/// One task per offer, due on the day they want an answer by, else in three days.
pub(crate) fn answer_offer(application: &Application, owing: &mut Owing<'_>) {
    let zone = application.zone(owing.candidate);
    for offer in application.offers.values() {
        let mut owed = owing.raise(&ANSWER_OFFER, offer.id, offer.received.0, offer.received.1.at);
        owed.about = Some(offer.id.into());
        if let Some(respond_by) = offer.respond_by {
            owed.due_at = Some(closing(respond_by.civil(), &zone));
        }
        owing.owe(owed.done(offer.answered.map(|(event, stamp, _)| (event, stamp))));
    }
}

/// Owed for an application that was live when the first offer elsewhere was accepted.
pub(crate) fn withdraw_others(application: &Application, owing: &mut Owing<'_>) {
    let Some((accepted, event, elsewhere)) = owing.candidate.ties.accepted() else {
        return;
    };
    let outcome = application.outcome();
    let over = outcome.is_some_and(|outcome| outcome.stamp < accepted);
    if elsewhere == application.id || application.opened.1 > accepted || over {
        return;
    }
    let owed = owing.raise(&WITHDRAW_OTHERS, application.id, event, accepted.at);
    owing.owe(owed.done(outcome.map(|outcome| (outcome.event, outcome.stamp))));
}

/// The organisation offers the job.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferReceived {
    /// The day by which they want an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub respond_by: Option<Date>,
    /// What they offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub terms: Option<Text>,
}

/// The candidate takes the job: other live applications are owed a word.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferAccepted {
    /// Anything to remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<Text>,
}

/// The candidate declines the offer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferDeclined {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Text>,
}

/// The position is gone: nobody was chosen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PositionClosed {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Text>,
}

/// An application that had ended goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationReopened {
    /// Why.
    pub reason: Text,
}

/// An offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Offer {
    /// Its id.
    pub id: OfferId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Where it stands.
    pub status: OfferStatus,
    /// The day by which they want an answer.
    pub respond_by: Option<Date>,
    /// What they offer.
    pub terms: Option<Text>,
    #[serde(skip)]
    pub(crate) received: (EventId, Stamp),
    #[serde(skip)]
    pub(crate) answered: Option<(EventId, Stamp, OfferStatus)>,
}

/// Where an offer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfferStatus {
    /// It waits for an answer.
    Open,
    /// It was accepted.
    Accepted,
    /// It was declined.
    Declined,
}

impl Offer {
    /// Whether it waits for an answer.
    pub fn is_open(&self) -> bool {
        self.status == OfferStatus::Open
    }
}

/// How an application ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What it ended as.
    pub status: Status,
    /// The fact that ended it.
    pub event: EventId,
    /// When.
    pub stamp: Stamp,
}

/// The outcome that stands: the last one that was not followed by a new offer or a reopening.
pub(crate) fn of(application: &Application) -> Option<Outcome> {
    application
        .moments
        .iter()
        .fold(None, |outcome, Moment { stamp, event, what }| {
            let ended = |status| {
                Some(Outcome {
                    status,
                    event: *event,
                    stamp: *stamp,
                })
            };
            match what {
                What::Accepted(_) => ended(Status::Accepted),
                What::Declined(_) => ended(Status::Declined),
                What::Rejected(_) => ended(Status::Rejected),
                What::Ended(status) => ended(*status),
                What::Offered(_) | What::Reopened => None,
                What::Scheduled(_)
                | What::Rescheduled
                | What::Held(_)
                | What::CancelledByThem(_)
                | What::CancelledByCandidate(_)
                | What::Promised(_)
                | What::Enquired
                | What::Reported(_)
                | What::AskedNextRound
                | What::AnnouncedNextRound(_)
                | What::Spoke => outcome,
            }
        })
}

/// The same outcome twice in a row is once too often.
pub(crate) fn refuse_again(candidate: &Candidate, at: &At, status: Status, told: &str) -> Result<(), Refusal> {
    let outcome = at
        .application
        .and_then(|id| candidate.application(id))
        .and_then(Application::outcome);
    match outcome {
        Some(outcome) if outcome.status == status => Err(Refusal::already_recorded(told)),
        Some(_) | None => Ok(()),
    }
}

/// An answer or a call made after a final outcome departs from the playbook.
pub(crate) fn answered_after_the_end(candidate: &Candidate, at: &At, play: &Play) -> Vec<Departure> {
    let outcome = at
        .application
        .and_then(|id| candidate.application(id))
        .and_then(Application::outcome);
    let late = outcome.filter(|outcome| outcome.stamp < at.stamp());
    late.map(|outcome| Departure {
        play: play.name.into(),
        reason: format!("The application had ended ({}) before.", outcome.status.name()),
        opens_at: None,
        due_at: None,
    })
    .into_iter()
    .collect()
}

impl Candidate {
    /// An offer.
    pub fn offer(&self, id: OfferId) -> Option<&Offer> {
        self.application(self.place_of(id.into())?)?
            .offers
            .get(&id)
            .map(Arc::as_ref)
    }

    fn answer_offer(&mut self, at: &At, status: OfferStatus) {
        let Ok(id) = OfferId::try_from(at.subject) else { return };
        let Some(application) = self.application_of(at) else {
            return;
        };
        let Some(offer) = application.offers.get_mut(&id) else {
            return;
        };
        let offer = Arc::make_mut(offer);
        offer.version = at.version;
        offer.status = status;
        offer.answered = Some((at.event, at.stamp(), status));
        application.happened(
            at,
            if status == OfferStatus::Accepted {
                What::Accepted(id)
            } else {
                What::Declined(id)
            },
        );
    }
}

fn admit_answer(candidate: &Candidate, at: &At, answer: OfferStatus) -> Result<(), Refusal> {
    let offer = OfferId::try_from(at.subject).ok().and_then(|id| candidate.offer(id));
    match offer.map(|offer| offer.status) {
        Some(OfferStatus::Open) | None => Ok(()),
        Some(before) if before == answer => Err(Refusal::already_recorded("The offer was answered so already.")),
        Some(_) => Err(Refusal::new("offer_answered", "The offer was answered already.")),
    }
}

impl Fact for OfferReceived {
    const NAME: &'static str = "OfferReceived";
    type Subject = OfferId;
    const PLACE: Place = Place::NewWithin;
    const THEIRS: bool = true;

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = OfferId::try_from(at.subject) else { return };
        let Some(application) = candidate.application_of(at) else {
            return;
        };
        let offer = Offer {
            id,
            application: application.id,
            version: at.version,
            status: OfferStatus::Open,
            respond_by: self.respond_by,
            terms: self.terms.clone(),
            received: (at.event, at.stamp()),
            answered: None,
        };
        application.offers.insert(id, Arc::new(offer));
        application.happened(at, What::Offered(id));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!("{} made an offer.", organisation(candidate, at.application))
    }
}

impl Fact for OfferAccepted {
    const NAME: &'static str = "OfferAccepted";
    type Subject = OfferId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_answer(candidate, at, OfferStatus::Accepted)
    }

    fn departures(&self, candidate: &Candidate, at: &At) -> Vec<Departure> {
        answered_after_the_end(candidate, at, &ANSWER_OFFER)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.answer_offer(at, OfferStatus::Accepted);
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!("Accepted {}'s offer.", organisation(candidate, at.application))
    }
}

impl Fact for OfferDeclined {
    const NAME: &'static str = "OfferDeclined";
    type Subject = OfferId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_answer(candidate, at, OfferStatus::Declined)
    }

    fn departures(&self, candidate: &Candidate, at: &At) -> Vec<Departure> {
        answered_after_the_end(candidate, at, &ANSWER_OFFER)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.answer_offer(at, OfferStatus::Declined);
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!("Declined {}'s offer.", organisation(candidate, at.application))
    }
}

impl Fact for PositionClosed {
    const NAME: &'static str = "PositionClosed";
    type Subject = ApplicationId;
    const PLACE: Place = Place::Step;
    const THEIRS: bool = true;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        refuse_again(
            candidate,
            at,
            Status::PositionClosed,
            "The position was recorded as closed already.",
        )
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        if let Some(application) = candidate.application_of(at) {
            application.happened(at, What::Ended(Status::PositionClosed));
        }
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!("{} closed the position.", organisation(candidate, at.application))
    }
}

impl Fact for ApplicationReopened {
    const NAME: &'static str = "ApplicationReopened";
    type Subject = ApplicationId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        let application = at.application.and_then(|id| candidate.application(id));
        match application.and_then(Application::outcome) {
            Some(_) => Ok(()),
            None => Err(Refusal::new("nothing_to_reopen", "The application has not ended.")),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        if let Some(application) = candidate.application_of(at) {
            application.happened(at, What::Reopened);
        }
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        format!(
            "The application to {} goes on: {}",
            organisation(candidate, at.application),
            self.reason
        )
    }
}

#[cfg(test)]
mod tests;
