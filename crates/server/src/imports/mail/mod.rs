//! Mail. A message is a proposal of facts with the words that it rests on, and never a fact by itself: what a sentence
//! means is for a person to say. Pure.

use self::{
    findings::{Finding, Kind},
    message::Message,
    proposing::Reading,
};
use super::reading::{Known, Row, folded};
use crate::edge::problem::{Code, Problem};

mod acknowledgment;
mod applied;
mod belongs;
mod days;
mod findings;
mod message;
mod own_words;
mod parts;
mod proposing;
mod sentences;

/// What a message proposes.
///
/// # Errors
/// When it is no message.
pub(super) fn rows(bytes: &[u8], known: &mut Known) -> Result<Vec<Row>, Problem> {
    let message = Message::read(bytes)?;
    let profile = known.candidate.profile.as_ref();
    let own = profile.and_then(|profile| profile.email.get().as_ref());
    let same = |own: &afterword_domain::values::Email| {
        message
            .email
            .as_ref()
            .is_some_and(|email| folded(email.as_str()) == folded(own.as_str()))
    };
    if own.is_some_and(same) {
        let told = "The candidate wrote this message; what an organisation says is in theirs.";
        return Ok(vec![Row::refused(1, Problem::new(Code::Invalid, told))]);
    }
    if message.is_automatic_reply {
        return Ok(Vec::new());
    }
    let mut reading = Reading::new(&message, known);
    let sentences = sentences::of(&message.subject, &message.text);
    let mut findings = findings::of(&sentences);
    let mut rows = reading.invitations(known);
    leave_out_what_follows(&mut findings, rows.iter().any(|row| row.result.is_ok()));
    let (acknowledged, others): (Vec<_>, Vec<_>) = findings.iter().partition(|it| it.kind == Kind::Acknowledgment);
    rows.extend(
        acknowledged
            .into_iter()
            .filter_map(|finding| applied::row(&mut reading, known, finding, &sentences)),
    );
    rows.extend(
        others
            .into_iter()
            .filter_map(|finding| reading.row(known, finding, &sentences)),
    );
    Ok(rows)
}

/// Nearly every message thanks for the application, and a rejection says nothing of what comes next.
fn leave_out_what_follows(findings: &mut Vec<Finding<'_>>, invited: bool) {
    let has = |findings: &[Finding<'_>], kind| findings.iter().any(|it| it.kind == kind);
    let rejected = has(findings, Kind::Rejection);
    let more = invited
        || findings
            .iter()
            .any(|it| !matches!(it.kind, Kind::Acknowledgment | Kind::DecisionDate));
    findings.retain(|it| match it.kind {
        Kind::Acknowledgment => !more,
        Kind::DecisionDate | Kind::PositionClosed => !rejected,
        Kind::NextRound => !invited,
        Kind::Rejection | Kind::Offer | Kind::DocumentRequest => true,
    });
}
