use serde_json::{Value, json};

use crate::{given::Story, play::State};

fn question(reception: &str) -> Value {
    json!({"interview": "int_one", "question": "Tell me about a failure.", "category": "behavioural",
        "answer": "I blamed the supplier.", "reception": reception, "better_answer": "What I changed afterwards."})
}

fn asked(reception: &str) -> Story {
    Story::interviewed()
        .at("2026-03-02 17:00")
        .records("QuestionRecorded qst_failure", question(reception))
}

fn planned(by: &str) -> Story {
    asked("poorly").records(
        "RepairPlanned rpr_one",
        json!({"question": "qst_failure", "by": by, "text": "What I changed afterwards."}),
    )
}

#[test]
fn an_interview_is_looked_back_at_within_four_hours() {
    let story = Story::interviewed();
    assert_eq!(story.dates("debrief").1, "2026-03-02T19:00:00+01:00");
    let done = story.clone().at("2026-03-02 18:00").records(
        "DebriefCompleted of int_one",
        json!({"overall": 4, "unsaid_strengths": ["I speak Danish"], "lessons": ["Breathe."]}),
    );
    assert_eq!(done.state("debrief"), State::Done);
    assert!(done.departures().is_empty());
    done.refuses("DebriefCompleted of int_one", json!({"overall": 4}), "already_recorded");
    for overall in [0, 6] {
        let refusal = story.refuses("DebriefCompleted of int_one", json!({"overall": overall}), "invalid");
        assert_eq!(refusal.fields[0].0, "/overall");
    }
    let late = story
        .at("2026-03-03 09:00")
        .records("DebriefCompleted of int_one", json!({"overall": 3}));
    assert_eq!(late.departed(), ["debrief"]);
}

#[test]
fn what_has_not_begun_or_was_cancelled_cannot_be_looked_back_at() {
    Story::invited().refuses(
        "DebriefCompleted of int_one",
        json!({"overall": 4}),
        "interview_not_begun",
    );
    Story::invited().refuses("QuestionRecorded qst_one", question("well"), "interview_not_begun");
    let cancelled = Story::invited().records("InterviewCancelled of int_one", json!({"by": "organisation"}));
    cancelled
        .at("2026-03-03 09:00")
        .refuses("QuestionRecorded qst_one", question("well"), "interview_cancelled");
}

#[test]
fn an_answer_received_poorly_is_to_be_made_good_with_the_thank_you() {
    let story = asked("poorly");
    assert_eq!(story.dates("plan_repair").1, story.dates("write_thank_you").1);
    assert_eq!(planned("follow_up").state("plan_repair"), State::Done);
    assert_eq!(asked("well").tasks("plan_repair").len(), 0);
}

#[test]
fn a_repair_in_the_follow_up_is_made_by_a_note_that_goes_to_that_interview() {
    let story = planned("follow_up");
    assert_eq!(story.dates("make_repair").1, "2026-03-03T15:00:00+01:00");
    let thanked = story.clone().at("2026-03-02 20:00").writes("note_thanks", "thank_you");
    assert_eq!(thanked.state("make_repair"), State::Done);
    let other = story
        .clone()
        .at("2026-03-02 20:00")
        .writes("note_enquiry", "status_enquiry");
    assert_eq!(other.state("make_repair"), State::Open);
    let made = story.records("RepairMade of rpr_one", json!({"remark": "On the phone."}));
    assert_eq!(made.state("make_repair"), State::Done);
    made.refuses("RepairMade of rpr_one", json!({}), "already_recorded");
}

#[test]
fn a_note_that_went_out_before_the_plan_makes_nothing_good() {
    let story = asked("poorly")
        .writes("note_thanks", "thank_you")
        .at("2026-03-02 21:00")
        .records(
            "RepairPlanned rpr_one",
            json!({"question": "qst_failure", "by": "follow_up", "text": "What I changed."}),
        );
    assert_eq!(story.state("make_repair"), State::Open);
}

#[test]
fn a_repair_in_the_next_interview_is_due_when_it_begins_and_outlives_the_outcome() {
    let story = planned("next_interview");
    assert_eq!(story.task("make_repair").due_at, None);
    let next = story.clone().schedules(
        "int_two in app_acme",
        "2026-03-09T14:00:00+01:00",
        "2026-03-09T15:00:00+01:00",
    );
    assert_eq!(next.dates("make_repair").1, "2026-03-09T14:00:00+01:00");
    assert_eq!(story.gets_rejected().state("make_repair"), State::Open);
    assert_eq!(planned("follow_up").gets_rejected().state("make_repair"), State::Void);
}

#[test]
fn the_practice_list_adds_up_kinds_of_questions_those_that_went_worst_first() {
    let story = asked("poorly")
        .at("2026-03-02 17:10")
        .records("QuestionRecorded qst_two", question("well"))
        .records(
            "QuestionRecorded qst_why",
            json!({"interview": "int_one", "question": "Why us?", "category": "motivation", "answer": "Because.",
                "reception": "neutral"}),
        );
    let practice = story.candidate().practice();
    let kinds: Vec<_> = practice
        .iter()
        .map(|it| (it.category, it.asked, it.well, it.neutral, it.poorly))
        .collect();
    assert_eq!(
        kinds,
        [
            (super::Category::Behavioural, 2, 1, 0, 1),
            (super::Category::Motivation, 1, 0, 1, 0)
        ]
    );
    assert_eq!(
        practice[0].questions[0].reception,
        super::Reception::Well,
        "the latest first"
    );
}
