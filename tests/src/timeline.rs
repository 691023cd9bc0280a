//! The timeline: what happened, in the order in which it happened and in plain sentences, and what lies ahead.

use serde_json::{Value, json};

use crate::{
    client::id,
    harness::World,
    scenes::{Scene, applies},
    stories,
};

stories![
    what_happened_is_told_in_the_order_it_happened,
    what_lies_ahead_follows,
    a_timeline_has_pages,
    an_earlier_moment_is_shown_as_it_was_known,
];

async fn what_happened_is_told_in_the_order_it_happened(world: World) {
    let scene = Scene::interviewed(world).await;
    scene.at("2026-03-06T10:00:00+01:00");
    // Recorded on Friday, happened on Tuesday.
    let promise = json!({"decide_by": "2026-03-13", "occurred_at": "2026-03-03T11:00:00+01:00"});
    scene
        .records(
            &format!("{}/status-enquiries", scene.acme),
            json!({"channel": "phone", "occurred_at": "2026-03-05T10:00:00+01:00"}),
        )
        .await;
    scene.records(&format!("{}/decision-dates", scene.acme), promise).await;
    let timeline = scene.lists(&format!("{}/timeline", scene.acme)).await;
    let (past, ahead): (Vec<_>, Vec<_>) = timeline.iter().partition(|entry| entry["ahead"] == false);
    let types: Vec<_> = past.iter().map(|entry| entry["type"].as_str().unwrap()).collect();
    let expected = [
        "ApplicationOpened",
        "InterviewScheduled",
        "TaskOverdue",
        "TaskOverdue",
        "InterviewHeld",
        "TaskOverdue",
        "DecisionDatePromised",
        "TaskOverdue",
        "TaskOverdue",
        "StatusEnquired",
    ];
    assert_eq!(
        types, expected,
        "Anna's card belongs to Ada, not to Acme; what was done in time was never overdue"
    );
    assert_eq!(past[4]["at"], "2026-03-02T15:00:00+01:00");
    assert!(
        ahead
            .iter()
            .all(|entry| entry["event"].is_null() && entry["ahead"] == true)
    );
    for entry in &timeline {
        let text = entry["text"].as_str().unwrap();
        assert!(
            text.ends_with('.') && text.chars().next().is_some_and(char::is_uppercase),
            "a sentence: {text}"
        );
        assert!(
            !text.contains("_0") && !text.contains("T1"),
            "no ids and no machine's dates: {text}"
        );
    }
    // Judged on what was known when it was recorded: five working days, not yet a promise.
    assert_eq!(past[9]["departures"][0]["opens_at"], "2026-03-09T09:00:00+01:00");
    let all = scene.lists(&format!("{}/timeline", scene.ada)).await;
    assert_eq!(all.iter().filter(|entry| entry["ahead"] == false).count(), 13);
}

async fn what_lies_ahead_follows(world: World) {
    let scene = Scene::invited(world).await;
    let globex = applies(&scene, &scene.ada, "Globex").await;
    scene
        .records(&format!("{globex}/decision-dates"), json!({"decide_by": "2026-03-13"}))
        .await;
    let ahead = async |path: &str| {
        let timeline = scene.lists(&format!("{path}/timeline")).await;
        let ahead = timeline.iter().filter(|entry| entry["ahead"] == true);
        ahead
            .map(|entry| {
                (
                    entry["at"].as_str().unwrap().to_owned(),
                    entry["type"].as_str().unwrap().to_owned(),
                )
            })
            .collect::<Vec<_>>()
    };
    let entry = |at: &str, kind: &str| (at.to_owned(), kind.to_owned());
    let interview = entry("2026-03-02T14:00:00+01:00", "interview");
    let begins = ["bring_questions", "refresh_research"].map(|play| entry("2026-03-02T14:00:00+01:00", play));
    let record = entry("2026-03-02T15:00:00+01:00", "record_interview");
    let decision = entry("2026-03-13T17:00:00+01:00", "decision_date");
    let [bring, read] = begins;
    assert_eq!(
        ahead(&scene.acme).await,
        [interview.clone(), bring, read, record.clone()]
    );
    assert!(ahead(&globex).await.contains(&decision));
    let all = ahead(&scene.ada).await;
    assert!(
        all.is_sorted_by_key(|(at, _)| at) && [&interview, &record, &decision].iter().all(|it| all.contains(it)),
        "{all:?}"
    );
    scene.at("2026-03-02T15:10:00+01:00");
    assert!(!ahead(&scene.acme).await.contains(&interview), "it has passed");
}

async fn a_timeline_has_pages(world: World) {
    let scene = Scene::interviewed(world).await;
    let timeline = format!("{}/timeline", scene.ada);
    let whole = scene.lists(&timeline).await;
    let first = scene.sees(&format!("{timeline}?limit=3")).await;
    // What is written meanwhile does not move the pages.
    applies(&scene, &scene.ada, "Globex").await;
    let cursor = first["next_cursor"].as_str().expect("more");
    let rest = scene.sees(&format!("{timeline}?cursor={cursor}")).await;
    let paged: Vec<Value> = [first, rest]
        .iter()
        .flat_map(|page| page["data"].as_array().unwrap().clone())
        .collect();
    assert_eq!(paged, whole);
}

async fn an_earlier_moment_is_shown_as_it_was_known(world: World) {
    let scene = Scene::invited(world).await;
    let timeline = format!("{}/timeline", scene.acme);
    let before = scene.lists(&timeline).await;
    let then = scene.clock.now();
    scene.at("2026-03-02T15:10:00+01:00");
    scene
        .records(
            &format!("{}/held", scene.interview),
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
        .await;
    assert_eq!(scene.lists(&format!("{timeline}?as_of={then}")).await, before);
    let moment = "2026-03-02T14:30:00+01:00";
    let tasks = scene
        .lists(&format!("{}/tasks?state=waiting,open&as_of={moment}", scene.ada))
        .await;
    assert_eq!(
        (tasks.len(), &tasks[0]["play"], &tasks[0]["state"]),
        (1, &json!("record_interview"), &json!("waiting"))
    );
    scene
        .get(&format!("{timeline}?as_of=2026-03-02T08:00:00+01:00"))
        .await
        .refuses(404, "not_found");
    scene
        .get(&format!("{timeline}?as_of=2026-03-03T08:00:00Z"))
        .await
        .refuses(422, "invalid")
        .names("?as_of");
    assert_eq!(scene.sees(&scene.interview).await["id"], id(&scene.interview));
}
