//! The bytes of a view, for the Parquet reader: a file, memory, or a stretch of
//! either that was read in one go. Files are read, never mapped.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use bytes::{Buf, Bytes};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// Where a view's bytes are.
#[derive(Debug)]
pub(super) enum Source {
    File { file: File, length: u64 },
    Memory(Bytes),
}

impl Source {
    /// Memory that it takes.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Source::File { .. } => 0,
            Source::Memory(bytes) => bytes.len(),
        }
    }

    pub(super) fn read(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        let outside = || std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "it is too short");
        if range.start > range.end || range.end > self.len() {
            return Err(outside());
        }
        match self {
            Source::Memory(bytes) => Ok(bytes.slice(range.start as usize..range.end as usize)),
            Source::File { file, .. } => {
                let mut bytes = vec![0; (range.end - range.start) as usize];
                file.read_exact_at(&mut bytes, range.start)?;
                Ok(bytes.into())
            }
        }
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        match self {
            Source::File { length, .. } => *length,
            Source::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Source {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.read(start..self.len())?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        Ok(self.read(start..start.saturating_add(length as u64))?)
    }
}

/// A stretch of a file in memory, addressed as in the file.
pub(super) struct Window {
    pub(super) start: u64,
    pub(super) bytes: Bytes,
}

impl Length for Window {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for Window {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let end = self.len();
        Ok(self.get_bytes(start, end.saturating_sub(start) as usize)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let from = start.checked_sub(self.start).map(|from| from as usize);
        let to = from.and_then(|from| from.checked_add(length)).filter(|&to| to <= self.bytes.len());
        match (from, to) {
            (Some(from), Some(to)) => Ok(self.bytes.slice(from..to)),
            _ => Err(ParquetError::EOF(format!("{length} bytes at {start} lie outside the row group"))),
        }
    }
}
