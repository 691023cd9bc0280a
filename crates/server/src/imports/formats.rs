//! The formats that can be imported: one row each, from which follow what is accepted, what the OpenAPI document says
//! and what a problem suggests. What the columns of a table mean is data, in `data/imports/`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::columns::ColumnMap;

/// How a file is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reads {
    Calendar,
    Cards,
    Message,
    /// An archive of a whole candidate, which has a way of its own (`exports/`).
    Archive,
    /// A table, by a column map of the service's own.
    Table(&'static LazyLock<ColumnMap>),
    /// A table, by the request's column map.
    Mapped,
}

macro_rules! formats {
    ($($variant:ident $name:literal $reads:expr, $media:expr, $told:literal;)+) => {
        /// What a file is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        pub enum Format {
            $(#[doc = $told] #[serde(rename = $name)] $variant,)+
        }

        impl Format {
            /// Every format.
            pub const ALL: &'static [Format] = &[$(Format::$variant,)+];

            /// Its name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Format::$variant => $name,)+ }
            }

            /// What it is, and what becomes of it.
            pub const fn told(self) -> &'static str {
                match self { $(Format::$variant => $told,)+ }
            }

            /// The file's own media types, beside `application/octet-stream`.
            pub(super) const fn media_types(self) -> &'static [&'static str] {
                match self { $(Format::$variant => $media,)+ }
            }

            pub(super) const fn reads(self) -> Reads {
                match self { $(Format::$variant => $reads,)+ }
            }
        }
    };
}

const CALENDAR: &[&str] = &["text/calendar", "application/ics"];
const CARDS: &[&str] = &["text/vcard", "text/x-vcard", "text/directory"];
const MESSAGE: &[&str] = &["message/rfc822"];
const ARCHIVE: &[&str] = &["application/zip"];
const TABLE: &[&str] = &[
    "text/csv",
    "text/tab-separated-values",
    "text/plain",
    "application/vnd.ms-excel",
];

formats! {
    Ics "ics" Reads::Calendar, CALENDAR,
        "Invitations (iCalendar): interviews, and their attendees as contacts.";
    Vcf "vcf" Reads::Cards, CARDS,
        "Business cards (vCard 2.1, 3.0, 4.0): contacts.";
    Eml "eml" Reads::Message, MESSAGE,
        "An e-mail: facts that it proposes, with the words that they rest on. Nothing is recorded.";
    LinkedinConnections "linkedin_connections" Reads::Table(&LINKEDIN_CONNECTIONS), TABLE,
        "LinkedIn's `Connections.csv`: contacts and connections.";
    LinkedinJobApplications "linkedin_job_applications" Reads::Table(&LINKEDIN_JOB_APPLICATIONS), TABLE,
        "LinkedIn's `Job Applications.csv`: applications.";
    LinkedinSavedJobs "linkedin_saved_jobs" Reads::Table(&LINKEDIN_SAVED_JOBS), TABLE,
        "LinkedIn's `Saved Jobs.csv`: openings.";
    HuntrJobs "huntr_jobs" Reads::Table(&HUNTR_JOBS), TABLE,
        "Huntr's export of jobs: openings, applications and how they ended.";
    HuntrActivities "huntr_activities" Reads::Table(&HUNTR_ACTIVITIES), TABLE,
        "Huntr's export of activities: what was done for the search.";
    GoogleContacts "google_contacts" Reads::Table(&GOOGLE_CONTACTS), TABLE,
        "Google Contacts as CSV: contacts.";
    Csv "csv" Reads::Mapped, TABLE,
        "Any other table, by a column map (`map=`).";
    Export "export" Reads::Archive, ARCHIVE,
        "The archive of an export: the whole candidate, as in `import_export`.";
}

macro_rules! maps {
    ($($name:ident $file:literal)+) => {$(
        static $name: LazyLock<ColumnMap> = LazyLock::new(|| {
            ColumnMap::own(include_str!(concat!("../../data/imports/", $file, ".json")))
        });
    )+};
}

maps! {
    LINKEDIN_CONNECTIONS "linkedin_connections"
    LINKEDIN_JOB_APPLICATIONS "linkedin_job_applications"
    LINKEDIN_SAVED_JOBS "linkedin_saved_jobs"
    HUNTR_JOBS "huntr_jobs"
    HUNTR_ACTIVITIES "huntr_activities"
    GOOGLE_CONTACTS "google_contacts"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_read_by_its_name_and_every_map_can_be_read() {
        for format in Format::ALL {
            let name = serde_json::Value::from(format.name());
            assert_eq!(serde_json::from_value::<Format>(name).unwrap(), *format);
            if let Reads::Table(map) = format.reads() {
                assert!(map.check().is_ok(), "{}", format.name());
            }
        }
    }
}
