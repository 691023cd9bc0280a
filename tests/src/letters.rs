//! Letters that are worth sending: a note is reviewed before it goes out, as a fact; what was found is mended or waived;
//! a text can be checked without storing it; every finding's rule has a page.

use serde_json::{Value, json};

use crate::{
    client::id,
    harness::World,
    scenes::{Scene, applies, meets},
    stories,
};

stories![
    a_note_is_reviewed_mended_and_sent,
    an_error_that_may_stand_is_waived,
    a_note_that_goes_out_unreviewed_is_recorded_as_a_departure,
    a_text_is_checked_without_being_stored,
    findings_know_the_candidates_own_people_and_organisations,
    a_review_knows_the_panel_and_the_time,
    a_letter_on_paper_is_compared_with_the_address_on_record,
    a_review_sent_again_is_the_same,
    a_reply_to_a_rejection_is_gracious_once_its_review_says_so,
    a_review_takes_nothing_and_a_waiver_only_what_was_found,
];

const FAULTY: &str =
    "Dear Ms Bergh,\n\nThank you for the talk about Globex. I recieved the slides 🎉\n\nKind regards,\nAda Lovelace";
const RIGHT: &str = "Dear Ms Berg,\n\nThank you for explaining the release process. My experience with migrations would help.\n\nKind regards,\nAda Lovelace";

async fn drafted(scene: &Scene, body: &str) -> String {
    let draft = json!({"kind": "thank_you", "recipients": [id(&scene.anna)], "channel": "email", "body": body,
        "subject_line": "Thank you", "interview": id(&scene.interview)});
    scene.makes(&format!("{}/notes", scene.ada), draft).await
}

fn rules(findings: &Value) -> Vec<&str> {
    let findings = findings.as_array().expect("findings");
    findings
        .iter()
        .map(|finding| finding["rule"].as_str().expect("a rule"))
        .collect()
}

async fn a_note_is_reviewed_mended_and_sent(world: World) {
    let scene = Scene::interviewed(world).await;
    applies(&scene, &scene.ada, "Globex").await;
    let note = drafted(&scene, FAULTY).await;
    let task = scene.task("review_note").await;
    assert_eq!(
        (&task["state"], &task["due_at"]),
        (&json!("open"), &json!("2026-03-03T15:00:00+01:00"))
    );
    assert_eq!(task["action"]["href"], format!("{note}/reviewed"));

    let answer = scene.records(&format!("{note}/reviewed"), json!({})).await;
    let review = &answer["event"]["data"];
    assert_eq!(
        (&answer["event"]["type"], &review["revision"]),
        (&json!("NoteReviewed"), &json!(1))
    );
    for rule in ["name_misspelled", "other_organisation", "spelling", "emoji"] {
        assert!(rules(&review["findings"]).contains(&rule), "{rule} in {review:#}");
    }
    // A span is the same place in UTF-16 units and in bytes.
    let findings = review["findings"].as_array().unwrap();
    let emoji = &findings.iter().find(|finding| finding["rule"] == "emoji").unwrap()["span"];
    let at = |name: &str| usize::try_from(emoji[name].as_u64().unwrap()).unwrap();
    assert_eq!(&FAULTY[at("byte_start")..at("byte_end")], "🎉");
    let units: Vec<u16> = FAULTY.encode_utf16().collect();
    assert_eq!(String::from_utf16_lossy(&units[at("start")..at("end")]), "🎉");
    let seen = scene.sees(&note).await;
    assert_eq!(
        seen["review"]["findings"], review["findings"],
        "the note shows what was found"
    );
    assert_eq!(
        scene.task("review_note").await["state"],
        "open",
        "there are errors to mend"
    );
    for rule in rules(&review["findings"]) {
        scene.get(&format!("/rules/{rule}")).await.is(200);
    }

    scene.patch(&note, json!({"body": RIGHT})).await.is(200);
    let answer = scene.records(&format!("{note}/reviewed"), json!({})).await;
    assert_eq!(rules(&answer["event"]["data"]["findings"]), [""; 0]);
    assert_eq!(answer["tasks"]["closed"][0]["play"], "review_note");
    let sent = scene.records(&format!("{note}/sent"), json!({})).await;
    assert_eq!(sent["event"]["departures"], json!([]));
}

