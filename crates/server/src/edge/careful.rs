//! The headers that keep browsers and caches careful with what the service answers.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// For pages: what they are made of comes from here, and nobody frames them.
const OF_PAGES: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// For what is no page and yet shown as one: it loads nothing.
const OF_DATA: &str = "default-src 'none'; frame-ancestors 'none'";
/// A year.
const ONLY_HTTPS: &str = "max-age=31536000";

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Adds them. `personal` is for answers to a key, and for refusals: nothing but the one who asked keeps those.
pub fn careful(headers: &mut HeaderMap, personal: bool, over_tls: bool) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // Some addresses are secrets (calendars), and no link may give them away.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Pages that may read answers read them by CORS; nobody embeds them.
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    if over_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(ONLY_HTTPS));
    }
    if personal && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let is = |kind: &str| {
        let given = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        given.is_some_and(|given| given.starts_with(kind.as_bytes()))
    };
    let (html, pdf) = (is("text/html"), is("application/pdf"));
    if html {
        headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    }
    // Browsers show a PDF by a page of their own, which a policy of its file would hinder.
    if !pdf && !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let policy = if html { OF_PAGES } else { OF_DATA };
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
}
