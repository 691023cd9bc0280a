//! Facts about many candidates as lines: each for itself, told as they come, and again without harm.

use std::{collections::BTreeMap, time::Duration};

use afterword_domain::ids::{ApplicationId, CandidateId, EventId};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

use crate::{
    client::{Answer, Client, id},
    harness::World,
    scenes::{Scene, registers},
    stories,
};

stories![
    lines_about_many_candidates_are_recorded_each_for_itself,
    a_poisoned_line_stops_no_other,
    the_same_lines_again_record_nothing_twice,
    lines_that_came_before_their_candidate_are_told_the_same_again,
    a_broken_connection_leaves_what_was_told_and_repeats_cleanly,
    who_sends_all_before_reading_is_not_left_waiting,
    who_sends_on_after_the_key_is_revoked_records_no_more,
    a_request_that_is_no_lines_is_refused,
    a_body_has_its_limits,
    a_key_writes_only_where_it_reaches,
    what_is_candid_is_not_told_back,
];

/// Candidates, each registered with an application and some of what happens.
fn career_centre(candidates: usize, each: usize) -> Vec<Value> {
    let mut lines = Vec::new();
    let ids: Vec<_> = (0..candidates)
        .map(|_| (CandidateId::new(Uuid::now_v7()), ApplicationId::new(Uuid::now_v7())))
        .collect();
    for (nth, (candidate, application)) in ids.iter().enumerate() {
        lines.push(json!({"type": "CandidateRegistered", "subject": candidate.to_string(), "data": {"name": format!("Candidate {nth}"), "time_zone": "Europe/Berlin"}}));
        lines.push(
            json!({"candidate": candidate.to_string(), "type": "ApplicationOpened", "subject": application.to_string(),
            "data": {"organisation": {"name": "Acme"}, "position": "Engineer"}}),
        );
    }
    for nth in 0..each {
        for (candidate, application) in &ids {
            lines.push(json!({"candidate": candidate.to_string(), "type": "DocumentRequested", "application": application.to_string(),
                "id": EventId::new(Uuid::now_v7()).to_string(), "data": {"document": format!("paper {nth}")}}));
        }
    }
    lines
}

