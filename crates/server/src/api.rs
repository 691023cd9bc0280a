//! One registration gives an endpoint its route and its place in the OpenAPI document, so that neither
//! can say what the other does not. Paths are written as in the design: `C` is one candidate, `A` one
//! application of a candidate.

use std::{collections::BTreeMap, sync::Arc};

use actix_web::{
    Error, Resource, Route,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::{Next, from_fn},
    web,
};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::edge::{
    codes::Code,
    problem::Problem,
    routes::{Methods, fallback},
    scopes::{Caller, Scope},
};

/// Every endpoint of the service.
#[derive(Default)]
pub struct Api {
    operations: Vec<Operation>,
    schemas: BTreeMap<String, Value>,
    tag: &'static str,
}

/// One endpoint: what it does, what it takes, what it answers.
pub struct Operation {
    /// The HTTP method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: String,
    /// The operation's id in the OpenAPI document.
    pub id: String,
    /// What it does, in a line.
    pub summary: String,
    /// What it does, at length.
    pub description: String,
    /// The area of the mission.
    pub tag: &'static str,
    /// The scope that a key needs; none: no key is needed.
    pub scope: Option<Scope>,
    /// The names of the query parameters, described once for all endpoints.
    pub query: &'static [&'static str],
    /// Whether it writes, and so takes `Idempotency-Key` (and `If-Match`, where one candidate is written).
    pub writes: bool,
    /// The body that it takes: content type and schema.
    pub body: Option<(&'static str, Value)>,
    /// The content type of the answer.
    pub media: &'static str,
    /// The answer: status and schema.
    pub answer: (u16, Value),
    /// Problems of its own, beside those that every operation can have.
    pub problems: Vec<Code>,
    /// Makes the route.
    pub route: Arc<dyn Fn() -> Route + Send + Sync>,
}

impl Operation {
    /// A read.
    pub fn get(path: &str, id: &str, summary: &str) -> Self {
        Self {
            method: Method::GET,
            path: expand(path),
            id: id.to_owned(),
            summary: summary.to_owned(),
            description: String::new(),
            tag: "",
            scope: Some(Scope::CandidatesRead),
            query: &[],
            writes: false,
            body: None,
            media: "application/json",
            answer: (200, json!({})),
            problems: Vec::new(),
            route: Arc::new(web::get),
        }
    }

    /// A write.
    pub fn write(method: Method, path: &str, id: &str, summary: &str) -> Self {
        let answer = (if method == Method::POST { 201 } else { 200 }, json!({}));
        Self {
            method,
            writes: true,
            scope: Some(Scope::CandidatesWrite),
            answer,
            ..Self::get(path, id, summary)
        }
    }
}

/// `C/tasks` is `/v1/candidates/{candidate}/tasks`.
fn expand(path: &str) -> String {
    const C: &str = "/v1/candidates/{candidate}";
    match path.split_once('/') {
        Some(("C", rest)) => format!("{C}/{rest}"),
        Some(("A", rest)) => format!("{C}/applications/{{application}}/{rest}"),
        None if path == "C" => C.to_owned(),
        None if path == "A" => format!("{C}/applications/{{application}}"),
        _ => path.to_owned(),
    }
}

