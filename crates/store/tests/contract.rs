//! What a store promises, case by case, on both stores.

#![expect(clippy::panic, reason = "a test ends by it")]

use afterword_store::testing::PrivatePostgres;
use afterword_store::{
    Aad, ApiKeyRow, Appended, ApplicationQuery, ApplicationRow, Beside, CandidateQuery, Commit, Erasure, EventRow,
    FeedQuery, Fence, IdempotencyRow, OpenError, Place, PlaybookRow, RejectionQuery, Store, StoreError, StoreOptions,
    StreamRow, TaskFilter, TaskQuery, TaskRow, TaskState, TenantId,
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

contract!(
    what_is_appended_is_read_back_as_it_was,
    positions_have_no_gap_however_many_write_at_once,
    a_stale_commit_does_not_hold_up_its_batch,
    commits_on_one_candidate_follow_each_other_within_a_batch,
    a_request_is_answered_once,
    an_idempotency_row_may_go_in_alone,
    what_lies_beside_the_log_is_changed_once_with_its_request,
    a_change_that_breaks_off_leaves_no_name,
    a_conflict_beside_the_log_takes_no_others_along,
    a_playbook_goes_in_with_its_request_or_not_at_all,
    an_event_id_is_taken_once,
    an_external_id_belongs_to_one_candidate,
    an_erased_candidate_leaves_its_places_and_nothing_else,
    an_erasure_cut_short_is_finished_at_the_next_start,
    a_redacted_payload_is_rewritten_in_place,
    a_rebuild_replaces_the_rows_of_one_candidate,
    the_queue_is_read_by_state_and_page_by_page,
    a_task_taken_to_be_new_is_written_over_where_it_is_not,
    applications_are_read_with_their_status_of_the_moment,
    rejections_are_read_newest_first,
    candidates_are_found_by_group_and_by_external_id,
    the_feed_is_filtered_and_turned_around,
    tenants_are_walls,
    keys_of_the_api_are_kept_rolled_and_revoked,
    another_master_key_is_refused,
    a_missing_master_key_is_not_made_anew,
    of_two_keys_for_one_candidate_the_stored_one_wins,
    a_watcher_is_woken,
    two_stores_on_one_place_lose_and_double_nothing,
    a_closed_store_says_so_and_opens_again,
    what_is_due_is_found_in_its_order,
    a_lease_belongs_to_one_until_it_runs_out,
    a_holder_whose_lease_was_taken_over_cannot_write,
    a_test_clock_runs_forward,
);

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

async fn what_is_appended_is_read_back_as_it_was(stand: Stand) {
    let (store, candidate, about) = (&stand.store, id(), id());
    let first = EventRow {
        application: Some(about),
        occurred_at: -5,
        ..event("Applied")
    };
    let second = EventRow {
        sealed: Some(Vec::new()),
        recorded_at: 21,
        ..event("Held")
    };
    let (task, application) = (
        task(i64::MAX),
        ApplicationRow {
            quiet_at: Some(5),
            ..application("awaiting")
        },
    );
    let commit = Commit {
        events: vec![first.clone(), second.clone()],
        stream: Some(stream()),
        tasks: vec![task.clone()],
        applications: vec![application.clone()],
        ..Commit::new(T, candidate, 0)
    };
    assert_eq!(done(store, commit).await, 1);
    let read = store.stream(T, candidate, 0).await.expect("read");
    let expected = vec![
        EventRow {
            position: 1,
            candidate,
            version: 1,
            ..first
        },
        EventRow {
            position: 2,
            candidate,
            version: 2,
            ..second
        },
    ];
    assert_eq!(read, expected);
    assert_eq!(store.stream(T, candidate, 1).await.expect("read"), expected[1..]);
    assert_eq!(
        store.find_event(T, expected[1].event_id).await.expect("read").as_ref(),
        Some(&expected[1])
    );
    let head = store.stream_head(T, candidate).await.expect("read").expect("there");
    assert_eq!(
        (head.version, head.recorded_at, head.derivation, head.erased_at),
        (2, 21, 3, None)
    );
    assert_eq!(
        store.tasks_of(T, candidate).await.expect("read"),
        [TaskRow { candidate, ..task }]
    );
    assert_eq!(
        store.applications_of(T, candidate).await.expect("read"),
        [ApplicationRow {
            candidate,
            ..application
        }]
    );
    assert_eq!(store.stream_ids(T, None, 10).await.expect("read"), [candidate]);
    assert!(store.stream_ids(T, Some(candidate), 10).await.expect("read").is_empty());
    assert_eq!(store.stream_head(T, id()).await.expect("read"), None);
    store.ready().await.expect("ready");
}

async fn positions_have_no_gap_however_many_write_at_once(stand: Stand) {
    let tasks = (0..300).map(|number| {
        let store = stand.store.clone();
        let tenant = if number % 3 == 0 { OTHER } else { T };
        tokio::spawn(async move {
            let commit = Commit {
                tenant,
                tasks: vec![task(number)],
                ..new(id())
            };
            done(&store, commit).await
        })
    });
    let mut positions = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        positions.push(task.await.expect("done"));
    }
    assert_eq!(has_no_gap(&stand.store, T).await, 200);
    assert_eq!(has_no_gap(&stand.store, OTHER).await, 100);
}

async fn a_stale_commit_does_not_hold_up_its_batch(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    done(store, new(candidate)).await;
    let commits = (0..60).map(|number| if number % 5 == 0 { next(candidate, 9) } else { new(id()) });
    let answers = futures_util::future::join_all(commits.map(|commit| store.append(commit))).await;
    let conflicts = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Appended::Conflict)))
        .count();
    let fine = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Appended::Done { .. })))
        .count();
    assert_eq!((conflicts, fine), (12, 48));
    assert_eq!(has_no_gap(store, T).await, 49);
    assert_eq!(
        store.append(new(candidate)).await.expect("answered"),
        Appended::Conflict
    );
}

async fn commits_on_one_candidate_follow_each_other_within_a_batch(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    let kept = task(5);
    let commits = (0..20).map(|version| {
        let tasks = vec![TaskRow {
            version,
            ..kept.clone()
        }];
        let commit = if version == 0 {
            new(candidate)
        } else {
            next(candidate, version)
        };
        Commit { tasks, ..commit }
    });
    // Two of each: of every pair, one goes in.
    let commits: Vec<Commit> = commits
        .flat_map(|commit| {
            [
                commit.clone(),
                Commit {
                    events: vec![event("Late")],
                    ..commit
                },
            ]
        })
        .collect();
    let answers = futures_util::future::join_all(commits.into_iter().map(|commit| store.append(commit))).await;
    let fine = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Appended::Done { .. })))
        .count();
    assert_eq!(fine, 20);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Ok(Appended::Done { .. } | Appended::Conflict)))
    );
    assert_eq!(has_no_gap(store, T).await, 20);
    assert_eq!(
        store
            .stream_head(T, candidate)
            .await
            .expect("read")
            .expect("there")
            .version,
        20
    );
    assert_eq!(store.tasks_of(T, candidate).await.expect("read")[0].version, 19);
}

