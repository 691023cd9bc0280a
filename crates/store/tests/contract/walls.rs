//! Tenants do not see each other.

use super::*;

contract!(tenants_are_walls,);

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
