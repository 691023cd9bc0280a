use serde_json::json;

use super::timeline;
use crate::given::{Story, application, moment};

/// From the invitation to the open door, with a late note, an early call and a correction.
fn whole_story() -> Story {
    let bob = json!({"name": "Bob Stone"});
    let note = json!({"kind": "thank_you", "recipients": ["con_anna", "con_bob"], "channel": "email",
        "interview": "int_one", "body": "Thank you both."});
    Story::invited()
        .records("ContactCollected con_bob", bob)
        .at("2026-03-02 16:00")
        .records(
            "InterviewHeld of int_one",
            json!({"ended_at": "2026-03-02T15:00:00+01:00", "interviewers": ["con_anna", "con_bob"]}),
        )
        .records(
            "DecisionDatePromised dec_one in app_acme on 2026-03-02T14:55:00+01:00",
            json!({"decide_by": "2026-03-13", "promised_by": "con_anna"}),
        )
        .records("TaskDismissed of complete_card", json!({"reason": "He left no card."}))
        .at("2026-03-03 18:00")
        .records("NoteDrafted note_thanks", note)
        .records("NoteSent of note_thanks", json!({}))
        .at("2026-03-04 09:00")
        .records(
            "DocumentRequested doc_refs in app_acme",
            json!({"document": "your references"}),
        )
        .records(
            "DocumentDelayReported of doc_refs",
            json!({"expected_on": "2026-03-06", "channel": "email"}),
        )
        .at("2026-03-06 12:00")
        .records("DocumentSent of doc_refs as evt_wrong", json!({"channel": "portal"}))
        .records("FactRetracted of evt_wrong", json!({"reason": "It was the e-mail."}))
        .records("DocumentSent of doc_refs", json!({"channel": "email"}))
        .at("2026-03-10 11:00")
        .records(
            "StatusEnquired enq_one in app_acme",
            json!({"channel": "phone", "contact": "con_anna"}),
        )
        .at("2026-03-12 10:00")
        .records(
            "RejectionReceived rej_one in app_acme",
            json!({"channel": "email", "from_contact": "con_anna"}),
        )
        .at("2026-03-12 18:00")
        .writes("note_grace", "rejection_thanks")
        .records("DoorKeptOpen in app_acme", json!({"revisit_on": "2026-09-01"}))
        .applies("app_other", "Other")
        .schedules(
            "int_other in app_other",
            "2026-03-20T10:00:00+01:00",
            "2026-03-20T11:00:00+01:00",
        )
}

#[test]
fn a_whole_story_is_told() {
    let story = whole_story();
    insta::assert_snapshot!("timeline", story.timeline());
    insta::assert_snapshot!("tasks", story.queue());
}

#[test]
fn a_task_explains_itself() {
    let task = whole_story().task("revisit");
    insta::assert_json_snapshot!("task", task);
}

#[test]
fn an_applications_timeline_tells_of_nothing_else() {
    let story = whole_story();
    let candidate = story.candidate();
    let entries: Vec<_> = timeline(
        &candidate,
        Some(application("app_other")),
        false,
        moment("2026-03-12 18:00"),
    )
    .collect();
    let told: Vec<_> = entries.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(
        told,
        [
            "ApplicationOpened",
            "InterviewScheduled",
            "refresh_research",
            "bring_questions",
            "interview",
            "record_interview"
        ]
    );
    assert!(entries.iter().all(|entry| entry.at.to_string().ends_with("+01:00")));
}

#[test]
fn retracted_facts_are_told_only_to_those_who_ask() {
    let candidate = whole_story().candidate();
    let retracted = |all| {
        let entries = timeline(&candidate, None, all, moment("2026-03-12 18:00"));
        entries.filter(|entry| entry.retracted).count()
    };
    assert_eq!((retracted(false), retracted(true)), (0, 1));
}

#[test]
fn what_happened_is_told_in_the_order_in_which_it_happened() {
    let candidate = whole_story().candidate();
    let entries: Vec<_> = timeline(&candidate, None, true, moment("2026-03-12 18:00")).collect();
    let split = entries.iter().position(|entry| entry.ahead).expect("something ahead");
    let (past, ahead) = entries.split_at(split);
    assert!(past.is_sorted_by_key(|entry| entry.at.timestamp()));
    assert!(ahead.is_sorted_by_key(|entry| entry.at.timestamp()));
    assert!(ahead.iter().all(|entry| entry.ahead && entry.event.is_none()));
}
