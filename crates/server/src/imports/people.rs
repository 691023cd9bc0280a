//! People in tables: contacts and connections. The same row is the same fact wherever it stands in whatever newer
//! file; a person is told by the address of a profile, by the e-mail address, or by name and organisation.

use afterword_domain::{
    catalogue::AnyFact,
    connections::ConnectionNamed,
    contacts::{Contact, ContactCollected, ContactRevised, ContactStatus},
    decide::Proposal,
    ids::{ConnectionId, ContactId},
    time::Date,
    values::{Line, Patch, PostalAddress, Text, organisation_key},
};

use super::{
    cells::{Cells, When},
    columns::Field,
    jobs::bare,
    reading::{Known, again, folded, lacks, line},
};
use crate::edge::problem::{Code, Problem};

/// A person as a contact.
pub(super) fn contact(known: &Known, cells: &Cells<'_>) -> Result<Vec<Proposal>, Problem> {
    let when = cells.when(Field::Date, &known.candidate.zone(), known.now)?;
    let card = card(cells)?;
    let key = key(cells, &card);
    let id = same_person(known, &card).unwrap_or_else(|| known.new_contact(&parts(&key)));
    collected(known, card, id, when)
}

/// A person as a contact, and as a connection.
pub(super) fn connection(known: &Known, cells: &Cells<'_>) -> Result<Vec<Proposal>, Problem> {
    let when = cells.when(Field::Date, &known.candidate.zone(), known.now)?;
    let card = card(cells)?;
    let key = key(cells, &card);
    let id = ConnectionId::new(known.derived(&[&["connection"], &parts(&key)[..]].concat()));
    let connections = &known.candidate.connections;
    let person = connections
        .get(&id)
        .map(|connection| connection.contact)
        .or_else(|| same_person(known, &card))
        .unwrap_or_else(|| known.new_contact(&parts(&key)));
    let mut proposals = collected(known, card, person, when)?;
    let named = connections.values().find(|connection| connection.contact == person);
    let fact = match named {
        Some(named) => known.facts_about(named.id.into()).last().map(|fact| again(fact)),
        None => Some(Proposal {
            event: known.event(&["named", &id.to_string()]),
            application: None,
            subject: Some(id.into()),
            // Whoever is imported becomes a connection now: nobody is owed a word since years.
            occurred_at: None,
            fact: ConnectionNamed {
                contact: person,
                organisation_names: Vec::new(),
                cadence: None,
                origin: origin(cells, when),
            }
            .into(),
        }),
    };
    proposals.extend(fact);
    Ok(proposals)
}

fn origin(cells: &Cells<'_>, when: Option<When>) -> Option<Text> {
    let source = cells.line(Field::Source).or_else(|| cells.map.source.clone());
    let on = when.map_or_else(String::new, |when| format!(" on {}", Date::from(when.day).in_words()));
    let text = match source {
        Some(source) => format!("{source}: connected{on}."),
        None if on.is_empty() => return None,
        None => format!("Connected{on}."),
    };
    Text::try_from(text).ok()
}

/// What tells a person from all others.
fn key(cells: &Cells<'_>, card: &ContactCollected) -> Vec<String> {
    if let Some(url) = cells.address(Field::Url) {
        return vec!["profile".into(), bare(url.as_str())];
    }
    if let Some(email) = &card.email {
        return vec!["email".into(), folded(email.as_str())];
    }
    let organisation = card.organisation_name.as_ref().map_or("", Line::as_str);
    let phone = card.phone.as_ref().map_or("", Line::as_str);
    vec![
        "row".into(),
        folded(card.name.as_str()),
        organisation_key(organisation),
        phone.to_owned(),
    ]
}

fn parts(key: &[String]) -> Vec<&str> {
    key.iter().map(String::as_str).collect()
}

