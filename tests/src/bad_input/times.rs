//! Times: an offset that is there and right, a zone that is one, no future, no end of the calendar.

use serde_json::json;

use super::{ada, records_nothing};
use crate::{harness::World, scenes::Scene, stories};

stories![
    a_time_says_its_offset_and_its_zone_agrees,
    what_has_happened_is_not_in_the_future,
    the_ends_of_the_calendar_break_nothing,
];

async fn a_time_says_its_offset_and_its_zone_agrees(world: World) {
    let scene = Scene::applied(world).await;
    let interviews = format!("{}/interviews", scene.acme);
    let at = |starts_at: &str, ends_at: &str, zone: &str| json!({"starts_at": starts_at, "ends_at": ends_at, "time_zone": zone, "format": "phone"});
    records_nothing(&scene, async || {
        let good = "2026-03-03T11:00:00+01:00";
        let bad = [
            "2026-03-03T10:00:00",
            "2026-03-03 10:00:00+01:00",
            "2026-03-03T10:00+01:00",
            "2026-03-03",
            "10:00",
            "1772528400",
            "2026-03-03T25:00:00Z",
            "2026-02-30T10:00:00Z",
            "2026-03-03T10:00:00+1:00",
            "2026-03-03T10:00:00+0100",
            "2026-03-03T10:00:00[Europe/Berlin]",
            "2026-03-03T10:00:00+01:00[Europe/Berlin]",
            "tomorrow",
            "",
        ];
        for text in bad {
            scene
                .post(&interviews, at(text, good, "Europe/Berlin"))
                .await
                .refuses(422, "invalid")
                .names("/starts_at");
            scene
                .post("/v1/candidates", ada("occurred_at", json!(text)))
                .await
                .refuses(422, "invalid")
                .names("/occurred_at");
        }
        let lone = scene
            .post("/v1/candidates", ada("occurred_at", json!("2026-03-01T10:00:00")))
            .await;
        assert!(lone["detail"].as_str().unwrap().contains("offset"), "{lone}");
        // Berlin is at +01:00 until the 29th of March, and from two o'clock on that day there is no half past two.
        for (starts_at, ends_at, zone, pointer) in [
            (
                "2026-03-03T10:00:00+02:00",
                "2026-03-03T11:00:00+02:00",
                "Europe/Berlin",
                "/starts_at",
            ),
            (
                "2026-03-03T10:00:00+01:00",
                "2026-03-03T11:00:00+02:00",
                "Europe/Berlin",
                "/ends_at",
            ),
            (
                "2026-07-01T10:00:00+01:00",
                "2026-07-01T11:00:00+02:00",
                "Europe/Berlin",
                "/starts_at",
            ),
            (
                "2026-03-29T02:30:00+01:00",
                "2026-03-29T04:30:00+02:00",
                "Europe/Berlin",
                "/starts_at",
            ),
            (
                "2026-03-29T02:30:00+02:00",
                "2026-03-29T04:30:00+02:00",
                "Europe/Berlin",
                "/starts_at",
            ),
            (
                "2026-03-03T10:00:00+01:00",
                "2026-03-03T11:00:00+01:00",
                "Europe/Nowhere",
                "/time_zone",
            ),
            (
                "2026-03-03T10:00:00+01:00",
                "2026-03-03T11:00:00+01:00",
                "CET-1",
                "/time_zone",
            ),
        ] {
            scene
                .post(&interviews, at(starts_at, ends_at, zone))
                .await
                .refuses(422, "invalid")
                .names(pointer);
        }
    })
    .await;
    scene
        .post(
            &interviews,
            at(
                "2026-03-03T09:00:00Z",
                "2026-03-03T10:00:00.123456789Z",
                "Europe/Berlin",
            ),
        )
        .await
        .is(201);
    scene
        .post(
            &interviews,
            at(
                "2026-07-01T10:00:00+02:00",
                "2026-07-01T11:00:00+02:00",
                "Europe/Berlin",
            ),
        )
        .await
        .is(201);
}

