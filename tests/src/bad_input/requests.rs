//! What stands around a body: keys, methods, paths, headers.

use afterword::edge::api_key::ApiKey;
use reqwest::Method;
use serde_json::json;

use super::records_nothing;
use crate::{harness::World, scenes::registers, stories};

stories![
    without_a_valid_key_nobody_is_told_anything,
    a_path_has_its_methods,
    headers_are_read_strictly,
];

async fn without_a_valid_key_nobody_is_told_anything(world: World) {
    let ada = registers(&world, "Ada Lovelace").await;
    let key = world.key();
    let mut mistyped = key.to_owned();
    mistyped.replace_range(20..21, if &key[20..21] == "x" { "y" } else { "x" });
    let unknown = ApiKey::generate(world.tenant.0, false).expect("a key");
    let elsewhere = ApiKey::generate(world.tenant.0 + 500_000, false).expect("a key");
    let test = ApiKey::generate(world.tenant.0, true).expect("a key");
    let keys = [
        "",
        "x",
        "aw_live_",
        &mistyped,
        &key[..key.len() - 1],
        unknown.expose(),
        elsewhere.expose(),
        test.expose(),
        &key.to_lowercase(),
    ];
    records_nothing(&world, async || {
        for key in keys {
            let client = world.with_key(key);
            for answer in [
                client.get(&ada).await,
                client.post("/v1/candidates", json!({})).await,
                client.get("/v1/events").await,
            ] {
                assert_eq!(
                    answer.refuses(401, "unauthenticated").header("www-authenticate"),
                    "Bearer",
                    "{answer}"
                );
                assert!(!answer.to_string().contains("Lovelace"));
            }
        }
        let http = reqwest::Client::new();
        for value in [
            None,
            Some(format!("Basic {key}")),
            Some(key.to_owned()),
            Some(format!("Bearer {key} {key}")),
            Some("Bearer".into()),
        ] {
            let request = http.get(format!("{}{ada}", world.base()));
            let request = match value {
                Some(value) => request.header("Authorization", value),
                None => request,
            };
            world.send(request).await.refuses(401, "unauthenticated");
        }
    })
    .await;
}

async fn a_path_has_its_methods(world: World) {
    let ada = registers(&world, "Ada").await;
    let allowed = [
        (Method::PUT, "/v1/candidates".to_owned(), "GET, HEAD, POST"),
        (Method::DELETE, "/v1/candidates".to_owned(), "GET, HEAD, POST"),
        (Method::POST, ada.clone(), "DELETE, GET, HEAD, PATCH"),
        (Method::GET, format!("{ada}/facts"), "POST"),
        // Written out, and not the id of a note or a webhook.
        (Method::GET, format!("{ada}/notes/check"), "POST"),
        (Method::PATCH, format!("{ada}/notes/suggestions"), "POST"),
        (Method::DELETE, "/v1/webhooks/samples".to_owned(), "GET, HEAD"),
        (Method::POST, "/v1/tasks".to_owned(), "GET, HEAD"),
        (Method::POST, "/healthz".to_owned(), "GET, HEAD"),
        (Method::TRACE, "/v1/tasks".to_owned(), "GET, HEAD"),
    ];
    for (method, path, allow) in allowed {
        let answer = world.send(world.request(method, &path)).await;
        assert_eq!(
            answer.refuses(405, "method_not_allowed").header("allow"),
            allow,
            "{answer}"
        );
    }
    for path in [
        "/",
        "/v1",
        "/v2/candidates",
        "/v1/candidate",
        "/v1/candidates/",
        "/V1/candidates",
        "/v1//candidates",
        "/v1/candidates/x/y/z",
        "/.env",
        "/v1/%2e%2e/x",
    ] {
        for method in [Method::GET, Method::POST] {
            world.send(world.request(method, path)).await.refuses(404, "not_found");
        }
    }
    let page = world.get("/problems/not_found").await;
    assert!(page.is(200).header("content-type").starts_with("text/html"));
    world.get("/problems/no_such_problem").await.refuses(404, "not_found");
}

async fn headers_are_read_strictly(world: World) {
    let ada = registers(&world, "Ada").await;
    let long = "k".repeat(256);
    records_nothing(&world, async || {
        for key in ["", "two words", "\"unclosed", "\"a\"b", &long, "\u{e9}"] {
            for path in [&format!("{ada}/contacts"), "/v1/playbook/trial"] {
                let request = world
                    .request(Method::POST, path)
                    .header("Idempotency-Key", key.as_bytes());
                let answer = world.send(request.json(&json!({"name": "Ben"}))).await;
                assert!([400, 422].contains(&answer.status), "{answer}");
                answer.names("Idempotency-Key");
            }
        }
        let twice = world
            .request(Method::POST, &format!("{ada}/contacts"))
            .header("Idempotency-Key", "a")
            .header("Idempotency-Key", "b");
        world
            .send(twice.json(&json!({"name": "Ben"})))
            .await
            .names("Idempotency-Key");
        for tag in ["abc", "\"unclosed", "W/", ""] {
            let request = world
                .request(Method::POST, &format!("{ada}/contacts"))
                .header("If-Match", tag);
            world
                .send(request.json(&json!({"name": "Ben"})))
                .await
                .refuses(400, "malformed")
                .names("If-Match");
        }
        let stale = world
            .request(Method::POST, &format!("{ada}/contacts"))
            .header("If-Match", "\"of-another\"");
        world
            .send(stale.json(&json!({"name": "Ben"})))
            .await
            .refuses(412, "stale");
    })
    .await;
}
