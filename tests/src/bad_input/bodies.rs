//! Bodies: no JSON, too large, no text, of another type.

use reqwest::{
    Method,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use serde_json::json;

use super::{ada, posts, records_nothing, sends};
use crate::{
    harness::World,
    scenes::{Scene, registers},
    stories,
};

stories![
    what_is_no_json_is_malformed,
    a_body_has_a_limit,
    what_is_no_text_is_refused,
    a_body_says_what_it_is,
];

async fn what_is_no_json_is_malformed(world: World) {
    records_nothing(&world, async || {
        let bodies: [&[u8]; 9] = [
            b"{",
            b"{\"name\": \"Ada\",}",
            b"{'name': 'Ada'}",
            b"name=Ada",
            b"{} {}",
            b"\xff\xfe",
            b"{\"name\": \"\xff\"}",
            b"{\"name\": 1e999}",
            b"\xef\xbb\xbf{}",
        ];
        for body in bodies {
            posts(&world, "/v1/candidates", body).await.refuses(400, "malformed");
        }
        let at = posts(&world, "/v1/candidates", "{\"name\": \"Ada\",\n \"time_zone\": }").await;
        assert!(
            at.refuses(400, "malformed")["detail"]
                .as_str()
                .unwrap()
                .contains("line 2"),
            "{at}"
        );
        let twice = posts(
            &world,
            "/v1/candidates",
            r#"{"name": "Ada", "name": "Eve", "time_zone": "UTC"}"#,
        )
        .await;
        assert!(
            twice.refuses(400, "malformed")["detail"]
                .as_str()
                .unwrap()
                .contains("name"),
            "{twice}"
        );
        let deep = format!("{{\"name\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        posts(&world, "/v1/candidates", deep).await.refuses(400, "malformed");
        for body in ["[]", "null", "\"Ada\"", "1", "true"] {
            posts(&world, "/v1/candidates", body)
                .await
                .refuses(422, "invalid")
                .names("");
        }
    })
    .await;
}

async fn a_body_has_a_limit(world: World) {
    records_nothing(&world, async || {
        let large = ada("strengths", json!(["x".repeat(1 << 20)]));
        let refused = world.post("/v1/candidates", large).await;
        assert!(
            refused.refuses(413, "too_large")["detail"]
                .as_str()
                .unwrap()
                .contains("1048576"),
            "{refused}"
        );
        let blank = vec![b' '; (1 << 20) + 1];
        posts(&world, "/v1/candidates", blank).await.refuses(413, "too_large");
        // The same without a length announced.
        let parts = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1 << 16]));
        let parts = futures_util::StreamExt::take(parts, 17);
        let request = world
            .request(Method::POST, "/v1/candidates")
            .header(CONTENT_TYPE, "application/json");
        world
            .send(request.body(reqwest::Body::wrap_stream(parts)))
            .await
            .refuses(413, "too_large");
    })
    .await;
    let fits = ada("strengths", json!(vec!["x".repeat(50_000); 20]));
    world.post("/v1/candidates", fits).await.is(201);
}

async fn what_is_no_text_is_refused(world: World) {
    let scene = Scene::applied(world).await;
    records_nothing(&scene, async || {
        let registration = |name: &str| format!(r#"{{"name": "{name}", "time_zone": "UTC"}}"#);
        for name in [
            r"\u0000",
            r"Ada\u0000",
            r"\ud800",
            r"\udc00",
            r"\ud800\ud800",
            r"Ada \udfff Lovelace",
        ] {
            posts(&scene, "/v1/candidates", registration(name))
                .await
                .refuses(422, "invalid")
                .names("/name");
        }
        let nested = r#"{"facts": [{"type": "ContactCollected", "data": {"name": "A\u0000"}}]}"#;
        posts(&scene, &format!("{}/facts", scene.ada), nested)
            .await
            .refuses(422, "invalid")
            .names("/facts/0/data/name");
        for name in [r"Ada\nLovelace", r"Ada\tLovelace", r"\u001b[31mAda"] {
            posts(&scene, "/v1/candidates", registration(name))
                .await
                .refuses(422, "invalid")
                .names("/name");
        }
        scene
            .get("/v1/candidates?external_id=a%00b")
            .await
            .refuses(422, "invalid")
            .names("?external_id");
        scene
            .get("/v1/candidates?external_id=%ff")
            .await
            .refuses(422, "invalid")
            .names("?external_id");
    })
    .await;
    // Any other text is kept as it is.
    for name in [
        "é😀 \u{202e}Ada",
        "田中 太郎",
        "<script>alert(1)</script>",
        "'; DROP TABLE events; --",
        "a\u{301}\u{200d}",
        "{{7*7}}%s%n",
    ] {
        let path = scene.makes("/v1/candidates", ada("name", json!(name))).await;
        assert_eq!(scene.sees(&path).await["name"], name);
    }
}

async fn a_body_says_what_it_is(world: World) {
    let path = registers(&world, "Ada").await;
    let body = ada("phone", json!("1")).to_string();
    records_nothing(&world, async || {
        for content in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/xml",
            "application/json; charset=utf-16",
            "json",
            "application/merge-patch+json",
        ] {
            sends(&world, Method::POST, "/v1/candidates", content, body.clone())
                .await
                .refuses(415, "unsupported_media_type");
        }
        let untold = world.request(Method::POST, "/v1/candidates").body(body.clone());
        world.send(untold).await.refuses(415, "unsupported_media_type");
        let packed = world
            .request(Method::POST, "/v1/candidates")
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_ENCODING, "gzip");
        world
            .send(packed.body(body.clone()))
            .await
            .refuses(415, "unsupported_media_type");
        sends(&world, Method::PATCH, &path, "text/plain", "{}")
            .await
            .refuses(415, "unsupported_media_type");
    })
    .await;
    for content in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
    ] {
        sends(&world, Method::POST, "/v1/candidates", content, body.clone())
            .await
            .is(201);
    }
    sends(
        &world,
        Method::PATCH,
        &path,
        "application/merge-patch+json; charset=utf-8",
        r#"{"phone": "2"}"#,
    )
    .await
    .is(200);
}
