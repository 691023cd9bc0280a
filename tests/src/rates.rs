//! Where the operator limits how often a key may ask, every answer tells what is left, and who asks too often is told
//! how long to wait.

use afterword::app::Options;
use serde_json::json;

use crate::{harness::World, stories};

stories![a_key_asks_as_often_as_it_may, without_a_limit_nothing_is_said_of_one];

async fn a_key_asks_as_often_as_it_may(world: World) {
    let limited = world.another(
        world.clock.clone(),
        Options {
            rate: Some("3/h".parse().unwrap()),
            ..Options::default()
        },
    );
    for left in ["2", "1", "0"] {
        let answer = limited.get("/v1/candidates").await;
        assert_eq!(answer.is(200).header("ratelimit-policy"), "\"default\";q=3;w=3600");
        assert!(
            answer
                .header("ratelimit")
                .starts_with(&format!("\"default\";r={left};t=")),
            "{answer}"
        );
    }
    let registration = json!({"name": "Ada Lovelace", "time_zone": "UTC"});
    let refused = limited.post("/v1/candidates", registration.clone()).await;
    let wait: u64 = refused
        .refuses(429, "rate_limited")
        .header("retry-after")
        .parse()
        .expect("seconds");
    assert!((1..=1200).contains(&wait), "{refused}");
    assert!(refused.header("ratelimit").contains(";r=0;"), "{refused}");
    assert!(world.lists("/v1/candidates").await.is_empty());
    // Another key has its own allowance; pages without a key have none.
    let other = world.client("candidates:write", None, None).await;
    let other = limited.with_key(other.key());
    other.post("/v1/candidates", registration).await.is(201);
    for _ in 0..5 {
        limited.get("/healthz").await.is(200);
    }
}

async fn without_a_limit_nothing_is_said_of_one(world: World) {
    let answer = world.get("/v1/candidates").await;
    assert_eq!(
        (
            answer.is(200).maybe_header("ratelimit"),
            answer.maybe_header("ratelimit-policy")
        ),
        (None, None)
    );
}
