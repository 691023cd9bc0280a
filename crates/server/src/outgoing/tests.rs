//! Ways to talk a service into calling where it must not, as attackers have tried them.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

const HOSTILE: &[&str] = &[
    // Loopback, in every spelling.
    "https://127.0.0.1/",
    "https://127.0.0.1:8443/hook",
    "https://127.255.255.254/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0177.0x0.1/",
    "https://127.0.0.1./",
    "https://%31%32%37.0.0.1/",
    "https://１２７.０.０.１/",
    "https://127。0。0。1/",
    "https://①②⑦.⓪.⓪.①/",
    "https:127.0.0.1/",
    "https:\\\\127.0.0.1\\",
    "https:///127.0.0.1/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[0000::0001]/",
    // This host and its network.
    "https://0.0.0.0/",
    "https://0/",
    "https://0.1.2.3/",
    "https://[::]/",
    // Private networks.
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://012.0.0.1/",
    "https://0x0a.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.0.1/",
    "https://3232235777/",
    "https://0xc0a80101/",
    "https://100.64.0.1/",
    "https://100.127.255.255/",
    "https://[fc00::1]/",
    "https://[fd12:3456:789a::1]/",
    // Link-local addresses and the metadata of clouds.
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://169.254.170.2/v2/credentials",
    "https://169.254.0.1/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[febf::1]/",
    "https://[fec0::1]/",
    // Addresses within addresses: mapped, compatible, NAT64, 6to4, Teredo.
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[0:0:0:0:0:ffff:a9fe:a9fe]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[::127.0.0.1]/",
    "https://[::a9fe:a9fe]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::10.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001:0:7f00:1::]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    // Many, nobody, and examples.
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://4294967295/",
    "https://192.0.0.1/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://198.18.0.1/",
    "https://198.19.255.255/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://[2001:2::1]/",
    "https://[2001:10::1]/",
    "https://[3fff::1]/",
    "https://[5f00::1]/",
    "https://[100::1]/",
    // No port, no name, no secrets in the address, and nothing but https.
    "https://hooks.example.com:0/",
    "https://user@hooks.example.com/",
    "https://user:secret@hooks.example.com/",
    "https://hooks.example.com@127.0.0.1/",
    "https://127.0.0.1#@hooks.example.com/",
    "https://127.0.0.1\\@hooks.example.com/",
    "http://hooks.example.com/",
    "http://127.0.0.1/",
    "HTTP://hooks.example.com/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "unix:/var/run/docker.sock",
    "javascript:alert(1)",
    "data:text/plain,x",
    "//hooks.example.com/",
    "hooks.example.com",
    "https://",
    "https://[::1",
    "https://[fe80::1%25eth0]/",
    "https://256.256.256.256/",
    "https://1.2.3.4.5/",
    "https://hooks example.com/",
    "https://hooks.example.com:99999/",
    "",
];

fn leading(to: &'static [&'static str]) -> LookUp {
    Arc::new(move |_| async move { Ok(to.iter().map(|ip| ip.parse().expect("an address")).collect()) }.boxed())
}

#[test]
fn every_hostile_target_is_refused() {
    let wall = Outgoing::new(false);
    for target in HOSTILE {
        assert!(wall.target(target).is_err(), "{target}");
    }
    assert!(HOSTILE.len() >= 60);
}

#[test]
fn public_targets_are_taken() {
    let wall = Outgoing::new(false);
    for target in [
        "https://hooks.example.com/afterword?token=x",
        "https://hooks.example.com:8443/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://[2a00:1450:4001:80b::200e]/",
        "https://172.15.0.1/",
        "https://172.32.0.1/",
        "https://100.63.0.1/",
        "https://100.128.0.1/",
        "https://bücher.example/",
    ] {
        assert!(wall.target(target).is_ok(), "{target}");
    }
}

#[test]
fn an_operator_may_allow_private_networks_and_never_metadata() {
    let wall = Outgoing::new(true);
    for target in [
        "http://127.0.0.1:9000/",
        "https://10.0.0.1/",
        "http://192.168.1.5/",
        "http://[::1]/",
        "http://[fd12::1]/",
        "http://localhost/",
    ] {
        assert!(wall.target(target).is_ok(), "{target}");
    }
    for target in [
        "http://169.254.169.254/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://user@10.0.0.1/",
        "ftp://10.0.0.1/",
    ] {
        assert!(wall.target(target).is_err(), "{target}");
    }
}