fn body(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

async fn sends(client: &Client, body: impl Into<reqwest::Body>) -> Answer {
    let request = client
        .request(Method::POST, "/v1/facts")
        .header("Content-Type", "application/x-ndjson");
    client.send(request.body(body)).await
}

/// The results of an answer.
fn results(answer: &Answer) -> Vec<Value> {
    assert_eq!(
        answer.is(200).header("content-type"),
        "application/x-ndjson",
        "{answer}"
    );
    let text = String::from_utf8(answer.body.clone()).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn counted(results: &[Value]) -> BTreeMap<&str, usize> {
    let mut counted = BTreeMap::new();
    for result in results {
        *counted.entry(result["status"].as_str().expect("a status")).or_default() += 1;
    }
    counted
}

async fn lines_about_many_candidates_are_recorded_each_for_itself(world: World) {
    let lines = career_centre(40, 12);
    let told = results(&sends(&world, body(&lines)).await);
    assert_eq!(counted(&told), BTreeMap::from([("recorded", 40 * 14)]));
    for (nth, (line, result)) in lines.iter().zip(&told).enumerate() {
        assert_eq!(result["line"], nth + 1);
        assert_eq!(result["event"]["type"], line["type"]);
        let whose = line.get("candidate").unwrap_or(&line["subject"]);
        assert_eq!(&result["event"]["candidate"], whose);
    }
    assert_eq!(world.lists_all("/v1/candidates?limit=100").await.len(), 40);
    assert_eq!(world.lists_all("/v1/tasks?limit=100").await.len(), 40 * 12);
    let first = lines[0]["subject"].as_str().expect("an id");
    let asked = world
        .lists_all(&format!("/v1/candidates/{first}/document-requests"))
        .await;
    let papers: Vec<_> = asked
        .iter()
        .map(|it| it["document"].as_str().expect("a document").to_owned())
        .collect();
    assert_eq!(papers.len(), 12);
}

async fn a_poisoned_line_stops_no_other(world: World) {
    let scene = Scene::applied(world).await;
    let ada = id(&scene.ada).to_owned();
    let gone = registers(&scene, "Gone").await;
    scene.delete(&gone).await.is(200);
    let fact = |data: Value| json!({"candidate": ada, "type": "SearchActivityLogged", "data": data}).to_string();
    let good = fact(json!({"kind": "searched"}));
    let new = CandidateId::new(Uuid::now_v7()).to_string();
    let lines = [
        (good.clone(), "", ""),
        ("{".to_owned(), "malformed", ""),
        ("[]".to_owned(), "invalid", ""),
        ("null".to_owned(), "invalid", ""),
        ("\u{0}".to_owned(), "malformed", ""),
        (json!({"type": "SearchActivityLogged", "data": {}}).to_string(), "invalid", "/candidate"),
        (json!({"candidate": "cnd_x", "type": "SearchResumed"}).to_string(), "unknown_reference", "/candidate"),
        (json!({"candidate": 7, "type": "SearchResumed"}).to_string(), "unknown_reference", "/candidate"),
        (json!({"candidate": new, "type": "SearchResumed", "data": {}}).to_string(), "unknown_reference", "/candidate"),
        (json!({"candidate": new, "type": "CandidateRegistered", "data": {"name": "New", "time_zone": "UTC"}}).to_string(), "", ""),
        (json!({"candidate": new, "type": "SearchActivityLogged", "data": {"kind": "trained"}}).to_string(), "", ""),
        (json!({"candidate": id(&gone), "type": "SearchActivityLogged", "data": {"kind": "trained"}}).to_string(), "candidate_erased", ""),
        (json!({"candidate": ada, "data": {}}).to_string(), "invalid", "/type"),
        (json!({"candidate": ada, "type": "What", "data": {}}).to_string(), "invalid", "/type"),
        (json!({"candidate": ada, "type": "CandidateErased", "data": {}}).to_string(), "invalid", "/type"),
        (json!({"candidate": ada, "type": "TaskOverdue", "data": {"task": "task_01k9ze3n8qfq7s5b1x5n0v3gk2"}}).to_string(), "invalid", "/type"),
        (fact(json!({"kind": "danced"})), "invalid", "/data/kind"),
        (json!({"candidate": ada, "type": "SearchResumed", "data": {}, "more": 1}).to_string(), "invalid", "/more"),
        (json!({"candidate": ada, "type": "SearchResumed", "data": {}}).to_string(), "search_not_paused", ""),
        (json!({"candidate": ada, "type": "DocumentRequested", "application": "app_01k9ze3n8qfq7s5b1x5n0v3gk2", "data": {"document": "x"}}).to_string(),
            "unknown_reference", "/application"),
        (format!("{{\"candidate\": \"{ada}\", \"type\": \"SearchResumed\", \"data\": {{\"x\": \"{}\"}}}}", "x".repeat(1 << 20)), "too_large", ""),
        (good, "", ""),
    ];
    let text: Vec<String> = lines.iter().map(|(line, _, _)| line.clone()).collect();
    // Blank lines count and say nothing, and the last line needs no end.
    let told = results(&sends(&scene, format!("\n\r\n{}", text.join("\r\n"))).await);
    assert_eq!(told.len(), lines.len());
    for (nth, ((line, code, pointer), result)) in lines.iter().zip(&told).enumerate() {
        let shown: String = line.chars().take(200).collect();
        assert_eq!(result["line"], nth + 3, "{shown}");
        if code.is_empty() {
            assert_eq!(result["status"], "recorded", "{shown}: {result}");
            continue;
        }
        assert_eq!(
            (&result["status"], &result["problem"]["code"]),
            (&json!("refused"), &json!(code)),
            "{shown}: {result}"
        );
        if !pointer.is_empty() {
            assert_eq!(result["problem"]["errors"][0]["pointer"], *pointer, "{shown}: {result}");
        }
    }
}

async fn the_same_lines_again_record_nothing_twice(world: World) {
    let mut lines = career_centre(5, 60);
    lines.push(json!({"candidate": lines[1]["candidate"], "type": "SearchResumed", "data": {}}));
    // Ids of one's own make what has them once.
    let first = results(&sends(&world, body(&lines)).await);
    assert_eq!(counted(&first), BTreeMap::from([("recorded", 5 * 62), ("refused", 1)]));
    let again = results(&sends(&world, body(&lines)).await);
    // What has no id is another fact of a thing that is there.
    assert_eq!(
        counted(&again),
        BTreeMap::from([("already_recorded", 5 * 60), ("refused", 11)])
    );
    for (one, other) in first
        .iter()
        .zip(&again)
        .filter(|(_, other)| other["status"] == "already_recorded")
    {
        assert_eq!(one["event"], other["event"]);
    }
    // With a name for the request, nothing needs an id.
    let named = async |name: &str, lines: &[Value]| {
        let request = world
            .request(Method::POST, "/v1/facts")
            .header("Idempotency-Key", name)
            .header("Content-Type", "application/x-ndjson");
        results(&world.send(request.body(body(lines))).await)
    };
    let candidate = lines[1]["candidate"].clone();
    let mut searched: Vec<Value> = (0..300)
        .map(|_| json!({"candidate": candidate, "type": "SearchActivityLogged", "data": {"kind": "searched"}}))
        .collect();
    searched.push(lines.pop().expect("a line"));
    let first = named("monday", &searched).await;
    assert_eq!(counted(&first), BTreeMap::from([("recorded", 300), ("refused", 1)]));
    let events = world.lists_feed().await.len();
    assert_eq!(named("monday", &searched).await, first);
    // More lines under the same name go on where it ended.
    let more = [searched.clone(), searched[..10].to_vec()].concat();
    let told = named("monday", &more).await;
    assert_eq!(told[..256], first[..256]);
    assert_eq!(told[256]["problem"]["code"], "idempotency_reused", "{}", told[256]);
    assert_eq!(world.lists_feed().await.len(), events);
    // Of who was erased every line is refused, under a name that is known and under another.
    let path = format!("/v1/candidates/{}", candidate.as_str().expect("an id"));
    world.delete(&path).await.is(200);
    for name in ["monday", "tuesday", "tuesday"] {
        for result in named(name, &searched).await {
            assert_eq!(result["problem"]["code"], "candidate_erased", "{name}: {result}");
        }
    }
}

async fn lines_that_came_before_their_candidate_are_told_the_same_again(world: World) {
    let candidate = CandidateId::new(Uuid::now_v7()).to_string();
    let searched = json!({"candidate": candidate, "type": "SearchActivityLogged", "data": {"kind": "searched"}});
    let registered =
        json!({"candidate": candidate, "type": "CandidateRegistered", "data": {"name": "Ada", "time_zone": "UTC"}});
    let lines = [&searched, &registered, &searched].map(Value::clone);
    let named = async || {
        let request = world
            .request(Method::POST, "/v1/facts")
            .header("Idempotency-Key", "monday")
            .header("Content-Type", "application/x-ndjson");
        results(&world.send(request.body(body(&lines))).await)
    };
    let first = named().await;
    assert_eq!(first[0]["problem"]["code"], "unknown_reference", "{}", first[0]);
    assert_eq!(counted(&first), BTreeMap::from([("recorded", 2), ("refused", 1)]));
    let facts = world.lists_feed().await;
    assert_eq!(named().await, first);
    assert_eq!(world.lists_feed().await, facts);
}

/// A request of which only the head and some of the body are sent.
async fn raw(client: &Client, length: usize, body: &str) -> tokio::net::TcpStream {
    begun(client, ["/v1/facts", "application/x-ndjson"], length, body).await
}

async fn begun(client: &Client, [path, kind]: [&str; 2], length: usize, body: &str) -> tokio::net::TcpStream {
    let host = client.base().trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host).await.expect("connected");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n",
        client.key()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(body.as_bytes()).await.expect("sent");
    stream
}

async fn a_broken_connection_leaves_what_was_told_and_repeats_cleanly(world: World) {
    let lines = career_centre(3, 200);
    let whole = body(&lines);
    let half = &whole[..whole.len() / 2];
    let mut stream = raw(&world, whole.len(), half).await;
    // The first results come while the rest is still to be sent.
    let mut told = Vec::new();
    while told.iter().filter(|byte| **byte == b'\n').count() < 200 {
        let mut some = [0; 4096];
        let many = stream.read(&mut some).await.expect("read");
        assert!(many > 0, "it ended: {}", String::from_utf8_lossy(&told));
        told.extend_from_slice(&some[..many]);
    }
    drop(stream);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let text = String::from_utf8_lossy(&told).into_owned();
    let acknowledged = text.matches("\"status\":\"recorded\"").count();
    let facts = world.lists_feed().await.len();
    assert!(
        acknowledged >= 100 && facts >= acknowledged,
        "{facts} recorded, {acknowledged} told"
    );
    assert!(facts < lines.len(), "all of it arrived");
    let again = results(&sends(&world, whole).await);
    let counted = counted(&again);
    // Six lines have no id: their candidates and applications are there.
    assert_eq!(counted["refused"], 6, "{counted:?}");
    assert_eq!(counted["recorded"] + facts, lines.len());
    assert_eq!(world.lists_feed().await.len(), lines.len());
}

async fn who_sends_all_before_reading_is_not_left_waiting(world: World) {
    let lines = career_centre(20, 198);
    let whole = body(&lines);
    let mut stream = raw(&world, whole.len(), &whole).await;
    let mut told = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(120), stream.read_to_end(&mut told));
    reading.await.expect("in time").expect("read");
    let text = String::from_utf8_lossy(&told);
    assert_eq!(text.matches("\"status\":\"recorded\"").count(), lines.len());
}

