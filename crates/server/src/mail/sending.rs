//! Sending one note: what must hold, the row that is written first, the conversation, the fact. The row goes in before
//! the server is spoken to, and the fact before the row is closed; so whenever the process goes away, either nothing was
//! sent, or the row is still open and nothing is sent again. Ids follow from the delivery's: doing a step twice is doing
//! it once.

use std::{sync::Arc, time::Duration};

use actix_web::HttpRequest;
use afterword_domain::{
    ids::{CandidateId, NoteDeliveryId, NoteId},
    notes::Note,
    values::Line,
};
use afterword_letters::eml::Message;
use afterword_store::{Appended, Beside, Commit, NoteDeliveryEnd, NoteDeliveryRow, NoteDeliveryState, Recorder, Step};
use jiff::Timestamp;
use lettre::Address;
use uuid::Uuid;

use super::{
    fate::{Ended, Reason, Stage},
    on_record,
    places::Place,
    settings::Settings,
    settling::{ATTEMPTS, as_it_stands, found, patiently, record, settled},
    smtp::Letter,
};
use crate::{
    edge::{admission::give_turn_back, codes::Code, problem::Problem, scopes::Caller},
    recording::writable,
    service::{Shared, tenant, unavailable},
    writing::{Changed, Writing, refused},
};

/// Beyond the longest conversation, this long may pass before somebody else takes a delivery for abandoned.
pub(super) const MARGIN: Duration = Duration::from_secs(30);

/// A delivery as it stands, and the fact that it made.
pub struct Delivered {
    pub(super) row: NoteDeliveryRow,
    pub(super) step: Option<Step>,
}

/// What is to be sent.
pub struct Order {
    pub(super) candidate: CandidateId,
    pub(super) note: NoteId,
    /// The revision that the client means, where it says so.
    pub(super) revision: Option<u32>,
}

/// All that a conversation needs.
struct Ready {
    note: Arc<Note>,
    settings: Settings,
    letter: Letter,
}

/// Sends a note, unless this very request did so before. True: it did.
pub async fn deliver(
    service: &Shared,
    caller: &Caller,
    writing: &Writing,
    order: &Order,
    request: &HttpRequest,
) -> Result<(Delivered, bool), Problem> {
    let id = writing.fresh(0);
    if let Some(known) = earlier(service, caller, writing, order).await? {
        return Ok((known, true));
    }
    let ready = match ready(service, caller, writing, order).await {
        Ok(ready) => ready,
        // Perhaps it is only the same request, carried out meanwhile, that stands in its way.
        Err(problem) => match earlier(service, caller, writing, order).await? {
            Some(known) => return Ok((known, true)),
            None => return Err(problem),
        },
    };
    let place = service
        .mail
        .place(caller.tenant)
        .ok_or_else(|| Problem::overloaded(10))?;
    // A mail server may take its time; that is no reason to keep the key's turn.
    give_turn_back(request);
    let row = row(service, caller, order, id, &ready.note).await?;
    if let Some(other) = begin(service, caller, writing, &row).await? {
        if other.delivery_id == id {
            return Ok((settled(service, caller, other).await?, true));
        }
        return Err(open(&other));
    }
    // Between the look at the note and the row, another delivery may have come to its end.
    let ready = match self::ready(service, caller, writing, order).await {
        Ok(again) if again.note.version == ready.note.version => again,
        changed => {
            let taken_back = service.recorder.store().note_delivery_take_back(tenant(caller), &row);
            taken_back.await.map_err(unavailable)?;
            let moved_on = || Problem::new(Code::Stale, "The note has changed meanwhile; look at it again.");
            return Err(changed.err().unwrap_or_else(moved_on));
        }
    };
    // It goes on where the client does not wait.
    let (service, caller) = (service.clone(), caller.clone());
    let carried_out = actix_web::rt::spawn(async move { carry_out(&service, &caller, row, ready, place).await });
    let delivered = carried_out.await.map_err(Problem::internal)??;
    Ok((delivered, false))
}

/// What the same request made before, if it did.
async fn earlier(
    service: &Shared,
    caller: &Caller,
    writing: &Writing,
    order: &Order,
) -> Result<Option<Delivered>, Problem> {
    if !writing.was_made(service, caller).await? {
        return Ok(None);
    }
    let Some(known) = found(service, tenant(caller), order.candidate, writing.fresh(0)).await? else {
        return Ok(None);
    };
    writable(caller, service, order.candidate).await?;
    Ok(Some(settled(service, caller, known).await?))
}

