//! The playbook: replaced whole, checked rule by rule, adopted candidate by candidate, and tried out before.

use afterword_store::{Appended, Beside, Commit, PlaybookRow, Told};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Answer, id},
    harness::{World, behind, verify},
    scenes::{Scene, registers},
    stories,
    time::sure,
};

stories![
    a_playbook_is_replaced_kept_and_put_once,
    open_tasks_are_dated_anew_candidate_by_candidate,
    a_new_candidate_adopts_the_playbook_at_once,
    what_is_done_stays_and_nothing_is_raised_from_older_facts,
    of_many_playbooks_put_at_once_none_is_lost,
    all_versions_together_have_their_measure,
    rules_that_are_not_what_their_hash_says_are_followed_by_nobody,
    a_playbook_is_tried_out_before,
    a_rule_that_is_wrong_is_named,
    only_who_may_do_everything_replaces_it,
];

fn quick() -> Value {
    json!({
        "holidays": [{"date": "2026-03-06", "name": "Founders' Day"}],
        "plays": [{"play": "write_thank_you", "due": "PT12H"}, {"play": "debrief", "on": false}],
    })
}

async fn puts(world: &World, rules: Value) -> Answer {
    world
        .send(world.request(Method::PUT, "/v1/playbook").json(&rules))
        .await
}

fn play<'a>(playbook: &'a Value, name: &str) -> &'a Value {
    let plays = playbook["plays"].as_array().expect("plays");
    plays.iter().find(|play| play["play"] == name).expect("a play")
}