impl Api {
    /// The endpoints of every area.
    pub fn of_the_mission() -> Self {
        let mut api = Self::default();
        api.area("Candidates", crate::profile::endpoints);
        api.area("Applications", crate::applications::endpoints);
        api.area("Interviews", crate::interviews::endpoints);
        api.area("Contacts", crate::contacts::endpoints);
        api.area("Notes", crate::notes::endpoints);
        api.area("Notes", crate::suggestions::endpoints);
        api.area("Templates", crate::templates::endpoints);
        api.area("Mail", crate::mail::endpoints);
        api.area("Status", crate::status::endpoints);
        api.area("Documents", crate::documents::endpoints);
        api.area("Next round", crate::next_round::endpoints);
        api.area("Search", crate::search::endpoints);
        api.area("Research", crate::research::endpoints);
        api.area("References", crate::references::endpoints);
        api.area("Debrief", crate::debrief::endpoints);
        api.area("Connections", crate::connections::endpoints);
        api.area("Offers and outcomes", crate::outcome::endpoints);
        api.area("Rejections", crate::rejection::endpoints);
        api.area("Tasks", crate::tasks::endpoints);
        api.area("Playbook", crate::playbook::endpoints);
        api.area("Undo", crate::undo::endpoints);
        api.area("Facts", crate::facts::endpoints);
        api.area("Facts", crate::bulk::endpoints);
        api.area("Calendars", crate::calendars::endpoints);
        api.area("Contacts", crate::cards::endpoints);
        api.area("Imports", crate::imports::endpoints);
        api.area("Exports", crate::exports::endpoints);
        api.area("Events", crate::events::endpoints);
        api.area("Webhooks", crate::webhooks::endpoints);
        api.area("Keys", crate::keys::endpoints);
        api.area("Test clock", crate::test_clock::endpoints);
        api
    }

    fn area(&mut self, tag: &'static str, endpoints: fn(&mut Self)) {
        self.tag = tag;
        endpoints(self);
    }

    /// Adds an endpoint.
    pub fn add(&mut self, operation: Operation) {
        self.operations.push(Operation {
            tag: self.tag,
            ..operation
        });
    }

    /// Adds a schema with everything it refers to, and gives a reference to it.
    pub fn schema<T: ToSchema>(&mut self) -> Value {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            let schema = serde_json::to_value(schema).unwrap_or_default();
            self.schemas.entry(name).or_insert(schema);
        }
        reference(&T::name())
    }

    /// Adds a schema that follows from others, and gives a reference to it.
    pub fn schema_of(&mut self, name: &str, schema: Value) -> Value {
        self.schemas.entry(name.to_owned()).or_insert(schema);
        reference(name)
    }

    /// Replaces a schema by what it turned out to be.
    pub fn replace(&mut self, name: &str, schema: Value) {
        self.schemas.insert(name.to_owned(), schema);
    }

    /// A schema that was added before.
    pub fn known(&self, name: &str) -> Value {
        self.schemas.get(name).cloned().unwrap_or_default()
    }

    /// Every endpoint.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Every schema, by name.
    pub const fn schemas(&self) -> &BTreeMap<String, Value> {
        &self.schemas
    }

    /// Which methods each path knows, for `405`.
    pub fn methods(&self) -> Methods {
        let name = |method: &Method| match *method {
            Method::GET => "GET",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            _ => "OPTIONS",
        };
        Methods::new(self.operations.iter().map(|it| (it.path.clone(), name(&it.method))))
    }

    /// Puts every endpoint into an app.
    pub fn configure(&self, app: &mut web::ServiceConfig) {
        for ((_, part), place) in self.places().below {
            app.service(place.scope(part));
        }
    }

    fn places(&self) -> Place<'_> {
        let mut root = Place::default();
        for operation in &self.operations {
            let parts = operation.path.split('/').skip(1);
            let place = parts.fold(&mut root, |place, part| {
                place.below.entry((part.contains('{'), part)).or_default()
            });
            place.here.push(operation);
        }
        root
    }
}

/// What begins with one path, part by part: a request's way is looked for among a few at each step, not among all there are.
/// A part that is written out comes before a parameter in its place, and answers alone for its methods: `notes/check` is no
/// note. What stands below it would hide what stands below the parameter, as a second parameter would.
#[derive(Default)]
struct Place<'a> {
    here: Vec<&'a Operation>,
    /// By whether it is a parameter, and its name.
    below: BTreeMap<(bool, &'a str), Place<'a>>,
}

impl Place<'_> {
    fn scope(self, part: &str) -> actix_web::Scope {
        let mut scope = web::scope(&format!("/{part}"));
        if !self.here.is_empty() {
            scope = scope.service(resource("", &self.here));
        }
        for ((_, part), place) in self.below {
            scope = match place.below.is_empty() {
                true => scope.service(resource(&format!("/{part}"), &place.here)),
                false => scope.service(place.scope(part)),
            };
        }
        scope
    }
}

