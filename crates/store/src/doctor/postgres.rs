//! Two PostgreSQL databases, their settings, and the role that row-level security is about.

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use std::time::Duration;

use super::{Finding, Health, schema, unavailable};
use crate::db::Db;
use crate::error::{OpenError, code};
use crate::lanes::Lanes;
use crate::migrate::{self, POSTGRES, POSTGRES_KEYS};

/// Whoever does not answer for so long does not answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Clocks of one network agree by far less.
const SKEW: i64 = 1_000_000;
/// What one instance opens at most, and the command line beside it.
const CONNECTIONS: i64 = 32;

pub(super) async fn examine(
    url: &str,
    keys_url: Option<&str>,
    now: &impl Fn() -> i64,
    found: &mut Vec<Finding>,
) -> Option<(Db, Db)> {
    const NAME: &str = "Write it as postgres://user@host/database.";
    let options = migrate::parse(url).and_then(|data| {
        let keys = keys_url.map_or_else(|| Ok(migrate::beside(&data)), migrate::parse)?;
        Ok((data, keys))
    });
    let (data, keys) = match options {
        Ok(both) => both,
        Err(error) => {
            found.push(unavailable("store", &error, NAME));
            return None;
        }
    };
    apart(&data, &keys, found);
    one("store", "schema", &data, &POSTGRES, now, found).await?;
    one("key_store", "key_store_schema", &keys, &POSTGRES_KEYS, now, found).await?;
    let usable = !found.iter().any(|it| it.health == Health::Fault);
    let open = |options| Db::Postgres(Box::new(Lanes::new(options, 1)));
    usable.then(|| (open(data), open(keys)))
}

/// Whether backups of the data bring the keys along.
fn apart(data: &PgConnectOptions, keys: &PgConnectOptions, found: &mut Vec<Finding>) {
    const CHECK: &str = "key_store_apart";
    let same_server = data.get_host() == keys.get_host() && data.get_port() == keys.get_port();
    found.push(if same_server && data.get_database() == keys.get_database() {
        Finding::fault(
            CHECK,
            "The keys are in the database of the data: every backup of it brings erased candidates back.",
            "Give the key store a database of its own (AFTERWORD_KEYS_URL).",
        )
    } else if same_server {
        Finding::warning(
            CHECK,
            "The key store is a database on the data's server: dumps of the data leave it out, base backups and archived WAL do not.",
            "Keep base backups and WAL of this server for 7 days at most, or put the key store on a server of its own.",
        )
    } else {
        Finding::good(CHECK, "The key store is on a server of its own.")
    });
}

async fn one(
    check: &'static str,
    of_schema: &'static str,
    options: &PgConnectOptions,
    known: &Migrator,
    now: &impl Fn() -> i64,
    found: &mut Vec<Finding>,
) -> Option<()> {
    const REACH: &str = "See that the server runs, that the URL names it, and that its user may connect.";
    const MIGRATE: &str = "Run `afterword migrate` with this program.";
    const MAKE: &str = "Name the right one, or let its server's administrator make it; then run `afterword migrate`.";
    let connected = tokio::time::timeout(PATIENCE, options.connect()).await;
    let mut connection = match connected.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
        Ok(connection) => connection,
        Err(error) if code(&error).as_deref() == Some("3D000") => {
            // The key store's is made by `migrate`.
            let todo = if check == "store" { MAKE } else { MIGRATE };
            found.push(Finding::fault(check, "The database does not exist.", todo));
            return None;
        }
        Err(error) => {
            found.push(unavailable(check, &error.into(), REACH));
            return None;
        }
    };
    let looked = async {
        server(check, options, &mut connection, now, found).await?;
        let applied = match sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success")
            .fetch_all(&mut connection)
            .await
        {
            Ok(applied) => Some(applied),
            Err(error) if code(&error).as_deref() == Some("42P01") => None,
            Err(error) => return Err(error),
        };
        found.push(schema(of_schema, applied, known, Health::Fault));
        role(check, &mut connection, found).await
    };
    let looked = looked.await;
    connection.close().await.ok();
    match looked {
        Ok(()) => Some(()),
        Err(error) => {
            found.push(unavailable(check, &OpenError::from(error), REACH));
            None
        }
    }
}

