//! Keys: what each may do, whom it reaches, how it ends. And the walls between tenants, tried on every read that the
//! contract has.

use std::time::{Duration, Instant};

use afterword::{api::Api, app::Options, edge::{api_key::ApiKey, scopes::Scope}};
use afterword_domain::ids::CandidateId;
use futures_util::future::join_all;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::{Client, id},
    harness::World,
    lists::full,
    scenes::{Scene, applies, registers},
    stories,
};

stories![
    without_a_valid_key_there_is_no_answer,
    a_key_does_what_its_scopes_say_and_nothing_else,
    a_key_of_one_candidate_sees_no_other,
    a_key_of_a_group_sees_its_group,
    a_bound_key_makes_only_what_it_will_reach,
    a_key_is_made_and_shown_once,
    a_key_is_rolled_with_an_overlap,
    a_revoked_key_ends_within_a_second_everywhere,
    a_named_request_makes_and_ends_one_key,
    tenants_are_walls_on_every_read,
    tenants_are_walls_on_every_write,
];

/// An operation of the contract, as code and document agree on it.
pub struct Operation {
    pub method: Method,
    pub path: String,
    pub query: &'static [&'static str],
    pub scope: Scope,
    /// The content type of its body.
    body: Option<&'static str>,
}

/// Every operation.
pub fn operations() -> Vec<Operation> {
    let api = Api::of_the_mission();
    let operation = |it: &afterword::api::Operation| Operation {
        method: it.method.as_str().parse().expect("a method"),
        path: it.path.clone(),
        query: it.query,
        scope: it.scope.expect("every operation needs a scope"),
        body: it.body.as_ref().map(|(content_type, _)| *content_type),
    };
    api.operations().iter().map(operation).collect()
}

/// The paths of a template for the things that a scene has.
pub async fn paths_of(scene: &Scene, template: &str) -> Vec<String> {
    let mut paths = vec![template.replace("{candidate}", id(&scene.ada))];
    while let Some(open) = paths.first().and_then(|path| path.find('{')) {
        let name = paths[0][open + 1..].split('}').next().unwrap().to_owned();
        let list = format!("{}/{}s", scene.ada, name.replace('_', "-"));
        let list = if name == "application" { format!("{list}?status=opened,interviewing,awaiting,quiet,silent,offered,rejected") } else { list };
        let things = scene.lists_all(&list).await;
        assert!(!things.is_empty(), "there is no {name}");
        let ids: Vec<&str> = things.iter().take(2).map(|thing| thing["id"].as_str().unwrap()).collect();
        paths = paths.iter().flat_map(|path| ids.iter().map(|id| path.replace(&format!("{{{name}}}"), id))).collect();
    }
    paths
}

/// A path with ids that are nobody's.
fn nobodys(template: &str) -> String {
    let ids = ["candidate:cnd", "application:app", "interview:int", "contact:con", "note:note", "task:task", "event:evt", "offer:offer", "key:key"];
    let path = ids.iter().filter_map(|it| it.split_once(':')).fold(template.to_owned(), |path, (name, prefix)| {
        path.replace(&format!("{{{name}}}"), &format!("{prefix}_01k9ze3n8qfq7s5b1x5n0v3gk2"))
    });
    path.split('/').map(|part| if part.starts_with('{') { "x_01k9ze3n8qfq7s5b1x5n0v3gk2" } else { part }).collect::<Vec<_>>().join("/")
}

async fn without_a_valid_key_there_is_no_answer(world: World) {
    let refused = async |client: &Client| {
        for path in ["/v1/candidates", "/v1/candidates/cnd_01k9ze3n8qfq7s5b1x5n0v3gk2", "/v1/events", "/v1/keys"] {
            let answer = client.get(path).await;
            assert!(answer.refuses(401, "unauthenticated").header("www-authenticate").starts_with("Bearer"));
        }
        client.post("/v1/candidates", json!({"what": 1})).await.refuses(401, "unauthenticated");
    };
    let key = world.key().to_owned();
    let last = if key.ends_with('x') { 'y' } else { 'x' };
    let mistyped = format!("{}{last}", &key[..key.len() - 1]);
    let unknown = ApiKey::generate(world.tenant.0, false).unwrap();
    let elsewhere = ApiKey::generate(world.tenant.0 + 500_000, false).unwrap();
    let test = key.replace("aw_live_", "aw_test_");
    for wrong in ["", "aw_live_", "secret", &mistyped, &test, unknown.expose(), elsewhere.expose(), &format!("{key} {key}")] {
        refused(&world.with_key(wrong)).await;
    }
    let bare = reqwest::Client::new();
    let answer = bare.get(format!("{}/v1/candidates", world.base())).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let basic = bare.get(format!("{}/v1/candidates", world.base())).basic_auth(&key, Some("")).send().await.unwrap();
    assert_eq!(basic.status(), 401);
    world.get("/v1/candidates").await.is(200);
}

