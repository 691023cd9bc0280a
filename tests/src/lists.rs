//! Lists come in pages that stay whole while others write, and every view of a candidate looks back: `as_of` shows what
//! was known then, judged then.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Answer, id},
    contract::{Operation, operations, paths_of},
    harness::World,
    scenes::{Scene, applies, clears, registers},
    stories,
};

stories![
    a_list_comes_in_pages_of_the_asked_size,
    a_page_misses_and_repeats_nothing_while_others_write,
    a_list_keeps_the_moment_of_its_first_page,
    what_was_taken_back_is_on_no_board,
    a_cursor_belongs_to_its_tenant_and_its_query,
    every_view_of_a_candidate_shows_what_was_known_then,
    before_a_candidate_was_known_there_is_nothing,
    a_view_of_the_future_is_refused,
];

/// Where `Link` leads.
fn next_of(answer: &Answer) -> Option<String> {
    let link = answer.maybe_header("link")?;
    Some(link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?.to_owned())
}

async fn a_list_comes_in_pages_of_the_asked_size(world: World) {
    let scene = Scene::applied(world).await;
    for nth in 0..6 {
        applies(&scene, &scene.ada, &format!("Firm {nth}")).await;
        registers(&scene, &format!("Candidate {nth}")).await;
    }
    for path in [
        format!("{}/applications", scene.ada),
        "/v1/applications".to_owned(),
        "/v1/candidates".to_owned(),
        "/v1/events".to_owned(),
        format!("{}/events", scene.ada),
        format!("{}/timeline", scene.ada),
    ] {
        let whole = scene.get(&path).await;
        let all = whole.is(200)["data"].as_array().unwrap().clone();
        assert!(all.len() >= 7, "{whole}");
        let (mut next, mut rows) = (format!("{path}?limit=3"), Vec::new());
        loop {
            let answer = scene.get(&next).await;
            let page = answer.is(200)["data"].as_array().unwrap().clone();
            assert!(page.len() <= 3, "{answer}");
            rows.extend(page.clone());
            let Some(cursor) = answer["next_cursor"].as_str() else {
                assert_eq!(
                    (&answer["next_cursor"], answer.maybe_header("link")),
                    (&Value::Null, None),
                    "{answer}"
                );
                break;
            };
            if path == "/v1/events" && page.is_empty() {
                break;
            }
            next = next_of(&answer).expect("a link to the next page");
            assert!(next.contains("limit=3") && next.contains(cursor), "{answer}");
        }
        assert_eq!(rows, all, "{path}");
    }
    assert_eq!(
        scene.sees("/v1/candidates?limit=1").await["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(scene.sees("/v1/candidates?limit=100").await["next_cursor"], Value::Null);
    for limit in ["0", "101", "-1", "x", ""] {
        scene
            .get(&format!("/v1/candidates?limit={limit}"))
            .await
            .refuses(422, "invalid")
            .names("?limit");
    }
}

async fn a_page_misses_and_repeats_nothing_while_others_write(world: World) {
    let scene = Scene::interviewed(world).await;
    for nth in 0..9 {
        scene
            .records(
                &format!("{}/document-requests", scene.acme),
                json!({"document": format!("document {nth}")}),
            )
            .await;
        let firm = applies(&scene, &scene.ada, &format!("Firm {nth}")).await;
        if nth % 2 == 0 {
            scene
                .records(&format!("{firm}/rejection"), json!({"channel": "email"}))
                .await;
        }
        let other = registers(&scene, &format!("Candidate {nth}")).await;
        let firm = applies(&scene, &other, "Acme").await;
        scene
            .records(&format!("{firm}/document-requests"), json!({"document": "references"}))
            .await;
        scene.clock.advance(jiff::SignedDuration::from_mins(1));
    }
    let ada = &scene.ada;
    let lists = [
        "/v1/candidates".into(),
        "/v1/tasks".into(),
        "/v1/applications".into(),
        format!("{ada}/tasks"),
        format!("{ada}/timeline"),
        format!("{ada}/applications"),
        format!("{ada}/document-requests"),
        format!("{ada}/events"),
    ];
    for path in lists {
        let name = |row: &Value| {
            ["id", "event"]
                .iter()
                .find_map(|name| row[*name].as_str())
                .map(ToOwned::to_owned)
        };
        let at_first: Vec<_> = scene
            .lists_all(&format!("{path}?limit=100"))
            .await
            .iter()
            .filter_map(name)
            .collect();
        assert!(at_first.len() >= 9, "{path}: {at_first:?}");
        let (mut next, mut seen) = (format!("{path}?limit=2"), Vec::new());
        for nth in 0.. {
            let answer = scene.get(&next).await;
            seen.extend(answer.is(200)["data"].as_array().unwrap().iter().filter_map(name));
            let Some(following) = next_of(&answer) else { break };
            next = following;
            if nth < 4 {
                // Others write: new things before and behind, nothing that moves a row of the list.
                let other = registers(&scene, &format!("Late {nth}")).await;
                let firm = applies(&scene, &other, "Bolt").await;
                scene.records(&format!("{firm}/offers"), json!({})).await;
                applies(&scene, ada, &format!("Late {nth}")).await;
                scene
                    .records(
                        &format!("{}/document-requests", scene.acme),
                        json!({"document": "late"}),
                    )
                    .await;
            }
        }
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), seen.len(), "{path}: a row twice");
        assert!(
            at_first.iter().all(|row| seen.contains(row)),
            "{path}: a row was skipped"
        );
    }
}

