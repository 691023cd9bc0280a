//! Ways to talk a service into calling where it must not, as attackers have tried them.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use serde_json::Value;

use super::*;

/// Targets, hosts and names, each with a reason; stories try them on every operation that takes one.
fn corpus(of: &str) -> Vec<Value> {
    let corpus: Value = serde_json::from_str(include_str!("hostile.json")).expect("JSON");
    corpus[of].as_array().expect("a list").clone()
}

/// A field of an entry, with long texts written out.
fn text(entry: &Value, field: &str) -> String {
    entry[field]
        .as_str()
        .expect("a text")
        .replace("{long}", &"x".repeat(3000))
}

fn leading(to: &'static [&'static str]) -> LookUp {
    Arc::new(move |_| async move { Ok(to.iter().map(|ip| ip.parse().expect("an address")).collect()) }.boxed())
}

#[test]
fn every_hostile_target_is_refused() {
    let (wall, open) = (Outgoing::new(false), Outgoing::new(true));
    let targets = corpus("targets");
    for entry in &targets {
        let target = text(entry, "target");
        assert!(wall.target(&target).is_err(), "{entry}");
        assert_eq!(open.target(&target).is_ok(), entry["private"] == "taken", "{entry}");
    }
    assert!(targets.len() >= 115);
}

#[tokio::test]
async fn every_hostile_host_and_name_is_refused() {
    let never: LookUp = Arc::new(|name| async move { panic!("{name} was looked up") }.boxed());
    let (wall, open) = (
        Outgoing::looking_up(false, Arc::clone(&never)),
        Outgoing::looking_up(true, never),
    );
    for entry in corpus("hosts") {
        let host = text(&entry, "host");
        assert!(wall.resolve(&host, 25).await.is_err(), "{entry}");
        assert_eq!(
            open.resolve(&host, 25).await.is_ok(),
            entry["private"] == "taken",
            "{entry}"
        );
    }
    for entry in corpus("names") {
        let last = entry["leads_to"].as_array().and_then(|answers| answers.last()).cloned();
        let last: Vec<IpAddr> = serde_json::from_value(last.expect("an answer")).expect("addresses");
        let leads: LookUp = Arc::new(move |_| {
            let last = last.clone();
            async move { Ok(last) }.boxed()
        });
        let refused = Outgoing::looking_up(false, leads)
            .resolve(&text(&entry, "host"), 25)
            .await;
        assert!(refused.is_err(), "{entry}");
    }
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
