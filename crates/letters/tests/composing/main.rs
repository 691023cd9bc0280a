//! Composed letters, as their readers get them, and what holds for any record: a draft passes its own review or says what
//! is missing, says nothing that is not on record, and is the same again.

#[expect(
    dead_code,
    reason = "letters are composed from stories without all that a narrator can do"
)]
#[path = "../../../domain/src/given.rs"]
mod given;
mod laws;

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
