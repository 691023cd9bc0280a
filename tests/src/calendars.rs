//! Calendars by their secret addresses: what stands in them, how entries move, and that an address is a key.

use std::collections::BTreeMap;

use afterword::app;
use jiff::SignedDuration;
use reqwest::{Method, header::IF_NONE_MATCH};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, id},
    harness::World,
    scenes::{Scene, registers},
    stories,
};

stories![
    a_calendar_shows_interviews_days_and_tasks,
    an_entry_keeps_its_name_and_rises_with_every_change,
    times_are_right_where_the_clocks_change,
    a_task_that_is_done_stays_for_two_weeks,
    what_is_candid_stands_in_no_calendar,
    an_address_is_shown_once_and_revoked_at_once,
    an_erased_candidate_has_no_calendar,
    whatever_is_no_address_is_not_found,
    an_address_has_its_own_allowance,
    calendars_are_made_by_who_may_read_and_write,
];

/// Makes a calendar, and gives its path.
async fn makes(scene: &Client, candidate: &str) -> String {
    let made = scene.post(&format!("{candidate}/calendars"), json!({})).await;
    path_of(scene, made.is(201))
}

fn path_of(client: &Client, made: &Answer) -> String {
    let url = made["url"].as_str().expect("an address");
    url.strip_prefix(client.base()).expect("an address here").to_owned()
}

/// The lines of a calendar, unfolded.
fn lines(calendar: &Answer) -> Vec<String> {
    let text = String::from_utf8(calendar.is(200).body.clone()).expect("UTF-8");
    assert!(text.ends_with("END:VCALENDAR\r\n"), "{text}");
    assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
    text.replace("\r\n ", "").lines().map(str::to_owned).collect()
}

/// Its events and tasks, by name; of alarms only their moments, under `ALARMS`.
fn entries(calendar: &Answer) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut entries = BTreeMap::new();
    let mut entry: BTreeMap<String, String> = BTreeMap::new();
    let mut within = Vec::new();
    for line in lines(calendar) {
        let (name, value) = line.split_once(':').expect("a property");
        match name {
            "BEGIN" => within.push(value.to_owned()),
            "END" => {
                assert_eq!(within.pop().as_deref(), Some(value));
                if value == "VEVENT" || value == "VTODO" {
                    let mut entry = std::mem::take(&mut entry);
                    entry.insert("KIND".to_owned(), value.to_owned());
                    let uid = entry["UID"].clone();
                    assert!(entries.insert(uid.clone(), entry).is_none(), "{uid} twice");
                }
            }
            _ if within.last().is_some_and(|it| it == "VALARM") => {
                if let Some(at) = line.strip_prefix("TRIGGER;VALUE=DATE-TIME:") {
                    let alarms = entry.entry("ALARMS".to_owned()).or_default();
                    *alarms = format!("{alarms} {at}").trim().to_owned();
                }
            }
            _ if within.len() == 2 => {
                let name = name.split(';').next().expect("a name");
                assert!(entry.insert(name.to_owned(), value.to_owned()).is_none(), "{line}");
            }
            _ => {}
        }
    }
    entries
}

/// The one entry whose summary begins so.
#[track_caller]
fn entry(calendar: &Answer, summary: &str) -> BTreeMap<String, String> {
    let entries = entries(calendar);
    let mut found = entries.values().filter(|entry| entry["SUMMARY"].starts_with(summary));
    let one = found.next().unwrap_or_else(|| panic!("no {summary}: {entries:#?}"));
    assert!(found.next().is_none(), "{summary} twice: {entries:#?}");
    one.clone()
}

