//! Whom a key reaches in its tenant: one candidate, a group. What lies beyond is as if it were not there, tried on every
//! operation of the contract. `walls/` tries the same between tenants.

use afterword::edge::scopes::Scope;
use afterword_domain::ids::CandidateId;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::{Client, id},
    contract::{body_of, operations, paths_of},
    harness::World,
    lists::full,
    scenes::{Scene, applies, registers},
    stories,
};

stories![
    a_key_of_one_candidate_sees_no_other,
    a_key_of_a_group_sees_its_group,
    a_bound_key_that_asks_again_has_its_answer_again,
    a_bound_key_makes_only_what_it_will_reach,
];

/// Every way to write about Ada is closed to a key.
async fn nothing_can_be_written(client: &Client, scene: &Scene) {
    let before = scene.lists_feed().await.len();
    for operation in operations()
        .iter()
        .filter(|it| it.scope == Scope::CandidatesWrite && it.path.contains("{candidate}"))
    {
        if operation.path.contains("{task}") || operation.path.contains("/imports") {
            continue;
        }
        for path in paths_of(scene, &operation.path).await {
            let body = body_of(&operation.path, scene);
            let request = client.request(operation.method.clone(), &path);
            let request = if operation.body.is_some() {
                request.json(&body)
            } else {
                request
            };
            client.send(request).await.refuses(404, "not_found");
        }
    }
    let file = client
        .request(Method::POST, &format!("{}/imports?format=vcf", scene.ada))
        .header("Content-Type", "text/vcard");
    client
        .send(file.body("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Bo Li\r\nEND:VCARD\r\n"))
        .await
        .refuses(404, "not_found");
    assert_eq!(scene.lists_feed().await.len(), before, "something was written");
}

