//! Clients, time workers and webhook workers of two instances over one store, in an order that a seed draws, with what goes
//! wrong: a write breaks off in the middle, an answer is lost, COMMIT fails and nobody knows whether it was carried out, an
//! instance is gone and another starts, a receiver fails or takes a message without a word, hours pass. And what takes too
//! long: a batch is held before it is tried, or after it is in, and a receiver answers when the lease of whoever sent has run
//! out, while the other instance takes over. Afterwards nothing is lost and nothing is there twice. `AFTERWORD_SEED=…` tells
//! one story again.
//!
//! One thing happens at a time, at moments of a clock of its own, so that a seed says what happens: an instance goes on only
//! while it is driven, and what it has begun stands still meanwhile. What breaks off does so at a row that is counted by
//! triggers in the database: to whoever reads it, that is a process that died right there.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use afterword::edge::clock::Clock;
use afterword_domain::{
    announcements::announce,
    candidate::Candidate,
    decide::Decided,
    ids::{CandidateId, EventId},
};
use afterword_store::{Command, FeedQuery, Idempotency, RecordError, Recorded, WEBHOOKS, testing::Fault};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    harness::{BEGINNING, moment, verify},
    model::asks::{FACTS, What, candidate},
    soak,
};

mod life;
mod stage;
use life::{Done, Life};
use stage::{Lots, Stage, Taken, folder};

/// So many things happen in a story.
const STEPS: u64 = 80;
/// After this a lease has run out.
const LEASED: SignedDuration = SignedDuration::from_secs(16);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_off_nothing_is_lost_or_doubled() {
    let stage = Stage::set().await;
    let seeds = soak::seeds(40, 5000);
    let told_of = seeds.end - seeds.start;
    let told = tokio::task::spawn_blocking(move || {
        let mut all = Told::default();
        for seed in seeds {
            let story = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stage.tell(seed)));
            match story {
                Ok(told) => all.add(&told),
                Err(_) => panic!("AFTERWORD_SEED={seed}"),
            }
        }
        all
    });
    let told = told.await.expect("it holds");
    eprintln!("{told:?}");
    if told_of >= 40 {
        // It does happen.
        for count in [
            told.recorded,
            told.broken,
            told.restarts,
            told.again,
            told.announced,
            told.refused_by_receivers,
            told.held,
            told.late,
            told.lost,
            told.unanswered,
            told.kept_waiting,
            told.taken_over,
        ] {
            assert!(count > 0, "{told:?}");
        }
    }
    if told_of >= 1000 {
        // And this, though seldom.
        assert!(told.forestalled > 0, "{told:?}");
    }
}

/// How much has happened.
#[derive(Debug, Default, Clone)]
struct Told {
    recorded: u64,
    broken: u64,
    restarts: u64,
    again: u64,
    announced: u64,
    delivered: u64,
    refused_by_receivers: u64,
    /// Batches that were held before they were tried,
    held: u64,
    /// or when they were in.
    late: u64,
    /// COMMITs that nobody heard of, and those whose answer was lost.
    lost: u64,
    unanswered: u64,
    /// Rounds of deliveries that a receiver kept waiting, and those of them that another instance has taken over meanwhile.
    kept_waiting: u64,
    taken_over: u64,
    /// Rounds of whoever sees to time that were held until another instance had taken over.
    forestalled: u64,
}

impl Told {
    fn add(&mut self, other: &Self) {
        self.recorded += other.recorded;
        self.broken += other.broken;
        self.restarts += other.restarts;
        self.again += other.again;
        self.announced += other.announced;
        self.delivered += other.delivered;
        self.refused_by_receivers += other.refused_by_receivers;
        self.held += other.held;
        self.late += other.late;
        self.lost += other.lost;
        self.unanswered += other.unanswered;
        self.kept_waiting += other.kept_waiting;
        self.taken_over += other.taken_over;
        self.forestalled += other.forestalled;
    }
}

impl Stage {
    /// Tells the story of a seed, and looks at what is left.
    fn tell(&self, seed: u64) -> Told {
        let place = folder();
        for name in ["data.db", "keys.db", "master.key"] {
            std::fs::copy(self.folder.path().join(name), place.path().join(name)).expect("copied");
        }
        *self.taken.lock().expect("no panic") = Taken {
            seed,
            ..Taken::default()
        };
        let mut story = Story {
            stage: self,
            place,
            lots: Lots(seed),
            clock: Clock::fixed(moment(BEGINNING) + SignedDuration::from_mins(1)),
            requests: Vec::new(),
            names: 0,
            told: Told::default(),
        };
        let mut lives = vec![story.begins(), story.begins()];
        for step in 0..STEPS {
            // Whatever came of the steps before this one, it is the same that is drawn.
            story.lots = Lots(Lots(seed).next() ^ step);
            let nth = story.lots.upto(2);
            if story.goes_on(&mut lives, nth) {
                let gone = lives.remove(nth).name;
                story.told.restarts += 1;
                // It may be known by the same name, and then has its leases at once.
                let next = if story.lots.coin() {
                    Life::begins(story.place.path(), &story.clock, gone)
                } else {
                    story.begins()
                };
                lives.insert(nth, next);
            }
        }
        story.ends(lives)
    }
}

