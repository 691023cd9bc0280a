//! A word in every text of a candidate, and everything that the service does with a candidate done once. Until the
//! erasure, the word lies nowhere on disk in a form that can be read; after it, nothing that comes out of the service holds
//! it any more.

use std::collections::{BTreeMap, BTreeSet};

use afterword_domain::ids::EventId;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    files::{File, of_every_format},
    full::Teller,
    service::Place,
    ways_out::{calendar, cloud_events, hears, statuses, streamed},
    words::{GROUP, KEY_NAME, Search, WORD},
};
use crate::{
    client::{Answer, Client, id},
    harness::Kind,
    mail::server::{Rude, Secured, Server},
    webhooks::receiver::{Message, Receiver, Reply},
};

/// What was done with the candidate, for doing it again when the candidate is erased.
struct Done {
    teller: Teller,
    receiver: Receiver,
    webhook: String,
    note: String,
    calendar: String,
    archive: Vec<u8>,
    files: Vec<File>,
    /// Requests with names: where they went, and what they said.
    named: Vec<(String, Value)>,
    /// The group that the candidate is in.
    group: String,
    /// The answer that is kept, as it lies in the database.
    kept: Vec<Vec<u8>>,
}

async fn brings_in(client: &Client, path: &str, archive: &[u8]) -> Answer {
    let request = client.request(Method::POST, &format!("{path}?format=export"));
    let request = request.header("Content-Type", "application/zip");
    client.send(request.body(archive.to_vec())).await
}

fn named(client: &Client, (path, body): &(String, Value)) -> reqwest::RequestBuilder {
    let request = client.request(Method::POST, path);
    let name = format!("{WORD}-{}", path.rsplit('/').next().expect("a part"));
    request.header("Idempotency-Key", name).json(body)
}

/// A fact that is recorded, the same once more, and two that cannot be: what is answered quotes words, and is kept, since the
/// log alone does not tell it.
fn in_part() -> Value {
    let remark = format!("{WORD} in part");
    let talk = json!({"type": "SearchActivityLogged", "id": EventId::new(Uuid::now_v7()).to_string(),
        "data": {"kind": "networked", "remark": remark}});
    json!({"facts": [
        talk,
        talk,
        {"type": "DocumentRequested", "application": "app_01k9ze3n8qfq7s5b1x5n0v3gk2", "data": {"document": WORD}},
        {"type": "ContactCollected", "data": {"name": "Ada", WORD: WORD}},
    ]})
}

/// The request that is answered in part, and told again.
async fn is_answered_in_part(client: &Client, request: &(String, Value)) {
    let first = client.send(named(client, request)).await;
    let expected = ["recorded", "already_recorded", "refused", "refused"];
    assert_eq!(statuses(&first), expected, "{first}");
    for quoting in [1, 3] {
        assert!(first["results"][quoting].to_string().contains(WORD), "{first}");
    }
    let again = client.send(named(client, request)).await;
    assert_eq!(again.is(200).header("idempotency-replayed"), "true");
    assert_eq!(again.json, first.json);
}

