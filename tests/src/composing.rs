//! Composing: drafts from what is on record, of which nothing is stored; the templates behind them are the tenant's.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Answer, id},
    harness::World,
    scenes::{Scene, applies, meets, registers},
    stories,
};

stories![
    a_draft_is_composed_reviewed_and_sent,
    each_of_a_panel_gets_another_draft_until_everybody_has_one,
    a_draft_without_the_debrief_for_who_may_not_read_it,
    a_bound_key_composes_for_its_own_candidate,
    what_can_be_no_such_note_is_named,
    a_tenant_says_it_in_its_own_words,
    a_template_that_is_wrong_is_named,
    only_who_may_do_everything_replaces_a_template,
];

fn suggestions(scene: &Scene) -> String {
    format!("{}/notes/suggestions", scene.ada)
}

async fn suggests(scene: &Scene, body: Value) -> Vec<Value> {
    let answer = scene.post(&suggestions(scene), body).await;
    answer.is(200)["data"].as_array().expect("drafts").clone()
}

fn lacks(draft: &Value) -> Vec<&str> {
    let missing = draft["missing"].as_array().expect("a list");
    missing.iter().map(|it| it["what"].as_str().expect("a name")).collect()
}

/// What was asked, and what did not come up.
async fn looks_back(scene: &Scene) {
    for question in ["How do you test a release?", "Why us?", "What makes a good review?"] {
        let asked =
            json!({"question": question, "category": "technical", "answer": "SECRET-ANSWER", "reception": "well"});
        scene.records(&format!("{}/questions", scene.interview), asked).await;
    }
    let debriefed = json!({"overall": 4, "unsaid_strengths": ["I speak Danish", "patience with old code"], "lessons": ["SECRET-LESSON"]});
    scene
        .records(&format!("{}/debriefed", scene.interview), debriefed)
        .await;
}

async fn a_draft_is_composed_reviewed_and_sent(world: World) {
    let scene = Scene::interviewed(world).await;
    let action = scene.task("write_thank_you").await["action"].clone();
    assert_eq!(action["operation"], "suggest_notes");
    assert_eq!(action["href"], suggestions(&scene));
    let bare = suggests(&scene, action["body"].clone()).await;
    assert_eq!(lacks(&bare[0]), ["talked_about", "strength"]);
    // The call that is named there records it.
    let record = &bare[0]["missing"][0]["action"];
    let mut body = record["body"].clone();
    for (field, value) in [
        ("question", "Why us?"),
        ("category", "motivation"),
        ("answer", "So."),
        ("reception", "well"),
    ] {
        body[field] = json!(value);
    }
    scene.records(record["href"].as_str().unwrap(), body).await;
    let debrief = &bare[0]["missing"][1]["action"];
    let told = json!({"overall": 4, "unsaid_strengths": ["I speak Danish"]});
    scene.records(debrief["href"].as_str().unwrap(), told).await;

    let before = scene.head().await;
    let drafts = suggests(&scene, action["body"].clone()).await;
    assert_eq!((drafts.len(), lacks(&drafts[0])), (1, vec![]));
    assert_eq!(scene.head().await, before, "nothing is stored");
    assert_eq!(suggests(&scene, action["body"].clone()).await, drafts, "the same again");
    let draft = &drafts[0];
    assert_eq!(draft["recipients"], json!([id(&scene.anna)]));
    let text = draft["body"].as_str().unwrap();
    for said in [
        "Dear Anna Berg,",
        "Monday 2 March",
        "Acme",
        "“Why us?”",
        "I speak Danish",
        "Ada Lovelace",
    ] {
        assert!(text.contains(said), "{said} in {text}");
    }
    let mut note = action["body"].clone();
    for field in ["recipients", "channel", "subject_line", "body"] {
        note[field] = draft[field].clone();
    }
    let checked = scene.post(&format!("{}/notes/check", scene.ada), note.clone()).await;
    assert_eq!(checked.is(200)["findings"], json!([]));
    let note = scene.makes(&format!("{}/notes", scene.ada), note).await;
    scene.records(&format!("{note}/reviewed"), json!({})).await;
    let sent = scene.records(&format!("{note}/sent"), json!({})).await;
    assert_eq!(sent["event"]["departures"], json!([]));
    assert_eq!(scene.task("write_thank_you").await["state"], "done");
}

