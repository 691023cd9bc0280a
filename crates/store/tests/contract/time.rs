//! What is due, leases and test clocks.

use super::*;

contract!(
    what_is_due_is_found_in_its_order,
    a_lease_belongs_to_one_until_it_runs_out,
    a_holder_whose_lease_was_taken_over_cannot_write,
    a_test_clock_runs_forward,
);

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
