//! Copies that can be brought back: made beside writers, whole, and worth nothing to whoever has the data's alone.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use afterword_store::{Place, StoreOptions, testing::PrivatePostgres};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::{
    client::Client,
    harness::{Kind, behind, options},
    kill::process::{Process, command, first, told, within},
    scenes::{applies, registers},
};

/// Words that stand in the data of the stories, sealed.
const CANARY: &str = "Quillfeather";

/// A candidate with an application, and the requests of documents that were recorded, one after another, until somebody
/// has had enough.
async fn writes(client: Client, path: String, enough: tokio::sync::oneshot::Receiver<()>) -> usize {
    let mut recorded = 0;
    let writing = async {
        loop {
            client
                .records(&path, json!({"document": format!("{CANARY} {recorded}")}))
                .await;
            recorded += 1;
        }
    };
    tokio::select! {
        () = writing => {}
        _ = enough => {}
    }
    recorded
}

/// What is told of a candidate's documents by a service over a store that was brought back.
async fn reads(store: &StoreOptions, key: &str, candidate: &str) -> (Value, usize) {
    let mut process = Process::start(store);
    let (address, _) = process.listening();
    let client = Client::new(address, key.to_owned());
    let profile = client.sees(candidate).await;
    let documents = client.lists_feed().await;
    let documents = documents.iter().filter(|it| it["type"] == "DocumentRequested").count();
    (profile["name"].clone(), documents)
}

fn hides(file: &Path) {
    let bytes = fs::read(file).expect("read");
    let canary = CANARY.as_bytes();
    assert!(
        !bytes.windows(canary.len()).any(|it| it == canary),
        "{} tells",
        file.display()
    );
}

fn verifies(store: &StoreOptions) {
    assert_eq!(told(store, &["verify"])["differences"], 0);
}

/// What a command refuses with.
fn refuses(store: &StoreOptions, words: &[&str], code: i32) -> String {
    let output = command(store, words).stderr(Stdio::piped()).output().expect("run");
    assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
    String::from_utf8(output.stderr).expect("text")
}

/// The story that both stores tell: somebody is recorded, and writers go on while copies are made.
struct Served {
    process: Process,
    client: Client,
    candidate: String,
    path: String,
}

