//! Whose turn it is. What there is too little of for everybody at once (carrying out requests, processors for letters)
//! is taken by turns: each key or tenant has a line of its own, and what gets free goes to the lines one after another.
//! Who is alone takes nearly all there is; in company nobody takes more than a share of what is worth having at once, so
//! that a flood from one key waits behind itself, and rests thrice as long as it works where its turns ask for that
//! (`Turn::rest`). A line is bounded, and so is the time that anybody stands in it.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use crate::processors;

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
    /// So long anybody waits, or up to a quarter less.
    pub patience: Duration,
}

impl Measure {
    /// Who began to wait at once would give up at once and ask again at once, for as long as a flood lasts: hundreds of answers
    /// in a row that nobody else's comes between.
    fn patience_of(&self, nth: usize) -> Duration {
        const APART: u32 = 64;
        let nth = u32::try_from(nth).unwrap_or_default() % APART;
        self.patience - self.patience / 4 * nth / APART
    }
}

/// For so long after its last request a line counts as company.
const COMPANY: Duration = Duration::from_secs(5);
/// Company that has not asked for so long needs no processor.
const QUIET: Duration = Duration::from_secs(1);
/// Who keeps a processor busy for a quarter of the time, and for so long beyond, is no client that has met with a moment's stall.
const FLOOD: Duration = Duration::from_millis(100);
/// So many times as long as it works rests who would keep processors busy: a quarter of them at least is others', whenever they
/// come.
const RESTS: u32 = 3;
/// The longest rest; more is let off.
const REST: Duration = Duration::from_millis(100);
/// A shorter one waits for more work: timers go by milliseconds.
const WORTH_A_REST: Duration = Duration::from_millis(4);
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
    /// When its last turn began, how long all of this program had worked by then, and how long its turns were held since.
    asked: Instant,
    program: Duration,
    held: Duration,
    /// How long it has kept processors busy beyond a quarter of the time: up to twice what makes a flood.
    beyond: Duration,
    /// How long it is to rest.
    owes: Duration,
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
        match self.0.begin(key)? {
            Begun::Turn(turn) => Some(turn),
            Begun::Waiting(turn, patience) => tokio::time::timeout(patience, turn).await.ok()?.ok(),
        }
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
    /// And so long.
    Waiting(oneshot::Receiver<Turn<K>>, Duration),
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
            asked: now,
            program: processors::time_spent(),
            held: Duration::ZERO,
            beyond: Duration::ZERO,
            owes: Duration::ZERO,
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
        let patience = self.measure.patience_of(line.waiting.len());
        line.waiting.push_back(sender);
        if nobody_waits {
            state.order.push_back(key);
        }
        Some(Begun::Waiting(receiver, patience))
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
    /// In company a line in which more wait, and that keeps a processor busy for more than a quarter of the time, rests thrice as
    /// long as it works, before its next turn begins. A flood has always more to do: with its share alone it keeps every processor
    /// busy, and each step of others' work waits for one.
    pub async fn rest(&mut self) {
        let rest = self.rest_due(processors::time_spent());
        if !rest.is_zero() {
            (self.began, self.owes) = (Instant::now(), Some(rest));
            tokio::time::sleep(rest).await;
            (self.began, self.owes) = (Instant::now(), None);
        }
    }

    /// How long to rest by now. Work is how long its turns were held, and no longer than its part, by turns, of what the program
    /// itself has worked: to wait for the store is none.
    fn rest_due(&self, program: Duration) -> Duration {
        let now = Instant::now();
        let mut state = self.of.state();
        let in_company = state.company.is_some_and(|last| last.elapsed() < QUIET);
        let of_all = u32::try_from(state.taken).unwrap_or(u32::MAX).max(1);
        let Some(line) = state.lines.get_mut(&self.key) else {
            return Duration::ZERO;
        };
        let of_line = u32::try_from(line.taken).unwrap_or(u32::MAX);
        let worked = line.held.min(program.saturating_sub(line.program) * of_line / of_all);
        let quarter = now.duration_since(line.asked) / 4;
        line.beyond = (line.beyond + worked).saturating_sub(quarter).min(FLOOD * 2);
        (line.asked, line.program, line.held) = (now, program, Duration::ZERO);
        if !in_company || line.waiting.iter().all(oneshot::Sender::is_closed) {
            line.owes = Duration::ZERO;
        } else if line.beyond >= FLOOD {
            line.owes = (line.owes + worked * RESTS).min(REST);
        }
        if line.owes < WORTH_A_REST {
            return Duration::ZERO;
        }
        std::mem::take(&mut line.owes)
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
            match self.owes {
                None => line.held += since,
                Some(rest) => line.owes += rest.saturating_sub(since),
            }
        }
        self.of.serve(&mut state);
    }
}

#[cfg(test)]
mod tests;