async fn each_of_a_panel_gets_another_draft_until_everybody_has_one(world: World) {
    let scene = Scene::interviewed(world).await;
    let bob = meets(&scene, &scene.ada, "Bob Stone", "bob@acme.example").await;
    let cleo = meets(&scene, &scene.ada, "Cleo Hart", "cleo@acme.example").await;
    let room = json!({"interviewers": [id(&scene.anna), id(&bob), id(&cleo)]});
    scene.records(&format!("{}/interviewers", scene.interview), room).await;
    looks_back(&scene).await;
    for tone in ["formal", "warm", "brief"] {
        let drafts = suggests(&scene, json!({"kind": "thank_you", "tone": tone})).await;
        assert_eq!(drafts.len(), 3);
        assert!(drafts.iter().all(|draft| lacks(draft).is_empty()), "{drafts:#?}");
    }
    // What Cleo gets does not depend on who else is written to.
    let all = suggests(&scene, json!({"kind": "thank_you"})).await;
    let alone = suggests(&scene, json!({"kind": "thank_you", "recipients": [id(&cleo)]})).await;
    assert_eq!(alone[0]["body"], all[2]["body"]);
    let note = json!({"kind": "thank_you", "recipients": [id(&scene.anna)], "channel": "email", "interview": id(&scene.interview)});
    scene.makes(&format!("{}/notes", scene.ada), note).await;
    let rest = suggests(&scene, json!({"kind": "thank_you", "channel": "message"})).await;
    let to: Vec<_> = rest.iter().map(|draft| draft["recipients"][0].clone()).collect();
    assert_eq!(to, [id(&bob), id(&cleo)]);
    assert_eq!(
        (&rest[0]["channel"], &rest[0]["subject_line"]),
        (&json!("message"), &Value::Null)
    );
}

async fn a_draft_without_the_debrief_for_who_may_not_read_it(world: World) {
    let scene = Scene::interviewed(world).await;
    looks_back(&scene).await;
    let asked = scene.lists(&format!("{}/questions", scene.interview)).await;
    let plan = json!({"by": "follow_up", "text": "my secret is a checklist"});
    let question = format!("{}/questions/{}", scene.ada, asked[0]["id"].as_str().unwrap());
    let repair = scene.makes(&format!("{question}/repairs"), plan).await;
    let reader = scene.client("candidates:read candidates:write", None, None).await;
    for body in [
        json!({"kind": "thank_you"}),
        json!({"kind": "other", "about": id(&repair)}),
    ] {
        let answer = reader.post(&suggestions(&scene), body.clone()).await;
        let told = String::from_utf8(answer.is(200).body.clone()).unwrap();
        assert!(
            !told.contains("SECRET") && !told.contains("secret") && !told.contains("Danish"),
            "{told}"
        );
        assert!(lacks(&answer["data"][0]).contains(&"debrief"), "{told}");
        let confidant = scene.client("candidates:read debriefs:read", None, None).await;
        let answer = confidant.post(&suggestions(&scene), body).await;
        let told = String::from_utf8(answer.is(200).body.clone()).unwrap();
        assert!(
            told.contains("my secret is a checklist")
                && !told.contains("SECRET-ANSWER")
                && !told.contains("SECRET-LESSON")
        );
        assert!(!lacks(&answer["data"][0]).contains(&"debrief"), "{told}");
    }
}

async fn a_bound_key_composes_for_its_own_candidate(world: World) {
    let scene = Scene::interviewed(world).await;
    let grace = registers(&scene, "Grace Hopper").await;
    let bolt = applies(&scene, &grace, "Bolt").await;
    let grace_id: afterword_domain::ids::CandidateId = id(&grace).parse().unwrap();
    let own = scene.client("candidates:read", Some(grace_id.uuid()), None).await;
    let asks = json!({"kind": "status_enquiry", "tone": "warm"});
    let answer = own.post(&format!("{grace}/notes/suggestions"), asks.clone()).await;
    let draft = &answer.is(200)["data"][0];
    assert_eq!((&draft["recipients"], lacks(draft)), (&json!([]), vec!["recipient"]));
    assert!(
        draft["body"].as_str().unwrap().starts_with("Dear Bolt team,"),
        "{draft}"
    );
    own.post(&suggestions(&scene), asks.clone())
        .await
        .refuses(404, "not_found");
    // Of several applications one must be named.
    applies(&scene, &grace, "Crown").await;
    let answer = own.post(&format!("{grace}/notes/suggestions"), asks).await;
    answer.refuses(422, "invalid").names("/application");
    let named = json!({"kind": "status_enquiry", "application": id(&bolt)});
    own.post(&format!("{grace}/notes/suggestions"), named).await.is(200);
}

