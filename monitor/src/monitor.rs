//! A running monitor: how it starts, what can be asked of it, how it stops.
//!
//! Start: lock the folder, establish and claim the identity, recover the log,
//! listen. Stop, in this order: accept no more, read what has been received,
//! commit it, tell the clients, end the writer, upload once more, write the
//! last status; every task is awaited.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use log::{Identity, Snapshot, Writer};
use schema::{Incarnation, Micros, Position};
use storage::layout::{DataFolder, Role};
use storage::{Clock, Disk, DiskLock, Store};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::budget::Budget;
use crate::buffer::{Buffer, Limits};
use crate::clients::Clients;
use crate::committer::{Committer, Progress};
use crate::error::MonitorError;
use crate::health::Health;
use crate::ingest::Ingest;
use crate::intake::Intakes;
use crate::listener::listen;
use crate::options::Options;
use crate::quarantine::Quarantine;
use crate::retire::{FindCovered, Retirement};
use crate::rows::OpenRows;
use crate::services::Services;
use crate::status::Reporter;
use crate::upkeep::Upkeep;
use crate::uploader::{Uploaded, Uploader};

/// How long a drain waits for connections: for bytes received to find room, and
/// for clients to take their last answers.
const DRAIN: Duration = Duration::from_secs(5);

/// A monitor that runs.
#[derive(Debug)]
pub struct Monitor {
    address: SocketAddr,
    identity: Identity,
    buffer: Arc<Buffer>,
    progress: watch::Receiver<Progress>,
    uploaded: watch::Receiver<Uploaded>,
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
        let started = Started::recover(&options, &world).await?;
        let listener = TcpListener::bind(options.listen_address).await;
        let listen = |source| MonitorError::Listen { address: options.listen_address, source };
        let listener = listener.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let identity = started.identity.clone();
        let buffer = Arc::clone(&started.buffer);
        let progress = watch::Sender::new(started.progress());
        let uploaded = watch::Sender::new(Uploaded::default());
        let monitor = Self {
            address,
            identity,
            buffer,
            progress: progress.subscribe(),
            uploaded: uploaded.subscribe(),
            done: tokio::spawn(started.run(options, world, listener, progress, uploaded, stop)),
        };
        Ok(monitor)
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

/// A monitor whose log is recovered and that does not listen yet.
struct Started {
    _lock: DiskLock,
    folder: DataFolder,
    identity: Identity,
    writer: Writer,
    services: Arc<Services>,
    rows: OpenRows,
    buffer: Arc<Buffer>,
}

impl Started {
    async fn recover(options: &Options, world: &World) -> Result<Self, MonitorError> {
        let folder = DataFolder::new(&options.data);
        let disk = &*world.disk;
        disk.create_folders(folder.path())?;
        let path = folder.lock(Role::Monitor);
        let lock = disk.lock(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => MonitorError::Locked { path },
            _ => error.into(),
        })?;
        let random = Incarnation::new(rand::random());
        let identity = Identity::establish(disk, &folder, &options.id, random)?;
        let now = world.clock.now();
        if !identity.has_started(disk, &folder)? {
            log::claim(&*world.store, &identity, now).await?;
        }
        let log_options = log::Options { log_bytes: options.log_bytes, metrics: options.metrics.clone() };
        let (mut writer, recovery) =
            Writer::open(Arc::clone(&world.disk), folder.clone(), &identity, log_options, now)?;
        if recovery.dropped_bytes > 0 || recovery.derived_queue {
            tracing::info!(?recovery, "recovered");
        }
        let services = Services::new(writer.state().services().iter().cloned(), options.accept_services);
        let rows = match Snapshot::read(disk, &folder, None)? {
            Some(snapshot) => OpenRows::recount(disk, &snapshot, &options.metrics, &services)?,
            None => Some(OpenRows::default()),
        };
        let rows = match rows {
            Some(rows) => rows,
            None => {
                writer.rotate(now).map_err(MonitorError::Commit)?;
                OpenRows::default()
            }
        };
        let services = Arc::new(services);
        let clients = writer.state().clients().iter().map(|(id, count)| (id.clone(), *count));
        let buffer = Arc::new(Buffer::new(
            Limits::of(options),
            Clients::new(clients, options.clients_max),
            Arc::clone(&services),
        ));
        Ok(Self { _lock: lock, folder, identity, writer, services, rows, buffer })
    }

