//! Contacts: the business card of everyone met. Interviewers, references and connections are contacts
//! in a role. A card with a gap that a later step needs raises a task at once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    candidate::Candidate,
    fact::At,
    ids::{ContactId, EventId},
    play::{Action, Owing, Play},
    refusal::Refusal,
    time::{Dated, Period, Stamp},
    values::{Channel, Email, Line, PostalAddress, organisation_key},
};

mod erasure;
mod facts;
pub use facts::{ContactCollected, ContactErased, ContactRevised};

/// Complete the card of an interviewer.
pub const COMPLETE_CARD: Play = Play {
    name: "complete_card",
    title: "Complete {contact}'s card: a way to write to them, and how they like to be contacted",
    why: "A thank-you needs an address, and an enquiry the channel that its reader prefers.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Hours(12),
    numbers: &[],
    closed_by: &["ContactRevised"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| {
        let contact = owed.contact.map(|id| id.to_string()).unwrap_or_default();
        let body = owed
            .contact
            .and_then(|id| candidate.contacts.get(&id))
            .map_or_else(|| json!({}), |card| card.gaps());
        Action {
            method: "PATCH".into(),
            ..Action::post(candidate, "record_contact_revised", format!("contacts/{contact}"), body)
        }
    },
};

/// One task per contact who interviewed, from the first interview that was held while the card had a gap;
/// one whose application goes on comes before one whose application has ended.
pub(crate) fn complete_card(contact: &Contact, owing: &mut Owing<'_>) {
    if contact.status == ContactStatus::Erased {
        return;
    }
    let candidate = owing.candidate;
    let met = candidate.ties.met(contact.id).filter_map(|id| candidate.interview(id));
    let raising = met
        .filter(|interview| interview.interviewers().contains(&contact.id))
        .filter_map(|interview| {
            let held = interview.held.as_ref()?;
            let outcome = candidate.application(interview.application)?.outcome();
            (!contact.complete_at(held.stamp)).then_some((interview, held, outcome))
        })
        .min_by_key(|(_, held, outcome)| (outcome.is_some(), held.stamp));
    let Some((interview, held, outcome)) = raising else {
        return;
    };
    let mut owed = owing.raise(&COMPLETE_CARD, contact.id, held.event, held.stamp.at);
    owed.application = Some(interview.application);
    owed.interview = Some(interview.id);
    owed.contact = Some(contact.id);
    owed.zone = interview.time_zone.get().clone();
    let owed = owed.done(contact.completed_after(held.stamp));
    owing.owe(owed.void_if(outcome.is_some(), outcome.map(|outcome| outcome.event)));
}

/// A business card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Whether the person is known or was erased.
    pub status: ContactStatus,
    /// The full name.
    #[schema(value_type = Line)]
    pub name: Dated<Line>,
    /// How to say it.
    #[schema(value_type = Option<Line>)]
    pub pronunciation: Dated<Option<Line>>,
    /// The job title.
    #[schema(value_type = Option<Line>)]
    pub title: Dated<Option<Line>>,
    /// Where the person works.
    #[schema(value_type = Option<Line>)]
    pub organisation_name: Dated<Option<Line>>,
    /// The e-mail address.
    #[schema(value_type = Option<Email>)]
    pub email: Dated<Option<Email>>,
    /// The telephone number.
    #[schema(value_type = Option<Line>)]
    pub phone: Dated<Option<Line>>,
    /// Where letters go.
    #[schema(value_type = Option<PostalAddress>)]
    pub postal_address: Dated<Option<PostalAddress>>,
    /// How the person likes to be contacted.
    #[schema(value_type = Option<Channel>)]
    pub preferred_channel: Dated<Option<Channel>>,
    /// When something last reached the person, by when it happened.
    #[serde(skip)]
    pub(crate) touches: Vec<(Stamp, EventId)>,
    /// The ways to reach the person as the card was collected with them.
    #[serde(skip)]
    collected: Reach,
    /// What later facts did to them, by when it happened.
    #[serde(skip)]
    reached: Vec<Reached>,
}

