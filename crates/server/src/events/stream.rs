//! The feed as server-sent events. A task of its own reads the log and hands facts over one by one; the connection takes
//! them as fast as its reader does. A reader that takes nothing for a while is let go: it comes back with the id of the
//! last fact that it has seen, and misses none.
//!
//! By hand, and not by `actix-web-lab`: its channel knows no patience, and the form is three lines per fact.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use afterword_domain::ids::EventId;
use afterword_store::FeedEntry;
use bytes::Bytes;
use futures_util::{
    Stream,
    future::{Either, select},
};
use serde_json::{json, value::RawValue};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Event, POLL, Reading, STREAM};
use crate::{
    api::{Api, Operation},
    candid,
    edge::{
        admission::KeyInUse,
        codes::Code,
        problem::Problem,
        query::Query,
        scopes::{Caller, Scope},
    },
    reading::{Answered, Asked, allow},
    service::{Service, Shared},
};

const TAKES: &[&str] = &["cursor", "types", "candidate"];
/// So often something is said at least, lest someone between takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A reader that has taken nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(10);
/// Facts that wait for the connection to take them, beside those in its own buffer.
const WAITING: usize = 16;
/// How many milliseconds a reader waits before it comes back.
const RETRY: u32 = 2000;
/// Streams that are open at once, of one key, of one tenant and in all.
const OF_A_KEY: usize = 16;
const OF_A_TENANT: usize = 256;
const IN_ALL: usize = 1024;

/// Readers that wait in an ordinary request, likewise.
const POLLS_OF_A_KEY: usize = 64;

/// How many streams are open, or readers wait: by key, so that one of them cannot take all places, and by tenant.
pub struct Streams {
    what: &'static str,
    metric: &'static str,
    of_a_key: usize,
    open: Mutex<HashMap<(i64, Uuid), usize>>,
}

/// A stream's place among those that may be open.
pub(super) struct Open {
    streams: Arc<Streams>,
    key: (i64, Uuid),
}

impl Streams {
    /// The places of streams.
    pub(crate) fn of_streams() -> Self {
        Self {
            what: "streams open",
            metric: "afterword_streams_open",
            of_a_key: OF_A_KEY,
            open: Mutex::default(),
        }
    }

    /// The places of readers that wait.
    pub(crate) fn of_long_polls() -> Self {
        Self {
            what: "requests waiting",
            metric: "afterword_long_polls_open",
            of_a_key: POLLS_OF_A_KEY,
            open: Mutex::default(),
        }
    }

