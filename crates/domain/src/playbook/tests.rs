use serde_json::{Value, json};

use super::PlaybookRules;
use crate::{
    given::Story,
    play::{PLAYBOOK, State},
};

fn quick() -> Value {
    json!({"plays": [
        {"play": "write_thank_you", "due": "PT12H"},
        {"play": "enquire_status", "opens": {"working_days": 3}, "numbers": {"most": 3}},
        {"play": "debrief", "on": false},
    ]})
}

#[test]
fn open_tasks_are_dated_anew() {
    let story = Story::interviewed().at("2026-03-02 20:00").adopts(quick());
    assert_eq!(story.dates("write_thank_you").1, "2026-03-03T03:00:00+01:00");
    assert_eq!(story.dates("enquire_status").0, "2026-03-05T09:00:00+01:00");
    let moved = &story.newest().tasks;
    assert!(moved.changed.iter().any(|task| task.play == "write_thank_you"));
    assert!(story.timeline().contains("Adopted version 1 of the playbook."));
}

#[test]
fn a_task_whose_play_went_is_void_and_none_is_raised_from_older_facts() {
    let story = Story::interviewed().adopts(quick());
    assert_eq!(story.state("debrief"), State::Void);
    // Put back, the play begins with what happens from now on.
    let story = story.at("2026-03-03 10:00").adopts(json!({}));
    assert_eq!(story.state("debrief"), State::Void);
    let next = story
        .schedules(
            "int_two in app_acme",
            "2026-03-04T14:00:00+01:00",
            "2026-03-04T15:00:00+01:00",
        )
        .at("2026-03-04 15:10")
        .records(
            "InterviewHeld of int_two",
            json!({"ended_at": "2026-03-04T15:00:00+01:00"}),
        );
    assert_eq!(next.state("debrief"), State::Open);
    assert_eq!(next.tasks("debrief").len(), 2);
}

#[test]
fn what_was_never_raised_is_not_raised_from_older_facts() {
    let off = json!({"plays": [{"play": "ask_next_round", "on": false}]});
    let story = Story::invited().adopts(off).at("2026-03-02 15:10").records(
        "InterviewHeld of int_one",
        json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
    );
    assert_eq!(story.tasks("ask_next_round").len(), 0);
    let on = story.at("2026-03-02 16:00").adopts(json!({}));
    assert_eq!(on.tasks("ask_next_round").len(), 0);
    // Whatever else happens to that application.
    let later = on.records("StatusReported rep_one in app_acme", json!({"summary": "Soon."}));
    assert_eq!(later.tasks("ask_next_round").len(), 0);
}

#[test]
fn what_is_done_stays_as_it_was() {
    let enquired = Story::interviewed()
        .at("2026-03-09 10:00")
        .records("StatusEnquired enq_one in app_acme", json!({"channel": "phone"}));
    let before = enquired.tasks("enquire_status");
    assert_eq!(before[0].state, State::Done);
    let patient = json!({"plays": [{"play": "enquire_status", "opens": {"working_days": 10}, "numbers": {"again": {"working_days": 10}}}]});
    let story = enquired.adopts(patient);
    let after = story.tasks("enquire_status");
    assert_eq!(before[0], after[0], "it was asked in time, by the playbook of then");
    assert_eq!(after[1].opens_at.to_string(), "2026-03-23T09:00:00+01:00");
    assert_eq!(after.len(), 2);
    // And it stays so, whatever happens then.
    let story = story
        .at("2026-03-24 10:00")
        .records("StatusEnquired enq_two in app_acme", json!({"channel": "phone"}));
    let states: Vec<_> = story.tasks("enquire_status").iter().map(|task| task.state).collect();
    assert_eq!(states, [State::Done, State::Done]);
}

fn meets_again(story: Story) -> Story {
    story
        .at("2026-03-23 09:00")
        .schedules(
            "int_two in app_acme",
            "2026-03-24T14:00:00+01:00",
            "2026-03-24T15:00:00+01:00",
        )
        .at("2026-03-24 15:10")
        .records(
            "InterviewHeld of int_two",
            json!({"ended_at": "2026-03-24T15:00:00+01:00"}),
        )
}

