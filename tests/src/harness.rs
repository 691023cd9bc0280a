//! The stage: a server in process on a free port, over one store per kind that all stories share, and a tenant, a
//! clock and an admin key of each story's own. So stories run at once and cannot see one another. When a story is
//! told, everything stored for its tenant must be what its log says.
//!
//! A story is an `async fn(World)`, named in `stories![…]`, which tells it on SQLite and on PostgreSQL.

use std::{
    cell::RefCell,
    ops::Deref,
    sync::{
        LazyLock,
        atomic::{AtomicI64, Ordering},
    },
};

use actix_web::dev::ServerHandle;
use afterword::{
    app,
    edge::{api_key::ApiKey, clock::Clock},
    mail::Post,
    outgoing::Outgoing,
    retention::RetentionWorker,
    service::Service,
    time_worker::TimeWorker,
};
use afterword_store::{
    ApiKeyRow, Place, Recorder, Store, StoreOptions, TenantId, Told,
    testing::{PrivatePostgres, sweep},
};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    runtime::Runtime,
    sync::OnceCell,
    task::{JoinHandle, block_in_place},
};
use uuid::Uuid;

use crate::{client::Client, mail};

/// Tells each story on both stores: `stories![a_request_is_answered]` makes the tests `a_request_is_answered::sqlite`
/// and `a_request_is_answered::postgres`.
#[macro_export]
macro_rules! stories {
    ($($story:ident),* $(,)?) => {$(
        mod $story {
            #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn sqlite() {
                $crate::harness::tell($crate::harness::Kind::Sqlite, super::$story).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn postgres() {
                $crate::harness::tell($crate::harness::Kind::Postgres, super::$story).await;
            }
        }
    )*};
}

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// When every story begins, unless it says otherwise: Monday, nine o'clock in Berlin, in winter.
pub const BEGINNING: &str = "2026-03-02T09:00:00+01:00";

/// Servers and stores outlive the tests that start them, whose own runtimes end with them.
static BEHIND: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
});

/// Does something on the runtime that stays.
pub fn behind<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    BEHIND.spawn(work)
}

/// A tenant of its own with an admin key, and a server. It is the admin's client too.
pub struct World {
    pub kind: Kind,
    /// Where the store is.
    pub options: StoreOptions,
    pub store: Store,
    pub tenant: TenantId,
    /// It stands still until it is moved.
    pub clock: Clock,
    /// Whether it is a test tenant.
    test: bool,
    admin: Client,
}

impl Deref for World {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.admin
    }
}

/// Tells a story on one store, and verifies what it left.
pub async fn tell<F: Future<Output = ()>>(kind: Kind, story: impl FnOnce(World) -> F) {
    if let Some((options, store)) = shared(kind).await {
        tell_on(kind, options, store, story).await;
    }
}

/// Tells a story on a store of its own, since others would not go on beside it.
pub async fn tell_alone<F: Future<Output = ()>>(kind: Kind, story: impl FnOnce(World) -> F) {
    if let Some(options) = options(kind).await {
        let store = open(options.clone()).await;
        tell_on(kind, options, store, story).await;
    }
}

async fn tell_on<F: Future<Output = ()>>(
    kind: Kind,
    options: StoreOptions,
    store: Store,
    story: impl FnOnce(World) -> F,
) {
    let clock = Clock::fixed(moment(BEGINNING));
    let (tenant, servers) = SERVERS
        .scope(RefCell::default(), async {
            let world = World::new(kind, options, store.clone(), clock).await;
            let tenant = world.tenant;
            story(world).await;
            (tenant, SERVERS.with(RefCell::take))
        })
        .await;
    for server in servers {
        behind(async move { server.stop(false).await }).await.expect("stopped");
    }
    assert_eq!(
        verify(&store, tenant).await,
        Vec::<Told>::new(),
        "what is stored is not what the log says"
    );
}

