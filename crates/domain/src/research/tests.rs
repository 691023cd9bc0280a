use serde_json::json;

use crate::{given::Story, play::State};

fn reads(story: Story, name: &str, stance: &str) -> Story {
    story.records(
        &format!("ResearchNoted {name} in app_acme"),
        json!({"about": "organisation", "headline": "Acme opens a second plant", "stance": stance}),
    )
}

#[test]
fn research_is_refreshed_two_days_before_an_interview() {
    // Arranged on Sunday for Monday: at once, until it begins.
    let story = Story::invited();
    assert_eq!(
        story.dates("refresh_research"),
        ("2026-03-01T08:00:00+01:00".into(), "2026-03-02T14:00:00+01:00".into())
    );
    let far = Story::applied()
        .records("ContactCollected con_anna", json!({"name": "Anna"}))
        .schedules(
            "int_one in app_acme",
            "2026-03-06T14:00:00+01:00",
            "2026-03-06T15:00:00+01:00",
        );
    assert_eq!(
        far.dates("refresh_research"),
        ("2026-03-04T14:00:00+01:00".into(), "2026-03-06T14:00:00+01:00".into())
    );
    let fresh = reads(far.clone().at("2026-03-04 18:00"), "res_one", "favourable");
    assert_eq!(fresh.dates("refresh_research").0, "2026-03-11T18:00:00+01:00");
    let stale = reads(far.at("2026-03-03 18:00"), "res_one", "favourable");
    assert_eq!(stale.dates("refresh_research").0, "2026-03-04T14:00:00+01:00");
}

#[test]
fn research_is_refreshed_a_week_after_the_last() {
    let story = reads(Story::interviewed().at("2026-03-03 10:00"), "res_one", "neutral");
    assert_eq!(
        story.dates("refresh_research"),
        ("2026-03-10T10:00:00+01:00".into(), "2026-03-12T10:00:00+01:00".into())
    );
    let story = reads(story.at("2026-03-10 12:00"), "res_two", "neutral");
    assert_eq!(story.dates("refresh_research").0, "2026-03-17T12:00:00+01:00");
    assert_eq!(story.tasks("refresh_research").len(), 1);
}

#[test]
fn an_unfavourable_find_is_decided_upon_within_three_days() {
    let story = reads(Story::interviewed().at("2026-03-03 10:00"), "res_one", "unfavourable");
    assert_eq!(story.dates("reconsider").1, "2026-03-06T10:00:00+01:00");
    let on = story.clone().at("2026-03-04 10:00").records(
        "ApplicationReconsidered of app_acme",
        json!({"reason": "The team is a good one."}),
    );
    assert_eq!(on.state("reconsider"), State::Done);
    let off = story.records("ApplicationWithdrawn of app_acme", json!({}));
    assert_eq!(off.state("reconsider"), State::Done);
}

#[test]
fn what_is_favourable_asks_for_nothing() {
    let story = reads(Story::interviewed(), "res_one", "favourable");
    assert_eq!(story.tasks("reconsider").len(), 0);
}

#[test]
fn a_rejection_ends_the_research() {
    let story = reads(Story::interviewed(), "res_one", "unfavourable").gets_rejected();
    assert_eq!(story.state("refresh_research"), State::Void);
    assert_eq!(story.state("reconsider"), State::Void);
}
