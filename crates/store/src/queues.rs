//! The questions that cross candidates: the queue of tasks, the boards of applications and rejections, the candidates.
//! Every page continues after the last row of the one before, so that it is stable while others write.

use crate::error::StoreError;
use crate::reads::in_group;
use crate::rows::{ApplicationRow, TaskRow, TaskState, TenantId};
use crate::statement::{Cells, Statement};
use crate::store::Store;
use uuid::Uuid;

/// A task's state as it is read at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskFilter {
    /// Live, and not yet open.
    Waiting,
    /// Live, open, and not yet due.
    Open,
    /// Live, open, and due.
    Overdue,
    /// Answered by a fact.
    Done,
    /// Waved away.
    Dismissed,
    /// Its ground is gone.
    Void,
}

/// Which tasks to read, by `(due_at, candidate, task)`.
#[derive(Debug, Clone, Default)]
pub struct TaskQuery {
    /// The moment the states are read at.
    pub now: i64,
    /// In any of these states.
    pub states: Vec<TaskFilter>,
    /// Of this play only.
    pub play: Option<String>,
    /// Of this application only.
    pub application: Option<Uuid>,
    /// Of this candidate only.
    pub candidate: Option<Uuid>,
    /// Of this group only.
    pub group: Option<String>,
    /// Due before this moment.
    pub due_before: Option<i64>,
    /// Also those that are snoozed at `now`.
    pub snoozed: bool,
    /// After this row.
    pub after: Option<(i64, Uuid, Uuid)>,
    /// At most so many.
    pub limit: i64,
    /// Read from the index alone; `sealed` stays empty.
    pub without_texts: bool,
}

/// Which applications to read, by `(candidate, application)`.
#[derive(Debug, Clone, Default)]
pub struct ApplicationQuery {
    /// The moment the statuses are read at.
    pub now: i64,
    /// In any of these statuses, as read at `now`.
    pub statuses: Option<Vec<String>>,
    /// Of this candidate only.
    pub candidate: Option<Uuid>,
    /// Of this group only.
    pub group: Option<String>,
    /// After this row.
    pub after: Option<(Uuid, Uuid)>,
    /// At most so many.
    pub limit: i64,
}

/// Which rejections to read, newest first.
#[derive(Debug, Clone, Default)]
pub struct RejectionQuery {
    /// At any of these stages.
    pub stages: Option<Vec<String>>,
    /// Of this candidate only.
    pub candidate: Option<Uuid>,
    /// Of this group only.
    pub group: Option<String>,
    /// After this row: when it was received, and whose it is.
    pub after: Option<(i64, Uuid, Uuid)>,
    /// At most so many.
    pub limit: i64,
}

/// Which candidates to read, by id. Erased ones are left out.
#[derive(Debug, Clone, Default)]
pub struct CandidateQuery {
    /// Of this group only.
    pub group: Option<String>,
    /// This candidate only.
    pub candidate: Option<Uuid>,
    /// The one with this external id, hashed.
    pub external_hash: Option<Vec<u8>>,
    /// After this candidate.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: i64,
}

const TASK: &str = "SELECT t.candidate_id, t.task_id, t.application_id, t.play, t.state, t.opens_at, t.due_at, \
     t.snoozed_until, t.version, t.sealed FROM tasks t ";
// A page of live tasks without their texts is read from its index alone.
const TASK_WITHOUT_TEXT: &str = "SELECT t.candidate_id, t.task_id, t.application_id, t.play, t.state, t.opens_at, \
     t.due_at, t.snoozed_until, t.version, NULL FROM tasks t ";

fn task(row: &dyn Cells) -> Result<TaskRow, sqlx::Error> {
    let state = row.text(4)?;
    Ok(TaskRow {
        candidate: row.id(0)?,
        task_id: row.id(1)?,
        application: row.maybe_id(2)?,
        play: row.text(3)?,
        state: TaskState::parse(&state).ok_or_else(|| sqlx::Error::Decode("a task's state".into()))?,
        opens_at: row.int(5)?,
        due_at: row.int(6)?,
        snoozed_until: row.maybe_int(7)?,
        version: row.int(8)?,
        sealed: row.maybe_bytes(9)?.unwrap_or_default(),
    })
}

const APPLICATION: &str = "SELECT a.candidate_id, a.application_id, a.status, a.quiet_at, a.silent_at, \
     a.presumed_closed_at, a.rejection_stage, a.rejection_received_at, a.version, a.sealed, a.rejection_sealed \
     FROM applications a ";

