//! A third person is forgotten, and the candidate's history stays: told with the person's name, e-mail, telephone number and
//! address in every text of every fact.

use afterword::{app::Options, outgoing::Outgoing, service::Service, webhooks::worker::WebhookWorker};
use afterword_domain::ids::EventId;
use afterword_store::Told;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    full::Teller,
    ways_out::{calendar, cloud_events, read, statuses, streamed, unpacked},
};
use crate::{
    client::{Answer, Client, id},
    harness::{World, behind, serve, verify},
    scenes::{Scene, clears, meets},
    stories,
    webhooks::receiver::{Message, Receiver},
};

stories![
    a_third_person_leaves_every_fact_and_the_history_stays,
    who_is_written_to_leaves_the_greeting_too,
    what_the_playbook_said_of_a_person_leaves_as_well,
    what_is_sent_together_with_the_erasure_is_without_the_person_too,
    who_was_collected_by_mistake_is_forgotten_all_the_same,
    an_id_in_another_system_that_tells_the_person_is_gone,
];

/// What may be nowhere: parts of the name, the e-mail, the number and the street.
const GONE: [&str; 5] = ["zqkanarie", "anja", "5550123", "555-01", "kolibrigasse"];

#[track_caller]
fn is_without(what: &str, bytes: &[u8]) {
    // Lines of calendars and cards are folded, within words too.
    let text = String::from_utf8_lossy(bytes).replace("\r\n ", "").to_lowercase();
    for word in GONE {
        let found = text.find(word).map(|at| {
            let around: String = text
                .chars()
                .skip(text[..at].chars().count().saturating_sub(80))
                .take(200)
                .collect();
            around
        });
        assert_eq!(found, None, "{word} in {what}");
    }
}

fn tells(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).to_lowercase().contains("zqkanarie")
}

/// A webhook that is sent whole facts, and whoever sends them.
struct Hook {
    receiver: Receiver,
    client: Client,
    path: String,
    worker: WebhookWorker,
}

impl Hook {
    async fn new(world: &World) -> Self {
        let receiver = Receiver::new().await;
        let service = Service::new(world.store.clone(), world.clock.clone()).reaching(Outgoing::new(true));
        let client = Client::new(serve(service.clone(), Options::default()), world.key().to_owned());
        let hook = json!({"url": receiver.url, "payload": "full"});
        Self {
            path: client.makes("/v1/webhooks", hook).await,
            worker: WebhookWorker::new(&service),
            receiver,
            client,
        }
    }

    /// What the receiver hears by now.
    async fn hears(&self, world: &World) -> Vec<Message> {
        let (worker, tenant) = (self.worker.clone(), world.tenant);
        let round = behind(async move { worker.round(tenant).await });
        round.await.expect("done").expect("the store answers");
        self.receiver.heard()
    }

    /// What it hears when it asks for everything once more.
    async fn hears_again(&self, world: &World) -> Vec<Message> {
        let since = json!({"since": "2020-01-01T00:00:00Z"});
        let again = self.client.post(&format!("{}/redeliveries", self.path), since).await;
        again.is(200);
        self.hears(world).await
    }
}

/// Requests with names: one whose answer the log alone tells, and one whose answer is kept, since it is recorded in part.
struct Named([(String, Value); 2]);

impl Named {
    fn new(teller: &Teller) -> Self {
        let talk = json!({"kind": "networked", "remark": "A talk with Anja Zqkanarie."});
        let told =
            json!({"type": "SearchActivityLogged", "id": EventId::new(Uuid::now_v7()).to_string(), "data": talk});
        let nowhere = json!({"type": "DocumentRequested", "application": "app_01k9ze3n8qfq7s5b1x5n0v3gk2",
            "data": {"document": "references for Anja Zqkanarie"}});
        Self([
            (format!("{}/search-activities", teller.candidate), talk),
            (
                format!("{}/facts", teller.candidate),
                json!({"facts": [told, told, nowhere]}),
            ),
        ])
    }

    async fn are_sent(&self, client: &Client) -> [Answer; 2] {
        let send = async |(path, body): &(String, Value)| {
            let request = client.request(Method::POST, path);
            client.send(request.header("Idempotency-Key", path).json(body)).await
        };
        [send(&self.0[0]).await, send(&self.0[1]).await]
    }
}

