//! Rounds, ratios and the table. Within a round everything is measured once, each round in another order.

use std::{collections::BTreeMap, time::Duration};

use crate::Failure;

/// What one measurement found.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub struct Sample {
    /// So many a second.
    pub rate: f64,
    /// Half of them took at most so many microseconds.
    pub p50: f64,
    /// 99 of 100 took at most so many.
    pub p99: f64,
}

impl Sample {
    /// From what each one took, over so many seconds.
    pub fn of(mut took: Vec<u64>, over: Duration) -> Self {
        took.sort_unstable();
        let at = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or(0) as f64;
        Self {
            rate: took.len() as f64 / over.as_secs_f64(),
            p50: at(50),
            p99: at(99),
        }
    }
}

/// What was measured, round by round.
#[derive(Default)]
pub struct Rounds(BTreeMap<&'static str, Vec<Sample>>);

/// A promise: this over that, at least or at most so much.
pub struct Promise {
    pub of: &'static str,
    pub to: &'static str,
    pub bound: Bound,
}

#[derive(Clone, Copy)]
pub enum Bound {
    /// Its rate is at least so many times the other's.
    RateAtLeast(f64),
    /// Its slowest hundredth takes at most so many times as long as the other's.
    P99AtMost(f64),
    /// No promise: to be seen.
    Shown,
}

impl Rounds {
    /// Keeps a sample, and tells the one who watches.
    pub fn add(&mut self, round: usize, what: &'static str, sample: Sample) {
        eprintln!(
            "round {}: {what}: {:.0}/s, p50 {}, p99 {}",
            round + 1,
            sample.rate,
            millis(sample.p50),
            millis(sample.p99)
        );
        self.0.entry(what).or_default().push(sample);
    }

    fn median_of(&self, what: &str, value: impl Fn(&Sample) -> f64) -> f64 {
        median(self.0.get(what).into_iter().flatten().map(value).collect())
    }

    fn ratio(&self, of: &str, to: &str, value: impl Fn(&Sample) -> f64) -> f64 {
        let pairs = self
            .0
            .get(of)
            .into_iter()
            .flatten()
            .zip(self.0.get(to).into_iter().flatten());
        median(pairs.map(|(of, to)| value(of) / value(to)).collect())
    }

    /// The table, and what became of the promises.
    pub fn print(&self, title: &str, order: &[&'static str], promises: &[Promise]) {
        println!("### {title}\n\n| | per second | p50 | p99 |\n|---|--:|--:|--:|");
        for what in order.iter().filter(|what| self.0.contains_key(**what)) {
            let of = |value: fn(&Sample) -> f64| self.median_of(what, value);
            println!(
                "| {what} | {:.0} | {} | {} |",
                of(|it| it.rate),
                millis(of(|it| it.p50)),
                millis(of(|it| it.p99))
            );
        }
        println!("\n| ratio, median of the rounds | measured | wanted |\n|---|--:|--:|");
        for Promise { of, to, bound } in promises {
            let (what, ratio, wanted) = match bound {
                Bound::RateAtLeast(least) => {
                    let ratio = self.ratio(of, to, |it| it.rate);
                    (
                        "",
                        ratio,
                        format!("≥ {least}{}", if ratio >= *least { "" } else { ": falls short" }),
                    )
                }
                Bound::P99AtMost(most) => {
                    let ratio = self.ratio(of, to, |it| it.p99);
                    (
                        "p99 of ",
                        ratio,
                        format!("≤ {most}{}", if ratio <= *most { "" } else { ": falls short" }),
                    )
                }
                Bound::Shown => ("", self.ratio(of, to, |it| it.rate), String::new()),
            };
            println!("| {what}{of} / {to} | {ratio:.2} | {wanted} |");
        }
        println!();
    }
}

/// In which order a round measures: each begins one further on.
pub fn rotated<T: Clone>(all: &[T], round: usize) -> Vec<T> {
    let mut all = all.to_vec();
    let by = round % all.len().max(1);
    all.rotate_left(by);
    all
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

fn millis(micros: f64) -> String {
    format!("{:.1} ms", micros / 1e3)
}

/// Runs a program to its end and gives what it printed.
pub async fn output(command: &mut std::process::Command) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut command = tokio::process::Command::from(std::mem::replace(command, std::process::Command::new("true")));
    let output = command
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr)).into())
    }
}
