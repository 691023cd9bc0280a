//! Everything about a candidate in one archive, and the same candidate again: elsewhere, later, and not from just any file.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read, Write},
};

use afterword_domain::ids::EventId;
use afterword_store::{Told, written};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::{
    client::{Answer, Client, id},
    contract::{operations, paths_of},
    harness::{World, verify},
    lists::full,
    scenes::{Scene, applies, meets, registers},
    stories,
};

stories![
    an_archive_holds_everything,
    an_export_brings_in_the_same_candidate_elsewhere,
    an_older_export_adds_nothing_and_a_newer_one_what_is_new,
    where_both_have_gone_on_what_is_missing_is_recorded_now,
    what_cannot_be_recorded_now_says_what_of_it_is_wrong,
    a_playbook_comes_along_and_gives_way_to_the_tenants_own,
    without_readers_of_debriefs_an_archive_says_what_it_lacks,
    a_poisoned_archive_brings_in_nothing,
    an_archive_is_brought_in_by_who_may,
    the_ids_of_others_stand_in_the_way,
];

async fn exports(client: &Client, candidate: &str) -> Vec<u8> {
    let answer = client.get(&format!("{candidate}/export")).await;
    assert_eq!(answer.is(200).header("content-type"), "application/zip");
    answer.body.clone()
}

async fn imports(client: &Client, archive: Vec<u8>) -> Answer {
    let request = client
        .request(Method::POST, "/v1/imports?format=export")
        .header("Content-Type", "application/zip");
    client.send(request.body(archive)).await
}

/// How often each status stands in an answer.
fn counted(answer: &Answer) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for result in answer.is(200)["results"].as_array().expect("results") {
        let status = result["status"].as_str().expect("a status");
        *counted.entry(status.to_owned()).or_default() += 1;
    }
    counted
}

fn all(status: &str, many: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([(status.to_owned(), many)])
}

/// What is stored of a neighbour is what its log says.
async fn is_what_its_log_says(world: &World) {
    assert_eq!(verify(&world.store, world.tenant).await, Vec::<Told>::new());
}

fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut zip = ZipArchive::new(Cursor::new(archive)).expect("a zip file");
    let mut files = BTreeMap::new();
    for nth in 0..zip.len() {
        let mut file = zip.by_index(nth).expect("a file");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("unpacked");
        files.insert(file.name().expect("a name").into_owned(), bytes);
    }
    files
}

fn packed(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), SimpleFileOptions::default())
            .expect("a file");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("an archive").into_inner()
}

