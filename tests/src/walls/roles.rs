//! Who may do what: every operation with every kind of key. What is let in is what the document declares, and the whole
//! table lies beside this file, so that a right that changes is seen by whoever reviews the change.

use std::{collections::BTreeMap, fmt::Write};

use afterword_domain::ids::CandidateId;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{
    answers::shown,
    document::{Document, Operation},
    probes::{Probe, places},
    town::{Town, never, prefix, server},
    whose::{Borrowed, Whose},
};
use crate::{
    client::{Answer, Client, id},
    harness::World,
    scenes::{Scene, registers},
    stories,
};

stories![who_may_do_what_stands_in_a_table, scopes_add_up];

/// Operations for which no key is needed, and why.
const OPEN: &[(&str, &str)] = &[(
    "get_calendar",
    "calendar programs send no key: the address is the secret",
)];

/// The scopes, as the document writes them.
const SCOPES: &[&str] = &[
    "admin",
    "candidates:read",
    "candidates:write",
    "debriefs:read",
    "events:read",
    "webhooks:manage",
];

/// What keys there are beside those of one scope each, with all scopes where they are bound.
const OTHERS: &[&str] = &["no key", "revoked", "expired", "no scope"];

/// Asks with a key for what never was, or, where the path names no thing, for what there is.
async fn asks(town: &Town, client: &Client, operation: &Operation, body: Value) -> Answer {
    let nobodys: Vec<_> = operation
        .parts
        .iter()
        .filter_map(|name| match name.as_str() {
            "kind" | "tone" => None,
            "token" => Some((name.as_str(), "awc_x".to_owned())),
            "version" => Some((name.as_str(), "9".to_owned())),
            name => Some((name, never(prefix(name)))),
        })
        .collect();
    let instead: Vec<_> = nobodys.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = operation.body.as_ref().map(|_| body);
    town.asks_as(client, operation, &town.path(operation, &instead), &[], body)
        .await
}

/// A body that is refused wherever it is looked at, so that being let in has no effect.
fn unfit() -> Value {
    json!({"no such field": 1})
}

/// What the table says of an answer: the key was let in, or what it got instead.
fn mark(answer: &Answer) -> &'static str {
    match answer.status {
        401 => "401",
        403 => "403",
        404 => "404",
        405 | 500.. => panic!("{answer}"),
        _ => "yes",
    }
}

async fn who_may_do_what_stands_in_a_table(world: World) {
    let document = Document::read();
    let mut operations = document.operations();
    operations.sort_by_key(|it| (it.path.clone(), it.method.to_string()));
    let (service, base) = server(&world);
    let town = Town::new(world, &service, &base, "own").await;
    let keys = keys(&town).await;
    let columns: Vec<&str> = SCOPES.iter().chain(OTHERS).copied().collect();

    // What the document declares is what each key is let in to, and by default it is nothing.
    let tried = stream::iter(&operations).flat_map(|operation| {
        let (town, keys) = (&town, &keys);
        stream::iter(columns.clone()).map(move |column| async move {
            let answer = asks(town, &keys[column], operation, unfit()).await;
            let declared = operation.scope.as_deref();
            let (status, code) = match column {
                _ if declared.is_none() => {
                    assert!(
                        OPEN.iter().any(|(id, _)| *id == operation.id),
                        "{} asks for no key: why?",
                        operation.id
                    );
                    (answer.status, "")
                }
                "no key" | "revoked" | "expired" => (401, "unauthenticated"),
                scope if scope == "admin" || declared == Some(scope) => (answer.status, ""),
                _ => (403, "insufficient_scope"),
            };
            if code.is_empty() {
                assert!(
                    ![401, 403, 405].contains(&answer.status) && answer.status < 500,
                    "{column}: {answer}"
                );
            } else {
                answer.refuses(status, code);
            }
            assert_eq!(
                code == "unauthenticated",
                answer.maybe_header("www-authenticate").is_some(),
                "{answer}"
            );
            // What is let in got as far as to look for the thing.
            let cell = if code.is_empty() { "yes" } else { mark(&answer) };
            ((operation.id.clone(), column), cell)
        })
    });
    let mut cells: BTreeMap<_, _> = tried.buffer_unordered(8).collect().await;

    // Keys of one candidate and of a group, which may do all else: what they do at home, and what of others they see.
    let bounds = bounds(&town).await;
    for (column, client, home) in &bounds {
        for operation in &operations {
            let path = town.path(operation, &[]);
            let body = if *home { unfit() } else { town.body(operation) };
            let body = operation.body.as_ref().map(|_| body);
            // Where there is nothing wrong with a body, a stale tag keeps it from having an effect.
            let stale: &[_] = if *home && operation.headers.iter().any(|it| it == "If-Match") {
                &[("If-Match", "\"x.9\"")]
            } else {
                &[]
            };
            let answer = town.asks_as(client, operation, &path, stale, body).await;
            let cell = mark(&answer);
            if operation.path.contains("{candidate}") && !home {
                answer.refuses(404, "not_found");
                assert_eq!(
                    shown(&answer, &[]),
                    shown(&asks(&town, client, operation, town.body(operation)).await, &[]),
                    "{answer}"
                );
            }
            cells.insert((operation.id.clone(), *column), cell);
        }
    }
    // Nor are others there in queries and bodies.
    let borrowed = Borrowed::of(&town, &operations).await;
    let (anothers, nobodys) = (Whose::Anothers(&town, &borrowed), Whose::Nobodys);
    for (column, client, _) in bounds.iter().filter(|(.., home)| !home) {
        let elsewhere = operations.iter().filter(|it| !it.path.contains("{candidate}"));
        for probe in elsewhere
            .flat_map(|it| places(&document, it))
            .filter(Probe::names_a_thing)
        {
            let here = probe.run_as(client, &town, &anothers).await;
            let there = probe.run_as(client, &town, &nobodys).await;
            let (told, expected) = (shown(&here.0, &here.1), shown(&there.0, &there.1));
            assert_eq!(told, expected, "{column}: {}", probe.told());
        }
    }
    let columns: Vec<&str> = columns
        .into_iter()
        .chain(bounds.iter().map(|(column, ..)| *column))
        .collect();
    insta::assert_snapshot!("who_may_do_what", table(&operations, &columns, &cells));
}

