//! Many facts in one request: an offline app catches up and may send everything again, and a correction is one step.

use std::collections::BTreeSet;

use afterword::app::Options;
use afterword_domain::ids::{CandidateId, ContactId, DocumentRequestId, EventId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::{Answer, id},
    harness::World,
    scenes::{Scene, registers},
    stories,
};

stories![
    each_fact_is_recorded_for_itself,
    an_atomic_request_is_recorded_whole_or_not_at_all,
    a_later_fact_builds_on_an_earlier_one,
    what_was_sent_offline_may_be_sent_twice,
    a_thousand_facts_go_in_at_once_and_once,
    what_is_taken_elsewhere_is_told_of_each_and_stops_no_other,
    a_registration_may_come_first,
    what_is_wrong_is_pointed_at,
    facts_are_about_a_candidate_that_is_there,
];

fn event() -> String {
    EventId::new(Uuid::now_v7()).to_string()
}

fn statuses(answer: &Answer) -> Vec<String> {
    let results = answer.is(200)["results"].as_array().expect("results");
    results
        .iter()
        .map(|result| result["status"].as_str().expect("a status").to_owned())
        .collect()
}

async fn each_fact_is_recorded_for_itself(world: World) {
    let scene = Scene::interviewed(world).await;
    let facts = json!({"facts": [
        {"type": "DocumentRequested", "application": id(&scene.acme), "data": {"document": "references"}},
        {"type": "DocumentRequested", "application": "app_01k9ze3n8qfq7s5b1x5n0v3gk2", "data": {"document": "references"}},
        {"type": "InterviewHeld", "subject": id(&scene.interview), "data": {"ended_at": "2026-03-02T15:00:00+01:00"}},
        {"type": "Nonsense", "data": {}},
        {"type": "ContactCollected", "data": {"name": "Bo Li"}, "occurred_at": "2026-03-01T12:00:00+01:00"},
        {"type": "ContactCollected", "data": {"name": ""}},
    ]});
    let answer = scene.post(&format!("{}/facts", scene.ada), facts).await;
    assert_eq!(
        statuses(&answer),
        ["recorded", "refused", "refused", "refused", "recorded", "refused"]
    );
    let results = &answer["results"];
    let problem = |nth: usize| {
        (
            results[nth]["problem"]["code"].as_str().unwrap(),
            results[nth]["problem"]["errors"][0]["pointer"].as_str(),
        )
    };
    assert_eq!(problem(1), ("unknown_reference", Some("/facts/1/application")));
    assert_eq!(problem(2).0, "already_recorded");
    assert_eq!(problem(3), ("invalid", Some("/facts/3/type")));
    assert_eq!(problem(5), ("invalid", Some("/facts/5/data/name")));
    assert_eq!(results[1]["problem"]["status"], 422);
    assert!(
        results[0]["event"]["tasks"]["raised"]
            .as_array()
            .is_some_and(|raised| raised.len() == 1),
        "{answer}"
    );
    assert_eq!(
        results[4]["event"]["occurred_at"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap(),
        "2026-03-01T11:00:00Z".parse().unwrap()
    );
    assert_eq!(answer.header("etag"), scene.get(&scene.ada).await.header("etag"));
    let recorded: Vec<Value> = scene.lists_feed().await.into_iter().skip(8).collect();
    assert_eq!(recorded, [results[0]["event"].clone(), results[4]["event"].clone()]);
}

async fn an_atomic_request_is_recorded_whole_or_not_at_all(world: World) {
    let scene = Scene::interviewed(world).await;
    let path = format!("{}/facts", scene.ada);
    let good = json!({"type": "DocumentRequested", "application": id(&scene.acme), "data": {"document": "references"}});
    let before = scene.lists_feed().await.len();
    for (bad, status, code, pointer) in [
        (
            json!({"type": "DocumentRequested", "application": "app_01k9ze3n8qfq7s5b1x5n0v3gk2", "data": {"document": "x"}}),
            422,
            "unknown_reference",
            Some("/facts/1/application"),
        ),
        (
            json!({"type": "InterviewHeld", "subject": id(&scene.interview), "data": {"ended_at": "2026-03-02T15:00:00+01:00"}}),
            409,
            "already_recorded",
            None,
        ),
        (
            json!({"type": "DocumentSent", "subject": "doc_01k9ze3n8qfq7s5b1x5n0v3gk2", "data": {"channel": "email"}}),
            422,
            "unknown_reference",
            Some("/facts/1/subject"),
        ),
        (
            json!({"type": "DocumentRequested", "application": id(&scene.acme), "data": {"document": "x", "requested_by": "con_01k9ze3n8qfq7s5b1x5n0v3gk2"}}),
            422,
            "unknown_reference",
            Some("/facts/1/data/requested_by"),
        ),
        (
            json!({"type": "StatusEnquired", "application": id(&scene.acme), "data": {"channel": "fax"}}),
            422,
            "invalid",
            Some("/facts/1/data/channel"),
        ),
        (
            json!({"type": "StatusEnquired", "application": id(&scene.acme), "data": {"channel": "email"}, "occurred_at": "2026-04-01T00:00:00Z"}),
            422,
            "invalid",
            Some("/facts/1/occurred_at"),
        ),
    ] {
        let answer = scene
            .post(&path, json!({"atomic": true, "facts": [good, bad, good]}))
            .await;
        answer.refuses(status, code);
        if let Some(pointer) = pointer {
            answer.names(pointer);
        }
        assert_eq!(scene.lists_feed().await.len(), before, "{answer}");
    }
    let answer = scene.post(&path, json!({"atomic": true, "facts": [good, good]})).await;
    assert_eq!(statuses(&answer), ["recorded", "recorded"]);
    // A condition holds for all of it.
    let stale = scene
        .request(reqwest::Method::POST, &path)
        .json(&json!({"facts": [good]}))
        .header("If-Match", "\"x\"");
    scene.send(stale).await.refuses(412, "stale");
}

async fn a_later_fact_builds_on_an_earlier_one(world: World) {
    let scene = Scene::interviewed(world).await;
    let (request, contact) = (DocumentRequestId::new(Uuid::now_v7()), ContactId::new(Uuid::now_v7()));
    let facts = json!({"atomic": true, "facts": [
        {"type": "ContactCollected", "subject": contact.to_string(), "data": {"name": "Bo Li"}},
        {"type": "DocumentRequested", "application": id(&scene.acme), "subject": request.to_string(), "data": {"document": "references", "requested_by": contact.to_string()}},
        {"type": "DocumentSent", "subject": request.to_string(), "data": {"channel": "email"}},
    ]});
    let answer = scene.post(&format!("{}/facts", scene.ada), facts).await;
    assert_eq!(statuses(&answer), ["recorded", "recorded", "recorded"]);
    let versions: Vec<u64> = (0..3)
        .map(|nth| answer["results"][nth]["event"]["version"].as_u64().unwrap())
        .collect();
    assert_eq!(versions, [9, 10, 11]);
    assert_eq!(scene.task("answer_document_request").await["state"], "done");
}

async fn what_was_sent_offline_may_be_sent_twice(world: World) {
    let scene = Scene::interviewed(world).await;
    let elsewhere = scene.another(scene.clock.clone(), Options::default());
    let path = format!("{}/facts", scene.ada);
    let request = DocumentRequestId::new(Uuid::now_v7()).to_string();
    let all: Vec<Value> = vec![
        json!({"type": "DocumentRequested", "id": event(), "application": id(&scene.acme), "subject": request, "occurred_at": "2026-03-02T15:05:00.5+01:00", "data": {"document": "references"}}),
        json!({"type": "StatusEnquired", "id": event(), "application": id(&scene.acme), "data": {"channel": "phone"}}),
        json!({"type": "DocumentSent", "id": event(), "subject": request, "data": {"channel": "email"}}),
        json!({"type": "InterviewHeld", "id": event(), "subject": id(&scene.interview), "data": {"ended_at": "2026-03-02T15:00:00+01:00"}}),
    ];
    let first = scene.post(&path, json!({"facts": all[..2]})).await;
    assert_eq!(statuses(&first), ["recorded", "recorded"]);
    // The answer was lost: everything is sent again, with what came since.
    for client in [&elsewhere, &*scene.world] {
        let again = client.post(&path, json!({"facts": all})).await;
        let third = if again["results"][2]["status"] == "recorded" {
            "recorded"
        } else {
            "already_recorded"
        };
        assert_eq!(
            statuses(&again),
            ["already_recorded", "already_recorded", third, "refused"]
        );
        assert_eq!(again["results"][0]["event"], first["results"][0]["event"]);
        assert_eq!(again["results"][1]["event"], first["results"][1]["event"]);
    }
    assert_eq!(scene.lists_feed().await.len(), 8 + 3);
    let mut other = all[0].clone();
    other["data"]["document"] = json!("diploma");
    let taken = scene.post(&path, json!({"facts": [other]})).await;
    assert_eq!(taken["results"][0]["problem"]["code"], "id_taken", "{taken}");
    assert_eq!(
        taken["results"][0]["problem"]["errors"][0]["pointer"], "/facts/0/id",
        "{taken}"
    );
    // Twice in one request is once.
    let twice = json!({"type": "ContactCollected", "id": event(), "data": {"name": "Bo Li"}});
    let answer = scene.post(&path, json!({"facts": [twice, twice]})).await;
    assert_eq!(statuses(&answer), ["recorded", "already_recorded"]);
    assert_eq!(answer["results"][0]["event"], answer["results"][1]["event"]);
    // By its own endpoint it is the same fact.
    let sent = scene
        .post(
            &format!("{}/document-requests/{request}/sent", scene.ada),
            json!({"id": all[2]["id"], "channel": "email"}),
        )
        .await;
    assert_eq!(sent.is(201)["event"]["id"], all[2]["id"]);
    assert_eq!(scene.lists_feed().await.len(), 8 + 4);
}

async fn a_thousand_facts_go_in_at_once_and_once(world: World) {
    let scene = Scene::applied(world).await;
    let path = format!("{}/facts", scene.ada);
    let facts: Vec<Value> = (0..1000)
        .map(|nth| match nth % 4 {
            0 => json!({"type": "DocumentRequested", "id": event(), "application": id(&scene.acme), "data": {"document": format!("document {nth}")}}),
            1 => json!({"type": "ContactCollected", "id": event(), "data": {"name": format!("Contact {nth}")}}),
            2 => json!({"type": "StatusEnquired", "id": event(), "application": id(&scene.acme), "data": {"channel": "email"}}),
            _ => json!({"type": "ApplicationOpened", "id": event(), "data": {"organisation": {"name": format!("Firm {nth}")}, "position": "Engineer"}}),
        })
        .collect();
    let answer = scene.post(&path, json!({"atomic": true, "facts": facts})).await;
    assert!(statuses(&answer).iter().all(|status| status == "recorded"));
    let again = scene.post(&path, json!({"atomic": true, "facts": facts})).await;
    assert!(statuses(&again).iter().all(|status| status == "already_recorded"));
    let ids: BTreeSet<String> = scene
        .lists_feed()
        .await
        .iter()
        .map(|fact| fact["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 1003);
    let mut more = facts;
    more.push(json!({"type": "ContactCollected", "data": {"name": "One more"}}));
    scene
        .post(&path, json!({"facts": more}))
        .await
        .refuses(422, "invalid")
        .names("/facts");
    scene
        .post(&path, json!({"facts": []}))
        .await
        .refuses(422, "invalid")
        .names("/facts");
}

async fn what_is_taken_elsewhere_is_told_of_each_and_stops_no_other(world: World) {
    let scene = Scene::applied(world).await;
    let grace = registers(&scene, "Grace Hopper").await;
    let contacts: Vec<Value> = (0..200)
        .map(|nth| json!({"type": "ContactCollected", "id": event(), "data": {"name": format!("Contact {nth}")}}))
        .collect();
    let of_ada = json!({"facts": contacts[..150]});
    scene.post(&format!("{}/facts", scene.ada), of_ada).await.is(200);
    let path = format!("{grace}/facts");
    let answer = scene.post(&path, json!({"facts": contacts})).await;
    let told = statuses(&answer);
    assert!(told[..150].iter().all(|status| status == "refused"), "{told:?}");
    assert!(told[150..].iter().all(|status| status == "recorded"), "{told:?}");
    for (nth, result) in answer["results"].as_array().expect("results")[..150].iter().enumerate() {
        assert_eq!(result["problem"]["code"], "id_taken");
        assert_eq!(result["problem"]["errors"][0]["pointer"], format!("/facts/{nth}/id"));
    }

    // An external id is that of the fact that gives it, whatever else is said of the profile.
    let external = |id: &str| json!({"external_id": id});
    scene.patch(&scene.ada, external("crm-1")).await.is(200);
    let revised = |data: Value| json!({"type": "ProfileRevised", "data": data});
    let facts = [
        revised(external("crm-1")),
        revised(json!({"phone": "+49 30 123456"})),
        revised(external("crm-1")),
        json!({"type": "ContactCollected", "data": {"name": "Bo Li"}}),
    ];
    let all_or_none = json!({"atomic": true, "facts": facts});
    let refused = scene.post(&path, all_or_none).await;
    refused
        .refuses(409, "external_id_taken")
        .names("/facts/0/data/external_id");
    let answer = scene.post(&path, json!({"facts": facts})).await;
    assert_eq!(statuses(&answer), ["refused", "recorded", "refused", "recorded"]);
    let seen = scene.sees(&grace).await;
    assert_eq!(
        (&seen["phone"], &seen["external_id"]),
        (&json!("+49 30 123456"), &Value::Null),
        "{seen}"
    );

    // What comes back, because its end is taken back, is taken too.
    scene.patch(&grace, external("crm-2")).await.is(200);
    let gone = scene.patch(&grace, json!({"external_id": null})).await;
    scene.patch(&scene.ada, external("crm-2")).await.is(200);
    let back = |event: &Value| json!({"type": "FactRetracted", "subject": event, "data": {"reason": "Not so."}});
    let other = scene.patch(&grace, json!({"phone": null})).await;
    let facts = [
        back(&gone["event"]["id"]),
        back(&other["event"]["id"]),
        revised(json!({"name": "Grace M. Hopper"})),
    ];
    let answer = scene.post(&path, json!({"facts": facts})).await;
    assert_eq!(statuses(&answer), ["refused", "recorded", "recorded"], "{answer}");
    assert_eq!(answer["results"][0]["problem"]["code"], "external_id_taken", "{answer}");

    // However many of them are taken.
    let many: Vec<Value> = (0..80).map(|nth| external(&format!("many-{nth}"))).collect();
    for nth in &many {
        scene
            .makes(
                "/v1/candidates",
                json!({"name": "N", "time_zone": "UTC", "external_id": nth["external_id"]}),
            )
            .await;
    }
    let facts: Vec<Value> = many.into_iter().map(revised).collect();
    let answer = scene.post(&path, json!({"facts": facts})).await;
    assert!(statuses(&answer).iter().all(|status| status == "refused"), "{answer}");
}

async fn a_registration_may_come_first(world: World) {
    let candidate = CandidateId::new(Uuid::now_v7());
    let facts = json!({"atomic": true, "facts": [
        {"type": "CandidateRegistered", "data": {"name": "Grace Hopper", "time_zone": "America/New_York"}},
        {"type": "ContactCollected", "data": {"name": "Bo Li"}},
    ]});
    let answer = world
        .post(&format!("/v1/candidates/{candidate}/facts"), facts.clone())
        .await;
    assert_eq!(statuses(&answer), ["recorded", "recorded"]);
    assert_eq!(
        world.sees(&format!("/v1/candidates/{candidate}")).await["name"],
        "Grace Hopper"
    );
    world
        .post(&format!("/v1/candidates/{candidate}/facts"), facts)
        .await
        .refuses(409, "id_taken");
    let other = json!({"facts": [{"type": "CandidateRegistered", "subject": candidate.to_string(), "data": {"name": "G", "time_zone": "UTC"}}]});
    let fresh = format!("/v1/candidates/{}/facts", CandidateId::new(Uuid::now_v7()));
    world.post(&fresh, other).await.refuses(404, "not_found");
    assert_eq!(world.lists("/v1/candidates").await.len(), 1);
}

async fn what_is_wrong_is_pointed_at(world: World) {
    let scene = Scene::interviewed(world).await;
    let path = format!("{}/facts", scene.ada);
    let contact = |change: Value| {
        let mut fact = json!({"type": "ContactCollected", "data": {"name": "Bo Li"}});
        fact.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        json!({"atomic": true, "facts": [fact]})
    };
    for (body, pointer) in [
        (json!({}), "/facts"),
        (json!({"facts": {}}), "/facts"),
        (json!({"facts": [], "atomic": "yes"}), "/atomic"),
        (
            json!({"facts": [{"type": "ContactCollected", "data": {"name": "Bo"}}], "what": 1}),
            "/what",
        ),
        (
            json!({"facts": [{"type": "ContactCollected", "data": {"name": "Bo"}}], "a/b~c": 1}),
            "/a~1b~0c",
        ),
        (json!({"atomic": true, "facts": [7]}), "/facts/0"),
        (json!({"atomic": true, "facts": [{"data": {}}]}), "/facts/0/type"),
        (
            json!({"atomic": true, "facts": [{"type": 7, "data": {}}]}),
            "/facts/0/type",
        ),
        (
            json!({"atomic": true, "facts": [{"type": "CandidateErased", "data": {}}]}),
            "/facts/0/type",
        ),
        (
            json!({"atomic": true, "facts": [{"type": "ContactCollected"}]}),
            "/facts/0/data/name",
        ),
        (contact(json!({"data": []})), "/facts/0/data"),
        (
            contact(json!({"data": {"name": "Bo", "nose": "red"}})),
            "/facts/0/data/nose",
        ),
        (
            contact(json!({"data": {"name": "Bo", "email": "none"}})),
            "/facts/0/data/email",
        ),
        (
            contact(json!({"occurred_at": "2026-03-01T10:00:00"})),
            "/facts/0/occurred_at",
        ),
        (contact(json!({"id": "evt_1"})), "/facts/0/id"),
        (
            contact(json!({"subject": "int_01k9ze3n8qfq7s5b1x5n0v3gk2"})),
            "/facts/0/subject",
        ),
        (contact(json!({"version": 7})), "/facts/0/version"),
        (
            contact(json!({"recorded_at": "2026-03-01T10:00:00Z"})),
            "/facts/0/recorded_at",
        ),
    ] {
        scene.post(&path, body).await.refuses(422, "invalid").names(pointer);
    }
    scene
        .post(&path, contact(json!({"application": "app_1"})))
        .await
        .refuses(422, "unknown_reference")
        .names("/facts/0/application");
    assert_eq!(scene.lists_feed().await.len(), 8);
}

async fn facts_are_about_a_candidate_that_is_there(world: World) {
    let scene = Scene::interviewed(world).await;
    let facts = json!({"facts": [{"type": "ContactCollected", "data": {"name": "Bo Li"}}]});
    for nobody in ["cnd_01k9ze3n8qfq7s5b1x5n0v3gk2", "cnd_1", "ada"] {
        scene
            .post(&format!("/v1/candidates/{nobody}/facts"), facts.clone())
            .await
            .refuses(404, "not_found");
        scene
            .post(
                &format!("/v1/candidates/{nobody}/facts"),
                json!({"facts": [{"type": "What"}]}),
            )
            .await
            .refuses(404, "not_found");
    }
    scene.delete(&scene.ada).await.is(200);
    scene
        .post(&format!("{}/facts", scene.ada), facts)
        .await
        .refuses(409, "candidate_erased");
}
