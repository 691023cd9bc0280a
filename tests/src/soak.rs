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
