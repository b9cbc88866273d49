//! Acks that wait for the store (`ack.after = store`).
//!
//! In: the counts of each local commit, and those recovered at the start, which may never have got further than this
//! disk. Out: the same counts, to the clients, once a round of the uploader has brought the store up to date.
//!
//! A double buffer once more. What has been held when a round begins was committed before the round looks at the log,
//! so it is among what the round uploads; what comes later waits for the next one. A round that fails keeps what it
//! had.
//!
//! What must hold: [`release`](HeldAcks::release) follows, in this order, the appends of everything held at
//! [`begin`](HeldAcks::begin), durable, and a look for the fence that found none. Who seals a monitor creates the
//! fence and reads the lengths afterwards: whatever was released is below the final cut. However long the store is
//! away, no more is held than two counts a client.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use log::ClientCount;
use parking_lot::Mutex;
use schema::ClientId;
use tokio::sync::Notify;

use crate::buffer::Buffer;
use crate::instruments::Instruments;

/// Counts between the local commit and the clients.
#[derive(Debug)]
pub(crate) struct HeldAcks {
    buffer: Arc<Buffer>,
    held: Mutex<Held>,
    /// Wakes the uploader.
    some: Notify,
    instruments: Instruments,
}

#[derive(Debug, Default)]
struct Held {
    /// Committed since the last round began.
    waiting: Counts,
    /// Committed before it began.
    in_round: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    clients: HashMap<ClientId, ClientCount>,
    /// The last batch that somebody awaits.
    awaited: Option<u64>,
    /// When the oldest line of them came.
    since: Option<Instant>,
}

impl HeldAcks {
    /// Holds what was recovered; releases to the clients of `buffer`.
    pub(crate) fn new(
        buffer: Arc<Buffer>,
        recovered: impl IntoIterator<Item = (ClientId, ClientCount)>,
        instruments: Instruments,
    ) -> Self {
        let waiting = Counts { clients: recovered.into_iter().collect(), ..Counts::default() };
        let held = Held { waiting, in_round: Counts::default() };
        Self { buffer, held: Mutex::new(held), some: Notify::new(), instruments }
    }

    /// Holds the counts of a commit, and its number if somebody awaits it; the newest says it all. Its oldest line came
    /// at `since`.
    pub(crate) fn hold(&self, counts: &[(ClientId, ClientCount)], awaited: Option<u64>, since: Option<Instant>) {
        if counts.is_empty() && awaited.is_none() {
            return;
        }
        let waiting = &mut self.held.lock().waiting;
        waiting.clients.extend(counts.iter().cloned());
        waiting.awaited = awaited.or(waiting.awaited);
        waiting.since = waiting.since.or(since);
        self.some.notify_one();
    }

    /// A round begins: what is held by now is in the log that it will see.
    pub(crate) fn begin(&self) {
        let held = &mut *self.held.lock();
        held.in_round.clients.extend(held.waiting.clients.drain());
        held.in_round.awaited = held.waiting.awaited.take().or(held.in_round.awaited);
        held.in_round.since = held.in_round.since.or(held.waiting.since.take());
    }

    /// The round that began last has ended well: tells the clients.
    pub(crate) fn release(&self) {
        let Counts { clients, awaited, since } = std::mem::take(&mut self.held.lock().in_round);
        let counts: Vec<_> = clients.into_iter().collect();
        self.buffer.release(&counts, awaited);
        self.instruments.released(since);
    }

    /// Waits until something is held that no round has begun for.
    pub(crate) async fn waiting(&self) {
        while self.held.lock().waiting.is_empty() {
            self.some.notified().await;
        }
    }
}

impl Counts {
    fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.awaited.is_none()
    }
}

#[cfg(test)]
mod tests;
