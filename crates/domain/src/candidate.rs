//! The state of one candidate: the fold of the stream. Everything is shared (`Arc`), so that a copy
//! costs nothing and a fact copies and derives again only what it touches.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet, Vector};
use jiff::Timestamp;

use crate::{
    announcements::Due,
    applications::Application,
    catalogue::AnyFact,
    connections::{Connection, Introduction},
    contacts::Contact,
    derive::{Of, Ties},
    fact::{At, Envelope, Place},
    giving_way,
    ids::{
        ApplicationId, CandidateId, ConnectionId, ContactId, EventId, IntroductionId, NoteId, ReferenceId, RejectionId,
        Subject, TaskId,
    },
    notes::Note,
    play::{Ending, Owed},
    playbook::{Before, Playbook},
    profile::Profile,
    references::Reference,
    search::Search,
    tasks::Marks,
    time::Zone,
};

/// Things of one kind, by id.
pub type Things<Id, Thing> = OrdMap<Id, Arc<Thing>>;

/// Everything that is known of one candidate.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The candidate's id: the stream.
    pub id: CandidateId,
    /// The version of the newest fact; 0 before the first.
    pub version: u64,
    /// When the newest fact was recorded.
    pub recorded_at: Timestamp,
    /// When the candidate was erased.
    pub erased_at: Option<Timestamp>,
    /// Who the candidate is; none before the first fact.
    pub profile: Option<Arc<Profile>>,
    /// The applications.
    pub applications: Things<ApplicationId, Application>,
    /// The contacts.
    pub contacts: Things<ContactId, Contact>,
    /// The notes.
    pub notes: Things<NoteId, Note>,
    /// The references.
    pub references: Things<ReferenceId, Reference>,
    /// The connections.
    pub connections: Things<ConnectionId, Connection>,
    /// The introductions that connections offered.
    pub introductions: Things<IntroductionId, Introduction>,
    /// The search: openings, and what was done for it.
    pub search: Arc<Search>,
    /// What was done to tasks by hand.
    pub marks: Things<TaskId, Marks>,
    /// What is owed, live or not.
    pub tasks: Things<TaskId, Owed>,
    /// The playbook that was adopted last.
    pub playbook: Arc<Playbook>,
    /// What its adoption leaves as it was.
    pub(crate) before: Before,
    /// Which application a thing belongs to.
    pub(crate) places: OrdMap<Subject, ApplicationId>,
    /// The tasks of each application and contact, as they were last derived.
    pub(crate) derived: OrdMap<Of, Arc<[TaskId]>>,
    /// What ties applications and contacts together.
    pub(crate) ties: Ties,
    /// What time itself will bring about, and has not been announced.
    pub(crate) due: OrdSet<Due>,
    /// What time itself has brought about, and was announced.
    pub(crate) announced: OrdSet<Due>,
    /// How many facts were folded again for what was taken back, and as many as that for what was derived anew.
    pub(crate) again: usize,
    /// As many as that for what was derived anew by the facts that count: whoever folds them again does it again.
    pub(crate) anew: usize,
    /// The stream itself: timelines, undoing and looking back are folds of it.
    history: Vector<Arc<Envelope>>,
    /// The facts in the stream, by id.
    by_id: OrdMap<EventId, u64>,
    retracted: OrdSet<EventId>,
}

impl Candidate {
    /// A candidate of whom nothing is known.
    pub fn unknown(id: CandidateId) -> Self {
        Self {
            id,
            version: 0,
            recorded_at: Timestamp::MIN,
            erased_at: None,
            profile: None,
            applications: OrdMap::new(),
            contacts: OrdMap::new(),
            notes: OrdMap::new(),
            references: OrdMap::new(),
            connections: OrdMap::new(),
            introductions: OrdMap::new(),
            search: Arc::default(),
            playbook: Arc::default(),
            before: Before::default(),
            marks: OrdMap::new(),
            tasks: OrdMap::new(),
            places: OrdMap::new(),
            derived: OrdMap::new(),
            ties: Ties::default(),
            due: OrdSet::new(),
            announced: OrdSet::new(),
            again: 0,
            anew: 0,
            history: Vector::new(),
            by_id: OrdMap::new(),
            retracted: OrdSet::new(),
        }
    }

