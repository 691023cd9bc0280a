//! Stories, drawn: what may happen to a candidate, in any order that is possible.

use std::{fmt, sync::Arc};

use afterword_domain::{
    candidate::Candidate,
    decide::{Decided, decide},
    fact::Envelope,
    ids::CandidateId,
    playbook::{PlaybookRules, adopt},
    refusal::Refusal,
};
use jiff::{SignedDuration, Timestamp, ToSpan, Unit, tz::TimeZone};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::given::{moment, proposal};

/// Long after every story.
pub const END: Timestamp = Timestamp::constant(1_798_761_600, 0);

/// One fact of a story, when it happened and what it says.
#[derive(Clone)]
pub struct Line {
    pub at: Timestamp,
    pub sentence: String,
    pub data: Value,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.at, self.sentence, self.data)
    }
}

pub fn nobody() -> Candidate {
    Candidate::unknown(CandidateId::new(Uuid::from_u128(1)))
}

/// Records a line, the `number`th of its story, at this moment.
pub fn record(candidate: &mut Candidate, number: usize, line: &Line, now: Timestamp) -> Result<Arc<Envelope>, Refusal> {
    if line.sentence == ADOPTED {
        let rules: PlaybookRules = serde_json::from_value(line.data.clone()).expect("rules");
        let playbook = rules
            .read(candidate.playbook.version + 1, "a hash")
            .expect("a playbook");
        return adopt(candidate, &Arc::new(playbook), now).ok_or_else(Refusal::not_found);
    }
    let mut proposal = proposal(&line.sentence, number, &line.data);
    proposal.occurred_at = Some(line.at);
    decide(candidate, proposal, now, &"key".into()).map(|decided| match decided {
        Decided::Recorded(envelope) | Decided::Already(envelope) => envelope,
    })
}

/// What every story begins with: Ada, two applications, three people, one interview.
pub fn beginning() -> Vec<Line> {
    let lines = [
        (
            "CandidateRegistered",
            json!({"name": "Ada Lovelace", "time_zone": "Europe/Lisbon"}),
        ),
        (
            "ContactCollected con_0",
            json!({"name": "Anna Berg", "email": "anna@acme.example",
            "preferred_channel": "phone", "organisation_name": "Acme"}),
        ),
        (
            "ContactCollected con_1",
            json!({"name": "Bob Stone", "preferred_channel": "email"}),
        ),
        (
            "ContactCollected con_2",
            json!({"name": "Cleo Hart", "organisation_name": "Globex Ltd"}),
        ),
        (
            "ApplicationOpened app_0",
            json!({"organisation": {"name": "Acme"}, "position": "Engineer"}),
        ),
        (
            "ApplicationOpened app_1",
            json!({"organisation": {"name": "Globex"}, "position": "Chemist"}),
        ),
        (
            "InterviewScheduled int_00 in app_0",
            json!({"starts_at": "2026-03-02T14:00:00+01:00", "round": 1,
            "ends_at": "2026-03-02T15:00:00+01:00", "time_zone": "Europe/Berlin", "format": "onsite",
            "interviewers": ["con_0", "con_1"]}),
        ),
    ];
    let start = moment("2026-03-02T08:00:00Z");
    let line = |(minutes, (sentence, data)): (i64, (&str, Value))| Line {
        at: start + SignedDuration::from_mins(minutes),
        sentence: sentence.to_owned(),
        data,
    };
    (0..).zip(lines).map(line).collect()
}

pub const WHAT: [&str; 69] = [
    "Moved",
    "Renamed",
    "Dropped",
    "Gone",
    "Adopts",
    "Adopts",
    "Words",
    "Look",
    "Stands",
    "Scheduled",
    "Scheduled",
    "Rescheduled",
    "Cancelled",
    "Held",
    "Held",
    "Held",
    "Named",
    "Card",
    "Card",
    "Thanks",
    "Thanks",
    "Enquiry",
    "Progress",
    "Grace",
    "Grace",
    "Question",
    "Promise",
    "Promise",
    "Enquired",
    "Enquired",
    "Reported",
    "Asked",
    "Asked",
    "Delayed",
    "Sent",
    "Unasked",
    "Offer",
    "Accepted",
    "Declined",
    "Rejected",
    "Rejected",
    "Door",
    "Closed",
    "Reopened",
    "Ended",
    "Round",
    "Round",
    "Curious",
    "Prepared",
    "Found",
    "Found",
    "From",
    "Aside",
    "Looked",
    "Paused",
    "Resumed",
    "Read",
    "Read",
    "GoesOn",
    "Referee",
    "Answers",
    "Warned",
    "Checked",
    "Puzzled",
    "Puzzled",
    "Repair",
    "Debrief",
    "Friend",
    "Favour",
];

