//! Samples of what a webhook is told, one per type of fact, and a test that sends one. They are the forms in which facts
//! were released, with which history is tested.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use afterword_domain::{catalogue::AnyFact, fact::Envelope, ids::EventId};
use afterword_store::FeedEntry;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    find,
    sending::{Outcome, Sealed, body, send},
};
use crate::{
    api::{Api, Operation, reference},
    edge::{
        body::{LIMIT, into_typed, read_json},
        clock::stopwatch,
        codes::Code,
        etag,
        problem::Problem,
        query::{NoParameters, Query},
        scopes::{Caller, Scope},
    },
    events::CloudEvent,
    reading::{Answered, Page},
    service::{Shared, tenant},
};

macro_rules! samples {
    ($($name:ident)*) => {
        const SAMPLES: &[(&str, &str)] = &[$((
            stringify!($name),
            include_str!(concat!("../../../domain/tests/history/", stringify!($name), ".1.json")),
        ),)*];
    };
}

samples! {
    ApplicationOpened ApplicationReconsidered ApplicationReopened ApplicationRevised ApplicationWithdrawn
    CandidateErased CandidateRegistered ConnectionNamed ConnectionNotified ConnectionTouched ContactCollected
    ContactErased ContactRevised DebriefCompleted DecisionDatePromised DocumentDelayReported
    DocumentRequestWithdrawn DocumentRequested DocumentSent DoorKeptOpen FactRetracted FeedbackReceived
    FeedbackRequested FindingWaived InterviewCancelled InterviewHeld InterviewRescheduled InterviewScheduled
    InterviewersNamed IntroductionOffered NextRoundAnnounced NextRoundAsked NoteDiscarded NoteDrafted NoteReviewed
    NoteRevised NoteSent OfferAccepted OfferDeclined OfferReceived OpeningDismissed OpeningFound PlaybookAdopted
    PositionClosed ProfileRevised QuestionRecorded ReferenceAgreed ReferenceContacted ReferenceDeclined
    ReferenceNamed ReferenceNotified ReferenceRetired ReferenceThanked RejectionClosed RejectionReceived RepairMade
    RepairPlanned RequirementPrepared ResearchNoted SearchActivityLogged SearchPaused SearchResumed SilenceNoticed
    StatusEnquired StatusReported TaskCompleted TaskDismissed TaskOpened TaskOverdue TaskSnoozed
}

/// What is sent where nothing else is asked for.
const USUAL: &str = "InterviewHeld";

/// A sample to send.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookToTest {
    /// The type of the fact; left out: the first that the webhook is told of.
    #[serde(default, rename = "type")]
    #[schema(nullable = false, example = "InterviewHeld")]
    kind: Option<String>,
}

/// What came of a sample that was sent.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookTested {
    /// Whether it was taken: the answer was a 2xx.
    delivered: bool,
    /// The HTTP status of the answer.
    #[schema(minimum = 100, example = 204)]
    status: Option<u16>,
    /// Why there was no answer: `connection`, `timeout`, `unknown_host` or `not_permitted`.
    error: Option<String>,
    /// How long it took.
    #[schema(minimum = 0)]
    milliseconds: u64,
    /// The id that the sample had, as its `webhook-id`.
    event: EventId,
}

pub(super) fn endpoints(api: &mut Api) {
    let cloud_event = api.schema_of("CloudEvent", schema());
    let page = api.schema_of(
        "Samples",
        json!({
            "type": "object",
            "description": "Samples of what a webhook is told.",
            "required": ["data", "next_cursor"],
            "properties": {
                "data": {"type": "array", "items": cloud_event, "description": "One per type."},
                "next_cursor": {"type": ["string", "null"], "description": "Always `null`: samples come all at once."},
            },
        }),
    );
    let (to_test, tested) = (api.schema::<WebhookToTest>(), api.schema::<WebhookTested>());
    let scope = Some(Scope::WebhooksManage);
    api.add(Operation {
        scope,
        answer: (200, page),
        route: Arc::new(|| web::get().to(samples)),
        ..Operation::get(
            "/v1/webhooks/samples",
            "list_webhook_samples",
            "A sample of what a webhook is told, per type",
        )
    });
    api.add(Operation {
        method: Method::POST,
        scope,
        body: Some(("application/json", to_test)),
        answer: (200, tested),
        problems: vec![Code::Malformed, Code::UnsupportedMediaType],
        description:
            "Sends a sample now and waits for the answer. It carries `\"sample\": true`, and nothing else becomes \
                      of it, however it is answered."
                .to_owned(),
        route: Arc::new(|| web::post().to(test)),
        ..Operation::get("/v1/webhooks/{webhook}/test", "test_webhook", "Send a sample now")
    });
}

