//! `afterword serve`: opening the store, serving until told to stop, and stopping so that nothing is lost.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, atomic::Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use afterword_store::{Rebuilt, Recorder, Store, StoreError, StoreOptions};
use futures_util::future::join_all;
use jiff::SignedDuration;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::json;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinHandle, JoinSet};

use super::tenants::{Reach, create_key, create_tenant};
use super::{Failure, output};
use crate::app;
use crate::edge::{api_key::ApiKey, clock::Clock, cors::Origin, rate_limit::Rate, scopes::Scope, sockets, tls::Tls};
use crate::mail::Post;
use crate::outgoing::Outgoing;
use crate::service::Service;
use crate::{retention::RetentionWorker, time_worker::TimeWorker, webhooks::worker::WebhookWorker};

/// Requests have this long to finish, and what they left in the queue a few seconds more: 30 in all.
const FINISH: Duration = Duration::from_secs(23);
const CLOSE: Duration = Duration::from_secs(3);
/// Idempotency keys are kept for 72 hours.
const KEPT: SignedDuration = SignedDuration::from_hours(72);
/// Deliveries are listed for 30 days.
const LISTED: SignedDuration = SignedDuration::from_hours(30 * 24);
const HOUR: Duration = Duration::from_secs(3600);

/// How to serve.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", env = "AFTERWORD_LISTEN", default_value = "127.0.0.1:8080", value_parser = address)]
    listen: String,
    /// How often a key may ask, as 10/s, 600/min or 5000/h; without it, as often as it likes
    #[arg(long, value_name = "RATE", env = "AFTERWORD_RATE_LIMIT")]
    rate_limit: Option<Rate>,
    /// A web page's origin that may read answers, as https://app.example; again for each, or with commas between
    #[arg(long, value_name = "ORIGIN", env = "AFTERWORD_ALLOW_ORIGIN", value_delimiter = ',')]
    allow_origin: Vec<Origin>,
    /// Serve HTTPS with this certificate (PEM, those that lead to its authority after it), read again when it changes
    #[arg(long, value_name = "FILE", env = "AFTERWORD_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", env = "AFTERWORD_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Let webhooks lead into private networks and to plain HTTP
    #[arg(long, env = "AFTERWORD_ALLOW_PRIVATE_WEBHOOKS")]
    pub(super) allow_private_webhooks: bool,
    /// Let tenants send letters by mail servers in private networks, and without TLS
    #[arg(long, env = "AFTERWORD_ALLOW_PRIVATE_MAIL")]
    pub(super) allow_private_mail: bool,
    /// When told to stop, serve on for so many seconds and say on /readyz that others are to be asked
    #[arg(long, value_name = "SECONDS", env = "AFTERWORD_DRAIN", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=600))]
    drain: u16,
}

fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(_)) => Ok(text.to_owned()),
        Some(Err(_)) | None => Err("write it as 127.0.0.1:8080".to_owned()),
    }
}

impl Serve {
    /// Where it listens.
    pub(super) fn listens_on(&self) -> &str {
        &self.listen
    }

    /// The certificate and its key, where there are such.
    pub(super) fn tls_files(&self) -> Option<(PathBuf, PathBuf)> {
        self.tls_cert.clone().zip(self.tls_key.clone())
    }

    /// Whether something limits how often a key may ask.
    pub(super) const fn is_limited(&self) -> bool {
        self.rate_limit.is_some()
    }

    /// Whether a page that comes over plain HTTP from another machine may read answers.
    pub(super) fn allows_origins_in_clear(&self) -> bool {
        self.allow_origin.iter().any(Origin::is_in_clear)
    }