async fn a_key_does_what_its_scopes_say_and_nothing_else(world: World) {
    for scope in Scope::ALL {
        let client = world.client(scope.name(), None, None).await;
        for operation in operations() {
            let request = client.request(operation.method.clone(), &nobodys(&operation.path));
            let request = match operation.body {
                Some(content_type) => request.header("Content-Type", content_type).body("{}"),
                None => request,
            };
            let answer = client.send(request).await;
            if scope == operation.scope || scope == Scope::Admin {
                assert!(![401, 403, 405, 500].contains(&answer.status), "{scope}: {answer}");
            } else {
                answer.refuses(403, "insufficient_scope");
            }
        }
    }
    let both = world.client("candidates:read candidates:write", None, None).await;
    let ada = registers(&both, "Ada Lovelace").await;
    both.get(&ada).await.is(200);
    both.get("/v1/events").await.refuses(403, "insufficient_scope");
    // Who may only write learns what became of the writing.
    let writer = world.client("candidates:write", None, None).await;
    writer.post(&format!("{ada}/facts"), json!({"facts": [{"type": "What", "data": {}}]})).await.is(200);
    writer.get(&ada).await.refuses(403, "insufficient_scope");
}

async fn a_key_of_one_candidate_sees_no_other(world: World) {
    let scene = full(world).await;
    let grace = registers(&scene, "Grace Hopper").await;
    let firm = applies(&scene, &grace, "Bolt").await;
    scene.records(&format!("{firm}/document-requests"), json!({"document": "references"})).await;
    let grace_id: CandidateId = id(&grace).parse().unwrap();
    let own = scene.client("candidates:read candidates:write events:read", Some(grace_id.uuid()), None).await;
    // Its own it sees as anybody would.
    own.get(&grace).await.is(200);
    assert_eq!(own.sees(&format!("{grace}/tasks")).await, scene.sees(&format!("{grace}/tasks")).await);
    own.post(&format!("{firm}/document-requests"), json!({"document": "diploma"})).await.is(201);
    // Others are not there.
    for view in operations().iter().filter(|it| it.method == Method::GET && it.path.contains("{candidate}")) {
        for path in paths_of(&scene, &view.path).await {
            own.get(&path).await.refuses(404, "not_found");
        }
    }
    nothing_can_be_written(&own, &scene).await;
    assert_eq!(own.lists("/v1/candidates").await.len(), 1);
    for list in ["/v1/tasks?state=open,waiting,overdue,done,void", "/v1/applications", "/v1/rejections"] {
        assert!(own.lists(list).await.iter().all(|row| row["candidate"] == id(&grace)), "{list}");
    }
    assert!(own.lists("/v1/rejections").await.is_empty());
    let ada = id(&scene.ada);
    for list in ["/v1/tasks", "/v1/applications", "/v1/rejections"] {
        assert!(own.lists(&format!("{list}?candidate={ada}")).await.is_empty(), "{list}");
    }
    assert!(own.sees(&format!("/v1/events?candidate={ada}")).await["data"].as_array().unwrap().is_empty());
    let facts = own.lists_feed().await;
    assert_eq!(facts.len(), 4);
    assert!(facts.iter().all(|fact| fact["candidate"] == id(&grace)));
    own.get("/v1/keys").await.refuses(403, "insufficient_scope");
    let bound_admin = scene.client("admin", Some(grace_id.uuid()), None).await;
    bound_admin.get("/v1/keys").await.refuses(403, "insufficient_scope");
    bound_admin.post("/v1/keys", json!({"scopes": ["admin"]})).await.refuses(403, "insufficient_scope");
    bound_admin.get(&scene.ada).await.refuses(404, "not_found");
}

