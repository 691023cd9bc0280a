//! When a delivery is tried again, when it is given up, and when a webhook is disabled: rules over moments, with no clock.
//!
//! The pauses are those that Standard Webhooks recommends (5 seconds to 24 hours, 75 hours and a half in all), each up to a
//! tenth longer, so that what failed together does not come back together.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// The pauses between attempts.
const PAUSES: [SignedDuration; 9] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(14),
    SignedDuration::from_hours(20),
    SignedDuration::from_hours(24),
];
/// Who fails for so long is disabled.
pub const FAILING: SignedDuration = SignedDuration::from_hours(5 * 24);
/// A receiver may ask for so long a pause at most.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// When a delivery that has failed so many times is tried again; none: it is given up. `jitter` is between 0 and 1.
pub fn again(attempts: i64, now: Timestamp, retry_after: Option<SignedDuration>, jitter: f64) -> Option<Timestamp> {
    let nth = usize::try_from(attempts - 1).ok()?;
    let pause = *PAUSES.get(nth)?;
    let longer = SignedDuration::try_from_secs_f64(pause.as_secs_f64() * jitter.clamp(0.0, 1.0) / 10.0);
    let pause = pause + longer.unwrap_or_default();
    let asked = retry_after.unwrap_or_default().min(LONGEST);
    now.checked_add(pause.max(asked)).ok()
}

/// Until when a receiver that is overloaded is to be left alone altogether.
pub fn quiet(now: Timestamp, retry_after: SignedDuration) -> Timestamp {
    now.checked_add(retry_after.min(LONGEST)).unwrap_or(now)
}

/// Whether a webhook that has failed since a moment is to be disabled.
pub fn is_hopeless(failing_since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(failing_since) >= FAILING
}

/// What `Retry-After` asks for (RFC 9110, 10.2.3): seconds or a date.
pub fn retry_after(value: &str, now: Timestamp) -> Option<SignedDuration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(SignedDuration::from_secs(seconds.into()));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(date.duration_since(now).max(SignedDuration::ZERO))
}

/// A number between 0 and 1 that follows from a seed, a fact and how often it was tried.
pub fn jitter(seed: Uuid, event: Uuid, attempts: i64) -> f64 {
    let mixed = Uuid::new_v5(&seed, &[&event.as_bytes()[..], &attempts.to_be_bytes()].concat());
    let (high, _) = mixed.as_u64_pair();
    f64::from(u32::try_from(high >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2026-03-02T12:00:00Z".parse().expect("a moment")
    }

    /// All moments at which a delivery is tried that always fails.
    fn tried(jitter: f64, retry_after: Option<SignedDuration>) -> Vec<Timestamp> {
        let mut moments = vec![noon()];
        while let Some(next) = again(
            i64::try_from(moments.len()).expect("few"),
            moments[moments.len() - 1],
            retry_after,
            jitter,
        ) {
            moments.push(next);
        }
        moments
    }

    #[test]
    fn a_delivery_is_tried_for_75_hours_and_then_given_up() {
        let moments = tried(0.0, None);
        assert_eq!(moments.len(), 10);
        let hours = moments[9].duration_since(noon()).as_secs_f64() / 3600.0;
        assert!((75.0..76.0).contains(&hours), "{hours}");
        let latest = tried(1.0, None)[9].duration_since(noon()).as_secs_f64() / 3600.0;
        assert!(latest < 84.0, "{latest}");
        let pauses: Vec<_> = moments.windows(2).map(|two| two[1].duration_since(two[0])).collect();
        assert!(pauses.is_sorted(), "each pause is longer");
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_and_not_for_a_shorter_or_an_endless_one() {
        let asked = |seconds| {
            let next = again(1, noon(), Some(SignedDuration::from_secs(seconds)), 0.0);
            next.expect("again").duration_since(noon()).as_secs()
        };
        assert_eq!((asked(0), asked(120), asked(864_000)), (5, 120, 86_400));
        assert_eq!(
            tried(0.0, Some(SignedDuration::from_hours(1))).len(),
            10,
            "it is given up all the same"
        );
        assert_eq!(
            quiet(noon(), SignedDuration::from_hours(99)).duration_since(noon()),
            LONGEST
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let read = |value| retry_after(value, noon()).map(|it| it.as_secs());
        assert_eq!(read("120"), Some(120));
        assert_eq!(read(" 0 "), Some(0));
        assert_eq!(read("Mon, 02 Mar 2026 12:01:30 GMT"), Some(90));
        assert_eq!(read("Mon, 02 Mar 2026 11:00:00 GMT"), Some(0), "a date that is past");
        for wrong in ["", "-5", "1.5", "soon", "99999999999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn five_failing_days_are_enough() {
        let days = |days: i64| noon() + SignedDuration::from_hours(24 * days);
        assert!(!is_hopeless(noon(), days(4)));
        assert!(is_hopeless(noon(), days(5)));
    }

    #[test]
    fn jitter_is_spread_and_the_same_for_the_same() {
        let seed = Uuid::from_u128(1);
        let some: Vec<f64> = (0..100).map(|nth| jitter(seed, Uuid::from_u128(nth), 1)).collect();
        assert!(some.iter().all(|it| (0.0..=1.0).contains(it)));
        assert!(some.iter().any(|it| *it < 0.2) && some.iter().any(|it| *it > 0.8));
        assert_eq!(some[3], jitter(seed, Uuid::from_u128(3), 1));
        assert_ne!(some[3], jitter(seed, Uuid::from_u128(3), 2));
    }
}
