//! Mail servers that refuse, fall silent or hang up, and processes that die: what became of a letter is told, also where
//! nobody can know.

use afterword_domain::ids::{CandidateId, NoteDeliveryId, NoteId};
use afterword_store::{Appended, Beside, Commit, NoteDeliveryRow, NoteDeliveryState};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    TEXT, delivers, ended, equipped, is_draft, puts, reviewed,
    server::{PASSWORD, Rude, Secured, Server, USER},
    settings,
};
use crate::{
    client::id,
    harness::{World, behind},
    scenes::{Scene, clears, meets},
    stories,
};

stories![
    what_the_server_refuses_is_told_and_nothing_is_recorded,
    all_recipients_or_nobody,
    a_server_that_is_silent_or_gone_fails_before_the_text,
    a_delivery_that_broke_off_after_the_text_is_never_repeated_by_itself,
    a_process_that_died_leaves_what_is_known,
    connections_are_secured_or_not_made,
];

async fn what_the_server_refuses_is_told_and_nothing_is_recorded(world: World) {
    let (scene, server) = equipped(world).await;
    let note = reviewed(&scene).await;
    let replies = [
        ("GREETING", "554 5.3.2 Closed", "connect", "refused", 554, Some("5.3.2")),
        (
            "MAIL",
            "550 5.7.1 Not you, ada@post.example",
            "sender",
            "refused",
            550,
            Some("5.7.1"),
        ),
        (
            "RCPT",
            "550 5.1.1 <anna@acme.example>: who?",
            "recipients",
            "refused",
            550,
            Some("5.1.1"),
        ),
        (
            "RCPT",
            "450 anna@acme.example is greylisted",
            "recipients",
            "failed",
            450,
            None,
        ),
        ("DATA", "452 4.3.1 No room", "data", "failed", 452, Some("4.3.1")),
        (
            "TEXT",
            "554 5.6.0 Bad letter from Ada",
            "text",
            "refused",
            554,
            Some("5.6.0"),
        ),
        (
            "TEXT",
            "451-4.7.0 Later,\r\n451 4.7.0 Ada",
            "text",
            "failed",
            451,
            Some("4.7.0"),
        ),
    ];
    for (at, reply, stage, state, code, enhanced) in replies {
        server.is_rude(at, Rude::Says(reply));
        let answer = delivers(&scene, &note).await;
        let delivery = ended(&answer, state, stage);
        assert_eq!(
            delivery["reply"],
            json!({"code": code, "enhanced": enhanced}),
            "{reply}"
        );
        assert_eq!(delivery["reason"], Value::Null);
        let told = answer.to_string();
        assert!(
            !told.contains("anna@") && !told.contains("Ada") && !told.contains("ada@"),
            "{told}"
        );
        is_draft(&scene, &note).await;
    }
    let all = scene.lists(&format!("{note}/deliveries")).await;
    assert_eq!(all.len(), replies.len());
    assert_eq!(scene.lists_all(&format!("{note}/deliveries?limit=3")).await, all);
    server.is_polite();
    assert!(server.taken().is_empty());
    ended(&delivers(&scene, &note).await, "accepted", "text");
}

async fn all_recipients_or_nobody(world: World) {
    let (scene, server) = equipped(world).await;
    let bo = meets(&scene, &scene.ada, "Bo Li", "bo@acme.example").await;
    let text = TEXT.replace("Ms Berg,", "Ms Berg and Bo Li,");
    let draft = json!({"kind": "other", "recipients": [id(&scene.anna), id(&bo)], "channel": "email", "body": text,
        "subject_line": "Thank you"});
    let note = scene.makes(&format!("{}/notes", scene.ada), draft).await;
    clears(&scene, &note).await;
    server.is_rude("RCPT TO:<bo@", Rude::Says("550 5.1.1 No such user"));
    ended(&delivers(&scene, &note).await, "refused", "recipients");
    assert!(server.taken().is_empty(), "nobody got anything");
    is_draft(&scene, &note).await;
    server.is_polite();
    ended(&delivers(&scene, &note).await, "accepted", "text");
    let taken = server.taken();
    assert_eq!(taken[0].to, ["anna@acme.example", "bo@acme.example"]);
}

