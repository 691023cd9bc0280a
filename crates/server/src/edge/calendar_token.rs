//! The secret part of a calendar's address: `awc_<6 base62><43 base62><6 base62 CRC32>`. Like an API key, it names its
//! tenant in its first six digits, so that the look-up can name it too, and is told from what is no token without one.
//! The other 43 are random: 256 bits.

use std::fmt;

use sha2::{Digest, Sha256};

use super::api_key::{ApiKeyFault, NUMBER, base62, number, random_digits, tenant_number};

const PREFIX: &str = "awc_";
const SECRET: usize = 43;

/// A token in clear. It shows itself only to who asks with `expose`.
#[derive(Clone, PartialEq, Eq)]
pub struct CalendarToken {
    text: String,
    tenant: i64,
}

impl CalendarToken {
    /// A new random token of a tenant.
    pub fn generate(tenant: i64) -> Result<Self, ApiKeyFault> {
        let mut text = String::from(PREFIX);
        text.push_str(&base62(tenant_number(tenant)?));
        random_digits(&mut text, SECRET)?;
        text.push_str(&base62(crc32fast::hash(text.as_bytes())));
        Ok(Self { text, tenant })
    }

    /// Reads a token; none of what is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX)?;
        if body.len() != NUMBER + SECRET + NUMBER || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (signed, checksum) = text.split_at(text.len() - NUMBER);
        let tenant = number(&body[..NUMBER]);
        (base62(crc32fast::hash(signed.as_bytes())) == checksum).then(|| Self {
            text: text.to_owned(),
            tenant,
        })
    }

    /// The tenant that the token names.
    pub const fn tenant(&self) -> i64 {
        self.tenant
    }

    /// What is stored instead of the token. It needs no salt and no slow hash: there is too much chance in it to guess.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// The token in clear, to be shown once.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for CalendarToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_with_its_tenant_and_does_not_show_itself() {
        for tenant in [0, 61, (1 << 31) - 1] {
            let token = CalendarToken::generate(tenant).expect("a token");
            let read = CalendarToken::parse(token.expose()).expect("read");
            assert_eq!((read.tenant(), read.hash()), (tenant, token.hash()));
            assert_eq!(format!("{token:?}"), "awc_…");
        }
        assert!(CalendarToken::generate(-1).is_err());
        let token = CalendarToken::generate(7).expect("a token");
        let text = token.expose();
        assert_ne!(text, CalendarToken::generate(7).expect("another").expose());
        for at in 4..text.len() {
            let wrong = if text.as_bytes()[at] == b'x' { "y" } else { "x" };
            let mut mistyped = text.to_owned();
            mistyped.replace_range(at..=at, wrong);
            assert_eq!(CalendarToken::parse(&mistyped), None);
        }
        for wrong in ["", "awc_", &text[1..], &format!("{text}0"), "awc_ÄÄÄÄÄÄÄÄ"] {
            assert_eq!(CalendarToken::parse(wrong), None, "{wrong}");
        }
    }
}
