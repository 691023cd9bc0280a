//! Deciding: may this fact be recorded, where does it stand, what does it depart from, and which tasks
//! does it move? Pure: the moment and every fresh id come from the caller.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::{
    candidate::Candidate,
    catalogue::AnyFact,
    derive,
    fact::{At, Departure, Envelope, Place, TaskRef, TaskRefs},
    ids::{ApplicationId, EventId, Kind, Subject},
    notes::REVIEW_NOTE,
    play::{Ending, Owed},
    refusal::Refusal,
    time::{Instant, Period, in_words},
};

/// A fact that somebody wants recorded.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The id it will have; the same again when the request is repeated.
    pub event: EventId,
    /// The application named beside the fact.
    pub application: Option<ApplicationId>,
    /// The thing it is about; when it makes one, the id that the thing will have. None: the newest
    /// thing of its kind within the application.
    pub subject: Option<Subject>,
    /// When it happened; none: when it says so itself, else now.
    pub occurred_at: Option<Timestamp>,
    /// The fact.
    pub fact: AnyFact,
}

/// What became of a proposal.
#[derive(Debug, Clone)]
pub enum Decided {
    /// It is recorded.
    Recorded(Arc<Envelope>),
    /// It was recorded before, by this id.
    Already(Arc<Envelope>),
}

impl Decided {
    /// The fact in the log.
    pub const fn envelope(&self) -> &Arc<Envelope> {
        match self {
            Decided::Recorded(envelope) | Decided::Already(envelope) => envelope,
        }
    }
}

/// Up to this far ahead counts as now: clocks differ.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// Nothing that matters here happened before this.
const EARLIEST: Timestamp = Timestamp::constant(-2_208_988_800, 0);

/// Decides on a proposal, and if it may be recorded, records it.
pub fn decide(
    candidate: &mut Candidate,
    proposal: Proposal,
    now: Timestamp,
    by: &Arc<str>,
) -> Result<Decided, Refusal> {
    if candidate.erased_at.is_some() {
        return Err(Refusal::new(
            "candidate_erased",
            "The candidate was erased: nothing more can be recorded.",
        ));
    }
    if let Some(known) = candidate.fact(proposal.event) {
        return repeated(&proposal, known);
    }
    let Proposal {
        event,
        application,
        subject,
        occurred_at,
        mut fact,
    } = proposal;
    let (application, subject) = place(candidate, &fact, application, subject)?;
    let recorded_at = now.max(candidate.recorded_at);
    let mut at = At {
        event,
        candidate: candidate.id,
        version: candidate.version + 1,
        application,
        subject,
        occurred_at: recorded_at,
        recorded_at,
        recorded_by: Arc::clone(by),
    };
    fact.complete(candidate, &at);
    let (pointer, happened) = match (occurred_at, fact.happened_at()) {
        (Some(moment), _) => ("/occurred_at", moment),
        (None, Some(told)) => told,
        (None, None) => ("/occurred_at", now),
    };
    at.occurred_at = happened.min(recorded_at);
    admit(candidate, &fact, &at)?;
    for (pointer, moment) in fact.happened_at().into_iter().chain([(pointer, happened)]) {
        if moment > now + AHEAD {
            return Err(Refusal::invalid(pointer, "must not be in the future"));
        }
        if moment < EARLIEST {
            return Err(Refusal::invalid(pointer, "must not be before the year 1900"));
        }
    }

    let before = candidate.clone();
    let mut departures = fact.departures(&before, &at);
    let mut envelope = Envelope {
        at,
        schema: fact.schema(),
        departures: Vec::new(),
        tasks: TaskRefs::default(),
        data: fact,
    };
    // The state does not depend on departures or on the list of moved tasks: they are written once it is known.
    candidate.record(Arc::new(envelope.clone()));
    let moved = moved(&before, candidate, recorded_at);
    if !envelope.data.is_theirs() {
        for departure in untimely(&before, &moved, &envelope.at) {
            if departures.iter().all(|told| told.play != departure.play) {
                departures.push(departure);
            }
        }
    }
    // What came at the wrong time is told first.
    departures.sort_by_key(|departure| departure.play == REVIEW_NOTE.name);
    envelope.departures = departures;
    envelope.tasks = moved.refs(candidate, recorded_at);
    let envelope = Arc::new(envelope);
    candidate.complete_newest(Arc::clone(&envelope));
    Ok(Decided::Recorded(envelope))
}

