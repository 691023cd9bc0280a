//! What is to be composed, made definite: which application, which interview, about what, to whom. What could be no such
//! note is refused with the field and the reason.

use afterword_domain::{
    applications::Application,
    candidate::Candidate,
    contacts::ContactStatus,
    documents::DocumentRequestStatus,
    ids::{ApplicationId, ContactId, InterviewId, Subject},
    notes::{NoteChannel, NoteKind},
    status,
};
use jiff::Timestamp;

use super::Wanted;
use crate::{on_record::unthanked, templates::Tone};

/// Why there can be no such note: the field, as a JSON pointer, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The field.
    pub pointer: String,
    /// The reason.
    pub detail: String,
}

pub(super) fn unfit<T>(pointer: impl Into<String>, detail: &str) -> Result<T, Unfit> {
    Err(Unfit {
        pointer: pointer.into(),
        detail: detail.to_owned(),
    })
}

/// What is to be composed.
pub(super) struct Purpose {
    pub(super) kind: NoteKind,
    pub(super) application: Option<ApplicationId>,
    pub(super) interview: Option<InterviewId>,
    pub(super) channel: Option<NoteChannel>,
    pub(super) tone: Tone,
    pub(super) readers: Vec<Reader>,
}

/// Who gets a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reader {
    pub(super) contact: Option<ContactId>,
    /// The place in the panel, by which each gets something else to read.
    pub(super) seat: usize,
    /// What the letter to this reader is about.
    pub(super) about: Option<Subject>,
}

impl Purpose {
    pub(super) fn of(candidate: &Candidate, wanted: &Wanted, now: Timestamp) -> Result<Self, Unfit> {
        let named = named(candidate, wanted)?;
        let kind = wanted.kind;
        fits(kind, wanted.about)?;
        let place = wanted
            .application
            .or_else(|| candidate.place_of(wanted.interview?.into()))
            .or_else(|| candidate.place_of(wanted.about?));
        let mut purpose = Self {
            kind,
            application: place,
            interview: wanted.interview,
            channel: wanted.channel,
            tone: wanted.tone.unwrap_or_default(),
            readers: Vec::new(),
        };
        purpose.readers = match kind {
            NoteKind::ThankYou => purpose.thanks(candidate, wanted, named)?,
            NoteKind::StatusEnquiry => {
                let application = purpose.placed(candidate)?;
                if application.outcome().is_some() {
                    return unfit("/application", "has ended: there is nothing left to ask");
                }
                purpose.interview = purpose.interview.or_else(|| latest_held(application));
                to(named, right_person(candidate, application, now), None)
            }
            NoteKind::DocumentProgress => purpose.progress(candidate, wanted, named, now)?,
            NoteKind::ReferenceNotice | NoteKind::ConnectionNotice => {
                purpose.notice(candidate, wanted, named.as_deref(), now)?
            }
            NoteKind::RejectionThanks | NoteKind::FeedbackRequest => {
                purpose.rejection(candidate, wanted, named, now)?
            }
            NoteKind::Other => purpose.other(candidate, wanted, named, now)?,
        };
        Ok(purpose)
    }

