use serde_json::json;

use super::ContactStatus;
use crate::{
    given::{Story, id},
    ids::ContactId,
    play::State,
};

/// Bob, of whom nothing but the name is known, interviewed as well.
fn interviewed_by_bob() -> Story {
    Story::invited()
        .records("ContactCollected con_bob", json!({"name": "Bob Stone"}))
        .records(
            "InterviewersNamed of int_one",
            json!({"interviewers": ["con_anna", "con_bob"]}),
        )
        .at("2026-03-02 15:10")
        .records(
            "InterviewHeld of int_one",
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
}

#[test]
fn an_interviewers_card_with_a_gap_is_completed_within_twelve_hours() {
    let story = interviewed_by_bob();
    let task = story.task("complete_card");
    assert_eq!(
        task.title,
        "Complete Bob Stone's card: a way to write to them, and how they like to be contacted"
    );
    assert_eq!(task.action.method, "PATCH");
    assert_eq!(task.action.body, json!({"email": null, "preferred_channel": "email"}));
    let dates = ("2026-03-02T15:00:00+01:00".into(), "2026-03-03T03:00:00+01:00".into());
    assert_eq!(story.dates("complete_card"), dates);
    assert_eq!(story.tasks("complete_card").len(), 1);
    assert_eq!(story.at("2026-03-03 03:00").state("complete_card"), State::Overdue);
}

#[test]
fn a_card_is_complete_with_an_address_of_either_kind_and_a_channel() {
    let story = interviewed_by_bob().records("ContactRevised of con_bob", json!({"email": "bob@acme.example"}));
    assert_eq!(story.state("complete_card"), State::Open);
    let done = story
        .clone()
        .records("ContactRevised of con_bob", json!({"preferred_channel": "email"}));
    assert_eq!(done.state("complete_card"), State::Done);
    let address = json!({"postal_address": {"lines": ["1 Main St"], "city": "Ulm", "postal_code": "89073", "country": "DE"},
        "preferred_channel": "post", "email": null});
    assert_eq!(
        story
            .records("ContactRevised of con_bob", address)
            .state("complete_card"),
        State::Done
    );
}

#[test]
fn the_revision_that_filled_the_gap_closes_the_task_and_no_later_one() {
    let filled = interviewed_by_bob()
        .records("ContactRevised of con_bob", json!({"preferred_channel": "email"}))
        .at("2026-03-02 18:00")
        .records("ContactRevised of con_bob", json!({"email": "bob@acme.example"}));
    let closed_with = Some(filled.newest().at.event);
    assert_eq!(filled.task("complete_card").closed_with, closed_with);
    let later = filled.at("2026-03-09 18:00").records(
        "ContactRevised of con_bob",
        json!({"email": "stone@acme.example", "preferred_channel": null}),
    );
    assert_eq!(later.task("complete_card").closed_with, closed_with);
}

#[test]
fn revisions_close_the_task_in_the_order_in_which_they_happened() {
    let story = interviewed_by_bob()
        .at("2026-03-03 12:00")
        .records("ContactRevised of con_bob", json!({"email": "bob@acme.example"}))
        .records(
            "ContactRevised of con_bob on 2026-03-02T16:00:00+01:00",
            json!({"preferred_channel": "email"}),
        );
    let closed_at = story.task("complete_card").closed_at.expect("closed");
    assert_eq!(closed_at.to_string(), "2026-03-03T12:00:00+01:00");
}

#[test]
fn a_card_that_was_complete_raises_no_task_when_it_changes_later() {
    let story = Story::interviewed().records("ContactRevised of con_anna", json!({"email": "berg@acme.example"}));
    assert_eq!(story.tasks("complete_card").len(), 0);
}

#[test]
fn a_card_collected_after_the_interview_counts_as_it_was_collected() {
    let bob = json!({"name": "Bob Stone", "email": "bob@acme.example", "preferred_channel": "email"});
    let story = Story::interviewed()
        .records("ContactCollected con_bob", bob)
        .records("InterviewersNamed of int_one", json!({"interviewers": ["con_bob"]}));
    assert_eq!(story.tasks("complete_card").len(), 0);
}

#[test]
fn an_outcome_voids_the_task_unless_they_are_met_elsewhere() {
    let story = interviewed_by_bob().at("2026-03-02 18:00").gets_rejected();
    assert_eq!(story.state("complete_card"), State::Void);
    let times = json!({"starts_at": "2026-03-02T17:00:00+01:00", "ends_at": "2026-03-02T17:30:00+01:00",
        "time_zone": "Europe/Berlin", "format": "phone", "interviewers": ["con_bob"]});
    let elsewhere = story
        .applies("app_other", "Other")
        .records("InterviewScheduled int_other in app_other", times)
        .records(
            "InterviewHeld of int_other",
            json!({"ended_at": "2026-03-02T17:30:00+01:00"}),
        );
    let task = elsewhere.task("complete_card");
    assert_eq!(
        (task.state, task.application),
        (State::Open, Some(crate::given::application("app_other")))
    );
}

#[test]
fn nothing_is_left_of_somebody_who_was_erased() {
    let note = json!({"kind": "thank_you", "recipients": ["con_anna"], "channel": "email", "interview": "int_one",
        "body": "Dear Anna Berg, thank you. Is anna@acme.example still right?"});
    let story = Story::interviewed()
        .records("ContactRevised of con_anna", json!({"phone": "+49 30 1234"}))
        .records("NoteDrafted note_thanks", note)
        .records("ProfileRevised", json!({"email": "anna@acme.example"}))
        .records("ContactErased of con_anna", json!({}));
    let candidate = story.candidate();
    let log = serde_json::to_string(&candidate).expect("a log");
    for word in ["Anna Berg", "anna@acme", "1234"] {
        assert!(!log.contains(word), "{word} in {log}");
    }
    assert!(log.contains("Dear [erased], thank you. Is [erased] still right?"));
    assert!(log.contains("erased@erased.invalid"));
    let card = candidate.contacts.values().next().expect("a card");
    assert_eq!((card.status, card.name.as_str()), (ContactStatus::Erased, "[erased]"));
    assert_eq!(
        (card.email.get(), card.phone.get(), card.preferred_channel.get()),
        (&None, &None, &None)
    );
    assert_eq!(story.state("write_thank_you"), State::Void);
    assert_eq!(story.newest().tasks.raised, []);
    assert_eq!(story.newest().tasks.closed.len(), 1);
    assert!(!story.asks().contains(&"complete_card"));
    assert!(!story.timeline().contains("Anna"));
}

#[test]
fn somebody_who_was_erased_leaves_every_spelling_behind() {
    let summary = "Jose\u{301} Nu\u{301}n\u{303}ez rang; NUNEZ, JOSÉ left 030 5550123. Señor Nunez is fine.";
    let story = Story::interviewed()
        .records(
            "ContactRevised of con_anna",
            json!({"name": "José Núñez", "phone": "+49 30 5550123"}),
        )
        .records("StatusReported rep_one in app_acme", json!({"summary": summary}))
        .records("ContactErased of con_anna", json!({}));
    let log = serde_json::to_string(&story.candidate()).expect("a log");
    assert!(
        log.contains("[erased] rang; [erased] left [erased]. Señor Nunez is fine."),
        "{log}"
    );
}

#[test]
fn a_log_that_was_redacted_folds_to_what_was_live() {
    let live = Story::interviewed()
        .records("ContactErased of con_anna", json!({}))
        .candidate();
    let again = crate::candidate::Candidate::unknown(live.id).fold(live.history().iter().cloned());
    assert_eq!(again.tasks, live.tasks);
    assert_eq!(again.contacts, live.contacts);
    assert_eq!(again.applications, live.applications);
}

#[test]
fn words_that_a_date_or_an_id_spells_by_chance_stay() {
    let story = Story::interviewed()
        .records("ContactRevised of con_anna", json!({"phone": "2026"}))
        .records(
            "DecisionDatePromised dec_one in app_acme",
            json!({"decide_by": "2026-03-10"}),
        )
        .records(
            "StatusReported rep_one in app_acme",
            json!({"summary": "Anna Berg says: call 2026.", "decide_by": "2026-03-11"}),
        )
        .records("ContactErased of con_anna", json!({}));
    let log = serde_json::to_string(&story.candidate()).expect("a log");
    assert!(log.contains("[erased] says: call [erased]."), "{log}");
    assert!(log.contains(r#""decide_by":"2026-03-11""#));
}

#[test]
fn somebody_is_erased_once_and_stays_so() {
    let story = Story::interviewed().records("ContactErased of con_anna", json!({}));
    story.refuses("ContactErased of con_anna", json!({}), "already_recorded");
    story.refuses(
        "ContactRevised of con_anna",
        json!({"name": "Anna"}),
        "already_recorded",
    );
    let erased = story.newest().at.event.to_string();
    story.refuses(
        &format!("FactRetracted of {erased}"),
        json!({"reason": "no"}),
        "not_retractable",
    );
}

#[test]
fn whatever_reaches_somebody_is_a_touch() {
    let story = Story::interviewed()
        .at("2026-03-03 10:00")
        .writes("note_thanks", "thank_you")
        .records(
            "StatusEnquired enq_one in app_acme on 2026-03-02T18:00:00+01:00",
            json!({"channel": "phone", "contact": "con_anna"}),
        );
    let candidate = story.candidate();
    let anna = ContactId::try_from(id("con_anna")).expect("a contact");
    let anna = &candidate.contacts[&anna];
    let touched: Vec<_> = anna.touches.iter().map(|(stamp, _)| stamp.at.to_string()).collect();
    assert_eq!(touched, ["2026-03-02T17:00:00Z", "2026-03-03T09:00:00Z"]);
}

#[test]
fn whoever_was_collected_by_mistake_can_still_be_forgotten() {
    let wrong = || json!({"reason": "The wrong person."});
    Story::applied().refuses("ContactErased of con_bob", json!({}), "not_found");
    let story = Story::applied()
        .records(
            "SearchActivityLogged act_talk as evt_talk",
            json!({"kind": "networked", "remark": "Bob Stone knows them."}),
        )
        .records(
            "ContactCollected con_bob as evt_card",
            json!({"name": "Bob Stone", "phone": "+49 30 5550123"}),
        )
        .records("FactRetracted of evt_card", wrong())
        .records("ContactErased of con_bob", json!({}));
    let told = serde_json::to_string(
        &story
            .candidate()
            .history()
            .iter()
            .map(|it| &it.data)
            .collect::<Vec<_>>(),
    );
    let told = told.expect("facts");
    assert!(!told.contains("Stone") && !told.contains("5550123"), "{told}");
    story.refuses("ContactErased of con_bob", json!({}), "already_recorded");
    // It keeps nothing else from being taken back, and nobody from being collected again.
    let again = story
        .records("FactRetracted of evt_talk", wrong())
        .records("ContactCollected con_bob as evt_again", json!({"name": "Bob Stone"}))
        .records("ContactErased of con_bob", json!({}));
    again.refuses("FactRetracted of evt_again", wrong(), "still_needed");
}
