//! How many requests a key may make, when the operator says so. A key may use its whole allowance at once; it then
//! fills again evenly (GCRA). The headers are those of draft-ietf-httpapi-ratelimit-headers.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use actix_web::http::header::HeaderValue;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use uuid::Uuid;

/// So many requests in a second, a minute or an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    requests: NonZeroU32,
    seconds: u32,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate limit; write it as 10/s, 600/min or 5000/h");
        let (requests, unit) = text.trim().split_once('/').ok_or_else(wrong)?;
        let seconds = match unit.trim() {
            "s" => 1,
            "min" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        let requests = requests.trim().parse().map_err(|_| wrong())?;
        Ok(Self { requests, seconds })
    }
}

/// What every key has left. Entries stay for as long as the process: there are no more of them than valid keys.
pub struct RateLimits {
    rate: Rate,
    limiter: RateLimiter<Uuid, DefaultKeyedStateStore<Uuid>, DefaultClock, StateInformationMiddleware>,
}

/// What an answer says about it: the values of `RateLimit-Policy` and `RateLimit`.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// `RateLimit-Policy`
    pub policy: HeaderValue,
    /// `RateLimit`
    pub left: HeaderValue,
}

impl RateLimits {
    /// The same rate for every key.
    pub fn new(rate: Rate) -> Self {
        let each = Duration::from_secs(rate.seconds.into()) / rate.requests.get();
        // A period of zero would need more than a billion requests a second; then one in a nanosecond is as good.
        let quota = Quota::with_period(each)
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX))
            .allow_burst(rate.requests);
        Self {
            rate,
            limiter: RateLimiter::keyed(quota).with_middleware(),
        }
    }

    /// Takes one request from the key's allowance; the seconds to wait where nothing was left.
    pub fn take(&self, key: Uuid) -> (Allowance, Option<u32>) {
        match self.limiter.check_key(&key) {
            Ok(left) => (self.allowance(left.remaining_burst_capacity()), None),
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                (
                    self.allowance(0),
                    Some(u32::try_from(seconds).unwrap_or(u32::MAX).max(1)),
                )
            }
        }
    }

    fn allowance(&self, left: u32) -> Allowance {
        let Rate { requests, seconds } = self.rate;
        let used = u64::from(requests.get().saturating_sub(left));
        let full_in = (used * u64::from(seconds)).div_ceil(u64::from(requests.get()));
        let value = |text: String| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        Allowance {
            policy: value(format!("\"default\";q={requests};w={seconds}")),
            left: value(format!("\"default\";r={left};t={full_in}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_in_a_unit_of_time() {
        assert_eq!(
            "600/min".parse(),
            Ok(Rate {
                requests: NonZeroU32::new(600).expect("not zero"),
                seconds: 60
            })
        );
        assert!("10/s".parse::<Rate>().is_ok() && " 5000 / h ".parse::<Rate>().is_ok());
        for wrong in ["", "600", "0/s", "-1/s", "10/day", "ten/s", "1.5/s"] {
            assert!(
                wrong.parse::<Rate>().is_err_and(|said| said.contains("600/min")),
                "{wrong}"
            );
        }
        // The highest rate that can be written is still one.
        assert!(
            RateLimits::new("4294967295/s".parse().expect("a rate"))
                .take(Uuid::nil())
                .1
                .is_none()
        );
    }

    #[test]
    fn each_key_has_its_own_allowance_and_is_told_what_is_left() {
        let limits = RateLimits::new("3/h".parse().expect("a rate"));
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let said: Vec<_> = (0..3)
            .map(|_| limits.take(one))
            .map(|(said, wait)| (said.left, wait))
            .collect();
        assert_eq!(said[0], (HeaderValue::from_static("\"default\";r=2;t=1200"), None));
        assert_eq!(said[2], (HeaderValue::from_static("\"default\";r=0;t=3600"), None));
        let (said, wait) = limits.take(one);
        assert_eq!(said.policy, "\"default\";q=3;w=3600");
        assert!(wait.is_some_and(|seconds| (1190..=1200).contains(&seconds)), "{wait:?}");
        assert!(limits.take(other).1.is_none());
    }
}
