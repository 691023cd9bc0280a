//! An acknowledgment proposes the application that it is about, unless that is on record. Pure.

use afterword_domain::{
    applications::{ApplicationOpened, Organisation},
    decide::Proposal,
    ids::ApplicationId,
    values::organisation_key,
};

use super::{
    acknowledgment::{self, About},
    belongs::{Belongs, is_system},
    findings::Finding,
    message::Message,
    proposing::Reading,
    sentences::Sentence,
};
use crate::{
    edge::problem::Problem,
    imports::reading::{Evidence, Known, Row, again, folded, lacks, line},
};

const NAME: &str = "ApplicationOpened";

/// The row of an acknowledgment. What the message says besides belongs to the application that it proposes.
pub(super) fn row(
    reading: &mut Reading<'_>,
    known: &mut Known,
    finding: &Finding<'_>,
    sentences: &[Sentence],
) -> Option<Row> {
    let (about, read_from) = read(reading.message, sentences);
    let mut evidence = vec![Evidence::of(NAME, finding.sentence, Some(finding.words.clone()))];
    evidence.extend(read_from);
    let on_record = on_record(reading, known, &about);
    if on_record.is_some() {
        evidence.extend(reading.place());
    }
    let id = ApplicationId::new(known.derived(&["mail", &reading.message.id, NAME]));
    let mut row = known.row(1, |known| {
        if let Some(fact) = known.recorded(&reading.parts(NAME, None)) {
            return Ok(vec![again(fact)]);
        }
        if let Some(application) = on_record {
            let opened = known
                .candidate
                .application(application)
                .and_then(|it| known.candidate.fact(it.opened.0));
            return Ok(opened.map(|fact| again(fact)).into_iter().collect());
        }
        let fact = opened(reading, known, about)?;
        Ok(vec![Proposal {
            event: known.event(&reading.parts(NAME, None)),
            application: None,
            subject: Some(id.into()),
            occurred_at: reading.at,
            fact: fact.into(),
        }])
    });
    if row.result.is_ok() {
        reading.belongs = Ok(Belongs {
            application: on_record.unwrap_or(id),
            by: None,
        });
    }
    row.evidence = evidence;
    Some(row)
}

fn opened(reading: &Reading<'_>, known: &Known, about: About) -> Result<ApplicationOpened, Problem> {
    let told = "The message acknowledges an application, and does not say";
    let organisation = about.organisation.as_deref().and_then(line);
    let position = about.position.as_deref().and_then(line);
    let zone = known.candidate.zone();
    Ok(ApplicationOpened {
        organisation: Organisation {
            name: organisation.ok_or_else(|| lacks("/organisation/name", format!("{told} at which organisation.")))?,
            address: None,
            website: None,
            industry: None,
            size: None,
        },
        position: position.ok_or_else(|| lacks("/position", format!("{told} for which position.")))?,
        opening: None,
        posting_url: None,
        source: None,
        applied_on: reading.at.map(|at| at.to_zoned(zone.time_zone().clone()).date().into()),
    })
}

/// The application on record that it acknowledges: there, and for the same position where it says which.
fn on_record(reading: &Reading<'_>, known: &Known, about: &About) -> Option<ApplicationId> {
    let same = |application: ApplicationId, sure: bool| {
        let view = known.candidate.application(application)?.view(known.now);
        let (own, said) = (folded(view.position.as_str()), about.position.as_deref().map(folded));
        let position = said.is_none_or(|said| own.contains(&said) || said.contains(&own));
        let there = about.organisation.as_deref().map(organisation_key);
        let organisation = there.is_none_or(|there| there == organisation_key(view.organisation.name.as_str()));
        (position && (sure || organisation)).then_some(application)
    };
    if let Ok(belongs) = &reading.belongs {
        return same(belongs.application, belongs.by.is_none());
    }
    about.organisation.as_ref()?;
    known.candidate.applications.keys().find_map(|id| same(*id, false))
}

/// What it says of organisation and position, and where.
fn read(message: &Message, sentences: &[Sentence]) -> (About, Vec<Evidence>) {
    let mut about = About::default();
    let mut evidence = Vec::new();
    for sentence in sentences {
        let Some(read) = acknowledgment::read(&sentence.text) else {
            continue;
        };
        let more = (about.organisation.is_none() && read.organisation.is_some())
            || (about.position.is_none() && read.position.is_some());
        if more {
            let words = [&read.position, &read.organisation]
                .into_iter()
                .flatten()
                .cloned()
                .collect::<Vec<_>>();
            evidence.push(Evidence::of(
                "organisation and position",
                sentence,
                Some(words.join(", ")),
            ));
            about.organisation = about.organisation.or(read.organisation);
            about.position = about.position.or(read.position);
        }
    }
    if about.organisation.is_none()
        && let Some(name) = sender_of_system(message)
    {
        evidence.push(Evidence {
            about: "organisation and position".into(),
            field: "from",
            quote: message.name.clone(),
            words: Some(name.clone()),
        });
        about.organisation = Some(name);
    }
    (about, evidence)
}

/// The organisation for which an applicant system writes: "Acme Hiring Team", "Dana at Acme".
fn sender_of_system(message: &Message) -> Option<String> {
    const OFFICES: [&str; 14] = [
        "team",
        "hiring",
        "recruiting",
        "recruitment",
        "talent",
        "acquisition",
        "careers",
        "career",
        "hr",
        "jobs",
        "people",
        "no-reply",
        "noreply",
        "notifications",
    ];
    if !message.domain().is_some_and(|domain| is_system(&domain)) {
        return None;
    }
    let name = message.name.split(" via ").next().unwrap_or_default();
    let name = name.split_once(" at ").map_or(name, |(_, organisation)| organisation);
    let words: Vec<&str> = name.split(' ').collect();
    let is_office = |word: &&&str| OFFICES.contains(&word.to_lowercase().trim_matches(|c: char| !c.is_alphanumeric()));
    let office = words.iter().rev().take_while(is_office).count();
    let kept = words[..words.len() - office].join(" ");
    (!kept.trim().is_empty()).then_some(kept)
}
