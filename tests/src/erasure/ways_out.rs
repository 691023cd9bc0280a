//! Ways out of the service, looked through when a whole candidate is forgotten and when a third person is.

use std::{
    io::{Cursor, Read},
    time::Duration,
};

use futures_util::StreamExt;
use mail_parser::MessageParser;
use reqwest::Method;
use serde_json::json;

use crate::{
    client::{Answer, Client},
    webhooks::receiver::{Message, Receiver},
};

/// The first facts of the feed as server-sent events.
pub async fn streamed(client: &Client, many: usize) -> Vec<u8> {
    let answer = client
        .request(Method::GET, "/v1/events/stream")
        .send()
        .await
        .expect("a stream");
    let (mut bytes, mut chunks) = (Vec::new(), answer.bytes_stream());
    while String::from_utf8_lossy(&bytes).matches("\ndata:").count() < many {
        let chunk = tokio::time::timeout(Duration::from_secs(10), chunks.next()).await;
        bytes.extend(chunk.expect("it goes on").expect("it goes on").expect("bytes"));
    }
    bytes
}

/// The whole feed in the form of CloudEvents.
pub async fn cloud_events(client: &Client) -> Vec<u8> {
    let (mut bytes, mut next) = (Vec::new(), "/v1/events?limit=100".to_owned());
    loop {
        let request = client.request(Method::GET, &next);
        let batch = client
            .send(request.header("Accept", "application/cloudevents-batch+json"))
            .await;
        if batch.is(200).json.as_array().expect("a batch").is_empty() {
            return bytes;
        }
        bytes.extend_from_slice(&batch.body);
        let link = batch.header("link").trim_start_matches('<');
        next = link.split('>').next().expect("a link").to_owned();
    }
}

/// What became of each of several facts.
pub fn statuses(answer: &Answer) -> Vec<&str> {
    let results = answer.is(200)["results"].as_array().expect("results");
    let statuses = results.iter().map(|it| it["status"].as_str());
    statuses.map(|it| it.expect("a status")).collect()
}

/// Makes a calendar of a candidate, and gives its secret address as a path.
pub async fn calendar(client: &Client, candidate: &str) -> String {
    let made = client.post(&format!("{candidate}/calendars"), json!({})).await;
    let address = made.is(201)["url"].as_str().expect("an address");
    address.replace(client.base(), "")
}

/// The receiver hears until it has heard enough.
pub async fn hears(receiver: &Receiver, enough: impl Fn(&[Message]) -> bool) -> Vec<Message> {
    let mut heard = Vec::new();
    for _ in 0..400 {
        heard.extend(receiver.heard());
        if enough(&heard) {
            return heard;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} messages were not enough", heard.len());
}

/// The files of an export, one after another.
pub fn unpacked(archive: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(Cursor::new(archive)).expect("a zip file");
    let mut bytes = Vec::new();
    for nth in 0..zip.len() {
        zip.by_index(nth)
            .expect("a file")
            .read_to_end(&mut bytes)
            .expect("unpacked");
    }
    bytes
}

/// What a letter in one of its forms tells whoever opens it.
pub fn read(form: &str, letter: &[u8]) -> Vec<u8> {
    match form {
        "pdf" => {
            let document = lopdf::Document::load_mem(letter).expect("a PDF");
            let pages: Vec<u32> = document.get_pages().into_keys().collect();
            let text = document.extract_text(&pages).expect("its text");
            text.into_bytes()
        }
        "eml" => {
            let message = MessageParser::new().parse(letter).expect("a message");
            let texts = (0..message.text_body_count()).filter_map(|nth| message.body_text(nth));
            let to = message.to().and_then(|to| to.first()).map(|to| format!("{to:?}"));
            let texts = texts.map(String::from).chain(to);
            let texts = texts.chain(message.subject().map(str::to_owned));
            texts.collect::<Vec<_>>().join("\n").into_bytes()
        }
        _ => letter.to_vec(),
    }
}
