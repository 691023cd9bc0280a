//! Every error that leaves the service, as an RFC 9457 problem document. Handlers return `Problem` as their error; the
//! middleware adds the request's id and turns whatever the framework answers by itself into the same form.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{StatusCode, header::RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use afterword_domain::time::Instant;
use afterword_store::KEY_BACKUPS;
use jiff::Timestamp;
use serde::Serialize;

pub use super::codes::Code;

/// The media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not answered as asked.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    status: StatusCode,
    detail: Cow<'static, str>,
    errors: Vec<ErrorAt>,
    headers: Vec<(HeaderName, HeaderValue)>,
    receipt: Option<ErasureReceipt>,
}

/// When an erased candidate was erased, and when the last backup of the key ages out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ErasureReceipt {
    /// When the candidate was erased.
    #[schema(value_type = Instant)]
    pub erased_at: Timestamp,
    /// When the last backup of the candidate's key is gone.
    #[schema(value_type = Instant)]
    pub keys_gone_by: Timestamp,
}

impl ErasureReceipt {
    /// The receipt of an erasure.
    pub fn of(erased_at: Timestamp) -> Self {
        let keys_gone_by = erased_at.checked_add(KEY_BACKUPS).unwrap_or(Timestamp::MAX);
        Self {
            erased_at,
            keys_gone_by,
        }
    }
}

/// One value that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ErrorAt {
    /// A JSON Pointer into the body (RFC 6901), `?name` for a query parameter, `{name}` for a part of the
    /// path, or the name of a header.
    #[schema(example = "/occurred_at")]
    pub pointer: String,
    /// What would be right.
    pub detail: String,
}

/// An error, as application/problem+json (RFC 9457).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct Document<'a> {
    /// The page that explains this kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid")]
    kind: String,
    /// What kind of problem it is, the same for every occurrence.
    title: &'a str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What went wrong this time.
    detail: &'a str,
    /// The stable name of the problem, to branch on.
    #[schema(example = "invalid")]
    code: &'a str,
    /// The values that were not accepted, where there are such.
    errors: &'a [ErrorAt],
    /// The id of the request, to be named when asking for help; left out where the problem is one of several results.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<&'a str>,
    /// Of a candidate who was erased: the receipt of the erasure, where something of the candidate is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    receipt: Option<ErasureReceipt>,
}

