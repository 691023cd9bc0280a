//! The debrief: looking back within four hours, making poor answers good, and practising. It is candid: its answers and
//! lessons are for readers of debriefs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::id,
    contract::{operations, paths_of},
    harness::World,
    lists::full,
    scenes::Scene,
    stories,
};

stories![
    a_poor_answer_is_made_good_by_the_thank_you,
    a_repair_may_wait_for_the_next_interview,
    the_practice_list_adds_up_over_all_interviews,
    what_was_said_in_confidence_is_for_readers_of_debriefs,
    what_a_debrief_cannot_be,
];

fn question(reception: &str) -> Value {
    json!({"question": "Tell me about a failure.", "category": "behavioural", "answer": "I blamed the supplier.",
        "reception": reception, "better_answer": "What I changed afterwards."})
}

async fn a_poor_answer_is_made_good_by_the_thank_you(world: World) {
    let scene = Scene::interviewed(world).await;
    assert_eq!(scene.task("debrief").await["due_at"], "2026-03-02T19:00:00+01:00");
    let questions = format!("{}/questions", scene.interview);
    let asked = scene.makes(&questions, question("poorly")).await;
    assert_eq!(
        scene.task("plan_repair").await["due_at"],
        scene.task("write_thank_you").await["due_at"]
    );
    let plan = json!({"by": "follow_up", "text": "What I changed afterwards."});
    let repair = scene.makes(&format!("{asked}/repairs"), plan).await;
    assert_eq!(scene.task("plan_repair").await["state"], "done");
    assert_eq!(scene.sees(&asked).await["status"], "repair_planned");
    let debriefed = json!({"overall": 4, "unsaid_strengths": ["I speak Danish"], "lessons": ["Breathe."]});
    scene
        .records(&format!("{}/debriefed", scene.interview), debriefed.clone())
        .await;
    scene
        .post(&format!("{}/debriefed", scene.interview), debriefed)
        .await
        .refuses(409, "already_recorded");
    let seen = scene.sees(&format!("{}/debrief", scene.interview)).await;
    assert_eq!(seen["unsaid_strengths"], json!(["I speak Danish"]));
    assert_eq!(scene.lists(&format!("{}/debriefs", scene.ada)).await, [seen]);
    // The note that goes to that interview makes it good.
    scene.at("2026-03-02T20:00:00+01:00");
    let sent = scene.writes("thank_you").await;
    let closed: Vec<_> = sent["tasks"]["closed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["play"].clone())
        .collect();
    assert!(closed.contains(&json!("make_repair")), "{closed:?}");
    assert_eq!(scene.sees(&repair).await["status"], "made");
    assert_eq!(scene.sees(&asked).await["status"], "repaired");
    assert_eq!(scene.lists(&questions).await.len(), 1);
    assert_eq!(scene.lists(&format!("{asked}/repairs")).await.len(), 1);
}

async fn a_repair_may_wait_for_the_next_interview(world: World) {
    let scene = Scene::interviewed(world).await;
    let asked = scene
        .makes(&format!("{}/questions", scene.interview), question("poorly"))
        .await;
    let plan = json!({"by": "next_interview", "text": "What I changed."});
    let repair = scene.makes(&format!("{asked}/repairs"), plan).await;
    assert_eq!(scene.task("make_repair").await["due_at"], Value::Null);
    scene
        .schedules("2026-03-09T14:00:00+01:00", "2026-03-09T15:00:00+01:00", &[])
        .await;
    assert_eq!(scene.task("make_repair").await["due_at"], "2026-03-09T14:00:00+01:00");
    let made = scene
        .records(&format!("{repair}/made"), json!({"remark": "They nodded."}))
        .await;
    assert_eq!(made["tasks"]["closed"][0]["play"], "make_repair");
    scene
        .post(&format!("{repair}/made"), json!({}))
        .await
        .refuses(409, "already_recorded");
    // Taken back, it is owed again.
    let event = made["event"]["id"].as_str().unwrap();
    scene
        .records(
            &format!("{}/events/{event}/retracted", scene.ada),
            json!({"reason": "It did not come up."}),
        )
        .await;
    assert_eq!(scene.task("make_repair").await["state"], "open");
}

async fn the_practice_list_adds_up_over_all_interviews(world: World) {
    let scene = Scene::interviewed(world).await;
    let first = format!("{}/questions", scene.interview);
    scene.records(&first, question("poorly")).await;
    let why = json!({"question": "Why us?", "category": "motivation", "answer": "Because.", "reception": "well"});
    scene.records(&first, why.clone()).await;
    let then = scene.clock.now();
    let second = scene
        .schedules("2026-03-04T14:00:00+01:00", "2026-03-04T15:00:00+01:00", &[])
        .await;
    scene.at("2026-03-04T16:00:00+01:00");
    scene.records(&format!("{second}/questions"), why).await;
    let practice = format!("{}/practice", scene.ada);
    let told: Vec<_> = scene
        .lists(&practice)
        .await
        .iter()
        .map(|it| {
            (
                it["category"].as_str().unwrap().to_owned(),
                it["asked"].clone(),
                it["poorly"].clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("behavioural".into(), json!(1), json!(1)),
            ("motivation".into(), json!(2), json!(0))
        ]
    );
    let before = scene.lists(&format!("{practice}?as_of={then}")).await;
    assert_eq!(before[1]["asked"], 1);
    assert_eq!(before[0]["questions"][0]["better_answer"], "What I changed afterwards.");
}

async fn what_was_said_in_confidence_is_for_readers_of_debriefs(world: World) {
    let scene = full(world).await;
    let secret = json!({"question": "Why did you leave?", "category": "experience", "answer": "SECRET-ANSWER",
        "reception": "poorly", "better_answer": "SECRET-BETTER"});
    scene.records(&format!("{}/questions", scene.interview), secret).await;
    let other = scene
        .schedules("2026-03-02T15:00:00+01:00", "2026-03-02T15:05:00+01:00", &[])
        .await;
    scene
        .records(
            &format!("{other}/debriefed"),
            json!({"overall": 2, "lessons": ["SECRET-LESSON"]}),
        )
        .await;
    let reader = scene
        .client("candidates:read candidates:write events:read", None, None)
        .await;
    let confidant = scene
        .client("candidates:read events:read debriefs:read", None, None)
        .await;
    let (mut hidden, mut shown) = (0, 0);
    for operation in operations() {
        let looks = operation.path.starts_with("/v1/candidates")
            || ["/v1/tasks", "/v1/applications", "/v1/rejections", "/v1/events"].contains(&operation.path.as_str());
        // What an archive tells is another story.
        if !looks || operation.method != Method::GET || operation.path.ends_with("/export") {
            continue;
        }
        for path in paths_of(&scene, &operation.path).await {
            let told = String::from_utf8_lossy(&reader.get(&path).await.body).into_owned();
            assert!(!told.contains("SECRET"), "{path} tells {told}");
            hidden += 1;
            let told = String::from_utf8_lossy(&confidant.get(&path).await.body).into_owned();
            shown += usize::from(told.contains("SECRET"));
        }
    }
    assert!(
        hidden > 40 && shown >= 6,
        "{hidden} looked at, {shown} with something to hide"
    );
    // What one writes oneself is not told back either, nor when it is asked for again.
    let more =
        json!({"question": "And before?", "category": "experience", "answer": "SECRET-AGAIN", "reception": "well"});
    let path = format!("{}/questions", scene.interview);
    let send = async || {
        let request = reader.request(Method::POST, &path).header("Idempotency-Key", "twice");
        reader.send(request.json(&more)).await
    };
    for answer in [send().await, send().await] {
        assert!(
            !String::from_utf8(answer.is(201).body.clone())
                .unwrap()
                .contains("SECRET")
        );
        assert_eq!(answer["event"]["data"]["question"], "And before?");
    }
    let facts = json!({"facts": [{"type": "QuestionRecorded", "data": {"interview": id(&scene.interview),
        "question": "Why?", "category": "other", "answer": "SECRET-BULK", "reception": "well"}}]});
    let answer = reader.post(&format!("{}/facts", scene.ada), facts).await;
    assert_eq!(answer.is(200)["results"][0]["status"], "recorded", "{answer}");
    assert!(!String::from_utf8(answer.body.clone()).unwrap().contains("SECRET"));
}

async fn what_a_debrief_cannot_be(world: World) {
    let scene = Scene::interviewed(world).await;
    let questions = format!("{}/questions", scene.interview);
    // Among several facts the interview may be the subject, or be named in the data.
    let mut named = question("well");
    named["interview"] = json!(id(&scene.interview));
    for fact in [
        json!({"type": "QuestionRecorded", "subject": id(&scene.interview), "data": question("well")}),
        json!({"type": "QuestionRecorded", "data": named}),
    ] {
        let answer = scene
            .post(&format!("{}/facts", scene.ada), json!({"facts": [fact]}))
            .await;
        let event = &answer.is(200)["results"][0]["event"];
        assert_eq!(event["data"]["interview"], id(&scene.interview), "{answer}");
        assert!(event["subject"].as_str().is_some_and(|it| it.starts_with("qst_")));
    }
    for (field, value) in [
        ("category", json!("gossip")),
        ("reception", json!("so so")),
        ("answer", json!("")),
        ("question", json!(null)),
    ] {
        let mut body = question("well");
        body[field] = value;
        let answer = scene.post(&questions, body).await;
        answer.refuses(422, "invalid").names(&format!("/{field}"));
    }
    let mut elsewhere = question("well");
    elsewhere["interview"] = json!("int_01k9ze3n8qfq7s5b1x5n0v3gk2");
    scene
        .post(&questions, elsewhere.clone())
        .await
        .refuses(422, "invalid")
        .names("/interview");
    let facts = json!({"facts": [{"type": "QuestionRecorded", "data": elsewhere}]});
    let answer = scene.post(&format!("{}/facts", scene.ada), facts).await;
    let problem = &answer.is(200)["results"][0]["problem"];
    assert_eq!(
        (&problem["code"], &problem["errors"][0]["pointer"]),
        (&json!("unknown_reference"), &json!("/facts/0/data/interview")),
        "{answer}"
    );
    for overall in [json!(0), json!(6), json!("good")] {
        scene
            .post(&format!("{}/debriefed", scene.interview), json!({"overall": overall}))
            .await
            .refuses(422, "invalid")
            .names("/overall");
    }
    let nowhere = format!("{}/interviews/int_01k9ze3n8qfq7s5b1x5n0v3gk2/questions", scene.ada);
    scene.post(&nowhere, question("well")).await.refuses(404, "not_found");
    scene.get(&nowhere).await.refuses(404, "not_found");
    let nothing = format!("{}/questions/qst_01k9ze3n8qfq7s5b1x5n0v3gk2/repairs", scene.ada);
    scene
        .post(&nothing, json!({"by": "follow_up", "text": "More."}))
        .await
        .refuses(404, "not_found");
    let ahead = scene
        .schedules("2026-03-09T14:00:00+01:00", "2026-03-09T15:00:00+01:00", &[])
        .await;
    scene
        .post(&format!("{ahead}/questions"), question("well"))
        .await
        .refuses(409, "interview_not_begun");
    scene
        .records(&format!("{ahead}/cancelled"), json!({"by": "organisation"}))
        .await;
    scene
        .post(&format!("{ahead}/debriefed"), json!({"overall": 3}))
        .await
        .refuses(409, "interview_cancelled");
}
