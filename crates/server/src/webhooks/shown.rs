//! What is sent to make and change webhooks, and what is shown of them.

use afterword_domain::{
    ids::{CandidateId, KeyId, WebhookId},
    time::Instant,
    values::{Label, Patch, not_null},
};
use afterword_store::WebhookRow;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::sending::Sealed;
use crate::{
    edge::{duration, problem::Problem, scopes::Caller, webhook_secret::WebhookSecret},
    service::{Service, tenant},
};

/// How much a webhook is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Payload {
    /// Ids, the type and times: whoever may know more reads it.
    Thin,
    /// The whole fact.
    Full,
}

/// Whether a webhook is told anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum WebhookState {
    /// It is.
    Enabled,
    /// It is not, and goes on where it stopped once it is enabled.
    Disabled,
}

/// Why a webhook is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DisabledReason {
    /// Somebody asked for it.
    ByRequest,
    /// It answered 410.
    Gone,
    /// For five days nothing could be delivered.
    Failing,
}

/// A webhook to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookToMake {
    /// Where the facts are sent: an https address that is public.
    #[schema(example = "https://hooks.example.com/afterword")]
    pub(super) url: String,
    /// The types of facts to be told of; left out: all, those of later releases too.
    #[serde(default)]
    #[schema(nullable = false, min_items = 1, example = json!(["InterviewHeld", "TaskOverdue"]))]
    pub(super) types: Option<Vec<String>>,
    /// Candidates with this label only.
    #[serde(default)]
    #[schema(nullable = false)]
    pub(super) group: Option<Label>,
    /// How much is told; left out: `thin`.
    #[serde(default)]
    #[schema(nullable = false)]
    pub(super) payload: Option<Payload>,
}

/// What is to change of a webhook; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookToChange {
    /// Another address.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, example = "https://hooks.example.com/afterword")]
    pub(super) url: Option<String>,
    /// Other types; `null`: all.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, min_items = 1, example = json!(["InterviewHeld"]))]
    pub(super) types: Patch<Vec<String>>,
    /// Another group; `null`: everybody.
    #[serde(default)]
    #[schema(value_type = Option<Label>)]
    pub(super) group: Patch<Label>,
    /// How much is told.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    pub(super) payload: Option<Payload>,
    /// Whether it is told anything. One that is enabled again goes on where it stopped.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    pub(super) state: Option<WebhookState>,
}

/// A secret to replace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretToRoll {
    /// How long messages are signed with the old secret too, as an ISO 8601 duration in hours, minutes and seconds, up to 30 days; left out: 24 hours.
    #[serde(default, deserialize_with = "duration::maybe")]
    #[schema(value_type = Option<String>, nullable = false, example = "PT24H")]
    pub(super) overlap: Option<SignedDuration>,
}

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Webhook {
    /// Its id.
    pub(super) id: WebhookId,
    /// Where the facts are sent.
    #[schema(example = "https://hooks.example.com/afterword")]
    pub(super) url: String,
    /// The types of facts that it is told of; `null`: all.
    pub(super) types: Option<Vec<String>>,
    /// The group of candidates that it hears of: of who is in it, and of the erasure of who was.
    pub(super) group: Option<String>,
    /// The one candidate that it hears of: that of the key which made it.
    pub(super) candidate: Option<CandidateId>,
    /// How much is told.
    pub(super) payload: Payload,
    /// Whether it is told anything.
    pub(super) state: WebhookState,
    /// Why it is disabled.
    pub(super) disabled_reason: Option<DisabledReason>,
    /// Since when nothing could be delivered.
    pub(super) failing_since: Option<Instant>,
    /// How many facts of the log it has yet to pass by.
    #[schema(minimum = 0)]
    pub(super) behind: i64,
    /// The secret, shown once: when the webhook is made, or the secret is rolled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub(super) secret: Option<String>,
    /// When it was made.
    pub(super) created_at: Instant,
    /// The id of the key that made it. A webhook outlives its key: after a key is revoked, see what it has made. `null`: made before this was kept.
    pub(super) made_by: Option<KeyId>,
}

/// A webhook that was taken away.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookDeleted {
    /// Its id.
    pub(super) id: WebhookId,
}

impl Webhook {
    /// As it stands, where the log ends at `head`.
    pub(super) fn of(
        service: &Service,
        caller: &Caller,
        row: &WebhookRow,
        head: i64,
        secret: Option<&WebhookSecret>,
    ) -> Result<Self, Problem> {
        let sealed =
            Sealed::open(service, tenant(caller), row).ok_or_else(|| Problem::internal("a webhook cannot be read"))?;
        let instant = |at| Timestamp::from_microsecond(at).map_or(Instant::from(Timestamp::MAX), Instant::from);
        let named = |text: &str| serde_json::from_value(Value::String(text.to_owned())).ok();
        Ok(Self {
            id: WebhookId::new(row.id),
            url: sealed.url,
            types: row
                .types
                .as_ref()
                .map(|types| types.split(' ').map(ToOwned::to_owned).collect()),
            group: row.group.clone(),
            candidate: row.candidate.map(CandidateId::new),
            payload: if row.payload == "full" {
                Payload::Full
            } else {
                Payload::Thin
            },
            state: if row.state == "enabled" {
                WebhookState::Enabled
            } else {
                WebhookState::Disabled
            },
            disabled_reason: row.disabled_reason.as_deref().and_then(named),
            failing_since: row.failing_since.map(instant),
            behind: (head - row.position).max(0),
            secret: secret.map(WebhookSecret::expose),
            created_at: instant(row.created_at),
            made_by: row.made_by.map(KeyId::new),
        })
    }
}