async fn who_sends_on_after_the_key_is_revoked_records_no_more(world: World) {
    let made = world.post("/v1/keys", json!({"scopes": ["candidates:write"]})).await;
    let client = world.with_key(made.is(201)["key"].as_str().expect("a key"));
    // As many as are recorded together, and one more.
    let lines = career_centre(1, 255);
    let lines: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
    let (first, last) = (lines[..256].concat(), &lines[256]);
    let mut bulk = raw(&client, first.len() + last.len(), &first).await;
    let mut told = String::new();
    while !told.contains("\"status\":\"recorded\"") {
        let mut some = [0; 4096];
        let many = bulk.read(&mut some).await.expect("read");
        assert!(many > 0, "it ended: {told}");
        told.push_str(&String::from_utf8_lossy(&some[..many]));
    }
    let body = json!({"name": "Joan", "time_zone": "UTC"}).to_string();
    let (first, rest) = body.split_at(10);
    let mut single = begun(&client, ["/v1/candidates", "application/json"], body.len(), first).await;
    // The head is read and the key admitted, before it is revoked.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let key = made["id"].as_str().expect("an id");
    world.delete(&format!("/v1/keys/{key}")).await.is(200);
    for (stream, rest, status) in [
        (&mut bulk, last.as_str(), "\"line\":257,\"status\":\"refused\""),
        (&mut single, rest, "HTTP/1.1 401"),
    ] {
        stream.write_all(rest.as_bytes()).await.expect("sent");
        let mut told = String::new();
        stream.read_to_string(&mut told).await.expect("read");
        assert!(
            told.contains(status) && told.contains("\"code\":\"unauthenticated\""),
            "{told}"
        );
    }
    assert_eq!(world.lists_feed().await.len(), 256);
}

