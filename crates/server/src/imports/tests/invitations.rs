//! Invitations to interviews, updates and cancellations.

use super::*;

#[test]
fn an_invitation_for_a_panel_schedules_the_interview_and_collects_the_panel() {
    let mut mara = Mara::new();
    assert_eq!(
        mara.import(Format::Ics, INVITATION),
        [(
            24,
            Ok(vec!["ContactCollected", "ContactCollected", "InterviewScheduled"])
        )]
    );
    let interview = mara.interview();
    assert_eq!(interview.starts_at.to_string(), "2026-09-23T16:30:00-07:00");
    assert_eq!(interview.ends_at.to_string(), "2026-09-23T17:45:00-07:00");
    assert_eq!(interview.time_zone.name(), "America/Los_Angeles");
    assert_eq!(interview.format, Held::Video);
    assert_eq!(
        interview.location.unwrap().as_str(),
        "https://meet.google.com/qwe-rtzu-iop"
    );
    let names: Vec<&str> = interview
        .interviewers
        .iter()
        .map(|id| mara.candidate.contacts[id].name.as_str())
        .collect();
    assert_eq!(names, ["Priya Raman", "Tomás Ortega"]);
    let invited = &mara.candidate.history()[4];
    assert_eq!(invited.at.occurred_at, "2026-09-16T17:14:10Z".parse().unwrap());
}

#[test]
fn the_same_file_twice_records_nothing_twice() {
    let mut mara = Mara::new();
    for file in [(Format::Ics, INVITATION), (Format::Vcf, PRIYA), (Format::Vcf, TOMAS)] {
        assert!(!mara.imported(file.0, file.1).is_empty());
        assert!(mara.imported(file.0, file.1).is_empty());
    }
    let version = mara.candidate.version;
    assert!(mara.imported(Format::Ics, INVITATION).is_empty());
    assert_eq!(mara.candidate.version, version);
    let rows = mara.plan(Format::Ics, INVITATION).unwrap();
    assert!(matches!(
        rows[0].result.as_ref().unwrap()[0].decided,
        Decided::Already(_)
    ));
}

#[test]
fn a_higher_sequence_moves_the_interview_and_an_older_message_does_not_move_it_back() {
    let mut mara = Mara::new();
    let first = times("SEQUENCE:0\r\nDTSTART:20261201T090000Z\r\nDTEND:20261201T100000Z");
    let second = times("SEQUENCE:1\r\nDTSTART:20261202T090000Z\r\nDTEND:20261202T100000Z");
    assert_eq!(mara.imported(Format::Ics, &first), ["InterviewScheduled"]);
    assert_eq!(mara.imported(Format::Ics, &second), ["InterviewRescheduled"]);
    for file in [&first, &second] {
        assert!(mara.imported(Format::Ics, file).is_empty());
        assert_eq!(
            mara.interview().starts_at.timestamp(),
            "2026-12-02T09:00:00Z".parse().unwrap()
        );
    }
    // An older one that was never seen.
    let lost = first
        .replace("20261101T080000Z", "20261031T080000Z")
        .replace("20261201T", "20261130T");
    assert!(mara.imported(Format::Ics, &lost).is_empty());
    // Back to the first times, in a newer message.
    let third = first.replace("SEQUENCE:0", "SEQUENCE:2");
    assert_eq!(mara.imported(Format::Ics, &third), ["InterviewRescheduled"]);
    assert_eq!(
        mara.interview().starts_at.timestamp(),
        "2026-12-01T09:00:00Z".parse().unwrap()
    );
}

#[test]
fn all_messages_of_an_interview_may_be_in_one_file() {
    let mut mara = Mara::new();
    let first = times("DTSTART:20261201T090000Z\r\nDTEND:20261201T100000Z");
    let second = times("SEQUENCE:1\r\nDTSTART:20261202T090000Z\r\nDTEND:20261202T100000Z");
    let off = first
        .replace("METHOD:REQUEST", "METHOD:CANCEL")
        .replace("UID:one", "UID:one\r\nSEQUENCE:2");
    let names = mara.imported(Format::Ics, &[first, second, off].concat());
    assert_eq!(
        names,
        ["InterviewScheduled", "InterviewRescheduled", "InterviewCancelled"]
    );
}

