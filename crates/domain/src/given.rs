//! Stories for tests: facts as clients send them, each recorded at a given moment through the aggregate.
//!
//! A fact is a sentence: `DocumentSent of doc_cv`, `InterviewScheduled int_one in app_acme`, `TaskDismissed
//! of write_thank_you`, `OfferReceived off_one in app_acme as evt_offer`. Names such as `app_acme` stand for
//! ids, in the data too, and a play's name for its one task. A moment without an offset is Berlin's.

use std::sync::Arc;

use afterword_domain::{
    aggregate::Record,
    applications::Status,
    candidate::Candidate,
    catalogue::{AnyFact, Reader},
    decide::Proposal,
    fact::{Departure, Envelope, Fact},
    ids::{ApplicationId, CandidateId, EventId, Kind, Subject},
    play::{State, Task},
    playbook::{PlaybookRules, adopt},
    refusal::Refusal,
    rejection::Stage,
};
use cqrs_es::test::TestFramework;
use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::{Value, json};
use uuid::Uuid;

/// The id that a name stands for.
pub(crate) fn id(name: &str) -> Subject {
    named(name).expect("a name begins with the prefix of its kind")
}

fn named(name: &str) -> Option<Subject> {
    let (prefix, _) = name.split_once('_')?;
    let kind = Kind::ALL.iter().find(|kind| kind.prefix() == prefix)?;
    let uuid = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes());
    Some(name.parse().unwrap_or(kind.with(uuid)))
}

pub(crate) fn application(name: &str) -> ApplicationId {
    id(name).try_into().expect("an application")
}

/// The moment that a text means.
pub(crate) fn moment(text: &str) -> Timestamp {
    if let Ok(moment) = text.parse() {
        return moment;
    }
    let local: civil::DateTime = text.parse().expect("a moment");
    let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
    berlin
        .to_ambiguous_zoned(local)
        .compatible()
        .expect("a time in Berlin")
        .timestamp()
}

struct Plainly;

impl Reader for Plainly {
    type Error = serde_json::Error;
    fn read<F: Fact>(&mut self, data: Value) -> Result<F, Self::Error> {
        serde_json::from_value(data)
    }
}

/// Reads a sentence and its data as a proposal; the event is called `evt_` and its number unless named.
pub(crate) fn proposal(sentence: &str, number: usize, data: &Value) -> Proposal {
    let mut words = sentence.split_whitespace();
    let name = words.next().expect("a fact");
    let mut proposal = Proposal {
        event: event(&format!("evt_{number}")),
        application: None,
        subject: None,
        occurred_at: None,
        fact: read(name, data.clone()).expect("data of the fact"),
    };
    while let Some(word) = words.next() {
        match word {
            "of" => {}
            "in" => proposal.application = words.next().map(application),
            "as" => proposal.event = words.next().map(event).expect("a name for the event"),
            "on" => proposal.occurred_at = words.next().map(moment),
            thing => proposal.subject = Some(id(thing)),
        }
    }
    proposal
}

fn event(name: &str) -> EventId {
    id(name).try_into().expect("an event")
}

fn read(name: &str, mut data: Value) -> serde_json::Result<AnyFact> {
    give_ids(&mut data);
    AnyFact::parse(name, data, &mut Plainly).expect("a fact of the catalogue")
}