async fn a_calendar_shows_interviews_days_and_tasks(world: World) {
    let scene = Scene::interviewed(world).await;
    let calendar = makes(&scene, &scene.ada).await;
    scene
        .records(
            &format!("{}/decision-dates", scene.acme),
            json!({"decide_by": "2026-03-13"}),
        )
        .await;
    let round = json!({"expected_on": "2026-03-20", "outline": [{"item": "A talk; on, trees\nand more", "due_on": "2026-03-18"}]});
    scene
        .post(&format!("{}/next-rounds", scene.acme), round)
        .await
        .refuses(422, "invalid");
    let round =
        json!({"expected_on": "2026-03-20", "outline": [{"item": "A talk; on, trees", "due_on": "2026-03-18"}]});
    scene.records(&format!("{}/next-rounds", scene.acme), round).await;
    let bare = scene.with_key("");
    let told = bare.get(&calendar).await;
    assert_eq!(told.header("content-type"), "text/calendar; charset=utf-8");
    assert_eq!(told.header("cache-control"), "private, no-cache");
    let all = lines(&told);
    for line in [
        "VERSION:2.0",
        "METHOD:PUBLISH",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        "X-WR-CALNAME:Afterword: Ada Lovelace",
    ] {
        assert!(all.iter().any(|it| it == line), "{line}: {all:#?}");
    }
    let interview = entry(&told, "Interview at Acme");
    assert_eq!(interview["UID"], format!("{}@afterword", id(&scene.interview)));
    assert_eq!(
        (&*interview["DTSTART"], &*interview["DTEND"]),
        ("20260302T130000Z", "20260302T140000Z")
    );
    assert_eq!(interview["STATUS"], "CONFIRMED");
    assert!(interview["DESCRIPTION"].contains("Engineer") && interview["DESCRIPTION"].contains("With Anna Berg"));
    let decision = entry(&told, "Acme decides");
    assert_eq!((&*decision["DTSTART"], &*decision["DTEND"]), ("20260313", "20260314"));
    let round = entry(&told, "Next round at Acme");
    assert_eq!((&*round["DTSTART"], &*round["STATUS"]), ("20260320", "TENTATIVE"));
    let talk = entry(&told, "Prepare for the next round");
    assert!(talk["SUMMARY"].ends_with("A talk\\; on\\, trees"), "{talk:?}");
    let thanks = entry(&told, "Thank Anna Berg");
    assert_eq!((&*thanks["KIND"], &*thanks["STATUS"]), ("VTODO", "NEEDS-ACTION"));
    assert_eq!(
        (&*thanks["DTSTART"], &*thanks["DUE"]),
        ("20260302T140000Z", "20260303T140000Z")
    );
    assert_eq!(thanks["ALARMS"], "20260303T130000Z", "an hour before it is due");
    // What waits makes itself heard when it opens, too.
    let enquiry = entry(&told, "Ask Acme where things stand");
    assert_eq!(enquiry["ALARMS"], "20260316T080000Z 20260318T150000Z");
    // An interview is arranged: the day it was expected on has served its time.
    let at = ["2026-03-19T10:00:00+01:00", "2026-03-19T11:00:00+01:00"];
    scene.schedules(at[0], at[1], &[]).await;
    let told = bare.get(&calendar).await;
    assert!(
        !entries(&told)
            .values()
            .any(|entry| entry["SUMMARY"].starts_with("Next round"))
    );
    scene
        .records(&format!("{}/rejection", scene.acme), json!({"channel": "email"}))
        .await;
    assert_eq!(entry(&bare.get(&calendar).await, "Acme decides")["STATUS"], "CANCELLED");
    // Snoozed, a task is heard when that ends.
    let feedback = scene.task("ask_feedback").await;
    let snooze = format!("{}/tasks/{}/snoozed", scene.ada, feedback["id"].as_str().unwrap());
    scene
        .records(&snooze, json!({"until_at": "2026-03-10T09:00:00+01:00"}))
        .await;
    assert_eq!(
        entry(&bare.get(&calendar).await, "Ask Acme for feedback")["ALARMS"],
        "20260310T080000Z"
    );
}

