//! What a note of the kind `other` is for, by what it is about; and what a connection was asked for.

use std::collections::BTreeSet;

use afterword_domain::{
    applications::{Application, Status},
    candidate::Candidate,
    catalogue::AnyFact,
    connections::Ask,
    ids::{ConnectionId, Subject},
    outcome::OfferStatus,
};

use super::{
    pool::{plain, quoted},
    record::{Record, Values},
};
use crate::templates::tidy_line;

impl Record<'_> {
    /// What a note of no other kind is for.
    pub(super) fn occasion(&self, values: &mut Values, about: Option<Subject>, left_out: &BTreeSet<&str>) {
        let outcome = self.application.and_then(Application::outcome).map(|it| it.status);
        let occasion = match about {
            Some(Subject::Repair(id)) => {
                let repair = self.candidate.repair(id).filter(|_| self.debriefs);
                let question = repair.as_ref().and_then(|it| self.candidate.question(it.question));
                let (Some(repair), Some(question)) = (repair, question) else {
                    return;
                };
                values.piece("repair", Some(plain(repair.text.as_str())), left_out);
                values.piece("repair_question", Some(quoted(question.question.as_str())), left_out);
                let whole = values.tell("repair") && values.tell("repair_question") && values.tell("interview_on");
                whole.then_some("repair")
            }
            Some(Subject::Introduction(id)) => {
                let introduction = self.candidate.introduction(id);
                let to = introduction.map(|it| tidy_line(it.organisation_name.as_str()));
                values.piece("introduced_to", to, left_out);
                values.tell("introduced_to").then_some("introduction")
            }
            Some(Subject::Reference(_) | Subject::Connection(_)) => outcome.map(|outcome| {
                values.put("outcome", outcome.name().to_owned());
                "help"
            }),
            about => self
                .offer(values, about, left_out)
                .or_else(|| (outcome == Some(Status::Withdrawn)).then_some("withdrawn")),
        };
        values.put("occasion", occasion.unwrap_or_default().to_owned());
    }

    fn offer(&self, values: &mut Values, about: Option<Subject>, left_out: &BTreeSet<&str>) -> Option<&'static str> {
        let named = about.and_then(|about| self.candidate.offer(about.try_into().ok()?));
        let newest = || {
            self.application?
                .offers
                .values()
                .max_by_key(|it| it.version)
                .map(AsRef::as_ref)
        };
        // An application that ended otherwise has no offer to speak of.
        let ended = self.application.and_then(Application::outcome).map(|it| it.status);
        let stands = matches!(ended, None | Some(Status::Accepted | Status::Declined));
        let offer = named.or_else(|| newest().filter(|_| stands))?;
        let by = offer.respond_by.map(|date| self.in_words(date.civil()));
        values.piece("respond_by", by, left_out);
        Some(match offer.status {
            OfferStatus::Open => "offer_open",
            OfferStatus::Accepted => "offer_accepted",
            OfferStatus::Declined => "offer_declined",
        })
    }
}

/// What a connection was asked for with an application, as last recorded.
pub(super) fn asked(candidate: &Candidate, connection: ConnectionId, application: Option<&Application>) -> Option<Ask> {
    let history = candidate.history().iter().rev();
    let stands = history.filter(|fact| !candidate.is_retracted(fact.at.event) && fact.at.subject == connection.into());
    stands
        .filter_map(|fact| match &fact.data {
            AnyFact::ConnectionNotified(told) if Some(told.application) == application.map(|it| it.id) => told.ask,
            _ => None,
        })
        .next()
}
