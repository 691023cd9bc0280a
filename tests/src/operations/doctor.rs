//! The doctor finds nothing where nothing is wrong, and each fault that is planted, and says what to do.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use afterword_store::{Place, StoreOptions, testing::PrivatePostgres};
use serde_json::{Value, json};

use crate::{
    client::Client,
    harness::{Kind, options},
    kill::process::{command, first},
    scenes::{applies, registers},
};

/// What the doctor found, and whether it was content.
struct Told {
    code: Option<i32>,
    found: Vec<Value>,
}

/// Asks the doctor, with more words on its command line.
fn asks(store: &StoreOptions, words: &[&str]) -> Told {
    let mut doctor = command(store, &[&["doctor"][..], words].concat());
    let output = doctor
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .expect("run");
    let said = String::from_utf8(output.stdout).expect("text");
    let found = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    Told {
        code: output.status.code(),
        found,
    }
}

impl Told {
    fn of(&self, health: &str) -> Vec<&Value> {
        self.found.iter().filter(|it| it["health"] == health).collect()
    }

    /// Demands a finding of this check, this serious, that says these words.
    #[track_caller]
    fn finds(&self, check: &str, health: &str, words: &str) -> &Self {
        let is = |it: &&Value| {
            let (says, todo) = (it["says"].as_str().unwrap(), it["do"].as_str().unwrap());
            it["check"] == check
                && it["health"] == health
                && says.contains(words)
                && says.ends_with('.')
                && (health == "good") == todo.is_empty()
        };
        assert!(
            self.found.iter().any(|it| is(&it)),
            "no {check} {health} {words:?}: {:#?}",
            self.found
        );
        assert_eq!(
            self.code,
            Some(i32::from(!self.of("fault").is_empty())),
            "{:#?}",
            self.found
        );
        self
    }

    #[track_caller]
    fn is_content(&self) -> &Self {
        assert!(self.code == Some(0) && self.of("fault").is_empty(), "{:#?}", self.found);
        self
    }
}

/// A store with somebody in it to whom something is due, that was served and is not any more.
async fn left(store: &StoreOptions) {
    let (mut process, address, key) = first(store);
    let client = Client::new(address, key);
    let ada = registers(&client, "Ada Lovelace").await;
    let acme = applies(&client, &ada, "Acme").await;
    let soon = json!({"starts_at": "2026-03-02T14:00:00+01:00", "ends_at": "2026-03-02T15:00:00+01:00",
        "time_zone": "Europe/Berlin", "format": "onsite"});
    client.makes(&format!("{acme}/interviews"), soon).await;
    // Told to stop, SQLite leaves everything in the one file.
    let told = Command::new("kill")
        .args(["-TERM", &process.child.id().to_string()])
        .status();
    assert!(told.expect("told").success() && process.child.wait().expect("ended").success());
}

