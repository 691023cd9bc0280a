//! One batch on PostgreSQL, in four round trips: begin and lock, look, write, commit. The lock is a statement by itself: at
//! READ COMMITTED a lock and a check in one statement see an old version.

use super::Asked;
use super::plan::{Known, Landed, Plan, There};
use crate::crash::{Fault, lost, point};
use crate::lanes::Lanes;
use crate::rows::{IdempotencyRow, TenantId};
use crate::statement::{Cells, Statement};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

/// An error leaves by `?`: the lane is dropped, its connection closed, the transaction rolled back.
pub(super) async fn attempt(
    lanes: &Lanes,
    asked: &Asked<'_>,
    perhaps: &mut Option<Landed>,
) -> Result<Landed, sqlx::Error> {
    let mut lane = lanes.lane(None).await?;
    let position = begin(&mut lane, asked.tenant).await?;
    point("the head is locked");
    let known = look(&mut lane, asked).await?;
    let landed = perhaps.as_ref().is_some_and(|landed| landed.is_in(&known));
    let plan = asked.plan(position, &known);
    point("the batch is checked");
    if landed || plan.is_empty() {
        // Where this fails, the next attempt looks for it again.
        sqlx::raw_sql("ROLLBACK").execute(&mut *lane).await?;
        lane.park();
        return Ok(perhaps.take_if(|_| landed).unwrap_or_else(|| plan.landed()));
    }
    before(&mut lane, asked.tenant, &plan).await?;
    write(&mut lane, asked.tenant, &plan).await?;
    point("all tables are written");
    after(&mut lane, asked.tenant, &plan).await?;
    for line in plan.beside.iter().flat_map(|beside| beside.lines()) {
        if line.statement.run_postgres(&mut lane).await? == 0 && line.must {
            sqlx::raw_sql("ROLLBACK").execute(&mut *lane).await?;
            lane.park();
            return Ok(plan.in_conflict());
        }
        point("a line beside the log is written");
    }
    *perhaps = Some(plan.landed());
    point("all is written");
    lost(Fault::Lost)?;
    sqlx::raw_sql("COMMIT").execute(&mut *lane).await?;
    lost(Fault::Unanswered)?;
    point("the batch is committed");
    lane.park();
    Ok(perhaps.take().unwrap_or_else(|| plan.landed()))
}

/// Begins, names the tenant to row-level security, and takes the head row: one round trip, a snapshot each.
async fn begin(connection: &mut PgConnection, tenant: TenantId) -> Result<i64, sqlx::Error> {
    let number = tenant.0;
    let lock = format!("SELECT position FROM heads WHERE tenant_id = {number} FOR UPDATE");
    let begin = format!("BEGIN; SET LOCAL afterword.tenant = '{number}'; {lock}");
    let mut rows = sqlx::raw_sql(AssertSqlSafe(begin)).fetch_all(&mut *connection).await?;
    if rows.is_empty() {
        // The first commit of a tenant. Of two at once, the second waits here for the first.
        let first =
            format!("INSERT INTO heads (tenant_id, position) VALUES ({number}, 0) ON CONFLICT DO NOTHING; {lock}");
        rows = sqlx::raw_sql(AssertSqlSafe(first)).fetch_all(&mut *connection).await?;
    }
    rows.first().map_or(Err(sqlx::Error::RowNotFound), |row| row.int(0))
}

// One look-up in an index for each: `= ANY` would do as well, were its plan not at times, while a table is young, to read
// all rows of the tenant and compare each with the list.
const LOOK: &str = "
SELECT 0::bigint, s.candidate_id, NULL::uuid, s.version, COALESCE(s.erased_at, 0), 0::bigint,
       NULL::bytea, NULL::bytea, NULL::bytea
  FROM UNNEST($2::uuid[]) AS n (id), LATERAL
       (SELECT * FROM streams WHERE tenant_id = $1 AND candidate_id = n.id LIMIT 1) AS s
