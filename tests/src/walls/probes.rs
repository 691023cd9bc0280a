//! The places of the matrix in which something of another's can stand and nothing may come of it.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    document::{Document, Operation, Place},
    town::Town,
    whose::Whose,
};
use crate::client::{Answer, Client};

/// Parts of paths that name a form, and no thing.
const FORMS: &[(&str, &str)] = &[
    ("kind", "a kind of note, the same for everybody"),
    ("tone", "a tone, the same for everybody"),
    (
        "token",
        "the address is its own key and asks for no other: see `secrets.rs`",
    ),
];

/// Query parameters that lead to things, and what their ids begin with; none: they are led to by a text.
const LEADING: &[(&str, Option<&str>)] = &[
    ("candidate", Some("cnd")),
    ("application", Some("app")),
    ("recipient", Some("con")),
    ("group", None),
    ("external_id", None),
    ("url", None),
    ("cursor", None),
];

/// Query parameters that lead to nothing.
const PLAIN: &[&str] = &[
    "limit",
    "as_of",
    "status",
    "stage",
    "state",
    "play",
    "due_before",
    "snoozed",
    "retracted",
    "types",
    "wait",
    "order",
    "format",
    "version",
    "map",
    "dry_run",
    "atomic",
];

/// Fields of bodies whose ids the client chooses: another's may stand in them, and are not the same thing.
pub const CHOSEN: &[&str] = &["id", "subject"];

/// Fields of bodies that are called like something another tenant has, and are none of its things.
pub const TEXTS: &[&str] = &["group", "groups", "external_id"];

/// One place, and what is tried in it.
pub struct Probe<'a> {
    operation: &'a Operation,
    at: At<'a>,
}

enum At<'a> {
    /// A part of the path.
    Part(&'a str),
    /// All parts of the path at once.
    Path,
    /// The same, looking back.
    Past,
    /// A query parameter.
    Query(&'a str, Option<&'static str>),
    /// All parts of the path at once, and only the head of the answer is asked for.
    Head,
    /// The candidate, who was erased.
    Erased,
    /// `If-Match`.
    Tag,
    /// `If-None-Match`, where only the head of the answer is asked for.
    Known,
    /// `Last-Event-ID`.
    Resumed,
    /// A field of the body.
    Field(Place),
}

impl Probe<'_> {
    /// Whether it is the id of a thing, in a query or in a body.
    pub const fn names_a_thing(&self) -> bool {
        matches!(self.at, At::Query(_, Some(_)) | At::Field(_))
    }

    /// Tries it in a town; the answer, and what was sent.
    pub async fn run(&self, town: &Town, whose: &Whose<'_>) -> (Answer, Vec<String>) {
        self.run_as(&town.client, town, whose).await
    }

    /// The same with another key.
    pub async fn run_as(&self, client: &Client, town: &Town, whose: &Whose<'_>) -> (Answer, Vec<String>) {
        let operation = self.operation;
        let own = town.path(operation, &[]);
        let body = operation.body.as_ref().map(|_| town.body(operation));
        match &self.at {
            At::Part(name) => {
                let value = whose.part(name);
                let path = town.path(operation, &[(name, &value)]);
                (town.asks_as(client, operation, &path, &[], body).await, vec![value])
            }
            At::Erased => {
                let value = whose.erased();
                let path = town.path(operation, &[("candidate", &value)]);
                (town.asks_as(client, operation, &path, &[], body).await, vec![value])
            }
            At::Path | At::Past | At::Head => {
                let parts = operation.parts.iter().filter(|name| !is_form(name));
                let values: Vec<_> = parts.map(|name| (name.as_str(), whose.part(name))).collect();
                let instead: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let mut path = town.path(operation, &instead);
                if matches!(self.at, At::Past) {
                    path += "?as_of=2026-03-02T14:00:00Z";
                }
                let operation = match self.at {
                    At::Head => head_of(operation),
                    _ => operation.clone(),
                };
                let sent = values.into_iter().map(|(_, value)| value).collect();
                (town.asks_as(client, &operation, &path, &[], body).await, sent)
            }
            At::Query(name, kind) => {
                let value = match (kind, *name) {
                    (Some(prefix), _) => whose.id(prefix),
                    (None, "cursor") => whose.cursor(&operation.id),
                    (None, name) => whose.text(name),
                };
                let path = format!("{own}?{name}={value}");
                (town.asks_as(client, operation, &path, &[], body).await, vec![value])
            }
            At::Tag | At::Known => {
                let value = whose.tag();
                let (operation, header) = match self.at {
                    At::Tag => (operation.clone(), "If-Match"),
                    _ => (head_of(operation), "If-None-Match"),
                };
                (
                    town.asks_as(client, &operation, &own, &[(header, &value)], body).await,
                    vec![value],
                )
            }
            At::Resumed => {
                let value = whose.message();
                (
                    town.asks_as(client, operation, &own, &[("Last-Event-ID", &value)], body)
                        .await,
                    vec![value],
                )
            }
            At::Field(place) => {
                let value = whose.id(place.prefix().expect("a place of an id"));
                let mut body = body.expect("a body");
                put(&mut body, &place.pointer, &value);
                (
                    town.asks_as(client, operation, &own, &[], Some(body)).await,
                    vec![value],
                )
            }
        }
    }

    /// What the answer must be, beside the same for both.
    pub fn demands(&self, answer: &Answer) {
        let operation = self.operation;
        match &self.at {
            At::Part(_) | At::Path | At::Past | At::Erased => drop(answer.refuses(404, "not_found")),
            At::Head => assert!(answer.is(404).body.is_empty(), "{answer}"),
            At::Known => assert_ne!(answer.status, 304, "{answer}"),
            At::Query("recipient", _) => drop(answer.refuses(422, "invalid").names("?recipient")),
            At::Query("cursor", _) => drop(answer.refuses(422, "invalid").names("?cursor")),
            At::Query("application", _) if operation.id == "import_file" => {
                answer.refuses(422, "unknown_reference").names("?application");
            }
            At::Query(..) if operation.streams => drop(answer.is(200)),
            At::Query(name, _) => {
                let rows = answer.is(200)["data"].as_array();
                assert!(rows.is_some_and(Vec::is_empty), "?{name} leads somewhere: {answer}");
            }
            At::Tag => drop(answer.refuses(412, "stale")),
            At::Resumed => drop(answer.refuses(422, "invalid").names("Last-Event-ID")),
            At::Field(place) => drop(answer.refuses(422, "unknown_reference").names(&place.pointer)),
        }
    }

    pub fn told(&self) -> String {
        let at = match &self.at {
            At::Part(name) => format!("{{{name}}}"),
            At::Path => "the whole path".to_owned(),
            At::Past => "the whole path, looking back".to_owned(),
            At::Query(name, _) => format!("?{name}"),
            At::Head => "the whole path of a HEAD".to_owned(),
            At::Erased => "{candidate}, who was erased".to_owned(),
            At::Tag => "If-Match".to_owned(),
            At::Known => "If-None-Match".to_owned(),
            At::Resumed => "Last-Event-ID".to_owned(),
            At::Field(place) => place.pointer.clone(),
        };
        format!("{} at {at}", self.operation.id)
    }
}

