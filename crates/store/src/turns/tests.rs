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
