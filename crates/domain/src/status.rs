//! Status enquiries. The rule: ask in the interview when they will decide, and never call before that
//! date has passed. Where no date was promised, wait five working days, with a large organisation ten.
//! A report answers; an unanswered enquiry may be repeated once after five more working days.
//! Silence is counted here too: quiet, silent, presumed closed. It is never called a rejection.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use crate::{
    applications::{Application, Size, Status},
    candidate::Candidate,
    decide,
    fact::{At, Departure},
    ids::{ApplicationId, EventId, InterviewId, NextRoundId, OfferId, RejectionId},
    notes::{NoteChannel, NoteKind, suggest},
    outcome,
    play::{Action, Ending, Owed, Owing, Play, of_application, task_id},
    playbook::Numbered,
    time::{Date, Period, Stamp, Zone, opening, working_days_after},
    values::Channel,
};

mod advice;
mod facts;
mod silence;
mod told;
pub(crate) use advice::right_person;
pub use advice::{StatusEnquiryAdvice, advice};
pub use facts::{DecisionDatePromised, StatusEnquired, StatusReported};
pub use silence::Silence;
pub(crate) use silence::silence;
pub use told::{
    DecisionDate, DecisionDateStatus, StatusEnquiry, StatusEnquiryStatus, StatusReport, StatusReportStatus,
};

/// Ask when they will decide.
pub const ASK_DECISION_DATE: Play = Play {
    name: "ask_decision_date",
    title: "Ask {organisation} when they will decide",
    why: "A date that they name is the one before which nobody minds waiting, and after which nobody minds being asked.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Hours(24),
    numbers: &[],
    closed_by: &["DecisionDatePromised", "InterviewScheduled", "StatusReported"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| {
        Action::post(
            candidate,
            "record_decision_date_promised",
            of_application(owed, "decision-dates"),
            json!({}),
        )
    },
};

/// Ask where things stand, and not too early.
pub const ENQUIRE_STATUS: Play = Play {
    name: "enquire_status",
    title: "Ask {organisation} where things stand",
    why: "Calling before the promised date has passed costs sympathy; asking once it has passed shows interest.",
    source: Some(
        "Career editors' common advice: five working days where no date was promised, one or two after a promised date, longer for large firms. No survey.",
    ),
    opens: Period::WorkingDays(5),
    due: Period::WorkingDays(2),
    numbers: &[
        LARGE,
        AFTER_PROMISE,
        AGAIN,
        MOST,
        silence::QUIET,
        silence::SILENT,
        silence::PRESUMED_CLOSED,
    ],
    closed_by: &["StatusReported", "StatusEnquired", "NoteSent"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| {
        let contact = owed.contact.and_then(|id| candidate.contacts.get(&id));
        let channel = contact
            .and_then(|contact| *contact.preferred_channel.get())
            .unwrap_or(Channel::Email);
        // Who likes to be called is called.
        if NoteChannel::like(channel).is_some() {
            return suggest(candidate, owed, NoteKind::StatusEnquiry);
        }
        let body = match owed.contact {
            Some(contact) => json!({"channel": channel, "contact": contact}),
            None => json!({"channel": channel}),
        };
        Action::post(
            candidate,
            "record_status_enquired",
            of_application(owed, "status-enquiries"),
            body,
        )
    },
};

/// How long a large organisation is given where no date was promised.
const LARGE: Numbered = Numbered::period(
    "large_organisation",
    Period::WorkingDays(10),
    "how long a large organisation is given where no date was promised",
);
/// How long after a promised date it may be asked.
const AFTER_PROMISE: Numbered = Numbered::period(
    "after_promise",
    Period::WorkingDays(1),
    "how long after a promised date they may be asked",
);
/// How long an unanswered enquiry waits for the next.
const AGAIN: Numbered = Numbered::period(
    "again",
    Period::WorkingDays(5),
    "how long an unanswered enquiry waits for the next",
);
/// How many enquiries go out until they speak.
const MOST: Numbered = Numbered::count("most", 2, "how many enquiries go out until they speak");

/// What happened between the two sides of an application, as far as waiting for word depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) stamp: Stamp,
    pub(crate) event: EventId,
    pub(crate) what: What,
}

/// The kinds of such moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Scheduled(InterviewId),
    Rescheduled,
    Held(InterviewId),
    CancelledByThem(InterviewId),
    CancelledByCandidate(InterviewId),
    Promised(Date),
    Enquired,
    Reported(Option<Date>),
    /// Any other word of theirs.
    Spoke,
    /// The candidate asked about the next round.
    AskedNextRound,
    /// They said what the next round will be.
    AnnouncedNextRound(NextRoundId),
    Offered(OfferId),
    Accepted(OfferId),
    Declined(OfferId),
    Rejected(RejectionId),
    /// A final outcome that neither an offer nor a rejection brought.
    Ended(Status),
    Reopened,
}

