//! Connections. The rule: tell those who know the organisation within two days of an interview, follow an introduction
//! up within three, and do not let a connection go cold: a word every sixty days, and never a second favour within
//! fourteen. When it is decided, everybody who helped hears of it and is thanked.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    applications::Application,
    candidate::Candidate,
    contacts::{Contact, ContactStatus, name_of},
    fact::{At, Departure},
    ids::{ApplicationId, ConnectionId, ContactId, EventId, IntroductionId, ReferenceId},
    notes::{NoteKind, suggest},
    play::{Action, Owed, Owing, Play},
    playbook::Numbered,
    references::{Heard, Helper},
    time::{Instant, Period, Stamp, in_words},
    values::{Days, Line, Text, organisation_key},
};

mod facts;
pub use facts::{Ask, ConnectionNamed, ConnectionNotified, ConnectionTouched, IntroductionOffered};

/// Tell those who know the organisation.
pub const NOTIFY_CONNECTION: Play = Play {
    name: "notify_connection",
    title: "Tell {contact}, who knows {organisation}, about the interview",
    why: "A word from inside carries further than any letter, and it can only be put in by somebody who knows.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Days(2),
    numbers: &[],
    closed_by: &["ConnectionNotified", "NoteSent"],
    by_hand: false,
    outlives_outcome: false,
    action: |candidate, owed| suggest(candidate, owed, NoteKind::ConnectionNotice),
};

/// Follow an introduction up.
pub const FOLLOW_INTRODUCTION: Play = Play {
    name: "follow_introduction",
    title: "Follow up on {contact}'s introduction to {about}",
    why: "Whoever opened a door is watching whether you go through it.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Days(3),
    numbers: &[],
    closed_by: &["ConnectionTouched", "NoteSent", "ApplicationOpened"],
    by_hand: false,
    outlives_outcome: true,
    action: |candidate, owed| suggest(candidate, owed, NoteKind::Other),
};

/// Keep a connection warm.
pub const KEEP_IN_TOUCH: Play = Play {
    name: "keep_in_touch",
    title: "Stay in touch with {contact}",
    why: "A connection that hears from you only when you need something does not last.",
    source: None,
    opens: Period::Days(60),
    due: Period::Days(7),
    numbers: &[REST],
    closed_by: &["ConnectionTouched", "ConnectionNotified", "NoteSent"],
    by_hand: false,
    outlives_outcome: true,
    action: touch,
};

/// Thank everybody who helped.
pub const THANK_HELPERS: Play = Play {
    name: "thank_helpers",
    title: "Tell {contact} how it ended at {organisation}, and thank them",
    why: "Whoever helped wants to know how it ended, and is glad to help again when told.",
    source: None,
    opens: Period::AtOnce,
    due: Period::Days(7),
    numbers: &[],
    closed_by: &["ReferenceThanked", "ConnectionTouched", "NoteSent"],
    by_hand: false,
    outlives_outcome: true,
    action: |candidate, owed| match owed.about.map(ReferenceId::try_from) {
        Some(Ok(reference)) => Action::post(
            candidate,
            "record_reference_thanked",
            format!("references/{reference}/thanked"),
            json!({"application": owed.application, "channel": "email"}),
        ),
        Some(Err(_)) | None => suggest(candidate, owed, NoteKind::Other),
    },
};

/// How long a connection rests before it is asked for something again.
const REST: Numbered = Numbered::period(
    "rest",
    Period::Days(14),
    "how long a connection rests before it is asked for something again",
);

fn touch(candidate: &Candidate, owed: &Owed) -> Action {
    let connection = owed.about.map(|about| about.to_string());
    Action::post(
        candidate,
        "record_connection_touched",
        format!("connections/{}/touches", connection.unwrap_or_default()),
        json!({"channel": "email"}),
    )
}

/// One task per application and connection who knows the organisation and was not in the room, from the first interview
/// after they were named; whoever is named afterwards hears of the latest one.
pub(crate) fn notify_connection(application: &Application, owing: &mut Owing<'_>) {
    let candidate = owing.candidate;
    let there = organisation_key(application.organisation.name.as_str());
    let mut held: Vec<_> = application
        .interviews
        .values()
        .filter_map(|it| it.held.as_ref().map(|held| (held, it)))
        .collect();
    held.sort_by_key(|(held, _)| held.stamp);
    for id in candidate.ties.connections_at(application.organisation.name.as_str()) {
        let Some((connection, card)) = candidate.connection_of(id) else {
            continue;
        };
        let (named_by, named) = connection.named;
        let mut without_them = held
            .iter()
            .filter(|(_, interview)| !interview.interviewers().contains(&connection.contact));
        let first = without_them.clone().find(|(held, _)| named.at <= held.stamp.at);
        let (Some((held, interview)), true) = (first.or(without_them.next_back()), connection.knows(card, &there))
        else {
            continue;
        };
        let key = format_args!("{}|{id}", application.id);
        let mut owed = owing.raise(&NOTIFY_CONNECTION, key, held.event, held.stamp.at.max(named.at));
        owed.raised_by.extend((named.at > held.stamp.at).then_some(named_by));
        owed.interview = Some(interview.id);
        owed.contact = Some(connection.contact);
        owed.about = Some(id.into());
        owed.zone = interview.time_zone.get().clone();
        let heard = application.helped.iter().find(|it| it.helper == Helper::Connection(id));
        let erased = card.status == ContactStatus::Erased;
        owing.owe(owed.done(heard.map(|it| (it.event, it.stamp))).void_if(erased, None));
    }
}

