//! Templates over HTTP: the texts that letters are composed with, the default ones and what a tenant says instead. They
//! are the tenant's own words and no candidate's, kept as playbooks are: versions that are never changed.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use afterword_domain::{notes::NoteKind, time::Instant};
use afterword_letters::templates::{KINDS, Template, Tone, Variant, kind_name};
use afterword_store::{Beside, NoteTemplateRow};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    api::{Api, Operation},
    edge::{
        body,
        codes::Code,
        etag::{self, ETag},
        problem::Problem,
        query::{self, NoParameters, Query},
        scopes::{Caller, Scope},
    },
    reading::{Answered, Asked, Page, allow},
    service::{Shared, recorded_by, tenant, unavailable},
    writing::{Changed, Writing},
};

const LIST: &[&str] = &["limit", "cursor"];

/// The template for one kind of note and one tone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Template)]
pub struct TemplateView {
    /// The kind of note.
    pub kind: NoteKind,
    /// The tone.
    pub tone: Tone,
    /// Its version; 0: it was never replaced.
    pub version: u32,
    /// Whether it is the default one.
    pub is_default: bool,
    /// When it was put; `null` where it was never replaced.
    pub recorded_at: Option<Instant>,
    /// The ways to write the letter, of which each reader of a panel gets another one.
    pub variants: Vec<Variant>,
}

/// What a template is to say.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplatePut {
    /// The ways to write the letter, of which each reader of a panel gets another one: one to eight. What can stand in
    /// them is told in `docs/templates.md`.
    #[schema(min_items = 1, max_items = 8)]
    pub variants: Vec<Variant>,
}

pub(crate) fn endpoints(api: &mut Api) {
    let view = api.schema::<TemplateView>();
    let put_body = api.schema::<TemplatePut>();
    let page = api.page_of("Template");
    const ONE: &str = "/v1/templates/{kind}/{tone}";
    api.add(Operation {
        query: LIST,
        answer: (200, page),
        route: Arc::new(|| web::get().to(list)),
        ..Operation::get(
            "/v1/templates",
            "list_templates",
            "The templates of letters, for each kind of note and tone",
        )
    });
    api.add(Operation {
        answer: (200, view.clone()),
        route: Arc::new(|| web::get().to(get)),
        ..Operation::get(ONE, "get_template", "A template of letters")
    });
    api.add(Operation {
        scope: Some(Scope::Admin),
        description: "Letters are composed with it from now on. The same text again makes no new version.".to_owned(),
        body: Some(("application/json", put_body)),
        answer: (200, view.clone()),
        problems: vec![Code::Stale, Code::IdempotencyReused],
        route: Arc::new(|| web::put().to(put)),
        ..Operation::write(Method::PUT, ONE, "put_template", "Replace a template of letters")
    });
    api.add(Operation {
        scope: Some(Scope::Admin),
        answer: (200, view),
        problems: vec![Code::Stale, Code::IdempotencyReused],
        route: Arc::new(|| web::delete().to(reset)),
        ..Operation::write(
            Method::DELETE,
            ONE,
            "delete_template",
            "Go back to the default template of letters",
        )
    });
}

impl TemplateView {
    fn of(kind: NoteKind, tone: Tone, row: Option<&NoteTemplateRow>) -> Result<Self, Problem> {
        let own = row.and_then(|row| row.variants.as_deref());
        let variants = match own {
            Some(variants) => serde_json::from_str(variants).map_err(Problem::internal)?,
            None => Template::default_for(kind, tone).variants().to_vec(),
        };
        let recorded_at = row.and_then(|row| jiff::Timestamp::from_microsecond(row.recorded_at).ok());
        Ok(Self {
            kind,
            tone,
            version: row.map_or(0, |row| u32::try_from(row.version).unwrap_or(u32::MAX)),
            is_default: own.is_none(),
            recorded_at: recorded_at.map(Instant::from),
            variants,
        })
    }

    fn tag(&self) -> ETag {
        let name = format!(
            "template {} {} {}",
            kind_name(self.kind),
            self.tone.name(),
            self.version
        );
        // A release may say something else by default.
        let text = serde_json::to_string(&self.variants).unwrap_or_default();
        ETag::of_bytes(format!("{name} {text}").as_bytes())
    }
}

/// The template that letters of a kind and a tone are composed with.
pub(crate) async fn in_use(service: &Shared, caller: &Caller, kind: NoteKind, tone: Tone) -> Result<Template, Problem> {
    let rows = rows(service, caller, kind, tone).await?;
    let Some(own) = rows.last().and_then(|row| row.variants.as_deref()) else {
        return Ok(Template::default_for(kind, tone).clone());
    };
    let variants: Vec<Variant> = serde_json::from_str(own).map_err(Problem::internal)?;
    Template::read(variants).map_err(|_| Problem::internal("a template that was kept is wrong"))
}

async fn rows(service: &Shared, caller: &Caller, kind: NoteKind, tone: Tone) -> Result<Vec<NoteTemplateRow>, Problem> {
    let store = service.recorder.store();
    let rows = store.note_template(tenant(caller), kind_name(kind), tone.name());
    rows.await.map_err(unavailable)
}

