//! A letter as it leaves the house: what stands on it and in which order, whatever it is written on. [`Layout`] is a pure
//! function of the candidate's record and the note; text, pages that print, PDF and mail are functions of it, so that all
//! of them say the same.

mod address;
mod dates;
mod html;
mod pages;
mod paper;
mod pdf;
mod text;
mod typeset;

use afterword_domain::{
    applications::{Application, Organisation},
    candidate::Candidate,
    contacts::{Contact, ContactStatus},
    ids::ContactId,
    notes::Note,
    values::{Line, PostalAddress, Text, is_same_organisation},
};
use jiff::{Timestamp, civil, tz::TimeZone};
use unicode_normalization::UnicodeNormalization;

use crate::words::folded_words;
pub use html::Page;
pub use paper::Paper;
pub use pdf::NotPrintable;

/// What stands on a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The candidate's language and country; English where none is known.
    pub language: String,
    /// The paper that letters are printed on where the candidate lives.
    pub paper: Paper,
    /// Who writes: the name, then the address and how else to reach them.
    pub sender: Vec<String>,
    /// The day on which it went out; until then, today where the candidate is.
    pub date: civil::Date,
    /// The same, written out.
    pub dated: String,
    /// Who it goes to. Those who share an address share a block.
    pub recipients: Vec<Recipients>,
    /// What it is about.
    pub subject_line: Option<String>,
    /// The text, from the salutation to the closing.
    pub paragraphs: Vec<Paragraph>,
    /// The name below the room to sign, as the text gives it, and what the text says below that.
    pub signature: Vec<String>,
}

/// Who a letter goes to, at one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipients {
    /// Their places among the note's recipients.
    pub places: Vec<usize>,
    /// Names, what they are, where they work, and the address.
    pub lines: Vec<String>,
}

/// A paragraph: lines that end where the writer ended them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paragraph {
    /// Its lines, broken further where the paper ends.
    pub lines: Vec<String>,
}

/// Why a note is not a letter yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotALetter {
    /// It has no text.
    NoBody,
    /// It does not go to this contact.
    NotARecipient,
}

impl Layout {
    /// A note as a letter: to all of its recipients, or to one of them.
    pub fn of(candidate: &Candidate, note: &Note, only: Option<ContactId>, now: Timestamp) -> Result<Self, NotALetter> {
        let body = note.body.get().as_ref().map(Text::as_str).unwrap_or_default();
        if body.trim().is_empty() {
            return Err(NotALetter::NoBody);
        }
        let to = note.recipients.get();
        if only.is_some_and(|only| !to.contains(&only)) {
            return Err(NotALetter::NotARecipient);
        }
        let profile = candidate.profile.as_ref();
        let locale = profile.and_then(|it| it.locale.get().as_ref()).map(ToString::to_string);
        let home = profile.and_then(|it| it.postal_address.get().as_ref());
        let name = profile.map(|it| composed(it.name.get().as_str())).unwrap_or_default();
        let zone = profile.map_or(TimeZone::UTC, |it| it.time_zone.get().time_zone().clone());
        let date = note.sent_at.unwrap_or(now).to_zoned(zone).date();
        let application = note.application(candidate).and_then(|id| candidate.application(id));
        let asked = to
            .iter()
            .enumerate()
            .filter(|(_, id)| only.is_none_or(|only| only == **id));
        let cards: Vec<(usize, &Contact)> = asked
            .filter_map(|(place, id)| Some((place, &**candidate.contacts.get(id)?)))
            .collect();
        let mut addresses = cards.iter().filter_map(|(_, card)| address_of(card, application));
        let abroad = addresses.any(|it| address::is_abroad(it, home));
        let (paragraphs, signature) = parts(body, &name);
        let mut sender = vec![name];
        sender.extend(home.into_iter().flat_map(|it| address::lines(it, abroad)));
        let reached = profile.map(|it| {
            let phone = it.phone.get().as_ref().map(ToString::to_string);
            phone
                .into_iter()
                .chain(it.email.get().as_ref().map(ToString::to_string))
        });
        sender.extend(reached.into_iter().flatten());
        Ok(Self {
            paper: Paper::of_locale(locale.as_deref()),
            date,
            dated: dates::in_words(date, locale.as_deref()),
            sender: sender.iter().map(|line| composed(line)).collect(),
            recipients: blocks(&cards, application, home),
            subject_line: note.subject_line.get().as_ref().map(|line| composed(line.as_str())),
            paragraphs,
            signature,
            language: locale.unwrap_or_else(|| "en".to_owned()),
        })
    }

    /// What a reader's window or a file's properties show: what it is about, or who wrote it and when.
    pub fn title(&self) -> String {
        let name = self.sender.first().map_or("", String::as_str);
        self.subject_line
            .clone()
            .unwrap_or_else(|| format!("{name}, {}", self.dated))
    }

    /// The letter as plain text: the blocks with blank lines between. Lines end where the writer ended them.
    pub fn to_text(&self) -> String {
        text::written(self)
    }

    /// The letter as a page of its own, which prints as the PDF does.
    pub fn to_html(&self) -> Page {
        html::written(self)
    }

    /// The letter as PDF, the same bytes for the same letter.
    pub fn to_pdf(&self) -> Result<Vec<u8>, NotPrintable> {
        pdf::written(self)
    }

