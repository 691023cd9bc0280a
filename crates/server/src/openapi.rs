//! The OpenAPI document: what the registration of the endpoints and the schemas of the facts add up to.
//! It is shaped for generators of SDKs: every schema named, every variant of the union of facts a
//! component of its own, told apart by `type`; every answer described, every operation with an example.

use actix_web::http::Method;
use afterword_domain::{
    catalogue::AnyFact,
    fact::{Departure, TaskRefs},
    ids,
};
use serde_json::{Map, Value, json};

use crate::{
    api::{Api, Operation, reference},
    edge::{codes::Code, problem},
    events::{envelope_schema, variants},
};

mod links;
mod query;
mod tags;

/// The document, as it is served and committed.
pub fn document(api: &mut Api) -> Value {
    complete(api);
    let mut paths = Map::new();
    for operation in api.operations() {
        let path = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_ascii_lowercase()] = describe(api, operation);
    }
    let mut tags: Vec<&str> = Vec::new();
    for operation in api.operations() {
        if !tags.contains(&operation.tag) {
            tags.push(operation.tag);
        }
    }
    let tags: Vec<Value> = tags
        .into_iter()
        .map(|tag| json!({"name": tag, "description": tags::about(tag)}))
        .collect();
    let schemas: Map<String, Value> = api
        .schemas()
        .iter()
        .map(|(name, schema)| (name.clone(), tidy(one_union(api, schema.clone()))))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Afterword",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Everything a job candidate does after an interview: facts in, task queues, timelines and rejection handling out.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
            "contact": {"name": "The Afterword project"},
        },
        "servers": [{"url": "/", "description": "This service."}],
        "security": [{"key": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key: `aw_live_…` or `aw_test_…`."}},
            "schemas": schemas,
        },
    })
}

/// Adds what the endpoints refer to without naming a type: the problem document and the union of facts.
fn complete(api: &mut Api) {
    api.schema::<problem::Document<'static>>();
    api.schema::<ids::EventId>();
    api.schema::<ids::CandidateId>();
    api.schema::<ids::ApplicationId>();
    api.schema::<ids::Subject>();
    api.schema::<afterword_domain::time::Instant>();
    api.schema::<Departure>();
    api.schema::<TaskRefs>();
    for (name, variant) in variants() {
        let schema = envelope_schema(
            name,
            json!({"allOf": [reference(name)], "description": "The fact itself."}),
        );
        api.schema_of(&variant, schema);
    }
    let erased = envelope_schema(
        "FactErased",
        // Not `null` alone, which openapi-generator has no type for.
        json!({"type": ["object", "null"], "description": "Always `null`: nothing of it can be read."}),
    );
    api.schema_of("FactErasedEvent", erased);
    let names: Vec<(&str, String)> = variants()
        .chain([("FactErased", "FactErasedEvent".to_owned())])
        .collect();
    let mapping: Map<String, Value> = names
        .iter()
        .map(|(name, variant)| ((*name).to_owned(), json!(format!("#/components/schemas/{variant}"))))
        .collect();
    let one_of: Vec<Value> = names.iter().map(|(_, variant)| reference(variant)).collect();
    api.replace(
        "Event",
        json!({
            "description": "A fact of any type.",
            "oneOf": one_of,
            "discriminator": {"propertyName": "type", "mapping": mapping},
        }),
    );
    debug_assert!(AnyFact::KINDS.len() + 1 == names.len());
}

/// A union whose member is a union itself, as one union: openapi-generator takes the inner one for one of its members.
fn one_union(api: &Api, mut schema: Value) -> Value {
    if let Some(members) = schema["oneOf"].as_array() {
        let inner = |member: &Value| {
            let named = member["allOf"].get(0).unwrap_or(member);
            resolve(api, named)["oneOf"].as_array().cloned()
        };
        let flat = members
            .iter()
            .flat_map(|member| inner(member).unwrap_or_else(|| vec![member.clone()]));
        schema["oneOf"] = flat.collect();
    }
    schema
}

