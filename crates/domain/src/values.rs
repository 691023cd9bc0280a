//! Values that many facts share: lines, texts, addresses, channels. Each is parsed where it enters;
//! inside, an invalid one does not exist. A rule here is a promise about history: it may be loosened
//! later, never tightened.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, SchemaFormat, schema::SchemaType, schema::Type},
};

use crate::time::Period;

mod organisation;
mod patch;
pub use organisation::{LEGAL_FORMS, is_same_organisation, organisation_key};
pub use patch::{Patch, not_null};
pub(crate) use patch::{few, few_not_null};

pub(crate) fn string_schema(description: &str, format: Option<&str>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .description(Some(description))
        .format(format.map(|format| SchemaFormat::Custom(format.to_owned())))
}

macro_rules! text_values {
    ($($(#[doc = $doc:literal])+ $name:ident, $most:literal, $format:expr, $pattern:expr, $example:literal, $rule:expr;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The text inside.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                if text.trim().is_empty() {
                    return Err("must not be empty".into());
                }
                if text.chars().count() > $most {
                    return Err(concat!("must not be longer than ", $most, " characters").into());
                }
                if text.contains('\0') {
                    return Err("must not hold a NUL character".into());
                }
                let rule: fn(&str) -> Result<(), &'static str> = $rule;
                rule(&text)?;
                Ok(Self(text))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = String;
            fn try_from(text: &str) -> Result<Self, String> {
                Self::try_from(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                string_schema(concat!($($doc),+).trim(), $format)
                    .min_length(Some(1))
                    .max_length(Some($most))
                    .pattern($pattern)
                    .examples([$example])
                    .into()
            }
        }
        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

fn one_line(text: &str) -> Result<(), &'static str> {
    if text.chars().any(char::is_control) {
        return Err("must be one line without control characters");
    }
    Ok(())
}

fn email(text: &str) -> Result<(), &'static str> {
    let told = "must be an e-mail address such as `anna@example.org`";
    let (local, domain) = text.rsplit_once('@').ok_or(told)?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';');
    if local.is_empty() || domain.is_empty() || domain.starts_with('.') || text.contains(odd) || local.contains('@') {
        return Err(told);
    }
    Ok(())
}

fn web_address(text: &str) -> Result<(), &'static str> {
    let told = "must be an address that begins with `https://` or `http://`";
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .ok_or(told)?;
    if rest.is_empty() || rest.starts_with('/') || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(told);
    }
    Ok(())
}

fn label(text: &str) -> Result<(), &'static str> {
    if text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-'))
    {
        return Ok(());
    }
    Err("must be made of the letters a to z, digits and `.` `_` `:` `-`")
}

fn locale(text: &str) -> Result<(), &'static str> {
    if text.len() >= 2 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Ok(());
    }
    Err("must be a language tag such as `en-GB`")
}

/// No control characters. That blanks alone are nothing is left to words: dialects of regular expressions do not agree on
/// what is blank.
const LINE: &str = r"^[^\x00-\x1f\x7f-\x9f]+$";
const NO_PATTERN: Option<&str> = None;

text_values! {
    /// One line of text: a name, a title, a position.
    Line, 500, None, Some(LINE), "Ada Lovelace", one_line;
    /// Free text of any number of lines.
    Text, 50000, None, NO_PATTERN, "They asked about my last project.", |_| Ok(());
    /// An e-mail address.
    Email, 254, Some("email"), NO_PATTERN, "anna.berg@example.org", email;
    /// A web address (http or https).
    WebAddress, 2000, Some("uri"), NO_PATTERN, "https://example.org/jobs/17", web_address;
    /// A label by which candidates are grouped, such as a coach's name for a class. Not personal data.
    Label, 100, None, Some("^[A-Za-z0-9._:-]+$"), "class-of-2026", label;
    /// A language tag (BCP 47).
    Locale, 35, None, Some("^[A-Za-z0-9-]{2,35}$"), "en-GB", locale;
}

impl Email {
    /// What stands in the log where an erased person's address stood alone.
    pub(crate) const REDACTED: &str = "erased@erased.invalid";

