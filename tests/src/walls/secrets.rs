//! Secrets that name their tenant: made out to another one, they are none.

use serde_json::json;

use super::answers::shown;
use crate::{client::id, harness::World, scenes::registers, stories};

stories![
    a_secret_address_leads_to_its_own_tenant_alone,
    a_key_made_out_to_another_tenant_is_none,
];

const NUMBER: usize = 6;

/// The same secret with the tenant of another one and the checksum that fits.
fn made_out(secret: &str, prefix: &str, to: &str) -> String {
    let tenant = prefix.len()..prefix.len() + NUMBER;
    let mut forged = secret[..secret.len() - NUMBER].to_owned();
    forged.replace_range(tenant.clone(), &to[tenant]);
    let digits = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect::<Vec<_>>();
    let mut checksum = ['0'; NUMBER];
    checksum
        .iter_mut()
        .rev()
        .fold(crc32fast::hash(forged.as_bytes()), |rest, place| {
            *place = digits[(rest % 62) as usize];
            rest / 62
        });
    forged.extend(checksum);
    forged
}

async fn a_secret_address_leads_to_its_own_tenant_alone(world: World) {
    let other = world.neighbour().await;
    let mut tokens = Vec::new();
    for tenant in [&world, &other] {
        let candidate = registers(tenant, "Ada Lovelace").await;
        let made = tenant.post(&format!("{candidate}/calendars"), json!({})).await;
        let address = made.is(201)["url"].as_str().expect("an address");
        let token = id(address).strip_suffix(".ics").expect("a calendar").to_owned();
        tokens.push((candidate, made["id"].as_str().expect("an id").to_owned(), token));
    }
    let [(_, calendar, token), (grace, _, elsewhere)] = &tokens[..] else {
        unreachable!("two tenants")
    };
    // Whoever has it reads it, with another tenant's key as with none.
    other.get(&format!("/v1/calendars/{token}.ics")).await.is(200);
    assert_eq!(&made_out(token, "awc_", token), token);
    let forged = made_out(token, "awc_", elsewhere);
    assert_ne!(&forged, token);
    let unknown = world.get("/v1/calendars/awc_x.ics").await;
    let answer = world.get(&format!("/v1/calendars/{forged}.ics")).await;
    answer.refuses(404, "not_found");
    assert_eq!(shown(&answer, &[]), shown(&unknown, &[]));
    other
        .delete(&format!("{grace}/calendars/{calendar}"))
        .await
        .refuses(404, "not_found");
    world.get(&format!("/v1/calendars/{token}.ics")).await.is(200);
}

async fn a_key_made_out_to_another_tenant_is_none(world: World) {
    let other = world.neighbour().await;
    assert_eq!(made_out(world.key(), "aw_live_", world.key()), world.key());
    let forged = made_out(world.key(), "aw_live_", other.key());
    assert_ne!(forged, world.key());
    let answer = world.with_key(&forged).get("/v1/candidates").await;
    answer.refuses(401, "unauthenticated");
}