async fn what_can_be_no_such_note_is_named(world: World) {
    let scene = Scene::interviewed(world).await;
    let bob = meets(&scene, &scene.ada, "Bob Stone", "bob@acme.example").await;
    let globex = applies(&scene, &scene.ada, "Globex").await;
    let nobody = "01k9ze3n8qfq7s5b1x5n0v3gk2";
    for (body, code, pointer) in [
        (json!({}), "invalid", "/kind"),
        (json!({"kind": "love_letter"}), "invalid", "/kind"),
        (json!({"kind": "other", "tone": "shrill"}), "invalid", "/tone"),
        (json!({"kind": "other", "channel": "owl"}), "invalid", "/channel"),
        (json!({"kind": "other", "mood": 1}), "invalid", "/mood"),
        (
            json!({"kind": "thank_you", "interview": format!("int_{nobody}")}),
            "unknown_reference",
            "/interview",
        ),
        (
            json!({"kind": "thank_you", "application": format!("app_{nobody}")}),
            "unknown_reference",
            "/application",
        ),
        (
            json!({"kind": "thank_you", "recipients": [format!("con_{nobody}")]}),
            "unknown_reference",
            "/recipients/0",
        ),
        (
            json!({"kind": "other", "about": format!("off_{nobody}")}),
            "unknown_reference",
            "/about",
        ),
        (
            json!({"kind": "thank_you", "interview": id(&scene.interview), "application": id(&globex)}),
            "invalid",
            "/interview",
        ),
        (
            json!({"kind": "thank_you", "recipients": [id(&bob)]}),
            "invalid",
            "/recipients/0",
        ),
        (
            json!({"kind": "thank_you", "recipients": vec![id(&bob); 101]}),
            "invalid",
            "/recipients",
        ),
        (json!({"kind": "rejection_thanks"}), "invalid", "/application"),
        (json!({"kind": "document_progress"}), "invalid", "/about"),
        (
            json!({"kind": "reference_notice", "recipients": [id(&bob)]}),
            "invalid",
            "/recipients/0",
        ),
        (
            json!({"kind": "feedback_request", "about": id(&scene.interview)}),
            "invalid",
            "/about",
        ),
    ] {
        let answer = scene.post(&suggestions(&scene), body).await;
        answer.refuses(422, code).names(pointer);
    }
    let stranger = scene.client("candidates:write", None, None).await;
    let answer = stranger.post(&suggestions(&scene), json!({"kind": "other"})).await;
    answer.refuses(403, "insufficient_scope");
}

async fn puts(world: &World, path: &str, variants: Value) -> Answer {
    let request = world.request(Method::PUT, path);
    world.send(request.json(&json!({"variants": variants}))).await
}

fn own() -> Value {
    json!([{"subject_line": "Hello from {{ sender }}", "body": "Dear {{ recipient }},\n\nThank you for the conversation.{% if topic %} “{{ topic }}” it was.{% endif %}\n\nKind regards,\n{{ sender }}"}])
}