/// Every way to write about Ada is closed to a key.
async fn nothing_can_be_written(client: &Client, scene: &Scene) {
    let before = scene.lists_feed().await.len();
    for operation in operations().iter().filter(|it| it.scope == Scope::CandidatesWrite && it.path.contains("{candidate}")) {
        if operation.path.contains("{task}") || operation.path.contains("/imports") {
            continue;
        }
        for path in paths_of(scene, &operation.path).await {
            let body = body_of(&operation.path, scene);
            let request = client.request(operation.method.clone(), &path);
            let request = if operation.body.is_some() { request.json(&body) } else { request };
            client.send(request).await.refuses(404, "not_found");
        }
    }
    let file = client.request(Method::POST, &format!("{}/imports?format=vcf", scene.ada)).header("Content-Type", "text/vcard");
    client.send(file.body("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Bo Li\r\nEND:VCARD\r\n")).await.refuses(404, "not_found");
    assert_eq!(scene.lists_feed().await.len(), before, "something was written");
}

/// A body that would do, were it one's own candidate.
fn body_of(path: &str, scene: &Scene) -> Value {
    let anna = id(&scene.anna);
    match path.rsplit('/').next().unwrap() {
        "applications" => json!({"organisation": {"name": "Bolt"}, "position": "Engineer"}),
        "interviews" | "rescheduled" => {
            let mut body = json!({"starts_at": "2026-03-12T14:00:00+01:00", "ends_at": "2026-03-12T15:00:00+01:00", "time_zone": "Europe/Berlin"});
            if path.ends_with("interviews") {
                body["format"] = json!("onsite");
            }
            body
        }
        "cancelled" => json!({"by": "organisation"}),
        "held" => json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        "interviewers" => json!({"interviewers": [anna]}),
        "contacts" => json!({"name": "Bo Li"}),
        "notes" => json!({"kind": "other", "recipients": [anna], "channel": "email"}),
        "decision-dates" => json!({"decide_by": "2026-03-12"}),
        "status-enquiries" | "rejection" | "feedback-requests" => json!({"channel": "email"}),
        "status-reports" => json!({"summary": "Soon"}),
        "document-requests" => json!({"document": "references"}),
        "delays" => json!({"expected_on": "2026-03-12"}),
        "sent" if path.contains("document") => json!({"channel": "email"}),
        "feedback" => json!({"text": "Be bolder."}),
        "door-kept-open" => json!({"revisit_on": "2026-06-12"}),
        "reopened" | "retracted" | "dismissed" => json!({"reason": "So it is."}),
        "snoozed" => json!({"until_at": "2026-03-12T14:00:00+01:00"}),
        "facts" => json!({"facts": [{"type": "ContactCollected", "data": {"name": "Bo Li"}}]}),
        _ => json!({}),
    }
}

async fn a_key_of_a_group_sees_its_group(world: World) {
    let scene = full(world).await;
    let member = json!({"name": "Grace Hopper", "time_zone": "UTC", "groups": ["spring", "east"]});
    let grace = scene.makes("/v1/candidates", member).await;
    let firm = applies(&scene, &grace, "Bolt").await;
    scene.records(&format!("{firm}/document-requests"), json!({"document": "references"})).await;
    let coach = scene.client("candidates:read candidates:write events:read", None, Some("spring")).await;
    coach.get(&grace).await.is(200);
    coach.post(&format!("{firm}/status-enquiries"), json!({"channel": "phone"})).await.is(201);
    coach.get(&scene.ada).await.refuses(404, "not_found");
    nothing_can_be_written(&coach, &scene).await;
    let counts = async || {
        let mut counts = Vec::new();
        for list in ["/v1/candidates", "/v1/tasks", "/v1/applications"] {
            counts.push(coach.lists(list).await.len());
        }
        counts.push(coach.lists_feed().await.len());
        counts
    };
    assert_eq!(counts().await[..], [1, 1, 1, 4]);
    assert!(coach.lists("/v1/candidates?group=autumn").await.is_empty());
    assert_eq!(coach.lists("/v1/candidates?group=spring").await.len(), 1);
    assert!(coach.sees(&format!("/v1/events?candidate={}", id(&scene.ada))).await["data"].as_array().unwrap().is_empty());
    // A label more, and Ada is there; a label less, and she is gone.
    scene.patch(&scene.ada, json!({"groups": ["spring"]})).await.is(200);
    coach.get(&scene.ada).await.is(200);
    assert_eq!(coach.lists("/v1/candidates").await.len(), 2);
    scene.patch(&scene.ada, json!({"groups": null})).await.is(200);
    coach.get(&scene.ada).await.refuses(404, "not_found");
    assert_eq!(coach.lists("/v1/candidates").await.len(), 1);
    scene.delete(&grace).await.is(200);
    coach.get(&grace).await.refuses(404, "not_found");
    assert_eq!(counts().await[..], [0, 0, 0, 0]);
}