impl What {
    /// Whether it is a word of theirs, which ends silence; an interview that was held is one.
    const fn is_their_word(self) -> bool {
        match self {
            What::Scheduled(_)
            | What::Held(_)
            | What::Rescheduled
            | What::CancelledByThem(_)
            | What::Promised(_)
            | What::Reported(_)
            | What::Spoke
            | What::AnnouncedNextRound(_)
            | What::Offered(_)
            | What::Reopened => true,
            What::CancelledByCandidate(_)
            | What::Enquired
            | What::AskedNextRound
            | What::Accepted(_)
            | What::Declined(_)
            | What::Rejected(_)
            | What::Ended(_) => false,
        }
    }
}

/// A promised date, and since when it is known.
#[derive(Clone, Copy)]
struct Promise {
    date: Date,
    since: Timestamp,
}

/// The promise that stands after a moment: a new one replaces it, an interview that began after it
/// overtakes it.
fn promise_after(application: &Application, moment: &Moment, before: Option<Promise>) -> Option<Promise> {
    match moment.what {
        What::Promised(date) | What::Reported(Some(date)) => Some(Promise {
            date,
            since: moment.stamp.at,
        }),
        What::Held(interview) => before.filter(|promise| {
            application
                .interviews
                .get(&interview)
                .is_none_or(|it| it.starts_at.timestamp() <= promise.since)
        }),
        _ => before,
    }
}

/// The date by which they promised to decide, where one stands.
pub(crate) fn promised_date(application: &Application) -> Option<Date> {
    let last = application
        .moments
        .iter()
        .fold(None, |promise, moment| promise_after(application, moment, promise));
    last.map(|promise| promise.date)
}

/// Owed after an interview that was held, or that they cancelled, with no date known and none ahead.
pub(crate) fn ask_decision_date(application: &Application, owing: &mut Owing<'_>) {
    let mut promise = None;
    let mut ahead: Vec<InterviewId> = Vec::new();
    let mut owed: Option<Owed> = None;
    for moment in &application.moments {
        promise = promise_after(application, moment, promise);
        match moment.what {
            What::Scheduled(interview) => ahead.push(interview),
            What::Held(interview) | What::CancelledByThem(interview) | What::CancelledByCandidate(interview) => {
                ahead.retain(|other| *other != interview);
            }
            _ => {}
        }
        match moment.what {
            What::Held(interview) | What::CancelledByThem(interview) if promise.is_none() && ahead.is_empty() => {
                let mut task = owing.raise(&ASK_DECISION_DATE, application.id, moment.event, moment.stamp.at);
                task.interview = Some(interview);
                owed = Some(task);
            }
            What::Promised(_) | What::Scheduled(_) | What::Reported(Some(_)) => {
                owed = owed.map(|task| match task.ending {
                    Ending::Live => task.done(Some((moment.event, moment.stamp))),
                    Ending::Done(..) | Ending::Void(_) => task,
                });
            }
            _ => {}
        }
    }
    owed.into_iter().for_each(|task| owing.owe(task));
}

/// A standing play: one task at a time, dated from the latest of an interview held, a promise, an
/// enquiry and a report; each of its closers moves it on.
pub(crate) fn enquire_status(application: &Application, owing: &mut Owing<'_>) {
    for task in enquiries(application, owing) {
        let by = application
            .moments
            .iter()
            .rev()
            .find(|moment| matches!(moment.what, What::Scheduled(_)));
        owing.owe(task.void_if(application.interview_ahead(), by.map(|moment| moment.event)));
    }
}

/// When they may be asked after a date that they promised.
fn promised_opening(owing: &Owing<'_>, date: Date, zone: &Zone) -> Timestamp {
    match owing.period(&ENQUIRE_STATUS, &AFTER_PROMISE) {
        Period::WorkingDays(days) => {
            let holidays = &owing.candidate.playbook.holidays;
            opening(working_days_after(date.civil(), days, holidays), zone)
        }
        other => owing.opens_after(other, opening(date.civil(), zone), zone),
    }
}

