//! What answers when no route does: 404, or 405 with `Allow` where the path exists. actix tries each route's method
//! and path together and knows only "no match", so the table of methods stands beside it.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use super::problem::{Code, Problem};

/// Which methods each route pattern has. Filled from the OpenAPI document, put into the app as `web::Data`.
#[derive(Debug, Default)]
pub struct Methods(BTreeMap<String, BTreeSet<&'static str>>);

impl Methods {
    /// From pairs of route pattern, as actix knows it, and method in capitals.
    pub fn new<P: Into<String>>(routes: impl IntoIterator<Item = (P, &'static str)>) -> Self {
        let mut methods = BTreeMap::<String, BTreeSet<&'static str>>::new();
        for (pattern, method) in routes {
            let known = methods.entry(pattern.into()).or_default();
            known.insert(method);
            if method == "GET" {
                // The middleware answers HEAD by the route of GET.
                known.insert("HEAD");
            }
        }
        Self(methods)
    }

    /// The value of `Allow` for a pattern. Paths outside the table are the service's own pages, which are only read.
    pub fn allow(&self, pattern: &str) -> String {
        let known = self.0.get(pattern).filter(|known| !known.is_empty());
        known.map_or_else(
            || "GET, HEAD".to_owned(),
            |known| known.iter().copied().collect::<Vec<_>>().join(", "),
        )
    }
}

/// The app's `default_service`.
pub async fn fallback(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let Some(pattern) = request.match_pattern() else {
        return Err(Problem::new(Code::NotFound, "The service has no such path."));
    };
    let methods = request.app_data::<web::Data<Methods>>();
    let allow = methods.map_or_else(|| Methods::default().allow(&pattern), |methods| methods.allow(&pattern));
    let problem = Problem::new(Code::MethodNotAllowed, format!("This path answers to {allow}."));
    Err(match HeaderValue::try_from(allow) {
        Ok(allow) => problem.header(ALLOW, allow),
        Err(_) => problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_got_can_be_headed() {
        let methods = Methods::new([
            ("/v1/things", "POST"),
            ("/v1/things", "GET"),
            ("/v1/things/{t}/sent", "POST"),
        ]);
        assert_eq!(methods.allow("/v1/things"), "GET, HEAD, POST");
        assert_eq!(methods.allow("/v1/things/{t}/sent"), "POST");
        assert_eq!(methods.allow("/healthz"), "GET, HEAD");
    }
}