/// What differs between a tenant's log and all that is stored beside it.
pub async fn verify(store: &Store, tenant: TenantId) -> Vec<Told> {
    let recorder = Recorder::new(store.clone());
    let verifying = behind(async move {
        let mut told = Vec::new();
        let verified = recorder
            .verify(tenant, |it| told.push(it))
            .await
            .expect("the store answers");
        told.retain(|it| matches!(it, Told::Difference { .. }));
        assert_eq!(told.len() as u64, verified.differences);
        told
    });
    verifying.await.expect("verified")
}

impl World {
    /// A tenant, a key and a server over a store.
    pub async fn new(kind: Kind, options: StoreOptions, store: Store, clock: Clock) -> Self {
        Self::make(kind, options, store, clock, false).await
    }

    async fn make(kind: Kind, options: StoreOptions, store: Store, clock: Clock, test: bool) -> Self {
        static TENANTS: AtomicI64 = AtomicI64::new(1000);
        let tenant = TenantId(TENANTS.fetch_add(1, Ordering::Relaxed));
        let (made, at) = (store.clone(), clock.now().as_microsecond());
        let create = async move {
            made.tenant_create(tenant, &format!("story-{}", tenant.0), test, at)
                .await
        };
        behind(create).await.expect("done").expect("a tenant");
        let base = serve(service(store.clone(), clock.clone()), app::Options::default());
        let admin = Client::new(base, String::new());
        let mut world = Self {
            kind,
            options,
            store,
            tenant,
            clock,
            test,
            admin,
        };
        world.admin = world.client("admin", None, None).await;
        world
    }

    /// Another tenant of the same store, under the same clock.
    pub async fn neighbour(&self) -> Self {
        Self::new(self.kind, self.options.clone(), self.store.clone(), self.clock.clone()).await
    }

    /// A test tenant of the same store, whose clock is set to the beginning.
    pub async fn on_a_test_clock(&self) -> Self {
        let world = Self::make(
            self.kind,
            self.options.clone(),
            self.store.clone(),
            self.clock.clone(),
            true,
        )
        .await;
        world
            .post("/v1/test-clock", serde_json::json!({"now": BEGINNING}))
            .await
            .is(200);
        world
    }

    /// A client with a key of its own, made in the store: scopes with blanks between, bound to a candidate or a group.
    pub async fn client(&self, scopes: &str, candidate: Option<Uuid>, group: Option<&str>) -> Client {
        let key = ApiKey::generate(self.tenant.0, self.test).expect("a key");
        let row = ApiKeyRow {
            key_id: Uuid::now_v7(),
            hash: key.hash().to_vec(),
            scopes: scopes.to_owned(),
            name: None,
            candidate,
            group: group.map(ToOwned::to_owned),
            created_at: self.clock.now().as_microsecond(),
            expires_at: None,
            revoked_at: None,
        };
        let (store, tenant) = (self.store.clone(), self.tenant);
        behind(async move { store.api_key_put(tenant, &row).await })
            .await
            .expect("done")
            .expect("a key is kept");
        Client::new(self.admin.base().to_owned(), key.expose().to_owned())
    }

    /// Another server over the same store, with the admin's key: another instance, or other options.
    pub fn another(&self, clock: Clock, options: app::Options) -> Client {
        let base = serve(service(self.store.clone(), clock), options);
        Client::new(base, self.admin.key().to_owned())
    }

    /// Another server over the same store, which reaches no private networks.
    pub fn strict(&self) -> Client {
        let service = Service::new(self.store.clone(), self.clock.clone());
        Client::new(serve(service, app::Options::default()), self.admin.key().to_owned())
    }

    /// The last place in the tenant's log.
    pub async fn head(&self) -> i64 {
        let (store, tenant) = (self.store.clone(), self.tenant);
        behind(async move { store.head_position(tenant).await })
            .await
            .expect("done")
            .expect("the store answers")
    }

