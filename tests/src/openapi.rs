//! The contract: the committed OpenAPI document is what the code says, and a client can be made of it. With
//! `AFTERWORD_UPDATE=1` the committed file is written anew.

use std::{collections::BTreeSet, path::PathBuf};

use afterword::{app, edge::codes::Code};
use afterword_domain::{catalogue::AnyFact, fact::FactKind};
use serde_json::Value;

use crate::{harness::World, stories};

stories![the_document_and_its_pages_are_served_without_a_key];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, methods): (&String, &'_ Value)| (path.clone(), methods.as_object().expect("methods").len());
    assert!(paths.iter().map(of).all(|(_, methods)| methods > 0));
    let mut operations = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            operations.push((format!("{} {path}", method.to_uppercase()), operation));
        }
    }
    operations
}

#[test]
fn the_committed_document_is_what_the_code_says() {
    let file = root().join("openapi/afterword.json");
    let says = format!("{}\n", serde_json::to_string_pretty(&app::openapi()).expect("JSON"));
    if std::env::var("AFTERWORD_UPDATE").as_deref() == Ok("1") {
        std::fs::write(&file, &says).expect("written");
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    if committed != says {
        let line = committed
            .lines()
            .zip(says.lines())
            .position(|(committed, says)| committed != says);
        panic!(
            "openapi/afterword.json is not what the code says from line {line:?} on: look at the change, then AFTERWORD_UPDATE=1 writes it"
        );
    }
}

#[test]
fn every_operation_has_an_id_words_and_an_example() {
    let document = app::openapi();
    for tag in document["tags"].as_array().expect("tags") {
        assert_ne!(tag["description"], "", "{tag} wants a sentence in openapi/tags.rs");
    }
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        let id = operation["operationId"].as_str().expect("an id");
        assert!(ids.insert(id), "{id} twice");
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{id}");
        for words in ["summary", "description"] {
            assert!(
                operation[words].as_str().is_some_and(|words| !words.trim().is_empty()),
                "{name} has no {words}"
            );
        }
        let mut good = 0;
        for (status, answer) in operation["responses"].as_object().expect("responses") {
            assert!(
                answer["description"].as_str().is_some_and(|told| !told.is_empty()),
                "{name} {status}"
            );
            if status == "304" {
                continue;
            }
            let (kind, content) = answer["content"]
                .as_object()
                .and_then(|content| content.iter().next())
                .unwrap_or_else(|| panic!("{name} {status} has no content"));
            assert!(
                !content["example"].is_null() && !content["schema"].is_null(),
                "{name} {status}"
            );
            if status.starts_with('2') {
                good += 1;
            } else {
                assert_eq!(
                    (kind.as_str(), &content["schema"]["$ref"]),
                    ("application/problem+json", &"#/components/schemas/Problem".into()),
                    "{name} {status}"
                );
            }
        }
        assert_eq!(good, 1, "{name}");
        let keyless = operation["security"] == serde_json::json!([]);
        for status in ["401", "403", "422", "429", "503"] {
            if keyless && status.starts_with("40") {
                continue;
            }
            assert!(
                operation["responses"].get(status).is_some(),
                "{name} says nothing of {status}"
            );
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(
                parameter["description"].as_str().is_some_and(|told| !told.is_empty()),
                "{name}: {parameter}"
            );
            assert!(!parameter["example"].is_null(), "{name}: {parameter}");
        }
        if let Some(body) = operation.get("requestBody") {
            let content = body["content"]
                .as_object()
                .expect("content")
                .values()
                .next()
                .expect("one");
            assert!(!content["example"].is_null(), "{name} has no example of its body");
        }
        let names: Vec<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|it| it["name"].as_str())
            .collect();
        assert_eq!(
            names.iter().collect::<BTreeSet<_>>().len(),
            names.len(),
            "{name}: {names:?}"
        );
        let in_path: Vec<&str> = name
            .split('{')
            .skip(1)
            .map(|part| part.split('}').next().expect("a name"))
            .collect();
        assert!(in_path.iter().all(|part| names.contains(part)), "{name}: {names:?}");
        // A check, a suggestion and a test of a webhook store nothing.
        let asks = ["/check", "/suggestions", "/test"]
            .iter()
            .any(|end| name.ends_with(end));
        let writes = !name.starts_with("GET") && !asks;
        assert_eq!(names.contains(&"Idempotency-Key"), writes, "{name}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_led_to() {
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = app::openapi();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for reference in &found {
        let name = reference
            .strip_prefix("#/components/schemas/")
            .unwrap_or_else(|| panic!("{reference}"));
        assert!(schemas.contains_key(name), "{name} is no schema");
    }
    let unused: Vec<_> = schemas
        .keys()
        .filter(|name| !found.contains(format!("#/components/schemas/{name}").as_str()))
        .collect();
    assert!(unused.is_empty(), "nothing refers to {unused:?}");
    for (name, schema) in schemas {
        assert!(
            schema["description"].as_str().is_some_and(|told| !told.is_empty()),
            "{name} is not described"
        );
    }
}

#[test]
fn the_union_of_facts_is_told_apart_by_type() {
    let document = app::openapi();
    let schemas = &document["components"]["schemas"];
    let event = &schemas["Event"];
    assert_eq!(event["discriminator"]["propertyName"], "type");
    let mapping = event["discriminator"]["mapping"].as_object().expect("a mapping");
    assert_eq!(event["oneOf"].as_array().map(Vec::len), Some(mapping.len()));
    for (name, variant) in mapping {
        assert_eq!(variant, &format!("#/components/schemas/{name}Event"));
        assert_eq!(
            schemas[format!("{name}Event")]["properties"]["type"]["enum"],
            serde_json::json!([name])
        );
        let by_itself = |kind: &FactKind| kind.by_the_clock || kind.by_the_service;
        let by_the_clock = AnyFact::KINDS.iter().any(|kind| by_itself(kind) && kind.name == name);
        if name != "FactErased" && !by_the_clock {
            let operation = operations(&document)
                .into_iter()
                .find(|(_, operation)| operation["operationId"] == format!("record_{}", snake(name)));
            let (_, operation) = operation.unwrap_or_else(|| panic!("{name} cannot be recorded"));
            let answers = operation["responses"].as_object().expect("answers");
            let (_, answer) = answers
                .iter()
                .find(|(status, _)| status.starts_with('2'))
                .expect("an answer");
            let answer = answer["content"]["application/json"]["schema"]["$ref"]
                .as_str()
                .expect("a reference");
            assert_eq!(answer, format!("#/components/schemas/{name}Recorded"));
            let told = &schemas[format!("{name}Recorded")]["properties"]["event"];
            assert!(
                told.to_string().contains(&format!("#/components/schemas/{name}Event")),
                "{told}"
            );
        }
    }
}

fn snake(name: &str) -> String {
    let letters = name.char_indices();
    letters
        .map(|(at, letter)| {
            if letter.is_uppercase() && at > 0 {
                format!("_{}", letter.to_lowercase())
            } else {
                letter.to_lowercase().to_string()
            }
        })
        .collect()
}

/// Every code with which the domain or the log refuses, as their sources name it.
fn refusals() -> BTreeSet<String> {
    fn sources(folder: &std::path::Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
                found.push(path);
            }
        }
    }
    let mut files = Vec::new();
    sources(&root().join("crates/domain/src"), &mut files);
    sources(&root().join("crates/store/src"), &mut files);
    let mut codes = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source");
        for made in ["Refusal::new(", "Self::new("] {
            for rest in text.split(made).skip(1) {
                let Some(quoted) = rest.trim_start().strip_prefix('"') else {
                    continue;
                };
                let code = quoted.split('"').next().unwrap_or_default();
                if !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                    codes.insert(code.to_owned());
                }
            }
        }
    }
    codes
}

