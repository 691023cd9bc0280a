//! One candidate: recording facts, and the views on them.

use afterword_domain::{
    applications::ApplicationView,
    catalogue::AnyFact,
    fact::Fact,
    ids::{ApplicationId, CandidateId, NoteId},
    interviews::InterviewView,
    play::Task,
    timeline::TimelineEntry,
};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Client, Error, Event, Recording, Rows, fresh};

/// A candidate as one key sees them.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub(crate) client: &'a Client,
    /// The candidate's id.
    pub id: CandidateId,
}

#[derive(Deserialize)]
struct Answer {
    event: Event,
}

impl<'a> Candidate<'a> {
    /// The path of something of the candidate's, for [`Client::request`].
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/candidates/{}/{rest}", self.id)
    }

    /// Records a fact about the candidate: any but the two that have a function of their own.
    pub fn record<F: Fact + Into<AnyFact>>(&self, fact: F) -> Recording<'a, F> {
        Recording::new(*self, fact)
    }

    /// Has the service review a note; the fact holds what was found.
    pub async fn review(&self, note: NoteId) -> Result<Event, Error> {
        let path = self.path(&format!("notes/{note}/reviewed"));
        let request = self.client.request(Method::POST, &path).json(&json!({}));
        let request = request.header("Idempotency-Key", fresh().to_string());
        Ok(self.client.answer::<Answer>(request).await?.event)
    }

    /// Forgets the candidate for good: the key to everything recorded is destroyed.
    pub async fn erase(&self) -> Result<Event, Error> {
        let request = self
            .client
            .request(Method::DELETE, &format!("/v1/candidates/{}", self.id));
        Ok(self.client.answer::<Answer>(request).await?.event)
    }

    /// What can be read of the candidate's under a path, such as `contacts/{id}`.
    pub async fn get(&self, rest: &str) -> Result<Value, Error> {
        self.client.get(&self.path(rest), &[]).await
    }

    /// The candidate's tasks; `state`, `play`, `application` and `as_of` narrow them.
    pub fn tasks(&self, query: &[(&str, &str)]) -> Rows<Task> {
        self.client.list(&self.path("tasks"), query)
    }

    /// The candidate's applications.
    pub fn applications(&self) -> Rows<ApplicationView> {
        self.client.list(&self.path("applications"), &[])
    }

    /// The candidate's interviews.
    pub fn interviews(&self) -> Rows<InterviewView> {
        self.client.list(&self.path("interviews"), &[])
    }

    /// The story of the candidate, or of one application.
    pub fn timeline(&self, of: Option<ApplicationId>) -> Rows<TimelineEntry> {
        let rest = of.map_or_else(|| "timeline".to_owned(), |id| format!("applications/{id}/timeline"));
        self.client.list(&self.path(&rest), &[])
    }
}
