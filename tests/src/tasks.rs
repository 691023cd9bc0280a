//! The queue: what all candidates are to do, by due time, with the next call to make.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::id,
    harness::World,
    scenes::{Scene, applies, registers},
    stories,
};

stories![
    the_queue_holds_all_candidates_by_due_time,
    the_queue_is_filtered,
    a_snoozed_task_is_hidden_until_its_time,
    a_task_is_dismissed_with_a_reason,
    a_task_is_done_by_its_fact_and_not_by_hand,
    a_task_explains_itself,
    a_tasks_action_is_a_call_that_works,
];

fn each<'a>(rows: &'a [Value], field: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[field].as_str().unwrap_or_default()).collect()
}

/// A candidate in a group whom Globex asked for a document by a date.
async fn owes(world: &World, name: &str, group: &str, needed_by: &str) -> String {
    let body = json!({"name": name, "time_zone": "Europe/Berlin", "groups": [group], "external_id": name});
    let candidate = world.makes("/v1/candidates", body).await;
    let globex = applies(world, &candidate, "Globex").await;
    let request = json!({"document": "your diploma", "needed_by": needed_by});
    world.records(&format!("{globex}/document-requests"), request).await;
    candidate
}

async fn the_queue_holds_all_candidates_by_due_time(world: World) {
    let later = owes(&world, "Grace Hopper", "spring", "2026-03-09").await;
    let sooner = owes(&world, "Alan Turing", "spring", "2026-03-02").await;
    let queue = world.lists("/v1/tasks").await;
    assert_eq!(each(&queue, "candidate"), [id(&sooner), id(&later)]);
    assert_eq!(
        each(&queue, "due_at"),
        ["2026-03-02T17:00:00+01:00", "2026-03-03T09:00:00+01:00"]
    );
    let row = &queue[0];
    assert_eq!(each(&queue, "candidate_name"), ["Alan Turing", "Grace Hopper"]);
    assert_eq!(
        (&row["external_id"], &row["organisation_name"]),
        (&json!("Alan Turing"), &json!("Globex"))
    );
    assert_eq!(row["position"], "Engineer");
    assert!(row["why"].as_str().is_some_and(|why| why.ends_with('.')), "{row}");
    assert_eq!(row["closed_by"], json!(["DocumentSent", "DocumentRequestWithdrawn"]));
    // A task says the same of itself wherever it is seen; alone, it explains itself too.
    let mut own = world
        .sees(&format!("{sooner}/tasks/{}", row["id"].as_str().unwrap()))
        .await;
    assert!(own.as_object_mut().unwrap().remove("explanation").is_some());
    assert!(
        own.as_object()
            .unwrap()
            .iter()
            .all(|(field, value)| row[field] == *value),
        "{row} {own}"
    );
    assert_eq!(world.lists(&format!("{sooner}/tasks")).await, [own]);
    // States are judged at reading: the same row is overdue once its time has come.
    world.at("2026-03-02T17:00:00+01:00");
    assert_eq!(each(&world.lists("/v1/tasks").await, "state"), ["overdue", "open"]);
    assert_eq!(world.lists("/v1/tasks?state=overdue").await.len(), 1);
    // The name on the row is the newest.
    world.patch(&sooner, json!({"name": "Alan M. Turing"})).await.is(200);
    assert_eq!(
        each(&world.lists("/v1/tasks").await, "candidate_name"),
        ["Alan M. Turing", "Grace Hopper"]
    );
}

async fn the_queue_is_filtered(world: World) {
    let grace = owes(&world, "Grace Hopper", "spring", "2026-03-09").await;
    let alan = owes(&world, "Alan Turing", "autumn", "2026-03-02").await;
    let of = async |filter: &str| each(&world.lists(&format!("/v1/tasks?{filter}")).await, "candidate").join(" ");
    let (grace, alan) = (id(&grace), id(&alan));
    assert_eq!(of("group=spring").await, grace);
    assert_eq!(of("group=winter").await, "");
    assert_eq!(of(&format!("candidate={alan}")).await, alan);
    assert_eq!(of(&format!("candidate={alan}&group=spring")).await, "");
    assert_eq!(of("play=answer_document_request").await, format!("{alan} {grace}"));
    assert_eq!(of("play=write_thank_you").await, "");
    assert_eq!(of("due_before=2026-03-02T17:00:01+01:00").await, alan);
    assert_eq!(
        of("due_before=2026-03-02T17:00:00%2B01:00").await,
        "",
        "before is not at"
    );
    assert_eq!(of("state=waiting,done,dismissed,void").await, "");
    let application = world.lists(&format!("/v1/tasks?candidate={grace}")).await[0]["application"].clone();
    assert_eq!(
        of(&format!("application={}", application.as_str().unwrap())).await,
        grace
    );
    world
        .get("/v1/tasks?state=late")
        .await
        .refuses(422, "invalid")
        .names("?state");
    // Who moves to another group is seen there.
    world
        .patch(
            &format!("/v1/candidates/{grace}"),
            json!({"groups": ["autumn", "alumni"]}),
        )
        .await
        .is(200);
    assert_eq!(of("group=spring").await, "");
    assert_eq!(of("group=autumn").await, format!("{alan} {grace}"));
    assert_eq!(of("group=alumni").await, grace);
    assert_eq!(each(&world.lists("/v1/candidates?group=alumni").await, "id"), [grace]);
}

