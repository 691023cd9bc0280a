//! What the service was told to do that may be dangerous.

use std::net::{IpAddr, ToSocketAddrs};

use afterword_store::Finding;

use crate::cli::serve::Serve;
use crate::edge::tls::Tls;

pub(super) fn examine(serve: &Serve) -> Vec<Finding> {
    let mut found = Vec::new();
    match serve.tls_files() {
        Some((certificate, key)) => found.push(match Tls::load(certificate, key) {
            Ok(_) => Finding::good("tls", "The TLS certificate and its key belong together."),
            Err(reason) => Finding::fault(
                "tls",
                format!("{}{}.", reason[..1].to_uppercase(), &reason[1..]),
                "Give `serve` a certificate and its private key, both as PEM.",
            ),
        }),
        None if is_reached_from_outside(serve.listens_on()) => found.push(Finding::warning(
            "tls",
            format!(
                "The service listens on {} without TLS: keys and personal data go over the network in clear.",
                serve.listens_on()
            ),
            "Give it --tls-cert and --tls-key, or see that only a proxy that speaks TLS reaches it.",
        )),
        None => found.push(Finding::good(
            "tls",
            "Only this machine reaches the service, without TLS.",
        )),
    }
    let before = found.len();
    if serve.allow_private_webhooks {
        found.push(Finding::warning(
            "settings",
            "Webhooks may lead into private networks: whoever may make one can reach what is there.",
            "Leave --allow-private-webhooks out, unless every tenant may reach this network.",
        ));
    }
    if serve.allow_private_mail {
        found.push(Finding::warning(
            "settings",
            "Letters may go by mail servers in private networks, and without TLS.",
            "Leave --allow-private-mail out, unless every tenant may reach this network.",
        ));
    }
    if !serve.is_limited() && is_reached_from_outside(serve.listens_on()) {
        found.push(Finding::warning(
            "settings",
            "Nothing limits how often a key may ask.",
            "Give --rate-limit, as 50/s.",
        ));
    }
    if serve.allows_origins_in_clear() {
        found.push(Finding::warning(
            "settings",
            "A web page that comes over plain HTTP may read answers: whoever is on its way can have it read them for himself.",
            "Allow origins with https:// only, but for localhost.",
        ));
    }
    if found.len() == before {
        found.push(Finding::good("settings", "No setting opens more than it must."));
    }
    found
}

/// Whether an address is more than this machine's own.
fn is_reached_from_outside(listen: &str) -> bool {
    let addresses = listen.to_socket_addrs().into_iter().flatten();
    addresses
        .map(|address| address.ip())
        .any(|ip: IpAddr| !ip.is_loopback())
}
