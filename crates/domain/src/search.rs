//! The search goes on. The rule: until an offer is accepted, do something for the search every three days, however well
//! an interview went, and apply to a good opening a day before it closes. A pause is a decision, and has its day.

use std::sync::Arc;

use imbl::OrdMap;
use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    candidate::{Candidate, Things},
    fact::At,
    ids::{ApplicationId, EventId, OpeningId, SearchActivityId},
    play::{Action, Owing, Play},
    playbook::Numbered,
    time::{Date, Instant, Period, Stamp, Zone, closing, day, opening},
    values::{Line, Text, WebAddress},
};

mod facts;
pub use facts::{Activity, OpeningDismissed, OpeningFound, SearchActivityLogged, SearchPaused, SearchResumed};

/// Keep looking.
pub const KEEP_LOOKING: Play = Play {
    name: "keep_looking",
    title: "Do something for your search: look, apply, or talk to somebody",
    why: "Nothing is certain until an offer is accepted, and whoever has other irons in the fire waits more calmly.",
    source: None,
    opens: Period::Days(3),
    due: Period::Days(1),
    numbers: &[],
    closed_by: &["SearchActivityLogged", "OpeningFound", "ApplicationOpened"],
    by_hand: false,
    outlives_outcome: true,
    action: |candidate, _| {
        Action::post(
            candidate,
            "record_search_activity_logged",
            "search-activities",
            json!({"kind": "searched"}),
        )
    },
};

/// Apply to what was found.
pub const APPLY_TO_OPENING: Play = Play {
    name: "apply_to_opening",
    title: "Apply to {about}",
    why: "An opening that was worth keeping is worth an answer before it closes.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Days(5),
    numbers: &[BEFORE_IT_CLOSES],
    closed_by: &["ApplicationOpened", "OpeningDismissed"],
    by_hand: false,
    outlives_outcome: true,
    action: |candidate, owed| {
        let opening = owed
            .about
            .and_then(|id| candidate.search.openings.get(&OpeningId::try_from(id).ok()?));
        let body = opening.map_or_else(
            || json!({}),
            |it| {
                let mut body =
                    json!({"organisation": {"name": it.organisation_name}, "position": it.position, "opening": it.id});
                if let Some(url) = &it.url {
                    body["posting_url"] = json!(url);
                }
                body
            },
        );
        Action::post(candidate, "record_application_opened", "applications", body)
    },
};

/// How long before an opening closes the application is to be in.
const BEFORE_IT_CLOSES: Numbered = Numbered::period(
    "before_it_closes",
    Period::Days(1),
    "how long before an opening closes the application is to be in",
);

/// A standing play: one task, from the first interview held or the first thing found, dated from the latest of them.
pub(crate) fn keep_looking(candidate: &Candidate, owing: &mut Owing<'_>) {
    let search = &candidate.search;
    let (true, Some((latest, event))) = (search.begun, search.looked) else {
        return;
    };
    let mut owed = owing.raise(&KEEP_LOOKING, candidate.id, event, latest.at);
    owed.since = Some(latest.at);
    let pause = search.pause();
    if let Some(until_on) = pause.and_then(|pause| pause.until_on) {
        owed.opens_at = owed.opens_at.max(opening(until_on.civil(), &owed.zone));
        owed.due_at = Some(owing.due_after(owing.due(&KEEP_LOOKING), owed.opens_at, &owed.zone));
    }
    let paused = pause.filter(|pause| pause.until_on.is_none()).map(|pause| pause.event);
    let over = paused.or(candidate.ties.accepted().map(|(_, event, _)| event));
    owing.owe(owed.void_if(over.is_some(), over));
}

/// One task per opening, due the day before it closes, else in five days.
pub(crate) fn apply_to_opening(opening: &Opening, owing: &mut Owing<'_>) {
    let (event, found) = opening.found;
    let mut owed = owing.raise(&APPLY_TO_OPENING, opening.id, event, found.at);
    owed.about = Some(opening.id.into());
    owed.words = format!("{} as {}", opening.organisation_name, opening.position).into();
    if let Some(closes_on) = opening.closes_on {
        let last = closing(closes_on.civil(), &owed.zone);
        let ahead = owing.period(&APPLY_TO_OPENING, &BEFORE_IT_CLOSES);
        let due = [ahead.before(last, &owed.zone, &owing.candidate.playbook.holidays), last];
        // What closes tomorrow, or is found on its last day, has until it closes.
        owed.due_at = due.into_iter().find(|due| *due > owed.opens_at).or(Some(due[1]));
    }
    let applied = owing.candidate.applied_to(opening.id).map(|(_, opened)| opened);
    let done = applied.into_iter().chain(opening.dismissed);
    owing.owe(owed.done(done.min_by_key(|(_, stamp)| *stamp)));
}

/// What is known of a candidate's search.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// The version of the newest fact about it.
    pub version: u64,
    /// What was found.
    pub openings: Things<OpeningId, Opening>,
    /// What was done.
    pub activities: Things<SearchActivityId, SearchActivity>,
    /// The latest interview held, application sent, and fact about the search.
    looked: Option<(Stamp, EventId)>,
    /// Whether there was any of them but an application.
    begun: bool,
    /// Pauses, and what ended them, by when they were decided.
    pauses: OrdMap<Stamp, Option<Pause>>,
}

