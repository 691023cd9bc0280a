//! A tenant's mail server: what may be put, and who sees what of it.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    ended, puts, reviewed,
    server::{Secured, Server},
};
use crate::{
    harness::{World, behind},
    scenes::Scene,
    stories,
};

stories![
    the_mail_server_is_the_tenants_and_its_password_nobodys,
    wrong_settings_are_named,
];

async fn the_mail_server_is_the_tenants_and_its_password_nobodys(world: World) {
    let scene = Scene::interviewed(world).await;
    scene.get("/v1/mail").await.refuses(404, "not_found");
    scene.delete("/v1/mail").await.refuses(404, "not_found");
    let first = json!({"host": "SMTP.Centre.example", "port": 587, "security": "starttls", "username": "ada",
        "password": "SECRET", "from": {"address": "letters@centre.example", "name": "Centre"}});
    let put = |body: &Value, name: &str| {
        let request = scene
            .request(Method::PUT, "/v1/mail")
            .header("Idempotency-Key", name.to_owned());
        scene.send(request.json(body))
    };
    let answer = put(&first, "first").await;
    let shown = json!({"host": "smtp.centre.example", "port": 587, "security": "starttls", "username": "ada",
        "password_set": true, "from": {"address": "letters@centre.example", "name": "Centre"},
        "updated_at": "2026-03-02T14:10:00Z"});
    assert_eq!(answer.is(200).json, shown);
    let seen = scene.get("/v1/mail").await;
    assert_eq!(
        (seen.is(200).json.clone(), seen.header("etag")),
        (shown.clone(), answer.header("etag"))
    );
    scene.clock.advance(SignedDuration::from_mins(1));
    let other = json!({"host": "smtp.centre.example", "port": 465, "security": "tls"});
    assert_eq!(put(&other, "second").await.is(200)["password_set"], false);
    let again = put(&first, "first").await;
    assert_eq!(
        (again.is(200).json.clone(), again.header("idempotency-replayed")),
        (shown, "true")
    );
    assert_eq!(
        scene.sees("/v1/mail").await["port"],
        465,
        "what was sent again has no effect"
    );
    put(&other, "first").await.refuses(422, "idempotency_reused");
    let stale = scene
        .request(Method::PUT, "/v1/mail")
        .header("If-Match", answer.header("etag"));
    scene.send(stale.json(&first)).await.refuses(412, "stale");
    // Nothing of it is readable where it lies.
    puts(&scene, &first).await.is(200);
    let (store, tenant) = (scene.store.clone(), scene.tenant);
    let kept = behind(async move { store.mail(tenant).await })
        .await
        .expect("done")
        .expect("answers");
    assert!(
        String::from_utf8_lossy(&kept.expect("settings").0).contains("SECRET"),
        "it opens with the key"
    );
    for answer in [seen, answer, again] {
        assert!(!String::from_utf8_lossy(&answer.body).contains("SECRET"));
    }
    // Each tenant has its own.
    let other = scene.neighbour().await;
    other.get("/v1/mail").await.refuses(404, "not_found");
    other.delete("/v1/mail").await.refuses(404, "not_found");
    let removed = scene.delete("/v1/mail").await;
    assert_eq!(removed.is(200)["removed_at"], "2026-03-02T14:11:00Z");
    scene.get("/v1/mail").await.refuses(404, "not_found");
}

async fn wrong_settings_are_named(world: World) {
    let right =
        json!({"host": "smtp.centre.example", "port": 465, "security": "tls", "username": "ada", "password": "x"});
    for (pointer, change) in [
        ("/host", json!({"host": ""})),
        ("/host", json!({"host": "smtp.centre.example:465"})),
        ("/host", json!({"host": "smtp://centre.example"})),
        ("/host", json!({"host": "a b\r\nQUIT"})),
        ("/host", json!({"host": "169.254.169.254"})),
        ("/host", json!({"host": "0xa9fea9fe"})),
        ("/host", json!({"host": "::ffff:127.0.0.1"})),
        ("/host", json!({"host": 5})),
        ("/port", json!({"port": 0})),
        ("/port", json!({"port": 65536})),
        ("/port", json!({"port": "465"})),
        ("/security", json!({"security": "ssl"})),
        ("/username", json!({"username": "a\nb"})),
        ("/username", json!({"username": null})),
        ("/password", json!({"password": null})),
        ("/password", json!({"password": ""})),
        ("/password", json!({"password": ["SECRET"]})),
        ("/password", json!({"password": "SECRET\r\nQUIT"})),
        ("/from/address", json!({"from": {"address": "nobody"}})),
        ("/from/address", json!({"from": {"address": "a\"b\"@x.example"}})),
        ("/from/address", json!({"from": {}})),
        (
            "/from/name",
            json!({"from": {"address": "a@x.example", "name": "A\r\nBcc: all"}}),
        ),
        ("/starttls", json!({"starttls": true})),
        ("/password_set", json!({"password_set": true})),
    ] {
        let mut body = right.clone();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = world.send(world.request(Method::PUT, "/v1/mail").json(&body)).await;
        answer.refuses(422, "invalid").names(pointer);
        assert!(!String::from_utf8_lossy(&answer.body).contains("SECRET"), "{answer}");
    }
    for missing in ["host", "port", "security"] {
        let mut body = right.clone();
        body.as_object_mut().unwrap().remove(missing);
        let answer = world.send(world.request(Method::PUT, "/v1/mail").json(&body)).await;
        answer.refuses(422, "invalid").names(&format!("/{missing}"));
    }
    world.get("/v1/mail").await.refuses(404, "not_found");
    // Who may not reach private networks is told so, and reaches none.
    let strict = world.strict();
    for (pointer, body) in [
        ("/host", json!({"host": "127.0.0.1", "port": 25, "security": "tls"})),
        (
            "/security",
            json!({"host": "smtp.centre.example", "port": 25, "security": "none"}),
        ),
    ] {
        let answer = strict.send(strict.request(Method::PUT, "/v1/mail").json(&body)).await;
        answer.refuses(422, "invalid").names(pointer);
    }
    let scene = Scene::interviewed(world).await;
    scene
        .patch(&scene.ada, json!({"email": "ada@post.example"}))
        .await
        .is(200);
    let server = Server::start(Secured::No).await;
    let body = json!({"host": "localhost", "port": server.port, "security": "starttls"});
    strict
        .send(strict.request(Method::PUT, "/v1/mail").json(&body))
        .await
        .is(200);
    let note = reviewed(&scene).await;
    let delivery = ended(
        &strict.post(&format!("{note}/deliveries"), json!({})).await,
        "failed",
        "connect",
    );
    assert_eq!((&delivery["reason"], server.connections()), (&json!("host_refused"), 0));
}
