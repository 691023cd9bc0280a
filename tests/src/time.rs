//! Time that passes: what the clock announces, by a test clock over HTTP, and by the worker for everybody else.

use std::collections::BTreeMap;

use afterword::{edge::clock::Clock, service::Service, time_worker::TimeWorker};
use afterword_domain::ids::{ApplicationId, CandidateId, EventId, TaskId};
use afterword_store::{Store, StoreOptions, Told};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::{Client, id},
    harness::{BEGINNING, Kind, World, behind, moment, open, options, verify},
    scenes::{Scene, applies, registers},
    stories,
};

stories![
    a_long_silence_is_ended_by_a_reply,
    a_slow_document_falls_due_again_at_its_new_date,
    two_years_pass_the_same_way_every_time,
    time_goes_from_one_deadline_to_the_next,
    many_deadlines_are_passed_at_once,
    every_write_announces_first,
    an_id_that_is_taken_holds_no_announcement_up,
    the_tenant_lives_by_its_clock,
    a_clock_is_moved_once_by_a_request_that_is_sent_twice,
    what_a_test_clock_cannot_be_asked,
    only_test_tenants_have_one,
    nobody_records_what_the_clock_says,
];

impl World {
    /// Lets time pass on the test clock; gives what was announced.
    pub async fn until(&self, to: &str) -> Value {
        self.post("/v1/test-clock/advanced", json!({"to": to}))
            .await
            .is(200)
            .json
            .clone()
    }
}

/// Type, moment, and the play or the stage.
fn told(moved: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |event: &Value| {
        let play = text(&event["tasks"]["changed"][0]["play"]) + &text(&event["data"]["stage"]);
        (text(&event["type"]), text(&event["occurred_at"]), play)
    };
    moved["fired"].as_array().expect("events").iter().map(line).collect()
}

pub async fn sure(world: &World) {
    assert_eq!(verify(&world.store, world.tenant).await, Vec::<Told>::new());
}

async fn a_long_silence_is_ended_by_a_reply(world: World) {
    let world = world.on_a_test_clock().await;
    let scene = Scene::invited(world).await;
    scene.until("2026-03-02T15:10:00+01:00").await;
    let held = json!({"ended_at": "2026-03-02T15:00:00+01:00"});
    scene.records(&format!("{}/held", scene.interview), held).await;
    let moved = scene.until("2026-05-01T12:00:00+02:00").await;
    let silence: Vec<_> = told(&moved)
        .into_iter()
        .filter(|(kind, ..)| kind == "SilenceNoticed")
        .collect();
    let line = |at: &str, stage: &str| ("SilenceNoticed".to_owned(), at.to_owned(), stage.to_owned());
    assert_eq!(
        silence,
        [
            line("2026-03-16T08:00:00Z", "quiet"),
            line("2026-03-30T07:00:00Z", "silent"),
            line("2026-04-16T13:00:00Z", "presumed_closed"),
        ]
    );
    assert_eq!(scene.status().await, "presumed_closed");
    // As it was known on the way.
    for (then, status) in [
        ("2026-03-13", "awaiting"),
        ("2026-03-20", "quiet"),
        ("2026-04-10", "silent"),
    ] {
        let seen = scene.sees(&format!("{}?as_of={then}T12:00:00Z", scene.acme)).await;
        assert_eq!(seen["status"], status, "{then}");
    }
    let timeline = scene.lists(&format!("{}/timeline", scene.acme)).await;
    let sentence = timeline
        .iter()
        .find(|entry| entry["type"] == "SilenceNoticed")
        .expect("it is told");
    assert_eq!(sentence["text"], "Acme has gone quiet.");
    assert_eq!(sentence["at"], "2026-03-16T09:00:00+01:00");
    // They speak, and the silence is over; it would begin anew from here.
    scene
        .records(
            &format!("{}/status-reports", scene.acme),
            json!({"summary": "We are still deciding."}),
        )
        .await;
    assert_eq!(scene.status().await, "awaiting");
    let moved = scene.until("2026-05-20T12:00:00+02:00").await;
    assert!(
        told(&moved)
            .iter()
            .any(|(kind, at, stage)| kind == "SilenceNoticed" && stage == "quiet" && at > &"2026-05-01".to_owned())
    );
    sure(&scene).await;
}

