//! One conversation with a mail server, from the connection to its last word. `lettre` speaks the protocol; what is ours
//! is where the connection may go, how long each part may take, and from which moment on the text may have been taken:
//! everything before it fails plainly, and after it only the server's word counts.

use std::{
    ops::Range,
    sync::{Arc, OnceLock},
    time::Duration,
};

use afterword_store::NoteDeliveryState;
use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailParameter},
        response::Response,
    },
};
use rustls::{RootCertStore, pki_types::CertificateDer};
use tokio::time::timeout;

use super::{
    fate::{Ended, Fault, Reason, Stage, enhanced},
    places::{Place, Places},
    settings::{Security, Settings},
};
use crate::outgoing::Outgoing;

/// How long a connection to one address may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long to wait for a goodbye. Nothing depends on it.
const GOODBYE: Duration = Duration::from_millis(500);

/// The way out for letters. Cheap to clone; clones share what is bounded.
#[derive(Clone)]
pub struct Post {
    outgoing: Outgoing,
    patience: Patience,
    trusted: Arc<[Vec<u8>]>,
    roots: Arc<OnceLock<Vec<Certificate>>>,
    places: Places,
}

/// How long a server may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the connection until it is ready for the text.
    pub before: Duration,
    /// For its word on the text: it may look through it meanwhile.
    pub after: Duration,
}

/// A letter for a mail server.
pub struct Letter {
    /// Who it is from, and where it is returned to.
    pub from: Address,
    /// Who it goes to.
    pub to: Vec<Address>,
    /// The message.
    pub bytes: Vec<u8>,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            before: Duration::from_secs(30),
            after: Duration::from_secs(60),
        }
    }
}

impl Post {
    /// The way out for letters. Private networks, and servers without TLS, are reached where `outgoing` may reach them.
    pub fn new(outgoing: Outgoing) -> Self {
        Self {
            outgoing,
            patience: Patience::default(),
            trusted: Arc::default(),
            roots: Arc::default(),
            places: Places::default(),
        }
    }

    /// The same with less patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The same, trusting further authorities, in DER.
    #[must_use]
    pub fn trusting(self, authorities: impl Into<Arc<[Vec<u8>]>>) -> Self {
        Self {
            trusted: authorities.into(),
            ..self
        }
    }

