//! Reading one candidate: things, lists and views. All of them fold the same stream, so all take `as_of`;
//! a page of a list belongs to one state and one moment, which its cursor carries along.

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use afterword_domain::{
    applications::Application,
    candidate::Candidate,
    ids::{ApplicationId, CandidateId, ContactId, Subject},
    play::State,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    api::{Api, Operation, reference},
    edge::{
        etag::{self, ETag},
        problem::Problem,
        query::{self, AsOf, Limit, Query},
        scopes::Caller,
    },
    recording::path_id,
    service::Shared,
};

/// What a reader may ask for; each endpoint takes some of it.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    pub(crate) limit: Option<Limit>,
    pub(crate) cursor: Option<String>,
    pub(crate) as_of: Option<AsOf>,
    pub(crate) state: Option<Vec<State>>,
    pub(crate) play: Option<String>,
    pub(crate) application: Option<ApplicationId>,
    pub(crate) candidate: Option<CandidateId>,
    pub(crate) group: Option<String>,
    pub(crate) due_before: Option<AsOf>,
    pub(crate) snoozed: Option<bool>,
    pub(crate) retracted: Option<bool>,
    pub(crate) status: Option<Vec<afterword_domain::applications::Status>>,
    pub(crate) stage: Option<Vec<afterword_domain::rejection::Stage>>,
    pub(crate) external_id: Option<String>,
    pub(crate) types: Option<Vec<String>>,
    pub(crate) wait: Option<u8>,
    pub(crate) order: Option<Order>,
    pub(crate) recipient: Option<ContactId>,
    pub(crate) version: Option<crate::cards::Version>,
}

/// In which order the feed comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The oldest first.
    Asc,
    /// The newest first.
    Desc,
}

/// A candidate at a moment.
pub struct View {
    /// The candidate.
    pub candidate: Arc<Candidate>,
    /// The moment at which states are judged.
    pub now: Timestamp,
    /// The application in the path.
    pub application: Option<ApplicationId>,
    /// The other thing in the path, whose own things are listed.
    pub within: Option<Subject>,
    /// What was asked for.
    pub asked: Asked,
}

/// A page of a list.
#[derive(Serialize)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Where the next page begins; `null` at the end.
    pub next_cursor: Option<String>,
}

/// Where a page of one candidate's list goes on: in which state, at which moment, after how many rows.
#[derive(Serialize, Deserialize)]
struct Onwards {
    version: u64,
    now: i64,
    skip: usize,
}

/// Refuses parameters that the endpoint does not take.
pub fn allow(request: &HttpRequest, names: &[&str]) -> Result<(), Problem> {
    let asked = url::form_urlencoded::parse(request.query_string().as_bytes());
    for (name, _) in asked {
        if !names.contains(&&*name) {
            let known = if names.is_empty() {
                "this takes none".to_owned()
            } else {
                format!("known here: {}", names.join(", "))
            };
            return Err(Problem::invalid(
                format!("?{name}"),
                format!("is not a parameter of this request; {known}"),
            ));
        }
    }
    Ok(())
}

/// The candidate in the path, as asked for.
pub async fn view(caller: &Caller, request: &HttpRequest, service: &Shared, asked: Asked) -> Result<View, Problem> {
    let newest = service.candidate(caller, path_id(request, "candidate")?).await?;
    let clock = service.now(caller).await?;
    let (candidate, now) = match asked.as_of {
        None => (newest, clock),
        Some(AsOf(moment)) if moment > clock + SignedDuration::from_secs(60) => {
            return Err(Problem::invalid("?as_of", "must not be in the future"));
        }
        // The client's clock may be ahead of this one; what is shown is not.
        Some(AsOf(moment)) => {
            let facts = newest.folds();
            let then = service
                .heavy
                .folding(request, caller, facts, move || newest.as_of(moment));
            (Arc::new(then.await?), moment.min(clock))
        }
    };
    if candidate.version == 0 {
        return Err(Problem::not_found());
    }
    let application = match request.match_info().get("application") {
        Some(_) => Some(path_id::<ApplicationId>(request, "application")?),
        None => None,
    };
    if application.is_some_and(|id| candidate.application(id).is_none()) {
        return Err(Problem::not_found());
    }
    Ok(View {
        candidate,
        now,
        application,
        within: None,
        asked,
    })
}

/// What of a path stands beside candidate and application must be there.
fn within(request: &HttpRequest, view: &View) -> Result<Option<Subject>, Problem> {
    let others = request.match_info().iter().map(|(name, _)| name);
    let Some(name) = others
        .filter(|name| !["candidate", "application"].contains(name))
        .last()
    else {
        return Ok(None);
    };
    let subject: Subject = path_id(request, name)?;
    if subject.kind().name() != name || !view.candidate.has(subject) {
        return Err(Problem::not_found());
    }
    Ok(Some(subject))
}

