use serde_json::json;

use crate::{given::Story, play::State};

/// Acme asks for references on Tuesday, 3 March, at ten.
fn asked() -> Story {
    Story::interviewed().at("2026-03-03 10:00").records(
        "DocumentRequested doc_refs in app_acme",
        json!({"document": "your references"}),
    )
}

#[test]
fn a_request_is_answered_within_24_hours() {
    let story = asked();
    let task = story.task("answer_document_request");
    assert_eq!(
        task.title,
        "Send your references to Acme, or tell them how it is coming along"
    );
    assert_eq!(story.dates("answer_document_request").1, "2026-03-04T10:00:00+01:00");
    assert_eq!(story.state("answer_document_request"), State::Open);
    assert_eq!(
        story.at("2026-03-04 10:00").state("answer_document_request"),
        State::Overdue
    );
}

#[test]
fn a_request_is_due_sooner_where_it_is_needed_sooner() {
    let needed = json!({"document": "your diploma", "needed_by": "2026-03-03"});
    let story = asked().records("DocumentRequested doc_diploma in app_acme", needed);
    let due: Vec<_> = story
        .tasks("answer_document_request")
        .iter()
        .map(|task| task.due_at)
        .collect();
    assert!(
        due.iter()
            .flatten()
            .any(|due| due.to_string() == "2026-03-03T17:00:00+01:00")
    );
}

#[test]
fn a_need_that_lies_further_off_gives_no_more_time() {
    let needed = json!({"document": "your diploma", "needed_by": "2026-03-20"});
    let story = Story::applied()
        .at("2026-03-03 10:00")
        .records("DocumentRequested doc_diploma in app_acme", needed);
    assert_eq!(story.dates("answer_document_request").1, "2026-03-04T09:00:00Z");
}

#[test]
fn only_sending_it_or_its_withdrawal_ends_the_task() {
    let sent = asked()
        .at("2026-03-04 09:00")
        .records("DocumentSent of doc_refs", json!({"channel": "email"}));
    let task = sent.task("answer_document_request");
    assert_eq!(task.state, State::Done);
    assert_eq!(task.closed_with, Some(sent.newest().at.event));
    assert!(sent.departures().is_empty());
    let withdrawn = asked().records("DocumentRequestWithdrawn of doc_refs", json!({}));
    assert_eq!(withdrawn.state("answer_document_request"), State::Done);
}

#[test]
fn a_word_on_progress_moves_the_task_to_the_day_it_promises() {
    let story = asked().records(
        "DocumentDelayReported of doc_refs",
        json!({"expected_on": "2026-03-10"}),
    );
    assert_eq!(story.dates("answer_document_request").1, "2026-03-10T17:00:00+01:00");
    assert_eq!(story.newest().tasks.changed.len(), 1);
    let again = story.at("2026-03-10 16:00").records(
        "DocumentDelayReported of doc_refs",
        json!({"expected_on": "2026-03-12"}),
    );
    assert_eq!(again.dates("answer_document_request").1, "2026-03-12T17:00:00+01:00");
    assert_eq!(again.state("answer_document_request"), State::Open);
}

#[test]
fn the_latest_word_on_progress_counts_whatever_was_recorded_first() {
    let story = asked()
        .at("2026-03-05 10:00")
        .records(
            "DocumentDelayReported of doc_refs",
            json!({"expected_on": "2026-03-12"}),
        )
        .records(
            "DocumentDelayReported of doc_refs on 2026-03-03T12:00:00+01:00",
            json!({"expected_on": "2026-03-06"}),
        );
    assert_eq!(story.dates("answer_document_request").1, "2026-03-12T17:00:00+01:00");
}

#[test]
fn a_late_answer_is_recorded_as_a_departure() {
    let late = asked().at("2026-03-05 10:00");
    let sent = late
        .clone()
        .records("DocumentSent of doc_refs", json!({"channel": "email"}));
    let departures = sent.departures();
    assert_eq!(departures.len(), 1);
    assert_eq!(departures[0].play, "answer_document_request");
    assert_eq!(departures[0].reason, "This was due by Wednesday 4 March 2026, 10:00.");
    assert_eq!(
        departures[0].due_at.map(|due| due.to_string()),
        Some("2026-03-04T10:00:00+01:00".into())
    );
    let delayed = late.records(
        "DocumentDelayReported of doc_refs",
        json!({"expected_on": "2026-03-10"}),
    );
    assert_eq!(delayed.departed(), ["answer_document_request"]);
}

#[test]
fn that_they_no_longer_want_it_departs_from_nothing() {
    let story = asked()
        .at("2026-03-05 10:00")
        .records("DocumentRequestWithdrawn of doc_refs", json!({}));
    assert!(story.departures().is_empty());
}

#[test]
fn a_progress_message_is_the_word_on_progress() {
    let note = json!({"kind": "document_progress", "recipients": ["con_anna"], "channel": "email",
        "about": "doc_refs", "expected_on": "2026-03-09"});
    let story = asked()
        .records("NoteDrafted note_progress", note)
        .records("NoteSent of note_progress", json!({}));
    assert_eq!(story.dates("answer_document_request").1, "2026-03-09T17:00:00+01:00");
    assert!(story.departures().is_empty());
}

#[test]
fn a_progress_message_without_a_day_buys_another_24_hours() {
    let note =
        json!({"kind": "document_progress", "recipients": ["con_anna"], "channel": "email", "about": "doc_refs"});
    let story = asked()
        .at("2026-03-04 09:00")
        .records("NoteDrafted note_progress", note)
        .records("NoteSent of note_progress", json!({}));
    assert_eq!(story.dates("answer_document_request").1, "2026-03-05T09:00:00+01:00");
}

#[test]
fn twenty_four_hours_are_hours_when_the_clocks_change() {
    let story = Story::interviewed()
        .at("2026-03-28 15:00")
        .records("DocumentRequested doc_cv in app_acme", json!({"document": "your CV"}));
    assert_eq!(story.dates("answer_document_request").1, "2026-03-29T16:00:00+02:00");
}

#[test]
fn a_document_is_sent_once() {
    let story = asked().records("DocumentSent of doc_refs", json!({"channel": "post"}));
    story.refuses(
        "DocumentSent of doc_refs",
        json!({"channel": "email"}),
        "already_recorded",
    );
    let story = asked().records("DocumentRequestWithdrawn of doc_refs", json!({}));
    story.refuses("DocumentRequestWithdrawn of doc_refs", json!({}), "already_recorded");
    // To send what nobody wants any more is unwise, not impossible.
    story.records("DocumentSent of doc_refs", json!({"channel": "email"}));
}

#[test]
fn an_outcome_voids_the_task_and_a_later_answer_departs() {
    let story = asked().gets_rejected();
    let task = story.task("answer_document_request");
    assert_eq!(
        (task.state, task.closed_with),
        (State::Void, Some(story.newest().at.event))
    );
    let sent = story
        .at("2026-03-03 11:00")
        .records("DocumentSent of doc_refs", json!({"channel": "email"}));
    assert_eq!(sent.departed(), ["answer_document_request"]);
    assert_eq!(sent.state("answer_document_request"), State::Done);
}
