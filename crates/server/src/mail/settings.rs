//! A tenant's mail server: what is put, what is kept, what is shown. The password comes in and never goes out.

use std::fmt;

use afterword_domain::{
    time::Instant,
    values::{Email, Line},
};
use afterword_letters::eml;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use url::Host;
use utoipa::ToSchema;

use crate::{edge::problem::Problem, outgoing::Outgoing};

/// How a connection to a mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MailSecurity)]
pub enum Security {
    /// TLS from the first byte, as on port 465.
    Tls,
    /// A plain greeting, then TLS or nothing, as on port 587.
    Starttls,
    /// Not at all: only where the service may reach private networks.
    None,
}

/// Another sender's address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MailSender)]
pub struct Sender {
    /// The address.
    pub address: Email,
    /// The name beside it; left out: the candidate's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<Line>,
}

/// A password, which nothing shows.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// The password itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Serde's own message would quote what is there instead.
        let told = || D::Error::custom("must be a text of 1 to 500 characters without control characters");
        let serde_json::Value::String(text) = serde_json::Value::deserialize(deserializer)? else {
            return Err(told());
        };
        if !(1..=500).contains(&text.chars().count()) || text.chars().any(char::is_control) {
            return Err(told());
        }
        Ok(Self(text))
    }
}

/// A tenant's mail server, as it is put, whole, and as it is kept, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MailSettingsToPut)]
pub struct Settings {
    /// The server's name. Its certificate must be for this name.
    #[serde(deserialize_with = "host")]
    #[schema(example = "smtp.centre.example", min_length = 1, max_length = 253)]
    pub host: String,
    /// The port.
    #[serde(deserialize_with = "port")]
    #[schema(example = 465, minimum = 1, maximum = 65535)]
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
    /// The name to sign in with; left out: without signing in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub username: Option<Line>,
    /// The password to sign in with. It is never shown. Left out, the one on record stays, if host, port, security and
    /// user name stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 500, example = "correct horse", format = "password")]
    pub password: Option<Password>,
    /// Who letters are from, where that is not the candidate: then answers go to the candidate by `Reply-To`. Left out:
    /// the candidate's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub from: Option<Sender>,
}

/// A tenant's mail server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MailSettings)]
pub struct SettingsView {
    /// The server's name.
    #[schema(example = "smtp.centre.example")]
    pub host: String,
    /// The port.
    #[schema(example = 465, minimum = 1, maximum = 65535)]
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
    /// The name to sign in with.
    pub username: Option<Line>,
    /// Whether there is a password.
    pub password_set: bool,
    /// Who letters are from; `null`: the candidate.
    pub from: Option<Sender>,
    /// When this was put.
    pub updated_at: Instant,
}

fn host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let told = || D::Error::custom("must be the name of a server such as `smtp.example.org`, without a port");
    let text = String::deserialize(deserializer)?;
    if let Ok(address) = text.parse::<std::net::Ipv6Addr>() {
        return Ok(address.to_string());
    }
    match Host::parse(text.trim_end_matches('.')).map_err(|_| told())? {
        Host::Domain(name) if name.is_empty() || name.len() > 253 => Err(told()),
        Host::Domain(name) => Ok(name),
        Host::Ipv4(address) => Ok(address.to_string()),
        Host::Ipv6(address) => Ok(address.to_string()),
    }
}

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    port.ok_or_else(|| D::Error::custom("must be between 1 and 65535"))
}

impl Settings {
    /// Checks what fields say together, and takes over the password on record where it may be.
    ///
    /// # Errors
    /// What does not fit, by its field.
    pub fn checked(mut self, before: Option<&Self>, outgoing: &Outgoing) -> Result<Self, Problem> {
        if self.host.parse().is_ok_and(|address| !outgoing.permits(address)) {
            return Err(Problem::invalid("/host", "leads to an address that is not public"));
        }
        if self.security == Security::None && !outgoing.allows_private() {
            let told = "must be tls or starttls: `none` is only for services that may reach private networks";
            return Err(Problem::invalid("/security", told));
        }
        if self
            .from
            .as_ref()
            .is_some_and(|from| !eml::is_address(from.address.as_str()))
        {
            return Err(Problem::invalid(
                "/from/address",
                "is no address that a letter can come from",
            ));
        }
        let same = |before: &&Self| {
            (&before.host, before.port, before.security, &before.username)
                == (&self.host, self.port, self.security, &self.username)
        };
        match (&self.username, &self.password) {
            (None, Some(_)) => Err(Problem::invalid(
                "/username",
                "is missing: a password belongs to a user name",
            )),
            (Some(_), None) => match before.filter(same).and_then(|before| before.password.clone()) {
                Some(known) => {
                    self.password = Some(known);
                    Ok(self)
                }
                None => Err(Problem::invalid(
                    "/password",
                    "is missing: there is none on record for this server and user",
                )),
            },
            (None, None) | (Some(_), Some(_)) => Ok(self),
        }
    }

