//! A note as a draft that a mail program opens.

use jiff::SignedDuration;
use mail_parser::MessageParser;
use reqwest::Method;
use serde_json::json;

use super::{TEXT, drafted};
use crate::{client::id, harness::World, scenes::Scene, stories};

stories![
    a_note_opens_as_a_draft,
    a_letter_that_cannot_be_addressed_says_what_to_record,
];

async fn a_note_opens_as_a_draft(world: World) {
    let scene = Scene::interviewed(world).await;
    scene
        .patch(&scene.ada, json!({"name": "Ada Ångström", "email": "ada@post.example"}))
        .await
        .is(200);
    let note = drafted(&scene, "Dear Ms Berg,\n\nGrüße").await;
    let path = format!("{note}/letter.eml");
    let answer = scene.get(&path).await;
    assert_eq!(answer.is(200).header("content-type"), "message/rfc822");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"letter.eml\""
    );
    let message = MessageParser::new().parse(&answer.body).expect("a message");
    assert_eq!(message.header_raw("X-Unsent").map(str::trim), Some("1"));
    let from = message.from().and_then(|it| it.first()).expect("a sender");
    assert_eq!(
        (from.name(), from.address()),
        (Some("Ada Ångström"), Some("ada@post.example"))
    );
    let to = message.to().and_then(|it| it.first()).expect("a recipient");
    assert_eq!(
        (to.name(), to.address()),
        (Some("Anna Berg"), Some("anna@acme.example"))
    );
    assert_eq!(message.subject(), Some("Thank you – Acme"));
    assert_eq!(
        message.body_text(0).expect("a text").trim_end(),
        "Dear Ms Berg,\r\n\r\nGrüße"
    );
    assert_eq!(
        message.message_id(),
        Some(format!("{}.1@post.example", id(&note)).as_str())
    );
    assert!(message.bcc().is_none() && answer.body.is_ascii());

    let tag = answer.header("etag").to_owned();
    let again = scene.request(Method::GET, &path).header("If-None-Match", &tag);
    assert!(scene.send(again).await.is(304).body.is_empty());
    let then = scene.clock.now();
    scene.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(
        scene.get(&path).await.is(200).body,
        answer.body,
        "the same note is the same letter"
    );
    scene.patch(&note, json!({"subject_line": "Thanks"})).await.is(200);
    let revised = scene.get(&path).await;
    assert!(
        String::from_utf8_lossy(&revised.is(200).body).contains(".2@post.example"),
        "{revised}"
    );
    assert_ne!(revised.header("etag"), tag);
    let before = scene.get(&format!("{path}?as_of={then}")).await;
    assert_eq!(before.is(200).body, answer.body);
    scene
        .get(&format!("{path}?size=a4"))
        .await
        .refuses(422, "invalid")
        .names("?size");
    scene.delete(&scene.ada).await.is(200);
    scene.get(&path).await.refuses(410, "candidate_erased");
}

async fn a_letter_that_cannot_be_addressed_says_what_to_record(world: World) {
    let scene = Scene::interviewed(world).await;
    let bo = scene
        .makes(&format!("{}/contacts", scene.ada), json!({"name": "Bo Li"}))
        .await;
    let note = drafted(&scene, TEXT).await;
    let refused = async |code: &str, told: &str| {
        let answer = scene.get(&format!("{note}/letter.eml")).await;
        let detail = answer.refuses(409, code)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(told), "{detail} does not name {told}");
    };
    refused("not_addressable", &scene.ada).await;
    scene
        .patch(&scene.ada, json!({"email": "ada@post.example"}))
        .await
        .is(200);
    scene
        .patch(&note, json!({"recipients": [id(&scene.anna), id(&bo)]}))
        .await
        .is(200);
    refused("not_addressable", &bo).await;
    scene
        .patch(&bo, json!({"email": "bo\"li\"@acme.example"}))
        .await
        .is(200);
    refused("not_addressable", &bo).await;
    scene.patch(&bo, json!({"email": "bo@acme.example"})).await.is(200);
    scene.get(&format!("{note}/letter.eml")).await.is(200);
    scene.delete(&bo).await.is(200);
    refused("not_addressable", id(&bo)).await;
    scene.patch(&note, json!({"recipients": []})).await.is(200);
    refused("not_addressable", "nobody").await;
    scene.patch(&note, json!({"body": null})).await.is(200);
    refused("note_without_body", "text").await;
    let nobodys = format!("{}/notes/note_01k9ze3n8qfq7s5b1x5n0v3gk2/letter.eml", scene.ada);
    scene.get(&nobodys).await.refuses(404, "not_found");
}