async fn a_playbook_is_replaced_kept_and_put_once(world: World) {
    let default = world.get("/v1/playbook").await;
    assert_eq!(default.is(200)["version"], 0);
    assert_eq!(
        play(&default.json, "enquire_status")["opens"],
        json!({"working_days": 5})
    );
    assert_eq!(play(&default.json, "write_thank_you")["due"], "PT24H");
    let first = puts(&world, quick()).await;
    assert_eq!(first.is(200)["version"], 1);
    assert_eq!(
        (
            &play(&first.json, "write_thank_you")["due"],
            &play(&first.json, "debrief")["on"]
        ),
        (&json!("PT12H"), &json!(false))
    );
    assert_eq!(first["rules"], quick());
    let seen = world.get("/v1/playbook").await;
    assert_eq!(seen.is(200).json, first.json);
    assert_eq!(seen.header("etag"), first.header("etag"));
    // The same rules make no new version; a request of a name has one effect.
    assert_eq!(puts(&world, quick()).await.is(200)["version"], 1);
    let named = async |rules: Value| {
        let request = world
            .request(Method::PUT, "/v1/playbook")
            .header("Idempotency-Key", "spring");
        world.send(request.json(&rules)).await
    };
    let second = named(json!({})).await;
    assert_eq!(second.is(200)["version"], 2);
    puts(&world, quick()).await.is(200);
    let again = named(json!({})).await;
    assert_eq!(again.is(200)["version"], 2);
    assert_eq!(again.header("idempotency-replayed"), "true");
    named(quick()).await.refuses(422, "idempotency_reused");
    assert_eq!(world.sees("/v1/playbook").await["version"], 3);
    // Who has seen an older version does not overwrite a newer one.
    let stale = world
        .request(Method::PUT, "/v1/playbook")
        .header("If-Match", first.header("etag"));
    world
        .send(stale.json(&json!({"plays": []})))
        .await
        .refuses(412, "stale");
    let versions = world.lists("/v1/playbook/versions").await;
    let numbers: Vec<_> = versions.iter().map(|it| it["version"].clone()).collect();
    assert_eq!(numbers, [3, 2, 1, 0]);
    let page = world.sees("/v1/playbook/versions?limit=3").await;
    let cursor = page["next_cursor"].as_str().expect("there is more");
    puts(&world, json!({"plays": []})).await.is(200);
    let rest = world
        .sees(&format!("/v1/playbook/versions?limit=3&cursor={cursor}"))
        .await;
    assert_eq!(
        (&rest["data"][0]["version"], &rest["next_cursor"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(world.sees("/v1/playbook/versions/1").await, first.json);
    world.get("/v1/playbook/versions/9").await.refuses(404, "not_found");
    world.get("/v1/playbook/versions/x").await.refuses(404, "not_found");
}

async fn open_tasks_are_dated_anew_candidate_by_candidate(world: World) {
    let scene = Scene::interviewed(world).await;
    let grace = registers(&scene, "Grace").await;
    puts(&scene, quick()).await.is(200);
    let progress = async || {
        let told = scene.sees("/v1/playbook/adoption").await;
        (
            told["version"].clone(),
            told["adopted"].clone(),
            told["candidates"].clone(),
        )
    };
    assert_eq!(progress().await, (json!(1), json!(0), json!(2)));
    // A write adopts it first.
    scene
        .records(&format!("{grace}/search-activities"), json!({"kind": "searched"}))
        .await;
    assert_eq!(progress().await, (json!(1), json!(1), json!(2)));
    assert_eq!(
        scene.task("write_thank_you").await["due_at"],
        "2026-03-03T15:00:00+01:00"
    );
    // The worker sees to the others.
    scene.time_is_looked_at().await;
    assert_eq!(progress().await, (json!(1), json!(2), json!(2)));
    assert_eq!(
        scene.task("write_thank_you").await["due_at"],
        "2026-03-03T03:00:00+01:00"
    );
    assert_eq!(
        scene.lists("/v1/tasks?play=write_thank_you").await[0]["due_at"],
        "2026-03-03T03:00:00+01:00"
    );
    assert_eq!(scene.task("debrief").await["state"], "void");
    assert_eq!(
        scene.task("enquire_status").await["opens_at"],
        "2026-03-10T09:00:00+01:00",
        "five working days and a holiday"
    );
    scene.time_is_looked_at().await;
    let feed = scene.lists_feed().await;
    let adopted: Vec<_> = feed.iter().filter(|fact| fact["type"] == "PlaybookAdopted").collect();
    assert_eq!(adopted.len(), 2, "each once");
    assert_eq!(adopted[0]["data"]["playbook_version"], 1);
    let event = adopted[1]["id"].as_str().unwrap();
    scene
        .post(
            &format!("{}/events/{event}/retracted", scene.ada),
            json!({"reason": "No."}),
        )
        .await
        .refuses(409, "not_retractable");
    let timeline = scene.lists(&format!("{}/timeline", scene.ada)).await;
    assert!(
        timeline
            .iter()
            .any(|it| it["text"] == "Adopted version 1 of the playbook.")
    );
    // Another instance, and one that begins anew, read the log the same way.
    let elsewhere = scene.another(scene.clock.clone(), afterword::app::Options::default());
    assert_eq!(
        elsewhere.lists(&format!("{}/tasks", scene.ada)).await,
        scene.lists(&format!("{}/tasks", scene.ada)).await
    );
    sure(&scene).await;
}

async fn a_new_candidate_adopts_the_playbook_at_once(world: World) {
    puts(&world, quick()).await.is(200);
    let made = world
        .post("/v1/candidates", json!({"name": "Ada", "time_zone": "Europe/Berlin"}))
        .await;
    assert_eq!(made.is(201)["event"]["type"], "CandidateRegistered");
    let told = world.sees("/v1/playbook/adoption").await;
    assert_eq!((&told["adopted"], &told["candidates"]), (&json!(1), &json!(1)));
    let feed = world.lists_feed().await;
    let kinds: Vec<_> = feed.iter().map(|fact| fact["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["CandidateRegistered", "PlaybookAdopted"]);
    // Its tag is the newest version's: a condition on it holds.
    let tag = world.get(made.header("location")).await;
    assert_eq!(tag.header("etag"), made.header("etag"));
    // Nobody else records that.
    let facts = json!({"facts": [{"type": "PlaybookAdopted", "data": {"playbook_version": 2, "hash": ""}}]});
    let answer = world.post(&format!("{}/facts", made.header("location")), facts).await;
    assert_eq!(
        answer.is(200)["results"][0]["problem"]["errors"][0]["pointer"],
        "/facts/0/type"
    );
    sure(&world).await;
}

async fn what_is_done_stays_and_nothing_is_raised_from_older_facts(world: World) {
    let scene = Scene::interviewed(world).await;
    let thanked = scene.writes("thank_you").await;
    let done = scene.task("write_thank_you").await;
    puts(
        &scene,
        json!({"plays": [{"play": "write_thank_you", "due": "PT1H"}, {"play": "ask_next_round", "on": false}]}),
    )
    .await
    .is(200);
    scene.time_is_looked_at().await;
    assert_eq!(scene.task("write_thank_you").await, done, "{thanked}");
    let told = scene
        .sees(&format!("{}/tasks/{}", scene.ada, done["id"].as_str().unwrap()))
        .await;
    assert_eq!(
        (
            &told["explanation"]["rule"]["due"],
            &told["explanation"]["playbook_version"]
        ),
        (&json!("PT24H"), &json!(0)),
        "it was done by the numbers of then"
    );
    let promise = scene
        .records(
            &format!("{}/decision-dates", scene.acme),
            json!({"decide_by": "2026-03-03"}),
        )
        .await;
    assert_eq!(
        scene.task("ask_decision_date").await["closed_with"],
        promise["event"]["id"]
    );
    assert_eq!(scene.task("ask_next_round").await["state"], "void");
    puts(&scene, json!({})).await.is(200);
    scene.time_is_looked_at().await;
    assert_eq!(scene.task("ask_next_round").await["state"], "void");
    assert_eq!(scene.task("ask_decision_date").await["state"], "done");
    // What happens from now on follows the plays again, under ids that were closed and void, too.
    let second = scene
        .schedules("2026-03-03T14:00:00+01:00", "2026-03-03T15:00:00+01:00", &[])
        .await;
    scene.at("2026-03-03T15:10:00+01:00");
    scene
        .records(
            &format!("{second}/held"),
            json!({"ended_at": "2026-03-03T15:00:00+01:00"}),
        )
        .await;
    for play in ["ask_next_round", "ask_decision_date"] {
        let task = scene.task(play).await;
        assert_eq!(
            (&task["state"], &task["due_at"]),
            (&json!("open"), &json!("2026-03-04T15:00:00+01:00")),
            "{play}"
        );
    }
    let thanks = scene
        .lists(&format!("{}/tasks?play=write_thank_you&state=done", scene.ada))
        .await;
    assert_eq!(thanks, [done]);
    let elsewhere = scene.another(scene.clock.clone(), afterword::app::Options::default());
    let all = format!("{}/tasks?state=waiting,open,overdue,done,void&limit=100", scene.ada);
    assert_eq!(elsewhere.lists(&all).await, scene.lists(&all).await);
    sure(&scene).await;
}

async fn of_many_playbooks_put_at_once_none_is_lost(world: World) {
    let rules = |nth: usize| json!({"plays": [{"play": "debrief", "due": format!("PT{nth}H")}]});
    let put = async |nth: usize| {
        let request = world
            .request(Method::PUT, "/v1/playbook")
            .header("Idempotency-Key", format!("put-{nth}"));
        world.send(request.json(&rules(nth))).await
    };
    let answers = join_all((1..=24).map(put)).await;
    for (answer, nth) in answers.iter().zip(1..) {
        assert_eq!(answer.is(200)["rules"], rules(nth), "each is answered with its own");
    }
    let mut versions: Vec<_> = answers
        .iter()
        .map(|it| it["version"].as_u64().expect("a number"))
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=24).collect::<Vec<_>>());
    let kept = world.lists("/v1/playbook/versions?limit=100").await;
    assert_eq!(kept.len(), 25);
    assert!(answers.iter().all(|answer| kept.contains(&answer.json)));
    let again = join_all((1..=24).map(put)).await;
    for (first, again) in answers.iter().zip(&again) {
        assert_eq!(again.is(200).json, first.json);
        assert_eq!(again.header("etag"), first.header("etag"));
        assert_eq!(again.header("idempotency-replayed"), "true");
    }
    // The same request at once is carried out once.
    let same = async |_: usize| {
        let request = world
            .request(Method::PUT, "/v1/playbook")
            .header("Idempotency-Key", "same");
        world.send(request.json(&quick())).await
    };
    for answer in join_all((0..8).map(same)).await {
        assert_eq!((&answer.is(200)["version"], &answer["rules"]), (&json!(25), &quick()));
    }
    assert_eq!(world.sees("/v1/playbook").await["version"], 25);
}

async fn all_versions_together_have_their_measure(world: World) {
    let long = |due: u32| {
        let day = |nth: u32| format!("{}-{:02}-{:02}", 2000 + nth / 300, 1 + nth / 25 % 12, 1 + nth % 25);
        let holidays = (0..1000).map(|nth| json!({"date": day(nth), "name": "A day. ".repeat(71).trim_end()}));
        json!({"plays": [{"play": "write_thank_you", "due": format!("PT{due}H")}], "holidays": holidays.collect::<Vec<_>>()})
    };
    let mut version = 0;
    let refused = loop {
        let answer = puts(&world, long(12 + version)).await;
        if answer.status != 200 {
            break answer;
        }
        version += 1;
        assert!(version < 12, "there is no end");
    };
    refused.refuses(413, "too_large");
    assert!(version > 4, "{version}");
    assert_eq!(world.sees("/v1/playbook").await["version"], version);
    // What is there already can be put again, and goes on to be followed.
    puts(&world, long(11 + version)).await.is(200);
    registers(&world, "Ada Lovelace").await;
}

async fn rules_that_are_not_what_their_hash_says_are_followed_by_nobody(world: World) {
    // What is stored there is not sound, which a story must not leave behind.
    let scene = Scene::interviewed(world.neighbour().await).await;
    puts(&scene, quick()).await.is(200);
    scene.time_is_looked_at().await;
    let sound = scene.sees("/v1/playbook/versions/1").await;
    let changed = [
        (2, sound["hash"].as_str().expect("a hash").to_owned(), "{}".to_owned()),
        (3, "none".to_owned(), "no rules at all".to_owned()),
    ];
    for (version, hash, rules) in changed {
        let mut commit = Commit::new(scene.tenant, uuid::Uuid::now_v7(), 0);
        let row = PlaybookRow {
            version,
            hash,
            rules,
            recorded_at: scene.clock.now().as_microsecond(),
            recorded_by: "somebody".to_owned(),
        };
        commit.beside = Some(Beside::playbook(scene.tenant, &row));
        let store = scene.store.clone();
        let appended = behind(async move { store.append(commit).await }).await.expect("done");
        assert!(matches!(appended, Ok(Appended::Done { .. })), "{appended:?}");
    }
    // Writes go on, and follow the newest version that holds.
    let elsewhere = scene.another(scene.clock.clone(), afterword::app::Options::default());
    elsewhere
        .records(&format!("{}/search-activities", scene.ada), json!({"kind": "searched"}))
        .await;
    let grace = registers(&scene, "Grace").await;
    scene.time_is_looked_at().await;
    let told = scene.sees("/v1/playbook/adoption").await;
    assert_eq!(
        (&told["version"], &told["adopted"], &told["candidates"]),
        (&json!(1), &json!(2), &json!(2)),
        "{grace}"
    );
    for path in ["", "/versions/2", "/versions/3"] {
        let shown = scene.get(&format!("/v1/playbook{path}")).await;
        shown.refuses(500, "playbook_unreadable");
    }
    let versions = scene.lists("/v1/playbook/versions").await;
    let numbers: Vec<_> = versions.iter().map(|it| it["version"].clone()).collect();
    assert_eq!(numbers, [1, 0]);
    let told = verify(&scene.store, scene.tenant).await;
    let about = |version: u8| {
        let what = format!("version {version} of the playbook is not what its hash says, or cannot be read");
        Told::Difference { candidate: None, what }
    };
    assert_eq!(told, [about(2), about(3)]);
    // A new version goes over them.
    let rules = json!({"plays": [{"play": "debrief", "due": "PT12H"}]});
    assert_eq!(puts(&scene, rules.clone()).await.is(200)["version"], 4);
    scene.time_is_looked_at().await;
    assert_eq!(scene.sees("/v1/playbook").await["rules"], rules);
    assert_eq!(scene.sees("/v1/playbook/adoption").await["adopted"], 2);
}

async fn a_playbook_is_tried_out_before(world: World) {
    let scene = Scene::interviewed(world).await;
    let before = scene.head().await;
    let trial = json!({"candidates": [id(&scene.ada)], "playbook": quick()});
    let tried = scene.post("/v1/playbook/trial", trial.clone()).await;
    let tasks = tried.is(200)["data"][0]["tasks"].as_array().expect("a queue").clone();
    let thanks = tasks
        .iter()
        .find(|task| task["play"] == "write_thank_you")
        .expect("owed");
    assert_eq!(thanks["due_at"], "2026-03-03T03:00:00+01:00");
    assert!(tasks.iter().all(|task| task["play"] != "debrief"));
    assert_eq!(scene.head().await, before, "nothing is recorded");
    assert_eq!(
        scene.task("write_thank_you").await["due_at"],
        "2026-03-03T15:00:00+01:00"
    );
    for (candidates, pointer) in [(json!([]), "/candidates"), (json!(["cnd_1"]), "/candidates/0")] {
        let mut body = trial.clone();
        body["candidates"] = candidates;
        scene
            .post("/v1/playbook/trial", body)
            .await
            .refuses(422, "invalid")
            .names(pointer);
    }
    let mut body = trial;
    body["candidates"] = json!(["cnd_01k9ze3n8qfq7s5b1x5n0v3gk2"]);
    scene
        .post("/v1/playbook/trial", body.clone())
        .await
        .refuses(422, "unknown_reference")
        .names("/candidates/0");
    body["candidates"] = json!([id(&scene.ada)]);
    body["playbook"] = json!({"plays": [{"play": "dance"}]});
    scene
        .post("/v1/playbook/trial", body)
        .await
        .refuses(422, "invalid")
        .names("/playbook/plays/0/play");
}

async fn a_rule_that_is_wrong_is_named(world: World) {
    for (rules, pointer) in [
        (json!({"plays": [{"play": "dance"}]}), "/plays/0/play"),
        (json!({"plays": [{"play": "debrief", "due": "P1Y"}]}), "/plays/0/due"),
        (json!({"plays": [{"play": "debrief", "due": "-PT1H"}]}), "/plays/0/due"),
        (
            json!({"plays": [{"play": "debrief", "due": {"working_days": 0}}]}),
            "/plays/0/due",
        ),
        (
            json!({"plays": [{"play": "debrief", "opens": "PT1H"}]}),
            "/plays/0/opens",
        ),
        (
            json!({"plays": [{"play": "debrief", "numbers": {"x": 1}}]}),
            "/plays/0/numbers/x",
        ),
        (
            json!({"plays": [{"play": "enquire_status", "numbers": {"most": 0}}]}),
            "/plays/0/numbers/most",
        ),
        (
            json!({"plays": [{"play": "debrief", "why": "Because."}]}),
            "/plays/0/why",
        ),
        (json!({"holidays": [{"date": "2026-02-29"}]}), "/holidays/0/date"),
        (
            json!({"holidays": [{"date": "2026-12-25"}, {"date": "2026-12-25"}]}),
            "/holidays/1/date",
        ),
        (json!({"version": 7}), "/version"),
    ] {
        let answer = puts(&world, rules).await;
        answer.refuses(422, "invalid").names(pointer);
    }
    assert_eq!(world.sees("/v1/playbook").await["version"], 0);
}

async fn only_who_may_do_everything_replaces_it(world: World) {
    let reader = world.client("candidates:read candidates:write", None, None).await;
    let request = reader.request(Method::PUT, "/v1/playbook").json(&quick());
    reader.send(request).await.refuses(403, "insufficient_scope");
    assert_eq!(reader.sees("/v1/playbook").await["version"], 0);
    puts(&world, quick()).await.is(200);
    let neighbour = world.neighbour().await;
    assert_eq!(neighbour.sees("/v1/playbook").await["version"], 0, "a tenant's own");
}
