//! How long the long tests are. `just soak` sets `AFTERWORD_SOAK` and runs them for hours; each has a short form that every
//! run of the tests takes. Figures of long runs are in `docs/reliability.md`.

/// How many rounds to go: the first number in every test run, the second in a long one.
pub fn rounds(short: u64, long: u64) -> u64 {
    if std::env::var_os("AFTERWORD_SOAK").is_some() {
        long
    } else {
        short
    }
}

/// The seeds to go through: so many from 0 on, or what `AFTERWORD_SEED` says, such as `7` or `0..500`.
pub fn seeds(short: u64, long: u64) -> std::ops::Range<u64> {
    let Ok(asked) = std::env::var("AFTERWORD_SEED") else {
        return 0..rounds(short, long);
    };
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match asked.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(&asked)..number(&asked) + 1,
    }
}
