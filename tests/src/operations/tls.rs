//! HTTPS by the service itself, spoken to by hand: versions, HTTP/2, renewed certificates, and files that will not do.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use afterword::{app::Options, edge::tls::Tls};
use afterword_store::{Place, StoreOptions, testing::PrivatePostgres};
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{CertifiedKey, KeyPair};
use rustls::{
    ClientConfig, ProtocolVersion, RootCertStore,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    harness::{Kind, World, options, tell},
    kill::process::{Process, command},
};

/// A certificate for localhost and its key, as files.
struct Files {
    folder: TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

fn made() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate")
}

fn pem(kind: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
        STANDARD.encode(der)
    )
}

impl Files {
    fn new() -> (Self, CertificateDer<'static>) {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Self {
            certificate: folder.path().join("certificate.pem"),
            key: folder.path().join("key.pem"),
            folder,
        };
        let authority = files.renew();
        (files, authority)
    }

    /// Another certificate takes the place of the one before.
    fn renew(&self) -> CertificateDer<'static> {
        let CertifiedKey { cert, signing_key } = made();
        fs::write(&self.key, pem("PRIVATE KEY", &signing_key.serialize_der())).expect("written");
        fs::write(&self.certificate, pem("CERTIFICATE", cert.der())).expect("written");
        cert.der().clone()
    }
}

async fn serves(files: &Files) -> (Process, u16) {
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let mut serve = command(&store, &["serve", "--listen", "127.0.0.1:0"]);
    serve
        .arg("--tls-cert")
        .arg(&files.certificate)
        .arg("--tls-key")
        .arg(&files.key);
    let mut process = Process::run(serve);
    let (address, _) = process.listening();
    let port = address
        .strip_prefix("https://127.0.0.1:")
        .expect("https")
        .parse()
        .expect("a port");
    (process, port)
}

/// A connection that trusts one certificate.
async fn connects(
    port: u16,
    authority: &CertificateDer<'static>,
    version: &'static rustls::SupportedProtocolVersion,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).expect("an authority");
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    // Each time the certificate is shown again.
    config.resumption = Resumption::disabled();
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn asks(mut stream: TlsStream<TcpStream>, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer).to_lowercase()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn https_is_served_with_a_certificate_and_only_https() {
    let (files, authority) = Files::new();
    let (process, port) = serves(&files).await;
    for (version, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let stream = connects(port, &authority, version, &["http/1.1"])
            .await
            .expect("connected");
        assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
        let answer = asks(stream, "/healthz").await;
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        assert!(
            answer.contains("strict-transport-security: max-age=31536000"),
            "{answer}"
        );
    }
    // In clear it says nothing, and what is older than TLS 1.2 is no TLS: rustls does not know it.
    let mut clear = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    clear
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .expect("sent");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), clear.read_to_end(&mut answer)).await;
    assert!(
        read.is_ok() && !String::from_utf8_lossy(&answer).contains("HTTP"),
        "{answer:?}"
    );
    drop(process);
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, u8::try_from(payload.len()).expect("a short frame"), kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A request whose fields are written out, or in the table of HPACK.
fn get(stream: u32, path: &str) -> Vec<u8> {
    let mut fields = vec![0x82, 0x87, 0x04, u8::try_from(path.len()).expect("a short path")];
    fields.extend(path.as_bytes());
    fields.extend([0x01, 9]);
    fields.extend(b"localhost");
    frame(1, 0x5, stream, &fields)
}

/// A connection of HTTP/2 whose preface and empty settings are sent.
async fn speaks_http_2(port: u16, authority: &CertificateDer<'static>) -> TlsStream<TcpStream> {
    let mut stream = connects(port, authority, &TLS13, &["h2", "http/1.1"])
        .await
        .expect("connected");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    sent.extend(frame(4, 0, 0, &[]));
    stream.write_all(&sent).await.expect("sent");
    stream
}

/// How the next answers begin: `0x88` is status 200 by the table of HPACK.
async fn answers(stream: &mut TlsStream<TcpStream>, many: usize) -> Vec<u8> {
    let answering = async {
        let mut begin = Vec::new();
        while begin.len() < many {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.expect("a frame");
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            stream.read_exact(&mut payload).await.expect("its payload");
            if head[3] == 1 {
                begin.extend(payload.first());
            }
        }
        begin
    };
    let answering = tokio::time::timeout(Duration::from_secs(20), answering);
    answering.await.expect("answers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn http_2_is_agreed_on_where_the_client_knows_it() {
    let (files, authority) = Files::new();
    let (process, port) = serves(&files).await;
    let mut stream = speaks_http_2(port, &authority).await;
    stream.write_all(&get(1, "/healthz")).await.expect("sent");
    assert_eq!(answers(&mut stream, 1).await, [0x88]);
    // Who knows neither is not served something else.
    assert!(connects(port, &authority, &TLS13, &["spdy/3"]).await.is_err());
    drop(process);
}

/// The document is longer than a client takes unasked: what is not fetched counts on.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_connection_of_http_2_carries_so_many_requests_at_once() {
    let (files, authority) = Files::new();
    let (process, port) = serves(&files).await;
    let mut stream = speaks_http_2(port, &authority).await;
    let streams = |from: u32, many: u32| (0..many).map(move |nth| from + 2 * nth);
    let asked: Vec<u8> = streams(1, 129).flat_map(|id| get(id, "/openapi.json")).collect();
    stream.write_all(&asked).await.expect("sent");
    let begun = answers(&mut stream, 129).await;
    assert_eq!(begun.iter().filter(|begins| **begins == 0x88).count(), 128);
    // One that is given up makes room for another.
    stream
        .write_all(&frame(3, 0, 1, &8_u32.to_be_bytes()))
        .await
        .expect("sent");
    tokio::time::sleep(Duration::from_millis(200)).await;
    stream
        .write_all(&get(1 + 2 * 129, "/openapi.json"))
        .await
        .expect("sent");
    assert_eq!(answers(&mut stream, 1).await, [0x88]);
    drop(process);
}

