//! The feed as server-sent events: what the feed tells, in its order, at once; and who drops out comes back to where they
//! stood.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    time::{Duration, Instant},
};

use afterword::{app::Options, edge::clock::Clock, service::Service};
use futures_util::{Stream, StreamExt, future::join_all};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

use crate::{
    client::{Client, id},
    harness::{Kind, World, behind, open, options, serve},
    scenes::{Scene, applies, registers},
    stories,
};

stories![
    a_stream_tells_what_the_feed_tells,
    a_stream_shows_what_its_key_may_see,
    no_fact_is_missed_by_those_who_drop_out_while_many_write,
    a_stream_ends_with_its_key_and_with_the_service,
    a_key_has_only_so_many_streams,
    a_reader_that_takes_nothing_is_cut_off,
    a_quiet_stream_shows_that_it_lives,
    the_feed_has_a_form_for_cloud_events,
    what_a_stream_cannot_be_asked,
];

/// One message of a stream.
#[derive(Debug, Clone, Default)]
struct Told {
    id: String,
    event: String,
    data: Option<Value>,
}

/// A reader, as a browser is one.
struct Reader {
    bytes: Pin<Box<dyn Stream<Item = reqwest::Result<Vec<u8>>> + Send>>,
    rest: Vec<u8>,
    last: String,
}

impl Reader {
    async fn open(client: &Client, query: &str, last: &str) -> Self {
        let mut request = client.request(Method::GET, &format!("/v1/events/stream{query}"));
        if !last.is_empty() {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.expect("answered");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            bytes: Box::pin(response.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec()))),
            rest: Vec::new(),
            last: last.to_owned(),
        }
    }

    /// The next message; none at the end.
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(end) = self.rest.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.rest.drain(..end + 2).collect();
                let mut told = Told::default();
                for line in std::str::from_utf8(&block).expect("text").lines() {
                    match line.split_once(": ") {
                        Some(("id", id)) => id.clone_into(&mut told.id),
                        Some(("event", event)) => event.clone_into(&mut told.event),
                        Some(("data", data)) => told.data = Some(serde_json::from_str(data).expect("JSON")),
                        _ => {}
                    }
                }
                if !told.id.is_empty() {
                    self.last.clone_from(&told.id);
                }
                return Some(told);
            }
            match self.bytes.next().await {
                Some(Ok(bytes)) => self.rest.extend(bytes),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The next facts, so many.
    async fn facts(&mut self, count: usize) -> Vec<Value> {
        let mut facts = Vec::new();
        while facts.len() < count {
            let next = tokio::time::timeout(Duration::from_secs(20), self.next()).await;
            let told = next.expect("in time").expect("the stream goes on");
            if let Some(data) = told.data {
                assert_eq!(data["type"], told.event.as_str());
                facts.push(data);
            }
        }
        facts
    }

    /// Whether nothing but comments comes for a while.
    async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(700), self.facts(1))
            .await
            .is_err()
    }
}

