//! A file read against what is known of a candidate: each of its entries becomes facts, or a problem of its
//! own. Every id is derived from what the entry says, so the same file twice records nothing twice. Pure.

use std::sync::Arc;

use afterword_domain::{
    candidate::Candidate,
    contacts::ContactStatus,
    decide::{Decided, Proposal, decide},
    fact::Envelope,
    ids::{ApplicationId, ContactId, EventId, Subject},
    values::{Email, Line},
};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{
    Format,
    cells::Cells,
    columns::{ColumnMap, Target},
    formats::Reads,
    ics, jobs, mail, people,
    table::Table,
    text, vcf,
};
use crate::{
    edge::problem::{Code, Problem},
    writing::refused,
};

/// As many entries as `C/facts` takes facts.
const MOST: usize = 1000;
/// People in a table: whom somebody met in a career. What fits into the largest body is not much more.
const MOST_PEOPLE: usize = 10_000;

/// An entry of a file.
#[derive(Debug)]
pub struct Row {
    /// The line at which it begins, from 1.
    pub line: usize,
    /// The facts that it amounts to, all of them or none.
    pub result: Result<Vec<Planned>, Problem>,
    /// The words that a proposal rests on.
    pub evidence: Vec<Evidence>,
}

impl Row {
    /// A row that amounts to nothing.
    pub(super) fn refused(line: usize, problem: Problem) -> Self {
        Self {
            line,
            result: Err(problem),
            evidence: Vec::new(),
        }
    }
}

/// Words that a proposal rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What they speak for: a fact, a date, the application.
    pub about: String,
    /// Where they stand: `from`, `subject`, `body` or `calendar`.
    pub field: &'static str,
    /// The sentence or the line.
    pub quote: String,
    /// The words in it that say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

/// A fact that an entry amounts to.
#[derive(Debug)]
pub struct Planned {
    /// What is to be recorded.
    pub proposal: Proposal,
    /// What would become of it.
    pub decided: Decided,
}

/// Reads a file; a table that is no known program's by a column map.
///
/// # Errors
/// When it is no file of this format at all; what is wrong with one entry is that row's own.
pub fn read(format: Format, map: Option<&ColumnMap>, bytes: &[u8], mut known: Known) -> Result<Vec<Row>, Problem> {
    let entry = match format.reads() {
        Reads::Message => return mail::rows(bytes, &mut known),
        Reads::Calendar => "BEGIN:VEVENT",
        Reads::Cards => "BEGIN:VCARD",
        Reads::Table(_) | Reads::Mapped => "row",
        Reads::Archive => "manifest.json",
    };
    let text = text::decoded(bytes)?;
    let rows = match format.reads() {
        Reads::Calendar => ics::rows(&text, &mut known),
        Reads::Table(map) => table(&text, map, &mut known)?,
        Reads::Mapped => {
            let none = || Problem::invalid("?map", "is required: which column of the table is what");
            table(&text, map.ok_or_else(none)?, &mut known)?
        }
        Reads::Cards | Reads::Message | Reads::Archive => vcf::rows(&text, &mut known),
    };
    let most = match format.reads() {
        Reads::Table(map) => most(map),
        Reads::Mapped => map.map_or(MOST, most),
        _ => MOST,
    };
    match rows.len() {
        0 => Err(Problem::malformed(format!("The file has no {entry}."))),
        many if many > most => Err(Problem::new(
            Code::Invalid,
            format!("The file has more than {most} entries; send up to {most} at a time."),
        )),
        _ => Ok(rows),
    }
}

/// How many rows of a table are read.
const fn most(map: &ColumnMap) -> usize {
    match map.target {
        Target::Contacts | Target::Connections => MOST_PEOPLE,
        Target::Applications | Target::Openings | Target::Activities => MOST,
    }
}

/// Every row of a table.
fn table(text: &str, map: &ColumnMap, known: &mut Known) -> Result<Vec<Row>, Problem> {
    let table = Table::find(text, map)?;
    let mut rows = Vec::new();
    table.records(|record| {
        let row = known.row(record.line, |known| {
            let cells = Cells {
                map,
                columns: &table.columns,
                cells: &record.cells?,
            };
            match map.target {
                Target::Contacts => people::contact(known, &cells),
                Target::Connections => people::connection(known, &cells),
                Target::Applications => jobs::application(known, &cells),
                Target::Openings => jobs::opening(known, &cells),
                Target::Activities => jobs::activity(known, &cells),
            }
        });
        rows.push(row);
        rows.len() <= most(map)
    });
    Ok(rows)
}

/// What entries are read against: the candidate as the entries before have left them.
#[derive(Debug, Clone)]
pub struct Known {
    /// The candidate.
    pub candidate: Candidate,
    /// The application that new interviews belong to.
    pub application: Option<ApplicationId>,
    /// The moment of the import.
    pub now: Timestamp,
    /// Who imports.
    pub by: Arc<str>,
}

impl Known {
    /// The same at an earlier version, at the moment in which the next one came.
    pub(super) fn back_to(self, version: u64) -> Self {
        let next = usize::try_from(version)
            .ok()
            .and_then(|next| self.candidate.history().get(next));
        Self {
            now: next.map_or(self.now, |next| next.at.recorded_at),
            candidate: self.candidate.at_version(version),
            ..self
        }
    }

