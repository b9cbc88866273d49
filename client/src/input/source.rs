//! An input's raw bytes: opened, hashed as they pass, decompressed.
//!
//! In: a path, `-` for standard input. Out: decompressed bytes, and at the end SHA-256 and number of the raw ones.
//! Must hold: every raw byte is hashed exactly once, also those behind the end of the compressed stream; which
//! compression it is follows from the first bytes, not from the name.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// Raw bytes are read and hashed in pieces of this size.
const PIECE: usize = 256 << 10;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Compressed bytes: the first few, read already, and the rest.
type Raw = Chain<Cursor<Vec<u8>>, BufReader<Hashed>>;

/// An opened input.
pub(super) enum Source {
    Plain(Chain<Cursor<Vec<u8>>, Hashed>),
    Gzip(Box<flate2::read::MultiGzDecoder<Raw>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<Raw>>>),
}

impl Source {
    /// Opens `path`; `progress` counts the raw bytes read. Also returns how many there will be, where it is known.
    pub(super) fn open(path: &Path, progress: Arc<AtomicU64>) -> io::Result<(Self, Option<u64>)> {
        if path == Path::new("-") {
            return Ok((Self::new(Box::new(io::stdin()), progress)?, None));
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder; name the files in it"));
        }
        let length = metadata.is_file().then_some(metadata.len());
        Ok((Self::new(Box::new(file), progress)?, length))
    }

    /// Reads from `raw`.
    pub(super) fn new(raw: Box<dyn Read + Send>, progress: Arc<AtomicU64>) -> io::Result<Self> {
        let mut raw = Hashed { raw, sha256: Sha256::new(), progress };
        let mut magic = Vec::with_capacity(ZSTD.len());
        raw.by_ref().take(ZSTD.len() as u64).read_to_end(&mut magic)?;
        let head = |magic| Cursor::new(magic);
        Ok(if magic.starts_with(GZIP) {
            let raw = head(magic).chain(BufReader::with_capacity(PIECE, raw));
            Self::Gzip(Box::new(flate2::read::MultiGzDecoder::new(raw)))
        } else if magic == ZSTD {
            let raw = head(magic).chain(BufReader::with_capacity(PIECE, raw));
            Self::Zstd(Box::new(zstd::Decoder::new(raw)?))
        } else {
            Self::Plain(head(magic).chain(raw))
        })
    }

    /// Reads what is left of the raw bytes; returns the SHA-256 of all of them.
    pub(super) fn finish(self) -> io::Result<[u8; 32]> {
        let mut raw = match self {
            Self::Plain(plain) => plain.into_inner().1,
            Self::Gzip(gzip) => gzip.into_inner().into_inner().1.into_inner(),
            Self::Zstd(zstd) => zstd.finish().into_inner().into_inner().1.into_inner(),
        };
        io::copy(&mut raw, &mut io::sink())?;
        Ok(raw.sha256.finalize().into())
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(plain) => plain.read(buffer),
            Self::Gzip(gzip) => gzip.read(buffer),
            Self::Zstd(zstd) => zstd.read(buffer),
        }
    }
}

/// Hashes and counts what is read through it.
pub(super) struct Hashed {
    raw: Box<dyn Read + Send>,
    sha256: Sha256,
    progress: Arc<AtomicU64>,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.raw.read(buffer)?;
        self.sha256.update(&buffer[..n]);
        self.progress.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
