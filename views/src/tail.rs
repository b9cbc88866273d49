//! The end of the log: lines that no view holds yet, parsed on the spot.
//!
//! Enters: stretches of dated files, local or in the store, both ends line
//! boundaries. Leaves: their messages, folded into a table. What must hold:
//! every byte of a stretch is read exactly once, in fixed buffers, and compared
//! with the checksum that journal or cut have of it, together with what that
//! checksum covers around it; a file that does not fit is refused by name.
//!
//! Local stretches are cut into pieces at line starts and parsed in parallel.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use log::Sealed;
use schema::Parser;
use storage::{DiskFile, Mode};

use crate::error::{Result, ViewError};
use crate::extents;
use crate::fold::Table;
use crate::input::{Input, Place};
use crate::map::{Folded, fold_lines};
use crate::parallel;
use crate::reader::Reader;

/// What one thread takes at a time.
const PIECE: u64 = 4 << 20;
/// A thread's read buffer; longer than any line.
const BUFFER: usize = 1 << 20;
/// How much is read at once to find where a line starts.
const PROBE: usize = 4 << 10;

/// Lines to be folded.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) input: Input,
    /// The stretch around them whose checksum is known.
    pub(crate) sealed: Sealed,
}

/// Folds the lines of `stretches` into `table`; returns how many messages. After an error the table is of no use.
///
/// # Errors
/// `DatedFile` naming a file that is not what its journal or cut says, and what reading gives.
pub(crate) async fn fold(reader: &Reader, stretches: &[Stretch], table: &mut Table) -> Result<u64> {
    let mut messages = fold_local(reader, stretches, table)?;
    let mut parser = Parser::new(&reader.metrics);
    for Stretch { input, sealed } in stretches {
        if let Place::Stored(key) = &input.place {
            let (mut at, mut crc32c) = (input.range.start, 0);
            while at < input.range.end {
                let end = input.range.end.min(at + PIECE);
                let bytes = extents::read_dated(reader, key, at..end).await?;
                let folded = fold_lines(key, &bytes, &mut parser, table)?;
                if folded.bytes == 0 {
                    return Err(ViewError::dated_file(key, format!("no whole line at byte {at}")));
                }
                crc32c = crc32c::crc32c_append(crc32c, &bytes[..folded.bytes]);
                at += folded.bytes as u64;
                messages += folded.messages;
            }
            // Closed files are folded whole.
            compare(&input.place, sealed, crc32c)?;
        }
    }
    Ok(messages)
}

/// Refuses the file at `place` if what is sealed of it has another checksum.
pub(crate) fn compare(place: &Place, sealed: &Sealed, crc32c: u32) -> Result<()> {
    if crc32c == sealed.crc32c {
        return Ok(());
    }
    let Range { start, end } = sealed.bytes;
    let why =
        format!("CRC-32C of bytes {start} to {end} is {crc32c:08x}, its cut or journal says {:08x}", sealed.crc32c);
    Err(ViewError::dated_file(place, why))
}

/// A part of what is sealed of an open local file.
struct Piece<'a> {
    path: &'a Path,
    file: Arc<dyn DiskFile>,
    start: u64,
    end: u64,
    /// Whether its lines are asked for, or only its checksum.
    counts: bool,
}

fn fold_local(reader: &Reader, stretches: &[Stretch], table: &mut Table) -> Result<u64> {
    let mut pieces = Vec::new();
    let mut ends = Vec::new();
    for stretch in stretches {
        add_pieces(reader, stretch, &mut pieces)?;
        ends.push(pieces.len());
    }
    let sums: Vec<AtomicU32> = pieces.iter().map(|_| AtomicU32::new(0)).collect();
    let messages = parallel::fold(reader.threads, pieces.len(), table, |piece, table| {
        let mut parser = Parser::new(&reader.metrics);
        let (messages, crc32c) = pieces[piece].fold(&mut vec![0; BUFFER], &mut parser, table)?;
        sums[piece].store(crc32c, Ordering::Relaxed);
        Ok(messages)
    })?;
    let mut begin = 0;
    for (stretch, end) in stretches.iter().zip(ends) {
        let of_stretch = pieces[begin..end].iter().zip(&sums[begin..end]);
        let joined = of_stretch.fold(0, |crc32c, (piece, sum)| {
            crc32c::crc32c_combine(crc32c, sum.load(Ordering::Relaxed), (piece.end - piece.start) as usize)
        });
        if begin < end {
            compare(&stretch.input.place, &stretch.sealed, joined)?;
        }
        begin = end;
    }
    Ok(messages)
}

/// Cuts what is sealed around `stretch` into pieces; its own are of whole lines.
fn add_pieces<'a>(reader: &Reader, stretch: &'a Stretch, pieces: &mut Vec<Piece<'a>>) -> Result<()> {
    let (Place::Local(path), Some(local)) = (&stretch.input.place, &reader.local) else { return Ok(()) };
    let file = local.disk.open(path, Mode::Read).map_err(|source| ViewError::io("open", path, source))?;
    let (range, sealed) = (&stretch.input.range, &stretch.sealed.bytes);
    let parts = [(sealed.start..range.start, false), (range.clone(), true), (range.end..sealed.end, false)];
    for (part, counts) in parts {
        let mut start = part.start;
        while start < part.end {
            let mut end = part.end.min(start + PIECE);
            if counts && end < part.end {
                end = line_start(&*file, path, end)?.min(part.end);
            }
            pieces.push(Piece { path, file: Arc::clone(&file), start, end, counts });
            start = end;
        }
    }
    Ok(())
}

/// The first line start after `at`.
fn line_start(file: &dyn DiskFile, path: &Path, mut at: u64) -> Result<u64> {
    let mut probe = [0; PROBE];
    loop {
        let read = file.read_at(&mut probe, at).map_err(|source| ViewError::io("read", path, source))?;
        if read == 0 {
            return Err(ViewError::dated_file(path.display(), "it is shorter than its journal says"));
        }
        match probe[..read].iter().position(|byte| *byte == b'\n') {
            Some(newline) => return Ok(at + newline as u64 + 1),
            None => at += read as u64,
        }
    }
}

impl Piece<'_> {
    /// Gives the messages in it, and its CRC-32C.
    fn fold(&self, buffer: &mut [u8], parser: &mut Parser, table: &mut Table) -> Result<(u64, u32)> {
        let (mut messages, mut crc32c) = (0, 0);
        let mut at = self.start;
        while at < self.end {
            let wanted = (self.end - at).min(buffer.len() as u64) as usize;
            let read = self.file.read_at(&mut buffer[..wanted], at);
            let read = read.map_err(|source| ViewError::io("read", self.path, source))?;
            let name = self.path.display();
            let folded = match self.counts {
                true => fold_lines(&name, &buffer[..read], parser, table)?,
                false => Folded { bytes: read, messages: 0 },
            };
            if folded.bytes == 0 {
                return Err(ViewError::dated_file(name, format!("no whole line at byte {at}")));
            }
            crc32c = crc32c::crc32c_append(crc32c, &buffer[..folded.bytes]);
            at += folded.bytes as u64;
            messages += folded.messages;
        }
        Ok((messages, crc32c))
    }
}
