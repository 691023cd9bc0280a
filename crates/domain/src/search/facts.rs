//! The facts about the search.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Opening, Pause, SearchActivity, SearchActivityStatus};
use crate::{
    candidate::Candidate,
    fact::{At, Fact, Place},
    ids::{CandidateId, OpeningId, SearchActivityId},
    refusal::Refusal,
    time::{Date, day},
    values::{Line, Text, WebAddress},
};

/// A job is found: it waits for an application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpeningFound {
    /// The organisation.
    pub organisation_name: Line,
    /// The position.
    pub position: Line,
    /// The posting's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub url: Option<WebAddress>,
    /// Where the candidate heard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub source: Option<Line>,
    /// The last day for applications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub closes_on: Option<Date>,
}

/// An opening is put aside.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpeningDismissed {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Text>,
}

/// Something is done for the search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchActivityLogged {
    /// What was done.
    pub kind: Activity,
    /// Anything to remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<Text>,
}

/// What is done for a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SearchActivityKind)]
pub enum Activity {
    /// Openings were looked through.
    Searched,
    /// An application went out.
    Applied,
    /// Somebody was talked to.
    Networked,
    /// Something was learned.
    Trained,
    /// Anything else.
    Other,
}

impl Activity {
    const fn in_words(self) -> &'static str {
        match self {
            Activity::Searched => "looked through openings",
            Activity::Applied => "applied",
            Activity::Networked => "talked to people",
            Activity::Trained => "learned something",
            Activity::Other => "did something for it",
        }
    }
}

/// The search is paused.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchPaused {
    /// The day on which it goes on by itself; left out: until it is resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub until_on: Option<Date>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Text>,
}

/// The search goes on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchResumed {}

fn opening<'a>(candidate: &'a Candidate, at: &At) -> Option<&'a Opening> {
    let id = OpeningId::try_from(at.subject).ok()?;
    candidate.search.openings.get(&id).map(Arc::as_ref)
}

impl Fact for OpeningFound {
    const NAME: &'static str = "OpeningFound";
    type Subject = OpeningId;
    const PLACE: Place = Place::New;

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = OpeningId::try_from(at.subject) else {
            return;
        };
        let Self {
            organisation_name,
            position,
            url,
            source,
            closes_on,
        } = self.clone();
        candidate.change_search(at, |search| {
            let opening = Opening {
                id,
                version: at.version,
                organisation_name,
                position,
                url,
                source,
                closes_on,
                found: (at.event, at.stamp()),
                dismissed: None,
                reason: None,
            };
            search.openings.insert(id, Arc::new(opening));
        });
        candidate.looked(at, true);
    }

    fn tell(&self, _: &Candidate, _: &At) -> String {
        format!("Found an opening: {} at {}.", self.position, self.organisation_name)
    }
}

impl Fact for OpeningDismissed {
    const NAME: &'static str = "OpeningDismissed";
    type Subject = OpeningId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        match opening(candidate, at).and_then(|opening| opening.dismissed) {
            Some(_) => Err(Refusal::already_recorded("The opening was dismissed already.")),
            None => Ok(()),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = OpeningId::try_from(at.subject) else {
            return;
        };
        candidate.change_search(at, |search| {
            let Some(opening) = search.openings.get_mut(&id) else {
                return;
            };
            let opening = Arc::make_mut(opening);
            opening.version = at.version;
            opening.dismissed = Some((at.event, at.stamp()));
            opening.reason = self.reason.clone();
        });
        candidate.looked(at, true);
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let name = opening(candidate, at).map(|it| format!("{} at {}", it.position, it.organisation_name));
        format!("Put an opening aside: {}.", name.unwrap_or_else(|| "it".into()))
    }
}

impl Fact for SearchActivityLogged {
    const NAME: &'static str = "SearchActivityLogged";
    type Subject = SearchActivityId;
    const PLACE: Place = Place::New;

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = SearchActivityId::try_from(at.subject) else {
            return;
        };
        candidate.change_search(at, |search| {
            let activity = SearchActivity {
                id,
                version: at.version,
                status: SearchActivityStatus::Logged,
                kind: self.kind,
                remark: self.remark.clone(),
                occurred_at: at.occurred_at,
            };
            search.activities.insert(id, Arc::new(activity));
        });
        candidate.looked(at, true);
    }

    fn tell(&self, _: &Candidate, _: &At) -> String {
        format!("For the search: {}.", self.kind.in_words())
    }
}

impl Fact for SearchPaused {
    const NAME: &'static str = "SearchPaused";
    type Subject = CandidateId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        let from = day(at.occurred_at, &candidate.zone());
        match self.until_on {
            Some(until) if until.civil() <= from => Err(Refusal::invalid(
                "/until_on",
                "must be later than the day on which the pause begins",
            )),
            Some(_) | None => Ok(()),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.change_search(at, |search| {
            let pause = Pause {
                event: at.event,
                until_on: self.until_on,
                reason: self.reason.clone(),
            };
            search.pauses.insert(at.stamp(), Some(pause));
        });
        candidate.looked(at, true);
    }

    fn tell(&self, _: &Candidate, _: &At) -> String {
        match self.until_on {
            Some(until) => format!("Paused the search until {}.", until.in_words()),
            None => "Paused the search.".into(),
        }
    }
}

impl Fact for SearchResumed {
    const NAME: &'static str = "SearchResumed";
    type Subject = CandidateId;
    const PLACE: Place = Place::Step;

    fn admit(&self, candidate: &Candidate, at: &At) -> Result<(), Refusal> {
        match candidate.search.pause_on(day(at.occurred_at, &candidate.zone())) {
            Some(_) => Ok(()),
            None => Err(Refusal::new("search_not_paused", "The search is not paused.")),
        }
    }

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        candidate.change_search(at, |search| drop(search.pauses.insert(at.stamp(), None)));
        candidate.looked(at, true);
    }

    fn tell(&self, _: &Candidate, _: &At) -> String {
        "Went on with the search.".into()
    }
}
