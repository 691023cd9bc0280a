//! Too much at once: of slow clients, of waiting readers, of long requests, of anything in one request. Others go on, and
//! whoever is refused is told so, and when to come back.

mod exhausted;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use afterword::app::Options;
use afterword_domain::ids::{self, CandidateId};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use uuid::Uuid;

use crate::{
    client::{Answer, Client},
    contract::{body_of, operations, paths_of},
    harness::{Kind, World, tell},
    lists::full,
    scenes::{applies, registers},
    soak,
};

/// Connections that begin to say something and do not go on.
async fn dawdlers(client: &Client, beginning: &str, many: u64) -> Vec<TcpStream> {
    let address = client.base().trim_start_matches("http://").to_owned();
    let one = async || {
        let mut stream = TcpStream::connect(&address).await.expect("connected");
        stream.write_all(beginning.as_bytes()).await.expect("written");
        stream
    };
    join_all((0..many).map(|_| one())).await
}

/// What each of them is told before it is let go; all within so many seconds.
async fn let_go(dawdlers: Vec<TcpStream>, within: u64) -> Vec<String> {
    let ends = dawdlers.into_iter().map(async |mut stream| {
        let mut told = Vec::new();
        stream.read_to_end(&mut told).await.ok();
        String::from_utf8_lossy(&told).into_owned()
    });
    timeout(Duration::from_secs(within), join_all(ends))
        .await
        .expect("they are let go in time")
}

fn told_408(told: &[String]) {
    assert!(!told.is_empty());
    for told in told {
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 408"), "{told}");
    }
    assert!(told.iter().any(|told| told.starts_with("HTTP/1.1 408")));
}

/// All at once, since what they wait for is only time.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn slow_clients_hold_nobody_up_and_are_let_go() {
    tell(Kind::Sqlite, async |world: World| {
        tokio::join!(slow_headers(&world), slow_bodies(&world), a_full_house(&world));
    })
    .await;
}

async fn others_go_on(world: &World) {
    for _ in 0..20 {
        timeout(Duration::from_secs(5), registers(world, "Ada"))
            .await
            .expect("answered");
    }
}

async fn slow_headers(world: &World) {
    let slow = dawdlers(
        world,
        "GET /v1/tasks HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        soak::rounds(400, 5000),
    )
    .await;
    others_go_on(world).await;
    told_408(&let_go(slow, 30).await);
}

async fn slow_bodies(world: &World) {
    let head = format!(
        "POST /v1/candidates HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"name\": ",
        world.key()
    );
    // More than may be carried out at once: whoever sends slowly has no turn.
    let slow = dawdlers(world, &head, soak::rounds(300, 5000)).await;
    others_go_on(world).await;
    let told = let_go(slow, 40).await;
    told_408(&told);
    let problem = told.iter().find(|told| !told.is_empty()).expect("one of them");
    assert!(
        problem.contains("application/problem+json") && problem.contains("\"code\":\"timeout\""),
        "{problem}"
    );
}

/// Where there are as many connections as there may be, the next one is let in when the slow ones are let go.
async fn a_full_house(world: &World) {
    let options = Options {
        connections: Some(40),
        ..Options::default()
    };
    let full = world.another(world.clock.clone(), options);
    let slow = dawdlers(&full, "GET / HTTP/1.1\r\n", 40).await;
    let answered = timeout(Duration::from_secs(30), full.get("/healthz"))
        .await
        .expect("let in");
    answered.is(200);
    drop(slow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_no_request_is_answered_by_a_status_alone_and_the_end() {
    tell(Kind::Sqlite, async |world: World| {
        let endless = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}", "x".repeat(200 << 10));
        for (sent, status) in [
            ("what\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nno header\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400"),
            (
                "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "400",
            ),
            (&*endless, "431"),
        ] {
            let told = let_go(dawdlers(&world, sent, 1).await, 5).await.remove(0);
            assert!(
                told.starts_with(&format!("HTTP/1.1 {status}")),
                "{}: {told}",
                &sent[..30.min(sent.len())]
            );
            assert!(told.ends_with("\r\n\r\n"), "{told}");
        }
        registers(&world, "Ada").await;
    })
    .await;
}

/// The framework looks after a connection's first headers only.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_connection_that_begins_a_second_request_and_does_not_go_on_is_let_go() {
    tell(Kind::Sqlite, async |world: World| {
        let options = Options {
            at_rest: Some(Duration::from_millis(700)),
            ..Options::default()
        };
        let service = world.another(world.clock.clone(), options);
        let asked = |path: &str| {
            format!(
                "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
                world.key()
            )
        };
        let first = asked("/healthz");
        let slow = dawdlers(&service, &format!("{first}GET /v1/tasks HTTP/1.1\r\nX-Slow: "), 20).await;
        let silent = dawdlers(&service, &first, 20).await;
        // A request under way is no rest, however long it takes.
        let waiting = dawdlers(&service, &asked("/v1/events?cursor=now&wait=2"), 1).await;
        for told in let_go(slow.into_iter().chain(silent).collect(), 5).await {
            assert!(told.starts_with("HTTP/1.1 200"), "{told}");
            assert_eq!(told.matches("HTTP/1.1").count(), 1, "{told}");
        }
        let told = let_go(waiting, 10).await;
        assert!(told[0].starts_with("HTTP/1.1 200"), "{}", told[0]);
    })
    .await;
}

