//! Which application a message belongs to, where the request does not say: by who wrote it, from where, and which
//! organisation and position it names. Where two would do, neither is taken. Pure.

use std::sync::LazyLock;

use afterword_domain::{
    applications::ApplicationView,
    contacts::{Contact, ContactStatus},
    ids::{ApplicationId, ContactId},
    values::{Line, organisation_key},
};

use super::message::Message;
use crate::imports::{
    jobs::bare,
    reading::{Known, folded},
};

/// Domains from which applicant systems send for organisations.
static SYSTEMS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    afterword_letters::phrases::rows(include_str!("../../../data/mail/applicant_systems.txt")).collect()
});

/// Mail of anybody; that two write from there means nothing.
const ANYBODYS: [&str; 14] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "yahoo.com",
    "icloud.com",
    "me.com",
    "aol.com",
    "gmx.de",
    "gmx.net",
    "web.de",
    "proton.me",
    "protonmail.com",
];

/// An application, and the words by which it was found: the field, and what stands there.
pub(super) struct Belongs {
    pub(super) application: ApplicationId,
    pub(super) by: Option<(&'static str, String)>,
}

/// Whether mail from this domain is an applicant system's.
pub(super) fn is_system(domain: &str) -> bool {
    SYSTEMS.iter().any(|known| is_under(domain, known))
}

fn is_under(domain: &str, known: &str) -> bool {
    domain
        .strip_suffix(known)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The known contact who wrote it.
pub(super) fn sender(known: &Known, message: &Message) -> Option<ContactId> {
    let id = known.contact(message.email.as_ref()?);
    let contact = known.candidate.contacts.get(&id)?;
    (contact.status == ContactStatus::Known).then_some(id)
}

/// The application, if exactly one will do; else how many would.
pub(super) fn of(known: &Known, message: &Message) -> Result<Belongs, usize> {
    if let Some(application) = known.application {
        return Ok(Belongs { application, by: None });
    }
    let views: Vec<ApplicationView> = known
        .candidate
        .applications
        .values()
        .map(|it| it.view(known.now))
        .collect();
    let mut fitting: Vec<(&ApplicationView, u8, (&'static str, String))> = Vec::new();
    for view in &views {
        if let Some((weight, by)) = fits(known, message, view) {
            fitting.push((view, weight, by));
        }
    }
    let best = fitting.iter().map(|(_, weight, _)| *weight).max().unwrap_or(0);
    fitting.retain(|(_, weight, _)| *weight == best);
    if fitting.len() > 1 {
        // Of several at the same organisation, the one whose position is named; else the only one that goes on.
        let text = [message.subject.as_str(), &message.text].join("\n").to_lowercase();
        let named = |view: &ApplicationView| has_words(&text, &folded(view.position.as_str()));
        if fitting.iter().any(|(view, ..)| named(view)) {
            fitting.retain(|(view, ..)| named(view));
        }
        if fitting.iter().any(|(view, ..)| !view.status.is_final()) {
            fitting.retain(|(view, ..)| !view.status.is_final());
        }
    }
    let many = fitting.len();
    match <[_; 1]>::try_from(fitting) {
        Ok([(view, _, by)]) => Ok(Belongs {
            application: view.id,
            by: Some(by),
        }),
        Err(_) => Err(many),
    }
}

/// How well a message fits an application, and by what.
fn fits(known: &Known, message: &Message, view: &ApplicationView) -> Option<(u8, (&'static str, String))> {
    let address = message.email.as_ref().map(ToString::to_string).unwrap_or_default();
    let organisation = view.organisation.name.as_str();
    let key = organisation_key(organisation);
    if let Some(contact) = sender(known, message).and_then(|id| known.candidate.contacts.get(&id)) {
        let there = contact.organisation_name.get().as_ref();
        if interviews(known, view.id, contact) || there.is_some_and(|there| organisation_key(there.as_str()) == key) {
            return Some((4, ("from", address)));
        }
    }
    let domain = message.domain().unwrap_or_default();
    let own = !domain.is_empty() && !ANYBODYS.contains(&domain.as_str()) && !is_system(&domain);
    if own && is_theirs(known, &domain, view, &key) {
        return Some((3, ("from", address)));
    }
    let name = spoken(organisation).to_lowercase();
    if has_words(&message.name.to_lowercase(), &name) {
        return Some((3, ("from", message.name.clone())));
    }
    // What stands in a text may be said of others too.
    if has_words(&message.subject.to_lowercase(), &name) {
        return Some((2, ("subject", message.subject.clone())));
    }
    has_words(&message.text.to_lowercase(), &name).then(|| (1, ("body", organisation.to_owned())))
}

/// Whether a contact is an interviewer of an application.
fn interviews(known: &Known, application: ApplicationId, contact: &Contact) -> bool {
    let application = known.candidate.application(application);
    let interviews = application.into_iter().flat_map(|it| it.interviews.values());
    interviews
        .map(|it| it.view())
        .any(|it| it.interviewers.contains(&contact.id))
}

/// Whether a domain is the organisation's: its website's, its name, or that of somebody who works there.
fn is_theirs(known: &Known, domain: &str, view: &ApplicationView, key: &str) -> bool {
    let website = view.organisation.website.as_ref().map(|it| bare(it.as_str()));
    let website = website.as_deref().and_then(|it| it.split(['/', ':', '?']).next());
    if website.is_some_and(|website| is_under(domain, website)) {
        return true;
    }
    let mut labels = domain.rsplit('.').skip(1);
    // "acme.com", "mail.acme.co.uk"
    let label = labels
        .find(|label| !matches!(*label, "co" | "com" | "org" | "net" | "ac" | "gov"))
        .unwrap_or_default();
    let first = view
        .organisation
        .name
        .as_str()
        .split_whitespace()
        .next()
        .map(organisation_key)
        .unwrap_or_default();
    let spelled: String = label.chars().filter(|c| c.is_alphanumeric()).collect();
    if spelled == key || (first.chars().count() >= 5 && spelled == first) {
        return true;
    }
    let works_there = |contact: &Contact| {
        let there = contact.organisation_name.get().as_ref().map(Line::as_str);
        there.is_some_and(|there| organisation_key(there) == key) || interviews(known, view.id, contact)
    };
    known.candidate.contacts.values().any(|contact| {
        let email = contact.email.get().as_ref().map(|email| email.as_str().to_lowercase());
        email.is_some_and(|email| email.rsplit_once('@').is_some_and(|(_, own)| own == domain)) && works_there(contact)
    })
}

/// A name as it is spoken: without the legal form at its end.
fn spoken(organisation: &str) -> String {
    let words: Vec<&str> = organisation.split_whitespace().collect();
    let key = organisation_key(organisation);
    let enough = (1..=words.len()).find(|length| organisation_key(&words[..*length].join(" ")) == key);
    let spoken = words[..enough.unwrap_or(words.len())].join(" ");
    spoken.trim_matches(|c: char| !c.is_alphanumeric()).to_owned()
}

/// Whether words stand in a text, as words and not as parts of others. Both in lower case.
fn has_words(text: &str, words: &str) -> bool {
    words.chars().count() > 1
        && text.match_indices(words).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + words.len()..].chars().next();
            ![before, after].into_iter().flatten().any(char::is_alphanumeric)
        })
}