fn give_ids(data: &mut Value) {
    match data {
        Value::String(text) => {
            if let Some(id) = named(text) {
                *text = id.to_string();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(give_ids),
        Value::Object(fields) => fields.values_mut().for_each(give_ids),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A candidate's story so far.
#[derive(Clone)]
pub(crate) struct Story {
    events: Vec<Envelope>,
    now: Timestamp,
}

impl Story {
    /// Nothing has happened.
    pub(crate) fn untold() -> Self {
        Self {
            events: Vec::new(),
            now: moment("2026-03-01 08:00"),
        }
    }

    /// Ada, who lives in Lisbon, has registered.
    pub(crate) fn begun() -> Self {
        let ada = json!({"name": "Ada Lovelace", "time_zone": "Europe/Lisbon"});
        Self::untold().records("CandidateRegistered", ada)
    }

    /// Ada has applied to Acme.
    pub(crate) fn applied() -> Self {
        Self::begun().applies("app_acme", "Acme")
    }

    /// Acme invited Ada for Monday, 2 March 2026, two to three in Berlin, with Anna, whose card is complete.
    pub(crate) fn invited() -> Self {
        let anna = json!({"name": "Anna Berg", "email": "anna@acme.example", "preferred_channel": "phone",
            "organisation_name": "Acme GmbH"});
        Self::applied().records("ContactCollected con_anna", anna).schedules(
            "int_one in app_acme",
            "2026-03-02T14:00:00+01:00",
            "2026-03-02T15:00:00+01:00",
        )
    }

    /// The interview with Anna was held.
    pub(crate) fn interviewed() -> Self {
        Self::invited().at("2026-03-02 15:10").records(
            "InterviewHeld of int_one",
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
    }

    /// Acme chose somebody else, on Wednesday, 4 March 2026, at ten.
    pub(crate) fn rejected() -> Self {
        Self::interviewed().at("2026-03-04 10:00").gets_rejected()
    }

    pub(crate) fn applies(self, application: &str, organisation: &str) -> Self {
        let data = json!({"organisation": {"name": organisation}, "position": "Engineer"});
        self.records(&format!("ApplicationOpened {application}"), data)
    }

    pub(crate) fn schedules(self, interview: &str, starts_at: &str, ends_at: &str) -> Self {
        let data = json!({"starts_at": starts_at, "ends_at": ends_at, "time_zone": "Europe/Berlin",
            "format": "onsite", "interviewers": ["con_anna"]});
        self.records(&format!("InterviewScheduled {interview}"), data)
    }

    pub(crate) fn gets_rejected(self) -> Self {
        self.records("RejectionReceived rej_one in app_acme", json!({"channel": "email"}))
    }

    /// A note of a kind to Anna for Acme is written and goes out.
    pub(crate) fn writes(self, note: &str, kind: &str) -> Self {
        let data = json!({"kind": kind, "recipients": ["con_anna"], "channel": "email", "application": "app_acme"});
        self.records(&format!("NoteDrafted {note}"), data)
            .records(&format!("NoteSent of {note}"), json!({}))
    }

    /// What follows happens at this moment.
    pub(crate) fn at(mut self, text: &str) -> Self {
        self.now = moment(text);
        self
    }

    fn decides(&self, sentence: &str, data: &Value) -> Result<Vec<Envelope>, Refusal> {
        let sentence = self.with_tasks(sentence);
        self.commands(Some(proposal(&sentence, self.events.len() + 1, data)))
    }

    fn commands(&self, proposal: Option<Proposal>) -> Result<Vec<Envelope>, Refusal> {
        let command = Record {
            candidate: CandidateId::new(Uuid::from_u128(1)),
            proposal,
            now: self.now,
            by: Arc::from("key"),
        };
        TestFramework::<Candidate>::with(())
            .given(self.events.clone())
            .when(command)
            .inspect_result()
    }

    fn with_tasks(&self, sentence: &str) -> String {
        let task = |word: &str| {
            let tasks = self.tasks(word);
            let live = tasks.iter().find(|task| task.state.is_live()).or(tasks.last());
            live.map_or(word.to_owned(), |task| task.id.to_string())
        };
        sentence.split(' ').map(task).collect::<Vec<_>>().join(" ")
    }

    /// The fact is recorded.
    pub(crate) fn records(mut self, sentence: &str, data: Value) -> Self {
        let recorded = self.decides(sentence, &data);
        assert!(recorded.is_ok(), "{sentence} was refused: {recorded:?}");
        self.events.extend(recorded.into_iter().flatten());
        self
    }

    /// Time passes until this moment, and what comes due is announced.
    pub(crate) fn passes(self, text: &str) -> Self {
        let mut story = self.at(text);
        let announced = story.commands(None);
        story.events.extend(announced.into_iter().flatten());
        story
    }

    /// The next version of the playbook is adopted, with these rules.
    pub(crate) fn adopts(mut self, rules: Value) -> Self {
        let mut candidate = self.candidate();
        let rules: PlaybookRules = serde_json::from_value(rules).expect("rules");
        let version = candidate.playbook.version + 1;
        let playbook = rules.read(version, "a hash").expect("a playbook");
        let adopted = adopt(&mut candidate, &Arc::new(playbook), self.now).expect("a newer playbook");
        self.events.push((*adopted).clone());
        self
    }

    /// The fact is refused, with this code.
    #[track_caller]
    pub(crate) fn refuses(&self, sentence: &str, data: Value, code: &str) -> Refusal {
        let refusal = self.decides(sentence, &data).expect_err("should be refused");
        assert_eq!(refusal.code, code, "{refusal:?}");
        refusal
    }

    pub(crate) fn events(&self) -> &[Envelope] {
        &self.events
    }

    pub(crate) fn candidate(&self) -> Candidate {
        let candidate = Candidate::unknown(CandidateId::new(Uuid::from_u128(1)));
        candidate.fold(self.events.iter().cloned().map(Arc::new))
    }

    /// The newest fact in the log.
    pub(crate) fn newest(&self) -> &Envelope {
        self.events.last().expect("a fact")
    }

    /// What the newest fact departed from.
    pub(crate) fn departures(&self) -> Vec<Departure> {
        self.newest().departures.clone()
    }

    /// The plays that the newest fact departed from.
    pub(crate) fn departed(&self) -> Vec<String> {
        self.departures().into_iter().map(|departure| departure.play).collect()
    }

    /// The tasks of a play, soonest first.
    pub(crate) fn tasks(&self, play: &str) -> Vec<Task> {
        let candidate = self.candidate();
        let mut tasks: Vec<_> = candidate.tasks.values().filter(|task| task.play.name == play).collect();
        tasks.sort_by_key(|task| (task.opens_at, task.id));
        tasks.into_iter().map(|task| candidate.task(task, self.now)).collect()
    }

    /// The one task of a play that is not void, else the last.
    #[track_caller]
    pub(crate) fn task(&self, play: &str) -> Task {
        let tasks = self.tasks(play);
        let alive = tasks.iter().rfind(|task| task.state != State::Void);
        alive.or(tasks.last()).expect("a task").clone()
    }

    #[track_caller]
    pub(crate) fn state(&self, play: &str) -> State {
        self.task(play).state
    }

    /// When the play's task opens and is due.
    #[track_caller]
    pub(crate) fn dates(&self, play: &str) -> (String, String) {
        let task = self.task(play);
        (task.opens_at.to_string(), task.due_at.expect("due").to_string())
    }

    /// The plays that still ask for something.
    pub(crate) fn asks(&self) -> Vec<&'static str> {
        let candidate = self.candidate();
        let live = candidate
            .tasks
            .values()
            .filter(|task| candidate.state_of(task, self.now).is_live());
        let mut plays: Vec<_> = live.map(|task| task.play.name).collect();
        plays.sort_unstable();
        plays
    }

    pub(crate) fn status(&self, name: &str) -> Status {
        let candidate = self.candidate();
        candidate
            .application(application(name))
            .expect("an application")
            .status(self.now)
    }

    pub(crate) fn stage(&self) -> Stage {
        let candidate = self.candidate();
        let application = candidate.application(application("app_acme")).expect("an application");
        application.newest_rejection().expect("a rejection").stage(application)
    }

    pub(crate) fn timeline(&self) -> String {
        let candidate = self.candidate();
        let entries = afterword_domain::timeline::timeline(&candidate, None, false, self.now);
        let line = |entry: afterword_domain::timeline::TimelineEntry| {
            let mark = if entry.ahead { "  … " } else { "" };
            let departed: String = entry
                .departures
                .iter()
                .map(|it| format!(" [{}: {}]", it.play, it.reason))
                .collect();
            format!("{}  {mark}{}{departed}\n", entry.at, entry.text)
        };
        entries.map(line).collect()
    }

    /// The tasks as a list: state, play, dates, title.
    pub(crate) fn queue(&self) -> String {
        let candidate = self.candidate();
        let mut tasks: Vec<_> = candidate
            .tasks
            .values()
            .map(|task| candidate.task(task, self.now))
            .collect();
        tasks.sort_by_key(|task| (task.opens_at.timestamp(), task.play.clone(), task.id));
        let line = |task: &Task| {
            let due = task.due_at.map_or_else(String::new, |due| format!(" → {due}"));
            format!(
                "{:9} {:24} {}{due}  {}\n",
                task.state.name(),
                task.play,
                task.opens_at,
                task.title
            )
        };
        tasks.iter().map(line).collect()
    }
}
