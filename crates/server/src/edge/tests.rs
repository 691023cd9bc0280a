//! The edge as a client meets it, over real connections: whoever refuses, the framework included, the answer is a
//! problem document.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use actix_web::middleware::from_fn;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::Value;

use super::clock::Clock;
use super::etag::answer;
use super::keys::{Authenticator, tests::InMemory};
use super::middleware::{self, Edge};
use super::problem::Problem;
use super::query::{NoParameters, Query};
use super::rate_limit::RateLimits;
use super::routes::{Methods, fallback};
use super::scopes::{Caller, Scope};
use super::{body, pages};

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let line = self
            .head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }

    /// The problem's code, after checking what every problem document holds.
    fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.head
        );
        let document: Value = serde_json::from_str(&self.body).expect("JSON");
        assert_eq!(document["status"], self.status);
        assert_eq!(document["request_id"].as_str(), self.header("x-request-id"));
        let code = document["code"].as_str().expect("a code").to_owned();
        assert_eq!(document["type"], format!("https://afterword.example/problems/{code}"));
        assert!(document["title"].is_string() && document["detail"].is_string() && document["errors"].is_array());
        assert_eq!(self.header("cache-control"), Some("no-store"));
        code
    }
}

async fn read(caller: Caller, _: Query<NoParameters>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    caller.require(Scope::CandidatesRead)?;
    answer(&request, None, None, &serde_json::json!({"tenant": caller.tenant}))
}

async fn write(_: Caller, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Created().json(body::read_json(&request, payload, 1024).await?))
}

async fn broken() -> HttpResponse {
    panic!("the candidate's name is Ada")
}

async fn framework_refuses(_: web::Json<u8>) -> HttpResponse {
    HttpResponse::Ok().finish()
}

/// A server on a free port, and the header of a key that it knows.
async fn served(rate: &str) -> (SocketAddr, String) {
    let (stored, key) = InMemory::with_key(None);
    let keys = web::Data::new(Authenticator::new(stored, Clock::system()));
    let limits = web::Data::new(RateLimits::new(rate.parse().expect("a rate")));
    let methods = web::Data::new(Methods::new([
        ("/v1/things", "GET"),
        ("/v1/things", "POST"),
        ("/v1/broken", "GET"),
    ]));
    let edge = web::Data::new(Edge {
        clock: Clock::system(),
        base: "https://afterword.example".to_owned(),
        ..Edge::default()
    });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(keys.clone())
            .app_data(limits.clone())
            .app_data(methods.clone())
            .app_data(edge.clone())
            .wrap(from_fn(middleware::edge))
            .configure(pages::configure)
            .service(
                web::scope("/v1")
                    .service(web::resource("/things").guard(actix_web::guard::Get()).to(read))
                    .service(web::resource("/things").guard(actix_web::guard::Post()).to(write))
                    .route("/broken", web::get().to(broken))
                    .route("/framework", web::post().to(framework_refuses)),
            )
            .default_service(web::to(fallback))
    });
    let server = server.workers(1).bind("127.0.0.1:0").expect("a port");
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    (address, format!("Authorization: {key}\r\n"))
}

async fn ask(address: SocketAddr, request: String) -> Answer {
    let asking = web::block(move || {
        let mut connection = TcpStream::connect(address).expect("connected");
        connection.write_all(request.as_bytes()).expect("written");
        let mut answered = String::new();
        connection.read_to_string(&mut answered).expect("read");
        answered
    });
    let answered = asking.await.expect("answered");
    let (head, body) = answered.split_once("\r\n\r\n").expect("a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("a status");
    Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

fn get(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
}

fn post(headers: &str, body: &str) -> String {
    get(
        "POST",
        "/v1/things",
        &format!("{headers}Content-Length: {}\r\n", body.len()),
    ) + body
}

#[actix_web::test]
async fn what_the_framework_refuses_is_a_problem_too() {
    let (address, key) = served("1000/min").await;
    assert_eq!(ask(address, get("GET", "/nowhere", "")).await.code(), "not_found");
    assert_eq!(ask(address, get("GET", "/v1/nowhere", &key)).await.code(), "not_found");
    for (method, path, allow) in [
        ("DELETE", "/v1/things", "GET, HEAD, POST"),
        ("OPTIONS", "/v1/broken", "GET, HEAD"),
        ("POST", "/problems", "GET, HEAD"),
    ] {
        let refused = ask(address, get(method, path, "")).await;
        assert_eq!(
            (refused.status, refused.code().as_str(), refused.header("allow")),
            (405, "method_not_allowed", Some(allow))
        );
    }
    let refused = ask(
        address,
        get(
            "POST",
            "/v1/framework",
            "Content-Length: 1\r\nContent-Type: application/json\r\n",
        ) + "x",
    )
    .await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "malformed"));
}