async fn a_tenant_says_it_in_its_own_words(world: World) {
    let scene = Scene::interviewed(world).await;
    looks_back(&scene).await;
    let path = "/v1/templates/thank_you/formal";
    let all = scene.lists("/v1/templates").await;
    assert_eq!(all.len(), 24);
    assert!(all.iter().all(|it| it["is_default"] == true
        && it["version"] == 0
        && it["variants"].as_array().is_some_and(|it| !it.is_empty())));
    let default = scene.get(path).await;
    assert_eq!(default.is(200).json, all[0]);
    let page = scene.sees("/v1/templates?limit=20").await;
    let cursor = page["next_cursor"].as_str().expect("there is more");
    assert_eq!(
        scene.sees(&format!("/v1/templates?limit=20&cursor={cursor}")).await["data"]
            .as_array()
            .unwrap()[..],
        all[20..]
    );

    let first = puts(&scene, path, own()).await;
    assert_eq!(
        (&first.is(200)["version"], &first["is_default"], &first["variants"]),
        (&json!(1), &json!(false), &own())
    );
    let seen = scene.get(path).await;
    assert_eq!((&seen.json, seen.header("etag")), (&first.json, first.header("etag")));
    let draft = &suggests(&scene, json!({"kind": "thank_you"})).await[0];
    assert_eq!(draft["subject_line"], "Hello from Ada Lovelace");
    assert!(
        draft["body"]
            .as_str()
            .unwrap()
            .contains("“How do you test a release?” it was."),
        "{draft}"
    );
    assert_eq!(lacks(draft), [""; 0], "what a template does not say, it does not lack");
    assert_ne!(
        suggests(&scene, json!({"kind": "thank_you", "tone": "warm"})).await[0]["subject_line"],
        draft["subject_line"]
    );
    // The same text makes no new version; a request of a name has one effect; what has moved on is not overwritten.
    assert_eq!(puts(&scene, path, own()).await.is(200)["version"], 1);
    let named = async |method: Method, body: Value| {
        let request = scene.request(method, path).header("Idempotency-Key", "spring");
        scene.send(request.json(&body)).await
    };
    let gone = named(Method::DELETE, json!({})).await;
    assert_eq!(
        (&gone.is(200)["version"], &gone["is_default"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(gone["variants"], default["variants"]);
    puts(&scene, path, own()).await.is(200);
    let again = named(Method::DELETE, json!({})).await;
    assert_eq!(
        (&again.is(200).json, again.header("idempotency-replayed")),
        (&gone.json, "true")
    );
    named(Method::PUT, json!({"variants": own()}))
        .await
        .refuses(422, "idempotency_reused");
    let stale = scene
        .request(Method::PUT, path)
        .header("If-Match", first.header("etag"));
    scene
        .send(stale.json(&json!({"variants": own()})))
        .await
        .refuses(412, "stale");
    assert_eq!(scene.sees(path).await["version"], 3);
    // What does not pass the review is told, whoever's words it is.
    let faulty = json!([{"subject_line": "Thanks", "body": "Dear {{ recipient }},\n\nThank you, this was awesome.\n\nBest,\n{{ sender }}"}]);
    puts(&scene, path, faulty).await.is(200);
    let draft = &suggests(&scene, json!({"kind": "thank_you"})).await[0];
    assert_eq!(lacks(draft), ["review"], "{draft:#}");
    let neighbour = scene.neighbour().await;
    assert_eq!(neighbour.sees(path).await, default.json, "a tenant's own");
}

async fn a_template_that_is_wrong_is_named(world: World) {
    let path = "/v1/templates/other/brief";
    let with = |body: &str| json!([{"subject_line": "x", "body": body}]);
    for (variants, pointer) in [
        (json!([]), "/variants"),
        (json!("x"), "/variants"),
        (json!([{"subject_line": "x"}]), "/variants/0/body"),
        (
            json!([{"subject_line": "x", "body": "x", "mood": 1}]),
            "/variants/0/mood",
        ),
        (
            json!([{"subject_line": "a\nb", "body": "x"}]),
            "/variants/0/subject_line",
        ),
        (
            json!([own()[0], {"subject_line": "x", "body": "{{ salary }}"}]),
            "/variants/1/body",
        ),
        (with("Dear {{ recipent }}"), "/variants/0/body"),
        (with("{% if topic %}"), "/variants/0/body"),
        (with("{% for x in topic %}{% endfor %}"), "/variants/0/body"),
        (with("{{ 'x' * 1000000000 }}"), "/variants/0/body"),
        (with(&"x".repeat(5001)), "/variants/0/body"),
    ] {
        let answer = puts(&world, path, variants).await;
        answer.refuses(422, "invalid").names(pointer);
    }
    let told = puts(&world, path, with("Dear {{ recipent }}")).await;
    assert!(
        told["detail"].as_str().unwrap().contains("did you mean `recipient`?"),
        "{told}"
    );
    for (wrong, pointer) in [
        ("/v1/templates/love_letter/brief", "{kind}"),
        ("/v1/templates/other/shrill", "{tone}"),
    ] {
        world.get(wrong).await.refuses(422, "invalid").names(pointer);
        puts(&world, wrong, own()).await.refuses(422, "invalid").names(pointer);
        world.delete(wrong).await.refuses(422, "invalid").names(pointer);
    }
    let answer = world
        .send(world.request(Method::DELETE, path).json(&json!({"really": true})))
        .await;
    answer.refuses(422, "invalid").names("/really");
    assert_eq!(world.sees(path).await["version"], 0);
}

async fn only_who_may_do_everything_replaces_a_template(world: World) {
    let path = "/v1/templates/other/brief";
    let reader = world.client("candidates:read candidates:write", None, None).await;
    let bound = world.client("admin", None, Some("spring")).await;
    for key in [&reader, &bound] {
        let request = key.request(Method::PUT, path).json(&json!({"variants": own()}));
        key.send(request).await.refuses(403, "insufficient_scope");
        key.delete(path).await.refuses(403, "insufficient_scope");
        assert_eq!(key.sees(path).await["version"], 0);
    }
    let writer = world.client("candidates:write", None, None).await;
    writer.get(path).await.refuses(403, "insufficient_scope");
    writer.get("/v1/templates").await.refuses(403, "insufficient_scope");
}