/// Everything that the service does with a candidate's words, beside recording them.
async fn does_everything(place: &Place, client: &Client) -> Done {
    let receiver = Receiver::new().await;
    // It refuses once: after a second time it would be left alone for minutes.
    let mut refuses = true;
    receiver.answers(move |_| {
        if std::mem::take(&mut refuses) {
            Reply::With(500, "x-told: Zqkanarie\r\n")
        } else {
            Reply::Status(204)
        }
    });
    let hook = json!({"url": format!("{}&who={WORD}", receiver.url), "payload": "full"});
    let webhook = client.makes("/v1/webhooks", hook).await;
    let mut teller = Teller::new(client.clone());
    teller.everything().await;
    let candidate = teller.candidate.clone();
    let card = json!({"name": format!("{WORD} by name"), "email": "zqkanarie.named@kite.example"});
    let card = (format!("{candidate}/contacts"), card);
    client.send(named(client, &card)).await.is(201);
    let some = (format!("{candidate}/facts"), in_part());
    is_answered_in_part(client, &some).await;
    let group = client.sees(&candidate).await["groups"][0].clone();
    let group = group.as_str().expect("a group").to_owned();
    assert!(group.starts_with(GROUP));
    assert_eq!(client.lists(&format!("/v1/candidates?group={group}")).await.len(), 1);
    let application = teller.made.iter().find(|path| path.contains("/applications/app_"));
    let files = of_every_format(id(application.expect("an application")));
    for file in &files {
        let told = file.is_imported(client, &candidate).await;
        let results = told.is(200)["results"].as_array().expect("results");
        assert_eq!(results.len(), 1, "{told}");
        assert!(results[0]["problem"].is_null(), "{told}");
        if let Some(proposal) = results[0].get("proposal") {
            client
                .post(&format!("{candidate}/facts"), proposal.clone())
                .await
                .is(200);
        }
    }
    // Requests that fail say what was wrong, and nobody's words; in a query, a path and a body.
    client.get(&format!("/v1/candidates?external_id={WORD}")).await.is(200);
    client.get(&format!("/v1/candidates/{WORD}")).await.is(404);
    client.get(&format!("/v1/tasks?{WORD}={WORD}")).await.is(422);
    client
        .post(&format!("{candidate}/contacts"), json!({"name": {WORD: WORD}}))
        .await
        .is(422);
    let broken = client.request(Method::POST, &format!("{candidate}/contacts"));
    let broken = broken
        .header("Content-Type", "application/json")
        .body(format!("{{\"name\": \"{WORD}"));
    client.send(broken).await.is(400);
    client
        .with_key(&format!("aw_test_{WORD}"))
        .get(&candidate)
        .await
        .is(401);
    let suggestion = json!({"kind": "thank_you", "recipients": [id(&teller.contact)], "channel": "email"});
    client.post(&format!("{candidate}/notes/suggestions"), suggestion).await;
    let name = format!("{KEY_NAME} of {candidate}");
    let key = json!({"scopes": ["candidates:read"], "name": name, "candidate": id(&candidate)});
    let key = client.records("/v1/keys", key).await["id"].clone();
    let rolled = format!("/v1/keys/{}/rolled", key.as_str().expect("an id"));
    client.records(&rolled, json!({"overlap": "PT24H"})).await;
    let note = goes_out(client, &mut teller).await;
    let calendar = calendar(client, &candidate).await;
    let seen = client.with_key("").get(&calendar).await;
    assert!(String::from_utf8_lossy(&seen.is(200).body).contains(WORD));
    let archive = client.get(&format!("{candidate}/export")).await.is(200).body.clone();
    for path in teller.made.clone() {
        client.get(&path).await;
    }
    for list in ["/tasks", "/timeline", "/contacts.vcf", "/practice"] {
        client.get(&format!("{candidate}{list}")).await.is(200);
    }
    heard(&receiver).await;
    Done {
        teller,
        receiver,
        webhook,
        note,
        calendar,
        archive,
        files,
        named: vec![card, some],
        group,
        kept: place.kept_answers().await,
    }
}

/// A letter that a mail server refuses in the candidate's own words, and then takes.
async fn goes_out(client: &Client, teller: &mut Teller) -> String {
    let server = Server::start(Secured::No).await;
    let settings = json!({"host": "127.0.0.1", "port": server.port, "security": "none"});
    client
        .send(client.request(Method::PUT, "/v1/mail").json(&settings))
        .await
        .is(200);
    let draft = json!({"kind": "other", "recipients": [id(&teller.contact)], "channel": "email"});
    let note = teller
        .makes("NoteDrafted", &format!("{}/notes", teller.candidate), draft)
        .await;
    teller.clears(&note).await;
    server.is_rude("RCPT", Rude::Says("550 5.1.1 Zqkanarie is unknown here"));
    let deliveries = format!("{note}/deliveries");
    let refused = client.post(&deliveries, json!({})).await;
    assert_eq!(refused.is(201)["delivery"]["state"], "refused", "{refused}");
    server.is_polite();
    let sent = client.post(&deliveries, json!({})).await;
    assert_eq!(sent.is(201)["delivery"]["state"], "accepted", "{sent}");
    assert_eq!(server.taken().len(), 1);
    note
}

