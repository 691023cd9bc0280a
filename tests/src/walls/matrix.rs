//! The matrix: every operation of the document, and in every place where an id can stand one of another tenant. Two
//! tenants are led through it side by side. What the one sends belongs to a third tenant; what the other sends in the
//! same place never was. Whatever they are answered must be the same, to the last header, and the third tenant's log and
//! views must stay as they are.

use std::collections::BTreeSet;

use afterword_store::Told;
use futures_util::{StreamExt, future::join, stream};
use reqwest::Method;
use serde_json::json;

use super::{
    answers::{ids_in, shown},
    document::{Document, Operation},
    probes::{CHOSEN, fields, places, put},
    town::{Town, never, server, writes},
    whose::{Borrowed, Whose},
};
use crate::{
    client::Answer,
    harness::{World, verify},
    stories,
};

stories![
    what_is_anothers_is_as_if_it_had_never_been,
    the_same_request_of_the_same_name_is_two_in_two_tenants,
];

/// Writes that are refused, having got so far as to look at everything else, and why.
const REFUSED: &[(&str, &str, &str)] = &[
    ("record_finding_waived", "unknown_reference", "the note has no findings"),
    (
        "import_export",
        "malformed",
        "no archive is sent: `exports.rs` brings one into another tenant",
    ),
    ("set_test_clock", "not_a_test_tenant", "the tenants have no test clock"),
    (
        "advance_test_clock",
        "not_a_test_tenant",
        "the tenants have no test clock",
    ),
];

/// What comes after all else that is done with a thing, since it ends it; the candidate ends last.
const LAST: &[&str] = &[
    "record_contact_erased",
    "record_application_withdrawn",
    "revoke_calendar",
    "delete_webhook",
    "revoke_key",
    "delete_mail",
    "record_candidate_erased",
];

/// What is the same for everybody, ids included: samples of what a webhook is told.
const SHARED: &str = "list_webhook_samples";

/// All that a tenant can see of itself.
async fn everything(town: &Town, operations: &[Operation]) -> Vec<(String, Answer)> {
    let paths = operations
        .iter()
        .filter(|it| it.method == Method::GET && !it.streams && it.id != SHARED)
        .map(|it| town.path(it, &[]));
    let seeing = paths.map(|path| async move {
        let answer = town.client.get(&path).await;
        (path, answer)
    });
    stream::iter(seeing).buffered(8).collect().await
}

/// The answers to both must be the same, and hold nothing of the third's that was not sent.
fn compare(what: &str, theirs: &BTreeSet<String>, anothers: &(Answer, Vec<String>), nobodys: &(Answer, Vec<String>)) {
    let (told, expected) = (shown(&anothers.0, &anothers.1), shown(&nobodys.0, &nobodys.1));
    assert_eq!(told, expected, "{what}\n{}\n{}", anothers.0, nobodys.0);
    let leaks = |id: &String| theirs.contains(id) && !anothers.1.contains(id);
    assert!(
        !ids_in(&anothers.0).iter().any(leaks),
        "{what} tells more: {}",
        anothers.0
    );
}

/// Does what an operation is for, under a name, with ids and labels that may be another's.
async fn does(document: &Document, operation: &Operation, town: &Town, whose: &Whose<'_>) -> (Answer, Vec<String>) {
    let name = whose.request(&operation.id);
    let mut body = operation.body.as_ref().map(|_| town.body(operation));
    let mut sent = vec![name.clone()];
    for place in fields(document, operation)
        .iter()
        .filter(|place| !place.pointer.starts_with("/facts/"))
    {
        let value = match (place.prefix(), place.name()) {
            (Some(_), "id") => whose.fact(&operation.id),
            (Some(prefix), chosen) if CHOSEN.contains(&chosen) => whose.id(prefix),
            (Some(_), _) => continue,
            // The candidate that is registered has it already.
            (None, "external_id") if operation.id == "record_profile_revised" => continue,
            (None, text) => whose.text(text),
        };
        put(body.as_mut().expect("a body"), &place.pointer, &value);
        sent.push(value);
    }
    let path = town.path(operation, &[]);
    (
        town.asks(operation, &path, &[("Idempotency-Key", &name)], body).await,
        sent,
    )
}