/// However many pings it answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_connection_of_http_2_that_asks_for_nothing_is_let_go() {
    tell(Kind::Sqlite, async |world: World| {
        let (files, authority) = Files::new();
        let options = Options {
            tls: Some(Tls::load(files.certificate.clone(), files.key.clone()).expect("a certificate")),
            at_rest: Some(Duration::from_millis(700)),
            ..Options::default()
        };
        let service = world.another(world.clock.clone(), options);
        let (_, port) = service.base().rsplit_once(':').expect("a port");
        let mut stream = speaks_http_2(port.parse().expect("a port"), &authority).await;
        stream.write_all(&get(1, "/healthz")).await.expect("sent");
        assert_eq!(answers(&mut stream, 1).await, [0x88]);
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest));
        ended.await.expect("let go").ok();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let (files, old) = Files::new();
    let (process, port) = serves(&files).await;
    let works =
        async |authority: &CertificateDer<'static>| connects(port, authority, &TLS13, &["http/1.1"]).await.is_ok();
    assert!(works(&old).await);
    // Half of a pair is not shown; the former one stays.
    let whole = fs::read(&files.certificate).expect("read");
    fs::write(&files.certificate, pem("CERTIFICATE", made().cert.der())).expect("written");
    let hang_up = || {
        let told = Command::new("kill")
            .args(["-HUP", &process.child.id().to_string()])
            .status();
        assert!(told.expect("told").success());
    };
    hang_up();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(works(&old).await, "it serves on with the former");
    fs::write(&files.certificate, whole).expect("written");
    let new = files.renew();
    hang_up();
    let mut looks = 0;
    while !works(&new).await {
        looks += 1;
        assert!(looks < 100, "the new certificate is not shown");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!works(&old).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn files_that_will_not_do_are_refused_in_one_sentence() {
    let (files, _) = Files::new();
    let store = options(Kind::Sqlite).await.expect("SQLite is always there");
    let text = files.folder.path().join("text");
    fs::write(&text, "no PEM").expect("written");
    let others = files.folder.path().join("others.pem");
    fs::write(&others, pem("PRIVATE KEY", &made().signing_key.serialize_der())).expect("written");
    let missing = files.folder.path().join("missing");
    let says = |certificate: &PathBuf, key: Option<&PathBuf>| {
        let mut serve = command(&store, &["serve", "--listen", "127.0.0.1:0"]);
        serve
            .arg("--tls-cert")
            .arg(certificate)
            .stderr(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(key) = key {
            serve.arg("--tls-key").arg(key);
        }
        let output = serve.output().expect("run");
        assert!(output.stdout.is_empty(), "nothing was begun: {output:?}");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    for (certificate, key, sentence) in [
        (&missing, &files.key, "error: the TLS certificate "),
        (&text, &files.key, "cannot be read: there is none in it, in PEM"),
        (&files.certificate, &missing, "error: the TLS key "),
        (&files.certificate, &text, "cannot be read: there is none in it, in PEM"),
        (&files.certificate, &others, "cannot be used: "),
    ] {
        let (code, said) = says(certificate, Some(key));
        assert!(
            code == Some(1) && said.contains(sentence) && said.lines().count() == 1,
            "{code:?} {said}"
        );
    }
    let (code, said) = says(&files.certificate, None);
    assert!(code == Some(2) && said.contains("--tls-key"), "{code:?} {said}");
}

/// A server of its own, since the others' would speak TLS from then on. Its files are written by itself: they must be its user's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_spoken_to_over_tls_and_its_name_is_checked() {
    let Some(server) = tokio::task::block_in_place(PrivatePostgres::start).filter(PrivatePostgres::is_own) else {
        return;
    };
    let (files, _) = Files::new();
    let (others, _) = Files::new();
    let url = server.create_database("secured").await;
    for (file, name) in [(&files.certificate, "server.crt"), (&files.key, "server.key")] {
        let text = fs::read_to_string(file).expect("read").replace('\n', "|");
        let write =
            format!("COPY (SELECT unnest(string_to_array('{text}', '|'))) TO PROGRAM 'umask 077; cat > {name}'");
        server.run_sql(&url, &write).await;
    }
    server.run_sql(&url, "ALTER SYSTEM SET ssl = on").await;
    server.run_sql(&url, "SELECT pg_reload_conf()").await;
    let migrates = |host: &str, authority: &PathBuf| {
        let url = url.replace("127.0.0.1", host);
        let store = StoreOptions {
            place: Place::Postgres(format!("{url}?sslmode=verify-full&sslrootcert={}", authority.display())),
            keys_url: None,
            master_key_file: None,
        };
        let output = command(&store, &["migrate"])
            .stderr(Stdio::piped())
            .output()
            .expect("run");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    // It takes a moment until the server has read its settings again.
    let mut looks = 0;
    while migrates("localhost", &files.certificate).0 != Some(0) {
        looks += 1;
        assert!(looks < 50, "{:?}", migrates("localhost", &files.certificate));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for (host, authority) in [("localhost", &others.certificate), ("127.0.0.1", &files.certificate)] {
        let (code, said) = migrates(host, authority);
        assert!(
            code == Some(1) && said.contains("error: the store cannot be opened: "),
            "{code:?} {said}"
        );
    }
}
