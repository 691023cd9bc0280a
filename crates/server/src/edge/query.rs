//! Strict query strings: an unknown, repeated or unreadable parameter is refused like a field of a body. A filter that
//! was mistyped and ignored would answer with everything.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::value::MapDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer};
use url::form_urlencoded;

use super::parameter::{self, Parameter};
use super::problem::Problem;
use super::{instant, pointer};

/// The query string as a `T`, which says `#[serde(deny_unknown_fields)]`. Lists are written with commas. Problems name
/// a parameter as `?name`.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(parse(request.query_string()).map(Query))
    }
}

/// No parameters at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}

/// How many entries a page has: 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u16);

impl Limit {
    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u16::deserialize(from) {
            Ok(limit @ 1..=100) => Ok(Self(limit)),
            _ => Err(de::Error::custom("It must be a whole number from 1 to 100.")),
        }
    }
}

/// A past moment that a view is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsOf(pub Timestamp);

impl<'de> Deserialize<'de> for AsOf {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // In a query string `+` means a blank, and clients forget to escape it.
        let text = String::deserialize(from)?.replace(' ', "+");
        instant::parse(&text).map(Self).map_err(de::Error::custom)
    }
}

/// The longest query string, in bytes; a column map is the longest thing in one.
const LONGEST: usize = 16 << 10;
/// So many parameters.
const MOST: usize = 32;

/// The query string as a `T`.
pub fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let at = |name: &str| format!("?{name}");
    if query.len() > LONGEST {
        let told = format!("The query string may have up to {LONGEST} bytes.");
        return Err(Problem::invalid("?", told));
    }
    let mut pairs: Vec<(String, Parameter)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if value.contains(['\0', '\u{fffd}']) || name.contains(['\0', '\u{fffd}']) {
            return Err(Problem::invalid(
                at(&name),
                "It is not text in UTF-8, or holds a NUL character.",
            ));
        }
        if value.is_empty() {
            return Err(Problem::invalid(
                at(&name),
                format!("`{name}` is empty; leave it out instead."),
            ));
        }
        if pairs.len() == MOST && !pairs.iter().any(|(known, _)| *known == name) {
            return Err(Problem::invalid("?", format!("There may be up to {MOST} parameters.")));
        }
        match pairs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, parameter)) => {
                parameter.text = format!("{},{value}", parameter.text);
                parameter.times += 1;
                if parameter.times > parameter::MOST {
                    let told = format!("It may stand up to {} times.", parameter::MOST);
                    return Err(Problem::invalid(at(&name), told));
                }
            }
            None => pairs.push((
                name.into_owned(),
                Parameter {
                    text: value.into_owned(),
                    times: 1,
                },
            )),
        }
    }
    pointer::read(MapDeserializer::<_, de::value::Error>::new(pairs.into_iter())).map_err(|error| {
        let name = error
            .pointer
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap_or_default();
        Problem::invalid(at(name), error.detail)
    })
}

