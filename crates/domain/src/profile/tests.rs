use serde_json::json;

use crate::given::Story;

#[test]
fn a_candidate_registers_once() {
    let ada = json!({"name": "Ada Lovelace", "time_zone": "Europe/Lisbon"});
    Story::begun().refuses("CandidateRegistered", ada, "id_taken");
}

#[test]
fn nothing_is_recorded_of_somebody_unknown() {
    let anna = json!({"name": "Anna Berg"});
    Story::untold().refuses("ContactCollected con_anna", anna, "not_found");
    Story::untold().refuses("ProfileRevised", json!({}), "not_found");
}

#[test]
fn what_is_named_is_set_and_null_clears() {
    let story = Story::begun()
        .records(
            "ProfileRevised",
            json!({"email": "ada@example.org", "groups": ["class-of-2026"]}),
        )
        .records("ProfileRevised", json!({"email": null, "name": "Ada King"}));
    let candidate = story.candidate();
    let profile = candidate.profile.as_ref().expect("a profile");
    assert_eq!(
        (profile.name.as_str(), profile.email.get().as_ref()),
        ("Ada King", None)
    );
    assert_eq!(profile.groups.len(), 1);
}

#[test]
fn a_move_that_dates_much_anew_counts_as_many_folds() {
    let mut story = Story::begun();
    for nth in 0..40 {
        let opened = json!({"organisation": {"name": format!("Firm {nth}")}, "position": "Engineer"});
        story = story.records(&format!("ApplicationOpened app_{nth} as evt_firm{nth}"), opened);
    }
    let facts = story.candidate().history().len();
    assert_eq!(story.candidate().folds(), facts);
    let moved = story.records("ProfileRevised", json!({"time_zone": "Asia/Tokyo"}));
    assert_eq!(moved.candidate().folds(), facts + 1 + 40 / 16);
    // And once more for each fact that is taken back.
    let before = moved.candidate();
    assert_eq!(before.folds_to_retract(), facts + 1 + 40 / 16);
    let undone = moved.records("FactRetracted of evt_firm39", json!({"reason": "A mistake."}));
    // Itself twice, and then all is dated once more.
    let itself = 2 + 40 / 16;
    assert_eq!(
        undone.candidate().folds(),
        before.folds() + before.folds_to_retract() + itself
    );
}

#[test]
fn the_newest_value_stands_whatever_was_recorded_first() {
    let story = Story::begun()
        .at("2026-03-03 10:00")
        .records("ProfileRevised", json!({"name": "Ada King"}))
        .records("ProfileRevised on 2026-03-02T10:00:00Z", json!({"name": "Ada Byron"}));
    assert_eq!(story.candidate().profile.expect("a profile").name.as_str(), "Ada King");
}

#[test]
fn tasks_without_an_interview_move_with_the_candidates_zone() {
    let story = Story::applied().at("2026-03-04 10:00").records(
        "DocumentRequested doc_cv in app_acme",
        json!({"document": "your CV", "needed_by": "2026-03-04"}),
    );
    assert_eq!(story.dates("answer_document_request").1, "2026-03-04T17:00:00Z");
    let moved = story.records("ProfileRevised", json!({"time_zone": "America/New_York"}));
    assert_eq!(moved.dates("answer_document_request").1, "2026-03-04T17:00:00-05:00");
}

#[test]
fn nothing_is_known_of_a_candidate_who_was_erased() {
    let story = Story::interviewed().records("CandidateErased", json!({}));
    let candidate = story.candidate();
    assert!(candidate.profile.is_none() && candidate.applications.is_empty() && candidate.tasks.is_empty());
    assert!(candidate.history().is_empty());
    assert_eq!(candidate.erased_at, Some(story.newest().at.recorded_at));
    story.refuses("ProfileRevised", json!({"name": "Ada"}), "candidate_erased");
    story.refuses("CandidateErased", json!({}), "candidate_erased");
}
