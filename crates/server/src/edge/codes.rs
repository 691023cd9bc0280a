//! The one table from an error's code to its status, title and page. A code is a promise: clients branch on it, so a
//! row may be added and its words improved, but its code and status stay.

use actix_web::http::StatusCode;

macro_rules! codes {
    ($($variant:ident $name:literal $status:ident $title:literal $page:literal)*) => {
        /// Why a request was not answered as asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// Every code, in the table's order.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The code on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// The status it is answered with, where nothing else is said.
            pub fn status(self) -> StatusCode {
                match self { $(Code::$variant => StatusCode::$status,)* }
            }

            /// What kind of problem it is, the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }

            /// What its page says: why it happens and what to do.
            pub fn page(self) -> &'static str {
                match self { $(Code::$variant => $page,)* }
            }
        }
    };
}

codes! {
    // What HTTP itself refuses.
    Malformed "malformed" BAD_REQUEST "The request cannot be read"
        "The body is not JSON, or a header has not the form that its standard gives it. Nothing was recorded; `detail` says where reading stopped."
    Unauthenticated "unauthenticated" UNAUTHORIZED "No valid key"
        "Send `Authorization: Bearer` with an API key. The key is missing, mistyped, unknown, expired or revoked; the service does not say which."
    InsufficientScope "insufficient_scope" FORBIDDEN "The key may not do this"
        "The key is valid and lacks the scope that `detail` names. Make a key with that scope, or use one that has it."
    NotFound "not_found" NOT_FOUND "Nothing is here"
        "There is no such path, or no such thing for this key. An id of another tenant, a malformed id and an id that never was get this same answer."
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "The path has no such method"
        "The path exists, the method does not. The header `Allow` lists the methods that it has."
    Timeout "timeout" REQUEST_TIMEOUT "The request took too long to arrive"
        "The body did not arrive in time. Nothing was recorded; send the request again."
    TooLarge "too_large" PAYLOAD_TOO_LARGE "The body is too large"
        "The body is larger than the limit that `detail` names. Send the facts in several requests."
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "The body's type is not accepted"
        "A body needs a Content-Type that the endpoint accepts, as a rule `application/json` in UTF-8, for PATCH also `application/merge-patch+json`. An empty body needs none."
    Invalid "invalid" UNPROCESSABLE_ENTITY "A value is not acceptable"
        "A field, a query parameter or a cursor has a value that the service cannot accept. Each entry of `errors` names one: `pointer` is a JSON Pointer into the body, `?name` for a query parameter, or a header's name. Nothing was recorded."
    UnknownReference "unknown_reference" UNPROCESSABLE_ENTITY "A reference leads nowhere"
        "The body names an id that this candidate does not have. `errors` points to it."
    IdempotencyReused "idempotency_reused" UNPROCESSABLE_ENTITY "The idempotency key belongs to another request"
        "This Idempotency-Key was sent before with a different request. Use a new key for a new request."
    Stale "stale" PRECONDITION_FAILED "The candidate has moved on"
        "The ETag in If-Match is not the candidate's newest, or there is no such candidate yet. Read the candidate again and decide anew, or leave If-Match out."
    RateLimited "rate_limited" TOO_MANY_REQUESTS "Too many requests"
        "The key has used up its allowance; this answer is held back for half a second. Wait as long as `Retry-After` says; `RateLimit` and `RateLimit-Policy` on every answer tell what is left."
    Internal "internal" INTERNAL_SERVER_ERROR "The service made a mistake"
        "This is the service's own fault. Report it with the `request_id`. A request with an Idempotency-Key can safely be sent again."
    PlaybookUnreadable "playbook_unreadable" INTERNAL_SERVER_ERROR "A playbook is not what it was"
        "The stored rules of a version of the playbook cannot be read, or were changed beside the service. Nobody adopts such a version; candidates who follow it already can be read again once its row is restored. `afterword verify` tells which it is, and `PUT /v1/playbook` goes over it with a new version."
    Overloaded "overloaded" SERVICE_UNAVAILABLE "The service is busy"
        "A queue is full or the store does not answer. Wait as long as `Retry-After` says and send the request again, with the same Idempotency-Key if it had one."

    // What the domain refuses: the impossible, never the unwise.
    Refused "refused" CONFLICT "The fact cannot be"
        "What was said contradicts what is on record; `detail` says how."
    IdTaken "id_taken" CONFLICT "The id is taken"
        "The id that the request gives to its fact, or to the new thing, already stands for something else. Repeating the very same fact is fine and gets the first answer again."
    ExternalIdTaken "external_id_taken" CONFLICT "The external id is taken"
        "Another candidate of the tenant carries this `external_id`."
    AlreadyRecorded "already_recorded" CONFLICT "This can happen only once"
        "The fact happens at most once, and it is on record. To correct it, retract it and record the right one."
    StillNeeded "still_needed" CONFLICT "Later facts rest on this one"
        "Without this fact, those that `errors` lists would become impossible. Retract them first, or all of them in one atomic request."
    NotRetractable "not_retractable" CONFLICT "This fact cannot be retracted"
        "Registrations, playbooks, announcements by the clock and retractions themselves stay."
    NeedsItsFact "needs_its_fact" CONFLICT "The task is done by its fact"
        "This task cannot be ticked off by hand: record what happened and it is done by itself, or dismiss it with a reason."
    RecordedByTheClock "recorded_by_the_clock" CONFLICT "Only time brings this about"
        "The service announces it by itself when its moment has come; nobody records it. Test tenants move their clock with `POST /v1/test-clock/advanced`."
    NotATestTenant "not_a_test_tenant" CONFLICT "The tenant has no clock of its own"
        "Only test tenants may carry a test clock: `afterword tenants create NAME --test` makes one."
    ClockRunsForward "clock_runs_forward" CONFLICT "A test clock runs forward only"
        "The moment lies before what the test clock shows already, or before what is on record for the tenant."
    TooManyWebhooks "too_many_webhooks" CONFLICT "There are too many webhooks"
        "A tenant has up to 1,000 webhooks. Take those away that are no longer used."
    TaskClosed "task_closed" CONFLICT "The task is closed"
        "The task is done, dismissed or void; nothing more can be done with it."
    CandidateErased "candidate_erased" CONFLICT "The candidate is erased"
        "Everything about this candidate was destroyed on request and cannot be brought back. Writing is refused with 409, reading with 410."
    InterviewNotBegun "interview_not_begun" CONFLICT "The interview has not begun"
        "An interview cannot be held before its start. If it was moved, record that first."
    InterviewCancelled "interview_cancelled" CONFLICT "The interview is cancelled"
        "A cancelled interview can neither be held nor moved. If it takes place after all, retract the cancellation."
    InterviewAlreadyHeld "interview_already_held" CONFLICT "The interview was held"
        "An interview that was held can no longer be moved or cancelled. If the record is wrong, retract it."
    EndsBeforeStart "ends_before_start" CONFLICT "The end is before the start"
        "An end must come after its start."
    NoteAlreadySent "note_already_sent" CONFLICT "The note was sent"
        "A note that was sent can no longer be changed, discarded or sent again. Draft a new one."
    NoteDiscarded "note_discarded" CONFLICT "The note was discarded"
        "A discarded note can no longer be changed or sent. Draft a new one."
    NoteWithoutBody "note_without_body" CONFLICT "The note has no text"
        "A letter needs something to say. Give the note a body first."
    ScriptNotCovered "script_not_covered" CONFLICT "The font lacks characters"
        "The PDF's font has Latin, Greek, Cyrillic and Hebrew; it lacks other scripts and emoji. `errors` names the characters and where they stand: `/body` and `/subject_line` of the note, `/recipients/0` for the card of its first recipient, `/sender` for the candidate's own particulars. `letter.html` prints any script that the reader's machine has fonts for."
    NoteNotByEmail "note_not_by_email" CONFLICT "The note does not go out by e-mail"
        "The service sends notes by e-mail only. Change the note's channel, or send it yourself and record `…/sent`."
    NoteNotReviewed "note_not_reviewed" CONFLICT "The note was not reviewed"
        "The service sends only what was looked at: `POST …/notes/{note}/reviewed`, which looks at the newest revision. A revision after the review needs another one."
    NoteHasOpenErrors "note_has_open_errors" CONFLICT "The review left errors open"
        "The service sends no note with errors that are neither mended nor waived. The note's `review` shows them: revise the note and review it again, or waive each one with a reason, `POST …/notes/{note}/waivers`."
    NotAddressable "not_addressable" CONFLICT "An address is missing"
        "A letter by e-mail needs an e-mail address of the candidate's and one of each recipient's. `detail` says whose is missing, or is none that mail can be sent to, and where to record it."
    MailNotConfigured "mail_not_configured" CONFLICT "There is no mail server"
        "The tenant has named no mail server to send letters by: `PUT /v1/mail`. Without one, open `…/letter.eml` in a mail program and record `…/sent`."
    DeliveryUnderWay "delivery_under_way" CONFLICT "The note is being sent"
        "Another delivery of this note is under way. `GET …/deliveries` shows what becomes of it, within two minutes."
    DeliveryUnknown "delivery_unknown" CONFLICT "It is not known whether the note was sent"
        "An earlier delivery broke off after the text went out, so the mail server may have taken it. The service sends nothing twice by itself: look whether it arrived (at the mail server, or with the recipient), then `POST …/deliveries/{note_delivery}/resolved` with `accepted`."
    DeliverySettled "delivery_settled" CONFLICT "The delivery's fate is known"
        "Only a delivery whose state is `unknown` can be resolved, and only in one way."
    RequestClosed "request_closed" CONFLICT "The document request is closed"
        "The document was sent or the request withdrawn."
    OfferAnswered "offer_answered" CONFLICT "The offer was answered"
        "An offer is accepted or declined once. If the record is wrong, retract it."
    NotRejected "not_rejected" CONFLICT "There is no rejection"
        "This step follows a rejection, and none is on record for the application."
    ReferenceRetired "reference_retired" CONFLICT "The reference is no longer named"
        "Nothing more is asked of a reference who was retired. Name the contact as a reference anew."
    SearchNotPaused "search_not_paused" CONFLICT "The search is not paused"
        "Only a search that is paused on that day can be resumed."
    NothingToReopen "nothing_to_reopen" CONFLICT "The application is open"
        "Only an application with a final outcome can be reopened."
}

impl Code {
    /// The code of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// The code that stands for a status which the framework chose.
    pub fn of_status(status: StatusCode) -> Self {
        let same = Self::ALL.iter().copied().find(|code| code.status() == status);
        match same {
            // The first 422 is `invalid` and the first 409 `refused`, the general ones.
            Some(code) => code,
            None if status.is_server_error() => Self::Internal,
            None => Self::Malformed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_code_is_snake_case_and_stands_once_in_the_table() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(
                code.name()
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{code:?}"
            );
            assert!(code.page().ends_with('.') && !code.title().ends_with('.'), "{code:?}");
            assert_eq!(Code::named(code.name()), Some(*code));
        }
    }

    #[test]
    fn a_status_of_the_framework_has_its_code() {
        assert_eq!(Code::of_status(StatusCode::UNPROCESSABLE_ENTITY), Code::Invalid);
        assert_eq!(Code::of_status(StatusCode::CONFLICT), Code::Refused);
        assert_eq!(Code::of_status(StatusCode::BAD_GATEWAY), Code::Internal);
        assert_eq!(Code::of_status(StatusCode::EXPECTATION_FAILED), Code::Malformed);
    }
}