async fn a_request_is_answered_once(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    let row = IdempotencyRow {
        candidate: Some(candidate),
        ..request("once")
    };
    let commits = (0..10).map(|_| Commit {
        idempotency: Some(row.clone()),
        ..new(id())
    });
    let answers = futures_util::future::join_all(commits.map(|commit| store.append(commit))).await;
    let fine = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Appended::Done { .. })))
        .count();
    let used = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Appended::KeyUsed(there)) if *there == row))
        .count();
    assert_eq!((fine, used), (1, 9));
    let later = Commit {
        idempotency: Some(row.clone()),
        ..new(id())
    };
    assert_eq!(
        store.append(later).await.expect("answered"),
        Appended::KeyUsed(row.clone())
    );
    assert_eq!(store.idempotent(T, b"once").await.expect("read"), Some(row));
    assert_eq!(has_no_gap(store, T).await, 1);
    assert_eq!(store.idempotency_purge(20).await.expect("purged"), 0);
    assert_eq!(store.idempotency_purge(21).await.expect("purged"), 1);
    assert_eq!(store.idempotent(T, b"once").await.expect("read"), None);
}

async fn an_idempotency_row_may_go_in_alone(stand: Stand) {
    let alone = Commit {
        idempotency: Some(request("alone")),
        ..Commit::new(T, Uuid::nil(), 0)
    };
    done(&stand.store, alone.clone()).await;
    assert!(matches!(stand.store.append(alone).await, Ok(Appended::KeyUsed(_))));
    assert_eq!(stand.store.head_position(T).await.expect("read"), 0);
    assert!(stand.store.stream_ids(T, None, 10).await.expect("read").is_empty());
}

fn key(nth: u8) -> ApiKeyRow {
    ApiKeyRow {
        key_id: Uuid::from_u128(u128::from(nth)),
        hash: vec![nth],
        scopes: "admin".to_owned(),
        name: None,
        candidate: None,
        group: None,
        created_at: 1,
        expires_at: None,
        revoked_at: None,
    }
}

fn named(name: &str, change: Beside) -> Commit {
    Commit {
        idempotency: Some(request(name)),
        ..beside(T, change)
    }
}

async fn what_lies_beside_the_log_is_changed_once_with_its_request(stand: Stand) {
    let store = &stand.store;
    let settings = |text: &str, before| store.mail_put(T, text.as_bytes(), 5, before);
    let at_once = (0..10).map(|_| store.append(named("first", settings("one", None))));
    let answers = futures_util::future::join_all(at_once).await;
    let counted = |wanted: fn(&Appended) -> bool| answers.iter().flatten().filter(|it| wanted(it)).count();
    assert_eq!(counted(|it| matches!(it, Appended::Done { .. })), 1);
    assert_eq!(counted(|it| matches!(it, Appended::KeyUsed(_))), 9);
    // Sent again it is told so, whatever has become of what it changed.
    done(store, named("second", settings("two", Some(5)))).await;
    let again = store.append(named("first", settings("one", None))).await;
    assert!(matches!(again, Ok(Appended::KeyUsed(_))), "{again:?}");
    let kept = store.mail(T).await.expect("read").expect("there");
    assert_eq!(kept, (b"two".to_vec(), 5));
    // What rests on something else is a conflict, and its name is free.
    let stale = store.append(named("third", settings("three", Some(4)))).await;
    assert_eq!(stale.expect("answered"), Appended::Conflict);
    assert_eq!(store.idempotent(T, b"third").await.expect("read"), None);
    done(store, named("third", Beside::mail_deleted(T, 5))).await;
    assert_eq!(store.mail(T).await.expect("read"), None);
    assert_eq!(store.head_position(T).await.expect("read"), 0, "it is no fact");
}

/// Between the name and the change nothing can come: where the second of two changes cannot be made, there is neither the
/// first nor the name.
async fn a_change_that_breaks_off_leaves_no_name(stand: Stand) {
    let store = &stand.store;
    store.api_key_put(T, &key(1)).await.expect("put");
    let taken = ApiKeyRow {
        key_id: Uuid::from_u128(2),
        ..key(1)
    };
    let both = store.mail_put(T, b"settings", 5, None).and(Beside::api_key(T, &taken));
    let broken = store.append(named("both", both)).await;
    assert!(matches!(broken, Err(StoreError::Unavailable(_))), "{broken:?}");
    assert_eq!(store.mail(T).await.expect("read"), None);
    assert_eq!(store.idempotent(T, b"both").await.expect("read"), None);
    // The same request can be sent again, and is carried out.
    let both = store.mail_put(T, b"settings", 5, None).and(Beside::api_key(T, &key(2)));
    done(store, named("both", both)).await;
    assert!(store.mail(T).await.expect("read").is_some());
    assert!(store.idempotent(T, b"both").await.expect("read").is_some());
    assert_eq!(store.api_keys(T).await.expect("read").len(), 2);
}

