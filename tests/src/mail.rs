//! Letters go out by the tenant's own mail server: on request, once, reviewed; and what became of them is told, also where
//! nobody can know.

use afterword::{app::Options, mail::Patience};
use afterword_domain::ids::{CandidateId, NoteId};
use futures_util::future::join_all;
use jiff::SignedDuration;
use mail_parser::MessageParser;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Answer, id},
    harness::{World, behind, moment},
    scenes::{Scene, clears, meets, registers},
    stories,
};

mod configured;
mod draft;
mod mishaps;
pub mod server;
use server::{Rude, Secured, Server};

stories![
    a_reviewed_note_goes_out_once,
    another_address_sends_in_the_candidates_name,
    what_nobody_looked_at_does_not_go_out,
    a_waived_error_goes_out,
    a_named_request_sends_once,
    of_two_requests_at_once_one_sends,
    who_may_not_see_it_sees_nothing,
    an_erased_candidates_deliveries_are_gone,
    a_test_tenant_sends_too,
];

const TEXT: &str = "Dear Ms Berg,\n\nThank you for explaining the release process. My experience with migrations would help.\n\nKind regards,\nAda Lovelace";

/// For servers that fall silent: nobody waits for them.
pub const PATIENCE: Patience = Patience {
    before: std::time::Duration::from_secs(4),
    after: std::time::Duration::from_secs(4),
};

/// Settings for a server.
fn settings(server: &Server, security: &str) -> Value {
    json!({"host": "localhost", "port": server.port, "security": security})
}

async fn puts(scene: &Scene, settings: &Value) -> Answer {
    scene.send(scene.request(Method::PUT, "/v1/mail").json(settings)).await
}

/// Ada has an address, and a plain mail server.
async fn equipped(world: World) -> (Scene, Server) {
    let scene = Scene::interviewed(world).await;
    scene
        .patch(&scene.ada, json!({"email": "ada@post.example"}))
        .await
        .is(200);
    let server = Server::start(Secured::No).await;
    puts(&scene, &settings(&server, "none")).await.is(200);
    (scene, server)
}

async fn drafted(scene: &Scene, body: &str) -> String {
    let draft = json!({"kind": "thank_you", "recipients": [id(&scene.anna)], "channel": "email", "body": body,
        "subject_line": "Thank you – Acme", "interview": id(&scene.interview)});
    scene.makes(&format!("{}/notes", scene.ada), draft).await
}

/// A note that may go out.
async fn reviewed(scene: &Scene) -> String {
    let note = drafted(scene, TEXT).await;
    clears(scene, &note).await;
    note
}

async fn delivers(scene: &Scene, note: &str) -> Answer {
    scene.post(&format!("{note}/deliveries"), json!({})).await
}

#[track_caller]
fn ended(answer: &Answer, state: &str, stage: &str) -> Value {
    let delivery = &answer.is(201)["delivery"];
    assert_eq!(
        (&delivery["state"], &delivery["stage"]),
        (&json!(state), &json!(stage)),
        "{answer}"
    );
    let accepted = state == "accepted";
    assert_eq!(answer.json.get("event").is_some(), accepted, "{answer}");
    delivery.clone()
}

async fn is_draft(scene: &Scene, note: &str) {
    assert_eq!(scene.sees(note).await["status"], "draft");
}

async fn a_reviewed_note_goes_out_once(world: World) {
    let (scene, server) = equipped(world).await;
    let note = reviewed(&scene).await;
    let answer = delivers(&scene, &note).await;
    let delivery = ended(&answer, "accepted", "text");
    assert_eq!(delivery["reply"], json!({"code": 250, "enhanced": "2.0.0"}));
    assert_eq!(
        (&delivery["revision"], &delivery["recipients"]),
        (&json!(1), &json!([id(&scene.anna)]))
    );
    let sent = &answer["event"];
    assert_eq!((&sent["type"], &sent["departures"]), (&json!("NoteSent"), &json!([])));
    assert_eq!(
        sent["data"],
        json!({"channel": "email", "recipients": [id(&scene.anna)], "revision": 1})
    );
    assert_eq!(answer["tasks"]["closed"][0]["play"], "write_thank_you");
    assert_eq!(scene.get(&scene.ada).await.header("etag"), answer.header("etag"));
    assert_eq!(scene.sees(&note).await["status"], "sent");
    assert_eq!(scene.sees(answer.header("location")).await, delivery);
    assert_eq!(scene.lists(&format!("{note}/deliveries")).await, [delivery]);

    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        (taken[0].from.as_str(), &taken[0].to),
        ("ada@post.example", &vec!["anna@acme.example".to_owned()])
    );
    let message = MessageParser::new().parse(&taken[0].text).expect("a message");
    assert_eq!(message.subject(), Some("Thank you – Acme"));
    assert_eq!(
        message.body_text(0).expect("a text").replace("\r\n", "\n").trim_end(),
        TEXT
    );
    assert!(message.header_raw("X-Unsent").is_none() && message.header_raw("Received").is_none());
    assert_eq!(
        message.date().expect("a date").to_timestamp(),
        moment("2026-03-02T15:10:00+01:00").as_second()
    );
    assert!(!taken[0].text.ends_with(b"\r\n\r\n"), "no line more than was written");
    // The server's words quote addresses: nothing keeps them.
    assert!(!answer.to_string().contains("Taken for"), "{answer}");

    delivers(&scene, &note).await.refuses(409, "note_already_sent");
    assert_eq!(server.taken().len(), 1);
    // A later revision of the world does not change what was sent.
    scene
        .patch(&scene.anna, json!({"email": "anna@elsewhere.example"}))
        .await
        .is(200);
    let file = scene.get(&format!("{note}/letter.eml")).await;
    assert!(String::from_utf8_lossy(&file.is(200).body).contains("X-Unsent"));
}

