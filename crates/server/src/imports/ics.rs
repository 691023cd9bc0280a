//! Invitations (iCalendar, RFC 5545 and 5546). An event is an interview: a new UID schedules it, later
//! messages of the same UID move or cancel it, and what is older than what is on record changes nothing.

use std::sync::Arc;

use afterword_domain::{
    catalogue::AnyFact,
    decide::Proposal,
    fact::Envelope,
    ids::{ApplicationId, InterviewId},
    interviews::{
        InterviewCancelled, InterviewRescheduled, InterviewScheduled, InterviewStatus, InterviewView,
        InterviewersNamed, Side,
    },
};

use super::{
    attendees,
    calendar::{Arranged, Calendar, Message, parse},
    reading::{Component, Known, Row, again, components, cut, lacks},
};
use crate::edge::problem::{Code, Problem};

/// Every event of the file.
pub(super) fn rows(text: &str, known: &mut Known) -> Vec<Row> {
    let mut calendars = components(text, 1, "VCALENDAR");
    if calendars.is_empty() {
        calendars.push(Component {
            line: 1,
            start: 0,
            text,
            whole: true,
        });
    }
    let mut rows = Vec::new();
    for calendar in calendars {
        let events = components(calendar.text, calendar.line, "VEVENT");
        let calendar = Calendar::read(calendar.text, &events, &known.candidate.zone());
        for event in &events {
            rows.push(known.row(event.line, |known| facts(known, &calendar, event)));
        }
    }
    rows
}

impl Message {
    /// The interview's id. One that is arranged anew after it was cancelled is another: the nth.
    fn interview(&self, known: &Known, nth: u32) -> InterviewId {
        InterviewId::new(known.derived(&["interview", &self.uid, &self.recurrence, &nth.to_string()]))
    }

    /// Everything that the message says, for telling whether it was here before.
    fn said(&self, arranged: &Arranged) -> String {
        let Arranged {
            starts_at,
            ends_at,
            time_zone,
            format,
            location,
            attendees,
        } = arranged;
        let attendees = attendees::said(attendees);
        let said = (
            &self.uid,
            &self.recurrence,
            &self.sequence,
            starts_at,
            ends_at,
            time_zone,
            format,
            location,
            attendees,
        );
        serde_json::to_string(&said).unwrap_or_default()
    }

    fn propose(&self, known: &Known, about: InterviewId, parts: &[&str], fact: impl Into<AnyFact>) -> Proposal {
        Proposal {
            event: known.event(parts),
            application: None,
            subject: Some(about.into()),
            occurred_at: self.written_at,
            fact: fact.into(),
        }
    }
}

/// The facts that an event amounts to.
fn facts(known: &Known, calendar: &Calendar, component: &Component<'_>) -> Result<Vec<Proposal>, Problem> {
    if !component.whole {
        return Err(cut("VEVENT"));
    }
    let parsed = parse(component.text).ok_or_else(|| cut("VEVENT"))?;
    let event = parsed.components.first().ok_or_else(|| cut("VEVENT"))?;
    let message = Message::read(event, calendar, known.now)?;
    let nth = (0..)
        .take_while(|nth| known.candidate.interview(message.interview(known, *nth)).is_some())
        .last();
    let on_record = nth
        .and_then(|nth| known.candidate.interview(message.interview(known, nth)))
        .map(|it| it.view());
    if message.cancels {
        return cancelled(known, &message, on_record);
    }
    let arranged = Arranged::read(event, calendar, known)?;
    // The same message is the same facts.
    let said = known.derived(&[&message.said(&arranged)]).to_string();
    let parts = [["arranged", said.as_str()], ["interviewers", said.as_str()]];
    if let Some(fact) = parts.iter().find_map(|parts| known.recorded(parts)) {
        return Ok(vec![again(fact)]);
    }
    if let Some(newest) = on_record.as_ref().and_then(|it| outdated(known, &message, it.id)) {
        return Ok(vec![again(newest)]);
    }
    match on_record {
        Some(interview) if interview.status != InterviewStatus::Cancelled => {
            moved(known, &message, &arranged, &interview, &parts)
        }
        cancelled => {
            let application = known.application.or(cancelled.map(|it| it.application));
            let about = message.interview(known, nth.map_or(0, |nth| nth + 1));
            scheduled(known, &message, arranged, about, application, &parts[0])
        }
    }
}