/// What of the server decides whether a commit outlasts a power cut, whether others can listen, and what time it is.
async fn server(
    check: &'static str,
    options: &PgConnectOptions,
    connection: &mut PgConnection,
    now: &impl Fn() -> i64,
    found: &mut Vec<Finding>,
) -> Result<(), sqlx::Error> {
    type Server = (String, String, String, String, i64, bool, bool);
    let (version, fsync, synchronous_commit, full_page_writes, connections, encrypted, local): Server = sqlx::query_as(
        "SELECT current_setting('server_version'), current_setting('fsync'), \
         current_setting('synchronous_commit'), current_setting('full_page_writes'), \
         current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint, \
         COALESCE((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), \
         COALESCE(inet_server_addr() IS NULL OR inet_client_addr() = inet_server_addr(), true)",
    )
    .fetch_one(&mut *connection)
    .await?;
    let before = found.len();
    if fsync == "off" || full_page_writes == "off" {
        found.push(Finding::fault(
            check,
            "The server runs with fsync or full_page_writes off: a power cut can destroy everything.",
            "Switch both on in postgresql.conf.",
        ));
    }
    if synchronous_commit == "off" {
        found.push(Finding::fault(
            check,
            "The server runs with synchronous_commit off: what was acknowledged can be lost in a crash.",
            "Switch it on, for the server or for this database and user.",
        ));
    }
    if !encrypted && !local {
        found.push(Finding::warning(
            check,
            format!("The connection to {} is not encrypted.", options.get_host()),
            "Add ?sslmode=verify-full to the URL, and &sslrootcert=FILE for an authority of one's own.",
        ));
    }
    if connections < CONNECTIONS {
        found.push(Finding::warning(
            check,
            format!("The server takes {connections} connections; one instance opens up to {CONNECTIONS}."),
            "Raise max_connections: so many for each instance.",
        ));
    }
    let asked = now();
    let told: i64 = sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        .fetch_one(&mut *connection)
        .await?;
    let answered = now();
    // Somewhere between question and answer the clocks were compared.
    let skew = if told < asked {
        asked - told
    } else {
        (told - answered).max(0)
    };
    if skew > SKEW {
        let says = format!(
            "The server's clock and this machine's differ by {} s.",
            skew / 1_000_000
        );
        found.push(Finding::warning(check, says, "Let both keep time by NTP."));
    }
    if found.len() == before {
        let says = format!("PostgreSQL {version} answers, writes durably, and its clock agrees.");
        found.push(Finding::good(check, says));
    }
    Ok(())
}

/// Whether row-level security is a wall: the service's role is under it, and every table has it.
async fn role(check: &'static str, connection: &mut PgConnection, found: &mut Vec<Finding>) -> Result<(), sqlx::Error> {
    let check = if check == "store" { "role" } else { "key_store_role" };
    let (user_is_above, there, above, member): (bool, bool, bool, bool) = sqlx::query_as(
        "SELECT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user), \
         EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'afterword_app'), \
         EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'afterword_app' AND (rolsuper OR rolbypassrls OR rolcanlogin)), \
         EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'afterword_app' AND pg_has_role(current_user, oid, 'MEMBER'))",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !there || !member {
        found.push(Finding::fault(
            check,
            "The role afterword_app is missing, or the service's user may not become it.",
            "Run `afterword migrate`, or let an administrator run CREATE ROLE afterword_app NOLOGIN; GRANT afterword_app TO the user.",
        ));
        return Ok(());
    }
    let before = found.len();
    if above {
        found.push(Finding::fault(
            check,
            "The role afterword_app may log in, is a superuser, or stands above row-level security.",
            "ALTER ROLE afterword_app NOLOGIN NOSUPERUSER NOBYPASSRLS.",
        ));
    }
    if user_is_above {
        found.push(Finding::warning(
            check,
            "The service's user is a superuser or stands above row-level security; it becomes afterword_app for its work, but whoever has its password need not.",
            "Give the service a user of its own that owns its tables and nothing else.",
        ));
    }
    let unwalled = tables(
        connection,
        "SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace \
         AND c.relname <> 'tenants' AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid \
         AND a.attname = 'tenant_id' AND NOT a.attisdropped) AND (NOT c.relrowsecurity OR NOT c.relforcerowsecurity \
         OR NOT EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'one_tenant')) ORDER BY 1",
    )
    .await?;
    if let Some(names) = unwalled {
        found.push(Finding::fault(
            check,
            format!("Row-level security is not in force on {names}."),
            "For each of these tables: ALTER TABLE … ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, and its policy as in migrations/.",
        ));
    }
    let opened = tables(
        connection,
        "SELECT c.relname::text || ' (' || p.polname || ')' FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid \
         WHERE c.relnamespace = current_schema()::regnamespace AND p.polname <> 'one_tenant' AND p.polpermissive ORDER BY 1",
    )
    .await?;
    if let Some(names) = opened {
        found.push(Finding::fault(
            check,
            format!("Policies of others open {names}."),
            "DROP POLICY each of them: policies add up, and one that is wider undoes the wall.",
        ));
    }
    let ungranted = tables(
        connection,
        "SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace \
         AND (NOT has_table_privilege('afterword_app', c.oid, 'SELECT') \
         OR c.relname <> '_sqlx_migrations' AND NOT has_table_privilege('afterword_app', c.oid, 'INSERT')) ORDER BY 1",
    )
    .await?;
    if let Some(names) = ungranted {
        found.push(Finding::fault(
            check,
            format!("The role afterword_app may not read and write {names}."),
            "Grant it what migrations/ grant; after a restore the role must be there before the tables are.",
        ));
    }
    let too_much = tables(
        connection,
        "SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace \
         AND (has_table_privilege('afterword_app', c.oid, 'TRUNCATE') OR pg_get_userbyid(c.relowner) = 'afterword_app' \
         OR EXISTS (SELECT 1 FROM aclexplode(c.relacl) WHERE grantee = 0)) ORDER BY 1",
    )
    .await?;
    if let Some(names) = too_much {
        found.push(Finding::fault(
            check,
            format!("More than is needed is granted on {names}: to everybody, or to afterword_app as their owner."),
            "REVOKE ALL … FROM PUBLIC, and let afterword_app own nothing.",
        ));
    }
    if found.len() == before {
        let says = "The role afterword_app is under row-level security, which is in force on every table.";
        found.push(Finding::good(check, says));
    }
    Ok(())
}

/// Names with commas between, where there are any.
async fn tables(connection: &mut PgConnection, query: &'static str) -> Result<Option<String>, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut *connection).await?;
    Ok((!names.is_empty()).then(|| names.join(", ")))
}
