//! Bringing a candidate in from an export: the stream is appended as it was, in one commit, or nothing is.

use std::{collections::HashMap, sync::Arc};

use afterword_domain::{
    candidate::Candidate, catalogue::AnyFact, fact::Envelope, ids::CandidateId, refusal::Refusal, restore::restore,
};

use super::{
    ATTEMPTS, Idempotency, RecordError, Recorder,
    deciding::{external_id, given},
    folding::{Folds, Spent, work},
};
use crate::{
    Appended, Beside, Commit, IdempotencyRow, Playbooks, StoreError, TenantId,
    envelopes::signed,
    playbooks::{BYTES_OF_COPIES, MOST_COPIES, put_together, written},
};

/// A stream to bring in.
pub struct Restoration<'a> {
    /// Whose log.
    pub tenant: TenantId,
    /// Whose stream.
    pub candidate: CandidateId,
    /// Its facts from the first on, in order.
    pub facts: Arc<Vec<Envelope>>,
    /// The rules of the playbooks that were adopted in it.
    pub playbooks: Vec<afterword_domain::playbook::PlaybookRules>,
    /// What must hold of the state that it goes on from,
    pub before: &'a (dyn Fn(&Candidate) -> bool + Send + Sync),
    /// and of the state that comes of it.
    pub after: &'a (dyn Fn(&Candidate) -> bool + Send + Sync),
    /// Where the client names the request.
    pub idempotency: Option<Idempotency>,
    /// The hash of the same request where both have gone on, and it records what is missing here.
    pub merged: Option<Vec<u8>>,
}

/// What became of it.
pub enum Restored {
    /// The stream here is that of the export, or goes on from it.
    Done {
        /// The candidate's version with all of them.
        version: u64,
        /// The facts from this version on were brought in; those before were here.
        from: u64,
        /// Whether the answer is that of an earlier request of the same name.
        replayed: bool,
    },
    /// The stream here has facts that the export has not, and the other way round; or had, when the same request came before.
    Diverged,
}

/// Whether two facts are the same one. What it says may have been redacted since, when a contact was erased.
fn same(one: &Envelope, other: &Envelope) -> bool {
    (one.at.event, one.at.subject, one.at.occurred_at, one.data.name())
        == (
            other.at.event,
            other.at.subject,
            other.at.occurred_at,
            other.data.name(),
        )
}

impl Recorder {
    /// Brings a stream in.
    ///
    /// # Errors
    /// When one of its facts cannot be, a condition does not hold, the idempotency key was used otherwise, or the
    /// store cannot.
    pub async fn restore(&self, wanted: &Restoration<'_>) -> Result<Restored, RecordError> {
        if let Some(earlier) = self.restored_earlier(wanted).await? {
            return Ok(earlier);
        }
        match self.bring_in(wanted).await {
            // Perhaps it is only the same request, carried out meanwhile, that stands in its way.
            Err(error @ RecordError::Stale(_)) => self.restored_earlier(wanted).await?.ok_or(error),
            outcome => outcome,
        }
    }

    /// What came of a request of the same name, if there was one.
    async fn restored_earlier(&self, wanted: &Restoration<'_>) -> Result<Option<Restored>, RecordError> {
        let Some(named) = &wanted.idempotency else {
            return Ok(None);
        };
        match self.store.idempotent(wanted.tenant, &named.key).await? {
            Some(row) => restored_before(wanted, named, &row).map(Some),
            None => Ok(None),
        }
    }

