//! One batch on SQLite: `BEGIN IMMEDIATE` is the lock, and each table takes a few statements of some rows.

use super::Asked;
use super::plan::{Known, Landed, Plan, There};
use crate::crash::{Fault, lost, point};
use crate::reads::{IDEMPOTENCY, idempotency};
use crate::rows::TenantId;
use crate::sqlite::{Sqlite, is_read_only};
use crate::statement::{Cells, Statement, Value};
use sqlx::SqliteConnection;
use uuid::Uuid;

pub(super) async fn attempt(
    sqlite: &Sqlite,
    asked: &Asked<'_>,
    perhaps: &mut Option<Landed>,
) -> Result<Landed, sqlx::Error> {
    let mut writer = sqlite.writer.acquire().await?;
    let landed = transact(&mut writer, asked, perhaps).await;
    if let Err(error) = &landed {
        // Without room SQLite rolls a transaction back by itself. The driver does not notice, and would refuse to begin
        // another one on this connection for ever.
        writer.close_on_drop();
        if is_read_only(error) {
            sqlite.open_anew(writer).await;
        }
    }
    landed
}

async fn transact(
    connection: &mut SqliteConnection,
    asked: &Asked<'_>,
    perhaps: &mut Option<Landed>,
) -> Result<Landed, sqlx::Error> {
    // Dropped half-way, the transaction rolls itself back.
    let mut transaction = sqlx::Connection::begin_with(connection, "BEGIN IMMEDIATE").await?;
    point("the head is locked");
    let head = Statement::of("SELECT position FROM heads WHERE tenant_id = $1", [asked.tenant.into()]);
    let rows = head.fetch_sqlite(&mut transaction).await?;
    let position = rows.first().map(|row| row.int(0)).transpose()?.unwrap_or(0);
    let known = look(&mut transaction, asked).await?;
    if let Some(landed) = perhaps.take_if(|landed| landed.is_in(&known)) {
        return Ok(landed);
    }
    let plan = asked.plan(position, &known);
    point("the batch is checked");
    if plan.is_empty() {
        transaction.rollback().await?;
        return Ok(plan.landed());
    }
    write(&mut transaction, asked.tenant, &plan).await?;
    for line in plan.beside.iter().flat_map(|beside| beside.lines()) {
        if line.statement.run_sqlite(&mut transaction).await? == 0 && line.must {
            transaction.rollback().await?;
            return Ok(plan.in_conflict());
        }
        point("a line beside the log is written");
    }
    *perhaps = Some(plan.landed());
    point("all is written");
    lost(Fault::Lost)?;
    transaction.commit().await?;
    lost(Fault::Unanswered)?;
    point("the batch is committed");
    Ok(perhaps.take().unwrap_or_else(|| plan.landed()))
}

async fn look(connection: &mut SqliteConnection, asked: &Asked<'_>) -> Result<Known, sqlx::Error> {
    let tenant = asked.tenant;
    let mut known = Known::default();
    let candidates: Vec<Uuid> = asked.commits.iter().map(|commit| commit.candidate).collect();
    for some in candidates.chunks(1024) {
        let mut statement =
            Statement::new("SELECT candidate_id, version, COALESCE(erased_at, 0) FROM streams WHERE tenant_id = ");
        statement
            .bind(tenant)
            .push(" AND candidate_id IN ")
            .bind_list(some.iter().copied());
        for row in statement.fetch_sqlite(connection).await? {
            known.streams.insert(row.id(0)?, (row.int(1)?, row.int(2)? != 0));
        }
    }
    let events: Vec<Uuid> = asked
        .commits
        .iter()
        .filter(|_| asked.again)
        .flat_map(|commit| &commit.events)
        .map(|event| event.event_id)
        .collect();
    for some in events.chunks(1024) {
        let mut statement = Statement::new(
            "SELECT event_id, candidate_id, version, position, recorded_at FROM events WHERE tenant_id = ",
        );
        statement
            .bind(tenant)
            .push(" AND event_id IN ")
            .bind_list(some.iter().copied());
        for row in statement.fetch_sqlite(connection).await? {
            let there = There {
                candidate: row.id(1)?,
                version: row.int(2)?,
                position: row.int(3)?,
                recorded_at: row.int(4)?,
            };
            known.events.insert(row.id(0)?, there);
        }
    }
    let requests: Vec<&[u8]> = asked
        .commits
        .iter()
        .filter_map(|commit| commit.idempotency.as_ref())
        .map(|row| row.key_hash.as_slice())
        .collect();
    if !requests.is_empty() {
        let mut statement = Statement::new(IDEMPOTENCY);
        statement
            .push("WHERE tenant_id = ")
            .bind(tenant)
            .push(" AND key_hash IN ")
            .bind_list(requests);
        for row in statement.fetch_sqlite(connection).await? {
            let row = idempotency(&row)?;
            known.requests.insert(row.key_hash.clone(), row);
        }
    }
    let external: Vec<&[u8]> = asked
        .commits
        .iter()
        .filter_map(|commit| commit.stream.as_ref()?.external_hash.as_deref())
        .collect();
    if !external.is_empty() {
        let mut statement = Statement::new("SELECT external_hash, candidate_id FROM streams WHERE tenant_id = ");
        statement
            .bind(tenant)
            .push(" AND external_hash IN ")
            .bind_list(external);
        for row in statement.fetch_sqlite(connection).await? {
            known.external.insert(row.bytes(0)?, row.id(1)?);
        }
    }
    let leases = asked.leases();
    if !leases.is_empty() {
        let mut statement = Statement::new("SELECT name, token FROM leases WHERE tenant_id = ");
        statement.bind(tenant).push(" AND name IN ").bind_list(leases);
        for row in statement.fetch_sqlite(connection).await? {
            known.leases.insert(row.text(0)?, row.int(1)?);
        }
    }
    Ok(known)
}