/// One task per introduction: followed up by a word to the connection, or an application there.
pub(crate) fn follow_introduction(connection: &Connection, owing: &mut Owing<'_>) {
    let candidate = owing.candidate;
    for id in &connection.introductions {
        let Some(introduction) = candidate.introductions.get(id) else {
            continue;
        };
        let (event, offered) = introduction.offered;
        let mut owed = owing.raise(&FOLLOW_INTRODUCTION, id, event, offered.at);
        owed.about = Some((*id).into());
        owed.contact = Some(connection.contact);
        owed.words = introduction.organisation_name.as_str().into();
        owing.owe(owed.done(introduction.followed(candidate, connection)));
    }
}

/// A standing play: one task, dated from the last word between the two.
pub(crate) fn keep_in_touch(connection: &Connection, owing: &mut Owing<'_>) {
    let card = owing.candidate.contacts.get(&connection.contact);
    let touched = card
        .and_then(|card| card.touches.last())
        .map(|(stamp, event)| (*event, *stamp));
    let last = touched
        .into_iter()
        .chain([connection.named])
        .max_by_key(|(_, stamp)| *stamp);
    let Some((event, stamp)) = last else { return };
    let mut owed = owing.raise(&KEEP_IN_TOUCH, connection.id, event, stamp.at);
    owed.about = Some(connection.id.into());
    owed.contact = Some(connection.contact);
    owed.since = Some(stamp.at);
    let cadence = connection.cadence.map(|days| Period::Days(days.count()));
    let cadence = cadence.unwrap_or_else(|| owing.opens(&KEEP_IN_TOUCH));
    owed.opens_at = owing.opens_after(cadence, stamp.at, &owed.zone);
    owed.due_at = Some(owing.due_after(owing.due(&KEEP_IN_TOUCH), owed.opens_at, &owed.zone));
    let erased = card.is_none_or(|card| card.status == ContactStatus::Erased);
    owing.owe(owed.void_if(erased, None));
}

/// One task per reference or connection who heard of an application that has ended.
pub(crate) fn thank_helpers(application: &Application, owing: &mut Owing<'_>) {
    let candidate = owing.candidate;
    let Some(outcome) = application.outcome() else { return };
    let mut helpers: Vec<Helper> = application
        .helped
        .iter()
        .filter(|it| it.stamp < outcome.stamp && it.heard != Heard::Thanks)
        .map(|it| it.helper)
        .collect();
    helpers.sort_unstable();
    helpers.dedup();
    for helper in helpers {
        let (contact, about, thanked) = match helper {
            Helper::Reference(id) => {
                let thanks = application
                    .helped
                    .iter()
                    .find(|it| it.helper == helper && it.heard == Heard::Thanks);
                let contact = candidate.references.get(&id).map(|it| it.contact);
                (contact, id.into(), thanks.map(|it| (it.event, it.stamp)))
            }
            Helper::Connection(id) => {
                let contact = candidate.connections.get(&id).map(|it| it.contact);
                let card = contact.and_then(|contact| candidate.contacts.get(&contact));
                let after = card.and_then(|card| card.touched_after(outcome.stamp));
                (contact, id.into(), after)
            }
        };
        let Some(contact) = contact else { continue };
        let key = format_args!("{}|{about}", application.id);
        let mut owed = owing.raise(&THANK_HELPERS, key, outcome.event, outcome.stamp.at);
        owed.contact = Some(contact);
        owed.about = Some(about);
        let known = candidate.contacts.get(&contact);
        let erased = known.is_none_or(|card| card.status == ContactStatus::Erased);
        owing.owe(owed.done(thanked).void_if(erased, None));
    }
}

/// A contact who knows people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Who it is.
    pub contact: ContactId,
    /// The organisations where they know somebody, beside their own.
    pub organisation_names: Vec<Line>,
    cadence: Option<Days>,
    origin: Option<Text>,
    named: (EventId, Stamp),
    /// Favours that were asked.
    asks: Vec<Stamp>,
    introductions: Vec<IntroductionId>,
}

/// A connection as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Connection)]
pub struct ConnectionView {
    /// Its id.
    pub id: ConnectionId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Whether the person is known or was erased.
    pub status: ContactStatus,
    /// Who it is.
    pub contact: ContactId,
    /// The organisations where they know somebody, beside their own.
    pub organisation_names: Vec<Line>,
    /// How often a word is due.
    pub cadence: Days,
    /// Where the two know each other from.
    pub origin: Option<Text>,
    /// When something last reached them.
    pub last_touched_at: Option<Instant>,
    /// The introductions they offered.
    pub introductions: Vec<IntroductionId>,
}

