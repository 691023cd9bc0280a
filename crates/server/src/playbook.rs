//! A tenant's playbook: the numbers of all plays, and the days on which nobody works. Replaced whole, kept for ever, and
//! adopted candidate by candidate: by the next write, or by the worker.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use afterword_domain::{
    play::{PLAYBOOK, Play},
    playbook::{Holiday, Number, Playbook, PlaybookAdopted, PlaybookRules, RuleNumber},
    time::{Instant, Period},
};
use afterword_store::{Beside, PlaybookRow, written};
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
        scopes::{Bound, Caller, Scope},
    },
    reading::{Answered, Asked, Page, allow},
    recording::path_id,
    service::{Service, Shared, recorded_by, tenant, unavailable, unreadable_playbook},
    writing::{Changed, Writing},
};

mod trial;

use trial::{PlaybookTrial, PlaybookTried, try_out};

const LIST: &[&str] = &["limit", "cursor"];

/// A playbook as it is: every play with its numbers, whatever the rules say of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Playbook)]
pub struct PlaybookView {
    /// Its version; 0 is the default playbook.
    pub version: u32,
    /// The SHA-256 of its rules, in hexadecimal.
    pub hash: String,
    /// When it was put; `null` for the default playbook.
    pub recorded_at: Option<Instant>,
    /// What it changes of the default playbook: what `PUT` takes.
    pub rules: PlaybookRules,
    /// The days on which nobody works, beside weekends.
    pub holidays: Vec<Holiday>,
    /// Every play.
    pub plays: Vec<PlayView>,
}

/// A play with its numbers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Play)]
pub struct PlayView {
    /// Its name.
    #[schema(example = "write_thank_you")]
    pub play: &'static str,
    /// Whether it is played.
    pub on: bool,
    /// How long its tasks wait before they open; `PT0S`: not at all, or until a moment that its facts give.
    pub opens: Period,
    /// How long its tasks have; `PT0S`: until a moment that its facts give.
    pub due: Period,
    /// Its further numbers.
    pub numbers: Vec<NumberView>,
    /// The play's reason, in a sentence.
    pub why: &'static str,
    /// Where there is evidence: its source and year.
    pub source: Option<&'static str>,
    /// The types of facts that close its tasks.
    pub closed_by: &'static [&'static str],
    /// Whether its tasks may be completed by hand.
    pub by_hand: bool,
}

/// A further number of a play.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlayNumber)]
pub struct NumberView {
    /// Its name.
    #[schema(example = "again")]
    pub name: &'static str,
    /// What it is.
    pub value: RuleNumber,
    /// What it says.
    pub told: &'static str,
}

/// How far a playbook is adopted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlaybookAdoption)]
pub struct Adoption {
    /// The playbook's version.
    pub version: i64,
    /// How many candidates have adopted it, of those whom the key reaches.
    pub adopted: i64,
    /// How many candidates there are, of those whom the key reaches.
    pub candidates: i64,
}

pub(crate) fn endpoints(api: &mut Api) {
    let view = api.schema::<PlaybookView>();
    let rules = api.schema::<PlaybookRules>();
    let adoption = api.schema::<Adoption>();
    let (trial, tried) = (api.schema::<PlaybookTrial>(), api.schema::<PlaybookTried>());
    api.schema::<PlaybookAdopted>();
    let page = api.page_of("Playbook");
    api.add(Operation {
        answer: (200, view.clone()),
        problems: vec![Code::PlaybookUnreadable],
        route: Arc::new(|| web::get().to(current)),
        ..Operation::get(
            "/v1/playbook",
            "get_playbook",
            "The playbook that candidates follow or are about to",
        )
    });
    api.add(Operation {
        scope: Some(Scope::Admin),
        description: "What is left out is as in the default playbook. The same rules again make no new version."
            .to_owned(),
        body: Some(("application/json", rules)),
        answer: (200, view.clone()),
        problems: vec![Code::Stale, Code::IdempotencyReused, Code::PlaybookUnreadable],
        route: Arc::new(|| web::put().to(put)),
        ..Operation::write(Method::PUT, "/v1/playbook", "put_playbook", "Replace the playbook")
    });
    api.add(Operation {
        answer: (200, adoption),
        route: Arc::new(|| web::get().to(progress)),
        ..Operation::get(
            "/v1/playbook/adoption",
            "get_playbook_adoption",
            "How many candidates have adopted the playbook",
        )
    });
    api.add(Operation {
        query: LIST,
        answer: (200, page),
        route: Arc::new(|| web::get().to(versions)),
        ..Operation::get(
            "/v1/playbook/versions",
            "list_playbooks",
            "Every version of the playbook, the newest first; without those whose rules are not what their hash says",
        )
    });
    api.add(Operation {
        answer: (200, view),
        problems: vec![Code::PlaybookUnreadable],
        route: Arc::new(|| web::get().to(version)),
        ..Operation::get(
            "/v1/playbook/versions/{version}",
            "get_playbook_version",
            "A version of the playbook",
        )
    });
    api.add(Operation {
        scope: Some(Scope::CandidatesRead),
        body: Some(("application/json", trial)),
        answer: (200, tried),
        problems: vec![Code::UnknownReference],
        route: Arc::new(|| web::post().to(try_out)),
        ..Operation::write(
            Method::POST,
            "/v1/playbook/trial",
            "try_playbook",
            "What queues would be under another playbook; nothing is recorded",
        )
    });
}

