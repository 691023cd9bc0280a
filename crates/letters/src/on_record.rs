//! What the candidate's own record says around a letter.

use std::{collections::BTreeSet, sync::Arc};

use afterword_domain::{
    applications::Application,
    candidate::Candidate,
    contacts::{Contact, ContactStatus},
    fact::Fact,
    ids::{ContactId, InterviewId, NoteId},
    notes::{Note, NoteChannel, NoteDrafted, NoteKind, NoteStatus, Purpose},
    values::PostalAddress,
};
use jiff::Timestamp;

use crate::{Address, Context, Organisation, Other, Person, Sender};

impl Context {
    /// What is on record around a letter as it is drafted; `own` is the note itself, where it is stored.
    pub fn on_record(candidate: &Candidate, draft: &NoteDrafted, own: Option<NoteId>, now: Timestamp) -> Self {
        let application_id = draft.application(candidate);
        let application = application_id.and_then(|id| candidate.application(id));
        let profile = candidate.profile.as_ref();
        let cards = candidate.contacts.values().map(Arc::as_ref);
        let known = cards.filter(|card| card.status == ContactStatus::Known && !draft.recipients.contains(&card.id));
        let round = application.and_then(|application| round(application, draft));
        let alike = alike(candidate, application, draft, round, own);
        let served = application_id.and_then(|application| {
            let purpose = Purpose {
                kind: draft.kind,
                application,
                interview: draft.interview,
                about: draft.about,
                recipients: &draft.recipients,
            };
            purpose.serves(candidate, now)
        });
        let others = candidate
            .applications
            .values()
            .filter(|it| Some(it.id) != application_id);
        Self {
            kind: draft.kind,
            channel: draft.channel,
            locale: profile.and_then(|it| it.locale.get().as_ref()).map(ToString::to_string),
            sender: Sender {
                name: profile.map(|it| it.name.get().to_string()).unwrap_or_default(),
                strengths: profile.map_or_else(Vec::new, |it| {
                    it.strengths.get().iter().map(ToString::to_string).collect()
                }),
                address: profile.and_then(|it| it.postal_address.get().as_ref()).map(address),
            },
            recipients: draft
                .recipients
                .iter()
                .filter_map(|id| candidate.contacts.get(id))
                .map(|card| person(card))
                .collect(),
            people: known.map(person).collect(),
            organisation: application.map(|it| Organisation {
                name: it.organisation.name.to_string(),
                address: it.organisation.address.as_ref().map(address),
            }),
            other_organisations: others.map(|it| it.organisation.name.to_string()).collect(),
            position: application.map(|it| it.position.to_string()),
            talked_about: application.map_or_else(Vec::new, |it| talked_about(candidate, it, round)),
            terms: application.map_or_else(Vec::new, terms),
            now: Some(now),
            due_at: served.and_then(|task| task.due_at),
            post_by: served.and_then(|task| task.post_by),
            // Whoever was in one room may show each other their letters; references and connections do not.
            panel: match draft.kind {
                NoteKind::ThankYou | NoteKind::RejectionThanks => {
                    alike.iter().filter_map(|note| other(candidate, note)).collect()
                }
                _ => Vec::new(),
            },
            unreached: round.map_or_else(Vec::new, |round| unreached(candidate, round, draft, &alike)),
        }
    }
}

fn address(address: &PostalAddress) -> Address {
    Address {
        lines: address.lines.iter().map(ToString::to_string).collect(),
        city: address.city.to_string(),
        postal_code: address.postal_code.to_string(),
    }
}

fn person(card: &Contact) -> Person {
    Person {
        name: card.name.get().to_string(),
        title: card.title.get().as_ref().map(ToString::to_string),
        organisation: card.organisation_name.get().as_ref().map(ToString::to_string),
        address: card.postal_address.get().as_ref().map(address),
    }
}

/// The interview that a letter follows: said so, else the last that was held with one of its readers.
fn round(application: &Application, draft: &NoteDrafted) -> Option<InterviewId> {
    let met = |contacts: &[ContactId]| contacts.iter().any(|contact| draft.recipients.contains(contact));
    draft.interview.or_else(|| {
        let held = application
            .interviews
            .values()
            .filter(|it| it.ended_at().is_some() && met(it.interviewers()));
        held.max_by_key(|it| it.ended_at()).map(|it| it.id)
    })
}

