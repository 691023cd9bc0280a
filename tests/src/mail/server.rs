//! A mail server on loopback, as rude as a story needs it: it greets, secures the connection, lets people sign in, takes
//! letters, and at any word of the conversation it can say something else, fall silent or hang up.

use std::sync::{Arc, LazyLock, Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::CertifiedKey;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::harness::behind;

/// Who may sign in.
pub const USER: &str = "letters";
pub const PASSWORD: &str = "correct horse";

/// The server's certificate, for `localhost`, signed by itself.
static CERTIFICATE: LazyLock<CertifiedKey<rcgen::KeyPair>> =
    LazyLock::new(|| rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate"));

/// What is to be trusted so that the server is.
pub fn authority() -> Vec<u8> {
    CERTIFICATE.cert.der().to_vec()
}

/// How the server wants to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secured {
    No,
    OnRequest,
    AtOnce,
}

/// What the server does instead of what is polite.
#[derive(Debug, Clone, Copy)]
pub enum Rude {
    /// It says something else.
    Says(&'static str),
    /// It says what is polite, after a while.
    Dawdles,
    /// It falls silent.
    Hangs,
    /// It hangs up.
    Drops,
}

/// A letter that the server took.
#[derive(Debug, Clone)]
pub struct Taken {
    pub from: String,
    pub to: Vec<String>,
    pub text: Vec<u8>,
    pub secured: bool,
    pub user: Option<String>,
}

#[derive(Default)]
struct Inner {
    taken: Vec<Taken>,
    /// At a line that begins so, or `GREETING`, or `TEXT`: the word on the text.
    manners: Vec<(&'static str, Rude)>,
    connections: usize,
}

/// The server.
#[derive(Clone)]
pub struct Server {
    pub port: u16,
    secured: Secured,
    inner: Arc<Mutex<Inner>>,
}

impl Server {
    pub async fn start(secured: Secured) -> Self {
        let listening = behind(async { TcpListener::bind("127.0.0.1:0").await.expect("a free port") });
        let listener = listening.await.expect("bound");
        let server = Self {
            port: listener.local_addr().expect("its address").port(),
            secured,
            inner: Arc::default(),
        };
        let own = server.clone();
        behind(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = own.clone();
                tokio::spawn(async move { server.greets(stream).await });
            }
        });
        server
    }

    /// From now on it is rude there, and polite elsewhere.
    pub fn is_rude(&self, at: &'static str, how: Rude) {
        self.inner.lock().unwrap().manners = vec![(at, how)];
    }

    pub fn is_polite(&self) {
        self.inner.lock().unwrap().manners.clear();
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.inner.lock().unwrap().taken.clone()
    }

    pub fn connections(&self) -> usize {
        self.inner.lock().unwrap().connections
    }

    async fn greets(&self, stream: TcpStream) -> Option<()> {
        self.inner.lock().unwrap().connections += 1;
        if self.secured == Secured::AtOnce {
            let mut line = Line::new(acceptor().accept(stream).await.ok()?, true);
            self.says(&mut line, "GREETING", "220 localhost ESMTP").await?;
            return self.listens(line).await.map(|_| ());
        }
        let mut line = Line::new(stream, false);
        self.says(&mut line, "GREETING", "220 localhost ESMTP").await?;
        if let Next::Secures(stream) = self.listens(line).await? {
            self.listens(Line::new(acceptor().accept(stream).await.ok()?, true))
                .await?;
        }
        Some(())
    }

    async fn listens<S: AsyncRead + AsyncWrite + Unpin>(&self, mut line: Line<S>) -> Option<Next<S>> {
        let (mut from, mut to, mut user) = (String::new(), Vec::new(), None);
        loop {
            let told = line.hears().await?;
            let verb = told.split([' ', ':']).next().unwrap_or_default().to_uppercase();
            let answer = match verb.as_str() {
                "EHLO" if self.secured == Secured::OnRequest && !line.secured => {
                    "250-localhost\r\n250-8BITMIME\r\n250 STARTTLS"
                }
                "EHLO" => "250-localhost\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
                "STARTTLS" => {
                    self.says(&mut line, &told, "220 2.0.0 Go ahead").await?;
                    return Some(Next::Secures(line.stream.into_inner()));
                }
                "AUTH" => {
                    let expected = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
                    if told == format!("AUTH PLAIN {expected}") {
                        user = Some(USER.to_owned());
                        "235 2.7.0 Welcome"
                    } else {
                        "535 5.7.8 Who is that?"
                    }
                }
                "MAIL" => {
                    from = within(&told);
                    to.clear();
                    "250 2.1.0 Sender ok"
                }
                "RCPT" => {
                    to.push(within(&told));
                    "250 2.1.5 Recipient ok"
                }
                "DATA" => {
                    self.says(&mut line, &told, "354 Go on").await?;
                    let text = line.hears_text().await?;
                    // Whether it took the letter and whether it says so are two things.
                    let rude = self.manner("TEXT");
                    if !matches!(rude, Some(Rude::Says(_))) {
                        self.inner.lock().unwrap().taken.push(Taken {
                            from: from.clone(),
                            to: to.clone(),
                            text,
                            secured: line.secured,
                            user: user.clone(),
                        });
                    }
                    self.says(&mut line, "TEXT", "250 2.0.0 Taken for anna@acme.example")
                        .await?;
                    continue;
                }
                "QUIT" => {
                    line.says("221 2.0.0 Bye").await?;
                    return Some(Next::Done);
                }
                _ => "502 5.5.1 What?",
            };
            self.says(&mut line, &told, answer).await?;
        }
    }

    fn manner(&self, at: &str) -> Option<Rude> {
        let inner = self.inner.lock().unwrap();
        let rude = inner.manners.iter().find(|(begins, _)| at.starts_with(begins));
        rude.map(|(_, how)| *how)
    }

    async fn says<S: AsyncRead + AsyncWrite + Unpin>(&self, line: &mut Line<S>, at: &str, polite: &str) -> Option<()> {
        match self.manner(at) {
            None => line.says(polite).await,
            Some(Rude::Says(other)) => line.says(other).await,
            Some(Rude::Dawdles) => {
                tokio::time::sleep(std::time::Duration::from_millis(700)).await;
                line.says(polite).await
            }
            Some(Rude::Hangs) => {
                tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
                None
            }
            Some(Rude::Drops) => None,
        }
    }
}

enum Next<S> {
    Done,
    Secures(S),
}

struct Line<S> {
    stream: BufReader<S>,
    secured: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    fn new(stream: S, secured: bool) -> Self {
        Self {
            stream: BufReader::new(stream),
            secured,
        }
    }

    async fn says(&mut self, text: &str) -> Option<()> {
        self.stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
        self.stream.flush().await.ok()
    }

    async fn hears(&mut self) -> Option<String> {
        let mut told = String::new();
        let read = self.stream.read_line(&mut told).await.ok()?;
        (read > 0).then(|| told.trim_end().to_owned())
    }

    /// Up to a dot that stands alone; dots that were doubled are single again.
    async fn hears_text(&mut self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let mut told = Vec::new();
            if self.stream.read_until(b'\n', &mut told).await.ok()? == 0 {
                return None;
            }
            if told == b".\r\n" {
                return Some(text);
            }
            text.extend_from_slice(told.strip_prefix(b".").unwrap_or(&told));
        }
    }
}

/// What stands between angle brackets.
fn within(told: &str) -> String {
    let rest = told.split_once('<').map_or("", |(_, rest)| rest);
    rest.split_once('>').map_or("", |(within, _)| within).to_owned()
}

fn acceptor() -> TlsAcceptor {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(CERTIFICATE.signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS")
        .with_no_client_auth()
        .with_single_cert(vec![CERTIFICATE.cert.der().clone()], key)
        .expect("a certificate");
    TlsAcceptor::from(Arc::new(config))
}