    /// Reads one entry and takes note of what it will have changed for those after it.
    pub(super) fn row(&mut self, line: usize, entry: impl FnOnce(&Self) -> Result<Vec<Proposal>, Problem>) -> Row {
        let result = entry(self).and_then(|proposals| self.rehearse(proposals));
        Row {
            line,
            result,
            evidence: Vec::new(),
        }
    }

    fn rehearse(&mut self, proposals: Vec<Proposal>) -> Result<Vec<Planned>, Problem> {
        let mut state = self.candidate.clone();
        let plan = |proposal: Proposal| {
            let decided = decide(&mut state, proposal.clone(), self.now, &self.by).map_err(refused)?;
            Ok(Planned { proposal, decided })
        };
        let planned = proposals.into_iter().map(plan).collect::<Result<_, Problem>>()?;
        self.candidate = state;
        Ok(planned)
    }

    /// A UUID made of these parts, within the candidate.
    pub(super) fn derived(&self, parts: &[&str]) -> Uuid {
        Uuid::new_v5(&self.candidate.id.uuid(), parts.join("\u{1f}").as_bytes())
    }

    /// The same, for a fact that is new: what was recorded by that id and taken back since, or changed and
    /// changed back, happens again under another.
    pub(super) fn event(&self, parts: &[&str]) -> EventId {
        let mut id = self.derived(parts);
        while self.candidate.fact(EventId::new(id)).is_some() {
            id = Uuid::new_v5(&id, b"again");
        }
        EventId::new(id)
    }

    /// A fact of the log that stands, by the id that is derived from these parts.
    pub(super) fn recorded(&self, parts: &[&str]) -> Option<&Arc<Envelope>> {
        let id = EventId::new(self.derived(parts));
        self.candidate.fact(id).filter(|_| !self.candidate.is_retracted(id))
    }

    /// The facts about a thing that stand, the newest first.
    pub(super) fn facts_about(&self, subject: Subject) -> impl Iterator<Item = &Arc<Envelope>> {
        let history = self.candidate.history().iter().rev();
        history.filter(move |fact| fact.at.subject == subject && !self.candidate.is_retracted(fact.at.event))
    }

    /// The contact with this e-mail address: a known one, or the id that a new one will have.
    pub(super) fn contact(&self, email: &Email) -> ContactId {
        let lower = |email: &'_ Email| email.as_str().to_lowercase();
        let sought = lower(email);
        let same = |other: &Option<Email>| {
            other.as_ref().is_some_and(|other| {
                let other = other.as_str();
                // Only few are worth a second look.
                other.len() == sought.len() && other.to_lowercase() == sought
            })
        };
        let mut contacts = self.candidate.contacts.values();
        let known = contacts.find(|contact| contact.status == ContactStatus::Known && same(contact.email.get()));
        known.map_or_else(
            || self.new_contact(&["email", &folded(email.as_str())]),
            |contact| contact.id,
        )
    }

    /// The id of a contact whom these parts tell from all others.
    pub(super) fn new_contact(&self, parts: &[&str]) -> ContactId {
        ContactId::new(self.derived(&[&["contact"], parts].concat()))
    }
}

/// Repeats a fact that is on record, so that the entry is answered with it.
pub(super) fn again(fact: &Envelope) -> Proposal {
    Proposal {
        event: fact.at.event,
        application: fact.at.application,
        subject: Some(fact.at.subject),
        occurred_at: None,
        fact: fact.data.clone(),
    }
}

/// Addresses and names are the same whatever their case.
pub(super) fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Text as one line, without what a line cannot hold; none where nothing is left.
pub(super) fn line(text: &str) -> Option<Line> {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    Line::try_from(words.join(" ").chars().take(500).collect::<String>()).ok()
}

/// One `BEGIN:…` to `END:…` of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Component<'a> {
    /// The line at which it begins, from 1.
    pub(super) line: usize,
    /// Where it begins in the text that it was found in.
    pub(super) start: usize,
    /// All of it.
    pub(super) text: &'a str,
    /// Whether its end is there.
    pub(super) whole: bool,
}

/// The components of one kind. They are parsed one by one, so that a broken one does not take the next along.
pub(super) fn components<'a>(text: &'a str, first_line: usize, kind: &str) -> Vec<Component<'a>> {
    let is = |line: &str, word: &str| {
        let line = line.trim_start_matches('\u{feff}').trim_end();
        line.split_once(':')
            .is_some_and(|(left, right)| left.eq_ignore_ascii_case(word) && right.trim().eq_ignore_ascii_case(kind))
    };
    let mut found = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let mut at = 0;
    for (number, line) in (first_line..).zip(text.split_inclusive('\n')) {
        let (begins, ends) = (is(line, "BEGIN"), is(line, "END"));
        if (begins || ends)
            && let Some((begun, start)) = open.take()
        {
            let end = if ends { at + line.len() } else { at };
            found.push(Component {
                line: begun,
                start,
                text: &text[start..end],
                whole: ends,
            });
        }
        if begins {
            open = Some((number, at));
        }
        at += line.len();
    }
    found.extend(open.map(|(line, start)| Component {
        line,
        start,
        text: &text[start..],
        whole: false,
    }));
    found
}

/// The file breaks off within this entry.
pub(super) fn cut(kind: &str) -> Problem {
    Problem::new(
        Code::Malformed,
        format!("The entry has no END:{kind}: the file was cut, or is damaged here."),
    )
}

/// The entry cannot give a fact's field.
pub(super) fn lacks(pointer: &str, detail: impl Into<String>) -> Problem {
    Problem::about(Code::Invalid, pointer, detail)
}
