//! The counters of a running sender.
//!
//! In: what was sent, settled and read, as it happens. Out: the same numbers, to any thread. Must hold: they only grow,
//! but for the bytes read, which are set; looking at them never holds a sender up.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that a sender raises while it runs; any thread may read them.
#[derive(Debug, Default)]
pub struct Progress {
    sent: AtomicU64,
    acked: AtomicU64,
    rejected: AtomicU64,
    bytes: AtomicU64,
}

impl Progress {
    /// Messages, or lines of an input, handed to connections.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Lines acknowledged, where there are acks.
    pub fn acked(&self) -> u64 {
        self.acked.load(Ordering::Relaxed)
    }

    /// Of those, lines rejected.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Raw bytes of the inputs read.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn add_sent(&self, lines: u64) {
        self.sent.fetch_add(lines, Ordering::Relaxed);
    }

    pub(crate) fn add_settled(&self, acked: u64, rejected: u64) {
        self.acked.fetch_add(acked, Ordering::Relaxed);
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
    }

    pub(crate) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}
