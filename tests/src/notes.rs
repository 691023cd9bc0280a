//! Letters and messages: drafted, revised, sent or discarded. A note can be the act: sending it is asking, telling,
//! thanking.

use serde_json::json;

use crate::{client::id, harness::World, scenes::Scene, stories};

stories![
    a_note_is_drafted_revised_and_sent,
    a_note_that_went_out_or_was_discarded_stays_as_it_is,
    an_enquiry_by_letter_is_an_enquiry,
    a_progress_note_moves_the_document_to_its_date,
    a_note_names_only_what_the_candidate_has,
];

async fn a_note_is_drafted_revised_and_sent(world: World) {
    let scene = Scene::interviewed(world).await;
    let draft = json!({"kind": "thank_you", "recipients": [id(&scene.anna)], "channel": "email", "body": "Dear Anna",
        "interview": id(&scene.interview)});
    let note = scene.makes(&format!("{}/notes", scene.ada), draft).await;
    let seen = scene.sees(&note).await;
    assert_eq!((&seen["status"], &seen["revision"]), (&json!("draft"), &json!(1)));
    scene
        .patch(
            &note,
            json!({"body": "Dear Anna, thank you.", "subject_line": "Monday"}),
        )
        .await
        .is(200);
    scene.patch(&note, json!({"subject_line": null})).await.is(200);
    let seen = scene.sees(&note).await;
    assert_eq!(
        (&seen["revision"], &seen["body"]),
        (&json!(3), &json!("Dear Anna, thank you."))
    );
    assert!(seen["subject_line"].is_null());
    assert_eq!(
        scene.task("write_thank_you").await["state"],
        "open",
        "a draft thanks nobody"
    );
    scene
        .post(&format!("{note}/sent"), json!({"revision": 4}))
        .await
        .refuses(422, "invalid")
        .names("/revision");
    scene
        .records(&format!("{note}/sent"), json!({"channel": "post", "revision": 3}))
        .await;
    let seen = scene.sees(&note).await;
    assert_eq!(
        (&seen["status"], &seen["sent_at"]),
        (&json!("sent"), &json!("2026-03-02T14:10:00Z"))
    );
    assert_eq!(scene.task("write_thank_you").await["state"], "done");
    assert_eq!(scene.lists(&format!("{}/notes", scene.ada)).await, [seen]);
}

async fn a_note_that_went_out_or_was_discarded_stays_as_it_is(world: World) {
    let scene = Scene::interviewed(world).await;
    let notes = format!("{}/notes", scene.ada);
    let draft = json!({"kind": "other", "recipients": [id(&scene.anna)], "channel": "message"});
    let gone = scene.makes(&notes, draft.clone()).await;
    scene.records(&format!("{gone}/sent"), json!({})).await;
    let dropped = scene.makes(&notes, draft).await;
    scene
        .records(&format!("{dropped}/discarded"), json!({"reason": "Said it in person."}))
        .await;
    for (note, code) in [(&gone, "note_already_sent"), (&dropped, "note_discarded")] {
        scene.patch(note, json!({"body": "More."})).await.refuses(409, code);
        for step in ["sent", "discarded"] {
            scene
                .post(&format!("{note}/{step}"), json!({}))
                .await
                .refuses(409, code);
        }
    }
}

async fn an_enquiry_by_letter_is_an_enquiry(world: World) {
    let scene = Scene::interviewed(world).await;
    scene.at("2026-03-10T10:00:00+01:00");
    assert_eq!(scene.task("enquire_status").await["state"], "open");
    let sent = scene.writes("status_enquiry").await;
    assert_eq!(sent["event"]["departures"], json!([]));
    let tasks = scene.tasks("enquire_status").await;
    let states: Vec<_> = tasks.iter().map(|task| task["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["done", "waiting"], "one more follows after five working days");
    assert_eq!(tasks[0]["closed_with"], sent["event"]["id"]);
    let early = scene.writes("status_enquiry").await;
    assert_eq!(early["event"]["departures"][0]["play"], "enquire_status");
}

async fn a_progress_note_moves_the_document_to_its_date(world: World) {
    let scene = Scene::interviewed(world).await;
    let request = scene
        .makes(
            &format!("{}/document-requests", scene.acme),
            json!({"document": "references"}),
        )
        .await;
    let note = json!({"kind": "document_progress", "recipients": [id(&scene.anna)], "channel": "email", "about": id(&request),
        "expected_on": "2026-03-06"});
    let note = scene.makes(&format!("{}/notes", scene.ada), note).await;
    assert_eq!(
        scene.task("answer_document_request").await["due_at"],
        "2026-03-03T15:10:00+01:00"
    );
    let sent = scene.records(&format!("{note}/sent"), json!({})).await;
    assert_eq!(sent["tasks"]["changed"][0]["play"], "answer_document_request");
    assert_eq!(
        scene.task("answer_document_request").await["due_at"],
        "2026-03-06T17:00:00+01:00"
    );
    assert_eq!(scene.sees(&request).await["status"], "delayed");
}

async fn a_note_names_only_what_the_candidate_has(world: World) {
    let scene = Scene::interviewed(world).await;
    let notes = format!("{}/notes", scene.ada);
    let nobody = "con_01k9ze3n8qfq7s5b1x5n0v3gk2";
    let draft =
        json!({"kind": "other", "recipients": [nobody], "channel": "email", "about": "doc_01k9ze3n8qfq7s5b1x5n0v3gk2"});
    scene
        .post(&notes, draft)
        .await
        .refuses(422, "unknown_reference")
        .names("/recipients/0")
        .names("/about");
    let carrier = json!({"kind": "other", "recipients": [id(&scene.anna)], "channel": "carrier_pigeon"});
    scene
        .post(&notes, carrier)
        .await
        .refuses(422, "invalid")
        .names("/channel");
    assert!(scene.lists(&notes).await.is_empty());
}
