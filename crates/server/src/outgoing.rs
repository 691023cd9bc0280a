//! The one wall for connections that the service opens by itself, to addresses that somebody else named: webhooks, mail
//! servers, feeds. A name is looked up when a connection is made, so what it leads to then is what is judged, however
//! often it changes; and if any address of a name is refused, the name is.
//!
//! Nothing else in the service opens a connection to an address from outside.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, LazyLock},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioTimer},
};
use url::{Host, Url};

/// How long a name may take to be looked up, and a connection to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// An unused connection is kept so long for the next request.
const IDLE: Duration = Duration::from_secs(30);
/// A longer address is not taken.
pub const LONGEST: usize = 2048;
/// So much of an answer's body is read, in bytes and in time. Nobody looks at it.
const READ: usize = 4096;
const READING: Duration = Duration::from_secs(1);

/// Why something cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// It is no address of a server.
    #[error("is not an address of the form https://host/path")]
    NoAddress,
    /// Its scheme is another than https.
    #[error("must begin with https://")]
    Scheme,
    /// It carries a name or a password.
    #[error("must not carry a user name or a password")]
    UserInfo,
    /// It leads to where the service must not connect.
    #[error("leads to an address that is not public")]
    Refused,
    /// Its name leads nowhere.
    #[error("has a name that leads nowhere")]
    Unknown,
    /// Nobody answered, or not as HTTP.
    #[error("cannot be connected to")]
    Connection,
    /// No answer came in time.
    #[error("did not answer in time")]
    Timeout,
}

/// Looks a name up. The system does, and tests have their own.
pub type LookUp = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The way out.
#[derive(Clone)]
pub struct Outgoing {
    wall: Wall,
    client: Client<HttpsConnector<HttpConnector<Wall>>, Full<Bytes>>,
}

/// What came back, as far as anybody wants to know.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
}

#[derive(Clone)]
struct Wall {
    allow_private: bool,
    look_up: LookUp,
}

/// Who is behind an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Anybody may be.
    Public,
    /// Someone in one's own house: only where the operator allows it.
    Private,
    /// Nobody who wants to be told anything.
    Never,
}

impl Outgoing {
    /// The way out. `allow_private` opens it to private networks and to plain HTTP.
    pub fn new(allow_private: bool) -> Self {
        let system = |host: String| {
            async move {
                let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            }
            .boxed()
        };
        Self::looking_up(allow_private, Arc::new(system))
    }

    /// The same, with another way to look names up.
    pub fn looking_up(allow_private: bool, look_up: LookUp) -> Self {
        let wall = Wall { allow_private, look_up };
        let mut http = HttpConnector::new_with_resolver(wall.clone());
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT));
        http.set_nodelay(true);
        let https = HttpsConnectorBuilder::new().with_tls_config(TRUST.clone());
        let https = if allow_private {
            https.https_or_http()
        } else {
            https.https_only()
        };
        let connector = https.enable_http1().wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(4)
            .build(connector);
        Self { wall, client }
    }

    /// Whether private networks may be reached.
    pub const fn allows_private(&self) -> bool {
        self.wall.allow_private
    }

    /// Whether a connection to an address may be made.
    pub fn permits(&self, address: IpAddr) -> bool {
        self.wall.permits(address)
    }

    /// Where a name leads, if a connection may be made to all that it leads to. Literal addresses are names too, in all
    /// the spellings that browsers know.
    ///
    /// # Errors
    /// When it leads nowhere, or to where no connection may be made.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Unreachable> {
        self.wall.resolve(host, port).await
    }

    /// Reads an address that somebody else named. What its name leads to is seen when a connection is made.
    ///
    /// # Errors
    /// When it is of the wrong form, or a literal address to which no connection may be made.
    pub fn target(&self, text: &str) -> Result<Url, Unreachable> {
        // The parser forgives what a browser's user types: blanks around, and ends of lines within. Nobody means these.
        if text.len() > LONGEST || text.contains(|letter: char| letter.is_control() || letter.is_whitespace()) {
            return Err(Unreachable::NoAddress);
        }
        let url = Url::parse(text).map_err(|_| Unreachable::NoAddress)?;
        match url.scheme() {
            "https" => {}
            "http" if self.wall.allow_private => {}
            _ => return Err(Unreachable::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Unreachable::UserInfo);
        }
        let literal = match url.host() {
            None => return Err(Unreachable::NoAddress),
            Some(Host::Domain(name)) if !is_name(name) => return Err(Unreachable::NoAddress),
            Some(Host::Domain(_)) => None,
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        };
        if literal.is_some_and(|address| !self.permits(address)) || url.port() == Some(0) {
            return Err(Unreachable::Refused);
        }
        Ok(url)
    }

    /// Posts something. A redirect is an answer like others: nothing follows it.
    ///
    /// # Errors
    /// When no connection may be made or can be, or no answer comes in time.
    pub async fn post(
        &self,
        target: &str,
        headers: HeaderMap,
        body: Bytes,
        patience: Duration,
    ) -> Result<Answer, Unreachable> {
        let url = self.target(target)?;
        let mut request = Request::post(url.as_str())
            .body(Full::new(body))
            .map_err(|_| Unreachable::NoAddress)?;
        *request.headers_mut() = headers;
        let answering = tokio::time::timeout(patience, self.client.request(request)).await;
        let response = answering
            .map_err(|_| Unreachable::Timeout)?
            .map_err(|error| refusal(&error))?;
        let (answer, mut body) = response.into_parts();
        // A connection can be used again once its answer is read. What is longer, or slow to come, is not worth it.
        let reading = async {
            let mut read = 0;
            while read < READ
                && let Some(Ok(frame)) = body.frame().await
            {
                read += frame.data_ref().map_or(0, Bytes::len);
            }
        };
        tokio::time::timeout(READING, reading).await.ok();
        Ok(Answer {
            status: answer.status,
            headers: answer.headers,
        })
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("allow_private", &self.wall.allow_private)
            .finish_non_exhaustive()
    }
}