/// An archive whose facts were changed, with the hash that they have now.
fn forged(archive: &[u8], change: impl Fn(&mut Vec<Value>)) -> Vec<u8> {
    let mut files = files(archive);
    let lines = String::from_utf8(files["facts.ndjson"].clone()).expect("text");
    let mut facts: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    change(&mut facts);
    let told: String = facts.iter().map(|fact| format!("{fact}\n")).collect();
    let mut manifest: Value = serde_json::from_slice(&files["manifest.json"]).expect("JSON");
    manifest["facts"] = json!(facts.len());
    for file in manifest["files"].as_array_mut().expect("files") {
        if file["name"] == "facts.ndjson" {
            file["sha256"] = json!(sha256(told.as_bytes()));
        }
    }
    files.insert("facts.ndjson".to_owned(), told.into_bytes());
    files.insert("manifest.json".to_owned(), manifest.to_string().into_bytes());
    packed(&files)
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A search in which much has happened: things taken back, a contact erased, tasks put off, time that passed.
async fn eventful(world: World) -> Scene {
    let scene = full(world).await;
    let ada = scene.ada.clone();
    let ben = meets(&scene, &ada, "Benedikt Stone", "ben@acme.example").await;
    let note = json!({"kind": "thank_you", "recipients": [id(&ben)], "channel": "email", "application": id(&scene.acme),
        "subject_line": "Thank you, Benedikt Stone", "body": "Dear Benedikt Stone,\n\nthank you.\n\nAda"});
    let note = scene.makes(&format!("{ada}/notes"), note).await;
    scene.post(&format!("{note}/reviewed"), json!({})).await.is(201);
    scene.records(&format!("{note}/sent"), json!({})).await;
    let wrong = scene
        .records(
            &format!("{}/status-reports", scene.acme),
            json!({"summary": "A slip", "decide_by": "2026-03-20"}),
        )
        .await;
    let event = wrong["event"]["id"].as_str().expect("an id");
    scene
        .records(&format!("{ada}/events/{event}/retracted"), json!({"reason": "A slip."}))
        .await;
    let task = scene.task("answer_document_request").await;
    let snooze = format!("{ada}/tasks/{}/snoozed", task["id"].as_str().unwrap());
    scene
        .records(&snooze, json!({"until_at": "2026-03-04T09:00:00+01:00"}))
        .await;
    scene.clock.advance(jiff::SignedDuration::from_hours(100));
    scene.delete(&ben).await.is(200);
    scene
}

async fn an_archive_holds_everything(world: World) {
    let scene = eventful(world).await;
    let archive = exports(&scene, &scene.ada).await;
    let files = files(&archive);
    let text = |name: &str| String::from_utf8(files[name].clone()).expect("text");
    let facts = scene.lists_all(&format!("{}/events?limit=100", scene.ada)).await;
    let lines: Vec<Value> = text("facts.ndjson")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), facts.len());
    assert!(facts.iter().all(|fact| lines.contains(fact)));
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).expect("JSON");
    assert_eq!(
        (&manifest["format"], &manifest["version"]),
        (&json!("afterword-export"), &json!(1))
    );
    assert_eq!(
        (&manifest["candidate"], &manifest["complete"]),
        (&json!(id(&scene.ada)), &json!(true))
    );
    assert_eq!(
        (&manifest["facts"], &manifest["letters"], &manifest["contacts"]),
        (&json!(lines.len()), &json!(3), &json!(1))
    );
    for file in manifest["files"].as_array().unwrap() {
        let bytes = &files[file["name"].as_str().unwrap()];
        assert_eq!(
            (&file["bytes"], &file["sha256"]),
            (&json!(bytes.len()), &json!(sha256(bytes)))
        );
    }
    assert!(text("README.txt").contains("It is complete"));
    assert!(text("contacts.vcf").contains("FN:Anna Berg"));
    assert!(text("calendar.ics").contains("SUMMARY:Interview at Acme"));
    let letters = files.iter().filter(|(name, _)| name.starts_with("letters/"));
    let letters: Vec<_> = letters.map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect();
    let letter = letters
        .iter()
        .find(|letter| letter.contains("Subject: Thank you, "))
        .expect("a letter");
    assert!(
        letter.contains("Kind: thank_you")
            && letter.contains("Sent: 2026-03-02")
            && letter.ends_with("thank you.\n\nAda\n"),
        "{letter}"
    );
    assert!(
        !files
            .values()
            .any(|bytes| String::from_utf8_lossy(bytes).contains("Benedikt")),
        "he was erased"
    );
    // The same state makes the same bytes, whenever it is asked for.
    let asked = scene.get(&format!("{}/export", scene.ada)).await;
    assert!(asked.header("content-disposition").contains(id(&scene.ada)));
    scene.clock.advance(jiff::SignedDuration::from_hours(2));
    assert_eq!(exports(&scene, &scene.ada).await, archive);
    let request = scene.request(Method::GET, &format!("{}/export", scene.ada));
    scene
        .send(request.header("If-None-Match", asked.header("etag")))
        .await
        .is(304);
    scene.delete(&scene.ada).await.is(200);
    scene
        .get(&format!("{}/export", scene.ada))
        .await
        .refuses(410, "candidate_erased");
}

/// Every view of the candidate, now and as of earlier moments.
async fn views(scene: &Scene, client: &Client) -> Vec<(String, Value)> {
    let mut views = Vec::new();
    for operation in operations() {
        let of_a_candidate = operation.path.starts_with("/v1/candidates/{candidate}");
        if operation.method != Method::GET || !of_a_candidate || !operation.query.contains(&"as_of") {
            continue;
        }
        for path in paths_of(scene, &operation.path).await {
            for as_of in ["", "?as_of=2026-03-02T14:10:00Z", "?as_of=2026-03-04T12:00:00Z"] {
                let path = format!("{path}{as_of}");
                let mut answer = client.get(&path).await;
                if let Some(fields) = answer.json.as_object_mut() {
                    for of_the_asking in ["request_id", "next_cursor"] {
                        fields.remove(of_the_asking);
                    }
                }
                let told = if answer.json.is_null() {
                    json!(sha256(&answer.body))
                } else {
                    answer.json
                };
                views.push((path, json!([answer.status, told])));
            }
        }
    }
    let ada = id(&scene.ada);
    for list in [
        "/v1/tasks?limit=100&state=waiting,open,overdue,done,dismissed,void&snoozed=true&",
        "/v1/rejections?",
        "/v1/applications?",
    ] {
        views.push((
            list.to_owned(),
            client.sees(&format!("{list}candidate={ada}")).await["data"].clone(),
        ));
    }
    views
}

