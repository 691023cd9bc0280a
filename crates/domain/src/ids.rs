//! Names of things: TypeIDs (`app_01h…`), a prefix that says what kind of thing it is and a UUID that
//! sorts by time. One newtype per kind, so that an interview's id cannot stand where a contact's belongs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

/// The base 32 alphabet of TypeID (Crockford's, in lower case).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Writes a UUID as the 26 characters of a TypeID's suffix: 130 bits, the first two of them zero.
///
/// By hand, since the crates that do it bring their own id types along.
fn write_suffix(uuid: Uuid) -> [u8; 26] {
    let bits = uuid.as_u128();
    std::array::from_fn(|i| ALPHABET[((bits >> (5 * (25 - i))) & 31) as usize])
}

fn read_suffix(suffix: &str) -> Option<Uuid> {
    let bytes = suffix.as_bytes();
    if bytes.len() != 26 || bytes[0] > b'7' {
        return None;
    }
    let mut bits = 0u128;
    for byte in bytes {
        let digit = ALPHABET.iter().position(|c| c == byte)?;
        bits = (bits << 5) | digit as u128;
    }
    Some(Uuid::from_u128(bits))
}

/// A text that is no id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not an id of this kind: it would begin with `{prefix}_` and 26 characters would follow")]
pub struct NotAnId {
    /// The prefix that was wanted.
    pub prefix: &'static str,
}

macro_rules! things {
    ($($(#[doc = $doc:literal])+ $kind:ident $id:ident $prefix:literal $name:literal;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $id(Uuid);

            impl $id {
                /// The id that holds this UUID.
                pub const fn new(uuid: Uuid) -> Self {
                    Self(uuid)
                }
                /// The UUID inside.
                pub const fn uuid(self) -> Uuid {
                    self.0
                }
            }

            impl fmt::Display for $id {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    let suffix = write_suffix(self.0);
                    f.write_str(concat!($prefix, "_"))?;
                    f.write_str(std::str::from_utf8(&suffix).map_err(|_| fmt::Error)?)
                }
            }

            impl fmt::Debug for $id {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Display::fmt(self, f)
                }
            }

            impl FromStr for $id {
                type Err = NotAnId;
                fn from_str(text: &str) -> Result<Self, NotAnId> {
                    text.strip_prefix(concat!($prefix, "_"))
                        .and_then(read_suffix)
                        .map(Self)
                        .ok_or(NotAnId { prefix: $prefix })
                }
            }

            impl Serialize for $id {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $id {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                    text.parse().map_err(D::Error::custom)
                }
            }

            impl utoipa::PartialSchema for $id {
                fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                    crate::values::string_schema(concat!($($doc),+), None)
                        .pattern(Some(concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$")))
                        .examples([concat!($prefix, "_01k9ze3n8qfq7s5b1x5n0v3gk2")])
                        .into()
                }
            }
            impl utoipa::ToSchema for $id {
                fn name() -> std::borrow::Cow<'static, str> {
                    stringify!($id).into()
                }
            }

            impl From<$id> for Subject {
                fn from(id: $id) -> Subject {
                    Subject::$kind(id)
                }
            }

            impl TryFrom<Subject> for $id {
                type Error = NotAnId;
                fn try_from(subject: Subject) -> Result<Self, NotAnId> {
                    match subject {
                        Subject::$kind(id) => Ok(id),
                        _ => Err(NotAnId { prefix: $prefix }),
                    }
                }
            }

            impl ThingId for $id {
                const KIND: Kind = Kind::$kind;
            }
        )+

        /// The kinds of things that facts are about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Kind] = &[$(Kind::$kind,)+];

            /// What ids of this kind begin with.
            pub const fn prefix(self) -> &'static str {
                match self { $(Kind::$kind => $prefix,)+ }
            }
            /// The kind in words, as in sentences and path parameters.
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name,)+ }
            }
            /// The thing of this kind with this UUID.
            pub const fn with(self, uuid: Uuid) -> Subject {
                match self { $(Kind::$kind => Subject::$kind($id(uuid)),)+ }
            }
        }

        /// What a fact is about: a thing of any kind.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Subject {
            $($(#[doc = $doc])+ $kind($id),)+
        }

        impl Subject {
            /// What kind of thing it is.
            pub const fn kind(self) -> Kind {
                match self { $(Subject::$kind(_) => Kind::$kind,)+ }
            }
            /// The UUID inside.
            pub const fn uuid(self) -> Uuid {
                match self { $(Subject::$kind(id) => id.0,)+ }
            }
        }

        impl fmt::Display for Subject {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Subject::$kind(id) => fmt::Display::fmt(id, f),)+ }
            }
        }

        impl FromStr for Subject {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                match text.split_once('_').map_or(text, |(prefix, _)| prefix) {
                    $($prefix => text.parse().map(Subject::$kind),)+
                    _ => Err(NotAnId { prefix: "…" }),
                }
            }
        }
    };
}

