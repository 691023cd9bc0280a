//! Files that people have: read as they are, recorded once, and told row by row. Mail is a proposal until somebody says
//! yes.

use jiff::SignedDuration;
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, id},
    harness::World,
    scenes::{Scene, registers},
    stories,
};

stories![
    connections_are_imported_once_and_again_when_the_file_has_grown,
    a_message_proposes_and_its_proposal_is_recorded_as_it_stands,
    an_invitation_in_a_message_is_proposed_and_then_moved_and_cancelled_as_a_file,
    a_table_is_read_by_a_column_map,
    a_poisoned_row_is_told_and_the_rest_goes_in_or_nothing_does,
    an_entry_that_is_refused_only_when_it_is_recorded_says_its_line,
    a_dry_run_tells_what_would_be_recorded,
    what_is_no_such_file_is_refused_whole,
    a_repeated_request_has_the_same_answer,
    a_repeated_request_is_read_against_what_was_known_then,
    a_thousand_rows_go_in_at_once,
];

const CONNECTIONS: &str = include_str!("../../crates/server/tests/files/linkedin_connections.csv");
const APPLICATIONS: &str = include_str!("../../crates/server/tests/files/linkedin_job_applications.csv");
const TEAL: &[u8] = include_bytes!("../../crates/server/tests/files/teal.csv");
const OUTLOOK: &str = include_str!("../../crates/server/tests/files/invitation_outlook.eml");
const EXCHANGE: &str = include_str!("../../crates/server/tests/files/outlook.ics");

async fn imports(client: &Client, candidate: &str, query: &str, file: impl Into<Vec<u8>>) -> Answer {
    let request = client
        .request(Method::POST, &format!("{candidate}/imports?{query}"))
        .header(CONTENT_TYPE, "application/octet-stream");
    client.send(request.body(file.into())).await
}

/// The line, what became of it and its facts.
fn rows(answer: &Answer) -> Vec<(u64, String, Vec<String>)> {
    let results = answer.is(200)["results"].as_array().expect("results");
    let facts = |row: &Value| {
        let facts = row["facts"].as_array().expect("facts").iter();
        facts
            .map(|fact| fact["type"].as_str().expect("a type").to_owned())
            .collect()
    };
    let row = |row: &Value| {
        (
            row["line"].as_u64().expect("a line"),
            row["status"].as_str().expect("a status").to_owned(),
            facts(row),
        )
    };
    results.iter().map(row).collect()
}

fn statuses(answer: &Answer) -> Vec<String> {
    rows(answer).into_iter().map(|(_, status, _)| status).collect()
}

fn mail(body: &str) -> String {
    format!(
        "From: Anna Berg <anna@acme.example>\r\nTo: ada@example.net\r\nSubject: Your application\r\n\
         Date: Mon, 2 Mar 2026 08:30:00 +0100\r\nMessage-ID: <one@acme.example>\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\nDear Ada,\r\n\r\n{body}\r\n\r\nBest regards,\r\nAnna\r\n"
    )
}

async fn connections_are_imported_once_and_again_when_the_file_has_grown(world: World) {
    let scene = Scene::applied(world).await;
    let first = imports(&scene, &scene.ada, "format=linkedin_connections", CONNECTIONS).await;
    assert_eq!(
        statuses(&first),
        ["recorded", "recorded", "recorded", "refused", "refused"]
    );
    assert_eq!(rows(&first)[0].2, ["ContactCollected", "ConnectionNamed"]);
    assert_eq!(first["results"][3]["problem"]["errors"][0]["pointer"], "/name");
    let head = scene.head().await;
    let again = imports(&scene, &scene.ada, "format=linkedin_connections", CONNECTIONS).await;
    assert_eq!(statuses(&again)[..3], ["already_recorded"; 3]);
    assert_eq!(scene.head().await, head);
    let grown = CONNECTIONS.replace(
        "Connected On\n",
        "Connected On\nBo,Li,https://www.linkedin.com/in/boli,,Bolt,CTO,1 Mar 2026\n",
    );
    let grown = imports(&scene, &scene.ada, "format=linkedin_connections", grown).await;
    assert_eq!(
        statuses(&grown),
        [
            "recorded",
            "already_recorded",
            "already_recorded",
            "already_recorded",
            "refused",
            "refused"
        ]
    );
    assert_eq!(scene.lists(&format!("{}/connections", scene.ada)).await.len(), 4);
    assert_eq!(scene.tasks("keep_in_touch").await.len(), 4);
}

