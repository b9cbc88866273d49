//! The end of the log: lines that no view holds yet, parsed on the spot.
//!
//! Enters: stretches of dated files, local or in the store, both ends line
//! boundaries. Leaves: their messages, folded into a table. What must hold:
//! every byte of a stretch is read exactly once, in fixed buffers, and a file
//! shorter than its stretch is refused by name.
//!
//! Local stretches are cut into pieces at line starts and parsed in parallel.

use std::path::Path;
use std::sync::Arc;

use schema::Parser;
use storage::{DiskFile, Mode};

use crate::error::{Result, ViewError};
use crate::extents;
use crate::fold::Table;
use crate::input::{Input, Place};
use crate::map::fold_lines;
use crate::parallel;
use crate::reader::Reader;

/// What one thread takes at a time.
const PIECE: u64 = 4 << 20;
/// A thread's read buffer; longer than any line.
const BUFFER: usize = 1 << 20;
/// How much is read at once to find where a line starts.
const PROBE: usize = 4 << 10;

/// Folds the lines of `stretches` into `table`; returns how many messages.
pub(crate) async fn fold(reader: &Reader, stretches: &[Input], table: &mut Table) -> Result<u64> {
    let mut messages = fold_local(reader, stretches, table)?;
    let mut parser = Parser::new(&reader.metrics);
    for stretch in stretches {
        if let Place::Stored(key) = &stretch.place {
            let mut at = stretch.range.start;
            while at < stretch.range.end {
                let end = stretch.range.end.min(at + PIECE);
                let bytes = extents::read_dated(reader, key, at..end).await?;
                let folded = fold_lines(key, &bytes, &mut parser, table)?;
                if folded.bytes == 0 {
                    return Err(ViewError::dated_file(key, format!("no whole line at byte {at}")));
                }
                at += folded.bytes as u64;
                messages += folded.messages;
            }
        }
    }
    Ok(messages)
}

/// A stretch of an open local file.
struct Piece<'a> {
    path: &'a Path,
    file: Arc<dyn DiskFile>,
    start: u64,
    end: u64,
}

fn fold_local(reader: &Reader, stretches: &[Input], table: &mut Table) -> Result<u64> {
    let pieces = pieces(reader, stretches)?;
    parallel::fold(reader.threads, pieces.len(), table, |piece, table| {
        let mut parser = Parser::new(&reader.metrics);
        pieces[piece].fold(&mut vec![0; BUFFER], &mut parser, table)
    })
}

fn pieces<'a>(reader: &Reader, stretches: &'a [Input]) -> Result<Vec<Piece<'a>>> {
    let mut pieces = Vec::new();
    for stretch in stretches {
        let (Place::Local(path), Some(local)) = (&stretch.place, &reader.local) else { continue };
        let opened = local.disk.open(path, Mode::Read);
        let file = opened.map_err(|source| ViewError::io("open", path, source))?;
        let mut start = stretch.range.start;
        while start < stretch.range.end {
            let end = if stretch.range.end - start > PIECE {
                line_start(&*file, path, start + PIECE)?.min(stretch.range.end)
            } else {
                stretch.range.end
            };
            pieces.push(Piece { path, file: Arc::clone(&file), start, end });
            start = end;
        }
    }
    Ok(pieces)
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
    fn fold(&self, buffer: &mut [u8], parser: &mut Parser, table: &mut Table) -> Result<u64> {
        let mut messages = 0;
        let mut at = self.start;
        while at < self.end {
            let wanted = (self.end - at).min(buffer.len() as u64) as usize;
            let read = self.file.read_at(&mut buffer[..wanted], at);
            let read = read.map_err(|source| ViewError::io("read", self.path, source))?;
            let folded = fold_lines(&self.path.display(), &buffer[..read], parser, table)?;
            if folded.bytes == 0 {
                let why = format!("no whole line at byte {at}");
                return Err(ViewError::dated_file(self.path.display(), why));
            }
            at += folded.bytes as u64;
            messages += folded.messages;
        }
        Ok(messages)
    }
}
