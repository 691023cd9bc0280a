//! The command line: a contract, like the API. Results go to stdout as JSON lines (tables where a person watches), logs
//! and errors to stderr; exit code 0 is good, 1 refused or different, 2 a wrong call.

mod backup;
mod doctor;
mod events;
mod logs;
mod output;
pub mod serve;
mod stores;
pub mod tenants;
mod verify;

use std::process::ExitCode;

use afterword_store::{OpenError, StoreError};
use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind};

use crate::{app, demo, edge::middleware};

const EXAMPLES: &str = "\
Examples:
  afterword demo                                            see what it does, in a minute
  afterword serve                                           serve on SQLite in ./afterword-data
  afterword --database-url postgres://localhost/afterword migrate
  afterword keys create --tenant default --scopes candidates:read --group spring
  afterword keys rotate-master --to next.key                change the master key while it serves
  afterword events --tenant default | jq .type              read the log
  afterword verify                                          hold everything stored against the log
  afterword doctor                                          look whether all is in order, and say what to do
  afterword backup --to /backup/2026-03-02                  copy a SQLite store while it is served

Logs go to stderr; AFTERWORD_LOG filters them (info, debug, afterword=debug,info …).
Exit codes: 0 good, 1 refused or different, 2 a wrong call.";

/// Everything a job candidate does after an interview, as a headless service.
#[derive(Debug, Parser)]
#[command(name = "afterword", version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    store: stores::Stores,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API
    Serve(serve::Serve),
    /// Look whether all is in order, and say what to do
    Doctor(doctor::Doctor),
    /// Bring the schema of the store up to date
    Migrate,
    /// Manage tenants
    Tenants {
        #[command(subcommand)]
        command: tenants::Tenants,
    },
    /// Manage API keys, and the master key
    Keys {
        #[command(subcommand)]
        command: tenants::Keys,
    },
    /// Fold every stream again from the log and compare with all that is stored
    Verify(verify::Which),
    /// Derive all stored rows anew from the log, beside live traffic
    Rebuild(verify::Which),
    /// Copy a SQLite store beside a running service, data and keys apart
    Backup(backup::Backup),
    /// Print a tenant's log, unsealed, one JSON object a line
    Events(events::Events),
    /// Print the OpenAPI document
    Openapi,
    /// Run the main job on real input, and stay up
    Demo(Demo),
}

#[derive(Debug, clap::Args)]
struct Demo {
    /// End when all is shown
    #[arg(long)]
    once: bool,
}

/// After so many of its own tasks a thread takes one that another thread has woken; by itself it does after as many as 127.
/// SQLite's threads wake all that waits for them, the writer at each of its statements.
const WOKEN_BY_OTHERS: u32 = 3;

/// Runs the command that the process was called with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    logs::start(matches!(cli.command, Command::Demo(_)));
    middleware::log_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .global_queue_interval(WOKEN_BY_OTHERS)
        .build();
    let ended = runtime.map_err(Failure::from).and_then(|runtime| {
        let ended = runtime.block_on(cli.run());
        // What had to be finished is; a thread that idles must not hold the process up.
        runtime.shutdown_background();
        ended
    });
    ended.map_or_else(Failure::tell, |()| ExitCode::SUCCESS)
}

impl Cli {
    async fn run(self) -> Result<(), Failure> {
        let store = &self.store;
        match self.command {
            Command::Serve(serve) => serve.run(&store.options()?).await,
            Command::Doctor(doctor) => doctor.run(&store.options()?).await,
            Command::Backup(backup) => backup.run(&store.options()?).await,
            Command::Migrate => stores::migrate(&store.options()?).await,
            Command::Tenants { command } => command.run(store).await,
            Command::Keys { command } => command.run(store).await,
            Command::Verify(which) => which.verify(store.open().await?).await,
            Command::Rebuild(which) => which.rebuild(store.open().await?).await,
            Command::Events(events) => events.run(store.open().await?).await,
            Command::Openapi => Ok(output::document(&app::openapi())?),
            Command::Demo(Demo { once }) => {
                let options = demo::Options {
                    store: store.options()?,
                    once,
                };
                demo::run(options).await.map_err(Failure::Refused)
            }
        }
    }
}

/// Why a command did not do what was asked, as one sentence.
#[derive(Debug)]
pub enum Failure {
    /// It was refused, or did not work.
    Refused(String),
    /// It was called wrongly.
    Usage(String),
    /// Nobody reads the results any more: no failure at all.
    Unread,
}

impl Failure {
    fn tell(self) -> ExitCode {
        match self {
            Self::Refused(sentence) => {
                eprintln!("error: {sentence}");
                ExitCode::from(1)
            }
            Self::Usage(sentence) => {
                eprint!("{}", Cli::command().error(ErrorKind::ValueValidation, sentence));
                ExitCode::from(2)
            }
            Self::Unread => ExitCode::SUCCESS,
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::MasterKeyNotNamed | OpenError::SameMasterKey | OpenError::Url => Self::Usage(error.to_string()),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Unread,
            _ => Self::Refused(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn store_options_stand_before_or_after_the_command() {
        for words in [
            ["afterword", "--data", "x", "verify"],
            ["afterword", "verify", "--data", "x"],
        ] {
            let cli = Cli::try_parse_from(words).expect("parsed");
            assert_eq!(cli.store.data.as_deref(), Some(std::path::Path::new("x")));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_before_anything_is_opened() {
        for words in [
            &["afterword"][..],
            &["afterword", "keys", "create", "--tenant", "a", "--scopes", "all"],
            &[
                "afterword",
                "keys",
                "create",
                "--tenant",
                "a",
                "--scopes",
                "admin",
                "--candidate",
                "app_1",
            ],
            &[
                "afterword",
                "keys",
                "create",
                "--tenant",
                "a",
                "--scopes",
                "admin",
                "--group",
                "a b",
            ],
            &["afterword", "tenants", "create", ""],
            &["afterword", "serve", "--listen", "8080"],
            &["afterword", "serve", "--rate-limit", "many"],
            &["afterword", "events"],
        ] {
            assert_eq!(
                Cli::try_parse_from(words).map_err(|error| error.exit_code()).err(),
                Some(2),
                "{words:?}"
            );
        }
    }
}