fn scheduled(
    known: &Known,
    message: &Message,
    arranged: Arranged,
    about: InterviewId,
    application: Option<ApplicationId>,
    parts: &[&str],
) -> Result<Vec<Proposal>, Problem> {
    let Some(application) = application else {
        let told = "This invitation is new: say with `application=` which application it belongs to.";
        return Err(lacks("?application", told));
    };
    let (interviewers, mut proposals) = attendees::collected(known, &arranged.attendees, message.written_at);
    let Arranged {
        starts_at,
        ends_at,
        time_zone,
        format,
        location,
        ..
    } = arranged;
    let fact = InterviewScheduled {
        starts_at,
        ends_at,
        time_zone,
        format,
        round: None,
        location,
        interviewers,
    };
    let proposal = message.propose(known, about, parts, fact);
    proposals.push(Proposal {
        application: Some(application),
        ..proposal
    });
    Ok(proposals)
}

/// A newer message about an interview that is on record.
fn moved(
    known: &Known,
    message: &Message,
    arranged: &Arranged,
    interview: &InterviewView,
    [times, panel]: &[[&str; 2]; 2],
) -> Result<Vec<Proposal>, Problem> {
    let Arranged {
        starts_at,
        ends_at,
        time_zone,
        format,
        location,
        attendees,
    } = arranged;
    let (interviewers, mut proposals) = attendees::collected(known, attendees, message.written_at);
    let same_times = (interview.starts_at.timestamp(), interview.ends_at.timestamp())
        == (starts_at.timestamp(), ends_at.timestamp());
    let same_place = interview.format == *format
        && location
            .as_ref()
            .is_none_or(|location| interview.location.as_ref() == Some(location));
    if !same_times || !same_place || interview.time_zone != *time_zone {
        let fact = InterviewRescheduled {
            starts_at: *starts_at,
            ends_at: *ends_at,
            time_zone: time_zone.clone(),
            location: location.clone(),
            format: Some(*format),
        };
        proposals.push(message.propose(known, interview.id, times, fact));
    }
    // Who was there is the candidate's to say once it was held.
    let same_panel = interviewers.len() == interview.interviewers.len()
        && interviewers.iter().all(|it| interview.interviewers.contains(it));
    if interview.status == InterviewStatus::Scheduled && !interviewers.is_empty() && !same_panel {
        proposals.push(message.propose(known, interview.id, panel, InterviewersNamed { interviewers }));
    } else {
        proposals.retain(|it| !matches!(it.fact, AnyFact::ContactCollected(_)));
    }
    if proposals.is_empty() {
        proposals.extend(newest(known, interview.id).map(|fact| again(fact)));
    }
    Ok(proposals)
}

fn cancelled(known: &Known, message: &Message, on_record: Option<InterviewView>) -> Result<Vec<Proposal>, Problem> {
    let Some(interview) = on_record else {
        let told =
            "This cancels an invitation that is not on record; import the invitation first, or record it by hand.";
        return Err(Problem::new(Code::UnknownReference, told));
    };
    let [sequence, written] = &message.sequence;
    let parts = ["cancelled", &message.uid, &message.recurrence, sequence, written];
    let before = known
        .facts_about(interview.id.into())
        .find(|fact| matches!(fact.data, AnyFact::InterviewCancelled(_)));
    if let Some(fact) = known
        .recorded(&parts)
        .or(before)
        .or_else(|| outdated(known, message, interview.id))
    {
        return Ok(vec![again(fact)]);
    }
    let fact = InterviewCancelled {
        by: Side::Organisation,
        reason: None,
    };
    Ok(vec![message.propose(known, interview.id, &parts, fact)])
}

/// The newest fact by which the interview was arranged or cancelled.
fn newest(known: &Known, interview: InterviewId) -> Option<&Arc<Envelope>> {
    let arranges = |fact: &&Arc<Envelope>| {
        matches!(
            fact.data,
            AnyFact::InterviewScheduled(_) | AnyFact::InterviewRescheduled(_) | AnyFact::InterviewCancelled(_)
        )
    };
    known
        .facts_about(interview.into())
        .filter(arranges)
        .max_by_key(|fact| fact.at.stamp())
}

/// What is on record, where the message is older than that.
fn outdated<'a>(known: &'a Known, message: &Message, interview: InterviewId) -> Option<&'a Arc<Envelope>> {
    newest(known, interview).filter(|newest| message.written_at.is_some_and(|at| at < newest.at.occurred_at))
}
