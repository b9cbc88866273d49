//! The journal being written: owns its open file, its length and the space
//! reserved ahead. What must hold: a record is at its end or not there at all,
//! and space is there for one more, so that a full disk cannot block recovery.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage::{Disk, DiskFile, Mode, is_full};

/// Reserved at a time.
const STEP: u64 = 64 << 10;
/// As long as this much is reserved beyond a record, no more is.
const AHEAD: u64 = 16 << 10;

/// The open generation's journal: where it ends, and what is reserved behind.
#[derive(Debug)]
pub(crate) struct JournalFile {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    end: u64,
    reserved: u64,
    /// Whether what is reserved is durably so.
    settled: bool,
}

impl JournalFile {
    /// Opens the journal at `path`, whose last good frame ends at `end`.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, end: u64) -> io::Result<Self> {
        let file = disk.open(path, Mode::Write)?;
        let reserved = file.len()?;
        Ok(Self { file, path: path.to_owned(), end, reserved, settled: false })
    }

    /// The same journal through a fresh descriptor.
    pub(crate) fn reopen(&mut self, disk: &dyn Disk) -> io::Result<()> {
        *self = Self::open(disk, &self.path, self.end)?;
        Ok(())
    }

    pub(crate) fn file(&self) -> &Arc<dyn DiskFile> {
        &self.file
    }

    /// Where the last good frame ends.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Makes sure that a frame of `length` bytes has its space, durably, and
    /// more ahead: log bytes without a record then show that a commit was
    /// interrupted (`strays.rs`).
    ///
    /// # Errors
    /// When there is no room for the frame itself.
    pub(crate) fn reserve(&mut self, length: usize) -> io::Result<()> {
        let end = self.end + length as u64;
        if self.reserved < end + AHEAD {
            let wanted = end + STEP;
            match self.file.allocate(wanted) {
                Ok(()) => (self.reserved, self.settled) = (wanted, false),
                Err(error) if is_full(&error) && self.reserved >= end => {}
                Err(error) => return Err(error),
            }
        }
        if !self.settled {
            self.file.sync()?;
            self.settled = true;
        }
        Ok(())
    }

    /// Writes a frame behind the last. It counts only after a sync and
    /// [`advance`](Self::advance).
    pub(crate) fn write(&self, frame: &[u8]) -> io::Result<()> {
        self.file.write_at(frame, self.end)
    }

    /// Writes the last good frame again, in place.
    pub(crate) fn rewrite_last(&self, frame: &[u8]) -> io::Result<()> {
        self.file.write_at(frame, self.end - frame.len() as u64)
    }

    /// Takes the frame of `length` bytes that was written as durable.
    pub(crate) fn advance(&mut self, length: usize) {
        self.end += length as u64;
    }

    /// Gives back what is reserved in the journal at `path` behind byte `end`, durably: its generation is closed. A disk
    /// that has no room even for that is left alone.
    pub(crate) fn trim(disk: &dyn Disk, path: &Path, end: u64) -> io::Result<()> {
        if disk.length(path)?.is_none_or(|length| length <= end) {
            return Ok(());
        }
        let file = disk.open(path, Mode::Write)?;
        match file.truncate(end).and_then(|()| file.sync()) {
            Err(error) if !is_full(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Forgets whatever lies behind the last good frame, durably. Gives the
    /// reserved space back: the next commit reserves anew.
    pub(crate) fn cut_tail(&mut self) -> io::Result<()> {
        self.file.truncate(self.end)?;
        self.file.sync()?;
        self.reserved = self.end;
        Ok(())
    }
}