async fn an_export_brings_in_the_same_candidate_elsewhere(world: World) {
    let scene = eventful(world).await;
    let other = scene.neighbour().await;
    let archive = exports(&scene, &scene.ada).await;
    let many = scene.lists_all(&format!("{}/events?limit=100", scene.ada)).await.len();
    let send = async |key: &str| {
        let request = other
            .request(Method::POST, "/v1/imports?format=export")
            .header("Idempotency-Key", key)
            .header("Content-Type", "application/octet-stream");
        other.send(request.body(archive.clone())).await
    };
    let imported = send("move").await;
    assert_eq!(counted(&imported), all("recorded", many), "{imported}");
    assert_eq!(imported.header("location"), scene.ada);
    let replayed = send("move").await;
    assert_eq!(
        (&replayed.json, replayed.header("idempotency-replayed")),
        (&imported.json, "true")
    );
    assert_eq!(counted(&send("again").await), all("already_recorded", many));
    assert_eq!(
        other.get(&scene.ada).await.header("etag"),
        scene.get(&scene.ada).await.header("etag")
    );
    let (here, there) = (views(&scene, &scene).await, views(&scene, &other).await);
    assert!(here.len() > 100, "{}", here.len());
    for (one, same) in here.iter().zip(&there) {
        assert_eq!(one, same);
    }
    assert_eq!(exports(&other, &scene.ada).await, archive);
    assert_eq!(other.lists_feed().await.len(), many);
    is_what_its_log_says(&other).await;
    // It lives on there: what comes due is announced once, and facts go on.
    other.clock.advance(jiff::SignedDuration::from_hours(500));
    let enquiry = format!("{}/status-enquiries", scene.acme);
    for client in [&*scene, &*other] {
        client.records(&enquiry, json!({"channel": "email"})).await;
    }
    let timeline = format!("{}/timeline?limit=100", scene.ada);
    let texts = async |client: &Client| -> Vec<Value> {
        client
            .lists_all(&timeline)
            .await
            .iter()
            .map(|it| json!([it["at"], it["text"]]))
            .collect()
    };
    assert_eq!(texts(&scene).await, texts(&other).await);
    // In its own tenant there is nothing to bring in.
    assert_eq!(counted(&imports(&scene, archive).await), all("already_recorded", many));
}