impl Api {
    /// One thing, found by the path.
    pub fn reads<T: Serialize + ToSchema + 'static>(
        &mut self,
        path: &str,
        id: &str,
        summary: &str,
        find: fn(&View, &HttpRequest) -> Option<T>,
    ) {
        let schema = self.schema::<T>();
        let mut operation = Operation::get(path, id, summary);
        operation.query = &["as_of"];
        operation.answer.1 = schema;
        operation.route = Arc::new(move || {
            web::get().to(
                move |caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>| async move {
                    allow(&request, &["as_of"])?;
                    let view = view(&caller, &request, &service, asked.0).await?;
                    let found = find(&view, &request).ok_or_else(Problem::not_found)?;
                    // The candidate's own tag is the one that `If-Match` takes.
                    let own = request.match_info().iter().count() == 1 && view.asked.as_of.is_none();
                    let version = i64::try_from(view.candidate.version).unwrap_or(i64::MAX);
                    let tag = own.then(|| ETag::of_candidate(view.candidate.id.uuid(), version));
                    etag::answer(&request, tag, None, &found)
                },
            )
        });
        self.add(operation);
    }

    /// A file about one candidate; `None`: there is no such thing.
    pub fn reads_file(
        &mut self,
        operation: Operation,
        query: &'static [&'static str],
        content_type: &'static str,
        render: fn(&View, &HttpRequest) -> Option<Vec<u8>>,
    ) {
        let media = content_type.split(';').next().unwrap_or(content_type);
        let route = move || {
            web::get().to(
                move |caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>| async move {
                    allow(&request, query)?;
                    let view = view(&caller, &request, &service, asked.0).await?;
                    let file = render(&view, &request).ok_or_else(Problem::not_found)?;
                    Ok::<_, Problem>(etag::answer_as(&request, content_type, Vec::new(), file))
                },
            )
        };
        self.add(Operation {
            query,
            media,
            route: Arc::new(route),
            ..operation
        });
    }

    /// A list of one candidate's things, in the order that `list` gives.
    pub fn lists<T: Serialize + ToSchema + Send + 'static>(
        &mut self,
        path: &str,
        id: &str,
        summary: &str,
        query: &'static [&'static str],
        list: fn(&View) -> Vec<T>,
    ) {
        self.lists_lazily(path, id, summary, query, move |view| Box::new(list(view).into_iter()));
    }

    /// The same, of rows of which only those of the page are made.
    pub fn lists_lazily<T: Serialize + ToSchema + Send + 'static>(
        &mut self,
        path: &str,
        id: &str,
        summary: &str,
        query: &'static [&'static str],
        list: impl for<'a> Fn(&'a View) -> Rows<'a, T> + Copy + Send + Sync + 'static,
    ) {
        self.schema::<T>();
        let page = self.page_of(&T::name());
        let mut operation = Operation::get(path, id, summary);
        operation.query = query;
        operation.answer.1 = page;
        operation.route = Arc::new(move || {
            web::get().to(
                move |caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>| async move {
                    allow(&request, query)?;
                    let mut view = view(&caller, &request, &service, asked.0).await?;
                    view.within = within(&request, &view)?;
                    let key = query::canonical(&request);
                    let mut skip = 0;
                    if let Some(cursor) = &view.asked.cursor {
                        let onwards: Onwards = service.cursors.open(caller.tenant, &key, cursor)?;
                        if view.candidate.version != onwards.version {
                            let (newest, then) = (Arc::clone(&view.candidate), onwards.version);
                            let facts = newest.folds();
                            let then = service
                                .heavy
                                .folding(&request, &caller, facts, move || newest.at_version(then));
                            view.candidate = Arc::new(then.await?);
                        }
                        view.now = Timestamp::from_microsecond(onwards.now).unwrap_or(view.now);
                        skip = onwards.skip;
                    }
                    let limit = usize::from(view.asked.limit.unwrap_or_default().get());
                    let mut onwards = Onwards {
                        version: view.candidate.version,
                        now: view.now.as_microsecond(),
                        skip,
                    };
                    let facts = view.candidate.history().len();
                    let page = move || list(&view).skip(skip).take(limit + 1).collect();
                    let mut data: Vec<T> = service.heavy.folding(&request, &caller, facts, page).await?;
                    let more = data.len() > limit;
                    data.truncate(limit);
                    onwards.skip += limit;
                    let next_cursor = more
                        .then(|| service.cursors.seal(caller.tenant, &key, &onwards))
                        .transpose()?;
                    etag::answer(
                        &request,
                        None,
                        next_cursor.as_deref(),
                        &Page {
                            data,
                            next_cursor: next_cursor.clone(),
                        },
                    )
                },
            )
        });
        self.add(operation);
    }

    /// The schema of a page of things of this name.
    pub fn page_of(&mut self, name: &str) -> serde_json::Value {
        self.schema_of(&format!("{name}Page"), json!({
            "type": "object",
            "description": format!("A page of a list: {name}."),
            "required": ["data", "next_cursor"],
            "properties": {
                "data": {"type": "array", "items": reference(name), "description": "The rows."},
                "next_cursor": {"type": ["string", "null"], "description": "Where the next page begins; `null` at the end."},
            },
        }))
    }
}

/// The parameters of a list of one candidate's things.
pub const LIST: &[&str] = &["limit", "cursor", "as_of"];

/// The rows of a list, made as they are asked for.
pub type Rows<'a, T> = Box<dyn Iterator<Item = T> + 'a>;

/// What a handler answers.
pub type Answered = Result<actix_web::HttpResponse, Problem>;

impl View {
    /// The application in the path, or all of them, the oldest first.
    pub fn applications(&self) -> impl Iterator<Item = &Arc<Application>> {
        let of = self.application;
        self.candidate
            .applications
            .values()
            .filter(move |application| of.is_none_or(|of| of == application.id))
    }

    /// The application that a thing belongs to.
    pub fn application_of(&self, subject: Subject) -> Option<&Application> {
        self.candidate.application(self.candidate.place_of(subject)?)
    }
}
