//! What the service should do, with a list for a log and a map for names. What is recorded is what `decide` and `announce`
//! say of the candidate's state; everything else that the service adds to that can be seen here at a glance.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use afterword_domain::{
    announcements::announce,
    candidate::Candidate,
    catalogue::AnyFact,
    decide::{Decided, Proposal, decide},
    fact::Envelope,
    ids::{CandidateId, EventId},
};
use jiff::Timestamp;

/// A request as the service gets it.
#[derive(Debug, Clone)]
pub struct Request {
    pub candidate: CandidateId,
    pub proposals: Vec<Proposal>,
    /// Whether all of them are recorded, or none.
    pub atomic: bool,
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
    Done {
        facts: Vec<One>,
        announced: Vec<Envelope>,
        replayed: bool,
    },
    /// All, because of this one.
    Refused(usize, String),
    Stale(u64),
    Misnamed,
}

/// What is answered about one fact.
#[derive(Debug, Clone, PartialEq)]
pub enum One {
    Recorded(Envelope),
    Already(Envelope),
    Refused(String),
}

impl Answer {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done { replayed: true, .. } => "replayed",
            Self::Done { facts, .. } if facts.iter().any(|fact| matches!(fact, One::Recorded(_))) => "recorded",
            Self::Done { facts, .. } if facts.iter().any(|fact| matches!(fact, One::Already(_))) => "already recorded",
            Self::Done { .. } | Self::Refused(..) => "refused",
            Self::Stale(_) => "stale",
            Self::Misnamed => "misnamed",
        }
    }
}

/// What is kept under a name.
#[derive(Clone)]
enum Kept {
    Recorded(u64),
    Already(u64),
    Refused(String),
}

#[derive(Default)]
pub struct Model {
    pub candidates: BTreeMap<CandidateId, Candidate>,
    /// Whose fact, and its version: the place in the list is the position.
    pub log: Vec<(CandidateId, u64)>,
    /// Every id of a fact there ever was, and whose it is.
    ids: HashMap<EventId, CandidateId>,
    names: HashMap<usize, (String, CandidateId, Vec<Kept>)>,
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
                self.again(*candidate, kept)
            } else {
                Answer::Misnamed
            };
        }
        let before = self.candidate(request.candidate);
        if request.version.is_some_and(|version| version != before.version) {
            return Answer::Stale(before.version);
        }
        // Those that the rest of the log refuses, found out only when all the others were decided.
        let mut refused = BTreeMap::new();
        let (announced, decided, state) = loop {
            let mut state = before.clone();
            let announced = announce(&mut state, now);
            let proposals = request.proposals.iter().enumerate();
            let decided: Vec<_> = proposals
                .map(|(nth, proposal)| match refused.get(&nth) {
                    Some(code) => Err(String::clone(code)),
                    None => decide(&mut state, proposal.clone(), now, &"key".into())
                        .map_err(|refusal| refusal.code.into_owned()),
                })
                .collect();
            let first = decided.iter().position(Result::is_err).filter(|_| request.atomic);
            if let Some((nth, Err(code))) = first.map(|nth| (nth, &decided[nth])) {
                return Answer::Refused(nth, code.clone());
            }
            let more = self.refuses(&decided, &request.proposals, &state);
            if more.is_empty() {
                break (announced, decided, state);
            }
            refused.extend(more);
        };
        let facts: Vec<Arc<Envelope>> = decided.iter().flatten().filter_map(recorded).cloned().collect();
        if !facts.is_empty() {
            self.append(&announced);
            self.append(&facts);
            if state.erased_at.is_some() {
                self.erasures.insert(request.candidate, Arc::clone(&facts[0]));
            }
            self.candidates.insert(request.candidate, state);
        }
        // Of who was erased nothing is kept.
        if let Some(name) = request.name.filter(|_| before.erased_at.is_none()) {
            let kept = decided.iter().map(|decided| match decided {
                Ok(Decided::Recorded(fact)) => Kept::Recorded(fact.at.version),
                Ok(Decided::Already(fact)) => Kept::Already(fact.at.version),
                Err(code) => Kept::Refused(code.clone()),
            });
            self.names
                .insert(name, (request.text.clone(), request.candidate, kept.collect()));
        }
        let one = |decided| match decided {
            Ok(Decided::Recorded(fact)) => One::Recorded((*fact).clone()),
            Ok(Decided::Already(fact)) => One::Already((*fact).clone()),
            Err(code) => One::Refused(code),
        };
        let announced = announced.iter().filter(|_| !facts.is_empty());
        Answer::Done {
            announced: announced.map(|fact| (**fact).clone()).collect(),
            facts: decided.into_iter().map(one).collect(),
            replayed: false,
        }
    }

    /// What cannot be recorded because of what stands elsewhere in the log, by its place: ids of other facts first, then
    /// another candidate's external id.
    fn refuses(
        &self,
        decided: &[Result<Decided, String>],
        proposals: &[Proposal],
        state: &Candidate,
    ) -> Vec<(usize, String)> {
        let ids = decided.iter().enumerate().filter(|(_, decided)| {
            let fact = decided.as_ref().ok().and_then(recorded);
            fact.is_some_and(|fact| self.ids.contains_key(&fact.at.event))
        });
        let ids: Vec<_> = ids.map(|(nth, _)| (nth, "id_taken".to_owned())).collect();
        let anything = decided.iter().flatten().any(|it| recorded(it).is_some());
        if !ids.is_empty() || !anything || !self.has_external_id(state) {
            return ids;
        }
        let gives = |fact: &AnyFact| matches!(fact, AnyFact::CandidateRegistered(it) if it.external_id.is_some());
        let open = decided.iter().zip(proposals).enumerate();
        let those = open.filter(|(_, (decided, proposal))| decided.is_ok() && gives(&proposal.fact));
        let those: Vec<_> = those.map(|(nth, _)| (nth, "external_id_taken".to_owned())).collect();
        assert!(!those.is_empty(), "an external id of nowhere");
        those
    }

    /// The same request again: the same answer, as far as there is still somebody to speak of.
    fn again(&self, candidate: CandidateId, kept: &[Kept]) -> Answer {
        let mut facts = Vec::new();
        for kept in kept {
            facts.push(match kept {
                Kept::Refused(_) if self.erasures.contains_key(&candidate) => {
                    return Answer::Refused(0, "candidate_erased".to_owned());
                }
                Kept::Refused(code) => One::Refused(code.clone()),
                Kept::Recorded(version) | Kept::Already(version) => {
                    let Some(fact) = self.fact(candidate, *version) else {
                        return Answer::Refused(0, "candidate_erased".to_owned());
                    };
                    match kept {
                        Kept::Recorded(_) => One::Recorded((*fact).clone()),
                        _ => One::Already((*fact).clone()),
                    }
                }
            });
        }
        Answer::Done {
            facts,
            announced: Vec::new(),
            replayed: true,
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

const fn recorded(decided: &Decided) -> Option<&Arc<Envelope>> {
    match decided {
        Decided::Recorded(fact) => Some(fact),
        Decided::Already(_) => None,
    }
}
