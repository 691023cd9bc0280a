//! The time worker: many candidates to whom something happens within one hour. They register and are invited; the hour
//! passes at once, and one worker announces what it has brought about, with all that a write costs. The clock is a fixed
//! one, so that an hour takes no hour; it keeps up where it takes less.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use afterword::{edge::clock::Clock, service::Service, time_worker::TimeWorker};
use afterword_store::{Command, Recorder, testing::PrivatePostgres};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use crate::{
    AT_ONCE, Extent, Failure,
    place::Stand,
    story::{Person, command},
};

/// When the candidates are invited; the hour begins an hour later.
const START: Timestamp = Timestamp::constant(1_772_438_400, 0);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Measures, and prints the table.
pub async fn run(server: &PrivatePostgres, extent: &Extent) -> Result<(), Failure> {
    println!(
        "### {} candidates to whom something happens within one hour\n",
        extent.due
    );
    println!("| | facts | seconds | facts per second | of the hour |\n|---|--:|--:|--:|--:|");
    for (what, stand) in [
        ("PostgreSQL", Stand::postgres(server).await?),
        ("SQLite, synchronous=FULL", Stand::sqlite().await?),
    ] {
        let (facts, seconds) = one_hour(&stand, extent.due).await?;
        println!(
            "| {what} | {facts} | {seconds:.1} | {:.0} | {:.1} % |",
            facts as f64 / seconds,
            seconds / 36.0
        );
    }
    println!();
    Ok(())
}

async fn one_hour(stand: &Stand, candidates: usize) -> Result<(u64, f64), Failure> {
    let store = stand.open().await?;
    invite(&Recorder::new(store.clone()), candidates).await?;
    let clock = Clock::fixed(START);
    // Nothing is in memory, as after a restart.
    let service = Service::new(store.clone(), clock.clone());
    let mut worker = TimeWorker::new(&service);
    let before = worker.round().await?;
    if before.announced > 0 {
        return Err(format!("{} facts were announced before their hour", before.announced).into());
    }
    clock.advance(HOUR + HOUR);
    let began = Instant::now();
    let (mut facts, mut round) = (0, worker.round().await?.announced);
    while round > 0 {
        facts += round;
        round = worker.round().await?.announced;
    }
    let seconds = began.elapsed().as_secs_f64();
    if facts < candidates as u64 {
        return Err(format!("only {facts} facts were announced for {candidates} candidates").into());
    }
    store.close().await;
    Ok((facts, seconds))
}

/// Each registers, applies and is invited to an interview that ends within the hour: then it is to be recorded.
async fn invite(recorder: &Recorder, candidates: usize) -> Result<(), Failure> {
    let invited = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (recorder, invited) = (recorder.clone(), Arc::clone(&invited));
        tasks.spawn(async move {
            let by: Arc<str> = "key_00000000000000000000000000".into();
            loop {
                let nth = invited.fetch_add(1, Ordering::Relaxed);
                if nth >= candidates {
                    return Ok::<_, Failure>(());
                }
                let within = i64::try_from(nth * 3_599 / candidates)?;
                let ends_at = START + HOUR + SignedDuration::from_secs(within);
                let (person, mut proposals) = Person::begins();
                proposals.push(person.is_invited(ends_at - HOUR / 2, ends_at));
                let command = Command {
                    now: START,
                    ..command(person.candidate, true, proposals, &by)
                };
                recorder.record(command).await?;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