async fn a_slow_document_falls_due_again_at_its_new_date(world: World) {
    let scene = Scene::applied(world.on_a_test_clock().await).await;
    let request = scene
        .makes(
            &format!("{}/document-requests", scene.acme),
            json!({"document": "references"}),
        )
        .await;
    let first = scene.until("2026-03-03T10:00:00+01:00").await;
    let line = |at: &str| {
        (
            "TaskOverdue".to_owned(),
            at.to_owned(),
            "answer_document_request".to_owned(),
        )
    };
    assert_eq!(told(&first), [line("2026-03-03T08:00:00Z")]);
    assert_eq!(scene.task("answer_document_request").await["state"], "overdue");
    scene
        .records(
            &format!("{request}/delays"),
            json!({"expected_on": "2026-03-12", "channel": "email"}),
        )
        .await;
    assert_eq!(scene.task("answer_document_request").await["state"], "open");
    let second = scene.until("2026-03-13T10:00:00+01:00").await;
    assert_eq!(
        told(&second),
        [line("2026-03-12T16:00:00Z")],
        "its new date is announced again"
    );
    scene
        .records(&format!("{request}/sent"), json!({"channel": "email"}))
        .await;
    assert_eq!(
        scene.until("2026-04-13T10:00:00+02:00").await["fired"],
        json!([]),
        "what is done falls due no more"
    );
    sure(&scene).await;
}

/// Three candidates, whose ids are the same in every tenant, each with a round of interviews of their own.
async fn three_searches(world: &World) {
    let (mut number, names) = (0_u32, ["Ada Lovelace", "Bo Li", "Cleo Hart"]);
    let mut name = |prefix: &str| {
        number += 1;
        format!("{prefix}_01k9ze3n8qfq7s5b1x5n0v3g{number:02}")
    };
    for who in names {
        let register = json!({"id": name("evt"), "subject": name("cnd"), "name": who, "time_zone": "Europe/Lisbon"});
        let candidate = world.makes("/v1/candidates", register).await;
        let apply = json!({"id": name("evt"), "subject": name("app"), "organisation": {"name": "Acme"}, "position": "Engineer"});
        let application = world.makes(&format!("{candidate}/applications"), apply).await;
        let times = json!({"id": name("evt"), "subject": name("int"), "starts_at": "2026-03-02T10:00:00+01:00",
            "ends_at": "2026-03-02T11:00:00+01:00", "time_zone": "Europe/Berlin", "format": "video"});
        world.makes(&format!("{application}/interviews"), times).await;
    }
}

async fn two_years_pass_the_same_way_every_time(world: World) {
    let mut logs = Vec::new();
    // At once, and in many steps; with a held interview in between, so that more follows.
    for stops in [
        vec![],
        vec!["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z", "2027-01-01T00:00:00Z"],
    ] {
        let tenant = world.on_a_test_clock().await;
        three_searches(&tenant).await;
        tenant.until("2026-03-02T11:30:00+01:00").await;
        for candidate in tenant.lists("/v1/candidates").await {
            let path = format!("/v1/candidates/{}", candidate["id"].as_str().unwrap());
            let interview = &tenant.lists(&format!("{path}/interviews")).await[0];
            let event = Uuid::new_v5(&Uuid::NAMESPACE_OID, path.as_bytes());
            let event = afterword_domain::ids::EventId::new(event).to_string();
            let held = json!({"id": event, "ended_at": "2026-03-02T11:00:00+01:00"});
            tenant
                .records(
                    &format!("{path}/interviews/{}/held", interview["id"].as_str().unwrap()),
                    held,
                )
                .await;
        }
        let mut fired = 0;
        for stop in stops.into_iter().chain(["2028-03-02T00:00:00Z"]) {
            fired += tenant.until(stop).await["fired_in_all"].as_u64().expect("a number");
        }
        let mut log = tenant.lists_feed().await;
        let by_the_clock: Vec<_> = log
            .iter()
            .filter(|fact| fact["recorded_by"] == "clock")
            .cloned()
            .collect();
        assert!(by_the_clock.len() as u64 >= fired && fired > 20, "{fired}");
        assert!(
            by_the_clock
                .iter()
                .all(|fact| fact["occurred_at"] == fact["recorded_at"]),
            "each at its own moment"
        );
        assert!(
            by_the_clock
                .iter()
                .map(|fact| moment(fact["occurred_at"].as_str().unwrap()))
                .is_sorted(),
            "in order"
        );
        // Keys are each tenant's own.
        for fact in &mut log {
            if fact["recorded_by"] != "clock" {
                fact["recorded_by"] = Value::Null;
            }
        }
        logs.push(serde_json::to_string(&log).unwrap());
        sure(&tenant).await;
    }
    assert_eq!(logs[0], logs[1]);
}

