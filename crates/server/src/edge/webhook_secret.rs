//! What a webhook's messages are signed with, as Standard Webhooks has it: HMAC-SHA256 over id, time and body, in base64.
//! By hand: the crate `standardwebhooks` brings an HTTP library's types along for these ten lines. That receivers in other
//! languages accept the signatures is checked with their libraries in `.ci/webhooks`.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

const PREFIX: &str = "whsec_";
/// Of 24 to 64 bytes; as many as the hash has.
const BYTES: usize = 32;

/// The secret of a webhook.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// A new random secret; none where the system has no random numbers.
    pub fn generate() -> Option<Self> {
        let mut bytes = vec![0; BYTES];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Reads a secret as it is shown.
    pub fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text.strip_prefix(PREFIX)?).ok().map(Self)
    }

    /// The secret in clear.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// The signature of a message that goes out at a moment, in seconds since the epoch.
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return String::new();
        };
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_the_standard_has_it() {
        // The example of the specification.
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        assert_eq!(
            secret.sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_reads_as_it_is_shown_and_hides_otherwise() {
        let secret = WebhookSecret::generate().expect("random");
        assert_eq!(WebhookSecret::parse(&secret.expose()), Some(secret.clone()));
        assert!(!format!("{secret:?}").contains(&secret.expose()[6..]));
        assert_eq!(WebhookSecret::parse("sk_abc"), None);
        assert_eq!(WebhookSecret::parse("whsec_%%%"), None);
    }
}