/// Everything that shows something of the candidate.
async fn shown(client: &Client, teller: &Teller, calendar: &str, hook: &Hook) -> Vec<(String, Vec<u8>)> {
    let candidate = &teller.candidate;
    let mut paths: Vec<String> = teller.made.iter().cloned().collect();
    for part in [
        "",
        "/tasks?state=waiting,open,overdue,done,dismissed,void&snoozed=true&limit=100",
        "/timeline?limit=100",
    ] {
        paths.push(format!("{candidate}{part}"));
    }
    for part in [
        "/contacts",
        "/notes",
        "/contacts.vcf",
        "/practice",
        "/events?limit=100",
        "/timeline?retracted=true&limit=100",
    ] {
        paths.push(format!("{candidate}{part}"));
    }
    for moment in ["2026-03-02T16:30:00Z", "2026-03-03T16:30:00Z", "2026-04-03T16:30:00Z"] {
        for part in ["", "/tasks", "/timeline", "/contacts", "/notes"] {
            paths.push(format!("{candidate}{part}?as_of={moment}"));
        }
    }
    for list in [
        "/v1/tasks?state=waiting,open,overdue,done,dismissed,void&snoozed=true&limit=100",
        "/v1/applications?limit=100",
        "/v1/rejections",
        "/v1/candidates",
        "/v1/webhooks",
    ] {
        paths.push(list.to_owned());
    }
    paths.push(format!("{}/deliveries?limit=100", hook.path));
    let mut shown = Vec::new();
    for path in paths {
        let answer = client.get(&path).await;
        assert!(answer.status < 500, "{answer}");
        shown.push((path, answer.body));
    }
    for note in teller
        .made
        .iter()
        .filter(|path| path.contains("/notes/") && path.matches('/').count() == 5)
    {
        for form in ["txt", "html", "eml", "pdf"] {
            let path = format!("{note}/letter.{form}");
            let letter = client.get(&path).await;
            // A mail that is addressed to nobody any more is none.
            if letter.status != 409 {
                shown.push((format!("the letter {path}"), read(form, &letter.is(200).body)));
            }
            shown.push((path, letter.body));
        }
    }
    let subscribed = client.with_key("").get(calendar).await;
    shown.push(("the calendar".to_owned(), subscribed.is(200).body.clone()));
    let facts = client.lists_feed().await;
    shown.push(("the feed".to_owned(), json!(facts).to_string().into_bytes()));
    shown.push(("the stream".to_owned(), streamed(client, facts.len()).await));
    shown.push(("the feed as CloudEvents".to_owned(), cloud_events(client).await));
    let archive = client.get(&format!("{candidate}/export")).await;
    shown.push(("the export".to_owned(), unpacked(&archive.is(200).body)));
    shown
}

async fn a_third_person_leaves_every_fact_and_the_history_stays(world: World) {
    let world = world.on_a_test_clock().await;
    let text = "ANJA  ZQKANARIE's word, Anja Zqkanarie, zqkanarie@kite.example, +49-30-5550123, Kolibrigasse 7: ";
    let address = json!({"lines": ["Kolibrigasse 7"], "city": "Ulm", "postal_code": "89073", "country": "DE"});
    let card = json!({"name": "Anja Zqkanarie", "pronunciation": null, "title": "Lead", "organisation_name": "Kite",
        "email": "zqkanarie@kite.example", "phone": "+49 30 5550123", "postal_address": address});
    let hook = Hook::new(&world).await;
    let mut teller = Teller::new((*world).clone()).about(text, json!({"name": "Ada Lovelace"}), card);
    teller.everything().await;
    let client = world.clone();
    let named = Named::new(&teller);
    let first = named.are_sent(&client).await;
    assert_eq!(
        statuses(&first[1]),
        ["recorded", "already_recorded", "refused"],
        "{}",
        first[1]
    );
    let calendar = calendar(&client, &teller.candidate).await;
    let before = client.lists_feed().await;
    for (what, bytes) in shown(&client, &teller, &calendar, &hook).await {
        assert!(tells(&bytes) || !what.starts_with("the "), "{what} has nothing to hide");
    }
    let heard = hook.hears(&world).await;
    assert!(heard.iter().filter(|message| tells(&message.raw)).count() > 40);

    client.delete(&teller.contact).await.is(200);

    let after = client.lists_feed().await;
    for (what, bytes) in shown(&client, &teller, &calendar, &hook).await {
        is_without(&what, &bytes);
    }
    let heard_again = hook.hears_again(&world).await;
    assert!(heard_again.len() > heard.len(), "all of them, and the erasure");
    for message in heard_again {
        is_without("a webhook", &message.raw);
    }
    // The same request has the same answer, without the person.
    let again = named.are_sent(&client).await;
    for (again, first) in again.iter().zip(&first) {
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.status, first.status);
        is_without("a repeated answer", &again.body);
    }
    assert_eq!(again[0]["event"]["id"], first[0]["event"]["id"]);
    assert_eq!(statuses(&again[1]), statuses(&first[1]));
    assert_eq!(
        again[1]["results"][1]["event"]["id"],
        first[1]["results"][1]["event"]["id"]
    );
    // Another instance that has just come up reads the same.
    let fresh = world.another(world.clock.clone(), afterword::app::Options::default());
    assert_eq!(fresh.lists_feed().await, after);
    // The history is whole: every fact is where it was, and says what it said less the person.
    assert_eq!(after.len(), before.len() + 1);
    for (then, now) in before.iter().zip(&after) {
        for field in [
            "id",
            "type",
            "version",
            "occurred_at",
            "recorded_at",
            "subject",
            "application",
            "tasks",
        ] {
            assert_eq!(now[field], then[field], "{field} of {then}");
        }
    }
    let told = after
        .iter()
        .filter(|fact| fact.to_string().contains("[erased] word") || fact.to_string().contains("[erased]'s word"));
    assert!(told.count() > 40, "what else was said stays");
    assert_eq!(client.sees(&teller.candidate).await["name"], "Ada Lovelace");
    client.delete(&teller.contact).await.refuses(409, "already_recorded");
    assert_eq!(verify(&world.store, world.tenant).await, Vec::<Told>::new());
}

