use serde_json::json;

use crate::{applications::Status, given::Story, play::State};

fn offered() -> Story {
    Story::interviewed()
        .at("2026-03-04 10:00")
        .records("OfferReceived off_one in app_acme", json!({"respond_by": "2026-03-13"}))
}

#[test]
fn an_offer_is_answered_by_the_day_they_name() {
    let story = offered();
    assert_eq!(story.status("app_acme"), Status::Offered);
    let dates = ("2026-03-04T10:00:00+01:00".into(), "2026-03-13T17:00:00+01:00".into());
    assert_eq!(story.dates("answer_offer"), dates);
    assert_eq!(
        story.clone().at("2026-03-13 17:00").state("answer_offer"),
        State::Overdue
    );
    let late = story
        .at("2026-03-14 10:00")
        .records("OfferDeclined of off_one", json!({}));
    assert_eq!(
        (late.state("answer_offer"), late.status("app_acme")),
        (State::Done, Status::Declined)
    );
    assert_eq!(late.departed(), ["answer_offer"]);
}

#[test]
fn an_offer_without_a_day_is_answered_within_three() {
    let story = Story::interviewed()
        .at("2026-03-27 10:00")
        .records("OfferReceived off_one in app_acme", json!({}));
    assert_eq!(story.dates("answer_offer").1, "2026-03-30T10:00:00+02:00");
}

#[test]
fn an_offer_is_answered_once() {
    let accepted = offered().records("OfferAccepted of off_one", json!({}));
    accepted.refuses("OfferAccepted of off_one", json!({}), "already_recorded");
    accepted.refuses("OfferDeclined of off_one", json!({}), "offer_answered");
}

#[test]
fn an_offer_can_be_dismissed_or_overtaken() {
    let dismissed = offered().records("TaskDismissed of answer_offer", json!({"reason": "A joke."}));
    assert_eq!(dismissed.state("answer_offer"), State::Dismissed);
    let closed = offered().records("PositionClosed of app_acme", json!({}));
    assert_eq!(
        (closed.state("answer_offer"), closed.status("app_acme")),
        (State::Void, Status::PositionClosed)
    );
    let accepted = closed
        .at("2026-03-05 10:00")
        .records("OfferAccepted of off_one", json!({}));
    assert_eq!(accepted.departed(), ["answer_offer"]);
    assert_eq!(accepted.status("app_acme"), Status::Accepted);
}

/// Besides Acme, Ada applied to Other, and to Over, which has ended; then she accepted Acme's offer.
fn accepted() -> Story {
    offered()
        .applies("app_other", "Other")
        .applies("app_over", "Over")
        .records("ApplicationWithdrawn of app_over", json!({}))
        .at("2026-03-05 10:00")
        .records("OfferAccepted of off_one", json!({}))
}

#[test]
fn once_an_offer_is_accepted_others_hear_of_it_within_two_days() {
    let story = accepted();
    assert_eq!(story.asks(), ["debrief", "withdraw_others"]);
    let task = story.task("withdraw_others");
    assert_eq!(
        (task.title.as_str(), &*task.closed_by[0]),
        ("Withdraw the application to Other", "ApplicationWithdrawn")
    );
    let dates = ("2026-03-05T09:00:00Z".into(), "2026-03-07T09:00:00Z".into());
    assert_eq!(story.dates("withdraw_others"), dates);
    assert_eq!(
        story.clone().at("2026-03-07 10:00").state("withdraw_others"),
        State::Overdue
    );
    let dismissed = story
        .clone()
        .records("TaskDismissed of withdraw_others", json!({"reason": "Wait."}));
    assert_eq!(dismissed.state("withdraw_others"), State::Dismissed);
    let withdrawn = story.records("ApplicationWithdrawn of app_other", json!({"reason": "Found one."}));
    assert_eq!(withdrawn.state("withdraw_others"), State::Done);
}

#[test]
fn any_outcome_elsewhere_spares_the_word() {
    let story = accepted()
        .at("2026-03-09 10:00")
        .records("RejectionReceived rej_other in app_other", json!({"channel": "email"}));
    assert_eq!(
        (story.state("withdraw_others"), story.departures()),
        (State::Done, vec![])
    );
}

#[test]
fn an_application_begun_after_the_acceptance_is_not_withdrawn() {
    let story = accepted().at("2026-03-06 10:00").applies("app_new", "New");
    assert_eq!(story.tasks("withdraw_others").len(), 1);
}

#[test]
fn an_acceptance_that_no_longer_stands_asks_for_nothing() {
    let accepted = accepted();
    let event = accepted.newest().at.event;
    let taken_back = accepted.records(&format!("FactRetracted of {event}"), json!({"reason": "Not yet."}));
    assert_eq!(taken_back.state("withdraw_others"), State::Void);
    assert_eq!(taken_back.state("answer_offer"), State::Open);
}

#[test]
fn a_new_offer_reopens_what_was_closed() {
    let story = Story::rejected()
        .at("2026-03-10 10:00")
        .records("OfferReceived off_two in app_acme", json!({}));
    assert_eq!(story.status("app_acme"), Status::Offered);
    assert_eq!(story.state("answer_offer"), State::Open);
    let reopened = Story::rejected().records("ApplicationReopened of app_acme", json!({"reason": "A second look."}));
    assert_eq!(reopened.status("app_acme"), Status::Awaiting);
    assert_eq!(
        reopened.state("write_thank_you"),
        State::Overdue,
        "what was void is owed again"
    );
}

#[test]
fn reopened_the_status_is_what_the_rest_says() {
    let ahead = Story::invited()
        .gets_rejected()
        .records("ApplicationReopened of app_acme", json!({"reason": "A mistake."}));
    assert_eq!(ahead.status("app_acme"), Status::Interviewing);
    let offered = offered()
        .gets_rejected()
        .records("ApplicationReopened of app_acme", json!({"reason": "A mistake."}));
    assert_eq!(offered.status("app_acme"), Status::Offered);
}

#[test]
fn the_outcome_that_happened_last_stands_whatever_was_recorded_first() {
    let story = Story::interviewed()
        .at("2026-03-10 10:00")
        .records("ApplicationWithdrawn of app_acme", json!({}))
        .records("PositionClosed of app_acme on 2026-03-09T10:00:00+01:00", json!({}));
    assert_eq!(story.status("app_acme"), Status::Withdrawn);
}

#[test]
fn only_what_has_ended_goes_on() {
    let reason = json!({"reason": "Why not."});
    Story::interviewed().refuses("ApplicationReopened of app_acme", reason, "nothing_to_reopen");
    let withdrawn = Story::applied().records("ApplicationWithdrawn of app_acme", json!({}));
    withdrawn.refuses("ApplicationWithdrawn of app_acme", json!({}), "already_recorded");
    let closed = withdrawn.records("PositionClosed of app_acme", json!({}));
    closed.refuses("PositionClosed of app_acme", json!({}), "already_recorded");
}
