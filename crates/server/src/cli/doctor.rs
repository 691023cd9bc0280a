//! `afterword doctor`: whether all is in order, in sentences that say what to do.

mod machine;
mod settings;

use afterword_store::{Finding, Health, StoreOptions, examine};
use serde_json::json;

use super::{Failure, output::Rows, serve::Serve};
use crate::edge::clock::Clock;

/// How the service is, or would be, started: it takes what `serve` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    serve: Serve,
}

impl Doctor {
    pub(super) async fn run(self, options: &StoreOptions) -> Result<(), Failure> {
        let clock = Clock::system();
        let mut found = examine(options, || clock.now().as_microsecond()).await;
        found.extend(machine::examine(&options.files(), clock.now()));
        found.extend(settings::examine(&self.serve));
        let mut rows = Rows::new();
        for Finding {
            check,
            health,
            says,
            todo,
        } in &found
        {
            let health = match health {
                Health::Good => "good",
                Health::Warning => "warning",
                Health::Fault => "fault",
            };
            rows.add(&json!({"check": check, "health": health, "says": says, "do": todo.unwrap_or_default()}))?;
        }
        rows.end()?;
        match found.iter().filter(|it| it.health == Health::Fault).count() {
            0 => Ok(()),
            1 => Err(Failure::Refused("there is one fault".to_owned())),
            many => Err(Failure::Refused(format!("there are {many} faults"))),
        }
    }
}
