//! From the `Authorization` header to a `Caller`: one look-up, remembered for less than the second within which a
//! revoked key must stop working.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::api_key::ApiKey;
use super::clock::{Clock, stopwatch};
use super::problem::Problem;
use super::scopes::Caller;

/// Where keys are stored.
pub trait StoredKeys: Send + Sync {
    /// The key of this hash in this tenant, unless it is unknown or revoked.
    fn find(&self, tenant: i64, hash: [u8; 32]) -> BoxFuture<'_, Result<Option<StoredKey>, Problem>>;
}

/// A key as it is stored.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// Who asks with it.
    pub caller: Caller,
    /// From when on it is no longer valid.
    pub expires_at: Option<Timestamp>,
}

/// Tells callers by their keys. One per process, put into the app as `web::Data`.
pub struct Authenticator {
    stored: Arc<dyn StoredKeys>,
    clock: Clock,
    known: Mutex<Known>,
    lifetime: Duration,
    strangers: Semaphore,
}

#[derive(Default)]
struct Known {
    keys: HashMap<[u8; 32], Remembered>,
    /// When something may have become of any key.
    changed: Option<Instant>,
}

struct Remembered {
    key: StoredKey,
    looked_up: Instant,
    /// When something may have become of it.
    changed: Option<Instant>,
    /// Where those wait who would look it up while somebody does.
    line: Line,
}

type Line = Arc<tokio::sync::Mutex<()>>;

impl Remembered {
    fn counts(&self, lifetime: Duration) -> bool {
        self.looked_up.elapsed() < lifetime && self.changed.is_none_or(|at| at < self.looked_up)
    }
}

/// What is known of a key without asking the store.
enum Recalled {
    Counts(StoredKey),
    /// It counted once.
    Seen(Line),
    Never,
}

/// So many keys that were not seen before are looked up at once, and so long the next one waits: whoever makes keys up
/// holds up nobody who has one.
const STRANGERS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(2);
/// So long whoever has a known key waits for somebody else's look-up of it, before it makes its own.
const IN_LINE: Duration = Duration::from_millis(250);
/// More keys than this in one second are looked up each time.
const REMEMBERED: usize = 10_000;

impl Authenticator {
    /// Keys expire by this clock: the wall's, never a tenant's.
    pub fn new(stored: Arc<dyn StoredKeys>, clock: Clock) -> Self {
        Self {
            stored,
            clock,
            known: Mutex::default(),
            lifetime: Duration::from_millis(900),
            strangers: Semaphore::new(STRANGERS),
        }
    }

    /// Who asks, or `401`.
    pub async fn caller(&self, authorization: Option<&[u8]>) -> Result<Caller, Problem> {
        self.told(authorization, false).await
    }

    /// The same, of one who was let in before: what became of his key does not wait for strangers, who may be his.
    pub async fn again(&self, authorization: Option<&[u8]>) -> Result<Caller, Problem> {
        self.told(authorization, true).await
    }

    async fn told(&self, authorization: Option<&[u8]>, again: bool) -> Result<Caller, Problem> {
        let text = bearer(authorization).ok_or_else(Problem::unauthenticated)?;
        let key =
            ApiKey::parse(text).map_err(|fault| Problem::unauthenticated().at("Authorization", fault.to_string()))?;
        let hash = key.hash();
        let known = match self.recall(&hash) {
            Recalled::Counts(known) => known,
            // A hundred requests that come at once are let in by one look-up; where it takes long, each makes its own.
            Recalled::Seen(line) => {
                let _one = timeout(IN_LINE, line.lock()).await.ok();
                self.recalled_or_found(&key, hash).await?
            }
            Recalled::Never if again => self.recalled_or_found(&key, hash).await?,
            Recalled::Never => {
                let _place = self.strangers_place().await?;
                self.recalled_or_found(&key, hash).await?
            }
        };
        match known.expires_at {
            Some(end) if end <= self.clock.now() => Err(Problem::unauthenticated()),
            _ => Ok(known.caller),
        }
    }

    /// Whoever waited may find that the look-up is made.
    async fn recalled_or_found(&self, key: &ApiKey, hash: [u8; 32]) -> Result<StoredKey, Problem> {
        if let Recalled::Counts(known) = self.recall(&hash) {
            return Ok(known);
        }
        // The moment before the look-up counts: a key revoked during it must not be remembered for longer.
        let looked_up = stopwatch();
        let Some(mut found) = self.stored.find(key.tenant(), hash).await? else {
            self.known().keys.remove(&hash);
            return Err(Problem::unauthenticated());
        };
        found.caller.test = key.is_test();
        self.remember(hash, &found, looked_up);
        Ok(found)
    }