async fn a_key_of_one_candidate_sees_no_other(world: World) {
    let scene = full(world).await;
    let grace = registers(&scene, "Grace Hopper").await;
    let firm = applies(&scene, &grace, "Bolt").await;
    scene
        .records(&format!("{firm}/document-requests"), json!({"document": "references"}))
        .await;
    let grace_id: CandidateId = id(&grace).parse().unwrap();
    let own = scene
        .client(
            "candidates:read candidates:write events:read",
            Some(grace_id.uuid()),
            None,
        )
        .await;
    // Its own it sees as anybody would.
    own.get(&grace).await.is(200);
    assert_eq!(
        own.sees(&format!("{grace}/tasks")).await,
        scene.sees(&format!("{grace}/tasks")).await
    );
    own.post(&format!("{firm}/document-requests"), json!({"document": "diploma"}))
        .await
        .is(201);
    // Others are not there.
    for view in operations()
        .iter()
        .filter(|it| it.method == Method::GET && it.path.contains("{candidate}"))
    {
        for path in paths_of(&scene, &view.path).await {
            own.get(&path).await.refuses(404, "not_found");
        }
    }
    nothing_can_be_written(&own, &scene).await;
    assert_eq!(own.lists("/v1/candidates").await.len(), 1);
    for list in [
        "/v1/tasks?state=open,waiting,overdue,done,void",
        "/v1/applications",
        "/v1/rejections",
    ] {
        assert!(
            own.lists(list).await.iter().all(|row| row["candidate"] == id(&grace)),
            "{list}"
        );
    }
    assert!(own.lists("/v1/rejections").await.is_empty());
    let ada = id(&scene.ada);
    for list in ["/v1/tasks", "/v1/applications", "/v1/rejections"] {
        assert!(own.lists(&format!("{list}?candidate={ada}")).await.is_empty(), "{list}");
    }
    assert!(
        own.sees(&format!("/v1/events?candidate={ada}")).await["data"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let facts = own.lists_feed().await;
    assert_eq!(facts.len(), 4);
    assert!(facts.iter().all(|fact| fact["candidate"] == id(&grace)));
    own.get("/v1/keys").await.refuses(403, "insufficient_scope");
    let bound_admin = scene.client("admin", Some(grace_id.uuid()), None).await;
    bound_admin.get("/v1/keys").await.refuses(403, "insufficient_scope");
    bound_admin
        .post("/v1/keys", json!({"scopes": ["admin"]}))
        .await
        .refuses(403, "insufficient_scope");
    // Time is everybody's.
    bound_admin
        .get("/v1/test-clock")
        .await
        .refuses(403, "insufficient_scope");
    bound_admin
        .post("/v1/test-clock/advanced", json!({"to_next": true}))
        .await
        .refuses(403, "insufficient_scope");
    bound_admin.get(&scene.ada).await.refuses(404, "not_found");
}

async fn a_key_of_a_group_sees_its_group(world: World) {
    let scene = full(world).await;
    // A label that is named twice is one.
    let member = json!({"name": "Grace Hopper", "time_zone": "UTC", "groups": ["spring", "east", "spring"]});
    let grace = scene.makes("/v1/candidates", member).await;
    let firm = applies(&scene, &grace, "Bolt").await;
    scene
        .records(&format!("{firm}/document-requests"), json!({"document": "references"}))
        .await;
    let coach = scene
        .client("candidates:read candidates:write events:read", None, Some("spring"))
        .await;
    coach.get(&grace).await.is(200);
    coach
        .post(&format!("{firm}/status-enquiries"), json!({"channel": "phone"}))
        .await
        .is(201);
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
    assert_eq!(coach.sees("/v1/playbook/adoption").await["candidates"], 1);
    assert!(
        coach.sees(&format!("/v1/events?candidate={}", id(&scene.ada))).await["data"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    // A label more, and Ada is there; a label less, and she is gone.
    scene.patch(&scene.ada, json!({"groups": ["spring"]})).await.is(200);
    coach.get(&scene.ada).await.is(200);
    assert_eq!(coach.lists("/v1/candidates").await.len(), 2);
    scene.patch(&scene.ada, json!({"groups": null})).await.is(200);
    coach.get(&scene.ada).await.refuses(404, "not_found");
    assert_eq!(coach.lists("/v1/candidates").await.len(), 1);
    scene.delete(&grace).await.is(200);
    coach.get(&grace).await.refuses(404, "not_found");
    assert_eq!(counts().await[..], [0, 0, 0, 1]);
    // A copy that it has made has to hear of it.
    let heard = coach.lists_feed().await;
    assert_eq!(
        (&heard[0]["type"], &heard[0]["candidate"]),
        (&json!("CandidateErased"), &json!(id(&grace)))
    );
    let another = scene.client("candidates:read events:read", None, Some("autumn")).await;
    assert!(another.lists_feed().await.is_empty());
}

async fn a_bound_key_that_asks_again_has_its_answer_again(world: World) {
    let scene = Scene::applied(world).await;
    let [coach, other] = [(); 2].map(|()| scene.client("candidates:read candidates:write", None, Some("spring")));
    let (coach, other) = (coach.await, other.await);
    let grace = json!({"name": "Grace Hopper", "time_zone": "UTC", "groups": ["spring"]});
    let grace = coach.makes("/v1/candidates", grace).await;
    let sends = async |client: &Client, method: Method, path: &str, body: Value| {
        let request = client
            .request(method, path)
            .header("Idempotency-Key", path)
            .header("Content-Type", "application/json");
        client.send(request.body(body.to_string())).await
    };
    // What it does to a candidate takes her out of its reach; it is told so again, and nobody else is.
    let out = json!({"facts": [{"type": "ProfileRevised", "data": {"groups": null}}]});
    let many = format!("{grace}/facts");
    for (method, path, body) in [
        (Method::PATCH, &grace, json!({"groups": null})),
        (Method::POST, &many, out),
    ] {
        scene.patch(&grace, json!({"groups": ["spring"]})).await.is(200);
        let first = sends(&coach, method.clone(), path, body.clone()).await;
        coach.get(&grace).await.refuses(404, "not_found");
        let again = sends(&coach, method.clone(), path, body.clone()).await;
        assert_eq!(again.is(200).json, first.is(200).json);
        assert_eq!(again.header("idempotency-replayed"), "true");
        sends(&other, method.clone(), path, body)
            .await
            .refuses(404, "not_found");
        let another = json!({"facts": [{"type": "ProfileRevised", "data": {"name": "G"}}]});
        let another = if method == Method::POST {
            another
        } else {
            json!({"name": "G"})
        };
        sends(&coach, method, path, another).await.refuses(404, "not_found");
    }
    scene.patch(&grace, json!({"groups": ["spring"]})).await.is(200);
    let line = json!({"candidate": id(&grace), "type": "ProfileRevised", "data": {"groups": null}});
    let bulk = async || {
        let request = coach
            .request(Method::POST, "/v1/facts")
            .header("Idempotency-Key", "bulk")
            .header("Content-Type", "application/x-ndjson");
        let answer = coach.send(request.body(line.to_string())).await;
        serde_json::from_slice::<Value>(&answer.is(200).body).expect("a result")
    };
    let first = bulk().await;
    assert_eq!(first["status"], "recorded", "{first}");
    coach.get(&grace).await.refuses(404, "not_found");
    assert_eq!(bulk().await, first);
    let hedy = json!({"name": "Hedy Lamarr", "time_zone": "UTC", "groups": ["spring"]});
    let hedy = coach.makes("/v1/candidates", hedy).await;
    let first = sends(&coach, Method::DELETE, &hedy, json!({})).await;
    let again = sends(&coach, Method::DELETE, &hedy, json!({})).await;
    assert_eq!(again.is(200).json, first.is(200).json);
    sends(&other, Method::DELETE, &hedy, json!({}))
        .await
        .refuses(404, "not_found");
}

async fn a_bound_key_makes_only_what_it_will_reach(world: World) {
    let scene = Scene::applied(world).await;
    let coach = scene
        .client("candidates:read candidates:write", None, Some("spring"))
        .await;
    let registration = |groups: Value| json!({"name": "Grace Hopper", "time_zone": "UTC", "groups": groups});
    coach
        .post("/v1/candidates", registration(json!([])))
        .await
        .refuses(403, "insufficient_scope");
    coach
        .post("/v1/candidates", registration(json!(["autumn"])))
        .await
        .refuses(403, "insufficient_scope");
    let grace = coach.makes("/v1/candidates", registration(json!(["spring"]))).await;
    coach.get(&grace).await.is(200);
    let fresh = CandidateId::new(Uuid::now_v7());
    let own = scene
        .client("candidates:read candidates:write", Some(fresh.uuid()), None)
        .await;
    own.post("/v1/candidates", registration(json!([])))
        .await
        .refuses(403, "insufficient_scope");
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
        key.post(&format!("{}/facts", scene.ada), facts.clone())
            .await
            .refuses(404, "not_found");
    }
    let mut taken = registration(json!(["spring"]));
    taken["subject"] = json!(ada);
    coach.post("/v1/candidates", taken).await.refuses(404, "not_found");
    assert_eq!(scene.lists(&format!("{}/contacts", scene.ada)).await.len(), 1);
    let new = format!("/v1/candidates/{}/facts", CandidateId::new(Uuid::now_v7()));
    let results = coach.post(&new, facts).await;
    assert_eq!(results.is(200)["results"][1]["status"], "recorded", "{results}");
    // Nor does one that is refused open the way for another.
    scene.patch(&scene.ada, json!({"external_id": "crm-1"})).await.is(200);
    let new = format!("/v1/candidates/{}", CandidateId::new(Uuid::now_v7()));
    let mut first = registration(json!(["spring"]));
    first["external_id"] = json!("crm-1");
    let facts = json!({"facts": [
        {"type": "CandidateRegistered", "data": first},
        {"type": "CandidateRegistered", "data": registration(json!(["autumn"]))},
    ]});
    coach
        .post(&format!("{new}/facts"), facts)
        .await
        .refuses(403, "insufficient_scope");
    scene.get(&new).await.refuses(404, "not_found");
}
