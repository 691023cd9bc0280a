//! Every operation of the contract, and paths and bodies that fit it: what must hold everywhere is tried everywhere.

use afterword::{api::Api, edge::scopes::Scope};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{client::id, scenes::Scene};

/// An operation of the contract, as code and document agree on it.
pub struct Operation {
    pub method: Method,
    pub path: String,
    pub query: &'static [&'static str],
    pub scope: Scope,
    /// The content type of its body.
    pub body: Option<&'static str>,
}

/// Every operation that needs a key, but the stream: it has no end, and a story of its own.
pub fn operations() -> Vec<Operation> {
    let api = Api::of_the_mission();
    let operation = |it: &afterword::api::Operation| {
        Some(Operation {
            method: it.method.as_str().parse().expect("a method"),
            path: it.path.clone(),
            query: it.query,
            scope: it.scope?,
            body: it.body.as_ref().map(|(content_type, _)| *content_type),
        })
    };
    let ends = |it: &&afterword::api::Operation| it.path != "/v1/events/stream";
    api.operations().iter().filter(ends).filter_map(operation).collect()
}

/// The paths of a template for the things that a scene has.
pub async fn paths_of(scene: &Scene, template: &str) -> Vec<String> {
    let mut paths = vec![template.replace("{candidate}", id(&scene.ada))];
    while let Some(open) = paths.first().and_then(|path| path.find('{')) {
        let name = paths[0][open + 1..].split('}').next().unwrap().to_owned();
        if name == "note_delivery" {
            // These are listed under their notes.
            let mut found = Vec::new();
            for path in &paths {
                let list = path.split("/{note_delivery}").next().unwrap();
                for delivery in scene.lists_all(list).await {
                    found.push(path.replace("{note_delivery}", delivery["id"].as_str().unwrap()));
                }
            }
            assert!(!found.is_empty(), "there is no delivery of a note");
            paths = found;
            continue;
        }
        let plural = match name.as_str() {
            "status_enquiry" => "status-enquiries".to_owned(),
            "search_activity" => "search-activities".to_owned(),
            "research_note" => "research".to_owned(),
            name => format!("{}s", name.replace('_', "-")),
        };
        let list = format!("{}/{plural}", scene.ada);
        let list = if name == "application" {
            format!("{list}?status=opened,interviewing,awaiting,quiet,silent,offered,rejected")
        } else {
            list
        };
        let things = scene.lists_all(&list).await;
        assert!(!things.is_empty(), "there is no {name}");
        let ids: Vec<&str> = things
            .iter()
            .take(2)
            .map(|thing| thing["id"].as_str().unwrap())
            .collect();
        paths = paths
            .iter()
            .flat_map(|path| ids.iter().map(|id| path.replace(&format!("{{{name}}}"), id)))
            .collect();
    }
    paths
}

/// A body that would do, were it one's own candidate.
pub fn body_of(path: &str, scene: &Scene) -> Value {
    let anna = id(&scene.anna);
    match path.rsplit('/').next().unwrap() {
        "applications" => json!({"organisation": {"name": "Bolt"}, "position": "Engineer"}),
        "interviews" | "rescheduled" => {
            let mut body = json!({"starts_at": "2026-03-12T14:00:00+01:00", "ends_at": "2026-03-12T15:00:00+01:00", "time_zone": "Europe/Berlin"});
            if path.ends_with("interviews") {
                body["format"] = json!("onsite");
            }
            body
        }
        "cancelled" => json!({"by": "organisation"}),
        "held" => json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        "interviewers" => json!({"interviewers": [anna]}),
        "contacts" => json!({"name": "Bo Li"}),
        "suggestions" => json!({"kind": "other", "recipients": [anna]}),
        "notes" | "check" => json!({"kind": "other", "recipients": [anna], "channel": "email"}),
        "waivers" => json!({"finding": "fnd_1", "reason": "So it is."}),
        "decision-dates" => json!({"decide_by": "2026-03-12"}),
        "status-enquiries" | "rejection" | "feedback-requests" => json!({"channel": "email"}),
        "status-reports" => json!({"summary": "Soon"}),
        "document-requests" => json!({"document": "references"}),
        "delays" => json!({"expected_on": "2026-03-12"}),
        "sent" if path.contains("document") => json!({"channel": "email"}),
        "feedback" => json!({"text": "Be bolder."}),
        "door-kept-open" => json!({"revisit_on": "2026-06-12"}),
        "reopened" | "retracted" | "dismissed" => json!({"reason": "So it is."}),
        "snoozed" => json!({"until_at": "2026-03-12T14:00:00+01:00"}),
        "next-round-questions" => json!({"channel": "email"}),
        "prepared" => json!({"item": "A talk"}),
        "openings" => json!({"organisation_name": "Bolt", "position": "Engineer"}),
        "search-activities" => json!({"kind": "searched"}),
        "research" => json!({"about": "industry", "headline": "Prices rise", "stance": "neutral"}),
        "reconsidered" => json!({"reason": "So it is."}),
        "references" => json!({"contact": anna, "relationship": "We worked together"}),
        "connections" => json!({"contact": anna}),
        "notices" if path.contains("connections") => json!({"application": id(&scene.acme), "channel": "email"}),
        "notices" => json!({"interview": id(&scene.interview), "channel": "email"}),
        "checks" | "thanked" => json!({"application": id(&scene.acme)}),
        "touches" => json!({"channel": "phone"}),
        "introductions" => json!({"organisation_name": "Bolt"}),
        "questions" => {
            json!({"question": "Why?", "category": "other", "answer": "Because.", "reception": "neutral"})
        }
        "repairs" => json!({"by": "follow_up", "text": "More."}),
        "resolved" => json!({"accepted": true}),
        "debriefed" => json!({"overall": 3}),
        "facts" => json!({"facts": [{"type": "ContactCollected", "data": {"name": "Bo Li"}}]}),
        _ => json!({}),
    }
}
