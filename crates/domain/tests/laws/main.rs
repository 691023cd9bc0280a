//! The laws of the domain, for any story: the order of recording does not matter, what was recorded can be
//! read again, what was taken back never was, and nothing that a client sends makes it panic.

#[expect(
    dead_code,
    reason = "the laws tell stories without the narrator of the given-when-then tests"
)]
#[path = "../../src/given.rs"]
mod given;
mod stories;

use std::sync::Arc;

use afterword_domain::{
    announcements::announce,
    applications::Status,
    candidate::Candidate,
    catalogue::AnyFact,
    decide::decide,
    fact::{Envelope, UnreadableFact},
    ids::ApplicationId,
    play::{Ending, Owed},
    rejection::Stage,
    restore::restore,
    timeline::{TimelineEntry, timeline},
};
use jiff::SignedDuration;
use proptest::{prelude::*, sample::select};
use serde_json::json;

use given::{moment, proposal};
use stories::{ADOPTED, END, Line, WHAT, beginning, line, nobody, record, story, told};

/// What a candidate owes or has done; what is void may be left over from what was known in between.
fn owed(candidate: &Candidate) -> Vec<Arc<Owed>> {
    let tasks = candidate
        .tasks
        .values()
        .filter(|task| !matches!(task.ending, Ending::Void(_)));
    tasks.cloned().collect()
}

type Standing = (ApplicationId, Vec<Status>, Vec<Stage>);

/// The whole timeline, long afterwards.
fn in_lines(candidate: &Candidate) -> Vec<TimelineEntry> {
    timeline(candidate, None, true, END).collect()
}

/// Where the applications and rejections stand, from the first day to the last.
fn standing(candidate: &Candidate) -> Vec<Standing> {
    let days =
        [0, 20, 40, 80, 160, 300].map(|days| moment("2026-03-02T12:00:00Z") + SignedDuration::from_hours(24 * days));
    let standing = candidate.applications.values().map(|application| {
        let statuses = days.iter().map(|day| application.status(*day)).collect();
        let stages = application
            .rejections
            .values()
            .map(|rejection| rejection.stage(application))
            .collect();
        (application.id, statuses, stages)
    });
    standing.collect()
}

fn laws() -> ProptestConfig {
    ProptestConfig {
        cases: 48,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    }
}

/// Tells the story in another order: always the first line, by these lots, that is possible; `None` where
/// that leads into a dead end, such as a note that went out before it was revised. What was told before a playbook was
/// adopted still is.
fn told_in_order_of(lots: &[u16], story: &[Line]) -> Option<Candidate> {
    let mut candidate = nobody();
    let numbered: Vec<_> = story.iter().enumerate().collect();
    for chapter in numbered.chunk_by(|(_, line), (_, next)| (line.sentence == ADOPTED) == (next.sentence == ADOPTED)) {
        let mut left = chapter.to_vec();
        if left.iter().all(|(_, line)| line.sentence != ADOPTED) {
            left.sort_by_key(|(number, _)| lots.get(*number));
        }
        while !left.is_empty() {
            let told = left
                .iter()
                .position(|(number, line)| record(&mut candidate, *number, line, END).is_ok())?;
            left.remove(told);
        }
    }
    Some(candidate)
}

/// The candidate as an export brings it in elsewhere.
fn restored(exported: &Candidate) -> Candidate {
    let mut again = nobody();
    for fact in exported.history() {
        restore(&mut again, (**fact).clone()).expect("what was recorded can be brought in");
    }
    again
}

