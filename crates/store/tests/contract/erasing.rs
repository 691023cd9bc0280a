//! What is erased, and what is rewritten.

use super::*;

contract!(
    an_erased_candidate_leaves_its_places_and_nothing_else,
    an_erasure_cut_short_is_finished_at_the_next_start,
    a_redacted_payload_is_rewritten_in_place,
);

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
