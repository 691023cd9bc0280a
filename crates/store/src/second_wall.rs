//! The second wall, on PostgreSQL. A statement that forgot to name its tenant is run over the store's own connections,
//! against every table that the catalogue knows: it sees and changes no row of another tenant. So a table of a later
//! migration is tried too, and so are both databases.

#![expect(clippy::panic, reason = "in tests a failure is the answer")]

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::error::code;
use crate::lanes::{Lane, Lanes};
use crate::testing::PrivatePostgres;
use crate::{TenantId, migrate};

/// Tables that stand above tenants, what the service may do with them, and why they have no wall.
const ABOVE: [(&str, &str, &str); 3] = [
    (
        "_sqlx_migrations",
        "SELECT",
        "which schema this is, the same for everybody",
    ),
    (
        "master",
        "INSERT,SELECT,UPDATE",
        "one row of nobody's: the ring of keys, which is wrapped anew when the master key changes",
    ),
    (
        "tenants",
        "INSERT,SELECT",
        "the tenants themselves: workers and the command line go through all of them",
    ),
];

const A: TenantId = TenantId(1);
const B: TenantId = TenantId(2);
/// Not allowed: by a missing right, or by a policy.
const REFUSED: &str = "42501";

/// A database, as its owner sees it and as the service does.
struct Stand {
    owner: PgConnection,
    lanes: Lanes,
}

async fn stands() -> Option<[Stand; 2]> {
    let server = tokio::task::spawn_blocking(PrivatePostgres::shared)
        .await
        .expect("done")?;
    let data = migrate::parse(&server.fresh_database().await).expect("a URL");
    migrate::postgres(&data, None).await.expect("a schema");
    let keys = migrate::beside(&data);
    let mut stands = Vec::new();
    for options in [data, keys] {
        stands.push(Stand {
            owner: PgConnection::connect_with(&options).await.expect("the server answers"),
            lanes: Lanes::new(options, 2),
        });
    }
    stands.try_into().ok()
}

impl Stand {
    /// One column of what the owner reads.
    async fn reads(&mut self, sql: &str) -> Vec<String> {
        let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut self.owner)
            .await;
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.iter()
            .map(|row| row.try_get::<Option<String>, _>(0).expect("text").unwrap_or_default())
            .collect()
    }

    /// Every table of the catalogue.
    async fn tables(&mut self) -> Vec<String> {
        self.reads("SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') ORDER BY 1")
            .await
    }

    /// The columns of a table, and a row for a tenant in SQL.
    async fn row(&mut self, table: &str, tenant: TenantId) -> (String, String) {
        let of = format!(
            "FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = '{table}' ORDER BY ordinal_position"
        );
        let columns = self.reads(&format!("SELECT column_name::text {of}")).await;
        let types = self.reads(&format!("SELECT data_type::text {of}")).await;
        let values = columns
            .iter()
            .zip(&types)
            .map(|(column, kind)| match (column.as_str(), kind.as_str()) {
                ("tenant_id", _) => tenant.0.to_string(),
                (_, "bigint") => "7".to_owned(),
                (_, "text") => "'x'".to_owned(),
                (_, "uuid") => "'0190b5a0-0000-7000-8000-000000000001'".to_owned(),
                (_, "bytea") => r"'\x01'".to_owned(),
                (column, kind) => panic!("{table}.{column} is {kind}: what can stand there?"),
            });
        let values: Vec<_> = values.collect();
        (columns.join(", "), values.join(", "))
    }

    /// The rows of a tenant, and which transaction wrote each.
    async fn stands_as(&mut self, table: &str, tenant: TenantId) -> Vec<String> {
        self.reads(&format!(
            "SELECT xmin::text || ' ' || t::text FROM {table} AS t WHERE tenant_id = {}",
            tenant.0
        ))
        .await
    }
}

/// Runs a statement on one of the store's connections: how many rows it changed, or the code of its refusal.
async fn runs(lane: &mut Lane<'_>, sql: &str) -> Result<u64, String> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut **lane).await;
    done.map(|done| done.rows_affected())
        .map_err(|error| code(&error).unwrap_or_else(|| error.to_string()))
}

/// The tenants whose rows a table shows where nobody asks for one.
async fn shows(lane: &mut Lane<'_>, table: &str) -> Vec<i64> {
    let sql = format!("SELECT tenant_id FROM {table}");
    let rows = sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_all(&mut **lane)
        .await
        .expect("a table to be read");
    rows.iter().map(|row| row.try_get(0).expect("a tenant")).collect()
}

fn of_tenants(tables: &[String]) -> Vec<&String> {
    tables
        .iter()
        .filter(|table| ABOVE.iter().all(|(above, ..)| above != table))
        .collect()
}

