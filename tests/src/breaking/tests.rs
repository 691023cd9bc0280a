//! The document of today against that of the last release, and planted changes of which each must be seen or let pass.

use std::{collections::BTreeSet, fs, path::Path};

use afterword::app;
use serde_json::{Value, json};

use super::{breaks, fields, shape};

/// What the last release refused already, without its document saying so: whoever sent it was answered 422, then as now.
/// Found by schemathesis.
const TOLD_LATE: [&str; 4] = [
    "Days, as sent: has another pattern",
    "Label, as sent: has another pattern",
    "Line, as sent: has another pattern",
    "Locale, as sent: has another pattern",
];

/// With `AFTERWORD_RELEASED=1`, when a release is made, the document of today becomes that of the last release.
#[test]
fn clients_of_the_last_release_are_not_broken() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi/released.json");
    let now = shape(&app::openapi());
    if std::env::var("AFTERWORD_RELEASED").as_deref() == Ok("1") {
        fs::write(&file, a_line_each(&now)).expect("written");
    }
    let released = serde_json::from_slice(&fs::read(&file).expect("openapi/released.json")).expect("JSON");
    let mut found = breaks(&released, &now);
    for told in TOLD_LATE {
        assert!(found.remove(told), "`{told}` is over: off the list with it");
    }
    assert!(found.is_empty(), "clients of the last release break: {found:#?}");
}

/// A line for each path and each schema: what changed from release to release can be seen.
fn a_line_each(document: &Value) -> String {
    let lines = |of: &Value| {
        let lines = fields(of).map(|(name, value)| format!("{}: {value}", json!(name)));
        lines.collect::<Vec<_>>().join(",\n")
    };
    let (paths, schemas) = (lines(&document["paths"]), lines(&document["components"]["schemas"]));
    format!("{{\"paths\": {{\n{paths}\n}}, \"components\": {{\"schemas\": {{\n{schemas}\n}}}}}}\n")
}

/// What a planted change does to the document of today.
fn planted(change: impl FnOnce(&mut Value)) -> BTreeSet<String> {
    let old = shape(&app::openapi());
    let mut new = old.clone();
    change(&mut new);
    assert_ne!(old, new, "nothing was changed");
    breaks(&old, &new)
}

fn remove(value: &mut Value, name: &str) {
    value
        .as_object_mut()
        .expect("an object")
        .shift_remove(name)
        .expect("was there");
}

fn push(value: &mut Value, item: Value) {
    value.as_array_mut().expect("a list").push(item);
}

const REQUESTS: &str = "/v1/candidates/{candidate}/applications/{application}/document-requests";

#[track_caller]
fn breaks_by(told: &str, change: impl FnOnce(&mut Value)) {
    let found = planted(change);
    assert!(found.iter().any(|it| it.contains(told)), "not «{told}»: {found:#?}");
}

#[test]
fn what_is_gone_is_seen() {
    breaks_by("record_document_requested: post", |it| {
        remove(&mut it["paths"], REQUESTS)
    });
    breaks_by("get_candidate: get", |it| {
        remove(&mut it["paths"]["/v1/candidates/{candidate}"], "get")
    });
    breaks_by("does not take \"types\"", |it| {
        let parameters = it["paths"]["/v1/events"]["get"]["parameters"]
            .as_array_mut()
            .expect("parameters");
        parameters.retain(|parameter| parameter["name"] != "types");
    });
    breaks_by("Task, as answered: has no why", |it| {
        remove(&mut it["components"]["schemas"]["Task"]["properties"], "why");
    });
    breaks_by("RecordDocumentRequested, as sent: has no needed_by", |it| {
        remove(
            &mut it["components"]["schemas"]["RecordDocumentRequested"]["properties"],
            "needed_by",
        );
    });
    breaks_by("Task: the schema is gone", |it| {
        remove(&mut it["components"]["schemas"], "Task")
    });
    breaks_by("does not answer 201", |it| {
        let answers = &mut it["paths"][REQUESTS]["post"]["responses"];
        answers["202"] = answers["201"].clone();
        remove(answers, "201");
    });
    breaks_by("can be no NoteSentEvent", |it| {
        let union = it["components"]["schemas"]["Event"]["oneOf"]
            .as_array_mut()
            .expect("a union");
        union.retain(|member| member["$ref"] != "#/components/schemas/NoteSentEvent");
    });
}

