//! Tables as programs write them.

use afterword_domain::{applications::Status, contacts::ContactStatus};
use serde_json::json;

use super::*;
use crate::imports::ColumnMap;

const CONNECTIONS: &[u8] = include_bytes!("../../../tests/files/linkedin_connections.csv");
const APPLICATIONS: &[u8] = include_bytes!("../../../tests/files/linkedin_job_applications.csv");
const SAVED: &[u8] = include_bytes!("../../../tests/files/linkedin_saved_jobs.csv");
const HUNTR: &[u8] = include_bytes!("../../../tests/files/huntr_jobs.csv");
const HUNTR_ACTIVITIES: &[u8] = include_bytes!("../../../tests/files/huntr_activities.csv");
const GOOGLE: &[u8] = include_bytes!("../../../tests/files/google_contacts.csv");
const TEAL: &[u8] = include_bytes!("../../../tests/files/teal.csv");
const UTF_16: &[u8] = include_bytes!("../../../tests/files/contacts_utf16.csv");

/// Teal's export, as `docs/imports.md` reads it.
const TEAL_MAP: &str = r#"{"target": "applications",
    "columns": {"position": "Job Title", "organisation": "Company", "status": "Status", "url": "Link",
                "date": ["Date Applied", "Date Saved"]},
    "dates": ["%m/%d/%Y"], "source": "Teal",
    "statuses": {"Bookmarked": "found", "Applying": "found", "Not Selected": "rejected", "Accepted": "accepted",
                 "I Withdrew": "withdrawn", "*": "applied"}}"#;

