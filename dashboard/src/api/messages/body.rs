//! The body of a submission: fetched whole, bounded, and read as lines.
//!
//! In: the body as sent, with its `Content-Type` and `Content-Encoding`. Out: its lines, to be read as often as one
//! likes, from memory: unpacked and, if it is a JSON array, taken apart while it is read.
//!
//! What must hold: nothing of a body is handed over unless all of it is here and can be read to its end; one body takes
//! no more than [`SENT`] bytes of memory however much it unpacks to, and all together no more than [`TOGETHER`].

use std::io::{self, BufReader, Cursor, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::array::Elements;

/// Bytes of a body, as sent.
pub(super) const SENT: usize = 8 << 20;

/// Bytes of it, unpacked.
pub(super) const UNPACKED: u64 = 32 << 20;

/// Bytes of all bodies held at the same moment.
const TOGETHER: usize = 64 << 20;

/// How long a body may take to arrive.
const TIME: Duration = Duration::from_secs(60);

/// A body that will be refused is read on for so long: closing with bytes unread would take the answer back.
const FAREWELL: Duration = Duration::from_secs(2);

/// Memory for bodies. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Bodies(Arc<Semaphore>);

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
}

/// What a body may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines.
    Lines,
    /// One array if it begins like one, else lines.
    Json,
}

/// A body that is here.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    bytes: Bytes,
    packing: Packing,
    form: Form,
    /// It is a JSON array: known once it is checked.
    array: bool,
    /// The memory is its own until the last reader is gone.
    _memory: Arc<Option<OwnedSemaphorePermit>>,
}

/// Why a body is refused.
#[derive(Debug)]
pub(super) enum Unusable {
    /// It is larger than allowed; in which way.
    TooLarge(String),
    /// All bodies together are.
    NoMemory,
    /// It did not arrive in time.
    TooSlow,
    /// It broke off, or is not what it says.
    Broken(String),
}

impl Default for Bodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TOGETHER)))
    }
}

impl Bodies {
    /// Fetches a body.
    pub(super) async fn fetch(&self, mut body: Body, form: Form, packing: Packing) -> Result<Whole, Unusable> {
        let until = Instant::now() + TIME;
        let (mut bytes, mut memory) = (Vec::new(), None::<OwnedSemaphorePermit>);
        loop {
            let piece = match tokio::time::timeout_at(until, next(&mut body)).await {
                Ok(Some(Ok(piece))) => piece,
                Ok(Some(Err(error))) => return Err(Unusable::Broken(format!("the body broke off: {error}"))),
                Ok(None) => {
                    return Ok(Whole { bytes: bytes.into(), packing, form, array: false, _memory: Arc::new(memory) });
                }
                Err(_) => return Err(Unusable::TooSlow),
            };
            if bytes.len() + piece.len() > SENT {
                return Err(refused(body, too_large()).await);
            }
            // Grown by at least as much again, so that bytes are copied once or twice.
            let missing = (bytes.len() + piece.len()).saturating_sub(bytes.capacity());
            if missing > 0 {
                let more = missing.max(bytes.capacity()).min(SENT - bytes.capacity());
                let Ok(permit) = Arc::clone(&self.0).try_acquire_many_owned(u32::try_from(more).unwrap_or(u32::MAX))
                else {
                    return Err(refused(body, Unusable::NoMemory).await);
                };
                match &mut memory {
                    Some(memory) => memory.merge(permit),
                    None => memory = Some(permit),
                }
                bytes.reserve_exact(bytes.capacity() + more - bytes.len());
            }
            bytes.extend_from_slice(&piece);
        }
    }
}

impl Whole {
    /// Looks what it is, and reads it to its end once, so that whoever reads it afterwards meets no error. Takes as
    /// long as unpacking does.
    pub(super) fn checked(mut self) -> Result<Self, Unusable> {
        self.array = self.form == Form::Json && begins_an_array(self.unpacked()).map_err(unusable)?;
        if self.packing != Packing::None || self.array {
            io::copy(&mut self.lines(), &mut io::sink()).map_err(unusable)?;
        }
        Ok(self)
    }

    /// Its lines.
    pub(super) fn lines(&self) -> Box<dyn Read + Send> {
        match self.array {
            true => Box::new(Elements::new(self.unpacked())),
            false => self.unpacked(),
        }
    }

    fn unpacked(&self) -> Box<dyn Read + Send> {
        let bytes = Cursor::new(Held { bytes: self.bytes.clone(), _memory: Arc::clone(&self._memory) });
        match self.packing {
            Packing::None => Box::new(bytes),
            Packing::Gzip => Box::new(Unpacked { from: MultiGzDecoder::new(bytes), left: UNPACKED }),
        }
    }
}

/// Whether the first byte that is not white space opens an array.
fn begins_an_array(text: impl Read) -> io::Result<bool> {
    for byte in BufReader::new(text).bytes() {
        match byte? {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            byte => return Ok(byte == b'['),
        }
    }
    Ok(false)
}

/// Bytes, and the right to hold them.
struct Held {
    bytes: Bytes,
    _memory: Arc<Option<OwnedSemaphorePermit>>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// What was packed, as much as is allowed.
struct Unpacked<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let named = |error| io::Error::other(format!("the body is no whole gzip stream: {error}"));
        let read = self.from.read(into).map_err(named)?;
        let too_large = || io::Error::from(io::ErrorKind::FileTooLarge);
        self.left = self.left.checked_sub(read as u64).ok_or_else(too_large)?;
        Ok(read)
    }
}

fn unusable(error: io::Error) -> Unusable {
    let limit = UNPACKED >> 20;
    match error.kind() {
        io::ErrorKind::FileTooLarge => {
            Unusable::TooLarge(format!("unpacked, the body is larger than {limit} MiB: send less at once"))
        }
        _ => Unusable::Broken(error.to_string()),
    }
}

/// The next bytes of a body.
async fn next(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        match frame.map(|frame| frame.into_data()) {
            Ok(Ok(bytes)) => return Some(Ok(bytes)),
            // Trailers say nothing here.
            Ok(Err(_)) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

pub(super) fn too_large() -> Unusable {
    Unusable::TooLarge(format!("the body is larger than {} MiB: send less at once", SENT >> 20))
}

async fn refused(body: Body, why: Unusable) -> Unusable {
    pass_over(body).await;
    why
}

/// Reads on for a while what will not be taken, so that the client gets to reading why.
pub(crate) async fn pass_over(mut body: Body) {
    let rest = async { while let Some(Ok(_)) = next(&mut body).await {} };
    let _ = tokio::time::timeout(FAREWELL, rest).await;
}
