//! What a monitor is told: every key of the configuration that concerns it.
//!
//! Values arrive parsed and checked; the binary owns names, flags and files.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use access::{Access, Tls};
use schema::{Metrics, MonitorId};
use serde::{Deserialize, Serialize};

/// The settings of one monitor. [`Options::new`] gives each its default.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder (`data`).
    pub data: PathBuf,
    /// Who this monitor is (`id`). Fixed by the first start in `data`.
    pub id: MonitorId,
    /// Which metrics a message carries and how they read (`metrics`).
    pub metrics: Metrics,
    /// Where to listen (`listen.address`). Port 0 takes any free one.
    pub listen_address: SocketAddr,
    /// Who may send (`access.file`).
    pub access: Access,
    /// What connections are encrypted with (`tls.certificate`), if they are.
    pub tls: Option<Tls>,
    /// The most connections at a time (`listen.connections`).
    pub listen_connections: usize,
    /// Bytes that all connections together may hold (`listen.bytes`): partial
    /// lines, and reports of rejected lines that a client has not yet taken.
    pub listen_bytes: usize,
    /// Messages that make the buffers swap at once (`buffer.messages`).
    pub buffer_messages: u64,
    /// How long one message may wait for others (`buffer.linger`).
    pub buffer_linger: Duration,
    /// Bytes that may wait while the other buffer is written; beyond them no
    /// socket is read (`buffer.bytes`).
    pub buffer_bytes: usize,
    /// What an ack promises (`ack.after`).
    pub ack_after: AckAfter,
    /// Bytes after which a new day log file starts (`log.bytes`).
    pub log_bytes: u64,
    /// How far ahead of our clock a message may be (`accept.future`).
    pub accept_future: Duration,
    /// The most services (`accept.services`).
    pub accept_services: usize,
    /// The most client ids that are remembered (`clients.max`).
    pub clients_max: usize,
    /// Bytes of quarantine sample a day (`quarantine.bytes`).
    pub quarantine_bytes: u64,
    /// Free bytes below which nothing more is accepted (`disk.reserve`).
    pub disk_reserve: u64,
    /// Rows of the open generation's view, at most one a service and minute,
    /// that make it rotate by itself (`realtime.rows`).
    pub realtime_rows: u64,
    /// How often the store is brought up to date (`upload.every`).
    pub upload_every: Duration,
    /// Bytes that are uploaded at a time, and that start an upload before
    /// `upload_every` has passed (`upload.bytes`).
    pub upload_bytes: u64,
    /// How long what is superseded stays for those still reading it
    /// (`views.grace`).
    pub views_grace: Duration,
}

/// Where a line is durable when it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AckAfter {
    /// On this machine's disk: it survives the process and the power.
    Local,
    /// In the store: it survives the machine.
    Store,
}

impl fmt::Display for AckAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Store => "store",
        })
    }
}

impl Options {
    /// The defaults, for a data folder and an id.
    pub fn new(data: impl Into<PathBuf>, id: MonitorId) -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            data: data.into(),
            id,
            metrics: Metrics::default(),
            listen_address: SocketAddr::from(([127, 0, 0, 1], 7070)),
            access: Access::open(),
            tls: None,
            listen_connections: 10_240,
            listen_bytes: 32 << 20,
            buffer_messages: 50,
            buffer_linger: Duration::from_millis(20),
            buffer_bytes: 4 << 20,
            ack_after: AckAfter::Local,
            log_bytes: 1024 * MIB,
            accept_future: Duration::from_secs(10 * 60),
            accept_services: 10_000,
            clients_max: 10_000,
            quarantine_bytes: 16 * MIB,
            disk_reserve: 64 * MIB,
            realtime_rows: 1_000_000,
            upload_every: Duration::from_secs(5),
            upload_bytes: 8 * MIB,
            views_grace: Duration::from_secs(10 * 60),
        }
    }
}
