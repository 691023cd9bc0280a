//! Jobs in tables: applications with where they stand, openings, and what was done for the search. A job is told by the
//! address of its posting, else by organisation and position.

use std::sync::Arc;

use afterword_domain::{
    applications::{ApplicationOpened, ApplicationWithdrawn, Organisation},
    catalogue::AnyFact,
    decide::Proposal,
    fact::Envelope,
    ids::{ApplicationId, OfferId, OpeningId, RejectionId, SearchActivityId, Subject},
    outcome::{OfferAccepted, OfferDeclined, OfferReceived, PositionClosed},
    rejection::RejectionReceived,
    search::{OpeningFound, SearchActivityLogged},
    values::{Channel, Line, WebAddress, organisation_key},
};
use jiff::Timestamp;

use super::{
    cells::{Cells, When},
    columns::{Field, Stage},
    reading::{Known, again, folded, lacks},
};
use crate::edge::problem::Problem;

/// A job as a row tells it.
struct Job {
    organisation: Line,
    position: Line,
    url: Option<WebAddress>,
    source: Option<Line>,
    when: Option<When>,
}

impl Job {
    fn read(known: &Known, cells: &Cells<'_>) -> Result<Self, Problem> {
        Ok(Self {
            organisation: cells.needed(Field::Organisation, "/organisation/name")?,
            position: cells.needed(Field::Position, "/position")?,
            url: cells.address(Field::Url),
            source: cells.line(Field::Source).or_else(|| cells.map.source.clone()),
            when: cells.when(Field::Date, &known.candidate.zone(), known.now)?,
        })
    }

    fn key(&self) -> [String; 2] {
        match &self.url {
            Some(url) => ["url".to_owned(), bare(url.as_str())],
            None => [
                organisation_key(self.organisation.as_str()),
                folded(self.position.as_str()),
            ],
        }
    }

    /// Whether something that is on record is this job: by the postings' addresses where both have one.
    fn is(&self, organisation: &str, position: &str, url: Option<&WebAddress>) -> bool {
        match (&self.url, url) {
            (Some(own), Some(other)) => bare(own.as_str()) == bare(other.as_str()),
            _ => {
                organisation_key(self.organisation.as_str()) == organisation_key(organisation)
                    && folded(self.position.as_str()) == folded(position)
            }
        }
    }

    fn at(&self) -> Option<Timestamp> {
        self.when.map(|when| when.at)
    }

    fn application_on_record(&self, known: &Known) -> Option<ApplicationId> {
        let id = ApplicationId::new(known.derived(&["application", &self.key()[0], &self.key()[1]]));
        if known.candidate.application(id).is_some() {
            return Some(id);
        }
        let applications = known.candidate.applications.values();
        let same = |view: &afterword_domain::applications::ApplicationView| {
            self.is(
                view.organisation.name.as_str(),
                view.position.as_str(),
                view.posting_url.as_ref(),
            )
        };
        applications.map(|it| it.view(known.now)).find(same).map(|it| it.id)
    }

    fn opening_on_record(&self, known: &Known) -> Option<OpeningId> {
        let mut openings = known.candidate.search.openings.values();
        let same = openings.find(|it| self.is(it.organisation_name.as_str(), it.position.as_str(), it.url.as_ref()));
        same.map(|it| it.id)
    }
}

/// An address without what differs from visit to visit.
pub(super) fn bare(url: &str) -> String {
    const TRACKING: [&str; 7] = ["utm_", "trk", "refid", "trackingid", "ref", "gh_src", "lever-source"];
    let url = url.split('#').next().unwrap_or_default();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let lower = path.to_lowercase();
    let path = lower
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_start_matches("www.")
        .trim_end_matches('/');
    let of_the_visit = |part: &&str| {
        let name = part.split('=').next().unwrap_or_default().to_lowercase();
        TRACKING
            .iter()
            .any(|known| name == *known || (known.ends_with('_') && name.starts_with(known)))
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|part| !part.is_empty() && !of_the_visit(part))
        .collect();
    if kept.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", kept.join("&"))
}

