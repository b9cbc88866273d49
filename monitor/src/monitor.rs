//! A running monitor, as its process sees it: how it is started and stopped,
//! and what can be asked of it meanwhile. Owns the tasks' joint end; how they
//! are wired is in `tasks`.

use std::net::SocketAddr;
use std::sync::Arc;

use log::Identity;
use prometheus_client::registry::Registry;
use schema::{Micros, Position};
use storage::{Clock, Disk, Store};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::buffer::Buffer;
use crate::committer::Progress;
use crate::error::MonitorError;
use crate::gauges::Gauges;
use crate::health::Blocked;
use crate::instruments::Instruments;
use crate::options::Options;
use crate::recovered::Recovered;
use crate::retire::FindCovered;
use crate::submit::Submitter;
use crate::tasks::Tasks;
use crate::uploader::Uploaded;

/// A monitor that runs.
#[derive(Debug)]
pub struct Monitor {
    address: SocketAddr,
    identity: Identity,
    buffer: Arc<Buffer>,
    submitter: Submitter,
    progress: watch::Receiver<Progress>,
    uploaded: watch::Receiver<Uploaded>,
    blocked: Blocked,
    instruments: Instruments,
    gauges: Gauges,
    done: JoinHandle<Result<(), MonitorError>>,
}

/// What lies outside a monitor and comes in as arguments.
#[derive(Clone)]
pub struct World {
    /// Carries the data folder.
    pub disk: Arc<dyn Disk>,
    /// Shared with all others.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What the newest manifest covers of this monitor.
    pub find_covered: FindCovered,
    /// What it counts and times.
    pub instruments: Instruments,
}

impl Monitor {
    /// Starts a monitor; when this returns it is listening and everything
    /// recovered is durable. It stops when `stop` is cancelled.
    ///
    /// # Errors
    /// [`MonitorError::Locked`], [`MonitorError::Log`] when the identity is not
    /// ours or the log is not intact, [`MonitorError::Listen`],
    /// [`MonitorError::Disk`].
    pub async fn start(options: Options, world: World, stop: CancellationToken) -> Result<Self, MonitorError> {
        let recovered = Recovered::open(&options, &world).await?;
        let listener = TcpListener::bind(options.listen_address).await;
        let listen = |source| MonitorError::Listen { address: options.listen_address, source };
        let listener = listener.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let identity = recovered.identity.clone();
        let buffer = Arc::clone(&recovered.buffer);
        let instruments = world.instruments.clone();
        let tasks = Tasks::spawn(options, world, recovered, listener, address)?;
        let (progress, uploaded) = (tasks.progress.clone(), tasks.uploaded.clone());
        let (blocked, gauges, submitter) = (tasks.blocked(), tasks.gauges.clone(), tasks.submitter.clone());
        let done = tokio::spawn(tasks.run(stop));
        Ok(Self { address, identity, buffer, submitter, progress, uploaded, blocked, instruments, gauges, done })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How far it has come; changes with every commit and rotation.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// How far the store is; changes with every upload.
    pub fn uploaded(&self) -> watch::Receiver<Uploaded> {
        self.uploaded.clone()
    }

    /// Why it takes nothing in at present, if so.
    pub fn blocked(&self) -> Blocked {
        self.blocked.clone()
    }

    /// Has `registry` tell what it counts, times, and is.
    pub fn register(&self, registry: &mut Registry) {
        self.instruments.register(registry);
        registry.register_collector(Box::new(self.gauges.clone()));
    }

    /// Something that takes lines in which do not come over a connection.
    pub fn submitter(&self) -> Submitter {
        self.submitter.clone()
    }

    /// Something that rotates this monitor, to be called at each tick, for
    /// whoever outlives a borrow of it.
    pub fn rotator(&self) -> Rotator {
        Rotator { buffer: Arc::clone(&self.buffer) }
    }

    /// Closes the open generation between two commits and opens the next; says
    /// the cut between them.
    ///
    /// # Errors
    /// [`MonitorError::Stopped`].
    pub async fn rotate(&self, tick: Micros) -> Result<Position, MonitorError> {
        self.rotator().rotate(tick).await
    }

    /// Waits until it has stopped: because it was told to, with everything
    /// received durable and acknowledged, or because it cannot go on.
    ///
    /// # Errors
    /// [`MonitorError::Commit`]: start again to recover.
    /// [`MonitorError::Unwritten`]: it was told to stop while the disk was
    /// full. [`MonitorError::Task`].
    pub async fn wait(self) -> Result<(), MonitorError> {
        self.done.await.map_err(|source| MonitorError::Task { task: "monitor", source })?
    }
}

/// Rotates a monitor; see [`Monitor::rotate`].
#[derive(Debug, Clone)]
pub struct Rotator {
    buffer: Arc<Buffer>,
}

impl Rotator {
    /// Closes the open generation; says the cut.
    ///
    /// # Errors
    /// [`MonitorError::Stopped`].
    pub async fn rotate(&self, tick: Micros) -> Result<Position, MonitorError> {
        self.buffer.rotate(tick).await.map_err(|_| MonitorError::Stopped)
    }
}
