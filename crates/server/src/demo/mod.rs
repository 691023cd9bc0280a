//! The demo: the main job on real input, in a minute. The service runs in this process, and everything goes
//! through its own HTTP API, so whatever is shown here can be called again with the curl line beside it.

use std::io::Write;
use std::time::Duration;

use afterword_store::{Store, StoreOptions};
use serde_json::Value;

use crate::{
    app,
    cli::{
        Failure,
        serve::{Running, listen},
        tenants::{Reach, create_key, create_tenant},
    },
    edge::{clock::Clock, scopes::Scope},
    service::Service,
};

mod story;
mod tables;

/// How the demo runs.
#[derive(Debug)]
pub struct Options {
    /// Where the data is.
    pub store: StoreOptions,
    /// Whether it ends when all is shown, or stays up.
    pub once: bool,
}

/// Serves, tells the story, shows what follows from it, and stays up.
///
/// # Errors
/// When the store or the service cannot be used, in one sentence.
pub async fn run(options: Options) -> Result<(), String> {
    shown(&options, &mut std::io::stdout())
        .await
        .or_else(|failure| match failure {
            Failure::Refused(sentence) | Failure::Usage(sentence) => Err(sentence),
            Failure::Unread => Ok(()),
        })
}

async fn shown(options: &Options, out: &mut impl Write) -> Result<(), Failure> {
    let clock = Clock::system();
    let store = Store::open(&options.store).await?;
    let tenant = match store.tenant_by_name("default").await? {
        Some(tenant) => tenant,
        None => create_tenant(&store, &clock, "default", false).await?,
    };
    let made = create_key(
        &store,
        &clock,
        &tenant,
        [Scope::Admin].into_iter().collect(),
        Reach::default(),
    )
    .await?;
    let service = Service::new(store, clock.clone());
    let running = Running::start(service, listen("127.0.0.1:0")?, app::Options::default())?;
    let client = Client {
        base: running.url(),
        key: made.key.expose().to_owned(),
        http: reqwest::Client::new(),
    };
    writeln!(
        out,
        "Afterword serves at {}. A candidate's search, as her app records it:\n",
        client.base
    )?;
    let story = story::tell(&client, clock.now(), out).await?;
    tables::show(&client, &story, out).await?;
    if options.once {
        running.stop().await;
        return Ok(());
    }
    writeln!(
        out,
        "\nStill up, until Ctrl-C.\n  address  {0}\n  docs     {0}/docs/\n  key      {1}",
        client.base, client.key
    )?;
    out.flush()?;
    running.until_told(Duration::ZERO).await
}

/// Calls the service as any client would.
struct Client {
    base: String,
    key: String,
    http: reqwest::Client,
}

impl Client {
    async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(path, self.http.get(format!("{}{path}", self.base))).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(path, self.http.post(format!("{}{path}", self.base)).json(body))
            .await
    }

    async fn import(&self, path: &str, media_type: &str, file: String) -> Result<Value, Failure> {
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .header("Content-Type", media_type);
        let answer = self.send(path, request.body(file)).await?;
        match answer["results"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|row| row["status"] == "refused")
        {
            Some(row) => Err(Failure::Refused(format!(
                "{path}: line {}: {}",
                row["line"], row["problem"]["detail"]
            ))),
            None => Ok(answer),
        }
    }

    async fn send(&self, path: &str, request: reqwest::RequestBuilder) -> Result<Value, Failure> {
        let failed = |error: reqwest::Error| Failure::Refused(format!("{path}: {error}"));
        let response = request.bearer_auth(&self.key).send().await.map_err(failed)?;
        let status = response.status();
        let answer: Value = response.json().await.map_err(failed)?;
        if status.is_success() {
            Ok(answer)
        } else {
            Err(Failure::Refused(format!("{path}: {status}: {answer}")))
        }
    }

    /// The call that shows the same.
    fn curl(&self, path: &str) -> String {
        let quoted = if path.contains('?') {
            format!("'{}{path}'", self.base)
        } else {
            format!("{}{path}", self.base)
        };
        format!("curl -H 'Authorization: Bearer {}' \\\n     {quoted}", self.key)
    }
}

#[cfg(test)]
mod tests {
    use afterword_store::Place;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_demo_shows_tasks_timeline_and_rejection_and_runs_twice() {
        let folder = std::env::temp_dir().join(format!("afterword-demo-{}", std::process::id()));
        let store = StoreOptions {
            place: Place::Folder(folder.clone()),
            keys_url: None,
            master_key_file: None,
        };
        let options = Options { store, once: true };
        for _ in 0..2 {
            let mut out = Vec::new();
            shown(&options, &mut out).await.unwrap();
            let told = String::from_utf8(out).unwrap();
            for word in [
                "Dr. Priya Raman",
                "Tomás Ortega",
                "Architecture write-up",
                "Thank Contoso Maps",
                "received",
                "/timeline",
                "/rejection",
            ] {
                assert!(told.contains(word), "{word} is missing:\n{told}");
            }
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
