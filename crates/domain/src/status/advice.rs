//! The gate before an enquiry: whether to ask now, whom and how, and if not yet, from when on and why.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{live_enquiry, promised_date};
use crate::{
    applications::Application,
    candidate::Candidate,
    ids::ContactId,
    time::{Instant, in_words},
    values::Channel,
};

/// Whether an enquiry is allowed now, and if not, from when and why.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StatusEnquiryAdvice {
    /// Whether the playbook has no objection to an enquiry now.
    pub allowed: bool,
    /// From when it has none; `null` where no enquiry is foreseen.
    pub earliest_at: Option<Instant>,
    /// The right person to ask.
    pub contact: Option<ContactId>,
    /// How that person likes to be contacted.
    pub channel: Channel,
    /// The reason, as a sentence.
    pub why: String,
}

/// The gate before an enquiry.
pub fn advice(candidate: &Candidate, application: &Application, now: Timestamp) -> StatusEnquiryAdvice {
    let contact = right_person(application);
    let channel = contact
        .and_then(|id| candidate.contacts.get(&id))
        .and_then(|it| *it.preferred_channel.get());
    let zone = application.zone(candidate);
    let task = live_enquiry(candidate, application.id);
    let (earliest, why) = match task {
        Some(task) => {
            let opens = in_words(task.opens_at, &zone);
            let why = match (promised_date(application), task.opens_at <= now) {
                (_, true) => "The time they were given has passed: an enquiry shows interest now.".to_owned(),
                (Some(date), false) => {
                    format!("They promised to decide by {}: ask from {opens} on.", date.in_words())
                }
                (None, false) => format!("They have not had their time yet: ask from {opens} on."),
            };
            (Some(task.opens_at), why)
        }
        None if application.outcome().is_some() => (None, "The application has ended.".to_owned()),
        None if application.interview_ahead() => (None, "An interview lies ahead: ask there.".to_owned()),
        None => (
            None,
            "There is nothing to enquire about yet, or two enquiries stand unanswered.".to_owned(),
        ),
    };
    StatusEnquiryAdvice {
        allowed: earliest.is_some_and(|at| at <= now),
        earliest_at: earliest.map(|at| Instant::in_zone(at, &zone)),
        contact,
        channel: channel.unwrap_or(Channel::Email),
        why,
    }
}

/// The right person to ask: who promised the date, else who was met last, or nobody in particular.
pub(crate) fn right_person(application: &Application) -> Option<ContactId> {
    let promised = application
        .decision_dates
        .values()
        .max_by_key(|promise| promise.promised)
        .and_then(|it| it.promised_by);
    let met = || {
        let held = application
            .interviews
            .values()
            .filter_map(|it| it.held.as_ref().map(|held| (held.stamp, it)));
        held.max_by_key(|(stamp, _)| *stamp)
            .and_then(|(_, it)| it.interviewers().first().copied())
    };
    promised.or_else(met)
}