async fn a_list_keeps_the_moment_of_its_first_page(world: World) {
    let scene = Scene::interviewed(world).await;
    for nth in 0..4 {
        scene
            .records(
                &format!("{}/document-requests", scene.acme),
                json!({"document": format!("document {nth}")}),
            )
            .await;
    }
    let play = "play=answer_document_request&limit=2";
    for path in [format!("{}/tasks?{play}", scene.ada), format!("/v1/tasks?{play}")] {
        let first = scene.get(&path).await;
        assert_eq!(first["data"][0]["state"], "open", "{first}");
        scene.clock.advance(jiff::SignedDuration::from_hours(1));
        let next = next_of(&first).expect("more");
        assert_eq!(scene.sees(&next).await["data"][1]["state"], "open");
    }
    let paths = [format!("{}/tasks?{play}", scene.ada), format!("/v1/tasks?{play}")];
    let first = [scene.get(&paths[0]).await, scene.get(&paths[1]).await];
    scene.clock.advance(jiff::SignedDuration::from_hours(48));
    for (path, first) in paths.iter().zip(first) {
        let next = scene.sees(&next_of(&first).expect("more")).await;
        assert_eq!(
            next["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|task| &task["state"])
                .collect::<Vec<_>>(),
            ["open", "open"],
            "{path}"
        );
        assert_eq!(scene.sees(path).await["data"][0]["state"], "overdue");
    }
}

async fn what_was_taken_back_is_on_no_board(world: World) {
    let scene = Scene::applied(world).await;
    let bolt = scene
        .post(
            &format!("{}/applications", scene.ada),
            json!({"organisation": {"name": "Bolt"}, "position": "Engineer"}),
        )
        .await;
    let (bolt, event) = (
        bolt.header("location").to_owned(),
        bolt["event"]["id"].as_str().unwrap().to_owned(),
    );
    let rejection = scene
        .post(&format!("{bolt}/rejection"), json!({"channel": "email"}))
        .await;
    assert_eq!(scene.lists("/v1/rejections").await.len(), 1);
    for event in [rejection["event"]["id"].as_str().unwrap(), &event] {
        scene
            .records(
                &format!("{}/events/{event}/retracted", scene.ada),
                json!({"reason": "A slip."}),
            )
            .await;
        assert!(scene.lists("/v1/rejections").await.is_empty());
    }
    scene.get(&bolt).await.refuses(404, "not_found");
    let board: Vec<Value> = scene.lists("/v1/applications").await;
    assert_eq!(
        board.iter().map(|it| it["id"].as_str().unwrap()).collect::<Vec<_>>(),
        [id(&scene.acme)]
    );
}

async fn a_cursor_belongs_to_its_tenant_and_its_query(world: World) {
    let scene = Scene::applied(world).await;
    let other = scene.neighbour().await;
    for nth in 0..3 {
        registers(&scene, &format!("Candidate {nth}")).await;
        registers(&other, &format!("Candidate {nth}")).await;
        applies(&scene, &scene.ada, &format!("Firm {nth}")).await;
    }
    let of_ada = format!("{}/applications", scene.ada);
    for path in ["/v1/candidates", "/v1/applications", "/v1/events", &of_ada] {
        let cursor = scene.sees(&format!("{path}?limit=1")).await["next_cursor"]
            .as_str()
            .expect("more")
            .to_owned();
        scene.get(&format!("{path}?limit=2&cursor={cursor}")).await.is(200);
        let other_path = if path.starts_with("/v1/candidates/") {
            "/v1/candidates"
        } else {
            path
        };
        other
            .get(&format!("{other_path}?limit=1&cursor={cursor}"))
            .await
            .refuses(422, "invalid")
            .names("?cursor");
        for elsewhere in [
            "/v1/candidates",
            "/v1/applications",
            "/v1/tasks",
            "/v1/rejections",
            "/v1/events",
            &of_ada,
        ]
        .into_iter()
        .filter(|it| *it != path)
        {
            scene
                .get(&format!("{elsewhere}?cursor={cursor}"))
                .await
                .refuses(422, "invalid")
                .names("?cursor");
        }
        let narrowed = match path {
            "/v1/candidates" => "group=spring",
            "/v1/events" => "types=CandidateRegistered",
            _ => "status=rejected",
        };
        scene
            .get(&format!("{path}?{narrowed}&cursor={cursor}"))
            .await
            .refuses(422, "invalid")
            .names("?cursor");
        let cut = &cursor[..cursor.len() - 1];
        for garbage in ["x", "now'", "%00", "AAAA", cut, &format!("{cursor}A")] {
            scene
                .get(&format!("{path}?cursor={garbage}"))
                .await
                .refuses(422, "invalid")
                .names("?cursor");
        }
    }
}

/// A candidate with something in every view.
pub async fn full(world: World) -> Scene {
    let scene = Scene::interviewed(world).await;
    let (ada, acme, anna) = (scene.ada.clone(), scene.acme.clone(), id(&scene.anna).to_owned());
    let bolt = applies(&scene, &ada, "Bolt").await;
    scene
        .records(&format!("{acme}/decision-dates"), json!({"decide_by": "2026-03-09"}))
        .await;
    scene
        .records(&format!("{acme}/status-enquiries"), json!({"channel": "phone"}))
        .await;
    scene
        .records(&format!("{acme}/status-reports"), json!({"summary": "Soon"}))
        .await;
    scene
        .records(&format!("{acme}/document-requests"), json!({"document": "references"}))
        .await;
    scene
        .records(&format!("{acme}/offers"), json!({"respond_by": "2026-03-12"}))
        .await;
    scene
        .records(
            &format!("{ada}/notes"),
            json!({"kind": "thank_you", "recipients": [anna], "channel": "email", "application": id(&acme),
                "body": "Dear Ms Berg,\n\nThank you for your time.\n\nKind regards,\nAda Lovelace"}),
        )
        .await;
    tries_to_send(&scene).await;
    scene
        .records(&format!("{bolt}/rejection"), json!({"channel": "email"}))
        .await;
    let interview = &scene.interview;
    let question = json!({"question": "Why?", "category": "other", "answer": "Because.", "reception": "poorly"});
    let question = scene.makes(&format!("{interview}/questions"), question).await;
    let connection = scene
        .makes(&format!("{ada}/connections"), json!({"contact": anna}))
        .await;
    for (path, body) in [
        (format!("{acme}/next-round-questions"), json!({"channel": "email"})),
        (format!("{acme}/next-rounds"), json!({"outline": [{"item": "A talk"}]})),
        (
            format!("{acme}/research"),
            json!({"about": "industry", "headline": "Prices rise", "stance": "neutral"}),
        ),
        (
            format!("{ada}/openings"),
            json!({"organisation_name": "Bolt", "position": "Engineer"}),
        ),
        (format!("{ada}/search-activities"), json!({"kind": "searched"})),
        (
            format!("{ada}/references"),
            json!({"contact": anna, "relationship": "We worked together"}),
        ),
        (
            format!("{connection}/introductions"),
            json!({"organisation_name": "Initech"}),
        ),
        (
            format!("{question}/repairs"),
            json!({"by": "follow_up", "text": "More."}),
        ),
        (
            format!("{interview}/debriefed"),
            json!({"overall": 3, "lessons": ["Breathe."]}),
        ),
    ] {
        scene.records(&path, body).await;
    }
    scene.post(&format!("{ada}/calendars"), json!({})).await.is(201);
    scene
}

/// A note that may go out, and a mail server that is not there.
async fn tries_to_send(scene: &Scene) {
    scene
        .patch(&scene.ada, json!({"email": "ada@post.example"}))
        .await
        .is(200);
    let server = json!({"host": "127.0.0.1", "port": 1, "security": "none"});
    let put = scene.request(Method::PUT, "/v1/mail").json(&server);
    scene.send(put).await.is(200);
    let draft = json!({"kind": "other", "recipients": [id(&scene.anna)], "channel": "email", "subject_line": "Hello",
        "body": "Dear Anna,\n\nThank you for the talk.\n\nKind regards,\nAda Lovelace"});
    let note = scene.makes(&format!("{}/notes", scene.ada), draft).await;
    clears(scene, &note).await;
    let answer = scene.post(&format!("{note}/deliveries"), json!({})).await;
    assert_eq!(answer.is(201)["delivery"]["state"], "failed");
}

/// What the service did, and addresses of calendars, are no views of what was known.
fn is_view(operation: &Operation) -> bool {
    let of_a_candidate = operation.path.starts_with("/v1/candidates/{candidate}");
    let is_known = !operation.path.contains("/deliveries") && !operation.path.ends_with("/calendars");
    operation.method == Method::GET && of_a_candidate && is_known
}

async fn every_view_of_a_candidate_shows_what_was_known_then(world: World) {
    let scene = full(world).await;
    let operations = operations();
    let views: Vec<_> = operations.iter().filter(|it| is_view(it)).collect();
    assert!(
        views.iter().all(|view| view.query.contains(&"as_of")),
        "a view without as_of"
    );
    let mut then = Vec::new();
    for view in &views {
        for path in paths_of(&scene, &view.path).await {
            then.push((path.clone(), scene.get(&path).await));
        }
    }
    let seen = |end: &str| {
        then.iter()
            .any(|(path, answer)| path.ends_with(end) && answer.status == 200)
    };
    assert!(
        ["/rejection", "/timeline", "/status-enquiry-advice", "/tasks"]
            .iter()
            .all(|end| seen(end))
    );
    assert!(
        then.iter().filter(|(_, answer)| answer.status == 200).count() >= views.len(),
        "views without an example"
    );
    let moment = scene.clock.now();
    // Time passes and everything moves.
    scene.clock.advance(jiff::SignedDuration::from_hours(24 * 40));
    scene
        .patch(&scene.ada, json!({"name": "Ada King", "time_zone": "Europe/London"}))
        .await
        .is(200);
    scene.patch(&scene.anna, json!({"name": "Anna Berger"})).await.is(200);
    scene
        .records(&format!("{}/rejection", scene.acme), json!({"channel": "email"}))
        .await;
    for list in ["document-requests", "notes", "offers", "interviews"] {
        for thing in scene.lists(&format!("{}/{list}", scene.ada)).await {
            let path = format!("{}/{list}/{}", scene.ada, thing["id"].as_str().unwrap());
            match list {
                "document-requests" => {
                    scene
                        .post(&format!("{path}/sent"), json!({"channel": "email"}))
                        .await
                        .is(201)
                        .status
                }
                "notes" => scene.post(&format!("{path}/discarded"), json!({})).await.is(201).status,
                "offers" => scene.post(&format!("{path}/declined"), json!({})).await.is(201).status,
                _ => 0,
            };
        }
    }
    let first = &scene.lists(&format!("{}/status-reports", scene.ada)).await[0];
    let event = scene.lists_all(&format!("{}/events?limit=100", scene.ada)).await;
    let event = event
        .iter()
        .find(|it| it["subject"] == first["id"])
        .expect("the report's fact")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    scene
        .records(
            &format!("{}/events/{event}/retracted", scene.ada),
            json!({"reason": "A slip."}),
        )
        .await;
    for (path, answer) in then {
        let utc = moment.to_string();
        let there = moment
            .to_zoned(jiff::tz::TimeZone::get("Asia/Tokyo").unwrap())
            .strftime("%Y-%m-%dT%H:%M:%S%:z")
            .to_string();
        for as_of in [utc, there.clone(), there.replace('+', "%2B"), there.replace('+', " ")] {
            let mut again = scene.get(&format!("{path}?as_of={as_of}")).await;
            if again.status == 404 {
                again.json["request_id"] = answer["request_id"].clone();
            }
            assert_eq!(
                (again.status, &again.json),
                (answer.status, &answer.json),
                "{path} as of {as_of}"
            );
            // What is not JSON is the same to the byte.
            if again.json.is_null() {
                assert_eq!(again.body, answer.body, "{path} as of {as_of}");
            }
        }
    }
}

async fn before_a_candidate_was_known_there_is_nothing(world: World) {
    let scene = full(world).await;
    for view in operations().iter().filter(|it| is_view(it)) {
        for path in paths_of(&scene, &view.path).await {
            scene
                .get(&format!("{path}?as_of=2026-03-02T08:59:59%2B01:00"))
                .await
                .refuses(404, "not_found");
        }
    }
    // Between the registration and the interview only the former is known.
    scene
        .get(&format!("{}?as_of=2026-03-02T09:00:00%2B01:00", scene.ada))
        .await
        .is(200);
    let request = &scene.lists(&format!("{}/offers", scene.ada)).await[0]["id"];
    scene
        .get(&format!(
            "{}/offers/{}?as_of=2026-03-02T09:00:00%2B01:00",
            scene.ada,
            request.as_str().unwrap()
        ))
        .await
        .refuses(404, "not_found");
}

async fn a_view_of_the_future_is_refused(world: World) {
    let scene = Scene::interviewed(world).await;
    for path in [
        scene.ada.clone(),
        format!("{}/tasks", scene.ada),
        format!("{}/timeline", scene.acme),
    ] {
        let ask = async |as_of: &str| scene.get(&format!("{path}?as_of={as_of}")).await;
        ask("2026-03-02T15:20:00%2B01:00")
            .await
            .refuses(422, "invalid")
            .names("?as_of");
        ask("2027-01-01T00:00:00Z")
            .await
            .refuses(422, "invalid")
            .names("?as_of");
        for wrong in [
            "2026-03-02T15:00:00",
            "2026-03-02",
            "yesterday",
            "2026-02-30T10:00:00Z",
            "1772460000",
        ] {
            ask(wrong).await.refuses(422, "invalid").names("?as_of");
        }
        ask("2026-03-02T15:10:00%2B01:00").await.is(200);
    }
    for list in [
        "/v1/tasks",
        "/v1/applications",
        "/v1/candidates",
        "/v1/rejections",
        "/v1/events",
        "/v1/keys",
    ] {
        scene
            .get(&format!("{list}?as_of=2026-03-02T15:00:00Z"))
            .await
            .refuses(422, "invalid")
            .names("?as_of");
    }
}