#[actix_web::test]
async fn a_panic_is_answered_without_its_words() {
    let (address, _) = served("1000/min").await;
    for _ in 0..2 {
        let refused = ask(address, get("GET", "/v1/broken", "")).await;
        assert_eq!((refused.status, refused.code().as_str()), (500, "internal"));
        assert!(!refused.body.contains("Ada"));
    }
}

#[actix_web::test]
async fn without_a_valid_key_nothing_is_read() {
    let (address, key) = served("1000/min").await;
    for header in [
        "",
        "Authorization: Bearer nonsense\r\n",
        "Authorization: Basic eDp5\r\n",
    ] {
        let refused = ask(address, get("GET", "/v1/things", header)).await;
        assert_eq!((refused.status, refused.code().as_str()), (401, "unauthenticated"));
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    }
    let answered = ask(address, get("GET", "/v1/things", &key)).await;
    assert_eq!((answered.status, answered.body.as_str()), (200, "{\"tenant\":5}"));
    assert_eq!(answered.header("cache-control"), Some("no-store"));
    assert_eq!(answered.header("x-content-type-options"), Some("nosniff"));
    let tag = answered.header("etag").expect("a tag");
    let again = ask(
        address,
        get("GET", "/v1/things", &format!("{key}If-None-Match: {tag}\r\n")),
    )
    .await;
    assert_eq!((again.status, again.header("etag")), (304, Some(tag)));
    let head = ask(address, get("HEAD", "/v1/things", &key)).await;
    assert_eq!(
        (head.status, head.body.as_str(), head.header("content-length")),
        (200, "", Some("12"))
    );
    assert_eq!(ask(address, get("GET", "/v1/things?x=1", &key)).await.code(), "invalid");
}

#[actix_web::test]
async fn a_body_is_read_or_refused_for_a_reason() {
    let (address, key) = served("1000/min").await;
    let json = format!("{key}Content-Type: application/json\r\n");
    let created = ask(
        address,
        post(
            &format!("{key}Content-Type: Application/JSON; charset=\"UTF-8\"\r\n"),
            "{\"a\": 1}",
        ),
    )
    .await;
    assert_eq!((created.status, created.body.as_str()), (201, "{\"a\":1}"));
    assert_eq!(ask(address, post(&key, "")).await.status, 201);
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(2000));
    let chunked = format!("{json}Transfer-Encoding: chunked\r\n");
    for (request, status, code) in [
        (post(&key, "{}"), 415, "unsupported_media_type"),
        (
            post(&format!("{key}Content-Type: text/plain\r\n"), "{}"),
            415,
            "unsupported_media_type",
        ),
        (
            post(&format!("{key}Content-Type: application/merge-patch+json\r\n"), "{}"),
            415,
            "unsupported_media_type",
        ),
        (
            post(
                &format!("{key}Content-Type: application/json; charset=latin1\r\n"),
                "{}",
            ),
            415,
            "unsupported_media_type",
        ),
        (
            post(&format!("{json}Content-Encoding: gzip\r\n"), "{}"),
            415,
            "unsupported_media_type",
        ),
        (post(&json, "{"), 400, "malformed"),
        (post(&json, &large), 413, "too_large"),
        (
            get("POST", "/v1/things", &chunked) + &format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len()),
            413,
            "too_large",
        ),
    ] {
        let refused = ask(address, request).await;
        assert_eq!((refused.status, refused.code().as_str()), (status, code));
    }
}

#[actix_web::test]
async fn a_key_that_asks_too_often_is_told_when_to_come_back() {
    let (address, key) = served("2/h").await;
    let first = ask(address, get("GET", "/v1/things", &key)).await;
    assert_eq!(
        (first.header("ratelimit-policy"), first.header("ratelimit")),
        (Some("\"default\";q=2;w=3600"), Some("\"default\";r=1;t=1800"))
    );
    assert_eq!(ask(address, get("GET", "/v1/things", &key)).await.status, 200);
    let refused = ask(address, get("GET", "/v1/things", &key)).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limited"));
    assert_eq!(refused.header("ratelimit"), Some("\"default\";r=0;t=3600"));
    assert!(
        refused
            .header("retry-after")
            .is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 1700))
    );
}

#[actix_web::test]
async fn every_answer_names_its_request() {
    let (address, _) = served("1000/min").await;
    let traced = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    let page = ask(address, get("GET", "/problems/invalid", traced)).await;
    assert_eq!(
        (page.status, page.header("x-request-id")),
        (200, Some("4bf92f3577b34da6a3ce929d0e0e4736"))
    );
    assert!(
        page.header("content-security-policy")
            .is_some_and(|policy| policy.contains("frame-ancestors 'none'"))
    );
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    let other = ask(address, get("GET", "/problems", "X-Request-Id: chosen\r\n")).await;
    assert_eq!(other.header("x-request-id").map(str::len), Some(36));
}
