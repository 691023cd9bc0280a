//! The one place where the service reads the time and makes random ids. Everything else is handed a moment or an id,
//! so that a test, a test tenant and a replay can stand at any moment they like.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the time and makes ids"
)]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp, Unit};
use uuid::Uuid;

/// What time it is; cheap to clone, and clones of a fixed clock move together.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Fixed(Arc<Mutex<Fixed>>),
}

#[derive(Debug)]
struct Fixed {
    now: Timestamp,
    ids: u128,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is advanced, and whose ids are the same in every run.
    pub fn fixed(now: Timestamp) -> Self {
        Self(Source::Fixed(Arc::new(Mutex::new(Fixed { now, ids: 0 }))))
    }

    /// Now, in whole microseconds: PostgreSQL keeps no more, and a moment must read back as it was written.
    pub fn now(&self) -> Timestamp {
        to_microseconds(match &self.0 {
            Source::System => Timestamp::now(),
            Source::Fixed(fixed) => locked(fixed).now,
        })
    }

    /// A new id whose order is that of time.
    pub fn uuid_v7(&self) -> Uuid {
        match &self.0 {
            Source::System => Uuid::now_v7(),
            Source::Fixed(fixed) => {
                let mut fixed = locked(fixed);
                fixed.ids += 1;
                // A moment before 1970 has no UUIDv7: such ids carry the first one.
                let millis = u64::try_from(fixed.now.as_millisecond()).unwrap_or_default();
                let mut random = [0; 10];
                random.copy_from_slice(&fixed.ids.to_be_bytes()[6..]);
                uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
            }
        }
    }

    /// Moves a fixed clock; the machine's goes by itself.
    pub fn advance(&self, by: SignedDuration) {
        if let Source::Fixed(fixed) = &self.0 {
            locked(fixed).now += by;
        }
    }
}

/// For measuring how long something takes: it never runs backwards and is nobody's date.
pub fn stopwatch() -> Instant {
    Instant::now()
}

/// The moment without what is smaller than a microsecond.
pub(super) fn to_microseconds(at: Timestamp) -> Timestamp {
    at.round(
        jiff::TimestampRound::new()
            .smallest(Unit::Microsecond)
            .mode(jiff::RoundMode::Floor),
    )
    .unwrap_or(at)
}

fn locked(fixed: &Mutex<Fixed>) -> std::sync::MutexGuard<'_, Fixed> {
    fixed.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn the_time_is_in_whole_microseconds() {
        assert_eq!(Clock::system().now().as_nanosecond() % 1000, 0);
        assert_eq!(
            Clock::fixed(at("2026-03-01T10:00:00.123456789Z")).now(),
            at("2026-03-01T10:00:00.123456Z")
        );
        assert_eq!(
            Clock::fixed(at("1969-03-01T10:00:00.123456789Z")).now(),
            at("1969-03-01T10:00:00.123456Z")
        );
    }

    #[test]
    fn a_fixed_clock_moves_only_when_told_and_its_clones_with_it() {
        let clock = Clock::fixed(at("2026-03-01T10:00:00Z"));
        let same = clock.clone();
        assert_eq!(clock.now(), clock.now());
        clock.advance(SignedDuration::from_hours(1));
        assert_eq!(same.now(), at("2026-03-01T11:00:00Z"));
    }

    #[test]
    fn ids_carry_the_time_and_rise() {
        for clock in [Clock::system(), Clock::fixed(at("2026-03-01T10:00:00Z"))] {
            let ids: Vec<Uuid> = (0..100).map(|_| clock.uuid_v7()).collect();
            assert!(ids.is_sorted());
            assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
            assert_eq!(ids[0].get_version_num(), 7);
        }
        let again = || Clock::fixed(at("2026-03-01T10:00:00Z")).uuid_v7();
        assert_eq!(again(), again());
    }
}
