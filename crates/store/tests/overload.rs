//! A database that holds one tenant up is that tenant's alone: it is told so within seconds, others go on, and the queue
//! is not one tenant's to fill.

#![allow(
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test ends by it, and may look at the clock"
)]

use afterword_store::testing::PrivatePostgres;
use afterword_store::{Appended, Commit, EventRow, Place, Store, StoreError, StoreOptions, StreamRow, TenantId};
use sqlx::{Connection, PgConnection};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use uuid::Uuid;

const HELD: TenantId = TenantId(7);
const OTHER: TenantId = TenantId(8);

fn commit(tenant: TenantId) -> Commit {
    let event = EventRow {
        position: 0,
        candidate: Uuid::nil(),
        version: 0,
        event_id: Uuid::now_v7(),
        kind: "Registered".to_owned(),
        schema_version: 1,
        application: None,
        subject: "cnd_x".to_owned(),
        occurred_at: 10,
        recorded_at: 20,
        recorded_by: "key".to_owned(),
        sealed: Some(b"sealed".to_vec()),
    };
    let stream = StreamRow {
        recorded_at: 20,
        external_hash: None,
        groups: Vec::new(),
        derivation: 3,
        sealed: b"summary".to_vec(),
    };
    Commit {
        events: vec![event],
        stream: Some(stream),
        ..Commit::new(tenant, Uuid::now_v7(), 0)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_whose_log_is_locked_is_told_and_fills_no_others_place() {
    let Some(server) = tokio::task::spawn_blocking(PrivatePostgres::shared)
        .await
        .expect("it answers")
    else {
        return;
    };
    let url = server.fresh_database().await;
    let folder = tempfile::tempdir().expect("a folder");
    let options = StoreOptions {
        place: Place::Postgres(url.clone()),
        keys_url: None,
        master_key_file: Some(folder.path().join("master.key")),
    };
    Store::migrate(&options).await.expect("migrated");
    let store = Store::open(&options).await.expect("opened");
    for tenant in [HELD, OTHER] {
        store
            .tenant_create(tenant, &tenant.0.to_string(), false, 1)
            .await
            .expect("made");
        store.append(commit(tenant)).await.expect("appended");
    }
    let mut holder = PgConnection::connect(&url).await.expect("connected");
    let lock = format!(
        "BEGIN; SELECT position FROM heads WHERE tenant_id = {} FOR UPDATE",
        HELD.0
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(lock))
        .execute(&mut holder)
        .await
        .expect("locked");

    let began = Instant::now();
    let mut waiting = JoinSet::new();
    for _ in 0..2200 {
        let store = store.clone();
        waiting.spawn(async move { store.append(commit(HELD)).await });
    }
    // What is too much for the queue is told at once.
    for _ in 0..100 {
        let told = waiting.join_next().await.expect("one of them").expect("done");
        assert!(matches!(told, Err(StoreError::Overloaded)), "{told:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    // Others have their half of it.
    for _ in 0..20 {
        let done = store.append(commit(OTHER)).await;
        assert!(matches!(done, Ok(Appended::Done { .. })), "{done:?}");
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
    let done = store.append(commit(HELD)).await;
    assert!(
        matches!(done, Ok(Appended::Done { .. })),
        "it goes on by itself: {done:?}"
    );
    store.close().await;
}
