//! Where lines are read from: a local file, or the store.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use bytes::Bytes;
use log::DatedFile;
use parking_lot::Mutex;
use storage::{Key, Store};
use tokio::runtime::Handle;

use crate::error::{Result, ViewError};

/// Bytes asked of a store that is not local at once.
const READ_AHEAD: u64 = 4 << 20;

/// A stretch of whole lines.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// The file.
    pub place: Place,
    /// Which bytes of it; both ends are line boundaries.
    pub range: Range<u64>,
    /// What those bytes are, where a cut says so.
    pub expected: Option<Expected>,
}

/// What a cut says of a dated file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Their CRC-32C.
    pub crc32c: u32,
    /// How many messages they hold.
    pub messages: u64,
    /// Whether the file ends with them.
    pub ends: bool,
}

impl Expected {
    /// What a cut says of all that it names of a file.
    pub(crate) fn of(file: &DatedFile) -> Self {
        Self { crc32c: file.crc32c, messages: file.messages, ends: !file.goes_on }
    }
}

/// Where lines lie.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A file of this machine.
    Local(PathBuf),
    /// A file of the store.
    Stored(Key),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Local(path) => path.display().fmt(f),
            Place::Stored(key) => key.fmt(f),
        }
    }
}

/// An open input.
pub(crate) struct Lines<'a> {
    input: &'a Input,
    source: Source<'a>,
}

enum Source<'a> {
    File(File),
    Store { store: &'a dyn Store, key: &'a Key, handle: &'a Handle, ahead: Mutex<(u64, Bytes)> },
}

impl<'a> Lines<'a> {
    /// Opens `input` and checks its length: as a cut says, or at least up to the range's end.
    pub(crate) fn open(input: &'a Input, store: &'a dyn Store, handle: &'a Handle) -> Result<Self> {
        let of_file = |file: File| match file.metadata() {
            Ok(metadata) => Ok((Source::File(file), Some(metadata.len()))),
            Err(why) => Err(unreadable(input, why)),
        };
        let (source, length) = match &input.place {
            Place::Local(path) => of_file(File::open(path).map_err(|why| unreadable(input, why))?)?,
            Place::Stored(key) => match store.local_path(key).map(File::open) {
                Some(Ok(file)) => of_file(file)?,
                _ => {
                    (Source::Store { store, key, handle, ahead: Mutex::default() }, handle.block_on(store.length(key))?)
                }
            },
        };
        let Some(length) = length else {
            return Err(ViewError::dated_file(&input.place, "it is not in the store"));
        };
        let ends = matches!(input.place, Place::Stored(_)) && input.expected.is_some_and(|expected| expected.ends);
        if length < input.range.end || ends && length > input.range.end {
            let why = format!("it is {length} bytes long, {} are expected", input.range.end);
            return Err(ViewError::dated_file(&input.place, why));
        }
        Ok(Lines { input, source })
    }

    /// Fills `buffer` from byte `at` on; fewer bytes, or none, only where the file ends.
    pub(crate) fn read(&self, buffer: &mut [u8], at: u64) -> Result<usize> {
        match &self.source {
            Source::File(file) => file.read_at(buffer, at).map_err(|why| unreadable(self.input, why)),
            Source::Store { store, key, handle, ahead } => {
                let mut ahead = ahead.lock();
                let held = ahead.0..ahead.0 + ahead.1.len() as u64;
                if !held.contains(&at) {
                    let end = self.input.range.end.min(at + READ_AHEAD);
                    *ahead = (at, handle.block_on(store.read_range(key, at..end))?);
                }
                let rest = ahead.1.slice((at - ahead.0) as usize..);
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                Ok(length)
            }
        }
    }
}

fn unreadable(input: &Input, source: std::io::Error) -> ViewError {
    ViewError::io("read", input.place.to_string(), source)
}
