use serde_json::json;

use crate::given::{Story, moment};

fn cv() -> serde_json::Value {
    json!({"document": "your CV"})
}

#[test]
fn a_repeated_fact_is_answered_as_before() {
    let story = Story::applied().records("DocumentRequested doc_cv in app_acme as evt_asked", cv());
    let count = story.events().len();
    let again = story.records("DocumentRequested doc_cv in app_acme as evt_asked", cv());
    assert_eq!(again.events().len(), count);
    let other = json!({"document": "your diploma"});
    again.refuses("DocumentRequested doc_cv in app_acme as evt_asked", other, "id_taken");
}

#[test]
fn a_new_thing_needs_a_new_id() {
    let story = Story::applied().records("DocumentRequested doc_cv in app_acme", cv());
    story.refuses("DocumentRequested doc_cv in app_acme", cv(), "id_taken");
}

#[test]
fn a_fact_needs_its_place() {
    let story = Story::applied();
    story.refuses("DocumentRequested doc_cv in app_none", cv(), "not_found");
    story.refuses("DocumentRequested doc_cv", cv(), "not_found");
    story.refuses("DocumentSent of doc_none", json!({"channel": "email"}), "not_found");
    story.refuses("DocumentRequested con_cv in app_acme", cv(), "not_found");
    let story = story
        .applies("app_other", "Other")
        .records("DocumentRequested doc_cv in app_acme", cv());
    story.refuses(
        "DocumentSent of doc_cv in app_other",
        json!({"channel": "email"}),
        "not_found",
    );
}

#[test]
fn a_minute_ahead_counts_as_now_and_more_is_the_future() {
    let story = Story::applied().at("2026-03-02 10:00");
    let soon = story.clone().records(
        "DocumentRequested doc_cv in app_acme on 2026-03-02T10:00:59+01:00",
        cv(),
    );
    assert_eq!(soon.newest().at.occurred_at, moment("2026-03-02 10:00"));
    let refusal = story.refuses(
        "DocumentRequested doc_cv in app_acme on 2026-03-02T10:01:01+01:00",
        cv(),
        "invalid",
    );
    assert_eq!(refusal.fields[0].0, "/occurred_at");
    story.refuses(
        "DocumentRequested doc_cv in app_acme on 1899-12-31T23:59:59Z",
        cv(),
        "invalid",
    );
}

#[test]
fn the_moment_of_recording_never_runs_backwards() {
    let story = Story::applied()
        .at("2026-03-02 10:00")
        .records("DocumentRequested doc_cv in app_acme", cv())
        .at("2026-03-02 09:59")
        .records("DocumentRequested doc_two in app_acme", cv());
    assert_eq!(story.newest().at.recorded_at, moment("2026-03-02 10:00"));
    assert_eq!(story.newest().at.occurred_at, moment("2026-03-02 09:59"));
}

#[test]
fn a_fact_says_which_tasks_it_moved() {
    let story = Story::interviewed();
    let plays = |tasks: &[crate::fact::TaskRef]| {
        let mut plays: Vec<_> = tasks.iter().map(|task| task.play.clone()).collect();
        plays.sort();
        plays
    };
    let tasks = &story.newest().tasks;
    assert_eq!(
        plays(&tasks.raised),
        [
            "ask_decision_date",
            "ask_next_round",
            "debrief",
            "enquire_status",
            "keep_looking",
            "write_thank_you"
        ]
    );
    assert_eq!(plays(&tasks.closed), ["bring_questions", "record_interview"]);
    assert_eq!(plays(&tasks.changed), ["refresh_research"]);
}

#[test]
fn what_was_known_then_can_be_seen_again() {
    let story = Story::interviewed().at("2026-03-05 10:00").records(
        "DocumentRequested doc_cv in app_acme on 2026-03-03T10:00:00+01:00",
        cv(),
    );
    let then = story.candidate().as_of(moment("2026-03-04 10:00"));
    assert!(
        then.tasks
            .values()
            .all(|task| task.play.name != "answer_document_request")
    );
    assert_eq!(then.tasks, Story::interviewed().candidate().tasks);
    let now = story.candidate().as_of(moment("2026-03-05 10:00"));
    assert_eq!(now.tasks, story.candidate().tasks);
}