async fn an_error_that_may_stand_is_waived(world: World) {
    let scene = Scene::interviewed(world).await;
    let note = drafted(&scene, &RIGHT.replace("migrations", "migratons")).await;
    let answer = scene.records(&format!("{note}/reviewed"), json!({})).await;
    let finding = &answer["event"]["data"]["findings"][0];
    assert_eq!(
        (&finding["rule"], &finding["severity"]),
        (&json!("spelling"), &json!("error"))
    );
    let waiver = json!({"finding": finding["id"], "reason": "It is the name of their tool."});
    let answer = scene.records(&format!("{note}/waivers"), waiver).await;
    assert_eq!(answer["tasks"]["closed"][0]["play"], "review_note");
    assert_eq!(scene.sees(&note).await["waivers"][0]["finding"], finding["id"]);
    let again = scene.records(&format!("{note}/reviewed"), json!({})).await;
    assert_eq!(
        again["event"]["data"]["findings"][0]["id"], finding["id"],
        "the same text has the same findings"
    );
    let sent = scene.records(&format!("{note}/sent"), json!({})).await;
    assert_eq!(sent["event"]["departures"], json!([]));
}

async fn a_note_that_goes_out_unreviewed_is_recorded_as_a_departure(world: World) {
    let scene = Scene::interviewed(world).await;
    let unread = drafted(&scene, RIGHT).await;
    let sent = scene.records(&format!("{unread}/sent"), json!({})).await;
    let departure = &sent["event"]["departures"][0];
    assert_eq!(
        (&departure["play"], &departure["reason"]),
        (&json!("review_note"), &json!("It went out without a review."))
    );
    let faulty = drafted(&scene, FAULTY).await;
    scene.records(&format!("{faulty}/reviewed"), json!({})).await;
    let sent = scene.records(&format!("{faulty}/sent"), json!({})).await;
    let reason = sent["event"]["departures"][0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("It went out with 2 open errors:"), "{reason}");
    let timeline = scene.lists(&format!("{}/timeline", scene.ada)).await;
    assert!(
        timeline.iter().any(
            |entry| entry["type"] == "NoteReviewed" && entry["text"].as_str().unwrap().contains("2 errors to mend")
        )
    );
}

async fn a_text_is_checked_without_being_stored(world: World) {
    let scene = Scene::interviewed(world).await;
    let check = format!("{}/notes/check", scene.ada);
    let note = json!({"kind": "thank_you", "recipients": [id(&scene.anna)], "channel": "email", "body": FAULTY,
        "interview": id(&scene.interview)});
    let before = scene.head().await;
    let answer = scene.post(&check, note).await;
    answer.is(200);
    let found = rules(&answer.json["findings"]);
    assert!(
        found.contains(&"name_misspelled") && found.contains(&"subject_line_missing"),
        "{found:?}"
    );
    assert!(answer.json["ruleset"].is_string());
    assert_eq!(scene.head().await, before, "nothing was recorded");
    assert!(scene.lists(&format!("{}/notes", scene.ada)).await.is_empty());
    let nobody =
        json!({"kind": "other", "recipients": ["con_01k9ze3n8qfq7s5b1x5n0v3gk2"], "channel": "email", "body": "Hello"});
    scene
        .post(&check, nobody)
        .await
        .refuses(422, "unknown_reference")
        .names("/recipients/0");
    scene
        .post(&check, json!({"kind": "other", "recipients": [], "channel": "owl"}))
        .await
        .refuses(422, "invalid")
        .names("/channel");
    scene
        .post(
            &check,
            json!({"kind": "other", "recipients": [], "channel": "email", "mood": 1}),
        )
        .await
        .refuses(422, "invalid")
        .names("/mood");
    let stranger = scene.client("candidates:write", None, None).await;
    let note = json!({"kind": "other", "recipients": [], "channel": "email", "body": "Hello"});
    stranger.post(&check, note).await.refuses(403, "insufficient_scope");
}

