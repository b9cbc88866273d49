//! Dated files being staged: one or more a date, appended to as messages of that date come.
//!
//! What must hold: memory and open files are bounded, however many dates there are and in whatever order they come; a
//! file is synced before it is handed on.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schema::{Date, Micros};
use storage::{Disk, DiskFile, Mode};

use crate::files::FileSummary;

/// Messages of one date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) date: Date,
    /// As they go into the file.
    pub(super) bytes: Vec<u8>,
    pub(super) messages: u64,
    pub(super) least: Micros,
    pub(super) greatest: Micros,
}

impl Piece {
    pub(super) fn new(date: Date) -> Self {
        Self { date, bytes: Vec::new(), messages: 0, least: Micros::MAX, greatest: Micros::MIN }
    }

    pub(super) fn add(&mut self, object: &[u8], time: Micros) {
        self.bytes.extend_from_slice(object);
        self.bytes.push(b'\n');
        self.messages += 1;
        self.least = self.least.min(time);
        self.greatest = self.greatest.max(time);
    }
}

/// Where part `part` of the attempt in `folder` lies.
pub(super) fn part_path(folder: &Path, part: u64) -> PathBuf {
    folder.join(format!("{part:06}.ndjson"))
}

/// All dated files of one attempt.
#[derive(Debug)]
pub(super) struct DatedFiles<'a> {
    disk: &'a dyn Disk,
    folder: PathBuf,
    /// A file that has reached this length is followed by another.
    file_bytes: u64,
    growing: BTreeMap<Date, Growing>,
    buffered: usize,
    done: Vec<FileSummary>,
    parts: u64,
}

/// The file of a date that is appended to.
#[derive(Debug)]
struct Growing {
    /// Its number is the part's.
    staged: FileSummary,
    /// What is not written yet; counted in `staged`.
    buffer: Vec<u8>,
    written: u64,
    file: Option<Arc<dyn DiskFile>>,
}

/// Bytes buffered over all dates before all are written.
const BUFFERED: usize = 8 << 20;
/// Files kept open, and buffers kept, between writes.
const OPEN: usize = 64;

impl<'a> DatedFiles<'a> {
    /// None yet, in `folder`, which is made.
    pub(super) fn create(disk: &'a dyn Disk, folder: PathBuf, file_bytes: u64) -> io::Result<Self> {
        disk.create_folders(&folder)?;
        let (growing, done) = (BTreeMap::new(), Vec::new());
        Ok(Self { disk, folder, file_bytes, growing, buffered: 0, done, parts: 0 })
    }

    /// Appends messages to their date's file.
    pub(super) fn append(&mut self, piece: &Piece) -> io::Result<()> {
        let parts = &mut self.parts;
        let growing = self.growing.entry(piece.date).or_insert_with(|| {
            *parts += 1;
            Growing::new(*parts, piece.date)
        });
        growing.add(piece);
        self.buffered += piece.bytes.len();
        let full = growing.staged.length >= self.file_bytes;
        if self.buffered >= BUFFERED {
            self.write_all()?;
        }
        if full && let Some(mut full) = self.growing.remove(&piece.date) {
            self.buffered -= full.buffer.len();
            full.write(self.disk, &self.folder)?.sync()?;
            self.done.push(full.staged);
        }
        Ok(())
    }

    /// Makes all files durable; they come in the order of their parts.
    pub(super) fn finish(mut self) -> io::Result<Vec<FileSummary>> {
        self.write_all()?;
        let mut growing: Vec<Growing> = std::mem::take(&mut self.growing).into_values().collect();
        for some in growing.chunks_mut(OPEN) {
            let files: io::Result<Vec<_>> = some.iter_mut().map(|one| one.write(self.disk, &self.folder)).collect();
            self.disk.sync_together(&files?.iter().collect::<Vec<_>>())?;
            some.iter_mut().for_each(|one| one.file = None);
        }
        self.done.extend(growing.into_iter().map(|growing| growing.staged));
        self.done.sort_by_key(|file| file.seq);
        self.disk.sync_folder(&self.folder)?;
        Ok(self.done)
    }

    /// Writes all buffers; keeps some files open and some buffers.
    fn write_all(&mut self) -> io::Result<()> {
        for (index, growing) in self.growing.values_mut().enumerate() {
            growing.write(self.disk, &self.folder)?;
            if index >= OPEN {
                (growing.file, growing.buffer) = (None, Vec::new());
            }
        }
        self.buffered = 0;
        Ok(())
    }
}

impl Growing {
    fn new(part: u64, date: Date) -> Self {
        let (least, greatest) = (Micros::MAX, Micros::MIN);
        let staged = FileSummary { seq: part, date, length: 0, crc32c: 0, messages: 0, least, greatest };
        Self { staged, buffer: Vec::new(), written: 0, file: None }
    }

    fn add(&mut self, piece: &Piece) {
        let staged = &mut self.staged;
        staged.length += piece.bytes.len() as u64;
        staged.crc32c = crc32c::crc32c_append(staged.crc32c, &piece.bytes);
        staged.messages += piece.messages;
        staged.least = staged.least.min(piece.least);
        staged.greatest = staged.greatest.max(piece.greatest);
        self.buffer.extend_from_slice(&piece.bytes);
    }

    /// Writes the buffer; gives the file, open.
    fn write(&mut self, disk: &dyn Disk, folder: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => disk.open(&part_path(folder, self.staged.seq), Mode::Write)?,
        };
        file.write_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        self.file = Some(Arc::clone(&file));
        Ok(file)
    }
}