/// An application, and where the table says that it stands.
pub(super) fn application(known: &Known, cells: &Cells<'_>) -> Result<Vec<Proposal>, Problem> {
    let stage = cells.map.stage(cells.text(Field::Status))?;
    if stage == Stage::Skip {
        return Ok(Vec::new());
    }
    if stage == Stage::Found {
        return opening(known, cells);
    }
    let job = Job::read(known, cells)?;
    let moved = cells.when(Field::StatusDate, &known.candidate.zone(), known.now)?;
    let (id, opened) = match job.application_on_record(known) {
        Some(id) => {
            let fact = known
                .candidate
                .application(id)
                .and_then(|it| known.candidate.fact(it.opened.0));
            (id, fact.map(|fact| again(fact)))
        }
        None => {
            let id = ApplicationId::new(known.derived(&["application", &job.key()[0], &job.key()[1]]));
            (id, Some(opened(known, cells, &job, id)))
        }
    };
    let mut proposals: Vec<Proposal> = opened.into_iter().collect();
    // It cannot have ended before it began.
    let moved = moved.map(|moved| job.at().map_or(moved.at, |opened| moved.at.max(opened)));
    proposals.extend(stands(known, id, stage, moved));
    Ok(proposals)
}

fn opened(known: &Known, cells: &Cells<'_>, job: &Job, id: ApplicationId) -> Proposal {
    Proposal {
        event: known.event(&["opened", &id.to_string()]),
        application: None,
        subject: Some(id.into()),
        occurred_at: job.at(),
        fact: ApplicationOpened {
            organisation: Organisation {
                name: job.organisation.clone(),
                address: None,
                website: cells.address(Field::Website),
                industry: cells.line(Field::Industry),
                size: None,
            },
            position: job.position.clone(),
            opening: job.opening_on_record(known),
            posting_url: job.url.clone(),
            source: job.source.clone(),
            applied_on: job.when.map(|when| when.day.into()),
        }
        .into(),
    }
}

/// The facts by which an application came to stand where the table says.
fn stands(known: &Known, id: ApplicationId, stage: Stage, at: Option<Timestamp>) -> Vec<Proposal> {
    let propose = |name: &str, subject: Subject, fact: AnyFact| {
        let standing = standing(known, id, name);
        standing.map_or_else(
            || Proposal {
                event: known.event(&["stands", &id.to_string(), name]),
                application: Some(id),
                subject: Some(subject),
                occurred_at: at,
                fact,
            },
            |fact| again(fact),
        )
    };
    let derived = |what: &str| known.derived(&[what, &id.to_string()]);
    let offer = standing(known, id, "OfferReceived")
        .map_or_else(|| OfferId::new(derived("offer")).into(), |fact| fact.at.subject);
    let received = || {
        propose(
            "OfferReceived",
            offer,
            OfferReceived {
                respond_by: None,
                terms: None,
            }
            .into(),
        )
    };
    match stage {
        Stage::Found | Stage::Applied | Stage::Skip => Vec::new(),
        Stage::Offered => vec![received()],
        Stage::Accepted => vec![
            received(),
            propose("OfferAccepted", offer, OfferAccepted::default().into()),
        ],
        Stage::Declined => vec![
            received(),
            propose("OfferDeclined", offer, OfferDeclined::default().into()),
        ],
        Stage::Rejected => {
            let rejection = RejectionReceived {
                channel: Channel::Other,
                reason: None,
                message: None,
                from_contact: None,
            };
            vec![propose(
                "RejectionReceived",
                RejectionId::new(derived("rejection")).into(),
                rejection.into(),
            )]
        }
        Stage::Withdrawn => vec![propose(
            "ApplicationWithdrawn",
            id.into(),
            ApplicationWithdrawn::default().into(),
        )],
        Stage::PositionClosed => vec![propose(
            "PositionClosed",
            id.into(),
            PositionClosed { reason: None }.into(),
        )],
    }
}