    pub(super) async fn run(self, options: &StoreOptions) -> Result<(), Failure> {
        let tls = self.tls_files().map(|(certificate, key)| Tls::load(certificate, key));
        let tls = tls.transpose().map_err(Failure::Refused)?;
        // First the address: a first start that fails for it must not have shown its key to nobody.
        let listener = listen(&self.listen)?;
        let store = Store::open(options).await?;
        let clock = Clock::system();
        if let Some(key) = first_key(&store, &clock).await? {
            output::line(&json!({"tenant": "default", "admin_key": key.expose()})).ok();
        }
        let service = Service::new(store, clock)
            .reaching(Outgoing::new(self.allow_private_webhooks))
            .with_mail(Post::new(Outgoing::new(self.allow_private_mail)));
        let options = app::Options {
            rate: self.rate_limit,
            origins: self.allow_origin.into(),
            tls,
            ..app::Options::default()
        };
        let running = Running::start(service, listener, options)?;
        output::line(&json!({"listening": running.url()})).ok();
        running.until_told(Duration::from_secs(self.drain.into())).await
    }
}

/// A socket that listens already, so that nobody who hears its address is turned away.
///
/// # Errors
/// When the address is taken, or not this machine's.
pub fn listen(address: &str) -> Result<TcpListener, Failure> {
    let failed = |error| Failure::Refused(format!("cannot listen on {address}: {error}"));
    sockets::listen(address).map_err(failed)
}

/// On a new SQLite store, makes the tenant `default` and its key. PostgreSQL's tenants are made by an operator.
///
/// # Errors
/// When the store does not answer.
pub async fn first_key(store: &Store, clock: &Clock) -> Result<Option<ApiKey>, Failure> {
    if !store.tenants().await?.is_empty() {
        return Ok(None);
    }
    if store.is_postgres() {
        tracing::warn!("there is no tenant yet: `afterword tenants create` makes one, `afterword keys create` its key");
        return Ok(None);
    }
    let tenant = create_tenant(store, clock, "default", false).await?;
    let made = create_key(
        store,
        clock,
        &tenant,
        [Scope::Admin].into_iter().collect(),
        Reach::default(),
    )
    .await?;
    Ok(Some(made.key))
}

/// The service while it runs.
pub struct Running {
    scheme: &'static str,
    address: SocketAddr,
    store: Store,
    service: Service,
    handle: ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
    beside: JoinSet<()>,
    workers: [JoinHandle<()>; 3],
    signals: Signals,
}

impl Running {
    /// Serves on a listener.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub fn start(service: Service, listener: TcpListener, options: app::Options) -> Result<Self, Failure> {
        let address = listener.local_addr()?;
        // Whoever is told that it listens may tell it to stop.
        let signals = Signals::new()?;
        let metrics = record_metrics();
        let (store, clock) = (service.recorder.store().clone(), service.clock.clone());
        let mut beside = JoinSet::new();
        if let Some(metrics) = metrics.clone() {
            beside.spawn(keep_up(metrics));
        }
        beside.spawn(purge(store.clone(), clock));
        beside.spawn(sweep(store.clone()));
        beside.spawn(derive_anew(service.recorder.clone()));
        let scheme = if let Some(tls) = options.tls.clone() {
            beside.spawn(keep_certified(tls)?);
            "https"
        } else {
            "http"
        };
        let workers = [
            tokio::spawn(TimeWorker::new(&service).run()),
            tokio::spawn(RetentionWorker::new(&service).run()),
            tokio::spawn(WebhookWorker::new(&service).run()),
        ];
        let server = app::run(service.clone(), listener, app::Options { metrics, ..options })?;
        let handle = server.handle();
        Ok(Self {
            scheme,
            address,
            store,
            service,
            handle,
            server: tokio::spawn(server),
            beside,
            workers,
            signals,
        })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Serves until the process is told to stop, by SIGTERM or SIGINT, and then stops: after so long, in which it is not
    /// ready and serves all the same, or when it is told again.
    ///
    /// # Errors
    /// When the server ends by itself.
    pub async fn until_told(mut self, drain: Duration) -> Result<(), Failure> {
        tokio::select! {
            signal = self.signals.heard() => {
                tracing::info!(signal = signal?, "stopping");
                self.service.leaving.store(true, Ordering::Relaxed);
                tokio::select! {
                    () = tokio::time::sleep(drain) => {}
                    again = self.signals.heard() => { again?; }
                }
                self.stop().await;
                Ok(())
            }
            ended = &mut self.server => {
                self.stop().await;
                let ended = ended.map_err(|_| Failure::Refused("the server ended by itself".to_owned()))?;
                Ok(ended?)
            }
        }
    }

