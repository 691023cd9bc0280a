//! A request that writes: its name, its condition, the ids that it makes, and whether its key may write there.

use actix_web::HttpRequest;
use afterword_domain::{
    candidate::Candidate, catalogue::AnyFact, decide::Proposal, ids::CandidateId, refusal::Refusal,
};
use afterword_store::{Appended, Beside, Command, Commit, Idempotency, IdempotencyRow, RecordError, Recorded};
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    edge::{
        clock::Clock,
        codes::Code,
        etag::{ETag, IfMatch},
        headers,
        problem::Problem,
        scopes::{Bound, Caller},
    },
    service::{Service, reaches, recorded_by, reused, tenant, unavailable},
};

/// A request that writes: its name, its condition, and the ids that it makes.
#[derive(Clone)]
pub struct Writing {
    pub(crate) idempotency: Option<Idempotency>,
    /// When it came, by the wall's clock.
    pub(crate) at: Timestamp,
    if_match: IfMatch,
    fresh: Fresh,
}

/// What became of a change of what is no fact.
pub enum Changed {
    /// It is made.
    Done,
    /// The same request made it before.
    Before,
    /// Nothing is changed: what it rests on is not there, or has moved on.
    Conflict,
}

#[derive(Clone)]
enum Fresh {
    Random(Clock),
    /// A repeated request makes the same ids again.
    Derived(Uuid),
}

impl Writing {
    /// Reads the headers of a request that writes.
    pub fn of(
        service: &Service,
        caller: &Caller,
        request: &HttpRequest,
        body: &Map<String, Value>,
    ) -> Result<Self, Problem> {
        let bytes = serde_json::to_vec(body).map_err(Problem::internal)?;
        Self::of_bytes(service, caller, request, &bytes)
    }

    /// The same, of a request whose body is no JSON.
    pub fn of_bytes(service: &Service, caller: &Caller, request: &HttpRequest, body: &[u8]) -> Result<Self, Problem> {
        let (tenant, at) = (caller.tenant.to_be_bytes(), service.clock.now());
        let idempotency = headers::idempotency_key(request)?.map(|key| Idempotency {
            key: service.hash(&[b"key", &tenant, key.as_bytes()]),
            request: service.hash(&[
                b"request",
                &tenant,
                caller.key_id.as_bytes(),
                request.method().as_str().as_bytes(),
                request.uri().to_string().as_bytes(),
                body,
            ]),
            at,
        });
        Ok(Self::named(service, idempotency, at, IfMatch::of(request)?))
    }

    /// A part of a request that is recorded by itself; with the request's idempotency key, `name` tells it from the
    /// others.
    pub fn of_part(service: &Service, caller: &Caller, key: Option<&str>, name: &[u8], body: &[u8]) -> Self {
        let (tenant, at) = (caller.tenant.to_be_bytes(), service.clock.now());
        let idempotency = key.map(|key| Idempotency {
            key: service.hash(&[b"part", &tenant, key.as_bytes(), name]),
            request: service.hash(&[b"part", &tenant, caller.key_id.as_bytes(), body]),
            at,
        });
        Self::named(service, idempotency, at, IfMatch::Absent)
    }

    fn named(service: &Service, idempotency: Option<Idempotency>, at: Timestamp, if_match: IfMatch) -> Self {
        let fresh = match &idempotency {
            Some(named) => Fresh::Derived(Uuid::new_v5(
                &Uuid::NAMESPACE_OID,
                &[&named.key[..], &named.request].concat(),
            )),
            None => Fresh::Random(service.clock.clone()),
        };
        Self {
            idempotency,
            at,
            if_match,
            fresh,
        }
    }

    /// A fresh id; with an idempotency key the same again when the request is repeated.
    pub fn fresh(&self, nth: u32) -> Uuid {
        match &self.fresh {
            Fresh::Random(clock) => clock.uuid_v7(),
            Fresh::Derived(from) => Uuid::new_v5(from, &nth.to_be_bytes()),
        }
    }

    /// What was kept of this very request when it was made before, by this very key. None where its name is another one's:
    /// whoever may not go on is not told so.
    pub async fn repeated(&self, service: &Service, caller: &Caller) -> Result<Option<IdempotencyRow>, Problem> {
        let kept = self.kept(service, caller).await?;
        Ok(kept.and_then(|(row, is_the_same)| is_the_same.then_some(row)))
    }

