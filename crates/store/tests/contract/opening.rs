//! Opening and closing, master keys, several stores on one place, and a server that crashes.

use super::*;

contract!(
    another_master_key_is_refused,
    a_missing_master_key_is_not_made_anew,
    of_two_keys_for_one_candidate_the_stored_one_wins,
    two_stores_on_one_place_lose_and_double_nothing,
    a_closed_store_says_so_and_opens_again,
);

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