async fn a_snoozed_task_is_hidden_until_its_time(world: World) {
    let scene = Scene::interviewed(world).await;
    let task = scene.task("ask_decision_date").await;
    let path = format!("{}/tasks/{}", scene.ada, task["id"].as_str().unwrap());
    let snoozed = scene
        .records(
            &format!("{path}/snoozed"),
            json!({"until_at": "2026-03-03T08:00:00+01:00"}),
        )
        .await;
    assert_eq!(
        snoozed["tasks"]["changed"][0]["snoozed_until"],
        "2026-03-03T08:00:00+01:00"
    );
    for queue in ["/v1/tasks".to_owned(), format!("{}/tasks", scene.ada)] {
        let plays = async |query: &str| {
            let rows = scene.lists(&format!("{queue}{query}")).await;
            rows.iter().filter(|row| row["play"] == "ask_decision_date").count()
        };
        assert_eq!((plays("").await, plays("?snoozed=true").await), (0, 1), "{queue}");
    }
    let seen = scene.sees(&path).await;
    assert_eq!(
        (&seen["state"], &seen["due_at"]),
        (&task["state"], &task["due_at"]),
        "its state and due time stay"
    );
    scene.at("2026-03-03T08:00:00+01:00");
    assert_eq!(scene.lists("/v1/tasks?play=ask_decision_date").await.len(), 1);
}

async fn a_task_is_dismissed_with_a_reason(world: World) {
    let scene = Scene::interviewed(world).await;
    let task = scene.task("write_thank_you").await;
    let path = format!("{}/tasks/{}", scene.ada, task["id"].as_str().unwrap());
    scene
        .post(&format!("{path}/dismissed"), json!({}))
        .await
        .refuses(422, "invalid")
        .names("/reason");
    let dismissed = scene
        .records(&format!("{path}/dismissed"), json!({"reason": "Thanked in person."}))
        .await;
    assert_eq!(dismissed["tasks"]["closed"][0]["state"], "dismissed");
    assert_eq!(scene.lists("/v1/tasks?state=dismissed").await[0]["id"], task["id"]);
    assert!(scene.lists("/v1/tasks?play=write_thank_you").await.is_empty());
    for step in [
        ("dismissed", json!({"reason": "Again."})),
        ("snoozed", json!({"until_at": "2026-03-04T08:00:00Z"})),
    ] {
        scene
            .post(&format!("{path}/{}", step.0), step.1)
            .await
            .refuses(409, "task_closed");
    }
    // Taken back, it is owed again.
    let event = dismissed["event"]["id"].as_str().unwrap();
    scene
        .records(
            &format!("{}/events/{event}/retracted", scene.ada),
            json!({"reason": "I did not."}),
        )
        .await;
    assert_eq!(scene.task("write_thank_you").await["state"], "open");
}

async fn a_task_is_done_by_its_fact_and_not_by_hand(world: World) {
    let scene = Scene::interviewed(world).await;
    let task = scene.task("write_thank_you").await;
    let path = format!("{}/tasks/{}", scene.ada, task["id"].as_str().unwrap());
    scene
        .post(&format!("{path}/completed"), json!({}))
        .await
        .refuses(409, "needs_its_fact");
    let nobody = registers(&scene, "Somebody Else").await;
    scene
        .get(&format!("{nobody}/tasks/{}", id(&path)))
        .await
        .refuses(404, "not_found");
    scene
        .post(
            &format!("{nobody}/tasks/{}/dismissed", id(&path)),
            json!({"reason": "No."}),
        )
        .await
        .refuses(404, "not_found");
}