impl PlaybookView {
    /// The rules of a row are shown where they are what its hash says.
    fn of(row: Option<&PlaybookRow>) -> Result<Self, Problem> {
        let (rules, playbook) = match row {
            Some(row) => row.read().ok_or_else(|| unreadable_playbook(row.version))?,
            None => Default::default(),
        };
        let (version, hash) = (playbook.version, hash_of(row));
        let recorded_at = row.and_then(|row| jiff::Timestamp::from_microsecond(row.recorded_at).ok());
        Ok(Self {
            version,
            hash,
            recorded_at: recorded_at.map(Instant::from),
            holidays: rules.holidays.clone(),
            plays: PLAYBOOK.iter().map(|play| PlayView::of(play, &playbook)).collect(),
            rules,
        })
    }
}

fn hash_of(row: Option<&PlaybookRow>) -> String {
    row.map_or_else(|| written(&PlaybookRules::default()).0, |row| row.hash.clone())
}

/// A version's tag; that of rules that cannot be read, too.
fn tag(row: Option<&PlaybookRow>) -> ETag {
    let version = row.map_or(0, |row| row.version);
    ETag::of_bytes(format!("playbook {version} {}", hash_of(row)).as_bytes())
}

impl PlayView {
    /// A play with the numbers of a playbook.
    pub fn of(play: &'static Play, playbook: &Playbook) -> Self {
        let number = |it: &afterword_domain::playbook::Numbered| NumberView {
            name: it.name,
            told: it.told,
            value: match it.default {
                Number::Period(_) => RuleNumber::Period(playbook.period(play, it)),
                Number::Count(_) => RuleNumber::Count(u8::try_from(playbook.count(play, it)).unwrap_or(u8::MAX)),
            },
        };
        Self {
            play: play.name,
            on: playbook.plays(play),
            opens: playbook.opens(play),
            due: playbook.due(play),
            numbers: play.numbers.iter().map(number).collect(),
            why: play.why,
            source: play.source,
            closed_by: play.closed_by,
            by_hand: play.by_hand,
        }
    }
}

/// So many versions a playbook may have: whoever reads a candidate reads them.
const VERSIONS: usize = 1024;
/// So long all of them may be, as they are kept.
const BYTES: usize = 4 << 20;

async fn rows(service: &Service, caller: &Caller) -> Result<Vec<PlaybookRow>, Problem> {
    service
        .recorder
        .store()
        .playbooks(tenant(caller))
        .await
        .map_err(unavailable)
}

async fn current(caller: Caller, request: HttpRequest, service: Shared, _: Query<NoParameters>) -> Answered {
    caller.require(Scope::CandidatesRead)?;
    let rows = rows(&service, &caller).await?;
    let newest = rows.last();
    etag::answer(&request, Some(tag(newest)), None, &PlaybookView::of(newest)?)
}

/// Where a page of versions goes on: below this one.
#[derive(Serialize, Deserialize)]
struct Onwards {
    below: i64,
}

async fn versions(caller: Caller, request: HttpRequest, service: Shared, asked: Query<Asked>) -> Answered {
    caller.require(Scope::CandidatesRead)?;
    allow(&request, LIST)?;
    let key = query::canonical(&request);
    let below = match &asked.0.cursor {
        Some(cursor) => service.cursors.open::<Onwards>(caller.tenant, &key, cursor)?.below,
        None => i64::MAX,
    };
    let limit = usize::from(asked.0.limit.unwrap_or_default().get());
    let rows = rows(&service, &caller).await?;
    let sound = rows.iter().rev().filter(|row| row.read().is_some());
    let numbered = sound.map(|row| (row.version, Some(row)));
    let all = numbered.chain([(0, None)]).filter(|(version, _)| *version < below);
    let mut page: Vec<_> = all.take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let onwards = page
        .last()
        .filter(|_| more)
        .map(|(version, _)| Onwards { below: *version });
    let next_cursor = onwards
        .map(|onwards| service.cursors.seal(caller.tenant, &key, &onwards))
        .transpose()?;
    let data = page.into_iter().map(|(_, row)| PlaybookView::of(row));
    let body = Page {
        data: data.collect::<Result<Vec<_>, _>>()?,
        next_cursor: next_cursor.clone(),
    };
    etag::answer(&request, None, next_cursor.as_deref(), &body)
}

