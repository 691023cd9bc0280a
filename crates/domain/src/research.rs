//! Research goes on. The rule: look again a week after the last time, and within two days of an interview; what is
//! unfavourable is decided upon within three days: to go on in spite of it, or to withdraw.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    applications::{Application, Status, organisation},
    candidate::Candidate,
    fact::{At, Fact, Place},
    ids::{ApplicationId, EventId, ResearchId},
    play::{Action, Owing, Play, of_application},
    playbook::Numbered,
    status::What,
    time::{Date, Period, Stamp},
    values::{Line, Text, WebAddress},
};

/// Look again.
pub const REFRESH_RESEARCH: Play = Play {
    name: "refresh_research",
    title: "Look for news about {organisation} and its industry",
    why: "News of the week makes a conversation, and a surprise is better met before the interview than in it.",
    source: None,
    opens: Period::Days(7),
    due: Period::Days(2),
    numbers: &[BEFORE_INTERVIEW],
    closed_by: &["ResearchNoted"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| {
        Action::post(
            candidate,
            "record_research_noted",
            of_application(owed, "research"),
            json!({"about": "organisation", "stance": "neutral"}),
        )
    },
};

/// Decide whether to go on.
pub const RECONSIDER: Play = Play {
    name: "reconsider",
    title: "Decide whether to go on with {organisation}, after what you read: {about}",
    why: "An unfavourable find left lying decides by itself; three days are enough to decide it yourself.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Days(3),
    numbers: &[],
    closed_by: &["ApplicationReconsidered", "ApplicationWithdrawn"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| {
        Action::post(
            candidate,
            "record_application_reconsidered",
            of_application(owed, "reconsidered"),
            json!({}),
        )
    },
};

/// How long before an interview research is fresh.
const BEFORE_INTERVIEW: Numbered = Numbered::period(
    "before_interview",
    Period::Days(2),
    "how long before an interview research is fresh",
);

/// A standing play: one task, a week after the last research, sooner where an interview comes up.
pub(crate) fn refresh_research(application: &Application, owing: &mut Owing<'_>) {
    let last = application
        .research
        .values()
        .map(|it| it.noted)
        .max_by_key(|(_, stamp)| *stamp);
    let arranged = application.interviews.values().filter(|it| it.cancelled.is_none());
    let first = arranged
        .map(|it| {
            let (event, Stamp { at, version }) = it.scheduled;
            // One that is written down afterwards was arranged before it began.
            let at = at.min(it.starts_at.timestamp());
            (event, Stamp { at, version })
        })
        .min_by_key(|(_, stamp)| *stamp);
    let Some((event, base)) = last.or(first) else { return };
    let mut owed = owing.raise(&REFRESH_RESEARCH, application.id, event, base.at);
    owed.since = Some(base.at);
    let fresh = owing.period(&REFRESH_RESEARCH, &BEFORE_INTERVIEW);
    // Research of before the last two days is not fresh.
    let coming = application
        .interviews
        .values()
        .filter(|it| it.is_ahead())
        .filter_map(|it| {
            let starts_at = it.starts_at.timestamp();
            let opens_at = fresh.before(starts_at, &it.time_zone, &owing.candidate.playbook.holidays);
            (starts_at > base.at && last.is_none_or(|(_, last)| last.at < opens_at))
                .then(|| (opens_at.max(base.at), starts_at, it))
        });
    if let Some((opens_at, starts_at, interview)) = coming.min_by_key(|(_, starts_at, it)| (*starts_at, it.id))
        && opens_at < owed.opens_at
    {
        owed.opens_at = opens_at;
        owed.due_at = Some(starts_at);
        owed.interview = Some(interview.id);
        owed.raised_by = vec![event, interview.scheduled.0];
        owed.raised_by.dedup();
    }
    owing.owe(owed);
}

/// One task per unfavourable find.
pub(crate) fn reconsider(application: &Application, owing: &mut Owing<'_>) {
    for find in application.research.values() {
        if find.stance != Stance::Unfavourable {
            continue;
        }
        let (event, noted) = find.noted;
        let mut owed = owing.raise(&RECONSIDER, find.id, event, noted.at);
        owed.about = Some(find.id.into());
        owed.words = find.headline.as_str().into();
        let withdrawn = application.moments.iter().filter_map(|moment| {
            let withdrew = matches!(moment.what, What::Ended(Status::Withdrawn));
            withdrew.then_some((moment.stamp, moment.event))
        });
        let decided = application.reconsidered.iter().copied().chain(withdrawn);
        let first = decided.filter(|(stamp, _)| *stamp > noted).min();
        owing.owe(owed.done(first.map(|(stamp, event)| (event, stamp))));
    }
}

/// What a find is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ResearchAbout)]
pub enum About {
    /// The organisation.
    Organisation,
    /// Its industry.
    Industry,
}

/// What a find means for the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stance {
    /// It speaks for them.
    Favourable,
    /// Neither.
    Neutral,
    /// It speaks against them.
    Unfavourable,
}

/// Something is learned about the organisation or its industry: what is unfavourable wants a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResearchNoted {
    /// What it is about.
    pub about: About,
    /// What it says, in a line.
    pub headline: Line,
    /// What it means for the candidate.
    pub stance: Stance,
    /// Where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub source_url: Option<WebAddress>,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub published_on: Option<Date>,
    /// What it says, at length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<Text>,
    /// Whether it is worth mentioning to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub worth_mentioning: Option<bool>,
}