async fn a_conflict_beside_the_log_takes_no_others_along(stand: Stand) {
    let store = &stand.store;
    let commits = (0..60).map(|nth| match nth % 3 {
        0 => named("lost", Beside::mail_deleted(T, 1)),
        1 => Commit {
            idempotency: Some(request(&format!("{nth}"))),
            ..new(id())
        },
        _ => new(id()),
    });
    let answers = futures_util::future::join_all(commits.map(|commit| store.append(commit))).await;
    for (nth, answer) in answers.iter().enumerate() {
        match answer {
            Ok(Appended::Conflict) => assert_eq!(nth % 3, 0),
            Ok(Appended::Done { .. }) => assert_ne!(nth % 3, 0),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(has_no_gap(store, T).await, 40);
}

async fn a_playbook_goes_in_with_its_request_or_not_at_all(stand: Stand) {
    let store = &stand.store;
    let commit = |name: u8, version: i64| {
        let mut commit = Commit::new(T, Uuid::from_u128(u128::from(name)), 0);
        commit.idempotency = Some(IdempotencyRow {
            key_hash: vec![name],
            request_hash: vec![name],
            candidate: None,
            first_version: version,
            facts: 0,
            sealed: None,
            recorded_at: 1,
        });
        let row = PlaybookRow {
            version,
            hash: format!("hash of {name}"),
            rules: "{}".to_owned(),
            recorded_at: i64::from(name),
            recorded_by: "key".to_owned(),
        };
        commit.beside = Some(Beside::playbook(T, &row));
        commit
    };
    assert_eq!(
        store.append(commit(1, 2)).await.expect("it answers"),
        Appended::Conflict,
        "a gap"
    );
    // Of many that would be the first, in one batch or in several, one is.
    let at_once = futures_util::future::join_all((1..=20).map(|name| store.append(commit(name, 1)))).await;
    let won: Vec<u8> = (1..)
        .zip(&at_once)
        .filter(|(_, it)| matches!(it, Ok(Appended::Done { .. })))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(won.len(), 1);
    assert_eq!(
        at_once.iter().filter(|it| matches!(it, Ok(Appended::Conflict))).count(),
        19
    );
    for name in 1..=20_u8 {
        let kept = store.idempotent(T, &[name]).await.expect("it answers");
        assert_eq!(kept.is_some(), won.contains(&name), "a loser leaves no name");
    }
    let again = store.append(commit(won[0], 2)).await.expect("it answers");
    assert!(matches!(again, Appended::KeyUsed(row) if row.first_version == 1));
    let mut unnamed = commit(30, 2);
    unnamed.idempotency = None;
    assert!(matches!(
        store.append(unnamed).await.expect("it answers"),
        Appended::Done { .. }
    ));
    let rows = store.playbooks(T).await.expect("it answers");
    let hashes: Vec<_> = rows.iter().map(|row| (row.version, row.hash.clone())).collect();
    assert_eq!(
        hashes,
        [(1, format!("hash of {}", won[0])), (2, "hash of 30".to_owned())]
    );
    assert!(store.playbooks(OTHER).await.expect("it answers").is_empty());
    assert_eq!(store.head_position(T).await.expect("it answers"), 0, "it is no fact");
}

async fn an_event_id_is_taken_once(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    let first = new(candidate);
    let event_id = first.events[0].event_id;
    done(store, first.clone()).await;
    let again = Commit {
        events: vec![event("A"), first.events[0].clone()],
        ..new(id())
    };
    let taken = Appended::IdTaken {
        event_id,
        candidate,
        version: 1,
    };
    assert_eq!(store.append(again).await.expect("answered"), taken);
    let (one, two) = (new(id()), new(id()));
    let two = Commit {
        events: one.events.clone(),
        ..two
    };
    let answers = futures_util::future::join_all([one, two].map(|commit| store.append(commit))).await;
    let fine = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Appended::Done { .. })))
        .count();
    let taken = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Appended::IdTaken { .. })))
        .count();
    assert_eq!((fine, taken), (1, 1));
    let twice = event("Twice");
    let within = Commit {
        events: vec![twice.clone(), twice],
        ..new(id())
    };
    assert!(matches!(store.append(within).await, Ok(Appended::IdTaken { .. })));
    // The same id in another tenant is another event.
    done(store, Commit { tenant: OTHER, ..first }).await;
    assert_eq!(has_no_gap(store, T).await, 2);
}

async fn an_external_id_belongs_to_one_candidate(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    let named = |candidate, hash: &[u8]| Commit {
        stream: Some(StreamRow {
            external_hash: Some(hash.to_vec()),
            ..stream()
        }),
        ..new(candidate)
    };
    done(store, named(candidate, b"x")).await;
    assert_eq!(
        store.append(named(id(), b"x")).await.expect("answered"),
        Appended::ExternalIdTaken
    );
    done(
        store,
        Commit {
            events: vec![event("Renamed")],
            ..Commit {
                expected_version: 1,
                ..named(candidate, b"x")
            }
        },
    )
    .await;
    let both = [named(id(), b"y"), named(id(), b"y")];
    let answers = futures_util::future::join_all(both.map(|commit| store.append(commit))).await;
    assert_eq!(
        answers
            .iter()
            .filter(|answer| matches!(answer, Ok(Appended::ExternalIdTaken)))
            .count(),
        1
    );
    done(
        store,
        Commit {
            tenant: OTHER,
            ..named(id(), b"x")
        },
    )
    .await;
}

async fn an_erased_candidate_leaves_its_places_and_nothing_else(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    let (key, wrapped) = store.keys().new_key(T, candidate);
    let place = Aad::versioned(T, candidate, "event", 1);
    let sealed = Some(key.seal(&place, b"a fact"));
    let commit = Commit {
        new_key: Some(wrapped),
        events: vec![EventRow {
            sealed,
            ..event("Registered")
        }],
        stream: Some(StreamRow {
            external_hash: Some(b"x".to_vec()),
            groups: vec!["g".to_owned()],
            ..stream()
        }),
        tasks: vec![task(1)],
        applications: vec![application("open")],
        idempotency: Some(IdempotencyRow {
            candidate: Some(candidate),
            ..request("k")
        }),
        ..Commit::new(T, candidate, 0)
    };
    done(store, commit).await;
    let key = store.keys().get(T, candidate).await.expect("read").expect("there");
    let read = store.stream(T, candidate, 0).await.expect("read").remove(0);
    assert_eq!(
        key.open(&place, &read.sealed.expect("sealed")).expect("opens"),
        b"a fact"
    );

    let erase = Some(Erasure {
        at: 100,
        keys_gone_by: 200,
    });
    done(
        store,
        Commit {
            events: vec![EventRow {
                sealed: None,
                ..event("Erased")
            }],
            erase,
            ..Commit::new(T, candidate, 1)
        },
    )
    .await;
    let head = store.stream_head(T, candidate).await.expect("read").expect("there");
    assert_eq!(
        (head.version, head.erased_at, head.keys_gone_by),
        (2, Some(100), Some(200))
    );
    assert!(
        store
            .stream(T, candidate, 0)
            .await
            .expect("read")
            .iter()
            .all(|event| event.sealed.is_none())
    );
    assert_eq!(store.tasks_of(T, candidate).await.expect("read"), []);
    assert_eq!(store.applications_of(T, candidate).await.expect("read"), []);
    assert_eq!(
        store.idempotent(T, b"k").await.expect("read").expect("there").sealed,
        None
    );
    assert_eq!(
        store
            .candidates(
                T,
                CandidateQuery {
                    limit: 9,
                    ..CandidateQuery::default()
                }
            )
            .await
            .expect("read"),
        []
    );
    assert!(store.keys().get(T, candidate).await.expect("read").is_none());
    assert_eq!(
        store.append(next(candidate, 2)).await.expect("answered"),
        Appended::Erased
    );
    assert_eq!(has_no_gap(store, T).await, 2);
    // Its external id is free again, in one batch or another.
    let freed = StreamRow {
        external_hash: Some(b"x".to_vec()),
        ..stream()
    };
    done(
        store,
        Commit {
            stream: Some(freed),
            ..new(id())
        },
    )
    .await;

    // All of a life in one batch.
    let (brief, erase) = (id(), Some(Erasure { at: 1, keys_gone_by: 2 }));
    let life = [
        Commit {
            tasks: vec![task(1)],
            ..new(brief)
        },
        Commit {
            erase,
            ..next(brief, 1)
        },
        next(brief, 2),
    ];
    let answers = futures_util::future::join_all(life.map(|commit| store.append(commit))).await;
    assert!(matches!(answers[2], Ok(Appended::Erased)), "{answers:?}");
    assert_eq!(store.tasks_of(T, brief).await.expect("read"), []);
}