/// Which ways to reach a person a card holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reach {
    email: bool,
    postal_address: bool,
    preferred_channel: bool,
}

/// What a revision did to the ways to reach a person; none: it left that one alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reached {
    stamp: Stamp,
    event: EventId,
    email: Option<bool>,
    postal_address: Option<bool>,
    preferred_channel: Option<bool>,
}

impl Reach {
    fn then(self, later: &Reached) -> Self {
        Self {
            email: later.email.unwrap_or(self.email),
            postal_address: later.postal_address.unwrap_or(self.postal_address),
            preferred_channel: later.preferred_channel.unwrap_or(self.preferred_channel),
        }
    }

    /// What a later step needs: a way to write to the person, and how the person likes to be contacted.
    const fn is_complete(self) -> bool {
        (self.email || self.postal_address) && self.preferred_channel
    }
}

/// Where a contact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactStatus {
    /// The card can be used.
    Known,
    /// The person was erased.
    Erased,
}

impl Contact {
    /// Whether the card had everything that a later step needs.
    fn complete_at(&self, stamp: Stamp) -> bool {
        let known = self.reached.iter().take_while(|known| known.stamp <= stamp);
        known.fold(self.collected, Reach::then).is_complete()
    }

    /// The first fact after a moment that left the card without a gap.
    fn completed_after(&self, stamp: Stamp) -> Option<(EventId, Stamp)> {
        let mut reach = self.collected;
        self.reached.iter().find_map(|known| {
            reach = reach.then(known);
            (known.stamp > stamp && reach.is_complete()).then_some((known.event, known.stamp))
        })
    }

    /// The first thing that reached the person after a moment.
    pub(crate) fn touched_after(&self, stamp: Stamp) -> Option<(EventId, Stamp)> {
        let place = self.touches.partition_point(|(touched, _)| *touched <= stamp);
        self.touches.get(place).map(|(stamp, event)| (*event, *stamp))
    }

    /// Whether the person works at the organisation of this key.
    pub(crate) fn works_at(&self, key: &str) -> bool {
        let name = self.organisation_name.get().as_ref();
        name.is_some_and(|name| organisation_key(name.as_str()) == key)
    }

    /// The fields that are missing, as a body to fill in.
    fn gaps(&self) -> Value {
        let mut body = serde_json::Map::new();
        if self.email.is_none() && self.postal_address.is_none() {
            body.insert("email".into(), Value::Null);
        }
        if self.preferred_channel.is_none() {
            body.insert("preferred_channel".into(), json!("email"));
        }
        Value::Object(body)
    }
}

impl Candidate {
    /// Something reached a contact.
    pub(crate) fn touched(&mut self, contact: ContactId, at: &At) {
        let Some(contact) = self.contacts.get_mut(&contact) else {
            return;
        };
        let touches = &mut Arc::make_mut(contact).touches;
        let place = touches.partition_point(|(stamp, _)| *stamp <= at.stamp());
        touches.insert(place, (at.stamp(), at.event));
    }
}

/// A contact's name, for sentences.
pub(crate) fn name_of(candidate: &Candidate, id: ContactId) -> String {
    candidate
        .contacts
        .get(&id)
        .map_or_else(|| "somebody".to_owned(), |contact| contact.name.to_string())
}

/// Several names, for sentences; none where nobody is named.
pub(crate) fn names_of(candidate: &Candidate, ids: &[ContactId]) -> Option<String> {
    let names: Vec<String> = ids.iter().map(|id| name_of(candidate, *id)).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        [first @ .., last] => Some(format!("{} and {last}", first.join(", "))),
    }
}

/// Nothing more is known of a person who was erased.
fn admit_known(candidate: &Candidate, at: &At) -> Result<(), Refusal> {
    let contact = ContactId::try_from(at.subject)
        .ok()
        .and_then(|id| candidate.contacts.get(&id));
    match contact.map(|contact| contact.status) {
        Some(ContactStatus::Erased) => Err(Refusal::already_recorded("The contact was erased already.")),
        Some(ContactStatus::Known) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
