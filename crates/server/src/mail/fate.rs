//! What becomes of a letter, by how far a conversation came and who ended it. Before the text has gone out everything fails
//! plainly; after it only the server's word counts.

use std::{error::Error as _, io};

use afterword_store::NoteDeliveryState;
use lettre::transport::smtp::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::outgoing::Unreachable;

/// How far a conversation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NoteDeliveryStage)]
pub enum Stage {
    /// Finding the server, connecting, and its greeting.
    Connect,
    /// Securing the connection.
    Tls,
    /// Signing in.
    SignIn,
    /// Naming the sender.
    Sender,
    /// Naming the recipients.
    Recipients,
    /// Asking to send the text.
    Data,
    /// Sending the text.
    Text,
}

/// Why a conversation ended, where it was not by the server's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NoteDeliveryReason)]
pub enum Reason {
    /// The server's name leads to where the service does not connect.
    HostRefused,
    /// The server's name leads nowhere.
    HostUnknown,
    /// No connection could be made.
    NoConnection,
    /// The connection could not be secured: the server does not offer it, or its certificate is not to be trusted.
    NoTls,
    /// The server offers no way to sign in.
    NoSignIn,
    /// The server takes no addresses with letters beyond ASCII.
    AddressNotTaken,
    /// The server did not answer in time.
    Timeout,
    /// The connection broke off, or the server's answer made no sense.
    BrokenOff,
    /// The service was interrupted.
    Interrupted,
}

/// How a conversation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What became of the letter.
    pub state: NoteDeliveryState,
    /// How far it came.
    pub stage: Stage,
    /// The server's reply.
    pub code: Option<u16>,
    /// Its enhanced status code.
    pub enhanced: Option<String>,
    /// Why, where it was not the server's word.
    pub reason: Option<Reason>,
}

/// What kept a conversation from going on.
pub(super) enum Fault {
    Reply(u16, Option<String>),
    Own(Reason),
}

impl Stage {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::SignIn => "sign_in",
            Self::Sender => "sender",
            Self::Recipients => "recipients",
            Self::Data => "data",
            Self::Text => "text",
        }
    }
}

impl Reason {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HostRefused => "host_refused",
            Self::HostUnknown => "host_unknown",
            Self::NoConnection => "no_connection",
            Self::NoTls => "no_tls",
            Self::NoSignIn => "no_sign_in",
            Self::AddressNotTaken => "address_not_taken",
            Self::Timeout => "timeout",
            Self::BrokenOff => "broken_off",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Fault {
    pub(super) fn of(error: &Error, otherwise: Reason) -> Self {
        match error.status() {
            // `lettre` keeps the server's text as the error's source; only its first word may be told.
            Some(code) => {
                let text = error.source().map(ToString::to_string).unwrap_or_default();
                Self::Reply(code.into(), text.split_whitespace().next().and_then(enhanced))
            }
            None if is_tls(error) => Self::Own(Reason::NoTls),
            None if error.is_timeout() => Self::Own(Reason::Timeout),
            None => Self::Own(otherwise),
        }
    }

    pub(super) fn ended(self, stage: Stage) -> Ended {
        let (code, enhanced, reason) = match self {
            Self::Reply(code, enhanced) => (Some(code), enhanced, None),
            Self::Own(reason) => (None, None, Some(reason)),
        };
        let state = match code {
            Some(500..) => NoteDeliveryState::Refused,
            Some(_) => NoteDeliveryState::Failed,
            None if stage == Stage::Text => NoteDeliveryState::Unknown,
            None => NoteDeliveryState::Failed,
        };
        Ended {
            state,
            stage,
            code,
            enhanced,
            reason,
        }
    }
}

impl From<Unreachable> for Fault {
    fn from(unreachable: Unreachable) -> Self {
        Self::Own(match unreachable {
            Unreachable::Refused => Reason::HostRefused,
            Unreachable::Timeout => Reason::Timeout,
            Unreachable::Connection => Reason::NoConnection,
            Unreachable::Unknown | Unreachable::NoAddress | Unreachable::Scheme | Unreachable::UserInfo => {
                Reason::HostUnknown
            }
        })
    }
}

/// An enhanced status code (RFC 3463), if the word is one.
pub(super) fn enhanced(word: &str) -> Option<String> {
    let parts: Vec<&str> = word.split('.').collect();
    let number = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    (parts.len() == 3 && parts.iter().all(number) && ["2", "4", "5"].contains(&parts[0])).then(|| word.to_owned())
}

/// Whether it was TLS that failed: its word lies at the bottom of others' errors.
fn is_tls(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match within {
            Some(within) => Some(within),
            None => error.source(),
        };
    }
    error.is_tls()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_code_is_told_of_a_reply() {
        for right in ["5.1.1", "2.0.0", "4.7.12"] {
            assert_eq!(enhanced(right).as_deref(), Some(right));
        }
        for wrong in [
            "",
            "5.1",
            "5.1.1.1",
            "3.1.1",
            "anna@acme.example",
            "5.1.x",
            "5..1",
            "5.1.1000",
        ] {
            assert_eq!(enhanced(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn after_the_text_only_the_servers_word_counts() {
        let state = |fault: Fault, stage| fault.ended(stage).state;
        for stage in [Stage::Connect, Stage::Recipients, Stage::Data] {
            assert_eq!(state(Fault::Own(Reason::Timeout), stage), NoteDeliveryState::Failed);
            assert_eq!(state(Fault::Reply(550, None), stage), NoteDeliveryState::Refused);
            assert_eq!(state(Fault::Reply(451, None), stage), NoteDeliveryState::Failed);
        }
        assert_eq!(
            state(Fault::Own(Reason::BrokenOff), Stage::Text),
            NoteDeliveryState::Unknown
        );
        assert_eq!(
            state(Fault::Own(Reason::Timeout), Stage::Text),
            NoteDeliveryState::Unknown
        );
        assert_eq!(state(Fault::Reply(554, None), Stage::Text), NoteDeliveryState::Refused);
        assert_eq!(state(Fault::Reply(452, None), Stage::Text), NoteDeliveryState::Failed);
    }
}
