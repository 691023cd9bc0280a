//! Logs, on stderr: lines for people, JSON for machines. They hold ids, routes and times, and never personal data.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, Layer, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

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
    let logs = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let logs = if io::stderr().is_terminal() {
        logs.with_target(false).boxed()
    } else {
        logs.json().flatten_event(true).with_span_list(false).boxed()
    };
    tracing_subscriber::registry()
        .with(logs.with_filter(filter_fn(may_be_told)))
        .with(filter)
        .init();
}

/// At debug and trace, libraries quote what they send and receive: headers, statements, letters. That is never logged,
/// whatever AFTERWORD_LOG says.
fn may_be_told(told: &Metadata<'_>) -> bool {
    *told.level() <= Level::INFO || told.target().split("::").next().is_some_and(is_ours)
}

fn is_ours(target: &str) -> bool {
    target == "afterword" || target.starts_with("afterword_")
}
