//! Existing files and streams as chunks of whole lines, none much longer than a line may be.
//!
//! In: a path (`-` for standard input): NDJSON, JSON arrays, lines that are JSON strings holding an object, or CSV
//! with a header; plain, gzip or zstd. Out: chunks of whole lines, each line ending in `\n`, and the SHA-256 of the
//! raw bytes. What an input is follows from its content; `.csv` makes the header an obligation.
//! Must hold: memory is bounded whatever the input; plain NDJSON passes as it is, in large blocks, so that a line may
//! hold several objects, as on a plain connection; nothing is dropped: what is no valid item is passed on for the
//! receiver to reject and count.
//!
//! Reading, hashing, decompressing and converting happen on a thread of the input's own, a few chunks ahead.

mod array;
mod csv;
mod item;
mod lines;
mod source;
mod structure;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use sha2::{Digest, Sha256};

use crate::error::ClientError;
use source::Source;

/// How much is read at once, and about how much a chunk holds.
const CHUNK: usize = 1 << 20;
/// How many chunks wait for the consumer.
const AHEAD: usize = 2;
/// How much of the content decides on the format.
const HEAD: usize = 64 << 10;

/// What an input's content turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One object a line; lines that are JSON strings holding an object are unwrapped.
    Lines,
    /// JSON arrays of objects.
    Array,
    /// Comma-separated values with a header.
    Csv,
}

/// An input being read: an iterator over chunks of whole lines.
///
/// After an error it ends, and there is no digest.
#[derive(Debug)]
pub struct Input {
    path: PathBuf,
    format: Format,
    length: Option<u64>,
    progress: Arc<AtomicU64>,
    digest: Arc<OnceLock<[u8; 32]>>,
    chunks: Option<Receiver<io::Result<Vec<u8>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Input {
    /// Opens `path`, `-` for standard input, finds out what it is, and starts reading.
    ///
    /// # Errors
    /// [`ClientError::Input`] if it cannot be opened or read, or is a `.csv` whose header names no service or time.
    pub fn open(path: &Path) -> Result<Self, ClientError> {
        let failed = |source| ClientError::Input { path: path.to_owned(), source };
        let progress = Arc::new(AtomicU64::new(0));
        let (source, length) = Source::open(path, Arc::clone(&progress)).map_err(failed)?;
        let reader = Reader::new(source, path).map_err(failed)?;
        let format = reader.converter.format();
        let digest = Arc::new(OnceLock::new());
        let (sender, chunks) = sync_channel(AHEAD);
        let result = Arc::clone(&digest);
        let thread = std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || reader.run(&sender, &result))
            .map_err(failed)?;
        let (chunks, thread) = (Some(chunks), Some(thread));
        Ok(Self { path: path.to_owned(), format, length, progress, digest, chunks, thread })
    }

    /// What the content turned out to be.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How many raw bytes there are, where that is known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// How many raw bytes have been read.
    pub fn position(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    /// The SHA-256 of the input's raw bytes (compressed, if it is): there once the iterator has ended without error.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        self.digest.get().copied()
    }
}

impl Iterator for Input {
    type Item = Result<Vec<u8>, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.chunks.as_ref()?.recv();
        let failed = match chunk {
            Ok(Ok(chunk)) => return Some(Ok(chunk)),
            Ok(Err(source)) => Some(source),
            Err(_) => None,
        };
        self.chunks = None;
        let panicked = self.thread.take().is_some_and(|thread| thread.join().is_err());
        let source = failed.or_else(|| panicked.then(|| io::Error::other("the reading thread panicked")))?;
        Some(Err(ClientError::Input { path: self.path.clone(), source }))
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // The thread ends when it next has a chunk to send. A file's comes at once; a terminal's may never come.
        self.chunks = None;
        if let Some(thread) = self.thread.take().filter(|_| self.length.is_some()) {
            // A panic was reported by the panic hook; there is nobody left to hand it to.
            let _ = thread.join();
        }
    }
}

/// One digest for a list of inputs: the SHA-256 of a single input's raw bytes; of several, the SHA-256 of theirs,
/// in order. It is the client id of a replay with acks. Reads all of them.
///
/// # Errors
/// [`ClientError::Input`] if one cannot be read; [`ClientError::Option`] for standard input, which cannot be read
/// twice.
pub fn digest(paths: &[PathBuf]) -> Result<[u8; 32], ClientError> {
    if paths.iter().any(|path| path == Path::new("-")) {
        return Err(ClientError::option("client", "not given", "an id, as standard input cannot be read twice"));
    }
    let digests: Vec<[u8; 32]> = paths.iter().map(|path| digest_one(path)).collect::<Result<_, _>>()?;
    match digests.as_slice() {
        [one] => Ok(*one),
        several => Ok(Sha256::digest(several.concat()).into()),
    }
}

