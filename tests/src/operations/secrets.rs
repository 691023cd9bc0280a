//! Secrets are shown once, to whoever made them, and never again: not in an answer, not in a log however much is logged, not
//! in the list of processes, and not in what a command says when it fails.

use std::{
    fs::{self, File},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use afterword_store::{Place, StoreOptions};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    client::{Answer, Client, id},
    harness::{Kind, options},
    kill::process::{Process, program},
    mail::server::{self, Secured, Server},
    scenes::{applies, clears, meets, registers},
    webhooks::receiver::{Receiver, Reply},
};

/// The password in the URL of the database. The tests' server trusts everybody, and this one is sent to it all the same.
const DATABASE: &str = "Marigold-71-database";
const WRONG_KEY: &str = "aw_live_MarigoldMarigoldMarigoldMarigold";
const WRONG_PASSWORD: &str = "Marigold-33-mail";

/// The store's URL with a password in it, where it has one.
fn with_password(store: &StoreOptions) -> StoreOptions {
    let place = match &store.place {
        Place::Folder(folder) => Place::Folder(folder.clone()),
        Place::Postgres(url) => Place::Postgres(url.replace("afterword@", &format!("afterword:{DATABASE}@"))),
    };
    StoreOptions { place, ..store.clone() }
}

/// A command that is told of its store by its environment alone, and says all that it can.
fn says_all(store: &StoreOptions, words: &[&str]) -> Command {
    let mut said = Command::new(program());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AFTERWORD_")) {
        said.env_remove(name);
    }
    match &with_password(store).place {
        Place::Folder(folder) => said.env("AFTERWORD_DATA", folder),
        Place::Postgres(url) => said.env("AFTERWORD_DATABASE_URL", url),
    };
    if let Some(file) = &store.master_key_file {
        said.env("AFTERWORD_MASTER_KEY_FILE", file);
    }
    said.args(words)
        .env("AFTERWORD_LOG", "trace")
        .env("RUST_BACKTRACE", "1")
        .stdin(Stdio::null());
    said
}

/// A service that says all that it can, into a file.
struct Loud {
    folder: TempDir,
    process: Process,
    client: Client,
    /// What it must never say again.
    secrets: Vec<String>,
    /// What it shows to whoever may see it, and never logs.
    unlogged: Vec<String>,
    answers: Vec<Answer>,
}