async fn time_goes_from_one_deadline_to_the_next(world: World) {
    let scene = Scene::invited(world.on_a_test_clock().await).await;
    let next = async || {
        scene
            .post("/v1/test-clock/advanced", json!({"to_next": true}))
            .await
            .is(200)
            .json
            .clone()
    };
    assert_eq!(
        scene.sees("/v1/test-clock").await,
        json!({"now": "2026-03-02T08:00:00Z", "next": "2026-03-02T13:00:00Z"})
    );
    let began = next().await;
    assert_eq!(began["now"], "2026-03-02T13:00:00Z");
    let mut plays: Vec<_> = told(&began).into_iter().map(|(_, _, play)| play).collect();
    plays.sort();
    assert_eq!(plays, ["bring_questions", "refresh_research"]);
    let first = next().await;
    assert_eq!(first["now"], "2026-03-02T14:00:00Z");
    assert_eq!(
        told(&first),
        [(
            "TaskOpened".into(),
            "2026-03-02T14:00:00Z".into(),
            "record_interview".into()
        )]
    );
    assert_eq!(first["next"], "2026-03-02T18:00:00Z");
    let second = next().await;
    assert_eq!(
        told(&second),
        [(
            "TaskOverdue".into(),
            "2026-03-02T18:00:00Z".into(),
            "record_interview".into()
        )]
    );
    assert_eq!(second["next"], Value::Null);
    let nothing = next().await;
    assert_eq!(
        nothing,
        json!({"now": "2026-03-02T18:00:00Z", "fired": [], "fired_in_all": 0, "next": null})
    );
}

async fn many_deadlines_are_passed_at_once(world: World) {
    let world = world.on_a_test_clock().await;
    let ada = registers(&world, "Ada").await;
    let facts: Vec<_> = (0..3)
        .map(|_| {
            let acme = world.clone_client();
            let ada = ada.clone();
            async move {
                let acme_path = applies(&acme, &ada, "Acme").await;
                let facts: Vec<_> = (0..400)
                    .map(|_| json!({"type": "DocumentRequested", "application": id(&acme_path), "data": {"document": "a page"}}))
                    .collect();
                acme.post(&format!("{ada}/facts"), json!({"atomic": true, "facts": facts})).await.is(200);
            }
        })
        .collect();
    for facts in facts {
        facts.await;
    }
    let moved = world.until("2026-03-10T00:00:00Z").await;
    assert_eq!(moved["fired_in_all"], 1200);
    assert_eq!(
        moved["fired"].as_array().map(Vec::len),
        Some(1000),
        "the others are in the feed"
    );
    assert_eq!(
        world
            .lists_feed()
            .await
            .iter()
            .filter(|fact| fact["type"] == "TaskOverdue")
            .count(),
        1200
    );
}

