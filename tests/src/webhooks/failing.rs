//! Receivers that fail, hang, send elsewhere, want to be left alone, are gone, or are down for days; and instances that die.

use std::time::{Duration, Instant};

use afterword::{edge::clock::Clock, outgoing::Outgoing, service::Service, webhooks::worker::WebhookWorker};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Message, Receiver, Reply, Stage, ids, told};
use crate::{
    client::id,
    harness::{BEGINNING, Kind, World, behind, moment, open, options},
    scenes::{applies, registers},
    stories,
};

stories![
    a_failing_delivery_holds_back_its_candidate_alone,
    a_delivery_is_given_up_after_75_hours_and_the_next_goes_out,
    a_receiver_that_is_down_for_days_is_told_all_when_it_is_back,
    five_failing_days_disable_a_webhook,
    who_is_gone_is_disabled_at_once,
    a_redirect_is_a_failure_and_is_not_followed,
    a_receiver_may_ask_for_a_pause,
    a_receiver_that_hangs_holds_up_nobody,
    a_worker_that_runs_sends_at_once,
];

async fn a_failing_delivery_holds_back_its_candidate_alone(world: World) {
    let stage = Stage::new(world).await;
    let receiver = Receiver::new().await;
    let ada = id(&stage.ada).to_owned();
    let failing = ada.clone();
    receiver.answers(move |message| Reply::Status(if message.candidate() == failing { 500 } else { 200 }));
    let (webhook, _) = stage.told(&receiver, json!({})).await;
    let grace = registers(&stage, "Grace Hopper").await;
    let firm = applies(&stage, &grace, "Bolt").await;
    let mut of_ada = Vec::new();
    for nth in 0..3 {
        of_ada.push(stage.asks_for(&nth.to_string()).await);
        let path = format!("{firm}/document-requests");
        stage.records(&path, json!({"document": nth.to_string()})).await;
    }
    let next = stage.round().await.expect("a next attempt");
    let heard = receiver.heard();
    let about = |heard: &[Message], whom: &str| heard.iter().filter(|it| it.candidate() == whom).count();
    assert_eq!(about(&heard, id(&grace)), 5);
    assert_eq!(about(&heard, &ada), 1, "the first alone is tried");
    let pause = next.duration_since(stage.clock.now());
    assert!(
        SignedDuration::from_secs(5) <= pause && pause <= SignedDuration::from_millis(5500),
        "{pause:?}"
    );
    let pending = stage.deliveries(&webhook, "?state=pending").await;
    assert_eq!(pending.len(), 3);
    assert_eq!(
        (&pending[0]["attempts"], &pending[0]["status"]),
        (&json!(1), &json!(500))
    );
    assert_eq!(
        (&pending[1]["attempts"], &pending[1]["next_attempt_at"]),
        (&json!(0), &Value::Null)
    );
    // Before its time it is not tried again; others go on.
    stage.passes(2);
    let path = format!("{firm}/document-requests");
    stage.records(&path, json!({"document": "more"})).await;
    stage.round().await;
    assert_eq!(receiver.heard().len(), 1);
    assert_eq!(
        stage.hooks.sees(&webhook).await["failing_since"],
        Value::Null,
        "others are told"
    );
    receiver.answers(|_| Reply::Status(200));
    stage.passes(4);
    assert_eq!(stage.round().await, None);
    let heard = receiver.heard();
    assert_eq!(ids(&heard), told(&of_ada), "in order");
}