/// A decision to pause.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pause {
    event: EventId,
    until_on: Option<Date>,
    reason: Option<Text>,
}

impl Search {
    /// The pause that stands, unless its day has come.
    fn pause(&self) -> Option<&Pause> {
        self.pauses.get_max().and_then(|(_, pause)| pause.as_ref())
    }

    /// The pause on a day.
    fn pause_on(&self, today: civil::Date) -> Option<&Pause> {
        self.pause()
            .filter(|pause| pause.until_on.is_none_or(|until| today < until.civil()))
    }

    /// The search as clients see it at a moment.
    pub fn view(&self, now: Timestamp, zone: &Zone) -> SearchView {
        let pause = self.pause_on(day(now, zone));
        SearchView {
            version: self.version,
            status: if pause.is_some() {
                SearchStatus::Paused
            } else {
                SearchStatus::Looking
            },
            paused_until: pause.and_then(|pause| pause.until_on),
            reason: pause.and_then(|pause| pause.reason.clone()),
            last_activity_at: self.looked.map(|(stamp, _)| Instant::in_zone(stamp.at, zone)),
        }
    }
}

/// Where a search stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Search)]
pub struct SearchView {
    /// The version of the newest fact about it.
    pub version: u64,
    /// Whether the candidate is looking.
    pub status: SearchStatus,
    /// The day on which the candidate goes on.
    pub paused_until: Option<Date>,
    /// Why it is paused.
    pub reason: Option<Text>,
    /// When something was last done for it; an interview and an application count.
    pub last_activity_at: Option<Instant>,
}

/// Whether a candidate is looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchStatus {
    /// The search goes on.
    Looking,
    /// The search is paused.
    Paused,
}

/// A job found, not applied for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Its id.
    pub id: OpeningId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// The organisation.
    pub organisation_name: Line,
    /// The position.
    pub position: Line,
    /// The posting's address.
    pub url: Option<WebAddress>,
    /// Where the candidate heard of it.
    pub source: Option<Line>,
    /// The last day for applications.
    pub closes_on: Option<Date>,
    found: (EventId, Stamp),
    dismissed: Option<(EventId, Stamp)>,
    reason: Option<Text>,
}

/// An opening as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Opening)]
pub struct OpeningView {
    /// Its id.
    pub id: OpeningId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Where it stands.
    pub status: OpeningStatus,
    /// The organisation.
    pub organisation_name: Line,
    /// The position.
    pub position: Line,
    /// The posting's address.
    pub url: Option<WebAddress>,
    /// Where the candidate heard of it.
    pub source: Option<Line>,
    /// The last day for applications.
    pub closes_on: Option<Date>,
    /// The application that came from it.
    pub application: Option<ApplicationId>,
    /// Why it was dismissed.
    pub reason: Option<Text>,
}

/// Where an opening stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpeningStatus {
    /// It waits for an application.
    Found,
    /// The candidate applied.
    Applied,
    /// It was put aside.
    Dismissed,
}

/// Something done for the search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SearchActivity {
    /// Its id.
    pub id: SearchActivityId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Always `logged`.
    pub status: SearchActivityStatus,
    /// What was done.
    pub kind: Activity,
    /// Anything to remember.
    pub remark: Option<Text>,
    /// When.
    #[schema(value_type = Instant)]
    pub occurred_at: Timestamp,
}

/// Where something done for the search stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchActivityStatus {
    /// It was logged.
    Logged,
}

impl Candidate {
    /// The first application that came from an opening, with the fact that opened it.
    fn applied_to(&self, opening: OpeningId) -> Option<(ApplicationId, (EventId, Stamp))> {
        let applications = self.ties.opened_from(opening).filter_map(|id| self.application(id));
        applications
            .map(|application| (application.id, application.opened))
            .min_by_key(|(_, (_, stamp))| *stamp)
    }

    /// An opening as clients see it.
    pub fn opening(&self, id: OpeningId) -> Option<OpeningView> {
        let it = self.search.openings.get(&id)?;
        let application = self.applied_to(id).map(|(application, _)| application);
        Some(OpeningView {
            id,
            version: it.version,
            status: match (application, it.dismissed) {
                (Some(_), _) => OpeningStatus::Applied,
                (None, Some(_)) => OpeningStatus::Dismissed,
                (None, None) => OpeningStatus::Found,
            },
            organisation_name: it.organisation_name.clone(),
            position: it.position.clone(),
            url: it.url.clone(),
            source: it.source.clone(),
            closes_on: it.closes_on,
            application,
            reason: it.reason.clone(),
        })
    }

    /// Changes the search.
    fn change_search(&mut self, at: &At, change: impl FnOnce(&mut Search)) {
        let search = Arc::make_mut(&mut self.search);
        search.version = at.version;
        change(search);
    }

    /// Something happened that moves the search on; `begins` where it is a reason to look at all.
    pub(crate) fn looked(&mut self, at: &At, begins: bool) {
        let search = Arc::make_mut(&mut self.search);
        search.begun |= begins;
        search.looked = search.looked.max(Some((at.stamp(), at.event)));
    }
}

#[cfg(test)]
mod tests;
