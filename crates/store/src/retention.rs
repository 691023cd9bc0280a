//! How long a tenant keeps candidates of whom nothing more is told, and who has been silent for how long.
//!
//! `streams.told_since` is a hint that no write keeps up to date: it is never later than the newest fact that somebody told,
//! so whoever it shows to be silent is looked up in the log, which decides, and the hint is brought up to date.

use std::collections::HashMap;

use afterword_domain::{
    announcements::CLOCK,
    candidate::Candidate,
    catalogue::AnyFact,
    decide::Proposal,
    ids::{CandidateId, EventId},
    profile::CandidateErased,
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::envelopes::signed;
use crate::error::code;
use crate::statement::Statement;
use crate::{Command, Fence, RecordError, Recorder, Store, StoreError, TenantId};

/// How long a tenant keeps candidates, from some moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRow {
    /// 1, 2, 3 …
    pub version: i64,
    /// The period, ISO 8601; none: for ever.
    pub period: Option<String>,
    /// When it was put.
    pub recorded_at: i64,
    /// Who put it.
    pub recorded_by: String,
}

impl Store {
    /// How long a tenant kept candidates and does now, the newest last.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn retentions(&self, tenant: TenantId) -> Result<Vec<RetentionRow>, StoreError> {
        let statement = Statement::of(
            "SELECT version, period, recorded_at, recorded_by FROM retentions WHERE tenant_id = $1 ORDER BY version",
            [tenant.into()],
        );
        self.db()
            .fetch(tenant, statement, |row| {
                Ok(RetentionRow {
                    version: row.int(0)?,
                    period: row.maybe_text(1)?,
                    recorded_at: row.int(2)?,
                    recorded_by: row.text(3)?,
                })
            })
            .await
    }

    /// Puts a tenant's next retention. False: another one of its number is there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn retention_put(&self, tenant: TenantId, row: &RetentionRow) -> Result<bool, StoreError> {
        let statement = Statement::of(
            "INSERT INTO retentions (tenant_id, version, period, recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5)",
            [
                tenant.into(),
                row.version.into(),
                row.period.as_deref().into(),
                row.recorded_at.into(),
                row.recorded_by.as_str().into(),
            ],
        );
        match self.db().execute(tenant, statement).await {
            Ok(_) => Ok(true),
            Err(error) if matches!(code(&error).as_deref(), Some("23505" | "2067" | "1555")) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Candidates by how long they may have been silent, the longest first, after a place in that order: since when the
    /// hint says, and since when the log does.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn silent(
        &self,
        tenant: TenantId,
        after: Option<(i64, Uuid)>,
        limit: i64,
    ) -> Result<Vec<Silent>, StoreError> {
        let mut statement = Statement::new("SELECT told_since, candidate_id, version FROM streams WHERE tenant_id = ");
        statement.bind(tenant).push(" AND erased_at IS NULL");
        if let Some((since, candidate)) = after {
            statement
                .push(" AND (told_since, candidate_id) > (")
                .bind(since)
                .push(", ")
                .bind(candidate)
                .push(")");
        }
        statement.push(" ORDER BY told_since, candidate_id LIMIT ").bind(limit);
        let hints = self
            .db()
            .fetch(tenant, statement, |row| Ok((row.int(0)?, row.id(1)?, row.int(2)?)))
            .await?;
        if hints.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = Statement::new("SELECT candidate_id, MAX(recorded_at) FROM events WHERE tenant_id = ");
        statement.bind(tenant).push(" AND recorded_by <> ").bind(CLOCK);
        statement
            .push(" AND candidate_id IN ")
            .bind_list(hints.iter().map(|(_, candidate, _)| *candidate));
        statement.push(" GROUP BY candidate_id");
        let told = self
            .db()
            .fetch(tenant, statement, |row| Ok((row.id(0)?, row.int(1)?)))
            .await?;
        let told: HashMap<Uuid, i64> = told.into_iter().collect();
        let silent = hints.into_iter().map(|(hint, candidate, version)| Silent {
            candidate,
            hint,
            version,
            // Of whom nobody told anything there is nothing to go by.
            since: told.get(&candidate).copied(),
        });
        Ok(silent.collect())
    }

    /// Brings hints up to date.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn silent_since(&self, tenant: TenantId, silent: &[Silent]) -> Result<(), StoreError> {
        for some in silent.chunks(256) {
            let mut statement = Statement::new(
                "UPDATE streams SET told_since = COALESCE((SELECT MAX(e.recorded_at) FROM events e \
                 WHERE e.tenant_id = streams.tenant_id AND e.candidate_id = streams.candidate_id AND e.recorded_by <> ",
            );
            statement
                .bind(CLOCK)
                .push("), told_since) WHERE tenant_id = ")
                .bind(tenant);
            statement
                .push(" AND candidate_id IN ")
                .bind_list(some.iter().map(|it| it.candidate));
            self.db().execute(tenant, statement).await?;
        }
        Ok(())
    }
}

/// Since when nothing was told of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silent {
    /// Of whom.
    pub candidate: Uuid,
    /// Not earlier than this.
    pub hint: i64,
    /// The candidate's version when that was looked up.
    pub version: i64,
    /// Since when the log says.
    pub since: Option<i64>,
}

/// When somebody last told something of a candidate; what comes about by itself tells nothing.
fn told_last(candidate: &Candidate) -> Option<Timestamp> {
    let told = candidate.history().iter().rev();
    let mut told = told.filter(|fact| &*fact.at.recorded_by != CLOCK);
    told.next().map(|fact| fact.at.recorded_at)
}

impl Recorder {
    /// Erases a candidate of whom nothing was told since a moment. False: something was, or the candidate is erased.
    ///
    /// # Errors
    /// When the store does not answer, or the lease has been taken over.
    pub async fn erase_silent(
        &self,
        tenant: TenantId,
        silent: Silent,
        event: EventId,
        now: Timestamp,
        fence: Option<Fence>,
    ) -> Result<bool, RecordError> {
        let candidate = CandidateId::new(silent.candidate);
        let since = silent.since;
        let still = |state: &Candidate| {
            // Of a history that cannot be read here, another instance may still read, and have told, more.
            let is_unread = state.history().is_empty() && signed(state.version) == silent.version;
            let told = told_last(state).map(Timestamp::as_microsecond);
            state.erased_at.is_none() && since.is_some() && (told == since || is_unread)
        };
        let command = Command {
            tenant,
            candidate,
            fresh: false,
            proposals: vec![Proposal {
                event,
                application: None,
                subject: Some(candidate.into()),
                occurred_at: None,
                fact: AnyFact::from(CandidateErased {}),
            }],
            atomic: true,
            by: CLOCK.into(),
            now,
            condition: Some(&still),
            idempotency: None,
            fence,
        };
        match self.record(command).await {
            Ok(_) => Ok(true),
            Err(RecordError::Stale(_)) => Ok(false),
            Err(RecordError::Refused { refusal, .. }) if refusal.code == "candidate_erased" => Ok(false),
            Err(error) => Err(error),
        }
    }
}