async fn a_request_that_is_no_lines_is_refused(world: World) {
    let ada = registers(&world, "Ada").await;
    let line = json!({"candidate": id(&ada), "type": "SearchActivityLogged", "data": {"kind": "searched"}}).to_string();
    let send = async |kind: &str, coding: Option<&str>, query: &str| {
        let request = world
            .request(Method::POST, &format!("/v1/facts{query}"))
            .header("Content-Type", kind);
        let request = match coding {
            Some(coding) => request.header("Content-Encoding", coding),
            None => request,
        };
        world.send(request.body(line.clone())).await
    };
    for kind in ["application/json", "text/plain", "x"] {
        send(kind, None, "").await.refuses(415, "unsupported_media_type");
    }
    send("application/x-ndjson", Some("gzip"), "")
        .await
        .refuses(415, "unsupported_media_type");
    send("application/x-ndjson", None, "?atomic=true")
        .await
        .refuses(422, "invalid")
        .names("?atomic");
    let reader = world.client("candidates:read", None, None).await;
    sends(&reader, line.clone()).await.refuses(403, "insufficient_scope");
    sends(&world.with_key("x"), line.clone())
        .await
        .refuses(401, "unauthenticated");
    world.get("/v1/facts").await.refuses(405, "method_not_allowed");
    assert!(results(&sends(&world, "").await).is_empty());
    for kind in [
        "application/x-ndjson; charset=utf-8",
        "application/jsonl",
        "application/ndjson",
    ] {
        assert_eq!(results(&send(kind, None, "").await)[0]["status"], "recorded", "{kind}");
    }
}

