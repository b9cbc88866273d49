//! Status: what only the live monitor knows, for those who ask from outside.
//!
//! # Format
//! `status.json`, one object, replaced each second and when the intake stops or
//! goes on ([`Status`] has the fields):
//! ```text
//! {"version":1,"time":"2026-11-21T08:15:00.000000Z","pid":4711,
//!  "state":"ingesting"|"blocked"|"draining"|"stopped","reason":null|"<why blocked>",
//!  "address":"127.0.0.1:7070","monitor":"<id>","incarnation":"<16 hex>",
//!  "generation":3,"durable":"7:4096","rows":12,
//!  "messages":1000,"messages_per_second":50.0,"rejected":{"invalid_json":1},
//!  "services":4,"connections":4,"held_bytes":0,"held_bytes_peak":1048576,
//!  "uploaded":"6:4096","cut":2|null,"upload_lag":0,"upload_behind_since":null|"<time>",
//!  "upload_error":null|"<what the store said>",
//!  "ack_after":"local"|"store","room":1048576|null,"warning":null|"<what is about to happen>"}
//! ```
//! Replaced by rename, never synced: after a power loss it may be empty or
//! missing, which says as much as an old one. Its `time` tells whether its
//! writer still lives. On a disk without room for a second file it is written
//! in place.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use schema::{Generation, Incarnation, MonitorId, Position, Rejects};
use serde::{Deserialize, Serialize};
use storage::layout::DataFolder;
use storage::{Disk, Mode};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::committer::Progress;
use crate::health::Reasons;
use crate::ingest::Ingest;
use crate::options::AckAfter;
use crate::room::Room;
use crate::services::Services;
use crate::uploader::Uploaded;

/// What `status.json` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The format's version, 1.
    pub version: u32,
    /// When it was written.
    pub time: String,
    /// The writing process.
    pub pid: u32,
    /// What the monitor is doing.
    pub state: Activity,
    /// Why it is blocked.
    pub reason: Option<String>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Who it is.
    pub monitor: MonitorId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// The open generation.
    pub generation: Generation,
    /// Up to where the log is durable.
    pub durable: Position,
    /// Rows of the open generation's view.
    pub rows: u64,
    /// Messages ever accepted.
    pub messages: u64,
    /// Messages accepted a second, since the status before.
    pub messages_per_second: f64,
    /// Items ever rejected, by reason.
    pub rejected: Rejects,
    /// Services ever seen.
    pub services: usize,
    /// Connections open.
    pub connections: usize,
    /// What they hold of `listen.bytes`.
    pub held_bytes: usize,
    /// The most they have held since the start.
    pub held_bytes_peak: usize,
    /// Up to where the log is in the store.
    pub uploaded: Position,
    /// The newest generation whose cut is published.
    pub cut: Option<Generation>,
    /// Committed bytes that the store lacked after the last attempt.
    pub upload_lag: u64,
    /// Since when it has lacked any.
    pub upload_behind_since: Option<String>,
    /// What went wrong with the last upload.
    pub upload_error: Option<String>,
    /// Where a line is durable when it is acknowledged.
    pub ack_after: AckAfter,
    /// Bytes by which the log may grow before reading stops; `None` where the disk does not tell.
    pub room: Option<u64>,
    /// What is about to happen, and what to do before it does.
    pub warning: Option<String>,
}

/// What a monitor is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Taking messages in.
    Ingesting,
    /// Not reading, for the reason given.
    Blocked,
    /// Reading what has been received, and stopping.
    Draining,
    /// Stopped.
    Stopped,
}

/// Where the status comes from and goes to. One task owns it.
#[derive(Debug)]
pub(crate) struct Reporter {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: DataFolder,
    pub(crate) address: SocketAddr,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) services: Arc<Services>,
    pub(crate) connections: TaskTracker,
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) reasons: watch::Receiver<Reasons>,
    pub(crate) uploaded: watch::Receiver<Uploaded>,
    pub(crate) ack_after: AckAfter,
    pub(crate) room: Room,
}

/// How often it is written.
const EVERY: Duration = Duration::from_secs(1);

impl Reporter {
    /// Writes until `stopped`, and then once more.
    pub(crate) async fn run(mut self, stopped: CancellationToken) {
        let mut last = (Instant::now(), self.progress.borrow().messages);
        let mut reasons = self.reasons.clone();
        loop {
            let status = self.status(&mut last, stopped.is_cancelled());
            if let Err(error) = self.write(&status) {
                tracing::debug!(%error, "status not written");
            }
            if status.state == Activity::Stopped {
                return;
            }
            tokio::select! {
                () = stopped.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
                // Without a sender the monitor is about to stop.
                changed = reasons.changed() => if changed.is_err() { stopped.cancelled().await },
            }
        }
    }

    fn status(&mut self, last: &mut (Instant, u64), stopped: bool) -> Status {
        let progress = *self.progress.borrow();
        let uploaded = self.uploaded.borrow().clone();
        let reason = self.reasons.borrow().any().map(str::to_owned);
        let (since, before) = std::mem::replace(last, (Instant::now(), progress.messages));
        let seconds = since.elapsed().as_secs_f64().max(1e-3);
        let room = self.room.look(uploaded.lag).ok();
        let state = match &reason {
            _ if stopped => Activity::Stopped,
            _ if self.ingest.drain.is_cancelled() => Activity::Draining,
            Some(_) => Activity::Blocked,
            None => Activity::Ingesting,
        };
        Status {
            version: 1,
            time: self.ingest.clock.now().to_string(),
            pid: std::process::id(),
            state,
            reason,
            address: self.address,
            monitor: self.ingest.monitor.clone(),
            incarnation: self.ingest.incarnation,
            generation: progress.generation,
            durable: progress.durable,
            rows: progress.rows,
            messages: progress.messages,
            messages_per_second: (progress.messages - before) as f64 / seconds,
            rejected: progress.rejected,
            services: self.services.len(),
            connections: self.connections.len(),
            held_bytes: self.ingest.budget.taken(),
            held_bytes_peak: self.ingest.budget.peak(),
            uploaded: uploaded.position,
            cut: uploaded.cut,
            upload_lag: uploaded.lag,
            upload_behind_since: uploaded.behind_since.map(|since| since.to_string()),
            upload_error: uploaded.error,
            ack_after: self.ack_after,
            room: room.as_ref().map(|(room, _)| *room),
            warning: room.and_then(|(_, warning)| warning),
        }
    }

    fn write(&self, status: &Status) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(status)?;
        bytes.push(b'\n');
        let path = self.folder.status();
        let beside = path.with_file_name(".~status.json");
        let replaced = self.write_to(&beside, &bytes).and_then(|()| self.disk.rename(&beside, &path));
        replaced.or_else(|_| self.write_to(&path, &bytes))
    }

    fn write_to(&self, path: &std::path::Path, bytes: &[u8]) -> io::Result<()> {
        let file = self.disk.open(path, Mode::Write)?;
        file.truncate(bytes.len() as u64)?;
        file.write_at(bytes, 0)
    }
}
