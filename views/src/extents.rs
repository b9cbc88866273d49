//! Extents: the bytes that a coverage names, in file order.
//!
//! Enters: a coverage. Leaves: stretches of dated files and of this machine's
//! log that hold exactly its messages, by source and sequence number: closed
//! files by the cuts that name them, the rest from the log of this machine or,
//! for other monitors, from what they have uploaded.
//!
//! What must hold: the stretches of a source join without a gap from the first
//! to the last position covered, or it is an error that names the gap.

use std::cmp::Ordering;
use std::fmt;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use log::{DatedFile, Sealed, Snapshot};
use memchr::{memchr_iter, memrchr};
use schema::{Micros, MonitorId, Position, Source};
use storage::layout::{self, DatedName};
use storage::{DiskFile, Key, Mode, StoreError};

use crate::coverage::{Coverage, ImportCoverage, MonitorCoverage};
use crate::cuts;
use crate::error::{Result, ViewError};
use crate::input::{Expected, Input, Place};
use crate::reader::Reader;

/// A stretch of one dated file.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    pub(crate) source: Source,
    /// Orders the files of a source.
    pub(crate) seq: u64,
    pub(crate) input: Input,
    /// The stretch around it whose checksum is known, if there is one.
    pub(crate) sealed: Option<Sealed>,
    /// Least and greatest Timestamp in it, where they are known.
    pub(crate) times: Option<(Micros, Micros)>,
}

impl Extent {
    pub(crate) fn bytes(&self) -> u64 {
        self.input.range.end - self.input.range.start
    }

    /// Whether it may hold messages of these minutes.
    pub(crate) fn may_hold(&self, minutes: Range<u32>) -> bool {
        let minute = |time: Micros| time.minute().get();
        self.times.is_none_or(|(least, greatest)| minute(least) < minutes.end && minutes.start <= minute(greatest))
    }
}

impl fmt::Display for Extent {
    /// `1200 messages of east from 2026-… to 2026-…`, as far as that is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.input.expected {
            Some(Expected { messages, .. }) => write!(f, "{messages} messages of {}", self.source)?,
            None => write!(f, "messages of {} in {} bytes", self.source, self.bytes())?,
        }
        self.times.map_or(Ok(()), |(least, greatest)| write!(f, " from {least} to {greatest}"))
    }
}

/// The bytes that `coverage` names.
///
/// # Errors
/// `Missing` naming what is neither in the store nor on this machine, and what
/// reading cuts, journal or store gives.
pub(crate) async fn of(reader: &Reader, coverage: &Coverage) -> Result<Vec<Extent>> {
    let mut extents = Vec::new();
    for monitor in &coverage.monitors {
        of_monitor(reader, monitor, &mut extents).await?;
    }
    for import in &coverage.imports {
        of_import(reader, import, &mut extents).await?;
    }
    Ok(extents)
}

async fn of_import(reader: &Reader, covered: &ImportCoverage, extents: &mut Vec<Extent>) -> Result<()> {
    let source = Source::Import(covered.import);
    let cut = cuts::read(&*reader.store, &source, covered.generation).await?;
    let cut = cut.ok_or_else(|| ViewError::missing(format!("the cut of import {}", covered.import)))?;
    extents.extend(cut.files.iter().map(|file| closed(&source, file, 0..file.length)));
    Ok(())
}

/// What the cuts name, up to where they reach; then what they do not name yet.
async fn of_monitor(reader: &Reader, covered: &MonitorCoverage, extents: &mut Vec<Extent>) -> Result<()> {
    let source = Source::Monitor(covered.monitor.clone());
    let mut at = covered.from.unwrap_or(Position::new(0, 0));
    for cut in cuts::after(&*reader.store, &source, None).await? {
        if cut.position <= at || at >= covered.to {
            continue;
        }
        for file in &cut.files {
            let range = within(file.seq, file.length, at..covered.to);
            if !range.is_empty() {
                extents.push(closed(&source, file, range));
            }
        }
        at = cut.position.min(covered.to);
    }
    if at < covered.to {
        extents.extend(open_files(reader, &covered.monitor, at..covered.to).await?);
    }
    Ok(())
}

