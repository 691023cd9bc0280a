use serde_json::json;

use crate::{given::Story, play::State};

/// Rosa is named as a reference on Sunday, 1 March, and agrees the same day.
fn agreed(story: Story) -> Story {
    named(story).records("ReferenceAgreed of ref_rosa", json!({"until_on": "2026-12-31"}))
}

fn named(story: Story) -> Story {
    story
        .records(
            "ContactCollected con_rosa",
            json!({"name": "Rosa Diaz", "email": "rosa@past.example"}),
        )
        .records(
            "ReferenceNamed ref_rosa",
            json!({"contact": "con_rosa", "relationship": "My last manager"}),
        )
}

fn held(story: Story) -> Story {
    story.at("2026-03-02 15:10").records(
        "InterviewHeld of int_one",
        json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
    )
}

#[test]
fn a_reference_is_asked_within_three_days_or_before_the_next_interview() {
    assert_eq!(
        named(Story::applied()).dates("brief_reference").1,
        "2026-03-04T07:00:00Z"
    );
    let sooner = named(Story::invited());
    assert_eq!(sooner.dates("brief_reference").1, "2026-03-02T13:00:00Z");
    // An interview that is arranged later moves it, too; one that is cancelled moves it back.
    let later = named(Story::applied()).records("ContactCollected con_anna", json!({"name": "Anna"}));
    let later = later.schedules(
        "int_one in app_acme",
        "2026-03-02T14:00:00+01:00",
        "2026-03-02T15:00:00+01:00",
    );
    assert_eq!(later.dates("brief_reference").1, "2026-03-02T13:00:00Z");
    let back = later.records("InterviewCancelled of int_one", json!({"by": "organisation"}));
    assert_eq!(back.dates("brief_reference").1, "2026-03-04T07:00:00Z");
}

#[test]
fn an_answer_ends_the_asking() {
    assert_eq!(agreed(Story::applied()).state("brief_reference"), State::Done);
    let declined = named(Story::applied()).records("ReferenceDeclined of ref_rosa", json!({"reason": "No time."}));
    assert_eq!(declined.state("brief_reference"), State::Done);
    declined.refuses("ReferenceDeclined of ref_rosa", json!({}), "already_recorded");
    agreed(Story::applied()).refuses("ReferenceAgreed of ref_rosa", json!({}), "already_recorded");
    let retired = named(Story::applied()).records("ReferenceRetired of ref_rosa", json!({}));
    assert_eq!(retired.state("brief_reference"), State::Void);
    retired.refuses("ReferenceAgreed of ref_rosa", json!({}), "reference_retired");
    retired.refuses("ReferenceRetired of ref_rosa", json!({}), "already_recorded");
}

#[test]
fn nobody_is_a_reference_twice_at_a_time() {
    let again = json!({"contact": "con_rosa", "relationship": "A friend"});
    let refusal = named(Story::applied()).refuses("ReferenceNamed ref_two", again.clone(), "already_recorded");
    assert_eq!(refusal.fields[0].0, "/contact");
    named(Story::applied())
        .records("ReferenceRetired of ref_rosa", json!({}))
        .records("ReferenceNamed ref_two", again);
}

#[test]
fn who_agreed_hears_of_each_interview_within_a_day() {
    let story = held(agreed(Story::invited()));
    assert_eq!(story.dates("notify_reference").1, "2026-03-03T15:00:00+01:00");
    let told = story.clone().records(
        "ReferenceNotified of ref_rosa",
        json!({"interview": "int_one", "channel": "phone"}),
    );
    assert_eq!(told.state("notify_reference"), State::Done);
    let note = json!({"kind": "reference_notice", "recipients": ["con_rosa"], "channel": "email",
        "application": "app_acme", "interview": "int_one", "about": "ref_rosa"});
    let written = story
        .clone()
        .records("NoteDrafted note_rosa", note)
        .records("NoteSent of note_rosa", json!({}));
    assert_eq!(written.state("notify_reference"), State::Done);
    assert_eq!(story.gets_rejected().state("notify_reference"), State::Void);
}

#[test]
fn who_has_not_agreed_or_no_longer_does_is_not_told() {
    assert_eq!(held(named(Story::invited())).tasks("notify_reference").len(), 0);
    let over = named(Story::invited()).records("ReferenceAgreed of ref_rosa", json!({"until_on": "2026-03-01"}));
    assert_eq!(held(over).tasks("notify_reference").len(), 0);
    let retired = agreed(Story::invited()).records("ReferenceRetired of ref_rosa", json!({}));
    assert_eq!(held(retired).tasks("notify_reference").len(), 0);
}

#[test]
fn who_agrees_afterwards_hears_of_the_latest_interview() {
    let story = Story::interviewed()
        .schedules(
            "int_two in app_acme",
            "2026-03-04T14:00:00+01:00",
            "2026-03-04T15:00:00+01:00",
        )
        .at("2026-03-04 15:10")
        .records(
            "InterviewHeld of int_two",
            json!({"ended_at": "2026-03-04T15:00:00+01:00"}),
        )
        .at("2026-03-05 10:00");
    let story = agreed(story);
    let tasks = story.tasks("notify_reference");
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].due_at.unwrap().to_string(), "2026-03-06T10:00:00+01:00");
    assert_eq!(tasks[0].raised_by.len(), 2);
}

#[test]
fn an_interviewer_need_not_be_told_that_the_interview_was_held() {
    let story = Story::invited()
        .records(
            "ReferenceNamed ref_anna",
            json!({"contact": "con_anna", "relationship": "We worked together"}),
        )
        .records("ReferenceAgreed of ref_anna", json!({}));
    assert_eq!(held(story).tasks("notify_reference").len(), 0);
}

#[test]
fn a_check_is_a_word_of_theirs() {
    let story = held(agreed(Story::invited())).at("2026-03-20 10:00");
    let quiet = story.status("app_acme");
    let checked = story.records(
        "ReferenceContacted of ref_rosa",
        json!({"application": "app_acme", "impression": "Friendly."}),
    );
    assert_eq!(quiet, crate::applications::Status::Quiet);
    assert_eq!(checked.status("app_acme"), crate::applications::Status::Awaiting);
    assert!(checked.departures().is_empty());
}

#[test]
fn who_helped_is_thanked_within_a_week_of_the_outcome() {
    let story = held(agreed(Story::invited()))
        .records(
            "ReferenceNotified of ref_rosa",
            json!({"interview": "int_one", "channel": "phone"}),
        )
        .at("2026-03-04 10:00")
        .gets_rejected();
    assert_eq!(story.dates("thank_helpers").1, "2026-03-11T10:00:00+01:00");
    let thanked = story
        .clone()
        .records("ReferenceThanked of ref_rosa", json!({"application": "app_acme"}));
    assert_eq!(thanked.state("thank_helpers"), State::Done);
    let reopened = story.records("ApplicationReopened of app_acme", json!({"reason": "They called."}));
    assert_eq!(reopened.state("thank_helpers"), State::Void);
    let reference = thanked
        .candidate()
        .reference(crate::given::id("ref_rosa").try_into().unwrap())
        .unwrap();
    let heard: Vec<_> = reference.notices.iter().map(|it| it.kind).collect();
    assert_eq!(
        heard,
        [
            super::ReferenceNoticeKind::Notified,
            super::ReferenceNoticeKind::Thanked
        ]
    );
}