/// An introduction that a connection offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// Its id.
    pub id: IntroductionId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// The connection.
    pub connection: ConnectionId,
    /// Where it leads.
    pub organisation_name: Line,
    application: Option<ApplicationId>,
    to_contact: Option<ContactId>,
    offered: (EventId, Stamp),
}

/// An introduction as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Introduction)]
pub struct IntroductionView {
    /// Its id.
    pub id: IntroductionId,
    /// The version of the newest fact about it.
    pub version: u64,
    /// Whether it was followed up.
    pub status: IntroductionStatus,
    /// The connection.
    pub connection: ConnectionId,
    /// Where it leads.
    pub organisation_name: Line,
    /// The application that it is for.
    pub application: Option<ApplicationId>,
    /// To whom.
    pub to_contact: Option<ContactId>,
}

/// Whether an introduction was followed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntroductionStatus {
    /// It waits.
    Offered,
    /// It was.
    Followed,
}

impl Connection {
    /// Whether they know the organisation of this key.
    fn knows(&self, card: &Contact, there: &str) -> bool {
        let mut names = self.organisation_names.iter();
        card.works_at(there) || names.any(|name| organisation_key(name.as_str()) == there)
    }
}

impl Introduction {
    /// The first word to the connection after it was offered, or application there.
    fn followed(&self, candidate: &Candidate, connection: &Connection) -> Option<(EventId, Stamp)> {
        let there = organisation_key(self.organisation_name.as_str());
        let applications = candidate
            .ties
            .applications_at(self.organisation_name.as_str())
            .filter_map(|id| candidate.application(id))
            .filter(|it| organisation_key(it.organisation.name.as_str()) == there)
            .map(|it| it.opened);
        let card = candidate.contacts.get(&connection.contact);
        applications
            .filter(|(_, stamp)| *stamp > self.offered.1)
            .chain(card.and_then(|card| card.touched_after(self.offered.1)))
            .min_by_key(|(_, stamp)| *stamp)
    }
}

impl Candidate {
    fn connection_of(&self, id: ConnectionId) -> Option<(&Connection, &Contact)> {
        let connection = self.connections.get(&id)?;
        Some((connection, self.contacts.get(&connection.contact)?))
    }

    /// A connection as clients see it.
    pub fn connection(&self, id: ConnectionId) -> Option<ConnectionView> {
        let (connection, card) = self.connection_of(id)?;
        let zone = self.zone();
        Some(ConnectionView {
            id,
            version: connection.version,
            status: card.status,
            contact: connection.contact,
            organisation_names: connection.organisation_names.clone(),
            cadence: connection
                .cadence
                .unwrap_or(Days::of(self.playbook.opens(&KEEP_IN_TOUCH))),
            origin: connection.origin.clone(),
            last_touched_at: card.touches.last().map(|(stamp, _)| Instant::in_zone(stamp.at, &zone)),
            introductions: connection.introductions.clone(),
        })
    }

    /// An introduction as clients see it.
    pub fn introduction(&self, id: IntroductionId) -> Option<IntroductionView> {
        let it = self.introductions.get(&id)?;
        let followed = it.followed(self, self.connections.get(&it.connection)?);
        Some(IntroductionView {
            id,
            version: it.version,
            status: if followed.is_some() {
                IntroductionStatus::Followed
            } else {
                IntroductionStatus::Offered
            },
            connection: it.connection,
            organisation_name: it.organisation_name.clone(),
            application: it.application,
            to_contact: it.to_contact,
        })
    }

    /// Changes a connection.
    fn change_connection(&mut self, at: &At, id: ConnectionId, change: impl FnOnce(&mut Connection)) {
        let Some(connection) = self.connections.get_mut(&id).map(Arc::make_mut) else {
            return;
        };
        connection.version = at.version;
        change(connection);
    }
}

/// A second favour within the rest departs from the playbook.
fn asked_again(candidate: &Candidate, at: &At) -> Option<Departure> {
    let id = ConnectionId::try_from(at.subject).ok()?;
    let connection = candidate.connections.get(&id)?;
    let before = connection.asks.iter().rev().find(|stamp| **stamp < at.stamp())?;
    let zone = candidate.zone();
    let rest = candidate.playbook.period(&KEEP_IN_TOUCH, &REST);
    let rested = rest.opens_after(before.at, &zone, &candidate.playbook.holidays);
    (at.occurred_at < rested).then(|| Departure {
        play: KEEP_IN_TOUCH.name.into(),
        reason: format!(
            "{} was asked for something on {}: the playbook lets them rest until {}.",
            name_of(candidate, connection.contact),
            in_words(before.at, &zone),
            in_words(rested, &zone)
        ),
        opens_at: Some(Instant::in_zone(rested, &zone)),
        due_at: None,
    })
}

#[cfg(test)]
mod tests;