/// The receiver takes what it refused, and what came after it, with the word in it.
async fn heard(receiver: &Receiver) {
    let tells = |message: &Message| String::from_utf8_lossy(&message.raw).contains(WORD);
    let told = hears(receiver, |heard| heard.iter().filter(|it| tells(it)).count() > 2).await;
    assert_eq!(told[0].event(), told[1].event(), "it was refused, and sent again");
}

/// What comes out of the service for whoever may see everything.
async fn shown(client: &Client, done: &Done) -> Vec<(String, Vec<u8>)> {
    let candidate = &done.teller.candidate;
    let mut paths: Vec<String> = done.teller.made.iter().cloned().collect();
    for part in [
        "",
        "/tasks",
        "/timeline",
        "/contacts",
        "/notes",
        "/contacts.vcf",
        "/export",
        "/events",
        "/calendars",
    ] {
        paths.push(format!("{candidate}{part}"));
    }
    paths.push(format!("{candidate}?as_of=2026-03-03T16:30:00Z"));
    paths.push(format!("{}/letter.txt", done.note));
    paths.push(format!("{}/deliveries", done.note));
    let mut shown = Vec::new();
    for path in paths {
        let answer = client.get(&path).await;
        answer.refuses(410, "candidate_erased");
        assert_eq!(answer["receipt"]["erased_at"], "2026-05-04T07:00:00Z", "{path}");
        assert_eq!(answer["receipt"]["keys_gone_by"], "2026-05-11T07:00:00Z", "{path}");
        shown.push((path, answer.body.clone()));
    }
    for path in [
        "/v1/candidates".to_owned(),
        format!("/v1/candidates?external_id={WORD}1"),
        format!("/v1/candidates?group={}", done.group),
        "/v1/tasks?state=waiting,open,overdue,done,dismissed,void&snoozed=true&limit=100".to_owned(),
        "/v1/applications?limit=100".to_owned(),
        "/v1/rejections".to_owned(),
        "/v1/keys".to_owned(),
        format!("{}/deliveries?limit=100", done.webhook),
        "/metrics".to_owned(),
    ] {
        let answer = client.get(&path).await;
        answer.is(200);
        shown.push((path, answer.body.clone()));
    }
    let facts = client.lists_feed().await;
    assert!(
        facts.iter().all(|fact| fact["candidate"] != id(candidate)
            || fact["data"].is_null()
            || fact["type"] == "CandidateErased")
    );
    shown.push(("the feed".to_owned(), json!(facts).to_string().into_bytes()));
    shown.push(("the stream".to_owned(), streamed(client, facts.len()).await));
    shown.push(("the feed as CloudEvents".to_owned(), cloud_events(client).await));
    client.with_key("").get(&done.calendar).await.is(404);
    shown
}

/// What webhooks are sent from now on are empty places: three facts that are sent again, and then all.
async fn sends_nothing(client: &Client, done: &Done, search: &Search) {
    let feed = client.lists_feed().await;
    let kinds: BTreeMap<&str, &str> = feed
        .iter()
        .map(|fact| {
            (
                fact["id"].as_str().expect("an id"),
                fact["type"].as_str().expect("a type"),
            )
        })
        .collect();
    assert_eq!(kinds.values().filter(|kind| **kind == "CandidateErased").count(), 1);
    // One candidate's facts are sent in order: with its erasure, what was told before is over.
    hears(&done.receiver, |heard| {
        heard.iter().any(|message| message.kind() == "CandidateErased")
    })
    .await;
    let all_are_there = |heard: &[Message], wanted: &[&str]| {
        let events: BTreeSet<&str> = heard.iter().map(Message::event).collect();
        wanted.iter().all(|event| events.contains(event))
    };
    let is_empty = |message: &Message| {
        assert_eq!(Some(&message.kind()), kinds.get(message.event()), "{}", message.json);
        let told = &message.json["data"]["data"];
        assert!(told.is_null() || *told == json!({}), "{}", message.json);
        search.is_nowhere_in("a webhook", &message.raw);
    };
    let deliveries = format!("{}/deliveries", done.webhook);
    let erased: Vec<&str> = kinds
        .iter()
        .filter_map(|(event, kind)| (*kind == "FactErased").then_some(*event))
        .take(3)
        .collect();
    for event in &erased {
        let again = format!("{deliveries}/{}/redelivered", event.replace("evt_", "dlv_"));
        let again = client.post(&again, json!({})).await;
        assert_eq!(again.is(200)["event"], *event, "{again}");
    }
    let heard = hears(&done.receiver, |heard| all_are_there(heard, &erased)).await;
    heard.iter().for_each(is_empty);
    assert_eq!(heard.len(), 3);
    let since = json!({"since": "2020-01-01T00:00:00Z"});
    client
        .post(&format!("{}/redeliveries", done.webhook), since)
        .await
        .is(200);
    let all: Vec<&str> = kinds.keys().copied().collect();
    let heard = hears(&done.receiver, |heard| all_are_there(heard, &all)).await;
    heard.iter().for_each(is_empty);
}

