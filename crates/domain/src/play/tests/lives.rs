//! The rows of the walk: for each play, how its task comes to be, is closed, and loses its reason.

use serde_json::json;

use crate::given::Story;

/// How a task of a play comes to be, how it is closed, and what takes its reason away.
pub(super) struct Life {
    pub(super) play: &'static str,
    pub(super) raised: fn() -> Story,
    pub(super) closed: fn(Story) -> Story,
    pub(super) void: fn(Story) -> Story,
}

fn life(play: &'static str, raised: fn() -> Story, closed: fn(Story) -> Story, void: fn(Story) -> Story) -> Life {
    Life {
        play,
        raised,
        closed,
        void,
    }
}

fn rejects(story: Story) -> Story {
    story.gets_rejected()
}

/// Takes back the newest fact: what it raised has lost its reason.
fn takes_back(story: Story) -> Story {
    let newest = story.newest().at.event;
    story.records(
        &format!("FactRetracted of {newest}"),
        json!({"reason": "It was not so."}),
    )
}

fn rosa(story: Story) -> Story {
    let rosa = json!({"name": "Rosa Diaz", "email": "rosa@past.example", "organisation_name": "Acme"});
    story.records("ContactCollected con_rosa", rosa)
}

fn reference() -> Story {
    rosa(Story::invited()).records(
        "ReferenceNamed ref_rosa",
        json!({"contact": "con_rosa", "relationship": "My last manager"}),
    )
}

fn connection(story: Story) -> Story {
    rosa(story).records("ConnectionNamed cxn_rosa", json!({"contact": "con_rosa"}))
}

fn held(story: Story) -> Story {
    let ended = json!({"ended_at": "2026-03-02T15:00:00+01:00"});
    story.at("2026-03-02 15:10").records("InterviewHeld of int_one", ended)
}

fn asked(reception: &str) -> Story {
    Story::interviewed().records(
        "QuestionRecorded qst_one",
        json!({"interview": "int_one", "question": "Why?", "category": "other", "answer": "Hm.", "reception": reception}),
    )
}

fn offered() -> Story {
    Story::interviewed().records("OfferReceived off_one in app_acme", json!({}))
}

fn door() -> Story {
    Story::rejected().records("DoorKeptOpen of rej_one", json!({"revisit_on": "2026-09-01"}))
}