async fn findings_know_the_candidates_own_people_and_organisations(world: World) {
    let scene = Scene::interviewed(world).await;
    scene.patch(&scene.ada, json!({"locale": "en-US"})).await.is(200);
    meets(&scene, &scene.ada, "Ngozi Ezekwesili", "ngozi@acme.example").await;
    let check = format!("{}/notes/check", scene.ada);
    let note = |body: &str| {
        json!({"kind": "thank_you", "recipients": [id(&scene.anna)], "channel": "email", "subject_line": "Thank you",
            "body": body, "interview": id(&scene.interview)})
    };
    let right = "Dear Anna,\n\nThank you for the conversation, and please thank Ngozi Ezekwesili for her question about the color of the signs. My experience would help.\n\nSincerely,\nAda Lovelace";
    let answer = scene.post(&check, note(right)).await;
    assert_eq!(rules(&answer.json["findings"]), [""; 0]);
    let wrong = right.replace("Ezekwesili", "Ezekwezili").replace("color", "colour");
    let answer = scene.post(&check, note(&wrong)).await;
    let mut found = rules(&answer.json["findings"]);
    found.sort_unstable();
    assert_eq!(found, ["name_misspelled", "regional_spelling"]);
}

async fn a_review_sent_again_is_the_same(world: World) {
    let scene = Scene::interviewed(world).await;
    let note = drafted(&scene, FAULTY).await;
    let request = json!({"id": "evt_01k9ze3n8qfq7s5b1x5n0v3gk2"});
    let first = scene.records(&format!("{note}/reviewed"), request.clone()).await;
    scene.patch(&note, json!({"body": RIGHT})).await.is(200);
    let again = scene.records(&format!("{note}/reviewed"), request).await;
    assert_eq!(first["event"], again["event"], "the log is not reviewed again");
}

async fn a_reply_to_a_rejection_is_gracious_once_its_review_says_so(world: World) {
    let scene = Scene::interviewed(world).await;
    scene
        .records(&format!("{}/rejection", scene.acme), json!({"channel": "email"}))
        .await;
    let rejection = format!("{}/rejection", scene.acme);
    let draft = json!({"kind": "rejection_thanks", "recipients": [id(&scene.anna)], "channel": "email", "application": id(&scene.acme),
        "subject_line": "Thank you", "body": "Dear Anna,\n\nThank you for writing. I disagree with your decision.\n\nKind regards,\nAda Lovelace"});
    let note = scene.makes(&format!("{}/notes", scene.ada), draft).await;
    assert!(scene.sees(&rejection).await["gracious"].is_null());
    scene.records(&format!("{note}/reviewed"), json!({})).await;
    assert_eq!(scene.sees(&rejection).await["gracious"], json!(false));
    let graceful =
        "Dear Anna,\n\nThank you for letting me know. I enjoyed meeting the team.\n\nKind regards,\nAda Lovelace";
    scene.patch(&note, json!({"body": graceful})).await.is(200);
    scene.records(&format!("{note}/reviewed"), json!({})).await;
    scene.records(&format!("{note}/sent"), json!({})).await;
    assert_eq!(scene.sees(&rejection).await["gracious"], json!(true));
}

