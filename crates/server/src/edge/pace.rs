//! How slowly a body may arrive: with no longer pause than some seconds, and all of it not much slower than a bad line
//! is. What the service itself takes between two parts is not held against the client.

use std::time::Duration;

use actix_web::web;
use afterword_store::after_others;
use bytes::Bytes;
use futures_util::StreamExt;

use super::{
    clock::stopwatch,
    problem::{Code, Problem},
};

/// The longest pause.
const PAUSE: Duration = Duration::from_secs(15);
/// So long any body may take,
const AT_LEAST: Duration = Duration::from_secs(30);
/// and a second more for so many bytes.
const A_SECOND: u64 = 32 << 10;

/// A body on its way.
pub struct Pace {
    payload: web::Payload,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// Nothing has arrived yet.
    pub fn of(payload: web::Payload) -> Self {
        Self {
            payload,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// The next part; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let patience = patience(self.bytes, self.waited);
        let began = stopwatch();
        let part = tokio::time::timeout(patience, self.payload.next()).await;
        self.waited += began.elapsed();
        match part {
            Err(_) if patience < PAUSE => Err(Problem::new(Code::Timeout, "The body arrives too slowly.")),
            Err(_) => Err(Problem::new(
                Code::Timeout,
                format!("The next part of the body did not arrive within {} s.", PAUSE.as_secs()),
            )),
            Ok(None) => Ok(None),
            Ok(Some(Err(_))) => Err(Problem::malformed("The body broke off.")),
            Ok(Some(Ok(part))) => {
                self.bytes += part.len() as u64;
                after_others().await;
                Ok(Some(part))
            }
        }
    }
}

/// How long the next part may take, after so many bytes in so long a time.
fn patience(bytes: u64, waited: Duration) -> Duration {
    PAUSE.min(of_so_many(bytes).saturating_sub(waited))
}

/// How long so many bytes may be on their way, in either direction.
pub fn of_so_many(bytes: u64) -> Duration {
    AT_LEAST + Duration::from_secs(bytes / A_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_short_and_the_whole_not_much_slower_than_a_bad_line() {
        let seconds = Duration::from_secs;
        assert_eq!(patience(0, seconds(0)), PAUSE);
        assert_eq!(patience(0, seconds(20)), seconds(10));
        assert_eq!(patience(100, seconds(30)), seconds(0), "byte by byte for ever");
        assert_eq!(patience(1 << 20, seconds(50)), seconds(12));
        assert_eq!(patience(64 << 20, seconds(1000)), PAUSE);
    }
}
