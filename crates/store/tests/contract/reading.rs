//! Queues, boards, lists and the feed.

use super::*;

contract!(
    the_queue_is_read_by_state_and_page_by_page,
    applications_are_read_with_their_status_of_the_moment,
    rejections_are_read_newest_first,
    candidates_are_found_by_group_and_by_external_id,
    the_feed_is_filtered_and_turned_around,
    a_watcher_is_woken,
);

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
