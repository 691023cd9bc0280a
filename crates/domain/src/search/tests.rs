use serde_json::json;

use crate::{given::Story, play::State};

fn found() -> Story {
    Story::begun().at("2026-03-02 10:00").records(
        "OpeningFound opn_lab",
        json!({"organisation_name": "Globex", "position": "Chemist", "closes_on": "2026-03-20"}),
    )
}

#[test]
fn whoever_has_only_applied_is_not_told_to_look() {
    assert_eq!(Story::applied().tasks("keep_looking").len(), 0);
}

#[test]
fn an_interview_is_no_reason_to_stop_looking() {
    let story = Story::interviewed();
    // Three days after the interview, in the person's own zone.
    assert_eq!(
        story.dates("keep_looking"),
        ("2026-03-05T14:00:00Z".into(), "2026-03-06T14:00:00Z".into())
    );
    assert_eq!(story.clone().at("2026-03-05 15:00").state("keep_looking"), State::Open);
    assert_eq!(story.at("2026-03-06 15:00").state("keep_looking"), State::Overdue);
}

#[test]
fn whatever_is_done_moves_the_one_task_on() {
    let story = Story::interviewed().at("2026-03-05 16:00");
    let id = story.task("keep_looking").id;
    for (sentence, data) in [
        ("SearchActivityLogged act_one", json!({"kind": "networked"})),
        (
            "OpeningFound opn_one",
            json!({"organisation_name": "Globex", "position": "Chemist"}),
        ),
        (
            "ApplicationOpened app_two",
            json!({"organisation": {"name": "Globex"}, "position": "Chemist"}),
        ),
    ] {
        let moved = story.clone().records(sentence, data);
        let task = moved.task("keep_looking");
        assert_eq!((task.id, task.state), (id, State::Waiting), "{sentence}");
        assert_eq!(task.opens_at.to_string(), "2026-03-08T15:00:00Z");
    }
}

#[test]
fn a_dismissal_lasts_until_the_task_moves_on() {
    let story = Story::interviewed()
        .at("2026-03-05 16:00")
        .records("TaskDismissed of keep_looking", json!({"reason": "On holiday."}));
    assert_eq!(story.state("keep_looking"), State::Dismissed);
    let story = story
        .at("2026-03-20 16:00")
        .records("SearchActivityLogged act_one", json!({"kind": "searched"}));
    assert_eq!(story.state("keep_looking"), State::Waiting);
    let story = story
        .at("2026-03-24 16:00")
        .records("TaskDismissed of keep_looking", json!({"reason": "Ill."}));
    assert_eq!(story.state("keep_looking"), State::Dismissed);
}

#[test]
fn a_pause_without_a_day_lasts_until_the_search_is_resumed() {
    let story = found()
        .at("2026-03-06 10:00")
        .records("SearchPaused", json!({"reason": "A family matter."}));
    assert_eq!(story.state("keep_looking"), State::Void);
    story.refuses("SearchPaused", json!({"until_on": "2026-03-06"}), "invalid");
    let story = story.at("2026-03-09 10:00").records("SearchResumed", json!({}));
    assert_eq!(story.state("keep_looking"), State::Waiting);
    assert_eq!(story.dates("keep_looking").0, "2026-03-12T09:00:00Z");
    story.refuses("SearchResumed", json!({}), "search_not_paused");
}

#[test]
fn a_pause_until_a_day_ends_by_itself() {
    let story = found()
        .at("2026-03-06 10:00")
        .records("SearchPaused", json!({"until_on": "2026-03-16"}));
    assert_eq!(story.dates("keep_looking").0, "2026-03-16T09:00:00Z");
    let candidate = story.candidate();
    let on = |moment: &str| candidate.search.view(moment.parse().unwrap(), &candidate.zone()).status;
    assert_eq!(on("2026-03-15T23:59:00Z"), super::SearchStatus::Paused);
    assert_eq!(on("2026-03-16T00:00:00Z"), super::SearchStatus::Looking);
    story
        .at("2026-03-16 10:00")
        .refuses("SearchResumed", json!({}), "search_not_paused");
}

#[test]
fn nobody_looks_on_who_has_accepted() {
    let story = Story::interviewed()
        .records("OfferReceived off_one in app_acme", json!({}))
        .records("OfferAccepted of off_one", json!({}));
    assert_eq!(story.state("keep_looking"), State::Void);
}

#[test]
fn an_opening_wants_an_application_the_day_before_it_closes() {
    let story = found();
    let task = story.task("apply_to_opening");
    assert_eq!(task.title, "Apply to Globex as Chemist");
    assert_eq!(task.due_at.unwrap().to_string(), "2026-03-19T17:00:00Z");
    let undated = story.records(
        "OpeningFound opn_shop",
        json!({"organisation_name": "Initech", "position": "Clerk"}),
    );
    let due: Vec<_> = undated
        .tasks("apply_to_opening")
        .iter()
        .map(|it| it.due_at.unwrap().to_string())
        .collect();
    assert!(due.contains(&"2026-03-07T09:00:00Z".to_owned()), "{due:?}");
}

#[test]
fn an_opening_found_on_its_last_day_has_until_it_closes() {
    let story = Story::begun().at("2026-03-02 10:00").records(
        "OpeningFound opn_lab",
        json!({"organisation_name": "Globex", "position": "Chemist", "closes_on": "2026-03-02"}),
    );
    assert_eq!(story.dates("apply_to_opening").1, "2026-03-02T17:00:00Z");
}

#[test]
fn an_application_from_it_or_its_dismissal_ends_the_task() {
    let applied = found().records(
        "ApplicationOpened app_lab",
        json!({"organisation": {"name": "Globex"}, "position": "Chemist", "opening": "opn_lab"}),
    );
    assert_eq!(applied.state("apply_to_opening"), State::Done);
    let dismissed = found().records("OpeningDismissed of opn_lab", json!({"reason": "Too far."}));
    assert_eq!(dismissed.state("apply_to_opening"), State::Done);
    dismissed.refuses("OpeningDismissed of opn_lab", json!({}), "already_recorded");
    found().refuses(
        "ApplicationOpened app_lab",
        json!({"organisation": {"name": "Globex"}, "position": "Chemist", "opening": "opn_none"}),
        "unknown_reference",
    );
}
