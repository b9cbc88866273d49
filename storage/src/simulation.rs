//! SimDisk: a disk that loses power, runs full and lies, deterministically.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, DiskLock, Entry, Mode};

/// A simulated disk, shared by its clones; all it does follows from its seed and
/// the order of the calls.
#[derive(Debug, Clone)]
pub struct SimDisk {
    seed: u64,
}

/// How much a [`SimDisk`] has done since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Everything that changes the disk or makes a change durable: creations,
    /// writes, truncates, allocations, links, renames, removals, syncs.
    pub operations: u64,
    /// Of these, the syncs: one a file, one a folder.
    pub syncs: u64,
}

impl SimDisk {
    /// An empty disk with the folder `/`, a terabyte of room and no faults planned.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// What has been done so far.
    pub fn counts(&self) -> Counts {
        todo!("{}", self.seed)
    }

    /// Plans a power loss in the `nth` operation from now (1 is the next): it
    /// and every later call, reads too, fails; [`is_crash`] tells. What that
    /// operation did is as uncertain as everything unsynced.
    pub fn crash_at_operation(&self, _nth: u64) {
        todo!()
    }

    /// Plans a power loss in the `nth` sync from now (1 is the next).
    pub fn crash_at_sync(&self, _nth: u64) {
        todo!()
    }

    /// Loses power now.
    pub fn crash_now(&self) {
        todo!()
    }

    /// Whether the power is lost.
    pub fn is_crashed(&self) -> bool {
        todo!()
    }

    /// The disk after a power loss (now, if it was not lost before): what was
    /// synced, and of the rest what chance kept. This one then fails for ever;
    /// each call draws anew from the same state.
    pub fn restart(&self) -> SimDisk {
        todo!()
    }

    /// The disk after the process was killed and the machine lived on: nothing
    /// is lost, nothing more is durable, locks are free. This one then fails
    /// for ever.
    pub fn kill(&self) -> SimDisk {
        todo!()
    }

    /// Leaves room for `bytes` more.
    pub fn set_room(&self, _bytes: u64) {
        todo!()
    }

    /// Makes the `nth` sync from now (1 is the next) fail with EIO, and lie: the
    /// bytes read back, are no longer dirty, and are gone after a crash, save
    /// what chance wrote; a later sync says `Ok` and saves none of them.
    pub fn eio_at_sync(&self, _nth: u64) {
        todo!()
    }
}

/// Whether `error` is a [`SimDisk`]'s power loss.
pub fn is_crash(error: &io::Error) -> bool {
    todo!("{error}")
}

impl Disk for SimDisk {
    fn open(&self, _path: &Path, _mode: Mode) -> io::Result<Arc<dyn DiskFile>> {
        todo!()
    }
    fn sync_together(&self, _files: &[&Arc<dyn DiskFile>]) -> io::Result<()> {
        todo!()
    }
    fn list(&self, _folder: &Path) -> io::Result<Vec<Entry>> {
        todo!()
    }
    fn create_folders(&self, _folder: &Path) -> io::Result<()> {
        todo!()
    }
    fn link(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        todo!()
    }
    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        todo!()
    }
    fn remove(&self, _path: &Path) -> io::Result<()> {
        todo!()
    }
    fn remove_folder(&self, _folder: &Path) -> io::Result<()> {
        todo!()
    }
    fn sync_folder(&self, _folder: &Path) -> io::Result<()> {
        todo!()
    }
    fn length(&self, _path: &Path) -> io::Result<Option<u64>> {
        todo!()
    }
    fn lock(&self, _path: &Path) -> io::Result<DiskLock> {
        todo!()
    }
    fn free_space(&self, _folder: &Path) -> io::Result<u64> {
        todo!()
    }
}