async fn what_has_happened_is_not_in_the_future(world: World) {
    let scene = Scene::invited(world).await;
    let contacts = format!("{}/contacts", scene.ada);
    let met = |occurred_at: &str| json!({"name": "Ben", "occurred_at": occurred_at});
    records_nothing(&scene, async || {
        for moment in [
            "2026-03-02T09:01:01+01:00",
            "2026-03-03T09:00:00+01:00",
            "9999-12-30T00:00:00Z",
        ] {
            scene
                .post(&contacts, met(moment))
                .await
                .refuses(422, "invalid")
                .names("/occurred_at");
        }
        scene
            .post(&contacts, met("1812-03-02T09:00:00Z"))
            .await
            .refuses(422, "invalid")
            .names("/occurred_at");
        for as_of in [
            "2026-03-03T09:00:00Z",
            "2026-03-02T09:01:01+01:00",
            "9999-12-30T00:00:00Z",
        ] {
            scene
                .get(&format!("{}?as_of={as_of}", scene.ada))
                .await
                .refuses(422, "invalid")
                .names("?as_of");
        }
    })
    .await;
    // Clocks differ by a minute: that counts as now.
    let ahead = scene.records(&contacts, met("2026-03-02T09:01:00+01:00")).await;
    assert_eq!(ahead["event"]["occurred_at"], "2026-03-02T08:00:00Z");
    scene.at("2026-03-02T15:00:00+01:00");
    let held = json!({"ended_at": "2026-03-02T15:02:00+01:00"});
    scene
        .post(&format!("{}/held", scene.interview), held)
        .await
        .refuses(422, "invalid")
        .names("/ended_at");
    // A blank in a query is the plus of an offset.
    scene
        .sees(&format!("{}?as_of=2026-03-02T15:00:00 01:00", scene.ada))
        .await;
    scene
        .sees(&format!("{}?as_of=2026-03-02T15:00:00%2B01:00", scene.ada))
        .await;
}

async fn the_ends_of_the_calendar_break_nothing(world: World) {
    let scene = Scene::interviewed(world).await;
    scene
        .records(&format!("{}/rejection", scene.acme), json!({"channel": "email"}))
        .await;
    let task = scene.task("thank_for_rejection").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let request = scene
        .makes(&format!("{}/document-requests", scene.acme), json!({"document": "x"}))
        .await;
    for date in [
        "9999-12-31",
        "9999-12-30",
        "2200-12-31",
        "1900-01-01",
        "0001-01-01",
        "-9999-01-01",
        "0000-01-01",
        "10000-01-01",
    ] {
        let bodies = [
            (
                format!("{}/document-requests", scene.acme),
                json!({"document": "x", "needed_by": date, "expected_on": date}),
            ),
            (format!("{request}/delays"), json!({"expected_on": date})),
            (format!("{}/decision-dates", scene.acme), json!({"decide_by": date})),
            (
                format!("{}/status-reports", scene.acme),
                json!({"summary": "x", "decide_by": date}),
            ),
            (format!("{}/offers", scene.acme), json!({"respond_by": date})),
            (
                format!("{}/rejection/door-kept-open", scene.acme),
                json!({"revisit_on": date}),
            ),
            (
                format!("{}/tasks/{task}/snoozed", scene.ada),
                json!({"until_at": format!("{date}T22:00:00Z")}),
            ),
            (
                format!("{}/tasks/{task}/snoozed", scene.ada),
                json!({"until_at": format!("{date}T22:00:00-23:59")}),
            ),
            (
                format!("{}/interviews", scene.acme),
                json!({"starts_at": format!("{date}T00:00:00Z"), "ends_at": format!("{date}T21:59:59Z"),
                "time_zone": "Pacific/Kiritimati", "format": "phone"}),
            ),
        ];
        for (path, body) in bodies {
            let answer = scene.post(&path, body).await;
            assert!([201, 409, 422].contains(&answer.status), "{answer}");
        }
        for path in [
            "/tasks?state=waiting,open,overdue,done,void&snoozed=true&limit=100",
            "/timeline?limit=100",
            "/applications",
            "/interviews",
        ] {
            scene.get(&format!("{}{path}", scene.ada)).await.is(200);
        }
        scene
            .get(&format!("{}/status-enquiry-advice", scene.acme))
            .await
            .is(200);
    }
    for list in [
        "/v1/tasks?limit=100",
        "/v1/applications",
        "/v1/rejections",
        "/v1/events?limit=100",
    ] {
        scene.get(list).await.is(200);
    }
}
