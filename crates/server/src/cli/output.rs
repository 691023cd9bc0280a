//! What a command says on stdout: JSON lines for programs, a table where a person watches.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value};

/// Writes one JSON line, at once: whoever started the process may wait for it.
pub(super) fn line(value: &impl Serialize) -> io::Result<()> {
    let mut text = spaced(value)?;
    text.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&text)?;
    out.flush()
}

/// Writes a document as it is committed: indented.
pub(super) fn document(value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    io::stdout().lock().write_all(&text)
}

/// Writes the one result of a command.
pub(super) fn one(value: &Value) -> io::Result<()> {
    let mut rows = Rows::new();
    rows.add(value)?;
    rows.end()
}

/// Results of one kind: lines as they come, or a table at the end.
pub(super) struct Rows(Option<Table>);

impl Rows {
    pub(super) fn new() -> Self {
        Self(io::stdout().is_terminal().then(table))
    }

    pub(super) fn add(&mut self, row: &Value) -> io::Result<()> {
        match (&mut self.0, row) {
            (Some(table), Value::Object(fields)) => add(table, fields),
            (Some(_) | None, row) => return line(row),
        }
        Ok(())
    }

    pub(super) fn end(self) -> io::Result<()> {
        match self.0 {
            Some(table) if !table.is_empty() => writeln!(io::stdout().lock(), "{table}"),
            Some(_) | None => Ok(()),
        }
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table
}

fn add(table: &mut Table, fields: &Map<String, Value>) {
    let cell = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    table.set_header(fields.keys().map(|name| name.replace('_', " ")));
    table.add_row(fields.values().map(cell));
}

/// JSON on one line, with blanks after `:` and `,` as people write it.
fn spaced(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut text, Spaced))?;
    Ok(text)
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_the_contract_writes_it() {
        let value = serde_json::json!({"tenant": "default", "scopes": ["admin", "events:read"], "n": {}});
        let text = String::from_utf8(spaced(&value).expect("written")).expect("text");
        assert_eq!(
            text,
            r#"{"tenant": "default", "scopes": ["admin", "events:read"], "n": {}}"#
        );
    }

    #[test]
    fn a_person_sees_a_table() {
        let mut rows = Rows(Some(table()));
        rows.add(&serde_json::json!({"admin_key": "aw", "scopes": ["a", "b"], "n": 7}))
            .expect("added");
        let table = rows.0.expect("a table").to_string();
        assert!(
            table.contains("admin key") && table.contains("a b") && table.contains('7'),
            "{table}"
        );
    }
}
