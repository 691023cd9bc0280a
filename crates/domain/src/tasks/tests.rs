use serde_json::json;

use crate::{given::Story, play::State};

#[test]
fn a_snooze_hides_a_task_and_leaves_its_state_and_due_time() {
    let story = Story::interviewed();
    let dates = story.dates("write_thank_you");
    let snoozed = story.records(
        "TaskSnoozed of write_thank_you",
        json!({"until_at": "2026-03-02T20:00:00+01:00"}),
    );
    let task = snoozed.task("write_thank_you");
    assert_eq!(task.state, State::Open);
    assert_eq!(
        task.snoozed_until.expect("snoozed").to_string(),
        "2026-03-02T20:00:00+01:00"
    );
    assert_eq!(snoozed.dates("write_thank_you"), dates);
    assert_eq!(snoozed.newest().tasks.changed.len(), 1);
}

#[test]
fn the_snooze_that_happened_last_counts() {
    let story = Story::interviewed()
        .at("2026-03-02 18:00")
        .records(
            "TaskSnoozed of write_thank_you",
            json!({"until_at": "2026-03-02T20:00:00+01:00"}),
        )
        .records(
            "TaskSnoozed of write_thank_you on 2026-03-02T16:00:00+01:00",
            json!({"until_at": "2026-03-03T09:00:00+01:00"}),
        );
    let until = story.task("write_thank_you").snoozed_until.expect("snoozed");
    assert_eq!(until.to_string(), "2026-03-02T20:00:00+01:00");
}

#[test]
fn a_task_is_put_aside_with_a_reason() {
    let story = Story::interviewed().records(
        "TaskDismissed of write_thank_you",
        json!({"reason": "Thanked in person."}),
    );
    let task = story.task("write_thank_you");
    assert_eq!(
        (task.state, task.closed_with),
        (State::Dismissed, Some(story.newest().at.event))
    );
    assert_eq!(story.newest().tasks.closed.len(), 1);
    story.refuses(
        "TaskDismissed of write_thank_you",
        json!({"reason": "No."}),
        "task_closed",
    );
    story.refuses(
        "TaskSnoozed of write_thank_you",
        json!({"until_at": "2026-03-03T09:00:00Z"}),
        "task_closed",
    );
    let done = story.writes("note_thanks", "thank_you");
    assert_eq!(
        done.state("write_thank_you"),
        State::Done,
        "what was done after all is done"
    );
}

#[test]
fn every_task_of_an_interview_can_be_put_aside() {
    let story = Story::interviewed();
    for play in ["write_thank_you", "ask_decision_date", "enquire_status"] {
        let dismissed = story
            .clone()
            .records(&format!("TaskDismissed of {play}"), json!({"reason": "No."}));
        assert_eq!(dismissed.state(play), State::Dismissed);
    }
    let ahead = Story::invited().records("TaskDismissed of record_interview", json!({"reason": "No."}));
    assert_eq!(ahead.state("record_interview"), State::Dismissed);
}

#[test]
fn a_task_is_done_by_its_fact_and_not_by_hand() {
    let refusal = Story::interviewed().refuses("TaskCompleted of write_thank_you", json!({}), "needs_its_fact");
    assert_eq!(refusal.detail, "The task is done by what it asks for: record NoteSent.");
}

#[test]
fn an_unknown_task_is_not_found() {
    Story::interviewed().refuses("TaskDismissed of task_none", json!({"reason": "No."}), "not_found");
}
