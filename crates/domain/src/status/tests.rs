use serde_json::{Value, json};

use super::advice;
use crate::{
    applications::Status,
    given::{Story, application},
    play::State,
    values::Channel,
};

fn by_phone() -> Value {
    json!({"channel": "phone", "contact": "con_anna"})
}

/// On 2 March Anna promised a decision by Friday, 6 March 2026.
fn promised() -> Story {
    Story::interviewed().records(
        "DecisionDatePromised dec_one in app_acme",
        json!({"decide_by": "2026-03-06", "promised_by": "con_anna"}),
    )
}

fn opens(story: &Story) -> String {
    story.dates("enquire_status").0
}

#[test]
fn a_decision_date_is_asked_for_within_24_hours() {
    let story = Story::interviewed();
    let dates = ("2026-03-02T15:00:00+01:00".into(), "2026-03-03T15:00:00+01:00".into());
    assert_eq!(story.dates("ask_decision_date"), dates);
    assert_eq!(promised().state("ask_decision_date"), State::Done);
    let reported = story.clone().records(
        "StatusReported rep_one in app_acme",
        json!({"summary": "Soon.", "decide_by": "2026-03-09"}),
    );
    assert_eq!(reported.state("ask_decision_date"), State::Done);
    let vague = story
        .clone()
        .records("StatusReported rep_one in app_acme", json!({"summary": "Soon."}));
    assert_eq!(vague.state("ask_decision_date"), State::Open);
    let next = story.schedules(
        "int_two in app_acme",
        "2026-03-09T14:00:00+01:00",
        "2026-03-09T15:00:00+01:00",
    );
    assert_eq!(next.state("ask_decision_date"), State::Done);
}

#[test]
fn an_interview_that_is_written_down_afterwards_is_no_word_since() {
    let story = Story::applied()
        .at("2026-03-05 10:00")
        .records(
            "InterviewScheduled int_one in app_acme",
            json!({"starts_at": "2026-03-02T14:00:00+01:00", "ends_at": "2026-03-02T15:00:00+01:00",
                "time_zone": "Europe/Berlin", "format": "onsite"}),
        )
        .records(
            "InterviewHeld of int_one",
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        );
    assert_eq!(story.state("ask_decision_date"), State::Overdue);
    assert_eq!(opens(&story), "2026-03-09T09:00:00+01:00");
}

#[test]
fn nobody_asks_for_a_date_that_is_known_or_while_an_interview_lies_ahead() {
    let known = Story::invited()
        .at("2026-03-02 14:30")
        .records(
            "DecisionDatePromised dec_one in app_acme",
            json!({"decide_by": "2026-03-06"}),
        )
        .at("2026-03-02 15:10")
        .records(
            "InterviewHeld of int_one",
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        );
    assert_eq!(known.tasks("ask_decision_date").len(), 0);
    let ahead = Story::invited()
        .schedules(
            "int_two in app_acme",
            "2026-03-09T14:00:00+01:00",
            "2026-03-09T15:00:00+01:00",
        )
        .at("2026-03-02 15:10")
        .records(
            "InterviewHeld of int_one",
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        );
    assert_eq!(ahead.tasks("ask_decision_date").len(), 0);
}

#[test]
fn an_interview_that_they_cancelled_raises_the_question_too() {
    let theirs = Story::invited().records("InterviewCancelled of int_one", json!({"by": "organisation"}));
    assert_eq!(theirs.state("ask_decision_date"), State::Open);
    assert_eq!(theirs.status("app_acme"), Status::Awaiting);
    let ours = Story::invited().records("InterviewCancelled of int_one", json!({"by": "candidate"}));
    assert_eq!(ours.tasks("ask_decision_date").len(), 0);
}

#[test]
fn the_question_for_a_date_can_be_overdue_late_dismissed_and_void() {
    let story = Story::interviewed().at("2026-03-04 10:00");
    assert_eq!(story.state("ask_decision_date"), State::Overdue);
    let late = story.clone().records(
        "DecisionDatePromised dec_one in app_acme",
        json!({"decide_by": "2026-03-09"}),
    );
    assert_eq!(late.departed(), ["ask_decision_date"]);
    let theirs = story.clone().records(
        "StatusReported rep_one in app_acme",
        json!({"summary": "Soon.", "decide_by": "2026-03-09"}),
    );
    assert_eq!(theirs.departures(), [], "their word is no departure");
    let dismissed = story
        .clone()
        .records("TaskDismissed of ask_decision_date", json!({"reason": "They told me."}));
    assert_eq!(dismissed.state("ask_decision_date"), State::Dismissed);
    assert_eq!(story.gets_rejected().state("ask_decision_date"), State::Void);
}