async fn a_bound_key_makes_only_what_it_will_reach(world: World) {
    let scene = Scene::applied(world).await;
    let coach = scene.client("candidates:read candidates:write", None, Some("spring")).await;
    let registration = |groups: Value| json!({"name": "Grace Hopper", "time_zone": "UTC", "groups": groups});
    coach.post("/v1/candidates", registration(json!([]))).await.refuses(403, "insufficient_scope");
    coach.post("/v1/candidates", registration(json!(["autumn"]))).await.refuses(403, "insufficient_scope");
    let grace = coach.makes("/v1/candidates", registration(json!(["spring"]))).await;
    coach.get(&grace).await.is(200);
    let fresh = CandidateId::new(Uuid::now_v7());
    let own = scene.client("candidates:read candidates:write", Some(fresh.uuid()), None).await;
    own.post("/v1/candidates", registration(json!([]))).await.refuses(403, "insufficient_scope");
    let mut body = registration(json!([]));
    body["subject"] = json!(fresh.to_string());
    own.post("/v1/candidates", body).await.is(201);
    own.get(&format!("/v1/candidates/{fresh}")).await.is(200);
    // A registration in front does not open what is another's.
    let ada = id(&scene.ada);
    let facts = json!({"facts": [
        {"type": "CandidateRegistered", "data": registration(json!(["spring"]))},
        {"type": "ContactCollected", "data": {"name": "Bo Li"}},
    ]});
    for key in [&coach, &own] {
        key.post(&format!("{}/facts", scene.ada), facts.clone()).await.refuses(404, "not_found");
    }
    let mut taken = registration(json!(["spring"]));
    taken["subject"] = json!(ada);
    coach.post("/v1/candidates", taken).await.refuses(404, "not_found");
    assert_eq!(scene.lists(&format!("{}/contacts", scene.ada)).await.len(), 1);
    let new = format!("/v1/candidates/{}/facts", CandidateId::new(Uuid::now_v7()));
    let results = coach.post(&new, facts).await;
    assert_eq!(results.is(200)["results"][1]["status"], "recorded", "{results}");
}

