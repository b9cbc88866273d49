//! The tasks of a monitor: who is started with what, and stopped in which order.
//!
//! Stop: accept no more, read what has been received, commit it, tell the
//! clients, end the committer, upload once more, write the last status, give
//! the lock back. Every task is awaited, also when one of them fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use schema::MonitorId;
use storage::DiskLock;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::budget::Budget;
use crate::buffer::Buffer;
use crate::committer::{Committer, Progress};
use crate::descriptors::make_room;
use crate::error::MonitorError;
use crate::gauges::Gauges;
use crate::health::{Blocked, Health};
use crate::ingest::Ingest;
use crate::intake::Intakes;
use crate::listener::listen;
use crate::monitor::World;
use crate::options::Options;
use crate::quarantine::Quarantine;
use crate::recovered::Recovered;
use crate::retire::Retirement;
use crate::room::Room;
use crate::status::Reporter;
use crate::submit::Submitter;
use crate::upkeep::Upkeep;
use crate::uploader::{Sides, Uploaded, Uploader};

/// How long a drain waits for connections: for bytes received to find room, and
/// for clients to take their last answers.
const DRAIN: Duration = Duration::from_secs(5);

/// A monitor's tasks, running.
#[derive(Debug)]
pub(crate) struct Tasks {
    /// How far the log is.
    pub(crate) progress: watch::Receiver<Progress>,
    /// How far the store is.
    pub(crate) uploaded: watch::Receiver<Uploaded>,
    /// What is told of it at a scrape.
    pub(crate) gauges: Gauges,
    /// Takes in what does not come over a connection.
    pub(crate) submitter: Submitter,
    buffer: Arc<Buffer>,
    health: Arc<Health>,
    id: MonitorId,
    drain: CancellationToken,
    /// This monitor was sealed.
    sealed: CancellationToken,
    abort: CancellationToken,
    /// Everything is durable that will be.
    committed: CancellationToken,
    /// Nothing more will change.
    stopped: CancellationToken,
    connections: TaskTracker,
    submissions: TaskTracker,
    committer: oneshot::Receiver<Result<(), MonitorError>>,
    listening: JoinHandle<()>,
    upkeep: JoinHandle<()>,
    reporter: JoinHandle<()>,
    _lock: DiskLock,
}