/// A row for every play, in the order of the playbook.
pub(super) fn lives() -> Vec<Life> {
    vec![
        life(
            "bring_questions",
            Story::invited,
            |it| it.records("TaskCompleted of bring_questions", json!({})),
            held,
        ),
        life("record_interview", Story::invited, held, rejects),
        life(
            "name_interviewers",
            || {
                Story::invited().at("2026-03-02 15:10").records(
                    "InterviewHeld of int_one",
                    json!({"ended_at": "2026-03-02T15:00:00+01:00", "interviewers": []}),
                )
            },
            |it| it.records("InterviewersNamed of int_one", json!({"interviewers": ["con_anna"]})),
            rejects,
        ),
        life(
            "complete_card",
            || {
                Story::invited()
                    .records("ContactCollected con_bob", json!({"name": "Bob Stone"}))
                    .at("2026-03-02 15:10")
                    .records(
                        "InterviewHeld of int_one",
                        json!({"ended_at": "2026-03-02T15:00:00+01:00", "interviewers": ["con_bob"]}),
                    )
            },
            |it| {
                let card = json!({"email": "bob@acme.example", "preferred_channel": "email"});
                it.records("ContactRevised of con_bob", card)
            },
            rejects,
        ),
        life(
            "debrief",
            Story::interviewed,
            |it| it.records("DebriefCompleted of int_one", json!({"overall": 3})),
            takes_back,
        ),
        life(
            "write_thank_you",
            Story::interviewed,
            |it| it.writes("note_one", "thank_you"),
            rejects,
        ),
        life(
            "review_note",
            || {
                Story::interviewed().records(
                    "NoteDrafted note_one",
                    json!({"kind": "thank_you", "recipients": ["con_anna"], "channel": "email",
                        "application": "app_acme", "body": "Dear Anna, thank you."}),
                )
            },
            |it| it.records("NoteSent of note_one", json!({})),
            rejects,
        ),
        life(
            "ask_decision_date",
            Story::interviewed,
            |it| {
                it.records(
                    "DecisionDatePromised dec_one in app_acme",
                    json!({"decide_by": "2026-03-20"}),
                )
            },
            rejects,
        ),
        life(
            "ask_next_round",
            Story::interviewed,
            |it| it.records("NextRoundAsked nrq_one in app_acme", json!({"channel": "email"})),
            rejects,
        ),
        life(
            "enquire_status",
            Story::interviewed,
            |it| it.records("StatusReported rep_one in app_acme", json!({"summary": "Soon."})),
            rejects,
        ),
        life(
            "answer_document_request",
            || Story::interviewed().records("DocumentRequested doc_one in app_acme", json!({"document": "your CV"})),
            |it| it.records("DocumentSent of doc_one", json!({"channel": "email"})),
            rejects,
        ),
        life(
            "prepare_next_round",
            || {
                Story::interviewed().records(
                    "NextRoundAnnounced nxt_one in app_acme",
                    json!({"outline": [{"item": "A talk", "due_on": "2026-03-10"}]}),
                )
            },
            |it| it.records("RequirementPrepared of nxt_one", json!({"item": "A talk"})),
            rejects,
        ),
        life(
            "refresh_research",
            Story::interviewed,
            |it| {
                it.records(
                    "ResearchNoted res_one in app_acme",
                    json!({"about": "industry", "headline": "Prices rise", "stance": "neutral"}),
                )
            },
            rejects,
        ),
        life(
            "reconsider",
            || {
                Story::interviewed().records(
                    "ResearchNoted res_one in app_acme",
                    json!({"about": "organisation", "headline": "A plant closes", "stance": "unfavourable"}),
                )
            },
            |it| {
                it.records(
                    "ApplicationReconsidered of app_acme",
                    json!({"reason": "All the same."}),
                )
            },
            rejects,
        ),
        life(
            "keep_looking",
            Story::interviewed,
            |it| it.records("SearchActivityLogged act_one", json!({"kind": "searched"})),
            |it| it.records("SearchPaused", json!({})),
        ),
        life(
            "apply_to_opening",
            || {
                Story::begun().records(
                    "OpeningFound opn_one",
                    json!({"organisation_name": "Globex", "position": "Chemist"}),
                )
            },
            |it| it.records("OpeningDismissed of opn_one", json!({})),
            takes_back,
        ),
        life(
            "brief_reference",
            reference,
            |it| it.records("ReferenceAgreed of ref_rosa", json!({})),
            |it| it.records("ReferenceRetired of ref_rosa", json!({})),
        ),
        life(
            "notify_reference",
            || held(reference().records("ReferenceAgreed of ref_rosa", json!({}))),
            |it| {
                it.records(
                    "ReferenceNotified of ref_rosa",
                    json!({"interview": "int_one", "channel": "phone"}),
                )
            },
            rejects,
        ),
        life(
            "plan_repair",
            || asked("poorly"),
            |it| {
                it.records(
                    "RepairPlanned rpr_one",
                    json!({"question": "qst_one", "by": "follow_up", "text": "More."}),
                )
            },
            takes_back,
        ),
        life(
            "make_repair",
            || {
                asked("poorly").records(
                    "RepairPlanned rpr_one",
                    json!({"question": "qst_one", "by": "follow_up", "text": "More."}),
                )
            },
            |it| it.records("RepairMade of rpr_one", json!({})),
            rejects,
        ),
        life(
            "notify_connection",
            || held(connection(Story::invited())),
            |it| {
                it.records(
                    "ConnectionNotified of cxn_rosa",
                    json!({"application": "app_acme", "channel": "phone"}),
                )
            },
            rejects,
        ),
        life(
            "follow_introduction",
            || {
                connection(Story::begun()).records(
                    "IntroductionOffered itr_one",
                    json!({"connection": "cxn_rosa", "organisation_name": "Globex"}),
                )
            },
            |it| {
                it.at("2026-03-02 09:00")
                    .records("ConnectionTouched of cxn_rosa", json!({"channel": "phone"}))
            },
            takes_back,
        ),
        life(
            "keep_in_touch",
            || connection(Story::begun()),
            |it| {
                it.at("2026-03-02 09:00")
                    .records("ConnectionTouched of cxn_rosa", json!({"channel": "phone"}))
            },
            |it| it.records("ContactErased of con_rosa", json!({})),
        ),
        life(
            "answer_offer",
            offered,
            |it| it.records("OfferDeclined of off_one", json!({})),
            rejects,
        ),
        life(
            "withdraw_others",
            || {
                offered()
                    .applies("app_other", "Other")
                    .records("OfferAccepted of off_one", json!({}))
            },
            |it| it.records("ApplicationWithdrawn of app_other", json!({})),
            takes_back,
        ),
        life(
            "thank_for_rejection",
            Story::rejected,
            |it| it.writes("note_one", "rejection_thanks"),
            |it| it.records("ApplicationReopened of app_acme", json!({"reason": "They called."})),
        ),
        life(
            "ask_feedback",
            Story::rejected,
            |it| it.records("FeedbackRequested of rej_one", json!({"channel": "email"})),
            |it| it.records("ApplicationReopened of app_acme", json!({"reason": "They called."})),
        ),
        life(
            "keep_door_open",
            Story::rejected,
            |it| it.records("DoorKeptOpen of rej_one", json!({"revisit_on": "2026-09-01"})),
            |it| it.records("ApplicationReopened of app_acme", json!({"reason": "They called."})),
        ),
        life(
            "revisit",
            door,
            |it| {
                it.at("2026-03-05 10:00")
                    .records("RejectionClosed of rej_one", json!({}))
            },
            takes_back,
        ),
        life(
            "thank_helpers",
            || {
                held(connection(Story::invited()))
                    .records(
                        "ConnectionNotified of cxn_rosa",
                        json!({"application": "app_acme", "channel": "phone"}),
                    )
                    .at("2026-03-04 10:00")
                    .gets_rejected()
            },
            |it| {
                it.at("2026-03-05 10:00")
                    .records("ConnectionTouched of cxn_rosa", json!({"channel": "phone"}))
            },
            |it| it.records("ApplicationReopened of app_acme", json!({"reason": "They called."})),
        ),
    ]
}
