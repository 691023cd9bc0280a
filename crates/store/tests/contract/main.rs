//! What a store promises, case by case, on both stores.

#![expect(clippy::panic, reason = "a test ends by it")]

use afterword_store::testing::PrivatePostgres;
use afterword_store::{
    Aad, ApiKeyRow, Appended, ApplicationQuery, ApplicationRow, Beside, CandidateQuery, Commit, Erasure, EventRow,
    FeedQuery, Fence, IdempotencyRow, OpenError, Place, PlaybookRow, RejectionQuery, Store, StoreError, StoreOptions,
    StreamRow, Taken, TaskFilter, TaskQuery, TaskRow, TaskState, TenantId,
};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use uuid::Uuid;

const T: TenantId = TenantId(7);
const OTHER: TenantId = TenantId(8);

/// A store of one test.
struct Stand {
    options: StoreOptions,
    store: Store,
    _folder: TempDir,
}

impl Stand {
    async fn on(place: impl FnOnce(&TempDir) -> Place) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let master_key_file = Some(folder.path().join("master.key"));
        let options = StoreOptions {
            place: place(&folder),
            keys_url: None,
            master_key_file,
        };
        Store::migrate(&options).await.expect("migrated");
        let store = Store::open(&options).await.expect("opened");
        store.tenant_create(T, "one", false, 1).await.expect("made");
        store.tenant_create(OTHER, "two", true, 1).await.expect("made");
        Self {
            options,
            store,
            _folder: folder,
        }
    }

    async fn sqlite() -> Self {
        Self::on(|folder| Place::Folder(folder.path().join("data"))).await
    }

    async fn postgres() -> Option<Self> {
        let server = tokio::task::spawn_blocking(PrivatePostgres::shared)
            .await
            .expect("it answers")?;
        let url = server.fresh_database().await;
        Some(Self::on(|_| Place::Postgres(url)).await)
    }
}

macro_rules! contract {
    ($($case:ident),* $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(super::Stand::sqlite().await).await;
                }
            )*
        }
        mod on_postgresql {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    if let Some(stand) = super::Stand::postgres().await {
                        super::$case(stand).await;
                    }
                }
            )*
        }
    };
}

mod appending;
mod beside;
mod erasing;
mod opening;
mod overload;
mod reading;
mod time;
mod walls;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Ids in rising order.
fn id() -> Uuid {
    Uuid::from_u64_pair(1, NEXT.fetch_add(1, Ordering::Relaxed))
}

fn event(kind: &str) -> EventRow {
    EventRow {
        position: 0,
        candidate: Uuid::nil(),
        version: 0,
        event_id: id(),
        kind: kind.to_owned(),
        schema_version: 1,
        application: None,
        subject: "cnd_x".to_owned(),
        occurred_at: 10,
        recorded_at: 20,
        recorded_by: "key".to_owned(),
        sealed: Some(b"sealed".to_vec()),
    }
}

fn stream() -> StreamRow {
    StreamRow {
        recorded_at: 20,
        external_hash: None,
        groups: Vec::new(),
        derivation: 3,
        sealed: b"summary".to_vec(),
    }
}

fn task(due_at: i64) -> TaskRow {
    TaskRow {
        candidate: Uuid::nil(),
        task_id: id(),
        application: None,
        play: "write_thank_you".to_owned(),
        state: TaskState::Live,
        opens_at: 0,
        due_at,
        snoozed_until: None,
        version: 1,
        sealed: b"task".to_vec(),
    }
}

fn application(status: &str) -> ApplicationRow {
    ApplicationRow {
        candidate: Uuid::nil(),
        application: id(),
        status: status.to_owned(),
        quiet_at: None,
        silent_at: None,
        presumed_closed_at: None,
        rejection_stage: None,
        rejection_received_at: None,
        version: 1,
        sealed: b"application".to_vec(),
        rejection_sealed: None,
    }
}

fn request(key: &str) -> IdempotencyRow {
    IdempotencyRow {
        key_hash: key.as_bytes().to_vec(),
        request_hash: b"request".to_vec(),
        candidate: None,
        first_version: 1,
        facts: 1,
        sealed: Some(b"answer".to_vec()),
        recorded_at: 20,
    }
}

fn new(candidate: Uuid) -> Commit {
    Commit {
        events: vec![event("Registered")],
        stream: Some(stream()),
        ..Commit::new(T, candidate, 0)
    }
}

fn next(candidate: Uuid, expected: i64) -> Commit {
    Commit {
        events: vec![event("Noted")],
        ..Commit::new(T, candidate, expected)
    }
}

fn beside(tenant: TenantId, change: Beside) -> Commit {
    Commit {
        beside: Some(change),
        ..Commit::new(tenant, id(), 0)
    }
}

async fn done(store: &Store, commit: Commit) -> i64 {
    match store.append(commit).await.expect("appended") {
        Appended::Done { first_position } => first_position,
        other => panic!("{other:?}"),
    }
}

async fn feed(store: &Store, tenant: TenantId) -> Vec<EventRow> {
    store
        .feed(
            tenant,
            FeedQuery {
                limit: 100_000,
                ..FeedQuery::default()
            },
        )
        .await
        .expect("read")
}

async fn has_no_gap(store: &Store, tenant: TenantId) -> usize {
    let log = feed(store, tenant).await;
    for (index, event) in log.iter().enumerate() {
        assert_eq!(event.position, index as i64 + 1, "positions have no gap");
    }
    assert_eq!(store.head_position(tenant).await.expect("read"), log.len() as i64);
    let ids: HashSet<Uuid> = log.iter().map(|event| event.event_id).collect();
    assert_eq!(ids.len(), log.len(), "nothing is doubled");
    log.len()
}