async fn a_delivery_is_given_up_after_75_hours_and_the_next_goes_out(world: World) {
    let stage = Stage::new(world).await;
    let receiver = Receiver::new().await;
    let (webhook, _) = stage.told(&receiver, json!({"types": ["DocumentRequested"]})).await;
    let poison = stage.asks_for("poison").await;
    let fine = stage.asks_for("fine").await;
    let poisonous = poison["id"].as_str().unwrap().to_owned();
    receiver.answers(move |message| Reply::Status(if message.event() == poisonous { 500 } else { 200 }));
    let began = stage.clock.now();
    let mut attempts = 0;
    loop {
        let next = stage.round().await;
        attempts += receiver.heard().iter().filter(|it| it.event() == poison["id"]).count();
        let Some(next) = next else { break };
        stage.clock.advance(next.duration_since(stage.clock.now()));
    }
    assert_eq!(attempts, 10);
    let hours = stage.clock.now().duration_since(began).as_secs_f64() / 3600.0;
    assert!((75.0..84.0).contains(&hours), "{hours}");
    let deliveries = stage.deliveries(&webhook, "").await;
    assert_eq!(
        (&deliveries[0]["state"], &deliveries[0]["attempts"]),
        (&json!("failed"), &json!(10))
    );
    assert_eq!(
        (&deliveries[1]["state"], &deliveries[1]["event"]),
        (&json!("delivered"), &fine["id"])
    );
    assert_eq!(stage.deliveries(&webhook, "?state=failed").await.len(), 1);
    assert_eq!(stage.hooks.sees(&webhook).await["state"], "enabled");
    // Mended, it is sent once more when somebody asks.
    receiver.answers(|_| Reply::Status(200));
    let path = format!(
        "{webhook}/deliveries/{}/redelivered",
        deliveries[0]["id"].as_str().unwrap()
    );
    stage.hooks.post(&path, json!({})).await.is(200);
    stage.round().await;
    assert_eq!(ids(&receiver.heard()), [poison["id"].as_str().unwrap()]);
    assert_eq!(stage.deliveries(&webhook, "?state=delivered").await.len(), 2);
}

async fn a_receiver_that_is_down_for_days_is_told_all_when_it_is_back(world: World) {
    let stage = Stage::new(world).await;
    let receiver = Receiver::new().await;
    receiver.answers(|_| Reply::Status(503));
    stage.told(&receiver, json!({"types": ["DocumentRequested"]})).await;
    let mut facts = Vec::new();
    for day in 0..3 {
        for nth in 0..4 {
            facts.push(stage.asks_for(&format!("{day}/{nth}")).await);
        }
        stage.round().await;
        stage.passes(24 * 3600);
    }
    receiver.heard();
    receiver.answers(|_| Reply::Status(200));
    stage.passes(24 * 3600);
    assert_eq!(stage.round().await, None);
    assert_eq!(ids(&receiver.heard()), told(&facts));
}

async fn five_failing_days_disable_a_webhook(world: World) {
    let stage = Stage::new(world).await;
    let receiver = Receiver::new().await;
    receiver.answers(|_| Reply::Status(500));
    let (webhook, _) = stage.told(&receiver, json!({"types": ["DocumentRequested"]})).await;
    let began = stage.clock.now();
    let mut facts = Vec::new();
    for day in 0..6 {
        facts.push(stage.asks_for(&day.to_string()).await);
        stage.round().await;
        let shown = stage.hooks.sees(&webhook).await;
        let failing: Timestamp = shown["failing_since"]
            .as_str()
            .expect("since when")
            .parse()
            .expect("a moment");
        assert_eq!(failing, began);
        let (state, reason) = if day < 5 {
            ("enabled", Value::Null)
        } else {
            ("disabled", json!("failing"))
        };
        assert_eq!(
            (&shown["state"], &shown["disabled_reason"]),
            (&json!(state), &reason),
            "day {day}"
        );
        stage.passes(24 * 3600);
    }
    receiver.heard();
    receiver.answers(|_| Reply::Status(200));
    facts.push(stage.asks_for("while disabled").await);
    stage.round().await;
    assert!(receiver.heard().is_empty(), "it is told nothing");
    // Enabled, it goes on where it stopped.
    let enabled = stage.hooks.patch(&webhook, json!({"state": "enabled"})).await;
    assert_eq!(
        (&enabled.is(200)["state"], &enabled["failing_since"]),
        (&json!("enabled"), &Value::Null)
    );
    stage.round().await;
    let heard = receiver.heard();
    let told_last = told(&facts);
    let last = ids(&heard);
    assert!(told_last.ends_with(&last[..]) && last.len() >= 3, "{last:?}");
    // What was given up before is listed; nothing is lost between.
    let failed = stage.deliveries(&webhook, "?state=failed").await.len();
    assert_eq!(failed + last.len(), facts.len());
}