fn resource(path: &str, operations: &[&Operation]) -> Resource {
    let resource = web::resource(path).default_service(web::to(fallback));
    let routes = operations
        .iter()
        .map(|operation| guarded(operation.scope, (operation.route)()));
    routes.fold(resource, Resource::route)
}

/// Nobody gets as far as a handler without a key that has the scope which the document declares. What a handler asks
/// for itself can only be more.
fn guarded(scope: Option<Scope>, route: Route) -> Route {
    let Some(scope) = scope else {
        return route;
    };
    route.wrap(from_fn(
        move |mut request: ServiceRequest, next: Next<BoxBody>| async move {
            match admitted(&mut request, scope).await {
                Ok(()) => next.call(request).await,
                Err(problem) => Ok::<ServiceResponse<BoxBody>, Error>(request.error_response(problem)),
            }
        },
    ))
}

async fn admitted(request: &mut ServiceRequest, scope: Scope) -> Result<(), Problem> {
    request.extract::<Caller>().await?.require(scope)
}

/// A reference to a schema.
pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[cfg(test)]
mod tests {
    use actix_web::{
        App, HttpResponse,
        http::header::AUTHORIZATION,
        test::{TestRequest, call_service, init_service},
    };

    use super::*;
    use crate::edge::{
        clock::Clock,
        keys::{Authenticator, tests::InMemory},
    };

    #[actix_web::test]
    async fn a_handler_that_asks_for_no_key_is_guarded_all_the_same() {
        let mut api = Api::default();
        for (path, scope) in [
            ("/v1/candidates", Some(Scope::CandidatesRead)),
            ("/v1/events", Some(Scope::EventsRead)),
            ("/v1/open", None),
        ] {
            api.add(Operation {
                scope,
                route: Arc::new(|| web::get().to(HttpResponse::Ok)),
                ..Operation::get(path, "reads", "Reads")
            });
        }
        let (stored, header) = InMemory::with_key(None);
        let authenticator = web::Data::new(Authenticator::new(stored, Clock::system()));
        let app = App::new().app_data(authenticator).configure(|app| api.configure(app));
        let app = init_service(app).await;
        for (path, with, without) in [
            ("/v1/candidates", 200, 401),
            ("/v1/events", 403, 401),
            ("/v1/open", 200, 200),
        ] {
            let request = TestRequest::get().uri(path);
            let bare = call_service(&app, request.to_request()).await;
            assert_eq!(bare.status(), without, "{path}");
            let request = TestRequest::get()
                .uri(path)
                .insert_header((AUTHORIZATION, header.clone()));
            let keyed = call_service(&app, request.to_request()).await;
            assert_eq!(keyed.status(), with, "{path}");
        }
    }

    #[test]
    fn no_place_hides_another() {
        fn hides(place: &Place<'_>) -> bool {
            let parameters = place.below.keys().filter(|(parameter, _)| *parameter).count();
            let written_out =
                |((parameter, _), below): (&(bool, &str), &Place<'_>)| !parameter && !below.below.is_empty();
            parameters > 1 || parameters == 1 && place.below.iter().any(written_out) || place.below.values().any(hides)
        }
        let place = |paths: &[&str]| {
            let mut api = Api::default();
            for path in paths {
                api.add(Operation::get(path, "reads", "Reads"));
            }
            hides(&api.places())
        };
        assert!(!hides(&Api::of_the_mission().places()));
        assert!(!place(&["/v1/notes/check", "/v1/notes/{note}/sent"]));
        assert!(place(&["/v1/notes/check/all", "/v1/notes/{note}/sent"]));
        assert!(place(&["/v1/keys/{key}", "/v1/keys/{id}/rolled"]));
    }

    #[test]
    fn an_operation_asks_for_a_scope_unless_it_says_otherwise() {
        assert!(Operation::get("C", "reads", "Reads").scope.is_some());
        assert!(Operation::write(Method::POST, "C", "writes", "Writes").scope.is_some());
    }
}
