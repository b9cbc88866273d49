//! Where lines are read from: a local file, or the store.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use bytes::Bytes;
use log::DatedFile;
use parking_lot::Mutex;
use storage::{Key, Pieces, Store};
use tokio::runtime::Handle;

use crate::error::{Result, ViewError};

/// How much is asked of a store that is not local beyond what is to be read, so that a last line comes whole.
const BEYOND: u64 = 4 << 10;

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
    Store(Mutex<Stream<'a>>),
}

/// A file of a store that is not local, read from front to back: the store sends ahead what is to be read.
struct Stream<'a> {
    store: &'a dyn Store,
    key: &'a Key,
    handle: &'a Handle,
    /// The end of what is to be read.
    end: u64,
    pieces: Option<Box<dyn Pieces + 'a>>,
    /// What has come and is not read yet.
    piece: Bytes,
    /// Where that stands in the file.
    at: u64,
}

impl Stream<'_> {
    /// Fills `buffer` from byte `at` on, up to the end of the file.
    fn read(&mut self, buffer: &mut [u8], at: u64) -> Result<usize> {
        if self.at != at {
            (self.pieces, self.piece, self.at) = (None, Bytes::new(), at);
        }
        let mut filled = 0;
        while filled < buffer.len() && self.fetch((buffer.len() - filled) as u64)? {
            let length = self.piece.len().min(buffer.len() - filled);
            buffer[filled..filled + length].copy_from_slice(&self.piece.split_to(length));
            filled += length;
            self.at += length as u64;
        }
        Ok(filled)
    }

    /// Waits for the next piece, of `wanted` bytes at least where none is on its way; false where the file ends.
    fn fetch(&mut self, wanted: u64) -> Result<bool> {
        let mut fresh = false;
        while self.piece.is_empty() {
            let Some(pieces) = &mut self.pieces else {
                let end = self.end.max(self.at + wanted);
                self.pieces = Some(self.handle.block_on(self.store.read_pieces(self.key, self.at..end))?);
                fresh = true;
                continue;
            };
            match self.handle.block_on(pieces.next())? {
                Some(piece) => self.piece = piece,
                None if fresh => return Ok(false),
                None => self.pieces = None,
            }
        }
        Ok(true)
    }
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
                    let (pieces, piece) = (None, Bytes::new());
                    let stream = Stream { store, key, handle, end: 0, pieces, piece, at: 0 };
                    (Source::Store(Mutex::new(stream)), handle.block_on(store.length(key))?)
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

    /// Says up to where lines are going to be read.
    pub(crate) fn expect(&self, end: u64) {
        if let Source::Store(stream) = &self.source {
            stream.lock().end = self.input.range.end.min(end + BEYOND);
        }
    }

    /// Fills `buffer` from byte `at` on; fewer bytes, or none, only where the file ends.
    pub(crate) fn read(&self, buffer: &mut [u8], at: u64) -> Result<usize> {
        match &self.source {
            Source::File(file) => file.read_at(buffer, at).map_err(|why| unreadable(self.input, why)),
            Source::Store(stream) => stream.lock().read(buffer, at),
        }
    }
}

fn unreadable(input: &Input, source: std::io::Error) -> ViewError {
    ViewError::io("read", input.place.to_string(), source)
}