impl Problem {
    /// A problem of this kind, answered with the status of its row.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            status: code.status(),
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            receipt: None,
        }
    }

    /// What the domain refused, by the code it gave. A code without a row is answered as `refused`; the log says so.
    pub fn refused(code: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        let row = Code::named(code).unwrap_or_else(|| {
            tracing::error!(code, "a refusal has no row in the table of codes");
            Code::Refused
        });
        Self::new(row, detail)
    }

    /// One value of the request is not acceptable.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::about(Code::Invalid, pointer, detail)
    }

    /// An id in the body that the candidate does not have.
    pub fn unknown_reference(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::about(Code::UnknownReference, pointer, detail)
    }

    /// A problem with one value: its sentence is the detail too.
    pub fn about(code: Code, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::new(code, detail.clone()).at(pointer, detail)
    }

    /// The request cannot be read.
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Malformed, detail)
    }

    /// Nothing is here, for this key.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "There is nothing under this address for this key.")
    }

    /// No valid key. Every reason gets the same answer, so that nobody learns which keys there are.
    pub fn unauthenticated() -> Self {
        Self::new(
            Code::Unauthenticated,
            "Send a valid API key as `Authorization: Bearer aw_…`.",
        )
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// The service cannot take the request now; it can in some seconds.
    pub fn overloaded(retry_after: u32) -> Self {
        Self::new(
            Code::Overloaded,
            format!("The service is busy; try again in {retry_after} s."),
        )
        .header(RETRY_AFTER, retry_after.into())
    }

    /// The service's own mistake. The cause goes to the log and never to the client.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(
            Code::Internal,
            "The service could not answer; the request's id leads to the reason in its log.",
        )
    }

    /// What a status that the framework chose by itself means.
    pub fn of_status(status: StatusCode) -> Self {
        let code = Code::of_status(status);
        Self {
            status,
            ..Self::new(code, code.page())
        }
    }

    /// Names a value that was not accepted.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(ErrorAt {
            pointer: pointer.into(),
            detail: detail.into(),
        });
        self
    }

    /// The same about a part of the body: its pointers are moved below `base`.
    #[must_use]
    pub fn below(mut self, base: &str) -> Self {
        for error in &mut self.errors {
            error.pointer.insert_str(0, base);
        }
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same, answered as 410: what a read of something erased gets, with the receipt.
    #[must_use]
    pub fn gone(self, receipt: ErasureReceipt) -> Self {
        Self {
            status: StatusCode::GONE,
            receipt: Some(receipt),
            ..self
        }
    }

    /// The kind of problem.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The values that were not accepted.
    pub fn errors(&self) -> &[ErrorAt] {
        &self.errors
    }

    /// The document as bytes. `base` is the service's public address when that is known, else empty: a relative
    /// reference is then resolved by the client against the address it called.
    pub fn to_json(&self, base: &str, request_id: Option<&str>) -> Vec<u8> {
        let document = Document {
            kind: format!("{base}/problems/{}", self.code.name()),
            title: self.code.title(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code.name(),
            errors: &self.errors,
            request_id,
            receipt: self.receipt,
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for header in &self.headers {
            response.append_header(header.clone());
        }
        response.content_type(PROBLEM_JSON).body(self.to_json("", None))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(problem: &Problem) -> Value {
        serde_json::from_slice(&problem.to_json("https://afterword.example", Some("abc"))).expect("JSON")
    }

    #[test]
    fn a_problem_says_what_where_and_which_request() {
        let problem = Problem::invalid("/occurred_at", "It has no offset.");
        assert_eq!(
            document(&problem),
            json!({"type": "https://afterword.example/problems/invalid", "title": "A value is not acceptable",
                "status": 422, "detail": "It has no offset.", "code": "invalid",
                "errors": [{"pointer": "/occurred_at", "detail": "It has no offset."}], "request_id": "abc"})
        );
    }

    #[test]
    fn an_erased_candidate_is_a_conflict_when_written_and_gone_when_read() {
        let refused = Problem::refused("candidate_erased", "Erased.");
        assert_eq!(refused.status_code(), StatusCode::CONFLICT);
        let gone = refused.gone(ErasureReceipt::of(Timestamp::UNIX_EPOCH));
        assert_eq!(gone.status_code(), StatusCode::GONE);
        let receipt = json!({"erased_at": "1970-01-01T00:00:00Z", "keys_gone_by": "1970-01-08T00:00:00Z"});
        assert_eq!(document(&gone)["receipt"], receipt);
    }

    #[test]
    fn a_refusal_without_a_row_is_still_a_refusal() {
        let problem = Problem::refused("not_in_the_table", "No.");
        assert_eq!(
            (problem.code(), problem.status_code()),
            (Code::Refused, StatusCode::CONFLICT)
        );
    }

    #[test]
    fn the_cause_of_an_internal_error_stays_inside() {
        let problem = Problem::internal("SELECT * FROM events failed at /var/lib/x.rs");
        assert!(!document(&problem).to_string().contains("SELECT"));
    }

    #[test]
    fn an_answer_carries_the_headers_of_its_problem() {
        let response = Problem::overloaded(2).error_response();
        assert_eq!(
            response.headers().get(RETRY_AFTER).map(HeaderValue::as_bytes),
            Some(&b"2"[..])
        );
        assert_eq!(
            response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes),
            Some(PROBLEM_JSON.as_bytes())
        );
        assert!(
            Problem::unauthenticated()
                .error_response()
                .headers()
                .contains_key(header::WWW_AUTHENTICATE)
        );
    }
}