async fn what_is_anothers_is_as_if_it_had_never_been(world: World) {
    let document = Document::read();
    let operations = document.operations();
    let (service, base) = server(&world);
    let (one, two) = (world.neighbour().await, world.neighbour().await);
    let theirs = Town::new(world, &service, &base, "theirs").await;
    let one = Town::new(one, &service, &base, "own").await;
    let two = Town::new(two, &service, &base, "own").await;
    let playbook = theirs.client.request(Method::PUT, "/v1/playbook");
    theirs.client.send(playbook.json(&json!({"plays": []}))).await.is(200);
    for operation in operations.iter().filter(|it| writes(it)) {
        let named = theirs
            .client
            .request(Method::POST, &format!("{}/contacts", theirs.scene.ada));
        let named = named.header("Idempotency-Key", format!("matrix-{}", operation.id));
        theirs.client.send(named.json(&json!({"name": "Bo Li"}))).await.is(201);
    }
    let borrowed = Borrowed::of(&theirs, &operations).await;
    let before = everything(&theirs, &operations).await;
    let known: BTreeSet<String> = before.iter().flat_map(|(_, answer)| ids_in(answer)).collect();
    assert!(known.len() > 50, "{known:?}");
    let head = theirs.scene.head().await;
    for (path, answer) in everything(&one, &operations).await {
        assert!(
            ids_in(&answer).is_disjoint(&known),
            "{path} shows what is another's: {answer}"
        );
    }

    // First what must lead nowhere and changes nothing: in any order.
    let (anothers, nobodys) = (Whose::Anothers(&theirs, &borrowed), Whose::Nobodys);
    let probes: Vec<_> = operations.iter().flat_map(|it| places(&document, it)).collect();
    assert!(probes.len() > 600, "{} places", probes.len());
    let heads = (one.scene.head().await, two.scene.head().await);
    let (theirs_known, side, beside) = (&known, (&one, &anothers), (&two, &nobodys));
    stream::iter(&probes)
        .for_each_concurrent(8, |probe| async move {
            let (here, there) = join(probe.run(side.0, side.1), probe.run(beside.0, beside.1)).await;
            compare(&probe.told(), theirs_known, &here, &there);
            probe.demands(&here.0);
        })
        .await;
    assert_eq!(
        (one.scene.head().await, two.scene.head().await),
        heads,
        "something was written"
    );

    // Then what may be done, one after another.
    let mut order: Vec<_> = operations.iter().filter(|it| writes(it)).collect();
    order.sort_by_key(|it| LAST.iter().position(|id| *id == it.id).map_or(0, |nth| nth + 1));
    let (mut refused, mut untried, mut chosen) = (Vec::new(), Vec::new(), (Vec::new(), Vec::new()));
    for operation in order {
        let (mut here, mut there) = join(
            does(&document, operation, &one, &anothers),
            does(&document, operation, &two, &nobodys),
        )
        .await;
        // What was chosen as an id or a label of one's own is one's own from then on.
        for (answered, chosen) in [(&mut here, &mut chosen.0), (&mut there, &mut chosen.1)] {
            chosen.append(&mut answered.1);
            answered.1.clone_from(chosen);
        }
        compare(&format!("{} under another's name", operation.id), &known, &here, &there);
        assert_eq!(here.0.maybe_header("idempotency-replayed"), None, "{}", here.0);
        match REFUSED.iter().find(|(id, ..)| *id == operation.id) {
            Some((_, code, _)) => assert_eq!(here.0["code"], *code, "{}", here.0),
            // What the candidate's history does not allow any more is refused as late as anything is.
            None if here.0.status == 409 => refused.push(&operation.id),
            None if (200..300).contains(&here.0.status) => {}
            None => untried.push(here.0.to_string()),
        }
    }
    assert!(untried.is_empty(), "{}", untried.join("\n"));
    assert!(refused.len() < 15, "{refused:?}");

    assert_eq!(theirs.scene.head().await, head);
    for ((path, before), (_, after)) in before.iter().zip(&everything(&theirs, &operations).await) {
        assert_eq!(shown(before, &[]), shown(after, &[]), "{path}");
        assert_eq!(before.maybe_header("etag"), after.maybe_header("etag"), "{path}");
        assert!(
            before.status != 200 || before.body == after.body,
            "{path}: {before}{after}"
        );
    }
    for town in [&one, &two] {
        assert_eq!(verify(&town.scene.store, town.scene.tenant).await, Vec::<Told>::new());
    }
}

async fn the_same_request_of_the_same_name_is_two_in_two_tenants(world: World) {
    let other = world.neighbour().await;
    let ada = json!({"name": "Ada Lovelace", "time_zone": "UTC", "subject": never("cnd"), "id": never("evt"),
        "external_id": "crm-1"});
    for (path, body, own) in [
        ("/v1/candidates", ada, "/event/recorded_by"),
        ("/v1/keys", json!({"scopes": ["candidates:read"]}), "/id"),
        ("/v1/webhooks", json!({"url": "https://hooks.example.com/"}), "/id"),
    ] {
        let mut told = BTreeSet::new();
        for tenant in [&world, &other] {
            let named = tenant
                .request(Method::POST, path)
                .header("Idempotency-Key", format!("the-same-{path}"));
            let answer = tenant.send(named.json(&body)).await;
            assert_eq!(answer.is(201).maybe_header("idempotency-replayed"), None, "{answer}");
            assert!(
                told.insert(answer.json.pointer(own).expect("a text").to_string()),
                "{answer}"
            );
        }
        assert_eq!(world.lists(path).await.len(), other.lists(path).await.len());
    }
}