async fn an_erasure_cut_short_is_finished_at_the_next_start(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    done(
        store,
        Commit {
            erase: Some(Erasure { at: 1, keys_gone_by: 2 }),
            ..new(candidate)
        },
    )
    .await;
    // A key that outlived its candidate, as after a crash: it comes with a commit that is refused.
    let (_, wrapped) = store.keys().new_key(T, candidate);
    let late = Commit {
        new_key: Some(wrapped),
        ..new(candidate)
    };
    assert_eq!(store.append(late).await.expect("answered"), Appended::Erased);
    assert!(store.keys().get(T, candidate).await.expect("read").is_some());
    let again = Store::open(&stand.options).await.expect("opened");
    assert!(again.keys().get(T, candidate).await.expect("read").is_none());
}

async fn a_redacted_payload_is_rewritten_in_place(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    done(
        store,
        Commit {
            events: vec![event("A"), event("B")],
            ..new(candidate)
        },
    )
    .await;
    done(
        store,
        Commit {
            redactions: vec![(2, b"less".to_vec())],
            ..next(candidate, 2)
        },
    )
    .await;
    let read = store.stream(T, candidate, 0).await.expect("read");
    let payloads: Vec<_> = read
        .iter()
        .map(|event| event.sealed.as_deref().expect("sealed"))
        .collect();
    assert_eq!(payloads, [&b"sealed"[..], b"less", b"sealed"]);
    assert_eq!(read[1].kind, "B");
}

async fn a_rebuild_replaces_the_rows_of_one_candidate(stand: Stand) {
    let (store, candidate, bystander) = (&stand.store, id(), id());
    for who in [candidate, bystander] {
        let (tasks, applications) = (vec![task(1), task(2)], vec![application("open")]);
        done(
            store,
            Commit {
                tasks,
                applications,
                ..new(who)
            },
        )
        .await;
    }
    let one = task(3);
    let stream = Some(StreamRow {
        derivation: 4,
        ..stream()
    });
    let rebuild = Commit {
        stream,
        tasks: vec![one.clone()],
        replace_rows: true,
        ..Commit::new(T, candidate, 1)
    };
    done(store, rebuild.clone()).await;
    assert_eq!(
        store.tasks_of(T, candidate).await.expect("read"),
        [TaskRow { candidate, ..one }]
    );
    assert_eq!(store.applications_of(T, candidate).await.expect("read"), []);
    assert_eq!(store.tasks_of(T, bystander).await.expect("read").len(), 2);
    assert_eq!(
        store
            .stream_head(T, candidate)
            .await
            .expect("read")
            .expect("there")
            .derivation,
        4
    );
    let stale = Commit {
        expected_version: 5,
        ..rebuild
    };
    assert_eq!(store.append(stale).await.expect("answered"), Appended::Conflict);
    assert_eq!(has_no_gap(store, T).await, 2);
}

async fn the_queue_is_read_by_state_and_page_by_page(stand: Stand) {
    use TaskFilter::{Dismissed, Done, Open, Overdue, Void, Waiting};
    let (store, one, two) = (&stand.store, id(), id());
    let about = id();
    let rows = vec![
        TaskRow {
            opens_at: 500,
            play: "waiting".into(),
            ..task(900)
        },
        TaskRow {
            play: "open".into(),
            application: Some(about),
            ..task(800)
        },
        TaskRow {
            play: "overdue".into(),
            ..task(50)
        },
        TaskRow {
            play: "due_now".into(),
            ..task(100)
        },
        TaskRow {
            play: "never_due".into(),
            ..task(i64::MAX)
        },
        TaskRow {
            play: "snoozed".into(),
            snoozed_until: Some(101),
            ..task(700)
        },
        TaskRow {
            play: "woken".into(),
            snoozed_until: Some(100),
            ..task(600)
        },
        TaskRow {
            play: "done".into(),
            state: TaskState::Done,
            ..task(60)
        },
        TaskRow {
            play: "dismissed".into(),
            state: TaskState::Dismissed,
            ..task(70)
        },
        TaskRow {
            play: "void".into(),
            state: TaskState::Void,
            ..task(80)
        },
    ];
    let group = Some(StreamRow {
        groups: vec!["coach".into(), "other".into()],
        ..stream()
    });
    done(
        store,
        Commit {
            stream: group,
            tasks: rows,
            ..new(one)
        },
    )
    .await;
    done(
        store,
        Commit {
            tasks: vec![TaskRow {
                play: "second".into(),
                ..task(75)
            }],
            ..new(two)
        },
    )
    .await;
    let query = TaskQuery {
        now: 100,
        limit: 100,
        ..TaskQuery::default()
    };
    let plays = async |query: TaskQuery| -> String {
        let rows = store.tasks(T, query).await.expect("read");
        rows.into_iter().map(|row| row.play).collect::<Vec<_>>().join(" ")
    };
    let states = |states: &[TaskFilter]| TaskQuery {
        states: states.to_vec(),
        ..query.clone()
    };
    assert_eq!(plays(states(&[Waiting])).await, "waiting");
    assert_eq!(plays(states(&[Open])).await, "woken open never_due");
    assert_eq!(
        plays(TaskQuery {
            snoozed: true,
            ..states(&[Open])
        })
        .await,
        "woken snoozed open never_due"
    );
    assert_eq!(plays(states(&[Overdue])).await, "overdue second due_now");
    assert_eq!(plays(states(&[Done, Void])).await, "done void");
    assert_eq!(
        plays(states(&[Overdue, Dismissed])).await,
        "overdue dismissed second due_now"
    );
    assert_eq!(plays(states(&[])).await, "");
    let live = states(&[Waiting, Open, Overdue]);
    assert_eq!(
        plays(live.clone()).await,
        "overdue second due_now woken open waiting never_due"
    );
    assert_eq!(
        plays(TaskQuery {
            group: Some("coach".into()),
            ..states(&[Overdue])
        })
        .await,
        "overdue due_now"
    );
    assert_eq!(
        plays(TaskQuery {
            group: Some("none".into()),
            ..states(&[Overdue])
        })
        .await,
        ""
    );
    assert_eq!(
        plays(TaskQuery {
            candidate: Some(two),
            ..live.clone()
        })
        .await,
        "second"
    );
    assert_eq!(
        plays(TaskQuery {
            application: Some(about),
            ..live.clone()
        })
        .await,
        "open"
    );
    assert_eq!(
        plays(TaskQuery {
            play: Some("woken".into()),
            ..live.clone()
        })
        .await,
        "woken"
    );
    assert_eq!(
        plays(TaskQuery {
            due_before: Some(100),
            ..live.clone()
        })
        .await,
        "overdue second"
    );
    let all = [Waiting, Open, Overdue, Done, Dismissed, Void];
    let whole = store.tasks(T, states(&all)).await.expect("read");
    assert_eq!(whole.len(), 10);
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = store
            .tasks(
                T,
                TaskQuery {
                    after,
                    limit: 3,
                    ..states(&all)
                },
            )
            .await
            .expect("read");
        let Some(last) = page.last() else { break };
        after = Some((last.due_at, last.candidate, last.task_id));
        paged.extend(page);
    }
    assert_eq!(paged, whole);
}

