use serde_json::json;

use super::NoteStatus;
use crate::{given::Story, play::State};

fn thanks() -> serde_json::Value {
    json!({"kind": "thank_you", "recipients": ["con_anna"], "channel": "email", "interview": "int_one"})
}

/// Round two, on Monday, 9 March 2026, with Bob alone.
fn twice_interviewed() -> Story {
    let bob = json!({"name": "Bob Stone", "email": "bob@acme.example", "preferred_channel": "email"});
    let times = json!({"starts_at": "2026-03-09T14:00:00+01:00", "ends_at": "2026-03-09T15:00:00+01:00",
        "time_zone": "Europe/Berlin", "format": "onsite", "interviewers": ["con_bob"]});
    Story::interviewed()
        .records("ContactCollected con_bob", bob)
        .records("InterviewScheduled int_two in app_acme", times)
        .at("2026-03-09 15:10")
        .records(
            "InterviewHeld of int_two",
            json!({"ended_at": "2026-03-09T15:00:00+01:00"}),
        )
}

#[test]
fn each_interviewer_is_thanked_within_24_hours_of_the_end() {
    let story = Story::interviewed();
    let task = story.task("write_thank_you");
    assert_eq!(task.title, "Thank Anna Berg for the interview at Acme");
    assert_eq!(task.raised_by, [story.newest().at.event]);
    let dates = ("2026-03-02T15:00:00+01:00".into(), "2026-03-03T15:00:00+01:00".into());
    assert_eq!(story.dates("write_thank_you"), dates);
    assert_eq!(story.state("write_thank_you"), State::Open);
    assert_eq!(story.at("2026-03-03 15:00").state("write_thank_you"), State::Overdue);
}

#[test]
fn the_action_asks_for_a_draft() {
    let action = Story::interviewed().task("write_thank_you").action;
    assert_eq!(action.operation, "suggest_notes");
    assert!(action.href.ends_with("/notes/suggestions"));
    assert_eq!(
        action.body["recipients"],
        json!([crate::given::id("con_anna").to_string()])
    );
    assert_eq!(action.body["interview"], json!(crate::given::id("int_one").to_string()));
}

#[test]
fn a_letter_is_posted_on_the_last_working_day_before_it_is_due() {
    let story = Story::interviewed();
    let post_by = story.task("write_thank_you").post_by.expect("a posting time");
    assert_eq!(post_by.to_string(), "2026-03-03T15:00:00+01:00");
    let friday = Story::invited()
        .records("InterviewCancelled of int_one", json!({"by": "candidate"}))
        .schedules(
            "int_two in app_acme",
            "2026-03-06T14:00:00+01:00",
            "2026-03-06T15:00:00+01:00",
        )
        .at("2026-03-06 15:10")
        .records(
            "InterviewHeld of int_two",
            json!({"ended_at": "2026-03-06T15:00:00+01:00"}),
        );
    let post_by = friday.task("write_thank_you").post_by.expect("a posting time");
    assert_eq!(post_by.to_string(), "2026-03-06T17:00:00+01:00");
}

#[test]
fn a_note_that_names_the_interviewer_closes_the_task() {
    let story = Story::interviewed()
        .records("NoteDrafted note_thanks", thanks())
        .at("2026-03-02 20:00");
    assert_eq!(story.state("write_thank_you"), State::Open);
    let sent = story.records("NoteSent of note_thanks", json!({}));
    let task = sent.task("write_thank_you");
    assert_eq!(
        (task.state, task.closed_with),
        (State::Done, Some(sent.newest().at.event))
    );
    assert_eq!(task.closed_at.expect("closed").to_string(), "2026-03-02T20:00:00+01:00");
    assert_eq!(sent.newest().tasks.closed.len(), 1);
    assert_eq!(sent.departures(), []);
}

#[test]
fn a_note_to_others_closes_nothing() {
    let story = Story::interviewed()
        .records("NoteDrafted note_thanks", thanks())
        .records("ContactCollected con_bob", json!({"name": "Bob Stone"}))
        .records("NoteSent of note_thanks", json!({"recipients": ["con_bob"]}));
    assert_eq!(story.state("write_thank_you"), State::Open);
}

#[test]
fn a_late_note_is_a_departure() {
    let story = Story::interviewed()
        .at("2026-03-04 10:00")
        .writes("note_thanks", "thank_you");
    assert_eq!(
        story.departures()[0].reason,
        "This was due by Tuesday 3 March 2026, 15:00."
    );
    assert_eq!(story.departed(), ["write_thank_you"]);
}