async fn who_is_written_to_leaves_the_greeting_too(world: World) {
    let scene = Scene::interviewed(world).await;
    let anja = meets(&scene, &scene.ada, "Dr Anja Zqkanarie", "z@kite.example").await;
    let ben = meets(&scene, &scene.ada, "Ben Cole", "ben@kite.example").await;
    let note = |to: &str, body: &str| {
        json!({"kind": "thank_you", "recipients": [id(to)], "channel": "email", "application": id(&scene.acme),
            "subject_line": "Thank you", "body": body})
    };
    let notes = format!("{}/notes", scene.ada);
    let own = scene
        .makes(
            &notes,
            note(&anja, "Dear Dr Zqkanarie,\n\nthank you, Anja.\n\nAda Lovelace"),
        )
        .await;
    let other = scene
        .makes(
            &notes,
            note(
                &ben,
                "Dear Ben,\n\nI also met Anja Zqkanarie. Anjali sends her love.\n\nAda",
            ),
        )
        .await;
    clears(&scene, &own).await;
    scene.records(&format!("{own}/sent"), json!({})).await;
    scene.patch(&own, json!({"body": "Dear Zqkanarie!"})).await;
    scene.delete(&anja).await.is(200);
    let body = async |note: &str| scene.sees(note).await["body"].as_str().expect("a body").to_owned();
    assert_eq!(
        body(&own).await,
        "Dear Dr [erased],\n\nthank you, [erased].\n\nAda Lovelace"
    );
    assert_eq!(
        body(&other).await,
        "Dear Ben,\n\nI also met [erased]. Anjali sends her love.\n\nAda"
    );
    let feed = json!(scene.lists_feed().await).to_string();
    assert!(!feed.contains("Zqkanarie") && !feed.contains("Anja "), "{feed}");
}

async fn what_the_playbook_said_of_a_person_leaves_as_well(world: World) {
    let scene = Scene::interviewed(world).await;
    let anja = meets(&scene, &scene.ada, "Anja Zqkanarie", "z@kite.example").await;
    let connection = scene
        .makes(&format!("{}/connections", scene.ada), json!({"contact": id(&anja)}))
        .await;
    let ask = json!({"application": id(&scene.acme), "channel": "email", "ask": "news"});
    scene.records(&format!("{connection}/notices"), ask.clone()).await;
    scene.clock.advance(jiff::SignedDuration::from_hours(24));
    let again = scene.records(&format!("{connection}/notices"), ask).await;
    let departed = |event: &Value| {
        event["departures"][0]["reason"]
            .as_str()
            .expect("a departure")
            .to_owned()
    };
    assert!(
        departed(&again["event"]).starts_with("Anja Zqkanarie was asked"),
        "{again}"
    );
    // A letter that goes out unmended quotes what its review found.
    let misspelt = json!({"kind": "thank_you", "recipients": [id(&anja)], "channel": "email", "application": id(&scene.acme),
        "body": "Dear Ms Zqkanari,\n\nthank you for your time and the tour of the new offices.\n\nKind regards,\nAda Lovelace"});
    let note = scene.makes(&format!("{}/notes", scene.ada), misspelt).await;
    scene.records(&format!("{note}/reviewed"), json!({})).await;
    let sent = scene.records(&format!("{note}/sent"), json!({})).await;
    scene.delete(&anja).await.is(200);
    let facts = scene.lists_feed().await;
    let fact = |id: &Value| facts.iter().find(|fact| fact["id"] == *id).expect("the fact");
    assert!(departed(fact(&again["event"]["id"])).starts_with("[erased] was asked"));
    let departures = sent["event"]["departures"].as_array().map_or(0, Vec::len);
    assert_eq!(
        fact(&sent["event"]["id"])["departures"].as_array().map_or(0, Vec::len),
        departures
    );
    assert!(!json!(facts).to_string().contains("Anja"));
}

