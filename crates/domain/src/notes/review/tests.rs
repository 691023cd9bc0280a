use serde_json::{Value, json};

use crate::{given::Story, play::State};

fn error(id: &str) -> Value {
    json!({"id": id, "rule": "name_misspelled", "severity": "error", "message": "On record the name is “Berg”.",
        "suggestions": ["Berg"], "why": "People notice their own name.",
        "span": {"field": "body", "start": 5, "end": 10, "byte_start": 5, "byte_end": 10}})
}

fn found(revision: u32, findings: &[Value]) -> Value {
    json!({"revision": revision, "ruleset": "2026.11", "findings": findings})
}

/// A thank-you to Anna has a first text.
fn drafted() -> Story {
    let note = json!({"kind": "thank_you", "recipients": ["con_anna"], "channel": "email", "interview": "int_one",
        "body": "Dear Ms Bergh, thank you."});
    Story::interviewed().records("NoteDrafted note_one", note)
}

#[test]
fn every_revision_with_text_is_to_be_reviewed_by_when_what_it_serves_is_due() {
    let story = drafted();
    let task = story.task("review_note");
    assert_eq!(task.title, "Review the thank-you note before it goes out");
    assert_eq!(task.action.operation, "record_note_reviewed");
    assert_eq!(task.due_at, story.task("write_thank_you").due_at);
    assert_eq!(story.state("review_note"), State::Open);
    let empty = json!({"kind": "other", "recipients": ["con_anna"], "channel": "email"});
    assert!(
        Story::interviewed()
            .records("NoteDrafted note_one", empty.clone())
            .tasks("review_note")
            .is_empty()
    );
    let of_its_own = Story::interviewed().records("NoteDrafted note_one", empty).records(
        "NoteRevised of note_one",
        json!({"body": "Dear Anna, my number has changed."}),
    );
    assert_eq!(
        of_its_own.task("review_note").due_at,
        None,
        "it serves nothing that is due"
    );
}

#[test]
fn a_review_without_errors_closes_the_task() {
    let warning = json!({"id": "fnd_1", "rule": "informal", "severity": "warning", "message": "An informal word.", "why": "Tone."});
    let story = drafted().records("NoteReviewed of note_one", found(1, &[warning]));
    assert_eq!(story.state("review_note"), State::Done);
    let note = &story.candidate().notes.values().next().cloned().expect("a note");
    assert_eq!(note.review.as_ref().map(|review| review.findings.len()), Some(1));
}

#[test]
fn an_error_is_mended_or_waived() {
    let story = drafted().records("NoteReviewed of note_one", found(1, &[error("fnd_1"), error("fnd_2")]));
    assert_eq!(story.state("review_note"), State::Open);
    let mended = story
        .clone()
        .records("NoteRevised of note_one", json!({"body": "Dear Ms Berg, thank you."}));
    let states: Vec<State> = mended.tasks("review_note").iter().map(|task| task.state).collect();
    assert!(
        states.contains(&State::Done) && states.contains(&State::Open),
        "the next revision is looked at anew"
    );
    let waive = |finding: &str| json!({"finding": finding, "reason": "She writes it so."});
    let half = story.records("FindingWaived of note_one", waive("fnd_1"));
    assert_eq!(half.state("review_note"), State::Open);
    let whole = half.records("FindingWaived of note_one", waive("fnd_2"));
    assert_eq!(whole.state("review_note"), State::Done);
    assert_eq!(whole.task("review_note").closed_with, Some(whole.newest().at.event));
}

#[test]
fn a_note_that_goes_out_unreviewed_departs_from_the_playbook() {
    let story = drafted().records("NoteSent of note_one", json!({}));
    let departure = &story.newest().departures[0];
    assert_eq!(
        (departure.play.as_str(), departure.reason.as_str()),
        ("review_note", "It went out without a review.")
    );
    assert_eq!(story.state("review_note"), State::Done);
    let reviewed = drafted()
        .records("NoteReviewed of note_one", found(1, &[]))
        .records("NoteSent of note_one", json!({}));
    assert!(reviewed.newest().departures.is_empty());
}

