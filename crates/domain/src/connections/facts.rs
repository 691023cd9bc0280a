//! The facts about connections.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Connection, Introduction, asked_again};
use crate::{
    applications::organisation,
    candidate::Candidate,
    contacts::name_of,
    fact::{At, Departure, Fact, Place, mention, mention_if},
    ids::{ApplicationId, ConnectionId, ContactId, IntroductionId, Kind, Subject},
    outcome,
    references::{Heard, Helper},
    refusal::Refusal,
    values::{Channel, Days, Line, Text, few},
};

/// Somebody is named as a connection: they are to hear from the candidate now and then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionNamed {
    /// Who.
    pub contact: ContactId,
    /// The organisations where they know somebody, beside their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "few")]
    #[schema(required = false, max_items = 100)]
    pub organisation_names: Vec<Line>,
    /// How often a word is due; left out: as the playbook has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cadence: Option<Days>,
    /// Where the two know each other from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub origin: Option<Text>,
}

/// A connection is told of an application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionNotified {
    /// The application.
    pub application: ApplicationId,
    /// How.
    pub channel: Channel,
    /// What was asked of them; a second favour within fourteen days departs from the playbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ask: Option<Ask>,
}

/// What a connection is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// To put in a good word.
    GoodWord,
    /// To introduce the candidate to somebody.
    Introduction,
    /// For what they hear.
    News,
}

/// A word between the candidate and a connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionTouched {
    /// How.
    pub channel: Channel,
    /// Anything to remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<Text>,
}

/// A connection offers an introduction: it is to be followed up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntroductionOffered {
    /// The connection: where the path says so, it can be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub connection: Option<ConnectionId>,
    /// Where it leads.
    pub organisation_name: Line,
    /// The application that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub application: Option<ApplicationId>,
    /// To whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub to_contact: Option<ContactId>,
}

fn who(candidate: &Candidate, connection: Option<ConnectionId>) -> String {
    let connection = connection.and_then(|id| candidate.connections.get(&id));
    connection.map_or_else(|| "a connection".to_owned(), |it| name_of(candidate, it.contact))
}

fn connection(at: &At) -> Option<ConnectionId> {
    at.subject.try_into().ok()
}

impl Fact for ConnectionNamed {
    const NAME: &'static str = "ConnectionNamed";
    type Subject = ConnectionId;
    const PLACE: Place = Place::New;

    fn mentions(&self) -> Vec<(String, Subject)> {
        vec![mention("/contact", self.contact)]
    }

    fn admit(&self, candidate: &Candidate, _: &At) -> Result<(), Refusal> {
        let mut named = candidate.connections.values();
        if named.any(|other| other.contact == self.contact) {
            let told = "The contact is named as a connection already.";
            return Err(Refusal::already_recorded(told).at("/contact", "must not be a connection already"));
        }
        Ok(())
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Some(id) = connection(at) else { return };
        let connection = Connection {
            id,
            version: at.version,
            contact: self.contact,
            organisation_names: self.organisation_names.clone(),
            cadence: self.cadence,
            origin: self.origin.clone(),
            named: (at.event, at.stamp()),
            asks: Vec::new(),
            introductions: Vec::new(),
        };
        candidate.connections.insert(id, Arc::new(connection));
    }

    fn tell(&self, candidate: &Candidate, _: &At) -> String {
        format!("Named {} as a connection.", name_of(candidate, self.contact))
    }
}

impl Fact for ConnectionNotified {
    const NAME: &'static str = "ConnectionNotified";
    type Subject = ConnectionId;
    const PLACE: Place = Place::Step;

    fn application(&self, _: &Candidate) -> Option<ApplicationId> {
        Some(self.application)
    }

    fn mentions(&self) -> Vec<(String, Subject)> {
        vec![mention("/application", self.application)]
    }

    fn departures(&self, candidate: &Candidate, at: &At) -> Vec<Departure> {
        let again = self.ask.and_then(|_| asked_again(candidate, at));
        let after_the_end = outcome::answered_after_the_end(candidate, at, &super::NOTIFY_CONNECTION);
        again.into_iter().chain(after_the_end).collect()
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Some(id) = connection(at) else { return };
        candidate.change_connection(at, id, |connection| {
            if self.ask.is_some() {
                let place = connection.asks.partition_point(|stamp| *stamp <= at.stamp());
                connection.asks.insert(place, at.stamp());
            }
        });
        if let Some(application) = candidate.application_of(at) {
            application.hears(at, Helper::Connection(id), Heard::Notice(None));
        }
        let contact = candidate.connections.get(&id).map(|it| it.contact);
        contact.into_iter().for_each(|contact| candidate.touched(contact, at));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let whom = who(candidate, connection(at));
        let organisation = organisation(candidate, at.application);
        let channel = self.channel.in_words();
        match self.ask {
            None => format!("Told {whom} {channel} about {organisation}."),
            Some(Ask::GoodWord) => format!("Asked {whom} {channel} for a good word at {organisation}."),
            Some(Ask::Introduction) => format!("Asked {whom} {channel} for an introduction at {organisation}."),
            Some(Ask::News) => format!("Asked {whom} {channel} for news from {organisation}."),
        }
    }
}

impl Fact for ConnectionTouched {
    const NAME: &'static str = "ConnectionTouched";
    type Subject = ConnectionId;
    const PLACE: Place = Place::Step;

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Some(id) = connection(at) else { return };
        candidate.change_connection(at, id, |_| ());
        let contact = candidate.connections.get(&id).map(|it| it.contact);
        contact.into_iter().for_each(|contact| candidate.touched(contact, at));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let whom = who(candidate, connection(at));
        format!("Was in touch with {whom} {}.", self.channel.in_words())
    }
}

impl Fact for IntroductionOffered {
    const NAME: &'static str = "IntroductionOffered";
    type Subject = IntroductionId;
    const PLACE: Place = Place::NewOf(Kind::Connection);
    const THEIRS: bool = true;

    fn application(&self, _: &Candidate) -> Option<ApplicationId> {
        self.application
    }

    fn parent(&self) -> Option<Subject> {
        self.connection.map(Subject::from)
    }

    fn mentions(&self) -> Vec<(String, Subject)> {
        let mut mentions: Vec<_> = mention_if("/application", self.application).into_iter().collect();
        mentions.extend(mention_if("/to_contact", self.to_contact));
        mentions
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let (Ok(id), Some(connection)) = (IntroductionId::try_from(at.subject), self.connection) else {
            return;
        };
        let introduction = Introduction {
            id,
            version: at.version,
            connection,
            organisation_name: self.organisation_name.clone(),
            application: self.application,
            to_contact: self.to_contact,
            offered: (at.event, at.stamp()),
        };
        candidate.introductions.insert(id, Arc::new(introduction));
        candidate.change_connection(at, connection, |connection| {
            let place = connection.introductions.partition_point(|other| *other < id);
            connection.introductions.insert(place, id);
        });
    }

    fn tell(&self, candidate: &Candidate, _: &At) -> String {
        let whom = who(candidate, self.connection);
        match self.to_contact {
            Some(to) => format!(
                "{whom} offered an introduction to {} at {}.",
                name_of(candidate, to),
                self.organisation_name
            ),
            None => format!("{whom} offered an introduction at {}.", self.organisation_name),
        }
    }
}