    pub(super) fn open(self: &Arc<Self>, caller: &Caller) -> Result<Open, Problem> {
        let key = (caller.tenant, caller.key_id);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= IN_ALL {
            return Err(Problem::overloaded(5));
        }
        let of_tenant = open.iter().filter(|((tenant, _), _)| *tenant == caller.tenant);
        let of_tenant: usize = of_tenant.map(|(_, open)| open).sum();
        let of_key = open.get(&key).copied().unwrap_or_default();
        let full = [("key", of_key, self.of_a_key), ("tenant", of_tenant, OF_A_TENANT)];
        if let Some((whose, _, most)) = full.iter().find(|(_, open, most)| open >= most) {
            let told = format!("This {whose} has {most} {}; close one of them.", self.what);
            return Err(Problem::new(Code::RateLimited, told).header(header::RETRY_AFTER, 5.into()));
        }
        open.insert(key, of_key + 1);
        metrics::gauge!(self.metric).increment(1.0);
        Ok(Open {
            streams: Arc::clone(self),
            key,
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_key) = open.get_mut(&self.key) {
            *of_key -= 1;
            if *of_key == 0 {
                open.remove(&self.key);
            }
        }
        metrics::gauge!(self.streams.metric).decrement(1.0);
    }
}

pub(super) fn endpoints(api: &mut Api) {
    let id = EventId::new(Uuid::nil());
    let example =
        format!("id: Yt0x2uLrk2mJ\nevent: InterviewHeld\ndata: {{\"id\":\"{id}\",\"type\":\"InterviewHeld\"}}\n\n");
    api.add(Operation {
        query: TAKES,
        answer: (
            200,
            json!({"type": "string", "example": example, "description": "Server-sent events: `id` is a cursor, `event` the type, `data` the fact."}),
        ),
        media: "text/event-stream",
        scope: Some(Scope::EventsRead),
        description: "The feed as server-sent events. `Last-Event-ID` resumes behind the fact of that id, as browsers do \
                      by themselves; a cursor of the feed with the same `types` and `candidate` does too. Every 15 \
                      seconds a comment shows that the connection lives. A reader that takes nothing for 10 seconds is \
                      cut off."
            .to_owned(),
        route: Arc::new(|| web::get().to(stream)),
        ..Operation::get(STREAM, "stream_events", "The feed as server-sent events")
    });
}

/// So often a stream looks whether its key still counts. What is known of a key is up to 0.9 s old.
const LOOK: Duration = Duration::from_millis(100);

async fn stream(caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>) -> Answered {
    caller.require(Scope::EventsRead)?;
    allow(&request, TAKES)?;
    let resumed = match request.headers().get("last-event-id") {
        None => None,
        Some(id) if id.is_empty() => None,
        Some(id) => Some(
            id.to_str()
                .map_err(|_| Problem::invalid("Last-Event-ID", "is not an id of this stream"))?,
        ),
    };
    // Who resumes still sends the address that it began with.
    let from = resumed.or(asked.0.cursor.as_deref());
    let named = |problem: Problem| match (resumed, problem.errors()) {
        (Some(_), [error]) if error.pointer == "?cursor" => {
            Problem::invalid("Last-Event-ID", "is not an id that this stream gave")
        }
        _ => problem,
    };
    // Before anything is read: whoever finds no place must cost nobody anything.
    let open = service.streams.open(&caller)?;
    let reading = Reading::of(&service, &caller, &request, &asked.0, from)
        .await
        .map_err(named)?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let in_use = KeyInUse::of(&request)?;
    let telling = Telling {
        service: service.get_ref().clone(),
        candid: caller.scopes.allows(Scope::DebriefsRead),
        reading,
        sender,
    };
    let revoked = async move {
        while in_use.still_counts().await.is_ok() {
            tokio::time::sleep(LOOK).await;
        }
    };
    let stopping = service.get_ref().clone();
    actix_web::rt::spawn(async move {
        let until = select(Box::pin(revoked), Box::pin(stopping.until_stopping()));
        match select(Box::pin(telling.tell()), until).await {
            Either::Left((Err(problem), _)) => tracing::warn!(%problem, "a stream of events broke off"),
            Either::Left(_) | Either::Right(_) => {}
        }
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        // Nobody between is to keep it back: neither our own compression nor a proxy.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(Body { receiver, _open: open }))
}

/// What the connection sends.
struct Body {
    receiver: mpsc::Receiver<Bytes>,
    _open: Open,
}

impl Stream for Body {
    type Item = Result<Bytes, actix_web::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context).map(|chunk| chunk.map(Ok))
    }
}

struct Telling {
    service: Service,
    candid: bool,
    reading: Reading,
    sender: mpsc::Sender<Bytes>,
}

/// The reader is gone, or too slow.
struct Gone;

impl Telling {
    /// Until the reader is gone.
    async fn tell(mut self) -> Result<(), Problem> {
        let store = self.service.recorder.store().clone();
        let mut woken = store.watch(self.reading.tenant);
        // Who is cut off before the first fact resumes from here.
        let begin = format!("retry: {RETRY}\nid: {}\n\n", self.reading.cursor(&self.service)?);
        if self.hand_over(begin).await.is_err() {
            return Ok(());
        }
        let mut said = tokio::time::Instant::now();
        loop {
            let entries = self.reading.next(&self.service).await?;
            for entry in &entries {
                let told = self.told(entry)?;
                if self.hand_over(told).await.is_err() {
                    return Ok(());
                }
                said = tokio::time::Instant::now();
            }
            if !entries.is_empty() {
                continue;
            }
            if said.elapsed() >= HEARTBEAT {
                let beat = format!(": so far\nid: {}\n\n", self.reading.cursor(&self.service)?);
                if self.hand_over(beat).await.is_err() {
                    return Ok(());
                }
                said = tokio::time::Instant::now();
            }
            tokio::select! {
                _ = tokio::time::timeout(POLL, woken.changed()) => {}
                () = self.sender.closed() => return Ok(()),
            }
        }
    }

    /// One fact. JSON has no line breaks but those it was written with, and it is written with none.
    fn told(&self, entry: &FeedEntry) -> Result<String, Problem> {
        let id = self.reading.cursor_at(&self.service, entry.position())?;
        let kind = match entry {
            FeedEntry::Fact { envelope, .. } => envelope.data.name(),
            FeedEntry::Erased { .. } => "FactErased",
        };
        let Event(fact) = entry.into();
        let kept = if self.candid {
            None
        } else {
            candid::pruned(RawValue::get(&fact).as_bytes())
        };
        let fact = kept.map_or_else(
            || RawValue::get(&fact).to_owned(),
            |kept| String::from_utf8_lossy(&kept).into_owned(),
        );
        Ok(format!("id: {id}\nevent: {kind}\ndata: {fact}\n\n"))
    }

    async fn hand_over(&self, chunk: String) -> Result<(), Gone> {
        match tokio::time::timeout(PATIENCE, self.sender.send(chunk.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Gone),
            Err(_) => {
                metrics::counter!("afterword_streams_cut_off_total").increment(1);
                Err(Gone)
            }
        }
    }
}
