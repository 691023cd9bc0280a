//! Contacts: the business card of everyone met. Interviewers, references and connections are contacts
//! in a role. A card with a gap that a later step needs raises a task at once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    candidate::Candidate,
    catalogue::AnyFact,
    fact::{At, Envelope, Fact, Place},
    ids::{ContactId, EventId},
    play::{Action, Owing, Play},
    refusal::Refusal,
    time::{Dated, Period, Stamp},
    values::{Channel, Email, Line, Patch, PostalAddress, not_null, organisation_key},
};

/// Complete the card of an interviewer.
pub const COMPLETE_CARD: Play = Play {
    name: "complete_card",
    title: "Complete {contact}'s card: a way to write to them, and how they like to be contacted",
    why: "A thank-you needs an address, and an enquiry the channel that its reader prefers.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Hours(12),
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
            method: "PATCH",
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

/// The card of somebody who was met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactCollected {
    /// The full name, as its bearer writes it.
    pub name: Line,
    /// How to say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pronunciation: Option<Line>,
    /// The job title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<Line>,
    /// Where the person works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub organisation_name: Option<Line>,
    /// The e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub email: Option<Email>,
    /// The telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub phone: Option<Line>,
    /// Where letters go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub postal_address: Option<PostalAddress>,
    /// How the person likes to be contacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub preferred_channel: Option<Channel>,
}

/// A card changes: the named fields are set, `null` clears.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactRevised {
    /// The full name.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(nullable = false)]
    pub name: Option<Line>,
    /// How to say it.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Line>)]
    pub pronunciation: Patch<Line>,
    /// The job title.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Line>)]
    pub title: Patch<Line>,
    /// Where the person works.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Line>)]
    pub organisation_name: Patch<Line>,
    /// The e-mail address.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Email>)]
    pub email: Patch<Email>,
    /// The telephone number.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Line>)]
    pub phone: Patch<Line>,
    /// Where letters go.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<PostalAddress>)]
    pub postal_address: Patch<PostalAddress>,
    /// How the person likes to be contacted.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Channel>)]
    pub preferred_channel: Patch<Channel>,
}

/// A third person is forgotten: what names them in the log is redacted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactErased {}

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
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

impl Fact for ContactCollected {
    const NAME: &'static str = "ContactCollected";
    type Subject = ContactId;
    const PLACE: Place = Place::New;

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = ContactId::try_from(at.subject) else {
            return;
        };
        let contact = Contact {
            id,
            version: at.version,
            status: ContactStatus::Known,
            name: Dated::base(self.name.clone()),
            pronunciation: Dated::base(self.pronunciation.clone()),
            title: Dated::base(self.title.clone()),
            organisation_name: Dated::base(self.organisation_name.clone()),
            email: Dated::base(self.email.clone()),
            phone: Dated::base(self.phone.clone()),
            postal_address: Dated::base(self.postal_address.clone()),
            preferred_channel: Dated::base(self.preferred_channel),
            touches: Vec::new(),
            collected: Reach {
                email: self.email.is_some(),
                postal_address: self.postal_address.is_some(),
                preferred_channel: self.preferred_channel.is_some(),
            },
            reached: Vec::new(),
        };
        candidate.contacts.insert(id, Arc::new(contact));
    }

    fn tell(&self, _: &Candidate, _: &At) -> String {
        match &self.organisation_name {
            Some(organisation) => format!("Collected the card of {} ({organisation}).", self.name),
            None => format!("Collected the card of {}.", self.name),
        }
    }

    fn without_contact(&self) -> Self {
        Self {
            name: Line::redacted(),
            pronunciation: None,
            title: None,
            organisation_name: None,
            email: None,
            phone: None,
            postal_address: None,
            preferred_channel: None,
        }
    }
}

