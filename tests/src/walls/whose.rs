//! What is put where an id can stand: another tenant's, or what never was.

use std::collections::BTreeMap;

use super::{
    answers::first_message,
    document::Operation,
    town::{Town, named, never, prefix, writes},
};
use crate::{client::id, scenes::registers};

/// Whose things are sent.
pub enum Whose<'a> {
    Anothers(&'a Town, &'a Borrowed),
    Nobodys,
}

/// What can be taken from a tenant and is no id of a thing.
pub struct Borrowed {
    /// Cursors, by the list that gave them.
    cursors: BTreeMap<String, String>,
    /// The tag of its candidate.
    tag: String,
    /// A candidate who was erased.
    erased: String,
    /// The id of a message of its stream.
    message: String,
    /// Facts, another one for each write.
    facts: BTreeMap<String, String>,
}

/// As long as a cursor or the id of a message, and none.
const NONE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Borrowed {
    pub async fn of(town: &Town, operations: &[Operation]) -> Self {
        let mut cursors = BTreeMap::new();
        for operation in operations
            .iter()
            .filter(|it| it.query.iter().any(|name| name == "cursor") && !it.streams)
        {
            let page = town.client.get(&format!("{}?limit=1", town.path(operation, &[]))).await;
            if let Some(cursor) = page.is(200)["next_cursor"].as_str() {
                cursors.insert(operation.id.clone(), cursor.to_owned());
            }
        }
        assert!(cursors.len() > 10, "{cursors:?}");
        let erased = registers(&town.client, "Alan Turing").await;
        town.client.delete(&erased).await.is(200);
        let facts = town.client.lists_feed().await;
        let facts = facts.iter().map(|fact| fact["id"].as_str().expect("an id").to_owned());
        let writes = operations.iter().filter(|it| writes(it)).map(|it| it.id.clone());
        Self {
            cursors,
            tag: town.client.get(&town.scene.ada).await.header("etag").to_owned(),
            erased: id(&erased).to_owned(),
            message: first_message(&town.client).await,
            facts: writes.zip(facts).collect(),
        }
    }

    /// The cursor of the same list, or that of the feed where the list has one page.
    fn cursor(&self, operation: &str) -> &str {
        self.cursors
            .get(operation)
            .unwrap_or_else(|| &self.cursors["list_events"])
    }
}

impl Whose<'_> {
    /// An id of a kind, by what it begins with.
    pub fn id(&self, prefix: &str) -> String {
        match self {
            Self::Anothers(town, _) => town.thing(named(prefix)).to_owned(),
            Self::Nobodys => never(prefix),
        }
    }

    /// What stands for a part of a path.
    pub fn part(&self, name: &str) -> String {
        match (self, name) {
            (Self::Anothers(town, _), name) => town.thing(name).to_owned(),
            (Self::Nobodys, "version") => "9".to_owned(),
            (Self::Nobodys, name) => never(prefix(name)),
        }
    }

    /// A text by which a tenant names things: a group, an id in its own system, an address.
    pub fn text(&self, name: &str) -> String {
        let mark = match self {
            Self::Anothers(town, _) => town.mark,
            Self::Nobodys => "nobodys",
        };
        match name {
            "group" | "groups" => format!("class-{mark}"),
            "external_id" => format!("crm-{mark}"),
            "url" => format!("https://hooks.example.com:1/{mark}"),
            name => panic!("what is in {name} of another's?"),
        }
    }

    pub fn cursor(&self, operation: &str) -> String {
        match self {
            Self::Anothers(_, borrowed) => borrowed.cursor(operation).to_owned(),
            Self::Nobodys => NONE.to_owned(),
        }
    }

    /// The tag of a candidate.
    pub fn tag(&self) -> String {
        match self {
            Self::Anothers(_, borrowed) => borrowed.tag.clone(),
            Self::Nobodys => "\"AAAAAAAAAAAAAAAAAAAAAA.7\"".to_owned(),
        }
    }

    /// A candidate who was erased.
    pub fn erased(&self) -> String {
        match self {
            Self::Anothers(_, borrowed) => borrowed.erased.clone(),
            Self::Nobodys => never("cnd"),
        }
    }

    /// The id of a message of a stream.
    pub fn message(&self) -> String {
        match self {
            Self::Anothers(_, borrowed) => borrowed.message.clone(),
            Self::Nobodys => NONE.to_owned(),
        }
    }

    /// The id of a fact, another one for each operation: it can be the id of one fact only, also of one's own.
    pub fn fact(&self, operation: &str) -> String {
        match self {
            Self::Anothers(_, borrowed) => borrowed.facts[operation].clone(),
            Self::Nobodys => never("evt"),
        }
    }

    /// The name of a request: another's has been used by it for something else.
    pub fn request(&self, operation: &str) -> String {
        match self {
            Self::Anothers(..) => format!("matrix-{operation}"),
            Self::Nobodys => format!("nobodys-{operation}"),
        }
    }
}
