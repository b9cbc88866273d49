//! What all connections share: the buffer, limits, clock and counters of one
//! monitor. Owned by none of them; what must hold is each part's own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access::{Access, Tls};
use schema::{Incarnation, MonitorId};
use storage::Clock;
use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::buffer::Buffer;
use crate::instruments::Instruments;
use crate::intake::{Arrival, Intakes};

/// The way in: everything a connection needs besides its socket.
#[derive(Debug)]
pub(crate) struct Ingest {
    /// Where chunks go.
    pub(crate) buffer: Arc<Buffer>,
    /// Where reads happen.
    pub(crate) intakes: Intakes,
    /// `listen.bytes`.
    pub(crate) budget: Budget,
    /// Who may send.
    pub(crate) access: Access,
    /// What connections are encrypted with, if they are.
    pub(crate) tls: Option<Tls>,
    /// `listen.connections`.
    pub(crate) connections: usize,
    /// What future Timestamps are judged by.
    pub(crate) clock: Arc<dyn Clock>,
    /// `accept.future`.
    pub(crate) future: Duration,
    /// Who welcomes clients.
    pub(crate) monitor: MonitorId,
    /// And which life of it.
    pub(crate) incarnation: Incarnation,
    /// Accept no more; read what has been received, wait for its acks, end.
    pub(crate) drain: CancellationToken,
    /// This monitor was sealed: tell the clients, and end.
    pub(crate) sealed: CancellationToken,
    /// End at once.
    pub(crate) abort: CancellationToken,
    /// What it counts.
    pub(crate) instruments: Instruments,
}

impl Ingest {
    /// A read from `peer`, now.
    pub(crate) fn arrival(&self, peer: SocketAddr) -> Arrival {
        let now = self.clock.now();
        let ahead = i64::try_from(self.future.as_micros()).unwrap_or(i64::MAX);
        Arrival { peer, now, latest: now.saturating_add(ahead) }
    }
}
