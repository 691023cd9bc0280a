//! HTTPS by the service itself: a certificate and its key as PEM files, which are read again when they change, so that a
//! renewed certificate needs no restart. TLS 1.2 and 1.3, by rustls.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// The certificate that is shown, and where it comes from.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    shown: RwLock<Arc<CertifiedKey>>,
    /// When the files were last changed, as they were last read.
    read: Mutex<Changed>,
}

/// When the certificate and the key were changed.
type Changed = [Option<SystemTime>; 2];

impl Tls {
    /// Reads a certificate, with those that lead to its authority after it, and its private key.
    ///
    /// # Errors
    /// When one of the files cannot be read, or they do not belong together, in one sentence.
    pub fn load(certificate: PathBuf, key: PathBuf) -> Result<Arc<Self>, String> {
        let read = changed(&certificate, &key);
        let shown = RwLock::new(Arc::new(pair(&certificate, &key)?));
        Ok(Arc::new(Self {
            certificate,
            key,
            shown,
            read: Mutex::new(read),
        }))
    }

    /// Reads the files again. Where they cannot be used, what was shown stays.
    ///
    /// # Errors
    /// Why they cannot be used, in one sentence.
    pub fn renew(&self) -> Result<(), String> {
        let read = changed(&self.certificate, &self.key);
        let new = pair(&self.certificate, &self.key);
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = read;
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new?);
        Ok(())
    }

    /// Reads the files again whenever they have changed, and when `asked` says so.
    pub async fn keep_fresh(self: Arc<Self>, mut asked: impl AsyncFnMut()) {
        loop {
            let told = tokio::time::timeout(LOOK, asked()).await.is_ok();
            let known = *self.read.lock().unwrap_or_else(PoisonError::into_inner);
            if !told && known == changed(&self.certificate, &self.key) {
                continue;
            }
            match self.renew() {
                Ok(()) => tracing::info!("the TLS certificate was read again"),
                Err(reason) => tracing::error!(reason, "the former TLS certificate stays"),
            }
        }
    }

    /// What a server needs to speak TLS.
    ///
    /// # Errors
    /// Never with what ring knows.
    pub(crate) fn config(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let config = ServerConfig::builder_with_provider(Arc::new(provider())).with_safe_default_protocol_versions()?;
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(self) as _;
        Ok(config.with_no_client_auth().with_cert_resolver(resolver))
    }
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn provider() -> CryptoProvider {
    ring::default_provider()
}

fn changed(certificate: &Path, key: &Path) -> Changed {
    [certificate, key].map(|file| file.metadata().and_then(|it| it.modified()).ok())
}

fn pair(certificate: &Path, key: &Path) -> Result<CertifiedKey, String> {
    let unreadable = |what: &str, file: &Path, error: rustls::pki_types::pem::Error| {
        use rustls::pki_types::pem::Error;
        let reason = match error {
            Error::Io(error) => error.to_string(),
            Error::NoItemsFound => "there is none in it, in PEM".to_owned(),
            _ => "it is no PEM".to_owned(),
        };
        format!("the {what} {} cannot be read: {reason}", file.display())
    };
    let of_certificate = |error| unreadable("TLS certificate", certificate, error);
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .map_err(of_certificate)?
        .collect::<Result<_, _>>()
        .map_err(of_certificate)?;
    if chain.is_empty() {
        return Err(of_certificate(rustls::pki_types::pem::Error::NoItemsFound));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("TLS key", key, error))?;
    CertifiedKey::from_der(chain, secret, &provider()).map_err(|error| {
        format!(
            "the TLS certificate {} and the key {} cannot be used: {error}",
            certificate.display(),
            key.display()
        )
    })
}
