//! Two schemas of one thing: whether what was sent is still taken, and what is answered can still be read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fields;

/// Which way a value goes, as the client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// What is new must take all that the old one took.
    Sent,
    /// What is new must not say more than the old one said.
    Read,
}

/// The schemas of both documents, and what was found of them.
pub struct Schemas<'a> {
    old: &'a Value,
    new: &'a Value,
    seen: BTreeSet<(String, String, Direction)>,
    pub found: BTreeSet<String>,
}

/// A schema with its references resolved and its parts put together.
#[derive(Default)]
struct Whole<'a> {
    name: Option<&'a str>,
    types: BTreeSet<&'a str>,
    null: bool,
    values: Option<BTreeSet<String>>,
    properties: BTreeMap<&'a str, &'a Value>,
    required: BTreeSet<&'a str>,
    items: Option<&'a Value>,
    union: BTreeMap<String, &'a Value>,
    told_apart: bool,
    rules: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Whole<'a> {
    fn of(document: &'a Value, schema: &'a Value) -> Self {
        let mut whole = Self::default();
        whole.add(document, schema);
        whole
    }

    fn add(&mut self, document: &'a Value, schema: &'a Value) {
        if let Some(name) = named(schema) {
            self.name = self.name.or(Some(name));
            self.add(document, &document["components"]["schemas"][name]);
        }
        let list = |name: &str| schema[name].as_array().into_iter().flatten();
        for part in list("allOf") {
            self.add(document, part);
        }
        let members: Vec<&Value> = list("oneOf").chain(list("anyOf")).collect();
        self.null |= members.iter().any(|member| member["type"] == "null");
        let members: Vec<&Value> = members.into_iter().filter(|it| it["type"] != "null").collect();
        match members[..] {
            [one] => self.add(document, one),
            _ => {
                let key = |member: &Value| named(member).map_or_else(|| member.to_string(), ToOwned::to_owned);
                self.union.extend(members.iter().map(|member| (key(member), *member)));
            }
        }
        self.told_apart |= schema.get("discriminator").is_some();
        for kind in list("type").chain([&schema["type"]]).filter_map(Value::as_str) {
            match kind {
                "null" => self.null = true,
                kind => {
                    self.types.insert(kind);
                }
            }
        }
        if let Some(values) = schema["enum"].as_array() {
            self.values
                .get_or_insert_default()
                .extend(values.iter().map(Value::to_string));
        }
        self.properties
            .extend(fields(&schema["properties"]).map(|(name, it)| (name.as_str(), it)));
        self.required.extend(list("required").filter_map(Value::as_str));
        self.items = self.items.or(schema.get("items"));
        self.rules.extend(fields(schema).map(|(name, it)| (name.as_str(), it)));
    }

    fn is_anything(&self) -> bool {
        self.types.is_empty() && self.union.is_empty()
    }

    /// What a map holds.
    fn others(&self) -> Option<&'a Value> {
        self.rules
            .get("additionalProperties")
            .copied()
            .filter(|it| it.is_object())
    }

    fn limit(&self, name: &str) -> Option<f64> {
        self.rules.get(name).and_then(|it| it.as_f64())
    }
}

fn named(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|path| path.rsplit('/').next())
}

impl<'a> Schemas<'a> {
    pub fn new(old: &'a Value, new: &'a Value) -> Self {
        Self {
            old,
            new,
            seen: BTreeSet::new(),
            found: BTreeSet::new(),
        }
    }