async fn a_review_takes_nothing_and_a_waiver_only_what_was_found(world: World) {
    let scene = Scene::interviewed(world).await;
    let note = drafted(&scene, FAULTY).await;
    let reviewed = format!("{note}/reviewed");
    scene
        .post(&reviewed, json!({"findings": []}))
        .await
        .refuses(422, "invalid")
        .names("/findings");
    scene
        .post(&reviewed, json!({"revision": 1}))
        .await
        .refuses(422, "invalid")
        .names("/revision");
    let of_nobody = format!("{}/notes/note_01k9ze3n8qfq7s5b1x5n0v3gk2/reviewed", scene.ada);
    scene.post(&of_nobody, json!({})).await.refuses(404, "not_found");
    let waivers = format!("{note}/waivers");
    let unknown = json!({"finding": "fnd_1", "reason": "So it is."});
    scene
        .post(&waivers, unknown)
        .await
        .refuses(422, "unknown_reference")
        .names("/finding");
    scene
        .post(&waivers, json!({"finding": "fnd_1"}))
        .await
        .refuses(422, "invalid")
        .names("/reason");
    let facts = json!({"facts": [{"type": "NoteReviewed", "subject": id(&note), "data": {"revision": 1, "ruleset": "mine", "findings": []}}]});
    let answer = scene.post(&format!("{}/facts", scene.ada), facts).await;
    assert_eq!(
        answer.json["results"][0]["status"], "refused",
        "nobody reviews but the service"
    );
    scene.records(&format!("{note}/discarded"), json!({})).await;
    scene.post(&reviewed, json!({})).await.refuses(409, "note_discarded");
    scene.get("/rules/nothing").await.refuses(404, "not_found");
}

async fn a_review_knows_the_panel_and_the_time(world: World) {
    let scene = Scene::interviewed(world).await;
    let bob = meets(&scene, &scene.ada, "Bob Stone", "bob@acme.example").await;
    let cleo = meets(&scene, &scene.ada, "Cleo Hart", "cleo@acme.example").await;
    let room = json!({"interviewers": [id(&scene.anna), id(&bob), id(&cleo)]});
    scene.records(&format!("{}/interviewers", scene.interview), room).await;
    drafted(&scene, RIGHT).await;
    let to_bob = json!({"kind": "thank_you", "recipients": [id(&bob)], "channel": "email", "subject_line": "Thank you",
        "body": RIGHT.replace("Ms Berg", "Bob"), "interview": id(&scene.interview)});
    let check = format!("{}/notes/check", scene.ada);
    let answer = scene.post(&check, to_bob.clone()).await;
    let mut found = rules(&answer.json["findings"]);
    found.sort_unstable();
    assert_eq!(found, ["interviewer_unreached", "nearly_the_same"]);
    let told = answer.json["findings"].to_string();
    assert!(told.contains("Cleo Hart") && told.contains("Anna Berg"), "{told}");
    scene.at("2026-03-05T10:00:00+01:00");
    let answer = scene.post(&check, to_bob).await;
    assert!(
        rules(&answer.json["findings"]).contains(&"late"),
        "it was due on the 3rd"
    );
}

async fn a_letter_on_paper_is_compared_with_the_address_on_record(world: World) {
    let scene = Scene::interviewed(world).await;
    let address = json!({"lines": ["12 Mill Lane"], "city": "Leeds", "postal_code": "LS1 4AB", "country": "GB"});
    scene
        .patch(&scene.anna, json!({"postal_address": address}))
        .await
        .is(200);
    let check = format!("{}/notes/check", scene.ada);
    let note = |head: &str| {
        json!({"kind": "thank_you", "recipients": [id(&scene.anna)], "channel": "post", "interview": id(&scene.interview),
            "body": format!("{head}\n\n{RIGHT}")})
    };
    let right = scene.post(&check, note("Anna Berg\n12 Mill Lane\nLeeds LS1 4AB")).await;
    assert_eq!(rules(&right.json["findings"]), [""; 0]);
    let wrong = scene.post(&check, note("Anna Berg\n21 Mill Lane\nLeeds LS1 4AB")).await;
    assert_eq!(rules(&wrong.json["findings"]), ["address_differs"]);
    assert_eq!(wrong.json["findings"][0]["suggestions"], json!(["12 Mill Lane"]));
}
