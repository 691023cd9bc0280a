//! Facts about many candidates, one per line (NDJSON): how a career centre brings in what it has. The body is read and the
//! results are told as they come, so that neither has to fit into memory; what a line asks for is done or refused by
//! itself. Lines about one candidate are recorded in their order, those about several at once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web,
};
use afterword_domain::{catalogue::AnyFact, decide::Proposal, ids::CandidateId};
use afterword_store::{Measure, TenantId, Turns};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::{
    api::{Api, Operation},
    candid::LINES,
    edge::{
        admission::{KeyInUse, give_turn_back},
        codes::Code,
        headers, json as strict, pace,
        problem::Problem,
        query::{NoParameters, Query},
        scopes::{Caller, Scope},
    },
    events::Event,
    facts::{FactResult, in_fact, read},
    reading::Answered,
    service::{Shared, reaches, tenant, unavailable},
    writing::Writing,
};

mod lines;
mod results;
use lines::{BYTES, Lines, too_long};
use results::Results;

/// Lines of so many candidates are recorded at once.
const AT_ONCE: usize = 32;
/// So many such requests at once, of a tenant and in all: each holds a line, and the results that are not fetched yet.
const OF_A_TENANT: usize = 2;
const IN_ALL: usize = 4;

/// The requests with many lines that are under way, by tenant.
#[derive(Clone)]
pub(crate) struct Bulks(Turns<TenantId>);

impl Default for Bulks {
    fn default() -> Self {
        Self(Turns::new(Measure {
            in_all: IN_ALL,
            alone: OF_A_TENANT,
            together: IN_ALL,
            line: 16,
            patience: Duration::from_secs(5),
        }))
    }
}

pub(crate) fn endpoints(api: &mut Api) {
    let example = "{\"candidate\": \"cnd_01k9ze3n8qfq7s5b1x5n0v3gk2\", \"type\": \"SearchActivityLogged\", \"data\": {\"kind\": \"searched\"}}\n";
    let body = json!({"type": "string", "format": "binary", "example": example,
        "description": "One fact per line, as in `record_facts`, and beside it its `candidate`. Up to 20,000 lines, 64 MiB, 1 MiB in a line."});
    let told = "{\"line\": 1, \"status\": \"recorded\", \"event\": {}}\n";
    let answer = json!({"type": "string", "format": "binary", "example": told,
        "description": "One result per line of the body, in its order: `line`, `status` (`recorded`, `already_recorded` or `refused`), `event` or `problem`."});
    api.add(Operation {
        description: "Each line is recorded or refused by itself; a line may rest on those before it, and a \
                      CandidateRegistered makes the candidate of the lines after it. Results come as they are, while \
                      the body is still being sent. A body that breaks off, is too long or does not arrive, or whose \
                      key is revoked meanwhile, ends with one more result, `refused`, that says so: what was told \
                      before is recorded, and the same lines may be sent again. With an Idempotency-Key, the same \
                      lines under the same numbers have the same results again; without one, lines with ids of their \
                      own do."
            .to_owned(),
        body: Some((LINES, body)),
        answer: (200, answer),
        media: LINES,
        problems: vec![Code::Timeout],
        route: Arc::new(|| web::post().to(record)),
        ..Operation::write(
            Method::POST,
            "/v1/facts",
            "record_many_facts",
            "Record facts about many candidates, line by line",
        )
    });
}

async fn record(
    caller: Caller,
    request: HttpRequest,
    service: Shared,
    payload: web::Payload,
    _: Query<NoParameters>,
) -> Answered {
    caller.require(Scope::CandidatesWrite)?;
    admit(&request)?;
    // What it records takes turns line by line.
    give_turn_back(&request);
    let place = service.bulks.0.take(tenant(&caller)).await;
    let place = place.ok_or_else(|| Problem::overloaded(10))?;
    let key = headers::idempotency_key(&request)?;
    // Whoever sends all of the body before reading of the answer must not wait for himself: results gather here. They
    // are bounded by the lines that a request may have.
    let (tell, told) = mpsc::unbounded_channel();
    let bulk = Bulk {
        in_use: KeyInUse::of(&request)?,
        caller,
        service,
        key: key.map(|key| key.to_string()),
        tell,
    };
    let results = Results::new(told, place);
    let unfetched = results.unfetched();
    actix_web::rt::spawn(async move {
        let bytes = bulk.record(Lines::of(payload)).await;
        unfetched.let_go(pace::of_so_many(bytes)).await;
    });
    Ok(HttpResponse::Ok().content_type(LINES).streaming(results))
}