    /// What it says, without letterhead: from the salutation to the name, as in a mail.
    pub fn message(&self) -> String {
        text::message(self)
    }
}

/// The blocks of those a letter goes to, in the order in which the note names them.
fn blocks(
    cards: &[(usize, &Contact)],
    application: Option<&Application>,
    home: Option<&PostalAddress>,
) -> Vec<Recipients> {
    let below: Vec<Vec<String>> = cards
        .iter()
        .map(|(_, card)| below_the_name(card, application, home))
        .collect();
    let mut blocks = Vec::new();
    for (first, lines) in below.iter().enumerate() {
        // Those at the same address stand with the first of them.
        let same = |at: &usize| *at == first || !lines.is_empty() && below[*at] == *lines;
        if (0..first).any(|at| same(&at)) {
            continue;
        }
        let people: Vec<(usize, &Contact)> = (first..cards.len()).filter(same).map(|at| cards[at]).collect();
        blocks.push(Recipients {
            places: people.iter().map(|(place, _)| *place).collect(),
            lines: names(&people).iter().chain(lines).map(|line| composed(line)).collect(),
        });
    }
    blocks
}

/// One person's name and title on a line each, several people's on a line per person.
fn names(people: &[(usize, &Contact)]) -> Vec<String> {
    let separator = if people.len() == 1 { "\n" } else { ", " };
    let name = |card: &Contact| {
        let title = card.title.get().iter().map(|title| format!("{separator}{title}"));
        format!("{}{}", card.name.get(), title.collect::<String>())
    };
    let names = people.iter().map(|(_, card)| name(card));
    names
        .collect::<Vec<_>>()
        .join("\n")
        .lines()
        .map(ToOwned::to_owned)
        .collect()
}

/// Where somebody works, and the address.
fn below_the_name(card: &Contact, application: Option<&Application>, home: Option<&PostalAddress>) -> Vec<String> {
    let own = card.organisation_name.get().as_ref().map(Line::as_str);
    let there = workplace(card, application).map(|it| it.name.as_str());
    let mut lines: Vec<String> = own.or(there).map(ToOwned::to_owned).into_iter().collect();
    let address = address_of(card, application);
    let address = address
        .map(|it| address::lines(it, address::is_abroad(it, home)))
        .unwrap_or_default();
    // Some write the organisation into the address as well.
    if lines
        .iter()
        .any(|name| address.iter().any(|line| folded_words(line) == folded_words(name)))
    {
        lines.clear();
    }
    lines.extend(address);
    lines
}

/// Their own address, or that of the organisation that the letter is about, if they are there.
fn address_of<'a>(card: &'a Contact, application: Option<&'a Application>) -> Option<&'a PostalAddress> {
    let own = card.postal_address.get().as_ref();
    own.or_else(|| workplace(card, application).and_then(|it| it.address.as_ref()))
}

/// The organisation that the letter is about, if that is where somebody works. Of those who were erased nothing is said.
fn workplace<'a>(card: &Contact, application: Option<&'a Application>) -> Option<&'a Organisation> {
    let organisation = &application
        .filter(|_| card.status == ContactStatus::Known)?
        .organisation;
    let own = card.organisation_name.get().as_ref();
    own.is_none_or(|own| is_same_organisation(own.as_str(), organisation.name.as_str()))
        .then_some(organisation)
}

/// The text's paragraphs down to the closing, and the signature, where the text has one; else the sender's name.
fn parts(body: &str, name: &str) -> (Vec<Paragraph>, Vec<String>) {
    let lines: Vec<String> = body
        .replace("\r\n", "\n")
        .split(['\n', '\r', '\u{2028}', '\u{2029}'])
        .map(composed)
        .collect();
    let own = folded_words(name);
    let signs = |line: &&String| {
        let words = folded_words(line);
        !words.is_empty() && words.len() <= own.len() && words.iter().all(|word| own.contains(word))
    };
    let written = |line: &&String| !line.is_empty();
    let tail = lines.iter().filter(written).rev().take(SIGNATURE);
    // A name that nothing stands before signs nothing.
    let first = lines.iter().find(written);
    let signed = tail
        .filter(signs)
        .find(|line| !std::ptr::eq(*line, first.unwrap_or(line)));
    let at = signed.and_then(|signed| lines.iter().position(|line| std::ptr::eq(line, signed)));
    let (said, below) = lines.split_at(at.unwrap_or(lines.len()));
    let mut signature: Vec<String> = below.iter().filter(written).cloned().collect();
    if signature.is_empty() {
        signature.push(name.to_owned());
    }
    let paragraphs = said
        .split(|line| line.is_empty())
        .filter(|lines| !lines.is_empty())
        .map(|lines| Paragraph { lines: lines.to_vec() })
        .collect();
    (paragraphs, signature)
}

/// Within how many of a text's last lines the name is looked for: a telephone number and the like may stand below it.
const SIGNATURE: usize = 5;

/// One line, as all forms of the letter have it: letters composed, no control characters, no blanks around.
fn composed(line: &str) -> String {
    let line: String = line.replace('\t', "    ").nfc().filter(|c| !c.is_control()).collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests;
