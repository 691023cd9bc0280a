//! Lists across candidates: the queue and the boards of coaches and career centres. They filter by ids,
//! states and times only, since texts are sealed, and show a bound key only what it reaches.

use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use afterword_store::Listed;

use crate::{
    edge::{
        etag,
        problem::Problem,
        query,
        scopes::{Bound, Caller, Scope},
    },
    reading::{Asked, allow},
    service::Shared,
};

/// A page of a list across candidates: the moment at which it is judged, and the place after which it begins.
pub struct Turn<Place> {
    /// The moment of the first page.
    pub now: Timestamp,
    /// The place after which this page begins.
    pub after: Option<Place>,
    /// How many rows to fetch: one more than the page holds.
    pub fetch: i64,
    key: String,
    limit: usize,
}

impl<Place: Serialize + DeserializeOwned> Turn<Place> {
    /// Reads what a request says of its page.
    pub async fn of(
        request: &HttpRequest,
        caller: &Caller,
        service: &Shared,
        asked: &Asked,
        allowed: &[&str],
    ) -> Result<Self, Problem> {
        caller.require(Scope::CandidatesRead)?;
        allow(request, allowed)?;
        let key = query::canonical(request);
        let limit = usize::from(asked.limit.unwrap_or_default().get());
        let (now, after) = match &asked.cursor {
            None => (service.now(caller).await?, None),
            Some(cursor) => {
                let (now, place): (i64, Place) = service.cursors.open(caller.tenant, &key, cursor)?;
                (
                    Timestamp::from_microsecond(now).map_err(Problem::internal)?,
                    Some(place),
                )
            }
        };
        Ok(Self {
            now,
            after,
            fetch: i64::try_from(limit).unwrap_or(i64::MAX) + 1,
            key,
            limit,
        })
    }

    /// The page as an answer.
    pub fn answer(
        &self,
        request: &HttpRequest,
        caller: &Caller,
        service: &Shared,
        mut rows: Vec<Listed<Place>>,
    ) -> Result<HttpResponse, Problem> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let last = rows
            .last()
            .filter(|_| more)
            .map(|row| (self.now.as_microsecond(), &row.place));
        let next_cursor = last
            .map(|place| service.cursors.seal(caller.tenant, &self.key, &place))
            .transpose()?;
        let rows: Vec<String> = rows.into_iter().filter_map(|row| row.json).collect();
        Ok(etag::answer_rendered(
            request,
            None,
            next_cursor.as_deref(),
            page(&rows, next_cursor.as_deref())?,
        ))
    }
}

/// A page of rows that are JSON already, written as `Page` is.
fn page(rows: &[String], next_cursor: Option<&str>) -> Result<Vec<u8>, Problem> {
    let next_cursor = serde_json::to_string(&next_cursor).map_err(Problem::internal)?;
    let length = rows.iter().map(|row| row.len() + 1).sum::<usize>();
    let mut page = Vec::with_capacity(length + next_cursor.len() + 32);
    page.extend_from_slice(b"{\"data\":[");
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            page.push(b',');
        }
        page.extend_from_slice(row.as_bytes());
    }
    page.extend_from_slice(b"],\"next_cursor\":");
    page.extend_from_slice(next_cursor.as_bytes());
    page.push(b'}');
    Ok(page)
}

/// The candidate and the group that a list is narrowed to: what was asked for, within what the key reaches.
/// `None`: the two exclude each other, and nothing is to be seen.
pub fn reach(caller: &Caller, asked: &Asked) -> Option<(Option<Uuid>, Option<String>)> {
    let candidate = asked.candidate.map(|id| id.uuid());
    match &caller.bound {
        Bound::Everything => Some((candidate, asked.group.clone())),
        Bound::Candidate(own) if candidate.is_none_or(|asked| asked == *own) => Some((Some(*own), asked.group.clone())),
        Bound::Group(own) if asked.group.as_ref().is_none_or(|asked| asked == own) => {
            Some((candidate, Some(own.clone())))
        }
        Bound::Candidate(_) | Bound::Group(_) => None,
    }
}