#[test]
fn an_enquiry_waits_for_the_day_after_the_promised_one() {
    let story = promised();
    let dates = ("2026-03-09T09:00:00+01:00".into(), "2026-03-11T17:00:00+01:00".into());
    assert_eq!(story.dates("enquire_status"), dates);
    assert_eq!(story.state("enquire_status"), State::Waiting);
    let monday = story.at("2026-03-09 09:00");
    assert_eq!(monday.state("enquire_status"), State::Open);
    assert_eq!(monday.at("2026-03-11 17:00").state("enquire_status"), State::Overdue);
}

#[test]
fn without_a_date_an_enquiry_waits_five_working_days_and_ten_for_a_large_organisation() {
    assert_eq!(opens(&Story::interviewed()), "2026-03-09T09:00:00+01:00");
    let large = Story::interviewed().records(
        "ApplicationRevised of app_acme",
        json!({"organisation": {"name": "Acme", "size": "large"}}),
    );
    assert_eq!(opens(&large), "2026-03-16T09:00:00+01:00");
    assert_eq!(large.newest().tasks.changed.len(), 1);
}

#[test]
fn nine_in_the_morning_is_nine_on_either_side_of_a_clock_change() {
    let story = promised().records(
        "DecisionDatePromised dec_two in app_acme",
        json!({"decide_by": "2026-03-27"}),
    );
    assert_eq!(opens(&story), "2026-03-30T09:00:00+02:00");
}

#[test]
fn the_latest_promise_counts_whatever_was_recorded_first() {
    let story = promised()
        .at("2026-03-05 10:00")
        .records(
            "DecisionDatePromised dec_three in app_acme",
            json!({"decide_by": "2026-03-20"}),
        )
        .records(
            "DecisionDatePromised dec_two in app_acme on 2026-03-03T10:00:00+01:00",
            json!({"decide_by": "2026-03-13"}),
        );
    assert_eq!(opens(&story), "2026-03-23T09:00:00+01:00");
}

#[test]
fn an_early_enquiry_is_recorded_departs_and_leaves_the_task_waiting() {
    let story = promised()
        .at("2026-03-05 10:00")
        .records("StatusEnquired enq_one in app_acme", by_phone());
    let departures = story.departures();
    assert_eq!(departures[0].play, "enquire_status");
    assert_eq!(
        departures[0].reason,
        "This came before Monday 9 March 2026, 09:00, from when the playbook allows it."
    );
    assert_eq!(
        departures[0].opens_at.expect("a moment").to_string(),
        "2026-03-09T09:00:00+01:00"
    );
    assert_eq!(story.state("enquire_status"), State::Waiting);
    assert_eq!(opens(&story), "2026-03-09T09:00:00+01:00");
}

#[test]
fn an_enquiry_in_time_closes_the_task_and_raises_one_more() {
    let story = promised()
        .at("2026-03-09 10:00")
        .records("StatusEnquired enq_one in app_acme", by_phone());
    assert_eq!(story.departures(), []);
    let states: Vec<_> = story.tasks("enquire_status").iter().map(|task| task.state).collect();
    assert_eq!(states, [State::Done, State::Waiting]);
    assert_eq!(opens(&story), "2026-03-16T09:00:00+01:00");
}

#[test]
fn two_enquiries_at_most_until_they_speak() {
    let twice = promised()
        .at("2026-03-09 10:00")
        .records("StatusEnquired enq_one in app_acme", by_phone())
        .at("2026-03-16 10:00")
        .records("StatusEnquired enq_two in app_acme", by_phone());
    assert_eq!(twice.departures(), []);
    assert!(!twice.asks().contains(&"enquire_status"));
    assert_eq!(twice.status("app_acme"), Status::Silent);
    let third = twice
        .clone()
        .at("2026-03-23 10:00")
        .records("StatusEnquired enq_three in app_acme", by_phone());
    assert_eq!(
        third.departures()[0].reason,
        "Enquiries stand unanswered, and the playbook has no further one."
    );
    let reply = twice
        .at("2026-03-17 10:00")
        .records("StatusReported rep_one in app_acme", json!({"summary": "Next week."}));
    assert_eq!(reply.status("app_acme"), Status::Awaiting);
    assert_eq!(opens(&reply), "2026-03-24T09:00:00+01:00", "the promise is spent");
}

#[test]
fn a_late_enquiry_departs_and_their_report_does_not() {
    let late = promised().at("2026-03-13 10:00");
    let enquired = late.clone().records("StatusEnquired enq_one in app_acme", by_phone());
    assert_eq!(enquired.departed(), ["enquire_status"]);
    let reported = late.records("StatusReported rep_one in app_acme", json!({"summary": "Soon."}));
    assert_eq!(reported.departures(), []);
    let early = promised().records("StatusReported rep_one in app_acme", json!({"summary": "Soon."}));
    assert_eq!(early.departures(), []);
}

