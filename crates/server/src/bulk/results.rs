//! The results of many lines, on their way to whoever sent them: in memory until they are fetched, and for no longer than a
//! client may take.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll},
    time::Duration,
};

use afterword_store::{TenantId, Turn};
use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::mpsc::UnboundedReceiver;

type Held = Option<(UnboundedReceiver<Bytes>, Turn<TenantId>)>;

/// Results that wait to be fetched, and the place of their request: both are there until the last one is fetched, nobody
/// fetches any more, or whoever does takes too long.
pub(super) struct Results(Arc<Mutex<Held>>);

/// The same results, seen by who made them.
pub(super) struct Unfetched(Weak<Mutex<Held>>);

impl Results {
    pub(super) fn new(told: UnboundedReceiver<Bytes>, place: Turn<TenantId>) -> Self {
        Self(Arc::new(Mutex::new(Some((told, place)))))
    }

    pub(super) fn unfetched(&self) -> Unfetched {
        Unfetched(Arc::downgrade(&self.0))
    }
}

impl Unfetched {
    /// Lets go of what is not fetched in time.
    pub(super) async fn let_go(self, patience: Duration) {
        tokio::time::sleep(patience).await;
        if let Some(results) = self.0.upgrade() {
            results.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

impl Stream for Results {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((told, _)) => told.poll_recv(cx).map(|some| some.map(Ok)),
            // The answer breaks off: what of it is missing can be asked for again.
            None => Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use afterword_store::{Measure, Turns};
    use futures_util::StreamExt;
    use tokio::sync::mpsc;

    use super::*;

    #[actix_web::test]
    async fn whoever_fetches_too_slowly_keeps_no_place() {
        let tenant = TenantId(1);
        let places = Turns::new(Measure {
            in_all: 1,
            alone: 1,
            together: 1,
            line: 1,
            patience: Duration::from_millis(20),
        });
        let place = places.take(tenant).await.expect("a place");
        let (tell, told) = mpsc::unbounded_channel();
        let mut results = Results::new(told, place);
        let unfetched = results.unfetched();
        tell.send(Bytes::from_static(b"1\n")).expect("told");
        tell.send(Bytes::from_static(b"2\n")).expect("told");
        assert!(results.next().await.is_some_and(|some| some.is_ok()));
        assert!(places.take(tenant).await.is_none(), "the rest is not fetched yet");
        unfetched.let_go(Duration::from_millis(20)).await;
        assert!(places.take(tenant).await.is_some());
        assert!(
            results.next().await.is_some_and(|some| some.is_err()),
            "the answer breaks off"
        );
    }
}
