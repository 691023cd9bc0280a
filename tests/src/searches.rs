//! Whole searches, from the first interview to the last thank-you.

use serde_json::{Value, json};

use crate::{
    client::id,
    harness::World,
    scenes::{Scene, applies, meets, registers},
    stories,
    time::sure,
};

stories![
    a_good_search_ends_with_an_offer_and_everybody_thanked,
    an_interview_recorded_a_week_later_in_the_wrong_order_is_as_if_told_in_time,
    an_interviewer_may_be_a_connection_and_a_reference,
    a_panel_of_four_across_zones_and_a_change_of_clocks,
    a_coach_sees_thirty_candidates_and_no_other,
    a_rejection_is_taken_with_grace,
    the_wrong_interview_marked_as_held_is_undone,
];

/// The plays that ask for something now.
async fn queue(scene: &Scene) -> Vec<String> {
    let tasks = scene.lists(&format!("{}/tasks?limit=100", scene.ada)).await;
    let mut plays: Vec<_> = tasks.iter().map(|it| it["play"].as_str().unwrap().to_owned()).collect();
    plays.sort();
    plays.dedup();
    plays
}

/// A round is held: looked back at, thanked for, and the next one is announced or asked for.
async fn round(scene: &Scene, day: &str, decide_by: Option<&str>) {
    let (starts_at, ends_at) = (format!("{day}T14:00:00+01:00"), format!("{day}T15:00:00+01:00"));
    let anna = id(&scene.anna).to_owned();
    let interview = scene.schedules(&starts_at, &ends_at, &[&anna]).await;
    scene.until(&format!("{day}T15:10:00+01:00")).await;
    scene
        .records(&format!("{interview}/held"), json!({"ended_at": ends_at}))
        .await;
    scene
        .records(&format!("{interview}/debriefed"), json!({"overall": 4}))
        .await;
    let note = json!({"kind": "thank_you", "recipients": [anna], "channel": "email", "interview": id(&interview)});
    let note = scene.makes(&format!("{}/notes", scene.ada), note).await;
    scene.records(&format!("{note}/sent"), json!({})).await;
    scene
        .records(
            &format!("{}/next-round-questions", scene.acme),
            json!({"channel": "email"}),
        )
        .await;
    if let Some(date) = decide_by {
        scene
            .records(&format!("{}/decision-dates", scene.acme), json!({"decide_by": date}))
            .await;
    }
    scene
        .records(&format!("{}/search-activities", scene.ada), json!({"kind": "searched"}))
        .await;
    scene
        .records(
            &format!("{}/research", scene.acme),
            json!({"about": "organisation", "headline": "News", "stance": "favourable"}),
        )
        .await;
}

