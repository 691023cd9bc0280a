//! Composed letters, as their readers get them, and what holds for any record: a draft passes its own review or says what
//! is missing, says nothing that is not on record, and is the same again.

#[expect(
    dead_code,
    reason = "letters are composed from stories without all that a narrator can do"
)]
#[path = "../../domain/src/given.rs"]
mod given;

use std::collections::BTreeSet;

use afterword_domain::{
    candidate::Candidate,
    decide::decide,
    ids::CandidateId,
    notes::{NoteDrafted, Severity},
};
use afterword_letters::{
    compose::{Suggestion, Unfit, Wanted, What, suggest},
    review_note,
    templates::{KINDS, Template, Tone},
};
use given::{Story, id, moment, proposal};
use jiff::Timestamp;
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use uuid::Uuid;

fn wanted(mut body: Value) -> Wanted {
    fn ids(value: &mut Value) {
        match value {
            Value::String(text) if text.contains('_') && !KINDS.iter().any(|(_, kind)| kind == text) => {
                *text = id(text).to_string();
            }
            Value::Array(items) => items.iter_mut().for_each(ids),
            Value::Object(fields) => fields.values_mut().for_each(ids),
            _ => {}
        }
    }
    ids(&mut body);
    serde_json::from_value(body).expect("a request")
}

fn composed(candidate: &Candidate, wanted: &Wanted, debriefs: bool, now: Timestamp) -> Result<Vec<Suggestion>, Unfit> {
    let template = Template::default_for(wanted.kind, wanted.tone.unwrap_or_default());
    suggest(candidate, wanted, template, debriefs, now)
}

/// What a story's record makes of a request, at a moment.
fn drafts(story: &Story, body: Value, at: &str) -> Vec<Suggestion> {
    composed(&story.candidate(), &wanted(body), true, moment(at)).expect("composed")
}

fn shown(drafts: &[Suggestion]) -> String {
    let letter = |draft: &Suggestion| {
        let missing: String = draft.missing.iter().map(missing_line).collect();
        let subject_line = draft.subject_line.as_ref().map_or("–", |it| it.as_str());
        format!("Subject: {subject_line}\n\n{}\n{missing}", draft.body)
    };
    drafts.iter().map(letter).collect::<Vec<_>>().join("\n----\n\n")
}

fn missing_line(missing: &afterword_letters::compose::Missing) -> String {
    let call = missing.action.as_ref().map_or("–", |action| &*action.operation);
    format!("missing: {:?} ({call}): {}\n", missing.what, missing.why)
}

fn lacks(draft: &Suggestion) -> Vec<What> {
    draft.missing.iter().map(|it| it.what).collect()
}

/// The interview of a site reliability engineer with three people, with a debrief.
fn panel(locale: &str) -> Story {
    let people = [
        ("con_dana", "Dana Whitfield"),
        ("con_tomas", "Tomás Ortega"),
        ("con_li", "Dr Li Wei"),
    ];
    let mut story = Story::untold().records(
        "CandidateRegistered",
        json!({"name": "Amara Okafor", "time_zone": "Europe/Berlin", "locale": locale,
            "strengths": ["ten years of on-call duty", "writing runbooks that others can follow."]}),
    );
    story = story.records(
        "ApplicationOpened app_kestrel",
        json!({"organisation": {"name": "Kestrel Robotics"}, "position": "Site reliability engineer"}),
    );
    for (card, name) in people {
        story = story.records(
            &format!("ContactCollected {card}"),
            json!({"name": name, "preferred_channel": "email"}),
        );
    }
    story = story
        .records(
            "InterviewScheduled int_first in app_kestrel",
            json!({"starts_at": "2026-03-02T10:00:00+01:00", "ends_at": "2026-03-02T11:30:00+01:00",
                "time_zone": "Europe/Berlin", "format": "video", "interviewers": ["con_dana", "con_tomas", "con_li"]}),
        )
        .at("2026-03-02 11:45")
        .records(
            "InterviewHeld of int_first",
            json!({"ended_at": "2026-03-02T11:40:00+01:00"}),
        );
    for (question, says, reception) in [
        ("qst_shift", "How do you hand over a night shift?", "well"),
        ("qst_alarm", "What makes an alarm a good one?", "neutral"),
        ("qst_blame", "Who writes the report after an incident?", "well"),
        ("qst_pay", "How do you plan for capacity?", "poorly"),
    ] {
        story = story.records(
            &format!("QuestionRecorded {question}"),
            json!({"interview": "int_first", "question": says, "category": "technical", "answer": "A secret answer.", "reception": reception}),
        );
    }
    story
        .records(
            "RepairPlanned rpr_pay",
            json!({"question": "qst_pay", "by": "follow_up", "text": "I measure the growth of each service every month."}),
        )
        .records(
            "DebriefCompleted of int_first",
            json!({"overall": 4, "unsaid_strengths": ["I speak Danish", "two years in robotics"], "lessons": ["Breathe."]}),
        )
        .records(
            "DecisionDatePromised dec_one in app_kestrel",
            json!({"decide_by": "2026-03-13", "promised_by": "con_dana"}),
        )
        .records(
            "ResearchNoted res_one in app_kestrel",
            json!({"about": "organisation", "headline": "Kestrel opens a second plant in Lyon", "stance": "favourable", "worth_mentioning": true}),
        )
}