    /// Takes no more requests, finishes those that are under way, and writes what they left in the queue.
    pub async fn stop(mut self) {
        self.service.stop_waiting();
        if tokio::time::timeout(FINISH, self.handle.stop(true)).await.is_err() {
            tracing::warn!("some requests did not finish in time");
        }
        // They finish what they have begun, and give their leases back.
        if tokio::time::timeout(CLOSE, join_all(&mut self.workers)).await.is_err() {
            self.workers.iter().for_each(JoinHandle::abort);
        }
        self.beside.shutdown().await;
        if tokio::time::timeout(CLOSE, self.store.close()).await.is_err() {
            tracing::warn!("some connections did not close in time");
        }
        tracing::info!("stopped");
    }
}

/// What tells the process to stop, heard from the moment on in which this is made.
#[cfg(unix)]
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn heard(&mut self) -> std::io::Result<&'static str> {
        tokio::select! {
            _ = self.terminate.recv() => Ok("SIGTERM"),
            _ = self.interrupt.recv() => Ok("SIGINT"),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn heard(&mut self) -> std::io::Result<&'static str> {
        tokio::signal::ctrl_c().await.map(|()| "Ctrl-C")
    }
}

/// Shows the newest certificate: SIGHUP has its files read again at once.
#[cfg(unix)]
fn keep_certified(tls: Arc<Tls>) -> std::io::Result<impl Future<Output = ()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tls.keep_fresh(async move || {
        hangup.recv().await;
    }))
}

#[cfg(not(unix))]
fn keep_certified(tls: Arc<Tls>) -> std::io::Result<impl Future<Output = ()>> {
    Ok(tls.keep_fresh(async || std::future::pending().await))
}

/// Begins to count and measure. None where somebody in this process does so already.
fn record_metrics() -> Option<PrometheusHandle> {
    let seconds = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ];
    let sizes = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &sizes));
    builder.and_then(PrometheusBuilder::install_recorder).ok()
}

/// What was measured is put into its buckets from time to time, also where nobody asks for it.
async fn keep_up(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        metrics.run_upkeep();
    }
}

/// Takes idempotency keys away whose time is over, and deliveries that were over long ago.
async fn purge(store: Store, clock: Clock) {
    loop {
        if let Err(error) = store.deliveries_purge((clock.now() - LISTED).as_microsecond()).await {
            tracing::warn!(%error, "deliveries could not be purged");
        }
        match store.idempotency_purge((clock.now() - KEPT).as_microsecond()).await {
            Ok(0) => {}
            Ok(purged) => tracing::info!(purged, "idempotency keys have aged out"),
            Err(error) => tracing::warn!(%error, "idempotency keys could not be purged"),
        }
        tokio::time::sleep(HOUR).await;
    }
}

/// Erases again what was erased and has come back: by a database that was brought back, or by a crash between the two.
/// Opening the store has done it once.
async fn sweep(store: Store) {
    loop {
        tokio::time::sleep(HOUR).await;
        if let Err(error) = store.sweep().await {
            tracing::warn!(%error, "whether all that was erased is gone could not be looked up");
        }
    }
}

/// Derives anew what an earlier release derived otherwise.
async fn derive_anew(recorder: Recorder) {
    let all = async {
        let mut all = Rebuilt::default();
        for tenant in recorder.store().tenants().await? {
            let Rebuilt { candidates, failed } = recorder.rebuild_outdated(tenant.id).await?;
            all.candidates += candidates;
            all.failed += failed;
        }
        Ok::<Rebuilt, StoreError>(all)
    };
    match all.await {
        Ok(Rebuilt {
            candidates: 0,
            failed: 0,
        }) => {}
        Ok(Rebuilt { candidates, failed }) => {
            tracing::info!(candidates, failed, "rows of an earlier release are derived anew");
        }
        Err(error) => tracing::error!(%error, "rows of an earlier release wait for the next start to be derived anew"),
    }
}
