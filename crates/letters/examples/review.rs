//! Reviews the letters of a file such as `corpus/clean.json`, and prints what is found in each:
//! `cargo run -p afterword-letters --example review -- crates/letters/corpus/clean.json`.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use afterword_domain::notes::Field;
use afterword_letters::{Context, Written, review};
use serde::Deserialize;

#[derive(Deserialize)]
struct Letter {
    id: String,
    context: Context,
    #[serde(default)]
    subject_line: Option<String>,
    body: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args().skip(1) {
        let letters: Vec<Letter> = serde_json::from_str(&std::fs::read_to_string(path)?)?;
        for letter in &letters {
            let subject_line = letter.subject_line.as_deref();
            let written = Written {
                subject_line,
                body: &letter.body,
            };
            println!("{}", letter.id);
            for finding in review(&letter.context, written).findings {
                let marked = finding.span.as_ref().map_or("", |span| {
                    let text = if span.field == Field::Body {
                        written.body
                    } else {
                        subject_line.unwrap_or_default()
                    };
                    text.get(span.byte_start as usize..span.byte_end as usize)
                        .unwrap_or_default()
                });
                println!(
                    "  {:?} {} “{marked}”: {} {:?}",
                    finding.severity, finding.rule, finding.message, finding.suggestions
                );
            }
        }
    }
    Ok(())
}