async fn an_entry_keeps_its_name_and_rises_with_every_change(world: World) {
    let scene = Scene::invited(world).await;
    let calendar = makes(&scene, &scene.ada).await;
    let interview = async || {
        let told = scene.get(&calendar).await;
        let tag = told.header("etag").to_owned();
        let again = scene.request(Method::GET, &calendar).header(IF_NONE_MATCH, &tag);
        let again = scene.send(again).await;
        assert_eq!((again.is(304).header("etag"), again.body.len()), (&*tag, 0));
        (entry(&told, "Interview at"), tag)
    };
    let (mut before, mut tag) = interview().await;
    let same = interview().await;
    assert_eq!((&before, &tag), (&same.0, &same.1));
    // Others' facts change nothing of it, nor does time.
    scene
        .records(&format!("{}/search-activities", scene.ada), json!({"kind": "searched"}))
        .await;
    assert_eq!(interview().await.0, before);
    let new = json!({"starts_at": "2026-03-03T14:00:00+01:00", "ends_at": "2026-03-03T15:00:00+01:00", "time_zone": "Europe/Berlin",
        "location": "Unter den Linden 1, Berlin"});
    scene.records(&format!("{}/rescheduled", scene.interview), new).await;
    let rises = async |before: &mut BTreeMap<String, String>, tag: &mut String| {
        let (now, new_tag) = interview().await;
        let number = |entry: &BTreeMap<String, String>| entry["SEQUENCE"].parse::<u32>().expect("a number");
        assert!(number(&now) > number(before), "{now:?} after {before:?}");
        assert_eq!(now["UID"], before["UID"]);
        assert_ne!(*tag, new_tag);
        (*before, *tag) = (now, new_tag);
    };
    scene.clock.advance(SignedDuration::from_mins(1));
    rises(&mut before, &mut tag).await;
    assert_eq!(before["DTSTART"], "20260303T130000Z");
    assert_eq!(before["LOCATION"], "Unter den Linden 1\\, Berlin");
    let cancelled = scene
        .records(&format!("{}/cancelled", scene.interview), json!({"by": "organisation"}))
        .await;
    rises(&mut before, &mut tag).await;
    assert_eq!(before["STATUS"], "CANCELLED");
    assert_eq!(before["LAST-MODIFIED"], "20260302T080100Z");
    let event = cancelled["event"]["id"].as_str().expect("an id");
    let retraction = format!("{}/events/{event}/retracted", scene.ada);
    scene
        .records(&retraction, json!({"reason": "They meant another one."}))
        .await;
    rises(&mut before, &mut tag).await;
    assert_eq!(before["STATUS"], "CONFIRMED");
    scene
        .patch(&scene.acme, json!({"organisation": {"name": "Acme Europe"}}))
        .await
        .is(200);
    rises(&mut before, &mut tag).await;
    assert_eq!(before["SUMMARY"], "Interview at Acme Europe");
    scene.patch(&scene.anna, json!({"name": "Anna Berger"})).await.is(200);
    rises(&mut before, &mut tag).await;
    assert!(before["DESCRIPTION"].contains("Anna Berger"));
}

async fn times_are_right_where_the_clocks_change(world: World) {
    let scene = Scene::applied(world).await;
    let calendar = makes(&scene, &scene.ada).await;
    // On the last Sunday of March it is two and at once three o'clock.
    for (starts_at, ends_at, start, end) in [
        (
            "2026-03-28T10:00:00+01:00",
            "2026-03-28T11:00:00+01:00",
            "20260328T090000Z",
            "20260328T100000Z",
        ),
        (
            "2026-03-29T01:30:00+01:00",
            "2026-03-29T03:30:00+02:00",
            "20260329T003000Z",
            "20260329T013000Z",
        ),
        (
            "2026-03-30T10:00:00+02:00",
            "2026-03-30T11:00:00+02:00",
            "20260330T080000Z",
            "20260330T090000Z",
        ),
        (
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:30:00+01:00",
            "20261025T003000Z",
            "20261025T013000Z",
        ),
    ] {
        let interview = scene.schedules(starts_at, ends_at, &[]).await;
        let told = entries(&scene.get(&calendar).await);
        let entry = &told[&format!("{}@afterword", id(&interview))];
        assert_eq!((&*entry["DTSTART"], &*entry["DTEND"]), (start, end), "{starts_at}");
    }
}

