//! The monitor's role: its options from the settings, and its rotation at each tick.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use log::{Identity, Snapshot};
use monitor::{Covered, FindCovered, Instruments, Monitor, MonitorError, Options, Progress, Rotator, Uploaded, World};
use scheduler::{Schedule, run_ticks};
use schema::{Micros, MonitorId};
use storage::Clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use views::Manifest;

use crate::advice::Advice;
use crate::config::Settings;
use crate::folder::lost_identity;
use crate::open::Place;
use crate::roles::doors::Doors;

/// Starts the monitor of a place; it listens when this returns.
pub(super) async fn start(
    place: &Place,
    settings: &Settings,
    doors: &Doors,
    stop: CancellationToken,
) -> Result<Monitor> {
    if let Some(lost) = lost_identity(&*place.disk, &place.folder) {
        return Err(
            anyhow!(lost).advise("or start a monitor with a folder of its own, with --data DIR and another --id")
        );
    }
    let id = id(place, settings)?;
    let options = options(place, settings, doors, id.clone())?;
    let world = World {
        disk: Arc::clone(&place.disk),
        store: Arc::clone(&place.store),
        clock: Arc::clone(&place.clock),
        find_covered: find_covered(place, id),
        instruments: Instruments::default(),
    };
    Monitor::start(options, world, stop).await.map_err(|error| {
        let next = match &error {
            MonitorError::Locked { .. } => format!(
                "{} has a monitor that runs; stop it, or give this one a folder of its own with --data DIR",
                place.data.display()
            ),
            MonitorError::Listen { .. } => {
                "give another address with --listen HOST:PORT; port 0 takes a free one".to_owned()
            }
            MonitorError::Log(log::LogError::OtherMonitor { .. }) => {
                "leave --id out, or give this monitor a folder of its own with --data DIR".to_owned()
            }
            _ => return anyhow!(error),
        };
        anyhow!(error).advise(next)
    })
}

/// Says what to do about a monitor that ended.
pub(super) fn advised(error: MonitorError) -> anyhow::Error {
    match error {
        MonitorError::Sealed { .. } => anyhow!(error).advise(
            "what it acknowledged as durable in the store counts there; what it had not uploaded is in this data \
             folder; to go on here, start a monitor with a folder of its own, with --data DIR and another --id",
        ),
        error => anyhow!(error),
    }
}

/// The id asked for, else the one this folder has, else the host name.
fn id(place: &Place, settings: &Settings) -> Result<MonitorId> {
    if let Some(id) = &settings.id.0 {
        return Ok(id.clone());
    }
    if let Some(identity) = Identity::read(&*place.disk, &place.folder)? {
        return Ok(identity.id);
    }
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    MonitorId::new(&host)
        .with_context(|| format!("the host name {host:?} cannot be this monitor's id"))
        .advise("name it with --id NAME")
}

fn options(place: &Place, settings: &Settings, doors: &Doors, id: MonitorId) -> Result<Options> {
    let listen_address = resolve(&settings.listen_address.0)?;
    doors.may_listen("listen.address", listen_address)?;
    let count = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    Ok(Options {
        data: place.data.clone(),
        id,
        metrics: place.metrics.clone(),
        listen_address,
        access: doors.access.clone(),
        tls: doors.tls.clone(),
        listen_connections: count(settings.listen_connections.0),
        listen_bytes: count(settings.listen_bytes.0),
        buffer_messages: settings.buffer_messages.0,
        buffer_linger: settings.buffer_linger.0,
        buffer_bytes: count(settings.buffer_bytes.0),
        ack_after: settings.ack_after.0,
        log_bytes: settings.log_bytes.0,
        accept_future: settings.accept_future.0,
        accept_services: count(settings.accept_services.0),
        clients_max: count(settings.clients_max.0),
        quarantine_bytes: settings.quarantine_bytes.0,
        disk_reserve: settings.disk_reserve.0,
        realtime_rows: settings.realtime_rows.0,
        upload_every: settings.upload_every.0,
        upload_bytes: settings.upload_bytes.0,
        views_grace: settings.views_grace.0,
    })
}

fn resolve(address: &str) -> Result<SocketAddr> {
    let mut found = address.to_socket_addrs().with_context(|| format!("listen.address = {address:?} is unknown"))?;
    found.next().ok_or_else(|| anyhow!("listen.address = {address:?} names no address"))
}

/// Looks up what the newest manifest covers of this monitor.
fn find_covered(place: &Place, id: MonitorId) -> FindCovered {
    let store = Arc::clone(&place.store);
    Arc::new(move || {
        let (store, id) = (Arc::clone(&store), id.clone());
        Box::pin(async move {
            let manifest = Manifest::newest(&*store).await.ok()??;
            let covered = manifest.monitor(&id)?;
            Some(Covered { generation: covered.generation, cut: covered.position })
        })
    })
}

/// Rotates a monitor at each tick, and tells when the cut of a tick is published.
pub(super) struct Rotation {
    schedule: Schedule,
    clock: Arc<dyn Clock>,
    /// The tick that opened the open generation.
    opened: Micros,
    rotator: Rotator,
    progress: watch::Receiver<Progress>,
    uploaded: watch::Receiver<Uploaded>,
    /// Up to which tick everything this monitor has to cut is in the store.
    published: watch::Sender<Micros>,
}

impl Rotation {
    pub(super) fn new(
        place: &Place,
        schedule: &Schedule,
        monitor: &Monitor,
        published: watch::Sender<Micros>,
    ) -> Result<Self> {
        let log = Snapshot::read(&*place.disk, &place.folder, None)?;
        let open = log.and_then(|log| log.generations.last().map(|open| open.tick));
        Ok(Self {
            schedule: schedule.clone(),
            clock: Arc::clone(&place.clock),
            opened: open.unwrap_or_else(|| place.clock.now()),
            rotator: monitor.rotator(),
            progress: monitor.progress(),
            uploaded: monitor.uploaded(),
            published,
        })
    }

    /// Rotates until the token ends it; a tick missed since the open generation began is made up for once.
    pub(super) async fn run(self, token: CancellationToken) -> Result<()> {
        let Self { schedule, clock, opened, rotator, progress, uploaded, published } = self;
        let (ticked, ticks) = watch::channel(opened);
        let rotate = |tick: Micros| {
            let (rotator, ticked) = (rotator.clone(), ticked.clone());
            async move {
                // If it cannot, it stops or has failed, and says so itself.
                if rotator.rotate(tick).await.is_err() {
                    return;
                }
                ticked.send_replace(tick);
            }
        };
        let publishing = follow(ticks, progress, uploaded, published);
        tokio::select! {
            () = run_ticks(schedule, &*clock, Some(opened), &token, rotate) => {}
            () = publishing => {}
        }
        Ok(())
    }
}

/// Passes on each tick once the cut it made is in the store.
async fn follow(
    mut ticks: watch::Receiver<Micros>,
    progress: watch::Receiver<Progress>,
    mut uploaded: watch::Receiver<Uploaded>,
    published: watch::Sender<Micros>,
) {
    loop {
        let tick = *ticks.borrow_and_update();
        let open = progress.borrow().generation;
        // The first generation has none before it whose cut could be waited for.
        let there = |now: &Uploaded| open.get() <= 1 || now.cut.is_some_and(|cut| cut.get() + 1 >= open.get());
        if uploaded.wait_for(there).await.is_err() {
            return;
        }
        published.send_replace(tick);
        if ticks.changed().await.is_err() {
            return;
        }
    }
}
