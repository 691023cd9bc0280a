use serde_json::json;

use crate::{given::Story, play::State};

/// Acme announced the next round on Tuesday, 3 March, for the 12th.
fn announced() -> Story {
    Story::interviewed().at("2026-03-03 10:00").records(
        "NextRoundAnnounced nxt_two in app_acme",
        json!({"expected_on": "2026-03-12", "format": "onsite", "said_by": "con_anna",
            "outline": [{"item": "A case study"}, {"item": "Two samples of work", "due_on": "2026-03-06"}]}),
    )
}

#[test]
fn the_next_round_is_asked_about_within_a_day() {
    let story = Story::interviewed();
    let due = "2026-03-03T15:00:00+01:00".to_owned();
    assert_eq!(story.dates("ask_next_round").1, due);
    let asked = story.clone().records(
        "NextRoundAsked nrq_one in app_acme",
        json!({"channel": "phone", "contact": "con_anna"}),
    );
    assert_eq!(asked.state("ask_next_round"), State::Done);
    assert_eq!(announced().state("ask_next_round"), State::Done);
    let scheduled = story.schedules(
        "int_two in app_acme",
        "2026-03-09T14:00:00+01:00",
        "2026-03-09T15:00:00+01:00",
    );
    assert_eq!(scheduled.state("ask_next_round"), State::Done);
}

#[test]
fn a_round_that_was_held_asks_for_the_one_after_it() {
    let story = announced()
        .schedules(
            "int_two in app_acme",
            "2026-03-12T14:00:00+01:00",
            "2026-03-12T15:00:00+01:00",
        )
        .at("2026-03-12 15:10")
        .records(
            "InterviewHeld of int_two",
            json!({"ended_at": "2026-03-12T15:00:00+01:00"}),
        );
    assert_eq!(story.state("ask_next_round"), State::Open);
    assert_eq!(story.dates("ask_next_round").1, "2026-03-13T15:00:00+01:00");
}

#[test]
fn an_item_is_prepared_by_its_own_day_else_on_the_day_before_the_round() {
    let story = announced();
    let due: Vec<_> = story
        .tasks("prepare_next_round")
        .iter()
        .map(|it| it.due_at.unwrap().to_string())
        .collect();
    let mut sorted = due.clone();
    sorted.sort();
    assert_eq!(sorted, ["2026-03-06T17:00:00+01:00", "2026-03-11T17:00:00+01:00"]);
    // The interview that is arranged for it counts more than the day they named.
    let story = story.schedules(
        "int_two in app_acme",
        "2026-03-10T14:00:00+01:00",
        "2026-03-10T15:00:00+01:00",
    );
    let due = story
        .tasks("prepare_next_round")
        .iter()
        .filter_map(|it| it.due_at)
        .map(|it| it.to_string())
        .max();
    assert_eq!(due.as_deref(), Some("2026-03-09T17:00:00+01:00"));
}

#[test]
fn without_a_day_there_is_no_hurry() {
    let story = Story::applied().records(
        "NextRoundAnnounced nxt_two in app_acme",
        json!({"outline": [{"item": "Nothing special"}]}),
    );
    assert_eq!(story.task("prepare_next_round").due_at, None);
}

#[test]
fn an_item_is_prepared_once_and_must_stand_in_the_outline() {
    let story = announced().records("RequirementPrepared of nxt_two", json!({"item": "A case study"}));
    let states: Vec<_> = story.tasks("prepare_next_round").iter().map(|it| it.state).collect();
    assert!(
        states.contains(&State::Done) && states.contains(&State::Open),
        "{states:?}"
    );
    story.refuses(
        "RequirementPrepared of nxt_two",
        json!({"item": "A case study"}),
        "already_recorded",
    );
    let refusal = story.refuses("RequirementPrepared of nxt_two", json!({"item": "Tea"}), "invalid");
    assert_eq!(refusal.fields[0].0, "/item");
    story.refuses(
        "NextRoundAnnounced nxt_three in app_acme",
        json!({"outline": [{"item": "Tea"}, {"item": "Tea"}]}),
        "invalid",
    );
}

#[test]
fn the_latest_announcement_counts() {
    let story = announced().at("2026-03-04 10:00").records(
        "NextRoundAnnounced nxt_three in app_acme",
        json!({"outline": [{"item": "A talk"}]}),
    );
    let alive: Vec<_> = story
        .tasks("prepare_next_round")
        .into_iter()
        .filter(|it| it.state != State::Void)
        .map(|it| it.title)
        .collect();
    assert_eq!(alive, ["Prepare for the next round at Acme: A talk"]);
}