/// What a cursor is bound to: the path and every parameter but those that may change from page to page.
pub fn canonical(request: &HttpRequest) -> String {
    let mut pairs: Vec<_> = form_urlencoded::parse(request.query_string().as_bytes())
        .filter(|(name, _)| !["cursor", "limit", "wait"].contains(&name.as_ref()))
        .collect();
    pairs.sort();
    form_urlencoded::Serializer::new(format!("{}?", request.path()))
        .extend_pairs(pairs)
        .finish()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Tasks {
        #[serde(default)]
        limit: Limit,
        cursor: Option<String>,
        as_of: Option<AsOf>,
        #[serde(default)]
        snoozed: bool,
        state: Option<Vec<State>>,
        wait: Option<u8>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum State {
        Open,
        Overdue,
    }

    fn refused(query: &str) -> (String, String) {
        let problem = parse::<Tasks>(query).expect_err(query);
        (problem.errors()[0].pointer.clone(), problem.errors()[0].detail.clone())
    }

    #[test]
    fn parameters_are_read_by_their_types() {
        let read: Tasks =
            parse("limit=7&as_of=2026-01-01T10:00:00+01:00&snoozed=true&state=open,overdue&cursor=a%2Bb&wait=30")
                .expect("read");
        assert_eq!(
            read,
            Tasks {
                limit: Limit(7),
                cursor: Some("a+b".to_owned()),
                as_of: Some(AsOf("2026-01-01T09:00:00Z".parse().expect("a moment"))),
                snoozed: true,
                state: Some(vec![State::Open, State::Overdue]),
                wait: Some(30),
            }
        );
        assert_eq!(parse::<Tasks>("").expect("read").limit.get(), 50);
        assert_eq!(
            parse::<Tasks>("as_of=2026-01-01T10:00:00%2B01:00").expect("read").as_of,
            read.as_of
        );
    }

    #[test]
    fn a_limit_is_from_1_to_100() {
        for limit in ["0", "101", "-1", "1.5", "ten", "99999999999"] {
            assert_eq!(
                refused(&format!("limit={limit}")),
                (
                    "?limit".to_owned(),
                    "It must be a whole number from 1 to 100.".to_owned()
                )
            );
        }
    }

    #[test]
    fn what_is_unknown_repeated_or_empty_is_refused_by_name() {
        assert_eq!(refused("limt=5").0, "?limt");
        assert!(refused("limt=5").1.contains("known are `limit`"));
        assert_eq!(refused("limit=5&limit=5").0, "?limit");
        assert_eq!(refused("cursor=").0, "?cursor");
        assert_eq!(refused("cursor=%ff").0, "?cursor");
        assert_eq!(refused("cursor=a%00").0, "?cursor");
        assert_eq!(
            refused("wait=300"),
            (
                "?wait".to_owned(),
                "Expected a whole number in range, found `300`.".to_owned()
            )
        );
        assert_eq!(
            refused("snoozed=1"),
            (
                "?snoozed".to_owned(),
                "Expected `true` or `false`, found `1`.".to_owned()
            )
        );
        assert_eq!(
            refused("state=open,"),
            (
                "?state".to_owned(),
                "Expected a list with commas and no empty entry, found `open,`.".to_owned()
            )
        );
        assert_eq!(
            refused("state=shut"),
            (
                "?state".to_owned(),
                "`shut` is not one of `open` or `overdue`.".to_owned()
            )
        );
        assert!(refused("as_of=2026-01-01T10:00:00").1.contains("no offset"));
        assert!(parse::<NoParameters>("x=1").is_err_and(|problem| problem.errors()[0].pointer == "?x"));
    }

    #[test]
    fn a_query_is_no_longer_than_its_measure() {
        let many: Vec<String> = (0..40).map(|nth| format!("p{nth}=1")).collect();
        assert_eq!(refused(&many.join("&")).0, "?");
        assert_eq!(refused(&"state=open&".repeat(101)).0, "?state");
        assert_eq!(refused(&format!("state=open{}", ",open".repeat(100))).0, "?state");
        assert_eq!(refused(&format!("cursor={}", "x".repeat(LONGEST))).0, "?");
    }

    #[test]
    fn a_query_is_the_same_in_any_order_and_on_any_page() {
        let of = |uri: &str| canonical(&TestRequest::get().uri(uri).to_http_request());
        assert_eq!(
            of("/v1/tasks?state=open&play=a%20b&limit=5"),
            of("/v1/tasks?cursor=x&play=a+b&state=open")
        );
        assert_ne!(of("/v1/tasks?state=open"), of("/v1/tasks?state=done"));
        assert_ne!(of("/v1/tasks"), of("/v1/candidates"));
        assert_ne!(of("/v1/tasks?a=1%26b=2"), of("/v1/tasks?a=1&b=2"));
    }
}
