//! What follows a conversation: the fact that a note was sent, the fate of a delivery that nobody knew, and the same told
//! again.

use std::time::Duration;

use afterword_domain::{
    catalogue::AnyFact,
    decide::Proposal,
    ids::{CandidateId, ContactId, EventId, NoteId},
    notes::{NoteChannel, NoteSent},
};
use afterword_store::{Beside, Command, NoteDeliveryRow, NoteDeliveryState, RecordError, Step, StoreError, TenantId};
use jiff::Timestamp;
use uuid::Uuid;

use super::sending::{Delivered, MARGIN, open};
use crate::{
    edge::{codes::Code, problem::Problem, scopes::Caller},
    service::{Shared, recorded_by, tenant, unavailable},
    writing::{Changed, Writing},
};

/// How often a store that does not answer is asked to keep what has happened.
pub(super) const ATTEMPTS: u32 = 6;
/// How long before it is asked again, at first.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Erasing takes deliveries along.
pub(super) fn erased() -> Problem {
    Problem::refused(
        "candidate_erased",
        "The candidate was erased: nothing more can be recorded.",
    )
}

pub(super) async fn found(
    service: &Shared,
    tenant: TenantId,
    candidate: CandidateId,
    delivery: Uuid,
) -> Result<Option<NoteDeliveryRow>, Problem> {
    let known = service
        .recorder
        .store()
        .note_delivery(tenant, candidate.uuid(), delivery);
    let now = service.clock.now().as_microsecond();
    Ok(known.await.map_err(unavailable)?.map(|row| row.as_of(now)))
}

/// A delivery of an earlier request of the same name: once it is over, with the fact that it made.
pub(super) async fn settled(service: &Shared, caller: &Caller, row: NoteDeliveryRow) -> Result<Delivered, Problem> {
    let mut row = row;
    let mut patience = service.mail.longest() + MARGIN;
    while row.state == NoteDeliveryState::Sending && !patience.is_zero() {
        tokio::time::sleep(PAUSE).await;
        patience = patience.saturating_sub(PAUSE);
        let (candidate, id) = (CandidateId::new(row.candidate), row.delivery_id);
        row = found(service, tenant(caller), candidate, id)
            .await?
            .ok_or_else(erased)?;
    }
    let step = told(service, caller, &row).await?;
    Ok(Delivered { row, step })
}

/// The fact that a delivery made, told again.
async fn told(service: &Shared, caller: &Caller, row: &NoteDeliveryRow) -> Result<Option<Step>, Problem> {
    if row.state != NoteDeliveryState::Accepted {
        return Ok(None);
    }
    let occurred_at = row
        .resolved
        .and_then(|_| Timestamp::from_microsecond(row.started_at).ok());
    record(service, caller, row, occurred_at).await
}

/// Says what became of a delivery whose fate is not known.
pub async fn resolve(
    service: &Shared,
    caller: &Caller,
    writing: &Writing,
    row: NoteDeliveryRow,
    accepted: bool,
) -> Result<Delivered, Problem> {
    let store = service.recorder.store();
    let now = || service.clock.now().as_microsecond();
    let state = if accepted {
        NoteDeliveryState::Accepted
    } else {
        NoteDeliveryState::Failed
    };
    let said_before = row.resolved == Some(accepted) && row.state == state;
    let said = (!said_before).then(|| Beside::note_delivery_resolved(tenant(caller), &row, accepted, now()));
    // What follows is done again, without harm, where the same request came no farther than this.
    match writing.change_to(service, caller, 0, said).await? {
        Changed::Done | Changed::Before => {}
        Changed::Conflict => {
            return Err(match row.state {
                NoteDeliveryState::Sending => open(&row),
                _ => Problem::new(Code::DeliverySettled, "What became of this delivery is known."),
            });
        }
    }
    let occurred_at = Timestamp::from_microsecond(row.started_at).ok();
    let step = if accepted {
        record(service, caller, &row, occurred_at).await?
    } else {
        None
    };
    let at = service.now(caller).await?.as_microsecond();
    patiently(async || store.note_delivery_close(tenant(caller), &row, at).await)
        .await
        .map_err(unavailable)?;
    as_it_stands(service, caller, &row, step).await
}

/// A delivery as it stands now, and what was recorded of it.
pub(super) async fn as_it_stands(
    service: &Shared,
    caller: &Caller,
    row: &NoteDeliveryRow,
    step: Option<Step>,
) -> Result<Delivered, Problem> {
    let candidate = CandidateId::new(row.candidate);
    let known = found(service, tenant(caller), candidate, row.delivery_id).await?;
    Ok(Delivered {
        row: known.ok_or_else(erased)?,
        step,
    })
}

/// Records that the note was sent, once. None where that can no longer be recorded: somebody else did so, or the note was
/// discarded meanwhile.
pub(super) async fn record(
    service: &Shared,
    caller: &Caller,
    row: &NoteDeliveryRow,
    occurred_at: Option<Timestamp>,
) -> Result<Option<Step>, Problem> {
    let recipients: Vec<ContactId> = row.recipients.split(' ').filter_map(|id| id.parse().ok()).collect();
    let sent = NoteSent {
        channel: Some(NoteChannel::Email),
        recipients: Some(recipients),
        revision: u32::try_from(row.revision).ok(),
    };
    let proposal = Proposal {
        event: EventId::new(Uuid::new_v5(&row.delivery_id, b"sent")),
        application: None,
        subject: Some(NoteId::new(row.note).into()),
        occurred_at,
        fact: AnyFact::from(sent),
    };
    let now = service.now(caller).await?;
    let recorded = patiently(async || {
        let command = Command {
            tenant: tenant(caller),
            candidate: CandidateId::new(row.candidate),
            fresh: false,
            proposals: vec![proposal.clone()],
            atomic: true,
            by: recorded_by(caller),
            now,
            condition: None,
            idempotency: None,
            fence: None,
        };
        match service.recorder.record(command).await {
            Ok(recorded) => Ok(Ok(recorded)),
            Err(RecordError::Store(error)) => Err(error),
            Err(refused) => Ok(Err(refused)),
        }
    });
    match recorded.await.map_err(unavailable)? {
        Ok(recorded) => Ok(recorded.results.into_iter().next().and_then(Result::ok)),
        Err(cause) => {
            tracing::warn!(delivery = %row.delivery_id, %cause, "a note went out, and that could not be recorded");
            Ok(None)
        }
    }
}

/// What has happened is to be kept even where the store is out of breath for some seconds.
pub(super) async fn patiently<T>(mut keep: impl AsyncFnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match keep().await {
            Err(StoreError::Overloaded | StoreError::Unavailable(_)) => tokio::time::sleep(pause).await,
            kept => return kept,
        }
        pause *= 2;
    }
    keep().await
}
