//! Whose turn it is. What there is too little of for everybody at once (carrying out requests, processors for letters)
//! is taken by turns: each key or tenant has a line of its own, and what gets free goes to the lines one after another.
//! Who is alone takes nearly all there is; in company nobody takes more than a share of what is worth having at once, so
//! that a flood from one key waits behind itself, and rests twice as long as it works where its turns ask for that
//! (`Turn::rest`).
//! A line is bounded, and so is the time that anybody stands in it.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

/// How much there is, and how long one may wait for it.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Turns at once.
    pub in_all: usize,
    /// Of these, for one who is alone.
    pub alone: usize,
    /// So many are worth having at once. While three quarters of them are taken, whoever is not alone gets an even share at
    /// most, and one at least.
    pub together: usize,
    /// So many wait in one line.
    pub line: usize,
    /// So long anybody waits.
    pub patience: Duration,
}

/// For so long after its last request a line counts as company.
const COMPANY: Duration = Duration::from_secs(5);
/// Company that has not asked for so long needs no processor.
const QUIET: Duration = Duration::from_secs(1);
/// So many times as long as it works rests who would keep processors busy: two thirds of them are others', whenever they come.
const RESTS: u32 = 2;
/// The longest rest. What holds a turn for longer waits for something else than a processor.
const REST: Duration = Duration::from_millis(100);
/// Less work than this waits for more before it is rested for: timers go by milliseconds.
const WORTH_A_REST: Duration = Duration::from_millis(2);
/// So often it is looked who is still there.
const SWEPT: Duration = Duration::from_millis(250);

/// Lets a thread look at its sockets, and others go first, before it goes on with an answer. By itself it looks only when
/// nothing is ready to go on, or after sixty-one pieces of work: under a flood that is many milliseconds.
pub async fn after_others() {
    tokio::task::yield_now().await;
}

/// Turns, by whose they are.
#[derive(Debug)]
pub struct Turns<K: Hash + Eq + Copy>(Arc<Inner<K>>);

impl<K: Hash + Eq + Copy> Clone for Turns<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Inner<K: Hash + Eq + Copy> {
    measure: Measure,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K: Hash + Eq + Copy> {
    lines: HashMap<K, Line<K>>,
    /// Lines in which somebody waits, in the order in which they are served.
    order: VecDeque<K>,
    taken: usize,
    swept: Instant,
    asked_last: Option<K>,
    /// When another line than the one before was asked for last.
    company: Option<Instant>,
}

#[derive(Debug)]
struct Line<K: Hash + Eq + Copy> {
    taken: usize,
    waiting: VecDeque<oneshot::Sender<Turn<K>>>,
    last: Instant,
    /// So long its turns were held since it last rested.
    worked: Duration,
}

/// A turn; it is the next one's when this is dropped.
#[derive(Debug)]
pub struct Turn<K: Hash + Eq + Copy> {
    of: Arc<Inner<K>>,
    key: K,
    /// Whether it was taken: one that nobody waited for any more was not.
    taken: bool,
    began: Instant,
    /// While it rests: what for.
    owes: Option<Duration>,
}

impl<K: Hash + Eq + Copy> Turns<K> {
    /// Nobody's turn yet.
    pub fn new(measure: Measure) -> Self {
        Self(Arc::new(Inner {
            measure,
            state: Mutex::new(State {
                lines: HashMap::new(),
                order: VecDeque::new(),
                taken: 0,
                swept: Instant::now(),
                asked_last: None,
                company: None,
            }),
        }))
    }

    /// A turn, perhaps after waiting; none where too many wait, or none came in time.
    pub async fn take(&self, key: K) -> Option<Turn<K>> {
        let turn = match self.0.begin(key)? {
            Begun::Turn(turn) => return Some(turn),
            Begun::Waiting(turn) => turn,
        };
        tokio::time::timeout(self.0.measure.patience, turn).await.ok()?.ok()
    }

