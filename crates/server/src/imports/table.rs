//! A table in a text: where its header stands, what separates its cells, and its records one by one, so that broken
//! quotes do not take the rest of the file along. Pure.

use std::collections::BTreeMap;

use csv::{ReaderBuilder, StringRecord};

use super::{
    columns::{ColumnMap, Field},
    formats::{Format, Reads},
};
use crate::edge::problem::{Code, Problem};

/// The largest cell, in bytes.
const LARGEST_CELL: usize = 64 << 10;

/// A header is looked for in so many lines: programs write notes above it.
const PREAMBLE: usize = 50;

/// So many broken rows are looked at, then the file is given up.
const MOST_BROKEN: usize = 100;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A table.
pub(super) struct Table<'a> {
    text: &'a str,
    delimiter: u8,
    width: usize,
    /// Where its rows begin, and at which line.
    rows: (usize, usize),
    /// The columns of each field.
    pub(super) columns: BTreeMap<Field, Vec<usize>>,
}

/// A row of a table.
pub(super) struct Record {
    pub(super) line: usize,
    pub(super) cells: Result<Vec<String>, Problem>,
}

/// A line that may be the header.
struct Header<'a> {
    delimiter: u8,
    names: Vec<String>,
    line: usize,
    rest: &'a str,
}

impl<'a> Table<'a> {
    /// Finds the table that a map is about.
    ///
    /// # Errors
    /// When no line has the columns that it must have.
    pub(super) fn find(text: &'a str, map: &ColumnMap) -> Result<Self, Problem> {
        let headers = headers(text);
        let fits = |header: &&Header<'_>| missing(map, header).is_empty();
        let found = |header: &Header<'_>| columns(map, header).len();
        let Some(header) = headers
            .iter()
            .filter(fits)
            .max_by_key(|it| (found(it), usize::MAX - it.line))
        else {
            return Err(no_table(map, &headers, found));
        };
        Ok(Self {
            text,
            delimiter: header.delimiter,
            width: header.names.len(),
            rows: (text.len() - header.rest.len(), header.line + 1),
            columns: columns(map, header),
        })
    }

    /// Its rows, as long as `more` wants them.
    pub(super) fn records(&self, mut more: impl FnMut(Record) -> bool) {
        let (mut at, mut line) = self.rows;
        let mut broken = 0;
        'anew: while at < self.text.len() {
            let mut reader = ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(self.delimiter)
                .from_reader(&self.text.as_bytes()[at..]);
            let from = at;
            let mut record = StringRecord::new();
            while let Ok(true) = reader.read_record(&mut record) {
                let end = from + usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
                let Some(raw) = self.text.get(at..end) else { return };
                let blank = raw.len() - raw.trim_start_matches(['\r', '\n']).len();
                line += count_lines(&raw[..blank]);
                let raw = &raw[blank..];
                let first_line = raw.split_inclusive('\n').next().unwrap_or(raw);
                if self.is_broken(raw, first_line, &record) {
                    broken += 1;
                    let told = "The quotes of this row are broken: one is opened and not closed.";
                    let cells = Err(Problem::new(Code::Malformed, told));
                    if !more(Record { line, cells }) || broken == MOST_BROKEN {
                        return;
                    }
                    at += blank + first_line.len();
                    line += 1;
                    continue 'anew;
                }
                if record.iter().any(|cell| !cell.trim().is_empty()) {
                    let cells = self.cells(&record);
                    if !more(Record { line, cells }) {
                        return;
                    }
                }
                line += count_lines(raw);
                at = end;
            }
            return;
        }
    }

    /// A record of several lines whose cells do not fit, or that nothing closes.
    fn is_broken(&self, raw: &str, first_line: &str, record: &StringRecord) -> bool {
        let several = raw.len() > first_line.len();
        several && (record.len() != self.width || raw.bytes().filter(|byte| *byte == b'"').count() % 2 == 1)
    }

    fn cells(&self, record: &StringRecord) -> Result<Vec<String>, Problem> {
        if let Some(cell) = record.iter().find(|cell| cell.len() > LARGEST_CELL) {
            let told = format!("A cell has {} bytes; up to {LARGEST_CELL} are read.", cell.len());
            return Err(Problem::new(Code::Invalid, told));
        }
        if record.iter().skip(self.width).any(|cell| !cell.trim().is_empty()) {
            let told = format!(
                "The row has {} cells and the header {}: a separator stands in a cell without quotes.",
                record.len(),
                self.width
            );
            return Err(Problem::new(Code::Malformed, told));
        }
        Ok(record.iter().map(ToOwned::to_owned).collect())
    }
}

fn count_lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// Every line that may be a header, by each delimiter.
fn headers(text: &str) -> Vec<Header<'_>> {
    let mut headers = Vec::new();
    let mut rest = text;
    for (line, written) in (1..).zip(text.split_inclusive('\n').take(PREAMBLE)) {
        rest = &rest[written.len()..];
        if written.len() > LARGEST_CELL {
            continue;
        }
        for delimiter in DELIMITERS {
            let mut reader = ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(delimiter)
                .from_reader(written.as_bytes());
            let mut record = StringRecord::new();
            if let Ok(true) = reader.read_record(&mut record) {
                headers.push(Header {
                    delimiter,
                    names: record.iter().map(folded).collect(),
                    line,
                    rest,
                });
            }
        }
    }
    headers
}