async fn who_is_gone_is_disabled_at_once(world: World) {
    let stage = Stage::new(world).await;
    let receiver = Receiver::new().await;
    receiver.answers(|_| Reply::Status(410));
    let (webhook, _) = stage.told(&receiver, json!({})).await;
    let facts = [stage.asks_for("one").await, stage.asks_for("two").await];
    stage.round().await;
    assert_eq!(receiver.heard().len(), 1);
    let shown = stage.hooks.sees(&webhook).await;
    assert_eq!(
        (&shown["state"], &shown["disabled_reason"]),
        (&json!("disabled"), &json!("gone"))
    );
    receiver.answers(|_| Reply::Status(200));
    stage.passes(3600);
    stage.round().await;
    assert!(receiver.heard().is_empty());
    stage.hooks.patch(&webhook, json!({"state": "enabled"})).await.is(200);
    stage.round().await;
    assert_eq!(ids(&receiver.heard()), told(&facts));
}

async fn a_redirect_is_a_failure_and_is_not_followed(world: World) {
    let stage = Stage::new(world).await;
    let (receiver, elsewhere) = (Receiver::new().await, Receiver::new().await);
    let location: &'static str = format!("location: {}\r\n", elsewhere.url).leak();
    let (webhook, _) = stage.told(&receiver, json!({})).await;
    for status in [301, 302, 307, 308] {
        receiver.answers(move |_| Reply::With(status, location));
        stage.asks_for("references").await;
        stage.round().await;
        let delivery = &stage.deliveries(&webhook, "?state=pending").await[0];
        assert_eq!(
            (&delivery["status"], &delivery["state"]),
            (&json!(status), &json!("pending"))
        );
        stage.passes(3600 * 3);
    }
    assert!(elsewhere.heard().is_empty());
}

async fn a_receiver_may_ask_for_a_pause(world: World) {
    let stage = Stage::new(world).await;
    let receiver = Receiver::new().await;
    receiver.answers(|_| Reply::With(429, "retry-after: 3600\r\n"));
    let (webhook, _) = stage.told(&receiver, json!({})).await;
    stage.asks_for("references").await;
    let next = stage.round().await.expect("a next attempt");
    assert_eq!(next.duration_since(stage.clock.now()), SignedDuration::from_hours(1));
    receiver.heard();
    // Others are left alone too: it is the receiver who is overloaded.
    registers(&stage, "Grace Hopper").await;
    stage.passes(1800);
    stage.round().await;
    assert!(receiver.heard().is_empty());
    receiver.answers(|_| Reply::Status(200));
    stage.passes(1801);
    stage.round().await;
    assert_eq!(receiver.heard().len(), 2);
    // An endless pause is not granted.
    receiver.answers(|_| Reply::With(503, "retry-after: 99999999\r\n"));
    stage.asks_for("diploma").await;
    let next = stage.round().await.expect("a next attempt");
    assert_eq!(next.duration_since(stage.clock.now()), SignedDuration::from_hours(24));
    assert_eq!(stage.hooks.sees(&webhook).await["state"], "enabled");
}