async fn an_id_that_is_taken_holds_no_announcement_up(world: World) {
    let world = world.on_a_test_clock().await;
    let (ada, grace) = (
        registers(&world, "Ada Lovelace").await,
        registers(&world, "Grace Hopper").await,
    );
    // A centre whose ids of applications follow from the vacancy.
    let vacancy = ApplicationId::new(Uuid::now_v7()).to_string();
    let opened = json!({"subject": vacancy, "occurred_at": "2026-03-01T00:00:00Z", "organisation": {"name": "Acme"}, "position": "Engineer"});
    let times = json!({"starts_at": "2026-03-02T14:00:00+01:00", "ends_at": "2026-03-02T15:00:00+01:00",
        "time_zone": "Europe/Berlin", "format": "video", "round": 1});
    let mut interviews = Vec::new();
    for candidate in [&ada, &grace] {
        world
            .records(&format!("{candidate}/applications"), opened.clone())
            .await;
        let within = format!("{candidate}/applications/{vacancy}/interviews");
        interviews.push(world.makes(&within, times.clone()).await);
    }
    world.until("2026-03-02T15:10:00+01:00").await;
    for interview in &interviews {
        let held = json!({"ended_at": "2026-03-02T15:00:00+01:00"});
        world.records(&format!("{interview}/held"), held).await;
    }
    // Whoever knows how ids of announcements follow from tasks takes two of Ada's: for Grace, and for herself.
    let asked = format!("{ada}/applications/{vacancy}/document-requests");
    for by in [&grace, &ada] {
        let request = world.records(&asked, json!({"document": "diploma"})).await;
        let task = &request["tasks"]["raised"][0];
        let id: TaskId = task["id"].as_str().expect("an id").parse().expect("a task's");
        let due_at = moment(task["due_at"].as_str().expect("a moment")).as_microsecond();
        let overdue = Uuid::new_v5(&id.uuid(), format!("TaskOverdue|{due_at}").as_bytes());
        let taking = json!({"kind": "searched", "id": EventId::new(overdue).to_string()});
        world.records(&format!("{by}/search-activities"), taking).await;
    }
    // And the id of the playbook that Ada is about to adopt.
    let it: CandidateId = id(&ada).parse().expect("a candidate's");
    let adopted = EventId::new(Uuid::new_v5(&it.uuid(), b"PlaybookAdopted|1")).to_string();
    let taking = json!({"kind": "searched", "id": adopted});
    world.records(&format!("{grace}/search-activities"), taking).await;
    let playbook = json!({"plays": [{"play": "write_thank_you", "due": "PT12H"}]});
    let playbook = world.request(Method::PUT, "/v1/playbook").json(&playbook);
    assert_eq!(world.send(playbook).await.is(200)["version"], 1);
    let moved = told(&world.until("2026-05-01T12:00:00Z").await);
    let documents = moved
        .iter()
        .filter(|(kind, _, play)| kind == "TaskOverdue" && play == "answer_document_request");
    assert_eq!(documents.count(), 2, "{moved:?}");
    let silences = moved.iter().filter(|(kind, ..)| kind == "SilenceNoticed");
    assert_eq!(silences.count(), 2 * 3, "{moved:?}");
    for candidate in [&ada, &grace] {
        world
            .records(&format!("{candidate}/contacts"), json!({"name": "Bo Li"}))
            .await;
        let log = world.lists_all(&format!("{candidate}/events?limit=100")).await;
        assert_eq!(log.iter().filter(|fact| fact["type"] == "PlaybookAdopted").count(), 1);
        world.delete(candidate).await.is(200);
    }
    sure(&world).await;
}