    /// A turn, however long it takes: for work that is done bit by bit.
    pub async fn wait(&self, key: K) -> Turn<K> {
        loop {
            match self.take(key).await {
                Some(turn) => return turn,
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

enum Begun<K: Hash + Eq + Copy> {
    Turn(Turn<K>),
    Waiting(oneshot::Receiver<Turn<K>>),
}

impl<K: Hash + Eq + Copy> Inner<K> {
    fn state(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>, key: K) -> Option<Begun<K>> {
        let now = Instant::now();
        let mut state = self.state();
        state.sweep(now);
        if state.asked_last.is_some_and(|last| last != key) {
            state.company = Some(now);
        }
        state.asked_last = Some(key);
        let line = state.lines.entry(key).or_insert_with(|| Line {
            taken: 0,
            waiting: VecDeque::new(),
            last: now,
            worked: Duration::ZERO,
        });
        line.last = now;
        // Asked before those who left are taken out: a line that had somebody in it has its place in the order.
        let nobody_waits = line.waiting.is_empty();
        if line.waiting.len() >= self.measure.line {
            line.waiting.retain(|waiting| !waiting.is_closed());
            if line.waiting.len() >= self.measure.line {
                return None;
            }
        }
        let of_line = line.taken;
        let may = state.may_take(&self.measure, of_line);
        let line = state.lines.get_mut(&key)?;
        if nobody_waits && may {
            line.taken += 1;
            state.taken += 1;
            return Some(Begun::Turn(self.turn(key)));
        }
        let (sender, receiver) = oneshot::channel();
        line.waiting.push_back(sender);
        if nobody_waits {
            state.order.push_back(key);
        }
        Some(Begun::Waiting(receiver))
    }

    fn turn(self: &Arc<Self>, key: K) -> Turn<K> {
        Turn {
            of: Arc::clone(self),
            key,
            taken: true,
            began: Instant::now(),
            owes: None,
        }
    }

    /// Gives what is free to those who wait, one line after another.
    fn serve(self: &Arc<Self>, state: &mut State<K>) {
        let mut passed_by = 0;
        while passed_by < state.order.len() {
            let Some(key) = state.order.pop_front() else { return };
            let Some(of_line) = state.lines.get(&key).map(|line| line.taken) else {
                continue;
            };
            let may = state.may_take(&self.measure, of_line);
            let Some(line) = state.lines.get_mut(&key).filter(|_| may) else {
                state.order.push_back(key);
                passed_by += 1;
                continue;
            };
            while let Some(waiting) = line.waiting.pop_front() {
                match waiting.send(self.turn(key)) {
                    Ok(()) => {
                        line.taken += 1;
                        state.taken += 1;
                        passed_by = 0;
                        break;
                    }
                    // Nobody waits for it any more.
                    Err(mut turn) => turn.taken = false,
                }
            }
            if !line.waiting.is_empty() {
                state.order.push_back(key);
            }
        }
    }
}

impl<K: Hash + Eq + Copy> State<K> {
    /// Whether a line that has so many turns may have another one.
    fn may_take(&self, measure: &Measure, of_line: usize) -> bool {
        if self.taken >= measure.in_all || of_line >= measure.alone {
            return false;
        }
        let several = self.lines.len();
        // A quarter is left for whoever comes.
        let open = (3 * measure.together).div_ceil(4);
        several < 2 || self.taken < open || of_line < (measure.together / several).max(1)
    }

    /// Forgets who has gone.
    fn sweep(&mut self, now: Instant) {
        if now.duration_since(self.swept) < SWEPT {
            return;
        }
        self.swept = now;
        self.lines
            .retain(|_, line| line.taken > 0 || !line.waiting.is_empty() || now.duration_since(line.last) < COMPANY);
    }
}

impl<K: Hash + Eq + Copy> Turn<K> {
    /// In company a line in which more wait rests twice as long as it works, before its next turn begins. A flood has always more to
    /// do: with its share alone it keeps every processor busy, and each step of others' work waits for one.
    pub async fn rest(&mut self) {
        let rest = self.rest_due();
        if !rest.is_zero() {
            (self.began, self.owes) = (Instant::now(), Some(rest));
            tokio::time::sleep(rest).await;
            (self.began, self.owes) = (Instant::now(), None);
        }
    }

    /// How long to rest for what was done since the last rest.
    fn rest_due(&self) -> Duration {
        let mut state = self.of.state();
        let in_company = state.company.is_some_and(|last| last.elapsed() < QUIET);
        let Some(line) = state.lines.get_mut(&self.key) else {
            return Duration::ZERO;
        };
        let owes = in_company && line.waiting.iter().any(|waiting| !waiting.is_closed());
        if owes && line.worked < WORTH_A_REST {
            return Duration::ZERO;
        }
        let worked = std::mem::take(&mut line.worked);
        if owes {
            (worked * RESTS).min(REST)
        } else {
            Duration::ZERO
        }
    }
}

impl<K: Hash + Eq + Copy> Drop for Turn<K> {
    fn drop(&mut self) {
        if !self.taken {
            return;
        }
        let mut state = self.of.state();
        state.taken -= 1;
        if let Some(line) = state.lines.get_mut(&self.key) {
            line.taken -= 1;
            let since = self.began.elapsed();
            // Who leaves while it rests has done nothing, and leaves what is left of the rest to the next.
            line.worked += self.owes.map_or(since, |owes| owes.saturating_sub(since) / RESTS);
        }
        self.of.serve(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const MEASURE: Measure = Measure {
        in_all: 6,
        alone: 4,
        together: 4,
        line: 3,
        patience: Duration::from_millis(50),
    };

    #[tokio::test]
    async fn who_is_alone_takes_nearly_all_and_the_rest_is_for_who_comes() {
        let turns = Turns::new(MEASURE);
        let mut of_one = Vec::new();
        for _ in 0..4 {
            of_one.push(turns.take('a').await.expect("a turn"));
        }
        assert!(turns.take('a').await.is_none(), "nobody takes all");
        let of_other = turns.take('b').await.expect("a turn at once");
        assert!(turns.take('b').await.is_some(), "a share of two");
        drop(of_other);
    }

    #[tokio::test]
    async fn in_company_a_flood_waits_behind_itself() {
        let turns = Turns::new(Measure { together: 2, ..MEASURE });
        let mut flood = Vec::new();
        for _ in 0..4 {
            flood.push(turns.take('a').await.expect("a turn"));
        }
        let other = turns.take('b').await.expect("a turn");
        flood.pop();
        flood.pop();
        assert!(turns.take('a').await.is_none(), "one is its share now");
        assert!(turns.take('b').await.is_none(), "and the other's");
        flood.pop();
        flood.pop();
        flood.push(turns.take('a').await.expect("a turn"));
        drop(other);
        assert!(
            turns.take('a').await.is_some(),
            "what nobody wants is there for whoever does"
        );
    }

    #[tokio::test]
    async fn in_company_a_line_in_which_more_wait_rests_twice_as_long_as_it_works() {
        let turns = Turns::new(Measure {
            alone: 1,
            line: 8,
            ..MEASURE
        });
        let next = |key| match turns.0.begin(key).expect("room") {
            Begun::Waiting(turn) => turn,
            Begun::Turn(_) => unreachable!("its turn is held"),
        };
        let worked = Duration::from_millis(5);
        let mut turn = turns.take('a').await.expect("a turn");
        let mut waiting: VecDeque<_> = (0..7).map(|_| next('a')).collect();
        let mut hand_on = async |turn, worked| {
            tokio::time::sleep(worked).await;
            drop(turn);
            waiting.pop_front().expect("somebody waits").await.expect("its turn")
        };
        turn = hand_on(turn, worked).await;
        assert_eq!(turn.rest_due(), Duration::ZERO, "alone it need not");
        let other = turns.take('b').await.expect("a turn");
        assert_eq!(other.rest_due(), Duration::ZERO, "nobody waits behind it");
        turn = hand_on(turn, worked).await;
        assert!((worked * RESTS..=REST).contains(&turn.rest_due()));
        assert_eq!(turn.rest_due(), Duration::ZERO, "once for all that it did");
        turn = hand_on(turn, worked).await;
        let began = Instant::now();
        turn.rest().await;
        assert!(began.elapsed() >= worked * RESTS);
        assert!(turn.began >= began + worked * RESTS, "to rest is no work");
        turn = hand_on(turn, worked).await;
        let has_worked = |long| turns.0.state().lines.get_mut(&'a').expect("its line").worked = long;
        has_worked(REST);
        assert_eq!(turn.rest().now_or_never(), None);
        turn = hand_on(turn, Duration::ZERO).await;
        let left = turn.rest_due();
        assert!(
            left > Duration::ZERO && left < REST,
            "who leaves while it rests leaves what is left to the next"
        );
        let little = Duration::from_millis(1);
        has_worked(little);
        assert_eq!(turn.rest_due(), Duration::ZERO, "a little can wait");
        assert_eq!(turns.0.state().lines[&'a'].worked, little);
        turn = hand_on(turn, worked).await;
        waiting.clear();
        assert_eq!(turn.rest_due(), Duration::ZERO, "those who left do not count");
    }

    #[tokio::test]
    async fn a_line_is_bounded_and_so_is_waiting_in_it() {
        let turns = Turns::new(Measure {
            alone: 1,
            patience: Duration::from_secs(60),
            ..MEASURE
        });
        let first = turns.take('a').await.expect("a turn");
        let waiting: Vec<_> = (0..3).map(|_| turns.0.begin('a').expect("room in the line")).collect();
        assert!(turns.0.begin('a').is_none(), "the line is full: refused at once");
        drop(waiting);
        assert!(turns.0.begin('a').is_some(), "those who left do not count");
        drop(first);
        assert!(turns.take('a').await.is_some(), "and are not waited for");
    }

    #[tokio::test]
    async fn what_gets_free_goes_to_the_lines_one_after_another() {
        let turns = Turns::new(Measure {
            in_all: 1,
            alone: 1,
            together: 1,
            ..MEASURE
        });
        let held = turns.take('a').await.expect("a turn");
        let mut waiting = Vec::new();
        for key in ['a', 'a', 'a', 'b', 'c'] {
            match turns.0.begin(key).expect("room") {
                Begun::Waiting(turn) => waiting.push((key, turn)),
                Begun::Turn(_) => unreachable!("there is one turn, and it is held"),
            }
        }
        drop(held);
        let mut served = String::new();
        while !waiting.is_empty() {
            let place = waiting
                .iter_mut()
                .position(|(_, turn)| turn.try_recv().map(drop).is_ok())
                .expect("somebody's turn");
            served.push(waiting.remove(place).0);
        }
        assert_eq!(served, "abcaa");
    }

    #[tokio::test]
    async fn who_gives_up_leaves_no_turn_behind() {
        let turns = Turns::new(Measure {
            in_all: 1,
            alone: 1,
            ..MEASURE
        });
        let held = turns.take(1).await.expect("a turn");
        assert!(turns.take(1).await.is_none(), "none in time");
        let late = turns.0.begin(1).expect("room");
        drop(held);
        drop(late);
        assert!(turns.take(1).await.is_some());
        assert_eq!(turns.0.state().taken, 0);
    }
}
