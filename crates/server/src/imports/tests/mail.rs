//! Mail as it is sent.

use afterword_domain::applications::Status;

use super::*;

const REJECTION: &[u8] = include_bytes!("../../../tests/files/rejection.eml");
const RESCHEDULE: &[u8] = include_bytes!("../../../tests/files/reschedule.eml");
const AFTER_INTERVIEW: &[u8] = include_bytes!("../../../tests/files/after_interview.eml");
const ACKNOWLEDGMENT: &[u8] = include_bytes!("../../../tests/files/acknowledgment.eml");
const GOOGLE: &[u8] = include_bytes!("../../../tests/files/invitation_google.eml");
const OUTLOOK: &[u8] = include_bytes!("../../../tests/files/invitation_outlook.eml");

impl Mara {
    fn opens(&self, bytes: &[u8], application: Option<ApplicationId>) -> Vec<Row> {
        let known = Known {
            candidate: self.candidate.clone(),
            application,
            now: now(),
            by: "key".into(),
        };
        read(Format::Eml, None, bytes, known).unwrap()
    }

    /// Records everything that a message proposes.
    fn accepts(&mut self, bytes: &[u8]) -> Vec<&'static str> {
        let rows = self.opens(bytes, None);
        let planned = rows.into_iter().flat_map(|row| row.result.unwrap());
        let mut names = Vec::new();
        for it in planned {
            if let Decided::Recorded(fact) = decide(&mut self.candidate, it.proposal, now(), &"key".into()).unwrap() {
                names.push(fact.data.name());
            }
        }
        names
    }
}

fn data(row: &Row) -> Vec<(String, Value)> {
    let facts = row.result.as_ref().unwrap().iter();
    facts
        .map(|it| {
            let fact = it.decided.envelope();
            (fact.data.name().to_owned(), serde_json::to_value(&fact.data).unwrap())
        })
        .collect()
}

fn words(row: &Row) -> Vec<(&str, &str, &str)> {
    let evidence = row.evidence.iter();
    evidence
        .map(|it| (it.about.as_str(), it.field, it.words.as_deref().unwrap_or(&it.quote)))
        .collect()
}

fn message(from: &str, body: &str) -> Vec<u8> {
    format!("From: {from}\r\nTo: mara.lindqvist@example.net\r\nSubject: Your application\r\nDate: Fri, 20 Nov 2026 14:02:10 +0100\r\nMessage-ID: <x@y>\r\n\r\n{body}\r\n")
        .into_bytes()
}

#[test]
fn a_rejection_is_proposed_with_the_words_that_say_so() {
    let mut mara = Mara::new();
    let rows = mara.opens(REJECTION, None);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    let (name, fact) = &data(row)[0];
    assert_eq!(
        (name.as_str(), &fact["channel"]),
        ("RejectionReceived", &json!("email"))
    );
    assert_eq!(
        words(row),
        [
            ("RejectionReceived", "body", "not to move forward with your application"),
            ("application", "from", "Northwind Robotics Recruiting"),
        ]
    );
    assert!(row.evidence[0].quote.starts_with("Unfortunately, we’ve decided not to"));
    let at = row.result.as_ref().unwrap()[0].decided.envelope().at.occurred_at;
    assert_eq!(at.to_string(), "2026-11-20T14:02:10Z");
    assert_eq!(mara.accepts(REJECTION), ["RejectionReceived"]);
    assert!(mara.accepts(REJECTION).is_empty());
    // Another message that says the same is no second rejection.
    let other = String::from_utf8(REJECTION.to_vec())
        .unwrap()
        .replace("<rej-1@", "<rej-2@");
    assert!(mara.accepts(other.as_bytes()).is_empty());
    let status = mara.candidate.application(mara.application).unwrap().status(now());
    assert_eq!(status, Status::Rejected);
}

#[test]
fn an_interview_that_moves_is_no_rejection_and_quoted_words_are_nobodys() {
    assert!(Mara::new().opens(RESCHEDULE, None).is_empty());
}

#[test]
fn documents_and_decision_dates_are_read_from_pages_too() {
    let mut mara = Mara::new();
    let rows = mara.opens(AFTER_INTERVIEW, None);
    let facts: Vec<(String, Value)> = rows.iter().flat_map(data).collect();
    let told = |name: &str, data: Value| (name.to_owned(), data);
    assert_eq!(
        facts,
        [
            told(
                "DecisionDatePromised",
                json!({"decide_by": "2026-11-27", "channel": "email"})
            ),
            told(
                "DocumentRequested",
                json!({"document": "references", "needed_by": "2026-11-24"})
            ),
            told(
                "DocumentRequested",
                json!({"document": "work samples", "needed_by": "2026-11-24"})
            ),
        ]
    );
    assert_eq!(
        words(&rows[0]),
        [
            ("DecisionDatePromised", "body", "let you know"),
            ("date", "body", "by the end of next week"),
            ("application", "from", "joanna.weber@northwind.example"),
        ]
    );
    assert_eq!(mara.accepts(AFTER_INTERVIEW).len(), 3);
    assert!(mara.accepts(AFTER_INTERVIEW).is_empty());
    // A reminder asks for nothing new.
    let reminder = String::from_utf8(AFTER_INTERVIEW.to_vec())
        .unwrap()
        .replace("<next-1@", "<next-2@");
    assert!(mara.accepts(reminder.as_bytes()).is_empty());
}