/// Every way in is closed to who was erased.
async fn nothing_comes_late(client: &Client, done: &Done, search: &Search) {
    let candidate = &done.teller.candidate;
    let facts = json!({"facts": [{"type": "ContactCollected", "data": {"name": "Late"}}]});
    let contacts = format!("{candidate}/contacts");
    for (path, body) in [
        (contacts.clone(), json!({"name": "Late"})),
        (format!("{}/deliveries", done.note), json!({})),
        (format!("{candidate}/calendars"), json!({})),
        (
            "/v1/candidates".to_owned(),
            json!({"name": "Late", "time_zone": "UTC", "subject": id(candidate)}),
        ),
        (
            "/v1/keys".to_owned(),
            json!({"scopes": ["candidates:read"], "name": "Late", "candidate": id(candidate)}),
        ),
    ] {
        client.post(&path, body).await.refuses(409, "candidate_erased");
    }
    client
        .patch(candidate, json!({"name": "Late"}))
        .await
        .refuses(409, "candidate_erased");
    client.delete(candidate).await.refuses(409, "candidate_erased");
    // Whoever sends a named request again is told nothing of the answer that it had.
    for request in &done.named {
        let again = client.send(named(client, request)).await;
        search.is_nowhere_in(&request.0, &again.refuses(409, "candidate_erased").body);
    }
    client
        .post(&format!("{candidate}/facts"), facts)
        .await
        .refuses(409, "candidate_erased");
    let line = json!({"candidate": id(candidate), "type": "ContactCollected", "data": {"name": "Late"}});
    let lines = client
        .request(Method::POST, "/v1/facts")
        .header("Content-Type", "application/x-ndjson");
    let late = client.send(lines.body(format!("{line}\n"))).await;
    let told: Value = serde_json::from_slice(&late.is(200).body).expect("one line");
    assert_eq!(
        (&told["line"], &told["status"]),
        (&json!(1), &json!("refused")),
        "{late}"
    );
    let problem = &told["problem"];
    assert_eq!(
        (&problem["status"], &problem["code"]),
        (&json!(409), &json!("candidate_erased")),
        "{late}"
    );
    for file in &done.files {
        let late = file.is_imported(client, candidate).await;
        late.refuses(409, "candidate_erased");
    }
    // Nor does an archive bring anybody back under the same id.
    for path in ["/v1/imports", &format!("{candidate}/imports")] {
        brings_in(client, path, &done.archive)
            .await
            .refuses(409, "candidate_erased");
    }
}

/// No way out shows the candidate, no way in is open, and the log has every place.
async fn is_forgotten(place: &Place, client: &Client, done: &Done, facts: usize) {
    let search = Search::new(&[WORD, KEY_NAME, GROUP]);
    nothing_comes_late(client, done, &search).await;
    for (what, bytes) in shown(client, done).await {
        // The search itself is told back in a link to the next page, never in what is found.
        search.is_nowhere_in(&what, &bytes);
    }
    assert!(
        client
            .lists(&format!("/v1/candidates?group={}", done.group))
            .await
            .is_empty()
    );
    for dump in place.dumps() {
        search.is_nowhere_in("a dump", &dump);
    }
    assert!(place.kept_answers().await.is_empty());
    sends_nothing(client, done, &search).await;
    let log = place.says(&["events", "--tenant", "kite"]);
    search.is_nowhere_in("the log", log.as_bytes());
    let position = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["position"].as_u64();
    let positions: Vec<_> = log.lines().filter_map(position).collect();
    let all: Vec<_> = (1..=u64::try_from(facts).expect("few")).collect();
    assert_eq!(positions, all, "the log has no gap");
}