async fn a_task_taken_to_be_new_is_written_over_where_it_is_not(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    let mut random = 1_u32;
    let mut noise = |length: usize| -> Vec<u8> {
        let mut byte = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 24) as u8
        };
        (0..length).map(|_| byte()).collect()
    };
    let tasks: Vec<TaskRow> = [0, 1999, 2000, 2001, 9000]
        .map(|length| TaskRow {
            sealed: noise(length),
            candidate,
            ..task(1)
        })
        .into();
    done(
        store,
        Commit {
            new_tasks: tasks.clone(),
            ..new(candidate)
        },
    )
    .await;
    let query = TaskQuery {
        states: vec![TaskFilter::Overdue],
        now: 9,
        limit: 9,
        ..TaskQuery::default()
    };
    assert_eq!(store.tasks(T, query.clone()).await.expect("read"), tasks);
    let bare: Vec<TaskRow> = tasks
        .iter()
        .map(|task| TaskRow {
            sealed: Vec::new(),
            ..task.clone()
        })
        .collect();
    let short = TaskQuery {
        without_texts: true,
        ..query
    };
    assert_eq!(store.tasks(T, short).await.expect("read"), bare);
    let shorter: Vec<TaskRow> = tasks
        .iter()
        .map(|task| TaskRow {
            sealed: b"short".to_vec(),
            ..task.clone()
        })
        .collect();
    done(
        store,
        Commit {
            new_tasks: shorter.clone(),
            ..next(candidate, 1)
        },
    )
    .await;
    assert_eq!(store.tasks_of(T, candidate).await.expect("read"), shorter);
}

async fn applications_are_read_with_their_status_of_the_moment(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    let awaiting = || ApplicationRow {
        quiet_at: Some(10),
        silent_at: Some(20),
        presumed_closed_at: Some(30),
        ..application("awaiting")
    };
    let rows = vec![
        awaiting(),
        ApplicationRow {
            presumed_closed_at: Some(1),
            ..application("offer")
        },
        application("awaiting"),
    ];
    let ids: Vec<Uuid> = rows.iter().map(|row| row.application).collect();
    done(
        store,
        Commit {
            applications: rows,
            ..new(candidate)
        },
    )
    .await;
    for (now, status) in [(9, "awaiting"), (10, "quiet"), (20, "silent"), (30, "presumed_closed")] {
        let query = ApplicationQuery {
            now,
            statuses: Some(vec![status.into()]),
            limit: 9,
            ..ApplicationQuery::default()
        };
        let read: Vec<Uuid> = store
            .applications(T, query)
            .await
            .expect("read")
            .iter()
            .map(|row| row.application)
            .collect();
        let expected = if now == 9 { vec![ids[0], ids[2]] } else { vec![ids[0]] };
        assert_eq!(read, expected, "{status}");
    }
    let query = ApplicationQuery {
        limit: 2,
        ..ApplicationQuery::default()
    };
    let page = store.applications(T, query.clone()).await.expect("read");
    let after = Some((page[1].candidate, page[1].application));
    let rest = store
        .applications(T, ApplicationQuery { after, ..query.clone() })
        .await
        .expect("read");
    assert_eq!(
        page.iter().chain(&rest).map(|row| row.application).collect::<Vec<_>>(),
        ids
    );
    let nobody = ApplicationQuery {
        candidate: Some(id()),
        ..query
    };
    assert_eq!(store.applications(T, nobody).await.expect("read"), []);
}

async fn rejections_are_read_newest_first(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    let rejected = |at, stage: &str| ApplicationRow {
        rejection_stage: Some(stage.to_owned()),
        rejection_received_at: Some(at),
        rejection_sealed: Some(b"no".to_vec()),
        ..application("rejected")
    };
    let rows = vec![
        rejected(5, "a"),
        rejected(9, "b"),
        rejected(9, "a"),
        application("open"),
        rejected(7, "b"),
    ];
    done(
        store,
        Commit {
            applications: rows,
            ..new(candidate)
        },
    )
    .await;
    let query = RejectionQuery {
        limit: 2,
        ..RejectionQuery::default()
    };
    let first = store.rejections(T, query.clone()).await.expect("read");
    let after = first.last().map(|row| {
        (
            row.rejection_received_at.expect("there"),
            row.candidate,
            row.application,
        )
    });
    let second = store
        .rejections(T, RejectionQuery { after, ..query.clone() })
        .await
        .expect("read");
    let times: Vec<_> = first
        .iter()
        .chain(&second)
        .map(|row| row.rejection_received_at.expect("there"))
        .collect();
    assert_eq!(times, [9, 9, 7, 5]);
    let staged = RejectionQuery {
        stages: Some(vec!["b".into()]),
        ..query
    };
    assert_eq!(store.rejections(T, staged).await.expect("read").len(), 2);
}

async fn candidates_are_found_by_group_and_by_external_id(stand: Stand) {
    let (store, one, two) = (&stand.store, id(), id());
    let labelled = StreamRow {
        groups: vec!["g".into()],
        external_hash: Some(b"x".to_vec()),
        ..stream()
    };
    done(
        store,
        Commit {
            stream: Some(labelled),
            ..new(one)
        },
    )
    .await;
    done(store, new(two)).await;
    let found = async |query: CandidateQuery| -> Vec<Uuid> {
        let rows = store
            .candidates(T, CandidateQuery { limit: 9, ..query })
            .await
            .expect("read");
        rows.into_iter().map(|row| row.0).collect()
    };
    assert_eq!(found(CandidateQuery::default()).await, [one, two]);
    assert_eq!(
        found(CandidateQuery {
            after: Some(one),
            ..CandidateQuery::default()
        })
        .await,
        [two]
    );
    assert_eq!(
        found(CandidateQuery {
            candidate: Some(two),
            ..CandidateQuery::default()
        })
        .await,
        [two]
    );
    assert_eq!(
        found(CandidateQuery {
            group: Some("g".into()),
            ..CandidateQuery::default()
        })
        .await,
        [one]
    );
    assert_eq!(
        found(CandidateQuery {
            external_hash: Some(b"x".to_vec()),
            ..CandidateQuery::default()
        })
        .await,
        [one]
    );
    // Labels are left and taken.
    let moved = StreamRow {
        groups: vec!["h".into(), "i".into()],
        ..stream()
    };
    done(
        store,
        Commit {
            stream: Some(moved),
            ..next(one, 1)
        },
    )
    .await;
    assert_eq!(
        found(CandidateQuery {
            group: Some("g".into()),
            ..CandidateQuery::default()
        })
        .await,
        [] as [Uuid; 0]
    );
    assert_eq!(
        found(CandidateQuery {
            group: Some("i".into()),
            ..CandidateQuery::default()
        })
        .await,
        [one]
    );
    // Without a stream row, labels stay.
    done(store, next(one, 2)).await;
    assert_eq!(
        found(CandidateQuery {
            group: Some("h".into()),
            ..CandidateQuery::default()
        })
        .await,
        [one]
    );
}