#[test]
fn an_acknowledgment_proposes_the_application_unless_it_is_on_record() {
    let mut mara = Mara::new();
    let rows = mara.opens(ACKNOWLEDGMENT, None);
    let facts: Vec<(String, Value)> = rows.iter().flat_map(data).collect();
    assert_eq!(facts[0].0, "ApplicationOpened");
    assert_eq!(
        facts[0].1,
        json!({"organisation": {"name": "Kestrel Robotics"}, "position": "Senior Site Reliability Engineer", "applied_on": "2026-11-18"})
    );
    assert_eq!(facts[1].1["decide_by"], "2026-12-02");
    assert_eq!(
        mara.accepts(ACKNOWLEDGMENT),
        ["ApplicationOpened", "DecisionDatePromised"]
    );
    assert!(mara.accepts(ACKNOWLEDGMENT).is_empty());
    let mut other = Mara::new();
    let opened = json!({"organisation": {"name": "Kestrel Robotics GmbH"}, "position": "Site Reliability Engineer"});
    other.record(
        "ApplicationOpened",
        opened,
        Some(ApplicationId::new(Uuid::from_u128(9)).into()),
    );
    assert_eq!(other.accepts(ACKNOWLEDGMENT), ["DecisionDatePromised"]);
    // What says neither where nor for what is told so.
    let vague = message("Careers <no-reply@ashbyhq.com>", "We have received your application.");
    let rows = mara.opens(&vague, None);
    assert_eq!(
        rows[0].result.as_ref().unwrap_err().errors()[0].pointer,
        "/organisation/name"
    );
}

#[test]
fn an_invitation_in_a_message_is_proposed_once() {
    for (bytes, line, starts_at, zone, interviewers) in [
        (GOOGLE, 45, "2026-09-23T16:30:00-07:00", "America/Los_Angeles", 2),
        (OUTLOOK, 0, "2026-12-03T14:00:00+01:00", "Europe/Berlin", 1),
    ] {
        let mut mara = Mara::new();
        let rows = mara.opens(bytes, None);
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert!(row.line > 10, "{line} {}", row.line);
        let (name, fact) = data(row).pop().unwrap();
        assert_eq!(name, "InterviewScheduled");
        assert_eq!(
            (&fact["starts_at"], &fact["time_zone"]),
            (&json!(starts_at), &json!(zone))
        );
        assert_eq!(fact["interviewers"].as_array().unwrap().len(), interviewers);
        assert_eq!(row.evidence[0].field, "calendar");
        assert!(!mara.accepts(bytes).is_empty());
        assert!(mara.accepts(bytes).is_empty());
    }
}

#[test]
fn where_two_applications_would_do_none_is_taken() {
    let mut mara = Mara::new();
    let opened = json!({"organisation": {"name": "Northwind Robotics"}, "position": "Data Engineer"});
    let other = ApplicationId::new(Uuid::from_u128(9));
    mara.record("ApplicationOpened", opened, Some(other.into()));
    let body = "We have decided not to move forward with your application.";
    let unsure = message("Northwind Robotics <jobs@northwind.example>", body);
    let problem = |rows: Vec<Row>| rows[0].result.as_ref().unwrap_err().errors()[0].clone();
    let told = problem(mara.opens(&unsure, None));
    assert_eq!(told.pointer, "?application");
    assert!(told.detail.contains("2 applications"), "{told:?}");
    // By the position that it names, or as the request says.
    let named = message(
        "jobs@northwind.example",
        &format!("As to the role of Data Engineer: {body}"),
    );
    for rows in [mara.opens(&named, None), mara.opens(&unsure, Some(other))] {
        let fact = rows[0].result.as_ref().unwrap()[0].decided.envelope();
        assert_eq!(fact.at.application, Some(other));
    }
    let nobodys = message("someone@elsewhere.example", body);
    assert!(problem(mara.opens(&nobodys, None)).detail.contains("cannot be told"));
}

#[test]
fn what_the_candidate_or_a_machine_wrote_proposes_nothing() {
    let mara = Mara::new();
    let body = "I have decided not to move forward with your application process.";
    let own = mara.opens(&message("Mara <Mara.Lindqvist@example.net>", body), None);
    assert!(
        own[0]
            .result
            .as_ref()
            .unwrap_err()
            .to_string()
            .contains("candidate wrote")
    );
    let away = String::from_utf8(message(
        "joanna@northwind.example",
        "We will get back to you within two weeks.",
    ))
    .unwrap();
    let away = away.replace("Message-ID", "Auto-Submitted: auto-replied\r\nMessage-ID");
    assert!(mara.opens(away.as_bytes(), None).is_empty());
    for none in [&b""[..], b"\0\0", b"BEGIN:VCALENDAR\r\n", b"{\"a\": 1}", b"a,b\n1,2\n"] {
        let known = Known {
            candidate: mara.candidate.clone(),
            application: None,
            now: now(),
            by: "key".into(),
        };
        assert_eq!(
            read(Format::Eml, None, none, known).unwrap_err().code(),
            Code::Malformed
        );
    }
}

#[test]
fn an_offer_says_by_when_an_answer_is_wanted() {
    let mara = Mara::new();
    let body = "Dear Mara,\r\n\r\nwe are delighted to offer you the position of Staff Engineer.\r\nPlease let us know by Friday whether you accept.\r\n";
    let rows = mara.opens(&message("Joanna <joanna@northwind.example>", body), None);
    assert_eq!(
        data(&rows[0]),
        [("OfferReceived".to_owned(), json!({"respond_by": "2026-11-27"}))]
    );
}