/// The same id again: with the same content it is answered as before, with another it is taken.
fn repeated(proposal: &Proposal, known: &Arc<Envelope>) -> Result<Decided, Refusal> {
    let same = proposal.fact.repeats(&known.data)
        && proposal
            .application
            .is_none_or(|application| known.at.application == Some(application))
        && (proposal.fact.kind().place != Place::Step || proposal.subject == Some(known.at.subject))
        && proposal
            .occurred_at
            .is_none_or(|moment| moment.min(known.at.recorded_at) == known.at.occurred_at);
    if same {
        return Ok(Decided::Already(Arc::clone(known)));
    }
    Err(Refusal::new("id_taken", "Another fact has this id.").at("/id", "must be new, or repeat the same fact"))
}

/// Where the fact stands: its application and its subject.
fn place(
    candidate: &Candidate,
    fact: &AnyFact,
    application: Option<ApplicationId>,
    subject: Option<Subject>,
) -> Result<(Option<ApplicationId>, Subject), Refusal> {
    let kind = fact.kind();
    let missing = |pointer: &str, kind: Kind| {
        Refusal::not_found().at(
            pointer,
            format!(
                "is not the id of one of this candidate's {}s",
                kind.name().replace('_', " ")
            ),
        )
    };
    if application.is_some_and(|id| candidate.application(id).is_none()) {
        return Err(missing("/application", Kind::Application));
    }
    let subject = match (kind.place, kind.about, subject, application) {
        (_, Kind::Candidate, ..) => candidate.id.into(),
        (Place::StepWithin, _, None, Some(application)) => candidate
            .rejection_of(application)
            .map(Subject::from)
            .ok_or_else(|| missing("/application", kind.about))?,
        (Place::Step, Kind::Application, None, Some(application)) => application.into(),
        (_, about, Some(subject), _) if subject.kind() == about => subject,
        _ => return Err(missing("/subject", kind.about)),
    };
    let known = is_there(candidate, fact, subject);
    let parent = fact.parent();
    match kind.place {
        Place::New | Place::NewWithin | Place::NewOf(_) if known => {
            return Err(Refusal::new("id_taken", "A thing of this id is there already.").at("/subject", "must be new"));
        }
        Place::Step | Place::StepWithin if !known => return Err(missing("/subject", kind.about)),
        Place::New | Place::NewWithin | Place::NewOf(_)
            if kind.about != Kind::Candidate && candidate.profile.is_none() =>
        {
            return Err(Refusal::not_found());
        }
        Place::NewOf(of) if parent.is_none_or(|parent| !candidate.has(parent)) => {
            return Err(missing(&format!("/{}", of.name()), of));
        }
        Place::NewWithin if application.is_none() => return Err(missing("/application", Kind::Application)),
        Place::New | Place::NewWithin | Place::NewOf(_) | Place::Step | Place::StepWithin => {}
    }
    let own = match kind.place {
        Place::NewWithin => application,
        Place::New if kind.about == Kind::Application => ApplicationId::try_from(subject).ok(),
        Place::New => fact.application(candidate),
        Place::NewOf(_) => parent
            .and_then(|parent| candidate.place_of(parent))
            .or_else(|| fact.application(candidate)),
        Place::Step | Place::StepWithin => candidate.place_of(subject).or_else(|| fact.application(candidate)),
    };
    if application.is_some() && own.is_some() && application != own {
        return Err(missing("/subject", kind.about));
    }
    Ok((own, subject))
}

/// Whether there is what a fact is about. A person whose card was taken back can still be forgotten: the log has the card.
fn is_there(candidate: &Candidate, fact: &AnyFact, subject: Subject) -> bool {
    let of_the_log = matches!(fact, AnyFact::ContactErased(_));
    candidate.has(subject) || (of_the_log && candidate.newest_about(subject).is_some())
}

/// Refuses what is impossible: what names things that are not there, and what the fact itself refuses.
pub fn admit(candidate: &Candidate, fact: &AnyFact, at: &At) -> Result<(), Refusal> {
    let kind = fact.kind();
    match kind.place {
        Place::NewWithin if at.application.is_none_or(|id| candidate.application(id).is_none()) => {
            return Err(Refusal::not_found());
        }
        Place::NewOf(_) if fact.parent().is_none_or(|parent| !candidate.has(parent)) => {
            return Err(Refusal::not_found());
        }
        Place::Step | Place::StepWithin if !is_there(candidate, fact, at.subject) => return Err(Refusal::not_found()),
        Place::New | Place::NewWithin | Place::NewOf(_) | Place::Step | Place::StepWithin => {}
    }
    let unknown: Vec<_> = fact
        .mentions()
        .into_iter()
        .filter(|(_, subject)| !candidate.has(*subject))
        .collect();
    if !unknown.is_empty() {
        let refusal = Refusal::new(
            "unknown_reference",
            "A field names something that this candidate does not have.",
        );
        return Err(unknown.into_iter().fold(refusal, |refusal, (pointer, subject)| {
            let kind = subject.kind().name().replace('_', " ");
            refusal.at(pointer, format!("is not the id of one of this candidate's {kind}s"))
        }));
    }
    fact.admit(candidate, at)
}