#[test]
fn a_cancellation_cancels_whether_the_method_or_the_status_says_so() {
    let invited = times("DTSTART:20261201T090000Z\r\nDTEND:20261201T100000Z");
    for off in [
        invited.replace("METHOD:REQUEST", "METHOD:CANCEL"),
        times("SEQUENCE:1\r\nSTATUS:CANCELLED\r\nDTSTART:20261201T090000Z"),
    ] {
        let mut mara = Mara::new();
        let unknown = mara.plan(Format::Ics, &off).unwrap();
        assert_eq!(unknown[0].result.as_ref().unwrap_err().code(), Code::UnknownReference);
        mara.imported(Format::Ics, &invited);
        assert_eq!(mara.imported(Format::Ics, &off), ["InterviewCancelled"]);
        assert_eq!(mara.interview().status, InterviewStatus::Cancelled);
        assert!(mara.imported(Format::Ics, &off).is_empty());
        assert!(mara.imported(Format::Ics, &invited).is_empty());
        // Arranged anew, it is another interview; the next cancellation is that one's.
        let anew = invited.replace("20261101T", "20261102T");
        assert_eq!(mara.imported(Format::Ics, &anew), ["InterviewScheduled"]);
        let off_again = anew.replace("METHOD:REQUEST", "METHOD:CANCEL");
        assert_eq!(mara.imported(Format::Ics, &off_again), ["InterviewCancelled"]);
        assert!(
            mara.interviews()
                .iter()
                .all(|it| it.status == InterviewStatus::Cancelled)
        );
    }
}

#[test]
fn what_was_taken_back_can_be_imported_again() {
    let mut mara = Mara::new();
    let invited = times("DTSTART:20261201T090000Z\r\nDTEND:20261201T100000Z");
    mara.imported(Format::Ics, &invited);
    let scheduled = mara.candidate.history().last().unwrap().at.event;
    mara.record(
        "FactRetracted",
        json!({"reason": "The wrong application."}),
        Some(scheduled.into()),
    );
    assert!(mara.interviews().is_empty());
    assert_eq!(mara.imported(Format::Ics, &invited), ["InterviewScheduled"]);
    assert!(mara.imported(Format::Ics, &invited).is_empty());
}

#[test]
fn a_new_panel_member_is_named_and_a_corrected_panel_is_left_alone_once_held() {
    let mut mara = Mara::new();
    mara.imported(Format::Ics, INVITATION);
    let newer = INVITATION
        .replace("20260916T1714", "20260917T1714")
        .replace("priya.raman", "paul.ito")
        .replace("CN=Priya Raman", "CN=Paul Ito");
    assert_eq!(
        mara.imported(Format::Ics, &newer),
        ["ContactCollected", "InterviewersNamed"]
    );
    let interview = mara.interview();
    mara.record(
        "InterviewHeld",
        json!({"ended_at": "2026-09-23T17:45:00-07:00"}),
        Some(interview.id.into()),
    );
    let later = INVITATION.replace("20260916T1714", "20260924T1714");
    assert!(mara.imported(Format::Ics, &later).is_empty());
}

#[test]
fn an_update_that_is_imported_late_still_moves_the_interview_and_a_panel_named_since_stands() {
    let mut mara = Mara::new();
    mara.imported(Format::Ics, INVITATION);
    let interview = mara.interview();
    let tomas = interview.interviewers[1];
    mara.record(
        "InterviewersNamed",
        json!({"interviewers": [tomas]}),
        Some(interview.id.into()),
    );
    let update = INVITATION
        .replace("20260916T1714", "20260917T1714")
        .replace("20260923T", "20260924T");
    mara.imported(Format::Ics, &update);
    assert_eq!(mara.interview().starts_at.to_string(), "2026-09-24T16:30:00-07:00");
    assert_eq!(mara.interview().interviewers, [tomas]);
    assert!(mara.imported(Format::Ics, &update).is_empty());
}

#[test]
fn one_of_a_series_is_the_same_in_whatever_zone_it_is_named() {
    let mut mara = Mara::new();
    let times = "DTSTART:20261201T090000Z\r\nDURATION:PT1H";
    let first = event(&format!("RECURRENCE-ID:20261130T090000Z\r\n{times}"));
    let other = event(&format!("RECURRENCE-ID:20261207T090000Z\r\n{times}"));
    assert_eq!(mara.imported(Format::Ics, &first), ["InterviewScheduled"]);
    assert_eq!(mara.imported(Format::Ics, &other), ["InterviewScheduled"]);
    let named = "RECURRENCE-ID;TZID=Europe/Stockholm:20261130T100000";
    let moved = event(&format!("{named}\r\nSEQUENCE:1\r\n{}", times.replace("1201", "1202")));
    assert_eq!(mara.imported(Format::Ics, &moved), ["InterviewRescheduled"]);
}

