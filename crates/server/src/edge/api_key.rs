//! The form of an API key: `aw_<live|test>_<30 base62><6 base62 CRC32>`. Prefix and checksum let secret scanners find
//! leaked keys and let a mistyped one be refused without a look-up; the first 6 of the 30 name the tenant, so that the
//! look-up can name it too. The other 24 are random: 142 bits.

use std::fmt;

use sha2::{Digest, Sha256};

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LIVE: &str = "aw_live_";
const TEST: &str = "aw_test_";
const BODY: usize = 30;
pub(super) const NUMBER: usize = 6;

/// An API key in clear. It shows itself only to who asks with `expose`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    text: String,
    tenant: i64,
}

/// Why a text is not an API key, or why none could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyFault {
    /// The text has not the form of a key.
    #[error("an API key looks like aw_live_ or aw_test_ and 36 letters and digits")]
    Form,
    /// The text has the form, but not the checksum: it was mistyped.
    #[error("the API key's checksum is wrong; it was mistyped or cut")]
    Checksum,
    /// A tenant's number is not between 0 and 2³¹.
    #[error("the tenant's number does not fit into an API key")]
    Tenant,
    /// The system gave no random numbers.
    #[error("the system has no random numbers")]
    Random,
}

impl ApiKey {
    /// A new random key of a tenant.
    pub fn generate(tenant: i64, test: bool) -> Result<Self, ApiKeyFault> {
        let mut text = String::from(if test { TEST } else { LIVE });
        text.push_str(&base62(tenant_number(tenant)?));
        random_digits(&mut text, BODY - NUMBER)?;
        text.push_str(&base62(crc32fast::hash(text.as_bytes())));
        Ok(Self { text, tenant })
    }

    /// Reads a key.
    pub fn parse(text: &str) -> Result<Self, ApiKeyFault> {
        let body = text
            .strip_prefix(LIVE)
            .or_else(|| text.strip_prefix(TEST))
            .ok_or(ApiKeyFault::Form)?;
        if body.len() != BODY + NUMBER || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(ApiKeyFault::Form);
        }
        let (signed, checksum) = text.split_at(text.len() - NUMBER);
        if base62(crc32fast::hash(signed.as_bytes())) != checksum {
            return Err(ApiKeyFault::Checksum);
        }
        Ok(Self {
            text: text.to_owned(),
            tenant: number(&body[..NUMBER]),
        })
    }

    /// The tenant that the key names.
    pub fn tenant(&self) -> i64 {
        self.tenant
    }

    /// Whether it is a test key.
    pub fn is_test(&self) -> bool {
        self.text.starts_with(TEST)
    }

    /// What is stored instead of the key. It needs no salt and no slow hash: there is too much chance in a key to guess.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// The key in clear, to be shown once.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", if self.is_test() { TEST } else { LIVE })
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A tenant's number as keys hold it.
pub(super) fn tenant_number(tenant: i64) -> Result<u32, ApiKeyFault> {
    let number = u32::try_from(tenant).ok().filter(|number| *number < 1 << 31);
    number.ok_or(ApiKeyFault::Tenant)
}

/// Adds so many random digits.
pub(super) fn random_digits(text: &mut String, many: usize) -> Result<(), ApiKeyFault> {
    let end = text.len() + many;
    while text.len() < end {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes).map_err(|_| ApiKeyFault::Random)?;
        // 248 is the greatest multiple of 62 in a byte; what lies above would make the first digits likelier.
        let fair = bytes
            .iter()
            .filter(|byte| **byte < 248)
            .map(|byte| char::from(DIGITS[usize::from(byte % 62)]));
        text.extend(fair.take(end - text.len()));
    }
    Ok(())
}

/// The number that some digits write.
pub(super) fn number(digits: &str) -> i64 {
    digits.bytes().fold(0, |number, byte| number * 62 + digit(byte))
}

/// A number in six digits: 62⁶ is more than 2³².
pub(super) fn base62(number: u32) -> String {
    let mut digits = ['0'; NUMBER];
    digits.iter_mut().rev().fold(number, |rest, place| {
        *place = char::from(DIGITS[(rest % 62) as usize]);
        rest / 62
    });
    digits.iter().collect()
}

fn digit(byte: u8) -> i64 {
    DIGITS
        .iter()
        .position(|digit| *digit == byte)
        .and_then(|at| i64::try_from(at).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_key_is_read_back_with_its_tenant() {
        for (tenant, test) in [(0, false), (1, true), (61, false), (62, true), ((1 << 31) - 1, false)] {
            let key = ApiKey::generate(tenant, test).expect("a key");
            let read = ApiKey::parse(key.expose()).expect("read");
            assert_eq!((read.tenant(), read.is_test(), read.hash()), (tenant, test, key.hash()));
            assert_eq!(key.expose().len(), 8 + 36);
        }
        assert_eq!(ApiKey::generate(1 << 31, false), Err(ApiKeyFault::Tenant));
        assert_eq!(ApiKey::generate(-1, false), Err(ApiKeyFault::Tenant));
    }

    #[test]
    fn a_mistyped_key_is_known_by_its_checksum() {
        let key = ApiKey::generate(7, false).expect("a key");
        let text = key.expose();
        for at in 8..text.len() {
            let wrong = if text.as_bytes()[at] == b'x' { "y" } else { "x" };
            let mut mistyped = text.to_owned();
            mistyped.replace_range(at..=at, wrong);
            assert_eq!(ApiKey::parse(&mistyped), Err(ApiKeyFault::Checksum));
        }
        assert_eq!(ApiKey::parse(&text.replace("live", "test")), Err(ApiKeyFault::Checksum));
        for form in [
            "",
            "aw_live_",
            &text[1..],
            &text[..43],
            &format!("{text}0"),
            "aw_live_ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ",
        ] {
            assert_eq!(ApiKey::parse(form), Err(ApiKeyFault::Form), "{form}");
        }
    }

    #[test]
    fn keys_are_random_and_do_not_show_themselves() {
        let keys: HashSet<String> = (0..1000)
            .filter_map(|_| ApiKey::generate(1, false).ok())
            .map(|key| key.expose().to_owned())
            .collect();
        assert_eq!(keys.len(), 1000);
        let key = ApiKey::generate(1, true).expect("a key");
        assert_eq!(
            (format!("{key}"), format!("{key:?}")),
            ("aw_test_…".to_owned(), "aw_test_…".to_owned())
        );
    }
}