    /// The application, by default the one whose interview was held last, else the only one.
    pub(super) fn placed<'a>(&mut self, candidate: &'a Candidate) -> Result<&'a Application, Unfit> {
        let held = || {
            let all = candidate.applications.values().flat_map(|it| it.interviews.values());
            let last = all.filter(|it| it.ended_at().is_some()).max_by_key(|it| it.ended_at());
            last.map(|it| it.application)
        };
        let only = || {
            let mut all = candidate.applications.keys();
            all.next().filter(|_| candidate.applications.len() == 1).copied()
        };
        let found = self.application.or_else(held).or_else(only);
        match found.and_then(|id| candidate.application(id)) {
            Some(application) => {
                self.application = Some(application.id);
                Ok(application)
            }
            None if candidate.applications.is_empty() => {
                unfit("/application", "there is none yet that it could be about")
            }
            None => unfit(
                "/application",
                "must say which application it is about: there are several",
            ),
        }
    }

    fn thanks(
        &mut self,
        candidate: &Candidate,
        wanted: &Wanted,
        named: Option<Vec<ContactId>>,
    ) -> Result<Vec<Reader>, Unfit> {
        const NONE: &str = "no interview was held that one could give thanks for: record it as held first";
        let said = wanted
            .interview
            .or_else(|| wanted.about.and_then(|about| InterviewId::try_from(about).ok()));
        let application = match said {
            Some(id) => candidate.place_of(id.into()).and_then(|id| candidate.application(id)),
            None => self.placed(candidate).ok(),
        };
        let Some(application) = application else {
            return unfit("/interview", NONE);
        };
        let Some(interview) = said.or_else(|| latest_held(application)) else {
            return unfit("/interview", NONE);
        };
        if candidate.interview(interview).is_none_or(|it| it.ended_at().is_none()) {
            return unfit(
                "/interview",
                "was not held, as far as is recorded: there is nothing to give thanks for yet",
            );
        }
        self.application = Some(application.id);
        self.interview = Some(interview);
        let room = candidate.interview(interview).map_or(&[][..], |it| it.interviewers());
        if let Some(stranger) = named
            .iter()
            .flatten()
            .position(|contact| !room.is_empty() && !room.contains(contact))
        {
            return unfit(
                format!("/recipients/{stranger}"),
                "was not in the room of that interview, as far as is recorded: name them as an interviewer first",
            );
        }
        if room.is_empty() && named.is_none() {
            return Ok(to(None, None, None));
        }
        let known = |id: &ContactId| {
            candidate
                .contacts
                .get(id)
                .is_some_and(|it| it.status == ContactStatus::Known)
        };
        let owed = || {
            unthanked(candidate, application, interview)
                .into_iter()
                .filter(known)
                .collect()
        };
        let seat = |contact: ContactId| room.iter().position(|it| *it == contact);
        let readers = named.unwrap_or_else(owed).into_iter().enumerate();
        Ok(readers
            .map(|(nth, contact)| Reader {
                contact: Some(contact),
                seat: seat(contact).unwrap_or(nth),
                about: wanted.about,
            })
            .collect())
    }

    fn progress(
        &mut self,
        candidate: &Candidate,
        wanted: &Wanted,
        named: Option<Vec<ContactId>>,
        now: Timestamp,
    ) -> Result<Vec<Reader>, Unfit> {
        use DocumentRequestStatus::{Delayed, Open};
        let requests = candidate.applications.values();
        let requests = requests.filter(|it| self.application.is_none_or(|id| it.id == id));
        let owed = requests
            .flat_map(|it| it.document_requests.values())
            .filter(|it| matches!(it.status, Open | Delayed))
            .max_by_key(|it| it.requested_at())
            .map(|it| it.id);
        let said = wanted.about.and_then(|about| about.try_into().ok());
        let Some(request) = said.or(owed).and_then(|id| candidate.document_request(id)) else {
            return unfit("/about", "no document is owed that one could report on");
        };
        if !matches!(request.status, Open | Delayed) {
            return unfit("/about", "is no longer owed: it was sent or is no longer wanted");
        }
        self.application = Some(request.application);
        let application = self.placed(candidate)?;
        let asked = request.requested_by.filter(|id| is_known(candidate, *id));
        let contact = asked.or_else(|| right_person(candidate, application, now));
        Ok(to(named, contact, Some(request.id.into())))
    }

    fn rejection(
        &mut self,
        candidate: &Candidate,
        wanted: &Wanted,
        named: Option<Vec<ContactId>>,
        now: Timestamp,
    ) -> Result<Vec<Reader>, Unfit> {
        let said = wanted.about.and_then(|about| about.try_into().ok());
        let all = candidate.applications.values();
        let newest = all
            .filter(|it| self.application.is_none_or(|id| it.id == id))
            .filter_map(|it| it.newest_rejection())
            .max_by_key(|it| it.received.1)
            .map(|it| it.id);
        let Some(rejection) = said.or(newest).and_then(|id| candidate.rejection(id)) else {
            return unfit("/application", "no rejection is recorded that one could answer");
        };
        self.application = Some(rejection.application);
        let application = self.placed(candidate)?;
        self.interview = self.interview.or_else(|| latest_held(application));
        let contact = rejection.from_contact().filter(|id| is_known(candidate, *id));
        let contact = contact.or_else(|| right_person(candidate, application, now));
        Ok(to(named, contact, Some(rejection.id.into())))
    }

    fn other(
        &mut self,
        candidate: &Candidate,
        wanted: &Wanted,
        named: Option<Vec<ContactId>>,
        now: Timestamp,
    ) -> Result<Vec<Reader>, Unfit> {
        let about = wanted.about;
        let mut contact = match about {
            Some(Subject::Reference(id)) => candidate.reference(id).map(|it| it.contact),
            Some(Subject::Connection(id)) => candidate.connection(id).map(|it| it.contact),
            Some(Subject::Introduction(id)) => {
                let introduction = candidate.introduction(id);
                let connection = introduction.and_then(|it| candidate.connection(it.connection));
                connection.map(|it| it.contact)
            }
            Some(Subject::Repair(id)) => {
                let repair = candidate.repair(id);
                self.interview = repair.map(|it| it.interview).or(self.interview);
                let room = self.interview.and_then(|id| candidate.interview(id));
                room.and_then(|it| it.interviewers().first().copied())
            }
            _ => None,
        };
        let of_a_person = matches!(
            about,
            Some(Subject::Reference(_) | Subject::Connection(_) | Subject::Introduction(_))
        );
        if !of_a_person {
            match self.placed(candidate) {
                Ok(application) => {
                    contact = contact.or_else(|| right_person(candidate, application, now));
                }
                // A letter to somebody, of which nothing else is known.
                Err(_) if named.is_some() => {}
                Err(unfit) => return Err(unfit),
            }
        }
        Ok(to(named, contact.filter(|id| is_known(candidate, *id)), about))
    }
}

