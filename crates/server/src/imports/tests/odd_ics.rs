//! Calendars that are odd: the ones that the Python library `icalendar` is tested with. None may crash or hang the
//! import, and what is said of each stays the same unless somebody means to change it.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use super::*;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "ics"))
        .collect();
    files.sort();
    files
}

fn told(mara: &Mara, bytes: &[u8]) -> String {
    let known = Known {
        candidate: mara.candidate.clone(),
        application: Some(mara.application),
        now: now(),
        by: "key".into(),
    };
    let rows = match read(Format::Ics, None, bytes, known) {
        Err(problem) => return format!("  {problem}\n"),
        Ok(rows) => rows,
    };
    let mut told = String::new();
    for row in rows {
        match row.result {
            Err(problem) => writeln!(told, "  {}: {problem}", row.line).unwrap(),
            Ok(planned) => {
                for it in planned {
                    let fact = it.decided.envelope();
                    let data = serde_json::to_string(&fact.data).unwrap();
                    writeln!(told, "  {}: {} {data}", row.line, fact.data.name()).unwrap();
                }
            }
        }
    }
    told
}

#[test]
fn odd_calendars_are_answered_and_always_the_same() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/odd_ics");
    let mara = Mara::new();
    let mut answers = String::new();
    let files = files(&folder);
    assert!(files.len() > 150);
    for file in files {
        let name = file.strip_prefix(&folder).unwrap().display();
        let bytes = std::fs::read(&file).unwrap();
        let answer = told(&mara, &bytes);
        assert_eq!(answer, told(&mara, &bytes), "{name}");
        write!(answers, "{name}\n{answer}").unwrap();
    }
    insta::assert_snapshot!("odd_ics", answers);
}
