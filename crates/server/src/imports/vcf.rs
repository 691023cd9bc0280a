//! Business cards (vCard, RFC 6350 and 2426). A card of somebody new is a contact; a card with the e-mail
//! address of a known one revises what differs. What a card does not say is left as it is.

use afterword_domain::{
    contacts::{Contact, ContactCollected, ContactRevised, ContactStatus},
    decide::Proposal,
    ids::ContactId,
    values::{Email, Line, Patch, PostalAddress},
};
use calcard::{
    Entry, Parser,
    vcard::{VCard, VCardEntry, VCardParameterName, VCardParameterValue, VCardProperty, VCardValue},
};

use super::reading::{Component, Known, Row, again, components, cut, folded, lacks, line};
use crate::edge::problem::{Code, Problem};

/// Every card of the file.
pub(super) fn rows(text: &str, known: &mut Known) -> Vec<Row> {
    let cards = components(text, 1, "VCARD");
    cards
        .iter()
        .map(|card| known.row(card.line, |known| facts(known, card)))
        .collect()
}

fn facts(known: &Known, component: &Component<'_>) -> Result<Vec<Proposal>, Problem> {
    let parsed = component.whole.then(|| Parser::new(component.text).entry());
    let Some(Entry::VCard(card)) = parsed else {
        return Err(cut("VCARD"));
    };
    let card = read(&card)?;
    let id = contact(known, &card);
    let Some(contact) = known.candidate.contacts.get(&id) else {
        let event = known.event(&["collected", &id.to_string()]);
        return Ok(vec![Proposal {
            event,
            application: None,
            subject: Some(id.into()),
            occurred_at: None,
            fact: card.into(),
        }]);
    };
    if contact.status == ContactStatus::Erased {
        return Err(Problem::new(
            Code::Refused,
            "This person was erased from the candidate's contacts.",
        ));
    }
    let revised = differing(&card, contact);
    if revised == ContactRevised::default() {
        let newest = known.facts_about(id.into()).next();
        return Ok(newest.map(|fact| again(fact)).into_iter().collect());
    }
    let said = serde_json::to_string(&revised).map_err(Problem::internal)?;
    let event = known.event(&["revised", &id.to_string(), &said]);
    Ok(vec![Proposal {
        event,
        application: None,
        subject: Some(id.into()),
        occurred_at: None,
        fact: revised.into(),
    }])
}

/// Who the card is of: by e-mail address; a card without one only ever is the same card.
fn contact(known: &Known, card: &ContactCollected) -> ContactId {
    match &card.email {
        Some(email) => known.contact(email),
        None => {
            let phone = card.phone.as_ref().map_or("", Line::as_str);
            let organisation = card.organisation_name.as_ref().map_or("", Line::as_str);
            known.new_contact(&["card", &folded(card.name.as_str()), phone, &folded(organisation)])
        }
    }
}

fn read(card: &VCard) -> Result<ContactCollected, Problem> {
    let first = |name: &VCardProperty| best(card, name).and_then(|entry| entry.values.first()?.as_text());
    let name = first(&VCardProperty::Fn)
        .and_then(line)
        .or_else(|| structured_name(card));
    let email = first(&VCardProperty::Email)
        .map(|text| text.trim().trim_start_matches("mailto:"))
        .filter(|text| !text.is_empty());
    let phone = first(&VCardProperty::Tel).map(|text| text.trim_start_matches("tel:"));
    Ok(ContactCollected {
        name: name.ok_or_else(|| lacks("/name", "The card has no name: neither FN nor N."))?,
        pronunciation: None,
        title: first(&VCardProperty::Title).and_then(line),
        organisation_name: first(&VCardProperty::Org).and_then(line),
        email: email
            .map(Email::try_from)
            .transpose()
            .map_err(|told| lacks("/email", format!("EMAIL {told}.")))?,
        phone: phone.and_then(line),
        postal_address: best(card, &VCardProperty::Adr).and_then(postal_address),
        preferred_channel: None,
    })
}

/// Of several, the one for work, then the preferred one, then the first. Nobody is called on a fax.
fn best<'a>(card: &'a VCard, name: &VCardProperty) -> Option<&'a VCardEntry> {
    let types = |entry: &VCardEntry| -> Vec<String> {
        let types = entry
            .parameters(&VCardParameterName::Type)
            .filter_map(|it| it.as_text());
        types
            .flat_map(|text| text.split(',').map(folded).collect::<Vec<_>>())
            .collect()
    };
    let usable = card.entries.iter().filter(|entry| entry.name == *name);
    let ranked = usable
        .map(|entry| (types(entry), entry))
        .filter(|(types, _)| !types.iter().any(|it| it == "fax" || it == "pager"));
    let rank = |types: &[String], entry: &VCardEntry| {
        let pref = entry
            .parameters(&VCardParameterName::Pref)
            .find_map(number)
            .unwrap_or(100);
        let is = |wanted: &str| types.iter().any(|it| it == wanted);
        (!is("work"), if is("pref") { 0 } else { pref })
    };
    ranked
        .min_by_key(|(types, entry)| rank(types, entry))
        .map(|(_, entry)| entry)
}

fn number(value: &VCardParameterValue) -> Option<u32> {
    match value {
        VCardParameterValue::Integer(number) => Some(*number),
        _ => None,
    }
}

/// Every word of one component of a structured value.
fn component(entry: &VCardEntry, nth: usize) -> String {
    match entry.values.get(nth) {
        Some(VCardValue::Component(parts)) => parts.join(", "),
        Some(value) => value.as_text().unwrap_or_default().to_owned(),
        None => String::new(),
    }
}

/// `N` as it is spoken: prefix, given name, additional names, family name, suffix.
fn structured_name(card: &VCard) -> Option<Line> {
    let entry = best(card, &VCardProperty::N)?;
    line(&[3, 1, 2, 0, 4].map(|nth| component(entry, nth)).join(" "))
}

/// An address that a letter would not reach is a gap in the card.
fn postal_address(entry: &VCardEntry) -> Option<PostalAddress> {
    let [post_box, extended, street, city, region, postal_code, country] =
        [0, 1, 2, 3, 4, 5, 6].map(|nth| component(entry, nth));
    let lines: Vec<Line> = [street, extended, post_box]
        .iter()
        .flat_map(|part| part.lines())
        .filter_map(line)
        .take(10)
        .collect();
    if lines.is_empty() {
        return None;
    }
    Some(PostalAddress {
        lines,
        city: line(&city)?,
        region: line(&region),
        postal_code: line(&postal_code)?,
        country: line(&country)?,
    })
}

/// What the card says and the contact does not.
fn differing(card: &ContactCollected, contact: &Contact) -> ContactRevised {
    fn patch<T: Clone + PartialEq>(said: &Option<T>, known: &Option<T>) -> Patch<T> {
        match said {
            Some(value) if known.as_ref() != Some(value) => Patch::Set(value.clone()),
            _ => Patch::Keep,
        }
    }
    // The e-mail address is what makes it the same person, however it is written.
    ContactRevised {
        name: (card.name != *contact.name.get()).then(|| card.name.clone()),
        title: patch(&card.title, contact.title.get()),
        organisation_name: patch(&card.organisation_name, contact.organisation_name.get()),
        phone: patch(&card.phone, contact.phone.get()),
        postal_address: patch(&card.postal_address, contact.postal_address.get()),
        ..ContactRevised::default()
    }
}