impl Loud {
    fn start(store: &StoreOptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = STANDARD.encode(server::authority());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{authority}\n-----END CERTIFICATE-----\n");
        fs::write(folder.path().join("authority.pem"), pem).expect("written");
        let mut secrets = vec![DATABASE.to_owned()];
        let made = matches!(store.place, Place::Postgres(_)).then(|| {
            let run = |words: &[&str]| says_all(store, words).output().expect("run");
            for output in [run(&["migrate"]), run(&["tenants", "create", "default"])] {
                assert!(output.status.success(), "{output:?}");
            }
            let made = run(&["keys", "create", "--tenant", "default", "--scopes", "admin"]);
            let shown: Value = serde_json::from_slice(&made.stdout).expect("JSON");
            let key = shown["key"].as_str().expect("a key").to_owned();
            let logged = String::from_utf8_lossy(&made.stderr).into_owned();
            assert!(!logged.contains(&key) && !logged.contains(DATABASE), "{logged}");
            key
        });
        let mut serve = says_all(store, &["serve", "--listen", "127.0.0.1:0", "--rate-limit", "1000/s"]);
        serve
            .args(["--allow-private-webhooks", "--allow-private-mail"])
            .env("SSL_CERT_FILE", folder.path().join("authority.pem"))
            .stderr(File::create(folder.path().join("log")).expect("a log"));
        let mut process = Process::run(serve);
        let (address, first) = process.listening();
        let key = made.or(first).expect("a key");
        let master = match &store.place {
            Place::Folder(folder) => folder.join("master.key"),
            Place::Postgres(_) => store.master_key_file.clone().expect("named"),
        };
        secrets.extend([key.clone(), fs::read_to_string(master).expect("read").trim().to_owned()]);
        Self {
            client: Client::new(address, key),
            folder,
            process,
            secrets,
            unlogged: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// A secret that was shown, and shall not be again.
    fn keeps(&mut self, secret: &str) {
        assert!(secret.len() > 7, "{secret:?} is no secret");
        self.secrets.push(secret.to_owned());
    }

    async fn answers(&mut self, method: Method, path: &str, body: Value) -> Answer {
        let mut request = self.client.request(method, path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = self.client.send(request).await;
        self.answers.push(answer.clone());
        answer
    }

    async fn gets(&mut self, path: &str) -> Answer {
        self.answers(Method::GET, path, Value::Null).await
    }

    /// An answer that may show a secret, which is taken out of it.
    async fn shows(&mut self, path: &str, body: Value, name: &str) -> (Answer, String) {
        let answer = self.client.post(path, body).await;
        let secret = answer.is(201)[name].as_str().expect("a secret").to_owned();
        (answer, secret)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("a log")
    }

    #[track_caller]
    fn has_told_nothing(&self) {
        let log = self.log();
        assert!(
            log.contains("answered") && log.contains("listening"),
            "nothing is logged:\n{log}"
        );
        for secret in &self.unlogged {
            assert!(!log.contains(secret.as_str()), "the log holds {secret}");
        }
        for secret in &self.secrets {
            assert!(!log.contains(secret.as_str()), "the log holds {secret}");
            let told = self
                .answers
                .iter()
                .find(|it| String::from_utf8_lossy(&it.body).contains(secret.as_str()));
            assert!(told.is_none(), "{secret} is told again: {}", told.expect("one"));
        }
        // What libraries would say of what they send and receive.
        for quoted in ["authorization", "Authorization", "Bearer ", "AUTH PLAIN", "INSERT INTO"] {
            assert!(!log.contains(quoted), "the log quotes {quoted}");
        }
    }
}

async fn a_story_with_every_secret(kind: Kind) {
    let Some(store) = options(kind).await else { return };
    let mut loud = Loud::start(&store);
    let client = loud.client.clone();

    // Keys: made, rolled, wrong.
    let (_, key) = loud
        .shows("/v1/keys", json!({"scopes": ["candidates:read"]}), "key")
        .await;
    loud.keeps(&key);
    client.with_key(&key).get("/v1/candidates").await.is(200);
    loud.keeps(WRONG_KEY);
    let refused = client.with_key(WRONG_KEY).get("/v1/candidates").await;
    loud.answers.push(refused);
    loud.gets("/v1/keys").await.is(200);

    // Webhooks: one that listens, one that fails, each with a token in its address; and a secret that is rolled.
    let ada = registers(&client, "Ada Lovelace").await;
    let receiver = Receiver::new().await;
    loud.unlogged = ["token=s3cret", "Marigold-9-hook"].map(ToOwned::to_owned).into();
    let (hook, secret) = loud.shows("/v1/webhooks", json!({"url": receiver.url}), "secret").await;
    loud.keeps(secret.trim_start_matches("whsec_"));
    let failing = Receiver::new().await;
    failing.answers(|_| Reply::Status(500));
    let (_, secret) = loud.shows("/v1/webhooks", json!({"url": failing.url}), "secret").await;
    loud.keeps(secret.trim_start_matches("whsec_"));
    let (_, secret) = loud
        .shows(
            "/v1/webhooks",
            json!({"url": "http://127.0.0.1:1/?Marigold-9-hook"}),
            "secret",
        )
        .await;
    loud.keeps(secret.trim_start_matches("whsec_"));
    let hook = hook.header("location").to_owned();

    // A calendar: read, changed into another, revoked.
    let (made, url) = loud.shows(&format!("{ada}/calendars"), json!({}), "url").await;
    let path = url.strip_prefix(client.base()).expect("an address here").to_owned();
    let token = path
        .rsplit('/')
        .next()
        .expect("a token")
        .trim_end_matches(".ics")
        .to_owned();
    loud.keeps(&token);
    client.with_key("").get(&path).await.is(200);
    loud.gets(&format!("{ada}/calendars")).await.is(200);
    let calendar = made.header("location").to_owned();
    loud.answers(Method::DELETE, &calendar, Value::Null).await;
    let gone = client.with_key("").get(&path).await;
    loud.answers.push(gone);

    // Mail: a letter that goes out signed in over TLS, and one whose password is wrong.
    let server = Server::start(Secured::AtOnce).await;
    let (plain, login) = (
        server::PASSWORD,
        STANDARD.encode(format!("\0{}\0{}", server::USER, server::PASSWORD)),
    );
    loud.keeps(plain);
    loud.keeps(&login);
    loud.keeps(WRONG_PASSWORD);
    let acme = applies(&client, &ada, "Acme").await;
    let anna = meets(&client, &ada, "Anna Berg", "anna@acme.example").await;
    client.patch(&ada, json!({"email": "ada@post.example"})).await.is(200);
    for password in [WRONG_PASSWORD, plain] {
        let settings = json!({"host": "localhost", "port": server.port, "security": "tls", "username": server::USER,
            "password": password});
        loud.answers(Method::PUT, "/v1/mail", settings).await.is(200);
        loud.gets("/v1/mail").await.is(200);
        let note = json!({"kind": "thank_you", "recipients": [id(&anna)], "channel": "email", "application": id(&acme),
            "subject_line": "Thank you", "body": "Dear Ms Berg,\n\nThank you for your time.\n\nKind regards,\nAda Lovelace"});
        let note = client.makes(&format!("{ada}/notes"), note).await;
        clears(&client, &note).await;
        let delivered = loud
            .answers(Method::POST, &format!("{note}/deliveries"), json!({}))
            .await;
        let accepted = delivered.is(201)["delivery"]["state"] == "accepted";
        assert_eq!(accepted, password == plain, "{delivered}");
    }
    assert_eq!(server.taken().len(), 1);

    // The webhooks have been told meanwhile, or not.
    let began = Instant::now();
    while receiver.heard().is_empty() || failing.heard().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "nothing is delivered");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for path in [
        hook.clone(),
        format!("{hook}/deliveries"),
        "/v1/webhooks".to_owned(),
        "/v1/events".to_owned(),
    ] {
        loud.gets(&path).await.is(200);
    }
    for path in ["/metrics", "/v1/mail"] {
        loud.gets(path).await.is(200);
    }
    // Who lists the processes sees none of it.
    let shown = fs::read(format!("/proc/{}/cmdline", loud.process.child.id())).expect("its words");
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(
        shown.contains("serve") && loud.secrets.iter().all(|it| !shown.contains(it.as_str())),
        "{shown}"
    );

    let stopped = Command::new("kill")
        .args(["-TERM", &loud.process.child.id().to_string()])
        .status();
    assert!(stopped.expect("told").success() && loud.process.child.wait().expect("ended").success());
    loud.has_told_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_secret_is_logged_or_told_again_on_sqlite() {
    a_story_with_every_secret(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_secret_is_logged_or_told_again_on_postgres() {
    a_story_with_every_secret(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_error_says_a_secret() {
    let mut store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let url = |rest: &str| format!("postgres://afterword:{DATABASE}@{rest}");
    store.master_key_file = Some(tempfile::tempdir().expect("a folder").keep().join("master.key"));
    for url in [
        url("127.0.0.1:1/afterword"),
        url("nowhere.invalid/afterword"),
        url("127.0.0.1:99999/afterword"),
        url("127.0.0.1"),
        url("127.0.0.1/afterword?sslmode=nonsense"),
        url("127.0.0.1/afterword?sslrootcert=/nowhere&sslmode=verify-full"),
        url("[::1/afterword"),
        format!("mysql://afterword:{DATABASE}@db/afterword"),
    ] {
        for words in [
            &["serve", "--listen", "127.0.0.1:0"][..],
            &["migrate"],
            &["verify"],
            &["doctor"],
        ] {
            let mut said = says_all(&store, words);
            said.env_remove("AFTERWORD_DATA").env("AFTERWORD_DATABASE_URL", &url);
            let output = said.output().expect("run");
            assert!(!output.status.success(), "{url} {words:?}");
            let told = [output.stdout, output.stderr].concat();
            let told = String::from_utf8_lossy(&told).into_owned();
            assert!(
                !told.contains(DATABASE) && !told.contains("panicked"),
                "{words:?}: {told}"
            );
        }
    }
    // A master key that is no key is not quoted.
    fs::write(store.master_key_file.as_ref().expect("named"), "Marigold-5-master").expect("written");
    let output = says_all(&store, &["serve", "--listen", "127.0.0.1:0"])
        .output()
        .expect("run");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && !told.contains("Marigold"), "{told}");
}

/// A password on the command line works, as it does elsewhere, and is warned of; a file or a variable is better.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_password_on_the_command_line_is_refused_and_in_a_file_it_is_taken() {
    let Some(store) = options(Kind::Postgres).await else {
        return;
    };
    let Place::Postgres(url) = with_password(&store).place else {
        unreachable!()
    };
    for shown in [
        url.clone(),
        format!("postgres://localhost/afterword?password={DATABASE}"),
    ] {
        let mut migrate = says_all(&store, &["migrate", "--database-url", &shown]);
        let refused = migrate.output().expect("run");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains("AFTERWORD_DATABASE_URL_FILE"), "{said}");
        assert!(!said.contains(DATABASE), "{said}");
    }

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("url");
    fs::write(&file, format!("{url}\n")).expect("written");
    for by_flag in [true, false] {
        let mut migrate = says_all(&store, &["migrate"]);
        migrate.env_remove("AFTERWORD_DATABASE_URL").env_remove("AFTERWORD_LOG");
        if by_flag {
            migrate.arg("--database-url-file").arg(&file);
        } else {
            migrate.env("AFTERWORD_DATABASE_URL_FILE", &file);
        }
        let output = migrate.output().expect("run");
        assert!(
            output.status.success() && !String::from_utf8_lossy(&output.stderr).contains("password"),
            "{output:?}"
        );
    }
}