async fn an_older_export_adds_nothing_and_a_newer_one_what_is_new(world: World) {
    let scene = Scene::interviewed(world).await;
    let other = scene.neighbour().await;
    let old = exports(&scene, &scene.ada).await;
    let then = scene.sees(&scene.ada).await["version"].as_u64().unwrap() as usize;
    scene.clock.advance(jiff::SignedDuration::from_hours(30));
    scene.writes("thank_you").await;
    scene.delete(&scene.anna).await.is(200);
    let new = exports(&scene, &scene.ada).await;
    let now = scene.sees(&scene.ada).await["version"].as_u64().unwrap() as usize;
    assert_eq!(counted(&imports(&other, old.clone()).await), all("recorded", then));
    let stale = other
        .request(Method::POST, &format!("{}/imports?format=export", scene.ada))
        .header("If-Match", "\"x.1\"")
        .header("Content-Type", "application/zip");
    other.send(stale.body(new.clone())).await.refuses(412, "stale");
    let nobody = scene.neighbour().await;
    let tag = scene.get(&scene.ada).await.header("etag").to_owned();
    let of_nobody = format!("{}.0\"", tag.split('.').next().expect("an id"));
    for tag in ["\"x.1\"", "*", &of_nobody] {
        let stale = nobody
            .request(Method::POST, "/v1/imports?format=export")
            .header("If-Match", tag)
            .header("Content-Type", "application/zip");
        let refused = nobody.send(stale.body(new.clone())).await;
        refused.refuses(412, "stale");
        assert_eq!(refused.maybe_header("etag"), None, "{tag}");
    }
    // To the candidate's own address, as it is known.
    let tag = other.get(&scene.ada).await.header("etag").to_owned();
    let send = async || {
        let request = other
            .request(Method::POST, &format!("{}/imports?format=export", scene.ada))
            .header("If-Match", &tag)
            .header("Idempotency-Key", "newer")
            .header("Content-Type", "application/zip");
        other.send(request.body(new.clone())).await
    };
    let answer = send().await;
    let told = BTreeMap::from([
        ("already_recorded".to_owned(), then),
        ("recorded".to_owned(), now - then),
    ]);
    assert_eq!(counted(&answer), told);
    // Sent again, it is not that the candidate has moved on: by this very request.
    let again = send().await;
    assert_eq!(again.is(200).json, answer.json);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(exports(&other, &scene.ada).await, new);
    is_what_its_log_says(&other).await;
    // The erased contact is not brought back.
    assert_eq!(counted(&imports(&other, old).await), all("already_recorded", then));
    assert!(!String::from_utf8_lossy(&files(&exports(&other, &scene.ada).await)["facts.ndjson"]).contains("Anna Berg"));
    // Whatever was recorded since, the answer is the same.
    other
        .records(&format!("{}/search-activities", scene.ada), json!({"kind": "searched"}))
        .await;
    let again = send().await;
    assert_eq!(again.is(200).json, answer.json);
    assert_eq!(again.header("etag"), answer.header("etag"));
    // So is an archive in which there was nothing new.
    let tag = other.get(&scene.ada).await.header("etag").to_owned();
    let send = async || {
        let request = other
            .request(Method::POST, "/v1/imports?format=export")
            .header("If-Match", &tag)
            .header("Idempotency-Key", "nothing-new")
            .header("Content-Type", "application/zip");
        other.send(request.body(new.clone())).await
    };
    let answer = send().await;
    assert_eq!(counted(&answer), all("already_recorded", now));
    other
        .records(&format!("{}/search-activities", scene.ada), json!({"kind": "searched"}))
        .await;
    let again = send().await;
    assert_eq!(again.is(200).json, answer.json);
    assert_eq!(again.header("etag"), tag);
    assert_eq!(again.header("idempotency-replayed"), "true");
}