async fn a_key_is_made_and_shown_once(world: World) {
    let scene = Scene::applied(world).await;
    let made = scene.post("/v1/keys", json!({"scopes": ["candidates:read", "events:read"], "name": "reporting", "candidate": id(&scene.ada)})).await;
    let (secret, key) = (made.is(201)["key"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap());
    assert!(key.starts_with("key_") && secret.starts_with("aw_live_") && secret.len() == "aw_live_".len() + 36, "{made}");
    assert_eq!((&made["scopes"], &made["candidate"], &made["name"]), (&json!(["candidates:read", "events:read"]), &json!(id(&scene.ada)), &json!("reporting")));
    let client = scene.with_key(&secret);
    client.get(&scene.ada).await.is(200);
    client.delete(&scene.ada).await.refuses(403, "insufficient_scope");
    let listed = scene.lists("/v1/keys").await;
    let mut expected = made.json.clone();
    expected.as_object_mut().unwrap().shift_remove("key");
    assert!(listed.contains(&expected), "{listed:?}");
    assert!(!scene.get("/v1/keys").await.body.windows(secret.len()).any(|part| part == secret.as_bytes()));
    // Who recorded what is known by the key's id.
    let writer = scene.post("/v1/keys", json!({"scopes": ["candidates:write"]})).await;
    let recorded = scene.with_key(writer["key"].as_str().unwrap()).records(&format!("{}/contacts", scene.ada), json!({"name": "Bo Li"})).await;
    assert_eq!(recorded["event"]["recorded_by"], writer["id"]);
    for (wrong, pointer) in [
        (json!({}), "/scopes"),
        (json!({"scopes": []}), "/scopes"),
        (json!({"scopes": ["everything"]}), "/scopes/0"),
        (json!({"scopes": ["admin"], "candidate": "ada"}), "/candidate"),
        (json!({"scopes": ["admin"], "candidate": id(&scene.ada), "group": "spring"}), "/group"),
        (json!({"scopes": ["admin"], "group": "a b"}), "/group"),
        (json!({"scopes": ["admin"], "id": "key_1"}), "/id"),
    ] {
        scene.post("/v1/keys", wrong).await.refuses(422, "invalid").names(pointer);
    }
    let nobody = json!({"scopes": ["admin"], "candidate": "cnd_01k9ze3n8qfq7s5b1x5n0v3gk2"});
    scene.post("/v1/keys", nobody).await.refuses(422, "unknown_reference").names("/candidate");
}

async fn a_key_is_rolled_with_an_overlap(world: World) {
    let old = world.post("/v1/keys", json!({"scopes": ["candidates:read"], "name": "app", "group": "spring"})).await;
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
    for wrong in ["-PT1H", "P31D", "PT721H", "soon"] {
        world.post(&path, json!({"overlap": wrong})).await.refuses(422, "invalid").names("/overlap");
    }
    world.post("/v1/keys/key_01k9ze3n8qfq7s5b1x5n0v3gk2/rolled", json!({})).await.refuses(404, "not_found");
}

async fn a_revoked_key_ends_within_a_second_everywhere(world: World) {
    let made = world.post("/v1/keys", json!({"scopes": ["candidates:read"]})).await;
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let here = world.with_key(made["key"].as_str().unwrap());
    let there = world.another(world.clock.clone(), Options::default()).with_key(here.key());
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

async fn a_named_request_makes_and_ends_one_key(world: World) {
    let named = |client: &Client, method: Method, path: &str, body: Value, name: &str| {
        let request = client.request(method.clone(), path).header("Idempotency-Key", name.to_owned());
        let request = if method == Method::POST { request.json(&body) } else { request };
        let client = client.clone();
        async move { client.send(request).await }
    };
    let body = json!({"scopes": ["candidates:read"]});
    let elsewhere = world.another(world.clock.clone(), Options::default());
    let asks = (0..12).map(|nth| named(if nth % 2 == 0 { &world } else { &elsewhere }, Method::POST, "/v1/keys", body.clone(), "make"));
    let answers = join_all(asks).await;
    let secrets: Vec<&str> = answers.iter().filter_map(|answer| answer.is(201)["key"].as_str()).collect();
    assert_eq!(secrets.len(), 1, "one secret, shown once");
    assert!(answers.iter().all(|answer| answer["id"] == answers[0]["id"]));
    assert!(answers.iter().all(|answer| answer["key"].is_null() == (answer.maybe_header("idempotency-replayed") == Some("true"))));
    assert_eq!(world.lists("/v1/keys").await.len(), 2);
    let path = format!("/v1/keys/{}/rolled", answers[0]["id"].as_str().unwrap());
    let rolled = named(&world, Method::POST, &path, json!({"overlap": "PT1H"}), "roll").await;
    let again = named(&world, Method::POST, &path, json!({"overlap": "PT1H"}), "roll").await;
    assert!(rolled.is(201)["key"].is_string() && again.is(201)["key"].is_null());
    assert_eq!((&rolled["id"], again.header("idempotency-replayed")), (&again["id"], "true"));
    assert_eq!(world.lists("/v1/keys").await.len(), 3);
    let path = format!("/v1/keys/{}", rolled["id"].as_str().unwrap());
    let ended = named(&world, Method::DELETE, &path, Value::Null, "end").await;
    let again = named(&world, Method::DELETE, &path, Value::Null, "end").await;
    assert_eq!((ended.is(200).json.clone(), again.is(200).header("idempotency-replayed")), (again.json.clone(), "true"));
    named(&world, Method::DELETE, &path, Value::Null, "make").await.refuses(422, "idempotency_reused");
    world.delete(&path).await.refuses(404, "not_found");
}

async fn tenants_are_walls_on_every_read(world: World) {
    let scene = full(world).await;
    let other = scene.neighbour().await;
    for operation in operations().iter().filter(|it| it.method == Method::GET) {
        if !operation.path.contains('{') {
            let answer = other.get(&operation.path).await;
            let rows = answer.is(200)["data"].as_array().unwrap();
            let own = usize::from(operation.path == "/v1/keys");
            assert_eq!(rows.len(), own, "{answer}");
            for (name, value) in [("candidate", id(&scene.ada)), ("application", id(&scene.acme)), ("external_id", "x")] {
                if operation.query.contains(&name) {
                    let answer = other.get(&format!("{}?{name}={value}", operation.path)).await;
                    assert!(answer.is(200)["data"].as_array().unwrap().is_empty(), "{answer}");
                }
            }
            continue;
        }
        let mut nobody = other.get(&nobodys(&operation.path)).await.refuses(404, "not_found").json.clone();
        nobody["request_id"] = Value::Null;
        for path in paths_of(&scene, &operation.path).await {
            let answer = other.get(&path).await;
            // The same answer as for an id that never was, and nothing in the headers that tells them apart.
            let mut told = answer.refuses(404, "not_found").json.clone();
            told["request_id"] = Value::Null;
            assert_eq!(told, nobody, "{answer}");
            assert_eq!(answer.maybe_header("etag"), None);
            other.get(&format!("{path}?as_of=2026-03-02T15:00:00Z")).await.is(422);
            other.get(&format!("{path}?as_of=2026-03-02T14:00:00Z")).await.refuses(404, "not_found");
        }
    }
}

async fn tenants_are_walls_on_every_write(world: World) {
    let scene = full(world).await;
    let other = scene.neighbour().await;
    nothing_can_be_written(&other, &scene).await;
    let key = &scene.lists("/v1/keys").await[0]["id"];
    other.delete(&format!("/v1/keys/{}", key.as_str().unwrap())).await.refuses(404, "not_found");
    other.post(&format!("/v1/keys/{}/rolled", key.as_str().unwrap()), json!({})).await.refuses(404, "not_found");
    other.post("/v1/keys", json!({"scopes": ["admin"], "candidate": id(&scene.ada)})).await.refuses(422, "unknown_reference");
    // In a body another tenant's things are unknown.
    let grace = registers(&other, "Grace Hopper").await;
    let firm = applies(&other, &grace, "Bolt").await;
    let with = json!({"starts_at": "2026-03-12T14:00:00+01:00", "ends_at": "2026-03-12T15:00:00+01:00", "time_zone": "Europe/Berlin",
        "format": "onsite", "interviewers": [id(&scene.anna)]});
    other.post(&format!("{firm}/interviews"), with).await.refuses(422, "unknown_reference").names("/interviewers/0");
    let facts = json!({"facts": [{"type": "DocumentRequested", "application": id(&scene.acme), "data": {"document": "x"}}]});
    let results = other.post(&format!("{grace}/facts"), facts).await;
    assert_eq!(results.is(200)["results"][0]["problem"]["code"], "unknown_reference", "{results}");
    // The same external id and the same ids may stand in both.
    let same = json!({"name": "Ada Lovelace", "time_zone": "UTC", "subject": id(&scene.ada), "external_id": "a-1"});
    other.post("/v1/candidates", same).await.is(201);
    other.get(&scene.acme).await.refuses(404, "not_found");
    scene.patch(&scene.ada, json!({"external_id": "a-1"})).await.is(200);
    assert_eq!(other.sees(&scene.ada).await["version"], 1);
    other.delete(&scene.ada).await.is(200);
    scene.get(&scene.ada).await.is(200);
    crate::harness::verify(&other.store, other.tenant).await.iter().for_each(|told| panic!("{told:?}"));
}