    /// What of it is shown.
    pub fn view(&self, updated_at: Instant) -> SettingsView {
        SettingsView {
            host: self.host.clone(),
            port: self.port,
            security: self.security,
            username: self.username.clone(),
            password_set: self.username.is_some(),
            from: self.from.clone(),
            updated_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn put(change: &str, value: Value) -> Result<Settings, String> {
        let mut body = json!({"host": "smtp.example.org", "port": 465, "security": "tls", "username": "ada", "password": "secret"});
        body[change] = value;
        serde_json::from_value(body).map_err(|error| error.to_string())
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_nothing_else() {
        for (told, kept) in [
            ("SMTP.Example.org.", "smtp.example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("8.8.8.8", "8.8.8.8"),
            ("0x08080808", "8.8.8.8"),
            ("2001:4860:4860::8888", "2001:4860:4860::8888"),
            ("[2001:4860:4860::8888]", "2001:4860:4860::8888"),
        ] {
            assert_eq!(put("host", json!(told)).expect(told).host, kept);
        }
        for wrong in [
            "",
            ".",
            "a b",
            "smtp.example.org:25",
            "smtp://x",
            "user@x",
            "a/b",
            "a\r\nb",
        ] {
            assert!(put("host", json!(wrong)).is_err(), "{wrong}");
        }
        for wrong in [json!(0), json!(65536), json!(-1), json!("25")] {
            assert!(put("port", wrong).is_err());
        }
    }

    #[test]
    fn a_password_is_never_quoted() {
        for wrong in [
            json!("SECRET\n"),
            json!(["SECRET"]),
            json!({"SECRET": 1}),
            json!("SECRET".repeat(100)),
        ] {
            let told = put("password", wrong).expect_err("refused");
            assert!(!told.contains("SECRET"), "{told}");
        }
        let settings = put("password", json!("SECRET")).expect("settings");
        assert!(!format!("{settings:?}").contains("SECRET"));
        let view = settings.view(Instant::from(jiff::Timestamp::UNIX_EPOCH));
        assert!(!serde_json::to_string(&view).expect("JSON").contains("SECRET"));
    }

    #[test]
    fn the_password_on_record_stays_for_the_same_server_and_user_alone() {
        let outgoing = Outgoing::new(false);
        let before = put("port", json!(465)).expect("settings");
        let without = |change: &str, value: Value| {
            let mut settings = put(change, value).expect("settings");
            settings.password = None;
            settings.checked(Some(&before), &outgoing)
        };
        let kept = without("from", json!({"address": "letters@centre.example"})).expect("kept");
        assert_eq!(kept.password, before.password);
        for (change, value) in [
            ("host", json!("smtp.elsewhere.example")),
            ("port", json!(466)),
            ("security", json!("starttls")),
            ("username", json!("grace")),
        ] {
            let refused = without(change, value).expect_err(change);
            assert_eq!(refused.errors()[0].pointer, "/password", "{change}");
        }
    }

    #[test]
    fn private_servers_and_bare_connections_are_for_those_who_allow_them() {
        for (change, value, pointer) in [
            ("host", json!("127.0.0.1"), "/host"),
            ("host", json!("::1"), "/host"),
            ("host", json!("169.254.169.254"), "/host"),
            ("security", json!("none"), "/security"),
        ] {
            let settings = put(change, value).expect("settings");
            let refused = settings.checked(None, &Outgoing::new(false)).expect_err(change);
            assert_eq!(refused.errors()[0].pointer, pointer);
        }
        assert!(
            put("host", json!("127.0.0.1"))
                .expect("settings")
                .checked(None, &Outgoing::new(true))
                .is_ok()
        );
        assert!(
            put("host", json!("169.254.169.254"))
                .expect("settings")
                .checked(None, &Outgoing::new(true))
                .is_err()
        );
    }
}
