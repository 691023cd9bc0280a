//! A tenant keeps candidates for so long, and then they are erased by themselves: at that moment, if nobody told anything of
//! them meanwhile.

use afterword_store::{RetentionRow, Told};
use jiff::SignedDuration;
use serde_json::json;

use crate::{
    client::id,
    harness::{World, behind, verify},
    scenes::{Scene, registers},
    stories,
};

stories![
    whoever_was_silent_for_long_is_erased,
    without_a_period_nobody_is,
    a_test_clock_erases_at_the_very_moment,
];

async fn keeps(world: &World, version: i64, period: Option<&str>) {
    let row = RetentionRow {
        version,
        period: period.map(ToOwned::to_owned),
        recorded_at: world.clock.now().as_microsecond(),
        recorded_by: "operator".to_owned(),
    };
    let (store, tenant) = (world.store.clone(), world.tenant);
    let put = behind(async move { store.retention_put(tenant, &row).await });
    assert!(put.await.expect("done").expect("the store answers"));
}

async fn whoever_was_silent_for_long_is_erased(world: World) {
    let scene = Scene::interviewed(world).await;
    keeps(&scene, 1, Some("P2Y")).await;
    let grace = registers(&scene, "Grace Hopper").await;
    scene.time_is_looked_at().await;
    scene.at("2028-01-01T09:00:00+01:00");
    // What the clock itself announces tells nothing of anybody.
    scene.time_is_looked_at().await;
    scene
        .patch(&grace, json!({"name": "Grace Brewster Hopper"}))
        .await
        .is(200);
    scene.at("2028-03-02T15:00:00+01:00");
    scene.time_is_looked_at().await;
    scene.get(&scene.ada).await.is(200);
    scene.at("2028-03-02T15:30:00+01:00");
    scene.time_is_looked_at().await;
    let gone = scene.get(&scene.ada).await;
    gone.refuses(410, "candidate_erased");
    assert_eq!(gone["receipt"]["erased_at"], "2028-03-02T14:30:00Z");
    assert_eq!(gone["receipt"]["keys_gone_by"], "2028-03-09T14:30:00Z");
    let facts = scene.lists_feed().await;
    let erased = facts
        .iter()
        .find(|fact| fact["type"] == "CandidateErased")
        .expect("a fact");
    assert_eq!(
        (&erased["recorded_by"], &erased["candidate"]),
        (&json!("clock"), &json!(id(&scene.ada)))
    );
    assert!(!json!(facts).to_string().contains("Lovelace"));
    scene.get(&grace).await.is(200);
    // A longer period is in time for whoever is still there.
    keeps(&scene, 2, Some("P10Y")).await;
    scene.at("2031-01-01T09:00:00+01:00");
    scene.time_is_looked_at().await;
    scene.get(&grace).await.is(200);
}

async fn without_a_period_nobody_is(world: World) {
    let scene = Scene::interviewed(world).await;
    scene.at("2040-01-01T09:00:00+01:00");
    scene.time_is_looked_at().await;
    scene.get(&scene.ada).await.is(200);
    keeps(&scene, 1, Some("P30D")).await;
    keeps(&scene, 2, None).await;
    scene.time_is_looked_at().await;
    scene.get(&scene.ada).await.is(200);
}

async fn a_test_clock_erases_at_the_very_moment(world: World) {
    let world = world.on_a_test_clock().await;
    let ada = registers(&world, "Ada Lovelace").await;
    keeps(&world, 1, Some("P30D")).await;
    let moved = json!({"to": "2026-03-10T09:00:00+01:00"});
    world.post("/v1/test-clock/advanced", moved).await.is(200);
    let grace = registers(&world, "Grace Hopper").await;
    let next = world.post("/v1/test-clock/advanced", json!({"to_next": true})).await;
    assert_eq!(next.is(200)["now"], "2026-04-01T08:00:00Z", "{next}");
    assert_eq!(next["next"], "2026-04-09T08:00:00Z");
    assert_eq!(
        world.get(&ada).await.refuses(410, "candidate_erased")["receipt"]["erased_at"],
        "2026-04-01T08:00:00Z"
    );
    world.get(&grace).await.is(200);
    let far = json!({"to": "2027-01-01T09:00:00+01:00"});
    assert_eq!(
        world.post("/v1/test-clock/advanced", far).await.is(200)["next"],
        json!(null)
    );
    let gone = world.get(&grace).await;
    assert_eq!(
        gone.refuses(410, "candidate_erased")["receipt"]["erased_at"],
        "2026-04-09T08:00:00Z"
    );
    // The worker leaves the tenant alone, and has nothing to do.
    world.clock.advance(SignedDuration::from_hours(24));
    world.time_is_looked_at().await;
    assert_eq!(verify(&world.store, world.tenant).await, Vec::<Told>::new());
}
