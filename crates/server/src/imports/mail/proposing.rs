//! Findings as facts that could be recorded, each with the words that it rests on. Pure.

use std::collections::HashSet;

use afterword_domain::{
    catalogue::AnyFact,
    decide::Proposal,
    documents::DocumentRequested,
    ids::{
        ApplicationId, ContactId, DecisionDateId, DocumentRequestId, EventId, NextRoundId, OfferId, RejectionId,
        Subject,
    },
    interviews::Format as Held,
    next_round::NextRoundAnnounced,
    outcome::{OfferReceived, PositionClosed},
    rejection::RejectionReceived,
    status::DecisionDatePromised,
    values::{Channel, Text},
};
use jiff::{Timestamp, civil};

use super::{
    belongs::{self, Belongs},
    days,
    findings::{self, Finding, Kind},
    message::Message,
    sentences::Sentence,
};
use crate::edge::problem::{Code, Problem};
use crate::imports::{
    ics,
    jobs::standing,
    reading::{Evidence, Known, Row, again, components, folded, lacks, line},
};

/// A message that is read against what is known.
pub(super) struct Reading<'a> {
    pub(super) message: &'a Message,
    pub(super) belongs: Result<Belongs, usize>,
    sender: Option<ContactId>,
    /// The day on which it was sent, where the candidate is.
    day: civil::Date,
    /// When it was sent, so far as that is past.
    pub(super) at: Option<Timestamp>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(message: &'a Message, known: &Known) -> Self {
        let at = message.sent_at.map(|at| at.min(known.now));
        Self {
            message,
            belongs: belongs::of(known, message),
            sender: belongs::sender(known, message),
            day: at
                .unwrap_or(known.now)
                .to_zoned(known.candidate.zone().time_zone().clone())
                .date(),
            at,
        }
    }

    /// The parts from which the ids of a finding's fact are made.
    pub(super) fn parts(&self, name: &'a str, says: Option<&'a str>) -> [&'a str; 4] {
        ["mail", &self.message.id, name, says.unwrap_or_default()]
    }

    fn application(&self) -> Result<ApplicationId, Problem> {
        match &self.belongs {
            Ok(belongs) => Ok(belongs.application),
            Err(0) => Err(lacks(
                "?application",
                "Which application the message belongs to cannot be told: say so with `application=`.",
            )),
            Err(many) => Err(lacks(
                "?application",
                format!("The message would fit {many} applications: say with `application=` which one."),
            )),
        }
    }

    /// The words by which the application was found.
    pub(super) fn place(&self) -> Option<Evidence> {
        let (field, quote) = self.belongs.as_ref().ok()?.by.clone()?;
        Some(Evidence {
            about: "application".into(),
            field,
            quote,
            words: None,
        })
    }

    /// The invitations in it.
    pub(super) fn invitations(&self, known: &mut Known) -> Vec<Row> {
        let named = known.application;
        known.application = self.belongs.as_ref().ok().map(|it| it.application);
        let mut rows = Vec::new();
        let mut planned: HashSet<EventId> = HashSet::new();
        for (line, text) in &self.message.calendars {
            let events = components(text, 1, "VEVENT");
            for mut row in ics::rows(text, known) {
                let facts = row.result.iter().flatten().map(|it| it.decided.envelope().at.event);
                let facts: Vec<EventId> = facts.collect();
                if !facts.is_empty() && facts.iter().all(|fact| planned.contains(fact)) {
                    continue;
                }
                planned.extend(facts);
                let event = events.iter().find(|event| event.line == row.line);
                row.evidence = event.map(|event| quoted(event.text)).unwrap_or_default();
                row.evidence.extend(self.place().filter(|_| row.result.is_ok()));
                row.line += line - 1;
                rows.push(row);
            }
        }
        known.application = named;
        rows
    }

    /// The row of a finding; none where it lacks what its fact needs.
    pub(super) fn row(&self, known: &mut Known, finding: &Finding<'_>, sentences: &[Sentence]) -> Option<Row> {
        let day = self.day_of(finding, sentences);
        if finding.kind == Kind::DecisionDate && day.is_none() {
            return None;
        }
        let name = name_of(finding.kind);
        let mut evidence = vec![Evidence::of(name, finding.sentence, Some(finding.words.clone()))];
        if let Some((named, sentence)) = &day {
            evidence.push(Evidence::of("date", sentence, Some(named.words.clone())));
        }
        evidence.extend(self.place());
        let day = day.map(|(named, _)| named.day);
        let mut row = known.row(1, |known| self.proposals(known, finding, day));
        // What is on record already is not proposed again.
        let is_there = row
            .result
            .as_ref()
            .is_err_and(|problem| problem.code() == Code::AlreadyRecorded);
        if is_there && let Ok(application) = self.application() {
            row = known.row(1, |known| {
                let fact = standing(known, application, name).map(|fact| again(fact));
                Ok(fact.into_iter().collect())
            });
        }
        row.evidence = evidence;
        Some(row)
    }

    /// The day that a finding's fact names, and the sentence that says so.
    fn day_of<'s>(&self, finding: &Finding<'s>, sentences: &'s [Sentence]) -> Option<(days::Named, &'s Sentence)> {
        let year = self.day.checked_add(jiff::Span::new().days(370)).ok()?;
        let until = |sentence: &'s Sentence| {
            let named = days::until(&sentence.text, self.day)?;
            (self.day <= named.day && named.day <= year).then_some((named, sentence))
        };
        match finding.kind {
            Kind::DecisionDate | Kind::DocumentRequest => until(finding.sentence),
            Kind::Offer => sentences.iter().filter(|it| findings::wants_answer(it)).find_map(until),
            Kind::NextRound => {
                let named = days::on(&finding.sentence.text, self.day)?;
                (self.day <= named.day && named.day <= year).then_some((named, finding.sentence))
            }
            Kind::Rejection | Kind::PositionClosed | Kind::Acknowledgment => None,
        }
    }

    fn proposals(
        &self,
        known: &Known,
        finding: &Finding<'_>,
        day: Option<civil::Date>,
    ) -> Result<Vec<Proposal>, Problem> {
        let id = self.application()?;
        let name = name_of(finding.kind);
        let parts = self.parts(name, finding.says);
        if let Some(fact) = known.recorded(&parts) {
            return Ok(vec![again(fact)]);
        }
        if let Some(fact) = on_record(known, id, finding, day) {
            return Ok(vec![fact]);
        }
        let subject = known.derived(&[&["subject"], &parts[..]].concat());
        let (subject, fact): (Subject, AnyFact) = match finding.kind {
            Kind::Rejection => {
                let message: String = self.message.text.chars().take(20_000).collect();
                let fact = RejectionReceived {
                    channel: Channel::Email,
                    reason: None,
                    message: Text::try_from(message).ok(),
                    from_contact: self.sender,
                };
                (RejectionId::new(subject).into(), fact.into())
            }
            Kind::PositionClosed => (id.into(), PositionClosed { reason: None }.into()),
            Kind::Offer => {
                let fact = OfferReceived {
                    respond_by: day.map(Into::into),
                    terms: None,
                };
                (OfferId::new(subject).into(), fact.into())
            }
            Kind::NextRound => {
                let fact = NextRoundAnnounced {
                    expected_on: day.map(Into::into),
                    format: held(&finding.sentence.text),
                    said_by: self.sender,
                    outline: Vec::new(),
                };
                (NextRoundId::new(subject).into(), fact.into())
            }
            Kind::DocumentRequest => {
                let document = finding.says.and_then(line).or_else(|| line(&finding.words));
                let fact = DocumentRequested {
                    document: document.ok_or_else(|| lacks("/document", "The document has no name."))?,
                    requested_by: self.sender,
                    needed_by: day.map(Into::into),
                    expected_on: None,
                };
                (DocumentRequestId::new(subject).into(), fact.into())
            }
            Kind::DecisionDate => {
                let fact = DecisionDatePromised {
                    decide_by: day.ok_or_else(|| lacks("/decide_by", "No date is named."))?.into(),
                    promised_by: self.sender,
                    channel: Some(Channel::Email),
                };
                (DecisionDateId::new(subject).into(), fact.into())
            }
            Kind::Acknowledgment => return Ok(Vec::new()),
        };
        Ok(vec![Proposal {
            event: known.event(&parts),
            application: Some(id),
            subject: Some(subject),
            occurred_at: self.at,
            fact,
        }])
    }
}

const fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Rejection => "RejectionReceived",
        Kind::PositionClosed => "PositionClosed",
        Kind::Offer => "OfferReceived",
        Kind::NextRound => "NextRoundAnnounced",
        Kind::DocumentRequest => "DocumentRequested",
        Kind::DecisionDate => "DecisionDatePromised",
        Kind::Acknowledgment => "ApplicationOpened",
    }
}

/// What another message, or the candidate, has said before: the same date, a document that is owed, an offer that waits.
fn on_record(known: &Known, id: ApplicationId, finding: &Finding<'_>, day: Option<civil::Date>) -> Option<Proposal> {
    let application = known.candidate.application(id)?;
    let view = application.view(known.now);
    let is_there = match finding.kind {
        Kind::DecisionDate => view.decide_by.is_some_and(|date| Some(date.civil()) == day),
        Kind::Offer => view.status == afterword_domain::applications::Status::Offered,
        Kind::DocumentRequest => {
            use afterword_domain::documents::DocumentRequestStatus as Status;
            let mut requests = application.document_requests.values();
            let same = requests.find(|it| {
                matches!(it.status, Status::Open | Status::Delayed)
                    && finding
                        .says
                        .is_some_and(|says| folded(says) == folded(it.document.as_str()))
            })?;
            return known.facts_about(same.id.into()).last().map(|fact| again(fact));
        }
        Kind::Rejection | Kind::PositionClosed | Kind::NextRound | Kind::Acknowledgment => false,
    };
    is_there
        .then(|| standing(known, id, name_of(finding.kind)).map(|fact| again(fact)))
        .flatten()
}

