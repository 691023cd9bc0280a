//! Facts as they lie in the log: what can be read without a key, and what is sealed.

use afterword_domain::{
    fact::{At, Envelope, Fact, TaskRefs},
    ids::{ApplicationId, CandidateId, EventId, Subject},
    profile::CandidateErased,
};
use jiff::Timestamp;

use crate::{Aad, DataKey, EventRow, StoreError, TenantId};

pub(crate) fn seal_payload(tenant: TenantId, key: &DataKey, envelope: &Envelope) -> Vec<u8> {
    let aad = Aad::versioned(
        tenant,
        envelope.at.candidate.uuid(),
        "event",
        signed(envelope.at.version),
    );
    key.seal(&aad, &envelope.payload())
}

pub(crate) fn seal(tenant: TenantId, key: &DataKey, envelope: &Envelope) -> EventRow {
    let at = &envelope.at;
    EventRow {
        position: 0,
        candidate: at.candidate.uuid(),
        version: signed(at.version),
        event_id: at.event.uuid(),
        kind: envelope.data.name().to_owned(),
        schema_version: i64::from(envelope.schema),
        application: at.application.map(ApplicationId::uuid),
        subject: at.subject.to_string(),
        occurred_at: at.occurred_at.as_microsecond(),
        recorded_at: at.recorded_at.as_microsecond(),
        recorded_by: at.recorded_by.to_string(),
        sealed: Some(seal_payload(tenant, key, envelope)),
    }
}

/// A fact as it lies in the log, opened.
pub(crate) fn open(tenant: TenantId, key: &DataKey, row: &EventRow) -> Result<Envelope, StoreError> {
    let unreadable = |what: &dyn std::fmt::Display| {
        tracing::error!(candidate = %CandidateId::new(row.candidate), version = row.version, "the log cannot be read: {what}");
        StoreError::Unreadable
    };
    let sealed = row.sealed.as_ref().ok_or(StoreError::Unreadable)?;
    let aad = Aad::versioned(tenant, row.candidate, "event", row.version);
    let plain = key.open(&aad, sealed).map_err(|error| unreadable(&error))?;
    let at = at(row).ok_or_else(|| unreadable(&"the subject is no id"))?;
    let schema = u32::try_from(row.schema_version).unwrap_or(u32::MAX);
    Envelope::read(at, &row.kind, schema, &plain).map_err(|error| unreadable(&error))
}

/// What of a fact can be read without its key.
pub(crate) fn at(row: &EventRow) -> Option<At> {
    Some(At {
        event: EventId::new(row.event_id),
        candidate: CandidateId::new(row.candidate),
        version: row.version.unsigned_abs(),
        application: row.application.map(ApplicationId::new),
        subject: row.subject.parse::<Subject>().ok()?,
        occurred_at: moment(row.occurred_at),
        recorded_at: moment(row.recorded_at),
        recorded_by: row.recorded_by.as_str().into(),
    })
}

pub(crate) fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

pub(crate) fn moment(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::MAX)
}

/// The fact of an erasure, which can be told without a key: it says nothing about anybody.
pub(crate) fn erasure(row: &EventRow) -> Option<Envelope> {
    let erased = row.kind == CandidateErased::NAME;
    Some(Envelope {
        at: erased.then(|| at(row)).flatten()?,
        schema: CandidateErased::SCHEMA,
        departures: Vec::new(),
        tasks: TaskRefs::default(),
        data: CandidateErased {}.into(),
    })
}