async fn a_key_has_only_so_many_readers_waiting(world: World) {
    let wait = |client: &Client, seconds: u8| {
        let client = client.clone();
        async move { client.get(&format!("/v1/events?cursor=now&wait={seconds}")).await }
    };
    registers(&world, "Grace").await;
    let waiting = join_all((0..64).map(|_| wait(&world, 4)));
    let refused = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let refused = wait(&world, 4).await;
        refused.refuses(429, "rate_limited").header("retry-after");
        // So is one for whom there is something: a place is asked for before anything is read.
        world.get("/v1/events?wait=4").await.refuses(429, "rate_limited");
        // Without waiting it may read, and another key may wait.
        world.get("/v1/events?cursor=now").await.is(200);
        let other = world.client("events:read candidates:write", None, None).await;
        wait(&other, 1).await.is(200);
        // Those who wait keep nobody from a turn.
        registers(&world, "Ada").await;
    };
    let (waited, ()) = tokio::join!(waiting, refused);
    for answer in waited {
        answer.is(200);
    }
}

async fn a_tenant_has_only_so_many_requests_of_many_lines_at_once(world: World) {
    let many_lines = |client: &Client| {
        client
            .request(Method::POST, "/v1/facts")
            .header("Content-Type", "application/x-ndjson")
    };
    let endless = || {
        let parts = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        reqwest::Body::wrap_stream(parts)
    };
    let open = async || many_lines(&world).body(endless()).send().await.expect("answered");
    let (one, two) = (open().await, open().await);
    let refused = world.send(many_lines(&world).body("")).await;
    refused.refuses(503, "overloaded").header("retry-after");
    let another_key = world.client("candidates:write", None, None).await;
    let refused = another_key.send(many_lines(&another_key).body("")).await;
    refused.refuses(503, "overloaded");
    let neighbour = world.neighbour().await;
    let another_tenant = Client::new(world.base().to_owned(), neighbour.key().to_owned());
    another_tenant.send(many_lines(&another_tenant).body("")).await.is(200);
    drop((one, two));
}

/// A candidate's application that is asked about over and over.
async fn asked_about(client: &Client) -> (String, String) {
    let candidate = registers(client, "Ada").await;
    let application = applies(client, &candidate, "Acme").await;
    (candidate, application)
}

/// One request of those that ordinary clients send, the third of them a write.
async fn asks(client: &Client, (candidate, application): &(String, String), nth: u64) -> Answer {
    match nth % 3 {
        0 => {
            let path = format!("{application}/document-requests");
            client.post(&path, json!({"document": "diploma"})).await
        }
        1 => client.get("/v1/tasks?limit=50").await,
        _ => client.get(&format!("{candidate}/timeline")).await,
    }
}

