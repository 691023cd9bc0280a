//! Contacts as business cards, and back again.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Client, id},
    harness::World,
    scenes::{Scene, meets, registers},
    stories,
};

stories![
    a_card_reads_back_as_it_was,
    a_card_is_of_one_contact_and_of_none_who_was_erased,
    bad_questions_for_cards_are_refused,
];

async fn imports(client: &Client, candidate: &str, cards: Vec<u8>) -> Vec<Value> {
    let request = client
        .request(Method::POST, &format!("{candidate}/imports?format=vcf"))
        .header("Content-Type", "text/vcard");
    let answer = client.send(request.body(cards)).await;
    answer.is(200)["results"].as_array().expect("results").clone()
}

async fn a_card_reads_back_as_it_was(world: World) {
    let scene = Scene::applied(world).await;
    for (nth, channel) in ["email", "phone", "post"].iter().enumerate() {
        let card = json!({"name": format!("Zoë 東 O'Neill, Dr.; {}", "von und zu ".repeat(nth * 8)).trim(), "pronunciation": "zo-ee",
            "title": "Head of R&D; \\ and, more", "organisation_name": "Acme, Söhne & Co; KG", "email": format!("zoe{nth}@acme.example"),
            "phone": "+49 30 1234567", "preferred_channel": channel,
            "postal_address": {"lines": ["Hof 3; 2. Stock", "Straße 1, links"], "city": "Köln", "postal_code": "50667", "country": "DE"}});
        scene.records(&format!("{}/contacts", scene.ada), card).await;
    }
    let known = scene.lists(&format!("{}/contacts", scene.ada)).await;
    for version in ["", "?version=4.0", "?version=3.0"] {
        let file = scene.get(&format!("{}/contacts.vcf{version}", scene.ada)).await;
        assert_eq!(file.is(200).header("content-type"), "text/vcard; charset=utf-8");
        let text = String::from_utf8(file.body.clone()).expect("UTF-8");
        assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
        let said = if version.ends_with("3.0") {
            "VERSION:3.0"
        } else {
            "VERSION:4.0"
        };
        assert_eq!(text.matches(said).count(), 4, "{text}");
        assert_eq!(
            text.contains("\r\nN"),
            version.ends_with("3.0") || text.contains("\r\nNOTE"),
            "{text}"
        );
        let before = scene.lists_feed().await.len();
        let results = imports(&scene, &scene.ada, file.body.clone()).await;
        assert!(
            results.iter().all(|it| it["status"] == "already_recorded"),
            "{text}\n{results:#?}"
        );
        assert_eq!((results.len(), scene.lists_feed().await.len()), (4, before));
        // Elsewhere they are the same people.
        let grace = registers(&scene, "Grace Hopper").await;
        let results = imports(&scene, &grace, file.body.clone()).await;
        assert!(results.iter().all(|it| it["status"] == "recorded"), "{results:#?}");
        let theirs = scene.lists(&format!("{grace}/contacts")).await;
        for contact in &known {
            let same = theirs
                .iter()
                .find(|it| it["email"] == contact["email"])
                .expect("the same e-mail");
            for field in ["name", "title", "organisation_name", "phone", "postal_address"] {
                assert_eq!(same[field], contact[field], "{field} by {version:?}: {text}");
            }
        }
        let tag = file.header("etag").to_owned();
        let request = scene.request(Method::GET, &format!("{}/contacts.vcf{version}", scene.ada));
        scene.send(request.header("If-None-Match", tag)).await.is(304);
    }
}

async fn a_card_is_of_one_contact_and_of_none_who_was_erased(world: World) {
    let scene = Scene::applied(world).await;
    let ben = meets(&scene, &scene.ada, "Ben Stone", "ben@acme.example").await;
    let card = scene.get(&format!("{ben}/card.vcf")).await;
    let text = String::from_utf8(card.is(200).body.clone()).expect("UTF-8");
    assert!(text.contains("FN:Ben Stone\r\n") && !text.contains("Anna"), "{text}");
    assert!(text.contains("EMAIL;PREF=1:ben@acme.example\r\n"), "{text}");
    let then = scene.clock.now();
    scene.clock.advance(jiff::SignedDuration::from_hours(1));
    scene.patch(&ben, json!({"name": "Ben Stones"})).await.is(200);
    let before = scene.get(&format!("{ben}/card.vcf?as_of={then}")).await;
    assert_eq!(before.is(200).body, card.body);
    scene.delete(&ben).await.is(200);
    scene.get(&format!("{ben}/card.vcf")).await.refuses(404, "not_found");
    let all = scene.get(&format!("{}/contacts.vcf", scene.ada)).await;
    let text = String::from_utf8(all.is(200).body.clone()).expect("UTF-8");
    assert!(
        text.contains("Anna Berg") && !text.contains("Ben") && !text.contains("erased"),
        "{text}"
    );
}

async fn bad_questions_for_cards_are_refused(world: World) {
    let scene = Scene::applied(world).await;
    for wrong in [
        "version=2.1",
        "version=4",
        "version=x",
        "limit=1",
        "version=3.0&version=4.0",
    ] {
        let answer = scene.get(&format!("{}/contacts.vcf?{wrong}", scene.ada)).await;
        answer.refuses(422, "invalid");
    }
    scene
        .get(&format!(
            "{}/contacts/con_01k9ze3n8qfq7s5b1x5n0v3gk2/card.vcf",
            scene.ada
        ))
        .await
        .refuses(404, "not_found");
    let writer = scene.client("candidates:write", None, None).await;
    writer
        .get(&format!("{}/contacts.vcf", scene.ada))
        .await
        .refuses(403, "insufficient_scope");
    let grace = registers(&scene, "Grace").await;
    let none = scene.get(&format!("{grace}/contacts.vcf")).await;
    assert!(none.is(200).body.is_empty());
    scene
        .get(&format!("{grace}/contacts/{}/card.vcf", id(&scene.anna)))
        .await
        .refuses(404, "not_found");
}
