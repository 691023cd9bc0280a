//! What a good letter would need and the record does not have.

use afterword_domain::{candidate::Candidate, notes::NoteKind, play::Action};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{draft::Drafts, purpose::Purpose};

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MissingFact)]
pub enum What {
    /// Who it goes to.
    Recipient,
    /// What a note of the kind `other` is for.
    Purpose,
    /// Something that was talked about.
    TalkedAbout,
    /// A strength.
    Strength,
    /// The debrief, which the key may not read.
    Debrief,
    /// The day by which they can expect the document.
    ExpectedOn,
    /// The position, in words that fit.
    Position,
    /// Enough to tell the letters to one panel apart.
    Difference,
    /// Time: what the letter serves was due before now.
    Time,
    /// A draft that passes its review.
    Review,
}

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = MissingFromNote)]
pub struct Missing {
    /// What.
    pub what: What,
    /// Why, and what would help.
    #[schema(example = "Nothing that you talked about is on record: record a question that was asked.")]
    pub why: String,
    /// The call that records it, where there is one.
    pub action: Option<Action>,
}

/// What each kind of note would rather not do without: what, and the variables that say it.
const WANTED: &[(NoteKind, What, &[&str])] = &[
    (NoteKind::ThankYou, What::TalkedAbout, &["topic"]),
    (NoteKind::ThankYou, What::Strength, &["unsaid_strength", "strength"]),
    (NoteKind::DocumentProgress, What::ExpectedOn, &["expected_on"]),
    (NoteKind::ReferenceNotice, What::TalkedAbout, &["topic"]),
    (NoteKind::Other, What::Purpose, &["occasion"]),
];

/// What is said from the debrief alone.
const FROM_DEBRIEFS: &[&str] = &["unsaid_strength", "repair"];

impl Drafts<'_> {
    /// What a draft lacks that has these values, but for what its review says.
    pub(super) fn missing(&self, nobody: bool, told: &dyn Fn(&str) -> bool) -> Vec<Missing> {
        let (purpose, record) = (self.purpose, &self.record);
        let mut missing: Vec<Missing> = Vec::new();
        let mut tell = |what, why: &str, action| {
            missing.push(Missing {
                what,
                why: why.to_owned(),
                action,
            });
        };
        if nobody {
            let named = purpose.interview.filter(|_| purpose.kind == NoteKind::ThankYou);
            let action = match named {
                Some(interview) => {
                    let path = format!("interviews/{interview}/interviewers");
                    call(
                        self.candidate,
                        "record_interviewers_named",
                        &path,
                        json!({"interviewers": []}),
                    )
                }
                None => call(self.candidate, "record_contact_collected", "contacts", json!({})),
            };
            tell(
                What::Recipient,
                "Nobody is on record whom it could go to by name: say who it is.",
                Some(action),
            );
        }
        for (kind, what, variables) in WANTED {
            // What there was no room for beside something better is not missing.
            let there = record.has_usable(variables) || variables.iter().any(|name| told(name));
            if *kind != purpose.kind || !self.template.uses(variables) || there {
                continue;
            }
            let (why, action) = self.reason(*what, variables);
            tell(*what, why, action);
        }
        if record.withheld && self.template.uses(FROM_DEBRIEFS) {
            tell(
                What::Debrief,
                "The debrief was left out: this key has no scope `debriefs:read`.",
                None,
            );
        }
        if self.template.uses(&["position"]) && record.has_position() && !told("position") {
            tell(
                What::Position,
                "The position as it is on record does not fit into the letter, or would not pass the review.",
                None,
            );
        }
        missing
    }

    fn reason(&self, what: What, variables: &[&str]) -> (&'static str, Option<Action>) {
        let Purpose { interview, .. } = self.purpose;
        let unfit = self.record.has_unfit(variables);
        let of_interview = |operation, step| {
            interview.map(|id| call(self.candidate, operation, &format!("interviews/{id}/{step}"), json!({})))
        };
        match what {
            What::TalkedAbout if unfit => (
                "What is on record of the conversation does not fit into two lines, or would not pass the review: record a question in fewer words.",
                of_interview("record_question_recorded", "questions"),
            ),
            What::TalkedAbout => (
                "Nothing that you talked about is on record: record a question that was asked.",
                of_interview("record_question_recorded", "questions"),
            ),
            What::Strength => {
                let why = if unfit {
                    "The strengths on record do not fit into two lines, or would not pass the review: say one in fewer words."
                } else {
                    "No strength is on record: look back at the interview, or name one in the profile."
                };
                let debriefed = self.record.debriefed || self.record.withheld;
                let revise = Action {
                    method: "PATCH".into(),
                    href: format!("/v1/candidates/{}", self.candidate.id),
                    ..call(self.candidate, "record_profile_revised", "", json!({"strengths": []}))
                };
                let look_back = of_interview("record_debrief_completed", "debriefed").filter(|_| !debriefed);
                (why, Some(look_back.unwrap_or(revise)))
            }
            What::ExpectedOn => (
                "No day is on record by which they can expect it: put it into the text, and name it as the note's `expected_on`.",
                None,
            ),
            _ => (
                "What the note is for is on no record: name what it is `about`, such as an offer, or write it yourself.",
                None,
            ),
        }
    }
}

fn call(candidate: &Candidate, operation: &'static str, path: &str, body: Value) -> Action {
    Action {
        operation: operation.into(),
        method: "POST".into(),
        href: format!("/v1/candidates/{}/{path}", candidate.id),
        body,
    }
}
