//! Interviews, and what is owed after one: who was there, a thank-you to each of them within a day, in the zone of the
//! interview and over the change of clocks.

use serde_json::json;

use crate::{
    client::id,
    harness::World,
    scenes::{Scene, applies, meets},
    stories,
};

stories![
    each_interviewer_is_thanked_within_24_hours,
    every_round_has_its_own_thanks,
    nobody_is_thanked_before_they_are_named,
    an_interview_that_ended_is_to_be_recorded_within_four_hours,
    times_are_those_of_the_place_of_the_interview,
    a_day_is_24_hours_over_the_change_of_clocks,
    an_interview_that_moves_takes_its_task_along,
    an_interview_cancelled_by_them_leaves_a_date_to_ask_for,
    what_cannot_have_been_is_refused,
];

async fn each_interviewer_is_thanked_within_24_hours(world: World) {
    let mut scene = Scene::applied(world).await;
    let ben = meets(&scene, &scene.ada, "Ben Cole", "ben@acme.example").await;
    let both = [id(&scene.anna), id(&ben)];
    scene.interview = scene
        .schedules("2026-03-02T14:00:00+01:00", "2026-03-02T15:00:00+01:00", &both)
        .await;
    assert_eq!(scene.status().await, "interviewing");
    scene.at("2026-03-02T15:10:00+01:00");
    let held = scene
        .records(
            &format!("{}/held", scene.interview),
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
        .await;
    assert_eq!(
        held["event"]["occurred_at"],
        json!("2026-03-02T14:00:00Z"),
        "it happened when it ended"
    );
    let tasks = scene.tasks("write_thank_you").await;
    let whom: Vec<_> = tasks.iter().map(|task| task["contact"].as_str().unwrap()).collect();
    assert_eq!(whom.len(), 2);
    assert!(both.iter().all(|contact| whom.contains(contact)));
    assert!(
        tasks
            .iter()
            .all(|task| task["due_at"] == "2026-03-03T15:00:00+01:00" && task["state"] == "open")
    );

    let note =
        json!({"kind": "thank_you", "recipients": [id(&ben)], "channel": "email", "interview": id(&scene.interview)});
    let note = scene.makes(&format!("{}/notes", scene.ada), note).await;
    let sent = scene.records(&format!("{note}/sent"), json!({})).await;
    assert_eq!(sent["tasks"]["closed"].as_array().map(Vec::len), Some(1));
    for task in scene.tasks("write_thank_you").await {
        let expected = if task["contact"] == id(&ben) { "done" } else { "open" };
        assert_eq!(task["state"], expected, "{task}");
    }
    scene.at("2026-03-03T15:00:00+01:00");
    let overdue = scene
        .lists(&format!("{}/tasks?play=write_thank_you&state=overdue", scene.ada))
        .await;
    assert_eq!((overdue.len(), &overdue[0]["contact"]), (1, &json!(id(&scene.anna))));
}

async fn every_round_has_its_own_thanks(world: World) {
    let scene = Scene::interviewed(world).await;
    let thanks = json!({"kind": "thank_you", "recipients": [id(&scene.anna)], "channel": "email", "interview": id(&scene.interview)});
    let note = scene.makes(&format!("{}/notes", scene.ada), thanks).await;
    scene.records(&format!("{note}/sent"), json!({})).await;
    let second = scene
        .schedules(
            "2026-03-05T10:00:00+01:00",
            "2026-03-05T11:00:00+01:00",
            &[id(&scene.anna)],
        )
        .await;
    assert_eq!(scene.sees(&scene.interview).await["round"], 1);
    assert_eq!(scene.sees(&second).await["round"], 2);
    scene.at("2026-03-05T11:30:00+01:00");
    scene
        .records(
            &format!("{second}/held"),
            json!({"ended_at": "2026-03-05T11:00:00+01:00", "impression": "Warm."}),
        )
        .await;
    let states: Vec<_> = scene
        .tasks("write_thank_you")
        .await
        .iter()
        .map(|it| it["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["done", "open"]);
    let seen = scene.sees(&second).await;
    assert_eq!(
        (&seen["status"], &seen["impression"]),
        (&json!("held"), &json!("Warm."))
    );
}

async fn nobody_is_thanked_before_they_are_named(world: World) {
    let mut scene = Scene::applied(world).await;
    scene.interview = scene
        .schedules("2026-03-02T14:00:00+01:00", "2026-03-02T15:00:00+01:00", &[])
        .await;
    scene.at("2026-03-02T15:00:00+01:00");
    scene
        .records(
            &format!("{}/held", scene.interview),
            json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
        )
        .await;
    assert!(scene.tasks("write_thank_you").await.is_empty());
    assert_eq!(
        scene.task("name_interviewers").await["due_at"],
        "2026-03-03T03:00:00+01:00"
    );
    scene.at("2026-03-02T16:00:00+01:00");
    scene
        .records(
            &format!("{}/interviewers", scene.interview),
            json!({"interviewers": [id(&scene.anna)]}),
        )
        .await;
    assert_eq!(scene.task("name_interviewers").await["state"], "done");
    assert_eq!(
        scene.task("write_thank_you").await["due_at"],
        "2026-03-03T15:00:00+01:00",
        "a day after it ended"
    );
    let replaced = meets(&scene, &scene.ada, "Ben Cole", "ben@acme.example").await;
    scene
        .records(
            &format!("{}/interviewers", scene.interview),
            json!({"interviewers": [id(&replaced)]}),
        )
        .await;
    let live = scene.lists(&format!("{}/tasks?play=write_thank_you", scene.ada)).await;
    assert_eq!((live.len(), &live[0]["contact"]), (1, &json!(id(&replaced))));
    assert_eq!(
        scene.sees(&scene.interview).await["interviewers"],
        json!([id(&replaced)])
    );
}

async fn an_interview_that_ended_is_to_be_recorded_within_four_hours(world: World) {
    let scene = Scene::invited(world).await;
    let task = scene.task("record_interview").await;
    let dates = (&task["opens_at"], &task["due_at"]);
    assert_eq!(
        dates,
        (&json!("2026-03-02T15:00:00+01:00"), &json!("2026-03-02T19:00:00+01:00"))
    );
    for (at, state) in [
        ("14:59:59", "waiting"),
        ("15:00:00", "open"),
        ("18:59:59", "open"),
        ("19:00:00", "overdue"),
    ] {
        scene.at(&format!("2026-03-02T{at}+01:00"));
        assert_eq!(scene.task("record_interview").await["state"], state, "at {at}");
    }
    scene
        .records(
            &format!("{}/held", scene.interview),
            json!({"ended_at": "2026-03-02T15:20:00+01:00"}),
        )
        .await;
    assert_eq!(scene.task("record_interview").await["state"], "done");
    assert_eq!(
        scene.sees(&scene.interview).await["ended_at"],
        "2026-03-02T15:20:00+01:00"
    );
}

async fn times_are_those_of_the_place_of_the_interview(world: World) {
    let scene = Scene::applied(world).await;
    let body = json!({"starts_at": "2026-03-02T10:00:00-05:00", "ends_at": "2026-03-02T11:00:00-05:00",
        "time_zone": "America/New_York", "format": "video", "interviewers": [id(&scene.anna)]});
    let interview = scene.makes(&format!("{}/interviews", scene.acme), body).await;
    scene.at("2026-03-02T18:00:00+01:00");
    scene
        .records(
            &format!("{interview}/held"),
            json!({"ended_at": "2026-03-02T11:00:00-05:00"}),
        )
        .await;
    let task = scene.task("write_thank_you").await;
    assert_eq!(
        (&task["due_at"], &task["time_zone"]),
        (&json!("2026-03-03T11:00:00-05:00"), &json!("America/New_York"))
    );
    // Nothing was promised: five working days, and then nine o'clock where they are, after their clocks have changed.
    assert_eq!(
        scene.task("enquire_status").await["opens_at"],
        "2026-03-09T09:00:00-04:00"
    );
    // What is not yet an interview keeps to where Ada lives.
    let globex = applies(&scene, &scene.ada, "Globex").await;
    let asked = scene
        .records(&format!("{globex}/document-requests"), json!({"document": "a sample"}))
        .await;
    assert_eq!(asked["tasks"]["raised"][0]["due_at"], "2026-03-03T18:00:00+01:00");
    scene
        .patch(&scene.ada, json!({"time_zone": "Asia/Tokyo"}))
        .await
        .is(200);
    let moved = scene
        .lists(&format!("{}/tasks?application={}", scene.ada, id(&globex)))
        .await;
    assert_eq!(
        moved[0]["due_at"], "2026-03-04T02:00:00+09:00",
        "the same moment, told in the new zone"
    );
}

async fn a_day_is_24_hours_over_the_change_of_clocks(world: World) {
    let scene = Scene::applied(world).await;
    scene.at("2026-03-28T12:00:00+01:00");
    let interview = scene
        .schedules(
            "2026-03-28T14:00:00+01:00",
            "2026-03-28T15:00:00+01:00",
            &[id(&scene.anna)],
        )
        .await;
    scene.at("2026-03-28T15:00:00+01:00");
    scene
        .records(
            &format!("{interview}/held"),
            json!({"ended_at": "2026-03-28T15:00:00+01:00"}),
        )
        .await;
    assert_eq!(
        scene.task("write_thank_you").await["due_at"],
        "2026-03-29T16:00:00+02:00"
    );
    // A promise is kept until the end of its working day, and asked about at nine on the next, by the new clock.
    scene
        .records(
            &format!("{}/decision-dates", scene.acme),
            json!({"decide_by": "2026-03-30"}),
        )
        .await;
    let task = scene.task("enquire_status").await;
    let dates = (&task["opens_at"], &task["due_at"]);
    assert_eq!(
        dates,
        (&json!("2026-03-31T09:00:00+02:00"), &json!("2026-04-02T17:00:00+02:00"))
    );
    // In the autumn an hour comes twice, and its offset says which one.
    let twice = json!({"starts_at": "2026-10-25T02:30:00+02:00", "ends_at": "2026-10-25T02:30:00+01:00",
        "time_zone": "Europe/Berlin", "format": "phone"});
    let twice = scene.makes(&format!("{}/interviews", scene.acme), twice).await;
    assert_eq!(scene.sees(&twice).await["ends_at"], "2026-10-25T02:30:00+01:00");
}

async fn an_interview_that_moves_takes_its_task_along(world: World) {
    let scene = Scene::invited(world).await;
    let before = scene.task("record_interview").await;
    let moved = json!({"starts_at": "2026-03-04T16:00:00+01:00", "ends_at": "2026-03-04T17:00:00+01:00",
        "time_zone": "Europe/Berlin", "format": "video", "location": "https://meet.example/acme"});
    let moved = scene.records(&format!("{}/rescheduled", scene.interview), moved).await;
    let changed = moved["tasks"]["changed"].as_array().unwrap();
    assert!(
        changed.iter().any(|task| task["id"] == before["id"]),
        "the task stays the same one"
    );
    assert_eq!(
        scene.task("record_interview").await["due_at"],
        "2026-03-04T21:00:00+01:00"
    );
    let seen = scene.sees(&scene.interview).await;
    assert_eq!(
        (&seen["format"], &seen["starts_at"]),
        (&json!("video"), &json!("2026-03-04T16:00:00+01:00"))
    );
    assert_eq!(scene.lists(&format!("{}/interviews", scene.ada)).await, [seen]);
}

async fn an_interview_cancelled_by_them_leaves_a_date_to_ask_for(world: World) {
    let scene = Scene::invited(world).await;
    scene
        .records(
            &format!("{}/cancelled", scene.interview),
            json!({"by": "organisation", "reason": "They are ill."}),
        )
        .await;
    let states = scene.task("record_interview").await["state"].clone();
    assert_eq!(states, "done", "InterviewCancelled closes it");
    assert_eq!(
        scene.task("ask_decision_date").await["due_at"],
        "2026-03-03T09:00:00+01:00"
    );
    let seen = scene.sees(&scene.interview).await;
    assert_eq!(
        (&seen["status"], &seen["cancelled_by"]),
        (&json!("cancelled"), &json!("organisation"))
    );
    scene.at("2026-03-02T16:00:00+01:00");
    let held = json!({"ended_at": "2026-03-02T15:00:00+01:00"});
    scene
        .post(&format!("{}/held", scene.interview), held)
        .await
        .refuses(409, "interview_cancelled");
    // A new date is as good as a promise.
    scene
        .schedules("2026-03-09T14:00:00+01:00", "2026-03-09T15:00:00+01:00", &[])
        .await;
    assert_eq!(scene.task("ask_decision_date").await["state"], "done");
}

async fn what_cannot_have_been_is_refused(world: World) {
    let scene = Scene::invited(world).await;
    let held = format!("{}/held", scene.interview);
    scene.at("2026-03-02T13:00:00+01:00");
    let early = scene
        .post(&held, json!({"ended_at": "2026-03-02T13:00:00+01:00"}))
        .await;
    early.refuses(409, "interview_not_begun");
    let backwards = json!({"starts_at": "2026-03-03T10:00:00+01:00", "ends_at": "2026-03-03T09:00:00+01:00",
        "time_zone": "Europe/Berlin", "format": "onsite"});
    scene
        .post(&format!("{}/interviews", scene.acme), backwards.clone())
        .await
        .refuses(409, "ends_before_start")
        .names("/ends_at");
    scene
        .post(&format!("{}/rescheduled", scene.interview), backwards)
        .await
        .refuses(409, "ends_before_start")
        .names("/ends_at");
    scene.at("2026-03-02T15:00:00+01:00");
    scene
        .records(&held, json!({"ended_at": "2026-03-02T15:00:00+01:00"}))
        .await;
    scene
        .post(&held, json!({"ended_at": "2026-03-02T15:00:00+01:00"}))
        .await
        .refuses(409, "already_recorded");
    let cancelled = json!({"by": "candidate"});
    scene
        .post(&format!("{}/cancelled", scene.interview), cancelled)
        .await
        .refuses(409, "interview_already_held");
    let strangers = json!({"interviewers": [id(&scene.anna), "con_01k9ze3n8qfq7s5b1x5n0v3gk2"]});
    let stranger = scene
        .post(&format!("{}/interviewers", scene.interview), strangers)
        .await;
    stranger.refuses(422, "unknown_reference").names("/interviewers/1");
}
