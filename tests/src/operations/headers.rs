//! What every answer tells browsers and caches, and which web pages may read it.

use afterword::{app::Options, edge::cors::Origin};
use reqwest::Method;
use serde_json::json;

use crate::{
    client::{Answer, Client},
    harness::World,
    scenes::Scene,
    stories,
};

stories![
    every_answer_keeps_browsers_and_caches_careful,
    pages_of_other_origins_read_nothing_unless_configured,
    a_page_that_is_allowed_asks_first_and_reads_what_it_needs,
    whoever_is_not_allowed_is_answered_as_if_nobody_were,
];

const PAGE: &str = "https://app.example";

async fn every_answer_keeps_browsers_and_caches_careful(world: World) {
    let scene = Scene::interviewed(world).await;
    let calendar = scene.post(&format!("{}/calendars", scene.ada), json!({})).await;
    let calendar = calendar.is(201)["url"].as_str().unwrap().to_owned();
    let calendar = calendar.strip_prefix(scene.base()).unwrap().to_owned();
    let nobody = scene.with_key("aw_live_none");
    let mut answers = vec![
        scene.get(&scene.ada).await,
        scene.get("/v1/events").await,
        scene.get(&format!("{}/export", scene.ada)).await,
        scene.get(&format!("{}/applications/none", scene.ada)).await,
        scene.post(&format!("{}/contacts", scene.ada), json!({"name": 1})).await,
        nobody.get(&scene.ada).await,
        nobody.get("/nothing").await,
        nobody.post("/healthz", json!({})).await,
        nobody.get(&calendar).await,
    ];
    for personal in &answers {
        let kept = personal.header("cache-control");
        assert!(kept == "no-store" || kept.starts_with("private"), "{personal}");
    }
    for page in [
        "/docs/",
        "/problems",
        "/problems/not_found",
        "/rules",
        "/openapi.json",
        "/healthz",
        "/readyz",
    ] {
        answers.push(nobody.get(page).await);
    }
    for answer in &answers {
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{answer}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{answer}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{answer}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{answer}");
        let html = answer.header("content-type").starts_with("text/html");
        assert!(
            policy.starts_with(if html {
                "default-src 'self';"
            } else {
                "default-src 'none';"
            }),
            "{answer}"
        );
        for told in [
            "server",
            "x-powered-by",
            "strict-transport-security",
            "access-control-allow-origin",
            "set-cookie",
        ] {
            assert_eq!(answer.maybe_header(told), None, "{answer}");
        }
    }
}

/// Another server over the same store that lets pages of some origins read.
fn allowing(world: &World, origins: &[&str]) -> Client {
    let origins: Vec<Origin> = origins.iter().map(|it| it.parse().expect("an origin")).collect();
    let options = Options {
        origins: origins.into(),
        ..Options::default()
    };
    world.another(world.clock.clone(), options)
}

/// A browser's question whether a page may send a request.
async fn asks(client: &Client, path: &str, origin: &str) -> Answer {
    let question = client
        .with_key("")
        .request(Method::OPTIONS, path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
        .header(
            "Access-Control-Request-Headers",
            "authorization,content-type,idempotency-key",
        );
    client.send(question).await
}

async fn from(client: &Client, path: &str, origin: &str) -> Answer {
    let request = client.request(Method::GET, path).header("Origin", origin);
    client.send(request).await
}

fn reads_nothing(answer: &Answer) {
    for name in [
        "allow-origin",
        "allow-credentials",
        "allow-headers",
        "allow-methods",
        "expose-headers",
    ] {
        assert_eq!(answer.maybe_header(&format!("access-control-{name}")), None, "{answer}");
    }
}

async fn pages_of_other_origins_read_nothing_unless_configured(world: World) {
    let question = asks(&world, "/v1/candidates", PAGE).await;
    reads_nothing(question.refuses(405, "method_not_allowed"));
    let answer = from(&world, "/v1/candidates", PAGE).await;
    reads_nothing(answer.is(200));
    let vary = answer.maybe_header("vary").unwrap_or_default();
    assert!(!vary.to_lowercase().contains("origin"), "{answer}");
}

async fn a_page_that_is_allowed_asks_first_and_reads_what_it_needs(world: World) {
    let client = allowing(&world, &["https://other.example", PAGE]);
    // Without a key: browsers send none with the question.
    let question = asks(&client, "/v1/candidates", PAGE).await;
    assert_eq!(question.is(204).header("access-control-allow-origin"), PAGE);
    let list = |name: &str| question.header(name).to_lowercase();
    for method in ["get", "post", "put", "patch", "delete"] {
        assert!(list("access-control-allow-methods").contains(method), "{question}");
    }
    for header in [
        "authorization",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "last-event-id",
    ] {
        assert!(list("access-control-allow-headers").contains(header), "{question}");
    }
    assert!(
        question
            .header("access-control-max-age")
            .parse::<u32>()
            .is_ok_and(|it| it <= 86400)
    );
    assert_eq!(
        question.maybe_header("access-control-allow-credentials"),
        None,
        "{question}"
    );
    assert!(question.header("vary").contains("Origin"), "{question}");

    let registration = json!({"name": "Ada Lovelace", "time_zone": "UTC"});
    let made = client
        .request(Method::POST, "/v1/candidates")
        .header("Origin", PAGE)
        .json(&registration);
    let made = client.send(made).await;
    let answers = [
        made,
        from(&client, "/v1/candidates", PAGE).await,
        // What was refused has a reason that a page should show.
        from(&client, "/v1/nothing", PAGE).await,
        from(&client.with_key("aw_live_none"), "/v1/candidates", PAGE).await,
    ];
    for answer in &answers {
        assert_eq!(answer.header("access-control-allow-origin"), PAGE, "{answer}");
        let exposed = answer.header("access-control-expose-headers").to_lowercase();
        for header in [
            "etag",
            "link",
            "location",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "x-request-id",
        ] {
            assert!(exposed.split(", ").any(|it| it == header), "{header}: {answer}");
        }
        assert_eq!(
            answer.maybe_header("access-control-allow-credentials"),
            None,
            "{answer}"
        );
    }
}

async fn whoever_is_not_allowed_is_answered_as_if_nobody_were(world: World) {
    let client = allowing(&world, &[PAGE]);
    let strangers = [
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://APP.example",
        "https://app.example/",
        "null",
        "*",
    ];
    for stranger in strangers {
        reads_nothing(
            asks(&client, "/v1/candidates", stranger)
                .await
                .refuses(405, "method_not_allowed"),
        );
        let answer = from(&client, "/v1/candidates", stranger).await;
        reads_nothing(answer.is(200));
        // A cache must not give this answer to the page that may.
        let vary = answer.headers.get_all("vary").iter().any(|it| it == "Origin");
        assert!(vary, "{answer}");
    }
    // A plain OPTIONS is no question of a browser's.
    let plain = client.request(Method::OPTIONS, "/v1/candidates").header("Origin", PAGE);
    client.send(plain).await.refuses(405, "method_not_allowed");
}
