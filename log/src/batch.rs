//! A batch: what one commit makes durable, put together by the monitor.

use schema::{ClientId, Micros, Rejects, ServiceName};

/// Everything one commit makes durable at once.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The accepted messages as they go into the day log: each from its `{` to
    /// its `}`, plus `\n`.
    pub log: Vec<u8>,
    /// Their queue rows, in the same order, as [`schema::queue_row`] writes them.
    pub queue: Vec<u8>,
    /// How many messages these are.
    pub messages: u64,
    /// The least Timestamp among them; meaningless without messages.
    pub least: Micros,
    /// The greatest Timestamp among them; meaningless without messages.
    pub greatest: Micros,
    /// The rejected items that came in between, by reason.
    pub rejected: Rejects,
    /// The acking clients whose lines are in this batch, with their totals
    /// once it is durable; of two entries for one client the last counts.
    pub clients: Vec<(ClientId, ClientCount)>,
    /// Services that no earlier batch had.
    pub services: Vec<ServiceName>,
}

impl Batch {
    /// A batch of nothing.
    pub fn new() -> Self {
        Self {
            log: Vec::new(),
            queue: Vec::new(),
            messages: 0,
            least: Micros::MAX,
            greatest: Micros::MIN,
            rejected: Rejects::default(),
            clients: Vec::new(),
            services: Vec::new(),
        }
    }

    /// Makes it a batch of nothing again; its buffers keep their capacity.
    pub fn clear(&mut self) {
        let (mut log, mut queue) = (std::mem::take(&mut self.log), std::mem::take(&mut self.queue));
        log.clear();
        queue.clear();
        *self = Self { log, queue, ..Self::new() };
    }

    /// Whether committing it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
            && self.clients.is_empty()
            && self.services.is_empty()
            && self.rejected == Rejects::default()
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

/// What is durable of one acking client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientCount {
    /// Lines durably consumed, accepted or rejected; the next is this plus one.
    pub consumed: u64,
    /// Of these, the rejected.
    pub rejected: u64,
}
