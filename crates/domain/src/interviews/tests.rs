use serde_json::json;

use crate::{applications::Status, given::Story, play::State};

#[test]
fn an_interview_is_to_be_recorded_within_four_hours_of_its_end() {
    let story = Story::invited();
    assert_eq!(story.status("app_acme"), Status::Interviewing);
    assert_eq!(story.state("record_interview"), State::Waiting);
    let dates = ("2026-03-02T15:00:00+01:00".into(), "2026-03-02T19:00:00+01:00".into());
    assert_eq!(story.dates("record_interview"), dates);
    assert_eq!(
        story.clone().at("2026-03-02 15:00").state("record_interview"),
        State::Open
    );
    assert_eq!(story.at("2026-03-02 19:00").state("record_interview"), State::Overdue);
}

#[test]
fn an_interview_that_ended_early_departs_from_nothing() {
    let story = Story::invited().at("2026-03-02 14:50").records(
        "InterviewHeld of int_one",
        json!({"ended_at": "2026-03-02T14:45:00+01:00"}),
    );
    assert_eq!(story.state("record_interview"), State::Done);
    assert_eq!(story.departures(), []);
}

#[test]
fn a_cancelled_interview_need_not_be_recorded() {
    let story = Story::invited().records("InterviewCancelled of int_one", json!({"by": "candidate"}));
    assert_eq!(story.state("record_interview"), State::Done);
    assert_eq!(story.departures(), []);
    assert_eq!(story.status("app_acme"), Status::Opened);
    assert_eq!(story.asks(), Vec::<&str>::new());
}

#[test]
fn a_moved_interview_moves_its_task() {
    let moved = json!({"starts_at": "2026-03-05T10:00:00Z", "ends_at": "2026-03-05T11:00:00Z",
        "time_zone": "Europe/London", "format": "video", "location": "Room 2"});
    let story = Story::invited().records("InterviewRescheduled of int_one", moved);
    let dates = ("2026-03-05T11:00:00Z".into(), "2026-03-05T15:00:00Z".into());
    assert_eq!(story.dates("record_interview"), dates);
}

#[test]
fn what_follows_an_interview_is_dated_in_its_zone() {
    let times = json!({"starts_at": "2026-03-07T23:30:00-05:00", "ends_at": "2026-03-08T00:30:00-05:00",
        "time_zone": "America/New_York", "format": "video", "interviewers": ["con_anna"]});
    let story = Story::invited()
        .records("InterviewCancelled of int_one", json!({"by": "organisation"}))
        .records("InterviewScheduled int_two in app_acme", times)
        .at("2026-03-08T06:00:00Z")
        .records(
            "InterviewHeld of int_two",
            json!({"ended_at": "2026-03-08T00:30:00-05:00"}),
        );
    // The clocks go forward that night: 24 hours later it is half past one.
    assert_eq!(story.dates("write_thank_you").1, "2026-03-09T01:30:00-04:00");
    // Five working days after a Sunday.
    let dates = ("2026-03-13T09:00:00-04:00".into(), "2026-03-17T17:00:00-04:00".into());
    assert_eq!(story.dates("enquire_status"), dates);
}

#[test]
fn whoever_was_there_is_named_within_twelve_hours() {
    let nobody = json!({"ended_at": "2026-03-02T15:00:00+01:00", "interviewers": []});
    let story = Story::invited()
        .at("2026-03-02 15:10")
        .records("InterviewHeld of int_one", nobody);
    let dates = ("2026-03-02T15:00:00+01:00".into(), "2026-03-03T03:00:00+01:00".into());
    assert_eq!(story.dates("name_interviewers"), dates);
    assert_eq!(story.tasks("write_thank_you").len(), 0);
    let named = story.records("InterviewersNamed of int_one", json!({"interviewers": ["con_anna"]}));
    assert_eq!(named.state("name_interviewers"), State::Done);
    assert_eq!(named.state("write_thank_you"), State::Open);
}

#[test]
fn nobody_need_be_named_who_was_named_before() {
    assert_eq!(Story::interviewed().tasks("name_interviewers").len(), 0);
}

#[test]
fn an_outcome_voids_the_question_who_was_there() {
    let nobody = json!({"ended_at": "2026-03-02T15:00:00+01:00", "interviewers": []});
    let story = Story::invited()
        .at("2026-03-02 15:10")
        .records("InterviewHeld of int_one", nobody)
        .gets_rejected();
    assert_eq!(story.state("name_interviewers"), State::Void);
}

#[test]
fn rounds_count_up_and_leave_cancelled_interviews_out() {
    let story = Story::invited()
        .records("InterviewCancelled of int_one", json!({"by": "organisation"}))
        .schedules(
            "int_two in app_acme",
            "2026-03-03T14:00:00+01:00",
            "2026-03-03T15:00:00+01:00",
        )
        .schedules(
            "int_three in app_acme",
            "2026-03-09T14:00:00+01:00",
            "2026-03-09T15:00:00+01:00",
        );
    let candidate = story.candidate();
    let round = |name| {
        let id = crate::given::id(name).try_into().expect("an interview");
        candidate.interview(id).expect("an interview").round
    };
    assert_eq!([round("int_one"), round("int_two"), round("int_three")], [1, 1, 2]);
}