async fn a_server_that_is_silent_or_gone_fails_before_the_text(world: World) {
    let (scene, server) = equipped(world).await;
    let note = reviewed(&scene).await;
    for (at, how, stage, reason) in [
        ("GREETING", Rude::Hangs, "connect", "timeout"),
        ("RCPT", Rude::Drops, "recipients", "broken_off"),
        ("DATA", Rude::Hangs, "data", "timeout"),
        ("MAIL", Rude::Says("anything"), "sender", "broken_off"),
        ("MAIL", Rude::Says("354 Go on"), "sender", "broken_off"),
        ("DATA", Rude::Says("250 Taken"), "data", "broken_off"),
    ] {
        server.is_rude(at, how);
        let delivery = ended(&delivers(&scene, &note).await, "failed", stage);
        assert_eq!(
            (&delivery["reason"], &delivery["reply"]),
            (&json!(reason), &Value::Null),
            "{at} {how:?}"
        );
    }
    server.is_polite();
    let card = async |email: &str| scene.patch(&scene.anna, json!({"email": email})).await.is(200).status;
    card("zoë@acme.example").await;
    let delivery = ended(&delivers(&scene, &note).await, "failed", "sender");
    assert_eq!(delivery["reason"], "address_not_taken");
    card("anna@acme.example").await;
    let mut gone = settings(&server, "none");
    for (host, port, reason) in [
        ("127.0.0.1", 1, "no_connection"),
        ("nowhere.invalid", server.port, "host_unknown"),
    ] {
        (gone["host"], gone["port"]) = (json!(host), json!(port));
        puts(&scene, &gone).await.is(200);
        let delivery = ended(&delivers(&scene, &note).await, "failed", "connect");
        // Where no names can be looked up at all, that takes its time.
        assert!(
            [reason, "timeout"].iter().any(|it| delivery["reason"] == *it),
            "{delivery}"
        );
    }
    is_draft(&scene, &note).await;
    assert!(server.taken().is_empty());
}

async fn a_delivery_that_broke_off_after_the_text_is_never_repeated_by_itself(world: World) {
    let (scene, server) = equipped(world).await;
    for (how, reason) in [(Rude::Drops, "broken_off"), (Rude::Hangs, "timeout")] {
        let note = reviewed(&scene).await;
        let before = server.taken().len();
        server.is_rude("TEXT", how);
        let answer = delivers(&scene, &note).await;
        let delivery = ended(&answer, "unknown", "text");
        assert_eq!(
            (&delivery["reason"], &delivery["resolved"]),
            (&json!(reason), &Value::Null)
        );
        is_draft(&scene, &note).await;
        server.is_polite();
        let path = answer.header("location").to_owned();
        let refused = delivers(&scene, &note).await;
        let told = refused.refuses(409, "delivery_unknown")["detail"].as_str().unwrap();
        assert!(told.contains(id(&path)), "{told}");
        assert_eq!(server.taken().len(), before + 1, "nothing was sent again");

        let resolved = format!("{path}/resolved");
        scene
            .post(&resolved, json!({}))
            .await
            .refuses(422, "invalid")
            .names("/accepted");
        scene
            .post(&resolved, json!({"accepted": 1}))
            .await
            .refuses(422, "invalid")
            .names("/accepted");
        scene.clock.advance(SignedDuration::from_mins(30));
        let resolve = |accepted: bool, name: &str| {
            let request = scene
                .request(Method::POST, &resolved)
                .header("Idempotency-Key", name.to_owned());
            scene.send(request.json(&json!({"accepted": accepted})))
        };
        if reason == "broken_off" {
            // It did arrive: recorded as of when it was sent.
            let answer = resolve(true, "it-did").await;
            ended(&answer, "accepted", "text");
            assert_eq!(answer["event"]["occurred_at"], delivery["started_at"]);
            assert_eq!(answer["delivery"]["resolved"], true);
            assert_eq!(scene.sees(&note).await["status"], "sent");
            let again = resolve(true, "it-did").await;
            assert_eq!(
                (again.is(201).json.clone(), again.header("idempotency-replayed")),
                (answer.json, "true")
            );
            resolve(true, "it-did-indeed").await.is(201);
            resolve(false, "it-did-not").await.refuses(409, "delivery_settled");
            delivers(&scene, &note).await.refuses(409, "note_already_sent");
        } else {
            // It did not: it may be sent again.
            let answer = resolve(false, "no").await;
            assert_eq!(ended(&answer, "failed", "text")["resolved"], false);
            resolve(true, "yes").await.refuses(409, "delivery_settled");
            is_draft(&scene, &note).await;
            ended(&delivers(&scene, &note).await, "accepted", "text");
            assert_eq!(server.taken().len(), before + 2);
        }
    }
    let accepted = delivers(&scene, &reviewed(&scene).await).await;
    ended(&accepted, "accepted", "text");
    let resolved = format!("{}/resolved", accepted.header("location"));
    scene
        .post(&resolved, json!({"accepted": true}))
        .await
        .refuses(409, "delivery_settled");
}

/// A row as a process left it that is no more.
async fn abandoned(scene: &Scene, note: &str, spoke: bool) -> String {
    let delivery = NoteDeliveryId::new(Uuid::now_v7());
    let candidate: CandidateId = id(&scene.ada).parse().unwrap();
    let note_id: NoteId = id(note).parse().unwrap();
    let now = scene.clock.now();
    let row = NoteDeliveryRow {
        delivery_id: delivery.uuid(),
        candidate: candidate.uuid(),
        note: note_id.uuid(),
        revision: 1,
        recipients: id(&scene.anna).to_owned(),
        state: NoteDeliveryState::Sending,
        stage: "connect".to_owned(),
        code: None,
        enhanced: None,
        reason: None,
        started_at: now.as_microsecond(),
        finished_at: None,
        until_at: (now + SignedDuration::from_mins(2)).as_microsecond(),
        resolved: None,
    };
    let (store, tenant) = (scene.store.clone(), scene.tenant);
    behind(async move {
        let at = row.started_at;
        let mut commit = Commit::new(tenant, row.delivery_id, 0);
        commit.beside = Some(Beside::note_delivery(tenant, &row, at));
        let begun = store.append(commit).await.expect("the store answers");
        assert!(matches!(begun, Appended::Done { .. }));
        if spoke {
            assert!(
                store
                    .note_delivery_speaks(tenant, &row, at)
                    .await
                    .expect("the store answers")
            );
        }
    })
    .await
    .expect("done");
    format!("{note}/deliveries/{delivery}")
}