async fn a_message_proposes_and_its_proposal_is_recorded_as_it_stands(world: World) {
    let scene = Scene::interviewed(world).await;
    let before = scene.head().await;
    let body = "Thank you for your time. Could you please send us two references by Thursday?\r\n\r\n\
                We will let you know our decision by 13 March.";
    let proposed = imports(&scene, &scene.ada, "format=eml", mail(body)).await;
    assert_eq!(
        rows(&proposed),
        [
            (1, "proposed".to_owned(), vec!["DecisionDatePromised".to_owned()]),
            (1, "proposed".to_owned(), vec!["DocumentRequested".to_owned()]),
        ]
    );
    assert_eq!(scene.head().await, before, "nothing is recorded");
    let decision = &proposed["results"][0];
    assert_eq!(decision["facts"][0]["data"]["decide_by"], "2026-03-13");
    assert_eq!(decision["facts"][0]["data"]["promised_by"], id(&scene.anna));
    assert_eq!(decision["facts"][0]["application"], id(&scene.acme));
    assert_eq!(
        decision["evidence"],
        json!([
            {"about": "DecisionDatePromised", "field": "body", "quote": "We will let you know our decision by 13 March.", "words": "let you know"},
            {"about": "date", "field": "body", "quote": "We will let you know our decision by 13 March.", "words": "by 13 March"},
            {"about": "application", "field": "from", "quote": "anna@acme.example"},
        ])
    );
    for row in proposed["results"].as_array().unwrap() {
        let recorded = scene
            .post(&format!("{}/facts", scene.ada), row["proposal"].clone())
            .await;
        assert_eq!(recorded.is(200)["results"][0]["status"], "recorded", "{recorded}");
        assert_eq!(recorded["results"][0]["event"]["data"], row["facts"][0]["data"]);
        assert_eq!(recorded["results"][0]["event"]["occurred_at"], "2026-03-02T07:30:00Z");
        let again = scene
            .post(&format!("{}/facts", scene.ada), row["proposal"].clone())
            .await;
        assert_eq!(again.is(200)["results"][0]["status"], "already_recorded", "{again}");
    }
    scene.task("answer_document_request").await;
    let again = imports(&scene, &scene.ada, "format=eml", mail(body)).await;
    assert_eq!(statuses(&again), ["already_recorded", "already_recorded"]);
    assert!(again["results"][0].get("proposal").is_none());

    let moved = mail("unfortunately we need to move your interview to Thursday.");
    let nothing = imports(&scene, &scene.ada, "format=eml", moved).await;
    assert!(rows(&nothing).is_empty(), "{nothing}");
    let rejection =
        mail("Unfortunately, we have decided to move forward with other candidates.").replace("<one@", "<two@");
    let rejection = imports(&scene, &scene.ada, "format=eml&dry_run=false", rejection).await;
    assert_eq!(
        rows(&rejection),
        [(1, "proposed".to_owned(), vec!["RejectionReceived".to_owned()])]
    );
    let voided = rejection["results"][0]["facts"][0]["tasks"]["closed"]
        .as_array()
        .unwrap();
    assert!(!voided.is_empty(), "what it would move is told");
    assert_eq!(scene.status().await, "awaiting");
    let body = rejection["results"][0]["proposal"].clone();
    scene.post(&format!("{}/facts", scene.ada), body).await.is(200);
    assert_eq!(scene.status().await, "rejected");
}

