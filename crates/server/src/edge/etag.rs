//! Conditional requests (RFC 9110, 13): an `ETag` on every answer to a read, `304` where the client has it already,
//! and `If-Match` for writes that must not overtake another.

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::headers;
use super::problem::{Code, Problem};

/// A strong entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// The tag of a candidate at a version; this is the one that `If-Match` takes.
    pub fn of_candidate(candidate: Uuid, version: i64) -> Self {
        Self(format!("\"{}.{version}\"", candidate.simple()))
    }

    /// The tag of a representation.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(bytes)[..16])))
    }

    /// As it stands in the header.
    pub fn to_header(&self) -> HeaderValue {
        // Hexadecimal, base64 and digits are visible ASCII, so this cannot fail.
        HeaderValue::try_from(&self.0).unwrap_or(HeaderValue::from_static("\"\""))
    }
}

/// What a write says about the candidate it was decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Nothing: the service decides on the newest state.
    Absent,
    /// `*`: any version, as long as there is one.
    Any,
    /// One of these.
    Tags(Vec<ETag>),
}

impl IfMatch {
    /// Reads the header. A malformed one is refused: passing over it would write without the condition.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        match tags(request, header::IF_MATCH) {
            None => Ok(Self::Absent),
            Some(Listed::Any) => Ok(Self::Any),
            Some(Listed::Tags(tags)) => Ok(Self::Tags(
                tags.into_iter().filter(|(weak, _)| !weak).map(|(_, tag)| tag).collect(),
            )),
            Some(Listed::Malformed) => Err(Problem::about(
                Code::Malformed,
                "If-Match",
                "If-Match takes the candidate's ETag in its quotation marks, several with commas, or *.",
            )),
        }
    }

    /// Refuses with `412` when the candidate has moved on.
    pub fn check(&self, newest: &ETag) -> Result<(), Problem> {
        match self {
            Self::Absent | Self::Any => Ok(()),
            Self::Tags(tags) if tags.contains(newest) => Ok(()),
            Self::Tags(_) => Err(Problem::new(
                Code::Stale,
                "The candidate has changed since this ETag; read it again.",
            )
            .header(header::ETAG, newest.to_header())),
        }
    }

    /// Whether it holds where nothing is there yet: no tag does, nor `*`.
    pub fn check_new(&self) -> Result<(), Problem> {
        match self {
            Self::Absent => Ok(()),
            Self::Any | Self::Tags(_) => Err(Problem::new(Code::Stale, "There is no such candidate yet.")),
        }
    }
}

/// The answer to a read: the value as JSON with its tag, or `304`. Without a tag given it is that of the
/// representation. `next_cursor` becomes the `Link` to the next page.
pub fn answer(
    request: &HttpRequest,
    tag: Option<ETag>,
    next_cursor: Option<&str>,
    body: &impl Serialize,
) -> Result<HttpResponse, Problem> {
    let bytes = serde_json::to_vec(body).map_err(Problem::internal)?;
    Ok(answer_rendered(request, tag, next_cursor, bytes))
}

/// The same, of JSON that is rendered already.
pub fn answer_rendered(
    request: &HttpRequest,
    tag: Option<ETag>,
    next_cursor: Option<&str>,
    bytes: Vec<u8>,
) -> HttpResponse {
    let tag = tag.unwrap_or_else(|| ETag::of_bytes(&bytes));
    let link = next_cursor.and_then(|cursor| headers::next_link(request, cursor));
    let headers = link.map(|link| (header::LINK, link));
    tagged(request, &tag, "application/json", headers, bytes)
}

/// The same, of something that is not JSON, with headers of its own; the tag is that of the representation.
pub fn answer_as(
    request: &HttpRequest,
    media: &str,
    headers: Vec<(HeaderName, HeaderValue)>,
    bytes: Vec<u8>,
) -> HttpResponse {
    tagged(request, &ETag::of_bytes(&bytes), media, headers, bytes)
}

fn tagged(
    request: &HttpRequest,
    tag: &ETag,
    media: &str,
    headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    bytes: Vec<u8>,
) -> HttpResponse {
    let known = has_already(request, tag);
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response.insert_header((header::ETAG, tag.to_header()));
    headers.into_iter().for_each(|header| {
        response.insert_header(header);
    });
    if known {
        return response.finish();
    }
    response.content_type(media).body(bytes)
}