UNION ALL
SELECT 1, e.candidate_id, e.event_id, e.version, e.position, e.recorded_at, NULL, NULL, NULL
  FROM UNNEST($3::uuid[]) AS n (id), LATERAL
       (SELECT * FROM events WHERE tenant_id = $1 AND event_id = n.id LIMIT 1) AS e
UNION ALL
SELECT 2, i.candidate_id, NULL, i.first_version, i.facts, i.recorded_at, i.key_hash, i.request_hash, i.sealed
  FROM UNNEST($4::bytea[]) AS n (hash), LATERAL
       (SELECT * FROM idempotency WHERE tenant_id = $1 AND key_hash = n.hash LIMIT 1) AS i
UNION ALL
SELECT 3, s.candidate_id, NULL, 0, 0, 0, s.external_hash, NULL, NULL
  FROM UNNEST($5::bytea[]) AS n (hash), LATERAL
       (SELECT * FROM streams WHERE tenant_id = $1 AND external_hash = n.hash LIMIT 1) AS s";

async fn look(connection: &mut PgConnection, asked: &Asked<'_>) -> Result<Known, sqlx::Error> {
    let commits = asked.commits;
    let candidates: Vec<Uuid> = commits.iter().map(|commit| commit.candidate).collect();
    let events: Vec<Uuid> = commits
        .iter()
        .filter(|_| asked.again)
        .flat_map(|commit| &commit.events)
        .map(|event| event.event_id)
        .collect();
    let requests: Vec<&[u8]> = commits
        .iter()
        .filter_map(|commit| Some(commit.idempotency.as_ref()?.key_hash.as_slice()))
        .collect();
    let external: Vec<&[u8]> = commits
        .iter()
        .filter_map(|commit| commit.stream.as_ref()?.external_hash.as_deref())
        .collect();
    let rows = sqlx::query(LOOK)
        .bind(asked.tenant.0)
        .bind(candidates)
        .bind(events)
        .bind(requests)
        .bind(external)
        .fetch_all(&mut *connection)
        .await?;
    let mut known = Known::default();
    for row in rows {
        match row.int(0)? {
            0 => drop(known.streams.insert(row.id(1)?, (row.int(3)?, row.int(4)? != 0))),
            1 => {
                let there = There {
                    candidate: row.id(1)?,
                    version: row.int(3)?,
                    position: row.int(4)?,
                    recorded_at: row.int(5)?,
                };
                known.events.insert(row.id(2)?, there);
            }
            2 => {
                let request = IdempotencyRow {
                    key_hash: row.bytes(6)?,
                    request_hash: row.bytes(7)?,
                    candidate: row.maybe_id(1)?,
                    first_version: row.int(3)?,
                    facts: row.int(4)?,
                    sealed: row.maybe_bytes(8)?,
                    recorded_at: row.int(5)?,
                };
                known.requests.insert(request.key_hash.clone(), request);
            }
            _ => drop(known.external.insert(row.bytes(6)?, row.id(1)?)),
        }
    }
    let leases = asked.leases();
    if !leases.is_empty() {
        // Nobody takes a lease over while what rests on it is being written.
        let sql = "SELECT name, token FROM leases WHERE tenant_id = $1 AND name = ANY ($2) FOR SHARE";
        let rows = sqlx::query(sql)
            .bind(asked.tenant.0)
            .bind(leases)
            .fetch_all(connection)
            .await?;
        for row in rows {
            known.leases.insert(row.text(0)?, row.int(1)?);
        }
    }
    Ok(known)
}

/// What must be gone before rows of the same key come: parts of one statement do not see each other.
async fn before(connection: &mut PgConnection, tenant: TenantId, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    if plan.replaced.is_empty() {
        return Ok(());
    }
    for sql in [
        "DELETE FROM tasks WHERE tenant_id = $1 AND candidate_id = ANY ($2)",
        "DELETE FROM applications WHERE tenant_id = $1 AND candidate_id = ANY ($2)",
    ] {
        sqlx::query(sql)
            .bind(tenant.0)
            .bind(&plan.replaced)
            .execute(&mut *connection)
            .await?;
        point("rows that are replaced are taken away");
    }
    Ok(())
}

