//! A note as a letter: plain text, a page and PDF, on the paper and with the date of where the candidate lives.

use serde_json::json;

use crate::{
    client::{Answer, id},
    harness::World,
    scenes::{Scene, meets},
    stories,
};

stories![
    a_note_is_a_letter_in_three_forms,
    a_letter_is_dated_when_it_went_out_and_as_it_was_known,
    a_letter_to_several_names_all_or_one,
    a_letter_goes_to_the_organisation_where_a_card_has_no_address,
    a_letter_that_cannot_be_printed_says_why,
    a_letter_of_the_erased_is_gone,
];

const BODY: &str = "Dear Ms Berg,\n\nThank you for <explaining> the release process.\n\nKind regards,\nAda Lovelace";
const FORMS: [(&str, &str); 3] = [
    ("pdf", "application/pdf"),
    ("html", "text/html; charset=utf-8"),
    ("txt", "text/plain; charset=utf-8"),
];

/// Ada lives in London, Anna works in Berlin, and a letter is drafted.
async fn drafted(scene: &Scene, recipients: &[&str], body: &str) -> String {
    let home = json!({"lines": ["12 St James’s Square"], "city": "London", "postal_code": "SW1Y 4JH", "country": "GB"});
    let profile = json!({"locale": "en-GB", "postal_address": home, "email": "ada@lovelace.example"});
    scene.patch(&scene.ada, profile).await.is(200);
    let work = json!({"lines": ["Torstraße 1"], "city": "Berlin", "postal_code": "10119", "country": "Germany"});
    let card = json!({"title": "Head of Data", "postal_address": work});
    scene.patch(&scene.anna, card).await.is(200);
    let draft = json!({"kind": "thank_you", "recipients": recipients, "channel": "post", "body": body,
        "subject_line": "Thank you", "application": id(&scene.acme)});
    scene.makes(&format!("{}/notes", scene.ada), draft).await
}

async fn text(scene: &Scene, path: &str) -> String {
    let answer = scene.get(path).await;
    answer.is(200);
    String::from_utf8(answer.body).expect("UTF-8")
}

async fn again(scene: &Scene, path: &str, tag: &str) -> Answer {
    let request = scene.request(reqwest::Method::GET, path).header("If-None-Match", tag);
    scene.send(request).await
}

