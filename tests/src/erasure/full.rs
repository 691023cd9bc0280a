//! A candidate of whom every type of fact was told, with a word of one's own in every text. What a fact may say is read
//! from the OpenAPI document, so that a field that comes to be is filled too, or the story ends here.

use std::collections::BTreeSet;

use afterword::app;
use afterword_domain::catalogue::AnyFact;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::words::{GROUP, WORD};
use crate::client::{Client, id};

/// Whoever tells the story, and the paths of what was made.
pub struct Teller {
    pub client: Client,
    document: Value,
    /// What stands in every text, before a number.
    text: String,
    /// What stands in every address that is no person's of this story.
    address: String,
    /// What stands in every label of a group.
    group: String,
    /// What is said of the candidate and of the contact, where it is not just any word.
    candidate_is: Value,
    contact_is: Value,
    /// How many words were written.
    written: u32,
    pub candidate: String,
    /// The contact whom most is about.
    pub contact: String,
    /// Everything that was made, by its path.
    pub made: BTreeSet<String>,
}

/// Schemas of texts that are nobody's words: ids, moments, names of zones.
const NO_WORDS: [&str; 4] = ["Locale", "Zone", "Days", "Subject"];

impl Teller {
    pub fn new(client: Client) -> Self {
        Self {
            client,
            document: app::openapi(),
            text: WORD.to_owned(),
            address: WORD.to_owned(),
            group: GROUP.to_owned(),
            candidate_is: json!({}),
            contact_is: json!({}),
            written: 0,
            candidate: String::new(),
            contact: String::new(),
            made: BTreeSet::new(),
        }
    }

    /// Every text is about one contact, and nobody else's words are to be found.
    pub fn about(mut self, text: &str, candidate: Value, contact: Value) -> Self {
        (self.text, self.address) = (text.to_owned(), "guest".to_owned());
        "cohort-".clone_into(&mut self.group);
        (self.candidate_is, self.contact_is) = (candidate, contact);
        self
    }

    fn next(&mut self, of: &str) -> String {
        self.written += 1;
        format!("{of}{}", self.written)
    }