async fn a_stream_tells_what_the_feed_tells(world: World) {
    let scene = Scene::interviewed(world).await;
    let feed = scene.lists_feed().await;
    let mut reader = Reader::open(&scene, "", "").await;
    assert_eq!(reader.facts(3).await, feed[..3]);
    // It goes on where it was left, however it says so.
    let mut resumed = Reader::open(&scene, "", &reader.last).await;
    assert_eq!(resumed.facts(feed.len() - 3).await, feed[3..]);
    let mut by_query = Reader::open(&scene, &format!("?cursor={}", reader.last), "").await;
    assert_eq!(by_query.facts(1).await, feed[3..4]);
    // Whoever resumes sends the address that it began with; the newer of both counts.
    let first = scene.sees("/v1/events?limit=1").await["next_cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut both = Reader::open(&scene, &format!("?cursor={first}"), &reader.last).await;
    assert_eq!(both.facts(1).await, feed[3..4]);
    // The feed and its stream share their cursors.
    let mut after_first = Reader::open(&scene, &format!("?cursor={first}"), "").await;
    assert_eq!(after_first.facts(1).await, feed[1..2]);
    let page = scene.sees(&format!("/v1/events?cursor={}", reader.last)).await;
    assert_eq!(page["data"][0], feed[3]);
    // News come at once.
    assert!(resumed.is_silent().await);
    let mut news = Reader::open(&scene, "?cursor=now", "").await;
    news.next().await.expect("where it stands");
    let at = Instant::now();
    let path = format!("{}/document-requests", scene.acme);
    let recorded = scene.records(&path, json!({"document": "references"})).await;
    assert_eq!(news.facts(1).await, [recorded["event"].clone()]);
    assert!(at.elapsed() < Duration::from_secs(1), "after {:?}", at.elapsed());
    // Who began at the end and was told nothing yet has a place to come back to.
    let mut began = Reader::open(&scene, "?cursor=now", "").await;
    began.next().await.expect("where it stands");
    let recorded = scene.records(&path, json!({"document": "diploma"})).await;
    let mut back = Reader::open(&scene, "?cursor=now", &began.last.clone()).await;
    assert_eq!(back.facts(1).await, [recorded["event"].clone()]);
    // Narrowed, it tells what the feed tells narrowed.
    let narrowed = format!("?types=DocumentRequested&candidate={}", id(&scene.ada));
    let mut narrow = Reader::open(&scene, &narrowed, "").await;
    let told = scene.sees(&format!("/v1/events{narrowed}")).await;
    assert_eq!(json!(narrow.facts(2).await), told["data"]);
    assert!(narrow.is_silent().await);
}

async fn a_stream_shows_what_its_key_may_see(world: World) {
    let scene = Scene::interviewed(world).await;
    let grace = registers(&scene, "Grace Hopper").await;
    let question = json!({"question": "Why?", "category": "other", "answer": "SECRET", "reception": "well"});
    scene.records(&format!("{}/questions", scene.interview), question).await;
    let count = scene.lists_feed().await.len();
    let reader = scene.client("events:read", None, None).await;
    let told = json!(Reader::open(&reader, "", "").await.facts(count).await).to_string();
    assert!(told.contains("QuestionRecorded") && !told.contains("SECRET"));
    let confidant = scene.client("events:read debriefs:read", None, None).await;
    let told = json!(Reader::open(&confidant, "", "").await.facts(count).await).to_string();
    assert!(told.contains("SECRET"));
    // A bound key hears of its own candidate alone.
    let uuid = id(&grace).parse::<afterword_domain::ids::CandidateId>().unwrap().uuid();
    let own = scene.client("events:read", Some(uuid), None).await;
    let mut stream = Reader::open(&own, "", "").await;
    assert_eq!(stream.facts(1).await[0]["candidate"], id(&grace));
    assert!(stream.is_silent().await);
    let mut nobody = Reader::open(&own, &format!("?candidate={}", id(&scene.ada)), "").await;
    assert!(nobody.is_silent().await);
    // An erased fact keeps its place.
    scene.delete(&scene.ada).await.is(200);
    let told = Reader::open(&scene, "", "").await.facts(count + 1).await;
    assert_eq!(json!(told), json!(scene.lists_feed().await));
    assert!(told.iter().any(|fact| fact["type"] == "FactErased"));
    let stranger = scene.client("candidates:read", None, None).await;
    stranger
        .get("/v1/events/stream")
        .await
        .refuses(403, "insufficient_scope");
}

const WRITERS: usize = 64;
const EACH: usize = 4;

/// Writers at every instance at once, and readers that drop out again and again: each is told all, once, in order.
async fn told_while_written(instances: &[Client]) {
    let mut applications = Vec::new();
    for nth in 0..8 {
        let candidate = registers(&instances[0], &format!("Candidate {nth}")).await;
        applications.push(applies(&instances[0], &candidate, "Acme").await);
    }
    let total = 8 * 2 + WRITERS * EACH;
    let readers = (0..3).map(|nth| {
        let instances = instances.to_vec();
        behind(async move {
            let (mut told, mut last) = (Vec::new(), String::new());
            while told.len() < total {
                // Each time at another instance.
                let client = &instances[told.len() % instances.len()];
                let mut reader = Reader::open(client, "", &last).await;
                let some = (7 + 13 * nth).min(total - told.len());
                told.extend(reader.facts(some).await);
                last = reader.last;
            }
            told
        })
    });
    let readers: Vec<_> = readers.collect();
    let writers = (0..WRITERS).map(|nth| {
        let client = instances[nth % instances.len()].clone();
        let path = format!("{}/document-requests", applications[nth % applications.len()]);
        behind(async move {
            for each in 0..EACH {
                client
                    .records(&path, json!({"document": format!("{nth}/{each}")}))
                    .await;
            }
        })
    });
    for writer in join_all(writers).await {
        writer.expect("written");
    }
    let feed = instances[0].lists_feed().await;
    assert_eq!(feed.len(), total);
    for reader in readers {
        let told = reader.await.expect("read");
        assert!(told == feed, "a reader was told something else than the feed");
        let ids: BTreeSet<&str> = told.iter().map(|fact| fact["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), total);
        let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
        for fact in &told {
            let version = versions.entry(fact["candidate"].as_str().unwrap()).or_default();
            *version += 1;
            assert_eq!(fact["version"].as_u64(), Some(*version));
        }
    }
}

async fn no_fact_is_missed_by_those_who_drop_out_while_many_write(world: World) {
    told_while_written(&[(*world).clone()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_fact_is_missed_across_two_instances() {
    let Some(options) = options(Kind::Postgres).await else {
        return;
    };
    let (store, second) = (open(options.clone()).await, open(options.clone()).await);
    let world = World::new(Kind::Postgres, options, store, Clock::system()).await;
    let base = serve(Service::new(second, Clock::system()), Options::default());
    told_while_written(&[(*world).clone(), Client::new(base, world.key().to_owned())]).await;
}

async fn a_stream_ends_with_its_key_and_with_the_service(world: World) {
    registers(&world, "Ada Lovelace").await;
    let made = world.post("/v1/keys", json!({"scopes": ["events:read"]})).await;
    let key = world.with_key(made.is(201)["key"].as_str().unwrap());
    let mut reader = Reader::open(&key, "", "").await;
    reader.facts(1).await;
    let at = Instant::now();
    world
        .delete(&format!("/v1/keys/{}", made["id"].as_str().unwrap()))
        .await
        .is(200);
    while reader.next().await.is_some() {}
    assert!(at.elapsed() < Duration::from_secs(3), "after {:?}", at.elapsed());
    let service = Service::new(world.store.clone(), world.clock.clone());
    let other = Client::new(serve(service.clone(), Options::default()), world.key().to_owned());
    let mut reader = Reader::open(&other, "", "").await;
    reader.facts(1).await;
    let at = Instant::now();
    service.stop_waiting();
    while reader.next().await.is_some() {}
    assert!(at.elapsed() < Duration::from_secs(1), "after {:?}", at.elapsed());
}

async fn a_key_has_only_so_many_streams(world: World) {
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(Reader::open(&world, "", "").await);
    }
    let refused = world.get("/v1/events/stream").await;
    assert_eq!(refused.refuses(429, "rate_limited").header("retry-after"), "5");
    // Another key has places of its own. One that is left is free again once a heartbeat has found nobody there.
    let other = world.client("events:read", None, None).await;
    Reader::open(&other, "", "").await;
    open.pop();
    let mut free = false;
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let request = world.request(Method::GET, "/v1/events/stream").send().await;
        free = request.expect("answered").status() == 200;
        if free {
            break;
        }
    }
    assert!(free, "the place was not given back");
}

async fn a_reader_that_takes_nothing_is_cut_off(world: World) {
    let scene = Scene::applied(world).await;
    // More than what fits between a server and a client that does not read.
    let text = "So it is. ".repeat(900);
    for nth in 0..8 {
        let candidate = registers(&scene, &format!("Candidate {nth}")).await;
        let application = applies(&scene, &candidate, "Acme").await;
        let report = json!({"type": "StatusReported", "application": id(&application), "data": {"summary": text}});
        let facts = json!({"facts": vec![report; 90]});
        scene.post(&format!("{candidate}/facts"), facts).await.is(200);
    }
    let all = scene.lists_feed().await.len();
    assert!(all > 720);
    // Until nothing more fits in between, a busy machine may take its time.
    let mut heard = Vec::new();
    for seconds in [13, 30, 60] {
        let (told, ended) = after_taking_nothing_for(&scene, seconds).await;
        if told < all {
            // Another reader is told everything.
            assert_eq!(Reader::open(&scene, "", "").await.facts(all).await.len(), all);
            return;
        }
        heard.push((told, ended));
    }
    panic!("all of {all} was told: {heard:?}");
}

/// How many facts a reader hears who takes nothing at first, and whether it ends by itself then.
async fn after_taking_nothing_for(world: &World, seconds: u64) -> (usize, bool) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let address = world.base().trim_start_matches("http://").parse().expect("an address");
    let mut stream = socket.connect(address).await.expect("connected");
    let request = format!(
        "GET /v1/events/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        world.key()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    // What was on its way still comes, and then it is over, long before the end of the log.
    let mut told = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut told)).await;
    (
        String::from_utf8_lossy(&told).matches("\nevent: ").count(),
        ended.is_ok(),
    )
}

async fn a_quiet_stream_shows_that_it_lives(world: World) {
    registers(&world, "Ada Lovelace").await;
    let mut reader = Reader::open(&world, "?types=DocumentRequested", "").await;
    let first = reader.next().await.expect("where it stands").id;
    let beat = tokio::time::timeout(Duration::from_secs(17), reader.next()).await;
    let beat = beat.expect("in time").expect("the stream goes on");
    assert!(beat.data.is_none() && beat.event.is_empty());
    assert_ne!(beat.id, first, "it has passed by what is not for it");
}

async fn the_feed_has_a_form_for_cloud_events(world: World) {
    let scene = Scene::interviewed(world).await;
    let asks = async |query: &str, accept: &str| {
        let request = scene.request(Method::GET, &format!("/v1/events{query}"));
        scene.send(request.header("Accept", accept)).await
    };
    let batch = asks("?limit=5", "application/cloudevents-batch+json").await;
    assert_eq!(
        batch.is(200).header("content-type"),
        "application/cloudevents-batch+json"
    );
    assert!(batch.header("vary").to_lowercase().contains("accept"));
    let feed = scene.sees("/v1/events?limit=5").await;
    for (event, fact) in batch
        .json
        .as_array()
        .expect("a batch")
        .iter()
        .zip(feed["data"].as_array().unwrap())
    {
        assert_eq!(event["specversion"], "1.0");
        for (attribute, field) in [
            ("id", "id"),
            ("type", "type"),
            ("time", "occurred_at"),
            ("subject", "subject"),
            ("candidate", "candidate"),
            ("application", "application"),
            ("candidateversion", "version"),
        ] {
            assert_eq!(event[attribute], fact[field], "{attribute}");
        }
        assert_eq!((&event["source"], &event["data"]), (&json!("/v1/events"), fact));
        let attributes = event.as_object().unwrap().keys();
        let lower = |name: &String| {
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        assert!(attributes.into_iter().all(lower), "CloudEvents 1.0, 3.1: {event}");
    }
    // It is paged by `Link`, newest first too.
    let link = batch.header("link");
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    let more = asks(
        next.trim_start_matches("/v1/events"),
        "application/cloudevents-batch+json;q=1",
    )
    .await;
    assert_eq!(more.json.as_array().unwrap().len(), 3);
    let newest = asks("?order=desc&limit=1", "text/html, application/cloudevents-batch+json").await;
    assert_eq!(newest.json[0]["type"], "InterviewHeld");
    let plain = asks("?limit=5", "application/json").await;
    assert_eq!(plain.json, feed);
}

async fn what_a_stream_cannot_be_asked(world: World) {
    for (query, name) in [
        ("types=Nonsense", "?types"),
        ("candidate=ada", "?candidate"),
        ("cursor=later", "?cursor"),
        ("wait=1", "?wait"),
        ("order=desc", "?order"),
        ("limit=1", "?limit"),
    ] {
        world
            .get(&format!("/v1/events/stream?{query}"))
            .await
            .refuses(422, "invalid")
            .names(name);
    }
    let request = world.request(Method::GET, "/v1/events/stream");
    let refused = world.send(request.header("Last-Event-ID", "garbage")).await;
    refused.refuses(422, "invalid").names("Last-Event-ID");
    world
        .with_key("")
        .get("/v1/events/stream")
        .await
        .refuses(401, "unauthenticated");
}
