//! The OpenAPI document, read as an attacker would: which operations there are, and where an id can stand.

use afterword::app;
use reqwest::Method;
use serde_json::Value;

/// An operation, as the document tells it.
#[derive(Clone)]
pub struct Operation {
    pub method: Method,
    pub path: String,
    pub id: String,
    /// The scope that its `security` names; none: no key is asked for.
    pub scope: Option<String>,
    /// The names of the parameters in its path.
    pub parts: Vec<String>,
    pub query: Vec<String>,
    pub headers: Vec<String>,
    /// The content type of its body, and its schema.
    pub body: Option<(String, Value)>,
    /// Whether it answers with a stream that has no end.
    pub streams: bool,
}

/// A place in a body: `/interviewers/0`, and what its schema says of it.
#[derive(Debug, Clone)]
pub struct Place {
    pub pointer: String,
    pub schema: Value,
}

/// The document.
pub struct Document(Value);

/// How the pattern of every id ends.
const ID: &str = "_[0-7][0-9a-hjkmnp-tv-z]{25}$";

impl Place {
    /// What an id in this place begins with; empty where a thing of any kind may stand. None: it is no id.
    pub fn prefix(&self) -> Option<&str> {
        let prefix = self.schema["pattern"].as_str()?.strip_suffix(ID)?.strip_prefix('^')?;
        Some(if prefix == "[a-z]+" { "" } else { prefix })
    }

    /// The name of the field.
    pub fn name(&self) -> &str {
        let mut names = self.pointer.rsplit('/').filter(|part| *part != "0");
        names.next().unwrap_or_default()
    }
}

impl Document {
    pub fn read() -> Self {
        Self(app::openapi())
    }

    pub fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, methods) in self.0["paths"].as_object().expect("paths") {
            for (method, told) in methods.as_object().expect("methods") {
                operations.push(operation(path, method, told));
            }
        }
        assert!(operations.len() > 150, "the operations are found");
        operations
    }

    /// A schema by its name.
    pub fn schema(&self, name: &str) -> &Value {
        let schema = &self.0["components"]["schemas"][name];
        assert!(schema.is_object(), "there is no schema {name}");
        schema
    }

    /// Every place of a body where a text can stand, nested as deep as it may be.
    pub fn texts(&self, schema: &Value) -> Vec<Place> {
        let mut places = Vec::new();
        self.walk(schema, String::new(), &mut Vec::new(), &mut places);
        places
    }

    fn walk<'a>(&'a self, schema: &'a Value, pointer: String, within: &mut Vec<&'a str>, places: &mut Vec<Place>) {
        if let Some(name) = schema["$ref"].as_str() {
            if !within.contains(&name) {
                within.push(name);
                let short = name.rsplit('/').next().unwrap_or_default();
                self.walk(self.schema(short), pointer, within, places);
                within.pop();
            }
            return;
        }
        for member in ["allOf", "oneOf", "anyOf"]
            .iter()
            .filter_map(|of| schema[*of].as_array())
            .flatten()
        {
            self.walk(member, pointer.clone(), within, places);
        }
        if schema["type"] == "string"
            || schema["type"]
                .as_array()
                .is_some_and(|it| it.contains(&"string".into()))
        {
            let schema = schema.clone();
            places.push(Place {
                pointer: pointer.clone(),
                schema,
            });
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            self.walk(field, format!("{pointer}/{name}"), within, places);
        }
        if schema["items"].is_object() {
            self.walk(&schema["items"], format!("{pointer}/0"), within, places);
        }
        if schema["additionalProperties"].is_object() {
            self.walk(&schema["additionalProperties"], format!("{pointer}/x"), within, places);
        }
    }
}

fn operation(path: &str, method: &str, told: &Value) -> Operation {
    let named = |place: &str| {
        let parameters = told["parameters"].as_array().into_iter().flatten();
        let here = parameters.filter(|it| it["in"] == place);
        here.map(|it| it["name"].as_str().expect("a name").to_owned()).collect()
    };
    let security = told["security"]
        .as_array()
        .expect("every operation says which key it needs");
    let scope = security.first().map(|needs| {
        assert_eq!(security.len(), 1, "{told}");
        let scopes = needs["key"].as_array().expect("scopes");
        assert_eq!(scopes.len(), 1, "{told}");
        scopes[0].as_str().expect("a scope").to_owned()
    });
    let contents = told["requestBody"]["content"].as_object();
    let body = contents.and_then(|contents| contents.iter().next());
    let answers = told["responses"].as_object().expect("answers");
    Operation {
        method: method.to_uppercase().parse().expect("a method"),
        path: path.to_owned(),
        id: told["operationId"].as_str().expect("an id").to_owned(),
        scope,
        parts: named("path"),
        query: named("query"),
        headers: named("header"),
        body: body.map(|(content, it)| (content.clone(), it["schema"].clone())),
        streams: answers
            .values()
            .any(|it| it["content"]["text/event-stream"].is_object()),
    }
}
