use jiff::Span;

use super::{
    period::{ENDS, OPENS},
    *,
};

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

#[test]
fn a_leap_day_is_a_day() {
    let kathmandu: Zone = "Asia/Kathmandu".parse().unwrap();
    let none = Holidays::default();
    let after = |period: Period, from: &str| period.due_after(at(from), &kathmandu, &none);
    assert_eq!(
        after(Period::Days(1), "2028-02-28T15:00:00+05:45"),
        at("2028-02-29T15:00:00+05:45")
    );
    assert_eq!(
        after(Period::Days(1), "2028-02-29T15:00:00+05:45"),
        at("2028-03-01T15:00:00+05:45")
    );
    // A Tuesday in 2028.
    assert_eq!(
        after(Period::WorkingDays(1), "2028-02-28T15:00:00+05:45"),
        at("2028-02-29T17:00:00+05:45")
    );
    assert_eq!(
        Period::Days(1).before(at("2028-03-01T09:00:00+05:45"), &kathmandu, &none),
        at("2028-02-29T09:00:00+05:45")
    );
}

#[test]
fn a_day_that_a_zone_left_out_is_stepped_over() {
    // Samoa had no 30 December 2011.
    let apia: Zone = "Pacific/Apia".parse().unwrap();
    let none = Holidays::default();
    let thursday = at("2011-12-29T15:00:00-10:00");
    assert_eq!(
        Period::Days(1).due_after(thursday, &apia, &none),
        at("2011-12-31T15:00:00+14:00")
    );
    assert_eq!(
        Period::Hours(24).due_after(thursday, &apia, &none),
        at("2011-12-30T15:00:00-10:00")
    );
    assert!(Period::WorkingDays(1).opens_after(thursday, &apia, &none) > thursday);
}

#[test]
fn half_an_hour_of_summer_time_is_half_an_hour() {
    let lord_howe: Zone = "Australia/Lord_Howe".parse().unwrap();
    let none = Holidays::default();
    let before = at("2026-04-04T15:00:00+11:00");
    assert_eq!(
        Period::Days(1).due_after(before, &lord_howe, &none),
        at("2026-04-05T15:00:00+10:30")
    );
    assert_eq!(
        Period::Hours(24).due_after(before, &lord_howe, &none),
        at("2026-04-05T14:30:00+10:30")
    );
}

const ZONES: [&str; 10] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Apia",
    "America/St_Johns",
    "Africa/Casablanca",
    "Asia/Tehran",
    "Pacific/Kiritimati",
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn working_days_open_at_nine_of_a_day_on_which_people_work(
        zone in proptest::sample::select(ZONES.as_slice()),
        from in 1_600_000_000_i64..2_000_000_000,
        days in 1..40_i16,
        off in proptest::collection::btree_set(0..60_i32, 0..12),
    ) {
        let zone: Zone = zone.parse().unwrap();
        let from = Timestamp::from_second(from).unwrap();
        let today = day(from, &zone);
        let free = |after: i32| Date::from(today.checked_add(Span::new().days(after)).unwrap());
        let holidays: Holidays = off.into_iter().map(free).collect();
        let opens_at = Period::WorkingDays(days).opens_after(from, &zone, &holidays);
        let local = opens_at.to_zoned(zone.time_zone().clone());
        proptest::prop_assert_eq!(local.time(), OPENS);
        proptest::prop_assert!(holidays.works(local.date()));
        // Between the two lie as many days of work, the last one counted.
        let mut worked = 0;
        let mut date = today;
        while date < local.date() {
            date = date.tomorrow().unwrap();
            worked += i16::from(holidays.works(date));
        }
        proptest::prop_assert_eq!(worked, days);
        let due_at = Period::WorkingDays(days).due_after(from, &zone, &holidays);
        proptest::prop_assert_eq!(due_at.to_zoned(zone.time_zone().clone()).time(), ENDS);
    }

    #[test]
    fn days_keep_the_time_of_day_and_hours_do_not(
        zone in proptest::sample::select(ZONES.as_slice()),
        from in 1_600_000_000_i64..2_000_000_000,
        count in 1..400_i16,
    ) {
        let zone: Zone = zone.parse().unwrap();
        let none = Holidays::default();
        let from = Timestamp::from_second(from).unwrap();
        let then = from.to_zoned(zone.time_zone().clone());
        let later = Period::Days(count).due_after(from, &zone, &none);
        let local = later.to_zoned(zone.time_zone().clone());
        let meant = then.datetime().checked_add(Span::new().days(count)).unwrap();
        // A time of day that the clocks skip is the first one after it.
        let skipped = zone.time_zone().to_ambiguous_timestamp(meant).is_ambiguous();
        proptest::prop_assert!(skipped || local.datetime() == meant, "{} {}", local, meant);
        let hours = Period::Hours(count).due_after(from, &zone, &none);
        proptest::prop_assert_eq!(hours.as_second() - from.as_second(), i64::from(count) * 3600);
    }
}