const WRITE: &str = "
WITH new_events AS (
  INSERT INTO events (tenant_id, position, candidate_id, version, event_id, type, schema_version, application_id,
                      subject, occurred_at, recorded_at, recorded_by, sealed)
  SELECT $1, n.* FROM UNNEST($3::bigint[], $4::uuid[], $5::bigint[], $6::uuid[], $7::text[], $8::bigint[], $9::uuid[],
                             $10::text[], $11::bigint[], $12::bigint[], $13::text[], $14::bytea[]) AS n
), full_streams AS (
  INSERT INTO streams (tenant_id, candidate_id, version, recorded_at, next_at, playbook_version, derivation, sealed,
                       external_hash)
  SELECT $1, n.* FROM UNNEST($15::uuid[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[],
                             $21::bytea[], $22::bytea[]) AS n
  ON CONFLICT (tenant_id, candidate_id) DO UPDATE SET version = EXCLUDED.version,
    recorded_at = GREATEST(streams.recorded_at, EXCLUDED.recorded_at), next_at = EXCLUDED.next_at,
    playbook_version = EXCLUDED.playbook_version, derivation = EXCLUDED.derivation, sealed = EXCLUDED.sealed,
    external_hash = EXCLUDED.external_hash
), bare_streams AS (
  INSERT INTO streams (tenant_id, candidate_id, version, recorded_at, next_at, playbook_version, derivation)
  SELECT $1, n.*, 0 FROM UNNEST($23::uuid[], $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[]) AS n
  ON CONFLICT (tenant_id, candidate_id) DO UPDATE SET version = EXCLUDED.version,
    recorded_at = GREATEST(streams.recorded_at, EXCLUDED.recorded_at), next_at = EXCLUDED.next_at,
    playbook_version = EXCLUDED.playbook_version
), left_groups AS (
  DELETE FROM stream_groups g WHERE g.tenant_id = $1 AND g.candidate_id = ANY ($15) AND NOT EXISTS
    (SELECT 1 FROM UNNEST($28::text[], $29::uuid[]) AS n (label, candidate)
      WHERE n.candidate = g.candidate_id AND n.label = g.group_label)
), new_groups AS (
  INSERT INTO stream_groups (tenant_id, group_label, candidate_id)
  SELECT $1, n.* FROM UNNEST($28::text[], $29::uuid[]) AS n
  ON CONFLICT (tenant_id, group_label, candidate_id) DO NOTHING
), new_tasks AS (
  INSERT INTO tasks (tenant_id, candidate_id, task_id, application_id, play, state, opens_at, due_at, snoozed_until,
                     version, sealed)
  SELECT $1, n.* FROM UNNEST($30::uuid[], $31::uuid[], $32::uuid[], $33::text[], $34::text[], $35::bigint[],
                             $36::bigint[], $37::bigint[], $38::bigint[], $39::bytea[]) AS n
), moved_tasks AS (
  INSERT INTO tasks (tenant_id, candidate_id, task_id, application_id, play, state, opens_at, due_at, snoozed_until,
                     version, sealed)
  SELECT $1, n.* FROM UNNEST($40::uuid[], $41::uuid[], $42::uuid[], $43::text[], $44::text[], $45::bigint[],
                             $46::bigint[], $47::bigint[], $48::bigint[], $49::bytea[]) AS n
  ON CONFLICT (tenant_id, candidate_id, task_id) DO UPDATE SET application_id = EXCLUDED.application_id,
    play = EXCLUDED.play, state = EXCLUDED.state, opens_at = EXCLUDED.opens_at, due_at = EXCLUDED.due_at,
    snoozed_until = EXCLUDED.snoozed_until, version = EXCLUDED.version, sealed = EXCLUDED.sealed
), moved_applications AS (
  INSERT INTO applications (tenant_id, candidate_id, application_id, status, quiet_at, silent_at, presumed_closed_at,
                            rejection_stage, rejection_received_at, version, sealed, rejection_sealed)
  SELECT $1, n.* FROM UNNEST($50::uuid[], $51::uuid[], $52::text[], $53::bigint[], $54::bigint[], $55::bigint[],
                             $56::text[], $57::bigint[], $58::bigint[], $59::bytea[], $60::bytea[]) AS n
  ON CONFLICT (tenant_id, candidate_id, application_id) DO UPDATE SET status = EXCLUDED.status,
    quiet_at = EXCLUDED.quiet_at, silent_at = EXCLUDED.silent_at, presumed_closed_at = EXCLUDED.presumed_closed_at,
    rejection_stage = EXCLUDED.rejection_stage, rejection_received_at = EXCLUDED.rejection_received_at,
    version = EXCLUDED.version, sealed = EXCLUDED.sealed, rejection_sealed = EXCLUDED.rejection_sealed
), new_requests AS (
  INSERT INTO idempotency (tenant_id, key_hash, request_hash, candidate_id, first_version, facts, sealed, recorded_at)
  SELECT $1, n.* FROM UNNEST($61::bytea[], $62::bytea[], $63::uuid[], $64::bigint[], $65::bigint[], $66::bytea[],
                             $67::bigint[]) AS n
)
UPDATE heads SET position = $2 WHERE tenant_id = $1";

/// One statement for all tables; a table without rows costs next to nothing in it.
async fn write(connection: &mut PgConnection, tenant: TenantId, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    /// One column of some rows, as an array.
    macro_rules! column {
        ($rows:expr, $row:pat => $value:expr) => {
            $rows.iter().map(|$row| $value).collect::<Vec<_>>()
        };
    }
    let events = &plan.events;
    let full: Vec<_> = plan
        .streams
        .iter()
        .filter_map(|(candidate, change)| Some((*candidate, change, change.row?)))
        .collect();
    let bare: Vec<_> = plan.streams.iter().filter(|(_, change)| change.row.is_none()).collect();
    let mut groups: Vec<(&str, Uuid)> = full
        .iter()
        .flat_map(|(owner, _, row)| row.groups.iter().map(|label| (label.as_str(), *owner)))
        .collect();
    groups.sort_unstable();
    groups.dedup();
    let (applications, requests) = (&plan.applications, &plan.requests);
    let mut query = sqlx::query(WRITE)
        .bind(tenant.0)
        .bind(plan.position)
        .bind(column!(events, e => e.position))
        .bind(column!(events, e => e.candidate))
        .bind(column!(events, e => e.version))
        .bind(column!(events, e => e.event.event_id))
        .bind(column!(events, e => e.event.kind.as_str()))
        .bind(column!(events, e => e.event.schema_version))
        .bind(column!(events, e => e.event.application))
        .bind(column!(events, e => e.event.subject.as_str()))
        .bind(column!(events, e => e.event.occurred_at))
        .bind(column!(events, e => e.event.recorded_at))
        .bind(column!(events, e => e.event.recorded_by.as_str()))
        .bind(column!(events, e => e.event.sealed.as_deref()))
        .bind(column!(full, s => s.0))
        .bind(column!(full, s => s.1.version))
        .bind(column!(full, s => s.1.recorded_at))
        .bind(column!(full, s => s.1.next_at))
        .bind(column!(full, s => s.1.playbook_version))
        .bind(column!(full, s => s.2.derivation))
        .bind(column!(full, s => s.2.sealed.as_slice()))
        .bind(column!(full, s => s.2.external_hash.as_deref()))
        .bind(column!(bare, s => *s.0))
        .bind(column!(bare, s => s.1.version))
        .bind(column!(bare, s => s.1.recorded_at))
        .bind(column!(bare, s => s.1.next_at))
        .bind(column!(bare, s => s.1.playbook_version))
        .bind(column!(groups, g => g.0))
        .bind(column!(groups, g => g.1));
    for tasks in [&plan.new_tasks, &plan.tasks] {
        query = query
            .bind(column!(tasks, (key, _) => key.0))
            .bind(column!(tasks, (key, _) => key.1))
            .bind(column!(tasks, (_, t) => t.application))
            .bind(column!(tasks, (_, t) => t.play.as_str()))
            .bind(column!(tasks, (_, t) => t.state.as_str()))
            .bind(column!(tasks, (_, t) => t.opens_at))
            .bind(column!(tasks, (_, t) => t.due_at))
            .bind(column!(tasks, (_, t) => t.snoozed_until))
            .bind(column!(tasks, (_, t) => t.version))
            .bind(column!(tasks, (_, t) => t.sealed.as_slice()));
    }
    query
        .bind(column!(applications, (key, _) => key.0))
        .bind(column!(applications, (key, _) => key.1))
        .bind(column!(applications, (_, a) => a.status.as_str()))
        .bind(column!(applications, (_, a) => a.quiet_at))
        .bind(column!(applications, (_, a) => a.silent_at))
        .bind(column!(applications, (_, a) => a.presumed_closed_at))
        .bind(column!(applications, (_, a) => a.rejection_stage.as_deref()))
        .bind(column!(applications, (_, a) => a.rejection_received_at))
        .bind(column!(applications, (_, a) => a.version))
        .bind(column!(applications, (_, a) => a.sealed.as_slice()))
        .bind(column!(applications, (_, a) => a.rejection_sealed.as_deref()))
        .bind(column!(requests, r => r.key_hash.as_slice()))
        .bind(column!(requests, r => r.request_hash.as_slice()))
        .bind(column!(requests, r => r.candidate))
        .bind(column!(requests, r => r.first_version))
        .bind(column!(requests, r => r.facts))
        .bind(column!(requests, r => r.sealed.as_deref()))
        .bind(column!(requests, r => r.recorded_at))
        .execute(connection)
        .await?;
    Ok(())
}

/// What rewrites rows, also rows that have just come, and what is rare.
async fn after(connection: &mut PgConnection, tenant: TenantId, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    if !plan.redactions.is_empty() {
        let (mut candidates, mut versions, mut payloads) = (Vec::new(), Vec::new(), Vec::new());
        for ((candidate, version), sealed) in &plan.redactions {
            candidates.push(*candidate);
            versions.push(*version);
            payloads.push(*sealed);
        }
        let sql = "UPDATE events e SET sealed = n.sealed \
                   FROM UNNEST($2::uuid[], $3::bigint[], $4::bytea[]) AS n (candidate, version, sealed) \
                   WHERE e.tenant_id = $1 AND e.candidate_id = n.candidate AND e.version = n.version \
                   AND e.sealed IS NOT NULL";
        sqlx::query(sql)
            .bind(tenant.0)
            .bind(candidates)
            .bind(versions)
            .bind(payloads)
            .execute(&mut *connection)
            .await?;
        point("facts are redacted");
    }
    for (group, position) in &plan.of_groups {
        Statement::of(super::OF_GROUP, [tenant.into(), (*group).into(), (*position).into()])
            .run_postgres(connection)
            .await?;
        point("a group will hear of an erasure");
    }
    for (candidate, erasure) in &plan.erased {
        for sql in super::ERASE {
            Statement::of(sql, [tenant.into(), (*candidate).into()])
                .run_postgres(connection)
                .await?;
            point("a part of an erasure is written");
        }
        let values = [
            tenant.into(),
            (*candidate).into(),
            erasure.at.into(),
            erasure.keys_gone_by.into(),
        ];
        Statement::of(super::ERASE_STREAM, values)
            .run_postgres(connection)
            .await?;
        point("a stream is erased");
    }
    Ok(())
}