#[test]
fn a_repeated_request_gets_the_round_that_was_given() {
    let again = json!({"starts_at": "2026-03-02T14:00:00+01:00", "ends_at": "2026-03-02T15:00:00+01:00",
        "time_zone": "Europe/Berlin", "format": "onsite", "interviewers": ["con_anna"]});
    let story = Story::invited();
    let count = story.events().len();
    let story = story.records("InterviewScheduled int_one in app_acme as evt_4", again);
    assert_eq!(story.events().len(), count);
}

#[test]
fn an_interview_ends_after_it_starts() {
    let times = json!({"starts_at": "2026-03-02T14:00:00+01:00", "ends_at": "2026-03-02T14:00:00+01:00",
        "time_zone": "Europe/Berlin", "format": "onsite"});
    let refusal = Story::applied().refuses("InterviewScheduled int_one in app_acme", times, "ends_before_start");
    assert_eq!(refusal.fields[0].0, "/ends_at");
}

#[test]
fn an_offset_that_the_zone_denies_is_refused() {
    let times = json!({"starts_at": "2026-07-02T14:00:00+01:00", "ends_at": "2026-07-02T15:00:00+01:00",
        "time_zone": "Europe/Berlin", "format": "onsite"});
    let refusal = Story::applied().refuses("InterviewScheduled int_one in app_acme", times, "invalid");
    let told = "has an offset that Europe/Berlin does not use then: it would be 2026-07-02T15:00:00+02:00";
    assert_eq!(refusal.fields[0], ("/starts_at".into(), told.into()));
    let held = json!({"ended_at": "2026-03-02T15:00:00+02:00"});
    Story::invited()
        .at("2026-03-02 16:00")
        .refuses("InterviewHeld of int_one", held, "invalid");
}

#[test]
fn a_round_is_a_small_number() {
    let times = json!({"starts_at": "2026-03-02T14:00:00Z", "ends_at": "2026-03-02T15:00:00Z",
        "time_zone": "Europe/Berlin", "format": "onsite", "round": 0});
    Story::applied().refuses("InterviewScheduled int_one in app_acme", times, "invalid");
}

#[test]
fn an_interview_is_not_held_before_it_began() {
    let held = json!({"ended_at": "2026-03-02T13:00:00+01:00"});
    Story::invited()
        .at("2026-03-02 16:00")
        .refuses("InterviewHeld of int_one", held, "interview_not_begun");
}

#[test]
fn an_interview_is_not_held_in_the_future() {
    let held = json!({"ended_at": "2026-03-02T15:00:00+01:00"});
    let refusal = Story::invited()
        .at("2026-03-02 14:30")
        .refuses("InterviewHeld of int_one", held, "invalid");
    assert_eq!(refusal.fields[0].0, "/ended_at");
}

#[test]
fn an_interview_is_held_or_cancelled_once() {
    let held = json!({"ended_at": "2026-03-02T15:00:00+01:00"});
    let moved = json!({"starts_at": "2026-03-05T10:00:00Z", "ends_at": "2026-03-05T11:00:00Z",
        "time_zone": "Europe/London"});
    let story = Story::interviewed();
    story.refuses("InterviewHeld of int_one", held.clone(), "already_recorded");
    story.refuses(
        "InterviewCancelled of int_one",
        json!({"by": "candidate"}),
        "interview_already_held",
    );
    story.refuses(
        "InterviewRescheduled of int_one",
        moved.clone(),
        "interview_already_held",
    );
    let story = Story::invited()
        .records("InterviewCancelled of int_one", json!({"by": "organisation"}))
        .at("2026-03-02 16:00");
    story.refuses(
        "InterviewCancelled of int_one",
        json!({"by": "organisation"}),
        "already_recorded",
    );
    story.refuses("InterviewHeld of int_one", held, "interview_cancelled");
    story.refuses("InterviewRescheduled of int_one", moved, "interview_cancelled");
}

#[test]
fn whoever_is_named_must_be_known() {
    let strangers = json!({"interviewers": ["con_anna", "con_nobody"]});
    let refusal = Story::invited().refuses("InterviewersNamed of int_one", strangers, "unknown_reference");
    assert_eq!(refusal.fields[0].0, "/interviewers/1");
}

#[test]
fn an_interview_held_as_long_ago_as_it_was_is_dated_by_its_end() {
    let story = Story::invited().at("2026-03-20 12:00").records(
        "InterviewHeld of int_one",
        json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
    );
    assert_eq!(story.newest().at.occurred_at, crate::given::moment("2026-03-02 15:00"));
    assert_eq!(story.state("write_thank_you"), State::Overdue);
}
