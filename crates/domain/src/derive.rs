//! Deriving: when a fact has changed the state, the tasks of what it touched are worked out again, and of
//! nothing else, so that the cost of a fact does not grow with history. What a change touches is its own
//! application or contact, and what is tied to it: people met in interviews, other applications at the
//! same organisation, and everything once an offer is accepted.

use std::{collections::BTreeSet, sync::Arc};

use imbl::{OrdMap, OrdSet, ordmap::DiffItem};

use crate::{
    applications::{Application, Status},
    candidate::{Candidate, Things},
    contacts::Contact,
    ids::{ApplicationId, ContactId, EventId, InterviewId, TaskId},
    play::{self, Ending, Owed},
    time::Stamp,
    values::organisation_key,
};

/// Whose tasks are derived together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    Application(ApplicationId),
    Contact(ContactId),
}

/// What ties applications and contacts together. Who was met and who is there only ever grows: what is
/// found must be checked against the state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ties {
    met: OrdMap<ContactId, OrdSet<InterviewId>>,
    there: OrdMap<String, There>,
    accepted: OrdSet<(Stamp, EventId, ApplicationId)>,
}

/// Who is at an organisation.
#[derive(Debug, Clone, Default)]
struct There {
    applications: OrdSet<ApplicationId>,
    contacts: OrdSet<ContactId>,
}

impl Ties {
    /// The interviews in which a contact was ever named.
    pub(crate) fn met(&self, contact: ContactId) -> impl Iterator<Item = InterviewId> {
        self.met.get(&contact).into_iter().flatten().copied()
    }

    /// The applications that were ever at the organisation of this name.
    pub(crate) fn applications_at(&self, organisation: &str) -> impl Iterator<Item = ApplicationId> {
        let there = self.there.get(&organisation_key(organisation));
        there.into_iter().flat_map(|there| there.applications.iter().copied())
    }

    /// The contacts who were ever at the organisation of this name.
    pub(crate) fn contacts_at(&self, organisation: &str) -> impl Iterator<Item = ContactId> {
        let there = self.there.get(&organisation_key(organisation));
        there.into_iter().flat_map(|there| there.contacts.iter().copied())
    }

    /// The first offer that was accepted and still is.
    pub(crate) fn accepted(&self) -> Option<(Stamp, EventId, ApplicationId)> {
        self.accepted.get_min().copied()
    }

    fn there(&mut self, organisation: &str) -> &mut There {
        self.there.entry(organisation_key(organisation)).or_default()
    }
}

/// What two states of a thing were, where they differ.
type Change<Thing> = (Option<Arc<Thing>>, Option<Arc<Thing>>);

/// The things that differ between two states.
fn changes<Id: Copy + Ord, Thing: PartialEq>(
    before: &Things<Id, Thing>,
    after: &Things<Id, Thing>,
) -> Vec<(Id, Change<Thing>)> {
    let change = |item| match item {
        DiffItem::Add(id, new) => (*id, (None, Some(Arc::clone(new)))),
        DiffItem::Update {
            old: (id, old),
            new: (_, new),
        } => (*id, (Some(Arc::clone(old)), Some(Arc::clone(new)))),
        DiffItem::Remove(id, old) => (*id, (Some(Arc::clone(old)), None)),
    };
    before.diff(after).map(change).collect()
}

/// The ids of things that differ between two states.
pub(crate) fn changed<Id: Copy + Ord, Thing: PartialEq>(
    before: &Things<Id, Thing>,
    after: &Things<Id, Thing>,
) -> BTreeSet<Id> {
    changes(before, after).into_iter().map(|(id, _)| id).collect()
}

/// What is to be derived again.
#[derive(Default)]
struct Touched {
    applications: BTreeSet<ApplicationId>,
    contacts: BTreeSet<ContactId>,
}

impl Candidate {
    /// Derives again the tasks of everything that a fact touched.
    pub(crate) fn derive(&mut self, before: &Self) {
        let mut touched = Touched::default();
        let accepted = self.ties.accepted();
        let moved = changes(&before.applications, &self.applications);
        for (id, (then, _)) in moved {
            self.settle(id);
            self.tie_application(id, then.as_deref(), &mut touched);
        }
        for (id, (then, now)) in changes(&before.contacts, &self.contacts) {
            self.tie_contact(id, then.as_deref(), now.as_deref(), &mut touched);
        }
        // The zone dates everything anew, and an accepted offer asks for a word to all others.
        if self.zone() != before.zone() || self.ties.accepted() != accepted {
            let all: Vec<_> = self.applications.keys().copied().collect();
            all.iter().for_each(|id| self.settle(*id));
            touched.applications.extend(all);
        }
        for id in touched.applications {
            if let Some(application) = self.applications.get(&id).cloned() {
                let owed = play::owed_for_application(self, &application);
                self.owe(Of::Application(id), owed);
            }
        }
        for id in touched.contacts {
            if let Some(contact) = self.contacts.get(&id).cloned() {
                let owed = play::owed_for_contact(self, &contact);
                self.owe(Of::Contact(id), owed);
            }
        }
    }