async fn an_invitation_in_a_message_is_proposed_and_then_moved_and_cancelled_as_a_file(world: World) {
    let scene = Scene::applied(world).await;
    let query = format!("format=eml&application={}", id(&scene.acme));
    let nowhere = imports(&scene, &scene.ada, "format=eml", OUTLOOK).await;
    assert_eq!(nowhere["results"][0]["problem"]["errors"][0]["pointer"], "?application");
    let sent = OUTLOOK.replace("20 Nov 2026", "1 Mar 2026");
    let proposed = imports(&scene, &scene.ada, &query, sent).await;
    let facts = &rows(&proposed)[0].2;
    assert_eq!(facts.last().unwrap(), "InterviewScheduled");
    let body = proposed["results"][0]["proposal"].clone();
    let recorded = scene.post(&format!("{}/facts", scene.ada), body).await;
    assert!(
        recorded.is(200)["results"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["status"] == "recorded"),
        "{recorded}"
    );
    let moved = EXCHANGE
        .replace("SEQUENCE:0", "SEQUENCE:1")
        .replace("20261120T101500Z", "20261121T101500Z")
        .replace("20261203T14", "20261203T16")
        .replace("20261203T15", "20261203T17");
    scene.at("2026-11-30T09:00:00+01:00");
    let answer = imports(&scene, &scene.ada, "format=ics", moved).await;
    assert_eq!(rows(&answer)[0].2, ["InterviewRescheduled"]);
    let cancelled = EXCHANGE
        .replace("METHOD:REQUEST", "METHOD:CANCEL")
        .replace("SEQUENCE:0", "SEQUENCE:2")
        .replace("20261120T101500Z", "20261122T101500Z");
    let answer = imports(&scene, &scene.ada, "format=ics", cancelled).await;
    assert_eq!(rows(&answer)[0].2, ["InterviewCancelled"]);
}

async fn a_table_is_read_by_a_column_map(world: World) {
    let scene = Scene::applied(world).await;
    let map = json!({
        "target": "applications",
        "columns": {"position": "Job Title", "organisation": "Company", "status": "Status", "url": "Link",
                    "date": ["Date Applied", "Date Saved"]},
        "dates": ["%m/%d/%Y"], "source": "Teal",
        "statuses": {"Bookmarked": "found", "Not Selected": "rejected", "*": "applied"},
    });
    let request = |map: &Value| {
        let query = [("format", "csv"), ("map", &map.to_string())];
        let address = reqwest::Url::parse_with_params("http://localhost/", query).expect("an address");
        let path = format!("{}/imports?{}", scene.ada, address.query().expect("a query"));
        scene
            .request(Method::POST, &path)
            .header(CONTENT_TYPE, "text/csv")
            .body(TEAL)
    };
    let answer = scene.send(request(&map)).await;
    assert_eq!(statuses(&answer), ["recorded"; 3]);
    assert_eq!(rows(&answer)[1].2, ["ApplicationOpened", "RejectionReceived"]);
    let board = scene.lists("/v1/applications?status=opened,rejected").await;
    let names: Vec<&Value> = board.iter().map(|row| &row["organisation"]["name"]).collect();
    assert!(names.contains(&&json!("Ådalen Söftware")), "{names:?}");
    assert_eq!(statuses(&scene.send(request(&map)).await), ["already_recorded"; 3]);
    let mut wrong = map.clone();
    wrong["columns"]["position"] = json!("Role");
    scene
        .send(request(&wrong))
        .await
        .refuses(400, "malformed")
        .names("?map/columns/position");
    wrong["columns"] = json!({"position": "Job Title"});
    scene
        .send(request(&wrong))
        .await
        .refuses(422, "invalid")
        .names("?map/columns");
    wrong["target"] = json!("jobs");
    scene
        .send(request(&wrong))
        .await
        .refuses(422, "invalid")
        .names("?map/target");
}

async fn a_poisoned_row_is_told_and_the_rest_goes_in_or_nothing_does(world: World) {
    let scene = Scene::applied(world).await;
    let header = "Application Date,Company Name,Job Title,Job Url\n";
    let file = format!(
        "{header}\"1/5/26, 8:15 AM\",Bolt,Cook,\n\"someday\",Volt,Cook,\n\"2/5/26, 8:15 AM\",Dolt,\"Cook\n\"3/2/26, 8:15 AM\",Jolt,Cook,\n"
    );
    let before = scene.head().await;
    let refused = imports(
        &scene,
        &scene.ada,
        "format=linkedin_job_applications&atomic=true",
        file.clone(),
    )
    .await;
    refused.refuses(422, "invalid").names("line 3");
    assert_eq!(scene.head().await, before);
    let answer = imports(&scene, &scene.ada, "format=linkedin_job_applications", file).await;
    let told: Vec<(u64, String)> = rows(&answer)
        .into_iter()
        .map(|(line, status, _)| (line, status))
        .collect();
    let row = |line, status: &str| (line, status.to_owned());
    assert_eq!(
        told,
        [
            row(2, "recorded"),
            row(3, "refused"),
            row(4, "refused"),
            row(5, "recorded")
        ],
        "{answer}"
    );
    assert_eq!(answer["results"][2]["problem"]["code"], "malformed");
    let whole = imports(
        &scene,
        &scene.ada,
        "format=linkedin_job_applications&atomic=true",
        APPLICATIONS,
    )
    .await;
    assert_eq!(statuses(&whole), ["recorded", "recorded"]);
}

