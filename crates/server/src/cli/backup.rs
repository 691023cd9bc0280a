//! `afterword backup`: a copy of a SQLite store beside a running service, data and keys apart.

use std::path::PathBuf;

use afterword_store::{Place, StoreOptions, back_up_data, back_up_keys};
use serde_json::json;

use super::{Failure, output::Rows};

/// Where the copies go.
#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    /// The folder for the data's copy, which may be kept for as long as you like; made where it is missing
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Another folder for the key store's copy, to be kept for 7 days at most; without it the keys are not copied
    #[arg(long, value_name = "DIR")]
    keys_to: Option<PathBuf>,
}

impl Backup {
    pub(super) async fn run(self, options: &StoreOptions) -> Result<(), Failure> {
        let Place::Folder(folder) = &options.place else {
            return Err(Failure::Refused(
                "a store on PostgreSQL is backed up by PostgreSQL's own tools: docs/operations.md shows how".to_owned(),
            ));
        };
        if self.keys_to.as_ref() == Some(&self.to) {
            return Err(Failure::Usage(
                "--keys-to is another folder than --to: whoever has both and the master key can read everything"
                    .to_owned(),
            ));
        }
        if !folder.join("data.db").exists() {
            return Err(Failure::Refused(format!(
                "there is no store in the folder {}",
                folder.display()
            )));
        }
        let mut rows = Rows::new();
        let data = back_up_data(folder, &self.to).await?;
        rows.add(&json!({"copied": "data", "file": data.file, "bytes": data.bytes}))?;
        if let Some(to) = &self.keys_to {
            let keys = back_up_keys(folder, options.keys_url.as_deref(), to).await?;
            rows.add(&json!({"copied": "keys", "file": keys.file, "bytes": keys.bytes}))?;
        }
        Ok(rows.end()?)
    }
}