/// A request of a client, who gives it a name and sends it until it is answered, and perhaps again.
struct Request {
    what: What,
    now: Timestamp,
    /// What it takes back, where that is what it is for.
    takes_back: Option<EventId>,
    /// Each time it is sent, its fact has an id of its own, so that its name alone can tell that it was sent before; and
    /// when that was.
    ids: Vec<(EventId, Timestamp)>,
    answered: Option<EventId>,
}

/// What an instance does.
#[derive(Clone, Copy)]
enum Does {
    Asks(usize),
    Looks,
    Serves,
}

struct Story<'a> {
    stage: &'a Stage,
    place: TempDir,
    lots: Lots,
    clock: Clock,
    requests: Vec<Request>,
    names: u128,
    told: Told,
}

impl Story<'_> {
    fn begins(&mut self) -> Life {
        self.names += 1;
        Life::begins(self.place.path(), &self.clock, Uuid::from_u128(self.names))
    }

    /// The next thing happens. True: the instance died of it.
    fn goes_on(&mut self, lives: &mut [Life], nth: usize) -> bool {
        let breaks = self.lots.below(3) == 0;
        let dies = self.lots.below(3) == 0;
        let after = if breaks { 1 + self.lots.below(14) } else { 0 };
        lives[nth].breaks_off(after);
        if lives[nth].is_writing() {
            self.lets_go(&mut lives[nth]);
        } else {
            let does = match self.lots.below(14) {
                0..=4 => Some(self.asks_anew()),
                5..=6 if !self.requests.is_empty() => {
                    self.told.again += 1;
                    Some(Does::Asks(self.lots.upto(self.requests.len())))
                }
                9..=11 => Some(Does::Looks),
                12..=13 => Some(Does::Serves),
                _ => None,
            };
            match does {
                Some(does) => self.does(lives, nth, does),
                None => {
                    let minutes = 1 + self.lots.below(24 * 60);
                    // Who fails for five days is not tried any more.
                    if self.clock.now() < moment(BEGINNING) + SignedDuration::from_hours(4 * 24) {
                        self.clock.advance(SignedDuration::from_mins(minutes.cast_signed()));
                    }
                }
            }
        }
        lives[nth].breaks_off(0);
        // A process may also die while nothing is under way.
        dies && (breaks || self.lots.below(4) == 0)
    }

    /// An instance does something. Where that is held, the other one may have its turn before long.
    fn does(&mut self, lives: &mut [Life], nth: usize, does: Does) {
        self.begins_to(&mut lives[nth], does);
        let held = match does {
            Does::Serves => lives[nth].is_delivering(),
            Does::Asks(_) | Does::Looks => lives[nth].is_writing(),
        };
        let other = &mut lives[1 - nth];
        if held && self.lots.coin() {
            let seconds = self.lots.below(60).cast_signed();
            self.clock.advance(LEASED + SignedDuration::from_secs(seconds));
            if !other.is_writing() {
                self.begins_to(other, does);
            }
        }
    }

    fn begins_to(&mut self, life: &mut Life, does: Does) {
        match does {
            Does::Asks(which) => {
                let astray = self.lots.below(8) == 0;
                let command = self.command(which);
                life.meets(self.faults());
                let done = life.asks(which, astray, command);
                self.takes(life, done);
            }
            Does::Looks => {
                life.meets(self.faults());
                let another = self.lots.coin();
                let done = life.looks(another);
                self.takes(life, done);
            }
            Does::Serves if life.is_delivering() => self.is_answered(life),
            Does::Serves => {
                let held = self.lots.coin();
                let done = life.serves(self.stage, held);
                self.told.kept_waiting += u64::from(done.is_none());
                self.takes(life, done);
            }
        }
    }

    /// What goes wrong with the next batches.
    fn faults(&mut self) -> Vec<Fault> {
        match self.lots.below(20) {
            0 | 1 => vec![Fault::Held],
            2 => vec![Fault::Late],
            3 => vec![Fault::Lost],
            4 => vec![Fault::Unanswered],
            // In doubt, while the other instance may write.
            5 | 6 => vec![Fault::Lost, Fault::Held],
            7 => vec![Fault::Unanswered, Fault::Held],
            8 => vec![Fault::Held, Fault::Lost, Fault::Held, Fault::Unanswered, Fault::Late],
            _ => Vec::new(),
        }
    }

    fn asks_anew(&mut self) -> Does {
        let nth = self.requests.len();
        let fact = match nth {
            0..=1 => "CandidateRegistered",
            2..=3 => "ApplicationOpened",
            4..=5 => "ContactCollected",
            _ => FACTS[self.lots.upto(FACTS.len())],
        };
        let coin = u8::from(self.lots.coin());
        let what = What {
            // The first six requests are about both in turn.
            who: if nth < 6 { u8::from(nth % 2 == 1) } else { coin },
            fact,
            of: (0, u8::from(self.lots.coin())),
            odd: self.lots.coin(),
        };
        let known: Vec<EventId> = self
            .requests
            .iter()
            .filter(|it| it.what.who == what.who)
            .filter_map(|it| it.answered)
            .collect();
        let takes_back = (fact == "FactRetracted" && !known.is_empty()).then(|| known[self.lots.upto(known.len())]);
        self.requests.push(Request {
            what,
            now: self.clock.now(),
            takes_back,
            ids: Vec::new(),
            answered: None,
        });
        Does::Asks(nth)
    }

    /// A request, as it is sent now.
    fn command(&mut self, which: usize) -> Command<'static> {
        let now = self.clock.now();
        let id = EventId::new(Uuid::from_u128((u128::from(self.lots.next()) << 64) | which as u128));
        let request = &mut self.requests[which];
        request.ids.push((id, now));
        let mut proposal = request.what.proposal(id, request.now);
        if let Some(fact) = request.takes_back {
            proposal.subject = Some(fact.into());
        }
        Command {
            tenant: self.stage.tenant,
            candidate: candidate(request.what.who),
            fresh: false,
            proposals: vec![proposal],
            atomic: true,
            by: "key".into(),
            now,
            condition: None,
            idempotency: Some(Idempotency {
                key: which.to_be_bytes().to_vec(),
                request: which.to_be_bytes().to_vec(),
                at: now,
            }),
            fence: None,
        }
    }

    /// The batch that is held goes on.
    fn lets_go(&mut self, life: &mut Life) {
        let lost = life.has_lost(self.stage.tenant, "time");
        let done = life.goes_on_writing();
        self.told.forestalled += u64::from(lost && matches!(done, Some(Done::Looked(..))));
        self.takes(life, done);
    }

    /// The receiver answers.
    fn is_answered(&mut self, life: &mut Life) {
        self.told.taken_over += u64::from(life.has_lost(self.stage.tenant, WEBHOOKS));
        let done = life.is_answered();
        self.takes(life, done);
    }

    /// What an instance has done is seen by whoever has asked for it, unless it is held.
    fn takes(&mut self, life: &mut Life, done: Option<Done>) {
        for fault in life.met() {
            match fault {
                Fault::Held => self.told.held += 1,
                Fault::Late => self.told.late += 1,
                Fault::Lost => self.told.lost += 1,
                Fault::Unanswered => self.told.unanswered += 1,
            }
        }
        let whole = match done {
            None => true,
            Some(Done::Asked(which, astray, answer)) => self.hears(which, astray, *answer),
            Some(Done::Looked(worker, round)) => {
                life.has_looked(*worker);
                self.told.announced += round.as_ref().map_or(0, |round| round.announced);
                round.is_ok()
            }
            Some(Done::Served(next)) => next.is_ok(),
        };
        self.told.broken += u64::from(!whole);
    }

    /// The client of a request hears of it. False: nobody knows whether it was carried out.
    fn hears(&mut self, which: usize, astray: bool, answer: Result<Recorded, RecordError>) -> bool {
        let request = &mut self.requests[which];
        match answer {
            // The answer goes astray.
            _ if astray => false,
            Ok(recorded) => {
                let step = recorded
                    .results
                    .first()
                    .expect("one fact")
                    .as_ref()
                    .expect("it is atomic");
                let Decided::Recorded(fact) = &step.decided else {
                    panic!("an id is drawn once")
                };
                assert!(
                    request.answered.is_none_or(|answered| answered == fact.at.event),
                    "another answer"
                );
                request.answered = Some(fact.at.event);
                true
            }
            Err(RecordError::Refused { .. }) => true,
            Err(RecordError::Store(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Everything works again, and comes to rest.
    fn ends(mut self, lives: Vec<Life>) -> Told {
        self.stage.taken.lock().expect("no panic").kind = true;
        for mut life in lives {
            life.meets(Vec::new());
            while life.is_writing() {
                self.lets_go(&mut life);
            }
            if life.is_delivering() {
                self.is_answered(&mut life);
            }
        }
        // Whoever is gone has its leases until they have run out.
        self.clock.advance(LEASED);
        for _ in 0..200 {
            let mut life = Life::begins(self.place.path(), &self.clock, Uuid::max());
            let done = life.looks(false);
            self.takes(&mut life, done);
            let Some(Done::Served(next)) = life.serves(self.stage, false) else {
                panic!("nothing is held any more")
            };
            let Some(next) = next.expect("it answers") else {
                self.looks(&life);
                return self.told;
            };
            self.clock.advance(
                next.duration_since(self.clock.now())
                    .max(SignedDuration::from_micros(1)),
            );
        }
        panic!("it does not come to rest");
    }

    fn looks(&mut self, life: &Life) {
        let (store, tenant) = (life.service.recorder.store(), self.stage.tenant);
        let log = life.runtime.block_on(store.feed(
            tenant,
            FeedQuery {
                limit: 100_000,
                ..FeedQuery::default()
            },
        ));
        let log = log.expect("it answers");
        let positions: Vec<i64> = log.iter().map(|row| row.position).collect();
        assert_eq!(
            positions,
            (1..=log.len() as i64).collect::<Vec<_>>(),
            "the log has a gap"
        );
        self.told.recorded += log.len() as u64;

        // What was answered is there, once; what was not is there once at most.
        let there: BTreeSet<EventId> = log.iter().map(|row| EventId::new(row.event_id)).collect();
        assert_eq!(there.len(), log.len(), "a fact is there twice");
        for (which, request) in self.requests.iter().enumerate() {
            let sent = request.ids.iter().map(|(id, _)| *id);
            let found: Vec<EventId> = sent.filter(|id| there.contains(id)).collect();
            assert!(
                found.len() <= 1,
                "request {which} was carried out {} times",
                found.len()
            );
            assert!(
                request.answered.is_none_or(|id| found == [id]),
                "request {which} was answered, and lost"
            );
        }

        // Versions have no gap, and the clock has said what it had to say, once and where it belongs.
        let candidates: BTreeMap<Uuid, Vec<i64>> = log.iter().fold(BTreeMap::new(), |mut all, row| {
            all.entry(row.candidate).or_insert_with(Vec::new).push(row.version);
            all
        });
        for (candidate, versions) in candidates {
            assert_eq!(
                versions,
                (1..=versions.len() as i64).collect::<Vec<_>>(),
                "versions have a gap"
            );
            let known = life
                .runtime
                .block_on(life.service.recorder.candidate(tenant, CandidateId::new(candidate)));
            let known = known.expect("it answers");
            if known.erased_at.is_none() {
                self.was_announced(&known);
            }
        }

        // The receiver has taken every fact, and those of one candidate in their order.
        let taken = self.stage.taken.lock().expect("no panic");
        self.told.delivered += taken.taken.len() as u64;
        self.told.refused_by_receivers += taken.refused;
        let place: HashMap<&str, usize> = taken
            .taken
            .iter()
            .enumerate()
            .map(|(nth, event)| (event.as_str(), nth))
            .collect();
        let mut last: HashMap<Uuid, usize> = HashMap::new();
        for row in &log {
            let event = EventId::new(row.event_id).to_string();
            let taken = *place
                .get(event.as_str())
                .unwrap_or_else(|| panic!("{} was not delivered", row.position));
            let before = last.insert(row.candidate, taken);
            assert!(
                before.is_none_or(|before| before < taken),
                "{} came too early",
                row.position
            );
        }
        drop(taken);

        let (store, told) = (store.clone(), tenant);
        let differences = life.runtime.block_on(verify(&store, told));
        assert_eq!(differences, Vec::new(), "what is stored is not what the log says");
    }

    /// Tells the candidate's own facts again, and has the clock speak whenever it is its turn: by the time of whoever has sent
    /// a fact, which is past where it was held.
    fn was_announced(&self, known: &Candidate) {
        let sent: HashMap<EventId, Timestamp> = self.requests.iter().flat_map(|it| it.ids.iter().copied()).collect();
        let mut again = Candidate::unknown(known.id);
        let mut expected = Vec::new();
        for fact in known.history() {
            let now = sent.get(&fact.at.event).copied().unwrap_or(fact.at.recorded_at);
            let announced = announce(&mut again, now);
            expected.extend(announced.iter().map(|fact| fact.at.event));
            if !fact.data.kind().by_the_clock {
                expected.push(fact.at.event);
                again.record(Arc::clone(fact));
            }
        }
        let found: Vec<EventId> = known.history().iter().map(|fact| fact.at.event).collect();
        assert_eq!(found, expected, "the clock said something else");
        assert_eq!(
            announce(&mut again, self.clock.now()),
            Vec::new(),
            "the clock has more to say"
        );
    }
}
