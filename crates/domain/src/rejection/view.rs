//! A rejection's handling as clients see it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Rejection, Stage};
use crate::{
    applications::Application,
    candidate::Candidate,
    ids::{ApplicationId, ContactId, RejectionId},
    notes::{NoteKind, NoteStatus},
    play::{Ending, Task},
    time::{Date, Instant},
    values::{Channel, Text},
};

/// A rejection's handling, as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Rejection)]
pub struct RejectionView {
    /// Its id.
    pub id: RejectionId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// How far its handling has come.
    pub stage: Stage,
    /// When it came.
    pub received_at: Instant,
    /// How they said so.
    pub channel: Channel,
    /// The reason they gave.
    pub reason: Option<Text>,
    /// What they wrote.
    pub message: Option<Text>,
    /// Who said so.
    pub from_contact: Option<ContactId>,
    /// The tasks that it took the reason from.
    pub voided: Vec<Task>,
    /// What is still owed for it.
    pub owed: Vec<Task>,
    /// Whether the reply was gracious; `null` until it is reviewed.
    pub gracious: Option<bool>,
    /// The feedback that came.
    pub feedback: Vec<Text>,
    /// The day to come back.
    pub revisit_on: Option<Date>,
    /// What was learned.
    pub lesson: Option<Text>,
}

impl Rejection {
    /// Whether the reply was gracious: as it went out, else as it was written so far. None until it is reviewed.
    fn gracious(&self, candidate: &Candidate, application: &Application) -> Option<bool> {
        let letters = self.letters(application, NoteKind::RejectionThanks);
        let sent = letters.map(|letter| (letter.note, Some(letter.revision)));
        let drafts = candidate.notes.values().filter(|note| {
            let about = note.about.get().and_then(|about| RejectionId::try_from(about).ok());
            note.kind == NoteKind::RejectionThanks
                && note.status == NoteStatus::Draft
                && about.is_none_or(|about| about == self.id)
                && note.application(candidate) == Some(self.application)
        });
        let drafts = drafts.map(|note| (note.id, None));
        sent.chain(drafts)
            .find_map(|(note, revision)| candidate.gracious(note, revision))
    }

    /// The rejection as clients see it at a moment.
    pub fn view(&self, candidate: &Candidate, application: &Application, now: Timestamp) -> RejectionView {
        let zone = application.zone(candidate);
        let tasks = || {
            candidate
                .tasks
                .values()
                .filter(|task| task.application == Some(self.application))
        };
        let voided = tasks().filter(|task| task.ending == Ending::Void(Some(self.received.0)));
        let owed = tasks().filter(|task| task.about == Some(self.id.into()) && candidate.state_of(task, now).is_live());
        RejectionView {
            id: self.id,
            application: self.application,
            version: self.version,
            stage: self.stage(application),
            received_at: Instant::in_zone(self.received.1.at, &zone),
            channel: self.channel,
            reason: self.reason.clone(),
            message: self.message.clone(),
            from_contact: self.from_contact,
            voided: voided.map(|task| candidate.task(task, now)).collect(),
            owed: owed.map(|task| candidate.task(task, now)).collect(),
            gracious: self.gracious(candidate, application),
            feedback: self.feedback.iter().map(|(_, text)| text.clone()).collect(),
            revisit_on: self.revisit_on(),
            lesson: self.closed.as_ref().and_then(|(_, _, lesson)| lesson.clone()),
        }
    }
}
