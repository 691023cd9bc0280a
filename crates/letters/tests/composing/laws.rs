//! What holds for any record, of whatever people type.

use proptest::{prelude::*, sample::select};

use super::*;

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
