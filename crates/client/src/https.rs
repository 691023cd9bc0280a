//! TLS by rustls, with ring's cryptography and the certificates that the system trusts.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::Error;

pub(crate) fn trusting_the_system() -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(Error::Tls(format!("no root certificates: {:?}", found.errors)));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use std::{io::Read, net::TcpListener, thread};

    use crate::{Client, Error};

    #[tokio::test]
    async fn a_client_greets_in_tls() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = format!("https://{}", listener.local_addr().expect("its address"));
        let client = match Client::new(&base, "aw_live_…") {
            // A machine without certificates trusts nobody.
            Err(Error::Tls(_)) => return,
            client => client.expect("a client"),
        };
        let first = thread::spawn(move || {
            let mut byte = [0];
            let (mut stream, _) = listener.accept().expect("a connection");
            stream.read_exact(&mut byte).expect("a byte");
            byte[0]
        });
        let answer = client.get::<serde_json::Value>("/v1/tasks", &[]).await;
        assert!(matches!(answer, Err(Error::NoAnswer(_))), "{answer:?}");
        const HANDSHAKE: u8 = 22;
        assert_eq!(first.join().expect("read"), HANDSHAKE);
    }
}