const AFTER: &str = "2026-03-02 13:00";

#[test]
fn each_of_a_panel_is_thanked_in_other_words_for_other_things() {
    let drafts = drafts(&panel("en-GB"), json!({"kind": "thank_you"}), AFTER);
    assert!(
        drafts.iter().all(|draft| draft.missing.is_empty()),
        "{}",
        shown(&drafts)
    );
    insta::assert_snapshot!(shown(&drafts));
}

#[test]
fn tones_and_american_english() {
    let story = panel("en-US");
    let of = |tone: &str| {
        let body = json!({"kind": "thank_you", "tone": tone, "recipients": ["con_dana"]});
        shown(&drafts(&story, body, AFTER))
    };
    insta::assert_snapshot!(["formal", "warm", "brief"].map(of).join("\n====\n\n"));
}

#[test]
fn letters_of_every_other_kind() {
    let story = panel("en-GB")
        .records("ContactCollected con_ruth", json!({"name": "Ruth Adeyemi"}))
        .records(
            "ReferenceNamed ref_ruth",
            json!({"contact": "con_ruth", "relationship": "We worked together"}),
        )
        .records("ReferenceAgreed of ref_ruth", json!({}))
        .records("ContactCollected con_sven", json!({"name": "Sven Dahl"}))
        .records(
            "ConnectionNamed cxn_sven",
            json!({"contact": "con_sven", "organisation_names": ["Kestrel Robotics"]}),
        )
        .records(
            "IntroductionOffered itr_bolt",
            json!({"connection": "cxn_sven", "organisation_name": "Bolt Energy"}),
        )
        .records(
            "DocumentRequested doc_work in app_kestrel",
            json!({"document": "your work samples", "expected_on": "2026-03-06"}),
        );
    let rejected = story.clone().at("2026-03-16 10:00").records(
        "RejectionReceived rej_one in app_kestrel",
        json!({"channel": "email", "from_contact": "con_dana"}),
    );
    let offered = story.clone().at("2026-03-16 10:00").records(
        "OfferReceived off_one in app_kestrel",
        json!({"respond_by": "2026-03-20"}),
    );
    let accepted = offered.clone().records("OfferAccepted of off_one", json!({}));
    let letters = [
        (&story, json!({"kind": "reference_notice"}), AFTER),
        (&story, json!({"kind": "connection_notice", "about": "cxn_sven"}), AFTER),
        (&story, json!({"kind": "document_progress"}), AFTER),
        (&story, json!({"kind": "other", "about": "itr_bolt"}), AFTER),
        (&story, json!({"kind": "other", "about": "rpr_pay"}), AFTER),
        (&story, json!({"kind": "other"}), AFTER),
        (&story, json!({"kind": "status_enquiry"}), "2026-03-17 10:00"),
        (&rejected, json!({"kind": "rejection_thanks"}), "2026-03-16 12:00"),
        (&rejected, json!({"kind": "feedback_request"}), "2026-03-18 12:00"),
        (&offered, json!({"kind": "other"}), "2026-03-16 12:00"),
        (
            &accepted,
            json!({"kind": "other", "about": "off_one"}),
            "2026-03-16 12:00",
        ),
        (
            &accepted,
            json!({"kind": "other", "about": "ref_ruth", "application": "app_kestrel"}),
            "2026-03-16 12:00",
        ),
    ];
    let mut told = String::new();
    for (story, body, at) in letters {
        told.push_str(&format!("# {body}\n\n"));
        for tone in Tone::ALL {
            let mut body = body.clone();
            body["tone"] = json!(tone);
            let drafts = drafts(story, body.clone(), at);
            assert_eq!(drafts.len(), 1, "{body}");
            let without = body["kind"] == "other" && body.get("about").is_none() && at == AFTER;
            assert_eq!(
                lacks(&drafts[0]),
                if without { vec![What::Purpose] } else { vec![] },
                "{}",
                shown(&drafts)
            );
            if tone == Tone::Formal {
                told.push_str(&shown(&drafts));
                told.push('\n');
            }
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn what_was_said_in_confidence_stays_there() {
    let story = panel("en-GB");
    let candidate = story.candidate();
    for (body, secrets) in [
        (json!({"kind": "thank_you"}), &["Danish", "robotics.", "growth"][..]),
        (json!({"kind": "other", "about": "rpr_pay"}), &["growth"][..]),
    ] {
        let drafts = composed(&candidate, &wanted(body), false, moment(AFTER)).expect("composed");
        for draft in &drafts {
            let told = serde_json::to_string(draft).expect("JSON");
            assert!(secrets.iter().all(|secret| !told.contains(secret)), "{told}");
            assert!(!told.contains("secret answer"));
            assert!(lacks(draft).contains(&What::Debrief), "{}", shown(&drafts));
        }
    }
}

#[test]
fn what_the_record_lacks_is_told_with_the_call_that_records_it() {
    let drafts = drafts(&Story::interviewed(), json!({"kind": "thank_you"}), "2026-03-02 16:00");
    assert_eq!(lacks(&drafts[0]), [What::TalkedAbout, What::Strength]);
    let calls: Vec<&str> = drafts[0]
        .missing
        .iter()
        .map(|it| &*it.action.as_ref().expect("a call").operation)
        .collect();
    assert_eq!(calls, ["record_question_recorded", "record_debrief_completed"]);
    let nobody = Story::interviewed().records("InterviewersNamed of int_one", json!({"interviewers": []}));
    let drafts = composed(
        &nobody.candidate(),
        &wanted(json!({"kind": "thank_you"})),
        true,
        moment("2026-03-02 16:00"),
    );
    let drafts = drafts.expect("composed");
    assert!(
        drafts[0].body.as_str().starts_with("Dear Acme team,"),
        "{}",
        shown(&drafts)
    );
    assert_eq!(lacks(&drafts[0])[0], What::Recipient);
}

#[test]
fn a_text_that_would_not_pass_is_left_out_and_another_one_taken() {
    let asks = |story: Story, question: &str, says: &str| {
        story.records(
            &format!("QuestionRecorded {question}"),
            json!({"interview": "int_one", "question": says, "category": "other", "answer": "Yes.", "reception": "well"}),
        )
    };
    let strengths = |story: Story, strengths: Value| story.records("ProfileRevised", json!({"strengths": strengths}));
    let long = "Why ".repeat(60) + "us?";
    let story = asks(Story::interviewed(), "qst_a", &long);
    let story = strengths(story, json!(["awesome with guests", "patience with [name] customers"]));
    let first = drafts(&story, json!({"kind": "thank_you"}), "2026-03-02 16:00");
    assert_eq!(
        lacks(&first[0]),
        [What::TalkedAbout, What::Strength],
        "{}",
        shown(&first)
    );
    assert!(
        first[0]
            .missing
            .iter()
            .all(|it| it.why.contains("does not fit") || it.why.contains("do not fit")),
        "{}",
        shown(&first)
    );
    let story = asks(story, "qst_b", "Why us?");
    let story = strengths(story, json!(["awesome with guests", "patience with customers"]));
    let second = drafts(&story, json!({"kind": "thank_you"}), "2026-03-02 16:00");
    assert_eq!(lacks(&second[0]), [], "{}", shown(&second));
    assert!(
        second[0].body.as_str().contains("“Why us?”") && second[0].body.as_str().contains("patience with customers")
    );
}

#[test]
fn what_could_be_no_such_note_is_refused_with_its_reason() {
    let story = Story::interviewed().records("ContactCollected con_bob", json!({"name": "Bob Stone"}));
    let ahead = Story::invited();
    let rejected = Story::rejected();
    for (story, body, pointer) in [
        (&ahead, json!({"kind": "thank_you"}), "/interview"),
        (
            &ahead,
            json!({"kind": "thank_you", "interview": "int_one"}),
            "/interview",
        ),
        (
            &story,
            json!({"kind": "thank_you", "recipients": ["con_anna", "con_bob"]}),
            "/recipients/1",
        ),
        (
            &story,
            json!({"kind": "thank_you", "recipients": ["con_anna", "con_anna"]}),
            "/recipients/1",
        ),
        (&story, json!({"kind": "thank_you", "about": "app_acme"}), "/about"),
        (&story, json!({"kind": "document_progress"}), "/about"),
        (
            &story,
            json!({"kind": "reference_notice", "recipients": ["con_bob"]}),
            "/recipients/0",
        ),
        (
            &story,
            json!({"kind": "connection_notice", "recipients": ["con_bob"]}),
            "/recipients/0",
        ),
        (&story, json!({"kind": "rejection_thanks"}), "/application"),
        (
            &story,
            json!({"kind": "feedback_request", "about": "int_one"}),
            "/about",
        ),
        (&rejected, json!({"kind": "status_enquiry"}), "/application"),
        (&Story::begun(), json!({"kind": "other"}), "/application"),
    ] {
        let refused = composed(
            &story.candidate(),
            &wanted(body.clone()),
            true,
            moment("2026-03-04 16:00"),
        );
        assert_eq!(refused.map_err(|it| it.pointer), Err(pointer.to_owned()), "{body}");
    }
    // Whoever has a thank-you is owed none.
    let thanked = story.writes("note_one", "thank_you");
    assert_eq!(drafts(&thanked, json!({"kind": "thank_you"}), "2026-03-02 16:00"), []);
}

/// What people type: plain things, and things that no letter can say.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["How do you hand over a night shift?", "Why us?", "Tell me about a conflict.", "What is “done” to you?",
            "calm in a crisis", "I speak Danish", "ten years of night shifts", "two plants in Lyon"]).prop_map(str::to_owned),
        1 => select(vec!["[Name]", "I recieve it", "gonna rock!!! 🎉", "{{ company }}", "我喜欢这里的工作", "a a b", "XXX", "\"", "…",
            "I am sorry that I was so nervous", "line one\nline two"]).prop_map(str::to_owned),
        1 => "\\PC{1,300}".prop_filter("blank", |text| !text.trim().is_empty()),
    ]
}