/// The plays whose tasks the fact closed outside the time that they give.
fn untimely(before: &Candidate, moved: &Moved, at: &At) -> Vec<Departure> {
    let closed = moved
        .closed
        .iter()
        .filter(|task| matches!(task.ending, Ending::Done(event, _) if event == at.event));
    let known = closed.filter_map(|task| before.tasks.get(&task.id));
    known
        // A review has no hour of its own: what counts is that there was one, and its note says so.
        .filter(|task| task.ending == Ending::Live && *task.play != REVIEW_NOTE)
        .filter_map(|task| early(task, at).or_else(|| late(task, at)))
        .collect()
}

/// What was done before its play, which makes one wait, allows it.
pub(crate) fn early(task: &Owed, at: &At) -> Option<Departure> {
    let opens_at = Instant::in_zone(task.opens_at, &task.zone);
    (task.play.opens != Period::AtOnce && at.occurred_at < task.opens_at).then(|| Departure {
        play: task.play.name.into(),
        reason: format!(
            "This came before {}, from when the playbook allows it.",
            in_words(task.opens_at, &task.zone)
        ),
        opens_at: Some(opens_at),
        due_at: None,
    })
}

/// What was done after it was due.
pub(crate) fn late(task: &Owed, at: &At) -> Option<Departure> {
    let due_at = task.due_at.filter(|due_at| at.occurred_at > *due_at)?;
    Some(Departure {
        play: task.play.name.into(),
        reason: format!("This was due by {}.", in_words(due_at, &task.zone)),
        opens_at: None,
        due_at: Some(Instant::in_zone(due_at, &task.zone)),
    })
}

/// The tasks that moved between two states of a candidate.
#[derive(Debug, Clone, Default)]
pub struct Moved {
    /// Tasks that came to be.
    pub raised: Vec<Arc<Owed>>,
    /// Tasks whose dates, marks or texts moved.
    pub changed: Vec<Arc<Owed>>,
    /// Tasks that ended.
    pub closed: Vec<Arc<Owed>>,
}

impl Moved {
    pub(crate) fn refs(&self, candidate: &Candidate, now: Timestamp) -> TaskRefs {
        let refs = |tasks: &[Arc<Owed>]| {
            let short = |task: &Arc<Owed>| TaskRef {
                id: task.id,
                play: task.play.name.into(),
                opens_at: Instant::in_zone(task.opens_at, &task.zone),
                due_at: task.due_at.map(|due| Instant::in_zone(due, &task.zone)),
                state: candidate.state_of(task, now),
            };
            tasks.iter().map(short).collect()
        };
        TaskRefs {
            raised: refs(&self.raised),
            changed: refs(&self.changed),
            closed: refs(&self.closed),
        }
    }

    /// Every task that moved.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Owed>> {
        self.raised.iter().chain(&self.changed).chain(&self.closed)
    }
}

/// Compares what two states of a candidate owe.
pub fn moved(before: &Candidate, after: &Candidate, now: Timestamp) -> Moved {
    let mut moved = Moved::default();
    let mut changed = derive::changed(&before.tasks, &after.tasks);
    changed.extend(derive::changed(&before.marks, &after.marks));
    for (id, task) in changed.iter().filter_map(|id| after.tasks.get_key_value(id)) {
        let was_live = before.tasks.get(id).map(|known| before.state_of(known, now).is_live());
        let is_live = after.state_of(task, now).is_live();
        match (was_live, is_live) {
            (None, true) => moved.raised.push(Arc::clone(task)),
            (None | Some(true), false) => moved.closed.push(Arc::clone(task)),
            (Some(_), _) => moved.changed.push(Arc::clone(task)),
        }
    }
    let by_due = |task: &Arc<Owed>| (task.due_at.unwrap_or(Timestamp::MAX), task.id);
    moved.raised.sort_by_key(by_due);
    moved.changed.sort_by_key(by_due);
    moved.closed.sort_by_key(by_due);
    moved
}

#[cfg(test)]
mod tests;