    /// Where it may go.
    pub const fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }

    /// How long a conversation can take.
    pub fn longest(&self) -> Duration {
        self.patience.before + self.patience.after
    }

    /// A place among the conversations that are held at once, if there is one.
    pub fn place(&self, tenant: i64) -> Option<Place> {
        self.places.take(tenant)
    }

    /// Sends a letter. `speaks` is asked just before the text goes out, and may still hold it back.
    pub async fn send(&self, settings: &Settings, letter: &Letter, speaks: impl AsyncFnOnce() -> bool) -> Ended {
        let mut stage = Stage::Connect;
        let ready = timeout(self.patience.before, self.prepare(settings, letter, &mut stage)).await;
        let mut line = match ready {
            Ok(Ok(line)) => line,
            Ok(Err(fault)) => return fault.ended(stage),
            Err(_) => return Fault::Own(Reason::Timeout).ended(stage),
        };
        if !speaks().await {
            return Fault::Own(Reason::Interrupted).ended(stage);
        }
        // `lettre` ends the last line itself.
        let text = letter.bytes.strip_suffix(b"\r\n").unwrap_or(&letter.bytes);
        let word = timeout(self.patience.after, line.message(text)).await;
        let ended = match word {
            Ok(Ok(response)) if (200..300).contains(&code(&response)) => Ended {
                state: NoteDeliveryState::Accepted,
                stage: Stage::Text,
                code: Some(code(&response)),
                enhanced: response.first_word().and_then(enhanced),
                reason: None,
            },
            Ok(Ok(_)) => Fault::Own(Reason::BrokenOff).ended(Stage::Text),
            Ok(Err(error)) => Fault::of(&error, Reason::BrokenOff).ended(Stage::Text),
            Err(_) => Fault::Own(Reason::Timeout).ended(Stage::Text),
        };
        timeout(GOODBYE, line.quit()).await.ok();
        ended
    }

    /// Everything up to the text. All recipients belong to one transaction: where one is refused, nobody gets anything.
    async fn prepare(
        &self,
        settings: &Settings,
        letter: &Letter,
        stage: &mut Stage,
    ) -> Result<AsyncSmtpConnection, Fault> {
        let mut line = self.connect(settings, stage).await?;
        let beyond_ascii = letter
            .to
            .iter()
            .chain([&letter.from])
            .any(|address| !address.to_string().is_ascii());
        let mut parameters = Vec::new();
        *stage = Stage::Sender;
        if beyond_ascii {
            if !line.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Fault::Own(Reason::AddressNotTaken));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let told = line.command(Mail::new(Some(letter.from.clone()), parameters)).await;
        expect(told, 250..252)?;
        *stage = Stage::Recipients;
        for address in &letter.to {
            let told = line.command(Rcpt::new(address.clone(), Vec::new())).await;
            expect(told, 250..252)?;
        }
        *stage = Stage::Data;
        expect(line.command(Data).await, 354..355)?;
        Ok(line)
    }

    async fn connect(&self, settings: &Settings, stage: &mut Stage) -> Result<AsyncSmtpConnection, Fault> {
        let addresses = self.outgoing.resolve(&settings.host, settings.port).await?;
        let name = ClientId::default();
        let secured = match settings.security {
            Security::Tls | Security::Starttls => Some(self.tls(&settings.host)?),
            Security::None => None,
        };
        let at_once = secured.clone().filter(|_| settings.security == Security::Tls);
        let made = AsyncSmtpConnection::connect_tokio1(&addresses[..], Some(CONNECT), &name, at_once, None).await;
        let mut line = made.map_err(|error| Fault::of(&error, Reason::NoConnection))?;
        if let (Security::Starttls, Some(secured)) = (settings.security, secured) {
            *stage = Stage::Tls;
            let secured = line.starttls(secured, &name).await;
            secured.map_err(|error| Fault::of(&error, Reason::NoTls))?;
        }
        if let (Some(user), Some(password)) = (&settings.username, &settings.password) {
            *stage = Stage::SignIn;
            let credentials = Credentials::new(user.to_string(), password.expose().to_owned());
            let told = line.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
            let none = told.as_ref().is_err_and(Error::is_client);
            expect(told, 235..236).map_err(|fault| if none { Fault::Own(Reason::NoSignIn) } else { fault })?;
        }
        Ok(line)
    }

    fn tls(&self, host: &str) -> Result<TlsParameters, Fault> {
        let roots = self.roots.get_or_init(|| self.load_roots());
        let builder = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::WebpkiRoots);
        let builder = roots
            .iter()
            .cloned()
            .fold(builder, |builder, root| builder.add_root_certificate(root));
        builder.build().map_err(|_| Fault::Own(Reason::NoTls))
    }

    /// Authorities beside Mozilla's: the system's own, and those that were named.
    fn load_roots(&self) -> Vec<Certificate> {
        let native = rustls_native_certs::load_native_certs().certs;
        let named = self.trusted.iter().map(|der| CertificateDer::from(der.clone()));
        // One that cannot be read must not keep the others from being used.
        let readable = |der: &CertificateDer<'_>| RootCertStore::empty().add(der.clone().into_owned()).is_ok();
        let all = native.into_iter().chain(named).filter(readable);
        all.filter_map(|der| Certificate::from_der(der.to_vec()).ok()).collect()
    }
}

/// A positive reply must be the one that belongs there: what was put before a secured connection by somebody else would
/// shift all that follow.
fn expect(told: Result<Response, Error>, codes: Range<u16>) -> Result<(), Fault> {
    match told {
        Ok(response) if codes.contains(&code(&response)) => Ok(()),
        Ok(_) => Err(Fault::Own(Reason::BrokenOff)),
        Err(error) => Err(Fault::of(&error, Reason::BrokenOff)),
    }
}

fn code(response: &Response) -> u16 {
    response.code().into()
}
