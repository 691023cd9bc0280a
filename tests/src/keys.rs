//! Keys: how each is made, renewed and ended. What each may do stands in `walls/roles.rs`.

use std::time::{Duration, Instant};

use afterword::{app::Options, edge::api_key::ApiKey};
use futures_util::future::join_all;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Client, id},
    harness::World,
    scenes::{Scene, registers},
    stories,
};

stories![
    without_a_valid_key_there_is_no_answer,
    a_key_is_made_and_shown_once,
    a_key_is_rolled_with_an_overlap,
    a_revoked_key_ends_within_a_second_everywhere,
    who_waits_for_facts_with_a_key_that_is_revoked_hears_of_none,
    a_named_request_makes_and_ends_one_key,
];

async fn without_a_valid_key_there_is_no_answer(world: World) {
    let refused = async |client: &Client| {
        for path in [
            "/v1/candidates",
            "/v1/candidates/cnd_01k9ze3n8qfq7s5b1x5n0v3gk2",
            "/v1/events",
            "/v1/keys",
        ] {
            let answer = client.get(path).await;
            assert!(
                answer
                    .refuses(401, "unauthenticated")
                    .header("www-authenticate")
                    .starts_with("Bearer")
            );
        }
        client
            .post("/v1/candidates", json!({"what": 1}))
            .await
            .refuses(401, "unauthenticated");
    };
    let key = world.key().to_owned();
    let last = if key.ends_with('x') { 'y' } else { 'x' };
    let mistyped = format!("{}{last}", &key[..key.len() - 1]);
    let unknown = ApiKey::generate(world.tenant.0, false).unwrap();
    let elsewhere = ApiKey::generate(world.tenant.0 + 500_000, false).unwrap();
    let test = key.replace("aw_live_", "aw_test_");
    for wrong in [
        "",
        "aw_live_",
        "secret",
        &mistyped,
        &test,
        unknown.expose(),
        elsewhere.expose(),
        &format!("{key} {key}"),
    ] {
        refused(&world.with_key(wrong)).await;
    }
    let bare = reqwest::Client::new();
    let answer = bare
        .get(format!("{}/v1/candidates", world.base()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    let basic = bare
        .get(format!("{}/v1/candidates", world.base()))
        .basic_auth(&key, Some(""))
        .send()
        .await
        .unwrap();
    assert_eq!(basic.status(), 401);
    world.get("/v1/candidates").await.is(200);
}

async fn a_key_is_made_and_shown_once(world: World) {
    let scene = Scene::applied(world).await;
    let made = scene
        .post(
            "/v1/keys",
            json!({"scopes": ["candidates:read", "events:read"], "name": "reporting", "candidate": id(&scene.ada)}),
        )
        .await;
    let (secret, key) = (
        made.is(201)["key"].as_str().unwrap().to_owned(),
        made["id"].as_str().unwrap(),
    );
    assert!(
        key.starts_with("key_") && secret.starts_with("aw_live_") && secret.len() == "aw_live_".len() + 36,
        "{made}"
    );
    assert_eq!(
        (&made["scopes"], &made["candidate"], &made["name"]),
        (
            &json!(["candidates:read", "events:read"]),
            &json!(id(&scene.ada)),
            &json!("reporting")
        )
    );
    let client = scene.with_key(&secret);
    client.get(&scene.ada).await.is(200);
    client.delete(&scene.ada).await.refuses(403, "insufficient_scope");
    let listed = scene.lists("/v1/keys").await;
    let mut expected = made.json.clone();
    expected.as_object_mut().unwrap().shift_remove("key");
    assert!(listed.contains(&expected), "{listed:?}");
    assert!(
        !scene
            .get("/v1/keys")
            .await
            .body
            .windows(secret.len())
            .any(|part| part == secret.as_bytes())
    );
    // Who recorded what is known by the key's id.
    let writer = scene.post("/v1/keys", json!({"scopes": ["candidates:write"]})).await;
    let recorded = scene
        .with_key(writer["key"].as_str().unwrap())
        .records(&format!("{}/contacts", scene.ada), json!({"name": "Bo Li"}))
        .await;
    assert_eq!(recorded["event"]["recorded_by"], writer["id"]);
    for (wrong, pointer) in [
        (json!({}), "/scopes"),
        (json!({"scopes": []}), "/scopes"),
        (json!({"scopes": ["everything"]}), "/scopes/0"),
        (json!({"scopes": ["admin"], "candidate": "ada"}), "/candidate"),
        (
            json!({"scopes": ["admin"], "candidate": id(&scene.ada), "group": "spring"}),
            "/group",
        ),
        (json!({"scopes": ["admin"], "group": "a b"}), "/group"),
        (json!({"scopes": ["admin"], "id": "key_1"}), "/id"),
    ] {
        scene
            .post("/v1/keys", wrong)
            .await
            .refuses(422, "invalid")
            .names(pointer);
    }
    let nobody = json!({"scopes": ["admin"], "candidate": "cnd_01k9ze3n8qfq7s5b1x5n0v3gk2"});
    scene
        .post("/v1/keys", nobody)
        .await
        .refuses(422, "unknown_reference")
        .names("/candidate");
}

async fn a_key_is_rolled_with_an_overlap(world: World) {
    let old = world
        .post(
            "/v1/keys",
            json!({"scopes": ["candidates:read"], "name": "app", "group": "spring"}),
        )
        .await;
    let client = world.with_key(old.is(201)["key"].as_str().unwrap());
    let path = format!("/v1/keys/{}/rolled", old["id"].as_str().unwrap());
    let new = world.post(&path, json!({"overlap": "PT1H"})).await;
    for field in ["scopes", "name", "group", "candidate"] {
        assert_eq!(new.is(201)[field], old[field]);
    }
    assert_ne!(new["id"], old["id"]);
    let renewed = world.with_key(new["key"].as_str().unwrap());
    renewed.get("/v1/candidates").await.is(200);
    client.get("/v1/candidates").await.is(200);
    world.clock.advance(SignedDuration::from_mins(59));
    client.get("/v1/candidates").await.is(200);
    // Rolled again, it does not live longer than was said before.
    world.post(&path, json!({"overlap": "PT24H"})).await.is(201);
    world.clock.advance(SignedDuration::from_mins(1));
    client.get("/v1/candidates").await.refuses(401, "unauthenticated");
    renewed.get("/v1/candidates").await.is(200);
    // Without an overlap at once.
    let path = format!("/v1/keys/{}/rolled", new["id"].as_str().unwrap());
    world.post(&path, json!({})).await.is(201);
    renewed.get("/v1/candidates").await.refuses(401, "unauthenticated");
    // What has ended does not live on in another.
    world.post(&path, json!({})).await.refuses(404, "not_found");
    for wrong in ["-PT1H", "P31D", "PT721H", "soon"] {
        world
            .post(&path, json!({"overlap": wrong}))
            .await
            .refuses(422, "invalid")
            .names("/overlap");
    }
    world
        .post("/v1/keys/key_01k9ze3n8qfq7s5b1x5n0v3gk2/rolled", json!({}))
        .await
        .refuses(404, "not_found");
}

async fn a_revoked_key_ends_within_a_second_everywhere(world: World) {
    let made = world.post("/v1/keys", json!({"scopes": ["candidates:read"]})).await;
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let here = world.with_key(made["key"].as_str().unwrap());
    let there = world
        .another(world.clock.clone(), Options::default())
        .with_key(here.key());
    here.get("/v1/candidates").await.is(200);
    there.get("/v1/candidates").await.is(200);
    let revoked = world.delete(&path).await;
    let at = Instant::now();
    assert_eq!(revoked.is(200)["id"], made["id"]);
    here.get("/v1/candidates").await.refuses(401, "unauthenticated");
    tokio::time::sleep(Duration::from_millis(1000).saturating_sub(at.elapsed())).await;
    there.get("/v1/candidates").await.refuses(401, "unauthenticated");
    world.delete(&path).await.refuses(404, "not_found");
    assert!(world.lists("/v1/keys").await.iter().all(|key| key["id"] != made["id"]));
}

async fn who_waits_for_facts_with_a_key_that_is_revoked_hears_of_none(world: World) {
    let made = world.post("/v1/keys", json!({"scopes": ["events:read"]})).await;
    let reader = world.with_key(made.is(201)["key"].as_str().unwrap());
    let waiting = reader.get("/v1/events?cursor=now&wait=30");
    let happening = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
        world.delete(&path).await.is(200);
        registers(&world, "Ada").await;
    };
    let (answer, ()) = tokio::join!(waiting, happening);
    answer.refuses(401, "unauthenticated");
}

async fn a_named_request_makes_and_ends_one_key(world: World) {
    let named = |client: &Client, method: Method, path: &str, body: Value, name: &str| {
        let request = client
            .request(method.clone(), path)
            .header("Idempotency-Key", name.to_owned());
        let request = if method == Method::POST {
            request.json(&body)
        } else {
            request
        };
        let client = client.clone();
        async move { client.send(request).await }
    };
    let body = json!({"scopes": ["candidates:read"]});
    let elsewhere = world.another(world.clock.clone(), Options::default());
    let asks = (0..12).map(|nth| {
        named(
            if nth % 2 == 0 { &world } else { &elsewhere },
            Method::POST,
            "/v1/keys",
            body.clone(),
            "make",
        )
    });
    let answers = join_all(asks).await;
    let secrets: Vec<&str> = answers
        .iter()
        .filter_map(|answer| answer.is(201)["key"].as_str())
        .collect();
    assert_eq!(secrets.len(), 1, "one secret, shown once");
    assert!(answers.iter().all(|answer| answer["id"] == answers[0]["id"]));
    assert!(
        answers
            .iter()
            .all(|answer| answer["key"].is_null() == (answer.maybe_header("idempotency-replayed") == Some("true")))
    );
    assert_eq!(world.lists("/v1/keys").await.len(), 2);
    let path = format!("/v1/keys/{}/rolled", answers[0]["id"].as_str().unwrap());
    let rolled = named(&world, Method::POST, &path, json!({"overlap": "PT1H"}), "roll").await;
    let again = named(&world, Method::POST, &path, json!({"overlap": "PT1H"}), "roll").await;
    assert!(rolled.is(201)["key"].is_string() && again.is(201)["key"].is_null());
    assert_eq!(
        (&rolled["id"], again.header("idempotency-replayed")),
        (&again["id"], "true")
    );
    assert_eq!(world.lists("/v1/keys").await.len(), 3);
    let path = format!("/v1/keys/{}", rolled["id"].as_str().unwrap());
    let ended = named(&world, Method::DELETE, &path, Value::Null, "end").await;
    let again = named(&world, Method::DELETE, &path, Value::Null, "end").await;
    assert_eq!(
        (ended.is(200).json.clone(), again.is(200).header("idempotency-replayed")),
        (again.json.clone(), "true")
    );
    named(&world, Method::DELETE, &path, Value::Null, "make")
        .await
        .refuses(422, "idempotency_reused");
    world.delete(&path).await.refuses(404, "not_found");
}