async fn another_address_sends_in_the_candidates_name(world: World) {
    let (scene, server) = equipped(world).await;
    let mut centre = settings(&server, "none");
    centre["from"] = json!({"address": "letters@centre.example"});
    puts(&scene, &centre).await.is(200);
    ended(&delivers(&scene, &reviewed(&scene).await).await, "accepted", "text");
    centre["from"]["name"] = json!("Career Centre, Ödland");
    puts(&scene, &centre).await.is(200);
    ended(&delivers(&scene, &reviewed(&scene).await).await, "accepted", "text");
    let taken = server.taken();
    for (taken, name) in taken.iter().zip(["Ada Lovelace", "Career Centre, Ödland"]) {
        assert_eq!(taken.from, "letters@centre.example", "it is returned there too");
        let message = MessageParser::new().parse(&taken.text).expect("a message");
        let from = message.from().and_then(|it| it.first()).expect("a sender");
        assert_eq!(
            (from.name(), from.address()),
            (Some(name), Some("letters@centre.example"))
        );
        let reply_to = message
            .reply_to()
            .and_then(|it| it.first())
            .expect("somebody to answer to");
        assert_eq!(
            (reply_to.name(), reply_to.address()),
            (Some("Ada Lovelace"), Some("ada@post.example"))
        );
    }
}

async fn what_nobody_looked_at_does_not_go_out(world: World) {
    let (scene, server) = equipped(world).await;
    let note = drafted(&scene, &TEXT.replace("Berg", "Bergh")).await;
    delivers(&scene, &note).await.refuses(409, "note_not_reviewed");
    scene.records(&format!("{note}/reviewed"), json!({})).await;
    delivers(&scene, &note).await.refuses(409, "note_has_open_errors");
    scene.patch(&note, json!({"body": TEXT})).await.is(200);
    delivers(&scene, &note).await.refuses(409, "note_not_reviewed");
    scene.records(&format!("{note}/reviewed"), json!({})).await;
    let deliveries = format!("{note}/deliveries");
    scene
        .post(&deliveries, json!({"revision": 1}))
        .await
        .refuses(422, "invalid")
        .names("/revision");
    for wrong in [
        json!({"revision": "2"}),
        json!({"revision": 0}),
        json!({"revision": -1}),
    ] {
        scene
            .post(&deliveries, wrong)
            .await
            .refuses(422, "invalid")
            .names("/revision");
    }
    scene
        .post(&deliveries, json!({"channel": "email"}))
        .await
        .refuses(422, "invalid")
        .names("/channel");
    let stale = scene
        .request(Method::POST, &deliveries)
        .header("If-Match", "\"of-another\"");
    scene.send(stale.json(&json!({}))).await.refuses(412, "stale");
    scene.patch(&note, json!({"channel": "post"})).await.is(200);
    delivers(&scene, &note).await.refuses(409, "note_not_by_email");
    scene.records(&format!("{note}/discarded"), json!({})).await;
    delivers(&scene, &note).await.refuses(409, "note_discarded");
    let note = reviewed(&scene).await;
    scene.patch(&scene.ada, json!({"email": null})).await.is(200);
    delivers(&scene, &note).await.refuses(409, "not_addressable");
    scene
        .patch(&scene.ada, json!({"email": "ada@post.example"}))
        .await
        .is(200);
    scene.delete("/v1/mail").await.is(200);
    delivers(&scene, &note).await.refuses(409, "mail_not_configured");
    assert_eq!((server.connections(), scene.lists(&deliveries).await.len()), (0, 0));
    puts(&scene, &settings(&server, "none")).await.is(200);
    let answer = scene.post(&format!("{note}/deliveries"), json!({"revision": 1})).await;
    ended(&answer, "accepted", "text");
}

