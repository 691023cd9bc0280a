//! Which web pages of other origins may read answers: none, unless the operator names them, each whole and by itself. Keys
//! travel in `Authorization`, so no cookie is ever asked for, and no credentials of a browser are.

use std::str::FromStr;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use url::Url;

/// What a page may send beside what every page may.
const SENT: &str =
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Traceparent, Tracestate";

/// What a page may read beside what every page may.
const READ: &str = "ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, Content-Disposition, \
     Idempotency-Replayed, Deprecation, Sunset, Allow, WWW-Authenticate";

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

/// Two hours; no browser keeps it longer.
const KEPT: &str = "7200";

/// An origin as browsers write it: `https://app.example`, with the port where it is not the usual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Whether its pages come over plain HTTP, and from another machine.
    pub(crate) fn is_in_clear(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| {
            let near = ["localhost", "127.0.0.1", "[::1]"];
            url.scheme() == "http" && url.host_str().is_none_or(|host| !near.contains(&host))
        })
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text)
            .ok()
            .filter(|url| ["http", "https"].contains(&url.scheme()));
        let Some(url) = url.filter(|url| url.host().is_some()) else {
            return Err("write an origin as https://app.example, each by itself".to_owned());
        };
        let origin = url.origin().ascii_serialization();
        // A browser would never send it, and whoever writes it means more than one.
        if text.contains('*') {
            return Err("there are no patterns: name each origin by itself".to_owned());
        }
        if origin == text {
            Ok(Self(origin))
        } else {
            Err(format!("browsers write this origin as {origin}"))
        }
    }
}

/// The origins that may.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<Origin>);

impl From<Vec<Origin>> for Origins {
    fn from(origins: Vec<Origin>) -> Self {
        Self(origins)
    }
}

impl Origins {
    /// The request's origin, where it is one of these.
    pub fn of(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut named = headers.get_all(header::ORIGIN);
        let origin = named.next().filter(|_| named.next().is_none())?;
        let is_one = self.0.iter().any(|one| one.0.as_bytes() == origin.as_bytes());
        is_one.then(|| origin.clone())
    }

    /// The answer to a browser that asks whether it may send a request, where it may. To all others `OPTIONS` is a method
    /// like any that a path does not have.
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<HttpResponse> {
        let asks = method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        self.of(headers).filter(|_| asks)?;
        let may = HttpResponse::NoContent()
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, SENT))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, KEPT))
            .finish();
        Some(may)
    }

    /// Lets the origin read an answer. Every answer says that it depends on who asks, so that no cache gives one origin's
    /// to another.
    pub fn mark(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_over_plain_http_from_elsewhere_is_in_clear() {
        let is = |text: &str| text.parse::<Origin>().expect("an origin").is_in_clear();
        assert!(is("http://app.example") && is("http://app.example:8080"));
        assert!(!is("https://app.example") && !is("http://localhost:3000") && !is("http://[::1]:3000"));
    }

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for right in ["https://app.example", "http://localhost:3000", "https://[::1]:8443"] {
            assert_eq!(right.parse::<Origin>().expect("an origin").0, right);
        }
        for wrong in [
            "*",
            "null",
            "",
            "app.example",
            "https://*.example",
            "https://app.example/",
            "https://app.example:443",
            "https://APP.example",
            "https://app.example/path",
            "https://user@app.example",
            "ftp://app.example",
            "file:///tmp",
            "https://a.example,https://b.example",
        ] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
    }
}