async fn write(connection: &mut SqliteConnection, tenant: TenantId, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    for candidate in &plan.replaced {
        for sql in [
            "DELETE FROM tasks WHERE tenant_id = $1 AND candidate_id = $2",
            "DELETE FROM applications WHERE tenant_id = $1 AND candidate_id = $2",
        ] {
            Statement::of(sql, [tenant.into(), (*candidate).into()])
                .run_sqlite(connection)
                .await?;
            point("rows that are replaced are taken away");
        }
    }
    let t = || Value::from(tenant);
    insert(
        connection,
        "INSERT INTO events (tenant_id, position, candidate_id, version, event_id, type, schema_version, \
         application_id, subject, occurred_at, recorded_at, recorded_by, sealed) VALUES ",
        plan.events.iter().map(|placed| {
            let event = placed.event;
            [
                t(),
                placed.position.into(),
                placed.candidate.into(),
                placed.version.into(),
                event.event_id.into(),
                event.kind.as_str().into(),
                event.schema_version.into(),
                event.application.into(),
                event.subject.as_str().into(),
                event.occurred_at.into(),
                event.recorded_at.into(),
                event.recorded_by.as_str().into(),
                event.sealed.clone().into(),
            ]
        }),
        "",
    )
    .await?;
    point("facts are written");
    streams(connection, tenant, plan).await?;
    point("streams are written");
    insert(
        connection,
        "INSERT INTO tasks (tenant_id, candidate_id, task_id, application_id, play, state, opens_at, due_at, \
         snoozed_until, version, sealed) VALUES ",
        plan.new_tasks
            .iter()
            .chain(&plan.tasks)
            .map(|((candidate, task_id), task)| {
                [
                    t(),
                    (*candidate).into(),
                    (*task_id).into(),
                    task.application.into(),
                    task.play.as_str().into(),
                    task.state.as_str().into(),
                    task.opens_at.into(),
                    task.due_at.into(),
                    task.snoozed_until.into(),
                    task.version.into(),
                    task.sealed.as_slice().into(),
                ]
            }),
        " ON CONFLICT (tenant_id, candidate_id, task_id) DO UPDATE SET application_id = excluded.application_id, \
         play = excluded.play, state = excluded.state, opens_at = excluded.opens_at, due_at = excluded.due_at, \
         snoozed_until = excluded.snoozed_until, version = excluded.version, sealed = excluded.sealed",
    )
    .await?;
    point("tasks are written");
    insert(
        connection,
        "INSERT INTO applications (tenant_id, candidate_id, application_id, status, quiet_at, silent_at, \
         presumed_closed_at, rejection_stage, rejection_received_at, version, sealed, rejection_sealed) VALUES ",
        plan.applications.iter().map(|((candidate, application), row)| {
            [
                t(),
                (*candidate).into(),
                (*application).into(),
                row.status.as_str().into(),
                row.quiet_at.into(),
                row.silent_at.into(),
                row.presumed_closed_at.into(),
                row.rejection_stage.clone().into(),
                row.rejection_received_at.into(),
                row.version.into(),
                row.sealed.as_slice().into(),
                row.rejection_sealed.clone().into(),
            ]
        }),
        " ON CONFLICT (tenant_id, candidate_id, application_id) DO UPDATE SET status = excluded.status, \
         quiet_at = excluded.quiet_at, silent_at = excluded.silent_at, \
         presumed_closed_at = excluded.presumed_closed_at, rejection_stage = excluded.rejection_stage, \
         rejection_received_at = excluded.rejection_received_at, version = excluded.version, \
         sealed = excluded.sealed, rejection_sealed = excluded.rejection_sealed",
    )
    .await?;
    point("applications are written");
    insert(
        connection,
        "INSERT INTO idempotency (tenant_id, key_hash, request_hash, candidate_id, first_version, facts, sealed, \
         recorded_at) VALUES ",
        plan.requests.iter().map(|row| {
            [
                t(),
                row.key_hash.as_slice().into(),
                row.request_hash.as_slice().into(),
                row.candidate.into(),
                row.first_version.into(),
                row.facts.into(),
                row.sealed.clone().into(),
                row.recorded_at.into(),
            ]
        }),
        "",
    )
    .await?;
    point("requests are written");
    if !plan.events.is_empty() {
        Statement::of(
            "INSERT INTO heads (tenant_id, position) VALUES ($1, $2) \
             ON CONFLICT (tenant_id) DO UPDATE SET position = excluded.position",
            [t(), plan.position.into()],
        )
        .run_sqlite(connection)
        .await?;
    }
    point("the head is moved");
    for ((candidate, version), sealed) in &plan.redactions {
        let sql = "UPDATE events SET sealed = $4 WHERE tenant_id = $1 AND candidate_id = $2 AND version = $3 \
                   AND sealed IS NOT NULL";
        let values = [t(), (*candidate).into(), (*version).into(), (*sealed).into()];
        Statement::of(sql, values).run_sqlite(connection).await?;
        point("a fact is redacted");
    }
    for (group, position) in &plan.of_groups {
        Statement::of(super::OF_GROUP, [t(), (*group).into(), (*position).into()])
            .run_sqlite(connection)
            .await?;
        point("a group will hear of an erasure");
    }
    for (candidate, erasure) in &plan.erased {
        for sql in super::ERASE {
            Statement::of(sql, [t(), (*candidate).into()])
                .run_sqlite(connection)
                .await?;
            point("a part of an erasure is written");
        }
        let values = [t(), (*candidate).into(), erasure.at.into(), erasure.keys_gone_by.into()];
        Statement::of(super::ERASE_STREAM, values)
            .run_sqlite(connection)
            .await?;
        point("a stream is erased");
    }
    Ok(())
}