    /// What was kept of the same request when it was made before, where it has a name. For requests that record no facts.
    pub async fn before(&self, service: &Service, caller: &Caller) -> Result<Option<IdempotencyRow>, Problem> {
        match self.kept(service, caller).await? {
            Some((_, false)) => Err(reused()),
            kept => Ok(kept.map(|(row, _)| row)),
        }
    }

    /// What was kept under the request's name, and whether that is the same request.
    async fn kept(&self, service: &Service, caller: &Caller) -> Result<Option<(IdempotencyRow, bool)>, Problem> {
        let Some(named) = &self.idempotency else {
            return Ok(None);
        };
        let kept = service.recorder.store().idempotent(tenant(caller), &named.key).await;
        let with = |row: IdempotencyRow| {
            let is_the_same = row.request_hash == named.request;
            (row, is_the_same)
        };
        Ok(kept.map_err(unavailable)?.map(with))
    }

    /// Whether the same request was made before.
    pub async fn was_made(&self, service: &Service, caller: &Caller) -> Result<bool, Problem> {
        Ok(self.before(service, caller).await?.is_some())
    }

    /// What stands in the request's way, unless it is only the same request, carried out meanwhile.
    pub async fn made_meanwhile(&self, service: &Service, caller: &Caller, problem: Problem) -> Result<(), Problem> {
        let repeated = self.repeated(service, caller).await?;
        repeated.map(drop).ok_or(problem)
    }

    /// Makes a change of what is no fact. It goes in together with the request's name, so that it is made once however
    /// often the request comes, and whatever happens to the service in between.
    pub async fn change(&self, service: &Service, caller: &Caller, change: Beside) -> Result<Changed, Problem> {
        self.change_to(service, caller, 0, Some(change)).await
    }

    /// The same, and keeps which version it makes, or finds where there is nothing to change.
    pub async fn change_to(
        &self,
        service: &Service,
        caller: &Caller,
        version: i64,
        change: Option<Beside>,
    ) -> Result<Changed, Problem> {
        let (key_hash, request_hash) = match (&self.idempotency, &change) {
            (Some(named), _) => (named.key.clone(), named.request.clone()),
            (None, None) => return Ok(Changed::Done),
            // A name that nobody knows: by it alone the store sees that it is in, where the answer to COMMIT was lost.
            (None, Some(_)) => {
                let name = self.fresh(u32::MAX).into_bytes().to_vec();
                (name.clone(), name)
            }
        };
        let mut commit = Commit::new(tenant(caller), self.fresh(0), 0);
        commit.idempotency = Some(IdempotencyRow {
            key_hash,
            request_hash: request_hash.clone(),
            candidate: None,
            first_version: version,
            facts: 0,
            sealed: None,
            recorded_at: self.at.as_microsecond(),
        });
        commit.beside = change;
        match service.recorder.store().append(commit).await.map_err(unavailable)? {
            Appended::Done { .. } => Ok(Changed::Done),
            Appended::KeyUsed(before) if before.request_hash != request_hash => Err(reused()),
            Appended::KeyUsed(_) => Ok(Changed::Before),
            _ => Ok(Changed::Conflict),
        }
    }

    /// Whether the request's condition holds for what is there.
    pub fn meets(&self, newest: &ETag) -> Result<(), Problem> {
        self.if_match.check(newest)
    }

    /// Whether the request's condition holds for a candidate.
    pub fn meets_candidate(&self, newest: &Candidate) -> Result<(), Problem> {
        holds_for(&self.if_match, newest)
    }

    /// Records facts for the caller.
    pub async fn record(
        self,
        service: &Service,
        caller: &Caller,
        candidate: CandidateId,
        fresh: bool,
        proposals: Vec<Proposal>,
        atomic: bool,
    ) -> Result<Recorded, Problem> {
        self.record_or(service, caller, candidate, fresh, proposals, atomic, &|_, refusal| {
            refused(refusal)
        })
        .await
    }