/// The kind and the tone that a path names.
fn named(request: &HttpRequest) -> Result<(NoteKind, Tone), Problem> {
    fn one<T: Copy>(request: &HttpRequest, part: &str, known: &[(T, &str)]) -> Result<T, Problem> {
        let asked = request.match_info().get(part).unwrap_or_default();
        let found = known.iter().find(|(_, name)| *name == asked).map(|(it, _)| *it);
        found.ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|(_, name)| *name).collect();
            Problem::invalid(format!("{{{part}}}"), format!("must be one of {}", names.join(", ")))
        })
    }
    let tones = Tone::ALL.map(|tone| (tone, tone.name()));
    Ok((one(request, "kind", &KINDS)?, one(request, "tone", &tones)?))
}

/// Where a page goes on.
#[derive(Serialize, Deserialize)]
struct Onwards {
    skip: usize,
}

async fn list(caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>) -> Answered {
    caller.require(Scope::CandidatesRead)?;
    allow(&request, LIST)?;
    let key = query::canonical(&request);
    let skip = match &asked.0.cursor {
        Some(cursor) => service.cursors.open::<Onwards>(caller.tenant, &key, cursor)?.skip,
        None => 0,
    };
    let limit = usize::from(asked.0.limit.unwrap_or_default().get());
    let own = service.recorder.store().note_templates(tenant(&caller));
    let own = own.await.map_err(unavailable)?;
    let all = KINDS
        .iter()
        .flat_map(|(kind, name)| Tone::ALL.map(|tone| (*kind, *name, tone)));
    let views = all.skip(skip).take(limit).map(|(kind, name, tone)| {
        let row = own.iter().find(|row| row.kind == name && row.tone == tone.name());
        TemplateView::of(kind, tone, row)
    });
    let data = views.collect::<Result<Vec<_>, _>>()?;
    let more = skip + limit < KINDS.len() * Tone::ALL.len();
    let onwards = more.then(|| {
        service
            .cursors
            .seal(caller.tenant, &key, &Onwards { skip: skip + limit })
    });
    let next_cursor = onwards.transpose()?;
    let body = Page {
        data,
        next_cursor: next_cursor.clone(),
    };
    etag::answer(&request, None, next_cursor.as_deref(), &body)
}

async fn get(caller: Caller, request: HttpRequest, service: Shared, _: Query<NoParameters>) -> Answered {
    caller.require(Scope::CandidatesRead)?;
    let (kind, tone) = named(&request)?;
    let rows = rows(&service, &caller, kind, tone).await?;
    let view = TemplateView::of(kind, tone, rows.last())?;
    etag::answer(&request, Some(view.tag()), None, &view)
}

async fn put(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    may_write(&caller)?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let named = named(&request)?;
    let put: TemplatePut = body::into_typed(Value::Object(body))?;
    let read = Template::read(put.variants).map_err(|wrong| {
        let mut wrong = wrong.into_iter();
        let (pointer, told) = wrong.next().unwrap_or_default();
        let first = Problem::invalid(pointer, told);
        wrong.fold(first, |problem, (pointer, told)| problem.at(pointer, told))
    })?;
    let variants = serde_json::to_string(read.variants()).map_err(Problem::internal)?;
    replace(&caller, &service, &writing, named, Some(variants)).await
}

async fn reset(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    may_write(&caller)?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let named = named(&request)?;
    body::into_typed::<Nothing>(Value::Object(body))?;
    replace(&caller, &service, &writing, named, None).await
}

/// A body that says nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn may_write(caller: &Caller) -> Result<(), Problem> {
    caller.require_whole("cannot change templates")
}

/// Makes a new version, unless it would say the same.
async fn replace(
    caller: &Caller,
    service: &Shared,
    writing: &Writing,
    (kind, tone): (NoteKind, Tone),
    variants: Option<String>,
) -> Answered {
    loop {
        let rows = rows(service, caller, kind, tone).await?;
        if let Some(earlier) = writing.before(service, caller).await? {
            let row = rows.iter().find(|row| row.version == earlier.first_version);
            return answered(&TemplateView::of(kind, tone, row)?, true);
        }
        let before = rows.last();
        writing.meets(&TemplateView::of(kind, tone, before)?.tag())?;
        let same = before.and_then(|row| row.variants.as_deref()) == variants.as_deref();
        let version = before.map_or(0, |row| row.version) + i64::from(!same);
        let row = NoteTemplateRow {
            kind: kind_name(kind).to_owned(),
            tone: tone.name().to_owned(),
            version,
            variants: variants.clone(),
            recorded_at: service.clock.now().as_microsecond(),
            recorded_by: recorded_by(caller).to_string(),
        };
        let change = (!same).then(|| Beside::template(tenant(caller), &row));
        let made = if same { before } else { Some(&row) };
        // Of two at once the slower one looks again.
        if let Changed::Done = writing.change_to(service, caller, version, change).await? {
            return answered(&TemplateView::of(kind, tone, made)?, false);
        }
    }
}

fn answered(view: &TemplateView, replayed: bool) -> Answered {
    let mut response = HttpResponse::Ok();
    response.insert_header(("ETag", view.tag().to_header()));
    let location = format!("/v1/templates/{}/{}", kind_name(view.kind), view.tone.name());
    response.insert_header(("Location", location));
    if replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    Ok(response.json(view))
}
