//! How far a build is: counters that it raises and a progress bar reads.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one build. All only grow.
#[derive(Debug, Default)]
pub struct Progress {
    total_bytes: AtomicU64,
    bytes: AtomicU64,
    total_files: AtomicU64,
    files: AtomicU64,
}

impl Progress {
    /// Bytes of dated files read, and to be read as far as is known.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64) {
        (self.bytes.load(Ordering::Relaxed), self.total_bytes.load(Ordering::Relaxed))
    }

    /// View files written, and to be written as far as is known.
    #[must_use]
    pub fn files(&self) -> (u64, u64) {
        (self.files.load(Ordering::Relaxed), self.total_files.load(Ordering::Relaxed))
    }

    pub(crate) fn will_read(&self, bytes: u64) {
        self.total_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn will_write(&self, files: u64) {
        self.total_files.fetch_add(files, Ordering::Relaxed);
    }

    pub(crate) fn wrote(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }
}
