//! Frames: the envelope of everything in a journal. The bytes are in
//! `journal.rs`.

use std::ops::Range;

/// Frames begin at multiples of this, so that no header spans two sectors.
pub(crate) const ALIGN: usize = 16;
/// The length of a frame's header.
pub(crate) const HEADER: usize = 16;
/// The longest frame that is believed: far more than the largest opening.
pub(crate) const LONGEST: usize = 256 << 20;

const TRAILER: usize = 8;
const END_MARK: [u8; 4] = *b"END\n";

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The snapshot a journal opens with.
    Opening,
    /// One commit.
    Commit,
}

impl Kind {
    const fn magic(self) -> [u8; 4] {
        match self {
            Self::Opening => [0x89, b'H', b'G', b'O'],
            Self::Commit => [0x89, b'H', b'G', b'C'],
        }
    }

    /// Whether `seen` is the magic, or what is left of it once its front is lost.
    fn may_be(self, seen: &[u8]) -> bool {
        let lost = seen.iter().take_while(|byte| **byte == 0).count();
        seen[lost..] == self.magic()[lost..]
    }
}

/// A frame's header, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// The length of the whole frame.
    pub(crate) length: usize,
    body: usize,
}

impl Header {
    /// The header at the start of `bytes`, or `None` if there is none that fits its checksum.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let fits = |kind: &Kind| kind.may_be(&header[..4]) && checksum(*kind, &header[..12]) == u32_at(header, 12);
        let kind = [Kind::Commit, Kind::Opening].into_iter().find(fits)?;
        let (length, body) = (u32_at(header, 4) as usize, u32_at(header, 8) as usize);
        (length == frame_length(body) && length <= LONGEST).then_some(Self { kind, length, body })
    }

    /// Where the body lies in `frame`, if the frame's checksum fits. `frame` is `self.length` long.
    pub(crate) fn check(&self, frame: &[u8]) -> Option<Range<usize>> {
        let sealed = self.length - TRAILER;
        let fits = u32_at(frame, sealed) == checksum(self.kind, &frame[..sealed]);
        fits.then_some(HEADER..HEADER + self.body)
    }
}

/// CRC-32C of `bytes`, the start of a frame, with the magic as it has to be.
fn checksum(kind: Kind, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&kind.magic()), &bytes[4..])
}

/// Puts `body` into a frame. `None` when it is longer than a frame may be.
pub(crate) fn frame(kind: Kind, body: &[u8]) -> Option<Vec<u8>> {
    let length = frame_length(body.len());
    if length > LONGEST {
        return None;
    }
    let mut frame = Vec::with_capacity(length);
    frame.extend_from_slice(&kind.magic());
    frame.extend_from_slice(&(length as u32).to_le_bytes());
    frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
    frame.extend_from_slice(&crc32c::crc32c(&frame).to_le_bytes());
    frame.extend_from_slice(body);
    frame.resize(length - TRAILER, 0);
    frame.extend_from_slice(&crc32c::crc32c(&frame).to_le_bytes());
    frame.extend_from_slice(&END_MARK);
    Some(frame)
}

/// Whether a whole frame, checksums and all, begins at the start of `bytes`.
pub(crate) fn begins_whole(bytes: &[u8]) -> bool {
    Header::parse(bytes)
        .is_some_and(|header| bytes.get(..header.length).is_some_and(|frame| header.check(frame).is_some()))
}

/// The first bytes of any frame, however torn.
pub(crate) fn is_magic_prefix(bytes: &[u8]) -> bool {
    let seen = bytes.len().min(4);
    [Kind::Opening, Kind::Commit].iter().any(|kind| kind.magic()[..seen] == bytes[..seen])
}

fn frame_length(body: usize) -> usize {
    body.saturating_add(HEADER + TRAILER).next_multiple_of(ALIGN)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}