impl Fact for ContactRevised {
    const NAME: &'static str = "ContactRevised";
    type Subject = ContactId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_known(candidate, at)
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = ContactId::try_from(at.subject) else {
            return;
        };
        let Some(contact) = candidate.contacts.get_mut(&id) else {
            return;
        };
        let contact = Arc::make_mut(contact);
        let since = at.stamp();
        contact.version = at.version;
        let place = contact.reached.partition_point(|known| known.stamp <= since);
        contact.reached.insert(
            place,
            Reached {
                stamp: since,
                event: at.event,
                email: self.email.named().map(|it| it.is_some()),
                postal_address: self.postal_address.named().map(|it| it.is_some()),
                preferred_channel: self.preferred_channel.named().map(|it| it.is_some()),
            },
        );
        if let Some(name) = &self.name {
            contact.name.offer(since, name.clone());
        }
        self.pronunciation
            .named()
            .into_iter()
            .for_each(|it| contact.pronunciation.offer(since, it));
        self.title
            .named()
            .into_iter()
            .for_each(|it| contact.title.offer(since, it));
        self.organisation_name
            .named()
            .into_iter()
            .for_each(|it| contact.organisation_name.offer(since, it));
        self.email
            .named()
            .into_iter()
            .for_each(|it| contact.email.offer(since, it));
        self.phone
            .named()
            .into_iter()
            .for_each(|it| contact.phone.offer(since, it));
        self.postal_address
            .named()
            .into_iter()
            .for_each(|it| contact.postal_address.offer(since, it));
        self.preferred_channel
            .named()
            .into_iter()
            .for_each(|it| contact.preferred_channel.offer(since, it));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let name = ContactId::try_from(at.subject).map_or_else(|_| String::new(), |id| name_of(candidate, id));
        format!("{name}'s card was brought up to date.")
    }

    fn without_contact(&self) -> Self {
        Self::default()
    }
}

impl Fact for ContactErased {
    const NAME: &'static str = "ContactErased";
    type Subject = ContactId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_known(candidate, at)
    }

    /// The log is rewritten without the person; what is folded again from it holds no word of them.
    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = ContactId::try_from(at.subject) else {
            return;
        };
        let about = |fact: &&Arc<Envelope>| fact.at.subject == at.subject;
        if candidate
            .history()
            .iter()
            .filter(about)
            .any(|fact| fact.data != fact.data.without_contact())
        {
            let words = words_of(candidate, id);
            candidate.rewrite(|fact| without(fact, id, &words));
        }
        if let Some(contact) = candidate.contacts.get_mut(&id) {
            let contact = Arc::make_mut(contact);
            contact.status = ContactStatus::Erased;
            contact.version = at.version;
        }
    }

    fn tell(&self, _: &Candidate, _: &At) -> String {
        "A contact was forgotten.".into()
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

/// Every name, e-mail, phone number and address line that the log ever gave the contact, longest first;
/// empty once they are redacted.
fn words_of(candidate: &Candidate, id: ContactId) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for fact in candidate.history().iter().filter(|fact| fact.at.subject == id.into()) {
        let Ok(Value::Object(data)) = serde_json::to_value(&fact.data) else {
            continue;
        };
        for field in ["name", "pronunciation", "email", "phone"] {
            words.extend(data.get(field).and_then(Value::as_str).map(str::to_owned));
        }
        let lines = data
            .get("postal_address")
            .and_then(|address| address.get("lines"))
            .and_then(Value::as_array);
        words.extend(lines.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }
    words.retain(|word| word != Line::REDACTED && word.chars().count() > 2);
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words
}

/// A fact without a person: those about the contact keep no particulars, others lose every literal
/// mention of a name, e-mail, phone number or address line. `None`: nothing to take out.
fn without(fact: &Envelope, id: ContactId, words: &[String]) -> Option<Envelope> {
    if fact.at.subject == id.into() {
        return Some(Envelope {
            data: fact.data.without_contact(),
            ..fact.clone()
        });
    }
    let data = serde_json::to_value(&fact.data).ok()?;
    let read = |data: &Value| AnyFact::read(fact.data.name(), fact.schema, &data.to_string()).ok();
    let mut redacted = data.clone();
    for (place, text) in texts(&data, String::new()) {
        let redact = |with| words.iter().fold(text.to_owned(), |text, word| text.replace(word, with));
        // What a date or an enumeration spells by chance cannot be redacted; an e-mail address only by another one.
        let attempts = [redact(Line::REDACTED), redact(Email::REDACTED)];
        for attempt in attempts.into_iter().filter(|attempt| attempt != text) {
            let mut with = redacted.clone();
            if let Some(field) = with.pointer_mut(&place) {
                *field = Value::String(attempt);
            }
            if read(&with).is_some() {
                redacted = with;
                break;
            }
        }
    }
    (redacted != data).then(|| read(&redacted)).flatten().map(|data| Envelope { data, ..fact.clone() })
}

/// Every text in a value, each with its JSON pointer. Names of fields need no escaping here.
fn texts(value: &Value, place: String) -> Vec<(String, &str)> {
    match value {
        Value::String(text) => vec![(place, text)],
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(i, item)| texts(item, format!("{place}/{i}")))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, field)| texts(field, format!("{place}/{name}")))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
