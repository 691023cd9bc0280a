//! Plays: the rules that raise tasks. A play is a row of data (its numbers, its reason, what closes it)
//! and a predicate over the state that says which of its tasks are owed. Tasks are a pure function of
//! the state; whether one waits, is open or overdue follows from the clock of the reader.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    applications::{self, Application},
    candidate::Candidate,
    connections::{self, Connection},
    contacts::{self, Contact},
    debrief,
    derive::Of,
    documents, giving_way,
    ids::{ApplicationId, CandidateId, ContactId, EventId, InterviewId, Subject, TaskId},
    interviews, next_round,
    notes::{self, Note},
    outcome,
    playbook::Numbered,
    references::{self, Reference},
    rejection, research,
    search::{self, Opening},
    status,
    time::{Period, Stamp, Zone},
};

mod task;
pub use task::{Action, State, Task};

/// A rule that raises tasks.
#[derive(Debug)]
pub struct Play {
    /// Its name.
    pub name: &'static str,
    /// The title of its tasks; `{contact}`, `{organisation}`, `{position}` and `{about}` are filled in.
    pub title: &'static str,
    /// The play's reason, in a sentence.
    pub why: &'static str,
    /// Where there is evidence: its source and year.
    pub source: Option<&'static str>,
    /// How long its tasks wait before they open.
    pub opens: Period,
    /// How long its tasks have.
    pub due: Period,
    /// Its further numbers.
    pub numbers: &'static [Numbered],
    /// The types of facts that close its tasks.
    pub closed_by: &'static [&'static str],
    /// Whether its tasks may be completed by hand.
    pub by_hand: bool,
    /// Whether its tasks outlive the application's outcome.
    pub outlives_outcome: bool,
    /// The next call to make.
    pub action: fn(&Candidate, &Owed) -> Action,
}

impl Eq for Play {}

