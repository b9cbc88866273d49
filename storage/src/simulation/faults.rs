//! What is counted, and what is planned to go wrong.

use std::io;

/// How much a [`SimDisk`](super::SimDisk) has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Everything that changes the disk or makes a change durable: creations,
    /// writes, truncates, allocations, links, renames, removals, syncs. Calls
    /// that fail without an effect are not counted.
    pub operations: u64,
    /// Of these, the syncs: one a file, one a folder.
    pub syncs: u64,
}

/// The simulated power is gone: the payload of every error from then on.
#[derive(Debug, thiserror::Error)]
#[error("simulated power loss")]
pub(super) struct PowerLost;

/// Counts so far and faults to come, by absolute count.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) counts: Counts,
    pub(super) crashed: bool,
    pub(super) crash_at_operation: Option<u64>,
    pub(super) crash_at_sync: Option<u64>,
    pub(super) eio_at_sync: Option<u64>,
}

/// What a sync is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// What it promises.
    Sync,
    /// Fail with EIO.
    Fail,
}

impl Faults {
    /// Every call asks this first.
    pub(super) fn check_power(&self) -> io::Result<()> {
        if self.crashed { Err(io::Error::other(PowerLost)) } else { Ok(()) }
    }

    /// Counts a change that has just been made in the cache.
    pub(super) fn count_change(&mut self) -> io::Result<()> {
        self.counts.operations += 1;
        self.crashed |= self.crash_at_operation == Some(self.counts.operations);
        self.check_power()
    }

    /// Counts a sync that is about to be done.
    pub(super) fn count_sync(&mut self) -> io::Result<Fate> {
        self.counts.syncs += 1;
        self.crashed |= self.crash_at_sync == Some(self.counts.syncs);
        self.count_change()?;
        let fails = self.eio_at_sync == Some(self.counts.syncs);
        Ok(if fails { Fate::Fail } else { Fate::Sync })
    }
}