async fn the_feed_is_filtered_and_turned_around(stand: Stand) {
    let (store, one, two) = (&stand.store, id(), id());
    let labelled = StreamRow {
        groups: vec!["g".into()],
        ..stream()
    };
    done(
        store,
        Commit {
            stream: Some(labelled),
            ..new(one)
        },
    )
    .await;
    done(store, new(two)).await;
    done(store, next(one, 1)).await;
    let positions = async |query: FeedQuery| -> Vec<i64> {
        let rows = store.feed(T, FeedQuery { limit: 9, ..query }).await.expect("read");
        rows.into_iter().map(|row| row.position).collect()
    };
    assert_eq!(positions(FeedQuery::default()).await, [1, 2, 3]);
    assert_eq!(
        positions(FeedQuery {
            after_position: 1,
            ..FeedQuery::default()
        })
        .await,
        [2, 3]
    );
    assert_eq!(
        positions(FeedQuery {
            desc: true,
            before_position: Some(3),
            ..FeedQuery::default()
        })
        .await,
        [2, 1]
    );
    assert_eq!(
        positions(FeedQuery {
            candidate: Some(one),
            ..FeedQuery::default()
        })
        .await,
        [1, 3]
    );
    assert_eq!(
        positions(FeedQuery {
            group: Some("g".into()),
            ..FeedQuery::default()
        })
        .await,
        [1, 3]
    );
    assert_eq!(
        positions(FeedQuery {
            types: Some(vec!["Noted".into()]),
            ..FeedQuery::default()
        })
        .await,
        [3]
    );
    assert_eq!(
        positions(FeedQuery {
            types: Some(Vec::new()),
            ..FeedQuery::default()
        })
        .await,
        [] as [i64; 0]
    );
}

async fn tenants_are_walls(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    let commit = Commit {
        tasks: vec![task(1)],
        applications: vec![application("open")],
        idempotency: Some(request("k")),
        new_key: Some(store.keys().new_key(T, candidate).1),
        ..new(candidate)
    };
    let event_id = commit.events[0].event_id;
    done(store, commit).await;
    assert_eq!(feed(store, OTHER).await, []);
    assert_eq!(store.stream(OTHER, candidate, 0).await.expect("read"), []);
    assert_eq!(store.stream_head(OTHER, candidate).await.expect("read"), None);
    assert_eq!(store.find_event(OTHER, event_id).await.expect("read"), None);
    assert_eq!(store.tasks_of(OTHER, candidate).await.expect("read"), []);
    assert_eq!(store.applications_of(OTHER, candidate).await.expect("read"), []);
    assert_eq!(store.idempotent(OTHER, b"k").await.expect("read"), None);
    assert!(store.keys().get(OTHER, candidate).await.expect("read").is_none());
    assert!(store.keys().get(T, candidate).await.expect("read").is_some());
    let names: Vec<String> = store
        .tenants()
        .await
        .expect("read")
        .into_iter()
        .map(|row| row.name)
        .collect();
    assert_eq!(names, ["one", "two"]);
    let taken = store.tenant_create(TenantId(9), "one", false, 1).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)), "{taken:?}");
    assert_eq!(
        store
            .tenant_by_name("two")
            .await
            .expect("read")
            .map(|row| (row.id, row.test)),
        Some((OTHER, true))
    );
    assert_eq!(store.tenant_by_name("three").await.expect("read"), None);
    if let Place::Postgres(url) = &stand.options.place {
        the_second_wall(url, candidate).await;
    }
}

/// Row-level security: even a statement that forgets the tenant sees one tenant, or none.
async fn the_second_wall(url: &str, candidate: Uuid) {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(url).await.expect("connected");
    sqlx::raw_sql("SET ROLE afterword_app")
        .execute(&mut connection)
        .await
        .expect("it may");
    for table in ["heads", "streams", "events", "tasks", "applications", "idempotency"] {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        for (tenant, seen) in [("", false), ("8", false), ("7", true)] {
            sqlx::query("SELECT set_config('afterword.tenant', $1, false)")
                .bind(tenant)
                .execute(&mut connection)
                .await
                .expect("set");
            let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count.0.clone()))
                .fetch_one(&mut connection)
                .await
                .expect("read");
            assert_eq!(rows > 0, seen, "{table} as tenant {tenant:?}");
        }
    }
    let foreign = sqlx::query("INSERT INTO heads (tenant_id, position) VALUES (99, 1)")
        .execute(&mut connection)
        .await;
    assert!(foreign.is_err(), "no row of another tenant goes in");
    for rewriting in [
        "UPDATE events SET type = 'Other' WHERE candidate_id = $1",
        "DELETE FROM events WHERE candidate_id = $1",
    ] {
        let rewritten = sqlx::query(rewriting).bind(candidate).execute(&mut connection).await;
        assert!(rewritten.is_err(), "the log is append-only: {rewriting}");
    }
}

async fn keys_of_the_api_are_kept_rolled_and_revoked(stand: Stand) {
    let store = &stand.store;
    let key = ApiKeyRow {
        key_id: id(),
        hash: b"hash".to_vec(),
        scopes: "admin events:read".to_owned(),
        name: Some("mine".to_owned()),
        candidate: None,
        group: Some("coach".to_owned()),
        created_at: 5,
        expires_at: None,
        revoked_at: None,
    };
    store.api_key_put(T, &key).await.expect("put");
    assert!(store.api_key_put(T, &key).await.is_err(), "an id is put once");
    assert_eq!(
        store.api_key_by_hash(T, b"hash").await.expect("read").as_ref(),
        Some(&key)
    );
    assert_eq!(store.api_key_by_hash(OTHER, b"hash").await.expect("read"), None);
    for change in [
        Beside::api_key_expires(T, key.key_id, 50),
        Beside::api_key_expires(T, key.key_id, 90),
        Beside::api_key_revoked(T, key.key_id, 60),
        Beside::api_key_revoked(T, key.key_id, 70),
    ] {
        done(store, beside(T, change)).await;
    }
    let others = beside(OTHER, Beside::api_key_revoked(OTHER, key.key_id, 70));
    assert_eq!(store.append(others).await.expect("it answers"), Appended::Conflict);
    let expected = ApiKeyRow {
        expires_at: Some(50),
        revoked_at: Some(60),
        ..key
    };
    assert_eq!(store.api_keys(T).await.expect("read"), [expected]);
}