async fn a_note_is_a_letter_in_three_forms(world: World) {
    let scene = Scene::interviewed(world).await;
    let note = drafted(&scene, &[id(&scene.anna)], BODY).await;
    let told = text(&scene, &format!("{note}/letter.txt")).await;
    assert_eq!(
        told,
        "Ada Lovelace\n12 St James’s Square\nLondon\nSW1Y 4JH\nUNITED KINGDOM\nada@lovelace.example\n\n2 March 2026\n\n\
         Anna Berg\nHead of Data\nAcme GmbH\nTorstraße 1\n10119 Berlin\nGERMANY\n\nThank you\n\nDear Ms Berg,\n\n\
         Thank you for <explaining> the release process.\n\nKind regards,\n\n\n\nAda Lovelace\n"
    );
    for (form, media) in FORMS {
        let path = format!("{note}/letter.{form}");
        let answer = scene.get(&path).await;
        answer.is(200);
        assert_eq!(answer.header("content-type"), media);
        assert_eq!(
            answer.header("content-disposition"),
            format!("inline; filename=\"letter-2026-03-02.{form}\"")
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        let tag = answer.header("etag").to_owned();
        again(&scene, &path, &tag).await.is(304);
        assert_eq!(
            scene.get(&path).await.body,
            answer.body,
            "the same letter is the same file"
        );
        // Another text is another letter.
        scene
            .patch(&note, json!({"subject_line": format!("Thanks ({form})")}))
            .await
            .is(200);
        let changed = again(&scene, &path, &tag).await;
        changed.is(200);
        assert_ne!(changed.header("etag"), tag);
    }
    let pdf = scene.get(&format!("{note}/letter.pdf")).await;
    assert!(pdf.body.starts_with(b"%PDF-") && pdf.maybe_header("content-security-policy").is_none());
    let page = scene.get(&format!("{note}/letter.html")).await;
    let policy = page.header("content-security-policy").to_owned();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    let html = String::from_utf8(page.body).expect("UTF-8");
    assert!(html.contains("&lt;explaining&gt;") && html.contains("<html lang=\"en-GB\">") && html.contains("size: A4"));
    scene.patch(&scene.ada, json!({"locale": "en-US"})).await.is(200);
    let html = text(&scene, &format!("{note}/letter.html")).await;
    assert!(html.contains("size: letter") && html.contains("March 2, 2026"));
}

async fn a_letter_is_dated_when_it_went_out_and_as_it_was_known(world: World) {
    let scene = Scene::interviewed(world).await;
    let note = drafted(&scene, &[id(&scene.anna)], BODY).await;
    let path = format!("{note}/letter.txt");
    // A moment past midnight in Berlin is the next day there.
    scene.at("2026-03-03T23:30:00Z");
    assert!(text(&scene, &path).await.contains("\n4 March 2026\n"));
    scene
        .records(
            &format!("{note}/sent"),
            json!({"occurred_at": "2026-03-03T12:00:00+01:00"}),
        )
        .await;
    scene.at("2026-03-09T12:00:00+01:00");
    scene.patch(&scene.anna, json!({"name": "Anna Berger"})).await.is(200);
    let now = text(&scene, &path).await;
    assert!(now.contains("\n3 March 2026\n") && now.contains("Anna Berger"), "{now}");
    let then = text(&scene, &format!("{path}?as_of=2026-03-03T10:00:00Z")).await;
    assert!(
        then.contains("\n3 March 2026\n") && then.contains("Anna Berg\n"),
        "{then}"
    );
    scene
        .get(&format!("{path}?as_of=2026-03-02T10:00:00Z"))
        .await
        .refuses(404, "not_found");
}

async fn a_letter_to_several_names_all_or_one(world: World) {
    let scene = Scene::interviewed(world).await;
    let tomas = meets(&scene, &scene.ada, "Tomas Ortega", "tomas@acme.example").await;
    let work = json!({"lines": ["Torstraße 1"], "city": "Berlin", "postal_code": "10119", "country": "DE"});
    scene.patch(&tomas, json!({"postal_address": work})).await.is(200);
    let other = meets(&scene, &scene.ada, "Bo Li", "bo@acme.example").await;
    let note = drafted(&scene, &[id(&scene.anna), id(&tomas)], BODY).await;
    let all = text(&scene, &format!("{note}/letter.txt")).await;
    assert!(
        all.contains("\n\nAnna Berg, Head of Data\nTomas Ortega\nAcme GmbH\nTorstraße 1\n10119 Berlin\nGERMANY\n\n"),
        "{all}"
    );
    for (form, _) in FORMS {
        let to = |who: &str| format!("{note}/letter.{form}?recipient={who}");
        scene.get(&to(id(&tomas))).await.is(200);
        for nobody in [id(&other), "con_x", "", id(&scene.ada)] {
            scene.get(&to(nobody)).await.refuses(422, "invalid").names("?recipient");
        }
    }
    let one = text(&scene, &format!("{note}/letter.txt?recipient={}", id(&tomas))).await;
    assert!(
        one.contains("\n\nTomas Ortega\nAcme GmbH\n") && !one.contains("Anna Berg"),
        "{one}"
    );
    // A card that is forgotten is not named any more.
    scene.delete(&scene.anna).await.is(200);
    let rest = text(&scene, &format!("{note}/letter.txt")).await;
    assert!(
        !rest.contains("Anna") && !rest.contains("Head of Data") && rest.contains("\n\n[erased]\n"),
        "{rest}"
    );
}

async fn a_letter_goes_to_the_organisation_where_a_card_has_no_address(world: World) {
    let scene = Scene::interviewed(world).await;
    let place =
        json!({"lines": ["1 Harbour Way"], "city": "Boston", "region": "MA", "postal_code": "02110", "country": "USA"});
    let organisation = json!({"organisation": {"name": "Acme", "address": place}});
    scene.patch(&scene.acme, organisation).await.is(200);
    let note = drafted(&scene, &[id(&scene.anna)], BODY).await;
    scene.patch(&scene.anna, json!({"postal_address": null})).await.is(200);
    let told = text(&scene, &format!("{note}/letter.txt")).await;
    assert!(
        told.contains("Acme GmbH\n1 Harbour Way\nBoston, MA 02110\nUNITED STATES\n"),
        "{told}"
    );
    // Somebody of another house is not written to there.
    scene
        .patch(&scene.anna, json!({"organisation_name": "Globex"}))
        .await
        .is(200);
    let told = text(&scene, &format!("{note}/letter.txt")).await;
    assert!(told.contains("Anna Berg\nHead of Data\nGlobex\n\n"), "{told}");
}

async fn a_letter_that_cannot_be_printed_says_why(world: World) {
    let scene = Scene::interviewed(world).await;
    let note = drafted(&scene, &[id(&scene.anna)], "Dear Ms Berg,\n\nThank you 🎉 谢谢").await;
    scene.patch(&scene.anna, json!({"name": "山田 Anna"})).await.is(200);
    let refused = scene.get(&format!("{note}/letter.pdf")).await;
    refused.refuses(409, "script_not_covered").names("/recipients/0");
    let errors = refused.json["errors"].as_array().expect("errors");
    assert_eq!(errors[1]["pointer"], "/body");
    assert!(
        errors[1]["detail"]
            .as_str()
            .is_some_and(|told| told.ends_with("🎉 (U+1F389), 谢 (U+8C22)")),
        "{refused}"
    );
    scene.get("/problems/script_not_covered").await.is(200);
    for form in ["html", "txt"] {
        assert!(text(&scene, &format!("{note}/letter.{form}")).await.contains("谢谢"));
    }
    let empty = json!({"kind": "other", "recipients": [], "channel": "post"});
    let empty = scene.makes(&format!("{}/notes", scene.ada), empty).await;
    for (form, _) in FORMS {
        scene
            .get(&format!("{empty}/letter.{form}"))
            .await
            .refuses(409, "note_without_body");
        scene
            .get(&format!("{note}/letter.{form}?limit=1"))
            .await
            .refuses(422, "invalid")
            .names("?limit");
        scene
            .get(&format!("{note}/letter.{form}?as_of=yesterday"))
            .await
            .refuses(422, "invalid")
            .names("?as_of");
        for nobodys in ["note_01k9ze3n8qfq7s5b1x5n0v3gk2", "x"] {
            scene
                .get(&format!("{}/notes/{nobodys}/letter.{form}", scene.ada))
                .await
                .refuses(404, "not_found");
        }
    }
    scene.get(&format!("{note}/letter.doc")).await.refuses(404, "not_found");
    let note_less = scene.client("events:read", None, None).await;
    note_less
        .get(&format!("{note}/letter.pdf"))
        .await
        .refuses(403, "insufficient_scope");
}

async fn a_letter_of_the_erased_is_gone(world: World) {
    let scene = Scene::interviewed(world).await;
    let note = drafted(&scene, &[id(&scene.anna)], BODY).await;
    scene.delete(&scene.ada).await.is(200);
    for (form, _) in FORMS {
        scene
            .get(&format!("{note}/letter.{form}"))
            .await
            .refuses(410, "candidate_erased");
    }
}
