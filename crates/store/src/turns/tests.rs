use super::*;
use futures_util::FutureExt;
use std::cell::Cell;

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
async fn in_company_a_flood_rests_thrice_as_long_as_it_works() {
    let turns = Turns::new(Measure {
        alone: 1,
        line: 9,
        ..MEASURE
    });
    let next = |key| match turns.0.begin(key).expect("room") {
        Begun::Waiting(turn, _) => turn,
        Begun::Turn(_) => unreachable!("its turn is held"),
    };
    let line = |change: &dyn Fn(&mut Line<char>)| change(turns.0.state().lines.get_mut(&'a').expect("its line"));
    let mut turn = turns.take('a').await.expect("a turn");
    let mut waiting: VecDeque<_> = (0..3).map(|_| next('a')).collect();
    let mut hand_on = async |turn| {
        drop(turn);
        waiting.pop_front().expect("somebody waits").await.expect("its turn")
    };
    // So long its turns were held, and so long the whole program has worked, since it was asked last.
    let program = Cell::new(Duration::from_secs(1_000_000));
    let due = |turn: &Turn<char>, held: Duration, of_program: Duration| {
        let asked = Instant::now();
        line(&|line| (line.held, line.program, line.asked) = (held, program.get(), asked));
        program.set(program.get() + of_program);
        turn.rest_due(program.get())
    };
    let worked = Duration::from_millis(5);
    let is_a_flood = || line(&|line| line.beyond = FLOOD * 2);
    is_a_flood();
    assert_eq!(due(&turn, worked, worked), Duration::ZERO, "alone it need not");
    let other = turns.take('b').await.expect("a turn");
    assert_eq!(other.rest_due(program.get()), Duration::ZERO, "nobody waits behind it");
    assert_eq!(
        due(&turn, REST, worked * 2),
        worked * RESTS,
        "its part of what both worked"
    );
    drop(other);
    line(&|line| line.beyond = Duration::ZERO);
    assert_eq!(
        due(&turn, FLOOD / 2, FLOOD),
        Duration::ZERO,
        "it may be a moment's stall"
    );
    assert_eq!(due(&turn, FLOOD, FLOOD), REST, "or not");
    is_a_flood();
    assert_eq!(due(&turn, worked, worked), worked * RESTS);
    assert_eq!(
        due(&turn, Duration::ZERO, worked),
        Duration::ZERO,
        "once for all that it did"
    );
    assert_eq!(
        due(&turn, REST, worked),
        worked * RESTS,
        "it is no work to wait for the store"
    );
    assert_eq!(due(&turn, worked, REST), worked * RESTS, "nor is what others do");
    let little = Duration::from_millis(1);
    assert_eq!(due(&turn, little, little), Duration::ZERO, "a little can wait");
    assert_eq!(due(&turn, little, little), little * 2 * RESTS, "for more");
    line(&|line| line.asked -= FLOOD * 8);
    assert_eq!(turn.rest_due(program.get()), Duration::ZERO);
    line(&|line| assert_eq!(line.beyond, Duration::ZERO, "what is long past is forgotten"));

    line(&|line| line.owes = worked);
    let began = Instant::now();
    turn.rest().await;
    assert!(began.elapsed() >= worked);
    assert!(turn.began >= began + worked, "to rest is no work");
    line(&|line| line.owes = REST);
    assert_eq!(turn.rest().now_or_never(), None);
    assert_eq!(turn.owes, Some(REST));
    let long = Duration::from_secs(60);
    turn.owes = Some(long);
    turn = hand_on(turn).await;
    line(&|line| {
        assert!(
            line.owes > Duration::ZERO && line.owes < long,
            "who leaves while it rests leaves what is left to the next"
        );
    });
    waiting.clear();
    is_a_flood();
    assert_eq!(
        due(&turn, worked, worked),
        Duration::ZERO,
        "those who left do not count"
    );
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

#[test]
fn those_who_began_to_wait_at_once_give_up_one_after_another() {
    let waiting: Vec<_> = (0..64).map(|nth| MEASURE.patience_of(nth)).collect();
    assert_eq!(waiting[0], MEASURE.patience);
    assert!(waiting.windows(2).all(|two| two[1] < two[0]));
    assert!(waiting[63] > MEASURE.patience * 3 / 4);
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
            Begun::Waiting(turn, _) => waiting.push((key, turn)),
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
