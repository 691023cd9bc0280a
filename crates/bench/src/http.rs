//! The release server under wrk, 64 connections: recording a document request, beside an actix server of the same build
//! that answers "hello".

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use afterword_domain::ids::ApplicationId;
use afterword_store::{Recorder, Store, testing::PrivatePostgres};
use tokio::task::JoinSet;

use crate::{
    AT_ONCE, Extent, Failure,
    measure::{Bound, Promise, Rounds, Sample, output, rotated},
    place::Stand,
    story::{Person, command},
};

const HELLO: &str = "actix hello";
const ON_POSTGRES: &str = "POST document-requests, PostgreSQL";
const ON_SQLITE: &str = "POST document-requests, SQLite";

const PROMISES: &[Promise] = &[
    Promise {
        of: ON_POSTGRES,
        to: HELLO,
        bound: Bound::RateAtLeast(0.12),
    },
    Promise {
        of: ON_SQLITE,
        to: HELLO,
        bound: Bound::RateAtLeast(0.12),
    },
];

/// So many applications share the requests of a round, so that none of them gets more than a few.
const APPLICATIONS: usize = 8192;

/// Measures, and prints the table.
pub async fn run(server: &PrivatePostgres, extent: &Extent) -> Result<(), Failure> {
    let (postgres, sqlite) = (Stand::postgres(server).await?, Stand::sqlite().await?);
    let mut rounds = Rounds::default();
    for round in 0..extent.rounds {
        for what in rotated(&[HELLO, ON_POSTGRES, ON_SQLITE], round) {
            let sample = match what {
                HELLO => {
                    let hello = Running::of(&["hello".to_owned()], "")?;
                    wrk(extent.seconds, None, &format!("{}/", hello.url)).await?
                }
                ON_POSTGRES => commands(&postgres, extent).await?,
                _ => commands(&sqlite, extent).await?,
            };
            rounds.add(round, what, sample);
        }
    }
    rounds.print(
        "Commands over HTTP, 64 connections",
        &[HELLO, ON_POSTGRES, ON_SQLITE],
        PROMISES,
    );
    Ok(())
}

/// A fresh server on the store, and requests for candidates who have just applied.
pub async fn commands(stand: &Stand, extent: &Extent) -> Result<Sample, Failure> {
    let store = stand.open().await?;
    let paths = applications(&store).await?;
    store.close().await;
    let script = stand.file("commands.lua");
    std::fs::write(&script, posts(&paths, &stand.key)?)?;
    let service = Running::serving(stand)?;
    wrk(1.0, Some(&script), &service.url).await?;
    wrk(extent.seconds, Some(&script), &service.url).await
}

/// Candidates who have just applied, as paths.
async fn applications(store: &Store) -> Result<Vec<String>, Failure> {
    let recorder = Recorder::new(store.clone());
    let by: Arc<str> = "key_00000000000000000000000000".into();
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (recorder, by) = (recorder.clone(), Arc::clone(&by));
        tasks.spawn(async move {
            let mut paths = Vec::new();
            for _ in 0..APPLICATIONS / AT_ONCE {
                let (person, proposals) = Person::begins();
                recorder.record(command(person.candidate, true, proposals, &by)).await?;
                let application = ApplicationId::new(person.application);
                paths.push(format!(
                    "/v1/candidates/{}/applications/{application}/document-requests",
                    person.candidate
                ));
            }
            Ok::<_, Failure>(paths)
        });
    }
    let mut paths = Vec::new();
    while let Some(some) = tasks.join_next().await {
        paths.extend(some??);
    }
    Ok(paths)
}

/// A script of wrk: each thread goes through its half of the paths.
fn posts(paths: &[String], key: &str) -> Result<String, Failure> {
    let mut script = String::from(
        "local threads = 0\nfunction setup(thread) thread:set('id', threads); threads = threads + 1 end\nlocal paths = {\n",
    );
    for path in paths {
        writeln!(script, "'{path}',")?;
    }
    write!(
        script,
        "}}\nlocal requests, next, step = {{}}, 0, 0\n\
         function init()\n\
         \x20 local headers = {{['Authorization'] = 'Bearer {key}', ['Content-Type'] = 'application/json'}}\n\
         \x20 for i = 1, #paths do requests[i] = wrk.format('POST', paths[i], headers, '{{\"document\":\"Certificate of employment\"}}') end\n\
         \x20 next = id * #paths / 2\n\
         end\n\
         function request() next = next % #paths + 1; return requests[next] end\n{COUNT}"
    )?;
    Ok(script)
}

/// What is not a success spoils the run, and is told.
pub const COUNT: &str = "
function done(summary, latency)
  io.write(string.format('RESULT %d %d %d %d %d\\n', summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), summary.errors.status + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
";

/// wrk with a script, or plainly.
pub async fn wrk(seconds: f64, script: Option<&Path>, url: &str) -> Result<Sample, Failure> {
    let folder = tempfile::tempdir()?;
    let plain = folder.path().join("plain.lua");
    std::fs::write(&plain, COUNT)?;
    let mut command = Command::new("wrk");
    command.args([
        "-t",
        "2",
        "-c",
        &AT_ONCE.to_string(),
        "-d",
        &format!("{}s", seconds.ceil()),
        "-s",
    ]);
    let printed = output(command.arg(script.unwrap_or(&plain)).arg(url)).await?;
    let result = printed
        .lines()
        .find_map(|line| line.strip_prefix("RESULT "))
        .ok_or("wrk told no result")?;
    let numbers: Vec<f64> = result.split(' ').filter_map(|number| number.parse().ok()).collect();
    match numbers.as_slice() {
        [_, _, _, _, errors] if *errors > 0.0 => Err(format!("{errors} requests failed: {printed}").into()),
        [requests, micros, p50, p99, _] => Ok(Sample {
            rate: requests / micros * 1e6,
            p50: *p50,
            p99: *p99,
        }),
        _ => Err(format!("wrk told what is not understood: {result}").into()),
    }
}

/// A server of this build in a process of its own, killed when dropped.
pub struct Running {
    child: Child,
    /// Where it listens.
    pub url: String,
}

impl Running {
    /// The service on a store, as `afterword serve` runs it.
    pub fn serving(stand: &Stand) -> Result<Self, Failure> {
        let mut arguments = vec!["serve".to_owned(), "--listen".to_owned(), "127.0.0.1:0".to_owned()];
        arguments.extend(stand.arguments());
        Self::of(&arguments, stand.url())
    }

    /// The URL of a database may hold a password, which an argument would show.
    fn of(arguments: &[String], url: &str) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .env("AFTERWORD_DATABASE_URL", url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let mut running = Self {
            child,
            url: String::new(),
        };
        for line in BufReader::new(stdout).lines() {
            let told: serde_json::Value = serde_json::from_str(&line?)?;
            if let Some(url) = told["listening"].as_str() {
                running.url = url.to_owned();
                return Ok(running);
            }
        }
        Err(format!("{arguments:?} ended before it listened").into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
