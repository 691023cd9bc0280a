//! Ids: in the path as unknown as any that never was, in the body named.

use serde_json::{Value, json};

use super::{NOBODY, ada, records_nothing};
use crate::{
    client::{Answer, id},
    harness::World,
    scenes::{Scene, meets, registers},
    stories,
};

stories![
    an_id_in_the_path_that_is_none_is_as_unknown_as_any,
    an_id_in_the_body_that_is_none_is_named,
];

async fn an_id_in_the_path_that_is_none_is_as_unknown_as_any(world: World) {
    let scene = Scene::invited(world).await;
    records_nothing(&scene, async || {
        let unknown = scene.get(&format!("/v1/candidates/cnd_{NOBODY}")).await;
        let told = |answer: &Answer| {
            let mut json = answer.refuses(404, "not_found").json.clone();
            json["request_id"] = Value::Null;
            json
        };
        let same = told(&unknown);
        let upper = id(&scene.ada).to_uppercase();
        let long = "x".repeat(3000);
        let strange = [
            "cnd_",
            "1",
            "cnd_!",
            NOBODY,
            "%00",
            "%FF",
            "..%2f",
            "app_01k9ze3n8qfq7s5b1x5n0v3gk2",
            "cnd_81k9ze3n8qfq7s5b1x5n0v3gk2",
            "cnd_01k9ze3n8qfq7s5b1x5n0v3gk2x",
            "cnd_01k9ze3n8qfq7s5b1x5n0v3gku",
            &upper,
            &long,
            "'%20OR%201=1--",
        ];
        for id in strange {
            assert_eq!(told(&scene.get(&format!("/v1/candidates/{id}")).await), same, "{id}");
            assert_eq!(
                told(&scene.get(&format!("/v1/candidates/{id}/tasks")).await),
                same,
                "{id}"
            );
            let card = json!({"name": "Ben"});
            assert_eq!(
                told(&scene.post(&format!("/v1/candidates/{id}/contacts"), card).await),
                same,
                "{id}"
            );
        }
        for path in [
            "applications/app_",
            "contacts/con_",
            "notes/note_",
            "interviews/int_",
            "document-requests/doc_",
            "offers/off_",
            "tasks/task_",
        ] {
            for id in [NOBODY, "x", ""] {
                scene
                    .get(&format!("{}/{path}{id}", scene.ada))
                    .await
                    .refuses(404, "not_found");
            }
        }
        // Another candidate's thing is no thing of this one.
        let other = Scene::applied(
            World::new(
                scene.kind,
                scene.options.clone(),
                scene.store.clone(),
                scene.clock.clone(),
            )
            .await,
        )
        .await;
        scene.get(&other.ada).await.refuses(404, "not_found");
        other.get(&other.ada).await.is(200);
        let foreign = format!("{}/applications/app_{NOBODY}/document-requests", scene.ada);
        scene
            .post(&foreign, json!({"document": "x"}))
            .await
            .refuses(404, "not_found");
    })
    .await;
    let eve = registers(&scene, "Eve").await;
    let theirs = format!("{eve}/interviews/{}", id(&scene.interview));
    scene.get(&theirs).await.refuses(404, "not_found");
    scene
        .post(&format!("{theirs}/cancelled"), json!({"by": "candidate"}))
        .await
        .refuses(404, "not_found");
    scene
        .patch(&format!("{eve}/contacts/{}", id(&scene.anna)), json!({"name": "Eve"}))
        .await
        .refuses(404, "not_found");
    assert_eq!(scene.sees(&scene.interview).await["status"], "scheduled");
}

async fn an_id_in_the_body_that_is_none_is_named(world: World) {
    let scene = Scene::invited(world).await;
    let eve = registers(&scene, "Eve").await;
    let theirs = meets(&scene, &eve, "Theirs", "t@example.org").await;
    records_nothing(&scene, async || {
        let named = |contact: &str| json!({"interviewers": [id(&scene.anna), contact]});
        let path = format!("{}/interviewers", scene.interview);
        let nobody = format!("con_{NOBODY}");
        for contact in [nobody.as_str(), id(&theirs)] {
            scene
                .post(&path, named(contact))
                .await
                .refuses(422, "unknown_reference")
                .names("/interviewers/1");
        }
        // What is no id of that kind cannot be a reference at all.
        for contact in ["con_x", "Anna", "", id(&scene.acme)] {
            let answer = scene.post(&path, named(contact)).await;
            assert!(
                ["invalid", "unknown_reference"].contains(&answer["code"].as_str().unwrap()),
                "{answer}"
            );
            answer.is(422).names("/interviewers/1");
        }
        let asked = json!({"document": "x", "requested_by": nobody});
        scene
            .post(&format!("{}/document-requests", scene.acme), asked)
            .await
            .refuses(422, "unknown_reference")
            .names("/requested_by");
        scene
            .post("/v1/candidates", ada("id", json!("evt_x")))
            .await
            .refuses(422, "invalid")
            .names("/id");
        scene
            .post("/v1/candidates", ada("id", json!(format!("cnd_{NOBODY}"))))
            .await
            .refuses(422, "invalid")
            .names("/id");
    })
    .await;
}
