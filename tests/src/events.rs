//! The feed: every fact once per cursor, in order, with no gap, also while many write; and whoever waits is woken.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use afterword::app::Options;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    client::{Client, id},
    harness::{World, behind},
    scenes::{Scene, applies, registers},
    stories,
};

stories![
    every_fact_is_told_once_and_in_order,
    no_fact_is_missed_while_many_write,
    who_waits_is_woken,
    types_and_candidates_narrow_the_feed,
    the_newest_come_first_when_asked,
    an_erased_fact_keeps_its_place,
    what_the_feed_cannot_be_asked,
];

fn facts(page: &Value) -> Vec<Value> {
    page["data"].as_array().expect("facts").clone()
}

fn cursor(page: &Value) -> String {
    page["next_cursor"].as_str().expect("a cursor is never null").to_owned()
}

async fn every_fact_is_told_once_and_in_order(world: World) {
    let empty = world.sees("/v1/events").await;
    assert!(facts(&empty).is_empty());
    let from_the_first = cursor(&empty);
    let scene = Scene::interviewed(world).await;
    let told = scene.sees("/v1/events").await;
    let types: Vec<_> = facts(&told)
        .iter()
        .map(|fact| fact["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        types,
        [
            "CandidateRegistered",
            "ApplicationOpened",
            "ContactCollected",
            "InterviewScheduled",
            "TaskOverdue",
            "TaskOverdue",
            "TaskOpened",
            "InterviewHeld"
        ]
    );
    assert_eq!(
        facts(&scene.sees(&format!("/v1/events?cursor={from_the_first}")).await),
        facts(&told)
    );
    // What the feed tells is what the recording answered, and what the candidate's own list tells.
    let recorded = scene
        .records(
            &format!("{}/document-requests", scene.acme),
            json!({"document": "references"}),
        )
        .await;
    let next = scene.sees(&format!("/v1/events?cursor={}", cursor(&told))).await;
    assert_eq!(facts(&next), [recorded["event"].clone()]);
    let mut all = facts(&told);
    all.extend(facts(&next));
    assert_eq!(scene.lists(&format!("{}/events", scene.ada)).await, all);
    // At the end the cursor stays good.
    let end = scene.sees(&format!("/v1/events?cursor={}", cursor(&next))).await;
    assert!(facts(&end).is_empty());
    scene
        .records(
            &format!("{}/document-requests", scene.acme),
            json!({"document": "diploma"}),
        )
        .await;
    assert_eq!(
        facts(&scene.sees(&format!("/v1/events?cursor={}", cursor(&end))).await).len(),
        1
    );
}

async fn no_fact_is_missed_while_many_write(world: World) {
    const WRITERS: usize = 32;
    const EACH: usize = 6;
    let mut candidates = Vec::new();
    for nth in 0..8 {
        let candidate = registers(&world, &format!("Candidate {nth}")).await;
        candidates.push(applies(&world, &candidate, "Acme").await);
    }
    let elsewhere = world.another(world.clock.clone(), Options::default());
    let follow = |client: Client| async move {
        let (mut told, mut at) = (Vec::new(), String::new());
        let started = Instant::now();
        while told.len() < 16 + WRITERS * EACH && started.elapsed() < Duration::from_secs(30) {
            let page = client.sees(&format!("/v1/events?limit=7&wait=1{at}")).await;
            at = format!("&cursor={}", cursor(&page));
            told.extend(facts(&page));
        }
        told
    };
    let readers = [behind(follow((*world).clone())), behind(follow(elsewhere.clone()))];
    let writers = (0..WRITERS).map(|nth| {
        let client = if nth % 2 == 0 {
            (*world).clone()
        } else {
            elsewhere.clone()
        };
        let path = format!("{}/document-requests", candidates[nth % candidates.len()]);
        behind(async move {
            for each in 0..EACH {
                client
                    .records(&path, json!({"document": format!("{nth}/{each}")}))
                    .await;
            }
        })
    });
    join_all(writers)
        .await
        .into_iter()
        .for_each(|done| done.expect("written"));
    let mut tellings = Vec::new();
    for reader in readers {
        let told = reader.await.expect("read");
        assert_eq!(told.len(), 16 + WRITERS * EACH);
        let ids: BTreeSet<&str> = told.iter().map(|fact| fact["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), told.len(), "a fact twice");
        let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
        for fact in &told {
            let last = versions.entry(fact["candidate"].as_str().unwrap()).or_default();
            assert_eq!(
                fact["version"].as_u64(),
                Some(*last + 1),
                "a candidate's facts come in order, with no gap"
            );
            *last += 1;
        }
        tellings.push(told);
    }
    assert_eq!(tellings[0], tellings[1], "all readers hear the same in the same order");
    assert_eq!(world.lists_feed().await, tellings[0]);
}

async fn who_waits_is_woken(world: World) {
    let scene = Scene::applied(world).await;
    let elsewhere = scene.another(scene.clock.clone(), Options::default());
    let path = format!("{}/document-requests", scene.acme);
    for client in [(*scene.world).clone(), elsewhere] {
        let from = cursor(&client.sees("/v1/events?cursor=now").await);
        for query in [format!("cursor={from}"), "cursor=now".to_owned()] {
            let from = cursor(&client.sees("/v1/events?cursor=now").await);
            let query = query.replace(
                &query,
                &if query.ends_with("now") {
                    query.clone()
                } else {
                    format!("cursor={from}")
                },
            );
            let reader = client.clone();
            let waiting = behind(async move { reader.sees(&format!("/v1/events?{query}&wait=30")).await });
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(!waiting.is_finished(), "there is nothing to tell yet");
            let recorded = scene.records(&path, json!({"document": "references"})).await;
            let at = Instant::now();
            let page = waiting.await.expect("told");
            assert!(at.elapsed() < Duration::from_secs(1), "woken after {:?}", at.elapsed());
            assert_eq!(facts(&page), [recorded["event"].clone()]);
        }
    }
    // Nothing happens: the answer comes when the waiting is over.
    let at = Instant::now();
    let page = scene.sees("/v1/events?cursor=now&wait=1").await;
    assert!(facts(&page).is_empty() && !cursor(&page).is_empty());
    assert!((Duration::from_millis(900)..Duration::from_secs(3)).contains(&at.elapsed()));
    // Without waiting it comes at once, and with something to tell too.
    let at = Instant::now();
    scene.sees("/v1/events?cursor=now").await;
    assert!(!facts(&scene.sees("/v1/events?wait=30").await).is_empty());
    assert!(at.elapsed() < Duration::from_secs(2));
}

async fn types_and_candidates_narrow_the_feed(world: World) {
    let scene = Scene::interviewed(world).await;
    let grace = registers(&scene, "Grace Hopper").await;
    let firm = applies(&scene, &grace, "Bolt").await;
    let types = |page: &Value| {
        facts(page)
            .iter()
            .map(|fact| fact["type"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let page = scene
        .sees("/v1/events?types=ApplicationOpened,CandidateRegistered")
        .await;
    assert_eq!(
        types(&page),
        [
            "CandidateRegistered",
            "ApplicationOpened",
            "CandidateRegistered",
            "ApplicationOpened"
        ]
    );
    let grace_only = format!("/v1/events?candidate={}", id(&grace));
    assert_eq!(
        types(&scene.sees(&grace_only).await),
        ["CandidateRegistered", "ApplicationOpened"]
    );
    assert_eq!(
        types(&scene.sees(&format!("{grace_only}&types=ApplicationOpened")).await),
        ["ApplicationOpened"]
    );
    // What is narrowed is told once as well, however much passes by in between.
    let sent = "/v1/events?types=DocumentSent";
    let mut at = cursor(&scene.sees(sent).await);
    let request = scene
        .makes(&format!("{firm}/document-requests"), json!({"document": "references"}))
        .await;
    for _ in 0..3 {
        let page = scene.sees(&format!("{sent}&cursor={at}")).await;
        assert!(facts(&page).is_empty());
        at = cursor(&page);
        scene
            .records(&format!("{firm}/document-requests"), json!({"document": "diploma"}))
            .await;
    }
    scene
        .records(&format!("{request}/sent"), json!({"channel": "email"}))
        .await;
    let page = scene.sees(&format!("{sent}&cursor={at}&wait=5")).await;
    assert_eq!(types(&page), ["DocumentSent"]);
    assert!(facts(&scene.sees(&format!("{sent}&cursor={}", cursor(&page))).await).is_empty());
}

async fn the_newest_come_first_when_asked(world: World) {
    let scene = Scene::interviewed(world).await;
    let mut all = scene.lists_feed().await;
    all.reverse();
    let (mut told, mut at) = (Vec::new(), String::new());
    for nth in 0.. {
        let page = scene.sees(&format!("/v1/events?order=desc&limit=2{at}")).await;
        if facts(&page).is_empty() {
            break;
        }
        told.extend(facts(&page));
        at = format!("&cursor={}", cursor(&page));
        if nth == 0 {
            scene
                .records(
                    &format!("{}/document-requests", scene.acme),
                    json!({"document": "references"}),
                )
                .await;
        }
    }
    assert_eq!(told, all);
    assert_eq!(
        facts(&scene.sees("/v1/events?order=desc&limit=1").await)[0]["type"],
        "DocumentRequested"
    );
    let asc = cursor(&scene.sees("/v1/events?limit=1").await);
    scene
        .get(&format!("/v1/events?order=desc&cursor={asc}"))
        .await
        .refuses(422, "invalid")
        .names("?cursor");
}

async fn an_erased_fact_keeps_its_place(world: World) {
    let scene = Scene::interviewed(world).await;
    let before = scene.lists_feed().await;
    scene.delete(&scene.ada).await.is(200);
    let after = scene.lists_feed().await;
    assert_eq!(after.len(), before.len() + 1);
    for (then, now) in before.iter().zip(&after) {
        assert_eq!(
            (&now["type"], &now["data"]),
            (&json!("FactErased"), &Value::Null),
            "{now}"
        );
        for name in ["id", "candidate", "version", "subject", "occurred_at", "recorded_at"] {
            assert_eq!(now[name], then[name]);
        }
    }
    assert_eq!(after.last().unwrap()["type"], "CandidateErased");
    // Types are those that are shown.
    assert_eq!(
        facts(&scene.sees("/v1/events?types=FactErased").await).len(),
        before.len()
    );
    assert_eq!(facts(&scene.sees("/v1/events?types=CandidateErased").await).len(), 1);
    assert!(facts(&scene.sees("/v1/events?types=InterviewHeld").await).is_empty());
    assert_eq!(
        facts(
            &scene
                .sees("/v1/events?types=InterviewHeld,FactErased,CandidateErased")
                .await
        )
        .len(),
        after.len()
    );
}

async fn what_the_feed_cannot_be_asked(world: World) {
    for (query, name) in [
        ("wait=61", "?wait"),
        ("wait=-1", "?wait"),
        ("wait=x", "?wait"),
        ("limit=0", "?limit"),
        ("limit=101", "?limit"),
        ("types=Nonsense", "?types"),
        ("types=", "?types"),
        ("types=InterviewHeld,,NoteSent", "?types"),
        ("order=up", "?order"),
        ("candidate=ada", "?candidate"),
        ("cursor=later", "?cursor"),
        ("since=1", "?since"),
        ("limit=1&limit=2", "?limit"),
    ] {
        world
            .get(&format!("/v1/events?{query}"))
            .await
            .refuses(422, "invalid")
            .names(name);
    }
}