#[test]
fn every_round_has_its_own_thanks() {
    let story = twice_interviewed().writes("note_anna", "thank_you");
    let states: Vec<_> = story.tasks("write_thank_you").iter().map(|task| task.state).collect();
    assert_eq!(
        states,
        [State::Done, State::Open],
        "a note without interview belongs to the round they were met in"
    );
    let bob = json!({"kind": "thank_you", "recipients": ["con_bob"], "channel": "email", "application": "app_acme"});
    let both = story
        .records("NoteDrafted note_bob", bob)
        .records("NoteSent of note_bob", json!({}));
    assert!(
        both.tasks("write_thank_you")
            .iter()
            .all(|task| task.state == State::Done)
    );
}

#[test]
fn one_thanks_is_enough_for_two_interviews_of_a_round() {
    let times = json!({"starts_at": "2026-03-02T16:00:00+01:00", "ends_at": "2026-03-02T17:00:00+01:00",
        "time_zone": "Europe/Berlin", "format": "onsite", "interviewers": ["con_anna"], "round": 1});
    let story = Story::interviewed()
        .records("InterviewScheduled int_two in app_acme", times)
        .at("2026-03-02 17:10")
        .records(
            "InterviewHeld of int_two",
            json!({"ended_at": "2026-03-02T17:00:00+01:00"}),
        );
    assert_eq!(story.tasks("write_thank_you").len(), 1);
    assert_eq!(story.dates("write_thank_you").1, "2026-03-03T15:00:00+01:00");
}

#[test]
fn somebody_who_was_not_there_after_all_is_owed_nothing() {
    let story = Story::interviewed().records("InterviewersNamed of int_one", json!({"interviewers": []}));
    assert_eq!(story.state("write_thank_you"), State::Void);
    assert_eq!(story.newest().tasks.closed.len(), 1);
}

#[test]
fn an_outcome_voids_the_thanks() {
    let story = Story::rejected();
    assert_eq!(story.state("write_thank_you"), State::Void);
    assert_eq!(story.task("write_thank_you").closed_with, Some(story.newest().at.event));
}

#[test]
fn a_note_is_written_until_it_goes_out_or_is_discarded() {
    let draft = Story::interviewed()
        .records("NoteDrafted note_thanks", thanks())
        .records(
            "NoteRevised of note_thanks",
            json!({"body": "Thank you.", "subject_line": "Thanks"}),
        )
        .records(
            "NoteRevised of note_thanks",
            json!({"subject_line": null, "channel": "post"}),
        );
    let sent = draft.clone().records("NoteSent of note_thanks", json!({"revision": 3}));
    let candidate = sent.candidate();
    let note = candidate.notes.values().next().expect("a note");
    assert_eq!((note.status, note.revision), (NoteStatus::Sent, 3));
    assert_eq!(note.body.as_ref().map(|body| body.as_str()), Some("Thank you."));
    assert!(note.subject_line.is_none());
    for fact in ["NoteSent", "NoteDiscarded", "NoteRevised"] {
        sent.refuses(&format!("{fact} of note_thanks"), json!({}), "note_already_sent");
    }
    draft.refuses("NoteSent of note_thanks", json!({"revision": 4}), "invalid");
    let discarded = draft.records("NoteDiscarded of note_thanks", json!({"reason": "Said so by phone."}));
    for fact in ["NoteSent", "NoteDiscarded", "NoteRevised"] {
        discarded.refuses(&format!("{fact} of note_thanks"), json!({}), "note_discarded");
    }
}

#[test]
fn what_a_note_names_must_be_known_and_belong_together() {
    let story = Story::interviewed().applies("app_other", "Other");
    let stranger = json!({"kind": "other", "recipients": ["con_nobody"], "channel": "email"});
    story.refuses("NoteDrafted note_one", stranger, "unknown_reference");
    let astray = json!({"kind": "thank_you", "recipients": [], "channel": "email", "interview": "int_one",
        "application": "app_other"});
    let refusal = story.refuses("NoteDrafted note_one", astray, "invalid");
    assert_eq!(refusal.fields[0].0, "/interview");
    let story = story.records("NoteDrafted note_thanks", thanks());
    story.refuses(
        "NoteRevised of note_thanks",
        json!({"application": "app_other"}),
        "invalid",
    );
}

#[test]
fn a_note_belongs_to_the_application_of_what_it_serves() {
    let story = Story::interviewed().records("NoteDrafted note_thanks", thanks());
    assert_eq!(
        story.newest().at.application,
        Some(crate::given::application("app_acme"))
    );
}
