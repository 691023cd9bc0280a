//! Commands in process, 64 at once: loaded, decided, sealed and appended with their tasks, beside a framework that does
//! the like and beside the bare inserts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use afterword_store::{Recorder, Step, Store, testing::PrivatePostgres};

use crate::{
    AT_ONCE, Extent, Failure,
    measure::{Bound, Promise, Rounds, Sample, rotated},
    peers,
    place::{Stand, TENANT},
    seconds,
    story::{Dates, Person, another_card, command},
};

const ON_POSTGRES: &str = "Afterword on PostgreSQL";
const ON_SQLITE: &str = "Afterword on SQLite, synchronous=FULL";
const PEER: &str = "postgres-es 0.5 with one view";
const BARE: &str = "pgbench, two single-row inserts";

const PROMISES: &[Promise] = &[
    Promise {
        of: ON_POSTGRES,
        to: PEER,
        bound: Bound::RateAtLeast(6.0),
    },
    Promise {
        of: ON_SQLITE,
        to: PEER,
        bound: Bound::RateAtLeast(3.0),
    },
    Promise {
        of: ON_POSTGRES,
        to: BARE,
        bound: Bound::RateAtLeast(0.9),
    },
];

/// Candidates that a task works on; one command in `NEW` is the first of another, in place of one of them.
const KNOWN: u64 = 64;
const NEW: u64 = 10;
/// One command in so many finds that another instance was there before it.
const CONFLICTING: u64 = 100;
/// Seconds before anything counts.
const WARM_UP: f64 = 2.0;

/// Measures, and prints the table.
pub async fn run(server: &PrivatePostgres, extent: &Extent) -> Result<(), Failure> {
    let dates = Arc::new(Dates::of_today()?);
    let (postgres, sqlite) = (Stand::postgres(server).await?, Stand::sqlite().await?);
    let (on_postgres, on_sqlite) = (postgres.open().await?, sqlite.open().await?);
    let bytes = sealed_bytes(&on_postgres, &dates).await?;
    let (peer, bare) = (server.fresh_database().await, server.fresh_database().await);
    peers::bare_table(&bare).await?;
    let did = Arc::new(Did::default());
    let mut rounds = Rounds::default();
    for round in 0..extent.rounds {
        for what in rotated(&[ON_POSTGRES, PEER, ON_SQLITE, BARE], round) {
            let sample = match what {
                ON_POSTGRES => load(&on_postgres, extent, &dates, &did).await?,
                ON_SQLITE => load(&on_sqlite, extent, &dates, &did).await?,
                PEER => peers::postgres_es(&peer, extent, bytes).await?,
                _ => peers::bare_inserts(&bare, extent, bytes).await?,
            };
            rounds.add(round, what, sample);
        }
    }
    on_postgres.close().await;
    on_sqlite.close().await;
    rounds.print(
        "Commands in process, 64 at once",
        &[ON_POSTGRES, ON_SQLITE, PEER, BARE],
        PROMISES,
    );
    println!("{did}, {bytes} bytes in an event.\n");
    Ok(())
}

/// What the commands were.
#[derive(Default)]
struct Did {
    commands: AtomicU64,
    facts: AtomicU64,
    tasks: AtomicU64,
    conflicts: AtomicU64,
}

impl std::fmt::Display for Did {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
        let each = |count| of(count) / of(&self.commands);
        write!(
            f,
            "A command: {:.1} facts and {:.1} moved tasks; one in {NEW} of a new candidate, {:.1} % conflicting",
            each(&self.facts),
            each(&self.tasks),
            each(&self.conflicts) * 100.0
        )
    }
}

async fn load(store: &Store, extent: &Extent, dates: &Arc<Dates>, did: &Arc<Did>) -> Result<Sample, Failure> {
    // Two instances: what the other one writes, this one does not know.
    let (recorder, other) = (Recorder::new(store.clone()), Recorder::new(store.clone()));
    let from = Instant::now() + seconds(WARM_UP);
    let until = from + seconds(extent.seconds);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..AT_ONCE {
        let caller = Caller {
            recorder: recorder.clone(),
            other: other.clone(),
            dates: Arc::clone(dates),
            did: Arc::clone(did),
        };
        tasks.spawn(caller.call(number as u64, from, until));
    }
    let mut took = Vec::new();
    while let Some(some) = tasks.join_next().await {
        took.extend(some??);
    }
    Ok(Sample::of(took, until - from))
}

struct Caller {
    recorder: Recorder,
    other: Recorder,
    dates: Arc<Dates>,
    did: Arc<Did>,
}

impl Caller {
    async fn call(self, number: u64, from: Instant, until: Instant) -> Result<Vec<u64>, Failure> {
        let by: Arc<str> = "key_00000000000000000000000000".into();
        let mut random = 0x9E37_79B9_7F4A_7C15 ^ (number + 1);
        let mut known: Vec<Person> = Vec::new();
        let mut took = Vec::new();
        while Instant::now() < until {
            random = xorshift(random);
            let place = usize::try_from((random >> 20) % KNOWN)?;
            let is_new = place >= known.len() || random.is_multiple_of(NEW);
            let proposals = if is_new {
                let (person, proposals) = Person::begins();
                if place < known.len() {
                    known[place] = person
                } else {
                    known.push(person)
                }
                proposals
            } else {
                known[place].goes_on(&self.dates)
            };
            let candidate = known[place.min(known.len() - 1)].candidate;
            let conflicts = !is_new && (random >> 40).is_multiple_of(CONFLICTING);
            if conflicts {
                // Not counted itself: it makes the next command find a state that has moved on.
                self.other
                    .record(command(candidate, false, vec![another_card()], &by))
                    .await?;
            }
            let facts = proposals.len() as u64;
            let asked = Instant::now();
            let recorded = self.recorder.record(command(candidate, is_new, proposals, &by)).await?;
            let answered = Instant::now();
            if asked >= from && answered <= until {
                took.push(u64::try_from((answered - asked).as_micros())?);
                let tasks: usize = recorded.results.iter().flatten().map(moved).sum();
                self.did.commands.fetch_add(1, Ordering::Relaxed);
                self.did.facts.fetch_add(facts, Ordering::Relaxed);
                self.did.tasks.fetch_add(tasks as u64, Ordering::Relaxed);
                self.did.conflicts.fetch_add(u64::from(conflicts), Ordering::Relaxed);
            }
        }
        Ok(took)
    }
}

fn moved(step: &Step) -> usize {
    let tasks = &step.decided.envelope().tasks;
    tasks.raised.len() + tasks.changed.len() + tasks.closed.len()
}

pub fn xorshift(mut random: u64) -> u64 {
    random ^= random << 13;
    random ^= random >> 7;
    random ^ (random << 17)
}

/// How long a payload is on average, so that the peers write as much.
async fn sealed_bytes(store: &Store, dates: &Dates) -> Result<usize, Failure> {
    let recorder = Recorder::new(store.clone());
    let (person, proposals) = Person::whole_life(dates);
    let recorded = recorder
        .record(command(person.candidate, true, proposals, &"key".into()))
        .await?;
    let rows = store.stream(TENANT, recorded.candidate.id.uuid(), 0).await?;
    let bytes: usize = rows.iter().map(|row| row.sealed.as_ref().map_or(0, Vec::len)).sum();
    Ok(bytes / rows.len().max(1))
}