/// A line in which a playbook is adopted.
pub const ADOPTED: &str = "PlaybookAdopted";

/// What a playbook may change: plays that are on or off, numbers, a holiday.
fn rules(a: u8, k: u8, c: u8, odd: bool) -> Value {
    let plays = [
        "keep_looking",
        "ask_decision_date",
        "write_thank_you",
        "complete_card",
        "refresh_research",
        "review_note",
    ];
    json!({
        "holidays": if odd { vec![json!({"date": "2026-03-06"})] } else { vec![] },
        "plays": [
            {"play": plays[usize::from(2 * c + a) % plays.len()], "on": odd},
            {"play": "enquire_status", "on": c + k > 0, "opens": {"working_days": 2 + c}, "numbers": {"most": 1 + c}},
            {"play": "debrief", "due": format!("PT{}H", 12 + 12 * k)},
            {"play": "ask_next_round", "on": k == 1},
        ],
    })
}

/// What may happen, in terms of a few applications, things and people; `days` and `odd` vary it.
pub fn line(what: &str, (a, k, c): (u8, u8, u8), days: i64, odd: bool, at: Timestamp) -> Line {
    let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
    let then = at
        .to_zoned(berlin)
        .checked_add(days.days())
        .expect("a day")
        .round(Unit::Hour)
        .expect("an hour");
    let date = then.date();
    let times = json!({"starts_at": then.timestamp(), "ends_at": then.timestamp() + SignedDuration::from_hours(1),
        "time_zone": if odd { "America/New_York" } else { "Europe/Berlin" }, "format": "video"});
    let scheduled = json!({"starts_at": times["starts_at"], "ends_at": times["ends_at"], "round": k + 1,
        "time_zone": times["time_zone"], "format": "video", "interviewers": [format!("con_{c}")]});
    let (app, interview, con) = (format!("app_{a}"), format!("int_{a}{k}"), format!("con_{c}"));
    let (doc, off, rej) = (format!("doc_{a}{k}"), format!("off_{a}{k}"), format!("rej_{a}{k}"));
    let note = |kind: &str| json!({"kind": kind, "recipients": [con], "channel": "email", "application": app});
    let drafted = |kind: &str| (format!("NoteDrafted note_{kind}{a}{k}"), note(kind));
    let (sentence, data) = match what {
        "Moved" => (
            "ProfileRevised".to_owned(),
            json!({"time_zone": if odd { "Asia/Kathmandu" } else { "Europe/Lisbon" }}),
        ),
        "Renamed" if odd => (
            format!("ApplicationRevised of {app}"),
            json!({"organisation": {"name": "Globex", "size": "large"}}),
        ),
        "Renamed" => (format!("ApplicationRevised of {app}"), json!({"position": "Cook"})),
        "Dropped" => (format!("NoteDiscarded of note_thank_you{a}{k}"), json!({})),
        "Gone" => (format!("PositionClosed of {app}"), json!({})),
        "Adopts" => (ADOPTED.to_owned(), rules(a, k, c, odd)),
        "Scheduled" => (format!("InterviewScheduled {interview} in {app}"), scheduled),
        "Rescheduled" => (format!("InterviewRescheduled of {interview}"), times),
        "Cancelled" => (
            format!("InterviewCancelled of {interview}"),
            json!({"by": if odd { "candidate" } else { "organisation" }}),
        ),
        "Held" if odd => (
            format!("InterviewHeld of {interview}"),
            json!({"ended_at": at, "interviewers": [con]}),
        ),
        "Held" => (format!("InterviewHeld of {interview}"), json!({"ended_at": at})),
        "Named" => (
            format!("InterviewersNamed of {interview}"),
            json!({"interviewers": if odd { vec![] } else { vec!["con_0", &con] }}),
        ),
        "Card" if odd => (format!("ContactRevised of {con}"), json!({"email": "x@y.example"})),
        "Card" => (
            format!("ContactRevised of {con}"),
            json!({"preferred_channel": if k == 0 { Some("email") } else { None }, "organisation_name": "Acme"}),
        ),
        "Thanks" if odd => (format!("NoteSent of note_thank_you{a}{k}"), json!({})),
        "Thanks" => drafted("thank_you"),
        "Enquiry" if odd => (format!("NoteSent of note_status_enquiry{a}{k}"), json!({})),
        "Enquiry" => drafted("status_enquiry"),
        "Words" => (
            format!("NoteRevised of note_thank_you{a}{k}"),
            json!({"body": if c == 2 { None } else { Some("Dear Anna, thank you.") }, "channel": "post"}),
        ),
        "Look" => (
            format!("NoteReviewed of note_thank_you{a}{k}"),
            json!({"revision": 1 + c, "ruleset": "1", "findings": if odd { vec![json!({"id": "fnd_1", "rule": "spelling",
                "severity": "error", "message": "“thak” is in no dictionary.", "why": "It is seen."})] } else { vec![] }}),
        ),
        "Stands" => (
            format!("FindingWaived of note_thank_you{a}{k}"),
            json!({"finding": "fnd_1", "reason": "It is Danish."}),
        ),
        "Progress" => (
            format!("NoteDrafted note_progress{a}{k}"),
            json!({"kind": "document_progress", "recipients": [], "channel": "email", "about": doc, "expected_on": date}),
        ),
        "Grace" if odd => (format!("NoteSent of note_rejection_thanks{a}{k}"), json!({})),
        "Grace" => drafted("rejection_thanks"),
        "Question" => (format!("FeedbackRequested of {rej}"), json!({"channel": "email"})),
        "Promise" => (
            format!("DecisionDatePromised dec_{a}{k} in {app}"),
            json!({"decide_by": date}),
        ),
        "Enquired" => (
            format!("StatusEnquired enq_{a}{k} in {app}"),
            json!({"channel": "phone", "contact": con}),
        ),
        "Reported" if odd => (
            format!("StatusReported rep_{a}{k} in {app}"),
            json!({"summary": "Soon."}),
        ),
        "Reported" => (
            format!("StatusReported rep_{a}{k} in {app}"),
            json!({"summary": "Soon.", "decide_by": date}),
        ),
        "Asked" => (
            format!("DocumentRequested {doc} in {app}"),
            json!({"document": "your CV", "needed_by": if odd { Some(date) } else { None }}),
        ),
        "Delayed" => (format!("DocumentDelayReported of {doc}"), json!({"expected_on": date})),
        "Sent" if odd => (format!("NoteSent of note_progress{a}{k}"), json!({})),
        "Sent" => (format!("DocumentSent of {doc}"), json!({"channel": "email"})),
        "Unasked" => (format!("DocumentRequestWithdrawn of {doc}"), json!({})),
        "Offer" => (
            format!("OfferReceived {off} in {app}"),
            json!({"respond_by": if odd { Some(date) } else { None }}),
        ),
        "Accepted" => (format!("OfferAccepted of {off}"), json!({})),
        "Declined" => (format!("OfferDeclined of {off}"), json!({})),
        "Rejected" => (format!("RejectionReceived {rej} in {app}"), json!({"channel": "email"})),
        "Door" if odd => (format!("FeedbackReceived of {rej}"), json!({"text": "Too quiet."})),
        "Door" => (format!("DoorKeptOpen of {rej}"), json!({"revisit_on": date})),
        "Closed" => (format!("RejectionClosed of {rej}"), json!({})),
        "Round" => (
            format!("NextRoundAnnounced nxt_{a}{k} in {app}"),
            json!({"expected_on": if odd { Some(date) } else { None }, "said_by": con,
                "outline": [{"item": "A case"}, {"item": "A talk", "due_on": date}]}),
        ),
        "Curious" => (
            format!("NextRoundAsked nrq_{a}{k} in {app}"),
            json!({"channel": "email", "contact": con}),
        ),
        "Prepared" => (
            format!("RequirementPrepared of nxt_{a}{k}"),
            json!({"item": if odd { "A case" } else { "A talk" }}),
        ),
        "Found" => (
            format!("OpeningFound opn_{a}{k}"),
            json!({"organisation_name": "Initech", "position": "Cook", "closes_on": if odd { Some(date) } else { None }}),
        ),
        "From" => (
            format!("ApplicationOpened app_{}", 5 + k),
            json!({"organisation": {"name": "Initech"}, "position": "Cook", "opening": format!("opn_{a}{k}")}),
        ),
        "Aside" => (format!("OpeningDismissed of opn_{a}{k}"), json!({})),
        "Looked" => (format!("SearchActivityLogged act_{a}{k}"), json!({"kind": "searched"})),
        "Paused" => (
            "SearchPaused".to_owned(),
            json!({"until_on": if odd { Some(date.tomorrow().expect("a day")) } else { None }}),
        ),
        "Resumed" => ("SearchResumed".to_owned(), json!({})),
        "Read" => (
            format!("ResearchNoted res_{a}{k} in {app}"),
            json!({"about": "industry", "headline": "Prices rise", "stance": if odd { "unfavourable" } else { "neutral" }}),
        ),
        "GoesOn" => (
            format!("ApplicationReconsidered of {app}"),
            json!({"reason": "All the same."}),
        ),
        "Referee" => (
            format!("ReferenceNamed ref_{c}"),
            json!({"contact": con, "relationship": "We worked together"}),
        ),
        "Answers" if k == 1 && odd => (format!("ReferenceRetired of ref_{c}"), json!({})),
        "Answers" if odd => (format!("ReferenceDeclined of ref_{c}"), json!({})),
        "Answers" => (
            format!("ReferenceAgreed of ref_{c}"),
            json!({"until_on": if k == 0 { Some(date) } else { None }}),
        ),
        "Warned" if odd => (
            format!("NoteDrafted note_ref{a}{c}"),
            json!({"kind": "reference_notice", "recipients": [con], "channel": "email", "application": app,
                "about": format!("ref_{c}")}),
        ),
        "Warned" => (
            format!("ReferenceNotified of ref_{c}"),
            json!({"interview": interview, "channel": "phone"}),
        ),
        "Checked" if odd => (format!("NoteSent of note_ref{a}{c}"), json!({})),
        "Checked" if k == 1 => (format!("ReferenceThanked of ref_{c}"), json!({"application": app})),
        "Checked" => (format!("ReferenceContacted of ref_{c}"), json!({"application": app})),
        "Puzzled" => (
            format!("QuestionRecorded qst_{a}{k}"),
            json!({"interview": interview, "question": "Why?", "category": "motivation", "answer": "Because.",
                "reception": if odd { "poorly" } else { "well" }}),
        ),
        "Repair" if c == 2 => (format!("RepairMade of rpr_{a}{k}"), json!({})),
        "Repair" => (
            format!("RepairPlanned rpr_{a}{k}"),
            json!({"question": format!("qst_{a}{k}"), "by": if odd { "follow_up" } else { "next_interview" }, "text": "More."}),
        ),
        "Debrief" => (
            format!("DebriefCompleted of {interview}"),
            json!({"overall": 1 + c, "unsaid_strengths": ["Danish"]}),
        ),
        "Friend" if k == 1 => (
            format!("IntroductionOffered itr_{a}{k}"),
            json!({"connection": format!("cxn_{c}"), "organisation_name": if odd { "Acme" } else { "Initech" }}),
        ),
        "Friend" => (
            format!("ConnectionNamed cxn_{c}"),
            json!({"contact": con, "organisation_names": if odd { vec!["Acme"] } else { vec!["Globex", "Initech"] }}),
        ),
        "Favour" if k == 1 => (format!("ConnectionTouched of cxn_{c}"), json!({"channel": "phone"})),
        "Favour" => (
            format!("ConnectionNotified of cxn_{c}"),
            json!({"application": app, "channel": "phone", "ask": if odd { Some("news") } else { None }}),
        ),
        "Reopened" => (
            format!("ApplicationReopened of {app}"),
            json!({"reason": "They called."}),
        ),
        _ if odd => (format!("ApplicationWithdrawn of {app}"), json!({})),
        _ => (
            format!("ApplicationOpened app_{}", 2 + k),
            json!({"organisation": {"name": "ACME"}, "position": "Cook"}),
        ),
    };
    let mut data = data;
    if let Some(fields) = data.as_object_mut() {
        fields.retain(|name, value| !value.is_null() || ["preferred_channel", "body"].contains(&name.as_str()));
    }
    Line { at, sentence, data }
}

