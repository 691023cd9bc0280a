//! What `docs/` and the sources say of safety is so: tests that are named exist, and no crate allows what is unsafe.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the repository")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Files below a folder whose names end so, but for what was built.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().into_string().expect("UTF-8"));
        if path.is_dir() && !["target", "node_modules", ".git"].contains(&name.as_str()) {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// The tests that a page names, each as the file and the function: `` `tests/src/keys.rs::a_key_is_shown_once` ``.
fn named(page: &str) -> BTreeSet<(String, String)> {
    let quoted = page.split('`').skip(1).step_by(2);
    let tests = quoted.filter_map(|it| it.split_once(".rs::"));
    tests
        .map(|(file, name)| (format!("{file}.rs"), name.to_owned()))
        .collect()
}

#[test]
fn every_test_that_the_pages_name_exists() {
    for page in ["docs/security.md", "docs/operations.md", "docs/reliability.md"] {
        let text = read(&root().join(page));
        for (file, name) in named(&text) {
            let source = read(&root().join(&file));
            let is = source.contains(&format!("fn {name}(")) || source.contains(&format!("fn {name}<"));
            assert!(is, "{page} names {file}::{name}, and there is none");
        }
    }
}

#[test]
fn each_risk_of_the_owasp_api_top_ten_has_its_measure_and_its_test() {
    let page = read(&root().join("docs/security.md"));
    for risk in 1..=10 {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| API{risk}:2023 ")));
        let row = row.unwrap_or_else(|| panic!("API{risk}:2023 has no row"));
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "{row}");
        assert!(!named(cells[2]).is_empty(), "{row}");
    }
}

#[test]
fn no_crate_is_allowed_anything_unsafe() {
    let workspace = read(&root().join("Cargo.toml"));
    assert!(workspace.contains("[workspace.lints.rust]\nunsafe_code = \"forbid\""));
    let manifests = files(&root(), "Cargo.toml");
    assert!(manifests.len() >= 8, "{manifests:?}");
    for manifest in manifests {
        let text = read(&manifest);
        // What starts a fuzz target is a symbol that libFuzzer looks for; the targets themselves are functions of the service.
        if !text.contains("[package]") || text.contains("cargo-fuzz = true") {
            continue;
        }
        // A crate of another workspace says it for itself.
        let inherits = text.contains("[lints]\nworkspace = true");
        let forbids = text.contains("[lints.rust]\nunsafe_code = \"forbid\"");
        assert!(
            inherits || forbids,
            "{} does not forbid unsafe code",
            manifest.display()
        );
    }
}