async fn a_waived_error_goes_out(world: World) {
    let (scene, server) = equipped(world).await;
    let note = drafted(&scene, &TEXT.replace("migrations", "migratons")).await;
    let answer = scene.records(&format!("{note}/reviewed"), json!({})).await;
    delivers(&scene, &note).await.refuses(409, "note_has_open_errors");
    let finding = &answer["event"]["data"]["findings"][0]["id"];
    let waiver = json!({"finding": finding, "reason": "It is the name of their tool."});
    scene.records(&format!("{note}/waivers"), waiver).await;
    ended(&delivers(&scene, &note).await, "accepted", "text");
    assert_eq!(server.taken().len(), 1);
}

async fn a_named_request_sends_once(world: World) {
    let (scene, server) = equipped(world).await;
    let note = reviewed(&scene).await;
    let path = format!("{note}/deliveries");
    let named = |body: Value| {
        let request = scene.request(Method::POST, &path).header("Idempotency-Key", "send-it");
        request.json(&body)
    };
    // Only what was begun is kept under the name.
    scene.delete("/v1/mail").await.is(200);
    scene.send(named(json!({}))).await.refuses(409, "mail_not_configured");
    puts(&scene, &settings(&server, "none")).await.is(200);
    let first = scene.send(named(json!({}))).await;
    ended(&first, "accepted", "text");
    assert_eq!(first.maybe_header("idempotency-replayed"), None);
    scene.clock.advance(SignedDuration::from_hours(1));
    scene.patch(&scene.anna, json!({"name": "Anna Berger"})).await.is(200);
    let elsewhere = scene.another(scene.clock.clone(), Options::default());
    for client in [&**scene, &elsewhere] {
        let request = client.request(Method::POST, &path).header("Idempotency-Key", "send-it");
        let again = client.send(request.json(&json!({}))).await;
        assert_eq!(again.is(201).json, first.json);
        assert_eq!(again.header("idempotency-replayed"), "true");
        for header in ["etag", "location"] {
            assert_eq!(again.header(header), first.header(header), "{header}");
        }
    }
    assert_eq!(server.taken().len(), 1);
    scene
        .send(named(json!({"revision": 1})))
        .await
        .refuses(422, "idempotency_reused");

    // Sent at once, the second one waits for the first.
    let note = reviewed(&scene).await;
    server.is_rude("TEXT", Rude::Dawdles);
    let send = || {
        let request = scene.request(Method::POST, &format!("{note}/deliveries"));
        scene.send(request.header("Idempotency-Key", "at-once").json(&json!({})))
    };
    let answers = join_all([send(), send(), send()]).await;
    for answer in &answers {
        ended(answer, "accepted", "text");
        assert_eq!(answer.json, answers[0].json);
    }
    let fresh = answers
        .iter()
        .filter(|it| it.maybe_header("idempotency-replayed").is_none());
    assert_eq!((fresh.count(), server.taken().len()), (1, 2));
    // A failure is an answer too; asking again takes another name.
    server.is_rude("MAIL", Rude::Says("451 4.3.0 Later"));
    let note = reviewed(&scene).await;
    let send = |name: &str| {
        let request = scene.request(Method::POST, &format!("{note}/deliveries"));
        scene.send(request.header("Idempotency-Key", name).json(&json!({})))
    };
    let failed = send("later").await;
    ended(&failed, "failed", "sender");
    server.is_polite();
    assert_eq!(send("later").await.is(201).json, failed.json);
    is_draft(&scene, &note).await;
    ended(&send("now").await, "accepted", "text");
}

async fn of_two_requests_at_once_one_sends(world: World) {
    let (scene, server) = equipped(world).await;
    let elsewhere = scene.another(scene.clock.clone(), Options::default());
    for at in ["TEXT", "EHLO"] {
        let note = reviewed(&scene).await;
        let path = format!("{note}/deliveries");
        let before = server.taken().len();
        server.is_rude(at, Rude::Dawdles);
        let answers = join_all([
            scene.post(&path, json!({})),
            elsewhere.post(&path, json!({})),
            scene.post(&path, json!({})),
        ])
        .await;
        assert_eq!(answers.iter().filter(|it| it.status == 201).count(), 1);
        for answer in answers.iter().filter(|it| it.status != 201) {
            // The slower one may come when all is over.
            assert!(
                ["delivery_under_way", "note_already_sent"]
                    .iter()
                    .any(|code| answer["code"] == *code),
                "{answer}"
            );
        }
        assert_eq!(server.taken().len(), before + 1);
        assert_eq!(scene.lists(&path).await.len(), 1);
    }
}

