//! Given-when-then for time that passes.

use serde_json::json;

use crate::{
    candidate::Candidate,
    given::{Story, moment},
};

impl Story {
    /// What the clock has said, line by line: when, and what the timeline makes of it.
    fn announced(&self) -> Vec<String> {
        let candidate = self.candidate();
        let by_the_clock = self.events().iter().filter(|fact| fact.data.kind().by_the_clock);
        by_the_clock
            .map(|fact| format!("{} {}", fact.at.occurred_at, fact.data.tell(&candidate, &fact.at)))
            .collect()
    }

    fn requested(self) -> Self {
        self.records("DocumentRequested doc_cv in app_acme", json!({"document": "your CV"}))
    }
}

fn without_time(candidate: &Candidate) -> Vec<String> {
    candidate.tasks.values().map(|task| format!("{task:?}")).collect()
}

#[test]
fn a_task_that_had_to_wait_opens_and_falls_due() {
    let story = Story::invited().passes("2026-03-02 15:00");
    let before = story.announced().len();
    assert_eq!(story.newest().data.name(), "TaskOpened");
    assert_eq!(story.newest().at.occurred_at, moment("2026-03-02 15:00"));
    let story = story.passes("2026-03-02 18:59");
    assert_eq!(story.announced().len(), before, "it is due at seven");
    let story = story.passes("2026-03-02 19:00");
    assert_eq!(story.newest().data.name(), "TaskOverdue");
    assert_eq!(story.newest().tasks.changed[0].play, "record_interview");
}

#[test]
fn what_is_open_at_once_is_not_announced_as_opened() {
    let story = Story::applied()
        .at("2026-03-03 10:00")
        .requested()
        .passes("2026-03-03 12:00");
    assert_eq!(story.announced(), Vec::<String>::new());
    let story = story.passes("2026-03-04 10:00");
    assert_eq!(
        story.announced(),
        ["2026-03-04T09:00:00Z Send your CV to Acme, or tell them how it is coming along: overdue."]
    );
}

#[test]
fn nothing_is_announced_twice() {
    let story = Story::applied().at("2026-03-03 10:00").requested();
    let once = story.passes("2026-03-05 10:00");
    let twice = once.clone().passes("2026-03-05 10:00").passes("2026-03-06 10:00");
    assert_eq!(once.announced().len(), 1);
    assert_eq!(once.announced(), twice.announced());
}

#[test]
fn a_task_with_another_date_is_announced_for_that_one_again() {
    let story = Story::applied()
        .at("2026-03-03 10:00")
        .requested()
        .passes("2026-03-04 12:00");
    let delay = json!({"expected_on": "2026-03-10", "channel": "email"});
    let story = story.records("DocumentDelayReported of doc_cv", delay);
    assert_eq!(story.candidate().next_moment(), Some(moment("2026-03-10T17:00:00Z")));
    let story = story.passes("2026-03-11 09:00");
    let overdue = story
        .announced()
        .iter()
        .filter(|line| line.ends_with("overdue."))
        .count();
    assert_eq!(overdue, 2);
}

#[test]
fn what_was_done_put_aside_or_put_off_by_then_is_not_announced() {
    let story = Story::applied()
        .at("2026-03-03 10:00")
        .requested()
        .at("2026-03-03 11:00");
    let endings = [
        ("DocumentSent of doc_cv", json!({"channel": "email"})),
        ("DocumentRequestWithdrawn of doc_cv", json!({})),
        (
            "TaskDismissed of answer_document_request",
            json!({"reason": "Why should I."}),
        ),
        (
            "TaskSnoozed of answer_document_request",
            json!({"until_at": "2026-03-07T10:00:00+01:00"}),
        ),
    ];
    for (sentence, data) in endings {
        let story = story.clone().records(sentence, data);
        assert_eq!(story.candidate().next_moment(), None, "{sentence}");
        assert_eq!(
            story.passes("2026-03-08 10:00").announced(),
            Vec::<String>::new(),
            "{sentence}"
        );
    }
}

#[test]
fn a_snooze_that_is_over_by_then_keeps_nothing_quiet() {
    let story = Story::applied()
        .at("2026-03-03 10:00")
        .requested()
        .at("2026-03-03 11:00");
    let until = json!({"until_at": "2026-03-04T09:00:00+01:00"});
    let story = story.records("TaskSnoozed of answer_document_request", until);
    assert_eq!(story.passes("2026-03-04 10:00").announced().len(), 1);
}

#[test]
fn a_silence_is_noticed_stage_by_stage_until_a_reply_ends_it() {
    let story = Story::interviewed().passes("2026-06-01 10:00");
    let silence: Vec<_> = story
        .announced()
        .into_iter()
        .filter(|line| line.contains("Acme ") && !line.contains(": "))
        .collect();
    assert_eq!(
        silence,
        [
            "2026-03-16T08:00:00Z Acme has gone quiet.",
            "2026-03-30T07:00:00Z Acme is silent.",
            "2026-04-16T13:00:00Z Acme has said nothing for so long that it is presumed closed.",
        ]
    );
    let story = story.records(
        "StatusReported rep_one in app_acme",
        json!({"summary": "Still thinking."}),
    );
    let next = story.candidate().next_moment().expect("more to come");
    assert!(next > moment("2026-06-01 10:00"), "the silence begins anew: {next}");
}