    /// A candidate who was erased: nothing is known but that.
    pub fn erased(id: CandidateId, version: u64, at: Timestamp) -> Self {
        Self {
            version,
            recorded_at: at,
            erased_at: Some(at),
            ..Self::unknown(id)
        }
    }

    /// Folds facts onto the state.
    pub fn fold(mut self, facts: impl IntoIterator<Item = Arc<Envelope>>) -> Self {
        for fact in facts {
            self.record(fact);
        }
        self
    }

    /// The state as it was known at a moment: the facts recorded until then.
    #[must_use]
    pub fn as_of(&self, moment: Timestamp) -> Self {
        let known = self.history.iter().take_while(|fact| fact.at.recorded_at <= moment);
        Self::unknown(self.id).fold(known.cloned())
    }

    /// The stream up to and including a version.
    #[must_use]
    pub fn at_version(&self, version: u64) -> Self {
        if version >= self.version {
            return self.clone();
        }
        let known = self.history.iter().take_while(|fact| fact.at.version <= version);
        Self::unknown(self.id).fold(known.cloned())
    }

    /// Records a fact: changes the state and derives again what it touched.
    pub fn record(&mut self, fact: Arc<Envelope>) {
        giving_way::step();
        let before = self.clone();
        self.remember(&fact);
        fact.data.apply(self, &fact.at);
        self.derive(&before);
        self.schedule(&before);
    }

    /// The bookkeeping of every fact.
    fn remember(&mut self, fact: &Arc<Envelope>) {
        self.version = fact.at.version;
        self.recorded_at = fact.at.recorded_at;
        self.by_id.insert(fact.at.event, fact.at.version);
        self.history.push_back(Arc::clone(fact));
        if let (Place::NewWithin | Place::NewOf(_), Some(application)) = (fact.data.kind().place, fact.at.application) {
            self.places.insert(fact.at.subject, application);
        }
    }

    /// Writes what was decided about the newest fact into the stream in its place.
    pub(crate) fn complete_newest(&mut self, fact: Arc<Envelope>) {
        // An erased candidate has no stream.
        if self.history.pop_back().is_some() {
            self.history.push_back(fact);
        }
    }

    /// The stream, in the order of recording.
    pub const fn history(&self) -> &Vector<Arc<Envelope>> {
        &self.history
    }

    /// How many facts are folded to come from nothing to this state: more than the stream has, where some were taken back, or
    /// had much derived anew.
    pub fn folds(&self) -> usize {
        self.history.len() + self.again
    }

    /// About how many facts are folded to take one back: all others, with what they derive anew.
    pub fn folds_to_retract(&self) -> usize {
        self.history.len() + self.anew
    }

    /// A fact of the stream.
    pub fn fact(&self, id: EventId) -> Option<&Arc<Envelope>> {
        let version = self.by_id.get(&id)?;
        self.history.get(usize::try_from(*version).ok()?.checked_sub(1)?)
    }

    /// Whether a fact has been taken back.
    pub fn is_retracted(&self, id: EventId) -> bool {
        self.retracted.contains(&id)
    }

    /// The state without one more fact: the fold of all others. What was owed and is no longer stays
    /// to be seen as void.
    pub(crate) fn retract(&mut self, taken_back: EventId) {
        let mut retracted = self.retracted.clone();
        retracted.insert(taken_back);
        let kept = self
            .history
            .iter()
            .filter(|fact| !retracted.contains(&fact.at.event))
            // What retractions take back is left out already.
            .filter(|fact| !matches!(fact.data, AnyFact::FactRetracted(_)));
        let mut again = Self::unknown(self.id).fold(kept.cloned());
        for (id, owed) in &self.tasks {
            if !again.tasks.contains_key(id) {
                let mut gone = Arc::clone(owed);
                Arc::make_mut(&mut gone).ending = Ending::Void(None);
                again.tasks.insert(*id, gone);
            }
        }
        *self = Self {
            version: self.version,
            recorded_at: self.recorded_at,
            by_id: self.by_id.clone(),
            history: self.history.clone(),
            again: self.again + self.history.len() + again.again,
            retracted,
            ..again
        };
        self.schedule_all();
    }