#[tokio::test]
async fn a_name_is_judged_by_all_that_it_leads_to() {
    let to = |addresses| Outgoing::looking_up(false, leading(addresses));
    let found = to(&["8.8.8.8", "2606:4700::1"]).resolve("hooks.example.com", 443).await;
    assert_eq!(
        found,
        Ok(vec![
            "8.8.8.8:443".parse().expect("an address"),
            "[2606:4700::1]:443".parse().expect("an address")
        ])
    );
    for mixed in [
        &["127.0.0.1"][..],
        &["8.8.8.8", "10.0.0.1"],
        &["::ffff:8.8.8.8"],
        &["8.8.8.8", "fe80::1"],
    ] {
        let refused = to(mixed).resolve("hooks.example.com", 443).await;
        assert_eq!(refused, Err(Unreachable::Refused), "{mixed:?}");
    }
    assert_eq!(to(&[]).resolve("nowhere.example", 443).await, Err(Unreachable::Unknown));
    let fails: LookUp = Arc::new(|_| async { Err(io::Error::other("no such name")) }.boxed());
    let nowhere = Outgoing::looking_up(false, fails).resolve("nowhere.example", 25).await;
    assert_eq!(nowhere, Err(Unreachable::Unknown));
}

#[tokio::test]
async fn literal_addresses_are_names_in_every_spelling() {
    let never: LookUp = Arc::new(|name| async move { panic!("{name} was looked up") }.boxed());
    let wall = Outgoing::looking_up(false, never);
    for host in [
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.0.0.1.",
        "::1",
        "[::1]",
        "::ffff:10.0.0.1",
        "[fe80::1]",
        "169.254.169.254",
        "１２７.０.０.１",
    ] {
        assert_eq!(wall.resolve(host, 25).await, Err(Unreachable::Refused), "{host}");
    }
    for host in ["", "a b", "[::1", "1.2.3.4.5", "fe80::1%eth0", "host/path", "user@host"] {
        assert_eq!(wall.resolve(host, 25).await, Err(Unreachable::Unknown), "{host}");
    }
    assert!(wall.resolve("0x08080808", 25).await.is_ok());
}

/// A server that counts who connects, and answers with these lines.
async fn answering(lines: &'static str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let connected = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connected);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(lines.as_bytes()).await;
        }
    });
    (port, connected)
}

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_name_that_is_bound_anew_is_looked_up_anew_and_refused() {
    let (port, connected) = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    let looked_up = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&looked_up);
    // At first it leads to a public address, from then on here.
    let rebinding: LookUp = Arc::new(move |name| {
        let mut told = told.lock().expect("no panic");
        told.push(name);
        let leads = if told.len() == 1 { "8.8.8.8" } else { "127.0.0.1" };
        async move { Ok(vec![leads.parse().expect("an address")]) }.boxed()
    });
    let wall = Outgoing::looking_up(false, rebinding);
    assert!(wall.resolve("rebinds.example", port).await.is_ok());
    let target = format!("https://rebinds.example:{port}/");
    for _ in 0..2 {
        let refused = wall.post(&target, HeaderMap::new(), Bytes::new(), PATIENCE).await;
        assert_eq!(refused.err(), Some(Unreachable::Refused));
    }
    assert_eq!(looked_up.lock().expect("no panic").len(), 3, "once per connection");
    assert_eq!(connected.load(Ordering::SeqCst), 0, "nobody was connected to");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_leads_nowhere() {
    let (inner, connected) = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let location: &'static str =
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{inner}/\r\ncontent-length: 0\r\n\r\n")
            .leak();
    let (port, _) = answering(location).await;
    let wall = Outgoing::looking_up(true, leading(&["127.0.0.1"]));
    let target = format!("http://hooks.example:{port}/");
    let answer = wall
        .post(&target, HeaderMap::new(), Bytes::from_static(b"{}"), PATIENCE)
        .await;
    assert_eq!(answer.expect("answered").status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(connected.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn who_does_not_answer_or_does_not_listen_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let wall = Outgoing::new(true);
    let post = async |target: String| {
        let patience = Duration::from_millis(200);
        wall.post(&target, HeaderMap::new(), Bytes::new(), patience).await.err()
    };
    assert_eq!(
        post(format!("http://127.0.0.1:{port}/")).await,
        Some(Unreachable::Timeout)
    );
    drop(silent);
    assert_eq!(
        post(format!("http://127.0.0.1:{port}/")).await,
        Some(Unreachable::Connection)
    );
    // An endless body is not read to its end.
    let (port, _) = answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    let answer = wall
        .post(
            &format!("http://127.0.0.1:{port}/"),
            HeaderMap::new(),
            Bytes::new(),
            PATIENCE,
        )
        .await;
    assert_eq!(answer.expect("answered").status, StatusCode::OK);
}
