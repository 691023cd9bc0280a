//! Clients, the time worker and the webhook worker over one store, in an order that a seed draws, with what goes wrong:
//! a write breaks off in the middle, an answer is lost, the service is gone and starts again, a receiver fails or takes a
//! message without a word, hours pass. Afterwards nothing is lost and nothing is there twice. `AFTERWORD_SEED=…` tells one
//! story again.
//!
//! One thing happens at a time, at moments of a clock of its own, so that a seed says what happens. What breaks off does so
//! at a row that is counted by triggers in the database: to whoever reads it, that is a process that died right there.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use afterword::{
    edge::clock::Clock, outgoing::Outgoing, service::Service, time_worker::TimeWorker, webhooks::worker::WebhookWorker,
};
use afterword_domain::{
    announcements::announce,
    candidate::Candidate,
    decide::Decided,
    ids::{CandidateId, EventId},
};
use afterword_store::{Command, FeedQuery, Idempotency, RecordError, Recorded, Store, TenantId};
use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use crate::{
    harness::{BEGINNING, moment, verify},
    model::asks::{FACTS, What, candidate},
    soak,
};

mod stage;
use stage::{Lots, Stage, Taken, database, folder, options_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_off_nothing_is_lost_or_doubled() {
    let stage = Stage::set().await;
    let seeds = soak::seeds(40, 5000);
    let many = seeds.end - seeds.start >= 40;
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
    if many {
        // It does happen.
        for count in [
            told.recorded,
            told.broken,
            told.restarts,
            told.again,
            told.announced,
            told.refused_by_receivers,
        ] {
            assert!(count > 0, "{told:?}");
        }
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
            told: Told::default(),
        };
        let mut life = story.begins();
        for _ in 0..60 {
            if story.goes_on(&mut life) {
                drop(life);
                story.told.restarts += 1;
                life = story.begins();
            }
        }
        drop(life);
        story.ends()
    }
}

/// A request of a client, who gives it a name and sends it until it is answered, and perhaps again.
struct Request {
    what: What,
    now: Timestamp,
    /// Each time it is sent, its fact has an id of its own, so that its name alone can tell that it was sent before.
    ids: Vec<EventId>,
    answered: Option<EventId>,
}

/// The service from its start to its end. Where it dies, all that it has in memory dies with it.
struct Life {
    service: Service,
    time: TimeWorker,
    webhooks: WebhookWorker,
    database: SqliteConnection,
    // The last to go.
    runtime: Runtime,
}

struct Story<'a> {
    stage: &'a Stage,
    place: TempDir,
    lots: Lots,
    clock: Clock,
    requests: Vec<Request>,
    told: Told,
}

impl Story<'_> {
    fn begins(&self) -> Life {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (service, database) = runtime.block_on(async {
            let store = Store::open(&options_of(self.place.path())).await.expect("a store");
            let service = Service::new(store, self.clock.clone()).reaching(Outgoing::new(true));
            (service, database(self.place.path()).await)
        });
        Life {
            time: TimeWorker::new(&service),
            webhooks: WebhookWorker::new(&service),
            service,
            database,
            runtime,
        }
    }

    /// The next thing happens. True: the service died of it.
    fn goes_on(&mut self, life: &mut Life) -> bool {
        let breaks = self.lots.below(3) == 0;
        let dies = self.lots.below(3) == 0;
        if breaks {
            let after = 1 + self.lots.below(14);
            life.breaks_off(after);
        }
        let whole = match self.lots.below(12) {
            0..=4 => self.asks_anew(life),
            5..=6 => self.asks_again(life),
            7 => {
                let minutes = 1 + self.lots.below(24 * 60);
                self.clock.advance(SignedDuration::from_mins(minutes.cast_signed()));
                true
            }
            8..=9 => self.time_passes(life),
            _ => life.runtime.block_on(life.webhooks.round(self.stage.tenant)).is_ok(),
        };
        life.breaks_off(0);
        self.told.broken += u64::from(!whole);
        // A process may also die while nothing is under way.
        dies && (breaks || self.lots.below(4) == 0)
    }

    fn asks_anew(&mut self, life: &mut Life) -> bool {
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
        self.requests.push(Request {
            what,
            now: self.clock.now(),
            ids: Vec::new(),
            answered: None,
        });
        self.sends(life, self.requests.len() - 1)
    }

    fn asks_again(&mut self, life: &mut Life) -> bool {
        if self.requests.is_empty() {
            return true;
        }
        let which = self.lots.upto(self.requests.len());
        self.told.again += 1;
        self.sends(life, which)
    }

    /// Sends a request. False: nobody knows whether it was carried out.
    fn sends(&mut self, life: &mut Life, which: usize) -> bool {
        let lost = self.lots.below(8) == 0;
        let id = EventId::new(Uuid::from_u128((u128::from(self.lots.next()) << 64) | which as u128));
        let request = &mut self.requests[which];
        request.ids.push(id);
        let answer = life.records(self.stage.tenant, which, request, id, self.clock.now());
        match answer {
            // The answer goes astray.
            _ if lost => false,
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

    fn time_passes(&mut self, life: &mut Life) -> bool {
        let round = life.runtime.block_on(life.time.round());
        self.told.announced += round.as_ref().map_or(0, |round| round.announced);
        round.is_ok()
    }

    /// Everything works again, and comes to rest.
    fn ends(mut self) -> Told {
        self.stage.taken.lock().expect("no panic").kind = true;
        let tenant = self.stage.tenant;
        for _ in 0..200 {
            let mut life = self.begins();
            self.time_passes(&mut life);
            let next = life.runtime.block_on(life.webhooks.round(tenant)).expect("it answers");
            let Some(next) = next else {
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
            let found: Vec<EventId> = request.ids.iter().copied().filter(|id| there.contains(id)).collect();
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

    /// Tells the candidate's own facts again, and has the clock speak whenever it is its turn.
    fn was_announced(&self, known: &Candidate) {
        let mut again = Candidate::unknown(known.id);
        let mut expected = Vec::new();
        for fact in known.history() {
            let announced = announce(&mut again, fact.at.recorded_at);
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

impl Life {
    /// From now on the row with this number is not written, nor what goes in with it. 0: all is well.
    fn breaks_off(&mut self, after: u64) {
        let after = after.cast_signed();
        let armed = sqlx::query("UPDATE fault SET after = $1")
            .bind(after)
            .execute(&mut self.database);
        self.runtime.block_on(armed).expect("armed");
    }

    fn records(
        &self,
        tenant: TenantId,
        which: usize,
        request: &Request,
        id: EventId,
        now: Timestamp,
    ) -> Result<Recorded, RecordError> {
        let command = Command {
            tenant,
            candidate: candidate(request.what.who),
            fresh: false,
            proposals: vec![request.what.proposal(id, request.now)],
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
        };
        self.runtime.block_on(self.service.recorder.record(command))
    }
}
