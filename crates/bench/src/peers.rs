//! What the service is measured against: pgbench's bare statements, `postgres-es`, and an actix server that does nothing.

use std::{path::PathBuf, process::Command};

use actix_web::{App, HttpServer, web};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::{
    AT_ONCE, Extent, Failure,
    measure::{Sample, output},
};

/// Serves "hello" on a free port until killed.
pub fn hello() -> Result<(), Failure> {
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(|| App::new().route("/", web::get().to(|| async { "hello" })));
        let server = server.bind(("127.0.0.1", 0))?;
        let address = server.addrs().first().map(ToString::to_string).unwrap_or_default();
        println!("{}", serde_json::json!({"listening": format!("http://{address}")}));
        server.run().await?;
        Ok(())
    })
}

/// Runs SQL as the owner of a database.
pub async fn sql(url: &str, statements: &[&str]) -> Result<(), Failure> {
    let mut connection = PgConnection::connect(url).await?;
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe((*statement).to_owned()))
            .execute(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(())
}

/// The table of the bare inserts.
pub async fn bare_table(url: &str) -> Result<(), Failure> {
    let table = "CREATE TABLE bare (stream uuid NOT NULL, version bigint NOT NULL, payload bytea NOT NULL, \
        PRIMARY KEY (stream, version))";
    sql(url, &[table]).await
}

/// A transaction of two inserts of one row each, for a new stream each time.
pub async fn bare_inserts(url: &str, extent: &Extent, bytes: usize) -> Result<Sample, Failure> {
    let text = "x".repeat(bytes);
    let script = format!(
        "\\set a random(0, 4611686018427387903)\n\\set b random(0, 4611686018427387903)\nBEGIN;\n\
         INSERT INTO bare VALUES (encode(int8send(:a) || int8send(:b), 'hex')::uuid, 1, '{text}');\n\
         INSERT INTO bare VALUES (encode(int8send(:a) || int8send(:b), 'hex')::uuid, 2, '{text}');\nCOMMIT;\n"
    );
    pgbench(url, &script, extent.seconds).await
}

/// pgbench with prepared statements and as many clients as everybody else has.
pub async fn pgbench(url: &str, script: &str, seconds: f64) -> Result<Sample, Failure> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("script.sql");
    std::fs::write(&file, script)?;
    let clients = AT_ONCE.to_string();
    // It counts whole seconds, and the first of them is its warm-up.
    let whole = seconds.ceil() as u64 + 1;
    let log = folder.path().join("log").display().to_string();
    output(
        Command::new("pgbench")
            .args([
                "-n",
                "-M",
                "prepared",
                "-j",
                "2",
                "-c",
                &clients,
                "-T",
                &whole.to_string(),
            ])
            .args(["-l", "--log-prefix", &log, "-f"])
            .arg(&file)
            .arg(url),
    )
    .await?;
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder.path())?
        .flatten()
        .filter(|entry| entry.file_name() != "script.sql")
    {
        for line in std::fs::read_to_string(entry.path())?.lines() {
            // client, transaction, microseconds, script, second and microsecond of the end
            let fields: Vec<u64> = line.split(' ').filter_map(|field| field.parse().ok()).collect();
            if let [_, _, took, _, second, micros] = fields.as_slice() {
                all.push((second * 1_000_000 + micros, *took));
            }
        }
    }
    let last = all.iter().map(|(at, _)| *at).max().unwrap_or(0);
    let over = (seconds * 1e6) as u64;
    let took = all
        .into_iter()
        .filter(|(at, _)| at + over > last)
        .map(|(_, took)| took)
        .collect();
    Ok(Sample::of(took, crate::seconds(seconds)))
}

/// Builds the peer once and lets it run on its own.
pub async fn postgres_es(url: &str, extent: &Extent, bytes: usize) -> Result<Sample, Failure> {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peer/Cargo.toml");
    let printed = output(
        Command::new("cargo")
            .args(["run", "--release", "--quiet", "--manifest-path"])
            .arg(manifest)
            .arg("--")
            .args([
                url,
                &AT_ONCE.to_string(),
                &extent.seconds.to_string(),
                &bytes.to_string(),
            ]),
    )
    .await?;
    Ok(serde_json::from_str(&printed)?)
}
