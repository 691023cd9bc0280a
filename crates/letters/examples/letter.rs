//! Writes a text as a letter, `letter.txt`, `letter.html` and `letter.pdf` in the folder where it runs, and tells what
//! that costs: `cargo run --release -p afterword-letters --example letter -- FILE [LOCALE]`.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::{
    fs,
    time::{Duration, Instant},
};

use afterword_letters::render::{Layout, Paper, Paragraph, Recipients};
use jiff::civil::date;

const RUNS: usize = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let text = fs::read_to_string(arguments.next().ok_or("name a file")?)?;
    let locale = arguments.next().unwrap_or_else(|| "en-GB".to_owned());
    let lines = |lines: &[&str]| lines.iter().map(ToString::to_string).collect();
    let paragraphs = text.split("\n\n").map(|paragraph| Paragraph {
        lines: paragraph.trim().lines().map(ToOwned::to_owned).collect(),
    });
    let letter = Layout {
        paper: Paper::of_locale(Some(&locale)),
        language: locale,
        sender: lines(&[
            "Ada Lovelace",
            "12 St James’s Square",
            "London",
            "SW1Y 4JH",
            "ada@lovelace.example",
        ]),
        date: date(2026, 3, 2),
        dated: "2 March 2026".to_owned(),
        recipients: vec![Recipients {
            places: vec![0],
            lines: lines(&[
                "Anna Berg",
                "Head of Data",
                "Acme GmbH",
                "Torstraße 1",
                "10119 Berlin",
                "GERMANY",
            ]),
        }],
        subject_line: Some("Thank you for the conversation on Monday".to_owned()),
        paragraphs: paragraphs.filter(|it| !it.lines.is_empty()).collect(),
        signature: lines(&["Ada Lovelace"]),
    };
    let start = Instant::now();
    let pdf = letter.to_pdf().map_err(|why| format!("{why:?}"))?;
    println!(
        "the first PDF, with reading the font: {:?}, {} bytes",
        start.elapsed(),
        pdf.len()
    );
    let page = letter.to_html().html;
    println!("the page: {} bytes", page.len());
    fs::write("letter.pdf", pdf)?;
    fs::write("letter.html", page)?;
    fs::write("letter.txt", letter.to_text())?;
    let mut times: Vec<Duration> = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        std::hint::black_box(&letter.to_pdf().is_ok());
        times.push(start.elapsed());
    }
    times.sort_unstable();
    println!(
        "a PDF: median {:?}, p99 {:?}, slowest {:?}",
        times[RUNS / 2],
        times[RUNS * 99 / 100],
        times[RUNS - 1]
    );
    Ok(())
}