fn line() -> impl Strategy<Value = String> {
    text()
        .prop_map(|text| text.replace(char::is_control, " "))
        .prop_filter("blank", |text| !text.trim().is_empty())
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["Anna Berg", "Tomás Ortega", "Dr Li Wei", "Nguyễn Văn An", "山田 太郎", "Ольга Петрова", "O'Neill, Siobhán",
            "María José de la Cruz y Fernández-Villaverde", "Ng", "عمر خالد", "Berg, Anna (People)", "Madonna", "Will Mark"]).prop_map(str::to_owned),
        1 => "[A-Z][a-z]{1,120} [A-Z][a-z]{1,120}",
        1 => line(),
    ]
}

/// A record: facts, of which those that are impossible do not happen.
fn record() -> impl Strategy<Value = Vec<(String, Value)>> {
    let people = prop::collection::vec(name(), 1..5);
    let questions = prop::collection::vec((text(), select(vec!["well", "neutral", "poorly"])), 0..6);
    let texts = || prop::collection::vec(text(), 0..4);
    let lines = || prop::collection::vec(line(), 0..4);
    let flags = prop::collection::vec(any::<bool>(), 10);
    let locale = select(vec!["en-US", "en-GB", "de-DE"]);
    (name(), name(), line(), people, questions, (texts(), lines(), texts(), lines()), flags, locale).prop_map(
        |(sender, organisation, position, people, questions, (strengths, unsaid, repairs, news), flags, locale)| {
            let mut facts: Vec<(String, Value)> = Vec::new();
            let mut add = |sentence: &str, data: Value| facts.push((sentence.to_owned(), data));
            add("CandidateRegistered", json!({"name": sender, "time_zone": "Europe/Berlin", "locale": locale, "strengths": strengths}));
            add("ApplicationOpened app_one", json!({"organisation": {"name": organisation}, "position": position}));
            let mut cards = Vec::new();
            for (nth, person) in people.iter().enumerate() {
                let card = format!("con_{nth}");
                add(&format!("ContactCollected {card}"), json!({"name": person}));
                cards.push(card);
            }
            let room: &[String] = if flags[0] { &cards } else { &cards[..1] };
            add("InterviewScheduled int_one in app_one", json!({"starts_at": "2026-03-02T10:00:00+01:00", "ends_at": "2026-03-02T11:00:00+01:00",
                "time_zone": "Europe/Berlin", "format": "onsite", "interviewers": room}));
            add("InterviewHeld of int_one", json!({"ended_at": "2026-03-02T11:00:00+01:00"}));
            for (nth, (question, reception)) in questions.iter().enumerate() {
                add(&format!("QuestionRecorded qst_{nth}"), json!({"interview": "int_one", "question": question,
                    "category": "other", "answer": "So.", "reception": reception}));
            }
            for (nth, repair) in repairs.iter().take(questions.len()).enumerate() {
                add(&format!("RepairPlanned rpr_{nth}"), json!({"question": format!("qst_{nth}"), "by": "follow_up", "text": repair}));
            }
            if flags[1] {
                add("DebriefCompleted of int_one", json!({"overall": 3, "unsaid_strengths": unsaid}));
            }
            for (nth, headline) in news.iter().enumerate() {
                add(&format!("ResearchNoted res_{nth} in app_one"), json!({"about": "organisation", "headline": headline, "stance": "favourable", "worth_mentioning": true}));
            }
            if flags[2] {
                add("DecisionDatePromised dec_one in app_one", json!({"decide_by": "2026-03-13"}));
            }
            if flags[3] {
                add("NextRoundAnnounced nxt_one in app_one", json!({"outline": unsaid.iter().map(|item| json!({"item": item})).collect::<Vec<_>>()}));
            }
            if flags[4] {
                add("ReferenceNamed ref_one", json!({"contact": cards.last(), "relationship": "colleague"}));
                add("ReferenceAgreed of ref_one", json!({}));
            }
            if flags[5] {
                add("ConnectionNamed cxn_one", json!({"contact": cards.last(), "organisation_names": [organisation]}));
                add("ConnectionNotified of cxn_one", json!({"application": "app_one", "channel": "phone", "ask": "good_word"}));
            }
            if flags[6] {
                add("DocumentRequested doc_one in app_one", json!({"document": position, "expected_on": flags[7].then_some("2026-03-09")}));
            }
            if flags[8] {
                add("RejectionReceived rej_one in app_one", json!({"channel": "email"}));
            } else if flags[9] {
                add("OfferReceived off_one in app_one", json!({"respond_by": "2026-03-20"}));
            }
            facts
        },
    )
}

