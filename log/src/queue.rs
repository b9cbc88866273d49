//! The queue: one CSV row a durable message, for the realtime views.
//!
//! # Format
//! `queue/gen-<g:010>.csv`: the header line `service,time_stamp,cpu,ram,disk`
//! (the metrics as the store has them), then one row a message in the log's
//! order, as [`schema::queue_row`] writes it.
//!
//! What must hold: rows are appended only after their commit is durable, so no
//! reader sees a row that a crash takes back. The file is never synced and may
//! lag; it is a pure function of the log, and whatever does not fit the
//! journal's lengths and checksums is derived again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schema::{Metrics, Position, queue_row};
use storage::{Disk, DiskFile, Mode};

use crate::error::LogError;
use crate::files::LogSlice;
use crate::journal::Record;
use crate::rows::Rows;
use crate::window::Window;

/// The open generation's queue, and how much of the log it has.
#[derive(Debug)]
pub(crate) struct Queue {
    path: PathBuf,
    /// `None` after a failure: opened again the next time.
    file: Option<Arc<dyn DiskFile>>,
    written: u64,
    /// The rows of the log up to here are in the file.
    through: Position,
    header: Vec<u8>,
}

impl Queue {
    /// A queue of which nothing is known to be on disk yet; its log begins at
    /// `start`.
    pub(crate) fn new(path: PathBuf, metrics: &Metrics, start: Position) -> Self {
        Self { path, file: None, written: 0, through: start, header: header(metrics) }
    }

    pub(crate) fn through(&self) -> Position {
        self.through
    }

    /// How long the file is, with its header, as far as it is right; 0 before it is begun.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Appends rows of log bytes that end at `to`, if all before are in.
    pub(crate) fn append(&mut self, disk: &dyn Disk, rows: &[u8], to: Position) -> io::Result<()> {
        let file = self.file(disk)?;
        let done = file.write_at(rows, self.written);
        if done.is_err() {
            self.file = None;
        }
        done?;
        self.written += rows.len() as u64;
        self.through = to;
        Ok(())
    }

    /// Appends the rows of these slices, which go on from [`through`](Self::through).
    pub(crate) fn derive(&mut self, disk: &dyn Disk, slices: &[LogSlice], rows: &mut Rows) -> Result<(), LogError> {
        for slice in slices {
            let (before, begun) = (self.written, self.through);
            let end = Position { seq: slice.seq, offset: slice.bytes.end };
            let derived: Result<(), LogError> = rows.of_slice(disk, slice, |rows| Ok(self.append(disk, rows, begun)?));
            if derived.is_err() {
                (self.written, self.file) = (before, None);
            }
            derived?;
            self.through = end;
        }
        Ok(())
    }

    /// Makes the file exist, cut to what is known to be right in it.
    pub(crate) fn open(&mut self, disk: &dyn Disk) -> Result<(), LogError> {
        self.file(disk)?;
        Ok(())
    }

    /// Fails when, with all rows in, the file's length is not the journal's.
    pub(crate) fn expect(&self, queue_len: u64) -> Result<(), LogError> {
        if self.written == queue_len {
            return Ok(());
        }
        let problem = format!("its rows are {} bytes, the journal says {queue_len}", self.written);
        Err(LogError::corrupt(&self.path, problem))
    }

    /// The file, cut to what is known to be right in it.
    fn file(&mut self, disk: &dyn Disk) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        if let Some(folder) = self.path.parent() {
            disk.create_folders(folder)?;
        }
        let file = disk.open(&self.path, Mode::Write)?;
        file.truncate(self.written)?;
        if self.written == 0 {
            file.write_at(&self.header, 0)?;
            self.written = self.header.len() as u64;
        }
        self.file = Some(Arc::clone(&file));
        Ok(file)
    }
}

/// The header line, with its `\n`.
pub(crate) fn header(metrics: &Metrics) -> Vec<u8> {
    let mut header = Vec::new();
    queue_row::header(&mut header, metrics);
    header
}

/// Compares a queue with the journal, commit by commit, up to the first that
/// does not fit.
pub(crate) struct Check {
    queue: Queue,
    /// `None` from the first misfit on.
    window: Option<Window>,
}

impl Check {
    /// Begins at the header of the file at `queue`'s path.
    pub(crate) fn begin(disk: &dyn Disk, mut queue: Queue) -> Self {
        let window = open_behind_header(disk, &queue.path, &queue.header).unwrap_or(None);
        if window.is_some() {
            queue.written = queue.header.len() as u64;
        }
        Self { queue, window }
    }

    /// Goes on with the next commit.
    pub(crate) fn step(&mut self, record: &Record) {
        let Some(window) = &mut self.window else { return };
        match rows_of(window, record) {
            Ok(Some(rows)) => {
                window.consume(rows);
                self.queue.written = record.queue_len;
                self.queue.through = record.end();
            }
            Ok(None) | Err(_) => self.window = None,
        }
    }

    /// The queue, up to where it fits.
    pub(crate) fn finish(self) -> Queue {
        self.queue
    }
}

/// How many bytes of rows the window has next, if they are those of `record`.
pub(crate) fn rows_of(window: &mut Window, record: &Record) -> io::Result<Option<usize>> {
    let Some(length) = record.queue_len.checked_sub(window.offset()) else { return Ok(None) };
    let rows = window.fill(length as usize)?.get(..length as usize);
    let fits = rows.is_some_and(|rows| crc32c::crc32c(rows) == record.queue_crc32c);
    Ok(fits.then_some(length as usize))
}

fn open_behind_header(disk: &dyn Disk, path: &Path, header: &[u8]) -> io::Result<Option<Window>> {
    let mut window = Window::new(disk.open(path, Mode::Read)?, 0);
    let fits = window.fill(header.len())?.starts_with(header);
    window.consume(header.len().min(window.seen().len()));
    Ok(fits.then_some(window))
}