async fn every_write_announces_first(world: World) {
    let scene = Scene::applied(world).await;
    scene
        .records(
            &format!("{}/document-requests", scene.acme),
            json!({"document": "references"}),
        )
        .await;
    let before = scene.get(&scene.ada).await.header("etag").to_owned();
    scene.at("2026-03-05T09:00:00+01:00");
    // Nothing runs but this write; what it names is the client's own fact.
    let path = format!("{}/contacts", scene.ada);
    let request = scene
        .request(Method::POST, &path)
        .header("Idempotency-Key", "a-card")
        .header("If-Match", &before);
    let card = scene.send(request.json(&json!({"name": "Bo Li"}))).await;
    assert_eq!(card.is(201)["event"]["type"], "ContactCollected");
    assert_eq!(card["event"]["version"], 6);
    let again = scene
        .request(Method::POST, &path)
        .header("Idempotency-Key", "a-card")
        .header("If-Match", &before);
    let again = scene.send(again.json(&json!({"name": "Bo Li"}))).await;
    assert_eq!(again.is(201).body, card.body);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let log = scene.lists_feed().await;
    let newest: Vec<_> = log[4..]
        .iter()
        .map(|fact| (fact["type"].as_str().unwrap(), fact["occurred_at"].as_str().unwrap()))
        .collect();
    assert_eq!(
        newest,
        [
            ("TaskOverdue", "2026-03-03T08:00:00Z"),
            ("ContactCollected", "2026-03-05T08:00:00Z")
        ]
    );
    // A write that is refused announces nothing.
    scene
        .records(
            &format!("{}/document-requests", scene.acme),
            json!({"document": "more"}),
        )
        .await;
    scene.at("2026-03-15T09:00:00+01:00");
    scene
        .post(&format!("{}/document-requests", scene.acme), json!({"document": 1}))
        .await
        .is(422);
    scene
        .post(
            &format!("{}/tasks/{}/completed", scene.ada, "task_01k9ze3n8qfq7s5b1x5n0v3gk2"),
            json!({}),
        )
        .await
        .is(404);
    assert_eq!(scene.lists_feed().await.len(), log.len() + 1);
}

async fn the_tenant_lives_by_its_clock(world: World) {
    // The wall's clock goes its own way.
    let tenant = world.on_a_test_clock().await;
    world.at("2026-03-02T11:00:00+01:00");
    let scene = Scene::applied(tenant).await;
    let now = scene.lists_feed().await[0]["recorded_at"]
        .as_str()
        .unwrap()
        .parse::<Timestamp>()
        .unwrap();
    assert_eq!(now, moment(BEGINNING));
    let ahead = json!({"document": "references", "occurred_at": "2026-03-02T10:30:00+01:00"});
    scene
        .post(&format!("{}/document-requests", scene.acme), ahead)
        .await
        .refuses(422, "invalid")
        .names("/occurred_at");
    scene.until("2026-06-01T09:00:00Z").await;
    scene
        .records(
            &format!("{}/document-requests", scene.acme),
            json!({"document": "references"}),
        )
        .await;
    scene
        .get(&format!("{}?as_of=2026-05-01T00:00:00Z", scene.ada))
        .await
        .is(200);
    scene
        .get(&format!("{}/tasks?as_of=2026-06-02T00:00:00Z", scene.ada))
        .await
        .refuses(422, "invalid")
        .names("?as_of");
    scene.until("2026-06-03T00:00:00Z").await;
    let queue = scene.lists("/v1/tasks").await;
    assert_eq!(
        (queue.len(), &queue[0]["state"]),
        (1, &json!("overdue")),
        "lists across candidates, too"
    );
}

async fn a_clock_is_moved_once_by_a_request_that_is_sent_twice(world: World) {
    let scene = Scene::invited(world.on_a_test_clock().await).await;
    let send = async |key: &str, body: Value| {
        let request = scene
            .request(Method::POST, "/v1/test-clock/advanced")
            .header("Idempotency-Key", key);
        scene.send(request.json(&body)).await
    };
    let next = json!({"to_next": true});
    let (one, other) = tokio::join!(send("on", next.clone()), send("on", next.clone()));
    assert_eq!(one.is(200).body, other.is(200).body);
    assert_eq!(told(&one.json).len(), 2);
    let again = send("on", next.clone()).await;
    assert_eq!(again.is(200).body, one.body);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(scene.sees("/v1/test-clock").await["now"], one["now"]);
    send("on", json!({"to": "2027-01-01T00:00:00Z"}))
        .await
        .refuses(422, "idempotency_reused");
    assert_eq!(told(&send("further", next).await.json)[0].2, "record_interview");
}