fn folded(facts: &[(String, Value)]) -> Candidate {
    let mut candidate = Candidate::unknown(CandidateId::new(Uuid::from_u128(1)));
    for (number, (sentence, data)) in facts.iter().enumerate() {
        let proposal = proposal(sentence, number, data);
        let mut decided = candidate.clone();
        match decide(&mut decided, proposal, moment("2026-03-02 12:00"), &"key".into()) {
            Ok(_) => candidate = decided,
            // An outline of nothing, a document that was not asked for.
            Err(refusal) => assert!(
                ["unknown_reference", "invalid"].contains(&&*refusal.code),
                "{sentence}: {refusal:?}"
            ),
        }
    }
    candidate
}

/// What a review of the draft minds.
fn minded(candidate: &Candidate, wanted: &Wanted, draft: &Suggestion, now: Timestamp) -> Vec<String> {
    let note = NoteDrafted {
        kind: wanted.kind,
        recipients: draft.recipients.clone(),
        channel: draft.channel,
        body: Some(draft.body.clone()),
        subject_line: draft.subject_line.clone(),
        application: candidate.applications.keys().next().copied(),
        interview: None,
        about: None,
        expected_on: None,
    };
    let found = review_note(candidate, &note, None, now).findings;
    found
        .into_iter()
        .filter(|it| it.severity != Severity::Advice)
        .map(|it| it.message)
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// Words of the template, of the record, and of days.
fn sayable(facts: &[(String, Value)], wanted: &Wanted) -> BTreeSet<String> {
    fn told(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => into.extend(words(text)),
            Value::Array(items) => items.iter().for_each(|it| told(it, into)),
            Value::Object(fields) => fields.values().for_each(|it| told(it, into)),
            _ => {}
        }
    }
    let mut sayable = BTreeSet::new();
    facts.iter().for_each(|(_, data)| told(data, &mut sayable));
    for variant in Template::default_for(wanted.kind, wanted.tone.unwrap_or_default()).variants() {
        sayable.extend(words(&variant.subject_line));
        sayable.extend(words(&variant.body));
    }
    let days = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday March 2 9 13 20 team and my";
    sayable.extend(words(days));
    sayable
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_draft_passes_its_review_or_says_what_is_missing(
        facts in record(),
        kind in 0..KINDS.len(),
        tone in select(Tone::ALL.to_vec()),
        channel in select(vec!["email", "post", "message"]),
        debriefs in any::<bool>(),
    ) {
        let candidate = folded(&facts);
        let now = moment("2026-03-02 13:00");
        let mut wanted = wanted(json!({"kind": KINDS[kind].1, "channel": channel}));
        wanted.tone = Some(tone);
        let composed_once = composed(&candidate, &wanted, debriefs, now);
        prop_assert_eq!(&composed_once, &composed(&candidate, &wanted, debriefs, now));
        let sayable = sayable(&facts, &wanted);
        for draft in composed_once.unwrap_or_default() {
            let text = format!("{} {}", draft.subject_line.as_ref().map_or("", |it| it.as_str()), draft.body);
            if draft.missing.is_empty() {
                let minded = minded(&candidate, &wanted, &draft, now);
                prop_assert!(minded.is_empty(), "{:?} in\n{}", minded, shown(&[draft]));
            }
            // Braces are a template's, unless somebody recorded them.
            let recorded = |mark: &str| facts.iter().any(|(_, data)| data.to_string().contains(mark));
            for mark in ["{%", "{{", "%}"] {
                prop_assert!(!text.contains(mark) || recorded(mark), "{}", text);
            }
            let unknown: Vec<String> = words(&text).filter(|word| !sayable.contains(word)).collect();
            prop_assert!(unknown.is_empty(), "{:?} in\n{}", unknown, text);
        }
    }
}