async fn a_task_explains_itself(world: World) {
    let scene = Scene::interviewed(world).await;
    let task = scene.task("write_thank_you").await;
    let path = format!("{}/tasks/{}", scene.ada, task["id"].as_str().unwrap());
    let mut seen = scene.sees(&path).await;
    let explanation = seen.as_object_mut().unwrap().remove("explanation").unwrap();
    assert_eq!(seen, task, "it is the task, and more");
    let fact = &explanation["facts"][0];
    assert_eq!(
        (&fact["event"], &fact["type"], &fact["occurred_at"]),
        (
            &task["raised_by"][0],
            &json!("InterviewHeld"),
            &json!("2026-03-02T15:00:00+01:00")
        )
    );
    assert_eq!(fact["text"], "The interview at Acme was held, with Anna Berg.");
    assert_eq!(
        (&explanation["rule"]["due"], &explanation["playbook_version"]),
        (&json!("PT24H"), &json!(0))
    );
    assert_eq!(explanation["rule"]["source"], task["source"]);
    assert_eq!(
        explanation["closes"],
        json!([{"type": "NoteSent", "operation": "record_note_sent"}])
    );
    let rules = json!({"plays": [{"play": "write_thank_you", "due": "PT12H"}]});
    let put = scene.request(Method::PUT, "/v1/playbook").json(&rules);
    scene.send(put).await.is(200);
    // The rule that is shown is the one that the task follows.
    assert_eq!(scene.sees(&path).await["explanation"]["rule"]["due"], "PT24H");
    scene
        .records(&format!("{}/search-activities", scene.ada), json!({"kind": "searched"}))
        .await;
    let seen = scene.sees(&path).await;
    assert_eq!(seen["explanation"]["rule"]["due"], "PT12H");
    assert_eq!(seen["due_at"], "2026-03-03T03:00:00+01:00");
}

async fn a_tasks_action_is_a_call_that_works(world: World) {
    let scene = Scene::interviewed(world).await;
    scene
        .records(
            &format!("{}/document-requests", scene.acme),
            json!({"document": "references"}),
        )
        .await;
    scene
        .makes(
            &format!("{}/offers", applies(&scene, &scene.ada, "Globex").await),
            json!({}),
        )
        .await;
    scene
        .records(
            &format!("{}/rejection", applies(&scene, &scene.ada, "Initech").await),
            json!({"channel": "email"}),
        )
        .await;
    scene.at("2026-03-10T09:00:00+01:00");
    // What only the person knows.
    let known = json!({"decide_by": "2026-03-20", "revisit_on": "2026-09-01", "ended_at": "2026-03-02T15:00:00+01:00",
        "overall": 4, "headline": "Acme opens a second plant"});
    let tasks = format!("{}/tasks", scene.ada);
    let mut done = 0;
    // One after another, since what is done for one task may move the next.
    while let Some(task) = scene.lists(&tasks).await.first() {
        done += 1;
        let action = &task["action"];
        let mut body = action["body"].clone();
        let path = action["href"].as_str().expect("a path");
        let method: Method = action["method"].as_str().expect("a method").parse().unwrap();
        let send = async |body: &Value| scene.send(scene.request(method.clone(), path).json(body)).await;
        let mut answer = send(&body).await;
        if answer.status == 422 {
            let missing = answer["errors"][0]["pointer"]
                .as_str()
                .unwrap()
                .trim_start_matches('/')
                .to_owned();
            body[&missing] = known[&missing].clone();
            answer = send(&body).await;
        }
        assert!([200, 201].contains(&answer.status), "{task:#}\n{answer}");
        if action["operation"] == "suggest_notes" {
            // The draft becomes a note, and goes out.
            for field in ["recipients", "channel", "subject_line", "body"] {
                body[field] = answer["data"][0][field].clone();
            }
            let note = scene.makes(&format!("{}/notes", scene.ada), body).await;
            scene.records(&format!("{note}/sent"), json!({})).await;
        } else {
            let operation = format!("record_{}", snake(answer["event"]["type"].as_str().unwrap()));
            assert_eq!(action["operation"], operation);
        }
        let after = scene.sees(&format!("{tasks}/{}", task["id"].as_str().unwrap())).await;
        // A standing task moves on instead.
        assert!(
            after["state"] == "done" || after["state"] == "waiting",
            "doing what it asks for does it: {after:#}"
        );
    }
    assert!(done >= 6, "only {done} tasks");
}

fn snake(name: &str) -> String {
    name.chars().enumerate().fold(String::new(), |mut snake, (at, letter)| {
        if letter.is_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        snake
    })
}