async fn a_good_search_ends_with_an_offer_and_everybody_thanked(world: World) {
    let scene = Scene::applied(world.on_a_test_clock().await).await;
    let rosa = meets(&scene, &scene.ada, "Rosa Diaz", "rosa@past.example").await;
    let reference = json!({"contact": id(&rosa), "relationship": "My last manager"});
    let reference = scene.makes(&format!("{}/references", scene.ada), reference).await;
    scene.records(&format!("{reference}/agreed"), json!({})).await;
    let carl = scene
        .makes(
            &format!("{}/contacts", scene.ada),
            json!({"name": "Carl Holm", "email": "c@holm.example"}),
        )
        .await;
    let connection = json!({"contact": id(&carl), "organisation_names": ["Acme"]});
    let connection = scene.makes(&format!("{}/connections", scene.ada), connection).await;
    let globex = applies(&scene, &scene.ada, "Globex").await;
    let initech = applies(&scene, &scene.ada, "Initech").await;
    for (day, decide_by) in [
        ("2026-03-03", Some("2026-03-06")),
        ("2026-03-10", Some("2026-03-13")),
        ("2026-03-17", Some("2026-03-20")),
    ] {
        round(&scene, day, decide_by).await;
        for interview in scene.lists(&format!("{}/interviews", scene.acme)).await {
            let told = json!({"interview": interview["id"], "channel": "phone"});
            scene.records(&format!("{reference}/notices"), told).await;
        }
        let told = json!({"application": id(&scene.acme), "channel": "message"});
        scene.records(&format!("{connection}/notices"), told).await;
        assert_eq!(
            queue(&scene).await,
            Vec::<String>::new(),
            "all is done on the day, {day}"
        );
    }
    scene.until("2026-03-19T10:00:00+01:00").await;
    let offer = scene
        .makes(&format!("{}/offers", scene.acme), json!({"respond_by": "2026-03-25"}))
        .await;
    assert_eq!(scene.status().await, "offered");
    assert_eq!(queue(&scene).await, ["answer_offer"]);
    scene.until("2026-03-20T10:00:00+01:00").await;
    scene.records(&format!("{offer}/accepted"), json!({})).await;
    assert_eq!(scene.status().await, "accepted");
    assert_eq!(queue(&scene).await, ["thank_helpers", "withdraw_others"]);
    for other in [&globex, &initech] {
        let withdrawn = scene.records(&format!("{other}/withdrawn"), json!({})).await;
        assert_eq!(withdrawn["tasks"]["closed"][0]["play"], "withdraw_others");
    }
    scene
        .records(&format!("{reference}/thanked"), json!({"application": id(&scene.acme)}))
        .await;
    scene
        .records(&format!("{connection}/touches"), json!({"channel": "in_person"}))
        .await;
    assert_eq!(queue(&scene).await, Vec::<String>::new());
    // Nothing more comes but a word to a connection now and then.
    let moved = scene.until("2027-03-20T10:00:00+01:00").await;
    let plays: std::collections::BTreeSet<_> = moved["fired"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fact| fact["tasks"]["changed"][0]["play"].to_string())
        .collect();
    assert_eq!(plays.into_iter().collect::<Vec<_>>(), ["\"keep_in_touch\""]);
    let departed: Vec<Value> = scene
        .lists_all(&format!("{}/timeline", scene.ada))
        .await
        .into_iter()
        .filter(|entry| entry["departures"].as_array().is_some_and(|it| !it.is_empty()))
        .collect();
    assert_eq!(departed, Vec::<Value>::new(), "nothing was late or early");
    sure(&scene).await;
}

/// Tasks as a reader compares two tellings of one story: ids of facts and things differ.
async fn told(world: &World, candidate: &str) -> Vec<(String, String, Value, Value)> {
    let states = "waiting,open,overdue,done,dismissed";
    let tasks = world
        .lists(&format!("{candidate}/tasks?limit=100&state={states}"))
        .await;
    let mut told: Vec<_> = tasks
        .iter()
        .map(|it| {
            let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
            (
                text("title"),
                text("state"),
                it["opens_at"].clone(),
                it["due_at"].clone(),
            )
        })
        .collect();
    told.sort_by_key(|it| (it.0.clone(), it.2.to_string()));
    told
}

