//! Map: dated files to tables, in parallel, with fixed buffers.
//!
//! Enters: stretches of accepted lines, with the length, CRC-32C and message
//! count their cut gives. Leaves: one table a thread, or sorted runs in the
//! spill where memory ran out. What must hold: every line is folded exactly
//! once, by the thread whose piece its first byte lies in; nothing is returned
//! from bytes that are not what the cut says.
//!
//! A file is cut into pieces at arbitrary offsets, so that one large file keeps
//! every thread busy; a piece begins after the first newline at or before its
//! start. Files are read, not mapped: a mapped file that is truncated kills its
//! reader.

use std::fmt::Display;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use memchr::{memchr, memrchr};
use parking_lot::Mutex;
use schema::{MAX_LINE, Metrics, Next, Parser};
use storage::{Store, layout};
use tokio::runtime::Handle;

use crate::error::{Result, ViewError};
use crate::fold::Table;
use crate::input::{Input, Lines};
use crate::progress::Progress;
use crate::selection::Selection;
use crate::spill::Spill;

/// Bytes of a file that one thread takes at a time.
const PIECE: u64 = 8 << 20;
/// The same of a store that is not local: asking takes time, and so a piece is longer.
const PIECE_AFAR: u64 = 32 << 20;
/// Bytes asked of a file at once: small enough to stay in the cache until parsed.
const READ: usize = 256 << 10;

/// What `fold_lines` took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Folded {
    /// Bytes up to the end of the last whole line.
    pub bytes: usize,
    /// Messages in them, wanted by the table or not.
    pub messages: u64,
}

/// Folds the whole lines of `bytes`; an unterminated rest is left.
///
/// # Errors
/// `DatedFile` with `name` if a line is no acceptable message: only accepted
/// ones are ever logged.
pub(crate) fn fold_lines(name: &dyn Display, bytes: &[u8], parser: &mut Parser, table: &mut Table) -> Result<Folded> {
    let (mut at, mut messages) = (0, 0);
    while at < bytes.len() {
        match parser.next(&bytes[at..]) {
            Next::Message { message, end, .. } => {
                table.add(message.service, message.time, message.values);
                messages += 1;
                // What the parser would say next, had it to be asked.
                at += end + usize::from(bytes.get(at + end) == Some(&b'\n'));
            }
            Next::EndOfLine { end } => at += end,
            Next::Reject { reason, .. } => return Err(ViewError::dated_file(name, format!("{reason}, {at} bytes on"))),
            Next::Incomplete => break,
        }
    }
    Ok(Folded { bytes: at, messages })
}

/// How inputs are folded.
#[derive(Debug)]
pub(crate) struct Map<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) handle: &'a Handle,
    pub(crate) metrics: &'a Metrics,
    pub(crate) selection: &'a Selection,
    pub(crate) threads: usize,
    /// Bytes of aggregates a thread holds before it spills them.
    pub(crate) memory: usize,
    pub(crate) progress: &'a Progress,
    /// Bytes of a piece; `Map::piece`, smaller in tests.
    pub(crate) piece: u64,
}

impl Map<'_> {
    /// Bytes of a piece of `inputs` unless a test wants less: enough of them that all threads end together.
    pub(crate) fn piece(store: &dyn Store, inputs: &[Input], threads: usize) -> u64 {
        let near = store.local_path(&layout::master()).is_some();
        let bytes: u64 = inputs.iter().map(|input| input.range.end - input.range.start).sum();
        if near { PIECE } else { (bytes / (4 * threads as u64)).clamp(PIECE, PIECE_AFAR) }
    }

    /// Folds every line of `inputs`; what does not fit in memory goes to `spill`.
    ///
    /// # Errors
    /// `DatedFile` naming an input that is not what is expected of it, the
    /// store's, and `Io`.
    pub(crate) fn fold(&self, inputs: &[Input], spill: &Mutex<Spill>) -> Result<Vec<Table>> {
        let pieces = pieces(inputs, self.piece);
        let threads = self.threads.clamp(1, pieces.len().max(1));
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let results: Vec<Result<Worker<'_>>> = std::thread::scope(|scope| {
            let run = || {
                let worker = Worker::new(self, inputs, spill);
                let result = worker.run(&pieces, &next, &stop);
                stop.fetch_or(result.is_err(), Ordering::Relaxed);
                result
            };
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
            let first = run();
            let others =
                others.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            std::iter::once(first).chain(others).collect()
        });

        let (mut tables, mut done) = (Vec::new(), Vec::new());
        for result in results {
            let worker = result?;
            tables.push(worker.table);
            done.extend(worker.done);
        }
        check(inputs, done)?;
        Ok(tables)
    }
}

/// A stretch of one input: `range` lies within the input's.
#[derive(Clone, Debug)]
struct Piece {
    input: usize,
    range: Range<u64>,
}

fn pieces(inputs: &[Input], size: u64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (input, Input { range, .. }) in inputs.iter().enumerate() {
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start.saturating_add(size));
            pieces.push(Piece { input, range: start..end });
            start = end;
        }
    }
    pieces
}

/// What a piece turned out to be.
struct Done {
    input: usize,
    start: u64,
    length: u64,
    crc32c: u32,
    messages: u64,
}