    /// The same, where the body says more than one fact: `problem_of` finds the place of the one that was refused.
    #[expect(clippy::too_many_arguments, reason = "a command is as much as this")]
    pub async fn record_or(
        self,
        service: &Service,
        caller: &Caller,
        candidate: CandidateId,
        fresh: bool,
        proposals: Vec<Proposal>,
        atomic: bool,
        problem_of: &(dyn Fn(usize, Refusal) -> Problem + Sync),
    ) -> Result<Recorded, Problem> {
        let registers = registers(&proposals);
        let within = match may_write(service, caller, candidate, &proposals).await {
            // What this key was told then it is told again, though it may reach the candidate no more.
            Err(_) if self.repeated(service, caller).await?.is_some() => false,
            within => within?,
        };
        let if_match = self.if_match;
        let unbound = matches!(caller.bound, Bound::Everything);
        let conditional = !unbound || !matches!(if_match, IfMatch::Absent);
        // What a key reaches may change until the fact is recorded.
        let reached =
            |candidate: &Candidate| unbound || reaches(caller, candidate) || (registers && candidate.version == 0);
        let condition = |candidate: &Candidate| reached(candidate) && holds_for(&if_match, candidate).is_ok();
        let command = Command {
            tenant: tenant(caller),
            candidate,
            fresh: fresh && within,
            proposals,
            atomic,
            by: recorded_by(caller),
            now: service.now(caller).await?,
            condition: conditional.then_some(&condition),
            idempotency: self.idempotency,
            fence: None,
        };
        service.recorder.record(command).await.map_err(|error| match error {
            RecordError::Refused { index, refusal } => problem_of(index, refusal),
            RecordError::Stale(newest) if !reached(&newest) || (newest.version == 0 && !registers) => {
                Problem::not_found()
            }
            RecordError::Stale(newest) if newest.erased_at.is_some() => Problem::refused(
                "candidate_erased",
                "The candidate was erased: nothing more can be recorded.",
            ),
            RecordError::Stale(newest) => holds_for(&if_match, &newest)
                .err()
                .unwrap_or_else(|| Problem::new(Code::Stale, "The candidate has moved on.")),
            RecordError::IdempotencyReused => reused(),
            fenced @ RecordError::Fenced => Problem::internal(fenced),
            RecordError::Store(error) => unavailable(error),
        })
    }
}

fn holds_for(if_match: &IfMatch, newest: &Candidate) -> Result<(), Problem> {
    match newest.version {
        0 => if_match.check_new(),
        _ => if_match.check(&tag_of(newest)),
    }
}

/// The tag of a candidate as it stands.
pub fn tag_of(candidate: &Candidate) -> ETag {
    ETag::of_candidate(
        candidate.id.uuid(),
        i64::try_from(candidate.version).unwrap_or(i64::MAX),
    )
}

/// Whether a registration comes first.
fn registers(proposals: &[Proposal]) -> bool {
    let first = proposals.first().map(|proposal| &proposal.fact);
    matches!(first, Some(AnyFact::CandidateRegistered(_)))
}

/// A bound key writes only where it reaches; registering, it may only make what it will reach. False: nothing may be
/// taken for granted of the candidate.
async fn may_write(
    service: &Service,
    caller: &Caller,
    candidate: CandidateId,
    proposals: &[Proposal],
) -> Result<bool, Problem> {
    if matches!(caller.bound, Bound::Everything) {
        return Ok(true);
    }
    let state = service
        .recorder
        .candidate(tenant(caller), candidate)
        .await
        .map_err(unavailable)?;
    if state.version > 0 {
        return if reaches(caller, &state) {
            Ok(false)
        } else {
            Err(Problem::not_found())
        };
    }
    if !registers(proposals) {
        return Err(Problem::not_found());
    }
    // Whichever of them it will be: the first may be refused, and the second is then the one.
    let admits = |proposal: &Proposal| match &proposal.fact {
        AnyFact::CandidateRegistered(fact) => {
            let groups: Vec<String> = fact.groups.iter().map(ToString::to_string).collect();
            caller.bound.admits(candidate.uuid(), &groups)
        }
        _ => true,
    };
    if proposals.iter().all(admits) {
        return Ok(false);
    }
    Err(Problem::new(
        Code::InsufficientScope,
        "This key may only register candidates that it will reach.",
    ))
}

/// A refusal of the domain as a problem document.
pub fn refused(refusal: Refusal) -> Problem {
    let Refusal { code, detail, fields } = refusal;
    if code == "not_found" {
        return Problem::not_found();
    }
    fields
        .into_iter()
        .fold(Problem::refused(&code, detail), |problem, (pointer, told)| {
            problem.at(pointer, told)
        })
}
