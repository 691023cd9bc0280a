//! Links: from an answer to what can be asked next, with the ids that the answer gives. What makes a thing leads to what
//! is about that thing; a list of what comes about by itself, such as tasks, leads to what is about its first row.

use afterword_domain::{catalogue::AnyFact, ids::Kind};
use serde_json::{Map, Value, json};

use super::resolve;
use crate::api::{Api, Operation};

/// The links of an operation's answer; none where it gives no id.
pub(super) fn of(api: &Api, operation: &Operation) -> Option<Value> {
    let given = Given::by(api, operation)?;
    let links: Map<String, Value> = api
        .operations()
        .iter()
        .filter(|next| parameters(&next.path).last() == Some(&given.name) && next.id != operation.id)
        .filter_map(|next| {
            let values = parameters(&next.path).into_iter().map(|name| {
                let value = given.value(operation, name)?;
                Some((name.to_owned(), Value::from(value)))
            });
            let values: Map<String, Value> = values.collect::<Option<_>>()?;
            let link = json!({"operationId": next.id, "description": next.summary, "parameters": values});
            Some((next.id.clone(), link))
        })
        .collect();
    (!links.is_empty()).then_some(Value::Object(links))
}

/// A thing whose id stands in an answer.
struct Given<'a> {
    /// What its id is called in paths.
    name: &'a str,
    /// Where the id stands.
    at: &'static str,
    /// Whether the answer is that to a recorded fact, which names its candidate and its application too.
    recorded: bool,
}

impl<'a> Given<'a> {
    fn by(api: &'a Api, operation: &'a Operation) -> Option<Self> {
        let answer = operation.answer.1["$ref"].as_str()?.rsplit('/').next()?;
        let fact = answer.strip_suffix("Recorded");
        if let Some(fact) = fact.and_then(|name| AnyFact::KINDS.iter().find(|kind| kind.name == name)) {
            return fact.place.is_new().then(|| Self {
                name: fact.about.name(),
                at: "$response.body#/event/subject",
                recorded: true,
            });
        }
        let below = |other: &'a Operation| {
            let rest = other.path.strip_prefix(&operation.path)?.strip_prefix("/{")?;
            rest.split_once('}').map(|(name, _)| name)
        };
        let name = api.operations().iter().find_map(below)?;
        let properties = &resolve(api, &operation.answer.1)["properties"];
        let rows = resolve(api, &properties["data"]["items"]);
        let at = if operation.writes && properties.get("id").is_some() {
            "$response.body#/id"
        } else if !recorded(name) && rows["properties"].get("id").is_some() {
            "$response.body#/data/0/id"
        } else {
            return None;
        };
        Some(Self {
            name,
            at,
            recorded: false,
        })
    }

    /// What stands for a parameter of the next request.
    fn value(&self, operation: &Operation, name: &str) -> Option<String> {
        if name == self.name {
            return Some(self.at.to_owned());
        }
        if self.recorded && [Kind::Candidate.name(), Kind::Application.name()].contains(&name) {
            return Some(format!("$response.body#/event/{name}"));
        }
        parameters(&operation.path)
            .contains(&name)
            .then(|| format!("$request.path.{name}"))
    }
}

/// Whether some fact makes things of this name: its answer gives the id.
fn recorded(name: &str) -> bool {
    let mut kinds = AnyFact::KINDS.iter();
    kinds.any(|fact| fact.place.is_new() && fact.about.name() == name)
}

/// The names of a path's parameters, in order.
fn parameters(path: &str) -> Vec<&str> {
    let parts = path.split('{').skip(1);
    parts
        .filter_map(|part| part.split_once('}').map(|(name, _)| name))
        .collect()
}