    /// Whoever sees to time has a turn, by this tenant's clock and with this tenant alone: others share the store.
    pub async fn time_is_looked_at(&self) {
        let (service, tenant) = (Service::new(self.store.clone(), self.clock.clone()), self.tenant);
        let looking = behind(async move {
            let tenants = service.recorder.store().tenants().await?;
            let tenant = tenants.iter().find(|it| it.id == tenant).expect("this tenant");
            TimeWorker::new(&service).round_of(tenant).await?;
            RetentionWorker::new(&service).round_of(tenant).await
        });
        looking.await.expect("done").expect("the store answers");
    }

    /// Moves the clock to a moment. It never runs backwards.
    pub fn at(&self, text: &str) {
        let by = moment(text).duration_since(self.clock.now());
        assert!(by >= SignedDuration::ZERO, "{text} is past");
        self.clock.advance(by);
    }
}

/// A service whose letters may go to the stories' own mail servers.
fn service(store: Store, clock: Clock) -> Service {
    static POST: LazyLock<Post> = LazyLock::new(|| {
        Post::new(Outgoing::new(true))
            .with_patience(mail::PATIENCE)
            .trusting([mail::server::authority()])
    });
    Service::new(store, clock).with_mail(POST.clone())
}

tokio::task_local! {
    /// The servers of the story that is being told: they are stopped when it is.
    static SERVERS: RefCell<Vec<ServerHandle>>;
}

/// Starts a server, which stays until the story is told, and gives its address.
pub fn serve(service: Service, options: app::Options) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("its address"));
    let options = app::Options {
        workers: options.workers.or(Some(1)),
        ..options
    };
    let _within = BEHIND.enter();
    let server = app::run(service, listener, options).expect("a server");
    SERVERS
        .try_with(|servers| servers.borrow_mut().push(server.handle()))
        .ok();
    BEHIND.spawn(server);
    base
}

/// The one store of a kind, and where it is; none where there is no PostgreSQL, which says so loudly.
pub async fn shared(kind: Kind) -> Option<(StoreOptions, Store)> {
    static SQLITE: OnceCell<Option<(StoreOptions, Store)>> = OnceCell::const_new();
    static POSTGRES: OnceCell<Option<(StoreOptions, Store)>> = OnceCell::const_new();
    let cell = if kind == Kind::Sqlite { &SQLITE } else { &POSTGRES };
    let open = async || {
        let options = options(kind).await?;
        Some((options.clone(), open(options).await))
    };
    cell.get_or_init(open).await.clone()
}

/// Opens a store, on the runtime that stays.
pub async fn open(options: StoreOptions) -> Store {
    let opening = BEHIND.spawn_blocking(move || {
        BEHIND.block_on(async {
            Store::migrate(&options).await.expect("a schema");
            Store::open(&options).await.expect("a store")
        })
    });
    opening.await.expect("opened")
}

/// Where a fresh store of a kind can be.
pub async fn options(kind: Kind) -> Option<StoreOptions> {
    // Those of this process are left to the next one: some are in use until it ends.
    static SWEPT: LazyLock<()> = LazyLock::new(|| sweep(FOLDER));
    LazyLock::force(&SWEPT);
    let folder = tempfile::Builder::new()
        .prefix(&format!("{FOLDER}{}-", std::process::id()))
        .tempdir()
        .expect("a folder")
        .keep();
    match kind {
        Kind::Sqlite => Some(StoreOptions {
            place: Place::Folder(folder),
            keys_url: None,
            master_key_file: None,
        }),
        Kind::Postgres => {
            let postgres = block_in_place(PrivatePostgres::shared)?;
            let url = postgres.fresh_database().await;
            Some(StoreOptions {
                place: Place::Postgres(url),
                keys_url: None,
                master_key_file: Some(folder.join("master.key")),
            })
        }
    }
}

/// Folders of stories begin so, then the id of the process that made them.
const FOLDER: &str = "afterword-stories-";

/// A moment as a story writes it.
pub fn moment(text: &str) -> Timestamp {
    text.parse().expect("a moment with its offset")
}
