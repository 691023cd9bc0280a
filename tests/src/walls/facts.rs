//! Facts told many at once: the same places as in requests of one fact each, tried in each of them.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    answers::{ids_in, shown},
    document::{Document, Operation},
    probes::put,
    town::{Town, named, never, server},
};
use crate::{client::Answer, harness::World, stories};

stories![a_fact_among_many_reaches_nothing_of_anothers];

/// Types of facts that no request records by itself, and why.
const BY_THE_SERVICE: &[&str] = &["PlaybookAdopted", "CandidateErased", "ContactErased", "NoteReviewed"];

/// `record_interview_held` records `InterviewHeld`.
fn kind_of(operation: &Operation) -> Option<String> {
    let words = operation.id.strip_prefix("record_")?.split('_');
    Some(words.map(|word| word[..1].to_uppercase() + &word[1..]).collect())
}

/// A fact as a request of its own tells it, for a list: what its path names stands in the fact.
fn fact(town: &Town, operation: &Operation, kind: &str, schema: &Value) -> Value {
    let mut fact = json!({"type": kind, "data": town.body(operation)});
    for name in operation.parts.iter().filter(|name| *name != "candidate") {
        let thing = json!(town.thing(name));
        if schema["properties"][name].is_object() {
            fact["data"][name] = thing;
        } else {
            fact[if name == "application" {
                "application"
            } else {
                "subject"
            }] = thing;
        }
    }
    fact
}

async fn a_fact_among_many_reaches_nothing_of_anothers(world: World) {
    let document = Document::read();
    let operations = document.operations();
    let (service, base) = server(&world);
    let own = world.neighbour().await;
    let theirs = Town::new(world, &service, &base, "theirs").await;
    let own = Town::new(own, &service, &base, "own").await;
    let known = &document.schema("FactToRecord")["properties"]["type"]["enum"];
    let known = known.as_array().expect("types");
    // Each fact with another's thing in one place, and with nobody's.
    let (mut tried, mut another, mut nobody) = (Vec::new(), Vec::new(), Vec::new());
    let mut kinds = BTreeSet::new();
    for operation in &operations {
        let Some(kind) = kind_of(operation).filter(|kind| known.contains(&json!(kind))) else {
            continue;
        };
        let fact = fact(&own, operation, &kind, document.schema(&kind));
        let mut places: Vec<(String, String)> = ["application", "subject"]
            .into_iter()
            .filter_map(|field| Some((format!("/{field}"), fact[field].as_str()?.split_once('_')?.0.to_owned())))
            .collect();
        let fields = document.texts(document.schema(&kind));
        let ids = fields
            .iter()
            .filter_map(|place| Some((format!("/data{}", place.pointer), place.prefix()?.to_owned())));
        places.extend(ids);
        for (pointer, prefix) in places {
            let with = |value: &str| {
                let mut fact = fact.clone();
                put(&mut fact, &pointer, value);
                fact
            };
            let theirs = theirs.thing(named(&prefix)).to_owned();
            let never = never(&prefix);
            another.push((with(&theirs), theirs));
            nobody.push((with(&never), never));
            tried.push(format!("{kind} at {pointer}"));
        }
        kinds.insert(kind);
    }
    for kind in known.iter().filter_map(Value::as_str) {
        assert!(
            kinds.contains(kind) || BY_THE_SERVICE.contains(&kind),
            "no request records {kind}: it is not tried"
        );
    }
    assert!(tried.len() > 60, "{} places", tried.len());
    let before = theirs.client.lists_feed().await;
    let head = own.scene.head().await;
    let list = async |facts: &[(Value, String)]| {
        let facts: Vec<_> = facts.iter().map(|(fact, _)| fact.clone()).collect();
        let answer = own
            .client
            .post(&format!("{}/facts", own.scene.ada), json!({"facts": facts}))
            .await;
        results(answer.is(200))
    };
    let lines = async |facts: &[(Value, String)]| {
        let told = facts.iter().map(|(fact, _)| {
            let mut fact = fact.clone();
            fact["candidate"] = json!(own.thing("candidate"));
            format!("{fact}\n")
        });
        lines_of(&own, told.collect()).await
    };
    for (here, there) in [
        (list(&another).await, list(&nobody).await),
        (lines(&another).await, lines(&nobody).await),
    ] {
        assert_eq!(here.len(), tried.len());
        for (nth, what) in tried.iter().enumerate() {
            let (sent, never) = (&another[nth].1, &nobody[nth].1);
            let told = |result: &Answer, sent: &String| shown(result, std::slice::from_ref(sent));
            assert_eq!(told(&here[nth], sent), told(&there[nth], never), "{what}");
            assert_eq!(
                here[nth]["problem"]["code"], "unknown_reference",
                "{what}: {}",
                here[nth]
            );
            assert!(ids_in(&here[nth]).iter().all(|id| id == sent), "{what}: {}", here[nth]);
        }
    }
    // A whole candidate of another's is nobody either, alone and among many.
    let fact =
        json!({"type": "DocumentRequested", "application": theirs.thing("application"), "data": {"document": "x"}});
    let mut told = Vec::new();
    for candidate in [theirs.thing("candidate").to_owned(), never("cnd")] {
        let mut line = fact.clone();
        line["candidate"] = json!(candidate);
        let result = lines_of(&own, format!("{line}\n")).await.remove(0);
        assert_eq!(result["problem"]["code"], "unknown_reference", "{result}");
        told.push(shown(&result, &[candidate, theirs.thing("application").to_owned()]));
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(own.scene.head().await, head, "something was recorded");
    assert_eq!(theirs.client.lists_feed().await, before);
}

/// Results as answers of their own.
fn results(answer: &Answer) -> Vec<Answer> {
    let rows = answer["results"].as_array().expect("results");
    rows.iter()
        .map(|row| Answer::of("a fact", 0, reqwest::header::HeaderMap::new(), row.to_string().into()))
        .collect()
}

/// The same, sent as lines.
async fn lines_of(town: &Town, body: String) -> Vec<Answer> {
    let request = town
        .client
        .request(Method::POST, "/v1/facts")
        .header("Content-Type", "application/x-ndjson");
    let answer = town.client.send(request.body(body)).await;
    let text = String::from_utf8(answer.is(200).body.clone()).expect("text");
    text.lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            line.as_object_mut().expect("a result").remove("line");
            Answer::of("a line", 0, reqwest::header::HeaderMap::new(), line.to_string().into())
        })
        .collect()
}