    /// The fold of a stream that is written anew, for the erasure of a contact.
    pub(crate) fn rewrite(&mut self, mut with: impl FnMut(&Envelope) -> Option<Envelope>) {
        let history = self.history.clone();
        let rewritten = history
            .iter()
            .map(|fact| with(fact).map_or_else(|| Arc::clone(fact), Arc::new));
        *self = Self::unknown(self.id).fold(rewritten);
    }

    /// The version of a fact.
    pub(crate) fn version_of(&self, fact: EventId) -> Option<u64> {
        self.by_id.get(&fact).copied()
    }

    /// The person's time zone.
    pub fn zone(&self) -> Zone {
        self.profile
            .as_ref()
            .map_or(Zone::UTC, |profile| profile.time_zone.get().clone())
    }

    /// An application.
    pub fn application(&self, id: ApplicationId) -> Option<&Application> {
        self.applications.get(&id).map(Arc::as_ref)
    }

    pub(crate) fn application_mut(&mut self, id: ApplicationId, at: &At) -> Option<&mut Application> {
        let application = Arc::make_mut(self.applications.get_mut(&id)?);
        application.version = at.version;
        Some(application)
    }

    /// The application that a thing belongs to, for changing it.
    pub(crate) fn application_of(&mut self, at: &At) -> Option<&mut Application> {
        self.application_mut(at.application?, at)
    }

    /// The application that a thing belongs to.
    pub fn place_of(&self, subject: Subject) -> Option<ApplicationId> {
        match subject {
            Subject::Application(id) => Some(id),
            Subject::Note(id) => self.notes.get(&id).and_then(|note| note.application(self)),
            Subject::Task(id) => self.tasks.get(&id).and_then(|task| task.application),
            Subject::Event(id) => self.fact(id).and_then(|fact| fact.at.application),
            _ => self.places.get(&subject).copied(),
        }
    }

    /// Whether the candidate has this thing.
    pub fn has(&self, subject: Subject) -> bool {
        match subject {
            Subject::Candidate(id) => id == self.id && self.profile.is_some(),
            Subject::Application(id) => self.applications.contains_key(&id),
            Subject::Contact(id) => self.contacts.contains_key(&id),
            Subject::Note(id) => self.notes.contains_key(&id),
            Subject::Task(id) => self.tasks.contains_key(&id),
            Subject::Event(id) => self.by_id.contains_key(&id),
            Subject::Reference(id) => self.references.contains_key(&id),
            Subject::Connection(id) => self.connections.contains_key(&id),
            Subject::Introduction(id) => self.introductions.contains_key(&id),
            Subject::Opening(id) => self.search.openings.contains_key(&id),
            Subject::SearchActivity(id) => self.search.activities.contains_key(&id),
            _ => self.places.contains_key(&subject),
        }
    }

    /// The newest fact about a thing, taken back or not.
    pub(crate) fn newest_about(&self, subject: Subject) -> Option<&Arc<Envelope>> {
        self.history.iter().rev().find(|fact| fact.at.subject == subject)
    }

    /// Whether the stream still tells who a contact is.
    pub fn has_particulars(&self, contact: Subject) -> bool {
        let mut about = self.history.iter().filter(|fact| fact.at.subject == contact);
        about.any(|fact| fact.data != fact.data.without_contact())
    }

    /// The newest rejection of an application.
    pub fn rejection_of(&self, application: ApplicationId) -> Option<RejectionId> {
        self.application(application)?
            .newest_rejection()
            .map(|rejection| rejection.id)
    }
}