/// The other letters of its kind that follow the same interview.
fn alike<'a>(
    candidate: &'a Candidate,
    application: Option<&Application>,
    draft: &NoteDrafted,
    interview: Option<InterviewId>,
    own: Option<NoteId>,
) -> Vec<&'a Note> {
    let Some(application) = application else {
        return Vec::new();
    };
    let notes = candidate.notes.values().map(Arc::as_ref);
    notes
        .filter(|note| Some(note.id) != own && note.kind == draft.kind && note.status != NoteStatus::Discarded)
        .filter(|note| note.application(candidate) == Some(application.id))
        .filter(|note| round(application, &note.draft()) == interview)
        .collect()
}

fn other(candidate: &Candidate, note: &Note) -> Option<Other> {
    let to = note.recipients.get().iter().filter_map(|id| candidate.contacts.get(id));
    Some(Other {
        to: to.map(|card| card.name.get().to_string()).collect(),
        body: note.body.get().as_ref()?.to_string(),
    })
}

/// Who was in the room of an interview that was held, and has no thank-you, drafted or sent.
pub(crate) fn unthanked(candidate: &Candidate, application: &Application, interview: InterviewId) -> Vec<ContactId> {
    let draft = NoteDrafted {
        kind: NoteKind::ThankYou,
        recipients: Vec::new(),
        channel: NoteChannel::Email,
        body: None,
        subject_line: None,
        application: Some(application.id),
        interview: Some(interview),
        about: None,
        expected_on: None,
    };
    let alike = alike(candidate, Some(application), &draft, Some(interview), None);
    let has_one = |id: &ContactId| alike.iter().any(|note| note.recipients.get().contains(id));
    let room = candidate.interview(interview).map_or(&[][..], |it| it.interviewers());
    room.iter().copied().filter(|id| !has_one(id)).collect()
}

/// Who was in the room and has no letter.
fn unreached(candidate: &Candidate, round: InterviewId, draft: &NoteDrafted, alike: &[&Note]) -> Vec<String> {
    if draft.kind != NoteKind::ThankYou {
        return Vec::new();
    }
    let reached: BTreeSet<ContactId> = alike
        .iter()
        .flat_map(|note| note.recipients.get())
        .chain(&draft.recipients)
        .copied()
        .collect();
    let room = candidate.interview(round).map_or(&[][..], |it| it.interviewers());
    let cards = room
        .iter()
        .filter(|id| !reached.contains(id))
        .filter_map(|id| candidate.contacts.get(id));
    cards
        .filter(|card| card.status == ContactStatus::Known)
        .map(|card| card.name.get().to_string())
        .collect()
}

/// Questions, unsaid strengths, planned repairs, research worth mentioning.
fn talked_about(candidate: &Candidate, application: &Application, round: Option<InterviewId>) -> Vec<String> {
    let of_round = |interview: InterviewId| round.is_none_or(|round| round == interview);
    let questions = application
        .questions
        .values()
        .filter(|it| of_round(it.interview))
        .map(|it| it.question.to_string());
    let repairs = application
        .repairs
        .values()
        .filter(|it| of_round(it.interview))
        .map(|it| it.text.to_string());
    let research = application.research.values().map(|it| it.headline.to_string());
    let unsaid = round
        .and_then(|round| candidate.debrief(round))
        .map(|it| it.unsaid_strengths);
    let unsaid = unsaid.into_iter().flatten().map(|it| it.to_string());
    questions.chain(repairs).chain(research).chain(unsaid).collect()
}

/// Words of the application that are right as they stand.
fn terms(application: &Application) -> Vec<String> {
    let places = application
        .interviews
        .values()
        .filter_map(|it| it.location.get().as_ref())
        .map(ToString::to_string);
    let documents = application.document_requests.values().map(|it| it.document.to_string());
    let industry = application.organisation.industry.iter().map(ToString::to_string);
    places.chain(documents).chain(industry).collect()
}
