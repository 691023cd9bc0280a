//! The facts about reviews.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Finding, NoteReview, Reviewed, Severity, Waiver};
use crate::{
    candidate::Candidate,
    contacts::names_of,
    fact::{At, Fact, Place},
    ids::NoteId,
    notes::{Note, NoteStatus, note},
    refusal::Refusal,
    time::{Instant, Zone},
    values::{Line, Text},
};

/// A note was reviewed. The service reviews it and fills in what was found: the request is empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteReviewed {
    /// The revision that was reviewed.
    #[schema(minimum = 1)]
    pub revision: u32,
    /// The version of the rules.
    pub ruleset: Line,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// A finding may stand: a name that is spelled just so, a word of the trade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingWaived {
    /// The finding's id.
    pub finding: Line,
    /// Why it may stand.
    pub reason: Text,
}

fn admit_look(candidate: &Candidate, at: &At) -> Result<(), Refusal> {
    match note(candidate, at).map(|note| note.status) {
        Some(NoteStatus::Discarded) => Err(Refusal::new("note_discarded", "The note was discarded.")),
        Some(NoteStatus::Draft | NoteStatus::Sent) | None => Ok(()),
    }
}

fn change(candidate: &mut Candidate, at: &At, change: impl FnOnce(&mut Note)) {
    let Ok(id) = NoteId::try_from(at.subject) else { return };
    if let Some(note) = candidate.notes.get_mut(&id) {
        let note = Arc::make_mut(note);
        note.version = at.version;
        change(note);
    }
}

impl Fact for NoteReviewed {
    const NAME: &'static str = "NoteReviewed";
    type Subject = NoteId;
    const PLACE: Place = Place::Step;

    /// The request says nothing: sent again, it is the same.
    fn repeats(&self, _: &Self) -> bool {
        true
    }

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_look(candidate, at)?;
        let newest = note(candidate, at).map_or(1, |note| note.revision);
        if !(1..=newest).contains(&self.revision) {
            let told = format!("must be between 1 and {newest}, the newest revision");
            return Err(Refusal::invalid("/revision", told));
        }
        Ok(())
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let reviewed = Reviewed {
            event: at.event,
            stamp: at.stamp(),
            review: NoteReview {
                revision: self.revision,
                ruleset: self.ruleset.clone(),
                reviewed_at: Instant::in_zone(at.occurred_at, &Zone::UTC),
                findings: self.findings.clone().into(),
            },
        };
        change(candidate, at, |note| {
            let place = note.reviews.partition_point(|other| other.stamp <= reviewed.stamp);
            note.reviews.insert(place, reviewed);
            let newest = note.reviews.iter().max_by_key(|it| (it.review.revision, it.stamp));
            note.review = newest.map(|it| it.review.clone());
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let names = note(candidate, at).and_then(|note| names_of(candidate, note.recipients.get()));
        let to = names.map_or_else(|| "a note".to_owned(), |names| format!("the note to {names}"));
        let errors = self.findings.iter().filter(|it| it.severity == Severity::Error).count();
        match (errors, self.findings.len()) {
            (0, 0) => format!("Reviewed {to}: nothing to mend."),
            (0, _) => format!("Reviewed {to}: no errors."),
            (1, _) => format!("Reviewed {to}: one error to mend."),
            (errors, _) => format!("Reviewed {to}: {errors} errors to mend."),
        }
    }
}

impl NoteReviewed {
    /// Without what its findings say of somebody who was erased.
    pub(crate) fn without(&self, tells: impl Fn(&str) -> bool) -> Self {
        let mut review = self.clone();
        for finding in &mut review.findings {
            if tells(&finding.message) || finding.suggestions.iter().any(|it| tells(it)) {
                finding.message = Line::REDACTED.to_owned();
                finding.suggestions.clear();
            }
        }
        review
    }
}

impl Fact for FindingWaived {
    const NAME: &'static str = "FindingWaived";
    type Subject = NoteId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        admit_look(candidate, at)?;
        let Some(note) = note(candidate, at) else { return Ok(()) };
        let findings = note.reviews.iter().flat_map(|it| it.review.findings.iter());
        if !findings.into_iter().any(|finding| finding.id == self.finding.as_str()) {
            let refusal = Refusal::new(
                "unknown_reference",
                "A field names something that this candidate does not have.",
            );
            return Err(refusal.at("/finding", "is not the id of one of this note's findings"));
        }
        Ok(())
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let waiver = Waiver {
            finding: self.finding.clone(),
            reason: self.reason.clone(),
            by: (at.event, at.stamp()),
        };
        change(candidate, at, |note| {
            let place = note.waivers.partition_point(|other| other.by.1 <= waiver.by.1);
            note.waivers.insert(place, waiver);
        });
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let names = note(candidate, at).and_then(|note| names_of(candidate, note.recipients.get()));
        names.map_or_else(
            || format!("Let a finding stand: {}", self.reason),
            |names| format!("Let a finding in the note to {names} stand: {}", self.reason),
        )
    }
}
