//! A database that holds one tenant up is that tenant's alone: it is told so within seconds, others go on, and the queue
//! is not one tenant's to fill.

use super::*;
use afterword_domain::{
    catalogue::AnyFact,
    decide::Proposal,
    ids::{CandidateId, EventId},
};
use afterword_store::{Command, Recorder};
use jiff::Timestamp;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const HELD: TenantId = T;

/// Candidates of each tenant, written to at once.
const EACH: usize = 64;

/// A new candidate of a tenant.
fn of(tenant: TenantId) -> Commit {
    Commit { tenant, ..new(id()) }
}

/// A candidate who is registered with a tenant.
fn registers(tenant: TenantId) -> Command<'static> {
    let profile = json!({"name": "Ada Lovelace", "time_zone": "UTC"});
    Command {
        tenant,
        candidate: CandidateId::new(id()),
        fresh: true,
        proposals: vec![Proposal {
            event: EventId::new(id()),
            application: None,
            subject: None,
            occurred_at: None,
            fact: AnyFact::CandidateRegistered(serde_json::from_value(profile).expect("a profile")),
        }],
        atomic: true,
        by: "key".into(),
        now: Timestamp::UNIX_EPOCH,
        condition: None,
        idempotency: None,
        fence: None,
    }
}

/// Holds the log of `HELD`, until it is rolled back.
async fn locked(url: &str) -> PgConnection {
    let mut holder = PgConnection::connect(url).await.expect("connected");
    let lock = format!(
        "BEGIN; SELECT position FROM heads WHERE tenant_id = {} FOR UPDATE",
        HELD.0
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(lock))
        .execute(&mut holder)
        .await
        .expect("locked");
    holder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "what is tried is how long it takes")]
async fn a_tenant_whose_log_is_locked_is_told_and_fills_no_others_place() {
    let Some(stand) = Stand::postgres().await else { return };
    let Place::Postgres(url) = &stand.options.place else {
        panic!("it is on PostgreSQL")
    };
    let store = stand.store.clone();
    done(&store, of(HELD)).await;
    done(&store, of(OTHER)).await;
    let mut holder = locked(url).await;

    let began = Instant::now();
    let mut waiting = JoinSet::new();
    for _ in 0..2200 {
        let store = store.clone();
        waiting.spawn(async move { store.append(of(HELD)).await });
    }
    // What is too much for the queue is told at once.
    for _ in 0..100 {
        let told = waiting.join_next().await.expect("one of them").expect("done");
        assert!(matches!(told, Err(StoreError::Overloaded)), "{told:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    // Others have their half of it.
    for _ in 0..20 {
        done(&store, of(OTHER)).await;
    }
    // Who waits is told before long.
    while let Some(told) = waiting.join_next().await {
        match told.expect("done") {
            Err(StoreError::Overloaded) => {}
            Err(StoreError::Unavailable(_)) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    drop(waiting);
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.expect("let go");
    // It goes on by itself.
    done(&store, of(HELD)).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "what is tried is how long it takes")]
async fn who_waits_for_a_locked_log_holds_up_no_candidate_of_others() {
    let Some(stand) = Stand::postgres().await else { return };
    let Place::Postgres(url) = &stand.options.place else {
        panic!("it is on PostgreSQL")
    };
    let recorder = Recorder::new(stand.store.clone());
    let records = |tenant: TenantId| {
        let recorder = recorder.clone();
        async move { recorder.record(registers(tenant)).await }
    };
    for tenant in [HELD, OTHER] {
        records(tenant).await.expect("recorded");
    }
    let mut holder = locked(url).await;
    let mut held: JoinSet<_> = (0..EACH).map(|_| records(HELD)).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    let mut others: JoinSet<_> = (0..EACH).map(|_| records(OTHER)).collect();
    while let Some(recorded) = others.join_next().await {
        recorded.expect("done").expect("recorded");
    }
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.expect("let go");
    while let Some(recorded) = held.join_next().await {
        recorded.expect("done").expect("recorded");
    }
    stand.store.close().await;
}