fn digest_one(path: &Path) -> Result<[u8; 32], ClientError> {
    let digest = || {
        let mut file = std::fs::File::open(path)?;
        let mut sha256 = Sha256::new();
        let mut buffer = vec![0; CHUNK];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(sha256.finalize().into()),
                n => sha256.update(&buffer[..n]),
            }
        }
    };
    digest().map_err(|source| ClientError::Input { path: path.to_owned(), source })
}

/// Reads a source to its end; runs on the input's thread.
struct Reader {
    source: Source,
    head: Vec<u8>,
    converter: Converter,
    /// A chunk is handed over once it holds this much: standard input waits for nothing.
    enough: usize,
}

impl Reader {
    fn new(mut source: Source, path: &Path) -> io::Result<Self> {
        let head = read_head(&mut source)?;
        let converter = Converter::detect(&head, path)?;
        let enough = if path == Path::new("-") { 1 } else { CHUNK };
        Ok(Self { source, head, converter, enough })
    }

    fn run(mut self, chunks: &SyncSender<io::Result<Vec<u8>>>, digest: &OnceLock<[u8; 32]>) {
        let read = self.read(&mut |chunk| chunks.send(Ok(chunk)).is_ok());
        let finished = match read {
            Ok(true) => self.source.finish().map(|sha256| {
                let _ = digest.set(sha256);
            }),
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = finished {
            let _ = chunks.send(Err(error));
        }
    }

    /// Hands every chunk to `send`; false if it wants no more.
    fn read(&mut self, send: &mut dyn FnMut(Vec<u8>) -> bool) -> io::Result<bool> {
        let mut chunk = Vec::with_capacity(2 * CHUNK);
        let head = std::mem::take(&mut self.head);
        self.converter.push(content(&head), &mut chunk);
        let mut block = vec![0; CHUNK];
        loop {
            let n = match self.source.read(&mut block) {
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            match n {
                0 => self.converter.finish(&mut chunk),
                n => self.converter.push(&block[..n], &mut chunk),
            }
            let full = chunk.len() >= self.enough || (n == 0 && !chunk.is_empty());
            if full && !send(std::mem::replace(&mut chunk, Vec::with_capacity(2 * CHUNK))) {
                return Ok(false);
            }
            if n == 0 {
                return Ok(true);
            }
        }
    }
}

/// What the input begins with, behind a byte order mark and blank lines.
fn content(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start()
}

/// Reads until there is a line that is not blank, or enough to decide without.
fn read_head(source: &mut Source) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut block = vec![0; HEAD];
    while head.len() < HEAD && !content(&head).contains(&b'\n') {
        match source.read(&mut block) {
            Ok(0) => break,
            Ok(n) => head.extend_from_slice(&block[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

/// What turns an input's content into lines.
enum Converter {
    Lines(Box<lines::Lines>),
    Array(array::Arrays),
    Csv(Box<csv::Csv>),
}

impl Converter {
    fn detect(head: &[u8], path: &Path) -> io::Result<Self> {
        let content = content(head);
        let end = memchr::memchr(b'\n', content).unwrap_or(content.len());
        if content.starts_with(b"[") {
            return Ok(Self::Array(array::Arrays::default()));
        }
        if content.starts_with(b"{") || content.starts_with(br#""{"#) {
            return Ok(Self::Lines(Box::new(lines::Lines::new())));
        }
        match csv::Header::parse(&content[..end]) {
            Some(header) => Ok(Self::Csv(Box::new(csv::Csv::new(header)))),
            None if is_csv(path) && !content.is_empty() => {
                let problem = "the CSV header names no service (service, serviceName, service_name) or no time \
                               (timestamp, time, ts)";
                Err(io::Error::new(io::ErrorKind::InvalidData, problem))
            }
            None => Ok(Self::Lines(Box::new(lines::Lines::new()))),
        }
    }

    fn format(&self) -> Format {
        match self {
            Self::Lines(_) => Format::Lines,
            Self::Array(_) => Format::Array,
            Self::Csv(_) => Format::Csv,
        }
    }

    fn push(&mut self, block: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Lines(lines) => lines.push(block, out),
            Self::Array(arrays) => arrays.push(block, out),
            Self::Csv(csv) => csv.push(block, out),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Lines(lines) => lines.finish(out),
            Self::Array(arrays) => arrays.finish(out),
            Self::Csv(csv) => csv.finish(out),
        }
    }
}

/// Whether the name, without `.gz` and `.zst`, ends in `.csv`.
fn is_csv(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    name.ends_with(".csv")
}
