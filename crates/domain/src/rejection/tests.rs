use serde_json::json;

use super::{RejectionView, Stage};
use crate::{
    applications::Status,
    given::{Story, application},
    play::State,
};

fn view(story: &Story) -> RejectionView {
    let candidate = story.candidate();
    let application = candidate.application(application("app_acme")).expect("an application");
    let rejection = application.newest_rejection().expect("a rejection");
    rejection.view(&candidate, application, story.newest().at.recorded_at)
}

fn plays(tasks: &[crate::play::Task]) -> Vec<&str> {
    let mut plays: Vec<_> = tasks.iter().map(|task| &*task.play).collect();
    plays.sort_unstable();
    plays
}

#[test]
fn a_rejection_stops_everything_pending_for_that_application_alone() {
    let story = Story::interviewed()
        .applies("app_other", "Other")
        .at("2026-03-04 10:00")
        .records(
            "DocumentRequested doc_other in app_other",
            json!({"document": "your CV"}),
        );
    let story = story.gets_rejected();
    assert_eq!(story.status("app_acme"), Status::Rejected);
    assert_eq!(
        story.asks(),
        [
            "answer_document_request",
            "ask_feedback",
            "debrief",
            "keep_door_open",
            "keep_looking",
            "thank_for_rejection"
        ]
    );
    let view = view(&story);
    assert_eq!(
        plays(&view.voided),
        [
            "ask_decision_date",
            "ask_next_round",
            "enquire_status",
            "refresh_research",
            "write_thank_you"
        ]
    );
    assert_eq!(
        plays(&view.owed),
        ["ask_feedback", "keep_door_open", "thank_for_rejection"]
    );
    assert_eq!((view.stage, view.gracious), (Stage::Received, None));
}

#[test]
fn they_are_thanked_within_48_hours() {
    let story = Story::rejected();
    let dates = ("2026-03-04T10:00:00+01:00".into(), "2026-03-06T10:00:00+01:00".into());
    assert_eq!(story.dates("thank_for_rejection"), dates);
    assert_eq!(
        story.clone().at("2026-03-06 10:00").state("thank_for_rejection"),
        State::Overdue
    );
    let late = story.at("2026-03-07 10:00").writes("note_thanks", "rejection_thanks");
    assert_eq!(late.state("thank_for_rejection"), State::Done);
    assert_eq!(late.departed(), ["thank_for_rejection"]);
}

#[test]
fn feedback_and_the_open_door_wait_for_the_thanks() {
    let story = Story::rejected();
    assert_eq!(story.state("ask_feedback"), State::Waiting);
    let dates = ("2026-03-06T10:00:00+01:00".into(), "2026-03-11T10:00:00+01:00".into());
    assert_eq!(story.dates("ask_feedback"), dates);
    let dates = ("2026-03-06T10:00:00+01:00".into(), "2026-03-13T10:00:00+01:00".into());
    assert_eq!(story.dates("keep_door_open"), dates);
    assert_eq!(
        story.clone().at("2026-03-12 10:00").state("ask_feedback"),
        State::Overdue
    );

    let thanked = story.at("2026-03-05 09:00").writes("note_thanks", "rejection_thanks");
    assert_eq!(thanked.state("ask_feedback"), State::Open);
    let dates = ("2026-03-05T09:00:00+01:00".into(), "2026-03-10T09:00:00+01:00".into());
    assert_eq!(thanked.dates("ask_feedback"), dates);
    assert_eq!(thanked.stage(), Stage::Thanked);
}

#[test]
fn thanks_that_are_put_aside_open_them_too() {
    let story = Story::rejected().at("2026-03-05 09:00").records(
        "TaskDismissed of thank_for_rejection",
        json!({"reason": "Said so on the phone."}),
    );
    assert_eq!(story.state("thank_for_rejection"), State::Dismissed);
    assert_eq!(story.state("ask_feedback"), State::Open);
    assert_eq!(story.dates("keep_door_open").0, "2026-03-05T09:00:00+01:00");
}

#[test]
fn days_are_days_on_the_clock_when_the_clocks_change() {
    let story = Story::interviewed().at("2026-03-27 10:00").gets_rejected();
    let dates = ("2026-03-29T11:00:00+02:00".into(), "2026-04-03T11:00:00+02:00".into());
    assert_eq!(story.dates("ask_feedback"), dates);
}

#[test]
fn without_an_interview_there_is_no_feedback_to_ask_for() {
    let story = Story::applied().gets_rejected();
    assert_eq!(story.asks(), ["keep_door_open", "thank_for_rejection"]);
}

#[test]
fn feedback_is_asked_for_once() {
    let thanked = Story::rejected()
        .at("2026-03-05 09:00")
        .writes("note_thanks", "rejection_thanks");
    let asked = thanked
        .at("2026-03-06 09:00")
        .records("FeedbackRequested in app_acme", json!({"channel": "email"}));
    assert_eq!((asked.state("ask_feedback"), asked.departures()), (State::Done, vec![]));
    assert_eq!(asked.stage(), Stage::FeedbackRequested);
    let again = asked
        .clone()
        .records("FeedbackRequested in app_acme", json!({"channel": "phone"}));
    assert_eq!(
        again.departures()[0].reason,
        "Feedback was asked for before; once is enough."
    );
    let by_note = asked.writes("note_again", "feedback_request");
    assert_eq!(by_note.departed(), ["ask_feedback"]);
}

#[test]
fn a_request_by_note_is_a_request() {
    let story = Story::rejected()
        .at("2026-03-06 11:00")
        .writes("note_ask", "feedback_request");
    assert_eq!(story.state("ask_feedback"), State::Done);
    assert_eq!(story.stage(), Stage::FeedbackRequested);
}

