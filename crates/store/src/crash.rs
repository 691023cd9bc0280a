//! Where a test lets the process die: between every two steps of the write path. A test arms the points by a file that holds
//! a number; the process that passes so many points aborts at the last of them, and leaves its name in the file. Points
//! are there in debug builds alone; in a release they are nothing.
//!
//! A test that plays several instances in one process has other things go wrong (`Fault`), by the thread on which it drives
//! each of them. Those are there with the feature `testing` alone.

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

/// What may go wrong with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It waits before it is tried.
    Held,
    /// The database never hears of its COMMIT, and nobody knows that.
    Lost,
    /// Its COMMIT is carried out, and the answer to it is lost.
    Unanswered,
    /// It is in, and it takes long until anybody hears so.
    Late,
}

/// Waits where a test holds the batch.
#[cfg(feature = "testing")]
pub(crate) async fn held(fault: Fault) {
    if let Some(faults) = faults::here(fault) {
        faults.hold().await;
    }
}

/// Fails as a connection does that is gone, where a test wants it.
#[cfg(feature = "testing")]
pub(crate) fn lost(fault: Fault) -> Result<(), sqlx::Error> {
    faults::here(fault).map_or(Ok(()), |_| Err(sqlx::Error::WorkerCrashed))
}

#[cfg(not(feature = "testing"))]
#[inline(always)]
pub(crate) fn held(_: Fault) -> std::future::Ready<()> {
    std::future::ready(())
}

#[cfg(not(feature = "testing"))]
#[inline(always)]
pub(crate) const fn lost(_: Fault) -> Result<(), sqlx::Error> {
    Ok(())
}

#[cfg(feature = "testing")]
pub use faults::Faults;

#[cfg(feature = "testing")]
mod faults {
    use super::Fault;
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex, PoisonError};
    use tokio::sync::Notify;

    thread_local! {
        static HERE: RefCell<Option<Arc<Faults>>> = const { RefCell::new(None) };
    }

    /// What goes wrong with the next batches of an instance, one after another.
    #[derive(Debug, Default)]
    pub struct Faults {
        next: Mutex<VecDeque<Fault>>,
        met: Mutex<Vec<Fault>>,
        holds: Notify,
        goes_on: Notify,
    }

    impl Faults {
        /// From now on they are met by what this thread does; none: all is well.
        pub fn of_this_thread(faults: Option<Arc<Self>>) {
            HERE.set(faults);
        }

        /// What is to go wrong next.
        pub fn are(&self, next: impl IntoIterator<Item = Fault>) {
            let mut all = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            *all = next.into_iter().collect();
        }

        /// What has gone wrong since this was last asked.
        pub fn met(&self) -> Vec<Fault> {
            std::mem::take(&mut *self.met.lock().unwrap_or_else(PoisonError::into_inner))
        }

        /// Waits until a batch is held.
        pub async fn hold_one(&self) {
            self.holds.notified().await;
        }

        /// Lets the batch that is held go on.
        pub fn let_go(&self) {
            self.goes_on.notify_one();
        }

        pub(super) async fn hold(&self) {
            self.holds.notify_one();
            self.goes_on.notified().await;
        }
    }

    /// The faults of this thread, where this is the next of them.
    pub(super) fn here(fault: Fault) -> Option<Arc<Faults>> {
        HERE.with_borrow(|faults| {
            let faults = faults.as_ref()?;
            let mut next = faults.next.lock().unwrap_or_else(PoisonError::into_inner);
            if next.front() != Some(&fault) {
                return None;
            }
            next.pop_front();
            let mut met = faults.met.lock().unwrap_or_else(PoisonError::into_inner);
            met.push(fault);
            Some(Arc::clone(faults))
        })
    }
}
