//! A way to PostgreSQL that can be cut at the moment that matters, fall silent, or lead to another server.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::harness::behind;

/// What becomes of the next COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The server never hears of it.
    Lost,
    /// The server has carried it out, and its answer is lost.
    Unanswered,
    /// It is on its way when the connection breaks.
    Torn,
    /// The server never hears of it, and nobody hears that the connection is gone.
    Swallowed,
}

/// What connections that are open now are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doom {
    Break,
    FallSilent,
}

#[derive(Clone)]
pub struct Proxy {
    target: Arc<Mutex<SocketAddr>>,
    next: Arc<Mutex<Option<Fate>>>,
    doom: watch::Sender<Option<Doom>>,
    closed: Arc<AtomicBool>,
}

impl Proxy {
    /// A way to the server of a URL, and the same URL by this way.
    pub async fn to(url: &str) -> (Self, String) {
        let target = place(url);
        let listener = behind(async { TcpListener::bind("127.0.0.1:0").await }).await;
        let listener = listener.expect("done").expect("a port");
        let address = listener.local_addr().expect("its address");
        let by_it = url.replace(&target.to_string(), &address.to_string());
        let proxy = Self {
            target: Arc::new(Mutex::new(target)),
            next: Arc::default(),
            doom: watch::Sender::new(None),
            closed: Arc::default(),
        };
        let leading = proxy.clone();
        behind(async move {
            while let Ok((client, _)) = listener.accept().await {
                let leading = leading.clone();
                tokio::spawn(async move { leading.carries(client).await });
            }
        });
        (proxy, by_it)
    }

    /// This becomes of the next COMMIT, and of no other.
    pub fn next_commit_is(&self, fate: Fate) {
        *self.next.lock().expect("no panic") = Some(fate);
    }

    /// Whether the COMMIT that something was to become of has come.
    pub fn has_come(&self) -> bool {
        self.next.lock().expect("no panic").is_none()
    }

    /// From now on it leads elsewhere; what is open breaks.
    pub fn leads_to(&self, url: &str) {
        *self.target.lock().expect("no panic") = place(url);
        self.doom.send_replace(Some(Doom::Break));
    }

    /// Whether it turns new connections away; what is open breaks.
    pub fn is_closed(&self, closed: bool) {
        self.closed.store(closed, Ordering::Relaxed);
        self.doom.send_replace(Some(Doom::Break));
    }

    /// What is open carries nothing any more, and nobody is told. New connections are as before.
    pub fn falls_silent(&self) {
        self.doom.send_replace(Some(Doom::FallSilent));
    }

    async fn carries(&self, mut client: TcpStream) {
        let mut doom = self.doom.subscribe();
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        let target = *self.target.lock().expect("no panic");
        let Ok(mut server) = TcpStream::connect(target).await else {
            return;
        };
        client.set_nodelay(true).ok();
        server.set_nodelay(true).ok();
        let (mut up, mut down) = ([0; 16 << 10], [0; 16 << 10]);
        loop {
            tokio::select! {
                read = client.read(&mut up) => {
                    let count = read.unwrap_or(0);
                    if count == 0 {
                        return;
                    }
                    let said = &up[..count];
                    let fate = if said.windows(7).any(|seven| seven == b"COMMIT\0") {
                        self.next.lock().expect("no panic").take()
                    } else {
                        None
                    };
                    match fate {
                        Some(Fate::Lost) => return,
                        Some(Fate::Swallowed) => return silence().await,
                        Some(Fate::Torn) => {
                            server.write_all(said).await.ok();
                            return;
                        }
                        Some(Fate::Unanswered) => {
                            server.write_all(said).await.ok();
                            drop(server.read(&mut down).await);
                            return;
                        }
                        None => if server.write_all(said).await.is_err() { return },
                    }
                }
                read = server.read(&mut down) => {
                    let count = read.unwrap_or(0);
                    if count == 0 || client.write_all(&down[..count]).await.is_err() {
                        return;
                    }
                }
                _ = doom.changed() => {
                    if *doom.borrow() == Some(Doom::FallSilent) {
                        silence().await;
                    }
                    return;
                }
            }
        }
    }
}

/// Longer than anybody waits.
async fn silence() {
    tokio::time::sleep(Duration::from_secs(3600)).await;
}

/// Host and port in a URL.
fn place(url: &str) -> SocketAddr {
    let place = url.split('@').nth(1).and_then(|rest| rest.split('/').next());
    place
        .and_then(|place| place.parse().ok())
        .unwrap_or_else(|| panic!("no address in {url}"))
}