/// What can be refused before the first line is read.
fn admit(request: &HttpRequest) -> Result<(), Problem> {
    let of = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let essence = of(header::CONTENT_TYPE).and_then(|kind| kind.split(';').next());
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    let known = [LINES, "application/ndjson", "application/jsonl"];
    let packed = of(header::CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
    if !known.contains(&essence.as_str()) || packed {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            format!("Send lines of JSON as `Content-Type: {LINES}`, without a Content-Encoding."),
        ));
    }
    let announced = of(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BYTES as u64) {
        return Err(too_long());
    }
    Ok(())
}

/// A line's result.
#[derive(Serialize)]
struct Told {
    line: usize,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Value>,
}

impl Told {
    fn bytes(line: usize, result: FactResult) -> Vec<u8> {
        let FactResult { status, event, problem } = result;
        let told = Self {
            line,
            status,
            event,
            problem,
        };
        let mut bytes = serde_json::to_vec(&told).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// A line that can be read: whose it is, and the fact.
struct Line {
    /// Its place among those that are recorded together.
    place: usize,
    bytes: Bytes,
    fact: Map<String, Value>,
}

/// One request.
struct Bulk {
    caller: Caller,
    in_use: KeyInUse,
    service: Shared,
    key: Option<String>,
    tell: mpsc::UnboundedSender<Bytes>,
}

impl Bulk {
    /// Records line after line, until the body ends or nobody listens any more; and says how long all results are.
    async fn record(self, mut lines: Lines) -> u64 {
        let mut bytes = 0;
        loop {
            let (some, end) = lines.some().await;
            let last = some.last().map_or(lines.number, |(number, _)| *number);
            if let Err(problem) = self.in_use.still_counts().await {
                let next = some.first().map_or(last + 1, |(number, _)| *number);
                let told = Told::bytes(next, FactResult::refused(&problem));
                self.tell.send(told.into()).ok();
                return bytes;
            }
            if !some.is_empty() {
                let told = self.together(some).await;
                bytes += told.len() as u64;
                if self.tell.send(told).is_err() {
                    return bytes;
                }
            }
            match end {
                None => {}
                Some(Ok(())) => return bytes,
                Some(Err(problem)) => {
                    let told = Told::bytes(last + 1, FactResult::refused(&problem));
                    self.tell.send(told.into()).ok();
                    return bytes;
                }
            }
        }
    }

    /// Records some lines, and gives their results.
    async fn together(&self, some: Vec<(usize, Result<Bytes, Problem>)>) -> Bytes {
        let numbers: Vec<usize> = some.iter().map(|(number, _)| *number).collect();
        let mut results: Vec<Option<FactResult>> = numbers.iter().map(|_| None).collect();
        let mut groups: Vec<(CandidateId, Vec<Line>)> = Vec::new();
        let mut known: HashMap<CandidateId, usize> = HashMap::new();
        for (place, (_, line)) in some.into_iter().enumerate() {
            match line.and_then(|line| whose(place, line)) {
                Err(problem) => results[place] = Some(FactResult::refused(&problem)),
                Ok((candidate, line)) => {
                    let group = *known.entry(candidate).or_insert(groups.len());
                    if group == groups.len() {
                        groups.push((candidate, Vec::new()));
                    }
                    groups[group].1.push(line);
                }
            }
        }
        let first = numbers.first().copied().unwrap_or_default();
        let recording = groups.into_iter().map(|(id, lines)| self.about_one(first, id, lines));
        let mut recording = futures_util::stream::iter(recording).buffer_unordered(AT_ONCE);
        while let Some(told) = recording.next().await {
            for (place, result) in told {
                results[place] = Some(result);
            }
        }
        let lost = || FactResult::refused(&Problem::internal("a line without a result"));
        let told = numbers.into_iter().zip(results);
        told.flat_map(|(number, result)| Told::bytes(number, result.unwrap_or_else(lost)))
            .collect()
    }

    /// Records lines about one candidate, in their order.
    async fn about_one(&self, first: usize, id: CandidateId, lines: Vec<Line>) -> Vec<(usize, FactResult)> {
        let _turn = self.service.turns.wait(self.caller.key_id).await;
        let name = [&first.to_be_bytes()[..], id.uuid().as_bytes()].concat();
        let said: Vec<&[u8]> = lines.iter().map(|line| &line.bytes[..]).collect();
        let writing = Writing::of_part(
            &self.service,
            &self.caller,
            self.key.as_deref(),
            &name,
            &said.join(&b'\n'),
        );
        let mut told = Vec::with_capacity(lines.len());
        let mut places = Vec::with_capacity(lines.len());
        let mut proposals: Vec<Proposal> = Vec::with_capacity(lines.len());
        for (nth, Line { place, fact, .. }) in (0u32..).zip(lines) {
            let fresh = [writing.fresh(2 * nth), writing.fresh(2 * nth + 1)];
            match read(Value::Object(fact), id, fresh) {
                Err(problem) => told.push((place, FactResult::refused(&problem))),
                Ok(proposal) => {
                    places.push(place);
                    proposals.push(proposal);
                }
            }
        }
        // What comes before its candidate is registered has none.
        let early = match self.early(id, &proposals, &writing).await {
            Ok(early) => early,
            Err(problem) => {
                let refused = |place| (place, FactResult::refused(&problem));
                told.extend(places.into_iter().map(refused));
                return told;
            }
        };
        let unknown = Problem::unknown_reference("/candidate", "is not the id of a candidate");
        proposals.drain(..early);
        told.extend(
            places
                .drain(..early)
                .map(|place| (place, FactResult::refused(&unknown))),
        );
        if proposals.is_empty() {
            return told;
        }
        let recorded = writing
            .record(&self.service, &self.caller, id, false, proposals, false)
            .await;
        match recorded {
            Err(problem) => told.extend(places.into_iter().map(|place| (place, FactResult::refused(&problem)))),
            Ok(done) => {
                let results = done.results.iter().map(|result| match result {
                    Ok(step) => FactResult::of(step),
                    Err(refusal) => FactResult::refused(&in_fact("", refusal.clone())),
                });
                told.extend(places.into_iter().zip(results));
            }
        }
        told
    }

    /// How many of the facts come before there is a candidate whom the caller reaches. Where the same lines are sent again, as
    /// many as the first time, whatever has become of the candidate.
    async fn early(&self, id: CandidateId, proposals: &[Proposal], writing: &Writing) -> Result<usize, Problem> {
        let candidate = self.service.recorder.candidate(tenant(&self.caller), id).await;
        let candidate = candidate.map_err(unavailable)?;
        let repeated = writing.repeated(&self.service, &self.caller).await?;
        let registers = |it: &Proposal| matches!(it.fact, AnyFact::CandidateRegistered(_));
        match (candidate.version, repeated) {
            (0, _) => Ok(proposals.iter().position(registers).unwrap_or(proposals.len())),
            (_, None) if !reaches(&self.caller, &candidate) => Ok(proposals.len()),
            _ if candidate.erased_at.is_some() => Err(Problem::refused(
                "candidate_erased",
                "The candidate was erased: nothing more can be recorded.",
            )),
            (_, None) => Ok(0),
            (_, Some(row)) => {
                let recorded = usize::try_from(row.facts).unwrap_or_default();
                Ok(proposals.len().saturating_sub(recorded))
            }
        }
    }
}

/// Whose line it is.
fn whose(place: usize, bytes: Bytes) -> Result<(CandidateId, Line), Problem> {
    let mut fact = strict::parse(&bytes)?;
    let registers = fact.get("type").is_some_and(|name| name == "CandidateRegistered");
    let named = match fact.shift_remove("candidate") {
        None | Some(Value::Null) if registers => fact.get("subject").cloned(),
        named => named,
    };
    let candidate = match named {
        None | Some(Value::Null) => return Err(Problem::invalid("/candidate", "is missing: whom the fact is about")),
        Some(id) => id.as_str().and_then(|id| id.parse().ok()),
    };
    let candidate =
        candidate.ok_or_else(|| Problem::unknown_reference("/candidate", "is not the id of a candidate"))?;
    Ok((candidate, Line { place, bytes, fact }))
}
