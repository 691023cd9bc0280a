//! `afterword events`: the log as it is, unsealed, for those who hold the keys to it.

use std::io::{self, Write};

use afterword_domain::ids::CandidateId;
use afterword_store::{FeedQuery, Recorder, Store};

use super::{Failure, tenants::the_tenant};
use crate::events::Event;

const PAGE: usize = 500;

/// Which part of the log.
#[derive(Debug, clap::Args)]
pub(super) struct Events {
    /// Whose log
    #[arg(long, value_name = "NAME")]
    tenant: String,
    /// Only this candidate's facts
    #[arg(long, value_name = "ID")]
    candidate: Option<CandidateId>,
}

impl Events {
    pub(super) async fn run(self, store: Store) -> Result<(), Failure> {
        let tenant = the_tenant(&store, &self.tenant).await?.id;
        let candidate = self.candidate.map(CandidateId::uuid);
        let recorder = Recorder::new(store);
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut after_position = 0;
        loop {
            let query = FeedQuery {
                after_position,
                candidate,
                limit: i64::try_from(PAGE).unwrap_or(1),
                ..FeedQuery::default()
            };
            let page = recorder.feed(tenant, query).await?.entries;
            for entry in &page {
                after_position = entry.position();
                let event = serde_json::to_string(&Event::from(entry)).map_err(io::Error::from)?;
                // The place in the log is not part of the fact; it goes before its fields.
                writeln!(out, "{{\"position\":{after_position},{}", event.trim_start_matches('{'))?;
            }
            if page.is_empty() {
                break;
            }
        }
        Ok(out.flush()?)
    }
}