async fn a_body_has_its_limits(world: World) {
    let ada = registers(&world, "Ada").await;
    let line = json!({"candidate": id(&ada), "type": "SearchActivityLogged", "data": {"kind": "searched"}}).to_string();
    // Too many lines: those before are recorded, and the last result says why there are no more.
    let told = results(&sends(&world, format!("{line}\n{}", "\n".repeat(20_000))).await);
    assert_eq!((&told[0]["status"], told.len()), (&json!("recorded"), 2), "{told:?}");
    assert_eq!(told[1]["problem"]["code"], "too_large");
    let mut stream = raw(&world, 65 << 20, "").await;
    let mut told = vec![0; 4096];
    let many = stream.read(&mut told).await.expect("read");
    let text = String::from_utf8_lossy(&told[..many]).into_owned();
    assert!(text.starts_with("HTTP/1.1 413") && text.contains("too_large"), "{text}");
}

async fn a_key_writes_only_where_it_reaches(world: World) {
    let scene = Scene::applied(world).await;
    let ada = id(&scene.ada).to_owned();
    let other = scene.neighbour().await;
    let coach = scene.client("candidates:write", None, Some("spring")).await;
    let line = json!({"candidate": ada, "type": "SearchActivityLogged", "data": {"kind": "searched"}});
    let new = |groups: Value| {
        let subject = CandidateId::new(Uuid::now_v7()).to_string();
        json!({"type": "CandidateRegistered", "subject": subject, "data": {"name": "New", "time_zone": "UTC", "groups": groups}})
    };
    for client in [&*other, &coach] {
        let told = results(&sends(client, body(std::slice::from_ref(&line))).await);
        assert_eq!(told[0]["problem"]["code"], "unknown_reference", "{told:?}");
    }
    let told = results(&sends(&coach, body(&[new(json!([])), new(json!(["spring"])), line])).await);
    let statuses: Vec<_> = told.iter().map(|it| it["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["refused", "recorded", "refused"], "{told:?}");
    assert_eq!(told[0]["problem"]["code"], "insufficient_scope");
}

async fn what_is_candid_is_not_told_back(world: World) {
    let scene = Scene::interviewed(world).await;
    let line = json!({"candidate": id(&scene.ada), "type": "QuestionRecorded", "data": {"interview": id(&scene.interview),
        "question": "Why?", "category": "other", "answer": "SECRET", "reception": "well"}});
    let writer = scene.client("candidates:write", None, None).await;
    let answer = sends(&writer, body(&vec![line.clone(); 300])).await;
    let told = results(&answer);
    assert_eq!(counted(&told), BTreeMap::from([("recorded", 300)]));
    assert_eq!(told[299]["event"]["data"]["question"], "Why?");
    assert!(!String::from_utf8_lossy(&answer.body).contains("SECRET"));
    let answer = sends(&scene, body(&[line])).await;
    assert!(String::from_utf8_lossy(&answer.body).contains("SECRET"), "{answer}");
}