/// What stands in the way of sending, or all that is needed for it.
async fn ready(service: &Shared, caller: &Caller, writing: &Writing, order: &Order) -> Result<Ready, Problem> {
    let candidate = writable(caller, service, order.candidate).await?;
    let note = candidate
        .notes
        .get(&order.note)
        .cloned()
        .ok_or_else(Problem::not_found)?;
    writing.meets_candidate(&candidate)?;
    note.may_be_delivered().map_err(refused)?;
    Recorder::goes_on(&candidate).map_err(refused)?;
    if order.revision.is_some_and(|revision| revision != note.revision) {
        let told = format!("must be {}, the newest revision, or be left out", note.revision);
        return Err(Problem::invalid("/revision", told));
    }
    let message = Message::of(&candidate, &note).map_err(refused)?;
    let Some((settings, _)) = on_record(service, caller).await? else {
        return Err(Problem::new(
            Code::MailNotConfigured,
            "The tenant has no mail server: PUT /v1/mail names one.",
        ));
    };
    let message = message.dated(service.now(caller).await?);
    let message = match &settings.from {
        Some(from) => message.sent_from(from.name.as_ref().map(Line::as_str), from.address.as_str()),
        None => message,
    };
    let address = |text: &str| {
        text.parse::<Address>().map_err(|_| {
            Problem::new(
                Code::NotAddressable,
                "An e-mail address on record is none that mail can be sent to.",
            )
        })
    };
    let to = message.to.iter().map(|mailbox| address(&mailbox.address));
    let letter = Letter {
        from: address(&message.from.address)?,
        to: to.collect::<Result<_, _>>()?,
        bytes: message.to_bytes(),
    };
    Ok(Ready { note, settings, letter })
}

async fn row(
    service: &Shared,
    caller: &Caller,
    order: &Order,
    id: Uuid,
    note: &Note,
) -> Result<NoteDeliveryRow, Problem> {
    let recipients: Vec<String> = note.recipients.get().iter().map(ToString::to_string).collect();
    let until = service.clock.now() + service.mail.longest() + MARGIN;
    Ok(NoteDeliveryRow {
        delivery_id: id,
        candidate: order.candidate.uuid(),
        note: order.note.uuid(),
        revision: i64::from(note.revision),
        recipients: recipients.join(" "),
        state: NoteDeliveryState::Sending,
        stage: Stage::Connect.name().to_owned(),
        code: None,
        enhanced: None,
        reason: None,
        started_at: service.now(caller).await?.as_microsecond(),
        finished_at: None,
        until_at: until.as_microsecond(),
        resolved: None,
    })
}

/// Writes the row, with the request's name. What comes back is the delivery that stands in its way.
async fn begin(
    service: &Shared,
    caller: &Caller,
    writing: &Writing,
    row: &NoteDeliveryRow,
) -> Result<Option<NoteDeliveryRow>, Problem> {
    let store = service.recorder.store();
    for _ in 0..ATTEMPTS {
        let now = service.clock.now().as_microsecond();
        let begun = Beside::note_delivery(tenant(caller), row, now);
        let begun = match writing.change(service, caller, begun.clone()).await? {
            Changed::Done => true,
            Changed::Conflict => false,
            // The name stays where a delivery was taken back: its row begins anew.
            Changed::Before => {
                let mut commit = Commit::new(tenant(caller), row.delivery_id, 0);
                commit.beside = Some(begun);
                let begun = store.append(commit).await.map_err(unavailable)?;
                matches!(begun, Appended::Done { .. })
            }
        };
        if begun {
            return Ok(None);
        }
        let others = store
            .note_deliveries(tenant(caller), row.candidate, row.note)
            .await
            .map_err(unavailable)?;
        let mut others = others.into_iter().map(|other| other.as_of(now));
        let in_the_way = |other: &NoteDeliveryRow| {
            other.delivery_id == row.delivery_id
                || matches!(other.state, NoteDeliveryState::Sending | NoteDeliveryState::Unknown)
        };
        if let Some(other) = others.find(in_the_way) {
            return Ok(Some(other));
        }
    }
    Err(Problem::overloaded(1))
}

pub(super) fn open(other: &NoteDeliveryRow) -> Problem {
    let id = NoteDeliveryId::new(other.delivery_id);
    if other.state == NoteDeliveryState::Unknown {
        let told = format!("The delivery {id} broke off after the text went out: say what became of it first.");
        return Problem::new(Code::DeliveryUnknown, told);
    }
    Problem::new(
        Code::DeliveryUnderWay,
        format!("The delivery {id} of this note is under way."),
    )
}

async fn carry_out(
    service: &Shared,
    caller: &Caller,
    row: NoteDeliveryRow,
    ready: Ready,
    _place: Place,
) -> Result<Delivered, Problem> {
    let store = service.recorder.store();
    let speaks = async || {
        let now = service.clock.now().as_microsecond();
        matches!(store.note_delivery_speaks(tenant(caller), &row, now).await, Ok(true))
    };
    let ended = service.mail.send(&ready.settings, &ready.letter, speaks).await;
    metrics::counter!("afterword_mail_deliveries_total", "state" => ended.state.name()).increment(1);
    let (stage, code) = (ended.stage.name(), ended.code);
    tracing::info!(delivery = %row.delivery_id, state = ended.state.name(), stage, code, "a note was handed to a mail server");
    let step = if ended.state == NoteDeliveryState::Accepted {
        record(service, caller, &row, None).await?
    } else {
        None
    };
    let end = end(&ended, service.now(caller).await?);
    patiently(async || store.note_delivery_end(tenant(caller), &row, &end).await)
        .await
        .map_err(unavailable)?;
    as_it_stands(service, caller, &row, step).await
}

fn end(ended: &Ended, at: Timestamp) -> NoteDeliveryEnd {
    NoteDeliveryEnd {
        state: ended.state,
        stage: ended.stage.name(),
        code: ended.code.map(i64::from),
        enhanced: ended.enhanced.clone(),
        reason: ended.reason.map(Reason::name),
        at: at.as_microsecond(),
    }
}
