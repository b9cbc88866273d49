//! The server: routes, who computes, and how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use access::{Access, Tls};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use storage::{Clock, Store};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use views::Reader;

use crate::api::messages::Bodies;
use crate::authority::Authority;
use crate::compression::compressed;
use crate::connections::{self, Entrance, Limits};
use crate::health::Readiness;
use crate::ingest::Ingest;
use crate::login;
use crate::metrics::{self, Metrics};
use crate::openapi;
use crate::operations::Operations;
use crate::pages::{self, Live};
use crate::problem::Problem;
use crate::prometheus;
use crate::rate::Rate;

/// Answers computed at once for each core: one reads while another counts.
const EACH_CORE: usize = 2;

/// Bytes of a request's body, where a route of its own says nothing else.
const BODY_BYTES: usize = 64 << 10;

/// Why it does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A dashboard that listens.
#[derive(Debug)]
pub struct Dashboard {
    listener: TcpListener,
    address: SocketAddr,
}

/// What lies outside a dashboard and comes in as arguments. Cheap to clone.
#[derive(Clone, Debug)]
pub struct World {
    /// What answers are computed from.
    pub reader: Reader,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where the manifest in force is read.
    pub store: Arc<dyn Store>,
    /// What is known of the machine that serves.
    pub operations: Arc<dyn Operations>,
    /// What this process counts and times.
    pub metrics: Metrics,
    /// Whether its roles can do their job.
    pub readiness: Arc<dyn Readiness>,
    /// What takes messages in, if this process does.
    pub ingest: Option<Arc<dyn Ingest>>,
    /// Who may ask.
    pub access: Access,
    /// What connections are encrypted with, if they are.
    pub tls: Option<Tls>,
}

/// What every request is answered from. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) world: World,
    pub(crate) live: Live,
    pub(crate) bodies: Bodies,
    /// Whose turn it is to look whether the roles are ready.
    pub(crate) looks: Arc<Semaphore>,
    workers: Arc<Semaphore>,
}

impl Dashboard {
    /// Listens on `address`; who connects waits until it serves.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub async fn listen(address: SocketAddr) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves from `world` until `stop`; requests that are being answered then are answered, if that is soon.
    pub async fn serve(self, world: World, limits: Limits, stop: CancellationToken) {
        let entrance =
            Entrance { access: world.access.clone(), tls: world.tls.clone(), clock: Arc::clone(&world.clock) };
        let asked = Asked::of(world, stop.clone());
        let routes = routes(asked.clone(), Rate::new(limits.rate));
        let serving = connections::serve(self.listener, routes, entrance, limits, stop);
        tokio::join!(serving, asked.live.run(&asked));
    }
}

/// Every address there is.
pub(crate) fn served() -> Router<Asked> {
    Router::new().merge(openapi::routes()).merge(prometheus::routes()).merge(pages::routes()).merge(login::routes())
}

fn routes(asked: Asked, rate: Rate) -> Router {
    let authority = Authority::new(asked.world.access.clone(), Arc::clone(&asked.world.clock), rate);
    served()
        .fallback(pages::nothing_here)
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(axum::middleware::from_fn(move |request, next| authority.clone().judge(request, next)))
        .layer(axum::middleware::from_fn(compressed))
        .layer(axum::middleware::map_response(guarded))
        .layer(axum::middleware::from_fn_with_state(asked.clone(), metrics::measure))
        .with_state(asked)
}

/// What every answer says to a browser.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Plotly tries a picture of a few bytes that it carries, to see which kinds the browser knows.
    let policy =
        "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

impl Asked {
    fn of(world: World, stop: CancellationToken) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let workers = Arc::new(Semaphore::new(cores * EACH_CORE));
        let (live, looks) = (Live::until(stop), Arc::new(Semaphore::new(1)));
        Self { world, live, bodies: Bodies::default(), looks, workers }
    }

    /// Computes on a thread of its own, when it is this one's turn; gives up when the client does.
    pub(crate) async fn compute<T, F>(&self, work: impl FnOnce(Reader) -> F + Send + 'static) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
        T: Send + 'static,
    {
        let turn = Arc::clone(&self.workers).acquire_owned().await.map_err(|_| Problem::broken())?;
        let abandoned = Abandoned::default();
        let (reader, handle) = (self.world.reader.until(Arc::clone(&abandoned.0)), Handle::current());
        let computed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            handle.block_on(work(reader))
        });
        computed.await.unwrap_or_else(|_| Err(Problem::broken()))
    }
}

/// Set once nobody waits any more: when it is dropped.
#[derive(Debug, Default)]
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