impl Tasks {
    /// Starts them all.
    pub(crate) fn spawn(
        options: Options,
        world: World,
        recovered: Recovered,
        listener: TcpListener,
        address: SocketAddr,
    ) -> Result<Self, MonitorError> {
        let Recovered { lock, folder, identity, writer, services, rows, buffer, held_acks } = recovered;
        let World { disk, store, clock, find_covered, instruments } = world;
        let [drain, sealed, abort, committed, stopped] = std::array::from_fn(|_| CancellationToken::new());
        let connections = TaskTracker::new();
        let most = make_room(options.listen_connections);
        let health = Arc::new(Health::new(Arc::clone(&buffer)));
        let (progress, progressed) = watch::channel(Progress::of(&writer, rows.count()));
        let (uploaded, has_uploaded) = watch::channel(Uploaded::default());
        let ingest = Arc::new(Ingest {
            buffer: Arc::clone(&buffer),
            intakes: Intakes::new(options.metrics, Arc::clone(&services)),
            budget: Budget::new(options.listen_bytes, most),
            access: options.access,
            tls: options.tls,
            connections: most,
            clock: Arc::clone(&clock),
            future: options.accept_future,
            monitor: identity.id.clone(),
            incarnation: identity.incarnation,
            drain: drain.clone(),
            sealed: sealed.clone(),
            abort: abort.clone(),
            instruments: instruments.clone(),
        });
        let gauges = Gauges {
            disk: Arc::clone(&disk),
            folder: folder.clone(),
            reserve: options.disk_reserve,
            clients_max: options.clients_max,
            ingest: Arc::clone(&ingest),
            services: Arc::clone(&services),
            connections: connections.clone(),
            progress: progressed.clone(),
            uploaded: has_uploaded.clone(),
            blocked: health.blocked(),
        };
        let submissions = TaskTracker::new();
        let submitter =
            Submitter { ingest: Arc::clone(&ingest), reasons: health.reasons(), tasks: submissions.clone() };
        let reporter = Reporter {
            disk: Arc::clone(&disk),
            folder: folder.clone(),
            address,
            ingest: Arc::clone(&ingest),
            services,
            connections: connections.clone(),
            progress: progressed.clone(),
            reasons: health.reasons(),
            uploaded: has_uploaded.clone(),
            ack_after: options.ack_after,
            room: Room::new(Arc::clone(&disk), folder.clone(), options.disk_reserve),
        };
        let (id, incarnation, k) = (identity.id.clone(), identity.incarnation, identity.k);
        let sides = Sides { store, disk: Arc::clone(&disk), folder: folder.clone(), id, incarnation, k };
        let upkeep = Upkeep {
            uploader: Uploader::new(sides.clone(), options.upload_bytes, held_acks.is_some()),
            retirement: Retirement::new(sides, options.views_grace),
            find_covered,
            held_acks: held_acks.clone(),
            sealed: sealed.clone(),
            health: Arc::clone(&health),
            clock: Arc::clone(&clock),
            progress: progressed.clone(),
            uploaded,
            retired: None,
            every: options.upload_every,
            bytes: options.upload_bytes,
            instruments: instruments.clone(),
        };
        let committer = Committer {
            writer,
            buffer: Arc::clone(&buffer),
            held_acks,
            health: Arc::clone(&health),
            clock,
            quarantine: Quarantine::new(Arc::clone(&disk), folder.clone(), options.quarantine_bytes),
            disk,
            folder,
            rows,
            progress,
            reserve: options.disk_reserve,
            realtime_rows: options.realtime_rows,
            instruments,
        };
        Ok(Self {
            progress: progressed,
            uploaded: has_uploaded,
            gauges,
            submitter,
            buffer,
            health,
            committer: committer.spawn()?,
            reporter: tokio::spawn(reporter.run(stopped.clone())),
            upkeep: tokio::spawn(upkeep.run(committed.clone())),
            listening: tokio::spawn(listen(listener, ingest, connections.clone())),
            connections,
            submissions,
            id: identity.id,
            drain,
            sealed,
            abort,
            committed,
            stopped,
            _lock: lock,
        })
    }

    /// Why nothing is taken in at present.
    pub(crate) fn blocked(&self) -> Blocked {
        self.health.blocked()
    }

    /// Waits until `stop` is cancelled, the committer fails, the upkeep panics, or
    /// this monitor turns out to be sealed, and stops them all, in order.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), MonitorError> {
        let mut upkeep = None;
        let failed = tokio::select! {
            () = stop.cancelled() => None,
            () = self.sealed.cancelled() => None,
            ended = &mut self.committer => Some(ended),
            ended = &mut self.upkeep => {
                upkeep = Some(ended);
                None
            }
        };
        self.drain.cancel();
        let listening = self.listening.await;
        self.connections.close();
        self.submissions.close();
        // Where nothing can become durable, there is nothing to wait for but that the clients are told.
        let blocked = self.health.reasons().borrow().any().is_some() && !self.sealed.is_cancelled();
        let hopeless = failed.is_some() || blocked;
        let taken = async || tokio::join!(self.connections.wait(), self.submissions.wait());
        if hopeless || tokio::time::timeout(DRAIN, taken()).await.is_err() {
            self.abort.cancel();
            taken().await;
        }
        self.buffer.close();
        let ended = match failed {
            Some(ended) => ended,
            None => self.committer.await,
        };
        self.buffer.abandon();
        self.committed.cancel();
        let upkeep = match upkeep {
            Some(ended) => ended,
            None => self.upkeep.await,
        };
        self.stopped.cancel();
        let reporter = self.reporter.await;

        // A thread that gives no answer has panicked.
        ended.unwrap_or(Err(MonitorError::Panicked))?;
        if self.sealed.is_cancelled() {
            return Err(MonitorError::Sealed { id: self.id });
        }
        for (task, ended) in [("listener", listening), ("upkeep", upkeep), ("status", reporter)] {
            ended.map_err(|source| MonitorError::Task { task, source })?;
        }
        Ok(())
    }
}
