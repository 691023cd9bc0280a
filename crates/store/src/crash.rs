//! Where a test lets the process die: between every two steps of the write path. A test arms the points by a file that holds
//! a number; the process that passes so many points aborts at the last of them, and leaves its name in the file. Points
//! are there in debug builds alone; in a release they are nothing.

/// A step of the write path is done, and the next has not begun.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    use std::sync::LazyLock;

    static ARMED_BY: LazyLock<Option<std::ffi::OsString>> = LazyLock::new(|| std::env::var_os("AFTERWORD_CRASH_FILE"));
    let Some(file) = &*ARMED_BY else { return };
    let left = std::fs::read_to_string(file)
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok());
    match left {
        None | Some(0) => {}
        Some(1) => {
            std::fs::write(file, name).ok();
            std::process::abort();
        }
        Some(left) => drop(std::fs::write(file, (left - 1).to_string())),
    }
}

/// A step of the write path is done, and the next has not begun.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) const fn point(_: &str) {}