/// Every input's pieces, put together again, are what its cut says.
fn check(inputs: &[Input], mut done: Vec<Done>) -> Result<()> {
    done.sort_by_key(|piece| (piece.input, piece.start));
    let mut done = done.into_iter().peekable();
    for (at, input) in inputs.iter().enumerate() {
        let (mut crc32c, mut messages) = (0, 0);
        while let Some(piece) = done.next_if(|piece| piece.input == at) {
            crc32c = crc32c::crc32c_combine(crc32c, piece.crc32c, piece.length as usize);
            messages += piece.messages;
        }
        let Some(expected) = input.expected else { continue };
        if crc32c != expected.crc32c {
            let why = format!("its CRC-32C is {crc32c:08x}, its cut says {:08x}", expected.crc32c);
            return Err(ViewError::dated_file(&input.place, why));
        }
        if messages != expected.messages {
            let why = format!("it holds {messages} messages, its cut says {}", expected.messages);
            return Err(ViewError::dated_file(&input.place, why));
        }
    }
    Ok(())
}

/// One thread's part of a map.
struct Worker<'a> {
    map: &'a Map<'a>,
    inputs: &'a [Input],
    spill: &'a Mutex<Spill>,
    parser: Parser,
    table: Table,
    buffer: Vec<u8>,
    open: Option<(usize, Lines<'a>)>,
    done: Vec<Done>,
}

impl<'a> Worker<'a> {
    fn new(map: &'a Map<'a>, inputs: &'a [Input], spill: &'a Mutex<Spill>) -> Self {
        Worker {
            map,
            inputs,
            spill,
            parser: Parser::new(map.metrics),
            table: Table::selecting(map.metrics, map.selection.clone()),
            buffer: vec![0; READ + MAX_LINE + 1],
            open: None,
            done: Vec::new(),
        }
    }

    fn run(mut self, pieces: &[Piece], next: &AtomicUsize, stop: &AtomicBool) -> Result<Self> {
        while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let lines = match self.open.take() {
                Some((input, lines)) if input == piece.input => lines,
                _ => Lines::open(&self.inputs[piece.input], self.map.store, self.map.handle)?,
            };
            let done = self.fold_piece(&lines, piece)?;
            self.map.progress.read(done.length);
            self.done.push(done);
            self.open = Some((piece.input, lines));
        }
        Ok(self)
    }

    /// Folds the lines that begin in `piece`; the last one may end beyond it.
    fn fold_piece(&mut self, lines: &Lines<'_>, piece: &Piece) -> Result<Done> {
        let input = &self.inputs[piece.input];
        let Range { start, end } = piece.range;
        let mut done = Done { input: piece.input, start, length: end - start, crc32c: 0, messages: 0 };

        lines.expect(end);
        // The byte before the piece says whether a line begins with it.
        let mut inside_line = start > input.range.start;
        let mut at = start - u64::from(inside_line);
        let mut filled = 0;
        loop {
            let limit = if at < end { end } else { input.range.end };
            let want = READ.min((limit - at) as usize);
            let got = lines.read(&mut self.buffer[filled..filled + want], at)?;
            if got == 0 {
                return Err(ViewError::dated_file(&input.place, format!("it ends inside a line, at byte {at}")));
            }
            if at < end {
                let before = start.saturating_sub(at) as usize;
                done.crc32c = crc32c::crc32c_append(done.crc32c, &self.buffer[filled + before..filled + got]);
            }
            (at, filled) = (at + got as u64, filled + got);

            if inside_line {
                let newline = memchr(b'\n', &self.buffer[..filled]);
                filled = self.drop_front(newline.map_or(filled, |newline| newline + 1), filled);
                inside_line = newline.is_none();
            }
            let base = at - filled as u64;
            if base >= end {
                return Ok(done);
            }
            if inside_line {
                continue;
            }
            let (whole, last) = self.whole_lines(filled, end - base);
            done.messages += self.fold_whole(input, base, whole)?;
            filled = self.drop_front(whole, filled);
            if last {
                return Ok(done);
            }
            if filled > MAX_LINE {
                return Err(ViewError::dated_file(&input.place, format!("a line before byte {at} is too long")));
            }
        }
    }

    /// How many of the `filled` bytes are whole lines that begin within `left`
    /// bytes, and whether the last of these is among them.
    fn whole_lines(&self, filled: usize, left: u64) -> (usize, bool) {
        let last_byte = filled.min((left - 1) as usize);
        match memchr(b'\n', &self.buffer[last_byte..filled]) {
            Some(newline) => (last_byte + newline + 1, true),
            None => (memrchr(b'\n', &self.buffer[..last_byte]).map_or(0, |newline| newline + 1), false),
        }
    }

    /// Moves what follows the first `front` of `filled` bytes to the front.
    fn drop_front(&mut self, front: usize, filled: usize) -> usize {
        self.buffer.copy_within(front..filled, 0);
        filled - front
    }

    /// Folds `whole` bytes of whole lines, which stand at `base` in the file.
    fn fold_whole(&mut self, input: &Input, base: u64, whole: usize) -> Result<u64> {
        let name = format_args!("{} near byte {base}", input.place).to_string();
        let folded = fold_lines(&name, &self.buffer[..whole], &mut self.parser, &mut self.table)?;
        if folded.bytes != whole {
            return Err(ViewError::dated_file(name, "a line does not hold whole messages"));
        }
        if self.table.memory() > self.map.memory {
            self.spill.lock().add(&self.table)?;
            self.table = self.table.emptied();
        }
        Ok(folded.messages)
    }
}

#[cfg(test)]
mod tests;