async fn served(store: &StoreOptions) -> Served {
    let (process, address, key) = first(store);
    let client = Client::new(address, key);
    let candidate = registers(&client, &format!("Ada {CANARY}")).await;
    let path = format!("{}/document-requests", applies(&client, &candidate, CANARY).await);
    Served {
        process,
        client,
        candidate,
        path,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_sqlite_is_made_beside_writers_and_brought_back() {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let Served {
        process,
        client,
        candidate,
        path,
    } = served(&store).await;
    let (enough, heard) = tokio::sync::oneshot::channel();
    let writer = behind(writes(client.clone(), path, heard));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let place = tempfile::tempdir().expect("a folder");
    let (data, keys) = (place.path().join("data"), place.path().join("keys"));
    let [to, keys_to] = [&data, &keys].map(|it| it.to_str().expect("a path"));
    let backup = ["backup", "--to", to, "--keys-to", keys_to];
    let said = command(&store, &backup).output().expect("run");
    assert!(said.status.success(), "{said:?}");
    let lines: Vec<Value> = String::from_utf8(said.stdout)
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(
        (&lines[0]["copied"], &lines[1]["copied"]),
        (&json!("data"), &json!("keys"))
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    enough.send(()).expect("heard");
    let recorded = writer.await.expect("written");
    let key = client.key().to_owned();
    drop(process);

    let (data, keys) = (data.join("data.db"), keys.join("keys.db"));
    for copy in [&data, &keys] {
        assert_eq!(
            fs::metadata(copy).unwrap().permissions().mode() & 0o077,
            0,
            "made for nobody else"
        );
        hides(copy);
    }
    assert!(
        refuses(&store, &backup, 1).contains("already"),
        "a copy is never written over"
    );
    assert!(refuses(&store, &["backup", "--to", to, "--keys-to", to], 2).contains("another folder"));

    // Brought back into a new folder, with the master key, which is kept apart from both.
    let Place::Folder(was) = &store.place else {
        unreachable!()
    };
    let again = folder(&place, "again", &[&data, &keys, &was.join("master.key")]);
    verifies(&again);
    let (name, documents) = reads(&again, &key, &candidate).await;
    assert_eq!(name, format!("Ada {CANARY}"));
    assert!(0 < documents && documents <= recorded + 1, "{documents} of {recorded}");

    // The data without its keys, even with the master key: nothing of anybody can be read.
    let bare = folder(&place, "bare", &[&data, &was.join("master.key")]);
    assert!(refuses(&bare, &["verify"], 1).contains("not as the log says"));
    unreadable(&bare, &key, &candidate).await;
    let without = folder(&place, "without", &[&data, &keys]);
    assert!(refuses(&without, &["serve", "--listen", "127.0.0.1:0"], 1).contains("master key file"));
}

/// A folder of copies.
fn folder(place: &TempDir, name: &str, files: &[&PathBuf]) -> StoreOptions {
    let folder = place.path().join(name);
    fs::create_dir(&folder).expect("made");
    for file in files {
        fs::copy(file, folder.join(file.file_name().expect("a name"))).expect("copied");
    }
    StoreOptions {
        place: Place::Folder(folder),
        keys_url: None,
        master_key_file: None,
    }
}

/// Nothing of a candidate is told where its key is not.
async fn unreadable(store: &StoreOptions, key: &str, candidate: &str) {
    let mut process = Process::start(store);
    let (address, _) = process.listening();
    let client = Client::new(address, key.to_owned());
    for path in [
        candidate,
        &format!("{candidate}/timeline"),
        "/v1/candidates",
        "/v1/events",
        "/v1/applications",
    ] {
        let answer = client.send(client.request(Method::GET, path)).await;
        assert!(!String::from_utf8_lossy(&answer.body).contains(CANARY), "{answer}");
    }
}

fn runs(program: &Path, words: &[&str]) {
    let output = Command::new(program).args(words).output().expect("run");
    assert!(output.status.success(), "{program:?} {words:?}: {output:?}");
}

/// Dumps a database by the role of docs/operations.md: it reads past row-level security, and does nothing else.
pub async fn dumps(server: &PrivatePostgres, programs: &Path, url: &str, file: &Path) {
    server
        .run_sql(
            url,
            "DO $$ BEGIN CREATE ROLE afterword_backup LOGIN BYPASSRLS; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
             GRANT pg_read_all_data TO afterword_backup",
        )
        .await;
    let to = format!("--file={}", file.display());
    let url = url.replace("afterword@", "afterword_backup@");
    runs(&programs.join("pg_dump"), &["--format=custom", &to, &url]);
}

/// Restores a dump into a database that is new.
pub fn restores(programs: &Path, file: &Path, url: &str) {
    let to = format!("--dbname={url}");
    let file = file.to_str().expect("a path");
    runs(
        &programs.join("pg_restore"),
        &["--exit-on-error", "--single-transaction", "--no-owner", &to, file],
    );
}

/// A server that has nothing of ours yet, not even the service's role, and its administrator's URL of a database: whoever
/// owns databases there may do nothing else.
async fn bare_server() -> Option<(PrivatePostgres, impl Fn(&str) -> String)> {
    let server = block_in_place(PrivatePostgres::start).filter(PrivatePostgres::is_own)?;
    server
        .run_sql(&server.url("postgres"), "CREATE ROLE administrator LOGIN SUPERUSER")
        .await;
    // Ours begins with a superuser of the service's name, who cannot be made anything less.
    let url = server.url("").replace("afterword@", "administrator@");
    let administrator = move |database: &str| format!("{url}{database}");
    server
        .run_sql(&administrator("postgres"), "ALTER ROLE afterword RENAME TO first")
        .await;
    Some((server, administrator))
}

/// The commands of docs/operations.md that bring a dump of PostgreSQL back.
fn documented() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let page = fs::read_to_string(page).expect("the page");
    let mut blocks = page.split("```console\n").filter_map(|it| it.split("```").next());
    let block = blocks.find(|block| block.contains("pg_restore")).expect("a block");
    let commands = block.lines().map(|line| line.strip_prefix("$ ").expect("a command"));
    commands.map(ToOwned::to_owned).collect()
}

/// Types a documented command in a folder: where it says `db`, this server is meant.
fn types(line: &str, folder: &Path, programs: &Path, administrator: &str, store: &StoreOptions) {
    let line = line.replace("postgres://db/", administrator);
    let service = command(store, &[]);
    let own = Path::new(service.get_program()).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut typed = within(&["sh", "-c", &line], &service);
    typed
        .current_dir(folder)
        .env("PATH", format!("{}:{}:{path}", programs.display(), own.display()))
        .stderr(Stdio::piped());
    // `createdb` takes no URL.
    let url = url::Url::parse(administrator).expect("a URL");
    typed.env("PGHOST", url.host_str().expect("a host"));
    typed.env("PGPORT", url.port().expect("a port").to_string());
    typed.env("PGUSER", url.username());
    let output = typed.output().expect("run");
    assert!(output.status.success(), "{line}: {output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_of_postgres_is_made_beside_writers_and_brought_back() {
    let Some(store) = options(Kind::Postgres).await else {
        return;
    };
    let server = PrivatePostgres::shared().expect("it is there");
    let Some(programs) = server.programs() else { return };
    assert!(refuses(&store, &["backup", "--to", "nowhere"], 1).contains("PostgreSQL's own tools"));
    let Place::Postgres(url) = store.place.clone() else {
        unreachable!()
    };
    let Served {
        process,
        client,
        candidate,
        path,
    } = served(&store).await;
    let (enough, heard) = tokio::sync::oneshot::channel();
    let writer = behind(writes(client.clone(), path, heard));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let place = tempfile::tempdir().expect("a folder");
    let [data, keys] = ["afterword.dump", "afterword_keys.dump"].map(|it| place.path().join(it));
    // First the data, then its keys.
    for (url, file) in [(url.clone(), &data), (format!("{url}_keys"), &keys)] {
        dumps(server, programs, &url, file).await;
        hides(file);
    }
    enough.send(()).expect("heard");
    let recorded = writer.await.expect("written");
    let key = client.key().to_owned();
    drop(process);

    let at = |url: &str| StoreOptions {
        place: Place::Postgres(url.to_owned()),
        ..store.clone()
    };
    // On another server, by the commands that are documented, for a role that may do nothing else.
    let Some((other, administrator)) = bare_server().await else {
        return;
    };
    let again = at(&other.url("afterword"));
    for line in documented() {
        types(&line, place.path(), programs, &administrator(""), &again);
    }
    verifies(&again);
    let (name, documents) = reads(&again, &key, &candidate).await;
    assert_eq!(name, format!("Ada {CANARY}"));
    assert!(0 < documents && documents <= recorded + 1, "{documents} of {recorded}");

    // The data without its keys: `migrate` makes an empty key store, and nothing of anybody can be read.
    let bare = server.fresh_database().await;
    restores(programs, &data, &bare);
    let bare = at(&bare);
    assert!(refuses(&bare, &["verify"], 1).contains("afterword migrate"));
    told(&bare, &["migrate"]);
    assert!(refuses(&bare, &["verify"], 1).contains("not as the log says"));
    unreadable(&bare, &key, &candidate).await;
}

/// What was recorded after a moment is not there when the data is brought back to it, and who was erased after it stays so,
/// since today's keys know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_brought_back_to_a_moment_between_two_facts() {
    // The key store is on a server of its own.
    let Some(elsewhere) = options(Kind::Postgres).await else {
        return;
    };
    let Some(server) = block_in_place(PrivatePostgres::start).filter(PrivatePostgres::is_own) else {
        return;
    };
    let Place::Postgres(keys) = elsewhere.place.clone() else {
        unreachable!()
    };
    let at = |server: &PrivatePostgres| StoreOptions {
        place: Place::Postgres(server.url("data")),
        keys_url: Some(keys.clone()),
        ..elsewhere.clone()
    };
    server.create_database("data").await;
    let archive = server.archives().await;
    let Served {
        process,
        client,
        candidate,
        path,
    } = served(&at(&server)).await;
    let erased = registers(&client, "Alan Turing").await;
    client.records(&path, json!({"document": "before"})).await;
    let moment = server.moment().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    client.records(&path, json!({"document": "after"})).await;
    let later = registers(&client, "Grace Hopper").await;
    client.delete(&erased).await.is(200);
    let key = client.key().to_owned();
    server.is_archived().await;
    drop(process);

    let again = archive.at(&moment).await;
    let store = at(&again);
    verifies(&store);
    let mut process = Process::start(&store);
    let client = Client::new(process.listening().0, key);
    let documents = async || {
        let facts = client.lists_feed().await;
        let asked = facts.iter().filter(|it| it["type"] == "DocumentRequested");
        asked.map(|it| it["data"]["document"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(documents().await, ["before"]);
    assert_eq!(client.sees(&candidate).await["name"], format!("Ada {CANARY}"));
    client.get(&later).await.refuses(404, "not_found");
    client.get(&erased).await.refuses(410, "candidate_erased");
    // It goes on from there.
    client.records(&path, json!({"document": "again"})).await;
    assert_eq!(documents().await, ["before", "again"]);
    drop(process);
    verifies(&store);
}