    fn settle(&mut self, id: ApplicationId) {
        let Some(application) = self.applications.get(&id) else {
            return;
        };
        let settled = application.settled(self);
        if let Some(application) = self.applications.get_mut(&id).filter(|it| it.settled != settled) {
            Arc::make_mut(application).settled = settled;
        }
    }

    fn tie_application(&mut self, id: ApplicationId, then: Option<&Application>, touched: &mut Touched) {
        let Some(now) = self.applications.get(&id).cloned() else {
            return;
        };
        touched.applications.insert(id);
        let accepted = |application: &Application| {
            let outcome = application.outcome().filter(|it| it.status == Status::Accepted)?;
            Some((outcome.stamp, outcome.event, id))
        };
        if let Some(accepted) = then.and_then(accepted) {
            self.ties.accepted.remove(&accepted);
        }
        if let Some(accepted) = accepted(&now) {
            self.ties.accepted.insert(accepted);
        }

        let none = Things::new();
        let ended = then.is_some_and(|then| then.outcome() != now.outcome());
        let interviews = then.filter(|_| !ended).map_or(&none, |then| &then.interviews);
        for (interview, (then, now)) in changes(interviews, &now.interviews) {
            for contact in [then, now].iter().flatten().flat_map(|it| it.interviewers()) {
                self.ties.met.entry(*contact).or_default().insert(interview);
                touched.contacts.insert(*contact);
            }
        }

        let organisation = now.organisation.name.as_str();
        let was = then.map(|then| then.organisation.name.as_str());
        if was != Some(organisation) {
            self.ties.there(organisation).applications.insert(id);
            let there = was.into_iter().chain([organisation]);
            touched
                .applications
                .extend(there.flat_map(|name| self.ties.applications_at(name)));
        }
    }

    fn tie_contact(&mut self, id: ContactId, then: Option<&Contact>, now: Option<&Contact>, touched: &mut Touched) {
        touched.contacts.insert(id);
        let name = |contact: &Contact| contact.organisation_name.get().as_ref().map(ToString::to_string);
        let organisation = now.and_then(name);
        if let Some(organisation) = &organisation {
            self.ties.there(organisation).contacts.insert(id);
        }
        let there = [then.and_then(name), organisation];
        let there = there.iter().flatten().flat_map(|name| self.ties.applications_at(name));
        touched.applications.extend(there);
        if then.map(|it| it.status) != now.map(|it| it.status) {
            let met = self
                .ties
                .met(id)
                .filter_map(|interview| self.place_of(interview.into()));
            touched.applications.extend(met);
        }
    }

    /// Replaces what an application or a contact owes; what is no longer owed is void.
    fn owe(&mut self, of: Of, owed: Vec<Owed>) {
        let ids: Arc<[TaskId]> = owed.iter().map(|task| task.id).collect();
        for task in owed {
            if self.tasks.get(&task.id).is_none_or(|known| **known != task) {
                self.tasks.insert(task.id, Arc::new(task));
            }
        }
        let was = self.derived.get(&of).cloned().unwrap_or_default();
        if was == ids {
            return;
        }
        let still: BTreeSet<TaskId> = ids.iter().copied().collect();
        for id in was.iter().filter(|id| !still.contains(id)) {
            if let Some(task) = self
                .tasks
                .get_mut(id)
                .filter(|task| !matches!(task.ending, Ending::Void(_)))
            {
                Arc::make_mut(task).ending = Ending::Void(None);
            }
        }
        self.derived.insert(of, ids);
    }

    /// What an application owes, live or not.
    pub(crate) fn tasks_of(&self, application: ApplicationId) -> impl Iterator<Item = &Arc<Owed>> {
        let derived = self.derived.get(&Of::Application(application));
        derived
            .into_iter()
            .flat_map(|ids| ids.iter())
            .filter_map(|id| self.tasks.get(id))
    }
}