async fn what_is_sent_together_with_the_erasure_is_without_the_person_too(world: World) {
    let scene = Scene::applied(world).await;
    let anja = meets(&scene, &scene.ada, "Anja Zqkanarie", "z@kite.example").await;
    let said = |remark: &str| json!({"type": "SearchActivityLogged", "data": {"kind": "searched", "remark": remark}});
    let facts = [
        said("Anja Zqkanarie says that they look for somebody."),
        json!({"type": "ContactErased", "subject": id(&anja), "data": {}}),
        said("A quiet day."),
    ];
    let answer = scene
        .post(&format!("{}/facts", scene.ada), json!({"facts": facts}))
        .await;
    assert_eq!(answer.is(200)["results"][2]["status"], "recorded", "{answer}");
    for shown in [
        scene.lists_feed().await,
        scene.lists_all(&format!("{}/timeline", scene.ada)).await,
    ] {
        is_without("what is shown", json!(shown).to_string().as_bytes());
        assert!(json!(shown).to_string().contains("[erased]"), "{shown:?}");
    }
    assert_eq!(verify(&scene.store, scene.tenant).await, Vec::<Told>::new());
}

async fn who_was_collected_by_mistake_is_forgotten_all_the_same(world: World) {
    let scene = Scene::applied(world).await;
    let collects = async || {
        let card = json!({"name": "Anja Zqkanarie", "email": "z@kite.example", "phone": "+49 30 5550123"});
        let made = scene.post(&format!("{}/contacts", scene.ada), card).await;
        let path = made.is(201).header("location").to_owned();
        (path, made["event"]["id"].clone())
    };
    let reason = json!({"reason": "The wrong person."});
    let (anja, card) = collects().await;
    let event = card.as_str().expect("an id");
    scene
        .records(&format!("{}/events/{event}/retracted", scene.ada), reason.clone())
        .await;
    scene.get(&anja).await.refuses(404, "not_found");
    scene.delete(&anja).await.is(200);
    scene.delete(&anja).await.refuses(409, "already_recorded");
    // At once, too.
    let (anja, card) = collects().await;
    let facts = json!({"atomic": true, "facts": [
        {"type": "FactRetracted", "subject": card, "data": reason},
        {"type": "ContactErased", "subject": id(&anja), "data": {}},
    ]});
    scene.post(&format!("{}/facts", scene.ada), facts).await.is(200);
    let log = scene.lists_feed().await;
    is_without("the feed", json!(log).to_string().as_bytes());
    let archive = scene.get(&format!("{}/export", scene.ada)).await;
    is_without("the export", &unpacked(&archive.is(200).body));
    let timeline = scene.get(&format!("{}/timeline?retracted=true", scene.ada)).await;
    is_without("the timeline", &timeline.is(200).body);
    // Elsewhere it is brought in as it is.
    let other = scene.neighbour().await;
    let request = other
        .request(Method::POST, "/v1/imports?format=export")
        .header("Content-Type", "application/zip");
    other.send(request.body(archive.body.clone())).await.is(200);
    assert_eq!(verify(&scene.store, scene.tenant).await, Vec::<Told>::new());
}

async fn an_id_in_another_system_that_tells_the_person_is_gone(world: World) {
    let scene = Scene::applied(world).await;
    for external in ["5550123", "z@kite.example"] {
        let ada = json!({"name": "Ada", "time_zone": "UTC", "external_id": external});
        let ada = scene.makes("/v1/candidates", ada).await;
        let card = json!({"name": "Anja Zqkanarie", "email": "z@kite.example", "phone": "+49 30 5550123"});
        let anja = scene.makes(&format!("{ada}/contacts"), card).await;
        scene.delete(&anja).await.is(200);
        assert_eq!(scene.sees(&ada).await["external_id"], Value::Null);
        // It is free for whom it belongs to.
        scene.patch(&scene.ada, json!({"external_id": external})).await.is(200);
    }
    assert_eq!(verify(&scene.store, scene.tenant).await, Vec::<Told>::new());
}