async fn who_may_not_see_it_sees_nothing(world: World) {
    let (scene, server) = equipped(world).await;
    let note = reviewed(&scene).await;
    let path = format!("{note}/deliveries");
    let ada: CandidateId = id(&scene.ada).parse().unwrap();
    let own = scene
        .client("candidates:read candidates:write", Some(ada.uuid()), None)
        .await;
    let bound = scene.client("admin", Some(ada.uuid()), None).await;
    for client in [&own, &bound] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let request = client.request(method, "/v1/mail");
            client
                .send(request.json(&settings(&server, "none")))
                .await
                .refuses(403, "insufficient_scope");
        }
    }
    let reader = scene.client("candidates:read", None, None).await;
    reader.post(&path, json!({})).await.refuses(403, "insufficient_scope");
    reader.get(&path).await.is(200);
    // A candidate's own app sends the candidate's letters, and nobody else's.
    let grace = registers(&scene, "Grace Hopper").await;
    let grace: CandidateId = id(&grace).parse().unwrap();
    let other = scene
        .client("candidates:read candidates:write", Some(grace.uuid()), None)
        .await;
    other.post(&path, json!({})).await.refuses(404, "not_found");
    let neighbour = scene.neighbour().await;
    neighbour.post(&path, json!({})).await.refuses(404, "not_found");
    assert_eq!(server.connections(), 0);
    let sent = own.post(&path, json!({})).await;
    ended(&sent, "accepted", "text");
    let location = sent.header("location").to_owned();
    for client in [&other, &*neighbour] {
        for path in [&path, &location, &format!("{note}/letter.eml")] {
            client.get(path).await.refuses(404, "not_found");
        }
        let resolved = format!("{location}/resolved");
        let answer = client.post(&resolved, json!({"accepted": true})).await;
        answer.refuses(404, "not_found");
    }
    // A delivery is found under its own note alone.
    let another = reviewed(&scene).await;
    scene
        .get(&format!("{another}/deliveries/{}", id(&location)))
        .await
        .refuses(404, "not_found");
    scene.get(&format!("{path}/ndl_x")).await.refuses(404, "not_found");
    scene
        .get(&format!("{path}?state=failed"))
        .await
        .refuses(422, "invalid")
        .names("?state");
}

async fn an_erased_candidates_deliveries_are_gone(world: World) {
    let (scene, server) = equipped(world).await;
    let note = reviewed(&scene).await;
    let sent = delivers(&scene, &note).await;
    ended(&sent, "accepted", "text");
    scene.delete(&scene.ada).await.is(200);
    scene
        .get(&format!("{note}/deliveries"))
        .await
        .refuses(410, "candidate_erased");
    scene
        .get(sent.header("location"))
        .await
        .refuses(410, "candidate_erased");
    delivers(&scene, &note).await.refuses(409, "candidate_erased");
    let resolved = format!("{}/resolved", sent.header("location"));
    scene
        .post(&resolved, json!({"accepted": true}))
        .await
        .refuses(409, "candidate_erased");
    let (store, tenant) = (scene.store.clone(), scene.tenant);
    let (candidate, note): (CandidateId, NoteId) = (id(&scene.ada).parse().unwrap(), id(&note).parse().unwrap());
    let left = behind(async move { store.note_deliveries(tenant, candidate.uuid(), note.uuid()).await });
    assert_eq!(left.await.expect("done").expect("answers"), []);
    assert_eq!(server.taken().len(), 1);
}

async fn a_test_tenant_sends_too(world: World) {
    let test = world.on_a_test_clock().await;
    test.post("/v1/test-clock/advanced", json!({"to": "2026-03-09T10:00:00+01:00"}))
        .await
        .is(200);
    let ada = json!({"name": "Ada Lovelace", "time_zone": "Europe/Berlin", "email": "ada@post.example"});
    let ada = test.makes("/v1/candidates", ada).await;
    let anna = meets(&test, &ada, "Anna Berg", "anna@acme.example").await;
    let server = Server::start(Secured::No).await;
    let put = test.request(Method::PUT, "/v1/mail").json(&settings(&server, "none"));
    test.send(put).await.is(200);
    let draft =
        json!({"kind": "other", "recipients": [id(&anna)], "channel": "email", "body": TEXT, "subject_line": "Hello"});
    let note = test.makes(&format!("{ada}/notes"), draft).await;
    clears(&test, &note).await;
    let answer = test.post(&format!("{note}/deliveries"), json!({})).await;
    let delivery = ended(&answer, "accepted", "text");
    assert_eq!(delivery["started_at"], "2026-03-09T09:00:00Z");
    assert_eq!(answer["event"]["occurred_at"], "2026-03-09T09:00:00Z");
    assert_eq!(server.taken().len(), 1);
}
