//! What goes into the log, and in which order.

use super::*;

contract!(
    what_is_appended_is_read_back_as_it_was,
    positions_have_no_gap_however_many_write_at_once,
    a_stale_commit_does_not_hold_up_its_batch,
    commits_on_one_candidate_follow_each_other_within_a_batch,
    a_request_is_answered_once,
    an_idempotency_row_may_go_in_alone,
    an_event_id_is_taken_once,
    an_external_id_belongs_to_one_candidate,
    a_rebuild_replaces_the_rows_of_one_candidate,
    a_task_taken_to_be_new_is_written_over_where_it_is_not,
);

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

async fn an_event_id_is_taken_once(stand: Stand) {
    let (store, candidate) = (&stand.store, id());
    let first = new(candidate);
    let event_id = first.events[0].event_id;
    done(store, first.clone()).await;
    let again = Commit {
        events: vec![event("A"), first.events[0].clone()],
        ..new(id())
    };
    let taken = Taken {
        event_id,
        candidate,
        version: 1,
    };
    let taken = Appended::IdsTaken(vec![taken]);
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
        .filter(|answer| matches!(answer, Ok(Appended::IdsTaken(_))))
        .count();
    assert_eq!((fine, taken), (1, 1));
    let twice = event("Twice");
    let within = Commit {
        events: vec![twice.clone(), twice],
        ..new(id())
    };
    assert!(matches!(store.append(within).await, Ok(Appended::IdsTaken(_))));
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