#[test]
fn feedback_asked_for_before_the_thanks_departs() {
    let story = Story::rejected().records("FeedbackRequested in app_acme", json!({"channel": "email"}));
    assert_eq!(story.departed(), ["ask_feedback"]);
    assert_eq!(
        story.departures()[0].opens_at.expect("a moment").to_string(),
        "2026-03-06T10:00:00+01:00"
    );
}

#[test]
fn the_door_is_kept_open_with_a_date_to_come_back() {
    let story = Story::rejected()
        .at("2026-03-06 11:00")
        .records("DoorKeptOpen in app_acme", json!({"revisit_on": "2026-09-01"}));
    assert_eq!(story.state("keep_door_open"), State::Done);
    assert_eq!(story.stage(), Stage::DoorOpen);
    let dates = ("2026-09-01T09:00:00+02:00".into(), "2026-09-08T09:00:00+02:00".into());
    assert_eq!(story.dates("revisit"), dates);
    assert_eq!(story.state("revisit"), State::Waiting);
    assert_eq!(story.clone().at("2026-09-01 09:00").state("revisit"), State::Open);
    assert_eq!(story.clone().at("2026-09-08 09:00").state("revisit"), State::Overdue);
    assert_eq!(view(&story).revisit_on.expect("a date").to_string(), "2026-09-01");
    let moved = story
        .at("2026-03-07 11:00")
        .records("DoorKeptOpen in app_acme", json!({"revisit_on": "2026-10-01"}));
    assert_eq!(moved.dates("revisit").0, "2026-10-01T09:00:00+02:00");
}

fn door_open() -> Story {
    Story::rejected()
        .at("2026-03-06 11:00")
        .records("DoorKeptOpen in app_acme", json!({"revisit_on": "2026-09-01"}))
        .at("2026-09-02 10:00")
}

#[test]
fn a_new_application_there_is_coming_back() {
    assert_eq!(
        door_open().applies("app_again", "ACME, Inc.").state("revisit"),
        State::Done
    );
    assert_eq!(
        door_open().applies("app_again", "Acme Health").state("revisit"),
        State::Open
    );
}

#[test]
fn a_word_to_somebody_there_is_coming_back() {
    let story = door_open().writes("note_hello", "other");
    assert_eq!(story.state("revisit"), State::Done, "Anna is at Acme GmbH");
    assert_eq!(story.departures(), []);
    let gone = door_open()
        .records("ContactRevised of con_anna", json!({"organisation_name": "Elsewhere"}))
        .writes("note_hello", "other");
    assert_eq!(gone.state("revisit"), State::Open);
    let moved = gone.records("ContactRevised of con_anna", json!({"organisation_name": "Acme"}));
    assert_eq!(moved.state("revisit"), State::Done);
}

#[test]
fn a_rejection_that_is_closed_asks_for_no_return() {
    let story = door_open().records("RejectionClosed in app_acme", json!({"lesson": "Ask about the team."}));
    assert_eq!(story.state("revisit"), State::Done);
    assert_eq!(story.stage(), Stage::Closed);
    assert_eq!(view(&story).lesson.expect("a lesson").as_str(), "Ask about the team.");
    story.refuses("RejectionClosed in app_acme", json!({}), "already_recorded");
}

#[test]
fn the_stages_follow_each_other_and_may_be_skipped() {
    let story = Story::rejected();
    assert_eq!(story.stage(), Stage::Received);
    let skipped = story
        .clone()
        .records("FeedbackReceived in app_acme", json!({"text": "Too quiet."}));
    assert_eq!(skipped.stage(), Stage::FeedbackReceived);
    let unsaid = skipped.writes("note_thanks", "rejection_thanks");
    assert_eq!(unsaid.stage(), Stage::FeedbackReceived);
    let closed = unsaid.records("RejectionClosed in app_acme", json!({}));
    assert_eq!(
        (closed.stage(), closed.state("keep_door_open")),
        (Stage::Closed, State::Done)
    );
    let open = closed
        .at("2026-03-05 10:00")
        .records("DoorKeptOpen in app_acme", json!({"revisit_on": "2026-09-01"}));
    assert_eq!(open.stage(), Stage::DoorOpen);
}

#[test]
fn a_rejection_comes_once() {
    let story = Story::rejected();
    let again = json!({"channel": "phone"});
    story.refuses(
        "RejectionReceived rej_two in app_acme",
        again.clone(),
        "already_recorded",
    );
    let reopened = story.records("ApplicationReopened of app_acme", json!({"reason": "They called."}));
    assert_eq!(reopened.status("app_acme"), Status::Awaiting);
    let twice = reopened
        .at("2026-03-11 10:00")
        .records("RejectionReceived rej_two in app_acme", again);
    assert_eq!(twice.tasks("thank_for_rejection").len(), 2);
    // Thanks that name no rejection answer the last one.
    let thanked = twice.writes("note_thanks", "rejection_thanks");
    let states: Vec<_> = thanked
        .tasks("thank_for_rejection")
        .iter()
        .map(|task| task.state)
        .collect();
    assert_eq!(states, [State::Void, State::Done]);
}

#[test]
fn where_there_is_no_rejection_there_is_nothing_to_do_about_it() {
    let story = Story::interviewed();
    story.refuses(
        "FeedbackRequested in app_acme",
        json!({"channel": "email"}),
        "not_found",
    );
    story.refuses(
        "DoorKeptOpen of rej_none",
        json!({"revisit_on": "2026-09-01"}),
        "not_found",
    );
}