async fn an_entry_that_is_refused_only_when_it_is_recorded_says_its_line(world: World) {
    let scene = Scene::applied(world).await;
    let query = "format=linkedin_job_applications";
    let dry = imports(&scene, &scene.ada, &format!("{query}&dry_run=true"), APPLICATIONS).await;
    let (line, facts) = (
        dry["results"][1]["line"].clone(),
        &dry["results"][1]["proposal"]["facts"],
    );
    // Ids are unique in a tenant, and only the store knows those of others.
    let grace = registers(&scene, "Grace").await;
    let taken = json!({"kind": "searched", "id": facts[0]["id"]});
    scene.records(&format!("{grace}/search-activities"), taken).await;
    let before = scene.head().await;
    let refused = imports(&scene, &scene.ada, &format!("{query}&atomic=true"), APPLICATIONS).await;
    refused.refuses(409, "id_taken").names(&format!("line {line}"));
    assert_eq!(scene.head().await, before);
    let answer = imports(&scene, &scene.ada, query, APPLICATIONS).await;
    assert_eq!(statuses(&answer), ["recorded", "refused"]);
    let problem = &answer["results"][1]["problem"];
    assert_eq!(
        (&problem["code"], &problem["errors"][0]["pointer"]),
        (&json!("id_taken"), &json!("/id"))
    );
}

async fn a_dry_run_tells_what_would_be_recorded(world: World) {
    let scene = Scene::applied(world).await;
    let before = scene.head().await;
    let told = imports(
        &scene,
        &scene.ada,
        "format=linkedin_job_applications&dry_run=true",
        APPLICATIONS,
    )
    .await;
    assert_eq!(statuses(&told), ["proposed", "proposed"]);
    assert_eq!(scene.head().await, before);
    let body = told["results"][0]["proposal"].clone();
    let recorded = scene.post(&format!("{}/facts", scene.ada), body).await;
    assert_eq!(recorded.is(200)["results"][0]["status"], "recorded");
    let done = imports(&scene, &scene.ada, "format=linkedin_job_applications", APPLICATIONS).await;
    assert_eq!(statuses(&done), ["already_recorded", "recorded"]);
    assert_eq!(
        done["results"][1]["facts"][0]["data"],
        told["results"][1]["facts"][0]["data"]
    );
}

async fn what_is_no_such_file_is_refused_whole(world: World) {
    let scene = Scene::applied(world).await;
    let before = scene.head().await;
    // Archives are larger, and have stories of their own.
    let formats = afterword::imports::Format::ALL
        .iter()
        .filter(|it| it.name() != "export");
    for format in formats {
        let map = if format.name() == "csv" {
            "&map=%7B%22target%22%3A%22contacts%22%2C%22columns%22%3A%7B%22name%22%3A%22Name%22%7D%7D"
        } else {
            ""
        };
        let query = format!("format={}{map}", format.name());
        let large = vec![b'x'; (1 << 20) + 1];
        imports(&scene, &scene.ada, &query, large)
            .await
            .refuses(413, "too_large");
        for file in [&b""[..], b"\0\x01\x02", b"\x89PNG\r\n\x1a\n\0\0\0\r", b"<html></html>"] {
            imports(&scene, &scene.ada, &query, file)
                .await
                .refuses(400, "malformed");
        }
        let request = scene.request(Method::POST, &format!("{}/imports?{query}", scene.ada));
        let request = request.header(CONTENT_TYPE, "image/png").body("x");
        scene.send(request).await.refuses(415, "unsupported_media_type");
    }
    let wrong = imports(&scene, &scene.ada, "format=linkedin_saved_jobs", APPLICATIONS).await;
    wrong.refuses(400, "malformed");
    assert!(
        wrong["detail"]
            .as_str()
            .unwrap()
            .contains("format=linkedin_job_applications"),
        "{wrong}"
    );
    for (query, pointer) in [
        ("format=pdf", "?format"),
        ("", "?format"),
        ("format=csv", "?map"),
        ("format=ics&map=%7B%7D", "?map"),
        ("format=csv&map=nonsense", "?map"),
        ("format=eml&dry_run=perhaps", "?dry_run"),
    ] {
        imports(&scene, &scene.ada, query, "x")
            .await
            .refuses(422, "invalid")
            .names(pointer);
    }
    assert_eq!(scene.head().await, before);
}