#[test]
fn letters_to_a_panel_differ_where_the_record_has_enough() {
    let mut story = panel("en-GB")
        .records("ContactCollected con_noor", json!({"name": "Noor Haddad"}))
        .records(
            "InterviewersNamed of int_first",
            json!({"interviewers": ["con_dana", "con_tomas", "con_li", "con_noor"]}),
        );
    story = story.records(
        "QuestionRecorded qst_more",
        json!({"interview": "int_first", "question": "Which tools would you bring along?", "category": "other", "answer": "So.", "reception": "neutral"}),
    );
    for tone in Tone::ALL {
        let drafts = drafts(&story, json!({"kind": "thank_you", "tone": tone}), AFTER);
        assert_eq!(drafts.len(), 4);
        let bodies: BTreeSet<&str> = drafts.iter().map(|it| it.body.as_str()).collect();
        assert_eq!(bodies.len(), 4);
        assert!(drafts.iter().all(|it| it.missing.is_empty()), "{}", shown(&drafts));
    }
}

#[test]
fn every_default_letter_is_well_spelled_on_both_sides_of_the_ocean() {
    for locale in ["en-US", "en-GB", "fr-FR"] {
        let story = panel(locale);
        for tone in Tone::ALL {
            for seat in ["con_dana", "con_tomas", "con_li"] {
                let body = json!({"kind": "thank_you", "tone": tone, "recipients": [seat]});
                let drafts = drafts(&story, body, AFTER);
                assert_eq!(lacks(&drafts[0]), [], "{}", shown(&drafts));
            }
        }
    }
}