async fn a_process_that_died_leaves_what_is_known(world: World) {
    let (scene, server) = equipped(world).await;
    // Before the text nothing was sent.
    let note = reviewed(&scene).await;
    let path = abandoned(&scene, &note, false).await;
    assert_eq!(scene.sees(&path).await["state"], "sending");
    delivers(&scene, &note).await.refuses(409, "delivery_under_way");
    scene
        .post(&format!("{path}/resolved"), json!({"accepted": true}))
        .await
        .refuses(409, "delivery_under_way");
    scene.clock.advance(SignedDuration::from_mins(3));
    let seen = scene.sees(&path).await;
    assert_eq!(
        (&seen["state"], &seen["reason"]),
        (&json!("failed"), &json!("interrupted"))
    );
    ended(&delivers(&scene, &note).await, "accepted", "text");
    assert_eq!(scene.sees(&path).await, seen);
    // After it nobody knows.
    let note = reviewed(&scene).await;
    let path = abandoned(&scene, &note, true).await;
    scene.clock.advance(SignedDuration::from_mins(3));
    let seen = scene.sees(&path).await;
    assert_eq!(
        (&seen["state"], &seen["reason"]),
        (&json!("unknown"), &json!("interrupted"))
    );
    delivers(&scene, &note).await.refuses(409, "delivery_unknown");
    assert_eq!(server.taken().len(), 1);
    let answer = scene.post(&format!("{path}/resolved"), json!({"accepted": true})).await;
    ended(&answer, "accepted", "text");
    assert_eq!(
        scene.lists(&format!("{note}/deliveries")).await,
        [answer["delivery"].clone()]
    );
    // Somebody else has said so since: that the letter went out stays true.
    let note = reviewed(&scene).await;
    let path = abandoned(&scene, &note, true).await;
    scene.clock.advance(SignedDuration::from_mins(3));
    scene.records(&format!("{note}/sent"), json!({})).await;
    let answer = scene.post(&format!("{path}/resolved"), json!({"accepted": true})).await;
    assert_eq!(
        (&answer.is(201)["delivery"]["state"], answer.json.get("event")),
        (&json!("accepted"), None)
    );
}

async fn connections_are_secured_or_not_made(world: World) {
    let (scene, _) = equipped(world).await;
    let note = reviewed(&scene).await;
    let with_user = |server: &Server, security: &str, password: &str| {
        let mut settings = settings(server, security);
        (settings["username"], settings["password"]) = (json!(USER), json!(password));
        settings
    };
    let (plain, on_request, at_once) = (
        Server::start(Secured::No).await,
        Server::start(Secured::OnRequest).await,
        Server::start(Secured::AtOnce).await,
    );
    let mut elsewhere = with_user(&at_once, "tls", PASSWORD);
    elsewhere["host"] = json!("127.0.0.1");
    for (settings, stage, reason) in [
        (with_user(&plain, "starttls", PASSWORD), "tls", "no_tls"),
        (with_user(&plain, "tls", PASSWORD), "connect", "no_tls"),
        // The certificate is for another name.
        (elsewhere, "connect", "no_tls"),
        // It lets nobody sign in before it is secured.
        (with_user(&on_request, "none", PASSWORD), "sign_in", "no_sign_in"),
    ] {
        puts(&scene, &settings).await.is(200);
        let delivery = ended(&delivers(&scene, &note).await, "failed", stage);
        assert_eq!(delivery["reason"], reason, "{settings}");
    }
    puts(&scene, &with_user(&at_once, "tls", "wrong")).await.is(200);
    let delivery = ended(&delivers(&scene, &note).await, "refused", "sign_in");
    assert_eq!(delivery["reply"], json!({"code": 535, "enhanced": "5.7.8"}));
    assert!(
        [&plain, &on_request, &at_once]
            .iter()
            .all(|server| server.taken().is_empty())
    );
    for (server, security) in [(&at_once, "tls"), (&on_request, "starttls")] {
        puts(&scene, &with_user(server, security, PASSWORD)).await.is(200);
        ended(&delivers(&scene, &reviewed(&scene).await).await, "accepted", "text");
        let taken = server.taken();
        assert_eq!((taken[0].secured, taken[0].user.as_deref()), (true, Some(USER)));
    }
}
