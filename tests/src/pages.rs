//! The pages of `docs/` show what is tested: a block of code below a comment that names a file is that file, or what of it
//! stands between `docs` and `docs end`.

use std::{fs, path::Path};

/// Blocks of a page with the files that they come from.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let shown = page.split("<!-- ").skip(1);
    shown
        .map(|shown| {
            let (file, rest) = shown.split_once(" -->\n```").expect("a block below the comment");
            let (_, rest) = rest.split_once('\n').expect("the block's first line");
            (file, rest.split_once("\n```").expect("the block's end").0)
        })
        .collect()
}

/// What of a file a page shows.
fn shown(text: &str) -> String {
    let of_docs = |line: &&str| !["// docs", "# docs"].contains(&line.trim());
    let mut lines: Vec<&str> = text.lines().skip_while(of_docs).skip(1).collect();
    if lines.is_empty() {
        return text.trim_end().to_owned();
    }
    let end = lines.iter().position(|line| line.trim().ends_with(" docs end"));
    lines.truncate(end.expect("an end"));
    let depth = |line: &&str| line.len() - line.trim_start().len();
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let indent = filled.map(depth).min().unwrap_or_default();
    let lines: Vec<&str> = lines
        .iter()
        .map(|line| line.get(indent..).unwrap_or_default())
        .collect();
    lines.join("\n").trim().to_owned()
}

#[test]
fn the_page_on_clients_shows_what_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let page = read("docs/sdk.md");
    let blocks = blocks(&page);
    assert_eq!(blocks.len(), 9);
    for (file, block) in blocks {
        let tested = shown(&read(file));
        assert_eq!(block, tested, "docs/sdk.md does not show what {file} says");
        assert!(
            tested.lines().count() <= 12,
            "{file} shows more than the first ten lines, or so"
        );
    }
}
