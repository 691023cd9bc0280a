//! The check over the SQL in the sources. SQLite has no row-level security: there the first wall, a condition on the tenant
//! in every statement, is the only one, so each is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A function or a constant: the texts in it, one after another, and the words.
#[derive(Default)]
struct Item {
    name: String,
    constant: bool,
    text: String,
    words: BTreeSet<String>,
}

/// Functions in which one condition is put to several statements: how many more tables than conditions they name.
const SHARED: [(&str, usize); 1] = [("deliveries_line_up", 1)];

/// Tables of no tenant.
const ABOVE_TENANTS: [&str; 2] = ["master", "tenants"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

/// The tables of tenants, by the migrations of both databases.
fn tables() -> BTreeSet<String> {
    let mut tables = BTreeSet::new();
    for folder in ["migrations/sqlite", "migrations/keys-sqlite"] {
        for entry in fs::read_dir(root().join(folder)).expect("a folder") {
            let sql = fs::read_to_string(entry.expect("a file").path()).expect("text");
            let made = sql.split("CREATE TABLE ").skip(1);
            tables.extend(made.filter_map(|rest| Some(rest.split([' ', '(']).next()?.to_owned())));
        }
    }
    tables.retain(|table| !ABOVE_TENANTS.contains(&table.as_str()));
    assert!(tables.len() >= 19, "{tables:?}");
    tables
}

/// The functions and constants of a source.
fn items(source: &str) -> Vec<Item> {
    let mut items: Vec<Item> = vec![Item::default()];
    // Which of them is being read: a constant ends with its semicolon, and what it stands in goes on.
    let (mut here, mut outside, mut depth) = (0, 0, 0);
    let mut letters = source.chars().peekable();
    let mut before = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '/' if letters.peek() == Some(&'/') => drop(letters.by_ref().find(|it| *it == '\n')),
            '"' => {
                let text = literal(&mut letters);
                items[here].text += " ";
                items[here].text += &text;
            }
            '\'' => {
                // A letter, which may be a quotation mark; or a lifetime, of which the word follows.
                let mut ahead = letters.clone();
                let first = ahead.next();
                if first == Some('\\') || ahead.next() == Some('\'') {
                    letters.next();
                    letters.by_ref().find(|it| *it == '\'');
                }
            }
            letter if letter.is_alphanumeric() || letter == '_' => {
                let mut word = String::from(letter);
                while let Some(more) = letters.next_if(|it| it.is_alphanumeric() || *it == '_') {
                    word.push(more);
                }
                if ["fn", "const"].contains(&before.as_str()) && word != "fn" {
                    let constant = before == "const";
                    items.push(Item {
                        name: word.clone(),
                        constant,
                        ..Item::default()
                    });
                    here = items.len() - 1;
                    depth = 0;
                    if !constant {
                        outside = here;
                    }
                }
                items[here].words.insert(word.clone());
                before = word;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ';' if depth == 0 && items[here].constant => here = outside,
            _ => {}
        }
    }
    items
}

/// The rest of a literal, whose lines may be continued.
fn literal(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => match letters.next() {
                Some('\n') => while letters.next_if(|it| it.is_whitespace()).is_some() {},
                other => text.extend(other),
            },
            letter => text.push(letter),
        }
    }
    text
}

/// How often some SQL names tables of tenants, and how often the tenant: as the left side of a condition, or as the first
/// of the columns that are written.
fn counted(sql: &str, tables: &BTreeSet<String>) -> (usize, usize) {
    let words: Vec<&str> = sql
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .collect();
    let named = words
        .windows(2)
        .filter(|pair| ["FROM", "JOIN", "INTO", "UPDATE"].contains(&pair[0]) && tables.contains(pair[1]));
    let conflicts = sql.matches("ON CONFLICT (tenant_id").count();
    let tenants = ["tenant_id =", "(tenant_id,", "(tenant_id)"];
    let tenants: usize = tenants.iter().map(|name| sql.matches(name).count()).sum();
    (named.count(), tenants - conflicts)
}

/// Functions whose statements do not name a tenant for each table, of those that a file has to do with, or of all; and how
/// many tables are named.
fn complaints(
    sources: &BTreeMap<String, Vec<Item>>,
    tables: &BTreeSet<String>,
    only: Option<&str>,
) -> (Vec<String>, usize) {
    let all = || {
        sources
            .iter()
            .flat_map(|(file, items)| items.iter().map(move |item| (file.as_str(), item)))
    };
    let constants: BTreeMap<&str, (&str, &Item)> = all()
        .filter(|(_, item)| item.constant)
        .map(|(file, item)| (item.name.as_str(), (file, item)))
        .collect();
    let (mut complaints, mut references) = (Vec::new(), 0);
    // What stands before the first of them are imports.
    for (file, item) in all().filter(|(_, item)| !item.constant && !item.name.is_empty()) {
        let used: Vec<_> = item
            .words
            .iter()
            .filter_map(|word| constants.get(word.as_str()))
            .collect();
        if only.is_some_and(|only| only != file && used.iter().all(|(file, _)| only != *file)) {
            continue;
        }
        let sql = used
            .iter()
            .fold(item.text.clone(), |sql, (_, constant)| sql + " " + &constant.text);
        let (named, tenants) = counted(&sql, tables);
        references += named;
        let shared = SHARED
            .iter()
            .find(|(name, _)| *name == item.name)
            .map_or(0, |(_, more)| *more);
        if tenants + shared < named {
            complaints.push(format!(
                "{file}: {} names {named} tables and {tenants} tenants",
                item.name
            ));
        }
    }
    (complaints, references)
}

fn sources() -> BTreeMap<String, String> {
    let mut found = Vec::new();
    files(&root().join("crates/store/src"), &mut found);
    let mut sources = BTreeMap::new();
    for path in found {
        let name = path.strip_prefix(root()).expect("within").display().to_string();
        let apart = [
            "tests.rs",
            "testing.rs",
            "testing/standby.rs",
            "migrate.rs",
            "second_wall.rs",
        ];
        if apart.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        let source = fs::read_to_string(&path).expect("text");
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        sources.insert(name, source.to_owned());
    }
    sources
}

fn read(sources: &BTreeMap<String, String>) -> BTreeMap<String, Vec<Item>> {
    sources
        .iter()
        .map(|(file, source)| (file.clone(), items(source)))
        .collect()
}

#[test]
fn every_statement_names_the_tenant_for_every_table() {
    let (complaints, references) = complaints(&read(&sources()), &tables(), None);
    assert_eq!(complaints, Vec::<String>::new());
    assert!(references > 120, "{references} mentions of tables are found");
}

#[test]
fn a_condition_that_is_taken_away_is_missed() {
    let (sources, tables) = (sources(), tables());
    let mut read = read(&sources);
    let mut tried = 0;
    for (file, source) in &sources {
        for condition in ["tenant_id = $1", "tenant_id = \""] {
            for (at, _) in source.match_indices(condition) {
                let mut without = source.clone();
                without.replace_range(at..at + "tenant_id =".len(), "1 =");
                let whole = read.insert(file.clone(), items(&without)).expect("a file");
                let line = source[..at].lines().count();
                assert!(!complaints(&read, &tables, Some(file)).0.is_empty(), "{file}:{line}");
                read.insert(file.clone(), whole);
                tried += 1;
            }
        }
    }
    assert!(tried > 60, "{tried} conditions");
}

#[test]
fn nobody_else_speaks_to_a_database() {
    for name in ["domain", "letters", "server", "client"] {
        let manifest = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).expect("text");
        assert!(!manifest.contains("sqlx"), "{name} has statements of its own");
    }
}