/// How long each of so many requests takes that a client sends at its own pace, and gets.
async fn timed(client: &Client, about: &(String, String), many: u64) -> Duration {
    let mut took = Vec::new();
    for nth in 0..many {
        let began = Instant::now();
        let answer = asks(client, about, nth).await;
        took.push(began.elapsed());
        assert!((200..300).contains(&answer.status), "{answer}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    took.sort();
    took[took.len() * 9 / 10]
}

/// The memory of this process, where the servers of the stories are, in MB; none where the system does not tell.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes >> 10)
}

/// Connections of the flood.
const CROWD: u64 = 128;

async fn a_flood_from_one_key_leaves_others_their_answers_and_the_memory_bounded(world: World) {
    let neighbour = world.neighbour().await;
    // At the same server.
    let flood = world.with_key(neighbour.key());
    let (own, its) = (asked_about(&world).await, asked_about(&flood).await);
    timed(&world, &own, 10).await;
    let quiet = timed(&world, &own, 60).await;
    let before = memory();
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let flooding: Vec<_> = (0..CROWD)
        .map(|nth| {
            let (flood, its) = (flood.clone(), its.clone());
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                for nth in nth.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let answer = asks(&flood, &its, nth).await;
                    if answer.status == 503 {
                        answer.refuses(503, "overloaded").header("retry-after");
                    } else {
                        assert!((200..300).contains(&answer.status), "{answer}");
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let attacked = timed(&world, &own, 60).await;
    let after = memory();
    stop.store(true, Ordering::Relaxed);
    for one in flooding {
        one.await.expect("answered, or told to come back");
    }
    let answered = answered.load(Ordering::Relaxed);
    eprintln!("{quiet:?} quiet, {attacked:?} beside {answered} answers to the flood; {before:?} and {after:?} MB");
    assert!(answered > CROWD, "{answered} answers are no flood");
    assert!(
        attacked <= 10 * quiet + Duration::from_millis(250),
        "{quiet:?} quiet, {attacked:?} attacked"
    );
    if let (Some(before), Some(after)) = (before, after) {
        assert!(after < before + 400, "{before} MB before the flood, {after} MB in it");
    }
}

/// Every way in which a schema bounds a value, and a value beyond it: where in the body, and what.
fn beyond(document: &Value, schema: &Value, at: &str, depth: u8, found: &mut Vec<(String, Value)>) {
    if depth > 6 {
        return;
    }
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return beyond(document, &document["components"]["schemas"][name], at, depth, found);
    }
    for member in ["allOf", "oneOf", "anyOf"] {
        for member in schema[member].as_array().into_iter().flatten() {
            beyond(document, member, at, depth + 1, found);
        }
    }
    if let Some(most) = schema["maxLength"].as_u64() {
        let most = usize::try_from(most).expect("a length");
        found.push((at.to_owned(), json!("x".repeat(most + 1))));
    }
    if let Some(most) = schema["maxItems"].as_u64() {
        let most = usize::try_from(most).expect("a length");
        found.push((at.to_owned(), json!(vec![Value::Null; most + 1])));
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        beyond(document, field, &format!("{at}/{name}"), depth + 1, found);
    }
    if schema["items"].is_object() {
        beyond(document, &schema["items"], &format!("{at}/0"), depth + 1, found);
    }
}

/// The body with a value put in at a pointer, and what is missing above it.
fn with(mut body: Value, at: &str, value: Value) -> Value {
    let mut place = &mut body;
    for step in at.split('/').skip(1) {
        if step == "0" {
            *place = json!([null]);
            place = &mut place[0];
        } else {
            if !place.is_object() {
                *place = json!({});
            }
            place = place
                .as_object_mut()
                .expect("an object")
                .entry(step)
                .or_insert(Value::Null);
        }
    }
    *place = value;
    body
}

fn is_refused(answer: &Answer) {
    assert!((400..500).contains(&answer.status), "{answer}");
    let code = answer["code"].as_str().expect("a code").to_owned();
    answer.refuses(answer.status, &code);
}

async fn sends(scene: &World, method: &Method, path: &str, body: &str) -> Answer {
    let content = if *method == Method::PATCH {
        "application/merge-patch+json"
    } else {
        "application/json"
    };
    let request = scene.request(method.clone(), path).header("Content-Type", content);
    let sent = scene.send(request.body(body.to_owned()));
    timeout(Duration::from_secs(10), sent).await.expect("answered quickly")
}

/// A path with ids that are nobody's.
fn nobodys(template: &str) -> String {
    let part = |part: &str| match part.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
        None => part.to_owned(),
        Some(name) => {
            let kind = ids::Kind::ALL.iter().find(|kind| kind.name() == name);
            format!("{}_01k9ze3n8qfq7s5b1x5n0v3gk2", kind.map_or("x", |kind| kind.prefix()))
        }
    };
    template.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Generated from the document: what it calls the most of anything is the most.
async fn nothing_is_longer_than_the_document_says(world: World) {
    let scene = full(world).await;
    let document = afterword::app::openapi();
    let before = scene.head().await;
    let (mut tried, mut named) = (0, 0);
    for operation in operations() {
        let method = operation.method.as_str().to_lowercase();
        let said = &document["paths"][&operation.path][&method];
        let path = if operation.path.contains("{candidate}") {
            paths_of(&scene, &operation.path).await.remove(0)
        } else {
            nobodys(&operation.path)
        };
        for name in operation.query.iter().filter(|_| operation.method == Method::GET) {
            is_refused(&scene.get(&format!("{path}?{name}={}", "x".repeat(20_000))).await);
            tried += 1;
        }
        let schema = &said["requestBody"]["content"];
        let Some(content) = schema
            .as_object()
            .and_then(|it| it.iter().find(|(kind, _)| kind.ends_with("json")))
        else {
            continue;
        };
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(1000), "]".repeat(1000));
        is_refused(&sends(&scene, &operation.method, &path, &deep).await);
        let mut all = Vec::new();
        beyond(&document, &content.1["schema"], "", 0, &mut all);
        let base = if operation.method == Method::PATCH {
            Value::Object(Map::new())
        } else {
            body_of(&operation.path, &scene)
        };
        for (at, value) in all {
            let body = with(base.clone(), &at, value).to_string();
            let answer = sends(&scene, &operation.method, &path, &body).await;
            is_refused(&answer);
            tried += 1;
            let errors = answer["errors"].as_array().cloned().unwrap_or_default();
            let place = at.trim_end_matches("/0");
            named += usize::from(
                errors
                    .iter()
                    .any(|it| it["pointer"].as_str().is_some_and(|it| it.starts_with(place))),
            );
        }
    }
    assert!(tried > 150, "only {tried} were found");
    assert!(named * 3 > tried, "{named} of {tried} were named");
    assert_eq!(scene.head().await, before, "something was recorded");
}

crate::stories![
    nothing_is_longer_than_the_document_says,
    a_key_has_only_so_many_readers_waiting,
    a_tenant_has_only_so_many_requests_of_many_lines_at_once,
    a_flood_from_one_key_leaves_others_their_answers_and_the_memory_bounded,
    a_history_that_is_folded_again_and_again_is_bounded
];

/// Each thing that is taken back is a fold of all that came before.
async fn a_history_that_is_folded_again_and_again_is_bounded(world: World) {
    let ada = CandidateId::new(Uuid::now_v7());
    let registered = json!({"type": "CandidateRegistered", "data": {"name": "Ada", "time_zone": "UTC"}});
    let collected = |nth: usize| json!({"type": "ContactCollected", "data": {"name": format!("Person {nth}")}});
    let path = format!("/v1/candidates/{ada}/facts");
    let first: Vec<Value> = std::iter::once(registered).chain((0..400).map(collected)).collect();
    let results = world.post(&path, json!({"facts": first})).await;
    let results = results.is(200)["results"].as_array().expect("results").clone();
    let ids: Vec<&str> = results[1..]
        .iter()
        .map(|it| it["event"]["id"].as_str().expect("an id"))
        .collect();
    // Long histories are folded beside the threads that serve.
    let then = results[200]["event"]["recorded_at"]
        .as_str()
        .expect("a moment")
        .replace('+', "%2B");
    world
        .get(&format!("/v1/candidates/{ada}/contacts?as_of={then}"))
        .await
        .is(200);
    let take_back = |id: &str| json!({"type": "FactRetracted", "subject": id, "data": {"reason": "So it is."}});
    let few: Vec<Value> = ids[..3].iter().map(|id| take_back(id)).collect();
    let answer = world.post(&path, json!({"atomic": true, "facts": few})).await;
    answer.is(200);
    assert_eq!(
        world.lists_all(&format!("/v1/candidates/{ada}/contacts")).await.len(),
        397
    );
}

/// A limit as the table writes it.
fn written(value: &str) -> String {
    let between = |begin: &str, end: &str| Some(value.split_once(begin)?.1.split_once(end)?.0.to_owned());
    for (begin, unit) in [("from_secs(", "s"), ("from_millis(", "ms")] {
        if let Some(number) = between(begin, ")") {
            return format!("{number} {unit}");
        }
    }
    for (shift, unit) in [(" << 10", "KiB"), (" << 20", "MiB")] {
        if let Some(number) = value.strip_suffix(shift) {
            return format!("{number} {unit}");
        }
    }
    let digits = value.replace('_', "");
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

#[test]
fn the_table_of_limits_is_true() {
    let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let told = std::fs::read_to_string(root.join("docs/reliability.md")).expect("the document");
    let rows: Vec<Vec<&str>> = told
        .lines()
        .filter(|line| line.starts_with('|') && line.contains(".rs` `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 40, "the table is gone");
    for row in rows {
        let (file, name) = row[3].trim_matches('`').split_once("` `").expect("a file and a name");
        let code = std::fs::read_to_string(root.join("crates").join(file)).expect(file);
        let line = code.lines().find(|line| line.contains(&format!("const {name}: ")));
        let value = line
            .and_then(|line| line.split_once(" = "))
            .map(|(_, value)| value.trim_end_matches(';'));
        assert_eq!(value.map(written).as_deref(), Some(row[1]), "{file} {name}");
    }
}