    pub(crate) fn redacted() -> Self {
        Self(Self::REDACTED.to_owned())
    }
}

impl Line {
    /// What stands in the log where an erased person's particulars stood.
    pub(crate) const REDACTED: &str = "[erased]";

    pub(crate) fn redacted() -> Self {
        Self(Self::REDACTED.to_owned())
    }
}

/// How people reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// E-mail.
    Email,
    /// A telephone call.
    Phone,
    /// A letter on paper.
    Post,
    /// Face to face.
    InPerson,
    /// A video call.
    Video,
    /// A chat or text message.
    Message,
    /// The organisation's applicant portal.
    Portal,
    /// Anything else.
    Other,
}

impl Channel {
    /// As it stands in a sentence: "by phone".
    pub const fn in_words(self) -> &'static str {
        match self {
            Channel::Email => "by e-mail",
            Channel::Phone => "by phone",
            Channel::Post => "by post",
            Channel::InPerson => "in person",
            Channel::Video => "in a video call",
            Channel::Message => "by message",
            Channel::Portal => "through the portal",
            Channel::Other => "by other means",
        }
    }
}

/// A number of calendar days, as an ISO 8601 duration: `P60D`, `P2W`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(i16);

impl Days {
    /// How many.
    pub const fn count(self) -> i16 {
        self.0
    }

    /// The days of a play's number.
    pub(crate) const fn of(period: Period) -> Self {
        match period {
            Period::AtOnce => Self(0),
            Period::Hours(hours) => Self(hours / 24),
            Period::Days(days) | Period::WorkingDays(days) => Self(days),
        }
    }
}

impl Serialize for Days {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("P{}D", self.0))
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const TOLD: &str =
            "must be a number of days or weeks as an ISO 8601 duration, such as `P60D` or `P8W`, up to `P1000D`";
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let span: jiff::Span = text.parse().map_err(|_| D::Error::custom(TOLD))?;
        let (days, weeks) = (i64::from(span.get_days()), i64::from(span.get_weeks()));
        let only = jiff::Span::new().days(days).weeks(weeks);
        let count = i16::try_from(days + 7 * weeks)
            .ok()
            .filter(|count| (1..=1000).contains(count));
        match count {
            Some(count) if span.fieldwise() == only.fieldwise() => Ok(Self(count)),
            Some(_) | None => Err(D::Error::custom(TOLD)),
        }
    }
}

impl utoipa::PartialSchema for Days {
    fn schema() -> RefOr<Schema> {
        string_schema("A number of calendar days, as an ISO 8601 duration.", Some("duration"))
            .pattern(Some("^P([1-9][0-9]{0,2}D|1000D|[1-9][0-9]?W|1[0-3][0-9]W|14[0-2]W)$"))
            .examples(["P60D"])
            .into()
    }
}
impl ToSchema for Days {
    fn name() -> Cow<'static, str> {
        "Days".into()
    }
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostalAddress {
    /// Street, house, floor: what stands above the city.
    #[serde(deserialize_with = "lines_of_address")]
    #[schema(min_items = 1, max_items = 10)]
    pub lines: Vec<Line>,
    /// The city or town.
    pub city: Line,
    /// State, province or county.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub region: Option<Line>,
    /// The postal code.
    pub postal_code: Line,
    /// The country, by name or ISO 3166 code.
    pub country: Line,
}

impl PostalAddress {
    pub(crate) fn redacted() -> Self {
        Self {
            lines: vec![Line::redacted()],
            city: Line::redacted(),
            region: None,
            postal_code: Line::redacted(),
            country: Line::redacted(),
        }
    }
}

fn lines_of_address<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<Line>, D::Error> {
    let lines = Vec::deserialize(d)?;
    if (1..=10).contains(&lines.len()) {
        return Ok(lines);
    }
    Err(D::Error::custom("must hold between 1 and 10 lines"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_domain_is_no_email() {
        assert!(Email::try_from("anna@example.org").is_ok());
        for text in ["anna", "anna@", "@example.org", "a b@example.org", "a@b@c", "<a@b.c>"] {
            assert!(Email::try_from(text).is_err(), "{text}");
        }
    }
}
