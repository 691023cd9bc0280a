//! Silence: quiet, silent, presumed closed. It is counted, never set, and never called a rejection.

use jiff::Timestamp;

use super::{ENQUIRE_STATUS, MOST, Moment, What, promised_date, unanswered};
use crate::{
    applications::{Application, Status},
    playbook::{Numbered, Playbook},
    time::{Period, Zone, closing},
};

/// When they are called quiet: working days without a word.
pub(super) const QUIET: Numbered = Numbered::period(
    "quiet",
    Period::WorkingDays(10),
    "how long they say nothing until they are called quiet",
);
/// When they are called silent: working days without a word, or after [`MOST`] unanswered enquiries.
pub(super) const SILENT: Numbered = Numbered::period(
    "silent",
    Period::WorkingDays(20),
    "how long they say nothing until they are called silent",
);
/// When the application is presumed closed.
pub(super) const PRESUMED_CLOSED: Numbered = Numbered::period(
    "presumed_closed",
    Period::Days(45),
    "how long they say nothing until the application is presumed closed",
);

/// Since when they are silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// When they are called quiet.
    pub quiet_at: Timestamp,
    /// When they are called silent.
    pub silent_at: Timestamp,
    /// When the application is presumed closed.
    pub presumed_closed_at: Timestamp,
}

impl Silence {
    /// What it is called at a moment.
    pub fn at(&self, now: Timestamp) -> Status {
        if now >= self.presumed_closed_at {
            Status::PresumedClosed
        } else if now >= self.silent_at {
            Status::Silent
        } else if now >= self.quiet_at {
            Status::Quiet
        } else {
            Status::Awaiting
        }
    }
}

/// Counts silence from the later of their last word (the interview itself is one) and the promised date.
/// None before there was an interview to wait for word on.
pub(crate) fn silence(application: &Application, zone: &Zone, playbook: &Playbook) -> Option<Silence> {
    let waits = |moment: &&Moment| matches!(moment.what, What::Held(_) | What::CancelledByThem(_));
    application.moments.iter().find(waits)?;
    let last = application.moments.iter().rfind(|moment| moment.what.is_their_word())?;
    let promised = promised_date(application).map(|date| closing(date.civil(), zone));
    let from = promised.map_or(last.stamp.at, |promised| promised.max(last.stamp.at));
    let after = |number| {
        let period = playbook.period(&ENQUIRE_STATUS, number);
        period.opens_after(from, zone, &playbook.holidays)
    };
    let most = playbook.count(&ENQUIRE_STATUS, &MOST);
    let last = unanswered(application).nth(most.saturating_sub(1));
    let silent_at = last.map_or(after(&SILENT), |last| last.stamp.at.min(after(&SILENT)));
    Some(Silence {
        quiet_at: after(&QUIET).min(silent_at),
        silent_at,
        presumed_closed_at: after(&PRESUMED_CLOSED),
    })
}