#[test]
fn times_are_read_in_utc_in_named_zones_and_in_the_zones_that_the_file_defines() {
    let zone = |id: &str, more: &str| {
        format!(
            "BEGIN:VTIMEZONE\r\nTZID:{id}\r\n{more}BEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nTZOFFSETFROM:-0500\r\nTZOFFSETTO:-0500\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
        )
    };
    let head = "METHOD:REQUEST\r\n";
    for (calendar, start, starts_at, name) in [
        (
            "",
            "DTSTART:20261201T090000Z",
            "2026-12-01T10:00:00+01:00",
            "Europe/Stockholm",
        ),
        (
            "X-WR-TIMEZONE:America/New_York\r\n",
            "DTSTART:20261201T140000Z",
            "2026-12-01T09:00:00-05:00",
            "America/New_York",
        ),
        (
            "",
            "DTSTART:20261201T090000",
            "2026-12-01T09:00:00+01:00",
            "Europe/Stockholm",
        ),
        (
            "",
            "DTSTART;TZID=America/New_York:20260601T090000",
            "2026-06-01T09:00:00-04:00",
            "America/New_York",
        ),
        (
            "",
            "DTSTART;TZID=\"Eastern Standard Time\":20261201T090000",
            "2026-12-01T09:00:00-05:00",
            "America/New_York",
        ),
        (
            "",
            "DTSTART;TZID=/freeassociation.sourceforge.net/Europe/Berlin:20261201T090000",
            "2026-12-01T09:00:00+01:00",
            "Europe/Berlin",
        ),
        (
            "",
            "DTSTART;TZID=UTC+11:20261201T090000",
            "2026-12-01T09:00:00+11:00",
            "Etc/GMT-11",
        ),
        (
            &zone("Lima here", "X-LIC-LOCATION:America/Lima\r\n"),
            "DTSTART;TZID=Lima here:20261201T090000",
            "2026-12-01T09:00:00-05:00",
            "America/Lima",
        ),
    ] {
        let mut mara = Mara::new();
        let file = event(&format!("{start}\r\nDURATION:PT45M")).replace(head, &format!("{head}{calendar}"));
        assert_eq!(mara.imported(Format::Ics, &file), ["InterviewScheduled"], "{start}");
        let interview = mara.interview();
        assert_eq!(
            (interview.starts_at.to_string().as_str(), interview.time_zone.name()),
            (starts_at, name)
        );
        assert_eq!(
            interview
                .ends_at
                .timestamp()
                .duration_since(interview.starts_at.timestamp())
                .as_mins(),
            45
        );
    }
}

#[test]
fn a_poisoned_row_says_what_is_wrong_and_the_rest_is_read() {
    let mara = Mara::new();
    for (lines, code, pointer) in [
        ("DTEND:20261201T100000Z", Code::Invalid, "/starts_at"),
        ("DTSTART:20261201T090000Z", Code::Invalid, "/ends_at"),
        (
            "DTSTART;VALUE=DATE:20261201\r\nDTEND;VALUE=DATE:20261202",
            Code::Invalid,
            "/starts_at",
        ),
        (
            "DTSTART:20260230T090000Z\r\nDTEND:20261201T100000Z",
            Code::Invalid,
            "/starts_at",
        ),
        ("DTSTART:soon\r\nDTEND:20261201T100000Z", Code::Invalid, "/starts_at"),
        (
            "DTSTART;TZID=Narnia/Lamp Post:20261201T090000\r\nDURATION:PT1H",
            Code::Invalid,
            "/time_zone",
        ),
        (
            "DTSTART:20261201T090000Z\r\nDTEND:20261201T080000Z",
            Code::EndsBeforeStart,
            "/ends_at",
        ),
        (
            "DTSTART:20261201T090000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY",
            Code::Invalid,
            "/starts_at",
        ),
    ] {
        let good = times("DTSTART:20261201T090000Z\r\nDTEND:20261201T100000Z").replace("UID:one", "UID:two");
        let rows = mara.plan(Format::Ics, &(event(lines) + &good)).unwrap();
        let problem = rows[0].result.as_ref().unwrap_err();
        assert_eq!(
            (problem.code(), problem.errors()[0].pointer.as_str()),
            (code, pointer),
            "{lines}"
        );
        assert!(rows[1].result.is_ok());
    }
    let cut = &INVITATION[..INVITATION.len() - 40];
    assert_eq!(
        mara.plan(Format::Ics, cut).unwrap()[0]
            .result
            .as_ref()
            .unwrap_err()
            .code(),
        Code::Malformed
    );
}