fn enquiries(application: &Application, owing: &Owing<'_>) -> Vec<Owed> {
    let zone = application.zone(owing.candidate);
    let contact = right_person(application);
    let large = application.organisation.size == Some(Size::Large);
    let most = owing.candidate.playbook.count(&ENQUIRE_STATUS, &MOST);
    let candidate = owing.candidate;
    let key = |nth: usize| format!("{}|{nth}", application.id);
    // What was done under another playbook is what closed an enquiry then, and nothing else of that time did.
    let done_before = (0..).map_while(|nth| candidate.done_before(task_id(candidate.id, &ENQUIRE_STATUS, key(nth))));
    let mut past: Vec<Owed> = done_before.map(|task| (**task).clone()).collect();
    let closers: Vec<EventId> = past.iter().filter_map(Owed::closed_with).collect();
    let closed_then = |moment: &Moment| closers.contains(&moment.event);
    let mut before = application.moments.iter().filter(|it| closed_then(it)).count();
    let mut promise = None;
    let mut unanswered = 0;
    let mut current: Option<Owed> = None;
    for moment in &application.moments {
        promise = promise_after(application, moment, promise);
        if moment.what.is_their_word() {
            unanswered = 0;
        }
        let at = moment.stamp.at;
        let closes = match moment.what {
            _ if closed_then(moment) => {
                before -= 1;
                current = None;
                true
            }
            _ if before > 0 || candidate.is_older(moment.event) => false,
            What::Reported(_) => true,
            What::Enquired => current.as_ref().is_some_and(|task| at >= task.opens_at),
            _ => false,
        };
        if closes && let Some(task) = current.take() {
            past.push(task.done(Some((moment.event, moment.stamp))));
        }
        let opens_at = match moment.what {
            What::Held(_) | What::Promised(_) | What::Reported(_) => {
                let promised = promise.map(|it| promised_opening(owing, it.date, &zone));
                let unpromised = if large {
                    owing.period(&ENQUIRE_STATUS, &LARGE)
                } else {
                    owing.opens(&ENQUIRE_STATUS)
                };
                // A promise whose day has passed is spent.
                let ahead = promised.filter(|opens_at| *opens_at > at);
                Some(ahead.unwrap_or_else(|| owing.opens_after(unpromised, at, &zone)))
            }
            What::Enquired if closes => {
                unanswered += 1;
                (unanswered < most).then(|| owing.opens_after(owing.period(&ENQUIRE_STATUS, &AGAIN), at, &zone))
            }
            _ => None,
        };
        if let Some(opens_at) = opens_at {
            let mut task = owing.raise(&ENQUIRE_STATUS, key(past.len()), moment.event, at);
            task.opens_at = opens_at;
            task.due_at = Some(owing.due_after(owing.due(&ENQUIRE_STATUS), opens_at, &zone));
            task.contact = contact;
            current = Some(task).filter(|task| !candidate.is_spared(task));
        }
    }
    past.extend(current);
    past
}

/// The enquiries since their last word, by when they were made.
fn unanswered(application: &Application) -> impl Iterator<Item = &Moment> {
    let moments = &application.moments;
    let since = moments.iter().rposition(|moment| moment.what.is_their_word());
    let since = moments.iter().skip(since.unwrap_or(0));
    since.filter(|moment| matches!(moment.what, What::Enquired))
}

/// The task to ask where things stand, while it lives.
fn live_enquiry(candidate: &Candidate, application: ApplicationId) -> Option<&Arc<Owed>> {
    candidate
        .tasks_of(application)
        .find(|task| task.play == &ENQUIRE_STATUS && task.ending == Ending::Live)
}

/// An enquiry departs from the playbook before its time, after the end, and where two stand unanswered.
pub(crate) fn unwise_enquiry(candidate: &Candidate, at: &At) -> Vec<Departure> {
    let Some(application) = at.application.and_then(|id| candidate.application(id)) else {
        return Vec::new();
    };
    let once_more = || Departure {
        play: ENQUIRE_STATUS.name.into(),
        reason: "Enquiries stand unanswered, and the playbook has no further one.".into(),
        opens_at: None,
        due_at: None,
    };
    if application.outcome().is_some() {
        return outcome::answered_after_the_end(candidate, at, &ENQUIRE_STATUS);
    }
    let departure = match live_enquiry(candidate, application.id) {
        Some(task) => decide::early(task, at),
        None => (unanswered(application).count() >= candidate.playbook.count(&ENQUIRE_STATUS, &MOST)).then(once_more),
    };
    departure.into_iter().collect()
}

#[cfg(test)]
mod tests;