async fn another_master_key_is_refused(stand: Stand) {
    let file = stand.options.master_key_file.clone().expect("named");
    stand.store.close().await;
    std::fs::write(&file, "ab".repeat(32)).expect("written");
    let opened = Store::open(&stand.options).await;
    assert!(matches!(opened, Err(OpenError::WrongMasterKey)), "{opened:?}");
}

async fn a_missing_master_key_is_not_made_anew(stand: Stand) {
    let file = stand.options.master_key_file.clone().expect("named");
    stand.store.close().await;
    std::fs::remove_file(&file).expect("removed");
    let opened = Store::open(&stand.options).await;
    assert!(matches!(opened, Err(OpenError::MasterKeyMissing(_))), "{opened:?}");
    assert!(!file.exists());
}

async fn of_two_keys_for_one_candidate_the_stored_one_wins(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    let other = Store::open(&stand.options).await.expect("opened");
    let place = Aad::versioned(T, candidate, "event", 1);
    let registration = |store: &Store| {
        let (key, wrapped) = store.keys().new_key(T, candidate);
        let sealed = Some(key.seal(&place, b"a fact"));
        Commit {
            new_key: Some(wrapped),
            events: vec![EventRow {
                sealed,
                ..event("Registered")
            }],
            ..new(candidate)
        }
    };
    let (one, two) = tokio::join!(store.append(registration(store)), other.append(registration(&other)));
    let answers = [one.expect("answered"), two.expect("answered")];
    assert_eq!(
        answers.iter().filter(|answer| **answer == Appended::Conflict).count(),
        1,
        "{answers:?}"
    );
    for store in [store, &other] {
        let key = store.keys().get(T, candidate).await.expect("read").expect("there");
        let read = store.stream(T, candidate, 0).await.expect("read").remove(0);
        assert_eq!(
            key.open(&place, &read.sealed.expect("sealed")).expect("opens"),
            b"a fact"
        );
    }
    assert_eq!(has_no_gap(store, T).await, 1);
}

async fn a_watcher_is_woken(stand: Stand) {
    let other = Store::open(&stand.options).await.expect("opened");
    let mut here = stand.store.watch(T);
    let mut there = other.watch(T);
    // The listening connection of the other instance may still be on its way.
    let patience = std::time::Duration::from_secs(20);
    let mut told = !other.is_postgres();
    for _ in 0..100 {
        done(&stand.store, new(id())).await;
        tokio::time::timeout(patience, here.changed())
            .await
            .expect("in time")
            .expect("told");
        let heard = *here.borrow_and_update();
        assert_eq!(heard, stand.store.head_position(T).await.expect("read"));
        let waited = std::time::Duration::from_millis(200);
        told = told || tokio::time::timeout(waited, there.changed()).await.is_ok();
        if told {
            break;
        }
    }
    assert!(told, "news come to the other instance");
}

