//! What `docs/` and the sources say of safety is so: tests that are named exist and run, and no crate allows what is unsafe.

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

/// Tests of which `.ci/upgrade/run` is the place.
const OF_THE_UPGRADE: [&str; 3] = [
    "who_is_cut_off_by_an_instance_that_stops_at_once_asks_another_with_one_effect",
    "instances_are_replaced_one_after_the_other_under_load_without_a_failure",
    "the_new_program_goes_on_where_the_old_one_stopped_on_sqlite",
];

/// What keeps a function of a source from being a test that every run takes.
fn is_no_test(source: &str, name: &str) -> Option<&'static str> {
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let begins = |line: &&str| line.contains(&format!("fn {name}(")) || line.contains(&format!("fn {name}<"));
    let Some(at) = lines.iter().position(|line| begins(line) && !line.starts_with("//")) else {
        return Some("there is none");
    };
    let belongs = |line: &&&str| line.starts_with("//") || !(line.is_empty() || line.ends_with(['}', ';']));
    let above: Vec<&&str> = lines[..at].iter().rev().take_while(belongs).collect();
    let has = |attribute: &str| above.iter().any(|line| line.starts_with(attribute));
    let is_listed = [("stories![", ']'), ("contract!(", ')')].iter().any(|(begin, end)| {
        let lists = source.split(begin).skip(1).filter_map(|rest| rest.split(*end).next());
        lists.flat_map(|list| list.split(',')).any(|it| it.trim() == name)
    });
    if !is_listed && !["#[test]", "#[tokio::test", "#[actix_web::test"].into_iter().any(has) {
        return Some("it is no test");
    }
    (has("#[ignore") && !OF_THE_UPGRADE.contains(&name)).then_some("it is ignored")
}

/// The words of a text that stand between these.
fn between<'a>(text: &'a str, before: &str, after: &str) -> BTreeSet<&'a str> {
    let rests = text.split(before).skip(1);
    rests.filter_map(|rest| rest.split(after).next()).collect()
}

#[test]
fn what_is_served_without_a_key_is_what_the_page_says() {
    let page = read(&root().join("docs/security.md"));
    let told = page.split("**What is open.**").nth(1).expect("it is told");
    let told = between(told.split(" ask for no key").next().expect("a list"), "`/", "`");
    let mut served = BTreeSet::new();
    let sources = files(&root().join("crates/server/src"), ".rs");
    for source in sources.iter().filter(|source| !source.ends_with("tests.rs")) {
        let routes: String = read(source).split_whitespace().collect();
        for begins in [".route(\"/", "SwaggerUi::new(\"/"] {
            let paths = between(&routes, begins, "\"").into_iter();
            served.extend(paths.map(|path| path.split('/').next().unwrap_or_default().to_owned()));
        }
    }
    let served: BTreeSet<&str> = served.iter().map(String::as_str).collect();
    assert_eq!(served, told, "beside the API, where an operation asks for a scope");
}

#[test]
fn every_test_that_the_pages_name_is_one_and_runs() {
    let mut all = 0;
    for page in files(&root().join("docs"), ".md") {
        for (file, name) in named(&read(&page)) {
            let why = is_no_test(&read(&root().join(&file)), &name);
            assert_eq!(why, None, "{} names {file}::{name}", page.display());
            all += 1;
        }
    }
    assert!(all > 50, "the pages name {all} tests alone");
}

#[test]
fn what_only_looks_like_a_test_is_none() {
    let source = "
        #[test]
        fn one() {}
        fn two() {}

        #[tokio::test(flavor = \"multi_thread\")]
        #[ignore = \"some day\"]
        async fn three() {}

        // #[test]
        fn four() {}

        crate::stories![five, six];
        async fn five(world: World) {}

        // fn seven() {}
        #[test]
        fn seven_and_more() {}
    ";
    let why = ["one", "two", "three", "four", "five", "six", "seven"].map(|name| is_no_test(source, name));
    let (none, no_test, ignored) = (Some("there is none"), Some("it is no test"), Some("it is ignored"));
    assert_eq!(why, [None, no_test, ignored, no_test, None, none, none]);
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
