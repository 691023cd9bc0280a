//! What stands in a candidate's calendar: interviews, the days that organisations named, tasks. Pure.
//!
//! An entry's SEQUENCE is the version of the newest fact that may have changed it, and its stamp the moment of that
//! fact's recording: both follow from the log alone, rise with every change, and are the same whenever they are asked
//! for. What the clock announces changes no entry.

use std::collections::BTreeMap;

use afterword_domain::{
    applications::Application,
    candidate::Candidate,
    catalogue::AnyFact,
    ids::{ContactId, EventId, Subject},
    interviews::{Format, Interview, InterviewStatus},
    play::{Owed, State},
    time::Date,
};
use jiff::{SignedDuration, Timestamp};

/// So long a task that is done stays to be seen.
const DONE_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);
/// So long before it is due a task makes itself heard.
const BEFORE_DUE: SignedDuration = SignedDuration::from_hours(1);

/// An entry.
pub struct Entry {
    /// Its name, the same for ever.
    pub uid: String,
    /// The version of the newest fact that may have changed it.
    pub sequence: u64,
    /// When that was recorded.
    pub changed_at: Timestamp,
    /// What it is, in a line.
    pub summary: String,
    /// What else there is to say.
    pub description: String,
    /// When it is.
    pub what: What,
}

/// What an entry is, and when.
pub enum What {
    /// An interview.
    Meeting {
        starts_at: Timestamp,
        ends_at: Timestamp,
        location: Option<String>,
        cancelled: bool,
    },
    /// A day that they named.
    Day {
        date: Date,
        tentative: bool,
        cancelled: bool,
    },
    /// A task.
    Task {
        opens_at: Timestamp,
        due_at: Option<Timestamp>,
        done_at: Option<Timestamp>,
        alarms: Vec<Timestamp>,
    },
}

/// Everything that stands in a candidate's calendar at a moment.
pub fn of(candidate: &Candidate, now: Timestamp) -> Vec<Entry> {
    let changes = Changes::of(candidate);
    let mut entries = Vec::new();
    for application in candidate.applications.values() {
        let interviews = application.interviews.values();
        entries.extend(interviews.map(|interview| meeting(candidate, application, interview, &changes)));
        entries.extend(decision(application, now, &changes));
        entries.extend(next_round(application, &changes));
    }
    let tasks = candidate.tasks.values();
    entries.extend(tasks.filter_map(|owed| task(candidate, owed, now, &changes)));
    entries
}

fn meeting(candidate: &Candidate, application: &Application, interview: &Interview, changes: &Changes) -> Entry {
    let view = interview.view();
    let name = |id: &ContactId| candidate.contacts.get(id).map(|contact| contact.name.to_string());
    let interviewers: Vec<String> = view.interviewers.iter().filter_map(name).collect();
    let held = match view.format {
        Format::Onsite => "On site",
        Format::Video => "Video call",
        Format::Phone => "By telephone",
        Format::Assessment => "Assessment",
    };
    let mut told = vec![
        format!("{}, round {}", application.position.get(), view.round),
        format!("{held}, {}", view.time_zone.name()),
    ];
    if !interviewers.is_empty() {
        told.push(format!("With {}", interviewers.join(", ")));
    }
    let contacts = view.interviewers.iter().map(|id| Subject::from(*id));
    let (sequence, changed_at) = changes.newest(contacts.chain([interview.id.into(), application.id.into()]));
    Entry {
        uid: uid(interview.id),
        sequence,
        changed_at,
        summary: format!("Interview at {}", application.organisation.name),
        description: told.join("\n"),
        what: What::Meeting {
            starts_at: view.starts_at.timestamp(),
            ends_at: view.ends_at.timestamp(),
            location: view.location.map(|location| location.to_string()),
            cancelled: view.status == InterviewStatus::Cancelled,
        },
    }
}

/// The day by which they promised to decide, as long as the promise stands.
fn decision(application: &Application, now: Timestamp, changes: &Changes) -> Option<Entry> {
    let date = application.view(now).decide_by?;
    let promises = application.decision_dates.keys().copied().map(Subject::from);
    let reports = application.status_reports.keys().copied().map(Subject::from);
    let interviews = application.interviews.keys().copied().map(Subject::from);
    let touching = promises.chain(reports).chain(interviews);
    Some(day(application, "decision", date, false, touching, changes))
}

