//! Deriving: when a fact has changed the state, the tasks of what it touched are worked out again, and of
//! nothing else, so that the cost of a fact does not grow with history. What a change touches is its own
//! application, contact, reference, connection or opening, and what is tied to it: people met in interviews, other
//! applications at the same organisation, whoever was told of an application, and everything once an offer is accepted.

use std::{collections::BTreeSet, sync::Arc};

use imbl::{OrdMap, OrdSet, ordmap::DiffItem};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::{
    applications::{Application, Status},
    candidate::{Candidate, Things},
    connections::Connection,
    contacts::Contact,
    giving_way,
    ids::{ApplicationId, ConnectionId, ContactId, EventId, InterviewId, NoteId, OpeningId, ReferenceId, TaskId},
    interviews::Interview,
    play::{self, Ending, Owed},
    references::Helper,
    time::Stamp,
    values::organisation_key,
};

const MICROSECOND: SignedDuration = SignedDuration::from_micros(1);

/// Whose tasks are derived together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    Application(ApplicationId),
    Contact(ContactId),
    Reference(ReferenceId),
    Connection(ConnectionId),
    Opening(OpeningId),
    Person,
    Note(NoteId),
}

/// What ties applications and contacts together. Who was met and who is there only ever grows: what is
/// found must be checked against the state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ties {
    met: OrdMap<ContactId, OrdSet<InterviewId>>,
    there: OrdMap<String, There>,
    accepted: OrdSet<(Stamp, EventId, ApplicationId)>,
    /// The interviews that were not cancelled, by when they begin.
    beginning: OrdSet<(Timestamp, InterviewId)>,
    /// The roles that a contact was ever given.
    roles: OrdMap<ContactId, Roles>,
    /// The applications that a connection was ever told of.
    told: OrdMap<ConnectionId, OrdSet<ApplicationId>>,
    /// The applications that ever came from an opening.
    opened: OrdMap<OpeningId, OrdSet<ApplicationId>>,
    /// References who have not answered yet.
    asked: OrdSet<ReferenceId>,
    /// The notes that an application ever had.
    written: OrdMap<ApplicationId, OrdSet<NoteId>>,
}

/// Who is at an organisation.
#[derive(Debug, Clone, Default)]
struct There {
    applications: OrdSet<ApplicationId>,
    contacts: OrdSet<ContactId>,
    connections: OrdSet<ConnectionId>,
}

/// What a contact is beside an acquaintance.
#[derive(Debug, Clone, Default)]
struct Roles {
    references: OrdSet<ReferenceId>,
    connections: OrdSet<ConnectionId>,
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

    /// The connections that ever knew the organisation of this name.
    pub(crate) fn connections_at(&self, organisation: &str) -> impl Iterator<Item = ConnectionId> {
        let there = self.there.get(&organisation_key(organisation));
        there.into_iter().flat_map(|there| there.connections.iter().copied())
    }

    /// The first interview that begins after a moment.
    pub(crate) fn next_interview(&self, after: Timestamp) -> Option<(Timestamp, InterviewId)> {
        let first = (
            after.checked_add(MICROSECOND).unwrap_or(after),
            InterviewId::new(Uuid::nil()),
        );
        self.beginning.range(first..).next().copied()
    }

    /// The applications that ever came from an opening.
    pub(crate) fn opened_from(&self, opening: OpeningId) -> impl Iterator<Item = ApplicationId> {
        self.opened.get(&opening).into_iter().flatten().copied()
    }

    /// The first offer that was accepted and still is.
    pub(crate) fn accepted(&self) -> Option<(Stamp, EventId, ApplicationId)> {
        self.accepted.get_min().copied()
    }