    async fn bring_in(&self, wanted: &Restoration<'_>) -> Result<Restored, RecordError> {
        let (tenant, id) = (wanted.tenant, wanted.candidate);
        let _turn = self.turn(tenant, id.uuid()).await?;
        for _ in 0..ATTEMPTS {
            let before = self.candidate(tenant, id).await?;
            if before.erased_at.is_some() {
                let refusal = Refusal::new(
                    "candidate_erased",
                    "The candidate was erased: nothing more can be recorded.",
                );
                return Err(RecordError::Refused { index: 0, refusal });
            }
            if !(wanted.before)(&before) {
                return Err(RecordError::Stale(Box::new((*before).clone())));
            }
            let known = before.history();
            let goes_on = known.len() <= wanted.facts.len()
                && known.iter().zip(wanted.facts.iter()).all(|(one, it)| same(one, it));
            let here = |fact: &Envelope| before.fact(fact.at.event).is_some_and(|known| same(known, fact));
            if known.len() == wanted.facts.len() || !goes_on {
                if !wanted.facts.iter().all(here) {
                    return Ok(Restored::Diverged);
                }
                let from = before.version + 1;
                let Some(named) = &wanted.idempotency else {
                    return Ok(nothing_new(from));
                };
                // What it is answered is kept, whatever is recorded until it is sent again. A name alone asks nothing of the
                // stream: only the same name can be there already.
                let mut commit = Commit::new(tenant, id.uuid(), signed(before.version));
                commit.idempotency = Some(named.row(id, signed(from), 0));
                match self.store.append(commit).await? {
                    Appended::Done { .. } => return Ok(nothing_new(from)),
                    Appended::KeyUsed(row) => return restored_before(wanted, named, &row),
                    _ => continue,
                }
            }
            let (playbooks, copies) = self.adopted_elsewhere(wanted).await?;
            let (from, facts) = ((*before).clone(), Arc::clone(&wanted.facts));
            // Thousands of facts are folded: that would hold up whoever shares this thread.
            let many = work(0, facts.iter().map(|fact| fact.data.name()));
            let folding = move || folded(from, &facts, &playbooks);
            let folded = self.processors.fold(tenant, many, folding).await?;
            let after = folded.map_err(|(index, refusal)| RecordError::Refused { index, refusal })?;
            if !(wanted.after)(&after) {
                return Err(RecordError::Stale(Box::new((*before).clone())));
            }
            let new: Vec<_> = after.history().iter().skip(known.len()).collect();
            let (mut commit, _) = self.written(tenant, false, &before, &after, &new).await?;
            let named = wanted.idempotency.as_ref();
            commit.idempotency = named.map(|named| named.row(id, signed(before.version + 1), new.len()));
            commit.beside = copies;
            let bytes = commit.bytes();
            match self.store.append(commit).await? {
                Appended::Done { .. } => {
                    let version = after.version;
                    self.remember(tenant, &Arc::new(after), bytes);
                    return Ok(Restored::Done {
                        from: before.version + 1,
                        version,
                        replayed: false,
                    });
                }
                Appended::KeyUsed(row) => {
                    let Some(named) = &wanted.idempotency else { break };
                    return restored_before(wanted, named, &row);
                }
                Appended::IdsTaken(taken) if taken.iter().all(|it| it.candidate != id.uuid()) => {
                    let first = taken.first().map(|it| it.event_id);
                    let index = wanted.facts.iter().position(|fact| Some(fact.at.event.uuid()) == first);
                    let refusal = Refusal::new("id_taken", "A fact of another candidate has this id.")
                        .at("/id", "must be new in this tenant");
                    let index = index.unwrap_or(0);
                    return Err(RecordError::Refused { index, refusal });
                }
                Appended::ExternalIdTaken => {
                    let refusal = Refusal::new("external_id_taken", "Another candidate has this external id.")
                        .at("/data/external_id", "must be unique among the tenant's candidates");
                    let id = external_id(&after);
                    let gives = |fact: &Envelope| given(&fact.data).is_some_and(|it| Some(it) == id);
                    let index = wanted.facts.iter().rposition(gives).unwrap_or(0);
                    return Err(RecordError::Refused { index, refusal });
                }
                Appended::Fenced => return Err(RecordError::Fenced),
                Appended::Erased => self.cache.invalidate(&(tenant, id.uuid())),
                Appended::Conflict | Appended::IdsTaken(_) => {}
            }
        }
        Err(RecordError::Store(StoreError::Overloaded))
    }

