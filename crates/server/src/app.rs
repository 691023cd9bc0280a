//! The service as an HTTP server: what every request passes through, and what is served beside the API.

use std::{
    net::TcpListener,
    sync::{Arc, LazyLock, atomic::Ordering},
    time::Duration,
};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::Server,
    http::header,
    middleware::{Compress, from_fn},
    web,
};
use bytes::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::Value;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    api::Api,
    edge::{
        codes::Code,
        connection::{self, Connection},
        cors::Origins,
        keys::Authenticator,
        middleware::{Edge, edge},
        pages,
        problem::Problem,
        rate_limit::{Rate, RateLimits},
        routes::fallback,
        sockets,
        tls::Tls,
    },
    openapi::document,
    service::{Service, Shared, unavailable},
};

/// How the server runs.
#[derive(Default)]
pub struct Options {
    /// How many requests a key may make; none: any number.
    pub rate: Option<Rate>,
    /// What renders `/metrics`; none: there is no such page.
    pub metrics: Option<PrometheusHandle>,
    /// How many threads serve requests; none: one per processor.
    pub workers: Option<usize>,
    /// Which web pages of other origins may read answers; none, unless they are named.
    pub origins: Origins,
    /// HTTPS instead of HTTP.
    pub tls: Option<Arc<Tls>>,
    /// How many connections each of them holds; none: as many as the system allows.
    pub connections: Option<usize>,
    /// How long a connection may carry no request; none: as long as it takes to be silent and to begin one.
    pub at_rest: Option<Duration>,
}

/// How long requests in flight have after the server was told to stop.
const SHUTDOWN: u64 = 22;

/// Every endpoint, once for all servers of a process and all their workers.
static API: LazyLock<Api> = LazyLock::new(Api::of_the_mission);
/// The OpenAPI document as it is served: some megabytes, and ten times that as JSON in memory.
static CONTRACT: LazyLock<Bytes> = LazyLock::new(|| serde_json::to_vec(&openapi()).unwrap_or_default().into());

/// The OpenAPI document.
pub fn openapi() -> Value {
    document(&mut Api::of_the_mission())
}

/// Serves on a listener until stopped.
///
/// # Errors
/// When the listener cannot be used.
pub fn run(service: Service, listener: TcpListener, options: Options) -> std::io::Result<Server> {
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let address = listener
        .local_addr()
        .map(|at| format!("{scheme}://{at}"))
        .unwrap_or_default();
    tracing::info!(%address, "listening");
    let clock = service.clock.clone();
    let authenticator = web::Data::new(Authenticator::new(Arc::new(service.clone()), clock.clone()));
    let limits = options.rate.map(|rate| web::Data::new(RateLimits::new(rate)));
    let edge_of = web::Data::new(Edge {
        clock,
        base: String::new(),
        origins: Arc::new(options.origins),
        tls: options.tls.is_some(),
        leaving: Arc::clone(&service.leaving),
    });
    let methods = web::Data::new(API.methods());
    let (turns, room) = (
        web::Data::new(service.turns.clone()),
        web::Data::new(service.room.clone()),
    );
    let service = web::Data::new(service);
    let metrics = options.metrics;
    let server = HttpServer::new(move || {
        let mut app = App::new()
            .app_data(service.clone())
            .app_data(authenticator.clone())
            .app_data(edge_of.clone())
            .app_data(methods.clone())
            .app_data(turns.clone())
            .app_data(room.clone())
            .wrap(from_fn(edge))
            .wrap(Compress::default())
            .configure(pages::configure)
            .configure(|app| API.configure(app))
            .route("/healthz", web::get().to(healthy))
            .route("/readyz", web::get().to(ready))
            .route("/openapi.json", web::get().to(contract))
            .service(SwaggerUi::new("/docs/{_:.*}").config(Config::from("/openapi.json")))
            .route(
                "/docs",
                web::get().to(|| async {
                    HttpResponse::TemporaryRedirect()
                        .insert_header((header::LOCATION, "/docs/"))
                        .finish()
                }),
            )
            .default_service(web::to(fallback));
        if let Some(limits) = &limits {
            app = app.app_data(limits.clone());
        }
        if let Some(metrics) = &metrics {
            let metrics = metrics.clone();
            app = app.route(
                "/metrics",
                web::get().to(move || {
                    let text = metrics.render();
                    async move { HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text) }
                }),
            );
        }
        app
    });
    let workers = options.workers.unwrap_or_else(processors);
    let connections = options.connections.unwrap_or_else(|| sockets::connections(workers));
    let at_rest = options.at_rest.unwrap_or(connection::AT_REST);
    let server = server
        .workers(workers)
        .max_connections(connections)
        .client_request_timeout(sockets::HEADERS)
        .client_disconnect_timeout(sockets::GOODBYE)
        .keep_alive(sockets::IDLE)
        .on_connect(move |accepted, data| {
            data.insert(Connection::of(accepted, at_rest));
        })
        .shutdown_timeout(SHUTDOWN)
        .disable_signals();
    let server = match options.tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls.config().map_err(std::io::Error::other)?)?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The OpenAPI document.
async fn contract() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(CONTRACT.clone())
}

/// The process lives.
async fn healthy() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "ok"}))
}

/// The store answers, and the service is not about to stop.
async fn ready(service: Shared) -> crate::reading::Answered {
    if service.leaving.load(Ordering::Relaxed) {
        let problem = Problem::new(Code::Overloaded, "The service is about to stop: ask another instance.");
        return Err(problem.header(header::RETRY_AFTER, 5.into()));
    }
    service.recorder.store().ready().await.map_err(unavailable)?;
    Ok(HttpResponse::Ok().json(serde_json::json!({"status": "ready"})))
}
