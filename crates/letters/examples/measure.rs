//! What a review costs: reading the dictionaries, a letter of 300 words after warm-up, and memory.
//! `cargo run --release -p afterword-letters --example measure`.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::time::{Duration, Instant};

use afterword_letters::{Context, Written, review, warm_up};
use serde::Deserialize;

#[derive(Deserialize)]
struct Letter {
    context: Context,
    body: String,
}

const RUNS: usize = 2000;

/// Resident memory, in KiB, where the system tells.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|it| it.parse().ok())
        .unwrap_or_default()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let before = resident();
    let start = Instant::now();
    warm_up();
    println!(
        "dictionaries read in {:?}, {} MiB",
        start.elapsed(),
        (resident() - before) / 1024
    );

    for (name, corpus) in [
        ("clean", include_str!("../corpus/clean.json")),
        ("faulty", include_str!("../corpus/planted.json")),
    ] {
        let letters: Vec<Letter> = serde_json::from_str(corpus)?;
        // Letters of the corpus, one after another, until there are 300 words.
        let mut texts = Vec::new();
        for i in 0..letters.len() {
            let mut text = String::new();
            for letter in letters.iter().cycle().skip(i) {
                text = format!("{text}\n\n{}", letter.body);
                if text.split_whitespace().count() >= 300 {
                    break;
                }
            }
            let words: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
            let kept = words.iter().scan(0, |count, word| {
                *count += usize::from(!word.trim().is_empty());
                (*count <= 300).then_some(*word)
            });
            texts.push((&letters[i].context, kept.collect::<String>()));
        }
        let mut times: Vec<Duration> = Vec::with_capacity(RUNS);
        for (context, text) in texts.iter().cycle().take(RUNS) {
            let written = Written {
                subject_line: Some("Thank you"),
                body: text,
            };
            let start = Instant::now();
            std::hint::black_box(review(context, written));
            times.push(start.elapsed());
        }
        times.sort_unstable();
        println!(
            "{name}, 300 words: median {:?}, p99 {:?}, slowest {:?}",
            times[RUNS / 2],
            times[RUNS * 99 / 100],
            times[RUNS - 1]
        );
    }
    println!("resident in the end: {} MiB", resident() / 1024);
    Ok(())
}
