//! Contacts as business cards: vCard 4.0 (RFC 6350), or 3.0 (RFC 2426) for programs that read no other. What the import
//! of business cards reads is written so that it reads back as it was.

use actix_web::HttpRequest;
use afterword_domain::{
    candidate::Candidate,
    contacts::{Contact, ContactStatus},
    ids::ContactId,
    values::Channel,
};
use calcard::vcard::{
    VCard, VCardEntry, VCardParameter, VCardParameterName, VCardParameterValue, VCardProperty, VCardValue, VCardVersion,
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{Api, Operation},
    recording::path_id,
};

/// What cards are served as.
pub(crate) const CARD: &str = "text/vcard; charset=utf-8";

/// Which vCard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Version {
    /// 3.0.
    #[serde(rename = "3.0")]
    V3,
    /// 4.0.
    #[default]
    #[serde(rename = "4.0")]
    V4,
}

pub(crate) fn endpoints(api: &mut Api) {
    const QUERY: &[&str] = &["version", "as_of"];
    let answer = json!({"type": "string", "description": "Business cards, as vCard.", "example": "BEGIN:VCARD…"});
    api.reads_file(
        Operation {
            answer: (200, answer.clone()),
            ..Operation::get(
                "C/contacts.vcf",
                "get_contact_cards",
                "Every contact as a business card",
            )
        },
        QUERY,
        CARD,
        |view, _| Some(file(&view.candidate, view.asked.version.unwrap_or_default())),
    );
    api.reads_file(
        Operation {
            answer: (200, answer),
            ..Operation::get(
                "C/contacts/{contact}/card.vcf",
                "get_contact_card",
                "A contact as a business card",
            )
        },
        QUERY,
        CARD,
        |view, request| one(&view.candidate, request, view.asked.version.unwrap_or_default()),
    );
}

/// The cards of everybody whom the candidate knows.
pub(crate) fn file(candidate: &Candidate, version: Version) -> Vec<u8> {
    let mut told = String::new();
    for contact in candidate.contacts.values() {
        told.push_str(&written(contact, version).unwrap_or_default());
    }
    told.into_bytes()
}

fn one(candidate: &Candidate, request: &HttpRequest, version: Version) -> Option<Vec<u8>> {
    let id = path_id::<ContactId>(request, "contact").ok()?;
    written(candidate.contacts.get(&id)?, version).map(String::into_bytes)
}

/// The card of a contact; none of one who was erased.
fn written(contact: &Contact, version: Version) -> Option<String> {
    if contact.status == ContactStatus::Erased {
        return None;
    }
    let name = contact.name.as_str();
    let text = |name, text: &str| VCardEntry::new(name).with_value(text.to_owned());
    let mut card = VCard::default();
    card.entries
        .push(text(VCardProperty::Uid, &format!("urn:uuid:{}", contact.id.uuid())));
    card.entries.push(text(VCardProperty::Fn, name));
    if version == Version::V3 {
        // It wants the name in parts. Which is which nobody said: the last word is taken for the family's.
        let (given, family) = name.rsplit_once(' ').unwrap_or((name, ""));
        let parts = [family, given, "", "", ""].map(|part| VCardValue::Text(part.to_owned()));
        card.entries
            .push(VCardEntry::new(VCardProperty::N).with_values(parts.into()));
    }
    let preferred = *contact.preferred_channel.get();
    let lines = [
        (VCardProperty::Title, contact.title.as_ref(), None),
        (VCardProperty::Org, contact.organisation_name.as_ref(), None),
        (VCardProperty::Tel, contact.phone.as_ref(), Some(Channel::Phone)),
    ];
    for (property, line, channel) in lines {
        let entry = line.map(|line| text(property, line.as_str()));
        card.entries
            .extend(entry.map(|entry| preferring(entry, channel.is_some() && channel == preferred, version)));
    }
    if let Some(email) = contact.email.as_ref() {
        let entry = text(VCardProperty::Email, email.as_str());
        card.entries
            .push(preferring(entry, preferred == Some(Channel::Email), version));
    }
    if let Some(address) = contact.postal_address.as_ref() {
        let lines: Vec<&str> = address.lines.iter().map(|line| line.as_str()).collect();
        let region = address.region.as_ref().map_or("", |region| region.as_str());
        let parts = [
            "",
            "",
            &lines.join("\n"),
            address.city.as_str(),
            region,
            address.postal_code.as_str(),
            address.country.as_str(),
        ];
        let parts = parts.map(|part| VCardValue::Text(part.to_owned()));
        let entry = VCardEntry::new(VCardProperty::Adr).with_values(parts.into());
        card.entries
            .push(preferring(entry, preferred == Some(Channel::Post), version));
    }
    if let Some(pronunciation) = contact.pronunciation.as_ref() {
        card.entries
            .push(text(VCardProperty::Note, &format!("Say it: {pronunciation}")));
    }
    let mut told = String::new();
    let version = match version {
        Version::V3 => VCardVersion::V3_0,
        Version::V4 => VCardVersion::V4_0,
    };
    // Writing to a string does not fail.
    card.write_to(&mut told, version).unwrap_or_default();
    Some(told)
}

/// Marks the way on which the person likes to be contacted.
fn preferring(entry: VCardEntry, preferred: bool, version: Version) -> VCardEntry {
    if !preferred {
        return entry;
    }
    let mark = match version {
        Version::V4 => VCardParameter {
            name: VCardParameterName::Pref,
            value: VCardParameterValue::Integer(1),
        },
        Version::V3 => VCardParameter {
            name: VCardParameterName::Type,
            value: VCardParameterValue::Text("PREF".to_owned()),
        },
    };
    entry.with_param(mark)
}