#[test]
fn a_new_invitation_needs_an_application_and_a_reply_is_no_invitation() {
    let mara = Mara::new();
    let known = |application| Known {
        candidate: mara.candidate.clone(),
        application,
        now: now(),
        by: "key".into(),
    };
    let refused = |text: &str, known| {
        read(Format::Ics, None, text.as_bytes(), known)
            .unwrap()
            .remove(0)
            .result
            .unwrap_err()
    };
    assert_eq!(refused(INVITATION, known(None)).errors()[0].pointer, "?application");
    let reply = INVITATION.replace("METHOD:REQUEST", "METHOD:REPLY");
    assert!(
        refused(&reply, known(Some(mara.application)))
            .to_string()
            .contains("REPLY")
    );
}

#[test]
fn rooms_resources_and_who_declined_interview_nobody() {
    let mut mara = Mara::new();
    let attendees = [
        "ATTENDEE;CUTYPE=ROOM;CN=Berlin 4.12:mailto:room412@northwind.example",
        "ATTENDEE;CUTYPE=RESOURCE;CN=Projector:mailto:c_1@resource.calendar.google.com",
        "ATTENDEE;PARTSTAT=DECLINED;CN=Otto:mailto:otto@northwind.example",
        "ATTENDEE;CN=M. Lindqvist:MAILTO:mara.lindqvist@EXAMPLE.net",
        "ATTENDEE;CN=Mara Lindqvist:mailto:mara@other.example",
        "ATTENDEE;CN=\"Raman, Priya\":mailto:priya.raman@northwind.example",
        "ATTENDEE:mailto:Priya.Raman@northwind.example",
        "ATTENDEE;CN=Conf:invalid:nomail",
    ];
    let file = times(&format!(
        "DTSTART:20261201T090000Z\r\nDURATION:PT1H\r\nORGANIZER:mailto:jonas@northwind.example\r\n{}",
        attendees.join("\r\n")
    ));
    mara.imported(Format::Ics, &file);
    let names: Vec<&str> = mara
        .candidate
        .contacts
        .values()
        .map(|contact| contact.name.as_str())
        .collect();
    assert_eq!(mara.interview().interviewers.len(), 2);
    assert!(names.contains(&"Raman, Priya") && names.contains(&"Conf"), "{names:?}");
}

#[test]
fn the_interviews_id_follows_from_the_invitation() {
    let ids: Vec<InterviewId> = (0..2)
        .map(|_| {
            let mut mara = Mara::new();
            mara.imported(Format::Ics, INVITATION);
            mara.interview().id
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn invitations_of_exchange_and_of_booking_tools_are_read() {
    let outlook = include_str!("../../../tests/files/outlook.ics");
    let booking = include_str!("../../../tests/files/booking.ics");
    let mut mara = Mara::new();
    assert_eq!(
        mara.imported(Format::Ics, outlook),
        ["ContactCollected", "InterviewScheduled"]
    );
    let interview = mara.interview();
    assert_eq!(interview.starts_at.to_string(), "2026-12-03T14:00:00+01:00");
    assert_eq!(
        (interview.time_zone.name(), interview.format),
        ("Europe/Berlin", Held::Video)
    );
    assert!(mara.imported(Format::Ics, outlook).is_empty());
    let mut mara = Mara::new();
    assert_eq!(mara.imported(Format::Ics, booking), ["InterviewScheduled"]);
    assert_eq!(mara.interview().format, Held::Phone);
    let cancelled = booking.replace("SUMMARY", "STATUS:CANCELLED\r\nSEQUENCE:1\r\nSUMMARY");
    assert_eq!(mara.imported(Format::Ics, &cancelled), ["InterviewCancelled"]);
}

#[test]
fn a_series_of_one_is_one_and_another_method_says_what_it_is() {
    let mara = Mara::new();
    let once = times("DTSTART:20261201T090000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;COUNT=1");
    assert!(mara.plan(Format::Ics, &once).unwrap()[0].result.is_ok());
    for (method, told) in [
        ("COUNTER", "another time"),
        ("REPLY", "answers"),
        ("DECLINECOUNTER", "answers"),
    ] {
        let file = INVITATION.replace("METHOD:REQUEST", &format!("METHOD:{method}"));
        let rows = mara.plan(Format::Ics, &file).unwrap();
        let problem = rows[0].result.as_ref().unwrap_err().to_string();
        assert!(problem.contains(told), "{problem}");
    }
}
