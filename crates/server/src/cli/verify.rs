//! `afterword verify` and `afterword rebuild`: whether what is stored is what the log says, and making it so.

use std::time::Duration;

use afterword_store::{Rebuilt, Recorder, Store, TenantRow, Told, Verified};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Failure, output::Rows, tenants::the_tenant};

/// Whose streams.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Only this tenant's
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

impl Which {
    pub(super) async fn verify(self, store: Store) -> Result<(), Failure> {
        let mut rows = Rows::new();
        let mut all = 0;
        for tenant in self.tenants(&store).await? {
            let bar = bar(&store, &tenant).await?;
            let recorder = Recorder::new(store.clone());
            let verified = recorder.verify(tenant.id, |told| match told {
                Told::Candidate => bar.inc(1),
                Told::Difference {
                    candidate: Some(candidate),
                    what,
                } => {
                    bar.suspend(|| tracing::warn!(tenant = tenant.name, %candidate, "{what}"));
                }
                Told::Difference { candidate: None, what } => {
                    bar.suspend(|| tracing::warn!(tenant = tenant.name, "{what}"));
                }
            });
            let Verified {
                candidates,
                events,
                differences,
            } = verified.await?;
            bar.finish_and_clear();
            rows.add(&json!({
                "tenant": tenant.name, "candidates": candidates, "events": events, "differences": differences,
            }))?;
            all += differences;
        }
        rows.end()?;
        match all {
            0 => Ok(()),
            1 => Err(Failure::Refused("one thing stored is not as the log says".to_owned())),
            many => Err(Failure::Refused(format!(
                "{many} things stored are not as the log says"
            ))),
        }
    }

    pub(super) async fn rebuild(self, store: Store) -> Result<(), Failure> {
        let mut rows = Rows::new();
        let mut all = 0;
        for tenant in self.tenants(&store).await? {
            let bar = bar(&store, &tenant).await?;
            let recorder = Recorder::new(store.clone());
            let Rebuilt { candidates, failed } = recorder.rebuild(tenant.id, || bar.inc(1)).await?;
            bar.finish_and_clear();
            rows.add(&json!({"tenant": tenant.name, "candidates": candidates}))?;
            all += failed;
        }
        rows.end()?;
        store.close().await;
        match all {
            0 => Ok(()),
            failed => Err(Failure::Refused(format!(
                "the rows of {failed} candidates could not be derived anew"
            ))),
        }
    }

    async fn tenants(&self, store: &Store) -> Result<Vec<TenantRow>, Failure> {
        Ok(match &self.tenant {
            Some(name) => vec![the_tenant(store, name).await?],
            None => store.tenants().await?,
        })
    }
}

/// Shown where a person watches stderr, and nowhere else.
async fn bar(store: &Store, tenant: &TenantRow) -> Result<ProgressBar, Failure> {
    let bar = ProgressBar::new(store.stream_count(tenant.id).await?);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} candidates, {eta} left") {
        bar.set_style(style);
    }
    bar.set_message(tenant.name.clone());
    bar.enable_steady_tick(Duration::from_millis(200));
    Ok(bar)
}
