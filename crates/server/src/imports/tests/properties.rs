//! Whatever bytes come, whatever was done to a file on its way: nothing panics, and nothing takes for ever.

use proptest::prelude::*;

use super::*;
use crate::{edge::clock::stopwatch, imports::ColumnMap};

macro_rules! files {
    ($($format:ident $name:literal)+) => {
        const FILES: &[(Format, &[u8])] =
            &[$((Format::$format, include_bytes!(concat!("../../../tests/files/", $name)))),+];
    };
}

files! {
    Ics "outlook.ics"
    Ics "booking.ics"
    Vcf "old.vcf"
    Vcf "latin.vcf"
    Eml "rejection.eml"
    Eml "reschedule.eml"
    Eml "after_interview.eml"
    Eml "acknowledgment.eml"
    Eml "invitation_google.eml"
    Eml "invitation_outlook.eml"
    LinkedinConnections "linkedin_connections.csv"
    LinkedinJobApplications "linkedin_job_applications.csv"
    LinkedinSavedJobs "linkedin_saved_jobs.csv"
    HuntrJobs "huntr_jobs.csv"
    HuntrActivities "huntr_activities.csv"
    GoogleContacts "google_contacts.csv"
    Csv "teal.csv"
    Csv "contacts_utf16.csv"
}

const MAP: &str = r#"{"target": "applications", "columns": {"position": "Job Title", "organisation": "Company"}}"#;

fn known(mara: &Mara) -> Known {
    Known {
        candidate: mara.candidate.clone(),
        application: None,
        now: now(),
        by: "key".into(),
    }
}

fn reads(mara: &Mara, format: Format, bytes: &[u8]) {
    let map = ColumnMap::read(MAP).unwrap();
    let rows = read(format, Some(&map), bytes, known(mara)).unwrap_or_default();
    // Whatever is proposed can be recorded, and then it is there.
    let mut candidate = mara.candidate.clone();
    for planned in rows.into_iter().filter_map(|row| row.result.ok()).flatten() {
        decide(&mut candidate, planned.proposal, now(), &"key".into()).unwrap();
    }
}

fn splices() -> impl Strategy<Value = Vec<(usize, usize, Vec<u8>)>> {
    let bits = prop::sample::select(vec![
        &b"\r\n"[..],
        b"\n\n",
        b";",
        b",",
        b":",
        b"\"",
        b"\\",
        b"=",
        b"--",
        b"\t",
        b" ",
        b"99999999999999999999",
        b"-1",
        b"\xc3",
        b"\xff",
        b"\0",
        b"\xe2\x80\x99",
        b"<blockquote>",
        b"</p>",
        b"BEGIN:VEVENT\r\n",
        b"END:VCARD\r\n",
        b"RRULE:FREQ=SECONDLY\r\n",
        b"On Monday Ada wrote:\n",
        b"",
    ]);
    let bits = prop_oneof![
        3 => bits.prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, bits), 1..12).prop_map(|all| {
        all.into_iter()
            .map(|(at, length, with)| (at.index(1 << 20), length, with))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_bring_a_parser_down(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mara = Mara::new();
        for format in Format::ALL {
            reads(&mara, *format, &bytes);
        }
    }

    #[test]
    fn no_change_to_a_file_brings_its_parser_down(splices in splices()) {
        let mara = Mara::new();
        for (format, file) in FILES {
            let mut bytes = file.to_vec();
            for (at, length, with) in &splices {
                let at = at % (bytes.len() + 1);
                let end = (at + length).min(bytes.len());
                bytes.splice(at..end, with.iter().copied());
            }
            reads(&mara, *format, &bytes);
        }
    }
}

/// Files as large as a body may be, of what is slow to read.
#[test]
fn the_largest_files_are_read_in_bounded_time() {
    const LARGEST: usize = 1 << 20;
    let mara = Mara::new();
    let filled = |head: &str, with: &str| {
        let mut text = head.to_owned();
        while text.len() + with.len() <= LARGEST {
            text.push_str(with);
        }
        text
    };
    let headers = "From: Northwind Robotics <a@northwind.example>\r\nDate: Fri, 20 Nov 2026 14:02:10 +0100\r\n";
    let plain = format!("{headers}\r\n");
    let page = format!("{headers}Content-Type: text/html\r\n\r\n");
    let parts = format!("{headers}Content-Type: multipart/mixed; boundary=x\r\n\r\n");
    for (format, text) in [
        (Format::Ics, filled("BEGIN:VCALENDAR\r\n", "BEGIN:VEVENT\r\n")),
        (
            Format::Ics,
            filled(
                "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n",
                "ATTENDEE:mailto:a@b.example\r\n",
            ),
        ),
        (Format::Vcf, filled("", "BEGIN:VCARD\r\nFN:A\r\nEND:VCARD\r\n")),
        (
            Format::Eml,
            filled(&plain, "if \"we decided to move forward with other candidates "),
        ),
        (Format::Eml, filled(&plain, "> ")),
        (Format::Eml, filled(&plain, "thank you for applying to A at B. ")),
        (Format::Eml, filled(&page, "<blockquote><div>")),
        (
            Format::Eml,
            filled(&parts, "--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"),
        ),
        (
            Format::Eml,
            filled(&parts, "--x\r\nContent-Type: message/rfc822\r\n\r\n"),
        ),
        (Format::Eml, filled(headers, "Content-Type: message/rfc822\r\n\r\n")),
        (
            Format::LinkedinConnections,
            filled("First Name,Last Name,Company,Connected On\n", "\"A,B\n"),
        ),
        (
            Format::LinkedinConnections,
            filled("First Name,Last Name,Company,Connected On\n", "\"A\n"),
        ),
        (
            Format::LinkedinConnections,
            filled("First Name,Last Name,Company,Connected On\n", "A,B,C,1 Mar 2024\n"),
        ),
        (Format::LinkedinConnections, filled("", "\n")),
        (
            Format::LinkedinConnections,
            filled("First Name,Last Name,Company,Connected On\n\"", "x"),
        ),
    ] {
        let began = stopwatch();
        let _ = read(format, None, text.as_bytes(), known(&mara));
        let took = began.elapsed();
        // A tenth of it, as a rule; machines that build other things are slow.
        assert!(
            took.as_secs() < 20,
            "{format:?} {:?}: {took:?}",
            &text[text.len() - 60..]
        );
    }
}
