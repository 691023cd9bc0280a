//! What the service should do, with a list for a log and a map for names. What is recorded is what `decide` and `announce`
//! say of the candidate's state; everything else that the service adds to that can be seen here at a glance.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use afterword_domain::{
    announcements::announce,
    candidate::Candidate,
    decide::{Decided, Proposal, decide},
    fact::Envelope,
    ids::{CandidateId, EventId},
};
use jiff::Timestamp;

/// A request as the service gets it.
#[derive(Debug, Clone)]
pub struct Request {
    pub candidate: CandidateId,
    pub proposal: Proposal,
    /// The name that the client gives it.
    pub name: Option<usize>,
    /// What it says, in short: another request says something else.
    pub text: String,
    /// The version that the candidate must have.
    pub version: Option<u64>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Recorded {
        fact: Envelope,
        announced: Vec<Envelope>,
        replayed: bool,
    },
    Already {
        fact: Envelope,
        replayed: bool,
    },
    Refused(String),
    Stale(u64),
    Misnamed,
}

impl Answer {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Recorded { replayed: true, .. } | Self::Already { replayed: true, .. } => "replayed",
            Self::Recorded { .. } => "recorded",
            Self::Already { .. } => "already recorded",
            Self::Refused(_) => "refused",
            Self::Stale(_) => "stale",
            Self::Misnamed => "misnamed",
        }
    }
}

/// What is kept under a name.
#[derive(Clone, Copy)]
enum Kept {
    Recorded(u64),
    Already(u64),
}

#[derive(Default)]
pub struct Model {
    pub candidates: BTreeMap<CandidateId, Candidate>,
    /// Whose fact, and its version: the place in the list is the position.
    pub log: Vec<(CandidateId, u64)>,
    /// Every id of a fact there ever was, and whose it is.
    ids: HashMap<EventId, CandidateId>,
    names: HashMap<usize, (String, CandidateId, Kept)>,
    /// What is left of those who were erased.
    erasures: HashMap<CandidateId, Arc<Envelope>>,
}

impl Model {
    pub fn candidate(&self, id: CandidateId) -> Candidate {
        self.candidates
            .get(&id)
            .cloned()
            .unwrap_or_else(|| Candidate::unknown(id))
    }

    /// The fact at a place of the log. What an erased candidate's facts said is gone.
    pub fn fact(&self, candidate: CandidateId, version: u64) -> Option<Arc<Envelope>> {
        let erasure = self.erasures.get(&candidate);
        let mut known = self.candidates[&candidate].history().iter().chain(erasure);
        known.find(|fact| fact.at.version == version).cloned()
    }

    pub fn record(&mut self, request: &Request, now: Timestamp) -> Answer {
        if let Some((text, candidate, kept)) = request.name.and_then(|name| self.names.get(&name)) {
            return if *text == request.text {
                self.again(*candidate, *kept)
            } else {
                Answer::Misnamed
            };
        }
        let mut state = self.candidate(request.candidate);
        if request.version.is_some_and(|version| version != state.version) {
            return Answer::Stale(state.version);
        }
        let announced = announce(&mut state, now);
        let decided = match decide(&mut state, request.proposal.clone(), now, &"key".into()) {
            Ok(decided) => decided,
            Err(refusal) => return Answer::Refused(refusal.code.into()),
        };
        let fact = decided.envelope().clone();
        let kept = match &decided {
            Decided::Already(fact) => Kept::Already(fact.at.version),
            Decided::Recorded(fact) => {
                if self.ids.contains_key(&fact.at.event) {
                    return Answer::Refused("id_taken".to_owned());
                }
                if self.has_external_id(&state) {
                    return Answer::Refused("external_id_taken".to_owned());
                }
                self.append(&announced);
                self.append(std::slice::from_ref(fact));
                if state.erased_at.is_some() {
                    self.erasures.insert(request.candidate, Arc::clone(fact));
                }
                self.candidates.insert(request.candidate, state);
                Kept::Recorded(fact.at.version)
            }
        };
        if let Some(name) = request.name {
            self.names.insert(name, (request.text.clone(), request.candidate, kept));
        }
        let fact = (*fact).clone();
        match decided {
            Decided::Already(_) => Answer::Already { fact, replayed: false },
            Decided::Recorded(_) => {
                let announced = announced.iter().map(|fact| (**fact).clone()).collect();
                Answer::Recorded {
                    fact,
                    announced,
                    replayed: false,
                }
            }
        }
    }

    /// The same request again: the same answer, as far as there is still somebody to speak of.
    fn again(&self, candidate: CandidateId, kept: Kept) -> Answer {
        let (Kept::Recorded(version) | Kept::Already(version)) = kept;
        let Some(fact) = self.fact(candidate, version) else {
            return Answer::Refused("candidate_erased".to_owned());
        };
        let fact = (*fact).clone();
        match kept {
            Kept::Recorded(_) => Answer::Recorded {
                fact,
                announced: Vec::new(),
                replayed: true,
            },
            Kept::Already(_) => Answer::Already { fact, replayed: true },
        }
    }

    /// Announces what has come due, candidate by candidate in the order of the moments.
    pub fn look(&mut self, now: Timestamp) -> Vec<(Timestamp, CandidateId)> {
        let mut due: Vec<_> = self
            .candidates
            .values()
            .filter_map(|candidate| Some((candidate.next_moment().filter(|at| *at <= now)?, candidate.id)))
            .collect();
        due.sort_unstable();
        for (_, id) in &due {
            let mut state = self.candidate(*id);
            let announced = announce(&mut state, now);
            self.append(&announced);
            self.candidates.insert(*id, state);
        }
        due
    }

    fn append(&mut self, facts: &[Arc<Envelope>]) {
        for fact in facts {
            self.log.push((fact.at.candidate, fact.at.version));
            self.ids.insert(fact.at.event, fact.at.candidate);
        }
    }

    fn has_external_id(&self, state: &Candidate) -> bool {
        let of = |candidate: &Candidate| candidate.profile.as_ref().and_then(|it| it.external_id.get().clone());
        let own = of(state);
        own.is_some()
            && self
                .candidates
                .values()
                .any(|other| other.id != state.id && of(other) == own)
    }
}
