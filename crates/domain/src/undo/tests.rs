use serde_json::json;

use crate::{
    applications::Status,
    given::{Story, id},
    play::State,
};

fn wrong() -> serde_json::Value {
    json!({"reason": "A mistake."})
}

#[test]
fn what_was_taken_back_never_was() {
    let story = Story::interviewed().records("OfferReceived off_one in app_acme as evt_offer", json!({}));
    assert_eq!(story.status("app_acme"), Status::Offered);
    let undone = story.records("FactRetracted of evt_offer", wrong());
    assert_eq!(undone.status("app_acme"), Status::Awaiting);
    assert_eq!(undone.asks(), Story::interviewed().asks());
    assert_eq!(undone.state("answer_offer"), State::Void, "it stays to be seen");
    assert_eq!(undone.newest().tasks.closed.len(), 1);
    let candidate = undone.candidate();
    assert!(candidate.is_retracted(id("evt_offer").try_into().expect("an event")));
    let before = candidate.at_version(candidate.version - 1);
    let offer = before
        .tasks
        .values()
        .find(|task| task.play.name == "answer_offer")
        .expect("a task");
    assert_eq!(
        before.state_of(offer, before.recorded_at),
        State::Open,
        "an earlier look still sees it"
    );
}

#[test]
fn a_correction_keeps_ids_snoozes_and_dismissals() {
    let story = Story::invited()
        .at("2026-03-02 15:10")
        .records(
            "InterviewHeld of int_one as evt_held",
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
        .records("TaskDismissed of write_thank_you", json!({"reason": "No."}))
        .records(
            "TaskSnoozed of enquire_status",
            json!({"until_at": "2026-03-10T09:00:00Z"}),
        );
    let id = story.task("write_thank_you").id;
    let corrected = story.records("FactRetracted of evt_held", wrong()).records(
        "InterviewHeld of int_one",
        json!({"ended_at": "2026-03-02T14:50:00+01:00"}),
    );
    let task = corrected.task("write_thank_you");
    assert_eq!((task.id, task.state), (id, State::Dismissed));
    assert_eq!(corrected.dates("write_thank_you").1, "2026-03-03T14:50:00+01:00");
    assert!(corrected.task("enquire_status").snoozed_until.is_some());
}

#[test]
fn what_later_facts_rest_on_is_still_needed_and_they_are_listed() {
    let story = Story::begun()
        .records(
            "ApplicationOpened app_acme as evt_opened",
            json!({"organisation": {"name": "Acme"}, "position": "Cook"}),
        )
        .records(
            "DocumentRequested doc_cv in app_acme as evt_asked",
            json!({"document": "your CV"}),
        )
        .records("DocumentSent of doc_cv as evt_sent", json!({"channel": "email"}));
    let refusal = story.refuses("FactRetracted of evt_opened", wrong(), "still_needed");
    let needed: Vec<_> = refusal
        .fields
        .iter()
        .map(|(_, told)| told.split(':').next().unwrap_or_default())
        .collect();
    assert_eq!(needed, [id("evt_asked").to_string(), id("evt_sent").to_string()]);
    let refusal = story.refuses("FactRetracted of evt_asked", wrong(), "still_needed");
    assert_eq!(refusal.fields.len(), 1);
    story
        .records("FactRetracted of evt_sent", wrong())
        .records("FactRetracted of evt_asked", wrong())
        .records("FactRetracted of evt_opened", wrong());
}

#[test]
fn a_contact_that_was_named_is_still_needed() {
    let story = Story::invited();
    let collected = story
        .events()
        .iter()
        .find(|it| it.data.name() == "ContactCollected")
        .expect("a card");
    let refusal = story.refuses(
        &format!("FactRetracted of {}", collected.at.event),
        wrong(),
        "still_needed",
    );
    assert_eq!(refusal.fields.len(), 1);
}

#[test]
fn what_was_done_to_a_task_by_hand_does_not_hold_its_reason() {
    let story = Story::invited()
        .records(
            "DocumentRequested doc_cv in app_acme as evt_asked",
            json!({"document": "your CV"}),
        )
        .records(
            "TaskSnoozed of answer_document_request",
            json!({"until_at": "2026-03-10T09:00:00Z"}),
        )
        .records("FactRetracted of evt_asked", wrong());
    assert_eq!(story.state("answer_document_request"), State::Void);
}

#[test]
fn a_dismissal_can_be_taken_back() {
    let story = Story::interviewed()
        .records("TaskDismissed of write_thank_you as evt_no", json!({"reason": "No."}))
        .records("FactRetracted of evt_no", wrong());
    assert_eq!(story.state("write_thank_you"), State::Open);
}

#[test]
fn beginnings_erasures_and_retractions_stay() {
    let story = Story::interviewed()
        .records("OfferReceived off_one in app_acme as evt_offer", json!({}))
        .records("FactRetracted of evt_offer as evt_undone", wrong());
    story.refuses("FactRetracted of evt_undone", wrong(), "not_retractable");
    story.refuses("FactRetracted of evt_offer", wrong(), "already_recorded");
    let registered = story.events()[0].at.event;
    story.refuses(&format!("FactRetracted of {registered}"), wrong(), "not_retractable");
    story.refuses("FactRetracted of evt_none", wrong(), "not_found");
}

#[test]
fn a_departure_is_never_judged_again() {
    let story = Story::interviewed()
        .records(
            "DecisionDatePromised dec_one in app_acme as evt_promise",
            json!({"decide_by": "2026-04-30"}),
        )
        .at("2026-03-10 10:00")
        .records(
            "StatusEnquired enq_one in app_acme as evt_early",
            json!({"channel": "phone"}),
        )
        .records("FactRetracted of evt_promise", wrong());
    let candidate = story.candidate();
    let early = candidate
        .fact(id("evt_early").try_into().expect("an event"))
        .expect("a fact");
    assert_eq!(early.departures.len(), 1);
    // Without the promise the enquiry came in time, and closed its task.
    assert_eq!(story.tasks("enquire_status")[0].state, State::Done);
}

#[test]
fn of_many_that_rest_on_one_some_are_named_and_the_others_counted() {
    let card = json!({"name": "Bob Stone"});
    let mut story = Story::begun().records("ContactCollected con_bob as evt_card", card);
    for nth in 0..25 {
        story = story.records("ContactRevised of con_bob", json!({"title": format!("Cook {nth}")}));
    }
    let refusal = story.refuses("FactRetracted of evt_card", wrong(), "still_needed");
    assert_eq!(refusal.fields.len(), 21);
    assert_eq!(refusal.fields[20].1, "and 5 more");
}

#[test]
fn what_was_taken_back_is_folded_again_by_whoever_reads_the_log() {
    let story = Story::applied().records("OfferReceived off_one in app_acme as evt_offer", json!({}));
    let facts = story.candidate().history().len();
    assert_eq!(story.candidate().folds(), facts);
    let undone = story.records("FactRetracted of evt_offer", wrong());
    assert_eq!(undone.candidate().folds(), 2 * (facts + 1));
}
