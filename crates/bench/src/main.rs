//! What the service's speed is, beside peers on the same machine: one program that starts its own PostgreSQL, measures
//! in rotated order over several rounds, and prints the table of docs/performance.md. Ratios are taken within a round
//! and then their median, since a shared machine is never the same for two minutes.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and makes ids as the service's edge does"
)]

mod append;
mod http;
mod measure;
mod peers;
mod place;
mod reads;
mod story;
mod time;

use std::time::Duration;

use afterword_store::testing::PrivatePostgres;
use clap::Parser;

/// The server's allocator; the peer has it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whatever goes wrong ends the run with a sentence.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How many callers there are at once, everywhere.
const AT_ONCE: usize = 64;

/// Measures the service's speed beside peers.
#[derive(Parser)]
struct Bench {
    /// What to measure.
    #[arg(value_enum, default_value = "all")]
    what: What,
    /// How often.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// To how many candidates something happens within one hour.
    #[arg(long, default_value_t = 100_000)]
    due: usize,
    /// Short rounds and a small log: to see that it works.
    #[arg(long)]
    quick: bool,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum What {
    /// Commands in process.
    Append,
    /// Commands over HTTP.
    Http,
    /// Pages of the queue, and what a long log costs.
    Reads,
    /// Many candidates to whom something happens within one hour.
    Time,
    /// Everything.
    All,
}

/// How long and how much.
struct Extent {
    rounds: usize,
    seconds: f64,
    /// Candidates in the long log, each with a hundred facts.
    candidates: usize,
    /// Candidates to whom something happens within one hour.
    due: usize,
}

fn main() -> std::process::ExitCode {
    // The bench is the release server too, so that what is compared comes from one build.
    match std::env::args().nth(1).as_deref() {
        Some("serve") => return afterword::cli::main(),
        Some("hello") => return ended(peers::hello()),
        _ => {}
    }
    let bench = Bench::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    ended(
        runtime
            .map_err(Failure::from)
            .and_then(|runtime| runtime.block_on(bench.run())),
    )
}

fn ended(result: Result<(), Failure>) -> std::process::ExitCode {
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            std::process::ExitCode::FAILURE
        }
    }
}

impl Bench {
    async fn run(self) -> Result<(), Failure> {
        let extent = Extent {
            rounds: self.rounds.max(1),
            seconds: if self.quick { 1.0 } else { 5.0 },
            candidates: if self.quick { 1_000 } else { 20_000 },
            due: if self.quick { self.due.min(2_000) } else { self.due },
        };
        let server = tokio::task::spawn_blocking(PrivatePostgres::start)
            .await?
            .ok_or("there is no PostgreSQL")?;
        let wants = |what| self.what == What::All || self.what == what;
        println!("{}\n", machine());
        if wants(What::Append) {
            append::run(&server, &extent).await?;
        }
        if wants(What::Http) {
            http::run(&server, &extent).await?;
        }
        if wants(What::Reads) {
            reads::run(&server, &extent).await?;
        }
        if wants(What::Time) {
            time::run(&server, &extent).await?;
        }
        tokio::task::spawn_blocking(move || drop(server)).await?;
        Ok(())
    }
}

/// The machine, in words that name nobody.
fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    format!("{processors} processors; load of the machine at the start: {load}")
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