/// A known contact with the same e-mail address, or of the same name at the same organisation.
fn same_person(known: &Known, card: &ContactCollected) -> Option<ContactId> {
    if let Some(email) = &card.email {
        let contact = known.contact(email);
        // By e-mail address alone the id of a new contact is the one that invitations give it.
        if known.candidate.contacts.contains_key(&contact) {
            return Some(contact);
        }
    }
    let organisation = organisation_key(card.organisation_name.as_ref()?.as_str());
    let name = folded(card.name.as_str());
    let called_so = |other: &str| {
        // Only few are worth a second look.
        let may = other.len() == name.len() || !other.is_ascii() || !name.is_ascii();
        may && folded(other) == name
    };
    let is = |contact: &&std::sync::Arc<Contact>| {
        let there = contact.organisation_name.get().as_ref();
        contact.status == ContactStatus::Known
            && called_so(contact.name.as_str())
            && there.is_some_and(|there| organisation_key(there.as_str()) == organisation)
            // Two addresses are two people, as far as anybody can tell.
            && (card.email.is_none() || contact.email.get().is_none())
    };
    known.candidate.contacts.values().find(is).map(|contact| contact.id)
}

fn card(cells: &Cells<'_>) -> Result<ContactCollected, Problem> {
    let email = cells.email()?;
    let parts: Vec<&str> = [Field::FirstName, Field::MiddleName, Field::LastName]
        .into_iter()
        .filter_map(|field| cells.text(field))
        .collect();
    let name = line(&parts.join(" "))
        .or_else(|| cells.line(Field::Name))
        // Nobody's name is guessed from an address.
        .or_else(|| line(email.as_ref()?.as_str()));
    Ok(ContactCollected {
        name: name.ok_or_else(|| lacks("/name", "The row has neither a name nor an e-mail address."))?,
        pronunciation: None,
        title: cells.line(Field::Title),
        organisation_name: cells.line(Field::Organisation),
        email,
        phone: cells.line(Field::Phone),
        postal_address: postal_address(cells),
        preferred_channel: None,
    })
}

/// An address that a letter would not reach is a gap.
fn postal_address(cells: &Cells<'_>) -> Option<PostalAddress> {
    let street = cells.text(Field::Street)?;
    let lines: Vec<Line> = street.lines().filter_map(line).take(10).collect();
    if lines.is_empty() {
        return None;
    }
    Some(PostalAddress {
        lines,
        city: cells.line(Field::City)?,
        region: cells.line(Field::Region),
        postal_code: cells.line(Field::PostalCode)?,
        country: cells.line(Field::Country)?,
    })
}

fn collected(
    known: &Known,
    card: ContactCollected,
    id: ContactId,
    when: Option<When>,
) -> Result<Vec<Proposal>, Problem> {
    let said = serde_json::to_string(&card).map_err(Problem::internal)?;
    let about = id.to_string();
    let row = ["row", &about, &said];
    let propose = |fact: AnyFact, occurred_at| Proposal {
        event: known.event(&row),
        application: None,
        subject: Some(id.into()),
        occurred_at,
        fact,
    };
    let Some(contact) = known.candidate.contacts.get(&id) else {
        return Ok(vec![propose(card.into(), when.map(|when| when.at))]);
    };
    if contact.status == ContactStatus::Erased {
        return Err(Problem::new(
            Code::Refused,
            "This person was erased from the candidate's contacts.",
        ));
    }
    // What the row said before stays said, whatever was changed by hand since.
    if let Some(fact) = known.recorded(&row) {
        return Ok(vec![again(fact)]);
    }
    let revised = filling(&card, contact);
    if revised == ContactRevised::default() {
        return Ok(known
            .facts_about(id.into())
            .next()
            .map(|fact| again(fact))
            .into_iter()
            .collect());
    }
    Ok(vec![propose(revised.into(), None)])
}

/// What the row says and the contact does not. A name is left as the candidate writes it, and so is an e-mail address.
fn filling(card: &ContactCollected, contact: &Contact) -> ContactRevised {
    fn patch<T: Clone + PartialEq>(said: &Option<T>, known: &Option<T>) -> Patch<T> {
        match said {
            Some(value) if known.as_ref() != Some(value) => Patch::Set(value.clone()),
            _ => Patch::Keep,
        }
    }
    let email = match contact.email.get() {
        Some(_) => Patch::Keep,
        None => patch(&card.email, &None),
    };
    ContactRevised {
        title: patch(&card.title, contact.title.get()),
        organisation_name: patch(&card.organisation_name, contact.organisation_name.get()),
        email,
        phone: patch(&card.phone, contact.phone.get()),
        postal_address: patch(&card.postal_address, contact.postal_address.get()),
        ..ContactRevised::default()
    }
}