fn most(most: u8) -> Value {
    json!({"plays": [{"play": "enquire_status", "numbers": {"most": most}}]})
}

#[test]
fn what_was_done_is_owed_again_when_a_newer_fact_raises_it() {
    let promised = Story::interviewed().records(
        "DecisionDatePromised dec_one in app_acme",
        json!({"decide_by": "2026-03-10"}),
    );
    let done = promised.task("ask_decision_date");
    assert_eq!(done.state, State::Done);
    let story = promised.adopts(json!({"plays": [{"play": "ask_decision_date", "due": "PT1H"}]}));
    assert_eq!(story.task("ask_decision_date"), done);
    let again = meets_again(story);
    let owed = again.task("ask_decision_date");
    assert_eq!((owed.id, owed.state), (done.id, State::Open));
    assert_eq!(owed.due_at.unwrap().to_string(), "2026-03-24T16:00:00+01:00");
    // Once more adopted it is open still, and what closes it now is what closed it.
    let again = again.adopts(json!({}));
    assert_eq!(again.state("ask_decision_date"), State::Open);
    let answered = again.records(
        "DecisionDatePromised dec_two in app_acme",
        json!({"decide_by": "2026-04-10"}),
    );
    assert_eq!(
        answered.task("ask_decision_date").closed_with,
        Some(answered.newest().at.event)
    );
}

#[test]
fn a_play_that_was_put_back_is_played_when_newer_facts_raise_it() {
    let off = json!({"plays": [{"play": "keep_looking", "on": false}, {"play": "ask_next_round", "on": false},
        {"play": "ask_decision_date", "on": false}]});
    let story = Story::interviewed()
        .adopts(off)
        .at("2026-03-03 10:00")
        .adopts(json!({}));
    for play in ["keep_looking", "ask_next_round", "ask_decision_date"] {
        assert_eq!(story.state(play), State::Void, "{play}");
    }
    let searched = story.records("SearchActivityLogged act_one", json!({"kind": "searched"}));
    assert_eq!(searched.state("keep_looking"), State::Waiting);
    assert_eq!(searched.state("ask_next_round"), State::Void);
    let met = meets_again(searched);
    assert_eq!(met.state("ask_next_round"), State::Open);
    assert_eq!(met.state("ask_decision_date"), State::Open);
}

#[test]
fn what_was_done_stays_while_its_play_is_off_and_when_it_is_back() {
    let thanked = Story::interviewed().writes("note_one", "thank_you");
    let done = thanked.task("write_thank_you");
    let off = thanked.adopts(json!({"plays": [{"play": "write_thank_you", "on": false}]}));
    assert_eq!(off.task("write_thank_you"), done);
    let on = off.adopts(json!({"plays": [{"play": "write_thank_you", "due": "PT1H"}]}));
    assert_eq!(on.task("write_thank_you"), done);
    let (candidate, id) = (on.candidate(), done.id);
    let owed = candidate.tasks.get(&id).unwrap();
    assert_eq!(
        candidate.playbook_of(owed).version,
        0,
        "it was done by the playbook of then"
    );
    // Without the letter it is open, by the newest playbook.
    let sent = on
        .events()
        .iter()
        .find(|it| it.data.name() == "NoteSent")
        .unwrap()
        .at
        .event;
    let undone = on.records(
        &format!("FactRetracted of {sent}"),
        json!({"reason": "It was not sent."}),
    );
    assert_eq!(
        undone.state("write_thank_you"),
        State::Void,
        "it is back without a newer fact"
    );
}

#[test]
fn what_was_taken_back_after_an_adoption_never_was() {
    let thanked = Story::interviewed()
        .writes("note_one", "thank_you")
        .adopts(json!({"plays": [{"play": "write_thank_you", "due": "PT1H"}]}));
    let sent = thanked
        .events()
        .iter()
        .find(|it| it.data.name() == "NoteSent")
        .unwrap()
        .at
        .event;
    let undone = thanked.records(
        &format!("FactRetracted of {sent}"),
        json!({"reason": "It was not sent."}),
    );
    assert_eq!(undone.dates("write_thank_you").1, "2026-03-02T16:00:00+01:00");
    assert!(undone.asks().contains(&"write_thank_you"));
}