async fn what_a_test_clock_cannot_be_asked(world: World) {
    let world = world.on_a_test_clock().await;
    let advanced = "/v1/test-clock/advanced";
    world
        .post(advanced, json!({"to": "2026-03-01T00:00:00Z"}))
        .await
        .refuses(409, "clock_runs_forward")
        .names("/to");
    world
        .post("/v1/test-clock", json!({"now": "2026-03-01T00:00:00Z"}))
        .await
        .refuses(409, "clock_runs_forward")
        .names("/now");
    world
        .post(advanced, json!({}))
        .await
        .refuses(422, "invalid")
        .names("/to");
    world
        .post(advanced, json!({"to_next": false}))
        .await
        .refuses(422, "invalid")
        .names("/to");
    world
        .post(advanced, json!({"to": BEGINNING, "to_next": true}))
        .await
        .refuses(422, "invalid")
        .names("/to_next");
    world
        .post(advanced, json!({"to": "tomorrow"}))
        .await
        .refuses(422, "invalid")
        .names("/to");
    world
        .post(advanced, json!({"to": "2201-01-01T00:00:00Z"}))
        .await
        .refuses(422, "invalid")
        .names("/to");
    world
        .post(advanced, json!({"by": "P1D"}))
        .await
        .refuses(422, "invalid")
        .names("/by");
    world.post("/v1/test-clock", json!({})).await.refuses(422, "invalid");
    assert_eq!(world.sees("/v1/test-clock").await["now"], "2026-03-02T08:00:00Z");
    // To where it is already is no way back.
    world.post("/v1/test-clock", json!({"now": BEGINNING})).await.is(200);
    let writer = world.client("candidates:write events:read", None, None).await;
    writer
        .post(advanced, json!({"to_next": true}))
        .await
        .refuses(403, "insufficient_scope");
    writer.get("/v1/test-clock").await.refuses(403, "insufficient_scope");
}

async fn only_test_tenants_have_one(world: World) {
    for (path, body) in [
        ("/v1/test-clock", json!({"now": BEGINNING})),
        ("/v1/test-clock/advanced", json!({"to_next": true})),
    ] {
        world.post(path, body).await.refuses(409, "not_a_test_tenant");
    }
    world.get("/v1/test-clock").await.refuses(409, "not_a_test_tenant");
}

async fn nobody_records_what_the_clock_says(world: World) {
    let scene = Scene::interviewed(world).await;
    let opened = scene
        .lists_feed()
        .await
        .into_iter()
        .find(|fact| fact["type"] == "TaskOpened")
        .expect("announced");
    let again = json!({"facts": [{"type": "TaskOpened", "subject": opened["subject"], "data": opened["data"]}], "atomic": true});
    scene
        .post(&format!("{}/facts", scene.ada), again)
        .await
        .refuses(422, "invalid")
        .names("/facts/0/type");
    let path = format!("{}/events/{}/retracted", scene.ada, opened["id"].as_str().unwrap());
    scene
        .post(&path, json!({"reason": "No."}))
        .await
        .refuses(409, "not_retractable");
}

impl World {
    fn clone_client(&self) -> Client {
        (**self).clone()
    }
}

/// A store of its own with some candidates, to each of whom an interview has to be recorded at three and by seven.
async fn a_store_of_its_own(kind: Kind, candidates: usize) -> Option<(StoreOptions, World)> {
    let options = options(kind).await?;
    let store = open(options.clone()).await;
    let world = World::new(kind, options.clone(), store, Clock::fixed(moment(BEGINNING))).await;
    for nth in 0..candidates {
        let candidate = registers(&world, &format!("Candidate {nth}")).await;
        let acme = applies(&world, &candidate, "Acme").await;
        let times = json!({"starts_at": "2026-03-02T14:00:00+01:00", "ends_at": "2026-03-02T15:00:00+01:00",
            "time_zone": "Europe/Berlin", "format": "onsite"});
        world.makes(&format!("{acme}/interviews"), times).await;
    }
    Some((options, world))
}