    /// The playbooks that the stream adopted; and what keeps the rules of those that are new here.
    async fn adopted_elsewhere(
        &self,
        wanted: &Restoration<'_>,
    ) -> Result<(Arc<Playbooks>, Option<Beside>), RecordError> {
        let tenant = wanted.tenant;
        let own = self.newest_playbooks(tenant).await?;
        let adopted = wanted.facts.iter().enumerate();
        let elsewhere = adopted.filter_map(|(index, fact)| match &fact.data {
            AnyFact::PlaybookAdopted(adopted) if !own.knows(adopted) => Some((adopted.hash.as_str(), index)),
            _ => None,
        });
        let elsewhere: HashMap<&str, usize> = elsewhere.collect();
        if elsewhere.is_empty() {
            return Ok((own, None));
        }
        let too_large = |told: String| {
            let index = elsewhere.values().copied().max().unwrap_or_default();
            let refusal = Refusal::new("too_large", told).at("/data/hash", "is of a playbook too many");
            RecordError::Refused { index, refusal }
        };
        // Whoever reads the stream holds all of them.
        if elsewhere.len() > MOST_COPIES {
            let told = format!("A history that is brought in may follow up to {MOST_COPIES} playbooks of others.");
            return Err(too_large(told));
        }
        let hashes = elsewhere.keys().map(|hash| (*hash).to_owned());
        let known: HashMap<String, usize> = self.store.playbook_copies_bytes(tenant, hashes).await?;
        let brought = wanted.playbooks.iter().map(|rules| (rules, written(rules)));
        let new: HashMap<String, _> = brought
            .filter(|(_, (hash, _))| elsewhere.contains_key(hash.as_str()) && !known.contains_key(hash))
            .map(|(rules, (hash, text))| (hash, (rules, text)))
            .collect();
        let bytes = known.values().sum::<usize>() + new.values().map(|(_, text)| text.len()).sum::<usize>();
        if bytes > BYTES_OF_COPIES {
            let most = BYTES_OF_COPIES >> 20;
            let told = format!("The playbooks of others that a history follows may have up to {most} MiB in all.");
            return Err(too_large(told));
        }
        let mut playbooks = (*self.playbooks_adopted(tenant, &wanted.facts).await?).clone();
        let followed = new.iter().filter(|(hash, (rules, _))| playbooks.copy(hash, rules));
        let keeping = Beside::playbook_copies(tenant, followed.map(|(hash, (_, text))| (hash.as_str(), text.as_str())));
        Ok((Arc::new(playbooks), keeping))
    }
}

/// All of it is here, in versions before this one.
const fn nothing_new(from: u64) -> Restored {
    Restored::Done {
        version: from - 1,
        from,
        replayed: false,
    }
}

/// What came of an earlier request of the same name.
fn restored_before(
    wanted: &Restoration<'_>,
    named: &Idempotency,
    row: &IdempotencyRow,
) -> Result<Restored, RecordError> {
    let of_candidate = row.candidate == Some(wanted.candidate.uuid());
    if of_candidate && wanted.merged.as_ref() == Some(&row.request_hash) {
        return Ok(Restored::Diverged);
    }
    if !of_candidate || row.request_hash != named.request {
        return Err(RecordError::IdempotencyReused);
    }
    let from = row.first_version.unsigned_abs();
    Ok(Restored::Done {
        version: (from + row.facts.unsigned_abs()).saturating_sub(1),
        from,
        replayed: true,
    })
}

/// The state with the facts that it has not yet; else which of them cannot be, and why.
fn folded(mut state: Candidate, facts: &[Envelope], playbooks: &Playbooks) -> Result<Candidate, (usize, Refusal)> {
    let known = state.history().len();
    let (mut folds, mut spent) = (Folds::of(&state), Spent::of_a_history(&state));
    for (index, fact) in facts.iter().enumerate().skip(known) {
        let mut fact = fact.clone();
        put_together(&mut fact, playbooks).map_err(|_| {
            let told = "names a playbook whose rules the archive does not hold";
            (index, Refusal::invalid("/data/hash", told))
        })?;
        // An archive that was taken after somebody was erased holds nothing of them: there is nothing to write anew.
        let erased_before = matches!(fact.data, AnyFact::ContactErased(_)) && !state.has_particulars(fact.at.subject);
        if !erased_before {
            folds = folds.seen_from(&state);
            let added = folds.add(&fact.data, index);
            added
                .and_then(|()| spent.admit(&state, &fact.data))
                .map_err(|refusal| (index, refusal))?;
        }
        if let Some(refusal) = folds.too_many(1) {
            return Err((index, refusal));
        }
        restore(&mut state, fact).map_err(|refusal| (index, refusal))?;
        Folds::of_another(&state).map_err(|refusal| (index, refusal))?;
    }
    Ok(state)
}