    /// A value of a schema with a word in each of its texts; none where it has no text.
    fn filled(&mut self, schema: &Value) -> Option<Value> {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().expect("a name").to_owned();
            let named = self.document["components"]["schemas"][&name].clone();
            return match name.as_str() {
                "Line" | "Text" => Some(json!(self.next(&self.text.clone()))),
                "Email" => Some(json!(format!(
                    "{}@kite.example",
                    self.next(&self.address.to_lowercase())
                ))),
                "WebAddress" => Some(json!(format!(
                    "https://kite.example/{}",
                    self.next(&self.address.clone())
                ))),
                "Label" => Some(json!(self.next(&self.group.clone()))),
                name if NO_WORDS.contains(&name) => None,
                _ => self.filled(&named),
            };
        }
        for of in ["allOf", "oneOf", "anyOf"] {
            if let Some(some) = schema[of].as_array() {
                return some.clone().iter().find_map(|it| self.filled(it));
            }
        }
        let is = |kind: &str| {
            schema["type"] == kind || schema["type"].as_array().is_some_and(|it| it.contains(&json!(kind)))
        };
        if is("object") {
            let properties = schema["properties"].as_object().cloned().unwrap_or_default();
            let fields = properties
                .iter()
                .filter_map(|(name, field)| Some((name.clone(), self.filled(field)?)));
            let fields: Map<String, Value> = fields.collect();
            return (!fields.is_empty()).then_some(Value::Object(fields));
        }
        if is("array") {
            return self.filled(&schema["items"]).map(|item| json!([item]));
        }
        let told = ["enum", "pattern", "format"].iter().any(|of| !schema[of].is_null());
        assert!(
            !is("string") || told,
            "a text of which this story knows nothing: {schema}"
        );
        None
    }

    /// A fact's body: what is given, and a word wherever else one may stand. What is given as `null` is left out.
    pub fn body(&mut self, fact: &str, given: Value) -> Value {
        let schema = self.document["components"]["schemas"][format!("Record{fact}")].clone();
        let properties = schema["properties"].as_object().cloned().unwrap_or_default();
        let mut body = given.as_object().cloned().expect("an object");
        for (name, field) in properties {
            let of_the_envelope = ["id", "subject", "occurred_at"].contains(&name.as_str());
            if !of_the_envelope && !body.contains_key(&name) {
                body.extend(self.filled(&field).map(|value| (name, value)));
            }
        }
        body.retain(|_, value| !value.is_null());
        Value::Object(body)
    }

    /// Records a fact, and gives the answer.
    pub async fn tells(&mut self, fact: &str, path: &str, given: Value) -> Value {
        let body = self.body(fact, given);
        let answer = self.client.post(path, body).await.is(201).clone();
        assert_eq!(answer["event"]["type"], fact);
        if answer.headers.contains_key("location") {
            self.made.insert(answer.header("location").to_owned());
        }
        answer.json
    }

    /// Records a fact that makes something, and gives its path.
    pub async fn makes(&mut self, fact: &str, path: &str, given: Value) -> String {
        let body = self.body(fact, given);
        let made = self.client.makes(path, body).await;
        self.made.insert(made.clone());
        made
    }

    async fn changes(&mut self, fact: &str, path: &str, given: Value) {
        let body = self.body(fact, given);
        self.client.patch(path, body).await.is(200);
    }

    async fn time_is(&self, moment: &str) {
        self.client
            .post("/v1/test-clock/advanced", json!({"to": moment}))
            .await
            .is(200);
    }

    /// Tells everything. The client is the admin of a test tenant whose clock was never set.
    pub async fn everything(&mut self) {
        let client = self.client.clone();
        let set = json!({"now": "2026-03-02T09:00:00+01:00"});
        client.post("/v1/test-clock", set).await.is(200);
        let holidays = json!({"holidays": [{"date": "2026-04-03", "name": "Good Friday"}]});
        let put = client.request(Method::PUT, "/v1/playbook").json(&holidays);
        client.send(put).await.is(200);
        let profile = with(
            &self.candidate_is,
            json!({"time_zone": "Europe/Berlin", "locale": "en-GB"}),
        );
        self.candidate = self.makes("CandidateRegistered", "/v1/candidates", profile).await;
        let c = self.candidate.clone();
        self.changes("ProfileRevised", &c, self.candidate_is.clone()).await;
        self.searches(&c).await;
        let card = with(&self.contact_is, json!({"preferred_channel": "email"}));
        let contact = self.makes("ContactCollected", &format!("{c}/contacts"), card).await;
        self.contact.clone_from(&contact);
        self.changes("ContactRevised", &contact, self.contact_is.clone()).await;
        let a = self
            .makes("ApplicationOpened", &format!("{c}/applications"), json!({}))
            .await;
        self.changes("ApplicationRevised", &a, json!({})).await;
        let interview = self.interviews(&a).await;
        self.looks_back(&interview).await;
        self.writes(&a, &interview).await;
        self.waits(&a).await;
        self.knows_people(&a, &interview).await;
        self.ends().await;
        self.time_is("2026-05-04T09:00:00+02:00").await;
        let facts = client.lists_feed().await;
        let told: BTreeSet<&str> = facts.iter().filter_map(|fact| fact["type"].as_str()).collect();
        let untold: Vec<_> = AnyFact::KINDS
            .iter()
            .map(|kind| kind.name)
            .filter(|name| !told.contains(name))
            .collect();
        assert_eq!(
            untold,
            ["CandidateErased", "ContactErased"],
            "this story leaves facts out"
        );
    }

    async fn searches(&mut self, c: &str) {
        let opening = self.makes("OpeningFound", &format!("{c}/openings"), json!({})).await;
        self.tells("OpeningDismissed", &format!("{opening}/dismissed"), json!({}))
            .await;
        self.tells(
            "SearchActivityLogged",
            &format!("{c}/search-activities"),
            json!({"kind": "searched"}),
        )
        .await;
        self.tells(
            "SearchPaused",
            &format!("{c}/search/paused"),
            json!({"until_on": "2026-03-20"}),
        )
        .await;
        self.tells("SearchResumed", &format!("{c}/search/resumed"), json!({}))
            .await;
    }

    async fn interviews(&mut self, a: &str) -> String {
        let contact = id(&self.contact).to_owned();
        let at = |starts: &str, ends: &str| {
            json!({"starts_at": format!("2026-03-03T{starts}:00+01:00"), "ends_at": format!("2026-03-03T{ends}:00+01:00"),
                "time_zone": "Europe/Berlin"})
        };
        let scheduled = |mut at: Value| {
            at["format"] = json!("onsite");
            at["interviewers"] = json!([contact]);
            at
        };
        let place = format!("{a}/interviews");
        let interview = self
            .makes("InterviewScheduled", &place, scheduled(at("14:00", "15:00")))
            .await;
        let rescheduled = at("15:00", "16:00");
        self.tells("InterviewRescheduled", &format!("{interview}/rescheduled"), rescheduled)
            .await;
        let other = self
            .makes("InterviewScheduled", &place, scheduled(at("18:00", "19:00")))
            .await;
        self.tells(
            "InterviewCancelled",
            &format!("{other}/cancelled"),
            json!({"by": "organisation"}),
        )
        .await;
        self.time_is("2026-03-02T16:00:00+01:00").await;
        let by_hand = self.task("?play=bring_questions").await;
        self.tells("TaskCompleted", &format!("{by_hand}/completed"), json!({}))
            .await;
        self.time_is("2026-03-03T16:10:00+01:00").await;
        let held = json!({"ended_at": "2026-03-03T16:00:00+01:00", "interviewers": [contact]});
        self.tells("InterviewHeld", &format!("{interview}/held"), held).await;
        let named = json!({"interviewers": [contact]});
        self.tells("InterviewersNamed", &format!("{interview}/interviewers"), named)
            .await;
        interview
    }

    /// The path of an open task.
    async fn task(&self, query: &str) -> String {
        let tasks = self.client.lists_all(&format!("{}/tasks{query}", self.candidate)).await;
        let task = tasks.first().unwrap_or_else(|| panic!("no task {query}"));
        format!("{}/tasks/{}", self.candidate, task["id"].as_str().expect("an id"))
    }

    async fn looks_back(&mut self, interview: &str) {
        let question = json!({"category": "technical", "reception": "poorly"});
        let question = self
            .makes("QuestionRecorded", &format!("{interview}/questions"), question)
            .await;
        let repair = json!({"by": "follow_up"});
        let repair = self
            .makes("RepairPlanned", &format!("{question}/repairs"), repair)
            .await;
        self.tells("RepairMade", &format!("{repair}/made"), json!({})).await;
        let strengths = self.client.sees(&self.candidate).await["strengths"].clone();
        let debrief = json!({"overall": 4, "unsaid_strengths": strengths});
        self.tells("DebriefCompleted", &format!("{interview}/debriefed"), debrief)
            .await;
    }

    /// Notes: one that was only reported as sent, one that is given up, and one that goes out by a mail server.
    async fn writes(&mut self, a: &str, interview: &str) {
        let notes = format!("{}/notes", self.candidate);
        let draft = json!({"kind": "thank_you", "recipients": [id(&self.contact)], "channel": "email", "application": id(a),
            "interview": id(interview)});
        let note = self.makes("NoteDrafted", &notes, draft.clone()).await;
        self.changes("NoteRevised", &note, json!({"channel": "post"})).await;
        self.clears(&note).await;
        self.tells("NoteSent", &format!("{note}/sent"), json!({"channel": "post"}))
            .await;
        let other = self.makes("NoteDrafted", &notes, draft).await;
        self.tells("NoteDiscarded", &format!("{other}/discarded"), json!({}))
            .await;
    }

    /// A reviewed note, whose errors may stand.
    pub async fn clears(&mut self, note: &str) {
        let review = self.client.records(&format!("{note}/reviewed"), json!({})).await;
        let findings = review["event"]["data"]["findings"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for finding in findings {
            let waiver = json!({"finding": finding["id"]});
            self.tells("FindingWaived", &format!("{note}/waivers"), waiver).await;
        }
    }

    async fn waits(&mut self, a: &str) {
        let contact = json!(id(&self.contact));
        let c = self.candidate.clone();
        let promised = json!({"decide_by": "2026-03-10", "promised_by": contact, "channel": "phone"});
        self.makes("DecisionDatePromised", &format!("{a}/decision-dates"), promised)
            .await;
        let enquired = json!({"channel": "phone", "contact": contact});
        self.makes("StatusEnquired", &format!("{a}/status-enquiries"), enquired)
            .await;
        let reported = json!({"contact": contact});
        let report = self
            .tells("StatusReported", &format!("{a}/status-reports"), reported)
            .await;
        let slip = format!(
            "{c}/events/{}/retracted",
            report["event"]["id"].as_str().expect("an id")
        );
        self.tells("FactRetracted", &slip, json!({})).await;
        for (done, given) in [
            ("DocumentSent sent", json!({"channel": "email"})),
            ("DocumentRequestWithdrawn withdrawn", json!({})),
        ] {
            let asked = json!({"requested_by": contact});
            let asked = self
                .makes("DocumentRequested", &format!("{a}/document-requests"), asked)
                .await;
            let late = json!({"expected_on": "2026-03-06", "channel": "email"});
            self.tells("DocumentDelayReported", &format!("{asked}/delays"), late)
                .await;
            let (fact, step) = done.split_once(' ').expect("two words");
            self.tells(fact, &format!("{asked}/{step}"), given).await;
        }
        let asked = json!({"channel": "email", "contact": contact});
        self.makes("NextRoundAsked", &format!("{a}/next-round-questions"), asked)
            .await;
        let announced = json!({"expected_on": "2026-03-25", "said_by": contact});
        let announced = self
            .tells("NextRoundAnnounced", &format!("{a}/next-rounds"), announced)
            .await;
        let item = announced["event"]["data"]["outline"][0]["item"].clone();
        let round = announced["event"]["subject"].as_str().expect("an id");
        let prepared = format!("{c}/next-rounds/{round}/prepared");
        self.tells("RequirementPrepared", &prepared, json!({"item": item}))
            .await;
        let noted = json!({"about": "organisation", "stance": "unfavourable", "worth_mentioning": true});
        self.makes("ResearchNoted", &format!("{a}/research"), noted).await;
        self.tells("ApplicationReconsidered", &format!("{a}/reconsidered"), json!({}))
            .await;
        let snoozed = self.task("?state=waiting,open,overdue").await;
        let until = json!({"until_at": "2026-03-05T09:00:00+01:00"});
        self.tells("TaskSnoozed", &format!("{snoozed}/snoozed"), until).await;
        self.tells("TaskDismissed", &format!("{snoozed}/dismissed"), json!({}))
            .await;
    }

    async fn knows_people(&mut self, a: &str, interview: &str) {
        let c = self.candidate.clone();
        let (contact, application) = (json!(id(&self.contact)), json!(id(a)));
        let other = self
            .makes("ContactCollected", &format!("{c}/contacts"), json!({}))
            .await;
        let referee = json!({"contact": id(&other)});
        let declined = self.makes("ReferenceNamed", &format!("{c}/references"), referee).await;
        self.tells("ReferenceDeclined", &format!("{declined}/declined"), json!({}))
            .await;
        let named = json!({"contact": contact});
        let reference = self.makes("ReferenceNamed", &format!("{c}/references"), named).await;
        for (fact, step, given) in [
            ("ReferenceAgreed", "agreed", json!({})),
            (
                "ReferenceNotified",
                "notices",
                json!({"interview": id(interview), "channel": "email"}),
            ),
            ("ReferenceContacted", "checks", json!({"application": application})),
            ("ReferenceThanked", "thanked", json!({"application": application})),
            ("ReferenceRetired", "retired", json!({})),
        ] {
            self.tells(fact, &format!("{reference}/{step}"), given).await;
        }
        let connection = self
            .makes(
                "ConnectionNamed",
                &format!("{c}/connections"),
                json!({"contact": contact}),
            )
            .await;
        let asked = json!({"application": application, "channel": "email", "ask": "news"});
        for _ in 0..2 {
            self.tells("ConnectionNotified", &format!("{connection}/notices"), asked.clone())
                .await;
        }
        self.tells(
            "ConnectionTouched",
            &format!("{connection}/touches"),
            json!({"channel": "phone"}),
        )
        .await;
        let offered = json!({"application": application, "to_contact": contact});
        self.makes("IntroductionOffered", &format!("{connection}/introductions"), offered)
            .await;
    }

    /// Applications that end, each in another way.
    async fn ends(&mut self) {
        let c = self.candidate.clone();
        let contact = json!(id(&self.contact));
        let applications = format!("{c}/applications");
        let withdrawn = self.makes("ApplicationOpened", &applications, json!({})).await;
        self.tells("ApplicationWithdrawn", &format!("{withdrawn}/withdrawn"), json!({}))
            .await;
        self.tells("ApplicationReopened", &format!("{withdrawn}/reopened"), json!({}))
            .await;
        self.tells("PositionClosed", &format!("{withdrawn}/position-closed"), json!({}))
            .await;
        let rejected = self.makes("ApplicationOpened", &applications, json!({})).await;
        let received = json!({"channel": "email", "from_contact": contact});
        self.tells("RejectionReceived", &format!("{rejected}/rejection"), received)
            .await;
        let rejection = format!("{rejected}/rejection");
        let channel = json!({"channel": "email"});
        self.tells("FeedbackRequested", &format!("{rejection}/feedback-requests"), channel)
            .await;
        self.tells("FeedbackReceived", &format!("{rejection}/feedback"), json!({}))
            .await;
        let later = json!({"revisit_on": "2026-09-01"});
        self.tells("DoorKeptOpen", &format!("{rejection}/door-kept-open"), later)
            .await;
        self.tells("RejectionClosed", &format!("{rejection}/closed"), json!({}))
            .await;
        for (fact, step) in [("OfferDeclined", "declined"), ("OfferAccepted", "accepted")] {
            let offering = self.makes("ApplicationOpened", &applications, json!({})).await;
            let offer = json!({"respond_by": "2026-03-20"});
            let offer = self.makes("OfferReceived", &format!("{offering}/offers"), offer).await;
            self.tells(fact, &format!("{offer}/{step}"), json!({})).await;
        }
        // One that nobody answers, so that silence is noticed.
        self.makes("ApplicationOpened", &applications, json!({})).await;
    }
}

fn with(some: &Value, more: Value) -> Value {
    let (mut all, more) = (some.clone(), more);
    let more = more.as_object().cloned().expect("an object");
    all.as_object_mut().expect("an object").extend(more);
    all
}
