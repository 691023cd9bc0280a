//! What lies beside the log and is changed with a request's name.

use super::*;

contract!(
    what_lies_beside_the_log_is_changed_once_with_its_request,
    a_change_that_breaks_off_leaves_no_name,
    a_conflict_beside_the_log_takes_no_others_along,
    a_playbook_goes_in_with_its_request_or_not_at_all,
    keys_of_the_api_are_kept_rolled_and_revoked,
    names_of_requests_go_when_they_are_too_old_and_no_others,
    a_delivery_made_again_while_another_is_settled_is_due,
);

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

async fn names_of_requests_go_when_they_are_too_old_and_no_others(stand: Stand) {
    const HOUR: i64 = 3_600_000_000;
    let (store, now) = (&stand.store, 1_000 * HOUR);
    let name = |hours: i64, nth: usize| format!("{hours} hours, {nth}");
    let names = async |tenant: TenantId, hours: i64, many: usize| {
        let kept = (0..many).map(|nth| {
            store.append(Commit {
                idempotency: Some(IdempotencyRow {
                    recorded_at: now - hours * HOUR,
                    ..request(&name(hours, nth))
                }),
                ..Commit::new(tenant, Uuid::nil(), 0)
            })
        });
        for answer in futures_util::future::join_all(kept).await {
            assert!(matches!(answer, Ok(Appended::Done { .. })), "{answer:?}");
        }
    };
    // More than go at a time.
    for (tenant, many) in [(T, 1100), (OTHER, 3)] {
        names(tenant, 71, 5).await;
        names(tenant, 73, many).await;
    }
    let left = async |tenant: TenantId, hours: i64, nth: usize| {
        let name = name(hours, nth);
        store.idempotent(tenant, name.as_bytes()).await.expect("read").is_some()
    };
    assert_eq!(store.idempotency_purge(now - 73 * HOUR).await.expect("purged"), 0);
    assert_eq!(store.idempotency_purge(now - 72 * HOUR).await.expect("purged"), 1103);
    for (tenant, many) in [(T, 1100), (OTHER, 3)] {
        for nth in [0, many / 2, many - 1] {
            assert!(!left(tenant, 73, nth).await);
        }
        for nth in 0..5 {
            assert!(left(tenant, 71, nth).await);
        }
    }
    assert_eq!(store.idempotency_purge(now - 72 * HOUR).await.expect("purged"), 0);
    // A name that has gone may be used again.
    names(T, 73, 1).await;
    assert!(left(T, 73, 0).await);
}

/// Two facts of one candidate are delivered again, one after the other. Whether the first is over before the second is asked
/// for, after it or meanwhile, the second is due.
async fn a_delivery_made_again_while_another_is_settled_is_due(stand: Stand) {
    let store = &stand.store;
    let [webhook, candidate, holder] = [1, 2, 3].map(Uuid::from_u128);
    let events = [4, 5].map(Uuid::from_u128);
    let fence = store.lease(T, "webhooks", holder, 0, 1000).await.expect("asked");
    let fence = fence.expect("nobody else's");
    let facts = [(1, events[0], candidate), (2, events[1], candidate)];
    store.deliveries_put(T, webhook, &facts).await.expect("put");
    let over = async |positions: &[i64]| {
        let told = (Some(204), 1);
        let settled = store.deliveries_settle(T, webhook, positions, "delivered", told, fence);
        settled.await.expect("settled");
        store
            .deliveries_line_up(T, webhook, &[candidate], 1)
            .await
            .expect("lined up");
    };
    over(&[1, 2]).await;
    for _ in 0..40 {
        let mut again = Vec::new();
        for event in events {
            let row = store.delivery(T, webhook, event).await.expect("read").expect("there");
            again.push(beside(T, Beside::delivery_again(T, webhook, &row, 1)));
        }
        let [first, second] = again.try_into().expect("two");
        done(store, first).await;
        futures_util::future::join(done(store, second), over(&[1])).await;
        let due = store.deliveries_due(T, webhook, 1, 10).await.expect("read");
        assert_eq!(due.iter().map(|it| it.position).collect::<Vec<_>>(), [2]);
        over(&[2]).await;
    }
}
