//! Sealing: XChaCha20-Poly1305 under one key per candidate, each key wrapped by the ring, and the ring by the master key. Everything sealed is bound
//! to its place (tenant, candidate, purpose, id), so that a row moved elsewhere does not open there.
//!
//! The one module that draws randomness, for keys and nonces. Nonces of 24 random bytes may be drawn without counting.

use crate::rows::TenantId;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The first byte of everything sealed; another way of sealing takes another byte.
const FORMAT: u8 = 1;
const NONCE: usize = 24;

/// It was sealed with another key, for another place, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed data cannot be read")]
pub struct Unreadable;

impl From<Unreadable> for crate::StoreError {
    fn from(_: Unreadable) -> Self {
        Self::Unreadable
    }
}

/// The place a sealed payload is bound to.
#[derive(Debug, Clone, Copy)]
pub struct Aad<'a> {
    /// Whose log.
    pub tenant: TenantId,
    /// Whose data.
    pub candidate: Uuid,
    /// What it is: `event`, `task`, `application`, `rejection`, `summary`, `idempotency`, …; up to 255 bytes.
    pub purpose: &'a str,
    /// Which of these.
    pub id: Uuid,
}

impl<'a> Aad<'a> {
    /// The place of something with a version instead of an id.
    #[must_use]
    pub fn versioned(tenant: TenantId, candidate: Uuid, purpose: &'a str, version: i64) -> Self {
        Self {
            tenant,
            candidate,
            purpose,
            id: Uuid::from_u64_pair(0, version.unsigned_abs()),
        }
    }

    /// Fields of fixed length first, the one of variable length last: no two places read the same.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(40 + self.purpose.len());
        bytes.extend_from_slice(&self.tenant.0.to_be_bytes());
        bytes.extend_from_slice(self.candidate.as_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(self.purpose.as_bytes());
        bytes
    }
}

/// The key of one candidate. Forgotten from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DataKey([u8; 32]);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(…)")
    }
}

impl DataKey {
    pub(crate) fn random() -> Self {
        let mut key = [0; 32];
        fill(&mut key);
        Self(key)
    }

    pub(crate) fn from_secret(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// Seals for one place.
    #[must_use]
    pub fn seal(&self, aad: &Aad<'_>, plain: &[u8]) -> Vec<u8> {
        seal(&self.0, &aad.bytes(), plain)
    }

    /// Opens what was sealed for the same place.
    ///
    /// # Errors
    /// When it was sealed with another key or for another place, or was changed.
    pub fn open(&self, aad: &Aad<'_>, sealed: &[u8]) -> Result<Vec<u8>, Unreadable> {
        open(&self.0, &aad.bytes(), sealed)
    }
}

/// The key in the operator's file. It wraps the ring and nothing else, so that another one can take its place.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MasterKey([u8; 32]);

/// The keys that a store works with: one that wraps the keys of candidates, and one from which the secrets of tenants
/// follow. They stay when the master key changes.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Ring {
    wrapping: [u8; 32],
    secrets: [u8; 32],
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ring(…)")
    }
}

impl MasterKey {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// New random bytes for a master key file.
    pub(crate) fn random_bytes() -> [u8; 32] {
        let mut bytes = [0; 32];
        fill(&mut bytes);
        bytes
    }

    pub(crate) fn wrap(&self, ring: &Ring) -> Vec<u8> {
        let mut plain = [ring.wrapping, ring.secrets].concat();
        let wrapped = seal(&subkey(&self.0, "ring"), b"ring", &plain);
        plain.zeroize();
        wrapped
    }

    pub(crate) fn unwrap(&self, wrapped: &[u8]) -> Result<Ring, Unreadable> {
        let mut plain = open(&subkey(&self.0, "ring"), b"ring", wrapped)?;
        let ring = match plain.as_chunks() {
            (&[wrapping, secrets], []) => Ok(Ring { wrapping, secrets }),
            _ => Err(Unreadable),
        };
        plain.zeroize();
        ring
    }

    /// The ring of a store of before there were rings: there all keys followed from the master key.
    pub(crate) fn ring_of_before(&self) -> Ring {
        Ring {
            wrapping: subkey(&self.0, "wrapping"),
            secrets: subkey(&self.0, "secrets"),
        }
    }

    pub(crate) fn canary(&self) -> Vec<u8> {
        seal(&subkey(&self.0, "canary"), b"canary", b"afterword")
    }

    pub(crate) fn knows(&self, canary: &[u8]) -> bool {
        open(&subkey(&self.0, "canary"), b"canary", canary).is_ok()
    }
}

impl Ring {
    pub(crate) fn random() -> Self {
        let (mut wrapping, mut secrets) = ([0; 32], [0; 32]);
        fill(&mut wrapping);
        fill(&mut secrets);
        Self { wrapping, secrets }
    }

    pub(crate) fn wrap(&self, tenant: TenantId, candidate: Uuid, key: &DataKey) -> Vec<u8> {
        seal(&self.wrapping, &place_of_key(tenant, candidate), &key.0)
    }

    pub(crate) fn unwrap(&self, tenant: TenantId, candidate: Uuid, wrapped: &[u8]) -> Result<DataKey, Unreadable> {
        let mut plain = open(&self.wrapping, &place_of_key(tenant, candidate), wrapped)?;
        let key = plain.as_slice().try_into().map(DataKey).map_err(|_| Unreadable);
        plain.zeroize();
        key
    }

