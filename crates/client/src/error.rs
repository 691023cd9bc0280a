//! What can go wrong: the service refused, did not answer, or said what this client cannot read.

use std::fmt;

use reqwest::{Response, header::RETRY_AFTER};
use serde::Deserialize;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The service refused. Branch on [`Problem::code`].
    #[error("{0}")]
    Refused(Box<Problem>),
    /// Nothing came back, or not all of it. What was to be recorded may have been: send the same request again.
    #[error("no answer: {0}")]
    NoAnswer(#[from] reqwest::Error),
    /// A fact or an answer that has not the form that this release knows.
    #[error("not in the form that this release knows: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The service's address is none, or a path below it is none.
    #[error("no address: {0}")]
    Address(String),
    /// The system's certificates cannot be used.
    #[error("no TLS: {0}")]
    Tls(String),
}

impl Error {
    /// The problem, where the service refused.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// The problem of an answer that is none of those that were asked for.
    pub(crate) async fn of(response: Response) -> Self {
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER);
        let retry_after = wait.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        match response.bytes().await {
            Err(error) => error.into(),
            Ok(body) => {
                let problem = serde_json::from_slice(&body).unwrap_or_else(|_| Problem::from_elsewhere(status));
                Self::Refused(Box::new(Problem { retry_after, ..problem }))
            }
        }
    }
}

/// A problem document (RFC 9457): why a request was not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// The page that explains this kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of problem it is, the same for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// The stable name of the problem, to branch on.
    pub code: String,
    /// The values that were not accepted, where there are such.
    #[serde(default)]
    pub errors: Vec<ErrorAt>,
    /// The id of the request, to be named when asking for help.
    pub request_id: Option<String>,
    /// In how many seconds the request can be sent again, where the service says so.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

/// One value that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ErrorAt {
    /// A JSON pointer into what was sent, `?name` for a query parameter, or the name of a header. Of a fact that was
    /// recorded alone, into the fact.
    pub pointer: String,
    /// What would be right.
    pub detail: String,
}

impl Problem {
    /// Something between here and the service answered in its stead.
    fn from_elsewhere(status: reqwest::StatusCode) -> Self {
        let title = status.canonical_reason().unwrap_or("Unknown").to_owned();
        Self {
            kind: "about:blank".into(),
            detail: format!("Something on the way answered {status}."),
            title,
            status: status.as_u16(),
            code: "unknown".into(),
            errors: Vec::new(),
            request_id: None,
            retry_after: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)?;
        for error in &self.errors {
            write!(f, " ({}: {})", error.pointer, error.detail)?;
        }
        Ok(())
    }
}
