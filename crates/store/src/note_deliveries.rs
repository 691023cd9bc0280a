//! Deliveries: attempts to send a note by mail. A row is written before the server is spoken to and says how far it came,
//! so that whatever happens to the process, nothing that may have been sent is sent again by itself. Of one note only one
//! attempt can be open: an index sees to it, across instances.
//!
//! Whoever is at a delivery has it until a moment of the wall's clock, and writes only while the row says that it is still
//! under way. After that moment the row means what it would mean if nobody were at it any more: `failed` before the text
//! went out, `unknown` after.

use uuid::Uuid;

use crate::{
    Beside, Store, StoreError, TenantId,
    statement::{Cells, Statement},
};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteDeliveryState {
    /// It is under way.
    Sending,
    /// The server took it.
    Accepted,
    /// The server refused it for good.
    Refused,
    /// It was not sent.
    Failed,
    /// Whether the server took it is not known.
    Unknown,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteDeliveryRow {
    /// Its id.
    pub delivery_id: Uuid,
    /// Whose note.
    pub candidate: Uuid,
    /// The note.
    pub note: Uuid,
    /// The note's revision.
    pub revision: i64,
    /// The ids of its recipients, with blanks between.
    pub recipients: String,
    /// Where it stands.
    pub state: NoteDeliveryState,
    /// How far it came.
    pub stage: String,
    /// The server's reply.
    pub code: Option<i64>,
    /// The server's enhanced status code.
    pub enhanced: Option<String>,
    /// Why, where it was not the server's word.
    pub reason: Option<String>,
    /// When it began.
    pub started_at: i64,
    /// When it ended.
    pub finished_at: Option<i64>,
    /// Until when somebody is at it, by the wall's clock.
    pub until_at: i64,
    /// Whether somebody said that it arrived, or that it did not.
    pub resolved: Option<bool>,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteDeliveryEnd {
    /// Where it stands.
    pub state: NoteDeliveryState,
    /// How far it came.
    pub stage: &'static str,
    /// The server's reply.
    pub code: Option<i64>,
    /// The server's enhanced status code.
    pub enhanced: Option<String>,
    /// Why, where it was not the server's word.
    pub reason: Option<&'static str>,
    /// When.
    pub at: i64,
}

/// The stage from which on the server may have taken the text.
const TEXT: &str = "text";
/// The reason of a delivery that nobody is at any more.
const INTERRUPTED: &str = "interrupted";

const COLUMNS: &str = "SELECT delivery_id, candidate_id, note_id, revision, recipients, state, stage, code, enhanced, \
     reason, started_at, finished_at, until_at, resolved FROM mail_deliveries WHERE tenant_id = ";

impl NoteDeliveryState {
    const ALL: [Self; 5] = [
        Self::Sending,
        Self::Accepted,
        Self::Refused,
        Self::Failed,
        Self::Unknown,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

impl NoteDeliveryRow {
    /// What the row means at a moment of the wall's clock.
    #[must_use]
    pub fn as_of(mut self, now: i64) -> Self {
        if self.state == NoteDeliveryState::Sending && self.until_at < now {
            self.state = if self.stage == TEXT {
                NoteDeliveryState::Unknown
            } else {
                NoteDeliveryState::Failed
            };
            self.reason = Some(INTERRUPTED.to_owned());
        }
        self
    }

    fn read(row: &dyn Cells) -> Result<Self, sqlx::Error> {
        let state = row.text(5)?;
        let state = NoteDeliveryState::ALL.into_iter().find(|known| known.name() == state);
        Ok(Self {
            delivery_id: row.id(0)?,
            candidate: row.id(1)?,
            note: row.id(2)?,
            revision: row.int(3)?,
            recipients: row.text(4)?,
            state: state.unwrap_or(NoteDeliveryState::Unknown),
            stage: row.text(6)?,
            code: row.maybe_int(7)?,
            enhanced: row.maybe_text(8)?,
            reason: row.maybe_text(9)?,
            started_at: row.int(10)?,
            finished_at: row.maybe_int(11)?,
            until_at: row.int(12)?,
            resolved: row.maybe_int(13)?.map(|resolved| resolved != 0),
        })
    }
}

/// Writes down what deliveries of a note have come to mean that nobody is at any more.
fn lapsed(tenant: TenantId, row: &NoteDeliveryRow, now: i64) -> Statement {
    Statement::of(
        "UPDATE mail_deliveries SET state = CASE stage WHEN 'text' THEN 'unknown' ELSE 'failed' END, \
         reason = 'interrupted' WHERE tenant_id = $1 AND candidate_id = $2 AND note_id = $3 \
         AND state = 'sending' AND until_at < $4",
        [tenant.into(), row.candidate.into(), row.note.into(), now.into()],
    )
}

impl Beside {
    /// Begins a delivery; a conflict where another one of the note is open, or this one is there already.
    #[must_use]
    pub fn note_delivery(tenant: TenantId, row: &NoteDeliveryRow, now: i64) -> Self {
        let begin = Statement::of(
            "INSERT INTO mail_deliveries (tenant_id, candidate_id, delivery_id, note_id, revision, recipients, state, \
             stage, started_at, until_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
            [
                tenant.into(),
                row.candidate.into(),
                row.delivery_id.into(),
                row.note.into(),
                row.revision.into(),
                row.recipients.as_str().into(),
                row.state.name().into(),
                row.stage.as_str().into(),
                row.started_at.into(),
                row.until_at.into(),
            ],
        );
        Self::may(lapsed(tenant, row, now)).and(Self::must(begin))
    }

    /// Keeps what somebody said of a delivery whose fate is not known; a conflict where it is known, or the opposite was
    /// said.
    #[must_use]
    pub fn note_delivery_resolved(tenant: TenantId, row: &NoteDeliveryRow, accepted: bool, now: i64) -> Self {
        let resolve = Statement::of(
            "UPDATE mail_deliveries SET resolved = $4 WHERE tenant_id = $1 AND candidate_id = $2 AND delivery_id = $3 \
             AND state = 'unknown' AND COALESCE(resolved, $4) = $4",
            [
                tenant.into(),
                row.candidate.into(),
                row.delivery_id.into(),
                i64::from(accepted).into(),
            ],
        );
        Self::may(lapsed(tenant, row, now)).and(Self::must(resolve))
    }
}

impl Store {
    /// Takes back a delivery that has just begun and will not be carried out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_delivery_take_back(&self, tenant: TenantId, row: &NoteDeliveryRow) -> Result<(), StoreError> {
        let statement = Statement::of(
            "DELETE FROM mail_deliveries WHERE tenant_id = $1 AND candidate_id = $2 AND delivery_id = $3 \
             AND state = 'sending' AND stage <> 'text'",
            [tenant.into(), row.candidate.into(), row.delivery_id.into()],
        );
        self.db().execute(tenant, statement).await?;
        Ok(())
    }

    /// Says that the text is about to go out. False where the delivery is no longer this one's to make.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_delivery_speaks(
        &self,
        tenant: TenantId,
        row: &NoteDeliveryRow,
        now: i64,
    ) -> Result<bool, StoreError> {
        let statement = Statement::of(
            "UPDATE mail_deliveries SET stage = 'text' WHERE tenant_id = $1 AND candidate_id = $2 AND delivery_id = $3 \
             AND state = 'sending' AND stage <> 'text' AND until_at > $4",
            [tenant.into(), row.candidate.into(), row.delivery_id.into(), now.into()],
        );
        Ok(self.db().execute(tenant, statement).await? > 0)
    }

    /// Says how a delivery ended, unless somebody has said so since.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_delivery_end(
        &self,
        tenant: TenantId,
        row: &NoteDeliveryRow,
        end: &NoteDeliveryEnd,
    ) -> Result<bool, StoreError> {
        let statement = Statement::of(
            "UPDATE mail_deliveries SET state = $4, stage = $5, code = $6, enhanced = $7, reason = $8, finished_at = $9 \
             WHERE tenant_id = $1 AND candidate_id = $2 AND delivery_id = $3 AND state = 'sending'",
            [
                tenant.into(),
                row.candidate.into(),
                row.delivery_id.into(),
                end.state.name().into(),
                end.stage.into(),
                end.code.into(),
                end.enhanced.clone().into(),
                end.reason.into(),
                end.at.into(),
            ],
        );
        Ok(self.db().execute(tenant, statement).await? > 0)
    }

    /// Closes a delivery of which somebody has said what became of it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_delivery_close(
        &self,
        tenant: TenantId,
        row: &NoteDeliveryRow,
        now: i64,
    ) -> Result<(), StoreError> {
        let statement = Statement::of(
            "UPDATE mail_deliveries SET state = CASE resolved WHEN 1 THEN 'accepted' ELSE 'failed' END, finished_at = $4 \
             WHERE tenant_id = $1 AND candidate_id = $2 AND delivery_id = $3 AND state = 'unknown' \
             AND resolved IS NOT NULL",
            [tenant.into(), row.candidate.into(), row.delivery_id.into(), now.into()],
        );
        self.db().execute(tenant, statement).await?;
        Ok(())
    }

    /// The deliveries of a note, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_deliveries(
        &self,
        tenant: TenantId,
        candidate: Uuid,
        note: Uuid,
    ) -> Result<Vec<NoteDeliveryRow>, StoreError> {
        let mut statement = Statement::new(COLUMNS);
        statement
            .bind(tenant)
            .push(" AND candidate_id = ")
            .bind(candidate)
            .push(" AND note_id = ")
            .bind(note)
            .push(" ORDER BY started_at, delivery_id");
        self.db().fetch(tenant, statement, NoteDeliveryRow::read).await
    }

    /// A delivery of a candidate's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_delivery(
        &self,
        tenant: TenantId,
        candidate: Uuid,
        delivery: Uuid,
    ) -> Result<Option<NoteDeliveryRow>, StoreError> {
        let mut statement = Statement::new(COLUMNS);
        statement
            .bind(tenant)
            .push(" AND candidate_id = ")
            .bind(candidate)
            .push(" AND delivery_id = ")
            .bind(delivery);
        self.db().fetch_one(tenant, statement, NoteDeliveryRow::read).await
    }
}
