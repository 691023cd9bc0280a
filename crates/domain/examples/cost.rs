//! What it costs to record a fact for a candidate with a short history and with a long one. The architecture
//! promises that the two are about the same: `cargo run --release -p afterword-domain --example cost`.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

#[expect(
    dead_code,
    reason = "the measurement needs proposals, not the narrator of the given-when-then tests"
)]
#[path = "../src/given.rs"]
mod given;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use afterword_domain::{
    announcements::announce,
    candidate::Candidate,
    decide::{Proposal, decide},
    ids::CandidateId,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

const START: Timestamp = Timestamp::constant(1_772_000_000, 0);

fn at(hours: usize) -> Timestamp {
    START + SignedDuration::from_hours(i64::try_from(hours).unwrap_or(0))
}

/// The fifty facts of one application, the `n`th of the candidate, from its first hour on.
fn application(n: usize, hour: usize) -> Vec<(String, Value)> {
    let times = |start: usize| {
        json!({"starts_at": at(start), "ends_at": at(start + 1), "time_zone": "Europe/Berlin", "format": "video",
            "interviewers": [format!("con_a{n}"), format!("con_b{n}")]})
    };
    let card = json!({"name": "Anna Berg", "organisation_name": format!("Organisation {n}")});
    let note = |kind: &str| json!({"kind": kind, "recipients": [format!("con_a{n}")], "channel": "email", "application": format!("app_{n}")});
    let mut facts = vec![
        (format!("ContactCollected con_a{n}"), card.clone()),
        (format!("ContactCollected con_b{n}"), card),
        (
            format!("ApplicationOpened app_{n}"),
            json!({"organisation": {"name": format!("Organisation {n}")}, "position": "Engineer"}),
        ),
    ];
    for round in 0..3 {
        let end = hour + 10 * (round + 1);
        facts.extend([
            (format!("InterviewScheduled int_{n}_{round} in app_{n}"), times(end - 1)),
            (
                format!("InterviewHeld of int_{n}_{round}"),
                json!({"ended_at": at(end)}),
            ),
            (format!("NoteDrafted note_{n}_{round} "), note("thank_you")),
            (
                format!("NoteRevised of note_{n}_{round}"),
                json!({"body": "Thank you."}),
            ),
            (format!("NoteSent of note_{n}_{round}"), json!({})),
            (
                format!("DecisionDatePromised dec_{n}_{round} in app_{n}"),
                json!({"decide_by": "2026-06-01"}),
            ),
            (
                format!("ContactRevised of con_a{n}"),
                json!({"email": "anna@example.org", "preferred_channel": "email"}),
            ),
        ]);
        for ask in 0..2 {
            facts.extend([
                (
                    format!("DocumentRequested doc_{n}_{round}_{ask} in app_{n}"),
                    json!({"document": "references"}),
                ),
                (
                    format!("DocumentDelayReported of doc_{n}_{round}_{ask}"),
                    json!({"expected_on": "2026-05-01"}),
                ),
                (
                    format!("DocumentSent of doc_{n}_{round}_{ask}"),
                    json!({"channel": "email"}),
                ),
            ]);
        }
    }
    facts.extend([
        (
            format!("StatusEnquired enq_{n} in app_{n}"),
            json!({"channel": "phone", "contact": format!("con_a{n}")}),
        ),
        (
            format!("StatusReported rep_{n} in app_{n}"),
            json!({"summary": "Soon."}),
        ),
        (
            format!("RejectionReceived rej_{n} in app_{n}"),
            json!({"channel": "email"}),
        ),
        (format!("NoteDrafted note_{n}_grace"), note("rejection_thanks")),
        (format!("NoteSent of note_{n}_grace"), json!({})),
        (format!("FeedbackRequested of rej_{n}"), json!({"channel": "email"})),
        (format!("FeedbackReceived of rej_{n}"), json!({"text": "Too quiet."})),
        (format!("DoorKeptOpen of rej_{n}"), json!({"revisit_on": "2026-12-01"})),
    ]);
    facts
}

fn proposal((sentence, data): &(String, Value), number: usize) -> Proposal {
    given::proposal(sentence, number, data)
}

/// A candidate with that many applications behind, and what it took to record a fact of the last.
fn history(applications: usize) -> (Candidate, Vec<(String, Duration)>) {
    let mut candidate = Candidate::unknown(CandidateId::new(Uuid::from_u128(1)));
    let by = Arc::from("key");
    let ada = (
        "CandidateRegistered".to_owned(),
        json!({"name": "Ada Lovelace", "time_zone": "Europe/Lisbon"}),
    );
    decide(&mut candidate, proposal(&ada, 0), START, &by).expect("a beginning");
    let mut number = 0;
    let mut costs = Vec::new();
    for n in 0..applications {
        let hour = n * 50;
        for (i, fact) in application(n, hour).into_iter().enumerate() {
            number += 1;
            let (proposal, now) = (proposal(&fact, number), at(hour + i + 31));
            if n + 1 == applications {
                let runs = 200;
                let copies: Vec<_> = (0..runs).map(|_| (candidate.clone(), proposal.clone())).collect();
                let start = Instant::now();
                for (mut copy, proposal) in copies {
                    announce(&mut copy, now);
                    decide(&mut copy, proposal, now, &by).expect("a fact");
                }
                costs.push((
                    fact.0.split(' ').next().unwrap_or_default().to_owned(),
                    start.elapsed() / runs,
                ));
            }
            announce(&mut candidate, now);
            decide(&mut candidate, proposal, now, &by).expect("a fact");
        }
    }
    (candidate, costs)
}

#[expect(clippy::print_stdout, reason = "it prints what it measured")]
fn main() {
    let (short, few) = history(1);
    let (long, many) = history(106);
    println!(
        "microseconds per fact with {} and with {} facts behind",
        short.version, long.version
    );
    let total = |costs: &[(String, Duration)]| costs.iter().map(|(_, cost)| *cost).sum::<Duration>();
    for ((name, one), (_, other)) in few.iter().zip(&many) {
        println!(
            "{name:24} {:8.1} {:8.1}",
            one.as_secs_f64() * 1e6,
            other.as_secs_f64() * 1e6
        );
    }
    let each = |costs: &[(String, Duration)]| total(costs).as_secs_f64() * 1e6 / costs.len() as f64;
    let (one, other) = (each(&few), each(&many));
    println!("{:24} {one:8.1} {other:8.1}, {:.2} times", "all", other / one);

    let start = Instant::now();
    let again = Candidate::unknown(long.id).fold(long.history().iter().cloned());
    println!("folding {} facts: {:?}", again.version, start.elapsed());
    let fact = long
        .history()
        .last()
        .map(|fact| fact.at.event.to_string())
        .unwrap_or_default();
    let retraction = (format!("FactRetracted of {fact}"), json!({"reason": "Wrong."}));
    let (mut copy, start) = (long.clone(), Instant::now());
    decide(
        &mut copy,
        proposal(&retraction, 1_000_000),
        long.recorded_at,
        &"key".into(),
    )
    .expect("a retraction");
    println!("retracting one of them: {:?}", start.elapsed());
}
