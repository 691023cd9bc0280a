//! What is on record around a letter, as plain data: what the review compares the text with.

use afterword_domain::notes::{NoteChannel, NoteKind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is on record around a letter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// What the letter is for.
    pub kind: NoteKind,
    /// How it goes out.
    pub channel: NoteChannel,
    /// The candidate's language and country: says whether British or American spelling is right.
    #[serde(default)]
    pub locale: Option<String>,
    /// Who writes.
    pub sender: Sender,
    /// Who it goes to.
    #[serde(default)]
    pub recipients: Vec<Person>,
    /// Others whom the candidate knows: their names are right as they stand here.
    #[serde(default)]
    pub people: Vec<Person>,
    /// The organisation that the letter is about.
    #[serde(default)]
    pub organisation: Option<Organisation>,
    /// Organisations of the candidate's other applications.
    #[serde(default)]
    pub other_organisations: Vec<String>,
    /// The position, as it was advertised.
    #[serde(default)]
    pub position: Option<String>,
    /// What the interview was about: questions, strengths that it did not reach, what was researched.
    #[serde(default)]
    pub talked_about: Vec<String>,
    /// Words of the trade that are right as they stand here.
    #[serde(default)]
    pub terms: Vec<String>,
    /// The moment of the review.
    #[serde(default)]
    pub now: Option<Timestamp>,
    /// When what the letter serves is due.
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    /// By when a letter on paper must be in the post.
    #[serde(default)]
    pub post_by: Option<Timestamp>,
    /// The other letters to the same panel.
    #[serde(default)]
    pub panel: Vec<Other>,
    /// Interviewers of the round whom no letter reaches.
    #[serde(default)]
    pub unreached: Vec<String>,
}

/// Who writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// The full name.
    pub name: String,
    /// What the candidate is good at.
    #[serde(default)]
    pub strengths: Vec<String>,
    /// Where the candidate's letters come from.
    #[serde(default)]
    pub address: Option<Address>,
}

/// Somebody who is known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The full name, as it is written.
    pub name: String,
    /// What stands on the card beside it.
    #[serde(default)]
    pub title: Option<String>,
    /// Where they are.
    #[serde(default)]
    pub organisation: Option<String>,
    /// Where their letters go.
    #[serde(default)]
    pub address: Option<Address>,
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Its name, as it is written.
    pub name: String,
    /// Where its letters go.
    #[serde(default)]
    pub address: Option<Address>,
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// What stands above the city.
    pub lines: Vec<String>,
    /// The city.
    pub city: String,
    /// The postal code.
    pub postal_code: String,
}

/// Another letter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Other {
    /// Who it goes to.
    pub to: Vec<String>,
    /// What it says.
    pub body: String,
}
