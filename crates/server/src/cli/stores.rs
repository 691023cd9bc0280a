//! Which store a command is for. A flag counts more than any variable of the environment, so that one command can be
//! sent elsewhere without changing what the others see.

use std::path::PathBuf;

use afterword_store::{OpenError, Place, Store, StoreOptions};

use super::{Failure, output};

const DATA: &str = "AFTERWORD_DATA";
const DATABASE_URL: &str = "AFTERWORD_DATABASE_URL";

/// Where the data and its keys are.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Store")]
pub(super) struct Stores {
    /// Folder of the SQLite store [env: AFTERWORD_DATA] [default: ./afterword-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// PostgreSQL instead of a folder, as postgres://… [env: AFTERWORD_DATABASE_URL]
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// The key store, where it is not beside the data: a postgres:// URL, or a file for a SQLite store
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "AFTERWORD_KEYS_URL",
        hide_env_values = true
    )]
    keys_url: Option<String>,
    /// The master key; by default master.key in the folder, on PostgreSQL it must be named
    #[arg(long, global = true, value_name = "FILE", env = "AFTERWORD_MASTER_KEY_FILE")]
    master_key_file: Option<PathBuf>,
}

impl Stores {
    /// The store, which need not be there yet.
    pub(super) fn options(&self) -> Result<StoreOptions, Failure> {
        let place = place(
            (self.data.clone(), self.database_url.clone()),
            (variable(DATA).map(PathBuf::from), variable(DATABASE_URL)),
        )?;
        if let Place::Postgres(url) = &place
            && !["postgres://", "postgresql://"]
                .iter()
                .any(|scheme| url.starts_with(scheme))
        {
            return Err(OpenError::Url.into());
        }
        let keys_url = self.keys_url.clone().filter(|url| !url.is_empty());
        let master_key_file = self.master_key_file.clone().filter(|file| !file.as_os_str().is_empty());
        Ok(StoreOptions {
            place,
            keys_url,
            master_key_file,
        })
    }

    /// Opens a store that is there: a mistyped folder is an error, not a new store.
    pub(super) async fn open(&self) -> Result<Store, Failure> {
        let options = self.options()?;
        if let Place::Folder(folder) = &options.place
            && !folder.join("data.db").exists()
        {
            return Err(Failure::Refused(format!(
                "there is no store in the folder {}",
                folder.display()
            )));
        }
        Ok(Store::open(&options).await?)
    }
}

/// An empty variable is none.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

type Named = (Option<PathBuf>, Option<String>);

fn place(flags: Named, variables: Named) -> Result<Place, Failure> {
    match (flags, variables) {
        ((Some(_), Some(_)), _) => Err(Failure::Usage(
            "--data and --database-url exclude each other".to_owned(),
        )),
        ((Some(folder), None), _) => Ok(Place::Folder(folder)),
        ((None, Some(url)), _) | ((None, None), (_, Some(url))) => Ok(Place::Postgres(url)),
        ((None, None), (Some(folder), None)) => Ok(Place::Folder(folder)),
        ((None, None), (None, None)) => Ok(Place::Folder("afterword-data".into())),
    }
}

/// `afterword migrate`
pub(super) async fn migrate(options: &StoreOptions) -> Result<(), Failure> {
    Store::migrate(options).await?;
    output::one(&serde_json::json!({"schema": "up to date"}))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(flags: (Option<&str>, Option<&str>), variables: (Option<&str>, Option<&str>)) -> String {
        let named = |(data, url): (Option<&str>, Option<&str>)| (data.map(PathBuf::from), url.map(ToOwned::to_owned));
        match place(named(flags), named(variables)) {
            Ok(Place::Folder(folder)) => folder.display().to_string(),
            Ok(Place::Postgres(url)) => url,
            Err(failure) => format!("{failure:?}"),
        }
    }

    #[test]
    fn a_flag_counts_more_than_a_variable_of_either_kind() {
        assert_eq!(told((None, None), (None, None)), "afterword-data");
        assert_eq!(told((None, None), (Some("env"), None)), "env");
        assert_eq!(
            told((None, None), (Some("env"), Some("postgres://env/a"))),
            "postgres://env/a"
        );
        assert_eq!(
            told((Some("flag"), None), (Some("env"), Some("postgres://env/a"))),
            "flag"
        );
        assert_eq!(
            told((None, Some("postgres://flag/a")), (Some("env"), None)),
            "postgres://flag/a"
        );
        assert!(told((Some("flag"), Some("postgres://flag/a")), (None, None)).starts_with("Usage"));
    }
}
