//! A note as an e-mail (RFC 5322, MIME): as a draft that a mail program opens, or as it is handed to a mail server. The
//! same note in the same revision is always the same message, under the same Message-ID.

use std::borrow::Cow;

use afterword_domain::{
    candidate::Candidate,
    contacts::ContactStatus,
    ids::NoteId,
    notes::Note,
    refusal::Refusal,
    values::{Email, Line, Text},
};
use jiff::{Timestamp, fmt::rfc2822, tz::TimeZone};
use mail_builder::{
    MessageBuilder,
    headers::{HeaderType, address::Address, message_id::MessageId, raw::Raw, text::Text as Words},
};

/// Somebody with an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The name.
    pub name: String,
    /// The address, which is one that a mail server can be told.
    pub address: String,
}

/// A message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Who it is from.
    pub from: Mailbox,
    /// Where answers go, where that is somewhere else.
    pub reply_to: Option<Mailbox>,
    /// Who it goes to.
    pub to: Vec<Mailbox>,
    note: NoteId,
    revision: u32,
    subject: String,
    body: String,
    at: Timestamp,
    zone: TimeZone,
}

impl Message {
    /// A note as its candidate would send it: dated when it went out, else when it was written.
    ///
    /// # Errors
    /// When it has no text, or somebody has no address: what is to be recorded first.
    pub fn of(candidate: &Candidate, note: &Note) -> Result<Self, Refusal> {
        let Some(profile) = &candidate.profile else {
            return Err(Refusal::not_found());
        };
        let body = note.body.get().as_ref().map(Text::as_str);
        let body = body.ok_or_else(|| Refusal::new("note_without_body", "The note has no text yet."))?;
        let here = format!("/v1/candidates/{}", candidate.id);
        let Some(own) = profile.email.get() else {
            let told = format!("The candidate has no e-mail address: record it with PATCH {here} {{\"email\": …}}.");
            return Err(Refusal::new("not_addressable", told));
        };
        let from = mailbox(profile.name.get(), own, &here)?;
        let mut to: Vec<Mailbox> = Vec::new();
        for id in note.recipients.get() {
            let card = candidate.contacts.get(id);
            let Some(card) = card.filter(|card| card.status == ContactStatus::Known) else {
                let told = format!(
                    "The recipient {id} is no longer known: name others with PATCH {here}/notes/{}.",
                    note.id
                );
                return Err(Refusal::new("not_addressable", told));
            };
            let there = format!("{here}/contacts/{id}");
            let Some(address) = card.email.get() else {
                let told =
                    format!("The recipient {id} has no e-mail address: record it with PATCH {there} {{\"email\": …}}.");
                return Err(Refusal::new("not_addressable", told));
            };
            let mailbox = mailbox(card.name.get(), address, &there)?;
            if to.iter().all(|known| known.address != mailbox.address) {
                to.push(mailbox);
            }
        }
        if to.is_empty() {
            let told = format!(
                "The note goes to nobody: name its recipients with PATCH {here}/notes/{}.",
                note.id
            );
            return Err(Refusal::new("not_addressable", told));
        }
        Ok(Self {
            from,
            reply_to: None,
            to,
            note: note.id,
            revision: note.revision,
            subject: note
                .subject_line
                .get()
                .as_ref()
                .map(Line::as_str)
                .unwrap_or_default()
                .to_owned(),
            body: body.to_owned(),
            at: note.sent_at.or_else(|| note.written_at()).unwrap_or_default(),
            zone: profile.time_zone.get().time_zone().clone(),
        })
    }

    /// The same, sent from another address in the candidate's name; answers go to the candidate.
    #[must_use]
    pub fn sent_from(mut self, name: Option<&str>, address: &str) -> Self {
        let sender = Mailbox {
            name: name.unwrap_or(&self.from.name).to_owned(),
            address: address.to_owned(),
        };
        self.reply_to = Some(std::mem::replace(&mut self.from, sender));
        self
    }

    /// The same, dated.
    #[must_use]
    pub fn dated(self, at: Timestamp) -> Self {
        Self { at, ..self }
    }

    /// What a mail program opens as a draft.
    pub fn draft(&self) -> Vec<u8> {
        self.written(true)
    }

    /// What a mail server is given.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.written(false)
    }

    fn written(&self, unsent: bool) -> Vec<u8> {
        let address = |mailbox: &Mailbox| {
            Address::new_address(Some(one_line(&mailbox.name).into_owned()), mailbox.address.clone())
        };
        let mut builder = MessageBuilder::new();
        if unsent {
            builder = builder.header("X-Unsent", HeaderType::Raw(Raw::new("1")));
        }
        builder = builder.from(address(&self.from));
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(address(reply_to));
        }
        builder = builder.to(Address::new_list(self.to.iter().map(address).collect()));
        builder = builder.subject(Words::new(one_line(&self.subject)));
        let date = rfc2822::to_string(&self.at.to_zoned(self.zone.clone())).unwrap_or_default();
        builder = builder.header("Date", HeaderType::Raw(Raw::new(date)));
        builder = builder.message_id(MessageId::new(self.id()));
        let mut bytes = Vec::new();
        builder.text_body(lines(&self.body)).serialize(&mut bytes);
        bytes
    }

    /// The same for the same revision of the note. Its right side is the sender's own domain, as RFC 5322 asks.
    fn id(&self) -> String {
        let domain = self.from.address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let plain = !domain.is_empty()
            && domain
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
        format!(
            "{}.{}@{}",
            self.note,
            self.revision,
            if plain { domain } else { "mail.invalid" }
        )
    }
}

fn mailbox(name: &Line, email: &Email, there: &str) -> Result<Mailbox, Refusal> {
    if !is_address(email.as_str()) {
        let told = format!("The e-mail address of {there} is none that mail can be sent to: record the right one.");
        return Err(Refusal::new("not_addressable", told));
    }
    Ok(Mailbox {
        name: name.as_str().to_owned(),
        address: email.as_str().to_owned(),
    })
}

/// Whether an address can be written into a message and told to a server as it is: atoms with dots between (RFC 5322,
/// 3.4.1, and RFC 6531 for letters beyond ASCII). A record may hold others; nobody has had one for decades.
pub fn is_address(text: &str) -> bool {
    let atom = |part: &str| {
        let fits = |c: char| {
            c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && c.is_alphanumeric())
        };
        !part.is_empty() && part.chars().all(fits)
    };
    let label = |part: &str| {
        let fits = |c: char| c.is_alphanumeric() || c == '-';
        !part.is_empty() && part.chars().all(fits) && !part.starts_with('-') && !part.ends_with('-')
    };
    text.rsplit_once('@')
        .is_some_and(|(local, domain)| local.split('.').all(atom) && domain.split('.').all(label))
}

/// Nothing in a header may begin another one.
fn one_line(text: &str) -> Cow<'_, str> {
    if text
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
    {
        return text
            .replace(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'), " ")
            .into();
    }
    text.into()
}

/// Lines end as they do in mail, whatever ended them before: a bare CR or LF is what messages are smuggled with.
fn lines(text: &str) -> String {
    let mut lines = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    if !lines.ends_with("\r\n") {
        lines.push_str("\r\n");
    }
    lines
}

#[cfg(test)]
mod tests;