    /// Compares a value that goes one way; `place` names it where its schema has no name.
    pub fn compare(&mut self, place: &str, old: &'a Value, new: &'a Value, direction: Direction) {
        let (old, new) = (Whole::of(self.old, old), Whole::of(self.new, new));
        let (narrow, wide) = match direction {
            Direction::Sent => (&old, &new),
            Direction::Read => (&new, &old),
        };
        let way = match direction {
            Direction::Sent => "as sent",
            Direction::Read => "as answered",
        };
        // Whether it may be null is said beside the name of a schema, all else within it.
        if narrow.null && !wide.null && !wide.is_anything() {
            self.found.insert(format!("{place}, {way}: null is another thing now"));
        }
        let place = old.name.unwrap_or(place).to_owned();
        if let (Some(was), Some(is)) = (old.name, new.name)
            && !self.seen.insert((was.to_owned(), is.to_owned(), direction))
        {
            return;
        }
        let mut tell = |told: String| {
            self.found.insert(format!("{place}, {way}: {told}"));
        };
        if !wide.types.is_empty() && (narrow.types.is_empty() || !narrow.types.is_subset(&wide.types)) {
            tell(format!("was {:?}, is {:?}", old.types, new.types));
        }
        let (was, is) = (old.rules.get("format"), new.rules.get("format"));
        if was != is {
            tell(format!("the format was {was:?}, is {is:?}"));
        }
        let closed = |whole: &Whole<'_>| whole.rules.get("additionalProperties").is_some_and(|it| **it == false);
        if direction == Direction::Sent && closed(&new) && !closed(&old) {
            tell("takes no other fields any more".into());
        }
        if direction == Direction::Sent {
            for (rule, tighter) in [
                ("minimum", f64::gt as fn(&f64, &f64) -> bool),
                ("minLength", f64::gt),
                ("minItems", f64::gt),
                ("maximum", f64::lt),
                ("maxLength", f64::lt),
                ("maxItems", f64::lt),
            ] {
                if let Some(is) = new.limit(rule)
                    && old.limit(rule).is_none_or(|was| tighter(&is, &was))
                {
                    tell(format!("{rule} is {is} now"));
                }
            }
            if new
                .rules
                .get("pattern")
                .is_some_and(|is| old.rules.get("pattern") != Some(is))
            {
                tell("has another pattern".into());
            }
        }
        let none = BTreeSet::new();
        match (&narrow.values, &wide.values) {
            (None, Some(_)) => tell("only some values are left, or were known".into()),
            (values, Some(known)) => {
                for value in values.as_ref().unwrap_or(&none).difference(known) {
                    tell(format!("{value} is not among the values of both"));
                }
            }
            _ => {}
        }
        if let (Some(was), Some(is)) = (&old.values, &new.values) {
            // A constant of generated code is gone.
            was.difference(is)
                .for_each(|value| tell(format!("{value} is not among the values of both")));
        }
        for name in old.properties.keys().filter(|name| !new.properties.contains_key(*name)) {
            tell(format!("has no {name} any more"));
        }
        for name in wide_required(direction, &old, &new) {
            tell(match direction {
                Direction::Sent => format!("demands {name} now"),
                Direction::Read => format!("may have no {name} now"),
            });
        }
        if old.union.is_empty() != new.union.is_empty() {
            tell("was or is a union".into());
        }
        for member in old.union.keys().filter(|member| !new.union.contains_key(*member)) {
            tell(format!("can be no {member} any more"));
        }
        // A union that is told apart may grow: whoever reads the feed asks for the `types` that he knows.
        if direction == Direction::Read && !old.told_apart {
            for member in new.union.keys().filter(|member| !old.union.contains_key(*member)) {
                tell(format!("can be {member} too"));
            }
        }
        let both = |old: &BTreeMap<_, &'a Value>, new: &BTreeMap<_, &'a Value>| -> Vec<_> {
            let both = old
                .iter()
                .filter_map(|(name, was)| Some((format!("{place}/{name}"), *was, *new.get(name)?)));
            both.collect()
        };
        let mut deeper = both(&old.properties, &new.properties);
        let union = old
            .union
            .iter()
            .filter_map(|(name, was)| Some((name.clone(), *was, *new.union.get(name)?)));
        deeper.extend(union);
        deeper.extend(
            old.items
                .zip(new.items)
                .map(|(was, is)| (format!("{place}/*"), was, is)),
        );
        deeper.extend(
            old.others()
                .zip(new.others())
                .map(|(was, is)| (format!("{place}/*"), was, is)),
        );
        for (place, was, is) in deeper {
            self.compare(&place, was, is, direction);
        }
    }
}

/// What a client does not send, or relies on.
fn wide_required<'a>(direction: Direction, old: &Whole<'a>, new: &Whole<'a>) -> Vec<&'a str> {
    let (more, less) = match direction {
        Direction::Sent => (&new.required, &old.required),
        Direction::Read => (&old.required, &new.required),
    };
    more.difference(less).copied().collect()
}