#[test]
fn every_refusal_of_the_domain_has_its_row_in_the_table_of_codes() {
    let codes = refusals();
    for known in [
        "still_needed",
        "candidate_erased",
        "already_recorded",
        "unknown_reference",
        "id_taken",
    ] {
        assert!(codes.contains(known), "{known} was not found in the sources: {codes:?}");
    }
    for code in codes {
        assert!(
            Code::named(&code).is_some(),
            "`{code}` has no row in the table of codes"
        );
    }
}

async fn the_document_and_its_pages_are_served_without_a_key(world: World) {
    let bare = world.with_key("");
    let served = bare.get("/openapi.json").await;
    assert_eq!(served.is(200).json, app::openapi());
    assert!(served.header("content-type").starts_with("application/json"));
    assert_eq!(bare.get("/docs").await.is(307).header("location"), "/docs/");
    let page = bare.get("/docs/").await;
    assert!(page.is(200).header("content-type").starts_with("text/html"));
    let html = String::from_utf8(page.body.clone()).expect("text");
    // Every asset comes from here, and is there.
    let assets: Vec<&str> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|name| html.split(name).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(assets.len() >= 3, "{html}");
    for asset in assets {
        assert!(!asset.contains("//"), "{asset} needs a network");
        let path = format!("/docs/{}", asset.trim_start_matches("./"));
        bare.get(&path).await.is(200);
    }
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
    for code in Code::ALL {
        let page = bare.get(&format!("/problems/{}", code.name())).await;
        assert!(page.is(200).header("content-type").starts_with("text/html"), "{page}");
    }
    bare.get("/problems/nothing").await.refuses(404, "not_found");
    assert_eq!(bare.get("/healthz").await.is(200).json["status"], "ok");
    assert_eq!(bare.get("/readyz").await.is(200).json["status"], "ready");
}