async fn an_interview_recorded_a_week_later_in_the_wrong_order_is_as_if_told_in_time(world: World) {
    let world = world.on_a_test_clock().await;
    // What happened, and when.
    let facts = |acme: &str, anna: &str, int: &str, doc: &str, qst: &str| -> Vec<Value> {
        let fact = |kind: &str, subject: Option<&str>, within: bool, at: &str, data: Value| {
            let mut fact = json!({"type": kind, "occurred_at": at, "data": data});
            if let Some(subject) = subject {
                fact["subject"] = json!(subject);
            }
            if within {
                fact["application"] = json!(acme);
            }
            fact
        };
        vec![
            fact(
                "InterviewScheduled",
                Some(int),
                true,
                "2026-03-02T10:00:00+01:00",
                json!({"starts_at": "2026-03-03T14:00:00+01:00", "ends_at": "2026-03-03T15:00:00+01:00",
                    "time_zone": "Europe/Berlin", "format": "onsite", "interviewers": [anna]}),
            ),
            fact(
                "InterviewHeld",
                Some(int),
                false,
                "2026-03-03T15:00:00+01:00",
                json!({"ended_at": "2026-03-03T15:00:00+01:00"}),
            ),
            fact(
                "QuestionRecorded",
                Some(qst),
                false,
                "2026-03-03T17:00:00+01:00",
                json!({"interview": int, "question": "Why us?", "category": "motivation", "answer": "Hm.",
                    "reception": "poorly"}),
            ),
            fact(
                "DecisionDatePromised",
                None,
                true,
                "2026-03-03T15:00:01+01:00",
                json!({"decide_by": "2026-03-13"}),
            ),
            fact(
                "DocumentRequested",
                Some(doc),
                true,
                "2026-03-04T09:00:00+01:00",
                json!({"document": "references"}),
            ),
            fact(
                "DocumentSent",
                Some(doc),
                false,
                "2026-03-04T18:00:00+01:00",
                json!({"channel": "email"}),
            ),
            fact(
                "SearchActivityLogged",
                None,
                false,
                "2026-03-05T09:00:00+01:00",
                json!({"kind": "searched"}),
            ),
        ]
    };
    let ids = |nth: usize| {
        let one = |prefix: &str| format!("{prefix}_01k9ze3n8qfq7s5b1x5n0v3g{nth}2");
        (one("int"), one("doc"), one("qst"))
    };
    let mut tellings = Vec::new();
    for (nth, order) in [[0, 1, 2, 3, 4, 5, 6], [6, 3, 4, 5, 0, 2, 1]].into_iter().enumerate() {
        let ada = registers(&world, "Ada").await;
        let acme = applies(&world, &ada, "Acme").await;
        let anna = meets(&world, &ada, "Anna Berg", "anna@acme.example").await;
        let (int, doc, qst) = ids(nth);
        let facts = facts(id(&acme), id(&anna), &int, &doc, &qst);
        tellings.push((ada, order, facts));
    }
    world.until("2026-03-10T09:00:00+01:00").await;
    for (ada, order, facts) in &tellings {
        for nth in order {
            let body = json!({"atomic": true, "facts": [facts[*nth]]});
            world.post(&format!("{ada}/facts"), body).await.is(200);
        }
    }
    let [one, other] = [&tellings[0].0, &tellings[1].0];
    assert_eq!(told(&world, one).await, told(&world, other).await);
    assert!(told(&world, one).await.len() >= 8);
    let departures = async |ada: &str| {
        let timeline = world.lists(&format!("{ada}/timeline")).await;
        let sent = timeline.iter().find(|entry| entry["type"] == "DocumentSent").unwrap();
        sent["departures"].clone()
    };
    assert_eq!(departures(one).await, json!([]), "sent in time, though told late");
    assert_eq!(departures(other).await, json!([]));
}

