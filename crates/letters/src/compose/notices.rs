//! Notices to references and connections: each letter is about one of them.

use afterword_domain::{
    candidate::Candidate,
    ids::{ContactId, Subject},
    notes::NoteKind,
    references::ReferenceStatus,
};
use jiff::Timestamp;

use super::{
    Wanted,
    purpose::{Purpose, Reader, Unfit, is_known, latest_held, unfit},
};

impl Purpose {
    /// To whom it is about, or whoever is named, or whoever is to be told by the playbook.
    pub(super) fn notice(
        &mut self,
        candidate: &Candidate,
        wanted: &Wanted,
        named: Option<&[ContactId]>,
        now: Timestamp,
    ) -> Result<Vec<Reader>, Unfit> {
        let of_reference = self.kind == NoteKind::ReferenceNotice;
        let (play, role) = if of_reference {
            (
                "notify_reference",
                "is not one of your references who agreed to speak for you",
            )
        } else {
            ("notify_connection", "is not one of your connections")
        };
        let application = self.placed(candidate)?;
        self.interview = self.interview.or_else(|| latest_held(application));
        let held = self
            .interview
            .is_some_and(|id| candidate.interview(id).is_some_and(|it| it.ended_at().is_some()));
        if of_reference && !held {
            return unfit(
                "/interview",
                "no interview was held that a reference could be told about",
            );
        }
        if !held {
            self.interview = None;
        }
        let about = |contact: ContactId| -> Option<Subject> {
            if of_reference {
                let mut all = candidate.references.values();
                let found = all.find(|it| it.contact == contact && speaks(candidate, it.id.into()));
                found.map(|it| it.id.into())
            } else {
                let mut all = candidate.connections.values();
                all.find(|it| it.contact == contact).map(|it| it.id.into())
            }
        };
        let who = |about: Subject| match about {
            Subject::Reference(id) => candidate.reference(id).map(|it| it.contact),
            Subject::Connection(id) => candidate.connection(id).map(|it| it.contact),
            _ => None,
        };
        let reader = |(seat, (contact, about)): (usize, (ContactId, Subject))| Reader {
            contact: Some(contact),
            seat,
            about: Some(about),
        };
        if let Some(said) = wanted.about {
            if of_reference && !speaks(candidate, said) {
                return unfit("/about", "does not speak for you, as far as is recorded");
            }
            let Some(contact) = who(said).filter(|id| is_known(candidate, *id)) else {
                return unfit("/about", "is about nobody who is still known");
            };
            let stranger = named.and_then(|named| named.iter().position(|it| *it != contact));
            if let Some(stranger) = stranger {
                return unfit(format!("/recipients/{stranger}"), "is somebody else than it is about");
            }
            return Ok(vec![reader((0, (contact, said)))]);
        }
        if let Some(named) = named {
            let mut readers = Vec::new();
            for (nth, contact) in named.iter().enumerate() {
                match about(*contact) {
                    Some(about) => readers.push(reader((nth, (*contact, about)))),
                    None => return unfit(format!("/recipients/{nth}"), role),
                }
            }
            return Ok(readers);
        }
        // Whoever is to be told by the playbook.
        let owed = candidate.tasks.values().filter(|owed| {
            owed.play.name == play
                && owed.application == self.application
                && (!of_reference || owed.interview == self.interview)
                && candidate.state_of(owed, now).is_live()
        });
        let readers: Vec<Reader> = owed
            .filter_map(|owed| Some((owed.contact?, owed.about?)))
            .enumerate()
            .map(reader)
            .collect();
        Ok(readers)
    }
}

fn speaks(candidate: &Candidate, reference: Subject) -> bool {
    let reference = reference.try_into().ok().and_then(|id| candidate.reference(id));
    reference.is_some_and(|it| it.status == ReferenceStatus::Agreed)
}
