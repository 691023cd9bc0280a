//! Long work gives way. The system stops a thread that computes only every few milliseconds; whoever folds a long history
//! beside threads that answer others lets them go first oftener than that. What comes out is the same.

use std::cell::Cell;

/// So many steps are about a third of a millisecond. Each time costs a place in the system's order: much oftener, and where
/// somebody else keeps the processor busy long work would hardly get on.
const STEPS: u32 = 512;

thread_local! {
    /// Steps until this thread gives way; none where it does not.
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// From now on this thread gives way to others, every so many steps of its work.
pub fn begin() {
    LEFT.set(Some(STEPS));
}

/// One step of work that is as long as a history: a fact folded, a task derived, a line looked at.
pub(crate) fn step() {
    if is_due() {
        std::thread::yield_now();
    }
}

fn is_due() -> bool {
    let left = LEFT.get().map(|left| left.checked_sub(1).unwrap_or(STEPS - 1));
    LEFT.set(left);
    left == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_thread_that_said_so_gives_way_every_so_many_steps() {
        let given = |steps: u32| (0..steps).filter(|_| is_due()).count();
        assert_eq!(given(10 * STEPS), 0);
        begin();
        assert_eq!(given(STEPS - 1), 0);
        assert_eq!(given(1), 1);
        assert_eq!(given(3 * STEPS), 3);
        assert_eq!(std::thread::spawn(move || given(10 * STEPS)).join().expect("joined"), 0);
    }
}