    fn progress(&self) -> Progress {
        Progress::of(&self.writer, self.rows.count())
    }

    /// Runs every task, and stops them in order.
    async fn run(
        self,
        options: Options,
        world: World,
        listener: TcpListener,
        progress: watch::Sender<Progress>,
        uploaded: watch::Sender<Uploaded>,
        stop: CancellationToken,
    ) -> Result<(), MonitorError> {
        let Self { _lock, folder, identity, writer, services, rows, buffer } = self;
        let (drain, abort, committed, stopped) =
            (stop.child_token(), CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        let address = listener.local_addr().unwrap_or(options.listen_address);
        let health = Arc::new(Health::new(Arc::clone(&buffer)));
        let connections = TaskTracker::new();
        let ingest = Arc::new(Ingest {
            buffer: Arc::clone(&buffer),
            intakes: Intakes::new(options.metrics, Arc::clone(&services)),
            budget: Budget::new(options.listen_bytes, options.listen_connections),
            connections: options.listen_connections,
            clock: Arc::clone(&world.clock),
            future: options.accept_future,
            monitor: identity.id.clone(),
            incarnation: identity.incarnation,
            drain: drain.clone(),
            abort: abort.clone(),
        });
        let reporter = Reporter {
            disk: Arc::clone(&world.disk),
            folder: folder.clone(),
            address,
            ingest: Arc::clone(&ingest),
            services,
            connections: connections.clone(),
            progress: progress.subscribe(),
            reasons: health.reasons(),
            uploaded: uploaded.subscribe(),
        };
        let upkeep = Upkeep {
            uploader: Uploader::new(
                Arc::clone(&world.store),
                Arc::clone(&world.disk),
                folder.clone(),
                identity.id.clone(),
                options.upload_bytes,
            ),
            retirement: Retirement::new(
                world.store,
                Arc::clone(&world.disk),
                folder.clone(),
                identity.id,
                identity.incarnation,
                options.views_grace,
            ),
            find_covered: world.find_covered,
            health: Arc::clone(&health),
            clock: Arc::clone(&world.clock),
            progress: progress.subscribe(),
            uploaded,
            every: options.upload_every,
            bytes: options.upload_bytes,
        };
        let committer = Committer {
            writer,
            buffer: Arc::clone(&buffer),
            health,
            clock: world.clock,
            quarantine: Quarantine::new(Arc::clone(&world.disk), folder.clone(), options.quarantine_bytes),
            disk: world.disk,
            folder,
            rows,
            progress,
            reserve: options.disk_reserve,
            realtime_rows: options.realtime_rows,
        };

        let mut committer = committer.spawn()?;
        let reporter = tokio::spawn(reporter.run(stopped.clone()));
        let upkeep = tokio::spawn(upkeep.run(committed.clone()));
        let listening = tokio::spawn(listen(listener, ingest, connections.clone()));

        let failed = tokio::select! {
            () = drain.cancelled() => None,
            ended = &mut committer => Some(ended),
        };
        drain.cancel();
        let listening = listening.await;
        connections.close();
        if failed.is_some() || tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
            abort.cancel();
            connections.wait().await;
        }
        buffer.close();
        let ended = match failed {
            Some(ended) => ended,
            None => committer.await,
        };
        buffer.abandon();
        committed.cancel();
        let upkeep = upkeep.await;
        stopped.cancel();
        let reporter = reporter.await;
        let task = |task| move |source| MonitorError::Task { task, source };
        // A thread that gives no answer has panicked.
        ended.unwrap_or(Err(MonitorError::Panicked))?;
        listening.map_err(task("listener"))?;
        upkeep.map_err(task("upkeep"))?;
        reporter.map_err(task("status"))
    }
}
