//! The smaller headers: `Idempotency-Key`, `Link`, `Deprecation` and `Sunset`.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::DefaultHeaders;
use jiff::Timestamp;
use url::form_urlencoded;

use super::problem::{Code, Problem};

/// The header by which a client makes a write safe to repeat.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The idempotency key, where one was sent: bare, or as a structured field's string (RFC 9651, 3.3.3), which is the
/// same key.
pub fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .map(str::trim)
        .filter(|_| values.next().is_none())
        .and_then(|text| match text.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => Some(text.to_owned()),
        });
    match key {
        Some(key) if (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(key)),
        _ => Err(Problem::about(
            Code::Malformed,
            "Idempotency-Key",
            "Idempotency-Key is one key of 1 to 255 visible ASCII characters, bare or in quotation marks.",
        )),
    }
}

/// The string before a closing quotation mark that ends the text; only `"` and `\` may be escaped.
fn unquoted(text: &str) -> Option<String> {
    let mut string = String::new();
    let mut letters = text.chars();
    loop {
        match letters.next()? {
            '"' => return letters.as_str().is_empty().then_some(string),
            '\\' => string.push(letters.next().filter(|letter| ['"', '\\'].contains(letter))?),
            letter => string.push(letter),
        }
    }
}

/// The `Link` to the next page: this request with another cursor.
pub fn next_link(request: &HttpRequest, cursor: &str) -> Option<HeaderValue> {
    let others = form_urlencoded::parse(request.query_string().as_bytes()).filter(|(name, _)| name != "cursor");
    let mut query = form_urlencoded::Serializer::new(String::new());
    let query = query.extend_pairs(others).append_pair("cursor", cursor).finish();
    HeaderValue::try_from(format!("<{}?{query}>; rel=\"next\"", request.path())).ok()
}

/// Marks a route as deprecated since a moment (RFC 9745) and gone at another (RFC 8594):
/// `.wrap(deprecated(since, Some(sunset)))`.
pub fn deprecated(since: Timestamp, sunset: Option<Timestamp>) -> DefaultHeaders {
    let headers = DefaultHeaders::new().add(("Deprecation", format!("@{}", since.as_second())));
    match sunset.and_then(|sunset| {
        jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&sunset)
            .ok()
    }) {
        Some(sunset) => headers.add(("Sunset", sunset)),
        None => headers,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpResponse, web};

    use super::*;

    fn key(values: &[&str]) -> Result<Option<String>, Problem> {
        let request = values.iter().fold(TestRequest::post(), |request, value| {
            request.append_header((IDEMPOTENCY_KEY, *value))
        });
        idempotency_key(&request.to_http_request())
    }

    #[test]
    fn a_key_is_the_same_bare_and_quoted() {
        assert_eq!(key(&[]).expect("read"), None);
        for written in ["a-1", "\"a-1\"", " a-1 "] {
            assert_eq!(key(&[written]).expect("read").as_deref(), Some("a-1"));
        }
        assert_eq!(key(&[r#""a\"\\b""#]).expect("read").as_deref(), Some(r#"a"\b"#));
        let long = "x".repeat(255);
        assert_eq!(key(&[&long]).expect("read"), Some(long));
    }

    #[test]
    fn what_is_no_key_is_refused_by_the_headers_name() {
        let long = "x".repeat(256);
        for wrong in [
            &[""][..],
            &["\"\""],
            &["\"a"],
            &["\"a\"b"],
            &["a b"],
            &[r#""a\n""#],
            &["é"],
            &[&long],
            &["a", "b"],
        ] {
            assert!(
                key(wrong).is_err_and(|problem| problem.errors()[0].pointer == "Idempotency-Key"),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn the_next_page_keeps_the_filters() {
        let request = TestRequest::get()
            .uri("/v1/tasks?state=open,overdue&cursor=old&play=a%26b")
            .to_http_request();
        let link = next_link(&request, "new").expect("a link");
        assert_eq!(
            link,
            "</v1/tasks?state=open%2Coverdue&play=a%26b&cursor=new>; rel=\"next\""
        );
    }

    #[actix_web::test]
    async fn a_deprecated_route_says_since_when_and_until_when() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a moment");
        let mark = deprecated(at("2026-01-01T00:00:00Z"), Some(at("2027-01-01T00:00:00Z")));
        let app = App::new().service(web::resource("/old").wrap(mark).to(async || HttpResponse::Ok()));
        let answered = call_service(&init_service(app).await, TestRequest::get().uri("/old").to_request()).await;
        assert_eq!(answered.headers().get("Deprecation").expect("there"), "@1767225600");
        assert_eq!(
            answered.headers().get("Sunset").expect("there"),
            "Fri, 01 Jan 2027 00:00:00 GMT"
        );
    }
}
