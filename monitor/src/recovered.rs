//! What a start finds: the data folder locked, its identity claimed, its log
//! recovered. Nothing is listened to yet.

use std::io;
use std::sync::Arc;

use log::{Identity, Snapshot, Writer};
use schema::Incarnation;
use storage::layout::{DataFolder, Role};
use storage::{Disk, DiskLock};

use crate::buffer::{Buffer, Limits};
use crate::clients::Clients;
use crate::error::MonitorError;
use crate::held_acks::HeldAcks;
use crate::monitor::World;
use crate::options::{AckAfter, Options};
use crate::rows::OpenRows;
use crate::services::Services;

/// A data folder that is ours, with everything in it durable.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) lock: DiskLock,
    pub(crate) folder: DataFolder,
    pub(crate) identity: Identity,
    pub(crate) writer: Writer,
    pub(crate) services: Arc<Services>,
    pub(crate) rows: OpenRows,
    pub(crate) buffer: Arc<Buffer>,
    /// With `ack.after = store`.
    pub(crate) held_acks: Option<Arc<HeldAcks>>,
}

impl Recovered {
    /// Locks, claims and recovers. Only the first start needs the store.
    pub(crate) async fn open(options: &Options, world: &World) -> Result<Self, MonitorError> {
        let folder = DataFolder::new(&options.data);
        let disk = &*world.disk;
        disk.create_folders(folder.path())?;
        let lock = lock(disk, &folder)?;
        let mut identity = Identity::establish(disk, &folder, &options.id, Incarnation::new(rand::random()))?;
        let now = world.clock.now();
        if !identity.has_started(disk, &folder)? {
            identity = log::claim(&*world.store, disk, &folder, &identity, now).await?;
        }
        let log_options = log::Options { log_bytes: options.log_bytes, metrics: options.metrics.clone() };
        let (mut writer, recovery) =
            Writer::open(Arc::clone(&world.disk), folder.clone(), &identity, log_options, now)?;
        tracing::info!(?recovery, position = %writer.state().position(), "log recovered");

        let services = Services::new(writer.state().services().iter().cloned(), options.accept_services);
        let rows = match Snapshot::read(disk, &folder, None)? {
            Some(snapshot) => OpenRows::recount(disk, &snapshot, &options.metrics, &services)?,
            None => Some(OpenRows::default()),
        };
        if rows.is_none() {
            writer.rotate(now).map_err(MonitorError::Commit)?;
        }
        let services = Arc::new(services);
        let counts = || writer.state().clients().iter().map(|(id, count)| (id.clone(), *count));
        let clients = Clients::new(counts(), options.clients_max, options.ack_after == AckAfter::Local);
        let buffer =
            Arc::new(Buffer::new(Limits::of(options), clients, Arc::clone(&services), world.instruments.clone()));
        let held = || Arc::new(HeldAcks::new(Arc::clone(&buffer), counts(), world.instruments.clone()));
        let held_acks = (options.ack_after == AckAfter::Store).then(held);
        Ok(Self { lock, folder, identity, writer, services, rows: rows.unwrap_or_default(), buffer, held_acks })
    }
}

fn lock(disk: &dyn Disk, folder: &DataFolder) -> Result<DiskLock, MonitorError> {
    let path = folder.lock(Role::Monitor);
    disk.lock(&path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => MonitorError::Locked { path },
        _ => error.into(),
    })
}