#[test]
fn fewer_or_more_enquiries_leave_those_that_were_made() {
    let asks = |story: Story, name: &str, at: &str| {
        story.at(at).records(
            &format!("StatusEnquired {name} in app_acme"),
            json!({"channel": "phone"}),
        )
    };
    let once = asks(Story::interviewed(), "enq_one", "2026-03-09 10:00");
    let twice = asks(once.clone(), "enq_two", "2026-03-16 10:00");
    let made = twice.tasks("enquire_status");
    assert_eq!(made.len(), 2);
    for rules in [vec![most(1)], vec![most(1), most(3)], vec![most(5), most(1), most(2)]] {
        let story = rules.iter().cloned().fold(twice.clone(), Story::adopts);
        assert_eq!(story.tasks("enquire_status"), made, "{rules:?}");
        let next = meets_again(story).tasks("enquire_status");
        assert_eq!(next[..2], made, "{rules:?}");
        assert_eq!(next[2].opens_at.to_string(), "2026-03-31T09:00:00+02:00");
        assert_eq!((next.len(), next[2].state), (3, State::Waiting));
    }
    // The second one is void when there is to be one only, and is not revived by two.
    let one = once.adopts(most(1)).adopts(most(2));
    let states = |story: &Story| {
        story
            .tasks("enquire_status")
            .iter()
            .map(|it| it.state)
            .collect::<Vec<_>>()
    };
    assert_eq!(states(&one), [State::Done, State::Void]);
    let told = one.records("StatusReported rep_one in app_acme", json!({"summary": "Soon."}));
    assert_eq!(states(&told), [State::Done, State::Waiting]);
    // An enquiry that was none of the playbook's does not become one.
    let unwise = asks(once_more_than(1), "enq_two", "2026-03-10 10:00");
    let owed = meets_again(unwise);
    let open = owed.tasks("enquire_status");
    assert_eq!(owed.adopts(most(3)).tasks("enquire_status"), open);
}

/// One enquiry is made, and the playbook has no more.
fn once_more_than(enquiries: u8) -> Story {
    Story::interviewed()
        .adopts(most(enquiries))
        .at("2026-03-09 10:00")
        .records("StatusEnquired enq_one in app_acme", json!({"channel": "phone"}))
}

#[test]
fn what_is_told_late_does_not_change_who_closed_what() {
    let asked = Story::interviewed()
        .at("2026-03-09 10:00")
        .records("StatusEnquired enq_one in app_acme", json!({"channel": "phone"}));
    let done = asked.tasks("enquire_status")[0].clone();
    let late = asked.adopts(most(3)).at("2026-03-09 12:00").records(
        "StatusReported rep_one in app_acme on 2026-03-05T10:00:00Z",
        json!({"summary": "Soon."}),
    );
    let tasks = late.tasks("enquire_status");
    assert_eq!((&tasks[0], tasks.len()), (&done, 2));
}

#[test]
fn working_days_leave_out_holidays() {
    // Five working days after Monday the second: the ninth, were it not for two holidays.
    let holidays = json!({"holidays": [{"date": "2026-03-04"}, {"date": "2026-03-09", "name": "Founders' Day"}]});
    let story = Story::interviewed().adopts(holidays);
    assert_eq!(story.dates("enquire_status").0, "2026-03-11T09:00:00+01:00");
    let silence = story.candidate();
    let application = silence.application(crate::given::application("app_acme")).unwrap();
    let quiet_at = application.silence().unwrap().quiet_at;
    assert_eq!(
        quiet_at.to_string(),
        "2026-03-18T08:00:00Z",
        "silence is counted in working days, too"
    );
}

#[test]
fn silence_follows_the_playbook() {
    let story = Story::interviewed().adopts(json!({"plays": [{"play": "enquire_status",
        "numbers": {"quiet": {"working_days": 3}, "silent": {"working_days": 4}, "presumed_closed": "P10D"}}]}));
    let status = |day: &str| story.clone().at(day).status("app_acme");
    assert_eq!(status("2026-03-05 09:00"), crate::applications::Status::Quiet);
    assert_eq!(status("2026-03-06 09:00"), crate::applications::Status::Silent);
    assert_eq!(status("2026-03-12 15:00"), crate::applications::Status::PresumedClosed);
}