async fn version(caller: Caller, request: HttpRequest, service: Shared, _: Query<NoParameters>) -> Answered {
    caller.require(Scope::CandidatesRead)?;
    let wanted: i64 = path_id(&request, "version")?;
    let rows = rows(&service, &caller).await?;
    let row = rows.iter().find(|row| row.version == wanted);
    if row.is_none() && wanted != 0 {
        return Err(Problem::not_found());
    }
    etag::answer(&request, Some(tag(row)), None, &PlaybookView::of(row)?)
}

async fn progress(caller: Caller, request: HttpRequest, service: Shared, _: Query<NoParameters>) -> Answered {
    caller.require(Scope::CandidatesRead)?;
    let playbooks = service.recorder.newest_playbooks(tenant(&caller)).await;
    let version = i64::from(playbooks.map_err(unavailable)?.current().version);
    let (candidate, group) = match &caller.bound {
        Bound::Everything => (None, None),
        Bound::Candidate(own) => (Some(*own), None),
        Bound::Group(own) => (None, Some(own.as_str())),
    };
    let store = service.recorder.store();
    let counted = store.adoption(tenant(&caller), version, candidate, group);
    let (adopted, candidates) = counted.await.map_err(unavailable)?;
    let told = Adoption {
        version,
        adopted,
        candidates,
    };
    etag::answer(&request, None, None, &told)
}

/// The rules of a body, or what is wrong with them.
fn read(rules: &PlaybookRules, version: u32, under: &str) -> Result<(Playbook, String, String), Problem> {
    let (hash, text) = written(rules);
    match rules.read(version, &hash) {
        Ok(playbook) => Ok((playbook, hash, text)),
        Err(wrong) => {
            let mut wrong = wrong
                .into_iter()
                .map(|(pointer, told)| (format!("{under}{pointer}"), told));
            let (pointer, told) = wrong.next().unwrap_or_default();
            let first = Problem::invalid(pointer, told);
            Err(wrong.fold(first, |problem, (pointer, told)| problem.at(pointer, told)))
        }
    }
}

async fn put(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    caller.require_whole("cannot change the playbook")?;
    let body = body::read_json(&request, payload, body::LIMIT).await?;
    let writing = Writing::of(&service, &caller, &request, &body)?;
    let rules: PlaybookRules = body::into_typed(Value::Object(body))?;
    let (_, hash, text) = read(&rules, 0, "")?;
    loop {
        let rows = rows(&service, &caller).await?;
        let before = rows.last();
        if let Some(row) = earlier(&service, &caller, &writing, &rows).await? {
            return answered(row, true);
        }
        writing.meets(&tag(before))?;
        // Over rules that are not what their hash says the same ones are put anew.
        let same = hash_of(before) == hash && before.is_none_or(|row| row.read().is_some());
        let row = PlaybookRow {
            version: before.map_or(0, |row| row.version) + i64::from(!same),
            hash: hash.clone(),
            rules: text.clone(),
            recorded_at: service.clock.now().as_microsecond(),
            recorded_by: recorded_by(&caller).to_string(),
        };
        let bytes: usize = rows.iter().map(|row| row.rules.len()).sum();
        if !same && (rows.len() >= VERSIONS || bytes + text.len() > BYTES) {
            let most = BYTES >> 20;
            let told = format!(
                "A tenant's playbook has up to {VERSIONS} versions, of {most} MiB in all: none is taken away, since facts were \
                 judged by it."
            );
            return Err(Problem::new(Code::TooLarge, told));
        }
        let change = (!same).then(|| Beside::playbook(tenant(&caller), &row));
        match writing.change_to(&service, &caller, row.version, change).await? {
            Changed::Done if same => return answered(before, false),
            Changed::Done => {
                let newest = service.recorder.newest_playbooks(tenant(&caller));
                newest.await.map_err(unavailable)?;
                return answered(Some(&row), false);
            }
            // Of two at once the slower one looks again.
            Changed::Before | Changed::Conflict => {}
        }
    }
}

fn answered(row: Option<&PlaybookRow>, replayed: bool) -> Answered {
    let view = PlaybookView::of(row)?;
    let mut response = HttpResponse::Ok();
    response.insert_header(("ETag", tag(row).to_header()));
    response.insert_header(("Location", "/v1/playbook"));
    if replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    Ok(response.json(view))
}

/// The version that an earlier request of the same name made.
async fn earlier<'r>(
    service: &Shared,
    caller: &Caller,
    writing: &Writing,
    rows: &'r [PlaybookRow],
) -> Result<Option<Option<&'r PlaybookRow>>, Problem> {
    let before = writing.before(service, caller).await?;
    Ok(before.and_then(|before| match before.first_version {
        0 => Some(None),
        version => rows.iter().find(|row| row.version == version).map(Some),
    }))
}