    /// A secret derived for one purpose: the same for ever, and telling nothing of the others.
    pub(crate) fn secret(&self, purpose: &str) -> [u8; 32] {
        subkey(&self.secrets, purpose)
    }
}

fn place_of_key(tenant: TenantId, candidate: Uuid) -> Vec<u8> {
    Aad {
        tenant,
        candidate,
        purpose: "key",
        id: Uuid::nil(),
    }
    .bytes()
}

/// HMAC-SHA256 as a key derivation, as HKDF's expansion does for one block.
fn subkey(key: &[u8; 32], purpose: &str) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("any length");
    mac.update(b"afterword/1/");
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

fn seal(key: &[u8; 32], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    fill(&mut nonce);
    let cipher = XChaCha20Poly1305::new(key.into());
    #[expect(clippy::expect_used, reason = "fails beyond 256 GiB only")]
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad })
        .expect("short enough");
    let mut out = Vec::with_capacity(1 + NONCE + sealed.len());
    out.push(FORMAT);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&sealed);
    out
}

fn open(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let rest = sealed.strip_prefix(&[FORMAT]).ok_or(Unreadable)?;
    let (nonce, text) = rest.split_first_chunk::<NONCE>().ok_or(Unreadable)?;
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher
        .decrypt(&XNonce::from(*nonce), Payload { msg: text, aad })
        .map_err(|_| Unreadable)
}

fn fill(bytes: &mut [u8]) {
    #[expect(clippy::expect_used, reason = "without randomness nothing may be sealed at all")]
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Aad<'static> {
        Aad {
            tenant: TenantId(1),
            candidate: Uuid::from_u128(2),
            purpose: "event",
            id: Uuid::from_u128(3),
        }
    }

    #[test]
    fn what_is_sealed_opens_at_its_own_place_only() {
        let key = DataKey::random();
        let sealed = key.seal(&place(), b"a fact");
        assert_eq!(key.open(&place(), &sealed).as_deref(), Ok(&b"a fact"[..]));
        for elsewhere in [
            Aad {
                tenant: TenantId(9),
                ..place()
            },
            Aad {
                candidate: Uuid::nil(),
                ..place()
            },
            Aad {
                purpose: "task",
                ..place()
            },
            Aad {
                id: Uuid::nil(),
                ..place()
            },
        ] {
            assert_eq!(key.open(&elsewhere, &sealed), Err(Unreadable));
        }
        assert_eq!(DataKey::random().open(&place(), &sealed), Err(Unreadable));
        assert_eq!(key.open(&place(), &sealed[..20]), Err(Unreadable));
        assert_eq!(key.open(&place(), b""), Err(Unreadable));
    }

    #[test]
    fn the_same_text_is_never_sealed_the_same() {
        let key = DataKey::random();
        assert_ne!(key.seal(&place(), b"a fact"), key.seal(&place(), b"a fact"));
    }

    #[test]
    fn a_wrapped_key_belongs_to_its_candidate_and_ring() {
        let ring = Ring::random();
        let key = DataKey::random();
        let wrapped = ring.wrap(TenantId(1), Uuid::from_u128(2), &key);
        let opened = ring.unwrap(TenantId(1), Uuid::from_u128(2), &wrapped);
        assert_eq!(opened.map(|key| key.0), Ok(key.0));
        assert!(ring.unwrap(TenantId(1), Uuid::from_u128(3), &wrapped).is_err());
        assert!(ring.unwrap(TenantId(2), Uuid::from_u128(2), &wrapped).is_err());
        assert!(
            Ring::random()
                .unwrap(TenantId(1), Uuid::from_u128(2), &wrapped)
                .is_err()
        );
    }

    #[test]
    fn a_ring_opens_with_its_master_key_only_and_outlives_it() {
        let (old, new) = (MasterKey::new([7; 32]), MasterKey::new([8; 32]));
        let ring = old.unwrap(&old.wrap(&Ring::random())).expect("the ring");
        assert!(new.unwrap(&old.wrap(&ring)).is_err());
        assert!(old.unwrap(&old.wrap(&ring)[..40]).is_err());
        let later = new.unwrap(&new.wrap(&ring)).expect("the ring");
        assert_eq!(later.secret("cursors"), ring.secret("cursors"));
        let key = DataKey::random();
        let wrapped = ring.wrap(TenantId(1), Uuid::nil(), &key);
        assert!(later.unwrap(TenantId(1), Uuid::nil(), &wrapped).is_ok());
    }

    /// These keys seal what lies in stores that were made before there were rings: they must never change.
    #[test]
    fn the_ring_of_a_store_of_before_follows_from_its_master_key() {
        let ring = MasterKey::new([7; 32]).ring_of_before();
        let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(ring.wrapping), hex(subkey(&[7; 32], "wrapping")));
        assert_eq!(
            hex(ring.secret("cursors")),
            hex(subkey(&subkey(&[7; 32], "secrets"), "cursors"))
        );
    }

    #[test]
    fn a_canary_knows_its_master_key() {
        let master = MasterKey::new([7; 32]);
        assert!(master.knows(&master.canary()));
        assert!(!MasterKey::new([8; 32]).knows(&master.canary()));
        let ring = master.ring_of_before();
        assert_ne!(ring.secret("cursors"), ring.secret("hashes"));
    }
}