async fn a_task_that_is_done_stays_for_two_weeks(world: World) {
    let scene = Scene::interviewed(world).await;
    let calendar = makes(&scene, &scene.ada).await;
    let before = entry(&scene.get(&calendar).await, "Thank Anna Berg");
    scene.clock.advance(SignedDuration::from_hours(1));
    scene.writes("thank_you").await;
    let done = entry(&scene.get(&calendar).await, "Thank Anna Berg");
    assert_eq!(
        (&*done["STATUS"], &*done["COMPLETED"]),
        ("COMPLETED", "20260302T151000Z")
    );
    assert_eq!((done["UID"] == before["UID"], done.get("ALARMS")), (true, None));
    let number = |entry: &BTreeMap<String, String>| entry["SEQUENCE"].parse::<u32>().expect("a number");
    assert!(number(&done) > number(&before));
    scene.clock.advance(SignedDuration::from_hours(15 * 24));
    let told = entries(&scene.get(&calendar).await);
    assert!(!told.values().any(|entry| entry["SUMMARY"].starts_with("Thank Anna")));
}

async fn what_is_candid_stands_in_no_calendar(world: World) {
    let scene = Scene::interviewed(world).await;
    let calendar = makes(&scene, &scene.ada).await;
    let question = json!({"question": "Why did you leave?", "category": "experience", "answer": "SECRET-ANSWER",
        "reception": "poorly", "better_answer": "SECRET-BETTER"});
    let question = scene.makes(&format!("{}/questions", scene.interview), question).await;
    scene
        .records(
            &format!("{question}/repairs"),
            json!({"by": "follow_up", "text": "SECRET-REPAIR"}),
        )
        .await;
    scene
        .records(
            &format!("{}/debriefed", scene.interview),
            json!({"overall": 2, "lessons": ["SECRET-LESSON"]}),
        )
        .await;
    let told = String::from_utf8(scene.get(&calendar).await.is(200).body.clone()).expect("text");
    assert!(
        told.contains("Make an answer good") && !told.contains("SECRET"),
        "{told}"
    );
}

async fn an_address_is_shown_once_and_revoked_at_once(world: World) {
    let scene = Scene::applied(world).await;
    let all = format!("{}/calendars", scene.ada);
    let make = async |key: &str| {
        let request = scene.request(Method::POST, &all).header("Idempotency-Key", key);
        scene.send(request.json(&json!({}))).await
    };
    let made = make("one").await;
    let address = path_of(&scene, made.is(201));
    let again = make("one").await;
    assert_eq!(
        (&again.is(201)["id"], &again["url"]),
        (&made["id"], &Value::Null),
        "{again}"
    );
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = make("two").await;
    assert_ne!(other.is(201)["id"], made["id"]);
    let listed = scene.lists(&all).await;
    assert_eq!(listed.len(), 2);
    assert!(
        listed
            .iter()
            .all(|row| row["url"].is_null() && row["created_at"].is_string()),
        "{listed:?}"
    );
    let grace = registers(&scene, "Grace Hopper").await;
    let revoked = format!("{all}/{}", made["id"].as_str().unwrap());
    scene
        .delete(&format!("{grace}/calendars/{}", made["id"].as_str().unwrap()))
        .await
        .refuses(404, "not_found");
    scene.get(&address).await.is(200);
    // Another instance serves it too, and after the revocation neither does.
    let another = scene.another(scene.clock.clone(), app::Options::default());
    another.get(&address).await.is(200);
    let revoke = async || {
        let request = scene
            .request(Method::DELETE, &revoked)
            .header("Idempotency-Key", "gone");
        scene.send(request).await
    };
    assert_eq!(revoke().await.is(200)["id"], made["id"]);
    another.get(&address).await.refuses(404, "not_found");
    scene.get(&address).await.refuses(404, "not_found");
    assert_eq!(revoke().await.is(200).header("idempotency-replayed"), "true");
    scene.delete(&revoked).await.refuses(404, "not_found");
    assert_eq!(scene.lists(&all).await.len(), 1);
    scene.get(&path_of(&scene, &other)).await.is(200);
    let request = scene.request(Method::POST, &all).header("If-Match", "\"x.1\"");
    scene.send(request.json(&json!({}))).await.refuses(412, "stale");
    scene
        .post(&all, json!({"name": "x"}))
        .await
        .refuses(422, "invalid")
        .names("/name");
    scene
        .get(&format!("{all}?limit=1"))
        .await
        .refuses(422, "invalid")
        .names("?limit");
}