async fn two_stores_on_one_place_lose_and_double_nothing(stand: Stand) {
    let other = Store::open(&stand.options).await.expect("opened");
    let shared: Vec<Uuid> = (0..4).map(|_| id()).collect();
    let writers = (0..8).map(|number| {
        let store = if number % 2 == 0 {
            stand.store.clone()
        } else {
            other.clone()
        };
        let shared = shared.clone();
        tokio::spawn(async move {
            for round in 0..20 {
                let candidate = shared[(number + round) % shared.len()];
                let (mut commit, key) = (next(candidate, 0), format!("{number}/{round}"));
                commit.idempotency = Some(request(&key));
                loop {
                    let head = store.stream_head(T, candidate).await.expect("read");
                    commit.expected_version = head.map_or(0, |head| head.version);
                    match store.append(commit.clone()).await.expect("answered") {
                        Appended::Done { .. } => break,
                        Appended::Conflict => {}
                        other => panic!("{other:?}"),
                    }
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("done");
    }
    assert_eq!(has_no_gap(&stand.store, T).await, 160);
    for candidate in shared {
        let versions: Vec<i64> = other
            .stream(T, candidate, 0)
            .await
            .expect("read")
            .iter()
            .map(|e| e.version)
            .collect();
        assert_eq!(versions, (1..=40).collect::<Vec<_>>());
    }
}

async fn a_closed_store_says_so_and_opens_again(stand: Stand) {
    let candidate = id();
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            tokio::spawn({
                let store = stand.store.clone();
                async move { store.append(new(id())).await }
            })
        })
        .collect();
    done(&stand.store, new(candidate)).await;
    stand.store.close().await;
    let mut acknowledged = 1;
    for task in waiting {
        match task.await.expect("answered") {
            Ok(Appended::Done { .. }) => acknowledged += 1,
            Err(StoreError::Unavailable(_) | StoreError::Overloaded) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        stand.store.append(new(id())).await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(stand.store.ready().await.is_err());
    let again = Store::open(&stand.options).await.expect("opened");
    assert_eq!(has_no_gap(&again, T).await, acknowledged);
}

#[tokio::test]
async fn on_postgresql_the_master_key_must_be_named_and_the_schema_be_there() {
    let Some(server) = tokio::task::spawn_blocking(PrivatePostgres::shared)
        .await
        .expect("it answers")
    else {
        return;
    };
    let place = Place::Postgres(server.fresh_database().await);
    let unnamed = StoreOptions {
        place,
        keys_url: None,
        master_key_file: None,
    };
    assert!(matches!(Store::open(&unnamed).await, Err(OpenError::MasterKeyNotNamed)));
    let folder = tempfile::tempdir().expect("a folder");
    let options = StoreOptions {
        master_key_file: Some(folder.path().join("key")),
        ..unnamed
    };
    let behind = Store::open(&options).await;
    assert!(matches!(behind, Err(OpenError::SchemaBehind)), "{behind:?}");
    let (one, two) = tokio::join!(Store::migrate(&options), Store::migrate(&options));
    one.expect("migrated");
    two.expect("migrated at the same time");
    Store::migrate(&options).await.expect("migrated again");
    Store::open(&options).await.expect("opened");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_loses_no_acknowledged_commit_and_doubles_none() {
    let Some(server) = tokio::task::spawn_blocking(PrivatePostgres::start)
        .await
        .expect("it answers")
    else {
        return;
    };
    if !server.is_own() {
        return;
    }
    let url = server.fresh_database().await;
    let stand = Stand::on(|_| Place::Postgres(url)).await;
    let writers: Vec<_> = (0..16)
        .map(|_| {
            let store = stand.store.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for _ in 0..150 {
                    let commit = new(id());
                    let event_id = commit.events[0].event_id;
                    match store.append(commit).await {
                        Ok(Appended::Done { .. }) => acknowledged.push(event_id),
                        Ok(other) => panic!("its own commit is not a stranger's: {other:?}"),
                        Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                    }
                }
                acknowledged
            })
        })
        .collect();
    for _ in 0..3 {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        tokio::task::block_in_place(|| {
            server.stop_immediate();
            server.restart();
        });
    }
    let mut acknowledged = HashSet::new();
    for writer in writers {
        acknowledged.extend(writer.await.expect("done"));
    }
    has_no_gap(&stand.store, T).await;
    let stored: HashSet<Uuid> = feed(&stand.store, T)
        .await
        .into_iter()
        .map(|event| event.event_id)
        .collect();
    assert!(
        acknowledged.len() > 100,
        "it goes on after a crash: {}",
        acknowledged.len()
    );
    assert!(acknowledged.is_subset(&stored), "nothing acknowledged is lost");
}

/// Appends an event to a stream that has `version` of them, with the moment that is to come.
async fn appends(store: &Store, candidate: Uuid, version: i64, next_at: Option<i64>, fence: Option<Fence>) -> Appended {
    let commit = Commit {
        new_key: (version == 0).then(|| store.keys().new_key(T, candidate).1),
        events: vec![event("Happened")],
        stream: Some(stream()),
        next_at,
        fence,
        ..Commit::new(T, candidate, version)
    };
    store.append(commit).await.expect("an answer")
}

async fn what_is_due_is_found_in_its_order(stand: Stand) {
    let store = &stand.store;
    let [a, b, c, d] = [id(), id(), id(), id()];
    for (candidate, next) in [(a, Some(30)), (b, Some(10)), (c, Some(10)), (d, None)] {
        assert!(matches!(
            appends(store, candidate, 0, next, None).await,
            Appended::Done { .. }
        ));
    }
    assert_eq!(store.next_moment(T).await.expect("read"), Some(10));
    assert_eq!(
        store.due(T, 30, None, 10).await.expect("read"),
        [(10, b), (10, c), (30, a)]
    );
    assert_eq!(store.due(T, 29, None, 10).await.expect("read"), [(10, b), (10, c)]);
    assert_eq!(store.due(T, 30, None, 1).await.expect("read"), [(10, b)]);
    assert_eq!(
        store.due(T, 30, Some((10, b)), 10).await.expect("read"),
        [(10, c), (30, a)]
    );
    assert_eq!(store.due(OTHER, 30, None, 10).await.expect("read"), []);
    assert_eq!(store.next_moment(OTHER).await.expect("read"), None);
    // Every commit writes the moment anew, or that there is none.
    appends(store, b, 1, None, None).await;
    appends(store, c, 1, Some(40), None).await;
    assert_eq!(store.due(T, 99, None, 10).await.expect("read"), [(30, a), (40, c)]);
    // Of an erased candidate nothing is to come.
    let erase = Commit {
        events: vec![event("Erased")],
        erase: Some(Erasure {
            at: 50,
            keys_gone_by: 60,
        }),
        ..Commit::new(T, a, 1)
    };
    assert!(matches!(
        store.append(erase).await.expect("an answer"),
        Appended::Done { .. }
    ));
    assert_eq!(store.due(T, 99, None, 10).await.expect("read"), [(40, c)]);
}

async fn a_lease_belongs_to_one_until_it_runs_out(stand: Stand) {
    let store = &stand.store;
    let (one, other) = (id(), id());
    let first = store
        .lease(T, "work", one, 100, 200)
        .await
        .expect("asked")
        .expect("free");
    assert_eq!(store.lease(T, "work", other, 150, 250).await.expect("asked"), None);
    assert_eq!(
        store.lease(T, "work", one, 150, 300).await.expect("asked"),
        Some(first),
        "renewed"
    );
    assert_eq!(store.lease(T, "work", other, 250, 350).await.expect("asked"), None);
    assert!(
        store.lease(T, "rest", other, 150, 250).await.expect("asked").is_some(),
        "another lease"
    );
    assert!(
        store
            .lease(OTHER, "work", other, 150, 250)
            .await
            .expect("asked")
            .is_some(),
        "another tenant's"
    );
    let second = store
        .lease(T, "work", other, 300, 400)
        .await
        .expect("asked")
        .expect("run out");
    assert!(second.token > first.token);
    // Given back by who no longer has it, it stays with who has.
    store.release(T, first, one).await.expect("asked");
    assert_eq!(store.lease(T, "work", one, 310, 410).await.expect("asked"), None);
    store.release(T, second, other).await.expect("asked");
    let third = store
        .lease(T, "work", one, 310, 410)
        .await
        .expect("asked")
        .expect("given back");
    assert!(third.token > second.token);
}

async fn a_holder_whose_lease_was_taken_over_cannot_write(stand: Stand) {
    let store = &stand.store;
    let (candidate, one, other) = (id(), id(), id());
    let slow = store.lease(T, "work", one, 100, 200).await.expect("asked");
    assert!(matches!(
        appends(store, candidate, 0, None, slow).await,
        Appended::Done { .. }
    ));
    let quick = store.lease(T, "work", other, 201, 300).await.expect("asked");
    assert_eq!(appends(store, candidate, 1, None, slow).await, Appended::Fenced);
    assert!(matches!(
        appends(store, candidate, 1, None, quick).await,
        Appended::Done { .. }
    ));
    let never = Some(Fence {
        lease: "never taken",
        token: 1,
    });
    assert_eq!(appends(store, candidate, 2, None, never).await, Appended::Fenced);
    // Who writes without a lease is not held up by one.
    assert!(matches!(
        appends(store, candidate, 2, None, None).await,
        Appended::Done { .. }
    ));
    assert_eq!(store.stream(T, candidate, 0).await.expect("read").len(), 3);
}

async fn a_test_clock_runs_forward(stand: Stand) {
    let store = &stand.store;
    assert_eq!(store.test_clock(OTHER).await.expect("read"), None);
    assert!(store.test_clock_set(OTHER, 100).await.expect("asked"));
    assert!(store.test_clock_set(OTHER, 100).await.expect("asked"));
    assert!(!store.test_clock_set(OTHER, 99).await.expect("asked"));
    assert!(store.test_clock_set(OTHER, 200).await.expect("asked"));
    assert_eq!(store.test_clock(OTHER).await.expect("read"), Some(200));
    assert_eq!(store.test_clock(T).await.expect("read"), None);
    assert_eq!(store.newest_recording(T).await.expect("read"), None);
    appends(store, id(), 0, None, None).await;
    assert_eq!(store.newest_recording(T).await.expect("read"), Some(20));
}