/// The part of file `seq`, `length` bytes long, that lies in `positions`.
fn within(seq: u64, length: u64, positions: Range<Position>) -> Range<u64> {
    let clamp = |position: Position| match position.seq.cmp(&seq) {
        Ordering::Less => 0,
        Ordering::Equal => position.offset.min(length),
        Ordering::Greater => length,
    };
    clamp(positions.start)..clamp(positions.end)
}

fn closed(source: &Source, file: &DatedFile, range: Range<u64>) -> Extent {
    let whole = range == (0..file.length);
    Extent {
        source: source.clone(),
        seq: file.seq,
        sealed: Some(Sealed { bytes: 0..file.length, crc32c: file.crc32c }),
        times: Some((file.least, file.greatest)),
        input: Input { place: Place::Stored(file.key.clone()), range, expected: whole.then(|| Expected::of(file)) },
    }
}

/// What no cut names yet: from this machine's log, else from what is uploaded.
async fn open_files(reader: &Reader, monitor: &MonitorId, positions: Range<Position>) -> Result<Vec<Extent>> {
    let log = match &reader.local {
        Some(local) => Snapshot::read(&*local.disk, &local.folder, None)?,
        None => None,
    };
    let source = Source::Monitor(monitor.clone());
    let extent = |seq, place, range| {
        let input = Input { place, range, expected: None };
        Extent { source: source.clone(), seq, input, sealed: None, times: None }
    };
    if let Some(log) = log.filter(|log| log.id == *monitor) {
        let mut extents = Vec::new();
        for slice in log.slices(positions)? {
            let pieces = log.generations.iter().flat_map(|generation| &generation.pieces);
            let whole = pieces.filter(|piece| piece.seq == slice.seq).find(|piece| piece.bytes == slice.bytes);
            let mut extent = extent(slice.seq, Place::Local(slice.path), slice.bytes);
            extent.sealed = Some(slice.sealed);
            extent.input.expected =
                whole.map(|piece| Expected { crc32c: piece.crc32c, messages: piece.messages, ends: false });
            extents.push(extent);
        }
        return Ok(extents);
    }
    let missing = |what| Err(ViewError::missing(format!("what {monitor} wrote {what}")));
    let mut extents: Vec<Extent> = Vec::new();
    let mut last = None;
    for (seq, key, length) in uploaded(reader, monitor).await? {
        let range = within(seq, length, positions.clone());
        if range.is_empty() {
            continue;
        }
        if last.is_some_and(|last: u64| last + 1 != seq) {
            return missing(format!("in the dated files before {key}"));
        }
        last = Some(seq);
        extents.push(extent(seq, Place::Stored(key), range));
    }
    // The files are in order; that the last one is long enough shows that it was all there.
    let reached = extents.last().map(|last| Position::new(last.seq, last.input.range.end));
    if positions.end.offset > 0 && reached != Some(positions.end) {
        return missing(format!("up to {}", positions.end));
    }
    Ok(extents)
}