/// The candidate goes on in spite of what was learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationReconsidered {
    /// Why.
    pub reason: Text,
}

/// Something that was learned about an organisation or its industry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Research {
    /// Its id.
    pub id: ResearchId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Always `noted`.
    pub status: ResearchStatus,
    /// What it is about.
    pub about: About,
    /// What it says, in a line.
    pub headline: Line,
    /// What it means for the candidate.
    pub stance: Stance,
    /// Where it was read.
    pub source_url: Option<WebAddress>,
    /// When it was published.
    pub published_on: Option<Date>,
    /// What it says, at length.
    pub detail: Option<Text>,
    /// Whether it is worth mentioning to them.
    pub worth_mentioning: bool,
    #[serde(skip)]
    noted: (EventId, Stamp),
}

/// Where a find stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResearchStatus {
    /// It was noted.
    Noted,
}

impl Candidate {
    /// Something that was learned.
    pub fn research(&self, id: ResearchId) -> Option<&Research> {
        let application = self.application(self.place_of(id.into())?)?;
        application.research.get(&id).map(Arc::as_ref)
    }
}

impl Fact for ResearchNoted {
    const NAME: &'static str = "ResearchNoted";
    type Subject = ResearchId;
    const PLACE: Place = Place::NewWithin;

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        let Ok(id) = ResearchId::try_from(at.subject) else {
            return;
        };
        let Some(application) = candidate.application_of(at) else {
            return;
        };
        let find = Research {
            id,
            application: application.id,
            version: at.version,
            status: ResearchStatus::Noted,
            about: self.about,
            headline: self.headline.clone(),
            stance: self.stance,
            source_url: self.source_url.clone(),
            published_on: self.published_on,
            detail: self.detail.clone(),
            worth_mentioning: self.worth_mentioning.unwrap_or(false),
            noted: (at.event, at.stamp()),
        };
        application.research.insert(id, Arc::new(find));
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let about = match self.about {
            About::Organisation => organisation(candidate, at.application),
            About::Industry => format!("{}'s industry", organisation(candidate, at.application)),
        };
        format!("Read about {about}: {}", self.headline)
    }
}

impl Fact for ApplicationReconsidered {
    const NAME: &'static str = "ApplicationReconsidered";
    type Subject = ApplicationId;
    const PLACE: Place = Place::Step;

    fn apply(&self, candidate: &mut Candidate, at: &At) {
        if let Some(application) = candidate.application_of(at) {
            let place = application
                .reconsidered
                .partition_point(|(stamp, _)| *stamp <= at.stamp());
            application.reconsidered.insert(place, (at.stamp(), at.event));
        }
    }

    fn tell(&self, candidate: &Candidate, at: &At) -> String {
        let organisation = organisation(candidate, at.application);
        format!("Decided to go on with {organisation}: {}", self.reason)
    }
}

#[cfg(test)]
mod tests;
