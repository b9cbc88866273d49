//! Which client has had how many lines consumed, and which of its connections
//! counts.
//!
//! The table lives under the buffer's lock. A hello takes its client over: the
//! epoch goes up, so the older connection's next chunk is refused, and the new
//! connection waits until everything the older one handed over is durable.
//! Only then does it know where to resume.
//!
//! What must hold: a line is consumed by one connection only; what a client is
//! told is durable, never more; a client that never had a line consumed is
//! forgotten when it leaves, one that had is never.

use std::collections::HashMap;

use log::ClientCount;
use schema::ClientId;
use tokio::sync::watch;

/// How far a client's lines are durable, and the epoch of the connection that
/// counts; what its connections watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Durable {
    /// The epoch of the connection that counts.
    pub(crate) epoch: u64,
    /// Lines consumed and, of these, rejected.
    pub(crate) count: ClientCount,
}

/// All clients this monitor has had lines of.
#[derive(Debug)]
pub(crate) struct Clients {
    table: HashMap<ClientId, Entry>,
    max: usize,
    /// The last epoch given; no two connections ever share one.
    epochs: u64,
}

#[derive(Debug)]
struct Entry {
    epoch: u64,
    /// Handed over, durable or still in a buffer.
    buffered: ClientCount,
    /// Where its count is in the batch that is filling, if it is there.
    slot: usize,
    durable: watch::Sender<Durable>,
}

/// One connection's claim on its client.
#[derive(Debug)]
pub(crate) struct Session {
    /// The client.
    pub(crate) client: ClientId,
    /// This connection's epoch.
    pub(crate) epoch: u64,
    /// What was handed over before this connection; it resumes after that.
    pub(crate) resume: ClientCount,
    /// What is durable, and whether this connection still counts.
    pub(crate) durable: watch::Receiver<Durable>,
}

/// The table is full: `clients.max` ids are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyClients;

/// A newer connection of the same client has taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Superseded;

impl Clients {
    /// The table as recovered, for at most `max` clients. What was recovered is durable already, or will be when it
    /// is released.
    pub(crate) fn new(recovered: impl IntoIterator<Item = (ClientId, ClientCount)>, max: usize, durable: bool) -> Self {
        let durable = |count| if durable { count } else { ClientCount::default() };
        let table = recovered.into_iter().map(|(id, count)| (id, Entry::new(count, durable(count)))).collect();
        Self { table, max, epochs: 0 }
    }

    /// How many are remembered.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Makes a new connection the one that counts for `client`.
    pub(crate) fn take_over(&mut self, client: &ClientId) -> Result<Session, TooManyClients> {
        if !self.table.contains_key(client) && self.table.len() >= self.max {
            return Err(TooManyClients);
        }
        let entry = self
            .table
            .entry(client.clone())
            .or_insert_with(|| Entry::new(ClientCount::default(), ClientCount::default()));
        self.epochs += 1;
        let epoch = self.epochs;
        entry.epoch = epoch;
        entry.durable.send_modify(|durable| durable.epoch = epoch);
        Ok(Session { client: client.clone(), epoch, resume: entry.buffered, durable: entry.durable.subscribe() })
    }

    /// Counts lines that `session`'s connection hands over, in the batch that
    /// is filling: `counts` has each client's totals with that batch. A client
    /// without a line is not noted, so that it can still be forgotten.
    pub(crate) fn consume(
        &mut self,
        session: &Session,
        lines: ClientCount,
        counts: &mut Vec<(ClientId, ClientCount)>,
    ) -> Result<(), Superseded> {
        let entry = self.current(session)?;
        if lines.consumed == 0 {
            return Ok(());
        }
        entry.buffered.consumed += lines.consumed;
        entry.buffered.rejected += lines.rejected;
        match counts.get_mut(entry.slot) {
            Some((client, count)) if *client == session.client => *count = entry.buffered,
            _ => {
                entry.slot = counts.len();
                counts.push((session.client.clone(), entry.buffered));
            }
        }
        Ok(())
    }

    /// Tells the connections of these clients what is durable now.
    pub(crate) fn release(&self, counts: &[(ClientId, ClientCount)]) {
        for (client, count) in counts {
            if let Some(entry) = self.table.get(client) {
                entry.durable.send_modify(|durable| durable.count = *count);
            }
        }
    }

    /// A connection is gone. A client that never sent a line goes with it.
    pub(crate) fn leave(&mut self, session: &Session) {
        let unheard = self.current(session).is_ok_and(|entry| entry.buffered.consumed == 0);
        if unheard {
            self.table.remove(&session.client);
        }
    }

    fn current(&mut self, session: &Session) -> Result<&mut Entry, Superseded> {
        self.table.get_mut(&session.client).filter(|entry| entry.epoch == session.epoch).ok_or(Superseded)
    }
}

impl Entry {
    fn new(buffered: ClientCount, durable: ClientCount) -> Self {
        Self { epoch: 0, buffered, slot: 0, durable: watch::Sender::new(Durable { epoch: 0, count: durable }) }
    }
}