/// Whether `If-None-Match` names the tag. The comparison is weak, and a malformed header asks for nothing.
pub fn has_already(request: &HttpRequest, tag: &ETag) -> bool {
    match tags(request, header::IF_NONE_MATCH) {
        Some(Listed::Any) => true,
        Some(Listed::Tags(tags)) => tags.iter().any(|(_, known)| known == tag),
        Some(Listed::Malformed) | None => false,
    }
}

enum Listed {
    Any,
    Tags(Vec<(bool, ETag)>),
    Malformed,
}

fn tags(request: &HttpRequest, name: HeaderName) -> Option<Listed> {
    let mut values = request.headers().get_all(name).map(|value| value.to_str()).peekable();
    values.peek()?;
    let joined = values.collect::<Result<Vec<_>, _>>().map(|values| values.join(","));
    Some(match joined {
        Ok(text) if text.trim() == "*" => Listed::Any,
        Ok(text) => list(&text).map_or(Listed::Malformed, Listed::Tags),
        Err(_) => Listed::Malformed,
    })
}

/// Tags with commas between. A comma may also stand inside the quotation marks.
fn list(text: &str) -> Option<Vec<(bool, ETag)>> {
    let mut tags = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let (inner, after) = quoted.strip_prefix('"')?.split_once('"')?;
        if !inner.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        tags.push((weak, ETag(format!("\"{inner}\""))));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start_matches([' ', '\t', ',']),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    (!tags.is_empty()).then_some(tags)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde_json::json;

    use super::*;

    fn with(name: HeaderName, values: &[&str]) -> HttpRequest {
        values
            .iter()
            .fold(TestRequest::get(), |request, value| {
                request.append_header((name.clone(), *value))
            })
            .to_http_request()
    }

    #[test]
    fn a_read_that_the_client_has_already_is_answered_304() {
        let tag = ETag::of_candidate(Uuid::from_u128(1), 3);
        let quoted = tag.0.clone();
        let weak = format!("\"a,b\", W/{quoted}");
        for known in [&[quoted.as_str()][..], &[&weak], &["*"], &["\"x\"", &quoted]] {
            let response =
                answer(&with(header::IF_NONE_MATCH, known), Some(tag.clone()), None, &json!({})).expect("answered");
            assert_eq!(response.status(), 304, "{known:?}");
            assert_eq!(response.headers().get(header::ETAG), Some(&tag.to_header()));
        }
        for other in [&["\"x\""][..], &["x"], &[""], &["\"x\" \"y\""]] {
            assert_eq!(
                answer(&with(header::IF_NONE_MATCH, other), Some(tag.clone()), None, &json!({}))
                    .expect("answered")
                    .status(),
                200
            );
        }
    }

    #[test]
    fn a_list_has_the_tag_of_its_representation_and_a_link_to_the_next_page() {
        let request = TestRequest::get().uri("/v1/tasks?limit=2").to_http_request();
        let of = |body| {
            answer(&request, None, Some("abc"), &body)
                .expect("answered")
                .headers()
                .get(header::ETAG)
                .cloned()
        };
        assert_eq!(of(json!([1])), of(json!([1])));
        assert_ne!(of(json!([1])), of(json!([2])));
        let answered = answer(&request, None, Some("abc"), &json!([])).expect("answered");
        assert!(answered.headers().contains_key(header::LINK));
    }

    #[test]
    fn a_write_on_an_older_version_is_stale() {
        let (old, new) = (
            ETag::of_candidate(Uuid::from_u128(1), 3),
            ETag::of_candidate(Uuid::from_u128(1), 4),
        );
        let check =
            |values: &[&str]| IfMatch::of(&with(header::IF_MATCH, values)).and_then(|condition| condition.check(&new));
        assert!(check(&[]).is_ok());
        assert!(check(&["*"]).is_ok());
        assert!(check(&[&old.0, &new.0]).is_ok());
        assert!(check(&[&old.0]).is_err_and(|problem| problem.code() == Code::Stale));
        let weak = format!("W/{}", new.0);
        assert!(check(&[&weak]).is_err_and(|problem| problem.code() == Code::Stale));
        for malformed in ["", "4", "\"4", "\"4\" \"5\"", "*, \"4\""] {
            assert!(
                check(&[malformed]).is_err_and(|problem| problem.errors()[0].pointer == "If-Match"),
                "{malformed}"
            );
        }
    }
}