fn folded(name: &str) -> String {
    let name = name.trim_start_matches('\u{feff}');
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Where the fields' columns stand in a header.
fn columns(map: &ColumnMap, header: &Header<'_>) -> BTreeMap<Field, Vec<usize>> {
    let place = |name: &String| header.names.iter().position(|known| *known == folded(name));
    let places = map.columns.iter().map(|(field, names)| {
        let places: Vec<usize> = names.all().iter().filter_map(place).collect();
        (*field, places)
    });
    places.filter(|(_, places)| !places.is_empty()).collect()
}

/// The fields that a table must have and this header has not.
fn missing(map: &ColumnMap, header: &Header<'_>) -> Vec<Field> {
    let found = columns(map, header);
    let needed = map.columns.keys().filter(|field| map.needs(**field));
    needed.filter(|field| !found.contains_key(field)).copied().collect()
}

fn no_table(map: &ColumnMap, headers: &[Header<'_>], found: impl Fn(&Header<'_>) -> usize) -> Problem {
    let own = |format: &&Format| match format.reads() {
        Reads::Table(other) => headers.iter().any(|header| missing(other, header).is_empty()),
        _ => false,
    };
    let other = Format::ALL.iter().find(own);
    let hint = other.map_or_else(String::new, |other| {
        format!(" It looks like `format={}`.", other.name())
    });
    let best = headers
        .iter()
        .max_by_key(|header| (found(header), usize::MAX - header.line));
    let lacking = best.map(|header| missing(map, header)).unwrap_or_default();
    let quoted = |field: &Field| {
        let names = map.columns.get(field).map(|names| names.all()).unwrap_or_default();
        let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        names.join(" or ")
    };
    let names: Vec<String> = lacking.iter().map(quoted).collect();
    let told = format!("The file has no line of column names with {}.{hint}", names.join(", "));
    let problem = Problem::new(Code::Malformed, told);
    lacking.iter().fold(problem, |problem, field| {
        let told = format!("The file has no column {}.", quoted(field));
        problem.at(format!("?map/columns/{}", field.name()), told)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> ColumnMap {
        ColumnMap::read(r#"{"target": "openings", "columns": {"organisation": "Company", "position": "Job"}}"#).unwrap()
    }

    fn read(text: &str) -> Vec<(usize, Result<Vec<String>, String>)> {
        let map = map();
        let mut rows = Vec::new();
        Table::find(text, &map).unwrap().records(|record| {
            rows.push((record.line, record.cells.map_err(|problem| problem.to_string())));
            true
        });
        rows
    }

    fn good(line: usize, cells: &[&str]) -> (usize, Result<Vec<String>, String>) {
        (line, Ok(cells.iter().map(|cell| (*cell).to_owned()).collect()))
    }

    #[test]
    fn the_header_is_found_below_a_preamble_and_by_any_separator() {
        for (text, line) in [
            ("Company,Job\nAcme,Cook\n", 2),
            ("Notes:\n\"Some, of it\"\n\n company , JOB\nAcme,Cook", 5),
            ("sep=;\nCompany;Job\n\n\nAcme;Cook\n", 5),
            ("Company\tJob\r\nAcme\tCook\r\n", 2),
            ("Company|Job|\nAcme|Cook|\n", 2),
        ] {
            let rows = read(text);
            assert_eq!((rows.len(), rows[0].0), (1, line), "{text}");
            assert_eq!(rows[0].1.as_ref().unwrap()[..2], ["Acme", "Cook"], "{text}");
        }
    }

    #[test]
    fn cells_have_several_lines_and_lines_are_counted() {
        let rows = read("Company,Job\n\"Acme\nand \"\"Sons\"\"\",Cook\n,\nBolt,Waiter\n");
        assert_eq!(
            rows,
            [good(2, &["Acme\nand \"Sons\"", "Cook"]), good(5, &["Bolt", "Waiter"])]
        );
    }

    #[test]
    fn a_broken_quote_costs_its_own_row() {
        let rows = read("Company,Job\nA,1\n\"Broken,2\nC,3\nD,4\n");
        let lines: Vec<(usize, bool)> = rows.iter().map(|(line, cells)| (*line, cells.is_ok())).collect();
        assert_eq!(lines, [(2, true), (3, false), (4, true), (5, true)]);
        let rows = read("Company,Job\nA,\"1\nB,2\nC,3");
        assert_eq!(rows[1..], [good(3, &["B", "2"]), good(4, &["C", "3"])]);
        // Quotes in the midst of a cell are no quotes.
        assert_eq!(
            read("Company,Job\nThe \"Best\" Inc,Cook\n"),
            [good(2, &["The \"Best\" Inc", "Cook"])]
        );
        let many = format!("Company,Job\n{}", "\"x\n".repeat(5000));
        assert!(read(&many).len() <= MOST_BROKEN);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let rows = read("Company,Job\nAcme, Inc,Cook\n");
        assert!(rows[0].1.as_ref().unwrap_err().contains("3 cells and the header 2"));
        let rows = read(&format!("Company,Job\n{},Cook\n", "x".repeat(LARGEST_CELL + 1)));
        assert!(rows[0].1.as_ref().unwrap_err().contains("up to 65536"));
    }

    #[test]
    fn a_table_of_another_kind_is_named() {
        let text = "Saved Date,Job Url,Job Title,Company Name\n";
        let problem = Table::find(text, &map()).err().unwrap();
        assert!(
            problem.to_string().contains("`format=linkedin_saved_jobs`"),
            "{problem}"
        );
        assert_eq!(problem.errors()[0].pointer, "?map/columns/organisation");
    }
}
