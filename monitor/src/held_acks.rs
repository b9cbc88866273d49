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

/// The halves of [`Held::since`].
const WAITING: usize = 0;
const IN_ROUND: usize = 1;

#[derive(Debug, Default)]
struct Held {
    /// Committed since the last round began.
    waiting: HashMap<ClientId, ClientCount>,
    /// Committed before it began.
    in_round: HashMap<ClientId, ClientCount>,
    /// When the oldest line came that waits, and that is in the round.
    since: [Option<Instant>; 2],
}

impl HeldAcks {
    /// Holds what was recovered; releases to the clients of `buffer`.
    pub(crate) fn new(
        buffer: Arc<Buffer>,
        recovered: impl IntoIterator<Item = (ClientId, ClientCount)>,
        instruments: Instruments,
    ) -> Self {
        let held = Held { waiting: recovered.into_iter().collect(), ..Held::default() };
        Self { buffer, held: Mutex::new(held), some: Notify::new(), instruments }
    }

    /// Holds the counts of a commit whose oldest line came at `since`; a client's newest one says it all.
    pub(crate) fn hold(&self, counts: &[(ClientId, ClientCount)], since: Option<Instant>) {
        if counts.is_empty() {
            return;
        }
        let held = &mut *self.held.lock();
        held.waiting.extend(counts.iter().cloned());
        held.since[WAITING] = held.since[WAITING].or(since);
        self.some.notify_one();
    }

    /// A round begins: what is held by now is in the log that it will see.
    pub(crate) fn begin(&self) {
        let held = &mut *self.held.lock();
        held.in_round.extend(held.waiting.drain());
        held.since[IN_ROUND] = held.since[IN_ROUND].or(held.since[WAITING].take());
    }

    /// The round that began last has ended well: tells the clients.
    pub(crate) fn release(&self) {
        let (counts, since): (Vec<_>, _) = {
            let held = &mut *self.held.lock();
            (held.in_round.drain().collect(), held.since[IN_ROUND].take())
        };
        self.buffer.release(&counts);
        self.instruments.released(since);
    }

    /// Waits until something is held that no round has begun for.
    pub(crate) async fn waiting(&self) {
        while self.held.lock().waiting.is_empty() {
            self.some.notified().await;
        }
    }
}

#[cfg(test)]
mod tests;