async fn an_interviewer_may_be_a_connection_and_a_reference(world: World) {
    let scene = Scene::invited(world.on_a_test_clock().await).await;
    let anna = id(&scene.anna).to_owned();
    let reference = json!({"contact": anna, "relationship": "We worked together"});
    let reference = scene.makes(&format!("{}/references", scene.ada), reference).await;
    scene.records(&format!("{reference}/agreed"), json!({})).await;
    let connection = scene
        .makes(&format!("{}/connections", scene.ada), json!({"contact": anna}))
        .await;
    scene.until("2026-03-02T15:10:00+01:00").await;
    scene
        .records(
            &format!("{}/held", scene.interview),
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
        .await;
    // She was in the room: she is thanked, and need not be told.
    assert_eq!(scene.tasks("write_thank_you").await.len(), 1);
    assert!(scene.tasks("notify_reference").await.is_empty());
    assert!(scene.tasks("notify_connection").await.is_empty());
    // The thank-you is a word to the connection, too.
    scene.until("2026-03-02T18:00:00+01:00").await;
    scene.writes("thank_you").await;
    assert_eq!(
        scene.sees(&connection).await["last_touched_at"],
        "2026-03-02T18:00:00+01:00"
    );
    assert_eq!(
        scene.task("keep_in_touch").await["opens_at"],
        "2026-05-01T18:00:00+02:00"
    );
    // A second round without her: now she is told, in both roles.
    let bob = meets(&scene, &scene.ada, "Bob Stone", "bob@acme.example").await;
    let second = scene
        .schedules("2026-03-09T14:00:00+01:00", "2026-03-09T15:00:00+01:00", &[id(&bob)])
        .await;
    scene.until("2026-03-09T15:10:00+01:00").await;
    scene
        .records(
            &format!("{second}/held"),
            json!({"ended_at": "2026-03-09T15:00:00+01:00"}),
        )
        .await;
    assert_eq!(scene.task("notify_reference").await["state"], "open");
    assert_eq!(scene.task("notify_connection").await["state"], "open");
    scene
        .records(
            &format!("{reference}/notices"),
            json!({"interview": id(&second), "channel": "phone"}),
        )
        .await;
    assert_eq!(scene.task("notify_reference").await["state"], "done");
    assert_eq!(
        scene.task("notify_connection").await["state"],
        "open",
        "each role is told for itself"
    );
    // Erased, she is gone from every role.
    scene.delete(&scene.anna).await.is(200);
    assert_eq!(scene.task("notify_connection").await["state"], "void");
    assert_eq!(scene.task("keep_in_touch").await["state"], "void");
    let feed = serde_json::to_string(&scene.lists_feed().await).unwrap();
    assert!(!feed.contains("Anna Berg"));
    sure(&scene).await;
}

async fn a_panel_of_four_across_zones_and_a_change_of_clocks(world: World) {
    let world = world.on_a_test_clock().await;
    let ada = world
        .makes(
            "/v1/candidates",
            json!({"name": "Ada", "time_zone": "America/New_York"}),
        )
        .await;
    let acme = applies(&world, &ada, "Acme").await;
    let mut panel = Vec::new();
    for name in ["Anna Berg", "Bob Stone", "Cleo Hart", "Dan Okoye"] {
        panel.push(meets(&world, &ada, name, &format!("{}@acme.example", &name[..3])).await);
    }
    let ids: Vec<&str> = panel.iter().map(|path| id(path)).collect();
    // Berlin's clocks go forward on Sunday, 29 March; New York's have gone already.
    let interview = json!({"starts_at": "2026-03-28T15:00:00+01:00", "ends_at": "2026-03-28T16:30:00+01:00",
        "time_zone": "Europe/Berlin", "format": "video", "interviewers": ids});
    let interview = world.makes(&format!("{acme}/interviews"), interview).await;
    // Another talk of the same round, in Auckland's evening and Berlin's morning.
    let other = json!({"starts_at": "2026-03-30T20:00:00+13:00", "ends_at": "2026-03-30T21:00:00+13:00",
        "time_zone": "Pacific/Auckland", "format": "video", "round": 1, "interviewers": [ids[3]]});
    let other = world.makes(&format!("{acme}/interviews"), other).await;
    world.until("2026-03-28T16:45:00+01:00").await;
    // Dan sent word too late for the invitation to be changed: he was not there.
    world
        .records(
            &format!("{interview}/held"),
            json!({"ended_at": "2026-03-28T16:40:00+01:00", "interviewers": &ids[..3]}),
        )
        .await;
    let tasks = world.lists(&format!("{ada}/tasks?play=write_thank_you")).await;
    assert_eq!(tasks.len(), 3, "to each who was there");
    for task in &tasks {
        assert_eq!(
            (&task["due_at"], &task["time_zone"]),
            (&json!("2026-03-29T17:40:00+02:00"), &json!("Europe/Berlin")),
            "24 hours are hours when the clocks change"
        );
    }
    // His own talk is called off, and nothing is owed to him.
    world
        .records(&format!("{other}/cancelled"), json!({"by": "organisation"}))
        .await;
    world.until("2026-03-29T12:00:00+02:00").await;
    let thanks =
        |to: &[&str]| json!({"kind": "thank_you", "recipients": to, "channel": "email", "interview": id(&interview)});
    for to in &ids[..2] {
        let note = world.makes(&format!("{ada}/notes"), thanks(&[to])).await;
        let sent = world.records(&format!("{note}/sent"), json!({})).await;
        assert_eq!(sent["tasks"]["closed"][0]["contact"], **to);
        assert_eq!(sent["event"]["departures"], json!([]));
    }
    world.until("2026-03-29T18:00:00+02:00").await;
    let late = world.makes(&format!("{ada}/notes"), thanks(&[ids[2]])).await;
    let late = world.records(&format!("{late}/sent"), json!({})).await;
    assert_eq!(late["event"]["departures"][0]["play"], "write_thank_you");
    let all = world
        .lists(&format!(
            "{ada}/tasks?play=write_thank_you&state=open,overdue,done,void"
        ))
        .await;
    assert_eq!(all.len(), 3);
    assert!(
        all.iter()
            .all(|task| task["state"] == "done" && task["contact"] != ids[3])
    );
    sure(&world).await;
}

async fn a_coach_sees_thirty_candidates_and_no_other(world: World) {
    let world = world.on_a_test_clock().await;
    let mut theirs = Vec::new();
    for nth in 0..30 {
        let body = json!({"name": format!("Candidate {nth}"), "time_zone": "Europe/Berlin", "groups": ["spring"]});
        theirs.push(world.makes("/v1/candidates", body).await);
    }
    let stranger = registers(&world, "Somebody else").await;
    for candidate in theirs.iter().chain([&stranger]) {
        let acme = applies(&world, candidate, "Acme").await;
        world
            .records(&format!("{acme}/document-requests"), json!({"document": "references"}))
            .await;
    }
    let coach = world
        .client("candidates:read candidates:write events:read", None, Some("spring"))
        .await;
    let names: std::collections::BTreeSet<_> = coach
        .lists_all("/v1/tasks?limit=7")
        .await
        .iter()
        .map(|task| task["candidate_name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names.len(), 30);
    assert!(!names.contains("Somebody else"));
    assert_eq!(coach.lists_all("/v1/candidates").await.len(), 30);
    coach.get(&stranger).await.refuses(404, "not_found");
    // One leaves the group, and is gone for the coach at once.
    world.patch(&theirs[0], json!({"groups": []})).await.is(200);
    coach.get(&theirs[0]).await.refuses(404, "not_found");
    assert_eq!(coach.lists_all("/v1/tasks").await.len(), 29);
    let facts: Vec<Value> = coach.lists_feed().await;
    assert!(facts.iter().all(|fact| fact["candidate"] != id(&stranger)));
    coach
        .records(&format!("{}/search-activities", theirs[1]), json!({"kind": "trained"}))
        .await;
    // A day later all of theirs is overdue, and the coach hears of each once.
    world.until("2026-03-04T09:00:00+01:00").await;
    let overdue = coach.lists_all("/v1/tasks?state=overdue").await;
    assert_eq!(overdue.len(), 29);
    let said: Vec<Value> = coach.lists_feed().await;
    let said: Vec<_> = said.iter().filter(|fact| fact["type"] == "TaskOverdue").collect();
    assert_eq!(said.len(), 29);
}

async fn a_rejection_is_taken_with_grace(world: World) {
    let scene = Scene::invited(world.on_a_test_clock().await).await;
    let other = applies(&scene, &scene.ada, "Globex").await;
    scene
        .records(&format!("{other}/document-requests"), json!({"document": "references"}))
        .await;
    scene.until("2026-03-02T15:10:00+01:00").await;
    scene
        .records(
            &format!("{}/held", scene.interview),
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
        .await;
    scene
        .records(&format!("{}/debriefed", scene.interview), json!({"overall": 3}))
        .await;
    scene.until("2026-03-02T20:00:00+01:00").await;
    let rejection = format!("{}/rejection", scene.acme);
    let received = scene
        .records(&rejection, json!({"channel": "email", "from_contact": id(&scene.anna)}))
        .await;
    let closed = received["tasks"]["closed"].as_array().unwrap();
    assert!(
        closed
            .iter()
            .all(|task| task["state"] == "void" && task["application"] == id(&scene.acme))
    );
    let of_globex = scene
        .lists(&format!("{}/tasks?application={}", scene.ada, id(&other)))
        .await;
    assert_eq!(of_globex[0]["play"], "answer_document_request", "others are left alone");
    // Thanks within two days; the question and the door open with them.
    scene.until("2026-03-03T09:00:00+01:00").await;
    scene.writes("rejection_thanks").await;
    assert_eq!(scene.sees(&rejection).await["stage"], "thanked");
    let asked = scene
        .records(&format!("{rejection}/feedback-requests"), json!({"channel": "email"}))
        .await;
    assert_eq!(asked["event"]["departures"], json!([]));
    scene.until("2026-03-06T09:00:00+01:00").await;
    scene
        .records(&format!("{rejection}/feedback"), json!({"text": "More examples."}))
        .await;
    scene
        .records(
            &format!("{rejection}/door-kept-open"),
            json!({"revisit_on": "2026-09-01"}),
        )
        .await;
    assert_eq!(scene.sees(&rejection).await["stage"], "door_open");
    let moved = scene.until("2026-09-02T09:00:00+02:00").await;
    let opened = moved["fired"]
        .as_array()
        .unwrap()
        .iter()
        .find(|fact| fact["type"] == "TaskOpened" && fact["tasks"]["changed"][0]["play"] == "revisit");
    assert_eq!(opened.expect("the day has come")["occurred_at"], "2026-09-01T07:00:00Z");
    // An offer after all reopens it.
    let offer = scene.makes(&format!("{}/offers", scene.acme), json!({})).await;
    assert_eq!(scene.status().await, "offered");
    scene
        .records(&format!("{offer}/declined"), json!({"reason": "Settled elsewhere."}))
        .await;
    sure(&scene).await;
}

async fn the_wrong_interview_marked_as_held_is_undone(world: World) {
    let scene = Scene::invited(world.on_a_test_clock().await).await;
    let right = scene
        .schedules(
            "2026-03-02T11:00:00+01:00",
            "2026-03-02T12:00:00+01:00",
            &[id(&scene.anna)],
        )
        .await;
    scene.until("2026-03-02T14:30:00+01:00").await;
    let wrong = scene
        .records(
            &format!("{}/held", scene.interview),
            json!({"ended_at": "2026-03-02T14:20:00+01:00"}),
        )
        .await;
    assert_eq!(scene.sees(&scene.interview).await["status"], "held");
    // Taken back and put right in one step.
    let facts = json!({"atomic": true, "facts": [
        {"type": "FactRetracted", "subject": wrong["event"]["id"], "data": {"reason": "It was the one before noon."}},
        {"type": "InterviewHeld", "subject": id(&right), "data": {"ended_at": "2026-03-02T12:00:00+01:00"}},
    ]});
    scene.post(&format!("{}/facts", scene.ada), facts).await.is(200);
    assert_eq!(scene.sees(&scene.interview).await["status"], "scheduled");
    let thanks = scene.lists(&format!("{}/tasks?play=write_thank_you", scene.ada)).await;
    assert_eq!(thanks.len(), 1);
    assert_eq!(
        (&thanks[0]["interview"], &thanks[0]["due_at"]),
        (&json!(id(&right)), &json!("2026-03-03T12:00:00+01:00"))
    );
    // The other one is still to be recorded when it is over.
    scene.until("2026-03-02T15:00:00+01:00").await;
    let record = scene.tasks("record_interview").await;
    let states: Vec<_> = record.iter().map(|task| task["state"].as_str().unwrap()).collect();
    assert!(states.contains(&"open") && states.contains(&"done"), "{states:?}");
    sure(&scene).await;
}
