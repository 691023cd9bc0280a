//! A walk over all plays and all facts: each play can be raised, opened, overdue, closed, snoozed, dismissed and voided; each
//! fact raises or closes something, or is known to be quiet. Whoever adds a play adds a row here, and the walk says so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

mod lives;

use super::{PLAYBOOK, Play, State};
use crate::{catalogue::AnyFact, given::moment};
use lives::{Life, lives};

fn life_of(play: &Play) -> Life {
    let mut lives = lives().into_iter();
    let found = lives.find(|life| life.play == play.name);
    found.unwrap_or_else(|| {
        panic!(
            "{} has no row: say how it comes to be, is closed and loses its reason",
            play.name
        )
    })
}

#[test]
fn each_play_is_raised_opens_and_falls_due() {
    for play in PLAYBOOK {
        let story = (life_of(play).raised)();
        let task = story.task(play.name);
        assert!(task.state.is_live(), "{} is not raised: {task:?}", play.name);
        assert!(!task.title.contains('{') && !task.why.is_empty(), "{task:?}");
        let opened = story.clone().at(&task.opens_at.timestamp().to_string());
        assert!(
            matches!(opened.state(play.name), State::Open | State::Overdue),
            "{} does not open",
            play.name
        );
        let due = task.due_at.unwrap_or_else(|| panic!("{} is never due", play.name));
        let overdue = story.at(&due.timestamp().to_string());
        assert_eq!(
            overdue.state(play.name),
            State::Overdue,
            "{} does not fall due",
            play.name
        );
    }
}

#[test]
fn each_play_is_closed() {
    for play in PLAYBOOK {
        let life = life_of(play);
        let before = (life.raised)();
        let closed = (life.closed)(before.clone());
        let task = closed.task(play.name);
        let done = task.state == State::Done;
        // A standing task moves on instead.
        let moved = task.state.is_live() && task.opens_at != before.task(play.name).opens_at;
        assert!(done || moved, "{} is not closed: {task:?}", play.name);
        if let Some(by) = task.closed_with {
            let candidate = closed.candidate();
            let kind = candidate.fact(by).expect("a fact").data.name();
            let known = play.by_hand || play.closed_by.contains(&kind);
            assert!(known, "{} says nothing of {kind}", play.name);
        }
    }
}

#[test]
fn each_play_is_snoozed_dismissed_and_voided() {
    for play in PLAYBOOK {
        let life = life_of(play);
        let story = (life.raised)();
        let task = story.task(play.name);
        let until = json!({"until_at": "2027-01-01T00:00:00Z"});
        let snoozed = story.clone().records(&format!("TaskSnoozed of {}", task.id), until);
        let until = snoozed.task(play.name).snoozed_until.map(|at| at.timestamp());
        assert_eq!(until, Some(moment("2027-01-01T00:00:00Z")), "{}", play.name);
        let reason = json!({"reason": "Not this time."});
        let dismissed = story.clone().records(&format!("TaskDismissed of {}", task.id), reason);
        let state = dismissed
            .tasks(play.name)
            .into_iter()
            .find(|it| it.id == task.id)
            .map(|it| it.state);
        assert_eq!(state, Some(State::Dismissed), "{}", play.name);
        let void = (life.void)(story);
        let state = void
            .tasks(play.name)
            .into_iter()
            .find(|it| it.id == task.id)
            .map(|it| it.state);
        assert_eq!(state, Some(State::Void), "{} keeps its reason", play.name);
    }
}

/// Facts that raise and close nothing by themselves.
const QUIET: &[&str] = &[
    "CandidateRegistered",
    "ProfileRevised",
    "CandidateErased",
    "PlaybookAdopted",
    "FactRetracted",
    "ApplicationRevised",
    "ContactCollected",
    "ContactErased",
    "TaskCompleted",
    "TaskSnoozed",
    "TaskDismissed",
    "TaskOpened",
    "TaskOverdue",
    "SilenceNoticed",
    "FeedbackReceived",
    "ReferenceContacted",
    "SearchPaused",
    "SearchResumed",
    "InterviewRescheduled",
    "DocumentDelayReported",
];

#[test]
fn each_fact_raises_or_closes_something_or_is_quiet() {
    let mut moved: BTreeMap<String, usize> = BTreeMap::new();
    for life in lives() {
        let raised = (life.raised)();
        for story in [(life.closed)(raised.clone()), (life.void)(raised)] {
            for fact in story.events() {
                let tasks = &fact.tasks;
                let count = tasks.raised.len() + tasks.changed.len() + tasks.closed.len();
                *moved.entry(fact.data.name().to_owned()).or_default() += count;
            }
        }
    }
    let closers: BTreeSet<&str> = PLAYBOOK.iter().flat_map(|play| play.closed_by).copied().collect();
    for kind in AnyFact::KINDS {
        let moves = moved.get(kind.name).is_some_and(|count| *count > 0) || closers.contains(kind.name);
        let quiet = QUIET.contains(&kind.name);
        assert!(
            moves || quiet,
            "{} moves no task and is not known to be quiet",
            kind.name
        );
        assert!(
            !(quiet && closers.contains(kind.name)),
            "{} closes tasks and is said to be quiet",
            kind.name
        );
    }
    for closer in &closers {
        let known = AnyFact::KINDS.iter().any(|kind| kind.name == *closer);
        assert!(known, "{closer} closes something and is no fact");
    }
}