/// The dated files of a monitor in the store, in order: number, key, length.
async fn uploaded(reader: &Reader, monitor: &MonitorId) -> Result<Vec<(u64, Key, u64)>> {
    let mut files = Vec::new();
    for file in reader.store.list(&layout::master()).await? {
        if let Some((_, DatedName::Log { id, seq })) = layout::parse_dated(&file.key)
            && id == *monitor
        {
            files.push((seq, file.key, file.len));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Up to where the lines that a monitor has uploaded can be read: its last file may still be open.
pub(crate) async fn readable(reader: &Reader, monitor: &MonitorId) -> Result<Position> {
    let Some((seq, key, _)) = uploaded(reader, monitor).await?.pop() else { return Ok(Position::default()) };
    Ok(Position::new(seq, reader.store.served(&key).await?.unwrap_or(0)))
}

/// What the store calls a file of this machine's log.
fn uploaded_as(path: &Path) -> Option<Key> {
    let name = DatedName::parse(path.file_name()?.to_str()?)?;
    let date = path.parent()?.file_name()?.to_str()?.strip_prefix("date=")?.parse().ok()?;
    Some(layout::dated(date, &name))
}

/// How much is read at once.
const CHUNK: u64 = 1 << 20;

/// The lines of an extent, some at a time.
pub(crate) struct Lines<'a> {
    reader: &'a Reader,
    input: &'a Input,
    file: Option<Arc<dyn DiskFile>>,
    at: u64,
    crc32c: u32,
    messages: u64,
}

impl<'a> Lines<'a> {
    /// From the extent's first line on.
    pub(crate) fn new(reader: &'a Reader, extent: &'a Extent) -> Self {
        Lines::starting_at(reader, extent, extent.input.range.start)
    }

    /// From the line that starts at `at` on.
    pub(crate) fn starting_at(reader: &'a Reader, extent: &'a Extent, at: u64) -> Self {
        Lines { reader, input: &extent.input, file: None, at, crc32c: 0, messages: 0 }
    }

    /// Where the next lines start.
    pub(crate) fn offset(&self) -> u64 {
        self.at
    }

    /// The next whole lines; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        let end = self.input.range.end.min(self.at + CHUNK);
        if self.at >= end {
            return Ok(None);
        }
        let mut bytes = self.read(self.at..end).await?;
        if bytes.is_empty() {
            let why = format!("it is {} bytes long, {} are expected", self.at, self.input.range.end);
            return Err(ViewError::dated_file(&self.input.place, why));
        }
        let Some(newline) = memrchr(b'\n', &bytes) else {
            let why = format!("no line ends between bytes {} and {end}", self.at);
            return Err(ViewError::dated_file(&self.input.place, why));
        };
        bytes.truncate(newline + 1);
        self.at += bytes.len() as u64;
        self.crc32c = crc32c::crc32c_append(self.crc32c, &bytes);
        self.messages += memchr_iter(b'\n', &bytes).count() as u64;
        Ok(Some(bytes))
    }

    /// What is wrong with what was read, all of it, if it is not what the cut says.
    pub(crate) async fn check(&self) -> Result<Option<String>> {
        let Some(expected) = self.input.expected else { return Ok(None) };
        if expected.crc32c != self.crc32c {
            let (found, expected) = (self.crc32c, expected.crc32c);
            return Ok(Some(format!("its CRC-32C is {found:08x}, its cut or journal says {expected:08x}")));
        }
        if expected.messages != self.messages {
            let (found, expected) = (self.messages, expected.messages);
            return Ok(Some(format!("it has {found} lines, its cut or journal says {expected}")));
        }
        let Place::Stored(key) = &self.input.place else { return Ok(None) };
        if !expected.ends {
            return Ok(None);
        }
        let (length, expected) = (self.reader.store.length(key).await?, self.input.range.end);
        let longer = length.filter(|&length| length > expected);
        Ok(longer.map(|length| format!("it is {length} bytes long, its cut says {expected}")))
    }

    async fn read(&mut self, range: Range<u64>) -> Result<Bytes> {
        match (&self.input.place, &self.reader.local) {
            (Place::Stored(key), _) => read_dated(self.reader, key, range).await,
            (Place::Local(path), Some(local)) => {
                let io = |source| ViewError::io("read", path, source);
                let file = match self.file.take().map_or_else(|| local.disk.open(path, Mode::Read), Ok) {
                    // It went because its bytes are in the store.
                    Err(why) if why.kind() == ErrorKind::NotFound => {
                        let key = uploaded_as(path).ok_or_else(|| io(why))?;
                        return Ok(self.reader.store.read_range(&key, range).await?);
                    }
                    opened => opened.map_err(io)?,
                };
                let mut bytes = vec![0; (range.end - range.start) as usize];
                let read = file.read_at(&mut bytes, range.start).map_err(io)?;
                bytes.truncate(read);
                self.file = Some(file);
                Ok(bytes.into())
            }
            (Place::Local(path), None) => Err(ViewError::missing(format!("{}", path.display()))),
        }
    }
}

/// Reads a dated file of the store. These are never deleted: one that is not there is refused.
pub(crate) async fn read_dated(reader: &Reader, key: &Key, range: Range<u64>) -> Result<Bytes> {
    match reader.store.read_range(key, range).await {
        Err(StoreError::NotFound { .. }) => Err(ViewError::dated_file(key, "it is not in the store")),
        read => Ok(read?),
    }
}
