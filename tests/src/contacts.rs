//! Business cards: complete after an interview, and gone without a trace when somebody asks for it.

use afterword_store::Place;
use jiff::Timestamp;
use serde_json::json;

use crate::{
    client::id,
    harness::World,
    scenes::{Scene, registers},
    stories,
};

stories![
    the_card_of_an_interviewer_is_completed_within_half_a_day,
    a_patch_sets_clears_and_keeps,
    of_an_erased_contact_no_word_is_left,
];

async fn the_card_of_an_interviewer_is_completed_within_half_a_day(world: World) {
    let mut scene = Scene::applied(world).await;
    let ben = scene
        .makes(&format!("{}/contacts", scene.ada), json!({"name": "Ben Cole"}))
        .await;
    scene.interview = scene
        .schedules(
            "2026-03-02T14:00:00+01:00",
            "2026-03-02T15:00:00+01:00",
            &[id(&ben), id(&scene.anna)],
        )
        .await;
    assert!(
        scene.tasks("complete_card").await.is_empty(),
        "not before the interview"
    );
    scene.at("2026-03-02T15:00:00+01:00");
    scene
        .records(
            &format!("{}/held", scene.interview),
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
        .await;
    let task = scene.task("complete_card").await;
    assert_eq!(
        (&task["contact"], &task["due_at"]),
        (&json!(id(&ben)), &json!("2026-03-03T03:00:00+01:00"))
    );
    scene.patch(&ben, json!({"email": "ben@acme.example"})).await.is(200);
    assert_eq!(
        scene.task("complete_card").await["state"],
        "open",
        "how he likes to be reached is not known"
    );
    let filled = scene.patch(&ben, json!({"preferred_channel": "email"})).await;
    let done = scene.task("complete_card").await;
    assert_eq!(
        (&done["state"], &done["closed_with"]),
        (&json!("done"), &filled.is(200)["event"]["id"])
    );
}

async fn a_patch_sets_clears_and_keeps(world: World) {
    let scene = Scene::applied(world).await;
    let address = json!({"lines": ["Hauptstr. 1"], "city": "Berlin", "postal_code": "10115", "country": "DE"});
    let patch = json!({"title": "CTO", "email": null, "postal_address": address});
    scene.patch(&scene.anna, patch).await.is(200);
    let seen = scene.sees(&scene.anna).await;
    assert_eq!((&seen["name"], &seen["title"]), (&json!("Anna Berg"), &json!("CTO")));
    assert!(seen["email"].is_null());
    assert_eq!(
        (&seen["postal_address"], &seen["preferred_channel"]),
        (&address, &json!("email"))
    );
    scene
        .patch(&scene.anna, json!({"name": null}))
        .await
        .refuses(422, "invalid")
        .names("/name");
    assert_eq!(scene.sees(&scene.anna).await, seen);
}

async fn of_an_erased_contact_no_word_is_left(world: World) {
    const WORDS: [&str; 5] = [
        "Zebulon",
        "Quillfeather",
        "zq@words.example",
        "Chief Zeppelin",
        "555-0199",
    ];
    let scene = Scene::applied(world).await;
    let card = json!({"name": "Zebulon", "email": "zq@words.example", "title": "Chief Zeppelin", "phone": "555-0199"});
    let contacts = format!("{}/contacts", scene.ada);
    let named = |request: reqwest::RequestBuilder| request.header("Idempotency-Key", "a-card");
    let collected = scene
        .send(named(scene.request(reqwest::Method::POST, &contacts).json(&card)))
        .await;
    let zeb = collected.is(201).header("location").to_owned();
    scene.patch(&zeb, json!({"name": "Zebulon Quillfeather"})).await.is(200);
    let interview = scene
        .schedules("2026-03-02T14:00:00+01:00", "2026-03-02T15:00:00+01:00", &[id(&zeb)])
        .await;
    scene.at("2026-03-02T15:00:00+01:00");
    scene
        .records(
            &format!("{interview}/held"),
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
        .await;
    let note = json!({"kind": "thank_you", "recipients": [id(&zeb)], "channel": "email", "interview": id(&interview)});
    scene.makes(&format!("{}/notes", scene.ada), note).await;
    assert!(
        scene.task("write_thank_you").await["title"]
            .as_str()
            .unwrap()
            .contains("Zebulon")
    );
    let before = scene.clock.now();
    scene.at("2026-03-02T16:00:00+01:00");

    scene.delete(&zeb).await.is(200);
    scene.delete(&zeb).await.refuses(409, "already_recorded");
    let ada = &scene.ada;
    let states = "state=waiting,open,overdue,done,dismissed,void&snoozed=true";
    let mut views: Vec<String> = [
        ada,
        &format!("{ada}/contacts"),
        &zeb,
        &interview,
        &format!("{ada}/interviews"),
        &format!("{ada}/notes"),
        &format!("{ada}/tasks?{states}"),
        &format!("/v1/tasks?{states}"),
        &format!("{ada}/timeline?retracted=true"),
        &format!("{}/timeline", scene.acme),
        "/v1/events?limit=100",
        "/v1/events?limit=100&order=desc",
        "/v1/applications",
        "/v1/candidates",
    ]
    .map(ToOwned::to_owned)
    .into();
    let then = |path: &str| {
        format!(
            "{path}{}as_of={}",
            if path.contains('?') { '&' } else { '?' },
            utc(before)
        )
    };
    let earlier: Vec<_> = views
        .iter()
        .filter(|path| path.starts_with(ada.as_str()))
        .map(|path| then(path))
        .collect();
    views.extend(earlier);
    for view in &views {
        let answer = scene.get(view).await;
        let text = String::from_utf8_lossy(&answer.is(200).body).into_owned();
        assert!(!WORDS.iter().any(|word| text.contains(word)), "{answer}");
    }
    assert_eq!(scene.sees(&zeb).await["status"], "erased");
    let again = scene
        .send(named(scene.request(reqwest::Method::POST, &contacts).json(&card)))
        .await;
    assert_eq!(again.is(201).header("idempotency-replayed"), "true");
    assert!(
        !WORDS
            .iter()
            .any(|word| again.to_string().rsplit('→').next().unwrap().contains(word)),
        "{again}"
    );

    // Nor in what lies in the store: no word in clear, and none of the sealed facts that held one.
    let stranger = registers(&scene, "Somebody Else").await;
    assert_ne!(&stranger, ada);
    if let Place::Folder(folder) = &scene.options.place {
        for file in std::fs::read_dir(folder).expect("a folder") {
            let bytes = std::fs::read(file.expect("a file").path()).expect("bytes");
            assert!(
                !WORDS
                    .iter()
                    .any(|word| bytes.windows(word.len()).any(|part| part == word.as_bytes()))
            );
        }
    }
}

fn utc(moment: Timestamp) -> String {
    moment.to_string()
}
