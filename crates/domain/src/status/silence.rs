//! Silence: quiet, silent, presumed closed. It is counted, never set, and never called a rejection.

use jiff::Timestamp;

use super::{MOST, Moment, What, promised_date, unanswered};
use crate::{
    applications::{Application, Status},
    time::{Period, Zone, closing},
};

/// When they are called quiet: working days without a word.
const QUIET: i16 = 10;
/// When they are called silent: working days without a word, or after [`MOST`] unanswered enquiries.
const SILENT: i16 = 20;
/// When the application is presumed closed.
const PRESUMED_CLOSED: Period = Period::Days(45);

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
pub(crate) fn silence(application: &Application, zone: &Zone) -> Option<Silence> {
    let waits = |moment: &&Moment| matches!(moment.what, What::Held(_) | What::CancelledByThem(_));
    application.moments.iter().find(waits)?;
    let last = application.moments.iter().rfind(|moment| moment.what.is_their_word())?;
    let promised = promised_date(application).map(|date| closing(date.civil(), zone));
    let from = promised.map_or(last.stamp.at, |promised| promised.max(last.stamp.at));
    let days = |days| Period::WorkingDays(days).opens_after(from, zone);
    let silent_at = unanswered(application).nth(MOST - 1).map(|moment| moment.stamp.at);
    let silent_at = silent_at.map_or(days(SILENT), |second| second.min(days(SILENT)));
    Some(Silence {
        quiet_at: days(QUIET).min(silent_at),
        silent_at,
        presumed_closed_at: PRESUMED_CLOSED.due_after(from, zone),
    })
}