/// How a round will be held, where the sentence says so.
fn held(sentence: &str) -> Option<Held> {
    const WORDS: [(Held, &[&str]); 4] = [
        (
            Held::Onsite,
            &["onsite", "on-site", "on site", "in person", "in-person", "our office"],
        ),
        (
            Held::Video,
            &["video", "zoom", "teams", "google meet", "virtual", "webex"],
        ),
        (
            Held::Assessment,
            &[
                "assessment",
                "take-home",
                "coding test",
                "coding challenge",
                "assignment",
            ],
        ),
        (Held::Phone, &["phone", "telephone"]),
    ];
    let lower = sentence.to_lowercase();
    let said: Vec<Held> = WORDS
        .iter()
        .filter(|(_, words)| words.iter().any(|word| lower.contains(word)))
        .map(|(held, _)| *held)
        .collect();
    // Of two, neither is meant for sure.
    <[Held; 1]>::try_from(said).ok().map(|[held]| held)
}

/// What an invitation says of itself.
fn quoted(event: &str) -> Vec<Evidence> {
    let unfolded = event
        .replace("\r\n ", "")
        .replace("\n ", "")
        .replace("\r\n\t", "")
        .replace("\n\t", "");
    let is = |line: &&str| ["SUMMARY", "DTSTART"].iter().any(|name| line.starts_with(name));
    let lines = unfolded.lines().filter(is).take(2);
    lines
        .map(|line| Evidence {
            about: "invitation".into(),
            field: "calendar",
            quote: line.trim().chars().take(500).collect(),
            words: None,
        })
        .collect()
}

impl Evidence {
    pub(super) fn of(about: &str, sentence: &Sentence, words: Option<String>) -> Self {
        Self {
            about: about.to_owned(),
            field: sentence.field,
            quote: sentence.text.clone(),
            words,
        }
    }
}
