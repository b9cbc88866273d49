//! What does not fit in `rebuild.memory`: sorted runs on disk, merged at the end.
//!
//! Enters: tables that have grown too large. Leaves: every row once, merged, by
//! service (bytewise), then minute. What must hold: the file has no name, so
//! whatever becomes of the process, nothing stays behind; it is never read
//! after a crash, hence never synced.
//!
//! All runs lie in one file, one after the other, as canonical rows
//! (`row_bytes`); the merge reads each through a buffer that gets smaller as
//! runs get more, so memory stays bounded and one descriptor is enough.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Result, ViewError};
use crate::fold::{Row, Table, by_service_then_minute};
use crate::row_bytes::{self, OwnedRow};

/// Bytes that the buffers of a merge take together.
const MERGE_BYTES: usize = 8 << 20;
/// Bytes of one of them: at least a few rows, at most what a read is worth.
const BUFFER_BYTES: Range<usize> = 4 << 10..256 << 10;

/// Sorted runs of rows in an unnamed file.
#[derive(Debug)]
pub(crate) struct Spill {
    folder: PathBuf,
    width: usize,
    file: Option<File>,
    runs: Vec<Range<u64>>,
}

impl Spill {
    /// No runs yet; the first makes a file in `folder`.
    pub(crate) fn new(folder: &Path, width: usize) -> Self {
        Spill { folder: folder.to_owned(), width, file: None, runs: Vec::new() }
    }

    /// Whether nothing was spilled.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Writes the rows of `table` as one more run.
    ///
    /// # Errors
    /// `Io` with the folder.
    pub(crate) fn add(&mut self, table: &Table) -> Result<()> {
        let start = self.runs.last().map_or(0, |run| run.end);
        let end = self.write(table, start).map_err(|source| ViewError::io("spill to", &self.folder, source))?;
        self.runs.push(start..end);
        Ok(())
    }

    fn write(&mut self, table: &Table, start: u64) -> io::Result<u64> {
        let file = match self.file.take() {
            Some(file) => self.file.insert(file),
            None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
        };
        file.seek(SeekFrom::Start(start))?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let (mut bytes, mut end) = (Vec::new(), start);
        for row in table.rows() {
            bytes.clear();
            row_bytes::encode(&row, &mut bytes);
            out.write_all(&bytes)?;
            end += bytes.len() as u64;
        }
        out.flush()?;
        Ok(end)
    }

    /// Gives every row, equal ones merged, by service, then minute.
    ///
    /// # Errors
    /// `Io` with the folder, and whatever `sink` returns.
    pub(crate) fn merge(&self, mut sink: impl FnMut(Row<'_>) -> Result<()>) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let failed = |source| ViewError::io("read the spill in", &self.folder, source);
        let size = (MERGE_BYTES / self.runs.len()).clamp(BUFFER_BYTES.start, BUFFER_BYTES.end);
        let mut heap = BinaryHeap::with_capacity(self.runs.len());
        for run in &self.runs {
            heap.extend(Run::open(file, run.clone(), self.width, size).map_err(failed)?.map(Reverse));
        }
        let mut current: Option<OwnedRow> = None;
        while let Some(mut top) = heap.peek_mut() {
            let run = &mut top.0;
            match &mut current {
                Some(row) if row.minute == run.row.minute && row.service == run.row.service => row.merge(&run.row),
                _ => {
                    if let Some(row) = current.replace(run.row.clone()) {
                        sink(row.as_row())?;
                    }
                }
            }
            if !run.advance().map_err(failed)? {
                PeekMut::pop(top);
            }
        }
        current.map_or(Ok(()), |row| sink(row.as_row()))
    }
}

/// One run being read; ordered by the row it stands at.
struct Run<'a> {
    rows: Rows<'a>,
    width: usize,
    row: OwnedRow,
}

impl<'a> Run<'a> {
    /// Stands at the first row; `None` without one.
    fn open(file: &'a File, unread: Range<u64>, width: usize, size: usize) -> io::Result<Option<Self>> {
        let mut rows = Rows { file, unread, buffer: Vec::new(), at: 0, size };
        let row = rows.next(|bytes| OwnedRow::decode(bytes, width))?;
        Ok(row.map(|row| Run { rows, width, row }))
    }

    /// Goes to the next row; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        let (row, width) = (&mut self.row, self.width);
        let length = self.rows.next(|bytes| row.decode_again(bytes, width).map(|length| ((), length)))?;
        Ok(length.is_some())
    }
}

/// The bytes of a run, read through a buffer.
struct Rows<'a> {
    file: &'a File,
    unread: Range<u64>,
    buffer: Vec<u8>,
    at: usize,
    size: usize,
}

impl Rows<'_> {
    /// Decodes the next row, reading on until there is a whole one; `None` at the end.
    fn next<T>(&mut self, mut decode: impl FnMut(&[u8]) -> Option<(T, usize)>) -> io::Result<Option<T>> {
        loop {
            if let Some((row, length)) = decode(&self.buffer[self.at..]) {
                self.at += length;
                return Ok(Some(row));
            }
            if self.unread.is_empty() {
                let whole = self.at == self.buffer.len();
                return if whole { Ok(None) } else { Err(io::Error::other("a spilled row cannot be read")) };
            }
            self.buffer.drain(..self.at);
            self.at = 0;
            let (kept, more) = (self.buffer.len(), self.size.min((self.unread.end - self.unread.start) as usize));
            self.buffer.resize(kept + more, 0);
            self.file.read_exact_at(&mut self.buffer[kept..], self.unread.start)?;
            self.unread.start += more as u64;
        }
    }
}

impl Ord for Run<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        by_service_then_minute(&self.row.as_row(), &other.row.as_row())
    }
}

impl PartialOrd for Run<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Run<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Run<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::{count, messages, plain, table};

    proptest! {
        #[test]
        fn runs_merge_to_what_one_table_would_hold(runs in prop::collection::vec(messages(60), 0..12)) {
            let folder = tempfile::tempdir().unwrap();
            let mut spill = Spill::new(folder.path(), 3);
            for run in &runs {
                spill.add(&table(run)).unwrap();
            }
            let mut merged = Vec::new();
            spill.merge(|row| { merged.push(plain(row)); Ok(()) }).unwrap();
            prop_assert!(merged.is_sorted_by(|a, b| a.0 < b.0));
            prop_assert_eq!(merged.into_iter().collect::<crate::fixture::Model>(), count(runs.iter().flatten()));
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}
