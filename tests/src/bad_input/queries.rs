//! Queries: strict, and each cursor of its own.

use serde_json::json;

use super::{ada, records_nothing};
use crate::{
    harness::World,
    scenes::{Scene, registers},
    stories,
};

stories![a_query_is_read_strictly, a_cursor_is_of_its_query_and_tenant,];

async fn a_query_is_read_strictly(world: World) {
    let scene = Scene::invited(world).await;
    let lists = [
        "/v1/candidates".to_owned(),
        "/v1/tasks".to_owned(),
        "/v1/applications".to_owned(),
        "/v1/rejections".to_owned(),
        "/v1/events".to_owned(),
        format!("{}/tasks", scene.ada),
        format!("{}/timeline", scene.ada),
        format!("{}/contacts", scene.ada),
    ];
    for list in &lists {
        for limit in ["0", "101", "-1", "1.5", "ten", "99999999999999999999", "%20", "1e1"] {
            scene
                .get(&format!("{list}?limit={limit}"))
                .await
                .refuses(422, "invalid")
                .names("?limit");
        }
        scene
            .get(&format!("{list}?limit=1&limit=2"))
            .await
            .refuses(422, "invalid")
            .names("?limit");
        scene
            .get(&format!("{list}?limit="))
            .await
            .refuses(422, "invalid")
            .names("?limit");
        scene
            .get(&format!("{list}?limti=5"))
            .await
            .refuses(422, "invalid")
            .names("?limti");
        scene
            .get(&format!("{list}?cursor=abc"))
            .await
            .refuses(422, "invalid")
            .names("?cursor");
        scene.get(&format!("{list}?limit=100")).await.is(200);
    }
    for (query, pointer) in [
        ("/v1/tasks?snoozed=yes", "?snoozed"),
        ("/v1/tasks?candidate=Ada", "?candidate"),
        ("/v1/tasks?application=cnd_x", "?application"),
        ("/v1/tasks?state=open,closed", "?state"),
        ("/v1/tasks?due_before=2026-03-02", "?due_before"),
        ("/v1/tasks?as_of=2026-03-01T10:00:00Z", "?as_of"),
        ("/v1/applications?status=lost", "?status"),
        ("/v1/rejections?stage=sad", "?stage"),
        ("/v1/events?types=InterviewHold", "?types"),
        ("/v1/events?wait=61", "?wait"),
        ("/v1/events?wait=-1", "?wait"),
        ("/v1/events?order=random", "?order"),
        ("/v1/candidates?name=Ada", "?name"),
    ] {
        scene.get(query).await.refuses(422, "invalid").names(pointer);
    }
    for (query, pointer) in [
        ("as_of=2026-03-02T10:00:00", "?as_of"),
        ("as_of=yesterday", "?as_of"),
        ("limit=1", "?limit"),
        ("x", "?x"),
    ] {
        scene
            .get(&format!("{}?{query}", scene.ada))
            .await
            .refuses(422, "invalid")
            .names(pointer);
    }
    records_nothing(&scene, async || {
        scene
            .post("/v1/candidates?dry_run=true", ada("phone", json!("1")))
            .await
            .refuses(422, "invalid")
            .names("?dry_run");
        scene
            .delete(&format!("{}?force=true", scene.ada))
            .await
            .refuses(422, "invalid")
            .names("?force");
    })
    .await;
}

async fn a_cursor_is_of_its_query_and_tenant(world: World) {
    for name in ["Ada", "Grace", "Alan"] {
        registers(&world, name).await;
    }
    let page = world.sees("/v1/candidates?limit=1").await;
    let cursor = page["next_cursor"].as_str().expect("more").to_owned();
    world.sees(&format!("/v1/candidates?limit=2&cursor={cursor}")).await;
    let events = world.sees("/v1/events?limit=1").await["next_cursor"]
        .as_str()
        .expect("always")
        .to_owned();
    let forged = format!("{}{}", if cursor.starts_with('A') { "B" } else { "A" }, &cursor[1..]);
    for path in [
        format!("/v1/candidates?group=spring&cursor={cursor}"),
        format!("/v1/tasks?cursor={cursor}"),
        format!("/v1/events?cursor={cursor}"),
        format!("/v1/candidates?cursor={events}"),
        format!("/v1/events?types=InterviewHeld&cursor={events}"),
        format!("/v1/candidates?cursor={forged}"),
        format!("/v1/candidates?cursor={}", &cursor[..cursor.len() - 4]),
        format!("/v1/candidates?cursor={cursor}{cursor}"),
        "/v1/candidates?cursor=now".to_owned(),
    ] {
        world.get(&path).await.refuses(422, "invalid").names("?cursor");
    }
    let stranger = World::new(
        world.kind,
        world.options.clone(),
        world.store.clone(),
        world.clock.clone(),
    )
    .await;
    stranger
        .get(&format!("/v1/candidates?limit=1&cursor={cursor}"))
        .await
        .refuses(422, "invalid")
        .names("?cursor");
    stranger
        .get(&format!("/v1/events?limit=1&cursor={events}"))
        .await
        .refuses(422, "invalid")
        .names("?cursor");
}
