//! Query parameters, described once for all endpoints.

use serde_json::{Value, json};

use crate::{api::reference, imports::Format};

/// The parameter of this name, of the endpoints at this path.
pub(super) fn parameter(name: &str, path: &str) -> Value {
    let text = || json!({"type": "string"});
    let list_of = |schema: &str| json!({"type": "array", "items": reference(schema)});
    let (description, schema, example) = match name {
        "limit" => (
            "How many rows a page holds, 1 to 100.",
            json!({"type": "integer", "format": "int32", "minimum": 1, "maximum": 100, "default": 50}),
            json!(50),
        ),
        "cursor" => (
            "Where to read on: the `next_cursor` of the page before.",
            text(),
            json!("Yt0x2uLrk2mJ"),
        ),
        "as_of" => (
            "What was known at this moment, judged at it.",
            reference("Instant"),
            json!("2026-03-02T15:00:00Z"),
        ),
        "state" if path.ends_with("/deliveries") => (
            "Deliveries in these states only, with commas.",
            list_of("DeliveryState"),
            json!(["pending", "failed"]),
        ),
        "url" => (
            "Webhooks with exactly this address.",
            text(),
            json!("https://hooks.example.com/afterword"),
        ),
        "state" => (
            "The states to list, with commas; left out: open and overdue.",
            list_of("TaskState"),
            json!(["open", "overdue"]),
        ),
        "status" => (
            "The statuses to list, with commas; left out: all that are not final.",
            list_of("ApplicationStatus"),
            json!(["awaiting", "quiet"]),
        ),
        "stage" => (
            "The stages to list, with commas; left out: all.",
            list_of("RejectionStage"),
            json!(["received", "thanked"]),
        ),
        "play" => ("Tasks of this play only.", text(), json!("write_thank_you")),
        "application" => (
            "Of this application only.",
            reference("ApplicationId"),
            json!("app_01k9ze3n8qfq7s5b1x5n0v3gk2"),
        ),
        "candidate" => (
            "Of this candidate only.",
            reference("CandidateId"),
            json!("cnd_01k9ze3n8qfq7s5b1x5n0v3gk2"),
        ),
        "group" => ("Of candidates with this label only.", text(), json!("class-of-2026")),
        "external_id" => (
            "The candidate with this id in the client's own system.",
            text(),
            json!("crm-4711"),
        ),
        "due_before" => (
            "Tasks that are due before this moment only.",
            reference("Instant"),
            json!("2026-03-06T17:00:00Z"),
        ),
        "snoozed" => (
            "Whether tasks that are hidden for a while are listed too.",
            json!({"type": "boolean", "default": false}),
            json!(true),
        ),
        "retracted" => (
            "Whether facts that were taken back are shown, marked.",
            json!({"type": "boolean", "default": false}),
            json!(true),
        ),
        "recipient" => (
            "To this one of the note's recipients only.",
            reference("ContactId"),
            json!("con_01k9ze3n8qfq7s5b1x5n0v3gk2"),
        ),
        "types" => (
            "Facts of these types only, with commas.",
            json!({"type": "array", "items": text()}),
            json!(["InterviewHeld", "NoteSent"]),
        ),
        "wait" => (
            "How many seconds to wait for the next fact, 0 to 60.",
            json!({"type": "integer", "format": "int32", "minimum": 0, "maximum": 60, "default": 0}),
            json!(30),
        ),
        "order" => (
            "`asc`: the oldest first; `desc`: the newest first.",
            json!({"type": "string", "enum": ["asc", "desc"], "default": "asc"}),
            json!("asc"),
        ),
        "format" => (
            "What the file is.",
            if path == "/v1/imports" {
                json!({"type": "string", "enum": [Format::Export.name()]})
            } else {
                json!({"type": "string", "enum": Format::ALL.iter().map(|format| format.name()).collect::<Vec<_>>()})
            },
            json!(if path == "/v1/imports" { "export" } else { "ics" }),
        ),
        "version" => (
            "The version of vCard.",
            json!({"type": "string", "enum": ["3.0", "4.0"], "default": "4.0"}),
            json!("4.0"),
        ),
        "map" => (
            "With `format=csv`: what the columns are, as JSON; `docs/imports.md` shows how it is written.",
            text(),
            json!(r#"{"target": "openings", "columns": {"organisation": "Company", "position": "Job Title"}}"#),
        ),
        "dry_run" => (
            "Whether to tell only what would be recorded.",
            json!({"type": "boolean", "default": false}),
            json!(true),
        ),
        "atomic" => (
            "Whether all of the file is recorded, or nothing.",
            json!({"type": "boolean", "default": false}),
            json!(true),
        ),
        _ => ("", text(), json!("")),
    };
    let required = name == "format" && path.ends_with("/imports");
    let mut parameter = json!({"name": name, "in": "query", "required": required, "description": description, "schema": schema, "example": example});
    if parameter["schema"]["type"] == "array" {
        parameter["style"] = json!("form");
        parameter["explode"] = json!(false);
    }
    parameter
}
