//! One page of the queue among 200,000 tasks and two million facts, over HTTP, beside the plain SELECT; and what a long
//! log costs the slowest hundredth of commands and reads.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use afterword_domain::ids::CandidateId;
use afterword_store::{Recorder, testing::PrivatePostgres};
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;

use crate::{
    AT_ONCE, Extent, Failure,
    http::{COUNT, Running, commands, wrk},
    measure::{Bound, Promise, Rounds, Sample, rotated},
    peers::{pgbench, sql},
    place::{Stand, TENANT},
    story::{Dates, Person, command, now},
};

const PAGE: &str = "GET /v1/tasks?limit=50, long log";
const PAGE_SMALL: &str = "GET /v1/tasks?limit=50, nearly empty store";
const PLAIN: &str = "pgbench, plain SELECT of 50 rows";
const OWN: &str = "pgbench, the service's own SELECT on its covering index";
const COMMAND: &str = "POST document-requests, long log";
const COMMAND_SMALL: &str = "POST document-requests, nearly empty store";

const PROMISES: &[Promise] = &[
    Promise {
        of: PAGE,
        to: PLAIN,
        bound: Bound::RateAtLeast(0.9),
    },
    Promise {
        of: PAGE,
        to: OWN,
        bound: Bound::Shown,
    },
    Promise {
        of: COMMAND,
        to: COMMAND_SMALL,
        bound: Bound::P99AtMost(1.5),
    },
    Promise {
        of: PAGE,
        to: PAGE_SMALL,
        bound: Bound::P99AtMost(1.5),
    },
];

/// Candidates of the store that is called nearly empty: enough for a full page.
const FEW: usize = 50;

/// Measures, and prints the table.
pub async fn run(server: &PrivatePostgres, extent: &Extent) -> Result<(), Failure> {
    let (long, small) = (Stand::postgres(server).await?, Stand::postgres(server).await?);
    live(&long, extent.candidates).await?;
    live(&small, FEW).await?;
    let counted = plain_table(&long).await?;
    let mut rounds = Rounds::default();
    for round in 0..extent.rounds {
        for what in rotated(&[PAGE, PLAIN, COMMAND, PAGE_SMALL, OWN, COMMAND_SMALL], round) {
            let sample = match what {
                PAGE => page(&long, extent).await?,
                PAGE_SMALL => page(&small, extent).await?,
                PLAIN => pgbench(long.url(), &select("plain_tasks"), extent.seconds).await?,
                OWN => pgbench(long.url(), &select("tasks"), extent.seconds).await?,
                COMMAND => commands(&long, extent).await?,
                _ => {
                    // Nearly empty again: the rounds before have left facts there.
                    let fresh = Stand::postgres(server).await?;
                    commands(&fresh, extent).await?
                }
            };
            rounds.add(round, what, sample);
        }
    }
    let order = [PAGE, PAGE_SMALL, PLAIN, OWN, COMMAND, COMMAND_SMALL];
    rounds.print("One page of 50 tasks, and what a long log costs", &order, PROMISES);
    println!("{counted}\n");
    Ok(())
}

/// Lets so many candidates live, each a hundred facts long, recorded as all facts are.
async fn live(stand: &Stand, candidates: usize) -> Result<(), Failure> {
    let store = stand.open().await?;
    let recorder = Recorder::new(store.clone());
    let (dates, lived) = (Arc::new(Dates::of_today()?), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (recorder, dates, lived) = (recorder.clone(), Arc::clone(&dates), Arc::clone(&lived));
        tasks.spawn(async move {
            let by: Arc<str> = "key_00000000000000000000000000".into();
            while lived.fetch_add(1, Ordering::Relaxed) < candidates {
                let (person, proposals) = Person::whole_life(&dates);
                recorder.record(command(person.candidate, true, proposals, &by)).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    settle(&recorder).await?;
    store.close().await;
    sql(stand.url(), &["VACUUM ANALYZE", "CHECKPOINT"]).await
}

/// Announces all that has come due: a service that had been running would have done so, and is not measured doing it.
async fn settle(recorder: &Recorder) -> Result<(), Failure> {
    let now = now();
    loop {
        let page = i64::try_from(AT_ONCE)?;
        let due = recorder.store().due(TENANT, now.as_microsecond(), None, page).await?;
        if due.is_empty() {
            return Ok(());
        }
        let mut announcing = JoinSet::new();
        for (_, id) in due {
            let recorder = recorder.clone();
            announcing.spawn(async move { recorder.announce(TENANT, CandidateId::new(id), now, None).await });
        }
        while let Some(announced) = announcing.join_next().await {
            announced??;
        }
    }
}

/// The live tasks once more, in a table as anybody would make it, with an index for the order alone.
async fn plain_table(stand: &Stand) -> Result<String, Failure> {
    let statements = [
        "CREATE TABLE plain_tasks AS SELECT * FROM tasks WHERE state = 'live' ORDER BY task_id",
        "ALTER TABLE plain_tasks ADD PRIMARY KEY (tenant_id, candidate_id, task_id)",
        "CREATE INDEX plain_by_due ON plain_tasks (tenant_id, due_at, candidate_id, task_id)",
        "VACUUM ANALYZE plain_tasks",
    ];
    sql(stand.url(), &statements).await?;
    let mut connection = PgConnection::connect(stand.url()).await?;
    let (live, all, events, length): (i64, i64, i64, f64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM plain_tasks), (SELECT count(*) FROM tasks), (SELECT count(*) FROM events), \
         (SELECT avg(length(sealed))::float8 FROM plain_tasks)",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(format!(
        "The long log: {events} facts, {live} live tasks of {all}, {length:.0} sealed bytes in one."
    ))
}

fn select(table: &str) -> String {
    let (tenant, now) = (TENANT.0, now().as_microsecond());
    format!(
        "SELECT t.candidate_id, t.task_id, t.application_id, t.play, t.state, t.opens_at, t.due_at, t.snoozed_until, \
         t.version, t.sealed FROM {table} t WHERE t.tenant_id = {tenant} AND t.state = 'live' AND t.opens_at <= {now} \
         AND (t.snoozed_until IS NULL OR t.snoozed_until <= {now}) ORDER BY t.due_at, t.candidate_id, t.task_id LIMIT 50;\n"
    )
}

async fn page(stand: &Stand, extent: &Extent) -> Result<Sample, Failure> {
    let service = Running::serving(stand)?;
    let script = stand.file("page.lua");
    std::fs::write(
        &script,
        format!("wrk.headers['Authorization'] = 'Bearer {}'\n{COUNT}", stand.key),
    )?;
    let url = format!("{}/v1/tasks?limit=50", service.url);
    wrk(1.0, Some(&script), &url).await?;
    wrk(extent.seconds, Some(&script), &url).await
}