fn schema() -> Value {
    let told = |schema: Value, text: &str| json!({"allOf": [schema], "description": text});
    let text = |text: &str, example: &str| json!({"type": "string", "description": text, "example": example});
    json!({
        "type": "object",
        "description": "A fact as a CloudEvent 1.0 in its structured form: the body of a webhook's message.",
        "required": ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "candidate", "candidateversion"],
        "properties": {
            "specversion": {"type": "string", "enum": ["1.0"], "description": "The version of CloudEvents."},
            "id": told(reference("EventId"), "The fact's id, and that of the message."),
            "source": text("Where it comes from.", "/v1/events"),
            "type": text("The fact's name.", "InterviewHeld"),
            "subject": told(reference("Subject"), "What it is about."),
            "time": told(reference("Instant"), "When it happened."),
            "datacontenttype": text("What `data` is.", "application/json"),
            "candidate": told(reference("CandidateId"), "The stream."),
            "application": told(reference("ApplicationId"), "The application it belongs to."),
            "candidateversion": {"type": "integer", "format": "int64", "minimum": 1, "description": "The place in the stream."},
            "sample": {"type": "boolean", "description": "True where it is only a sample."},
            "data": told(reference("Event"), "The fact as the feed has it; left out where the webhook is told ids alone."),
        },
    })
}

/// The sample of a type, with an id of its own where it is sent.
fn sample(name: &str, id: Option<EventId>) -> Option<FeedEntry> {
    let (_, text) = SAMPLES.iter().find(|(known, _)| *known == name)?;
    let mut envelope: Envelope = serde_json::from_str(text).ok()?;
    if let Some(id) = id {
        envelope.at.event = id;
    }
    Some(FeedEntry::Fact {
        position: 0,
        envelope: Box::new(envelope),
    })
}

async fn samples(caller: Caller, request: HttpRequest, _: Query<NoParameters>) -> Answered {
    caller.require(Scope::WebhooksManage)?;
    let samples = SAMPLES.iter().filter_map(|(name, _)| sample(name, None));
    let page = Page {
        data: samples.map(|entry| CloudEvent::of(&entry).marked_as_sample()).collect(),
        next_cursor: None,
    };
    etag::answer(&request, None, None, &page)
}

async fn test(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    let row = find(&service, &caller, &request).await?;
    let asked = read_json(&request, payload, LIMIT).await?;
    let asked: WebhookToTest = into_typed(Value::Object(asked))?;
    let first = row.types.as_ref().and_then(|types| types.split(' ').next());
    let kind = match &asked.kind {
        Some(kind) if AnyFact::KINDS.iter().any(|known| known.name == kind) => kind,
        Some(kind) => {
            let told = format!("`{}` is not a type of fact", kind.escape_debug());
            return Err(Problem::invalid("/type", told));
        }
        None => first.filter(|name| *name != "FactErased").unwrap_or(USUAL),
    };
    let event = EventId::new(service.clock.uuid_v7());
    let entry = sample(kind, Some(event)).ok_or_else(|| Problem::internal("a type has no sample"))?;
    let to =
        Sealed::open(&service, tenant(&caller), &row).ok_or_else(|| Problem::internal("a webhook cannot be read"))?;
    let message = body(&row, &entry, true);
    let since = stopwatch();
    let outcome = send(&service.outgoing, &to, &event.to_string(), message, service.clock.now()).await;
    let milliseconds = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (delivered, status, error) = match outcome {
        Outcome::Delivered(status) => (true, Some(status), None),
        Outcome::Gone => (false, Some(410), None),
        Outcome::Failed { status, error, .. } => (false, status, error.map(ToOwned::to_owned)),
    };
    Ok(HttpResponse::Ok().json(WebhookTested {
        delivered,
        status,
        error,
        milliseconds,
        event,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_fact_has_a_sample() {
        let named: Vec<&str> = SAMPLES.iter().map(|(name, _)| *name).collect();
        let mut known: Vec<&str> = AnyFact::KINDS.iter().map(|kind| kind.name).collect();
        known.sort_unstable();
        assert_eq!(named, known);
        assert!(named.iter().all(|name| sample(name, None).is_some()));
    }
}