/// A key of each scope alone, and those that are none or have none.
async fn keys(town: &Town) -> BTreeMap<&'static str, Client> {
    let mut keys = BTreeMap::new();
    for scope in SCOPES {
        let key = town.scene.client(scope, None, None).await;
        keys.insert(*scope, town.client.with_key(key.key()));
    }
    let none = town.scene.client("", None, None).await;
    keys.insert("no scope", town.client.with_key(none.key()));
    keys.insert("no key", town.client.with_key(""));
    for column in ["revoked", "expired"] {
        let made = town.client.post("/v1/keys", json!({"scopes": ["admin"]})).await;
        let path = format!("/v1/keys/{}", made.is(201)["id"].as_str().expect("an id"));
        if column == "revoked" {
            town.client.delete(&path).await.is(200);
        } else {
            town.client.post(&format!("{path}/rolled"), json!({})).await.is(201);
        }
        keys.insert(column, town.client.with_key(made["key"].as_str().expect("a key")));
    }
    keys
}

/// Bound keys with every scope, each at home and with others.
async fn bounds(town: &Town) -> Vec<(&'static str, Client, bool)> {
    let every = SCOPES.join(" ");
    let scene: &Scene = &town.scene;
    let ada: CandidateId = id(&scene.ada).parse().expect("an id");
    let grace: CandidateId = id(&registers(scene, "Grace Hopper").await).parse().expect("an id");
    let at = |client: Client| town.client.with_key(client.key());
    let group = format!("class-{}", town.mark);
    vec![
        (
            "another's candidate",
            at(scene.client(&every, Some(grace.uuid()), None).await),
            false,
        ),
        (
            "another group's",
            at(scene.client(&every, None, Some("elsewhere")).await),
            false,
        ),
        (
            "own candidate",
            at(scene.client(&every, Some(ada.uuid()), None).await),
            true,
        ),
        ("own group's", at(scene.client(&every, None, Some(&group)).await), true),
    ]
}

fn table(operations: &[Operation], columns: &[&str], cells: &BTreeMap<(String, &str), &str>) -> String {
    let mut text = String::new();
    for (nth, column) in columns.iter().enumerate() {
        writeln!(text, "{}{column}", "|    ".repeat(nth)).expect("written");
    }
    for operation in operations {
        let row: Vec<_> = columns
            .iter()
            .map(|column| format!("{:4}", cells[&(operation.id.clone(), *column)]))
            .collect();
        let name = format!("{:6} {}", operation.method.as_str(), operation.path);
        writeln!(text, "{} {name}", row.join(" ")).expect("written");
    }
    text
}

async fn scopes_add_up(world: World) {
    let both = world.client("candidates:read candidates:write", None, None).await;
    let ada = registers(&both, "Ada Lovelace").await;
    both.get(&ada).await.is(200);
    both.get("/v1/events").await.refuses(403, "insufficient_scope");
    // Who may only write learns what became of the writing.
    let writer = world.client("candidates:write", None, None).await;
    let facts = json!({"facts": [{"type": "What", "data": {}}]});
    writer.post(&format!("{ada}/facts"), facts).await.is(200);
    writer.get(&ada).await.refuses(403, "insufficient_scope");
}
