//! A fact as a CloudEvent 1.0, for whoever has tools that speak it: in the feed by `Accept`, and in every webhook.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
};
use afterword_domain::{
    fact::At,
    ids::{ApplicationId, CandidateId, EventId, Subject},
    time::Instant,
};
use afterword_store::FeedEntry;
use serde::Serialize;

use super::{Event, PATH};

const BATCH: &str = "application/cloudevents-batch+json";
/// The feed has two forms.
pub const VARY: HeaderValue = HeaderValue::from_static("accept");

/// A CloudEvent in its structured form. What surrounds a fact stands twice in it: as attributes, for tools that route by
/// them, and in `data`, which is the fact as the feed has it.
#[derive(Serialize)]
pub struct CloudEvent {
    specversion: &'static str,
    id: EventId,
    source: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: Subject,
    time: Instant,
    datacontenttype: &'static str,
    candidate: CandidateId,
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<ApplicationId>,
    candidateversion: u64,
    #[serde(skip_serializing_if = "is_not")]
    sample: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Event>,
}

impl CloudEvent {
    /// The whole fact.
    pub fn of(entry: &FeedEntry) -> Self {
        Self {
            data: Some(entry.into()),
            ..Self::thin(entry)
        }
    }

    /// Ids and times only: who may know more asks for it.
    pub fn thin(entry: &FeedEntry) -> Self {
        match entry {
            FeedEntry::Fact { envelope, .. } => Self::at(&envelope.at, envelope.data.name()),
            FeedEntry::Erased { at, .. } => Self::at(at, "FactErased"),
        }
    }

    fn at(at: &At, kind: &'static str) -> Self {
        Self {
            specversion: "1.0",
            id: at.event,
            source: PATH,
            kind,
            subject: at.subject,
            time: at.occurred_at.into(),
            datacontenttype: "application/json",
            candidate: at.candidate,
            application: at.application,
            candidateversion: at.version,
            sample: false,
            data: None,
        }
    }

    /// Marked as a sample: nothing of the kind has happened.
    #[must_use]
    pub fn marked_as_sample(self) -> Self {
        Self { sample: true, ..self }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_not(it: &bool) -> bool {
    !it
}

/// Whether a reader asks for CloudEvents.
pub fn wanted(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT);
    let mut kinds = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    kinds.any(|kind| {
        kind.split(';')
            .next()
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(BATCH))
    })
}

/// Says of an answer that it is a batch of CloudEvents.
pub fn batch(mut answer: HttpResponse) -> HttpResponse {
    let headers = answer.headers_mut();
    headers.insert(header::VARY, VARY);
    if headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(BATCH));
    }
    answer
}