#[test]
fn late_or_in_time_the_log_is_the_same() {
    let told = |story: Story| story.records("StatusReported rep_one in app_acme", json!({"summary": "Soon."}));
    let mut in_time = Story::interviewed();
    for day in 3..=31 {
        in_time = in_time.passes(&format!("2026-03-{day:02} 08:00"));
    }
    let in_time = told(in_time.passes("2026-04-01 10:00"));
    let late = told(Story::interviewed().passes("2026-04-01 10:00"));
    let log = |story: &Story| -> Vec<_> {
        let events = story.events().iter();
        events
            .filter(|it| it.data.kind().by_the_clock)
            .map(|it| (it.at.event, it.at.occurred_at, it.data.clone()))
            .collect()
    };
    assert!(log(&late).len() > 5);
    assert_eq!(log(&in_time), log(&late));
}

#[test]
fn what_turns_out_otherwise_is_left_out_of_the_timeline() {
    let said = |story: &Story| -> Vec<String> {
        let timeline = story.timeline();
        let lines = timeline.lines().filter(|line| !line.contains('…'));
        let said = lines.filter(|line| line.contains("overdue.") || line.contains("gone quiet"));
        said.map(ToOwned::to_owned).collect()
    };
    let story = Story::interviewed().requested().passes("2026-03-20 10:00");
    assert!(said(&story).iter().any(|line| line.contains("gone quiet")));
    assert!(said(&story).iter().any(|line| line.contains("Send your CV")));
    // Sent in time, and told late.
    let sent = story.clone().records(
        "DocumentSent of doc_cv on 2026-03-02T17:00:00Z",
        json!({"channel": "email"}),
    );
    assert!(!said(&sent).iter().any(|line| line.contains("Send your CV")));
    assert!(said(&sent).iter().any(|line| line.contains("gone quiet")));
    // Sent late, and told late: it was overdue.
    let sent = story.clone().records(
        "DocumentSent of doc_cv on 2026-03-19T17:00:00Z",
        json!({"channel": "email"}),
    );
    assert!(said(&sent).iter().any(|line| line.contains("Send your CV")));
    // They had spoken.
    let spoke = story.clone().records(
        "StatusReported rep_one in app_acme on 2026-03-10T10:00:00Z",
        json!({"summary": "Soon."}),
    );
    assert!(!said(&spoke).iter().any(|line| line.contains("gone quiet")));
    let rejected = story.records(
        "RejectionReceived rej_one in app_acme on 2026-03-03T08:00:00Z",
        json!({"channel": "email"}),
    );
    let of_acme: Vec<_> = said(&rejected)
        .into_iter()
        .filter(|line| line.contains("Acme"))
        .collect();
    assert!(
        of_acme.iter().all(|line| line.contains("Look back")),
        "all else was over by then: {of_acme:?}"
    );
}

#[test]
fn announcements_move_nothing() {
    let before = Story::interviewed();
    let after = before.clone().passes("2026-05-01 10:00");
    assert!(after.events().len() > before.events().len());
    assert_eq!(without_time(&before.candidate()), without_time(&after.candidate()));
    let versions = after.events().iter().map(|fact| fact.at.version);
    assert!(versions.eq(1..=after.candidate().version), "versions have no gap");
}

#[test]
fn they_cannot_be_recorded_or_taken_back_and_keep_nothing_from_being_taken_back() {
    let story = Story::applied().at("2026-03-03 10:00").records(
        "DocumentRequested doc_cv in app_acme as evt_asked",
        json!({"document": "your CV"}),
    );
    let story = story.passes("2026-03-05 10:00");
    let overdue = story.newest().at.event;
    story.refuses(
        "TaskOverdue of answer_document_request",
        json!({"task": story.task("answer_document_request").id}),
        "recorded_by_the_clock",
    );
    story.refuses(
        &format!("FactRetracted of {overdue}"),
        json!({"reason": "No."}),
        "not_retractable",
    );
    let story = story.records("FactRetracted of evt_asked", json!({"reason": "Never asked."}));
    assert_eq!(story.candidate().next_moment(), None);
    assert_eq!(story.passes("2026-04-05 10:00").announced().len(), 1);
}

#[test]
fn the_moments_kept_step_by_step_are_those_of_the_state() {
    let mut story = Story::rejected().requested().records(
        "TaskSnoozed of keep_door_open",
        json!({"until_at": "2026-04-01T10:00:00+02:00"}),
    );
    for day in ["2026-03-05 10:00", "2026-03-12 10:00", "2026-04-12 10:00"] {
        story = story.passes(day);
        let candidate = story.candidate();
        let mut again = candidate.clone();
        again.schedule_all();
        assert_eq!(candidate.due, again.due, "{day}");
        let none_is_past = candidate.next_moment().is_none_or(|next| next > moment(day));
        assert!(none_is_past, "{day}");
    }
    let retraction = json!({"reason": "They meant somebody else."});
    let rejection = story
        .events()
        .iter()
        .find(|fact| fact.data.name() == "RejectionReceived")
        .expect("it")
        .at
        .event;
    let mut candidate = story
        .records(&format!("FactRetracted of {rejection}"), retraction)
        .candidate();
    let kept = candidate.due.clone();
    candidate.schedule_all();
    assert_eq!(kept, candidate.due);
    assert!(!kept.is_empty(), "what the rejection had voided is to come again");
}