/// The readers that were named, or this one, or nobody in particular.
fn to(named: Option<Vec<ContactId>>, contact: Option<ContactId>, about: Option<Subject>) -> Vec<Reader> {
    let reader = |(seat, contact)| Reader { contact, seat, about };
    match named {
        Some(named) => named.into_iter().map(Some).enumerate().map(reader).collect(),
        None => vec![reader((0, contact))],
    }
}

/// The readers that the request names; they must be known, and nobody gets two.
fn named(candidate: &Candidate, wanted: &Wanted) -> Result<Option<Vec<ContactId>>, Unfit> {
    let Some(named) = wanted.recipients.as_deref().filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    for (nth, contact) in named.iter().enumerate() {
        if !is_known(candidate, *contact) {
            return unfit(format!("/recipients/{nth}"), "is nobody who is still known");
        }
        if named[..nth].contains(contact) {
            return unfit(format!("/recipients/{nth}"), "stands there twice");
        }
    }
    Ok(Some(named.to_vec()))
}

/// Whether a note of this kind can be about such a thing.
fn fits(kind: NoteKind, about: Option<Subject>) -> Result<(), Unfit> {
    let (fits, told) = match kind {
        NoteKind::ThankYou => (matches!(about, Some(Subject::Interview(_))), "an interview"),
        NoteKind::StatusEnquiry => (matches!(about, Some(Subject::Application(_))), "an application"),
        NoteKind::DocumentProgress => (matches!(about, Some(Subject::DocumentRequest(_))), "a document request"),
        NoteKind::ReferenceNotice => (matches!(about, Some(Subject::Reference(_))), "a reference"),
        NoteKind::ConnectionNotice => (matches!(about, Some(Subject::Connection(_))), "a connection"),
        NoteKind::RejectionThanks | NoteKind::FeedbackRequest => {
            (matches!(about, Some(Subject::Rejection(_))), "a rejection")
        }
        NoteKind::Other => (
            matches!(
                about,
                Some(
                    Subject::Application(_)
                        | Subject::Offer(_)
                        | Subject::Reference(_)
                        | Subject::Connection(_)
                        | Subject::Introduction(_)
                        | Subject::Repair(_)
                )
            ),
            "an application, an offer, a reference, a connection, an introduction or a repair",
        ),
    };
    if about.is_none() || fits {
        return Ok(());
    }
    unfit("/about", &format!("must be the id of {told} for a note of this kind"))
}

/// Whom to ask where things stand.
fn right_person(candidate: &Candidate, application: &Application, now: Timestamp) -> Option<ContactId> {
    let contact = status::advice(candidate, application, now).contact;
    contact.filter(|id| is_known(candidate, *id))
}

pub(super) fn is_known(candidate: &Candidate, contact: ContactId) -> bool {
    let card = candidate.contacts.get(&contact);
    card.is_some_and(|card| card.status == ContactStatus::Known)
}

pub(super) fn latest_held(application: &Application) -> Option<InterviewId> {
    let held = application.interviews.values().filter(|it| it.ended_at().is_some());
    held.max_by_key(|it| it.ended_at()).map(|it| it.id)
}
