//! A receiver of webhooks: it keeps what it hears, and answers as it is told to.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use afterword::edge::webhook_secret::WebhookSecret;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::harness::behind;

/// What was heard.
#[derive(Debug, Clone)]
pub struct Message {
    pub headers: HashMap<String, String>,
    pub raw: Vec<u8>,
    pub json: Value,
}

/// How to answer.
#[derive(Debug, Clone)]
pub enum Reply {
    Status(u16),
    With(u16, &'static str),
    Hang,
    /// It takes the message and hangs up.
    Drop,
    /// It answers so when it is told to.
    Later(Box<Self>, watch::Receiver<bool>),
}

type Answering = Box<dyn FnMut(&Message) -> Reply + Send>;

#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    heard: Arc<Mutex<Vec<Message>>>,
    answering: Arc<Mutex<Answering>>,
}

impl Receiver {
    /// One that takes everything.
    pub async fn new() -> Self {
        let listener = behind(async { TcpListener::bind("127.0.0.1:0").await }).await;
        let listener = listener.expect("done").expect("a port");
        let url = format!(
            "http://{}/hook?token=s3cret",
            listener.local_addr().expect("an address")
        );
        let receiver = Self {
            url,
            heard: Arc::default(),
            answering: Arc::new(Mutex::new(Box::new(|_| Reply::Status(204)))),
        };
        let serving = receiver.clone();
        behind(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        receiver
    }

    /// From now on it answers so.
    pub fn answers(&self, answering: impl FnMut(&Message) -> Reply + Send + 'static) {
        *self.answering.lock().expect("no panic") = Box::new(answering);
    }

    /// What it has heard since it was last asked.
    pub fn heard(&self) -> Vec<Message> {
        std::mem::take(&mut *self.heard.lock().expect("no panic"))
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        loop {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                let mut more = [0; 8192];
                match stream.read(&mut more).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => bytes.extend_from_slice(&more[..count]),
                }
                continue;
            };
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
            let headers: HashMap<String, String> = lines
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let length: usize = headers["content-length"].parse().expect("a length");
            while bytes.len() < end + 4 + length {
                let mut more = [0; 8192];
                match stream.read(&mut more).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => bytes.extend_from_slice(&more[..count]),
                }
            }
            let raw: Vec<u8> = bytes.drain(..end + 4 + length).skip(end + 4).collect();
            let message = Message {
                json: serde_json::from_slice(&raw).expect("JSON"),
                headers,
                raw,
            };
            let reply = (self.answering.lock().expect("no panic"))(&message);
            self.heard.lock().expect("no panic").push(message);
            let reply = match reply {
                Reply::Later(reply, mut told) => {
                    told.wait_for(|told| *told).await.ok();
                    *reply
                }
                at_once => at_once,
            };
            let (status, more) = match reply {
                Reply::Status(status) => (status, ""),
                Reply::With(status, more) => (status, more),
                Reply::Drop | Reply::Later(..) => return,
                Reply::Hang => {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    return;
                }
            };
            let answer = format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\n{more}\r\n");
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

impl Message {
    pub fn kind(&self) -> &str {
        self.json["type"].as_str().expect("a type")
    }

    pub fn candidate(&self) -> &str {
        self.json["candidate"].as_str().expect("a candidate")
    }

    pub fn event(&self) -> &str {
        self.json["id"].as_str().expect("an id")
    }

    /// The signatures that it carries.
    pub fn signatures(&self) -> Vec<&str> {
        self.headers["webhook-signature"].split(' ').collect()
    }

    /// Whether it is signed with a secret.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let secret = WebhookSecret::parse(secret).expect("a secret");
        let seconds = self.headers["webhook-timestamp"].parse().expect("seconds");
        let right = secret.sign(&self.headers["webhook-id"], seconds, &self.raw);
        self.signatures().contains(&right.as_str())
    }
}