async fn a_receiver_that_hangs_holds_up_nobody(world: World) {
    let stage = Stage::new(world).await;
    let (hanging, prompt) = (Receiver::new().await, Receiver::new().await);
    let ada = id(&stage.ada).to_owned();
    hanging.answers(move |message| {
        if message.candidate() == ada {
            Reply::Hang
        } else {
            Reply::Status(200)
        }
    });
    let (webhook, _) = stage.told(&hanging, json!({})).await;
    stage.told(&prompt, json!({})).await;
    stage.asks_for("references").await;
    let grace = registers(&stage, "Grace Hopper").await;
    let worker = stage.worker.clone();
    let tenant = stage.tenant;
    let began = Instant::now();
    let round = behind(async move { worker.round(tenant).await });
    let (mut of_grace, mut others) = (0, 0);
    while (of_grace, others) != (1, 2) && began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        of_grace += hanging.heard().iter().filter(|it| it.candidate() == id(&grace)).count();
        others += prompt.heard().len();
    }
    assert_eq!((of_grace, others), (1, 2), "told while the other hangs");
    assert!(began.elapsed() < Duration::from_secs(5));
    round.await.expect("done").expect("the store answers");
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "given up after {:?}",
        began.elapsed()
    );
    let delivery = &stage.deliveries(&webhook, "?state=pending").await[0];
    assert_eq!(
        (&delivery["error"], &delivery["status"]),
        (&json!("timeout"), &Value::Null)
    );
}

async fn a_worker_that_runs_sends_at_once(world: World) {
    // It looks at every tenant of its store, so that it has one of its own.
    let options = options(world.kind).await.expect("a place");
    let store = open(options.clone()).await;
    let stage = Stage::new(World::new(world.kind, options, store, world.clock.clone()).await).await;
    let receiver = Receiver::new().await;
    let running = behind(stage.worker.clone().run());
    let (webhook, _) = stage.told(&receiver, json!({})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let waits = async |count: usize| {
        let began = Instant::now();
        let mut heard = Vec::new();
        while heard.len() < count && began.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            heard.extend(receiver.heard());
        }
        assert_eq!(heard.len(), count);
        began.elapsed()
    };
    stage.asks_for("references").await;
    let took = waits(1).await;
    assert!(took < Duration::from_secs(4), "after {took:?}");
    // Asked for, something is done at once too.
    let deliveries = stage.deliveries(&webhook, "").await;
    let path = format!(
        "{webhook}/deliveries/{}/redelivered",
        deliveries[0]["id"].as_str().unwrap()
    );
    stage.hooks.post(&path, json!({})).await.is(200);
    waits(1).await;
    stage.service.stop_waiting();
    tokio::time::timeout(Duration::from_secs(5), running)
        .await
        .expect("it stops")
        .expect("whole");
}

/// Of two instances, one dies while it waits for an answer; the other takes its webhooks over and tells all of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_dead_instances_webhooks_are_taken_over() {
    let Some(options) = options(Kind::Postgres).await else {
        return;
    };
    let clock = Clock::fixed(moment(BEGINNING));
    let (store, second) = (open(options.clone()).await, open(options.clone()).await);
    let stage = Stage::new(World::new(Kind::Postgres, options, store, clock.clone()).await).await;
    let other = WebhookWorker::new(&Service::new(second, clock).reaching(Outgoing::new(true)));
    let receiver = Receiver::new().await;
    let (webhook, _) = stage.told(&receiver, json!({})).await;
    receiver.answers(|_| Reply::Hang);
    let mut facts = Vec::new();
    for nth in 0..5 {
        facts.push(stage.asks_for(&nth.to_string()).await);
    }
    let (worker, tenant) = (stage.worker.clone(), stage.tenant);
    let doomed = behind(async move { worker.round(tenant).await });
    while receiver.heard().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let round = async |worker: &WebhookWorker| {
        let worker = worker.clone();
        behind(async move { worker.round(tenant).await })
            .await
            .expect("done")
            .expect("the store answers")
    };
    receiver.answers(|_| Reply::Status(200));
    round(&other).await;
    assert!(receiver.heard().is_empty(), "the lease is the first one's");
    doomed.abort();
    stage.passes(16);
    round(&other).await;
    assert_eq!(
        ids(&receiver.heard()),
        told(&facts),
        "the first a second time, and in order"
    );
    assert_eq!(stage.deliveries(&webhook, "?state=delivered").await.len(), 5);
    // The first one, were it only slow, has the lease no more.
    stage.asks_for("more").await;
    round(&stage.worker).await;
    assert!(receiver.heard().is_empty());
    round(&other).await;
    assert_eq!(receiver.heard().len(), 1);
}