/// The same, but only the head of the answer is asked for.
fn head_of(operation: &Operation) -> Operation {
    Operation {
        method: Method::HEAD,
        ..operation.clone()
    }
}

fn is_form(name: &str) -> bool {
    FORMS.iter().any(|(form, _)| *form == name)
}

/// Puts a value where a pointer leads, and makes what is missing on the way.
pub fn put(body: &mut Value, pointer: &str, value: &str) {
    let mut here = body;
    for part in pointer.split('/').skip(1) {
        here = if part == "0" {
            if here.as_array().is_none_or(Vec::is_empty) {
                *here = json!([null]);
            }
            &mut here[0]
        } else {
            &mut here[part]
        };
    }
    *here = json!(value);
}

/// The fields of an operation's body in which ids can stand, and texts that name things.
pub fn fields(document: &Document, operation: &Operation) -> Vec<Place> {
    let texts = operation
        .body
        .as_ref()
        .map(|(_, schema)| document.texts(schema))
        .unwrap_or_default();
    let mut seen = BTreeSet::new();
    let of_things = |place: &Place| {
        let (name, text) = (place.name(), TEXTS.contains(&place.name()));
        let like_an_id = name.ends_with("_id") || ["candidate", "application", "interview", "contact"].contains(&name);
        let told = place.prefix().is_some() || text;
        assert!(
            told || !like_an_id,
            "{}: what can stand at {}?",
            operation.id,
            place.pointer
        );
        told && seen.insert(place.pointer.clone())
    };
    texts.into_iter().filter(of_things).collect()
}

/// Every place of an operation. One that is not known by its name is an error, so that none is left out.
pub fn places<'a>(document: &Document, operation: &'a Operation) -> Vec<Probe<'a>> {
    let parts: Vec<_> = operation.parts.iter().filter(|name| !is_form(name)).collect();
    let mut places: Vec<_> = parts.iter().map(|name| At::Part(name)).collect();
    if parts.len() > 1 {
        places.push(At::Path);
    }
    if operation.parts.iter().any(|name| name == "candidate") {
        places.push(At::Erased);
    }
    if operation.method == Method::GET && !operation.streams {
        // Where no key is asked for, the address itself says whose it is.
        if operation.scope.is_some() {
            places.push(At::Known);
        }
        if !parts.is_empty() {
            places.push(At::Head);
        }
    }
    if !parts.is_empty() && operation.query.iter().any(|name| name == "as_of") {
        places.push(At::Past);
    }
    for name in &operation.query {
        match LEADING.iter().find(|(leading, _)| leading == name) {
            Some((_, kind)) => places.push(At::Query(name, *kind)),
            None => assert!(
                PLAIN.contains(&name.as_str()),
                "{}: does ?{name} lead to a thing?",
                operation.id
            ),
        }
    }
    for name in &operation.headers {
        match name.as_str() {
            "If-Match" => places.push(At::Tag),
            // Tried where something is done.
            "Idempotency-Key" => {}
            other => panic!("{}: does {other} lead to a thing?", operation.id),
        }
    }
    if operation.streams {
        places.push(At::Resumed);
    }
    // Facts among many are tried in `facts.rs`.
    let fields = fields(document, operation)
        .into_iter()
        .filter(|_| operation.id != "record_facts");
    places.extend(
        fields
            .filter(|it| it.prefix().is_some() && !CHOSEN.contains(&it.name()))
            .map(At::Field),
    );
    places.into_iter().map(|at| Probe { operation, at }).collect()
}