/// The day on which they expect the next round, until an interview is arranged for it.
fn next_round(application: &Application, changes: &Changes) -> Option<Entry> {
    let (_, date) = application.expected_round()?;
    let rounds = application.next_rounds.keys().copied().map(Subject::from);
    let interviews = application.interviews.keys().copied().map(Subject::from);
    Some(day(
        application,
        "next-round",
        date,
        true,
        rounds.chain(interviews),
        changes,
    ))
}

fn day(
    application: &Application,
    name: &str,
    date: Date,
    tentative: bool,
    touching: impl Iterator<Item = Subject>,
    changes: &Changes,
) -> Entry {
    let organisation = &application.organisation.name;
    let (sequence, changed_at) = changes.newest(touching.chain([application.id.into()]));
    let summary = if tentative {
        format!("Next round at {organisation} expected")
    } else {
        format!("{organisation} decides by today")
    };
    Entry {
        uid: uid(format_args!("{name}-{}", application.id)),
        sequence,
        changed_at,
        summary,
        description: application.position.to_string(),
        what: What::Day {
            date,
            tentative,
            cancelled: application.outcome().is_some(),
        },
    }
}

/// What is still to be done, and for a while what was done.
fn task(candidate: &Candidate, owed: &Owed, now: Timestamp, changes: &Changes) -> Option<Entry> {
    let state = candidate.state_of(owed, now);
    if !state.is_live() && state != State::Done {
        return None;
    }
    let view = candidate.task(owed, now);
    let closed_at = view.closed_at.map(|at| at.timestamp());
    let done_at = closed_at.filter(|_| state == State::Done);
    if done_at.is_some_and(|at| now.duration_since(at) > DONE_FOR) {
        return None;
    }
    let raised = owed.raised_by.iter().filter_map(|event| candidate.fact(*event));
    let waits = raised
        .map(|fact| fact.at.occurred_at)
        .max()
        .is_some_and(|at| at < owed.opens_at);
    let before_due = owed.due_at.map(|due_at| due_at - BEFORE_DUE);
    let alarms = match view.snoozed_until {
        _ if done_at.is_some() => Vec::new(),
        Some(until) => vec![until.timestamp()],
        None => [
            waits.then_some(owed.opens_at),
            before_due.filter(|at| *at > owed.opens_at),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    let named = [
        owed.application.map(Subject::from),
        owed.contact.map(Subject::from),
        owed.interview.map(Subject::from),
    ];
    let (sequence, changed_at) = changes.newest(named.into_iter().flatten().chain([owed.id.into()]));
    Some(Entry {
        uid: uid(owed.id),
        sequence,
        changed_at,
        summary: view.title,
        description: view.why.into_owned(),
        what: What::Task {
            opens_at: owed.opens_at,
            due_at: owed.due_at,
            done_at,
            alarms,
        },
    })
}

fn uid(name: impl std::fmt::Display) -> String {
    format!("{name}@afterword")
}

/// The newest fact that may have changed each thing: its version, and when it was recorded.
struct Changes(BTreeMap<Subject, (u64, Timestamp)>);

impl Changes {
    fn of(candidate: &Candidate) -> Self {
        let mut changes = BTreeMap::new();
        for fact in candidate.history() {
            if fact.data.kind().by_the_clock {
                continue;
            }
            let newest = (fact.at.version, fact.at.recorded_at);
            changes.insert(fact.at.subject, newest);
            let moved = [&fact.tasks.raised, &fact.tasks.changed, &fact.tasks.closed];
            for task in moved.into_iter().flatten() {
                changes.insert(task.id.into(), newest);
            }
            if let AnyFact::FactRetracted(_) = fact.data
                && let Ok(taken_back) = EventId::try_from(fact.at.subject)
                && let Some(taken_back) = candidate.fact(taken_back)
            {
                changes.insert(taken_back.at.subject, newest);
                changes.extend(taken_back.at.application.map(|id| (Subject::from(id), newest)));
            }
        }
        Self(changes)
    }

    fn newest(&self, things: impl Iterator<Item = Subject>) -> (u64, Timestamp) {
        let changed = things.filter_map(|thing| self.0.get(&thing).copied());
        changed.max().unwrap_or((0, Timestamp::UNIX_EPOCH))
    }
}