/// Mozilla's authorities, which are in the binary, and the system's own: those of a private network, where it has some.
static TRUST: LazyLock<rustls::ClientConfig> = LazyLock::new(|| {
    let mut roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    #[expect(clippy::expect_used, reason = "ring has what the safe versions need")]
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3");
    config.with_root_certificates(roots).with_no_client_auth()
});

/// Whether a name could be anybody's: labels that are none, or are too long, lead nowhere.
fn is_name(name: &str) -> bool {
    let whole = name.strip_suffix('.').unwrap_or(name);
    whole.len() <= 253 && whole.split('.').all(|label| (1..=63).contains(&label.len()))
}

/// What kept a request from being answered, where the wall said so: its word lies at the bottom of others' errors.
fn refusal(error: &(dyn std::error::Error + 'static)) -> Unreachable {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(own) = error.downcast_ref::<Unreachable>() {
            return own.clone();
        }
        let within = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        cause = match within {
            Some(within) => Some(within),
            None => error.source(),
        };
    }
    Unreachable::Connection
}

impl Wall {
    fn permits(&self, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Public => true,
            Reach::Private => self.allow_private,
            Reach::Never => false,
        }
    }

    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Unreachable> {
        let bare = host.parse::<Ipv6Addr>().map(Host::Ipv6);
        let host = bare.or_else(|_| Host::parse(host)).map_err(|_| Unreachable::Unknown)?;
        let found = match host {
            Host::Ipv4(address) => vec![address.into()],
            Host::Ipv6(address) => vec![address.into()],
            Host::Domain(name) if !is_name(&name) => return Err(Unreachable::Unknown),
            Host::Domain(name) => {
                let looked_up = tokio::time::timeout(CONNECT, (self.look_up)(name)).await;
                looked_up
                    .map_err(|_| Unreachable::Timeout)?
                    .map_err(|_| Unreachable::Unknown)?
            }
        };
        if found.is_empty() {
            return Err(Unreachable::Unknown);
        }
        if !found.iter().all(|address| self.permits(*address)) {
            return Err(Unreachable::Refused);
        }
        Ok(found.into_iter().map(|address| (address, port).into()).collect())
    }
}

/// As the resolver of the HTTP client: it is asked for every connection to a name, and never for a literal address.
impl tower_service::Service<Name> for Wall {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Unreachable;
    type Future = BoxFuture<'static, Result<Self::Response, Unreachable>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unreachable>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let wall = self.clone();
        async move { Ok(wall.resolve(name.as_str(), 0).await?.into_iter()) }.boxed()
    }
}

/// By the registries of special addresses (RFC 6890 and IANA's lists). Clouds' own services, which hand out credentials,
/// are never reached; nor are addresses that hold another one, since they are only ways around this list.
fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    const ALIBABA_METADATA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
    const AZURE_HOST: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);
    match address.octets() {
        _ if [ALIBABA_METADATA, AZURE_HOST].contains(&address) => Reach::Never,
        // In one's own house: loopback, RFC 1918, and what carriers share.
        [127 | 10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Reach::Private,
        // This network; link-local, with the metadata of most clouds; multicast, reserved and broadcast.
        [0, ..] | [169, 254, ..] | [224..=255, ..] => Reach::Never,
        // Protocol assignments, documentation, 6to4 relays, AS112, AMT, benchmarking.
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => Reach::Never,
        [192, 31, 196, _] | [192, 52, 193, _] | [192, 175, 48, _] | [198, 18..=19, ..] => Reach::Never,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    const GOOGLE_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254);
    const ORACLE_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe);
    const SCALEWAY_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42);
    match address.segments() {
        _ if [GOOGLE_METADATA, ORACLE_METADATA, SCALEWAY_METADATA].contains(&address) => Reach::Never,
        // Amazon's: metadata, names, time, and the credentials of what it runs.
        [0xfd00, 0xec2, ..] => Reach::Never,
        _ if address.is_loopback() => Reach::Private,
        // Unique local addresses.
        [0xfc00..=0xfdff, ..] => Reach::Private,
        // Teredo, ORCHID, benchmarking and other assignments for protocols; documentation; 6to4; segment routing.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] | [0x2002, ..] => Reach::Never,
        // All that is given out to anybody lies here. What lies outside is unspecified, mapped, compatible, translated
        // (NAT64), link-local, site-local, multicast, or not given out.
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}

#[cfg(test)]
mod tests;