    fn opened_from_extend(&mut self, opening: Option<OpeningId>, application: ApplicationId) {
        if let Some(opening) = opening {
            self.opened.entry(opening).or_default().insert(application);
        }
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

/// To derive so many things again is as much as to fold one fact.
const AS_A_FOLD: usize = 16;

/// What is to be derived again.
#[derive(Default)]
struct Touched {
    applications: BTreeSet<ApplicationId>,
    contacts: BTreeSet<ContactId>,
    references: BTreeSet<ReferenceId>,
    connections: BTreeSet<ConnectionId>,
    openings: BTreeSet<OpeningId>,
    person: bool,
    notes: BTreeSet<NoteId>,
}

impl Touched {
    fn len(&self) -> usize {
        [
            self.applications.len(),
            self.contacts.len(),
            self.references.len(),
            self.connections.len(),
            self.openings.len(),
            usize::from(self.person),
            self.notes.len(),
        ]
        .into_iter()
        .sum()
    }

    fn each(self) -> impl Iterator<Item = Of> {
        let applications = self.applications.into_iter().map(Of::Application);
        applications
            .chain(self.contacts.into_iter().map(Of::Contact))
            .chain(self.references.into_iter().map(Of::Reference))
            .chain(self.connections.into_iter().map(Of::Connection))
            .chain(self.openings.into_iter().map(Of::Opening))
            .chain(self.person.then_some(Of::Person))
            // A note is due when what it serves is: after what it serves.
            .chain(self.notes.into_iter().map(Of::Note))
    }
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
        for (id, (then, now)) in changes(&before.connections, &self.connections) {
            self.tie_connection(id, then.as_deref(), now.as_deref(), &mut touched);
        }
        for id in changed(&before.introductions, &self.introductions) {
            let Some(introduction) = self.introductions.get(&id).cloned() else {
                continue;
            };
            touched.connections.insert(introduction.connection);
            let there = self.ties.there(introduction.organisation_name.as_str());
            there.connections.insert(introduction.connection);
        }
        for (id, (then, now)) in changes(&before.references, &self.references) {
            touched.references.insert(id);
            let Some(now) = now else { continue };
            self.ties.roles.entry(now.contact).or_default().references.insert(id);
            if now.is_asked() {
                self.ties.asked.insert(id);
            } else {
                self.ties.asked.remove(&id);
            }
            // Who speaks for the candidate is told of every interview.
            if then.is_none_or(|then| then.speaks() != now.speaks()) {
                touched.applications.extend(self.applications.keys().copied());
            }
        }
        if !Arc::ptr_eq(&before.search, &self.search) {
            touched.person = true;
            touched
                .openings
                .extend(changed(&before.search.openings, &self.search.openings));
        }
        // The zone dates everything anew, and an accepted offer asks for a word to all others.
        let adopted = !Arc::ptr_eq(&before.playbook, &self.playbook);
        let moved_house = adopted || self.zone() != before.zone();
        if moved_house || self.ties.accepted() != accepted {
            let all: Vec<_> = self.applications.keys().copied().collect();
            all.iter().for_each(|id| self.settle(*id));
            touched.applications.extend(all);
            touched.person = true;
        }
        for id in changed(&before.notes, &self.notes) {
            touched.notes.insert(id);
            let place = self.notes.get(&id).and_then(|note| note.application(self));
            if let Some(place) = place {
                self.ties.written.entry(place).or_default().insert(id);
            }
        }
        let written = touched.applications.iter().filter_map(|id| self.ties.written.get(id));
        touched.notes.extend(written.flatten().copied());
        if adopted {
            touched.contacts.extend(self.contacts.keys().copied());
        }
        if moved_house {
            touched.notes.extend(self.notes.keys().copied());
            touched.references.extend(self.references.keys().copied());
            touched.connections.extend(self.connections.keys().copied());
            touched.openings.extend(self.search.openings.keys().copied());
        }
        let anew = touched.len() / AS_A_FOLD;
        self.again += anew;
        self.anew += anew;
        for of in touched.each() {
            let mut owed = play::owed_for(self, of);
            if adopted {
                // What is done, or was no task under the playbook before, is none of the new one's.
                let was = before.derived.get(&of);
                let owed_before = |task: &Owed| was.is_some_and(|was| was.contains(&task.id));
                let new = owed.iter().filter(|task| !owed_before(task));
                let new: Vec<_> = new.map(|task| task.id).collect();
                new.into_iter().for_each(|task| self.spare(task));
            }
            let is_owed = |task: &Owed| self.playbook.plays(task.play) && !self.is_spared(task);
            owed.retain(|task| is_owed(task) || self.stands(task).is_some());
            self.owe(of, owed);
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
            let begins = |it: &Interview| it.cancelled.is_none().then(|| (it.starts_at.timestamp(), it.id));
            let (was, is) = (then.as_deref().and_then(begins), now.as_deref().and_then(begins));
            if was != is {
                if let Some(it) = was {
                    self.ties.beginning.remove(&it);
                }
                self.ties.beginning.extend(is);
                touched.references.extend(self.ties.asked.iter().copied());
            }
            for contact in [then, now].iter().flatten().flat_map(|it| it.interviewers()) {
                self.ties.met.entry(*contact).or_default().insert(interview);
                touched.contacts.insert(*contact);
            }
        }

        if then.is_none() {
            self.ties.opened_from_extend(now.opening, id);
            touched.openings.extend(now.opening);
        }
        let heard = then.map_or(0, |then| then.helped.len());
        if heard != now.helped.len() {
            for helped in &now.helped {
                if let Helper::Connection(connection) = helped.helper {
                    self.ties.told.entry(connection).or_default().insert(id);
                }
            }
        }

        let organisation = now.organisation.name.as_str();
        let was = then.map(|then| then.organisation.name.as_str());
        if was != Some(organisation) {
            self.ties.there(organisation).applications.insert(id);
            let there = was.into_iter().chain([organisation]);
            touched
                .applications
                .extend(there.clone().flat_map(|name| self.ties.applications_at(name)));
            // An application there follows an introduction up.
            let introduced = there.flat_map(|name| self.ties.connections_at(name));
            touched.connections.extend(introduced);
        }
    }

    fn tie_connection(
        &mut self,
        id: ConnectionId,
        then: Option<&Connection>,
        now: Option<&Connection>,
        touched: &mut Touched,
    ) {
        touched.connections.insert(id);
        let Some(now) = now else { return };
        self.ties.roles.entry(now.contact).or_default().connections.insert(id);
        let contact = self.contacts.get(&now.contact);
        let works = contact.and_then(|contact| contact.organisation_name.get().as_ref());
        let knows: Vec<String> = now
            .organisation_names
            .iter()
            .chain(works)
            .map(ToString::to_string)
            .collect();
        for name in &knows {
            self.ties.there(name).connections.insert(id);
        }
        if then.is_none() {
            touched
                .applications
                .extend(knows.iter().flat_map(|name| self.ties.applications_at(name)));
        }
    }

    fn tie_contact(&mut self, id: ContactId, then: Option<&Contact>, now: Option<&Contact>, touched: &mut Touched) {
        touched.contacts.insert(id);
        let name = |contact: &Contact| contact.organisation_name.get().as_ref().map(ToString::to_string);
        let organisation = now.and_then(name);
        if let Some(organisation) = &organisation {
            self.ties.there(organisation).contacts.insert(id);
        }
        let roles = self.ties.roles.get(&id).cloned().unwrap_or_default();
        touched.references.extend(&roles.references);
        touched.connections.extend(&roles.connections);
        if let Some(organisation) = &organisation {
            let connections = &mut self.ties.there(organisation).connections;
            connections.extend(roles.connections.iter().copied());
        }
        // A touch is thanks to those who were told.
        let told = roles.connections.iter().filter_map(|it| self.ties.told.get(it));
        touched.applications.extend(told.flatten().copied());
        let there = [then.and_then(name), organisation];
        let there = there.iter().flatten().flat_map(|name| self.ties.applications_at(name));
        touched.applications.extend(there);
        if then.map(|it| it.status) != now.map(|it| it.status) {
            let met = self
                .ties
                .met(id)
                .filter_map(|interview| self.place_of(interview.into()));
            touched.applications.extend(met);
            if !(roles.references.is_empty() && roles.connections.is_empty()) {
                // Somebody who helps is told of every application.
                touched.applications.extend(self.applications.keys().copied());
            }
        }
    }

    /// Replaces what an application or a contact owes; what is no longer owed is void.
    fn owe(&mut self, of: Of, owed: Vec<Owed>) {
        let ids: Arc<[TaskId]> = owed.iter().map(|task| task.id).collect();
        for task in owed {
            giving_way::step();
            let task = self.stands(&task).map_or_else(|| Arc::new(task), Arc::clone);
            if self.tasks.get(&task.id).is_none_or(|known| *known != task) {
                self.tasks.insert(task.id, task);
            }
        }
        let was = self.derived.get(&of).cloned().unwrap_or_default();
        if was == ids {
            return;
        }
        let still: BTreeSet<TaskId> = ids.iter().copied().collect();
        for id in was.iter().filter(|id| !still.contains(id)) {
            if let Some(done) = self.done_before(*id).cloned() {
                self.tasks.insert(*id, done);
                continue;
            }
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
