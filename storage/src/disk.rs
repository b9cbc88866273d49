//! Disk: the local file system as the log sees it, small enough to simulate.
//!
//! Owns the contract; [`LocalDisk`] and the simulation implement it. Calls
//! block. Every error names the operation and the path ([`PathError`]).
//!
//! What a caller may rely on, and no more:
//! - a write, truncate or allocate is durable once a later [`DiskFile::sync`]
//!   (or [`Disk::sync_together`]) of that file has returned `Ok`; before that a
//!   crash may keep any part of it, in any order;
//! - an entry made, linked, renamed or removed in a folder is durable once a
//!   later [`Disk::sync_folder`] of that folder has returned `Ok`; syncing the
//!   file does not sync its entry, nor the other way round;
//! - after a failed sync nothing is known: the bytes may read back and yet be
//!   gone after a crash, and a second sync that succeeds proves nothing. Only
//!   bytes written again and then synced are durable.

mod error;
mod local;
mod sync_helpers;

use std::any::Any;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use error::at;
pub use error::{PathError, is_full, os_error};
pub use local::LocalDisk;

/// The local file system.
///
/// One value serves all threads; clones of the `Arc` around it see one disk.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Opens a file. A file created here is durable, as an entry, only after
    /// [`sync_folder`](Disk::sync_folder) of its folder.
    ///
    /// # Errors
    /// `NotFound` without the file (`Mode::Read`) or its folder,
    /// `AlreadyExists` for `Mode::CreateNew`, or what the system says.
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes the contents of all `files` durable, in parallel (fdatasync):
    /// takes as long as the slowest, not as long as the sum.
    ///
    /// # Errors
    /// The first failure in the order of `files`, after all have finished; see
    /// [`DiskFile::sync`] for what it means.
    fn sync_together(&self, files: &[&Arc<dyn DiskFile>]) -> io::Result<()>;

    /// The entries of a folder, sorted by name. Names that are not UTF-8 are
    /// nobody's of ours and left out.
    ///
    /// # Errors
    /// `NotFound` without the folder, or what the system says.
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>>;

    /// Makes `folder` and all folders above it exist, durably: when this
    /// returns, the whole chain survives a crash, whoever made it. (Each new
    /// folder's parent is synced before anything goes into the new one, and so
    /// is the parent of the deepest folder that was there.)
    ///
    /// # Errors
    /// `NotADirectory` where a file is in the way, or what the system says.
    fn create_folders(&self, folder: &Path) -> io::Result<()>;

    /// Gives the file `from` a second name `to`. Durable after `sync_folder`.
    ///
    /// # Errors
    /// `AlreadyExists` when `to` is there, `CrossesDevices` on another file
    /// system, `NotFound`, or what the system says.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Renames a file within its folder, replacing `to`: at any moment, also
    /// after a crash, `to` is the old file or the new one. Durable after
    /// `sync_folder`.
    ///
    /// # Errors
    /// `InvalidInput` when the two paths differ in their folder, `NotFound`, or
    /// what the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name. Durable after `sync_folder`.
    ///
    /// # Errors
    /// `NotFound`, or what the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty folder. Durable after `sync_folder` of its parent.
    ///
    /// # Errors
    /// `NotFound`, `DirectoryNotEmpty`, or what the system says.
    fn remove_folder(&self, folder: &Path) -> io::Result<()>;

    /// Makes all entries of `folder` durable, as they now are (not those of
    /// folders below, and not the files' contents).
    ///
    /// # Errors
    /// `NotFound`, or what the system says; see [`DiskFile::sync`].
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// The length of a file in bytes, or `None` without such a file.
    ///
    /// # Errors
    /// What the system says, other than that the file is not there.
    fn length(&self, path: &Path) -> io::Result<Option<u64>>;

    /// How long ago the file last changed, by the system's clock; `None` where
    /// that cannot be told.
    ///
    /// # Errors
    /// What the system says.
    fn age(&self, path: &Path) -> io::Result<Option<Duration>>;

    /// Locks `path` for this holder alone (flock), creating the file when it is
    /// not there, until the guard is dropped or the process ends.
    ///
    /// # Errors
    /// `WouldBlock` when someone else holds it, or what the system says.
    fn lock(&self, path: &Path) -> io::Result<DiskLock>;

    /// Bytes an unprivileged process can still write where `folder` lies.
    ///
    /// # Errors
    /// `NotFound`, or what the system says.
    fn free_space(&self, folder: &Path) -> io::Result<u64>;
}

/// An open file. Positions are explicit, so one value serves all threads.
#[expect(clippy::len_without_is_empty, reason = "asking can fail, and nobody asks whether it is empty")]
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Reads up to `buffer.len()` bytes at `offset`; less only at the end of
    /// the file, 0 at or beyond it.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, lengthening the file (with zeros in a
    /// gap) as needed. Not durable before a sync.
    ///
    /// # Errors
    /// [`is_full`] without room, or what the system says; a part of `bytes` may
    /// then have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes content and length durable (fdatasync).
    ///
    /// # Errors
    /// What the system says. Nothing written since the last good sync is then
    /// known to be durable, and syncing again does not make it so.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file to `length`, or lengthens it with zeros. Not durable
    /// before a sync.
    ///
    /// # Errors
    /// What the system says.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Reserves space so that writes below `length` cannot run out of it, and
    /// lengthens the file with zeros to `length` if it is shorter. Existing
    /// bytes stay. Not durable before a sync.
    ///
    /// # Errors
    /// [`is_full`] without room, or what the system says; the file may then be
    /// longer than it was, by zeros.
    fn allocate(&self, length: u64) -> io::Result<()>;

    /// The file's length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn len(&self) -> io::Result<u64>;

    /// Reads exactly `buffer.len()` bytes at `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends before, or what the system says.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, offset)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    buffer = &mut buffer[read..];
                    offset += read as u64;
                }
            }
        }
        Ok(())
    }
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For reading; the file must be there.
    Read,
    /// For reading and writing; created when it is not there.
    Write,
    /// For reading and writing; it must not be there yet.
    CreateNew,
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name within the folder.
    pub name: String,
    /// Whether it is a folder itself.
    pub is_dir: bool,
    /// The length in bytes; 0 for a folder.
    pub len: u64,
}

/// A held lock: given back when dropped.
#[must_use = "the lock is given back when this is dropped"]
pub struct DiskLock(#[allow(dead_code, reason = "held for its drop")] Box<dyn Any + Send + Sync>);

impl DiskLock {
    /// Wraps whatever gives the lock back when it is dropped.
    pub fn new(held: impl Any + Send + Sync) -> Self {
        Self(Box::new(held))
    }
}

impl fmt::Debug for DiskLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskLock")
    }
}
