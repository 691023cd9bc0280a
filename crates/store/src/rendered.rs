//! Rows of lists as they were rendered when they moved, less what their columns and plays say, and less what the moment of
//! reading decides. Reading puts that back: nothing is parsed, and nothing of a person stands outside of what is sealed.

use afterword_domain::{
    applications::Status,
    boards::QueuedTask,
    ids::{ApplicationId, CandidateId, TaskId},
    play::{PLAYBOOK, State},
};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::{ApplicationRow, TaskRow, TaskState};

pub(crate) fn json(row: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(row).unwrap_or_default()
}

/// How a rendered task begins: the columns of its row, its state at the moment of reading, and its play's words.
#[derive(Serialize)]
struct Head {
    id: TaskId,
    candidate: CandidateId,
    application: Option<ApplicationId>,
    play: &'static str,
    state: State,
    why: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    closed_by: &'static [&'static str],
}

/// The first field after the head.
const AFTER_HEAD: &str = "\"interview\":";

/// What of a rendered task is to be kept: all that follows its head. No text of a person comes before it.
pub(crate) fn rest_of_task(row: &QueuedTask) -> Vec<u8> {
    let mut rendered = json(row);
    if let Some(head) = find(&rendered, AFTER_HEAD) {
        rendered.drain(..head);
    }
    rendered
}

/// A task as its reader sees it at a moment, as JSON.
pub(crate) fn whole_task(row: &TaskRow, rest: &[u8], now: Timestamp) -> String {
    let now = now.as_microsecond();
    let state = match row.state {
        TaskState::Done => State::Done,
        TaskState::Dismissed => State::Dismissed,
        TaskState::Void => State::Void,
        TaskState::Live if row.opens_at > now => State::Waiting,
        TaskState::Live if row.due_at <= now => State::Overdue,
        TaskState::Live => State::Open,
    };
    let play = PLAYBOOK.iter().find(|play| play.name == row.play);
    // A row of the first derivation is whole but for its state.
    let (Some(play), false) = (play, rest.starts_with(b"{")) else {
        return splice("state", &format!("\"{}\"", state.name()), rest);
    };
    let head = json(&Head {
        id: TaskId::new(row.task_id),
        candidate: CandidateId::new(row.candidate),
        application: row.application.map(ApplicationId::new),
        play: play.name,
        state,
        why: play.why,
        source: play.source,
        closed_by: play.closed_by,
    });
    let mut whole = String::with_capacity(head.len() + rest.len());
    whole.push_str(std::str::from_utf8(&head).unwrap_or("{}").trim_end_matches('}'));
    whole.push(',');
    whole.push_str(std::str::from_utf8(rest).unwrap_or("}"));
    whole
}

/// A rendered row without a field that is put back at reading; `splice` does. Inside a text a quotation mark is
/// escaped, so what reads like the field is the field, and the row's own comes before any within it.
pub(crate) fn without(field: &str, mut row: Vec<u8>) -> Vec<u8> {
    if let Some(from) = find(&row, &format!("\"{field}\":")) {
        // The value is a number or a plain word, and another field follows.
        if let Some(length) = row[from..].iter().position(|byte| *byte == b',') {
            row.drain(from..=from + length);
        }
    }
    row
}

/// An application's row with its status at the moment of reading, as JSON.
pub(crate) fn with_status(row: &ApplicationRow, plain: &[u8], now: Timestamp) -> String {
    let passed = |at: Option<i64>| at.is_some_and(|at| at <= now.as_microsecond());
    let status = match row.status.as_str() {
        "awaiting" if passed(row.presumed_closed_at) => Status::PresumedClosed.name(),
        "awaiting" if passed(row.silent_at) => Status::Silent.name(),
        "awaiting" if passed(row.quiet_at) => Status::Quiet.name(),
        status => status,
    };
    splice("status", &format!("\"{status}\""), plain)
}

/// A candidate's row with the newest version, as JSON.
pub(crate) fn with_version(version: i64, plain: &[u8]) -> String {
    // A row of the first derivation has one, of when it was written.
    splice("version", &version.to_string(), &without("version", plain.to_vec()))
}

/// Puts a field before the others of an object that was rendered before.
fn splice(field: &str, value: &str, plain: &[u8]) -> String {
    let rest = String::from_utf8_lossy(plain.get(1..).unwrap_or(b"}"));
    format!("{{\"{field}\":{value},{rest}")
}

fn find(row: &[u8], text: &str) -> Option<usize> {
    row.windows(text.len()).position(|some| some == text.as_bytes())
}

/// Where the text of a row is found in memory: a row that is written anew has another version.
pub(crate) type Place = (crate::TenantId, Uuid, Uuid, i64);

pub(crate) fn place_of(tenant: crate::TenantId, row: &TaskRow) -> Place {
    (tenant, row.candidate, row.task_id, row.version)
}