async fn streams(connection: &mut SqliteConnection, tenant: TenantId, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    insert(
        connection,
        "INSERT INTO streams (tenant_id, candidate_id, version, recorded_at, derivation, sealed, external_hash, \
         next_at, playbook_version) VALUES ",
        plan.streams.iter().filter_map(|(candidate, change)| {
            let row = change.row?;
            Some([
                tenant.into(),
                (*candidate).into(),
                change.version.into(),
                change.recorded_at.into(),
                row.derivation.into(),
                row.sealed.as_slice().into(),
                row.external_hash.clone().into(),
                change.next_at.into(),
                change.playbook_version.into(),
            ])
        }),
        " ON CONFLICT (tenant_id, candidate_id) DO UPDATE SET version = excluded.version, \
         recorded_at = MAX(streams.recorded_at, excluded.recorded_at), derivation = excluded.derivation, \
         sealed = excluded.sealed, external_hash = excluded.external_hash, next_at = excluded.next_at, \
         playbook_version = excluded.playbook_version",
    )
    .await?;
    point("whole rows of streams are written");
    insert(
        connection,
        "INSERT INTO streams (tenant_id, candidate_id, version, recorded_at, derivation, next_at, playbook_version) VALUES ",
        plan.streams
            .iter()
            .filter(|(_, change)| change.row.is_none())
            .map(|(candidate, change)| {
                [
                    tenant.into(),
                    (*candidate).into(),
                    change.version.into(),
                    change.recorded_at.into(),
                    0_i64.into(),
                    change.next_at.into(),
                    change.playbook_version.into(),
                ]
            }),
        " ON CONFLICT (tenant_id, candidate_id) DO UPDATE SET version = excluded.version, \
         recorded_at = MAX(streams.recorded_at, excluded.recorded_at), next_at = excluded.next_at, \
         playbook_version = excluded.playbook_version",
    )
    .await?;
    point("rows of streams are moved on");
    let rows: Vec<_> = plan
        .streams
        .iter()
        .filter_map(|(candidate, change)| Some((*candidate, change.row?)))
        .collect();
    for some in rows.chunks(64) {
        let mut statement = Statement::new("DELETE FROM stream_groups WHERE tenant_id = ");
        statement
            .bind(tenant)
            .push(" AND candidate_id IN ")
            .bind_list(some.iter().map(|(candidate, _)| *candidate));
        statement.run_sqlite(connection).await?;
        point("groups are left");
    }
    let mut groups = Vec::new();
    for (candidate, row) in rows {
        for group in &row.groups {
            groups.push([tenant.into(), group.as_str().into(), candidate.into()]);
        }
    }
    insert(
        connection,
        "INSERT INTO stream_groups (tenant_id, group_label, candidate_id) VALUES ",
        groups,
        " ON CONFLICT (tenant_id, group_label, candidate_id) DO NOTHING",
    )
    .await
}

/// Inserts rows by 64, 16, 4 and 1, so that a handful of prepared statements serves every batch.
async fn insert<const N: usize>(
    connection: &mut SqliteConnection,
    head: &'static str,
    rows: impl IntoIterator<Item = [Value; N]>,
    tail: &'static str,
) -> Result<(), sqlx::Error> {
    let mut rows: Vec<[Value; N]> = rows.into_iter().collect();
    rows.reverse();
    for size in [64, 16, 4, 1] {
        while rows.len() >= size {
            let mut some = rows.split_off(rows.len() - size);
            some.reverse();
            let mut statement = Statement::new(head);
            statement.bind_rows(some).push(tail);
            statement.run_sqlite(connection).await?;
        }
    }
    Ok(())
}