fn application(row: &dyn Cells) -> Result<ApplicationRow, sqlx::Error> {
    Ok(ApplicationRow {
        candidate: row.id(0)?,
        application: row.id(1)?,
        status: row.text(2)?,
        quiet_at: row.maybe_int(3)?,
        silent_at: row.maybe_int(4)?,
        presumed_closed_at: row.maybe_int(5)?,
        rejection_stage: row.maybe_text(6)?,
        rejection_received_at: row.maybe_int(7)?,
        version: row.int(8)?,
        sealed: row.bytes(9)?,
        rejection_sealed: row.maybe_bytes(10)?,
    })
}

impl Store {
    /// A page of the queue.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tasks(&self, tenant: TenantId, query: TaskQuery) -> Result<Vec<TaskRow>, StoreError> {
        use TaskFilter::{Dismissed, Done, Open, Overdue, Void, Waiting};
        let select = if query.without_texts { TASK_WITHOUT_TEXT } else { TASK };
        let wants = |states: &[TaskFilter]| query.states.iter().any(|state| states.contains(state));
        // Live and settled tasks have an index each; a page of both is merged of one page from each.
        let mut page = Vec::new();
        if wants(&[Waiting, Open, Overdue]) {
            let mut statement = Statement::new(select);
            statement
                .push("WHERE t.tenant_id = ")
                .bind(tenant)
                .push(" AND t.state = 'live'");
            if !(wants(&[Waiting]) && wants(&[Open]) && wants(&[Overdue])) {
                statement.push(" AND (1 = 0");
                if wants(&[Waiting]) {
                    statement.push(" OR t.opens_at > ").bind(query.now);
                }
                if wants(&[Open]) {
                    statement.push(" OR (t.opens_at <= ").bind(query.now);
                    statement.push(" AND t.due_at > ").bind(query.now).push(")");
                }
                if wants(&[Overdue]) {
                    statement.push(" OR (t.opens_at <= ").bind(query.now);
                    statement.push(" AND t.due_at <= ").bind(query.now).push(")");
                }
                statement.push(")");
            }
            if !query.snoozed {
                statement
                    .push(" AND (t.snoozed_until IS NULL OR t.snoozed_until <= ")
                    .bind(query.now)
                    .push(")");
            }
            page.extend(self.task_page(tenant, &query, statement).await?);
        }
        let settled: Vec<&'static str> = [
            (Done, TaskState::Done),
            (Dismissed, TaskState::Dismissed),
            (Void, TaskState::Void),
        ]
        .into_iter()
        .filter(|(filter, _)| wants(&[*filter]))
        .map(|(_, state)| state.as_str())
        .collect();
        if !settled.is_empty() {
            let mut statement = Statement::new(select);
            statement
                .push("WHERE t.tenant_id = ")
                .bind(tenant)
                .push(" AND t.state <> 'live' AND t.state IN ");
            statement.bind_list(settled);
            page.extend(self.task_page(tenant, &query, statement).await?);
            page.sort_by_key(|row| (row.due_at, row.candidate, row.task_id));
            page.truncate(usize::try_from(query.limit).unwrap_or(0));
        }
        Ok(page)
    }

    async fn task_page(
        &self,
        tenant: TenantId,
        query: &TaskQuery,
        mut statement: Statement,
    ) -> Result<Vec<TaskRow>, StoreError> {
        if let Some(play) = &query.play {
            statement.push(" AND t.play = ").bind(play.as_str());
        }
        if let Some(application) = query.application {
            statement.push(" AND t.application_id = ").bind(application);
        }
        if let Some(candidate) = query.candidate {
            statement.push(" AND t.candidate_id = ").bind(candidate);
        }
        if let Some(group) = &query.group {
            in_group(&mut statement, tenant, "t.candidate_id", group);
        }
        if let Some(before) = query.due_before {
            statement.push(" AND t.due_at < ").bind(before);
        }
        if let Some((due_at, candidate, task)) = query.after {
            statement
                .push(" AND (t.due_at, t.candidate_id, t.task_id) > (")
                .bind(due_at);
            statement.push(", ").bind(candidate).push(", ").bind(task).push(")");
        }
        statement
            .push(" ORDER BY t.due_at, t.candidate_id, t.task_id LIMIT ")
            .bind(query.limit);
        self.db().fetch(tenant, statement, task).await
    }

    /// All tasks of a candidate, by id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tasks_of(&self, tenant: TenantId, candidate: Uuid) -> Result<Vec<TaskRow>, StoreError> {
        let mut statement = Statement::new(TASK);
        statement
            .push("WHERE t.tenant_id = ")
            .bind(tenant)
            .push(" AND t.candidate_id = ")
            .bind(candidate);
        statement.push(" ORDER BY t.task_id");
        self.db().fetch(tenant, statement, task).await
    }

    /// All applications of a candidate, by id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn applications_of(&self, tenant: TenantId, candidate: Uuid) -> Result<Vec<ApplicationRow>, StoreError> {
        let mut statement = Statement::new(APPLICATION);
        statement
            .push("WHERE a.tenant_id = ")
            .bind(tenant)
            .push(" AND a.candidate_id = ")
            .bind(candidate);
        statement.push(" ORDER BY a.application_id");
        self.db().fetch(tenant, statement, application).await
    }

    /// A page of the board of applications.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn applications(
        &self,
        tenant: TenantId,
        query: ApplicationQuery,
    ) -> Result<Vec<ApplicationRow>, StoreError> {
        let mut statement = Statement::new(APPLICATION);
        statement.push("WHERE a.tenant_id = ").bind(tenant);
        if let Some(statuses) = query.statuses {
            statement.push(" AND CASE WHEN a.status <> 'awaiting' THEN a.status");
            statement
                .push(" WHEN a.presumed_closed_at <= ")
                .bind(query.now)
                .push(" THEN 'presumed_closed'");
            statement
                .push(" WHEN a.silent_at <= ")
                .bind(query.now)
                .push(" THEN 'silent'");
            statement
                .push(" WHEN a.quiet_at <= ")
                .bind(query.now)
                .push(" THEN 'quiet'");
            statement.push(" ELSE a.status END IN ").bind_list(statuses);
        }
        if let Some(candidate) = query.candidate {
            statement.push(" AND a.candidate_id = ").bind(candidate);
        }
        if let Some(group) = query.group {
            in_group(&mut statement, tenant, "a.candidate_id", &group);
        }
        if let Some((candidate, application)) = query.after {
            statement
                .push(" AND (a.candidate_id, a.application_id) > (")
                .bind(candidate);
            statement.push(", ").bind(application).push(")");
        }
        statement
            .push(" ORDER BY a.candidate_id, a.application_id LIMIT ")
            .bind(query.limit);
        self.db().fetch(tenant, statement, application).await
    }

    /// A page of the board of rejections, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rejections(&self, tenant: TenantId, query: RejectionQuery) -> Result<Vec<ApplicationRow>, StoreError> {
        let mut statement = Statement::new(APPLICATION);
        statement
            .push("WHERE a.tenant_id = ")
            .bind(tenant)
            .push(" AND a.rejection_received_at IS NOT NULL");
        if let Some(stages) = query.stages {
            statement.push(" AND a.rejection_stage IN ").bind_list(stages);
        }
        if let Some(candidate) = query.candidate {
            statement.push(" AND a.candidate_id = ").bind(candidate);
        }
        if let Some(group) = query.group {
            in_group(&mut statement, tenant, "a.candidate_id", &group);
        }
        if let Some((received_at, candidate, application)) = query.after {
            statement
                .push(" AND (a.rejection_received_at, a.candidate_id, a.application_id) < (")
                .bind(received_at);
            statement
                .push(", ")
                .bind(candidate)
                .push(", ")
                .bind(application)
                .push(")");
        }
        statement.push(" ORDER BY a.rejection_received_at DESC, a.candidate_id DESC, a.application_id DESC LIMIT ");
        statement.bind(query.limit);
        self.db().fetch(tenant, statement, application).await
    }

    /// Which of these external ids, hashed, other candidates have.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn external_ids_of_others(
        &self,
        tenant: TenantId,
        candidate: Uuid,
        hashes: Vec<Vec<u8>>,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut statement = Statement::new("SELECT external_hash FROM streams WHERE tenant_id = ");
        statement.bind(tenant).push(" AND candidate_id <> ").bind(candidate);
        statement.push(" AND external_hash IN ").bind_list(hashes);
        self.db().fetch(tenant, statement, |row| row.bytes(0)).await
    }

    /// A page of candidates: id, version, sealed summary.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn candidates(
        &self,
        tenant: TenantId,
        query: CandidateQuery,
    ) -> Result<Vec<(Uuid, i64, Vec<u8>)>, StoreError> {
        let mut statement =
            Statement::new("SELECT s.candidate_id, s.version, s.sealed FROM streams s WHERE s.tenant_id = ");
        statement
            .bind(tenant)
            .push(" AND s.erased_at IS NULL AND s.sealed IS NOT NULL");
        if let Some(group) = query.group {
            in_group(&mut statement, tenant, "s.candidate_id", &group);
        }
        if let Some(candidate) = query.candidate {
            statement.push(" AND s.candidate_id = ").bind(candidate);
        }
        if let Some(hash) = query.external_hash {
            statement.push(" AND s.external_hash = ").bind(hash);
        }
        if let Some(after) = query.after {
            statement.push(" AND s.candidate_id > ").bind(after);
        }
        statement.push(" ORDER BY s.candidate_id LIMIT ").bind(query.limit);
        self.db()
            .fetch(tenant, statement, |row| Ok((row.id(0)?, row.int(1)?, row.bytes(2)?)))
            .await
    }
}