async fn a_repeated_request_has_the_same_answer(world: World) {
    let scene = Scene::applied(world).await;
    let send = async || {
        let request = scene
            .request(
                Method::POST,
                &format!("{}/imports?format=linkedin_connections", scene.ada),
            )
            .header(CONTENT_TYPE, "text/csv")
            .header("Idempotency-Key", "the-same");
        scene.send(request.body(CONNECTIONS)).await
    };
    let first = send().await;
    let again = send().await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(statuses(&again), statuses(&first));
    let facts = |answer: &Answer| -> Vec<Value> {
        let results = answer["results"].as_array().unwrap().iter();
        results.map(|row| row["facts"].clone()).collect()
    };
    assert_eq!(facts(&again), facts(&first));
}

async fn a_repeated_request_is_read_against_what_was_known_then(world: World) {
    let scene = Scene::applied(world).await;
    scene.patch(&scene.ada, json!({"groups": ["spring"]})).await.is(200);
    let coach = scene
        .client("candidates:read candidates:write", None, Some("spring"))
        .await;
    let query = format!("format=ics&atomic=true&application={}", id(&scene.acme));
    let send = async |name: &'static str| {
        let request = coach
            .request(Method::POST, &format!("{}/imports?{query}", scene.ada))
            .header(CONTENT_TYPE, "text/calendar")
            .header("Idempotency-Key", name);
        coach.send(request.body(EXCHANGE)).await
    };
    let first = send("monday").await;
    assert_eq!(statuses(&first), ["recorded"]);
    // All of it is taken back, the application too, and the candidate leaves the group.
    let facts = scene.lists_feed().await;
    let opened = facts
        .iter()
        .position(|fact| fact["type"] == "ApplicationOpened")
        .expect("it is open");
    let imported = first["results"][0]["facts"].as_array().expect("facts").len();
    assert!(imported > 1, "{first}");
    let taken_back = facts[facts.len() - imported..].iter().rev().chain([&facts[opened]]);
    for fact in taken_back {
        let path = format!("{}/events/{}/retracted", scene.ada, fact["id"].as_str().expect("an id"));
        scene
            .post(&path, json!({"reason": "It was another one."}))
            .await
            .is(201);
    }
    scene.patch(&scene.ada, json!({"groups": null})).await.is(200);
    scene.clock.advance(SignedDuration::from_hours(24 * 60));
    let again = send("monday").await;
    assert_eq!(again.is(200).json, first.json);
    assert_eq!(again.header("idempotency-replayed"), "true");
    send("tuesday").await.refuses(404, "not_found");
}

async fn a_thousand_rows_go_in_at_once(world: World) {
    let scene = Scene::applied(world).await;
    let mut file = "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n".to_owned();
    for nth in 0..1000 {
        file.push_str(&format!(
            "A,B{nth},https://www.linkedin.com/in/ab{nth},,Acme {},Engineer,1 Mar 2024\n",
            nth % 10
        ));
    }
    let answer = imports(&scene, &scene.ada, "format=linkedin_connections", file.clone()).await;
    assert!(statuses(&answer).iter().all(|status| status == "recorded"));
    let header = file.lines().next().expect("a header");
    let same = "A,B0,https://www.linkedin.com/in/ab0,,Acme,Engineer,1 Mar 2024\n".repeat(10_001);
    let file = format!("{header}\n{same}");
    let many = imports(&scene, &scene.ada, "format=linkedin_connections", file).await;
    assert!(
        many.refuses(422, "invalid")["detail"]
            .as_str()
            .unwrap()
            .contains("10000")
    );
}