/// What became of each row: its line, and its new facts or the place of its problem.
type Told = Vec<(usize, Result<Vec<&'static str>, String>)>;

impl Mara {
    fn reads(&self, format: Format, map: Option<&str>, bytes: &[u8]) -> Result<Vec<Row>, Problem> {
        let known = Known {
            candidate: self.candidate.clone(),
            application: None,
            now: now(),
            by: "key".into(),
        };
        let map = map.map(|map| ColumnMap::read(map).unwrap());
        read(format, map.as_ref(), bytes, known)
    }

    fn takes(&mut self, format: Format, map: Option<&str>, bytes: &[u8]) -> Told {
        let rows = self.reads(format, map, bytes).unwrap();
        let place = |problem: &Problem| {
            problem
                .errors()
                .first()
                .map_or_else(|| problem.to_string(), |it| it.pointer.clone())
        };
        let mut told = Vec::new();
        for row in rows {
            let new = row.result.map_err(|problem| place(&problem)).map(|planned| {
                let decide =
                    |it: super::super::Planned| decide(&mut self.candidate, it.proposal, now(), &"key".into()).unwrap();
                let decided: Vec<Decided> = planned.into_iter().map(decide).collect();
                let names = decided.iter().filter_map(|decided| match decided {
                    Decided::Recorded(fact) => Some(fact.data.name()),
                    Decided::Already(_) => None,
                });
                names.collect()
            });
            told.push((row.line, new));
        }
        told
    }

    /// The same file again: nothing is new.
    fn has(&mut self, format: Format, map: Option<&str>, bytes: &[u8]) {
        let version = self.candidate.version;
        let again = self.takes(format, map, bytes);
        assert!(again.iter().flat_map(|(_, new)| new).all(Vec::is_empty), "{again:?}");
        assert_eq!(self.candidate.version, version);
    }
}

fn ok(line: usize, names: &[&'static str]) -> (usize, Result<Vec<&'static str>, String>) {
    (line, Ok(names.to_vec()))
}

fn bad(line: usize, pointer: &str) -> (usize, Result<Vec<&'static str>, String>) {
    (line, Err(pointer.to_owned()))
}

#[test]
fn linkedins_connections_become_contacts_and_connections() {
    const NEW: &[&str] = &["ContactCollected", "ConnectionNamed"];
    let mut mara = Mara::new();
    let told = mara.takes(Format::LinkedinConnections, None, CONNECTIONS);
    assert_eq!(
        told,
        [
            ok(5, NEW),
            ok(6, NEW),
            ok(7, NEW),
            bad(8, "/name"),
            bad(9, "/occurred_at")
        ]
    );
    mara.has(Format::LinkedinConnections, None, CONNECTIONS);
    let priya = mara.contact("priya.raman@northwind.example");
    assert_eq!(priya.title.as_ref().unwrap().as_str(), "Head of Platform Engineering");
    let named = serde_json::to_value(&mara.candidate.history().last().unwrap().data).unwrap();
    assert_eq!(named["origin"], "LinkedIn: connected on 30 November 2019.");
    // Nobody is owed a word since years.
    let due = mara
        .candidate
        .tasks
        .values()
        .filter_map(|task| task.due_at)
        .min()
        .unwrap();
    assert!(due > now(), "{due}");
}

#[test]
fn a_newer_and_longer_export_records_what_is_new_wherever_it_stands() {
    let mut mara = Mara::new();
    mara.takes(Format::LinkedinConnections, None, CONNECTIONS);
    let text = std::str::from_utf8(CONNECTIONS).unwrap();
    let (head, rows) = text.split_once("Connected On\n").unwrap();
    let tomas = rows.lines().nth(1).unwrap();
    // Tomás shows his address now and has moved up; somebody is new; the order is another.
    let moved = tomas
        .replace(",,Northwind", ",tomas@northwind.example,Northwind")
        .replace("Staff", "Principal");
    let newer = format!(
        "{head}Connected On\nAnna,Berg,https://www.linkedin.com/in/annab,,Acme,CTO,20 Nov 2026\n{moved}\n{rows}"
    );
    let told = mara.takes(Format::LinkedinConnections, None, newer.as_bytes());
    assert_eq!(
        told[..4],
        [
            ok(5, &["ContactCollected", "ConnectionNamed"]),
            ok(6, &["ContactRevised"]),
            ok(7, &[]),
            ok(8, &[])
        ]
    );
    let tomas = mara.contact("tomas@northwind.example");
    assert_eq!(tomas.title.as_ref().unwrap().as_str(), "Principal Engineer, Perception");
    mara.has(Format::LinkedinConnections, None, newer.as_bytes());
}

#[test]
fn what_was_put_right_by_hand_is_not_undone_by_the_same_file() {
    let mut mara = Mara::new();
    mara.takes(Format::LinkedinConnections, None, CONNECTIONS);
    let priya = mara.contact("priya.raman@northwind.example").id;
    mara.record(
        "ContactRevised",
        json!({"title": "CTO", "name": "Dr. Priya Raman"}),
        Some(priya.into()),
    );
    mara.has(Format::LinkedinConnections, None, CONNECTIONS);
    assert_eq!(mara.candidate.contacts[&priya].title.as_ref().unwrap().as_str(), "CTO");
    mara.record("ContactErased", json!({}), Some(priya.into()));
    let told = mara.takes(Format::LinkedinConnections, None, CONNECTIONS);
    assert!(told[0].1.as_ref().unwrap_err().contains("erased"), "{told:?}");
    assert_eq!(mara.candidate.contacts[&priya].status, ContactStatus::Erased);
}

#[test]
fn the_same_person_is_one_contact_in_whatever_file() {
    let mut mara = Mara::new();
    mara.imported(Format::Ics, INVITATION);
    let before = mara.candidate.contacts.len();
    let told = mara.takes(Format::LinkedinConnections, None, CONNECTIONS);
    // Priya was invited by the same address.
    assert_eq!(told[0], ok(5, &["ContactRevised", "ConnectionNamed"]));
    assert_eq!(mara.candidate.contacts.len(), before + 2);
}

#[test]
fn linkedins_applications_and_saved_jobs_are_applications_and_openings() {
    let mut mara = Mara::new();
    let told = mara.takes(Format::LinkedinSavedJobs, None, SAVED);
    assert_eq!(told, [ok(2, &["OpeningFound"]), ok(3, &["OpeningFound"])]);
    let told = mara.takes(Format::LinkedinJobApplications, None, APPLICATIONS);
    assert_eq!(told, [ok(2, &["ApplicationOpened"]), ok(5, &["ApplicationOpened"])]);
    let kestrel = mara.candidate.applications.values().map(|it| it.view(now()));
    let kestrel = kestrel
        .into_iter()
        .find(|it| it.organisation.name.as_str() == "Kestrel Robotics")
        .unwrap();
    assert_eq!(kestrel.applied_on.unwrap().to_string(), "2024-11-20");
    assert_eq!(kestrel.opened_at.to_string(), "2024-11-20T07:15:00Z");
    assert_eq!(kestrel.source.unwrap().as_str(), "LinkedIn");
    // It was saved before, under the same address.
    assert!(kestrel.opening.is_some());
    mara.has(Format::LinkedinJobApplications, None, APPLICATIONS);
    mara.has(Format::LinkedinSavedJobs, None, SAVED);
}

#[test]
fn huntrs_lists_say_where_a_job_stands_and_a_card_that_moved_is_the_same_job() {
    let mut mara = Mara::new();
    let told = mara.takes(Format::HuntrJobs, None, HUNTR);
    assert_eq!(
        told,
        [
            ok(2, &["OpeningFound"]),
            ok(4, &["ApplicationOpened"]),
            ok(5, &["ApplicationOpened", "RejectionReceived"]),
            bad(6, "/position"),
        ]
    );
    mara.has(Format::HuntrJobs, None, HUNTR);
    let text = std::str::from_utf8(HUNTR).unwrap();
    let moved = text
        .replace(",Wishlist,", ",Applied,")
        .replace(",l2,Applied,", ",l5,Rejected,");
    let told = mara.takes(Format::HuntrJobs, None, moved.as_bytes());
    assert_eq!(
        told[..3],
        [ok(2, &["ApplicationOpened"]), ok(4, &["RejectionReceived"]), ok(5, &[])]
    );
    let statuses = mara.candidate.applications.values().map(|it| it.status(now()));
    assert_eq!(statuses.filter(|status| *status == Status::Rejected).count(), 2);
}

#[test]
fn of_huntrs_activities_what_is_done_counts() {
    let mut mara = Mara::new();
    let told = mara.takes(Format::HuntrActivities, None, HUNTR_ACTIVITIES);
    assert_eq!(told, [ok(2, &["SearchActivityLogged"]), ok(4, &[])]);
    let logged = serde_json::to_value(&mara.candidate.history().last().unwrap().data).unwrap();
    assert_eq!(
        logged,
        json!({"kind": "networked", "remark": "Coffee with Priya\nShe knows\nthe CTO\nTailspin Toys"})
    );
    mara.has(Format::HuntrActivities, None, HUNTR_ACTIVITIES);
}

#[test]
fn google_contacts_are_contacts_and_the_first_of_several_values_counts() {
    let mut mara = Mara::new();
    let told = mara.takes(Format::GoogleContacts, None, GOOGLE);
    assert_eq!(
        told,
        [
            ok(2, &["ContactCollected"]),
            ok(5, &["ContactCollected"]),
            bad(6, "/name")
        ]
    );
    let joanna = mara.contact("joanna.weber@northwind.example");
    assert_eq!(joanna.phone.as_ref().unwrap().as_str(), "+1 415 555 0111");
    assert_eq!(joanna.postal_address.as_ref().unwrap().city.as_str(), "San Francisco");
    mara.has(Format::GoogleContacts, None, GOOGLE);
}

#[test]
fn any_table_is_read_by_a_column_map() {
    let mut mara = Mara::new();
    let told = mara.takes(Format::Csv, Some(TEAL_MAP), TEAL);
    assert_eq!(
        told,
        [
            ok(2, &["ApplicationOpened"]),
            ok(3, &["ApplicationOpened", "RejectionReceived"]),
            ok(4, &["OpeningFound"]),
        ]
    );
    let names: Vec<String> = mara
        .candidate
        .applications
        .values()
        .map(|it| it.view(now()).organisation.name.to_string())
        .collect();
    assert!(
        names.contains(&"Ådalen Söftware".to_owned()),
        "Windows wrote it: {names:?}"
    );
    mara.has(Format::Csv, Some(TEAL_MAP), TEAL);
    let map = r#"{"target": "contacts", "columns": {"name": "Name", "email": "E-mail"}}"#;
    assert_eq!(
        mara.takes(Format::Csv, Some(map), UTF_16),
        [ok(2, &["ContactCollected"])]
    );
    assert_eq!(mara.contact("ozlem@fabrikam.example").name.as_str(), "Özlem Güneş");
}

#[test]
fn a_file_of_another_kind_is_told_from_the_named_one() {
    let mara = Mara::new();
    let refused = |format, map, bytes: &[u8]| mara.reads(format, map, bytes).unwrap_err();
    let problem = refused(Format::LinkedinConnections, None, SAVED);
    assert_eq!(problem.code(), Code::Malformed);
    assert!(
        problem.to_string().contains("`format=linkedin_saved_jobs`"),
        "{problem}"
    );
    for format in Format::ALL.iter().filter(|it| ![Format::Csv, Format::Eml].contains(it)) {
        for bytes in [&b""[..], b"\0\x01", b"{}", b"a,b\n1,2\n", b"%PDF-1.7\n\x00"] {
            assert_eq!(refused(*format, None, bytes).code(), Code::Malformed, "{format:?}");
        }
    }
    assert_eq!(refused(Format::Csv, None, SAVED).errors()[0].pointer, "?map");
    let map = r#"{"target": "contacts", "columns": {"name": "Name", "email": "Mail"}}"#;
    assert_eq!(
        refused(Format::Csv, Some(map), UTF_16).errors()[0].pointer,
        "?map/columns/email"
    );
    let many = format!("Name\n{}", "A\n".repeat(10_001));
    let map = r#"{"target": "contacts", "columns": {"name": "Name"}}"#;
    assert_eq!(refused(Format::Csv, Some(map), many.as_bytes()).code(), Code::Invalid);
    let many = format!("Firm,Post\n{}", "A,B\n".repeat(1001));
    let map = r#"{"target": "openings", "columns": {"organisation": "Firm", "position": "Post"}}"#;
    assert_eq!(refused(Format::Csv, Some(map), many.as_bytes()).code(), Code::Invalid);
    let header = "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n";
    assert_eq!(
        refused(Format::LinkedinConnections, None, header.as_bytes()).code(),
        Code::Malformed
    );
}