/// An id of one kind of thing.
pub trait ThingId: Copy + Into<Subject> + TryFrom<Subject> + FromStr<Err = NotAnId> {
    /// The kind it names.
    const KIND: Kind;
}

things! {
    /// A candidate: the person whose search this is.
    Candidate CandidateId "cnd" "candidate";
    /// An application: one candidate's way through one job at one organisation.
    Application ApplicationId "app" "application";
    /// An interview: one round of an application.
    Interview InterviewId "int" "interview";
    /// A contact: a business card, whatever role the person has.
    Contact ContactId "con" "contact";
    /// A note: any letter or message that goes out.
    Note NoteId "note" "note";
    /// A decision date that the organisation promised.
    DecisionDate DecisionDateId "dec" "decision_date";
    /// A status enquiry that the candidate made.
    StatusEnquiry StatusEnquiryId "enq" "status_enquiry";
    /// A status report: what the organisation said about where things stand.
    StatusReport StatusReportId "rep" "status_report";
    /// A document request.
    DocumentRequest DocumentRequestId "doc" "document_request";
    /// A question about the next round.
    NextRoundQuestion NextRoundQuestionId "nrq" "next_round_question";
    /// What the organisation said about the next round.
    NextRound NextRoundId "nxt" "next_round";
    /// An opening: a job found, not applied for.
    Opening OpeningId "opn" "opening";
    /// Something done for the search.
    SearchActivity SearchActivityId "act" "search_activity";
    /// Something learned about an organisation or its industry.
    Research ResearchId "res" "research_note";
    /// A question asked in an interview.
    Question QuestionId "qst" "question";
    /// How an answer is to be made good.
    Repair RepairId "rpr" "repair";
    /// A reference: a contact who speaks for the candidate.
    Reference ReferenceId "ref" "reference";
    /// A connection: a contact who knows people.
    Connection ConnectionId "cxn" "connection";
    /// An introduction that a connection offered.
    Introduction IntroductionId "itr" "introduction";
    /// An offer.
    Offer OfferId "off" "offer";
    /// A rejection.
    Rejection RejectionId "rej" "rejection";
    /// A fact in the log.
    Event EventId "evt" "event";
    /// A task: what a play asks for.
    Task TaskId "task" "task";
    /// A calendar: a secret address of a candidate's dates.
    Calendar CalendarId "cal" "calendar";
    /// An API key.
    Key KeyId "key" "key";
    /// A webhook: an address that is told of facts.
    Webhook WebhookId "whk" "webhook";
    /// A delivery: one fact on its way to one webhook.
    Delivery DeliveryId "dlv" "delivery";
    /// A delivery of a note: one attempt to send it by mail.
    NoteDelivery NoteDeliveryId "ndl" "note_delivery";
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom("is not the id of a thing"))
    }
}

impl utoipa::PartialSchema for Subject {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        crate::values::string_schema("The id of a thing of any kind.", None)
            .pattern(Some("^[a-z]+_[0-7][0-9a-hjkmnp-tv-z]{25}$"))
            .examples(["doc_01k9ze3n8qfq7s5b1x5n0v3gk2"])
            .into()
    }
}
impl utoipa::ToSchema for Subject {
    fn name() -> std::borrow::Cow<'static, str> {
        "Subject".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_it_was_written() {
        // From the TypeID specification's list of valid ids.
        let uuid: Uuid = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let id = ApplicationId::new(uuid);
        assert_eq!(id.to_string(), "app_01h455vb4pex5vsknk084sn02q");
        assert_eq!("app_01h455vb4pex5vsknk084sn02q".parse(), Ok(id));
        assert_eq!("app_01h455vb4pex5vsknk084sn02q".parse(), Ok(Subject::Application(id)));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "app",
            "app_",
            "int_01h455vb4pex5vsknk084sn02q",
            "app_81h455vb4pex5vsknk084sn02q",
            "app_01h455vb4pex5vsknk084sn02Q",
            "app_01h455vb4pex5vsknk084sn02",
            "app_01h455vb4pex5vsknk084snü2q",
        ] {
            assert!(text.parse::<ApplicationId>().is_err(), "{text}");
        }
    }
}