#[test]
fn a_rule_that_is_wrong_is_named_with_what_would_be_right() {
    for (rules, pointer, told) in [
        (json!({"plays": [{"play": "dance"}]}), "/plays/0/play", "is not a play"),
        (
            json!({"plays": [{"play": "debrief"}, {"play": "debrief"}]}),
            "/plays/1/play",
            "twice",
        ),
        (
            json!({"plays": [{"play": "debrief", "opens": "P1D"}]}),
            "/plays/0/opens",
            "opens at once",
        ),
        (
            json!({"plays": [{"play": "debrief", "due": "PT0S"}]}),
            "/plays/0/due",
            "longer",
        ),
        (
            json!({"plays": [{"play": "debrief", "due": "P1001D"}]}),
            "/plays/0/due",
            "at most 1000 days",
        ),
        (
            json!({"plays": [{"play": "debrief", "numbers": {"most": 2}}]}),
            "/plays/0/numbers/most",
            "it has none",
        ),
        (
            json!({"plays": [{"play": "enquire_status", "numbers": {"most": 6}}]}),
            "/plays/0/numbers/most",
            "from 1 to 5",
        ),
        (
            json!({"plays": [{"play": "enquire_status", "numbers": {"again": 5}}]}),
            "/plays/0/numbers/again",
            "working_days",
        ),
        (
            json!({"plays": [{"play": "enquire_status", "numbers": {"quiet": {"working_days": 30}}}]}),
            "/plays/0/numbers/silent",
            "`quiet`",
        ),
        (
            json!({"holidays": [{"date": "2026-12-25"}, {"date": "2026-12-25"}]}),
            "/holidays/1/date",
            "twice",
        ),
    ] {
        let rules: PlaybookRules = serde_json::from_value(rules).unwrap();
        let wrong = rules.read(1, "").unwrap_err();
        assert_eq!(wrong[0].0, pointer);
        assert!(wrong[0].1.contains(told), "{wrong:?}");
    }
    for period in ["P1Y", "P1M", "-P1D", "P1DT1H", "PT30M", "soon", ""] {
        let rules = json!({"plays": [{"play": "debrief", "due": period}]});
        assert!(serde_json::from_value::<PlaybookRules>(rules).is_err(), "{period}");
    }
}

#[test]
fn rules_read_as_they_were_written() {
    let rules: PlaybookRules = serde_json::from_value(quick()).unwrap();
    assert_eq!(serde_json::to_value(&rules).unwrap(), quick());
}

/// The default playbook as a table for readers; `AFTERWORD_UPDATE=1` writes it.
#[test]
fn the_table_in_the_docs_is_the_default_playbook() {
    let mut page = String::from(
        "# The default playbook\n\nWhat the plays of `crates/domain` say, written by a test \
         (`AFTERWORD_UPDATE=1 cargo test -p afterword-domain the_table_in_the_docs`). A tenant's own playbook \
         (`PUT /v1/playbook`) changes any of these numbers, and which plays are played.\n\n\
         | Play | Opens | Due | Further numbers | Closed by | Why |\n|---|---|---|---|---|---|\n",
    );
    for play in PLAYBOOK {
        let words = |number: super::Number| match number {
            super::Number::Period(period) => period.in_words(),
            super::Number::Count(count) => count.to_string(),
        };
        let numbers: Vec<_> = play
            .numbers
            .iter()
            .map(|it| format!("`{}` {}: {}", it.name, words(it.default), it.told))
            .collect();
        let closed_by = if play.by_hand {
            vec!["by hand"]
        } else {
            play.closed_by.to_vec()
        };
        let source = play.source.map(|source| format!(" *{source}*")).unwrap_or_default();
        page += &format!(
            "| `{}` | {} | {} | {} | {} | {}{source} |\n",
            play.name,
            play.opens.in_words(),
            play.due.in_words(),
            numbers.join("; "),
            closed_by.join(", "),
            play.why
        );
    }
    page += "\nWhere *opens* or *due* is \"at once\" the facts give the moment: see the play's slice.\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/playbook.md");
    if std::env::var_os("AFTERWORD_UPDATE").is_some_and(|it| it == "1") {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, page, "docs/playbook.md is not what the plays say");
}
