use serde_json::json;

use crate::{given::Story, play::State};

/// Carl, who knows Acme, is a connection since Sunday, 1 March, at eight in the morning.
fn named(story: Story) -> Story {
    story
        .records("ContactCollected con_carl", json!({"name": "Carl Holm"}))
        .records(
            "ConnectionNamed cxn_carl",
            json!({"contact": "con_carl", "organisation_names": ["ACME Inc."], "cadence": "P30D"}),
        )
}

fn held(story: Story) -> Story {
    story.at("2026-03-02 15:10").records(
        "InterviewHeld of int_one",
        json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
    )
}

#[test]
fn who_knows_the_organisation_hears_of_the_interview_within_two_days() {
    let story = held(named(Story::invited()));
    let task = story.task("notify_connection");
    assert_eq!(task.title, "Tell Carl Holm, who knows Acme, about the interview");
    assert_eq!(task.due_at.unwrap().to_string(), "2026-03-04T15:00:00+01:00");
    let told = story.clone().records(
        "ConnectionNotified of cxn_carl",
        json!({"application": "app_acme", "channel": "phone"}),
    );
    assert_eq!(told.state("notify_connection"), State::Done);
    let note = json!({"kind": "connection_notice", "recipients": ["con_carl"], "channel": "message",
        "application": "app_acme", "about": "cxn_carl"});
    let written = story
        .records("NoteDrafted note_carl", note)
        .records("NoteSent of note_carl", json!({}));
    assert_eq!(written.state("notify_connection"), State::Done);
}

#[test]
fn who_is_named_afterwards_hears_of_it_from_then_on() {
    let story = named(Story::interviewed().at("2026-03-04 10:00"));
    assert_eq!(story.dates("notify_connection").1, "2026-03-06T10:00:00+01:00");
}

#[test]
fn who_works_there_knows_it_and_who_was_in_the_room_was_there() {
    let works = Story::invited()
        .records(
            "ContactCollected con_dora",
            json!({"name": "Dora", "organisation_name": "Acme GmbH"}),
        )
        .records("ConnectionNamed cxn_dora", json!({"contact": "con_dora"}));
    assert_eq!(held(works).tasks("notify_connection").len(), 1);
    let anna = Story::invited().records("ConnectionNamed cxn_anna", json!({"contact": "con_anna"}));
    assert_eq!(held(anna).tasks("notify_connection").len(), 0);
    let elsewhere = Story::invited()
        .records("ContactCollected con_carl", json!({"name": "Carl"}))
        .records(
            "ConnectionNamed cxn_carl",
            json!({"contact": "con_carl", "organisation_names": ["Globex"]}),
        );
    assert_eq!(held(elsewhere).tasks("notify_connection").len(), 0);
}

#[test]
fn a_word_is_due_after_the_cadence_and_any_word_moves_it_on() {
    let story = named(Story::begun());
    assert_eq!(
        story.dates("keep_in_touch"),
        ("2026-03-31T07:00:00+01:00".into(), "2026-04-07T07:00:00+01:00".into()),
        "at the same time of day, across the change of clocks"
    );
    let id = story.task("keep_in_touch").id;
    let touched = story
        .at("2026-04-01 10:00")
        .records("ConnectionTouched of cxn_carl", json!({"channel": "phone"}));
    assert_eq!(
        (touched.task("keep_in_touch").id, touched.state("keep_in_touch")),
        (id, State::Waiting)
    );
    let written = touched.at("2026-05-04 10:00").records(
        "NoteDrafted note_carl",
        json!({"kind": "other", "recipients": ["con_carl"], "channel": "message"}),
    );
    assert_eq!(written.state("keep_in_touch"), State::Open);
    let sent = written.records("NoteSent of note_carl", json!({}));
    assert_eq!(sent.state("keep_in_touch"), State::Waiting);
}

#[test]
fn without_a_cadence_of_its_own_a_connection_rests_sixty_days() {
    let story = Story::begun()
        .records("ContactCollected con_carl", json!({"name": "Carl"}))
        .records("ConnectionNamed cxn_carl", json!({"contact": "con_carl"}));
    assert_eq!(story.dates("keep_in_touch").0, "2026-04-30T07:00:00+01:00");
    story.refuses(
        "ConnectionNamed cxn_two",
        json!({"contact": "con_carl"}),
        "already_recorded",
    );
}

#[test]
fn a_second_favour_within_fourteen_days_departs() {
    let ask = json!({"application": "app_acme", "channel": "email", "ask": "good_word"});
    let story = named(Story::applied()).records("ConnectionNotified of cxn_carl", ask.clone());
    assert!(story.departures().is_empty());
    let news = json!({"application": "app_acme", "channel": "email"});
    let told = story
        .clone()
        .at("2026-03-05 10:00")
        .records("ConnectionNotified of cxn_carl", news);
    assert!(told.departures().is_empty(), "to tell is not to ask");
    let again = told
        .at("2026-03-15 07:59")
        .records("ConnectionNotified of cxn_carl", ask.clone());
    assert_eq!(again.departed(), ["keep_in_touch"]);
    let rested = story
        .at("2026-03-15 08:00")
        .records("ConnectionNotified of cxn_carl", ask);
    assert!(rested.departures().is_empty());
}

#[test]
fn an_introduction_is_followed_up_within_three_days() {
    let offered = json!({"connection": "cxn_carl", "organisation_name": "Globex", "to_contact": "con_carl"});
    let story = named(Story::begun())
        .at("2026-03-02 10:00")
        .records("IntroductionOffered itr_one", offered);
    assert_eq!(story.dates("follow_introduction").1, "2026-03-05T09:00:00Z");
    let touched = story
        .clone()
        .at("2026-03-03 10:00")
        .records("ConnectionTouched of cxn_carl", json!({"channel": "email"}));
    assert_eq!(touched.state("follow_introduction"), State::Done);
    let applied = story.at("2026-03-03 10:00").applies("app_globex", "GLOBEX");
    assert_eq!(applied.state("follow_introduction"), State::Done);
}

#[test]
fn a_connection_who_was_told_hears_how_it_ended() {
    let story = held(named(Story::invited()))
        .records(
            "ConnectionNotified of cxn_carl",
            json!({"application": "app_acme", "channel": "phone"}),
        )
        .at("2026-03-04 10:00")
        .gets_rejected();
    assert_eq!(story.state("thank_helpers"), State::Open);
    let touched = story
        .at("2026-03-05 10:00")
        .records("ConnectionTouched of cxn_carl", json!({"channel": "phone"}));
    assert_eq!(touched.state("thank_helpers"), State::Done);
}

#[test]
fn nothing_is_asked_of_somebody_who_was_erased() {
    let story = named(Story::begun()).records("ContactErased of con_carl", json!({}));
    assert_eq!(story.state("keep_in_touch"), State::Void);
}
