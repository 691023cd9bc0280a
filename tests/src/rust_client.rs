//! The story of `.ci/sdk/README.md`, told through the crate `afterword-client`, whose types are the service's own.

use afterword_client::{
    Client, Error, Event, Page, Said,
    domain::{
        applications::ApplicationOpened,
        boards::QueuedTask,
        catalogue::AnyFact,
        contacts::ContactCollected,
        ids::{ApplicationId, ContactId, InterviewId, NoteId},
        interviews::{InterviewHeld, InterviewScheduled},
        notes::{NoteDrafted, NoteReviewed, NoteRevised, NoteSent},
        profile::CandidateRegistered,
    },
    fact,
};
use futures_util::TryStreamExt;
use serde_json::json;

use crate::{
    harness::{World, moment},
    stories,
};

stories![
    the_story_is_told_through_the_client,
    a_refusal_names_the_field_of_the_fact,
    a_recording_sent_again_has_one_effect,
    what_was_erased_and_what_is_not_known_is_told_apart,
];

async fn the_story_is_told_through_the_client(world: World) {
    whole(world.base(), world.key()).await.expect("told");
}

async fn whole(url: &str, key: &str) -> Result<(), Error> {
    // docs
    let afterword = Client::new(url, key)?;
    let amara = json!({"name": "Amara Okafor", "time_zone": "Europe/Berlin"});
    let registered = afterword.register(fact::<CandidateRegistered>(amara)?).await?;
    let amara = afterword.candidate(registered.event.candidate);
    let applied = json!({"organisation": {"name": "Kestrel Robotics"}, "position": "Site reliability engineer"});
    let opened = amara.record(fact::<ApplicationOpened>(applied)?).await?;
    let tasks: Vec<_> = amara.tasks(&[("state", "waiting,open")]).try_collect().await?;
    // docs end
    assert!(tasks.iter().all(|task| task.candidate == amara.id));
    let application = ApplicationId::try_from(opened.event.subject).expect("an application");

    let card = json!({"name": "Dana Whitfield", "email": "dana@kestrel.example", "preferred_channel": "email"});
    let met = amara.record(fact::<ContactCollected>(card)?).named("dana");
    let (met, again) = (met.clone().await?, met.await?);
    assert_eq!(met.event, again.event);
    assert!(!met.replayed && again.replayed);
    let dana = ContactId::try_from(met.event.subject).expect("a contact");

    let interview = json!({"starts_at": "2026-02-27T10:00:00+01:00", "ends_at": "2026-02-27T11:30:00+01:00",
        "time_zone": "Europe/Berlin", "format": "video", "interviewers": [dana]});
    let scheduled = amara
        .record(fact::<InterviewScheduled>(interview)?)
        .within(application)
        .at(moment("2026-02-26T08:00:00Z").into())
        .await?;
    let interview = InterviewId::try_from(scheduled.event.subject).expect("an interview");
    let held = fact::<InterviewHeld>(json!({"ended_at": "2026-02-27T11:40:00+01:00"}))?;
    let held = amara.record(held).about(interview).await?;
    let mut raised = held.event.tasks.raised.iter();
    let thanks = raised
        .find(|task| task.play == "write_thank_you")
        .expect("a note is due");
    let tasks: Vec<_> = amara.tasks(&[("play", "write_thank_you")]).try_collect().await?;
    assert_eq!((tasks[0].id, &*tasks[0].action.operation), (thanks.id, "suggest_notes"));

    let draft = json!({"kind": "thank_you", "recipients": [dana], "channel": "email", "interview": interview,
        "body": "Dear Dana Whitfeld,\n\nThank you!"});
    let drafted = amara.record(fact::<NoteDrafted>(draft)?).await?;
    let note = NoteId::try_from(drafted.event.subject).expect("a note");
    let review: NoteReviewed = amara.review(note).await?.says().expect("a review");
    assert!(
        review.findings.iter().any(|finding| finding.rule == "name_misspelled"),
        "{review:?}"
    );
    let mended = fact::<NoteRevised>(json!({"body": "Dear Dana Whitfield,\n\nThank you!"}))?;
    let mended = amara.record(mended).about(note).await?;
    let etag = mended.etag.expect("a tag");
    let sent = amara
        .record(fact::<NoteSent>(json!({}))?)
        .about(note)
        .if_match(&etag)
        .await?;
    assert!(sent.event.tasks.closed.iter().any(|task| task.id == thanks.id));

    let (id, types) = (
        amara.id.to_string(),
        "ApplicationOpened,InterviewHeld,NoteReviewed,NoteSent",
    );
    let facts: Vec<Event> = afterword
        .events(&[("candidate", &id), ("types", types), ("limit", "3")])
        .try_collect()
        .await?;
    let words: Vec<String> = facts
        .iter()
        .map(|fact| match fact.said() {
            Said::Fact(said) => match *said {
                AnyFact::ApplicationOpened(it) => it.organisation.name.to_string(),
                AnyFact::InterviewHeld(it) => it.ended_at.to_string(),
                AnyFact::NoteReviewed(it) => format!("{}", !it.findings.is_empty()),
                other => other.name().to_owned(),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        words,
        ["Kestrel Robotics", "2026-02-27T11:40:00+01:00", "true", "NoteSent"]
    );

    let first: Page<QueuedTask> = afterword
        .page(
            "/v1/tasks",
            &[("candidate", &id), ("state", "waiting,open,overdue"), ("limit", "1")],
        )
        .await?;
    let all: Vec<_> = afterword
        .tasks(&[("candidate", &id), ("state", "waiting,open,overdue"), ("limit", "1")])
        .try_collect()
        .await?;
    assert!(first.next_cursor.is_some() && all.len() > 1 && all[0] == first.data[0]);
    assert_eq!(
        all[0].candidate_name.as_ref().map(ToString::to_string).as_deref(),
        Some("Amara Okafor")
    );

    let applications: Vec<_> = amara.applications().try_collect().await?;
    let board: Vec<_> = afterword.applications(&[]).try_collect().await?;
    assert_eq!(board[0].application.id, applications[0].id);
    let interviews: Vec<_> = amara.interviews().try_collect().await?;
    assert_eq!(
        (interviews[0].id, &interviews[0].interviewers[..]),
        (interview, &[dana][..])
    );
    let timeline: Vec<_> = amara.timeline(Some(application)).try_collect().await?;
    assert!(
        timeline.iter().any(|entry| entry.text.contains("Dana Whitfield")),
        "{timeline:#?}"
    );
    let rejections: Vec<_> = afterword.rejections(&[]).try_collect().await?;
    assert!(rejections.is_empty());
    let contact = amara.get(&format!("contacts/{dana}")).await?;
    assert_eq!(contact["name"], "Dana Whitfield");
    Ok(())
}

async fn a_refusal_names_the_field_of_the_fact(world: World) {
    let afterword = Client::new(world.base(), world.key()).expect("a client");
    let nowhere = fact::<CandidateRegistered>(json!({"name": "Nobody", "time_zone": "Mars/Olympus"}));
    assert!(
        matches!(nowhere, Err(Error::Unreadable(_))),
        "what cannot be is not even sent"
    );

    let ada = fact::<CandidateRegistered>(json!({"name": "Ada", "time_zone": "Europe/Berlin"})).expect("a fact");
    let ada = afterword.candidate(afterword.register(ada).await.expect("registered").event.candidate);
    let draft = json!({"kind": "thank_you", "channel": "email", "recipients": ["con_01jn0000000000000000000001"]});
    let refused = refusal(ada.record(fact::<NoteDrafted>(draft).expect("a fact")).await);
    assert_eq!((refused.status, &*refused.code), (422, "unknown_reference"));
    assert_eq!(refused.errors[0].pointer, "/recipients/0");
    assert!(refused.request_id.is_some());

    let stale = fact::<ContactCollected>(json!({"name": "Dana"})).expect("a fact");
    let stale = refusal(ada.record(stale).if_match("\"an-older-one\"").await);
    assert_eq!(stale.code, "stale");

    let stranger = Client::new(world.base(), "aw_live_nobody").expect("a client");
    let refused = stranger.tasks(&[]).try_next().await.expect_err("refused");
    assert_eq!(refused.problem().map(|it| &*it.code), Some("unauthenticated"));
    let nobody = Client::new("http://127.0.0.1:1", "aw_live_nobody").expect("a client");
    let silence = nobody.tasks(&[]).try_next().await;
    assert!(matches!(silence, Err(Error::NoAnswer(_))), "{silence:?}");
    assert!(matches!(Client::new("nowhere", ""), Err(Error::Address(_))));
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, Error>) -> afterword_client::Problem {
    answer.expect_err("refused").problem().expect("a problem").clone()
}

async fn a_recording_sent_again_has_one_effect(world: World) {
    let afterword = Client::new(world.base(), world.key()).expect("a client");
    let ada = fact::<CandidateRegistered>(json!({"name": "Ada", "time_zone": "Europe/Berlin"})).expect("a fact");
    let registering = afterword.register(ada);
    let first = registering.clone().await.expect("registered");
    let second = registering.clone().await.expect("the same again");
    // Without its name, by the fact's own id.
    let third = registering.named("another-name").await.expect("the same again");
    assert_eq!((&first.event, &first.event), (&second.event, &third.event));
    assert_eq!((first.already, third.already, third.replayed), (false, true, false));
    let facts: Vec<_> = afterword.events(&[]).try_collect().await.expect("the feed");
    assert_eq!(facts.len(), 1);
}

async fn what_was_erased_and_what_is_not_known_is_told_apart(world: World) {
    let afterword = Client::new(world.base(), world.key()).expect("a client");
    let ada = fact::<CandidateRegistered>(json!({"name": "Ada", "time_zone": "Europe/Berlin"})).expect("a fact");
    let registered = afterword.register(ada).await.expect("registered").event;
    assert!(registered.says::<CandidateRegistered>().is_some() && registered.says::<NoteSent>().is_none());
    let later = Event {
        kind: "FactOfALaterRelease".into(),
        ..registered.clone()
    };
    assert_eq!(later.said(), Said::Other);
    afterword.candidate(registered.candidate).erase().await.expect("erased");
    let facts: Vec<_> = afterword.events(&[]).try_collect().await.expect("the feed");
    assert_eq!((&*facts[0].kind, facts[0].said()), ("FactErased", Said::Erased));
}
