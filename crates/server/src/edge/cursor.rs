//! Opaque cursors: where a page ended, bound to the tenant and the query, and sealed with a tag, so that a cursor from
//! elsewhere is refused instead of being misread. They hold positions only, never content.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::Problem;

const TAG: usize = 16;

/// Seals and opens cursors.
pub struct Cursors {
    secret: [u8; 32],
}

impl Cursors {
    /// All instances of one service share the secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// The cursor that leads on from `position` in this query of this tenant.
    pub fn seal(&self, tenant: i64, query: &str, position: &impl Serialize) -> Result<String, Problem> {
        let position = serde_json::to_vec(position).map_err(Problem::internal)?;
        let tag = self.tag(tenant, query, &position);
        Ok(URL_SAFE_NO_PAD.encode([&tag[..], &position].concat()))
    }

    /// The position in a cursor that this tenant was given for this query.
    pub fn open<T: DeserializeOwned>(&self, tenant: i64, query: &str, cursor: &str) -> Result<T, Problem> {
        self.opened(tenant, query, cursor)
            .ok_or_else(|| Problem::invalid("?cursor", "The cursor is not one that this query gave; take it from `next_cursor` as it is, or begin without one."))
    }

    fn opened<T: DeserializeOwned>(&self, tenant: i64, query: &str, cursor: &str) -> Option<T> {
        let sealed = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, position) = sealed.split_at_checked(TAG)?;
        let right = self.tag(tenant, query, position).ct_eq(tag);
        bool::from(right)
            .then(|| serde_json::from_slice(position).ok())
            .flatten()
    }

    fn tag(&self, tenant: i64, query: &str, position: &[u8]) -> [u8; TAG] {
        let length = query.len() as u64;
        let full = hmac_sha256(
            &self.secret,
            &[&tenant.to_be_bytes(), &length.to_be_bytes(), query.as_bytes(), position],
        );
        let mut tag = [0; TAG];
        tag.copy_from_slice(&full[..TAG]);
        tag
    }
}

/// RFC 2104 for a key within one block.
fn hmac_sha256(key: &[u8; 32], message: &[&[u8]]) -> [u8; 32] {
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let mut inner = Sha256::new_with_prefix(padded(0x36));
    message.iter().for_each(|part| inner.update(part));
    let outer = Sha256::new_with_prefix(padded(0x5c)).chain_update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Position = (i64, String);

    fn sealed() -> (Cursors, String) {
        let cursors = Cursors::new([7; 32]);
        let cursor = cursors.seal(1, "/v1/tasks?state=open", &(42, "task")).expect("sealed");
        (cursors, cursor)
    }

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        let (cursors, cursor) = sealed();
        assert_eq!(
            cursors
                .open::<Position>(1, "/v1/tasks?state=open", &cursor)
                .expect("opened"),
            (42, "task".to_owned())
        );
    }

    #[test]
    fn a_cursor_of_another_tenant_query_or_service_is_refused() {
        let (cursors, cursor) = sealed();
        assert!(cursors.open::<Position>(2, "/v1/tasks?state=open", &cursor).is_err());
        assert!(cursors.open::<Position>(1, "/v1/tasks?state=done", &cursor).is_err());
        assert!(
            Cursors::new([8; 32])
                .open::<Position>(1, "/v1/tasks?state=open", &cursor)
                .is_err()
        );
    }

    #[test]
    fn a_changed_cursor_is_refused_at_its_parameter() {
        let (cursors, cursor) = sealed();
        let changed = |i: usize| {
            cursor
                .char_indices()
                .map(|(at, c)| if at == i { if c == 'A' { 'B' } else { 'A' } } else { c })
                .collect::<String>()
        };
        // The last character of base64 may carry bits that mean nothing; those are refused too.
        for i in 0..cursor.len() {
            assert!(
                cursors
                    .open::<Position>(1, "/v1/tasks?state=open", &changed(i))
                    .is_err()
            );
        }
        for cursor in ["", "x", "now", "%", &cursor[..20], &format!("{cursor}=")] {
            let problem = cursors
                .open::<Position>(1, "/v1/tasks?state=open", cursor)
                .expect_err("refused");
            assert_eq!(problem.errors()[0].pointer, "?cursor");
        }
    }

    #[test]
    fn the_tag_is_the_standard_one() {
        // RFC 4231, test case 2; a shorter key is padded with zeros.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let tag = hmac_sha256(&key, &[b"what do ya want ", b"for nothing?"]);
        let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