/// How often each candidate's facts of a type are in the log.
async fn counted(world: &World, kind: &str) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for fact in world.lists_feed().await {
        if fact["type"] == kind {
            *counted
                .entry(fact["candidate"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
    }
    counted
}

async fn works(store: &Store, clock: &Clock) -> u64 {
    let service = Service::new(store.clone(), clock.clone());
    behind(async move { TimeWorker::new(&service).round().await })
        .await
        .expect("done")
        .expect("the store answers")
        .announced
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_worker_announces_what_has_come_due_and_rests() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let Some((_, world)) = a_store_of_its_own(kind, 5).await else {
            continue;
        };
        let service = Service::new(world.store.clone(), world.clock.clone());
        let mut worker = TimeWorker::new(&service);
        let (mut rounds, clock) = (Vec::new(), world.clock.clone());
        let worked = behind(async move {
            for hours in [0, 5, 1, 4, 1, 24 * 7] {
                clock.advance(SignedDuration::from_hours(hours));
                rounds.push(worker.round().await.expect("the store answers"));
            }
            rounds
        });
        let rounds = worked.await.expect("done");
        assert_eq!(
            rounds.iter().map(|round| round.announced).collect::<Vec<_>>(),
            [0, 10, 5, 5, 0, 0],
            "{kind:?}"
        );
        assert_eq!(
            rounds[0].next,
            Some(moment("2026-03-02T13:00:00Z")),
            "until then it may sleep"
        );
        assert_eq!(rounds[5].next, None);
        assert_eq!(
            counted(&world, "TaskOverdue").await.into_values().collect::<Vec<_>>(),
            [3; 5]
        );
        sure(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_test_clock_is_moved_by_hand_alone() {
    let Some((_, world)) = a_store_of_its_own(Kind::Sqlite, 0).await else {
        return;
    };
    let scene = Scene::invited(world.on_a_test_clock().await).await;
    world.at("2027-03-02T15:00:00+01:00");
    assert_eq!(works(&world.store, &world.clock).await, 0);
    assert_eq!(scene.sees("/v1/test-clock").await["next"], "2026-03-02T13:00:00Z");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_announce_everything_once() {
    let Some((options, world)) = a_store_of_its_own(Kind::Postgres, 120).await else {
        return;
    };
    let stores = [world.store.clone(), open(options.clone()).await, open(options).await];
    world.at("2026-03-03T09:00:00+01:00");
    let workers = stores.iter().cloned().map(|store| {
        let service = Service::new(store, world.clock.clone());
        let mut worker = TimeWorker::new(&service);
        behind(async move {
            let mut announced = 0;
            for _ in 0..10 {
                announced += worker.round().await.expect("the store answers").announced;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            announced
        })
    });
    let announced: u64 = futures_util::future::join_all(workers)
        .await
        .into_iter()
        .map(|it| it.expect("done"))
        .sum();
    assert_eq!(announced, 480);
    for (kind, times) in [("TaskOpened", 1), ("TaskOverdue", 3)] {
        assert_eq!(
            counted(&world, kind).await.into_values().collect::<Vec<_>>(),
            [times; 120],
            "{kind}"
        );
    }
    sure(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_worker_left_another_finishes() {
    let Some((options, world)) = a_store_of_its_own(Kind::Postgres, 200).await else {
        return;
    };
    let other = open(options).await;
    world.at("2026-03-03T09:00:00+01:00");
    let service = Service::new(world.store.clone(), world.clock.clone());
    let working = behind(async move { TimeWorker::new(&service).round().await });
    while world.head().await < 3 * 200 + 20 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    working.abort();
    let died = working.await.is_err();
    if died {
        assert_eq!(works(&other, &world.clock).await, 0, "its lease holds for a while");
        world.clock.advance(SignedDuration::from_secs(16));
        works(&other, &world.clock).await;
    }
    for (kind, times) in [("TaskOpened", 1), ("TaskOverdue", 3)] {
        assert_eq!(
            counted(&world, kind).await.into_values().collect::<Vec<_>>(),
            [times; 200],
            "{kind}"
        );
    }
    sure(&world).await;
}