#[test]
fn what_is_demanded_or_refused_anew_is_seen() {
    breaks_by("RecordDocumentRequested, as sent: demands needed_by", |it| {
        push(
            &mut it["components"]["schemas"]["RecordDocumentRequested"]["required"],
            json!("needed_by"),
        );
    });
    breaks_by("list_events: demands \"candidate\"", |it| {
        let parameters = it["paths"]["/v1/events"]["get"]["parameters"]
            .as_array_mut()
            .expect("parameters");
        let candidate = parameters
            .iter_mut()
            .find(|it| it["name"] == "candidate")
            .expect("a parameter");
        candidate["required"] = json!(true);
    });
    breaks_by("maximum is 50", |it| {
        let parameters = it["paths"]["/v1/events"]["get"]["parameters"]
            .as_array_mut()
            .expect("parameters");
        let limit = parameters
            .iter_mut()
            .find(|it| it["name"] == "limit")
            .expect("a parameter");
        limit["schema"]["maximum"] = json!(50);
    });
    breaks_by("Channel, as sent: \"phone\"", |it| {
        let values = it["components"]["schemas"]["Channel"]["enum"]
            .as_array_mut()
            .expect("values");
        values.retain(|value| value != "phone");
    });
    breaks_by("posting_url, as sent: null", |it| {
        let fields = &mut it["components"]["schemas"]["RecordApplicationRevised"]["properties"];
        fields["posting_url"] = fields["posting_url"]["oneOf"][0].clone();
    });
    breaks_by("FactsToRecord, as sent: demands atomic", |it| {
        push(
            &mut it["components"]["schemas"]["FactsToRecord"]["required"],
            json!("atomic"),
        );
    });
}

#[test]
fn what_is_answered_otherwise_is_seen() {
    breaks_by("TaskState, as answered: \"asleep\"", |it| {
        push(&mut it["components"]["schemas"]["TaskState"]["enum"], json!("asleep"));
    });
    breaks_by("Task, as answered: may have no title", |it| {
        let required = it["components"]["schemas"]["Task"]["required"]
            .as_array_mut()
            .expect("required");
        required.retain(|name| name != "title");
    });
    breaks_by("Task/title, as answered: was {\"string\"}", |it| {
        it["components"]["schemas"]["Task"]["properties"]["title"]["type"] = json!("integer");
    });
    breaks_by("Task/title, as answered: null", |it| {
        it["components"]["schemas"]["Task"]["properties"]["title"]["type"] = json!(["string", "null"]);
    });
    breaks_by("Instant, as answered: the format", |it| {
        it["components"]["schemas"]["Instant"]["format"] = json!("date");
    });
    breaks_by("is called \"list_facts\"", |it| {
        it["paths"]["/v1/events"]["get"]["operationId"] = json!("list_facts");
    });
    breaks_by("is filed under", |it| {
        it["paths"]["/v1/events"]["get"]["tags"] = json!(["Feed"])
    });
    breaks_by("has no application/json", |it| {
        let answer = &mut it["paths"]["/v1/events"]["get"]["responses"]["200"];
        answer["content"] = json!({"text/csv": answer["content"]["application/json"].clone()});
    });
}

#[test]
fn what_is_new_and_optional_breaks_nobody() {
    let found = planted(|it| {
        let schemas = &mut it["components"]["schemas"];
        schemas["Task"]["properties"]["colour"] = json!({"type": "string"});
        push(&mut schemas["Task"]["required"], json!("colour"));
        schemas["RecordDocumentRequested"]["properties"]["colour"] = json!({"type": "string"});
        push(
            &mut schemas["Event"]["oneOf"],
            json!({"$ref": "#/components/schemas/MoonRisenEvent"}),
        );
        schemas["MoonRisenEvent"] = json!({"type": "object"});
        push(
            &mut schemas["FactToRecord"]["properties"]["type"]["enum"],
            json!("MoonRisen"),
        );
        let events = it["paths"]["/v1/events"]["get"].clone();
        let parameters = &mut it["paths"]["/v1/events"]["get"]["parameters"];
        push(
            parameters,
            json!({"name": "moon", "in": "query", "required": false, "schema": {"type": "string"}}),
        );
        it["paths"]["/v1/events"]["get"]["responses"]["418"] = json!({});
        it["paths"]["/v1/moons"] = json!({"get": events});
    });
    assert_eq!(found, BTreeSet::new());
}
