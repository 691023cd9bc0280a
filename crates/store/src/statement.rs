//! A statement that both dialects understand, written once. The text is built of literals alone (`&'static str`), so
//! whatever comes from outside can only be a bound value.

use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

/// A value to bind.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Id(Option<Uuid>),
}

macro_rules! values {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(Some(value.into()))
            }
        }
        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self {
                Self::$variant(value.map(Into::into))
            }
        }
    )*};
}
values!(i64 => Int, String => Text, &str => Text, Vec<u8> => Bytes, &[u8] => Bytes, Uuid => Id);

impl From<crate::TenantId> for Value {
    fn from(tenant: crate::TenantId) -> Self {
        Self::Int(Some(tenant.0))
    }
}

/// A list that repeats its last value until it is a power of four long.
fn filled_up<V: Into<Value>>(list: impl IntoIterator<Item = V>) -> Vec<Value> {
    let mut list: Vec<Value> = list.into_iter().map(Into::into).collect();
    if let Some(last) = list.last().cloned() {
        let mut room = 1;
        while room < list.len() {
            room *= 4;
        }
        list.resize(room, last);
    }
    list
}

/// Text with its values.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    sql: String,
    values: Vec<Value>,
    takes_long: bool,
}

impl Statement {
    pub(crate) fn new(sql: &'static str) -> Self {
        Self {
            sql: sql.to_owned(),
            values: Vec::new(),
            takes_long: false,
        }
    }

    /// A whole statement whose parameters are `$1`, `$2`, … in the order of the values.
    pub(crate) fn of<const N: usize>(sql: &'static str, values: [Value; N]) -> Self {
        Self {
            sql: sql.to_owned(),
            values: values.into(),
            takes_long: false,
        }
    }

    /// The same where the server may be silent for long before it answers: it looks through a whole table.
    pub(crate) fn patiently(mut self) -> Self {
        self.takes_long = true;
        self
    }

    pub(crate) const fn takes_long(&self) -> bool {
        self.takes_long
    }

    pub(crate) fn push(&mut self, sql: &'static str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self.sql.push('$');
        self.sql.push_str(&self.values.len().to_string());
        self
    }

    /// `(a, b, …)`, filled up with its last value to a power of four, so that few texts are prepared. An empty list
    /// becomes `(NULL)`, which nothing is in.
    pub(crate) fn bind_list<V: Into<Value>>(&mut self, list: impl IntoIterator<Item = V>) -> &mut Self {
        let list = filled_up(list);
        if list.is_empty() {
            return self.push("(NULL)");
        }
        self.push("(");
        for (index, value) in list.into_iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.bind(value);
        }
        self.push(")")
    }

    /// `(a), (b), …`, rows of one value, filled up likewise. The list must not be empty.
    pub(crate) fn bind_each<V: Into<Value>>(&mut self, list: impl IntoIterator<Item = V>) -> &mut Self {
        self.bind_rows(filled_up(list).into_iter().map(|value| [value]))
    }

    /// `VALUES`-like tuples: `(a, b), (c, d)`.
    pub(crate) fn bind_rows<const N: usize>(&mut self, rows: impl IntoIterator<Item = [Value; N]>) -> &mut Self {
        for (index, row) in rows.into_iter().enumerate() {
            self.push(if index > 0 { ", (" } else { "(" });
            for (column, value) in row.into_iter().enumerate() {
                if column > 0 {
                    self.push(", ");
                }
                self.bind(value);
            }
            self.push(")");
        }
        self
    }
}

/// A row of either driver, read by the number of its column.
pub(crate) trait Cells {
    fn int(&self, column: usize) -> Result<i64, sqlx::Error>;
    fn maybe_int(&self, column: usize) -> Result<Option<i64>, sqlx::Error>;
    fn text(&self, column: usize) -> Result<String, sqlx::Error>;
    fn maybe_text(&self, column: usize) -> Result<Option<String>, sqlx::Error>;
    fn bytes(&self, column: usize) -> Result<Vec<u8>, sqlx::Error>;
    fn maybe_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, sqlx::Error>;
    fn id(&self, column: usize) -> Result<Uuid, sqlx::Error>;
    fn maybe_id(&self, column: usize) -> Result<Option<Uuid>, sqlx::Error>;
}

macro_rules! driver {
    ($database:ty, $row:ty, $connection:ty, $fetch:ident, $execute:ident) => {
        impl Cells for $row {
            fn int(&self, column: usize) -> Result<i64, sqlx::Error> {
                self.try_get(column)
            }
            fn maybe_int(&self, column: usize) -> Result<Option<i64>, sqlx::Error> {
                self.try_get(column)
            }
            fn text(&self, column: usize) -> Result<String, sqlx::Error> {
                self.try_get(column)
            }
            fn maybe_text(&self, column: usize) -> Result<Option<String>, sqlx::Error> {
                self.try_get(column)
            }
            fn bytes(&self, column: usize) -> Result<Vec<u8>, sqlx::Error> {
                self.try_get(column)
            }
            fn maybe_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, sqlx::Error> {
                self.try_get(column)
            }
            fn id(&self, column: usize) -> Result<Uuid, sqlx::Error> {
                self.try_get(column)
            }
            fn maybe_id(&self, column: usize) -> Result<Option<Uuid>, sqlx::Error> {
                self.try_get(column)
            }
        }

        impl Statement {
            pub(crate) async fn $fetch(self, connection: &mut $connection) -> Result<Vec<$row>, sqlx::Error> {
                let mut query = sqlx::query::<$database>(AssertSqlSafe(self.sql));
                for value in self.values {
                    query = match value {
                        Value::Int(value) => query.bind(value),
                        Value::Text(value) => query.bind(value),
                        Value::Bytes(value) => query.bind(value),
                        Value::Id(value) => query.bind(value),
                    };
                }
                query.fetch_all(connection).await
            }

            pub(crate) async fn $execute(self, connection: &mut $connection) -> Result<u64, sqlx::Error> {
                let mut query = sqlx::query::<$database>(AssertSqlSafe(self.sql));
                for value in self.values {
                    query = match value {
                        Value::Int(value) => query.bind(value),
                        Value::Text(value) => query.bind(value),
                        Value::Bytes(value) => query.bind(value),
                        Value::Id(value) => query.bind(value),
                    };
                }
                Ok(query.execute(connection).await?.rows_affected())
            }
        }
    };
}
driver!(
    sqlx::Sqlite,
    sqlx::sqlite::SqliteRow,
    sqlx::SqliteConnection,
    fetch_sqlite,
    run_sqlite
);
driver!(
    sqlx::Postgres,
    sqlx::postgres::PgRow,
    sqlx::PgConnection,
    fetch_postgres,
    run_postgres
);