/// What utoipa leaves that generators stumble over: `oneOf` of a reference and null, and references with
/// a description beside them.
fn tidy(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(fields) => {
            if fields.contains_key("$ref")
                && fields.len() > 1
                && let Some(target) = fields.shift_remove("$ref")
            {
                fields.insert("allOf".into(), json!([{"$ref": target}]));
            }
            for field in fields.values_mut() {
                *field = tidy(field.take());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = tidy(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    schema
}

fn describe(api: &Api, operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = path_parameters(&operation.path);
    parameters.extend(
        operation
            .query
            .iter()
            .map(|name| query::parameter(name, &operation.path)),
    );
    if operation.writes {
        parameters.push(json!({"name": "Idempotency-Key", "in": "header", "required": false,
            "description": "A name for this request: sent again within 72 hours, it has one effect and the same answer.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255}, "example": "5b1f3c1e-8d0e-4c39-9a55-0d9c2d3f6a11"}));
        if operation.path.starts_with("/v1/candidates/") {
            parameters.push(json!({"name": "If-Match", "in": "header", "required": false,
                "description": "The candidate's ETag: the write is refused when the candidate has moved on.",
                "schema": {"type": "string"}, "example": "\"0192d5f0a1b27c3d8e4f5061728394a5.7\""}));
        }
    }
    let (status, schema) = &operation.answer;
    let mut answers = Map::new();
    let mut content = json!({"schema": schema});
    content["example"] = example(api, schema, 0);
    let told = if operation.writes {
        "Done."
    } else {
        "What was asked for."
    };
    let mut answer =
        json!({"description": told, "headers": headers(operation), "content": {(operation.media): content}});
    if let Some(links) = links::of(api, operation) {
        answer["links"] = links;
    }
    answers.insert(status.to_string(), answer);
    if operation.method == Method::GET && operation.media != "text/event-stream" {
        answers.insert(
            "304".into(),
            json!({"description": "Nothing has changed since the ETag in `If-None-Match`."}),
        );
    }
    for (status, codes) in problems(operation) {
        let names: Vec<String> = codes.iter().map(|code| format!("`{}`", code.name())).collect();
        let (first, base) = (codes[0], "/problems/");
        answers.insert(status.to_string(), json!({
            "description": format!("Refused: {}.", names.join(", ")),
            "content": {"application/problem+json": {
                "schema": reference("Problem"),
                "example": {"type": format!("{base}{}", first.name()), "title": first.title(), "status": status,
                            "detail": first.title(), "code": first.name(), "errors": [], "request_id": "0199e2b4-7c1a-7b3e-9f00-5a4f3a1d2c3b"},
            }},
        }));
    }
    let mut described = json!({
        "tags": [operation.tag],
        "operationId": operation.id,
        "summary": operation.summary,
    });
    let scope = operation
        .scope
        .map(|scope| format!("Needs a key with the scope `{scope}`."));
    let description: Vec<String> = [Some(operation.description.clone()).filter(|it| !it.is_empty()), scope]
        .into_iter()
        .flatten()
        .collect();
    described["description"] = json!(description.join("\n\n"));
    if !parameters.is_empty() {
        described["parameters"] = json!(parameters);
    }
    if let Some((content, schema)) = &operation.body {
        let media = json!({"schema": schema, "example": example(api, schema, 0)});
        let required = requires(api, schema);
        let mut contents = Map::new();
        contents.insert((*content).to_owned(), media);
        described["requestBody"] = json!({"required": required, "description": "The request.", "content": contents});
    }
    // For HTTP schemes OpenAPI 3.1 lets the list name the roles that are needed: here, the scope of the key.
    described["security"] = match operation.scope {
        Some(scope) => json!([{"key": [scope.name()]}]),
        None => json!([]),
    };
    described["responses"] = Value::Object(answers);
    described
}

/// Whether a body has fields that must be there.
fn requires(api: &Api, schema: &Value) -> bool {
    let known = resolve(api, schema);
    known
        .get("required")
        .and_then(Value::as_array)
        .is_some_and(|required| !required.is_empty())
        || known.get("type") == Some(&json!("string"))
}

fn headers(operation: &Operation) -> Value {
    let mut headers = json!({
        "X-Request-Id": {"description": "The request's id, as problems and logs name it.", "schema": {"type": "string"}},
    });
    headers["ETag"] =
        json!({"description": "The tag of the candidate, or of what was read.", "schema": {"type": "string"}});
    if operation.writes {
        headers["Idempotency-Replayed"] = json!({"description": "`true` where the answer is that of an earlier request of the same name.", "schema": {"type": "string"}});
        headers["Location"] = json!({"description": "Where the thing can be read.", "schema": {"type": "string"}});
    }
    headers
}

/// The problems that an operation can answer with, by status.
fn problems(operation: &Operation) -> Vec<(u16, Vec<Code>)> {
    let mut codes = vec![Code::Invalid, Code::RateLimited, Code::Overloaded];
    if operation.scope.is_some() {
        codes.extend([Code::Unauthenticated, Code::InsufficientScope]);
    }
    if operation.path.contains('{') {
        codes.push(Code::NotFound);
    }
    if operation.writes || operation.body.is_some() {
        codes.extend([Code::Malformed, Code::TooLarge, Code::UnsupportedMediaType]);
    }
    codes.extend(&operation.problems);
    let mut by_status: Vec<(u16, Vec<Code>)> = Vec::new();
    for code in codes {
        let status = code.status().as_u16();
        match by_status.iter_mut().find(|(known, _)| *known == status) {
            Some((_, known)) if known.contains(&code) => {}
            Some((_, known)) => known.push(code),
            None => by_status.push((status, vec![code])),
        }
    }
    by_status.sort_by_key(|(status, _)| *status);
    by_status
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.split_once('}').map(|(name, _)| name));
    let kinds = ids::Kind::ALL;
    names
        .map(|name| {
            let kind = kinds.iter().find(|kind| kind.name() == name);
            let prefix = kind.map_or("", |kind| kind.prefix());
            let of_template = match name {
                "kind" => Some(("The kind of note.", "NoteKind", "thank_you")),
                "tone" => Some(("The tone.", "NoteTone", "warm")),
                _ => None,
            };
            if let Some((told, schema, example)) = of_template {
                return json!({"name": name, "in": "path", "required": true, "description": told,
                    "schema": reference(schema), "example": example});
            }
            let (told, example) = match name {
                "token" => ("The secret of the address.".to_owned(), "awc_…".to_owned()),
                _ => (
                    format!("The id of the {}.", name.replace('_', " ")),
                    format!("{prefix}_01k9ze3n8qfq7s5b1x5n0v3gk2"),
                ),
            };
            json!({
                "name": name, "in": "path", "required": true, "description": told,
                "schema": {"type": "string"}, "example": example,
            })
        })
        .collect()
}

fn resolve<'a>(api: &'a Api, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    name.and_then(|name| api.schemas().get(name)).unwrap_or(schema)
}

/// An example that follows from a schema: its own, else one made of its parts.
fn example(api: &Api, schema: &Value, depth: usize) -> Value {
    let schema = resolve(api, schema);
    if depth > 6 {
        return Value::Null;
    }
    if let Some(given) = schema.get("example") {
        return given.clone();
    }
    if let Some(given) = schema["examples"].as_array().and_then(|examples| examples.first()) {
        return given.clone();
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    if let Some(parts) = schema["allOf"].as_array().filter(|parts| parts.len() > 1) {
        let parts = parts.iter().map(|part| example(api, part, depth));
        let fields = parts.filter_map(|part| part.as_object().cloned());
        return Value::Object(fields.flatten().collect());
    }
    for parts in ["allOf", "oneOf", "anyOf"] {
        let part = schema[parts]
            .as_array()
            .and_then(|parts| parts.iter().find(|part| part["type"] != "null"));
        if let Some(part) = part {
            return example(api, part, depth + 1);
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").cloned().unwrap_or_default(),
        kind => kind.clone(),
    };
    match kind.as_str() {
        Some("object") => {
            let required: Vec<&str> = schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let fields = schema["properties"].as_object().into_iter().flatten();
            let wanted = fields.filter(|(name, _)| required.contains(&name.as_str()));
            wanted
                .map(|(name, field)| (name.clone(), example(api, field, depth + 1)))
                .collect::<Map<_, _>>()
                .into()
        }
        Some("array") if depth > 2 => json!([]),
        Some("array") => json!([example(api, &schema["items"], depth + 1)]),
        Some("integer") => schema
            .get("default")
            .or(schema.get("minimum"))
            .cloned()
            .unwrap_or_else(|| json!(1)),
        Some("number") => json!(1.0),
        Some("boolean") => schema.get("default").cloned().unwrap_or_else(|| json!(false)),
        Some("string") => json!("text"),
        _ => Value::Null,
    }
}