#[test]
fn an_enquiry_by_note_is_an_enquiry() {
    let early = promised().at("2026-03-05 10:00").writes("note_ask", "status_enquiry");
    assert_eq!(early.departed(), ["enquire_status"]);
    let in_time = promised().at("2026-03-09 10:00").writes("note_ask", "status_enquiry");
    assert_eq!(in_time.departures(), []);
    assert_eq!(in_time.tasks("enquire_status").len(), 2);
}

#[test]
fn nobody_enquires_while_an_interview_lies_ahead() {
    let story = promised().schedules(
        "int_two in app_acme",
        "2026-03-12T14:00:00+01:00",
        "2026-03-12T15:00:00+01:00",
    );
    assert_eq!(story.state("enquire_status"), State::Void);
    let held = story.at("2026-03-12 15:10").records(
        "InterviewHeld of int_two",
        json!({"ended_at": "2026-03-12T15:00:00+01:00"}),
    );
    assert_eq!(
        opens(&held),
        "2026-03-19T09:00:00+01:00",
        "the promise was overtaken by the interview"
    );
    assert_eq!(held.state("ask_decision_date"), State::Open);
}

#[test]
fn an_enquiry_after_the_end_departs() {
    let story = Story::rejected()
        .at("2026-03-10 10:00")
        .records("StatusEnquired enq_one in app_acme", by_phone());
    assert_eq!(
        story.departures()[0].reason,
        "The application had ended (rejected) before."
    );
}

#[test]
fn silence_has_three_degrees_and_is_no_rejection() {
    let story = Story::interviewed();
    let status = |moment| story.clone().at(moment).status("app_acme");
    assert_eq!(status("2026-03-16 08:59"), Status::Awaiting);
    assert_eq!(status("2026-03-16 09:00"), Status::Quiet);
    assert_eq!(status("2026-03-30 09:00"), Status::Silent);
    assert_eq!(status("2026-04-16 14:59"), Status::Silent);
    assert_eq!(status("2026-04-16 15:00"), Status::PresumedClosed);
}

#[test]
fn silence_counts_from_the_promised_date_where_that_is_later() {
    let story = promised();
    let status = |moment| story.clone().at(moment).status("app_acme");
    assert_eq!(status("2026-03-20 08:59"), Status::Awaiting);
    assert_eq!(status("2026-03-20 09:00"), Status::Quiet);
}

#[test]
fn any_word_of_theirs_ends_silence() {
    let silent = Story::interviewed().at("2026-04-20 10:00");
    assert_eq!(silent.status("app_acme"), Status::PresumedClosed);
    let asked = silent
        .clone()
        .records("DocumentRequested doc_cv in app_acme", json!({"document": "your CV"}));
    assert_eq!(asked.status("app_acme"), Status::Awaiting);
    let invited = silent.schedules(
        "int_two in app_acme",
        "2026-04-27T14:00:00+02:00",
        "2026-04-27T15:00:00+02:00",
    );
    assert_eq!(invited.status("app_acme"), Status::Interviewing);
}

#[test]
fn advice_says_when_whom_and_how_to_ask() {
    let told = |story: &Story, now: &str| {
        let candidate = story.candidate();
        let application = candidate.application(application("app_acme")).expect("an application");
        advice(&candidate, application, crate::given::moment(now))
    };
    let story = promised();
    let early = told(&story, "2026-03-05 10:00");
    assert!(!early.allowed);
    assert_eq!(
        early.earliest_at.expect("a moment").to_string(),
        "2026-03-09T09:00:00+01:00"
    );
    assert_eq!(early.contact, crate::given::id("con_anna").try_into().ok());
    assert_eq!(early.channel, Channel::Phone);
    assert_eq!(
        early.why,
        "They promised to decide by 6 March 2026: ask from Monday 9 March 2026, 09:00 on."
    );
    assert!(told(&story, "2026-03-09 09:00").allowed);
    let unpromised = told(&Story::interviewed(), "2026-03-05 10:00");
    assert_eq!(
        unpromised.why,
        "They have not had their time yet: ask from Monday 9 March 2026, 09:00 on."
    );
    let ahead = told(&Story::invited(), "2026-03-01 10:00");
    assert_eq!((ahead.allowed, ahead.earliest_at), (false, None));
    assert_eq!(ahead.why, "An interview lies ahead: ask there.");
    assert_eq!(
        told(&Story::rejected(), "2026-03-05 10:00").why,
        "The application has ended."
    );
    let nothing = told(&Story::applied(), "2026-03-05 10:00").why;
    assert_eq!(
        nothing,
        "There is nothing to enquire about yet, or two enquiries stand unanswered."
    );
}
