//! A file of every format that can be imported, with a word in each of its texts.

use afterword::app;
use reqwest::Method;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::words::WORD;
use crate::client::{Answer, Client};

const INVITATION: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nBEGIN:VEVENT\r\nUID:Zqkanarie-ics@x\r\n\
    DTSTAMP:20260301T090000Z\r\nDTSTART:20260401T090000Z\r\nDTEND:20260401T100000Z\r\nSUMMARY:Zqkanarie talk\r\n\
    LOCATION:Zqkanarie street\r\nATTENDEE;CN=Zqkanarie Guest:mailto:zqkanarie.guest@kite.example\r\nEND:VEVENT\r\n\
    END:VCALENDAR\r\n";
const CARD: &str =
    "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Zqkanarie Card\r\nEMAIL:zqkanarie.card@kite.example\r\nEND:VCARD\r\n";
const MAIL: &str = "From: Zqkanarie Sender <zqkanarie.sender@kite.example>\r\nTo: b@kite.example\r\nSubject: Zqkanarie asks\r\n\
    Date: Mon, 2 Mar 2026 10:00:00 +0100\r\nMessage-ID: <zqkanarie@x>\r\n\r\n\
    Could you please send us two references of Zqkanarie by Thursday?\r\n";
/// Tables by their formats' names.
const TABLES: [(&str, &str); 7] = [
    (
        "linkedin_connections",
        "First Name,Last Name,URL,Email Address,Company,Position,Connected On\r\n\
         Zqkanarie,Zqkanarie,https://www.linkedin.com/in/zqkanarie,zqkanarie.row@kite.example,Zqkanarie,Zqkanarie,02 Mar 2026\r\n",
    ),
    (
        "linkedin_job_applications",
        "Application Date,Company Name,Job Title,Job Url\r\n\
         \"3/2/26, 8:15 AM\",Zqkanarie Robotics,Zqkanarie Engineer,https://www.linkedin.com/jobs/zqkanarie\r\n",
    ),
    (
        "linkedin_saved_jobs",
        "Saved Date,Job Url,Job Title,Company Name\r\n\
         \"3/2/26, 8:15 AM\",https://www.linkedin.com/jobs/zqkanarie-saved,Zqkanarie Saved,Zqkanarie Works\r\n",
    ),
    (
        "huntr_jobs",
        "createdAt,title,url,companyName,listName,lastMovedAt\r\n\
         2026-03-02T09:15:00.000Z,Zqkanarie Huntress,https://kite.example/zqkanarie-huntr,Zqkanarie Hunt,Applied,\
         2026-03-02T09:15:00.000Z\r\n",
    ),
    (
        "huntr_activities",
        "id,createdAt,title,note,completed,completedAt,companyName,activityCategoryName\r\n\
         zqkanarie,2026-03-02T09:15:00.000Z,Zqkanarie coffee,Zqkanarie knows,true,2026-03-02T09:15:00.000Z,Zqkanarie,Meeting\r\n",
    ),
    (
        "google_contacts",
        "First Name,Last Name,Organization Name,Organization Title,E-mail 1 - Value,Address 1 - Street\r\n\
         Zqkanarie,Google,Zqkanarie,Zqkanarie,zqkanarie.google@kite.example,Zqkanarie street\r\n",
    ),
    ("csv", "Who,Mail\r\nZqkanarie Mapped,zqkanarie.mapped@kite.example\r\n"),
];

pub struct File {
    /// The parameters of the import.
    pub query: String,
    pub kind: &'static str,
    pub bytes: Vec<u8>,
}

/// Every format there is, but the archive of an export; what belongs to an application belongs to this one.
pub fn of_every_format(application: &str) -> Vec<File> {
    let file = |query: &str, kind: &'static str, text: &str| File {
        query: query.to_owned(),
        kind,
        bytes: text.as_bytes().to_vec(),
    };
    let mut files = vec![
        file(&format!("ics&application={application}"), "text/calendar", INVITATION),
        file("vcf", "text/vcard", CARD),
        file(&format!("eml&application={application}"), "message/rfc822", MAIL),
    ];
    let map = json!({"target": "contacts", "columns": {"name": "Who", "email": "Mail"}, "source": WORD}).to_string();
    let mapped = format!("csv&map={}", byte_serialize(map.as_bytes()).collect::<String>());
    for (name, table) in TABLES {
        let query = if name == "csv" { &mapped } else { name };
        files.push(file(query, "text/csv", table));
    }
    let known: Vec<_> = files.iter().map(|file| Value::from(file.name())).collect();
    let document = app::openapi();
    let parameters = document["paths"]["/v1/candidates/{candidate}/imports"]["post"]["parameters"].as_array();
    let format = parameters.into_iter().flatten().find(|it| it["name"] == "format");
    let mut formats = format.expect("a format")["schema"]["enum"]
        .as_array()
        .expect("names")
        .clone();
    formats.retain(|name| name != "export");
    assert_eq!(known, formats, "a format of which this story knows nothing");
    files
}

impl File {
    fn name(&self) -> &str {
        self.query.split('&').next().unwrap_or_default()
    }

    pub async fn is_imported(&self, client: &Client, candidate: &str) -> Answer {
        let request = client.request(Method::POST, &format!("{candidate}/imports?format={}", self.query));
        client
            .send(request.header("Content-Type", self.kind).body(self.bytes.clone()))
            .await
    }
}