impl PartialEq for Play {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Plays that look at one application, in the order in which the mission names them.
const OF_APPLICATIONS: &[fn(&Application, &mut Owing<'_>)] = &[
    interviews::bring_questions,
    interviews::record_interview,
    interviews::name_interviewers,
    debrief::debrief,
    notes::write_thank_you,
    status::ask_decision_date,
    next_round::ask_next_round,
    status::enquire_status,
    documents::answer_document_request,
    next_round::prepare_next_round,
    research::refresh_research,
    research::reconsider,
    references::notify_reference,
    debrief::plan_repair,
    debrief::make_repair,
    connections::notify_connection,
    outcome::answer_offer,
    outcome::withdraw_others,
    rejection::handle_rejection,
    rejection::revisit,
    connections::thank_helpers,
];

/// Plays that look at one contact.
const OF_CONTACTS: &[fn(&Contact, &mut Owing<'_>)] = &[contacts::complete_card];

/// Plays that look at one reference.
const OF_REFERENCES: &[fn(&Reference, &mut Owing<'_>)] = &[references::brief_reference];

/// Plays that look at one connection.
const OF_CONNECTIONS: &[fn(&Connection, &mut Owing<'_>)] =
    &[connections::follow_introduction, connections::keep_in_touch];

/// Plays that look at one opening.
const OF_OPENINGS: &[fn(&Opening, &mut Owing<'_>)] = &[search::apply_to_opening];

/// Plays that look at one note.
const OF_NOTES: &[fn(&Note, &mut Owing<'_>)] = &[notes::review_note];

/// Plays that look at the person.
const OF_THE_PERSON: &[fn(&Candidate, &mut Owing<'_>)] = &[search::keep_looking];

/// The default playbook.
pub const PLAYBOOK: &[&Play] = &[
    &interviews::BRING_QUESTIONS,
    &interviews::RECORD_INTERVIEW,
    &interviews::NAME_INTERVIEWERS,
    &contacts::COMPLETE_CARD,
    &debrief::DEBRIEF,
    &notes::WRITE_THANK_YOU,
    &notes::REVIEW_NOTE,
    &status::ASK_DECISION_DATE,
    &next_round::ASK_NEXT_ROUND,
    &status::ENQUIRE_STATUS,
    &documents::ANSWER_DOCUMENT_REQUEST,
    &next_round::PREPARE_NEXT_ROUND,
    &research::REFRESH_RESEARCH,
    &research::RECONSIDER,
    &search::KEEP_LOOKING,
    &search::APPLY_TO_OPENING,
    &references::BRIEF_REFERENCE,
    &references::NOTIFY_REFERENCE,
    &debrief::PLAN_REPAIR,
    &debrief::MAKE_REPAIR,
    &connections::NOTIFY_CONNECTION,
    &connections::FOLLOW_INTRODUCTION,
    &connections::KEEP_IN_TOUCH,
    &outcome::ANSWER_OFFER,
    &outcome::WITHDRAW_OTHERS,
    &rejection::THANK_FOR_REJECTION,
    &rejection::ASK_FEEDBACK,
    &rejection::KEEP_DOOR_OPEN,
    &rejection::REVISIT,
    &connections::THANK_HELPERS,
];

/// Changes with every change of what is derived from the log: rows derived by another release are
/// derived anew.
pub const DERIVATION: i64 = 5;

/// How a task ended, if it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It has not: it waits, is open or overdue.
    Live,
    /// A fact closed it.
    Done(EventId, Timestamp),
    /// Its reason is gone; the fact that took it, where there is one.
    Void(Option<EventId>),
}

/// A task as the state owes it, whatever the clock says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// Its id, derived from the play and its key.
    pub id: TaskId,
    /// The play that raises it.
    pub play: &'static Play,
    /// The application it belongs to; none for tasks of the person.
    pub application: Option<ApplicationId>,
    /// The interview it follows.
    pub interview: Option<InterviewId>,
    /// The contact it concerns.
    pub contact: Option<ContactId>,
    /// The thing it is about.
    pub about: Option<Subject>,
    /// What its title says of that thing.
    pub words: Arc<str>,
    /// The facts that raise it.
    pub raised_by: Vec<EventId>,
    /// A standing task moves on: what was done to it by hand before this no longer counts.
    pub since: Option<Timestamp>,
    /// When it opens.
    pub opens_at: Timestamp,
    /// When it is due.
    pub due_at: Option<Timestamp>,
    /// By when a letter on paper must be in the post.
    pub post_by: Option<Timestamp>,
    /// The zone of its wall-clock times.
    pub zone: Zone,
    /// How it ended.
    pub ending: Ending,
}

impl Owed {
    /// The fact that closed it.
    pub(crate) const fn closed_with(&self) -> Option<EventId> {
        match self.ending {
            Ending::Done(event, _) => Some(event),
            Ending::Live | Ending::Void(_) => None,
        }
    }

    /// Whether it is done by now or since this stamp.
    pub(crate) fn done(mut self, by: Option<(EventId, Stamp)>) -> Self {
        if let Some((event, stamp)) = by {
            self.ending = Ending::Done(event, stamp.at);
        }
        self
    }

    pub(crate) fn void_if(mut self, void: bool, by: Option<EventId>) -> Self {
        if void && self.ending == Ending::Live {
            self.ending = Ending::Void(by);
        }
        self
    }
}

/// Collects what is owed.
pub(crate) struct Owing<'a> {
    pub(crate) candidate: &'a Candidate,
    application: Option<&'a Application>,
    owed: Vec<Owed>,
}

impl Owing<'_> {
    /// A task of the play under this key, raised by a fact at a moment: it opens and is due by the
    /// play's numbers.
    pub(crate) fn raise(
        &self,
        play: &'static Play,
        key: impl std::fmt::Display,
        raised_by: EventId,
        from: Timestamp,
    ) -> Owed {
        let zone = self
            .application
            .map_or_else(|| self.candidate.zone(), |application| application.zone(self.candidate));
        let opens_at = self.opens_after(self.opens(play), from, &zone);
        Owed {
            id: task_id(self.candidate.id, play, key),
            play,
            application: self.application.map(|application| application.id),
            interview: None,
            contact: None,
            about: None,
            words: "".into(),
            raised_by: vec![raised_by],
            since: None,
            due_at: Some(self.due_after(self.due(play), opens_at, &zone)),
            opens_at,
            post_by: None,
            zone,
            ending: Ending::Live,
        }
    }

    /// How long tasks of a play wait, by the candidate's playbook.
    pub(crate) fn opens(&self, play: &Play) -> Period {
        self.candidate.playbook.opens(play)
    }

    /// How long tasks of a play have, by the candidate's playbook.
    pub(crate) fn due(&self, play: &Play) -> Period {
        self.candidate.playbook.due(play)
    }

    /// A further number of a play, by the candidate's playbook.
    pub(crate) fn period(&self, play: &Play, number: &Numbered) -> Period {
        self.candidate.playbook.period(play, number)
    }

    /// When something opens that waits this long, by the candidate's working days.
    pub(crate) fn opens_after(&self, period: Period, from: Timestamp, zone: &Zone) -> Timestamp {
        period.opens_after(from, zone, &self.candidate.playbook.holidays)
    }

    /// When something is due that has this long, by the candidate's working days.
    pub(crate) fn due_after(&self, period: Period, from: Timestamp, zone: &Zone) -> Timestamp {
        period.due_after(from, zone, &self.candidate.playbook.holidays)
    }

    /// Owes a task. A final outcome voids what is still live, except what outlives it.
    pub(crate) fn owe(&mut self, owed: Owed) {
        giving_way::step();
        let outcome = self.application.and_then(Application::outcome);
        let void = outcome.is_some() && !owed.play.outlives_outcome;
        self.owed.push(owed.void_if(void, outcome.map(|outcome| outcome.event)));
    }

    /// Owes a task that outlives the outcome, whatever its play says.
    pub(crate) fn owe_beyond(&mut self, owed: Owed) {
        self.owed.push(owed);
    }
}

/// A task's id is derived from the play and its key, so that corrections and replays keep it.
pub(crate) fn task_id(candidate: CandidateId, play: &Play, key: impl std::fmt::Display) -> TaskId {
    TaskId::new(Uuid::new_v5(
        &candidate.uuid(),
        format!("{}|{key}", play.name).as_bytes(),
    ))
}

/// What the state owes for one application, contact, reference, connection or opening, or for the person.
pub(crate) fn owed_for(candidate: &Candidate, of: Of) -> Vec<Owed> {
    fn each<T>(plays: &[fn(&T, &mut Owing<'_>)], thing: Option<&T>, owing: &mut Owing<'_>) {
        if let Some(thing) = thing {
            plays.iter().for_each(|play| play(thing, owing));
        }
    }
    let application = match of {
        Of::Application(id) => candidate.application(id),
        _ => None,
    };
    let mut owing = Owing {
        candidate,
        application,
        owed: Vec::new(),
    };
    match of {
        Of::Application(_) => each(OF_APPLICATIONS, application, &mut owing),
        Of::Contact(id) => each(OF_CONTACTS, candidate.contacts.get(&id).map(Arc::as_ref), &mut owing),
        Of::Reference(id) => each(
            OF_REFERENCES,
            candidate.references.get(&id).map(Arc::as_ref),
            &mut owing,
        ),
        Of::Connection(id) => each(
            OF_CONNECTIONS,
            candidate.connections.get(&id).map(Arc::as_ref),
            &mut owing,
        ),
        Of::Opening(id) => each(
            OF_OPENINGS,
            candidate.search.openings.get(&id).map(Arc::as_ref),
            &mut owing,
        ),
        Of::Note(id) => each(OF_NOTES, candidate.notes.get(&id).map(Arc::as_ref), &mut owing),
        Of::Person => each(OF_THE_PERSON, Some(candidate), &mut owing),
    }
    owing.owed
}

/// The path of an application under its candidate.
pub(crate) fn of_application(owed: &Owed, rest: &str) -> String {
    applications::path(owed.application, rest)
}

#[cfg(test)]
mod tests;