async fn an_erased_candidate_has_no_calendar(world: World) {
    let scene = Scene::invited(world).await;
    let calendar = makes(&scene, &scene.ada).await;
    scene.get(&calendar).await.is(200);
    scene.delete(&scene.ada).await.is(200);
    scene.get(&calendar).await.refuses(404, "not_found");
    let all = format!("{}/calendars", scene.ada);
    scene.post(&all, json!({})).await.refuses(409, "candidate_erased");
    scene.get(&all).await.refuses(410, "candidate_erased");
}

async fn whatever_is_no_address_is_not_found(world: World) {
    let scene = Scene::applied(world).await;
    let calendar = makes(&scene, &scene.ada).await;
    let token = calendar.trim_start_matches("/v1/calendars/").trim_end_matches(".ics");
    let last = if token.ends_with('0') { '1' } else { '0' };
    let mut told: Vec<Value> = Vec::new();
    for wrong in [
        "x".to_owned(),
        "awc_".to_owned(),
        format!("{}{last}", &token[..token.len() - 1]),
        token[1..].to_owned(),
        token.to_uppercase(),
        "%00".to_owned(),
        "..%2f".to_owned(),
        "a".repeat(3000),
    ] {
        let mut answer = scene
            .get(&format!("/v1/calendars/{wrong}.ics"))
            .await
            .refuses(404, "not_found")
            .json
            .clone();
        answer["request_id"] = Value::Null;
        told.push(answer);
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
    scene
        .get(&format!("/v1/calendars/{token}"))
        .await
        .refuses(404, "not_found");
    scene
        .get(&format!("{calendar}?as_of=2026-03-02T09:00:00Z"))
        .await
        .refuses(422, "invalid")
        .names("?as_of");
    let head = scene.send(scene.request(Method::HEAD, &calendar)).await;
    assert_eq!(
        (head.is(200).header("content-type"), head.body.len()),
        ("text/calendar; charset=utf-8", 0)
    );
    assert_eq!(
        scene
            .delete(&calendar)
            .await
            .refuses(405, "method_not_allowed")
            .header("allow"),
        "GET, HEAD"
    );
    // A neighbour reads it as anybody does who was told of it; that is what it is for.
    scene.neighbour().await.get(&calendar).await.is(200);
}

async fn an_address_has_its_own_allowance(world: World) {
    let scene = Scene::applied(world).await;
    let (one, other) = (makes(&scene, &scene.ada).await, makes(&scene, &scene.ada).await);
    let options = app::Options {
        rate: Some("2/h".parse().expect("a rate")),
        ..app::Options::default()
    };
    let slow = scene.another(scene.clock.clone(), options);
    assert!(slow.get(&one).await.is(200).header("ratelimit").contains("r=1"));
    slow.get(&one).await.is(200);
    let refused = slow.get(&one).await;
    assert!(
        refused
            .refuses(429, "rate_limited")
            .header("retry-after")
            .parse::<u32>()
            .is_ok()
    );
    slow.get(&other).await.is(200);
}

async fn calendars_are_made_by_who_may_read_and_write(world: World) {
    let scene = Scene::applied(world).await;
    let all = format!("{}/calendars", scene.ada);
    let writer = scene.client("candidates:write", None, None).await;
    writer.post(&all, json!({})).await.refuses(403, "insufficient_scope");
    let reader = scene.client("candidates:read", None, None).await;
    reader.post(&all, json!({})).await.refuses(403, "insufficient_scope");
    let both = scene.client("candidates:read candidates:write", None, None).await;
    makes(&both, &scene.ada).await;
    assert_eq!(reader.lists(&all).await.len(), 1);
}
