//! The check over the SQL files: it holds them to what PostgreSQL's distributed relatives allow, keeps tenants apart in
//! every key, and keeps both dialects at the same tables.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Table, then its columns in order.
type Tables = BTreeMap<String, Vec<String>>;

/// Tables of no tenant: the tenants themselves, and the one row of the key store that knows the master key.
const ABOVE_TENANTS: [&str; 2] = ["master", "tenants"];

fn migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations")
}

/// The SQL of a folder's files, without comments, in one line, in capitals.
fn sql(folder: &str) -> String {
    let mut files: Vec<PathBuf> = fs::read_dir(migrations().join(folder))
        .expect("a folder")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} has migrations");
    let text: String = files
        .iter()
        .map(|file| fs::read_to_string(file).expect("text") + "\n")
        .collect();
    let lines = text.lines().map(|line| line.split("--").next().unwrap_or_default());
    lines
        .flat_map(str::split_whitespace)
        .collect::<Vec<_>>()
        .join(" ")
        .to_uppercase()
}

/// What begins with the opening parenthesis: its inside.
fn inside(text: &str) -> &str {
    let start = text.find('(').expect("a parenthesis") + 1;
    let mut depth = 1;
    let end = text[start..].find(|letter| {
        depth += match letter {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    });
    &text[start..start + end.expect("its end")]
}

fn first_column(list: &str) -> String {
    list.trim_start_matches('(')
        .split([',', ' ', ')'])
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Every complaint about some SQL.
fn complaints(sql: &str) -> Vec<String> {
    let forbidden = [
        "CREATE SEQUENCE",
        "SERIAL",
        "NEXTVAL",
        "AS IDENTITY",
        "AUTOINCREMENT",
        "TRIGGER",
        "PLPGSQL",
        "DO $",
        "ADVISORY",
        "SERIALIZABLE",
        "XID",
        "TXID",
        "XMIN",
    ];
    let mut complaints: Vec<String> = forbidden
        .iter()
        .filter(|word| sql.contains(**word))
        .map(|word| format!("{word} is used"))
        .collect();
    for statement in sql.split(';').map(str::trim) {
        if let Some(rest) = statement.strip_prefix("CREATE TABLE ") {
            let table = rest.split([' ', '(']).next().unwrap_or_default();
            if ABOVE_TENANTS.contains(&table.to_lowercase().as_str()) {
                continue;
            }
            let body = inside(rest);
            if !body.contains("PRIMARY KEY (") {
                complaints.push(format!("{table} has no primary key of its own line"));
            }
            for (index, key) in ["PRIMARY KEY", "UNIQUE", "FOREIGN KEY", "REFERENCES"]
                .iter()
                .flat_map(|key| body.match_indices(key))
            {
                let after = &body[index + key.len()..];
                let after = if key == "REFERENCES" {
                    after.find('(').map_or("", |at| &after[at..])
                } else {
                    after
                };
                if first_column(after.trim_start()) != "TENANT_ID" {
                    complaints.push(format!("{key} of {table} does not begin with tenant_id"));
                }
            }
        }
        let index = statement
            .strip_prefix("CREATE UNIQUE INDEX ")
            .or(statement.strip_prefix("CREATE INDEX "));
        if let Some((_, on)) = index.and_then(|index| index.split_once(" ON ")) {
            let table = on.split([' ', '(']).next().unwrap_or_default();
            if !ABOVE_TENANTS.contains(&table.to_lowercase().as_str()) && first_column(inside(on)) != "TENANT_ID" {
                complaints.push(format!("an index of {table} does not begin with tenant_id"));
            }
        }
    }
    complaints
}

fn tables(sql: &str) -> Tables {
    let created = sql
        .split(';')
        .filter_map(|statement| statement.trim().strip_prefix("CREATE TABLE "));
    let columns = |body: &str| {
        let lines = body
            .split(',')
            .map(|column| column.split_whitespace().next().unwrap_or_default().to_owned());
        lines
            .take_while(|word| !["PRIMARY", "UNIQUE", "FOREIGN"].contains(&word.as_str()))
            .collect()
    };
    created
        .map(|rest| {
            (
                rest.split(' ').next().unwrap_or_default().to_owned(),
                columns(inside(rest)),
            )
        })
        .collect()
}

#[test]
fn the_sql_keeps_to_what_distributed_databases_allow_and_every_key_begins_with_the_tenant() {
    for folder in ["sqlite", "postgres", "keys-sqlite", "keys-postgres"] {
        assert_eq!(complaints(&sql(folder)), Vec::<String>::new(), "in migrations/{folder}");
    }
}

#[test]
fn both_dialects_hold_the_same_tables_and_columns() {
    assert_eq!(tables(&sql("sqlite")), tables(&sql("postgres")));
    assert_eq!(tables(&sql("keys-sqlite")), tables(&sql("keys-postgres")));
    assert!(tables(&sql("sqlite")).len() >= 9, "the tables are found");
}

#[test]
fn row_level_security_is_forced_on_every_table_of_a_tenant() {
    for folder in ["postgres", "keys-postgres"] {
        let sql = sql(folder);
        for table in tables(&sql)
            .keys()
            .filter(|table| !ABOVE_TENANTS.contains(&table.to_lowercase().as_str()))
        {
            for wall in ["ENABLE", "FORCE"] {
                assert!(
                    sql.contains(&format!("ALTER TABLE {table} {wall} ROW LEVEL SECURITY")),
                    "{wall} on {table}"
                );
            }
            assert!(
                sql.contains(&format!("CREATE POLICY ONE_TENANT ON {table} USING (TENANT_ID =")),
                "policy on {table}"
            );
        }
    }
}

#[test]
fn the_check_finds_what_it_looks_for() {
    for bad in [
        "CREATE TABLE A (TENANT_ID BIGINT, ID BIGSERIAL, PRIMARY KEY (TENANT_ID, ID))",
        "CREATE TABLE A (TENANT_ID BIGINT, ID BIGINT, PRIMARY KEY (ID, TENANT_ID))",
        "CREATE TABLE A (TENANT_ID BIGINT, ID BIGINT UNIQUE, PRIMARY KEY (TENANT_ID, ID))",
        "CREATE TABLE A (TENANT_ID BIGINT, ID BIGINT, PRIMARY KEY (TENANT_ID), FOREIGN KEY (ID) REFERENCES B (TENANT_ID))",
        "CREATE TABLE A (ID BIGINT PRIMARY KEY)",
        "CREATE UNIQUE INDEX X ON A (ID)",
        "SELECT PG_ADVISORY_LOCK(1)",
        "DO $$ BEGIN END $$",
    ] {
        assert!(!complaints(bad).is_empty(), "{bad}");
    }
    assert!(complaints("CREATE TABLE A (TENANT_ID BIGINT, ID BIGINT, PRIMARY KEY (TENANT_ID, ID))").is_empty());
}