#[test]
fn a_note_that_goes_out_with_open_errors_departs_from_the_playbook() {
    let story = drafted().records("NoteReviewed of note_one", found(1, &[error("fnd_1")]));
    let sent = story.clone().records("NoteSent of note_one", json!({}));
    assert_eq!(
        sent.newest().departures[0].reason,
        "It went out with an open error: On record the name is “Berg”."
    );
    let waived = story
        .records(
            "FindingWaived of note_one",
            json!({"finding": "fnd_1", "reason": "She writes it so."}),
        )
        .records("NoteSent of note_one", json!({}));
    assert!(waived.newest().departures.is_empty());
    let mended = drafted()
        .records("NoteReviewed of note_one", found(1, &[]))
        .records("NoteRevised of note_one", json!({"body": "Dear Ms Berg, thank you."}))
        .records("NoteSent of note_one", json!({}));
    assert_eq!(
        mended.newest().departures[0].reason,
        "It went out without a review.",
        "the review was of the text before"
    );
}

#[test]
fn what_is_not_there_is_neither_reviewed_nor_waived() {
    let story = drafted();
    story
        .clone()
        .refuses("NoteReviewed of note_one", found(2, &[]), "invalid");
    let unknown = json!({"finding": "fnd_9", "reason": "No."});
    story
        .clone()
        .refuses("FindingWaived of note_one", unknown, "unknown_reference");
    let discarded = story.records("NoteDiscarded of note_one", json!({}));
    assert_eq!(discarded.state("review_note"), State::Done);
    discarded.refuses("NoteReviewed of note_one", found(1, &[]), "note_discarded");
}

#[test]
fn a_reply_to_a_rejection_is_gracious_as_its_review_says() {
    let reply = json!({"kind": "rejection_thanks", "recipients": ["con_anna"], "channel": "email", "application": "app_acme",
        "body": "Dear Anna, I disagree."});
    let story = Story::interviewed()
        .records("RejectionReceived rej_one in app_acme", json!({"channel": "email"}))
        .records("NoteDrafted note_one", reply);
    let gracious = |story: &Story| {
        let candidate = story.candidate();
        let application = candidate
            .application(crate::given::application("app_acme"))
            .expect("an application");
        let rejection = application.newest_rejection().expect("a rejection");
        rejection
            .view(&candidate, application, crate::given::moment("2026-03-09T10:00:00Z"))
            .gracious
    };
    assert_eq!(gracious(&story), None);
    assert_eq!(
        story.state("review_note"),
        State::Open,
        "a rejection does not make the reply to it pointless"
    );
    let argument =
        json!({"id": "fnd_1", "rule": "argument", "severity": "error", "message": "An argument.", "why": "Grace."});
    let argued = story.records("NoteReviewed of note_one", found(1, &[argument]));
    assert_eq!(gracious(&argued), Some(false));
    let mended = argued
        .records(
            "NoteRevised of note_one",
            json!({"body": "Dear Anna, thank you for letting me know."}),
        )
        .records("NoteReviewed of note_one", found(2, &[]))
        .records("NoteSent of note_one", json!({}));
    assert_eq!(gracious(&mended), Some(true));
}

#[test]
fn an_outcome_takes_the_reason_from_a_letter_begun_before_it() {
    let story = drafted().records("ApplicationWithdrawn of app_acme", json!({}));
    assert_eq!(story.state("review_note"), State::Void);
}

#[test]
fn an_erased_contact_is_in_no_finding() {
    let story = drafted()
        .records("NoteReviewed of note_one", found(1, &[error("fnd_1")]))
        .records("ContactErased of con_anna", json!({}));
    let log = format!("{:?}", story.candidate().history());
    assert!(!log.contains("“Berg”"), "{log}");
}
