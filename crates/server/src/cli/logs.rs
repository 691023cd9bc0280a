//! Logs, on stderr: lines for people, JSON for machines. They hold ids, routes and times, and never personal data.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// What is logged unless AFTERWORD_LOG says otherwise.
const USUAL: &str = "info,sqlx=warn,actix_server=warn";

/// The same for a command whose reader is a person at a terminal, who reads its results.
const QUIET: &str = "warn";

/// Begins to log.
pub(super) fn start(quietly: bool) {
    let asked = std::env::var("AFTERWORD_LOG").ok().filter(|filter| !filter.is_empty());
    // A filter that cannot be read must not silence the service.
    let filter = asked
        .and_then(|filter| filter.parse().ok())
        .unwrap_or_else(|| EnvFilter::new(if quietly { QUIET } else { USUAL }));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    if io::stderr().is_terminal() {
        logs.with_target(false).init();
    } else {
        logs.json().flatten_event(true).with_span_list(false).init();
    }
}