fn chmod(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("its mode");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_is_content_with_a_store_that_is_served_and_beside_it_on_sqlite() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let (process, ..) = first(&store);
    let told = asks(&store, &[]);
    told.is_content()
        .finds("store", "good", "is whole (SQLite 3.")
        .finds("key_store", "good", "is whole")
        .finds("schema", "good", "up to date")
        .finds("key_store_schema", "good", "up to date")
        .finds("master_key", "good", "is the one")
        .finds("files", "warning", "The master key lies in the folder of the data")
        .finds("work", "good", "Nothing waits")
        .finds("tls", "good", "Only this machine")
        .finds("settings", "good", "No setting");
    for check in ["disk", "open_files", "zones"] {
        assert!(
            told.found.iter().any(|it| it["check"] == check),
            "{check}: {:#?}",
            told.found
        );
    }
    drop(process);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_finds_what_is_wrong_with_files_on_sqlite() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    asks(&store, &[]).finds("store", "fault", "There is no store in the folder");
    left(&store).await;
    let Place::Folder(folder) = &store.place else {
        unreachable!()
    };
    let (data, keys, master) = (
        folder.join("data.db"),
        folder.join("keys.db"),
        folder.join("master.key"),
    );
    for file in [&data, &keys, &master] {
        assert_eq!(
            fs::metadata(file).unwrap().permissions().mode() & 0o077,
            0,
            "made for nobody else"
        );
    }
    chmod(&master, 0o644);
    asks(&store, &[]).finds("files", "fault", "Others may read the master key");
    chmod(&master, 0o600);
    chmod(folder, 0o755);
    chmod(&keys, 0o640);
    asks(&store, &[]).finds("files", "fault", "Others may read the key store");
    chmod(&keys, 0o600);
    chmod(&data, 0o644);
    asks(&store, &[])
        .is_content()
        .finds("files", "warning", "what is sealed stays sealed");
    chmod(&data, 0o600);

    let key = fs::read(&master).unwrap();
    fs::write(&master, "0".repeat(64)).unwrap();
    asks(&store, &[]).finds("master_key", "fault", "not the one that this key store was made with");
    fs::write(&master, "short").unwrap();
    asks(&store, &[]).finds("master_key", "fault", "cannot be used");
    fs::remove_file(&master).unwrap();
    asks(&store, &[]).finds("master_key", "fault", "is missing");
    fs::write(&master, key).unwrap();
    chmod(&master, 0o600);
    asks(&store, &[]).is_content();

    let away = folder.join("away.db");
    fs::rename(&keys, &away).unwrap();
    asks(&store, &[]).finds("key_store", "fault", "is missing");
    fs::rename(&away, &keys).unwrap();

    // A page in the middle that is no page.
    let whole = fs::read(&data).unwrap();
    let mut damaged = whole.clone();
    let pages = damaged.len() / 4096;
    for page in pages / 2..pages {
        damaged[page * 4096..page * 4096 + 64].fill(0xAB);
    }
    fs::write(&data, damaged).unwrap();
    asks(&store, &[]).finds("store", "fault", "damaged");
    fs::write(&data, "this was a database").unwrap();
    asks(&store, &[]).finds("store", "fault", "");
    fs::write(&data, whole).unwrap();
    asks(&store, &[]).is_content();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_finds_settings_that_open_doors() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    left(&store).await;
    let words = [
        "--listen",
        "0.0.0.0:8080",
        "--allow-private-webhooks",
        "--allow-private-mail",
    ];
    let more = [
        "--allow-origin",
        "http://app.example",
        "--tls-cert",
        "/nowhere/c.pem",
        "--tls-key",
        "/nowhere/k.pem",
    ];
    asks(&store, &words)
        .is_content()
        .finds("tls", "warning", "0.0.0.0:8080 without TLS")
        .finds("settings", "warning", "Webhooks may lead into private networks")
        .finds("settings", "warning", "mail servers in private networks")
        .finds("settings", "warning", "Nothing limits");
    asks(&store, &more)
        .finds("tls", "fault", "The TLS certificate /nowhere/c.pem cannot be read")
        .finds("settings", "warning", "over plain HTTP may read answers");
    asks(&store, &["--allow-origin", "http://localhost:3000"]).finds("settings", "good", "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_is_content_with_a_store_that_is_served_and_beside_it_on_postgres() {
    let Some(store) = options(Kind::Postgres).await else {
        return;
    };
    let (process, ..) = first(&store);
    asks(&store, &[])
        .is_content()
        .finds("store", "good", "answers, writes durably, and its clock agrees")
        .finds("schema", "good", "up to date")
        .finds("key_store_schema", "good", "up to date")
        .finds("role", "warning", "is a superuser")
        .finds("key_store_apart", "warning", "base backups and archived WAL do not")
        .finds("master_key", "good", "is the one")
        .finds("work", "good", "Nothing waits");
    drop(process);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_finds_what_is_wrong_with_the_database_on_postgres() {
    let Some(store) = options(Kind::Postgres).await else {
        return;
    };
    let Place::Postgres(url) = store.place.clone() else {
        unreachable!()
    };
    let at = |url: &str| StoreOptions {
        place: Place::Postgres(url.to_owned()),
        ..store.clone()
    };
    asks(&store, &[]).finds("schema", "fault", "There is no schema yet");
    left(&store).await;
    asks(&at(&format!("{url}_nowhere")), &[]).finds("store", "fault", "does not exist");
    asks(&at("postgres://me:s3cret@127.0.0.1:1/afterword"), &[]).finds("store", "fault", "cannot be opened");
    let same = StoreOptions {
        keys_url: Some(url.clone()),
        ..store.clone()
    };
    asks(&same, &[]).finds("key_store_apart", "fault", "in the database of the data");
    let nameless = StoreOptions {
        master_key_file: None,
        ..store.clone()
    };
    asks(&nameless, &[]).finds("master_key", "fault", "must be named");

    let server = PrivatePostgres::shared().expect("it is there");
    let sql = async |sql: &str| server.run_sql(&url, sql).await;
    for (planted, words, mended) in [
        (
            "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY",
            "not in force on tasks",
            "ALTER TABLE tasks ENABLE ROW LEVEL SECURITY",
        ),
        (
            "ALTER TABLE events NO FORCE ROW LEVEL SECURITY",
            "not in force on events",
            "ALTER TABLE events FORCE ROW LEVEL SECURITY",
        ),
        (
            "CREATE POLICY everything ON streams USING (true)",
            "open streams (everything)",
            "DROP POLICY everything ON streams",
        ),
        (
            "REVOKE INSERT ON applications FROM afterword_app",
            "may not read and write applications",
            "GRANT INSERT ON applications TO afterword_app",
        ),
        (
            "GRANT SELECT ON events TO PUBLIC",
            "More than is needed is granted on events",
            "REVOKE SELECT ON events FROM PUBLIC",
        ),
    ] {
        sql(planted).await;
        asks(&store, &[]).finds("role", "fault", words);
        sql(mended).await;
    }
    asks(&store, &[]).is_content();
    sql("INSERT INTO _sqlx_migrations SELECT 9999, description, now(), true, checksum, 0 FROM _sqlx_migrations WHERE version = 1").await;
    asks(&store, &[]).finds("schema", "fault", "newer than this program");
    sql("DELETE FROM _sqlx_migrations WHERE version IN (8, 9999)").await;
    asks(&store, &[]).finds("schema", "fault", "are pending");
    sql("UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 2").await;
    asks(&store, &[]).finds("schema", "fault", "in another form");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_finds_work_that_nobody_does() {
    let Some(store) = options(Kind::Postgres).await else {
        return;
    };
    let Place::Postgres(url) = store.place.clone() else {
        unreachable!()
    };
    let (mut process, address, key) = first(&store);
    let client = Client::new(address, key);
    registers(&client, "Ada Lovelace").await;
    let webhook = json!({"url": "https://hooks.example/afterword"});
    client.post("/v1/webhooks", webhook).await.is(201);
    process.child.kill().expect("killed");
    process.child.wait().expect("gone");
    let server = PrivatePostgres::shared().expect("it is there");
    server
        .run_sql(
            &url,
            "UPDATE streams SET next_at = 1; UPDATE webhooks SET failing_since = 1; \
             INSERT INTO webhook_deliveries (tenant_id, webhook_id, position, event_id, candidate_id, state, attempts, next_at) \
             SELECT tenant_id, webhook_id, 999, webhook_id, webhook_id, 'pending', 0, 1 FROM webhooks",
        )
        .await;
    asks(&store, &[])
        .is_content()
        .finds("deadlines", "warning", "Deadlines of the tenant default are announced")
        .finds(
            "webhooks",
            "warning",
            "Webhooks of the tenant default wait to be told since",
        )
        .finds(
            "webhooks",
            "warning",
            "Webhooks of the tenant default that cannot be delivered to: 1",
        );
}
