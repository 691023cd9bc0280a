//! Which store a command is for. A flag counts more than any variable of the environment, so that one command can be
//! sent elsewhere without changing what the others see.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use afterword_store::{OpenError, Place, Store, StoreOptions};

use super::{Failure, output};

const DATA: &str = "AFTERWORD_DATA";
const DATABASE_URL: &str = "AFTERWORD_DATABASE_URL";
const DATABASE_URL_FILE: &str = "AFTERWORD_DATABASE_URL_FILE";
const KEYS_URL: &str = "AFTERWORD_KEYS_URL";
const KEYS_URL_FILE: &str = "AFTERWORD_KEYS_URL_FILE";

/// Where the data and its keys are.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Store")]
pub(super) struct Stores {
    /// Folder of the SQLite store [env: AFTERWORD_DATA] [default: ./afterword-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// PostgreSQL instead of a folder, as postgres://…; a password belongs into the variable or a file [env: AFTERWORD_DATABASE_URL]
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<Secret>,
    /// A file that holds that URL [env: AFTERWORD_DATABASE_URL_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    database_url_file: Option<PathBuf>,
    /// The key store, where it is not beside the data: a postgres:// URL, or a file for a SQLite store [env: AFTERWORD_KEYS_URL]
    #[arg(long, global = true, value_name = "URL")]
    keys_url: Option<Secret>,
    /// A file that holds that URL [env: AFTERWORD_KEYS_URL_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    keys_url_file: Option<PathBuf>,
    /// The master key; by default master.key in the folder, on PostgreSQL it must be named
    #[arg(long, global = true, value_name = "FILE", env = "AFTERWORD_MASTER_KEY_FILE")]
    master_key_file: Option<PathBuf>,
}

/// What may hold a password, and is shown nowhere.
#[derive(Clone)]
struct Secret(String);

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Stores {
    /// The store, which need not be there yet.
    pub(super) fn options(&self) -> Result<StoreOptions, Failure> {
        let place = place(
            (
                self.data.clone(),
                flag(
                    "database-url",
                    self.database_url.as_ref(),
                    self.database_url_file.as_deref(),
                )?,
            ),
            (
                variable(DATA).map(PathBuf::from),
                variable_or_file(DATABASE_URL, DATABASE_URL_FILE)?,
            ),
        )?;
        if let Place::Postgres(url) = &place
            && !["postgres://", "postgresql://"]
                .iter()
                .any(|scheme| url.starts_with(scheme))
        {
            return Err(OpenError::Url.into());
        }
        let keys_url = match flag("keys-url", self.keys_url.as_ref(), self.keys_url_file.as_deref())? {
            Some(url) => Some(url),
            None => variable_or_file(KEYS_URL, KEYS_URL_FILE)?,
        };
        let master_key_file = self.master_key_file.clone().filter(|file| !file.as_os_str().is_empty());
        Ok(StoreOptions {
            place,
            keys_url,
            master_key_file,
        })
    }

    /// Opens a store that is there.
    pub(super) async fn open(&self) -> Result<Store, Failure> {
        Ok(Store::open(&self.there()?).await?)
    }

    /// A store that is there: a mistyped folder is an error, not a new store.
    pub(super) fn there(&self) -> Result<StoreOptions, Failure> {
        let options = self.options()?;
        if let Place::Folder(folder) = &options.place
            && !folder.join("data.db").exists()
        {
            return Err(Failure::Refused(format!(
                "there is no store in the folder {}",
                folder.display()
            )));
        }
        Ok(options)
    }
}

/// An empty variable is none.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A URL that a flag gives, or the file that another flag names.
fn flag(name: &str, url: Option<&Secret>, file: Option<&Path>) -> Result<Option<String>, Failure> {
    match (url.filter(|url| !url.0.is_empty()), file) {
        (Some(_), Some(_)) => Err(Failure::Usage(format!("--{name} and --{name}-file exclude each other"))),
        (Some(Secret(url)), None) => {
            if holds_a_password(url) {
                return Err(Failure::Usage(format!(
                    "--{name} shows its password to everybody who may list the processes of this machine: give it by \
                     AFTERWORD_{0} or AFTERWORD_{0}_FILE",
                    name.replace('-', "_").to_uppercase()
                )));
            }
            Ok(Some(url.clone()))
        }
        (None, Some(file)) => read(file).map(Some),
        (None, None) => Ok(None),
    }
}

/// Before the host, or as a parameter.
fn holds_a_password(url: &str) -> bool {
    url::Url::parse(url)
        .is_ok_and(|url| url.password().is_some() || url.query_pairs().any(|(name, _)| name.ends_with("password")))
}

fn variable_or_file(name: &str, of_file: &str) -> Result<Option<String>, Failure> {
    match (variable(name), variable(of_file)) {
        (Some(_), Some(_)) => Err(Failure::Usage(format!("{name} and {of_file} exclude each other"))),
        (None, Some(file)) => read(Path::new(&file)).map(Some),
        (url, None) => Ok(url),
    }
}

/// The one line of a file, as secrets are handed to services.
fn read(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Refused(format!("{} cannot be read: {error}", file.display())))?;
    match text.trim() {
        "" => Err(Failure::Refused(format!("{} is empty", file.display()))),
        url => Ok(url.to_owned()),
    }
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
    fn a_url_may_come_from_a_file_and_is_shown_nowhere() {
        let file = std::env::temp_dir().join(format!("afterword-url-{}", std::process::id()));
        std::fs::write(&file, "postgres://me:s3cret@db/afterword\n").unwrap();
        let url = Secret("postgres://me:s3cret@db/afterword".to_owned());
        assert_eq!(flag("database-url", None, Some(&file)).unwrap().unwrap(), url.0);
        assert!(matches!(
            flag("database-url", Some(&url), Some(&file)),
            Err(Failure::Usage(_))
        ));
        std::fs::write(&file, "\n").unwrap();
        let empty = flag("database-url", None, Some(&file)).unwrap_err();
        assert!(matches!(empty, Failure::Refused(sentence) if sentence.ends_with("is empty")));
        std::fs::remove_file(&file).unwrap();
        let gone = flag("database-url", None, Some(&file)).unwrap_err();
        assert!(matches!(gone, Failure::Refused(sentence) if sentence.contains("cannot be read")));
        assert_eq!(format!("{url:?}"), "Secret(…)");
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