/// The newest fact of a kind that stands about an application.
pub(super) fn standing<'a>(known: &'a Known, id: ApplicationId, name: &str) -> Option<&'a Arc<Envelope>> {
    let mut history = known.candidate.history().iter().rev();
    history.find(|fact| {
        fact.at.application == Some(id) && fact.data.name() == name && !known.candidate.is_retracted(fact.at.event)
    })
}

/// A job that was found. One that was applied for is no opening any more.
pub(super) fn opening(known: &Known, cells: &Cells<'_>) -> Result<Vec<Proposal>, Problem> {
    let job = Job::read(known, cells)?;
    let closes_on = cells.day(Field::ClosesOn, &known.candidate.zone(), "/closes_on")?;
    if let Some(id) = job.application_on_record(known) {
        let fact = known
            .candidate
            .application(id)
            .and_then(|it| known.candidate.fact(it.opened.0));
        return Ok(fact.map(|fact| again(fact)).into_iter().collect());
    }
    if let Some(id) = job.opening_on_record(known) {
        let found = known.facts_about(id.into()).last();
        return Ok(found.map(|fact| again(fact)).into_iter().collect());
    }
    let id = OpeningId::new(known.derived(&["opening", &job.key()[0], &job.key()[1]]));
    Ok(vec![Proposal {
        event: known.event(&["found", &id.to_string()]),
        application: None,
        subject: Some(id.into()),
        occurred_at: job.at(),
        fact: OpeningFound {
            organisation_name: job.organisation,
            position: job.position,
            url: job.url,
            source: job.source,
            closes_on,
        }
        .into(),
    }])
}

/// Something that was done for the search; what is still to be done is none.
pub(super) fn activity(known: &Known, cells: &Cells<'_>) -> Result<Vec<Proposal>, Problem> {
    let undone = |text: &str| matches!(folded(text).as_str(), "" | "0" | "false" | "no" | "n");
    if cells.columns.contains_key(&Field::Done) && cells.text(Field::Done).is_none_or(undone) {
        return Ok(Vec::new());
    }
    let kind = cells.map.kind(cells.text(Field::Kind));
    let remark = cells.remark(&[Field::Remark, Field::Organisation]);
    if remark.is_none() && cells.text(Field::Kind).is_none() {
        return Err(lacks("/remark", "The row does not say what was done."));
    }
    let when = cells.when(Field::Date, &known.candidate.zone(), known.now)?;
    let id = match cells.text(Field::Key) {
        Some(key) => known.derived(&["activity", key]),
        None => {
            let said = remark.as_ref().map_or("", |text| text.as_str());
            let day = when.map_or_else(String::new, |when| when.day.to_string());
            known.derived(&["activity", cells.text(Field::Kind).unwrap_or_default(), said, &day])
        }
    };
    let id = SearchActivityId::new(id);
    if known.candidate.has(id.into()) {
        let logged = known.facts_about(id.into()).next();
        return Ok(logged.map(|fact| again(fact)).into_iter().collect());
    }
    Ok(vec![Proposal {
        event: known.event(&["logged", &id.to_string()]),
        application: None,
        subject: Some(id.into()),
        occurred_at: when.map(|when| when.at),
        fact: SearchActivityLogged { kind, remark }.into(),
    }])
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn a_postings_address_is_the_same_on_every_visit() {
        let one = bare("https://www.linkedin.com/jobs/view/3712345678/?trk=flagship&refId=abc#top");
        assert_eq!(one, "linkedin.com/jobs/view/3712345678");
        assert_eq!(bare("http://linkedin.com/jobs/view/3712345678"), one);
        assert_ne!(
            bare("https://acme.example/jobs?id=1"),
            bare("https://acme.example/jobs?id=2")
        );
    }
}