/// A story: its beginning, perhaps a rejection with an open door, and whatever of these lines is possible.
/// No two things happen at once.
pub fn story() -> impl Strategy<Value = Vec<Line>> {
    let thing = (0..2u8, 0..2u8, 0..3u8);
    let step = (1..150i64, select(WHAT.as_slice()), thing, 0..20i64, any::<bool>());
    let steps = prop::collection::vec(step, 0..60);
    (any::<bool>(), steps).prop_map(|(rejected, mut steps)| {
        if rejected {
            let first = [("Held", 0), ("Rejected", 0), ("Door", 15)];
            steps.splice(0..0, first.map(|(what, days)| (3, what, (0, 0, 0), days, false)));
        }
        let mut story = beginning();
        let mut candidate = told(&story);
        let mut at = moment("2026-03-02T12:00:00Z");
        for (hours, what, thing, days, odd) in steps {
            at += SignedDuration::from_hours(hours);
            let line = line(what, thing, days, odd, at);
            if record(&mut candidate, story.len(), &line, END).is_ok() {
                story.push(line);
            }
        }
        story
    })
}

/// The story as it is told line by line, all of it long afterwards.
pub fn told(story: &[Line]) -> Candidate {
    let mut candidate = nobody();
    for (number, line) in story.iter().enumerate() {
        // A line that rests on one that was left out is left out, too.
        let _ = record(&mut candidate, number, line, END);
    }
    candidate
}
