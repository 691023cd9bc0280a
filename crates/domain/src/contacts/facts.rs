//! The facts about contacts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Contact, ContactStatus, Reach, Reached, admit_known, erasure::Person, name_of};
use crate::{
    candidate::Candidate,
    catalogue::AnyFact,
    fact::{At, Fact, Place},
    ids::ContactId,
    refusal::Refusal,
    time::Dated,
    values::{Channel, Email, Line, Patch, PostalAddress, not_null},
};

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
            pronunciation: self.pronunciation.as_ref().map(|_| Line::redacted()),
            title: self.title.as_ref().map(|_| Line::redacted()),
            email: self.email.as_ref().map(|_| Email::redacted()),
            phone: self.phone.as_ref().map(|_| Line::redacted()),
            postal_address: self.postal_address.as_ref().map(|_| PostalAddress::redacted()),
            organisation_name: self.organisation_name.clone(),
            preferred_channel: self.preferred_channel,
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
        Self {
            name: self.name.as_ref().map(|_| Line::redacted()),
            pronunciation: self.pronunciation.with(Line::redacted),
            title: self.title.with(Line::redacted),
            email: self.email.with(Email::redacted),
            phone: self.phone.with(Line::redacted),
            postal_address: self.postal_address.with(PostalAddress::redacted),
            organisation_name: self.organisation_name.clone(),
            preferred_channel: self.preferred_channel.clone(),
        }
    }
}

impl Fact for ContactErased {
    const NAME: &'static str = "ContactErased";
    type Subject = ContactId;
    const PLACE: Place = Place::Step;

    /// A card that was taken back is still in the log.
    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        let is_gone = candidate
            .newest_about(at.subject)
            .is_some_and(|fact| matches!(fact.data, AnyFact::ContactErased(_)));
        if is_gone {
            return Err(Refusal::already_recorded("The contact was erased already."));
        }
        Ok(())
    }

    /// The log is rewritten without the person; what is folded again from it holds no word of them.
    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = ContactId::try_from(at.subject) else {
            return;
        };
        if candidate.has_particulars(at.subject) {
            let person = Person::of(candidate, id);
            candidate.rewrite(|fact| person.taken_out_of(fact));
            return;
        }
        if let Some(contact) = candidate.contacts.get_mut(&id) {
            let contact = Arc::make_mut(contact);
            contact.status = ContactStatus::Erased;
            contact.version = at.version;
            contact.name = Dated::base(Line::redacted());
            contact.pronunciation = Dated::base(None);
            contact.title = Dated::base(None);
            contact.email = Dated::base(None);
            contact.phone = Dated::base(None);
            contact.postal_address = Dated::base(None);
            contact.preferred_channel = Dated::base(None);
        }
    }

    fn tell(&self, _: &Candidate, _: &At) -> String {
        "A contact was forgotten.".into()
    }
}
