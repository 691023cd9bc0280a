use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn an_instant_needs_an_offset_and_keeps_it() {
    let instant: Instant = "2026-03-02T15:00:00+01:00".parse().unwrap();
    assert_eq!(instant.to_string(), "2026-03-02T15:00:00+01:00");
    assert!("2026-03-02T15:00:00".parse::<Instant>().is_err());
    assert!("2026-03-02".parse::<Instant>().is_err());
    assert!("2026-02-30T15:00:00Z".parse::<Instant>().is_err());
    assert!("next week, at fifteen hours".parse::<Instant>().is_err());
}

#[test]
fn a_zone_denies_an_offset_that_it_does_not_use_that_day() {
    let berlin: Zone = "Europe/Berlin".parse().unwrap();
    let instant = |text: &str| text.parse::<Instant>().unwrap();
    assert!(instant("2026-03-02T15:00:00+01:00").suits(&berlin));
    assert!(!instant("2026-07-02T15:00:00+01:00").suits(&berlin));
    assert!(instant("2026-07-02T15:00:00Z").suits(&berlin));
}

#[test]
fn twenty_four_hours_are_not_a_day_when_the_clocks_change() {
    let berlin: Zone = "Europe/Berlin".parse().unwrap();
    let before = at("2026-03-28T15:00:00+01:00");
    assert_eq!(
        Period::Hours(24).due_after(before, &berlin, &Holidays::default()),
        at("2026-03-29T16:00:00+02:00")
    );
    assert_eq!(
        Period::Days(1).due_after(before, &berlin, &Holidays::default()),
        at("2026-03-29T15:00:00+02:00")
    );
}

#[test]
fn working_days_leave_the_weekend_out() {
    let utc = Zone::UTC;
    let thursday = at("2026-03-05T11:30:00Z");
    assert_eq!(
        Period::WorkingDays(5).opens_after(thursday, &utc, &Holidays::default()),
        at("2026-03-12T09:00:00Z")
    );
    assert_eq!(
        Period::WorkingDays(2).due_after(thursday, &utc, &Holidays::default()),
        at("2026-03-09T17:00:00Z")
    );
}

#[test]
fn the_value_that_happened_last_stands_whatever_was_recorded_first() {
    let stamp = |at: i64, version| Stamp {
        at: Timestamp::from_second(at).unwrap(),
        version,
    };
    let mut one = Dated::base("made");
    one.offer(stamp(20, 2), "later");
    one.offer(stamp(10, 3), "earlier");
    assert_eq!(*one.get(), "later");
}

#[test]
fn an_instant_is_written_as_the_rfc_has_it() {
    for odd in [
        "2026-03-02T15:00Z",
        "2026-03-02T15:00+01:00",
        "2026-03-02 15:00:00+01:00",
        "2026-03-02T15:00:00,5Z",
        "20260302T150000+01:00",
    ] {
        assert!(odd.parse::<Instant>().is_err(), "{odd}");
    }
}

#[test]
fn an_instant_in_a_zone_of_odd_seconds_can_be_read_again() {
    let kiritimati: Zone = "Pacific/Kiritimati".parse().unwrap();
    let then = Instant::in_zone("1900-01-01T00:00:00Z".parse().unwrap(), &kiritimati);
    assert_eq!(then.to_string().parse::<Instant>(), Ok(then));
    assert!(then.suits(&kiritimati));
}