#[tokio::test]
async fn a_statement_that_forgot_its_tenant_reaches_no_other() {
    let Some(stands) = stands().await else { return };
    let mut tried = 0;
    for mut stand in stands {
        let tables = stand.tables().await;
        for table in of_tenants(&tables) {
            for tenant in [A, B] {
                let (columns, values) = stand.row(table, tenant).await;
                let insert = format!(
                    "SET afterword.tenant = '{}'; INSERT INTO {table} ({columns}) VALUES ({values})",
                    tenant.0
                );
                stand.reads(&insert).await;
            }
            let (columns, of_b) = stand.row(table, B).await;
            let before = stand.stands_as(table, B).await;
            assert_eq!(before.len(), 1, "{table}");
            let mut lane = stand.lanes.lane(Some(A)).await.expect("a lane");
            assert_eq!(shows(&mut lane, table).await, [A.0], "{table}");
            let last = columns.rsplit(", ").next().expect("columns");
            // Reading, as above; and whatever writes, with the tenant forgotten or with another one named.
            for (sql, at_most) in [
                (format!("INSERT INTO {table} ({columns}) VALUES ({of_b})"), None),
                (
                    format!("INSERT INTO {table} ({columns}) VALUES ({of_b}) ON CONFLICT DO NOTHING"),
                    None,
                ),
                (format!("UPDATE {table} SET tenant_id = {}", B.0), None),
                (
                    format!("UPDATE {table} SET {last} = {last} WHERE tenant_id = {}", B.0),
                    Some(0),
                ),
                (format!("UPDATE {table} SET {last} = {last}"), Some(1)),
                (format!("DELETE FROM {table} WHERE tenant_id = {}", B.0), Some(0)),
                (format!("DELETE FROM {table} WHERE tenant_id <> {}", A.0), Some(0)),
                (format!("DELETE FROM {table}"), Some(1)),
                (format!("TRUNCATE {table}"), None),
            ] {
                match (runs(&mut lane, &sql).await, at_most) {
                    (Ok(rows), Some(most)) => assert!(rows <= most, "{sql}: {rows} rows"),
                    (Ok(_), None) => panic!("{sql} was let through"),
                    (Err(code), _) => assert_eq!(code, REFUSED, "{sql}"),
                }
            }
            lane.park();
            // Nobody's connection shows nobody's rows, also where it was somebody's before.
            let mut lane = stand.lanes.lane(None).await.expect("a lane");
            assert!(shows(&mut lane, table).await.is_empty(), "{table} without a tenant");
            let insert = format!("INSERT INTO {table} ({columns}) VALUES ({of_b})");
            assert_eq!(
                runs(&mut lane, &insert).await,
                Err(REFUSED.to_owned()),
                "{table} without a tenant"
            );
            lane.park();
            let mut lane = stand.lanes.lane(Some(B)).await.expect("a lane");
            assert_eq!(shows(&mut lane, table).await, [B.0], "{table}");
            lane.park();
            assert_eq!(
                stand.stands_as(table, B).await,
                before,
                "{table}: a row of the other was touched"
            );
            tried += 1;
        }
        stand.lanes.close().await;
    }
    assert!(tried >= 19, "{tried} tables");
}

#[tokio::test]
async fn the_services_role_owns_nothing_and_opens_no_wall() {
    let Some(stands) = stands().await else { return };
    for mut stand in stands {
        let nobody: [String; 0] = [];
        let able = "rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolreplication";
        for (sql, what) in [
            (format!("SELECT rolname::text FROM pg_roles WHERE rolname = 'afterword_app' AND ({able})"), "it can more than it must"),
            ("SELECT classid::text FROM pg_shdepend WHERE refobjid = 'afterword_app'::regrole AND deptype = 'o'".to_owned(), "it owns something"),
            ("SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'afterword_app'::regrole".to_owned(), "it can become somebody"),
            // These would read tables as whoever made them.
            ("SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('v', 'm', 'f')".to_owned(), "a view"),
            ("SELECT proname::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace".to_owned(), "a function"),
        ] {
            assert_eq!(stand.reads(&sql).await, nobody, "{what}");
        }
        let tables = stand.tables().await;
        for table in of_tenants(&tables) {
            let sql = format!(
                "SELECT (relrowsecurity AND relforcerowsecurity)::text FROM pg_class WHERE oid = '{table}'::regclass"
            );
            assert_eq!(stand.reads(&sql).await, ["true"], "{table}");
            let sql = format!(
                "SELECT polcmd::text || polpermissive || (polroles = '{{0}}') || pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = '{table}'::regclass"
            );
            let policies = stand.reads(&sql).await;
            let [policy] = &policies[..] else {
                panic!("{table} has one policy: {policies:?}")
            };
            assert!(policy.starts_with("*truetrue(tenant_id = "), "{table}: {policy}");
        }
        for (table, rights, why) in ABOVE
            .iter()
            .filter(|(above, ..)| tables.iter().any(|table| table == above))
        {
            let sql = format!(
                "SELECT string_agg(privilege_type, ',' ORDER BY privilege_type) FROM information_schema.role_table_grants \
                 WHERE grantee = 'afterword_app' AND table_name = '{table}'"
            );
            assert_eq!(stand.reads(&sql).await, [*rights], "{table}: {why}");
        }
        let mut lane = stand.lanes.lane(Some(A)).await.expect("a lane");
        let me = sqlx::raw_sql("SELECT current_user::text")
            .fetch_one(&mut *lane)
            .await
            .expect("a name");
        assert_eq!(me.try_get::<String, _>(0).expect("text"), "afterword_app");
        for table in of_tenants(&tables) {
            for sql in [
                format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"),
                format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"),
                format!("ALTER POLICY one_tenant ON {table} USING (true)"),
                format!("DROP POLICY one_tenant ON {table}"),
                format!("DROP TABLE {table}"),
                format!("BEGIN; SET LOCAL row_security = off; SELECT * FROM {table}"),
            ] {
                assert_eq!(runs(&mut lane, &sql).await, Err(REFUSED.to_owned()), "{sql}");
                runs(&mut lane, "ROLLBACK").await.ok();
            }
        }
        lane.park();
        stand.lanes.close().await;
    }
}