/// The service is down, and no file tells anything.
async fn lies_nowhere(place: &Place, done: &Done) {
    let names = Search::new(&[KEY_NAME, GROUP]);
    names.is_nowhere_in("what it logs", &place.logged());
    match place.table_files() {
        None => {
            names.is_in_no_file_of(place.data());
            Search::exactly(&done.kept).is_in_no_file_of(place.data());
        }
        // PostgreSQL keeps rows that were deleted or written over until they are vacuumed.
        Some(files) => {
            place.in_data("VACUUM FULL stream_groups").await;
            place.checkpoint().await;
            Search::new(&[GROUP]).is_in_no_file_of(&files);
        }
    }
    for folder in place.folders().await {
        Search::new(&[WORD]).is_in_no_file_of(&folder);
    }
    assert!(place.does(&["verify"]));
}

async fn no_word_outlives_its_candidate(kind: Kind) {
    let Some(mut place) = Place::new(kind).await else {
        return;
    };
    let search = Search::new(&[WORD]);
    let (process, client) = place.begin(true);
    let done = does_everything(&place, &client).await;
    let keys = client.get("/v1/keys").await;
    assert_eq!(String::from_utf8_lossy(&keys.is(200).body).matches(KEY_NAME).count(), 2);
    // Before: what lies on disk can be read by nobody without the keys.
    for folder in place.folders().await {
        search.is_in_no_file_of(&folder);
    }
    for dump in place.dumps() {
        search.is_nowhere_in("a dump", &dump);
    }
    assert_eq!(done.kept.len(), 1, "an answer is kept, sealed");
    search.is_nowhere_in("the answer", &done.kept[0]);
    // Two things lie there as they are, and are to be gone: the answer's sealed bytes, and the name of the group.
    let files = place.table_files().unwrap_or_else(|| place.data().to_owned());
    for there in [Search::exactly(&done.kept), Search::new(&[GROUP])] {
        assert!(!there.in_folder(&files).is_empty());
    }
    search.is_nowhere_in("the metrics", &client.get("/metrics").await.body);
    assert!(
        place.says(&["events", "--tenant", "kite"]).contains(WORD),
        "with the keys it can"
    );

    let copy = place.copies_data().await;
    let before = client.lists_feed().await.len();
    let delete = || {
        client
            .request(Method::DELETE, &done.teller.candidate)
            .header("Idempotency-Key", "forget")
    };
    let erased = client.send(delete()).await.is(200).clone();
    let receipt = json!({"erased_at": "2026-05-04T07:00:00Z", "keys_gone_by": "2026-05-11T07:00:00Z"});
    assert_eq!(erased["receipt"], receipt);
    let again = client.send(delete()).await;
    assert_eq!(
        (again.is(200).header("idempotency-replayed"), &again["receipt"]),
        ("true", &receipt)
    );
    is_forgotten(&place, &client, &done, before + 1).await;
    process.stop();
    lies_nowhere(&place, &done).await;

    // Nor does the copy from before tell anything, when it is brought back beside today's keys.
    let Some(copy) = copy else { return };
    place.restores_data(&copy).await;
    let process = place.start();
    let client = Client::new(process.address.clone(), client.key().to_owned());
    is_forgotten(&place, &client, &done, before + 1).await;
    process.stop();
    lies_nowhere(&place, &done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_word_outlives_its_candidate_on_sqlite() {
    no_word_outlives_its_candidate(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_word_outlives_its_candidate_on_postgres() {
    no_word_outlives_its_candidate(Kind::Postgres).await;
}