    async fn strangers_place(&self) -> Result<SemaphorePermit<'_>, Problem> {
        match timeout(PATIENCE, self.strangers.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Problem::overloaded(2)),
        }
    }

    /// Has a tenant's keys looked up anew, so that a revocation counts at once on this instance, during a look-up too. They
    /// stay known: whoever makes keys up meanwhile does not hold them up.
    pub fn look_again(&self, tenant: i64) {
        let (now, mut known) = (Some(stopwatch()), self.known());
        known.changed = now;
        let keys = known.keys.values_mut();
        keys.filter(|it| it.key.caller.tenant == tenant)
            .for_each(|it| it.changed = now);
    }

    fn recall(&self, hash: &[u8; 32]) -> Recalled {
        match self.known().keys.get(hash) {
            Some(known) if known.counts(self.lifetime) => Recalled::Counts(known.key.clone()),
            Some(known) => Recalled::Seen(Arc::clone(&known.line)),
            None => Recalled::Never,
        }
    }

    /// Unknown keys are not remembered: they would be as many as an attacker likes, and a new key must work at once.
    fn remember(&self, hash: [u8; 32], key: &StoredKey, looked_up: Instant) {
        let mut known = self.known();
        let before = known.keys.remove(&hash);
        if known.keys.len() >= REMEMBERED {
            known.keys.retain(|_, it| it.looked_up.elapsed() < self.lifetime);
        }
        if known.keys.len() >= REMEMBERED {
            return;
        }
        let (changed, line) = match before {
            Some(before) => (before.changed, before.line),
            None => (known.changed, Line::default()),
        };
        let key = key.clone();
        known.keys.insert(
            hash,
            Remembered {
                key,
                looked_up,
                changed,
                line,
            },
        );
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bearer(authorization: Option<&[u8]>) -> Option<&str> {
    let (scheme, key) = std::str::from_utf8(authorization?).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use futures_util::stream::FuturesUnordered;
    use futures_util::{FutureExt, StreamExt};

    use super::*;
    use crate::edge::problem::Code;
    use crate::edge::scopes::{Bound, Scope};
    use uuid::Uuid;

    /// One key in memory, and how often it was looked up.
    #[derive(Default)]
    pub(crate) struct InMemory {
        pub(crate) key: Mutex<Option<([u8; 32], StoredKey)>>,
        look_ups: AtomicUsize,
    }

    impl StoredKeys for InMemory {
        fn find(&self, tenant: i64, hash: [u8; 32]) -> BoxFuture<'_, Result<Option<StoredKey>, Problem>> {
            self.look_ups.fetch_add(1, Ordering::Relaxed);
            let key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
            let found = key
                .as_ref()
                .filter(|(stored, key)| *stored == hash && key.caller.tenant == tenant);
            let found = found.map(|(_, key)| key.clone());
            async move {
                tokio::task::yield_now().await;
                Ok(found)
            }
            .boxed()
        }
    }

    impl InMemory {
        pub(crate) fn with_key(expires_at: Option<Timestamp>) -> (Arc<Self>, String) {
            let key = ApiKey::generate(5, false).expect("a key");
            let caller = Caller {
                tenant: 5,
                test: false,
                key_id: Uuid::from_u128(9),
                scopes: [Scope::CandidatesRead].into_iter().collect(),
                bound: Bound::Everything,
            };
            let stored = Self::default();
            *stored.key.lock().expect("no panic") = Some((key.hash(), StoredKey { caller, expires_at }));
            (Arc::new(stored), format!("Bearer {}", key.expose()))
        }
    }

    #[actix_web::test]
    async fn a_key_is_looked_up_once_and_remembered_for_less_than_a_second() {
        let (stored, header) = InMemory::with_key(None);
        let mut keys = Authenticator::new(stored.clone(), Clock::system());
        assert!(keys.lifetime < Duration::from_secs(1));
        keys.lifetime = Duration::from_millis(50);
        for _ in 0..3 {
            assert_eq!(keys.caller(Some(header.as_bytes())).await.expect("a caller").tenant, 5);
        }
        assert_eq!(stored.look_ups.load(Ordering::Relaxed), 1);
        *stored.key.lock().expect("no panic") = None;
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(keys.caller(Some(header.as_bytes())).await.is_err());
    }

    #[actix_web::test]
    async fn a_tenants_keys_are_looked_up_again_when_one_of_them_changes() {
        let (stored, header) = InMemory::with_key(None);
        let keys = Authenticator::new(stored.clone(), Clock::system());
        assert!(keys.caller(Some(header.as_bytes())).await.is_ok());
        *stored.key.lock().expect("no panic") = None;
        assert!(keys.caller(Some(header.as_bytes())).await.is_ok());
        keys.look_again(6);
        assert!(
            keys.caller(Some(header.as_bytes())).await.is_ok(),
            "another tenant's keys"
        );
        keys.look_again(5);
        assert!(keys.caller(Some(header.as_bytes())).await.is_err());
    }

    #[actix_web::test]
    async fn a_key_expires_while_it_is_remembered() {
        let now: Timestamp = "2026-03-01T10:00:00Z".parse().expect("a moment");
        let clock = Clock::fixed(now);
        let (stored, header) = InMemory::with_key(Some(now + jiff::SignedDuration::from_secs(1)));
        let keys = Authenticator::new(stored, clock.clone());
        assert!(keys.caller(Some(header.as_bytes())).await.is_ok());
        clock.advance(jiff::SignedDuration::from_secs(1));
        assert!(keys.caller(Some(header.as_bytes())).await.is_err());
    }

    #[actix_web::test]
    async fn what_is_no_key_is_refused_without_a_look_up() {
        let (stored, header) = InMemory::with_key(None);
        let keys = Authenticator::new(stored.clone(), Clock::system());
        let mistyped = format!("{}x", &header[..header.len() - 1]);
        for wrong in [
            None,
            Some(""),
            Some("Basic abc"),
            Some("Bearer"),
            Some("Bearer aw_live_abc"),
            Some(&mistyped),
        ] {
            // One key in 62 ends in an x anyway.
            if wrong != Some(header.as_str()) {
                assert!(
                    keys.caller(wrong.map(str::as_bytes))
                        .await
                        .is_err_and(|problem| problem.code() == Code::Unauthenticated)
                );
            }
        }
        assert_eq!(stored.look_ups.load(Ordering::Relaxed), 0);
        let unknown = format!("bearer {}", ApiKey::generate(5, false).expect("a key").expose());
        assert!(keys.caller(Some(unknown.as_bytes())).await.is_err());
        assert_eq!(stored.look_ups.load(Ordering::Relaxed), 1);
    }

    /// Knows one key, and says nothing about any other.
    struct Silent(Arc<InMemory>, [u8; 32]);

    impl StoredKeys for Silent {
        fn find(&self, tenant: i64, hash: [u8; 32]) -> BoxFuture<'_, Result<Option<StoredKey>, Problem>> {
            if hash == self.1 {
                return self.0.find(tenant, hash);
            }
            std::future::pending().boxed()
        }
    }

    #[actix_web::test]
    async fn requests_that_come_at_once_with_one_key_look_it_up_once() {
        let (stored, header) = InMemory::with_key(None);
        let keys = Authenticator::new(stored.clone(), Clock::system());
        assert!(keys.caller(Some(header.as_bytes())).await.is_ok());
        keys.look_again(5);
        let callers = join_all((0..100).map(|_| keys.caller(Some(header.as_bytes())))).await;
        assert!(callers.iter().all(Result::is_ok));
        assert_eq!(stored.look_ups.load(Ordering::Relaxed), 2);
    }

    #[actix_web::test]
    async fn who_waits_for_anothers_look_up_makes_its_own_before_long() {
        let (stored, header) = InMemory::with_key(None);
        let keys = Authenticator::new(stored, Clock::system());
        assert!(keys.caller(Some(header.as_bytes())).await.is_ok());
        keys.look_again(5);
        let line = keys.known().keys.values().next().expect("the key").line.clone();
        let _one_that_hangs = line.lock().await;
        assert!(keys.caller(Some(header.as_bytes())).await.is_ok());
    }

    #[actix_web::test]
    async fn a_key_that_is_revoked_while_it_is_looked_up_counts_no_more() {
        for seen_before in [true, false] {
            let (stored, header) = InMemory::with_key(None);
            let keys = Authenticator::new(stored.clone(), Clock::system());
            if seen_before {
                assert!(keys.caller(Some(header.as_bytes())).await.is_ok());
                keys.look_again(5);
            }
            let revoked = async {
                *stored.key.lock().expect("no panic") = None;
                keys.look_again(5);
            };
            let (begun_before, ()) = tokio::join!(keys.caller(Some(header.as_bytes())), revoked);
            assert!(begun_before.is_ok());
            assert!(keys.caller(Some(header.as_bytes())).await.is_err());
        }
    }

    #[actix_web::test]
    async fn keys_that_somebody_makes_up_hold_nobody_up_who_has_one() {
        let (stored, header) = InMemory::with_key(None);
        let hash = stored.key.lock().expect("no panic").as_ref().expect("a key").0;
        let mut keys = Authenticator::new(Arc::new(Silent(stored, hash)), Clock::system());
        keys.lifetime = Duration::ZERO;
        assert!(keys.caller(Some(header.as_bytes())).await.is_ok());
        let made_up: Vec<String> = (0..=STRANGERS)
            .map(|_| format!("Bearer {}", ApiKey::generate(5, false).expect("a key").expose()))
            .collect();
        let mut strangers: FuturesUnordered<_> = made_up
            .iter()
            .map(|header| keys.caller(Some(header.as_bytes())))
            .collect();
        let told = strangers.next().await.expect("one of them");
        assert!(
            told.is_err_and(|problem| problem.code() == Code::Overloaded),
            "it waits in vain"
        );
        // Looked up anew, while the places of strangers are all taken.
        assert!(keys.caller(Some(header.as_bytes())).await.is_ok());
        // And so is a key that nobody remembers any more, of a request that it has let in.
        keys.known().keys.clear();
        assert!(keys.again(Some(header.as_bytes())).await.is_ok());
    }
}