proptest! {
    #![proptest_config(laws())]

    #[test]
    fn the_order_of_recording_does_not_matter(story in story(), lots in prop::collection::vec(any::<u16>(), 70)) {
        let straight = told(&story);
        let shuffled = told_in_order_of(&lots, &story);
        prop_assume!(shuffled.is_some());
        let shuffled = shuffled.unwrap_or(nobody());
        prop_assert_eq!(standing(&straight), standing(&shuffled));
        prop_assert_eq!(owed(&straight), owed(&shuffled));
    }

    #[test]
    fn what_was_recorded_is_read_again(story in story(), retracted in any::<prop::sample::Index>(), erased in 0..6u8) {
        let mut live = nobody();
        let mut then = Vec::new();
        for (number, line) in story.iter().enumerate() {
            let now = line.at + SignedDuration::from_mins(5);
            if record(&mut live, number, line, now).is_ok() {
                then.push(live.clone());
            }
        }
        let line = |sentence: String, data| Line { at: END, sentence, data };
        let retraction = line(format!("FactRetracted of evt_{}", retracted.index(story.len())), json!({"reason": "Wrong."}));
        if record(&mut live, 100, &retraction, END).is_ok() {
            then.push(live.clone());
        }
        for before in &then {
            let seen = live.at_version(before.version);
            prop_assert_eq!(&seen.tasks, &before.tasks);
            prop_assert_eq!(standing(&seen), standing(before));
            let known = live.as_of(before.recorded_at);
            prop_assert!(known.version > before.version || known.tasks == before.tasks);
        }
        if record(&mut live, 101, &line(format!("ContactErased of con_{erased}"), json!({})), END).is_ok() {
            let seen = live.at_version(live.version - 1);
            prop_assert_eq!(Some(seen.tasks), then.last().map(|before| before.tasks.clone()), "an erasure moves no task of the past");
        }

        let read = live.history().iter().map(|fact| {
            let mut read = Envelope::read(fact.at.clone(), fact.data.name(), fact.schema, &fact.payload())?;
            // Whoever reads a log puts the rules to it.
            if let (AnyFact::PlaybookAdopted(read), AnyFact::PlaybookAdopted(told)) = (&mut read.data, &fact.data) {
                read.playbook.clone_from(&told.playbook);
            }
            Ok(Arc::new(read))
        });
        let read: Result<Vec<_>, UnreadableFact> = read.collect();
        let replayed = nobody().fold(read.expect("this release reads what it wrote"));
        prop_assert_eq!(live.history(), replayed.history());
        prop_assert_eq!(&live.tasks, &replayed.tasks);
        prop_assert_eq!(&live.contacts, &replayed.contacts);
        prop_assert_eq!(standing(&live), standing(&replayed));
        prop_assert_eq!(in_lines(&live), in_lines(&replayed));
        let json = serde_json::to_string(&live).expect("an export");
        let exported: Candidate = serde_json::from_str(&json).expect("an export is read again");
        let payloads = |candidate: &Candidate| -> Vec<_> {
            candidate.history().iter().map(|fact| (fact.at.clone(), fact.payload())).collect()
        };
        prop_assert_eq!(payloads(&live), payloads(&exported));
        let restored = restored(&live);
        prop_assert_eq!(live.history(), restored.history());
        prop_assert_eq!(&live.tasks, &restored.tasks);
        prop_assert_eq!(&live.contacts, &restored.contacts);
        prop_assert_eq!(standing(&live), standing(&restored));
        prop_assert_eq!(in_lines(&live), in_lines(&restored));
    }

    #[test]
    fn time_moves_nothing_and_late_or_in_time_the_log_is_the_same(story in story(), retracted in any::<prop::sample::Index>()) {
        let (mut silent, mut late, mut in_time) = (nobody(), nobody(), nobody());
        let mut hour = moment("2026-03-02T08:00:00Z");
        let retraction = Line {
            at: moment("2027-06-01T08:00:00Z"),
            sentence: format!("FactRetracted of evt_{}", retracted.index(story.len())),
            data: json!({"reason": "Wrong."}),
        };
        for (number, line) in story.iter().chain([&retraction]).enumerate() {
            let now = line.at + SignedDuration::from_mins(5);
            while hour < now {
                announce(&mut in_time, hour);
                hour += SignedDuration::from_hours(7);
            }
            announce(&mut in_time, now);
            announce(&mut late, now);
            let recorded = [&mut silent, &mut late, &mut in_time].map(|it| record(it, number, line, now).is_ok());
            prop_assert!(recorded == [recorded[0]; 3], "{line:?}");
        }
        let end = moment("2029-01-01T08:00:00Z");
        announce(&mut late, end);
        announce(&mut in_time, end);
        prop_assert_eq!(late.next_moment(), None);
        let log = |candidate: &Candidate| -> Vec<_> {
            let facts = candidate.history().iter();
            facts.map(|it| (it.at.event, it.at.version, it.at.occurred_at, it.data.clone(), it.tasks.clone())).collect()
        };
        prop_assert_eq!(log(&late), log(&in_time));
        let ids: std::collections::BTreeSet<_> = late.history().iter().map(|fact| fact.at.event).collect();
        prop_assert_eq!(ids.len(), late.history().len(), "nothing is announced twice");
        prop_assert_eq!(standing(&silent), standing(&late));
        // Stamps hold versions: tasks are compared as clients see them.
        let view = |candidate: &Candidate| -> Vec<_> {
            candidate.tasks.values().map(|task| candidate.task(task, END)).collect()
        };
        prop_assert_eq!(view(&silent), view(&late));
        for heard in [&late, &in_time] {
            let restored = restored(heard);
            prop_assert_eq!(heard.history(), restored.history());
            prop_assert_eq!(&heard.tasks, &restored.tasks);
            prop_assert_eq!(restored.next_moment(), None);
        }
        for version in [late.version / 2, late.version] {
            let folded = late.at_version(version);
            let again = nobody().fold(late.history().iter().take(version as usize).cloned());
            prop_assert_eq!(folded.next_moment(), again.next_moment());
        }
    }

    #[test]
    fn what_was_taken_back_never_was(story in story(), which in any::<prop::sample::Index>()) {
        let which = which.index(story.len());
        let mut live = told(&story);
        let sentence = format!("FactRetracted of evt_{which}");
        let retraction = Line { at: END, sentence, data: json!({"reason": "Wrong."}) };
        prop_assume!(record(&mut live, 100, &retraction, END).is_ok());
        let mut never = nobody();
        for (number, line) in story.iter().enumerate().filter(|(number, _)| *number != which) {
            prop_assert!(record(&mut never, number, line, END).is_ok(), "{line:?} rests on what was taken back");
        }
        prop_assert_eq!(standing(&live), standing(&never));
        // Stamps hold versions, and one is gone: tasks are compared as clients see them.
        let view = |candidate: &Candidate| -> Vec<_> {
            owed(candidate).iter().map(|task| candidate.task(task, END)).collect()
        };
        prop_assert_eq!(view(&live), view(&never));
    }

    #[test]
    fn nothing_makes_it_panic(
        steps in prop::collection::vec((select(WHAT.as_slice()), (0..3u8, 0..3u8, 0..4u8), any::<bool>(), 0..8usize), 0..30),
    ) {
        const MOMENTS: [&str; 8] = [
            "1900-01-01T00:00:00Z", "1900-01-01T00:00:01Z", "1969-12-31T23:59:59Z", "2026-03-29T01:30:00Z",
            "2026-10-25T00:30:00Z", "2200-12-31T12:00:00Z", "2200-12-31T23:59:59Z", "2026-03-02T15:00:00+01:00",
        ];
        let mut candidate = told(&beginning());
        for (number, (what, thing, odd, at)) in steps.into_iter().enumerate() {
            let mut line = line(what, thing, 0, odd, moment("2026-03-30T00:30:00Z"));
            for field in ["starts_at", "ends_at", "ended_at"] {
                if let Some(value) = line.data.get_mut(field) {
                    *value = json!(MOMENTS[(at + usize::from(field == "ends_at")) % 8]);
                }
            }
            for field in ["decide_by", "expected_on", "revisit_on", "respond_by", "needed_by", "until_on", "closes_on", "due_on"] {
                if let Some(value) = line.data.get_mut(field) {
                    *value = json!(if odd { "1900-01-01" } else { "2200-12-31" });
                }
            }
            let now = moment(MOMENTS[at]);
            if line.sentence == ADOPTED {
                let _ = record(&mut candidate, 100 + number, &line, now);
                continue;
            }
            let mut proposal = proposal(&line.sentence, 100 + number, &line.data);
            proposal.occurred_at = odd.then_some(now);
            let _ = decide(&mut candidate, proposal, now.max(moment("2026-03-02T09:00:00Z")), &"key".into());
        }
        for now in MOMENTS {
            timeline(&candidate, None, true, moment(now)).for_each(drop);
            for task in candidate.tasks.values() {
                let _ = serde_json::to_string(&candidate.task(task, moment(now)));
            }
        }
    }
}