async fn where_both_have_gone_on_what_is_missing_is_recorded_now(world: World) {
    let scene = Scene::applied(world).await;
    let other = scene.neighbour().await;
    let begun = exports(&scene, &scene.ada).await;
    assert_eq!(counted(&imports(&other, begun.clone()).await), all("recorded", 3));
    applies(&other, &scene.ada, "Bolt").await;
    applies(&scene, &scene.ada, "Initech").await;
    scene
        .records(&format!("{}/search-activities", scene.ada), json!({"kind": "searched"}))
        .await;
    let archive = exports(&scene, &scene.ada).await;
    let send = async |name: &str, archive: &[u8]| {
        let request = other
            .request(Method::POST, "/v1/imports?format=export")
            .header("Idempotency-Key", name)
            .header("Content-Type", "application/zip");
        other.send(request.body(archive.to_vec())).await
    };
    let merged = send("merge", &archive).await;
    let told = BTreeMap::from([("already_recorded".to_owned(), 3), ("recorded".to_owned(), 2)]);
    assert_eq!(counted(&merged), told, "{merged}");
    let all_here = send("all-here", &archive).await;
    assert_eq!(counted(&all_here), all("already_recorded", 5));
    applies(&other, &scene.ada, "Cask").await;
    for (name, answer) in [("merge", &merged), ("all-here", &all_here)] {
        let again = send(name, &archive).await;
        assert_eq!((again.status, &again.json), (200, &answer.json), "{name}");
        assert_eq!(again.header("etag"), answer.header("etag"), "{name}");
        send(name, &begun).await.refuses(422, "idempotency_reused");
    }
    let names: Vec<_> = other
        .lists(&format!("{}/applications", scene.ada))
        .await
        .iter()
        .map(|it| it["organisation"]["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names.len(), 4, "{names:?}");
    let told = counted(&imports(&other, archive).await);
    assert_eq!(told, all("already_recorded", 5));
    // Nobody is erased by what would be missing here.
    let erasing = forged(&exports(&scene, &scene.ada).await, |facts| {
        facts.truncate(2);
        facts[1]["id"] = json!("evt_01k9ze3n8qfq7s5b1x5n0v3gk2");
        facts[1]["subject"] = facts[0]["subject"].clone();
        facts[1]["type"] = json!("CandidateErased");
        facts[1]["data"] = json!({});
    });
    let refused = imports(&other, erasing).await;
    refused.refuses(422, "invalid");
    assert_eq!(refused.json["errors"][0]["pointer"], "facts.ndjson line 2", "{refused}");
    is_what_its_log_says(&other).await;
}

async fn what_cannot_be_recorded_now_says_what_of_it_is_wrong(world: World) {
    let scene = Scene::applied(world).await;
    let other = scene.neighbour().await;
    let begun = exports(&scene, &scene.ada).await;
    assert_eq!(counted(&imports(&other, begun).await), all("recorded", 3));
    applies(&other, &scene.ada, "Bolt").await;
    let searched = format!("{}/search-activities", scene.ada);
    let first = scene.records(&searched, json!({"kind": "searched"})).await;
    scene.patch(&scene.ada, json!({"external_id": "crm-1"})).await.is(200);
    scene.records(&searched, json!({"kind": "searched"})).await;
    let grace = json!({"name": "Grace", "time_zone": "UTC", "external_id": "crm-1"});
    let grace = other.makes("/v1/candidates", grace).await;
    let taken = json!({"kind": "searched", "id": first["event"]["id"]});
    other.records(&format!("{grace}/search-activities"), taken).await;
    let merged = imports(&other, exports(&scene, &scene.ada).await).await;
    let told: Vec<_> = merged.is(200)["results"].as_array().expect("results")[3..]
        .iter()
        .map(|row| {
            let problem = &row["problem"];
            json!([
                row["line"],
                row["status"],
                problem["code"],
                problem["errors"][0]["pointer"]
            ])
        })
        .collect();
    let wanted = [
        json!([4, "refused", "id_taken", "/id"]),
        json!([5, "refused", "external_id_taken", "/data/external_id"]),
        json!([6, "recorded", null, null]),
    ];
    assert_eq!(told, wanted, "{merged}");
    is_what_its_log_says(&other).await;
}

async fn a_playbook_comes_along_and_gives_way_to_the_tenants_own(world: World) {
    let put = async |client: &Client, hours: &str| {
        let body = json!({"plays": [{"play": "write_thank_you", "due": hours}]});
        client
            .send(client.request(Method::PUT, "/v1/playbook").json(&body))
            .await
            .is(200)
            .json["version"]
            .clone()
    };
    assert_eq!(put(&world, "PT12H").await, 1);
    let scene = Scene::interviewed(world).await;
    let due = async |client: &Client| {
        let tasks = client
            .lists(&format!("{}/tasks?play=write_thank_you&state=open,overdue", scene.ada))
            .await;
        tasks[0]["due_at"].as_str().expect("a moment").to_owned()
    };
    assert_eq!(due(&scene).await, "2026-03-03T03:00:00+01:00");
    let archive = exports(&scene, &scene.ada).await;
    assert!(String::from_utf8_lossy(&files(&archive)["playbooks.ndjson"]).contains("PT12H"));
    // Where there is none, it stays; where there is another of the same number, that one is adopted with the next fact.
    let (without, with) = (scene.neighbour().await, scene.neighbour().await);
    assert_eq!(put(&with, "PT6H").await, 1);
    for client in [&*without, &*with] {
        imports(client, archive.clone()).await.is(200);
        assert_eq!(due(client).await, "2026-03-03T03:00:00+01:00");
        client
            .records(&format!("{}/search-activities", scene.ada), json!({"kind": "searched"}))
            .await;
    }
    assert_eq!(due(&without).await, "2026-03-03T03:00:00+01:00");
    assert_eq!(due(&with).await, "2026-03-02T21:00:00+01:00");
    // And on it goes, with both of them.
    let third = scene.neighbour().await;
    let archive = exports(&with, &scene.ada).await;
    imports(&third, archive.clone()).await.is(200);
    assert_eq!(due(&third).await, "2026-03-02T21:00:00+01:00");
    assert_eq!(exports(&third, &scene.ada).await, archive);
    for world in [&without, &with, &third] {
        is_what_its_log_says(world).await;
    }
    let mut files = files(&archive);
    let mut manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    manifest["playbooks"] = json!(0);
    for file in manifest["files"].as_array_mut().unwrap() {
        if file["name"] == "playbooks.ndjson" {
            file["sha256"] = json!(sha256(b""));
        }
    }
    files.insert("playbooks.ndjson".to_owned(), Vec::new());
    files.insert("manifest.json".to_owned(), manifest.to_string().into_bytes());
    let fourth = scene.neighbour().await;
    imports(&fourth, packed(&files)).await.refuses(422, "invalid");
    assert!(fourth.lists_feed().await.is_empty());
    // Who is refused leaves no rules behind.
    let autumn = fourth.client("candidates:write", None, Some("autumn")).await;
    imports(&autumn, archive.clone())
        .await
        .refuses(403, "insufficient_scope");
    for (many, holidays) in [(1030, 0), (12, 999)] {
        imports(&fourth, with_many_playbooks(&archive, many, holidays))
            .await
            .refuses(413, "too_large");
    }
    let rules = String::from_utf8(self::files(&archive)["playbooks.ndjson"].clone()).unwrap();
    let hash = |line: &str| {
        serde_json::from_str::<Value>(line).unwrap()["hash"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let hashes: Vec<String> = rules.lines().map(hash).collect();
    let copies = async || {
        fourth
            .store
            .playbook_copies(fourth.tenant, hashes.clone())
            .await
            .unwrap()
            .len()
    };
    assert_eq!(copies().await, 0);
    imports(&fourth, archive.clone()).await.is(200);
    assert_eq!(copies().await, hashes.len());
    // The same rules under another number are the same rules.
    let fifth = scene.neighbour().await;
    for (version, hours) in [(1, "PT6H"), (2, "PT12H"), (3, "PT6H")] {
        assert_eq!(put(&fifth, hours).await, version);
    }
    imports(&fifth, archive.clone()).await.is(200);
    assert_eq!(exports(&fifth, &scene.ada).await, archive);
    is_what_its_log_says(&fifth).await;
}

/// An archive of somebody who has followed so many more playbooks, each with so many holidays of long names.
fn with_many_playbooks(archive: &[u8], many: u32, holidays: u32) -> Vec<u8> {
    let rules: Vec<(String, String)> = (0..many)
        .map(|nth| {
            let day = |day: u32| format!("{}-{:02}-{:02}", 1900 + day / 300, 1 + day / 25 % 12, 1 + day % 25);
            let mut holidays = (0..holidays)
                .map(|nth| json!({"date": day(nth), "name": "A day. ".repeat(60).trim_end()}))
                .collect::<Vec<_>>();
            holidays.push(json!({"date": day(2000 + nth)}));
            let rules = json!({"plays": [{"play": "write_thank_you", "due": "PT12H"}], "holidays": holidays});
            written(&serde_json::from_value(rules).expect("rules"))
        })
        .collect();
    let longer = forged(archive, |facts| {
        for (hash, _) in &rules {
            let mut fact = facts.last().expect("a fact").clone();
            fact["id"] = json!(EventId::new(Uuid::now_v7()).to_string());
            fact["version"] = json!(facts.len() + 1);
            fact["type"] = json!("PlaybookAdopted");
            fact["data"] = json!({"playbook_version": 1, "hash": hash});
            facts.push(fact);
        }
    });
    let mut files = files(&longer);
    let mut told = files["playbooks.ndjson"].clone();
    for (hash, rules) in &rules {
        let rules: Value = serde_json::from_str(rules).expect("JSON");
        told.extend(format!("{}\n", json!({"hash": hash, "rules": rules})).bytes());
    }
    let mut manifest: Value = serde_json::from_slice(&files["manifest.json"]).expect("JSON");
    manifest["playbooks"] = json!(manifest["playbooks"].as_u64().expect("a number") + u64::from(many));
    for file in manifest["files"].as_array_mut().expect("files") {
        if file["name"] == "playbooks.ndjson" {
            file["sha256"] = json!(sha256(&told));
        }
    }
    files.insert("playbooks.ndjson".to_owned(), told);
    files.insert("manifest.json".to_owned(), manifest.to_string().into_bytes());
    packed(&files)
}

async fn without_readers_of_debriefs_an_archive_says_what_it_lacks(world: World) {
    let scene = Scene::interviewed(world).await;
    let question = json!({"question": "Why?", "category": "other", "answer": "SECRET-ANSWER", "reception": "well"});
    scene.records(&format!("{}/questions", scene.interview), question).await;
    scene
        .records(
            &format!("{}/debriefed", scene.interview),
            json!({"overall": 2, "lessons": ["SECRET-LESSON"]}),
        )
        .await;
    let reader = scene.client("candidates:read", None, None).await;
    let archive = exports(&reader, &scene.ada).await;
    let files = files(&archive);
    assert!(
        !files
            .values()
            .any(|bytes| String::from_utf8_lossy(bytes).contains("SECRET"))
    );
    assert!(String::from_utf8_lossy(&files["facts.ndjson"]).contains("\"question\":\"Why?\""));
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["complete"], false);
    assert!(
        manifest["left_out"].as_array().unwrap().contains(&json!("answer")),
        "{manifest}"
    );
    let other = scene.neighbour().await;
    let refused = imports(&other, archive).await;
    assert!(
        refused.refuses(422, "invalid")["detail"]
            .as_str()
            .unwrap()
            .contains("debriefs:read"),
        "{refused}"
    );
    let whole = exports(&scene, &scene.ada).await;
    imports(&other, whole).await.is(200);
}

async fn a_poisoned_archive_brings_in_nothing(world: World) {
    let scene = eventful(world).await;
    let other = scene.neighbour().await;
    let archive = exports(&scene, &scene.ada).await;
    let whole = files(&archive);
    let with = |name: &str, bytes: &[u8]| {
        let mut files = whole.clone();
        files.insert(name.to_owned(), bytes.to_vec());
        packed(&files)
    };
    for (bytes, status, code) in [
        (archive[..archive.len() / 2].to_vec(), 400, "malformed"),
        (archive[..archive.len() - 1].to_vec(), 400, "malformed"),
        (b"PK".to_vec(), 400, "malformed"),
        (Vec::new(), 400, "malformed"),
        (vec![b'x'; (16 << 20) + 1], 413, "too_large"),
        (with("../../etc/passwd", b"x"), 400, "malformed"),
        (with("letters/../../x.txt", b"x"), 400, "malformed"),
        (with("C:\\x", b"x"), 400, "malformed"),
        (with("facts.ndjson", b"{}\n"), 422, "invalid"),
        (with("manifest.json", b"{}"), 422, "invalid"),
        (with("manifest.json", "[".repeat(100_000).as_bytes()), 422, "invalid"),
    ] {
        imports(&other, bytes).await.refuses(status, code);
    }
    // A damaged byte anywhere is found, or does no harm.
    for at in (0..archive.len()).step_by(archive.len() / 40) {
        let mut damaged = archive.clone();
        damaged[at] ^= 0xff;
        let fresh = other.neighbour().await;
        let answer = imports(&fresh, damaged).await;
        assert!([200, 400, 413, 422].contains(&answer.status), "{at}: {answer}");
    }
    type Change = fn(&mut Vec<Value>);
    let changes: [(&str, Change); 16] = [
        ("invalid", |facts| facts.clear()),
        ("invalid", |facts| drop(facts.remove(0))),
        ("invalid", |facts| drop(facts.remove(3))),
        ("invalid", |facts| facts.swap(3, 4)),
        ("id_taken", |facts| facts[4]["id"] = facts[3]["id"].clone()),
        ("invalid", |facts| {
            facts[4]["candidate"] = json!("cnd_01k9ze3n8qfq7s5b1x5n0v3gk2")
        }),
        ("invalid", |facts| facts[4]["type"] = json!("CandidateErased")),
        ("invalid", |facts| {
            facts[4]["recorded_at"] = json!("2025-01-01T00:00:00Z")
        }),
        ("invalid", |facts| facts[4]["recorded_by"] = json!("a\nb")),
        ("invalid", |facts| {
            let by_a_key = facts.iter().position(|fact| fact["recorded_by"] != "clock");
            facts[by_a_key.expect("somebody told something")]["recorded_by"] = json!("clock");
        }),
        ("invalid", |facts| {
            let last = facts.len() - 1;
            facts[last]["recorded_at"] = json!("2029-01-01T00:00:00Z");
        }),
        ("invalid", |facts| facts[1]["data"]["position"] = json!("")),
        ("invalid", |facts| facts[1]["schema"] = json!("x")),
        ("id_taken", |facts| {
            let mut again = facts[1].clone();
            again["id"] = json!("evt_01k9ze3n8qfq7s5b1x5n0v3gk2");
            again["version"] = json!(facts.len() + 1);
            again["recorded_at"] = facts[facts.len() - 1]["recorded_at"].clone();
            facts.push(again);
        }),
        ("unknown_reference", |facts| {
            let held = facts
                .iter()
                .position(|fact| fact["type"] == "InterviewHeld")
                .expect("held");
            facts[held]["data"]["interviewers"] = json!(["con_01k9ze3n8qfq7s5b1x5n0v3gk2"]);
        }),
        ("invalid", |facts| {
            let by_the_clock = facts
                .iter()
                .position(|fact| fact["recorded_by"] == "clock")
                .expect("announced");
            facts[by_the_clock]["id"] = json!("evt_01k9ze3n8qfq7s5b1x5n0v3gk2");
        }),
    ];
    for (nth, (code, change)) in changes.into_iter().enumerate() {
        let answer = imports(&other, forged(&archive, change)).await;
        assert!(
            [409, 422].contains(&answer.status) && answer["code"] == code,
            "{nth}: {answer}"
        );
    }
    assert!(other.lists_feed().await.is_empty(), "nothing half done");
    other.get(&scene.ada).await.refuses(404, "not_found");
    // Unchanged, but packed by another hand, it is the same archive.
    imports(&other, forged(&archive, |_| {})).await.is(200);
    let send = async |path: &str, kind: &str| {
        let request = other.request(Method::POST, path).header("Content-Type", kind);
        other.send(request.body(archive.clone())).await
    };
    send("/v1/imports?format=export", "application/json")
        .await
        .refuses(415, "unsupported_media_type");
    send("/v1/imports", "application/zip")
        .await
        .refuses(422, "invalid")
        .names("?format");
    send("/v1/imports?format=ics", "application/zip")
        .await
        .refuses(422, "invalid")
        .names("?format");
    let own = format!("{}/imports?format=export", scene.ada);
    send(&format!("{own}&dry_run=true"), "application/zip")
        .await
        .refuses(422, "invalid")
        .names("?dry_run");
    let grace = registers(&other, "Grace").await;
    let path = format!("{grace}/imports?format=export");
    send(&path, "application/zip")
        .await
        .refuses(422, "invalid")
        .names("manifest.json");
    other.delete(&scene.ada).await.is(200);
    send("/v1/imports?format=export", "application/zip")
        .await
        .refuses(409, "candidate_erased");
}

async fn an_archive_is_brought_in_by_who_may(world: World) {
    let scene = Scene::applied(world).await;
    scene.patch(&scene.ada, json!({"groups": ["spring"]})).await.is(200);
    let archive = exports(&scene, &scene.ada).await;
    let other = scene.neighbour().await;
    let reader = other.client("candidates:read", None, None).await;
    imports(&reader, archive.clone())
        .await
        .refuses(403, "insufficient_scope");
    let autumn = other.client("candidates:write", None, Some("autumn")).await;
    imports(&autumn, archive.clone())
        .await
        .refuses(403, "insufficient_scope");
    let spring = other.client("candidates:write", None, Some("spring")).await;
    let send = async || {
        let request = spring
            .request(Method::POST, "/v1/imports?format=export")
            .header("Idempotency-Key", "spring")
            .header("Content-Type", "application/zip");
        spring.send(request.body(archive.clone())).await
    };
    let first = send().await;
    assert_eq!(counted(&first), all("recorded", 4));
    imports(&autumn, archive.clone()).await.refuses(404, "not_found");
    // What a key was told it is told again, though it reaches the candidate no more.
    other.patch(&scene.ada, json!({"groups": null})).await.is(200);
    assert_eq!(send().await.is(200).json, first.json);
    imports(&spring, archive.clone()).await.refuses(404, "not_found");
    let reader = scene.client("candidates:write", None, None).await;
    reader
        .get(&format!("{}/export", scene.ada))
        .await
        .refuses(403, "insufficient_scope");
    other
        .neighbour()
        .await
        .get(&format!("{}/export", scene.ada))
        .await
        .refuses(404, "not_found");
}

async fn the_ids_of_others_stand_in_the_way(world: World) {
    let scene = Scene::applied(world).await;
    scene.patch(&scene.ada, json!({"external_id": "crm-1"})).await.is(200);
    let archive = exports(&scene, &scene.ada).await;
    let other = scene.neighbour().await;
    let grace = json!({"name": "Grace", "time_zone": "UTC", "external_id": "crm-1"});
    let grace = other.makes("/v1/candidates", grace).await;
    let given = format!("facts.ndjson line {}/data/external_id", scene.lists_feed().await.len());
    imports(&other, archive.clone())
        .await
        .refuses(409, "external_id_taken")
        .names(&given);
    other.patch(&grace, json!({"external_id": null})).await.is(200);
    let events = scene.lists(&format!("{}/events", scene.ada)).await;
    let taken = json!({"kind": "searched", "id": events[1]["id"]});
    other.records(&format!("{grace}/search-activities"), taken).await;
    imports(&other, archive).await.refuses(409, "id_taken");
    other.get(&scene.ada).await.refuses(404, "not_found");
}
